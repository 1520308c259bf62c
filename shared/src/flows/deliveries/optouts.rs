//! Patients who want no texts: kept by number, under a key of its own, so that nothing is sent there
//! again. The other channels go on.

use super::{App, Failure, Of};
use crate::contract::Channel;
use crate::domain::outbox::Topic;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter};
use crate::flows::deliveries;
use crate::flows::patients;
use crate::flows::patients::Person;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::Write;
use crate::records::delivery::{DeliveryRow, State};
use crate::records::optout;
use crate::vendors;
use crate::words::time;

/// Whether the number opted out of texts.
pub async fn texts_unwanted(app: &App, clinic: &str, phone: &str) -> Result<bool, Failure> {
    for key in optouts(app, clinic, phone).await? {
        if app.store.get(&key.pk, &key.sk).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps that the number opted out.
pub async fn opt_out(app: &App, clinic: &str, phone: &str) -> Result<(), Failure> {
    let keys = optouts(app, clinic, phone).await?;
    let now = time::millis(clock::now());
    let kept = keys.into_iter().take(1);
    let kept = kept.map(|key| Write::Put(optout::row(key, now)));
    app.store.transact(&kept.collect::<Vec<_>>()).await?;
    Ok(())
}

/// What lifts the opt-out of a number: the patient wants texts again.
pub async fn lifted(app: &App, clinic: &str, phone: &str) -> Result<Vec<Write>, Failure> {
    let keys = optouts(app, clinic, phone).await?;
    Ok(keys.into_iter().map(Write::Delete).collect())
}

/// The number answered STOP. Nothing is broken and nobody is alarmed: who has another address
/// was told there, and where a page to pay on reaches the patient no other way, staff are asked
/// once.
pub(super) async fn opted_out(app: &App, of: Of<'_>, row: &DeliveryRow) -> Result<(), Failure> {
    let patient = of.case.and_then(|case| case.patient.as_deref());
    let person = match patient {
        Some(id) => patients::patient(app, &of.settings.id, id).await?,
        None => None,
    };
    let person = person.map(|patient| patient.person).unwrap_or_default();
    if let Some(phone) = &person.phone {
        opt_out(app, &of.settings.id, phone).await?;
    }
    deliveries::finish(app, row, State::Skipped, UNWANTED).await?;
    let subject = &row.about.subject;
    if subject.topic != Topic::CheckoutReady || mailed(of.settings, &person) {
        return Ok(());
    }
    let n = subject.payment.unwrap_or_default();
    let words = "The patient wants no texts, and no e-mail can be sent. Hand the page over, or ask \
                 for an e-mail address.";
    let matter = Matter::of(Alert::DeliveryFailed).payment(n).words(words);
    deliveries::person_once(app, of, row, &format!("unreachable-p{n}"), matter).await
}

/// The same, learnt of a message that its system had taken.
pub(super) async fn opted_out_later(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
) -> Result<(), Failure> {
    let untold = deliveries::arrival::untold(row);
    opted_out(app, of, &untold).await
}

/// Where the opt-out of a number stands: by the current key, then by those before it. A number
/// is too short to be hidden by a hash alone.
async fn optouts(app: &App, clinic: &str, phone: &str) -> Result<Vec<RowKey>, Failure> {
    let codes = app.key("opt-outs").await?.codes("optout", clinic, phone);
    let key = |code: &String| optout::key(clinic, code);
    Ok(codes.iter().map(key).collect())
}

/// Why a text is not sent.
pub const UNWANTED: &str = "the patient wants no texts";

/// Whether the patient hears of it by e-mail.
fn mailed(settings: &Settings, person: &Person) -> bool {
    let mut by_mail = vendors::systems().filter(|system| system.channel == Channel::PatientEmail);
    let on = |id: &str| settings.systems.iter().any(|system| system == id);
    person.email.is_some() && by_mail.any(|system| on(system.vendor.id))
}
