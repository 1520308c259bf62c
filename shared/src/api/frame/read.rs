//! Reading what was sent: JSON of an exact shape, with errors that name the field.

use super::problem::{Kind, Problem};
use crate::words::exact::{Exact, named_twice};
use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use std::borrow::Cow;
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

/// No fields; the body may be left out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({}))]
pub struct Nothing {}

/// Either a text or an object: an id of ours, or what leads to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOr<T> {
    /// An id of ours.
    Text(String),
    /// What leads to one.
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

impl<T: JsonSchema> JsonSchema for TextOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("TextOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "type": "string" }, generator.subschema_for::<T>()] })
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = "^(100(\\.0+)?|[0-9]{1,2}(\\.[0-9]+)?)$";
        json_schema!({
            "description": "Per cent, from 0 to 100.",
            "oneOf": [
                { "type": "string", "pattern": text },
                { "type": "integer", "minimum": 0, "maximum": 100 },
            ],
        })
    }
}
