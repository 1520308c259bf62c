//! Texts that people or systems chose: of so many characters, without those that nobody sees, and
//! without what looks like a card's number. What is wrong is said in words that name what to do.

use super::cards;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::ops::Deref;

/// A text of at most so many characters that is [`plain`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plain<const LONGEST: usize>(String);

/// An e-mail address: `name@example.org`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Email(String);

/// A telephone number in international form (E.164): `+61370100142`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phone(String);

impl<const LONGEST: usize> TryFrom<String> for Plain<LONGEST> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        plain(&text, LONGEST).map(|()| Self(text))
    }
}

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !is_address(&text) {
            return Err("an address such as name@example.org".into());
        }
        no_card_number(&text).map(|()| Self(text))
    }
}

impl TryFrom<String> for Phone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match is_number(&text) {
            true => Ok(Self(text)),
            false => Err("international form, such as +61370100142".into()),
        }
    }
}

impl<'de, const LONGEST: usize> Deserialize<'de> for Plain<LONGEST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(from)?).map_err(Error::custom)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(from)?).map_err(Error::custom)
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(from)?).map_err(Error::custom)
    }
}

impl<const LONGEST: usize> Deref for Plain<LONGEST> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const LONGEST: usize> fmt::Display for Plain<LONGEST> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const LONGEST: usize> From<Plain<LONGEST>> for String {
    fn from(text: Plain<LONGEST>) -> Self {
        text.0
    }
}

impl From<Email> for String {
    fn from(address: Email) -> Self {
        address.0
    }
}

impl From<Phone> for String {
    fn from(number: Phone) -> Self {
        number.0
    }
}

/// Whether the text has at least one character that is seen, at most `longest`, none that is hidden,
/// and nothing that looks like a card's number.
pub fn plain(text: &str, longest: usize) -> Result<(), String> {
    printable(text, longest)?;
    no_card_number(text)
}

/// As [`plain`], of a text in which long numbers belong, such as a tax number.
pub fn printable(text: &str, longest: usize) -> Result<(), String> {
    // Joiners have no width: a text of them alone shows nothing.
    let seen = text.trim().trim_matches(['\u{200c}', '\u{200d}']);
    if seen.is_empty() || text.chars().count() > longest {
        return Err(format!("1 to {longest} printable characters"));
    }
    let unseen = |c: &char| c.is_control() || is_hidden(*c);
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| unseen(c)) {
        let code = u32::from(c);
        return Err(format!(
            "character {} is U+{code:04X}, which nobody sees: leave it out",
            at + 1
        ));
    }
    match cards::found(text, 15) {
        true => Err(CARD_NUMBER.into()),
        false => Ok(()),
    }
}

/// Whatever is kept or leaves us holds no card's number.
pub fn no_card_number(text: &str) -> Result<(), String> {
    match cards::found(text, 13) {
        true => Err(CARD_NUMBER.into()),
        false => Ok(()),
    }
}

const CARD_NUMBER: &str = "this looks like a card's number, which must not be kept here: send the \
                           gateway's id of it, or leave it out";

/// Without a use in words, or turning the direction of what follows: two texts that look the same
/// could differ, and one could read backwards on a paper. Joiners and marks of direction stay:
/// Persian, Hindi, Hebrew and joined emoji are written with them.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

fn is_address(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c);
    let parts = text.rsplit_once('@');
    text.len() <= 254
        && !text.contains(odd)
        && parts.is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
        })
}

/// E.164.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_at_least_one_character_that_is_seen_and_no_more_than_its_field_holds() {
        for (text, taken) in [
            ("", false),
            (" ", false),
            ("\u{200c}\u{200d}", false),
            ("\u{2003} ", false),
            ("x", true),
            ("xxxxx", true),
            ("xxxxxx", false),
            // Characters are counted, not bytes.
            ("ééééé", true),
            ("診察診察診", true),
            ("éééééé", false),
        ] {
            for fits in [plain, printable] {
                assert_eq!(fits(text, 5).is_ok(), taken, "{text:?}");
            }
        }
        // Numbers of thirteen and fourteen digits belong into a tax number.
        for (text, in_words, in_numbers) in [
            ("4222222222222", false, true),
            ("30569309025904", false, true),
            ("378282246310005", false, false),
            ("4242424242424242", false, false),
        ] {
            assert_eq!(super::plain(text, 40).is_ok(), in_words, "{text}");
            assert_eq!(super::printable(text, 40).is_ok(), in_numbers, "{text}");
        }
    }

    #[test]
    fn text_that_hides_or_turns_around_is_refused() {
        for hidden in [
            '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{ad}', '\n',
        ] {
            let refused = plain(&format!("Session{hidden}"), 200);
            assert!(refused.is_err(), "{hidden:?}");
        }
        for text in ["Sitzung, 50 Minuten", "جلسة", "診察", "Zoë’s session"] {
            assert!(plain(text, 200).is_ok(), "{text}");
        }
    }

    #[test]
    fn words_of_every_script_are_taken_and_a_character_that_nobody_sees_is_named() {
        let fits = |text: &str| plain(text, 60);
        for text in [
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "\u{200f}שלום (פגישה)",
            "\u{200e}abc",
            "Family 👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
        ] {
            assert!(fits(text).is_ok(), "{text}");
        }
        let refused = fits("pay\u{202e}ment").expect_err("it turns what follows");
        let said = format!("{refused:?}");
        assert!(
            said.contains("U+202E") && said.contains("character 4"),
            "{said}"
        );
    }

    #[test]
    fn an_address_and_a_number_are_in_the_form_in_which_messages_reach_them() {
        let address = |text: &str| Email::try_from(text.to_owned()).is_ok();
        for text in [
            "name@example.org",
            "a@b.c",
            "a@b@example.org",
            "é@example.org",
        ] {
            assert!(address(text), "{text}");
        }
        let long = format!("{}@example.org", "x".repeat(250));
        for text in [
            "",
            "text",
            "@example.org",
            "a@example",
            "a@.org",
            "a@org.",
            "a b@example.org",
            "a@example.org,b@example.org",
            "4242424242424242@example.org",
            &long,
        ] {
            assert!(!address(text), "{text}");
        }
        let number = |text: &str| Phone::try_from(text.to_owned()).is_ok();
        assert!(number("+61370100142") && number("+1234567") && number("+123456789012345"));
        for text in [
            "",
            "61370100142",
            "+061370100142",
            "+123456",
            "+1234567890123456",
            "+6137a",
        ] {
            assert!(!number(text), "{text}");
        }
    }
}
