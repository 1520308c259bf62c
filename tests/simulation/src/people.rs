//! What people do: staff, a patient in several tabs, strangers, and whoever keeps the keys.

use crate::check::Checked;
use crate::gateway::{By, DisputeState, Fate, RefundFate, State};
use crate::plan::{Act, Foreign, Way};
use crate::wire::{Order, Say, What};
use crate::world::World;
use meridian::domain::event::{Event, NewCharge, NewRefund};
use meridian::domain::refund;
use meridian::ids;

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
                let method = self.method(stored.gateway, 10 + self.clinic.methods.len());
                self.clinic
                    .keep(method, stored.agreed, stored.default, self.now);
                true
            }
            Act::Remove { method } => self.remove(method),
            Act::Dies { method, told } => self.dies(method, told),
            Act::Stranger { payment, how } => self.stranger(payment, how),
            Act::DashboardRefund { half } => self.dashboard_refund(half),
            Act::Dispute { half, won, turns } => self.dispute(half, won, turns),
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

    fn charge(&mut self, way: Way, half: bool) -> Result<bool, crate::check::Violation> {
        let Some(case) = &self.clinic.case else {
            return Ok(false);
        };
        let due = case.due();
        let usable: Vec<_> = self
            .clinic
            .methods
            .iter()
            .filter(|kept| !kept.gone)
            .collect();
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

    fn close(&mut self, n: usize) -> Result<bool, crate::check::Violation> {
        let Some(payment) = self.payment(n) else {
            return Ok(false);
        };
        self.commit(&Event::Closed { payment }, "staff")?;
        Ok(true)
    }

    fn resolve(&mut self, _n: usize, _second: bool) -> Result<bool, crate::check::Violation> {
        Ok(false)
    }

    fn resolve_refund(
        &mut self,
        _n: usize,
        _second: bool,
    ) -> Result<bool, crate::check::Violation> {
        Ok(false)
    }

    fn refund(
        &mut self,
        half: bool,
        waits: bool,
        of: Option<usize>,
    ) -> Result<bool, crate::check::Violation> {
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
        self.commit(&Event::RefundRequested(new), "staff")?;
        Ok(refundable.minor > 0)
    }

    fn judge(&mut self, approve: bool) -> Result<bool, crate::check::Violation> {
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
        let all = self.clinic.methods.len().max(1);
        match self.clinic.methods.get_mut(n % all) {
            Some(kept) => {
                kept.gone = true;
                true
            }
            None => false,
        }
    }

    fn dies(&mut self, n: usize, told: bool) -> bool {
        let all = self.clinic.methods.len().max(1);
        let Some(kept) = self.clinic.methods.get_mut(n % all) else {
            return false;
        };
        kept.gone |= told;
        let (gateway, token) = (kept.method.gateway.clone(), kept.method.token.clone());
        let at = self.index_of(&gateway);
        self.gateways[at].dead.push(token);
        true
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
        match how {
            Foreign::UnknownThere => self.gateways[gateway].news.push(Say {
                what: What::Succeeded,
                reference: Some(order.reference),
                payment: Some(format!("{}-nobody{}", booked.gateway, self.now)),
                page: None,
                refund: None,
                dispute: None,
                amount: None,
                currency: String::new(),
                why: None,
                token: None,
                at: self.now,
            }),
            _ => {
                let now = self.now;
                self.gateways[gateway].pay(now, By::Stranger, None, &order, Fate::Good);
                // What he wrote says nothing of the amount.
                if let Some(say) = self.gateways[gateway].news.last_mut() {
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

    fn dispute(&mut self, half: bool, won: bool, turns: bool) -> bool {
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
        self.gateways[g].dispute(self.now, n, amount, ends);
        self.spread(g);
        true
    }

    /// A retry is due: the method is chosen as the rules say.
    pub fn retry(&mut self, payment: u32) -> Checked {
        let case = self.clinic.case.as_ref();
        let used = case.and_then(|case| case.payment(payment)?.method.clone());
        let kept = self.clinic.methods.iter().rev().filter(|kept| !kept.gone);
        let same = |kept: &&crate::clinic::Kept| {
            used.as_ref()
                .is_some_and(|used| used.token == kept.method.token)
        };
        let method = kept.clone().find(same).or(kept.clone().next());
        let method = method.map(|kept| kept.method.clone());
        let event = Event::RetryDue { payment, method };
        self.commit(&event, "retry").map(drop)
    }
}
