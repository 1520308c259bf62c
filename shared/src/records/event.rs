//! The row of an event from outside. Its key is the deduplication: a second one of the same id
//! cannot be written.

use crate::domain::case::Case;
use crate::domain::fact::{Fact, Kind};
use crate::io::store::{List, Row, Write};
use crate::words::money::Money;
use crate::words::time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub const SK: &str = "event";

/// Where the row of an event stands.
pub fn pk(clinic: &str, source: &str, id: &str) -> String {
    format!("{clinic}#event#{source}#{id}")
}

/// What stands behind `{clinic}#event#` in a key: `{source}#{id}`.
pub fn named_by(pk: &str) -> &str {
    pk.splitn(3, '#').nth(2).unwrap_or_default()
}

/// The list of a clinic's events.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#events"))
}

/// The part of that list that came at or after this time.
pub fn list_since(clinic: &str, since: Timestamp) -> List {
    list(clinic).between(format!("{:015}", time::millis(since)), "~")
}

/// The key of a part of a body that is kept sealed.
pub fn part_sk(n: usize) -> String {
    format!("part#{n:03}")
}

/// The source under which requests of the API stand among the events.
pub const API: &str = "api";

/// As `/v1/events` shows it. Holds no personal data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRow {
    pub clinic: String,
    pub source: String,
    /// The vendor's, or a digest where it has none.
    pub vendor_event_id: String,
    /// The vendor's own name for it.
    pub name: String,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    pub received_at: Timestamp,
    /// For a request of the API: the digest of its body, to tell a repeat from another request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What that request is answered, from the case as the commit leaves it. The text is kept in
    /// the row, so that a repeat is answered byte for byte the same.
    #[serde(skip)]
    pub answer: Option<fn(&Case, &EventRow) -> String>,
}

impl EventRow {
    pub fn new(clinic: &str, source: &str, id: &str, name: &str, received_at: Timestamp) -> Self {
        Self {
            clinic: clinic.into(),
            source: source.into(),
            vendor_event_id: id.into(),
            name: name.into(),
            kind: Kind::Other,
            gateway_ref: None,
            refund_ref: None,
            amount: None,
            occurred_at: None,
            received_at,
            digest: None,
            answer: None,
        }
    }

    /// With what its fact tells.
    pub fn of_fact(mut self, fact: &Fact) -> Self {
        self.kind = fact.kind;
        self.gateway_ref = fact
            .payment
            .clone()
            .or_else(|| fact.aliases.first().cloned());
        self.refund_ref.clone_from(&fact.refund);
        self.amount = fact.amount;
        self.occurred_at = fact.occurred_at;
        self
    }

    pub fn pk(&self) -> String {
        pk(&self.clinic, &self.source, &self.vendor_event_id)
    }

    /// The row in a state that it keeps. One that was waiting is replaced; any other stays.
    pub fn write(&self, state: &str, case: &str, after: Option<&Case>) -> Write {
        let mut row = self.row(state).text("case", case);
        if let (Some(answer), Some(case)) = (self.answer, after) {
            row = row.text("answer", answer(case, self));
        }
        Write::NewOr {
            row,
            attribute: "state",
            value: "waiting".into(),
        }
    }

    /// The row of a request whose answer does not come from a case.
    pub fn answered(&self, answer: &str) -> Write {
        Write::NewOr {
            row: self.row("posted").text("answer", answer),
            attribute: "state",
            value: "waiting".into(),
        }
    }

    pub fn row(&self, state: &str) -> Row {
        let at = time::millis(self.received_at);
        let row = Row::new(self.pk(), SK)
            .json("data", self)
            .text("state", state)
            .listed(
                list(&self.clinic),
                format!("{at:015}#{}#{}", self.source, self.vendor_event_id),
            );
        match &self.digest {
            Some(digest) => row.text("digest", digest),
            None => row,
        }
    }
}
