//! What a system is told, made of a case's data: the usual notification of its topic, with what the
//! system (`usual`) and the case (`ask`) have in place of it.

use crate::data::{Data, merge};
use meridian::contract::*;
use meridian::domain::outbox::Topic;
use meridian::words::money::{Currency, Money};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Under which the usual notification is delivered.
pub const KEY: &str = "t-0abcdefghjkmnpqrstvw-receipt-p1";

/// What a step before it was filed as, where nobody says otherwise.
const MADE: &str = "3d1f3a52-3c5e-4d0a-8f1b-6b7c8d9e0f10";

/// Of an invoice over 119.00 with 19.00 of tax, with nothing shared but what the channel needs.
fn usual(topic: Topic, step: usize) -> Value {
    let filed = "61ed71fc-01bf-4eb8-8419-8a18789ff45f";
    json!({
        "key": KEY, "topic": topic, "clinic": "demo", "invoice": "INV-7",
        "filed": [filed, "5e0d7d7f-3b5c-4f0a-9b57-1c4c8f1e2b3d"],
        "note": (topic == Topic::InvoiceCredited).then_some("INV-7-C1"),
        "refund": (topic == Topic::RefundPaid).then_some("R-7-1"),
        "made": vec![MADE; step], "came": "gateway", "by": "gateway",
        "amount": 11900, "payment": 11900, "refunded_before": 0,
        "standing": {"payment": filed, "was": 11900, "applied": 11900},
        "total": 11900, "rates": [["19", 11900, 1900]],
        "date": "2026-03-14", "at": "2026-03-14T09:30:00Z",
        "ids": {"clinic": "", "case": "0123456789abcdef", "payment": "0123456789abcdef-p1", "payment_there": "pi_1",
            "refund": null, "request": null, "refund_there": null, "dispute": null, "dispute_there": null, "task": null, "patient": null, "appointment": null},
        "stood": {"asked": 11900, "due": 0, "deposit": false, "payment": null, "decline": null, "refund": null, "dispute": null, "due_by": null, "cancelled_by": null, "alert": null},
        "gateway": "stripe", "contact": null,
        "customer": {"reference": "P-12", "name": null, "email": "sam@example.com", "phone": "+4930555444"},
        "message": {"subject": "Your receipt", "text": "Thank you: 119.00 EUR for INV-7 was paid.",
            "html": "<p>Thank you: 119.00 EUR for INV-7 was paid.</p>"},
    })
}

/// Of this topic at this step, as this system is told it; `over` is in place of that.
pub fn notification(data: &Data, topic: Topic, step: usize, over: &Value) -> Notification {
    let mut told = usual(topic, step);
    for over in [&data.get("usual"), over] {
        if over.is_object() {
            known(&told, over);
            merge(&mut told, over);
        }
    }
    read(&told)
}

/// A word that nothing is called by would say nothing.
fn known(told: &Value, over: &Value) {
    for (name, value) in over.as_object().into_iter().flatten() {
        let there = told.get(name);
        let there = there.unwrap_or_else(|| panic!("{name} is nothing that is told"));
        if there.is_object() {
            known(there, value);
        }
    }
}

fn read(told: &Value) -> Notification {
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let money = |name: &str| money(&told[name]);
    let of: fn(&Value) -> String = |id| id.as_str().unwrap_or_default().into();
    let texts = |name: &str| {
        told[name]
            .as_array()
            .into_iter()
            .flatten()
            .map(of)
            .collect()
    };
    Notification {
        key: text("key"),
        topic: of_words(&told["topic"]),
        filed: texts("filed"),
        clinic: text("clinic"),
        invoice: text("invoice"),
        refund: of_words(&told["refund"]),
        note: of_words(&told["note"]),
        made: texts("made"),
        came: of_words(&told["came"]),
        by: of_words(&told["by"]),
        amount: money("amount"),
        payment: Some(money("payment")),
        refunded_before: money("refunded_before"),
        standing: standing(&told["standing"]),
        total: money("total"),
        rates: told["rates"]
            .as_array()
            .into_iter()
            .flatten()
            .map(rate)
            .collect(),
        date: text("date").parse().expect("a day"),
        at: text("at").parse().expect("a time"),
        ids: ids(&told["ids"]),
        stood: stood(&told["stood"]),
        gateway: text("gateway"),
        customer: of_words(&told["customer"]),
        contact: of_words(&told["contact"]),
        message: of_words(&told["message"]),
    }
}

/// As what is kept of it is read.
pub fn of_words<T: DeserializeOwned>(value: &Value) -> T {
    let read = serde_json::from_value(value.clone());
    read.unwrap_or_else(|why| panic!("{value}: {why}"))
}

/// Of minor units, in euros where no currency is named beside them.
pub fn money(value: &Value) -> Money {
    let (code, minor) = match value.as_array().map(Vec::as_slice) {
        Some([code, minor]) => (code.as_str().expect("a code"), minor),
        _ => ("EUR", value),
    };
    let currency = Currency::read(code).expect("a currency");
    Money::new(minor.as_i64().expect("minor units"), currency)
}

fn standing(told: &Value) -> Standing {
    Standing {
        applied: money(&told["applied"]),
        was: money(&told["was"]),
        payment: of_words(&told["payment"]),
    }
}

/// Percent, gross and its tax.
fn rate(told: &Value) -> OfRate {
    let percent = told[0].as_str().expect("percent");
    OfRate {
        percent: percent.parse().expect("percent"),
        gross: money(&told[1]),
        tax: money(&told[2]),
    }
}

fn ids(told: &Value) -> Ids {
    let of = |name: &str| told[name].as_str().map(String::from);
    Ids {
        clinic: of("clinic").unwrap_or_default(),
        case: of("case"),
        payment: of("payment"),
        payment_there: of("payment_there"),
        refund: of("refund"),
        request: of("request"),
        refund_there: of("refund_there"),
        dispute: of("dispute"),
        dispute_there: of("dispute_there"),
        task: of("task"),
        patient: of("patient"),
        appointment: of("appointment"),
    }
}

fn stood(told: &Value) -> Stood {
    Stood {
        asked: money(&told["asked"]),
        due: money(&told["due"]),
        deposit: told["deposit"] == true,
        payment: of_words(&told["payment"]),
        decline: of_words(&told["decline"]),
        refund: of_words(&told["refund"]),
        dispute: of_words(&told["dispute"]),
        due_by: of_words(&told["due_by"]),
        cancelled_by: of_words(&told["cancelled_by"]),
        alert: of_words(&told["alert"]),
    }
}
