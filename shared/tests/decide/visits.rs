//! What a case does when its visit moves, is called off or takes place after all.

use crate::books::{
    Books, Said, charge, eur, fact, failed, invoice, our_refund, page, saved_method, succeeded,
};
use meridian::domain::case::{Ending, Step};
use meridian::domain::event::{Event, NewInvoice};
use meridian::domain::fact::{Decline, Kind};
use meridian::domain::outbox::Topic;
use meridian::domain::payment::State;
use meridian::domain::policy::Policy;
use meridian::domain::task::{Alert, Work};
use meridian::domain::visit::Off;

const ASKED: &str = "person-called-off";
const OFF: Event = Event::VisitCalledOff {
    how: Off::Cancelled,
};

fn asks(books: &Books) -> bool {
    books.rows.contains_key(ASKED)
}

/// What the task of a visit that is off asks about.
fn asked(books: &Books) -> (i64, String) {
    let Work::Person(matter) = &books.rows[ASKED].work else {
        panic!("a person's task");
    };
    assert_eq!(matter.alert, Alert::CalledOff);
    let amount = matter.amount.expect("an amount").minor;
    (amount, matter.words.clone().unwrap_or_default())
}

fn on_page() -> Books {
    let mut books = Books::with_payment(10_000, None);
    books.apply(&Event::SessionOpened {
        payment: 1,
        session: page(None),
    });
    books
}

#[test]
fn a_visit_that_moved_is_spoken_of_at_its_new_time() {
    let mut books = Books::with_payment(10_000, None);
    let noon = "2026-11-20T12:00:00Z".parse().unwrap();
    let moved = Event::VisitMoved {
        visit: "A-2".into(),
        starts_at: noon,
    };
    assert_eq!(books.apply(&moved), Said::Changed);
    assert_eq!(books.apply(&moved), Said::Nothing);
    assert_eq!(books.case.appointment.as_deref(), Some("A-2"));
    books.hear(succeeded(1));
    let told = books.outbox.last().expect("what was told");
    assert_eq!(told.facts.starts_at, Some(noon));
}

#[test]
fn nothing_is_asked_of_people_where_no_money_is_on_a_visit_that_is_off() {
    for mut books in [Books::open(invoice(10_000)), on_page()] {
        assert_eq!(books.apply(&OFF), Said::Changed);
        assert_eq!(books.case.called_off, Some(Off::Cancelled));
        assert!(!asks(&books));
        assert_eq!(books.apply(&OFF), Said::Nothing);
        assert_eq!(books.apply(&Event::VisitRestored), Said::Changed);
        assert_eq!(books.apply(&Event::VisitRestored), Said::Nothing);
    }
}

#[test]
fn pages_are_given_up_with_the_visit_and_what_was_not_begun_is_not_tried() {
    let mut books = on_page();
    books.apply(&OFF);
    assert_eq!(books.payment(1).ending, Some(Ending::Asked));
    assert_eq!(books.case.next_step(1), Some(Step::Close));
    // Nobody was sent to these yet: they are over at once.
    for method in [None, Some(saved_method())] {
        let mut books = Books::with_payment(10_000, method);
        books.apply(&OFF);
        assert_eq!(books.payment(1).state, State::Expired);
        assert!(books.work().is_empty(), "{:?}", books.work());
        assert!(!asks(&books));
    }
    // What is under way at the gateway is not ours to end.
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    let intent = books.intent(Step::Charge, 1, None);
    books.call(1, None, intent);
    books.apply(&OFF);
    assert_eq!(books.payment(1).state, State::Pending);
    assert_eq!(asked(&books).0, 10_000);
}

#[test]
fn no_try_is_made_by_itself_while_a_visit_is_off() {
    let retries = || {
        Books::open(NewInvoice {
            policy: Policy {
                retry_after_days: vec![3, 5],
                ..Policy::default()
            },
            charge: Some(charge(None, Some(saved_method()))),
            ..invoice(10_000)
        })
    };
    let mut books = retries();
    books.hear(failed(1, Decline::Funds));
    assert!(books.case.retry.is_some());
    books.apply(&OFF);
    assert!(books.case.retry.is_none() && books.work().is_empty());
    assert!(
        books.alerts().contains(&Alert::Uncollected),
        "it is due all the same"
    );
    // A try that fails later plans none either.
    let mut books = retries();
    books.hear(fact(Kind::PaymentPending, 1));
    books.apply(&OFF);
    books.hear(failed(1, Decline::Funds));
    assert!(books.case.retry.is_none() && books.work().is_empty());
    assert!(!asks(&books), "nothing came");
}

#[test]
fn money_on_a_visit_that_is_off_is_one_task_until_all_of_it_went_back() {
    let mut books = Books::paid(10_000);
    let told = books.told_of(Topic::NeedsPerson);
    books.apply(&Event::VisitCalledOff { how: Off::NoShow });
    assert_eq!(asked(&books), (10_000, "Nobody came.".into()));
    assert_eq!(books.told_of(Topic::NeedsPerson), told + 1);
    books.ask_refund("r", 4000);
    books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 4000));
    assert!(asks(&books), "60.00 are still there");
    books.ask_refund("s", 6000);
    books.hear(our_refund(Kind::RefundSucceeded, 1, 2, "re_2", 6000));
    assert!(!asks(&books));
    assert_eq!(books.told_of(Topic::NeedsPerson), told + 1);
    assert_eq!(books.case.refunded(), eur(10_000));
}

#[test]
fn a_visit_that_takes_place_after_all_ends_the_task() {
    let moved = Event::VisitMoved {
        visit: "A-2".into(),
        starts_at: "2026-11-20T12:00:00Z".parse().unwrap(),
    };
    for event in [Event::VisitRestored, moved] {
        let mut books = Books::paid(10_000);
        books.apply(&OFF);
        assert!(asks(&books));
        assert_eq!(books.apply(&event), Said::Changed);
        assert!(!asks(&books) && books.case.called_off.is_none());
    }
}

#[test]
fn money_that_comes_once_the_visit_is_off_is_asked_about_though_the_task_was_worked_off() {
    let mut books = on_page();
    books.apply(&OFF);
    books.hear(succeeded(1));
    assert_eq!(asked(&books), (10_000, "It was cancelled.".into()));
    // Under way it was told of, and it is told again when it is there.
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    books.hear(fact(Kind::PaymentPending, 1));
    books.apply(&OFF);
    assert!(asks(&books));
    books.rows.remove(ASKED);
    books.hear(succeeded(1));
    assert_eq!(asked(&books).0, 10_000);
    // What is under way and fails leaves nothing to ask about.
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    books.hear(fact(Kind::PaymentPending, 1));
    books.apply(&OFF);
    books.hear(failed(1, Decline::Funds));
    assert!(!asks(&books));
}

#[test]
fn nobody_owes_a_deposit_on_a_visit_that_is_off_until_it_takes_place_after_all() {
    let mut books = Books::deposit(11_000, 5000, Policy::default());
    books.apply(&OFF);
    assert_eq!(books.payment(1).state, State::Expired);
    assert!(books.rows.is_empty(), "{:?}", books.rows);
    books.apply(&Event::VisitRestored);
    assert_eq!(books.alerts(), [Alert::Uncollected], "it is due again");
    books.apply(&OFF);
    assert!(books.alerts().is_empty());
    // A part that came is what people are asked about, and no more.
    books.hear(succeeded(1));
    assert_eq!(books.alerts(), [Alert::CalledOff]);
    assert_eq!(asked(&books).0, 5000);
}
