//! Ten thousand histories at random: what truly happened to one or two payments, told doubled and
//! shuffled, under whichever id, ends as the same history told once and in order.

use crate::books::{Books, Said, charge, dispute, eur, fact, invoice, refund};
use meridian::domain::case::Case;
use meridian::domain::event::Event;
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::journal::Balances;
use meridian::domain::payment::State;
use std::collections::BTreeMap;

/// A small generator, so that a seed alone tells a sequence (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    fn percent(&mut self, of_100: usize) -> bool {
        self.below(100) < of_100
    }
}

/// What happened, as far as the gateway tells.
struct History {
    late_failures: bool,
    /// In the order in which it happened.
    facts: Vec<Fact>,
    /// What a look-up answers, by payment: how it stands now.
    now: BTreeMap<u32, Vec<Fact>>,
}

const AMOUNTS: [i64; 2] = [10_000, 4_000];

fn history(dice: &mut Dice) -> History {
    let late_failures = dice.percent(30);
    let (mut facts, mut now) = (vec![], BTreeMap::new());
    for n in 1..=1 + dice.below(2) as u32 {
        let told = payment(dice, n, late_failures);
        now.insert(n, told.1);
        facts.extend(told.0);
    }
    History {
        late_failures,
        facts,
        now,
    }
}

/// One payment's history, and how it stands at its end.
fn payment(dice: &mut Dice, n: u32, late_failures: bool) -> (Vec<Fact>, Vec<Fact>) {
    let amount = AMOUNTS[n as usize - 1];
    let (mut facts, mut now) = (vec![], vec![]);
    let tried = |kind| Fact {
        amount: Some(eur(amount)),
        ..fact(kind, n)
    };
    if dice.percent(50) {
        facts.push(tried(Kind::PaymentPending));
    }
    if dice.percent(30) {
        facts.push(Fact {
            decline: Some(Decline::Funds),
            ..tried(Kind::PaymentFailed)
        });
    }
    if dice.percent(20) {
        facts.push(tried(Kind::PaymentExpired));
    }
    let arrived = dice.percent(85);
    if arrived {
        facts.push(Fact {
            amount: Some(eur(amount)),
            ..fact(Kind::PaymentSucceeded, n)
        });
        let mut left = amount;
        for number in 0..dice.below(4) {
            let part = 1 + dice.below(left as usize) as i64;
            let told = a_refund(dice, n, &format!("re_{n}_{number}"), part);
            now.extend(told.last().cloned());
            facts.extend(told);
            left -= part;
            if left == 0 {
                break;
            }
        }
        for number in 0..dice.below(3) {
            let part = 1 + dice.below(amount as usize / 2) as i64;
            let told = a_dispute(dice, n, &format!("dp_{n}_{number}"), part);
            now.extend(told.last().cloned());
            facts.extend(told);
        }
    }
    // What a debit does after it cleared is told as a failure, what others do as a return.
    let returned = arrived && dice.percent(25);
    if returned {
        let kind = match late_failures {
            true => Kind::PaymentFailed,
            false => Kind::PaymentReturned,
        };
        facts.push(fact(kind, n));
    }
    let stands = match (arrived, returned) {
        (true, true) => Kind::PaymentReturned,
        (true, false) => Kind::PaymentSucceeded,
        (false, _) => Kind::PaymentFailed,
    };
    let decline = (stands == Kind::PaymentFailed).then_some(Decline::Funds);
    now.insert(
        0,
        Fact {
            decline,
            ..fact(stands, n)
        },
    );
    (facts, now)
}

fn a_refund(dice: &mut Dice, n: u32, id: &str, minor: i64) -> Vec<Fact> {
    let (pending, end) = (dice.percent(50), dice.below(4));
    let kinds = match end {
        0 => &[Kind::RefundPending, Kind::RefundFailed][..],
        // A bounce: it had gone out, and came back.
        1 => &[
            Kind::RefundPending,
            Kind::RefundSucceeded,
            Kind::RefundFailed,
        ],
        _ => &[Kind::RefundPending, Kind::RefundSucceeded],
    };
    let kinds = &kinds[usize::from(!pending)..];
    kinds
        .iter()
        .map(|kind| refund(*kind, n, id, minor))
        .collect()
}

fn a_dispute(dice: &mut Dice, n: u32, id: &str, minor: i64) -> Vec<Fact> {
    let (opened, end) = (dice.percent(80), dice.below(3));
    let kinds = match end {
        0 => &[Kind::DisputeOpened][..],
        1 => &[Kind::DisputeOpened, Kind::DisputeWon],
        _ => &[Kind::DisputeOpened, Kind::DisputeLost],
    };
    let kinds = &kinds[usize::from(!opened && kinds.len() > 1)..];
    kinds
        .iter()
        .map(|kind| dispute(*kind, n, id, minor))
        .collect()
}

/// Doubles some and shuffles all. The doubles are told by our reference alone or by the gateway's
/// id alone, and may come before anybody knows whose they are.
fn muddled(dice: &mut Dice, facts: &[Fact]) -> Vec<Fact> {
    let mut all = facts.to_vec();
    for fact in facts {
        for _ in 0..dice.below(3) {
            let mut double = fact.clone();
            match dice.percent(50) {
                true => double.payment = None,
                false => double.reference = None,
            }
            all.push(double);
        }
    }
    for at in (1..all.len()).rev() {
        all.swap(at, dice.below(at + 1));
    }
    all
}

/// Tells the facts as posting does: what waits is tried again after all else, and what only the
/// gateway can tell is asked. A look-up answers how it stands at the end of the history.
fn tell(books: &mut Books, history: &History, facts: Vec<Fact>) {
    let mut waiting = facts;
    loop {
        let before = waiting.len();
        waiting.retain(|fact| match books.hear(fact.clone()) {
            Said::Changed | Said::Nothing => false,
            Said::Unmatched => true,
            Said::Ask => {
                let n = number_of(fact);
                let mut answer = history.now[&n].clone();
                if fact.kind == Kind::PaymentSucceeded {
                    answer.insert(0, fact.clone());
                }
                let said = books.report(answer, true);
                assert!(matches!(said, Said::Changed | Said::Nothing), "{said:?}");
                false
            }
            other => panic!("{other:?} to {fact:?}"),
        });
        books.reserved_fits();
        if waiting.is_empty() {
            return;
        }
        assert!(waiting.len() < before, "nobody's: {waiting:#?}");
    }
}

fn number_of(fact: &Fact) -> u32 {
    let by_reference = fact.reference.as_ref().map(|text| text.ends_with("p2"));
    let second = by_reference.unwrap_or_else(|| fact.payment.as_deref() == Some("pi_2"));
    1 + u32::from(second)
}

/// See the orders of six events: the number of commits and the last hash may differ, nothing else.
fn end(books: &Books) -> (Case, Balances) {
    (books.settled(), books.balances.clone())
}

fn two_payments(late_failures: bool) -> Books {
    let mut books = Books::open(invoice(AMOUNTS.iter().sum()));
    for minor in AMOUNTS {
        let asked = charge(Some(minor), None);
        assert_eq!(books.apply(&Event::Charge(asked)), Said::Changed);
    }
    books.late_failures = late_failures;
    books
}

#[test]
fn ten_thousand_histories_doubled_and_shuffled_end_as_they_happened() {
    let (mut states, mut asked) = (BTreeMap::<String, u32>::new(), 0);
    for seed in 1..=10_000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let history = history(&mut dice);
        let start = two_payments(history.late_failures);
        let mut in_order = start.clone();
        tell(&mut in_order, &history, history.facts.clone());
        let mut in_disorder = start;
        let muddled = muddled(&mut dice, &history.facts);
        tell(&mut in_disorder, &history, muddled);
        let kinds: Vec<_> = history
            .facts
            .iter()
            .map(|f| (f.kind, number_of(f)))
            .collect();
        assert_eq!(end(&in_disorder), end(&in_order), "seed {seed}: {kinds:?}");
        for payment in &in_order.case.payments {
            *states.entry(format!("{:?}", payment.state)).or_default() += 1;
            asked += u32::from(history.late_failures && payment.state == State::Returned);
        }
    }
    // The dice reach every end, so the comparison is of something.
    for state in ["Open", "Pending", "Paid", "Declined", "Expired", "Returned"] {
        assert!(states.get(state).is_some_and(|n| *n > 100), "{states:?}");
    }
    assert!(asked > 100, "late failures: {asked}");
}
