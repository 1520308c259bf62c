//! A patient who was erased, as it is answered: what is gone, what stays and why, and who else holds
//! some of it.

use super::sample;
use crate::domain::erasure::{Copy, Erasure, Held};
use crate::vendors;
use crate::words::schema::Id;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// What became of a patient who was erased. The same is answered whenever it is asked for again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct ErasedPatient {
    /// Ours, opaque: the books go on naming it.
    #[schemars(with = "Id")]
    pub id: String,
    /// When nobody could read any more who it was.
    pub erased_at: Timestamp,
    /// What was deleted, or cannot be read any more.
    pub erased: Gone,
    /// What is kept all the same.
    pub stays: Vec<Stays>,
    /// The vendors that were told of the person: ask them to erase it too.
    pub copies: Vec<CopyAt>,
}

/// What was deleted, or cannot be read any more.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Gone {
    /// Always true: name, addresses and the clinic's reference, with the key of all that was sealed.
    pub person: bool,
    /// How many saved methods were deleted.
    pub payment_methods: usize,
    /// How many ids of the person at systems were deleted.
    pub contacts: usize,
    /// How many invoices stay of which nobody can read what for; their receipts neither.
    pub invoices: usize,
    /// How many appointments stay of which nobody can read what for.
    pub appointments: usize,
}

/// Something that is kept.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stays {
    /// What it is, in a word.
    pub what: Kept,
    /// Why, for people.
    pub why: String,
    /// When it is gone as well; null where it stays.
    pub until: Option<Timestamp>,
}

/// What is kept of a patient who was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Invoices, payments, refunds and the journal.
    Books,
    /// That the number wants no texts.
    OptOut,
    /// Webhooks on their way, as they came.
    Webhooks,
    /// Copies of the table as it was.
    Backups,
}

/// A vendor that was told of the person.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopyAt {
    /// The id of the gateway or system.
    pub vendor: String,
    /// As people call it.
    pub name: String,
    /// What it was told, as far as is known here.
    pub holds: Vec<Held>,
}

/// The answer of an erasure, now or again.
pub fn view(id: &str, erasure: &Erasure) -> ErasedPatient {
    ErasedPatient {
        id: id.into(),
        erased_at: erasure.at,
        erased: Gone {
            person: true,
            payment_methods: erasure.methods,
            contacts: erasure.contacts,
            invoices: erasure.invoices,
            appointments: erasure.appointments,
        },
        stays: stays(erasure),
        copies: erasure.copies.iter().map(copy).collect(),
    }
}

fn stays(erasure: &Erasure) -> Vec<Stays> {
    let kept = |what, until, why: &str| Stays {
        what,
        why: why.into(),
        until,
    };
    let books = "money that moved must stay on record: amounts, days, the gateways' ids of payments \
                 and the last digits of what paid, under an id that says nothing";
    let opt_out = "so that nothing is sent to this number again: kept as a code, not as the number";
    let webhooks = "what gateways sent stands in a queue as it came until it is posted; one that \
                    could not be read is kept sealed until people replay it";
    let backups = "the table can be restored to what it was for so long";
    let mut stays = vec![
        kept(Kept::Books, None, books),
        kept(Kept::Webhooks, Some(erasure.queues_until()), webhooks),
        kept(Kept::Backups, Some(erasure.backups_until()), backups),
    ];
    if erasure.opted_out {
        stays.insert(1, kept(Kept::OptOut, None, opt_out));
    }
    stays
}

fn copy(copy: &Copy) -> CopyAt {
    CopyAt {
        vendor: copy.vendor.clone(),
        name: vendors::called(&copy.vendor),
        holds: copy.holds.iter().copied().collect(),
    }
}

impl ErasedPatient {
    fn example() -> Self {
        let copy = |vendor: &str, holds: &[Held]| Copy {
            vendor: vendor.into(),
            holds: holds.iter().copied().collect(),
        };
        let erasure = Erasure {
            at: sample::instant(),
            methods: 1,
            contacts: 1,
            invoices: 3,
            appointments: 2,
            opted_out: true,
            copies: vec![
                copy("mailgun", &[Held::Name, Held::Email, Held::Messages]),
                copy("stripe", &[Held::Payments, Held::PaymentMethods]),
                copy("xero", &[Held::Reference, Held::Contact, Held::Invoices]),
            ],
        };
        view(&sample::patient(), &erasure)
    }
}
