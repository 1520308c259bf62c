//! Whether a message that a patient's system took has arrived. It is looked at a few times after it
//! was sent. One that was lost has failed: it goes out once by the next way that reaches the
//! patient, and where there is none, staff are asked.

use super::prepare::{missing_address, overtaken};
use super::{App, Failure, Of, line, matter_of, message_of, optouts, person_once, task_of};
use crate::contract::{Arrival, Channel, System, Trouble};
use crate::domain::case::Case;
use crate::domain::outbox::Topic;
use crate::flows::connections::{self, Known};
use crate::flows::deliveries::{replace, replace_and, spread};
use crate::flows::talks::Line;
use crate::flows::{accounts, patients};
use crate::io::clock;
use crate::io::store::Write;
use crate::records::case;
use crate::records::delivery::{DeliveryRow, Due, State};
use crate::records::outbox;
use crate::vendors;
use crate::words::time;
use jiff::Timestamp;

/// Seconds after it was sent at which a message is looked at, until it arrived or was lost: most
/// are lost at once; Mailgun itself goes on trying for eight hours, Twilio for ten.
const LOOKS: [i64; 3] = [600, 3600, 11 * 3600];
/// A look-up that was not answered is repeated after so long, and given up with the message's age.
const AGAIN: i64 = 3600;
const OLDEST: i64 = 3 * 86_400;

/// Where else a lost message may reach the patient.
enum Next {
    /// It did, or goes out now by the row that is opened; what is written with the loss says so.
    Way(Write, Option<Box<DeliveryRow>>),
    /// Another way is still at it.
    Waits,
    None,
}

/// A row that is done, due when it is to be looked at for the next time, if ever.
pub fn looked_at(row: DeliveryRow, system: &System) -> DeliveryRow {
    let age = clock::now().as_second() - row.sent_at;
    let next = LOOKS.iter().find(|look| **look > age);
    let due = match next.filter(|_| system.arrival.yes().is_some() && row.filed_as().is_some()) {
        Some(look) => Due::At {
            millis: (row.sent_at + look) * 1000,
            taken: false,
        },
        None => Due::Never,
    };
    DeliveryRow { due, ..row }
}

/// Looks whether a message that was sent has arrived.
pub(super) async fn look(app: &App, row: &DeliveryRow) -> Result<(), Failure> {
    let (Some((clinic, id)), Some(system)) =
        (case::read_pk(&row.pk), vendors::system(&row.about.system))
    else {
        return Ok(());
    };
    let settings = app.settings_of(clinic).await?;
    let case = app.case(clinic, id).await?;
    let case = &case.ok_or("a delivery without a case")?;
    let of = Of {
        settings: &settings,
        case: Some(case),
    };
    let known = connections::known(app, clinic, &row.about.system).await?;
    let looked = match asked_for(app, of, row, system).await {
        Ok(arrival) => arrival,
        Err(trouble) => return not_said(app, of, row, system, trouble).await,
    };
    settle(app, of, case, row, system, (looked, known)).await
}

async fn settle(
    app: &App,
    of: Of<'_>,
    case: &Case,
    row: &DeliveryRow,
    system: &'static System,
    (looked, known): (Arrival, Known),
) -> Result<(), Failure> {
    connections::answered(app, &of.settings.id, &row.about.system, &known).await?;
    match looked {
        Arrival::Arrived => {
            let done = DeliveryRow {
                due: Due::Never,
                ..row.clone()
            };
            replace(app, row, done).await.map(drop)
        }
        Arrival::UnderWay => {
            let later = looked_at(row.clone(), system);
            replace(app, row, later).await.map(drop)
        }
        Arrival::Unwanted => optouts::opted_out_later(app, of, row).await,
        Arrival::Lost(why) => lost(app, of, case, row, system, &why).await,
    }
}

async fn asked_for(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    system: &System,
) -> Result<Arrival, Trouble> {
    let (clinic, vendor) = (&of.settings.id, system.vendor);
    let (ask, id) = (system.arrival.get()?, row.filed_as().unwrap_or_default());
    let account = accounts::account_of(app, clinic, vendor, &row.about.system).await?;
    let line = Line {
        app,
        clinic,
        vendor,
        account: &account,
    };
    line.converse(None, |talk| ask(id, talk, &account)).await
}

/// Nobody said whether it arrived: that is no knowledge.
async fn not_said(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    system: &System,
    trouble: Trouble,
) -> Result<(), Failure> {
    tracing::warn!(system = system.vendor.id, %trouble, "a message could not be looked up");
    if let Trouble::Credentials(why) = &trouble {
        connections::broken(app, of.settings, &row.about.system, why).await?;
    }
    let now = clock::now();
    let later = match now.as_second() - row.sent_at < OLDEST {
        true => row.clone().due_at(time::after(now, AGAIN)),
        false => looked_at(row.clone(), system),
    };
    replace(app, row, later).await.map(drop)
}

/// It was sent and never arrived.
async fn lost(
    app: &App,
    of: Of<'_>,
    case: &Case,
    row: &DeliveryRow,
    system: &System,
    why: &str,
) -> Result<(), Failure> {
    let failed = DeliveryRow {
        state: State::Failed,
        why: why.into(),
        ..untold(row)
    };
    let patient = case.patient.as_deref();
    let erased = app.is_erased(&of.settings.id, patient).await?;
    if erased || overtaken(case, &row.about.subject).is_some() {
        return replace(app, row, failed).await.map(drop);
    }
    match next_way(app, of, case, row).await? {
        Next::Waits => {
            let later = row.clone().due_at(time::after(clock::now(), LOOKS[0]));
            replace(app, row, later).await.map(drop)
        }
        Next::Way(write, opened) => {
            let written = replace_and(app, row, failed, vec![write]).await?;
            if let Some(opened) = opened.filter(|_| written.is_some()) {
                spread::nudge(app, opened.key()).await;
            }
            Ok(())
        }
        Next::None => {
            let words = lost_words(row.about.subject.topic, system.channel, why);
            let matter = matter_of(row).amount(row.about.amount).words(words);
            person_once(app, of, row, &task_of(row), matter).await?;
            replace(app, row, failed).await.map(drop)
        }
    }
}

/// What became of the same message by the clinic's other ways to write to patients.
async fn next_way(app: &App, of: Of<'_>, case: &Case, row: &DeliveryRow) -> Result<Next, Failure> {
    let on = |other: &&System| {
        let id = other.vendor.id;
        let to_patients = matches!(other.channel, Channel::PatientEmail | Channel::PatientText);
        let mut heard = other.subscriptions.iter();
        let hears = heard.any(|heard| heard.topic == row.about.subject.topic);
        let listens = of.settings.systems.iter().any(|system| system == id);
        to_patients && hears && listens && id != row.about.system
    };
    for other in vendors::systems().filter(on) {
        let id = other.vendor.id;
        let line = line(app, &row.pk, id).await?;
        let sibling = line
            .iter()
            .find(|other| other.about.place == row.about.place);
        match sibling.map(|sibling| sibling.state) {
            Some(State::Open | State::Calling) => return Ok(Next::Waits),
            // Written anew as it is, so that two lost at once do not each rely on the other.
            Some(State::Done) => return Ok(Next::Way(touched(sibling.unwrap_or(row)), None)),
            None | Some(State::Skipped) if reaches(app, of, case, other.channel).await? => {
                return opened(app, row, id, sibling).await;
            }
            None | Some(State::Skipped | State::Failed | State::Unknown) => {}
        }
    }
    Ok(Next::None)
}

/// Whether the patient has an address by now that this channel may write to.
async fn reaches(app: &App, of: Of<'_>, case: &Case, channel: Channel) -> Result<bool, Failure> {
    let clinic = &of.settings.id;
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
pub(super) fn untold(row: &DeliveryRow) -> DeliveryRow {
    DeliveryRow {
        due: Due::Never,
        steps_done: 0,
        filed: vec![],
        ..row.clone()
    }
}

/// A row as it is: who changes it at the same time is in the way.
fn touched(row: &DeliveryRow) -> Write {
    let version = row.version;
    let touched = DeliveryRow {
        version: version + 1,
        ..row.clone()
    };
    Write::Replace {
        row: touched.row(),
        version,
    }
}

/// The message by another way, from the start: the row that was skipped, or a new one.
async fn opened(
    app: &App,
    row: &DeliveryRow,
    system: &str,
    skipped: Option<&DeliveryRow>,
) -> Result<Next, Failure> {
    let now = clock::now();
    let Some(skipped) = skipped else {
        let told = app
            .store
            .get(&row.pk, &outbox::sk(&row.about.place))
            .await?;
        let told = outbox::read(&told.ok_or("what happened is not on record")?)?;
        let new = DeliveryRow::new(&row.pk, &row.about.place, system, &told, now);
        return Ok(Next::Way(Write::New(new.row()), Some(Box::new(new))));
    };
    let open = reopened(skipped, "another way to the patient was lost", now);
    let write = Write::Replace {
        row: open.row(),
        version: skipped.version,
    };
    Ok(Next::Way(write, Some(Box::new(open))))
}

/// A delivery that is over, from the start: a fresh call.
pub fn reopened(row: &DeliveryRow, why: &str, now: Timestamp) -> DeliveryRow {
    let open = DeliveryRow {
        state: State::Open,
        why: why.into(),
        tries: 0,
        sent_at: 0,
        version: row.version + 1,
        ..row.clone()
    };
    open.due_at(now)
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
