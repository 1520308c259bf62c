//! Money calls: the intent is written, the gateway is called, the outcome is written. A crash at
//! any line leaves an intent whose lease runs out, and then a question, never a blind repeat.

mod ask;
mod settle;

use super::commit::{Change, Committed};
use super::{Failure, House, lease_seconds, read_case_pk};
use crate::clock;
use crate::domain::case::{Case, Intent, Session, Step};
use crate::domain::decide::task_id;
use crate::domain::event::{Event, NotDone, Report};
use crate::domain::fact::Fact;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter};
use crate::gateways::{self, Gateway, Lookup};
use crate::ids;
use crate::queue::RowKey;
use crate::vendor::{Account, Request, Trouble};
use ask::{Ask, Outcome};
use std::sync::Arc;

pub use ask::Target;

/// A wrong key or a missing secret is tried again after this many seconds.
const BLOCKED: i64 = 900;
/// A request that the gateway's own state has overtaken is built anew after so many seconds.
const STALE: i64 = 30;

/// One payment or refund on the table: everything that its calls need.
struct Desk<'a> {
    house: &'a House,
    settings: Arc<Settings>,
    gateway: &'static Gateway,
    account: Account,
    target: Target,
    /// Where the gateway sends the payer back to.
    return_to: String,
}

impl House {
    /// Takes the next step of a payment (`task#p1`), or starts a due retry (`task#retry-p1`).
    pub async fn pay(&self, key: &RowKey) -> Result<(), Failure> {
        let (clinic, case) = read_case_pk(&key.pk).ok_or("no key of a case")?;
        let id = key.sk.strip_prefix("task#").ok_or("no key of a task")?;
        if let Some(n) = id.strip_prefix("retry-p").and_then(|n| n.parse().ok()) {
            return self.retry(key, clinic, case, n).await;
        }
        let payment = id.strip_prefix('p').and_then(|n| n.parse().ok());
        let payment = payment.ok_or_else(|| format!("no payment: {id}"))?;
        let case = self.case(clinic, case).await?.ok_or("no such case")?;
        self.execute(
            clinic,
            case,
            Target {
                payment,
                refund: None,
            },
        )
        .await
    }

    /// Sends a refund (`task#r1`) to its gateway.
    pub async fn refund(&self, key: &RowKey) -> Result<(), Failure> {
        let (clinic, id) = read_case_pk(&key.pk).ok_or("no key of a case")?;
        let n = key.sk.strip_prefix("task#r").and_then(|n| n.parse().ok());
        let n = n.ok_or_else(|| format!("no refund: {}", key.sk))?;
        let case = self.case(clinic, id).await?.ok_or("no such case")?;
        let Some((payment, _)) = case.refund(n) else {
            return Ok(());
        };
        let target = Target {
            payment: payment.n,
            refund: Some(n),
        };
        self.execute(clinic, case, target).await
    }

    async fn execute(&self, clinic: &str, case: Case, target: Target) -> Result<(), Failure> {
        let settings = self.settings_of(clinic).await?;
        let now = clock::now();
        if let Some(intent) = target.intent(&case) {
            // Somebody is calling; or was, and never came back: then the outcome is unknown.
            if intent.lease_until > now || target.is_unknown(&case) {
                return Ok(());
            }
            if intent.step == Step::Checkout {
                // Nobody was sent to that page: it is opened again under its key.
                let lease_until = clock::after(now, lease_seconds());
                let intent = Intent {
                    owner: ids::random(),
                    lease_until,
                    ..intent.clone()
                };
                let ready = self.desk(settings, case, target).await?;
                return match ready {
                    Some((desk, case)) => desk.call_and_record(case, intent).await,
                    None => Ok(()),
                };
            }
            return self.lost(&settings, case, target).await;
        }
        let Some(step) = target.next_step(&case) else {
            return Ok(());
        };
        let Some((desk, case)) = self.desk(settings, case, target).await? else {
            return Ok(());
        };
        let built = desk
            .ask(&case, step)
            .and_then(|ask| ask.build(desk.gateway, &desk.account));
        let request = match built {
            Ok(request) => request,
            Err(trouble) => {
                let event = desk.answered(&case, vec![target.failed(&case, &trouble)]);
                return self
                    .record(&desk.settings, case, event, &trouble.to_string())
                    .await;
            }
        };
        let intent = Intent {
            step,
            key: target.key(&case, step),
            owner: ids::random(),
            lease_until: clock::after(now, lease_seconds()),
            first_sent_at: now,
            request: serde_json::to_value(&request)?,
        };
        desk.call_and_record(case, intent).await
    }

    /// Everything that calls about this target need; `None` where something is missing that a
    /// person must mend, which is then written down.
    async fn desk(
        &self,
        settings: Arc<Settings>,
        case: Case,
        target: Target,
    ) -> Result<Option<(Desk<'_>, Case)>, Failure> {
        let name = case
            .payment(target.payment)
            .map_or("", |p| p.gateway.as_str());
        let trouble = match gateways::find(name) {
            None => Trouble::Credentials(format!("{name} is no gateway of this version")),
            Some(gateway) => match self.account(&settings.id, gateway.vendor).await {
                Ok(account) => {
                    let payment = ids::payment_reference(&case.id, target.payment);
                    let return_to = self.done_address(&settings.id, &payment).await?;
                    let desk = Desk {
                        house: self,
                        settings,
                        gateway,
                        account,
                        target,
                        return_to,
                    };
                    return Ok(Some((desk, case)));
                }
                Err(trouble) => trouble,
            },
        };
        let event = not_done(target, &trouble, "A call waits safely");
        self.record(&settings, case, event, "not sent").await?;
        Ok(None)
    }

    /// The lease of a call ran out.
    async fn lost(&self, settings: &Settings, case: Case, target: Target) -> Result<(), Failure> {
        let Target { payment, refund } = target;
        let event = Event::ReplyLost { payment, refund };
        self.record(settings, case, event, "a call never came back")
            .await
    }

    /// Commits what came of a call. What cannot be true becomes a person's task.
    async fn record(
        &self,
        settings: &Settings,
        case: Case,
        event: Event,
        cause: &str,
    ) -> Result<(), Failure> {
        let id = case.id.clone();
        let change = Change::new(settings, &id, event, cause.into());
        if let Committed::Contradiction(note) = self.commit(change, Some(case)).await? {
            let task = format!("contradiction-{}", &ids::derived(&[&note])[..10]);
            let event = Event::Person {
                id: task,
                matter: Matter::of(Alert::Contradiction).words(note),
            };
            self.commit(Change::new(settings, &id, event, cause.into()), None)
                .await?;
        }
        Ok(())
    }

    /// What the gateway now says of a payment.
    pub async fn look_up(
        &self,
        clinic: &str,
        gateway: &Gateway,
        account: &Account,
        ask: &Lookup,
    ) -> Result<Vec<Fact>, Trouble> {
        let inquiry = gateway.lookup.get()?;
        let mut replies = vec![];
        for request in (inquiry.build)(ask, account) {
            replies.push(
                self.call(clinic, gateway.vendor, account, &request, None)
                    .await?,
            );
        }
        (inquiry.parse)(ask, &replies, account)
    }

    async fn retry(
        &self,
        key: &RowKey,
        clinic: &str,
        case: &str,
        payment: u32,
    ) -> Result<(), Failure> {
        let Some(row) = self.store.get(&key.pk, &key.sk).await? else {
            return Ok(());
        };
        if row.int("due_at") > clock::millis(clock::now()) {
            return Ok(());
        }
        let settings = self.settings_of(clinic).await?;
        let loaded = self.case(clinic, case).await?.ok_or("no such case")?;
        let failed = loaded.payment(payment).and_then(|p| p.method.clone());
        let method = match &loaded.patient {
            Some(patient) => {
                self.method_to_charge(clinic, patient, failed.as_ref())
                    .await?
            }
            None => failed,
        };
        let event = Event::RetryDue { payment, method };
        let cause = format!("retry of payment {payment}");
        self.commit(Change::new(&settings, case, event, cause), Some(loaded))
            .await?;
        Ok(())
    }
}

impl Desk<'_> {
    fn ask(&self, case: &Case, step: crate::domain::case::Step) -> Result<Ask, Trouble> {
        let lacking = || Trouble::Rejected("the payment lacks what this call needs".into());
        Ask::of(
            case,
            self.target,
            step,
            &self.settings,
            &self.house.public_url,
            &self.return_to,
        )
        .ok_or_else(lacking)
    }

    /// Intent, call, record.
    async fn call_and_record(&self, case: Case, intent: Intent) -> Result<(), Failure> {
        let Target { payment, refund } = self.target;
        let (id, owner) = (case.id.clone(), intent.owner.clone());
        let calling = Event::Calling {
            payment,
            refund,
            intent,
        };
        let cause = format!("{} {}", self.gateway.vendor.id, task_id(payment, refund));
        let change = Change::new(&self.settings, &id, calling, cause);
        let Committed::Changed(case) = self.house.commit(change, Some(case)).await? else {
            // Another function was faster.
            return Ok(());
        };
        // Only the owner of the lease calls.
        let Some(intent) = self.target.intent(&case).filter(|i| i.owner == owner) else {
            return Ok(());
        };
        let event = match self.call(&case, intent).await {
            Ok(Ok(session)) => Event::SessionOpened { payment, session },
            Ok(Err(facts)) => self.answered(&case, facts),
            Err(trouble) => {
                tracing::warn!(gateway = self.gateway.vendor.id, case = id, %trouble, "no answer");
                self.after_trouble(&case, trouble).await
            }
        };
        let cause = format!("{} reply", self.gateway.vendor.id);
        self.house
            .record(&self.settings, *case, event, &cause)
            .await
    }

    /// The call that an intent describes: a page that was opened, or facts.
    async fn call(
        &self,
        case: &Case,
        intent: &Intent,
    ) -> Result<Result<Session, Vec<Fact>>, Trouble> {
        let mut ask = self.ask(case, intent.step)?;
        let place = ask.key_place(self.gateway);
        let mut request: Request = serde_json::from_value(intent.request.clone())
            .map_err(|why| Trouble::Unreadable(why.to_string()))?;
        for step in 1.. {
            let key = match ask {
                Ask::Checkout(_) => format!("{}-{step}", intent.key),
                _ => intent.key.clone(),
            };
            let key = place.map(|place| (place, key.as_str()));
            let clinic = &self.settings.id;
            let vendor = self.gateway.vendor;
            let reply = self
                .house
                .call(clinic, vendor, &self.account, &request, key)
                .await?;
            match ask.parse(self.gateway, &reply, &self.account)? {
                Outcome::Page(session) => return Ok(Ok(session)),
                Outcome::Facts(facts) => return Ok(Err(facts)),
                Outcome::Next(id) if step < 4 => {
                    if let Ask::Checkout(checkout) = &mut ask {
                        checkout.opened = Some(id);
                    }
                    request = ask.build(self.gateway, &self.account)?;
                }
                Outcome::Next(_) => break,
            }
        }
        Err(Trouble::Unreadable(
            "a page that takes more than four calls".into(),
        ))
    }

    async fn after_trouble(&self, case: &Case, trouble: Trouble) -> Event {
        let Target { payment, refund } = self.target;
        match &trouble {
            Trouble::Declined(_) | Trouble::Rejected(_) | Trouble::Missing => {
                self.answered(case, vec![self.target.failed(case, &trouble)])
            }
            Trouble::Credentials(_) | Trouble::Limited { .. } => {
                not_done(self.target, &trouble, self.gateway.vendor.name)
            }
            Trouble::Exists(id) => {
                let mut ask = self.target.lookup(case);
                if refund.is_none() && !id.is_empty() {
                    ask.payment = Some(id.clone());
                }
                match self.look(&ask).await {
                    Ok(facts) if !facts.is_empty() => self.looked_up(case, facts),
                    _ => Event::ReplyLost { payment, refund },
                }
            }
            Trouble::InFlight | Trouble::Unclear(_) | Trouble::Unreadable(_) => {
                Event::ReplyLost { payment, refund }
            }
            // An earlier try may have acted: only the gateway's own list can tell.
            Trouble::Stale(_) if self.target.is_unknown(case) => {
                match self.look(&self.target.lookup(case)).await {
                    Ok(facts) if self.mentions(case, &facts) => self.looked_up(case, facts),
                    _ => Event::ReplyLost { payment, refund },
                }
            }
            Trouble::Stale(_) => {
                self.learn(case).await;
                Event::NotDone(NotDone {
                    payment,
                    refund,
                    retry_at: clock::after(clock::now(), STALE),
                    never: false,
                    note: None,
                })
            }
        }
    }

    async fn look(&self, ask: &Lookup) -> Result<Vec<Fact>, Trouble> {
        let clinic = &self.settings.id;
        self.house
            .look_up(clinic, self.gateway, &self.account, ask)
            .await
    }

    fn mentions(&self, case: &Case, facts: &[Fact]) -> bool {
        let reference = self.target.reference(case);
        facts
            .iter()
            .any(|fact| fact.reference.as_ref() == Some(&reference))
    }

    /// Commits what the gateway knows of the payment and we do not, so that the next try fits.
    async fn learn(&self, case: &Case) {
        let learned = match self.look(&self.target.lookup(case)).await {
            Ok(facts) => facts,
            Err(trouble) => {
                tracing::warn!(%trouble, case = case.id, "a look-up failed");
                return;
            }
        };
        let event = self.looked_up(case, learned);
        let cause = format!("{} look-up", self.gateway.vendor.id);
        let record = self
            .house
            .record(&self.settings, case.clone(), event, &cause);
        if let Err(why) = record.await {
            tracing::warn!(%why, case = case.id, "what was looked up is not kept");
        }
    }

    /// What our own call, or the look-up of it, was answered. It need not repeat the reference.
    fn answered(&self, case: &Case, facts: Vec<Fact>) -> Event {
        self.reported(facts, self.target.reference(case), true)
    }

    /// What was looked up of the payment as a whole.
    fn looked_up(&self, case: &Case, facts: Vec<Fact>) -> Event {
        let reference = ids::payment_reference(&case.id, self.target.payment);
        self.reported(facts, reference, false)
    }

    /// Facts that we asked for ourselves: what is true now.
    fn reported(&self, mut facts: Vec<Fact>, reference: String, answer: bool) -> Event {
        for fact in &mut facts {
            fact.reference.get_or_insert_with(|| reference.clone());
        }
        Event::Reported(Report {
            gateway: self.gateway.vendor.id.into(),
            facts,
            current: true,
            answer,
            late_failures: self.gateway.late_failures,
            page_stays: self.gateway.page_stays,
        })
    }
}

/// Nothing was done; it is tried again.
fn not_done(target: Target, trouble: &Trouble, who: &str) -> Event {
    let Target { payment, refund } = target;
    let (seconds, note) = match trouble {
        Trouble::Limited { seconds } => ((*seconds).clamp(1, 3600), None),
        other => (BLOCKED, Some(format!("{who}: {other}."))),
    };
    let retry_at = clock::after(clock::now(), seconds);
    Event::NotDone(NotDone {
        payment,
        refund,
        retry_at,
        never: false,
        note,
    })
}
