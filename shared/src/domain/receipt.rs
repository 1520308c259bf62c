//! What a receipt states, frozen in the commit that calls for it.

use super::case::{Case, Payment};
use super::decide::Receipt;
use super::refund::{Refund, State};
use super::settings::Settings;
use super::tender::Tender;
use crate::words::ids;
use crate::words::money::Money;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What a receipt states, as it was at its time. No personal data and no service's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `{case}-p1`, `{case}-p1-r2`: what it was issued for.
    pub id: String,
    /// As people quote it: `K7M2Q9-1`.
    pub number: String,
    /// The number of the receipt that this one replaces.
    pub replaces: Option<String>,
    /// When it was written.
    pub issued_at: Timestamp,
    /// The case's id.
    pub case: String,
    /// The invoice's number.
    pub invoice: String,
    /// When the invoice was made.
    pub invoiced_at: Timestamp,
    /// Who issued it, as the clinic was then.
    #[serde(default)]
    pub issuer: Option<Issuer>,
    /// When the session began, where there was one.
    #[serde(default)]
    pub starts_at: Option<Timestamp>,
    /// One for each line of the invoice, without what it is for.
    pub lines: Vec<Line>,
    /// Of the invoice, without tax.
    pub net: Money,
    /// Of the invoice.
    pub tax: Money,
    /// Of the invoice, tax with it.
    pub total: Money,
    /// What credit notes took off the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credited: Option<Money>,
    /// Nothing was invoiced yet: what came is a deposit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deposit: bool,
    /// All that arrived for the invoice so far.
    pub payments: Vec<Paid>,
    /// All that was sent back so far.
    pub refunds: Vec<Refunded>,
    /// What came and stayed, refunds taken off.
    pub paid: Money,
    /// What is left to pay.
    pub due: Money,
}

/// The clinic as a receipt names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// As patients know it.
    pub name: String,
    /// In one line; empty where the clinic gave none.
    pub address: String,
    /// As the clinic writes it; may be empty.
    pub phone: String,
    /// As the law wants it on receipts; may be empty.
    pub tax_number: String,
}

/// A line of the invoice, as far as a receipt shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Pieces.
    pub quantity: u32,
    /// Of all pieces, tax with it.
    pub gross: Money,
    /// Within the gross.
    pub tax: Money,
    /// Per cent.
    #[serde(default)]
    pub tax_rate: Option<Decimal>,
}

/// Money that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The id of the gateway that took it; empty where none did.
    pub gateway: String,
    /// `Visa ending 4242`, where the gateway told.
    pub method: Option<String>,
    /// What arrived.
    pub amount: Money,
    /// When it came.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What the bank took back of it.
    #[serde(default)]
    pub returned: Option<Money>,
}

/// Money that was sent back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// What went back.
    #[serde(flatten)]
    pub amount: Money,
    /// When it went.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// The method that it went to, and the gateway that sent it.
    #[serde(default)]
    pub to: Option<String>,
    /// The gateway's id; empty where none sent it.
    #[serde(default)]
    pub gateway: String,
    /// It became the patient's credit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_credit: bool,
}

/// A receipt as the page of its invoice lists it.
pub struct Paper {
    /// As people quote it: `K7M2Q9-1`.
    pub number: String,
    /// The address of the receipt's page.
    pub address: String,
    /// When the money moved.
    pub at: Timestamp,
    /// What it was issued for.
    pub about: About,
}

/// What a receipt was issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// So much came.
    Payment(Money),
    /// A bank took it back.
    Returned,
    /// A bank gave it back.
    Reinstated,
    /// So much was sent back.
    Refund(Money),
    /// So much was sent back and did not arrive.
    RefundFailed(Money),
}

impl Paper {
    /// The receipt of this id, at this address, for money that moved then.
    pub fn of(case: &Case, id: &str, address: String, at: Timestamp) -> Self {
        let number = number(id);
        let mut parts = id.split('-').skip(1);
        let named = parts.next().and_then(|p| p.strip_prefix('p')?.parse().ok());
        let payment = named.and_then(|n| case.payment(n));
        let tender = named.and_then(|n| case.tender(n));
        let came = payment.map(|payment| payment.amount);
        let whole = came.or(tender.map(|tender| tender.amount));
        let whole = whole.unwrap_or(case.invoice().total);
        let (what, failed) = (parts.next().unwrap_or_default(), parts.next().is_some());
        let of_payment = payment.map(|payment| &payment.refunds);
        let refunds = of_payment.or(tender.map(|tender| &tender.refunds));
        let mut refunds = refunds.into_iter().flatten();
        let refund = refunds.find(|refund| refund.key() == what);
        let about = match refund.map(|refund| refund.amount) {
            Some(amount) if failed => About::RefundFailed(amount),
            Some(amount) => About::Refund(amount),
            None if what.starts_with("returned") => About::Returned,
            None if what.starts_with("reinstated") => About::Reinstated,
            None => About::Payment(whole),
        };
        Self {
            number,
            address,
            at,
            about,
        }
    }
}

/// The number on a receipt: short enough to be read out.
pub fn number(receipt: &str) -> String {
    let (case, rest) = receipt.split_once('-').unwrap_or((receipt, ""));
    let short = case.get(..8).unwrap_or(case).to_uppercase();
    let spoken = |part: &str| {
        let what = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let time = &part[what.len()..];
        match what {
            "returned" => format!("R{time}"),
            "failed" => format!("F{time}"),
            "reinstated" => format!("B{time}"),
            "again" => format!("A{time}"),
            _ => part.strip_prefix(['p', 'r', 'g']).unwrap_or(part).into(),
        }
    };
    let rest: Vec<String> = rest.split('-').map(spoken).collect();
    format!("{short}-{}", rest.join("-"))
}

/// The facts of a receipt, from the case as it is after the commit.
pub fn facts(settings: &Settings, case: &Case, receipt: &Receipt) -> Facts {
    let lines = case.invoice().lines.iter().filter_map(|line| {
        let (gross, tax) = line.gross_and_tax().ok()?;
        Some(Line {
            quantity: line.quantity,
            gross,
            tax,
            tax_rate: Some(line.tax_rate),
        })
    });
    let arrived = case.payments.iter().filter(|p| p.arrived());
    let mut arrived: Vec<_> = arrived.map(|p| (p.n, paid(p))).collect();
    arrived.extend(case.tenders.iter().map(|t| (t.n, tendered(t))));
    arrived.sort_by_key(|(n, _)| *n);
    let succeeded = case.numbered_refunds();
    let mut succeeded: Vec<_> = succeeded
        .filter(|(_, r)| r.state == State::Succeeded)
        .collect();
    succeeded.sort_by_key(|(_, refund)| refund.paid_at);
    let credited: i64 = case
        .bill
        .credits()
        .iter()
        .map(|note| note.total.minor)
        .sum();
    Facts {
        id: receipt.id.clone(),
        number: number(&receipt.id),
        replaces: replaced(case, receipt).as_deref().map(number),
        issued_at: receipt.at,
        case: case.id.clone(),
        invoice: case.invoice().number.clone(),
        invoiced_at: case.issued_at(),
        issuer: Some(Issuer::of(settings)),
        starts_at: case.starts_at,
        lines: lines.collect(),
        net: case.invoice().net,
        tax: case.invoice().tax,
        total: case.invoice().total,
        credited: (credited > 0).then(|| Money::new(credited, case.currency)),
        deposit: case.bill.is_deposit(),
        payments: arrived.into_iter().map(|(_, paid)| paid).collect(),
        refunds: succeeded
            .into_iter()
            .map(|(n, r)| refunded(case, n, r))
            .collect(),
        paid: Money::new(case.paid().minor - case.refunded().minor, case.currency),
        due: case.due(),
    }
}

impl Issuer {
    /// The clinic as these settings describe it.
    pub fn of(settings: &Settings) -> Self {
        Self {
            name: settings.name.clone(),
            address: settings.address.clone(),
            phone: settings.phone.clone(),
            tax_number: settings.tax_number.clone(),
        }
    }
}

/// The receipt of the case that was the newest before this one: each states all that was paid so
/// far, so the newest one holds and no other.
fn replaced(case: &Case, receipt: &Receipt) -> Option<String> {
    let before = case.receipts.iter().take_while(|id| **id != receipt.id);
    let newest = before.last().cloned();
    // A case that began before it kept its receipts: a refund's receipt follows its payment's.
    let base = || ids::payment_reference(&case.id, receipt.payment);
    newest.or_else(|| Some(base()).filter(|base| *base != receipt.id))
}

fn paid(payment: &Payment) -> Paid {
    Paid {
        gateway: payment.gateway.clone(),
        method: told(payment),
        amount: payment.amount,
        at: payment.paid_at,
        returned: Some(payment.returned()).filter(|returned| returned.minor > 0),
    }
}

fn tendered(tender: &Tender) -> Paid {
    Paid {
        gateway: String::new(),
        method: Some(tender.words().into()),
        amount: tender.amount,
        at: Some(tender.at),
        returned: tender.reversed.map(|_| tender.amount),
    }
}

fn refunded(case: &Case, n: u32, refund: &Refund) -> Refunded {
    let payment = case.payment(n).filter(|_| refund.way.is_back());
    let tender = case.tender(n).map(|tender| tender.words().into());
    Refunded {
        amount: refund.amount,
        at: refund.paid_at,
        to: payment.and_then(told).or(tender),
        gateway: payment.map_or(String::new(), |payment| payment.gateway.clone()),
        to_credit: !refund.way.is_back(),
    }
}

/// What paid, as people tell it apart. A label that could be anybody's, such as `Card`, says less
/// than nothing on a receipt.
fn told(payment: &Payment) -> Option<String> {
    let kept = payment.method.as_ref().map(|method| method.label.clone());
    let own = kept.filter(|label| label.chars().any(|c| c.is_ascii_digit()));
    payment.paid_with.clone().or(own)
}
