//! Six events in all their 720 orders end in one state, one set of balances, one set of receipts
//! and one list of work.

use crate::books::{Books, Said, dispute, eur, fact, our_refund, refund, saved_method, succeeded};
use meridian::domain::case::{Case, Step};
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::journal::Balances;
use meridian::domain::payment::State;
use meridian::domain::{dispute as disputes, refund as refunds};
use std::collections::BTreeSet;

/// All that must not depend on the order: the whole case but for the number of its commits and
/// the hash of the last, which count how often something new was said; the balances; the receipts;
/// and the rows of work, due times included. Messages may differ, for nobody is told that a
/// dispute was opened once its end is known; so may people's tasks, for money that came for an
/// expired payment was late only where the expiry was heard first.
#[derive(Clone, Debug, PartialEq)]
struct End {
    case: Case,
    balances: Balances,
    receipts: BTreeSet<String>,
    work: String,
}

fn end(books: &Books) -> End {
    let case = books.settled();
    End {
        case,
        balances: books.balances.clone(),
        receipts: books.receipts.iter().map(|id| kind(id)).collect(),
        work: format!("{:?}", books.work()),
    }
}

/// A receipt without the number of the time: where a part went back before the whole did, the rest
/// is receipted by itself.
fn kind(receipt: &str) -> String {
    match receipt.split_once("-returned") {
        Some((base, _)) => format!("{base}-returned"),
        None => receipt.into(),
    }
}

/// Every order of the facts, from the same beginning.
fn permutations(facts: &[Fact]) -> Vec<Vec<Fact>> {
    if facts.len() < 2 {
        return vec![facts.to_vec()];
    }
    let mut all = vec![];
    for at in 0..facts.len() {
        let mut rest = facts.to_vec();
        let first = rest.remove(at);
        for mut tail in permutations(&rest) {
            tail.insert(0, first.clone());
            all.push(tail);
        }
    }
    all
}

/// Tells one fact. A gateway that is asked about it also tells that the payment went back, if it did.
fn told(books: &mut Books, fact: &Fact, all: &[Fact; 6]) -> Said {
    match books.hear(fact.clone()) {
        Said::Ask => {
            let went_back = all.iter().filter(|f| f.kind == Kind::PaymentReturned);
            let implied = fact.refund.is_some() || fact.dispute.is_some();
            let came = all
                .iter()
                .filter(|f| f.kind == Kind::PaymentSucceeded && implied);
            let now = came.chain([fact]).chain(went_back).cloned().collect();
            books.report(now, true)
        }
        other => other,
    }
}

/// Subscription the facts in every order, each order twice over, and gives the one end of all.
fn one_end(start: &Books, facts: &[Fact; 6]) -> End {
    let mut ends = permutations(facts).into_iter().map(|order| {
        let names: Vec<_> = order.iter().map(|fact| fact.kind).collect();
        let mut books = start.clone();
        for fact in &order {
            let said = told(&mut books, fact, facts);
            assert!(
                matches!(said, Said::Changed | Said::Nothing),
                "{said:?} in {names:?}"
            );
        }
        let once = end(&books);
        for fact in order {
            told(&mut books, &fact, facts);
        }
        assert_eq!(end(&books), once, "repeats change nothing: {names:?}");
        (names, once)
    });
    let (first_names, first) = ends.next().unwrap();
    let mut count = 1;
    for (names, other) in ends {
        assert_eq!(
            other, first,
            "{names:?} ends otherwise than {first_names:?}"
        );
        count += 1;
    }
    assert_eq!(count, 720);
    first
}

fn facts(refund_fact: Fact, dispute_ends: Kind) -> [Fact; 6] {
    [
        succeeded(1),
        refund_fact,
        dispute(Kind::DisputeOpened, 1, "dp_1", 2500),
        dispute(dispute_ends, 1, "dp_1", 2500),
        fact(Kind::PaymentReturned, 1),
        fact(Kind::PaymentExpired, 1),
    ]
}

/// A payment that has not arrived: on the gateway's page, or charged from a saved method and
/// accepted, where a return starts dunning.
fn waiting(saved: bool, late_failures: bool) -> Books {
    let mut books = Books::with_payment(10_000, saved.then(saved_method));
    books.late_failures = late_failures;
    if saved {
        books.call(1, None, books.intent(Step::Charge, 1, None));
        assert_eq!(books.answer(fact(Kind::PaymentPending, 1)), Said::Changed);
    }
    books
}

/// A payment that arrived, with a refund of ours under way.
fn refunding(late_failures: bool) -> Books {
    let mut books = Books::paid(10_000);
    books.late_failures = late_failures;
    assert_eq!(books.ask_refund("q1", 3000), Said::Changed);
    let intent = books.intent(Step::Refund, 1, Some(1));
    assert_eq!(books.call(1, Some(1), intent), Said::Changed);
    books
}

fn holds_what_happened(end: &End, refund_n: Option<u32>, dispute_state: disputes::State) {
    let payment = &end.case.payments[0];
    assert_eq!(
        (payment.state, payment.returned_whole),
        (State::Returned, true)
    );
    assert_eq!(payment.intent, None);
    let [refund] = payment.refunds.as_slice() else {
        panic!("{payment:#?}")
    };
    assert_eq!(
        (refund.n, refund.state),
        (refund_n, refunds::State::Succeeded)
    );
    assert_eq!(
        (refund.id.as_deref(), refund.amount),
        (Some("re_1"), eur(3000))
    );
    let [dispute] = payment.disputes.as_slice() else {
        panic!("{payment:#?}")
    };
    assert_eq!((dispute.state, dispute.amount), (dispute_state, eur(2500)));
    // All of it went back, and 30.00 went out on top of that: the patient owes the invoice again.
    let expected = [
        ("gateway:stripe", -3000),
        ("receivable", 10_000),
        ("refunds", 3000 - 273),
        ("revenue", -9091),
        ("tax", -909 + 273),
    ];
    let expected = expected.map(|(account, minor)| (account.to_owned(), minor));
    assert_eq!(end.balances, Balances::from(expected));
    let receipt = |rest: &str| format!("{}-p1{rest}", end.case.id);
    let refunded = receipt(&format!("-{}", refund.key()));
    let expected = BTreeSet::from([receipt(""), refunded, receipt("-returned")]);
    assert_eq!(end.receipts, expected);
}

#[test]
fn six_events_with_a_refund_from_the_dashboard_end_alike_in_all_720_orders() {
    for (ending, state) in [
        (Kind::DisputeWon, disputes::State::Won),
        (Kind::DisputeLost, disputes::State::Lost),
    ] {
        for late_failures in [false, true] {
            for saved in [false, true] {
                let facts = facts(refund(Kind::RefundSucceeded, 1, "re_1", 3000), ending);
                let end = one_end(&waiting(saved, late_failures), &facts);
                holds_what_happened(&end, None, state);
                // Nobody who lost us a dispute is charged again by itself.
                let dunned = saved && ending == Kind::DisputeWon;
                assert_eq!(end.work.contains("retry-p1"), dunned, "{}", end.work);
            }
        }
    }
}

#[test]
fn six_events_with_a_refund_of_ours_end_alike_in_all_720_orders() {
    for (ending, state) in [
        (Kind::DisputeWon, disputes::State::Won),
        (Kind::DisputeLost, disputes::State::Lost),
    ] {
        for late_failures in [false, true] {
            let ours = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 3000);
            let end = one_end(&refunding(late_failures), &facts(ours, ending));
            holds_what_happened(&end, Some(1), state);
            assert_eq!(end.work, "{}", "the refund is settled");
        }
    }
}

/// Without a return of the whole, what a lost dispute took is all that is gone.
#[test]
fn a_dispute_lost_in_part_takes_that_part_in_all_720_orders() {
    let facts = [
        succeeded(1),
        fact(Kind::PaymentFailed, 1),
        refund(Kind::RefundPending, 1, "re_1", 3000),
        refund(Kind::RefundSucceeded, 1, "re_1", 3000),
        dispute(Kind::DisputeOpened, 1, "dp_1", 2500),
        dispute(Kind::DisputeLost, 1, "dp_1", 2500),
    ];
    for saved in [false, true] {
        let end = one_end(&waiting(saved, false), &facts);
        let payment = &end.case.payments[0];
        assert_eq!(
            (payment.state, payment.returned()),
            (State::Returned, eur(2500))
        );
        assert_eq!((end.case.paid(), end.case.due()), (eur(7500), eur(2500)));
        assert_eq!(end.balances["gateway:stripe"], 10_000 - 2500 - 3000);
        assert_eq!(end.balances["receivable"], 2500);
        assert_eq!(end.work, "{}");
    }
}
