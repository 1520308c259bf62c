//! Xero: the clinic's books. An invoice becomes a sales invoice, money received a payment on it,
//! a refund of the sale a credit note with a cash refund; where money went back by itself, what is
//! filed of the payment is replaced by what stays; a failed refund undoes what was written. A credit
//! note of ours is set against its invoice, and a void invoice is voided there. One line for each tax rate: the books need no service. Its type is `tax_type`, unless
//! the clinic names another for a rate: `tax_type_0` for what is free of tax, `tax_type_7`.
//! Amounts are JSON numbers in major units, days are `YYYY-MM-DD`.
//!
//! Every write carries an `Idempotency-Key`, but is not repeated on its strength: Xero keeps a key
//! for minutes, and users found it bound to the access token (both unverified). A lost reply is
//! looked for by our number or reference instead.
//! A payment that somebody enters there counts here; how it was found to be so, `source.rs` says.
//! Facts: Xero's OpenAPI 16 (accounting), developer.xero.com/documentation/api/accounting.

mod door;
mod lines;
mod replies;
mod source;

pub use door::DOORS;

use crate::contract::*;
use crate::domain::outbox::Topic;
use crate::words::ids;
use crate::words::money::BadAmount;
use lines::number;
use replies::*;
use serde_json::{Value, json};

static VENDOR: Vendor = Vendor {
    id: "xero",
    name: "Xero",
    docs: "https://developer.xero.com/documentation/api/accounting/overview",
    host: Host::One("https://api.xero.com"),
    further_hosts: &[],
    auth: Auth::OAuth(&OAuth {
        host: Host::One("https://identity.xero.com"),
        path: "/connect/token",
        client: Client::Basic("client_id", "client_secret"),
        grant: Grant::Refresh,
        beside: &[],
        read: Granted::usual,
    }),
    headers: |account| {
        vec![
            ("xero-tenant-id", account.secret("tenant_id").into()),
            ("Accept", "application/json".into()),
        ]
    },
    fields: &[
        Field::text("client_id", "Client ID"),
        Field::secret("client_secret", "Client secret"),
        Field::text("tenant_id", "Tenant ID of the organisation"),
        Field::text("sales_account", "Account code of sales"),
        Field::text("bank_account", "Account code of the bank account"),
        Field::text("tax_type", "Tax type of sales"),
        Field::text("tax_type_0", "Tax type of sales without tax").optional(),
        Field::text("cash_account", "Account code of cash").optional(),
        Field::text("terminal_account", "Account code of card machines").optional(),
        Field::text("fund_account", "Account code of health funds").optional(),
        Field::text("credit_account", "Account code of patients' credit").optional(),
    ],
    inbound: &[Field::secret("webhook_key", "Webhooks key").optional()],
    own_error: |reply| !reply.is_page(),
};

pub static FACES: Faces = Faces {
    system: Some(&SYSTEM),
    sources: &[&source::SOURCE],
    polls: &[source::POLL],
    booked: Some(source::booked),
    ..Faces::of(&VENDOR)
};

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "accounting",
    channel: Channel::Books,
    several: false,
    hears: everything,
    subscriptions: &[
        Subscription {
            topic: Topic::InvoiceIssued,
            steps: &[effect(invoice, filed, find_invoice)],
            skips: never,
            depends_on: DependsOn::Nothing,
            names_contact: true,
        },
        Subscription {
            topic: Topic::InvoiceCredited,
            steps: &[
                effect(credit_note, filed, find_credit_note),
                effect(allocation, allocated, find_allocation),
            ],
            skips: never,
            depends_on: DependsOn::Needs(Topic::InvoiceIssued),
            names_contact: true,
        },
        Subscription {
            topic: Topic::InvoiceVoided,
            steps: &[effect(void_invoice, undone, invoice_undone)],
            skips: never,
            depends_on: DependsOn::TakesBack(Topic::InvoiceIssued),
            names_contact: false,
        },
        Subscription {
            topic: Topic::PaymentApplied,
            steps: &REPLACE,
            skips: stands,
            depends_on: DependsOn::Needs(Topic::InvoiceIssued),
            names_contact: false,
        },
        Subscription {
            topic: Topic::PaymentReceived,
            steps: &REPLACE,
            skips: stands,
            depends_on: DependsOn::Needs(Topic::InvoiceIssued),
            names_contact: false,
        },
        Subscription {
            topic: Topic::PaymentReturned,
            steps: &REPLACE,
            skips: stands,
            depends_on: DependsOn::Needs(Topic::PaymentReceived),
            names_contact: false,
        },
        Subscription {
            topic: Topic::RefundPaid,
            steps: &[
                effect(credit_note, filed, find_credit_note),
                effect(cash_refund, filed, find_payment),
                effect(receive, filed, find_received),
            ],
            skips: not_so_returned,
            depends_on: DependsOn::Needs(Topic::PaymentReceived),
            names_contact: true,
        },
        Subscription {
            topic: Topic::RefundFailed,
            steps: &[
                effect(undo_cash_refund, undone, cash_refund_undone),
                effect(void_credit_note, undone, credit_note_undone),
            ],
            skips: never,
            depends_on: DependsOn::TakesBack(Topic::RefundPaid),
            names_contact: false,
        },
    ],
    arrival: Offer::No("what it files stands in its books"),
    contact: Offer::Yes(ContactCalls {
        find: find_contact,
        make: make_contact,
        trusted_after: TRUSTED_AFTER,
    }),
};

/// What is filed of a payment is undone, and what stands of it now filed anew: a payment at Xero is
/// deleted as a whole.
static REPLACE: [Effect<Notification, ExternalId>; 2] = [
    effect(undo_payment, undone, payment_undone),
    effect(payment, filed, find_payment),
];

fn stands(ask: &Notification, step: usize) -> bool {
    match step {
        0 => ask.standing.payment.is_none(),
        _ => ask.standing.applied.minor == 0,
    }
}

/// The sale is credited as far as the refund takes it back. What was never sold and becomes the
/// patient's credit is received as such: it is used for another invoice.
fn not_so_returned(ask: &Notification, step: usize) -> bool {
    match step {
        0 | 1 => ask.standing.applied.minor == 0,
        // What came from credit stands there: less of it was applied.
        _ => ask.by != CameBy::Credit || ask.came == CameBy::Credit || ask.unsold().minor == 0,
    }
}

/// Longer than Xero works on a request, so that what is not found then will not appear any more.
const TRUSTED_AFTER: i64 = 5 * 60;

const fn effect(
    build: Read<Notification, Request>,
    parse: Parse<Notification, ExternalId>,
    look: Read<Notification, Option<ExternalId>>,
) -> Effect<Notification, ExternalId> {
    let trusted_after = TRUSTED_AFTER;
    Effect::new(
        build,
        parse,
        LostReply::Find {
            look,
            trusted_after,
        },
    )
}

fn invoice(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let invoice = json!({
        "Type": "ACCREC",
        "Status": "AUTHORISED",
        "InvoiceNumber": ask.invoice,
        "Reference": ask.key,
        "Contact": contact(ask),
        "Date": ask.date.to_string(),
        "DueDate": ask.date.to_string(),
        "CurrencyCode": ask.total.currency.code(),
        "LineAmountTypes": "Exclusive",
        "LineItems": lines::of_invoice(ask, account)?,
    });
    Ok(put("Invoices", ask, invoice))
}

fn payment(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let of = json!({"InvoiceNumber": ask.invoice});
    Ok(paid(ask, account, "Invoice", of)?)
}

/// Of a refund, or of what an invoice does not ask for any more.
fn credit_note(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let lines = match &ask.note {
        Some(_) => lines::of_note(ask, account)?,
        None => lines::of_refund(ask, account)?,
    };
    let note = json!({
        "Type": "ACCRECCREDIT",
        "Status": "AUTHORISED",
        "CreditNoteNumber": note_number(ask)?,
        "Reference": ask.key,
        "Contact": contact(ask),
        "Date": ask.date.to_string(),
        "CurrencyCode": ask.amount.currency.code(),
        "LineAmountTypes": "Inclusive",
        "LineItems": lines,
    });
    Ok(put("CreditNotes", ask, note))
}

/// The note is set against its invoice. What payments take of the invoice was made less before it.
fn allocation(ask: &Notification, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let path = format!("/CreditNotes/{}/Allocations", made(ask, 0)?);
    let allocation = json!({
        "Invoice": {"InvoiceID": filed_as(ask, 0)?},
        "Amount": number(ask.amount)?,
        "Date": ask.date.to_string(),
    });
    Ok(write(
        "PUT",
        &path,
        ask,
        json!({"Allocations": [allocation]}),
    ))
}

fn void_invoice(ask: &Notification, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let invoice = filed_as(ask, 0)?;
    let body = json!({"Invoices": [{"InvoiceID": invoice, "Status": "VOIDED"}]});
    Ok(write("POST", &format!("/Invoices/{invoice}"), ask, body))
}

/// Money that was paid and never sold becomes the patient's credit.
fn receive(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let line = json!({
        "Description": format!("Credit of invoice {}", ask.invoice),
        "Quantity": 1,
        "UnitAmount": number(ask.unsold())?,
        "AccountCode": account_of(CameBy::Credit, account)?,
    });
    let received = json!({
        "Type": "RECEIVE",
        "Contact": contact(ask),
        "Date": ask.date.to_string(),
        "Reference": ask.key,
        "CurrencyCode": ask.amount.currency.code(),
        "LineAmountTypes": "NoTax",
        "BankAccount": {"Code": account_of(ask.came, account)?},
        "LineItems": [line],
    });
    Ok(put("BankTransactions", ask, received))
}

fn cash_refund(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let of = json!({"CreditNoteNumber": refund(ask)?});
    Ok(paid(ask, account, "CreditNote", of)?)
}

fn undo_payment(ask: &Notification, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    Ok(delete(ask, standing(ask)?))
}

/// The first step back from a refund: its credit note can be voided only without its payment.
fn undo_cash_refund(ask: &Notification, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    Ok(delete(ask, filed_as(ask, 1)?))
}

fn delete(ask: &Notification, payment: &str) -> Request {
    let body = json!({"Status": "DELETED"});
    write("POST", &format!("/Payments/{payment}"), ask, body)
}

fn void_credit_note(ask: &Notification, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let note = filed_as(ask, 0)?;
    let body = json!({"CreditNotes": [{"CreditNoteID": note, "Status": "VOIDED"}]});
    Ok(write("POST", &format!("/CreditNotes/{note}"), ask, body))
}

fn paid(
    ask: &Notification,
    account: &Account,
    what: &str,
    of: Value,
) -> Result<Request, BadAmount> {
    let payment = json!({
        what: of,
        "Account": {"Code": account_of(ask.by, account)?},
        "Date": ask.date.to_string(),
        "Amount": number(ask.standing.applied)?,
        "Reference": ask.key,
    });
    Ok(put("Payments", ask, payment))
}

/// Where money of this way lies. What a gateway brings goes to the bank account; each other way has
/// an account of its own, which must take payments.
fn account_of(by: CameBy, account: &Account) -> Result<&str, BadAmount> {
    let name = match by {
        CameBy::Gateway | CameBy::Books | CameBy::Recorded(Recorded::Bank) => "bank_account",
        CameBy::Recorded(Recorded::Cash) => "cash_account",
        CameBy::Recorded(Recorded::Terminal) => "terminal_account",
        CameBy::Recorded(Recorded::Fund) => "fund_account",
        CameBy::Credit => "credit_account",
    };
    match account.secret(name) {
        "" => Err(BadAmount(format!("Xero's `{name}` is not configured"))),
        code => Ok(code),
    }
}

/// The contact by its id; by number and name where the id is not known yet.
fn contact(ask: &Notification) -> Value {
    match &ask.contact {
        Some(id) => json!({"ContactID": id}),
        None => named(&ask.customer),
    }
}

fn make_contact(
    ask: &Notification,
    talk: &mut Talk,
    account: &Account,
) -> Result<ExternalId, Pause> {
    let made = talk.ask(put("Contacts", ask, named(&ask.customer)))?;
    Ok(filed(ask, made, account)?)
}

/// A contact is found by its number, whatever its name has become; a name is one contact at Xero,
/// so the reference keeps two patients of one name apart.
fn named(customer: &Customer) -> Value {
    let Customer {
        name, reference, ..
    } = customer;
    let name = match name {
        Some(name) => format!("{name} ({reference})"),
        None => format!("Patient {reference}"),
    };
    json!({"ContactNumber": contact_number(reference), "Name": name})
}

/// The clinic's reference, as Xero takes it.
fn contact_number(reference: &str) -> String {
    match reference.chars().count() <= LONGEST_NUMBER {
        true => reference.to_owned(),
        false => ids::derived(&["contact", reference]),
    }
}

/// Xero's bound for a contact's number.
const LONGEST_NUMBER: usize = 50;

/// The number of the credit note, whatever it is written for.
fn note_number(ask: &Notification) -> Result<&str, BadAmount> {
    ask.note.as_deref().map_or_else(|| refund(ask), Ok)
}

/// The id of what a step of this notification was filed as.
fn made(ask: &Notification, step: usize) -> Result<&str, BadAmount> {
    let id = ask.made.get(step).filter(|id| !id.is_empty());
    let missing = || BadAmount("what it builds on has no known id in Xero".into());
    id.map(String::as_str).ok_or_else(missing)
}

fn refund(ask: &Notification) -> Result<&str, BadAmount> {
    let missing = || BadAmount("a refund without a number".into());
    ask.refund.as_deref().ok_or_else(missing)
}

/// The id under which the payment stands.
fn standing(ask: &Notification) -> Result<&str, BadAmount> {
    let missing = || BadAmount("what must be undone has no known id in Xero".into());
    ask.standing.payment.as_deref().ok_or_else(missing)
}

/// The id of what an step of the notification before was filed as.
fn filed_as(ask: &Notification, step: usize) -> Result<&str, BadAmount> {
    let id = ask.filed.get(step).filter(|id| !id.is_empty());
    let missing = || BadAmount("what must be undone has no known id in Xero".into());
    id.map(String::as_str).ok_or_else(missing)
}

const BASE: &str = "/api.xro/2.0";

fn put(list: &str, ask: &Notification, document: Value) -> Request {
    write("PUT", &format!("/{list}"), ask, json!({list: [document]}))
}

/// The path makes the key another for each step of one notification.
fn write(method: &str, path: &str, ask: &Notification, body: Value) -> Request {
    let key = format!("{}{}", ask.key, path.replace('/', "-").to_lowercase());
    Request::json(method, format!("{BASE}{path}"), body).header("Idempotency-Key", key)
}
