//! What the clinic's people do about a bill without a gateway: an invoice that takes a deposit in,
//! credit notes, money in the drawer, the patient's credit, and the visit that is billed.

use crate::check::{self, Checked, Violation};
use crate::clinic::Committed;
use crate::plan::Act;
use crate::practice::Practice;
use crate::world::World;
use meridian::domain::book::Book;
use meridian::domain::case::Case;
use meridian::domain::credit::{self, Payout, Transfer};
use meridian::domain::event::{Event, NewCreditNote, NewReturn, NewTender};
use meridian::domain::invoice::Status;
use meridian::domain::journal;
use meridian::domain::refund::Way;
use meridian::domain::tender::{By, Recorded, Tender};
use meridian::domain::visit::Off;
use meridian::words::ids;

/// What truly lies with the clinic, and what was agreed: by what people did, never by a rule.
#[derive(Default)]
pub struct Bill {
    /// What the patient is to pay in all.
    pub asked: i64,
    /// Whether the session took place, so that there is an invoice.
    pub invoiced: bool,
    /// Whether the visit is off.
    pub off: bool,
    /// What lies in the drawer of this bill.
    pub drawer: i64,
    /// What the patient may still use.
    pub credit: i64,
    /// What came without a gateway and was not taken off again.
    pub came: i64,
    /// What was given back while there was no invoice: it is to be paid again with it.
    pub unsold: i64,
    /// When less was asked for than before, or more had come: what was sent out before that asks for
    /// what was due then.
    pub less_at: Option<i64>,
    /// Where the visit stands too.
    pub practice: Practice,
}

impl World<'_> {
    /// Somebody at the desk does this; `false` where there was nothing to do it to.
    pub fn at_the_desk(&mut self, act: Act) -> Result<bool, Violation> {
        match act {
            Act::Invoice => self.invoice(),
            Act::Tender { half, credit } => self.tender(half, credit),
            Act::Reverse { tender } => self.reverse(tender),
            Act::GiveBack { half, credit } => self.give_back(half, credit),
            Act::PayOut { half } => Ok(self.pay_out(half)),
            Act::Lower { half } => self.lower(half),
            Act::Void => self.void(),
            Act::CallOff { no_show } => self.call_off(no_show),
            Act::Restore { moved } => self.restore(moved),
            _ => Ok(false),
        }
    }

    fn invoice(&mut self) -> Result<bool, Violation> {
        if self.bill.invoiced {
            return Ok(false);
        }
        let new = self.new_invoice();
        let done = self.commit(&Event::Invoiced(Box::new(new)), "completion")?;
        let done = matches!(done, Committed::Changed { .. });
        if done {
            self.bill.invoiced = true;
            self.bill.asked = self.plan.total;
        }
        Ok(done)
    }

    /// Cash comes, here or by way of the accounting, or what the patient has is used, up to what is
    /// asked for now.
    fn tender(&mut self, half: bool, of_credit: bool) -> Result<bool, Violation> {
        let due = self.clinic.case.as_ref().map_or(0, |c| c.due().minor);
        let minor = if half { (due + 1) / 2 } else { due };
        if minor == 0 {
            return Ok(false);
        }
        let seq = self.seq();
        let transfer = format!("t{seq}");
        let by = match of_credit {
            true => By::Credit {
                transfer: transfer.clone(),
            },
            false if seq.is_multiple_of(3) => By::Books {
                connection: check::ACCOUNTING.into(),
                id: format!("b{seq}"),
            },
            false => By::Recorded {
                how: Recorded::Cash,
                note: None,
            },
        };
        let event = Event::Tendered(NewTender {
            amount: self.eur(minor),
            by,
            at: None,
        });
        let moved = of_credit.then(|| credit::Event::Used(self.transfer(transfer, minor)));
        let done = self.commit_with(&event, moved.as_ref(), "staff")?;
        let done = matches!(done, Committed::Changed { .. });
        if done {
            match of_credit {
                true => self.bill.credit -= minor,
                false => self.bill.drawer += minor,
            }
            self.bill.came += minor;
            self.bill.less_at = Some(self.now);
            self.tells_again(&event)?;
        }
        Ok(done)
    }

    /// The accounting says once more what it said.
    fn tells_again(&mut self, event: &Event) -> Result<(), Violation> {
        let Event::Tendered(NewTender {
            by: By::Books { .. },
            ..
        }) = event
        else {
            return Ok(());
        };
        match self.commit(event, "xero")? {
            Committed::Changed { .. } => {
                check::fail(check::HANDS, "what the accounting said counts twice")
            }
            _ => Ok(()),
        }
    }

    /// It was typed in by mistake: the drawer never had it.
    fn reverse(&mut self, n: usize) -> Result<bool, Violation> {
        let tenders = self.clinic.case.iter().flat_map(|case| &case.tenders);
        let booked = |t: &Tender| matches!(t.by, By::Books { .. });
        let tenders: Vec<_> = tenders.map(|t| (t.n, t.amount.minor, booked(t))).collect();
        let Some((tender, minor, booked)) = tenders.get(n % tenders.len().max(1)).copied() else {
            return Ok(false);
        };
        // The accounting says that it deleted it, or staff take it off here.
        let told = booked && self.seq().is_multiple_of(2);
        let event = Event::TenderReversed { tender, told };
        let done = self.commit(&event, "staff")?;
        let done = matches!(done, Committed::Changed { .. });
        if done {
            self.bill.drawer -= minor;
            self.bill.came -= minor;
        }
        Ok(done)
    }

    /// Cash goes back out of the drawer, or whatever came becomes the patient's credit.
    fn give_back(&mut self, half: bool, to_credit: bool) -> Result<bool, Violation> {
        let there = self.clinic.case.as_ref().map_or(0, |case| match to_credit {
            true => case.returnable().minor,
            false => case.tenders.iter().map(|t| t.refundable().minor).sum(),
        });
        let minor = if half { (there + 1) / 2 } else { there };
        if minor == 0 {
            return Ok(false);
        }
        let transfer = format!("t{}", self.seq());
        let event = Event::GivenBack(NewReturn {
            request: format!("back-{transfer}"),
            amount: self.eur(minor),
            way: match to_credit {
                true => Way::Credit {
                    transfer: transfer.clone(),
                },
                false => Way::Back,
            },
        });
        let moved = to_credit.then(|| credit::Event::Given(self.transfer(transfer, minor)));
        let done = self.commit_with(&event, moved.as_ref(), "staff")?;
        let done = matches!(done, Committed::Changed { .. });
        if done {
            match to_credit {
                true => self.bill.credit += minor,
                false => self.bill.drawer -= minor,
            }
            if !self.bill.invoiced {
                self.bill.unsold += minor;
            }
        }
        Ok(done)
    }

    /// The patient gets the credit in cash.
    fn pay_out(&mut self, half: bool) -> bool {
        let there = self.bill.credit;
        let minor = if half { (there + 1) / 2 } else { there };
        let event = credit::Event::PaidOut(Payout {
            id: format!("out{}", self.seq()),
            how: Recorded::Cash,
            amount: self.eur(minor),
        });
        let done = minor > 0 && self.clinic.credit_moves(self.ts(), &event);
        if done {
            self.bill.credit -= minor;
            self.bill.drawer -= minor;
        }
        done
    }

    /// A line is taken off the invoice, or all of it. Who does not see that it is void is refused.
    fn lower(&mut self, half: bool) -> Result<bool, Violation> {
        let void = |case: &Case| case.status() == Status::Void;
        let void = self.clinic.case.as_ref().is_some_and(void);
        let of = if void {
            self.plan.total
        } else {
            self.bill.asked
        };
        let minor = if half { (of + 1) / 2 } else { of };
        let note = NewCreditNote::Amount(self.eur(minor));
        let done = self.commit(&Event::Credited(note), "staff")?;
        let done = matches!(done, Committed::Changed { .. });
        if done && void {
            return Err(Violation::new(check::VOID, "a credit note was written"));
        }
        if done {
            self.bill.asked -= minor;
            self.bill.less_at = Some(self.now);
        }
        Ok(done)
    }

    fn void(&mut self) -> Result<bool, Violation> {
        let done = self.commit(&Event::Voided, "staff")?;
        let done = matches!(done, Committed::Changed { .. });
        if done {
            self.bill.asked = 0;
            self.bill.less_at = Some(self.now);
        }
        Ok(done)
    }

    fn call_off(&mut self, no_show: bool) -> Result<bool, Violation> {
        let how = match no_show {
            true => Off::NoShow,
            false => Off::Cancelled,
        };
        // Now and then it is the practice system that says it.
        let there = self.now % 3 == 0;
        self.bill.practice.called_off(how, there, self.ts())?;
        let done = self.commit(&Event::VisitCalledOff { how }, "desk")?;
        self.bill.off |= matches!(done, Committed::Changed { .. });
        Ok(self.bill.off)
    }

    /// The visit takes place after all, at its time or at another.
    fn restore(&mut self, moved: bool) -> Result<bool, Violation> {
        if !self.bill.off && !moved {
            return Ok(false);
        }
        let event = match moved {
            true => Event::VisitMoved {
                visit: format!("visit-{}", self.now),
                starts_at: self.ts(),
            },
            false => Event::VisitRestored,
        };
        self.commit(&event, "desk")?;
        self.bill.practice.restored(self.ts())?;
        self.bill.off = false;
        Ok(true)
    }

    pub fn transfer(&self, id: String, minor: i64) -> Transfer {
        let case = self.clinic.case.as_ref();
        Transfer {
            id,
            case: case.map_or_else(|| ids::derived(&["another case"]), |case| case.id.clone()),
            amount: self.eur(minor),
        }
    }

    /// At rest: what the books say of drawer and credit is what lies there, and what was moved
    /// between the two books comes to nothing.
    pub fn check_hands(&self) -> Checked {
        let Some(case) = &self.clinic.case else {
            return Ok(());
        };
        let mut both = case.balances();
        if let Some(credit) = &self.clinic.credit {
            if let Err(broken) = journal::verify(credit, &self.clinic.credit_entries) {
                return check::fail(check::BOOKS, format!("of the credit: {broken:?}"));
            }
            let available = credit.available().minor;
            if available != self.bill.credit {
                let words = format!("{available} of credit in the books, {}", self.bill.credit);
                return check::fail(check::HANDS, words);
            }
            for (account, minor) in credit.balances() {
                *both.entry(account).or_default() += minor;
            }
        }
        let on = |account: &str| both.get(account).copied().unwrap_or(0);
        let cash = on("cash") + on("books");
        if cash != self.bill.drawer {
            let words = format!("{cash} in the books, {} in the drawer", self.bill.drawer);
            return check::fail(check::HANDS, words);
        }
        let first = meridian::domain::chart::transfer(crate::world::FIRST_CREDIT);
        let moved = both
            .iter()
            .filter(|(name, _)| name.starts_with("transfer:"));
        match moved
            .clone()
            .find(|(name, minor)| **minor != 0 && **name != first)
        {
            Some((name, minor)) => check::fail(check::HANDS, format!("{name} holds {minor}")),
            None => Ok(()),
        }
    }
}
