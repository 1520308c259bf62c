//! What people do: staff, a patient in several tabs, strangers, and whoever keeps the keys.

use crate::check::{self, Checked, Violation};
use crate::clinic::Committed;
use crate::gateway::{By, DisputeState, Fate, PageState, RefundFate, RefundState, State};
use crate::plan::{Act, Foreign, Way};
use crate::wire::{Order, Say, What};
use crate::world::World;
use meridian::domain::event::{Event, Found, NewCharge, NewRefund};
use meridian::domain::fact::Method;
use meridian::domain::{payment, refund};
use meridian::flows::patients;
use meridian::words::ids;

impl World<'_> {
    pub fn act(&mut self, act: Act) -> Checked {
        self.say(|_| format!("{act:?}"));
        let done = match act {
            Act::Charge { way, half } => self.charge(way, half)?,
            Act::Close { payment } => self.close(payment)?,
            Act::Resolve { payment, second } => self.resolve(payment, second)?,
            Act::ResolveRefund { refund, second } => self.resolve_refund(refund, second)?,
            Act::Refund { half, waits, of } => self.refund(half, waits, of)?,
            Act::Judge { approve } => self.judge(approve)?,
            Act::Visit { page } => self.visit(page),
            Act::Store(stored) => {
                let n = 10 + self.seq();
                let method = self.method(stored.gateway, n);
                let millis = self.now * 1000;
                self.clinic
                    .keep(method, stored.agreed, stored.default, millis);
                true
            }
            Act::Remove { method } => self.remove(method),
            Act::Dies { method, told } => self.dies(method, told),
            Act::Stranger { payment, how } => self.stranger(payment, how),
            Act::DashboardRefund { half } => self.dashboard_refund(half),
            Act::Dispute {
                half,
                won,
                turns,
                lesser,
            } => self.dispute(half, won, turns, lesser),
            Act::Reversal { half, times } => self.reversal(half, times),
            Act::Swap { gateway, seconds } => {
                self.swapped[gateway] = self.now + seconds;
                true
            }
            Act::Outage { gateway, seconds } => {
                self.out[gateway] = self.now + seconds;
                true
            }
            Act::Deaf { seconds } => {
                self.deaf = self.now + seconds;
                true
            }
            Act::TwoWorkers => {
                self.two_workers = true;
                true
            }
            Act::Invoice
            | Act::Tender { .. }
            | Act::Reverse { .. }
            | Act::GiveBack { .. }
            | Act::PayOut { .. }
            | Act::Lower { .. }
            | Act::Void
            | Act::CallOff { .. }
            | Act::Restore { .. } => self.at_the_desk(act)?,
        };
        if done {
            self.covers(act);
        }
        Ok(())
    }

    /// The payment that a number in a plan means.
    fn payment(&self, n: usize) -> Option<u32> {
        let payments = &self.clinic.case.as_ref()?.payments;
        payments.get(n % payments.len().max(1)).map(|p| p.n)
    }

    fn charge(&mut self, way: Way, half: bool) -> Result<bool, Violation> {
        let Some(case) = &self.clinic.case else {
            return Ok(false);
        };
        let due = case.due();
        let usable = &self.clinic.methods;
        let (gateway, method) = match way {
            Way::Page { gateway } => (self.name_of(gateway).to_owned(), None),
            Way::Kept { method } if !usable.is_empty() => {
                let method = usable[method % usable.len()].method.clone();
                (method.gateway.clone(), Some(method))
            }
            Way::Kept { .. } => return Ok(false),
        };
        let charge = NewCharge {
            amount: half.then(|| self.eur(due.minor / 2)),
            gateway,
            keep_method: method.is_none() && self.plan.save_method,
            method,
        };
        self.commit(&Event::Charge(charge), "staff")?;
        Ok(true)
    }

    fn close(&mut self, n: usize) -> Result<bool, Violation> {
        let Some(payment) = self.payment(n) else {
            return Ok(false);
        };
        let case = self.clinic.case.as_ref();
        let intent = case.and_then(|case| case.payment(payment)?.intent.as_ref());
        let out = intent.is_some_and(|intent| intent.is_leased(self.ts()));
        let closed = self.commit(&Event::Closed { payment }, "staff")?;
        match out && matches!(closed, Committed::Changed { .. }) {
            true => Err(Violation::new(
                check::KEY,
                "it was closed while a call is out",
            )),
            false => Ok(true),
        }
    }

    /// Staff look for a payment in the gateway's dashboard and record what they find; where two
    /// must find the same, a second one may come or not.
    fn resolve(&mut self, n: usize, second: bool) -> Result<bool, Violation> {
        let found = self.payment(n).and_then(|n| {
            let case = self.clinic.case.as_ref()?;
            let payment = case.payment(n)?;
            let reference = ids::payment_reference(&case.id, n);
            let gateway = &self.gateways[self.index_of(&payment.gateway)];
            // A stranger's payment of that amount under our reference looks like ours.
            let mut ours = gateway.payments.iter().filter(|p| {
                let as_asked = p.amount == payment.amount.minor && p.currency == "EUR";
                p.reference == reference && as_asked
            });
            let there = ours.clone().find(|p| p.state == State::Succeeded);
            let coming = ours.any(|p| p.state == State::Processing);
            let page = gateway.pages.iter().any(|page| {
                page.order.reference == reference
                    && matches!(page.state, PageState::Open | PageState::Approved)
            });
            // What is still on its way is not found yet.
            let open = payment.state == payment::State::Open;
            let decided = there.is_some() || !coming && !page && !open;
            decided.then(|| (n, None, there.map(|p| p.id.clone())))
        });
        self.record(found, second)
    }

    fn resolve_refund(&mut self, n: usize, second: bool) -> Result<bool, Violation> {
        let found = self.clinic.case.as_ref().and_then(|case| {
            let ours: Vec<_> = case.refunds().filter(|(_, r)| r.n.is_some()).collect();
            let (payment, refund) = ours.get(n % ours.len().max(1))?;
            let reference = ids::refund_reference(&case.id, refund.n?);
            let gateway = &self.gateways[self.index_of(&payment.gateway)];
            let mut there = gateway.refunds.iter().filter(|r| {
                r.reference.as_ref() == Some(&reference) && r.state != RefundState::Failed
            });
            let there = there.next();
            let decided = there.is_none_or(|r| r.state == RefundState::Succeeded);
            decided.then(|| (payment.n, refund.n, there.map(|r| r.id.clone())))
        });
        self.record(found, second)
    }

    fn record(
        &mut self,
        found: Option<(u32, Option<u32>, Option<String>)>,
        second: bool,
    ) -> Result<bool, Violation> {
        let Some((payment, refund, gateway_ref)) = found else {
            return Ok(false);
        };
        if let (Some(n), None, Some(case)) = (refund, &gateway_ref, &self.clinic.case) {
            self.refused.insert(ids::refund_reference(&case.id, n));
        }
        self.found.insert(payment);
        let mut done = false;
        let persons = ["one", "another"];
        for by in &persons[..if second { 2 } else { 1 }] {
            let found = Event::Found(Found {
                payment,
                refund,
                happened: gateway_ref.is_some(),
                gateway_ref: gateway_ref.clone(),
                by: (*by).into(),
            });
            done |= matches!(self.commit(&found, "staff")?, Committed::Changed { .. });
        }
        Ok(done)
    }

    fn refund(&mut self, half: bool, waits: bool, of: Option<usize>) -> Result<bool, Violation> {
        let Some(case) = &self.clinic.case else {
            return Ok(false);
        };
        let refundable = case.refundable();
        let number = case.refunds_numbered;
        let new = NewRefund {
            request: format!("request-{number}-{}", self.now),
            amount: half.then(|| self.eur((refundable.minor + 1) / 2)),
            payment: of.and_then(|n| self.payment(n)),
            needs_approval: waits,
            approval_above: None,
        };
        let asked = new.amount.map(|amount| amount.minor);
        let request = Some(new.request.clone());
        let done = self.commit(&Event::RefundRequested(new), "staff")?;
        if let (Committed::Changed { .. }, Some(asked)) = (done, asked) {
            self.check_request(&request, asked)?;
        }
        Ok(refundable.minor > 0)
    }

    fn judge(&mut self, approve: bool) -> Result<bool, Violation> {
        let case = self.clinic.case.as_ref();
        let waits = case.and_then(|case| {
            let waiting = case
                .refunds()
                .find(|(_, r)| r.state == refund::State::AwaitingApproval);
            waiting.and_then(|(_, r)| r.request.clone())
        });
        let Some(request) = waits else {
            return Ok(false);
        };
        let event = match approve {
            true => Event::RefundApproved { request },
            false => Event::RefundRejected { request },
        };
        self.commit(&event, "staff")?;
        Ok(true)
    }

    /// The patient is on one of the pages that he was sent to, the newest being the first.
    fn visit(&mut self, page: usize) -> bool {
        let mut pages: Vec<_> = self
            .gateways
            .iter()
            .enumerate()
            .flat_map(|(g, gateway)| {
                let pages = gateway.pages.iter().enumerate();
                pages.map(move |(n, page)| (page.opened_at, g, n, page.id.clone()))
            })
            .filter(|(_, _, _, id)| self.shown.contains(id))
            .collect();
        pages.sort();
        pages.reverse();
        let Some((_, g, n, id)) = pages.get(page % pages.len().max(1)).cloned() else {
            return false;
        };
        let (fate, _) = self.fates();
        let done = self.gateways[g].visit(self.now, n, fate);
        self.say(|_| match done {
            true => format!("  the patient is on page {id}: {fate:?}"),
            false => format!("  page {id} is over"),
        });
        self.spread(g);
        done
    }

    fn remove(&mut self, n: usize) -> bool {
        let Some(method) = self.kept(n) else {
            return false;
        };
        self.clinic.ends(&method.token);
        true
    }

    fn dies(&mut self, n: usize, told: bool) -> bool {
        let Some(method) = self.kept(n) else {
            return false;
        };
        if told {
            self.clinic.ends(&method.token);
        }
        let at = self.index_of(&method.gateway);
        self.gateways[at].dead.push(method.token);
        true
    }

    /// The method that a number in a plan means.
    fn kept(&self, n: usize) -> Option<Method> {
        let methods = &self.clinic.methods;
        let kept = methods.get(n % methods.len().max(1));
        kept.map(|kept| kept.method.clone())
    }

    fn stranger(&mut self, n: usize, how: Foreign) -> bool {
        let (Some(case), Some(payment)) = (&self.clinic.case, self.payment(n)) else {
            return false;
        };
        let Some(booked) = case.payment(payment) else {
            return false;
        };
        let gateway = self.index_of(&booked.gateway);
        let order = Order {
            reference: ids::payment_reference(&case.id, payment),
            amount: match how {
                Foreign::OtherAmount => 100,
                _ => booked.amount.minor,
            },
            currency: match how {
                Foreign::OtherCurrency => "GBP".into(),
                _ => "EUR".into(),
            },
            ..Order::default()
        };
        let now = self.now;
        let asked = booked.amount.minor;
        let id = format!("{}-nobody{now}", booked.gateway);
        let fate = match how {
            Foreign::Fails => Fate::NoFunds,
            Foreign::Slow => Fate::Slow,
            _ => Fate::Good,
        };
        // What a gateway says that shows no payments is all there is to know of it: it says no more
        // and no less than is there.
        let shows = self.gateways[gateway].kind.shows;
        match how {
            Foreign::UnknownThere | Foreign::NamesOurAmount if shows => {
                self.gateways[gateway].news.push(Say {
                    what: What::Succeeded,
                    reference: Some(order.reference),
                    payment: Some(id),
                    page: None,
                    refund: None,
                    dispute: None,
                    amount: (how == Foreign::NamesOurAmount).then_some(asked),
                    currency: order.currency,
                    why: None,
                    token: None,
                    collected_at: None,
                    at: now,
                })
            }
            _ => {
                self.gateways[gateway].pay(now, By::Stranger, None, &order, fate);
                // What he wrote says nothing of the amount.
                if let Some(say) = self.gateways[gateway].news.last_mut().filter(|_| shows) {
                    say.amount = None;
                }
            }
        }
        self.spread(gateway);
        true
    }

    /// A payment that is there, ours, and not yet given back.
    fn there(&self) -> Option<(usize, usize, i64)> {
        let all = self.gateways.iter().enumerate();
        let mut found = all.flat_map(|(g, gateway)| {
            let payments = gateway.payments.iter().enumerate();
            payments
                .filter(|(_, p)| p.by != By::Stranger && p.state == State::Succeeded)
                .map(move |(n, _)| (g, n, gateway.left(n)))
        });
        found.find(|(_, _, left)| *left > 0)
    }

    fn dashboard_refund(&mut self, half: bool) -> bool {
        let Some((g, n, left)) = self.there() else {
            return false;
        };
        let amount = if half { (left + 1) / 2 } else { left };
        self.gateways[g].give_back(self.now, n, None, amount, RefundFate::AtOnce);
        self.spread(g);
        true
    }

    fn dispute(&mut self, half: bool, won: bool, turns: bool, lesser: bool) -> bool {
        let Some((g, n, left)) = self.there() else {
            return false;
        };
        let amount = if half { (left + 1) / 2 } else { left };
        let (first, last) = match won {
            true => (DisputeState::Won, DisputeState::Lost),
            false => (DisputeState::Lost, DisputeState::Won),
        };
        let ends = [first, last];
        let ends = if turns { &ends[..] } else { &ends[..1] };
        let lost = if lesser { (amount + 1) / 2 } else { amount };
        self.gateways[g].dispute(self.now, n, amount, lost, ends);
        self.spread(g);
        true
    }

    fn reversal(&mut self, half: bool, times: u8) -> bool {
        let Some((g, n, left)) = self.there() else {
            return false;
        };
        let amount = if half { left / 2 } else { left };
        let before = self.gateways[g].disputes.len();
        self.gateways[g].reverse(self.now, n, amount, times);
        self.spread(g);
        self.gateways[g].disputes.len() > before
    }

    /// A retry is due: the method is chosen as the rules say, and held against what they mean.
    pub fn retry(&mut self, payment: u32) -> Checked {
        // It waits, or is needless, where its gateway does not say that the payment is over.
        let row = self.clinic.tasks.get(&format!("retry-p{payment}"));
        if row.is_none_or(|row| row.due > self.ts()) {
            return Ok(());
        }
        let case = self.clinic.case.as_ref();
        let used = case.and_then(|case| case.payment(payment)?.method.clone());
        let methods = patients::in_order(self.clinic.methods.clone());
        let known = used.as_ref().is_some_and(|used| {
            let mut all = self.clinic.methods.iter().map(|kept| &kept.method.token);
            all.any(|token| *token == used.token) || self.clinic.ended.contains(&used.token)
        });
        let method = patients::charged_again(&methods, used.as_ref(), known).cloned();
        let planned = case.is_some_and(|case| {
            let of_it = case
                .retry
                .as_ref()
                .is_some_and(|retry| retry.payment == payment);
            of_it && case.unasked().minor > 0
        });
        let before = case.map_or(0, |case| case.payments.len());
        self.commit(&Event::RetryDue { payment, method }, "retry")?;
        self.check_retry(payment, planned, before)?;
        self.check_method(before)
    }
}
