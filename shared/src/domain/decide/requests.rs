//! What people and systems ask for: charges, retries, refunds and their approval, a payment that is
//! closed.

use super::*;

impl Draft<'_> {
    pub(super) fn charge(&mut self, charge: &NewCharge) -> Applied {
        let due = self.case.chargeable();
        let amount = charge.amount.unwrap_or(due);
        if amount.currency != self.case.currency {
            let text = format!("the invoice is in {}", self.case.currency.code());
            return Err(Verdict::Refused(Refusal::Invalid(text)));
        }
        if amount.minor <= 0 || amount.minor > due.minor {
            return Err(Verdict::Refused(Refusal::NotDue { due }));
        }
        self.plan(
            amount,
            charge.gateway.clone(),
            charge.method.clone(),
            charge.keep_method,
        );
        Ok(())
    }

    /// A further payment. It is sent as soon as no page stands in its way.
    pub(super) fn plan(
        &mut self,
        amount: Money,
        gateway: String,
        method: Option<Method>,
        keep: bool,
    ) {
        let n = self.case.next_number();
        self.case.payments.push(Payment {
            method,
            keep_method: keep,
            ..Payment::planned(n, gateway, amount)
        });
    }

    pub(super) fn retry(&mut self, payment: u32, method: Option<&Method>) -> Applied {
        self.what = "retry_due";
        let planned = self.case.retry.as_ref();
        let planned = planned.is_some_and(|retry| retry.payment == payment);
        self.no_retry(payment);
        let (due, failed) = (self.case.unasked(), self.payment(payment)?.clone());
        // What is collected otherwise meanwhile has made this retry needless.
        if !planned || !failed.may_retry() || due.minor == 0 {
            return Ok(());
        }
        let amount = Money::new(failed.amount.minor.min(due.minor), due.currency);
        let same = |m: &&Method| failed.method.as_ref() == Some(*m);
        let ended = failed.decline.is_some_and(Decline::ends_method);
        match method.filter(|m| !(ended && same(m))) {
            Some(method) => {
                self.plan(amount, method.gateway.clone(), Some(method.clone()), false);
            }
            // Nothing is left that may be charged by itself: the patient is asked.
            None => {
                let policy = &self.case.policy;
                let keep = policy.save_method && self.case.patient.is_some();
                self.plan(amount, policy.gateway.clone(), None, keep);
            }
        }
        Ok(())
    }

    pub(super) fn refund(&mut self, new: &NewRefund) -> Applied {
        self.what = "refund_requested";
        let of_one = |n| self.case.payment(n).map_or(0, |p| p.refundable().minor);
        let refundable = Money::new(
            new.payment.map_or(self.case.refundable().minor, of_one),
            self.case.currency,
        );
        let amount = new.amount.unwrap_or(refundable);
        if amount.currency != self.case.currency || amount.minor <= 0 {
            let text = format!(
                "a refund is an amount above 0 in {}",
                self.case.currency.code()
            );
            return Err(match refundable.minor {
                0 if new.amount.is_none() => {
                    Verdict::Refused(Refusal::NotRefundable { refundable })
                }
                _ => Verdict::Refused(Refusal::Invalid(text)),
            });
        }
        if amount.minor > refundable.minor {
            return Err(Verdict::Refused(Refusal::NotRefundable { refundable }));
        }
        let reserved = self.case.refunds().filter(|(_, r)| r.state.reserves());
        let all = reserved.map(|(_, r)| r.amount.minor).sum::<i64>() + amount.minor;
        let all = Money::new(all, amount.currency).decimal();
        let needs_approval =
            new.needs_approval || new.approval_above.is_some_and(|above| all > above);
        let state = match needs_approval {
            true => refund::State::AwaitingApproval,
            false => refund::State::Requested,
        };
        for (payment, part) in split_refund(&self.case, amount, new.payment) {
            self.case.refunds_numbered += 1;
            let n = self.case.refunds_numbered;
            let refund = Refund {
                n: Some(n),
                request: Some(new.request.clone()),
                id: None,
                amount: part,
                state,
                paid_at: None,
                intent: None,
                way: Way::Back,
                of_deposit: self.case.bill.is_deposit(),
            };
            let refunds = &mut self.payment(payment)?.refunds;
            refunds.push(refund);
            refunds.sort_by_key(Refund::key);
            if !needs_approval {
                self.schedule(payment, Some(n), Work::Refund { refund: n }, 0);
            }
        }
        if needs_approval {
            let matter = Matter::of(Alert::RefundWaits).amount(amount);
            self.person(&waits(&new.request), matter.request(&new.request));
        }
        Ok(())
    }

    pub(super) fn approve(&mut self, request: &str) -> Applied {
        self.what = "refund_approved";
        for (payment, n) in self.judged(request, refund::Event::Approved)? {
            self.schedule(payment, Some(n), Work::Refund { refund: n }, 0);
        }
        Ok(())
    }

    /// Gives up a refund that waits for approval: its amount is refundable again.
    pub(super) fn reject(&mut self, request: &str) -> Applied {
        self.what = "refund_rejected";
        self.judged(request, refund::Event::Rejected).map(drop)
    }

    /// Moves every part of a request that waits for approval; there must be one.
    pub(super) fn judged(
        &mut self,
        request: &str,
        event: refund::Event,
    ) -> Result<Vec<(u32, u32)>, Verdict> {
        let mut judged = vec![];
        for payment in &mut self.case.payments {
            let of_request = |r: &&mut Refund| r.request.as_deref() == Some(request);
            for part in payment.refunds.iter_mut().filter(of_request) {
                let waits = part.state == refund::State::AwaitingApproval;
                if let Some(to) = refund::next(part.state, event).filter(|_| waits) {
                    part.state = to;
                    judged.extend(part.n.map(|n| (payment.n, n)));
                }
            }
        }
        self.done.push(format!("person-{}", waits(request)));
        match judged.is_empty() {
            true => Err(Verdict::Nothing),
            false => Ok(judged),
        }
    }

    /// A page is ended at its gateway; what was never begun, or is unknown and a person looked it
    /// up, ends here. Money that comes all the same still counts.
    pub(super) fn close(&mut self, n: u32) -> Applied {
        let now = self.ctx.now;
        let payment = self.payment(n)?;
        if payment
            .intent
            .as_ref()
            .is_some_and(|intent| intent.is_leased(now))
        {
            return Err(Verdict::Refused(Refusal::Busy));
        }
        if payment.gives_way() {
            if payment.ending.is_some() {
                return Err(Verdict::Nothing);
            }
            self.what = "payment_closed";
            self.give_way(n);
            return Ok(());
        }
        // Only the gateway, or people who looked, can tell what becomes of money under way.
        if matches!(payment.state, State::Unknown | State::Pending) {
            return Err(Verdict::Nothing);
        }
        self.move_payment(n, payment::Event::Expired, None)?;
        self.unblocked(n, None);
        self.done.push(format!("person-{}", task_id(n, None)));
        self.what = "payment_closed";
        Ok(())
    }
}
