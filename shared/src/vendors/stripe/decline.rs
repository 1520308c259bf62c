//! Why Stripe says no: the decline codes of cards, the error codes of bank debits, and what the
//! card's network advises.

use crate::domain::fact::Decline;
use serde_json::Value;

// The API description names `decline_code` and `code` without listing them: both lists are those of
// Stripe's public reference, from memory, unverified. A code that stands in no list may pass on
// another day.

/// Not enough money, or a limit of days and amounts. `refer_to_customer` is what banks of debits say.
const FUNDS: &[&str] = &[
    "card_velocity_exceeded",
    "insufficient_funds",
    "refer_to_customer",
    "withdrawal_count_limit_exceeded",
];

/// Cards that are lost, closed, expired, mistyped or not taken for this payment.
const METHOD_CARDS: &[&str] = &[
    "card_not_supported",
    "currency_not_supported",
    "do_not_try_again",
    "expired_card",
    "incorrect_address",
    "incorrect_cvc",
    "incorrect_number",
    "incorrect_zip",
    "invalid_account",
    "invalid_card_type",
    "invalid_cvc",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_number",
    "lost_card",
    "new_account_information_available",
    "not_permitted",
    "pickup_card",
    "pin_try_exceeded",
    "restricted_card",
    "security_violation",
    "service_not_allowed",
    "stolen_card",
    "testmode_decline",
    "transaction_not_allowed",
];

/// Bank accounts that are unknown, closed or blocked, and mandates that do not hold.
const METHOD_BANKS: &[&str] = &[
    "account_closed",
    "account_frozen",
    "bank_account_closed",
    "bank_account_restricted",
    "bank_account_unusable",
    "bank_ownership_changed",
    "incorrect_account_details",
    "incorrect_account_holder_name",
    "invalid_account_number",
    "invalid_bank_account_iban",
    "no_account",
    "payment_intent_mandate_invalid",
    "payment_method_bank_account_blocked",
    "routing_number_invalid",
];

/// The payer must prove who he is, or set up his card or account first.
const ACTION: &[&str] = &[
    "authentication_not_handled",
    "authentication_required",
    "bank_account_unverified",
    "incorrect_pin",
    "invalid_pin",
    "mobile_device_authentication_required",
    "offline_pin_required",
    "online_or_offline_pin_required",
    "payment_intent_authentication_failure",
    "payment_method_unactivated",
    "setup_intent_authentication_failure",
];

/// `highest_risk_level` and `rule` are reasons of a charge's `outcome`. Source: the API description.
const FRAUD: &[&str] = &[
    "fraudulent",
    "highest_risk_level",
    "merchant_blacklist",
    "rule",
];

/// The payer stopped it.
const CANCELLED: &[&str] = &[
    "debit_not_authorized",
    "payment_method_customer_decline",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stop_payment_order",
];

/// Why an error says no: by its `decline_code`, else its `code`, and its `advice_code`. What an
/// advice forbids is not tried again, whatever hope the code leaves.
pub fn decline(error: &Value) -> Decline {
    let code = error["decline_code"].as_str().or(error["code"].as_str());
    let known = |list: &[&str]| code.is_some_and(|code| list.contains(&code));
    match error["advice_code"].as_str() {
        _ if known(METHOD_CARDS) || known(METHOD_BANKS) => Decline::Method,
        _ if known(ACTION) => Decline::Action,
        _ if known(FRAUD) => Decline::Fraud,
        _ if known(CANCELLED) => Decline::Cancelled,
        Some("do_not_try_again") => Decline::Method,
        Some("confirm_card_data") => Decline::Action,
        _ if known(FUNDS) => Decline::Funds,
        _ => Decline::Other,
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
