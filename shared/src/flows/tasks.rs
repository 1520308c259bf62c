//! Rows of work, and tasks for people that belong to no case: an event that cannot be read, a
//! stranger's payment.

pub mod done;

use super::{App, Failure};
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Delivery, Matter, Queue, Task, Topic, Work};
use crate::flows::commit;
use crate::io::clock;
use crate::io::store::{Row, Write, Written};
use crate::vendors;
use crate::words::{ids, time};

/// The row of a task, among the rows of `pk`; `of` tells its place in lists from that of others.
pub fn row(clinic: &str, pk: &str, of: &str, task: &Task) -> Row {
    let millis = time::millis(task.due);
    let row = Row::new(pk, format!("task#{}", task.id))
        .json("data", task)
        .text("state", "open")
        .number("version", 1);
    let at = format!("{millis:015}#{of}#{}", task.id);
    match &task.work {
        // A person's task waits for a person, not for a time.
        Work::Person(_) => row.listed(format!("{clinic}#tasks"), at),
        Work::Deliver(_) => row.due(millis).listed(format!("{clinic}#deliveries"), at),
        _ => row.due(millis),
    }
}

/// The rows that ask a person about what belongs to no case, the task first, then what tells staff
/// of it. `pk` is the key of the rows that it stands among, such as an event's.
pub fn asking(settings: &Settings, pk: &str, id: &str, matter: Matter) -> Vec<Row> {
    let due = clock::now();
    let (alert, vendor) = (matter.alert, matter.vendor.clone());
    let asked = Task {
        id: format!("person-{id}"),
        work: Work::Person(matter),
        due,
    };
    let hears = vendors::audience(&settings.systems);
    // Who does not take our calls cannot be told so.
    let itself = |system: &String| alert == Alert::Blocked && vendor.as_ref() == Some(system);
    let hears = hears
        .into_iter()
        .filter(|(system, topic)| *topic == Topic::NeedsPerson && !itself(system));
    let told = hears.map(|(system, topic)| Task {
        id: format!("tell-{system}-{}-{id}", topic.name()),
        work: Work::Deliver(Delivery {
            system,
            topic,
            payment: None,
            object: Some(id.into()),
            amount: None,
            at: None,
        }),
        due,
    });
    let (clinic, of) = (&settings.id, ids::derived(&[pk]));
    let rows = [asked].into_iter().chain(told);
    rows.map(|task| row(clinic, pk, &of, &task)).collect()
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
        0 => Write::NewOr {
            row: row.clone(),
            attribute: "state",
            value: "done".into(),
        },
        _ => Write::Put(row.clone()),
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
    let told = rows.iter().filter(|row| row.has("due_at"));
    commit::nudge(app, told.map(|row| (Queue::Deliveries, row.key()))).await;
}
