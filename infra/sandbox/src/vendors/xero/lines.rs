//! Lines of a document at Xero, with their taxes and their sum.

use super::books::{amount, cents, decimal, given, number};
use super::chart;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// What the lines of a document come to.
pub struct Sums {
    pub lines: Value,
    pub kind: String,
    pub tax: Decimal,
    pub total: Decimal,
}

/// Percent of a tax type; None for one that the organisation does not have.
fn rate(tax_type: &str) -> Option<Decimal> {
    Some(Decimal::from(match tax_type {
        "NONE" | "EXEMPTOUTPUT" | "EXEMPTEXPORT" | "ZERORATEDOUTPUT" | "BASEXCLUDED" | "INPUT0" => {
            0
        }
        "OUTPUT" | "INPUT" => 10,
        "OUTPUT2" | "INPUT2" => 20,
        "OUTPUT3" => 15,
        "TAX001" => 19,
        "TAX002" => 7,
        _ => return None,
    }))
}

pub fn lines(ask: &Value, status: &str) -> Result<Sums, Vec<String>> {
    let kind = ask["LineAmountTypes"]
        .as_str()
        .unwrap_or("Exclusive")
        .to_string();
    let items = ask["LineItems"].as_array().cloned().unwrap_or_default();
    let approved = status == "AUTHORISED" || status == "SUBMITTED";
    let mut messages = Vec::new();
    if items.is_empty() && approved {
        messages.push("One or more line items must be specified".to_string());
    }
    let (mut written, mut tax_sum, mut line_sum) = (Vec::new(), Decimal::ZERO, Decimal::ZERO);
    for item in &items {
        if let Some(line) = line(item, &kind, approved, &mut messages) {
            tax_sum += line.tax;
            line_sum += line.amount;
            written.push(line.written);
        }
    }
    if !messages.is_empty() {
        return Err(messages);
    }
    let total = if kind == "Exclusive" {
        line_sum + tax_sum
    } else {
        line_sum
    };
    Ok(Sums {
        lines: written.into(),
        kind,
        tax: tax_sum,
        total,
    })
}

/// One line as the document shows it.
struct Line {
    written: Value,
    amount: Decimal,
    tax: Decimal,
}

/// Reads one line; what is wrong with it is added to `messages`.
fn line(item: &Value, kind: &str, approved: bool, messages: &mut Vec<String>) -> Option<Line> {
    let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
    let quantity = decimal(&item["Quantity"]).unwrap_or(Decimal::ONE);
    let unit = amount(&item["UnitAmount"]);
    if unit.scale() > 4 {
        messages.push("UnitAmount has more decimal places than unitdp allows".into());
    }
    let discount = Decimal::ONE - amount(&item["DiscountRate"]) / Decimal::ONE_HUNDRED;
    let line = cents(quantity * unit * discount);
    if let Some(given) = decimal(&item["LineAmount"])
        && given != line
    {
        messages.push(format!(
            "The line total {given} does not match the expected line total {line}"
        ));
    }
    if approved {
        if text("Description").is_none() {
            messages.push("Description must be specified".into());
        }
        if text("AccountCode").is_none() && text("AccountID").is_none() {
            messages.push("Account code or ID must be specified".into());
        }
    }
    let account = chart::find(&item["AccountCode"], &item["AccountID"]);
    let account = account.filter(|account| account.takes_lines());
    if let Some(code) = text("AccountCode").or(text("AccountID"))
        && account.is_none()
    {
        messages.push(format!(
            "Account code '{code}' is not a valid code for this document."
        ));
    }
    let tax_type = text("TaxType").unwrap_or("NONE");
    let Some(percent) = rate(tax_type) else {
        messages.push(format!(
            "The TaxType code '{tax_type}' does not exist or cannot be \
            used for this type of transaction."
        ));
        return None;
    };
    let hundred = Decimal::ONE_HUNDRED;
    let expected = match kind {
        "NoTax" => Decimal::ZERO,
        "Inclusive" => cents(line * percent / (hundred + percent)),
        _ => cents(line * percent / hundred),
    };
    let tax = decimal(&item["TaxAmount"]).unwrap_or(expected);
    if kind == "NoTax" && !tax.is_zero() {
        messages.push("A document without tax can not have a TaxAmount".into());
    }
    let mut line_written = given(item);
    if let Some(account) = account {
        let named = account.named();
        line_written["AccountCode"] = named["Code"].clone();
        line_written["AccountID"] = named["AccountID"].clone();
    }
    line_written["LineAmount"] = number(line);
    line_written["TaxAmount"] = number(tax);
    line_written["TaxType"] = json!(tax_type);
    line_written["Quantity"] = number(quantity);
    line_written["UnitAmount"] = number(unit);
    line_written["Tracking"] = json!([]);
    Some(Line {
        written: line_written,
        amount: line,
        tax,
    })
}
