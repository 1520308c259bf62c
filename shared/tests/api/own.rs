//! The clinic's own system: its addresses are told what happened, signed, each thing once, until they
//! are given up; and a span of it again where that is asked for.

use crate::money::pays;
use crate::stack::{Clinic, app};
use crate::vendors::{Heard, Said, answer, heard};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use meridian::contract::{Account, Auth, Body, Host, KeyPlace, Request, Trouble, Vendor};
use meridian::flows::{accounts, deliveries};
use meridian::io::clock;
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::connection;
use serde_json::{Value, json};

const BILLING: &str = "own@billing";
const STORE: &str = "own@warehouse";

fn secret(byte: u8) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode([byte; 32]))
}

/// An address of this clinic under this name, with a key of its own.
async fn address(clinic: &Clinic, name: &str, byte: u8, topics: &str) {
    let place = name.replace('@', "-");
    let wanted = json!({ "fields": {
        "url": format!("https://hooks.example.org/{}/{place}", clinic.id),
        "secret": secret(byte),
        "topics": topics,
    } });
    let path = format!("/v1/integrations/{name}");
    let put = clinic.call("PUT", &path, &wanted).await.expect(200);
    assert_eq!(
        (&put["vendor"], &put["connected"]),
        (&json!(name), &json!(true))
    );
    assert!(!put.to_string().contains("whsec_"), "{put}");
}

/// A clinic with two addresses that hear of everything, and an invoice that is paid.
async fn clinic() -> (Clinic, String) {
    let clinic = Clinic::new().await;
    address(&clinic, BILLING, 1, "").await;
    address(&clinic, STORE, 2, "").await;
    clinic.hears(&[BILLING, STORE]).await;
    answer(&clinic, |_| Said::Reply(204, json!(null)));
    let (case, _) = clinic.asked_to_pay().await;
    pays(&clinic, &case).await;
    (clinic, case)
}

/// Whether one of a call's signatures is that of the key of these bytes.
fn is_signed(call: &Heard, byte: u8) -> bool {
    let (id, at) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    let mac = Hmac::<sha2::Sha256>::new_from_slice(&[byte; 32]).expect("any length");
    let mac = mac.chain_update(format!("{id}.{at}.{}", call.body));
    let wanted = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    let second: i64 = at.parse().expect("seconds of the epoch");
    let near = (clock::now().as_second() - second).abs() < 60;
    near && call
        .header("webhook-signature")
        .split(' ')
        .any(|one| one == wanted)
}

fn at(clinic: &Clinic, place: &str) -> Vec<Heard> {
    let calls = heard(clinic).into_iter();
    calls.filter(|call| call.what.ends_with(place)).collect()
}

fn types(calls: &[Heard]) -> Vec<String> {
    let kind = |call: &Heard| {
        let body: Value = serde_json::from_str(&call.body).expect("JSON");
        body["type"].as_str().unwrap_or_default().to_owned()
    };
    calls.iter().map(kind).collect()
}

/// Works all off that this system is told of a case, in its order.
async fn told(clinic: &Clinic, case: &str, system: &str) {
    clinic.spreads(case).await;
    let shown = clinic
        .get(&format!("/v1/deliveries?case={case}&system={system}"))
        .await;
    let waits = |one: &&Value| one["state"] == "open" || one["state"] == "calling";
    for one in shown["deliveries"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(waits)
    {
        let id = one["id"].as_str().expect("an id");
        let sk = meridian::records::delivery::sk_of(id).expect("a key");
        let pk = meridian::records::case::pk(&clinic.id, case);
        clinic.delivers(&RowKey { pk, sk }).await;
    }
}

async fn shown(clinic: &Clinic, case: &str, system: &str) -> Vec<Value> {
    let shown = clinic
        .get(&format!("/v1/deliveries?case={case}&system={system}"))
        .await;
    shown["deliveries"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn each_address_hears_of_everything_in_order_and_under_its_own_key() {
    let (clinic, case) = clinic().await;
    for (name, byte, other) in [(BILLING, 1, 2), (STORE, 2, 1)] {
        told(&clinic, &case, name).await;
        let calls = at(&clinic, &name.replace('@', "-"));
        assert_eq!(
            types(&calls),
            ["invoice.issued", "payment.received"],
            "{name}"
        );
        for call in &calls {
            assert!(is_signed(call, byte) && !is_signed(call, other), "{call:?}");
            assert_eq!(call.header("content-type"), "application/json");
        }
        for one in shown(&clinic, &case, name).await {
            assert_eq!(
                (&one["state"], &one["system"]),
                (&json!("done"), &json!(name))
            );
            assert_eq!(one["attempts"].as_array().map(Vec::len), Some(1), "{one}");
            assert_eq!(one["attempts"][0]["why"], Value::Null);
        }
    }
    // Two addresses take the same thing under two ids, as they are two receivers.
    let ids = |place| at(&clinic, place)[0].header("webhook-id").to_owned();
    assert_ne!(ids("own-billing"), ids("own-warehouse"));
    let paid: Value = serde_json::from_str(&at(&clinic, "own-billing")[1].body).expect("JSON");
    let data = &paid["data"];
    assert_eq!(
        (&data["clinic"], &data["invoice"]["id"]),
        (&json!(clinic.id), &json!(case))
    );
    assert_eq!(data["payment"]["gateway_ref"], "pi_1");
    assert_eq!(data["invoice"]["due"]["amount"], "0.00");
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_is_sent_again_as_it_was_under_the_same_id() {
    let (clinic, case) = clinic().await;
    let mut first = true;
    answer(&clinic, move |_| match std::mem::take(&mut first) {
        true => Said::Cut,
        false => Said::Reply(200, json!({})),
    });
    told(&clinic, &case, BILLING).await;
    told(&clinic, &case, BILLING).await;
    let calls = at(&clinic, "own-billing");
    assert_eq!(
        types(&calls),
        ["invoice.issued", "invoice.issued", "payment.received"]
    );
    assert_eq!(calls[0].header("webhook-id"), calls[1].header("webhook-id"));
    assert_eq!(calls[0].body, calls[1].body);
    assert!(calls.iter().all(|call| is_signed(call, 1)));
    let told_of = shown(&clinic, &case, BILLING).await;
    let attempts = told_of[0]["attempts"].as_array().expect("a list");
    assert_eq!(
        (attempts.len(), &attempts[1]["why"]),
        (2, &Value::Null),
        "{attempts:?}"
    );
    let why = attempts[0]["why"].as_str().expect("a reason");
    assert!(why.contains("no clear answer"), "{why}");
}

#[tokio::test]
async fn while_a_key_is_changed_the_former_one_signs_as_well() {
    let (clinic, case) = clinic().await;
    address(&clinic, BILLING, 3, "").await;
    // As another process sees it, which remembers neither.
    let clinic = clinic.with_key(&clinic.key);
    told(&clinic, &case, BILLING).await;
    let calls = at(&clinic, "own-billing");
    assert_eq!(calls.len(), 2);
    for call in &calls {
        assert!(
            is_signed(call, 3) && is_signed(call, 1) && !is_signed(call, 2),
            "{call:?}"
        );
        let signatures: Vec<_> = call.header("webhook-signature").split(' ').collect();
        assert_eq!(signatures.len(), 2);
    }
}

#[tokio::test]
async fn an_address_is_told_no_more_than_it_asks_for() {
    let (clinic, case) = clinic().await;
    address(&clinic, BILLING, 1, "payment.received  refund.paid").await;
    let clinic = clinic.with_key(&clinic.key);
    told(&clinic, &case, BILLING).await;
    assert_eq!(types(&at(&clinic, "own-billing")), ["payment.received"]);
    let told_of = shown(&clinic, &case, BILLING).await;
    assert_eq!(
        (&told_of[0]["state"], &told_of[1]["state"]),
        (&json!("skipped"), &json!("done"))
    );
    assert!(
        told_of[0]["why"]
            .as_str()
            .is_some_and(|why| why.contains("other things")),
        "{told_of:?}"
    );
    assert_eq!(told_of[0]["attempts"], json!([]));
}

/// How the connection to an address stands, by its row.
async fn standing(clinic: &Clinic, name: &str) -> Value {
    let key = connection::key(&clinic.id, name);
    let row = clinic
        .app
        .store
        .get(&key.pk, &key.sk)
        .await
        .expect("a table");
    row.map_or(Value::Null, |row| {
        row.read::<Value>("data").expect("JSON")["standing"].clone()
    })
}

#[tokio::test]
async fn an_address_that_is_gone_is_asked_about_once_and_another_is_told_all_the_same() {
    let (clinic, case) = clinic().await;
    answer(&clinic, |heard| match heard.what.ends_with("own-billing") {
        true => Said::Reply(410, json!({})),
        false => Said::Reply(200, json!({})),
    });
    for _ in 0..2 {
        told(&clinic, &case, BILLING).await;
        told(&clinic, &case, STORE).await;
    }
    assert_eq!(standing(&clinic, BILLING).await, "broken");
    assert_eq!(standing(&clinic, STORE).await, Value::Null);
    assert_eq!(
        types(&at(&clinic, "own-warehouse")),
        ["invoice.issued", "payment.received"]
    );
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    let text = tasks[0].to_string();
    assert!(
        text.contains("Your own system (billing)") && text.contains("410"),
        "{text}"
    );
    assert!(text.contains("/v1/integrations/own@billing"), "{text}");
    // Its first answer ends what people were asked.
    answer(&clinic, |_| Said::Reply(200, json!({})));
    told(&clinic, &case, BILLING).await;
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

#[tokio::test]
async fn one_that_is_busy_is_waited_for_and_one_record_that_is_refused_holds_no_other_up() {
    let (clinic, case) = clinic().await;
    answer(&clinic, |_| Said::Plain(422, "no"));
    for _ in 0..4 {
        told(&clinic, &case, BILLING).await;
    }
    assert_eq!(standing(&clinic, BILLING).await, Value::Null, "it answers");
    let told_of = shown(&clinic, &case, BILLING).await;
    assert_eq!(
        (&told_of[0]["state"], &told_of[0]["held"]),
        (&json!("open"), &json!(false))
    );
    assert_eq!(told_of[0]["why"], "not taken: status 422");
    assert!(told_of[0]["tries"].as_u64() >= Some(4), "{told_of:?}");
    answer(&clinic, |_| Said::Plain(429, "later"));
    told(&clinic, &case, STORE).await;
    assert_eq!(standing(&clinic, STORE).await, "held");
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

/// Whether the first record of a case waits for the connection.
async fn waits(clinic: &Clinic, case: &str) -> bool {
    shown(clinic, case, BILLING).await[0]["held"] == true
}

#[tokio::test]
async fn a_silent_address_is_tried_with_what_was_tried_least() {
    let (clinic, poison) = clinic().await;
    let bad = poison.clone();
    answer(&clinic, move |heard| match heard.body.contains(&bad) {
        true => Said::Reply(500, json!({})),
        false => Said::Reply(204, json!(null)),
    });
    for _ in 0..3 {
        told(&clinic, &poison, BILLING).await;
    }
    assert_eq!(standing(&clinic, BILLING).await, "silent");
    let first = clinic.told_key(&poison, BILLING, "invoice-issued").await;
    let again = Row::default()
        .number("due_at", 1)
        .text("due_pk", "due#tell#0");
    clinic
        .write(Write::Change {
            key: first.clone(),
            set: again,
            remove: vec![],
        })
        .await;
    deliveries::deliver(&clinic.app, &first)
        .await
        .expect("a delivery");
    let good = clinic.invoice(None).await;
    let second = clinic.told_key(&good, BILLING, "invoice-issued").await;
    deliveries::deliver(&clinic.app, &second)
        .await
        .expect("a delivery");
    assert!(waits(&clinic, &poison).await && waits(&clinic, &good).await);
    clinic.delivers(&connection::key(&clinic.id, BILLING)).await;
    assert!(waits(&clinic, &poison).await && !waits(&clinic, &good).await);
    deliveries::deliver(&clinic.app, &second)
        .await
        .expect("a delivery");
    assert_eq!(shown(&clinic, &good, BILLING).await[0]["state"], "done");
    assert_eq!(standing(&clinic, BILLING).await, "fine");
}

#[tokio::test]
async fn what_cannot_be_an_address_or_its_key_is_refused_by_the_fields_name() {
    let clinic = Clinic::new().await;
    let good = json!({ "url": "https://hooks.example.org/x", "secret": secret(1) });
    for (name, field, value) in [
        (BILLING, "url", json!("http://hooks.example.org/x")),
        (BILLING, "url", json!("https://10.0.0.1/x")),
        (BILLING, "url", json!("https://metadata.internal/x")),
        (BILLING, "url", json!("")),
        ("own", "secret", json!("whsec_c2hvcnQ=")),
        ("own", "secret", json!("a plain password")),
        ("own", "topics", json!("payment.recieved")),
    ] {
        let mut fields = good.clone();
        fields[field] = value;
        let path = format!("/v1/integrations/{name}");
        let refused = clinic
            .call("PUT", &path, &json!({ "fields": fields }))
            .await;
        let refused = refused.expect(422);
        assert_eq!(refused["field"], format!("fields.{field}"), "{refused}");
    }
    for name in [
        "own@",
        "own@Billing",
        "own@a@b",
        "slack@billing",
        "xero@billing",
    ] {
        let path = format!("/v1/integrations/{name}");
        clinic
            .call("PUT", &path, &json!({ "fields": good }))
            .await
            .expect(404);
    }
}

#[tokio::test]
async fn at_most_ten_addresses_are_switched_on_and_each_is_listed() {
    let clinic = Clinic::new().await;
    let names: Vec<String> = (0..11).map(|n| format!("own@a{n}")).collect();
    let mut settings = clinic.get("/v1/settings").await;
    for (wrong, field) in [
        (json!(names), "systems[10]"),
        (json!(["own", "own"]), "systems[1]"),
        (json!(["slack@north"]), "systems[0]"),
        (json!(["own@"]), "systems[0]"),
    ] {
        settings["systems"] = wrong;
        let refused = clinic
            .call("PUT", "/v1/settings", &settings)
            .await
            .expect(422);
        assert_eq!(refused["field"], field);
    }
    settings["systems"] = json!(names[..10]);
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
    let shown = clinic.get("/v1/integrations").await;
    let all = shown["integrations"].as_array().expect("a list");
    let of = |name: &str| all.iter().find(|one| one["vendor"] == name);
    assert_eq!(
        of("own@a3").expect("listed")["name"],
        "Your own system (a3)"
    );
    assert!(of("own").is_some() && of("own@a10").is_none());
}

#[tokio::test]
async fn an_address_that_is_given_up_is_told_nothing_more_and_asks_nobody_anything() {
    let (clinic, case) = clinic().await;
    answer(&clinic, |_| Said::Reply(410, json!({})));
    told(&clinic, &case, BILLING).await;
    assert_eq!(clinic.open_tasks().await.len(), 1);
    let path = format!("/v1/integrations/{BILLING}");
    for _ in 0..2 {
        let left = clinic.call("DELETE", &path, &Value::Null).await.expect(200);
        assert_eq!(left["connected"], false);
    }
    assert_eq!(clinic.get("/v1/settings").await["systems"], json!([STORE]));
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
    let seen = heard(&clinic).len();
    let clinic = clinic.with_key(&clinic.key);
    told(&clinic, &case, BILLING).await;
    for one in shown(&clinic, &case, BILLING).await {
        assert_eq!(one["state"], "skipped", "{one}");
        assert_eq!(one["why"], "the connection was given up");
    }
    assert_eq!(heard(&clinic).len(), seen);
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
    let other = clinic.call("DELETE", "/v1/integrations/stripe", &Value::Null);
    other.await.expect(409);
    let other = clinic.call("DELETE", "/v1/integrations/slack@x", &Value::Null);
    other.await.expect(404);
}

#[tokio::test]
async fn a_span_is_told_again_once_for_each_key_in_its_order_and_under_the_same_ids() {
    let (clinic, case) = clinic().await;
    told(&clinic, &case, BILLING).await;
    told(&clinic, &case, STORE).await;
    let before = at(&clinic, "own-billing");
    let wanted = json!({
        "system": BILLING, "from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z",
    });
    let path = "/v1/deliveries/replay";
    let first = clinic.post_under("k1", path, &wanted).await.expect(202);
    assert_eq!(first, json!({ "replayed": 2, "next": null }));
    for one in shown(&clinic, &case, BILLING).await {
        assert_eq!(one["state"], "open", "{one}");
    }
    told(&clinic, &case, BILLING).await;
    // The same request again does nothing more, whatever became of the first.
    let again = clinic.post_under("k1", path, &wanted).await.expect(202);
    assert_eq!(again, first);
    told(&clinic, &case, BILLING).await;
    let after = at(&clinic, "own-billing");
    let said = |calls: &[Heard]| -> Vec<_> {
        let of = |call: &Heard| (call.header("webhook-id").to_owned(), call.body.clone());
        calls.iter().map(of).collect()
    };
    assert_eq!(said(&after[2..]), said(&before), "as it was");
    assert_eq!(
        at(&clinic, "own-warehouse").len(),
        2,
        "nobody else hears of it"
    );
    let mut nothing = wanted.clone();
    nothing["to"] = json!("2020-01-02T00:00:00Z");
    let none = clinic.post_under("k2", path, &nothing).await.expect(202);
    assert_eq!(none["replayed"], 0);
    for (field, value) in [
        ("system", json!("xero")),
        ("system", json!("own@nobody")),
        ("to", json!("2020-01-01T00:00:00Z")),
        ("after", json!("no cursor")),
    ] {
        let mut wrong = wanted.clone();
        wrong[field] = value;
        let refused = clinic.post_under("k3", path, &wrong).await.expect(422);
        assert_eq!(refused["field"], field, "{refused}");
    }
    clinic.post_under("", path, &wanted).await.expect(400);
}

#[tokio::test]
async fn a_long_span_is_told_again_page_by_page_the_oldest_first() {
    let clinic = Clinic::new().await;
    address(&clinic, BILLING, 1, "").await;
    clinic.hears(&[BILLING]).await;
    answer(&clinic, |_| Said::Reply(204, json!(null)));
    let mut cases = vec![];
    for _ in 0..27 {
        let case = clinic.invoice(None).await;
        told(&clinic, &case, BILLING).await;
        cases.push(case);
    }
    let mut wanted = json!({
        "system": BILLING, "from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z",
    });
    let path = "/v1/deliveries/replay";
    let first = clinic.post_under("k1", path, &wanted).await.expect(202);
    assert_eq!(first["replayed"], 25);
    let state = async |case: &str| shown(&clinic, case, BILLING).await[0]["state"].clone();
    assert_eq!(state(&cases[0]).await, "open");
    assert_eq!(state(&cases[26]).await, "done");
    wanted["after"] = first["next"].clone();
    let second = clinic.post_under("k2", path, &wanted).await.expect(202);
    assert_eq!(second, json!({ "replayed": 2, "next": null }));
    for case in &cases {
        assert_eq!(state(case).await, "open");
    }
}

/// Written into the secret by hand, an address may lead anywhere.
#[tokio::test]
async fn an_address_that_is_not_public_is_never_called() {
    let clinic = Clinic::new().await;
    let vendor = Vendor {
        id: "nowhere",
        name: "A receiver",
        docs: "",
        host: Host::Told("url"),
        further_hosts: &[],
        auth: Auth::StandardWebhook("secret"),
        headers: |_| vec![],
        fields: &[],
        inbound: &[],
        own_error: |_| true,
    };
    let app = app();
    let called = async |url: &str, secret: String, key: Option<(KeyPlace, &str)>| {
        let fields = [("url", url.to_owned()), ("secret", secret)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let account = Account::load(&[], fields.into()).expect("an account");
        let request = Request::new("POST", "", Body::None);
        let call = accounts::call(&app, &clinic.id, &vendor, &account, &request, key);
        call.await.expect_err("it is not called")
    };
    let key = Some((KeyPlace::Header("webhook-id"), "k"));
    for address in [
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/latest",
        "https://localhost/x",
        "http://hooks.example.org/x",
        "https://hooks.example.org:22/x",
        "",
    ] {
        let why = called(address, secret(1), key).await;
        assert!(matches!(why, Trouble::Closed(_)), "{address}: {why:?}");
    }
    let public = "https://hooks.example.org/x";
    let why = called(public, "whsec_short".into(), key).await;
    assert!(matches!(why, Trouble::Credentials(_)), "{why:?}");
    let why = called(public, secret(1), None).await;
    assert!(matches!(why, Trouble::Rejected(_)), "{why:?}");
}
