//! The call protocol against scripted answers: what is asked of a gateway, in which order, and what
//! is written of it. The case is moved by `decide` itself.

use crate::books::Said as Decided;
use crate::books::{Books, GATEWAY, LEASE, eur, fact, our_refund, saved_method, succeeded};
use meridian::contract::Trouble;
use meridian::domain::case::Step;
use meridian::domain::event::{Event, Found};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::outbox::Topic;
use meridian::domain::payment::State;
use meridian::domain::refund;
use meridian::domain::task::{Alert, Work};
use meridian::flows::calls::{At, Heard, Job, Lost, Move, Outcome, Recorded, Target, Traits};
use meridian::flows::posting::rules;
use meridian::words::money::{Currency, Money};
use serde_json::json;
use std::collections::VecDeque;

/// What the gateway answers next.
enum Said {
    /// The gateway is not configured.
    Blocked(Trouble),
    Reply(Result<Outcome, Trouble>),
    Found(Result<Option<Vec<Fact>>, Trouble>),
    LookedUp(Result<Vec<Fact>, Trouble>),
}

const PAYMENT: Target = Target {
    payment: 1,
    refund: None,
};
const REFUND: Target = Target {
    payment: 1,
    refund: Some(1),
};

/// One that remembers keys for a day and cannot be searched.
fn by_key() -> Traits {
    let day = Lost::Repeat {
        lifetime: 86_400,
        then: Box::new(Lost::Person),
    };
    Traits {
        id: GATEWAY.into(),
        name: "Stripe".into(),
        page_stays: true,
        charge: day.clone(),
        refund: day,
        ..Traits::unknown(GATEWAY)
    }
}

/// One that remembers keys for an hour, and is searched afterwards.
fn searched() -> Traits {
    let hour = Lost::Repeat {
        lifetime: 3600,
        then: Box::new(Lost::Find {
            trusted_after: 7200,
        }),
    };
    Traits {
        charge: hour.clone(),
        refund: hour,
        ..by_key()
    }
}

/// Drives a job from the row of this target, as the functions do, and says what was asked.
fn work(books: &mut Books, traits: &Traits, target: Target, script: Vec<Said>) -> Vec<String> {
    let id = target.refund.map_or("p1".into(), |n| format!("r{n}"));
    let due = books.rows[&id].work.clone();
    work_row(books, traits, target, due, script)
}

fn work_row(
    books: &mut Books,
    traits: &Traits,
    target: Target,
    due: Work,
    script: Vec<Said>,
) -> Vec<String> {
    let (mut script, mut trace) = (VecDeque::from(script), vec![]);
    let (mut job, mut heard) = (Job::new(target), Heard::Due(due));
    for _ in 0..20 {
        let at = At {
            now: books.now,
            lease: LEASE,
            owner: format!("owner {}", books.journal.len()),
            account: books.account.clone(),
        };
        heard = match job.step(traits, &books.case, heard, &at) {
            Move::Prepare(_) => Heard::Prepared(Ok(json!({"path": "/charges"}))),
            Move::Commit { event, .. } => match books.apply(&event) {
                crate::books::Said::Changed => {
                    let what = books.journal.last().map_or("", |entry| &entry.what);
                    trace.push(what.to_owned());
                    Heard::Committed(Recorded::Changed)
                }
                crate::books::Said::Contradiction => {
                    trace.push("contradiction".into());
                    Heard::Committed(Recorded::Contradiction("it cannot be".into()))
                }
                _ => Heard::Committed(Recorded::Not),
            },
            Move::Send(intent) => {
                trace.push(format!("send {:?} {}", intent.step, short(&intent.key)));
                Heard::Answered(match script.pop_front() {
                    Some(Said::Reply(reply)) => reply,
                    _ => panic!("nothing is said to a call: {trace:?}"),
                })
            }
            Move::Find { step, .. } => {
                trace.push(format!("find {step:?}"));
                Heard::Found(match script.pop_front() {
                    Some(Said::Found(found)) => found,
                    _ => panic!("nothing is said to a search: {trace:?}"),
                })
            }
            Move::LookUp(_) => {
                trace.push("look up".into());
                match script.pop_front() {
                    Some(Said::LookedUp(facts)) => Heard::LookedUp(facts),
                    Some(Said::Blocked(trouble)) => Heard::Blocked(trouble),
                    _ => panic!("nothing is said to a look-up: {trace:?}"),
                }
            }
            Move::Done => break,
        };
    }
    assert!(script.is_empty(), "not everything was asked for: {trace:?}");
    trace
}

/// A key without the case's id.
fn short(key: &str) -> &str {
    key.split_once('-').map_or(key, |(_, rest)| rest)
}

fn lost() -> Said {
    Said::Reply(Err(Trouble::Unclear("timeout".into())))
}

fn facts(facts: Vec<Fact>) -> Said {
    Said::Reply(Ok(Outcome::Facts(facts)))
}

fn charging() -> Books {
    Books::with_payment(10_000, Some(saved_method()))
}

fn refunding() -> Books {
    let mut books = Books::paid(10_000);
    books.ask_refund("back", 4_000);
    books
}

/// A page that is open for so many hours, or without an end, and what opening it took.
fn opened(hours: Option<i64>) -> (Books, Vec<String>) {
    let mut books = Books::with_payment(10_000, None);
    let page = Outcome::Page(crate::books::page(hours));
    let asked = work(&mut books, &by_key(), PAYMENT, vec![Said::Reply(Ok(page))]);
    (books, asked)
}

fn refund_state(books: &Books) -> refund::State {
    books.case.refund(1).unwrap().1.state
}

#[test]
fn a_call_is_written_before_it_is_sent_and_its_answer_after() {
    let mut books = charging();
    let asked = work(
        &mut books,
        &by_key(),
        PAYMENT,
        vec![facts(vec![succeeded(1)])],
    );
    assert_eq!(
        asked,
        ["calling_gateway", "send Charge p1", "payment_succeeded"]
    );
    assert_eq!(books.payment(1).state, State::Paid);
}

#[test]
fn nobody_else_calls_while_a_lease_lives_and_after_it_the_outcome_is_unknown() {
    let mut books = charging();
    let intent = books.intent(Step::Charge, 1, None);
    books.call(1, None, intent);
    assert!(work(&mut books, &by_key(), PAYMENT, vec![]).is_empty());
    books.later(LEASE + 1);
    assert_eq!(work(&mut books, &by_key(), PAYMENT, vec![]), ["reply_lost"]);
    assert_eq!(books.payment(1).state, State::Unknown);
}

#[test]
fn who_finds_anothers_lease_in_the_case_does_not_call() {
    for (mut books, target) in [(charging(), PAYMENT), (refunding(), REFUND)] {
        let id = target.refund.map_or("p1".into(), |n| format!("r{n}"));
        let at = At {
            now: books.now,
            lease: LEASE,
            owner: "me".into(),
            account: String::new(),
        };
        let (mut job, traits) = (Job::new(target), by_key());
        let due = Heard::Due(books.rows[&id].work.clone());
        assert!(matches!(
            job.step(&traits, &books.case, due, &at),
            Move::Prepare(_)
        ));
        let built = Heard::Prepared(Ok(json!({"path": "/charges"})));
        let Move::Commit { event, .. } = job.step(&traits, &books.case, built, &at) else {
            panic!("the intent comes first");
        };
        assert_eq!(books.apply(&event), crate::books::Said::Changed);
        let mut stolen = books.case.clone();
        let payment = &mut stolen.payments[0];
        let intent = match target.refund {
            None => payment.intent.as_mut(),
            Some(_) => payment.refunds[0].intent.as_mut(),
        };
        intent.expect("an intent").owner = "another".into();
        let written = Heard::Committed(Recorded::Changed);
        let next = job.step(&traits, &stolen, written, &at);
        assert!(matches!(next, Move::Done), "{next:?}");
    }
}

#[test]
fn a_lost_reply_is_repeated_under_the_same_key_while_the_gateway_remembers_it() {
    let mut books = charging();
    let asked = work(&mut books, &by_key(), PAYMENT, vec![lost()]);
    assert_eq!(asked, ["calling_gateway", "send Charge p1", "reply_lost"]);
    books.later(20 * 3600);
    let asked = work(
        &mut books,
        &by_key(),
        PAYMENT,
        vec![facts(vec![succeeded(1)])],
    );
    assert_eq!(
        asked,
        ["calling_gateway", "send Charge p1", "payment_succeeded"]
    );
}

#[test]
fn a_key_that_may_be_forgotten_is_not_repeated_but_left_to_a_person() {
    let mut books = charging();
    work(&mut books, &by_key(), PAYMENT, vec![lost()]);
    books.later(22 * 3600);
    // What the gateway shows of it is looked at first.
    let nothing = vec![Said::LookedUp(Ok(vec![]))];
    let asked = work(&mut books, &by_key(), PAYMENT, nothing);
    assert_eq!(asked, ["look up", "still_unknown"]);
    assert!(books.rows.contains_key("person-p1"));
}

#[test]
fn not_found_is_believed_only_after_the_gateways_delay() {
    let mut books = refunding();
    work(&mut books, &searched(), REFUND, vec![lost()]);
    books.later(3600);
    let nothing = || vec![Said::Found(Ok(None))];
    let asked = work(&mut books, &searched(), REFUND, nothing());
    assert_eq!(asked, ["find Refund", "still_unknown"]);
    assert_eq!(refund_state(&books), refund::State::Unknown);
    books.later(7200);
    let asked = work(&mut books, &searched(), REFUND, nothing());
    assert_eq!(asked, ["find Refund", "gateway_busy"]);
    assert_eq!(refund_state(&books), refund::State::Requested);
}

#[test]
fn not_found_at_another_account_says_nothing_and_people_are_asked() {
    let mut books = refunding();
    books.account = "the clinic's".into();
    work(&mut books, &searched(), REFUND, vec![lost()]);
    books.later(30 * 3600);
    books.account = "another".into();
    let nothing = vec![Said::Found(Ok(None))];
    let asked = work(&mut books, &searched(), REFUND, nothing);
    assert_eq!(asked, ["find Refund", "still_unknown"]);
    assert_eq!(refund_state(&books), refund::State::Unknown);
    assert!(books.rows.contains_key("person-r1"));
}

#[test]
fn of_a_call_that_two_accounts_may_have_taken_neither_alone_is_believed() {
    let mut books = refunding();
    books.account = "the clinic's".into();
    work(&mut books, &searched(), REFUND, vec![lost()]);
    // Within the hour it is repeated under its key.
    books.later(600);
    books.account = "another".into();
    work(&mut books, &searched(), REFUND, vec![lost()]);
    assert_eq!(refund_state(&books), refund::State::Unknown);
    for account in ["another", "the clinic's"] {
        books.later(30 * 3600);
        books.account = account.into();
        let nothing = vec![Said::Found(Ok(None))];
        let asked = work(&mut books, &searched(), REFUND, nothing);
        assert_eq!(asked, ["find Refund", "still_unknown"], "{account}");
    }
    assert_eq!(refund_state(&books), refund::State::Unknown);
}

#[test]
fn what_was_found_under_our_reference_is_what_became_of_it() {
    let mut books = refunding();
    work(&mut books, &searched(), REFUND, vec![lost()]);
    books.later(3600);
    let done = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000);
    let found = vec![Said::Found(Ok(Some(vec![done])))];
    let asked = work(&mut books, &searched(), REFUND, found);
    assert_eq!(asked, ["find Refund", "refund_succeeded"]);
}

#[test]
fn another_sum_under_our_reference_is_not_the_fate_of_our_call_and_people_are_asked() {
    let mut books = charging();
    work(&mut books, &searched(), PAYMENT, vec![lost()]);
    books.later(3600);
    let of = |id: &str, minor| Fact {
        payment: Some(id.into()),
        amount: Some(eur(minor)),
        ..fact(Kind::PaymentSucceeded, 1)
    };
    let strangers = vec![Said::Found(Ok(Some(vec![of("pi_9", 100)])))];
    let asked = work(&mut books, &searched(), PAYMENT, strangers);
    assert_eq!(asked, ["find Charge", "contradicted"]);
    assert_eq!(books.case.payments[0].state, State::Unknown);
    assert_eq!(books.alerts(), [Alert::UnknownOutcome]);
    // Where ours stands beside it, ours counts.
    books.later(86_400);
    let whole = books.case.payments[0].amount.minor;
    let both = vec![of("pi_9", 100), of("pi_1", whole)];
    let asked = work(
        &mut books,
        &searched(),
        PAYMENT,
        vec![Said::Found(Ok(Some(both)))],
    );
    assert_eq!(asked, ["find Charge", "payment_succeeded"]);
    assert_eq!(books.case.paid(), eur(whole));
}

#[test]
fn a_search_that_fails_says_nothing() {
    let mut books = refunding();
    work(&mut books, &searched(), REFUND, vec![lost()]);
    books.later(9000);
    let failed = vec![Said::Found(Err(Trouble::Unclear("503".into())))];
    let asked = work(&mut books, &searched(), REFUND, failed);
    assert_eq!(asked, ["find Refund", "still_unknown"]);
    assert_eq!(refund_state(&books), refund::State::Unknown);
}

#[test]
fn a_first_answer_decides() {
    let cases = [
        (Trouble::Declined(Decline::Funds), State::Declined),
        (Trouble::InFlight, State::Unknown),
        (Trouble::Unreadable("<html>".into()), State::Unknown),
        (Trouble::busy(30), State::Open),
        (Trouble::Credentials("401".into()), State::Open),
    ];
    for (trouble, state) in cases {
        let mut books = charging();
        let said = vec![Said::Reply(Err(trouble.clone()))];
        work(&mut books, &by_key(), PAYMENT, said);
        assert_eq!(books.payment(1).state, state, "{trouble}");
    }
}

#[test]
fn an_overtaken_refund_learns_what_the_gateway_knows_and_is_built_anew() {
    let mut books = refunding();
    let other = crate::books::refund(Kind::RefundSucceeded, 1, "re_dash", 2_000);
    let said = vec![
        Said::Reply(Err(Trouble::Stale("the sum is another".into()))),
        Said::LookedUp(Ok(vec![succeeded(1), other])),
    ];
    let asked = work(&mut books, &by_key(), REFUND, said);
    let wanted = [
        "calling_gateway",
        "send Refund r1",
        "look up",
        "refund_succeeded",
        "gateway_busy",
    ];
    assert_eq!(asked, wanted);
    assert_eq!(refund_state(&books), refund::State::Requested);
}

#[test]
fn a_page_is_opened_and_then_only_looked_at() {
    let (mut books, asked) = opened(Some(24));
    assert_eq!(
        asked,
        [
            "calling_gateway",
            "send Checkout p1-page",
            "checkout_opened"
        ]
    );
    assert!(matches!(
        books.rows["p1"].work,
        Work::Settle { tries: 0, .. }
    ));
    books.later(900);
    let nothing = vec![Said::LookedUp(Ok(vec![]))];
    let asked = work(&mut books, &by_key(), PAYMENT, nothing);
    assert_eq!(asked, ["look up", "still_unknown"]);
    assert!(matches!(
        books.rows["p1"].work,
        Work::Settle { tries: 1, .. }
    ));
}

// ---- a page that another way to pay takes the place of ----------------------------------------

/// A page is open, and the saved card is to be charged instead.
fn superseded() -> Books {
    let mut books = Books::with_payment(10_000, None);
    let intent = books.intent(Step::Checkout, 1, None);
    books.call(1, None, intent);
    books.apply(&Event::SessionOpened {
        payment: 1,
        session: crate::books::page(None),
    });
    let method = Some(saved_method());
    books.apply(&Event::Charge(crate::books::charge(None, method)));
    books
}

fn closing() -> Traits {
    Traits {
        closes: true,
        shows_payments: true,
        ..by_key()
    }
}

fn of_page(kind: Kind) -> Fact {
    Fact {
        payment: None,
        aliases: vec!["cs_1".into()],
        ..crate::books::fact(kind, 1)
    }
}

fn waits(books: &Books) -> bool {
    !books.work().contains_key("p2")
}

const CLOSE: [&str; 2] = ["calling_gateway", "send Close p1-close"];

#[test]
fn a_page_is_ended_before_another_way_to_pay_begins() {
    let mut books = superseded();
    assert!(waits(&books));
    let ended = facts(vec![of_page(Kind::PaymentExpired)]);
    let asked = work(&mut books, &closing(), PAYMENT, vec![ended]);
    assert_eq!(asked, [CLOSE[0], CLOSE[1], "payment_expired"]);
    assert!(!waits(&books));
    assert!(!books.work().contains_key("p1"));
}

#[test]
fn a_refusal_to_end_a_page_is_looked_into_and_what_was_paid_there_counts() {
    let paid = Fact {
        payment: Some("pi_1".into()),
        amount: Some(crate::books::eur(10_000)),
        ..of_page(Kind::PaymentSucceeded)
    };
    let refused = || Said::Reply(Err(Trouble::Rejected("it is complete".into())));
    for (told, what, state) in [
        (Ok(vec![paid]), "payment_succeeded", State::Paid),
        (Ok(vec![]), "page_stays", State::Open),
    ] {
        let mut books = superseded();
        let script = vec![refused(), Said::LookedUp(told)];
        let asked = work(&mut books, &closing(), PAYMENT, script);
        assert_eq!(asked, [CLOSE[0], CLOSE[1], "look up", what]);
        assert_eq!(books.payment(1).state, state);
        let begun = state != State::Paid;
        assert_eq!(!waits(&books), begun, "{what}");
        if !begun {
            assert_eq!(books.payment(2).state, State::Expired, "it is needless");
        }
    }
}

#[test]
fn while_nobody_knows_whether_the_page_ended_the_other_way_waits_and_a_person_hears() {
    let mut books = superseded();
    for _ in 0..12 {
        let asked = work(&mut books, &closing(), PAYMENT, vec![lost()]);
        assert_eq!(asked, [CLOSE[0], CLOSE[1], "reply_lost"]);
        assert!(waits(&books));
        books.later(600);
    }
    assert_eq!(
        books.alerts(),
        [meridian::domain::task::Alert::UnknownOutcome]
    );
    let ended = facts(vec![of_page(Kind::PaymentExpired)]);
    work(&mut books, &closing(), PAYMENT, vec![ended]);
    assert!(!waits(&books));
    assert_eq!(books.alerts(), []);
}

#[test]
fn a_function_that_died_over_ending_a_page_leaves_it_to_be_ended_again() {
    let mut books = superseded();
    let intent = books.intent(Step::Close, 1, None);
    assert_eq!(books.call(1, None, intent), crate::books::Said::Changed);
    assert!(work(&mut books, &closing(), PAYMENT, vec![]).is_empty());
    books.later(LEASE + 1);
    let ended = facts(vec![of_page(Kind::PaymentExpired)]);
    let asked = work(&mut books, &closing(), PAYMENT, vec![ended]);
    assert_eq!(asked.last().unwrap(), "payment_expired");
    assert!(!waits(&books));
}

#[test]
fn what_we_complete_ourselves_is_over_once_it_is_not_wanted_and_other_pages_stay() {
    let completes = Traits {
        completes: true,
        ..by_key()
    };
    for (traits, what, live) in [
        (completes, "payment_expired", false),
        (by_key(), "page_stays", true),
    ] {
        let mut books = superseded();
        assert_eq!(work(&mut books, &traits, PAYMENT, vec![]), [what]);
        assert_eq!(books.payment(1).page_lives(), live);
        assert!(!waits(&books));
    }
}

// ---- what a reported fact becomes --------------------------------------------------------------

#[test]
fn what_only_the_gateway_can_tell_is_looked_up_and_posted_as_it_is_now() {
    let books = Books::paid(10_000);
    let hint = crate::books::refund(Kind::RefundSucceeded, 1, "re_1", 4_000);
    let ask = rules::lookup(&by_key(), &books.case, 1, &hint);
    assert_eq!(ask.payment.as_deref(), Some("pi_1"));
    let told = |answer| rules::told(&by_key(), &hint, &ask, answer);
    assert!(told(Err(Trouble::Unclear("503".into()))).is_none());
    // It mentions the payment alone: the refund was reported all the same.
    let plain = Fact {
        reference: None,
        ..succeeded(1)
    };
    let Some(Event::Reported(report)) = told(Ok(vec![plain])) else {
        panic!("nothing is posted");
    };
    let kinds: Vec<_> = report.facts.iter().map(|fact| fact.kind).collect();
    assert_eq!(kinds, [Kind::PaymentSucceeded, Kind::RefundSucceeded]);
    assert!(report.current && !report.answer);
    let named = |fact: &Fact| fact.reference.as_deref() == Some(ask.reference.as_str());
    assert!(report.facts.iter().all(named));
}

// ---- refusals ----------------------------------------------------------------------------------

fn refusals() -> Vec<Trouble> {
    vec![
        Trouble::Declined(Decline::Other),
        Trouble::Rejected("charge_already_refunded".into()),
        Trouble::Rejected("the amount exceeds what is left".into()),
        Trouble::Missing,
        Trouble::Credentials("401".into()),
        Trouble::busy(30),
        Trouble::Stale("the sum is another".into()),
    ]
}

/// Whether a refusal may be followed by a look, and by no more than one.
fn refused_then(books: &mut Books, traits: &Traits, target: Target, why: &Trouble, look: Said) {
    let script = vec![Said::Reply(Err(why.clone())), look];
    let needless = matches!(why, Trouble::Credentials(_) | Trouble::Later { .. });
    let script = script.into_iter().take(if needless { 1 } else { 2 });
    work(books, traits, target, script.collect());
}

#[test]
fn a_refusal_of_a_repeat_does_not_tell_the_fate_of_the_first_call() {
    for why in refusals() {
        let mut books = charging();
        work(&mut books, &by_key(), PAYMENT, vec![lost()]);
        books.later(60);
        let nothing = Said::LookedUp(Ok(vec![]));
        refused_then(&mut books, &by_key(), PAYMENT, &why, nothing);
        assert_eq!(books.payment(1).state, State::Unknown, "{why}");
        assert_eq!(books.told_of(Topic::PaymentFailed), 0, "{why}");
        // The gateway's own word of it counts.
        assert_eq!(books.hear(succeeded(1)), crate::books::Said::Changed);
        assert_eq!(books.payment(1).state, State::Paid, "{why}");

        let mut books = refunding();
        work(&mut books, &by_key(), REFUND, vec![lost()]);
        books.later(60);
        let other = Said::LookedUp(Ok(vec![succeeded(1)]));
        refused_then(&mut books, &by_key(), REFUND, &why, other);
        assert_eq!(refund_state(&books), refund::State::Unknown, "{why}");
        assert_eq!(books.payment(1).refundable().minor, 6_000, "{why}");
        assert_eq!(books.told_of(Topic::RefundFailed), 0, "{why}");
        let went = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000);
        assert_eq!(books.hear(went), crate::books::Said::Changed);
        assert_eq!(refund_state(&books), refund::State::Succeeded, "{why}");
    }
}

#[test]
fn what_the_look_after_a_refused_repeat_shows_of_our_own_is_what_happened() {
    for why in refusals() {
        if matches!(why, Trouble::Credentials(_) | Trouble::Later { .. }) {
            continue;
        }
        let mut books = refunding();
        work(&mut books, &by_key(), REFUND, vec![lost()]);
        books.later(60);
        let went = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000);
        let shown = Said::LookedUp(Ok(vec![succeeded(1), went]));
        refused_then(&mut books, &by_key(), REFUND, &why, shown);
        assert_eq!(refund_state(&books), refund::State::Succeeded, "{why}");
    }
}

#[test]
fn a_refund_is_given_up_only_after_a_look_that_answered() {
    let no = || Said::Reply(Err(Trouble::Rejected("charge_already_refunded".into())));
    // The look fails: nothing is given up, nothing is refundable again.
    let mut books = refunding();
    let failed = Said::LookedUp(Err(Trouble::Unclear("503".into())));
    work(&mut books, &by_key(), REFUND, vec![no(), failed]);
    assert_ne!(refund_state(&books), refund::State::Failed);
    assert_eq!(books.payment(1).refundable().minor, 6_000);
    assert_eq!(books.told_of(Topic::RefundFailed), 0);
    // It answers, and shows what staff did at the gateway: that is learned, and ours is over.
    let mut books = refunding();
    let other = crate::books::refund(Kind::RefundSucceeded, 1, "re_dash", 10_000);
    let shown = Said::LookedUp(Ok(vec![succeeded(1), other]));
    work(&mut books, &by_key(), REFUND, vec![no(), shown]);
    assert_eq!(refund_state(&books), refund::State::Failed);
    assert_eq!(books.payment(1).refunded().minor, 10_000);
}

#[test]
fn what_our_side_or_the_gateways_configuration_refuses_is_no_decline() {
    let refused = [
        Trouble::Rejected("webhookUrl: the URL is unreachable".into()),
        Trouble::Missing,
        Trouble::Credentials("status 403".into()),
    ];
    for why in refused {
        for method in [None, Some(saved_method())] {
            let mut books = Books::with_payment(10_000, method);
            for _ in 0..3 {
                let said = vec![Said::Reply(Err(why.clone()))];
                work(&mut books, &by_key(), PAYMENT, said);
                assert_eq!(books.payment(1).state, State::Open, "{why}");
                assert!(books.rows.contains_key("p1"), "{why}: nothing works on it");
                books.later(900);
            }
            assert_eq!(books.told_of(Topic::PaymentFailed), 0, "{why}");
            assert_eq!(
                books.told_of(Topic::NeedsPerson),
                1,
                "{why}: staff hear once"
            );
            let task = format!("{:?}", books.rows["person-blocked-p1"].work);
            let words = why.to_string();
            assert!(task.contains(&words), "{task}");
        }
    }
}

#[test]
fn a_page_ends_only_by_a_look_that_answered() {
    let mut books = paying_on_page();
    books.later(72 * 3600);
    for why in ["503", "timeout"] {
        let failed = Said::LookedUp(Err(Trouble::Unclear(why.into())));
        work(&mut books, &by_key(), PAYMENT, vec![failed]);
        assert_eq!(books.payment(1).state, State::Open, "{why}");
        books.later(24 * 3600);
    }
    // Keys of another account do not know it either.
    let failed = Said::LookedUp(Err(Trouble::Credentials("401".into())));
    work(&mut books, &by_key(), PAYMENT, vec![failed]);
    assert_eq!(books.payment(1).state, State::Open);
    assert!(books.rows.contains_key("p1"), "it is asked again");
    // Money in another currency is for a person, and no end of the page.
    let came = |currency| Fact {
        amount: Some(Money::new(10_000, Currency::read(currency).unwrap())),
        ..succeeded(1)
    };
    let other = Said::LookedUp(Ok(vec![came("GBP")]));
    work(&mut books, &by_key(), PAYMENT, vec![other]);
    assert_eq!(books.payment(1).state, State::Open);
    let paid = Said::LookedUp(Ok(vec![came("EUR")]));
    work(&mut books, &by_key(), PAYMENT, vec![paid]);
    assert_eq!(books.payment(1).state, State::Paid);
}

#[test]
fn a_gateway_that_was_out_for_hours_is_asked_again_within_minutes() {
    let mut books = Books::with_payment(10_000, None);
    let mut waits = vec![];
    for _ in 0..30 {
        work(&mut books, &by_key(), PAYMENT, vec![lost()]);
        let wait = books.rows["p1"].due.as_second() - books.now.as_second();
        waits.push(wait);
        books.later(wait.max(1));
    }
    assert!(waits[0] <= 10, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 600), "{waits:?}");
    let mut books = refunding();
    work(&mut books, &searched(), REFUND, vec![lost()]);
    books.later(3600);
    for _ in 0..20 {
        let failed = Said::Found(Err(Trouble::Unclear("503".into())));
        work(&mut books, &searched(), REFUND, vec![failed]);
        let wait = books.rows["r1"].due.as_second() - books.now.as_second();
        assert!(wait <= 600, "{wait}");
        books.later(wait.max(1));
    }
}

fn paying_on_page() -> Books {
    opened(Some(24)).0
}

// ---- our own refund that had failed -------------------------------------------------------------

#[test]
fn a_success_of_our_own_refund_wins_over_our_failed_once_it_was_looked_up() {
    let mut books = refunding();
    let no = our_refund(Kind::RefundFailed, 1, 1, "re_1", 4_000);
    assert_eq!(books.hear(no), crate::books::Said::Changed);
    assert_eq!(refund_state(&books), refund::State::Failed);
    let went = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000);
    // It may be older than the failure: the gateway says what is true now.
    assert_eq!(books.hear(went.clone()), crate::books::Said::Ask);
    assert_eq!(
        books.report(vec![succeeded(1), went], true),
        crate::books::Said::Changed
    );
    assert_eq!(refund_state(&books), refund::State::Succeeded);
    assert_eq!(books.payment(1).refunded().minor, 4_000);
    assert_eq!(books.payment(1).refundable().minor, 6_000);
    assert!(!books.rows.contains_key("person-refund-failed-r1"));
    assert_eq!(books.told_of(Topic::RefundPaid), 1);
    books.verify();
}

#[test]
fn a_success_of_our_own_refund_that_the_look_up_does_not_show_is_for_a_person() {
    let mut books = refunding();
    books.hear(our_refund(Kind::RefundFailed, 1, 1, "re_1", 4_000));
    let went = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000);
    let ask = rules::lookup(&by_key(), &books.case, 1, &went);
    let event = rules::told(&by_key(), &went, &ask, Ok(vec![succeeded(1)]));
    let said = books.apply(&event.expect("something to post"));
    assert_eq!(said, crate::books::Said::Contradiction);
    assert_eq!(refund_state(&books), refund::State::Failed);
}

// ---- what cannot be true ------------------------------------------------------------------------

#[test]
fn an_answer_of_ours_that_cannot_be_true_is_one_task_and_asked_about_ever_more_rarely() {
    let dollars = |fact: Fact| Fact {
        amount: Some(Money::new(5_000, Currency::read("USD").unwrap())),
        ..fact
    };
    let charge = dollars(succeeded(1));
    let refund = dollars(our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 5_000));
    let of_calls = [
        (charging(), PAYMENT, "p1", charge),
        (refunding(), REFUND, "r1", refund),
    ];
    for (mut books, target, row, odd) in of_calls {
        let (told, mut before) = (books.told_of(Topic::NeedsPerson), 0);
        for _ in 0..10 {
            let key = work(
                &mut books,
                &by_key(),
                target,
                vec![facts(vec![odd.clone()])],
            );
            assert!(key.contains(&"contradiction".into()), "{key:?}");
            let wait = books.rows[row].due.as_second() - books.now.as_second();
            assert!(wait >= before.min(3_600), "{wait} after {before}");
            assert_eq!(books.alerts().len(), 1, "{:?}", books.alerts());
            assert_eq!(books.told_of(Topic::NeedsPerson), told + 1, "told once");
            before = wait;
            books.later(wait);
        }
        assert!(before >= 3_600, "{before}");
        // Once it says what can be, nobody need judge it.
        let good = match target.refund {
            None => succeeded(1),
            Some(_) => our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000),
        };
        work(&mut books, &by_key(), target, vec![facts(vec![good])]);
        assert_eq!(books.alerts(), []);
        books.verify();
    }
}

#[test]
fn a_look_up_that_cannot_be_true_is_told_once_however_often_it_is_repeated() {
    let mut books = charging();
    let pending = fact(Kind::PaymentPending, 1);
    work(&mut books, &by_key(), PAYMENT, vec![facts(vec![pending])]);
    let odd = Fact {
        amount: Some(Money::new(100, Currency::read("USD").unwrap())),
        ..succeeded(1)
    };
    for _ in 0..5 {
        books.later(86_400);
        let told = vec![Said::LookedUp(Ok(vec![odd.clone()]))];
        work(&mut books, &by_key(), PAYMENT, told);
    }
    assert_eq!(books.alerts().len(), 1);
    assert_eq!(books.told_of(Topic::NeedsPerson), 1);
}

// ---- a page that the gateway does not know ------------------------------------------------------

#[test]
fn a_page_that_is_not_found_within_its_time_is_not_over() {
    let no = || Said::Reply(Err(Trouble::Missing));
    let missing = || Said::LookedUp(Err(Trouble::Missing));
    let mut books = paying_on_page();
    let method = Some(saved_method());
    books.apply(&Event::Charge(crate::books::charge(None, method)));
    let asked = work(&mut books, &closing(), PAYMENT, vec![no(), missing()]);
    assert_eq!(asked, [CLOSE[0], CLOSE[1], "look up", "reply_lost"]);
    assert_eq!(books.payment(1).state, State::Open);
    assert!(waits(&books), "nothing is charged beside it");
    // Nor soon after: the keys of another account may be in place.
    books.later(25 * 3600);
    work(&mut books, &closing(), PAYMENT, vec![no(), missing()]);
    assert_eq!(books.payment(1).state, State::Open);
    books.later(3 * 86_400);
    work(&mut books, &closing(), PAYMENT, vec![no(), missing()]);
    assert_eq!(books.payment(1).state, State::Expired);
    assert!(!waits(&books));
    // Where we take the money ourselves, nobody takes it.
    let mut books = superseded();
    let completes = Traits {
        completes: true,
        ..closing()
    };
    work(&mut books, &completes, PAYMENT, vec![no(), missing()]);
    assert_eq!(books.payment(1).state, State::Expired);
}

// ---- a planned retry ----------------------------------------------------------------------------

/// A debit failed, and we are to try again.
fn retrying() -> Books {
    let mut books = charging();
    books.late_failures = true;
    let pending = fact(Kind::PaymentPending, 1);
    work(&mut books, &debits(), PAYMENT, vec![facts(vec![pending])]);
    books.report(vec![crate::books::failed(1, Decline::Funds)], true);
    let retry = books.rows["retry-p1"].due;
    books.now = retry;
    books
}

fn debits() -> Traits {
    Traits {
        late_failures: true,
        ..by_key()
    }
}

/// What was asked of the gateway before the retry, and whether the retry may go.
fn before_retry(books: &mut Books, told: Option<Result<Vec<Fact>, Trouble>>) -> bool {
    let row = books.rows["retry-p1"].work.clone();
    let script = told.into_iter().map(Said::LookedUp).collect();
    let trace = work_row(books, &debits(), PAYMENT, row, script);
    trace.last().is_none_or(|last| last != "retry_waits") && books.case.retry.is_some()
}

#[test]
fn a_debit_is_looked_up_before_it_is_tried_again() {
    let over = || Ok(vec![crate::books::failed(1, Decline::Funds)]);
    assert!(before_retry(&mut retrying(), Some(over())));
    // Its gateway collects it again by itself, or has it: no retry follows.
    for (kind, state) in [
        (Kind::PaymentPending, State::Pending),
        (Kind::PaymentSucceeded, State::Paid),
    ] {
        let mut books = retrying();
        let again = Fact {
            amount: Some(crate::books::eur(10_000)),
            ..fact(kind, 1)
        };
        assert!(!before_retry(&mut books, Some(Ok(vec![again]))));
        assert_eq!(books.payment(1).state, state);
        assert!(!books.rows.contains_key("retry-p1"));
    }
}

#[test]
fn a_retry_waits_while_its_gateway_does_not_say_that_the_debit_is_over_and_a_person_hears() {
    for silence in [
        || Ok(vec![]),
        || Err(Trouble::Missing),
        || Err(Trouble::Unclear("503".into())),
    ] {
        let mut books = retrying();
        for _ in 0..30 {
            assert!(!before_retry(&mut books, Some(silence())));
            assert!(books.rows["retry-p1"].due > books.now);
            books.now = books.rows["retry-p1"].due;
        }
        assert_eq!(books.alerts().len(), 1);
        assert_eq!(books.told_of(Topic::NeedsPerson), 1);
        let over = vec![crate::books::failed(1, Decline::Funds)];
        assert!(before_retry(&mut books, Some(Ok(over))));
        let retry = Event::RetryDue {
            payment: 1,
            method: Some(saved_method()),
        };
        assert_eq!(books.apply(&retry), crate::books::Said::Changed);
        assert_eq!(books.alerts(), []);
        books.verify();
    }
}

#[test]
fn a_gateway_that_is_silent_before_a_retry_worries_people_after_six_hours() {
    let mut books = retrying();
    for (seconds, alerts) in [(0, 0), (6 * 3600, 0), (1, 1)] {
        books.later(seconds);
        assert!(!before_retry(&mut books, Some(Ok(vec![]))));
        assert_eq!(books.alerts().len(), alerts, "{seconds} s later");
    }
}

#[test]
fn of_a_retry_that_is_planned_no_more_no_gateway_is_asked() {
    let mut books = retrying();
    let row = books.rows["retry-p1"].work.clone();
    let paid = Fact {
        amount: Some(crate::books::eur(10_000)),
        ..succeeded(1)
    };
    books.report(vec![paid], true);
    assert_eq!(books.case.retry, None);
    let asked = work_row(&mut books, &debits(), PAYMENT, row, vec![]);
    assert_eq!(asked, Vec::<String>::new());
}

#[test]
fn of_what_the_case_does_not_have_nothing_is_known_or_awaited() {
    let books = charging();
    for refund in [None, Some(9)] {
        let other = Target { payment: 9, refund };
        assert!(other.intent(&books.case).is_none());
        assert!(!other.is_unknown(&books.case));
        assert!(!other.is_open(&books.case));
    }
}

// ---- looks that tell nothing --------------------------------------------------------------------

/// Works the row off so many times, each when it is due; the seconds from one time to the next.
fn again_and_again(
    books: &mut Books,
    traits: &Traits,
    target: Target,
    times: usize,
    script: impl Fn() -> Vec<Said>,
) -> Vec<i64> {
    let row = target.refund.map_or("p1".into(), |n| format!("r{n}"));
    let mut waits = vec![];
    for _ in 0..times {
        work(books, traits, target, script());
        let wait = books.rows[&row].due.as_second() - books.now.as_second();
        waits.push(wait);
        books.later(wait);
    }
    waits
}

fn is_growing_to(waits: &[i64], most: i64) -> bool {
    waits.is_sorted() && waits.last() == Some(&most)
}

/// A page without an end that is open.
fn endless_page() -> Books {
    let (mut books, _) = opened(None);
    books.later(900);
    books
}

#[test]
fn a_page_without_an_end_that_its_gateway_does_not_know_is_asked_for_ever_more_rarely() {
    let mut books = endless_page();
    let missing = || vec![Said::LookedUp(Err(Trouble::Missing))];
    let first = again_and_again(&mut books, &by_key(), PAYMENT, 2, missing);
    assert_eq!(books.alerts(), [], "not within hours");
    let waits = again_and_again(&mut books, &by_key(), PAYMENT, 60, missing);
    assert!(is_growing_to(&[first, waits].concat(), 86_400));
    assert_eq!(books.payment(1).state, State::Open, "nothing ends by it");
    assert_eq!(books.alerts(), [Alert::Blocked]);
    assert_eq!(books.told_of(Topic::NeedsPerson), 1, "told once");
    // It is known again: nobody need look.
    let known = vec![Said::LookedUp(Ok(vec![]))];
    work(&mut books, &by_key(), PAYMENT, known);
    assert_eq!(books.alerts(), []);
    assert!(books.rows.contains_key("p1"));
}

#[test]
fn two_people_may_say_that_a_page_is_over_which_its_gateway_does_not_know() {
    let mut books = endless_page();
    let found = |by: &str| {
        Event::Found(Found {
            payment: 1,
            refund: None,
            happened: false,
            gateway_ref: None,
            by: by.into(),
        })
    };
    assert_eq!(
        books.apply(&found("ana")),
        Decided::Nothing,
        "it can be paid"
    );
    let missing = || vec![Said::LookedUp(Err(Trouble::Missing))];
    again_and_again(&mut books, &by_key(), PAYMENT, 60, missing);
    assert_eq!(books.apply(&found("ana")), Decided::Changed);
    assert_eq!(
        books.apply(&found("ana")),
        Decided::Nothing,
        "the same person"
    );
    assert_eq!(books.payment(1).state, State::Open);
    assert_eq!(books.apply(&found("ben")), Decided::Changed);
    assert_eq!(books.payment(1).state, State::Expired);
    assert!(books.case.uncollected(), "nothing works on it any more");
    assert_eq!(books.alerts(), [Alert::Uncollected]);
}

#[test]
fn an_overtaken_refund_is_built_anew_ever_more_rarely_and_a_person_hears() {
    let stale = || Said::Reply(Err(Trouble::Stale("the sum is another".into())));
    let silent = || {
        let unclear = Trouble::Unclear("503".into());
        vec![stale(), Said::LookedUp(Err(unclear))]
    };
    let answered = || vec![stale(), Said::LookedUp(Ok(vec![succeeded(1)]))];
    let went = || our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000);
    // What is silent is asked again within minutes, however long it was so.
    let mut books = refunding();
    let waits = again_and_again(&mut books, &by_key(), REFUND, 60, silent);
    assert!(is_growing_to(&waits, 600), "{waits:?}");
    assert_eq!(books.alerts(), [Alert::Blocked]);
    assert_eq!(books.told_of(Topic::NeedsPerson), 1, "told once");
    work(&mut books, &by_key(), REFUND, vec![facts(vec![went()])]);
    assert_eq!(books.alerts(), []);
    // What answers, and refuses all the same, is asked at most daily.
    let mut books = refunding();
    let waits = again_and_again(&mut books, &by_key(), REFUND, 30, answered);
    assert!(is_growing_to(&waits, 86_400), "{waits:?}");
    assert_eq!(books.alerts(), [Alert::Blocked]);
    assert_eq!(books.told_of(Topic::NeedsPerson), 1, "told once");
}

/// What nobody has spoken of for a while: a page, a debit, a refund.
fn polled() -> [(Books, Target); 3] {
    let mut debit = charging();
    let pending = fact(Kind::PaymentPending, 1);
    work(&mut debit, &by_key(), PAYMENT, vec![facts(vec![pending])]);
    let mut refund = refunding();
    let pending = our_refund(Kind::RefundPending, 1, 1, "re_1", 4_000);
    work(&mut refund, &by_key(), REFUND, vec![facts(vec![pending])]);
    let all = [
        (endless_page(), PAYMENT),
        (debit, PAYMENT),
        (refund, REFUND),
    ];
    all.map(|(mut books, target)| {
        books.later(900);
        (books, target)
    })
}

#[test]
fn polls_without_keys_or_with_refused_ones_are_a_task_once_until_the_gateway_answers() {
    let said: [fn(Trouble) -> Said; 2] = [Said::Blocked, |trouble| Said::LookedUp(Err(trouble))];
    for said in said {
        for (mut books, target) in polled() {
            let keys = || Trouble::Credentials("Stripe is not configured".into());
            let waits = again_and_again(&mut books, &by_key(), target, 60, || vec![said(keys())]);
            assert!(waits.iter().all(|wait| *wait == 900), "{waits:?}");
            assert_eq!(books.alerts(), [Alert::Blocked]);
            assert_eq!(books.told_of(Topic::NeedsPerson), 1, "told once");
            let tasks = format!("{:?}", books.rows);
            assert!(tasks.contains("Stripe is not configured"), "{tasks}");
            let nothing = vec![Said::LookedUp(Ok(vec![]))];
            work(&mut books, &by_key(), target, nothing);
            assert_eq!(books.alerts(), [], "{target:?}");
            books.verify();
        }
    }
}

#[test]
fn an_account_that_cannot_be_read_for_a_moment_is_nobodys_task() {
    for (mut books, target) in polled() {
        let moment = || vec![Said::Blocked(Trouble::Unclear("no secrets".into()))];
        let waits = again_and_again(&mut books, &by_key(), target, 60, moment);
        assert!(is_growing_to(&waits, 600), "{waits:?}");
        assert_eq!(books.alerts(), []);
    }
}

#[test]
fn what_a_person_looks_for_is_looked_for_all_the_same_until_the_gateway_shows_it() {
    let came = || Fact {
        amount: Some(crate::books::eur(10_000)),
        ..succeeded(1)
    };
    let shown = [
        (charging(), PAYMENT, vec![came()]),
        (
            refunding(),
            REFUND,
            vec![
                succeeded(1),
                our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000),
            ],
        ),
    ];
    for (mut books, target, later) in shown {
        work(&mut books, &by_key(), target, vec![lost()]);
        books.later(22 * 3600);
        let nothing = || vec![Said::LookedUp(Ok(vec![]))];
        let silent = || vec![Said::LookedUp(Err(Trouble::Unclear("503".into())))];
        let mut waits = again_and_again(&mut books, &by_key(), target, 40, nothing);
        waits.extend(again_and_again(&mut books, &by_key(), target, 2, silent));
        waits.extend(again_and_again(&mut books, &by_key(), target, 20, nothing));
        assert!(is_growing_to(&waits, 86_400), "{waits:?}");
        assert_eq!(books.alerts(), [Alert::UnknownOutcome]);
        assert_eq!(books.told_of(Topic::NeedsPerson), 1, "told once");
        assert!(target.is_unknown(&books.case));
        work(
            &mut books,
            &by_key(),
            target,
            vec![Said::LookedUp(Ok(later))],
        );
        assert!(!target.is_unknown(&books.case));
        assert_eq!(books.alerts(), []);
        assert_eq!(books.work().len(), 0, "{:?}", books.work());
        books.verify();
    }
}

#[test]
fn a_payment_of_which_the_gateway_has_no_news_for_weeks_is_a_task_and_still_looked_at() {
    for (mut books, target) in polled() {
        let nothing = || vec![Said::LookedUp(Ok(vec![]))];
        let waits = again_and_again(&mut books, &by_key(), target, 60, nothing);
        assert!(is_growing_to(&waits, 86_400), "{waits:?}");
        assert_eq!(books.alerts(), [Alert::UnknownOutcome]);
        assert_eq!(books.told_of(Topic::NeedsPerson), 1, "told once");
        let came = match target.refund {
            None => succeeded(1),
            Some(_) => our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000),
        };
        books.report(vec![came], true);
        assert_eq!(books.alerts(), [], "{target:?}");
    }
}

/// What a gateway does not know may be a page that is over. It is never a charge or a refund.
#[test]
fn what_is_on_no_page_does_not_end_because_its_gateway_does_not_know_it() {
    let completing = Traits {
        completes: true,
        ..by_key()
    };
    let missing = || vec![Said::LookedUp(Err(Trouble::Missing))];
    let mut books = charging();
    let pending = fact(Kind::PaymentPending, 1);
    work(&mut books, &completing, PAYMENT, vec![facts(vec![pending])]);
    assert_eq!(books.payment(1).state, State::Pending);
    let asked = work(&mut books, &completing, PAYMENT, missing());
    assert_eq!(asked, ["look up", "still_unknown"]);
    assert_eq!(books.payment(1).state, State::Pending);

    let mut books = refunding();
    let pending = our_refund(Kind::RefundPending, 1, 1, "re_1", 4_000);
    work(&mut books, &completing, REFUND, vec![facts(vec![pending])]);
    assert_eq!(refund_state(&books), refund::State::Executing);
    let asked = work(&mut books, &completing, REFUND, missing());
    assert_eq!(asked, ["look up", "still_unknown"]);
    assert_eq!(refund_state(&books), refund::State::Executing);
    assert_eq!(books.payment(1).state, State::Paid);

    // Nobody takes what is approved on a page that is forgotten.
    let (mut books, _) = opened(None);
    let asked = work(&mut books, &completing, PAYMENT, missing());
    assert_eq!(asked, ["look up", "payment_expired"]);
    let (mut books, _) = opened(None);
    let asked = work(&mut books, &by_key(), PAYMENT, missing());
    assert_eq!(asked, ["look up", "still_unknown"]);
}

// ---- a gateway that shows no payments ----------------------------------------------------------

fn unshown() -> Traits {
    Traits {
        shows_payments: false,
        ..by_key()
    }
}

#[test]
fn what_is_under_way_where_no_payment_is_shown_waits_for_its_webhook_and_then_people_look() {
    let mut books = refunding();
    let pending = our_refund(Kind::RefundPending, 1, 1, "re_1", 4_000);
    work(&mut books, &unshown(), REFUND, vec![facts(vec![pending])]);
    for alerts in [vec![], vec![Alert::UnknownOutcome]] {
        assert_eq!(
            work(&mut books, &unshown(), REFUND, vec![]),
            ["still_unknown"]
        );
        assert_eq!(books.alerts(), alerts);
        assert_eq!(refund_state(&books), refund::State::Executing);
        // Ten days, not forty looks.
        let due = books.rows["r1"].due.as_second() - books.now.as_second();
        assert_eq!(due, 10 * 86_400);
        books.later(10 * 86_400);
    }
    let arrived = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4_000);
    books.report(vec![arrived], true);
    assert_eq!(refund_state(&books), refund::State::Succeeded);
    assert_eq!(books.alerts(), []);
    books.verify();
}

#[test]
fn a_refund_that_is_refused_where_no_payment_is_shown_is_over_and_a_repeat_tells_nothing() {
    let no = || Said::Reply(Err(Trouble::Rejected("not refundable".into())));
    let mut books = refunding();
    work(&mut books, &unshown(), REFUND, vec![no()]);
    assert_eq!(refund_state(&books), refund::State::Failed);
    assert_eq!(books.payment(1).refundable().minor, 10_000);
    // The first call may have done it.
    let mut books = refunding();
    work(&mut books, &unshown(), REFUND, vec![lost()]);
    books.later(60);
    let failed = Said::LookedUp(Err(Trouble::Unclear("no payments are shown".into())));
    work(&mut books, &unshown(), REFUND, vec![no(), failed]);
    assert_eq!(refund_state(&books), refund::State::Unknown);
    assert_eq!(books.payment(1).refundable().minor, 6_000);
}

#[test]
fn a_key_that_may_be_forgotten_where_no_payment_is_shown_is_left_to_a_person_at_once() {
    let mut books = charging();
    work(&mut books, &unshown(), PAYMENT, vec![lost()]);
    books.later(22 * 3600);
    assert_eq!(
        work(&mut books, &unshown(), PAYMENT, vec![]),
        ["still_unknown"]
    );
    assert!(books.rows.contains_key("person-p1"));
    assert_eq!(books.payment(1).state, State::Unknown);
}

#[test]
fn a_page_is_looked_at_where_pages_alone_are_shown() {
    let (mut books, _) = opened(None);
    let expired = Said::LookedUp(Ok(vec![fact(Kind::PaymentExpired, 1)]));
    let asked = work(&mut books, &unshown(), PAYMENT, vec![expired]);
    assert_eq!(asked, ["look up", "payment_expired"]);
}

#[test]
fn a_method_that_is_found_gone_before_it_is_charged_declines_the_charge() {
    let mut books = charging();
    let due = books.rows["p1"].work.clone();
    let (mut job, at) = (Job::new(PAYMENT), |books: &Books| At {
        now: books.now,
        lease: LEASE,
        owner: "owner".into(),
        account: books.account.clone(),
    });
    let prepare = job.step(&by_key(), &books.case, Heard::Due(due), &at(&books));
    assert!(
        matches!(prepare, Move::Prepare(Step::Charge)),
        "{prepare:?}"
    );
    let gone = Heard::Prepared(Err(Trouble::Declined(Decline::Method)));
    let Move::Commit { event, .. } = job.step(&by_key(), &books.case, gone, &at(&books)) else {
        panic!("nothing is written");
    };
    books.apply(&event);
    let paid = books.payment(1);
    assert_eq!(
        (paid.state, paid.decline),
        (State::Declined, Some(Decline::Method))
    );
    books.verify();
}
