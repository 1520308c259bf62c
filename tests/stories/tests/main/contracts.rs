//! Every call that the stories made, and every reply that the sandbox gave, against the vendors'
//! own contracts.

use crate::clinic::*;
use base64::Engine;
use meridian_contracts::{Contracts, Exchange};
use meridian_stack::Stack;
use serde_json::Value;

fn exchange(call: &Value) -> Exchange {
    let text = |name: &str| call[name].as_str().unwrap_or_default();
    let headers = |name: &str| {
        let pairs = call[name].as_array().cloned().unwrap_or_default();
        let pair =
            |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
        match call[name].as_object() {
            Some(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
                .collect(),
            None => pairs.iter().filter_map(pair).collect(),
        }
    };
    let body = |name: &str| {
        let binary = call[format!("{name}_base64")].as_str();
        let decoded = binary.and_then(|text| base64::prelude::BASE64_STANDARD.decode(text).ok());
        decoded.unwrap_or_else(|| text(name).into())
    };
    Exchange {
        vendor: text("vendor").into(),
        method: text("method").into(),
        path: text("path").into(),
        request_headers: headers("headers"),
        request_body: body("body"),
        status: call["status"].as_u64().unwrap_or_default() as u16,
        response_headers: headers("reply_headers"),
        response_body: body("reply"),
    }
}

#[test]
fn requests_and_replies_of_a_whole_story_fit_the_vendors_contracts() {
    let Some(contracts) = Contracts::from_env() else {
        println!("contracts not checked");
        return;
    };
    let (stack, _alone) = Stack::alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let case = id(&invoice(stack, &patient, "saved_method", "stripe"));
    stack.quiet();
    stack
        .post("/v1/refunds", &serde_json::json!({ "invoice": case }))
        .expect(202);
    stack.quiet();
    let mut seen = 0;
    for vendor in [
        "stripe",
        "paypal",
        "gocardless",
        "mollie",
        "mailgun",
        "twilio",
        "slack",
        "xero",
    ] {
        for call in stack.calls(vendor) {
            let problems = contracts.check(&exchange(&call));
            assert!(problems.is_empty(), "{problems:#?}\n{call:#}");
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} calls were recorded");
}
