//! What gateways say of a payment: which one a fact is about, and what it makes of it.

use super::*;

impl Draft<'_> {
    pub(super) fn fact(&mut self, report: &Report, fact: &Fact) -> Applied {
        let n = self.matching(report, fact).ok_or(Verdict::Unmatched)?;
        let now = self.ctx.now;
        self.moved = fact.occurred_at.map_or(now, |at| at.min(now));
        let payment = self.payment(n)?;
        let fit = Fit::of(payment, fact);
        made_once(payment, &fit)?;
        told_enough(payment, report, fact, &fit)?;
        is_ours(payment, report, fact, &fit)?;
        let (arrived, succeeded) = (fit.arrived, fit.succeeded);
        if fact.kind == Kind::PaymentSucceeded && !arrived {
            payment.amount = arriving(payment, fact, fit.known, report.answer)?;
        }
        payment.aliases.extend(fact.payment_ids().map(String::from));
        // A try that failed may have had an id of its own: the one that paid is refunded, and the
        // page is asked where the payer may try again.
        let page = payment.page_lives() || payment.approved;
        let tries_on = fact.kind == Kind::PaymentFailed && report.page_stays && page;
        if tries_on && !arrived {
            payment.capture = None;
        } else if payment.capture.is_none() || (succeeded && !arrived) {
            payment.capture.clone_from(&fact.payment);
        }
        self.unblocked(n, None);
        match fact.kind {
            Kind::PaymentSucceeded
            | Kind::PaymentFailed
            | Kind::PaymentPending
            | Kind::PaymentExpired
            | Kind::PaymentReturned => self.payment_fact(n, report, fact),
            Kind::RefundSucceeded | Kind::RefundFailed | Kind::RefundPending => {
                self.refund_fact(n, report, fact)
            }
            Kind::DisputeOpened => self.dispute_fact(n, report, fact, dispute::State::Open),
            Kind::DisputeWon => self.dispute_fact(n, report, fact, dispute::State::Won),
            Kind::DisputeLost => self.dispute_fact(n, report, fact, dispute::State::Lost),
            // Known kinds that change nothing in a case.
            Kind::Settled
            | Kind::PayoutPaid
            | Kind::PayoutFailed
            | Kind::MandateActive
            | Kind::MandateCancelled
            | Kind::SubscriptionCancelled
            | Kind::AppointmentCompleted
            | Kind::AppointmentCancelled
            | Kind::AppointmentRescheduled
            | Kind::AppointmentNoShow
            | Kind::MessageReceived
            | Kind::FormSubmitted
            | Kind::OrderCreated
            | Kind::Other => Err(Verdict::Nothing),
        }
    }

    /// The payment that a fact is about: by our reference first, then by any id ever seen.
    pub(super) fn matching(&self, report: &Report, fact: &Fact) -> Option<u32> {
        let by_reference = fact.reference.as_deref().and_then(ids::read_reference);
        if let Some((case, reference)) = by_reference
            && case == self.case.id
        {
            let found = match reference {
                Reference::Payment(n) => self.case.payment(n),
                Reference::Refund(n) => self.case.refund(n).map(|(p, _)| p),
            };
            // Written on a payment at another gateway, it is a stranger's.
            if let Some(payment) = found.filter(|p| p.gateway == report.gateway) {
                return Some(payment.n);
            }
        }
        let known = |p: &&Payment| {
            p.gateway == report.gateway
                && (fact.payment_ids().any(|id| p.aliases.contains(id))
                    || p.refunds
                        .iter()
                        .any(|r| r.id.is_some() && r.id == fact.refund)
                    || p.disputes
                        .iter()
                        .any(|d| Some(&d.id) == fact.dispute.as_ref())
                    || fact.dispute.iter().any(|id| p.aliases.contains(id)))
        };
        self.case.payments.iter().find(known).map(|p| p.n)
    }

    pub(super) fn payment_fact(&mut self, n: u32, report: &Report, fact: &Fact) -> Applied {
        // It may have been collected again since.
        if fact.kind == Kind::PaymentReturned && report.late_failures && !report.current {
            return Err(Verdict::LookUpFirst { payment: n });
        }
        if fact.kind == Kind::PaymentReturned
            && let Some(lost) = self.taken_back(n, report, fact)?
        {
            return self.apply_chargeback(n, report, &lost, dispute::State::Lost, true);
        }
        let payment = self.payment(n)?;
        if payment.paid_with.is_none() {
            payment.paid_with.clone_from(&fact.paid_with);
        }
        let state = payment.state;
        let anew = anew(fact.kind, state).filter(|_| report.late_failures && !fact.approved);
        if let Some(event) = anew {
            // What a call was answered first says nothing of what came after.
            if report.answer {
                return Err(Verdict::Nothing);
            }
            return match report.current {
                true => self.collected_again(n, report, fact, event),
                false => Err(Verdict::LookUpFirst { payment: n }),
            };
        }
        // Of an attempt that failed before another one brought the money.
        let other = fact.payment.is_some() && fact.payment != payment.capture;
        let back = matches!(fact.kind, Kind::PaymentFailed | Kind::PaymentReturned);
        if back && payment.arrived() && payment.capture.is_some() && other {
            return Err(Verdict::Nothing);
        }
        let kind = told_kind(payment, report, fact)?;
        let over = match kind {
            Kind::PaymentExpired => true,
            Kind::PaymentFailed => !report.page_stays,
            _ => false,
        };
        let event = match kind {
            Kind::PaymentSucceeded => {
                self.succeeded(n, report, fact)?;
                payment::Event::Succeeded
            }
            // Ended because we asked for that: nobody was declined.
            Kind::PaymentFailed if over && payment.is_ending() => payment::Event::Expired,
            Kind::PaymentFailed => payment::Event::Failed,
            Kind::PaymentExpired => payment::Event::Expired,
            // A lost dispute took a part before; now all of it is gone.
            Kind::PaymentReturned if state == State::Returned && !payment.returned_whole => {
                return self.rest_returned(n, fact);
            }
            Kind::PaymentReturned => {
                if !payment.arrived() {
                    self.move_payment(n, payment::Event::Succeeded, None)?;
                }
                payment::Event::Returned
            }
            _ => return self.pending_fact(n, report, fact),
        };
        let payment = self.payment(n)?;
        let ends = over && !payment.arrived() && !payment.page_over;
        if ends {
            self.page_ended(n)?;
        }
        match self.move_payment(n, event, fact.decline) {
            Err(Verdict::Nothing) if ends => Ok(()),
            other => other,
        }
    }

    /// What a return is as a dispute that was lost without a hearing: what the bank takes under an
    /// id of its own, or a part, can be given back again.
    fn taken_back(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
    ) -> Result<Option<Fact>, Verdict> {
        let payment = self.payment(n)?;
        let named = fact.refund.clone().or(fact.dispute.clone());
        if let Some(amount) = fact.amount.filter(|back| back.minor > payment.amount.minor) {
            let came = payment.amount;
            let why = format!("{amount} went back of a payment of {came}");
            return Err(Verdict::Contradiction(why));
        }
        let part = fact
            .amount
            .filter(|amount| amount.minor < payment.amount.minor);
        let name = match (named, part) {
            (None, None) => return Ok(None),
            (None, Some(amount)) => Some(self.unnamed(n, report, fact, amount)?),
            (named, _) => named,
        };
        Ok(Some(Fact {
            dispute: name,
            ..fact.clone()
        }))
    }

    fn succeeded(&mut self, n: u32, report: &Report, fact: &Fact) -> Applied {
        let moved = self.moved;
        let payment = self.payment(n)?;
        if let Some(amount) = fact.amount.filter(|a| *a != payment.amount) {
            return Err(other_amount(payment, amount));
        }
        payment.paid_at = payment.paid_at.or(fact.occurred_at.and(Some(moved)));
        if payment.state == State::Declined && report.late_failures && !report.current {
            return Err(Verdict::LookUpFirst { payment: n });
        }
        // Kept even where another event told of the success first.
        if payment.keep_method && payment.method.is_none() {
            payment.method.clone_from(&fact.method);
            self.kept = self.kept.take().or(fact.method.clone());
        }
        Ok(())
    }

    /// All of it is gone, of which a dispute had taken a part.
    fn rest_returned(&mut self, n: u32, fact: &Fact) -> Applied {
        let payment = self.payment(n)?;
        let before = payment.returned().minor;
        payment.returned_whole = true;
        payment.decline = fact.decline.or(Some(Decline::Other));
        let rest = payment.returned().minor - before;
        let rest = Money::new(rest, payment.amount.currency);
        self.what = "payment_returned";
        if rest.minor > 0 {
            self.went_back(n, rest);
        }
        Ok(())
    }

    /// What a return of a part is called that bears no id of its own: its amount and its time, or
    /// its place among those of one report. Two alike are two.
    fn unnamed(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
        amount: Money,
    ) -> Result<String, Verdict> {
        let base = format!("returned {amount}");
        let disputes = &self.payment(n)?.disputes;
        let alike = disputes.iter().map(|dispute| &dispute.id);
        let mut alike = alike.filter(|id| id.starts_with(&base));
        let timed = fact.occurred_at.map(|at| format!("{base} at {at}"));
        if report.current {
            let same = |other: &&Fact| {
                let unnamed = other.refund.is_none() && other.dispute.is_none();
                unnamed && (other.kind, other.amount) == (fact.kind, fact.amount)
            };
            let mut before = report.facts.iter();
            let before = before
                .by_ref()
                .take_while(|other| !std::ptr::eq(*other, fact));
            let place = before.filter(same).count();
            let known = alike.nth(place).cloned();
            return Ok(known.unwrap_or(format!("{base} #{}", place + 1)));
        }
        let name = timed.clone().unwrap_or_else(|| base.clone());
        let known: Vec<_> = alike.collect();
        // Whether one that is known without its time is this one, only the gateway can tell.
        let sure = timed.is_some() && known.iter().all(|id| id.contains(" at "));
        match known.is_empty() || known.contains(&&name) || sure {
            true => Ok(name),
            false => Err(Verdict::LookUpFirst { payment: n }),
        }
    }

    /// What had failed or gone back is under way or there again, unless the same report says that
    /// it went back since.
    pub(super) fn collected_again(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
        event: payment::Event,
    ) -> Applied {
        let gone = |fact: &Fact| matches!(fact.kind, Kind::PaymentFailed | Kind::PaymentReturned);
        let lost = |d: &Dispute| d.state == dispute::State::Lost;
        let payment = self.payment(n)?;
        if report.facts.iter().any(gone) || payment.disputes.iter().any(lost) {
            return Err(Verdict::Nothing);
        }
        self.move_payment(n, event, None)?;
        let payment = self.payment(n)?;
        payment.returned_whole = false;
        if event == payment::Event::Resubmitted {
            payment.paid_at = None;
            payment.collected_on = fact.collected_on;
            self.what = "payment_resubmitted";
            self.poll(n);
        }
        self.no_retry(n);
        Ok(())
    }

    /// A refund or a dispute implies the payment that it is about: that is posted first.
    pub(super) fn imply_payment(&mut self, n: u32, report: &Report) -> Applied {
        let payment = self.payment(n)?;
        if payment.arrived() {
            return Ok(());
        }
        // The look-up tells how much came, if anything did.
        if !report.current {
            return Err(Verdict::LookUpFirst { payment: n });
        }
        // One of which only refunds could be read tells nothing of the payment.
        let of_payment =
            |fact: &Fact| matches!(fact.kind, Kind::PaymentSucceeded | Kind::PaymentReturned);
        if !report.answer && !report.facts.iter().any(of_payment) {
            return Err(Verdict::Wait(
                "the gateway does not tell the payment itself",
            ));
        }
        self.move_payment(n, payment::Event::Succeeded, None)
    }

    /// A try of a debit failed, and the gateway itself makes the next: it is still under way, nobody
    /// else tries, and everybody hears of it at once.
    fn tried_again_there(&mut self, n: u32, fact: &Fact) -> Applied {
        let payment = self.payment(n)?;
        let failed_at = fact.occurred_at.unwrap_or(Timestamp::UNIX_EPOCH);
        if payment.failed_there.is_some_and(|known| known >= failed_at) {
            return Err(Verdict::Nothing);
        }
        payment.failed_there = Some(failed_at);
        payment.state = State::Pending;
        payment.intent = None;
        payment.decline = fact.decline;
        self.what = "payment_tried_again_there";
        self.tell(Topic::PaymentFailed, Some(n), None);
        self.poll(n);
        Ok(())
    }

    /// A payer who was declined on a page had time for another try: who is told of it hears now, if
    /// it is still so.
    pub(super) fn decline_stands(&mut self, n: u32) -> Applied {
        self.done.push(declined(n));
        let stands = |p: &Payment| p.state == State::Declined && p.ending.is_none();
        if self.case.payment(n).is_some_and(stands) && self.case.due().minor > 0 {
            self.what = "decline_told";
            self.tell(Topic::PaymentFailed, Some(n), None);
        }
        Ok(())
    }

    /// The payer is at it, or the gateway is.
    pub(super) fn pending_fact(&mut self, n: u32, report: &Report, fact: &Fact) -> Applied {
        let payment = self.payment(n)?;
        // After a decline the payer may have chosen another way to pay on the same page.
        let again = payment.state == State::Declined && payment.open_page().is_some();
        if !(payment.state.is_under_way() || (fact.approved && again)) {
            return Err(Verdict::Nothing);
        }
        if fact.decline.is_some() && payment.state.is_under_way() {
            return self.tried_again_there(n, fact);
        }
        if fact.approved {
            // What is not to be paid there any more is not taken.
            if payment.approved || payment.page_over || payment.ending.is_some() {
                return Err(Verdict::Nothing);
            }
            // The approval that was declined, heard again, or a new one?
            if again && !report.current {
                return Err(Verdict::LookUpFirst { payment: n });
            }
            payment.approved = true;
            payment.approvals += 1;
            // Of the try that failed: this one will have an id of its own.
            payment.capture = None;
            payment.state = State::Pending;
            payment.decline = None;
            payment.intent = None;
            payment.method = payment.method.take().or(fact.method.clone());
            let kept = fact.method.clone().filter(|_| payment.keep_method);
            self.kept = self.kept.take().or(kept);
            self.what = "payment_approved";
            let work = Work::Pay {
                payment: n,
                step: Step::Complete,
            };
            self.schedule(n, None, work, 0);
            return Ok(());
        }
        // Money is under way, whoever began it; an answer to our call ends its lease.
        let day = fact.collected_on.or(payment.collected_on);
        let known = payment.state == State::Pending && payment.intent.is_none();
        if known && day == payment.collected_on {
            return Err(Verdict::Nothing);
        }
        payment.collected_on = day;
        if known {
            self.what = "payment_pending";
            return Ok(());
        }
        payment.state = State::Pending;
        payment.intent = None;
        self.what = "payment_pending";
        self.poll(n);
        Ok(())
    }

    pub(super) fn move_payment(
        &mut self,
        n: u32,
        event: payment::Event,
        why: Option<Decline>,
    ) -> Applied {
        let (moved, due) = (self.moved, self.case.due());
        let payment = self.payment(n)?;
        let from = payment.state;
        let to = payment::next(from, event).ok_or(Verdict::Nothing)?;
        let beyond = (payment.amount.minor - due.minor).max(0);
        payment.state = to;
        payment.intent = None;
        payment.approved &= to.is_under_way();
        // One that began on a page may have brought the method that was kept there.
        let on_page = payment.keep_method || payment.session.is_some() || payment.method.is_none();
        if to == State::Paid {
            payment.paid_at = payment.paid_at.or(Some(moved));
            payment.page_over = false;
            payment.ending = None;
            payment.approvals = 0;
        }
        payment.decline = match to {
            State::Declined | State::Returned => why.or(Some(Decline::Other)),
            _ => None,
        };
        if event == payment::Event::Returned {
            payment.returned_whole = true;
        }
        self.done.push(task_id(n, None));
        self.tasks.retain(|task| task.id != task_id(n, None));
        match to {
            State::Paid => {
                self.paid(n, from, on_page, beyond)?;
            }
            State::Declined => {
                self.what = "payment_failed";
                // On a page that is still open the payer may be at the next try already.
                match self.case.payment(n).is_some_and(Payment::page_lives) {
                    true => {
                        self.poll(n);
                        self.tasks.push(Task {
                            id: declined(n),
                            work: Work::DeclineStands { payment: n },
                            due: time::after(self.ctx.now, DECLINE_TOLD),
                        });
                    }
                    false => self.tell(Topic::PaymentFailed, Some(n), None),
                }
                self.plan_retry(n);
            }
            State::Returned => {
                self.what = "payment_returned";
                let amount = self.payment(n)?.returned();
                self.went_back(n, amount);
                self.plan_retry(n);
            }
            State::Expired => self.what = "payment_expired",
            State::Open | State::Pending | State::Unknown => {}
        }
        Ok(())
    }

    /// The money came: in time or late, and perhaps beyond what was due.
    fn paid(&mut self, n: u32, from: State, on_page: bool, beyond: i64) -> Applied {
        self.what = "payment_succeeded";
        // On the gateway's page a declined payer may simply try again.
        let given_up = match from {
            State::Declined => !on_page,
            State::Returned => true,
            _ => false,
        };
        self.arrived(n, None, None);
        if given_up {
            self.no_retry(n);
        }
        if beyond == 0 && (given_up || from == State::Expired) {
            let matter = Matter::of(Alert::LatePayment).payment(n);
            self.person(&format!("late-p{n}"), matter);
        }
        match from {
            State::Returned => Ok(()),
            _ => self.return_surplus(n, beyond),
        }
    }

    /// Dunning: another try on the next of the policy's days, where the reason leaves hope.
    pub(super) fn plan_retry(&mut self, n: u32) {
        let Some(payment) = self.case.payment(n) else {
            return;
        };
        let by_hand = self.case.policy.collect == Collect::Later;
        if !payment.may_retry() || payment.method.is_none() || by_hand {
            return;
        }
        let failed = |p: &&Payment| {
            p.method.is_some() && matches!(p.state, State::Declined | State::Returned)
        };
        let before = self
            .case
            .payments
            .iter()
            .filter(failed)
            .count()
            .saturating_sub(1);
        if let Some(days) = self.case.policy.retry_after_days.get(before) {
            let due = time::after(self.ctx.now, i64::from(*days) * 86_400);
            // One is planned at a time: the newest.
            if let Some(other) = self.case.retry.clone().filter(|other| other.payment != n) {
                self.no_retry(other.payment);
            }
            self.case.retry = Some(Retry { payment: n, due });
            let work = Work::Retry { payment: n };
            self.tasks.push(Task {
                id: format!("retry-p{n}"),
                work,
                due,
            });
        }
    }

    /// While its visit is off, or nothing is due, nothing is tried again by itself.
    pub(super) fn tries_no_more(&mut self) {
        let needless = self.case.called_off.is_some() || self.case.due().minor == 0;
        if let (true, Some(retry)) = (needless, self.case.retry.clone()) {
            self.no_retry(retry.payment);
            let id = format!("retry-p{}", retry.payment);
            self.tasks.retain(|task| task.id != id);
        }
    }

    /// No other try follows this payment.
    pub(super) fn no_retry(&mut self, n: u32) {
        self.case.retry.take_if(|retry| retry.payment == n);
        self.done.push(format!("retry-p{n}"));
        self.waits_no_more(&format!("retry-p{n}"));
    }

    /// The payment before may still bring its money: its gateway is asked again before the retry.
    pub(super) fn retry_waits(&mut self, n: u32) -> Applied {
        let now = self.ctx.now;
        if self
            .case
            .retry
            .as_ref()
            .is_none_or(|retry| retry.payment != n)
        {
            return Err(Verdict::Nothing);
        }
        let id = format!("retry-p{n}");
        let since = *self.case.waiting.entry(id.clone()).or_insert(now);
        let waited = now.as_second() - since.as_second();
        if waited > WORRY && self.case.blocked.insert(id.clone()) {
            let words = "This payment failed and is to be tried again, and its gateway does not \
                         say whether it is over. It is still asked, and nothing is charged before \
                         it answers.";
            let matter = Matter::of(Alert::Blocked).payment(n);
            self.person(&format!("blocked-{id}"), matter.words(words));
        }
        let due = time::after(now, waited.clamp(RETRY_WAITS[0], RETRY_WAITS[1]));
        self.case.retry = Some(Retry { payment: n, due });
        self.what = "retry_waits";
        let work = Work::Retry { payment: n };
        self.tasks.push(Task { id, work, due });
        Ok(())
    }

    /// The methods that a decline of this change has ended.
    pub(super) fn ended_methods(&self, before: Option<&Case>) -> Vec<Method> {
        let over = |p: &Payment| {
            let declined = matches!(p.state, State::Declined | State::Returned);
            declined && p.decline.is_some_and(Decline::ends_method)
        };
        let was = |p: &Payment| before.and_then(|case| case.payment(p.n)).is_some_and(over);
        let ended = self.case.payments.iter().filter(|p| over(p) && !was(p));
        ended.filter_map(|p| p.method.clone()).collect()
    }
}

/// How a fact fits what is known of its payment.
struct Fit {
    arrived: bool,
    /// It says under which id the payment was made.
    succeeded: bool,
    /// One of its ids is known.
    known: bool,
    /// It has ids, and none is known.
    stranger: bool,
    /// It is of another try than the one that counts.
    other: bool,
}

impl Fit {
    fn of(payment: &Payment, fact: &Fact) -> Self {
        let known = fact.payment_ids().any(|id| payment.aliases.contains(id));
        Self {
            arrived: payment.arrived(),
            succeeded: fact.kind == Kind::PaymentSucceeded && fact.payment.is_some(),
            known,
            stranger: fact.payment_ids().next().is_some() && !known,
            // One that is known for a try of this payment is no less another one.
            other: payment.capture.is_some() && fact.payment != payment.capture,
        }
    }
}

/// No payment is made twice, nor beside one that is under way.
fn made_once(payment: &Payment, fit: &Fit) -> Applied {
    let Fit {
        arrived,
        succeeded,
        stranger,
        other,
        ..
    } = *fit;
    if succeeded && arrived && other {
        return Err(Verdict::Contradiction(
            "this payment was made a second time, under another id of the gateway".into(),
        ));
    }
    if succeeded && stranger && other && payment.is_under_own_id() {
        return Err(Verdict::Contradiction(
            "this payment is under way, and another one under its reference was made, under \
             another id of the gateway"
                .into(),
        ));
    }
    Ok(())
}

/// Whether the fact says enough, and of the right payment, or the gateway is asked first.
fn told_enough(payment: &Payment, report: &Report, fact: &Fact, fit: &Fit) -> Applied {
    let (n, arrived, stranger) = (payment.n, fit.arrived, fit.stranger);
    // How much came, or went back, is not guessed.
    let unsaid = fact.amount.is_none() && !report.current;
    let came = fact.kind == Kind::PaymentSucceeded && !arrived;
    let went = fact.kind == Kind::PaymentReturned && !payment.returned_whole;
    if unsaid && (came || went) {
        return Err(Verdict::LookUpFirst { payment: n });
    }
    // Anybody who pays this gateway can write our reference on another payment: what implies
    // that money came, or speaks of another payment than the one that came, is asked first.
    let implies = fact.refund.is_some() || fact.dispute.is_some();
    let unsure = !arrived || (stranger && payment.capture.is_some());
    if implies && unsure && !report.current && fact.kind != Kind::PaymentReturned {
        return Err(Verdict::LookUpFirst { payment: n });
    }
    Ok(())
}

/// Whether the fact is of a try of ours, not of one that somebody else makes under our reference.
fn is_ours(payment: &Payment, report: &Report, fact: &Fact, fit: &Fit) -> Applied {
    let n = payment.n;
    let Fit {
        arrived,
        stranger,
        other,
        ..
    } = *fit;
    let tried = stranger && fact.payment.is_some() && is_try(fact);
    // While our own call is out, its reply or its repeat tells which payment is ours.
    let calling = payment.intent.as_ref().filter(|i| !i.step.is_about_page());
    if tried && !arrived && !report.answer {
        match fact.amount {
            Some(amount) if amount != payment.amount => return Err(Verdict::Nothing),
            _ if !report.current && calling.is_some() => {
                return Err(Verdict::Wait("our own call is still out"));
            }
            None if !report.current => return Err(Verdict::LookUpFirst { payment: n }),
            _ => {}
        }
    }
    if !arrived && !report.current && asks_first(payment, fact, stranger) {
        return Err(Verdict::LookUpFirst { payment: n });
    }
    // Nor is a try that somebody else makes under our reference one of ours.
    if tried && arrived && payment.capture.is_some() {
        return Err(Verdict::Nothing);
    }
    // A debit that failed or came back is collected again under its own id.
    let failed = matches!(payment.state, State::Declined | State::Returned);
    if tried && failed && other && !fact.approved && !report.answer {
        return Err(Verdict::Nothing);
    }
    // What waits to be taken by us was not taken by anybody.
    let untaken = payment.approved && payment.capture.is_none() && payment.intent.is_none();
    if tried && untaken && !fact.approved {
        return Err(Verdict::Nothing);
    }
    if tried && !arrived && payment.is_under_own_id() && !report.answer {
        return Err(match report.current {
            true => Verdict::Nothing,
            false => Verdict::LookUpFirst { payment: n },
        });
    }
    // Told of another page under our reference, one that nobody was sent to.
    if stranger && fact.payment.is_none() && is_way_of_page(payment, fact) {
        return Err(Verdict::Nothing);
    }
    Ok(())
}

/// What begins anew: a debit that failed or came back may be collected again, at the gateway or by its
/// staff.
fn anew(kind: Kind, state: State) -> Option<payment::Event> {
    match (kind, state) {
        (Kind::PaymentPending, State::Declined | State::Returned) => {
            Some(payment::Event::Resubmitted)
        }
        (Kind::PaymentSucceeded, State::Returned) => Some(payment::Event::Reinstated),
        _ => None,
    }
}

/// What a fact tells, where a debit failed that had cleared, or is under way.
fn told_kind(payment: &Payment, report: &Report, fact: &Fact) -> Result<Kind, Verdict> {
    let stays = payment.arrived() && !payment.returned_whole;
    let late = (stays || payment.state == State::Pending) && report.late_failures;
    if fact.kind != Kind::PaymentFailed || !late {
        return Ok(fact.kind);
    }
    match (report.current, stays) {
        // A debit that fails after it cleared takes its money back.
        (true, true) => Ok(Kind::PaymentReturned),
        (true, false) => Ok(Kind::PaymentFailed),
        // One under way may be collected again since.
        (false, _) => Err(Verdict::LookUpFirst { payment: payment.n }),
    }
}

/// Whether a fact tells of a try to pay that brought nothing yet, or of its end.
fn is_try(fact: &Fact) -> bool {
    let kinds = [
        Kind::PaymentPending,
        Kind::PaymentFailed,
        Kind::PaymentExpired,
    ];
    kinds.contains(&fact.kind)
}

/// Whether a fact tells of a way to pay that is open on a page.
fn is_way_of_page(payment: &Payment, fact: &Fact) -> bool {
    payment.session.is_some() && is_try(fact)
}

/// Whether only the gateway can tell if this counts: a success that names no amount, another one,
/// or an id that nobody knows; and whatever an unknown id says of a page.
fn asks_first(payment: &Payment, fact: &Fact, stranger: bool) -> bool {
    match fact.kind {
        Kind::PaymentSucceeded => stranger || fact.amount != Some(payment.amount),
        _ => stranger && is_way_of_page(payment, fact),
    }
}

/// What a success brings, as far as it can be true: what was asked, or a part of it that came in
/// our own payment. The answer to a call of ours is about the amount that the call named.
fn arriving(payment: &Payment, fact: &Fact, known: bool, answer: bool) -> Result<Money, Verdict> {
    let asked = payment.amount;
    let unsaid = || Verdict::Contradiction("the gateway does not say how much arrived".into());
    let named = fact.amount.or(Some(asked).filter(|_| answer));
    let amount = named.ok_or_else(unsaid)?;
    let own = known || answer;
    let part = own && amount.currency == asked.currency && (1..asked.minor).contains(&amount.minor);
    match amount == asked || part {
        true => Ok(amount),
        false => Err(other_amount(payment, amount)),
    }
}

fn other_amount(payment: &Payment, came: Money) -> Verdict {
    let text = format!("{came} arrived where {} was asked", payment.amount);
    Verdict::Contradiction(text)
}

/// The name of the row that waits for a declined payer's next try.
fn declined(payment: u32) -> String {
    format!("declined-p{payment}")
}
