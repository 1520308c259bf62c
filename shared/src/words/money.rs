//! Money is a whole number of minor units and a currency. Nothing else in the crate holds an
//! amount, so nothing else can round one.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::fmt;

/// An ISO 4217 currency that has a minor unit. Funds codes such as XXX or XAU are refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Reads an alphabetic code in either case: `eur`, `EUR`.
    pub fn read(code: &str) -> Option<Self> {
        let currency = iso_currency::Currency::from_code(&code.to_ascii_uppercase())?;
        currency.exponent()?;
        Some(Self(currency))
    }

    /// The alphabetic code in upper case.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals ISO 4217 gives the currency: JPY 0, EUR 2, KWD 3.
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }

    /// The currency's sign as people write it: `€`, `$`.
    pub fn symbol(self) -> String {
        self.0.symbol().to_string()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let code = String::deserialize(from)?;
        Self::read(&code).ok_or_else(|| {
            serde::de::Error::custom(format!("\"{code}\" is no ISO 4217 currency code"))
        })
    }
}

/// An amount in minor units (cents). Serialised as `{"amount": "12.50", "currency": "EUR"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// Why an amount could not be read or computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAmount(pub String);

impl fmt::Display for BadAmount {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadAmount {}

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Reads a decimal in major units. More decimals than the currency has are refused, unless
    /// they are zeros.
    pub fn read(text: &str, currency: Currency) -> Result<Self, BadAmount> {
        let plain = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
            && !text.ends_with('.');
        let decimal = plain.then(|| Decimal::from_str_exact(text).ok()).flatten();
        let decimal = decimal.ok_or_else(|| {
            BadAmount(format!(
                "\"{text}\" is no amount: write digits and a dot, such as 12.50"
            ))
        })?;
        Self::from_decimal(decimal, currency)
    }

    /// From major units, exactly: an amount that the currency cannot hold is refused.
    pub fn from_decimal(decimal: Decimal, currency: Currency) -> Result<Self, BadAmount> {
        let scaled = Decimal::from(10_i64.pow(currency.exponent())).checked_mul(decimal);
        let minor = scaled
            .filter(|d| d.fract().is_zero())
            .and_then(|d| i64::try_from(d).ok());
        minor.map(|minor| Self { minor, currency }).ok_or_else(|| {
            BadAmount(format!(
                "{decimal} cannot be held in {}, which has {} decimals",
                currency.code(),
                currency.exponent()
            ))
        })
    }

    /// In major units, with the currency's number of decimals.
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.minor, self.currency.exponent())
    }

    /// Sum of two amounts of one currency.
    pub fn plus(self, other: Self) -> Result<Self, BadAmount> {
        self.with(other, i64::checked_add)
    }

    /// Difference of two amounts of one currency.
    pub fn less(self, other: Self) -> Result<Self, BadAmount> {
        self.with(other, i64::checked_sub)
    }

    fn with(self, other: Self, of: fn(i64, i64) -> Option<i64>) -> Result<Self, BadAmount> {
        if self.currency != other.currency {
            return Err(BadAmount(format!(
                "{self} and {other} are of two currencies"
            )));
        }
        let minor = of(self.minor, other.minor);
        minor
            .map(|minor| Self { minor, ..self })
            .ok_or_else(|| BadAmount("too large".into()))
    }

    /// So much of this amount as `part` is of `whole`: multiplied and divided exactly, then rounded
    /// once, half away from zero, to the minor unit. The one place where an amount is rounded.
    pub fn share(self, part: Decimal, whole: Decimal) -> Result<Self, BadAmount> {
        let minor = self.exact_share(part.normalize(), whole.normalize());
        minor
            .and_then(|minor| i64::try_from(minor).ok())
            .map(|minor| Self { minor, ..self })
            .ok_or_else(|| {
                let why = format!("{self} times {part} by {whole} cannot be computed exactly");
                BadAmount(why)
            })
    }

    /// `None` where it is divided by nothing, or the numbers are too long to be exact.
    fn exact_share(self, part: Decimal, whole: Decimal) -> Option<i128> {
        let ten_to = |scale: u32| 10_i128.checked_pow(scale);
        let over = i128::from(self.minor)
            .checked_mul(part.mantissa())?
            .checked_mul(ten_to(whole.scale())?)?;
        let under = whole.mantissa().checked_mul(ten_to(part.scale())?)?;
        let (quotient, rest) = (over.checked_div(under)?, over.checked_rem(under)?);
        let rounds_up = rest.unsigned_abs() * 2 >= under.unsigned_abs();
        let away = over.signum() * under.signum();
        Some(quotient + if rounds_up { away } else { 0 })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency.code())
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    amount: String,
    currency: Currency,
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Wire {
            amount: self.decimal().to_string(),
            currency: self.currency,
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(from)?;
        Self::read(&wire.amount, wire.currency).map_err(serde::de::Error::custom)
    }
}

/// How a vendor spells an amount on the wire. A vendor names its format once; both directions go
/// through here.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    pub style: Style,
    /// Currencies to which this vendor gives another number of decimals than ISO 4217.
    pub exponents: &'static [(&'static str, u32)],
    /// Currencies whose minor units must be a multiple of this (Stripe: three decimals, last 0).
    pub multiples: &'static [(&'static str, i64)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `1250`
    Minor,
    /// `12.50`
    Major,
}

impl Amounts {
    pub const MINOR: Self = Self {
        style: Style::Minor,
        exponents: &[],
        multiples: &[],
    };
    pub const MAJOR: Self = Self {
        style: Style::Major,
        exponents: &[],
        multiples: &[],
    };

    fn exponent(&self, currency: Currency) -> u32 {
        let differs = self
            .exponents
            .iter()
            .find(|(code, _)| *code == currency.code());
        differs.map_or(currency.exponent(), |(_, exponent)| *exponent)
    }

    /// The amount as this vendor writes it, or why it cannot.
    pub fn write(&self, money: Money) -> Result<String, BadAmount> {
        let code = money.currency.code();
        if let Some((_, step)) = self.multiples.iter().find(|(c, _)| *c == code)
            && money.minor % step != 0
        {
            return Err(BadAmount(format!(
                "{money}: this gateway takes steps of {step} minor"
            )));
        }
        let exponent = self.exponent(money.currency);
        let mut decimal = money.decimal().normalize();
        if decimal.scale() > exponent {
            return Err(BadAmount(format!(
                "{money}: this gateway takes {exponent} decimals"
            )));
        }
        decimal.rescale(exponent);
        Ok(match self.style {
            Style::Major => decimal.to_string(),
            Style::Minor => decimal.mantissa().to_string(),
        })
    }

    /// An amount as a JSON number that reads back as the same amount. The number is a double inside:
    /// what its shortest spelling cannot give back is refused.
    pub fn number(&self, money: Money) -> Result<Number, BadAmount> {
        let number: Option<Number> = self.write(money)?.parse().ok();
        let same = |number: &Number| self.read(&number.to_string(), money.currency) == Ok(money);
        let odd = || BadAmount(format!("{money} is too large to be written as a number"));
        number.filter(same).ok_or_else(odd)
    }

    /// An amount as this vendor wrote it.
    pub fn read(&self, text: &str, currency: Currency) -> Result<Money, BadAmount> {
        match self.style {
            Style::Major => Money::read(text, currency),
            Style::Minor => {
                let minor: i64 = text.parse().map_err(|_| {
                    BadAmount(format!("\"{text}\" is no whole number of minor units"))
                })?;
                Money::from_decimal(Decimal::new(minor, self.exponent(currency)), currency)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::read("EUR").unwrap())
    }

    #[test]
    fn an_amount_with_more_decimals_than_its_currency_is_refused() {
        for (text, code) in [("10.005", "EUR"), ("1.5", "JPY"), ("1.2345", "KWD")] {
            assert!(
                Money::read(text, Currency::read(code).unwrap()).is_err(),
                "{text} {code}"
            );
        }
        assert_eq!(Money::read("10.0000", eur(0).currency), Ok(eur(1000)));
    }

    #[test]
    fn words_exponents_and_blanks_are_no_amounts() {
        for text in ["", " ", "1e3", "1,50", "+1", "0x10", "1.", "٣", "--1"] {
            assert!(Money::read(text, eur(0).currency).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_rate_rounds_half_away_from_zero() {
        let of = |minor, part: &str, whole: &str| {
            eur(minor).share(part.parse().unwrap(), whole.parse().unwrap())
        };
        assert_eq!(of(1005, "10", "100"), Ok(eur(101)));
        assert_eq!(of(-1005, "0.1", "1"), Ok(eur(-101)));
        assert_eq!(of(999, "20", "120"), Ok(eur(167)));
        assert_eq!(of(1, "1", "3"), Ok(eur(0)));
        assert_eq!(of(0, "5", "7"), Ok(eur(0)));
        for (minor, part, whole) in [
            (1, "1", "0"),
            (i64::MAX, "2", "1"),
            (i64::MAX, "7.0000000000000000000001", "1"),
        ] {
            assert!(of(minor, part, whole).is_err(), "{minor} {part} {whole}");
        }
    }

    #[test]
    fn codes_without_a_minor_unit_are_no_currency() {
        assert!(Currency::read("XAU").is_none());
        assert!(Currency::read("euro").is_none());
    }

    /// Each vendor has its own decimals of some currencies, and steps of others.
    #[test]
    fn an_amount_is_written_with_the_decimals_that_its_vendor_gives_its_currency() {
        let of = |style| Amounts {
            style,
            exponents: &[("HUF", 0), ("ISK", 2)],
            multiples: &[("KWD", 10), ("CHF", 5)],
        };
        let (minor, major) = (of(Style::Minor), of(Style::Major));
        for (code, cents, as_minor, as_major) in [
            ("EUR", 1250, Some("1250"), Some("12.50")),
            ("EUR", -1, Some("-1"), Some("-0.01")),
            ("JPY", 12, Some("12"), Some("12")),
            ("HUF", 1200, Some("12"), Some("12")),
            ("HUF", 1201, None, None),
            ("HUF", 1210, None, None),
            ("ISK", 12, Some("1200"), Some("12.00")),
            ("KWD", 12_340, Some("12340"), Some("12.340")),
            ("KWD", 12_341, None, None),
            ("CHF", 1005, Some("1005"), Some("10.05")),
            ("CHF", 1004, None, None),
            ("USD", 1004, Some("1004"), Some("10.04")),
        ] {
            let currency = Currency::read(code).unwrap();
            let money = Money::new(cents, currency);
            for (amounts, wanted) in [(minor, as_minor), (major, as_major)] {
                let written = amounts.write(money).ok();
                assert_eq!(written.as_deref(), wanted, "{money}");
                if let Some(text) = written {
                    assert_eq!(amounts.read(&text, currency), Ok(money), "{text}");
                }
            }
        }
        let isk = Currency::read("ISK").unwrap();
        assert!(minor.read("1250", isk).is_err(), "half a krona");
        for text in ["", "1.5", "x", "1 ", "9223372036854775808"] {
            assert!(minor.read(text, eur(0).currency).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sums_are_of_one_currency_and_never_run_over() {
        let usd = Money::new(1, Currency::read("USD").unwrap());
        assert_eq!(eur(5).plus(eur(-7)), Ok(eur(-2)));
        assert_eq!(eur(5).less(eur(-7)), Ok(eur(12)));
        assert!(eur(1).plus(usd).is_err() && eur(1).less(usd).is_err());
        let (most, least) = (eur(i64::MAX), eur(i64::MIN));
        assert!(most.plus(eur(1)).is_err() && least.less(eur(1)).is_err());
        assert_eq!(most.plus(eur(0)), Ok(most));
        assert_eq!(least.less(eur(0)), Ok(least));
    }

    proptest! {
        #[test]
        fn a_share_is_the_nearest_whole_minor_unit(
            minor in -1_000_000_000_i64..1_000_000_000, part in 0_i64..100_000, whole in 1_i64..100_000,
        ) {
            let share = eur(minor).share(part.into(), whole.into()).unwrap().minor;
            let off = i128::from(minor) * i128::from(part) - i128::from(share) * i128::from(whole);
            prop_assert!(off.abs() * 2 <= i128::from(whole));
        }

        #[test]
        fn every_amount_survives_every_spelling(minor in -1_000_000_000_i64..1_000_000_000, code in 0_usize..3) {
            let currency = Currency::read(["EUR", "JPY", "KWD"][code]).unwrap();
            let money = Money::new(minor, currency);
            for amounts in [Amounts::MINOR, Amounts::MAJOR] {
                prop_assert_eq!(amounts.read(&amounts.write(money).unwrap(), currency), Ok(money));
            }
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }
    }
}
