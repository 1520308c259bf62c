//! A payment gateway as a value: what it moves, what it can be asked, and what it answers.

use crate::contract::{Effect, Inbound, Key, Offer, Read, Trouble, Vendor};
use crate::domain::case::{OpensBy, Session};
use crate::domain::fact::{Fact, Method, is_vendor_id};
use crate::words::money::{Amounts, Currency, Money};
use jiff::Timestamp;
use serde_json::Value;

/// All that Meridian knows of a gateway: who it is, and one call for each thing that it can do.
pub struct Gateway {
    /// Where it is and how we prove ourselves to it.
    pub vendor: &'static Vendor,
    /// How it writes money: in minor or major units, and where it differs from ISO 4217.
    pub amounts: Amounts,
    /// What it moves, as the table shows it: `cards`, `bank debits`.
    pub moves: &'static str,
    /// Whether a payment that cleared can still fail: debits. Such a failure returns the money.
    pub late_failures: bool,
    /// Whether a payer who was declined on its page may try again there.
    pub page_stays: bool,
    /// A page at the gateway where the payer pays or approves.
    pub checkout: Offer<Opening>,
    /// What ends that page, so that nobody pays there any more. Where we complete what the payer
    /// approved, an ended page is over in any case: it is never completed.
    pub close: Offer<Effect<Close, Vec<Fact>>>,
    /// What takes the money after the payer approved on that page, where the page does not.
    pub complete: Offer<Effect<Complete, Vec<Fact>>>,
    /// Charging a saved method.
    pub charge: Offer<Effect<Charge, Vec<Fact>>>,
    /// Sends back a payment, whole or in part.
    pub refund: Offer<Effect<Refund, Vec<Fact>>>,
    /// Whether its look-up shows payments; else it shows pages alone, and of a payment there is only
    /// what its webhooks tell: proven, they are taken at their word.
    pub shows_payments: bool,
    /// Everything that it now says of a payment, its refunds and disputes included.
    pub lookup: Offer<Read<Lookup, LookedUp>>,
    /// What it says by itself.
    pub webhook: Offer<Inbound>,
}

/// What a look-up tells, or why it tells nothing.
pub type Told = Result<LookedUp, Trouble>;

/// The parts of a look-up, each read by itself: one that cannot be read hides no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookedUp {
    /// What could be read.
    pub facts: Vec<Fact>,
    /// Why a part could not be read. Names the field, never what stood in it.
    pub unread: Vec<String>,
}

impl From<Vec<Fact>> for LookedUp {
    fn from(facts: Vec<Fact>) -> Self {
        let unread = vec![];
        Self { facts, unread }
    }
}

impl LookedUp {
    /// What was told, unless nothing of it could be read. What stands under an id that cannot be
    /// one was not read either.
    pub fn told(self) -> Told {
        let mut told = Self {
            facts: vec![],
            unread: self.unread,
        };
        for fact in self.facts {
            told.add(fact.checked().map_err(Trouble::Unreadable));
        }
        match told.unread.first() {
            Some(why) if told.facts.is_empty() => Err(Trouble::Unreadable(why.clone())),
            _ => Ok(told),
        }
    }

    /// Facts of which none may be missing, as an answer to a call of ours has them.
    pub fn whole(self) -> Result<Vec<Fact>, Trouble> {
        match self.unread.into_iter().next() {
            Some(why) => Err(Trouble::Unreadable(why)),
            None => Ok(self.facts),
        }
    }

    /// One more part.
    pub fn add(&mut self, part: Result<Fact, Trouble>) {
        match part {
            Ok(fact) => self.facts.push(fact),
            Err(Trouble::Unreadable(why)) => self.unread.push(why),
            Err(other) => self.unread.push(other.to_string()),
        }
    }
}

/// The parts of a list that may be missing. What is no list is one part that cannot be read.
pub fn parts(list: &Value) -> &[Value] {
    match list {
        Value::Array(items) => items,
        Value::Null => &[],
        other => std::slice::from_ref(other),
    }
}

/// An amount as this gateway wrote it.
pub fn read_money(amounts: &Amounts, text: &str, code: &str) -> Result<Money, Trouble> {
    let unknown = || Trouble::Unreadable("the currency is none that is known".into());
    let currency = Currency::read(code).ok_or_else(unknown)?;
    Ok(amounts.read(text, currency)?)
}

/// An id that a reply gave and the next request names: what is none is asked nowhere.
pub fn vendor_id(id: String) -> Result<String, Trouble> {
    match is_vendor_id(&id) {
        true => Ok(id),
        false => Err(Trouble::Unreadable("an id that is none".into())),
    }
}

/// A word that a vendor's list of them does not have: never taken for one that it has.
pub fn unknown<T>(field: &str) -> Result<T, Trouble> {
    Err(Trouble::Unreadable(format!(
        "the {field} is none that is known"
    )))
}

/// Opens a page. Labels are neutral: the clinic, the invoice's number, and the words that the
/// clinic chose for gateways to read, never a service.
pub struct Checkout {
    /// Ours, `{case}-p1`: it comes back with whatever the gateway says of the payment.
    pub reference: String,
    /// What the payer is asked for.
    pub amount: Money,
    /// What the payer reads on the page and in the bank's statement.
    pub label: String,
    /// Where the payer comes back to once the gateway is done.
    pub return_to: String,
    /// Where the payer comes back to who stops before.
    pub cancel_to: String,
    /// Where classic webhooks are sent that name their address per payment.
    pub webhook_url: String,
    /// Ask the gateway to keep the method for later charges.
    pub keep_method: bool,
    /// Ours of the patient, opaque; the payment's reference where there is none.
    pub payer: String,
    /// When it is asked: of a page that ends so long after it was opened.
    pub at: Timestamp,
}

/// How a page is opened. Its calls move no money and may be made again, so that a page that nobody
/// was sent to is simply opened once more. Each goes under a key of its own (`{key}-1`, `{key}-2`,
/// …): a repeat from the first call meets what the first round made.
pub struct Opening {
    /// Comes to the page.
    pub open: Read<Checkout, Session>,
    /// Where the vendor takes keys.
    pub key: Option<Key>,
    /// What leads to a page whose session opens by [`OpensBy::Press`]: it holds for minutes alone, and
    /// is asked for whenever the payer presses Pay.
    pub press: Option<Read<Checkout, OpensBy>>,
}

/// Ends a page. Its answer is a fact of [`Kind::PaymentExpired`](crate::domain::fact::Kind) where
/// the gateway ended it, else whatever became of the payment before.
pub struct Close {
    /// Ours, of the payment that the page was opened for.
    pub reference: String,
    /// The page's id.
    pub session: String,
}

/// Takes what the payer approved.
pub struct Complete {
    /// Ours, of the payment.
    pub reference: String,
    /// What is taken, which is what the payer approved.
    pub amount: Money,
    /// What the payer reads in the bank's statement.
    pub label: String,
    /// The id of the page on which the payer approved.
    pub session: String,
    /// What the approval left to be charged, where the gateway needs it named.
    pub method: Option<Method>,
}

/// Charges a saved method while the payer is not there.
pub struct Charge {
    /// Ours, of the payment.
    pub reference: String,
    /// What is taken.
    pub amount: Money,
    /// What the payer reads in the bank's statement.
    pub label: String,
    /// What is charged.
    pub method: Method,
    /// As for [`Checkout`].
    pub webhook_url: String,
    /// As for [`Checkout`]: whoever's method is charged.
    pub payer: String,
    /// When the call was first made, as its intent says: since then it is looked for.
    pub at: Timestamp,
}

/// Sends money of one payment back.
pub struct Refund {
    /// Ours, `{case}-r1`.
    pub reference: String,
    /// The gateway's id of the payment.
    pub payment: String,
    /// What goes back now.
    pub amount: Money,
    /// All refunds of the payment that succeeded or are under way, this one included.
    pub total_refunded: Money,
    /// Whether nothing of the payment stays.
    pub whole: bool,
    /// As for [`Charge`].
    pub at: Timestamp,
}

/// Which payment is asked for, with its refunds. A adapter uses what its gateway knows.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Ours, for gateways that find by it.
    pub reference: String,
    /// The gateway's id of the payment, or of whatever it last named.
    pub payment: Option<String>,
    /// The id of its page.
    pub session: Option<String>,
    /// The gateway's id of the refund that is asked about, where it is known: not every gateway
    /// lists refunds with their payment.
    pub refund: Option<String>,
    /// What was asked for.
    pub amount: Money,
}

impl Lookup {
    /// What is told of a page that was asked for by its own id is that page's, whatever else it
    /// names.
    pub fn own(&self, facts: &mut [Fact]) {
        let Some(session) = self.session.as_ref().filter(|_| self.payment.is_none()) else {
            return;
        };
        for fact in facts {
            if !fact.payment_ids().any(|id| id == session) {
                fact.aliases.push(session.clone());
            }
        }
    }
}
