//! A connection that is broken: told once for the clinic, whatever waits for it, and nothing that
//! waits is given up.

use crate::money::{happens, reported};
use crate::stack::{Clinic, Struck};
use crate::vendors::{Said, answer, connect, heard, ok};
use meridian::domain::event::{Event, Report};
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::outbox::Occurrence;
use meridian::flows::deliveries;
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::case::pk as case_pk;
use meridian::records::delivery::{DeliveryRow, Due, State};
use meridian::records::{connection, delivery, outbox};
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use meridian_embedded_aws::Action;
use serde_json::{Value, json};

impl Clinic {
    /// Works the delivery off, as if its time had come.
    pub async fn delivers(&self, key: &RowKey) {
        // Let through, whatever its connection is held for.
        let write = Write::Change {
            key: key.clone(),
            set: Row::default()
                .number("due_at", 1)
                .text("due_pk", "due#tell#0")
                .number("probe", 1),
            remove: vec![],
        };
        self.write(write).await;
        deliveries::deliver(&self.app, key)
            .await
            .expect("a delivery");
    }

    /// Spreads all that happened to a case.
    pub async fn spreads(&self, case: &str) {
        let pk = case_pk(&self.id, case);
        let told = self.app.store.under(&pk, outbox::PREFIX).await;
        for row in told.expect("a table") {
            deliveries::deliver(&self.app, &row.key())
                .await
                .expect("it is spread");
        }
    }

    /// Where the delivery stands that tells a system of the newest occurrence of this name, as
    /// `payment-received-p1`.
    pub async fn told_key(&self, case: &str, system: &str, name: &str) -> RowKey {
        self.spreads(case).await;
        let pk = case_pk(&self.id, case);
        let told = self.app.store.under(&pk, outbox::PREFIX).await;
        let named = |row: &&Row| {
            let told: Occurrence = row.read("data").expect("an occurrence");
            let about = told.subject;
            let n = about.payment.map_or(String::new(), |n| format!("-p{n}"));
            let object = about
                .object
                .map_or(String::new(), |name| format!("-{name}"));
            format!("{}{n}{object}", about.topic.name()) == name
        };
        let told = told.expect("a table");
        let told = told.iter().rfind(named);
        let told = told.unwrap_or_else(|| panic!("{name} never happened"));
        let place = told.get("sk").trim_start_matches(outbox::PREFIX);
        let sk = format!("{}{place}", delivery::prefix(system));
        RowKey { pk, sk }
    }

    /// Its id, as people name it.
    pub async fn delivery_id(&self, case: &str, system: &str, name: &str) -> String {
        let key = self.told_key(case, system, name).await;
        let place = key.sk.rsplit('#').next().unwrap_or_default().to_owned();
        format!("{system}.{place}")
    }

    pub async fn open_tasks(&self) -> Vec<Value> {
        let tasks = self.get("/v1/tasks").await;
        tasks["tasks"].as_array().cloned().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_broken_connection_is_one_task_of_the_clinic_and_gives_nothing_up() {
    let clinic = Clinic::new().await;
    let cases = [clinic.invoice(None).await, clinic.invoice(None).await];
    for case in &cases {
        let key = clinic.told_key(case, "xero", "invoice-issued").await;
        // Longer than any delivery is tried.
        for _ in 0..12 {
            clinic.delivers(&key).await;
        }
        let told = clinic.get(&format!("/v1/deliveries?case={case}")).await;
        assert_eq!(told["deliveries"][0]["state"], "open", "{told}");
    }
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert_eq!(tasks[0]["alert"], "blocked");
    let text = tasks[0].to_string();
    assert!(
        text.contains("Xero") && text.contains("/v1/integrations/xero"),
        "{text}"
    );
}

const ID: &str = "c7c37b83-ac95-45ea-88ba-8ad83a5f22fe";

/// Xero as it answers a token call and everything that is written.
pub async fn xero(clinic: &Clinic) {
    connect(clinic, "xero", |_| Said::Cut).await;
    let id = clinic.id.clone();
    answer(clinic, move |heard| {
        let list = heard.what.split('/').nth(4).unwrap_or_default();
        match heard.what.ends_with("/connect/token") {
            true => ok(json!({
                "access_token": format!("t.{id}"), "expires_in": 1800, "refresh_token": "r2",
            })),
            // Paths with an id are those of payments that are undone.
            false if heard.body.contains("DELETED") => {
                ok(json!({ "Payments": [{ "PaymentID": ID, "Status": "DELETED" }] }))
            }
            false => {
                let named = ["InvoiceID", "PaymentID"][usize::from(list == "Payments")];
                ok(json!({ list: [{ named: ID, "Status": "AUTHORISED" }] }))
            }
        }
    });
}

/// Xero gives tokens and has no time for anything else; without a number half a minute is meant.
fn is_busy(clinic: &Clinic) {
    let id = clinic.id.clone();
    answer(clinic, move |heard| {
        match heard.what.ends_with("/connect/token") {
            true => ok(json!({
                "access_token": format!("t.{id}"), "expires_in": 1800, "refresh_token": "r2",
            })),
            false => Said::Reply(429, json!({})),
        }
    });
}

/// A quiet connection is forgotten by its vendor after 60 days.
#[tokio::test]
async fn a_quiet_connection_is_renewed_in_time_and_a_mended_one_ends_its_task() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let key = clinic.told_key(&case, "xero", "invoice-issued").await;
    clinic.delivers(&key).await;
    assert_eq!(clinic.open_tasks().await.len(), 1, "it is not connected");
    xero(&clinic).await;
    // The secret's absence may be remembered: as another process sees it.
    let clinic = clinic.with_key(&clinic.key);
    clinic.delivers(&key).await;
    let tokens = |clinic: &Clinic| {
        let calls = heard(clinic).into_iter();
        calls
            .filter(|call| call.what.ends_with("/connect/token"))
            .count()
    };
    assert_eq!(tokens(&clinic), 1, "{:?}", heard(&clinic));
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
    let token = RowKey {
        pk: format!("{}#token#xero", clinic.id),
        sk: "token".into(),
    };
    let due = async || {
        let row = clinic.app.store.get(&token.pk, "token").await;
        row.expect("a table").expect("a token").int("due_at")
    };
    let days = (due().await - meridian::io::clock::now().as_millisecond()) / 86_400_000;
    assert!((1..60).contains(&days), "renewed after {days} days");
    clinic.delivers(&token).await;
    assert_eq!(tokens(&clinic), 2);
    assert!(due().await > meridian::io::clock::now().as_millisecond());
}

/// Paid, taken by a lost dispute, given back: Xero follows, on the clinic's days.
#[tokio::test]
async fn xero_hears_that_a_payment_came_went_and_came_again() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, wanted).await.expect(202);
    let fact = |kind, at: &str| Fact {
        reference: Some(ids::payment_reference(&case, 1)),
        payment: Some(format!("pi_{case}")),
        occurred_at: Some(at.parse().expect("a time")),
        amount: Some(Money::new(6000, Currency::read("EUR").expect("a currency"))),
        ..Fact::new(kind)
    };
    let disputed = |kind, at| Fact {
        dispute: Some("dp_1".into()),
        ..fact(kind, at)
    };
    let won = Event::Reported(Report {
        gateway: "stripe".into(),
        facts: vec![disputed(Kind::DisputeWon, "2026-03-09T00:00:00Z")],
        current: true,
        late_failures: false,
        page_stays: true,
        answer: false,
    });
    for (event, rows) in [
        (
            reported(fact(Kind::PaymentSucceeded, "2025-12-31T12:50:00Z")),
            ["invoice-issued", "payment-received-p1"].as_slice(),
        ),
        (
            reported(disputed(Kind::DisputeLost, "2026-02-01T00:00:00Z")),
            &["payment-returned-p1"],
        ),
        (won, &["payment-received-p1-reinstated"]),
    ] {
        happens(&clinic, &case, event).await;
        for row in rows {
            let key = clinic.told_key(&case, "xero", row).await;
            clinic.delivers(&key).await;
        }
    }
    let calls = heard(&clinic)
        .into_iter()
        .filter(|call| call.what.contains("/Payments"));
    let filed: Vec<_> = calls
        .map(|call| {
            let body: Value = serde_json::from_str(&call.body).expect("JSON");
            let one = body["Payments"][0].clone();
            (one["Amount"].to_string(), one["Date"].clone())
        })
        .collect();
    assert_eq!(
        filed,
        [
            ("60.0".into(), json!("2025-12-31")),
            // Undone.
            ("null".into(), Value::Null),
            ("60.0".into(), json!("2026-03-09")),
        ]
    );
}

#[tokio::test]
async fn a_number_that_opted_out_is_written_to_once_and_alarms_nobody() {
    let clinic = Clinic::new().await;
    connect(&clinic, "twilio", |_| {
        Said::Reply(
            400,
            json!({ "code": 21610, "message": "unsubscribed", "status": 400 }),
        )
    })
    .await;
    let mut settings = clinic.get("/v1/settings").await;
    settings["systems"] = json!(["mailgun", "twilio"]);
    let put = clinic.call("PUT", "/v1/settings", &settings).await;
    put.expect(200);
    let person = json!({
        "reference": "P-1", "name": "Juniper Vale", "email": "juniper@example.org",
        "phone": "+61370100142",
    });
    let made = clinic.post("/v1/patients", person).await.expect(201);
    for _ in 0..2 {
        let case = clinic.invoice(made["id"].as_str()).await;
        let path = format!("/v1/invoices/{case}/charges");
        let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
        clinic.post(&path, wanted).await.expect(202);
        crate::money::pays(&clinic, &case).await;
        clinic
            .delivers(
                &clinic
                    .told_key(&case, "twilio", "payment-received-p1")
                    .await,
            )
            .await;
        let told = clinic.get(&format!("/v1/deliveries?case={case}")).await;
        let told = told["deliveries"].as_array().cloned().unwrap_or_default();
        let text = told.iter().find(|one| one["system"] == "twilio");
        assert_eq!(text.expect("a text")["state"], "skipped", "{text:?}");
    }
    assert_eq!(heard(&clinic).len(), 1, "{:?}", heard(&clinic));
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
    let rows = format!("{:?}", clinic.rows().await.keys());
    assert!(!rows.contains("370100142"), "a number in a key");
}

/// The row of the clinic's token at Xero.
async fn token(clinic: &Clinic) -> Option<Row> {
    let pk = format!("{}#token#xero", clinic.id);
    let row = clinic.app.store.get(&pk, "token").await;
    row.expect("a table")
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_tried_at_once_and_renewed_in_time() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    for renewals in 1..=2 {
        let row = token(&clinic).await.expect("a token that is renewed");
        let wait = row.int("due_at") - meridian::io::clock::now().as_millisecond();
        let days = wait / 86_400_000;
        assert!(
            days < 60 && (days > 0) == (renewals > 1),
            "after {days} days"
        );
        clinic.delivers(&row.key()).await;
        let calls = heard(&clinic);
        assert_eq!(calls.len(), renewals, "{calls:?}");
        assert!(
            calls
                .iter()
                .all(|call| call.what.ends_with("/connect/token"))
        );
    }
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

/// Half of what a vendor needs is no connection yet: nobody is told that it is broken.
#[tokio::test]
async fn a_connection_is_tried_only_once_all_of_it_is_there() {
    let clinic = Clinic::new().await;
    clinic.hears(&[]).await;
    let row = token(&clinic)
        .await
        .expect("the clinic began with Xero")
        .key();
    clinic.write(Write::Delete(row)).await;
    let half = json!({ "oauth": { "refresh_token": "r1" } });
    let put = clinic.call("PUT", "/v1/integrations/xero", &half).await;
    assert_eq!(put.expect(200)["connected"], false);
    assert!(token(&clinic).await.is_none());
    xero(&clinic).await;
    assert!(token(&clinic).await.is_some());
}

/// Secrets may be written by hand: who switches a system on has connected it.
#[tokio::test]
async fn a_system_that_is_switched_on_is_renewed_however_it_was_connected() {
    let clinic = Clinic::new().await;
    assert!(token(&clinic).await.is_some(), "the clinic began with it");
    let row = token(&clinic).await.expect("a row").key();
    clinic.write(Write::Delete(row)).await;
    clinic.hears(&["slack"]).await;
    assert!(token(&clinic).await.is_none());
    clinic.hears(&["xero", "slack"]).await;
    assert!(token(&clinic).await.is_some());
}

/// Only a connection that was written anew is tried at once.
#[tokio::test]
async fn settings_that_are_written_again_leave_a_token_and_its_time_as_they_are() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let row = token(&clinic).await.expect("a token");
    clinic.delivers(&row.key()).await;
    let before = token(&clinic).await.expect("a token");
    assert!(before.has("sealed"), "it was got");
    clinic.hears(&["xero", "slack"]).await;
    clinic.hears(&["xero"]).await;
    assert_eq!(token(&clinic).await, Some(before.clone()));
    // The same secrets again are nothing new, but show whether they work.
    xero(&clinic).await;
    let after = token(&clinic).await.expect("a token");
    assert!(!after.has("sealed") && after.int("due_at") < before.int("due_at"));
}

/// What is renewed may be refused long before anything is to be filed.
#[tokio::test]
async fn a_refused_renewal_is_one_task_that_ends_once_the_connection_is_mended() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    answer(&clinic, |_| {
        Said::Reply(400, json!({ "error": "invalid_grant" }))
    });
    let row = token(&clinic).await.expect("a token");
    for _ in 0..2 {
        clinic.delivers(&row.key()).await;
    }
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert_eq!(tasks[0]["alert"], "blocked");
    // Connected anew, it is tried at once, and not only a day later.
    xero(&clinic).await;
    let row = token(&clinic).await.expect("a token");
    assert!(row.is_due(meridian::io::clock::now().as_millisecond() + 1000));
    let clinic = clinic.with_key(&clinic.key);
    deliveries::deliver(&clinic.app, &row.key())
        .await
        .expect("renewed");
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

impl Clinic {
    /// Its invoice as this system is told of its payment.
    async fn paid_and_told(&self, system: &str, patient: Option<&str>) -> RowKey {
        let case = self.invoice(patient).await;
        let path = format!("/v1/invoices/{case}/charges");
        let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
        self.post(&path, wanted).await.expect(202);
        crate::money::pays(self, &case).await;
        let key = self.told_key(&case, system, "payment-received-p1").await;
        self.delivers(&key).await;
        key
    }

    pub async fn hears(&self, systems: &[&str]) {
        let mut settings = self.get("/v1/settings").await;
        settings["systems"] = json!(systems);
        self.call("PUT", "/v1/settings", &settings)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn slack_that_refuses_its_own_key_is_one_task_and_ends_when_any_message_arrives() {
    let clinic = Clinic::new().await;
    clinic.hears(&["slack"]).await;
    connect(&clinic, "slack", |_| Said::Plain(404, "no_service")).await;
    let first = clinic.paid_and_told("slack", None).await;
    clinic.paid_and_told("slack", None).await;
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    let text = tasks[0].to_string();
    assert!(
        text.contains("Slack") && text.contains("/v1/integrations/slack"),
        "{text}"
    );
    // Slack is not told that Slack cannot be told.
    let told = clinic.rows().await;
    let told: Vec<_> = told
        .keys()
        .filter(|row| row.contains("needs-person-blocked"))
        .collect();
    assert_eq!(told, Vec::<&String>::new());
    // The first that arrives ends it, whichever it is.
    answer(&clinic, |_| Said::Plain(200, "ok"));
    clinic.paid_and_told("slack", None).await;
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
    clinic.delivers(&first).await;
    assert_eq!(heard(&clinic).len(), 4);
}

/// An address that is none of Slack's, written into the secret by hand.
#[tokio::test]
async fn an_address_to_which_no_call_may_go_is_a_broken_connection() {
    let clinic = Clinic::new().await;
    clinic.hears(&["slack"]).await;
    let name = format!("meridian/{}/system/slack", clinic.id);
    let secret = json!({ "webhook_url": "https://example.org/hook" }).to_string();
    let secret = json!({ "Name": name, "SecretString": secret });
    let made = crate::stack::aws().call("secretsmanager.CreateSecret", secret);
    made.await.expect("a secret");
    let key = clinic.paid_and_told("slack", None).await;
    let row = clinic.app.store.get(&key.pk, &key.sk).await;
    let row = row.expect("a table").expect("a row");
    assert_eq!(row.get("state"), "open", "given up: {}", row.get("why"));
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert_eq!(tasks[0]["alert"], "blocked");
    assert!(
        tasks[0].to_string().contains("hooks.slack.com"),
        "{tasks:#?}"
    );
}

/// Any call that is answered shows that the connection works again.
#[tokio::test]
async fn a_look_up_that_is_refused_is_told_and_one_that_is_answered_ends_it() {
    let clinic = Clinic::new().await;
    clinic.hears(&["twilio"]).await;
    let sid = "SM0123456789abcdef0123456789abcdef";
    connect(&clinic, "twilio", move |heard| {
        match heard.what.starts_with("GET") {
            true => Said::Reply(401, json!({ "code": 20003, "status": 401 })),
            false => Said::Reply(201, json!({ "sid": sid, "status": "queued" })),
        }
    })
    .await;
    let person = json!({ "reference": "P-1", "name": "Juniper Vale", "phone": "+61370100142" });
    let made = clinic.post("/v1/patients", person).await.expect(201);
    let patient = made["id"].as_str().expect("an id").to_owned();
    let key = clinic.paid_and_told("twilio", Some(&patient)).await;
    clinic.delivers(&key).await;
    assert_eq!(clinic.open_tasks().await.len(), 1);
    answer(&clinic, move |_| {
        ok(json!({ "sid": sid, "status": "delivered" }))
    });
    clinic.delivers(&key).await;
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

/// What a system refuses it has heard: whatever else was wrong with it is over.
#[tokio::test]
async fn a_refusal_shows_that_the_connection_works() {
    let clinic = Clinic::new().await;
    clinic.hears(&["slack"]).await;
    connect(&clinic, "slack", |_| Said::Plain(403, "action_prohibited")).await;
    let key = clinic.paid_and_told("slack", None).await;
    let alerts = async || {
        let tasks = clinic.open_tasks().await.into_iter();
        let alerts = tasks.map(|task| task["alert"].clone());
        alerts.collect::<Vec<_>>()
    };
    assert_eq!(alerts().await, [json!("blocked")]);
    answer(&clinic, |_| Said::Plain(400, "invalid_payload"));
    clinic.delivers(&key).await;
    assert_eq!(alerts().await, [json!("delivery_failed")]);
}

/// A system that is always too busy: nothing is given up, whatever is tried, and people look at the
/// connection once it has lasted.
#[tokio::test]
async fn what_a_system_has_no_time_for_waits_without_using_up_tries() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    is_busy(&clinic);
    let cases = [clinic.invoice(None).await, clinic.invoice(None).await];
    let first = clinic.told_key(&cases[0], "xero", "invoice-issued").await;
    let second = clinic.told_key(&cases[1], "xero", "invoice-issued").await;
    let sent = |clinic: &Clinic| {
        let calls = heard(clinic).into_iter();
        calls
            .filter(|call| !call.what.ends_with("/connect/token"))
            .count()
    };
    let row = async |key: &RowKey| {
        let row = clinic.app.store.get(&key.pk, &key.sk).await;
        DeliveryRow::read(&row.expect("a table").expect("a row")).expect("a delivery")
    };
    for tries in 1..=12 {
        clinic.delivers(&first).await;
        assert_eq!(sent(&clinic), tries);
        let row = row(&first).await;
        assert_eq!((row.state, row.tries, row.due), (State::Open, 0, Due::Held));
    }
    // The other waits with it, and calls nobody.
    deliveries::deliver(&clinic.app, &second)
        .await
        .expect("it waits");
    assert_eq!((row(&second).await.due, sent(&clinic)), (Due::Held, 12));
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
    let told = clinic
        .get(&format!("/v1/deliveries?case={}", cases[1]))
        .await;
    assert_eq!(told["deliveries"][0]["held"], true, "{told}");
    // Nobody looks before it is time.
    let connection = connection::key(&clinic.id, "xero");
    deliveries::deliver(&clinic.app, &connection)
        .await
        .expect("not yet");
    assert_eq!(row(&first).await.due, Due::Held);
    // It takes calls again: one is let through to see, and then all that waits.
    xero(&clinic).await;
    let over = Write::Change {
        key: connection.clone(),
        set: Row::default().number("due_at", 1),
        remove: vec![],
    };
    clinic.write(over).await;
    for key in [&first, &second] {
        clinic.nudged("deliveries").await;
        deliveries::deliver(&clinic.app, &connection)
            .await
            .expect("it is resumed");
        assert!(matches!(row(key).await.due, Due::At { .. }), "let through");
        let nudged = clinic.nudged("deliveries").await;
        assert!(
            nudged.contains(key),
            "at once, not at the next run: {nudged:?}"
        );
        deliveries::deliver(&clinic.app, key).await.expect("told");
        assert_eq!(row(key).await.state, State::Done);
    }
}

/// A function that dies between two steps leaves the second one to be done.
#[tokio::test]
async fn a_delivery_is_done_only_with_its_last_step() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, wanted).await.expect(202);
    crate::money::pays(&clinic, &case).await;
    let key = clinic.told_key(&case, "xero", "invoice-issued").await;
    clinic.delivers(&key).await;
    let key = clinic.told_key(&case, "xero", "payment-received-p1").await;
    // The first step has nothing to undo and is written down; whatever is written next is lost.
    let struck = Struck::by(vec![("TransactWriteItems", Action::CutBefore, 2, 99)]);
    let died = deliveries::deliver(&struck.app, &key).await;
    died.expect_err("it could not go on");
    let row = clinic.app.store.get(&key.pk, &key.sk).await;
    let row = row.expect("a table").expect("a row");
    assert_eq!(row.get("state"), "open");
    let read = DeliveryRow::read(&row).expect("a delivery");
    assert_eq!(read.steps_done, 1);
    drop(struck);
    clinic.delivers(&key).await;
    let filed = heard(&clinic);
    let filed = filed.iter().filter(|call| call.what.ends_with("/Payments"));
    assert_eq!(filed.count(), 1);
}

/// As long as the vendor asks for, and at least a while that doubles: what it asked for was too short
/// the last time.
#[tokio::test]
async fn a_busy_vendor_is_left_alone_for_as_long_as_it_asks_and_longer_each_time() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    is_busy(&clinic);
    let case = clinic.invoice(None).await;
    let key = clinic.told_key(&case, "xero", "invoice-issued").await;
    for wanted in [30, 30, 40, 80, 160, 320, 640, 900, 900] {
        clinic.delivers(&key).await;
        let at = connection::key(&clinic.id, "xero");
        let row = clinic.app.store.get(&at.pk, &at.sk).await;
        let due = row.expect("a table").expect("a row").int("due_at");
        let wait = due / 1000 - meridian::io::clock::now().as_second();
        assert!((wanted - 5..=wanted).contains(&wait), "{wait} for {wanted}");
    }
}

/// Whichever is worked off, the one that the other builds on comes first.
#[tokio::test]
async fn a_payment_is_filed_on_its_invoice_whichever_comes_first_to_hand() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, wanted).await.expect(202);
    crate::money::pays(&clinic, &case).await;
    let received = clinic.told_key(&case, "xero", "payment-received-p1").await;
    clinic.delivers(&received).await;
    let filed = heard(&clinic).into_iter().filter_map(|call| {
        let place = call.what.rsplit('/').next().map(String::from);
        place.filter(|place| place.ends_with('s'))
    });
    let filed: Vec<_> = filed.collect();
    assert_eq!(filed, ["Contacts", "Invoices", "Payments"]);
}

/// A system that was connected later is told of a payment, and files the invoice first; what is
/// older and builds nothing stays untold.
#[tokio::test]
async fn what_a_payment_builds_on_is_filed_first_where_the_system_came_later() {
    let clinic = Clinic::new().await;
    clinic.hears(&[]).await;
    xero(&clinic).await;
    let case = clinic.invoice(None).await;
    let older = clinic.invoice(None).await;
    clinic.spreads(&older).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, wanted).await.expect(202);
    clinic.spreads(&case).await;
    clinic.hears(&["xero"]).await;
    crate::money::pays(&clinic, &case).await;
    let received = clinic.told_key(&case, "xero", "payment-received-p1").await;
    clinic.delivers(&received).await;
    let told = clinic.get(&format!("/v1/deliveries?case={case}")).await;
    let states: Vec<_> = told["deliveries"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(states.len(), 2, "{told}");
    for (one, topic) in states.iter().zip(["invoice_issued", "payment_received"]) {
        assert_eq!(
            (&one["topic"], &one["state"]),
            (&json!(topic), &json!("done")),
            "{told}"
        );
    }
    let told = clinic.get(&format!("/v1/deliveries?case={older}")).await;
    assert_eq!(told["deliveries"], json!([]));
}

/// More than one portion: the first that is told again does not end the letting through of the rest.
#[tokio::test]
async fn all_that_waited_is_let_through_however_much_it_is() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    is_busy(&clinic);
    let mut keys = vec![];
    for _ in 0..30 {
        let case = clinic.invoice(None).await;
        let key = clinic.told_key(&case, "xero", "invoice-issued").await;
        deliveries::deliver(&clinic.app, &key)
            .await
            .expect("it waits");
        keys.push(key);
    }
    xero(&clinic).await;
    let connection = connection::key(&clinic.id, "xero");
    let mut rounds = 0;
    loop {
        let over = Write::Change {
            key: connection.clone(),
            set: Row::default().number("due_at", 1),
            remove: vec![],
        };
        clinic.write(over).await;
        deliveries::deliver(&clinic.app, &connection)
            .await
            .expect("it is resumed");
        let mut left = 0;
        for key in &keys {
            deliveries::deliver(&clinic.app, key).await.expect("told");
            let row = clinic.app.store.get(&key.pk, &key.sk).await;
            let row = row.expect("a table").expect("a row");
            left += usize::from(row.get("state") != "done");
        }
        rounds += 1;
        let row = clinic.app.store.get(&connection.pk, &connection.sk).await;
        let row = row.expect("a table").expect("a row");
        match left {
            0 => break,
            _ => assert!(row.has("due_at"), "{left} wait, and nobody looks any more"),
        }
        assert!(rounds < 6, "{left} still wait");
    }
    assert!(rounds > 2, "one to see, then portions");
}

/// Two messages about one book come at once: the one that comes second finds the contact being made
/// and leaves the first delivery to whoever makes it.
#[tokio::test]
async fn who_comes_to_a_line_whose_contact_is_being_made_leaves_it_to_whoever_makes_it() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let patient = clinic.patient().await;
    let case = clinic.invoice(Some(&patient)).await;
    let note = json!({ "amount": { "amount": "10.00", "currency": "EUR" } });
    let path = format!("/v1/invoices/{case}/credit-notes");
    clinic.post(&path, note).await.expect(201);
    let first = clinic.told_key(&case, "xero", "invoice-issued").await;
    let second = clinic.told_key(&case, "xero", "invoice-credited-c1").await;
    let (one, two) = tokio::join!(
        deliveries::deliver(&clinic.app, &first),
        deliveries::deliver(&clinic.app, &second),
    );
    one.expect("it is told");
    two.expect("it waits");
    let shown = clinic.get(&format!("/v1/deliveries?case={case}")).await;
    let issued = shown["deliveries"].as_array().expect("deliveries");
    let issued = issued.iter().find(|one| one["topic"] == "invoice_issued");
    assert_eq!(issued.expect("it was told")["state"], "done", "{shown}");
}
