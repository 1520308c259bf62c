//! What a practice system says of a visit, said of the visit here, step by step. Each step is one
//! commit that holds what the system said last as it was read, so that of two facts the newer counts
//! however they meet, and a crash leaves the rest to whoever brings the fact again.

use super::booking::{self, Booking, NewPrice};
use super::{MET_OTHERS, Step, read, word};
use crate::contract::{Faces, Trouble};
use crate::domain::actor::{Actor, Who};
use crate::domain::person::Person;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter};
use crate::domain::visit::{Event, State, Verdict, Visit, decide};
use crate::domain::visit_fact::{Next, Stands, Told, VisitFact, next};
use crate::flows::audit::noted;
use crate::flows::commit::{self, Busy};
use crate::flows::denied::Denied;
use crate::flows::named::Named;
use crate::flows::talks::Line;
use crate::flows::{App, Failure, accounts, appointment_types, patients, tasks};
use crate::io::clock;
use crate::io::store::{Write, Written};
use crate::records::appointment::{self, VisitRow};
use crate::records::event::{self, EventRow};
use crate::records::patient;
use crate::records::told::{self, ToldRow};
use crate::vendors;
use crate::words::ids;
use crate::words::text::{Email, Phone, Plain};

/// The most steps that one fact takes, with what may meet others meanwhile.
const MOST: u32 = 12;
/// What is said of one who is no more.
const ERASED: &str = "its patient was erased: POST /v1/patients begins anew";

/// A fact that is to be said here.
pub struct Hearing<'a> {
    pub app: &'a App,
    pub settings: &'a Settings,
    pub faces: &'static Faces,
    /// The name of the connection that told it.
    pub connection: &'a str,
    /// Of the event that brought it: written once all of it was said.
    pub row: &'a EventRow,
    pub fact: &'a VisitFact,
    /// Who the patient is was asked again and again: it goes on without an answer.
    pub gives_up: bool,
}

/// The visit and what was said of it last, as they were read.
struct Known {
    visit: Option<VisitRow>,
    told: ToldRow,
}

/// How a step ended.
enum Stepped {
    /// Written, or another write was in the way: all is read again.
    On,
    /// It is over.
    Over,
    /// It cannot be so here, in words for people.
    Refused(&'static str, String),
}

impl Hearing<'_> {
    /// Says all of it, once.
    pub async fn hear(&self) -> Result<(), Failure> {
        let patient = patient::id(&self.settings.id, &self.fact.patient);
        let now = self.fact.told(&patient);
        let mut written = false;
        for attempt in 0..MOST {
            let known = self.known().await?;
            let before = known.told.told.as_ref();
            if before.is_some_and(|before| before.at > now.at) {
                return self.overtaken().await;
            }
            let visit = known.visit.as_ref().map(|row| &row.visit);
            let stepped = match next(visit, before, &now, written, clock::now()) {
                Next::Nothing => self.end(&known, &now, None).await?,
                Next::Refused(what, why) => Stepped::Refused(what, why),
                Next::Say(event) => self.say(&known, &event).await?,
                Next::Book | Next::Write => {
                    written = true;
                    self.book(&known).await?
                }
            };
            match stepped {
                Stepped::On => {}
                Stepped::Over => return Ok(()),
                Stepped::Refused(what, why) => {
                    let words = self.words(what, &why);
                    if let Stepped::Over = self.end(&known, &now, Some(words)).await? {
                        return Ok(());
                    }
                }
            }
            commit::pause(attempt).await;
        }
        Err(Busy(format!("appointment {}", self.fact.id)).into())
    }

    async fn known(&self) -> Result<Known, Failure> {
        let (clinic, id) = (&self.settings.id, &self.fact.id);
        let visit = read(self.app, clinic, id).await?;
        let pk = appointment::pk(clinic, id);
        let row = self.app.store.get(&pk, &told::sk(self.connection)).await?;
        let told = ToldRow::read(clinic, id, self.connection, row.as_ref())?;
        Ok(Known { visit, told })
    }

    fn actor(&self) -> Actor {
        Actor {
            who: Who::Vendor(self.connection.into()),
            via: format!("report {}", self.row.source),
        }
    }

    /// One event of a visit that is known.
    async fn say(&self, known: &Known, event: &Event) -> Result<Stepped, Failure> {
        let Some(row) = &known.visit else {
            return Ok(Stepped::On);
        };
        let Verdict::Change(after) = decide(Some(&row.visit), event, clock::now()) else {
            return Ok(Stepped::On);
        };
        let (id, word) = (&self.fact.id, word(event));
        let what = format!("appointment_{word} {id}");
        let note = noted(self.settings, None, &what, self.actor().cause());
        let step = Step {
            before: Some(&row.visit),
            after: &after,
            replaced: None,
            from: Some(self.connection),
            writes: vec![note, row.write(&after), known.told.touched()],
            cause: format!("appointment {id} {word}"),
        };
        step.write(self.app, self.settings).await?;
        Ok(Stepped::On)
    }

    /// Books it, or writes it anew as it is there.
    async fn book(&self, known: &Known) -> Result<Stepped, Failure> {
        let visit = known.visit.as_ref().map(|row| &row.visit);
        if visit.is_none()
            && let Err(why) = self.patient().await?
        {
            return Ok(Stepped::Refused("is booked", why.into()));
        }
        let price = self.price().await?;
        if price.is_none() && self.has_price_of_former_type(known) {
            let why = "no type of that id has a price: make it with POST /v1/appointment-types, \
                       and write the appointment anew with POST /v1/appointments";
            let what = match self.fact.stands {
                Stands::Completed => "took place, and is of another type",
                Stands::NoShow => "is one to which nobody came, and is of another type",
                _ => "is of another type",
            };
            return Ok(Stepped::Refused(what, why.into()));
        }
        let (app, fact) = (self.app, self.fact);
        let booking = Booking {
            id: fact.id.clone(),
            patient: Named::Reference(fact.patient.clone()),
            held: visit.is_some_and(|visit| visit.state == State::Held),
            starts_at: visit.map_or(fact.starts_at, |visit| visit.starts_at),
            source: Some(self.connection.into()),
            site: fact.site.clone(),
            practitioner: fact.practitioner.clone(),
            price,
            collect: visit.and_then(|visit| visit.collect),
            replaces: None,
        };
        let (actor, beside) = (self.actor(), [known.told.touched()]);
        let booked = booking::book_beside(app, self.settings, &actor, booking, &beside);
        match booked.await {
            Ok(_) => Ok(Stepped::On),
            Err(Denied::Conflict(why)) if why == MET_OTHERS => Ok(Stepped::On),
            Err(Denied::Conflict(why) | Denied::Invalid { why, .. }) => {
                Ok(Stepped::Refused("is booked", why))
            }
            Err(Denied::Failed(why)) => Err(why),
            Err(other) => Err(format!("it is not booked: {other:?}").into()),
        }
    }

    /// What it costs by its type, where the clinic offers one of that id.
    async fn price(&self) -> Result<Option<NewPrice>, Failure> {
        let Some(id) = &self.fact.of_type else {
            return Ok(None);
        };
        let found = appointment_types::read(self.app, &self.settings.id, id).await?;
        let offered = found.filter(|row| row.kind.offered);
        Ok(offered.map(|_| NewPrice::Type(id.clone())))
    }

    /// Whether it would be billed as what it is not any more.
    fn has_price_of_former_type(&self, known: &Known) -> bool {
        let visit = known.visit.as_ref().map(|row| &row.visit);
        let priced = visit.and_then(|visit| visit.price.as_ref());
        let of_type = priced.and_then(|price| price.of_type.as_ref());
        of_type.is_some() && of_type != self.fact.of_type.as_ref()
    }

    /// Sees to it that the patient is known, as the system knows them; in words where that cannot be.
    async fn patient(&self) -> Result<Result<(), &'static str>, Failure> {
        let (app, clinic) = (self.app, &self.settings.id);
        let id = patient::id(clinic, &self.fact.patient);
        let known = patients::patient(app, clinic, &id).await?;
        if known.as_ref().is_some_and(|known| known.key.is_none()) {
            return Ok(Err(ERASED));
        }
        let person = match (&self.fact.person, self.faces.patient) {
            (Some(person), _) => Some(person.clone()),
            (None, Some(_)) => self.ask_who().await?,
            (None, None) => None,
        };
        let before = known.map(|known| known.person);
        let Some(person) = person.map(sound) else {
            let why = "its patient cannot be read there: make them with POST /v1/patients, and it \
                       with POST /v1/appointments";
            return Ok(before.map(drop).ok_or(why));
        };
        let after = match &before {
            Some(before) => renewed(before, person),
            None => person,
        };
        if before.as_ref() != Some(&after) {
            let (actor, reference) = (self.actor(), &self.fact.patient);
            patients::write(app, self.settings, &actor, reference, &after).await?;
        }
        Ok(Ok(()))
    }

    /// Asks the system who the patient is; `None` where it does not say, which holds up no other
    /// visit.
    async fn ask_who(&self) -> Result<Option<Person>, Failure> {
        let (app, clinic, vendor) = (self.app, &*self.settings.id, self.faces.vendor);
        let Some(read) = self.faces.patient else {
            return Ok(None);
        };
        let account = &accounts::account_of(app, clinic, vendor, self.connection).await?;
        let line = Line {
            app,
            clinic,
            vendor,
            account,
        };
        let asked = line
            .converse(None, |talk| read(&self.fact.patient, talk, account))
            .await;
        match asked {
            Ok(person) => Ok(Some(person)),
            Err(trouble @ (Trouble::Later { .. } | Trouble::Credentials(_))) => Err(trouble.into()),
            Err(trouble @ (Trouble::Unclear(_) | Trouble::InFlight)) if !self.gives_up => {
                Err(trouble.into())
            }
            Err(trouble) => {
                let source = &self.row.source;
                tracing::warn!(source, %trouble, "who a patient is was not told");
                Ok(None)
            }
        }
    }

    /// Writes that all of it was said, and what people are asked of it.
    async fn end(
        &self,
        known: &Known,
        now: &Told,
        refused: Option<String>,
    ) -> Result<Stepped, Failure> {
        let row = match &refused {
            Some(why) => event::unless_ended(self.row.contradicting("", why)),
            None => self.row.write(self.state(known), "", None),
        };
        let pk = appointment::pk(&self.settings.id, &self.fact.id);
        let name = format!("told-{}", &ids::derived(&[&self.row.pk()])[..10]);
        let asked = refused.map_or(vec![], |words| {
            let matter = Matter::of(Alert::Contradiction).vendor(self.connection);
            tasks::asking(self.settings, &pk, &name, matter.words(words))
        });
        // One that people booked here: the practice system that speaks of it has it too.
        let adopted = known.visit.as_ref().filter(|row| {
            let visit = &row.visit;
            visit.source.is_none() && visit.patient == now.patient
        });
        let adopted = adopted.map(|row| {
            row.write(&Visit {
                source: Some(self.connection.into()),
                ..row.visit.clone()
            })
        });
        let mut writes = vec![row, known.told.write(Some(now))];
        writes.extend(adopted);
        writes.extend(asked.iter().cloned().map(Write::Put));
        match self.app.store.transact(&writes).await? {
            Written::Done => tasks::nudge_told(self.app, &asked).await,
            // Its event is there: all of it was said before.
            Written::Failed(at) if at.contains(&0) => {}
            Written::Failed(_) | Written::Conflict => return Ok(Stepped::On),
        }
        Ok(Stepped::Over)
    }

    /// A newer fact came before: there is only the event to show.
    async fn overtaken(&self) -> Result<(), Failure> {
        let row = self.row.write("superseded", "", None);
        match self.app.store.transact(&[row]).await? {
            Written::Done | Written::Failed(_) => Ok(()),
            Written::Conflict => Err("others are at the same rows".into()),
        }
    }

    /// How its event stands: one of a visit that is not here brought nothing.
    fn state(&self, known: &Known) -> &'static str {
        match &known.visit {
            Some(_) => "posted",
            None => "ignored",
        }
    }

    /// What people read of what the rules refuse.
    fn words(&self, what: &str, why: &str) -> String {
        let (name, id) = (vendors::called(self.connection), &self.fact.id);
        format!("At {name} appointment {id} {what}. Here {why}.")
    }
}

/// What of a person may be kept here: the rest is left out, as it would be refused.
fn sound(person: Person) -> Person {
    let name = Plain::<120>::try_from(person.name).map(String::from);
    let email = person.email.and_then(|text| Email::try_from(text).ok());
    let phone = person.phone.and_then(|text| Phone::try_from(text).ok());
    Person {
        name: name.unwrap_or_default(),
        email: email.map(String::from),
        phone: phone.map(String::from),
    }
}

/// Somebody who is known, as the system knows them; what it does not tell stays.
fn renewed(before: &Person, now: Person) -> Person {
    let before = before.clone();
    Person {
        name: match now.name.is_empty() {
            true => before.name,
            false => now.name,
        },
        email: now.email.or(before.email),
        phone: now.phone.or(before.phone),
    }
}
