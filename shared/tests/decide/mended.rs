//! Money that goes back by other ways than asked for, and connections that a person must mend:
//! nothing leaves twice, and nobody is told twice.

use crate::books::{
    Books, Said, dispute, eur, fact, not_done, refund, refund_of, saved_method, succeeded,
};
use meridian::domain::case::Step;
use meridian::domain::event::{Event, NewRefund, NotDone};
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::payment::State;
use meridian::domain::refund as refunds;
use meridian::domain::task::{Alert, Topic};

fn blocked(books: &Books) -> Event {
    let Event::NotDone(not_done) = not_done(1, None, books.now, false) else {
        unreachable!()
    };
    Event::NotDone(NotDone {
        note: Some("Stripe: the key is refused.".into()),
        ..not_done
    })
}

#[test]
fn a_key_that_is_refused_again_and_again_is_told_once_until_it_works() {
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    for _ in 0..3 {
        let intent = books.intent(Step::Charge, 1, None);
        assert_eq!(books.call(1, None, intent), Said::Changed);
        assert_eq!(books.apply(&blocked(&books)), Said::Changed);
        books.later(900);
    }
    assert_eq!(books.alerts(), [Alert::Blocked]);
    assert_eq!(books.told_of(Topic::NeedsPerson), 1);
    books.hear(succeeded(1));
    assert_eq!(books.alerts(), []);
    assert!(books.case.blocked.is_empty());
}

#[test]
fn a_refund_that_waited_is_not_sent_once_the_payment_was_taken_back() {
    for kind in [
        Kind::PaymentReturned,
        Kind::DisputeLost,
        Kind::DisputeOpened,
    ] {
        let mut books = Books::paid(10_000);
        let asked = NewRefund {
            needs_approval: true,
            ..refund_of("q1", 4000)
        };
        assert_eq!(books.apply(&Event::RefundRequested(asked)), Said::Changed);
        let back = match kind {
            Kind::PaymentReturned => fact(kind, 1),
            _ => dispute(kind, 1, "dp_1", 10_000),
        };
        assert_eq!(books.hear(back), Said::Changed);
        let request = "q1".into();
        books.apply(&Event::RefundApproved { request });
        let intent = books.intent(Step::Refund, 1, Some(1));
        assert_eq!(books.call(1, Some(1), intent), Said::Changed);
        let (_, refund) = books.case.refund(1).unwrap();
        assert_eq!(refund.state, refunds::State::Failed);
        assert_eq!(refund.intent, None, "nobody may send it");
        assert!(books.alerts().contains(&Alert::RefundFailed));
        assert_eq!(books.told_of(Topic::RefundFailed), 1);
        books.verify();
    }
}

#[test]
fn a_return_of_a_part_takes_that_part() {
    let back = Fact {
        amount: Some(eur(3000)),
        ..fact(Kind::PaymentReturned, 1)
    };
    for order in [[succeeded(1), back.clone()], [back, succeeded(1)]] {
        let mut books = Books::with_payment(10_000, None);
        order
            .iter()
            .cloned()
            .for_each(|fact| drop(books.hear(fact)));
        order.into_iter().for_each(|fact| drop(books.hear(fact)));
        assert_eq!(books.payment(1).state, State::Returned);
        assert_eq!(books.case.paid(), eur(7000));
        assert_eq!(books.case.due(), eur(3000));
        assert_eq!(books.told_of(Topic::PaymentReturned), 1);
        books.verify();
    }
}

#[test]
fn a_dispute_lost_because_it_was_refunded_takes_the_money_once_and_a_person_looks() {
    let facts = [
        succeeded(1),
        refund(Kind::RefundSucceeded, 1, "re_1", 10_000),
        dispute(Kind::DisputeLost, 1, "dp_1", 10_000),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 2, 0], [2, 1, 0]] {
        let mut books = Books::with_payment(10_000, None);
        for at in order {
            books.hear_out(facts[at].clone());
        }
        assert_eq!(books.payment(1).refunded(), eur(10_000));
        assert_eq!(books.payment(1).returned(), eur(0));
        assert_eq!(books.balances.get("gateway:stripe"), None, "none is left");
        assert!(books.alerts().contains(&Alert::Contradiction));
        assert_eq!(books.case.refundable(), eur(0));
        books.verify();
    }
}
