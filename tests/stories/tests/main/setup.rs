//! A clinic is made, and its invoices are numbered.

use crate::clinic::*;
use crate::contracts::alone;
use crate::post::now;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

/// The fields of a secret, from where the template keeps it.
pub fn secret(stack: &Stack, id: &str) -> Value {
    let authorization = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/secretsmanager/\
                         aws4_request, SignedHeaders=host, Signature=0";
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "secretsmanager.GetSecretValue"),
        ("authorization", authorization),
    ];
    let asked = json!({ "SecretId": id }).to_string();
    let found = stack
        .send("POST", &stack.aws, &headers, asked.as_bytes())
        .expect(200);
    let fields = found["SecretString"].as_str().expect("a secret");
    serde_json::from_str(fields).expect("a secret of fields")
}

/// The key that makes clinics.
fn root_key(stack: &Stack) -> String {
    let fields = secret(stack, "meridian/_/root");
    fields["root_key"].as_str().expect("a root key").to_owned()
}

#[test]
fn a_clinic_whose_first_key_was_lost_on_the_way_is_given_another() {
    let (stack, _alone) = alone();
    let authorization = format!("Bearer {}", root_key(stack));
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let url = format!("{}/v1/clinics", stack.http);
    let wanted = json!({
        "id": unique("wattle"),
        "name": "Wattle Street Clinic",
        "currency": "AUD",
        "time_zone": "Australia/Melbourne",
    });
    let make = |wanted: &Value| stack.send("POST", &url, &headers, wanted.to_string().as_bytes());
    let first = make(&wanted).expect(201);
    let again = make(&wanted).expect(201);
    assert_ne!(first["key"], again["key"]);
    let another = again["key"].clone();
    for made in [first, again] {
        let authorization = format!("Bearer {}", made["key"].as_str().expect("a key"));
        let settings = format!("{}/v1/settings", stack.http);
        let read = stack.send("GET", &settings, &[("authorization", &authorization)], b"");
        assert_eq!(read.expect(200)["id"], wanted["id"]);
    }
    // Each clinic's key opens its own, and no key more than it says.
    let own = id(&stack
        .post(
            "/v1/invoices",
            &json!({ "collect": "later", "lines": lines() }),
        )
        .expect(201));
    let desk = json!({ "label": "desk", "permissions": ["view"] });
    let desk = stack.post("/v1/keys", &desk).expect(201);
    let invoice = format!("{}/v1/invoices/{own}", stack.http);
    let as_key = |method: &str, url: &str, key: &Value| {
        let authorization = format!("Bearer {}", key.as_str().expect("a key"));
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "desk"),
        ];
        stack.send(method, url, &headers, b"{}").status
    };
    let charges = format!("{invoice}/charges");
    assert_eq!(as_key("GET", &invoice, &desk["key"]), 200);
    assert_eq!(as_key("POST", &charges, &desk["key"]), 403);
    assert_eq!(as_key("GET", &invoice, &another), 404);
    assert_eq!(as_key("POST", &charges, &another), 404);
    // Another clinic of that name is nobody's to make.
    let mut other = wanted.clone();
    other["name"] = json!("Somebody else's clinic");
    assert_eq!(make(&other).status, 409);
}

#[test]
fn two_invoices_of_a_clinic_never_share_a_number() {
    let (stack, _alone) = alone();
    let number = unique("WS");
    let body = json!({ "number": number, "collect": "later", "lines": lines() });
    let key = unique("key");
    let first = stack.post_as("/v1/invoices", &body, &key).expect(201);
    assert_eq!(first["number"], number);
    let refused = stack.post("/v1/invoices", &body);
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains(&number), "{}", refused.text);
    // The same request again is the same invoice, not a second one of its number.
    let repeated = stack.post_as("/v1/invoices", &body, &key).expect(201);
    assert_eq!(repeated["id"], first["id"]);
}

#[test]
fn whoever_changes_settings_keys_or_connections_is_named_in_the_audit_of_the_day() {
    let (stack, _alone) = alone();
    let settings = stack.get("/v1/settings").expect(200);
    let put = stack.call("PUT", "/v1/settings", &settings, &unique("key"));
    assert_eq!(put.status, 200, "{}", put.text);
    let wanted = json!({ "label": "front desk", "permissions": ["view"] });
    let key = stack.post("/v1/keys", &wanted).expect(201);
    let key = key["id"].as_str().expect("an id");
    let path = format!("/v1/keys/{key}");
    let gone = stack.call("DELETE", &path, &Value::Null, &unique("key"));
    assert_eq!(gone.status, 200, "{}", gone.text);
    let now = jiff::Timestamp::from_second(now(stack)).expect("a time");
    let zone = settings["time_zone"].as_str().expect("a zone");
    let day = now.to_zoned(jiff::tz::TimeZone::get(zone).expect("a known zone"));
    let day = day.date();
    let audit = stack.get(&format!("/v1/audit?day={day}")).expect(200);
    let entries = audit["entries"].as_array().cloned().unwrap_or_default();
    for what in [
        "settings_changed".to_owned(),
        format!("key_made {}", &key[..8]),
        format!("key_deleted {}", &key[..8]),
    ] {
        let found = entries.iter().find(|entry| entry["what"] == what);
        let found = found.unwrap_or_else(|| panic!("no {what} in {entries:?}"));
        let cause = found["cause"].as_str().unwrap_or_default();
        assert!(cause.contains("by key "), "{found}");
        assert_eq!(found["postings"], json!([]));
    }
}

#[test]
fn a_clinic_connects_its_vendors_and_hears_of_a_connection_that_is_refused() {
    let (stack, _alone) = alone();
    let clinic = json!({
        "id": unique("banksia"),
        "name": "Banksia Street Clinic",
        "currency": "AUD",
        "time_zone": "Australia/Melbourne",
        "systems": ["xero"],
    });
    let send = |method: &str, path: &str, key: &str, body: &Value| {
        let authorization = format!("Bearer {key}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}{path}", stack.http);
        stack.send(method, &url, &headers, body.to_string().as_bytes())
    };
    let made = send("POST", "/v1/clinics", &root_key(stack), &clinic).expect(201);
    let key = made["key"].as_str().expect("a key");
    // Each secret is made, then written anew.
    for n in ["1", "2"] {
        let stripe = json!({
            "fields": { "secret_key": format!("sk_test_{n}") },
            "inbound": { "webhook_secret": format!("whsec_{n}") },
        });
        send("PUT", "/v1/integrations/stripe", key, &stripe).expect(200);
        let xero = json!({
            "fields": {
                "client_id": format!("id{n}"),
                "client_secret": "secret",
                "tenant_id": "00000000-0000-4000-8000-000000000000",
                "sales_account": "200",
                "bank_account": "090",
                "tax_type": "NONE",
            },
            "oauth": { "refresh_token": format!("nobody-knows-{n}") },
        });
        let put = send("PUT", "/v1/integrations/xero", key, &xero).expect(200);
        assert_eq!(put["connected"], true, "{put}");
    }
    // The connection is tried at once, and its vendor does not know it.
    for _ in 0..3 {
        stack.advance(60);
        stack.quiet();
    }
    let tasks = send("GET", "/v1/tasks", key, &Value::Null).expect(200);
    assert!(tasks.to_string().contains("Xero"), "{tasks}");
}
