//! What a payment, a refund and a dispute may become, and what nothing may undo.

use crate::books::{
    Books, Said, charge, dispute, eur, fact, failed, invoice, our_refund, page, refund, refund_of,
    saved_method, succeeded,
};
use meridian::domain::case::Step;
use meridian::domain::decide::{Refusal, split_refund};
use meridian::domain::event::{Event, NewInvoice, NewRefund};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::invoice::Status;
use meridian::domain::outbox::Topic;
use meridian::domain::payment::State;
use meridian::domain::policy::{Collect, Policy};
use meridian::domain::task::{Alert, Work};
use meridian::domain::{dispute as disputes, refund as refunds};
use meridian::words::money::{Currency, Money};

const DAY: i64 = 86_400;

// ---- terminal states --------------------------------------------------------------------------

#[test]
fn a_payment_that_arrived_is_left_only_by_a_return_and_a_return_by_nothing() {
    let kinds = [
        Kind::PaymentPending,
        Kind::PaymentFailed,
        Kind::PaymentExpired,
        Kind::PaymentSucceeded,
    ];
    for kind in kinds {
        for current in [false, true] {
            let mut books = Books::paid(10_000);
            assert_eq!(
                books.report(vec![fact(kind, 1)], current),
                Said::Nothing,
                "{kind:?}"
            );
            assert_eq!(books.hear(fact(Kind::PaymentReturned, 1)), Said::Changed);
            assert_eq!(
                books.report(vec![fact(kind, 1)], current),
                Said::Nothing,
                "{kind:?}"
            );
            assert_eq!(books.hear(fact(Kind::PaymentReturned, 1)), Said::Nothing);
            assert_eq!(books.payment(1).state, State::Returned);
        }
    }
}

#[test]
fn a_refund_that_ended_is_never_under_way_again() {
    let mut books = Books::paid(10_000);
    let mut hear = |kind| {
        books.hear(refund(kind, 1, "re_1", 4000));
        books.payment(1).refunds[0].state
    };
    assert_eq!(hear(Kind::RefundPending), refunds::State::Executing);
    assert_eq!(hear(Kind::RefundSucceeded), refunds::State::Succeeded);
    assert_eq!(hear(Kind::RefundPending), refunds::State::Succeeded);
    // A bounce takes a success back; no success takes a bounce back.
    assert_eq!(hear(Kind::RefundFailed), refunds::State::Failed);
    assert_eq!(hear(Kind::RefundSucceeded), refunds::State::Failed);
    assert_eq!(hear(Kind::RefundPending), refunds::State::Failed);
}

#[test]
fn a_dispute_that_ended_is_never_open_again_and_ends_otherwise_only_where_the_gateway_says_so() {
    for (end, state, other) in [
        (Kind::DisputeWon, disputes::State::Won, Kind::DisputeLost),
        (Kind::DisputeLost, disputes::State::Lost, Kind::DisputeWon),
    ] {
        let mut books = Books::paid(10_000);
        books.hear(dispute(end, 1, "dp_1", 4000));
        for kind in [Kind::DisputeOpened, end] {
            assert_eq!(books.hear(dispute(kind, 1, "dp_1", 4000)), Said::Nothing);
        }
        let heard = books.hear(dispute(other, 1, "dp_1", 4000));
        assert_eq!(heard, Said::Ask, "which came last?");
        assert_eq!(books.payment(1).disputes[0].state, state);
        // It says again what is known.
        books.report(vec![dispute(end, 1, "dp_1", 4000)], true);
        assert_eq!(books.payment(1).disputes[0].state, state);
        books.report(vec![dispute(other, 1, "dp_1", 4000)], true);
        let left = if other == Kind::DisputeWon {
            10_000
        } else {
            6000
        };
        assert_eq!(books.case.refundable(), eur(left));
        assert_eq!(books.case.due(), eur(10_000 - left));
        books.verify();
    }
}

/// The row of an end that was told before is not taken for that of the next.
#[test]
fn each_change_of_a_disputes_end_is_told_and_filed_by_a_row_of_its_own() {
    for ends in [
        [Kind::DisputeLost, Kind::DisputeWon],
        [Kind::DisputeWon, Kind::DisputeLost],
    ] {
        let mut books = Books::paid(10_000);
        books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 4000));
        let mut seen = books.told.len();
        for times in 1..=3 {
            for end in ends {
                books.report(vec![dispute(end, 1, "dp_1", 4000)], true);
                let (before, new) = books.told.split_at(seen);
                let told = new.iter().filter(|name| !name.starts_with("needs-person"));
                assert!(
                    told.into_iter().all(|name| !before.contains(name)),
                    "{new:?}"
                );
                let of = |topic: Topic| new.iter().filter(|id| id.contains(topic.name())).count();
                assert_eq!(of(Topic::DisputeClosed), 1, "{times} {end:?}: {new:?}");
                // The first end may take nothing, or give nothing back.
                let moved = of(Topic::PaymentReturned) + of(Topic::PaymentReceived);
                let took = times > 1 || end == Kind::DisputeLost || ends[0] == Kind::DisputeLost;
                assert_eq!(moved > 0, took, "{times} {end:?}: {new:?}");
                seen = books.told.len();
            }
        }
        books.verify();
    }
}

#[test]
fn an_inquiry_holds_nothing_until_it_becomes_a_dispute_and_a_loss_takes_what_was_lost() {
    let mut books = Books::paid(10_000);
    books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 0));
    assert_eq!(books.case.refundable(), eur(10_000));
    books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 8000));
    assert_eq!(books.case.refundable(), eur(2000));
    assert_eq!(books.told_of(Topic::DisputeOpened), 1);
    // An offer of 20.00 was accepted.
    books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 2000));
    assert_eq!(books.payment(1).returned(), eur(2000));
    assert_eq!(
        books.case.refundable(),
        eur(8000),
        "the rest can be refunded"
    );
    books.verify();
}

#[test]
fn a_lost_dispute_and_the_reversal_that_executes_it_take_the_money_once() {
    let reversed = Fact {
        refund: Some("rev_1".into()),
        amount: Some(eur(4000)),
        ..fact(Kind::PaymentReturned, 1)
    };
    let lost = dispute(Kind::DisputeLost, 1, "dp_1", 4000);
    for order in [[reversed.clone(), lost.clone()], [lost, reversed]] {
        let mut books = Books::paid(10_000);
        for fact in order {
            books.hear(fact);
        }
        assert_eq!(books.payment(1).returned(), eur(4000));
        assert_eq!(books.case.due(), eur(4000));
        books.told_once();
        books.verify();
    }
}

#[test]
fn what_a_bank_took_under_an_id_and_gave_back_is_there_again() {
    let id = "rev_1";
    let taken = Fact {
        refund: Some(id.into()),
        amount: Some(eur(10_000)),
        decline: Some(Decline::Funds),
        ..fact(Kind::PaymentReturned, 1)
    };
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    books.hear(succeeded(1));
    books.hear(taken);
    assert_eq!(
        (books.case.due(), books.case.refundable()),
        (eur(10_000), eur(0))
    );
    assert!(books.work().contains_key("retry-p1"), "it is tried again");
    assert_eq!(books.told_of(Topic::DisputeClosed), 0, "nobody disputed");
    let back = dispute(Kind::DisputeWon, 1, id, 10_000);
    assert_eq!(books.hear(back.clone()), Said::Ask);
    assert_eq!(books.report(vec![back], true), Said::Changed);
    assert_eq!(
        (books.payment(1).state, books.case.due()),
        (State::Paid, eur(0))
    );
    assert!(!books.work().contains_key("retry-p1"), "{:?}", books.work());
    assert_eq!(books.alerts(), []);
    books.verify();
}

#[test]
fn a_debit_that_is_collected_again_is_not_charged_a_second_time_by_us() {
    for returned in [false, true] {
        let mut books = Books::with_payment(10_000, Some(saved_method()));
        books.late_failures = true;
        books.call(1, None, books.intent(Step::Charge, 1, None));
        if returned {
            books.report(vec![succeeded(1)], true);
        }
        books.report(vec![failed(1, Decline::Funds)], true);
        assert!(books.work().contains_key("retry-p1"));
        let again = fact(Kind::PaymentPending, 1);
        assert_eq!(books.hear(again.clone()), Said::Ask);
        assert_eq!(books.report(vec![again], true), Said::Changed);
        assert!(!books.work().contains_key("retry-p1"), "{:?}", books.work());
        assert_eq!(books.payment(1).state, State::Pending);
        assert_eq!(books.report(vec![succeeded(1)], true), Said::Changed);
        assert_eq!(books.case.due(), eur(0));
        assert_eq!(books.receipts.len(), if returned { 3 } else { 1 });
        books.verify();
    }
}

#[test]
fn a_payment_that_came_back_and_cleared_after_all_is_there_again() {
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    books.late_failures = true;
    books.call(1, None, books.intent(Step::Charge, 1, None));
    books.report(vec![succeeded(1)], true);
    books.report(vec![failed(1, Decline::Funds)], true);
    assert_eq!(books.payment(1).state, State::Returned);
    assert_eq!(books.hear(succeeded(1)), Said::Ask);
    // The success that was heard is old: it went back since.
    books.report(vec![succeeded(1), failed(1, Decline::Funds)], true);
    assert_eq!(books.payment(1).state, State::Returned);
    books.report(vec![succeeded(1)], true);
    assert_eq!(
        (books.payment(1).state, books.case.due()),
        (State::Paid, eur(0))
    );
    assert!(!books.work().contains_key("retry-p1"));
    assert_eq!(books.alerts(), [Alert::LatePayment]);
    books.verify();
}

#[test]
fn what_a_stranger_wrote_our_reference_on_pays_nothing() {
    let mut books = Books::with_payment(10_000, None);
    let theirs = |mut fact: Fact, minor: i64| {
        fact.payment = Some("pi_theirs".into());
        fact.amount = Some(eur(minor));
        fact
    };
    let paid = theirs(succeeded(1), 100);
    assert_eq!(books.hear(paid.clone()), Said::Contradiction);
    let refunded = theirs(refund(Kind::RefundSucceeded, 1, "re_x", 100), 100);
    assert_eq!(books.hear(refunded.clone()), Said::Ask);
    let told = books.report(vec![paid.clone(), refunded], true);
    assert_eq!(told, Said::Contradiction);
    let disputed = theirs(dispute(Kind::DisputeOpened, 1, "dp_x", 100), 100);
    assert_eq!(books.hear(disputed.clone()), Said::Ask);
    assert_eq!(books.case.paid(), eur(0));
    // Nor does it touch what was paid.
    assert_eq!(books.hear(succeeded(1)), Said::Changed);
    assert_eq!(books.hear(disputed.clone()), Said::Ask);
    assert_eq!(
        books.report(vec![paid, disputed], true),
        Said::Contradiction
    );
    assert_eq!(books.case.refundable(), eur(10_000));
    books.verify();
}

#[test]
fn a_second_approval_on_the_page_is_completed_under_a_key_of_its_own() {
    let mut books = Books::with_payment(10_000, None);
    let session = crate::books::page(None);
    books.call(1, None, books.intent(Step::Checkout, 1, None));
    let opened = Event::SessionOpened {
        payment: 1,
        session,
    };
    assert_eq!(books.apply(&opened), Said::Changed);
    let approved = Fact {
        approved: true,
        payment: None,
        ..fact(Kind::PaymentPending, 1)
    };
    let target = meridian::flows::calls::Target {
        payment: 1,
        refund: None,
    };
    let mut keys = vec![];
    for time in 1..=2 {
        if time == 2 {
            assert_eq!(books.hear(approved.clone()), Said::Ask, "is it a new one?");
        }
        let said = books.report(vec![approved.clone()], time == 2);
        assert_eq!(said, Said::Changed, "time {time}");
        assert_eq!(books.payment(1).approvals, time);
        assert_eq!(books.payment(1).next_step(), Some(Step::Complete));
        assert_eq!(books.payment(1).decline, None, "that try is over");
        assert!(books.work().contains_key("p1"));
        keys.push(target.key(&books.case, Step::Complete));
        // However often it is tried.
        assert_eq!(keys.last(), Some(&target.key(&books.case, Step::Complete)));
        let intent = meridian::domain::case::Intent {
            key: keys[time as usize - 1].clone(),
            ..books.intent(Step::Complete, 1, None)
        };
        assert_eq!(books.call(1, None, intent), Said::Changed);
        books.answer(failed(1, Decline::Action));
        assert_eq!(books.payment(1).state, State::Declined);
        assert!(books.payment(1).open_page().is_some());
    }
    assert_ne!(keys[0], keys[1], "the gateway would answer with the first");
}

#[test]
fn a_refund_that_is_rejected_is_refundable_again_and_its_person_is_done() {
    let mut books = Books::paid(10_000);
    let asked = Event::RefundRequested(NewRefund {
        needs_approval: true,
        ..refund_of("q1", 4000)
    });
    assert_eq!(books.apply(&asked), Said::Changed);
    assert_eq!(books.alerts(), [Alert::RefundWaits]);
    assert_eq!(books.case.refundable(), eur(6000));
    let reject = Event::RefundRejected {
        request: "q1".into(),
    };
    assert_eq!(books.apply(&reject), Said::Changed);
    assert_eq!(
        (books.case.refundable(), books.alerts()),
        (eur(10_000), vec![])
    );
    assert_eq!(books.apply(&reject), Said::Nothing);
    assert_eq!(books.work().len(), 0);
}

#[test]
fn a_payment_that_a_person_closed_makes_room_for_another_and_money_still_counts() {
    let mut books = Books::with_payment(10_000, None);
    assert_eq!(books.case.unasked(), eur(0));
    assert_eq!(books.apply(&Event::Closed { payment: 1 }), Said::Changed);
    assert_eq!(books.case.unasked(), eur(10_000));
    assert_eq!(books.case.chargeable(), eur(10_000));
    assert_eq!(books.apply(&Event::Closed { payment: 1 }), Said::Nothing);
    assert_eq!(books.hear(succeeded(1)), Said::Changed);
    assert_eq!(books.alerts(), [Alert::LatePayment]);
}

#[test]
fn an_open_dispute_holds_its_amount_and_an_end_lets_go_of_it() {
    let mut books = Books::paid(10_000);
    books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 4000));
    assert_eq!(books.case.refundable(), eur(6000));
    assert_eq!(books.balances["disputed"], 4000);
    assert_eq!(books.alerts(), [Alert::DisputeOpened]);
    books.hear(dispute(Kind::DisputeWon, 1, "dp_1", 4000));
    assert_eq!(books.case.refundable(), eur(10_000));
    assert_eq!(books.balances.get("disputed"), None);
    assert_eq!(books.alerts(), []);
}

// ---- money that comes late, or twice ----------------------------------------------------------

#[test]
fn money_that_comes_after_expiry_counts_and_tells_a_person() {
    let mut books = Books::with_payment(10_000, None);
    books.hear(fact(Kind::PaymentExpired, 1));
    assert_eq!(books.payment(1).state, State::Expired);
    assert_eq!(books.hear(succeeded(1)), Said::Changed);
    assert_eq!(
        (books.case.paid(), books.case.status()),
        (eur(10_000), Status::Paid)
    );
    assert_eq!(books.alerts(), [Alert::LatePayment]);
}

#[test]
fn money_after_a_decline_is_late_from_a_saved_method_and_a_second_try_on_a_page() {
    for (method, alerts) in [
        (Some(saved_method()), vec![Alert::LatePayment]),
        (None, vec![]),
    ] {
        let mut books = Books::with_payment(10_000, method);
        books.hear(failed(1, Decline::Funds));
        assert_eq!(books.hear(succeeded(1)), Said::Changed);
        assert_eq!(books.payment(1).state, State::Paid);
        assert_eq!(books.payment(1).decline, None);
        assert_eq!(books.alerts(), alerts);
    }
}

#[test]
fn more_money_than_was_asked_for_goes_back_by_itself_and_asks_nobody() {
    let mut books = Books::with_payment(10_000, None);
    books.hear(fact(Kind::PaymentExpired, 1));
    assert_eq!(
        books.apply(&Event::Charge(charge(None, None))),
        Said::Changed
    );
    books.hear(succeeded(2));
    assert_eq!(books.alerts(), []);
    books.hear(succeeded(1));
    assert_eq!(books.balances["receivable"], -10_000);
    assert_eq!(books.alerts(), []);
    assert_eq!(books.case.due(), eur(0));
    let (payment, refund) = books.case.refund(1).unwrap();
    assert_eq!((payment.n, refund.amount), (1, eur(10_000)));
}

#[test]
fn a_late_failure_is_asked_about_and_then_returns_the_money() {
    let mut books = Books::paid(10_000);
    books.late_failures = true;
    assert_eq!(books.hear(fact(Kind::PaymentFailed, 1)), Said::Ask);
    assert_eq!(
        books.report(vec![fact(Kind::PaymentFailed, 1)], true),
        Said::Changed
    );
    assert_eq!(books.payment(1).state, State::Returned);
    assert_eq!((books.case.paid(), books.case.due()), (eur(0), eur(10_000)));
    // The order the other way round: the failure is heard first.
    let mut books = Books::with_payment(10_000, None);
    books.late_failures = true;
    assert_eq!(books.hear(fact(Kind::PaymentFailed, 1)), Said::Changed);
    assert_eq!(books.hear(succeeded(1)), Said::Ask);
    let now = vec![succeeded(1), fact(Kind::PaymentReturned, 1)];
    assert_eq!(books.report(now, true), Said::Changed);
    assert_eq!(books.payment(1).state, State::Returned);
}

/// Whether a debit failed before or after it cleared cannot be told from a refund either.
#[test]
fn what_implies_a_payment_does_not_bring_a_failed_debit_back_unasked() {
    for implying in [
        refund(Kind::RefundSucceeded, 1, "re_1", 4000),
        dispute(Kind::DisputeOpened, 1, "dp_1", 4000),
    ] {
        let mut books = Books::with_payment(10_000, None);
        books.late_failures = true;
        books.hear(fact(Kind::PaymentFailed, 1));
        assert_eq!(books.hear(implying.clone()), Said::Ask);
        let now = vec![fact(Kind::PaymentReturned, 1), implying];
        assert_eq!(books.report(now, true), Said::Changed);
        assert_eq!(books.payment(1).state, State::Returned);
    }
}

#[test]
fn a_return_heard_first_is_receipted_and_told_like_one_heard_in_order() {
    let mut first = Books::with_payment(10_000, None);
    first.hear(fact(Kind::PaymentReturned, 1));
    let mut second = Books::paid(10_000);
    second.hear(fact(Kind::PaymentReturned, 1));
    assert_eq!(first.receipts, second.receipts);
    for topic in [Topic::PaymentReceived, Topic::PaymentReturned] {
        assert_eq!(
            (first.told_of(topic), second.told_of(topic)),
            (1, 1),
            "{topic:?}"
        );
    }
}

// ---- what cannot be true ----------------------------------------------------------------------

#[test]
fn what_cannot_be_true_changes_nothing() {
    let usd = |minor| Money::new(minor, Currency::read("USD").unwrap());
    let with = |kind, amount| Fact {
        amount: Some(amount),
        ..fact(kind, 1)
    };
    let mut books = Books::with_payment(10_000, None);
    let before = books.case.clone();
    for amount in [eur(9_999), eur(10_001), usd(10_000)] {
        assert_eq!(
            books.hear(with(Kind::PaymentSucceeded, amount)),
            Said::Contradiction
        );
    }
    assert_eq!(books.case, before);

    assert_eq!(
        books.hear(with(Kind::PaymentSucceeded, eur(10_000))),
        Said::Changed
    );
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 6000));
    books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 1000));
    let before = books.case.clone();
    let cannot = [
        // More refunded than paid.
        refund(Kind::RefundSucceeded, 1, "re_2", 4001),
        // The same refund with another amount.
        refund(Kind::RefundSucceeded, 1, "re_1", 5999),
        refund(Kind::RefundSucceeded, 1, "re_2", 0),
        refund(Kind::RefundSucceeded, 1, "re_2", -500),
        dispute(Kind::DisputeOpened, 1, "dp_2", -500),
        Fact {
            amount: Some(usd(100)),
            ..refund(Kind::RefundSucceeded, 1, "re_2", 0)
        },
        Fact {
            amount: Some(usd(100)),
            ..dispute(Kind::DisputeOpened, 1, "dp_2", 0)
        },
        with(Kind::PaymentSucceeded, eur(9_999)),
        // Paid once more, under another id of the gateway.
        Fact {
            payment: Some("pi_other".into()),
            ..succeeded(1)
        },
    ];
    for fact in cannot {
        assert_eq!(books.hear(fact.clone()), Said::Contradiction, "{fact:?}");
        assert_eq!(
            books.report(vec![fact.clone()], true),
            Said::Contradiction,
            "{fact:?}"
        );
        assert_eq!(books.case, before, "{fact:?}");
    }
}

/// One report, one commit: the facts before the one that cannot be true are not kept either.
#[test]
fn a_contradiction_among_several_facts_is_put_before_people_and_the_others_count() {
    let mut books = Books::with_payment(10_000, None);
    let facts = vec![
        succeeded(1),
        refund(Kind::RefundSucceeded, 1, "re_1", 10_001),
    ];
    assert_eq!(books.report(facts, true), Said::Changed);
    assert_eq!(books.case.paid(), eur(10_000));
    assert_eq!(books.payment(1).refunded(), eur(0));
    assert_eq!(books.alerts(), [Alert::Contradiction]);
}

#[test]
fn money_is_refunded_under_the_id_that_paid_and_not_under_that_of_a_failed_try() {
    let mut books = Books::with_payment(10_000, None);
    let first_try = Fact {
        payment: Some("pi_failed".into()),
        ..failed(1, Decline::Funds)
    };
    books.hear(first_try);
    books.hear(succeeded(1));
    assert_eq!(books.payment(1).capture.as_deref(), Some("pi_1"));
}

#[test]
fn what_matches_nothing_is_said_to_match_nothing() {
    let mut books = Books::paid(10_000);
    let before = books.case.clone();
    let strangers = [
        Fact {
            reference: None,
            payment: Some("pi_of_somebody".into()),
            ..Fact::new(Kind::PaymentSucceeded)
        },
        Fact {
            reference: Some(meridian::words::ids::payment_reference(&books.case.id, 7)),
            ..Fact::new(Kind::PaymentSucceeded)
        },
        Fact::new(Kind::RefundSucceeded),
    ];
    for fact in strangers {
        assert_eq!(books.hear(fact), Said::Unmatched);
    }
    assert_eq!(books.case, before);
}

#[test]
fn a_payment_is_known_by_every_id_under_which_it_was_ever_spoken_of() {
    let mut books = Books::with_payment(10_000, None);
    books.apply(&Event::SessionOpened {
        payment: 1,
        session: crate::books::page(None),
    });
    let by = |payment: &str, aliases: &[&str]| Fact {
        payment: Some(payment.into()),
        aliases: aliases.iter().map(|id| String::from(*id)).collect(),
        amount: Some(eur(10_000)),
        ..Fact::new(Kind::PaymentSucceeded)
    };
    assert_eq!(books.hear(by("pi_1", &["ch_1"])), Said::Unmatched);
    assert_eq!(books.hear(by("pi_1", &["cs_1"])), Said::Changed);
    assert_eq!(books.payment(1).state, State::Paid);
    // Nothing moves, and yet an id is learnt.
    assert_eq!(books.hear(by("pi_1", &["ch_1"])), Said::Changed);
    let of_charge = Fact {
        payment: Some("ch_1".into()),
        reference: None,
        ..refund(Kind::RefundSucceeded, 1, "re_1", 1000)
    };
    assert_eq!(books.hear(of_charge), Said::Changed);
    assert_eq!(books.case.refunded(), eur(1000));
}

// ---- refunds ----------------------------------------------------------------------------------

#[test]
fn two_refunds_of_60_on_100_are_one_refund_and_a_refusal_with_what_is_left() {
    let mut books = Books::paid(10_000);
    assert_eq!(books.ask_refund("q1", 6000), Said::Changed);
    let refusal = Refusal::NotRefundable {
        refundable: eur(4000),
    };
    assert_eq!(books.ask_refund("q2", 6000), Said::Refused(refusal.clone()));
    // Nor when the first is under way, unknown, or done.
    let intent = books.intent(Step::Refund, 1, Some(1));
    books.call(1, Some(1), intent);
    assert_eq!(books.ask_refund("q2", 6000), Said::Refused(refusal.clone()));
    books.apply(&Event::ReplyLost {
        payment: 1,
        refund: Some(1),
    });
    assert_eq!(books.ask_refund("q2", 6000), Said::Refused(refusal.clone()));
    books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 6000));
    assert_eq!(books.ask_refund("q2", 6000), Said::Refused(refusal));
    assert_eq!(books.ask_refund("q2", 4000), Said::Changed);
    assert_eq!(books.case.refundable(), eur(0));
    books.reserved_fits();
}

#[test]
fn a_failed_refund_gives_its_amount_back_and_tells_a_person() {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 6000);
    let intent = books.intent(Step::Refund, 1, Some(1));
    books.call(1, Some(1), intent);
    books.hear(our_refund(Kind::RefundFailed, 1, 1, "re_1", 6000));
    assert_eq!(books.case.refundable(), eur(10_000));
    assert_eq!(books.alerts(), [Alert::RefundFailed]);
    assert_eq!(books.ask_refund("q2", 10_000), Said::Changed);
}

/// The time by which it must be answered stands in the task, and in a new one where it moves.
#[test]
fn a_dispute_is_to_be_answered_by_the_time_that_was_last_told() {
    let mut books = Books::paid(10_000);
    let told = |day: &str| Fact {
        due_by: Some(format!("2026-03-{day}T12:00:00Z").parse().unwrap()),
        ..dispute(Kind::DisputeOpened, 1, "dp_1", 3000)
    };
    let asked = |books: &Books| {
        let task = books
            .rows
            .values()
            .find(|task| task.id.starts_with("person-dispute-"));
        match task.map(|task| &task.work) {
            Some(Work::Person(matter)) => matter.due_by.map(|at| at.strftime("%d").to_string()),
            other => panic!("{other:?}"),
        }
    };
    books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 3000));
    assert_eq!(asked(&books), None);
    for (day, current, said, wanted) in [
        ("10", false, Said::Changed, "10"),
        ("10", false, Said::Nothing, "10"),
        ("20", false, Said::Changed, "20"),
        // An older event that comes late, and then what the gateway says when it is asked.
        ("15", false, Said::Nothing, "20"),
        ("15", true, Said::Changed, "15"),
    ] {
        assert_eq!(books.report(vec![told(day)], current), said, "{day}");
        assert_eq!(asked(&books).as_deref(), Some(wanted), "{day}");
    }
    let opened = books
        .outbox
        .iter()
        .filter(|told| told.subject.topic == Topic::DisputeOpened);
    assert_eq!(opened.count(), 1, "it opened once");
    // Nobody need answer one that is over.
    books.hear(dispute(Kind::DisputeWon, 1, "dp_1", 3000));
    assert_eq!(books.report(vec![told("25")], true), Said::Nothing);
    assert_eq!(books.alerts(), []);
}

/// One report may say several things: what one of them asks of people stays, whatever another ends.
#[test]
fn a_refund_that_settles_ends_no_question_that_came_with_it() {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 2500);
    let facts = vec![
        dispute(Kind::DisputeOpened, 1, "dp_1", 3000),
        our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 2500),
    ];
    assert_eq!(books.report(facts, true), Said::Changed);
    assert_eq!(books.alerts(), [Alert::DisputeOpened]);
    assert!(!books.work().contains_key("r1"), "{:?}", books.work());
}

#[test]
fn a_refund_that_bounces_gives_its_amount_back_too() {
    let mut books = Books::paid(10_000);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 6000));
    // Without the tax that goes back with it.
    assert_eq!(books.balances["refunds"], 6000 - 545);
    books.hear(refund(Kind::RefundFailed, 1, "re_1", 6000));
    assert_eq!(books.case.refundable(), eur(10_000));
    assert_eq!(books.balances.get("refunds"), None);
    assert_eq!(books.told_of(Topic::RefundFailed), 1);
}

/// Three payments of 50.00, 30.00 and 20.00, all paid.
fn paid_in_three() -> Books {
    let mut books = Books::open(invoice(10_000));
    for (minor, n) in [(5000, 1), (3000, 2), (2000, 3)] {
        books.apply(&Event::Charge(charge(Some(minor), None)));
        books.hear(succeeded(n));
    }
    assert_eq!(books.case.status(), Status::Paid);
    books
}

#[test]
fn a_refund_is_taken_from_the_newest_payment_first_and_over_several_where_needed() {
    let books = paid_in_three();
    let split = |minor| -> Vec<_> {
        let parts = split_refund(&books.case, eur(minor), None);
        parts.iter().map(|(n, part)| (*n, part.minor)).collect()
    };
    assert_eq!(split(500), [(3, 500)]);
    assert_eq!(split(2000), [(3, 2000)]);
    assert_eq!(split(2001), [(3, 2000), (2, 1)]);
    assert_eq!(split(10_000), [(3, 2000), (2, 3000), (1, 5000)]);

    let mut books = books;
    assert_eq!(books.ask_refund("q1", 4000), Said::Changed);
    let parts: Vec<_> = books
        .case
        .refunds()
        .map(|(p, r)| (p.n, r.n, r.amount.minor))
        .collect();
    assert_eq!(parts, [(2, Some(2), 2000), (3, Some(1), 2000)]);
    assert_eq!(books.case.refundable(), eur(6000));
    // The next one begins where this one ended.
    assert_eq!(books.ask_refund("q2", 2000), Said::Changed);
    let third = books.case.refund(3).map(|(p, r)| (p.n, r.amount.minor));
    let fourth = books.case.refund(4).map(|(p, r)| (p.n, r.amount.minor));
    assert_eq!((third, fourth), (Some((2, 1000)), Some((1, 1000))));
}

#[test]
fn a_refund_of_one_payment_takes_nothing_from_another() {
    let mut books = paid_in_three();
    let of_second = |amount: Option<i64>| {
        Event::RefundRequested(NewRefund {
            amount: amount.map(eur),
            payment: Some(2),
            ..refund_of("q1", 0)
        })
    };
    let refusal = Refusal::NotRefundable {
        refundable: eur(3000),
    };
    assert_eq!(books.apply(&of_second(Some(3001))), Said::Refused(refusal));
    assert_eq!(books.apply(&of_second(None)), Said::Changed);
    let parts: Vec<_> = books
        .case
        .refunds()
        .map(|(p, r)| (p.n, r.amount.minor))
        .collect();
    assert_eq!(parts, [(2, 3000)]);
}

#[test]
fn a_refund_of_nothing_less_or_another_currency_is_refused() {
    let mut books = Books::paid(10_000);
    let usd = Money::new(100, Currency::read("USD").unwrap());
    for amount in [eur(0), eur(-1), usd] {
        let asked = Event::RefundRequested(NewRefund {
            amount: Some(amount),
            ..refund_of("q1", 0)
        });
        let said = books.apply(&asked);
        assert!(
            matches!(said, Said::Refused(Refusal::Invalid(_))),
            "{said:?}"
        );
    }
    let refusal = Refusal::NotRefundable { refundable: eur(0) };
    let mut unpaid = Books::with_payment(10_000, None);
    assert_eq!(unpaid.ask_refund("q1", 1), Said::Refused(refusal));
}

#[test]
fn a_refund_that_awaits_approval_reserves_is_not_sent_and_is_sent_once_approved() {
    let mut books = paid_in_three();
    let asked = Event::RefundRequested(NewRefund {
        needs_approval: true,
        ..refund_of("q1", 4000)
    });
    assert_eq!(books.apply(&asked), Said::Changed);
    assert!(books.work().is_empty(), "{:?}", books.work());
    assert_eq!(books.case.refundable(), eur(6000));
    let intent = books.intent(Step::Refund, 3, Some(1));
    assert_eq!(books.call(3, Some(1), intent.clone()), Said::Nothing);

    let approved = |request: &str| Event::RefundApproved {
        request: request.into(),
    };
    assert_eq!(books.apply(&approved("q2")), Said::Nothing);
    assert_eq!(books.apply(&approved("q1")), Said::Changed);
    let ids: Vec<_> = books.work().into_keys().map(String::from).collect();
    assert_eq!(ids, ["r1", "r2"]);
    assert!(
        books
            .case
            .refunds()
            .all(|(_, r)| r.state == refunds::State::Requested)
    );
    assert_eq!(books.apply(&approved("q1")), Said::Nothing);
    assert_eq!(books.call(3, Some(1), intent), Said::Changed);
}

/// A refund's webhook may be faster than the reply that names its id: whose is it?
#[test]
fn a_refund_of_the_same_amount_waits_while_ours_is_under_way() {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 3000);
    let intent = books.intent(Step::Refund, 1, Some(1));
    books.call(1, Some(1), intent);
    let nameless = refund(Kind::RefundSucceeded, 1, "re_1", 3000);
    assert_eq!(books.hear(nameless.clone()), Said::Wait);
    // One of another amount is somebody else's.
    assert_eq!(
        books.hear(refund(Kind::RefundSucceeded, 1, "re_9", 2999)),
        Said::Changed
    );
    books.hear(our_refund(Kind::RefundPending, 1, 1, "re_1", 3000));
    assert_eq!(books.hear(nameless), Said::Changed);
    let known: Vec<_> = books
        .payment(1)
        .refunds
        .iter()
        .map(|r| (r.n, r.state))
        .collect();
    let succeeded = refunds::State::Succeeded;
    assert_eq!(known, [(None, succeeded), (Some(1), succeeded)]);
    assert_eq!(books.case.refunded(), eur(5999));
    books.told_once();
}

/// Heard of before our call was written down, as after a "try later" that had acted.
#[test]
fn a_mirrored_refund_that_proves_to_be_ours_is_counted_and_told_once() {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 3000);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 3000));
    let intent = books.intent(Step::Refund, 1, Some(1));
    books.call(1, Some(1), intent);
    assert_eq!(
        books.hear(our_refund(Kind::RefundPending, 1, 1, "re_1", 3000)),
        Said::Changed
    );
    let [refund] = books.payment(1).refunds.as_slice() else {
        panic!("{:#?}", books.case)
    };
    assert_eq!(
        (refund.n, refund.state),
        (Some(1), refunds::State::Succeeded)
    );
    assert_eq!(books.told_of(Topic::RefundPaid), 1);
    assert_eq!(
        books.receipts.len(),
        2,
        "one of the payment, one of the refund"
    );
    assert_eq!(books.work().len(), 0, "{:?}", books.work());
}

/// Two refunds under one reference of ours are two refunds: money went out twice.
#[test]
fn a_second_refund_under_our_reference_is_not_taken_for_the_first() {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 3000);
    books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 3000));
    assert_eq!(
        books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_2", 3000)),
        Said::Changed
    );
    assert_eq!(books.case.refunded(), eur(6000));
    assert_eq!(
        books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_2", 3000)),
        Said::Nothing
    );
    books.told_once();
}

#[test]
fn a_running_total_is_known_or_asked_for_refund_by_refund() {
    let mut books = Books::paid(10_000);
    let total = |minor| Fact {
        refunded_total: Some(eur(minor)),
        ..fact(Kind::RefundSucceeded, 1)
    };
    assert_eq!(books.hear(total(3000)), Said::Ask);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 3000));
    assert_eq!(books.hear(total(3000)), Said::Nothing);
    assert_eq!(books.hear(total(3001)), Said::Ask);
}

#[test]
fn a_refund_made_in_the_dashboard_is_mirrored_and_never_sent() {
    let mut books = Books::paid(10_000);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 3000));
    assert_eq!(books.work().len(), 0, "{:?}", books.work());
    assert_eq!(
        (books.case.refunded(), books.case.refundable()),
        (eur(3000), eur(7000))
    );
    // A refund gives back; it does not make the invoice due again.
    assert_eq!(books.case.due(), eur(0));
}

// ---- charges ----------------------------------------------------------------------------------

#[test]
fn no_more_is_charged_than_is_due_and_not_already_on_its_way() {
    let mut books = Books::open(invoice(10_000));
    let ask = |minor| Event::Charge(charge(Some(minor), Some(saved_method())));
    let not_due = |minor| Said::Refused(Refusal::NotDue { due: eur(minor) });
    assert_eq!(books.apply(&ask(10_001)), not_due(10_000));
    for minor in [0, -1] {
        assert_eq!(books.apply(&ask(minor)), not_due(10_000));
    }
    assert_eq!(books.apply(&ask(6000)), Said::Changed);
    assert_eq!(books.apply(&ask(4001)), not_due(4000));
    books.hear(succeeded(1));
    assert_eq!(books.case.status(), Status::PartPaid);
    assert_eq!(books.apply(&ask(4001)), not_due(4000));
    books.hear(fact(Kind::PaymentReturned, 1));
    assert_eq!(books.apply(&ask(10_000)), Said::Changed);
    assert_eq!(books.apply(&Event::Charge(charge(None, None))), not_due(0));
}

#[test]
fn an_invoice_comes_once() {
    let mut books = Books::open(invoice(10_000));
    let again = Event::Invoiced(Box::new(invoice(9_000)));
    assert_eq!(books.apply(&again), Said::Nothing);
    assert_eq!(books.told_of(Topic::InvoiceIssued), 1);
}

// ---- retries ----------------------------------------------------------------------------------

fn with_policy(policy: Policy) -> Books {
    Books::open(NewInvoice {
        policy,
        charge: Some(charge(None, Some(saved_method()))),
        ..invoice(10_000)
    })
}

fn retry_due(payment: u32) -> Event {
    Event::RetryDue {
        payment,
        method: Some(saved_method()),
    }
}

#[test]
fn retries_come_on_the_policys_days_and_then_no_more() {
    let mut books = with_policy(Policy {
        retry_after_days: vec![3, 5],
        ..Policy::default()
    });
    for (n, days) in [(1, Some(3)), (2, Some(5)), (3, None)] {
        let declined_at = books.now;
        books.hear(failed(n, Decline::Funds));
        let id = format!("retry-p{n}");
        let due = books
            .work()
            .get(id.as_str())
            .map(|task| task.due.as_second());
        let expected = days.map(|days| declined_at.as_second() + days * DAY);
        assert_eq!(due, expected, "after payment {n}");
        if let Some(days) = days {
            books.later(days * DAY);
            assert_eq!(books.apply(&retry_due(n)), Said::Changed);
            assert_eq!(books.payment(n + 1).state, State::Open);
            assert!(!books.rows.contains_key(&id), "the retry is done");
        }
    }
    assert_eq!(books.case.payments.len(), 3);
}

#[test]
fn only_a_decline_that_leaves_hope_is_tried_again() {
    for (why, hopeful) in [
        (Decline::Funds, true),
        (Decline::Other, true),
        // Another method, or a page.
        (Decline::Method, true),
        (Decline::Action, false),
        (Decline::Fraud, false),
        (Decline::Cancelled, false),
    ] {
        for kind in [Kind::PaymentFailed, Kind::PaymentReturned] {
            let mut books = with_policy(Policy::default());
            books.hear(Fact {
                decline: Some(why),
                ..fact(kind, 1)
            });
            let planned = books.rows.contains_key("retry-p1");
            assert_eq!(planned, hopeful, "{why:?} after {kind:?}");
        }
    }
    // Nothing to charge by itself, or a clinic that collects by hand.
    let mut on_a_page = Books::with_payment(10_000, None);
    on_a_page.hear(failed(1, Decline::Funds));
    assert!(!on_a_page.rows.contains_key("retry-p1"));
    let mut by_hand = with_policy(Policy {
        collect: Collect::Later,
        ..Policy::default()
    });
    by_hand.hear(failed(1, Decline::Funds));
    assert!(!by_hand.rows.contains_key("retry-p1"));
}

#[test]
fn a_retry_that_comes_due_after_the_invoice_was_paid_does_nothing() {
    let mut books = with_policy(Policy::default());
    books.hear(failed(1, Decline::Funds));
    books.apply(&Event::Charge(charge(None, None)));
    books.hear(succeeded(2));
    books.apply(&retry_due(1));
    assert_eq!(books.case.payments.len(), 2);
    assert!(!books.rows.contains_key("retry-p1"));
}

#[test]
fn a_retry_comes_once_however_often_it_is_due() {
    let mut books = with_policy(Policy::default());
    books.hear(failed(1, Decline::Funds));
    books.apply(&retry_due(1));
    books.apply(&retry_due(1));
    assert_eq!(books.case.payments.len(), 2);
    // Nor before its own day, once the second try has failed too.
    books.hear(failed(2, Decline::Funds));
    books.apply(&retry_due(1));
    assert_eq!(books.case.payments.len(), 2);
    assert!(books.rows.contains_key("retry-p2"));
}

/// The other half of the invoice was never asked for.
#[test]
fn a_retry_of_a_payment_that_arrived_after_all_does_not_charge_the_rest_of_the_invoice() {
    let mut books = Books::open(invoice(10_000));
    books.apply(&Event::Charge(charge(Some(5000), Some(saved_method()))));
    books.hear(failed(1, Decline::Funds));
    assert!(books.rows.contains_key("retry-p1"));
    books.hear(succeeded(1));
    assert!(
        !books.rows.contains_key("retry-p1"),
        "nothing is left to be tried again"
    );
    books.apply(&retry_due(1));
    assert_eq!(books.case.payments.len(), 1);
}

#[test]
fn nobody_is_charged_again_by_itself_after_a_lost_dispute() {
    let returned = Fact {
        decline: Some(Decline::Funds),
        ..fact(Kind::PaymentReturned, 1)
    };
    let lost = dispute(Kind::DisputeLost, 1, "dp_1", 4000);
    for order in [[returned.clone(), lost.clone()], [lost, returned]] {
        let mut books = with_policy(Policy::default());
        books.hear(succeeded(1));
        order.into_iter().for_each(|fact| drop(books.hear(fact)));
        assert!(!books.rows.contains_key("retry-p1"));
        books.apply(&retry_due(1));
        assert_eq!(books.case.payments.len(), 1);
    }
}

// ---- told once --------------------------------------------------------------------------------

#[test]
fn each_topic_is_told_once_and_each_receipt_issued_once_however_often_facts_repeat() {
    let story = [
        failed(1, Decline::Funds),
        succeeded(1),
        refund(Kind::RefundPending, 1, "re_1", 1000),
        refund(Kind::RefundSucceeded, 1, "re_1", 1000),
        refund(Kind::RefundSucceeded, 1, "re_2", 500),
        refund(Kind::RefundFailed, 1, "re_2", 500),
        dispute(Kind::DisputeOpened, 1, "dp_1", 2000),
        dispute(Kind::DisputeLost, 1, "dp_1", 2000),
        fact(Kind::PaymentReturned, 1),
    ];
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    for _ in 0..3 {
        for fact in &story {
            for _ in 0..2 {
                books.hear(fact.clone());
            }
        }
    }
    books.told_once();
    let told = [
        (Topic::InvoiceIssued, 1),
        (Topic::CheckoutReady, 0),
        (Topic::PaymentFailed, 1),
        (Topic::PaymentReceived, 1),
        // The part that the dispute took, then the rest.
        (Topic::PaymentReturned, 2),
        (Topic::RefundPaid, 2),
        (Topic::RefundFailed, 1),
        (Topic::DisputeOpened, 1),
        (Topic::DisputeClosed, 1),
        // The payment was late, a refund failed, a bank disputed, and what was lost is due again.
        (Topic::NeedsPerson, 4),
    ];
    for (topic, times) in told {
        assert_eq!(books.told_of(topic), times, "{topic:?}");
    }
    let receipt = |rest: &str| format!("{}-p1{rest}", books.case.id);
    let key = |at: usize| format!("-{}", books.payment(1).refunds[at].key());
    let mut issued = books.receipts.clone();
    let bounced = books
        .payment(1)
        .refunds
        .iter()
        .find(|r| r.id.as_deref() == Some("re_2"));
    let bounced = format!("-{}-failed", bounced.unwrap().key());
    let (part, rest) = ("-returned", "-returned2");
    let mut expected: Vec<_> = ["", &key(0), &key(1), &bounced, part, rest]
        .map(receipt)
        .into();
    issued.sort();
    expected.sort();
    assert_eq!(issued, expected);
}

#[test]
fn what_a_stranger_began_under_our_reference_is_no_payment_of_ours_and_its_money_is_not_swallowed()
{
    for arrived in [false, true] {
        for kind in [Kind::PaymentPending, Kind::PaymentFailed] {
            let mut books = Books::with_payment(10_000, Some(saved_method()));
            books.call(1, None, books.intent(Step::Charge, 1, None));
            let theirs = |kind| Fact {
                payment: Some("pi_theirs".into()),
                amount: Some(eur(10_000)),
                ..fact(kind, 1)
            };
            books.report(vec![fact(Kind::PaymentPending, 1)], true);
            if arrived {
                books.report(vec![succeeded(1)], true);
            }
            let known = books.payment(1).clone();
            assert!(matches!(
                books.hear(theirs(kind)),
                Said::Ask | Said::Nothing
            ));
            assert_eq!(books.payment(1), &known, "{kind:?}");
            books.report(vec![succeeded(1)], true);
            let paid = theirs(Kind::PaymentSucceeded);
            assert_eq!(books.hear(paid.clone()), Said::Contradiction, "{kind:?}");
            assert_eq!(books.report(vec![paid], true), Said::Contradiction);
            books.verify();
        }
    }
}

#[test]
fn a_late_failure_of_a_debit_that_is_under_way_again_is_asked_about() {
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    books.late_failures = true;
    books.call(1, None, books.intent(Step::Charge, 1, None));
    books.report(vec![fact(Kind::PaymentPending, 1)], true);
    assert_eq!(books.hear(failed(1, Decline::Funds)), Said::Ask);
    // The gateway collects it again.
    books.report(vec![fact(Kind::PaymentPending, 1)], true);
    assert_eq!(books.payment(1).state, State::Pending);
    assert!(!books.work().contains_key("retry-p1"));
    books.report(vec![failed(1, Decline::Funds)], true);
    assert_eq!(books.payment(1).state, State::Declined);
    assert!(books.work().contains_key("retry-p1"));
}

#[test]
fn what_a_stranger_began_is_not_taken_for_the_approval_that_waits_to_be_taken_by_us() {
    let mut books = approved_page();
    assert_eq!(books.case.next_step(1), Some(Step::Complete));
    for kind in TRIES {
        let theirs = Fact {
            payment: Some("pi_theirs".into()),
            ..fact(kind, 1)
        };
        books.hear(theirs.clone());
        books.report(vec![theirs], true);
        assert_eq!(books.payment(1).capture, None, "{kind:?}");
        assert_eq!(books.case.next_step(1), Some(Step::Complete), "{kind:?}");
    }
}

#[test]
fn a_try_of_another_amount_under_an_id_that_nobody_knows_is_no_try_of_ours() {
    let opened = || {
        let mut books = Books::with_payment(10_000, None);
        books.call(1, None, books.intent(Step::Checkout, 1, None));
        let session = page(Some(24));
        books.apply(&Event::SessionOpened {
            payment: 1,
            session,
        });
        books
    };
    let called = || {
        let mut books = Books::with_payment(10_000, Some(saved_method()));
        books.call(1, None, books.intent(Step::Charge, 1, None));
        books
    };
    let planned = || Books::with_payment(10_000, Some(saved_method()));
    let all = [
        (opened(), Some(100), "on a page"),
        (called(), Some(100), "under a call"),
        (planned(), Some(100), "before it began"),
    ];
    for (mut books, amount, where_) in all {
        let known = books.payment(1).clone();
        for kind in TRIES {
            let theirs = Fact {
                payment: Some("pi_theirs".into()),
                amount: amount.map(eur),
                ..fact(kind, 1)
            };
            books.hear(theirs.clone());
            books.report(vec![theirs], true);
            assert_eq!(books.payment(1), &known, "{kind:?} {where_}");
        }
    }
}

#[test]
fn a_debit_that_failed_or_came_back_is_not_collected_again_under_the_id_of_a_stranger() {
    for came in [false, true] {
        let mut books = Books::with_payment(10_000, Some(saved_method()));
        books.late_failures = true;
        books.call(1, None, books.intent(Step::Charge, 1, None));
        books.report(vec![fact(Kind::PaymentPending, 1)], true);
        if came {
            books.report(vec![succeeded(1)], true);
        }
        books.report(vec![failed(1, Decline::Funds)], true);
        let known = books.payment(1).clone();
        for kind in TRIES {
            let theirs = Fact {
                payment: Some("pi_theirs".into()),
                amount: Some(eur(10_000)),
                ..fact(kind, 1)
            };
            assert_eq!(books.hear(theirs.clone()), Said::Nothing, "{kind:?}");
            assert_eq!(books.report(vec![theirs], true), Said::Nothing, "{kind:?}");
            assert_eq!(books.payment(1), &known);
        }
        // Under its own it is.
        books.report(vec![fact(Kind::PaymentPending, 1)], true);
        assert_eq!(books.payment(1).state, State::Pending);
    }
}

const TRIES: [Kind; 3] = [
    Kind::PaymentPending,
    Kind::PaymentFailed,
    Kind::PaymentExpired,
];

#[test]
fn while_our_own_call_is_out_no_try_under_an_id_that_nobody_knows_is_taken_for_its_fate() {
    for (step, lost) in [
        (Step::Charge, false),
        (Step::Charge, true),
        (Step::Complete, true),
    ] {
        let mut books = match step {
            Step::Charge => Books::with_payment(10_000, Some(saved_method())),
            _ => approved_page(),
        };
        let (payment, refund) = (1, None);
        books.call(1, None, books.intent(step, 1, None));
        if lost {
            books.apply(&Event::ReplyLost { payment, refund });
        }
        let out = books.payment(1).clone();
        for kind in TRIES {
            let theirs = |minor: Option<i64>| Fact {
                payment: Some("pi_theirs".into()),
                amount: minor.map(eur),
                ..fact(kind, 1)
            };
            for minor in [None, Some(10_000)] {
                let said = books.hear(theirs(minor));
                assert_eq!(said, Said::Wait, "the reply tells: {kind:?} {minor:?}");
            }
            for current in [false, true] {
                let said = books.report(vec![theirs(Some(100))], current);
                assert_eq!(said, Said::Nothing, "another amount: {kind:?}");
            }
            assert_eq!(books.payment(1), &out, "{kind:?}");
        }
        assert_eq!(books.answer(fact(Kind::PaymentPending, 1)), Said::Changed);
        assert_eq!(books.payment(1).state, State::Pending);
        books.verify();
    }
}

#[test]
fn after_a_failed_try_on_a_page_that_stays_the_page_is_asked_and_not_the_try() {
    let completing = || {
        let mut books = approved_page();
        books.call(1, None, books.intent(Step::Complete, 1, None));
        books
    };
    for mut books in [opened_page(), completing()] {
        let tried = Fact {
            aliases: vec!["cs_1".into()],
            ..failed(1, Decline::Funds)
        };
        assert_eq!(books.hear(tried), Said::Changed);
        assert_eq!(books.payment(1).state, State::Declined);
        let payment = meridian::flows::calls::Target {
            payment: 1,
            refund: None,
        };
        let asked = payment.lookup(&books.case);
        assert_eq!((asked.payment, asked.session), (None, Some("cs_1".into())));
    }
}

/// A page that the payer was sent to.
fn opened_page() -> Books {
    let mut books = Books::with_payment(10_000, None);
    books.call(1, None, books.intent(Step::Checkout, 1, None));
    books.apply(&Event::SessionOpened {
        payment: 1,
        session: crate::books::page(None),
    });
    books
}

/// One on which he has approved.
fn approved_page() -> Books {
    let mut books = opened_page();
    let approved = Fact {
        payment: None,
        aliases: vec!["cs_1".into()],
        approved: true,
        ..fact(Kind::PaymentPending, 1)
    };
    assert_eq!(books.hear(approved), Said::Changed);
    books
}

/// Banks move the day of a debit, by a holiday or because it was submitted late.
#[test]
fn the_day_of_a_debit_is_the_one_that_was_told_last() {
    let under_way = |day: Option<jiff::civil::Date>| Fact {
        collected_on: day,
        ..fact(Kind::PaymentPending, 1)
    };
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    let days = [20, 20, 23].map(|day| Some(jiff::civil::date(2026, 11, day)));
    for (day, said) in [
        (days[0], Said::Changed),
        (days[1], Said::Nothing),
        (days[2], Said::Changed),
        (None, Said::Nothing),
    ] {
        assert_eq!(books.hear(under_way(day)), said, "{day:?}");
        let now = books.payment(1).collected_on;
        assert_eq!(now, day.or(days[2]));
    }
    books.verify();
}

/// Each approval that counts is completed under a key of its own: one too many takes money twice.
#[test]
fn an_approval_that_is_heard_again_is_the_same_and_one_of_a_page_that_is_over_counts_no_more() {
    let approved = Fact {
        approved: true,
        payment: None,
        ..fact(Kind::PaymentPending, 1)
    };
    let page = || {
        let mut books = Books::with_payment(10_000, None);
        books.call(1, None, books.intent(Step::Checkout, 1, None));
        let session = crate::books::page(None);
        let payment = 1;
        books.apply(&Event::SessionOpened { payment, session });
        books
    };
    for current in [false, true] {
        let mut books = page();
        let heard = books.report(vec![approved.clone()], current);
        assert_eq!(heard, Said::Changed);
        for again in [false, true] {
            let heard = books.report(vec![approved.clone()], again);
            assert_eq!(heard, Said::Nothing);
        }
        assert_eq!(books.payment(1).approvals, 1);
        let mut over = page();
        over.case.payments[0].page_over = true;
        let heard = over.report(vec![approved.clone()], current);
        assert_eq!(heard, Said::Nothing);
        assert_eq!(over.payment(1).approvals, 0);
    }
}
