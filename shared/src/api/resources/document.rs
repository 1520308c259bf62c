//! `/v1/openapi.json`: this API, described.

use crate::api::frame::call::Route;
use schemars::JsonSchema;
use serde::Serialize;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] =
    &[Route::document("/v1/openapi.json", "This document.").gives::<Document>(200)];

/// An OpenAPI 3.1 document.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[schemars(example = Self { openapi: "3.1.0".into() })]
pub struct Document {
    /// The version of the format: `3.1.0`.
    pub openapi: String,
}
