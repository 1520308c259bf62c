//! What a case asks for: a deposit, an invoice, less by a credit note, nothing once it is void.

use super::*;

impl<'a> Draft<'a> {
    /// A case that begins with its invoice.
    pub(super) fn invoiced(new: &NewInvoice, ctx: &'a Context) -> Result<Self, Verdict> {
        let bill = issued(&new.number, new, ctx)?;
        let mut draft = Self::new(begun(new, bill, ctx), ctx);
        draft.what = "invoice_issued";
        draft.issue(new)?;
        Ok(draft)
    }

    /// A case that begins before there is anything to invoice.
    pub(super) fn deposit(new: &NewDeposit, ctx: &'a Context) -> Result<Self, Verdict> {
        let bill = Bill::Deposit {
            asked: Money::zero(new.of.currency),
            expected: read(&new.of.number, &new.of)?,
        };
        let mut draft = Self::new(begun(&new.of, bill, ctx), ctx);
        draft.ask_deposit(new)?;
        Ok(draft)
    }

    /// What came as a deposit becomes a part of the invoice.
    pub(super) fn invoice(&mut self, new: &NewInvoice) -> Applied {
        if !self.case.bill.is_deposit() {
            return Err(Verdict::Nothing);
        }
        self.same_currency(new)?;
        let number = self.case.invoice().number.clone();
        let before = self.takes();
        self.case.bill = issued(&number, new, self.ctx)?;
        self.case.dims = new.dims.clone();
        self.case.starts_at = new.starts_at.or(self.case.starts_at);
        self.case.label.clone_from(&new.label);
        self.what = "invoice_issued";
        self.issue(new)?;
        debug_assert!(before.iter().all(|(_, take)| take.minor == 0));
        for (n, _) in self.takes().into_iter().filter(|(_, take)| take.minor > 0) {
            self.tell(Topic::PaymentApplied, Some(n), Some("invoiced".into()));
        }
        Ok(())
    }

    /// Tells of the invoice, and collects what is left of it as the policy says.
    fn issue(&mut self, new: &NewInvoice) -> Applied {
        // A free visit is recorded: there is nothing to file and nothing to collect.
        if self.case.invoice().total.minor == 0 {
            return Ok(());
        }
        self.tell(Topic::InvoiceIssued, None, None);
        match &new.charge {
            Some(charge) if self.case.chargeable().minor > 0 => self.charge(charge),
            Some(_) | None => Ok(()),
        }
    }

    /// Asks for so much before the session, beside what was asked for already.
    pub(super) fn ask_deposit(&mut self, new: &NewDeposit) -> Applied {
        self.same_currency(&new.of)?;
        if self.case.called_off.is_some() {
            let why = "its visit is off: restore it first";
            return Err(Verdict::Refused(Refusal::Invalid(why.into())));
        }
        let open = self.case.chargeable();
        let expected = read(&self.case.invoice().number, &new.of)?;
        let Bill::Deposit { asked, .. } = &self.case.bill else {
            let why = "it is invoiced: charge what is due on the invoice";
            return Err(Verdict::Refused(Refusal::Invalid(why.into())));
        };
        let unasked = expected.total.minor - self.case.asked().minor;
        let all = if open.minor > 0 { open.minor } else { unasked };
        let wanted = new.amount.map_or(all, |amount| amount.minor);
        let further = (wanted - open.minor).max(0);
        if wanted <= 0 || further > unasked {
            let due = Money::new((open.minor + unasked).max(0), self.case.currency);
            return Err(Verdict::Refused(Refusal::NotDue { due }));
        }
        self.case.bill = Bill::Deposit {
            asked: Money::new(asked.minor + further, asked.currency),
            expected,
        };
        self.case.dims = new.of.dims.clone();
        self.what = "deposit_asked";
        match &new.of.charge {
            Some(charge) => self.charge(&NewCharge {
                amount: Some(Money::new(wanted, self.case.currency)),
                ..charge.clone()
            }),
            None => Ok(()),
        }
    }

    fn same_currency(&self, new: &NewInvoice) -> Applied {
        if new.currency == self.case.currency {
            return Ok(());
        }
        let why = format!("its money is in {}", self.case.currency.code());
        Err(Verdict::Refused(Refusal::Invalid(why)))
    }

    /// So much of the invoice is not asked for any more. What was paid beyond what is left is the
    /// patient's: a person says where it goes.
    pub(super) fn credit(&mut self, new: &NewCreditNote) -> Applied {
        let invalid = |why: String| Verdict::Refused(Refusal::Invalid(why));
        let (now, before, sum) = (self.ctx.now, self.takes(), self.case.bill.sum());
        let Bill::Invoiced {
            invoice, credits, ..
        } = &mut self.case.bill
        else {
            return Err(invalid("nothing is invoiced yet".into()));
        };
        if invoice.void {
            return Err(invalid("the invoice is void: nothing of it stands".into()));
        }
        let n = credits.len() as u32 + 1;
        let of = (n, &*invoice);
        let note = match new {
            NewCreditNote::Lines(lines) => CreditNote::of_lines(of, &sum, lines.clone(), now),
            NewCreditNote::Amount(amount) => CreditNote::of_amount(of, &sum, *amount, now),
        };
        let note = note.map_err(|why| invalid(why.to_string()))?;
        let key = note.key();
        credits.push(note);
        self.what = "invoice_credited";
        // What the invoice takes no longer of a payment is taken off it first.
        let after = self.takes();
        for (n, take) in before.iter().rev() {
            if !after.contains(&(*n, *take)) {
                self.tell(Topic::PaymentApplied, Some(*n), Some(key.clone()));
            }
        }
        self.tell(Topic::InvoiceCredited, None, Some(key));
        Ok(())
    }

    /// An invoice that is not to be paid: its books go to zero. Not while money is on it or may come.
    pub(super) fn void(&mut self) -> Applied {
        let invalid = |why: &str| Err(Verdict::Refused(Refusal::Invalid(why.into())));
        let Bill::Invoiced { invoice, .. } = &self.case.bill else {
            return invalid("nothing is invoiced yet: cancel its appointment");
        };
        if invoice.void {
            return Err(Verdict::Nothing);
        }
        if !self.case.bill.credits().is_empty() {
            return invalid("credit notes stand on it: credit what is left in place of voiding it");
        }
        if self.case.payments.iter().any(Payment::may_bring) {
            return invalid("a payment is under way: close it, or wait for its end");
        }
        if self.case.paid().minor != 0 {
            return invalid("money was paid on it: refund that and write a credit note instead");
        }
        self.case.bill.invoice_mut().void = true;
        self.what = "invoice_voided";
        self.tell(Topic::InvoiceVoided, None, None);
        Ok(())
    }

    /// What the invoice takes of each payment and tender, by number, the first ones first; nothing
    /// before there is one.
    fn takes(&self) -> Vec<(u32, Money)> {
        if self.case.bill.is_deposit() {
            return vec![];
        }
        let mut left = self.case.asked().minor;
        let mut takes: Vec<_> = self.case.arrivals().collect();
        takes.sort_by_key(|(n, _)| *n);
        for (n, take) in &mut takes {
            take.minor -= self.case.deposit_given_back(*n).minor;
            take.minor = take.minor.min(left);
            left -= take.minor;
        }
        takes
    }
}

fn read(number: &str, new: &NewInvoice) -> Result<Invoice, Verdict> {
    let invoice = Invoice::new(number.into(), new.currency, new.lines.clone());
    invoice.map_err(|why| Verdict::Refused(Refusal::Invalid(why.to_string())))
}

fn issued(number: &str, new: &NewInvoice, ctx: &Context) -> Result<Bill, Verdict> {
    Ok(Bill::issued(read(number, new)?, ctx.now))
}

/// A case on which nothing moved yet.
fn begun(new: &NewInvoice, bill: Bill, ctx: &Context) -> Case {
    Case {
        id: new.id.clone(),
        clinic: new.clinic.clone(),
        patient: new.patient.clone(),
        appointment: new.appointment.clone(),
        starts_at: new.starts_at,
        label: new.label.clone(),
        called_off: None,
        created_at: ctx.now,
        currency: new.currency,
        dims: new.dims.clone(),
        bill,
        policy: new.policy.clone(),
        payments: vec![],
        tenders: vec![],
        refunds_numbered: 0,
        receipts: vec![],
        retry: None,
        blocked: BTreeSet::new(),
        asked: BTreeSet::new(),
        contradicted: BTreeSet::new(),
        waiting: BTreeMap::new(),
        findings: BTreeMap::new(),
        told: 0,
        entries: 0,
        head: String::new(),
    }
}
