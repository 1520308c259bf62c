//! What may be asked for, charged and given back.

use crate::permissions::unchanged;
use crate::stack::{Clinic, request};
use meridian::domain::case::{Case, OpensBy, Session};
use meridian::domain::event::{Event, NewRefund, Report};
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::payment::State;
use meridian::flows::commit;
use meridian::flows::commit::{Change, Committed};
use meridian::flows::pages;
use meridian::words::ids;
use serde_json::{Value, json};

pub fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// Something that no request of the API causes. A success tells that all of it came, as gateways
/// do, unless it names an amount.
pub async fn happens(clinic: &Clinic, case: &str, mut event: Event) -> Case {
    let known = clinic.app.case(&clinic.id, case).await;
    if let (Event::Reported(report), Ok(Some(known))) = (&mut event, &known) {
        let whole = known.payments.first().map(|payment| payment.amount);
        for fact in &mut report.facts {
            let came = fact.kind == Kind::PaymentSucceeded;
            fact.amount = fact.amount.or(whole.filter(|_| came));
        }
    }
    let settings = clinic.app.settings_of(&clinic.id).await.expect("a clinic");
    let change = Change::new(&settings, case, event, "test".into());
    match commit::commit(&clinic.app, change, None)
        .await
        .expect("a commit")
    {
        Committed::Changed(case) => *case,
        other => panic!("{other:?}"),
    }
}

/// What Stripe answers to a call of ours.
pub fn reported(fact: Fact) -> Event {
    Event::Reported(Report {
        gateway: "stripe".into(),
        facts: vec![fact],
        current: true,
        late_failures: false,
        page_stays: true,
        answer: true,
    })
}

pub async fn pays(clinic: &Clinic, case: &str) -> Case {
    let fact = Fact {
        reference: Some(ids::payment_reference(case, 1)),
        payment: Some("pi_1".into()),
        ..Fact::new(Kind::PaymentSucceeded)
    };
    happens(clinic, case, reported(fact)).await
}

/// The gateway opened the page to pay on.
pub async fn opens(clinic: &Clinic, case: &str) -> Case {
    let session = Session {
        id: "cs_1".into(),
        opens_by: OpensBy::Redirect("https://pay.example.test/cs_1".into()),
        expires_at: None,
    };
    let opened = Event::SessionOpened {
        payment: 1,
        session,
    };
    happens(clinic, case, opened).await
}

pub async fn page(clinic: &Clinic, method: &str, address: &str) -> (u16, String) {
    let response = pages::show(&clinic.app, &request(method, address, json!({}), None)).await;
    (response.status_code, response.body)
}

#[tokio::test]
async fn no_invoice_is_larger_than_the_books_can_sum() {
    let clinic = Clinic::new().await;
    for (unit, quantity) in [
        ("92233720368547758.07", 1),
        ("10000000000000.01", 1),
        ("5.00", 1_000_001),
        ("-92233720368547758.08", 1),
    ] {
        let line = json!({ "description": "x", "unit": eur(unit), "quantity": quantity });
        for path in ["/v1/invoices", "/v1/charges"] {
            let refused = clinic.post(path, json!({ "lines": [line] })).await;
            assert_eq!(refused.expect(422)["field"], "lines", "{unit}");
        }
    }
}

/// Money of two currencies is never one sum.
#[tokio::test]
async fn every_line_is_in_the_currency_of_its_invoice() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let line = |code: &str| {
        let unit = json!({ "amount": "60.00", "currency": code });
        json!({ "description": "Initial visit", "unit": unit })
    };
    let booked = json!({ "id": "A-1", "patient": patient, "starts_at": "2026-11-20T09:00:00Z" });
    let before = clinic.rows().await;
    for (lines, at) in [
        (json!([line("USD")]), 0),
        (json!([line("EUR"), line("USD")]), 1),
        (json!([line("EUR"), line("AUD")]), 1),
    ] {
        for (path, other) in [
            ("/v1/invoices", json!({})),
            ("/v1/charges", json!({})),
            ("/v1/appointments", booked.clone()),
        ] {
            let mut wanted = other;
            wanted["lines"] = lines.clone();
            let refused = clinic.post(path, wanted).await.expect(422);
            let field = format!("lines[{at}].unit.currency");
            assert_eq!(refused["field"], field, "{path}: {refused}");
        }
    }
    unchanged(&before, &clinic.rows().await, "refused");
}

#[tokio::test]
async fn nothing_or_less_is_neither_charged_nor_refunded() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    for amount in ["0.00", "-5.00"] {
        let path = format!("/v1/invoices/{case}/charges");
        let refused = clinic.post(&path, json!({ "amount": eur(amount) })).await;
        assert_eq!(refused.expect(422)["field"], "amount");
        let wanted = json!({ "invoice": case, "amount": eur(amount) });
        let refused = clinic.post("/v1/refunds", wanted).await;
        assert_eq!(refused.expect(422)["field"], "amount");
    }
}

#[tokio::test]
async fn a_refund_of_what_was_never_paid_is_told_so() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    for path in ["/v1/refunds", "/v1/refunds?preview=true"] {
        let refused = clinic.post(path, json!({ "invoice": case })).await;
        let refused = refused.expect(409);
        assert_eq!(refused["type"], "/problems/not-refundable");
        assert_eq!(refused["refundable"]["amount"], "0.00");
        let why = refused["detail"].as_str().unwrap_or_default();
        assert!(why.contains("nothing was paid"), "{why}");
    }
}

#[tokio::test]
async fn only_a_method_of_the_gateway_that_was_named_is_charged() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let kept = json!({ "gateway": "paypal", "token": "v_1", "label": "PayPal" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&path, kept).await.expect(201);
    let case = clinic.invoice(Some(&patient)).await;
    let charges = format!("/v1/invoices/{case}/charges");
    for way in [
        json!({ "collect": "saved_method" }),
        json!({ "method": "saved" }),
    ] {
        let mut wanted = way;
        wanted["gateway"] = json!("stripe");
        let refused = clinic.post(&charges, wanted).await.expect(422);
        assert_eq!(refused["field"], "gateway");
        let why = refused["detail"].as_str().unwrap_or_default();
        assert!(why.contains("`checkout`"), "{why}");
    }
    let wanted = json!({ "gateway": "paypal", "collect": "saved_method" });
    let charged = clinic.post(&charges, wanted).await.expect(202);
    assert_eq!(
        (&charged["gateway"], &charged["method"]),
        (&json!("paypal"), &json!("PayPal"))
    );
    // A new invoice that names a gateway does not charge another one's method either.
    let new = json!({
        "patient": patient, "lines": crate::stack::lines(),
        "collect": "saved_method", "gateway": "stripe",
    });
    let made = clinic.post("/v1/invoices", new).await.expect(201);
    assert_eq!(made["payments"][0]["gateway"], "stripe");
    assert_eq!(made["payments"][0]["method"], Value::Null);
}

#[tokio::test]
async fn a_gateway_that_is_none_is_refused_before_anything_is_written() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let before = clinic.rows().await;
    let method = |gateway: &str| json!({ "gateway": gateway, "token": "pm_1" });
    for (named, field) in [
        (json!({ "gateway": "nobody" }), "gateway"),
        (json!({ "gateway": "xero" }), "gateway"),
        (json!({ "method": method("nobody") }), "method.gateway"),
        (json!({ "method": method("") }), "method.gateway"),
    ] {
        let mut walk_in = named.clone();
        walk_in["lines"] = crate::stack::lines();
        let charges = format!("/v1/invoices/{case}/charges");
        for (path, wanted) in [(charges.as_str(), named), ("/v1/charges", walk_in)] {
            let refused = clinic.post(path, wanted.clone()).await;
            assert_eq!(refused.expect(422)["field"], field, "{path} {wanted}");
        }
    }
    unchanged(&before, &clinic.rows().await, "refused");
}

#[tokio::test]
async fn who_comes_back_sees_the_payment_and_only_under_its_token() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let charges = format!("/v1/invoices/{case}/charges");
    let charged = clinic
        .post(&charges, json!({ "collect": "checkout" }))
        .await;
    let payment = charged.expect(202)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let address = pages::done_address(&clinic.app, &clinic.id, &payment).await;
    let address = address.expect("an address");
    let (status, shown) = page(&clinic, "GET", &address).await;
    assert_eq!(status, 200);
    assert!(shown.contains("We are confirming your payment"), "{shown}");
    pays(&clinic, &case).await;
    let (status, shown) = page(&clinic, "GET", &address).await;
    assert_eq!(status, 200);
    for words in [
        "Wattle Street Clinic",
        "€60.00",
        "See your receipt",
        "/receipts/",
    ] {
        assert!(shown.contains(words), "{words} not in {shown}");
    }
    assert_eq!(page(&clinic, "HEAD", &address).await, (200, String::new()));
    for wrong in [
        address.replace("-p1", "-p2"),
        format!("{address}0"),
        "/pay/done/x".into(),
    ] {
        assert_eq!(page(&clinic, "GET", &wrong).await.0, 404, "{wrong}");
    }
    let (status, shown) = page(&clinic, "GET", "/pay/done").await;
    assert!(status == 200 && !shown.contains("Thank you"), "{shown}");
}

#[tokio::test]
async fn who_stopped_at_the_gateway_comes_back_to_an_address_and_words_of_its_own() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    opens(&clinic, &case).await;
    let payment = format!("{case}-p1");
    let done = pages::done_address(&clinic.app, &clinic.id, &payment).await;
    let done = done.expect("an address");
    let cancelled = done.replace("/pay/done/", "/pay/cancelled/");
    assert_ne!(done, cancelled);
    let (status, shown) = page(&clinic, "GET", &cancelled).await;
    assert_eq!(status, 200);
    assert!(shown.contains("You stopped before the end"), "{shown}");
    assert!(!shown.contains("We are confirming your payment"), "{shown}");
    // Who pays all the same reads there what is true.
    pays(&clinic, &case).await;
    let (_, shown) = page(&clinic, "GET", &cancelled).await;
    assert!(shown.contains("See your receipt"), "{shown}");
}

#[tokio::test]
async fn a_refunds_receipt_names_the_clinic_of_its_day_and_the_receipt_before() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    pays(&clinic, &case).await;
    let fact = Fact {
        payment: Some("pi_1".into()),
        refund: Some("re_1".into()),
        amount: Some(meridian::words::money::Money::new(
            500,
            meridian::words::money::Currency::read("EUR").expect("a currency"),
        )),
        ..Fact::new(Kind::RefundSucceeded)
    };
    happens(&clinic, &case, reported(fact)).await;
    let mut settings = clinic.get("/v1/settings").await;
    settings["name"] = json!("Moved Away Clinic");
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
    let read = clinic.get(&format!("/v1/invoices/{case}")).await;
    let receipts = read["receipts"].as_array().cloned().unwrap_or_default();
    assert_eq!(receipts.len(), 2, "{read}");
    let (first, last) = (&receipts[0], &receipts[1]);
    let address = last["url"].as_str().expect("an address");
    let (status, shown) = page(&clinic, "GET", address).await;
    assert_eq!(status, 200);
    let before = first["number"].as_str().expect("a number");
    assert!(
        shown.contains(&format!("Replaces <span class=\"nowrap\">{before}</span>")),
        "{shown}"
    );
    assert!(
        shown.contains("Wattle Street Clinic") && !shown.contains("Moved Away"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_word_on_what_waits_for_none_is_a_conflict() {
    let clinic = Clinic::new().await;
    let (case, charged) = clinic.asked_to_pay().await;
    let payment = charged["id"].as_str().expect("an id");
    pays(&clinic, &case).await;
    let refund = clinic
        .post("/v1/refunds", json!({ "invoice": case }))
        .await
        .expect(202);
    let refund = refund["id"].as_str().expect("an id");
    let listed = clinic.get("/v1/refunds").await;
    assert_eq!(listed["refunds"][0]["id"], refund);
    let shown = clinic.get(&format!("/v1/refunds/{refund}")).await;
    assert_eq!(shown["state"], "requested");
    let path = format!("/v1/refunds/{refund}/reject");
    clinic.post(&path, Value::Null).await.expect(409);
    let path = format!("/v1/payments/{payment}/close");
    clinic.post(&path, Value::Null).await.expect(409);
    for path in [
        format!("/v1/refunds/{case}/reject"),
        format!("/v1/payments/{case}-p9/close"),
        "/v1/payments/x/close".into(),
    ] {
        clinic.post(&path, Value::Null).await.expect(404);
    }
}

#[tokio::test]
async fn a_page_is_not_closed_by_declaration_but_ended_at_its_gateway() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    opens(&clinic, &case).await;
    let close = format!("/v1/payments/{case}-p1/close");
    let closing = clinic.post(&close, Value::Null).await.expect(200);
    assert_eq!(closing["state"], "open");
    assert_eq!(closing["checkout_url"], Value::Null, "nobody is sent there");
    let over = Fact {
        reference: Some(ids::payment_reference(&case, 1)),
        ..Fact::new(Kind::PaymentExpired)
    };
    let ended = happens(&clinic, &case, reported(over)).await;
    assert_eq!(ended.payments[0].state, State::Expired);
    clinic.post(&close, Value::Null).await.expect(200);
}

#[tokio::test]
async fn a_preview_needs_no_key_and_writes_nothing() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    let paid = pays(&clinic, &case).await;
    let wanted = json!({ "invoice": case, "amount": eur("22.50") });
    let preview = clinic
        .post("/v1/refunds?preview=true", wanted)
        .await
        .expect(200);
    assert_eq!(preview["refundable_after"]["amount"], "37.50");
    let new = NewRefund {
        request: ids::random(),
        amount: None,
        payment: None,
        needs_approval: true,
        approval_above: None,
    };
    let after = happens(&clinic, &case, Event::RefundRequested(new)).await;
    assert_eq!(after.entries, paid.entries + 1);
}
