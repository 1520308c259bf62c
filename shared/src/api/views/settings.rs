//! A clinic that was just made, as it is answered.

use crate::domain::settings::Settings;
use schemars::JsonSchema;
use serde::Serialize;

/// A clinic's settings with its first key, which may everything and is shown only here.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { settings: Settings::example(), key: format!("mk_wattle_{}", "x".repeat(32)) })]
pub struct NewClinic {
    /// As `/v1/settings` shows and takes them.
    #[serde(flatten)]
    pub settings: Settings,
    /// The first key: to be sent as `Authorization: Bearer`.
    #[schemars(regex(pattern = "^mk_"))]
    pub key: String,
}
