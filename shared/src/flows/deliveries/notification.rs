//! What a delivery tells, from the case as it is now.

use super::{App, Failure, optouts, standing};
use crate::contract::{Channel, Customer, Notification, Standing, System};
use crate::domain::case::{Case, Payment, surplus_request};
use crate::domain::dispute::Dispute;
use crate::domain::payment::State;
use crate::domain::receipt;
use crate::domain::refund::{self, Refund};
use crate::domain::settings::Settings;
use crate::domain::task::{Delivery, Task, Topic};
use crate::flows::case_pk;
use crate::flows::deliveries::alone;
use crate::flows::patients;
use crate::flows::patients::Person;
use crate::flows::receipts;
use crate::io::store::StoreError;
use crate::messages;
use crate::pages::layout::deadline;
use crate::vendors;
use crate::words::ids;
use crate::words::money::Money;
use crate::words::seal::Key;
use jiff::civil::Date;

pub struct Composed {
    pub notification: Notification,
    /// Why it need not be sent, if nothing of it was.
    pub needless: Option<&'static str>,
    /// The page to pay on can be sent to this patient by none of the clinic's systems.
    pub unreachable: bool,
    /// Seals what was sent to a patient.
    pub key: Option<Key>,
}

/// What is told, or why it cannot be.
pub(super) async fn notification(
    app: &App,
    settings: &Settings,
    case: &Case,
    system: &System,
    delivery: &Delivery,
    task: &Task,
) -> Result<Result<Composed, &'static str>, Failure> {
    let about = match About::read(case, delivery) {
        Ok(about) => about,
        Err(why) => return Ok(Err(why)),
    };
    let patient = match &case.patient {
        Some(patient) => patients::patient(app, &settings.id, patient).await?,
        None => None,
    };
    let key = patient.as_ref().and_then(|patient| patient.key.clone());
    let (reference, person) = match patient {
        Some(patient) => (patient.reference, patient.person),
        None => ("walk-in".into(), Person::default()),
    };
    let mut person = person;
    let mut needless = about.needless(case, delivery.topic);
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
    let unreachable = about.needless(case, delivery.topic).is_none()
        && delivery.topic == Topic::CheckoutReady
        && case.patient.is_some()
        && unreachable(settings, system, &person);
    needless = needless.or(missing_address(system.channel, &person));
    let pk = case_pk(&case.clinic, &case.id);
    let matter = match (&delivery.object, delivery.topic) {
        (Some(id), Topic::NeedsPerson) => alone::asked_matter(app, &pk, id).await?,
        _ => None,
    };
    if delivery.topic == Topic::NeedsPerson && matter.is_none() {
        needless = Some("nobody need look any more");
    }
    let (standing, refunded_before) = match system.channel {
        Channel::Books => {
            let rows = format!("task#tell-{}-", system.vendor.id);
            let rows = app.store.under(&pk, &rows).await?.into_iter();
            let told = rows.map(|row| Ok((row.read("data")?, row)));
            let told = told.collect::<Result<Vec<_>, StoreError>>()?;
            standing::standing(case, &told, task)
        }
        _ => (Standing::none(case.currency), Money::zero(case.currency)),
    };
    if system.channel == Channel::Books {
        needless = standing::needless(delivery.topic, &standing).or(needless.filter(|_| {
            !matches!(
                delivery.topic,
                Topic::PaymentReceived | Topic::PaymentReturned
            )
        }));
    }
    let receipt = receipt_of(case, delivery);
    let address = match &receipt {
        Some(receipt) => Some(receipts::receipt_address(app, &settings.id, receipt).await?),
        None => None,
    };
    let payment = about.payment;
    let said = messages::MessageContext {
        clinic: &settings.name,
        phone: &settings.phone,
        invoice: &case.invoice.number,
        amount: about.amount,
        payment: payment.map(|p| p.amount),
        due: case.due(),
        surplus: case.surplus(),
        returning: payment.and_then(returning),
        coming: Money::new(case.due().minor - case.unasked().minor, case.currency),
        tried_there: payment.is_some_and(|p| p.state.is_under_way() && p.decline.is_some()),
        receipt: receipt.as_deref().map(receipt::number),
        receipt_address: address.as_deref(),
        page: payment
            .and_then(Payment::open_page)
            .map(|page| page.url.as_str()),
        method: payment.and_then(|p| {
            let kept = p.method.as_ref().map(|method| method.label.as_str());
            p.paid_with.as_deref().or(kept)
        }),
        gateway: payment.map(|p| p.gateway.as_str()),
        day: Some(day_of(settings, Channel::Books, delivery, task)),
        reinstated: is_reinstated(delivery),
        service: case.starts_at.map(|at| at.to_zoned(settings.zone()).date()),
        until: payment
            .and_then(Payment::open_page)
            .and_then(|page| page.expires_at)
            .map(|until| deadline(until, settings)),
        address: &settings.address,
        retry_at: retry_day(case, settings, delivery),
        matter: matter.as_ref(),
    };
    let topic = delivery.topic;
    let message = match system.channel {
        Channel::PatientEmail | Channel::PatientText => messages::to_patient(topic, &said),
        Channel::Staff | Channel::Books => messages::to_staff(topic, &said),
    };
    let notification = Notification {
        key: format!("{}-{}", case.id, &ids::derived(&[&task.id])[..12]),
        topic,
        filed: vec![],
        clinic: settings.name.clone(),
        invoice: case.invoice.number.clone(),
        refund: about.refund.and(receipt.as_deref()).map(receipt::number),
        amount: about.amount,
        payment: payment.map(|p| p.amount),
        refunded_before,
        standing,
        total: case.invoice.total,
        rates: case.invoice.rates()?,
        date: day_of(settings, system.channel, delivery, task),
        gateway: payment.map_or(String::new(), |p| p.gateway.clone()),
        customer: customer(settings, system.channel, reference, person),
        message,
    };
    Ok(Ok(Composed {
        notification,
        needless,
        unreachable,
        key,
    }))
}

/// What a delivery speaks of, found in the case.
#[derive(Debug)]
pub struct About<'a> {
    pub payment: Option<&'a Payment>,
    pub refund: Option<&'a Refund>,
    pub amount: Money,
}

impl<'a> About<'a> {
    /// What is named and not there is an error: another amount in its place would be a lie.
    pub fn read(case: &'a Case, delivery: &Delivery) -> Result<Self, &'static str> {
        let payment = delivery.payment.map(|n| {
            let missing = "the payment that it speaks of is not in the case";
            case.payment(n).ok_or(missing)
        });
        let payment = payment.transpose()?;
        let paid = || payment.ok_or("it names no payment");
        let object = || delivery.object.as_deref().ok_or("it names no object");
        let mut refund = None;
        let amount = match delivery.topic {
            Topic::InvoiceIssued | Topic::NeedsPerson => case.invoice.total,
            Topic::CheckoutReady | Topic::PaymentFailed => paid()?.amount,
            Topic::PaymentReceived => delivery.amount.unwrap_or(paid()?.amount),
            Topic::PaymentReturned => delivery.amount.unwrap_or(paid()?.returned()),
            Topic::RefundPaid | Topic::RefundFailed => {
                let missing = "the refund that it speaks of is not in the case";
                let found = refund_named(case, object()?).ok_or(missing)?;
                refund.insert(found).amount
            }
            Topic::DisputeOpened | Topic::DisputeClosed => {
                let missing = "the dispute that it speaks of is not in the case";
                dispute_named(paid()?, object()?).ok_or(missing)?.amount
            }
        };
        Ok(Self {
            payment,
            refund,
            amount,
        })
    }

    /// Why nobody need hear of it any more.
    pub fn needless(&self, case: &Case, topic: Topic) -> Option<&'static str> {
        let closed = self.payment.is_some_and(|p| p.open_page().is_none());
        let succeeded = |refund: &Refund| refund.state == refund::State::Succeeded;
        match topic {
            Topic::InvoiceIssued if case.invoice.void => Some("the invoice was voided"),
            Topic::CheckoutReady if case.due().minor == 0 => Some("nothing is left to pay"),
            Topic::CheckoutReady if closed => Some("its page to pay on is closed"),
            Topic::PaymentFailed if self.payment.is_some_and(|p| p.state == State::Paid) => {
                Some("it went through after all")
            }
            Topic::PaymentFailed if case.due().minor == 0 => Some("nothing is left to pay"),
            Topic::PaymentFailed if self.payment.is_some_and(|p| p.ending.is_some()) => {
                Some("another way to pay has taken its place")
            }
            Topic::RefundPaid if !self.refund.is_some_and(succeeded) => {
                Some("the refund did not stay paid")
            }
            Topic::PaymentReturned if self.payment.is_none_or(|p| p.returned().minor == 0) => {
                Some("nothing of it went back")
            }
            _ => None,
        }
    }
}

/// What of a payment was too much and goes back by itself.
fn returning(payment: &Payment) -> Option<Money> {
    let request = surplus_request(payment.n);
    let goes = |r: &&Refund| r.request.as_ref() == Some(&request) && r.state.reserves();
    payment
        .refunds
        .iter()
        .find(goes)
        .map(|refund| refund.amount)
}

/// The refund of this key, also of the one that it had while only the gateway knew it.
pub fn refund_named<'a>(case: &'a Case, key: &str) -> Option<&'a Refund> {
    let mirrored = |refund: &Refund| {
        let n = None;
        refund.id.is_some()
            && Refund {
                n,
                ..refund.clone()
            }
            .key()
                == key
    };
    let mut all = case.refunds().map(|(_, refund)| refund);
    all.find(|refund| refund.key() == key || mirrored(refund))
}

fn dispute_named<'a>(payment: &'a Payment, name: &str) -> Option<&'a Dispute> {
    payment.disputes.iter().find(|dispute| dispute.is(name))
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

pub fn missing_address(channel: Channel, person: &Person) -> Option<&'static str> {
    match channel {
        Channel::PatientEmail if person.email.is_none() => Some("no e-mail address"),
        Channel::PatientText if person.phone.is_none() => Some("no phone number"),
        _ => None,
    }
}

/// Whether none of the clinic's systems reaches the patient; said of the first of them only.
pub fn unreachable(settings: &Settings, system: &System, person: &Person) -> bool {
    let to_patients = |system: &&&System| {
        let on = settings.systems.iter().any(|id| id == system.vendor.id);
        on && matches!(system.channel, Channel::PatientEmail | Channel::PatientText)
    };
    let mut ways = vendors::SYSTEMS.iter().filter(to_patients).peekable();
    let first = ways
        .peek()
        .is_some_and(|way| way.vendor.id == system.vendor.id);
    first && ways.all(|way| missing_address(way.channel, person).is_some())
}

/// The day for which another try after this payment is planned, in the clinic's zone.
pub fn retry_day(case: &Case, settings: &Settings, delivery: &Delivery) -> Option<Date> {
    let retry = case.retry.as_ref()?;
    let told = match delivery.topic {
        Topic::PaymentFailed | Topic::PaymentReturned => delivery.payment == Some(retry.payment),
        topic => topic == Topic::PaymentReceived,
    };
    told.then(|| retry.due.to_zoned(settings.zone()).date())
}

/// The receipt that says what the delivery tells: of this time, where there were several.
pub fn receipt_of(case: &Case, delivery: &Delivery) -> Option<String> {
    let base = ids::payment_reference(&case.id, delivery.payment?);
    let what = match delivery.topic {
        Topic::PaymentReceived | Topic::RefundPaid | Topic::RefundFailed => delivery.object.clone(),
        Topic::PaymentReturned => delivery.object.clone().or(Some("returned".into())),
        _ => None,
    };
    Some(what.map_or(base.clone(), |what| format!("{base}-{what}")))
}

/// Whether a bank gave back what it had taken.
pub fn is_reinstated(delivery: &Delivery) -> bool {
    let object = delivery.object.as_deref().unwrap_or_default();
    delivery.topic == Topic::PaymentReceived && object.starts_with("reinstated")
}

/// The clinic's day: in the books, that of the moment when the money moved; else that from which it
/// may have been sent.
pub fn day_of(settings: &Settings, channel: Channel, delivery: &Delivery, task: &Task) -> Date {
    let moved = delivery.at.filter(|_| channel == Channel::Books);
    moved.unwrap_or(task.due).to_zoned(settings.zone()).date()
}
