//! Why a bank or a payer says no to GoCardless: the cause of an event, which is the same for all
//! schemes. A scheme's own reason codes are not looked at.

use super::reports::Happened;
use crate::contract::Declines;
use crate::domain::fact::Decline;

/// A cause that stands in no list may pass on another day.
const CAUSES: Declines = Declines(include_str!("declines.txt"));

/// Why it failed.
pub fn decline(cause: Option<&str>) -> Decline {
    let known = cause.and_then(|cause| CAUSES.of(cause));
    known.unwrap_or(Decline::Other)
}

/// A payment that was cancelled is not tried again by itself, whatever the cause.
pub fn given_up(event: Option<&Happened>) -> Decline {
    let why = decline(event.and_then(Happened::cause));
    match why.may_retry() {
        true => Decline::Cancelled,
        false => why,
    }
}
