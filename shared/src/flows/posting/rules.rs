//! What a fact that was reported becomes: the same for a webhook, an event that waited for its
//! case and a simulation. Pure: no I/O, no clock.
//!
//! The driver commits what [`reported`] makes of the fact. Where `decide` answers that only the
//! gateway can tell, it commits what [`unasked`] gives, or asks what [`lookup`] names and commits what
//! [`told`] makes of the answer.

use crate::contract::{Lookup, Trouble};
use crate::domain::case::{Case, Payment};
use crate::domain::dispute;
use crate::domain::event::{Event, Report};
use crate::domain::fact::{Fact, Kind};
use crate::domain::payment::State;
use crate::flows::calls::Traits;
use crate::words::ids::{self, Reference};
use crate::words::money::Money;

/// Seconds from one try to place an event to the next.
const WAITS: [i64; 9] = [5, 15, 60, 300, 900, 3600, 4 * 3600, 8 * 3600, 12 * 3600];
/// So many seconds after it was received an event is given up.
pub const GIVE_UP: i64 = 86_400;

/// What becomes of an event that cannot be posted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// It is tried again after so many seconds.
    Again(i64),
    /// It brought nothing, and is about nothing: it is only kept.
    Kept,
    /// Money moved: a person looks at it.
    Person,
}

/// What becomes of an event that was received `age` seconds ago and was tried so often.
pub fn later(fact: &Fact, age: i64, tries: usize) -> Later {
    if age <= GIVE_UP {
        return Later::Again(wait(tries));
    }
    match moves_money(fact.kind) {
        true => Later::Person,
        false => Later::Kept,
    }
}

/// Whether it tells of money that came or went, or may.
fn moves_money(kind: Kind) -> bool {
    let of_tries = [
        Kind::PaymentPending,
        Kind::PaymentFailed,
        Kind::PaymentExpired,
    ];
    !of_tries.contains(&kind)
}

/// Seconds until what was tried so often is tried again.
pub fn wait(tries: usize) -> i64 {
    WAITS[tries.min(WAITS.len() - 1)]
}

/// By which a fact's case is found: the case that our reference names, else whatever ids of the
/// gateway it bears.
pub enum FoundBy<'a> {
    Case(&'a str),
    Ids(Vec<&'a str>),
}

pub fn found_by(fact: &Fact) -> FoundBy<'_> {
    match fact.reference.as_deref().and_then(ids::read_reference) {
        Some((case, _)) => FoundBy::Case(case),
        None => {
            let others = fact.refund.as_deref().into_iter();
            let others = others.chain(fact.dispute.as_deref());
            FoundBy::Ids(fact.payment_ids().chain(others).collect())
        }
    }
}

/// What is posted for a fact that a gateway reported.
pub fn reported(traits: &Traits, facts: Vec<Fact>, current: bool) -> Event {
    Event::Reported(Report {
        gateway: traits.id.clone(),
        facts,
        current,
        answer: false,
        late_failures: traits.late_failures,
        page_stays: traits.page_stays,
    })
}

/// What becomes of a fact of which the gateway alone could tell more.
pub enum Told {
    /// This is posted.
    Posted(Event),
    /// What is known is newer.
    Known,
    /// It cannot be true beside what is known, and a person looks.
    Contradiction(String),
}

/// What becomes of it where the gateway shows no payments: what it said and proved is taken at its
/// word, unless what is known came later. `None` where it can be asked.
pub fn unasked(traits: &Traits, case: &Case, payment: u32, fact: &Fact) -> Option<Told> {
    if traits.shows_payments {
        return None;
    }
    let known = case.payment(payment);
    let refund = known.and_then(|p| {
        p.refunds
            .iter()
            .find(|r| r.id.is_some() && r.id == fact.refund)
    });
    let mut disputes = known.into_iter().flat_map(|p| &p.disputes);
    let dispute = disputes.find(|d| Some(&d.id) == fact.dispute.as_ref());
    let ended = dispute.filter(|d| d.state != dispute::State::Open);
    let ended = ended.map(|d| d.ended_at.zip(fact.occurred_at));
    // Somebody pays on our page: a try under another id tells nothing of how that ends.
    let stranger = |p: &Payment| fact.payment_ids().all(|id| !p.aliases.contains(id));
    let paying = known.is_some_and(|p| p.state == State::Pending && stranger(p));
    // How much came, or went, is not guessed.
    let unsaid = fact.amount.is_none() && moves_money(fact.kind);
    Some(match (fact.kind, ended) {
        _ if unsaid => Told::Contradiction("it does not say how much".into()),
        (Kind::RefundSucceeded, _) if refund.is_some_and(|r| r.state.is_final()) => {
            Told::Contradiction("a refund that had failed is told as paid".into())
        }
        (Kind::DisputeWon | Kind::DisputeLost, Some(None)) => {
            Told::Contradiction("a dispute that had ended is told to end otherwise".into())
        }
        (Kind::DisputeWon | Kind::DisputeLost, Some(Some((before, now)))) if now <= before => {
            Told::Known
        }
        (Kind::PaymentFailed | Kind::PaymentExpired, _) if paying => Told::Known,
        _ => Told::Posted(reported(traits, vec![fact.clone()], true)),
    })
}

/// What the gateway is asked where only it can tell (`Verdict::LookUpFirst { payment }`).
///
/// An id that nobody knows may be of another page under our reference: where a page takes the money
/// itself, or where the id is a page's, the page that we know is asked. A try under an unknown id
/// may be anybody's: the payment that we know is asked.
pub fn lookup(traits: &Traits, case: &Case, payment: u32, fact: &Fact) -> Lookup {
    let known = case.payment(payment);
    let stranger = known.is_some_and(|p| !fact.payment_ids().any(|id| p.aliases.contains(id)));
    let on_page = known.is_some_and(|p| p.session.is_some() && p.capture.is_none());
    let told = fact.payment.clone();
    let told = told.filter(|_| !(stranger && on_page && !traits.completes));
    let tried = matches!(
        fact.kind,
        Kind::PaymentPending | Kind::PaymentFailed | Kind::PaymentExpired
    );
    let ours = known.is_some_and(Payment::is_under_own_id);
    let told = told.filter(|_| !(stranger && tried && ours));
    Lookup {
        reference: ids::payment_reference(&case.id, payment),
        payment: told.or(known.and_then(|p| p.capture.clone())),
        session: known.and_then(|p| p.session.as_ref()).map(|s| s.id.clone()),
        refund: fact.refund.clone(),
        amount: known.map_or(Money::zero(case.currency), |p| p.amount),
    }
}

/// Whether it tells that money came or went back, and not how much.
fn leaves_unsaid(fact: &Fact) -> bool {
    let moved = matches!(fact.kind, Kind::PaymentSucceeded | Kind::PaymentReturned);
    moved && fact.amount.is_none()
}

/// What was taken back, where the event does not say how much: what the gateway lists as given
/// back, and the case knows neither as a refund nor as taken.
pub fn taken(case: &Case, fact: &Fact, mut facts: Vec<Fact>) -> Vec<Fact> {
    if fact.kind != Kind::PaymentReturned || !leaves_unsaid(fact) {
        return facts;
    }
    let known = |id: &str| {
        let mut payments = case.payments.iter();
        payments.any(|p| {
            let refunded = p.refunds.iter().any(|r| r.id.as_deref() == Some(id));
            refunded || p.disputes.iter().any(|d| d.id == id)
        })
    };
    let ours = |other: &Fact| {
        let reference = other.reference.as_deref().and_then(ids::read_reference);
        matches!(reference, Some((_, Reference::Refund(_))))
    };
    for other in &mut facts {
        let new = other.refund.as_deref().is_some_and(|id| !known(id));
        if other.kind == Kind::RefundSucceeded && new && !ours(other) {
            other.kind = Kind::PaymentReturned;
            other.decline = fact.decline;
        }
    }
    facts
}

/// What is posted once the gateway was asked; `None` where it cannot be asked just now, or does not
/// know yet of a success that it reported. One that it knows did happen, whatever is true now.
pub fn told(
    traits: &Traits,
    fact: &Fact,
    ask: &Lookup,
    answer: Result<Vec<Fact>, Trouble>,
) -> Option<Event> {
    // A return that it does not mention is over.
    let returned = fact.kind == Kind::PaymentReturned;
    let of_object = !returned && (fact.refund.is_some() || fact.dispute.is_some());
    let mut facts = match answer {
        Ok(facts) => facts,
        Err(Trouble::Missing) if of_object => vec![],
        Err(_) => return None,
    };
    ask.own(&mut facts);
    // What a bank took under an id of its own is listed by some gateways among the refunds.
    let taken = |other: &Fact| {
        let same = fact.refund.is_some() && other.refund == fact.refund;
        returned && same && other.kind == Kind::RefundSucceeded
    };
    for other in facts.iter_mut().filter(|other| taken(other)) {
        other.kind = Kind::PaymentReturned;
        other.decline = fact.decline;
    }
    // Only what the gateway itself says of this payment counts: a list of its refunds alone may be
    // half an answer.
    let of_it = |other: &Fact| {
        let whole = other.refund.is_none() && other.dispute.is_none();
        other.payment == fact.payment && (whole || other.kind == Kind::PaymentReturned)
    };
    let whole = |other: &Fact| other.refund.is_none() && other.dispute.is_none();
    let of_any = |other: &Fact| whole(other) || other.kind == Kind::PaymentReturned;
    let silent = match leaves_unsaid(fact) {
        true => !facts.iter().any(of_it),
        false => returned && !facts.iter().any(of_any),
    };
    if silent {
        return None;
    }
    if fact.kind == Kind::PaymentSucceeded {
        let about = |other: &&Fact| fact.payment.is_none() || other.payment == fact.payment;
        let amount = facts.iter().filter(about).find_map(|other| {
            let whole = other.refund.is_none() && other.dispute.is_none();
            other.amount.filter(|_| whole)
        });
        // What came is what the gateway says now.
        let succeeded = Fact {
            amount: Some(amount?),
            ..fact.clone()
        };
        facts.insert(0, succeeded);
    }
    // What the look-up does not mention was reported all the same: a refund, a dispute.
    let same = |other: &Fact| other.refund == fact.refund && other.dispute == fact.dispute;
    if of_object && !facts.iter().any(same) {
        facts.push(Fact {
            hearsay: true,
            ..fact.clone()
        });
    }
    for looked_up in &mut facts {
        let reference = || ask.reference.clone();
        looked_up.reference.get_or_insert_with(reference);
    }
    Some(reported(traits, facts, true))
}
