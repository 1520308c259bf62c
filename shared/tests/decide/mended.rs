//! Money that goes back by other ways than asked for, and connections that a person must mend:
//! nothing leaves twice, and nobody is told twice.

use crate::books::{
    Books, Said, charge, dispute, eur, fact, failed, name, not_done, refund, refund_of,
    saved_method, succeeded,
};
use meridian::domain::case::Step;
use meridian::domain::event::{Event, NewRefund, NotDone};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::outbox::{Occurrence, Topic};
use meridian::domain::payment::State;
use meridian::domain::refund as refunds;
use meridian::domain::task::Alert;

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

#[test]
fn a_dispute_won_after_the_patient_was_charged_anew_is_a_surplus_that_a_person_hears_of() {
    let mut books = Books::paid(10_000);
    assert_eq!(
        books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 10_000)),
        Said::Changed
    );
    assert_eq!(books.case.due(), eur(10_000));
    books.apply(&Event::Charge(charge(None, Some(saved_method()))));
    books.hear(succeeded(2));
    assert_eq!((books.case.paid(), books.case.due()), (eur(10_000), eur(0)));
    assert!(!books.alerts().contains(&Alert::Overpaid));
    // The gateway says now that it was won after all.
    let won = dispute(Kind::DisputeWon, 1, "dp_1", 10_000);
    assert_eq!(books.report(vec![succeeded(1), won], true), Said::Changed);
    assert_eq!(books.payment(1).state, State::Paid);
    assert_eq!(books.case.surplus(), eur(10_000));
    assert_eq!(books.alerts(), [Alert::Overpaid]);
    assert_eq!(books.case.refunds().count(), 0, "a person decides which");
    // Once the surplus goes back, nobody need look.
    books.ask_refund("back", 10_000);
    assert_eq!(books.alerts(), []);
    books.verify();
}

#[test]
fn a_late_failure_of_an_earlier_attempt_changes_nothing_of_what_another_attempt_paid() {
    let of_attempt = |kind, id: &str| Fact {
        payment: Some(id.into()),
        ..fact(kind, 1)
    };
    let mut books = Books::with_payment(10_000, None);
    // The first attempt on the page fails, the second one pays.
    books.report(
        vec![Fact {
            decline: Some(Decline::Funds),
            ..of_attempt(Kind::PaymentFailed, "pi_first")
        }],
        true,
    );
    books.report(vec![of_attempt(Kind::PaymentSucceeded, "pi_second")], true);
    assert_eq!(books.payment(1).state, State::Paid);
    for late_failures in [false, true] {
        books.late_failures = late_failures;
        for kind in [Kind::PaymentFailed, Kind::PaymentReturned] {
            let before = books.case.clone();
            let late = Fact {
                amount: Some(eur(10_000)),
                ..of_attempt(kind, "pi_first")
            };
            let heard = books.say(vec![late.clone()], true);
            assert_eq!(heard, Said::Nothing, "{kind:?}");
            assert_eq!(books.case, before);
            // Only hinted at, it is at most asked about.
            books.say(vec![late], false);
            assert_eq!(books.case, before);
        }
    }
    // One of the attempt that paid does take it back.
    books.late_failures = true;
    let back = of_attempt(Kind::PaymentFailed, "pi_second");
    assert_eq!(books.say(vec![back], true), Said::Changed);
    assert_eq!(books.payment(1).state, State::Returned);
    books.verify();
}

/// What was returned as a whole is over, however its parts are told.
#[test]
fn a_return_of_the_whole_that_a_lost_dispute_caused_is_no_second_loss() {
    let mut books = Books::paid(10_000);
    books.hear_out(refund(Kind::RefundSucceeded, 1, "re_1", 1000));
    books.hear_out(fact(Kind::PaymentReturned, 1));
    books.hear_out(dispute(Kind::DisputeLost, 1, "dp_1", 10_000));
    assert!(!books.alerts().contains(&Alert::Contradiction));
    books.verify();
}

/// The amounts that rows of this topic tell, by their names.
fn amounts(books: &Books, topic: Topic) -> Vec<(String, Option<i64>)> {
    let part = format!("{}-p1", topic.name());
    let of = |told: &Occurrence| {
        let name = name(&told.subject).strip_prefix(&part)?.to_owned();
        Some((name, Some(told.amount.minor)))
    };
    let mut all: Vec<_> = books.outbox.iter().filter_map(of).collect();
    all.sort();
    all
}

fn reversal(id: &str, minor: i64) -> Fact {
    Fact {
        refund: Some(id.into()),
        amount: Some(eur(minor)),
        ..fact(Kind::PaymentReturned, 1)
    }
}

#[test]
fn a_won_dispute_gives_back_what_nothing_else_took() {
    let lost = |n: u32, minor| dispute(Kind::DisputeLost, 1, &format!("dp_{n}"), minor);
    let whole = || fact(Kind::PaymentReturned, 1);
    let opened = || dispute(Kind::DisputeOpened, 1, "dp_1", 3000);
    // What was heard before dp_1 was won; what is due then, whether it is there again, whether a
    // person looks, and how much is told to be there again.
    for (before, due, paid, asked, told) in [
        (vec![opened()], 0, true, false, None),
        (vec![lost(1, 3000)], 0, true, false, Some(3000)),
        (
            vec![lost(1, 3000), lost(2, 2000)],
            2000,
            false,
            false,
            Some(3000),
        ),
        (
            vec![lost(1, 3000), reversal("rev_1", 3000)],
            3000,
            false,
            true,
            None,
        ),
        (
            vec![opened(), reversal("rev_1", 4000)],
            4000,
            false,
            true,
            None,
        ),
        (vec![opened(), whole()], 10_000, false, true, None),
        (vec![lost(1, 3000), whole()], 10_000, false, true, None),
    ] {
        let mut books = Books::paid(10_000);
        for fact in &before {
            assert_eq!(books.hear(fact.clone()), Said::Changed, "{before:#?}");
        }
        let won = dispute(Kind::DisputeWon, 1, "dp_1", 3000);
        books.report(vec![won], true);
        assert_eq!(books.case.due(), eur(due), "{before:#?}");
        assert_eq!(books.payment(1).state == State::Paid, paid, "{before:#?}");
        let looks = books.rows.keys().any(|id| id.starts_with("person-won-"));
        assert_eq!(looks, asked, "{before:#?}");
        let again = amounts(&books, Topic::PaymentReceived);
        let again = again.iter().find(|(name, _)| name == "-reinstated");
        assert_eq!(
            again.map(|(_, minor)| *minor),
            told.map(Some),
            "{before:#?}"
        );
        books.verify();
    }
}

#[test]
fn each_return_tells_what_it_took_and_the_last_the_rest() {
    let mut books = Books::paid(10_000);
    books.hear(reversal("rev_1", 3000));
    books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 5000));
    books.hear(fact(Kind::PaymentReturned, 1));
    let told = amounts(&books, Topic::PaymentReturned);
    let sums: Vec<_> = told.iter().filter_map(|(_, minor)| *minor).collect();
    assert_eq!(sums.iter().sum::<i64>(), 10_000, "{told:?}");
    let mut sorted = sums.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [2000, 3000, 5000], "{told:?}");
    assert_eq!(books.case.due(), eur(10_000));
    books.verify();
}

#[test]
fn what_people_say_of_a_dispute_counts_only_while_it_is_open() {
    let key = |books: &Books| books.payment(1).disputes[0].key();
    let resolved = |books: &Books, lost| Event::DisputeResolved {
        payment: 1,
        dispute: key(books),
        lost,
    };
    for end in [Kind::DisputeWon, Kind::DisputeLost] {
        let mut books = Books::paid(10_000);
        books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 3000));
        books.report(vec![dispute(end, 1, "dp_1", 3000)], true);
        let before = books.case.clone();
        for lost in [true, false] {
            let event = resolved(&books, lost);
            assert_eq!(books.apply(&event), Said::Nothing, "{end:?} {lost}");
        }
        assert_eq!(books.case, before);
    }
    for (lost, due) in [(true, 3000), (false, 0)] {
        let mut books = Books::paid(10_000);
        books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 3000));
        let event = resolved(&books, lost);
        assert_eq!(books.apply(&event), Said::Changed);
        assert_eq!(books.case.due(), eur(due));
        assert_eq!(books.told_of(Topic::DisputeClosed), 1);
        assert!(!books.alerts().contains(&Alert::DisputeOpened));
    }
    let mut books = Books::paid(10_000);
    let unknown = Event::DisputeResolved {
        payment: 1,
        dispute: "d0".into(),
        lost: true,
    };
    assert!(matches!(books.apply(&unknown), Said::Refused(_)));
}

#[test]
fn a_debit_of_which_a_bank_took_a_part_is_not_there_again_by_an_old_success() {
    for (taken, said, state) in [
        (None, Said::Changed, State::Paid),
        (Some(3000), Said::Nothing, State::Returned),
    ] {
        let mut books = Books::with_payment(10_000, Some(saved_method()));
        books.late_failures = true;
        books.report(vec![succeeded(1)], true);
        match taken {
            Some(minor) => books.report(vec![reversal("rev_1", minor)], true),
            None => books.report(vec![failed(1, Decline::Funds)], true),
        };
        assert_eq!(books.payment(1).state, State::Returned);
        assert_eq!(books.report(vec![succeeded(1)], true), said, "{taken:?}");
        assert_eq!(books.payment(1).state, state, "{taken:?}");
    }
}

/// Not even its id is kept: what comes under it later is still a stranger's.
#[test]
fn of_a_strangers_try_beside_a_payment_that_arrived_nothing_is_kept() {
    for kind in [
        Kind::PaymentPending,
        Kind::PaymentFailed,
        Kind::PaymentExpired,
    ] {
        for current in [false, true] {
            let mut books = Books::paid(10_000);
            let before = books.case.clone();
            let theirs = Fact {
                payment: Some("pi_theirs".into()),
                ..fact(kind, 1)
            };
            let said = books.report(vec![theirs], current);
            assert_eq!(said, Said::Nothing, "{kind:?}");
            assert_eq!(books.case, before, "{kind:?}");
        }
    }
}
