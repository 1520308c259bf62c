//! What a case asks for: a deposit before there is anything to invoice, or an invoice with the
//! credit notes under it.

use super::invoice::{Invoice, Line, OfRate, portion};
use crate::words::money::{BadAmount, Money};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a case is billed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "bill")]
pub enum Bill {
    /// Money is asked for before the session. What comes is a liability until it is invoiced.
    Deposit {
        /// How much of it, tax with it, before what was given back.
        asked: Money,
        /// What the session is to cost, as far as that is known.
        expected: Invoice,
    },
    /// What was sold is known: what came as a deposit has become a part of it.
    Invoiced {
        /// As it was issued.
        invoice: Invoice,
        /// When that was.
        issued_at: Timestamp,
        /// By number, from 1.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        credits: Vec<CreditNote>,
    },
}

/// So much of an invoice is not asked for any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    /// Within the case, from 1.
    pub n: u32,
    /// As people quote it: `2026-1-C1`.
    pub number: String,
    /// What falls on each tax rate.
    pub rates: Vec<OfRate>,
    /// Without tax.
    pub net: Money,
    /// Of all rates.
    pub tax: Money,
    /// Tax with it.
    pub total: Money,
    /// When it was written.
    pub at: Timestamp,
}

/// When tax on a deposit is owed to the tax office.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxPoint {
    /// With the invoice of which it becomes a part.
    #[default]
    Invoice,
    /// When the money comes.
    Receipt,
}

/// What stands of an invoice, its credit notes taken off; of a deposit, what the session is to cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Without tax.
    pub net: Money,
    /// Of all rates.
    pub tax: Money,
    /// Tax with it.
    pub total: Money,
    /// What of it falls on each tax rate, the lowest first.
    pub rates: Vec<OfRate>,
}

impl Bill {
    /// The invoice as it was issued, or as it is to be.
    pub fn invoice(&self) -> &Invoice {
        match self {
            Self::Deposit { expected, .. } => expected,
            Self::Invoiced { invoice, .. } => invoice,
        }
    }

    /// One that nothing was credited of yet.
    pub fn issued(invoice: Invoice, issued_at: Timestamp) -> Self {
        Self::Invoiced {
            invoice,
            issued_at,
            credits: vec![],
        }
    }

    /// The same, to be changed.
    pub fn invoice_mut(&mut self) -> &mut Invoice {
        match self {
            Self::Deposit { expected, .. } => expected,
            Self::Invoiced { invoice, .. } => invoice,
        }
    }

    /// The credit notes under it.
    pub fn credits(&self) -> &[CreditNote] {
        match self {
            Self::Deposit { .. } => &[],
            Self::Invoiced { credits, .. } => credits,
        }
    }

    /// When it was issued; nothing while it is not.
    pub fn issued_at(&self) -> Option<Timestamp> {
        match self {
            Self::Deposit { .. } => None,
            Self::Invoiced { issued_at, .. } => Some(*issued_at),
        }
    }

    /// Whether nothing was invoiced yet.
    pub fn is_deposit(&self) -> bool {
        matches!(self, Self::Deposit { .. })
    }

    /// What stands of it; nothing once it is void.
    pub fn sum(&self) -> Sum {
        let invoice = self.invoice();
        let zero = Money::zero(invoice.total.currency);
        if invoice.void {
            return Sum {
                net: zero,
                tax: zero,
                total: zero,
                rates: vec![],
            };
        }
        let less = |of: Money, taken: fn(&CreditNote) -> Money| {
            let taken: i64 = self.credits().iter().map(|note| taken(note).minor).sum();
            Money::new(of.minor - taken, of.currency)
        };
        // Its totals were made of the same lines.
        let mut rates = invoice.rates().unwrap_or_default();
        for taken in self.credits().iter().flat_map(|note| &note.rates) {
            for rate in rates
                .iter_mut()
                .filter(|rate| rate.percent == taken.percent)
            {
                rate.gross.minor -= taken.gross.minor;
                rate.tax.minor -= taken.tax.minor;
            }
        }
        rates.retain(|rate| rate.gross.minor != 0 || rate.tax.minor != 0);
        Sum {
            net: less(invoice.net, |note| note.net),
            tax: less(invoice.tax, |note| note.tax),
            total: less(invoice.total, |note| note.total),
            rates,
        }
    }
}

impl Sum {
    /// The tax within so much of it.
    pub fn tax_within(&self, amount: Money) -> Money {
        if amount.minor == 0 || self.total.minor == 0 {
            return Money::zero(amount.currency);
        }
        // Its parts were summed when the invoice was made: what they come to is known to fit.
        let parts = portion(&self.rates, self.total, amount).unwrap_or_default();
        let tax = parts.iter().map(|part| part.tax.minor).sum();
        Money::new(tax, amount.currency)
    }
}

impl CreditNote {
    /// Over these lines, which are of the invoice or less. Refuses what comes to nothing, and more
    /// of a tax rate than stands of it.
    pub fn of_lines(
        (n, of): (u32, &Invoice),
        standing: &Sum,
        lines: Vec<Line>,
        at: Timestamp,
    ) -> Result<Self, BadAmount> {
        let sum = Invoice::new(String::new(), standing.total.currency, lines)?;
        let rates = sum.rates()?;
        for rate in &rates {
            let left = standing.rates.iter().find(|r| r.percent == rate.percent);
            let left = left.map_or(0, |r| r.gross.minor);
            if rate.gross.minor > left {
                let left = Money::new(left, rate.gross.currency);
                return Err(BadAmount(format!(
                    "{} at a tax rate of {}: {left} of the invoice stands at that rate",
                    rate.gross, rate.percent
                )));
            }
        }
        Self::of_rates((n, of), rates, sum.total, at)
    }

    /// Over so much of what stands, at each tax rate its part.
    pub fn of_amount(
        (n, of): (u32, &Invoice),
        standing: &Sum,
        amount: Money,
        at: Timestamp,
    ) -> Result<Self, BadAmount> {
        if amount.minor > standing.total.minor {
            return Err(BadAmount(format!(
                "{amount}: {} of the invoice stands",
                standing.total
            )));
        }
        let rates = portion(&standing.rates, standing.total, amount)?;
        Self::of_rates((n, of), rates, amount, at)
    }

    fn of_rates(
        (n, of): (u32, &Invoice),
        mut rates: Vec<OfRate>,
        total: Money,
        at: Timestamp,
    ) -> Result<Self, BadAmount> {
        if total.minor <= 0 {
            return Err(BadAmount("a credit note comes to more than 0".into()));
        }
        rates.retain(|rate| rate.gross.minor != 0 || rate.tax.minor != 0);
        let tax: i64 = rates.iter().map(|rate| rate.tax.minor).sum();
        let tax = Money::new(tax, total.currency);
        Ok(Self {
            n,
            number: format!("{}-C{n}", of.number),
            net: total.less(tax)?,
            tax,
            total,
            rates,
            at,
        })
    }

    /// Stable among the credit notes of a case: `c1`.
    pub fn key(&self) -> String {
        format!("c{}", self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::money::Currency;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::read("EUR").unwrap())
    }

    fn line(minor: i64, rate: &str) -> Line {
        Line {
            quantity: 1,
            unit: eur(minor),
            tax_rate: rate.parse().unwrap(),
            tax_included: true,
        }
    }

    fn invoice(lines: Vec<Line>) -> Invoice {
        Invoice::new("7".into(), eur(0).currency, lines).unwrap()
    }

    fn invoiced(lines: Vec<Line>) -> Bill {
        Bill::issued(invoice(lines), Timestamp::UNIX_EPOCH)
    }

    fn credit(
        bill: &mut Bill,
        note: impl Fn((u32, &Invoice), &Sum) -> Result<CreditNote, BadAmount>,
    ) -> Result<(), BadAmount> {
        let sum = bill.sum();
        let Bill::Invoiced {
            invoice, credits, ..
        } = bill
        else {
            panic!("a deposit")
        };
        let n = credits.len() as u32 + 1;
        credits.push(note((n, invoice), &sum)?);
        Ok(())
    }

    fn sums(bill: &Bill) -> (i64, i64, i64, Vec<(String, i64, i64)>) {
        let sum = bill.sum();
        let rate = |r: &OfRate| (r.percent.to_string(), r.gross.minor, r.tax.minor);
        let rates = sum.rates.iter().map(rate).collect();
        (sum.net.minor, sum.tax.minor, sum.total.minor, rates)
    }

    #[test]
    fn credit_notes_take_off_what_they_credit_rate_by_rate_until_nothing_stands() {
        let mut bill = invoiced(vec![line(11_000, "10"), line(2000, "0")]);
        let at = Timestamp::UNIX_EPOCH;
        credit(&mut bill, |of, sum| {
            CreditNote::of_lines(of, sum, vec![line(1100, "10")], at)
        })
        .unwrap();
        let rate = |percent: &str, gross, tax| (percent.to_owned(), gross, tax);
        assert_eq!(
            sums(&bill),
            (
                11_000,
                900,
                11_900,
                vec![rate("0", 2000, 0), rate("10", 9900, 900)]
            )
        );
        // Of an amount alone each rate gives its part.
        credit(&mut bill, |of, sum| {
            CreditNote::of_amount(of, sum, eur(1190), at)
        })
        .unwrap();
        assert_eq!(sums(&bill).2, 10_710);
        let rest = bill.sum().total;
        credit(&mut bill, |of, sum| {
            CreditNote::of_amount(of, sum, rest, at)
        })
        .unwrap();
        assert_eq!(sums(&bill), (0, 0, 0, vec![]));
        let numbers: Vec<_> = bill
            .credits()
            .iter()
            .map(|note| note.number.as_str())
            .collect();
        assert_eq!(numbers, ["7-C1", "7-C2", "7-C3"]);
    }

    #[test]
    fn no_more_is_credited_than_stands_at_a_rate() {
        let at = Timestamp::UNIX_EPOCH;
        for lines in [
            vec![line(2001, "0")],
            vec![line(1, "20")],
            vec![line(0, "10")],
            vec![line(-100, "10"), line(50, "0")],
        ] {
            let mut bill = invoiced(vec![line(11_000, "10"), line(2000, "0")]);
            let made = credit(&mut bill, |of, sum| {
                CreditNote::of_lines(of, sum, lines.clone(), at)
            });
            assert!(made.is_err(), "{lines:?}");
        }
        let mut bill = invoiced(vec![line(100, "10")]);
        for minor in [101, 0, -1] {
            let made = credit(&mut bill, |of, sum| {
                CreditNote::of_amount(of, sum, eur(minor), at)
            });
            assert!(made.is_err(), "{minor}");
        }
    }

    #[test]
    fn the_tax_within_a_part_comes_to_the_tax_of_the_whole_and_nothing_is_within_nothing() {
        let bill = invoiced(vec![line(999, "20"), line(500, "0")]);
        let sum = bill.sum();
        assert_eq!(sum.tax_within(sum.total), sum.tax);
        assert_eq!(sum.tax_within(eur(0)), eur(0));
        assert_eq!(
            invoiced(vec![line(0, "10")]).sum().tax_within(eur(0)),
            eur(0)
        );
        // Only the tax is left, of what was rounded line by line.
        let left = invoiced(vec![
            line(10, "10"),
            line(-5, "10"),
            line(-5, "10"),
            line(100, "0"),
        ]);
        let within = |minor| left.sum().tax_within(eur(minor)).minor;
        let rates = left.invoice().rates().unwrap();
        assert!(rates.len() <= 2);
        assert_eq!(within(100), left.sum().tax.minor);
    }

    #[test]
    fn of_a_void_invoice_nothing_stands() {
        let mut invoice = invoice(vec![line(11_000, "10")]);
        invoice.void = true;
        let bill = Bill::issued(invoice, Timestamp::UNIX_EPOCH);
        assert_eq!(sums(&bill), (0, 0, 0, vec![]));
    }
}
