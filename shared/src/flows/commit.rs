//! One change of a case, alone or with the patient's credit: read, decide, write in one transaction,
//! nudge. A condition that failed is read again, a bounded number of times.

use super::calls::waking;
use super::{App, Failure};
use crate::domain::case::{Case, LARGEST};
use crate::domain::credit::{self, Credit, Owner};
use crate::domain::decide::{Decision, Refusal, Verdict, decide};
use crate::domain::event::{Context, Event};
use crate::domain::journal::Entry;
use crate::domain::receipt::facts;
use crate::domain::settings::Settings;
use crate::domain::task::Queue;
use crate::io::clock;
use crate::io::queue::{Nudge, RowKey};
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records;
use crate::records::event::{self, EventRow};
use crate::records::{alias, case, journal, method, outbox, receipt, task};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

/// How often a commit that met another one is tried again.
pub(crate) const TRIES: u32 = 8;

/// A commit that met others at every try; the same again may well go through.
#[derive(Debug)]
pub struct Busy(pub String);

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} is being written by others", self.0)
    }
}

impl std::error::Error for Busy {}

/// How a change ended.
#[derive(Debug)]
pub enum Committed {
    /// Written; the case as it is now.
    Changed(Box<Case>),
    /// Nothing to change; where there was an event row, it was written all the same.
    Nothing(Option<Box<Case>>),
    /// This very event was committed before; its row says how.
    Repeated(Box<Row>),
    Refused(Refusal),
    Wait(&'static str),
    LookUpFirst {
        payment: u32,
    },
    Unmatched,
    Contradiction(String),
}

/// What is to be committed.
pub struct Change<'a> {
    pub settings: &'a Settings,
    pub case: &'a str,
    pub event: Event,
    /// As the journal and the audit name it.
    pub cause: String,
    /// The row that makes the event happen once, where it came from outside.
    pub row: Option<EventRow>,
    /// More to be written with it: sealed texts, a task that is done.
    pub also: Vec<Write>,
    /// The other side of a transfer, decided and written with it.
    pub beside: Option<Beside>,
}

/// What happens to a patient's credit in the commit of a case.
pub struct Beside {
    pub owner: Owner,
    pub event: credit::Event,
}

impl<'a> Change<'a> {
    pub fn new(settings: &'a Settings, case: &'a str, event: Event, cause: String) -> Self {
        Self {
            settings,
            case,
            event,
            cause,
            row: None,
            also: vec![],
            beside: None,
        }
    }
}

/// Commits a change. `loaded` is the case where the caller has just read it.
pub async fn commit(
    app: &App,
    change: Change<'_>,
    mut loaded: Option<Case>,
) -> Result<Committed, Failure> {
    let clinic = &change.settings.id;
    let mut tried: Option<Box<Decision>> = None;
    for attempt in 0..TRIES {
        let before = match loaded.take() {
            Some(case) => Some(case),
            None => app.case(clinic, change.case).await?,
        };
        // Our own write whose reply was lost, with the owner of its lease.
        if let Some(ours) = tried.take()
            && before.as_ref() == Some(&ours.case)
        {
            return Ok(done(app, None, Some(ours)).await);
        }
        let ctx = app.context(change.settings, &change.cause);
        let (decision, state) = match decide(before.as_ref(), &change.event, &ctx) {
            Verdict::Change(decision) => (Some(decision), "posted"),
            Verdict::Nothing if change.row.is_none() && change.also.is_empty() => {
                return Ok(Committed::Nothing(before.map(Box::new)));
            }
            Verdict::Nothing => (None, "superseded"),
            Verdict::Wait(why) => return Ok(Committed::Wait(why)),
            Verdict::LookUpFirst { payment } => return Ok(Committed::LookUpFirst { payment }),
            Verdict::Unmatched => return Ok(Committed::Unmatched),
            Verdict::Contradiction(why) => return Ok(Committed::Contradiction(why)),
            Verdict::Refused(refusal) => return refused(app, &change, Some(refusal)).await,
        };
        let decision = kept_of_somebody(app, decision).await?;
        let mut writes = own_writes(&change, before.as_ref(), decision.as_deref(), state)?;
        if let (Some(beside), Some(_)) = (&change.beside, &decision) {
            match credit_writes(app, beside, &ctx).await? {
                Ok(more) => writes.extend(more),
                Err(refusal) => return refused(app, &change, refusal).await,
            }
        }
        let own = writes.len();
        writes.extend(change.also.iter().cloned());
        match app.store.transact(&writes).await? {
            Written::Done => return Ok(done(app, before, decision).await),
            Written::Failed(at) if change.row.is_some() && at.contains(&0) => {
                // Where it is our own, whose reply was lost, it says how that ended; what was
                // decided anew since was not written.
                let known = repeated(app, &change).await?;
                return Ok(known.ok_or("an event row vanished")?);
            }
            // Only what is written beside the case is in the way: reading it again helps nobody.
            Written::Failed(at) if at.iter().all(|at| *at >= own) => {
                return Err(Busy(format!("what stands beside case {}", change.case)).into());
            }
            Written::Failed(_) | Written::Conflict => {
                tried = decision;
                pause(attempt).await;
            }
        }
    }
    Err(Busy(format!("case {}", change.case)).into())
}

/// A repeat of a request that was granted must not be refused for its own effect. Without a refusal
/// it can only be such a repeat: two books that are written together both have it or neither.
async fn refused(
    app: &App,
    change: &Change<'_>,
    refusal: Option<Refusal>,
) -> Result<Committed, Failure> {
    if let Some(known) = repeated(app, change).await? {
        return Ok(known);
    }
    let refusal = refusal.ok_or("a transfer is in one of two books")?;
    Ok(Committed::Refused(refusal))
}

/// What is kept of a patient who was erased would be of nobody.
async fn kept_of_somebody(
    app: &App,
    mut decision: Option<Box<Decision>>,
) -> Result<Option<Box<Decision>>, StoreError> {
    if let Some(decision) = decision.as_mut().filter(|d| d.kept.is_some()) {
        let (clinic, patient) = (&decision.case.clinic, decision.case.patient.as_deref());
        if app.is_erased(clinic, patient).await? {
            decision.kept = None;
        }
    }
    Ok(decision)
}

/// The event of a change as it was committed before, if it was.
async fn repeated(app: &App, change: &Change<'_>) -> Result<Option<Committed>, StoreError> {
    let Some(row) = &change.row else {
        return Ok(None);
    };
    let known = app.store.get(&row.pk(), event::SK).await?;
    Ok(known.map(|known| Committed::Repeated(Box::new(known))))
}

async fn done(app: &App, before: Option<Case>, decision: Option<Box<Decision>>) -> Committed {
    let Some(decision) = decision else {
        return Committed::Nothing(before.map(Box::new));
    };
    tracing::info!(
        event = decision.entry.what,
        case = decision.case.id,
        cause = decision.entry.cause,
        "committed"
    );
    let pk = case::pk(&decision.case.clinic, &decision.case.id);
    let now = clock::now();
    let due = decision
        .tasks
        .iter()
        .filter(|task| task.due <= now)
        .filter_map(|task| {
            let key = task::key(&pk, &task.id);
            task.work.queue().map(|queue| (queue, key))
        });
    let told = decision.outbox.iter().map(|told| {
        let key = RowKey {
            pk: pk.clone(),
            sk: outbox::sk(&outbox::place(told.n)),
        };
        (Queue::Deliveries, key)
    });
    nudge(app, due.chain(told)).await;
    Committed::Changed(Box::new(decision.case))
}

/// At most one message per queue, of rows of one clinic. One that cannot be sent is only logged: the
/// rows are due, and the due index finds them.
pub async fn nudge(app: &App, rows: impl Iterator<Item = (Queue, RowKey)>) {
    let mut by_queue: BTreeMap<Queue, Vec<RowKey>> = BTreeMap::new();
    for (queue, key) in rows {
        by_queue.entry(queue).or_default().push(key);
    }
    let sends = by_queue.into_iter().map(async |(queue, rows)| {
        if let Err(why) = app.queues.send(queue, &Nudge { rows }).await {
            tracing::warn!(%why, "a nudge was not sent; the due index will find the rows");
        }
    });
    futures::future::join_all(sends).await;
}

/// Longer from try to try, and different from function to function.
pub(super) async fn pause(attempt: u32) {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    tokio::time::sleep(wait(attempt, byte[0])).await;
}

fn wait(attempt: u32, chance: u8) -> Duration {
    Duration::from_millis((5 << attempt.min(6)) + u64::from(chance) / 8)
}

/// What a change itself writes: its event's row, then the case and what follows from it.
fn own_writes(
    change: &Change<'_>,
    before: Option<&Case>,
    decision: Option<&Decision>,
    state: &str,
) -> Result<Vec<Write>, StoreError> {
    let after = decision.map(|decision| &decision.case).or(before);
    let row = change.row.as_ref();
    let row = row.map(|row| row.write(state, change.case, after));
    let mut writes: Vec<_> = row.into_iter().collect();
    if let Some(decision) = decision {
        writes.extend(decision_writes(change.settings, before, decision)?);
    }
    Ok(writes)
}

fn decision_writes(
    settings: &Settings,
    before: Option<&Case>,
    decision: &Decision,
) -> Result<Vec<Write>, StoreError> {
    let case = &decision.case;
    let (clinic, pk) = (&case.clinic, case::pk(&case.clinic, &case.id));
    let data = serde_json::to_string(case).map_err(|why| StoreError::Corrupt(why.to_string()))?;
    if data.len() > LARGEST {
        return Err(StoreError::TooLarge(format!(
            "case {} has {} bytes",
            case.id,
            data.len()
        )));
    }
    let row = case::row(case, data);
    let mut writes = vec![match before {
        None => Write::New(row),
        Some(before) => Write::Replace {
            row,
            version: before.entries,
        },
    }];
    let stands = |before: &Case| {
        (before.status(), &before.appointment) == (case.status(), &case.appointment)
    };
    if !before.is_some_and(stands) {
        writes.push(Write::Put(case::status_row(case)));
    }
    let entry = &decision.entry;
    writes.push(Write::New(journal::row(clinic, &pk, &case.id, entry)));
    writes.extend(task_writes(&pk, decision));
    for told in &decision.outbox {
        let row = outbox::row(&pk, &outbox::place(told.n), told, entry.at);
        writes.push(Write::New(row));
    }
    for (gateway, id) in &decision.aliases {
        let row = alias::of_case(clinic, gateway, id, &case.id);
        writes.push(Write::Put(row));
    }
    for receipt in &decision.receipts {
        let facts = facts(settings, case, receipt);
        let row = receipt::row(clinic, &receipt.id, &case.id, &facts);
        writes.push(Write::New(row));
    }
    if let (Some(method), Some(patient)) = (&decision.kept, &case.patient) {
        writes.extend(method::keep(clinic, patient, method, true));
    }
    if let Some(patient) = &case.patient {
        let ended = decision.ended.iter().collect::<HashSet<_>>();
        let why = "declined for good";
        let gone = ended
            .into_iter()
            .map(|m| method::ended(clinic, patient, m, why));
        writes.extend(gone);
    }
    Ok(writes)
}

/// What a transfer writes into the patient's credit, or why there is none; without a reason where it
/// was written before.
async fn credit_writes(
    app: &App,
    beside: &Beside,
    ctx: &Context,
) -> Result<Result<Vec<Write>, Option<Refusal>>, Failure> {
    let (owner, event) = (&beside.owner, &beside.event);
    let currency = event.amount().currency;
    let id = credit::id(&owner.clinic, &owner.patient, currency);
    let pk = records::credit::pk(&owner.clinic, &id);
    let row = app.store.get(&pk, records::credit::SK).await?;
    let before: Option<Credit> = row.as_ref().map(records::credit::read).transpose()?;
    let (after, entry) = match credit::decide(before.as_ref(), owner, event, ctx) {
        credit::Verdict::Change(changed) => *changed,
        credit::Verdict::NotEnough { available } => {
            return Ok(Err(Some(Refusal::NotEnoughCredit { available })));
        }
        credit::Verdict::Nothing => return Ok(Err(None)),
    };
    let mut writes = written(before.as_ref(), &after, &entry)?;
    // A credit of somebody who is erased meanwhile would be of nobody: one of both is not written.
    if matches!(event, credit::Event::Given(_)) {
        let key = records::patient::key(&owner.clinic, &owner.patient);
        let row = app.store.get(&key.pk, &key.sk).await?;
        match row.filter(|row| !records::patient::is_erased(row)) {
            Some(row) => writes.push(records::patient::touched(&row)),
            None => return Ok(Err(Some(Refusal::Invalid(OF_NOBODY.into())))),
        }
    }
    Ok(Ok(writes))
}

const OF_NOBODY: &str = "the patient was erased, and has no credit: give it back another way";

/// What writes a credit as an event left it, with its journal's entry.
pub(super) fn written(
    before: Option<&Credit>,
    after: &Credit,
    entry: &Entry,
) -> Result<Vec<Write>, StoreError> {
    let pk = records::credit::pk(&after.clinic, &after.id);
    let data = serde_json::to_string(after).map_err(|why| StoreError::Corrupt(why.to_string()))?;
    if data.len() > LARGEST {
        let why = format!("{pk} has {} bytes", data.len());
        return Err(StoreError::TooLarge(why));
    }
    let row = records::credit::row(after, data);
    let write = match before {
        None => Write::New(row),
        Some(before) => Write::Replace {
            row,
            version: before.entries,
        },
    };
    let entry = journal::row(&after.clinic, &pk, &after.id, entry);
    Ok(vec![write, Write::New(entry)])
}

/// The rows of work that a decision begins, and those that it ends.
fn task_writes(pk: &str, decision: &Decision) -> Vec<Write> {
    let (case, mut writes) = (&decision.case, vec![]);
    let mut put = HashSet::new();
    // The last word on a row counts.
    for task in decision
        .tasks
        .iter()
        .rev()
        .filter(|task| put.insert(&task.id))
    {
        let row = task::row(&case.clinic, pk, &case.id, task);
        let row = waking::waiting(row, case, task, decision.entry.at);
        writes.push(Write::Put(row));
    }
    let gone: HashSet<_> = decision
        .done
        .iter()
        .filter(|id| !put.contains(id))
        .collect();
    for id in gone {
        writes.push(Write::Delete(task::key(pk, id)));
    }
    writes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credit::{Event, Owner, Transfer, Verdict, decide};
    use crate::domain::event::Context;
    use crate::words::money::{Currency, Money};

    /// DynamoDB would refuse it, and with it whatever the patient pays or is given from then on.
    #[test]
    fn a_credit_that_no_row_can_hold_is_not_written() {
        let written_with = |letters: usize| {
            let owner = Owner {
                clinic: "demo".into(),
                patient: "patient".into(),
            };
            let given = Event::Given(Transfer {
                id: "x".repeat(letters),
                case: "case".into(),
                amount: Money::new(100, Currency::read("EUR").expect("a currency")),
            });
            let ctx = Context {
                now: jiff::Timestamp::UNIX_EPOCH,
                zone: jiff::tz::TimeZone::UTC,
                cause: "test".into(),
            };
            let Verdict::Change(changed) = decide(None, &owner, &given, &ctx) else {
                panic!("it is given");
            };
            written(None, &changed.0, &changed.1)
        };
        assert!(written_with(100).is_ok());
        assert!(matches!(
            written_with(LARGEST),
            Err(StoreError::TooLarge(_))
        ));
    }

    #[test]
    fn who_meets_others_waits_longer_from_try_to_try_and_never_long() {
        let waits = |chance| (0..9).map(move |attempt| wait(attempt, chance).as_millis());
        let least = [5, 10, 20, 40, 80, 160, 320, 320, 320];
        assert_eq!(waits(0).collect::<Vec<_>>(), least);
        let most = least.map(|wait| wait + 31);
        assert_eq!(waits(255).collect::<Vec<_>>(), most);
    }
}
