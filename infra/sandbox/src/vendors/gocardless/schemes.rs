//! Which scheme collects which currency at GoCardless.

pub fn currency_of(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "ach" => "USD",
        "autogiro" => "SEK",
        "bacs" | "faster_payments" => "GBP",
        "becs" | "pay_to" => "AUD",
        "becs_nz" => "NZD",
        "betalingsservice" => "DKK",
        "pad" => "CAD",
        "sepa_core" | "sepa_instant_credit_transfer" | "sepa_credit_transfer" => "EUR",
        _ => return None,
    })
}

pub fn scheme_of(currency: &str) -> Option<&'static str> {
    [
        "bacs",
        "sepa_core",
        "becs",
        "becs_nz",
        "ach",
        "pad",
        "autogiro",
        "betalingsservice",
    ]
    .into_iter()
    .find(|scheme| currency_of(scheme) == Some(currency))
}
