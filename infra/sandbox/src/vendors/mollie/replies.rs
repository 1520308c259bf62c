//! How Mollie answers: links, money, problems.

use crate::wire::{Reply, exponent, major, minor};
use serde_json::{Value, json};

pub const API: &str = "https://api.mollie.com/v2";
pub const WHEN: &str = "%FT%T+00:00";
pub const KNOBS: &str = "mollie.knobs";

pub type Refused = Box<Reply>;
pub type Made = Result<Value, Refused>;
pub type Done = Result<(u16, Value), Refused>;

pub fn problem(status: u16, title: &str, field: &str, detail: &str) -> Refused {
    let mut body = json!({"status": status, "title": title, "detail": detail,
        "_links": {"documentation": {"href": "https://docs.mollie.com/reference/handling-errors",
            "type": "text/html"}}});
    if !field.is_empty() {
        body["field"] = json!(field);
    }
    Box::new(Reply::of(status, "application/hal+json", body.to_string()))
}

pub fn refused(field: &str, detail: &str) -> Refused {
    problem(422, "Unprocessable Entity", field, detail)
}

pub fn missing(noun: &str, id: &str) -> Refused {
    problem(
        404,
        "Not Found",
        "",
        &format!("No {noun} exists with token {id}."),
    )
}

pub fn link(href: &str) -> Value {
    json!({"href": href, "type": "application/hal+json"})
}

pub fn page_link(href: &str) -> Value {
    json!({"href": href, "type": "text/html"})
}

pub fn docs() -> Value {
    page_link("https://docs.mollie.com/reference")
}

pub fn money(minor: i64, currency: &str) -> Value {
    json!({"currency": currency, "value": major(minor, exponent(currency))})
}

pub fn cents(amount: &Value) -> i64 {
    let currency = amount["currency"].as_str().unwrap_or("");
    minor(amount["value"].as_str().unwrap_or(""), exponent(currency)).unwrap_or(0)
}
