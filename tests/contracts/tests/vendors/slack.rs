//! Slack's incoming webhook, answered in plain words.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

fn post(body: Value) -> Exchange {
    call("slack", "POST", "/services/T0/B0/DEMO").json(body)
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    fits(
        &contracts,
        &post(json!({"text": "Paid", "blocks": [{"type": "section"}]})),
    );
    let misspelt = contracts.check(&post(json!({"txt": "Paid"})));
    are(&misspelt, &["/txt: unknown field", "\"text\" is required"]);
    fails(
        &contracts,
        &post(json!({"text": "Paid", "chanel": "#x"})),
        "/chanel: unknown field",
    );
    fails(
        &contracts,
        &post(json!({"text": 5})),
        "/text: value is not of type \"string\"",
    );
    fails(
        &contracts,
        &post(json!({"blocks": [{}]})),
        "/blocks/0: \"type\" is required",
    );
    let many = json!({"blocks": vec![json!({"type": "divider"}); 51]});
    fails(&contracts, &post(many), "/blocks");
    let form = call("slack", "POST", "/services/T0/B0/DEMO").form("payload=x");
    fails(
        &contracts,
        &form,
        "Content-Type: application/json is expected",
    );
    fails(
        &contracts,
        &call("slack", "POST", "/services/X0/B0/DEMO"),
        "no such operation",
    );
    fails(
        &contracts,
        &call("slack", "GET", "/services/T0/B0/DEMO"),
        "for POST only",
    );
}

#[test]
fn replies() {
    let Some(contracts) = contracts() else { return };
    let got = |status, text: &str| post(json!({"text": "Paid"})).reply_text(status, text);
    fits(&contracts, &got(200, "ok"));
    fails(&contracts, &got(200, "fine"), "reply 200 body");
    fits(&contracts, &got(404, "no_service"));
    fails(&contracts, &got(404, "not found"), "reply 404 body");
    fits(&contracts, &got(429, ""));
    fails(&contracts, &got(201, "ok"), "reply status 201");
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let signature = format!("v0={}", "0d".repeat(32));
    let head = [
        ("X-Slack-Signature", signature.as_str()),
        ("X-Slack-Request-Timestamp", "1700000000"),
        ("Content-Type", "application/json"),
    ];
    let challenge = json!({"type": "url_verification", "challenge": "c", "token": "t"}).to_string();
    hook_fits(&contracts, "slack", &head, &challenge);
    let none = json!({"type": "url_verification"}).to_string();
    hook_fails(&contracts, "slack", &head, &none, "/challenge: is required");
    let late = [head[0], head[2]];
    hook_fails(
        &contracts,
        "slack",
        &late,
        &challenge,
        "x-slack-request-timestamp: is required",
    );
}
