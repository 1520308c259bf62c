//! Reading what was sent: JSON of an exact shape, with errors that name the field.

use super::cards;
use super::problem::{Kind, Problem};
use crate::words::exact::{Exact, named_twice};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// The body as this shape. Unknown fields and wrong types are refused by name.
pub fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value = value(bytes)?;
    serde_path_to_error::deserialize(Exact(value)).map_err(|why| {
        let path = why.path().to_string();
        let inner = why.into_inner().to_string();
        match path.as_str() {
            "." => Problem::invalid("body", inner),
            field => Problem::invalid(field, inner),
        }
    })
}

/// The body as JSON, each name of an object once; none at all is an empty object.
pub fn value(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let malformed = |why| Problem::new(Kind::Malformed, format!("the body is no JSON: {why}"));
    let value = serde_json::from_slice(bytes).map_err(malformed)?;
    match named_twice(serde_json::from_slice(bytes).map_err(malformed)?).map_err(malformed)? {
        Some(path) => Err(Problem::invalid(&path, "it stands twice: send it once")),
        None => Ok(value),
    }
}

/// A body without fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Either a text or an object: an id of ours, or what leads to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOr<T> {
    Text(String),
    Object(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a text or an object")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Object)
            }
        }
        from.deserialize_any(Either(PhantomData))
    }
}

/// Per cent: `"7.7"`, or a whole number. A fraction is written as a text, because JSON's own would
/// pass through a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(pub Decimal);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PerCent;
        impl Visitor<'_> for PerCent {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("per cent as a text such as \"7.7\", from 0 to 100")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let read = plain.then(|| Decimal::from_str_exact(text).ok()).flatten();
                let fits = read.filter(|rate| *rate <= Decimal::ONE_HUNDRED);
                fits.map(Rate)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Rate, E> {
                let fits = Some(Decimal::from(whole)).filter(|rate| *rate <= Decimal::ONE_HUNDRED);
                fits.map(Rate)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(whole), &self))
            }
        }
        from.deserialize_any(PerCent)
    }
}

/// A text that people or systems chose: so long, without characters that nobody sees, and without
/// what looks like a card's number.
pub fn plain(field: &str, text: &str, longest: usize) -> Result<(), Problem> {
    printable(field, text, longest)?;
    no_card_number(field, text)
}

/// As [`plain`], of a text in which long numbers belong, such as a tax number.
pub fn printable(field: &str, text: &str, longest: usize) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > longest {
        let why = format!("1 to {longest} printable characters");
        return Err(Problem::invalid(field, why));
    }
    let unseen = |c: &char| c.is_control() || is_hidden(*c);
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| unseen(c)) {
        let code = u32::from(c);
        let why = format!(
            "character {} is U+{code:04X}, which nobody sees: leave it out",
            at + 1
        );
        return Err(Problem::invalid(field, why));
    }
    if cards::found(text, 15) {
        return Err(card_number(field));
    }
    Ok(())
}

/// Whatever is kept or leaves us holds no card's number.
pub fn no_card_number(field: &str, text: &str) -> Result<(), Problem> {
    match cards::found(text, 13) {
        true => Err(card_number(field)),
        false => Ok(()),
    }
}

fn card_number(field: &str) -> Problem {
    let why = "this looks like a card's number, which must not be kept here: send the gateway's \
               id of it, or leave it out";
    Problem::invalid(field, why)
}

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
