//! The dimensions by which reports cut the books: opaque ids of the clinic's own, on every case and
//! every entry of its journal from the first, as entries are chained and cannot be completed later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where, by whom and as what something was sold.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Dimensions")]
pub struct Dims {
    /// The clinic's id of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub site: Option<String>,
    /// The clinic's id of whoever treated; never a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub practitioner: Option<String>,
    /// The id of the appointment's type.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub kind: Option<String>,
}

impl Dims {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
