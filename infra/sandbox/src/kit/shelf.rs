//! The shelf: what a simulated gateway keeps, whichever it is. How an object looks and what its states
//! are called is the vendor's affair.

use crate::world::World;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Customer,
    /// A card or account that may be charged again, or a mandate.
    Method,
    /// A hosted page that is no payment yet.
    Page,
    Payment,
    /// One try to take a payment, where each is an object of its own.
    Charge,
    Refund,
    Dispute,
    Payout,
    /// What only this vendor has, by its shape's name.
    Own(&'static str),
}

impl Kind {
    /// Its shape's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Method => "method",
            Kind::Page => "page",
            Kind::Payment => "payment",
            Kind::Charge => "charge",
            Kind::Refund => "refund",
            Kind::Dispute => "dispute",
            Kind::Payout => "payout",
            Kind::Own(name) => name,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It waits for the payer, or, a dispute, for its end.
    Open,
    /// A dispute that is none yet: the payer's bank asks, and no money was taken.
    Asked,
    /// The payer said yes; somebody must take the money.
    Approved,
    /// Money is under way.
    Pending,
    /// Paid, refunded, paid out, kept.
    Done,
    Failed,
    Expired,
    Cancelled,
    Won,
    Lost,
}

impl State {
    /// In shapes: `$at.done`.
    pub fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Asked => "asked",
            State::Approved => "approved",
            State::Pending => "pending",
            State::Done => "done",
            State::Failed => "failed",
            State::Expired => "expired",
            State::Cancelled => "cancelled",
            State::Won => "won",
            State::Lost => "lost",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Object {
    pub vendor: &'static str,
    pub kind: Kind,
    pub id: String,
    pub account: String,
    /// Meridian time of creation, epoch milliseconds.
    pub at: i64,
    /// Order of creation.
    pub order: u64,
    pub state: State,
    /// When it came to each state, epoch milliseconds.
    pub since: Vec<(State, i64)>,
    /// How far it is within its state, where a vendor tells more steps than there are states.
    pub step: usize,
    /// When it goes on by itself, epoch milliseconds.
    pub due: Option<i64>,
    /// Minor units.
    pub amount: i64,
    pub currency: String,
    /// Of a payment: what went back by refunds, and what was disputed. Of a dispute: what it cost.
    pub refunded: i64,
    pub disputed: i64,
    /// Why it failed or was disputed.
    pub cause: Option<String>,
    /// Of a method: why its charges are refused.
    pub declines: Option<String>,
    pub customer: Option<String>,
    pub method: Option<String>,
    pub page: Option<String>,
    pub payment: Option<String>,
    /// The request that made it.
    pub ask: Value,
    /// What only this vendor knows of it.
    pub own: Value,
}

impl Object {
    pub fn left(&self) -> i64 {
        self.amount - self.refunded
    }

    pub fn of(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Customer => self.customer.as_deref(),
            Kind::Method => self.method.as_deref(),
            Kind::Page => self.page.as_deref(),
            Kind::Payment => self.payment.as_deref(),
            _ => None,
        }
    }
}

impl World {
    /// A new object of no amount and open, not yet on the shelf.
    pub fn blank(&mut self, vendor: &'static str, kind: Kind, account: &str, id: String) -> Object {
        Object {
            vendor,
            kind,
            id,
            account: account.to_string(),
            at: self.now,
            order: self.order(),
            state: State::Open,
            since: vec![],
            step: 0,
            due: None,
            amount: 0,
            currency: String::new(),
            refunded: 0,
            disputed: 0,
            cause: None,
            declines: None,
            customer: None,
            method: None,
            page: None,
            payment: None,
            ask: Value::Null,
            own: serde_json::json!({}),
        }
    }

    pub fn shelve(&mut self, object: Object) {
        let at = (object.vendor, object.id.clone());
        self.shelf.insert(at, object);
    }

    /// An object known to exist, whosever it is.
    pub fn object(&self, vendor: &'static str, id: &str) -> Option<&Object> {
        self.shelf.get(&(vendor, id.to_string()))
    }

    pub fn object_mut(&mut self, vendor: &'static str, id: &str) -> Option<&mut Object> {
        self.shelf.get_mut(&(vendor, id.to_string()))
    }

    /// All of a kind, newest first, whosever they are and however fresh.
    pub fn every(&self, vendor: &'static str, kind: Kind) -> Vec<&Object> {
        let fits = |object: &&Object| object.vendor == vendor && object.kind == kind;
        let mut found: Vec<_> = self.shelf.values().filter(fits).collect();
        found.sort_by_key(|object| std::cmp::Reverse(object.order));
        found
    }

    /// What a list or a search shows this account: under a `search_lag` fault not what is younger
    /// than the lag.
    pub fn shown(&self, vendor: &'static str, kind: Kind, account: &str) -> Vec<&Object> {
        let lag = self.fault_ms(vendor, "search_lag:").unwrap_or(0);
        let seen = |o: &&Object| o.account == account && o.at + lag <= self.now;
        let every = self.every(vendor, kind).into_iter();
        every.filter(seen).collect()
    }
}
