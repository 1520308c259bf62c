//! Notices that nobody proved: anybody may send them, so a gateway is asked under the clinic's key
//! only of what is known to be the clinic's, and once for all notices that came before.

use super::*;
use crate::domain::task::Queue;
use crate::records::asked::{self, Asked};
use std::time::Duration;

/// One look-up of a payment in so many milliseconds, however many notices speak of it.
const EACH: i64 = 3000;
/// How often a notice looks whether another one's look-up told of it, and how long it waits.
const LOOKS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(200);
/// After so many seconds a payment that nobody knew is looked for once more: the call that opened
/// its page may still have been on its way.
const SECOND_LOOK: i32 = 120;
/// How long it is remembered when a payment was looked up, in seconds.
const REMEMBERED: i64 = 86_400;

impl PostingJob<'_> {
    pub(super) async fn notice(&self, received: &Received, item: Item) -> Result<(), Failure> {
        let of = match &item.notice {
            Ok(Notice::Fact(fact)) => fact.payment_ids().next().map(str::to_owned),
            Ok(Notice::Hint { payment }) => Some(payment.clone()),
            Ok(
                Notice::Visit(_)
                | Notice::Booked { .. }
                | Notice::Ignored(_)
                | Notice::MethodGone { .. }
                | Notice::MethodBack { .. },
            )
            | Err(_) => None,
        };
        // No row has a longer key; nothing of ours has such an id.
        let Some(payment) = of.filter(|id| id.len() <= 200) else {
            return Ok(());
        };
        let pk = alias::pk(&self.settings.id, &self.connection, &payment);
        let is_known = self.app.store.get(&pk, alias::SK).await?.is_some();
        if !is_known && !self.is_of_a_case(&item).await? {
            return self.second_look(received).await;
        }
        let Some(asking) = self.turn(&pk, received.received_at).await? else {
            return Ok(());
        };
        self.item(0, item, false).await?;
        // Should this not be written, the next notice asks once more.
        let heard = asking.heard(&pk, REMEMBERED);
        let _ = self.app.store.transact(&[heard]).await;
        Ok(())
    }

    /// Whether what is claimed carries our own reference of a case that is there.
    async fn is_of_a_case(&self, item: &Item) -> Result<bool, Failure> {
        let Ok(Notice::Fact(fact)) = &item.notice else {
            return Ok(false);
        };
        let reference = fact.reference.as_deref().and_then(ids::read_reference);
        let Some((case, _)) = reference else {
            return Ok(false);
        };
        Ok(self.app.case(&self.settings.id, case).await?.is_some())
    }

    /// That we ask now; `None` where a look-up that began after the notice came
    /// has told of it already.
    async fn turn(&self, pk: &str, came_at: i64) -> Result<Option<Asked>, Failure> {
        for _ in 0..LOOKS {
            let known = self.app.store.get(pk, asked::SK).await?;
            let known = Asked::read(known.as_ref());
            if known.heard_at >= (came_at + 1) * 1000 {
                return Ok(None);
            }
            let now = time::millis(clock::now());
            if (0..EACH).contains(&(now - known.asked_at)) {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let (asking, write) = known.asks(pk, now, REMEMBERED);
            if self.app.store.transact(&[write]).await? == Written::Done {
                return Ok(Some(asking));
            }
        }
        Err("others are asking of the same payment".into())
    }

    async fn second_look(&self, received: &Received) -> Result<(), Failure> {
        if received.again || received.replays.is_some() {
            tracing::info!(
                event = "notice_dropped",
                source = self.source,
                "of a payment that nobody here knows"
            );
            return Ok(());
        }
        let again = Received {
            again: true,
            ..received.clone()
        };
        let queues = &self.app.queues;
        let sent = queues.send_after(Queue::Unproven, &again, Some(SECOND_LOOK));
        Ok(sent.await?)
    }
}
