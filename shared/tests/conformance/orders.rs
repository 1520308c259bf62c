//! The same news in every order, each also doubled, ends in one payment: this one.

use crate::asks::run;
use crate::compare::differs;
use crate::data::{self, Known, case_id};
use crate::hooks;
use meridian::domain::case::{Case, Intent, OpensBy, Payment, Session, Step};
use meridian::domain::decide::{Verdict, decide};
use meridian::domain::event::{Context, Event, NewCharge, NewInvoice, Report};
use meridian::domain::fact::{Fact, Method};
use meridian::domain::invoice::Line;
use meridian::domain::policy::Policy;
use meridian::flows::calls::Traits;
use meridian::flows::posting::rules;
use meridian::words::money::{Currency, Money};
use serde_json::{Value, json};

fn context() -> Context {
    Context {
        now: "2026-03-14T10:00:00Z".parse().expect("an instant"),
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

/// A case of a hundred that is to be paid on a saved method, or where there is none on a page.
fn invoiced(known: &Known, currency: &str, method: Option<Method>) -> Case {
    let amount = Money::new(10_000, Currency::read(currency).expect("a currency"));
    let charge = NewCharge {
        amount: None,
        gateway: known.id().into(),
        method,
        keep_method: false,
    };
    let invoice = NewInvoice {
        id: case_id(),
        clinic: "demo".into(),
        number: "7".into(),
        patient: None,
        appointment: None,
        starts_at: None,
        label: None,
        currency: amount.currency,
        lines: vec![Line {
            quantity: 1,
            unit: amount,
            tax_rate: 0.into(),
            tax_included: true,
        }],
        policy: Policy::default(),
        dims: Default::default(),
        charge: Some(charge),
    };
    change(None, Event::Invoiced(Box::new(invoice)))
}

/// A case whose first payment was sent to the gateway on a saved method, and answered so.
fn sent(known: &Known, currency: &str, answer: Vec<Fact>) -> Case {
    let method = Method {
        gateway: known.id().into(),
        customer: Some("c".into()),
        token: "t".into(),
        label: "Kept".into(),
    };
    let now = context().now;
    let intent = Intent {
        step: Step::Charge,
        key: data::payment(),
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
    let case = change(Some(&invoiced(known, currency, Some(method))), calling);
    let report = Report {
        gateway: known.id().into(),
        facts: answer,
        current: true,
        late_failures: known.gateway.late_failures,
        page_stays: true,
        answer: false,
    };
    change(Some(&case), Event::Reported(report))
}

/// A case whose payer was sent to this page.
fn opened(known: &Known, currency: &str, page: &Value) -> Case {
    let text = |name: &str| page[name].as_str().expect("a page").to_owned();
    let session = Session {
        id: text("id"),
        opens_by: OpensBy::Redirect(text("to")),
        expires_at: None,
    };
    let opened = Event::SessionOpened {
        payment: 1,
        session,
    };
    change(Some(&invoiced(known, currency, None)), opened)
}

/// The payment after these facts in this order, as posting works: where only the gateway can tell,
/// it is asked, and tells what is `asked`.
fn after(known: &Known, case: &Case, facts: &[&Fact], asked: &[Fact]) -> Payment {
    let (mut case, traits) = (case.clone(), Traits::of(known.gateway, known.id()));
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

fn orders(n: usize) -> Vec<Vec<usize>> {
    let longer = |order: Vec<usize>| {
        (0..n).map(move |at| {
            let mut order = order.clone();
            order.insert(at, n - 1);
            order
        })
    };
    match n {
        0 => vec![vec![]],
        n => orders(n - 1).into_iter().flat_map(longer).collect(),
    }
}

/// What a call or a webhook of a case told.
fn told(known: &Known, call: &Value) -> Vec<Fact> {
    if !call["hook"].is_null() {
        return hooks::told(known, &known.whole(call));
    }
    let came = run(known, &known.whole(call));
    assert!(came.end["facts"].is_array(), "{}: {}", known.id(), came.end);
    came.facts
}

/// `sent` is the call that began it, a charge or the opening of a page, `news` what was told since, `now` what the gateway shows last.
/// With `unheard` that comes only as the answer to a question, and is no news by itself. With
/// `sorted` the news is one order only: what it is told there cannot be told otherwise.
#[test]
fn every_order_of_the_same_news_ends_in_one_payment() {
    for known in data::all() {
        for (name, case) in known.cases("orders") {
            let news = case["news"].as_array().into_iter().flatten();
            let mut facts: Vec<Fact> = news.flat_map(|call| told(&known, call)).collect();
            let now = told(&known, &case["now"]);
            if case["unheard"] != true {
                facts.extend(now.clone());
            }
            let mut seen: Vec<Fact> = vec![];
            facts.retain(|fact| {
                !seen.contains(fact) && {
                    seen.push(fact.clone());
                    true
                }
            });
            let currency = case["currency"].as_str().unwrap_or("EUR");
            let start = match case["sent"]["do"] == "checkout" {
                true => opened(&known, currency, &run(&known, &case["sent"]).end["page"]),
                false => sent(&known, currency, told(&known, &case["sent"])),
            };
            let mut ends: Vec<Value> = vec![];
            let all = match case["sorted"] == true {
                true => vec![(0..facts.len()).collect()],
                false => orders(facts.len()),
            };
            for order in all {
                let once: Vec<&Fact> = order.iter().map(|i| &facts[*i]).collect();
                for facts in [once.clone(), [once.clone(), once].concat()] {
                    let end = shown(&after(&known, &start, &facts, &now));
                    if !ends.contains(&end) {
                        ends.push(end);
                    }
                }
            }
            assert_eq!(ends.len(), 1, "{name}: {ends:#?}");
            assert_eq!(
                differs(&case["end"], &ends[0]),
                Vec::<String>::new(),
                "{name}"
            );
        }
    }
}

/// When it was paid, and by what, is what was heard first: that may differ.
fn shown(payment: &Payment) -> Value {
    let refunds = payment.refunds.iter().map(|refund| json!(refund.state));
    let amounts = payment.refunds.iter().map(|refund| refund.amount.minor);
    let disputes = payment.disputes.iter().map(|dispute| json!(dispute.state));
    json!({"state": payment.state, "capture": payment.capture,
        "refunded": amounts.collect::<Vec<_>>(), "returned": payment.returned().minor,
        "decline": payment.decline, "may_retry": payment.may_retry(),
        "refundable": payment.refundable().minor,
        "refunds": refunds.collect::<Vec<_>>(), "disputes": disputes.collect::<Vec<_>>()})
}
