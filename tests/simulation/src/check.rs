//! What must hold at each step and at rest, told by the gateways' truth and never by a rule.

use crate::gateway::{
    By, DisputeState, Gateway, HOUR, Page, PageState, Payment, RefundState, State,
};
use crate::world::World;
use meridian::domain::case::{self, Case};
use meridian::domain::event::Event;
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::outbox::{Occurrence, Topic};
use meridian::domain::payment::State as Booked;
use meridian::domain::refund::State as BookedRefund;
use meridian::domain::task::{Alert, Task, Work};
use meridian::domain::{dispute, journal, tender};
use meridian::flows::calls::Target;
use meridian::flows::patients::Kept;
use meridian::words::ids;
use std::fmt;

/// After so many seconds without a word people have heard of it.
const LONG: i64 = 14 * HOUR;

/// A rule that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: &'static str,
    pub words: String,
}

impl Violation {
    pub fn new(rule: &'static str, words: impl Into<String>) -> Self {
        Self {
            rule,
            words: words.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.words)
    }
}

pub type Checked = Result<(), Violation>;

pub const ONCE: &str = "one intent moves money once";
pub const WAYS: &str = "open ways to pay never exceed what is due";
pub const ANSWER: &str = "only an answer changes a payment";
pub const TOLD: &str = "nothing is told that is not true";
pub const METHOD: &str = "an automatic charge takes the method that the rules name";
pub const AGREE: &str = "at rest the books and the gateway agree, or a task says where not";
pub const SURPLUS: &str = "a surplus goes back once, or is a task";
pub const WORK: &str = "what is due is worked on, or is a task";
pub const ENDS: &str = "a history ends";
pub const TASKS: &str = "a task is told once, and ends when what it asks is answered";
pub const KEPT: &str = "a method that the payer let the gateway keep is known";
pub const KEY: &str = "a key stands for one call";
pub const RETRY: &str =
    "a planned retry asks for what is due, unless its gateway still collects it";
pub const MEND: &str = "people hear at once of what only they can mend, and in time of silence";
pub const HANDS: &str = "what lies in the drawer and is the patient's stands in the books";
pub const GIVES_WAY: &str = "nobody is asked to pay where nothing is due";
pub const VOID: &str = "of a void invoice nothing is taken off";
pub const BACK: &str = "no more goes back than came";
pub const ORIGIN: &str = "what a gateway told is told as coming from it, and nothing else is";
pub const SOON: &str = "nobody is called for what may still answer by itself";
pub const VISIT: &str =
    "a cancelled visit of a practice system is told to it once, unless it told us";
pub const BOOKS: &str = "the journal replays to the books";

pub fn fail(rule: &'static str, words: impl Into<String>) -> Checked {
    Err(Violation::new(rule, words))
}

/// The clinic's accounting, which tells what was entered there.
pub const ACCOUNTING: &str = "xero";

/// Payments that our calls or our pages made under this reference.
fn own<'a>(gateway: &'a Gateway, reference: &'a str) -> impl Iterator<Item = (usize, &'a Payment)> {
    let ours = move |(_, p): &(usize, &Payment)| p.by != By::Stranger && p.reference == reference;
    gateway.payments.iter().enumerate().filter(ours)
}

fn moves(payment: &Payment) -> bool {
    !matches!(payment.state, State::Failed(_))
}

/// What of a payment came and was not taken back, in cents; refunds are not taken off.
fn stays(payment: &case::Payment) -> i64 {
    match payment.arrived() {
        true => payment.amount.minor - payment.returned().minor,
        false => 0,
    }
}

/// A page on which the payer can still pay, or has approved.
fn is_live(page: &Page) -> bool {
    matches!(page.state, PageState::Open | PageState::Approved)
}

impl World<'_> {
    fn gateway(&self, id: &str) -> Option<&Gateway> {
        self.gateways.iter().find(|gateway| gateway.kind.id == id)
    }

    fn reference(&self, case: &Case, n: u32) -> String {
        ids::payment_reference(&case.id, n)
    }

    /// After each call that may have moved money.
    pub fn check_once(&self) -> Checked {
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        // What became of the first call under a key may be unknown here.
        let repeated = |key: &&String| {
            let unknown = |p: &case::Payment| {
                let called = p
                    .intent
                    .as_ref()
                    .is_some_and(|intent| key.starts_with(&intent.key));
                called && p.state == Booked::Unknown
            };
            case.payments.iter().any(unknown)
        };
        let mut reused = self.gateways.iter().flat_map(|gateway| &gateway.reused);
        if let Some(key) = reused.find(|key| !repeated(key)) {
            return fail(KEY, format!("{key} came for another call"));
        }
        for payment in &case.payments {
            let reference = self.reference(case, payment.n);
            for gateway in &self.gateways {
                let times = own(gateway, &reference).filter(|(_, p)| moves(p)).count();
                if times > 1 {
                    return fail(ONCE, format!("p{} was paid {times} times", payment.n));
                }
                let charge = |(_, p): &(usize, &Payment)| p.by == By::Us && p.page.is_none();
                let times = own(gateway, &reference).filter(charge).count();
                if times > 1 {
                    return fail(ONCE, format!("p{} was charged {times} times", payment.n));
                }
                let mut again = gateway
                    .refunds
                    .iter()
                    .filter(|r| r.state != RefundState::Failed);
                let mut numbers = std::collections::BTreeSet::new();
                if let Some(twice) =
                    again.find(|r| r.reference.is_some() && !numbers.insert(r.reference.clone()))
                {
                    return fail(ONCE, format!("{:?} was refunded twice", twice.reference));
                }
            }
        }
        Ok(())
    }

    /// After a page or a charge of ours was made: what the patient could now pay.
    pub fn check_ways(&self) -> Checked {
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        // Where people were told that the gateway contradicts itself, they judge what is due.
        let contradicts =
            |task: &Task| matches!(&task.work, Work::Person(m) if m.alert == Alert::Contradiction);
        if self.clinic.persons().any(contradicts) {
            return Ok(());
        }
        let unsold: i64 = self.bill.unsold + self.unsold_there(case);
        let (mut came, mut open, mut names) = (self.bill.came - unsold, 0, vec![]);
        for gateway in &self.gateways {
            let ours = gateway.payments.iter().enumerate();
            for (n, payment) in ours.filter(|(_, p)| p.by != By::Stranger && moves(p)) {
                // Paid on a page that cannot be ended: too much goes back afterwards.
                let stays = self.stays(case, &payment.reference);
                if payment.by == By::Payer && (stays || !gateway.kind.can_end) {
                    continue;
                }
                // What the gateway collects again by itself is its own doing.
                let again = payment.went_back || payment.failed;
                if again && payment.state != State::Returned {
                    continue;
                }
                let lost = |d: &&crate::gateway::Dispute| d.payment == n && d.was_lost;
                let lost: i64 = gateway.disputes.iter().filter(lost).map(|d| d.amount).sum();
                match payment.state {
                    State::Returned => {}
                    State::Processing if self.sent_before(case, &payment.reference) => {}
                    State::Processing => {
                        open += payment.amount;
                        names.push(payment.id.clone());
                    }
                    _ => came += payment.amount - lost,
                }
            }
            for page in gateway.pages.iter().filter(|page| is_live(page)) {
                let shown = self.shown.contains(&page.id);
                let of = case
                    .payments
                    .iter()
                    .find(|p| self.reference(case, p.n) == page.order.reference);
                let works = of.is_some_and(|p| p.state.is_under_way());
                let counts = match (gateway.kind.approves, gateway.kind.can_end) {
                    // The money moves only when we take it.
                    (true, _) => works,
                    (false, can_end) => {
                        can_end && shown && !self.stays(case, &page.order.reference)
                    }
                };
                if counts && !self.sent_before(case, &page.order.reference) {
                    open += page.order.amount;
                    names.push(page.id.clone());
                }
            }
        }
        if open > 0 && came + open > self.total() {
            let words = format!(
                "{came} came of {}, and {open} can still come: {}",
                self.total(),
                names.join(", ")
            );
            return fail(WAYS, words);
        }
        Ok(())
    }

    /// What gateways gave back while nothing was invoiced.
    fn unsold_there(&self, case: &Case) -> i64 {
        let back = case.refunds().filter(|(_, r)| r.gave_deposit_back());
        let back = back.filter(|(_, r)| r.way.is_back());
        back.map(|(_, r)| r.amount.minor).sum()
    }

    /// Whether it was sent out when more was due than now.
    fn sent_before(&self, case: &Case, reference: &str) -> bool {
        let mut payments = case.payments.iter();
        let of = payments.find(|p| self.reference(case, p.n) == reference);
        let sent = of.and_then(|p| p.intent.as_ref());
        let sent = sent.map(|intent| intent.first_sent_at.as_second());
        let since = self.bill.less_at;
        since.is_some_and(|less| sent.is_none_or(|sent| sent <= less))
    }

    /// Whether its gateway refused to end the page of this payment.
    fn stays(&self, case: &Case, reference: &str) -> bool {
        let mut payments = case.payments.iter();
        let of = payments.find(|p| self.reference(case, p.n) == reference);
        of.is_some_and(|p| p.ending == Some(case::Ending::Refused))
    }

    /// After each commit: a payment or refund ends only where the gateway says so.
    pub fn check_change(&self, before: Option<&Case>) -> Checked {
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        self.check_asked(case)?;
        if case.retry.is_some() && case.due().minor == 0 {
            return fail(RETRY, "a try is planned, and nothing is due");
        }
        for payment in &case.payments {
            let was = before.and_then(|case| case.payment(payment.n));
            let late =
                was.is_some_and(|was| was.state == Booked::Declined && was.session.is_none());
            let late = late && payment.state == Booked::Paid && payment.session.is_none();
            if late && !self.asks_of(case, payment.n) && case.beyond().minor == 0 {
                return fail(
                    MEND,
                    format!("p{} came after it had failed, unheard", payment.n),
                );
            }
            if payment.sent_back().minor > payment.amount.minor {
                return fail(BACK, format!("{} of p{}", payment.sent_back(), payment.n));
            }
            let out = was.and_then(|was| was.intent.as_ref());
            let out = out.is_some_and(|intent| intent.lease_until > self.ts());
            let anew = was.is_some_and(|was| was.approvals < payment.approvals);
            if out && anew {
                return fail(
                    KEY,
                    format!("the call of p{} is out and forgotten", payment.n),
                );
            }
            let unasked = was.is_some_and(|was| was.intent.is_none() && !was.page_lives());
            let unknown = payment.state == Booked::Unknown;
            if unasked && unknown && was.is_some_and(|was| was.state != Booked::Unknown) {
                return fail(
                    ANSWER,
                    format!("p{} is unknown, and nothing was asked", payment.n),
                );
            }
            if was.is_none_or(|was| was.state != payment.state) {
                self.check_state(case, payment, was.map_or(payment, |was| was).amount.minor)?;
            }
            self.check_disputed(payment, was)?;
            for refund in &payment.refunds {
                let known =
                    was.and_then(|was| was.refunds.iter().find(|r| r.key() == refund.key()));
                let turned = known.is_none_or(|known| known.state != refund.state);
                let waited = known.is_some_and(|k| k.state == BookedRefund::AwaitingApproval);
                let kept = !refund.way.is_back();
                if let (true, false, Some(n)) = (turned, waited || kept, refund.n) {
                    self.check_refund(case, payment, n, refund.state)?;
                }
            }
        }
        Ok(())
    }

    /// Whoever must answer a dispute hears of it as it opens.
    fn check_disputed(&self, payment: &case::Payment, was: Option<&case::Payment>) -> Checked {
        let is_open = |d: &&dispute::Dispute| d.state == dispute::State::Open;
        let known = |key: &String| {
            let mut before = was.iter().flat_map(|was| &was.disputes).filter(is_open);
            before.any(|d| d.key() == *key)
        };
        let opened = payment.disputes.iter().filter(is_open).map(|d| d.key());
        for key in opened.filter(|key| !known(key)) {
            let task = format!("person-dispute-{key}");
            if !self.clinic.tasks.contains_key(&task) {
                return fail(MEND, format!("{key} opened, unheard"));
            }
        }
        Ok(())
    }

    /// Whoever counts as asked has the task.
    fn check_asked(&self, case: &Case) -> Checked {
        let asked = case.asked.iter().map(String::clone);
        let blocked = case.blocked.iter().map(|id| format!("blocked-{id}"));
        let odd = case.contradicted.iter();
        let odd = odd.map(|id| format!("contradiction-{id}"));
        let there = |id: &String| self.clinic.tasks.contains_key(&format!("person-{id}"));
        match asked.chain(blocked).chain(odd).find(|id| !there(id)) {
            Some(id) => fail(TASKS, format!("{id} counts as asked, and nobody is")),
            None => Ok(()),
        }
    }

    fn check_state(&self, case: &Case, payment: &case::Payment, asked: i64) -> Checked {
        let Some(gateway) = self.gateway(&payment.gateway) else {
            return Ok(());
        };
        let n = payment.n;
        let reference = self.reference(case, n);
        let alive = own(gateway, &reference)
            .find(|(_, p)| matches!(p.state, State::Processing | State::Succeeded));
        let page = gateway.pages.iter().find(|page| {
            is_live(page) && page.order.reference == reference && self.shown.contains(&page.id)
        });
        let can_pay = page.filter(|_| !gateway.kind.approves && gateway.kind.can_end);
        match payment.state {
            Booked::Expired | Booked::Declined if payment.open_page().is_some() => Ok(()),
            Booked::Expired | Booked::Declined if alive.is_some() => {
                let words = format!(
                    "p{n} is {:?} and the money came or is coming",
                    payment.state
                );
                fail(ANSWER, words)
            }
            Booked::Expired if can_pay.is_some() => {
                fail(ANSWER, format!("p{n} is expired and its page can be paid"))
            }
            Booked::Paid => {
                let came = |p: &Payment| {
                    // What a stranger pays is ours only where it is what was asked for.
                    (p.by != By::Stranger || p.amount == asked)
                        && p.came
                        && p.reference == reference
                        && p.amount == payment.amount.minor
                        && p.currency == payment.amount.currency.code()
                };
                match gateway.payments.iter().any(came) {
                    true => Ok(()),
                    false => fail(ANSWER, format!("p{n} is paid and nothing like it came")),
                }
            }
            _ if payment.approved && payment.decline.is_some() => {
                fail(ANSWER, format!("p{n} is approved and bears a decline"))
            }
            _ => Ok(()),
        }
    }

    /// After a debit under way was spoken of: the day that was told is the day that is known.
    pub fn check_day(&self, fact: &Fact) -> Checked {
        let mut payments = self.clinic.case.iter().flat_map(|case| &case.payments);
        let of = payments.find(|p| fact.payment.is_some() && p.capture == fact.payment);
        let Some(p) = of.filter(|p| p.state == Booked::Pending && p.intent.is_none()) else {
            return Ok(());
        };
        match fact.collected_on.is_none() || p.collected_on == fact.collected_on {
            true => Ok(()),
            false => fail(ANSWER, format!("p{} is collected on another day", p.n)),
        }
    }

    fn check_refund(
        &self,
        case: &Case,
        payment: &case::Payment,
        n: u32,
        to: BookedRefund,
    ) -> Checked {
        let Some(gateway) = self.gateway(&payment.gateway) else {
            return Ok(());
        };
        let reference = ids::refund_reference(&case.id, n);
        let mut ours = gateway
            .refunds
            .iter()
            .filter(|r| r.reference.as_ref() == Some(&reference));
        match to {
            BookedRefund::Failed if ours.clone().any(|r| r.state != RefundState::Failed) => fail(
                ANSWER,
                format!("r{n} is failed and the money went or is going back"),
            ),
            BookedRefund::Failed if ours.next().is_none() && !self.may_fail(case, payment, n) => {
                fail(ANSWER, format!("r{n} is failed and nobody refused it"))
            }
            BookedRefund::Succeeded if ours.next().is_none() => {
                fail(ANSWER, format!("r{n} is done and nothing went back"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a refund was refused, by its gateway or by people, or what it was to give back is gone.
    fn may_fail(&self, case: &Case, payment: &case::Payment, n: u32) -> bool {
        let refund = payment.refunds.iter().find(|r| r.n == Some(n));
        let minor = refund.map_or(0, |refund| refund.amount.minor);
        let reference = self.reference(case, payment.n);
        let gone = self.gateway(&payment.gateway).is_some_and(|gateway| {
            let mut all = own(gateway, &reference);
            all.any(|(n, p)| p.state != State::Succeeded || gateway.left(n) < minor)
        });
        gone || self.refused.contains(&ids::refund_reference(&case.id, n))
    }

    /// After a retry: what it charges is the patient's default while it is usable, else the newest
    /// that he agreed to for later charges, else nothing.
    pub fn check_method(&self, before: usize) -> Checked {
        let case = self.clinic.case.as_ref();
        let Some(new) = case.and_then(|case| case.payments.get(before)) else {
            return Ok(());
        };
        let mut wanted: Option<&Kept> = None;
        for kept in self.clinic.methods.iter().filter(|kept| kept.later_charges) {
            let place = |kept: &Kept| (kept.chosen, kept.kept_at);
            wanted = wanted
                .filter(|best| place(best) >= place(kept))
                .or(Some(kept));
        }
        let charged = new.method.as_ref().map(|method| &method.token);
        let named = wanted.map(|kept| &kept.method.token);
        let all = self.clinic.methods.iter().map(|kept| &kept.method.token);
        let kept = charged.is_none_or(|token| all.clone().any(|known| known == token));
        match charged == named || !kept && named.is_none() {
            true => Ok(()),
            false => fail(METHOD, format!("{charged:?} is charged, and not {named:?}")),
        }
    }

    /// After a refund was asked for: its parts come to what was asked for.
    pub fn check_request(&self, request: &Option<String>, asked: i64) -> Checked {
        let refunds = self.clinic.case.iter().flat_map(Case::refunds);
        let parts = refunds.filter(|(_, refund)| refund.request == *request);
        let parts: i64 = parts.map(|(_, refund)| refund.amount.minor).sum();
        match parts == asked {
            true => Ok(()),
            false => fail(ONCE, format!("a refund of {asked} goes out as {parts}")),
        }
    }

    /// After a retry that was due: something is asked for, and not what its gateway collects itself.
    pub fn check_retry(&self, payment: u32, planned: bool, before: usize) -> Checked {
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        let Some(failed) = case.payment(payment) else {
            return Ok(());
        };
        let tried = case.payments.len() > before;
        if planned && failed.may_retry() && !tried {
            return fail(RETRY, format!("nothing is asked for after p{payment}"));
        }
        let reference = self.reference(case, payment);
        let collects = self.gateway(&failed.gateway).is_some_and(|gateway| {
            let known = |id: &String| failed.capture.as_ref() == Some(id);
            own(gateway, &reference).any(|(_, p)| {
                let heard = known(&p.id) && p.at < self.now - 5;
                heard && p.state == State::Processing
            })
        });
        match tried && collects {
            true => fail(RETRY, format!("p{payment} is still collected")),
            false => Ok(()),
        }
    }

    /// After a worker is done: people were told where only they can mend what keeps a call from
    /// being made, and where its outcome has been unknown for long.
    pub fn check_mend(&self, target: Target, refused: bool) -> Checked {
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        let Some(payment) = case.payment(target.payment) else {
            return Ok(());
        };
        let refund = target.refund.and_then(|n| case.refund(n)).map(|(_, r)| r);
        let (open, intent) = match (target.refund, refund) {
            (None, _) => (payment.state.is_under_way(), &payment.intent),
            (Some(_), Some(refund)) => (!refund.state.is_final(), &refund.intent),
            (Some(_), None) => return Ok(()),
        };
        let long = |intent: &case::Intent| self.now - intent.first_sent_at.as_second() > LONG;
        let silent = intent.as_ref().is_some_and(long);
        match open && (refused || silent) && !self.asks_of(case, payment.n) {
            true => fail(
                MEND,
                format!("p{} {:?} waits unheard", payment.n, target.refund),
            ),
            false => Ok(()),
        }
    }

    /// Where what is told comes from: a system is not told what it told us.
    pub fn check_origin(event: &Event, told: &[Occurrence]) -> Checked {
        let from = match event {
            Event::Reported(report) => Some(report.gateway.as_str()),
            Event::Tendered(new) => match &new.by {
                tender::By::Books { connection, .. } => Some(connection.as_str()),
                tender::By::Recorded { .. } | tender::By::Credit { .. } => None,
            },
            Event::TenderReversed { told, .. } => told.then_some(ACCOUNTING),
            _ => None,
        };
        match told.iter().find(|told| told.from.as_deref() != from) {
            Some(other) => fail(ORIGIN, format!("{:?} from {:?}", other.subject, other.from)),
            None => Ok(()),
        }
    }

    /// A call is alarming only once it has been unanswered for long.
    pub fn check_patience(&self, told: &Occurrence) -> Checked {
        let (Some(case), Topic::NeedsPerson) = (&self.clinic.case, told.subject.topic) else {
            return Ok(());
        };
        let raised = told.subject.object.as_deref().unwrap_or_default();
        let task = self.clinic.tasks.get(&format!("person-{raised}"));
        let alarms = task.is_some_and(|task| match &task.work {
            // Who was refused is told so at once.
            Work::Person(matter) => matter
                .words
                .as_deref()
                .is_some_and(|words| words.contains("It is still asked")),
            _ => false,
        });
        let Some(id) = raised.strip_prefix("blocked-").filter(|_| alarms) else {
            return Ok(());
        };
        let number = |kind: &str| id.strip_prefix(kind).and_then(|n| n.parse::<u32>().ok());
        let intent = match (number("p"), number("r")) {
            (Some(n), _) => case.payment(n).and_then(|payment| payment.intent.as_ref()),
            (None, Some(n)) => case
                .refund(n)
                .and_then(|(_, refund)| refund.intent.as_ref()),
            (None, None) => None,
        };
        let since = intent.map_or(0, |intent| intent.first_sent_at.as_second());
        match self.now - since < HOUR {
            true => fail(SOON, format!("{raised} after {} s", self.now - since)),
            false => Ok(()),
        }
    }

    /// Before each message: what it says did happen, and was not said before.
    pub fn check_told(&mut self, told: &Occurrence) -> Checked {
        let about = &told.subject;
        self.check_new(told)?;
        let (Some(case), Some(n)) = (&self.clinic.case, about.payment) else {
            return Ok(());
        };
        let refund = about.object.as_deref();
        let refund = case.all_refunds().find(|r| Some(&*r.key()) == refund);
        let kept = refund.is_some_and(|refund| !refund.way.is_back());
        if case.tender(n).is_some() || kept {
            return Ok(());
        }
        let Some(payment) = case.payment(n) else {
            return fail(TOLD, format!("{:?} of no payment", about.topic));
        };
        if matches!(about.topic, Topic::PaymentReceived | Topic::PaymentReturned) {
            self.told_stays.insert(n, stays(payment));
        }
        let Some(gateway) = self.gateway(&payment.gateway) else {
            return Ok(());
        };
        let reference = self.reference(case, n);
        let any = |is: &dyn Fn(&Payment) -> bool| {
            gateway
                .payments
                .iter()
                .any(|p| p.reference == reference && is(p))
        };
        let of_refund = |is: &dyn Fn(RefundState) -> bool| {
            let key = about.object.as_deref();
            let refund = payment.refunds.iter().find(|r| Some(&*r.key()) == key);
            refund.is_some_and(|booked| {
                let ours = booked.n.map(|n| ids::refund_reference(&case.id, n));
                let mut taken = gateway.disputes.iter().filter(|d| d.reversal.is_some());
                taken.any(|d| booked.id.as_ref() == Some(&d.id) && is(RefundState::Succeeded))
                    || gateway.refunds.iter().any(|r| {
                        (Some(&r.id) == booked.id.as_ref()
                            || (ours.is_some() && r.reference == ours))
                            && is(r.state)
                    })
            })
        };
        let true_ = match about.topic {
            Topic::PaymentReceived => any(&|p| p.came),
            Topic::PaymentFailed => any(&|p| p.failed),
            Topic::PaymentReturned => any(&|p| p.went_back) || !gateway.disputes.is_empty(),
            Topic::RefundPaid => of_refund(&|_| true),
            Topic::RefundFailed => !of_refund(&|state| state != RefundState::Failed),
            Topic::CheckoutReady => gateway.pages.iter().any(|p| p.order.reference == reference),
            Topic::DisputeOpened | Topic::DisputeClosed => !gateway.disputes.is_empty(),
            Topic::InvoiceIssued
            | Topic::InvoiceCredited
            | Topic::InvoiceVoided
            | Topic::PaymentApplied
            | Topic::NeedsPerson => true,
            // A visit's own book tells of it.
            Topic::VisitCancelled => false,
        };
        match true_ {
            true => Ok(()),
            false => {
                let object = about.object.as_deref().unwrap_or_default();
                fail(TOLD, format!("{:?} of p{n} {object}", about.topic))
            }
        }
    }

    /// Nobody is told twice of the same money: of a payment never more came than was paid, unless
    /// it went back in between.
    fn check_new(&mut self, told: &Occurrence) -> Checked {
        let about = &told.subject;
        let of = about.payment.unwrap_or_default();
        let case = self.clinic.case.as_ref();
        let paid = case.and_then(|case| {
            let payment = case.payment(of).map(|p| p.amount.minor);
            payment.or(case.tender(of).map(|t| t.amount.minor))
        });
        let paid = paid.unwrap_or(0);
        let minor = told.amount.minor;
        let (of, minor, most) = match about.topic {
            Topic::PaymentReceived => (format!("p{of}"), minor, paid),
            Topic::PaymentReturned => (format!("p{of}"), -minor, paid),
            Topic::RefundPaid => (format!("{:?}", about.object), 1, 1),
            Topic::RefundFailed => (format!("{:?}", about.object), -1, 1),
            _ => return Ok(()),
        };
        let name = format!("{:?} {:?} {:?}", about.topic, about.payment, about.object);
        if !self.told_names.insert(name.clone()) {
            return fail(TOLD, format!("{name} under a name that was told before"));
        }
        self.check_number(told)?;
        let sum = self.told_sums.entry(of).or_default();
        *sum = (*sum + minor).max(0);
        match *sum > most {
            true => fail(
                TOLD,
                format!("{:?} of {sum} in all, of {most}", about.topic),
            ),
            false => Ok(()),
        }
    }

    /// Money that came or went back again is told by its number.
    fn check_number(&mut self, told: &Occurrence) -> Checked {
        let about = &told.subject;
        let object = about.object.as_deref().unwrap_or_default();
        let (first, further) = match about.topic {
            Topic::PaymentReturned => (1, "returned"),
            Topic::PaymentReceived if object.starts_with("reinstated") => (1, "reinstated"),
            Topic::PaymentReceived => (0, "again"),
            _ => return Ok(()),
        };
        let times = self.told_times.entry((about.payment, further)).or_default();
        *times += 1;
        let wanted = match (*times, further) {
            (1, "reinstated") => "reinstated".into(),
            (1, _) => String::new(),
            (times, _) => format!("{further}{}", times - 1 + first),
        };
        match object == wanted {
            true => Ok(()),
            false => fail(TOLD, format!("p{:?} {object} for {wanted}", about.payment)),
        }
    }

    // ---- at rest -----------------------------------------------------------------------------

    pub fn check_rest(&self) -> Checked {
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        if let Err(broken) = journal::verify(case, &self.clinic.entries) {
            return fail(BOOKS, format!("{broken:?}"));
        }
        self.check_heard(case)?;
        self.check_work(case)?;
        self.check_tasks(case)?;
        self.check_agreement(case)?;
        self.check_hands()?;
        self.check_gives_way(case)?;
        self.check_surplus(case)
    }

    /// Before people are asked about what a gateway says: it is not known already, and is not simply
    /// what was waited for.
    pub fn check_news(&self, gateway: usize, fact: &Fact) -> Checked {
        let gateway = &self.gateways[gateway];
        let of = gateway.payments.iter();
        let of = of
            .enumerate()
            .find(|(_, p)| Some(&p.id) == fact.dispute.as_ref());
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        self.check_part(case, gateway, fact)?;
        let Some((n, truth)) = of else {
            return Ok(());
        };
        let booked = case.payments.iter().find(|p| p.aliases.contains(&truth.id));
        let won = |won: bool| {
            let there = gateway.disputes.iter();
            let there = there.filter(|d| d.payment == n && (d.state == DisputeState::Won) == won);
            let here = booked.iter().flat_map(|p| &p.disputes);
            let here = here.filter(|d| (d.state == dispute::State::Won) == won);
            there.count() == here.count()
        };
        let mut taken = booked.iter().flat_map(|p| &p.disputes);
        let stands = |d: &dispute::Dispute| d.reversal && d.state == dispute::State::Lost;
        let cancels = fact.kind == Kind::DisputeWon
            && taken.any(|d| stands(d) && fact.amount == Some(d.amount));
        match cancels || won(true) && won(false) {
            true => fail(
                TASKS,
                format!("people are asked of {}, which is known", truth.id),
            ),
            false => Ok(()),
        }
    }

    /// A part that the payer paid on our page is ours.
    fn check_part(&self, case: &Case, gateway: &Gateway, fact: &Fact) -> Checked {
        let mut there = gateway.payments.iter();
        let of = there.find(|p| Some(&p.id) == fact.payment.as_ref() && p.by == By::Payer);
        let Some(truth) = of.filter(|_| fact.kind == Kind::PaymentSucceeded) else {
            return Ok(());
        };
        let same = |p: &&Payment| p.reference == truth.reference && moves(p);
        let alone = gateway.payments.iter().filter(same).count() == 1;
        let mut booked = case.payments.iter();
        let waits = |p: &&case::Payment| self.reference(case, p.n) == truth.reference;
        let waits = booked.find(waits).is_some_and(|p| p.state.is_under_way());
        let sure = truth.state == State::Succeeded && fact.amount.is_some() && !self.misstated;
        match alone && waits && sure {
            true => fail(
                TASKS,
                format!("people are asked of {}, which is ours", truth.id),
            ),
            false => Ok(()),
        }
    }

    /// Whether staff have a task of one of these kinds.
    fn asks(&self, alerts: &[Alert]) -> bool {
        let asks = |task: &Task| matches!(&task.work, Work::Person(m) if alerts.contains(&m.alert));
        self.clinic.persons().any(asks)
    }

    /// Whether staff have a task about this payment of the case, or about a refund of it.
    fn asks_of(&self, case: &Case, n: u32) -> bool {
        self.clinic.persons().any(|task| match &task.work {
            Work::Person(m) => {
                let refund = m.refund.and_then(|refund| case.refund(refund));
                let amount_of_case = matches!(m.alert, Alert::Overpaid | Alert::CalledOff);
                m.payment == Some(n) || refund.is_some_and(|(p, _)| p.n == n) || amount_of_case
            }
            _ => false,
        })
    }

    /// Whether staff were told of something that the gateway says of such a payment and that fits
    /// nothing here.
    fn is_put_aside(&self, is: impl Fn(&String) -> bool) -> bool {
        let aside = self.clinic.unmatched.iter();
        let mut aside = aside.chain(&self.clinic.contradicted);
        aside.any(|fact| {
            [&fact.payment, &fact.dispute]
                .into_iter()
                .flatten()
                .any(&is)
        })
    }

    fn has_row(&self, id: &str) -> bool {
        let row = self.clinic.tasks.get(id);
        let person = |t: &meridian::domain::task::Task| t.id.contains(id);
        row.is_some() || self.clinic.persons().any(person)
    }

    /// What stays of each payment is what people heard of it last.
    fn check_heard(&self, case: &Case) -> Checked {
        for payment in &case.payments {
            let (stays, n) = (stays(payment), payment.n);
            let told = self.told_stays.get(&n).copied().unwrap_or(0);
            if told != stays {
                return fail(TOLD, format!("{told} of p{n}, of which {stays} stays"));
            }
        }
        Ok(())
    }

    /// Nothing that is open is without a row, and nothing that is due is without work or a task.
    fn check_work(&self, case: &Case) -> Checked {
        let mut works = false;
        for payment in &case.payments {
            let begun = payment.session.is_some() || payment.intent.is_some();
            if payment.state == Booked::Open && !begun && !self.asks_of(case, payment.n) {
                return fail(WORK, format!("p{} never began", payment.n));
            }
            // What shows no payments and lost its word is people's to look for.
            let shows = self.gateway(&payment.gateway).is_none_or(|g| g.kind.shows);
            let asked = !shows && self.asks_of(case, payment.n);
            if self.is_declined_there(case, payment) && !asked {
                return fail(ANSWER, format!("p{} failed and is still called", payment.n));
            }
            let page = payment.open_page().is_some();
            let id = format!("p{}", payment.n);
            if payment.state.is_under_way() && !self.has_row(&id) {
                let words = format!("{id} is {:?} and no row asks for it", payment.state);
                return fail(WORK, words);
            }
            works |= payment.state.is_under_way() || page;
            for refund in &payment.refunds {
                let Some(n) = refund.n else { continue };
                let id = match refund.state {
                    BookedRefund::AwaitingApproval => "refund-waits".into(),
                    _ => format!("r{n}"),
                };
                if !refund.state.is_final() && !self.has_row(&id) {
                    let words = format!("r{n} is {:?} and no row asks for it", refund.state);
                    return fail(WORK, words);
                }
            }
        }
        let retry = |t: &meridian::domain::task::Task| matches!(t.work, Work::Retry { .. });
        works |= self.clinic.tasks.values().any(retry);
        // Nobody owes a deposit on a visit that is off.
        let owed = self.bill.invoiced || !self.bill.off;
        let told = self.asks(&[
            Alert::Uncollected,
            Alert::UnknownOutcome,
            Alert::Blocked,
            Alert::Contradiction,
        ]);
        if owed && case.due().minor > 0 && !case.payments.is_empty() && !works && !told {
            return fail(
                WORK,
                format!("{} is due and nothing works on it", case.due()),
            );
        }
        Ok(())
    }

    /// Whether a call of ours was declined, and nothing else came of it, at a gateway that answers a
    /// repeat.
    fn is_declined_there(&self, case: &Case, payment: &case::Payment) -> bool {
        let Some(gateway) = self.gateway(&payment.gateway) else {
            return false;
        };
        let reference = self.reference(case, payment.n);
        let mut tries = own(gateway, &reference).peekable();
        let called = payment.state.is_under_way() && payment.session.is_none();
        let answers = gateway.kind.keys.is_some() && !gateway.kind.late;
        called && answers && tries.peek().is_some() && tries.all(|(_, p)| !moves(p))
    }

    /// No task is left whose question has an answer.
    fn check_tasks(&self, case: &Case) -> Checked {
        for task in self.clinic.persons() {
            let Work::Person(matter) = &task.work else {
                continue;
            };
            let payment = matter.payment.and_then(|n| case.payment(n));
            let refund = matter.refund.and_then(|n| case.refund(n));
            let open = match (refund, payment) {
                (Some((_, refund)), _) => !refund.state.is_final(),
                (None, Some(p)) => {
                    let again = case
                        .retry
                        .as_ref()
                        .is_some_and(|retry| retry.payment == p.n);
                    p.state.is_under_way() || p.page_lives() || again
                }
                (None, None) => true,
            };
            let mut refunds = case.refunds();
            let mut disputes = case.payments.iter().flat_map(|p| &p.disputes);
            let asks = match matter.alert {
                Alert::Uncollected => case.due().minor > 0,
                Alert::Overpaid => case.surplus().minor > 0,
                Alert::RefundWaits => {
                    refunds.any(|(_, r)| r.state == BookedRefund::AwaitingApproval)
                }
                Alert::DisputeOpened => disputes.any(|d| d.state == dispute::State::Open),
                Alert::UnknownOutcome | Alert::Blocked => open,
                Alert::RefundFailed => refunds.any(|(_, r)| r.state == BookedRefund::Failed),
                Alert::Contradiction => self.still_contradicts(case, &task.id),
                _ => true,
            };
            if !asks {
                return fail(TASKS, format!("{} is answered and still there", task.id));
            }
        }
        Ok(())
    }

    /// Of a call that was answered with what cannot be true people are asked until it was judged.
    fn still_contradicts(&self, case: &Case, task: &str) -> bool {
        let of = task
            .strip_prefix("person-contradiction-")
            .unwrap_or_default();
        let numbered = of
            .strip_prefix(['p', 'r'])
            .is_some_and(|n| n.parse::<u32>().is_ok());
        !numbered || case.contradicted.contains(of)
    }

    /// What the gateway has of each payment is in the books, or a task is there.
    fn check_agreement(&self, case: &Case) -> Checked {
        for gateway in &self.gateways {
            for (n, truth) in gateway.payments.iter().enumerate() {
                let booked = case.payments.iter().find(|p| {
                    self.reference(case, p.n) == truth.reference && p.gateway == gateway.kind.id
                });
                let asked = booked.is_some_and(|booked| self.asks_of(case, booked.n));
                if asked || self.is_put_aside(|id: &String| *id == truth.id) {
                    continue;
                }
                let counted = booked.filter(|p| p.arrived() && p.aliases.contains(&truth.id));
                let there = truth.state == State::Succeeded;
                if there && counted.is_none() {
                    return fail(AGREE, format!("{} is paid and not in the books", truth.id));
                }
                let Some(booked) = counted.filter(|_| there) else {
                    continue;
                };
                let kept = |token: &String| {
                    let mut methods = self.clinic.methods.iter();
                    methods.any(|m| m.method.token == *token) || self.clinic.ended.contains(token)
                };
                let told = booked.keep_method && !self.found.contains(&booked.n);
                if told && !truth.token.as_ref().is_none_or(kept) {
                    return fail(KEPT, format!("{:?} of {}", truth.token, truth.id));
                }
                self.check_parts(gateway, n, truth, booked)?;
            }
        }
        let alone = |p: &&case::Payment| {
            let aside = self.is_put_aside(|id: &String| p.aliases.contains(id));
            p.state == Booked::Paid && !aside && !self.asks_of(case, p.n)
        };
        for booked in case.payments.iter().filter(alone) {
            let known = self.gateway(&booked.gateway).is_some_and(|gateway| {
                let there = |p: &Payment| {
                    booked.aliases.contains(&p.id) && matches!(p.state, State::Succeeded)
                };
                gateway.payments.iter().any(there)
            });
            if !known {
                return fail(AGREE, format!("p{} is paid in the books alone", booked.n));
            }
        }
        Ok(())
    }

    fn check_parts(
        &self,
        gateway: &Gateway,
        n: usize,
        truth: &Payment,
        booked: &case::Payment,
    ) -> Checked {
        if booked.amount.minor != truth.amount {
            let words = format!(
                "{} brought {}, the books have {}",
                truth.id, truth.amount, booked.amount
            );
            return fail(AGREE, words);
        }
        let done =
            |r: &&crate::gateway::Refund| r.payment == n && r.state == RefundState::Succeeded;
        let refunded: i64 = gateway.refunds.iter().filter(done).map(|r| r.amount).sum();
        if booked.sent_back().minor != refunded {
            let words = format!(
                "{} has {refunded} refunded, the books {}",
                truth.id,
                booked.sent_back()
            );
            return fail(AGREE, words);
        }
        let lost = |d: &&crate::gateway::Dispute| d.payment == n && d.state == DisputeState::Lost;
        let lost: i64 = gateway.disputes.iter().filter(lost).map(|d| d.amount).sum();
        let booked_lost = booked
            .disputes
            .iter()
            .filter(|d| d.state == dispute::State::Lost);
        let booked_lost: i64 = booked_lost.map(|d| d.amount.minor).sum();
        if lost != booked_lost || booked.returned_whole {
            let words = format!(
                "{} lost {lost} to disputes, the books {booked_lost}",
                truth.id
            );
            return fail(AGREE, words);
        }
        Ok(())
    }

    /// Where nothing is due, no page of ours is left on which the patient could pay.
    fn check_gives_way(&self, case: &Case) -> Checked {
        if case.due().minor > 0 || case.payments.iter().any(|p| p.intent.is_some()) {
            return Ok(());
        }
        for gateway in self.gateways.iter().filter(|g| g.kind.can_end) {
            for page in gateway.pages.iter().filter(|page| is_live(page)) {
                let stays = self.stays(case, &page.order.reference);
                let told = |p: &&case::Payment| {
                    self.reference(case, p.n) == page.order.reference && self.asks_of(case, p.n)
                };
                let told = case.payments.iter().any(|p| told(&p));
                if self.shown.contains(&page.id) && !stays && !told {
                    return fail(GIVES_WAY, format!("{} can be paid on", page.id));
                }
            }
        }
        Ok(())
    }

    /// More came than was asked for: it went back, is about to, or is a task.
    fn check_surplus(&self, case: &Case) -> Checked {
        let surplus = case.paid().minor - self.total();
        let back = |id: &Option<String>| id.as_deref().is_some_and(|id| id.starts_with("surplus-"));
        let by_itself: i64 = case
            .refunds()
            .filter(|(_, r)| back(&r.request) && r.state != BookedRefund::Failed)
            .map(|(_, r)| r.amount.minor)
            .sum();
        let went: i64 = case
            .all_refunds()
            .filter(|r| r.state != BookedRefund::Failed && !r.gave_deposit_back())
            .map(|r| r.amount.minor)
            .sum();
        let told = self.asks(&[
            Alert::Overpaid,
            Alert::RefundFailed,
            Alert::UnknownOutcome,
            Alert::Blocked,
            Alert::Contradiction,
        ]);
        if surplus > 0 && went < surplus && !told {
            return fail(
                SURPLUS,
                format!("{surplus} more than asked, and nobody hears"),
            );
        }
        let ever: i64 = self.most_surplus;
        // What came back after a surplus had gone back is told from the sale by people.
        let payments = self.gateways.iter().flat_map(|g| &g.payments);
        let came_back: i64 = payments.filter(|p| p.went_back).map(|p| p.amount).sum();
        if by_itself > ever.max(0) + came_back {
            let words = format!("{by_itself} went back by itself where {ever} was too much");
            return fail(SURPLUS, words);
        }
        Ok(())
    }
}
