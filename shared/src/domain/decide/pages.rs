//! Several ways to pay at once: together they never bring more than is due. Another way begins once
//! the page before it is ended at its gateway, and what came too much all the same goes back.

use super::*;

impl Draft<'_> {
    /// Ends pages, the oldest first, while all open ways would bring more than is due; then takes
    /// off what was not begun yet.
    pub(super) fn fit_ways_to_pay(&mut self) {
        let brings = |p: &&Payment| p.may_bring() && !p.is_left();
        let coming = self.case.payments.iter().filter(brings);
        let coming: i64 = coming.map(|p| p.amount.minor).sum();
        let mut excess = coming - self.case.due().minor;
        for n in self.numbers() {
            let Some(payment) = self.case.payment(n).filter(brings) else {
                continue;
            };
            if excess > 0 && payment.gives_way() {
                excess -= payment.amount.minor;
                self.give_way(n);
            }
        }
        for n in self.numbers() {
            let unbegun = |p: &&mut Payment| p.is_unbegun() && p.ending.is_none();
            let Some(payment) = self.case.payment_mut(n).filter(unbegun) else {
                continue;
            };
            let too_much = excess.clamp(0, payment.amount.minor);
            excess -= too_much;
            payment.amount.minor -= too_much;
            if payment.amount.minor == 0 {
                payment.amount.minor = too_much;
                payment.state = State::Expired;
                self.no_more_work(n);
            }
        }
    }

    pub(super) fn numbers(&self) -> Vec<u32> {
        self.case.payments.iter().map(|p| p.n).collect()
    }

    /// Nobody shall pay on this page any more. One that nobody was sent to yet simply ends.
    pub(super) fn give_way(&mut self, n: u32) {
        let Some(payment) = self.case.payment_mut(n) else {
            return;
        };
        payment.ending = Some(Ending::Asked);
        if payment.session.is_none() {
            payment.state = State::Expired;
            payment.intent = None;
            self.no_more_work(n);
        } else {
            self.close_page(n);
        }
    }

    pub(super) fn close_page(&mut self, n: u32) {
        let step = Step::Close;
        self.schedule(n, None, Work::Pay { payment: n, step }, 0);
    }

    fn no_more_work(&mut self, n: u32) {
        let id = task_id(n, None);
        self.tasks.retain(|task| task.id != id);
        self.done.push(id);
        self.unblocked(n, None);
    }

    /// A page that is over is not being ended any more, whoever ended it.
    pub(super) fn page_ended(&mut self, n: u32) -> Applied {
        let payment = self.payment(n)?;
        payment.page_over = true;
        if payment
            .intent
            .as_ref()
            .is_some_and(|i| i.step == Step::Close)
        {
            payment.intent = None;
        }
        if !payment.may_bring() {
            self.no_more_work(n);
        }
        Ok(())
    }

    /// The gateway cannot end it: other ways begin all the same, and it is asked about until it is
    /// over.
    pub(super) fn page_stays(&mut self, n: u32) -> Applied {
        let payment = self.payment(n)?;
        if !payment.is_ending() {
            return Err(Verdict::Nothing);
        }
        payment.ending = Some(Ending::Refused);
        payment.intent = None;
        self.what = "page_stays";
        self.unblocked(n, None);
        self.poll(n);
        Ok(())
    }

    /// Looks what the gateway says of it, in a while.
    pub(super) fn poll(&mut self, n: u32) {
        let work = Work::Settle {
            payment: n,
            refund: None,
            tries: 0,
        };
        self.schedule(n, None, work, FIRST_POLL);
    }

    /// What was planned, or waited for a page to end, is sent now.
    pub(super) fn begin_what_may_begin(&mut self, before: Option<&Case>) {
        let first = |step: &Step| matches!(step, Step::Charge | Step::Checkout);
        for n in self.numbers() {
            let next = |case: &Case| case.next_step(n).filter(first);
            let could = before.is_some_and(|case| next(case).is_some());
            let planned = self.tasks.iter().any(|task| task.id == task_id(n, None));
            if let Some(step) = next(&self.case).filter(|_| !could && !planned) {
                self.schedule(n, None, Work::Pay { payment: n, step }, 0);
            }
        }
    }

    /// More came than was due: so much goes back once, from the payment that brought it.
    pub(super) fn return_surplus(&mut self, n: u32, beyond: i64) -> Applied {
        let request = surplus_request(n);
        let payment = self.payment(n)?;
        let same = |r: &Refund| r.request.as_ref() == Some(&request);
        let minor = beyond.min(payment.refundable().minor);
        if minor == 0 || payment.refunds.iter().any(same) {
            return Ok(());
        }
        let amount = Money::new(minor, payment.amount.currency);
        let what = self.what;
        self.refund(&NewRefund {
            amount: Some(amount),
            request,
            payment: Some(n),
            needs_approval: false,
            // It was never the clinic's: nobody need approve that it goes back.
            approval_above: None,
        })?;
        self.what = what;
        Ok(())
    }
}
