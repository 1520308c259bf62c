//! How the words are described as JSON Schema: what the code refuses by its shape, the schema
//! refuses too.

use super::money::{Currency, Money};
use super::text::{Email, Phone, Plain};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// A schema that stands wherever the type is used.
macro_rules! inline {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// An id of ours.
pub struct Id;
/// The id of a payment: its invoice's, and its number.
pub struct PaymentId;
/// A decimal number, not below zero, as a text: `"7.7"`.
pub struct Decimal;
/// A decimal amount in major units, as a text: `"-12.50"`.
pub struct Amount;

inline!(Id, "Id", { "type": "string", "pattern": "^[0-9a-hjkmnp-tv-z]{16}$" });
inline!(PaymentId, "PaymentId", {
    "type": "string", "pattern": "^[0-9a-hjkmnp-tv-z]{16}-p[1-9][0-9]*$",
});
inline!(Decimal, "Decimal", { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$" });
inline!(Amount, "Amount", { "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" });
inline!(Currency, "Currency", {
    "type": "string", "pattern": "^[A-Za-z]{3}$", "description": "ISO 4217",
});
inline!(Email, "Email", {
    "type": "string", "maxLength": 254,
    "pattern": "^[^\\s<>,;\"]+@[^\\s<>,;\"@.]([^\\s<>,;\"@]*[^\\s<>,;\"@.])?\\.([^\\s<>,;\"@]*[^\\s<>,;\"@.])$",
});
inline!(Phone, "Phone", {
    "type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$", "description": "E.164",
});

impl<const LONGEST: usize> JsonSchema for Plain<LONGEST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Plain{LONGEST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "\\S",
        })
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "An exact amount in major units, as a text, with its currency.",
            "additionalProperties": false,
            "required": ["amount", "currency"],
            "properties": {
                "amount": generator.subschema_for::<Amount>(),
                "currency": generator.subschema_for::<Currency>(),
            },
            "examples": [{ "amount": "12.50", "currency": "EUR" }],
        })
    }
}
