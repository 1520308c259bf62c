//! Tasks for people that belong to no case: an event that cannot be read, a stranger's payment.

pub mod done;

use super::{App, Failure};
use crate::domain::outbox::{Facts, Occurrence, Subject, Topic};
use crate::domain::settings::Settings;
use crate::domain::task::{Matter, Queue, Task, Work};
use crate::flows::commit;
use crate::io::clock;
use crate::io::store::{Row, Write, Written};
use crate::records::{outbox, task};
use crate::words::money::Money;
use crate::words::{ids, time};

/// What the task is called by which people are asked about what cannot be read.
pub const UNREADABLE: &str = "unreadable";

/// The rows that ask a person about what belongs to no case: the task, and what tells of it. `pk` is
/// the key of the rows that it stands among, such as an event's.
pub fn asking(settings: &Settings, pk: &str, id: &str, matter: Matter) -> Vec<Row> {
    let now = clock::now();
    let asked = Task {
        id: task::person_id(id),
        work: Work::Person(matter.clone()),
        due: now,
    };
    let zero = Money::zero(settings.currency);
    let told = Occurrence {
        n: 0,
        subject: Subject {
            topic: Topic::NeedsPerson,
            payment: None,
            object: Some(id.into()),
            alias: None,
        },
        at: now,
        heard_at: now,
        from: None,
        amount: matter.amount.unwrap_or(zero),
        facts: Facts::of_matter(matter, zero),
    };
    // What was asked and answered may be asked again: each time is told.
    let place = format!("{}-{id}", time::millis(now));
    let (clinic, of) = (&settings.id, ids::derived(&[pk]));
    vec![
        task::row(clinic, pk, &of, &asked),
        outbox::row(pk, &place, &told, now),
    ]
}

/// Asks a person about what belongs to no case, and tells staff of it once: while the task is
/// open, the same is not told again.
pub async fn raise(
    app: &App,
    settings: &Settings,
    pk: &str,
    id: &str,
    matter: Matter,
) -> Result<(), Failure> {
    let rows = asking(settings, pk, id, matter);
    let write = |(n, row): (usize, &Row)| match n {
        0 => task::unless_open(row.clone()),
        _ => Write::New(row.clone()),
    };
    let writes: Vec<_> = rows.iter().enumerate().map(write).collect();
    match app.store.transact(&writes).await? {
        Written::Done => nudge_told(app, &rows).await,
        // It is open already.
        Written::Failed(_) => {}
        Written::Conflict => return Err("others are at the same task".into()),
    }
    Ok(())
}

/// Says that there is something to tell, where rows of [`asking`] were written.
pub async fn nudge_told(app: &App, rows: &[Row]) {
    let told = rows.iter().filter(|row| row.waits());
    commit::nudge(app, told.map(|row| (Queue::Deliveries, row.key()))).await;
}
