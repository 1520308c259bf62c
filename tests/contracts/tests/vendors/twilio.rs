//! Twilio's flat forms, replies and signed callbacks.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

const ACCOUNT: &str = "AC00000000000000000000000000000000";
const GOOD: &str = "To=%2B15558675310&From=%2B14017122661&Body=Your+receipt\
    &StatusCallback=https%3A%2F%2Fc.test%2Fs";

fn messages(method: &str, account: &str, rest: &str) -> Exchange {
    call(
        "twilio",
        method,
        &format!("/2010-04-01/Accounts/{account}/Messages.json{rest}"),
    )
    .header("Authorization", "Basic QUM6dA==")
}

fn message() -> Value {
    json!({"sid": "SM00000000000000000000000000000001", "status": "queued", "error_code": null,
        "account_sid": ACCOUNT, "to": "+15558675310", "from": "+14017122661", "body": "Your receipt",
        "date_created": "Sat, 21 Nov 2026 15:00:00 +0000", "direction": "outbound-api",
        "num_segments": "1", "price": null})
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    let send = |body: &str| messages("POST", ACCOUNT, "").form(body);
    fits(&contracts, &send(GOOD));
    fails(&contracts, &send(&GOOD.replace("To=%2B", "To=+")), "/To");
    let small = contracts.check(&send(&GOOD.replace("Body", "body")));
    are(&small, &["/body: unknown field", "\"Body\" is required"]);
    fails(
        &contracts,
        &send(&format!("{GOOD}&Colour=red")),
        "/Colour: unknown field",
    );
    fails(
        &contracts,
        &send(&format!("{GOOD}&ValidityPeriod=soon")),
        "/ValidityPeriod",
    );
    fails(
        &contracts,
        &send(&GOOD.replace("To=%2B15558675310&", "")),
        "\"To\" is required",
    );
    fails(
        &contracts,
        &send(&GOOD.replace("From=%2B14017122661&", "")),
        "is required",
    );
    let long = GOOD.replace("Your+receipt", &"x".repeat(1601));
    fails(&contracts, &send(&long), "/Body");
    let media =
        format!("{GOOD}&MediaUrl=https%3A%2F%2Fc.test%2F1&MediaUrl=https%3A%2F%2Fc.test%2F2");
    fits(&contracts, &send(&media));
    let other = messages("POST", "AC1", "").form(GOOD);
    let problems = contracts.check(&other);
    assert!(
        problems
            .iter()
            .all(|line| line.contains("path parameter AccountSid")),
        "{problems:#?}"
    );
    assert!(!problems.is_empty());
    fits(
        &contracts,
        &messages(
            "GET",
            ACCOUNT,
            "?To=%2B15558675310&DateSent=2026-11-21&PageSize=20",
        ),
    );
    fails(
        &contracts,
        &messages("GET", ACCOUNT, "?Date=2026-11-21"),
        "/Date: unknown field",
    );
}

#[test]
fn replies() {
    let Some(contracts) = contracts() else { return };
    let sent = |status, body| messages("POST", ACCOUNT, "").form(GOOD).reply(status, body);
    fits(&contracts, &sent(201, message()));
    let with = |field: &str, value: Value| {
        let mut changed = message();
        changed[field] = value;
        sent(201, changed)
    };
    fails(&contracts, &with("status", json!("gone")), "/status");
    fails(&contracts, &with("num_segments", json!(1)), "/num_segments");
    fails(
        &contracts,
        &with("date_created", json!("2026-11-21T15:00:00Z")),
        "/date_created",
    );
    let mut less = message();
    less.as_object_mut().unwrap().remove("sid");
    fails(&contracts, &sent(201, less), "\"sid\" is required");
    fails(&contracts, &sent(200, message()), "reply status 200");
    let refused = json!({"code": 21610, "message": "opted out", "more_info": "x", "status": 400});
    fits(&contracts, &sent(400, refused));
    fails(
        &contracts,
        &sent(400, json!({"message": "no", "status": 400})),
        "\"code\" is required",
    );
    let list = json!({"messages": [message()], "page": 0, "page_size": 50, "uri": "/2010-04-01/x"});
    fits(&contracts, &messages("GET", ACCOUNT, "").reply(200, list));
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let head = [
        ("X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let form = |file: &str| {
        let fields = fixture(&format!("twilio/fixtures/{file}.json"))["fields"].clone();
        let pairs = fields.as_object().expect("fields").iter();
        let pairs =
            pairs.map(|(name, value)| format!("{name}={}", escape(value.as_str().expect(name))));
        pairs.collect::<Vec<_>>().join("&")
    };
    hook_fits(&contracts, "twilio", &head, &form("inbound-sms-form"));
    let status = form("status-callback-form");
    hook_fits(&contracts, "twilio", &head, &status);
    let wrong = status.replace("MessageStatus=delivered", "MessageStatus=lost");
    hook_fails(&contracts, "twilio", &head, &wrong, "/MessageStatus");
    let less = status.replace("MessageSid=", "Sid=");
    hook_fails(
        &contracts,
        "twilio",
        &head,
        &less,
        "\"MessageSid\" is required",
    );
}

fn escape(text: &str) -> String {
    text.replace('+', "%2B").replace(' ', "+")
}
