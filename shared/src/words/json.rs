//! Reading what a vendor wrote in JSON. A complaint names the field and never what stood in it: it
//! goes into logs and rows, and anything may stand in a field, a person's name too.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

/// Why JSON is not of the shape that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

/// Bytes as this shape. A mark of their encoding before them is no part of it.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unfit> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(complaint)?;
    let end = reader.end();
    end.map(|()| read)
        .map_err(|_| Unfit("it is no JSON".into()))
}

/// A part of JSON that was read before, as this shape.
pub fn read_part<T: DeserializeOwned>(part: &Value) -> Result<T, Unfit> {
    serde_path_to_error::deserialize(part).map_err(complaint)
}

/// A document as text that is the same in whatever order its fields stood.
pub fn sorted(mut document: Value) -> String {
    document.sort_all_objects();
    document.to_string()
}

fn complaint(why: serde_path_to_error::Error<serde_json::Error>) -> Unfit {
    use serde_path_to_error::Segment;
    let place = why.path().iter().map(|segment| match segment {
        Segment::Seq { index } => index.to_string(),
        // Names of fields are the vendor's too: only what looks like one is repeated.
        Segment::Map { key } | Segment::Enum { variant: key } if is_word(key) => key.clone(),
        _ => "?".into(),
    });
    let mut place: Vec<_> = place.collect();
    if why.inner().is_syntax() || why.inner().is_eof() {
        return Unfit("it is no JSON".into());
    }
    // Of the reader's own words only the name of a field that our shapes ask for is repeated.
    let words = why.inner().to_string();
    let missing = words.strip_prefix("missing field `");
    let missing = missing.and_then(|rest| rest.split('`').next());
    place.extend(missing.map(String::from));
    let (place, missing) = (place.join("."), missing.is_some());
    Unfit(match (place.as_str(), missing) {
        ("", _) => "it has another shape".into(),
        (place, true) => format!("{place} is missing"),
        (place, false) => format!("{place} cannot be read"),
    })
}

fn is_word(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=40).contains(&key.len()) && key.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    struct Shape {
        amount: Inner,
        #[serde(default)]
        links: BTreeMap<String, String>,
    }
    #[derive(Debug, Deserialize)]
    struct Inner {
        minor: i64,
    }

    #[test]
    fn a_mark_before_a_document_is_no_part_of_it_and_one_inside_is_no_json() {
        let marked = |text: &str| read::<Value>(text.as_bytes());
        assert_eq!(marked("\u{feff}[1]"), Ok(serde_json::json!([1])));
        assert!(marked("\u{feff}\u{feff}[1]").is_err());
        assert!(marked("[1]\u{feff}").is_err());
    }

    #[test]
    fn the_order_of_fields_makes_no_other_document_and_that_of_items_does() {
        let text = |text: &str| sorted(serde_json::from_str(text).expect("JSON"));
        let one = text(r#"{"b":[{"d":1,"c":2}],"a":3}"#);
        assert_eq!(one, text(r#"{"a":3,"b":[{"c":2,"d":1}]}"#));
        assert_ne!(text("[1,2]"), text("[2,1]"));
    }

    #[test]
    fn a_complaint_names_the_place_and_not_what_stood_there() {
        for (text, complaint) in [
            (
                r#"{"amount":{"minor":"Juniper Vale"}}"#,
                "amount.minor cannot be read",
            ),
            (r#"{"amount":{}}"#, "amount.minor is missing"),
            (r#"{"amount":"Juniper Vale"}"#, "amount cannot be read"),
            (
                r#"{"amount":{"minor":1},"links":{"Juniper Vale":1}}"#,
                "links.? cannot be read",
            ),
            (r#"{"amount":{"minor":1}} Juniper"#, "it is no JSON"),
            ("<html>Juniper</html>", "it is no JSON"),
            (r#"["Juniper Vale"]"#, "amount cannot be read"),
            (r#""Juniper Vale""#, "it has another shape"),
        ] {
            let why = read::<Shape>(text.as_bytes()).unwrap_err();
            assert!(!why.0.contains("Juniper"), "{why}");
            if !text.starts_with('[') {
                assert_eq!(why.0, complaint, "{text}");
            }
        }
        let text = r#"{"amount":{"minor":1},"links":{"self":"/a"}}"#;
        let whole = read::<Shape>(text.as_bytes()).unwrap();
        assert_eq!(
            (whole.amount.minor, whole.links["self"].as_str()),
            (1, "/a")
        );
    }
}
