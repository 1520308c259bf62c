//! What a delivery needs before it is sent: the occurrence as it was frozen, the patient, how money
//! stands at the system, and whether anybody need still hear of it.

use super::compose::{self, To};
use super::{App, Failure, Of, depends, finish, optouts, replace, standing, undelivered};
use crate::contract::{Channel, Notification, Standing, System};
use crate::domain::case::Case;
use crate::domain::outbox::{Occurrence, Subject, Topic, refund_named};
use crate::domain::payment;
use crate::domain::refund;
use crate::domain::settings::Settings;
use crate::domain::visit;
use crate::flows::patients::{self, Person};
use crate::flows::{pages, receipts};
use crate::io::clock;
use crate::io::store::{Write, Written};
use crate::records::appointment::{self, VisitRow};
use crate::records::delivery::{DeliveryRow, State};
use crate::records::outbox;
use crate::records::task;
use crate::vendors;
use crate::words::ids;
use crate::words::money::Money;
use crate::words::seal::Key;

/// Who is named where no patient is.
pub const WALK_IN: &str = "walk-in";

pub struct Prepared {
    pub notification: Notification,
    /// Why it need not be sent, if nothing of it was.
    pub needless: Option<&'static str>,
    /// The page to pay on can be sent to this patient by none of the clinic's systems.
    pub unreachable: bool,
    /// Seals what was sent to a patient.
    pub key: Option<Key>,
    /// The patient was erased: they are told nothing, and nobody else is told who it was.
    pub erased: bool,
}

/// What is told, or why it cannot be.
pub(super) async fn prepare(
    app: &App,
    of: Of<'_>,
    line: &[DeliveryRow],
    row: &DeliveryRow,
    system: &'static System,
    filed: Vec<String>,
) -> Result<Result<Prepared, &'static str>, Failure> {
    let settings = of.settings;
    let sk = outbox::sk(&row.about.place);
    let Some(kept) = app.store.get(&row.pk, &sk).await? else {
        return Ok(Err("what happened is not on record"));
    };
    let told = outbox::read(&kept)?;
    let (key, reference, mut person) = addressee(app, settings, &told).await?;
    let erased = key.is_none() && told.facts.patient.is_some();
    let concerns = unheard(system.channel, of.case, &told.subject);
    let mut needless = concerns;
    if matches!(system.channel, Channel::PatientEmail | Channel::PatientText)
        && let Some(phone) = person.phone.clone()
        && optouts::texts_unwanted(app, &settings.id, &phone).await?
    {
        person.phone = None;
        if system.channel == Channel::PatientText {
            needless = needless.or(Some(optouts::UNWANTED));
        }
    }
    // A walk-in stands at the desk where the page was opened.
    let unreachable = concerns.is_none()
        && told.subject.topic == Topic::CheckoutReady
        && told.facts.patient.is_some()
        && !erased
        && unreachable(settings, system, &person);
    needless = needless.or(missing_address(system.channel, &person));
    needless = passed(app, &row.pk, &told.subject).await?.or(needless);
    let (standing, refunded_before) = before(system.channel, line, row, &told);
    if system.channel == Channel::Books {
        needless = of_books(&told, &standing, needless);
    }
    let receipt_address = match &told.facts.receipt {
        Some(receipt) => Some(receipts::receipt_address(app, &settings.id, receipt).await?),
        None => None,
    };
    let pay_address = pay_address(app, of, &told).await?;
    let to = To {
        settings,
        system,
        name: &row.about.system,
        pk: &row.pk,
        place: &row.about.place,
        reference,
        person,
        receipt_address,
        pay_address,
        standing,
        refunded_before,
        filed,
    };
    Ok(Ok(Prepared {
        notification: compose::compose(&told, to),
        needless,
        unreachable,
        key,
        erased,
    }))
}

/// Our own page of the gateway's page to pay on, where one is told of.
async fn pay_address(app: &App, of: Of<'_>, told: &Occurrence) -> Result<Option<String>, Failure> {
    let open = told.facts.payment.as_ref().filter(|p| p.page.is_some());
    match (of.case, told.subject.payment.filter(|_| open.is_some())) {
        (Some(case), Some(n)) => {
            let payment = ids::payment_reference(&case.id, n);
            let address = pages::pay_address(app, &of.settings.id, &payment).await?;
            Ok(Some(address))
        }
        _ => Ok(None),
    }
}

/// The patient that it is about: the key under which what is sent is sealed, the clinic's reference,
/// and who it is.
async fn addressee(
    app: &App,
    settings: &Settings,
    told: &Occurrence,
) -> Result<(Option<Key>, String, Person), Failure> {
    let patient = match &told.facts.patient {
        Some(patient) => patients::patient(app, &settings.id, patient).await?,
        None => None,
    };
    let key = patient.as_ref().and_then(|patient| patient.key.clone());
    let (reference, person) = match patient {
        Some(patient) => (patient.reference, patient.person),
        None => (WALK_IN.into(), Person::default()),
    };
    Ok((key, reference, person))
}

/// How the invoice stood before it, as far as the system knows, and what was refunded.
fn before(
    channel: Channel,
    line: &[DeliveryRow],
    row: &DeliveryRow,
    told: &Occurrence,
) -> (Standing, Money) {
    match channel {
        Channel::Books => standing::standing(line, row, told),
        _ => {
            let currency = told.amount.currency;
            (Standing::none(currency), Money::zero(currency))
        }
    }
}

/// Books follow what happened, whatever became of it since: the next entry corrects it.
fn of_books(
    told: &Occurrence,
    standing: &Standing,
    needless: Option<&'static str>,
) -> Option<&'static str> {
    let corrected = matches!(
        told.subject.topic,
        Topic::PaymentReceived | Topic::PaymentReturned | Topic::PaymentApplied
    );
    standing::needless(told, standing).or(needless.filter(|_| !corrected))
}

/// Why this channel need not hear of it any more. What is kept tells what happened, whatever became
/// of it since: that is told after it.
pub fn unheard(channel: Channel, case: Option<&Case>, subject: &Subject) -> Option<&'static str> {
    let concerned = case.filter(|_| channel != Channel::Records);
    concerned.and_then(|case| overtaken(case, subject))
}

/// Why nobody need hear of it any more, as the case stands now.
pub fn overtaken(case: &Case, subject: &Subject) -> Option<&'static str> {
    let payment = subject.payment.and_then(|n| case.payment(n));
    let closed = payment.is_some_and(|p| p.open_page().is_none());
    let refund = || refund_named(case, subject.object.as_deref()?);
    let stays = || refund().is_some_and(|refund| refund.state == refund::State::Succeeded);
    match subject.topic {
        Topic::InvoiceIssued if case.invoice().void => Some("the invoice was voided"),
        Topic::CheckoutReady if case.due().minor == 0 => Some("nothing is left to pay"),
        Topic::CheckoutReady if closed => Some("its page to pay on is closed"),
        Topic::PaymentFailed if payment.is_some_and(|p| p.state == payment::State::Paid) => {
            Some("it went through after all")
        }
        Topic::PaymentFailed if case.due().minor == 0 => Some("nothing is left to pay"),
        Topic::PaymentFailed if payment.is_some_and(|p| p.ending.is_some()) => {
            Some("another way to pay has taken its place")
        }
        Topic::RefundPaid if !stays() => Some("the refund did not stay paid"),
        Topic::PaymentReturned if payment.is_none_or(|p| p.returned().minor == 0) => {
            Some("nothing of it went back")
        }
        _ => None,
    }
}

/// Why nobody need hear of it any more, as what stands beside no case is now.
async fn passed(app: &App, pk: &str, subject: &Subject) -> Result<Option<&'static str>, Failure> {
    Ok(match subject.topic {
        Topic::NeedsPerson if !is_asked(app, pk, subject).await? => {
            Some("nobody need look any more")
        }
        Topic::VisitCancelled if !is_off(app, pk).await? => Some("it is not called off any more"),
        _ => None,
    })
}

/// Whether the task of which people are told is still open.
async fn is_asked(app: &App, pk: &str, subject: &Subject) -> Result<bool, Failure> {
    let id = subject.object.as_deref().unwrap_or_default();
    let row = app.store.get(pk, &task::sk(&task::person_id(id))).await?;
    Ok(row.as_ref().is_some_and(task::is_open))
}

/// Whether the visit that was called off still is.
async fn is_off(app: &App, pk: &str) -> Result<bool, Failure> {
    let row = app.store.get(pk, appointment::SK).await?;
    let visit = VisitRow::read(&row.ok_or("a visit is not on record")?)?.visit;
    Ok(visit.state == visit::State::Cancelled)
}

pub fn missing_address(channel: Channel, person: &Person) -> Option<&'static str> {
    match channel {
        Channel::PatientEmail if person.email.is_none() => Some("no e-mail address"),
        Channel::PatientText if person.phone.is_none() => Some("no phone number"),
        _ => None,
    }
}

/// Whether none of the clinic's systems reaches the patient; said of the first of them only.
pub fn unreachable(settings: &Settings, system: &System, person: &Person) -> bool {
    let to_patients = |system: &&System| {
        let on = settings.systems.iter().any(|id| id == system.vendor.id);
        on && matches!(system.channel, Channel::PatientEmail | Channel::PatientText)
    };
    let mut ways = vendors::systems().filter(to_patients).peekable();
    let first = ways
        .peek()
        .is_some_and(|way| way.vendor.id == system.vendor.id);
    first && ways.all(|way| missing_address(way.channel, person).is_some())
}

/// What a delivery builds on was never told its system, which listens only since later: it is told
/// first, and the delivery waits behind it.
pub(super) async fn file_first(
    app: &App,
    of: Of<'_>,
    row: &DeliveryRow,
    topic: Topic,
) -> Result<(), Failure> {
    let mut found = None;
    for kept in app.store.under(&row.pk, outbox::PREFIX).await? {
        let told = outbox::read(&kept)?;
        let place = outbox::place_of(kept.sk()).to_owned();
        // What came before there was an invoice is filed with it.
        if place == row.about.place && told.facts.deposit {
            let why = standing::DEPOSIT;
            return finish(app, row, State::Skipped, why).await;
        }
        let same = told.subject.is_of_the_same(&row.about.subject);
        if depends::answers(&told.subject, topic) && same && place < row.about.place {
            found = Some((place, told));
        }
    }
    let Some((place, told)) = found else {
        let why = "what it builds on never happened here";
        return undelivered(app, of, row, row.may_be_sent(), why).await;
    };
    let now = clock::now();
    let first = DeliveryRow::new(&row.pk, &place, &row.about.system, &told, now);
    match app.store.transact(&[Write::New(first.row())]).await? {
        Written::Done | Written::Failed(_) => {}
        Written::Conflict => return Err("others file what it builds on".into()),
    }
    let behind = DeliveryRow {
        behind: true,
        why: "what it builds on is filed first".into(),
        ..row.clone()
    };
    let behind = behind.due_at(crate::words::time::after(now, super::BEHIND));
    replace(app, row, behind).await.map(drop)
}
