//! Why PayPal says no: the codes with which a processor refuses a capture, and the issues with
//! which PayPal refuses a call.

use crate::contract::Trouble;
use crate::domain::fact::Decline;
use serde_json::Value;

// Source of the codes: the enumeration `processor_response.response_code` of orders v2 and payments
// v2, which lists them bare. What each means is PayPal's public reference, from memory: unverified.
// A code that stands in no list may pass on another day.

/// Not enough money, or a limit of days, tries and amounts.
const FUNDS: &[&str] = &["5120", "5710", "PPAX", "PPEL", "PPNL"];

/// Accounts and cards that are unknown, closed, expired, restricted, lost or not taken at all, in
/// this currency or for this kind of payment, and those that must not be tried again.
const METHOD: &[&str] = &[
    "0390", "1330", "1335", "1352", "1380", "5135", "5140", "5150", "5160", "5180", "5400", "5700",
    "5950", "6300", "7800", "9510", "9520", "9540", "PP06", "PPAB", "PPAE", "PPCT", "PPDI", "PPEF",
    "PPEX", "PPFI", "PPFR", "PPMC", "PPPM", "PPRN", "PPSE", "PPTE", "PPTR", "PPTT", "PPTV", "PPUC",
];

/// The payer must prove who he is, or correct what he typed; or a repeat without him is refused.
const ACTION: &[&str] = &[
    "00N7", "0890", "1382", "5110", "5130", "5170", "5190", "5500", "5650", "5900", "5910", "5930",
    "7700", "7710", "7900", "PCNR", "PCVV", "PPAD", "PPAV", "PPC2", "PPD3",
];

const FRAUD: &[&str] = &["0580", "9500", "PPDT", "PPSC"];

const CANCELLED: &[&str] = &["0R00"];

/// Why a capture failed, by its `processor_response`: the code, and where that alone would allow
/// another try, what the card's network advises.
pub fn of_processor(response: &Value) -> Decline {
    let code = response["response_code"].as_str().unwrap_or_default();
    let by_code = match () {
        _ if FUNDS.contains(&code) => Decline::Funds,
        _ if METHOD.contains(&code) => Decline::Method,
        _ if ACTION.contains(&code) => Decline::Action,
        _ if FRAUD.contains(&code) => Decline::Fraud,
        _ if CANCELLED.contains(&code) => Decline::Cancelled,
        _ => Decline::Other,
    };
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

// Source of the issues: the errors that orders v2 and payments v2 list for each call.

const FUNDS_ISSUES: &[&str] = &["TRANSACTION_LIMIT_EXCEEDED"];

const METHOD_ISSUES: &[&str] = &[
    "AGREEMENT_ALREADY_CANCELLED",
    "BILLING_AGREEMENT_NOT_FOUND",
    "CARD_BRAND_NOT_SUPPORTED",
    "CARD_EXPIRED",
    "CARD_TYPE_NOT_SUPPORTED",
    "CURRENCY_NOT_SUPPORTED_FOR_CARD_TYPE",
    "DOMESTIC_TRANSACTION_REQUIRED",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
    "PAYER_ACCOUNT_RESTRICTED",
    "PAYER_CANNOT_PAY",
    "PAYMENT_SOURCE_CANNOT_BE_USED",
    "REFERENCED_CARD_EXPIRED",
    "TOKEN_EXPIRED",
    "TOKEN_ID_NOT_FOUND",
];

const ACTION_ISSUES: &[&str] = &[
    "CONSENT_NEEDED",
    "ORDER_NOT_APPROVED",
    "PAYER_ACTION_REQUIRED",
    "PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
];

const FRAUD_ISSUES: &[&str] = &[
    "COMPLIANCE_VIOLATION",
    "PAYEE_BLOCKED_TRANSACTION",
    "TRANSACTION_BLOCKED_BY_PAYEE",
];

const OTHER_ISSUES: &[&str] = &[
    "ALIAS_DECLINED_BY_PROCESSOR",
    "DECLINED_DUE_TO_RELATED_TXN",
    "INSTRUMENT_DECLINED",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR",
    "TRANSACTION_REFUSED",
];

/// Issues of the clinic's own account, which its staff must mend with PayPal.
const CLINIC_ISSUES: &[&str] = &[
    "AUTH_CAPTURE_NOT_ENABLED",
    "INVALID_ACCOUNT_STATUS",
    "PERMISSION_DENIED",
    "SETUP_ERROR_FOR_BANK",
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED",
];

/// How other issues of the clinic's account begin.
const CLINIC_PREFIXES: &[&str] = &[
    "NOT_ELIGIBLE_FOR_",
    "NOT_ENABLED_",
    "PAYEE_ACCOUNT_",
    "PAYEE_NOT_ENABLED_",
];

/// What an issue means for the call that it refuses: definite only where nothing of ours can have
/// happened.
pub fn refused(issue: String) -> Trouble {
    let known = |list: &[&str]| list.contains(&issue.as_str());
    let of_clinic = CLINIC_PREFIXES
        .iter()
        .any(|prefix| issue.starts_with(prefix));
    match issue.as_str() {
        // Our reference or our key was seen before: something of ours happened, and must be found.
        "DUPLICATE_INVOICE_ID" | "ORDER_ALREADY_CAPTURED" => Trouble::Exists(String::new()),
        "DUPLICATE_REQUEST_ID" => Trouble::Unclear(issue),
        "ORDER_COMPLETION_IN_PROGRESS" | "PREVIOUS_REQUEST_IN_PROGRESS" => Trouble::InFlight,
        // The payer has done his part and PayPal has not: the same call is right a little later.
        "ORDER_IS_PENDING_APPROVAL" => Trouble::InFlight,
        _ if known(FUNDS_ISSUES) => Trouble::Declined(Decline::Funds),
        _ if known(METHOD_ISSUES) => Trouble::Declined(Decline::Method),
        _ if known(ACTION_ISSUES) => Trouble::Declined(Decline::Action),
        _ if known(FRAUD_ISSUES) => Trouble::Declined(Decline::Fraud),
        _ if known(OTHER_ISSUES) => Trouble::Declined(Decline::Other),
        _ if of_clinic || known(CLINIC_ISSUES) => Trouble::Credentials(issue),
        _ => Trouble::Rejected(issue),
    }
}
