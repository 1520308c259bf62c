//! A patient is erased: the key of all that is sealed goes first, with what else tells who it was, in
//! one commit. The patient's row then stays due until nothing is left that would charge or tell them.

use super::audit::noted_of;
use super::commit::{self, Busy, Change, TRIES, pause};
use super::deliveries::optouts;
use super::denied::Denied;
use super::{App, Failure, credits, named, patients};
use crate::contract::Channel;
use crate::domain::actor::Actor;
use crate::domain::case::Case;
use crate::domain::erasure::{Copy, Erasure, Held};
use crate::domain::event::Event;
use crate::domain::fact::Method;
use crate::domain::settings::Settings;
use crate::domain::visit::{State, Visit};
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::appointment::VisitRow;
use crate::records::delivery::DeliveryRow;
use crate::records::{alias, appointment, case, delivery, known, method, patient};
use crate::vendors;
use crate::words::money::Money;
use crate::words::time;
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};

/// So many writes of a commit delete methods; what is beyond them goes right after it.
const METHODS: usize = 12;
/// What follows is done once more after so many seconds: lists are behind the rows.
const ONCE_MORE: i64 = 60;
/// An appointment that began so many seconds ago is not to come any more.
const OVER: i64 = 86_400;
/// So many invoices are read side by side.
const TOGETHER: usize = 10;
const PAGE: i32 = 200;

/// Erases a patient, or tells what became of one who was.
pub async fn erase(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    id: &str,
) -> Result<Erasure, Denied> {
    let key = patient::key(&settings.id, id);
    for attempt in 0..TRIES {
        let row = app.store.get(&key.pk, &key.sk).await?;
        let row = row.ok_or(Denied::NotFound("patient"))?;
        if let Some(erasure) = patient::erasure(&row)? {
            if patient::is_being_erased(&row) {
                follow(app, &key).await?;
            }
            return Ok(erasure);
        }
        let (erasure, mut writes) = planned(app, settings, id, &row).await?;
        let what = "patient_erased";
        writes.push(noted_of(settings, id, what, actor.cause()));
        if app.store.transact(&writes).await? == Written::Done {
            tracing::info!(event = what, clinic = settings.id, patient = id);
            // It is due: what fails now is done then.
            if let Err(why) = follow(app, &key).await {
                tracing::warn!(%why, patient = id, "what follows from erasing is put off");
            }
            return Ok(erasure);
        }
        pause(attempt).await;
    }
    Err(Denied::Failed(Busy(format!("patient {id}")).into()))
}

/// What is told of the erasure, and what does it.
async fn planned(
    app: &App,
    settings: &Settings,
    id: &str,
    row: &Row,
) -> Result<(Erasure, Vec<Write>), Denied> {
    let clinic = &settings.id;
    let visits = visits_of(app, clinic, id).await?;
    refuse_what_is_to_come(&visits)?;
    let (reference, person) = {
        let patient = named::patient(app, clinic, id).await?;
        (patient.reference, patient.person)
    };
    let opted_out = match &person.phone {
        Some(phone) => optouts::texts_unwanted(app, clinic, phone).await?,
        None => false,
    };
    let contacts = contacts_of(app, settings, &reference).await?;
    let methods = app.store.under(&row.key().pk, method::ALL).await?;
    let mut copies = Copies::default();
    copies.contacts(settings, &contacts);
    copies.methods(&methods)?;
    let cases = cases_of(app, clinic, id).await?;
    let mut currencies = BTreeMap::new();
    for some in cases.chunks(TOGETHER) {
        let reads = some.iter().map(|key| told_of(app, key));
        for (case, told) in try_join_all(reads).await? {
            currencies.insert(case.currency.code(), case.currency);
            copies.payments(&case);
            copies.deliveries(settings, &told);
        }
    }
    refuse_what_is_owed(&credits::left(app, clinic, id, currencies.into_values()).await?)?;
    let erasure = Erasure {
        at: clock::now(),
        methods: methods.iter().filter(|row| method::is_kept(row)).count(),
        contacts: contacts.len(),
        invoices: cases.len(),
        appointments: visits.len(),
        opted_out,
        copies: copies.told(),
    };
    let due = time::millis(time::after(erasure.at, ONCE_MORE));
    let erased = patient::erased(&row.key().pk, &erasure, due);
    let mut writes = vec![patient::replaced(row, erased)];
    writes.extend(patients::lost(row)?);
    writes.extend(contacts.into_iter().map(|(_, key)| Write::Delete(key)));
    writes.extend(without(clinic, &methods)?.into_iter().take(METHODS));
    Ok((erasure, writes))
}

/// A visit that is to come, or was not invoiced yet, needs to know whose it is.
fn refuse_what_is_to_come(visits: &[Visit]) -> Result<(), Denied> {
    let now = clock::now().as_second();
    let open = |visit: &&Visit| match visit.state {
        State::Held | State::Booked => {
            visit.needs_new_time || visit.starts_at.as_second() > now - OVER
        }
        State::Completed => !visit.billed,
        State::Cancelled | State::NoShow => false,
    };
    let open: Vec<_> = visits.iter().filter(open).map(|v| v.id.as_str()).collect();
    match open.is_empty() {
        true => Ok(()),
        false => Err(Denied::Conflict(format!(
            "appointments of this patient are to come or not invoiced yet: cancel or complete \
             them first ({})",
            open.join(", ")
        ))),
    }
}

/// A credit of nobody could be used by nobody.
fn refuse_what_is_owed(credits: &[Money]) -> Result<(), Denied> {
    let sums: Vec<_> = credits.iter().map(Money::to_string).collect();
    match sums.is_empty() {
        true => Ok(()),
        false => Err(Denied::Conflict(format!(
            "this patient has a credit of {}: use it for an invoice or pay it out first \
             (POST /v1/patients/{{id}}/credit/payouts)",
            sums.join(" and ")
        ))),
    }
}

/// What follows from the patient's end, in each of their invoices and methods. The same again does
/// nothing.
async fn follow(app: &App, key: &RowKey) -> Result<(), Failure> {
    let (clinic, id) = patient::read_pk(&key.pk).ok_or("no key of a patient")?;
    let settings = app.settings_of(clinic).await?;
    for case in cases_of(app, clinic, id).await? {
        let Some((_, case)) = case::read_pk(&case.pk) else {
            continue;
        };
        give_up(app, &settings, id, case).await?;
    }
    let rows = app.store.under(&key.pk, method::ALL).await?;
    for some in without(clinic, &rows)?.chunks(METHODS) {
        if app.store.transact(some).await? != Written::Done {
            return Err(Busy(format!("patient {id}")).into());
        }
    }
    Ok(())
}

/// Nothing is charged, asked for or kept by this invoice any more.
pub async fn give_up(
    app: &App,
    settings: &Settings,
    patient: &str,
    case: &str,
) -> Result<(), Failure> {
    let cause = format!("patient {patient} was erased");
    let change = Change::new(settings, case, Event::Erased, cause);
    commit::commit(app, change, None).await.map(drop)
}

/// Does once more what follows (the patient's row is due), and ends it.
pub async fn finish(app: &App, key: &RowKey) -> Result<(), Failure> {
    let row = app.store.get(&key.pk, &key.sk).await?;
    if !row.as_ref().is_some_and(patient::is_being_erased) {
        return Ok(());
    }
    follow(app, key).await?;
    match app.store.transact(&[patient::erased_wholly(key)]).await? {
        Written::Done => Ok(()),
        Written::Failed(_) | Written::Conflict => Err(Busy("a patient's row".into()).into()),
    }
}

/// The patient's appointments.
async fn visits_of(app: &App, clinic: &str, id: &str) -> Result<Vec<Visit>, StoreError> {
    let (list, mut visits, mut before) = (appointment::list_for(clinic, id), vec![], None);
    loop {
        let (rows, next) = app.store.list(&list, before.as_deref(), PAGE).await?;
        for row in &rows {
            visits.push(VisitRow::read(row)?.visit);
        }
        before = next;
        if before.is_none() {
            return Ok(visits);
        }
    }
}

/// The rows of the patient's invoices.
async fn cases_of(app: &App, clinic: &str, id: &str) -> Result<Vec<RowKey>, StoreError> {
    let (list, mut all, mut before) = (case::invoices_for(clinic, id), vec![], None);
    loop {
        let (keys, next) = app.store.list_keys(&list, before.as_deref(), PAGE).await?;
        all.extend(keys);
        before = next;
        if before.is_none() {
            return Ok(all);
        }
    }
}

/// An invoice, and what systems and patients were told of it.
async fn told_of(app: &App, key: &RowKey) -> Result<(Case, Vec<DeliveryRow>), StoreError> {
    let row = app.store.get(&key.pk, &key.sk).await?;
    let gone = || StoreError::Corrupt(format!("{} is listed and not there", key.pk));
    let case = case::read(&row.ok_or_else(gone)?)?;
    let told = app.store.under(&key.pk, delivery::PREFIX).await?;
    let told: Result<_, _> = told.iter().map(DeliveryRow::read).collect();
    Ok((case, told?))
}

/// The systems that keep a contact of the patient, and the rows that know it.
async fn contacts_of(
    app: &App,
    settings: &Settings,
    reference: &str,
) -> Result<Vec<(String, RowKey)>, StoreError> {
    let mut found = vec![];
    let all = vendors::systems().map(|system| system.vendor.id);
    // What was switched off may keep one all the same.
    let names: BTreeSet<_> = settings
        .systems
        .iter()
        .map(String::as_str)
        .chain(all)
        .collect();
    for name in names {
        let key = known::key(&settings.id, name, reference);
        if app.store.get(&key.pk, &key.sk).await?.is_some() {
            found.push((name.to_owned(), key));
        }
    }
    Ok(found)
}

/// What deletes methods, and what leads from their gateways to the patient.
fn without(clinic: &str, rows: &[Row]) -> Result<Vec<Write>, StoreError> {
    let mut writes = vec![];
    for row in rows {
        writes.push(Write::Delete(row.key()));
        if method::is_kept(row) {
            let Method { gateway, token, .. } = method::read(row)?;
            writes.push(Write::Delete(alias::key(clinic, &gateway, &token)));
        }
    }
    Ok(writes)
}

/// A system is told the name where the clinic switched that on.
fn shared_name(settings: &Settings) -> Option<Held> {
    settings.policy.share_names.then_some(Held::Name)
}

/// What each vendor was told.
#[derive(Default)]
struct Copies(BTreeMap<String, BTreeSet<Held>>);

impl Copies {
    fn add(&mut self, vendor: &str, holds: impl IntoIterator<Item = Held>) {
        self.0.entry(vendor.into()).or_default().extend(holds);
    }

    fn contacts(&mut self, settings: &Settings, contacts: &[(String, RowKey)]) {
        for (vendor, _) in contacts {
            let told = [Held::Reference, Held::Contact];
            self.add(vendor, told.into_iter().chain(shared_name(settings)));
        }
    }

    fn methods(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows.iter().filter(|row| method::is_kept(row)) {
            let method = method::read(row)?;
            self.add(&method.gateway, [Held::PaymentMethods]);
        }
        Ok(())
    }

    /// A gateway knows of a payment once something of it was asked there.
    fn payments(&mut self, case: &Case) {
        for payment in case.payments.iter().filter(|p| !p.is_unbegun()) {
            self.add(&payment.gateway, [Held::Payments]);
            if payment.method.is_some() {
                self.add(&payment.gateway, [Held::PaymentMethods]);
            }
        }
    }

    fn deliveries(&mut self, settings: &Settings, told: &[DeliveryRow]) {
        for row in told.iter().filter(|row| row.sent_at > 0) {
            let Some(system) = vendors::system(&row.about.system) else {
                continue;
            };
            let holds = match system.channel {
                Channel::PatientEmail => vec![Held::Name, Held::Email, Held::Messages],
                Channel::PatientText => vec![Held::Phone, Held::Messages],
                Channel::Staff | Channel::Practice => vec![Held::Reference],
                Channel::Books | Channel::Records => vec![Held::Reference, Held::Invoices],
            };
            self.add(
                &row.about.system,
                holds.into_iter().chain(shared_name(settings)),
            );
        }
    }

    fn told(self) -> Vec<Copy> {
        let copy = |(vendor, holds)| Copy { vendor, holds };
        self.0.into_iter().map(copy).collect()
    }
}
