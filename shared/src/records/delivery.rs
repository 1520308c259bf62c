//! The row of a delivery: one occurrence told to one system. Its key is the occurrence's, so that
//! those of a system about a book stand in the order in which it hears of them, and none is ever
//! written over by a later one.

use crate::domain::outbox::{Occurrence, Subject};
use crate::domain::task::Lane;
use crate::io::queue::RowKey;
use crate::io::store::{List, Row, StoreError};
use crate::words::money::Money;
use crate::words::time;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the keys of all deliveries of a book begin with.
pub const PREFIX: &str = "delivery#";

/// What the keys of a system's deliveries about a book begin with.
pub fn prefix(system: &str) -> String {
    format!("{PREFIX}{system}#")
}

/// The key of the delivery that people name by this id; `None` where it cannot be one.
pub fn sk_of(id: &str) -> Option<String> {
    let (system, place) = id.split_once('.')?;
    Some(format!("{PREFIX}{system}#{place}"))
}

/// The system that the delivery of this key tells.
pub fn system_of(sk: &str) -> Option<&str> {
    let (system, _) = sk.strip_prefix(PREFIX)?.split_once('#')?;
    Some(system)
}

/// The list of a clinic's deliveries.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#deliveries"))
}

/// The part of it that was heard of between these times, the later one not included.
pub fn heard_between(clinic: &str, from: Timestamp, to: Timestamp) -> List {
    let at = |time| format!("{:015}", time::millis(time));
    list(clinic).between(at(from), at(to))
}

/// The list of a clinic's deliveries that stand so; there is one of those that did not arrive alone,
/// as the others change too often.
pub fn list_of(clinic: &str, state: State) -> Option<List> {
    match state {
        State::Failed | State::Unknown => {
            let name = state.name();
            Some(List::second(format!("{clinic}#deliveries#{name}")))
        }
        State::Open | State::Calling | State::Done | State::Skipped => None,
    }
}

/// Where a delivery stands that waits for this connection.
pub fn held(clinic: &str, vendor: &str) -> String {
    format!("held#{clinic}#{vendor}")
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeliveryState")]
pub enum State {
    /// Nothing of what comes next can have reached the system.
    Open,
    /// A call may have reached it.
    Calling,
    Done,
    /// Nobody need hear of it.
    Skipped,
    Failed,
    /// Nobody can say whether it arrived.
    Unknown,
}

impl State {
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Calling,
        Self::Done,
        Self::Skipped,
        Self::Failed,
        Self::Unknown,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Calling => "calling",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it ended, well or not.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Open | Self::Calling)
    }
}

/// What is told, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub system: String,
    /// The occurrence's place in its book.
    pub place: String,
    #[serde(flatten)]
    pub subject: Subject,
    pub amount: Money,
    /// When it happened, and when we heard of it.
    pub at: Timestamp,
    pub heard_at: Timestamp,
}

/// When it is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// At this time, in epoch milliseconds; `taken` where it was put off only because its work was
    /// begun or nudged.
    At {
        millis: i64,
        taken: bool,
    },
    /// Once its connection is released.
    Held,
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub pk: String,
    pub about: About,
    pub version: u64,
    pub state: State,
    pub due: Due,
    /// Tries that may have failed for a cause of its own.
    pub tries: i64,
    /// Why it stands as it does, for people.
    pub why: String,
    /// It waits for what its system is told before it.
    pub behind: bool,
    /// It is let through to see whether its connection works again.
    pub probe: bool,
    /// Something that it named was gone, and was looked for anew.
    pub renewed: bool,
    pub steps_done: usize,
    /// The ids under which the steps that are done were filed; empty where the system told none.
    pub filed: Vec<String>,
    /// What the invoice takes of a payment, or a refund of the sale, as it was filed.
    pub applied: Option<i64>,
    /// The addressee and the words that were sent, sealed.
    pub sent: String,
    /// When it was sent last, in epoch seconds.
    pub sent_at: i64,
    /// Who has it in hands.
    pub owner: String,
    /// What came of the last calls, the newest last.
    pub attempts: Vec<Attempt>,
}

/// What came of one call that told it, or that looked what became of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    /// Why it was not taken; `None` where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// So many of the last attempts are kept, and so much of what was said of each.
const ATTEMPTS: usize = 10;
const LONGEST_WHY: usize = 200;

impl DeliveryRow {
    /// With one more attempt; the oldest gives way.
    pub fn attempted(mut self, at: Timestamp, why: Option<&str>) -> Self {
        let why = why.map(|why| why.chars().take(LONGEST_WHY).collect());
        self.attempts.push(Attempt { at, why });
        let over = self.attempts.len().saturating_sub(ATTEMPTS);
        self.attempts.drain(..over);
        self
    }

    /// What a system is to be told of an occurrence, at once.
    pub fn new(pk: &str, place: &str, system: &str, told: &Occurrence, now: Timestamp) -> Self {
        Self {
            pk: pk.into(),
            about: About {
                system: system.into(),
                place: place.into(),
                subject: told.subject.clone(),
                amount: told.amount,
                at: told.at,
                heard_at: told.heard_at,
            },
            version: 1,
            state: State::Open,
            due: Due::At {
                millis: time::millis(now),
                taken: false,
            },
            tries: 0,
            why: String::new(),
            behind: false,
            probe: false,
            renewed: false,
            steps_done: 0,
            filed: vec![],
            applied: None,
            sent: String::new(),
            sent_at: 0,
            owner: String::new(),
            attempts: vec![],
        }
    }

    pub fn sk(&self) -> String {
        format!("{}{}", prefix(&self.about.system), self.about.place)
    }

    pub fn key(&self) -> RowKey {
        RowKey {
            pk: self.pk.clone(),
            sk: self.sk(),
        }
    }

    /// As people name it.
    pub fn id(&self) -> String {
        format!("{}.{}", self.about.system, self.about.place)
    }

    pub fn clinic(&self) -> &str {
        self.pk.split('#').next().unwrap_or_default()
    }

    /// Whether a call of this row may have reached the system.
    pub fn may_be_sent(&self) -> bool {
        self.state == State::Calling
    }

    /// The id under which it was filed last, where the system told one.
    pub fn filed_as(&self) -> Option<&str> {
        let mut told = self.filed.iter().rev().filter(|id| !id.is_empty());
        told.next().map(String::as_str)
    }

    /// Whether its time has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        match self.due {
            Due::At { millis, taken } => taken || millis <= time::millis(now),
            Due::Held | Due::Never => false,
        }
    }

    /// To be looked at then.
    pub fn due_at(mut self, at: Timestamp) -> Self {
        self.due = Due::At {
            millis: time::millis(at),
            taken: false,
        };
        self
    }

    pub fn read(row: &Row) -> Result<Self, StoreError> {
        let about: About = row.read("data")?;
        let state = State::ALL
            .into_iter()
            .find(|s| s.name() == row.get("state"));
        let state = state.ok_or_else(|| StoreError::Corrupt("a delivery's state".into()))?;
        let due = match (row.waits(), row.get("due_pk").starts_with("held#")) {
            (false, _) => Due::Never,
            (true, true) => Due::Held,
            (true, false) => Due::At {
                millis: row.due_at(),
                taken: row.has("taken_at"),
            },
        };
        Ok(Self {
            pk: row.pk().into(),
            version: row.version(),
            state,
            due,
            tries: row.int("tries"),
            why: row.get("why").into(),
            behind: row.has("behind"),
            probe: row.has("probe"),
            renewed: row.has("renewed"),
            steps_done: row.int("steps_done") as usize,
            filed: match row.has("filed") {
                true => row.read("filed")?,
                false => vec![],
            },
            applied: row.has("applied").then(|| row.int("applied")),
            sent: row.get("sent").into(),
            sent_at: row.int("sent_at"),
            owner: row.get("owner").into(),
            attempts: match row.has("attempts") {
                true => row.read("attempts")?,
                false => vec![],
            },
            about,
        })
    }

    pub fn row(&self) -> Row {
        let heard = time::millis(self.about.heard_at);
        let of = self.pk.rsplit('#').next().unwrap_or_default();
        let place = format!("{heard:015}#{of}#{}", self.id());
        let mut row = Row::new(&self.pk, self.sk())
            .json("data", &self.about)
            .versioned(self.version)
            .text("state", self.state.name())
            .number("tries", self.tries)
            .number("steps_done", self.steps_done)
            .listed(list(self.clinic()), place.clone());
        if let Some(list) = list_of(self.clinic(), self.state) {
            row = row.listed(list, place);
        }
        for (name, text) in [
            ("why", &self.why),
            ("sent", &self.sent),
            ("owner", &self.owner),
        ] {
            if !text.is_empty() {
                row = row.text(name, text);
            }
        }
        for (name, set) in [
            ("behind", self.behind),
            ("probe", self.probe),
            ("renewed", self.renewed),
        ] {
            if set {
                row = row.number(name, 1);
            }
        }
        if !self.filed.is_empty() {
            row = row.json("filed", &self.filed);
        }
        if !self.attempts.is_empty() {
            row = row.json("attempts", &self.attempts);
        }
        if let Some(applied) = self.applied {
            row = row.number("applied", applied);
        }
        if self.sent_at > 0 {
            row = row.number("sent_at", self.sent_at);
        }
        match self.due {
            Due::At { millis, taken } => {
                let row = row.due(Lane::Tell, millis);
                if taken {
                    row.number("taken_at", millis)
                } else {
                    row
                }
            }
            Due::Held => row
                .text("due_pk", held(self.clinic(), &self.about.system))
                .number("due_at", heard),
            Due::Never => row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_reads_back_as_it_was_written() {
        let about: About = serde_json::from_value(serde_json::json!({
            "system": "xero", "place": "000007", "topic": "refund_paid", "payment": 1, "object": "r1",
            "amount": { "amount": "10.00", "currency": "EUR" },
            "at": "2026-03-01T10:00:00Z", "heard_at": "2026-03-01T10:00:05Z",
        }))
        .expect("what a delivery is about");
        let mut row = DeliveryRow {
            pk: "demo#case#1".into(),
            about,
            version: 3,
            state: State::Calling,
            due: Due::Held,
            tries: 2,
            why: "it did not answer".into(),
            behind: true,
            probe: true,
            renewed: true,
            steps_done: 1,
            filed: vec!["id-1".into(), String::new()],
            applied: Some(0),
            sent: "sealed".into(),
            sent_at: 77,
            owner: "me".into(),
            attempts: vec![],
        };
        for n in 0..12 {
            let at = Timestamp::from_second(n).expect("an instant");
            let why = "x".repeat(300);
            row = row.attempted(at, Some(why.as_str()).filter(|_| n > 10));
        }
        let [first, .., last] = &row.attempts[..] else {
            panic!("{row:?}");
        };
        assert_eq!((row.attempts.len(), first.at.as_second()), (10, 2));
        assert_eq!(last.why.as_ref().map(String::len), Some(200));
        assert_eq!(first.why, None);
        for due in [
            Due::Held,
            Due::Never,
            Due::At {
                millis: 5,
                taken: true,
            },
            Due::At {
                millis: 5,
                taken: false,
            },
        ] {
            row.due = due;
            assert_eq!(DeliveryRow::read(&row.row()).expect("it reads"), row);
        }
        assert_eq!(sk_of(&row.id()), Some(row.sk()));
        assert_eq!(system_of(&row.sk()), Some("xero"));
        assert_eq!(row.filed_as(), Some("id-1"));
        for state in State::ALL {
            row.state = state;
            assert_eq!(
                DeliveryRow::read(&row.row()).expect("it reads").state,
                state
            );
        }
    }
}
