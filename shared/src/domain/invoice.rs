//! An invoice: lines with their tax, and what they come to.

use crate::words::money::{BadAmount, Currency, Money};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// No line and no invoice comes to more minor units than this: far above any bill, and far below
/// where sums of a clinic's year would run over.
pub const MOST: i64 = 1_000_000_000_000_000;
/// No line has more pieces.
pub const MOST_PIECES: u32 = 1_000_000;

/// One line as a clinic states it. `label` is neutral text for business systems; what the line is
/// for stays in the sealed document and never leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Pieces, from 1 to [`MOST_PIECES`].
    pub quantity: u32,
    /// Per piece, with or without tax as `tax_included` says.
    pub unit: Money,
    /// Per cent: `10` is ten per cent; `0` where the line is free of tax.
    pub tax_rate: Decimal,
    /// Whether the unit's price holds the tax already.
    pub tax_included: bool,
}

/// What a patient is asked to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// What people quote: the clinic's own number or one of ours.
    pub number: String,
    /// At least one, in the order in which people read them.
    pub lines: Vec<Line>,
    /// What it comes to without tax.
    pub net: Money,
    /// What the taxes of all lines come to.
    pub tax: Money,
    /// What is asked for, tax with it.
    pub total: Money,
    /// Nothing is asked for any more.
    pub void: bool,
}

/// As `/v1/invoices` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "InvoiceStatus")]
pub enum Status {
    /// Not issued yet: what was paid on it is a deposit.
    Draft,
    /// Nothing was paid.
    Open,
    /// Something was paid, and something is due.
    PartPaid,
    /// Nothing is due.
    Paid,
    /// Taken back: nothing is asked for any more.
    Void,
}

impl Status {
    /// Every one, from the first to the last.
    pub const ALL: [Self; 5] = [
        Self::Draft,
        Self::Open,
        Self::PartPaid,
        Self::Paid,
        Self::Void,
    ];

    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::PartPaid => "part_paid",
            Self::Paid => "paid",
            Self::Void => "void",
        }
    }
}

impl Line {
    /// What the line costs with tax, and the tax within it. Tax is rounded per line, half away
    /// from zero, as the line shows it.
    pub fn gross_and_tax(&self) -> Result<(Money, Money), BadAmount> {
        let stated = self
            .unit
            .share(Decimal::from(self.quantity), Decimal::ONE)?;
        let (rate, hundred) = (self.tax_rate, Decimal::ONE_HUNDRED);
        if self.tax_included {
            Ok((stated, stated.share(rate, hundred + rate)?))
        } else {
            let tax = stated.share(rate, hundred)?;
            Ok((stated.plus(tax)?, tax))
        }
    }
}

/// What the lines of one tax rate come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfRate {
    /// Per cent, without zeros at its end.
    pub percent: Decimal,
    /// With tax.
    pub gross: Money,
    /// Within the gross.
    pub tax: Money,
}

/// So much of an invoice, rate by rate. Each sum is rounded once as a running sum, so that parts
/// which come to the whole take exactly the whole: the last one takes what rounding left.
pub fn portion(rates: &[OfRate], total: Money, amount: Money) -> Result<Vec<OfRate>, BadAmount> {
    let (mut sum, mut taken) = (Money::zero(total.currency), 0);
    let mut parts = vec![];
    for rate in rates {
        sum = sum.plus(rate.gross)?;
        let up_to_here = sum.share(amount.minor.into(), total.minor.into())?.minor;
        let gross = Money::new(up_to_here - taken, total.currency);
        taken = up_to_here;
        let (part, whole) = match rate.gross.minor {
            0 => (amount, total),
            _ => (gross, rate.gross),
        };
        let tax = rate.tax.share(part.minor.into(), whole.minor.into())?;
        let percent = rate.percent;
        parts.push(OfRate {
            percent,
            gross,
            tax,
        });
    }
    Ok(parts)
}

impl Invoice {
    /// What the lines come to at each rate of tax, the lowest first.
    pub fn rates(&self) -> Result<Vec<OfRate>, BadAmount> {
        let mut rates: BTreeMap<_, (Money, Money)> = BTreeMap::new();
        for line in &self.lines {
            let (gross, tax) = line.gross_and_tax()?;
            let zero = Money::zero(gross.currency);
            let sum = rates
                .entry(line.tax_rate.normalize())
                .or_insert((zero, zero));
            *sum = (sum.0.plus(gross)?, sum.1.plus(tax)?);
        }
        let rates = rates.into_iter().map(|(percent, (gross, tax))| OfRate {
            percent,
            gross,
            tax,
        });
        Ok(rates
            .filter(|rate| rate.gross.minor != 0 || rate.tax.minor != 0)
            .collect())
    }

    /// Sums the lines. Refuses none, an amount of another currency, a total of less than nothing. A
    /// total of nothing is a free visit.
    pub fn new(number: String, currency: Currency, lines: Vec<Line>) -> Result<Self, BadAmount> {
        let (mut total, mut tax) = (Money::zero(currency), Money::zero(currency));
        for line in &lines {
            if line.tax_rate.is_sign_negative() || line.tax_rate > Decimal::ONE_HUNDRED {
                return Err(BadAmount(format!(
                    "a tax rate of {} per cent",
                    line.tax_rate
                )));
            }
            if line.quantity == 0 {
                return Err(BadAmount("a line needs a quantity of at least 1".into()));
            }
            if line.quantity > MOST_PIECES {
                let why = format!("a quantity of {}: {MOST_PIECES} at most", line.quantity);
                return Err(BadAmount(why));
            }
            let (gross, of_it_tax) = line.gross_and_tax()?;
            bounded("a line", gross)?;
            total = total.plus(gross)?;
            tax = tax.plus(of_it_tax)?;
        }
        if total.minor < 0 || lines.is_empty() {
            return Err(BadAmount(format!(
                "an invoice of {total}: it needs lines that come to 0 or more"
            )));
        }
        bounded("an invoice", total)?;
        let net = total.less(tax)?;
        Ok(Self {
            number,
            lines,
            net,
            tax,
            total,
            void: false,
        })
    }
}

fn bounded(what: &str, sum: Money) -> Result<(), BadAmount> {
    if sum.minor.unsigned_abs() > MOST.unsigned_abs() {
        let most = Money::new(MOST, sum.currency);
        return Err(BadAmount(format!("{what} of {sum}: {most} at most")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: u32, minor: i64, rate: &str, tax_included: bool) -> Line {
        let unit = Money::new(minor, Currency::read("EUR").unwrap());
        Line {
            quantity,
            unit,
            tax_rate: rate.parse().unwrap(),
            tax_included,
        }
    }

    #[test]
    fn tax_is_taken_out_of_an_inclusive_price_and_put_onto_an_exclusive_one() {
        let of = |line: Line| {
            line.gross_and_tax()
                .map(|(g, t)| (g.minor, t.minor))
                .unwrap()
        };
        assert_eq!(of(line(1, 11_000, "10", true)), (11_000, 1_000));
        assert_eq!(of(line(1, 10_000, "10", false)), (11_000, 1_000));
        assert_eq!(of(line(3, 3333, "19", true)), (9999, 1596));
        assert_eq!(of(line(1, 100, "0", true)), (100, 0));
        // Half a cent of tax goes up, whatever the rate's reciprocal looks like.
        assert_eq!(of(line(1, 999, "20", true)), (999, 167));
        assert_eq!(of(line(1, 3, "20", true)), (3, 1));
        assert_eq!(of(line(1, 1005, "10", false)), (1106, 101));
        assert_eq!(of(line(1, -999, "20", true)), (-999, -167));
        assert_eq!(of(line(3, 1, "50", true)), (3, 1));
    }

    #[test]
    fn an_invoice_without_lines_below_zero_or_of_two_currencies_is_refused() {
        let eur = Currency::read("EUR").unwrap();
        assert!(Invoice::new("1".into(), eur, vec![]).is_err());
        assert!(Invoice::new("1".into(), eur, vec![line(0, 5, "0", true)]).is_err());
        assert!(Invoice::new("1".into(), eur, vec![line(1, -5, "0", true)]).is_err());
        assert!(Invoice::new("1".into(), eur, vec![line(1, 0, "0", true)]).is_ok());
        let usd = Line {
            unit: Money::new(5, Currency::read("USD").unwrap()),
            ..line(1, 5, "0", true)
        };
        assert!(Invoice::new("1".into(), eur, vec![usd]).is_err());
    }

    #[test]
    fn no_line_and_no_invoice_is_larger_than_the_books_can_sum() {
        let eur = Currency::read("EUR").unwrap();
        let of = |lines| Invoice::new("1".into(), eur, lines);
        assert!(of(vec![line(1, MOST, "0", true)]).is_ok());
        for lines in [
            vec![line(1, MOST + 1, "0", true)],
            vec![line(1, MOST, "10", false)],
            vec![line(2, MOST / 2 + 1, "0", true)],
            vec![line(1, MOST, "0", true), line(1, 1, "0", true)],
            vec![line(1, -MOST - 1, "0", true), line(1, MOST, "0", true)],
            vec![line(1, i64::MIN, "0", true)],
            vec![line(MOST_PIECES + 1, 1, "0", true)],
            // A line alone, though the sum is small.
            vec![line(1, MOST + 1, "0", true), line(1, -1, "0", true)],
            vec![
                line(1, MOST, "0", true),
                line(1, -MOST - 1, "0", true),
                line(1, 1, "0", true),
            ],
        ] {
            assert!(of(lines.clone()).is_err(), "{lines:?}");
        }
        assert!(of(vec![line(MOST_PIECES, 1, "0", true)]).is_ok());
        assert!(of(vec![line(1, MOST, "0", true), line(1, -MOST, "0", true)]).is_ok());
    }

    #[test]
    fn a_rate_of_tax_lies_from_nothing_to_a_hundred_per_cent() {
        let eur = Currency::read("EUR").unwrap();
        for (rate, taken) in [
            ("0", true),
            ("0.01", true),
            ("100", true),
            ("100.00", true),
            ("100.01", false),
            ("1000", false),
            ("-0.01", false),
            ("-1", false),
        ] {
            for included in [true, false] {
                let made = Invoice::new("1".into(), eur, vec![line(1, 100, rate, included)]);
                assert_eq!(made.is_ok(), taken, "{rate}");
            }
        }
    }

    #[test]
    fn an_invoice_says_what_it_comes_to_at_each_rate_that_holds_money_or_tax() {
        let eur = Currency::read("EUR").unwrap();
        let rates = |lines| {
            let invoice = Invoice::new("1".into(), eur, lines).unwrap();
            let rates = invoice.rates().unwrap().into_iter();
            let sums = |of: OfRate| (of.percent.to_string(), of.gross.minor, of.tax.minor);
            rates.map(sums).collect::<Vec<_>>()
        };
        let of = |rate: &str, gross, tax| (rate.to_owned(), gross, tax);
        // The lowest first, and one however it is written.
        assert_eq!(
            rates(vec![
                line(1, 1100, "10", true),
                line(1, 200, "0", true),
                line(2, 550, "10.00", true),
                line(1, 1000, "7.7", false),
            ]),
            [of("0", 200, 0), of("7.7", 1077, 77), of("10", 2200, 200)]
        );
        // What is free at a rate, or cancels out, is of no rate.
        assert_eq!(
            rates(vec![
                line(1, 500, "0", true),
                line(1, 0, "10", true),
                line(1, 300, "20", true),
                line(1, -300, "20", true),
            ]),
            [of("0", 500, 0)]
        );
        assert_eq!(rates(vec![line(1, 0, "10", true)]), []);
        // Only the tax is left, of what was rounded line by line.
        let left = vec![
            line(2, 5, "10", true),
            line(1, -5, "10", true),
            line(1, -5, "10", true),
            line(1, 100, "0", true),
        ];
        assert_eq!(rates(left.clone()), [of("0", 100, 0), of("10", 0, 1)]);
    }
}
