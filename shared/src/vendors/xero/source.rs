//! What Xero tells of its books: that an invoice changed, never why. Its payments are asked for, and
//! those that were deleted with them. Where its webhooks are off, or one was lost, the list of
//! payments tells within the hour.

use super::{BASE, VENDOR, door};
use crate::contract::*;
use crate::domain::fact::Kind;
use crate::words::json;
use crate::words::money::{Amounts, Currency};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
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
    longest: 30 * 86_400,
    // How late a change may be listed is written nowhere: ten minutes, unverified.
    overlap: 600,
    read: changed,
};

#[derive(Deserialize)]
struct Delivered {
    events: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    resource_id: String,
    event_date_utc: String,
    event_type: String,
    event_category: String,
}

/// None where Xero only tries whether proofs are checked.
fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let delivered: Delivered = json::read(verified.body())?;
    let item = |event: &Value| match json::read_part::<Told>(event) {
        Ok(told) => told.item(),
        Err(why) => Item {
            id: None,
            name: "event".into(),
            notice: Err(why.into()),
        },
    };
    Ok(delivered.events.iter().map(item).collect())
}

impl Told {
    fn item(self) -> Item {
        let (kind, category) = (&self.event_type, &self.event_category);
        Item {
            id: Some(digest_id(&[
                category,
                &self.resource_id,
                &self.event_date_utc,
                kind,
            ])),
            name: format!("{category}.{kind}"),
            notice: Ok(match category.as_str() {
                "INVOICE" => Notice::Booked {
                    document: self.resource_id,
                },
                _ => Notice::Ignored(Kind::Other),
            }),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invoices {
    invoices: Vec<Invoice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invoice {
    r#type: String,
    invoice_number: Option<String>,
    currency_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payments {
    payments: Vec<Payment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payment {
    #[serde(rename = "PaymentID")]
    id: String,
    status: String,
    amount: Number,
    date: String,
    #[serde(default)]
    reference: Option<String>,
}

/// The payments of an invoice. What a supplier bills is none of ours.
pub fn booked(invoice: &str, talk: &mut Talk, _: &Account) -> Result<Vec<Booked>, Pause> {
    let of = talk.ask(Request::get(format!("{BASE}/Invoices/{invoice}")))?;
    let of: Invoices = of.ok()?.json()?;
    let missing = || Trouble::Unreadable("no invoice in the answer".into());
    let of = of.invoices.into_iter().next().ok_or_else(missing)?;
    let Some(number) = of.invoice_number.filter(|_| of.r#type == "ACCREC") else {
        return Ok(vec![]);
    };
    let unknown = || Trouble::Unreadable("the currency is none that is known".into());
    let currency = Currency::read(&of.currency_code).ok_or_else(unknown)?;
    let of_it = format!("Invoice.InvoiceID==guid(\"{invoice}\")");
    let all = talk.ask(Request::get(format!("{BASE}/Payments")).query("where", of_it))?;
    let all: Payments = all.ok()?.json()?;
    let mut booked = vec![];
    for payment in all.payments {
        booked.push(match payment.status.as_str() {
            "AUTHORISED" => Booked::Stands(BookedPayment {
                amount: Amounts::MAJOR.read(&payment.amount.to_string(), currency)?,
                on: day(&payment.date)?,
                id: payment.id,
                invoice: invoice.into(),
                number: number.clone(),
                reference: payment.reference.unwrap_or_default(),
            }),
            "DELETED" => Booked::Gone(payment.id),
            _ => return Err(Trouble::Unreadable("a payment's status is unknown".into()).into()),
        });
    }
    Ok(booked)
}

/// So many payments stand on a page.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Changed {
    #[serde(rename = "Payments")]
    payments: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    #[serde(rename = "PaymentID")]
    id: String,
    #[serde(rename = "UpdatedDateUTC")]
    updated: String,
    invoice: Option<OfInvoice>,
}

#[derive(Deserialize)]
struct OfInvoice {
    #[serde(rename = "InvoiceID")]
    id: String,
}

/// The invoices of payments that changed since. A portion goes on at a time, as a payment that changes
/// while the list is read moves to its end; at a page where a whole page changed at once.
fn changed(window: &Window, talk: &mut Talk, _: &Account) -> Result<Portion<Item>, Pause> {
    let place = window.after.as_deref().map(|after| after.split_once('#'));
    let (since, page) = match place {
        None => (window.from, 1),
        Some(place) => {
            let (at, page) = place.ok_or(Trouble::Missing)?;
            let page = page.parse().map_err(|_| Trouble::Missing)?;
            (at.parse().map_err(|_| Trouble::Missing)?, page)
        }
    };
    let list = Request::get(format!("{BASE}/Payments"))
        .header("If-Modified-Since", since.strftime("%FT%TZ").to_string())
        .query("order", "UpdatedDateUTC ASC")
        .query("page", page.to_string())
        .query("pageSize", PAGE.to_string());
    let list: Changed = talk.ask(list)?.ok()?.json()?;
    let (mut items, mut newest) = (vec![], since);
    for raw in &list.payments {
        let change: Change = json::read_part(raw).map_err(Trouble::from)?;
        newest = newest.max(moment(&change.updated)?);
        let Some(invoice) = change.invoice else {
            continue;
        };
        items.push(Item {
            id: Some(digest_id(&["payment", &change.id, &change.updated])),
            name: "PAYMENT.CHANGED".into(),
            notice: Ok(Notice::Booked {
                document: invoice.id,
            }),
        });
    }
    let next = match newest > since {
        true => format!("{newest}#1"),
        false => format!("{since}#{}", page + 1),
    };
    Ok(Portion {
        items,
        next: Some(next).filter(|_| list.payments.len() == PAGE),
    })
}

/// `2026-03-14`, or `/Date(1773446400000+0000)/`: a day, as its first moment in UTC.
fn day(text: &str) -> Result<Date, Trouble> {
    let odd = || Trouble::Unreadable("a payment's day is none".into());
    if text.starts_with('/') {
        return Ok(moment(text)?.to_zoned(TimeZone::UTC).date());
    }
    let day = text.split('T').next().unwrap_or_default();
    day.parse().map_err(|_| odd())
}

/// `/Date(1773446400000+0000)/`: milliseconds, always in UTC.
fn moment(text: &str) -> Result<Timestamp, Trouble> {
    let millis = text.strip_prefix("/Date(").and_then(|text| {
        let end = text.find(['+', ')'])?;
        text[..end].parse().ok()
    });
    let at = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    at.ok_or_else(|| Trouble::Unreadable("a payment's time is none".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_however_xero_writes_it() {
        let date = jiff::civil::date(2026, 3, 14);
        for text in [
            "2026-03-14",
            "2026-03-14T00:00:00",
            "/Date(1773446400000+0000)/",
            "/Date(1773446400000)/",
        ] {
            assert_eq!(day(text), Ok(date), "{text}");
        }
        for text in ["", "soon", "/Date()/", "/Date(x+0000)/", "14/03/2026"] {
            assert!(day(text).is_err(), "{text}");
        }
    }
}
