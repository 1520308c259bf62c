//! What is charged next time and what a clinic can do about an invoice: methods that end, that a
//! clinic removes or prefers, a filter that finds what is open, and an invoice that is voided.

use crate::money::{eur, happens, pays, reported};
use crate::stack::{Clinic, lines};
use meridian::domain::case::Case;
use meridian::domain::event::Event;
use meridian::domain::fact::{Decline, Fact, Kind, Method};
use meridian::flows::calls;
use meridian::flows::commit;
use meridian::flows::invoicing;
use meridian::flows::patients;
use meridian::flows::posting;
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::case::pk as case_pk;
use meridian::records::{appointment, task};
use meridian::words::ids;
use serde_json::{Value, json};

async fn keeps(clinic: &Clinic, patient: &str, token: &str) -> Value {
    let last = if token == "pm_old" { "1111" } else { "4242" };
    let label = format!("Visa ending {last}");
    let kept = json!({ "gateway": "stripe", "token": token, "label": label });
    let path = format!("/v1/patients/{patient}/payment-methods");
    // Which is the newest is told apart by the moment.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    clinic.post(&path, kept).await.expect(201)
}

/// The tokens of the methods that may be charged, the one that is charged by itself first.
async fn methods(clinic: &Clinic, patient: &str) -> Vec<String> {
    let shown = clinic
        .get(&format!("/v1/patients/{patient}/payment-methods"))
        .await;
    let all = shown["payment_methods"].as_array().expect("methods");
    let token = |method: &Value| method["token"].as_str().expect("a token").to_owned();
    all.iter().map(token).collect()
}

/// What a retry would charge after this method.
async fn next(clinic: &Clinic, patient: &str, used: &str) -> Option<String> {
    let used = Method {
        gateway: "stripe".into(),
        customer: None,
        token: used.into(),
        label: "Visa".into(),
    };
    let app = &clinic.app;
    let method = patients::method_to_charge(app, &clinic.id, patient, Some(&used), |_| true).await;
    method.expect("a table").map(|method| method.token)
}

async fn charged(clinic: &Clinic, patient: &str, method: Value) -> String {
    let case = clinic.invoice(Some(patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    clinic
        .post(&path, json!({ "method": method }))
        .await
        .expect(202);
    case
}

async fn declines(clinic: &Clinic, case: &str, why: Decline) -> Case {
    let fact = Fact {
        reference: Some(ids::payment_reference(case, 1)),
        payment: Some(format!("pi_{case}")),
        decline: Some(why),
        ..Fact::new(Kind::PaymentFailed)
    };
    happens(clinic, case, reported(fact)).await
}

#[tokio::test]
async fn a_retry_charges_the_newest_method_that_the_patient_agreed_to() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    keeps(&clinic, &patient, "pm_old").await;
    keeps(&clinic, &patient, "pm_new").await;
    for used in ["pm_old", "pm_new", "pm_charged_once"] {
        let next = next(&clinic, &patient, used).await;
        assert_eq!(next.as_deref(), Some("pm_new"), "after {used}");
    }
}

/// A message may come early, or twice: the day that was planned counts.
#[tokio::test]
async fn a_retry_charges_once_and_on_its_day() {
    let policy = json!({ "collect": "saved_method", "retry_after_days": [3] });
    let clinic = Clinic::of("EUR", policy).await;
    let patient = clinic.patient().await;
    keeps(&clinic, &patient, "pm_1").await;
    let case = clinic.invoice(Some(&patient)).await;
    declines(&clinic, &case, Decline::Funds).await;
    keeps(&clinic, &patient, "pm_2").await;
    let key = RowKey {
        pk: case_pk(&clinic.id, &case),
        sk: "task#retry-p1".into(),
    };
    let payments = async || {
        let found = clinic.app.case(&clinic.id, &case).await;
        found.expect("a table").expect("a case").payments
    };
    calls::pay(&clinic.app, &key)
        .await
        .expect("nothing to do yet");
    assert_eq!(payments().await.len(), 1, "it is not the day");
    let write = Write::Change {
        key: key.clone(),
        set: Row::default().number("due_at", 1),
        remove: vec![],
    };
    clinic.write(write).await;
    for _ in 0..2 {
        calls::pay(&clinic.app, &key).await.expect("a retry");
        let all = payments().await;
        assert_eq!(all.len(), 2, "{all:?}");
        let method = all[1].method.as_ref().map(|method| method.token.as_str());
        assert_eq!(method, Some("pm_2"));
    }
}

#[tokio::test]
async fn a_hard_decline_ends_the_method_and_a_soft_one_does_not() {
    for (why, left) in [
        (Decline::Method, vec!["pm_old"]),
        (Decline::Funds, vec!["pm_new", "pm_old"]),
    ] {
        let clinic = Clinic::new().await;
        let patient = clinic.patient().await;
        keeps(&clinic, &patient, "pm_old").await;
        keeps(&clinic, &patient, "pm_new").await;
        let case = charged(&clinic, &patient, json!("saved")).await;
        declines(&clinic, &case, why).await;
        assert_eq!(methods(&clinic, &patient).await, left, "{why:?}");
    }
    // One that was charged without being kept is not charged again either.
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let once = json!({ "gateway": "stripe", "token": "pm_once" });
    let case = charged(&clinic, &patient, once).await;
    assert_eq!(
        next(&clinic, &patient, "pm_once").await.as_deref(),
        Some("pm_once")
    );
    declines(&clinic, &case, Decline::Method).await;
    assert_eq!(next(&clinic, &patient, "pm_once").await, None);
    assert_eq!(methods(&clinic, &patient).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_method_can_be_removed_and_another_made_the_one_that_is_charged() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let old = keeps(&clinic, &patient, "pm_old").await;
    keeps(&clinic, &patient, "pm_new").await;
    let at = |method: &Value, rest: &str| {
        let id = method["id"].as_str().expect("an id");
        format!("/v1/patients/{patient}/payment-methods/{id}{rest}")
    };
    let chosen = clinic.post(&at(&old, "/default"), Value::Null).await;
    assert_eq!(chosen.expect(200)["default"], true);
    assert_eq!(methods(&clinic, &patient).await, ["pm_old", "pm_new"]);
    let case = charged(&clinic, &patient, json!("saved")).await;
    let shown = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert_eq!(shown["payments"][0]["method"], "Visa ending 1111");
    assert_eq!(
        next(&clinic, &patient, "pm_new").await.as_deref(),
        Some("pm_old")
    );
    let removed = clinic.call("DELETE", &at(&old, ""), &Value::Null).await;
    assert_eq!(removed.expect(200)["deleted"], true);
    assert_eq!(methods(&clinic, &patient).await, ["pm_new"]);
    assert_eq!(
        next(&clinic, &patient, "pm_old").await.as_deref(),
        Some("pm_new")
    );
    let again = clinic.call("DELETE", &at(&old, ""), &Value::Null).await;
    again.expect(404);
    clinic
        .post(&at(&old, "/default"), Value::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn what_was_agreed_to_for_one_charge_only_is_charged_by_nobody_else() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}/payment-methods");
    let once = json!({
        "gateway": "stripe", "token": "pm_once", "label": "Visa", "later_charges": false,
    });
    let kept = clinic.post(&path, once).await.expect(201);
    assert_eq!(kept["later_charges"], false);
    assert_eq!(
        next(&clinic, &patient, "pm_other").await.as_deref(),
        Some("pm_other")
    );
    let new = json!({ "patient": patient, "lines": lines(), "collect": "saved_method" });
    let made = clinic.post("/v1/invoices", new).await.expect(201);
    assert_eq!(made["payments"][0]["method"], Value::Null, "a page");
}

#[tokio::test]
async fn invoices_are_found_by_how_they_stand() {
    let clinic = Clinic::new().await;
    let (open, paid) = (clinic.invoice(None).await, clinic.invoice(None).await);
    let charges = format!("/v1/invoices/{paid}/charges");
    let page = json!({ "collect": "checkout" });
    clinic.post(&charges, page).await.expect(202);
    let found = async |status: &str| {
        let shown = clinic.get(&format!("/v1/invoices?status={status}")).await;
        let all = shown["invoices"].as_array().cloned().expect("invoices");
        let id = |one: &Value| one["id"].as_str().expect("an id").to_owned();
        all.iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(found("open").await, [paid.clone(), open.clone()]);
    pays(&clinic, &paid).await;
    assert_eq!(found("open").await, std::slice::from_ref(&open));
    assert_eq!(found("paid").await, std::slice::from_ref(&paid));
    assert_eq!(found("part_paid").await, Vec::<String>::new());
    let fact = Fact {
        payment: Some("pi_1".into()),
        ..Fact::new(Kind::PaymentReturned)
    };
    happens(&clinic, &paid, reported(fact)).await;
    assert_eq!(found("open").await, [paid, open]);
    let refused = clinic
        .call("GET", "/v1/invoices?status=owed", &Value::Null)
        .await;
    assert_eq!(refused.expect(422)["field"], "status");
}

#[tokio::test]
async fn an_invoice_is_voided_while_no_money_is_on_it_and_who_filed_it_hears() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/void");
    let void = clinic.post(&path, Value::Null).await.expect(200);
    assert_eq!(
        (&void["status"], &void["due"]),
        (&json!("void"), &eur("0.00"))
    );
    let verified = clinic.get(&format!("/v1/audit/verify?case={case}")).await;
    assert_eq!(verified["holds"], true, "{verified}");
    assert_eq!(verified["balances"], json!([]), "{verified}");
    // Whoever may have filed it hears.
    clinic.told_key(&case, "xero", "invoice-voided").await;
    assert_eq!(
        clinic.post(&path, Value::Null).await.expect(200)["status"],
        "void"
    );
    let charges = format!("/v1/invoices/{case}/charges");
    clinic.post(&charges, json!({})).await.expect(409);
    // Under way, and then paid.
    let case = clinic.invoice(None).await;
    let (charges, path) = (
        format!("/v1/invoices/{case}/charges"),
        format!("/v1/invoices/{case}/void"),
    );
    let page = json!({ "collect": "checkout" });
    clinic.post(&charges, page).await.expect(202);
    for _ in 0..2 {
        let refused = clinic.post(&path, Value::Null).await.expect(409);
        let why = refused["detail"].as_str().unwrap_or_default().to_owned();
        assert!(why.contains("under way") || why.contains("refund"), "{why}");
        pays_once(&clinic, &case).await;
    }
}

async fn pays_once(clinic: &Clinic, case: &str) {
    let known = clinic.app.case(&clinic.id, case).await.expect("a table");
    if known.is_some_and(|case| case.paid().minor == 0) {
        pays(clinic, case).await;
    }
}

#[tokio::test]
async fn a_post_is_answered_with_what_was_given_also_the_second_time() {
    let clinic = Clinic::new().await;
    let new = json!({ "lines": lines() });
    let made = clinic
        .post_under("k-1", "/v1/invoices", &new)
        .await
        .expect(201);
    assert_eq!(made["lines"][0]["description"], "Initial visit");
    let again = clinic
        .post_under("k-1", "/v1/invoices", &new)
        .await
        .expect(201);
    assert_eq!(again, made);
    let case = made["id"].as_str().expect("an id").to_owned();
    let charges = format!("/v1/invoices/{case}/charges");
    let page = json!({ "collect": "checkout" });
    clinic.post(&charges, page).await.expect(202);
    let begun = clinic.nudged("charges").await;
    let row = task::key(&case_pk(&clinic.id, &case), "p1");
    assert!(begun.contains(&row), "at once: {begun:?}");
    pays(&clinic, &case).await;
    let wanted = json!({ "invoice": case, "amount": eur("5.00"), "reason": "Cancelled in time" });
    let asked = clinic
        .post_under("k-2", "/v1/refunds", &wanted)
        .await
        .expect(202);
    assert_eq!(asked["reason"], "Cancelled in time");
    let again = clinic
        .post_under("k-2", "/v1/refunds", &wanted)
        .await
        .expect(202);
    assert_eq!(again, asked);
    let path = format!("/v1/refunds/{}", asked["id"].as_str().expect("an id"));
    assert_eq!(clinic.get(&path).await["reason"], "Cancelled in time");
    // The row of the request holds none of it in plain.
    let rows = format!("{:?}", clinic.rows().await);
    assert!(!rows.contains("Initial visit") && !rows.contains("Cancelled in time"));
}

#[tokio::test]
async fn a_free_visit_is_recorded_and_nothing_is_collected() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let free = json!([{ "description": "Courtesy visit", "unit": eur("0.00") }]);
    let booked = json!({
        "id": "A-0", "patient": patient, "starts_at": "2026-11-20T09:00:00Z", "lines": free,
        "collect": "saved_method",
    });
    clinic.post("/v1/appointments", booked).await.expect(201);
    let done = clinic
        .post("/v1/appointments/A-0/complete", json!({}))
        .await;
    let case = done.expect(202)["invoice"]
        .as_str()
        .expect("an id")
        .to_owned();
    let pk = appointment::pk(&clinic.id, "A-0");
    let sk = "task#visit".into();
    invoicing::visit(&clinic.app, &RowKey { pk, sk })
        .await
        .expect("invoiced");
    let shown = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert_eq!(
        (&shown["status"], &shown["total"]),
        (&json!("paid"), &eur("0.00"))
    );
    assert_eq!(shown["payments"], json!([]));
    let told = clinic.get(&format!("/v1/deliveries?case={case}")).await;
    assert_eq!(told["deliveries"], json!([]), "nobody files nothing");
    let charge = format!("/v1/invoices/{case}/charges");
    clinic.post(&charge, json!({})).await.expect(409);
}

#[tokio::test]
async fn a_delivery_is_repeated_from_every_state_in_which_it_did_not_arrive() {
    let clinic = Clinic::new().await;
    for (state, may) in [
        ("failed", true),
        ("unknown", true),
        ("skipped", true),
        ("done", false),
        ("open", false),
        ("calling", false),
    ] {
        let case = clinic.invoice(None).await;
        let key = clinic.told_key(&case, "xero", "invoice-issued").await;
        let id = clinic.delivery_id(&case, "xero", "invoice-issued").await;
        let RowKey { pk, sk } = key.clone();
        let set = Row::default().text("state", state).number("tries", 8);
        let remove = vec!["due_pk", "due_at"];
        clinic.write(Write::Change { key, set, remove }).await;
        // A person was asked, by the name that the task has.
        let matter =
            meridian::domain::task::Matter::of(meridian::domain::task::Alert::DeliveryFailed);
        let asked = Event::Person {
            id: format!("delivery-{id}"),
            matter,
        };
        happens(&clinic, &case, asked).await;
        let path = format!("/v1/deliveries/{case}/{id}/repeat");
        let answer = clinic.post(&path, json!({})).await;
        assert_eq!(answer.status, if may { 202 } else { 409 }, "{state}");
        let row = clinic
            .app
            .store
            .get(&pk, &sk)
            .await
            .expect("a table")
            .expect("a row");
        assert_eq!(row.has("due_at"), may, "{state}");
        assert_eq!(row.int("tries") == 0, may, "{state}");
        let task = format!("task#person-delivery-{id}");
        let asked = clinic.app.store.get(&pk, &task).await.expect("a table");
        assert_eq!(asked.is_none(), may, "{state}: the task is answered");
    }
}

/// The texts of a payment's story, in order, and the kind of the last.
async fn story(clinic: &Clinic, case: &str, n: u32) -> (Vec<String>, Value) {
    let payment = ids::payment_reference(case, n);
    let shown = clinic.get(&format!("/v1/payments/{payment}/story")).await;
    let all = shown["story"].as_array().cloned().expect("a story");
    let at: Vec<_> = all.iter().map(|part| part["at"].to_string()).collect();
    assert!(at.is_sorted(), "{all:#?}");
    let text = |part: &Value| part["text"].as_str().expect("a text").to_owned();
    let last = all.last().map(|part| part["kind"].clone());
    (all.iter().map(text).collect(), last.unwrap_or_default())
}

#[tokio::test]
async fn a_payments_story_is_of_that_payment_with_reasons_and_what_is_planned() {
    let policy = json!({ "collect": "saved_method", "retry_after_days": [3] });
    let clinic = Clinic::of("EUR", policy).await;
    let patient = clinic.patient().await;
    keeps(&clinic, &patient, "pm_1").await;
    let case = clinic.invoice(Some(&patient)).await;
    declines(&clinic, &case, Decline::Funds).await;
    let charges = format!("/v1/invoices/{case}/charges");
    let page = json!({ "collect": "checkout" });
    clinic.post(&charges, page).await.expect(202);
    let (first, last) = story(&clinic, &case, 1).await;
    let (second, _) = story(&clinic, &case, 2).await;
    // What is planned stands at its own time.
    let payment = ids::payment_reference(&case, 1);
    let told = clinic.get(&format!("/v1/payments/{payment}/story")).await;
    let planned = told["story"]
        .as_array()
        .and_then(|all| all.last())
        .expect("a plan");
    let at: jiff::Timestamp = planned["at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let days = (at - meridian::io::clock::now())
        .total(jiff::Unit::Hour)
        .expect("hours")
        / 24.0;
    assert!((2.0..=4.0).contains(&days), "{planned}");
    let says = |story: &[String], words: &str| story.iter().any(|text| text.contains(words));
    assert!(says(&first, "The invoice was issued."), "{first:#?}");
    assert!(
        says(&first, "The payment failed: not enough money."),
        "{first:#?}"
    );
    assert!(!says(&first, "A charge was asked for."), "{first:#?}");
    assert_eq!(last, "planned", "{first:#?}");
    assert!(says(&first, "tried again"), "{first:#?}");
    assert!(says(&second, "A charge was asked for."), "{second:#?}");
    assert!(!says(&second, "The payment failed"), "{second:#?}");
    // What systems are told of the invoice belongs to none of its payments.
    for story in [first, second] {
        assert!(!says(&story, "invoice issued"), "{story:#?}");
    }
}

/// What a payer lets the gateway keep on its page is charged next time, whoever they are known as.
#[tokio::test]
async fn a_method_that_was_kept_on_a_page_is_the_patients_from_then_on() {
    for (save_method, known) in [(true, true), (true, false), (false, true)] {
        let policy = json!({ "collect": "checkout", "save_method": save_method });
        let clinic = Clinic::of("EUR", policy).await;
        let patient = clinic.patient().await;
        let of = known.then_some(patient.as_str());
        let case = clinic.invoice(of).await;
        let brought = Fact {
            reference: Some(ids::payment_reference(&case, 1)),
            payment: Some("pi_1".into()),
            method: Some(Method {
                gateway: "stripe".into(),
                customer: Some("cus_1".into()),
                token: "pm_kept".into(),
                label: "Visa ending 4242".into(),
            }),
            ..Fact::new(Kind::PaymentSucceeded)
        };
        happens(&clinic, &case, reported(brought)).await;
        let kept: &[&str] = match save_method && known {
            true => &["pm_kept"],
            false => &[],
        };
        assert_eq!(methods(&clinic, &patient).await, kept);
        let rows = clinic.rows().await;
        let alias = format!("{}#ref#stripe#pm_kept ref", clinic.id);
        assert_eq!(rows.contains_key(&alias), !kept.is_empty());
        if !kept.is_empty() {
            assert_eq!(
                next(&clinic, &patient, "pm_other").await.as_deref(),
                Some("pm_kept")
            );
        }
    }
}

/// The kinds of what a payment's story tells, and what it says that begins with these words.
async fn told(clinic: &Clinic, case: &str, n: u32) -> Vec<(String, String)> {
    let payment = ids::payment_reference(case, n);
    let shown = clinic.get(&format!("/v1/payments/{payment}/story")).await;
    let all = shown["story"].as_array().cloned().expect("a story");
    let text = |part: &Value, of: &str| part[of].as_str().expect(of).to_owned();
    all.iter()
        .map(|part| (text(part, "kind"), text(part, "text")))
        .collect()
}

#[tokio::test]
async fn a_payments_story_tells_what_came_in_and_what_left_each_behind_what_reported_it() {
    let clinic = Clinic::of("EUR", json!({ "collect": "later" })).await;
    let (case, _) = clinic.asked_to_pay().await;
    let settings = clinic.app.settings_of(&clinic.id).await;
    let settings = settings.expect("a clinic");
    let amount = |minor| {
        let eur = meridian::words::money::Currency::read("EUR").expect("a currency");
        Some(meridian::words::money::Money::new(minor, eur))
    };
    let came = Fact {
        reference: Some(ids::payment_reference(&case, 1)),
        payment: Some("pi_1".into()),
        amount: amount(6000),
        ..Fact::new(Kind::PaymentSucceeded)
    };
    let went = Fact {
        payment: Some("pi_1".into()),
        refund: Some("re_1".into()),
        amount: amount(1250),
        ..Fact::new(Kind::RefundSucceeded)
    };
    for (n, fact) in [came, went].into_iter().enumerate() {
        let id = format!("evt_{n}");
        let at = meridian::io::clock::now();
        let row = meridian::records::event::EventRow::new(&clinic.id, "stripe", &id, "said", at);
        let change = meridian::flows::commit::Change {
            row: Some(row.of_fact(&fact)),
            ..meridian::flows::commit::Change::new(
                &settings,
                &case,
                reported(fact),
                format!("stripe {id}"),
            )
        };
        commit::commit(&clinic.app, change, None)
            .await
            .expect("a commit");
        // Each commit has a moment of its own.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    clinic.spreads(&case).await;
    let told = told(&clinic, &case, 1).await;
    let lines: Vec<_> = told
        .iter()
        .map(|(kind, text)| format!("{kind}: {text}"))
        .collect();
    assert_eq!(
        lines,
        [
            "event: The clinic asked: POST /v1/invoices/{id}/charges.",
            "entry: A charge was asked for.",
            "event: stripe reported said of 60.00 EUR: posted.",
            "entry: The payment arrived. 60.00 EUR came in at stripe.",
            "delivery: xero is told of payment received: open.",
            "event: stripe reported said of 12.50 EUR: posted.",
            "entry: The refund was paid. 12.50 EUR left stripe.",
            "delivery: xero is told of refund paid: open.",
        ]
    );
}

#[tokio::test]
async fn a_payments_story_ends_with_what_comes_next_by_itself() {
    let clinic = Clinic::new().await;
    let planned = async |case: &str| {
        let told = told(&clinic, case, 1).await;
        let next = told.into_iter().filter(|(kind, _)| kind == "planned");
        next.map(|(_, text)| text).collect::<Vec<_>>()
    };
    let said = |kind, case: &str| {
        reported(Fact {
            reference: Some(ids::payment_reference(case, 1)),
            payment: Some("pi_1".into()),
            ..Fact::new(kind)
        })
    };
    let asked = "The gateway is asked from time to time how it stands.";
    let page = "Until then the payer can pay on the gateway's page.";
    let call = "The gateway is asked what became of the last call.";
    let (case, _) = clinic.asked_to_pay().await;
    assert_eq!(planned(&case).await, [asked]);
    let session = meridian::domain::case::Session {
        id: "cs_1".into(),
        opens_by: meridian::domain::case::OpensBy::Redirect("https://pay.example.test/cs_1".into()),
        expires_at: Some(meridian::words::time::after(
            meridian::io::clock::now(),
            3600,
        )),
    };
    let opened = Event::SessionOpened {
        payment: 1,
        session,
    };
    happens(&clinic, &case, opened).await;
    assert_eq!(planned(&case).await, [page]);
    happens(&clinic, &case, said(Kind::PaymentPending, &case)).await;
    assert_eq!(planned(&case).await, [asked]);
    pays(&clinic, &case).await;
    assert_eq!(planned(&case).await, Vec::<String>::new());
    crate::vendors::connect(&clinic, "stripe", |_| crate::vendors::Said::Cut).await;
    let case = crate::unclear::charge_at(&clinic, "stripe").await;
    crate::unclear::work(&clinic, &case, "p1").await;
    assert_eq!(planned(&case).await, [call]);
}

/// What GoCardless says of a mandate.
async fn mandate(clinic: &Clinic, action: &str) {
    let event = json!({
        "id": format!("EV_{action}"), "created_at": "2026-11-20T09:00:00.000Z",
        "resource_type": "mandates", "action": action, "links": { "mandate": "MD1" },
        "details": { "cause": "mandate_expired" },
    });
    let body = json!({ "events": [event] }).to_string();
    let received = meridian::io::queue::Received {
        clinic: clinic.id.clone(),
        source: "gocardless".into(),
        proven: true,
        received_at: meridian::io::clock::now().as_second(),
        url: "https://pay.example/webhooks".into(),
        headers: vec![],
        sha256: meridian::contract::body_hash(body.as_bytes()),
        body: base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &body),
        replays: None,
        again: false,
    };
    posting::post(&clinic.app, &received).await.expect("posted");
}

#[tokio::test]
async fn a_mandate_that_expired_is_charged_again_once_it_is_reinstated_unless_it_was_removed() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}/payment-methods");
    let kept = json!({ "gateway": "gocardless", "token": "MD1", "label": "Bank account" });
    let kept = clinic.post(&path, kept).await.expect(201);
    mandate(&clinic, "expired").await;
    assert_eq!(methods(&clinic, &patient).await, Vec::<String>::new());
    mandate(&clinic, "reinstated").await;
    assert_eq!(methods(&clinic, &patient).await, ["MD1"]);
    let one = format!("{path}/{}", kept["id"].as_str().expect("an id"));
    clinic.call("DELETE", &one, &Value::Null).await.expect(200);
    mandate(&clinic, "active").await;
    assert_eq!(methods(&clinic, &patient).await, Vec::<String>::new());
    let seen = clinic.get("/v1/events?source=gocardless").await;
    let states = seen["events"].as_array().expect("events").iter();
    assert!(states.clone().count() == 3 && states.clone().all(|e| e["state"] == "posted"));
}
