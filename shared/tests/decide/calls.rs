//! Calls that move money, under a lease: what each state makes of each event, printed as tables.

use crate::books::{
    Books, LEASE, Said, fact, failed, not_done, our_refund, saved_method, succeeded,
};
use meridian::domain::case::{Intent, Step};
use meridian::domain::event::{Event, Looked};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::task::Work;
use proptest::prelude::*;

/// A state, as it is come by.
type Start = (&'static str, fn() -> Books);
/// An event, as it is made for a payment or a refund in such a state.
type Act = (&'static str, fn(&Books, Option<u32>) -> Event);

const STEP_OF_PAYMENT: Step = Step::Charge;

fn lost(refund: Option<u32>) -> Event {
    Event::ReplyLost { payment: 1, refund }
}

fn calling(books: &Books, refund: Option<u32>) -> Event {
    let step = match refund {
        None => books.payment(1).next_step().unwrap_or(STEP_OF_PAYMENT),
        Some(_) => Step::Refund,
    };
    Event::Calling {
        payment: 1,
        refund,
        intent: books.intent(step, 1, refund),
    }
}

fn other_key(books: &Books, refund: Option<u32>) -> Event {
    let Event::Calling { intent, .. } = calling(books, refund) else {
        unreachable!()
    };
    Event::Calling {
        payment: 1,
        refund,
        intent: Intent {
            key: "another".into(),
            ..intent
        },
    }
}

fn unknown_still(books: &Books, refund: Option<u32>, person: bool) -> Event {
    let again_at = books.now;
    Event::StillUnknown {
        payment: 1,
        refund,
        again_at,
        tries: 2,
        looked: if person {
            Looked::Person
        } else {
            Looked::Nothing
        },
    }
}

const ACTS: [Act; 7] = [
    ("Calling", calling),
    ("Calling, another key", other_key),
    ("ReplyLost", |_, refund| lost(refund)),
    ("NotDone", |books, refund| {
        not_done(1, refund, books.now, false)
    }),
    ("NotDone, never", |books, refund| {
        not_done(1, refund, books.now, true)
    }),
    ("StillUnknown", |books, refund| {
        unknown_still(books, refund, false)
    }),
    ("StillUnknown, person", |books, refund| {
        unknown_still(books, refund, true)
    }),
];

// ---- payments by a saved method ---------------------------------------------------------------

fn open() -> Books {
    let mut books = Books::with_payment(10_000, Some(saved_method()));
    books.later(60);
    books
}

fn called() -> Books {
    let mut books = open();
    assert_eq!(books.apply(&calling(&books, None)), Said::Changed);
    books
}

fn lease_over() -> Books {
    let mut books = called();
    books.later(LEASE);
    books
}

fn unknown() -> Books {
    let mut books = called();
    assert_eq!(books.apply(&lost(None)), Said::Changed);
    books
}

fn repeated() -> Books {
    let mut books = unknown();
    assert_eq!(books.apply(&calling(&books, None)), Said::Changed);
    books
}

fn heard(mut books: Books, fact: Fact) -> Books {
    assert_eq!(books.hear(fact), Said::Changed);
    books
}

fn answered(mut books: Books, fact: Fact) -> Books {
    assert_eq!(books.answer(fact), Said::Changed);
    books
}

const PAYMENTS: [Start; 10] = [
    ("Open", open),
    ("Pending, lease lives", called),
    ("Pending, lease over", lease_over),
    ("Pending, accepted", || {
        answered(called(), fact(Kind::PaymentPending, 1))
    }),
    ("Unknown", unknown),
    ("Unknown, lease lives", repeated),
    ("Paid", || heard(called(), succeeded(1))),
    ("Declined", || {
        answered(called(), failed(1, Decline::Method))
    }),
    ("Expired", || {
        answered(called(), fact(Kind::PaymentExpired, 1))
    }),
    ("Returned", || {
        heard(called(), fact(Kind::PaymentReturned, 1))
    }),
];

// ---- payments on the gateway's page -----------------------------------------------------------

fn page() -> Books {
    let mut books = Books::with_payment(10_000, None);
    books.later(60);
    books
}

fn opening() -> Books {
    let mut books = page();
    assert_eq!(books.apply(&calling(&books, None)), Said::Changed);
    books
}

fn opened() -> Books {
    let mut books = opening();
    let session = crate::books::page(None);
    let event = Event::SessionOpened {
        payment: 1,
        session,
    };
    assert_eq!(books.apply(&event), Said::Changed);
    books
}

fn approved() -> Books {
    let approval = Fact {
        approved: true,
        payment: None,
        ..fact(Kind::PaymentPending, 1)
    };
    heard(opened(), approval)
}

fn completing() -> Books {
    let mut books = approved();
    assert_eq!(books.apply(&calling(&books, None)), Said::Changed);
    books
}

const PAGES: [Start; 7] = [
    ("Open", page),
    ("Open, page asked for", opening),
    ("Open, that reply lost", || {
        let mut books = opening();
        assert_eq!(books.apply(&lost(None)), Said::Changed);
        books
    }),
    ("Open, page opened", opened),
    ("Pending, approved", approved),
    ("Pending, completing", completing),
    ("Unknown, completing", || {
        let mut books = completing();
        assert_eq!(books.apply(&lost(None)), Said::Changed);
        books
    }),
];

// ---- refunds ----------------------------------------------------------------------------------

fn requested() -> Books {
    let mut books = Books::paid(10_000);
    assert_eq!(books.ask_refund("q1", 6000), Said::Changed);
    books.later(60);
    books
}

fn awaiting_approval() -> Books {
    let mut books = Books::paid(10_000);
    let asked = meridian::domain::event::NewRefund {
        needs_approval: true,
        ..crate::books::refund_of("q1", 6000)
    };
    assert_eq!(books.apply(&Event::RefundRequested(asked)), Said::Changed);
    books
}

fn executing() -> Books {
    let mut books = requested();
    assert_eq!(books.apply(&calling(&books, Some(1))), Said::Changed);
    books
}

fn refund_unknown() -> Books {
    let mut books = executing();
    assert_eq!(books.apply(&lost(Some(1))), Said::Changed);
    books
}

fn refund_said(kind: Kind) -> Books {
    heard(executing(), our_refund(kind, 1, 1, "re_1", 6000))
}

const REFUNDS: [Start; 9] = [
    ("AwaitingApproval", awaiting_approval),
    ("Requested", requested),
    ("Executing, lease lives", executing),
    ("Executing, lease over", || {
        let mut books = executing();
        books.later(LEASE);
        books
    }),
    ("Executing, accepted", || refund_said(Kind::RefundPending)),
    ("Unknown", refund_unknown),
    ("Unknown, lease lives", || {
        let mut books = refund_unknown();
        assert_eq!(books.apply(&calling(&books, Some(1))), Said::Changed);
        books
    }),
    ("Succeeded", || refund_said(Kind::RefundSucceeded)),
    ("Failed", || refund_said(Kind::RefundFailed)),
];

// ---- the tables -------------------------------------------------------------------------------

/// What became of it; an event that does nothing has no line: the state, whether a lease lives, and the row of work that is left.
fn outcome(said: &Said, books: &Books, refund: Option<u32>) -> String {
    match said {
        Said::Changed => {}
        other => return format!("{other:?}"),
    }
    let (state, intent, id) = match refund {
        None => {
            let payment = books.payment(1);
            (format!("{:?}", payment.state), &payment.intent, "p1")
        }
        Some(n) => {
            let refund = books.case.refund(n).unwrap().1;
            (format!("{:?}", refund.state), &refund.intent, "r1")
        }
    };
    let lease = match intent {
        Some(intent) if intent.lease_until > books.now => " leased",
        Some(_) => " key kept",
        None => "",
    };
    let work = match books.rows.get(id).map(|task| &task.work) {
        Some(Work::Pay { step, .. }) => format!(", {step:?}"),
        Some(Work::Refund { .. }) => ", Refund".into(),
        Some(Work::Settle { .. }) => ", Settle".into(),
        Some(other) => panic!("{other:?} in {id}"),
        None => ", no work".into(),
    };
    let person = books.rows.contains_key(&format!("person-{id}"));
    format!(
        "{state}{lease}{work}{}",
        if person { ", person" } else { "" }
    )
}

fn table(starts: &[Start], refund: Option<u32>) -> String {
    let mut text = String::new();
    for (name, start) in starts {
        text += &format!("{name}\n");
        let mut rows = String::new();
        for (act, event) in ACTS {
            let mut books = start();
            let before = books.case.clone();
            let event = event(&books, refund);
            let said = books.apply(&event);
            books.verify();
            if said != Said::Changed {
                assert_eq!(books.case, before);
            }
            if said != Said::Nothing {
                rows += &format!("  {act}: {}\n", outcome(&said, &books, refund));
            }
        }
        text += if rows.is_empty() {
            "  nothing\n"
        } else {
            &rows
        };
    }
    text
}

#[test]
fn the_table_of_charges_is_as_printed() {
    insta::assert_snapshot!(table(&PAYMENTS, None), @r"
    Open
      Calling: Pending leased, Charge
      Calling, another key: Pending leased, Charge
      NotDone: Open, Charge
      NotDone, never: Open, Charge
    Pending, lease lives
      Calling: Refused(Busy)
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Open, Charge
    Pending, lease over
      Calling: Unknown leased, Settle
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Open, Charge
      NotDone, never: Open, Charge
    Pending, accepted
      StillUnknown: Pending, Settle
      StillUnknown, person: Pending, Settle, person
    Unknown
      Calling: Unknown leased, Settle
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Unknown key kept, Settle
      NotDone, never: Open, Charge
      StillUnknown: Unknown key kept, Settle
      StillUnknown, person: Unknown key kept, Settle, person
    Unknown, lease lives
      Calling: Refused(Busy)
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Unknown key kept, Settle
    Paid
      nothing
    Declined
      nothing
    Expired
      nothing
    Returned
      nothing
    ");
}

#[test]
fn the_table_of_pages_is_as_printed() {
    insta::assert_snapshot!(table(&PAGES, None), @r"
    Open
      Calling: Open leased, Checkout
      Calling, another key: Open leased, Checkout
      NotDone: Open, Checkout
      NotDone, never: Open, Checkout
    Open, page asked for
      Calling: Refused(Busy)
      Calling, another key: Refused(Busy)
      ReplyLost: Open key kept, Checkout
      NotDone: Open, Checkout
    Open, that reply lost
      Calling: Open leased, Checkout
      Calling, another key: Refused(Busy)
      ReplyLost: Open key kept, Checkout
      NotDone: Open, Checkout
      NotDone, never: Open, Checkout
    Open, page opened
      StillUnknown: Open, Settle
      StillUnknown, person: Open, Settle, person
    Pending, approved
      Calling: Pending leased, Complete
      Calling, another key: Pending leased, Complete
      NotDone: Pending, Complete
      NotDone, never: Pending, Complete
    Pending, completing
      Calling: Refused(Busy)
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Pending, Complete
    Unknown, completing
      Calling: Refused(Busy)
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Unknown key kept, Settle
      NotDone, never: Pending, Complete
      StillUnknown: Unknown key kept, Settle
      StillUnknown, person: Unknown key kept, Settle, person
    ");
}

#[test]
fn the_table_of_refunds_is_as_printed() {
    insta::assert_snapshot!(table(&REFUNDS, Some(1)), @r"
    AwaitingApproval
      nothing
    Requested
      Calling: Executing leased, Refund
      Calling, another key: Executing leased, Refund
      NotDone: Requested, Refund
      NotDone, never: Requested, Refund
    Executing, lease lives
      Calling: Refused(Busy)
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Requested, Refund
    Executing, lease over
      Calling: Unknown leased, Settle
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Requested, Refund
      NotDone, never: Requested, Refund
    Executing, accepted
      StillUnknown: Executing, Settle
      StillUnknown, person: Executing, Settle, person
    Unknown
      Calling: Unknown leased, Settle
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Unknown key kept, Settle
      NotDone, never: Requested, Refund
      StillUnknown: Unknown key kept, Settle
      StillUnknown, person: Unknown key kept, Settle, person
    Unknown, lease lives
      Calling: Refused(Busy)
      Calling, another key: Refused(Busy)
      ReplyLost: Unknown key kept, Settle
      NotDone: Unknown key kept, Settle
    Succeeded
      nothing
    Failed
      nothing
    ");
}

// ---- at random --------------------------------------------------------------------------------

/// What is known outside of the case of the calls that were made: the model that holds it.
#[derive(Default)]
struct Sent {
    key: Option<String>,
    lease_until: Option<jiff::Timestamp>,
    /// A call went out whose reply nobody read: it may have moved money.
    may_have_acted: bool,
}

impl Sent {
    fn see(&mut self, act: &str, event: &Event, said: &Said, books: &Books) {
        if *said != Said::Changed {
            return;
        }
        match event {
            Event::Calling { intent, .. } => {
                if let Some(until) = self.lease_until.replace(intent.lease_until) {
                    assert!(until <= books.now, "a live lease was taken over");
                    // It ran out without a word.
                    self.may_have_acted = true;
                }
                if self.may_have_acted {
                    assert_eq!(self.key.as_ref(), Some(&intent.key), "a second key");
                }
                self.key = Some(intent.key.clone());
            }
            Event::ReplyLost { .. } => {
                self.may_have_acted = true;
                self.lease_until = None;
            }
            Event::NotDone(_) => {
                let until = self.lease_until.take();
                if act == "NotDone, never" {
                    // Nobody can have looked for a call that is still being made.
                    assert!(until.is_none_or(|until| until <= books.now));
                    self.may_have_acted = false;
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_may_have_moved_money_is_never_sent_under_a_second_key(
        of_refund in any::<bool>(),
        acts in proptest::collection::vec((0..ACTS.len() + 2, 1..2 * LEASE), 1..25),
    ) {
        let (mut books, refund) = match of_refund {
            true => (requested(), Some(1)),
            false => (open(), None),
        };
        let mut sent = Sent::default();
        for (act, seconds) in acts {
            match ACTS.get(act) {
                Some((name, event)) => {
                    let event = event(&books, refund);
                    let said = books.apply(&event);
                    sent.see(name, &event, &said, &books);
                }
                None if act == ACTS.len() => books.later(seconds),
                None => {
                    match refund {
                        None => books.answer(fact(Kind::PaymentPending, 1)),
                        Some(n) => books.hear(our_refund(Kind::RefundPending, 1, n, "re_1", 6000)),
                    };
                    // The gateway has it: whatever else is said, it is not sent again.
                    for (_, event) in ACTS {
                        let event = event(&books, refund);
                        books.apply(&event);
                        let again = calling(&books, refund);
                        prop_assert_ne!(books.clone().apply(&again), Said::Changed);
                    }
                    return Ok(());
                }
            }
        }
        books.verify();
    }
}
