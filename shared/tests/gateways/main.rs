//! The adapters of gateways that are asked in steps or fetched back: what they send, what they make
//! of every answer and every webhook, and that no order of the same news changes the outcome.

mod gocardless;
mod mollie;
mod parts;
mod stripe;
#[path = "../support/talk.rs"]
mod talk;

use hmac::{Hmac, KeyInit, Mac};
use meridian::contract::{
    Account, Body, Charge, Checkout, Close, Delivery, Field, Gateway, Host, Inbound, Item,
    LookedUp, Lookup, Outcome, Refund, Refused, Reply, Request, Trouble, Unreadable, Verified,
    prove,
};
use meridian::domain::case::{Case, Intent, Payment, Step};
use meridian::domain::decide::{Verdict, decide};
use meridian::domain::event::{Context, Event, NewCharge, NewInvoice, Report};
use meridian::domain::fact::{Fact, Kind, Method};
use meridian::domain::invoice::Line;
use meridian::domain::policy::Policy;
use meridian::flows::calls::Traits;
use meridian::flows::posting::rules;
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use meridian_contracts::{Contracts, Exchange};
use serde_json::Value;
use sha2::Sha256;
use std::sync::OnceLock;
use talk::{built, first, heard, talked};

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::read("EUR").unwrap())
}

fn case_id() -> String {
    ids::derived(&["a case"])
}

/// Our reference of the case's first payment.
fn reference() -> String {
    ids::payment_reference(&case_id(), 1)
}

fn account(declared: &[Field], fields: &[(&str, &str)]) -> Account {
    let fields = fields.iter().map(|(n, v)| (n.to_string(), v.to_string()));
    Account::load(declared, fields.collect()).expect("all declared secrets are given")
}

// ---- what is asked -----------------------------------------------------------------------------

fn checkout(keep_method: bool) -> Checkout {
    Checkout {
        reference: reference(),
        amount: eur(10_000),
        label: "Wattle Street Clinic, invoice 7".into(),
        return_to: "https://pay.example/pay/done".into(),
        cancel_to: "https://pay.example/pay/cancelled".into(),
        webhook_url: "https://pay.example/webhooks/demo/mollie".into(),
        keep_method,
    }
}

fn charge(method: Method) -> Charge {
    Charge {
        reference: reference(),
        amount: eur(10_000),
        label: "Wattle Street Clinic, invoice 7".into(),
        method,
        webhook_url: "https://pay.example/webhooks/demo/mollie".into(),
    }
}

/// What is sent to end a page, and what is made of the answer; the request fits the
/// contract.
fn ends(
    gateway: &Gateway,
    account: &Account,
    session: &str,
    reply: &Reply,
) -> (Request, Result<Vec<Fact>, Trouble>) {
    let close = Close {
        reference: reference(),
        session: session.into(),
    };
    let call = gateway.close.yes().expect("it ends pages");
    let request = built(call.build, &close, account).expect("it can be built");
    fits(gateway, account, &request, None);
    (request, (call.parse)(&close, reply, account))
}

fn refund(payment: &str) -> Refund {
    Refund {
        reference: ids::refund_reference(&case_id(), 1),
        payment: payment.into(),
        amount: eur(2_500),
        total_refunded: eur(4_000),
        whole: false,
    }
}

fn lookup(payment: Option<&str>, session: Option<&str>) -> Lookup {
    Lookup {
        reference: reference(),
        payment: payment.map(String::from),
        session: session.map(String::from),
        amount: eur(10_000),
    }
}

fn body(request: &Request) -> &Value {
    match &request.body {
        Body::Json(value) => value,
        other => panic!("{other:?} is no JSON"),
    }
}

fn json(status: u16, body: Value) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().into(),
    }
}

fn html(status: u16) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".into(), "text/html".into())],
        body: b"<h1>Request blocked</h1>".into(),
    }
}

/// The request as it goes over the wire, and the reply, fit the vendor's own contract.
#[track_caller]
fn fits(gateway: &Gateway, account: &Account, request: &Request, reply: Option<&Reply>) {
    static CONTRACTS: OnceLock<Option<Contracts>> = OnceLock::new();
    let Some(contracts) = CONTRACTS.get_or_init(Contracts::from_env) else {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        return;
    };
    let mut headers: Vec<(String, String)> = vec![("Authorization".into(), "Bearer x".into())];
    for (name, value) in (gateway.vendor.headers)(account) {
        headers.push((name.into(), value));
    }
    let bytes = match &request.body {
        Body::None => vec![],
        Body::Json(value) => {
            headers.push(("Content-Type".into(), "application/json".into()));
            value.to_string().into_bytes()
        }
        Body::Form(fields) => {
            let form = "application/x-www-form-urlencoded";
            headers.push(("Content-Type".into(), form.into()));
            let mut text = form_urlencoded::Serializer::new(String::new());
            text.extend_pairs(fields).finish().into_bytes()
        }
        other => panic!("no adapter here sends {other:?}"),
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&request.query)
        .finish();
    let mark = if query.is_empty() { "" } else { "?" };
    let problems = contracts.check(&Exchange {
        vendor: gateway.vendor.id.into(),
        method: request.method.clone(),
        path: format!("{}{mark}{query}", request.path),
        request_headers: headers,
        request_body: bytes,
        status: reply.map_or(0, |reply| reply.status),
        response_headers: reply.map(|r| r.headers.clone()).unwrap_or_default(),
        response_body: reply.map(|r| r.body.clone()).unwrap_or_default(),
    });
    assert!(problems.is_empty(), "{problems:#?}\n{request:#?}");
}

/// What a look-up tells, every part of which can be read.
fn whole(told: Result<LookedUp, Trouble>) -> Result<Vec<Fact>, Trouble> {
    let told = told?;
    assert_eq!(told.unread, Vec::<String>::new());
    Ok(told.facts)
}

/// A file beside the contracts, where their folder is named.
fn official(path: &str) -> Option<Value> {
    let folder = std::env::var_os("MERIDIAN_CONTRACTS").filter(|folder| !folder.is_empty())?;
    let file = std::path::Path::new(&folder).join(path);
    let text = std::fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    Some(serde_json::from_slice(&text).expect("the file is JSON"))
}

fn base(host: &Host, account: &Account) -> String {
    match host {
        Host::One(host) => (*host).into(),
        Host::From(of) => of(account),
        Host::Granted => panic!("only the token call names the host"),
    }
}

// ---- webhooks ----------------------------------------------------------------------------------

fn inbound(gateway: &'static Gateway) -> &'static Inbound {
    gateway.webhook.yes().expect("it sends webhooks")
}

fn hex_code(secret: &str, body: &str) -> String {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

fn delivery(headers: &[(&str, &str)], body: &str) -> Delivery {
    let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string()));
    Delivery {
        headers: headers.collect(),
        method: "POST".into(),
        body: body.into(),
        url: "https://pay.example/webhooks/demo".into(),
        received_at: 1_780_000_000,
    }
}

/// What the local part of the proof says: `true` where it is proven by it.
fn proven(inbound: &Inbound, delivery: &Delivery, account: &Account) -> Result<bool, Refused> {
    prove(inbound.door, delivery, account).map(|outcome| matches!(outcome, Outcome::Proven))
}

fn read(
    inbound: &Inbound,
    account: &Account,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Vec<Item>, Unreadable> {
    let delivery = delivery(headers, body);
    let trusted = proven(inbound, &delivery, account).expect("the proof holds");
    (inbound.read)(&Verified {
        delivery: &delivery,
        account,
        trusted,
    })
}

// ---- what it comes to --------------------------------------------------------------------------

fn context() -> Context {
    Context {
        now: "2026-03-14T10:00:00Z".parse().unwrap(),
        cause: "test".into(),
        zone: jiff::tz::TimeZone::UTC,
    }
}

fn change(case: Option<&Case>, event: Event) -> Case {
    match decide(case, &event, &context()) {
        Verdict::Change(decision) => decision.case,
        other => panic!("{event:?} came to {other:?}"),
    }
}

/// A case whose first payment was sent to the gateway on a saved method, and answered so.
fn sent(gateway: &Gateway, method: Method, answer: Vec<Fact>) -> Case {
    let gateway_id = gateway.vendor.id.to_string();
    let case = change(
        None,
        Event::Invoiced(Box::new(NewInvoice {
            id: case_id(),
            clinic: "demo".into(),
            number: "7".into(),
            patient: None,
            appointment: None,
            starts_at: None,
            label: None,
            currency: eur(0).currency,
            lines: vec![Line {
                quantity: 1,
                unit: eur(10_000),
                tax_rate: 0.into(),
                tax_included: true,
            }],
            policy: Policy::default(),
            dims: Default::default(),
            charge: Some(NewCharge {
                amount: None,
                gateway: gateway_id.clone(),
                method: Some(method),
                keep_method: false,
            }),
        })),
    );
    let now = context().now;
    let intent = Intent {
        step: Step::Charge,
        key: reference(),
        owner: "somebody".into(),
        lease_until: now,
        first_sent_at: now,
        account: String::new(),
        request: Value::Null,
    };
    let calling = Event::Calling {
        payment: 1,
        refund: None,
        intent,
    };
    let case = change(Some(&case), calling);
    change(
        Some(&case),
        Event::Reported(Report {
            gateway: gateway_id,
            facts: answer,
            current: true,
            late_failures: gateway.late_failures,
            page_stays: true,
            answer: false,
        }),
    )
}

/// The payment after these facts in this order, as posting works: where only the gateway can
/// tell, it is asked, and tells what is `asked`.
fn after(gateway: &Gateway, case: &Case, facts: &[&Fact], asked: &[Fact]) -> Payment {
    let (mut case, traits) = (case.clone(), Traits::of(gateway, gateway.vendor.id));
    for fact in facts {
        let heard = rules::reported(&traits, vec![(*fact).clone()], false);
        let verdict = match decide(Some(&case), &heard, &context()) {
            Verdict::LookUpFirst { payment } => {
                let ask = rules::lookup(&traits, &case, payment, fact);
                let told = rules::told(&traits, fact, &ask, Ok(asked.to_vec()));
                decide(Some(&case), &told.expect("it is known"), &context())
            }
            other => other,
        };
        match verdict {
            Verdict::Change(decision) => case = decision.case,
            Verdict::Nothing => {}
            other => panic!("{fact:?} came to {other:?}"),
        }
    }
    case.payments[0].clone()
}

/// Every order of these, each also doubled, ends in one payment: this one.
fn one_end(gateway: &Gateway, case: &Case, facts: &[Fact], asked: &[Fact]) -> Payment {
    let mut ends: Vec<Payment> = vec![];
    for order in orders(facts.len()) {
        let once: Vec<&Fact> = order.iter().map(|i| &facts[*i]).collect();
        let doubled = [once.clone(), once.clone()].concat();
        for facts in [once, doubled] {
            // When it was paid, and by what, is what was heard first.
            let end = Payment {
                paid_at: None,
                paid_with: None,
                ..after(gateway, case, &facts, asked)
            };
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
    }
    assert_eq!(ends.len(), 1, "{ends:#?}");
    ends.remove(0)
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    match n {
        0 => vec![vec![]],
        n => orders(n - 1)
            .into_iter()
            .flat_map(|order| {
                (0..n).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, n - 1);
                    order
                })
            })
            .collect(),
    }
}

/// Asks that would move money are never refused on the word of something in between.
#[track_caller]
fn stays_unclear<T: std::fmt::Debug>(parse: impl Fn(&Reply) -> Result<T, Trouble>) {
    for status in [
        400, 402, 404, 405, 408, 409, 413, 422, 499, 500, 502, 503, 504,
    ] {
        let trouble = parse(&html(status)).expect_err("a page of something in between");
        assert!(trouble.may_have_happened(), "status {status}: {trouble}");
    }
}
