//! Whether a message that a patient's system took has arrived. It is looked at a few times after it
//! was sent. One that was lost has failed: it goes out once by the next way that reaches the
//! patient, and where there is none, staff are asked.

use super::notification::{About, missing_address};
use super::{App, Failure, Of, message_of};
use crate::contract::{Arrival, Channel, System, Trouble};
use crate::domain::case::Case;
use crate::domain::task::{Alert, Delivery, Matter, Queue, Task, Topic, Work};
use crate::flows::accounts;
use crate::flows::commit;
use crate::flows::deliveries;
use crate::flows::deliveries::optouts;
use crate::flows::patients;
use crate::flows::tasks;
use crate::io::clock;
use crate::io::store::{Row, Write};
use crate::vendors;
use crate::words::time;

/// Seconds after it was sent at which a message is looked at, until it arrived or was lost: most
/// are lost at once; Mailgun itself goes on trying for eight hours, Twilio for ten.
const LOOKS: [i64; 3] = [600, 3600, 11 * 3600];
/// A look-up that was not answered is repeated after so long, and given up with the message's age.
const AGAIN: i64 = 3600;
const OLDEST: i64 = 3 * 86_400;

/// Where else a lost message may reach the patient.
enum Next {
    /// It did, or goes out now by the row that is opened; what is written with the loss says so.
    Way(Write, Option<Row>),
    /// Another way is still at it.
    Waits,
    None,
}

/// A row that is done, due when it is to be looked at for the next time, if ever.
pub fn looked_at(row: Row, system: &System) -> Row {
    let sent = row.int("sent_at");
    let age = clock::now().as_second() - sent;
    let next = LOOKS.iter().find(|look| **look > age);
    match next.filter(|_| system.arrival.yes().is_some() && row.has("filed_as")) {
        Some(look) => row.due((sent + look) * 1000),
        None => row.undue(),
    }
}

/// Looks whether a message that was sent has arrived.
pub(super) async fn arrived(
    app: &App,
    of: Of<'_>,
    case: &Case,
    row: &Row,
    system: &'static System,
) -> Result<(), Failure> {
    let looked = match asked_for(app, of, row, system).await {
        Ok(arrival) => {
            deliveries::mended(app, &of.settings.id, system.vendor).await?;
            arrival
        }
        Err(trouble) => return not_said(app, of, row, system, trouble).await,
    };
    match looked {
        Arrival::Arrived => {
            let done = row.clone().undue();
            deliveries::replace(app, row, done).await.map(drop)
        }
        Arrival::UnderWay => {
            let later = looked_at(row.clone(), system);
            deliveries::replace(app, row, later).await.map(drop)
        }
        Arrival::Unwanted => optouts::opted_out(app, of, &untold(row)).await,
        Arrival::Lost(why) => lost(app, of, case, row, system, &why).await,
    }
}

async fn asked_for(app: &App, of: Of<'_>, row: &Row, system: &System) -> Result<Arrival, Trouble> {
    let (clinic, vendor) = (&of.settings.id, system.vendor);
    let (ask, id) = (system.arrival.get()?, row.get("filed_as"));
    let account = accounts::account(app, clinic, vendor).await?;
    let request = (ask.build)(id, &account)?;
    let reply = accounts::call(app, clinic, vendor, &account, &request, None).await?;
    (ask.parse)(id, &reply, &account)
}

/// Nobody said whether it arrived: that is no knowledge.
async fn not_said(
    app: &App,
    of: Of<'_>,
    row: &Row,
    system: &System,
    trouble: Trouble,
) -> Result<(), Failure> {
    tracing::warn!(system = system.vendor.id, %trouble, "a message could not be looked up");
    if let Trouble::Credentials(why) = &trouble {
        deliveries::blocked(app, of.settings, system.vendor, why).await?;
    }
    let now = clock::now();
    let later = match now.as_second() - row.int("sent_at") < OLDEST {
        true => row.clone().due(time::millis(time::after(now, AGAIN))),
        false => looked_at(row.clone(), system),
    };
    deliveries::replace(app, row, later).await.map(drop)
}

/// It was sent and never arrived.
async fn lost(
    app: &App,
    of: Of<'_>,
    case: &Case,
    row: &Row,
    system: &System,
    why: &str,
) -> Result<(), Failure> {
    let task: Task = row.read("data")?;
    let Work::Deliver(delivery) = &task.work else {
        return Ok(());
    };
    let failed = untold(row).text("state", "failed").text("why", why);
    let about = About::read(case, delivery);
    let concerns = about.is_ok_and(|about| about.needless(case, delivery.topic).is_none());
    if !concerns {
        return deliveries::replace(app, row, failed).await.map(drop);
    }
    match next_way(app, of, case, row, &task, delivery).await? {
        Next::Waits => {
            let later = time::after(clock::now(), LOOKS[0]);
            let later = row.clone().due(time::millis(later));
            deliveries::replace(app, row, later).await.map(drop)
        }
        Next::Way(write, opened) => {
            let written = deliveries::replace_and(app, row, failed, vec![write]).await?;
            let opened = opened.filter(|_| written.is_some());
            commit::nudge(app, opened.iter().map(|row| (Queue::Deliveries, row.key()))).await;
            Ok(())
        }
        Next::None => {
            let words = lost_words(delivery.topic, system.channel, why);
            let mut matter = Matter::of(Alert::DeliveryFailed).vendor(&delivery.system);
            matter.payment = delivery.payment;
            matter.amount = About::read(case, delivery).ok().map(|about| about.amount);
            let matter = matter.words(words);
            deliveries::person_once(app, of, row, &task.id, matter).await?;
            deliveries::replace(app, row, failed).await.map(drop)
        }
    }
}

/// What became of the same message by the clinic's other ways to write to patients.
async fn next_way(
    app: &App,
    of: Of<'_>,
    case: &Case,
    row: &Row,
    task: &Task,
    delivery: &Delivery,
) -> Result<Next, Failure> {
    let clinic = &of.settings.id;
    let on = |other: &&&System| {
        let id = other.vendor.id;
        let to_patients = matches!(other.channel, Channel::PatientEmail | Channel::PatientText);
        let subscription = other
            .subscriptions
            .iter()
            .any(|subscription| subscription.topic == delivery.topic);
        let listens = of.settings.systems.iter().any(|system| system == id);
        to_patients && subscription && listens && id != delivery.system
    };
    for other in vendors::SYSTEMS.iter().filter(on) {
        let id = task.id.replacen(&delivery.system, other.vendor.id, 1);
        let sibling = app.store.get(row.get("pk"), &format!("task#{id}")).await?;
        let state = sibling.as_ref().map(|row| row.get("state").to_owned());
        match (state.as_deref().unwrap_or_default(), sibling) {
            ("open" | "calling", _) => return Ok(Next::Waits),
            // Written anew as it is, so that two lost at once do not each rely on the other.
            ("done", Some(sibling)) => return Ok(Next::Way(touched(&sibling), None)),
            ("" | "skipped", sibling) if reaches(app, clinic, case, other.channel).await? => {
                let system = other.vendor.id.into();
                let work = Work::Deliver(Delivery {
                    system,
                    ..delivery.clone()
                });
                let due = task.due;
                let of_system = Task { id, work, due };
                let new = tasks::row(clinic, row.get("pk"), &case.id, &of_system);
                return Ok(opened(new, sibling));
            }
            _ => {}
        }
    }
    Ok(Next::None)
}

/// Whether the patient has an address by now that this channel may write to.
async fn reaches(app: &App, clinic: &str, case: &Case, channel: Channel) -> Result<bool, Failure> {
    let patient = match &case.patient {
        Some(id) => patients::patient(app, clinic, id).await?,
        None => None,
    };
    let Some(person) = patient.map(|patient| patient.person) else {
        return Ok(false);
    };
    if missing_address(channel, &person).is_some() {
        return Ok(false);
    }
    Ok(match (channel, &person.phone) {
        (Channel::PatientText, Some(phone)) => !optouts::texts_unwanted(app, clinic, phone).await?,
        _ => true,
    })
}

/// The row of a message that never arrived: nothing was told by it.
fn untold(row: &Row) -> Row {
    let mut row = row.clone().undue();
    for name in ["steps_done", "filed"] {
        row.0.remove(name);
    }
    row
}

/// A row as it is: who changes it at the same time is in the way.
fn touched(row: &Row) -> Write {
    let version = row.int("version") as u64;
    let row = row.clone().number("version", version + 1);
    Write::Replace { row, version }
}

/// The message by another way, from the start: the row that was skipped, or a new one.
fn opened(new: Row, skipped: Option<Row>) -> Next {
    let Some(skipped) = skipped else {
        return Next::Way(Write::New(new.clone()), Some(new));
    };
    let version = skipped.int("version") as u64;
    let row = skipped
        .text("state", "open")
        .text("why", "another way to the patient was lost")
        .number("tries", 0)
        .number("version", version + 1)
        .due(time::millis(clock::now()));
    let write = Write::Replace {
        row: row.clone(),
        version,
    };
    Next::Way(write, Some(row))
}

/// What a person reads of a message that was lost.
fn lost_words(topic: Topic, channel: Channel, why: &str) -> String {
    let what = message_of(topic);
    let address = match channel {
        Channel::PatientText => "phone number",
        _ => "e-mail address",
    };
    format!(
        "{what} was sent to the patient and did not arrive ({why}), and no other message reached \
         the patient. See whether the {address} is right."
    )
}
