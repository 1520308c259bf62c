//! Money that is due is being collected, or a person is asked; and what a person is asked ends when
//! it is answered.

use crate::books::{
    Books, Said, charge, eur, fact, failed, invoice, our_refund, refund, refund_of, saved_method,
    succeeded,
};
use meridian::domain::case::{OpensBy, Session, Step};
use meridian::domain::decide::{Verdict, decide};
use meridian::domain::event::{Context, Event, Looked, NewInvoice, NewRefund, Report};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::outbox::Topic;
use meridian::domain::payment::State;
use meridian::domain::policy::{Collect, Policy};
use meridian::domain::task::{Alert, Work};

const DAY: i64 = 86_400;
const UNCOLLECTED: &str = "person-uncollected";

/// An invoice of 100.00 that is charged to a saved method and tried again on these days.
fn charged(retry_after_days: Vec<u32>) -> Books {
    Books::open(NewInvoice {
        policy: Policy {
            retry_after_days,
            ..Policy::default()
        },
        charge: Some(charge(None, Some(saved_method()))),
        ..invoice(10_000)
    })
}

fn declined(books: &mut Books, n: u32) {
    books.hear(failed(n, Decline::Funds));
    assert_eq!(books.payment(n).state, State::Declined);
}

fn asks(books: &Books, id: &str) -> bool {
    books.rows.contains_key(id)
}

fn page(books: &mut Books, n: u32) {
    books.apply(&Event::SessionOpened {
        payment: n,
        session: Session {
            id: format!("cs_{n}"),
            opens_by: OpensBy::Redirect("https://pay.example/1".into()),
            expires_at: None,
        },
    });
}

fn page_expires(books: &mut Books, n: u32) {
    let over = Fact {
        aliases: vec![format!("cs_{n}")],
        payment: None,
        ..fact(Kind::PaymentExpired, n)
    };
    books.hear(over);
}

/// Due, and neither at work nor asked of a person: nobody would ever collect it.
fn forgotten(books: &Books) -> bool {
    books.case.due().minor > 0 && books.work().is_empty() && !asks(books, UNCOLLECTED)
}

#[test]
fn a_page_that_expired_beside_a_planned_retry_does_not_end_the_collecting() {
    let mut books = charged(vec![3, 5]);
    declined(&mut books, 1);
    books.apply(&Event::Charge(charge(None, None)));
    page(&mut books, 2);
    page_expires(&mut books, 2);
    assert!(!forgotten(&books));
    books.later(3 * DAY);
    let method = Some(saved_method());
    books.apply(&Event::RetryDue { payment: 1, method });
    assert!(!forgotten(&books), "{:#?}", books.rows.keys());
}

#[test]
fn where_the_method_is_gone_on_the_day_of_a_retry_a_page_opens() {
    let mut books = charged(vec![3]);
    declined(&mut books, 1);
    books.later(3 * DAY);
    let method = None;
    books.apply(&Event::RetryDue { payment: 1, method });
    assert!(!forgotten(&books));
    assert_eq!(books.payment(2).next_step(), Some(Step::Checkout));
}

#[test]
fn the_last_decline_and_the_page_that_nobody_paid_are_a_task_and_told_once() {
    let mut books = charged(vec![]);
    declined(&mut books, 1);
    assert!(asks(&books, UNCOLLECTED));
    assert_eq!(books.told_of(Topic::NeedsPerson), 1);
    let mut books = Books::with_payment(10_000, None);
    page(&mut books, 1);
    assert!(!asks(&books, UNCOLLECTED), "the patient can pay");
    page_expires(&mut books, 1);
    assert!(asks(&books, UNCOLLECTED));
    assert_eq!(books.told_of(Topic::NeedsPerson), 1);
    // More of the same is not told again.
    page_expires(&mut books, 1);
    assert_eq!(books.told_of(Topic::NeedsPerson), 1);
}

#[test]
fn a_task_of_what_is_due_ends_when_it_is_collected_again_paid_or_charged() {
    let mut books = charged(vec![]);
    declined(&mut books, 1);
    books.apply(&Event::Charge(charge(None, None)));
    assert!(!asks(&books, UNCOLLECTED), "a page opens");
    books.hear(failed(2, Decline::Funds));
    books.apply(&Event::Closed { payment: 2 });
    page_expires(&mut books, 2);
    assert!(asks(&books, UNCOLLECTED));
    books.hear(succeeded(1));
    assert!(!asks(&books, UNCOLLECTED), "it is paid");
    assert_eq!(books.case.due(), eur(0));
}

#[test]
fn what_a_clinic_collects_by_itself_later_is_nobodys_task_until_it_was_tried() {
    let mut books = Books::open(NewInvoice {
        policy: Policy {
            collect: Collect::Later,
            ..Policy::default()
        },
        ..invoice(10_000)
    });
    assert!(books.rows.keys().all(|id| !id.starts_with("person-")));
    books.apply(&Event::Charge(charge(Some(4000), Some(saved_method()))));
    books.hear(succeeded(1));
    assert!(
        asks(&books, UNCOLLECTED),
        "60.00 is due and nothing collects it"
    );
}

#[test]
fn money_that_went_back_is_collected_again_or_a_task() {
    for days in [vec![3], vec![]] {
        let mut books = charged(days.clone());
        books.hear(succeeded(1));
        books.hear(Fact {
            decline: Some(Decline::Funds),
            ..fact(Kind::PaymentReturned, 1)
        });
        assert!(!forgotten(&books), "{days:?}");
        assert_eq!(asks(&books, UNCOLLECTED), days.is_empty());
    }
}

/// A call whose reply was lost, of which people are to find what became of it.
fn lost_for_people(books: &mut Books, step: Step, refund: Option<u32>) {
    let (payment, intent) = (1, books.intent(step, 1, refund));
    books.call(payment, refund, intent);
    books.apply(&Event::ReplyLost { payment, refund });
    books.apply(&Event::StillUnknown {
        payment,
        refund,
        again_at: books.now,
        tries: 1,
        looked: Looked::Person,
    });
}

#[test]
fn an_unknown_payment_is_no_longer_asked_of_a_person_once_the_gateway_tells() {
    let heard: [fn(&mut Books) -> Said; 2] = [
        |books| books.hear(succeeded(1)),
        |books| books.answer(failed(1, Decline::Funds)),
    ];
    for hear in heard {
        let mut books = charged(vec![3]);
        lost_for_people(&mut books, Step::Charge, None);
        assert!(asks(&books, "person-p1"));
        assert_eq!(hear(&mut books), Said::Changed);
        assert!(!asks(&books, "person-p1"));
    }
}

#[test]
fn an_unknown_refund_is_no_longer_asked_of_a_person_once_the_gateway_tells() {
    for kind in [
        Kind::RefundSucceeded,
        Kind::RefundFailed,
        Kind::RefundPending,
    ] {
        let mut books = Books::paid(10_000);
        books.ask_refund("q1", 4000);
        lost_for_people(&mut books, Step::Refund, Some(1));
        assert!(asks(&books, "person-r1"));
        books.hear(our_refund(kind, 1, 1, "re_1", 4000));
        assert!(!asks(&books, "person-r1"), "{kind:?}");
    }
}

#[test]
fn a_refund_that_was_made_at_the_gateway_meanwhile_waits_for_nobody() {
    let mut books = Books::paid(10_000);
    let asked = NewRefund {
        needs_approval: true,
        ..refund_of("q1", 4000)
    };
    books.apply(&Event::RefundRequested(asked));
    assert!(asks(&books, "person-refund-waits-q1"));
    books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4000));
    assert!(!asks(&books, "person-refund-waits-q1"));
}

#[test]
fn a_refund_that_failed_is_nobodys_task_once_another_went_in_its_place() {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 4000);
    books.hear(our_refund(Kind::RefundFailed, 1, 1, "re_1", 4000));
    assert!(asks(&books, "person-refund-failed-r1"));
    books.ask_refund("q2", 4000);
    assert!(asks(&books, "person-refund-failed-r1"), "not yet");
    books.hear(our_refund(Kind::RefundSucceeded, 1, 2, "re_2", 4000));
    assert!(!asks(&books, "person-refund-failed-r1"));
}

#[test]
fn a_surplus_that_was_refunded_is_nobodys_task_any_more() {
    let mut books = Books::with_payment(10_000, None);
    page(&mut books, 1);
    books.hear(failed(1, Decline::Funds));
    books.apply(&Event::Closed { payment: 1 });
    page_expires(&mut books, 1);
    books.apply(&Event::Charge(charge(None, Some(saved_method()))));
    books.hear(succeeded(2));
    books.hear(succeeded(1));
    assert_eq!(books.case.paid(), eur(20_000));
    let open = |books: &Books| {
        books
            .rows
            .keys()
            .any(|id| id.starts_with("person-overpaid"))
    };
    let surplus_goes = books.case.refunds().count() > 0;
    assert!(open(&books) || surplus_goes);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_9", 10_000));
    assert!(!open(&books));
}

#[test]
fn a_task_is_raised_again_when_the_same_becomes_true_again() {
    let mut books = charged(vec![]);
    declined(&mut books, 1);
    books.apply(&Event::Charge(charge(None, Some(saved_method()))));
    assert!(!asks(&books, UNCOLLECTED));
    assert_eq!(books.hear(failed(2, Decline::Funds)), Said::Changed);
    assert!(asks(&books, UNCOLLECTED));
    assert_eq!(books.told_of(Topic::NeedsPerson), 2, "each time once");
}

#[test]
fn a_debit_that_the_gateway_itself_tries_again_is_told_at_once_and_never_retried_by_us() {
    let failed_on = |day: &str| Fact {
        decline: Some(Decline::Funds),
        occurred_at: Some(format!("2026-03-{day}T09:00:00Z").parse().unwrap()),
        ..fact(Kind::PaymentPending, 1)
    };
    let mut books = charged(vec![3]);
    books.late_failures = true;
    for _ in 0..3 {
        books.report(vec![failed_on("05")], true);
    }
    assert_eq!(books.payment(1).state, State::Pending);
    assert_eq!(books.told_of(Topic::PaymentFailed), 1, "told once");
    assert!(!books.rows.contains_key("retry-p1"));
    assert_eq!(books.case.chargeable(), eur(0), "it may still come");
    assert!(!asks(&books, UNCOLLECTED) && books.work().contains_key("p1"));
    books.report(vec![failed_on("09")], true);
    assert_eq!(books.told_of(Topic::PaymentFailed), 2, "it failed again");
    books.hear_out(succeeded(1));
    assert_eq!(books.payment(1).state, State::Paid);
    assert_eq!(books.payment(1).decline, None);
}

#[test]
fn a_hard_decline_ends_the_method_in_the_same_commit_and_another_way_is_planned() {
    let mut books = charged(vec![3]);
    books.hear(failed(1, Decline::Method));
    assert!(books.rows.contains_key("retry-p1"));
    books.later(3 * DAY);
    // Whoever still names the method that ended: it is not charged again.
    let method = Some(saved_method());
    books.apply(&Event::RetryDue { payment: 1, method });
    assert_eq!(books.payment(2).next_step(), Some(Step::Checkout));
}

/// A clinic that no system hears of: the change plans nothing else.
#[test]
fn a_question_that_is_answered_ends_its_task_also_where_nobody_else_is_told() {
    let mut books = Books::with_payment(10_000, None);
    books.hear(fact(Kind::PaymentExpired, 1));
    books.hear(succeeded(1));
    assert!(asks(&books, "person-late-p1"));
    let back = Event::Reported(Report {
        gateway: "stripe".into(),
        facts: vec![refund(Kind::RefundSucceeded, 1, "re_9", 10_000)],
        current: true,
        late_failures: false,
        page_stays: false,
        answer: false,
    });
    let alone = Context {
        now: books.now,
        zone: jiff::tz::TimeZone::UTC,
        cause: "test".into(),
    };
    let Verdict::Change(decision) = decide(Some(&books.case), &back, &alone) else {
        panic!("it changes the case");
    };
    assert_eq!(decision.tasks, []);
    assert_eq!(decision.done, ["person-late-p1"]);
}

#[test]
fn what_becomes_unknown_again_is_asked_again() {
    for (step, refund, task) in [
        (Step::Charge, None, "person-p1"),
        (Step::Refund, Some(1), "person-r1"),
    ] {
        let mut books = charged(vec![3]);
        if refund.is_some() {
            books.hear(succeeded(1));
            books.ask_refund("q1", 4000);
        }
        for times in 1..=2 {
            lost_for_people(&mut books, step, refund);
            assert!(asks(&books, task), "{task} the {times}. time");
            let told = books.told_of(Topic::NeedsPerson);
            assert_eq!(told, times, "{task}: each time once");
            // It was never made, as the gateway says: it goes out anew.
            let again = crate::books::not_done(1, refund, books.now, true);
            assert_eq!(books.apply(&again), Said::Changed);
            assert!(!asks(&books, task));
        }
    }
}

#[test]
fn a_method_ends_with_the_decline_that_says_it_never_works_again_and_once() {
    for (why, ends) in [
        (Decline::Method, true),
        (Decline::Funds, false),
        (Decline::Action, false),
        (Decline::Fraud, false),
        (Decline::Cancelled, false),
        (Decline::Other, false),
    ] {
        let wanted: Vec<_> = ends.then(saved_method).into_iter().collect();
        let mut books = charged(vec![3]);
        books.hear(failed(1, why));
        books.hear(failed(1, why));
        assert_eq!(books.ended, wanted, "{why:?}");
        // So does money that went back for that reason.
        let mut books = charged(vec![3]);
        books.hear(succeeded(1));
        assert_eq!(books.ended, []);
        let back = Fact {
            decline: Some(why),
            ..fact(Kind::PaymentReturned, 1)
        };
        books.hear(back.clone());
        books.hear(back);
        assert_eq!(books.ended, wanted, "{why:?}");
        // A page has no method that could end.
        let mut books = Books::with_payment(10_000, None);
        books.hear(failed(1, why));
        assert_eq!(books.ended, [], "{why:?}");
    }
}

#[test]
fn a_retry_waits_only_where_it_is_planned() {
    let mut books = charged(vec![3]);
    let waits = |payment| Event::RetryWaits { payment };
    assert_eq!(books.apply(&waits(1)), Said::Nothing, "nothing failed");
    declined(&mut books, 1);
    assert_eq!(books.apply(&waits(2)), Said::Nothing, "another payment");
    books.later(3 * DAY);
    assert_eq!(books.apply(&waits(1)), Said::Changed);
    assert!(books.rows["retry-p1"].due > books.now);
    books.hear(succeeded(1));
    assert_eq!(books.apply(&waits(1)), Said::Nothing, "it is paid");
}

/// In how many seconds the row of the first payment looks at it, if that is what it does.
fn looks_in(books: &Books) -> Option<i64> {
    let row = books.rows.get("p1")?;
    let looks = matches!(
        row.work,
        Work::Settle {
            payment: 1,
            refund: None,
            ..
        }
    );
    looks.then(|| row.due.as_second() - books.now.as_second())
}

#[test]
fn whatever_leaves_a_payment_under_way_looks_at_it_in_a_while() {
    const WHILE: Option<i64> = Some(900);
    let opened = || {
        let mut books = Books::with_payment(10_000, None);
        page(&mut books, 1);
        books
    };
    // A page opened, and a decline on it.
    let mut books = opened();
    assert_eq!(looks_in(&books), WHILE);
    books.later(60);
    books.report(vec![failed(1, Decline::Funds)], true);
    assert_eq!(looks_in(&books), WHILE);
    // That is told only once the payer had the time to try again.
    let waits = &books.rows["declined-p1"];
    assert_eq!(waits.due.as_second() - books.now.as_second(), 600);
    assert_eq!(books.told_of(Topic::PaymentFailed), 0);
    // Money under way.
    let mut books = opened();
    books.later(60);
    books.report(vec![fact(Kind::PaymentPending, 1)], true);
    assert_eq!(books.payment(1).state, State::Pending);
    assert_eq!(looks_in(&books), WHILE);
    // A debit that its gateway tries again by itself, and one that it collects anew.
    let mut books = charged(vec![3]);
    books.late_failures = true;
    for day in ["05", "09"] {
        books.later(60);
        let failed_there = Fact {
            decline: Some(Decline::Funds),
            occurred_at: Some(format!("2026-03-{day}T09:00:00Z").parse().unwrap()),
            ..fact(Kind::PaymentPending, 1)
        };
        assert_eq!(books.report(vec![failed_there], true), Said::Changed);
        assert_eq!(looks_in(&books), WHILE);
    }
    books.report(vec![failed(1, Decline::Funds)], true);
    assert_eq!(looks_in(&books), None, "it is over");
    // A decline of a saved method is told at once: nobody is at a page.
    let told = books
        .outbox
        .iter()
        .rfind(|told| told.subject.topic == Topic::PaymentFailed);
    assert_eq!(told.map(|told| told.heard_at), Some(books.now));
    books.later(60);
    books.report(vec![fact(Kind::PaymentPending, 1)], true);
    assert_eq!(looks_in(&books), WHILE);
    // A page that its gateway does not end.
    let mut books = opened();
    books.apply(&Event::Closed { payment: 1 });
    assert_eq!(looks_in(&books), None, "it is ended first");
    books.later(60);
    let stays = Event::PageStays { payment: 1 };
    assert_eq!(books.apply(&stays), Said::Changed);
    assert_eq!(looks_in(&books), WHILE);
    assert_eq!(books.apply(&stays), Said::Nothing);
}

/// Nobody was sent there: it is ended, and nobody hears of it.
#[test]
fn a_page_that_opens_after_another_way_took_its_place_is_ended() {
    let mut books = Books::with_payment(10_000, None);
    let intent = books.intent(Step::Checkout, 1, None);
    assert_eq!(books.call(1, None, intent), Said::Changed);
    books.apply(&Event::Charge(charge(None, Some(saved_method()))));
    assert_eq!(books.payment(1).state, State::Expired);
    page(&mut books, 1);
    let step = Step::Close;
    assert_eq!(books.rows["p1"].work, Work::Pay { payment: 1, step });
    assert_eq!(books.told_of(Topic::CheckoutReady), 0);
    assert_eq!(books.payment(1).next_step(), Some(step));
    // One that is wanted is told.
    let mut books = Books::with_payment(10_000, None);
    page(&mut books, 1);
    assert_eq!(books.told_of(Topic::CheckoutReady), 1);
    page(&mut books, 1);
    assert_eq!(books.told_of(Topic::CheckoutReady), 1);
}

#[test]
fn a_question_of_a_person_says_what_it_is_about() {
    let mut books = charged(vec![3]);
    lost_for_people(&mut books, Step::Charge, None);
    let Work::Person(matter) = &books.rows["person-p1"].work else {
        panic!("it is a person's");
    };
    assert_eq!(matter.alert, Alert::UnknownOutcome);
    assert_eq!((matter.payment, matter.refund), (Some(1), None));
    assert_eq!(matter.amount, Some(eur(10_000)));
    assert_eq!(matter.vendor.as_deref(), Some("stripe"));
    assert_eq!(matter.invoice.as_deref(), Some("2026-1"));
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 4000);
    lost_for_people(&mut books, Step::Refund, Some(1));
    let Work::Person(matter) = &books.rows["person-r1"].work else {
        panic!("it is a person's");
    };
    assert_eq!((matter.payment, matter.refund), (Some(1), Some(1)));
    assert_eq!(matter.amount, Some(eur(4000)), "of the refund");
    assert_eq!(matter.request.as_deref(), Some("q1"));
}
