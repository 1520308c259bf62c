//! One delivery on the table: its steps, each sent under a lease and once, and what becomes of a
//! call whose end nobody recorded.

use super::{App, Failure, Of, arrival, compose};
use crate::contract::{
    Account, Channel, Customer, Effect, ExternalId, LostReply, Message, Notification, Request,
    Subscription, System, Talk, Trouble,
};
use crate::domain::fact::Decline;
use crate::flows::connections::{self, Known};
use crate::flows::deliveries;
use crate::flows::talks::Line;
use crate::io::clock;
use crate::io::store::Write;
use crate::records::delivery::{DeliveryRow, State};
use crate::records::task;
use crate::words::seal::Key;
use crate::words::{ids, time};

pub type DeliveryStep = Effect<Notification, ExternalId>;

/// What a step came to: the id under which it was filed, where the system told one.
pub type End = Result<Option<String>, Setback>;

/// Why a step is not done.
#[derive(Debug, PartialEq, Eq)]
pub enum Setback {
    /// Again after so many seconds; `sent` where the call may have reached the system, `unanswered`
    /// where the system said nothing that can be relied on.
    Again {
        wait: i64,
        sent: bool,
        unanswered: bool,
        why: String,
    },
    /// The system takes no more calls for so many seconds.
    Held {
        seconds: i64,
        sent: bool,
        why: String,
    },
    /// Somebody else is at what it needs: again after so many seconds, and no try.
    Waits {
        seconds: i64,
        sent: bool,
        why: String,
    },
    /// Something that it names is gone at the system: nothing was done.
    Gone(String),
    /// A person must mend the connection first.
    Broken { sent: bool, why: String },
    /// Nothing of it was sent, and nobody need hear of it any more.
    Needless(&'static str),
    /// It may have reached the system, and cannot be asked or repeated.
    Unknown(String),
    /// The system refuses it for good.
    Failed(String),
    /// The patient wants no messages at this address: nothing is broken.
    OptedOut,
}

impl Setback {
    /// What people read of it.
    fn why(&self) -> &str {
        match self {
            Self::Again { why, .. }
            | Self::Held { why, .. }
            | Self::Waits { why, .. }
            | Self::Broken { why, .. }
            | Self::Gone(why)
            | Self::Unknown(why)
            | Self::Failed(why) => why,
            Self::Needless(why) => why,
            Self::OptedOut => "the patient wants none",
        }
    }

    /// Whether the system itself said it, of a call that was made.
    fn is_answer(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Gone(_) | Self::OptedOut => true,
            Self::Again { unanswered, .. } => !unanswered,
            _ => false,
        }
    }
}

/// What is found of a call that was sent before.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    End(End),
    /// It never reached the system: it may be sent anew.
    Nothing,
    /// The same bytes under the same key.
    Repeat,
}

pub struct DeliveryJob<'a> {
    pub(super) app: &'a App,
    pub(super) of: Of<'a>,
    pub system: &'static System,
    pub account: Account,
    pub connection: Known,
    pub key: Option<Key>,
    pub needless: Option<&'static str>,
}

impl DeliveryJob<'_> {
    /// Every step from the first that is not done.
    pub async fn steps(
        &self,
        mut row: DeliveryRow,
        subscription: &Subscription,
        notification: Notification,
    ) -> Result<(), Failure> {
        while let Some(step) = subscription.steps.get(row.steps_done) {
            let notification = self.of_step(&row, &notification);
            let nothing_to_do = (subscription.skips)(&notification, row.steps_done);
            if nothing_to_do && self.needless.is_none() && !row.may_be_sent() {
                let skipped = self.done(&row, subscription, None);
                let Some(next) = deliveries::replace(self.app, &row, skipped).await? else {
                    return Ok(());
                };
                row = next;
                continue;
            }
            let Some((held, end)) = self.attempt(step, row, &notification).await? else {
                return Ok(());
            };
            let done = match end {
                Ok(id) => {
                    self.connection_works().await?;
                    self.done(&held, subscription, id)
                }
                Err(setback) => {
                    let (of, system) = (self.of, self.system);
                    // A refusal is an answer as well: the connection works.
                    if held.may_be_sent() && setback.is_answer() {
                        self.connection_works().await?;
                    }
                    return deliveries::set_back(self.app, of, &held, system, setback).await;
                }
            };
            let ends = self.answered(&held, &done);
            let Some(next) = deliveries::replace_and(self.app, &held, done, ends).await? else {
                return Ok(());
            };
            row = next;
        }
        Ok(())
    }

    async fn connection_works(&self) -> Result<(), Failure> {
        let (clinic, name) = (&self.of.settings.id, self.name());
        connections::answered(self.app, clinic, name, &self.connection).await
    }

    /// The name of the connection.
    fn name(&self) -> &str {
        self.account.name(self.system.vendor)
    }

    /// The notification under the key of the step that is next.
    fn of_step(&self, row: &DeliveryRow, notification: &Notification) -> Notification {
        Notification {
            key: compose::key(&row.pk, &row.about.place, self.name(), row.steps_done),
            made: row.filed.clone(),
            ..notification.clone()
        }
    }

    /// Looks for a call that was lost; sends where there was none, or where it never arrived.
    /// `None` where the row is in other hands.
    async fn attempt(
        &self,
        step: &'static DeliveryStep,
        mut row: DeliveryRow,
        notification: &Notification,
    ) -> Result<Option<(DeliveryRow, End)>, Failure> {
        let lease = self.app.config.lease_seconds;
        if row.may_be_sent() {
            let held = leased(&row, lease);
            let Some(held) = deliveries::replace(self.app, &row, held).await? else {
                return Ok(None);
            };
            row = held;
            if let Some(end) = self.look_again(step, &row, notification).await {
                return Ok(Some((attempted(row, &end), end)));
            }
            if row.tries >= deliveries::PATIENCE {
                let why = "it was sent again and again and never arrived";
                return Ok(Some((row, Err(Setback::Failed(why.into())))));
            }
        }
        // Half done, it is finished: what follows builds on the whole.
        if let Some(why) = self.needless.filter(|_| row.steps_done == 0) {
            return Ok(Some((row, Err(Setback::Needless(why)))));
        }
        let sent = row.may_be_sent();
        let request = match self.build(step, notification).await {
            Ok(request) => request,
            Err(trouble) => return Ok(Some((row, unsent(trouble, sent)))),
        };
        let (channel, key) = (self.system.channel, self.key.as_ref());
        let sending = sending(&row, channel, key, notification, lease);
        let Some(row) = deliveries::replace(self.app, &row, sending).await? else {
            return Ok(None);
        };
        let end = self.send(step, notification, &request, false).await;
        Ok(Some((attempted(row, &end), end)))
    }

    /// Ends what people were asked of this delivery, once it has arrived after trouble.
    fn answered(&self, held: &DeliveryRow, done: &DeliveryRow) -> Vec<Write> {
        if done.state != State::Done || held.tries == 0 {
            return vec![];
        }
        vec![Write::Delete(task::person_key(
            &held.pk,
            &deliveries::task_of(held),
        ))]
    }

    /// The row with one more step done.
    fn done(
        &self,
        row: &DeliveryRow,
        subscription: &Subscription,
        id: Option<String>,
    ) -> DeliveryRow {
        let mut next = DeliveryRow {
            state: State::Open,
            steps_done: row.steps_done + 1,
            probe: false,
            ..row.clone()
        };
        next.filed.push(id.unwrap_or_default());
        if next.steps_done < subscription.steps.len() {
            return next;
        }
        tracing::info!(
            event = "delivered",
            system = self.name(),
            topic = subscription.topic.name(),
            case = self.of.case.map(|case| case.id.as_str())
        );
        let done = DeliveryRow {
            state: State::Done,
            behind: false,
            why: String::new(),
            sent: String::new(),
            ..next
        };
        arrival::looked_at(done, self.system)
    }

    /// How a call ended that was sent before and whose end nobody recorded; `None` where it never
    /// reached the system.
    async fn look_again(
        &self,
        step: &'static DeliveryStep,
        row: &DeliveryRow,
        notification: &Notification,
    ) -> Option<End> {
        let sent = as_sent(row, self.key.as_ref(), notification);
        let age = clock::now().as_second() - row.sent_at;
        match self.look(step, &sent, age).await {
            Look::End(end) => Some(end),
            Look::Repeat => Some(match self.build(step, &sent).await {
                Ok(request) => self.send(step, &sent, &request, true).await,
                Err(trouble) => unsent(trouble, true),
            }),
            Look::Nothing => None,
        }
    }

    async fn look(
        &self,
        step: &'static DeliveryStep,
        notification: &Notification,
        age: i64,
    ) -> Look {
        let (look, trusted_after) = match step.lost_reply.at(age) {
            LostReply::SameKey { .. } => return Look::Repeat,
            LostReply::Find {
                look,
                trusted_after,
            } => (look, trusted_after),
            LostReply::Human => {
                return Look::End(Err(Setback::Unknown("nobody recorded its end".into())));
            }
        };
        let read = |talk: &mut Talk| look(notification, talk, &self.account);
        seen(self.line().look(read).await, age, *trusted_after)
    }

    fn line(&self) -> Line<'_> {
        Line {
            app: self.app,
            clinic: &self.of.settings.id,
            vendor: self.system.vendor,
            account: &self.account,
        }
    }

    /// The request of a step, after what it must read: nothing was sent yet that acts.
    async fn build(
        &self,
        step: &'static DeliveryStep,
        notification: &Notification,
    ) -> Result<Request, Trouble> {
        let read = |talk: &mut Talk| (step.build)(notification, talk, &self.account);
        self.line().converse(None, read).await
    }

    /// `repeated` where it was sent before under the same key.
    async fn send(
        &self,
        step: &'static DeliveryStep,
        notification: &Notification,
        request: &Request,
        repeated: bool,
    ) -> End {
        let key = match &step.lost_reply {
            LostReply::SameKey { key, .. } => Some((*key, notification.key.as_str())),
            LostReply::Find { .. } | LostReply::Human => None,
        };
        let reply = self.line().call(request, key).await;
        match reply.and_then(|reply| (step.parse)(notification, &reply, &self.account)) {
            Ok(filed) => Ok(filed.0),
            Err(trouble) => {
                tracing::warn!(system = self.name(), %trouble, "a delivery failed");
                troubled(trouble, &step.lost_reply, repeated)
            }
        }
    }
}

/// What a look-up says of a call that was sent `age` seconds ago.
pub fn seen(found: Result<Option<ExternalId>, Trouble>, age: i64, trusted_after: i64) -> Look {
    let end = |setback| Look::End(Err(setback));
    let again = |unanswered, why| Setback::Again {
        wait: trusted_after,
        sent: true,
        unanswered,
        why,
    };
    match found {
        Ok(Some(filed)) => Look::End(Ok(filed.0)),
        Ok(None) if age >= trusted_after => Look::Nothing,
        Ok(None) => end(again(false, "looked for it, not there yet".into())),
        Err(Trouble::Rejected(why)) => end(Setback::Failed(why)),
        Err(Trouble::Declined(Decline::Cancelled)) => end(Setback::OptedOut),
        Err(trouble) => {
            let (sent, why) = (true, format!("looked for it: {trouble}"));
            end(match trouble {
                Trouble::Credentials(_) | Trouble::Closed(_) => Setback::Broken { sent, why },
                Trouble::Later { seconds, .. } => Setback::Held { seconds, sent, why },
                _ => again(matches!(trouble, Trouble::Unclear(_)), why),
            })
        }
    }
}

/// What a call's trouble means for the delivery; `sent` where one before it may have arrived.
pub fn troubled(trouble: Trouble, lost: &LostReply<Notification, ExternalId>, sent: bool) -> End {
    let why = trouble.to_string();
    let unanswered = matches!(trouble, Trouble::Unclear(_));
    let again = |wait, sent, why| {
        Err(Setback::Again {
            wait,
            sent,
            unanswered,
            why,
        })
    };
    match trouble {
        Trouble::Exists(id) => Ok(Some(id)),
        Trouble::Later { seconds, .. } => Err(Setback::Held { seconds, sent, why }),
        Trouble::Credentials(_) | Trouble::Closed(_) => Err(Setback::Broken { sent, why }),
        Trouble::NotTaken(_) => again(10, sent, why),
        Trouble::Gone(_) if !sent => Err(Setback::Gone(why)),
        Trouble::Missing | Trouble::Stale(_) | Trouble::Gone(_) => again(900, sent, why),
        Trouble::Declined(Decline::Cancelled) => Err(Setback::OptedOut),
        Trouble::Rejected(_) | Trouble::Declined(_) => Err(Setback::Failed(why)),
        Trouble::InFlight | Trouble::Unclear(_) | Trouble::Unreadable(_) => match lost {
            LostReply::Human => Err(Setback::Unknown(why)),
            LostReply::SameKey { .. } => again(10, true, why),
            LostReply::Find { trusted_after, .. } => again(*trusted_after, true, why),
        },
    }
}

/// What it means that a request could not be built, after whatever was read for it; `sent` where one
/// before it may have arrived.
fn unsent(trouble: Trouble, sent: bool) -> End {
    let again = |unanswered, why| Setback::Again {
        wait: UNREAD,
        sent,
        unanswered,
        why,
    };
    match trouble {
        // It never will be.
        Trouble::Rejected(why) => Err(Setback::Failed(why)),
        Trouble::Unclear(why) => Err(again(true, why)),
        // It looked first: what it would make is there.
        Trouble::Exists(id) => Ok(Some(id)),
        Trouble::InFlight | Trouble::Unreadable(_) => Err(again(false, trouble.to_string())),
        other => troubled(other, &LostReply::Human, sent),
    }
}

/// What must be read first and was not answered is asked again after so many seconds.
const UNREAD: i64 = 60;

/// The row with what came of a call, to be written with what follows from it.
fn attempted(row: DeliveryRow, end: &End) -> DeliveryRow {
    row.attempted(clock::now(), end.as_ref().err().map(Setback::why))
}

/// The row in our hands. Two that take it in the same instant must not write the same row.
fn leased(row: &DeliveryRow, lease_seconds: i64) -> DeliveryRow {
    let until = time::after(clock::now(), lease_seconds);
    let leased = DeliveryRow {
        state: State::Calling,
        owner: ids::random(),
        behind: false,
        ..row.clone()
    };
    leased.due_at(until)
}

/// The row as it is from the moment of a call. One that follows a lost one counts as a try. What
/// goes to a patient is kept sealed: a look-up must find the words that were sent, not today's.
pub fn sending(
    row: &DeliveryRow,
    channel: Channel,
    key: Option<&Key>,
    notification: &Notification,
    lease_seconds: i64,
) -> DeliveryRow {
    let mut sending = leased(row, lease_seconds);
    sending.sent_at = clock::now().as_second();
    sending.tries += i64::from(row.may_be_sent());
    if channel == Channel::Books {
        sending.applied = Some(notification.standing.applied.minor);
    }
    let to_patient = matches!(channel, Channel::PatientEmail | Channel::PatientText);
    if let Some(key) = key.filter(|_| to_patient) {
        let words = (&notification.customer, &notification.message);
        sending.sent = key.seal(&place(row), &words);
    }
    sending
}

/// The notification with the addressee and the words that were sent.
pub fn as_sent(row: &DeliveryRow, key: Option<&Key>, notification: &Notification) -> Notification {
    let mut sent = notification.clone();
    let kept = key.and_then(|key| key.open::<(Customer, Message)>(&place(row), &row.sent).ok());
    if let Some((customer, message)) = kept {
        (sent.customer, sent.message) = (customer, message);
    }
    sent
}

fn place(row: &DeliveryRow) -> String {
    format!("{} {}", row.pk, row.sk())
}
