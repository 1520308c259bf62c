//! A connection that is broken: told once for the clinic, whatever waits for it, and nothing that
//! waits is given up.

use crate::money::{happens, reported};
use crate::stack::Clinic;
use crate::vendors::{Said, answer, connect, heard, ok};
use meridian::domain::event::{Event, Report};
use meridian::domain::fact::{Fact, Kind};
use meridian::flows::case_pk;
use meridian::ids;
use meridian::money::{Currency, Money};
use meridian::queue::RowKey;
use meridian::store::{Row, Write};
use serde_json::{Value, json};

impl Clinic {
    /// Works the delivery off, as if its time had come.
    pub async fn delivers(&self, key: &RowKey) {
        let write = Write::Change {
            key: key.clone(),
            set: Row::default().number("due_at", 1),
            remove: vec![],
        };
        self.write(write).await;
        self.house.deliver(key).await.expect("a delivery");
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
        let key = RowKey {
            pk: case_pk(&clinic.id, case),
            sk: "task#tell-xero-invoice-issued".into(),
        };
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

/// A quiet connection is forgotten by its vendor after 60 days.
#[tokio::test]
async fn a_quiet_connection_is_renewed_in_time_and_a_mended_one_ends_its_task() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let key = RowKey {
        pk: case_pk(&clinic.id, &case),
        sk: "task#tell-xero-invoice-issued".into(),
    };
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
        let row = clinic.house.store.get(&token.pk, "token").await;
        row.expect("a table").expect("a token").int("due_at")
    };
    let days = (due().await - meridian::clock::now().as_millisecond()) / 86_400_000;
    assert!((1..60).contains(&days), "renewed after {days} days");
    clinic.delivers(&token).await;
    assert_eq!(tokens(&clinic), 2);
    assert!(due().await > meridian::clock::now().as_millisecond());
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
            clinic
                .delivers(&RowKey {
                    pk: case_pk(&clinic.id, &case),
                    sk: format!("task#tell-xero-{row}"),
                })
                .await;
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
            .delivers(&RowKey {
                pk: case_pk(&clinic.id, &case),
                sk: "task#tell-twilio-payment-received-p1".into(),
            })
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
