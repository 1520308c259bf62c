//! What people found at a gateway that does not tell it itself. Where a wrong word would let money
//! move twice, a second person must have found the same.

use super::*;

impl Draft<'_> {
    /// Takes a person's word for what the gateway would say now.
    pub(super) fn found(&mut self, found: &Found) -> Applied {
        let id = task_id(found.payment, found.refund);
        let (undecided, unsent) = self.asks_people(found)?;
        if !found.happened && !undecided {
            return Err(Verdict::Nothing);
        }
        let first = self.case.findings.get(&id).map(|finding| &finding.by);
        match first {
            _ if found.happened || unsent => {}
            Some(by) if *by == found.by => return Err(Verdict::Nothing),
            Some(_) => {}
            None => {
                self.first_of_two(found);
                return Ok(());
            }
        }
        let report = Report {
            gateway: self.payment(found.payment)?.gateway.clone(),
            facts: vec![self.as_reported(found)?],
            current: true,
            answer: true,
            late_failures: false,
            page_stays: false,
        };
        self.fact(&report, &report.facts[0])?;
        self.what = match found.refund {
            None => "payment_resolved",
            Some(_) => "refund_resolved",
        };
        Ok(())
    }

    /// Whether it may still have happened, and whether it was never sent; nobody may be calling.
    fn asks_people(&mut self, found: &Found) -> Result<(bool, bool), Verdict> {
        let now = self.ctx.now;
        let id = task_id(found.payment, found.refund);
        let told = self.case.blocked.contains(&id) || self.case.findings.contains_key(&id);
        let (intent, undecided, unsent) = match found.refund {
            None => {
                let payment = self.payment(found.payment)?;
                let under_way = matches!(payment.state, State::Unknown | State::Pending);
                // A page of which its gateway does not say whether it is over.
                let page = payment.page_lives() && told;
                (&payment.intent, under_way || page, false)
            }
            Some(n) => {
                let refund = self.our_refund(found.payment, n)?;
                let unsent = refund.state == refund::State::Requested && refund.intent.is_none();
                let unknown = [refund::State::Unknown, refund::State::Executing];
                let undecided = unsent || unknown.contains(&refund.state);
                (&refund.intent, undecided, unsent)
            }
        };
        match intent.as_ref().is_some_and(|intent| intent.is_leased(now)) {
            true => Err(Verdict::Refused(Refusal::Busy)),
            false => Ok((undecided, unsent)),
        }
    }

    /// The word is kept until a second person says the same, or the gateway says what is true.
    fn first_of_two(&mut self, found: &Found) {
        let id = task_id(found.payment, found.refund);
        let finding = Finding {
            by: found.by.clone(),
            at: self.ctx.now,
        };
        self.case.findings.insert(id.clone(), finding);
        self.what = "finding_recorded";
        let words = "One person found that it did not happen. Money could move twice if that is \
                     wrong: a second person who may approve must find the same.";
        let matter = Matter::of(Alert::UnknownOutcome)
            .payment(found.payment)
            .refund(found.refund);
        self.person(&format!("second-{id}"), matter.words(words));
    }

    /// What the gateway would say, had it said it.
    fn as_reported(&mut self, found: &Found) -> Result<Fact, Verdict> {
        let case = self.case.id.clone();
        let payment = self.payment(found.payment)?;
        let (amount, capture) = (payment.amount, payment.capture.clone());
        let kind = match (found.refund, found.happened) {
            (None, true) => Kind::PaymentSucceeded,
            (None, false) => Kind::PaymentExpired,
            (Some(_), true) => Kind::RefundSucceeded,
            (Some(_), false) => Kind::RefundFailed,
        };
        Ok(match found.refund {
            None => Fact {
                reference: Some(ids::payment_reference(&case, found.payment)),
                payment: found.gateway_ref.clone().or(capture),
                amount: Some(amount),
                ..Fact::new(kind)
            },
            Some(n) => Fact {
                reference: Some(ids::refund_reference(&case, n)),
                payment: capture,
                refund: found.gateway_ref.clone(),
                amount: Some(self.our_refund(found.payment, n)?.amount),
                words: (!found.happened).then(|| "people found that it never went out".into()),
                ..Fact::new(kind)
            },
        })
    }

    /// A word that waits for a second one is gone once it is known what happened.
    pub(super) fn forget_findings(&mut self) {
        let waits = |id: &String| {
            let number = |kind: char| id.strip_prefix(kind).and_then(|n| n.parse().ok());
            let payment = number('p').and_then(|n| self.case.payment(n));
            let refund = number('r').and_then(|n| self.case.refund(n));
            payment.is_some_and(|p| {
                matches!(p.state, State::Unknown | State::Pending) || p.page_lives()
            }) || refund.is_some_and(|(_, refund)| !refund.state.is_final())
        };
        let ids = self.case.findings.keys();
        let known: Vec<_> = ids.filter(|id| !waits(id)).cloned().collect();
        for id in known {
            self.case.findings.remove(&id);
            self.done.push(format!("person-second-{id}"));
        }
    }
}
