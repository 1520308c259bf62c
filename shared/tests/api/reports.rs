//! What gateways report, and what they say when they are asked: what is ours is never dropped, what
//! cannot be told is asked, what cannot be read is put before people.

use crate::stack::Clinic;
use crate::vendors::{Said, connect, heard};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meridian::contract::body_hash;
use meridian::domain::case::{Case, OpensBy, Session};
use meridian::domain::event::{Event, NewCharge, Report};
use meridian::domain::fact::{Fact, Kind, Method};
use meridian::domain::payment::State;
use meridian::flows::commit;
use meridian::flows::commit::{Change, Committed};
use meridian::flows::posting;
use meridian::io::clock;
use meridian::io::queue::Received;
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// By `GET /path`, in their order; the last one stays.
type Answers = Arc<Mutex<HashMap<String, VecDeque<(u16, Value)>>>>;

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::read("EUR").expect("a currency"))
}

struct Ours {
    clinic: Clinic,
    case: String,
    answers: Answers,
}

impl Ours {
    /// An invoice of 60.00 with one payment at this gateway, known there under this id.
    async fn at(gateway: &str, id: &str) -> Self {
        let clinic = Clinic::new().await;
        let answers = Answers::default();
        let told = answers.clone();
        connect(&clinic, gateway, move |heard| {
            // `GET /mollie/v2/payments/tr_1`: whose it is does not matter here.
            let path = heard.what.splitn(3, '/').nth(2).unwrap_or_default();
            let mut answers = told.lock().expect("nobody panicked with it");
            let (status, body) = match answers.get_mut(&format!("GET /{path}")) {
                Some(all) if all.len() > 1 => all.pop_front().expect("an answer"),
                Some(all) => all[0].clone(),
                None => (404, json!("nobody wrote an answer")),
            };
            Said::Reply(status, body)
        })
        .await;
        let case = clinic.invoice(None).await;
        let ours = Self {
            clinic,
            case,
            answers,
        };
        let method = (gateway == "gocardless").then(|| Method {
            gateway: gateway.into(),
            customer: None,
            token: "MD1".into(),
            label: "Bank account".into(),
        });
        let charge = NewCharge {
            amount: None,
            gateway: gateway.into(),
            method,
            keep_method: false,
        };
        ours.happens(Event::Charge(charge)).await;
        if gateway != "gocardless" {
            let session = Session {
                id: id.into(),
                opens_by: OpensBy::Redirect("https://pay.example.test/page".into()),
                expires_at: None,
            };
            let payment = 1;
            ours.happens(Event::SessionOpened { payment, session })
                .await;
        }
        ours
    }

    /// The same, paid.
    async fn paid_at(gateway: &str, id: &str) -> Self {
        let ours = Self::at(gateway, id).await;
        let fact = Fact {
            reference: Some(ours.reference()),
            payment: Some(id.into()),
            amount: Some(eur(6_000)),
            ..Fact::new(Kind::PaymentSucceeded)
        };
        ours.happens(Event::Reported(Report {
            gateway: gateway.into(),
            facts: vec![fact],
            current: true,
            answer: false,
            late_failures: true,
            page_stays: false,
        }))
        .await;
        ours
    }

    async fn happens(&self, event: Event) {
        let settings = self.clinic.app.settings_of(&self.clinic.id).await;
        let settings = settings.expect("a clinic");
        let change = Change::new(&settings, &self.case, event, "test".into());
        let done = commit::commit(&self.clinic.app, change, None).await;
        assert!(matches!(done, Ok(Committed::Changed(_))), "{done:?}");
    }

    fn reference(&self) -> String {
        ids::payment_reference(&self.case, 1)
    }

    async fn case(&self) -> Case {
        let case = self.clinic.app.case(&self.clinic.id, &self.case).await;
        case.expect("a table").expect("a case")
    }

    async fn state(&self) -> State {
        self.case().await.payments[0].state
    }

    /// Posts a delivery; whether it is done with.
    async fn post(&self, source: &str, proven: bool, body: &str) -> bool {
        let received = Received {
            clinic: self.clinic.id.clone(),
            source: source.into(),
            proven,
            received_at: clock::now().as_second(),
            url: "https://pay.example.test/webhooks".into(),
            headers: vec![],
            body: BASE64_STANDARD.encode(body),
            sha256: body_hash(body.as_bytes()),
            replays: None,
            again: false,
        };
        Box::pin(posting::post(&self.clinic.app, &received))
            .await
            .is_ok()
    }

    async fn events(&self) -> Vec<Value> {
        let all = self.clinic.get("/v1/events?limit=100").await;
        let all = all["events"].as_array().expect("a list").clone();
        // Requests of the API have rows too.
        all.into_iter().filter(|e| e["source"] != "api").collect()
    }

    /// The states of the events of this vendor's id, or of all.
    async fn states(&self, id: Option<&str>) -> Vec<String> {
        let all = self.events().await;
        let wanted = all
            .iter()
            .filter(|e| id.is_none_or(|id| e["vendor_event_id"] == id));
        let state = |event: &Value| event["state"].as_str().expect("a state").to_owned();
        wanted.map(state).collect()
    }

    async fn tasks(&self) -> usize {
        let all = self.clinic.get("/v1/tasks").await;
        all["tasks"].as_array().expect("a list").len()
    }

    fn answers(&self, asked: &str, all: &[(u16, &Value)]) {
        let all = all.iter().map(|(status, body)| (*status, (*body).clone()));
        let mut answers = self.answers.lock().expect("nobody panicked with it");
        answers.insert(asked.into(), all.collect());
    }

    /// What was asked so far, as the gateway sees it.
    fn asked(&self) -> Vec<String> {
        let all = heard(&self.clinic).into_iter();
        all.map(|heard| heard.what).collect()
    }
}

fn mollie_payment(reference: &str, refunds: Value, chargebacks: Value) -> Value {
    json!({"id": "tr_1", "status": "paid", "amount": {"currency": "EUR", "value": "60.00"},
        "metadata": {"reference": reference}, "method": "creditcard",
        "createdAt": "2026-03-14T10:00:00+00:00", "paidAt": "2026-03-14T10:00:00+00:00",
        "_links": {}, "_embedded": {"refunds": refunds, "chargebacks": chargebacks}})
}

fn chargeback() -> Value {
    json!([{"id": "chb_1", "amount": {"currency": "EUR", "value": "60.00"}, "paymentId": "tr_1",
        "createdAt": "2026-03-15T10:00:00+00:00", "reversedAt": null}])
}

fn mollie_problem(status: u16) -> Value {
    json!({"status": status, "title": "No", "detail": "no", "_links": {}})
}

fn debit(id: &str, minor: i64, currency: &str, status: &str, reference: &str) -> Value {
    json!({"payments": {"id": id, "amount": minor, "currency": currency, "status": status,
        "metadata": {"reference": reference}}})
}

fn debit_event(id: &str, action: &str, payment: &str, metadata: Value) -> Value {
    json!({"id": id, "created_at": "2026-03-14T10:00:00Z", "resource_type": "payments",
        "action": action, "links": {"payment": payment}, "resource_metadata": metadata,
        "details": {"cause": "x"}})
}

// ---- what is ours is never dropped -------------------------------------------------------------

#[tokio::test]
async fn a_classic_hook_of_a_payment_of_ours_is_put_before_people_or_tried_again() {
    let ours = Ours::paid_at("mollie", "tr_1").await;
    let charged_back = mollie_payment(&ours.reference(), json!([]), chargeback());
    ours.answers(
        "GET /v2/payments/tr_1",
        &[
            (404, &mollie_problem(404)),
            (400, &mollie_problem(400)),
            (200, &json!("<html>busy</html>")),
            (200, &charged_back),
        ],
    );
    for status in [404, 400] {
        assert!(
            !ours.post("mollie", false, "id=tr_1").await,
            "{status} is tried again"
        );
        assert_eq!(ours.events().await.len(), 0);
    }
    assert!(ours.post("mollie", false, "id=tr_1").await);
    assert_eq!(ours.states(None).await, ["quarantined"]);
    assert_eq!(ours.tasks().await, 1, "staff are told of it");
    assert!(ours.post("mollie", false, "id=tr_1").await);
    let case = ours.case().await;
    assert_eq!(case.payments[0].refundable(), eur(0), "it was charged back");
    assert_eq!(case.payments[0].disputes.len(), 1);
}

#[tokio::test]
async fn a_classic_hook_of_nobodys_payment_leaves_nothing() {
    let ours = Ours::at("mollie", "tr_1").await;
    for (n, (status, body)) in [
        (404, mollie_problem(404)),
        (400, mollie_problem(400)),
        (200, json!("<html>busy</html>")),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("tr_strange{n}");
        ours.answers(&format!("GET /v2/payments/{id}"), &[(status, &body)]);
        assert!(
            ours.post("mollie", false, &format!("id={id}")).await,
            "{status}"
        );
    }
    assert!(ours.post("mollie", false, "id=tr_../x").await);
    assert_eq!((ours.events().await.len(), ours.tasks().await), (0, 0));
}

#[tokio::test]
async fn a_proven_hint_at_a_payment_of_ours_is_tried_again_while_it_is_not_found() {
    let ours = Ours::paid_at("stripe", "pi_1").await;
    let thin = json!({"id": "evt_1", "object": "v2.core.event", "type": "v1.charge.changed",
        "created": "2026-03-14T10:00:00.000Z",
        "related_object": {"id": "pi_1", "type": "payment_intent"}});
    let error = json!({"error": {"type": "invalid_request_error", "code": "resource_missing",
        "message": "No such payment_intent"}});
    ours.answers("GET /v1/payment_intents/pi_1", &[(404, &error)]);
    ours.answers(
        "GET /v1/refunds",
        &[(200, &json!({"object": "list", "data": []}))],
    );
    ours.answers(
        "GET /v1/disputes",
        &[(200, &json!({"object": "list", "data": []}))],
    );
    assert!(!ours.post("stripe", true, &thin.to_string()).await);
    assert_eq!(ours.events().await.len(), 0);
    // Of one that is nobody's the answer is final.
    let mut strange = thin;
    strange["id"] = "evt_2".into();
    strange["related_object"]["id"] = "pi_9".into();
    ours.answers("GET /v1/payment_intents/pi_9", &[(404, &error)]);
    assert!(ours.post("stripe", true, &strange.to_string()).await);
    assert_eq!(ours.states(Some("evt_2")).await, ["ignored"]);
}

/// What is not begun comes again with its message; what needs no answer of a gateway is posted all
/// the same.
#[tokio::test]
async fn of_a_batch_only_the_first_gateway_is_asked_where_no_time_is_left() {
    let ours = Ours::paid_at("gocardless", "PM1").await;
    let pk = meridian::records::alias::pk(&ours.clinic.id, "gocardless", "PM2");
    let alias = meridian::io::store::Row::new(pk, "ref").text("case", &ours.case);
    ours.clinic
        .write(meridian::io::store::Write::Put(alias))
        .await;
    for id in ["PM1", "PM2"] {
        let shown = debit(id, 6_000, "EUR", "confirmed", &ours.reference());
        ours.answers(&format!("GET /payments/{id}"), &[(200, &shown)]);
    }
    ours.answers("GET /refunds", &[(200, &json!({"refunds": []}))]);
    ours.answers("GET /events", &[(200, &json!({"events": []}))]);
    let asked = |id: &str| {
        let path = format!("GET /gocardless/payments/{id}");
        ours.asked()
            .into_iter()
            .filter(|what| *what == path)
            .count()
    };
    let metadata = json!({"reference": ours.reference()});
    let event =
        |id: &str, action: &str, payment: &str| debit_event(id, action, payment, metadata.clone());
    let events = [
        event("EV1", "confirmed", "PM1"),
        event("EV2", "confirmed", "PM2"),
    ];
    let batch = json!({ "events": events }).to_string();
    let short = ours.post("gocardless", false, &batch);
    assert!(!meridian::io::lambda::beginning_by(Some(0), short).await);
    assert_eq!((asked("PM1"), asked("PM2")), (1, 0));
    assert!(ours.post("gocardless", false, &batch).await);
    assert_eq!(asked("PM2"), 1);
    let facts = [
        event("EV3", "confirmed", "PM1"),
        event("EV4", "paid_out", "PM1"),
        event("EV5", "confirmed", "PM1"),
    ];
    let batch = json!({ "events": facts }).to_string();
    let short = ours.post("gocardless", true, &batch);
    assert!(meridian::io::lambda::beginning_by(Some(0), short).await);
    for id in ["EV3", "EV4", "EV5"] {
        assert_eq!(ours.states(Some(id)).await.len(), 1, "{id}");
    }
}

// ---- what cannot be told is asked --------------------------------------------------------------

#[tokio::test]
async fn a_debit_under_our_reference_is_what_the_gateway_says_it_is() {
    for (minor, currency, end) in [
        (100, "EUR", "contradiction"),
        (6_000, "GBP", "contradiction"),
        (6_000, "EUR", "posted"),
        (0, "", "waiting"),
    ] {
        let ours = Ours::at("gocardless", "PM1").await;
        let reference = ours.reference();
        let (status, body) = match end {
            "waiting" => {
                let error = json!({"error": {"type": "invalid_api_usage", "errors": [
                    {"reason": "resource_not_found"}]}});
                (404, error)
            }
            _ => (200, debit("PM9", minor, currency, "confirmed", &reference)),
        };
        ours.answers("GET /payments/PM9", &[(status, &body)]);
        ours.answers("GET /refunds", &[(200, &json!({"refunds": []}))]);
        ours.answers("GET /events", &[(200, &json!({"events": []}))]);
        let event = debit_event("EV1", "confirmed", "PM9", json!({"reference": reference}));
        let batch = json!({ "events": [event] }).to_string();
        assert!(ours.post("gocardless", true, &batch).await);
        assert!(!ours.asked().is_empty(), "{end}: it is looked up first");
        assert_eq!(ours.states(Some("EV1")).await, [end], "{minor} {currency}");
        let paid = ours.state().await == State::Paid;
        assert_eq!(paid, end == "posted", "{minor} {currency}");
    }
}

#[tokio::test]
async fn a_page_that_was_paid_without_an_amount_is_looked_up() {
    // What came is what the gateway says, whether or not it is all that is due.
    for (amount, currency) in [(6_000, "eur"), (100, "eur")] {
        let ours = Ours::at("stripe", "cs_1").await;
        let intent = json!({"id": "pi_1", "object": "payment_intent", "amount": amount,
            "amount_received": amount, "currency": currency, "status": "succeeded",
            "metadata": {"reference": ours.reference()}, "latest_charge": null});
        ours.answers("GET /v1/payment_intents/pi_1", &[(200, &intent)]);
        let none = json!({"object": "list", "data": [], "has_more": false});
        ours.answers("GET /v1/refunds", &[(200, &none)]);
        ours.answers("GET /v1/disputes", &[(200, &none)]);
        let page = json!({"id": "cs_1", "object": "checkout.session", "mode": "payment",
            "payment_status": "paid", "payment_intent": "pi_1", "amount_total": null,
            "client_reference_id": ours.reference(), "currency": null});
        let event = json!({"id": "evt_1", "type": "checkout.session.completed",
            "created": 1_780_000_000, "data": {"object": page}});
        assert!(ours.post("stripe", true, &event.to_string()).await);
        assert!(!ours.asked().is_empty());
        assert_eq!(ours.case().await.paid(), eur(amount), "{amount} {currency}");
    }
}

// ---- what cannot be read is put before people --------------------------------------------------

#[tokio::test]
async fn a_part_of_a_look_up_that_cannot_be_read_is_put_before_people_and_the_rest_is_posted() {
    let ours = Ours::at("mollie", "tr_1").await;
    let odd = json!([{"id": "re_1", "status": "Juniper Vale", "paymentId": "tr_1",
        "amount": {"currency": "EUR", "value": "1.00"}, "metadata": null}]);
    let paid = mollie_payment(&ours.reference(), odd, json!([]));
    ours.answers("GET /v2/payments/tr_1", &[(200, &paid)]);
    assert!(ours.post("mollie", false, "id=tr_1").await);
    assert_eq!(ours.state().await, State::Paid);
    let all = ours.events().await;
    let odd: Vec<_> = all.iter().filter(|e| e["state"] == "quarantined").collect();
    assert_eq!(odd.len(), 1, "{all:#?}");
    assert!(
        odd[0]["why"]
            .as_str()
            .is_some_and(|why| why.contains("status"))
    );
    assert!(!json!(all).to_string().contains("Juniper"));
    assert!(ours.tasks().await >= 1, "staff are told of it");
    // Told again it is the same one.
    assert!(ours.post("mollie", false, "id=tr_1").await);
    let again = ours.states(None).await;
    assert_eq!(
        again.iter().filter(|state| *state == "quarantined").count(),
        1
    );
}

#[tokio::test]
async fn an_id_that_no_vendor_gives_is_unreadable_wherever_it_stands() {
    let ours = Ours::at("mollie", "tr_1").await;
    let long = "x".repeat(1_000_000);
    let odd = json!([{"id": long, "status": "refunded", "paymentId": "tr_1",
        "amount": {"currency": "EUR", "value": "1.00"}, "metadata": null}]);
    let paid = mollie_payment(&ours.reference(), odd, json!([]));
    ours.answers("GET /v2/payments/tr_1", &[(200, &paid)]);
    assert!(ours.post("mollie", false, "id=tr_1").await);
    assert_eq!(ours.state().await, State::Paid);
    assert!(ours.states(None).await.contains(&"quarantined".to_owned()));
}

#[tokio::test]
async fn events_and_payments_under_ids_that_are_none_are_put_before_people() {
    let long = "x".repeat(2_048);
    let ids = ["", " ", "a b", "pi_\n1", &long];
    let intent = |id: &str, reference: &str| {
        json!({"id": id, "object": "payment_intent", "amount": 6_000, "amount_received": 6_000,
            "currency": "eur", "status": "succeeded", "metadata": {"reference": reference}})
    };
    let event = |id: &str, object: Value| {
        json!({"id": id, "type": "payment_intent.succeeded", "created": 1_780_000_000,
            "data": {"object": object}})
        .to_string()
    };
    for id in ids {
        let ours = Ours::at("stripe", "cs_1").await;
        let reference = ours.reference();
        let good = intent("pi_1", &reference);
        assert!(
            ours.post("stripe", true, &event(id, good)).await,
            "event {id:.9}"
        );
        let odd = intent(id, &reference);
        assert!(
            ours.post("stripe", true, &event("evt_2", odd)).await,
            "payment {id:.9}"
        );
        let states = ours.states(None).await;
        assert_eq!(states, ["quarantined", "quarantined"], "{id:.9}");
        assert_eq!(ours.state().await, State::Open, "{id:.9}");
        assert!(ours.tasks().await > 0, "staff are told");
    }
}

#[tokio::test]
async fn a_hint_that_can_never_be_looked_up_is_put_before_people_at_once() {
    let ours = Ours::at("stripe", "cs_1").await;
    let thin = |event: &str, id: &str| {
        json!({"id": event, "object": "v2.core.event", "type": "v1.charge.changed",
            "created": "2026-03-14T10:00:00.000Z",
            "related_object": {"id": id, "type": "charge"}})
        .to_string()
    };
    for (event, id) in [("evt_1", ""), ("evt_2", "xx_1"), ("evt_3", "pi 1")] {
        assert!(ours.post("stripe", true, &thin(event, id)).await, "{id}");
        assert_eq!(ours.states(Some(event)).await, ["quarantined"], "{id}");
    }
    assert_eq!(ours.asked(), [""; 0], "nothing was asked");
    let ours = Ours::at("gocardless", "PM1").await;
    let refund = |event: &str, id: &str| {
        json!({"events": [{"id": event, "created_at": "2026-03-14T10:00:00Z",
            "resource_type": "refunds", "action": "paid", "links": {"refund": id}}]})
        .to_string()
    };
    for (event, id) in [("EV1", ""), ("EV2", "XX1"), ("EV3", "RF/../x")] {
        assert!(
            ours.post("gocardless", true, &refund(event, id)).await,
            "{id}"
        );
        assert_eq!(ours.states(Some(event)).await, ["quarantined"], "{id}");
    }
    assert_eq!(ours.asked(), [""; 0], "nothing was asked");
}

// ---- many at once ------------------------------------------------------------------------------

#[tokio::test]
async fn what_is_done_is_skipped_before_it_is_looked_up_and_facts_come_before_hints() {
    let ours = Ours::at("gocardless", "PM1").await;
    let reference = ours.reference();
    let hint = |n: usize| {
        let mut event = debit_event(&format!("EV{n}"), "failed", &format!("PM{n}"), json!({}));
        event["details"]["will_attempt_retry"] = true.into();
        event
    };
    let mut events: Vec<_> = (10..20).map(hint).collect();
    // A fact that needs no look-up, behind them all: its payment is known.
    let submitted = |event: &str| {
        let reference = json!({"reference": reference});
        debit_event(event, "submitted", "PM1", reference)
    };
    let known = debit("PM1", 6_000, "EUR", "submitted", &reference);
    ours.answers("GET /payments/PM1", &[(200, &known)]);
    ours.answers("GET /refunds", &[(200, &json!({"refunds": []}))]);
    ours.answers("GET /events", &[(200, &json!({"events": []}))]);
    let first = json!({ "events": [submitted("EV98")] }).to_string();
    assert!(ours.post("gocardless", true, &first).await);
    assert_eq!(ours.state().await, State::Pending);
    let before = ours.asked().len();
    events.push(submitted("EV99"));
    for n in 10..20 {
        let pending = debit(&format!("PM{n}"), 100, "EUR", "submitted", "order 7");
        let slow = json!({"error": {"type": "gocardless", "errors": []}});
        let first = if n == 10 {
            (500, &slow)
        } else {
            (200, &pending)
        };
        ours.answers(&format!("GET /payments/PM{n}"), &[first, (200, &pending)]);
    }
    let batch = json!({ "events": events }).to_string();
    assert!(
        !ours.post("gocardless", true, &batch).await,
        "one could not be asked"
    );
    assert_eq!(ours.state().await, State::Pending);
    assert_eq!(ours.states(Some("EV99")).await, ["superseded"]);
    let payments = |all: Vec<String>| {
        let of = all
            .into_iter()
            .filter(|asked| asked.starts_with("GET /gocardless/payments/"));
        of.collect::<Vec<_>>()
    };
    let first = payments(ours.asked()[before..].to_vec());
    assert_eq!(first.len(), 10, "{first:?}");
    assert!(ours.post("gocardless", true, &batch).await);
    let then = payments(ours.asked()[before..].to_vec());
    assert_eq!(
        then[10..],
        ["GET /gocardless/payments/PM10"],
        "only what is not done is asked"
    );
}

#[tokio::test]
async fn an_event_that_hints_at_a_payment_takes_the_end_of_what_it_led_to() {
    let ours = Ours::at("gocardless", "PM1").await;
    let hint = |event: &str, payment: &str| {
        let mut event = debit_event(event, "failed", payment, json!({}));
        event["details"]["will_attempt_retry"] = true.into();
        json!({ "events": [event] }).to_string()
    };
    ours.answers("GET /refunds", &[(200, &json!({"refunds": []}))]);
    ours.answers("GET /events", &[(200, &json!({"events": []}))]);
    let strange = debit("PM9", 100, "EUR", "confirmed", "order 7");
    ours.answers("GET /payments/PM9", &[(200, &strange)]);
    assert!(ours.post("gocardless", true, &hint("EV1", "PM9")).await);
    assert_eq!(
        ours.states(Some("EV1")).await,
        ["waiting"],
        "no case has it yet"
    );
    let paid = debit("PM1", 6_000, "EUR", "confirmed", &ours.reference());
    ours.answers("GET /payments/PM1", &[(200, &paid)]);
    assert!(ours.post("gocardless", true, &hint("EV2", "PM1")).await);
    assert_eq!(ours.states(Some("EV2")).await, ["posted"]);
    assert_eq!(ours.state().await, State::Paid);
    let other = debit("PM8", 100, "EUR", "confirmed", &ours.reference());
    ours.answers("GET /payments/PM8", &[(200, &other)]);
    assert!(ours.post("gocardless", true, &hint("EV3", "PM8")).await);
    assert_eq!(ours.states(Some("EV3")).await, ["contradiction"]);
}
