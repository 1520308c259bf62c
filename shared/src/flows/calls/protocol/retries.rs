//! A planned retry: its gateway is asked whether the payment before it is over.

use super::*;

impl Job {
    /// A debit that failed may be collected again by its gateway, unheard: it is asked before we
    /// try ourselves.
    pub(super) fn before_retry(&mut self, traits: &Traits, case: &Case) -> Move {
        let failed = case.payment(self.target.payment);
        let known = failed.is_some_and(|p| p.capture.is_some());
        if !traits.late_failures || !known || !self.is_retry_planned(case) {
            return Move::Done;
        }
        self.doing = Doing::Retrying;
        Move::LookUp(self.target.lookup(case))
    }

    /// What its gateway says of the debit is written.
    pub(super) fn retrying(&mut self, traits: &Traits, case: &Case, facts: Vec<Fact>) -> Move {
        let over = facts.iter().any(is_over);
        self.doing = Doing::Retried { over };
        let event = self.looked_up(traits, case, facts);
        commit(event, format!("{} look-up", traits.id))
    }

    pub(super) fn retried(&mut self, case: &Case, over: bool) -> Move {
        match over || !self.is_retry_planned(case) {
            true => Move::Done,
            false => self.retry_waits(),
        }
    }

    fn is_retry_planned(&self, case: &Case) -> bool {
        let planned = case.retry.as_ref();
        planned.is_some_and(|retry| retry.payment == self.target.payment)
    }

    pub(super) fn retry_waits(&mut self) -> Move {
        let payment = self.target.payment;
        self.record(Event::RetryWaits { payment }, "it may not be over".into())
    }
}

/// Whether a gateway says of a payment that it brings nothing any more.
fn is_over(fact: &Fact) -> bool {
    matches!(
        fact.kind,
        Kind::PaymentFailed | Kind::PaymentReturned | Kind::PaymentExpired | Kind::DisputeLost
    )
}
