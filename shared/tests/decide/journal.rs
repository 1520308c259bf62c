//! The journal shows every tampering, and replays to the case's balances whatever happened.

use crate::books::{
    Books, LEASE, charge, dispute, fact, failed, invoice, not_done, our_refund, refund, refund_of,
    saved_method, succeeded,
};
use meridian::domain::book::BookId;
use meridian::domain::case::{OpensBy, Session, Step};
use meridian::domain::event::{Event, Looked, NewRefund};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::journal::{Broken, Entry, Posting, replay, verify};
use meridian::words::ids;
use proptest::prelude::*;

/// A case with a payment, a refund of ours and a dispute that was lost.
fn story() -> Books {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 3000);
    let intent = books.intent(Step::Refund, 1, Some(1));
    books.call(1, Some(1), intent);
    books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 3000));
    books.hear(dispute(Kind::DisputeOpened, 1, "dp_1", 2000));
    books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 2000));
    assert_eq!(books.journal.len(), 7);
    assert_eq!(verify(&books.case, &books.journal), Ok(()));
    books
}

#[test]
fn the_journal_of_a_story_reads_as_it_happened() {
    let mut text = String::new();
    for entry in &story().journal {
        let postings = entry
            .postings
            .iter()
            .map(|p| format!("{} {:+}", p.account, p.minor));
        let postings = postings.collect::<Vec<_>>().join(", ");
        let postings = if postings.is_empty() {
            "no postings"
        } else {
            &postings
        };
        text += &format!("{} {}: {postings}\n", entry.seq, entry.what);
    }
    insta::assert_snapshot!(text, @r"
    1 invoice_issued: receivable +10000, revenue -9091, tax -909
    2 payment_succeeded: gateway:stripe +10000, receivable -10000
    3 refund_requested: no postings
    4 calling_gateway: no postings
    5 refund_succeeded: gateway:stripe -3000, refunds +2727, tax +273
    6 dispute_opened: disputed +2000, gateway:stripe -2000
    7 dispute_lost: disputed -2000, receivable +2000
    ");
}

#[test]
fn every_changed_byte_of_every_entry_is_found() {
    let books = story();
    let (mut found, mut same) = (0, 0);
    for at in 0..books.journal.len() {
        let stored = serde_json::to_vec(&books.journal[at]).unwrap();
        for place in 0..stored.len() {
            for flip in [1, 2, 0x20] {
                let mut bytes = stored.clone();
                bytes[place] ^= flip;
                // What is no entry any more is found by reading it.
                let Ok(changed) = serde_json::from_slice::<Entry>(&bytes) else {
                    continue;
                };
                if changed == books.journal[at] {
                    // Another spelling of the same: `eur` for `EUR`, `z` for `Z`.
                    same += 1;
                    continue;
                }
                let mut journal = books.journal.clone();
                journal[at] = changed;
                let verdict = verify(&books.case, &journal);
                assert!(verdict.is_err(), "{}", String::from_utf8_lossy(&bytes));
                found += 1;
            }
        }
    }
    assert!(
        found > 1000 && same < found / 10,
        "{found} found, {same} the same"
    );
}

/// One byte more or less is seldom another currency or moment: here each is a good one.
#[test]
fn every_field_of_an_entry_that_says_something_else_is_found() {
    let books = story();
    let other = meridian::words::money::Currency::read("USD").expect("a currency");
    type Change = (&'static str, fn(&mut Entry));
    let changes: [Change; 11] = [
        ("book", |entry| entry.book = BookId::Credit("x".into())),
        ("seq", |entry| entry.seq += 1),
        ("at", |entry| entry.at += jiff::SignedDuration::from_secs(1)),
        ("cause", |entry| entry.cause.push('x')),
        ("what", |entry| entry.what.push('x')),
        ("currency", |entry| {
            entry.currency = meridian::words::money::Currency::read("USD").expect("a currency");
        }),
        ("before", |entry| entry.before = "0".repeat(64)),
        ("hash", |entry| entry.hash = "0".repeat(64)),
        ("version", |entry| entry.version += 1),
        ("payments", |entry| entry.payments.push(7)),
        ("dims", |entry| entry.dims.site = Some("south".into())),
    ];
    for at in 0..books.journal.len() {
        assert_ne!(books.journal[at].currency, other);
        for (field, change) in &changes {
            let mut journal = books.journal.clone();
            change(&mut journal[at]);
            let verdict = verify(&books.case, &journal);
            assert!(
                verdict.is_err(),
                "another {field} in entry {at} is not found"
            );
        }
    }
}

#[test]
fn an_entry_that_is_missing_swapped_doubled_or_foreign_is_found() {
    let books = story();
    let last = books.journal.len() - 1;
    let broken = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut journal = books.journal.clone();
        change(&mut journal);
        verify(&books.case, &journal).unwrap_err()
    };
    for at in 0..last {
        let expected = Broken::Gap {
            expected: at as u64 + 1,
            found: at as u64 + 2,
        };
        assert_eq!(broken(&|journal| drop(journal.remove(at))), expected);
        assert_eq!(broken(&|journal| journal.swap(at, at + 1)), expected);
        let doubled = broken(&|journal| journal.insert(at, journal[at].clone()));
        assert!(matches!(doubled, Broken::Gap { .. }), "{doubled:?}");
    }
    // The last ones are missed by the case, which knows how many there were.
    let cut = broken(&|journal| journal.truncate(last));
    assert!(matches!(cut, Broken::Gap { .. }), "{cut:?}");
    assert!(matches!(
        broken(&|journal| journal.clear()),
        Broken::Gap { .. }
    ));
    // An entry of another case's journal, in its place and whole in itself.
    let other = Books::paid(9_000);
    let hash = other.journal[1].computed_hash();
    assert_eq!(hash.as_ref(), Some(&other.journal[1].hash));
    let foreign = broken(&|journal| journal[1] = other.journal[1].clone());
    assert_eq!(foreign, Broken::Unchained { seq: 2 });
}

/// Whoever rewrites history must rewrite all that follows, and the case as well.
#[test]
fn an_entry_rewritten_with_its_hash_is_found_by_the_next_and_the_last_by_the_case() {
    let books = story();
    for at in 0..books.journal.len() {
        let mut journal = books.journal.clone();
        journal[at].cause = "nobody".into();
        journal[at] = journal[at].clone().sealed();
        let seq = (at as u64 + 2).min(books.case.entries);
        assert_eq!(
            verify(&books.case, &journal),
            Err(Broken::Unchained { seq })
        );
    }
}

#[test]
fn an_unbalanced_entry_is_found_however_well_it_is_sealed() {
    let mut books = story();
    let last = books.journal.last_mut().unwrap();
    last.postings.push(Posting {
        account: "pocket".into(),
        minor: 1,
    });
    *last = last.clone().sealed();
    books.case.head.clone_from(&last.hash);
    let seq = books.case.entries;
    assert_eq!(replay(&books.journal), Err(Broken::Unbalanced { seq }));
    assert_eq!(
        verify(&books.case, &books.journal),
        Err(Broken::Unbalanced { seq })
    );
}

#[test]
fn a_case_that_says_other_than_its_whole_journal_is_found() {
    let mut books = story();
    books.case.payments[0].refunds.clear();
    let broken = verify(&books.case, &books.journal);
    assert!(matches!(broken, Err(Broken::Differs { .. })), "{broken:?}");
}

#[test]
fn a_case_without_an_entry_may_say_nothing_of_money() {
    let mut books = Books::open(invoice(10_000));
    (books.case.entries, books.case.head) = (0, String::new());
    let broken = verify(&books.case, &[]);
    assert!(matches!(broken, Err(Broken::Differs { .. })), "{broken:?}");
    books.case.bill.invoice_mut().void = true;
    assert_eq!(verify(&books.case, &[]), Ok(()));
    let gap = verify(&books.case, &books.journal);
    assert!(matches!(gap, Err(Broken::Gap { .. })), "{gap:?}");
}

/// What a random hand may do, sensible or not.
#[derive(Clone, Debug)]
enum Command {
    Charge {
        minor: i64,
        saved: bool,
    },
    Hear(Box<Fact>),
    Late(bool),
    Ask {
        minor: i64,
        approval: bool,
    },
    Approve(u8),
    Call {
        payment: u32,
        refund: Option<u32>,
        step: Step,
    },
    Open(u32),
    Lose {
        payment: u32,
        refund: Option<u32>,
    },
    NotDone {
        payment: u32,
        refund: Option<u32>,
        never: bool,
    },
    StillUnknown {
        payment: u32,
        refund: Option<u32>,
        person: bool,
    },
    Retry(u32),
    Wait(i64),
}

fn facts() -> impl Strategy<Value = Fact> {
    let why = prop_oneof![Just(Decline::Funds), Just(Decline::Method)];
    let of_payment = (1..4_u32, 0..6_usize, why).prop_map(|(n, kind, why)| match kind {
        0 | 1 => succeeded(n),
        2 => failed(n, why),
        3 => fact(Kind::PaymentPending, n),
        4 => fact(Kind::PaymentExpired, n),
        _ => fact(Kind::PaymentReturned, n),
    });
    let kinds = [
        Kind::RefundPending,
        Kind::RefundSucceeded,
        Kind::RefundFailed,
    ];
    let minors = prop_oneof![Just(1000_i64), Just(2500), 1..6000_i64];
    let of_refund = (
        1..4_u32,
        0..3_usize,
        1..4_u32,
        minors.clone(),
        any::<bool>(),
    );
    let of_refund = of_refund.prop_map(move |(n, kind, id, minor, ours)| match ours {
        true => our_refund(kinds[kind], n, id, &format!("re_{id}"), minor),
        false => refund(kinds[kind], n, &format!("re_x{id}"), minor),
    });
    let kinds = [Kind::DisputeOpened, Kind::DisputeWon, Kind::DisputeLost];
    let of_dispute = (1..4_u32, 0..3_usize, 1..3_u32, minors);
    let of_dispute = of_dispute
        .prop_map(move |(n, kind, id, minor)| dispute(kinds[kind], n, &format!("dp_{id}"), minor));
    prop_oneof![4 => of_payment, 3 => of_refund, 1 => of_dispute]
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let steps = prop_oneof![
        Just(Step::Checkout),
        Just(Step::Charge),
        Just(Step::Complete)
    ];
    let target = || (1..4_u32, proptest::option::of(1..4_u32));
    let call = (target(), steps).prop_map(|((payment, refund), step)| Command::Call {
        payment,
        refund,
        step: if refund.is_some() { Step::Refund } else { step },
    });
    let one = prop_oneof![
        3 => (1..8000_i64, any::<bool>()).prop_map(|(minor, saved)| Command::Charge { minor, saved }),
        8 => facts().prop_map(|fact| Command::Hear(Box::new(fact))),
        1 => any::<bool>().prop_map(Command::Late),
        3 => (1..6000_i64, any::<bool>()).prop_map(|(minor, approval)| Command::Ask { minor, approval }),
        1 => (0..30_u8).prop_map(Command::Approve),
        5 => call,
        1 => (1..4_u32).prop_map(Command::Open),
        2 => target().prop_map(|(payment, refund)| Command::Lose { payment, refund }),
        2 => (target(), any::<bool>()).prop_map(|((payment, refund), never)| Command::NotDone { payment, refund, never }),
        1 => (target(), any::<bool>()).prop_map(|((payment, refund), person)| Command::StillUnknown { payment, refund, person }),
        1 => (1..4_u32).prop_map(Command::Retry),
        1 => (1..2 * LEASE).prop_map(Command::Wait),
    ];
    proptest::collection::vec(one, 1..30)
}

/// Does as the command says. Every commit is checked by the books themselves.
fn obey(books: &mut Books, number: usize, command: Command) {
    let event = match command {
        Command::Charge { minor, saved } => {
            Event::Charge(charge(Some(minor), saved.then(saved_method)))
        }
        Command::Hear(fact) => return drop(books.hear(*fact)),
        Command::Late(late) => return books.late_failures = late,
        Command::Ask { minor, approval } => Event::RefundRequested(NewRefund {
            needs_approval: approval,
            ..refund_of(&format!("q{number}"), minor)
        }),
        Command::Approve(of) => Event::RefundApproved {
            request: format!("q{of}"),
        },
        Command::Call {
            payment,
            refund,
            step,
        } => Event::Calling {
            payment,
            refund,
            intent: books.intent(step, payment, refund),
        },
        Command::Open(payment) => Event::SessionOpened {
            payment,
            session: Session {
                id: format!("cs_{payment}"),
                opens_by: OpensBy::Redirect("https://pay.example".into()),
                expires_at: None,
            },
        },
        Command::Lose { payment, refund } => Event::ReplyLost { payment, refund },
        Command::NotDone {
            payment,
            refund,
            never,
        } => not_done(payment, refund, books.now, never),
        Command::StillUnknown {
            payment,
            refund,
            person,
        } => Event::StillUnknown {
            payment,
            refund,
            again_at: books.now,
            tries: 1,
            looked: if person {
                Looked::Person
            } else {
                Looked::Nothing
            },
        },
        Command::Retry(payment) => Event::RetryDue {
            payment,
            method: Some(saved_method()),
        },
        Command::Wait(seconds) => return books.later(seconds),
    };
    books.apply(&event);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_happens_the_journal_replays_to_the_balances_of_the_case(commands in commands()) {
        let mut books = Books::open(invoice(10_000));
        for (number, command) in commands.into_iter().enumerate() {
            obey(&mut books, number, command);
        }
        books.verify_stored();
        let keyed = |n: u32| ids::payment_reference(&books.case.id, n);
        for payment in &books.case.payments {
            // A key never changes while its call is open.
            if let Some(intent) = &payment.intent {
                prop_assert!(intent.key.starts_with(&keyed(payment.n)));
            }
        }
    }
}
