//! What QuickBooks tells of its books, in two shapes: which entity changed, never how. A payment is
//! read, and the invoices that it is set against. Where its webhooks are off, or one was lost, what
//! changed is asked for by the hour.
//! Facts: the SDKs' release notes of November 2025 for the newer shape, whose sample is second-hand.

use super::system::{VERSION, path};
use super::{VENDOR, door, replies};
use crate::contract::*;
use crate::domain::fact::Kind;
use crate::words::json;
use crate::words::money::{Amounts, Money};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Number, Value};

pub static SOURCE: Inbound = Inbound {
    door: &door::DOOR,
    vendor: &VENDOR,
    postback: None,
    read,
};

pub const POLL: Poll = Poll {
    name: "payments",
    every: 3600,
    // It looks back 30 days (unverified).
    longest: 29 * 86_400,
    // How late a change may be listed is written nowhere: ten minutes, unverified.
    overlap: 600,
    read: changes,
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

/// So many objects stand in an answer at most (unverified).
const MOST_CHANGES: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    id: String,
    meta_data: Times,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Times {
    last_updated_time: Timestamp,
}

/// The payments that changed since, deleted ones among them.
fn changes(window: &Window, talk: &mut Talk, account: &Account) -> Result<Portion<Item>, Pause> {
    let since = match window.after.as_deref() {
        None => window.from,
        Some(after) => after.parse().map_err(|_| Trouble::Missing)?,
    };
    let asked = Request::get(path(account, "cdc"))
        .query("entities", "Payment")
        .query("changedSince", since.strftime("%FT%TZ").to_string())
        .query("minorversion", VERSION);
    let said = replies::whole(talk.ask(asked)?)?;
    let list = &said["CDCResponse"];
    if !list.is_array() {
        return Err(Trouble::Unreadable("CDCResponse is missing".into()).into());
    }
    let (mut items, mut newest) = (vec![], since);
    let groups = parts(list)
        .iter()
        .flat_map(|one| parts(&one["QueryResponse"]));
    for raw in groups.flat_map(|group| parts(&group["Payment"])) {
        let change: Change = json::read_part(raw).map_err(Trouble::from)?;
        let updated = change.meta_data.last_updated_time;
        newest = newest.max(updated);
        items.push(Item {
            id: Some(digest_id(&["payment", &change.id, &updated.to_string()])),
            name: "payment.changed".into(),
            notice: changed("payment", &change.id),
        });
    }
    let next = Some(newest.to_string()).filter(|_| items.len() >= MOST_CHANGES);
    Ok(Portion { items, next })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payment {
    currency_ref: Option<Ref>,
    txn_date: Date,
    total_amt: Number,
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

/// What of a payment's money is set against each invoice, the first under the payment's own id. What
/// it was set against before and is not any more is gone.
pub fn booked(payment: &str, talk: &mut Talk, account: &Account) -> Result<Vec<Booked>, Pause> {
    let part = |n: usize| match n {
        0 => payment.to_owned(),
        n => format!("{payment}.{n}"),
    };
    let mut booked = vec![];
    if let Some(said) = read_one(talk, account, "Payment", payment)? {
        let of: Payment = json::read_part(&said).map_err(Trouble::from)?;
        let code = of.currency_ref.map(|of| of.value).unwrap_or_default();
        let total = read_money(&Amounts::MAJOR, &of.total_amt.to_string(), &code)?;
        for (amount, invoice) in against(of.line, total, &code)? {
            let Some(there) = read_one(talk, account, "Invoice", &invoice)? else {
                continue;
            };
            let Some(number) = there["DocNumber"].as_str() else {
                continue;
            };
            booked.push(Booked::Stands(BookedPayment {
                id: part(booked.len()),
                amount,
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

/// Each invoice of a payment with what came for it, in an order that stays. A credit that is set
/// against an invoice is a line as well, and no money: of one that holds both only the money counts,
/// and whose that is where there are several invoices, people say.
fn against(lines: Vec<Line>, total: Money, code: &str) -> Result<Vec<(Money, String)>, Trouble> {
    let (mut all, mut credits) = (vec![], false);
    for line in lines {
        let amount = read_money(&Amounts::MAJOR, &line.amount.to_string(), code)?;
        for linked in line.linked_txn {
            match linked.txn_type.as_str() {
                "Invoice" => all.push((amount, linked.txn_id)),
                _ => credits = true,
            }
        }
    }
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all.truncate(MOST);
    match (&mut all[..], credits) {
        _ if total.minor == 0 => Ok(vec![]),
        ([one], true) => {
            one.0.minor = one.0.minor.min(total.minor);
            Ok(all)
        }
        (_, true) => Err(Trouble::Unreadable(
            "a payment of money and credit for several invoices".into(),
        )),
        (_, false) => Ok(all),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What came for each invoice of a payment of so much, in cents.
    fn came(total: i64, lines: &Value) -> Result<Vec<(i64, String)>, Trouble> {
        let lines: Vec<Line> = serde_json::from_value(lines.clone()).expect("lines");
        let currency = crate::words::money::Currency::read("EUR").expect("a currency");
        let all = against(lines, Money::new(total, currency), "EUR")?;
        Ok(all.into_iter().map(|(sum, id)| (sum.minor, id)).collect())
    }

    fn line(amount: i64, kind: &str, id: &str) -> Value {
        json!({"Amount": amount, "LinkedTxn": [{"TxnId": id, "TxnType": kind}]})
    }

    #[test]
    fn money_counts_for_its_invoice_and_a_credit_that_is_set_against_it_does_not() {
        let (one, two) = (line(60, "Invoice", "9"), line(40, "Invoice", "8"));
        let credit = line(20, "CreditMemo", "7");
        let of = |cents: i64, id: &str| (cents, id.to_owned());
        assert_eq!(came(6000, &json!([one])), Ok(vec![of(6000, "9")]));
        let both = came(10_000, &json!([one, two]));
        assert_eq!(both, Ok(vec![of(4000, "8"), of(6000, "9")]));
        assert_eq!(came(4000, &json!([one, credit])), Ok(vec![of(4000, "9")]));
        assert_eq!(came(0, &json!([one, credit])), Ok(vec![]));
        let several = came(8000, &json!([one, two, credit]));
        assert!(
            matches!(several, Err(Trouble::Unreadable(_))),
            "{several:?}"
        );
    }
}
