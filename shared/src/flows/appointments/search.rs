//! Appointments that are looked for: of a patient, of a day, by how they stand.

use crate::domain::settings::Settings;
use crate::domain::visit::{State, Visit};
use crate::flows::App;
use crate::flows::denied::Denied;
use crate::flows::lists::{READ, day, filled};
use crate::io::store::List;
use crate::records::appointment::{self, VisitRow};
use jiff::civil::Date;

/// What an appointment must be; whatever is not given may be anything.
#[derive(Clone, Copy, Default)]
pub struct Filter<'a> {
    pub state: Option<State>,
    /// Our id of whom it is for.
    pub patient: Option<&'a str>,
    /// The clinic's day on which it begins.
    pub day: Option<Date>,
}

impl Filter<'_> {
    /// The shortest list that holds all that fits but for how it stands.
    fn list(&self, settings: &Settings) -> Result<List, Denied> {
        let clinic = &settings.id;
        let list = match self.patient {
            Some(patient) => appointment::list_for(clinic, patient),
            None => appointment::list(clinic),
        };
        let Some(wanted) = self.day else {
            return Ok(list);
        };
        let (from, to) = day(settings, wanted)?;
        Ok(appointment::begin_between(list, from, to))
    }
}

/// A page of the appointments that fit, the latest first, and where it goes on.
pub async fn search(
    app: &App,
    settings: &Settings,
    filter: Filter<'_>,
    before: Option<String>,
    limit: usize,
) -> Result<(Vec<Visit>, Option<String>), Denied> {
    let list = filter.list(settings)?;
    let at_once = if filter.state.is_some() { READ } else { limit };
    let read = async |before: Option<&str>| {
        let (rows, next) = app.store.list(&list, before, at_once as i32).await?;
        let mut read = vec![];
        for row in rows {
            let visit = VisitRow::read(&row)?.visit;
            let fits = filter.state.is_none_or(|state| visit.state == state);
            read.push((list.place(&row).to_owned(), fits.then_some(visit)));
        }
        Ok((read, next))
    };
    filled(before, limit, read).await
}
