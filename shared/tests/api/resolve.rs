//! What staff do about a payment or refund of which the gateway says no more: record what they
//! found, or end it. Nobody closes one by declaration.

use crate::stack::Clinic;
use crate::unclear::{answers, case, charge_at, settle, work};
use crate::vendors::{Said, connect, ok};
use meridian::domain::payment::State;
use meridian::words::ids;
use serde_json::{Value, json};

/// A clinic whose gateway never answers, with a payment of which nobody knows.
pub async fn unknown_payment() -> (Clinic, String) {
    let clinic = Clinic::new().await;
    connect(&clinic, "gocardless", |_| Said::Cut).await;
    let case = charge_at(&clinic, "gocardless").await;
    work(&clinic, &case, "p1").await;
    (clinic, case)
}

pub async fn unknown_refund() -> (Clinic, String, String) {
    let clinic = Clinic::new().await;
    connect(&clinic, "gocardless", |_| Said::Cut).await;
    let case = charge_at(&clinic, "gocardless").await;
    let came = meridian::domain::fact::Fact {
        reference: Some(ids::payment_reference(&case, 1)),
        payment: Some("PM_1".into()),
        ..meridian::domain::fact::Fact::new(meridian::domain::fact::Kind::PaymentSucceeded)
    };
    crate::money::happens(&clinic, &case, crate::unclear::report("gocardless", came)).await;
    let asked = clinic.post("/v1/refunds", json!({ "invoice": case })).await;
    let request = asked.expect(202)["id"].as_str().expect("an id").to_owned();
    work(&clinic, &case, "r1").await;
    (clinic, case, request)
}

/// What people noted, by the story of the case's first payment.
async fn notes(clinic: &Clinic, case: &str) -> Vec<(String, String)> {
    let story = clinic.get(&format!("/v1/payments/{case}-p1/story")).await;
    let told = story["story"].as_array().expect("a story").iter();
    let notes = told.filter(|told| told["kind"] == "note");
    let text = |told: &Value, of: &str| told[of].as_str().expect(of).to_owned();
    notes
        .map(|told| (text(told, "text"), text(told, "cause")))
        .collect()
}

#[tokio::test]
async fn what_people_noted_of_what_they_found_stands_in_the_payments_story() {
    let (clinic, id) = unknown_payment().await;
    assert_eq!(notes(&clinic, &id).await, []);
    let path = format!("/v1/payments/{id}-p1/resolve");
    let said = |note: &str| json!({ "found": "not_paid", "note": note });
    let other = another_person(&clinic).await;
    for (person, note) in [
        (&clinic, "no such debit in the list"),
        (&clinic, "no such debit in the list"),
        (&clinic, "asked their support too"),
        (&other, "nor do I see one"),
    ] {
        person.post(&path, said(note)).await.expect(200);
    }
    let mut told = notes(&clinic, &id).await;
    told.sort();
    let texts: Vec<_> = told.iter().map(|(text, _)| text.as_str()).collect();
    let wanted = [
        "asked their support too",
        "no such debit in the list",
        "nor do I see one",
    ];
    assert_eq!(texts, wanted, "each once");
    assert_eq!(told[0].1, told[1].1, "one person's");
    assert_ne!(told[0].1, told[2].1, "another's");
    // No row holds them in the open.
    let rows = format!("{:?}", clinic.rows().await);
    assert!(!rows.contains("support"), "a note is kept unsealed");

    let (clinic, id, request) = unknown_refund().await;
    let path = format!("/v1/refunds/{request}/resolve");
    let found = json!({ "found": "refunded", "note": "seen as RF0042" });
    clinic.post(&path, found).await.expect(200);
    let told = notes(&clinic, &id).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "seen as RF0042");
}

#[tokio::test]
async fn what_was_noted_of_a_patients_payment_goes_with_the_patient() {
    let clinic = Clinic::new().await;
    connect(&clinic, "gocardless", |_| Said::Cut).await;
    let case = charge_at(&clinic, "gocardless").await;
    work(&clinic, &case, "p1").await;
    let path = format!("/v1/payments/{case}-p1/resolve");
    let found = json!({ "found": "paid", "gateway_ref": "PM0042", "note": "her bank told her" });
    clinic.post(&path, found).await.expect(200);
    assert_eq!(notes(&clinic, &case).await.len(), 1);
    let invoice = clinic.get(&format!("/v1/invoices/{case}")).await;
    let patient = invoice["patient"].as_str().expect("a patient");
    let erased = format!("/v1/patients/{patient}");
    clinic
        .call("DELETE", &erased, &Value::Null)
        .await
        .expect(200);
    assert_eq!(notes(&clinic, &case).await, []);
}

async fn another_person(clinic: &Clinic) -> Clinic {
    clinic.with_key(&clinic.key_with(&["view", "approve"]).await)
}

#[tokio::test]
async fn a_payment_that_a_person_found_paid_is_paid() {
    let (clinic, id) = unknown_payment().await;
    let path = format!("/v1/payments/{id}-p1/resolve");
    let found =
        json!({ "found": "paid", "gateway_ref": "PM0042", "note": "seen in the dashboard" });
    let paid = clinic.post(&path, found.clone()).await.expect(200);
    assert_eq!(
        (&paid["state"], &paid["gateway_ref"]),
        (&json!("paid"), &json!("PM0042"))
    );
    // Said again it is the same, said otherwise it is refused.
    clinic.post(&path, found).await.expect(200);
    clinic
        .post(&path, json!({ "found": "not_paid" }))
        .await
        .expect(409);
    let invoice = clinic.get(&format!("/v1/invoices/{id}")).await;
    assert_eq!(invoice["status"], "paid");
}

#[tokio::test]
async fn where_money_may_go_twice_two_persons_must_have_found_the_same() {
    let (clinic, id) = unknown_payment().await;
    let path = format!("/v1/payments/{id}-p1/resolve");
    let not = json!({ "found": "not_paid" });
    for _ in 0..2 {
        // The same person twice is one person.
        let said = clinic.post(&path, not.clone()).await.expect(200);
        assert_eq!(said["state"], "unknown");
        assert_eq!(said["found"], "not_paid");
    }
    let charge = format!("/v1/invoices/{id}/charges");
    clinic
        .post(&charge, json!({ "collect": "checkout" }))
        .await
        .expect(409);
    let without = clinic.with_key(&clinic.key_with(&["view", "charge"]).await);
    without.post(&path, not.clone()).await.expect(403);
    let other = another_person(&clinic).await;
    let said = other.post(&path, not).await.expect(200);
    assert_eq!(said["state"], "expired");
    clinic
        .post(&charge, json!({ "collect": "checkout" }))
        .await
        .expect(202);

    let (clinic, id, request) = unknown_refund().await;
    let path = format!("/v1/refunds/{request}/resolve");
    let not = json!({ "found": "not_refunded" });
    let said = clinic.post(&path, not.clone()).await.expect(200);
    assert_eq!(said["state"], "unknown");
    clinic
        .post("/v1/refunds", json!({ "invoice": id }))
        .await
        .expect(409);
    let other = another_person(&clinic).await;
    let said = other.post(&path, not).await.expect(200);
    assert_eq!(said["state"], "failed");
    let tasks = clinic.open_tasks().await;
    let failed = tasks
        .iter()
        .find(|task| task["id"] == "person-refund-failed-r1");
    let note = failed.and_then(|task| task["note"].as_str()).unwrap_or("");
    assert!(note.contains("it never went out"), "{tasks:#?}");
    clinic
        .post("/v1/refunds", json!({ "invoice": id }))
        .await
        .expect(202);
}

#[tokio::test]
async fn a_refund_that_a_person_found_is_refunded() {
    let (clinic, id, request) = unknown_refund().await;
    let path = format!("/v1/refunds/{request}/resolve");
    let found = json!({ "found": "refunded", "gateway_ref": "RF0042" });
    let done = clinic.post(&path, found.clone()).await.expect(200);
    assert_eq!(done["state"], "succeeded");
    assert_eq!(done["parts"][0]["gateway_ref"], "RF0042");
    clinic.post(&path, found).await.expect(200);
    let now = case(&clinic, &id).await;
    assert_eq!(now.refunded().minor, 6_000);
    let verified = clinic.get(&format!("/v1/audit/verify?case={id}")).await;
    assert_eq!(verified["holds"], true, "{verified}");
}

#[tokio::test]
async fn a_word_on_a_refund_in_parts_is_about_the_part_that_is_meant() {
    let clinic = Clinic::new().await;
    connect(&clinic, "gocardless", |_| Said::Cut).await;
    let patient = clinic.patient().await;
    let kept = json!({ "gateway": "gocardless", "token": "m_1", "label": "Bank debit" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&path, kept).await.expect(201);
    let (id, other) = (
        clinic.invoice(Some(&patient)).await,
        clinic.invoice(None).await,
    );
    let path = format!("/v1/invoices/{id}/charges");
    for (n, amount, minor) in [(1, "40.00", 4000), (2, "20.00", 2000)] {
        let wanted = json!({ "method": "saved", "amount": crate::money::eur(amount) });
        clinic.post(&path, wanted).await.expect(202);
        let eur = meridian::words::money::Currency::read("EUR").expect("a currency");
        let came = meridian::domain::fact::Fact {
            reference: Some(ids::payment_reference(&id, n)),
            payment: Some(format!("PM_{n}")),
            amount: Some(meridian::words::money::Money::new(minor, eur)),
            ..meridian::domain::fact::Fact::new(meridian::domain::fact::Kind::PaymentSucceeded)
        };
        crate::money::happens(&clinic, &id, crate::unclear::report("gocardless", came)).await;
    }
    let asked = clinic.post("/v1/refunds", json!({ "invoice": id })).await;
    let request = asked.expect(202)["id"].as_str().expect("an id").to_owned();
    for part in ["r1", "r2"] {
        work(&clinic, &id, part).await;
    }
    // The newest payment is given back first.
    let states = async || {
        let now = case(&clinic, &id).await;
        let of = |n: usize| now.payments[n].refunds[0].state;
        (of(0), of(1), now.refunded().minor)
    };
    use meridian::domain::refund::State::{Failed, Succeeded, Unknown};
    assert_eq!(states().await, (Unknown, Unknown, 0));
    let path = format!("/v1/refunds/{request}/resolve");
    let said = |found: &str, payment: Option<String>| match payment {
        Some(payment) => json!({ "found": found, "payment": payment }),
        None => json!({ "found": found }),
    };
    let before = clinic.rows().await;
    for raise_unmatched in [
        None,
        Some(format!("{other}-p1")),
        Some(format!("{id}-p3")),
        Some(format!("{id}-r1")),
        Some("p1".into()),
        Some(String::new()),
    ] {
        for found in ["refunded", "not_refunded"] {
            let refused = clinic
                .post(&path, said(found, raise_unmatched.clone()))
                .await;
            assert_eq!(
                refused.expect(422)["field"],
                "payment",
                "{raise_unmatched:?}"
            );
        }
    }
    crate::permissions::unchanged(&before, &clinic.rows().await, "a part that is none");
    let newer = Some(format!("{id}-p2"));
    for person in [&clinic, &another_person(&clinic).await] {
        let not = said("not_refunded", newer.clone());
        person.post(&path, not).await.expect(200);
    }
    assert_eq!(states().await, (Unknown, Failed, 0));
    // Only one waits for an answer now: it need not be named. Said again, it is the same answer.
    for _ in 0..2 {
        let done = clinic.post(&path, said("refunded", None)).await;
        done.expect(200);
        assert_eq!(states().await, (Succeeded, Failed, 4000));
    }
    clinic
        .post(&path, said("not_refunded", None))
        .await
        .expect(200);
    let paid = Some(format!("{id}-p1"));
    clinic
        .post(&path, said("refunded", paid.clone()))
        .await
        .expect(200);
    // What went is not declared never to have gone, by nobody.
    for person in [&clinic, &another_person(&clinic).await] {
        let not = said("not_refunded", paid.clone());
        person.post(&path, not).await.expect(409);
    }
    assert_eq!(states().await, (Succeeded, Failed, 4000));
}

#[tokio::test]
async fn one_persons_word_is_gone_once_the_gateway_speaks() {
    let (clinic, id) = unknown_payment().await;
    let path = format!("/v1/payments/{id}-p1/resolve");
    clinic
        .post(&path, json!({ "found": "not_paid" }))
        .await
        .expect(200);
    let payment = json!({ "payments": {
        "id": "PM0007", "amount": 6000, "currency": "EUR", "status": "confirmed",
        "created_at": "2026-11-20T09:00:00Z", "charge_date": "2026-11-24",
        "description": "x", "reference": null, "retry_if_possible": false,
        "amount_refunded": 0, "metadata": { "reference": format!("{id}-p1") },
        "links": { "mandate": "m_1", "creditor": "CR1" },
    }});
    connect(&clinic, "gocardless", move |_| ok(payment.clone())).await;
    settle(&clinic, &id, None).await;
    let now = clinic.get(&format!("/v1/payments/{id}-p1")).await;
    assert_eq!(
        (&now["state"], &now["found"]),
        (&json!("paid"), &Value::Null)
    );
    let other = another_person(&clinic).await;
    other
        .post(&path, json!({ "found": "not_paid" }))
        .await
        .expect(409);
}

#[tokio::test]
async fn an_unknown_payment_is_not_closed_by_declaration() {
    let (clinic, id) = unknown_payment().await;
    let refused = clinic
        .post(&format!("/v1/payments/{id}-p1/close"), Value::Null)
        .await;
    let refused = refused.expect(409);
    let why = refused["detail"].as_str().unwrap_or_default();
    assert!(why.contains("/resolve"), "{why}");
    assert_eq!(case(&clinic, &id).await.payments[0].state, State::Unknown);
}

#[tokio::test]
async fn a_debit_that_is_under_way_is_not_closed() {
    let clinic = Clinic::new().await;
    connect(&clinic, "gocardless", |_| Said::Cut).await;
    let id = charge_at(&clinic, "gocardless").await;
    let pending = meridian::domain::fact::Fact {
        reference: Some(ids::payment_reference(&id, 1)),
        payment: Some("PM_1".into()),
        ..meridian::domain::fact::Fact::new(meridian::domain::fact::Kind::PaymentPending)
    };
    crate::money::happens(&clinic, &id, crate::unclear::report("gocardless", pending)).await;
    let refused = clinic
        .post(&format!("/v1/payments/{id}-p1/close"), Value::Null)
        .await;
    refused.expect(409);
    assert_eq!(case(&clinic, &id).await.payments[0].state, State::Pending);
}

#[tokio::test]
async fn a_payment_that_was_never_sent_is_closed_at_once() {
    let clinic = Clinic::new().await;
    let own = json!({ "error": {
        "type": "invalid_request_error", "code": "parameter_invalid_integer", "message": "no",
    }});
    connect(
        &clinic,
        "stripe",
        answers(&clinic, move |_| Said::Reply(400, own.clone())),
    )
    .await;
    let id = charge_at(&clinic, "stripe").await;
    work(&clinic, &id, "p1").await;
    assert_eq!(case(&clinic, &id).await.payments[0].state, State::Open);
    let closed = clinic
        .post(&format!("/v1/payments/{id}-p1/close"), Value::Null)
        .await;
    assert_eq!(closed.expect(200)["state"], "expired");
    // Its task is answered.
    let tasks = clinic.get("/v1/tasks").await;
    let about = |task: &&Value| task["id"].as_str().is_some_and(|id| id.contains("blocked"));
    let left = tasks["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .filter(about)
        .count();
    assert_eq!(left, 0, "{tasks}");
}

#[tokio::test]
async fn a_task_about_an_unknown_payment_ends_when_it_is_known() {
    for said in ["paid", "gateway"] {
        let (clinic, id) = unknown_payment().await;
        let event = meridian::domain::event::Event::StillUnknown {
            payment: 1,
            refund: None,
            again_at: meridian::io::clock::now(),
            tries: 41,
            looked: meridian::domain::event::Looked::Person,
        };
        crate::money::happens(&clinic, &id, event).await;
        let ids = async || -> Vec<String> {
            let tasks = clinic.get("/v1/tasks").await;
            let all = tasks["tasks"].as_array().expect("tasks").iter();
            all.filter_map(|task| task["id"].as_str().map(String::from))
                .collect()
        };
        assert_eq!(ids().await, ["person-p1"]);
        match said {
            "paid" => {
                let path = format!("/v1/payments/{id}-p1/resolve");
                clinic
                    .post(&path, json!({ "found": "paid" }))
                    .await
                    .expect(200);
            }
            _ => {
                let came = meridian::domain::fact::Fact {
                    reference: Some(ids::payment_reference(&id, 1)),
                    payment: Some("PM_1".into()),
                    ..meridian::domain::fact::Fact::new(
                        meridian::domain::fact::Kind::PaymentSucceeded,
                    )
                };
                let event = crate::unclear::report("gocardless", came);
                crate::money::happens(&clinic, &id, event).await;
            }
        }
        assert_eq!(ids().await, Vec::<String>::new(), "{said}");
    }
}

/// In how many milliseconds the row of a case's first payment is due.
async fn due_in(clinic: &Clinic, case: &str) -> i64 {
    let rows = clinic.rows().await;
    let row = &rows[&format!("{}#case#{case} task#p1", clinic.id)];
    let at = row["due_at"]["N"].as_str().expect("a due row");
    let at = at.parse::<i64>().expect("a number");
    at - meridian::words::time::millis(meridian::io::clock::now())
}

#[tokio::test]
async fn what_is_refused_again_and_again_wakes_none_of_the_others() {
    let clinic = Clinic::new().await;
    let refused = json!({ "error": { "type": "invalid_request_error", "message": "no" } });
    let reply = Said::Reply(401, refused);
    connect(&clinic, "stripe", move |_| reply.clone()).await;
    let (one, other) = (
        charge_at(&clinic, "stripe").await,
        charge_at(&clinic, "stripe").await,
    );
    for case in [&one, &other, &one] {
        work(&clinic, case, "p1").await;
    }
    assert!(due_in(&clinic, &one).await > 600_000);
    assert!(due_in(&clinic, &other).await > 600_000, "it was woken");
}

#[tokio::test]
async fn the_first_answer_of_a_gateway_wakes_what_waits_for_it() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| Said::Cut).await;
    let waiting = charge_at(&clinic, "stripe").await;
    let later = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{later}/charges");
    let page = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, page).await.expect(202);
    let due = async || due_in(&clinic, &waiting).await;
    work(&clinic, &waiting, "p1").await;
    for _ in 0..2 {
        settle(&clinic, &waiting, None).await;
    }
    assert!(due().await > 1_000, "it waits");
    let session = json!({
        "id": "cs_test_1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/1",
        "expires_at": 1_900_000_000, "status": "open", "payment_status": "unpaid",
    });
    connect(&clinic, "stripe", move |_| ok(session.clone())).await;
    work(&clinic, &later, "p1").await;
    assert!(due().await <= 0, "it is looked at now");
}

/// Each function is a process of its own: the one that hears the answer need not be the one that
/// heard the silence.
#[tokio::test]
async fn an_answer_to_what_waited_wakes_the_others_whichever_process_hears_it() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| Said::Cut).await;
    let (one, other) = (
        charge_at(&clinic, "stripe").await,
        charge_at(&clinic, "stripe").await,
    );
    for case in [&one, &other] {
        work(&clinic, case, "p1").await;
        for _ in 0..2 {
            settle(&clinic, case, None).await;
        }
    }
    assert!(due_in(&clinic, &other).await > 1_000, "it waits");
    let reference = ids::payment_reference(&one, 1);
    let paid = json!({
        "id": "pi_1", "object": "payment_intent", "amount": 6000, "amount_received": 6000,
        "currency": "eur", "status": "succeeded", "metadata": { "reference": reference },
        "latest_charge": null,
    });
    connect(&clinic, "stripe", move |_| ok(paid.clone())).await;
    let process = clinic.with_key(&clinic.key);
    settle(&process, &one, None).await;
    assert_eq!(
        case(&clinic, &one).await.payments[0].state,
        meridian::domain::payment::State::Paid
    );
    assert!(due_in(&clinic, &other).await <= 0, "it is looked at now");
}

/// It would cost every call a look at what waits.
#[tokio::test]
async fn an_answer_to_who_neither_waited_nor_met_silence_wakes_nobody() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| Said::Cut).await;
    let waiting = charge_at(&clinic, "stripe").await;
    work(&clinic, &waiting, "p1").await;
    for _ in 0..2 {
        settle(&clinic, &waiting, None).await;
    }
    let declined = json!({ "error": { "type": "card_error", "code": "card_declined" } });
    connect(&clinic, "stripe", move |_| {
        Said::Reply(402, declined.clone())
    })
    .await;
    let other = charge_at(&clinic, "stripe").await;
    let process = clinic.with_key(&clinic.key);
    work(&process, &other, "p1").await;
    assert!(due_in(&clinic, &waiting).await > 1_000, "it was woken");
    // The one that met the silence hears its end by whatever is answered first.
    let third = charge_at(&clinic, "stripe").await;
    work(&clinic, &third, "p1").await;
    assert!(due_in(&clinic, &waiting).await <= 0, "it is looked at now");
}

/// A debit that is on its way holds no call that did not come through.
#[tokio::test]
async fn what_waits_for_its_day_and_not_for_an_answer_is_not_woken() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| Said::Cut).await;
    let (waiting, debit) = (
        charge_at(&clinic, "stripe").await,
        charge_at(&clinic, "stripe").await,
    );
    let under_way = meridian::domain::fact::Fact {
        reference: Some(ids::payment_reference(&debit, 1)),
        payment: Some("pi_debit".into()),
        ..meridian::domain::fact::Fact::new(meridian::domain::fact::Kind::PaymentPending)
    };
    crate::money::happens(&clinic, &debit, crate::money::reported(under_way)).await;
    work(&clinic, &waiting, "p1").await;
    for _ in 0..2 {
        settle(&clinic, &waiting, None).await;
    }
    let before = (
        due_in(&clinic, &waiting).await,
        due_in(&clinic, &debit).await,
    );
    assert!(before.0 > 1_000 && before.1 > 60_000, "{before:?}");
    let refused = json!({ "error": { "type": "card_error", "code": "card_declined" } });
    connect(&clinic, "stripe", move |_| {
        Said::Reply(402, refused.clone())
    })
    .await;
    let other = charge_at(&clinic, "stripe").await;
    work(&clinic, &other, "p1").await;
    assert!(due_in(&clinic, &waiting).await <= 0, "it is looked at now");
    assert!(due_in(&clinic, &debit).await > 60_000, "it was woken");
}
