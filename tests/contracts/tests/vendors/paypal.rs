//! PayPal's orders, tokens, postback, certificates and notices.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

fn paypal(method: &str, path: &str) -> Exchange {
    call("paypal", method, path)
        .header("Authorization", "Bearer A21")
        .header("PayPal-Request-Id", "k-1")
}

fn order() -> Value {
    json!({"intent": "CAPTURE", "purchase_units": [{
        "reference_id": "c-1", "custom_id": "c-1", "invoice_id": "i-1",
        "amount": {"currency_code": "EUR", "value": "10.00"}}],
        "payment_source": {"paypal": {"experience_context": {
            "return_url": "https://c.test/ok", "cancel_url": "https://c.test/no",
            "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING"},
            "attributes": {"vault": {"store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"}}}}})
}

fn capture() -> Value {
    json!({"id": "3C679366HH908993F", "status": "COMPLETED", "custom_id": "c-1",
        "amount": {"currency_code": "EUR", "value": "10.00"}, "final_capture": true,
        "create_time": "2026-11-21T15:00:00Z", "update_time": "2026-11-21T15:00:00Z",
        "links": [{"href": "https://api-m.paypal.com/v2/payments/captures/3C679366HH908993F",
            "rel": "self", "method": "GET"}]})
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    let post = |body: Value| paypal("POST", "/v2/checkout/orders").json(body);
    fits(
        &contracts,
        &post(order()).header("Prefer", "return=representation"),
    );
    let with = |pointer: &str, value: Value| {
        let mut changed = order();
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        changed.pointer_mut(parent).expect("a parent")[field] = value;
        post(changed)
    };
    let amount = "/purchase_units/0/amount";
    fails(
        &contracts,
        &with(&format!("{amount}/value"), json!(10.0)),
        "/purchase_units/0/amount/value",
    );
    fails(
        &contracts,
        &with(&format!("{amount}/currency"), json!("EUR")),
        "currency: unknown field",
    );
    fails(
        &contracts,
        &with("/purchase_units/0/status", json!("x")),
        "unknown field",
    );
    fails(&contracts, &with("/intent", json!("SALE")), "/intent");
    fails(
        &contracts,
        &with("/purchase_units", json!([])),
        "/purchase_units",
    );
    let context = "/payment_source/paypal/experience_context/user_acton";
    fails(
        &contracts,
        &with(context, json!("PAY_NOW")),
        "/user_acton: unknown field",
    );
    let unkeyed =
        call("paypal", "POST", "/v2/checkout/orders").header("Authorization", "Bearer A21");
    fails(
        &contracts,
        &unkeyed.json(order()),
        "PayPal-Request-Id is required",
    );
    fails(
        &contracts,
        &paypal("POST", "/v2/checkout/order").json(order()),
        "no such operation",
    );
    fits(
        &contracts,
        &paypal("POST", "/v2/checkout/orders/5O190127TN364715T/capture").json(json!({})),
    );
    let refund = |body| paypal("POST", "/v2/payments/captures/3C679366HH908993F/refund").json(body);
    fits(&contracts, &refund(json!({})));
    let part = json!({"amount": {"currency_code": "EUR", "value": "5.00"}, "custom_id": "r-1"});
    fits(&contracts, &refund(part));
    fails(
        &contracts,
        &refund(json!({"amount": {"value": "5.00"}})),
        "\"currency_code\" is required",
    );
}

#[test]
fn replies() {
    let Some(contracts) = contracts() else { return };
    let got =
        |status, body| paypal("GET", "/v2/payments/captures/3C679366HH908993F").reply(status, body);
    fits(&contracts, &got(200, capture()));
    let with = |field: &str, value: Value| {
        let mut changed = capture();
        changed[field] = value;
        got(200, changed)
    };
    fails(&contracts, &with("status", json!("DONE")), "/status");
    fails(
        &contracts,
        &with("amount", json!({"currency_code": "EUR", "value": 10})),
        "/amount/value",
    );
    fails(
        &contracts,
        &with("links", json!([{"href": "x"}])),
        "\"rel\" is required",
    );
    fails(&contracts, &got(201, capture()), "reply status 201");
    let error = json!({"name": "TOO_MANY", "message": "Slow down", "debug_id": "d1"});
    fails(&contracts, &got(429, json!("no")), "reply 429 body");
    let late = paypal("GET", "/v3/vault/payment-tokens/8kk8451t").reply(429, error);
    fits(&contracts, &late);
}

#[test]
fn token_postback_and_certificate() {
    let Some(contracts) = contracts() else { return };
    let token = |form: &str| {
        call("paypal", "POST", "/v1/oauth2/token")
            .header("Authorization", "Basic eDp5")
            .form(form)
    };
    let reply = json!({"access_token": "A21", "token_type": "Bearer", "expires_in": 32400});
    fits(
        &contracts,
        &token("grant_type=client_credentials").reply(200, reply),
    );
    fails(&contracts, &token("grant_type=password"), "/grant_type");
    let text = json!({"access_token": "A21", "token_type": "Bearer", "expires_in": "soon"});
    fails(
        &contracts,
        &token("grant_type=client_credentials").reply(200, text),
        "/expires_in",
    );
    let back = |form: &str| call("paypal", "POST", "/cgi-bin/webscr").form(form);
    let notice = "cmd=_notify-validate&txn_id=1&mc_gross=10.00";
    fits(&contracts, &back(notice).reply_text(200, "VERIFIED"));
    fails(
        &contracts,
        &back(notice).reply_text(200, "OK"),
        "reply 200 body",
    );
    fails(&contracts, &back("txn_id=1"), "\"cmd\" is required");
    let cert = call("paypal", "GET", "/v1/notifications/certs/CERT-1");
    fits(
        &contracts,
        &cert.reply_text(200, "-----BEGIN CERTIFICATE-----\nMII"),
    );
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let signature = "A".repeat(344);
    let head = [
        ("PAYPAL-TRANSMISSION-ID", "t-1"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-11-21T15:00:00Z"),
        ("PAYPAL-TRANSMISSION-SIG", signature.as_str()),
        ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
        (
            "PAYPAL-CERT-URL",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        ),
        ("Content-Type", "application/json"),
    ];
    let event = |name: &str, resource: Value| {
        json!({"id": "WH-1", "event_version": "1.0", "create_time": "2026-11-21T15:00:00.000Z",
            "resource_type": "capture", "resource_version": "2.0", "event_type": name,
            "summary": "Payment completed", "resource": resource, "links": []})
        .to_string()
    };
    let good = event("PAYMENT.CAPTURE.COMPLETED", capture());
    hook_fits(&contracts, "paypal", &head, &good);
    let invented = event("PAYMENT.CAPTURE.DONE", capture());
    hook_fails(
        &contracts,
        "paypal",
        &head,
        &invented,
        "is not an event of the facts",
    );
    let mut wrong = capture();
    wrong["amount"]["value"] = json!(10);
    let wrong = event("PAYMENT.CAPTURE.COMPLETED", wrong);
    hook_fails(
        &contracts,
        "paypal",
        &head,
        &wrong,
        "/resource/amount/value",
    );
    let mut elsewhere = head;
    elsewhere[4].1 = "https://api.paypal.com.evil.test/cert";
    hook_fails(
        &contracts,
        "paypal",
        &elsewhere,
        &good,
        "an https address at paypal.com",
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let notice = "receiver_email=c%40example.test&txn_id=1&payment_status=Completed\
        &mc_gross=10.00&mc_currency=EUR";
    hook_fits(&contracts, "paypal-ipn", &form, notice);
    hook_fails(
        &contracts,
        "paypal-ipn",
        &form,
        &notice.replace("txn_id", "id"),
        "/txn_id: is required",
    );
}
