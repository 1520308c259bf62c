//! What a delivery builds on: what became of those before it, of the same book at the same system.
//! All of them are over when this is asked.

use crate::contract::{Channel, DependsOn, System};
use crate::domain::outbox::{Subject, Topic};
use crate::records::delivery::{DeliveryRow, State};

#[derive(Debug, PartialEq, Eq)]
pub enum Earlier {
    /// With the ids under which it was filed, one for each step.
    Filed(Vec<String>),
    /// It was never told this system, which listens only since later: it is filed first.
    Missing(Topic),
    /// Nothing was told that had to be taken back.
    Needless(&'static str),
    Failed(&'static str),
}

/// What became of what this builds on.
pub fn earlier(
    line: &[DeliveryRow],
    this: &DeliveryRow,
    system: &System,
    declared: DependsOn,
) -> Earlier {
    let subject = &this.about.subject;
    // That money came again is of interest to people who heard that it had gone; what is filed or
    // kept needs it anyway.
    let kept = matches!(system.channel, Channel::Books | Channel::Records);
    let depends_on = match subject.is_again() && !kept {
        true => DependsOn::TakesBack(Topic::PaymentReturned),
        false => declared,
    };
    let Some(topic) = depends_on.topic() else {
        return Earlier::Filed(vec![]);
    };
    let mut before = line.iter().filter(|row| row.about.place < this.about.place);
    let same = |row: &&DeliveryRow| {
        answers(&row.about.subject, topic) && row.about.subject.is_of_the_same(subject)
    };
    said(depends_on, before.rfind(same))
}

/// Whether an occurrence is one of this topic: that a payment counts towards its invoice says that it
/// came.
pub fn answers(subject: &Subject, topic: Topic) -> bool {
    let applied = topic == Topic::PaymentReceived && subject.topic == Topic::PaymentApplied;
    subject.topic == topic || applied
}

/// What the row of the earlier delivery says; `None` where there is none.
pub fn said(depends_on: DependsOn, row: Option<&DeliveryRow>) -> Earlier {
    let Some(row) = row else {
        return match depends_on {
            DependsOn::Nothing => Earlier::Filed(vec![]),
            DependsOn::Needs(topic) => Earlier::Missing(topic),
            DependsOn::TakesBack(_) => Earlier::Needless("what it takes back was never told"),
        };
    };
    match (row.state, depends_on) {
        (State::Done, _) => Earlier::Filed(row.filed.clone()),
        (State::Skipped | State::Failed, DependsOn::TakesBack(_)) if row.steps_done == 0 => {
            Earlier::Needless("what it takes back was never told")
        }
        // What was not worth filing stands in nobody's way.
        (State::Skipped, DependsOn::Needs(_)) => Earlier::Filed(vec![]),
        // Who may have been told must hear the rest.
        (State::Unknown, DependsOn::TakesBack(_)) => Earlier::Filed(row.filed.clone()),
        _ => Earlier::Failed("what it builds on was not filed"),
    }
}
