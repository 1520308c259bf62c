//! Business systems that hear of a clinic's money: the contract of one as a value, and the list of
//! them. One file each. Rooms shape requests; what patients and staff read is written once, in
//! `pages/messages`, and arrives here as a [`Message`].

use crate::domain::task::Topic;
use crate::money::Money;
use crate::vendor::{Effect, Vendor};
use jiff::civil::Date;

pub mod mailgun;
pub mod slack;
pub mod twilio;
pub mod xero;

/// Every system that a clinic can connect.
pub static ALL: &[&System] = &[
    &mailgun::SYSTEM,
    &twilio::SYSTEM,
    &slack::SYSTEM,
    &xero::SYSTEM,
];

pub fn find(id: &str) -> Option<&'static System> {
    ALL.iter().copied().find(|system| system.vendor.id == id)
}

/// Which of these systems hear of what.
pub fn audience(switched_on: &[String]) -> Vec<(String, Topic)> {
    ALL.iter()
        .filter(|system| switched_on.iter().any(|id| id == system.vendor.id))
        .flat_map(|system| {
            system
                .hears
                .iter()
                .map(|hears| (system.vendor.id.into(), hears.topic))
        })
        .collect()
}

pub struct System {
    pub vendor: &'static Vendor,
    /// What it is to the clinic, as the table shows it: `SMS to patients`, `accounting`.
    pub is: &'static str,
    pub channel: Channel,
    pub hears: &'static [Hears],
}

/// Who reads what a system is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The patient, by e-mail: needs the address.
    PatientEmail,
    /// The patient, by text message: needs the number.
    PatientText,
    Staff,
    Books,
}

/// What a system does when something happens: one call, or several in this order, each remembered
/// when it is done.
pub struct Hears {
    pub topic: Topic,
    pub acts: &'static [Effect<Telling, Filed>],
    /// What this system must have filed for the same case before, and for the same payment where
    /// both speak of one: a payment needs its invoice.
    pub after: Option<Topic>,
}

impl Hears {
    /// A topic for which nothing must have been filed before.
    pub const fn of(topic: Topic, acts: &'static [Effect<Telling, Filed>]) -> Self {
        Self {
            topic,
            acts,
            after: None,
        }
    }
}

/// What a patient is told of, by whatever channel.
pub const fn to_patients(acts: &'static [Effect<Telling, Filed>]) -> [Hears; 5] {
    [
        Hears::of(Topic::CheckoutReady, acts),
        Hears::of(Topic::PaymentReceived, acts),
        Hears::of(Topic::PaymentFailed, acts),
        Hears::of(Topic::PaymentReturned, acts),
        Hears::of(Topic::RefundPaid, acts),
    ]
}

/// What a system is told. Neutral by construction: no service, no diagnosis, no note.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Ours for this delivery and stable over repeats: letters, digits and dashes, at most 60.
    pub key: String,
    pub topic: Topic,
    /// The id under which this system filed what this act builds on: the act before it, or for the
    /// first act what the telling comes `after`.
    pub filed: Option<String>,
    pub clinic: String,
    /// As the patient quotes it.
    pub invoice: String,
    /// The refund's own number, as it stands on its receipt, where the topic is a refund.
    pub refund: Option<String>,
    /// Of the payment, the refund or the invoice, whichever the topic speaks of.
    pub amount: Money,
    /// Of the whole invoice.
    pub net: Money,
    pub tax: Money,
    pub total: Money,
    /// In the clinic's time zone.
    pub date: Date,
    pub gateway: String,
    pub customer: Customer,
    pub message: Message,
}

/// The patient towards a system: the clinic's own reference; the name only where the clinic
/// switched it on; the address only for the channel that needs it.
#[derive(Clone, Debug, Default)]
pub struct Customer {
    pub reference: String,
    pub name: Option<String>,
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
}

/// What a person reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The id under which the system filed it, where it told one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed(pub Option<String>);
