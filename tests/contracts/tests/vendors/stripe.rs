//! Stripe's bracketed forms, pinned version, samples and signed events.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

fn stripe(method: &str, path: &str) -> Exchange {
    call("stripe", method, path)
        .header("Authorization", "Bearer sk_test_demo")
        .header("Stripe-Version", "2023-08-16")
}

const INTENT: &str = "amount=12500&currency=eur&customer=cus_1&payment_method=pm_1&confirm=true\
    &off_session=true&metadata[case]=c-1&metadata[7]=x&payment_method_types[]=card\
    &payment_method_types[]=link&expand[0]=latest_charge";

fn refund() -> Value {
    json!({"id": "re_1", "object": "refund", "amount": 500, "balance_transaction": null,
        "charge": "ch_1", "created": 1700000000, "currency": "eur", "metadata": {},
        "payment_intent": "pi_1", "reason": null, "receipt_number": null,
        "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null})
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    let post = |body: &str| stripe("POST", "/v1/payment_intents").form(body);
    fits(&contracts, &post(INTENT).header("Idempotency-Key", "k-1"));
    let wrong = INTENT.replace("amount=12500", "amount=125.00");
    fails(
        &contracts,
        &post(&wrong),
        "request body /amount: value is not of type \"integer\"",
    );
    let misspelt = INTENT.replace("off_session", "offsession");
    fails(&contracts, &post(&misspelt), "/offsession: unknown field");
    let nested = format!("{INTENT}&shipping[name]=a&shipping[address][lin1]=b");
    fails(
        &contracts,
        &post(&nested),
        "/shipping/address/lin1: unknown field",
    );
    let missing = INTENT.replace("amount=12500&", "");
    fails(&contracts, &post(&missing), "\"amount\" is required");
    let value = format!("{INTENT}&capture_method=later");
    fails(&contracts, &post(&value), "/capture_method:");
    let twice = format!("{INTENT}&amount=1");
    fails(&contracts, &post(&twice), "amount: the name occurs twice");
    let long = "k".repeat(256);
    fails(
        &contracts,
        &post(INTENT).header("Idempotency-Key", &long),
        "Idempotency-Key",
    );
    let as_json = stripe("POST", "/v1/payment_intents").json(json!({"amount": 1}));
    fails(
        &contracts,
        &as_json,
        "Content-Type: application/x-www-form-urlencoded is expected",
    );
    fails(
        &contracts,
        &stripe("POST", "/v1/payment_intent").form(""),
        "no such operation",
    );
    fails(
        &contracts,
        &stripe("DELETE", "/v1/refunds"),
        "for GET, POST only",
    );
}

#[test]
fn session() {
    let Some(contracts) = contracts() else { return };
    let session = "mode=payment&success_url=https%3A%2F%2Fc.test%2Fok&client_reference_id=c-1\
        &line_items[0][quantity]=1&line_items[0][price_data][currency]=eur\
        &line_items[0][price_data][unit_amount]=12500\
        &line_items[0][price_data][product_data][name]=Invoice+1\
        &payment_intent_data[setup_future_usage]=off_session&expires_at=1700000000";
    let post = |body: &str| stripe("POST", "/v1/checkout/sessions").form(body);
    fits(&contracts, &post(session));
    let deep = session.replace("product_data][name", "product_data][nam");
    let problems = contracts.check(&post(&deep));
    let place = "/line_items/0/price_data/product_data/nam: unknown field";
    assert!(
        problems.iter().any(|line| line.contains(place)),
        "{problems:#?}"
    );
    fits(
        &contracts,
        &stripe("POST", "/v1/checkout/sessions/cs_1/expire"),
    );
}

#[test]
fn headers_and_queries() {
    let Some(contracts) = contracts() else { return };
    let get = |version: &str, query: &str| {
        call("stripe", "GET", &format!("/v1/refunds?{query}"))
            .header("Authorization", "Bearer sk_test_demo")
            .header("Stripe-Version", version)
    };
    fits(
        &contracts,
        &get(
            "2023-08-16",
            "payment_intent=pi_1&limit=100&created[gte]=1700000000",
        ),
    );
    fails(
        &contracts,
        &get("2024-01-01", "limit=1"),
        "request header Stripe-Version",
    );
    fails(&contracts, &get("2023-08-16", "limit=ten"), "query /limit");
    fails(
        &contracts,
        &get("2023-08-16", "metadata=1"),
        "query /metadata: unknown field",
    );
    let bare = call("stripe", "GET", "/v1/refunds");
    let problems = contracts.check(&bare);
    assert_eq!(problems.len(), 2, "no key and no version: {problems:#?}");
}

#[test]
fn replies() {
    let Some(contracts) = contracts() else { return };
    let got = |status: u16, body: Value| stripe("GET", "/v1/refunds/re_1").reply(status, body);
    fits(&contracts, &got(200, refund()));
    let mut more = refund();
    more["invented_later"] = json!(1);
    fits(&contracts, &got(200, more));
    let mut wrong = refund();
    wrong["amount"] = json!("500");
    fails(&contracts, &got(200, wrong), "reply 200 body /amount");
    let mut less = refund();
    less.as_object_mut().unwrap().remove("currency");
    fails(&contracts, &got(200, less), "\"currency\" is required");
    fails(&contracts, &got(201, refund()), "reply status 201");
    let declined = json!({"error": {"type": "card_error", "code": "card_declined"}});
    fits(&contracts, &got(402, declined));
    let shapeless = json!({"message": "no"});
    fails(&contracts, &got(402, shapeless), "\"error\" is required");
    let kind = json!({"error": {"type": "sorry"}});
    fails(&contracts, &got(402, kind), "/error/type");
    fits(
        &contracts,
        &stripe("GET", "/v1/refunds/re_1").reply_text(503, "upstream"),
    );
    let text = stripe("GET", "/v1/refunds/re_1").reply_text(200, "ok");
    fails(&contracts, &text, "application/json is expected");
}

/// Today's samples, where the resource has kept the shape of the pinned version.
#[test]
fn official_samples() {
    let Some(contracts) = contracts() else { return };
    let samples = fixture("stripe/fixtures3.2026-08.json");
    let got = |name: &str, path: &str| {
        let sample = &samples["resources"][name];
        assert!(sample.is_object(), "there is no sample of {name}");
        stripe("GET", path).reply(200, sample.clone())
    };
    let kept = [
        ("charge", "/v1/charges/ch_1"),
        ("checkout.session", "/v1/checkout/sessions/cs_1"),
        ("dispute", "/v1/disputes/dp_1"),
        ("event", "/v1/events/evt_1"),
        ("payment_intent", "/v1/payment_intents/pi_1"),
        ("payment_method", "/v1/payment_methods/pm_1"),
        ("refund", "/v1/refunds/re_1"),
        ("setup_intent", "/v1/setup_intents/seti_1"),
        ("balance_transaction", "/v1/balance_transactions/txn_1"),
        ("payout", "/v1/payouts/po_1"),
    ];
    for (name, path) in kept {
        fits(&contracts, &got(name, path));
    }
    // a coupon went from the discount since
    let customer = got("customer", "/v1/customers/cus_1");
    fails(
        &contracts,
        &customer,
        "body /discount: \"coupon\" is required",
    );
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let signature = format!("t=1700000000,v1={}", "0a".repeat(32));
    let head = [
        ("Stripe-Signature", signature.as_str()),
        ("Content-Type", "application/json"),
    ];
    let event = |kind: &str, object: Value| {
        json!({"id": "evt_1", "object": "event", "api_version": "2023-08-16",
            "created": 1700000000, "livemode": false, "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": null},
            "type": kind, "data": {"object": object}})
        .to_string()
    };
    hook_fits(
        &contracts,
        "stripe",
        &head,
        &event("refund.updated", refund()),
    );
    hook_fits(
        &contracts,
        "stripe",
        &head,
        &event("refund.failed", refund()),
    );
    let invented = event("refund.done", refund());
    hook_fails(
        &contracts,
        "stripe",
        &head,
        &invented,
        "\"refund.done\" is not an event",
    );
    let mut wrong = refund();
    wrong["created"] = json!("yesterday");
    let wrong = event("refund.updated", wrong);
    hook_fails(&contracts, "stripe", &head, &wrong, "/data/object/created");
    let unsigned = [("Content-Type", "application/json")];
    let good = event("refund.updated", refund());
    hook_fails(
        &contracts,
        "stripe",
        &unsigned,
        &good,
        "header stripe-signature: is required",
    );
    let older = good.replace("2023-08-16", "2020-08-27");
    hook_fails(&contracts, "stripe", &head, &older, "not the pinned one");
}
