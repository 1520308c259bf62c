//! Posting: what was reported meets the case that it is about. Each item of a delivery is one
//! commit, made once by its event row; what cannot be posted is kept where staff see it.

mod booked;
pub mod hints;
mod notices;
mod polled;
pub mod rules;

use super::accounts::failure;
use super::calls::Traits;
use super::commit::{Change, Committed};
use super::{App, Failure, tasks};
use crate::contract::{
    self, Account, Booked, Delivery, Faces, Gateway, Inbound, Item, Lookup, Notice, Outcome, Pause,
    Postback, Proof, Read, Talk, Trouble, Verified,
};
use crate::domain::event::Event;
use crate::domain::fact::{Fact, Kind, is_vendor_id};
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Lane, Matter};
use crate::domain::visit_fact::VisitFact;
use crate::flows::accounts;
use crate::flows::appointments::told::Hearing;
use crate::flows::calls;
use crate::flows::commit;
use crate::io::lambda::{self, Fault, LAST_CHANCE};
use crate::io::queue::{Received, RowKey};
use crate::io::store::{Row, StoreError, Write, Written};
use crate::io::{clock, secrets};
use crate::records::event::{self, EventRow};
use crate::records::{alias, method};
use crate::vendors;
use crate::words::money::Money;
use crate::words::{connected, ids, time};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
pub use polled::{Polled, polled};
use rules::{FoundBy, Later, Told};

/// A row may hold 400 KB: larger bodies are kept in parts.
const PART: usize = 250_000;

/// One delivery on the table, or one portion of a list.
struct PostingJob<'a> {
    app: &'a App,
    settings: &'a Settings,
    faces: &'static Faces,
    /// By which door it came: `stripe`, `stripe@north`; of a list its connection.
    source: &'a str,
    /// The name of the vendor's connection there, as payments bear it.
    connection: String,
    gateway: Option<&'static Gateway>,
    received_at: Timestamp,
    body: &'a [u8],
    /// Whether intake proved it: what is put aside unproven must not be trusted when replayed.
    proven: bool,
    /// The list that it was read of, where no webhook brought it.
    polled: Option<&'a Polled<'a>>,
}

impl<'a> PostingJob<'a> {
    /// Of what was proven at this door, and of which no byte is needed any more.
    fn at(
        app: &'a App,
        settings: &'a Settings,
        source: &'a str,
        received_at: Timestamp,
    ) -> Result<Self, Failure> {
        let faces = vendors::heard_as(source).ok_or("an unknown source")?;
        Ok(Self {
            app,
            settings,
            faces,
            source,
            connection: connected::beside(faces.vendor.id, source),
            gateway: faces.gateway,
            received_at,
            body: &[],
            proven: true,
            polled: None,
        })
    }

    /// Of a delivery as it was queued.
    fn of(
        app: &'a App,
        settings: &'a Settings,
        received: &'a Received,
        body: &'a [u8],
    ) -> Result<Self, Failure> {
        let at = Timestamp::from_second(received.received_at)?;
        Ok(Self {
            body,
            proven: received.proven,
            ..Self::at(app, settings, &received.source, at)?
        })
    }
}

/// Posts a delivery. An error means that something of ours was out of reach: try again.
pub async fn post(app: &App, received: &Received) -> Result<(), Failure> {
    let body = BASE64_STANDARD.decode(&received.body)?;
    if contract::body_hash(&body) != received.sha256 {
        return Err("the body is not what intake hashed".into());
    }
    let settings = app.settings_of(&received.clinic).await?;
    let job = PostingJob::of(app, &settings, received, &body)?;
    let inbound = vendors::inbound(&received.source).ok_or("a source without a door")?;
    if let Some(payment) = job.replayed_look_up(received).await? {
        return job.unproven("look-up", &payment).await;
    }
    let delivery = Delivery {
        method: "POST".into(),
        headers: received.headers.clone(),
        body: body.clone(),
        url: received.url.clone(),
        received_at: received.received_at,
    };
    let name = secrets::inbound(&received.clinic, &job.connection);
    let fields = app.secrets.current(&name).await?.unwrap_or_default();
    let account = Account::load(&[], (*fields).clone())?;
    let trusted = received.proven
        || match job.vouched(inbound, &delivery, &account).await? {
            Some(false) => return Ok(()),
            vouched => vouched.is_some(),
        };
    let verified = Verified {
        delivery: &delivery,
        account: &account,
        trusted,
    };
    let items = match (inbound.read)(&verified) {
        Ok(items) => items,
        // Nobody stands for these bytes: anyone could fill the table with them.
        Err(_) if !trusted => return Ok(()),
        Err(why) => {
            let id = contract::digest_id(&["body", &received.sha256]);
            let row = job.row(&id, "unreadable");
            return job.quarantine(&row, &why.0, &body).await;
        }
    };
    let items = match job.held(inbound, &delivery, &account).await? {
        None => items,
        Some(held) if held.contains(&true) => proven(items, &held, &received.source),
        // Intake proved some of it, under a secret that is gone since.
        Some(_) => {
            let id = contract::digest_id(&["body", &received.sha256]);
            let why = "its items were proven by a secret that is no longer configured";
            return job.quarantine(&job.row(&id, "items"), why, &body).await;
        }
    };
    let failed = job.items(received, items, trusted).await;
    match (failed, &received.replays) {
        (Some(why), _) => Err(why),
        (None, Some(id)) => job.replayed(id).await,
        (None, None) => Ok(()),
    }
}

/// What becomes of a delivery that was not posted: what is out of reach is tried again for as
/// long as the queue keeps it; what fails by itself is put aside after a few times.
pub async fn not_posted(
    app: &App,
    received: &Received,
    fault: Fault,
    times: u32,
) -> Result<(), Failure> {
    let by_itself = match &fault {
        Fault::Failed(why) => fails_by_itself(why),
        Fault::Panicked | Fault::TakenTooOften => true,
    };
    match by_itself && times > LAST_CHANCE {
        true => give_up(app, received, &fault.to_string()).await,
        false => Err(fault.into()),
    }
}

/// Whether the same again fails again, whatever is in reach then.
fn fails_by_itself(why: &Failure) -> bool {
    matches!(
        why.downcast_ref(),
        Some(StoreError::Corrupt(_) | StoreError::TooLarge(_))
    )
}

/// Puts a delivery where staff see it, so that it does not die in a dead-letter queue.
async fn give_up(app: &App, received: &Received, why: &str) -> Result<(), Failure> {
    let settings = app.settings_of(&received.clinic).await?;
    let body = BASE64_STANDARD.decode(&received.body)?;
    let job = PostingJob::of(app, &settings, received, &body)?;
    // Of this delivery: another with the same bytes may tell of another moment.
    let at = received.received_at.to_string();
    let id = contract::digest_id(&["body", &received.sha256, &at]);
    job.quarantine(&job.row(&id, "given up"), why, &body).await
}

/// Tries an event that waits for its case once more (`event` rows in the due index).
pub async fn post_again(app: &App, row: &Row) -> Result<(), Failure> {
    if !event::is_waiting(row) {
        return Ok(());
    }
    let event = EventRow::read(row)?;
    let settings = app.settings_of(&event.clinic).await?;
    let job = PostingJob::at(app, &settings, &event.source, event.received_at)?;
    let tries = event::tries(row) + 1;
    if let Some(led_to) = event::led_to(row)? {
        return job.follow(&event, &led_to, tries).await;
    }
    job.fact(&event, event::fact(row)?, tries).await
}

/// Facts before hints, each of which asks a vendor: what is slow holds nothing up.
fn in_order(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by_key(asks);
    items
}

/// Whether a vendor is asked about it.
fn asks(item: &Item) -> bool {
    matches!(item.notice, Ok(Notice::Hint { .. } | Notice::Booked { .. }))
}

/// The items that hold. The others are anybody's words.
fn proven(items: Vec<Item>, held: &[bool], source: &str) -> Vec<Item> {
    let all = items.len();
    let holds = |n: &usize| held.get(*n).copied().unwrap_or_default();
    let items = items.into_iter().enumerate();
    let items: Vec<_> = items
        .filter(|(n, _)| holds(n))
        .map(|(_, item)| item)
        .collect();
    if items.len() < all {
        let dropped = all - items.len();
        tracing::warn!(event = "items_refused", source, dropped, of = all);
    }
    items
}

impl PostingJob<'_> {
    fn row(&self, id: &str, name: &str) -> EventRow {
        EventRow::new(&self.settings.id, self.source, id, name, self.received_at)
    }

    /// What the vendor says of a delivery that intake could not prove: whether it is its own; `None`
    /// where it cannot be asked.
    async fn vouched(
        &self,
        inbound: &Inbound,
        delivery: &Delivery,
        account: &Account,
    ) -> Result<Option<bool>, Failure> {
        let Some(Postback { ask, verdict }) = &inbound.postback else {
            return Ok(None);
        };
        let reply = self
            .app
            .transport
            .send(inbound.vendor, account, &ask(delivery), None, None)
            .await
            .map_err(failure)?;
        let is_theirs = verdict(&reply).map_err(failure)?;
        if !is_theirs {
            tracing::info!(
                event = "webhook_refused",
                source = self.source,
                "not the vendor's"
            );
        }
        Ok(Some(is_theirs))
    }

    /// Which items hold of a batch that proves each by itself; `None` of any other delivery.
    async fn held(
        &self,
        inbound: &Inbound,
        delivery: &Delivery,
        account: &Account,
    ) -> Result<Option<Vec<bool>>, Failure> {
        let door = inbound.door;
        let each = contract::proof_of(door, delivery);
        if !matches!(each, Some(Proof::EachItem(_))) {
            return Ok(None);
        }
        if let Ok(Outcome::Items(held)) = contract::prove(door, delivery, account) {
            return Ok(Some(held));
        }
        // The secret was rotated since it was read here, or since intake proved it.
        let (name, known) = (
            secrets::inbound(&self.settings.id, &self.connection),
            &self.app.secrets,
        );
        for fields in [known.refreshed(&name).await?, known.former(&name).await?] {
            let fields = fields.unwrap_or_default();
            let account = Account::load(&[], (*fields).clone())?;
            if let Ok(Outcome::Items(held)) = contract::prove(door, delivery, &account) {
                return Ok(Some(held));
            }
        }
        Ok(Some(vec![]))
    }

    /// Posts all items of a delivery, and tells what failed first of them. One that fails must not
    /// hold up the others; all that were posted are posted once.
    async fn items(&self, received: &Received, items: Vec<Item>, trusted: bool) -> Option<Failure> {
        let mut failed = None;
        for (n, item) in in_order(items).into_iter().enumerate() {
            let asks = !trusted || asks(&item);
            if asks && n > 0 && lambda::time_is_short() {
                failed.get_or_insert("no time is left for all of its items".into());
                break;
            }
            let posted = match trusted {
                true => self.item(n, item, true).await,
                false => self.notice(received, item).await,
            };
            if let Err(why) = posted {
                tracing::warn!(%why, source = self.source, "an item of a webhook failed");
                failed.get_or_insert(why);
            }
        }
        failed
    }

    /// The `n`th item of a delivery.
    async fn item(&self, n: usize, item: Item, trusted: bool) -> Result<(), Failure> {
        let item = item.checked();
        let id = match &item.id {
            Some(id) => id.clone(),
            None => match &item.notice {
                Ok(notice) => contract::digest_id(&["item", &format!("{notice:?}")]),
                // Nothing in it may tell it from another: its place does.
                Err(_) => {
                    let of = contract::body_hash(self.body);
                    contract::digest_id(&["unreadable", &of, &n.to_string()])
                }
            },
        };
        let row = self.row(&id, &item.name);
        if !trusted {
            // Unproven bytes are only a hint, whatever they say, and leave no row of their own.
            let payment = match item.notice {
                Ok(Notice::Fact(fact)) => fact.payment,
                Ok(Notice::Hint { payment }) => Some(payment),
                Ok(
                    Notice::Visit(_)
                    | Notice::Booked { .. }
                    | Notice::Ignored(_)
                    | Notice::MethodGone { .. }
                    | Notice::MethodBack { .. },
                )
                | Err(_) => None,
            };
            return match payment {
                Some(payment) => self.unproven(&item.name, &payment).await,
                None => Ok(()),
            };
        }
        match item.notice {
            Err(why) => self.quarantine(&row, &why.0, self.body).await,
            Ok(Notice::Ignored(kind)) => {
                self.keep(&EventRow { kind, ..row }, "ignored", None).await
            }
            Ok(Notice::Fact(fact)) => self.fact(&row.clone().of_fact(&fact), *fact, 0).await,
            Ok(Notice::Visit(fact)) => self.visit(&row, &fact).await,
            Ok(Notice::Hint { payment }) => self.hint(row, payment).await,
            Ok(Notice::Booked { document }) => self.booked(&row, &document).await,
            Ok(Notice::MethodGone { token, at }) => {
                let kind = Kind::MandateCancelled;
                self.method(&EventRow { kind, ..row }, &token, at, method::gone)
                    .await
            }
            Ok(Notice::MethodBack { token, at }) => {
                let kind = Kind::MandateActive;
                self.method(&EventRow { kind, ..row }, &token, at, method::back)
                    .await
            }
        }
    }

    async fn look_up(&self, gateway: &Gateway, ask: &Lookup) -> Result<Vec<Fact>, Trouble> {
        let (clinic, vendor) = (&self.settings.id, gateway.vendor);
        let account = accounts::account_of(self.app, clinic, vendor, &self.connection).await?;
        calls::look_up(self.app, clinic, gateway, &account, ask).await
    }

    async fn fact(&self, row: &EventRow, fact: Fact, tries: usize) -> Result<(), Failure> {
        if matches!(
            fact.kind,
            Kind::Settled | Kind::PayoutPaid | Kind::PayoutFailed
        ) {
            return self.keep(row, "ignored", None).await;
        }
        let known = self.case_of(&fact).await?;
        if self.is_dropped(known.as_deref()).await? {
            return Ok(());
        }
        let Some(case) = known else {
            let why = "no case has this reference yet";
            return self.wait(row, &fact, tries, why, None).await;
        };
        let traits = match self.gateway {
            Some(gateway) => Traits::of(gateway, &self.connection),
            None => Traits::unknown(&self.connection),
        };
        let report = |fact: &Fact| rules::reported(&traits, vec![fact.clone()], false);
        let commit = async |event: Event| {
            let change = Change {
                row: Some(row.clone()),
                ..Change::new(
                    self.settings,
                    &case,
                    event,
                    format!("{} {}", row.source, row.vendor_event_id),
                )
            };
            commit::commit(self.app, change, None).await
        };
        let mut outcome = commit(report(&fact)).await?;
        if let Committed::LookUpFirst { payment } = outcome {
            outcome = match self.ask(&traits, &case, payment, &fact).await? {
                Some(Told::Posted(event)) => commit(event).await?,
                Some(Told::Known) => {
                    let row = row.write("superseded", &case, None);
                    return self.write(&[row]).await;
                }
                Some(Told::Contradiction(why)) => Committed::Contradiction(why),
                None => Committed::Wait(
                    "the gateway cannot be asked just now, or does not know of it yet",
                ),
            };
        }
        match outcome {
            Committed::Changed(_) | Committed::Nothing(_) | Committed::Repeated(_) => Ok(()),
            Committed::Wait(why) => self.wait(row, &fact, tries, why, Some(&case)).await,
            Committed::LookUpFirst { .. } => {
                let why = "it cannot be told yet";
                self.wait(row, &fact, tries, why, Some(&case)).await
            }
            Committed::Unmatched => {
                let why = "no payment matches it";
                self.wait(row, &fact, tries, why, None).await
            }
            Committed::Contradiction(why) => self.contradiction(row, &case, why).await,
            Committed::Refused(why) => self.contradiction(row, &case, format!("{why:?}")).await,
        }
    }

    /// What becomes of it once the gateway was asked; `None` where it cannot be asked just now.
    async fn ask(
        &self,
        traits: &Traits,
        case: &str,
        payment: u32,
        fact: &Fact,
    ) -> Result<Option<Told>, Failure> {
        let found = self.app.case(&self.settings.id, case).await?;
        let (Some(gateway), Some(case)) = (self.gateway, found) else {
            return Ok(None);
        };
        if let Some(told) = rules::unasked(traits, &case, payment, fact) {
            return Ok(Some(told));
        }
        let ask = rules::lookup(traits, &case, payment, fact);
        let answer = self.look_up(gateway, &ask).await;
        let answer = answer.map(|facts| rules::taken(&case, fact, facts));
        if let Err(trouble) = &answer {
            tracing::warn!(%trouble, case = case.id, "a look-up failed");
        }
        Ok(rules::told(traits, fact, &ask, answer).map(Told::Posted))
    }

    /// The case that a fact is about: by our reference, else by any alias.
    async fn case_of(&self, fact: &Fact) -> Result<Option<String>, Failure> {
        let ids = match rules::found_by(fact) {
            FoundBy::Case(case) => return Ok(Some(case.into())),
            FoundBy::Ids(ids) => ids,
        };
        let key = |id: &str| alias::key(&self.settings.id, &self.connection, id);
        let mut keys: Vec<_> = ids.into_iter().map(key).collect();
        keys.sort_by(|a, b| a.pk.cmp(&b.pk));
        keys.dedup();
        if keys.is_empty() {
            return Ok(None);
        }
        let rows = self.app.store.get_all(&keys).await?;
        let first = rows.iter().min_by(|a, b| a.pk().cmp(b.pk()));
        Ok(first.and_then(alias::case).map(str::to_owned))
    }

    /// Tried again on a growing schedule for a day, then a person's task: of the case where it is
    /// known.
    async fn wait(
        &self,
        row: &EventRow,
        fact: &Fact,
        tries: usize,
        why: &str,
        case: Option<&str>,
    ) -> Result<(), Failure> {
        let now = clock::now();
        let age = now.as_second() - row.received_at.as_second();
        let seconds = match (rules::later(fact, age, tries), case) {
            (Later::Again(seconds), _) => seconds,
            (Later::Kept, _) => return self.keep(row, "ignored", None).await,
            (Later::Person, Some(case)) => return self.contradiction(row, case, why.into()).await,
            (Later::Person, None) => return self.raise_unmatched(row, fact, why).await,
        };
        let due = time::millis(time::after(now, seconds));
        let waiting = event::tried(row.waiting(fact, why), tries);
        self.put(waiting.due(Lane::Settle, due)).await
    }

    async fn raise_unmatched(&self, row: &EventRow, fact: &Fact, why: &str) -> Result<(), Failure> {
        // One task for a stranger's payment, however many events tell of it.
        let of = row.gateway_ref.as_ref().unwrap_or(&row.vendor_event_id);
        let owner = self.row(of, &row.name).pk();
        let mut matter = Matter::of(Alert::ChargeWithoutInvoice).vendor(&self.connection);
        matter.amount = row.amount;
        let words = format!("{} of no invoice of ours ({why}).", row.name);
        tasks::raise(
            self.app,
            self.settings,
            &owner,
            "stranger",
            matter.words(words),
        )
        .await?;
        self.put(row.waiting(fact, "left to a person")).await
    }

    async fn contradiction(&self, row: &EventRow, case: &str, why: String) -> Result<(), Failure> {
        let kept = row.contradicting(case, &why);
        let event = Event::Person {
            id: format!("contradiction-{}", &ids::derived(&[&row.pk()])[..10]),
            matter: Matter::of(Alert::Contradiction)
                .vendor(&self.connection)
                .words(why),
        };
        let change = Change {
            also: vec![event::unless_ended(kept)],
            ..Change::new(
                self.settings,
                case,
                event,
                format!("{} {}", row.source, row.vendor_event_id),
            )
        };
        // Without a case of that id only the event is left to show.
        match commit::commit(self.app, change, None).await {
            Ok(Committed::Unmatched) => self.keep(row, "contradiction", None).await,
            // Its row exists already: this event was kept before.
            Err(_) if self.app.store.get(&row.pk(), event::SK).await?.is_some() => Ok(()),
            other => other.map(drop),
        }
    }

    /// What the gateway says of a method that one of the clinic's patients let it keep.
    async fn method(
        &self,
        row: &EventRow,
        token: &str,
        at: Option<Timestamp>,
        change: impl Fn(&str, &str, &str, &str, Timestamp) -> Write,
    ) -> Result<(), Failure> {
        let gateway = &self.connection;
        let pk = alias::pk(&self.settings.id, gateway, token);
        let alias = self.app.store.get(&pk, alias::SK).await?;
        let Some(patient) = alias.map(|row| alias::patient(&row).to_owned()) else {
            return self.keep(row, "ignored", None).await;
        };
        let at = at.unwrap_or(self.received_at);
        let change = change(&self.settings.id, &patient, gateway, token, at);
        let writes = [row.write("posted", "", None), change];
        match self.app.store.transact(&writes).await? {
            Written::Done => Ok(()),
            // No such method of the patient, or a newer notice of it came before: there is only the
            // event to show.
            Written::Failed(at) if !at.contains(&0) => self.keep(row, "ignored", None).await,
            Written::Failed(_) => Ok(()),
            Written::Conflict => Err("others are at the same rows".into()),
        }
    }

    /// What a practice system says of a visit.
    async fn visit(&self, row: &EventRow, fact: &VisitFact) -> Result<(), Failure> {
        let hearing = Hearing {
            app: self.app,
            settings: self.settings,
            faces: self.faces,
            connection: &self.connection,
            row,
            fact,
            gives_up: self.polled.is_some_and(|polled| polled.last_chance),
        };
        hearing.hear().await
    }

    /// A row that is only kept, with what else is to be written.
    async fn keep(&self, row: &EventRow, state: &str, also: Option<Write>) -> Result<(), Failure> {
        let (source, id) = (&row.source, &row.vendor_event_id);
        tracing::info!(event = "webhook_kept", source, id, name = row.name, state);
        let mut writes = vec![row.write(state, "", None)];
        writes.extend(also);
        self.write(&writes).await
    }

    /// A row that is there already was written before; one that others are at is tried again.
    async fn write(&self, writes: &[Write]) -> Result<(), Failure> {
        match self.app.store.transact(writes).await? {
            Written::Done | Written::Failed(_) => Ok(()),
            Written::Conflict => Err("others are at the same rows".into()),
        }
    }

    /// The payment that is looked at once more, where what was replayed is no webhook but a look-up.
    async fn replayed_look_up(&self, received: &Received) -> Result<Option<String>, Failure> {
        let Some(id) = &received.replays else {
            return Ok(None);
        };
        let row = self.row(id, "replayed");
        let row = self.app.store.get(&row.pk(), event::SK).await?;
        Ok(row.and_then(|row| event::hint(&row).map(String::from)))
    }

    /// Closes a row that was replayed as a whole: its items were posted under ids of their own.
    async fn replayed(&self, id: &str) -> Result<(), Failure> {
        let row = self.row(id, "replayed");
        let Some(known) = self.app.store.get(&row.pk(), event::SK).await? else {
            return Ok(());
        };
        // Posted or put aside again, or waiting for its case: it is one of the items.
        if !event::is_waiting(&known) || event::has_fact(&known) {
            return Ok(());
        }
        self.put(event::superseded(known)).await
    }

    async fn put(&self, row: Row) -> Result<(), Failure> {
        self.write(&[event::unless_ended(row)]).await
    }

    /// Kept sealed, in parts where it is large, to be seen and replayed by staff.
    async fn quarantine(&self, row: &EventRow, why: &str, body: &[u8]) -> Result<(), Failure> {
        let key = self.app.key(&format!("clinic {}", row.clinic)).await?;
        let text = BASE64_STANDARD.encode(body);
        let parts: Vec<_> = text.as_bytes().chunks(PART).collect();
        for (n, part) in parts.iter().enumerate() {
            let place = format!("{} part {n}", row.pk());
            let part = std::str::from_utf8(part)?;
            let kept = event::part(&row.pk(), n, key.seal(&place, &part));
            self.write(&[Write::Put(kept)]).await?;
        }
        let kept = row.quarantined(why, parts.len(), self.proven);
        let kept = match self.polled {
            Some(polled) => event::polled(kept, polled.list, polled.from),
            None => kept,
        };
        tracing::warn!(
            event = "quarantined",
            source = row.source,
            id = row.vendor_event_id,
            why
        );
        let words = format!("{}: {why}.", row.name);
        let matter = Matter::of(Alert::Unreadable).vendor(&self.connection);
        let asked = tasks::asking(
            self.settings,
            &row.pk(),
            tasks::UNREADABLE,
            matter.words(words),
        );
        let kept = event::unless_ended(kept);
        let also = asked.iter().cloned().map(Write::Put);
        let writes: Vec<_> = [kept].into_iter().chain(also).collect();
        match self.app.store.transact(&writes).await? {
            Written::Done => tasks::nudge_told(self.app, &asked).await,
            // It is kept already, and was told.
            Written::Failed(_) => {}
            Written::Conflict => return Err("others are at the same rows".into()),
        }
        Ok(())
    }
}
