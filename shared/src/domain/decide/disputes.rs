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
        self.apply_chargeback(n, report, fact, said, false)
    }

    /// A dispute, or a part that the bank simply took.
    pub(super) fn apply_chargeback(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
        said: dispute::State,
        reversal: bool,
    ) -> Applied {
        let id = fact.dispute.clone().ok_or(Verdict::Unmatched)?;
        self.imply_payment(n, report)?;
        let id = self.cancelled(n, fact, said)?.unwrap_or(id);
        let payment = self.payment(n)?;
        let before = payment.returned();
        let whole = payment.amount;
        may_be_taken(payment, fact, &id, reversal)?;
        let at = payment.disputes.iter().position(|d| d.id == id);
        let known = at.map(|at| payment.disputes[at].state);
        let turned = dispute::ends_otherwise(known, said);
        // How much is held, or was taken, is not guessed.
        let unsaid = fact.amount.is_none() && (known.is_none() || said == dispute::State::Lost);
        if (turned || unsaid) && !report.current {
            return Err(Verdict::LookUpFirst { payment: n });
        }
        if unsaid && fact.hearsay {
            return Err(Verdict::Wait("the gateway does not show the dispute yet"));
        }
        let at = at.unwrap_or_else(|| {
            let amount = fact.amount.unwrap_or(whole);
            payment
                .disputes
                .push(Dispute::new(id, amount, said, reversal));
            payment.disputes.len() - 1
        });
        let dispute = &mut payment.disputes[at];
        let moved = said == dispute::State::Open && dispute.moves(fact.due_by, report.current);
        let raised = raised(dispute, fact, known, said);
        dispute.amount = raised.unwrap_or(dispute.amount);
        dispute.reversal |= reversal;
        let to = match turned {
            true => Some(said),
            false => dispute::next(known, said),
        };
        // What names none of them may have ended another one before this one.
        if to.is_some() || (report.current && known == Some(said) && !fact.hearsay) {
            dispute.ended_at = fact.occurred_at;
        }
        dispute.becomes(to.unwrap_or(dispute.state));
        dispute.turned += u32::from(turned);
        let (key, amount) = (dispute.key(), dispute.amount);
        payment.disputes.sort_by(|a, b| a.id.cmp(&b.id));
        let Some(to) = to else {
            if moved {
                self.asked_to_answer(n, &key, amount);
                return Ok(());
            }
            return match raised {
                Some(_) => Ok(()),
                None => Err(Verdict::Nothing),
            };
        };
        let heard = known.is_some();
        self.dispute_moved(n, fact, to, (key, amount), (before, heard, reversal))
    }

    /// What a dispute's new state means for its payment; `before` is what was gone of it.
    fn dispute_moved(
        &mut self,
        n: u32,
        fact: &Fact,
        to: dispute::State,
        (key, amount): (String, Money),
        (before, heard, reversal): (Money, bool, bool),
    ) -> Applied {
        match to {
            dispute::State::Open => {
                self.what = "dispute_opened";
                self.tell(Topic::DisputeOpened, Some(n), Some(key.clone()));
                self.asked_to_answer(n, &key, amount);
            }
            dispute::State::Won => self.won(n, &key, before)?,
            dispute::State::Lost => {
                // A debit that came back says why; whatever else was taken was disputed.
                let why = fact.decline.filter(|_| reversal);
                self.lost(n, before, why.unwrap_or(Decline::Fraud), reversal)?;
                if reversal {
                    self.what = "payment_returned";
                }
                if !reversal || heard {
                    self.closed(n, &key);
                }
            }
        }
        Ok(())
    }

    /// Only people answer a dispute, and each has its time.
    fn asked_to_answer(&mut self, n: u32, key: &str, amount: Money) {
        let disputes = self.case.payment(n).map(|p| p.disputes.iter());
        let dispute = disputes.into_iter().flatten().find(|d| d.key() == key);
        let mut matter = Matter::of(Alert::DisputeOpened).payment(n).amount(amount);
        matter.due_by = dispute.and_then(|dispute| dispute.due_by);
        self.person(&format!("dispute-{key}"), matter);
    }

    /// What cancels a reversal may name the payment itself in its place.
    fn cancelled(
        &mut self,
        n: u32,
        fact: &Fact,
        said: dispute::State,
    ) -> Result<Option<String>, Verdict> {
        let payment = self.payment(n)?;
        let by_payment = fact.payment.is_none() && payment.capture == fact.dispute;
        if said != dispute::State::Won || !by_payment {
            return Ok(None);
        }
        let fits = |d: &&Dispute| fact.amount.is_none_or(|amount| amount == d.amount);
        let stands = |d: &&Dispute| d.reversal && d.state == dispute::State::Lost;
        // One that was cancelled before may be told again: at another time it was another one.
        let same = |d: &&Dispute| {
            let at = d.ended_at.filter(|_| d.state == dispute::State::Won);
            at.is_some() && at == fact.occurred_at
        };
        let again = |d: &&Dispute| {
            let timed = d.ended_at.is_some() && fact.occurred_at.is_some();
            d.reversal && d.state == dispute::State::Won && !timed
        };
        let all = || payment.disputes.iter().filter(fits);
        let found = all()
            .find(same)
            .or(all().find(stands))
            .or(all().find(again));
        match found {
            Some(reversal) => Ok(Some(reversal.id.clone())),
            None => Err(Verdict::Wait(
                "the reversal that it cancels is not told yet",
            )),
        }
    }

    /// A person found how a dispute ended. What the gateway says later of its end still counts.
    pub(super) fn dispute_resolved(&mut self, n: u32, key: &str, lost: bool) -> Applied {
        let payment = self.payment(n)?;
        let before = payment.returned();
        let mut disputes = payment.disputes.iter_mut();
        let missing = || Verdict::Refused(Refusal::NotFound(format!("dispute {key}")));
        let dispute = disputes.find(|d| d.key() == key).ok_or_else(missing)?;
        if dispute.state != dispute::State::Open {
            return Err(Verdict::Nothing);
        }
        if !lost {
            dispute.state = dispute::State::Won;
            return self.won(n, key, before);
        }
        dispute.state = dispute::State::Lost;
        self.lost(n, before, Decline::Fraud, false)?;
        self.closed(n, key);
        Ok(())
    }

    /// Each end of a dispute is told once, also where it ends otherwise after all.
    fn closed(&mut self, n: u32, key: &str) {
        let disputes = self.case.payment(n).map(|p| p.disputes.iter());
        let dispute = disputes.into_iter().flatten().find(|d| d.key() == key);
        let end = dispute.map(Dispute::end);
        self.tell(Topic::DisputeClosed, Some(n), end);
        self.done.push(format!("person-dispute-{key}"));
    }

    fn won(&mut self, n: u32, key: &str, before: Money) -> Applied {
        self.what = "dispute_won";
        self.closed(n, key);
        self.reinstate(n, key, before)
    }

    /// A dispute was lost, or a bank simply took a part: what it took is due again, and told.
    fn lost(&mut self, n: u32, before: Money, why: Decline, reversal: bool) -> Applied {
        self.what = "dispute_lost";
        // Who disputed with success is not charged again by itself.
        if !reversal && self.payment(n)?.method.is_some() {
            self.no_retry(n);
        }
        let payment = self.payment(n)?;
        let first = payment.state == State::Paid;
        if first {
            payment.state = State::Returned;
            payment.decline = Some(why);
        }
        let took = payment.returned().minor - before.minor;
        let took = Money::new(took, before.currency);
        if took.minor > 0 {
            self.went_back(n, took);
        }
        if first {
            self.plan_retry(n);
        }
        Ok(())
    }

    /// A dispute was won: what it had taken is there again, where nothing else took it.
    fn reinstate(&mut self, n: u32, key: &str, before: Money) -> Applied {
        let payment = self.payment(n)?;
        if payment.state != State::Returned {
            return Ok(());
        }
        let gave = before.minor - payment.returned().minor;
        let gave = Money::new(gave, before.currency);
        let reversed = |d: &Dispute| d.reversal && d.state == dispute::State::Lost;
        let still_gone = payment.returned_whole || payment.disputes.iter().any(reversed);
        if still_gone && gave.minor <= 0 {
            let matter = Matter::of(Alert::Contradiction).payment(n);
            let words = "A dispute was won, and the payment had gone back all the same. See \
                         whether the money is there.";
            self.person(&format!("won-{key}"), matter.words(words));
            return Ok(());
        }
        if payment.returned().minor == 0 {
            payment.state =
                payment::next(payment.state, payment::Event::Reinstated).unwrap_or(payment.state);
            payment.decline = None;
            self.no_retry(n);
        }
        if gave.minor > 0 {
            self.arrived(n, Some("reinstated"), Some(gave));
        }
        Ok(())
    }
}

/// Whether so much can be disputed of the payment, and is no refund of ours that is known already. It
/// may have been listed among the refunds before it was told: the same money.
fn may_be_taken(payment: &mut Payment, fact: &Fact, id: &str, reversal: bool) -> Applied {
    let whole = payment.amount;
    if let Some(amount) = fact.amount
        && (amount.currency != whole.currency || amount.minor < 0)
    {
        let text = format!("a dispute over {amount} on {whole}");
        return Err(Verdict::Contradiction(text));
    }
    if reversal {
        let same = |r: &Refund| r.id.as_deref() == Some(id);
        if payment.refunds.iter().any(|r| same(r) && r.n.is_some()) {
            return Err(Verdict::Nothing);
        }
        payment.refunds.retain(|r| !same(r));
    }
    Ok(())
}

/// The amount that the dispute is over now, where it is another one. An inquiry holds nothing until
/// it becomes a dispute; what is lost is told at the end.
fn raised(
    dispute: &Dispute,
    fact: &Fact,
    known: Option<dispute::State>,
    said: dispute::State,
) -> Option<Money> {
    fact.amount.filter(|amount| match (known, said) {
        (Some(dispute::State::Open), dispute::State::Open) => amount.minor > dispute.amount.minor,
        (Some(_), dispute::State::Lost) => dispute.amount != *amount,
        _ => false,
    })
}
