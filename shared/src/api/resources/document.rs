//! `/v1/openapi.json`: this API, described.

use crate::api::frame::call::Route;

pub static ROUTES: &[Route] =
    &[Route::document("/v1/openapi.json", "This document.").gives(200, "Document")];
