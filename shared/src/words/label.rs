//! What is kept of a method's label: its kind and its last four digits. Anything else in it could
//! be somebody's name.

/// Words that tell a kind, in lower case, and how it is shown; the first that stands there counts.
const KINDS: [(&str, &str); 32] = [
    ("apple pay", "Apple Pay"),
    ("google pay", "Google Pay"),
    ("visa", "Visa"),
    ("mastercard", "Mastercard"),
    ("american express", "American Express"),
    ("amex", "American Express"),
    ("maestro", "Maestro"),
    ("discover", "Discover"),
    ("diners", "Diners Club"),
    ("jcb", "JCB"),
    ("unionpay", "UnionPay"),
    ("eftpos", "eftpos"),
    ("interac", "Interac"),
    ("cartes bancaires", "Cartes Bancaires"),
    ("bancontact", "Bancontact"),
    ("ideal", "iDEAL"),
    ("klarna", "Klarna"),
    ("revolut", "Revolut Pay"),
    ("paypal", "PayPal"),
    ("venmo", "Venmo"),
    ("sepa", "SEPA Direct Debit"),
    ("bacs", "Bacs Direct Debit"),
    ("becs", "BECS Direct Debit"),
    ("pre authorised debit", "Pre-authorised debit"),
    ("ach", "ACH debit"),
    ("direct debit", "Direct debit"),
    ("bank debit", "Bank debit"),
    ("bank account", "Bank account"),
    ("bank", "Bank account"),
    ("credit card", "Card"),
    ("debit card", "Card"),
    ("card", "Card"),
];

/// What a method is called that says nothing of itself.
pub const UNNAMED: &str = "Saved method";

/// `Visa ending 4242` of `Juniper's Visa 4242`.
pub fn kept(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<_> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let spaced = format!(" {} ", words.join(" "));
    let kind = KINDS
        .iter()
        .find(|(words, _)| spaced.contains(&format!(" {words} ")));
    let kind = kind.map_or(UNNAMED, |(_, shown)| shown);
    let mut groups = text.split(|c: char| !c.is_ascii_digit());
    match groups.rfind(|group| group.len() == 4) {
        Some(last) => format!("{kind} ending {last}"),
        None => kind.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_was_kept_stays_as_it_is() {
        for (_, shown) in KINDS {
            assert_eq!(kept(shown), shown);
            let ending = format!("{shown} ending 4242");
            assert_eq!(kept(&ending), ending);
        }
        assert_eq!(kept(UNNAMED), UNNAMED);
    }

    #[test]
    fn nothing_of_a_name_stays() {
        for text in [
            "Juniper Vale",
            "Cardinal Vale",
            "Visage",
            "card",
            "Linus 19801",
        ] {
            let kept = kept(text);
            assert!(
                kept == UNNAMED || kept == "Card",
                "{text} is kept as {kept}"
            );
        }
    }
}
