//! QuickBooks: the clinic's books at QuickBooks Online. One company (`realm_id`), one sign-in whose
//! refresh token changes with each use, JSON with amounts as numbers in major units.
//! Facts: Intuit's v3 schemas (XSD, 2024-10-21), developer.intuit.com.

mod books;
mod door;
mod replies;
mod source;
mod system;

pub use door::DOORS;
pub use system::SYSTEM;

use crate::contract::*;

static VENDOR: Vendor = Vendor {
    id: "quickbooks",
    name: "QuickBooks",
    docs: "https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/account",
    host: Host::From(|account| match account.is_test() {
        true => "https://sandbox-quickbooks.api.intuit.com".into(),
        false => "https://quickbooks.api.intuit.com".into(),
    }),
    further_hosts: &[],
    auth: Auth::OAuth(&OAuth {
        host: Host::One("https://oauth.platform.intuit.com"),
        path: "/oauth2/v1/tokens/bearer",
        client: Client::Basic("client_id", "client_secret"),
        grant: Grant::Refresh,
        beside: &[],
        read: Granted::usual,
    }),
    headers: |_| vec![("Accept", "application/json".into())],
    fields: &[
        Field::text("client_id", "Client ID"),
        Field::secret("client_secret", "Client secret"),
        Field::text("realm_id", "Company ID").checked(no_realm),
        Field::text("income_item", "Id of the product or service that is sold"),
        Field::text("deposit_account", "Id of the account of deposits"),
        Field::text("tax_code", "Tax code of sales"),
        Field::text("tax_code_0", "Tax code of sales without tax").optional(),
        Field::text("cash_account", "Id of the account of cash").optional(),
        Field::text("terminal_account", "Id of the account of card machines").optional(),
        Field::text("fund_account", "Id of the account of health funds").optional(),
        Field::text("credit_account", "Id of the account of patients' credit").optional(),
        Field::text(
            "credit_item",
            "Id of the product or service of that account",
        )
        .optional(),
        ENVIRONMENT,
    ],
    inbound: &[Field::secret("verifier_token", "Verifier token of webhooks").optional()],
    own_error: replies::is_own,
};

pub static FACES: Faces = Faces {
    system: Some(&SYSTEM),
    sources: &[&source::SOURCE],
    polls: &[source::POLL],
    booked: Some(source::booked),
    ..Faces::of(&VENDOR)
};

/// Why a text is no company's id, which stands in every address.
fn no_realm(value: &str) -> Option<String> {
    let fits = value.len() <= 30 && value.bytes().all(|b| b.is_ascii_digit());
    (!fits).then(|| "digits alone, as QuickBooks shows it".into())
}
