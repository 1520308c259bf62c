//! A visit as it is booked, written anew, priced, or put in the place of another one.

use super::{Step, TRIES, find, lines_place, met_others, read};
use crate::domain::actor::Actor;
use crate::domain::invoice::Line;
use crate::domain::policy::Collect;
use crate::domain::settings::Settings;
use crate::domain::visit::{self, Event, Price, State, Verdict, Visit, decide};
use crate::domain::visit_type::VisitType;
use crate::flows::audit::noted;
use crate::flows::denied::Denied;
use crate::flows::named::{self, Named};
use crate::flows::{App, appointment_types, commit, invoicing};
use crate::io::clock;
use crate::io::store::Write;
use crate::records::appointment::{self, VisitRow};
use crate::words::money::Currency;
use crate::words::seal::Key;
use jiff::Timestamp;

/// An appointment as somebody books it.
pub struct Booking {
    /// The clinic's own id.
    pub id: String,
    pub patient: Named,
    /// Its time is kept free and not certain yet.
    pub held: bool,
    pub starts_at: Timestamp,
    /// The connection of the practice system that tells of it.
    pub source: Option<String>,
    pub site: Option<String>,
    pub practitioner: Option<String>,
    /// What it costs; `None` leaves its price as it is.
    pub price: Option<NewPrice>,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
    /// The clinic's id of the appointment whose place it takes.
    pub replaces: Option<String>,
}

/// What an appointment costs.
pub enum NewPrice {
    Lines {
        currency: Currency,
        lines: Vec<Line>,
        /// What each line is for: sealed.
        descriptions: Vec<String>,
    },
    /// What the type of this id costs now.
    Type(String),
}

/// Another visit whose place is taken, as it was read and as it is from now on.
struct Former {
    read: VisitRow,
    after: Visit,
    /// Whether what was paid for it goes on with the new one.
    gives_case: bool,
}

/// Books an appointment, writes all of one that is still to come, or prices one that took place.
/// Tells whether it is a new one.
pub async fn book(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    new: Booking,
) -> Result<(Visit, bool), Denied> {
    book_beside(app, settings, actor, new, &[]).await
}

/// The same together with other writes, or not at all.
pub async fn book_beside(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    new: Booking,
    beside: &[Write],
) -> Result<(Visit, bool), Denied> {
    if new.id.contains('/') {
        return Err(Denied::invalid("id", "it goes into addresses: no slash"));
    }
    let (patient, key) = named::person(app, &settings.id, &new.patient).await?;
    let what = format!("appointment_booked {}", new.id);
    let note = noted(settings, None, &what, actor.cause());
    let mut booking = booking(app, settings, &new, patient.id, &key).await?;
    for attempt in 0..TRIES {
        let known = read(app, &settings.id, &new.id).await?;
        let former = former(app, settings, &booking, known.as_ref()).await?;
        booking.case = case_of(settings, known.as_ref(), former.as_ref(), &new.id);
        let before = known.as_ref().map(|known| &known.visit);
        let Some(after) = written(before, &booking)? else {
            let before = before.cloned().ok_or_else(met_others)?;
            return Ok((before, false));
        };
        one_currency(app, settings, &after, known.as_ref(), former.as_ref()).await?;
        let row = match &known {
            None => appointment::new(&settings.id, &after),
            Some(known) => known.write(&after),
        };
        let replaced = former
            .as_ref()
            .map(|former| former.read.write(&former.after));
        let writes: Vec<Write> = [note.clone(), row]
            .into_iter()
            .chain(replaced)
            .chain(beside.iter().cloned())
            .collect();
        let step = Step {
            before,
            after: &after,
            replaced: former
                .as_ref()
                .map(|former| (&former.read.visit, &former.after)),
            from: new.source.as_deref(),
            writes,
            cause: format!("appointment {} booked", new.id),
        };
        if step.write(app, settings).await? {
            return Ok((after, known.is_none()));
        }
        commit::pause(attempt).await;
    }
    Err(met_others())
}

/// What the rules are told, but for the case.
async fn booking(
    app: &App,
    settings: &Settings,
    new: &Booking,
    patient: String,
    key: &Key,
) -> Result<visit::Booking, Denied> {
    let place = lines_place(&settings.id, &new.id);
    let price = match &new.price {
        None => None,
        Some(NewPrice::Lines {
            currency,
            lines,
            descriptions,
        }) => Some(Price {
            of_type: None,
            label: None,
            currency: *currency,
            lines: lines.clone(),
            descriptions_sealed: key.seal(&place, descriptions),
        }),
        Some(NewPrice::Type(id)) => {
            let kind = of_type(app, settings, &new.id, id).await?;
            Some(Price {
                of_type: Some(kind.id.clone()),
                label: Some(kind.label.clone()),
                currency: kind.price.currency,
                lines: vec![kind.line().map_err(|why| Denied::invalid("type", why))?],
                descriptions_sealed: key.seal(&place, &[kind.name]),
            })
        }
    };
    Ok(visit::Booking {
        id: new.id.clone(),
        patient,
        case: String::new(),
        held: new.held,
        starts_at: new.starts_at,
        source: new.source.clone(),
        site: new.site.clone(),
        practitioner: new.practitioner.clone(),
        price,
        collect: new.collect,
        replaces: new.replaces.clone(),
    })
}

/// The type that a visit is to be of: one that is offered, or that it was booked with.
async fn of_type(
    app: &App,
    settings: &Settings,
    visit: &str,
    id: &str,
) -> Result<VisitType, Denied> {
    let unknown = || {
        let why = "no appointment type is known by this id: POST /v1/appointment-types";
        Denied::invalid("type", why)
    };
    let found = appointment_types::read(app, &settings.id, id).await?;
    let kind = found.ok_or_else(unknown)?.kind;
    if kind.offered {
        return Ok(kind);
    }
    let known = read(app, &settings.id, visit).await?;
    let price = known.and_then(|known| known.visit.price);
    match price.is_some_and(|price| price.of_type.as_deref() == Some(id)) {
        true => Ok(kind),
        false => Err(Denied::invalid("type", "it is no longer offered")),
    }
}

/// The visit as this booking leaves it; `None` where it is so already. One that was only held is
/// certain once it is booked without that.
fn written(before: Option<&Visit>, booking: &visit::Booking) -> Result<Option<Visit>, Denied> {
    let now = clock::now();
    let mut events = vec![Event::Booked(Box::new(booking.clone()))];
    if !booking.held && before.is_some_and(|before| before.state == State::Held) {
        events.push(Event::Confirmed);
    }
    let mut after = None;
    for event in events {
        match decide(after.as_ref().or(before), &event, now) {
            Verdict::Change(changed) => after = Some(*changed),
            Verdict::Nothing => {}
            Verdict::Refused(why) => return Err(Denied::Conflict(why)),
        }
    }
    Ok(after)
}

/// The case that bills a visit: the one that it has, that of the visit whose place it takes, or one
/// of its own.
fn case_of(
    settings: &Settings,
    known: Option<&VisitRow>,
    former: Option<&Former>,
    id: &str,
) -> String {
    let taken = former.filter(|former| former.gives_case);
    let own = known.map(|known| known.visit.case.clone());
    let case = taken.map(|former| former.read.visit.case.clone()).or(own);
    case.unwrap_or_else(|| invoicing::case_id(&settings.id, &["appointment".into(), id.into()]))
}

/// What was paid in one currency is no part of a price in another.
async fn one_currency(
    app: &App,
    settings: &Settings,
    after: &Visit,
    known: Option<&VisitRow>,
    former: Option<&Former>,
) -> Result<(), Denied> {
    let currency = |visit: &Visit| visit.price.as_ref().map(|price| price.currency);
    let taken = former.filter(|former| former.gives_case);
    let owner = taken.map(|former| &former.read).or(known);
    let was = owner.and_then(|owner| currency(&owner.visit));
    let Some(now) = currency(after).filter(|now| was.is_some_and(|was| was != *now)) else {
        return Ok(());
    };
    let case = app.case(&settings.id, &after.case).await?;
    match case.filter(|case| case.currency != now) {
        None => Ok(()),
        Some(case) => {
            let code = case.currency.code();
            let why = format!("what was asked or paid for it is in {code}: price it in that");
            Err(Denied::Conflict(why))
        }
    }
}

/// The visit whose place is taken, where that is still to be written. Money stays on the case that it
/// is on; two cases with something on them are not made one.
async fn former(
    app: &App,
    settings: &Settings,
    new: &visit::Booking,
    known: Option<&VisitRow>,
) -> Result<Option<Former>, Denied> {
    let Some(id) = &new.replaces else {
        return Ok(None);
    };
    let clinic = &settings.id;
    let read = find(app, clinic, id).await.map_err(|why| match why {
        Denied::NotFound(_) => Denied::invalid("replaces", "no appointment is known by this id"),
        other => other,
    })?;
    if *id == new.id || read.visit.patient != new.patient {
        let why = "another appointment of the same patient";
        return Err(Denied::invalid("replaces", why));
    }
    let by = new.id.clone();
    let after = match decide(Some(&read.visit), &Event::Replaced { by }, clock::now()) {
        Verdict::Change(after) => *after,
        Verdict::Nothing => return Ok(None),
        Verdict::Refused(why) => {
            let why = format!("appointment {id} cannot be replaced: {why}");
            return Err(Denied::Conflict(why));
        }
    };
    let own = match known.filter(|known| known.visit.case != read.visit.case) {
        Some(known) => app.case(clinic, &known.visit.case).await?,
        None => None,
    };
    if own.is_some() && app.case(clinic, &read.visit.case).await?.is_some() {
        let why = format!(
            "both {id} and {} have payments or invoices of their own: leave `replaces` out, cancel \
             {id} and refund what was paid for it",
            new.id
        );
        return Err(Denied::Conflict(why));
    }
    Ok(Some(Former {
        gives_case: own.is_none(),
        read,
        after,
    }))
}
