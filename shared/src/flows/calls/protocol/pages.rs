//! Pages that are to end, or that may be over.

use super::*;

/// So many seconds after its end a page counts as over, where the gateway does not say so.
pub(super) const PAGE_OVER: i64 = 900;
/// The same where the gateway does not know the page: for a while that may be the keys of another
/// account.
pub(super) const PAGE_FORGOTTEN: i64 = 3 * 86_400;

impl Job {
    /// The gateway did not end the page: what does it say of it? One that it does not know is over
    /// where its time is, or where nobody takes what is approved there: until then it may be paid.
    pub(super) fn could_not_end(
        &mut self,
        traits: &Traits,
        case: &Case,
        missing: bool,
        facts: Result<Vec<Fact>, Trouble>,
        at: &At,
    ) -> Move {
        let cause = format!("{} look-up", traits.id);
        let late = missing && self.page_ran_out(case, PAGE_FORGOTTEN, at);
        let forgotten = traits.completes || late;
        let facts = match facts {
            Ok(facts) => facts,
            Err(Trouble::Missing) if forgotten => vec![self.expired(case)],
            Err(_) => return self.lost(cause),
        };
        self.doing = Doing::Closed;
        commit(self.looked_up(traits, case, facts), cause)
    }

    /// A page that neither ended nor was paid. What we must complete is never completed, so it is
    /// over; anything else may still be paid there.
    pub(super) fn ended_or_not(&mut self, traits: &Traits, case: &Case) -> Move {
        let payment = self.target.payment;
        if !case.payment(payment).is_some_and(Payment::is_ending) {
            return Move::Done;
        }
        let event = match traits.completes {
            true => self.looked_up(traits, case, vec![self.expired(case)]),
            false => Event::PageStays { payment },
        };
        self.record(event, format!("{} page", traits.id))
    }

    /// Whether the payer may still pay on a page, and nothing was heard of that.
    pub(super) fn waits_on_page(&self, case: &Case) -> bool {
        let payment = case.payment(self.target.payment);
        self.target.refund.is_none()
            && payment
                .is_some_and(|p| p.page_lives() && (p.state != State::Open || p.capture.is_none()))
    }

    /// Whether all that is known of it is its page.
    pub(super) fn is_only_a_page(&self, case: &Case) -> bool {
        let payment = case.payment(self.target.payment);
        self.waits_on_page(case) && payment.is_some_and(|p| p.capture.is_none())
    }

    /// Whether the time of its page ended so many seconds ago.
    pub(super) fn page_ran_out(&self, case: &Case, margin: i64, at: &At) -> bool {
        let page = case
            .payment(self.target.payment)
            .and_then(|p| p.session.as_ref());
        let until = page.and_then(|page| page.expires_at);
        until.is_some_and(|until| time::after(until, margin) < at.now)
    }

    pub(super) fn expired(&self, case: &Case) -> Fact {
        Fact {
            reference: Some(self.target.reference(case)),
            ..Fact::new(Kind::PaymentExpired)
        }
    }
}
