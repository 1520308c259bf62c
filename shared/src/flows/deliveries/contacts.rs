//! The contact of a patient at a system: its id is known, or it is found or made under a lock.

use super::job::{Setback, troubled};
use super::{App, Failure};
use crate::contract::{Account, ContactCalls, LostReply, Notification, System, Talk};
use crate::flows::talks::Line;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, Write, Written};
use crate::records::known::{self, Known};
use crate::words::ids;

/// Who meets somebody else at the same contact looks again after so many seconds.
const BUSY: i64 = 2;

/// What a contact is asked with.
pub struct Ask<'a> {
    pub app: &'a App,
    pub clinic: &'a str,
    pub system: &'static System,
    pub account: &'a Account,
    pub notification: &'a Notification,
    /// Whether the delivery's own call may have reached the system.
    pub sent: bool,
}

impl Ask<'_> {
    fn line(&self) -> Line<'_> {
        Line {
            app: self.app,
            clinic: self.clinic,
            vendor: self.system.vendor,
            account: self.account,
        }
    }
}

/// The id where it is known here, so that nothing need be asked.
pub async fn known_id(ask: &Ask<'_>) -> Result<Option<String>, Failure> {
    let reference = &ask.notification.customer.reference;
    let key = known::key(ask.clinic, ask.account.name(ask.system.vendor), reference);
    let row = ask.app.store.get(&key.pk, &key.sk).await?;
    let known = row.as_ref().map(Known::read).transpose()?;
    Ok(known.and_then(|known| known.id))
}

/// The id of the patient's contact, or why the delivery cannot go on now.
pub async fn id_of(
    ask: &Ask<'_>,
    calls: &ContactCalls,
) -> Result<Result<String, Setback>, Failure> {
    let reference = &ask.notification.customer.reference;
    let key = known::key(ask.clinic, ask.account.name(ask.system.vendor), reference);
    let row = ask.app.store.get(&key.pk, &key.sk).await?;
    let version = row.as_ref().map_or(0, Row::version);
    let known = row
        .as_ref()
        .map(Known::read)
        .transpose()?
        .unwrap_or_default();
    if let Some(id) = known.id {
        return Ok(Ok(id));
    }
    let now = clock::now().as_second();
    let busy = || Setback::Waits {
        seconds: BUSY,
        sent: ask.sent,
        why: "the patient's contact is being found or made".into(),
    };
    if known.lease_until > now {
        return Ok(Err(busy()));
    }
    let held = Known {
        lease_until: now + ask.app.config.lease_seconds,
        ..known
    };
    if !put(ask, &key, version, &held).await? {
        return Ok(Err(busy()));
    }
    let (version, known, end) = found_or_made(ask, calls, &key, version + 1, held).await?;
    let id = end.as_ref().ok().cloned();
    let released = Known {
        id,
        lease_until: 0,
        ..known
    };
    put(ask, &key, version, &released).await?;
    Ok(end)
}

/// Looks for it, and makes it where there is none; with the row's version and what it says then.
/// That it is made is written down before.
async fn found_or_made(
    ask: &Ask<'_>,
    calls: &ContactCalls,
    key: &RowKey,
    version: u64,
    held: Known,
) -> Result<(u64, Known, Result<String, Setback>), Failure> {
    let found = asked(ask, calls).await;
    let now = clock::now().as_second();
    let unsure = held.made_at > 0 && now - held.made_at < calls.trusted_after;
    match found {
        Err(setback) => return Ok((version, held, Err(setback))),
        Ok(Some(id)) => return Ok((version, held, Ok(id))),
        Ok(None) if unsure => {
            let setback = Setback::Waits {
                seconds: calls.trusted_after,
                sent: ask.sent,
                why: "the patient's contact may have been made: it is looked for".into(),
            };
            return Ok((version, held, Err(setback)));
        }
        Ok(None) => {}
    }
    let making = Known {
        made_at: now,
        ..held
    };
    if !put(ask, key, version, &making).await? {
        return Err("others took over the contact".into());
    }
    let made = made(ask, calls, now).await;
    Ok((version + 1, making, made))
}

async fn asked(ask: &Ask<'_>, calls: &ContactCalls) -> Result<Option<String>, Setback> {
    let read = |talk: &mut Talk| (calls.find)(ask.notification, talk, ask.account);
    match ask.line().converse(None, read).await {
        Ok(found) => Ok(found.and_then(|id| id.0)),
        Err(trouble) => Err(set_back(ask, trouble)),
    }
}

/// Under a key of this making: what was made before and is gone must not be answered again.
async fn made(ask: &Ask<'_>, calls: &ContactCalls, now: i64) -> Result<String, Setback> {
    let notification = Notification {
        key: ids::derived(&[&ask.notification.key, &now.to_string()]),
        ..ask.notification.clone()
    };
    let read = |talk: &mut Talk| (calls.make)(&notification, talk, ask.account);
    match ask.line().converse(None, read).await {
        Ok(id) => {
            id.0.ok_or_else(|| Setback::Failed("a contact without an id".into()))
        }
        Err(trouble) => Err(set_back(ask, trouble)),
    }
}

/// What the contact's trouble means for the delivery, of which nothing was sent by it.
fn set_back(ask: &Ask<'_>, trouble: crate::contract::Trouble) -> Setback {
    if trouble.may_have_happened() {
        return Setback::Again {
            wait: BUSY,
            sent: ask.sent,
            unanswered: true,
            why: format!("the patient's contact: {trouble}"),
        };
    }
    match troubled(trouble, &LostReply::Human, ask.sent) {
        Err(setback) => setback,
        Ok(_) => Setback::Failed("the patient's contact cannot be made".into()),
    }
}

async fn put(ask: &Ask<'_>, key: &RowKey, version: u64, known: &Known) -> Result<bool, Failure> {
    let row = known.row(key, version + 1);
    let write = match version {
        0 => Write::New(row),
        version => Write::Replace { row, version },
    };
    Ok(ask.app.store.transact(&[write]).await? == Written::Done)
}

/// It is gone at the system: it is found or made anew.
pub async fn forget(app: &App, clinic: &str, vendor: &str, reference: &str) -> Result<(), Failure> {
    let key = known::key(clinic, vendor, reference);
    app.store.transact(&[Write::Delete(key)]).await?;
    Ok(())
}
