//! Instants as rows keep them and as waits are counted from them. Nothing here asks what time it is.

use jiff::{SignedDuration, Timestamp};

/// Whole milliseconds since 1970, as due times are stored.
pub fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The instant `seconds` later; the far end of time where that overflows.
pub fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
