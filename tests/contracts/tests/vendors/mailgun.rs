//! Mailgun's forms, multipart bodies and event webhooks.

use meridian_contracts::Exchange;
use serde_json::json;

use crate::*;

const GOOD: &str = "from=Clinic+%3Cbilling%40mg.example.test%3E&to=sam%40example.test\
    &subject=Receipt&text=Thanks&o%3Atracking=no&o%3Atag=a&o%3Atag=b&v%3Areceipt=r-1\
    &h%3AReply-To=desk%40example.test";

fn send() -> Exchange {
    call("mailgun", "POST", "/v3/mg.example.test/messages")
        .header("Authorization", "Basic YXBpOms=")
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    fits(&contracts, &send().form(GOOD));
    let with = |from: &str, to: &str| send().form(&GOOD.replace(from, to));
    fails(
        &contracts,
        &with("o%3Atracking", "o%3Atraking"),
        "/o:traking: unknown field",
    );
    fails(
        &contracts,
        &with("tracking=no", "tracking=never"),
        "/o:tracking",
    );
    fails(
        &contracts,
        &with("&subject=Receipt", ""),
        "\"subject\" is required",
    );
    let misspelt = contracts.check(&with("text=Thanks", "txt=Thanks"));
    are(&misspelt, &["/txt: unknown field", "\"text\" is required"]);
    fails(
        &contracts,
        &send().json(json!({"to": "x"})),
        "multipart/form-data",
    );
    let bearer = call("mailgun", "POST", "/v3/mg.example.test/messages").form(GOOD);
    fails(
        &contracts,
        &bearer.header("Authorization", "Bearer k"),
        "Basic is expected",
    );
    let none = GOOD.replace("&text=Thanks", "");
    fails(&contracts, &send().form(&none), "is required");
}

#[test]
fn multipart_requests() {
    let Some(contracts) = contracts() else { return };
    let part = |name: &str, value: &str| {
        format!("--b7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut parts = part("from", "a@example.test") + &part("to", "b@example.test");
    parts += &(part("subject", "Receipt") + &part("html", "<p>é</p>"));
    let sent = |parts: &str| {
        let sent = send().header("Content-Type", "multipart/form-data; boundary=b7");
        Exchange {
            request_body: format!("{parts}--b7--\r\n").into_bytes(),
            ..sent
        }
    };
    fits(&contracts, &sent(&parts));
    let unknown = format!("{parts}{}", part("o:whatever", "x"));
    fails(&contracts, &sent(&unknown), "/o:whatever: unknown field");
}

#[test]
fn official_sample_and_replies() {
    let Some(contracts) = contracts() else { return };
    let sample = fixture("mailgun/fixtures/message-send.json");
    let request = &sample["request"];
    let [path, body] = ["path", "body"].map(|field| request[field].as_str().expect(field));
    let sent = call("mailgun", "POST", path)
        .header("Authorization", "Basic x")
        .form(body);
    fits(
        &contracts,
        &sent.reply(200, sample["response"]["body"].clone()),
    );
    let got = |status, body| send().form(GOOD).reply(status, body);
    fails(
        &contracts,
        &got(200, json!({"message": "Queued."})),
        "\"id\" is required",
    );
    fails(
        &contracts,
        &got(200, json!({"id": 5, "message": "Queued."})),
        "reply 200 body /id",
    );
    fits(&contracts, &send().form(GOOD).reply_text(401, "Forbidden"));
    fits(
        &contracts,
        &got(400, json!({"message": "to parameter is not valid"})),
    );
    fails(&contracts, &got(202, json!({})), "reply status 202");
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let event = |name: &str, token: &str| {
        json!({"signature": {"timestamp": "1700000000", "token": token, "signature": "0c".repeat(32)},
            "event-data": {"event": name, "id": "e1", "timestamp": 1700000000.5, "recipient": "a@example.test"}})
        .to_string()
    };
    let head = [("Content-Type", "application/json")];
    let token = "t".repeat(50);
    hook_fits(&contracts, "mailgun", &head, &event("delivered", &token));
    hook_fails(
        &contracts,
        "mailgun",
        &head,
        &event("arrived", &token),
        "/event-data/event",
    );
    hook_fails(
        &contracts,
        "mailgun",
        &head,
        &event("failed", "short"),
        "/signature/token",
    );
}
