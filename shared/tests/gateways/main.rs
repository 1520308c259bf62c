//! What the readers of gateways have in common; what each is asked and makes of it is in the
//! conformance suite.

mod parts;
#[path = "../support/talk.rs"]
mod talk;

use meridian::contract::{
    Account, Charge, Checkout, Delivery, Field, Gateway, Inbound, LookedUp, Lookup, Refund, Reply,
    Trouble, Unreadable, Verified,
};
use meridian::domain::fact::{Fact, Kind, Method};
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use serde_json::Value;
use talk::heard;

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::read("EUR").unwrap())
}

fn case_id() -> String {
    ids::derived(&["a case"])
}

/// Our reference of the case's first payment.
fn reference() -> String {
    ids::payment_reference(&case_id(), 1)
}

fn account(declared: &[Field], fields: &[(&str, &str)]) -> Account {
    let fields = fields.iter().map(|(n, v)| (n.to_string(), v.to_string()));
    Account::load(declared, fields.collect()).expect("all declared secrets are given")
}

// ---- what is asked -----------------------------------------------------------------------------

fn checkout(keep_method: bool) -> Checkout {
    Checkout {
        reference: reference(),
        amount: eur(10_000),
        label: "Wattle Street Clinic, invoice 7".into(),
        return_to: "https://pay.example/pay/done".into(),
        cancel_to: "https://pay.example/pay/cancelled".into(),
        webhook_url: "https://pay.example/webhooks/demo/mollie".into(),
        keep_method,
        payer: "pat-1".into(),
    }
}

fn charge(method: Method) -> Charge {
    Charge {
        reference: reference(),
        amount: eur(10_000),
        label: "Wattle Street Clinic, invoice 7".into(),
        method,
        webhook_url: "https://pay.example/webhooks/demo/mollie".into(),
        payer: "pat-1".into(),
    }
}

fn refund(payment: &str) -> Refund {
    Refund {
        reference: ids::refund_reference(&case_id(), 1),
        payment: payment.into(),
        amount: eur(2_500),
        total_refunded: eur(4_000),
        whole: false,
    }
}

fn lookup(payment: Option<&str>, session: Option<&str>) -> Lookup {
    Lookup {
        reference: reference(),
        payment: payment.map(String::from),
        session: session.map(String::from),
        amount: eur(10_000),
    }
}

fn json(status: u16, body: Value) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().into(),
    }
}

/// A file beside the contracts, where their folder is named.
fn official(path: &str) -> Option<Value> {
    let folder = std::env::var_os("MERIDIAN_CONTRACTS").filter(|folder| !folder.is_empty())?;
    let file = std::path::Path::new(&folder).join(path);
    let text = std::fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    Some(serde_json::from_slice(&text).expect("the file is JSON"))
}

// ---- webhooks ----------------------------------------------------------------------------------

fn inbound(gateway: &'static Gateway) -> &'static Inbound {
    gateway.webhook.yes().expect("it sends webhooks")
}

fn delivery(headers: &[(&str, &str)], body: &str) -> Delivery {
    let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string()));
    Delivery {
        headers: headers.collect(),
        method: "POST".into(),
        body: body.into(),
        url: "https://pay.example/webhooks/demo".into(),
        received_at: 1_780_000_000,
    }
}

// ---- what it comes to --------------------------------------------------------------------------
