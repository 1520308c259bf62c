//! What a delivery says: composed from the occurrence as it was frozen, the clinic's settings and the
//! patient, and from nothing that changed since.

use crate::contract::{Channel, Customer, Ids, Notification, Standing, Stood, System};
use crate::domain::outbox::{CameBy, Occurrence, Topic};
use crate::domain::receipt;
use crate::domain::settings::Settings;
use crate::flows::patients::Person;
use crate::messages;
use crate::pages::layout::deadline;
use crate::records::{case, task};
use crate::words::ids;
use crate::words::money::Money;
use jiff::Timestamp;
use jiff::civil::Date;

/// What is told beside the occurrence.
pub struct To<'a> {
    pub settings: &'a Settings,
    pub system: &'a System,
    /// The name of the connection.
    pub name: &'a str,
    /// The key of the rows that the occurrence stands among.
    pub pk: &'a str,
    pub place: &'a str,
    /// The clinic's own reference of the patient, and how he is reached.
    pub reference: String,
    pub person: Person,
    pub receipt_address: Option<String>,
    /// Ours, from which the payment is paid.
    pub pay_address: Option<String>,
    pub standing: Standing,
    pub refunded_before: Money,
    /// The ids under which the system filed what this builds on.
    pub filed: Vec<String>,
}

pub fn compose(told: &Occurrence, to: To<'_>) -> Notification {
    let message = message(told, &to);
    let facts = &told.facts;
    let payment = facts.payment.as_ref();
    let number = facts.receipt.as_deref().map(receipt::number);
    let came = payment.map_or(CameBy::Gateway, |p| p.by);
    let note = facts.note.as_ref();
    let (total, rates) = match note {
        Some(note) => (told.amount, note.rates.clone()),
        None => (facts.standing.total, facts.standing.rates.clone()),
    };
    let of_refund = matches!(told.subject.topic, Topic::RefundPaid | Topic::RefundFailed);
    Notification {
        key: key(to.pk, to.place, to.name, 0),
        topic: told.subject.topic,
        filed: to.filed,
        clinic: to.settings.name.clone(),
        invoice: facts.invoice.clone(),
        refund: number.filter(|_| of_refund),
        note: note.map(|note| note.number.clone()),
        made: vec![],
        came,
        by: match facts.to_credit {
            true => CameBy::Credit,
            false => came,
        },
        amount: told.amount,
        payment: payment.map(|p| p.amount),
        refunded_before: to.refunded_before,
        standing: to.standing,
        total,
        rates,
        date: day_of(to.settings, to.system.channel, told),
        at: told.at,
        ids: ids_of(to.pk, told),
        stood: stood(told),
        gateway: payment.map_or(String::new(), |p| p.gateway.clone()),
        contact: None,
        customer: customer(to.settings, to.system.channel, to.reference, to.person),
        message,
    }
}

fn message(told: &Occurrence, to: &To<'_>) -> crate::contract::Message {
    let (settings, facts) = (to.settings, &told.facts);
    let payment = facts.payment.as_ref();
    let page = payment.and_then(|p| p.page.as_ref());
    let day = |at: Timestamp| at.to_zoned(settings.zone()).date();
    let said = messages::MessageContext {
        clinic: &settings.name,
        phone: &settings.phone,
        invoice: &facts.invoice,
        amount: told.amount,
        payment: payment.map(|p| p.amount),
        due: facts.due,
        surplus: facts.surplus,
        returning: payment.and_then(|p| p.returning),
        coming: facts.coming,
        tried_there: payment.is_some_and(|p| p.tried_there),
        receipt: facts.receipt.as_deref().map(receipt::number),
        receipt_address: to.receipt_address.as_deref(),
        page: to.pay_address.as_deref().filter(|_| page.is_some()),
        method: payment.and_then(|p| p.method.as_deref()),
        gateway: payment
            .map(|p| p.gateway.as_str())
            .filter(|id| !id.is_empty()),
        deposit: facts.deposit,
        to_credit: facts.to_credit,
        by_hand: payment.is_some_and(|p| matches!(p.by, CameBy::Recorded(_) | CameBy::Books)),
        day: Some(day(told.at)),
        service: facts.starts_at.map(day),
        until: page
            .and_then(|page| page.expires_at)
            .map(|until| deadline(until, settings)),
        address: &settings.address,
        retry_at: facts.retry_at.map(day),
        answer_by: facts.due_by.map(|at| deadline(at, settings)),
        reinstated: told.subject.is_reinstated(),
        matter: facts.matter.as_ref(),
    };
    match to.system.channel {
        Channel::PatientEmail | Channel::PatientText => {
            messages::to_patient(told.subject.topic, &said)
        }
        Channel::Staff | Channel::Books | Channel::Records | Channel::Practice => {
            messages::to_staff(told.subject.topic, &said)
        }
    }
}

/// What it is about, by every id that names it.
pub fn ids_of(pk: &str, told: &Occurrence) -> Ids {
    let (subject, facts) = (&told.subject, &told.facts);
    let case = case::read_pk(pk).map(|(_, case)| case.to_owned());
    let object = |topics: &[Topic]| {
        subject
            .object
            .clone()
            .filter(|_| topics.contains(&subject.topic))
    };
    let payment = facts.payment.as_ref();
    let asked = facts.matter.as_ref();
    let asked_refund = asked
        .and_then(|matter| matter.refund)
        .map(|n| format!("r{n}"));
    let n = subject.payment.or(asked.and_then(|matter| matter.payment));
    Ids {
        clinic: pk.split('#').next().unwrap_or_default().into(),
        payment: case
            .as_deref()
            .zip(n)
            .map(|(case, n)| ids::payment_reference(case, n)),
        payment_there: payment.and_then(|payment| payment.there.clone()),
        refund: object(&[Topic::RefundPaid, Topic::RefundFailed]).or(asked_refund),
        request: match &facts.refund {
            Some(refund) => refund.request.clone(),
            None => asked.and_then(|matter| matter.request.clone()),
        },
        refund_there: facts
            .refund
            .as_ref()
            .and_then(|refund| refund.there.clone()),
        dispute: facts.dispute.as_ref().map(|dispute| dispute.key.clone()),
        dispute_there: facts.dispute.as_ref().map(|dispute| dispute.there.clone()),
        task: object(&[Topic::NeedsPerson]).map(|name| task::person_id(&name)),
        patient: facts.patient.clone(),
        appointment: facts.appointment.clone(),
        case,
    }
}

/// How the invoice and what it is about stood after it.
pub fn stood(told: &Occurrence) -> Stood {
    let facts = &told.facts;
    let payment = facts.payment.as_ref();
    Stood {
        asked: facts.asked,
        due: facts.due,
        deposit: facts.deposit,
        payment: payment.and_then(|payment| payment.state),
        decline: payment.and_then(|payment| payment.decline),
        refund: facts.refund.as_ref().map(|refund| refund.state),
        dispute: facts.dispute.as_ref().map(|dispute| dispute.state),
        due_by: facts.due_by,
        cancelled_by: facts.cancelled_by,
        alert: facts.matter.as_ref().map(|matter| matter.alert),
    }
}

/// The key of one step of one delivery, another for each: the book's id and twelve letters.
pub fn key(pk: &str, place: &str, system: &str, step: usize) -> String {
    let book = pk.rsplit('#').next().unwrap_or_default();
    let of_step = ids::derived(&[pk, place, system, &step.to_string()]);
    match ids::is_id(book) {
        true => format!("{book}-{}", &of_step[..12]),
        false => of_step,
    }
}

/// The name only where it may be shared, the address only for the channel that needs it.
pub fn customer(
    settings: &Settings,
    channel: Channel,
    reference: String,
    person: Person,
) -> Customer {
    let (mail, text) = (
        channel == Channel::PatientEmail,
        channel == Channel::PatientText,
    );
    let named = settings.policy.share_names || mail;
    Customer {
        reference,
        name: Some(person.name).filter(|name| named && !name.is_empty()),
        email: person.email.filter(|_| mail),
        phone: person.phone.filter(|_| text),
    }
}

/// The clinic's day: of what is filed or kept, that of the moment when the money moved; else that on which we
/// heard of it.
pub fn day_of(settings: &Settings, channel: Channel, told: &Occurrence) -> Date {
    let at = match channel {
        Channel::Books | Channel::Records | Channel::Practice => told.at,
        Channel::PatientEmail | Channel::PatientText | Channel::Staff => told.heard_at,
    };
    at.to_zoned(settings.zone()).date()
}
