//! The gateway that knows the truth: pages, payments, refunds, disputes, and keys with a lifetime.
//! It imports nothing of the crate that is tested; time is seconds.

use crate::wire::{Answer, Asked, Code, Order, Say, What};
use std::collections::HashMap;

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 3600;
pub const DAY: i64 = 86_400;

/// What sets one gateway apart from another.
#[derive(Debug)]
pub struct Kind {
    pub id: &'static str,
    /// Whether the payer only approves on the page, and the money moves when it is completed.
    pub approves: bool,
    /// Whether money always takes days.
    pub debit: bool,
    /// Whether it may go back after it came, and be collected again.
    pub late: bool,
    /// Whether a payer who was declined may try again on the same page.
    pub page_stays: bool,
    pub can_end: bool,
    /// A page is itself the payment: one id for both.
    pub one_id: bool,
    /// How long a key is remembered; without, a repeat is a second call.
    pub keys: Option<i64>,
    /// A search shows what is older than this.
    pub search_lag: i64,
    pub page_lives: i64,
    /// A refund must name the total.
    pub wants_total: bool,
    /// Whether a bank can take a part back by itself, and how that is told.
    pub reverses: Option<Reversal>,
    /// Whether it says when a page runs out.
    pub tells_end: bool,
    /// Whether it can be asked for a payment, and not only for how a page stands.
    pub shows: bool,
}

/// How a gateway tells that a bank took money back by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reversal {
    /// Under an id of its own, which its list shows among the refunds; what cancels it names the
    /// payment.
    Named,
    /// As a return of the payment, with the amount alone.
    Unnamed,
}

/// What becomes of an attempt to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Good,
    NoFunds,
    Dead,
    /// On a page, only half of it comes.
    Part,
    /// A debit that clears after days; at a card, at once.
    Slow,
    FailsSlowly,
    /// Clears, then comes back.
    ComesBack,
    /// Clears, comes back, is collected again.
    CollectedAgain,
    /// Fails, is collected again, clears.
    FailsThenClears,
    /// Fails, is collected again, clears, comes back.
    FailsClearsComesBack,
}

/// What becomes of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefundFate {
    AtOnce,
    Slow,
    FailsSlowly,
    /// Told as done, and bounced days later.
    Bounces,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageState {
    Open,
    Approved,
    Paid,
    Expired,
    Ended,
    /// A failed attempt ended it, where a page does not stay.
    Failed,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub id: String,
    pub order: Order,
    pub state: PageState,
    pub expires_at: i64,
    pub opened_at: i64,
    pub approved_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Processing,
    Succeeded,
    Failed(Code),
    Returned,
}

/// Who made a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Our call: a charge of a kept method, or a completion.
    Us,
    /// The payer, on a page that we opened.
    Payer,
    /// Somebody else, who wrote our reference on a payment of his own.
    Stranger,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub id: String,
    pub by: By,
    pub page: Option<String>,
    pub reference: String,
    pub amount: i64,
    pub currency: String,
    pub token: Option<String>,
    /// When a debit is collected.
    pub collected_at: Option<i64>,
    pub state: State,
    pub made_at: i64,
    /// When its state last changed.
    pub at: i64,
    /// Whether money ever came.
    pub came: bool,
    /// Whether an attempt of it ever failed, or money of it went back.
    pub failed: bool,
    pub went_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    Pending,
    Succeeded,
    Failed,
}

#[derive(Clone, Debug)]
pub struct Refund {
    pub id: String,
    pub payment: usize,
    pub reference: Option<String>,
    pub amount: i64,
    pub state: RefundState,
    pub made_at: i64,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeState {
    Open,
    Won,
    Lost,
}

#[derive(Clone, Debug)]
pub struct Dispute {
    pub id: String,
    pub payment: usize,
    pub amount: i64,
    /// What it takes where it is lost.
    lost: i64,
    pub state: DisputeState,
    /// Whether it was ever lost: what is given back after that is the bank's own doing.
    pub was_lost: bool,
    /// Where the bank simply took it.
    pub reversal: Option<Reversal>,
    pub at: i64,
}

/// What happens at a gateway by itself.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Clears(usize),
    Fails(usize),
    ComesBack(usize),
    CollectedAgain(usize),
    /// A debit that is under way is collected on another day.
    Moved(usize),
    PageRunsOut(usize),
    RefundEnds(usize, RefundState),
    DisputeEnds(usize, DisputeState),
    /// A bank takes so much back, and again so often after it gave that back.
    Reversed(usize, i64, u8),
    Cancelled(usize),
}

pub struct Gateway {
    pub kind: &'static Kind,
    pub pages: Vec<Page>,
    pub payments: Vec<Payment>,
    pub refunds: Vec<Refund>,
    pub disputes: Vec<Dispute>,
    /// What it would tell by webhook, oldest first; taken by the world.
    pub news: Vec<Say>,
    /// Kept methods that no longer work.
    pub dead: Vec<String>,
    /// Keys that came with another order than the first time, or for an approval after the one that
    /// they were made for.
    pub reused: Vec<String>,
    keys: HashMap<String, (i64, Order, Answer)>,
    to_come: Vec<(i64, Happening)>,
    made: u32,
}

impl Gateway {
    pub fn new(kind: &'static Kind) -> Self {
        Self {
            kind,
            pages: vec![],
            payments: vec![],
            refunds: vec![],
            disputes: vec![],
            news: vec![],
            dead: vec![],
            reused: vec![],
            keys: HashMap::new(),
            to_come: vec![],
            made: 0,
        }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{}-{prefix}{}", self.kind.id, self.made)
    }

    /// Does what is asked, once under a key that it still knows.
    pub fn handle(&mut self, now: i64, asked: &Asked, fate: Fate, refund: RefundFate) -> Answer {
        if asked.method == "GET" {
            return self.look(now, &asked.path);
        }
        if let (Some(lives), Some(key)) = (self.kind.keys, &asked.key) {
            let known = self.keys.get(key);
            if let Some((at, order, answer)) = known.filter(|(at, ..)| now - at < lives) {
                let same = *order == asked.body;
                if !same || self.is_approved_since(*at, &asked.path) {
                    self.reused.push(key.clone());
                }
                return match same {
                    true => answer.clone(),
                    false => Answer::refused(Code::Unsupported),
                };
            }
        }
        let answer = self.act(now, asked, fate, refund);
        // A key stands for what was made under it: GoCardless answers a second one with the object.
        if let Some(key) = asked
            .key
            .as_ref()
            .filter(|_| !answer.is(Code::TotalDiffers))
        {
            let kept = (now, asked.body.clone(), answer.clone());
            self.keys.insert(key.clone(), kept);
        }
        answer
    }

    /// Whether the page that is to be completed was approved after that.
    fn is_approved_since(&self, at: i64, path: &str) -> bool {
        let id = path
            .strip_prefix("/pages/")
            .and_then(|p| p.strip_suffix("/complete"));
        let page = self.pages.iter().find(|page| Some(&*page.id) == id);
        page.is_some_and(|page| page.state == PageState::Approved && page.approved_at > at)
    }

    fn act(&mut self, now: i64, asked: &Asked, fate: Fate, refund: RefundFate) -> Answer {
        let path: Vec<_> = asked.path.trim_start_matches('/').split('/').collect();
        match path[..] {
            ["pages"] => self.open(now, &asked.body),
            ["pages", id, "end"] => self.end(now, id),
            ["pages", id, "complete"] => self.complete(now, id, fate),
            ["payments"] => self.charge(now, &asked.body, fate),
            ["payments", id, "refunds"] => self.refund(now, id, &asked.body, refund),
            _ => Answer::refused(Code::NotFound),
        }
    }

    fn open(&mut self, now: i64, order: &Order) -> Answer {
        let id = self.id(if self.kind.one_id { "pm" } else { "pg" });
        let expires_at = now + self.kind.page_lives;
        self.to_come
            .push((expires_at, Happening::PageRunsOut(self.pages.len())));
        self.pages.push(Page {
            id: id.clone(),
            order: order.clone(),
            state: PageState::Open,
            expires_at,
            opened_at: now,
            approved_at: 0,
        });
        Answer::page(&id, self.kind.tells_end.then_some(expires_at))
    }

    fn end(&mut self, now: i64, id: &str) -> Answer {
        let can_end = self.kind.can_end;
        let Some(page) = self.pages.iter_mut().find(|page| page.id == id) else {
            return Answer::refused(Code::NotFound);
        };
        match page.state {
            _ if !can_end => Answer::refused(Code::CannotEnd),
            PageState::Paid => Answer::refused(Code::AlreadyPaid),
            PageState::Open | PageState::Approved => {
                page.state = PageState::Ended;
                let told = self.page_says(id);
                self.tell(now, told.clone());
                Answer::says(told)
            }
            PageState::Expired | PageState::Ended | PageState::Failed => {
                Answer::says(self.page_says(id))
            }
        }
    }

    fn complete(&mut self, now: i64, id: &str, fate: Fate) -> Answer {
        let Some(at) = self.pages.iter().position(|page| page.id == id) else {
            return Answer::refused(Code::NotFound);
        };
        match self.pages[at].state {
            PageState::Approved => {
                let order = self.pages[at].order.clone();
                let n = self.pay(now, By::Us, Some(id.into()), &order, fate);
                let failed = matches!(self.payments[n].state, State::Failed(_));
                // The payer may come back and approve with another card.
                let (open, over) = (PageState::Open, PageState::Failed);
                self.pages[at].state = match (failed, self.kind.page_stays) {
                    (false, _) => PageState::Paid,
                    (true, true) => open,
                    (true, false) => over,
                };
                self.answer_of(n)
            }
            PageState::Paid => {
                let paid = self.payments.iter().find(|p| p.page.as_deref() == Some(id));
                Answer::exists(Code::AlreadyPaid, paid.map_or("", |p| &*p.id))
            }
            PageState::Open => Answer::refused(Code::NotApproved),
            PageState::Expired | PageState::Ended | PageState::Failed => {
                Answer::refused(Code::NotFound)
            }
        }
    }

    fn charge(&mut self, now: i64, order: &Order, fate: Fate) -> Answer {
        let dead = order.token.as_ref().is_some_and(|t| self.dead.contains(t));
        let fate = if dead { Fate::Dead } else { fate };
        let n = self.pay(now, By::Us, None, order, fate);
        self.answer_of(n)
    }

    fn answer_of(&self, n: usize) -> Answer {
        match self.payments[n].state {
            // What shows no payments says all of one in its reply, a decline too.
            State::Failed(code) if self.kind.shows => Answer::exists(code, &self.payments[n].id),
            _ => Answer::says(self.payment_says(n)),
        }
    }

    /// An attempt to pay, whoever makes it.
    pub fn pay(
        &mut self,
        now: i64,
        by: By,
        page: Option<String>,
        order: &Order,
        fate: Fate,
    ) -> usize {
        let n = self.payments.len();
        let own = page.clone().filter(|_| self.kind.one_id);
        let id = own.unwrap_or_else(|| self.id("pm"));
        let at_once = matches!(
            fate,
            Fate::Good | Fate::Part | Fate::ComesBack | Fate::CollectedAgain
        );
        let slow = self.kind.debit || !at_once;
        let state = match fate {
            Fate::NoFunds => State::Failed(Code::NoFunds),
            Fate::Dead => State::Failed(Code::Dead),
            _ if slow => State::Processing,
            _ => State::Succeeded,
        };
        self.plan(now, n, fate, slow);
        self.payments.push(Payment {
            id,
            by,
            page,
            reference: order.reference.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            token: order.token.clone(),
            collected_at: self.kind.debit.then_some(now + DAY),
            state,
            made_at: now,
            at: now,
            came: state == State::Succeeded,
            failed: matches!(state, State::Failed(_)),
            went_back: false,
        });
        if order.keep && (state == State::Succeeded || slow) {
            self.payments[n].token = Some(format!("{}-tk{n}", self.kind.id));
        }
        let told = self.payment_says(n);
        self.tell(now, told);
        n
    }

    /// What becomes of an attempt in the days after it.
    fn plan(&mut self, now: i64, n: usize, fate: Fate, slow: bool) {
        use Happening::{Clears, CollectedAgain, ComesBack, Fails};
        let clears = slow.then_some((1, Clears(n)));
        let days = match fate {
            Fate::NoFunds | Fate::Dead => vec![],
            Fate::FailsSlowly => vec![(1, Fails(n))],
            Fate::FailsThenClears if self.kind.late => {
                vec![(1, Fails(n)), (3, CollectedAgain(n)), (5, Clears(n))]
            }
            Fate::FailsClearsComesBack if self.kind.late => vec![
                (1, Fails(n)),
                (3, CollectedAgain(n)),
                (5, Clears(n)),
                (8, ComesBack(n)),
            ],
            Fate::ComesBack if self.kind.late => {
                clears.into_iter().chain([(4, ComesBack(n))]).collect()
            }
            Fate::CollectedAgain if self.kind.late => {
                let back = [(4, ComesBack(n)), (5, CollectedAgain(n)), (7, Clears(n))];
                clears.into_iter().chain(back).collect()
            }
            Fate::Slow if self.kind.debit => {
                self.to_come.push((now + DAY / 2, Happening::Moved(n)));
                vec![(2, Clears(n))]
            }
            _ => clears.into_iter().collect(),
        };
        let at = |(day, what)| (now + day * DAY, what);
        self.to_come.extend(days.into_iter().map(at));
    }

    /// The payer tries to pay on a page, or approves there. `false` where the page is over.
    pub fn visit(&mut self, now: i64, page: usize, fate: Fate) -> bool {
        let Some(found) = self.pages.get(page).cloned() else {
            return false;
        };
        if found.state != PageState::Open || found.expires_at <= now {
            return false;
        }
        if self.kind.approves {
            self.pages[page].state = PageState::Approved;
            self.pages[page].approved_at = now;
            let told = self.page_says(&found.id);
            self.tell(now, told);
            return true;
        }
        let mut order = found.order.clone();
        if fate == Fate::Part {
            order.amount -= order.amount / 2;
        }
        let n = self.pay(now, By::Payer, Some(found.id), &order, fate);
        let failed = matches!(self.payments[n].state, State::Failed(_));
        self.pages[page].state = match (failed, self.kind.page_stays) {
            (true, true) => PageState::Open,
            (true, false) => PageState::Failed,
            (false, _) => PageState::Paid,
        };
        true
    }

    fn refund(&mut self, now: i64, payment: &str, order: &Order, fate: RefundFate) -> Answer {
        let Some(at) = self.payments.iter().position(|p| p.id == payment) else {
            return Answer::refused(Code::NotFound);
        };
        let left = self.left(at);
        let given = |r: &&Refund| r.payment == at && r.state != RefundState::Failed;
        let before: i64 = self.refunds.iter().filter(given).map(|r| r.amount).sum();
        let wrong = order.total.is_some_and(|t| t != before + order.amount);
        match () {
            _ if self.payments[at].state != State::Succeeded => {
                return Answer::refused(Code::Unsupported);
            }
            _ if left <= 0 => return Answer::refused(Code::AlreadyRefunded),
            _ if self.kind.wants_total && wrong => {
                return Answer::refused(Code::TotalDiffers);
            }
            _ if order.amount > left => return Answer::refused(Code::AmountExceeded),
            _ => {}
        }
        let reference = Some(order.reference.clone()).filter(|r| !r.is_empty());
        let n = self.give_back(now, at, reference, order.amount, fate);
        let mut said = self.refund_says(n);
        if !self.kind.shows {
            // That it was received is all that it answers.
            said.what = What::RefundPending;
        }
        Answer::says(vec![said])
    }

    /// A refund by call, or in the dashboard (without a reference).
    pub fn give_back(
        &mut self,
        now: i64,
        payment: usize,
        reference: Option<String>,
        amount: i64,
        fate: RefundFate,
    ) -> usize {
        let id = self.id("rf");
        let n = self.refunds.len();
        let state = match fate {
            RefundFate::AtOnce | RefundFate::Bounces => RefundState::Succeeded,
            RefundFate::Slow | RefundFate::FailsSlowly => RefundState::Pending,
        };
        let end = match fate {
            RefundFate::AtOnce => None,
            RefundFate::Slow => Some(RefundState::Succeeded),
            RefundFate::FailsSlowly | RefundFate::Bounces => Some(RefundState::Failed),
        };
        let later = end.map(|end| (now + DAY, Happening::RefundEnds(n, end)));
        self.to_come.extend(later);
        self.refunds.push(Refund {
            id,
            payment,
            reference,
            amount,
            state,
            made_at: now,
            at: now,
        });
        let told = vec![self.refund_says(n)];
        self.tell(now, told);
        n
    }

    /// What of a payment is neither refunded nor about to be, nor held or taken by a dispute.
    pub fn left(&self, payment: usize) -> i64 {
        let gone = |r: &&Refund| r.payment == payment && r.state != RefundState::Failed;
        let refunded: i64 = self.refunds.iter().filter(gone).map(|r| r.amount).sum();
        let held = |d: &&Dispute| d.payment == payment && d.state != DisputeState::Won;
        let held: i64 = self.disputes.iter().filter(held).map(|d| d.amount).sum();
        self.payments[payment].amount - refunded - held
    }

    /// A dispute, and how it ends after so many days each.
    ///
    /// Where it is lost, `lost` is what it took.
    pub fn dispute(
        &mut self,
        now: i64,
        payment: usize,
        amount: i64,
        lost: i64,
        ends: &[DisputeState],
    ) {
        let id = self.id("dp");
        let n = self.disputes.len();
        for (days, end) in (1..).zip(ends) {
            let ends = Happening::DisputeEnds(n, *end);
            self.to_come.push((now + 9 * days * DAY, ends));
        }
        self.disputes.push(Dispute {
            id,
            payment,
            amount,
            lost,
            state: DisputeState::Open,
            was_lost: false,
            reversal: None,
            at: now,
        });
        let told = vec![self.dispute_says(self.disputes.len() - 1)];
        self.tell(now, told);
    }

    /// A bank takes so much back by itself; where `times` is not 0, it gives it back days later, and
    /// takes it so many times in all.
    pub fn reverse(&mut self, now: i64, payment: usize, amount: i64, times: u8) {
        let whole = amount >= self.payments[payment].amount;
        let held = self.payments[payment].state != State::Succeeded || self.left(payment) < amount;
        let Some(how) = self.kind.reverses.filter(|_| !held && amount > 0) else {
            return;
        };
        if how == Reversal::Unnamed && whole {
            return;
        }
        let (id, n) = (self.id("rv"), self.disputes.len());
        if times > 0 && how == Reversal::Named {
            let cancelled = (now + 6 * DAY, Happening::Cancelled(n));
            let again = (
                now + 8 * DAY,
                Happening::Reversed(payment, amount, times - 1),
            );
            self.to_come.extend([cancelled, again]);
            if times == 1 {
                self.to_come.pop();
            }
        }
        self.disputes.push(Dispute {
            id,
            payment,
            amount,
            lost: amount,
            state: DisputeState::Lost,
            was_lost: true,
            reversal: Some(how),
            at: now,
        });
        let told = vec![self.reversal_says(n, how)];
        self.tell(now, told);
    }

    // ---- by itself ---------------------------------------------------------------------------

    pub fn next_at(&self) -> Option<i64> {
        self.to_come.iter().map(|(at, _)| *at).min()
    }

    /// Lets the next thing happen; says what in words.
    pub fn happen(&mut self) -> String {
        let next = self
            .to_come
            .iter()
            .enumerate()
            .min_by_key(|(_, (at, _))| *at);
        let Some(at) = next.map(|(n, _)| n) else {
            return String::new();
        };
        let (now, what) = self.to_come.remove(at);
        match what {
            Happening::Clears(n) => self.turn(now, n, State::Succeeded),
            Happening::Fails(n) => self.turn(now, n, State::Failed(Code::NoFunds)),
            Happening::ComesBack(n) => self.turn(now, n, State::Returned),
            Happening::CollectedAgain(n) => self.turn(now, n, State::Processing),
            Happening::Moved(n) => {
                self.payments[n].collected_at = Some(now + 3 * DAY / 2);
                let told = self.payment_says(n);
                self.tell(now, told);
                format!("payment {} is collected a day later", self.payments[n].id)
            }
            Happening::PageRunsOut(n) => self.page_runs_out(now, n),
            Happening::Reversed(payment, amount, times) => {
                self.reverse(now, payment, amount, times);
                format!(
                    "{amount} of payment {} is taken back",
                    self.payments[payment].id
                )
            }
            Happening::Cancelled(n) => self.given_back(now, n),
            Happening::DisputeEnds(n, state) => {
                let dispute = &mut self.disputes[n];
                (dispute.state, dispute.at) = (state, now);
                if state == DisputeState::Lost {
                    (dispute.amount, dispute.was_lost) = (dispute.lost, true);
                }
                let words = format!("dispute {} is {state:?}", dispute.id);
                let told = vec![self.dispute_says(n)];
                self.tell(now, told);
                words
            }
            Happening::RefundEnds(n, state) => {
                let refund = &mut self.refunds[n];
                (refund.state, refund.at) = (state, now);
                let words = format!("refund {} is {state:?}", refund.id);
                let told = vec![self.refund_says(n)];
                self.tell(now, told);
                words
            }
        }
    }

    fn page_runs_out(&mut self, now: i64, n: usize) -> String {
        let page = &mut self.pages[n];
        if matches!(page.state, PageState::Open | PageState::Approved) {
            page.state = PageState::Expired;
            let id = page.id.clone();
            let told = self.page_says(&id);
            self.tell(now, told);
            return format!("page {id} runs out");
        }
        String::new()
    }

    fn given_back(&mut self, now: i64, n: usize) -> String {
        let dispute = &mut self.disputes[n];
        (dispute.state, dispute.at) = (DisputeState::Won, now);
        let words = format!("what was taken back as {} is given back", dispute.id);
        let by_payment = Say {
            dispute: Some(self.payments[self.disputes[n].payment].id.clone()),
            payment: None,
            page: None,
            ..self.dispute_says(n)
        };
        self.tell(now, vec![by_payment]);
        words
    }

    fn turn(&mut self, now: i64, n: usize, to: State) -> String {
        let payment = &mut self.payments[n];
        // What was refunded or disputed meanwhile does not come back as well.
        let whole = !self.refunds.iter().any(|r| r.payment == n)
            && !self.disputes.iter().any(|d| d.payment == n);
        let fits = match (payment.state, to) {
            (State::Processing, State::Succeeded | State::Failed(_)) => true,
            (State::Succeeded, State::Returned) => whole,
            (State::Returned | State::Failed(_), State::Processing) => true,
            _ => false,
        };
        if !fits {
            return String::new();
        }
        payment.state = to;
        payment.at = now;
        payment.came |= to == State::Succeeded;
        payment.went_back |= to == State::Returned;
        payment.failed |= matches!(to, State::Failed(_) | State::Returned);
        let words = format!("payment {} is {to:?}", payment.id);
        let told = self.payment_says(n);
        self.tell(now, told);
        words
    }

    fn tell(&mut self, _now: i64, says: Vec<Say>) {
        self.news.extend(says);
    }

    // ---- what it says ------------------------------------------------------------------------

    fn look(&self, now: i64, path: &str) -> Answer {
        let path = path.trim_start_matches('/');
        if !self.kind.shows && !path.starts_with("pages/") {
            return Answer::refused(Code::NotFound);
        }
        if let Some(reference) = path.strip_prefix("search/payments/") {
            let shown =
                |p: &Payment| p.reference == reference && now - p.made_at >= self.kind.search_lag;
            let found = (0..self.payments.len()).filter(|n| shown(&self.payments[*n]));
            return Answer::says(found.flat_map(|n| self.all_of(n)).collect());
        }
        if let Some(reference) = path.strip_prefix("search/refunds/") {
            let shown = |r: &Refund| {
                r.reference.as_deref() == Some(reference) && now - r.made_at >= self.kind.search_lag
            };
            let found = (0..self.refunds.len()).filter(|n| shown(&self.refunds[*n]));
            return Answer::says(found.map(|n| self.refund_says(n)).collect());
        }
        if let Some(reference) = path.strip_prefix("search/pages/") {
            let shown = |p: &&Page| {
                p.order.reference == reference && now - p.opened_at >= self.kind.search_lag
            };
            return match self.pages.iter().rev().find(shown) {
                Some(page) => {
                    let end = self.kind.tells_end.then_some(page.expires_at);
                    Answer::page(&page.id, end)
                }
                None => Answer::says(vec![]),
            };
        }
        let Some((_, id)) = path.split_once('/') else {
            return Answer::refused(Code::NotFound);
        };
        // One id for both: the payment, once there is one.
        if let Some(n) = self.payments.iter().position(|p| p.id == id) {
            return Answer::says(self.all_of(n));
        }
        match self.pages.iter().any(|page| page.id == id) {
            true => Answer::says(self.page_says(id)),
            false => Answer::refused(Code::NotFound),
        }
    }

    /// The payment, its refunds, its disputes.
    fn all_of(&self, n: usize) -> Vec<Say> {
        let mut says = self.payment_says(n);
        let refunds = (0..self.refunds.len()).filter(|r| self.refunds[*r].payment == n);
        says.extend(refunds.map(|r| self.refund_says(r)));
        let disputes = (0..self.disputes.len()).filter(|d| self.disputes[*d].payment == n);
        says.extend(disputes.map(|d| self.listed(d)));
        says
    }

    /// What is to be said of a page: its payment, or how it stands. Nothing while nobody paid.
    fn page_says(&self, id: &str) -> Vec<Say> {
        let Some(page) = self.pages.iter().find(|page| page.id == id) else {
            return vec![];
        };
        let bare = Say {
            what: What::Expired,
            reference: Some(page.order.reference.clone()),
            payment: self.kind.one_id.then(|| page.id.clone()),
            page: Some(page.id.clone()),
            refund: None,
            dispute: None,
            amount: Some(page.order.amount),
            currency: page.order.currency.clone(),
            why: None,
            token: None,
            collected_at: None,
            at: page.opened_at,
        };
        let newest = self
            .payments
            .iter()
            .rposition(|p| p.page.as_deref() == Some(id));
        match (page.state, newest) {
            (PageState::Expired | PageState::Ended, _) => vec![bare],
            (PageState::Approved, _) => vec![Say {
                what: What::Approved,
                ..bare
            }],
            (PageState::Open, Some(n)) if !self.kind.approves && self.kind.shows => {
                self.payment_says(n)
            }
            (PageState::Open, _) | (_, None) => vec![],
            // Somebody pays there, and no more than that is known.
            (PageState::Paid, Some(_)) if !self.kind.shows => vec![Say {
                what: What::Pending,
                ..bare
            }],
            (PageState::Paid | PageState::Failed, Some(n)) => self.all_of(n),
        }
    }

    fn payment_says(&self, n: usize) -> Vec<Say> {
        let payment = &self.payments[n];
        let (what, why) = match payment.state {
            State::Processing => (What::Pending, None),
            State::Succeeded => (What::Succeeded, None),
            State::Failed(code) => (What::Failed, Some(code)),
            State::Returned => (What::Returned, Some(Code::NoFunds)),
        };
        vec![Say {
            what,
            reference: Some(payment.reference.clone()),
            payment: Some(payment.id.clone()),
            page: payment.page.clone(),
            refund: None,
            dispute: None,
            amount: Some(payment.amount),
            currency: payment.currency.clone(),
            why,
            token: payment.token.clone().filter(|_| what == What::Succeeded),
            collected_at: payment.collected_at.filter(|_| what == What::Pending),
            at: payment.at,
        }]
    }

    fn refund_says(&self, n: usize) -> Say {
        let refund = &self.refunds[n];
        let payment = &self.payments[refund.payment];
        Say {
            what: match refund.state {
                RefundState::Pending => What::RefundPending,
                RefundState::Succeeded => What::RefundSucceeded,
                RefundState::Failed => What::RefundFailed,
            },
            reference: refund.reference.clone(),
            payment: Some(payment.id.clone()),
            page: payment.page.clone(),
            refund: Some(refund.id.clone()),
            dispute: None,
            amount: Some(refund.amount),
            currency: payment.currency.clone(),
            why: None,
            token: None,
            collected_at: None,
            at: refund.at,
        }
    }

    /// A dispute in the list of its payment, or what a bank took.
    fn listed(&self, n: usize) -> Say {
        let dispute = &self.disputes[n];
        match (dispute.reversal, dispute.state) {
            (Some(Reversal::Named), DisputeState::Lost) => Say {
                what: What::RefundSucceeded,
                ..self.reversal_says(n, Reversal::Named)
            },
            (Some(how), DisputeState::Lost) => self.reversal_says(n, how),
            _ => self.dispute_says(n),
        }
    }

    fn reversal_says(&self, n: usize, how: Reversal) -> Say {
        let said = self.dispute_says(n);
        Say {
            what: What::Returned,
            refund: said.dispute.clone().filter(|_| how == Reversal::Named),
            dispute: None,
            why: Some(Code::NoFunds),
            ..said
        }
    }

    fn dispute_says(&self, n: usize) -> Say {
        let dispute = &self.disputes[n];
        let payment = &self.payments[dispute.payment];
        Say {
            what: match dispute.state {
                DisputeState::Open => What::DisputeOpened,
                DisputeState::Won => What::DisputeWon,
                DisputeState::Lost => What::DisputeLost,
            },
            reference: None,
            payment: Some(payment.id.clone()),
            page: payment.page.clone(),
            refund: None,
            dispute: Some(dispute.id.clone()),
            amount: Some(dispute.amount),
            currency: payment.currency.clone(),
            why: None,
            token: None,
            collected_at: None,
            at: dispute.at,
        }
    }
}
