//! The clinic's own system hears of what happened, at an address that it connects by the API.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

const NAME: &str = "own@billing";
const SECRET: &str = "whsec_c3RvcnktZmFrZS1zdG9yeS1mYWtlLXN0b3J5";

/// What was taken at the address of one case, in order, with how often each came.
fn taken(stack: &Stack, case: &str) -> Vec<(String, u64)> {
    let heard = stack.at_vendor("own", "heard", &json!({ "path": "/billing" }));
    let of_case = heard.as_array().into_iter().flatten();
    let of_case = of_case.filter(|one| one["record"]["data"]["invoice"]["id"] == case);
    let told = |one: &Value| {
        let kind = one["record"]["type"].as_str().unwrap_or_default();
        (kind.to_owned(), one["times"].as_u64().unwrap_or_default())
    };
    of_case.map(told).collect()
}

fn hears(stack: &Stack, systems: &Value) {
    let mut settings = stack.get("/v1/settings").expect(200);
    settings["systems"] = systems.clone();
    let put = stack.call("PUT", "/v1/settings", &settings, &unique("key"));
    put.expect(200);
    // Functions remember settings for a minute.
    stack.quiet();
    stack.control("DELETE", "instances", &Value::Null);
}

#[test]
fn a_payment_reaches_the_clinics_own_address_signed_and_once_though_an_answer_is_lost() {
    let (stack, _alone) = alone();
    let before = stack.get("/v1/settings").expect(200)["systems"].clone();
    let receiver = json!({ "path": "/billing", "secret": SECRET });
    stack.at_vendor("own", "address", &receiver);
    let fields = json!({ "url": "https://hooks.example.org/billing", "secret": SECRET });
    let path = format!("/v1/integrations/{NAME}");
    let put = stack.call("PUT", &path, &json!({ "fields": fields }), &unique("key"));
    assert_eq!(put.expect(200)["connected"], true);
    let mut systems = before.as_array().cloned().unwrap_or_default();
    systems.push(json!(NAME));
    hears(stack, &json!(systems));
    // The receiver takes the first record, and its answer never comes.
    stack.faults(&json!({ "vendors": [{ "vendor": "own", "action": "cut_after", "times": 1 }] }));
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let case = id(&invoice(stack, &patient, "saved_method", "stripe"));
    stack.quiet();
    stack.advance(120);
    stack.quiet();
    stack.faults(&json!({}));
    let heard = taken(stack, &case);
    let kinds: Vec<_> = heard.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["invoice.issued", "payment.received"], "{heard:?}");
    let told = stack.get(&format!("/v1/deliveries?case={case}&system={NAME}"));
    for one in told.expect(200)["deliveries"].as_array().expect("a list") {
        assert_eq!(one["state"], "done", "{one}");
    }
    // All of it once more: the receiver knows each by its id.
    let span = json!({
        "system": NAME, "from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z",
    });
    let again = stack.post("/v1/deliveries/replay", &span).expect(202);
    assert!(again["replayed"].as_u64() >= Some(2), "{again}");
    stack.quiet();
    let after = taken(stack, &case);
    assert_eq!(after.len(), 2, "{after:?}");
    for ((_, first), (kind, times)) in heard.iter().zip(&after) {
        assert_eq!(*times, first + 1, "{kind}");
    }
    let gone = stack.call("DELETE", &path, &Value::Null, &unique("key"));
    assert_eq!(gone.expect(200)["connected"], false);
    assert_eq!(stack.get("/v1/settings").expect(200)["systems"], before);
    stack.control("DELETE", "instances", &Value::Null);
}
