//! Why Mollie says no: the reason of a card, of a voucher, or in four letters of a bank debit.

use crate::domain::fact::Decline;

// Source of the words: Mollie's OpenAPI description, `payment-details-failure-reason-response` and
// the `status-reason-*` of cards, merchants and vouchers. A word that stands in no list, one about
// the clinic's own set-up among them, may pass on another day.

/// Not enough money, or a limit of days and amounts.
const FUNDS: &[&str] = &[
    "exceeds_withdrawal_amount_limit",
    "exceeds_withdrawal_count_limit",
    "insufficient_funds",
];

/// The payer stopped it.
const CANCELLED: &[&str] = &[
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stop_payment_order",
];

const FRAUD: &[&str] = &[
    "fraud_security_related",
    "possible_fraud",
    "security_violation",
    "suspected_fraud",
];

/// The payer must prove who he is, or correct what he typed.
const ACTION: &[&str] = &[
    "additional_customer_authentication_required",
    "allowable_number_of_pin_tries_exceeded",
    "authentication_abandoned",
    "authentication_failed",
    "authentication_required",
    "authentication_unavailable_acs",
    "blocked_first_used",
    "cannot_verify_pin",
    "card_authentication_failed",
    "decline_for_cvv2_failure",
    "honor_with_id",
    "invalid_card_holder_name",
    "invalid_cvv",
    "invalid_pin",
    "login_failed_invalid_password",
    "login_failed_unknown_user",
    "missing_cvv2_cvc2",
    "pin_change_unblock_request_declined",
    "pin_data_required",
    "pin_not_changed",
    "unacceptable_pin",
    "unsafe_pin",
];

/// Cards, vouchers and accounts that are unknown, closed, expired, lost or not taken.
const METHOD: &[&str] = &[
    "capture_card",
    "card_does_not_exist",
    "card_expired",
    "card_is_blocked",
    "card_is_not_active",
    "card_is_transferred",
    "card_not_available",
    "closed_account",
    "domestic_debit_transaction_not_allowed",
    "expired_card",
    "inactive_card",
    "invalid_account_number",
    "invalid_card_id",
    "invalid_card_number",
    "invalid_card_type",
    "invalid_issuer",
    "invalid_nonexistent_account_specified",
    "invalid_nonexistent_from_account_specified",
    "invalid_nonexistent_to_account_specified",
    "lifecycle_related",
    "lost_card",
    "no_checking_account",
    "no_credit_account",
    "no_savings_account",
    "pick_up_card_special_condition",
    "policy_related",
    "restricted_card",
    "stolen_card",
    "transaction_does_not_fulfill_aml_requirement",
    "transaction_not_permitted_to_cardholder",
    "violation_of_law",
    "wrong_currency",
];

/// Reason codes of SEPA debits, told as `bankReasonCode`: ISO 20022's list, from memory, unverified.
fn of_bank(code: &str) -> Option<Decline> {
    match code {
        "AM04" => Some(Decline::Funds),
        "MD06" | "MS02" | "SL01" => Some(Decline::Cancelled),
        "AC01" | "AC04" | "AC06" | "AC13" | "AG01" | "MD01" | "MD02" | "MD07" | "RC01" => {
            Some(Decline::Method)
        }
        _ => None,
    }
}

/// What a reason says in particular; nothing where it only says no.
pub fn why(code: &str) -> Option<Decline> {
    match () {
        _ if FUNDS.contains(&code) => Some(Decline::Funds),
        _ if CANCELLED.contains(&code) => Some(Decline::Cancelled),
        _ if FRAUD.contains(&code) => Some(Decline::Fraud),
        _ if ACTION.contains(&code) => Some(Decline::Action),
        _ if METHOD.contains(&code) => Some(Decline::Method),
        _ => of_bank(code),
    }
}
