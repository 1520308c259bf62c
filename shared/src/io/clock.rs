//! The one clock. Everything that judges time is handed an instant from here; only this file asks
//! the system.

use jiff::{SignedDuration, Timestamp};

/// The instant now, moved by the offset that a local stack keeps in the file `MERIDIAN_CLOCK`
/// (milliseconds, signed). The template never sets that variable.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    let Some(file) = std::env::var_os("MERIDIAN_CLOCK") else {
        return now;
    };
    let offset = std::fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    now.checked_add(SignedDuration::from_millis(offset.unwrap_or(0)))
        .unwrap_or(now)
}
