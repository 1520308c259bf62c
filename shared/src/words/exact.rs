//! JSON read exactly: an object is an object, and each of its names stands once. serde alone takes
//! an array of the fields' values for an object, and the last of two equal names.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;

/// A value that gives an object only for an object, at every depth.
pub struct Exact(pub Value);

type Pairs = std::iter::Map<
    <serde_json::Map<String, Value> as IntoIterator>::IntoIter,
    fn((String, Value)) -> (String, Exact),
>;

fn pairs<'de>(
    map: serde_json::Map<String, Value>,
) -> MapDeserializer<'de, Pairs, serde_json::Error> {
    let exact: fn((String, Value)) -> (String, Exact) = |(name, value)| (name, Exact(value));
    MapDeserializer::new(map.into_iter().map(exact))
}

impl<'de> Deserializer<'de> for Exact {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Exact));
                let read = visitor.visit_seq(&mut items)?;
                items.end().map(|()| read)
            }
            Value::Object(map) => visitor.visit_map(pairs(map)),
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(_) => Err(Error::custom("an object is needed here, not an array")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Object(map) => {
                MapAccessDeserializer::new(pairs(map)).deserialize_enum(name, variants, visitor)
            }
            plain => plain.deserialize_enum(name, variants, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, serde_json::Error> for Exact {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Where a name stands twice in an object, at any depth: `lines[0].unit`.
pub fn named_twice(text: &RawValue) -> Result<Option<String>, serde_json::Error> {
    twice("", text)
}

fn twice(path: &str, text: &RawValue) -> Result<Option<String>, serde_json::Error> {
    let text = text.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let Names(pairs) = serde_json::from_str(text)?;
            let mut seen = HashSet::new();
            for (name, value) in &pairs {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                if !seen.insert(name) {
                    return Ok(Some(path));
                }
                if let Some(found) = twice(&path, value)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            for (n, item) in items.iter().enumerate() {
                if let Some(found) = twice(&format!("{path}[{n}]"), item)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// The pairs of an object as they stand there.
struct Names<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Names<'t> {
    fn deserialize<D: Deserializer<'t>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'t> Visitor<'t> for Each {
            type Value = Names<'t>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Names<'t>, A::Error> {
                let mut pairs = vec![];
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Names(pairs))
            }
        }
        from.deserialize_map(Each)
    }
}
