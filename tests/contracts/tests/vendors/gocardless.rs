//! GoCardless's enveloped bodies, official samples and batches of events.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

fn gocardless(method: &str, path: &str) -> Exchange {
    call("gocardless", method, path)
        .header("Authorization", "Bearer sandbox_demo")
        .header("GoCardless-Version", "2015-07-06")
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    let payment = |fields: Value| gocardless("POST", "/payments").json(json!({"payments": fields}));
    let good = json!({"amount": 1000, "currency": "GBP", "links": {"mandate": "MD1"},
        "metadata": {"case": "c-1"}});
    fits(
        &contracts,
        &payment(good.clone()).header("Idempotency-Key", "k-1"),
    );
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed[field] = value;
        payment(changed)
    };
    fails(
        &contracts,
        &with("amount", json!(10.5)),
        "/payments/amount: value is not of type \"integer\"",
    );
    fails(
        &contracts,
        &with("ammount", json!(1)),
        "/payments/ammount: unknown field",
    );
    fails(
        &contracts,
        &with("currency", json!("gbp")),
        "/payments/currency",
    );
    fails(
        &contracts,
        &with("links", json!({})),
        "/payments/links: \"mandate\" is required",
    );
    let links = with("links", json!({"mandate": "MD1", "customer": "CU1"}));
    fails(
        &contracts,
        &links,
        "/payments/links/customer: unknown field",
    );
    let bare = contracts.check(&gocardless("POST", "/payments").json(good));
    let unknown = [
        "/amount: unknown",
        "/currency: unknown",
        "/links: unknown",
        "/metadata: unknown",
    ];
    are(
        &bare,
        &[&unknown[..], &["\"payments\" is required"]].concat(),
    );
    let old = call("gocardless", "GET", "/payments/PM1").header("Authorization", "Bearer x");
    fails(&contracts, &old, "GoCardless-Version is required");
    fails(
        &contracts,
        &gocardless("GET", "/charges"),
        "no such operation",
    );
    let flow = json!({"billing_request_flows": {"redirect_uri": "https://c.test",
        "links": {"billing_request": "BRQ1"}}});
    fits(
        &contracts,
        &gocardless("POST", "/billing_request_flows").json(flow),
    );
}

#[test]
fn actions_and_queries() {
    let Some(contracts) = contracts() else { return };
    let cancel = || gocardless("POST", "/payments/PM1/actions/cancel");
    fits(&contracts, &cancel());
    fits(
        &contracts,
        &cancel().json(json!({"data": {"metadata": {"why": "c-1"}}})),
    );
    fails(
        &contracts,
        &cancel().json(json!({"data": {"reason": "x"}})),
        "/data/reason: unknown",
    );
    fits(
        &contracts,
        &gocardless("GET", "/payments?created_at[gte]=2026-01-01&limit=50"),
    );
    fails(
        &contracts,
        &gocardless("GET", "/payments?creted_at[gte]=x"),
        "/creted_at: unknown field",
    );
    let wrong = gocardless("GET", "/payments?status=done");
    fails(&contracts, &wrong, "query /status");
}

/// The vendor's own samples: file, name in it, status, and the call that it answers.
const SAMPLES: [(&str, &str, u16, &str, &str); 19] = [
    ("payments", "create", 201, "POST", "/payments"),
    ("payments", "list", 200, "GET", "/payments"),
    ("payments", "get", 200, "GET", "/payments/PM123"),
    (
        "payments",
        "cancel",
        200,
        "POST",
        "/payments/PM123/actions/cancel",
    ),
    (
        "payments",
        "retry",
        200,
        "POST",
        "/payments/PM123/actions/retry",
    ),
    ("refunds", "create", 201, "POST", "/refunds"),
    ("refunds", "list", 200, "GET", "/refunds"),
    ("refunds", "get", 200, "GET", "/refunds/RF123"),
    ("mandates", "get", 200, "GET", "/mandates/MD123"),
    (
        "mandates",
        "cancel",
        200,
        "POST",
        "/mandates/MD123/actions/cancel",
    ),
    ("customers", "list", 200, "GET", "/customers"),
    (
        "billing_requests",
        "create",
        201,
        "POST",
        "/billing_requests",
    ),
    (
        "billing_requests",
        "get",
        200,
        "GET",
        "/billing_requests/BRQ123",
    ),
    (
        "billing_requests",
        "fulfil",
        200,
        "POST",
        "/billing_requests/BRQ123/actions/fulfil",
    ),
    (
        "billing_request_flows",
        "create",
        201,
        "POST",
        "/billing_request_flows",
    ),
    ("events", "list", 200, "GET", "/events"),
    ("payouts", "list", 200, "GET", "/payouts"),
    ("payout_items", "list", 200, "GET", "/payout_items"),
    ("webhooks", "list", 200, "GET", "/webhooks"),
];

#[test]
fn the_vendors_own_samples_are_its_replies() {
    let Some(contracts) = contracts() else { return };
    for (file, name, status, method, path) in SAMPLES {
        let mut body = fixture(&format!("gocardless/fixtures/{file}.json"))[name]["body"].clone();
        assert!(body.is_object(), "{file} has no {name}");
        forget_placeholders(&mut body);
        let query = if file == "payout_items" {
            "?payout=PO123"
        } else {
            ""
        };
        let sent = gocardless(method, &format!("{path}{query}"));
        let sent = match (method, status) {
            // a sample of a request is not among the files: any that fits will do
            ("POST", 201) => continue_with(sent, file),
            _ => sent,
        };
        fits(&contracts, &sent.reply(status, body));
    }
    let conflict =
        fixture("gocardless/fixtures/idempotent_creation_conflict_invalid_state_error.json");
    let refund = || continue_with(gocardless("POST", "/refunds"), "refunds");
    fits(&contracts, &refund().reply(409, conflict));
    let invalid = fixture("gocardless/fixtures/validation_failed_error.json");
    fits(&contracts, &refund().reply(422, invalid));
}

/// Some members of the samples are a placeholder where the schema has names.
fn forget_placeholders(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let named = ["adapter", "authorisation_type", "consent_type"];
            fields.retain(|name, _| !named.contains(&name.as_str()));
            fields.values_mut().for_each(forget_placeholders);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_placeholders),
        _ => {}
    }
}

fn continue_with(sent: Exchange, resource: &str) -> Exchange {
    let fields = match resource {
        "payments" => json!({"amount": 1, "currency": "EUR", "links": {"mandate": "MD123"}}),
        "refunds" => {
            json!({"amount": 1, "links": {"payment": "PM123"}, "total_amount_confirmation": 1})
        }
        "billing_request_flows" => json!({"links": {"billing_request": "BRQ123"}}),
        _ => json!({}),
    };
    sent.json(json!({resource: fields}))
}

#[test]
fn replies() {
    let Some(contracts) = contracts() else { return };
    let good = fixture("gocardless/fixtures/payments.json")["get"]["body"].clone();
    let got = |status: u16, body: Value| gocardless("GET", "/payments/PM123").reply(status, body);
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed["payments"][field] = value;
        got(200, changed)
    };
    fails(
        &contracts,
        &with("amount", json!("1000")),
        "/payments/amount",
    );
    fails(
        &contracts,
        &with("status", json!("done")),
        "/payments/status",
    );
    let mut less = good.clone();
    less["payments"].as_object_mut().unwrap().remove("links");
    fails(&contracts, &got(200, less), "\"links\" is required");
    fails(
        &contracts,
        &got(200, good["payments"].clone()),
        "\"payments\" is required",
    );
    fails(
        &contracts,
        &got(404, json!({"message": "x"})),
        "\"error\" is required",
    );
    fails(&contracts, &got(201, good), "reply status 201");
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let signature = "0b".repeat(32);
    let head = [
        ("Webhook-Signature", signature.as_str()),
        ("Content-Type", "application/json"),
    ];
    let official = fixture("gocardless/fixtures/webhook_request.json");
    hook_fits(&contracts, "gocardless", &head, &official.to_string());
    let with = |field: &str, value: Value| {
        let mut changed = official.clone();
        changed["events"][0][field] = value;
        changed.to_string()
    };
    let vendor = "gocardless";
    hook_fails(
        &contracts,
        vendor,
        &head,
        &with("action", json!("exploded")),
        "is not an action",
    );
    hook_fails(
        &contracts,
        vendor,
        &head,
        &with("resource_type", json!("coins")),
        "/resource_type",
    );
    hook_fails(&contracts, vendor, &head, "{}", "\"events\" is required");
    let tampered = [
        ("Webhook-Signature", "abc"),
        ("Content-Type", "application/json"),
    ];
    hook_fails(
        &contracts,
        vendor,
        &tampered,
        &official.to_string(),
        "64 hex digits is expected",
    );
}
