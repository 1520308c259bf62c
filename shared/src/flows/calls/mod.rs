//! Money calls: the intent is written, the gateway is called, the outcome is written. A crash at
//! any line leaves an intent whose lease runs out, and then a question, never a blind repeat. What
//! comes next is said by [`protocol`]; this does it, with the table and the gateway.

pub mod ask;
mod pressed;
pub mod protocol;
pub mod unread;
pub mod waking;

use super::accounts::failure;
use super::commit::{Change, Committed};
use super::{App, Failure};
use crate::contract::{Account, Gateway, Lookup, Request, Talk, Told, Trouble};
use crate::domain::case::{Case, Intent, OpensBy, Payment, Session, Step};
use crate::domain::decide::task_id;
use crate::domain::event::Event;
use crate::domain::fact::{Fact, Method};
use crate::domain::settings::Settings;
use crate::domain::task::Work;
use crate::flows::accounts;
use crate::flows::commit;
use crate::flows::erasure;
use crate::flows::pages;
use crate::flows::patients;
use crate::flows::talks::Line;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::records::{case, task};
use crate::vendors;
use crate::words::{ids, time};
use ask::{Ask, Back};
use std::sync::Arc;

pub use ask::{Outcome, Target};
pub use pressed::pressed;
pub use protocol::{At, Heard, Job, Lost, Move, Recorded, Traits};

/// One payment or refund on the table: everything that its calls need.
struct GatewayCall<'a> {
    app: &'a App,
    settings: Arc<Settings>,
    /// `None` for one that this version does not have.
    gateway: Option<&'static Gateway>,
    /// Once something is to be asked of it.
    open: Option<Open>,
    target: Target,
    /// The newest that is known.
    case: Case,
}

/// A gateway with the clinic's account at it.
struct Open {
    gateway: &'static Gateway,
    account: Account,
    back: Back,
}

/// A form's address is the adapter's own, where a local stack has another.
fn at_home(app: &App, gateway: &Gateway, opens_by: OpensBy) -> OpensBy {
    match opens_by {
        OpensBy::PostForm { to, fields } => OpensBy::PostForm {
            to: app.transport.at_home(gateway.vendor.id, to),
            fields,
        },
        other => other,
    }
}

/// Where the payer of this payment (`{case}-p1`) is sent back to.
async fn back(app: &App, clinic: &str, payment: &str) -> Result<Back, Failure> {
    Ok(Back {
        done: pages::done_address(app, clinic, payment).await?,
        cancelled: pages::cancelled_address(app, clinic, payment).await?,
    })
}

/// Takes the next step of a payment (`task#p1`), or starts a due retry (`task#retry-p1`).
pub async fn pay(app: &App, key: &RowKey) -> Result<(), Failure> {
    let (clinic, case) = case::read_pk(&key.pk).ok_or("no key of a case")?;
    let id = task::id_of(&key.sk).ok_or("no key of a task")?;
    if let Some(n) = id.strip_prefix("retry-p").and_then(|n| n.parse().ok()) {
        return retry(app, key, clinic, case, n).await;
    }
    let payment = id.strip_prefix('p').and_then(|n| n.parse().ok());
    let payment = payment.ok_or_else(|| format!("no payment: {id}"))?;
    let case = app.case(clinic, case).await?.ok_or("no such case")?;
    let target = Target {
        payment,
        refund: None,
    };
    if let Some(patient) = begins_without(app, clinic, &case, payment).await? {
        let settings = app.settings_of(clinic).await?;
        return erasure::give_up(app, &settings, &patient, &case.id).await;
    }
    // The row says that the payment is to be looked at; which step is next, the case says.
    let step = Step::Charge;
    work_off(app, clinic, case, target, Work::Pay { payment, step }).await
}

/// The patient, where they were erased before anything of this payment began.
async fn begins_without(
    app: &App,
    clinic: &str,
    case: &Case,
    payment: u32,
) -> Result<Option<String>, Failure> {
    let patient = case.patient.as_deref();
    let unbegun = case.payment(payment).is_some_and(Payment::is_unbegun);
    let gone = unbegun && app.is_erased(clinic, patient).await?;
    Ok(patient.filter(|_| gone).map(String::from))
}

/// Sends a refund (`task#r1`) to its gateway.
pub async fn refund(app: &App, key: &RowKey) -> Result<(), Failure> {
    let (clinic, id) = case::read_pk(&key.pk).ok_or("no key of a case")?;
    let n = task::id_of(&key.sk).and_then(|id| id.strip_prefix('r'));
    let n = n.and_then(|n| n.parse().ok());
    let n = n.ok_or_else(|| format!("no refund: {}", key.sk))?;
    let case = app.case(clinic, id).await?.ok_or("no such case")?;
    let Some((payment, _)) = case.refund(n) else {
        return Ok(());
    };
    let target = Target {
        payment: payment.n,
        refund: Some(n),
    };
    work_off(app, clinic, case, target, Work::Refund { refund: n }).await
}

/// Works a `Work::Settle` row off.
pub async fn settle(app: &App, key: &RowKey, target: Target, tries: u32) -> Result<(), Failure> {
    let (clinic, id) = case::read_pk(&key.pk).ok_or("no key of a case")?;
    let case = app.case(clinic, id).await?.ok_or("no such case")?;
    let Target { payment, refund } = target;
    let due = Work::Settle {
        payment,
        refund,
        tries,
    };
    work_off(app, clinic, case, target, due).await
}

/// Does what the protocol asks for until it is done. A failure ends it where it stands: what
/// was written leads on from there.
async fn work_off(
    app: &App,
    clinic: &str,
    case: Case,
    target: Target,
    due: Work,
) -> Result<(), Failure> {
    let settings = app.settings_of(clinic).await?;
    let name = case
        .payment(target.payment)
        .map_or("", |p| p.gateway.as_str());
    let gateway = vendors::gateway(name);
    let traits = match gateway {
        Some(gateway) => Traits::of(gateway, name),
        None => Traits::unknown(name),
    };
    let mut call = GatewayCall {
        app,
        settings,
        gateway,
        open: None,
        target,
        case,
    };
    let (mut job, mut heard) = (Job::new(target), Heard::Due(due));
    loop {
        let at = At {
            now: clock::now(),
            lease: app.config.lease_seconds,
            owner: ids::random(),
            account: call.account(),
        };
        heard = match job.step(&traits, &call.case, heard, &at) {
            Move::Prepare(step) => call.prepare(step).await?,
            Move::Commit { event, cause } => call.commit(event, cause).await?,
            Move::Send(intent) => {
                let answer = call.send(&intent).await;
                Heard::Answered(call.told(answer).await)
            }
            Move::Find { step, age } => {
                let found = call.find(step, age).await;
                Heard::Found(call.told(found).await)
            }
            Move::LookUp(ask) => call.look_up(&ask).await?,
            Move::Done => return Ok(()),
        };
    }
}

/// What the gateway now says of a payment, as far as it can be read.
pub async fn look_up(
    app: &App,
    clinic: &str,
    gateway: &Gateway,
    account: &Account,
    ask: &Lookup,
) -> Result<Vec<Fact>, Trouble> {
    let told = look_up_parts(app, clinic, gateway, account, ask).await;
    let unread = match &told {
        Ok(told) => told.unread.clone(),
        Err(Trouble::Unreadable(why)) => vec![why.clone()],
        // What was not answered says nothing of what can be read.
        Err(_) => return Ok(told?.facts),
    };
    let known = ask.payment.as_ref().or(ask.session.as_ref());
    let of = known.unwrap_or(&ask.reference);
    let settings = app.settings_of(clinic).await;
    let noted = match &settings {
        Ok(settings) => {
            unread::unread(app, settings, account.name(gateway.vendor), of, &unread).await
        }
        Err(_) => Ok(()),
    };
    // What is told counts whether or not this could be written down: it comes again.
    if let Err(why) = noted {
        tracing::warn!(%why, "what a look-up left unread is not noted");
    }
    Ok(told?.facts)
}

/// What the gateway now says of a payment, part by part.
pub async fn look_up_parts(
    app: &App,
    clinic: &str,
    gateway: &Gateway,
    account: &Account,
    ask: &Lookup,
) -> Told {
    let read = gateway.lookup.get()?;
    let line = Line {
        app,
        clinic,
        vendor: gateway.vendor,
        account,
    };
    line.converse(None, |talk| read(ask, talk, account)).await
}

async fn retry(
    app: &App,
    key: &RowKey,
    clinic: &str,
    case: &str,
    payment: u32,
) -> Result<(), Failure> {
    let Some(row) = app.store.get(&key.pk, &key.sk).await? else {
        return Ok(());
    };
    if !row.is_due(time::millis(clock::now())) {
        return Ok(());
    }
    let loaded = app.case(clinic, case).await?.ok_or("no such case")?;
    let target = Target {
        payment,
        refund: None,
    };
    work_off(app, clinic, loaded, target, Work::Retry { payment }).await?;
    // It waits, or is needless, where its gateway does not say that the payment is over.
    let row = app.store.get(&key.pk, &key.sk).await?;
    if row.is_none_or(|row| !row.is_due(time::millis(clock::now()))) {
        return Ok(());
    }
    let settings = app.settings_of(clinic).await?;
    let loaded = app.case(clinic, case).await?.ok_or("no such case")?;
    if let Some(patient) = &loaded.patient
        && app.is_erased(clinic, Some(patient)).await?
    {
        return erasure::give_up(app, &settings, patient, case).await;
    }
    let failed = loaded.payment(payment).and_then(|p| p.method.clone());
    let method = match &loaded.patient {
        Some(patient) => {
            // As it was frozen, it names the site's own gateway.
            let is_fit = |m: &Method| loaded.policy.may_charge(None, None, &m.gateway);
            patients::method_to_charge(app, clinic, patient, failed.as_ref(), is_fit).await?
        }
        None => failed,
    };
    let event = Event::RetryDue { payment, method };
    let cause = format!("retry of payment {payment}");
    commit::commit(
        app,
        Change::new(&settings, case, event, cause),
        Some(loaded),
    )
    .await?;
    Ok(())
}

impl GatewayCall<'_> {
    /// The gateway with the clinic's account, or what of it is missing.
    async fn open(&mut self) -> Result<Result<&Open, Trouble>, Failure> {
        if self.open.is_none() {
            let known = self.case.payment(self.target.payment);
            let name = known.map_or("", |p| p.gateway.as_str());
            let Some(gateway) = self.gateway else {
                let why = format!("{name} is no gateway of this version");
                return Ok(Err(Trouble::Credentials(why)));
            };
            let clinic = &self.settings.id;
            let account = match accounts::account_of(self.app, clinic, gateway.vendor, name).await {
                Ok(account) => account,
                Err(trouble) => return Ok(Err(trouble)),
            };
            let payment = ids::payment_reference(&self.case.id, self.target.payment);
            let back = back(self.app, clinic, &payment).await?;
            self.open = Some(Open {
                gateway,
                account,
                back,
            });
        }
        Ok(self.opened())
    }

    /// Which account is open, by a digest.
    fn account(&self) -> String {
        let open = self.open.as_ref();
        open.map_or(String::new(), |open| open.account.digest())
    }

    fn opened(&self) -> Result<&Open, Trouble> {
        let closed = || Trouble::Credentials("the gateway's account is not open".into());
        self.open.as_ref().ok_or_else(closed)
    }

    /// Opens what a step needs, and builds its request where that was not done before.
    async fn prepare(&mut self, step: Step) -> Result<Heard, Failure> {
        if let Err(trouble) = self.open().await? {
            return Ok(Heard::Blocked(trouble));
        }
        if let Some(intent) = self.target.intent(&self.case) {
            return Ok(Heard::Prepared(Ok(intent.request.clone())));
        }
        let built = self.build(step).await;
        Ok(Heard::Prepared(match built {
            Ok(request) => Ok(serde_json::to_value(&request)?),
            Err(trouble) => Err(trouble),
        }))
    }

    async fn build(&self, step: Step) -> Result<Option<Request>, Trouble> {
        let open = self.opened()?;
        let ask = self.ask(open, step)?;
        let read = |talk: &mut Talk| ask.build(open.gateway, talk, &open.account);
        self.line(open).prepare(read).await
    }

    fn line<'a>(&'a self, open: &'a Open) -> Line<'a> {
        Line {
            app: self.app,
            clinic: &self.settings.id,
            vendor: open.gateway.vendor,
            account: &open.account,
        }
    }

    fn ask(&self, open: &Open, step: Step) -> Result<Ask, Trouble> {
        let lacking = || Trouble::Rejected("the payment lacks what this call needs".into());
        Ask::of(
            &self.case,
            self.target,
            step,
            &self.settings,
            &self.app.config.public_url,
            &open.back,
            clock::now(),
        )
        .ok_or_else(lacking)
    }

    async fn commit(&mut self, event: Event, cause: String) -> Result<Heard, Failure> {
        let (clinic, id) = (self.settings.id.clone(), self.case.id.clone());
        let change = Change::new(&self.settings, &id, event, cause);
        let committed = commit::commit(self.app, change, Some(self.case.clone())).await?;
        let recorded = match committed {
            Committed::Changed(case) => {
                self.case = *case;
                return Ok(Heard::Committed(Recorded::Changed));
            }
            Committed::Contradiction(why) => Recorded::Contradiction(why),
            Committed::Nothing(Some(case)) => {
                self.case = *case;
                return Ok(Heard::Committed(Recorded::Not));
            }
            _ => Recorded::Not,
        };
        let now = self.app.case(&clinic, &id).await?;
        self.case = now.ok_or("a case vanished")?;
        Ok(Heard::Committed(recorded))
    }

    /// The call that an intent describes.
    async fn send(&self, intent: &Intent) -> Result<Outcome, Trouble> {
        let open = self.opened()?;
        let (ask, line) = (self.ask(open, intent.step)?, self.line(open));
        let keyed = ask.key(open.gateway).map(|key| (key, intent.key.as_str()));
        if let Ask::Checkout(_) = ask {
            let read = |talk: &mut Talk| ask.open(open.gateway, talk, &open.account);
            let page = line.converse(keyed, read).await?;
            let opens_by = at_home(self.app, open.gateway, page.opens_by);
            return Ok(Outcome::Page(Session { opens_by, ..page }));
        }
        let request: Request = serde_json::from_value(intent.request.clone())
            .map_err(|why| Trouble::Unreadable(why.to_string()))?;
        let reply = line.call(&request, keyed).await?;
        let facts = ask.parse(open.gateway, &reply, &open.account)?;
        Ok(Outcome::Facts(facts))
    }

    /// Looks for our reference.
    async fn find(&self, step: Step, age: i64) -> Result<Option<Vec<Fact>>, Trouble> {
        let open = self.opened()?;
        let ask = self.ask(open, step)?;
        let read = |talk: &mut Talk| ask.find(open.gateway, talk, &open.account, age);
        self.line(open).look(read).await
    }

    async fn look_up(&mut self, ask: &Lookup) -> Result<Heard, Failure> {
        if let Err(trouble) = self.open().await? {
            return Ok(Heard::Blocked(trouble));
        }
        let open = self.opened().map_err(failure)?;
        let (app, clinic) = (self.app, &self.settings.id);
        let told = look_up(app, clinic, open.gateway, &open.account, ask).await;
        Ok(Heard::LookedUp(self.told(told).await))
    }

    /// What was heard, with a line in the log where it is no answer.
    async fn told<T>(&self, answer: Result<T, Trouble>) -> Result<T, Trouble> {
        let payment = self.case.payment(self.target.payment);
        let gateway = payment.map_or("", |payment| payment.gateway.as_str());
        let clinic = &self.settings.id;
        match &answer {
            Err(trouble @ (Trouble::Unclear(_) | Trouble::Later { .. })) => {
                tracing::warn!(gateway, case = self.case.id, %trouble, "no answer");
                waking::fell_silent(self.app, clinic, gateway);
            }
            other => {
                if let Err(trouble) = other {
                    tracing::info!(gateway, case = self.case.id, %trouble, "refused");
                }
                let id = task_id(self.target.payment, self.target.refund);
                let waited = self.case.waiting.contains_key(&id);
                let waited = waited || self.target.is_unknown(&self.case);
                // One that is refused tells of no end of what the others wait for: they would wake
                // each other for ever.
                let taken = matches!(other, Ok(_) | Err(Trouble::Declined(_)));
                let waited = waited && taken;
                waking::spoke(self.app, clinic, gateway, waited).await;
            }
        }
        answer
    }
}
