//! How GoCardless answers: kinds, dates, errors.

use crate::wire::{Reply, stamp};
use crate::world::World;
use serde_json::{Value, json};

pub const KNOBS: &str = "gocardless.knobs";
pub const DAY: i64 = 86_400_000;
pub const WHEN: &str = "%FT%T%.3fZ";

pub type Refused = Box<Reply>;
pub type Made = Result<Value, Refused>;

pub fn date(ms: i64) -> String {
    stamp(ms, "%F")
}

/// The store's name of a resource.
pub fn kind(name: &str) -> &'static str {
    match name {
        "billing_requests" => "gocardless.billing_request",
        "billing_request_flows" => "gocardless.flow",
        "mandates" => "gocardless.mandate",
        "payments" => "gocardless.payment",
        "refunds" => "gocardless.refund",
        "customers" => "gocardless.customer",
        "customer_bank_accounts" => "gocardless.bank_account",
        "events" => "gocardless.event",
        _ => "",
    }
}

pub fn error(status: u16, class: &str, reason: &str, message: &str) -> Value {
    json!({"error": {"code": status, "message": message, "type": class,
        "documentation_url": format!("https://developer.gocardless.com/api-reference#{reason}"),
        "request_id": "00000000-0000-4000-8000-000000000000",
        "errors": [{"reason": reason, "message": message}]}})
}

pub fn usage(status: u16, reason: &str, message: &str) -> Refused {
    Box::new(Reply::json(
        status,
        &error(status, "invalid_api_usage", reason, message),
    ))
}

pub fn state(reason: &str, message: &str) -> Refused {
    Box::new(Reply::json(
        422,
        &error(422, "invalid_state", reason, message),
    ))
}

pub fn invalid(pointer: &str, message: &str) -> Refused {
    let mut body = error(
        422,
        "validation_failed",
        "validation_failed",
        "Validation failed",
    );
    let field = pointer.rsplit('/').next().unwrap_or("");
    body["error"]["errors"] =
        json!([{"field": field, "message": message, "request_pointer": pointer}]);
    Box::new(Reply::json(422, &body))
}

pub fn own(world: &World, account: &str, kind: &'static str, id: &str) -> Made {
    let found = world.get(kind, account, id).cloned();
    found.ok_or_else(|| usage(404, "resource_not_found", "Resource not found"))
}

pub fn map(ask: &Value) -> Value {
    if ask["metadata"].is_object() {
        ask["metadata"].clone()
    } else {
        json!({})
    }
}
