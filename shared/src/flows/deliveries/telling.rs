//! What a delivery tells, from the case as it is now.

use super::{Failure, House};
use crate::domain::case::{Case, Payment};
use crate::domain::dispute::Dispute;
use crate::domain::refund::{self, Refund};
use crate::domain::settings::Settings;
use crate::domain::task::{Delivery, Task, Topic, Work};
use crate::flows::case_pk;
use crate::flows::patients::Person;
use crate::flows::receipts;
use crate::ids;
use crate::money::Money;
use crate::pages::layout::deadline;
use crate::pages::messages;
use crate::seal::Key;
use crate::store::Row;
use crate::systems::{self, Channel, Customer, System, Telling};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub struct Told {
    pub telling: Telling,
    /// Why it need not be sent, if nothing of it was.
    pub needless: Option<&'static str>,
    /// The page to pay on can be sent to this patient by none of the clinic's systems.
    pub unreachable: bool,
    /// Seals what was sent to a patient.
    pub key: Option<Key>,
}

impl House {
    /// What is told, or why it cannot be.
    pub(super) async fn telling(
        &self,
        settings: &Settings,
        case: &Case,
        system: &System,
        delivery: &Delivery,
        task: &Task,
    ) -> Result<Result<Told, &'static str>, Failure> {
        let about = match About::read(case, delivery) {
            Ok(about) => about,
            Err(why) => return Ok(Err(why)),
        };
        let patient = match &case.patient {
            Some(patient) => self.patient(&settings.id, patient).await?,
            None => None,
        };
        let key = patient.as_ref().and_then(|patient| patient.key.clone());
        let (reference, person) = match patient {
            Some(patient) => (patient.reference, patient.person),
            None => ("walk-in".into(), Person::default()),
        };
        let mut needless = about.needless(case, delivery.topic);
        // A walk-in stands at the desk where the page was opened.
        let unreachable = needless.is_none()
            && delivery.topic == Topic::CheckoutReady
            && case.patient.is_some()
            && unreachable(settings, system, &person);
        needless = needless.or(missing_address(system.channel, &person));
        let pk = case_pk(&case.clinic, &case.id);
        let matter = match (&delivery.object, delivery.topic) {
            (Some(id), Topic::NeedsPerson) => self.asked(&pk, id).await?,
            _ => None,
        };
        if delivery.topic == Topic::NeedsPerson && matter.is_none() {
            needless = Some("nobody need look any more");
        }
        let receipt = delivery.payment.map(|n| {
            let base = ids::payment_reference(&case.id, n);
            let key = delivery.object.as_ref().filter(|_| about.refund.is_some());
            key.map_or(base.clone(), |key| format!("{base}-{key}"))
        });
        let address = match &receipt {
            Some(receipt) => Some(self.receipt_address(&settings.id, receipt).await?),
            None => None,
        };
        let payment = about.payment;
        let said = messages::Said {
            clinic: &settings.name,
            phone: &settings.phone,
            invoice: &case.invoice.number,
            amount: about.amount,
            payment: payment.map(|p| p.amount),
            due: case.due(),
            receipt: receipt.as_deref().map(receipts::number),
            receipt_address: address.as_deref(),
            page: payment
                .and_then(Payment::open_page)
                .map(|page| page.url.as_str()),
            method: payment.and_then(|p| {
                let kept = p.method.as_ref().map(|method| method.label.as_str());
                p.paid_with.as_deref().or(kept)
            }),
            gateway: payment.map(|p| p.gateway.as_str()),
            day: Some(task.due.to_zoned(settings.zone()).date()),
            service: case.starts_at.map(|at| at.to_zoned(settings.zone()).date()),
            until: payment
                .and_then(Payment::open_page)
                .and_then(|page| page.expires_at)
                .map(|until| deadline(until, settings)),
            address: &settings.address,
            retry_at: self.retry_day(settings, &pk, delivery).await?,
            matter: matter.as_ref(),
        };
        let topic = delivery.topic;
        let message = match system.channel {
            Channel::PatientEmail | Channel::PatientText => messages::to_patient(topic, &said),
            Channel::Staff | Channel::Books => messages::to_staff(topic, &said),
        };
        let telling = Telling {
            key: format!("{}-{}", case.id, &ids::derived(&[&task.id])[..12]),
            topic,
            filed: vec![],
            clinic: settings.name.clone(),
            invoice: case.invoice.number.clone(),
            refund: about.refund.and(receipt.as_deref()).map(receipts::number),
            amount: about.amount,
            payment: payment.map(|p| p.amount),
            refunded_before: self.refunded_before(case, system, task, topic).await?,
            total: case.invoice.total,
            rates: case.invoice.rates()?,
            // Due from the moment of what it tells.
            date: task.due.to_zoned(settings.zone()).date(),
            gateway: payment.map_or(String::new(), |p| p.gateway.clone()),
            customer: customer(settings, system.channel, reference, person),
            message,
        };
        Ok(Ok(Told {
            telling,
            needless,
            unreachable,
            key,
        }))
    }

    /// The day for which another try is planned, in the clinic's zone.
    async fn retry_day(
        &self,
        settings: &Settings,
        pk: &str,
        delivery: &Delivery,
    ) -> Result<Option<Date>, Failure> {
        let failed = [Topic::PaymentFailed, Topic::PaymentReturned];
        let Some(n) = delivery
            .payment
            .filter(|_| failed.contains(&delivery.topic))
        else {
            return Ok(None);
        };
        let row = self.store.get(pk, &format!("task#retry-p{n}")).await?;
        Ok(row.and_then(|row| due_day(&row, settings.zone())))
    }

    /// What the books were told of other refunds before this one.
    async fn refunded_before(
        &self,
        case: &Case,
        system: &System,
        task: &Task,
        topic: Topic,
    ) -> Result<Money, Failure> {
        if system.channel != Channel::Books || topic != Topic::RefundPaid {
            return Ok(Money::zero(case.currency));
        }
        let pk = case_pk(&case.clinic, &case.id);
        let prefix = format!("task#tell-{}-{}", system.vendor.id, topic.name());
        let rows = self.store.under(&pk, &prefix).await?;
        let all: Result<Vec<Task>, _> = rows.iter().map(|row| row.read("data")).collect();
        Ok(paid_before(case, &all?, task))
    }
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
            Topic::CheckoutReady | Topic::PaymentReceived | Topic::PaymentFailed => paid()?.amount,
            Topic::PaymentReturned => paid()?.returned(),
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
            Topic::CheckoutReady if case.due().minor == 0 => Some("nothing is left to pay"),
            Topic::CheckoutReady if closed => Some("its page to pay on is closed"),
            Topic::RefundPaid if !self.refund.is_some_and(succeeded) => {
                Some("the refund did not stay paid")
            }
            Topic::PaymentReturned if self.amount.minor == 0 => Some("nothing of it went back"),
            _ => None,
        }
    }
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

fn dispute_named<'a>(payment: &'a Payment, key: &str) -> Option<&'a Dispute> {
    payment.disputes.iter().find(|dispute| dispute.key() == key)
}

/// The name only where it may be shared, the address only for the channel that needs it.
fn customer(settings: &Settings, channel: Channel, reference: String, person: Person) -> Customer {
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

fn missing_address(channel: Channel, person: &Person) -> Option<&'static str> {
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
    let mut ways = systems::ALL.iter().filter(to_patients).peekable();
    let first = ways
        .peek()
        .is_some_and(|way| way.vendor.id == system.vendor.id);
    first && ways.all(|way| missing_address(way.channel, person).is_some())
}

/// The day of a row's due time.
pub fn due_day(row: &Row, zone: TimeZone) -> Option<Date> {
    let due = row.has("due_at").then(|| row.int("due_at"))?;
    let due = Timestamp::from_millisecond(due).ok()?;
    Some(due.to_zoned(zone).date())
}

/// What stayed paid of the refunds that were heard of before this one.
pub fn paid_before(case: &Case, told: &[Task], this: &Task) -> Money {
    let place = |task: &Task| (task.due, task.id.clone());
    let earlier = told.iter().filter(|task| place(task) < place(this));
    let paid = earlier.filter_map(|task| {
        let Work::Deliver(Delivery { object, .. }) = &task.work else {
            return None;
        };
        let refund = refund_named(case, object.as_deref()?)?;
        (refund.state == refund::State::Succeeded).then_some(refund.amount.minor)
    });
    Money::new(paid.sum(), case.currency)
}
