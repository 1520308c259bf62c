//! How the books divide what is paid and given back: sale, tax, surplus; half cents in one place;
//! and who hears of money that went and came again.

use crate::books::{
    Books, Said, charge, dispute, eur, fact, failed, our_refund, refund, saved_method, succeeded,
};
use meridian::domain::case::Step;
use meridian::domain::event::Event;
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::outbox::Topic;
use meridian::domain::payment::State;
use meridian::domain::task::Alert;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn balance(books: &Books, account: &str) -> i64 {
    books.balances.get(account).copied().unwrap_or(0)
}

/// Receivable, revenue less refunds, tax.
fn standing(books: &Books) -> (i64, i64, i64) {
    books.verify();
    let sale = balance(books, "revenue") + balance(books, "refunds");
    (balance(books, "receivable"), sale, balance(books, "tax"))
}

/// An invoice of 66.00 with 6.00 of tax that was paid twice: the first page expired before it was
/// paid after all.
fn paid_twice() -> Books {
    let mut books = Books::with_payment(6600, None);
    books.hear(fact(Kind::PaymentExpired, 1));
    let second = Event::Charge(charge(None, None));
    assert_eq!(books.apply(&second), Said::Changed);
    books.hear(succeeded(2));
    books.hear(succeeded(1));
    // What went back by itself did not go through.
    books.hear(our_refund(Kind::RefundFailed, 1, 1, "re_back", 6600));
    assert_eq!(standing(&books), (-6600, -6000, -600));
    books
}

#[test]
fn a_surplus_that_goes_back_leaves_sale_and_tax_whichever_payment_it_is_taken_from() {
    let parts: [&[(u32, i64)]; 4] = [
        &[(1, 6600)],
        &[(2, 6600)],
        &[(1, 600), (2, 6000)],
        &[(2, 1), (1, 6599)],
    ];
    for parts in parts {
        let mut books = paid_twice();
        for (number, (n, minor)) in parts.iter().enumerate() {
            let id = format!("re_{number}");
            books.hear(refund(Kind::RefundSucceeded, *n, &id, *minor));
        }
        assert_eq!(standing(&books), (0, -6000, -600), "{parts:?}");
        // What goes back from now on is the sale.
        let of = if books.payment(1).refundable().minor >= 1100 {
            1
        } else {
            2
        };
        books.hear(refund(Kind::RefundSucceeded, of, "re_sale", 1100));
        assert_eq!(standing(&books), (0, -5000, -500), "{parts:?}");
    }
}

#[test]
fn a_surplus_that_staff_refund_goes_against_the_receivable_too() {
    let mut books = paid_twice();
    assert_eq!(books.ask_refund("surplus", 6600), Said::Changed);
    let (payment, number) = {
        let (payment, refund) = books.case.refunds().find(|(_, r)| r.n == Some(2)).unwrap();
        (payment.n, refund.n.unwrap())
    };
    let intent = books.intent(Step::Refund, payment, Some(number));
    books.call(payment, Some(number), intent);
    let done = our_refund(Kind::RefundSucceeded, payment, number, "re_1", 6600);
    assert_eq!(books.hear(done), Said::Changed);
    assert_eq!(standing(&books), (0, -6000, -600));
}

#[test]
fn a_refund_of_the_sale_takes_back_its_share_of_net_and_tax() {
    for (parts, sale, tax) in [
        (vec![11_000], 0, 0),
        (vec![5_500], -5_000, -500),
        (vec![3_333, 3_333, 4_334], 0, 0),
        (vec![1; 11], -9_990, -999),
    ] {
        let mut books = Books::paid(11_000);
        for (number, minor) in parts.iter().enumerate() {
            let id = format!("re_{number}");
            books.hear(refund(Kind::RefundSucceeded, 1, &id, *minor));
        }
        assert_eq!(standing(&books), (0, sale, tax), "{parts:?}");
    }
}

#[test]
fn a_refund_that_bounces_brings_its_net_and_its_tax_back() {
    let mut books = Books::paid(11_000);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 5_500));
    books.hear(refund(Kind::RefundFailed, 1, "re_1", 5_500));
    assert_eq!(standing(&books), (0, -10_000, -1_000));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn refunds_in_whatever_parts_take_back_exactly_what_was_sold(
        total in 1_i64..50_000,
        mut cuts in proptest::collection::vec(0_i64..50_000, 0..8),
    ) {
        let mut books = Books::paid(total);
        let tax = -balance(&books, "tax");
        cuts.iter_mut().for_each(|cut| *cut %= total);
        cuts.extend([0, total]);
        cuts.sort_unstable();
        let mut gone = 0;
        for (number, (from, to)) in cuts.iter().zip(&cuts[1..]).enumerate() {
            if from == to {
                continue;
            }
            let id = format!("re_{number:02}");
            books.hear(refund(Kind::RefundSucceeded, 1, &id, to - from));
            gone += to - from;
            // At each step the tax that stays is its share, to the nearest cent.
            let stays = -balance(&books, "tax");
            let off = (stays * total - tax * (total - gone)).abs() * 2;
            prop_assert!(off <= total, "{stays} of {tax} after {gone} of {total}");
        }
        prop_assert_eq!(standing(&books), (0, 0, 0));
    }

    #[test]
    fn however_much_came_and_went_the_sale_is_never_more_than_the_invoice(
        moves in proptest::collection::vec((1_u32..3, 1_i64..7000), 0..6),
    ) {
        let mut books = paid_twice();
        for (number, (n, minor)) in moves.into_iter().enumerate() {
            let id = format!("re_{number}");
            books.hear(refund(Kind::RefundSucceeded, n, &id, minor));
        }
        let (receivable, sale, tax) = standing(&books);
        let refunded = books.case.refunded().minor;
        prop_assert_eq!(receivable, (refunded - 6600).min(0));
        prop_assert_eq!(sale + tax, -6600 + (refunded - 6600).max(0));
    }
}

// ---- what went and came again ------------------------------------------------------------------

/// The rows of what was told, with how often.
fn told(books: &Books, topic: Topic) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for id in books.told.iter().filter(|id| id.starts_with(topic.name())) {
        *all.entry(id.clone()).or_default() += 1;
    }
    all
}

#[test]
fn a_dispute_that_was_lost_and_then_won_is_heard_by_whoever_heard_of_the_loss() {
    let mut books = Books::paid(10_000);
    books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 10_000));
    assert_eq!(told(&books, Topic::PaymentReturned).len(), 1);
    let won = dispute(Kind::DisputeWon, 1, "dp_1", 10_000);
    assert_eq!(books.report(vec![won.clone()], true), Said::Changed);
    assert_eq!(books.payment(1).state, State::Paid);
    // The first time, and when it was there again: two rows, of which the second links its receipt.
    let received = told(&books, Topic::PaymentReceived);
    assert_eq!(received.len(), 2, "{received:?}");
    let newest = books.receipts.last().unwrap();
    let (_, suffix) = newest.split_once("-p1-").unwrap();
    assert!(
        received.keys().any(|id| id.ends_with(suffix)),
        "{received:?} {newest}"
    );
    // Lost again, and won again: each is told.
    let lost = dispute(Kind::DisputeLost, 1, "dp_1", 10_000);
    assert_eq!(books.report(vec![lost], true), Said::Changed);
    assert_eq!(told(&books, Topic::PaymentReturned).len(), 2);
    assert_eq!(books.report(vec![won], true), Said::Changed);
    assert_eq!(told(&books, Topic::PaymentReceived).len(), 3);
    assert_eq!(books.receipts.len(), 5, "{:?}", books.receipts);
    for topic in [Topic::PaymentReceived, Topic::PaymentReturned] {
        let told = told(&books, topic);
        assert!(told.values().all(|times| *times == 1), "{told:?}");
    }
    books.verify();
}

#[test]
fn a_debit_that_is_collected_again_is_told_with_its_newest_receipt() {
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    books.late_failures = true;
    books.report(vec![succeeded(1)], true);
    for _ in 0..2 {
        books.report(vec![failed(1, Decline::Funds)], true);
        assert_eq!(books.payment(1).state, State::Returned);
        let again = fact(Kind::PaymentPending, 1);
        assert_eq!(books.report(vec![again], true), Said::Changed);
        assert_eq!(books.report(vec![succeeded(1)], true), Said::Changed);
        let newest = books.receipts.last().unwrap();
        let (_, suffix) = newest.split_once("-p1-").unwrap();
        let last = books
            .told
            .iter()
            .rfind(|id| id.contains("payment-received"));
        assert!(last.unwrap().ends_with(suffix), "{last:?} {newest}");
    }
    assert_eq!(told(&books, Topic::PaymentReceived).len(), 3);
    assert_eq!(told(&books, Topic::PaymentReturned).len(), 2);
    books.told_once();
}

fn part(minor: i64, at: Option<&str>) -> Fact {
    Fact {
        amount: Some(eur(minor)),
        occurred_at: at.map(|at| at.parse().unwrap()),
        ..fact(Kind::PaymentReturned, 1)
    }
}

#[test]
fn two_returns_of_a_part_without_ids_of_their_own_are_two() {
    let (one, two) = ("2026-03-05T10:00:00Z", "2026-03-09T10:00:00Z");
    let mut books = Books::paid(10_000);
    assert_eq!(books.hear(part(3000, Some(one))), Said::Changed);
    // The same one, told again.
    assert_eq!(books.hear(part(3000, Some(one))), Said::Nothing);
    assert_eq!(books.hear(part(3000, Some(two))), Said::Changed);
    assert_eq!(books.hear(part(3000, Some(one))), Said::Nothing);
    assert_eq!(books.case.due(), eur(6000));
    assert_eq!(told(&books, Topic::PaymentReturned).len(), 2);
    let mut amounts = vec![];
    for told in &books.outbox {
        if told.subject.topic == Topic::PaymentReturned {
            amounts.push(told.amount.decimal().to_string());
        }
    }
    assert_eq!(amounts, ["30.00", "30.00"], "each tells what it took");
    books.verify();
    // One report that tells of both, whoever knew of how many.
    for known in 0..=2 {
        let mut books = Books::paid(10_000);
        let facts = [part(3000, Some(one)), part(3000, Some(two))];
        facts[..known].iter().for_each(|fact| {
            books.hear(fact.clone());
        });
        books.report(vec![part(3000, None), part(3000, None)], true);
        books.report(vec![part(3000, None), part(3000, None)], true);
        assert_eq!(books.case.due(), eur(6000), "{known} known");
    }
}

#[test]
fn what_cancels_a_reversal_and_names_it_by_the_payment_or_by_itself_gives_it_back() {
    let reversed = Fact {
        refund: Some("REV1".into()),
        amount: Some(eur(10_000)),
        decline: Some(Decline::Fraud),
        ..fact(Kind::PaymentReturned, 1)
    };
    for named in ["REV1", "pi_1"] {
        let cancelled = Fact {
            payment: None,
            dispute: Some(named.into()),
            amount: Some(eur(10_000)),
            ..fact(Kind::DisputeWon, 1)
        };
        let mut books = Books::paid(10_000);
        if named == "pi_1" {
            let early = books.hear(cancelled.clone());
            assert_eq!(early, Said::Wait, "what it cancels was not told yet");
        }
        books.hear(reversed.clone());
        assert_eq!(books.case.due(), eur(10_000));
        books.report(vec![cancelled.clone()], true);
        assert_eq!(books.payment(1).state, State::Paid, "{named}");
        assert_eq!(books.case.due(), eur(0), "{named}");
        assert_eq!(books.report(vec![cancelled], true), Said::Nothing);
        books.verify();
    }
}

/// The same money under one id, first as a dispute: it is charged again like any debit that came back.
#[test]
fn a_dispute_that_proves_to_be_a_reversal_is_one() {
    let mut books = Books::paid(10_000);
    books.hear(dispute(Kind::DisputeOpened, 1, "REV1", 10_000));
    assert!(!books.payment(1).disputes[0].reversal);
    books.hear(Fact {
        refund: Some("REV1".into()),
        amount: Some(eur(10_000)),
        decline: Some(Decline::Funds),
        ..fact(Kind::PaymentReturned, 1)
    });
    let disputes = &books.payment(1).disputes;
    assert_eq!(disputes.len(), 1);
    assert!(disputes[0].reversal);
    assert_eq!(books.case.due(), eur(10_000));
}

/// A bank takes the same amount twice, and gives it back twice; what tells that it was given back
/// names the payment alone.
#[test]
fn what_cancels_the_second_of_two_reversals_is_no_repeat_of_what_cancelled_the_first() {
    let at = |fact: Fact, day: &str| Fact {
        occurred_at: Some(format!("2026-03-{day}T10:00:00Z").parse().unwrap()),
        ..fact
    };
    let reversed = |id: &str| Fact {
        refund: Some(id.into()),
        amount: Some(eur(3000)),
        ..fact(Kind::PaymentReturned, 1)
    };
    let cancelled = |day: &str| {
        let fact = Fact {
            payment: None,
            dispute: Some("pi_1".into()),
            amount: Some(eur(3000)),
            ..fact(Kind::DisputeWon, 1)
        };
        at(fact, day)
    };
    let mut books = Books::paid(10_000);
    books.report(vec![at(reversed("REV1"), "03")], true);
    assert_eq!(books.report(vec![cancelled("04")], true), Said::Changed);
    // The second return is not told yet.
    assert_eq!(books.report(vec![cancelled("06")], true), Said::Wait);
    assert_eq!(books.case.due(), eur(0));
    books.report(vec![at(reversed("REV2"), "05")], true);
    // Told again, the first one says nothing of the second.
    assert_eq!(books.report(vec![cancelled("04")], true), Said::Nothing);
    assert_eq!(books.case.due(), eur(3000));
    assert_eq!(books.report(vec![cancelled("06")], true), Said::Changed);
    assert_eq!(books.case.due(), eur(0));
    assert_eq!(books.report(vec![cancelled("06")], true), Said::Nothing);
    books.verify();
}

/// A bank takes two halves and gives one back: whoever heard that both were gone hears of it.
#[test]
fn of_two_reversals_the_one_that_is_cancelled_is_told_though_the_other_stands() {
    let reversed = |id: &str| Fact {
        refund: Some(id.into()),
        amount: Some(eur(5000)),
        ..fact(Kind::PaymentReturned, 1)
    };
    let mut books = Books::paid(10_000);
    books.hear(reversed("REV1"));
    books.hear(reversed("REV2"));
    assert_eq!(books.case.due(), eur(10_000));
    let cancelled = Fact {
        payment: None,
        dispute: Some("REV1".into()),
        amount: Some(eur(5000)),
        ..fact(Kind::DisputeWon, 1)
    };
    assert_eq!(books.report(vec![cancelled], true), Said::Changed);
    assert_eq!(
        (books.case.due(), books.payment(1).state),
        (eur(5000), State::Returned)
    );
    let back = books.outbox.last().expect("it is told");
    assert_eq!(
        (back.subject.topic, back.amount),
        (Topic::PaymentReceived, eur(5000))
    );
    assert!(
        !books.alerts().contains(&Alert::Contradiction),
        "{:?}",
        books.alerts()
    );
    books.verify();
}

/// How much a dispute took is asked, and where the gateway does not show it, it is not guessed.
#[test]
fn what_a_dispute_took_is_not_guessed_where_its_gateway_does_not_show_it() {
    let hearsay = |known: bool| {
        let mut books = Books::paid(10_000);
        if known {
            books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 10_000));
        }
        let lost = Fact {
            amount: None,
            ..dispute(Kind::DisputeLost, 1, "dp_1", 10_000)
        };
        assert_eq!(books.say(vec![lost.clone()], false), Said::Ask);
        let hearsay = Fact {
            hearsay: true,
            ..lost
        };
        assert_eq!(books.say(vec![hearsay], true), Said::Wait);
        books
    };
    for known in [false, true] {
        let mut books = hearsay(known);
        books.report(vec![dispute(Kind::DisputeLost, 1, "dp_1", 4000)], true);
        assert_eq!(books.case.due(), eur(4000));
        books.verify();
    }
}

/// A refund and a lost dispute took the same money; where the refund comes back, the dispute took it.
#[test]
fn a_refund_that_bounces_after_the_same_money_was_lost_to_a_dispute_is_told_as_a_return() {
    let mut books = Books::paid(10_000);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 10_000));
    books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 10_000));
    assert_eq!(told(&books, Topic::PaymentReturned).len(), 0);
    books.hear(refund(Kind::RefundFailed, 1, "re_1", 10_000));
    assert_eq!(told(&books, Topic::PaymentReturned).len(), 1);
    books.report(vec![dispute(Kind::DisputeWon, 1, "dp_1", 10_000)], true);
    assert_eq!(told(&books, Topic::PaymentReceived).len(), 2);
    assert_eq!(books.case.due(), eur(0));
    books.told_once();
    books.verify();
}

/// Of reversals of one amount, what names none of them cancels the one that still stands.
#[test]
fn what_cancels_a_reversal_without_its_name_gives_back_what_was_not_given_back_yet() {
    let reversed = |id: &str| Fact {
        refund: Some(id.into()),
        amount: Some(eur(3000)),
        ..fact(Kind::PaymentReturned, 1)
    };
    let cancelled = |id: &str| Fact {
        payment: None,
        dispute: Some(id.into()),
        amount: Some(eur(3000)),
        ..fact(Kind::DisputeWon, 1)
    };
    for first in ["REV1", "REV2"] {
        let mut books = Books::paid(10_000);
        books.hear(reversed("REV1"));
        books.hear(reversed("REV2"));
        assert_eq!(books.case.due(), eur(6000));
        books.report(vec![cancelled(first)], true);
        assert_eq!(books.case.due(), eur(3000));
        books.report(vec![cancelled("pi_1")], true);
        assert_eq!(
            books.case.due(),
            eur(0),
            "{first} was cancelled by its name"
        );
        books.verify();
    }
}
