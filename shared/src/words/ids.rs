//! Ids. An id is derived from what caused it, so a repeated cause finds the same object again and
//! needs no counter. References to vendors carry the case's id, so a notice leads to its case
//! without a look-up.

use sha2::{Digest, Sha256};

/// Letters that survive being read aloud and every vendor's alphabet.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 80 bits as 16 letters: two causes do not meet, and `{case}-p12` are the 20 letters that the
/// shortest reference field of a vendor takes (Authorize.Net's `invoiceNumber`, by its XSD).
const LENGTH: usize = 16;

/// The id of the object that this cause makes. Parts are length-prefixed, so no two lists of
/// parts read the same.
pub fn derived(parts: &[&str]) -> String {
    spell(&digest(parts))
}

/// SHA-256 over the parts, each behind its length.
pub fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// A UUID of these parts, the same each time.
pub fn uuid(parts: &[&str]) -> String {
    let digest = digest(parts);
    let bytes = std::array::from_fn(|n| digest[n]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

fn spell(bytes: &[u8]) -> String {
    let letter = |n: usize| {
        let bit = n * 5;
        let pair = u16::from_be_bytes([bytes[bit / 8], bytes[bit / 8 + 1]]);
        ALPHABET[usize::from(pair >> (11 - bit % 8)) & 31] as char
    };
    (0..LENGTH).map(letter).collect()
}

/// A fresh id, for what has no cause to derive it from: a commit, a lease's owner, a key.
pub fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    spell(&bytes)
}

/// Whether this text could be an id of ours.
pub fn is_id(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|b| ALPHABET.contains(&b))
}

/// What we call a payment towards its gateway: `{case}-p{n}`. Letters, digits, one dash; at most
/// 20 characters for the first 99, which every vendor's reference field takes.
pub fn payment_reference(case: &str, n: u32) -> String {
    format!("{case}-p{n}")
}

/// What we call a refund towards its gateway: `{case}-r{n}`.
pub fn refund_reference(case: &str, n: u32) -> String {
    format!("{case}-r{n}")
}

/// Reads the case and the number out of a reference of ours.
pub fn read_reference(reference: &str) -> Option<(&str, Reference)> {
    let (case, rest) = reference.split_once('-')?;
    let number = |text: &str| text.parse().ok().filter(|n| *n > 0);
    let read = match rest.split_at_checked(1)? {
        ("p", n) => Reference::Payment(number(n)?),
        ("r", n) => Reference::Refund(number(n)?),
        _ => return None,
    };
    is_id(case).then_some((case, read))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    Payment(u32),
    Refund(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_makes_the_same_id_and_another_cut_of_its_parts_another() {
        assert_eq!(derived(&["a", "b"]), derived(&["a", "b"]));
        assert_ne!(derived(&["a", "b"]), derived(&["ab"]));
        assert_ne!(derived(&["a", "bc"]), derived(&["ab", "c"]));
        assert!(is_id(&derived(&["a"])));
        assert!(is_id(&random()));
        assert_ne!(random(), random());
    }

    #[test]
    fn an_id_is_sixteen_letters_of_the_alphabet_and_nothing_else() {
        let id = derived(&["case"]);
        assert!(is_id(&id) && is_id("0123456789abcdef") && is_id("ghjkmnpqrstvwxyz"));
        for odd in ["i", "l", "o", "u", "A", "-", " ", "#", "_", "\u{0}"] {
            for at in [0, 10, 15] {
                let text = format!("{}{odd}{}", &id[..at], &id[at + 1..]);
                assert!(!is_id(&text), "{text:?}");
            }
        }
        for text in ["", &id[..15], &format!("{id}0"), "aaaaaaaaaaaaaaé"] {
            assert!(!is_id(text), "{text:?}");
        }
        // So do the references that carry one.
        for case in [&id[..15], &format!("{id}0"), &id.to_uppercase(), ""] {
            assert_eq!(read_reference(&format!("{case}-p1")), None, "{case:?}");
        }
        for end in ["p", "r", "p-1", "p+x", "p1x", "p4294967296", "", "é1"] {
            assert_eq!(read_reference(&format!("{id}-{end}")), None, "{end}");
        }
    }

    #[test]
    fn a_reference_leads_back_to_its_case() {
        let case = derived(&["case"]);
        assert_eq!(
            read_reference(&payment_reference(&case, 3)),
            Some((case.as_str(), Reference::Payment(3)))
        );
        assert_eq!(
            read_reference(&refund_reference(&case, 12)),
            Some((case.as_str(), Reference::Refund(12)))
        );
        for other in [
            "",
            "x-p1",
            &format!("{case}-p0"),
            &format!("{case}-q1"),
            &case,
        ] {
            assert_eq!(read_reference(other), None, "{other}");
        }
    }
}
