//! Requests that move money happen once: the row of the request is written in the commit that
//! grants it, with the answer, and a repeat is given that answer.

use super::call::{Answered, Call, text};
use super::problem::{Kind, Problem};
use super::read;
use crate::contract::digest_id;
use crate::domain::case::Case;
use crate::flows::denied::Granted;
use crate::io::clock;
use crate::io::lambda::HttpResponse;
use crate::io::store::Row;
use crate::records::event::{self, API, EventRow};
use crate::words::ids;
use crate::words::json;

/// Whether a request under an Idempotency-Key is the first.
pub enum Once {
    /// Nobody asked under this key before.
    First(EventRow),
    /// It was granted before: this was the answer.
    Again(HttpResponse),
}

impl Call<'_> {
    /// Whether this request was granted before. What was refused left nothing behind.
    pub async fn once(&self) -> Result<Once, Problem> {
        let row = self.request_row()?;
        Ok(match self.app.store.get(&row.pk(), event::SK).await? {
            None => Once::First(row),
            Some(known) => Once::Again(self.again(&known, &row)?),
        })
    }

    fn request_row(&self) -> Result<EventRow, Problem> {
        let key = self.request.header("idempotency-key").unwrap_or_default();
        if key.is_empty() {
            let why = "send an Idempotency-Key of your own making: repeats under it happen once";
            return Err(Problem::new(Kind::KeyMissing, why));
        }
        let printable = key.bytes().all(|b| (b' '..=b'~').contains(&b));
        if key.len() > 100 || !printable {
            return Err(Problem::invalid(
                "Idempotency-Key",
                "1 to 100 printable characters",
            ));
        }
        let (route, body) = (self.route, json::sorted(read::value(&self.body)?));
        let parts = [route.method, self.request.raw_path.as_str(), &body];
        let name = format!("{} {}", route.method, route.path);
        let id = digest_id(&[key]);
        let mut row = EventRow::new(self.clinic(), API, &id, &name, clock::now());
        row.digest = Some(hex::encode(ids::digest(&parts)));
        Ok(row)
    }

    /// The answer that was given under this key, if to the same request.
    pub fn again(&self, known: &Row, row: &EventRow) -> Answered {
        if Some(event::digest(known)) != row.digest.as_deref() {
            let why = "this key was used for another request: take a fresh one";
            return Err(Problem::new(Kind::KeyReused, why));
        }
        Ok(text(self.route.gives.0, event::answer(known).into()))
    }

    /// What a request that was granted is answered.
    pub fn ended(&self, granted: Granted, row: &EventRow) -> Answered {
        match granted {
            Granted::Now(case) => {
                let answer = row.answer.map(|answer| answer(&case, row));
                Ok(text(self.route.gives.0, answer.unwrap_or_default()))
            }
            Granted::Before(known) => self.again(&known, row),
        }
    }
}

/// A request's row with what it will be answered.
pub fn answering(row: EventRow, answer: fn(&Case, &EventRow) -> String) -> EventRow {
    EventRow {
        answer: Some(answer),
        ..row
    }
}
