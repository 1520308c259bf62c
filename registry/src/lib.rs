//! The list of vendors. There is no other: adapters, simulated vendors and contracts make theirs of
//! it, each in its own crate, and each by the module that is named so: as the vendor's id, with `_` for
//! its `-`.

/// Calls a macro with the name of every vendor, in the order in which people see them: gateways,
/// then systems, then sources.
#[macro_export]
macro_rules! vendors {
    ($with:ident) => {
        $with![
            stripe,
            gocardless,
            mollie,
            paypal,
            adyen,
            authorizenet,
            mailgun,
            twilio,
            slack,
            xero,
            quickbooks,
            google_sheets,
            own,
            cliniko
        ]
    };
}
