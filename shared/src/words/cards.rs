//! Card numbers in texts: 13 to 19 digits with a valid check digit, whatever stands between them.
//! They must not be kept here, in no field and in no spelling. Ids of other systems, in which digits
//! and letters alternate, are none: of UUIDs every fourth holds such digits somewhere.

/// As many other characters may stand between two digits of one number.
const NEAR: usize = 8;
const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// Where Unicode keeps its sets of decimal digits that people type or paste.
const ZEROS: [char; 21] = [
    '0', '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{e50}', '\u{ed0}', '\u{f20}', '\u{1040}',
    '\u{17e0}', '\u{1810}', '\u{2080}', '\u{ff10}',
];

/// A digit of a text and what stands around it.
struct Digit {
    value: u32,
    /// Other characters since the digit before.
    gap: usize,
    after_plus: bool,
    /// A letter stands right before it, or right after it.
    after_letter: bool,
    before_letter: bool,
}

/// Whether a text holds what looks like a card's number of at least `shortest` digits.
pub fn found(text: &str, shortest: usize) -> bool {
    let digits = digits(text);
    let lengths = shortest.max(SHORTEST)..=LONGEST;
    (0..digits.len()).any(|start| {
        lengths.clone().any(|length| {
            let window = digits.get(start..start + length);
            window.is_some_and(|window| {
                let next = digits.get(start + length);
                let begins = start == 0 || window[0].gap > 0;
                let ends = next.is_none_or(|digit| digit.gap > 0);
                let within_word = window[0].after_letter || window[length - 1].before_letter;
                is_card(window, begins && ends && !within_word)
            })
        })
    })
}

fn digits(text: &str) -> Vec<Digit> {
    let (mut found, mut gap, mut before) = (Vec::<Digit>::new(), 0, ' ');
    for c in text.chars() {
        match value(c) {
            Some(value) => {
                found.push(Digit {
                    value,
                    gap,
                    after_plus: before == '+',
                    after_letter: before.is_alphabetic(),
                    before_letter: false,
                });
                gap = 0;
            }
            None => {
                if let Some(last) = found.last_mut().filter(|_| gap == 0) {
                    last.before_letter = c.is_alphabetic();
                }
                gap += 1;
            }
        }
        before = c;
    }
    found
}

fn value(c: char) -> Option<u32> {
    if let '\u{1d7ce}'..='\u{1d7ff}' = c {
        return Some((u32::from(c) - 0x1d7ce) % 10);
    }
    let from = |zero: &char| u32::from(c).checked_sub(u32::from(*zero));
    ZEROS.iter().filter_map(from).find(|value| *value < 10)
}

/// `whole`: no digit stands right before or right after the window.
fn is_card(window: &[Digit], whole: bool) -> bool {
    let near = window[1..].iter().all(|digit| digit.gap <= NEAR);
    let near = near && (!has_letters(window) || GROUPS.contains(&groups(window).as_slice()));
    // An international telephone number has up to fifteen digits.
    let issued = match whole && !window[0].after_plus {
        true => begins_as_card(window),
        false => is_of_issuer(window),
    };
    near && issued && checks(window)
}

/// How cards are grouped on their face.
const GROUPS: [&[usize]; 3] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// Whether letters join its digits, as in an id.
fn has_letters(window: &[Digit]) -> bool {
    let joined =
        |pair: &[Digit]| pair[1].gap > 0 && (pair[0].before_letter || pair[1].after_letter);
    window.windows(2).any(joined)
}

/// How many digits stand together, group by group.
fn groups(window: &[Digit]) -> Vec<usize> {
    let mut groups = vec![1];
    for digit in &window[1..] {
        match groups.last_mut().filter(|_| digit.gap == 0) {
            Some(last) => *last += 1,
            None => groups.push(1),
        }
    }
    groups
}

fn prefix(window: &[Digit], length: usize) -> u32 {
    let first = window[..length].iter();
    first.fold(0, |number, digit| number * 10 + digit.value)
}

/// Banks' cards begin so; what begins otherwise is a time, a count, somebody's own numbering.
fn begins_as_card(window: &[Digit]) -> bool {
    matches!(prefix(window, 1), 3..=6) || matches!(prefix(window, 4), 2221..=2720)
}

/// Where more digits stand around it, only what an issuer gives out in exactly this length counts.
fn is_of_issuer(window: &[Digit]) -> bool {
    match window.len() {
        15 => matches!(prefix(window, 2), 34 | 37),
        16 => {
            matches!(prefix(window, 1), 4)
                || matches!(prefix(window, 2), 51..=55 | 62 | 65)
                || matches!(prefix(window, 4), 2221..=2720 | 3528..=3589 | 6011)
        }
        _ => false,
    }
}

/// ISO/IEC 7812: from the right, every second digit counts twice.
fn checks(window: &[Digit]) -> bool {
    let from_right = window.iter().rev().enumerate();
    let counted = from_right.map(|(n, digit)| match (n % 2, digit.value * 2) {
        (0, _) => digit.value,
        (_, twice) => twice / 10 + twice % 10,
    });
    counted.sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cards_number_is_found_however_it_is_written() {
        for text in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "3782-822463-10005",
            "3056 930902 5904",
            "6304000000000000",
            "4222222222222",
            "card 4000056655665556",
            "4000.0566.5566.5556",
            "tok 4242424242424242x",
            "４０００ ０５６６ ５５６６ ５５５６",
            "4 0 0 0 0 5 6 6 5 5 6 6 5 5 5 6",
            "4000 (one) 0566 / 5566 \u{2013} 5556, 12/29 123",
            "994000056655665556",
            "+4000056655665556",
            "𝟒𝟎𝟎𝟎𝟎𝟓𝟔𝟔𝟓𝟓𝟔𝟔𝟓𝟓𝟓𝟔",
        ] {
            assert!(found(text, 13), "{text}");
        }
    }

    /// What stands around a number of fourteen digits, and between them, from both sides of each bound.
    #[test]
    fn where_a_number_begins_and_ends_tells_whether_it_is_a_cards() {
        for (text, taken) in [
            ("30569309025904", true),
            ("30569309025904 x", true),
            ("30569309025904-", true),
            ("30569309025904x", false),
            ("x 30569309025904", true),
            ("x-30569309025904", true),
            ("x30569309025904", false),
            ("+30569309025904", false),
            ("+ 30569309025904", true),
            ("12 30569309025904", true),
            ("30569309025904 12", true),
            ("1230569309025904", false),
            // A card's number with more digits right before or after it, where it must be an
            // issuer's in exactly that length.
            ("994000056655665556", true),
            ("400005665566555699", true),
            // Eight other characters stand within one number, nine do not.
            ("4000(------)0566 5566 5556", true),
            ("4000(-------)0566 5566 5556", false),
            ("4000 0566 5566(------)5556", true),
            ("4000 0566 5566(-------)5556", false),
            // Letters join groups only as they are grouped on a card's face.
            ("3782x822463x10005", true),
            ("3782x8224x63x10005", false),
            ("40000x5665566x5556", false),
            ("3782 8224 63 10005", true),
        ] {
            assert_eq!(found(text, 13), taken, "{text}");
        }
        // Of numbers with a valid check digit, those of thirteen to nineteen digits.
        for (text, taken) in [
            ("400000000002", false),
            ("4222222222222", true),
            ("6304000000000000000", true),
            ("63040000000000000000", false),
        ] {
            assert_eq!(found(text, 13), taken, "{text}");
        }
        for (text, shortest, taken) in [
            ("4222222222222", 14, false),
            ("30569309025904", 14, true),
            ("30569309025904", 15, false),
            ("378282246310005", 15, true),
            ("378282246310005", 16, false),
        ] {
            assert_eq!(found(text, shortest), taken, "{text} {shortest}");
        }
    }

    #[test]
    fn a_cards_number_whose_groups_letters_join_is_found_too() {
        for text in ["4000x0566x5566x5556", "c4000a0566b5566d5556"] {
            assert!(found(text, 13), "{text}");
        }
    }

    #[test]
    fn ids_of_other_systems_are_hardly_ever_taken_for_a_card() {
        let mut state = 7_u64;
        let mut hex = |length: usize| -> String {
            let mut letter = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                char::from(b"0123456789abcdef"[(state >> 60) as usize])
            };
            (0..length).map(|_| letter()).collect()
        };
        let mut taken = 0;
        for _ in 0..20_000 {
            let uuid = [8, 4, 4, 4, 12].map(&mut hex).join("-");
            taken += usize::from(found(&uuid, 13));
            taken += usize::from(found(&hex(32), 13));
        }
        assert!(taken <= 8, "{taken} of 40000");
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for text in [
            "",
            "pm_1",
            "MD000123",
            "Visa ending 4242",
            "4242424242424241",
            "20261120093012",
            "2026-11-20 09:30 room 12",
            "1764230000000",
            "+4915123456789",
            "424242424242",
            "4000 of 566 and then in another room 5566 5556",
        ] {
            assert!(!found(text, 13), "{text}");
        }
        assert!(!found("SIRET 380 129 866 46850", 15));
    }
}
