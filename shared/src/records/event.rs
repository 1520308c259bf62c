//! The row of an event from outside. Its key is the deduplication: a second one of the same id
//! cannot be written.

use crate::domain::case::Case;
use crate::domain::fact::{Fact, Kind};
use crate::io::queue::RowKey;
use crate::io::store::{List, Row, StoreError, Write};
use crate::words::money::Money;
use crate::words::time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub const SK: &str = "event";

/// Its fact or its item waits to be posted.
const WAITING: &str = "waiting";
/// It was proven and cannot be read.
const QUARANTINED: &str = "quarantined";

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
        unless_ended(row)
    }

    /// The row of a request whose answer does not come from a case.
    pub fn answered(&self, answer: &str) -> Write {
        unless_ended(self.row("posted").text("answer", answer))
    }

    /// The row of one whose fact waits for its case, or for a person.
    pub fn waiting(&self, fact: &Fact, why: &str) -> Row {
        self.row(WAITING).json("fact", fact).text("why", why)
    }

    /// The row of one that waits until all that it led to has ended.
    pub fn leading(&self, led_to: &[String], why: &str, tries: usize) -> Row {
        let row = self.row(WAITING).json("led_to", &led_to);
        tried(row.text("why", why), tries)
    }

    /// The row of one that contradicts what is known of this case.
    pub fn contradicting(&self, case: &str, why: &str) -> Row {
        let row = self.row("contradiction");
        row.text("case", case).text("why", why)
    }

    /// The row of one that cannot be read, whose body is kept in so many parts.
    pub fn quarantined(&self, why: &str, parts: usize, proven: bool) -> Row {
        let row = self.row(QUARANTINED).text("why", why);
        row.number("parts", parts)
            .text("proven", proven.to_string())
    }

    /// The row of a look-up of which a part cannot be read.
    pub fn unread(&self, why: &str, payment: &str) -> Row {
        let row = self.row(QUARANTINED).text("why", why);
        row.text("hint", payment)
    }

    /// What the row tells of the event itself.
    pub fn read(row: &Row) -> Result<Self, StoreError> {
        row.read("data")
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

/// Puts the row where nothing is, or in place of one that waits: any other stays.
pub fn unless_ended(row: Row) -> Write {
    Write::NewOr {
        row,
        attribute: "state",
        value: WAITING.into(),
    }
}

/// What became of it.
pub fn state(row: &Row) -> &str {
    row.get("state")
}

pub fn is_waiting(row: &Row) -> bool {
    state(row) == WAITING
}

pub fn is_quarantined(row: &Row) -> bool {
    state(row) == QUARANTINED
}

/// The case that it changed or contradicts; empty where there is none.
pub fn case(row: &Row) -> &str {
    row.get("case")
}

/// Why it stands as it does; empty where nothing is to be said.
pub fn why(row: &Row) -> &str {
    row.get("why")
}

/// How often it was tried to post it.
pub fn tries(row: &Row) -> usize {
    usize::try_from(row.int("tries")).unwrap_or_default()
}

/// The same row after so many tries.
pub fn tried(row: Row, tries: usize) -> Row {
    row.number("tries", tries)
}

/// Whether a fact of its own waits in it.
pub fn has_fact(row: &Row) -> bool {
    row.has("fact")
}

/// The fact that waits in it.
pub fn fact(row: &Row) -> Result<Fact, StoreError> {
    row.read("fact")
}

/// Whether it led to others, which it waits for.
pub fn has_led(row: &Row) -> bool {
    row.has("led_to")
}

/// The ids of the events that it led to; `None` where it has a fact of its own.
pub fn led_to(row: &Row) -> Result<Option<Vec<String>>, StoreError> {
    has_led(row).then(|| row.read("led_to")).transpose()
}

/// The payment of a look-up that could not be read as a whole.
pub fn hint(row: &Row) -> Option<&str> {
    Some(row.get("hint")).filter(|hint| !hint.is_empty())
}

/// Whether later ones took its place.
pub fn is_superseded(row: &Row) -> bool {
    state(row) == "superseded"
}

/// The same row once later ones took its place.
pub fn superseded(row: Row) -> Row {
    row.text("state", "superseded")
}

/// Takes a quarantined event away that is read of its list once more.
pub fn forgotten(row: &Row) -> Write {
    Write::Delete(row.key())
}

/// Opens a quarantined event to be posted again, by one only.
pub fn reopened(row: Row) -> Write {
    Write::NewOr {
        row: row.text("state", WAITING).text("why", "sent through again"),
        attribute: "state",
        value: QUARANTINED.into(),
    }
}

/// Closes one again that could not be sent through.
pub fn closed_again(pk: String) -> Write {
    let sk = SK.into();
    Write::Change {
        key: RowKey { pk, sk },
        set: Row::default().text("state", QUARANTINED),
        remove: vec![],
    }
}

/// A part of a body, sealed.
pub fn part(pk: &str, n: usize, sealed: String) -> Row {
    Row::new(pk, part_sk(n)).text("sealed", sealed)
}

/// What a part of a body holds, sealed.
pub fn sealed(part: &Row) -> &str {
    part.get("sealed")
}

/// In how many parts its body is kept.
pub fn parts(row: &Row) -> usize {
    usize::try_from(row.int("parts")).unwrap_or_default()
}

/// The same row of one that was read of a list, in a window that began then.
pub fn polled(row: Row, list: &str, from: Timestamp) -> Row {
    row.text("list", list)
        .number("list_from", time::millis(from))
}

/// Of one that was read of a list: the list, and when the window began.
pub fn read_of(row: &Row) -> Option<(&str, Timestamp)> {
    let from = Timestamp::from_millisecond(row.int("list_from")).ok()?;
    row.has("list").then(|| (row.get("list"), from))
}

/// Whether it was proven when it came.
pub fn was_proven(row: &Row) -> bool {
    row.get("proven") == "true"
}

/// The digest of the request that came under this key.
pub fn digest(row: &Row) -> &str {
    row.get("digest")
}

/// What that request was answered.
pub fn answer(row: &Row) -> &str {
    row.get("answer")
}
