//! Whom to ask, and what nobody need answer any more: a person's task is raised where only a person
//! can go on, and ends by itself when what it asks is answered.

use super::*;

impl Draft<'_> {
    /// Somebody asks that a person looks.
    pub(super) fn must_look(&mut self, id: &str, matter: &Matter) -> Applied {
        self.what = "needs_person";
        self.person(id, matter.clone());
        Ok(())
    }

    /// Asks a person. What the matter does not say is taken from the case: the invoice's number,
    /// the gateway and the amount of the payment or refund.
    pub(super) fn person(&mut self, id: &str, mut matter: Matter) {
        let case = &self.case;
        let paying = matter.payment.and_then(|n| case.payment(n));
        let refund = matter.refund.and_then(|n| case.refund(n));
        matter.invoice = Some(case.invoice().number.clone());
        let gateway = || paying.map(|p| p.gateway.clone());
        matter.vendor = matter.vendor.or_else(gateway);
        let request = || refund.and_then(|(_, r)| r.request.clone());
        matter.request = matter.request.or_else(request);
        let amount = refund.map(|(_, r)| r.amount).or(paying.map(|p| p.amount));
        matter.amount = matter.amount.or(amount).or(Some(case.invoice().total));
        self.tasks.push(Task {
            id: format!("person-{id}"),
            work: Work::Person(matter),
            due: self.ctx.now,
        });
        self.tell(Topic::NeedsPerson, None, Some(id.into()));
    }

    /// What the case asks of people now and did not before, and what it no longer asks.
    pub(super) fn people(&mut self, before: Option<&Case>) {
        let Some(before) = before else { return };
        self.overreturned(before);
        self.uncollected(before);
        self.overpaid(before);
        self.called_off(before);
        self.answered(before);
    }

    /// Money that is due and that nothing works on any more is a task, until something does.
    fn uncollected(&mut self, before: &Case) {
        match (before.uncollected(), self.case.uncollected()) {
            (false, true) => {
                let due = self.case.due();
                let mut matter = Matter::of(Alert::Uncollected).amount(due);
                matter.words = self
                    .case
                    .payments
                    .last()
                    .and_then(last_try)
                    .map(String::from);
                self.person("uncollected", matter);
            }
            (true, false) => self.done.push("person-uncollected".into()),
            (false, false) | (true, true) => {}
        }
    }

    /// Money beyond what the bill asks for, none of which is on its way back, is a task, told anew
    /// when it grows. A refund of it that failed asks for itself.
    fn overpaid(&mut self, before: &Case) {
        let surplus = self.case.surplus();
        let failed = |task: &Task| task.id.starts_with("person-refund-failed-");
        if surplus.minor <= before.surplus().minor || self.tasks.iter().any(failed) {
            return;
        }
        let stays = self.case.arrivals().filter(|(_, stays)| stays.minor > 0);
        if let Some(n) = stays.map(|(n, _)| n).max() {
            let mut matter = Matter::of(Alert::Overpaid).amount(surplus);
            matter.payment = self.case.payment(n).map(|p| p.n);
            self.person(&format!("overpaid-p{n}"), matter);
        }
    }

    /// Ends the tasks whose question the change has answered.
    fn answered(&mut self, before: &Case) {
        let mut done = vec![];
        for payment in &before.payments {
            let Some(now) = self.case.payment(payment.n) else {
                continue;
            };
            let known = !now.state.is_under_way() || payment.state == State::Unknown;
            if now.state != payment.state && known {
                done.push(task_id(payment.n, None));
            }
            let all_back = |p: &Payment| p.refunded().minor >= p.amount.minor;
            if all_back(now) && !all_back(payment) {
                done.push(format!("late-p{}", payment.n));
            }
            for refund in &payment.refunds {
                done.extend(answered_refund(payment, now, refund));
            }
        }
        if before.surplus().minor > 0 && self.case.surplus().minor == 0 {
            let numbers = 1..before.next_number();
            done.extend(numbers.map(|n| format!("overpaid-p{n}")));
        }
        for id in &done {
            self.case.asked.remove(id);
        }
        let raised = |id: &String| self.tasks.iter().any(|task| task.id == *id);
        let ids = done.into_iter().map(|id| format!("person-{id}"));
        let ids: Vec<_> = ids.filter(|id| !raised(id)).collect();
        self.done.extend(ids);
    }

    /// Refunds and lost disputes that come to more than was paid: the same money told twice, or
    /// lost twice. The books take it once, and a person looks.
    fn overreturned(&mut self, before: &Case) {
        let was = |n| before.payment(n).is_some_and(Payment::overreturned);
        let turned: Vec<_> = self
            .case
            .payments
            .iter()
            .map(|p| (p.n, was(p.n), p.overreturned(), p.credit_unpaid()))
            .collect();
        for (n, was, is, credit) in turned {
            let id = format!("overreturned-p{n}");
            match (was, is) {
                (false, true) => {
                    let words = match credit {
                        true => {
                            "Some of this payment was kept as the patient's credit, and then it went \
                             back. The books hold both: the patient owes what the credit is."
                        }
                        false => {
                            "This payment was refunded and a dispute over it was lost. The books \
                             take the money once: see whether it left twice."
                        }
                    };
                    let matter = Matter::of(Alert::Contradiction).payment(n);
                    self.person(&id, matter.words(words));
                }
                (true, false) => self.done.push(format!("person-{id}")),
                (false, false) | (true, true) => {}
            }
        }
    }
}

/// How the last try to collect ended.
fn last_try(payment: &Payment) -> Option<&'static str> {
    Some(match (payment.state, payment.decline) {
        (State::Expired, _) => "The page to pay on closed without a payment.",
        (State::Returned, _) => "The last payment went back.",
        (State::Declined, Some(Decline::Funds)) => "The last try was declined for lack of money.",
        (State::Declined, Some(Decline::Method)) => {
            "The last try was declined: this card or account does not work any more."
        }
        (State::Declined, Some(Decline::Action)) => {
            "The last try was declined until the payer approves it."
        }
        (State::Declined, Some(Decline::Fraud)) => "The last try was declined as suspicious.",
        (State::Declined, Some(Decline::Cancelled)) => "The payer stopped the last try.",
        (State::Declined, Some(Decline::Other) | None) => "The last try was declined.",
        (State::Open | State::Pending | State::Unknown | State::Paid, _) => return None,
    })
}

/// The tasks about a refund that what it became, or what followed it, has answered.
fn answered_refund(was: &Payment, now: &Payment, refund: &Refund) -> Vec<String> {
    let key = refund.key();
    let of_key = |r: &&Refund| r.key() == key;
    let mut done = vec![];
    let Some(same) = now.refunds.iter().find(of_key) else {
        return done;
    };
    let settled = same.state.is_final() || refund.state == refund::State::Unknown;
    if let Some(n) = refund.n.filter(|_| same.state != refund.state && settled) {
        done.push(task_id(was.n, Some(n)));
    }
    if let Some(request) = &refund.request
        && refund.state == refund::State::AwaitingApproval
        && same.state != refund.state
    {
        done.push(waits(request));
    }
    // It was returned after all, by another refund.
    let replaced = |payment: &Payment| {
        let later = |r: &&Refund| r.n.is_none() || r.n > refund.n;
        let went = |r: &&Refund| r.state == refund::State::Succeeded && r.amount == refund.amount;
        payment.refunds.iter().filter(later).any(|r| went(&r))
    };
    if refund.state == refund::State::Failed && replaced(now) && !replaced(was) {
        done.push(format!("refund-failed-{key}"));
    }
    done
}
