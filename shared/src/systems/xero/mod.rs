//! Xero: the clinic's books. An invoice becomes a sales invoice, money received a payment on it,
//! a refund a credit note with a cash refund, returned money a payment undone. One line each: the
//! books need no service. Amounts are JSON numbers in major units, days are `YYYY-MM-DD`.
//!
//! Every write carries an `Idempotency-Key`, but is not repeated on its strength: Xero keeps a key
//! for minutes, and users found it bound to the access token (both unverified). A lost reply is
//! looked for by our number or reference instead.
//! Facts: Xero's OpenAPI 16 (accounting), developer.xero.com/documentation/api/accounting.

mod replies;

use super::*;
use crate::money::{Amounts, BadAmount};
use crate::vendor::*;
use replies::*;
use serde_json::{Number, Value, json};

/// Xero books at most two decimals.
const AMOUNTS: Amounts = Amounts {
    exponents: &[
        ("BHD", 2),
        ("IQD", 2),
        ("JOD", 2),
        ("KWD", 2),
        ("LYD", 2),
        ("OMR", 2),
        ("TND", 2),
    ],
    ..Amounts::MAJOR
};

static VENDOR: Vendor = Vendor {
    id: "xero",
    name: "Xero",
    docs: "https://developer.xero.com/documentation/api/accounting/overview",
    host: Host::One("https://api.xero.com"),
    auth: Auth::OAuth(&OAuth {
        host: Host::One("https://identity.xero.com"),
        path: "/connect/token",
        client: ("client_id", "client_secret"),
        grant: Grant::RotatingRefresh,
    }),
    headers: |account| {
        vec![
            ("xero-tenant-id", account.secret("tenant_id").into()),
            ("Accept", "application/json".into()),
        ]
    },
    secrets: &[
        "client_id",
        "client_secret",
        "tenant_id",
        "sales_account",
        "bank_account",
        "tax_type",
    ],
    inbound_secrets: &[],
};

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "accounting",
    channel: Channel::Books,
    hears: &[
        Hears {
            topic: Topic::InvoiceIssued,
            acts: &[effect(invoice, filed, find_invoice, found)],
            after: None,
        },
        Hears {
            topic: Topic::PaymentReceived,
            acts: &[effect(payment, filed, find_payment, found)],
            after: Some(Topic::InvoiceIssued),
        },
        Hears {
            topic: Topic::RefundPaid,
            acts: &[
                effect(credit_note, filed, find_credit_note, found),
                effect(cash_refund, filed, find_payment, found),
            ],
            after: Some(Topic::PaymentReceived),
        },
        Hears {
            topic: Topic::PaymentReturned,
            acts: &[effect(undo, undone, read_payment, found_undone)],
            after: Some(Topic::PaymentReceived),
        },
    ],
};

type Build = fn(&Telling, &Account) -> Result<Request, BadAmount>;
type Parse<T> = fn(&Telling, &Reply, &Account) -> Result<T, Trouble>;

/// Longer than Xero works on a request, so that what is not found then will not appear any more.
const TRUSTED_AFTER: i64 = 5 * 60;

const fn effect(
    build: Build,
    parse: Parse<Filed>,
    look: Build,
    seen: Parse<Option<Filed>>,
) -> Effect<Telling, Filed> {
    Effect {
        call: Call { build, parse },
        lost_reply: LostReply::Find {
            call: Call {
                build: look,
                parse: seen,
            },
            trusted_after: TRUSTED_AFTER,
        },
    }
}

fn invoice(ask: &Telling, account: &Account) -> Result<Request, BadAmount> {
    let line = line(ask, account, ask.net, ask.tax)?;
    let invoice = json!({
        "Type": "ACCREC",
        "Status": "AUTHORISED",
        "InvoiceNumber": ask.invoice,
        "Reference": ask.key,
        "Contact": {"Name": contact(&ask.customer)},
        "Date": ask.date.to_string(),
        "DueDate": ask.date.to_string(),
        "CurrencyCode": ask.total.currency.code(),
        "LineAmountTypes": "Exclusive",
        "LineItems": [line],
    });
    Ok(put("Invoices", ask, invoice))
}

fn payment(ask: &Telling, account: &Account) -> Result<Request, BadAmount> {
    let of = json!({"InvoiceNumber": ask.invoice});
    paid(ask, account, "Invoice", of)
}

/// A refund's part of the tax is the invoice's in proportion.
fn credit_note(ask: &Telling, account: &Account) -> Result<Request, BadAmount> {
    let part = ask.amount.decimal().checked_div(ask.total.decimal());
    let part = part.ok_or_else(|| BadAmount("a refund of an invoice over nothing".into()))?;
    let line = line(ask, account, ask.amount, ask.tax.times(part)?)?;
    let note = json!({
        "Type": "ACCRECCREDIT",
        "Status": "AUTHORISED",
        "CreditNoteNumber": refund(ask)?,
        "Reference": ask.key,
        "Contact": {"Name": contact(&ask.customer)},
        "Date": ask.date.to_string(),
        "CurrencyCode": ask.amount.currency.code(),
        "LineAmountTypes": "Inclusive",
        "LineItems": [line],
    });
    Ok(put("CreditNotes", ask, note))
}

fn cash_refund(ask: &Telling, account: &Account) -> Result<Request, BadAmount> {
    let of = json!({"CreditNoteNumber": refund(ask)?});
    paid(ask, account, "CreditNote", of)
}

fn undo(ask: &Telling, _: &Account) -> Result<Request, BadAmount> {
    let body = json!({"Status": "DELETED"});
    Ok(write("POST", &payment_path(ask)?, ask, body))
}

fn paid(ask: &Telling, account: &Account, what: &str, of: Value) -> Result<Request, BadAmount> {
    let payment = json!({
        what: of,
        "Account": {"Code": account.secret("bank_account")},
        "Date": ask.date.to_string(),
        "Amount": number(ask.amount)?,
        "Reference": ask.key,
    });
    Ok(put("Payments", ask, payment))
}

/// The tax is told, not left to Xero's rate: it is what stands on the patient's invoice.
fn line(ask: &Telling, account: &Account, unit: Money, tax: Money) -> Result<Value, BadAmount> {
    Ok(json!({
        "Description": format!("Invoice {}", ask.invoice),
        "Quantity": 1,
        "UnitAmount": number(unit)?,
        "TaxAmount": number(tax)?,
        "TaxType": account.secret("tax_type"),
        "AccountCode": account.secret("sales_account"),
    }))
}

/// An amount as a JSON number that reads back as the same amount. The number is a double inside:
/// what its shortest spelling cannot give back is refused.
fn number(money: Money) -> Result<Number, BadAmount> {
    let number: Option<Number> = AMOUNTS.write(money)?.parse().ok();
    let same = |number: &Number| AMOUNTS.read(&number.to_string(), money.currency) == Ok(money);
    let odd = || BadAmount(format!("{money} is too large to be written as a number"));
    number.filter(same).ok_or_else(odd)
}

fn contact(customer: &Customer) -> String {
    let neutral = || format!("Patient {}", customer.reference);
    customer.name.clone().unwrap_or_else(neutral)
}

fn refund(ask: &Telling) -> Result<&str, BadAmount> {
    let missing = || BadAmount("a refund without a number".into());
    ask.refund.as_deref().ok_or_else(missing)
}

fn payment_path(ask: &Telling) -> Result<String, BadAmount> {
    let id = ask.filed.as_deref();
    let id = id.ok_or_else(|| BadAmount("the payment's id in Xero is not known".into()))?;
    Ok(format!("/Payments/{id}"))
}

const BASE: &str = "/api.xro/2.0";

fn put(list: &str, ask: &Telling, document: Value) -> Request {
    write("PUT", &format!("/{list}"), ask, json!({list: [document]}))
}

/// The path makes the key another for each act of one telling.
fn write(method: &str, path: &str, ask: &Telling, body: Value) -> Request {
    let key = format!("{}{}", ask.key, path.replace('/', "-").to_lowercase());
    Request::json(method, format!("{BASE}{path}"), body).header("Idempotency-Key", key)
}

fn find_invoice(ask: &Telling, _: &Account) -> Result<Request, BadAmount> {
    Ok(find_where("/Invoices", "InvoiceNumber", &ask.invoice))
}

fn find_credit_note(ask: &Telling, _: &Account) -> Result<Request, BadAmount> {
    Ok(find_where("/CreditNotes", "CreditNoteNumber", refund(ask)?))
}

fn find_payment(ask: &Telling, _: &Account) -> Result<Request, BadAmount> {
    Ok(find_where("/Payments", "Reference", &ask.key))
}

fn find_where(path: &str, field: &str, value: &str) -> Request {
    let value = value.replace('\\', r"\\").replace('"', r#"\""#);
    Request::get(format!("{BASE}{path}")).query("where", format!("{field}==\"{value}\""))
}

fn read_payment(ask: &Telling, _: &Account) -> Result<Request, BadAmount> {
    Ok(Request::get(format!("{BASE}{}", payment_path(ask)?)))
}
