//! Deliveries: one message to one system, once. What became of it, and the ids under which the
//! system filed it, live in the delivery's own row; the case does not hear of it.
//!
//! A row is `open` while nothing of it can have reached the system, and `calling` from the moment
//! it may have. It ends as `done`, `skipped`, `failed`, or `unknown` where nobody can say. A message
//! to a patient is looked at again while it is `done`: it may still turn out to be lost.

mod alone;
mod arrival;
pub mod asked;
mod earlier;
mod job;
mod notification;
pub mod optouts;
mod standing;
#[cfg(test)]
mod tests;

use super::commit::Change;
use super::{App, Failure, read_case_pk};
use crate::contract::{Channel, LostReply, Notification, System, Vendor};
use crate::domain::case::Case;
use crate::domain::event::Event;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter, Task, Topic, Work};
use crate::flows::accounts;
use crate::flows::commit;
use crate::flows::tasks;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, Write, Written};
use crate::vendors;
use crate::words::time;
use earlier::Earlier;
use job::{DeliveryJob, Setback, out_of_tries, troubled};

/// Seconds from one try to the next; after the last a person is told.
const WAITS: [i64; 8] = [10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400];
/// A delivery that needs another one first looks again after so many seconds at least.
const BEHIND: i64 = 5;

/// How a delivery is put off.
struct Later {
    wait: i64,
    /// The call may have reached the system: the next try asks first.
    sent: bool,
    tried: bool,
}

/// Whose delivery it is, for those who are told of its end.
#[derive(Clone, Copy)]
struct Of<'a> {
    settings: &'a Settings,
    /// `None` for a task that belongs to no case.
    case: Option<&'a Case>,
}

/// Works one delivery off (`task#tell-…`).
pub async fn deliver(app: &App, key: &RowKey) -> Result<(), Failure> {
    let clinic = key.pk.split('#').next().unwrap_or_default();
    let Some(row) = app.store.get(&key.pk, &key.sk).await? else {
        return Ok(());
    };
    let now = clock::now();
    if key.sk == "token" {
        return accounts::renew_token(app, &row).await;
    }
    if !row.is_due(time::millis(now)) {
        return Ok(());
    }
    let task: Task = row.read("data")?;
    let Work::Deliver(delivery) = &task.work else {
        return Ok(());
    };
    let settings = app.settings_of(clinic).await?;
    let case = match read_case_pk(&key.pk) {
        Some((_, id)) => {
            let found = app.case(clinic, id).await?;
            Some(found.ok_or("a delivery without a case")?)
        }
        None => None,
    };
    let of = Of {
        settings: &settings,
        case: case.as_ref(),
    };
    let found = vendors::system(&delivery.system).and_then(|system| {
        let mut all = system.subscriptions.iter();
        Some((
            system,
            all.find(|subscription| subscription.topic == delivery.topic)?,
        ))
    });
    let Some((system, subscription)) = found else {
        let why = "this version does not tell it that";
        return finish(app, &row, "failed", why).await;
    };
    if let ("done", Some(case)) = (row.get("state"), &case) {
        return Box::pin(arrival::arrived(app, of, case, &row, system)).await;
    }
    let filed = match &case {
        Some(case) => match (system.channel, may_be_sent(&row)) {
            (Channel::Books, false) => {
                match earlier::waits_for_others(app, case, delivery, &task).await? {
                    Some(until) => Earlier::Waiting(until),
                    None => {
                        earlier::earlier(app, case, delivery, &task, subscription.depends_on)
                            .await?
                    }
                }
            }
            _ => earlier::earlier(app, case, delivery, &task, subscription.depends_on).await?,
        },
        None => Earlier::Filed(vec![]),
    };
    let filed = match filed {
        Earlier::Filed(ids) => ids,
        Earlier::Waiting(until) => {
            let wait = ((until - time::millis(now)) / 1000).max(0) + BEHIND;
            let behind = Later {
                wait,
                sent: may_be_sent(&row),
                tried: false,
            };
            let why = "waits for an earlier delivery";
            return put_off(app, &row, behind, why).await;
        }
        Earlier::Needless(why) => return finish(app, &row, "skipped", why).await,
        Earlier::Failed(why) => {
            return undelivered(app, of, &row, may_be_sent(&row), why).await;
        }
    };
    let told = match &case {
        Some(case) => {
            notification::notification(app, &settings, case, system, delivery, &task).await?
        }
        None => alone::notification_alone(app, &settings, &row, &task).await?,
    };
    let told = match told {
        Ok(told) => told,
        Err(why) => return undelivered(app, of, &row, may_be_sent(&row), why).await,
    };
    if told.unreachable {
        let n = delivery.payment.unwrap_or_default();
        let words = "No message with the page to pay on can reach this patient: there is \
                     neither an e-mail address nor a phone number that a connected system \
                     writes to. Add one, or hand the page over.";
        let matter = Matter::of(Alert::DeliveryFailed).payment(n).words(words);
        person_once(app, of, &row, &format!("unreachable-p{n}"), matter).await?;
    }
    let account = match accounts::account(app, clinic, system.vendor).await {
        Ok(account) => account,
        Err(trouble) => {
            // Nothing was called: what was sent before stays sent.
            let end = troubled(trouble, &LostReply::Human, may_be_sent(&row));
            let Err(setback) = end else { return Ok(()) };
            return set_back(app, of, &row, system, setback).await;
        }
    };
    let job = DeliveryJob {
        app: app,
        of,
        system,
        account,
        key: told.key,
        needless: told.needless,
    };
    let notification = Notification {
        filed,
        ..told.notification
    };
    job.steps(row, subscription, notification).await
}

/// Puts off what may still be done, and ends the rest.
async fn set_back(
    app: &App,
    of: Of<'_>,
    row: &Row,
    system: &System,
    setback: Setback,
) -> Result<(), Failure> {
    match setback {
        // A broken connection uses up no tries: what waits is told once it is mended.
        Setback::Again {
            wait,
            sent,
            mend: true,
            why,
        } => {
            blocked(app, of.settings, system.vendor, &why).await?;
            let tried = false;
            put_off(app, row, Later { wait, sent, tried }, &why).await
        }
        Setback::Again { sent, why, .. } if out_of_tries(row) => {
            undelivered(app, of, row, sent, &why).await
        }
        Setback::Again {
            wait, sent, why, ..
        } => {
            let tried = true;
            put_off(app, row, Later { wait, sent, tried }, &why).await
        }
        Setback::OptedOut => optouts::opted_out(app, of, row).await,
        Setback::Needless(why) => finish(app, row, "skipped", why).await,
        Setback::Unknown(why) => undelivered(app, of, row, true, &why).await,
        Setback::Failed(why) => undelivered(app, of, row, false, &why).await,
    }
}

/// Writes a row if nobody else did since it was read; `None` where somebody did.
async fn replace(app: &App, read: &Row, row: Row) -> Result<Option<Row>, Failure> {
    replace_and(app, read, row, vec![]).await
}

/// The same, with what is to be written beside it.
async fn replace_and(
    app: &App,
    read: &Row,
    row: Row,
    also: Vec<Write>,
) -> Result<Option<Row>, Failure> {
    let version = read.int("version") as u64;
    let row = row.number("version", version + 1);
    let write = Write::Replace {
        row: row.clone(),
        version,
    };
    let writes: Vec<_> = [write].into_iter().chain(also).collect();
    match app.store.transact(&writes).await? {
        Written::Done => Ok(Some(row)),
        Written::Failed(_) | Written::Conflict => {
            // Our own write whose reply was lost counts as ours.
            let now = app.store.get(read.get("pk"), read.get("sk")).await?;
            Ok(now.filter(|now| *now == row))
        }
    }
}

/// Later. A call that may have been sent stays `calling`, so that the next try asks first.
async fn put_off(app: &App, row: &Row, later: Later, why: &str) -> Result<(), Failure> {
    let Later { wait, sent, tried } = later;
    let tries = row.int("tries") + i64::from(tried);
    let least = WAITS[(tries.max(1) - 1).min(WAITS.len() as i64 - 1) as usize];
    let wait = if tried { wait.max(least) } else { wait };
    let mut later = row
        .clone()
        .number("tries", tries)
        .text("why", why)
        .due(time::millis(time::after(clock::now(), wait)));
    if !sent {
        later = later.text("state", "open");
    }
    replace(app, row, later).await.map(drop)
}

async fn finish(app: &App, row: &Row, state: &str, why: &str) -> Result<(), Failure> {
    let mut done = row.clone().undue().text("state", state).text("why", why);
    done.0.remove("sent");
    replace(app, row, done).await.map(drop)
}

/// The end without success, of which a person is told.
async fn undelivered(
    app: &App,
    of: Of<'_>,
    row: &Row,
    sent: bool,
    why: &str,
) -> Result<(), Failure> {
    let id = row.get("sk").trim_start_matches("task#");
    let task: Task = row.read("data")?;
    if let Work::Deliver(delivery) = &task.work {
        let mut matter = Matter::of(Alert::DeliveryFailed).vendor(&delivery.system);
        matter.payment = delivery.payment;
        let words = undelivered_words(delivery.topic, sent, why);
        person(app, of, row, id, matter.words(words)).await?;
    }
    let state = if sent { "unknown" } else { "failed" };
    finish(app, row, state, why).await
}

/// A vendor does not take our key: said once for a clinic, whatever waits for it.
pub(super) async fn blocked(
    app: &App,
    settings: &Settings,
    vendor: &Vendor,
    why: &str,
) -> Result<(), Failure> {
    let matter = Matter::of(Alert::Blocked)
        .vendor(vendor.id)
        .words(format!("It says: {why}."));
    let pk = connection_pk(&settings.id, vendor);
    let id = format!("blocked-{}", vendor.id);
    tasks::raise(app, settings, &pk, &id, matter).await
}

/// It takes our key again: nobody need mend it any more.
pub(super) async fn mended(app: &App, clinic: &str, vendor: &Vendor) -> Result<(), Failure> {
    let pk = connection_pk(clinic, vendor);
    let sk = format!("task#person-blocked-{}", vendor.id);
    let asked = app.store.get(&pk, &sk).await?;
    if asked.is_some_and(|task| task.get("state") == "open") {
        app.store
            .transact(&[Write::Delete(RowKey { pk, sk })])
            .await?;
    }
    Ok(())
}

/// Asks a person, unless the same is asked already and nobody has closed it.
async fn person_once(
    app: &App,
    of: Of<'_>,
    row: &Row,
    id: &str,
    matter: Matter,
) -> Result<(), Failure> {
    let pk = row.get("pk");
    let asked = app.store.get(pk, &format!("task#person-{id}")).await?;
    match asked.is_some_and(|task| task.get("state") == "open") {
        true => Ok(()),
        false => person(app, of, row, id, matter).await,
    }
}

async fn person(app: &App, of: Of<'_>, row: &Row, id: &str, matter: Matter) -> Result<(), Failure> {
    // A system that cannot be told must not be told of that without end; what it was to be told
    // is a task itself.
    let to_staff = row.get("sk").contains(Topic::NeedsPerson.name());
    let Some(case) = of.case.filter(|_| !to_staff) else {
        return Ok(());
    };
    let cause = format!("delivery {}", row.get("sk").trim_start_matches("task#"));
    let id = id.to_owned();
    let event = Event::Person { id, matter };
    let change = Change::new(of.settings, &case.id, event, cause);
    commit::commit(app, change, None).await.map(drop)
}

/// Where the task stands of a connection that a person must mend.
fn connection_pk(clinic: &str, vendor: &Vendor) -> String {
    format!("{clinic}#event#connection#{}", vendor.id)
}

/// Whether a call of this row may have reached the system.
fn may_be_sent(row: &Row) -> bool {
    row.get("state") == "calling"
}

/// What a person reads of a delivery that ended without success.
fn undelivered_words(topic: Topic, sent: bool, why: &str) -> String {
    let what = message_of(topic);
    match sent {
        true => format!("{what} may have been sent: look before repeating it ({why})."),
        false => format!("{what} was not delivered ({why})."),
    }
}

/// What is told of a topic, as staff speak of it.
fn message_of(topic: Topic) -> &'static str {
    match topic {
        Topic::InvoiceIssued => "The invoice",
        Topic::CheckoutReady => "The message with the page to pay on",
        Topic::PaymentReceived => "The message that the payment arrived",
        Topic::PaymentFailed => "The message that the payment failed",
        Topic::PaymentReturned => "The message that the payment went back",
        Topic::RefundPaid => "The message that the refund was paid",
        Topic::RefundFailed => "The message that the refund failed",
        Topic::DisputeOpened => "The message that the payment is disputed",
        Topic::DisputeClosed => "The message that the dispute is over",
        Topic::NeedsPerson => "The message that a person is needed",
    }
}

/// The ids under which the steps that are done were filed; empty where the system told none.
fn filed(row: &Row) -> Vec<String> {
    serde_json::from_str(row.get("filed")).unwrap_or_default()
}
