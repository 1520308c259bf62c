//! Mollie's payments, embeds and both kinds of webhooks.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

fn mollie(method: &str, path: &str) -> Exchange {
    call("mollie", method, path).header("Authorization", "Bearer test_demo")
}

fn link(href: &str) -> Value {
    json!({"href": href, "type": "application/hal+json"})
}

fn payment() -> Value {
    json!({"resource": "payment", "id": "tr_1", "mode": "test", "createdAt": "2026-11-21T15:00:00+00:00",
        "amount": {"currency": "EUR", "value": "10.00"}, "description": "Invoice 1", "status": "open",
        "profileId": "pfl_1", "sequenceType": "oneoff", "metadata": {"case": "c-1"}, "method": null,
        "redirectUrl": "https://c.test/ok", "webhookUrl": "https://c.test/w",
        "_links": {"self": link("https://api.mollie.com/v2/payments/tr_1"),
            "checkout": {"href": "https://www.mollie.com/checkout/1", "type": "text/html"},
            "dashboard": {"href": "https://my.mollie.com/1", "type": "text/html"},
            "documentation": {"href": "https://docs.mollie.com", "type": "text/html"}}})
}

fn create() -> Value {
    json!({"amount": {"currency": "EUR", "value": "10.00"}, "description": "Invoice 1",
        "redirectUrl": "https://c.test/ok", "webhookUrl": "https://c.test/w",
        "metadata": {"case": "c-1"}, "sequenceType": "first", "customerId": "cst_1"})
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    let post = |body: Value| mollie("POST", "/v2/payments").json(body);
    fits(&contracts, &post(create()).header("Idempotency-Key", "k-1"));
    let with = |field: &str, value: Value| {
        let mut changed = create();
        changed[field] = value;
        post(changed)
    };
    let number = with("amount", json!({"currency": "EUR", "value": 10.0}));
    let problems = contracts.check(&number);
    assert!(
        problems.iter().all(|line| line.contains("/amount/value")) && !problems.is_empty(),
        "{problems:#?}"
    );
    fails(
        &contracts,
        &with("amount", json!({"currency": "EUR", "value": "10.0"})),
        "/amount/value",
    );
    fails(
        &contracts,
        &with("amount", json!({"currency": "EUR"})),
        "\"value\" is required",
    );
    fails(
        &contracts,
        &with("redirectURL", json!("x")),
        "/redirectURL: unknown field",
    );
    fails(
        &contracts,
        &with("status", json!("paid")),
        "/status: only the vendor may set",
    );
    fails(
        &contracts,
        &with("sequenceType", json!("second")),
        "/sequenceType",
    );
    let nothing = contracts.check(&mollie("POST", "/v2/payments"));
    are(
        &nothing,
        &["\"amount\" is", "\"description\" is", "\"redirectUrl\" is"],
    );
    let refund = |body: Value| mollie("POST", "/v2/payments/tr_1/refunds").json(body);
    let amount = json!({"currency": "EUR", "value": "5.00"});
    fits(
        &contracts,
        &refund(json!({"amount": amount, "description": "Refund 1", "metadata": null})),
    );
    fails(
        &contracts,
        &refund(json!({"amount": amount, "description": "Refund 1"})),
        "\"metadata\" is required",
    );
    fails(
        &contracts,
        &mollie("POST", "/v2/payment").json(create()),
        "no such operation",
    );
    fails(
        &contracts,
        &call("mollie", "GET", "/v2/payments/tr_1"),
        "Bearer is expected",
    );
}

#[test]
fn paths_and_queries() {
    let Some(contracts) = contracts() else { return };
    fits(
        &contracts,
        &mollie("GET", "/v2/payments/tr_1?embed=refunds,chargebacks"),
    );
    fails(
        &contracts,
        &mollie("GET", "/v2/payments/tr_1?embed=refund"),
        "query /embed",
    );
    fails(
        &contracts,
        &mollie("GET", "/v2/payments/tr_1?embeds=refunds"),
        "/embeds: unknown field",
    );
    fails(
        &contracts,
        &mollie("GET", "/v2/payments/pi_1"),
        "path parameter paymentId",
    );
    fits(
        &contracts,
        &mollie("GET", "/v2/payments/tr_1/refunds?limit=50"),
    );
}

#[test]
fn replies() {
    let Some(contracts) = contracts() else { return };
    let got = |status, body| mollie("GET", "/v2/payments/tr_1").reply(status, body);
    fits(&contracts, &got(200, payment()));
    let with = |field: &str, value: Value| {
        let mut changed = payment();
        changed[field] = value;
        got(200, changed)
    };
    fails(&contracts, &with("status", json!("succeeded")), "/status");
    fails(
        &contracts,
        &with("amountRefunded", json!("5.00")),
        "/amountRefunded",
    );
    let mut less = payment();
    less.as_object_mut().unwrap().remove("profileId");
    fails(&contracts, &got(200, less), "\"profileId\" is required");
    let error = json!({"status": 404, "title": "Not Found", "detail": "No payment exists",
        "_links": {"documentation": {"href": "https://docs.mollie.com", "type": "text/html"}}});
    fits(&contracts, &got(404, error.clone()));
    fits(&contracts, &got(401, error));
    fails(
        &contracts,
        &got(404, json!({"status": 404, "title": "x", "detail": "y"})),
        "\"_links\" is required",
    );
    let created = mollie("POST", "/v2/payments").json(create());
    fits(&contracts, &created.clone().reply(201, payment()));
    fails(
        &contracts,
        &created.reply(200, payment()),
        "reply status 200",
    );
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    hook_fits(&contracts, "mollie", &form, "id=tr_1");
    hook_fails(
        &contracts,
        "mollie",
        &form,
        "id=tr_1&status=paid",
        "an id alone",
    );
    hook_fails(&contracts, "mollie", &form, "id=pi_1", "an id alone");
    let signature = format!("sha256={}", "0e".repeat(32));
    let head = [
        ("X-Mollie-Signature", signature.as_str()),
        ("Content-Type", "application/json"),
    ];
    let event = |kind: &str| {
        json!({"resource": "event", "id": "event_1", "type": kind, "entityId": "tr_1",
            "createdAt": "2026-11-21T15:00:00+00:00",
            "_links": {"self": link("https://x"), "documentation": link("https://y")}})
        .to_string()
    };
    hook_fits(&contracts, "mollie", &head, &event("payment.paid"));
    hook_fails(&contracts, "mollie", &head, &event("payment.done"), "/type");
    let less = event("payment.paid").replace("entityId", "entity");
    hook_fails(
        &contracts,
        "mollie",
        &head,
        &less,
        "\"entityId\" is required",
    );
}
