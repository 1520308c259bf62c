//! Whom a request names.

use super::read::TextOr;
use crate::flows::named::Named;
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A patient by the clinic's own reference.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"reference": "P-1042"}))]
pub struct Reference {
    reference: Plain<64>,
}

/// A patient: our id, or the clinic's own reference.
pub type PatientName = TextOr<Reference>;

impl From<PatientName> for Named {
    fn from(name: PatientName) -> Self {
        match name {
            TextOr::Text(id) => Self::Id(id),
            TextOr::Object(Reference { reference }) => Self::Reference(reference.into()),
        }
    }
}
