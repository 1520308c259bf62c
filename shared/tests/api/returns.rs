//! What goes back: how much may go without a second person, who that may be, disputes that no
//! gateway ends, and on which day all of it happened.

use crate::money::{happens, page, reported};
use crate::stack::{Answer, Clinic, send};
use meridian::domain::fact::{Fact, Kind};
use meridian::flows::pages;
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use serde_json::{Value, json};

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn cents(minor: i64) -> Money {
    Money::new(minor, Currency::read("EUR").expect("a currency"))
}

impl Clinic {
    /// An invoice of this much, on which a page was paid.
    async fn paid(&self, unit: &str, at: Option<&str>) -> String {
        let line = json!({ "description": "Visit", "unit": eur(unit), "tax_rate": "10" });
        let made = self.post("/v1/invoices", json!({ "lines": [line] })).await;
        let case = made.expect(201)["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/invoices/{case}/charges");
        let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
        self.post(&path, wanted).await.expect(202);
        let fact = Fact {
            reference: Some(ids::payment_reference(&case, 1)),
            payment: Some(format!("pi_{case}")),
            occurred_at: at.map(|at| at.parse().expect("a time")),
            ..Fact::new(Kind::PaymentSucceeded)
        };
        happens(self, &case, reported(fact)).await;
        case
    }

    async fn approval_above(&self, amount: &str) {
        let mut settings = self.get("/v1/settings").await;
        settings["policy"]["approval_above"] = json!(amount);
        let path = "/v1/settings";
        self.call("PUT", path, &settings).await.expect(200);
    }

    async fn post_as(&self, key: &str, path: &str, body: Value) -> Answer {
        send(&self.app, "POST", path, key, &ids::random(), &body).await
    }

    async fn refund_as(&self, key: &str, case: &str, amount: &str) -> Value {
        let wanted = json!({ "invoice": case, "amount": eur(amount) });
        let asked = self.post_as(key, "/v1/refunds", wanted).await;
        asked.expect(202)
    }
}

#[tokio::test]
async fn small_refunds_that_come_to_more_than_the_threshold_wait_for_an_approval() {
    let clinic = Clinic::new().await;
    clinic.approval_above("100").await;
    let desk = clinic.key_with(&["view", "refund"]).await;
    let case = clinic.paid("180.00", None).await;
    let state = |refund: &Value| refund["state"].as_str().unwrap_or_default().to_owned();
    let first = clinic.refund_as(&desk, &case, "60.00").await;
    assert_eq!(state(&first), "requested");
    let wanted = json!({ "invoice": case, "amount": eur("60.00") });
    let preview = clinic.post_as(&desk, "/v1/refunds?preview=true", wanted);
    assert_eq!(preview.await.expect(200)["needs_approval"], true);
    let second = clinic.refund_as(&desk, &case, "60.00").await;
    assert_eq!(state(&second), "awaiting_approval");
    // One that was given up counts no more.
    let id = second["id"].as_str().expect("an id");
    let reject = format!("/v1/refunds/{id}/reject");
    clinic.post(&reject, Value::Null).await.expect(200);
    let third = clinic.refund_as(&desk, &case, "40.00").await;
    assert_eq!(state(&third), "requested", "100.00 are not above it");
    let fourth = clinic.refund_as(&desk, &case, "0.01").await;
    assert_eq!(state(&fourth), "awaiting_approval");
}

#[tokio::test]
async fn who_asked_for_a_refund_never_approves_it() {
    let clinic = Clinic::new().await;
    clinic.approval_above("10").await;
    let case = clinic.paid("60.00", None).await;
    let both = clinic.key_with(&["view", "refund", "approve"]).await;
    let refund = clinic.refund_as(&both, &case, "60.00").await;
    assert_eq!(refund["state"], "awaiting_approval", "whatever the key may");
    let id = refund["id"].as_str().expect("an id");
    let approve = format!("/v1/refunds/{id}/approve");
    let refused = clinic.post_as(&both, &approve, Value::Null).await;
    let refused = refused.expect(403);
    let why = refused["detail"].as_str().unwrap_or_default();
    assert!(why.contains("another key"), "{why}");
    let shown = clinic.get(&format!("/v1/refunds/{id}")).await;
    assert_eq!(shown["state"], "awaiting_approval");
    // Another person may; and who asked may give it up.
    let approved = clinic.post(&approve, Value::Null).await.expect(200);
    assert_eq!(approved["state"], "requested");
}

/// Some gateways tell of a chargeback and never of its end.
#[tokio::test]
async fn staff_can_say_how_a_dispute_ended_that_its_gateway_never_ends() {
    let clinic = Clinic::new().await;
    for (found, due) in [("lost", "60.00"), ("won", "0.00")] {
        let case = clinic.paid("60.00", None).await;
        let fact = Fact {
            payment: Some(format!("pi_{case}")),
            dispute: Some(format!("chb_{case}")),
            amount: Some(cents(6000)),
            ..Fact::new(Kind::DisputeOpened)
        };
        happens(&clinic, &case, reported(fact)).await;
        let tasks = clinic.get("/v1/tasks").await;
        let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
        let mut of_case = tasks.iter().filter(|task| task["case"] == json!(case));
        let task = of_case.next().expect("a task").to_string();
        let payment = ids::payment_reference(&case, 1);
        let at = task.find(&format!("/v1/payments/{payment}/disputes/"));
        let path = &task[at.unwrap_or_else(|| panic!("no call is named: {task}"))..];
        let path = path.split(['"', ' ']).next().expect("a path");
        let wrong = clinic.post(path, json!({ "found": "open" })).await;
        assert_eq!(wrong.expect(422)["field"], "found");
        let said = clinic.post(path, json!({ "found": found })).await;
        said.expect(200);
        let shown = clinic.get(&format!("/v1/invoices/{case}")).await;
        assert_eq!(shown["due"]["amount"], due, "{found}");
        let tasks = clinic.get("/v1/tasks").await.to_string();
        assert!(!tasks.contains("person-dispute-"), "{tasks}");
        // The same word again changes nothing; the other one comes too late.
        clinic
            .post(path, json!({ "found": found }))
            .await
            .expect(200);
        let other = if found == "lost" { "won" } else { "lost" };
        clinic
            .post(path, json!({ "found": other }))
            .await
            .expect(409);
        let verified = clinic.get(&format!("/v1/audit/verify?case={case}")).await;
        assert_eq!(verified["holds"], true);
    }
}

/// Ten minutes before the new year in Melbourne, heard of long after it.
#[tokio::test]
async fn receipt_and_journal_bear_the_clinics_day_on_which_the_money_moved() {
    let clinic = Clinic::new().await;
    let case = clinic.paid("60.00", Some("2025-12-31T12:50:00Z")).await;
    let shown = clinic.get(&format!("/v1/invoices/{case}")).await;
    let address = shown["receipts"][0]["url"].as_str().expect("an address");
    let (status, receipt) = page(&clinic, "GET", address).await;
    assert_eq!(status, 200);
    assert!(receipt.contains("31 December 2025"), "{receipt}");
    assert!(!receipt.contains("January 2026"), "{receipt}");
    let journal = clinic.get("/v1/audit?day=2025-12-31").await;
    let entries = journal["entries"].as_array().cloned().unwrap_or_default();
    let days: Vec<_> = entries
        .iter()
        .filter(|entry| entry["case"] == json!(case))
        .map(|entry| (entry["what"].clone(), entry["day"].clone()))
        .collect();
    assert_eq!(days, [(json!("payment_succeeded"), json!("2025-12-31"))]);
}

#[tokio::test]
async fn the_page_of_a_refunded_invoice_says_what_is_true_now() {
    let clinic = Clinic::new().await;
    let case = clinic.paid("60.00", Some("2026-03-02T02:00:00Z")).await;
    for (n, minor) in [(1, 2500), (2, 3500)] {
        let fact = Fact {
            payment: Some(format!("pi_{case}")),
            refund: Some(format!("re_{n}_{case}")),
            amount: Some(cents(minor)),
            occurred_at: Some(
                format!("2026-03-0{}T02:00:00Z", 6 - n)
                    .parse()
                    .expect("a time"),
            ),
            ..Fact::new(Kind::RefundSucceeded)
        };
        happens(&clinic, &case, reported(fact)).await;
    }
    let address = pages::invoice_address(&clinic.app, &clinic.id, &case).await;
    let (status, shown) = page(&clinic, "GET", &address.expect("an address")).await;
    assert_eq!(status, 200);
    let plain = shown.replace("</strong>", "").replace("<strong>", "");
    assert!(plain.contains("Refunded"), "{plain}");
    assert!(!plain.contains(">Paid</p>"), "it is not paid: {plain}");
    // Receipts by day and with their amounts, the one that holds first.
    let at = |words: &str| {
        plain
            .find(words)
            .unwrap_or_else(|| panic!("no {words}: {plain}"))
    };
    let current = at("Current receipt");
    let refunds = [at("Refund of €25.00"), at("Refund of €35.00")];
    let payment = at("Payment of €60.00");
    assert!(
        current < payment && refunds.iter().all(|at| *at < payment),
        "{plain}"
    );
    // On the receipt the earlier refund comes first.
    let shown = clinic.get(&format!("/v1/invoices/{case}")).await;
    let all = shown["receipts"].as_array().cloned().unwrap_or_default();
    let last = all.last().and_then(|one| one["url"].as_str()).expect("one");
    let (_, receipt) = page(&clinic, "GET", last).await;
    let first = receipt.find("−€35.00").expect("the first refund");
    assert!(
        first < receipt.find("−€25.00").expect("the second"),
        "{receipt}"
    );
}
