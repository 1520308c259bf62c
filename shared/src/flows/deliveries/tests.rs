//! What a delivery tells, what it waits for, and how it ends.

use super::desk::{Look, Setback, as_sent, seen, sending, troubled};
use super::earlier::{Earlier, of_the_same, said};
use super::telling::{About, due_day, paid_before, unreachable};
use super::{filed, undelivered};
use crate::domain::case::{Case, Payment, Session};
use crate::domain::dispute::{self, Dispute};
use crate::domain::invoice::{Invoice, Line};
use crate::domain::payment::State;
use crate::domain::refund::{self, Refund};
use crate::domain::settings::Settings;
use crate::domain::task::{Delivery, Task, Topic, Work};
use crate::flows::patients::Person;
use crate::money::{Currency, Money};
use crate::seal::Key;
use crate::store::Row;
use crate::systems::{self, After, Channel, Customer, Filed, Message, Telling};
use crate::vendor::{LostReply, Trouble};
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
    }
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
        id: "0123456789abcdefghjkmnpqrs".into(),
        clinic: "demo".into(),
        patient: None,
        appointment: None,
        starts_at: None,
        created_at: at(0),
        currency: eur(0).currency,
        invoice: Invoice::new("INV-7".into(), eur(0).currency, lines).unwrap(),
        policy: Default::default(),
        payments: vec![payment],
        refunds_numbered: 0,
        receipts: vec![],
        retry: None,
        blocked: BTreeSet::new(),
        entries: 1,
        head: String::new(),
    }
}

fn delivery(topic: Topic, payment: Option<u32>, object: Option<&str>) -> Delivery {
    Delivery {
        system: "xero".into(),
        topic,
        payment,
        object: object.map(String::from),
        amount: None,
        at: None,
    }
}

fn amount(case: &Case, topic: Topic, object: Option<&str>) -> Result<Money, &'static str> {
    About::read(case, &delivery(topic, Some(1), object)).map(|about| about.amount)
}

fn needless(case: &Case, topic: Topic, object: Option<&str>) -> Option<&'static str> {
    let about = About::read(case, &delivery(topic, Some(1), object)).unwrap();
    about.needless(case, topic)
}

#[test]
fn a_return_tells_what_went_back_and_not_the_whole_payment() {
    let mut case = paid();
    case.payments[0].state = State::Returned;
    case.payments[0].disputes = vec![Dispute {
        id: "dp_1".into(),
        amount: eur(2000),
        reversal: false,
        state: dispute::State::Lost,
    }];
    assert_eq!(amount(&case, Topic::PaymentReturned, None), Ok(eur(2000)));
    assert_eq!(amount(&case, Topic::PaymentReceived, None), Ok(eur(6000)));
    case.payments[0].returned_whole = true;
    assert_eq!(amount(&case, Topic::PaymentReturned, None), Ok(eur(6000)));
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
                amount(&case, topic, object).is_err(),
                "{topic:?} {object:?}"
            );
        }
    }
    let gone = delivery(Topic::PaymentReceived, Some(2), None);
    assert!(About::read(&case, &gone).is_err());
    // What a person is asked names a task, and no money of its own.
    let asked = Some("overpaid-p1");
    assert_eq!(amount(&case, Topic::NeedsPerson, asked), Ok(eur(6000)));
}

#[test]
fn a_refund_is_found_under_the_key_that_it_had_before_it_was_ours() {
    let mut case = paid();
    let mirrored = refund(None, "re_1", 2000, refund::State::Succeeded).key();
    case.payments[0].refunds = vec![refund(Some(1), "re_1", 2000, refund::State::Succeeded)];
    let found = amount(&case, Topic::RefundPaid, Some(&mirrored));
    assert_eq!(found, Ok(eur(2000)));
    let told = delivery(Topic::RefundPaid, Some(1), Some(&mirrored));
    let failed = delivery(Topic::RefundFailed, Some(1), Some("r1"));
    assert!(of_the_same(&case, &told, &failed));
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
        url: "https://pay.example/1".into(),
        expires_at: None,
    });
    assert_eq!(ready(&case), None);
}

#[test]
fn of_two_deliveries_each_waits_only_for_its_own_payment_and_refund() {
    let case = paid();
    let same = |one: (Topic, Option<u32>, Option<&str>),
                other: (Topic, Option<u32>, Option<&str>)| {
        let (one, other) = (
            delivery(one.0, one.1, one.2),
            delivery(other.0, other.1, other.2),
        );
        of_the_same(&case, &one, &other)
    };
    let failed = (Topic::RefundFailed, Some(1), Some("r1"));
    assert!(same((Topic::RefundPaid, Some(1), Some("r1")), failed));
    assert!(!same((Topic::RefundPaid, Some(1), Some("r2")), failed));
    assert!(same((Topic::PaymentReceived, Some(1), None), failed));
    assert!(!same((Topic::PaymentReceived, Some(2), None), failed));
    assert!(same((Topic::InvoiceIssued, None, None), failed));
}

fn row(state: &str) -> Row {
    Row::new("demo#case#1", "task#tell-xero-refund-paid-p1-r1")
        .text("state", state)
        .number("due_at", 7000)
}

#[test]
fn what_builds_on_nothing_fails_and_what_takes_nothing_back_is_needless() {
    let (needs, takes) = (
        After::Needs(Topic::InvoiceIssued),
        After::TakesBack(Topic::RefundPaid),
    );
    assert!(matches!(said(needs, None), Earlier::Failed(why) if why.contains("connected later")));
    assert!(matches!(said(takes, None), Earlier::Needless(_)));
    let ids = vec!["note".to_owned(), "payment".to_owned()];
    let done = row("done").json("filed", &ids).number("acts_done", 2);
    for after in [needs, takes] {
        assert_eq!(said(after, Some(&done)), Earlier::Filed(ids.clone()));
        for state in ["open", "calling"] {
            assert_eq!(said(after, Some(&row(state))), Earlier::Waiting(7000));
        }
    }
    for state in ["failed", "skipped", "unknown"] {
        assert!(matches!(said(needs, Some(&row(state))), Earlier::Failed(_)));
    }
    for state in ["failed", "skipped"] {
        assert!(matches!(
            said(takes, Some(&row(state))),
            Earlier::Needless(_)
        ));
    }
    // Half of it was filed: a person must undo that half.
    let half = row("failed")
        .json("filed", &["note"])
        .number("acts_done", 1);
    assert!(matches!(said(takes, Some(&half)), Earlier::Failed(_)));
    // Who may have been told hears the rest.
    assert_eq!(said(takes, Some(&row("unknown"))), Earlier::Filed(vec![]));
    assert_eq!(filed(&half), ["note"]);
}

#[test]
fn the_promised_day_is_that_of_the_row_that_will_try_again() {
    let zone = jiff::tz::TimeZone::get("Australia/Melbourne").unwrap();
    let millis = "2026-12-02T20:00:00Z".parse::<Timestamp>().unwrap();
    let planned = Row::new("demo#case#1", "task#retry-p1").due(millis.as_millisecond());
    let day = Some(jiff::civil::date(2026, 12, 3));
    assert_eq!(due_day(&planned, zone.clone()), day);
    assert_eq!(
        due_day(&Row::new("demo#case#1", "task#retry-p1"), zone),
        None
    );
}

#[test]
fn refunds_are_counted_in_the_order_in_which_they_were_heard_of() {
    let mut case = paid();
    let refunds = [(1, 1000), (2, 500), (3, 700)];
    case.payments[0].refunds = refunds
        .map(|(n, sum)| refund(Some(n), &format!("re_{n}"), sum, refund::State::Succeeded))
        .into();
    let told = |n: u32, second| {
        let key = format!("r{n}");
        Task {
            id: format!("tell-xero-refund-paid-p1-{key}"),
            work: Work::Deliver(delivery(Topic::RefundPaid, Some(1), Some(&key))),
            due: at(second),
        }
    };
    // The third was heard of first, the first and the second at once.
    let all = [told(1, 20), told(2, 20), told(3, 10)];
    let before = |case: &Case| [0, 1, 2].map(|n| paid_before(case, &all, &all[n]).minor);
    assert_eq!(before(&case), [700, 1700, 0]);
    case.payments[0].refunds[2].state = refund::State::Failed;
    assert_eq!(before(&case), [0, 1000, 0]);
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

#[test]
fn a_person_hears_once_that_no_system_reaches_the_patient() {
    let settings = |systems: &[&str]| Settings {
        id: "demo".into(),
        name: "Demo".into(),
        address: String::new(),
        phone: String::new(),
        tax_number: String::new(),
        currency: eur(0).currency,
        time_zone: "UTC".into(),
        policy: Default::default(),
        systems: systems.iter().map(|id| id.to_string()).collect(),
    };
    let says = |on: &[&str], person: &Person| {
        let says = |id| unreachable(&settings(on), systems::find(id).unwrap(), person);
        [says("mailgun"), says("twilio")]
    };
    let nobody = Person::default();
    let phone = Person {
        phone: Some("+4930123456".into()),
        ..Person::default()
    };
    let all = ["slack", "twilio", "mailgun"];
    assert_eq!(says(&all, &nobody), [true, false]);
    assert_eq!(says(&["twilio"], &nobody), [false, true]);
    assert_eq!(says(&all, &phone), [false, false]);
    assert_eq!(says(&["mailgun"], &phone), [true, false]);
}

fn telling(text: &str, phone: &str) -> Telling {
    Telling {
        key: "key".into(),
        topic: Topic::PaymentFailed,
        filed: vec![],
        clinic: "Demo".into(),
        invoice: "INV-7".into(),
        refund: None,
        amount: eur(6000),
        payment: Some(eur(6000)),
        refunded_before: eur(0),
        total: eur(6000),
        rates: vec![],
        date: jiff::civil::date(2026, 3, 14),
        gateway: "stripe".into(),
        customer: Customer {
            phone: Some(phone.into()),
            ..Customer::default()
        },
        message: Message {
            text: text.into(),
            ..Message::default()
        },
    }
}

#[test]
fn a_look_up_compares_with_the_words_and_the_number_that_were_sent() {
    let key = Key::random();
    let first = telling("60.00 is due. We will try again on Monday.", "+4930123456");
    let text = Channel::PatientText;
    let sent = sending(&row("open"), text, Some(&key), &first);
    assert_eq!(sent.get("state"), "calling");
    let stored = format!("{sent:?}");
    assert!(!stored.contains("60.00") && !stored.contains("4930123456"));
    let now = telling("Nothing is left to pay.", "+4930999999");
    let asked = as_sent(&sent, Some(&key), &now);
    assert_eq!(asked.message, first.message);
    assert_eq!(asked.customer, first.customer);
    // What is sent anew is what is true now.
    let again = sending(&sent, text, Some(&key), &now);
    assert_eq!(as_sent(&again, Some(&key), &first).message, now.message);
    let erased = as_sent(&sent, Some(&Key::random()), &now);
    assert_eq!(erased.message, now.message);
    assert!(!sending(&row("open"), Channel::Books, Some(&key), &first).has("sent"));
}

#[test]
fn what_is_sent_anew_has_its_own_time_and_lease_and_counts_as_a_try() {
    let first = row("open").number("tries", 2);
    let sent = sending(&first, Channel::Books, None, &telling("", ""));
    assert_eq!(sent.int("tries"), 2, "the first call is no repeat");
    let old = sent.number("sent_at", 5).text("owner", "another");
    let again = sending(&old, Channel::Books, None, &telling("", ""));
    assert_eq!(again.int("tries"), 3);
    assert!(again.int("sent_at") > 5 && again.get("owner") != "another");
    assert!(again.int("due_at") > again.int("sent_at") * 1000);
}

#[test]
fn a_look_up_is_believed_only_where_it_could_see() {
    let found = Ok(Some(Filed(Some("SM1".into()))));
    assert_eq!(seen(found, 1, 60), Look::End(Ok(Some("SM1".into()))));
    assert_eq!(seen(Ok(None), 60, 60), Look::Nothing);
    let again = |looked: Result<Option<Filed>, Trouble>| match seen(looked, 600, 1000) {
        Look::End(Err(Setback::Again {
            sent: true,
            mend,
            why,
            ..
        })) => (mend, why),
        other => panic!("{other:?}"),
    };
    assert_eq!(again(Ok(None)).1, "looked for it, not there yet");
    let (mend, why) = again(Err(Trouble::Credentials("status 401".into())));
    assert!(mend && why.contains("our key was not accepted"), "{why}");
    let (mend, why) = again(Err(Trouble::Unclear("status 503".into())));
    assert!(!mend && why.contains("status 503"), "{why}");
    let gave_up = Err(Trouble::Rejected("bounced".into()));
    assert_eq!(
        seen(gave_up, 1, 60),
        Look::End(Err(Setback::Failed("bounced".into())))
    );
}

#[test]
fn a_refused_key_is_a_persons_to_mend_and_a_busy_vendor_is_waited_for() {
    let put_off = |trouble, sent| match troubled(trouble, &LostReply::Human, sent) {
        Err(Setback::Again {
            wait, sent, mend, ..
        }) => (wait, sent, mend),
        other => panic!("{other:?}"),
    };
    let key = || Trouble::Credentials("Xero is not configured".into());
    assert_eq!(put_off(key(), false), (900, false, true));
    // Also where our own side cannot read the account's secrets for a moment.
    let busy = || Trouble::Limited { seconds: 10 };
    assert_eq!(put_off(busy(), false), (10, false, false));
    // A call before this one may have arrived all the same.
    assert_eq!(put_off(busy(), true), (10, true, false));
    assert_eq!(put_off(key(), true), (900, true, true));
    let lost = Trouble::Unclear("no reply".into());
    let lost = troubled(lost, &LostReply::Human, false);
    assert!(matches!(lost, Err(Setback::Unknown(_))));
}

#[test]
fn what_may_have_been_sent_does_not_end_as_undelivered() {
    let told = undelivered(Topic::RefundPaid, true, "no clear answer");
    assert_eq!(
        told,
        "The message of refund paid may have been sent: look before repeating it (no clear answer)."
    );
    let told = undelivered(Topic::RefundPaid, false, "refused: no_text");
    assert_eq!(
        told,
        "The message of refund paid was not delivered (refused: no_text)."
    );
}
