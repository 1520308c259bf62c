//! What QuickBooks hears of. An invoice becomes an invoice, money received a payment linked to it;
//! where money went back by itself, what is filed of the payment is deleted and what stays filed anew.
//! A refund of the sale is a refund receipt and that alone: a credit memo of the same refund would
//! count it twice. A credit note of ours is a credit memo, which a payment of nothing sets against its
//! invoice. What becomes the patient's credit and was never sold is a sales receipt over the item of
//! that account.
//!
//! Each document bears its delivery's key in `PrivateNote`, which comes back with it, and as its
//! `requestid`: of two calls under one, QuickBooks does the first and answers both with it. How long
//! it remembers one is unverified, and so is that it keeps no refusal. It is looked for by its number
//! before it is made, so that what a person mended there is found and not made again.
//! QuickBooks must not apply credits by itself (its setting "Automatically apply credits"): a credit
//! memo would be set against another invoice (unverified).

use super::VENDOR;
use super::books;
use super::replies;
use crate::contract::*;
use crate::domain::outbox::Topic;
use crate::words::money::BadAmount;
use serde_json::{Value, json};

type Step = Effect<Notification, ExternalId>;

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "accounting",
    channel: Channel::Books,
    several: false,
    hears: everything,
    subscriptions: &[
        Subscription {
            names_contact: true,
            ..Subscription::of(Topic::InvoiceIssued, &[MAKE])
        },
        Subscription {
            depends_on: DependsOn::Needs(Topic::InvoiceIssued),
            names_contact: true,
            ..Subscription::of(Topic::InvoiceCredited, &[MAKE, MAKE])
        },
        Subscription {
            depends_on: DependsOn::TakesBack(Topic::InvoiceIssued),
            ..Subscription::of(Topic::InvoiceVoided, &[UNDO])
        },
        Subscription {
            skips: stands,
            depends_on: DependsOn::Needs(Topic::InvoiceIssued),
            names_contact: true,
            ..Subscription::of(Topic::PaymentApplied, &REPLACE)
        },
        Subscription {
            skips: stands,
            depends_on: DependsOn::Needs(Topic::InvoiceIssued),
            names_contact: true,
            ..Subscription::of(Topic::PaymentReceived, &REPLACE)
        },
        Subscription {
            skips: stands,
            depends_on: DependsOn::Needs(Topic::InvoiceIssued),
            names_contact: true,
            ..Subscription::of(Topic::PaymentReturned, &REPLACE)
        },
        Subscription {
            skips: not_so_returned,
            depends_on: DependsOn::Needs(Topic::PaymentReceived),
            names_contact: true,
            ..Subscription::of(Topic::RefundPaid, &[MAKE, MAKE])
        },
        Subscription {
            skips: |ask, step| filed(ask, step).is_err(),
            depends_on: DependsOn::TakesBack(Topic::RefundPaid),
            ..Subscription::of(Topic::RefundFailed, &[UNDO, UNDO])
        },
    ],
    arrival: Offer::No("what it files stands in its books"),
    contact: Offer::Yes(ContactCalls {
        find: replies::find_customer,
        make: make_customer,
        trusted_after: TRUSTED_AFTER,
    }),
};

/// Makes the document that the notification has come to, after all that is `made` of it.
const MAKE: Step = Effect::new(
    make,
    replies::filed,
    LostReply::SameKey {
        key: KEY,
        then: &LostReply::Find {
            look: replies::look,
            trusted_after: TRUSTED_AFTER,
        },
    },
);

/// Undoes one. Without a key: that it is gone already is found before.
const UNDO: Step = Effect::new(
    undo,
    replies::undone,
    LostReply::Find {
        look: |ask, talk, account| replies::is_undone(ask, talk, account, undone(ask)?),
        trusted_after: TRUSTED_AFTER,
    },
);

/// What the step is about that comes next.
pub fn paper(ask: &Notification) -> &'static str {
    match (ask.topic, ask.made.len()) {
        (Topic::InvoiceIssued | Topic::InvoiceVoided, _) => "Invoice",
        (Topic::InvoiceCredited, 0) => "CreditMemo",
        (Topic::RefundPaid | Topic::RefundFailed, 0) => "RefundReceipt",
        (Topic::RefundPaid | Topic::RefundFailed, _) => "SalesReceipt",
        _ => "Payment",
    }
}

/// What the step undoes: the payment as it stands, else what was filed before.
fn undone(ask: &Notification) -> Result<&str, BadAmount> {
    match ask.topic {
        Topic::InvoiceVoided | Topic::RefundFailed => filed(ask, ask.made.len()),
        _ => known(ask.standing.payment.as_ref()),
    }
}

/// What is filed of a payment is undone, and what stands of it now filed anew.
static REPLACE: [Step; 2] = [UNDO, MAKE];

fn stands(ask: &Notification, step: usize) -> bool {
    match step {
        0 => ask.standing.payment.is_none(),
        _ => ask.standing.applied.minor == 0,
    }
}

/// What was never sold and becomes the patient's credit is received as such; what came from credit
/// stands there, as less of it was applied.
fn not_so_returned(ask: &Notification, step: usize) -> bool {
    match step {
        0 => ask.standing.applied.minor == 0,
        _ => ask.by != CameBy::Credit || ask.came == CameBy::Credit || ask.unsold().minor == 0,
    }
}

/// Longer than QuickBooks works on a request (unverified): what is not found then will not appear.
const TRUSTED_AFTER: i64 = 5 * 60;

/// At most 50 letters, unique within the company: Intuit's developers' blog of 2015-04-06.
const KEY: Key = Key {
    place: KeyPlace::Query("requestid"),
    spelling: Spelling::Plain(50),
    lifetime: 3600,
};

/// Of a repeat the customer is not told: it is found by our number.
fn make(ask: &Notification, talk: &mut Talk, account: &Account) -> Result<Request, Pause> {
    unless_there(replies::look(ask, talk, account)?)?;
    let found = match &ask.contact {
        Some(_) => None,
        None => replies::find_customer(ask, talk, account)?.and_then(|found| found.0),
    };
    let customer = known(ask.contact.as_ref().or(found.as_ref()))?;
    let document = books::document(ask, account, customer)?;
    Ok(write(account, paper(ask), document))
}

/// Of its newest version, which is read before: what was changed there meanwhile is not overwritten.
fn undo(ask: &Notification, talk: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let id = undone(ask)?;
    let Some(version) = replies::version(ask, talk, account, id)? else {
        return Err(Trouble::Exists(id.into()).into());
    };
    let operation = match ask.topic {
        Topic::InvoiceVoided => "void",
        _ => "delete",
    };
    let body = json!({"Id": id, "SyncToken": version});
    Ok(write(account, paper(ask), body).query("operation", operation))
}

fn make_customer(
    ask: &Notification,
    talk: &mut Talk,
    account: &Account,
) -> Result<ExternalId, Pause> {
    let made = write(account, "Customer", books::customer(ask));
    let reply = talk.ask(made.query("requestid", &*ask.key))?;
    Ok(replies::made(ask, reply)?)
}

fn write(account: &Account, name: &str, document: Value) -> Request {
    Request::json("POST", path(account, &name.to_lowercase()), document)
        .query("minorversion", VERSION)
}

/// The schemas that are known here; older ones are not answered any more (unverified).
pub const VERSION: &str = "75";

pub fn path(account: &Account, of: &str) -> String {
    format!("/v3/company/{}/{of}", account.secret("realm_id"))
}

/// The id of what a step of the notification before was filed as.
pub fn filed(ask: &Notification, step: usize) -> Result<&str, BadAmount> {
    known(ask.filed.get(step))
}

pub fn known(id: Option<&String>) -> Result<&str, BadAmount> {
    let missing = || BadAmount("what it builds on has no known id in QuickBooks".into());
    let id = id.filter(|id| !id.is_empty());
    id.map(String::as_str).ok_or_else(missing)
}
