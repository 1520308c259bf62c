//! Why Stripe says no: the decline codes of cards, the error codes of bank debits, and what the
//! card's network advises.

use crate::contract::Declines;
use crate::domain::fact::Decline;
use serde_json::Value;

/// A code that stands in no list may pass on another day.
const CODES: Declines = Declines(include_str!("declines.txt"));

/// Why an error says no: by its `decline_code`, else its `code`, and its `advice_code`. What an
/// advice forbids is not tried again, whatever hope the code leaves.
pub fn decline(error: &Value) -> Decline {
    let code = error["decline_code"].as_str().or(error["code"].as_str());
    let known = code.and_then(|code| CODES.of(code));
    match (known, error["advice_code"].as_str()) {
        (Some(why), _) if why != Decline::Funds => why,
        (_, Some("do_not_try_again")) => Decline::Method,
        (_, Some("confirm_card_data")) => Decline::Action,
        (known, _) => known.unwrap_or(Decline::Other),
    }
}

/// Why a bank sent a debit back, by the reason of the dispute as which Stripe tells that; nothing
/// where the reason is a payer's, which is a dispute indeed. Source: `dispute.reason` of the API
/// description, which lists all fourteen.
pub fn returned_by_bank(reason: &str) -> Option<Decline> {
    match reason {
        "insufficient_funds" => Some(Decline::Funds),
        "incorrect_account_details" => Some(Decline::Method),
        "debit_not_authorized" => Some(Decline::Cancelled),
        "bank_cannot_process" | "check_returned" => Some(Decline::Other),
        _ => None,
    }
}
