//! What gateways say of a refund, ours or one that was made at the gateway.

use super::*;

impl Draft<'_> {
    pub(super) fn refund_fact(&mut self, n: u32, report: &Report, fact: &Fact) -> Applied {
        let moved = self.moved;
        let returned = self.payment(n)?.returned().minor;
        let (at, mirrored) = self.refund_meant(n, report, fact)?;
        let payment = self.payment(n)?;
        let refund = &mut payment.refunds[at];
        let revived = revived(n, refund, report, fact)?;
        let event = match fact.kind {
            Kind::RefundSucceeded => refund::Event::Succeeded,
            Kind::RefundFailed => refund::Event::Failed,
            _ => refund::Event::Accepted,
        };
        // What was heard of the mirrored one holds, and was told.
        let heard = match mirrored {
            Some(refund::State::Succeeded) => Some(refund::Event::Succeeded),
            Some(refund::State::Failed) => Some(refund::Event::Failed),
            _ => None,
        };
        let held = heard.and_then(|event| refund::next(refund.state, event));
        refund.state = held.unwrap_or(refund.state);
        let was_calling = refund.intent.take().is_some();
        let (key, number) = (refund.key(), refund.n);
        let amount = Some(refund.amount);
        let had_gone = refund.state == refund::State::Succeeded;
        let to = refund::next(refund.state, event);
        refund.state = to.unwrap_or(refund.state);
        refund.paid_at = match refund.state {
            refund::State::Succeeded => refund.paid_at.or(Some(moved)),
            _ => None,
        };
        let settled = refund.state.is_final();
        let id = refund.id.clone();
        if number.is_some() && id.is_some() {
            payment.refunds.retain(|r| r.n.is_some() || r.id != id);
        }
        payment.refunds.sort_by_key(Refund::key);
        if payment.sent_back().minor > payment.amount.minor {
            let text = format!("more refunded than the {} that was paid", payment.amount);
            return Err(Verdict::Contradiction(text));
        }
        self.what = match fact.kind {
            Kind::RefundSucceeded => "refund_succeeded",
            Kind::RefundFailed => "refund_failed",
            _ => "refund_pending",
        };
        if fact.kind != Kind::RefundFailed {
            self.imply_payment(n, report)?;
        }
        if let Some(number) = number {
            self.refund_heard(n, number, settled, was_calling);
        }
        match to {
            Some(refund::State::Succeeded) => {
                if revived {
                    self.done.push(format!("person-refund-failed-{key}"));
                }
                self.receipt(n, Some(key.clone()));
                self.applied_anew(n, &key);
                self.tell(Topic::RefundPaid, Some(n), Some(key));
            }
            Some(refund::State::Failed) => {
                self.applied_anew(n, &format!("{key}-failed"));
                self.refund_failed(n, fact, returned, had_gone, (key, number, amount))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A deposit that was asked back before it was invoiced went, or came again, since: the invoice
    /// takes another amount of its payment.
    fn applied_anew(&mut self, n: u32, refund: &str) {
        let key = refund.trim_end_matches("-failed");
        let deposit = |r: &Refund| r.of_deposit && r.key() == key;
        let of_deposit = self.case.all_refunds().any(deposit);
        if of_deposit && !self.case.bill.is_deposit() {
            self.tell(Topic::PaymentApplied, Some(n), Some(refund.into()));
        }
    }

    /// The refund that a fact is about, by its place, which is added where it is a new one; and how
    /// its mirror stood, where one was made from a webhook before our call's reply told its id.
    fn refund_meant(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
    ) -> Result<(usize, Option<refund::State>), Verdict> {
        let ours = match fact.reference.as_deref().and_then(ids::read_reference) {
            Some((case, Reference::Refund(number))) if case == self.case.id => Some(number),
            _ => None,
        };
        let of_deposit = self.case.bill.is_deposit();
        let payment = self.payment(n)?;
        let by_id = fact.refund.as_ref().and_then(|id| {
            payment
                .refunds
                .iter()
                .position(|r| r.id.as_ref() == Some(id))
        });
        // Under another id it is another refund, though it carries our reference.
        // No gateway speaks of what became credit: that is none of its refunds.
        let same = |r: &Refund| {
            let named = r.id.is_none() || fact.refund.is_none() || r.id == fact.refund;
            named && r.way.is_back()
        };
        let by_number = ours.and_then(|number| {
            let numbered = |r: &Refund| r.n == Some(number) && same(r);
            payment.refunds.iter().position(numbered)
        });
        let known = by_number.or(by_id);
        // It may have been mirrored from a webhook before our call's reply told its id.
        let mirrored = by_id.filter(|at| known != Some(*at));
        let mirrored = mirrored.map(|at| payment.refunds[at].state);
        // What a bank took is listed by some gateways among the refunds: the same money.
        let taken = |d: &Dispute| d.reversal && Some(&d.id) == fact.refund.as_ref();
        if known.is_none() && payment.disputes.iter().any(taken) {
            return Err(Verdict::Nothing);
        }
        if let Some(at) = known {
            return Ok((at, mirrored));
        }
        is_told(payment, report, fact)?;
        let amount = fact.amount.ok_or(Verdict::LookUpFirst { payment: n })?;
        if amount.currency != payment.amount.currency || amount.minor <= 0 {
            let text = format!("a refund of {amount} on a payment of {}", payment.amount);
            return Err(Verdict::Contradiction(text));
        }
        payment.refunds.push(Refund {
            n: None,
            request: None,
            id: fact.refund.clone(),
            amount,
            state: refund::State::Executing,
            paid_at: None,
            intent: None,
            way: Way::Back,
            of_deposit,
        });
        Ok((payment.refunds.len() - 1, mirrored))
    }

    /// A refund of ours was heard of: nothing hinders it any more, and what becomes of it is asked.
    fn refund_heard(&mut self, n: u32, number: u32, settled: bool, was_calling: bool) {
        self.unblocked(n, Some(number));
        if settled {
            self.done.push(task_id(n, Some(number)));
            self.tasks
                .retain(|task| task.id != task_id(n, Some(number)));
        } else if was_calling {
            let work = Work::Settle {
                payment: n,
                refund: Some(number),
                tries: 0,
            };
            self.schedule(n, Some(number), work, FIRST_POLL);
        }
    }

    /// It was not given out: what it seemed to give is the payment's again, and people look.
    fn refund_failed(
        &mut self,
        n: u32,
        fact: &Fact,
        returned: i64,
        had_gone: bool,
        (key, number, amount): (String, Option<u32>, Option<Money>),
    ) -> Applied {
        // A lost dispute took the same money: now it is the dispute that took it.
        let payment = self.payment(n)?;
        let took = payment.returned().minor - returned;
        let took = Money::new(took, payment.amount.currency);
        if took.minor > 0 {
            self.went_back(n, took);
        }
        if had_gone {
            self.receipt(n, Some(format!("{key}-failed")));
        }
        self.tell(Topic::RefundFailed, Some(n), Some(key.clone()));
        let mut matter = Matter::of(Alert::RefundFailed).payment(n).refund(number);
        matter.amount = amount;
        let said = fact
            .words
            .as_deref()
            .map(|words| format!(" It says: {words}."));
        let words = format!(
            "The gateway did not give this refund out.{}",
            said.unwrap_or_default()
        );
        self.person(&format!("refund-failed-{key}"), matter.words(words));
        Ok(())
    }
}

/// Whether a refund that is not known here is told of as one, and is none of ours under way.
fn is_told(payment: &Payment, report: &Report, fact: &Fact) -> Applied {
    if fact.refund.is_none() {
        // Only a running total: either known, or to be asked for refund by refund.
        let total = fact.refunded_total.map_or(i64::MAX, |total| total.minor);
        return Err(match (payment.refunded().minor >= total, report.current) {
            (true, _) => Verdict::Nothing,
            (false, false) => Verdict::LookUpFirst { payment: payment.n },
            (false, true) => Verdict::Wait("the gateway does not show the refund itself yet"),
        });
    }
    let calling =
        |r: &Refund| r.id.is_none() && r.intent.is_some() && Some(r.amount) == fact.amount;
    if payment.refunds.iter().any(calling) {
        return Err(Verdict::Wait("our own refund of this amount is under way"));
    }
    Ok(())
}

/// Whether a refund that had failed is paid after all. Another amount than the one that is known
/// cannot be true.
fn revived(n: u32, refund: &mut Refund, report: &Report, fact: &Fact) -> Result<bool, Verdict> {
    if refund.id.is_none() {
        refund.id.clone_from(&fact.refund);
    }
    if let Some(amount) = fact.amount.filter(|amount| *amount != refund.amount) {
        let text = format!("a refund of {} was reported as {amount}", refund.amount);
        return Err(Verdict::Contradiction(text));
    }
    // One that had failed: a webhook may be older than the failure, a look-up is not.
    let over = refund.state.is_final() && !refund.state.reserves();
    let revived = over && fact.kind == Kind::RefundSucceeded;
    if revived && !report.current {
        return Err(Verdict::LookUpFirst { payment: n });
    }
    if revived && fact.hearsay {
        let text = format!(
            "a refund of {} that had failed is reported as paid, and the gateway does not \
             show it",
            refund.amount
        );
        return Err(Verdict::Contradiction(text));
    }
    Ok(revived)
}
