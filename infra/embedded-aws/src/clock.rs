//! Time as the endpoint sees it.

use std::sync::Arc;

/// The endpoint's clock: milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
