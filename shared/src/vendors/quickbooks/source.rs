//! What QuickBooks tells of its books, in two shapes: which entity changed, never how. A payment is
//! read, and the invoices that it is set against.
//! Facts: the SDKs' release notes of November 2025 for the newer shape, whose sample is second-hand.

use super::system::{VERSION, path};
use super::{VENDOR, door, replies};
use crate::contract::*;
use crate::domain::fact::Kind;
use crate::words::json;
use crate::words::money::Amounts;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Number, Value};

pub static SOURCE: Inbound = Inbound {
    door: &door::DOOR,
    vendor: &VENDOR,
    postback: None,
    read,
};

/// `[{"id", "type": "qbo.payment.created.v1", "intuitentityid"}]`.
#[derive(Deserialize)]
struct CloudEvent {
    id: String,
    r#type: String,
    intuitentityid: String,
}

/// `{"eventNotifications": [{"dataChangeEvent": {"entities": [{"name", "id", "operation"}]}}]}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Former {
    event_notifications: Vec<OfCompany>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfCompany {
    realm_id: String,
    data_change_event: Changes,
}

#[derive(Deserialize)]
struct Changes {
    entities: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entity {
    name: String,
    id: String,
    operation: String,
    last_updated: String,
}

fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let body: Value = json::read(verified.body())?;
    if let Value::Array(events) = &body {
        return Ok(events.iter().map(of_cloud).collect());
    }
    let former: Former = json::read_part(&body)?;
    let each = former.event_notifications.into_iter().flat_map(|company| {
        let entities = company.data_change_event.entities.into_iter();
        entities.map(move |entity| of_former(&company.realm_id, &entity))
    });
    Ok(each.collect())
}

fn of_cloud(event: &Value) -> Item {
    match json::read_part::<CloudEvent>(event) {
        Ok(event) => Item {
            notice: changed(
                event.r#type.split('.').nth(1).unwrap_or_default(),
                &event.intuitentityid,
            ),
            id: Some(event.id),
            name: event.r#type,
        },
        Err(why) => unreadable(why.into()),
    }
}

fn of_former(realm: &str, entity: &Value) -> Item {
    match json::read_part::<Entity>(entity) {
        Ok(entity) => {
            let Entity {
                name,
                id,
                operation,
                last_updated,
            } = &entity;
            Item {
                id: Some(digest_id(&[realm, name, id, operation, last_updated])),
                name: format!("{name}.{operation}"),
                notice: changed(&name.to_lowercase(), id),
            }
        }
        Err(why) => unreadable(why.into()),
    }
}

fn unreadable(why: Unreadable) -> Item {
    Item {
        id: None,
        name: "event".into(),
        notice: Err(why),
    }
}

/// A payment is followed. What else is entered there, a refund among it, stays the books' own.
fn changed(entity: &str, id: &str) -> Result<Notice, Unreadable> {
    Ok(match entity {
        "payment" => Notice::Booked {
            document: id.into(),
        },
        _ => Notice::Ignored(Kind::Other),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payment {
    currency_ref: Option<Ref>,
    txn_date: Date,
    private_note: Option<String>,
    #[serde(default)]
    line: Vec<Line>,
}

#[derive(Deserialize)]
struct Ref {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    amount: Number,
    #[serde(default)]
    linked_txn: Vec<Linked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Linked {
    txn_id: String,
    txn_type: String,
}

/// So many invoices of ours may one payment be set against.
const MOST: usize = 5;

/// What of a payment is set against each invoice, the first under the payment's own id. What it was
/// set against before and is not any more is gone.
pub fn booked(payment: &str, talk: &mut Talk, account: &Account) -> Result<Vec<Booked>, Pause> {
    let part = |n: usize| match n {
        0 => payment.to_owned(),
        n => format!("{payment}.{n}"),
    };
    let mut booked = vec![];
    if let Some(said) = read_one(talk, account, "Payment", payment)? {
        let of: Payment = json::read_part(&said).map_err(Trouble::from)?;
        let code = of.currency_ref.map(|of| of.value).unwrap_or_default();
        for (amount, invoice) in against(of.line).into_iter().take(MOST) {
            let Some(there) = read_one(talk, account, "Invoice", &invoice)? else {
                continue;
            };
            let Some(number) = there["DocNumber"].as_str() else {
                continue;
            };
            booked.push(Booked::Stands(BookedPayment {
                id: part(booked.len()),
                amount: read_money(&Amounts::MAJOR, &amount.to_string(), &code)?,
                on: of.txn_date,
                invoice,
                number: number.into(),
                reference: of.private_note.clone().unwrap_or_default(),
            }));
        }
    }
    let gone = (booked.len()..MOST).map(|n| Booked::Gone(part(n)));
    booked.extend(gone);
    Ok(booked)
}

/// Each invoice of a payment, in an order that stays.
fn against(lines: Vec<Line>) -> Vec<(Number, String)> {
    let mut all = vec![];
    for line in lines {
        let mut linked = line.linked_txn.into_iter();
        if let Some(invoice) = linked.find(|of| of.txn_type == "Invoice") {
            all.push((line.amount, invoice.txn_id));
        }
    }
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all
}

/// An entity that stands; `None` where it was deleted or voided.
fn read_one(
    talk: &mut Talk,
    account: &Account,
    name: &str,
    id: &str,
) -> Result<Option<Value>, Pause> {
    let of = path(account, &format!("{}/{id}", name.to_lowercase()));
    let reply = talk.ask(Request::get(of).query("minorversion", VERSION))?;
    Ok(replies::standing(reply, name)?)
}
