//! What a delivery tells, what it waits for, and how it ends.

use super::arrival::looked_at;
use super::compose::{customer, day_of, ids_of, stood};
use super::depends::{Earlier, earlier, said};
use super::job::{Look, Setback, as_sent, seen, sending, troubled};
use super::prepare::{overtaken, unheard, unreachable};
use super::spread::audience;
use super::standing::{self, standing};
use super::{Turn, turn, undelivered_words};
use crate::contract::{
    Channel, Customer, DependsOn, ExternalId, Ids, LostReply, Message, Notification, Offer,
    Standing, Stood, System, Trouble,
};
use crate::domain::bill::Bill;
use crate::domain::case::{Case, Ending, OpensBy, Payment, Retry, Session};
use crate::domain::dispute::{self, Dispute};
use crate::domain::fact::Decline;
use crate::domain::invoice::{Invoice, Line};
use crate::domain::outbox::{Facts, Occurrence, Subject, Topic, refund_named};
use crate::domain::payment::State;
use crate::domain::refund::{self, Refund};
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter};
use crate::domain::visit::{self, Booking, Visit};
use crate::flows::patients::Person;
use crate::records::delivery::{DeliveryRow, Due, State as Rowed};
use crate::records::outbox;
use crate::vendors;
use crate::words::money::{Currency, Money};
use crate::words::seal::Key;
use jiff::Timestamp;
use std::collections::BTreeSet;

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::read("EUR").unwrap())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn line(unit: i64, rate: &str) -> Line {
    Line {
        quantity: 1,
        unit: eur(unit),
        tax_rate: rate.parse().unwrap(),
        tax_included: true,
    }
}

fn refund(n: Option<u32>, id: &str, amount: i64, state: refund::State) -> Refund {
    Refund {
        n,
        request: None,
        id: Some(id.into()),
        amount: eur(amount),
        state,
        paid_at: None,
        intent: None,
        way: Default::default(),
        of_deposit: false,
    }
}

fn lost(minor: i64) -> Dispute {
    Dispute::new("dp_1".into(), eur(minor), dispute::State::Lost, false)
}

/// An invoice over 60.00, paid by payment 1.
fn paid() -> Case {
    let lines = vec![line(6000, "19")];
    let payment = Payment {
        state: State::Paid,
        capture: Some("pi_1".into()),
        ..Payment::planned(1, "stripe".into(), eur(6000))
    };
    Case {
        id: "0123456789abcdefmnpqrs".into(),
        clinic: "demo".into(),
        patient: None,
        appointment: None,
        starts_at: None,
        label: None,
        called_off: None,
        created_at: at(0),
        currency: eur(0).currency,
        dims: Default::default(),
        bill: Bill::issued(
            Invoice::new("INV-7".into(), eur(0).currency, lines).unwrap(),
            at(0),
        ),
        tenders: vec![],
        policy: Default::default(),
        payments: vec![payment],
        refunds_numbered: 0,
        receipts: vec![],
        retry: None,
        blocked: BTreeSet::new(),
        asked: BTreeSet::new(),
        contradicted: BTreeSet::new(),
        waiting: Default::default(),
        findings: Default::default(),
        told: 0,
        entries: 1,
        head: String::new(),
    }
}

fn subject(case: &Case, topic: Topic, payment: Option<u32>, object: Option<&str>) -> Subject {
    Subject::new(case, topic, payment, object.map(String::from))
}

fn amount(case: &Case, topic: Topic, object: Option<&str>) -> Option<Money> {
    subject(case, topic, Some(1), object).amount(case)
}

fn needless(case: &Case, topic: Topic, object: Option<&str>) -> Option<&'static str> {
    overtaken(case, &subject(case, topic, Some(1), object))
}

/// An occurrence as the case now tells it.
fn occurrence(case: &Case, subject: Subject, n: u32) -> Occurrence {
    Occurrence {
        n,
        at: at(n.into()),
        heard_at: at(n.into()),
        from: None,
        amount: subject.amount(case).unwrap_or(eur(0)),
        facts: Facts::of(case, &subject),
        subject,
    }
}

/// The row of its delivery to Xero.
fn row_of(told: &Occurrence, state: Rowed) -> DeliveryRow {
    let place = outbox::place(told.n);
    let new = DeliveryRow::new("demo#case#1", &place, "xero", told, at(7));
    DeliveryRow { state, ..new }
}

fn row(state: Rowed) -> DeliveryRow {
    let case = paid();
    let about = subject(&case, Topic::RefundPaid, Some(1), Some("r1"));
    row_of(&occurrence(&case, about, 3), state)
}

#[test]
fn a_return_tells_what_went_back_and_not_the_whole_payment() {
    let mut case = paid();
    case.payments[0].state = State::Returned;
    case.payments[0].disputes = vec![lost(2000)];
    assert_eq!(amount(&case, Topic::PaymentReturned, None), Some(eur(2000)));
    assert_eq!(amount(&case, Topic::PaymentReceived, None), Some(eur(6000)));
    case.payments[0].returned_whole = true;
    assert_eq!(amount(&case, Topic::PaymentReturned, None), Some(eur(6000)));
    assert_eq!(needless(&case, Topic::PaymentReturned, None), None);
    // Refunds had given all of it back before the dispute was lost.
    case.payments[0].returned_whole = false;
    case.payments[0].refunds = vec![refund(Some(1), "re_1", 6000, refund::State::Succeeded)];
    assert!(needless(&case, Topic::PaymentReturned, None).is_some());
}

#[test]
fn a_refund_or_dispute_that_is_not_in_the_case_is_never_told_as_another_amount() {
    let case = paid();
    for topic in [
        Topic::RefundPaid,
        Topic::RefundFailed,
        Topic::DisputeOpened,
        Topic::DisputeClosed,
    ] {
        for object in [None, Some("r1"), Some("dunknown")] {
            assert!(
                amount(&case, topic, object).is_none(),
                "{topic:?} {object:?}"
            );
        }
    }
    let gone = subject(&case, Topic::PaymentReceived, Some(2), None);
    assert_eq!(gone.amount(&case), None);
    // What a person is asked names a task, and no money of its own.
    let asked = Some("overpaid-p1");
    assert_eq!(amount(&case, Topic::NeedsPerson, asked), Some(eur(6000)));
}

#[test]
fn a_refund_is_found_under_the_key_that_it_had_before_it_was_ours() {
    let mut case = paid();
    let mirrored = refund(None, "re_1", 2000, refund::State::Succeeded).key();
    case.payments[0].refunds = vec![refund(Some(1), "re_1", 2000, refund::State::Succeeded)];
    let found = amount(&case, Topic::RefundPaid, Some(&mirrored));
    assert_eq!(found, Some(eur(2000)));
    let told = Subject {
        alias: None,
        ..subject(&case, Topic::RefundPaid, Some(1), Some(&mirrored))
    };
    let failed = subject(&case, Topic::RefundFailed, Some(1), Some("r1"));
    assert!(told.is_of_the_same(&failed) && failed.is_of_the_same(&told));
}

#[test]
fn a_refund_that_failed_after_all_is_no_longer_told_as_paid() {
    let mut case = paid();
    case.payments[0].refunds = vec![refund(Some(1), "re_1", 2000, refund::State::Succeeded)];
    assert_eq!(needless(&case, Topic::RefundPaid, Some("r1")), None);
    case.payments[0].refunds[0].state = refund::State::Failed;
    assert!(needless(&case, Topic::RefundPaid, Some("r1")).is_some());
    assert_eq!(needless(&case, Topic::RefundFailed, Some("r1")), None);
}

#[test]
fn a_page_to_pay_on_is_not_sent_when_nothing_is_left_to_pay_or_it_is_closed() {
    let mut case = paid();
    let ready = |case: &Case| needless(case, Topic::CheckoutReady, None);
    assert_eq!(ready(&case), Some("nothing is left to pay"));
    case.payments[0].state = State::Open;
    assert_eq!(ready(&case), Some("its page to pay on is closed"));
    case.payments[0].session = Some(Session {
        id: "cs_1".into(),
        opens_by: OpensBy::Redirect("https://pay.example/1".into()),
        expires_at: None,
    });
    assert_eq!(ready(&case), None);
}

#[test]
fn a_decline_on_a_page_is_not_told_once_it_was_paid_there_or_another_way() {
    let mut case = paid();
    let failed = |case: &Case| needless(case, Topic::PaymentFailed, None);
    assert_eq!(failed(&case), Some("it went through after all"));
    case.payments[0].state = State::Declined;
    assert_eq!(failed(&case), None);
    case.payments[0].ending = Some(Ending::Asked);
    let why = Some("another way to pay has taken its place");
    assert_eq!(failed(&case), why);
    case.bill.invoice_mut().void = true;
    assert_eq!(failed(&case), Some("nothing is left to pay"));
}

#[test]
fn of_two_deliveries_each_waits_only_for_its_own_payment_and_refund() {
    let case = paid();
    let same = |one: (Topic, Option<u32>, Option<&str>),
                other: (Topic, Option<u32>, Option<&str>)| {
        let one = subject(&case, one.0, one.1, one.2);
        one.is_of_the_same(&subject(&case, other.0, other.1, other.2))
    };
    let failed = (Topic::RefundFailed, Some(1), Some("r1"));
    assert!(same((Topic::RefundPaid, Some(1), Some("r1")), failed));
    assert!(!same((Topic::RefundPaid, Some(1), Some("r2")), failed));
    assert!(same((Topic::PaymentReceived, Some(1), None), failed));
    assert!(!same((Topic::PaymentReceived, Some(2), None), failed));
    assert!(same((Topic::InvoiceIssued, None, None), failed));
}

#[test]
fn what_was_never_told_is_filed_first_and_what_takes_nothing_back_is_needless() {
    let (needs, takes) = (
        DependsOn::Needs(Topic::InvoiceIssued),
        DependsOn::TakesBack(Topic::RefundPaid),
    );
    assert_eq!(said(needs, None), Earlier::Missing(Topic::InvoiceIssued));
    assert!(matches!(said(takes, None), Earlier::Needless(_)));
    let done = DeliveryRow {
        filed: vec!["note".into(), "payment".into()],
        steps_done: 2,
        ..row(Rowed::Done)
    };
    for after in [needs, takes] {
        assert_eq!(said(after, Some(&done)), Earlier::Filed(done.filed.clone()));
    }
    for state in [Rowed::Failed, Rowed::Unknown] {
        assert!(matches!(said(needs, Some(&row(state))), Earlier::Failed(_)));
    }
    // What was not worth filing, such as a surplus, stands in nobody's way.
    let skipped = said(needs, Some(&row(Rowed::Skipped)));
    assert_eq!(skipped, Earlier::Filed(vec![]));
    for state in [Rowed::Failed, Rowed::Skipped] {
        assert!(matches!(
            said(takes, Some(&row(state))),
            Earlier::Needless(_)
        ));
    }
    // Half of it was filed: a person must undo that half.
    let half = DeliveryRow {
        filed: vec!["note".into()],
        steps_done: 1,
        ..row(Rowed::Failed)
    };
    assert!(matches!(said(takes, Some(&half)), Earlier::Failed(_)));
    // Who may have been told hears the rest.
    let unknown = said(takes, Some(&row(Rowed::Unknown)));
    assert_eq!(unknown, Earlier::Filed(vec![]));
}

#[test]
fn that_money_came_again_is_told_to_who_heard_that_it_had_gone_and_to_the_books() {
    let mut case = paid();
    let received = told(&case, (Topic::PaymentReceived, 1, None), 1, Some(6000));
    case.payments[0].state = State::Returned;
    let returned = told(&case, (Topic::PaymentReturned, 1, None), 2, Some(0));
    case.payments[0].state = State::Paid;
    let object = Some("reinstated");
    let (_, again) = told(&case, (Topic::PaymentReceived, 1, object), 3, None);
    let needs = DependsOn::Needs(Topic::InvoiceIssued);
    let of = |line: &[DeliveryRow], system: &str, declared| {
        earlier(line, &again, vendors::system(system).unwrap(), declared)
    };
    let both = [received.1.clone(), returned.1];
    let nothing = DependsOn::Nothing;
    assert!(matches!(
        of(&both[..1], "mailgun", nothing),
        Earlier::Needless(_)
    ));
    assert_eq!(
        of(&both, "mailgun", nothing),
        Earlier::Filed(both[1].filed.clone())
    );
    assert_eq!(
        of(&both[..1], "xero", needs),
        Earlier::Missing(Topic::InvoiceIssued)
    );
    // The first time it is news to everybody.
    let (_, first) = received;
    let system = vendors::system("mailgun").unwrap();
    assert_eq!(
        earlier(&[], &first, system, nothing),
        Earlier::Filed(vec![])
    );
}

#[test]
fn the_promised_day_is_that_of_the_try_that_is_planned_after_this_payment() {
    let mut case = paid();
    let due = "2026-12-02T20:00:00Z".parse().unwrap();
    case.retry = Some(Retry { payment: 1, due });
    let promised = |topic, payment| {
        let about = subject(&case, topic, Some(payment), None);
        occurrence(&case, about, 1).facts.retry_at
    };
    assert_eq!(promised(Topic::PaymentFailed, 1), Some(due));
    assert_eq!(promised(Topic::PaymentReturned, 1), Some(due));
    assert_eq!(promised(Topic::PaymentFailed, 2), None);
    assert_eq!(
        promised(Topic::PaymentReceived, 2),
        Some(due),
        "of the rest"
    );
    assert_eq!(promised(Topic::CheckoutReady, 1), None);
}

/// What happened, and its delivery to Xero that is done, with what it came to.
fn told(
    case: &Case,
    (topic, payment, object): (Topic, u32, Option<&str>),
    n: u32,
    applied: Option<i64>,
) -> (Occurrence, DeliveryRow) {
    let told = occurrence(case, subject(case, topic, Some(payment), object), n);
    let row = match applied {
        Some(minor) => DeliveryRow {
            steps_done: 2,
            applied: Some(minor),
            filed: vec![String::new(), format!("at-{n}")],
            ..row_of(&told, Rowed::Done)
        },
        None => row_of(&told, Rowed::Open),
    };
    (told, row)
}

/// How the last of them stands.
fn stands(told: &[(Occurrence, DeliveryRow)]) -> (Standing, Money) {
    let line: Vec<_> = told.iter().map(|(_, row)| row.clone()).collect();
    let (last, row) = told.last().expect("something was told");
    standing(&line, row, last)
}

#[test]
fn refunds_are_counted_in_the_order_in_which_they_were_heard_of() {
    let mut case = paid();
    let refunds = [(1, 1000), (2, 500), (3, 700)];
    case.payments[0].refunds = refunds
        .map(|(n, sum)| refund(Some(n), &format!("re_{n}"), sum, refund::State::Succeeded))
        .into();
    let paid = |key, n, sum| told(&case, (Topic::RefundPaid, 1, Some(key)), n, Some(sum));
    let (third, first, second) = (paid("r3", 1, 700), paid("r1", 2, 1000), paid("r2", 4, 500));
    assert_eq!(stands(std::slice::from_ref(&third)).1, eur(0));
    assert_eq!(stands(&[third.clone(), first.clone()]).1, eur(700));
    let all = [third.clone(), first.clone(), second.clone()];
    assert_eq!(stands(&all).1, eur(1700));
    // One that failed again in between gave nothing back.
    let failed = told(&case, (Topic::RefundFailed, 1, Some("r3")), 3, Some(0));
    assert_eq!(stands(&[third, first, failed, second]).1, eur(1000));
}

/// Why nothing of it is filed, of a topic that says nothing beside.
fn not_filed(topic: Topic, standing: &Standing) -> Option<&'static str> {
    let case = paid();
    let mut told = occurrence(&case, subject(&case, Topic::InvoiceIssued, None, None), 1);
    told.subject.topic = topic;
    standing::needless(&told, standing)
}

#[test]
fn a_surplus_is_neither_filed_nor_taken_from_the_sale_when_it_goes_back() {
    let mut case = paid();
    let second = Payment {
        n: 2,
        ..case.payments[0].clone()
    };
    case.payments.push(second);
    let received =
        |n, place, applied| told(&case, (Topic::PaymentReceived, n, None), place, applied);
    let first = received(1, 1, Some(6000));
    let (surplus, _) = stands(&[first.clone(), received(2, 2, None)]);
    assert_eq!(surplus, Standing::none(case.currency));
    let why = not_filed(Topic::PaymentReceived, &surplus);
    assert_eq!(
        why,
        Some("the invoice is paid: what is beyond it goes back")
    );
    // The first refund gives the surplus back, from whichever payment; the next one the sale.
    for from in [0, 1] {
        let mut case = case.clone();
        let refunds = [(1, 6000), (2, 1500)]
            .map(|(n, sum)| refund(Some(n), &format!("re_{n}"), sum, refund::State::Succeeded));
        case.payments[from].refunds = refunds.into();
        let n = from as u32 + 1;
        let paid =
            |key, place, applied| told(&case, (Topic::RefundPaid, n, Some(key)), place, applied);
        let (of_surplus, _) = stands(&[first.clone(), paid("r1", 3, None)]);
        assert!(not_filed(Topic::RefundPaid, &of_surplus).is_some());
        let (of_sale, sold) = stands(&[first.clone(), paid("r1", 3, Some(0)), paid("r2", 4, None)]);
        assert_eq!((of_sale.applied, sold), (eur(1500), eur(0)));
    }
}

#[test]
fn what_stands_of_a_payment_is_replaced_when_money_goes_back_and_comes_again() {
    let mut case = paid();
    let first = told(&case, (Topic::PaymentReceived, 1, None), 1, Some(6000));
    case.payments[0].state = State::Returned;
    case.payments[0].disputes = vec![lost(2000)];
    let returned = |applied| told(&case, (Topic::PaymentReturned, 1, None), 2, applied);
    let (stood, _) = stands(&[first.clone(), returned(None)]);
    assert_eq!((stood.applied, stood.was), (eur(4000), eur(6000)));
    assert_eq!(stood.payment.as_deref(), Some("at-1"));
    assert_eq!(not_filed(Topic::PaymentReturned, &stood), None);
    let returned = returned(Some(4000));
    // It was won: what was filed of the rest makes way for the whole.
    case.payments[0].state = State::Paid;
    case.payments[0].disputes[0].state = dispute::State::Won;
    let object = Some("reinstated");
    let again = told(&case, (Topic::PaymentReceived, 1, object), 3, None);
    let (stood, _) = stands(&[first.clone(), returned, again.clone()]);
    assert_eq!(
        (stood.applied, stood.payment.as_deref()),
        (eur(6000), Some("at-2"))
    );
    // Where the return was never filed, nothing changes.
    let (stood, _) = stands(&[first, again]);
    assert_eq!(
        not_filed(Topic::PaymentReceived, &stood),
        Some("it stands there so already")
    );
}

/// Of a delivery that filed nothing, nothing stands: neither what it would have come to nor an id.
#[test]
fn only_what_was_filed_of_a_payment_stands() {
    let mut case = paid();
    let mut first = told(&case, (Topic::PaymentReceived, 1, None), 1, Some(6000));
    first.1.steps_done = 0;
    case.payments[0].disputes = vec![lost(2000)];
    let returned = told(&case, (Topic::PaymentReturned, 1, None), 2, None);
    let (stood, _) = stands(&[first, returned]);
    assert_eq!((stood.was, stood.payment), (eur(0), None));
}

#[test]
fn what_happened_is_told_as_it_was_whatever_became_of_it_since() {
    let mut case = paid();
    let received = told(&case, (Topic::PaymentReceived, 1, None), 1, None);
    case.payments[0].state = State::Returned;
    case.payments[0].returned_whole = true;
    let (stood, _) = stands(&[received]);
    assert_eq!(stood.applied, eur(6000));
}

/// The books hear of it with the invoice, payment by payment.
#[test]
fn while_it_is_a_deposit_nothing_of_it_is_filed() {
    let case = paid();
    for (topic, deposit, filed) in [
        (Topic::PaymentReceived, true, false),
        (Topic::PaymentReturned, true, false),
        (Topic::PaymentReceived, false, true),
    ] {
        let (mut told, row) = told(&case, (topic, 1, None), 1, None);
        told.facts.deposit = deposit;
        let (standing, _) = stands(&[(told.clone(), row)]);
        let why = standing::needless(&told, &standing);
        assert_eq!(why.is_none(), filed, "{topic:?}: {why:?}");
    }
}

#[test]
fn what_the_books_have_already_or_never_had_is_not_filed() {
    let stands = |applied, was, payment: Option<&str>| Standing {
        applied: eur(applied),
        was: eur(was),
        payment: payment.map(String::from),
    };
    let (received, returned, refunded, applied) = (
        Topic::PaymentReceived,
        Topic::PaymentReturned,
        Topic::RefundPaid,
        Topic::PaymentApplied,
    );
    for (topic, standing, filed) in [
        (received, stands(6000, 0, None), true),
        (received, stands(6000, 4000, Some("p")), true),
        (received, stands(6000, 6000, Some("p")), false),
        // What stands there under no id is not there.
        (received, stands(6000, 6000, None), true),
        (received, stands(0, 0, None), false),
        (received, stands(0, 6000, Some("p")), false),
        (returned, stands(4000, 6000, Some("p")), true),
        (returned, stands(0, 6000, Some("p")), true),
        (returned, stands(4000, 4000, Some("p")), false),
        (returned, stands(0, 0, Some("p")), false),
        (returned, stands(0, 0, None), false),
        (returned, stands(4000, 0, None), true),
        (refunded, stands(1500, 0, None), true),
        (refunded, stands(0, 0, None), false),
        (applied, stands(4000, 6000, Some("p")), true),
        (applied, stands(0, 6000, Some("p")), true),
        (applied, stands(6000, 6000, Some("p")), false),
        (applied, stands(6000, 0, None), true),
        (applied, stands(0, 0, None), false),
        (Topic::InvoiceIssued, stands(0, 0, None), true),
        (Topic::RefundFailed, stands(0, 0, Some("p")), true),
    ] {
        let why = not_filed(topic, &standing);
        assert_eq!(why.is_none(), filed, "{topic:?} {standing:?}: {why:?}");
    }
}

#[test]
fn a_payment_is_told_as_given_back_by_a_bank_only_where_it_was() {
    for (topic, object, given_back) in [
        (Topic::PaymentReceived, Some("reinstated"), true),
        (Topic::PaymentReceived, Some("reinstated2"), true),
        (Topic::PaymentReceived, Some("again1"), false),
        (Topic::PaymentReceived, None, false),
        (Topic::PaymentReturned, Some("reinstated"), false),
        (Topic::PaymentReturned, Some("returned2"), false),
        (Topic::RefundPaid, Some("r1"), false),
    ] {
        let about = subject(&paid(), topic, Some(1), object);
        assert_eq!(about.is_reinstated(), given_back, "{topic:?} {object:?}");
    }
}

#[test]
fn a_refund_is_named_by_its_own_key_alone() {
    let mut case = paid();
    case.payments[0].refunds = vec![
        refund(Some(1), "re_1", 2000, refund::State::Succeeded),
        refund(None, "re_2", 1000, refund::State::Succeeded),
        Refund {
            id: None,
            ..refund(Some(3), "", 500, refund::State::Requested)
        },
    ];
    let key = |id: &str| refund(None, id, 0, refund::State::Succeeded).key();
    for (named, minor) in [
        ("r1".to_owned(), Some(2000)),
        (key("re_1"), Some(2000)),
        (key("re_2"), Some(1000)),
        ("r3".into(), Some(500)),
        ("r2".into(), None),
        (key("re_3"), None),
        // What has no id at the gateway was never known by one.
        ("g".into(), None),
    ] {
        let found = refund_named(&case, &named).map(|refund| refund.amount.minor);
        assert_eq!(found, minor, "{named}");
    }
}

#[test]
fn a_message_links_the_receipt_of_its_time() {
    let case = paid();
    let receipt = |topic, object| {
        let about = subject(&case, topic, Some(1), object);
        let of = occurrence(&case, about, 1).facts.receipt;
        of.map(|id| id.replace(&case.id, ""))
    };
    for (topic, object, expected) in [
        (Topic::PaymentReceived, None, "-p1"),
        (Topic::PaymentReceived, Some("again2"), "-p1-again2"),
        (Topic::PaymentReceived, Some("reinstated"), "-p1-reinstated"),
        (Topic::PaymentReturned, None, "-p1-returned"),
        (Topic::PaymentReturned, Some("returned2"), "-p1-returned2"),
        (Topic::RefundPaid, Some("r1"), "-p1-r1"),
    ] {
        assert_eq!(
            receipt(topic, object).as_deref(),
            Some(expected),
            "{topic:?}"
        );
    }
}

/// Ten minutes before the new year in Melbourne, told after it.
#[test]
fn the_books_hear_the_clinics_day_on_which_the_money_moved() {
    let settings = Settings {
        time_zone: "Australia/Melbourne".into(),
        ..clinic()
    };
    let case = paid();
    let about = subject(&case, Topic::PaymentReceived, Some(1), None);
    let told = Occurrence {
        at: "2026-12-31T12:50:00Z".parse().unwrap(),
        heard_at: "2026-12-31T13:04:00Z".parse().unwrap(),
        ..occurrence(&case, about, 1)
    };
    let day = |channel| day_of(&settings, channel, &told).to_string();
    assert_eq!(day(Channel::Books), "2026-12-31");
    assert_eq!(day(Channel::Records), "2026-12-31");
    // A message is looked for from the day on which it was sent.
    assert_eq!(day(Channel::PatientEmail), "2027-01-01");
}

/// The ids and the standing that a record of the first payment, refund or dispute bears.
fn kept(case: &Case, topic: Topic, object: Option<&str>) -> (Ids, Stood) {
    let told = occurrence(case, subject(case, topic, Some(1), object), 1);
    // As it is frozen, and not as the case stands when it goes out.
    let frozen = serde_json::to_value(&told).unwrap();
    let told: Occurrence = serde_json::from_value(frozen).unwrap();
    (ids_of("demo#case#0123456789abcdef", &told), stood(&told))
}

#[test]
fn a_record_names_what_it_is_about_by_our_ids_and_the_gateways_as_it_stood() {
    let mut case = paid();
    case.patient = Some("fedcba9876543210".into());
    case.appointment = Some("A-7".into());
    let part = Refund {
        request: Some("req1".into()),
        ..refund(Some(1), "re_1", 1000, refund::State::Succeeded)
    };
    case.payments[0].refunds = vec![part];
    case.payments[0].disputes = vec![lost(2000)];
    let of_payment = Ids {
        clinic: "demo".into(),
        case: Some("0123456789abcdef".into()),
        payment: Some("0123456789abcdef-p1".into()),
        payment_there: Some("pi_1".into()),
        patient: Some("fedcba9876543210".into()),
        appointment: Some("A-7".into()),
        ..Ids::default()
    };
    let (ids, stood) = kept(&case, Topic::PaymentReceived, None);
    assert_eq!(ids, of_payment);
    assert_eq!(stood.payment, Some(State::Paid));
    assert_eq!((stood.asked, stood.due), (case.asked(), case.due()));
    let (ids, stood) = kept(&case, Topic::RefundPaid, Some("r1"));
    let of_refund = Ids {
        refund: Some("r1".into()),
        request: Some("req1".into()),
        refund_there: Some("re_1".into()),
        ..of_payment.clone()
    };
    assert_eq!(ids, of_refund);
    assert_eq!(stood.refund, Some(refund::State::Succeeded));
    // Its second end is told of the same dispute.
    let key = lost(2000).key();
    for name in [key.clone(), format!("{key}-2")] {
        let (ids, stood) = kept(&case, Topic::DisputeClosed, Some(&name));
        let of_dispute = Ids {
            dispute: Some(key.clone()),
            dispute_there: Some("dp_1".into()),
            ..of_payment.clone()
        };
        assert_eq!(ids, of_dispute);
        assert_eq!(stood.dispute, Some(dispute::State::Lost));
    }
}

#[test]
fn a_record_of_a_task_names_the_task_and_what_it_asks_about() {
    let case = paid();
    let about = subject(&case, Topic::NeedsPerson, None, Some("late-p1"));
    let mut told = occurrence(&case, about, 1);
    let matter = Matter::of(Alert::LatePayment).payment(1).request("req1");
    told.facts.matter = Some(matter.refund(Some(2)));
    let of_task = Ids {
        clinic: "demo".into(),
        case: Some("0123456789abcdef".into()),
        payment: Some("0123456789abcdef-p1".into()),
        refund: Some("r2".into()),
        request: Some("req1".into()),
        task: Some("person-late-p1".into()),
        ..Ids::default()
    };
    assert_eq!(ids_of("demo#case#0123456789abcdef", &told), of_task);
    assert_eq!(stood(&told).alert, Some(Alert::LatePayment));
    let of_no_case = ids_of("demo#event#stripe:evt_1", &told);
    assert_eq!((of_no_case.case, of_no_case.payment), (None, None));
}

#[test]
fn what_is_kept_is_told_whatever_became_of_it_since_and_builds_on_nothing() {
    let mut case = paid();
    case.payments[0].state = State::Returned;
    case.payments[0].returned_whole = true;
    let failed = subject(&case, Topic::RefundPaid, Some(1), Some("r1"));
    let heard = |channel| unheard(channel, Some(&case), &failed).is_none();
    assert!(heard(Channel::Records) && !heard(Channel::Staff));
    let again = subject(&case, Topic::PaymentReceived, Some(1), Some("again1"));
    let row = row_of(&occurrence(&case, again, 2), Rowed::Open);
    let slack = vendors::system("slack").unwrap();
    let of = |channel| System {
        vendor: slack.vendor,
        is: slack.is,
        channel,
        several: false,
        hears: slack.hears,
        subscriptions: slack.subscriptions,
        arrival: Offer::No("nothing to look at"),
        contact: Offer::No("no contacts"),
    };
    let told = |channel| earlier(&[], &row, &of(channel), DependsOn::Nothing);
    assert_eq!(told(Channel::Records), Earlier::Filed(vec![]));
    assert!(matches!(told(Channel::Staff), Earlier::Needless(_)));
}

#[test]
fn who_opted_out_alarms_nobody() {
    let unwanted = || Trouble::Declined(Decline::Cancelled);
    let end = troubled(unwanted(), &LostReply::Human, false);
    assert_eq!(end, Err(Setback::OptedOut));
    assert_eq!(
        seen(Err(unwanted()), 1, 60),
        Look::End(Err(Setback::OptedOut))
    );
}

#[test]
fn the_lines_of_an_invoice_are_summed_by_their_rate_of_tax() {
    let lines = vec![
        line(11900, "19"),
        line(4000, "0"),
        line(11900, "19.0"),
        line(10700, "7.00"),
    ];
    let invoice = Invoice::new("1".into(), eur(0).currency, lines).unwrap();
    let sums: Vec<_> = invoice
        .rates()
        .unwrap()
        .into_iter()
        .map(|rate| (rate.percent.to_string(), rate.gross.minor, rate.tax.minor))
        .collect();
    let expected = [("0", 4000, 0), ("7", 10700, 700), ("19", 23800, 3800)];
    let expected = expected.map(|(percent, gross, tax)| (percent.to_owned(), gross, tax));
    assert_eq!(sums, expected);
}

fn clinic() -> Settings {
    Settings {
        id: "demo".into(),
        name: "Demo".into(),
        address: String::new(),
        phone: String::new(),
        tax_number: String::new(),
        currency: eur(0).currency,
        time_zone: "UTC".into(),
        policy: Default::default(),
        systems: vec![],
    }
}

#[test]
fn a_name_goes_where_it_is_shared_or_needed_and_an_address_only_to_its_channel() {
    let person = || Person {
        name: "Juniper Vale".into(),
        email: Some("juniper@example.test".into()),
        phone: Some("+4930123456".into()),
    };
    for (channel, name, email, phone) in [
        (Channel::PatientEmail, true, true, false),
        (Channel::PatientText, false, false, true),
        (Channel::Staff, false, false, false),
        (Channel::Books, false, false, false),
        (Channel::Records, false, false, false),
        (Channel::Practice, false, false, false),
    ] {
        for share_names in [false, true] {
            let mut settings = clinic();
            settings.policy.share_names = share_names;
            let told = customer(&settings, channel, "P-1".into(), person());
            let tells = (
                told.name.is_some(),
                told.email.is_some(),
                told.phone.is_some(),
            );
            assert_eq!(tells, (name || share_names, email, phone), "{channel:?}");
            assert_eq!(told.reference, "P-1");
        }
    }
}

#[test]
fn a_person_hears_once_that_no_system_reaches_the_patient() {
    let settings = |systems: &[&str]| Settings {
        systems: systems.iter().map(|id| id.to_string()).collect(),
        ..clinic()
    };
    let says = |on: &[&str], person: &Person| {
        let says = |id| unreachable(&settings(on), vendors::system(id).unwrap(), person);
        [says("mailgun"), says("twilio")]
    };
    let nobody = Person::default();
    let phone = Person {
        phone: Some("+4930123456".into()),
        ..Person::default()
    };
    let all: Vec<_> = vendors::systems().map(|system| system.vendor.id).collect();
    assert_eq!(says(&all, &nobody), [true, false]);
    assert_eq!(says(&["twilio"], &nobody), [false, true]);
    assert_eq!(says(&all, &phone), [false, false]);
    assert_eq!(says(&["mailgun"], &phone), [true, false]);
}

fn notification(text: &str, phone: &str) -> Notification {
    Notification {
        key: "key".into(),
        topic: Topic::PaymentFailed,
        filed: vec![],
        clinic: "Demo".into(),
        invoice: "INV-7".into(),
        refund: None,
        note: None,
        made: vec![],
        came: Default::default(),
        by: Default::default(),
        amount: eur(6000),
        payment: Some(eur(6000)),
        refunded_before: eur(0),
        standing: Standing::none(eur(0).currency),
        total: eur(6000),
        rates: vec![],
        date: jiff::civil::date(2026, 3, 14),
        at: at(0),
        ids: Ids::default(),
        stood: Stood::none(eur(0).currency),
        gateway: "stripe".into(),
        customer: Customer {
            phone: Some(phone.into()),
            ..Customer::default()
        },
        contact: None,
        message: Message {
            text: text.into(),
            ..Message::default()
        },
    }
}

#[test]
fn a_look_up_compares_with_the_words_and_the_number_that_were_sent() {
    let key = Key::random();
    let first = notification("60.00 is due. We will try again on Monday.", "+4930123456");
    let text = Channel::PatientText;
    let sent = sending(&row(Rowed::Open), text, Some(&key), &first, 90);
    assert_eq!(sent.state, Rowed::Calling);
    let stored = format!("{sent:?}");
    assert!(!stored.contains("60.00") && !stored.contains("4930123456"));
    let now = notification("Nothing is left to pay.", "+4930999999");
    let asked = as_sent(&sent, Some(&key), &now);
    assert_eq!(asked.message, first.message);
    assert_eq!(asked.customer, first.customer);
    // What is sent anew is what is true now.
    let again = sending(&sent, text, Some(&key), &now, 90);
    assert_eq!(as_sent(&again, Some(&key), &first).message, now.message);
    let erased = as_sent(&sent, Some(&Key::random()), &now);
    assert_eq!(erased.message, now.message);
    let to_books = sending(&row(Rowed::Open), Channel::Books, Some(&key), &first, 90);
    assert!(to_books.sent.is_empty());
}

#[test]
fn what_is_sent_anew_has_its_own_time_and_lease_and_counts_as_a_try() {
    let first = DeliveryRow {
        tries: 2,
        ..row(Rowed::Open)
    };
    let sent = sending(&first, Channel::Books, None, &notification("", ""), 90);
    assert_eq!(sent.tries, 2, "the first call is no repeat");
    let old = DeliveryRow {
        sent_at: 5,
        owner: "another".into(),
        ..sent
    };
    let again = sending(&old, Channel::Books, None, &notification("", ""), 90);
    assert_eq!(again.tries, 3);
    assert!(again.sent_at > 5 && again.owner != "another");
    assert!(matches!(again.due, Due::At { millis, .. } if millis > again.sent_at * 1000));
}

#[test]
fn a_look_up_is_believed_only_where_it_could_see() {
    let found = Ok(Some(ExternalId(Some("SM1".into()))));
    assert_eq!(seen(found, 1, 60), Look::End(Ok(Some("SM1".into()))));
    assert_eq!(seen(Ok(None), 60, 60), Look::Nothing);
    let again = |looked: Result<Option<ExternalId>, Trouble>| match seen(looked, 600, 1000) {
        Look::End(Err(Setback::Again {
            sent: true,
            unanswered,
            why,
            ..
        })) => (unanswered, why),
        other => panic!("{other:?}"),
    };
    let there = again(Ok(None));
    assert_eq!(there, (false, "looked for it, not there yet".to_owned()));
    let (unanswered, why) = again(Err(Trouble::Unclear("status 503".into())));
    assert!(unanswered && why.contains("status 503"), "{why}");
    let refused = seen(Err(Trouble::Credentials("status 401".into())), 600, 1000);
    assert!(matches!(
        refused,
        Look::End(Err(Setback::Broken { sent: true, .. }))
    ));
    let limited = seen(Err(Trouble::busy(9)), 600, 1000);
    let waits = Look::End(Err(Setback::Held {
        seconds: 9,
        sent: true,
        why: "looked for it: too many requests, again in 9 s".into(),
    }));
    assert_eq!(limited, waits);
    let gave_up = Err(Trouble::Rejected("bounced".into()));
    assert_eq!(
        seen(gave_up, 1, 60),
        Look::End(Err(Setback::Failed("bounced".into())))
    );
}

#[test]
fn a_refused_key_is_a_persons_to_mend_and_a_busy_vendor_is_waited_for() {
    let end = |trouble, sent| match troubled(trouble, &LostReply::Human, sent) {
        Err(Setback::Held { seconds, sent, .. }) => (Some(seconds), sent),
        Err(Setback::Broken { sent, .. }) => (None, sent),
        other => panic!("{other:?}"),
    };
    let key = || Trouble::Credentials("Xero is not configured".into());
    // Also where our own side cannot read the account's secrets for a moment.
    let busy = || Trouble::busy(10);
    // A call before this one may have arrived all the same.
    for sent in [false, true] {
        assert_eq!(end(key(), sent), (None, sent));
        assert_eq!(end(busy(), sent), (Some(10), sent));
    }
    let lost = Trouble::Unclear("no reply".into());
    let lost = troubled(lost, &LostReply::Human, false);
    assert!(matches!(lost, Err(Setback::Unknown(_))));
}

#[test]
fn what_may_have_been_sent_does_not_end_as_undelivered() {
    let told = undelivered_words(Topic::RefundPaid, true, "no clear answer");
    assert_eq!(
        told,
        "The message that the refund was paid may have been sent: look before repeating it (no clear answer)."
    );
    let told = undelivered_words(Topic::RefundPaid, false, "refused: no_text");
    assert_eq!(
        told,
        "The message that the refund was paid was not delivered (refused: no_text)."
    );
}

#[test]
fn a_message_is_looked_at_a_few_times_after_it_was_sent_and_then_no_more() {
    let now = crate::io::clock::now().as_second();
    let sent = |ago: i64| DeliveryRow {
        sent_at: now - ago,
        filed: vec!["SM1".into()],
        ..row(Rowed::Done)
    };
    let twilio = vendors::system("twilio").unwrap();
    let next = |ago| match looked_at(sent(ago), twilio).due {
        Due::At { millis, .. } => Some(millis / 1000 - (now - ago)),
        Due::Held | Due::Never => None,
    };
    // A minute beside each of its times, as the clock goes on.
    for (ago, after) in [
        (0, Some(600)),
        (540, Some(600)),
        (660, Some(3600)),
        (3540, Some(3600)),
        (3660, Some(39_600)),
        (39_540, Some(39_600)),
        (39_660, None),
        (86_400, None),
    ] {
        assert_eq!(next(ago), after, "{ago} s after it was sent");
    }
    // Without its id, or at a system that tells nothing of its fate, there is nothing to look at.
    let nameless = DeliveryRow {
        filed: vec![String::new()],
        ..sent(0)
    };
    assert_eq!(looked_at(nameless, twilio).due, Due::Never);
    for system in ["slack", "xero"] {
        let system = vendors::system(system).unwrap();
        assert_eq!(looked_at(sent(0), system).due, Due::Never);
    }
}

#[test]
fn who_told_us_is_not_told_and_who_refuses_our_calls_is_not_told_so() {
    let settings = Settings {
        systems: ["xero", "slack"].map(String::from).into(),
        ..clinic()
    };
    let case = paid();
    let mut told = occurrence(
        &case,
        subject(&case, Topic::PaymentReceived, Some(1), None),
        1,
    );
    assert_eq!(audience(&settings, &told), ["slack", "xero"]);
    told.from = Some("xero".into());
    assert_eq!(audience(&settings, &told), ["slack"]);
    told.subject.topic = Topic::NeedsPerson;
    told.facts.matter = Some(Matter::of(Alert::Blocked).vendor("xero"));
    assert_eq!(audience(&settings, &told), ["slack"]);
    told.facts.matter = Some(Matter::of(Alert::ConnectionHeld).vendor("slack"));
    assert!(audience(&settings, &told).is_empty());
}

#[test]
fn of_a_visit_only_the_practice_system_hears_that_has_it_too_unless_it_told_us() {
    let mut heard = vendors::systems();
    let practice = heard.find(|system| system.channel == Channel::Practice);
    let practice = practice.expect("a practice system").vendor.id.to_owned();
    let booking = Booking {
        id: "A-1".into(),
        patient: "p".into(),
        case: "c".into(),
        held: false,
        starts_at: at(100),
        source: Some(practice.clone()),
        site: None,
        practitioner: None,
        price: None,
        collect: None,
        replaces: None,
    };
    let booked = visit::Event::Booked(Box::new(booking));
    let visit::Verdict::Change(visit) = visit::decide(None, &booked, at(1)) else {
        panic!("it is booked");
    };
    let all = [practice.clone(), "own".into(), "slack".into()];
    for (on, source, from, heard) in [
        (&all[..], Some(&practice), None, vec![practice.clone()]),
        (
            &all[..],
            Some(&practice),
            Some("stripe"),
            vec![practice.clone()],
        ),
        (&all[..], Some(&practice), Some(&*practice), vec![]),
        (&all[1..], Some(&practice), None, vec![]),
        (&all[..], Some(&"other".to_owned()), None, vec![]),
    ] {
        let settings = Settings {
            systems: on.into(),
            ..clinic()
        };
        let visit = Visit {
            source: source.cloned(),
            ..*visit.clone()
        };
        let told = Occurrence::of_cancelled(&visit, from, eur(0), at(2));
        assert_eq!(audience(&settings, &told), heard, "{source:?} {from:?}");
    }
}

#[test]
fn those_of_a_line_are_told_in_order_and_who_waits_is_taken_along() {
    let due = |seconds: i64| Due::At {
        millis: seconds * 1000,
        taken: false,
    };
    let (done, over) = (Rowed::Done, Due::Never);
    let open = |due| (Rowed::Open, due, false);
    let behind = |due| (Rowed::Open, due, true);
    let told = (done, over, false);
    for (first, second, own, expected) in [
        (open(due(1)), open(due(1)), 1, "work xero.000001"),
        (told.clone(), open(due(1)), 1, "work xero.000002"),
        // The first waits for its own time, or for its connection.
        (open(due(200)), open(due(1)), 1, "2 behind xero.000001"),
        (open(Due::Held), open(due(1)), 1, "2 behind xero.000001"),
        (open(due(200)), behind(due(300)), 0, "nothing"),
        // Over, it takes along who waited for it, and leaves the others to their own messages.
        (told.clone(), behind(due(200)), 0, "work xero.000002"),
        (told.clone(), open(due(1)), 0, "nothing"),
        ((done, due(1), false), open(due(1)), 0, "look xero.000001"),
        ((done, due(200), false), told.clone(), 0, "nothing"),
    ] {
        assert_eq!(
            next_of([&first, &second], own),
            expected,
            "{first:?} {second:?} {own}"
        );
    }
}

/// What is done next in a line of these two rows, as the one asks that was woken.
fn next_of(rows: [&(Rowed, Due, bool); 2], own: usize) -> String {
    let case = paid();
    let mut n = 0;
    let line = rows.map(|(state, due, behind)| {
        n += 1;
        let about = subject(&case, Topic::PaymentReceived, Some(1), None);
        let row = row_of(&occurrence(&case, about, n), *state);
        DeliveryRow {
            due: due.clone(),
            behind: *behind,
            ..row
        }
    });
    match turn(&line, &line[own].sk(), at(100)) {
        Turn::Look(row) => format!("look {}", row.id()),
        Turn::Behind(_, first) => format!("{} behind {}", own + 1, first.id()),
        Turn::Work(row) => format!("work {}", row.id()),
        Turn::Nothing => "nothing".to_owned(),
    }
}
