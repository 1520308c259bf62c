//! Hints: something about a payment changed, and the gateway is asked what. A hint is the vendor's
//! own event or, unproven, anybody's word; what is posted is the state that was fetched.

use super::*;
use crate::contract::LookedUp;
use crate::domain::task::Lane;
use crate::flows::accounts;
use crate::flows::calls::{self, unread};

/// What a hint led to.
enum Fetched {
    Told(LookedUp),
    /// It will be answered the same however often it is asked.
    Never(String),
    /// Not the clinic's: a probe, or another account's.
    Nobodys,
}

impl PostingJob<'_> {
    /// The vendor's own event takes the end of what it led to.
    pub(super) async fn hint(&self, row: EventRow, payment: String) -> Result<(), Failure> {
        let known = self.app.store.get(&row.pk(), event::SK).await?;
        // Done before: a batch that comes again does not ask for all of it once more.
        if known.is_some_and(|row| !event::is_waiting(&row) || event::has_led(&row)) {
            return Ok(());
        }
        let row = EventRow {
            gateway_ref: Some(payment.clone()),
            ..row
        };
        let told = match self.fetched(&payment, true).await? {
            Fetched::Never(why) => return self.quarantine(&row, &why, self.body).await,
            Fetched::Nobodys => return self.keep(&row, "ignored", None).await,
            Fetched::Told(told) => told,
        };
        let kind = told.facts.last().map_or(Kind::Other, |fact| fact.kind);
        let row = EventRow { kind, ..row };
        self.unread(&payment, &told.unread).await?;
        let led_to = self.state(&row.name, &payment, told.facts).await?;
        self.follow(&row, &led_to, 0).await
    }

    /// Unproven bytes are only a hint, whatever they say, and leave no row of their own. What is
    /// ours is never dropped: what cannot be read of it is put before people.
    pub(super) async fn unproven(&self, name: &str, payment: &str) -> Result<(), Failure> {
        match self.fetched(payment, false).await? {
            Fetched::Nobodys => Ok(()),
            Fetched::Never(why) => self.unread(payment, &[why]).await,
            Fetched::Told(told) => {
                if told.unread.is_empty() || self.is_ours(payment, &told.facts).await? {
                    self.unread(payment, &told.unread).await?;
                }
                self.state(name, payment, told.facts).await.map(drop)
            }
        }
    }

    /// What the gateway says of a payment that was hinted at. An error is tried again.
    async fn fetched(&self, payment: &str, trusted: bool) -> Result<Fetched, Failure> {
        let (Some(gateway), true) = (self.gateway, is_vendor_id(payment)) else {
            return Ok(Fetched::Never("a hint at nothing that can be asked".into()));
        };
        let ask = Lookup {
            reference: String::new(),
            payment: Some(payment.into()),
            session: None,
            refund: None,
            amount: Money::zero(self.settings.currency),
        };
        let clinic = &self.settings.id;
        let account =
            accounts::account_of(self.app, clinic, gateway.vendor, &self.connection).await;
        let account = account.map_err(failure)?;
        let asks = |read: &Read<Lookup, LookedUp>| {
            let first = read(&ask, &mut Talk::default(), &account);
            matches!(first, Err(Pause::Ask(_)))
        };
        if !gateway.lookup.yes().is_some_and(asks) {
            return Ok(Fetched::Never("a hint at an id of nothing known".into()));
        }
        let look_up = calls::look_up_parts(self.app, clinic, gateway, &account, &ask);
        let trouble = match look_up.await {
            Ok(told) => return Ok(Fetched::Told(told)),
            Err(trouble) => trouble,
        };
        let ours = self.is_ours(payment, &[]).await?;
        let is_old = clock::now().as_second() - self.received_at.as_second() > rules::GIVE_UP;
        match trouble {
            Trouble::Unreadable(why) if ours || trusted => Ok(Fetched::Never(why)),
            // It is there: the gateway answers otherwise before long, or people look.
            Trouble::Missing | Trouble::Rejected(_) if ours && !is_old => Err(failure(trouble)),
            Trouble::Missing | Trouble::Rejected(_) if ours => {
                Ok(Fetched::Never(trouble.to_string()))
            }
            Trouble::Rejected(why) if trusted => Ok(Fetched::Never(why)),
            Trouble::Missing | Trouble::Rejected(_) | Trouble::Unreadable(_) => {
                tracing::info!(
                    event = "hint_dropped",
                    source = self.source,
                    "at a payment that is nobody's here"
                );
                Ok(Fetched::Nobodys)
            }
            other => Err(failure(other)),
        }
    }

    /// Whether a payment is known here, by this id or by what is told of it.
    async fn is_ours(&self, payment: &str, facts: &[Fact]) -> Result<bool, Failure> {
        let hinted = Fact {
            payment: Some(payment.into()),
            ..Fact::new(Kind::Other)
        };
        for fact in facts.iter().chain([&hinted]) {
            if self.case_of(fact).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn unread(&self, payment: &str, why: &[String]) -> Result<(), Failure> {
        let source = self.source;
        unread::unread(self.app, self.settings, source, payment, why).await
    }

    /// Posts what was fetched, and says under which ids. Each event's id is a digest of that state,
    /// so the same state is posted once, however often the hint comes.
    async fn state(
        &self,
        name: &str,
        payment: &str,
        facts: Vec<Fact>,
    ) -> Result<Vec<String>, Failure> {
        let mut ids = vec![];
        for fact in facts {
            let id = contract::digest_id(&["state", payment, &serde_json::to_string(&fact)?]);
            self.fact(&self.row(&id, name).of_fact(&fact), fact, 0)
                .await?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// Gives a hint's event the end of what it led to: of several, the one that most needs a look.
    /// While one of them waits, so does it.
    pub(super) async fn follow(
        &self,
        row: &EventRow,
        led_to: &[String],
        tries: usize,
    ) -> Result<(), Failure> {
        let key = |id: &String| RowKey {
            pk: self.row(id, &row.name).pk(),
            sk: event::SK.into(),
        };
        let keys: Vec<_> = led_to.iter().map(key).collect();
        let rows = match keys.is_empty() {
            true => vec![],
            false => self.app.store.get_all(&keys).await?,
        };
        let ends = [
            "contradiction",
            "quarantined",
            "waiting",
            "posted",
            "superseded",
        ];
        let mut ends = ends.into_iter();
        let end = ends.find(|end| rows.iter().any(|row| event::state(row) == *end));
        let end = end.unwrap_or("ignored");
        if end != "waiting" {
            return self.put(row.row(end)).await;
        }
        let why = "what it led to waits for its case";
        let waits = row.leading(led_to, why, tries);
        // What was left to a person has no due time any more.
        let comes_again = rows.iter().any(|row| row.waits());
        let wait = rules::wait(tries);
        let due = time::millis(time::after(clock::now(), wait));
        self.put(if comes_again {
            waits.due(Lane::Settle, due)
        } else {
            waits
        })
        .await
    }
}
