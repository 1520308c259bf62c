//! Replies that say nothing of the money: no vendor's own word stands in them, or they answer a
//! token call. Held over all gateways through Meridian's own calls.

use crate::money::happens;
use crate::stack::Clinic;
use crate::vendors::{Heard, Said, connect, heard, ok, token};
use meridian::domain::case::Case;
use meridian::domain::event::{Event, NewRefund, Report};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::payment::State;
use meridian::domain::refund;
use meridian::flows::calls;
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::case::pk as case_pk;
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use serde_json::{Value, json};

/// The ids of all gateways.
pub fn gateways() -> impl Iterator<Item = &'static str> {
    meridian::vendors::gateways().map(|gateway| gateway.vendor.id)
}

/// A charge of a saved method at this gateway, planned and not sent.
pub async fn charge_at(clinic: &Clinic, gateway: &str) -> String {
    let patient = clinic.patient().await;
    let kept = json!({
        "gateway": gateway, "token": "m_1", "customer": patient, "label": "Visa ending 4242",
    });
    let path = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&path, kept).await.expect(201);
    let case = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    let made = clinic.post(&path, json!({ "method": "saved" })).await;
    made.expect(202);
    case
}

/// What the gateway says when it is looked at.
pub fn report(gateway: &str, mut fact: Fact) -> Event {
    let all = Money::new(6_000, Currency::read("EUR").expect("a currency"));
    fact.amount.get_or_insert(all);
    Event::Reported(Report {
        gateway: gateway.into(),
        facts: vec![fact],
        current: true,
        late_failures: false,
        page_stays: true,
        answer: false,
    })
}

/// A refund of a payment that arrived at this gateway, asked for and not sent.
pub async fn refund_at(clinic: &Clinic, gateway: &str) -> String {
    let case = charge_at(clinic, gateway).await;
    refund_of(clinic, &case, gateway, "PM_1").await;
    case
}

/// The same of a payment that the gateway knows under this id.
pub async fn refund_of(clinic: &Clinic, case: &str, gateway: &str, capture: &str) {
    let came = Fact {
        reference: Some(ids::payment_reference(case, 1)),
        payment: Some(capture.into()),
        ..Fact::new(Kind::PaymentSucceeded)
    };
    happens(clinic, case, report(gateway, came)).await;
    let new = NewRefund {
        request: ids::derived(&["request", case]),
        amount: None,
        payment: None,
        needs_approval: false,
        approval_above: None,
    };
    happens(clinic, case, Event::RefundRequested(new)).await;
}

/// Works the row of a payment (`p1`) or a refund (`r1`) off, as its function does.
pub async fn work(clinic: &Clinic, case: &str, id: &str) {
    let key = RowKey {
        pk: case_pk(&clinic.id, case),
        sk: format!("task#{id}"),
    };
    let done = match id.starts_with('r') {
        true => calls::refund(&clinic.app, &key).await,
        false => calls::pay(&clinic.app, &key).await,
    };
    done.expect("it is worked off");
}

/// Looks what became of it, as outcome-resolution does.
pub async fn settle(clinic: &Clinic, case: &str, refund: Option<u32>) {
    let id = refund.map_or("p1".into(), |n| format!("r{n}"));
    let key = RowKey {
        pk: case_pk(&clinic.id, case),
        sk: format!("task#{id}"),
    };
    let target = meridian::flows::calls::Target { payment: 1, refund };
    let settled = calls::settle(&clinic.app, &key, target, 1).await;
    settled.expect("it is settled");
}

pub async fn case(clinic: &Clinic, id: &str) -> Case {
    let found = clinic.app.case(&clinic.id, id).await;
    found.expect("a table").expect("a case")
}

/// The answers that are no word of the vendor's.
fn nobodys_words() -> Vec<(u16, Value)> {
    let own = [
        json!({ "error": { "type": "invalid_request_error", "code": "x", "errors": [] } }),
        json!({ "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": "x" }] }),
    ];
    let mut all = vec![];
    for status in [301, 302, 307, 308, 408, 425, 499] {
        for body in &own {
            all.push((status, body.clone()));
        }
    }
    for status in [400, 401, 403, 404, 409, 410, 422] {
        all.push((status, json!({ "reason": "blocked by a proxy" })));
        all.push((status, json!("no such page")));
    }
    all
}

/// What a gateway is asked before a charge is answered, as a token call and a list of kept methods
/// are; everything else as the test wants.
pub fn answers(
    clinic: &Clinic,
    said: impl Fn(&Heard) -> Said + Send + 'static,
) -> impl FnMut(&Heard) -> Said + Send + 'static {
    let id = clinic.id.clone();
    move |heard| match before(&id, heard) {
        Some(answer) => answer,
        None => said(heard),
    }
}

/// The answer to what is asked before a charge.
pub fn before(clinic: &str, heard: &Heard) -> Option<Said> {
    if heard.what.ends_with("/v1/oauth2/token") {
        return Some(token(clinic, "t1", 3600));
    }
    if heard.what.contains("/storedPaymentMethods") {
        return Some(ok(json!({ "storedPaymentMethods": [{ "id": "m_1" }] })));
    }
    // Of what is to be refunded: how it is settled.
    let asked: Value = serde_json::from_str(&heard.body).unwrap_or_default();
    let id = asked["getTransactionDetailsRequest"]["transId"].as_str();
    id.map(|id| ok(transaction(id, "", "settledSuccessfully")))
}

/// A transaction of 60.00 as Authorize.Net shows it; a refund where its status says so.
pub fn transaction(id: &str, reference: &str, status: &str) -> Value {
    let refund = status.starts_with("refund");
    json!({
        "messages": good(),
        "transaction": {
            "transId": id, "transactionStatus": status, "responseCode": 1, "responseReasonCode": 1,
            "transactionType": if refund { "refundTransaction" } else { "authCaptureTransaction" },
            "refTransId": if refund { json!("6000") } else { Value::Null },
            "authAmount": 60.0, "settleAmount": 60.0, "order": { "invoiceNumber": reference },
            "payment": { "creditCard": { "cardNumber": "XXXX2224" } },
        },
    })
}

/// That an operation went through.
pub fn good() -> Value {
    json!({ "resultCode": "Ok", "message": [{ "code": "I00001", "text": "Successful." }] })
}

#[tokio::test]
async fn a_reply_without_the_vendors_own_word_leaves_the_outcome_unknown() {
    for gateway in gateways() {
        for (status, body) in nobodys_words() {
            let what = format!("{gateway} {status} {body}");
            let clinic = Clinic::new().await;
            let reply = Said::Reply(status, body.clone());
            let script = answers(&clinic, move |_| reply.clone());
            connect(&clinic, gateway, script).await;
            let charged = charge_at(&clinic, gateway).await;
            work(&clinic, &charged, "p1").await;
            let now = case(&clinic, &charged).await;
            assert_eq!(now.payments[0].state, State::Unknown, "{what}: a charge");
            let asked = refund_at(&clinic, gateway).await;
            work(&clinic, &asked, "r1").await;
            let now = case(&clinic, &asked).await;
            let state = now.payments[0].refunds[0].state;
            assert_eq!(state, refund::State::Unknown, "{what}: a refund");
        }
    }
}

#[tokio::test]
async fn what_a_token_call_answers_says_nothing_of_the_money_call() {
    for (status, body) in [
        (302, json!({})),
        (400, json!({ "error": "invalid_grant" })),
        (401, json!({ "error": "invalid_client" })),
        (404, json!({ "name": "RESOURCE_NOT_FOUND" })),
        (408, json!({})),
        (
            422,
            json!({ "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": "x" }] }),
        ),
        (429, json!({})),
        (503, json!({})),
    ] {
        let clinic = Clinic::new().await;
        let reply = Said::Reply(status, body);
        connect(&clinic, "paypal", move |_| reply.clone()).await;
        let charged = charge_at(&clinic, "paypal").await;
        work(&clinic, &charged, "p1").await;
        let now = case(&clinic, &charged).await;
        assert_eq!(now.payments[0].state, State::Open, "{status}");
        assert!(
            now.payments[0].intent.is_none(),
            "{status}: nothing was sent"
        );
        let asked = heard(&clinic);
        let sent = asked.iter().find(|one| !one.what.ends_with("/token"));
        assert!(sent.is_none(), "{status}: {sent:?}");
    }
    // The repeat of a refund that acted.
    for status in [404, 408, 422] {
        let clinic = Clinic::new().await;
        connect(&clinic, "paypal", answers(&clinic, |_| Said::Cut)).await;
        let asked = refund_at(&clinic, "paypal").await;
        work(&clinic, &asked, "r1").await;
        // Another process, without a token in its memory or in the table.
        let other = clinic.with_key(&clinic.key);
        let row = meridian::io::store::Row::new(format!("{}#token#paypal", clinic.id), "token");
        let gone = row.number("version", 9);
        clinic.write(meridian::io::store::Write::Put(gone)).await;
        let body = json!({ "name": "X", "details": [{ "issue": "x" }] });
        connect(&clinic, "paypal", move |_| {
            Said::Reply(status, body.clone())
        })
        .await;
        settle(&other, &asked, Some(1)).await;
        let now = case(&clinic, &asked).await;
        let state = now.payments[0].refunds[0].state;
        assert_eq!(state, refund::State::Unknown, "{status}");
    }
}

/// A debit that failed may be collected again by its gateway: it is asked before a retry, on its day.
#[tokio::test]
async fn before_a_retry_of_a_debit_its_gateway_is_asked_and_not_before_its_day() {
    let policy = json!({ "collect": "saved_method", "retry_after_days": [3] });
    let clinic = Clinic::of("EUR", policy).await;
    connect(&clinic, "gocardless", |_| Said::Cut).await;
    let patient = clinic.patient().await;
    let kept = json!({ "gateway": "gocardless", "token": "MD1", "label": "Bank debit" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&path, kept).await.expect(201);
    let case = clinic.invoice(Some(&patient)).await;
    let failed = Fact {
        reference: Some(ids::payment_reference(&case, 1)),
        payment: Some("PM_1".into()),
        decline: Some(Decline::Funds),
        ..Fact::new(Kind::PaymentFailed)
    };
    crate::money::happens(&clinic, &case, report("gocardless", failed)).await;
    let key = RowKey {
        pk: case_pk(&clinic.id, &case),
        sk: "task#retry-p1".into(),
    };
    calls::pay(&clinic.app, &key)
        .await
        .expect("nothing to do yet");
    assert_eq!(heard(&clinic), [], "it is not the day");
    let write = Write::Change {
        key: key.clone(),
        set: Row::default().number("due_at", 1),
        remove: vec![],
    };
    clinic.write(write).await;
    calls::pay(&clinic.app, &key).await.expect("a look-up");
    assert!(!heard(&clinic).is_empty(), "nobody was asked");
    let found = clinic.app.case(&clinic.id, &case).await;
    let found = found.expect("a table").expect("a case");
    assert_eq!(found.payments.len(), 1, "it is not known to be over");
}
