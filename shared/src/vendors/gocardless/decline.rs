//! Why a bank or a payer says no to GoCardless: the cause of an event, which is the same for all
//! schemes. A scheme's own reason codes are not looked at.

use super::reports::Happened;
use crate::domain::fact::Decline;

// The official client library has the cause as text: the list is that of GoCardless's public
// reference, from memory, unverified. A cause that stands in no list may pass on another day.

/// Not enough money, or a limit of days and amounts.
const FUNDS: &[&str] = &[
    "daily_payment_limit_reached",
    "insufficient_funds",
    "refer_to_payer",
];

/// The payer stopped it, or asked his bank for the money.
const CANCELLED: &[&str] = &[
    "authorisation_disputed",
    "customer_approval_denied",
    "payment_cancelled",
    "payment_stopped",
    "refund_requested",
    "return_on_odfi_request",
];

/// The account or the mandate does not hold any more, or never did.
const METHOD: &[&str] = &[
    "account_blocked_for_any_financial_transaction",
    "bank_account_closed",
    "bank_account_disabled",
    "bank_account_transferred",
    "direct_debit_not_enabled",
    "initial_one_off_payment_failed",
    "invalid_bank_details",
    "mandate_cancelled",
    "mandate_expired",
    "mandate_suspended_by_payer",
    "payment_violated_mandate_parameters",
];

/// Only the payer can allow it at his bank.
const ACTION: &[&str] = &["insufficient_payment_permissions"];

/// Why it failed.
pub fn decline(cause: Option<&str>) -> Decline {
    let known = |list: &[&str]| cause.is_some_and(|cause| list.contains(&cause));
    match () {
        _ if known(ACTION) => Decline::Action,
        _ if known(FUNDS) => Decline::Funds,
        _ if known(CANCELLED) => Decline::Cancelled,
        _ if known(METHOD) => Decline::Method,
        _ => Decline::Other,
    }
}

/// A payment that was cancelled is not tried again by itself, whatever the cause.
pub fn given_up(event: Option<&Happened>) -> Decline {
    let why = decline(event.and_then(Happened::cause));
    match why.may_retry() {
        true => Decline::Cancelled,
        false => why,
    }
}
