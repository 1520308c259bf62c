//! Money that no gateway moves: recorded by people, taken from the patient's credit or given to it.

use super::*;

impl Draft<'_> {
    /// It came: no more than is due, less what is under way otherwise. Pages give way to it.
    pub(super) fn tender(&mut self, new: &NewTender) -> Applied {
        if let By::Books { connection, id } = &new.by {
            if self.is_known(connection, id, new.amount) {
                return Err(Verdict::Nothing);
            }
            self.from = Some(connection.clone());
        }
        let due = self.case.chargeable();
        let fits = new.amount.currency == due.currency;
        if !fits || new.amount.minor <= 0 || new.amount.minor > due.minor {
            return Err(Verdict::Refused(Refusal::NotDue { due }));
        }
        let at = new.at.map_or(self.ctx.now, |at| at.min(self.ctx.now));
        let n = self.case.next_number();
        self.what = match new.by {
            By::Recorded { .. } => "tender_recorded",
            By::Books { .. } => "tender_booked",
            By::Credit { .. } => "credit_used",
        };
        self.moved = at;
        self.case.tenders.push(Tender {
            n,
            amount: new.amount,
            by: new.by.clone(),
            at,
            reversed: None,
            refunds: vec![],
        });
        self.arrived(n, None, None);
        Ok(())
    }

    /// Whether the books told of it before. One that was taken off here is not taken again: they
    /// still hear of that.
    fn is_known(&self, connection: &str, id: &str, amount: Money) -> bool {
        let mut newest = self.case.tenders.iter().rev();
        let known = newest.find(|tender| tender.is_booked(connection, id));
        known.is_some_and(|known| known.reversed.is_none() || known.amount == amount)
    }

    /// It was recorded in error, or did not hold: the money never came, or went.
    pub(super) fn reverse(&mut self, n: u32, told: bool) -> Applied {
        let now = self.ctx.now;
        let invalid = |why: &str| Err(Verdict::Refused(Refusal::Invalid(why.into())));
        let found = self.case.tenders.iter_mut().find(|t| t.n == n);
        let Some(tender) = found else {
            let what = format!("tender {n}");
            return Err(Verdict::Refused(Refusal::NotFound(what)));
        };
        if matches!(tender.by, By::Credit { .. }) {
            return invalid("it came from the patient's credit: give it back to the credit");
        }
        if tender.reversed.is_some() {
            return Err(Verdict::Nothing);
        }
        if !tender.refunds.is_empty() {
            return invalid("some of it was given back: it came");
        }
        tender.reversed = Some(now);
        let amount = tender.amount;
        if let (By::Books { connection, .. }, true) = (&tender.by, told) {
            self.from = Some(connection.clone());
        }
        self.what = "tender_reversed";
        self.went_back(n, amount);
        Ok(())
    }

    /// Gives money back that no gateway sends, from the newest payment or tender first: by hand what
    /// people had taken, to the patient's credit whatever came.
    pub(super) fn give_back(&mut self, new: &NewReturn) -> Applied {
        let parts = self.returns(&new.way, new.amount);
        let available: i64 = self
            .returns(&new.way, self.case.returnable())
            .iter()
            .map(|(_, part)| part)
            .sum();
        let refundable = Money::new(available, self.case.currency);
        if new.amount.currency != self.case.currency || new.amount.minor <= 0 {
            let code = self.case.currency.code();
            let why = format!("what is given back is an amount above 0 in {code}");
            return Err(Verdict::Refused(Refusal::Invalid(why)));
        }
        if new.amount.minor > available {
            return Err(Verdict::Refused(Refusal::NotRefundable { refundable }));
        }
        if self.case.patient.is_none() && !new.way.is_back() {
            let why = "a walk-in has no credit: nobody could use it";
            return Err(Verdict::Refused(Refusal::Invalid(why.into())));
        }
        self.what = match new.way {
            Way::Back => "given_back_by_hand",
            Way::Credit { .. } => "credit_given",
        };
        for (n, minor) in parts {
            self.case.refunds_numbered += 1;
            let refund = Refund {
                n: Some(self.case.refunds_numbered),
                request: Some(new.request.clone()),
                id: None,
                amount: Money::new(minor, self.case.currency),
                state: refund::State::Succeeded,
                paid_at: Some(self.moved),
                intent: None,
                way: new.way.clone(),
                of_deposit: self.case.bill.is_deposit(),
            };
            let key = refund.key();
            match self.case.payment_mut(n) {
                Some(payment) => {
                    payment.refunds.push(refund);
                    payment.refunds.sort_by_key(Refund::key);
                }
                None => {
                    let mut tenders = self.case.tenders.iter_mut();
                    if let Some(tender) = tenders.find(|t| t.n == n) {
                        tender.refunds.push(refund);
                    }
                }
            }
            self.receipt(n, Some(key.clone()));
            self.tell(Topic::RefundPaid, Some(n), Some(key));
        }
        Ok(())
    }

    /// What each payment and tender gives, by number, the newest first.
    fn returns(&self, way: &Way, amount: Money) -> Vec<(u32, i64)> {
        let by_hand = way.is_back();
        let tenders = self.case.tenders.iter();
        let tenders = tenders.filter(|t| !by_hand || t.is_recorded());
        let mut left: Vec<_> = tenders.map(|t| (t.n, t.refundable().minor)).collect();
        if !by_hand {
            let payments = self.case.payments.iter();
            left.extend(payments.map(|p| (p.n, p.refundable().minor)));
        }
        left.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        let mut open = amount.minor;
        let mut parts = vec![];
        for (n, refundable) in left {
            let part = open.min(refundable);
            if part > 0 {
                parts.push((n, part));
                open -= part;
            }
        }
        parts
    }
}
