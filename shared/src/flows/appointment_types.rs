//! Appointment types: made, changed, no longer offered. What was booked keeps the price that its
//! type had then.

use super::App;
use super::audit::noted;
use super::denied::Denied;
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::domain::visit_type::VisitType;
use crate::io::clock;
use crate::io::store::{StoreError, Written};
use crate::records::appointment_type::{self, TypeRow};
use crate::words::money::Money;
use crate::words::text::Plain;
use rust_decimal::Decimal;

/// A type as somebody makes it.
pub struct NewType {
    /// The clinic's own id.
    pub id: Plain<64>,
    /// What the patient reads.
    pub name: Plain<200>,
    /// What gateways and systems may read.
    pub label: Plain<40>,
    pub price: Money,
    pub tax_rate: Decimal,
    pub tax_included: bool,
}

/// What is to be otherwise of a type; the rest stays.
pub struct Changes {
    /// Of the row that was read: what others changed since is not written over.
    pub version: u64,
    pub name: Option<Plain<200>>,
    pub label: Option<Plain<40>>,
    pub price: Option<Money>,
    pub tax_rate: Option<Decimal>,
    pub tax_included: Option<bool>,
}

/// The type of this id; `None` where there never was one.
pub async fn read(app: &App, clinic: &str, id: &str) -> Result<Option<TypeRow>, StoreError> {
    let pk = appointment_type::pk(clinic, id);
    let row = app.store.get(&pk, appointment_type::SK).await?;
    row.as_ref().map(TypeRow::read).transpose()
}

/// The same of one that must be there.
pub async fn find(app: &App, clinic: &str, id: &str) -> Result<TypeRow, Denied> {
    let found = read(app, clinic, id).await?;
    found.ok_or(Denied::NotFound("appointment type"))
}

/// Makes a type, or offers one anew that was no longer offered.
pub async fn make(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    new: NewType,
) -> Result<TypeRow, Denied> {
    if new.id.contains('/') {
        return Err(Denied::invalid("id", "it goes into addresses: no slash"));
    }
    let known = read(app, &settings.id, &new.id).await?;
    if known.as_ref().is_some_and(|known| known.kind.offered) {
        let why = "it is offered already: PATCH /v1/appointment-types/{id} changes it";
        return Err(Denied::conflict(why));
    }
    let made = TypeRow {
        kind: VisitType {
            id: new.id.into(),
            name: new.name.into(),
            label: new.label.into(),
            price: new.price,
            tax_rate: new.tax_rate,
            tax_included: new.tax_included,
            offered: true,
            made_at: clock::now(),
        },
        version: known.map_or(0, |known| known.version) + 1,
    };
    put(app, settings, actor, made, "made").await
}

/// Changes a type for visits that are booked from now on.
pub async fn change(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    id: &str,
    changes: Changes,
) -> Result<TypeRow, Denied> {
    let known = find(app, &settings.id, id).await?;
    if known.version != changes.version {
        return Err(changed_meanwhile());
    }
    if !known.kind.offered {
        let why = "it is no longer offered: POST /v1/appointment-types offers it anew";
        return Err(Denied::conflict(why));
    }
    let before = known.kind;
    let now = TypeRow {
        kind: VisitType {
            name: changes.name.map_or(before.name, String::from),
            label: changes.label.map_or(before.label, String::from),
            price: changes.price.unwrap_or(before.price),
            tax_rate: changes.tax_rate.unwrap_or(before.tax_rate),
            tax_included: changes.tax_included.unwrap_or(before.tax_included),
            ..before
        },
        version: known.version + 1,
    };
    put(app, settings, actor, now, "changed").await
}

/// Offers it no longer. Said again it is the same answer.
pub async fn end(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    id: &str,
) -> Result<TypeRow, Denied> {
    let mut known = find(app, &settings.id, id).await?;
    if !known.kind.offered {
        return Ok(known);
    }
    known.kind.offered = false;
    known.version += 1;
    put(app, settings, actor, known, "ended").await
}

async fn put(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    row: TypeRow,
    what: &str,
) -> Result<TypeRow, Denied> {
    let line = row.kind.line();
    line.map_err(|why| Denied::invalid("price", why))?;
    let what = format!("appointment_type_{what} {}", row.kind.id);
    let note = noted(settings, None, &what, actor.cause());
    match app.store.transact(&[row.write(&settings.id), note]).await? {
        Written::Done => Ok(row),
        Written::Failed(_) | Written::Conflict => Err(changed_meanwhile()),
    }
}

fn changed_meanwhile() -> Denied {
    Denied::conflict("somebody has changed it since: read it again, then send its `version`")
}
