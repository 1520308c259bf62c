//! Money calls over AWS and a scripted Stripe in this process: what goes over the wire, how often
//! and under which key, whatever became of the reply before.

use crate::money::pays;
use crate::stack::{Clinic, app};
use crate::vendors::{Heard, Said, answer, connect, heard, ok};
use futures::future::join_all;
use meridian::domain::case::{Case, Intent};
use meridian::domain::{payment, refund};
use meridian::flows::calls;
use meridian::flows::calls::Target;
use meridian::io::clock;
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::case::pk as case_pk;
use meridian::words::{ids, time};
use serde_json::{Value, json};

const PAYMENT: Target = Target {
    payment: 1,
    refund: None,
};
const REFUND: Target = Target {
    payment: 1,
    refund: Some(1),
};

/// One call about money, in its case.
struct Call {
    clinic: Clinic,
    case: String,
    target: Target,
}

impl Call {
    /// A saved card that is to be charged 60.00.
    async fn charge() -> Self {
        let clinic = Clinic::new().await;
        connect(&clinic, "stripe", |_| Said::Cut).await;
        let patient = clinic.patient().await;
        let path = format!("/v1/patients/{patient}/payment-methods");
        let kept = json!({ "gateway": "stripe", "token": "pm_1", "label": "Visa ending 4242" });
        clinic.post(&path, kept).await.expect(201);
        let case = clinic.invoice(Some(&patient)).await;
        let path = format!("/v1/invoices/{case}/charges");
        clinic
            .post(&path, json!({ "method": "saved" }))
            .await
            .expect(202);
        Self {
            clinic,
            case,
            target: PAYMENT,
        }
    }

    /// 5.00 of a paid 60.00 that are to be refunded.
    async fn refund() -> Self {
        let clinic = Clinic::new().await;
        connect(&clinic, "stripe", |_| Said::Cut).await;
        let case = clinic.invoice(None).await;
        let path = format!("/v1/invoices/{case}/charges");
        clinic
            .post(&path, json!({ "collect": "checkout" }))
            .await
            .expect(202);
        pays(&clinic, &case).await;
        let wanted = json!({ "invoice": case, "amount": { "amount": "5.00", "currency": "EUR" } });
        clinic.post("/v1/refunds", wanted).await.expect(202);
        Self {
            clinic,
            case,
            target: REFUND,
        }
    }

    fn is_refund(&self) -> bool {
        self.target.refund.is_some()
    }

    fn row(&self, task: &str) -> RowKey {
        RowKey {
            pk: case_pk(&self.clinic.id, &self.case),
            sk: format!("task#{task}"),
        }
    }

    /// What its own function does, and what the settling one does.
    async fn execute(&self, app: &meridian::flows::App) {
        let done = match self.is_refund() {
            true => Box::pin(calls::refund(app, &self.row("r1"))).await,
            false => Box::pin(calls::pay(app, &self.row("p1"))).await,
        };
        done.expect("a row that can be worked off");
    }

    async fn settle(&self) {
        let name = if self.is_refund() { "r1" } else { "p1" };
        let key = self.row(name);
        let settled = Box::pin(calls::settle(&self.clinic.app, &key, self.target, 0)).await;
        settled.expect("a row that can be worked off");
    }

    async fn now(&self) -> Case {
        let app = &self.clinic.app;
        let case = app.case(&self.clinic.id, &self.case).await;
        case.expect("a table").expect("a case")
    }

    async fn intent(&self) -> Option<Intent> {
        self.target.intent(&self.now().await).cloned()
    }

    /// Its lease and its first sending are moved so many seconds back.
    async fn ages(&self, seconds: i64) {
        let mut case = self.now().await;
        let payment = &mut case.payments[0];
        let intent = match self.is_refund() {
            true => payment.refunds[0].intent.as_mut(),
            false => payment.intent.as_mut(),
        };
        let intent = intent.expect("a call under way");
        intent.lease_until = time::after(intent.lease_until, -seconds);
        intent.first_sent_at = time::after(intent.first_sent_at, -seconds);
        let data = serde_json::to_string(&case).expect("plain data");
        let key = RowKey {
            pk: case_pk(&self.clinic.id, &self.case),
            sk: "case".into(),
        };
        let set = Row::default().text("data", data);
        let remove = vec![];
        self.clinic.write(Write::Change { key, set, remove }).await;
    }

    fn is_unknown(&self, case: &Case) -> bool {
        match self.target.refund {
            None => case.payments[0].state == payment::State::Unknown,
            Some(_) => case.payments[0].refunds[0].state == refund::State::Unknown,
        }
    }

    fn is_done(&self, case: &Case) -> bool {
        match self.target.refund {
            None => case.paid().minor == 6000,
            Some(_) => case.refunded().minor == 500,
        }
    }

    /// The calls that would move money.
    fn sent(&self) -> Vec<Heard> {
        let posts = heard(&self.clinic).into_iter();
        posts
            .filter(|heard| heard.what.starts_with("POST"))
            .collect()
    }

    /// What Stripe answers when it did as it was asked.
    fn good(&self) -> Value {
        let reference = self.reference();
        match self.is_refund() {
            true => json!({
                "id": "re_1", "object": "refund", "amount": 500, "currency": "eur",
                "status": "succeeded", "charge": "ch_1", "payment_intent": "pi_1",
                "metadata": { "reference": reference },
            }),
            false => json!({
                "id": "pi_1", "object": "payment_intent", "amount": 6000, "currency": "eur",
                "amount_received": 6000, "status": "succeeded", "customer": null,
                "payment_method": "pm_1", "payment_method_types": ["card"],
                "metadata": { "reference": reference }, "latest_charge": null,
                "last_payment_error": null,
            }),
        }
    }

    fn reference(&self) -> String {
        match self.target.refund {
            None => ids::payment_reference(&self.case, 1),
            Some(n) => ids::refund_reference(&self.case, n),
        }
    }
}

async fn both() -> [Call; 2] {
    [Call::charge().await, Call::refund().await]
}

#[tokio::test]
async fn a_call_goes_out_once_under_its_own_key_however_often_it_is_asked_for() {
    for call in both().await {
        let good = call.good();
        answer(&call.clinic, move |_| ok(good.clone()));
        for _ in 0..3 {
            call.execute(&call.clinic.app).await;
        }
        let sent = call.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0].header("idempotency-key"), call.reference());
        assert!(call.is_done(&call.now().await));
    }
}

#[tokio::test]
async fn many_functions_at_one_row_make_one_call() {
    for call in both().await {
        let good = call.good();
        answer(&call.clinic, move |_| ok(good.clone()));
        let houses: Vec<_> = (0..6).map(|_| app()).collect();
        join_all(houses.iter().map(|app| call.execute(app))).await;
        assert_eq!(call.sent().len(), 1, "{:?}", call.sent());
        assert!(call.is_done(&call.now().await));
    }
}

#[tokio::test]
async fn while_a_lease_lives_nobody_else_calls() {
    for call in both().await {
        call.execute(&call.clinic.app).await;
        assert!(call.is_unknown(&call.now().await), "its reply was cut off");
        // As if the process had died inside the call: its lease still lives.
        let mut case = call.now().await;
        let payment = &mut case.payments[0];
        let lease_until = time::after(clock::now(), 60);
        match call.is_refund() {
            true => {
                payment.refunds[0].state = refund::State::Executing;
                payment.refunds[0]
                    .intent
                    .as_mut()
                    .expect("an intent")
                    .lease_until = lease_until;
            }
            false => {
                payment.state = payment::State::Open;
                payment.intent.as_mut().expect("an intent").lease_until = lease_until;
            }
        }
        let data = serde_json::to_string(&case).expect("plain data");
        let key = RowKey {
            pk: case_pk(&call.clinic.id, &call.case),
            sk: "case".into(),
        };
        let set = Row::default().text("data", data);
        let remove = vec![];
        call.clinic.write(Write::Change { key, set, remove }).await;
        let before = call.now().await;
        call.execute(&call.clinic.app).await;
        call.settle().await;
        assert_eq!(call.sent().len(), 1);
        assert_eq!(call.now().await, before, "nobody touches it");
        // When it has run out, the outcome is unknown before anything is asked.
        call.ages(120).await;
        call.settle().await;
        assert!(call.is_unknown(&call.now().await));
        assert_eq!(call.sent().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_reply_is_repeated_under_the_same_key_with_the_same_bytes() {
    for call in both().await {
        call.execute(&call.clinic.app).await;
        let first = call.intent().await.expect("a call whose end is not known");
        call.ages(600).await;
        call.settle().await;
        call.ages(3000).await;
        let good = call.good();
        answer(&call.clinic, move |_| ok(good.clone()));
        call.settle().await;
        let sent = call.sent();
        assert_eq!(sent.len(), 3);
        for one in &sent {
            assert_eq!(one.header("idempotency-key"), first.key);
            assert_eq!(one.header("idempotency-key"), call.reference());
            assert_eq!((&one.what, &one.body), (&sent[0].what, &sent[0].body));
        }
        assert!(call.is_done(&call.now().await));
    }
}

#[tokio::test]
async fn a_key_that_the_gateway_may_have_forgotten_is_not_sent_again() {
    for call in both().await {
        call.execute(&call.clinic.app).await;
        // Stripe keeps keys for a day.
        call.ages(23 * 3600).await;
        call.settle().await;
        let moved = call.sent();
        assert_eq!(moved.len(), 1, "{moved:?}");
        let case = call.now().await;
        assert!(call.is_unknown(&case), "{case:?}");
        let tasks = call.clinic.get("/v1/tasks").await;
        let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
        let asked = tasks.iter().any(|task| task["alert"] == "unknown_outcome");
        assert!(asked, "a person looks: {tasks:?}");
    }
}

#[tokio::test]
async fn a_further_refund_asks_for_its_own_amount_under_its_own_key() {
    let call = Call::refund().await;
    let good = call.good();
    answer(&call.clinic, move |_| ok(good.clone()));
    call.execute(&call.clinic.app).await;
    let wanted = json!({ "invoice": call.case, "amount": { "amount": "7.00", "currency": "EUR" } });
    call.clinic.post("/v1/refunds", wanted).await.expect(202);
    let reference = ids::refund_reference(&call.case, 2);
    let mut second = call.good();
    second["id"] = json!("re_2");
    second["amount"] = json!(700);
    second["metadata"]["reference"] = json!(reference);
    answer(&call.clinic, move |_| ok(second.clone()));
    Box::pin(calls::refund(&call.clinic.app, &call.row("r2")))
        .await
        .expect("a call");
    let sent = call.sent();
    let amounts: Vec<_> = sent
        .iter()
        .map(|one| one.body.contains("amount=700"))
        .collect();
    assert_eq!(amounts, [false, true], "{sent:?}");
    assert!(sent[0].body.contains("amount=500"), "{sent:?}");
    assert_eq!(sent[1].header("idempotency-key"), reference);
    assert_eq!(call.now().await.refunded().minor, 1200);
}
