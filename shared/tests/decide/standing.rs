//! How a payment and a case stand: what each state of them answers, and what their sums are.

use crate::books::{Books, eur, invoice, page, saved_method};
use meridian::domain::case::{Case, Ending, Intent, Payment, Retry, Step};
use meridian::domain::dispute::{Dispute, State as Ended};
use meridian::domain::fact::Decline;
use meridian::domain::payment::State;
use meridian::domain::refund::{Refund, State as Given};
use meridian::flows::calls::Target;
use meridian::flows::calls::ask::{Ask, Back};

const ALL: i64 = 10_000;

fn of(state: State) -> Payment {
    Payment {
        state,
        ..Payment::planned(1, "stripe".into(), eur(ALL))
    }
}

/// With the gateway's page.
fn on_page(state: State) -> Payment {
    Payment {
        session: Some(page(None)),
        ..of(state)
    }
}

/// From a saved method.
fn charged(state: State) -> Payment {
    Payment {
        method: Some(saved_method()),
        ..of(state)
    }
}

fn known(payment: Payment) -> Payment {
    Payment {
        capture: Some("pi_1".into()),
        ..payment
    }
}

fn called(payment: Payment) -> Payment {
    let intent: Intent = Books::open(invoice(ALL)).intent(Step::Checkout, 1, None);
    Payment {
        intent: Some(intent),
        ..payment
    }
}

fn approved(payment: Payment) -> Payment {
    Payment {
        approved: true,
        ..payment
    }
}

fn ending(payment: Payment, ending: Ending) -> Payment {
    Payment {
        ending: Some(ending),
        ..payment
    }
}

fn over(payment: Payment) -> Payment {
    Payment {
        page_over: true,
        ..payment
    }
}

fn declined(payment: Payment, why: Decline) -> Payment {
    Payment {
        decline: Some(why),
        ..payment
    }
}

fn disputed(payment: Payment, state: Ended, reversal: bool) -> Payment {
    Payment {
        disputes: vec![dispute(1, ALL, state, reversal)],
        ..payment
    }
}

fn dispute(n: usize, minor: i64, state: Ended, reversal: bool) -> Dispute {
    Dispute::new(format!("dp_{n}"), eur(minor), state, reversal)
}

/// Whatever is true of a payment, in words, and its next step.
fn answers(p: &Payment) -> String {
    let next = p.next_step().map(|step| format!("then {step:?}"));
    let all = [
        (p.arrived(), "arrived"),
        (p.is_under_own_id(), "own id"),
        (p.page_lives(), "page"),
        (p.open_page().is_some(), "sent there"),
        (p.is_ending(), "ending"),
        (p.is_left(), "left"),
        (p.may_bring(), "may bring"),
        (p.gives_way(), "gives way"),
        (p.is_unbegun(), "unbegun"),
        (p.may_retry(), "may retry"),
    ];
    let words = all.into_iter().filter(|(is, _)| *is);
    let words = words.map(|(_, word)| word.to_owned()).chain(next);
    words.collect::<Vec<_>>().join(", ")
}

#[test]
fn each_state_of_a_payment_answers_what_may_still_happen_to_it() {
    use State::{Declined, Expired, Open, Paid, Pending, Returned, Unknown};
    for (payment, wanted) in [
        // Charged.
        (charged(Open), "may bring, unbegun, then Charge"),
        (called(charged(Open)), "may bring, then Charge"),
        (known(charged(Open)), "own id, may bring, then Charge"),
        (called(charged(Pending)), "may bring"),
        (known(charged(Pending)), "own id, may bring"),
        (charged(Unknown), "may bring"),
        (charged(Declined), "may retry"),
        (charged(Paid), "arrived"),
        (known(charged(Paid)), "arrived, own id"),
        // On a page.
        (of(Open), "may bring, gives way, unbegun, then Checkout"),
        (called(of(Open)), "may bring, gives way, then Checkout"),
        (on_page(Open), "page, sent there, may bring, gives way"),
        (
            known(on_page(Open)),
            "page, sent there, may bring, gives way",
        ),
        (known(on_page(Pending)), "own id, may bring"),
        (on_page(Pending), "may bring"),
        (
            on_page(Declined),
            "page, sent there, may bring, gives way, may retry",
        ),
        (over(on_page(Declined)), "may retry"),
        (on_page(Expired), "page, sent there, may bring, gives way"),
        (over(on_page(Expired)), ""),
        (of(Expired), ""),
        (on_page(Paid), "arrived"),
        (on_page(Returned), "arrived, may retry"),
        // Approved there, to be taken by us.
        (approved(on_page(Pending)), "may bring, then Complete"),
        (approved(on_page(Open)), "may bring, then Complete"),
        (approved(of(Open)), "may bring, then Complete"),
        (approved(known(on_page(Pending))), "own id, may bring"),
        (approved(on_page(Unknown)), "may bring"),
        // Nobody shall pay there any more.
        (
            ending(on_page(Open), Ending::Asked),
            "page, ending, left, may bring, gives way, then Close",
        ),
        (
            ending(on_page(Declined), Ending::Asked),
            "page, ending, left, may bring, gives way, may retry, then Close",
        ),
        (
            ending(on_page(Open), Ending::Refused),
            "page, left, may bring, gives way",
        ),
        (ending(over(on_page(Open)), Ending::Asked), "may bring"),
        (ending(on_page(Pending), Ending::Asked), "may bring"),
        (ending(over(on_page(Declined)), Ending::Asked), "may retry"),
        // Why it failed or went back.
        (declined(charged(Declined), Decline::Funds), "may retry"),
        (declined(charged(Declined), Decline::Other), "may retry"),
        (declined(charged(Declined), Decline::Method), "may retry"),
        (declined(charged(Declined), Decline::Fraud), ""),
        (declined(charged(Declined), Decline::Action), ""),
        (declined(charged(Declined), Decline::Cancelled), ""),
        (charged(Returned), "arrived, may retry"),
        (declined(charged(Returned), Decline::Fraud), "arrived"),
        (disputed(charged(Returned), Ended::Lost, false), "arrived"),
        (
            disputed(charged(Returned), Ended::Lost, true),
            "arrived, may retry",
        ),
        (
            disputed(charged(Returned), Ended::Won, false),
            "arrived, may retry",
        ),
        (disputed(charged(Paid), Ended::Open, false), "arrived"),
    ] {
        assert_eq!(answers(&payment), wanted, "{payment:#?}");
    }
}

/// Its state, whether the whole went back, its refunds, and its disputes with whether a bank simply
/// took them.
type Parts<'a> = (State, bool, &'a [(i64, Given)], &'a [(i64, Ended, bool)]);

fn made_of((state, whole, refunds, disputes): Parts) -> Payment {
    let refund = |(n, (minor, state)): (usize, &(i64, Given))| Refund {
        n: Some(n as u32 + 1),
        request: None,
        id: Some(format!("re_{n}")),
        amount: eur(*minor),
        state: *state,
        paid_at: None,
        intent: None,
        way: Default::default(),
        of_deposit: false,
    };
    let disputes = disputes.iter().enumerate();
    Payment {
        returned_whole: whole,
        refunds: refunds.iter().enumerate().map(refund).collect(),
        disputes: disputes
            .map(|(n, (minor, state, reversal))| dispute(n, *minor, *state, *reversal))
            .collect(),
        ..of(state)
    }
}

#[test]
fn what_of_a_payment_went_is_held_or_can_still_be_given_back() {
    use Ended::{Lost, Open, Won};
    use Given::{AwaitingApproval, Executing, Failed, Requested, Succeeded, Unknown};
    use State::{Paid, Pending, Returned};
    // Refunded, returned, held, refundable, unreserved, and whether it went twice.
    let rows: &[(Parts, [i64; 5], bool)] = &[
        ((Paid, false, &[], &[]), [0, 0, 0, ALL, ALL], false),
        ((Pending, false, &[], &[]), [0, 0, 0, 0, ALL], false),
        (
            (Paid, false, &[(2000, Succeeded)], &[]),
            [2000, 0, 0, 8000, 8000],
            false,
        ),
        (
            (Paid, false, &[(2000, Failed)], &[]),
            [0, 0, 0, ALL, ALL],
            false,
        ),
        (
            (Paid, false, &[(2000, AwaitingApproval)], &[]),
            [0, 0, 0, 8000, 8000],
            false,
        ),
        (
            (Paid, false, &[(2000, Requested)], &[]),
            [0, 0, 0, 8000, 8000],
            false,
        ),
        (
            (Paid, false, &[(2000, Executing), (1000, Unknown)], &[]),
            [0, 0, 0, 7000, 7000],
            false,
        ),
        (
            (Paid, false, &[], &[(3000, Open, false)]),
            [0, 0, 3000, 7000, 7000],
            false,
        ),
        (
            (Paid, false, &[], &[(3000, Open, true)]),
            [0, 0, 0, ALL, ALL],
            false,
        ),
        (
            (Paid, false, &[], &[(3000, Won, false), (2000, Won, true)]),
            [0, 0, 0, ALL, ALL],
            false,
        ),
        (
            (Returned, false, &[], &[(3000, Lost, false)]),
            [0, 3000, 0, 7000, 7000],
            false,
        ),
        (
            (Returned, false, &[], &[(3000, Lost, true)]),
            [0, 3000, 0, 7000, 7000],
            false,
        ),
        // A reversal executes a lost dispute: the same money.
        (
            (
                Returned,
                false,
                &[],
                &[(3000, Lost, false), (3000, Lost, true)],
            ),
            [0, 3000, 0, 7000, 7000],
            false,
        ),
        (
            (
                Returned,
                false,
                &[],
                &[(3000, Lost, false), (5000, Lost, true)],
            ),
            [0, 5000, 0, 5000, 5000],
            false,
        ),
        (
            (
                Returned,
                false,
                &[],
                &[(5000, Lost, false), (2000, Lost, true), (1000, Lost, true)],
            ),
            [0, 5000, 0, 5000, 5000],
            false,
        ),
        (
            (
                Returned,
                false,
                &[],
                &[(3000, Lost, false), (1000, Open, false), (500, Won, true)],
            ),
            [0, 3000, 1000, 6000, 6000],
            false,
        ),
        ((Returned, true, &[], &[]), [0, ALL, 0, 0, 0], false),
        (
            (Returned, true, &[], &[(3000, Open, false)]),
            [0, ALL, 0, 0, 0],
            false,
        ),
        // Refunds and what was taken back come to no more than there was.
        (
            (
                Returned,
                false,
                &[(7000, Succeeded)],
                &[(3000, Lost, false)],
            ),
            [7000, 3000, 0, 0, 0],
            false,
        ),
        (
            (
                Returned,
                false,
                &[(8000, Succeeded)],
                &[(3000, Lost, false)],
            ),
            [8000, 2000, 0, 0, 0],
            true,
        ),
        (
            (Returned, false, &[(8000, Succeeded)], &[(3000, Lost, true)]),
            [8000, 2000, 0, 0, 0],
            true,
        ),
        (
            (Returned, true, &[(8000, Succeeded)], &[(3000, Lost, false)]),
            [8000, ALL, 0, 0, -8000],
            false,
        ),
        (
            (Paid, false, &[(8000, Succeeded)], &[(3000, Open, false)]),
            [8000, 0, 2000, 0, 0],
            false,
        ),
        (
            (Paid, false, &[(8000, Succeeded)], &[(3000, Won, false)]),
            [8000, 0, 0, 2000, 2000],
            false,
        ),
        (
            (
                Returned,
                false,
                &[(8000, Requested)],
                &[(5000, Lost, false)],
            ),
            [0, 5000, 0, 0, -3000],
            false,
        ),
        (
            (Returned, false, &[], &[(12_000, Lost, false)]),
            [0, ALL, 0, 0, 0],
            true,
        ),
    ];
    for (parts, sums, twice) in rows {
        let p = made_of(*parts);
        let told = [
            p.refunded(),
            p.returned(),
            p.disputed(),
            p.refundable(),
            p.unreserved(),
        ];
        assert_eq!(told.map(|money| money.minor), *sums, "{parts:?}");
        assert_eq!(p.overreturned(), *twice, "{parts:?}");
    }
}

/// An invoice of 100.00 with these payments, of so much each.
fn case(payments: &[(i64, Payment)]) -> Case {
    let numbered = |(n, (minor, payment)): (usize, &(i64, Payment))| Payment {
        n: n as u32 + 1,
        amount: eur(*minor),
        ..payment.clone()
    };
    Case {
        payments: payments.iter().enumerate().map(numbered).collect(),
        ..Books::open(invoice(ALL)).case
    }
}

/// Payments, what is then due, chargeable, unasked and a surplus, whether nothing collects what is
/// due, and how the invoice stands.
type Stand<'a> = (&'a [(i64, Payment)], [i64; 4], bool, &'a str);

#[test]
fn what_of_an_invoice_is_due_can_be_asked_for_and_works_by_itself() {
    use State::{Declined, Open, Paid, Pending, Returned};
    let refunded = |minor, state| Payment {
        refunds: made_of((Paid, false, &[(minor, state)], &[])).refunds,
        ..of(Paid)
    };
    let lost = made_of((Returned, true, &[], &[]));
    let (asked, refused) = (
        ending(on_page(Open), Ending::Asked),
        ending(on_page(Open), Ending::Refused),
    );
    let rows: &[Stand] = &[
        (&[], [ALL, ALL, ALL, 0], false, "open"),
        (
            &[(4000, charged(Open))],
            [ALL, 6000, 6000, 0],
            false,
            "open",
        ),
        (
            &[(4000, charged(Pending))],
            [ALL, 6000, 6000, 0],
            false,
            "open",
        ),
        // A page gives way; while people may pay there it is asked for.
        (&[(4000, on_page(Open))], [ALL, ALL, 6000, 0], false, "open"),
        (
            &[(4000, on_page(Pending))],
            [ALL, 6000, 6000, 0],
            false,
            "open",
        ),
        (&[(4000, asked)], [ALL, ALL, ALL, 0], false, "open"),
        (&[(4000, refused)], [ALL, ALL, ALL, 0], true, "open"),
        (
            &[(ALL, charged(Declined))],
            [ALL, ALL, ALL, 0],
            true,
            "open",
        ),
        (&[(ALL, on_page(Declined))], [ALL, ALL, 0, 0], false, "open"),
        (
            &[(4000, of(Paid))],
            [6000, 6000, 6000, 0],
            true,
            "part_paid",
        ),
        (
            &[(4000, of(Paid)), (3000, charged(Pending))],
            [6000, 3000, 3000, 0],
            false,
            "part_paid",
        ),
        (
            &[(4000, of(Paid)), (9000, on_page(Open))],
            [6000, 6000, 0, 0],
            false,
            "part_paid",
        ),
        (&[(ALL, of(Paid))], [0, 0, 0, 0], false, "paid"),
        (
            &[(ALL, of(Paid)), (3000, of(Paid))],
            [0, 0, 0, 3000],
            false,
            "paid",
        ),
        (
            &[(ALL, of(Paid)), (3000, refunded(3000, Given::Requested))],
            [0, 0, 0, 0],
            false,
            "paid",
        ),
        (
            &[(ALL, of(Paid)), (3000, refunded(3000, Given::Failed))],
            [0, 0, 0, 3000],
            false,
            "paid",
        ),
        (
            &[(ALL, refunded(3000, Given::Succeeded))],
            [0, 0, 0, 0],
            false,
            "paid",
        ),
        (&[(ALL, lost)], [ALL, ALL, ALL, 0], true, "open"),
    ];
    for (payments, sums, rests, status) in rows {
        let mut case = case(payments);
        let told = |case: &Case| {
            let sums = [
                case.due(),
                case.chargeable(),
                case.unasked(),
                case.surplus(),
            ];
            (sums.map(|money| money.minor), case.uncollected())
        };
        assert_eq!(told(&case), (*sums, *rests), "{payments:#?}");
        assert_eq!(case.status().name(), *status, "{payments:#?}");
        // A planned retry works on what is due, too.
        let due = case.created_at;
        case.retry = Some(Retry { payment: 1, due });
        assert_eq!(told(&case), (*sums, false), "{payments:#?}");
        // What is voided asks for nothing: whatever came is too much.
        case.bill.invoice_mut().void = true;
        assert_eq!((case.due().minor, case.uncollected()), (0, false));
        assert_eq!(case.status().name(), "void");
        let going = case.refunds().filter(|(_, r)| r.state.reserves());
        let going: i64 = going.map(|(_, r)| r.amount.minor).sum();
        let too_much = (case.paid().minor - going).max(0);
        assert_eq!(case.surplus().minor, too_much, "{payments:#?}");
    }
}

#[test]
fn nothing_is_begun_while_a_page_is_being_ended() {
    use State::{Open, Paid};
    let (asked, refused) = (
        ending(on_page(Open), Ending::Asked),
        ending(on_page(Open), Ending::Refused),
    );
    for (before, next, step) in [
        (asked.clone(), charged(Open), None),
        (asked.clone(), of(Open), None),
        // What was begun goes on.
        (asked.clone(), called(charged(Open)), Some(Step::Charge)),
        (asked.clone(), approved(on_page(Open)), Some(Step::Complete)),
        (over(asked), charged(Open), Some(Step::Charge)),
        (refused, charged(Open), Some(Step::Charge)),
        (on_page(Open), charged(Open), Some(Step::Charge)),
        (of(Paid), of(Open), Some(Step::Checkout)),
    ] {
        let case = case(&[(4000, before), (3000, next)]);
        assert_eq!(case.next_step(2), step, "{:#?}", case.payments);
        assert_eq!(case.next_step(3), None, "there is none");
    }
}

#[test]
fn what_is_told_of_a_dispute_bears_its_name_or_that_of_one_of_its_ends() {
    let mut one = dispute(1, 100, Ended::Lost, false);
    let other = dispute(2, 100, Ended::Lost, false);
    let key = one.key();
    assert_ne!(key, other.key());
    for (turned, end) in [
        (0, key.clone()),
        (1, format!("{key}-2")),
        (2, format!("{key}-3")),
    ] {
        one.turned = turned;
        assert_eq!(one.end(), end);
        assert!(one.is(&key) && one.is(&end) && !other.is(&end), "{end}");
    }
    for name in [
        "",
        "-2",
        &key[1..],
        &key[..5],
        &format!("{key}2"),
        &other.key(),
    ] {
        assert!(!one.is(name), "{name}");
    }
}

fn asked(case: &Case, target: Target, step: Step) -> Option<Ask> {
    let settings = serde_json::json!({ "id": "demo", "name": "Wattle", "currency": "EUR" });
    let settings = serde_json::from_value(settings).unwrap();
    let back = Back {
        done: "https://pay.example/done".into(),
        cancelled: "https://pay.example/cancelled".into(),
    };
    let now = "2026-03-14T10:00:00Z".parse().unwrap();
    Ask::of(
        case,
        target,
        step,
        &settings,
        "https://pay.example",
        &back,
        now,
    )
}

/// Some gateways want to hear what all refunds of a payment come to: those that they may have.
#[test]
fn a_refund_names_what_it_comes_to_with_those_that_its_gateway_may_have() {
    use Given::{AwaitingApproval, Executing, Failed, Requested, Succeeded, Unknown};
    let intent = || called(of(State::Open)).intent;
    let id = || Some("re_2".to_owned());
    for (state, id, intent, counted) in [
        (Succeeded, id(), None, true),
        (Executing, id(), None, true),
        (Executing, None, intent(), true),
        (Unknown, None, intent(), true),
        (Requested, None, None, false),
        (AwaitingApproval, None, None, false),
        (Failed, id(), None, false),
        (Failed, None, None, false),
        (Failed, id(), intent(), false),
    ] {
        let refunds: &[_] = &[(1000, Requested), (2000, state)];
        let mut payment = known(made_of((State::Paid, false, refunds, &[])));
        payment.refunds[0].id = None;
        (payment.refunds[1].id, payment.refunds[1].intent) = (id, intent);
        let case = case(&[(ALL, payment)]);
        let target = Target {
            payment: 1,
            refund: Some(1),
        };
        let Some(Ask::Refund(ask)) = asked(&case, target, Step::Refund) else {
            panic!("it is a refund");
        };
        assert_eq!(ask.amount, eur(1000), "{state:?}");
        let total = if counted { 3000 } else { 1000 };
        assert_eq!(ask.total_refunded, eur(total), "{state:?}");
        assert_eq!((ask.payment.as_str(), ask.whole), ("pi_1", false));
        assert_eq!(ask.reference, format!("{}-r1", case.id));
    }
    let all: &[_] = &[(ALL, Requested)];
    let case = case(&[(ALL, known(made_of((State::Paid, false, all, &[]))))]);
    let target = Target {
        payment: 1,
        refund: Some(1),
    };
    let Some(Ask::Refund(ask)) = asked(&case, target, Step::Refund) else {
        panic!("it is a refund");
    };
    assert!(ask.whole && ask.total_refunded == eur(ALL));
}

#[test]
fn nothing_is_asked_for_which_the_payment_lacks_what_it_needs() {
    use State::{Open, Paid, Pending};
    let target = Target {
        payment: 1,
        refund: None,
    };
    for (payment, step, can) in [
        (of(Open), Step::Checkout, true),
        (of(Open), Step::Charge, false),
        (charged(Open), Step::Charge, true),
        (of(Open), Step::Close, false),
        (on_page(Open), Step::Close, true),
        (approved(of(Pending)), Step::Complete, false),
        (approved(on_page(Pending)), Step::Complete, true),
        (known(of(Paid)), Step::Refund, false),
    ] {
        let case = case(&[(4000, payment)]);
        let ask = asked(&case, target, step);
        assert_eq!(ask.is_some(), can, "{step:?} {:#?}", case.payments);
        let none = Target {
            payment: 2,
            refund: None,
        };
        assert!(asked(&case, none, step).is_none(), "{step:?}");
    }
    // What has no id at its gateway cannot be refunded there.
    let refunds: &[_] = &[(1000, Given::Requested)];
    let case = case(&[(ALL, made_of((Paid, false, refunds, &[])))]);
    let target = Target {
        payment: 1,
        refund: Some(1),
    };
    assert!(asked(&case, target, Step::Refund).is_none());
}
