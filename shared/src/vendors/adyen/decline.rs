//! Why Adyen says no: a number in replies, and its words in webhooks.
//! Facts: docs.adyen.com/development-resources/refusal-reasons; from 9 on from memory, unverified.

use crate::domain::fact::Decline;

/// The number, the words, and what follows; any other may pass on another day.
const REASONS: &[(&str, &str, Decline)] = &[
    ("5", "Blocked Card", Decline::Method),
    ("6", "Expired Card", Decline::Method),
    ("8", "Invalid Card Number", Decline::Method),
    ("10", "Not supported", Decline::Method),
    ("11", "3D Not Authenticated", Decline::Action),
    ("12", "Not enough balance", Decline::Funds),
    ("14", "Acquirer Fraud", Decline::Fraud),
    ("15", "Cancelled", Decline::Cancelled),
    ("16", "Shopper Cancelled", Decline::Cancelled),
    ("17", "Invalid Pin", Decline::Action),
    ("18", "Pin tries exceeded", Decline::Action),
    ("20", "FRAUD", Decline::Fraud),
    ("22", "FRAUD-CANCELLED", Decline::Fraud),
    ("23", "Transaction Not Permitted", Decline::Method),
    ("24", "CVC Declined", Decline::Action),
    ("25", "Restricted Card", Decline::Method),
    ("26", "Revocation Of Auth", Decline::Cancelled),
    ("28", "Withdrawal amount exceeded", Decline::Funds),
    ("29", "Withdrawal count exceeded", Decline::Funds),
    ("31", "Issuer Suspected Fraud", Decline::Fraud),
    ("32", "AVS Declined", Decline::Action),
    ("34", "No checking account available on Card", Decline::Method),
    ("35", "No savings account available on Card", Decline::Method),
    ("38", "Authentication required", Decline::Action),
    ("42", "3DS Authentication Error", Decline::Action),
];

/// Of the number.
pub fn of_code(code: &str) -> Decline {
    let mut known = REASONS.iter().filter(|(number, _, _)| *number == code);
    known.next().map_or(Decline::Other, |(_, _, why)| *why)
}

/// Of the words, in whatever case.
pub fn of_words(reason: &str) -> Decline {
    let mut known = REASONS
        .iter()
        .filter(|(_, words, _)| words.eq_ignore_ascii_case(reason));
    known.next().map_or(Decline::Other, |(_, _, why)| *why)
}
