//! Deliveries: one occurrence told to one system, once, and those of a system about a book in their
//! order. What became of one, and the ids under which the system filed it, live in its own row; the
//! book does not hear of it.
//!
//! A row is `open` while nothing of what comes next can have reached the system, and `calling` from
//! the moment it may have. It ends as `done`, `skipped`, `failed`, or `unknown` where nobody can say.
//! A message to a patient is looked at again while it is `done`: it may still turn out to be lost.

pub mod arrival;
pub mod asked;
pub mod compose;
mod contacts;
mod depends;
mod job;
pub mod optouts;
mod prepare;
pub mod replay;
pub mod spread;
mod standing;
#[cfg(test)]
mod tests;

use super::commit::{self, Change};
use super::{App, Failure, accounts, connections, patients, tasks};
use crate::contract::{Account, Channel, LostReply, Notification, Subscription, System, Trouble};
use crate::domain::case::Case;
use crate::domain::event::Event;
use crate::domain::outbox::Topic;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter};
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Write, Written};
use crate::records::case;
use crate::records::delivery::{self, DeliveryRow, Due, State};
use crate::records::{connection, outbox};
use crate::records::{task, token};
use crate::vendors;
use crate::words::{ids, time};
use depends::Earlier;
use job::{DeliveryJob, Setback, troubled};
use prepare::Prepared;

/// Seconds from one try to the next.
const WAITS: [i64; 8] = [10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400];
/// After so many tries people are told that it does not arrive; it is tried all the same.
const PATIENCE: i64 = WAITS.len() as i64;
/// A delivery that needs another one first looks again after so many seconds at least.
const BEHIND: i64 = 5;
/// Seconds after which it is given up: what is filed or kept is told late rather than never.
const LIFETIME: i64 = 7 * 86_400;
const LIFETIME_OF_BOOKS: i64 = 90 * 86_400;
/// So many of a line are worked off by one message.
const TOGETHER: usize = 5;

/// Why a message is not sent.
const ERASED: &str = "the patient was erased";
const UNHEARD: &str = "this address wants to hear of other things";
const GIVEN_UP: &str = "the connection was given up";

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

/// Works one row off that tells something: an occurrence that is not spread yet, a delivery, a
/// connection whose time has come, a token that is to be renewed.
pub async fn deliver(app: &App, key: &RowKey) -> Result<(), Failure> {
    match key.sk.as_str() {
        token::SK => match app.store.get(&key.pk, &key.sk).await? {
            Some(row) => accounts::renew_token(app, &row).await,
            None => Ok(()),
        },
        connection::SK => connections::resume(app, key).await,
        sk if sk.starts_with(outbox::PREFIX) => spread::spread(app, key).await,
        sk => match delivery::system_of(sk) {
            Some(system) => in_turn(app, key, system).await,
            None => Ok(()),
        },
    }
}

/// Works a delivery off, after those before it, and then those that waited for it.
async fn in_turn(app: &App, key: &RowKey, system: &str) -> Result<(), Failure> {
    let mut line = line(app, &key.pk, system).await?;
    // It is in other hands, or put off.
    let now = clock::now();
    let waits = |own: &DeliveryRow| !own.state.is_over() && !own.is_due(now);
    if line.iter().find(|row| row.sk() == key.sk).is_none_or(waits) {
        return Ok(());
    }
    for _ in 0..TOGETHER {
        let now = clock::now();
        match turn(&line, &key.sk, now) {
            Turn::Look(own) => return arrival::look(app, own).await,
            Turn::Behind(own, first) => return wait_behind(app, own, first, now).await,
            Turn::Work(first) => work_off(app, &line, first).await?,
            Turn::Nothing => return Ok(()),
        }
        line = self::line(app, &key.pk, system).await?;
    }
    Ok(())
}

/// What is next in a line, for who works one of it off.
#[derive(Debug, PartialEq, Eq)]
enum Turn<'a> {
    /// Its own is done, and is to be looked at.
    Look(&'a DeliveryRow),
    /// Its own waits for this one.
    Behind(&'a DeliveryRow, &'a DeliveryRow),
    Work(&'a DeliveryRow),
    Nothing,
}

/// The first that is not over is next, up to one's own; after it only those that waited for it.
fn turn<'a>(line: &'a [DeliveryRow], sk: &str, now: jiff::Timestamp) -> Turn<'a> {
    let Some(own) = line.iter().find(|row| row.sk() == sk) else {
        return Turn::Nothing;
    };
    if own.state == State::Done && own.is_due(now) {
        return Turn::Look(own);
    }
    let Some(first) = line.iter().find(|row| !row.state.is_over()) else {
        return Turn::Nothing;
    };
    let follows = first.about.place > own.about.place;
    match first.behind || (first.is_due(now) && !follows) {
        true => Turn::Work(first),
        false if own.state.is_over() || own == first => Turn::Nothing,
        false => Turn::Behind(own, first),
    }
}

/// All that a system is told about a book, in order.
async fn line(app: &App, pk: &str, system: &str) -> Result<Vec<DeliveryRow>, Failure> {
    let rows = app.store.under(pk, &delivery::prefix(system)).await?;
    Ok(rows
        .iter()
        .map(DeliveryRow::read)
        .collect::<Result<_, _>>()?)
}

/// Under which id a system filed the invoice of a case, where it did.
pub async fn filed_invoice(app: &App, pk: &str, system: &str) -> Result<Option<String>, Failure> {
    let line = line(app, pk, system).await?;
    let mut issued = line
        .iter()
        .filter(|row| row.about.subject.topic == Topic::InvoiceIssued);
    Ok(issued.find_map(|row| row.filed_as().map(String::from)))
}

/// Puts a delivery off until the one before it may be over, which takes it along.
async fn wait_behind(
    app: &App,
    own: &DeliveryRow,
    first: &DeliveryRow,
    now: jiff::Timestamp,
) -> Result<(), Failure> {
    let behind = DeliveryRow {
        behind: true,
        why: "waits for an earlier delivery".into(),
        ..own.clone()
    };
    let behind = match first.due {
        Due::At { millis, .. } => {
            let wait = ((millis - time::millis(now)) / 1000).max(0) + BEHIND;
            behind.due_at(time::after(now, wait))
        }
        Due::Held => DeliveryRow {
            due: Due::Held,
            ..behind
        },
        Due::Never => behind.due_at(time::after(now, BEHIND)),
    };
    replace(app, own, behind).await.map(drop)
}

/// Works the first unfinished delivery of a line off.
async fn work_off(app: &App, line: &[DeliveryRow], row: &DeliveryRow) -> Result<(), Failure> {
    let clinic = row.clinic();
    let settings = app.settings_of(clinic).await?;
    let case = case_of(app, row).await?;
    let of = Of {
        settings: &settings,
        case: case.as_ref(),
    };
    let Some((system, subscription)) = subscribed(row) else {
        let why = "this version does not tell it that";
        return finish(app, row, State::Failed, why).await;
    };
    let connection = connections::known(app, clinic, &row.about.system).await?;
    if connection.connection.holds() && !row.probe {
        return hold(app, row, row.may_be_sent(), "the connection is held").await;
    }
    let filed = match depends::earlier(line, row, system, subscription.depends_on) {
        Earlier::Filed(ids) => ids,
        Earlier::Needless(why) => return finish(app, row, State::Skipped, why).await,
        Earlier::Failed(why) => return undelivered(app, of, row, row.may_be_sent(), why).await,
        Earlier::Missing(topic) => return prepare::file_first(app, of, row, topic).await,
    };
    let prepared = match prepare::prepare(app, of, line, row, system, filed).await? {
        Ok(prepared) => prepared,
        Err(why) => return undelivered(app, of, row, row.may_be_sent(), why).await,
    };
    // Whatever became of a call under way: there is nobody to look for it by.
    if prepared.erased && matches!(system.channel, Channel::PatientEmail | Channel::PatientText) {
        return finish(app, row, State::Skipped, ERASED).await;
    }
    if prepared.unreachable {
        nobody_reaches(app, of, row).await?;
    }
    let Some(account) = account_of(app, of, row, system).await? else {
        return Ok(());
    };
    let Prepared {
        notification,
        mut needless,
        key,
        ..
    } = prepared;
    if !(system.hears)(&account, row.about.subject.topic) {
        needless = needless.or(Some(UNHEARD));
    }
    let told = (notification, needless);
    let named = with_contact(app, row, system, subscription, &account, told);
    let Some((row, named)) = named.await? else {
        return Ok(());
    };
    let notification = match named {
        Ok(notification) => notification,
        Err(setback) => return set_back(app, of, &row, system, setback).await,
    };
    let job = DeliveryJob {
        app,
        of,
        system,
        account,
        connection,
        key,
        needless,
    };
    job.steps(row, subscription, notification).await
}

/// The account by which the system is called; `None` where there is none and the row is put off.
async fn account_of(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    system: &'static System,
) -> Result<Option<Account>, Failure> {
    let name = &row.about.system;
    match accounts::account_of(app, row.clinic(), system.vendor, name).await {
        Ok(account) => Ok(Some(account)),
        Err(Trouble::Credentials(_)) if is_given_up_now(app, row).await? => {
            finish(app, row, State::Skipped, GIVEN_UP).await?;
            // What waits for it is let through to end likewise, and nobody need look any more.
            connections::answers(app, &of.settings.id, name).await?;
            Ok(None)
        }
        Err(trouble) => {
            // Nothing was called: what was sent before stays sent.
            let end = troubled(trouble, &LostReply::Human, row.may_be_sent());
            if let Err(setback) = end {
                set_back(app, of, row, system, setback).await?;
            }
            Ok(None)
        }
    }
}

/// Whether the clinic has taken the system off its list, as that stands now.
async fn is_given_up_now(app: &App, row: &DeliveryRow) -> Result<bool, Failure> {
    app.forget_settings(row.clinic());
    let settings = app.settings_of(row.clinic()).await?;
    Ok(!settings.systems.contains(&row.about.system))
}

/// The case that a delivery belongs to, where it belongs to one.
async fn case_of(app: &App, row: &DeliveryRow) -> Result<Option<Case>, Failure> {
    let Some((clinic, id)) = case::read_pk(&row.pk) else {
        return Ok(None);
    };
    let case = app.case(clinic, id).await?;
    Ok(Some(case.ok_or("a delivery without a case")?))
}

/// The system that is told, and how it hears of this topic; `None` where it does not.
fn subscribed(row: &DeliveryRow) -> Option<(&'static System, &'static Subscription)> {
    let system = vendors::system(&row.about.system)?;
    let mut all = system.subscriptions.iter();
    let heard = all.find(|heard| heard.topic == row.about.subject.topic)?;
    Some((system, heard))
}

/// The notification with the id of the patient's contact, where a step names it and one may be sent,
/// and the row as it is then; `None` where that is in other hands.
async fn with_contact(
    app: &App,
    row: &DeliveryRow,
    system: &'static System,
    subscription: &Subscription,
    account: &Account,
    (notification, needless): (Notification, Option<&'static str>),
) -> Result<Option<(DeliveryRow, Result<Notification, Setback>)>, Failure> {
    let Some(calls) = system.contact.yes().filter(|_| subscription.names_contact) else {
        return Ok(Some((row.clone(), Ok(notification))));
    };
    // What nobody need hear of names nobody.
    if needless.is_some() {
        return Ok(Some((row.clone(), Ok(notification))));
    }
    let ask = contacts::Ask {
        app,
        clinic: row.clinic(),
        system,
        account,
        notification: &notification,
        sent: row.may_be_sent(),
    };
    if let Some(id) = contacts::known_id(&ask).await? {
        let contact = Some(id);
        let named = Notification {
            contact,
            ..notification.clone()
        };
        return Ok(Some((row.clone(), Ok(named))));
    }
    // What was sent is looked for first.
    if row.may_be_sent() {
        return Ok(Some((row.clone(), Ok(notification))));
    }
    // While it is looked for or made, others who come to this line leave it to us: met at the contact
    // they would put the very delivery off that it is made for. Under a name, since two at the same
    // moment would otherwise write the same, and each read the other's row as its own.
    let until = time::after(clock::now(), app.config.lease_seconds);
    let claimed = DeliveryRow {
        owner: ids::random(),
        ..row.clone().due_at(until)
    };
    let Some(row) = replace(app, row, claimed).await? else {
        return Ok(None);
    };
    let named = contacts::id_of(&ask, calls).await?.map(|id| Notification {
        contact: Some(id),
        ..notification.clone()
    });
    Ok(Some((row, named)))
}

/// The page to pay on can be sent to this patient by none of the clinic's systems.
async fn nobody_reaches(app: &App, of: Of<'_>, row: &DeliveryRow) -> Result<(), Failure> {
    let n = row.about.subject.payment.unwrap_or_default();
    let words = "No message with the page to pay on can reach this patient: there is neither an \
                 e-mail address nor a phone number that a connected system writes to. Add one, or \
                 hand the page over.";
    let matter = Matter::of(Alert::DeliveryFailed).payment(n).words(words);
    person_once(app, of, row, &format!("unreachable-p{n}"), matter).await
}

/// Puts off what may still be done, and ends the rest.
async fn set_back(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    system: &System,
    setback: Setback,
) -> Result<(), Failure> {
    let (settings, name) = (of.settings, &row.about.system);
    match setback {
        // Neither a broken connection nor one that is held uses up tries: what waits is told once
        // it is mended.
        Setback::Broken { sent, why } => {
            connections::broken(app, settings, name, &why).await?;
            hold(app, row, sent, &why).await
        }
        Setback::Held { seconds, sent, why } => {
            connections::held(app, settings, name, seconds, &why).await?;
            hold(app, row, sent, &why).await
        }
        Setback::Again { sent, why, .. } if is_given_up(row, system) => {
            undelivered(app, of, row, sent, &why).await
        }
        Setback::Again {
            wait,
            sent,
            unanswered,
            why,
        } => {
            if unanswered {
                connections::unanswered(app, settings, name, &why).await?;
            }
            if row.tries + 1 == PATIENCE {
                let words = format!(
                    "{} does not arrive and is tried again and again ({why}).",
                    message_of(row.about.subject.topic)
                );
                let matter = matter_of(row).words(words);
                person_once(app, of, row, &task_of(row), matter).await?;
            }
            let tried = true;
            put_off(app, row, Later { wait, sent, tried }, &why).await
        }
        Setback::Waits { seconds, sent, why } => {
            let later = Later {
                wait: seconds,
                sent,
                tried: false,
            };
            put_off(app, row, later, &why).await
        }
        // Once: what is gone again and again is a person's to look at.
        Setback::Gone(why) if row.renewed => undelivered(app, of, row, false, &why).await,
        Setback::Gone(why) => renew(app, of, row, &why).await,
        Setback::OptedOut => optouts::opted_out(app, of, row).await,
        Setback::Needless(why) => finish(app, row, State::Skipped, why).await,
        Setback::Unknown(why) => undelivered(app, of, row, true, &why).await,
        Setback::Failed(why) => undelivered(app, of, row, false, &why).await,
    }
}

/// What the delivery named is gone at the system: its contact is found or made anew, at once.
async fn renew(app: &App, of: Of<'_>, row: &DeliveryRow, why: &str) -> Result<(), Failure> {
    let patient = of.case.and_then(|case| case.patient.as_deref());
    let patient = match patient {
        Some(id) => patients::patient(app, &of.settings.id, id).await?,
        None => None,
    };
    let reference = patient.map_or(prepare::WALK_IN.into(), |patient| patient.reference);
    contacts::forget(app, &of.settings.id, &row.about.system, &reference).await?;
    let open = DeliveryRow {
        state: State::Open,
        renewed: true,
        why: why.into(),
        ..row.clone()
    };
    let open = open.due_at(clock::now());
    if let Some(open) = replace(app, row, open).await? {
        spread::nudge(app, open.key()).await;
    }
    Ok(())
}

fn is_given_up(row: &DeliveryRow, system: &System) -> bool {
    let lifetime = match system.channel {
        Channel::Books | Channel::Records | Channel::Practice => LIFETIME_OF_BOOKS,
        Channel::PatientEmail | Channel::PatientText | Channel::Staff => LIFETIME,
    };
    clock::now().as_second() - row.about.heard_at.as_second() > lifetime
}

/// Writes a row if nobody else did since it was read; `None` where somebody did.
async fn replace(
    app: &App,
    read: &DeliveryRow,
    row: DeliveryRow,
) -> Result<Option<DeliveryRow>, Failure> {
    replace_and(app, read, row, vec![]).await
}

/// The same, with what is to be written beside it.
async fn replace_and(
    app: &App,
    read: &DeliveryRow,
    row: DeliveryRow,
    also: Vec<Write>,
) -> Result<Option<DeliveryRow>, Failure> {
    let version = read.version;
    let next = DeliveryRow {
        version: version + 1,
        ..row
    };
    let row = next.row();
    let write = Write::Replace {
        row: row.clone(),
        version,
    };
    let writes: Vec<_> = [write].into_iter().chain(also).collect();
    match app.store.transact(&writes).await? {
        Written::Done => Ok(Some(next)),
        Written::Failed(_) | Written::Conflict => {
            // Our own write whose reply was lost counts as ours.
            let now = app.store.get(&read.pk, &read.sk()).await?;
            Ok(now.filter(|now| *now == row).map(|_| next))
        }
    }
}

/// Later. A call that may have been sent stays `calling`, so that the next try asks first.
async fn put_off(app: &App, row: &DeliveryRow, later: Later, why: &str) -> Result<(), Failure> {
    let Later { wait, sent, tried } = later;
    let tries = row.tries + i64::from(tried);
    let least = WAITS[(tries.max(1) - 1).min(PATIENCE - 1) as usize];
    let wait = if tried { wait.max(least) } else { wait };
    let later = DeliveryRow {
        tries,
        why: why.into(),
        state: if sent { row.state } else { State::Open },
        behind: false,
        // What nothing was asked for yet still shows how the connection stands.
        probe: row.probe && !tried,
        ..row.clone()
    };
    let later = later.due_at(time::after(clock::now(), wait));
    replace(app, row, later).await.map(drop)
}

/// Until its connection is released.
async fn hold(app: &App, row: &DeliveryRow, sent: bool, why: &str) -> Result<(), Failure> {
    let held = DeliveryRow {
        state: if sent { row.state } else { State::Open },
        due: Due::Held,
        why: why.into(),
        behind: false,
        probe: false,
        ..row.clone()
    };
    replace(app, row, held).await.map(drop)
}

async fn finish(app: &App, row: &DeliveryRow, state: State, why: &str) -> Result<(), Failure> {
    let done = DeliveryRow {
        state,
        why: why.into(),
        due: Due::Never,
        behind: false,
        probe: false,
        sent: String::new(),
        ..row.clone()
    };
    replace(app, row, done).await.map(drop)
}

/// The end without success, of which a person is told.
async fn undelivered(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    sent: bool,
    why: &str,
) -> Result<(), Failure> {
    let words = undelivered_words(row.about.subject.topic, sent, why);
    person(app, of, row, &task_of(row), matter_of(row).words(words)).await?;
    let state = if sent { State::Unknown } else { State::Failed };
    finish(app, row, state, why).await
}

fn matter_of(row: &DeliveryRow) -> Matter {
    let mut matter = Matter::of(Alert::DeliveryFailed).vendor(&row.about.system);
    matter.payment = row.about.subject.payment;
    matter
}

/// What the task is called by which people are asked about a delivery.
pub fn task_of(row: &DeliveryRow) -> String {
    format!("delivery-{}", row.id())
}

/// Asks a person, unless the same is asked already and nobody has closed it.
async fn person_once(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    id: &str,
    matter: Matter,
) -> Result<(), Failure> {
    let asked = app
        .store
        .get(&row.pk, &task::sk(&task::person_id(id)))
        .await?;
    match asked.as_ref().is_some_and(task::is_open) {
        true => Ok(()),
        false => person(app, of, row, id, matter).await,
    }
}

async fn person(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    id: &str,
    matter: Matter,
) -> Result<(), Failure> {
    // A system that cannot be told must not be told of that without end; what it was to be told is a
    // task itself.
    let to_staff = row.about.subject.topic == Topic::NeedsPerson;
    if to_staff {
        return Ok(());
    }
    let Some(case) = of.case else {
        return tasks::raise(app, of.settings, &row.pk, id, matter).await;
    };
    let cause = format!("delivery {}", row.id());
    let id = id.to_owned();
    let event = Event::Person { id, matter };
    let change = Change::new(of.settings, &case.id, event, cause);
    commit::commit(app, change, None).await.map(drop)
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
        Topic::InvoiceCredited => "The credit note",
        Topic::InvoiceVoided => "That the invoice is void",
        Topic::PaymentApplied => "What the invoice takes of the payment",
        Topic::CheckoutReady => "The message with the page to pay on",
        Topic::PaymentReceived => "The message that the payment arrived",
        Topic::PaymentFailed => "The message that the payment failed",
        Topic::PaymentReturned => "The message that the payment went back",
        Topic::RefundPaid => "The message that the refund was paid",
        Topic::RefundFailed => "The message that the refund failed",
        Topic::DisputeOpened => "The message that the payment is disputed",
        Topic::DisputeClosed => "The message that the dispute is over",
        Topic::VisitCancelled => "That the appointment is cancelled",
        Topic::NeedsPerson => "The message that a person is needed",
    }
}
