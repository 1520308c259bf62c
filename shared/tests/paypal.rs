//! PayPal's adapter: its requests, its replies, the proof of its webhooks, and what each of them says.

#[path = "support/talk.rs"]
mod talk;

use meridian::contract::{
    Account, Body, CertificateSigned, Charge, Checkout, Complete, Delivery, Host, Inbound,
    LookedUp, Lookup, LostReply, Notice, Outcome, Refund, Refused, Reply, Request, Spelling,
    Trouble, Verified, prove, prove_certificate,
};
use meridian::domain::case::{Case, OpensBy, Payment, Session};
use meridian::domain::decide::{Verdict, decide};
use meridian::domain::event::{Context, Event, NewCharge, NewInvoice, Report};
use meridian::domain::fact::{Decline, Fact, Kind, Method};
use meridian::domain::invoice::Line;
use meridian::domain::payment::State;
use meridian::domain::policy::Policy;
use meridian::vendors::paypal::GATEWAY;
use meridian::words::money::{Currency, Money};
use meridian_contracts::{Contracts, Exchange};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use talk::{built, first, heard, talked};

const REFERENCE: &str = "0123456789abcdef-p1";
const REFUND: &str = "0123456789abcdef-r1";
const ORDER: &str = "5O190127TN364715T";
const CAPTURE: &str = "2GG279541U471931P";

fn account(fields: &[(&str, &str)]) -> Account {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Account::load(&[], fields.collect()).expect("an account")
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, Currency::read(code).expect("a currency"))
}

fn eur(minor: i64) -> Money {
    money(minor, "EUR")
}

fn reply(status: u16, body: Value) -> Reply {
    Reply {
        status,
        headers: vec![],
        body: body.to_string().into_bytes(),
    }
}

fn body(request: &Request) -> &Value {
    match &request.body {
        Body::Json(value) => value,
        other => panic!("{other:?} is no JSON"),
    }
}

/// What a look-up tells, every part of which can be read.
fn whole(told: Result<LookedUp, Trouble>) -> Result<Vec<Fact>, Trouble> {
    let told = told?;
    assert_eq!(told.unread, Vec::<String>::new());
    Ok(told.facts)
}

/// Holds a call and its reply against PayPal's own files, where they are at hand.
fn hold(request: &Request, reply: &Reply) {
    let Some(contracts) = Contracts::from_env() else {
        eprintln!("contracts not checked");
        return;
    };
    let (request_body, content) = match &request.body {
        Body::None => (vec![], None),
        Body::Json(value) => (value.to_string().into_bytes(), Some("application/json")),
        Body::Exact { content_type, text } => (text.clone().into(), Some(content_type.as_str())),
        Body::Form(_) => panic!("PayPal's API takes no form here"),
    };
    let mut request_headers = request.headers.clone();
    request_headers.push(("Authorization".into(), "Bearer A21".into()));
    request_headers.push(("PayPal-Request-Id".into(), "key-1".into()));
    request_headers.extend(content.map(|content| ("Content-Type".into(), content.into())));
    let exchange = Exchange {
        vendor: "paypal".into(),
        method: request.method.clone(),
        path: request.path.clone(),
        request_headers,
        request_body,
        status: reply.status,
        response_headers: vec![("Content-Type".into(), "application/json".into())],
        response_body: reply.body.clone(),
    };
    assert_eq!(
        contracts.check(&exchange),
        Vec::<String>::new(),
        "{} {}",
        exchange.method,
        exchange.path
    );
}

// ---- what PayPal answers -----------------------------------------------------------------------

fn capture(status: &str) -> Value {
    json!({
        "id": CAPTURE, "status": status, "final_capture": true,
        "amount": {"currency_code": "EUR", "value": "80.00"},
        "custom_id": REFERENCE, "invoice_id": REFERENCE,
        "create_time": "2026-11-21T15:00:00Z", "update_time": "2026-11-21T15:00:00Z",
        "links": [
            {"href": format!("https://api-m.paypal.com/v2/payments/captures/{CAPTURE}"), "rel": "self", "method": "GET"},
            {"href": format!("https://api-m.paypal.com/v2/checkout/orders/{ORDER}"), "rel": "up", "method": "GET"},
        ],
    })
}

fn reinstate(status: &str, reference: &str) -> Value {
    json!({
        "id": "1JU08902781691411", "status": status,
        "amount": {"currency_code": "EUR", "value": "30.00"},
        "custom_id": reference, "invoice_id": reference,
        "create_time": "2026-11-21T16:00:00Z", "update_time": "2026-11-21T16:00:00Z",
        "links": [
            {"href": "https://api-m.paypal.com/v2/payments/refunds/1JU08902781691411", "rel": "self", "method": "GET"},
            {"href": format!("https://api-m.paypal.com/v2/payments/captures/{CAPTURE}"), "rel": "up", "method": "GET"},
        ],
    })
}

fn order(status: &str, captures: Vec<Value>, refunds: Vec<Value>) -> Value {
    let mut payments = serde_json::Map::new();
    for (name, list) in [("captures", captures), ("refunds", refunds)] {
        if !list.is_empty() {
            payments.insert(name.into(), json!(list));
        }
    }
    json!({
        "id": ORDER, "status": status, "intent": "CAPTURE", "create_time": "2026-11-21T14:55:00Z",
        "purchase_units": [{
            "reference_id": REFERENCE, "custom_id": REFERENCE, "invoice_id": REFERENCE,
            "amount": {"currency_code": "EUR", "value": "80.00"}, "payments": payments,
        }],
        "payment_source": {"paypal": {"account_id": "QYR5Z8XDVJNXQ"}},
        "links": [
            {"href": format!("https://api-m.paypal.com/v2/checkout/orders/{ORDER}"), "rel": "self", "method": "GET"},
            {"href": format!("https://www.paypal.com/checkoutnow?token={ORDER}"), "rel": "payer-action", "method": "GET"},
        ],
    })
}

fn refusal(status: u16, issue: &str) -> Reply {
    let name = if status == 400 {
        "INVALID_REQUEST"
    } else {
        "UNPROCESSABLE_ENTITY"
    };
    let text = "The requested action could not be performed, semantically incorrect, or failed business validation.";
    reply(
        status,
        json!({"name": name, "message": text, "debug_id": "90957fca61718",
            "details": [{"issue": issue}]}),
    )
}

fn paid() -> Fact {
    Fact {
        reference: Some(REFERENCE.into()),
        payment: Some(CAPTURE.into()),
        aliases: vec![ORDER.into()],
        amount: Some(eur(8000)),
        ..Fact::new(Kind::PaymentSucceeded)
    }
}

/// The same as an answer tells it, with the capture's own time.
fn came() -> Fact {
    Fact {
        occurred_at: Some(time("2026-11-21T15:00:00Z")),
        ..paid()
    }
}

fn time(text: &str) -> jiff::Timestamp {
    text.parse().expect("a time")
}

// ---- calls -------------------------------------------------------------------------------------

fn checkout(amount: Money, keep_method: bool) -> Checkout {
    Checkout {
        reference: REFERENCE.into(),
        amount,
        label: "Wattle Street Clinic, invoice 17".into(),
        return_to: "https://pay.example.test/pay/done".into(),
        cancel_to: "https://pay.example.test/pay/cancelled".into(),
        webhook_url: "https://pay.example.test/webhooks/wattle/paypal".into(),
        keep_method,
        payer: "pat-1".into(),
    }
}

fn complete() -> Complete {
    Complete {
        reference: REFERENCE.into(),
        amount: eur(8000),
        label: "Wattle Street Clinic, invoice 17".into(),
        session: ORDER.into(),
        method: None,
    }
}

fn charge() -> Charge {
    Charge {
        payer: "pat-1".into(),
        reference: REFERENCE.into(),
        amount: eur(8000),
        label: "Wattle Street Clinic, invoice 17".into(),
        method: Method {
            gateway: "paypal".into(),
            customer: Some("cust-1".into()),
            token: "8kk8451t".into(),
            label: "PayPal account".into(),
        },
        webhook_url: String::new(),
    }
}

fn refund() -> Refund {
    Refund {
        reference: REFUND.into(),
        payment: CAPTURE.into(),
        amount: eur(3000),
        total_refunded: eur(3000),
        whole: false,
    }
}

#[test]
fn an_order_is_opened_with_our_reference_and_sends_the_payer_to_paypal() {
    let opening = GATEWAY.checkout.yes().expect("offered");
    let request = first(opening.open, &checkout(eur(8000), true), &account(&[]));
    let sent = body(&request);
    let unit = &sent["purchase_units"][0];
    assert_eq!(
        unit["amount"],
        json!({"currency_code": "EUR", "value": "80.00"})
    );
    for field in ["reference_id", "custom_id", "invoice_id"] {
        assert_eq!(unit[field], REFERENCE, "{field}");
    }
    let wallet = &sent["payment_source"]["paypal"];
    assert_eq!(
        wallet["attributes"]["vault"]["store_in_vault"],
        "ON_SUCCESS"
    );
    let answer = reply(200, order("PAYER_ACTION_REQUIRED", vec![], vec![]));
    hold(&request, &answer);
    let ask = checkout(eur(8000), true);
    let page = heard(opening.open, &ask, &account(&[]), &[answer]).expect("a page");
    assert_eq!(page.id, ORDER);
    assert_eq!(
        page.opens_by.address(),
        format!("https://www.paypal.com/checkoutnow?token={ORDER}")
    );
    assert_eq!(
        page.expires_at,
        Some("2026-11-21T17:55:00Z".parse().expect("a time"))
    );
}

#[test]
fn a_wallet_is_kept_only_where_the_patient_was_asked() {
    let opening = GATEWAY.checkout.yes().expect("offered");
    let request = first(opening.open, &checkout(eur(8000), false), &account(&[]));
    assert_eq!(
        body(&request)["payment_source"]["paypal"].get("attributes"),
        None
    );
    hold(&request, &reply(201, order("CREATED", vec![], vec![])));
}

#[test]
fn currencies_that_paypal_writes_without_decimals_are_written_so_and_others_are_refused_a_fraction()
{
    let opening = GATEWAY.checkout.yes().expect("offered");
    for (minor, code, written) in [
        (1_200, "JPY", "1200"),
        (120_000, "HUF", "1200"),
        (5, "EUR", "0.05"),
    ] {
        let ask = checkout(money(minor, code), false);
        let request = first(opening.open, &ask, &account(&[]));
        assert_eq!(
            body(&request)["purchase_units"][0]["amount"]["value"],
            written,
            "{code}"
        );
    }
    let ask = checkout(money(120_050, "HUF"), false);
    let (asked, end) = talked(opening.open, &ask, &account(&[]), &[]);
    assert_eq!(asked, []);
    assert!(matches!(end, Err(Trouble::Rejected(_))), "{end:?}");
}

#[test]
fn an_approved_order_is_captured_once_and_the_capture_is_the_payment() {
    let effect = GATEWAY.complete.yes().expect("offered");
    let request = built(effect.build, &complete(), &account(&[])).expect("a request");
    assert_eq!(request.path, format!("/v2/checkout/orders/{ORDER}/capture"));
    let answer = reply(201, order("COMPLETED", vec![capture("COMPLETED")], vec![]));
    hold(&request, &answer);
    assert_eq!(
        (effect.parse)(&complete(), &answer, &account(&[])),
        Ok(vec![came()])
    );
}

#[test]
fn a_capture_brings_the_wallet_that_paypal_kept() {
    let mut answer = order("COMPLETED", vec![capture("COMPLETED")], vec![]);
    answer["payment_source"]["paypal"]["attributes"] = json!({"vault": {"id": "8kk8451t", "status": "VAULTED", "customer": {"id": "cust-1"},
            "links": [{"href": "https://api-m.paypal.com/v3/vault/payment-tokens/8kk8451t", "rel": "self", "method": "GET"}]}});
    let effect = GATEWAY.complete.yes().expect("offered");
    let request = built(effect.build, &complete(), &account(&[])).expect("a request");
    hold(&request, &reply(201, answer.clone()));
    let facts = (effect.parse)(&complete(), &reply(201, answer), &account(&[])).expect("facts");
    assert_eq!(
        facts,
        vec![Fact {
            method: Some(charge().method),
            ..came()
        }]
    );
}

#[test]
fn a_kept_wallet_is_charged_without_the_payer() {
    let call = GATEWAY.charge.yes().expect("offered");
    let request = built(call.build, &charge(), &account(&[])).expect("a request");
    assert_eq!(
        body(&request)["payment_source"],
        json!({"paypal": {"vault_id": "8kk8451t"}})
    );
    let parse = |reply: &Reply| (call.parse)(&charge(), reply, &account(&[]));
    let answer = reply(201, order("COMPLETED", vec![capture("COMPLETED")], vec![]));
    hold(&request, &answer);
    assert_eq!(parse(&answer), Ok(vec![came()]));
    let pending = parse(&reply(
        201,
        order("COMPLETED", vec![capture("PENDING")], vec![]),
    ));
    assert_eq!(
        pending,
        Ok(vec![Fact {
            kind: Kind::PaymentPending,
            ..came()
        }])
    );
    let needs_payer = parse(&reply(201, order("PAYER_ACTION_REQUIRED", vec![], vec![])));
    assert_eq!(needs_payer, Err(Trouble::Declined(Decline::Action)));
    let odd = parse(&reply(201, order("APPROVED", vec![], vec![])));
    assert!(matches!(odd, Err(Trouble::Unclear(_))), "{odd:?}");
}

#[test]
fn a_failed_capture_gives_its_id_to_no_payment() {
    let mut declined = capture("DECLINED");
    declined["processor_response"] = json!({"response_code": "5120"});
    let call = GATEWAY.charge.yes().expect("offered");
    let answer = reply(201, order("COMPLETED", vec![declined], vec![]));
    hold(
        &built(call.build, &charge(), &account(&[])).expect("a request"),
        &answer,
    );
    let failed = Fact {
        payment: None,
        aliases: vec![ORDER.into(), CAPTURE.into()],
        decline: Some(Decline::Funds),
        kind: Kind::PaymentFailed,
        ..came()
    };
    assert_eq!(
        (call.parse)(&charge(), &answer, &account(&[])),
        Ok(vec![failed])
    );
}

#[test]
fn a_processor_that_asks_for_the_payer_is_told_from_one_that_says_no() {
    for (code, decline) in [
        ("5650", Decline::Action),
        ("5140", Decline::Method),
        ("5100", Decline::Other),
    ] {
        let mut declined = capture("DECLINED");
        declined["processor_response"] = json!({"response_code": code});
        let said = fact("PAYMENT.CAPTURE.DECLINED", "capture", declined);
        assert_eq!(said.decline, Some(decline), "{code}");
    }
}

/// What each code of PayPal's processors comes to, beside those that may pass on another day.
const CODES: [(Decline, &[&str]); 5] = [
    (Decline::Funds, &["5120", "5710", "PPAX", "PPEL", "PPNL"]),
    (
        Decline::Method,
        &[
            "0390", "1330", "1335", "1352", "1380", "5135", "5140", "5150", "5160", "5180", "5400",
            "5700", "5950", "6300", "7800", "9510", "9520", "9540", "PP06", "PPAB", "PPAE", "PPCT",
            "PPDI", "PPEF", "PPEX", "PPFI", "PPFR", "PPMC", "PPPM", "PPRN", "PPSE", "PPTE", "PPTR",
            "PPTT", "PPTV", "PPUC",
        ],
    ),
    (
        Decline::Action,
        &[
            "00N7", "0890", "1382", "5110", "5130", "5170", "5190", "5500", "5650", "5900", "5910",
            "5930", "7700", "7710", "7900", "PCNR", "PCVV", "PPAD", "PPAV", "PPC2", "PPD3",
        ],
    ),
    (Decline::Fraud, &["0580", "9500", "PPDT", "PPSC"]),
    (Decline::Cancelled, &["0R00"]),
];

#[test]
fn every_code_of_a_processor_says_whether_another_try_makes_sense() {
    let said = |code: &str| {
        let mut declined = capture("DECLINED");
        declined["processor_response"] = json!({"response_code": code});
        fact("PAYMENT.CAPTURE.DECLINED", "capture", declined).decline
    };
    for (decline, codes) in CODES {
        for code in codes {
            assert_eq!(said(code), Some(decline), "{code}");
        }
    }
    let known = |code: &str| CODES.iter().any(|(_, codes)| codes.contains(&code));
    let file = Contracts::from_env().and_then(|_| std::env::var_os("MERIDIAN_CONTRACTS"));
    let Some(folder) = file else {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        return;
    };
    let file = std::path::Path::new(&folder).join("paypal/checkout_orders_v2.json");
    let file: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
    let place = "/components/schemas/processor_response/properties/response_code/enum";
    let listed = file
        .pointer(place)
        .and_then(Value::as_array)
        .expect("codes");
    for code in listed.iter().filter_map(Value::as_str) {
        if !known(code) {
            assert_eq!(said(code), Some(Decline::Other), "{code}");
        }
    }
    let all: Vec<_> = listed.iter().filter_map(Value::as_str).collect();
    for (_, codes) in CODES {
        assert!(codes.iter().all(|code| all.contains(code)), "{codes:?}");
    }
}

#[test]
fn a_networks_advice_counts_where_the_code_alone_would_allow_another_try() {
    let said = |code: &str, advice: &str| {
        let mut declined = capture("DECLINED");
        declined["processor_response"] =
            json!({"response_code": code, "payment_advice_code": advice});
        fact("PAYMENT.CAPTURE.DECLINED", "capture", declined).decline
    };
    for (code, advice, decline) in [
        ("0500", "01", Decline::Method),
        ("0500", "02", Decline::Funds),
        ("5120", "03", Decline::Method),
        ("0500", "21", Decline::Cancelled),
        ("9500", "02", Decline::Fraud),
    ] {
        assert_eq!(said(code, advice), Some(decline), "{code} {advice}");
    }
}

#[test]
fn an_issue_that_refuses_a_charge_says_whether_another_try_makes_sense() {
    let call = GATEWAY.charge.yes().expect("offered");
    let said = |issue: &str| (call.parse)(&charge(), &refusal(422, issue), &account(&[]));
    for (issue, decline) in [
        ("TRANSACTION_LIMIT_EXCEEDED", Decline::Funds),
        ("AGREEMENT_ALREADY_CANCELLED", Decline::Method),
        ("BILLING_AGREEMENT_NOT_FOUND", Decline::Method),
        ("CARD_BRAND_NOT_SUPPORTED", Decline::Method),
        ("CARD_EXPIRED", Decline::Method),
        ("CARD_TYPE_NOT_SUPPORTED", Decline::Method),
        ("CURRENCY_NOT_SUPPORTED_FOR_CARD_TYPE", Decline::Method),
        ("DOMESTIC_TRANSACTION_REQUIRED", Decline::Method),
        ("PAYER_ACCOUNT_LOCKED_OR_CLOSED", Decline::Method),
        ("PAYER_CANNOT_PAY", Decline::Method),
        ("PAYMENT_SOURCE_CANNOT_BE_USED", Decline::Method),
        ("REFERENCED_CARD_EXPIRED", Decline::Method),
        ("TOKEN_EXPIRED", Decline::Method),
        ("TOKEN_ID_NOT_FOUND", Decline::Method),
        ("CONSENT_NEEDED", Decline::Action),
        ("ORDER_NOT_APPROVED", Decline::Action),
        ("PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED", Decline::Action),
        ("REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", Decline::Action),
        ("TRANSACTION_BLOCKED_BY_PAYEE", Decline::Fraud),
        ("ALIAS_DECLINED_BY_PROCESSOR", Decline::Other),
        ("DECLINED_DUE_TO_RELATED_TXN", Decline::Other),
        ("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", Decline::Other),
        ("PAYMENT_SOURCE_DECLINED_BY_PROCESSOR", Decline::Other),
        ("TRANSACTION_REFUSED", Decline::Other),
    ] {
        assert_eq!(said(issue), Err(Trouble::Declined(decline)), "{issue}");
    }
}

#[test]
fn a_label_is_cut_between_letters_and_to_what_paypal_counts() {
    let call = GATEWAY.charge.yes().expect("offered");
    for (letter, kept) in [("a", 127), ("é", 63), ("診", 42)] {
        let ask = Charge {
            label: letter.repeat(200),
            ..charge()
        };
        let request = built(call.build, &ask, &account(&[])).expect("a request");
        let label = body(&request)["purchase_units"][0]["description"].clone();
        assert_eq!(label, letter.repeat(kept));
    }
}

#[test]
fn a_refused_refund_says_why_and_declines_nobody() {
    let call = GATEWAY.refund.yes().expect("offered");
    let issue = |issue| {
        let answer = refusal(422, issue);
        (call.parse)(&refund(), &answer, &account(&[])).expect_err("trouble")
    };
    for why in [
        "REFUND_TIME_LIMIT_EXCEEDED",
        "REFUND_FAILED_INSUFFICIENT_FUNDS",
        "PAYER_ACCOUNT_RESTRICTED",
        "TRANSACTION_REFUSED",
    ] {
        assert_eq!(issue(why), Trouble::Rejected(why.into()));
    }
    // Made before under this reference: to be found.
    let made = issue("DUPLICATE_INVOICE_ID");
    assert_eq!(made, Trouble::Exists(String::new()));
}

#[test]
fn a_refund_names_its_own_reference_and_the_capture() {
    let call = GATEWAY.refund.yes().expect("offered");
    let request = built(call.build, &refund(), &account(&[])).expect("a request");
    assert_eq!(
        request.path,
        format!("/v2/payments/captures/{CAPTURE}/refund")
    );
    let expected = json!({"amount": {"currency_code": "EUR", "value": "30.00"},
        "custom_id": REFUND, "invoice_id": REFUND});
    assert_eq!(body(&request), &expected);
    for (status, kind) in [
        ("COMPLETED", Kind::RefundSucceeded),
        ("PENDING", Kind::RefundPending),
        ("FAILED", Kind::RefundFailed),
        ("CANCELLED", Kind::RefundFailed),
    ] {
        let answer = reply(201, reinstate(status, REFUND));
        hold(&request, &answer);
        let fact = Fact {
            reference: Some(REFUND.into()),
            payment: Some(CAPTURE.into()),
            refund: Some("1JU08902781691411".into()),
            amount: Some(eur(3000)),
            occurred_at: Some(time("2026-11-21T16:00:00Z")),
            ..Fact::new(kind)
        };
        assert_eq!(
            (call.parse)(&refund(), &answer, &account(&[])),
            Ok(vec![fact]),
            "{status}"
        );
    }
    let odd = (call.parse)(
        &refund(),
        &reply(201, reinstate("REVERTED", REFUND)),
        &account(&[]),
    );
    assert!(matches!(odd, Err(Trouble::Unreadable(_))), "{odd:?}");
}

#[test]
fn every_money_call_says_what_a_lost_reply_means() {
    fn lifetime<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> (i64, bool) {
        match lost {
            LostReply::SameKey { key, then } => {
                assert_eq!(key.spelling, Spelling::Plain(108));
                (key.lifetime, matches!(then, LostReply::Find { .. }))
            }
            _ => panic!("PayPal keeps keys"),
        }
    }
    let hours = 3600;
    let page = GATEWAY.checkout.yes().expect("offered").key;
    assert_eq!(page.map(|key| key.lifetime), Some(6 * hours));
    assert_eq!(
        lifetime(&GATEWAY.complete.yes().expect("offered").lost_reply),
        (6 * hours, true)
    );
    assert_eq!(
        lifetime(&GATEWAY.charge.yes().expect("offered").lost_reply),
        (6 * hours, false)
    );
    assert_eq!(
        lifetime(&GATEWAY.refund.yes().expect("offered").lost_reply),
        (45 * 24 * hours, false)
    );
}

#[test]
fn after_the_key_a_lost_capture_is_looked_for_in_its_order() {
    let effect = GATEWAY.complete.yes().expect("offered");
    let LostReply::SameKey {
        then: LostReply::Find { look, .. },
        ..
    } = &effect.lost_reply
    else {
        panic!("no look-up")
    };
    let request = first(*look, &complete(), &account(&[]));
    let done = reply(200, order("COMPLETED", vec![capture("COMPLETED")], vec![]));
    hold(&request, &done);
    assert_eq!(
        heard(*look, &complete(), &account(&[]), &[done]),
        Ok(Some(vec![came()]))
    );
    let not_yet = reply(200, order("APPROVED", vec![], vec![]));
    assert_eq!(
        heard(*look, &complete(), &account(&[]), &[not_yet]),
        Ok(None)
    );
}

#[test]
fn a_refusal_is_definite_only_where_nothing_can_have_happened() {
    let call = GATEWAY.complete.yes().expect("offered");
    let trouble =
        |answer: Reply| (call.parse)(&complete(), &answer, &account(&[])).expect_err("trouble");
    let request = built(call.build, &complete(), &account(&[])).expect("a request");
    // An issue that the official file lists for many calls, with its own words.
    let known = refusal(422, "TRANSACTION_REFUSED");
    hold(&request, &known);
    let issue = |issue| trouble(refusal(422, issue));
    assert_eq!(
        issue("INSTRUMENT_DECLINED"),
        Trouble::Declined(Decline::Other)
    );
    assert_eq!(
        issue("PAYER_ACCOUNT_RESTRICTED"),
        Trouble::Declined(Decline::Method)
    );
    assert_eq!(
        issue("PAYER_ACTION_REQUIRED"),
        Trouble::Declined(Decline::Action)
    );
    assert_eq!(
        issue("COMPLIANCE_VIOLATION"),
        Trouble::Declined(Decline::Fraud)
    );
    assert_eq!(
        issue("ORDER_ALREADY_CAPTURED"),
        Trouble::Exists(ORDER.into())
    );
    assert_eq!(issue("DUPLICATE_INVOICE_ID"), Trouble::Exists(ORDER.into()));
    for ours in [
        "PAYEE_ACCOUNT_RESTRICTED",
        "PAYEE_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING",
        "AUTH_CAPTURE_NOT_ENABLED",
        "NOT_ENABLED_TO_VAULT_PAYMENT_SOURCE",
        "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING",
        "SETUP_ERROR_FOR_BANK",
        "TRANSACTION_RECEIVING_LIMIT_EXCEEDED",
    ] {
        assert_eq!(issue(ours), Trouble::Credentials(ours.into()));
    }
    assert_eq!(
        issue("PAYEE_BLOCKED_TRANSACTION"),
        Trouble::Declined(Decline::Fraud)
    );
    assert_eq!(issue("ORDER_COMPLETION_IN_PROGRESS"), Trouble::InFlight);
    assert_eq!(issue("ORDER_IS_PENDING_APPROVAL"), Trouble::InFlight);
    assert_eq!(
        issue("CURRENCY_MISMATCH"),
        Trouble::Rejected("CURRENCY_MISMATCH".into())
    );
    assert_eq!(
        trouble(refusal(400, "INVALID_PARAMETER_VALUE")),
        Trouble::Rejected("INVALID_PARAMETER_VALUE".into())
    );
    assert_eq!(
        trouble(refusal(409, "PREVIOUS_REQUEST_IN_PROGRESS")),
        Trouble::InFlight
    );
    assert_eq!(
        trouble(refusal(403, "PERMISSION_DENIED")),
        Trouble::Credentials("PERMISSION_DENIED".into())
    );
    assert!(matches!(
        trouble(reply(401, json!({"error": "invalid_token"}))),
        Trouble::Credentials(_)
    ));
    let gone = json!({"name": "RESOURCE_NOT_FOUND", "message": "It does not exist."});
    assert_eq!(trouble(reply(404, gone)), Trouble::Missing);
    // Something in between may answer so too.
    assert!(trouble(reply(404, json!({}))).may_have_happened());
    assert!(matches!(
        trouble(reply(429, json!({}))),
        Trouble::Later { .. }
    ));
    for status in [500, 502, 503] {
        assert!(
            trouble(reply(status, json!({}))).may_have_happened(),
            "{status}"
        );
    }
    let page = Reply {
        status: 422,
        headers: vec![],
        body: b"<html>busy</html>".to_vec(),
    };
    assert!(trouble(page).may_have_happened());
}

#[test]
fn a_look_up_tells_the_payment_with_its_refunds() {
    let inquiry = GATEWAY.lookup.yes().expect("offered");
    let ask = Lookup {
        reference: REFERENCE.into(),
        payment: Some(CAPTURE.into()),
        session: Some(ORDER.into()),
        amount: eur(8000),
    };
    let request = first(*inquiry, &ask, &account(&[]));
    let refunds = vec![reinstate("COMPLETED", REFUND)];
    let answer = reply(
        200,
        order("COMPLETED", vec![capture("PARTIALLY_REFUNDED")], refunds),
    );
    hold(&request, &answer);
    let facts = whole(heard(*inquiry, &ask, &account(&[]), &[answer])).expect("facts");
    assert_eq!(facts[0], came());
    assert_eq!(
        (facts[1].kind, facts[1].amount),
        (Kind::RefundSucceeded, Some(eur(3000)))
    );
    assert_eq!(facts.len(), 2);
}

#[test]
fn money_moved_when_the_capture_says_so() {
    let (made, became) = ("2026-11-20T23:30:00Z", "2026-11-22T08:00:00Z");
    for (status, at) in [
        ("COMPLETED", became),
        // What was changed since is its refunds.
        ("PARTIALLY_REFUNDED", made),
        ("REFUNDED", made),
    ] {
        let mut capture = capture(status);
        capture["create_time"] = json!(made);
        capture["update_time"] = json!(became);
        let told = |capture: &Value| {
            let answer = reply(201, order("COMPLETED", vec![capture.clone()], vec![]));
            let call = GATEWAY.complete.yes().expect("offered");
            let facts = (call.parse)(&complete(), &answer, &account(&[])).expect("facts");
            facts[0].occurred_at
        };
        assert_eq!(told(&capture), Some(time(at)), "{status}");
        capture
            .as_object_mut()
            .expect("fields")
            .remove("update_time");
        assert_eq!(told(&capture), Some(time(made)), "{status}");
        // A time that cannot be read, or none, hides no money.
        capture["create_time"] = json!("yesterday");
        assert_eq!(told(&capture), None, "{status}");
        let name = "PAYMENT.CAPTURE.COMPLETED";
        let Ok(Notice::Fact(fact)) = read(event(name, "capture", capture).to_string().as_bytes())
        else {
            panic!("no fact")
        };
        assert_eq!(fact.occurred_at, Some(time("2026-11-21T15:00:01Z")));
    }
}

#[test]
fn a_look_up_of_an_order_says_where_the_payer_is() {
    let inquiry = GATEWAY.lookup.yes().expect("offered");
    let ask = Lookup {
        reference: REFERENCE.into(),
        payment: None,
        session: Some(ORDER.into()),
        amount: eur(8000),
    };
    let facts = |status: &str, captures: Vec<Value>| {
        let answer = reply(200, order(status, captures, vec![]));
        whole(heard(*inquiry, &ask, &account(&[]), &[answer]))
    };
    let open = Fact {
        payment: None,
        ..paid()
    };
    let approved = Fact {
        kind: Kind::PaymentPending,
        approved: true,
        ..open.clone()
    };
    assert_eq!(facts("APPROVED", vec![]), Ok(vec![approved]));
    for status in ["CREATED", "PAYER_ACTION_REQUIRED", "SAVED"] {
        assert_eq!(facts(status, vec![]), Ok(vec![]), "{status}");
    }
    assert_eq!(
        facts("VOIDED", vec![]),
        Ok(vec![Fact {
            kind: Kind::PaymentExpired,
            ..open
        }])
    );
    // The second attempt paid.
    assert_eq!(
        facts("COMPLETED", vec![capture("DECLINED"), capture("COMPLETED")]),
        Ok(vec![came()])
    );
    assert!(matches!(
        facts("FROZEN", vec![]),
        Err(Trouble::Unreadable(_))
    ));
    assert!(matches!(
        facts("COMPLETED", vec![capture("HELD")]),
        Err(Trouble::Unreadable(_))
    ));
}

#[test]
fn a_charge_of_a_kept_wallet_is_looked_up_by_its_capture() {
    let inquiry = GATEWAY.lookup.yes().expect("offered");
    let ask = |payment: Option<&str>| Lookup {
        reference: REFERENCE.into(),
        payment: payment.map(Into::into),
        session: None,
        amount: eur(8000),
    };
    let request = first(*inquiry, &ask(Some(CAPTURE)), &account(&[]));
    let answer = reply(200, capture("COMPLETED"));
    hold(&request, &answer);
    let told = heard(*inquiry, &ask(Some(CAPTURE)), &account(&[]), &[answer]);
    assert_eq!(whole(told), Ok(vec![came()]));
    for nothing in [None, Some("")] {
        let (asked, told) = talked(*inquiry, &ask(nothing), &account(&[]), &[]);
        assert_eq!((asked, whole(told)), (vec![], Ok(vec![])));
    }
    let gone = json!({"name": "RESOURCE_NOT_FOUND", "message": "It does not exist."});
    let gone = reply(404, gone);
    assert_eq!(
        heard(*inquiry, &ask(Some(CAPTURE)), &account(&[]), &[gone]),
        Err(Trouble::Missing)
    );
}

#[test]
fn the_test_host_is_called_only_where_the_account_says_so() {
    let Host::From(host) = GATEWAY.vendor.host else {
        panic!("the host depends on the account")
    };
    assert_eq!(host(&account(&[])), "https://api-m.paypal.com");
    assert_eq!(
        host(&account(&[("environment", "live")])),
        "https://api-m.paypal.com"
    );
    assert_eq!(
        host(&account(&[("environment", "sandbox")])),
        "https://api-m.sandbox.paypal.com"
    );
}

// ---- proof -------------------------------------------------------------------------------------

const SIGNED_BODY: &[u8] = include_bytes!("fixtures/paypal/capture-completed.json");
const SIGNATURE: &str = include_str!("fixtures/paypal/signature.txt");
const SIGNER: &[u8] = include_bytes!("fixtures/paypal/signer.pem");
const ROOT: &[u8] = include_bytes!("fixtures/paypal/root.pem");
const OTHER_ROOT: &[u8] = include_bytes!("fixtures/paypal/other-root.pem");
/// Within the certificate's validity.
const NOW: i64 = 1_800_000_000;

fn webhook() -> &'static Inbound {
    GATEWAY.webhook.yes().expect("offered")
}

fn delivery(body: &[u8]) -> Delivery {
    let headers = [
        (
            "paypal-transmission-id",
            "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        ),
        ("paypal-transmission-time", "2026-11-21T15:00:02Z"),
        ("paypal-transmission-sig", SIGNATURE.trim()),
        ("paypal-auth-algo", "SHA256withRSA"),
        (
            "paypal-cert-url",
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42",
        ),
        ("content-type", "application/json"),
    ];
    Delivery {
        headers: headers
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
        method: "POST".into(),
        body: body.into(),
        url: "https://pay.example.test/webhooks/wattle/paypal".into(),
        received_at: NOW,
    }
}

fn with(name: &str, value: Option<&str>) -> Delivery {
    let mut delivery = delivery(SIGNED_BODY);
    delivery.headers.retain(|(known, _)| known != name);
    delivery
        .headers
        .extend(value.map(|value| (name.into(), value.into())));
    delivery
}

fn outcome(delivery: &Delivery, webhook_id: &str) -> Result<CertificateSigned, Refused> {
    match prove(
        webhook().door,
        delivery,
        &account(&[("webhook_id", webhook_id)]),
    )? {
        Outcome::NeedsCertificate(signed) => Ok(signed),
        Outcome::Proven | Outcome::Items(_) | Outcome::NeedsVendor => {
            panic!("nothing is proven without a certificate")
        }
    }
}

fn holds(signed: &CertificateSigned, root: &[u8], at: i64) -> Result<(), Refused> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let root = CertificateDer::from_pem_slice(root).expect("a root");
    let root = webpki::anchor_from_trusted_cert(&root)
        .expect("an anchor")
        .to_owned();
    prove_certificate(signed, SIGNER, &[root], at)
}

#[test]
fn a_signature_by_a_certificate_of_a_known_root_holds() {
    let signed = outcome(&delivery(SIGNED_BODY), "WH-TEST").expect("a signature");
    assert!(
        signed
            .message
            .starts_with(b"69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-11-21T15:00:02Z|WH-TEST|")
    );
    assert_eq!(holds(&signed, ROOT, NOW), Ok(()));
}

#[test]
fn a_signature_over_anything_else_does_not_hold() {
    let mut body = SIGNED_BODY.to_vec();
    for at in [0, body.len() / 2, body.len() - 1] {
        body[at] ^= 1;
        let signed = outcome(&delivery(&body), "WH-TEST").expect("a signature");
        assert_eq!(holds(&signed, ROOT, NOW), Err(Refused::Forged), "byte {at}");
        body[at] ^= 1;
    }
    for (name, value) in [
        (
            "paypal-transmission-id",
            "69cd13f0-d67a-11e5-baa3-778b53f4ae56",
        ),
        ("paypal-transmission-time", "2026-11-21T15:00:03Z"),
        ("paypal-transmission-sig", "AAAA"),
    ] {
        let signed = outcome(&with(name, Some(value)), "WH-TEST").expect("a signature");
        assert_eq!(holds(&signed, ROOT, NOW), Err(Refused::Forged), "{name}");
    }
    let signed = outcome(&delivery(SIGNED_BODY), "WH-OTHER").expect("a signature");
    assert_eq!(
        holds(&signed, ROOT, NOW),
        Err(Refused::Forged),
        "another webhook"
    );
}

#[test]
fn a_certificate_of_another_root_or_time_proves_nothing() {
    let signed = outcome(&delivery(SIGNED_BODY), "WH-TEST").expect("a signature");
    assert_eq!(holds(&signed, OTHER_ROOT, NOW), Err(Refused::Forged));
    assert_eq!(holds(&signed, ROOT, 0), Err(Refused::Forged));
}

#[test]
fn a_certificate_is_fetched_from_paypal_only() {
    for address in [
        "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
        "https://evilpaypal.com/v1/notifications/certs/CERT-1",
        "https://paypal.com@evil.test/cert",
        "https://evil.test/?paypal.com",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "file:///etc/paypal.com",
        "api.paypal.com/cert",
    ] {
        let forged = outcome(&with("paypal-cert-url", Some(address)), "WH-TEST").err();
        assert_eq!(forged, Some(Refused::Forged), "{address}");
    }
    let sandbox = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1";
    assert!(outcome(&with("paypal-cert-url", Some(sandbox)), "WH-TEST").is_ok());
}

#[test]
fn a_delivery_that_lacks_a_part_of_its_proof_has_none() {
    for name in [
        "paypal-transmission-id",
        "paypal-transmission-time",
        "paypal-transmission-sig",
        "paypal-auth-algo",
        "paypal-cert-url",
    ] {
        assert_eq!(
            outcome(&with(name, None), "WH-TEST").err(),
            Some(Refused::NoProof),
            "{name}"
        );
        assert_eq!(
            outcome(&with(name, Some("")), "WH-TEST").err(),
            Some(Refused::NoProof),
            "{name} empty"
        );
    }
    let weaker = with("paypal-auth-algo", Some("SHA1withRSA"));
    assert_eq!(outcome(&weaker, "WH-TEST").err(), Some(Refused::NoProof));
    let unconfigured = outcome(&delivery(SIGNED_BODY), "");
    assert_eq!(unconfigured.err(), Some(Refused::NoProof));
}

// ---- webhooks ----------------------------------------------------------------------------------

fn event(name: &str, resource_type: &str, resource: Value) -> Value {
    json!({"id": "WH-7", "create_time": "2026-11-21T15:00:01.000Z", "event_version": "1.0",
        "resource_version": "2.0", "resource_type": resource_type, "event_type": name,
        "summary": "What happened", "resource": resource, "links": []})
}

fn notice(name: &str, resource_type: &str, resource: Value) -> Result<Notice, String> {
    let event = event(name, resource_type, resource);
    let body = event.to_string();
    if let Some(contracts) = Contracts::from_env()
        && let headers = delivery(SIGNED_BODY).headers
        && ![
            "CHECKOUT.ORDER.VOIDED",
            "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
            "PAYMENT.PAYOUTSBATCH.DENIED",
        ]
        .contains(&name)
        && !name.starts_with("PAYMENT.SALE.")
        && !name.starts_with("BILLING.")
    {
        assert_eq!(
            contracts.check_webhook("paypal", &headers, body.as_bytes()),
            Vec::<String>::new()
        );
    }
    read(body.as_bytes())
}

fn read(body: &[u8]) -> Result<Notice, String> {
    let (delivery, account) = (delivery(body), account(&[]));
    let verified = Verified {
        delivery: &delivery,
        account: &account,
        trusted: true,
    };
    let mut items = (webhook().read)(&verified).map_err(|why| why.0)?;
    assert_eq!(items.len(), 1);
    let item = items.remove(0);
    assert!(item.id.is_some_and(|id| id.starts_with("WH-")));
    item.notice.map_err(|why| why.0)
}

fn fact(name: &str, resource_type: &str, resource: Value) -> Fact {
    match notice(name, resource_type, resource) {
        Ok(Notice::Fact(fact)) => {
            // A capture or a refund says its own time, else the event does.
            let own = name.starts_with("PAYMENT.CAPTURE.") || name.starts_with("PAYMENT.REFUND.");
            let own = own || name == "CHECKOUT.ORDER.COMPLETED";
            let own = own && fact.kind != Kind::PaymentReturned;
            let at = match fact.kind {
                _ if !own => "2026-11-21T15:00:01Z",
                _ if fact.refund.is_some() => "2026-11-21T16:00:00Z",
                _ => "2026-11-21T15:00:00Z",
            };
            assert_eq!(fact.occurred_at, Some(time(at)), "{name}");
            Fact {
                occurred_at: None,
                ..*fact
            }
        }
        other => panic!("{other:?} is no fact"),
    }
}

#[test]
fn the_signed_sample_says_that_the_payment_succeeded() {
    let Ok(Notice::Fact(fact)) = read(SIGNED_BODY) else {
        panic!("no fact")
    };
    assert_eq!(
        Fact {
            occurred_at: None,
            ..*fact
        },
        Fact {
            // As it was signed.
            reference: Some("0123456789abcdefghjk-p1".into()),
            ..paid()
        }
    );
}

#[test]
fn an_approved_order_is_not_yet_paid() {
    let approved = fact(
        "CHECKOUT.ORDER.APPROVED",
        "checkout-order",
        order("APPROVED", vec![], vec![]),
    );
    let expected = Fact {
        kind: Kind::PaymentPending,
        approved: true,
        payment: None,
        ..paid()
    };
    assert_eq!(approved, expected);
}

#[test]
fn events_of_a_capture_say_what_its_status_says() {
    for (name, status, kind) in [
        (
            "PAYMENT.CAPTURE.COMPLETED",
            "COMPLETED",
            Kind::PaymentSucceeded,
        ),
        ("PAYMENT.CAPTURE.PENDING", "PENDING", Kind::PaymentPending),
    ] {
        assert_eq!(
            fact(name, "capture", capture(status)),
            Fact { kind, ..paid() },
            "{name}"
        );
    }
    for name in ["PAYMENT.CAPTURE.DENIED", "PAYMENT.CAPTURE.DECLINED"] {
        let failed = fact(name, "capture", capture("DECLINED"));
        assert_eq!(
            (failed.kind, failed.payment),
            (Kind::PaymentFailed, None),
            "{name}"
        );
        assert_eq!(failed.aliases, [ORDER, CAPTURE], "{name}");
        assert_eq!(failed.decline, Some(Decline::Other), "{name}");
    }
    let done = order("COMPLETED", vec![capture("COMPLETED")], vec![]);
    assert_eq!(
        fact("CHECKOUT.ORDER.COMPLETED", "checkout-order", done),
        paid()
    );
    let odd = notice(
        "PAYMENT.CAPTURE.COMPLETED",
        "capture",
        json!({"id": "1", "status": "COMPLETED"}),
    );
    assert!(odd.is_err(), "a capture without an amount");
}

#[test]
fn an_approval_that_lapsed_ends_the_attempt() {
    let resource = json!({"order_id": ORDER, "purchase_units": []});
    let lapsed = fact(
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
        "checkout-order",
        resource,
    );
    assert_eq!(
        lapsed,
        Fact {
            aliases: vec![ORDER.into()],
            ..Fact::new(Kind::PaymentExpired)
        }
    );
    let voided = fact(
        "CHECKOUT.ORDER.VOIDED",
        "checkout-order",
        order("VOIDED", vec![], vec![]),
    );
    assert_eq!(voided.kind, Kind::PaymentExpired);
}

#[test]
fn a_refund_is_told_with_its_own_id_and_the_capture_above_it() {
    for (name, status, kind) in [
        (
            "PAYMENT.CAPTURE.REFUNDED",
            "COMPLETED",
            Kind::RefundSucceeded,
        ),
        ("PAYMENT.REFUND.PENDING", "PENDING", Kind::RefundPending),
        ("PAYMENT.REFUND.FAILED", "FAILED", Kind::RefundFailed),
    ] {
        // One made in the dashboard carries the payment's reference.
        for reference in [REFUND, REFERENCE] {
            let expected = Fact {
                reference: Some(reference.into()),
                payment: Some(CAPTURE.into()),
                refund: Some("1JU08902781691411".into()),
                amount: Some(eur(3000)),
                ..Fact::new(kind)
            };
            assert_eq!(
                fact(name, "refund", reinstate(status, reference)),
                expected,
                "{name}"
            );
        }
    }
}

#[test]
fn a_reversal_takes_the_payment_back_whatever_its_shape() {
    let expected = Fact {
        reference: Some(REFERENCE.into()),
        payment: Some(CAPTURE.into()),
        refund: Some("1JU08902781691411".into()),
        amount: Some(eur(3000)),
        decline: Some(Decline::Fraud),
        ..Fact::new(Kind::PaymentReturned)
    };
    let like_a_refund = reinstate("COMPLETED", REFERENCE);
    assert_eq!(
        fact("PAYMENT.CAPTURE.REVERSED", "refund", like_a_refund),
        expected
    );
    let whole = Fact {
        amount: Some(eur(8000)),
        aliases: vec![ORDER.into()],
        refund: None,
        ..expected
    };
    assert_eq!(
        fact("PAYMENT.CAPTURE.REVERSED", "capture", capture("COMPLETED")),
        whole
    );
    // Of a capture of which something went back before, it does not say how much goes back now.
    for status in ["PARTIALLY_REFUNDED", "REFUNDED"] {
        let some = Fact {
            amount: None,
            ..whole.clone()
        };
        let told = fact("PAYMENT.CAPTURE.REVERSED", "capture", capture(status));
        assert_eq!(told, some, "{status}");
    }
}

fn dispute(status: &str, outcome: Option<&str>) -> Value {
    let mut dispute = json!({
        "dispute_id": "PP-D-27803", "create_time": "2026-11-21T15:00:00.000Z",
        "update_time": "2026-11-21T15:00:00.000Z", "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "status": status, "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_amount": {"currency_code": "EUR", "value": "80.00"},
        "seller_response_due_date": "2026-12-01T15:00:00.000Z",
        "disputed_transactions": [{"seller_transaction_id": CAPTURE, "custom": REFERENCE}],
    });
    if let Some(outcome) = outcome {
        dispute["dispute_outcome"] = json!({"outcome_code": outcome});
    }
    dispute
}

#[test]
fn a_dispute_is_told_from_its_opening_to_its_end() {
    let disputed = |kind| Fact {
        reference: Some(REFERENCE.into()),
        payment: Some(CAPTURE.into()),
        dispute: Some("PP-D-27803".into()),
        due_by: (kind == Kind::DisputeOpened).then(|| "2026-12-01T15:00:00Z".parse().unwrap()),
        amount: Some(eur(8000)),
        ..Fact::new(kind)
    };
    let told = |name: &str, status, outcome| fact(name, "dispute", dispute(status, outcome));
    assert_eq!(
        told("CUSTOMER.DISPUTE.CREATED", "OPEN", None),
        disputed(Kind::DisputeOpened)
    );
    for status in [
        "WAITING_FOR_SELLER_RESPONSE",
        "WAITING_FOR_BUYER_RESPONSE",
        "UNDER_REVIEW",
    ] {
        assert_eq!(
            told("CUSTOMER.DISPUTE.UPDATED", status, None),
            disputed(Kind::DisputeOpened)
        );
    }
    for (outcome, kind) in [
        ("RESOLVED_BUYER_FAVOUR", Kind::DisputeLost),
        ("ACCEPTED", Kind::DisputeLost),
        ("RESOLVED_SELLER_FAVOUR", Kind::DisputeWon),
        ("RESOLVED_WITH_PAYOUT", Kind::DisputeWon),
        ("CANCELED_BY_BUYER", Kind::DisputeWon),
        ("DENIED", Kind::DisputeWon),
        ("NONE", Kind::DisputeWon),
    ] {
        let ended = told("CUSTOMER.DISPUTE.RESOLVED", "RESOLVED", Some(outcome));
        assert_eq!(ended, disputed(kind), "{outcome}");
    }
}

/// Its status goes before the event's name, which only counts where there is none.
#[test]
fn a_dispute_that_names_no_status_is_as_its_event_says() {
    let (created, updated, resolved) = (
        "CUSTOMER.DISPUTE.CREATED",
        "CUSTOMER.DISPUTE.UPDATED",
        "CUSTOMER.DISPUTE.RESOLVED",
    );
    for (name, status, outcome, kind) in [
        (created, None, None, Kind::DisputeOpened),
        (updated, None, None, Kind::DisputeOpened),
        (updated, None, Some("ACCEPTED"), Kind::DisputeOpened),
        (resolved, None, Some("ACCEPTED"), Kind::DisputeLost),
        (resolved, None, Some("DENIED"), Kind::DisputeWon),
        (
            updated,
            Some("RESOLVED"),
            Some("ACCEPTED"),
            Kind::DisputeLost,
        ),
        (
            resolved,
            Some("UNDER_REVIEW"),
            Some("ACCEPTED"),
            Kind::DisputeOpened,
        ),
        (created, Some("OTHER"), None, Kind::DisputeOpened),
    ] {
        let mut about = dispute(status.unwrap_or_default(), outcome);
        if status.is_none() {
            about.as_object_mut().expect("an object").remove("status");
        }
        let told = fact(name, "dispute", about);
        assert_eq!(told.kind, kind, "{name} {status:?} {outcome:?}");
        assert_eq!(told.dispute.as_deref(), Some("PP-D-27803"));
    }
    let mut endless = dispute("", None);
    endless.as_object_mut().expect("an object").remove("status");
    let body = event(resolved, "dispute", endless).to_string();
    assert!(read(body.as_bytes()).expect_err("no end").contains("ended"));
}

#[test]
fn a_dispute_loses_what_was_refunded_in_the_end() {
    let ended = |code: &str| {
        let mut ended = dispute("RESOLVED", Some(code));
        let refunded = json!({"currency_code": "EUR", "value": "25.00"});
        ended["dispute_outcome"]["amount_refunded"] = refunded;
        fact("CUSTOMER.DISPUTE.RESOLVED", "dispute", ended).amount
    };
    assert_eq!(ended("ACCEPTED"), Some(eur(2500)));
    // PayPal paid that itself.
    assert_eq!(ended("RESOLVED_WITH_PAYOUT"), Some(eur(8000)));
}

#[test]
fn a_dispute_that_cannot_be_placed_is_unreadable_and_not_guessed() {
    let unread = |dispute: Value| {
        let body = event("CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute).to_string();
        read(body.as_bytes()).expect_err("unreadable")
    };
    assert!(unread(dispute("RESOLVED", None)).contains("ended"));
    assert!(unread(dispute("RESOLVED", Some("SPLIT"))).contains("outcome_code"));
    assert!(unread(dispute("ON_FIRE", None)).contains("status"));
    // How much it is about is nobody's guess.
    let mut silent = dispute("OPEN", None);
    silent["dispute_amount"] = Value::Null;
    assert!(unread(silent).contains("dispute_amount"));
    let mut two = dispute("OPEN", None);
    two["disputed_transactions"] = json!([{"custom": REFERENCE}, {"custom": REFERENCE}]);
    assert!(unread(two).contains("2 payments"));
}

#[test]
fn a_wallet_taken_out_of_the_vault_is_gone() {
    for name in [
        "VAULT.PAYMENT-TOKEN.DELETED",
        "VAULT.PAYMENT-TOKEN.DELETION-INITIATED",
    ] {
        let gone = notice(name, "payment_token", json!({"id": "8kk8451t"}));
        assert_eq!(
            gone,
            Ok(Notice::MethodGone {
                token: "8kk8451t".into(),
                at: Some(time("2026-11-21T15:00:01Z")),
            }),
            "{name}"
        );
    }
}

#[test]
fn sales_of_the_older_api_are_money_and_other_news_keeps_its_kind() {
    let sale = json!({"id": "0UX830254Y426081E", "state": "completed", "custom": "table 4",
        "amount": {"total": "14.97", "currency": "EUR", "details": {"subtotal": "14.97"}},
        "billing_agreement_id": "I-1", "parent_payment": "PAY-1"});
    let came = fact("PAYMENT.SALE.COMPLETED", "sale", sale);
    let expected = Fact {
        reference: Some("table 4".into()),
        payment: Some("0UX830254Y426081E".into()),
        amount: Some(eur(1497)),
        ..Fact::new(Kind::PaymentSucceeded)
    };
    assert_eq!(came, expected);
    let back = json!({"id": "R1", "sale_id": "0UX830254Y426081E", "state": "completed",
        "amount": {"total": "-5.00", "currency": "EUR"}});
    let back = fact("PAYMENT.SALE.REFUNDED", "refund", back);
    let expected = Fact {
        payment: Some("0UX830254Y426081E".into()),
        refund: Some("R1".into()),
        amount: Some(eur(500)),
        ..Fact::new(Kind::RefundSucceeded)
    };
    assert_eq!(back, expected);
    for (name, kind) in [
        ("VAULT.PAYMENT-TOKEN.CREATED", Kind::MandateActive),
        (
            "BILLING.SUBSCRIPTION.CANCELLED",
            Kind::SubscriptionCancelled,
        ),
    ] {
        let told = notice(name, "any", json!({"id": "I-1"}));
        assert_eq!(told, Ok(Notice::Ignored(kind)));
    }
    for (name, kind) in [
        ("PAYMENT.PAYOUTSBATCH.SUCCESS", Kind::PayoutPaid),
        ("PAYMENT.PAYOUTSBATCH.DENIED", Kind::PayoutFailed),
    ] {
        let batch = json!({"batch_header": {"payout_batch_id": "QDJW8KN8G2QDL"}});
        let told = fact(name, "payouts", batch);
        assert_eq!(
            (told.kind, told.payment.as_deref()),
            (kind, Some("QDJW8KN8G2QDL"))
        );
    }
}

#[test]
fn other_events_are_known_to_be_of_no_consequence_and_no_event_at_all_is_unreadable() {
    let other = notice("BILLING.PLAN.CREATED", "plan", json!({"id": "P-1"}));
    assert_eq!(other, Ok(Notice::Ignored(Kind::Other)));
    for body in [&b"not json"[..], b"{}", b"[]"] {
        assert!(read(body).is_err());
    }
}

#[test]
fn every_refusal_of_the_official_files_is_understood() {
    let Some(folder) = std::env::var_os("MERIDIAN_CONTRACTS").filter(|folder| !folder.is_empty())
    else {
        eprintln!("contracts not checked");
        return;
    };
    let mut issues = BTreeSet::new();
    for file in ["checkout_orders_v2", "payments_payment_v2"] {
        let path = std::path::Path::new(&folder)
            .join("paypal")
            .join(format!("{file}.json"));
        let text = std::fs::read(&path).expect("the official file");
        collect(&serde_json::from_slice(&text).expect("JSON"), &mut issues);
    }
    assert!(issues.len() > 100, "{} issues", issues.len());
    let call = GATEWAY.complete.yes().expect("offered");
    for issue in &issues {
        let trouble =
            (call.parse)(&complete(), &refusal(422, issue), &account(&[])).expect_err("trouble");
        assert!(
            !matches!(trouble, Trouble::Unreadable(_)),
            "{issue}: {trouble}"
        );
        let of_ours = [
            "ORDER_ALREADY_CAPTURED",
            "DUPLICATE_INVOICE_ID",
            "ORDER_COMPLETION_IN_PROGRESS",
            "ORDER_IS_PENDING_APPROVAL",
            "PREVIOUS_REQUEST_IN_PROGRESS",
        ];
        assert_eq!(
            trouble.may_have_happened(),
            of_ours.contains(&issue.as_str()),
            "{issue}"
        );
    }
}

fn collect(value: &Value, issues: &mut BTreeSet<String>) {
    let parts: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(parts) => parts.iter().collect(),
        _ => return,
    };
    for issue in value["issue"]["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        issues.insert(issue.into());
    }
    for part in parts {
        collect(part, issues);
    }
}

// ---- every order of the same events ------------------------------------------------------------

fn report(facts: Vec<Fact>, current: bool) -> Event {
    Event::Reported(Report {
        gateway: "paypal".into(),
        facts,
        current,
        late_failures: GATEWAY.late_failures,
        page_stays: true,
        answer: false,
    })
}

fn after(case: Option<&Case>, event: &Event) -> Case {
    after_among(case, event, &[])
}

/// The same, where all of these are told in the end, the newest last.
fn after_among(case: Option<&Case>, event: &Event, all: &[Fact]) -> Case {
    let ctx = Context {
        now: "2026-11-21T15:00:00Z".parse().expect("a time"),
        cause: "test".into(),
        zone: jiff::tz::TimeZone::UTC,
    };
    match (decide(case, event, &ctx), case) {
        (Verdict::Change(decision), _) => decision.case,
        // PayPal is asked, and knows the payment and how that stands now which it told of.
        (Verdict::LookUpFirst { .. }, Some(_)) => match event {
            Event::Reported(told) if !told.current => {
                let newest = |asked: &Fact| {
                    let same =
                        |fact: &&Fact| fact.refund == asked.refund && fact.dispute == asked.dispute;
                    all.iter().rfind(same).unwrap_or(asked).clone()
                };
                let now = [paid()].into_iter().chain(told.facts.iter().map(newest));
                after(case, &report(now.collect(), true))
            }
            other => panic!("{other:?} asks again"),
        },
        (Verdict::Nothing, Some(case)) => case.clone(),
        (other, _) => panic!("{event:?} came to {other:?}"),
    }
}

/// A case whose patient was sent to PayPal's page.
fn at_paypal() -> Case {
    let invoice = NewInvoice {
        id: REFERENCE.trim_end_matches("-p1").into(),
        clinic: "wattle".into(),
        number: "17".into(),
        patient: None,
        appointment: None,
        starts_at: None,
        label: None,
        currency: eur(0).currency,
        lines: vec![Line {
            quantity: 1,
            unit: eur(8000),
            tax_rate: 0.into(),
            tax_included: true,
        }],
        policy: Policy::default(),
        dims: Default::default(),
        charge: Some(NewCharge {
            amount: None,
            gateway: "paypal".into(),
            method: None,
            keep_method: true,
        }),
    };
    let case = after(None, &Event::Invoiced(Box::new(invoice)));
    let session = Session {
        id: ORDER.into(),
        opens_by: OpensBy::Redirect("https://www.paypal.com/checkoutnow".into()),
        expires_at: None,
    };
    after(
        Some(&case),
        &Event::SessionOpened {
            payment: 1,
            session,
        },
    )
}

/// The payment that every order of these events, each told twice, ends in.
fn one_end(events: &[Value]) -> Payment {
    let facts = events.iter().map(|event| {
        let notice = read(event.to_string().as_bytes());
        let Ok(Notice::Fact(fact)) = notice else {
            panic!("{notice:?}")
        };
        *fact
    });
    let facts: Vec<Fact> = facts.collect();
    let ends = orders(facts.len()).into_iter().map(|order| {
        let twice = order.iter().chain(&order);
        let told = twice.map(|n| report(vec![facts[*n].clone()], false));
        let case = told.fold(at_paypal(), |case, event| {
            after_among(Some(&case), &event, &facts)
        });
        // Whether the approval was heard before the money tells the way, not the end; so does the
        // time of a payment that was known only by what came after it.
        let end = Payment {
            approved: false,
            paid_at: None,
            ..case.payments[0].clone()
        };
        (end, order)
    });
    let ends: Vec<_> = ends.collect();
    for (end, order) in &ends {
        assert_eq!(end, &ends[0].0, "in the order {order:?}");
    }
    ends[0].0.clone()
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else {
        return vec![vec![]];
    };
    let places =
        |order: Vec<usize>| (0..n).map(move |at| [&order[..at], &[last], &order[at..]].concat());
    orders(last).into_iter().flat_map(places).collect()
}

fn completed() -> Value {
    event("PAYMENT.CAPTURE.COMPLETED", "capture", capture("COMPLETED"))
}

#[test]
fn a_payment_is_paid_in_every_order_of_its_events() {
    let end = one_end(&[
        event(
            "CHECKOUT.ORDER.APPROVED",
            "checkout-order",
            order("APPROVED", vec![], vec![]),
        ),
        event("PAYMENT.CAPTURE.PENDING", "capture", capture("PENDING")),
        completed(),
    ]);
    assert_eq!(end.state, State::Paid);
    assert_eq!(end.capture.as_deref(), Some(CAPTURE));
}

#[test]
fn a_declined_first_attempt_does_not_hide_the_second() {
    let mut declined = capture("DECLINED");
    declined["id"] = json!("7TK53561YB803214S");
    let end = one_end(&[
        event("PAYMENT.CAPTURE.DECLINED", "capture", declined),
        completed(),
    ]);
    assert_eq!(
        (end.state, end.capture.as_deref()),
        (State::Paid, Some(CAPTURE))
    );
}

#[test]
fn a_refund_of_the_dashboard_is_refunded_in_every_order() {
    let end = one_end(&[
        completed(),
        event(
            "PAYMENT.REFUND.PENDING",
            "refund",
            reinstate("PENDING", REFERENCE),
        ),
        event(
            "PAYMENT.CAPTURE.REFUNDED",
            "refund",
            reinstate("COMPLETED", REFERENCE),
        ),
    ]);
    assert_eq!(
        (end.state, end.refunded(), end.refundable()),
        (State::Paid, eur(3000), eur(5000))
    );
    let failed = one_end(&[
        completed(),
        event(
            "PAYMENT.CAPTURE.REFUNDED",
            "refund",
            reinstate("COMPLETED", REFERENCE),
        ),
        event(
            "PAYMENT.REFUND.FAILED",
            "refund",
            reinstate("FAILED", REFERENCE),
        ),
    ]);
    assert_eq!(
        (failed.refunded(), failed.refundable()),
        (eur(0), eur(8000))
    );
}

#[test]
fn a_dispute_ends_as_it_was_decided_in_every_order() {
    let opened = event("CUSTOMER.DISPUTE.CREATED", "dispute", dispute("OPEN", None));
    let ended = |outcome| {
        event(
            "CUSTOMER.DISPUTE.RESOLVED",
            "dispute",
            dispute("RESOLVED", Some(outcome)),
        )
    };
    let won = one_end(&[completed(), opened.clone(), ended("RESOLVED_SELLER_FAVOUR")]);
    assert_eq!((won.state, won.refundable()), (State::Paid, eur(8000)));
    // The reversal that follows a lost dispute takes nothing a second time.
    let mut reversed = reinstate("COMPLETED", REFERENCE);
    reversed["amount"]["value"] = json!("80.00");
    let reversal = event("PAYMENT.CAPTURE.REVERSED", "refund", reversed);
    let lost = one_end(&[
        completed(),
        opened,
        ended("RESOLVED_BUYER_FAVOUR"),
        reversal,
    ]);
    assert_eq!((lost.state, lost.returned()), (State::Returned, eur(8000)));
    assert_eq!(lost.decline, Some(Decline::Fraud));
}
