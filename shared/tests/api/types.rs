//! What an appointment costs: types with their prices, frozen as it is booked, and a session of
//! which nobody said what it costs.

use crate::money::eur;
use crate::permissions::unchanged;
use crate::stack::{Clinic, lines};
use crate::vendors::{Said, connect, heard};
use meridian::flows::calls;
use meridian::flows::invoicing;
use meridian::records::case::pk as case_pk;
use meridian::records::{appointment, task};
use serde_json::{Value, json};

const TYPES: &str = "/v1/appointment-types";

fn new_type(id: &str, price: &str) -> Value {
    json!({
        "id": id, "name": "Initial visit, 45 minutes", "label": "Appointment",
        "price": eur(price), "tax_rate": "10",
    })
}

fn booking(id: &str) -> Value {
    json!({ "id": id, "patient": { "reference": "P-1" }, "starts_at": "2026-11-20T09:00:00Z" })
}

fn of_type(id: &str, kind: &str) -> Value {
    let mut new = booking(id);
    new["type"] = json!(kind);
    new
}

async fn offers(clinic: &Clinic, id: &str, price: &str) {
    clinic.patient().await;
    let made = clinic.post(TYPES, new_type(id, price)).await.expect(201);
    assert_eq!(
        (&made["version"], &made["offered"]),
        (&json!(1), &json!(true))
    );
}

/// Says that it took place, and bills it where it can be billed: its invoice.
async fn completes(clinic: &Clinic, id: &str) -> Value {
    let path = format!("/v1/appointments/{id}/complete");
    let done = clinic.post(&path, Value::Null).await.expect(202);
    bills(clinic, id).await;
    done["invoice"].clone()
}

async fn bills(clinic: &Clinic, id: &str) {
    let key = task::visit_key(&appointment::pk(&clinic.id, id));
    let billed = Box::pin(invoicing::visit(&clinic.app, &key)).await;
    billed.expect("a table");
}

async fn invoice(clinic: &Clinic, id: &Value) -> Value {
    let id = id.as_str().expect("an invoice");
    clinic.get(&format!("/v1/invoices/{id}")).await
}

async fn listed(clinic: &Clinic) -> Vec<String> {
    let page = clinic.get(TYPES).await;
    let all = page["appointment_types"].as_array().expect("types");
    let id = |kind: &Value| kind["id"].as_str().expect("an id").to_owned();
    all.iter().map(id).collect()
}

#[tokio::test]
async fn a_type_is_changed_only_as_the_version_that_was_read_and_no_longer_offered_once() {
    let clinic = Clinic::new().await;
    offers(&clinic, "one", "60.00").await;
    offers(&clinic, "two", "70.00").await;
    assert_eq!(listed(&clinic).await, ["two", "one"]);
    let path = format!("{TYPES}/one");
    let refused = clinic.post(TYPES, new_type("one", "1.00")).await;
    refused.expect(409);
    let dearer = json!({ "version": 1, "price": eur("65.00") });
    let now = clinic.call("PATCH", &path, &dearer).await.expect(200);
    assert_eq!((&now["version"], &now["price"]), (&json!(2), &eur("65.00")));
    assert_eq!(
        (&now["name"], &now["tax_rate"]),
        (&json!("Initial visit, 45 minutes"), &json!("10"))
    );
    let before = clinic.rows().await;
    clinic.call("PATCH", &path, &dearer).await.expect(409);
    let below = json!({ "version": 2, "price": eur("-1.00") });
    let refused = clinic.call("PATCH", &path, &below).await.expect(422);
    assert_eq!(refused["field"], "price");
    unchanged(
        &before,
        &clinic.rows().await,
        "an old version and a price below zero",
    );
    for _ in 0..2 {
        let gone = clinic.call("DELETE", &path, &Value::Null).await.expect(200);
        assert_eq!(
            (&gone["version"], &gone["offered"]),
            (&json!(3), &json!(false))
        );
    }
    assert_eq!(listed(&clinic).await, ["two"]);
    assert_eq!(clinic.get(&path).await["offered"], false);
    let late = json!({ "version": 3, "name": "Late" });
    clinic.call("PATCH", &path, &late).await.expect(409);
    let anew = clinic
        .post(TYPES, new_type("one", "80.00"))
        .await
        .expect(201);
    assert_eq!(
        (&anew["version"], &anew["price"]),
        (&json!(4), &eur("80.00"))
    );
    for (method, path) in [("GET", "x"), ("DELETE", "x"), ("PATCH", "x")] {
        let path = format!("{TYPES}/{path}");
        let body = json!({ "version": 1 });
        clinic.call(method, &path, &body).await.expect(404);
    }
    let audit = format!("{:?}", clinic.rows().await);
    for (what, times) in [("made", 3), ("changed", 1), ("ended", 1)] {
        let noted = audit.matches(&format!("appointment_type_{what} ")).count();
        assert_eq!(noted, times, "{what}");
    }
}

#[tokio::test]
async fn what_an_appointment_costs_is_what_its_type_cost_when_it_was_booked() {
    let clinic = Clinic::new().await;
    offers(&clinic, "t", "60.00").await;
    let made = clinic.post("/v1/appointments", of_type("A-1", "t")).await;
    let made = made.expect(201);
    assert_eq!(
        (&made["type"], &made["label"]),
        (&json!("t"), &json!("Appointment"))
    );
    assert_eq!(
        (&made["total"], &made["currency"]),
        (&eur("60.00"), &json!("EUR"))
    );
    assert_eq!(made["lines"][0]["description"], "Initial visit, 45 minutes");
    let dearer = json!({ "version": 1, "price": eur("65.00"), "label": "Other" });
    clinic
        .call("PATCH", &format!("{TYPES}/t"), &dearer)
        .await
        .expect(200);
    let gone = clinic
        .call("DELETE", &format!("{TYPES}/t"), &Value::Null)
        .await;
    gone.expect(200);
    // Told again, by a system that knows the type and by one that knows times alone.
    for again in [of_type("A-1", "t"), booking("A-1")] {
        let kept = clinic.post("/v1/appointments", again).await.expect(200);
        assert_eq!(
            (&kept["total"], &kept["label"]),
            (&eur("60.00"), &json!("Appointment"))
        );
    }
    let refused = clinic.post("/v1/appointments", of_type("A-2", "t")).await;
    assert_eq!(refused.expect(422)["field"], "type");
    let billed = completes(&clinic, "A-1").await;
    let shown = invoice(&clinic, &billed).await;
    assert_eq!(shown["total"], eur("60.00"));
    assert_eq!(
        shown["lines"][0]["description"],
        "Initial visit, 45 minutes"
    );
    let rows = format!("{:?}", clinic.rows().await);
    // The type's own row names it, and nothing that belongs to a patient.
    assert_eq!(rows.matches("Initial visit").count(), 1);
    // A type may be free.
    offers(&clinic, "free", "0.00").await;
    clinic
        .post("/v1/appointments", of_type("A-3", "free"))
        .await
        .expect(201);
    let billed = completes(&clinic, "A-3").await;
    let shown = invoice(&clinic, &billed).await;
    assert_eq!(
        (&shown["status"], &shown["total"]),
        (&json!("paid"), &eur("0.00"))
    );
}

#[tokio::test]
async fn a_gateway_reads_the_label_of_a_type_and_never_its_name() {
    let clinic = Clinic::of("EUR", json!({ "collect": "checkout" })).await;
    connect(&clinic, "stripe", |_| Said::Cut).await;
    offers(&clinic, "t", "60.00").await;
    clinic
        .post("/v1/appointments", of_type("A-1", "t"))
        .await
        .expect(201);
    let billed = completes(&clinic, "A-1").await;
    let case = billed.as_str().expect("an invoice");
    let pay = task::key(&case_pk(&clinic.id, case), "p1");
    Box::pin(calls::pay(&clinic.app, &pay))
        .await
        .expect("a call");
    let told: String = heard(&clinic).into_iter().map(|call| call.body).collect();
    let number = invoice(&clinic, &billed).await["number"].clone();
    let number = number.as_str().expect("a number");
    assert!(
        told.contains(&format!("{number}%2C%20Appointment")),
        "{told}"
    );
    assert!(!told.contains("Initial"), "{told}");
}

#[tokio::test]
async fn a_price_is_lines_or_a_type_that_is_known() {
    let clinic = Clinic::new().await;
    offers(&clinic, "t", "60.00").await;
    let before = clinic.rows().await;
    for (with, field) in [
        (json!({ "type": "t", "lines": lines() }), "type"),
        (json!({ "type": "u" }), "type"),
        (json!({ "type": "t", "currency": "EUR" }), "currency"),
        (json!({ "currency": "EUR" }), "currency"),
        (json!({ "lines": [] }), "lines"),
    ] {
        let mut new = booking("A-1");
        for (name, value) in with.as_object().expect("fields") {
            new[name] = value.clone();
        }
        let refused = clinic.post("/v1/appointments", new).await.expect(422);
        assert_eq!(refused["field"], field, "{with}");
    }
    for (field, value) in [
        ("id", json!("a/b")),
        ("price", eur("-0.01")),
        ("price", eur("10000000000000.01")),
        ("label", json!("x".repeat(41))),
        ("tax_rate", json!("101")),
    ] {
        let mut new = new_type("u", "1.00");
        new[field] = value.clone();
        let refused = clinic.post(TYPES, new).await.expect(422);
        assert_eq!(refused["field"], field, "{value}");
    }
    unchanged(&before, &clinic.rows().await, "what was refused");
}

/// What is asked of people about appointments.
async fn asked(clinic: &Clinic) -> Vec<Value> {
    let tasks = clinic.get("/v1/tasks").await;
    let all = tasks["tasks"].as_array().expect("tasks").iter();
    all.filter(|task| task["alert"] == "no_price")
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_session_without_a_price_is_a_task_until_it_has_one_and_is_billed_then() {
    let clinic = Clinic::new().await;
    offers(&clinic, "t", "60.00").await;
    for (id, price) in [
        ("A-1", json!({ "type": "t" })),
        ("A-2", json!({ "lines": lines() })),
    ] {
        let made = clinic
            .post("/v1/appointments", booking(id))
            .await
            .expect(201);
        assert_eq!(
            (&made["total"], &made["currency"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(
            completes(&clinic, id).await,
            Value::Null,
            "it cannot be billed"
        );
        let tasks = asked(&clinic).await;
        let [task] = &tasks[..] else {
            panic!("one task: {tasks:?}");
        };
        let note = task["note"].as_str().expect("words");
        assert!(
            note.contains(&format!("Appointment {id} took place")),
            "{note}"
        );
        assert_eq!(task["answers"][0]["path"], "/v1/appointments");
        let told = clinic.rows().await.into_keys();
        let of_visit = appointment::pk(&clinic.id, id);
        let told = told.filter(|key| key.starts_with(&of_visit) && key.contains("outbox#"));
        assert_eq!(told.count(), 1, "staff are told once");
        // Times alone, or another patient, are no price.
        let before = clinic.rows().await;
        clinic
            .post("/v1/appointments", booking(id))
            .await
            .expect(409);
        unchanged(&before, &clinic.rows().await, "no price");
        let mut priced = booking(id);
        for (name, value) in price.as_object().expect("a price") {
            priced[name] = value.clone();
        }
        // How it is collected is said with it.
        let page = id == "A-2";
        if page {
            priced["collect"] = json!("checkout");
        }
        let shown = clinic.post("/v1/appointments", priced.clone()).await;
        let shown = shown.expect(200);
        assert_eq!(
            (&shown["state"], &shown["total"]),
            (&json!("completed"), &eur("60.00"))
        );
        assert!(asked(&clinic).await.is_empty());
        bills(&clinic, id).await;
        let billed = invoice(&clinic, &shown["invoice"]).await;
        assert_eq!(
            (&billed["appointment"], &billed["due"]),
            (&json!(id), &eur("60.00"))
        );
        let payments = billed["payments"].as_array().map_or(0, Vec::len);
        assert_eq!(payments, usize::from(page), "{billed}");
        clinic.post("/v1/appointments", priced).await.expect(409);
        assert_eq!(completes(&clinic, id).await, shown["invoice"]);
    }
}

#[tokio::test]
async fn a_person_may_say_that_a_session_without_a_price_costs_nothing() {
    let clinic = Clinic::new().await;
    clinic.patient().await;
    clinic
        .post("/v1/appointments", booking("A-1"))
        .await
        .expect(201);
    completes(&clinic, "A-1").await;
    let tasks = asked(&clinic).await;
    let last = tasks[0]["answers"].as_array().and_then(|all| all.last());
    let path = last.expect("a call")["path"].as_str().expect("a path");
    let done = clinic.post(path, Value::Null).await.expect(200);
    assert_eq!(
        (&done["state"], &done["case"]),
        (&json!("done"), &tasks[0]["case"])
    );
    assert!(asked(&clinic).await.is_empty());
}
