//! Why PayPal says no: the codes with which a processor refuses a capture, and the issues with
//! which PayPal refuses a call.

use crate::contract::{Declines, Trouble};
use crate::domain::fact::Decline;
use serde_json::Value;

/// A code that stands in no list may pass on another day.
const CODES: Declines = Declines(include_str!("declines.txt"));

const ISSUES: Declines = Declines(include_str!("issues.txt"));

/// Why a capture failed, by its `processor_response`: the code, and where that alone would allow
/// another try, what the card's network advises.
pub fn of_processor(response: &Value) -> Decline {
    let code = response["response_code"].as_str().unwrap_or_default();
    let by_code = CODES.of(code).unwrap_or(Decline::Other);
    match advised(response["payment_advice_code"].as_str()) {
        Some(advice) if by_code.may_retry() => advice,
        _ => by_code,
    }
}

/// Source: the enumeration `processor_response.payment_advice_code` of orders v2 and payments v2;
/// the meanings from memory: unverified.
fn advised(code: Option<&str>) -> Option<Decline> {
    match code? {
        // The account has new details, or will never be good for another try.
        "01" | "03" => Some(Decline::Method),
        "02" => Some(Decline::Funds),
        // The payer ended his agreement to repeated charges.
        "21" => Some(Decline::Cancelled),
        _ => None,
    }
}

/// What an issue means for the call that it refuses: definite only where nothing of ours can have
/// happened.
pub fn refused(issue: String) -> Trouble {
    match issue.as_str() {
        // Our reference or our key was seen before: something of ours happened, and must be found.
        "DUPLICATE_INVOICE_ID" | "ORDER_ALREADY_CAPTURED" => {
            return Trouble::Exists(String::new());
        }
        "DUPLICATE_REQUEST_ID" => return Trouble::Unclear(issue),
        // The payer has done his part and PayPal has not: the same call is right a little later.
        "ORDER_COMPLETION_IN_PROGRESS"
        | "ORDER_IS_PENDING_APPROVAL"
        | "PREVIOUS_REQUEST_IN_PROGRESS" => return Trouble::InFlight,
        _ => {}
    }
    match ISSUES.of(&issue) {
        Some(why) => Trouble::Declined(why),
        None if is_of_clinic(&issue) => Trouble::Credentials(issue),
        None => Trouble::Rejected(issue),
    }
}

/// Whether the clinic's own account is what PayPal refuses.
fn is_of_clinic(issue: &str) -> bool {
    let words = issue.match_indices('_').map(|(at, _)| &issue[..=at]);
    ISSUES.class(issue) == Some("clinic")
        || words
            .into_iter()
            .any(|begins| ISSUES.class(begins) == Some("clinic begins"))
}
