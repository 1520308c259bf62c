//! Ways to pay that are open at the same time: which one may bring the money, what becomes of the
//! others, and what is given back when two of them did.

use crate::books::{Books, Said, charge, eur, fact, failed, invoice, saved_method, succeeded};
use meridian::domain::case::{OpensBy, Session, Step};
use meridian::domain::event::{Event, NewInvoice};
use meridian::domain::fact::{Decline, Fact, Kind, Method};
use meridian::domain::outbox::Topic;
use meridian::domain::payment::State;
use meridian::domain::refund as refunds;
use meridian::domain::task::Work;
use meridian::words::money::{Currency, Money};

fn session(n: u32) -> Session {
    Session {
        id: format!("cs_{n}"),
        opens_by: OpensBy::Redirect(format!("https://pay.example.test/cs_{n}")),
        expires_at: None,
    }
}

fn open_page(books: &mut Books, n: u32) {
    let intent = books.intent(Step::Checkout, n, None);
    assert_eq!(books.call(n, None, intent), Said::Changed);
    let session = session(n);
    let opened = Event::SessionOpened {
        payment: n,
        session,
    };
    assert_eq!(books.apply(&opened), Said::Changed);
}

fn with_page(total: i64) -> Books {
    let mut books = Books::with_payment(total, None);
    open_page(&mut books, 1);
    books
}

/// What the page's own session tells: its id is known from when it was opened.
fn of_page(kind: Kind, n: u32) -> Fact {
    Fact {
        aliases: vec![format!("cs_{n}")],
        ..fact(kind, n)
    }
}

fn paid_on_page(n: u32, minor: i64) -> Fact {
    Fact {
        amount: Some(eur(minor)),
        ..of_page(Kind::PaymentSucceeded, n)
    }
}

fn declined_on_page(books: &mut Books, n: u32) {
    let declined = Fact {
        decline: Some(Decline::Funds),
        ..of_page(Kind::PaymentFailed, n)
    };
    assert_eq!(books.hear(declined), Said::Changed);
    assert_eq!(books.payment(n).state, State::Declined);
}

fn ask(books: &mut Books, minor: Option<i64>, method: Option<Method>) -> Said {
    books.apply(&Event::Charge(charge(minor, method)))
}

/// What would be sent for this payment now, if anything may be.
fn begins(books: &Books, n: u32) -> bool {
    let step = match books.payment(n).method {
        Some(_) => Step::Charge,
        None => Step::Checkout,
    };
    books.clone().call(n, None, books.intent(step, n, None)) == Said::Changed
}

fn works_on(books: &Books, n: u32) -> bool {
    books.work().contains_key(format!("p{n}").as_str())
}

#[test]
fn another_way_to_pay_begins_only_once_the_page_before_it_is_ended() {
    for declined_before in [false, true] {
        for method in [Some(saved_method()), None] {
            let mut books = with_page(7100);
            if declined_before {
                declined_on_page(&mut books, 1);
            }
            assert_eq!(ask(&mut books, None, method.clone()), Said::Changed);
            assert!(!begins(&books, 2), "the page before can still be paid");
            assert_eq!(books.payment(1).open_page(), None, "nobody is sent there");
            assert!(works_on(&books, 1), "it is being ended");
            assert_eq!(books.hear(of_page(Kind::PaymentExpired, 1)), Said::Changed);
            assert!(works_on(&books, 2));
            assert!(begins(&books, 2));
            books.verify();
        }
    }
}

#[test]
fn what_is_paid_on_the_page_before_it_is_ended_makes_the_other_way_needless() {
    for method in [Some(saved_method()), None] {
        let mut books = with_page(7100);
        assert_eq!(ask(&mut books, None, method), Said::Changed);
        assert_eq!(books.hear(paid_on_page(1, 7100)), Said::Changed);
        assert!(!begins(&books, 2));
        assert!(!works_on(&books, 2));
        assert_eq!(books.payment(2).state, State::Expired, "it was never sent");
        assert_eq!(
            (books.case.paid(), books.case.chargeable()),
            (eur(7100), eur(0))
        );
        books.told_once();
    }
}

#[test]
fn money_that_is_on_its_way_from_the_page_before_it_is_ended_makes_the_other_way_needless() {
    let mut books = with_page(10_000);
    assert_eq!(ask(&mut books, None, Some(saved_method())), Said::Changed);
    assert_eq!(books.hear(of_page(Kind::PaymentPending, 1)), Said::Changed);
    assert_eq!(books.payment(1).state, State::Pending);
    assert_eq!(books.payment(2).state, State::Expired);
    assert!(!begins(&books, 2));
}

#[test]
fn a_page_for_a_part_stays_beside_another_way_for_the_rest() {
    let mut books = Books::open(invoice(10_000));
    assert_eq!(ask(&mut books, Some(6000), None), Said::Changed);
    open_page(&mut books, 1);
    assert_eq!(
        ask(&mut books, Some(4000), Some(saved_method())),
        Said::Changed
    );
    assert!(begins(&books, 2));
    assert!(books.payment(1).open_page().is_some());
    // One cent more, and both together would bring too much.
    let mut books = Books::open(invoice(10_000));
    assert_eq!(ask(&mut books, Some(6001), None), Said::Changed);
    open_page(&mut books, 1);
    assert_eq!(
        ask(&mut books, Some(4000), Some(saved_method())),
        Said::Changed
    );
    assert!(!begins(&books, 2));
}

#[test]
fn a_page_that_nobody_was_sent_to_yet_gives_way_at_once() {
    // Not asked for yet, being asked for, and its reply lost.
    for at in 0..3 {
        let mut books = Books::with_payment(7100, None);
        if at > 0 {
            let intent = books.intent(Step::Checkout, 1, None);
            assert_eq!(books.call(1, None, intent), Said::Changed);
        }
        if at > 1 {
            let lost = Event::ReplyLost {
                payment: 1,
                refund: None,
            };
            assert_eq!(books.apply(&lost), Said::Changed);
        }
        assert_eq!(ask(&mut books, None, Some(saved_method())), Said::Changed);
        assert_eq!(books.payment(1).state, State::Expired);
        assert!(begins(&books, 2));
        // It was opened all the same: nobody hears of it, and it is ended.
        let opened = Event::SessionOpened {
            payment: 1,
            session: session(1),
        };
        if at > 0 {
            assert_eq!(books.apply(&opened), Said::Changed);
            assert_eq!(books.told_of(Topic::CheckoutReady), 0);
            assert!(works_on(&books, 1), "it is being ended");
        }
    }
}

#[test]
fn a_page_with_a_decline_is_asked_about_until_it_is_over() {
    let mut books = with_page(7100);
    declined_on_page(&mut books, 1);
    let polled = |books: &Books| {
        let work = books.work();
        work.get("p1")
            .is_some_and(|task| matches!(task.work, Work::Settle { .. }))
    };
    assert!(polled(&books));
    assert_eq!(books.hear(of_page(Kind::PaymentExpired, 1)), Said::Changed);
    assert!(!polled(&books));
    assert_eq!(books.payment(1).state, State::Declined);
}

#[test]
fn a_second_success_goes_back_once_from_the_payment_that_brought_it() {
    let mut books = with_page(7100);
    assert_eq!(ask(&mut books, None, Some(saved_method())), Said::Changed);
    // The gateway said that the page is over, and the payer was faster all the same.
    assert_eq!(books.hear(of_page(Kind::PaymentExpired, 1)), Said::Changed);
    let intent = books.intent(Step::Charge, 2, None);
    assert_eq!(books.call(2, None, intent), Said::Changed);
    let charged = Fact {
        amount: Some(eur(7100)),
        ..succeeded(2)
    };
    assert_eq!(books.report(vec![charged], true), Said::Changed);
    for told in 0..2 {
        let said = books.hear(paid_on_page(1, 7100));
        let expected = [Said::Changed, Said::Nothing];
        assert_eq!(said, expected[told]);
        let given_back = &books.payment(1).refunds;
        assert_eq!(given_back.len(), 1);
        assert_eq!(given_back[0].amount, eur(7100));
        assert_eq!(given_back[0].request.as_deref(), Some("surplus-p1"));
        assert_eq!(given_back[0].state, refunds::State::Requested);
        assert!(books.payment(2).refunds.is_empty());
        assert!(books.work().contains_key("r1"));
    }
    assert_eq!(
        books.case.refundable(),
        eur(7100),
        "what was due stays refundable"
    );
    books.verify();
}

#[test]
fn only_what_is_too_much_of_a_payment_goes_back() {
    let mut books = Books::open(NewInvoice {
        charge: Some(charge(Some(6000), None)),
        ..invoice(10_000)
    });
    open_page(&mut books, 1);
    assert_eq!(books.hear(of_page(Kind::PaymentExpired, 1)), Said::Changed);
    assert_eq!(
        ask(&mut books, Some(7000), Some(saved_method())),
        Said::Changed
    );
    let intent = books.intent(Step::Charge, 2, None);
    assert_eq!(books.call(2, None, intent), Said::Changed);
    let charged = Fact {
        amount: Some(eur(7000)),
        ..succeeded(2)
    };
    assert_eq!(books.report(vec![charged], true), Said::Changed);
    assert_eq!(books.hear(paid_on_page(1, 6000)), Said::Changed);
    assert_eq!(books.payment(1).refunds[0].amount, eur(3000));
    books.verify();
}

#[test]
fn an_id_that_is_not_the_live_pages_own_neither_ends_nor_fails_it() {
    for kind in [Kind::PaymentExpired, Kind::PaymentFailed] {
        let mut books = with_page(7100);
        let orphaned = Fact {
            payment: Some("cs_0".into()),
            ..fact(kind, 1)
        };
        assert_eq!(books.hear(orphaned.clone()), Said::Ask, "{kind:?}");
        assert_eq!(books.payment(1).state, State::Open);
        assert!(books.payment(1).open_page().is_some());
        // The page's own session tells of the try that failed.
        assert_eq!(books.report(vec![of_page(kind, 1)], true), Said::Changed);
    }
}

#[test]
fn a_success_without_an_amount_or_of_an_unknown_id_is_looked_up_before_it_counts() {
    let bare = of_page(Kind::PaymentSucceeded, 1);
    let unknown = Fact {
        aliases: vec![],
        payment: Some("pi_unknown".into()),
        ..paid_on_page(1, 7100)
    };
    for heard in [bare, unknown] {
        let mut books = with_page(7100);
        assert_eq!(books.say(vec![heard.clone()], false), Said::Ask);
        assert_eq!(books.case.paid(), eur(0));
        assert_eq!(books.say(vec![heard.clone()], false), Said::Ask);
        let other = |amount: Option<Money>| Fact {
            amount,
            ..heard.clone()
        };
        let pounds = Money::new(7100, Currency::read("GBP").unwrap());
        for amount in [Some(pounds), None] {
            let said = books.say(vec![other(amount)], true);
            assert_eq!(said, Said::Contradiction, "{amount:?}");
        }
        assert_eq!(books.case.paid(), eur(0));
        assert_eq!(books.say(vec![other(Some(eur(7100)))], true), Said::Changed);
        assert_eq!(books.case.paid(), eur(7100));
        books.verify();
    }
    // Of an id that nobody knows, another amount is another payment.
    let mut books = with_page(7100);
    let theirs = Fact {
        payment: Some("pi_theirs".into()),
        aliases: vec![],
        ..paid_on_page(1, 100)
    };
    assert_eq!(books.say(vec![theirs], true), Said::Contradiction);
}

#[test]
fn a_part_that_arrives_in_our_own_payment_is_booked_as_what_it_is() {
    let mut books = with_page(6000);
    assert_eq!(
        books.say(vec![paid_on_page(1, 4000)], false),
        Said::Ask,
        "looked up first"
    );
    assert_eq!(books.say(vec![paid_on_page(1, 4000)], true), Said::Changed);
    assert_eq!(books.payment(1).state, State::Paid);
    assert_eq!(
        (books.case.paid(), books.case.due(), books.case.chargeable()),
        (eur(4000), eur(2000), eur(2000))
    );
    assert_eq!(books.payment(1).refundable(), eur(4000));
    assert_eq!(books.told_of(Topic::PaymentReceived), 1);
    assert_eq!(books.say(vec![paid_on_page(1, 4000)], true), Said::Nothing);
    // More than was asked for is nobody's to book.
    let mut books = with_page(6000);
    assert_eq!(
        books.say(vec![paid_on_page(1, 6001)], true),
        Said::Contradiction
    );
    books.verify();
}

fn approved() -> Fact {
    Fact {
        approved: true,
        payment: None,
        ..of_page(Kind::PaymentPending, 1)
    }
}

#[test]
fn an_approval_that_is_heard_again_after_a_decline_takes_nothing() {
    let mut books = with_page(7100);
    assert_eq!(books.hear(approved()), Said::Changed);
    let intent = books.intent(Step::Complete, 1, None);
    assert_eq!(books.call(1, None, intent), Said::Changed);
    books.report(vec![failed(1, Decline::Action)], true);
    assert_eq!(books.payment(1).state, State::Declined);
    assert_eq!(books.hear(approved()), Said::Ask, "is there a new one?");
    assert_eq!(books.payment(1).next_step(), None);
    // The gateway says that there is one.
    assert_eq!(books.report(vec![approved()], true), Said::Changed);
    assert_eq!(books.payment(1).approvals, 2);
}

#[test]
fn what_the_payer_approves_on_a_page_that_was_given_up_is_not_taken() {
    let mut books = with_page(7100);
    assert_eq!(ask(&mut books, None, Some(saved_method())), Said::Changed);
    for current in [false, true] {
        assert_eq!(books.report(vec![approved()], current), Said::Nothing);
        assert_ne!(books.payment(1).next_step(), Some(Step::Complete));
    }
    books.hear(of_page(Kind::PaymentExpired, 1));
    assert_eq!(books.report(vec![approved()], true), Said::Nothing);
    assert!(begins(&books, 2));
}

#[test]
fn a_decline_on_an_open_page_is_told_after_some_minutes() {
    let mut books = with_page(7100);
    declined_on_page(&mut books, 1);
    let wait = books.rows["declined-p1"].due.as_second() - books.now.as_second();
    assert!((300..=1800).contains(&wait), "{wait}");
    let stands = Event::DeclineStands { payment: 1 };
    assert_eq!(books.apply(&stands), Said::Changed);
    assert_eq!(books.told_of(Topic::PaymentFailed), 1);
    assert!(!books.rows.contains_key("declined-p1"));
    // Who pays in time hears of no decline.
    let mut books = with_page(7100);
    declined_on_page(&mut books, 1);
    books.hear(of_page(Kind::PaymentSucceeded, 1));
    books.apply(&stands);
    assert_eq!(books.told_of(Topic::PaymentFailed), 0);
}

#[test]
fn a_page_is_not_closed_by_declaration_and_money_under_way_not_at_all() {
    let close = Event::Closed { payment: 1 };
    let mut books = with_page(7100);
    assert_eq!(books.apply(&close), Said::Changed);
    assert_eq!(
        books.payment(1).state,
        State::Open,
        "it is ended there first"
    );
    assert!(works_on(&books, 1));
    assert_eq!(ask(&mut books, None, Some(saved_method())), Said::Changed);
    assert!(!begins(&books, 2));
    books.hear(of_page(Kind::PaymentExpired, 1));
    assert_eq!(books.payment(1).state, State::Expired);
    assert!(begins(&books, 2));

    let mut books = Books::with_payment(7100, Some(saved_method()));
    let intent = books.intent(Step::Charge, 1, None);
    assert_eq!(books.call(1, None, intent), Said::Changed);
    assert_eq!(books.answer(fact(Kind::PaymentPending, 1)), Said::Changed);
    assert_eq!(books.apply(&close), Said::Nothing);
    assert_eq!(books.payment(1).state, State::Pending);
}

/// Only what was not sent yet can still be asked for less.
#[test]
fn money_that_comes_late_makes_the_charge_smaller_that_is_still_to_be_sent_and_no_other() {
    let saved = |amount| Event::Charge(charge(amount, Some(saved_method())));
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    let refused = Fact {
        payment: None,
        ..failed(1, Decline::Funds)
    };
    assert_eq!(books.hear(refused), Said::Changed);
    assert!(books.payment(1).capture.is_none());
    books.apply(&saved(Some(4_000)));
    books.hear(failed(2, Decline::Funds));
    books.apply(&saved(None));
    assert_eq!(books.payment(3).amount, eur(10_000));
    let late = Fact {
        amount: Some(eur(4_000)),
        ..succeeded(2)
    };
    assert_eq!(books.hear(late), Said::Changed);
    let amounts = [1, 2, 3].map(|n| books.payment(n).amount.minor);
    assert_eq!(amounts, [10_000, 4_000, 6_000]);
    assert_eq!(books.payment(1).state, State::Declined);
    books.verify();
}

/// What came on a page takes off what was planned after it, once: what is left is still asked for.
#[test]
fn what_is_planned_beside_a_page_that_brought_a_part_is_taken_off_once() {
    let mut books = with_page(10_000);
    assert_eq!(
        ask(&mut books, Some(6_000), Some(saved_method())),
        Said::Changed
    );
    assert_eq!(
        ask(&mut books, Some(4_000), Some(saved_method())),
        Said::Changed
    );
    assert_eq!(
        books.report(vec![paid_on_page(1, 5_000)], true),
        Said::Changed
    );
    let planned = |n| (books.payment(n).state, books.payment(n).amount);
    assert_eq!(planned(2), (State::Open, eur(1_000)));
    assert_eq!(planned(3), (State::Open, eur(4_000)));
    assert_eq!(books.case.unasked(), eur(0));
}
