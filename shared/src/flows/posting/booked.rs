//! What somebody entered in the clinic's books: they say that a document changed, are asked for its
//! payments, and each becomes a tender here once. What we filed ourselves comes back and changes
//! nothing.

use super::*;
use crate::domain::case::Case;
use crate::domain::decide::Refusal;
use crate::domain::event::NewTender;
use crate::domain::tender::By;
use crate::flows::{deliveries, talks::Line};
use crate::records::{case, number};

/// So often the books are read for one notice. What is entered or taken off while we write is seen
/// by the next look.
const LOOKS: usize = 5;

/// What a look at the books led to.
#[derive(Default)]
struct LedTo {
    /// A payment here is one of theirs: of this case.
    case: Option<String>,
    /// It cannot count here, for this reason.
    refused: Option<(String, String)>,
    /// Something was written.
    changed: bool,
}

impl PostingJob<'_> {
    /// Follows a document of the books. An error is tried again.
    pub(super) async fn booked(&self, row: &EventRow, document: &str) -> Result<(), Failure> {
        let known = self.app.store.get(&row.pk(), event::SK).await?;
        if known.is_some_and(|row| !event::is_waiting(&row)) {
            return Ok(());
        }
        for _ in 0..LOOKS {
            let all = match self.payments_of(document).await {
                Ok(all) => all,
                Err(Trouble::Missing) => vec![],
                Err(Trouble::Unreadable(why) | Trouble::Rejected(why)) => {
                    return self.quarantine(row, &why, self.body).await;
                }
                Err(other) => return Err(failure(other)),
            };
            let mut led_to = LedTo::default();
            for one in &all {
                self.follow_booked(one, &mut led_to).await?;
            }
            if !led_to.changed {
                return self.end_booked(row, led_to).await;
            }
        }
        Err("the books change while they are read".into())
    }

    async fn payments_of(&self, document: &str) -> Result<Vec<Booked>, Trouble> {
        let Some(read) = self.faces.booked else {
            return Err(Trouble::Rejected("it is asked for no payments".into()));
        };
        let (app, clinic, vendor) = (self.app, &*self.settings.id, self.faces.vendor);
        let account = &accounts::account_of(app, clinic, vendor, &self.connection).await?;
        let line = Line {
            app,
            clinic,
            vendor,
            account,
        };
        line.converse(None, |talk| read(document, talk, account))
            .await
    }

    /// Brings the case to what the books hold of one payment.
    async fn follow_booked(&self, one: &Booked, led_to: &mut LedTo) -> Result<(), Failure> {
        let Some(case) = self.case_booked(one).await? else {
            return Ok(());
        };
        let mut newest = case.tenders.iter().rev();
        let known = newest.find(|tender| tender.is_booked(&self.connection, one.id()));
        let known = known.filter(|tender| tender.reversed.is_none());
        led_to.case = Some(case.id.clone());
        let event = match (known, one) {
            (Some(known), Booked::Stands(now)) if known.amount == now.amount => return Ok(()),
            (Some(known), _) => Event::TenderReversed {
                tender: known.n,
                told: true,
            },
            (None, Booked::Gone(_)) => return Ok(()),
            (None, Booked::Stands(now)) => {
                let noon = now.on.at(12, 0, 0, 0).to_zoned(self.settings.zone())?;
                Event::Tendered(NewTender {
                    amount: now.amount,
                    at: Some(noon.timestamp()),
                    by: By::Books {
                        connection: self.connection.clone(),
                        id: now.id.clone(),
                    },
                })
            }
        };
        let id = case.id.clone();
        let cause = format!("{} {}", self.connection, one.id());
        let change = Change::new(self.settings, &id, event, cause);
        match commit::commit(self.app, change, Some(case)).await? {
            Committed::Changed(_) => led_to.changed = true,
            Committed::Nothing(_) => {}
            Committed::Refused(why) => {
                let words = self.refused(one, &why);
                led_to.refused = Some((one.id().to_owned(), words));
            }
            other => return Err(format!("a payment of the books: {other:?}").into()),
        }
        Ok(())
    }

    /// The case of a payment that is not ours, on an invoice that we filed there.
    async fn case_booked(&self, one: &Booked) -> Result<Option<Case>, Failure> {
        let clinic = &self.settings.id;
        let key = alias::key(clinic, &self.connection, one.id());
        if let Some(known) = self.app.store.get(&key.pk, &key.sk).await? {
            let case = alias::case(&known).unwrap_or_default();
            return Ok(self.app.case(clinic, case).await?);
        }
        let Booked::Stands(payment) = one else {
            return Ok(None);
        };
        let place = number::pk(clinic, &payment.number);
        let Some(numbered) = self.app.store.get(&place, number::SK).await? else {
            return Ok(None);
        };
        let Some(case) = self.app.case(clinic, number::case(&numbered)).await? else {
            return Ok(None);
        };
        let ours = payment.reference.starts_with(&format!("{}-", case.id));
        if ours {
            return Ok(None);
        }
        let pk = case::pk(clinic, &case.id);
        let filed = deliveries::filed_invoice(self.app, &pk, &self.connection).await?;
        Ok(Some(case).filter(|_| filed.as_deref() == Some(&payment.invoice)))
    }

    fn refused(&self, one: &Booked, why: &Refusal) -> String {
        let name = vendors::called(&self.connection);
        let why = match why {
            Refusal::NotDue { due } => format!("no more than {due} is due"),
            Refusal::Invalid(why) => why.clone(),
            other => format!("{other:?}"),
        };
        match one {
            Booked::Stands(payment) => format!(
                "{name} has a payment of {} on invoice {} that cannot count here: {why}.",
                payment.amount, payment.number
            ),
            Booked::Gone(_) => {
                format!("A payment was deleted in {name} that still counts here: {why}.")
            }
        }
    }

    /// The notice's own end; people look at what cannot count here, once for each payment.
    async fn end_booked(&self, row: &EventRow, led_to: LedTo) -> Result<(), Failure> {
        let Some(case) = led_to.case else {
            return self.keep(row, "ignored", None).await;
        };
        let Some((payment, words)) = led_to.refused else {
            return self.write(&[row.write("posted", &case, None)]).await;
        };
        let kept = row.contradicting(&case, &words);
        let event = Event::Person {
            id: format!(
                "booked-{}",
                &ids::derived(&[&self.connection, &payment])[..10]
            ),
            matter: Matter::of(Alert::Contradiction)
                .vendor(&self.connection)
                .words(words),
        };
        let cause = format!("{} {}", row.source, row.vendor_event_id);
        let change = Change {
            also: vec![event::unless_ended(kept)],
            ..Change::new(self.settings, &case, event, cause)
        };
        commit::commit(self.app, change, None).await.map(drop)
    }
}
