//! What gateways say of a dispute, and of what a bank took by itself.

use super::*;

impl Draft<'_> {
    pub(super) fn dispute_fact(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
        said: dispute::State,
    ) -> Applied {
        self.taken_back(n, report, fact, said, false)
    }

    /// A dispute, or a part that the bank simply took.
    pub(super) fn taken_back(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
        said: dispute::State,
        reversal: bool,
    ) -> Applied {
        let id = fact.dispute.clone().ok_or(Verdict::Unmatched)?;
        self.imply_payment(n, report)?;
        let payment = self.payment(n)?;
        let whole = payment.amount;
        if let Some(amount) = fact.amount
            && (amount.currency != whole.currency || amount.minor < 0)
        {
            let text = format!("a dispute over {amount} on {whole}");
            return Err(Verdict::Contradiction(text));
        }
        let at = payment.disputes.iter().position(|d| d.id == id);
        let known = at.map(|at| payment.disputes[at].state);
        let turned = dispute::ends_otherwise(known, said);
        if turned && !report.current {
            return Err(Verdict::Ask { payment: n });
        }
        let at = at.unwrap_or_else(|| {
            payment.disputes.push(Dispute {
                id: id.clone(),
                amount: fact.amount.unwrap_or(whole),
                state: said,
                reversal,
            });
            payment.disputes.len() - 1
        });
        let dispute = &mut payment.disputes[at];
        // An inquiry holds nothing until it becomes a dispute; what is lost is told at the end.
        let raised = fact.amount.filter(|amount| match (known, said) {
            (Some(dispute::State::Open), dispute::State::Open) => {
                amount.minor > dispute.amount.minor
            }
            (Some(_), dispute::State::Lost) => dispute.amount != *amount,
            _ => false,
        });
        dispute.amount = raised.unwrap_or(dispute.amount);
        dispute.reversal |= reversal;
        let to = match turned {
            true => Some(said),
            false => dispute::next(known, said),
        };
        dispute.state = to.unwrap_or(dispute.state);
        let (key, amount) = (dispute.key(), dispute.amount);
        payment.disputes.sort_by(|a, b| a.id.cmp(&b.id));
        let Some(to) = to else {
            return match raised {
                Some(_) => Ok(()),
                None => Err(Verdict::Nothing),
            };
        };
        match to {
            dispute::State::Open => {
                self.what = "dispute_opened";
                self.tell(Topic::DisputeOpened, Some(n), Some(key.clone()));
                let matter = Matter::of(Alert::DisputeOpened).payment(n).amount(amount);
                self.person(&format!("dispute-{key}"), matter);
            }
            dispute::State::Won => {
                self.what = "dispute_won";
                self.tell(Topic::DisputeClosed, Some(n), Some(key.clone()));
                self.done.push(format!("person-dispute-{key}"));
                self.given_back(n, &key)?;
            }
            dispute::State::Lost => {
                self.what = if reversal {
                    "payment_returned"
                } else {
                    "dispute_lost"
                };
                if !reversal || known.is_some() {
                    self.tell(Topic::DisputeClosed, Some(n), Some(key.clone()));
                    self.done.push(format!("person-dispute-{key}"));
                }
                // Who disputed with success is not charged again by itself.
                if !reversal && self.payment(n)?.method.is_some() {
                    self.no_retry(n);
                }
                let payment = self.payment(n)?;
                if payment.state == State::Paid {
                    payment.state = State::Returned;
                    // A debit that came back says why; whatever else was taken was disputed.
                    payment.decline = fact.decline.filter(|_| reversal).or(Some(Decline::Fraud));
                    self.receipt(n, Some("returned".into()));
                    self.tell(Topic::PaymentReturned, Some(n), None);
                    self.plan_retry(n);
                }
            }
        }
        Ok(())
    }

    /// A dispute was won: what it had taken is there again, where nothing else took it.
    pub(super) fn given_back(&mut self, n: u32, key: &str) -> Applied {
        let payment = self.payment(n)?;
        if payment.state != State::Returned {
            return Ok(());
        }
        let reversed = |d: &Dispute| d.reversal && d.state == dispute::State::Lost;
        if payment.returned_whole || payment.disputes.iter().any(reversed) {
            let matter = Matter::of(Alert::Contradiction).payment(n);
            let words = "A dispute was won, and the payment had gone back all the same. See \
                         whether the money is there.";
            self.person(&format!("won-{key}"), matter.words(words));
            return Ok(());
        }
        if payment.returned().minor > 0 {
            return Ok(());
        }
        payment.state =
            payment::next(payment.state, payment::Event::Reinstated).unwrap_or(payment.state);
        payment.decline = None;
        self.no_retry(n);
        self.receipt(n, Some("reinstated".into()));
        Ok(())
    }
}
