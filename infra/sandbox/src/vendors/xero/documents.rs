//! Invoices and credit notes at Xero, with their lines, taxes and states.

use super::books::{amount, cents, date, decimal, given, known_account, number, one};
use super::contacts::contact_of;
use super::events::tell;
use super::replies::{Checked, msdate};
use crate::wire::stamp;
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// What an invoice and a credit note differ in.
pub struct Paper {
    pub kind: &'static str,
    pub id: &'static str,
    pub number: &'static str,
    pub prefix: &'static str,
    pub category: &'static str,
}

pub const INVOICE: Paper = Paper {
    kind: "xero.invoice",
    id: "InvoiceID",
    number: "InvoiceNumber",
    prefix: "INV",
    category: "INVOICE",
};

pub const CREDIT_NOTE: Paper = Paper {
    kind: "xero.credit_note",
    id: "CreditNoteID",
    number: "CreditNoteNumber",
    prefix: "CN",
    category: "CREDITNOTE",
};

pub fn invoice(world: &mut World, tenant: &str, ask: &Value, create: bool) -> Checked {
    paper(world, tenant, ask, create, &INVOICE)
}

pub fn credit_note(world: &mut World, tenant: &str, ask: &Value, create: bool) -> Checked {
    paper(world, tenant, ask, create, &CREDIT_NOTE)
}

pub fn paper(world: &mut World, tenant: &str, ask: &Value, create: bool, of: &Paper) -> Checked {
    match named_before(world, tenant, ask, create, of)? {
        Some(before) => change(world, tenant, ask, &before, of),
        None => new_paper(world, tenant, ask, of),
    }
}

/// The document that the ask names by its id or number.
fn named_before(
    world: &World,
    tenant: &str,
    ask: &Value,
    create: bool,
    of: &Paper,
) -> Result<Option<Value>, Vec<String>> {
    let with = |name: &str, text: &str| -> Option<Value> {
        let mut mine = world
            .all(of.kind)
            .into_iter()
            .filter(|item| item.account == tenant);
        mine.find(|item| {
            item.body[name]
                .as_str()
                .is_some_and(|t| t.eq_ignore_ascii_case(text))
        })
        .map(|item| item.body.clone())
    };
    let by_id = ask[of.id].as_str().and_then(|id| with(of.id, id));
    if ask[of.id].is_string() && by_id.is_none() {
        return Err(one("The document with the specified id does not exist"));
    }
    let by_number = ask[of.number]
        .as_str()
        .and_then(|number| with(of.number, number));
    let live = by_number
        .as_ref()
        .is_some_and(|b| b["Status"] != "DELETED" && b["Status"] != "VOIDED");
    if create && live && by_id.is_none() {
        return Err(one(format!(
            "{} # must be unique.",
            if of.prefix == "INV" {
                "Invoice"
            } else {
                "Credit Note"
            }
        )));
    }
    Ok(by_id.or(by_number.filter(|_| live)))
}

fn new_paper(world: &mut World, tenant: &str, ask: &Value, of: &Paper) -> Checked {
    if !ask["Type"].is_string() {
        return Err(one("Type must be specified"));
    }
    let contact = contact_of(world, tenant, ask)?;
    let status = ask["Status"].as_str().unwrap_or("DRAFT").to_string();
    let sums = lines(ask, &status)?;
    let day = match &ask["Date"] {
        Value::Null => date(&json!(stamp(world.now, "%F"))),
        given => date(given),
    };
    let (day, day_text) = day.ok_or_else(|| one("Date is not a valid date"))?;
    let due = date(&ask["DueDate"]);
    if of.prefix == "INV" && due.is_none() && (status == "AUTHORISED" || !ask["DueDate"].is_null())
    {
        return Err(one(
            "DueDate must be a valid date, and is required to approve an invoice",
        ));
    }
    let id = world.uuid();
    let title = match ask[of.number].as_str() {
        Some(number) if number.chars().count() <= 255 => number.to_string(),
        Some(_) => return Err(one("The number must be at most 255 characters long")),
        None => format!("{}-{:04}", of.prefix, world.all(of.kind).len() + 1),
    };
    let total = sums.total;
    let mut body = json!({of.id: id, of.number: title, "Type": ask["Type"],
        "Contact": {"ContactID": contact["ContactID"], "Name": contact["Name"]},
        "LineItems": sums.lines, "LineAmountTypes": sums.kind, "Status": status,
        "Date": day, "DateString": day_text, "SubTotal": number(total - sums.tax),
        "TotalTax": number(sums.tax), "Total": number(total),
        "CurrencyCode": ask["CurrencyCode"].as_str().unwrap_or("EUR"),
        "CurrencyRate": ask["CurrencyRate"].as_number().map_or(json!(1), |rate| json!(rate)),
        "SentToContact": ask["SentToContact"].as_bool().unwrap_or(false),
        "HasAttachments": false, "HasErrors": false, "Payments": []});
    if of.prefix == "INV" {
        body["AmountDue"] = number(total);
        body["AmountPaid"] = json!(0);
        body["AmountCredited"] = json!(0);
        body["CreditNotes"] = json!([]);
    } else {
        body["RemainingCredit"] = number(total);
        body["Allocations"] = json!([]);
    }
    if let Some((due, text)) = due {
        body["DueDate"] = json!(due);
        body["DueDateString"] = json!(text);
    }
    body["Reference"] = json!(ask["Reference"].as_str().unwrap_or(""));
    body["UpdatedDateUTC"] = json!(msdate(world.now));
    world.put(of.kind, tenant, &id, body.clone());
    tell(world, tenant, of.category, "CREATE", &id);
    Ok(body)
}

/// An existing document: its references and its status may change, drafts change whole.
pub fn change(world: &mut World, tenant: &str, ask: &Value, before: &Value, of: &Paper) -> Checked {
    let id = before[of.id].as_str().unwrap_or("").to_string();
    let (was, wants) = (
        before["Status"].as_str().unwrap_or(""),
        ask["Status"].as_str(),
    );
    let mut changes = json!({"UpdatedDateUTC": msdate(world.now)});
    match (was, wants) {
        ("PAID" | "VOIDED" | "DELETED", _) => {
            return Err(one("The document is not of valid status for modification"));
        }
        ("DRAFT" | "SUBMITTED", Some("VOIDED")) | ("AUTHORISED", Some("DELETED" | "DRAFT")) => {
            return Err(one(format!(
                "A document that is {was} can not become {}",
                wants.unwrap_or("")
            )));
        }
        (_, Some("VOIDED"))
            if before["Payments"]
                .as_array()
                .is_some_and(|paid| !paid.is_empty())
                || before["Allocations"]
                    .as_array()
                    .is_some_and(|some| !some.is_empty()) =>
        {
            return Err(one(
                "The document has payments or allocations and can not be voided",
            ));
        }
        (_, Some(status)) => changes["Status"] = json!(status),
        _ => {}
    }
    if was != "AUTHORISED" && ask["LineItems"].is_array() {
        let sums = lines(ask, wants.unwrap_or(was))?;
        changes["LineItems"] = sums.lines;
        changes["Total"] = number(sums.total);
        changes["TotalTax"] = number(sums.tax);
        changes["SubTotal"] = number(sums.total - sums.tax);
        let open = if of.prefix == "INV" {
            "AmountDue"
        } else {
            "RemainingCredit"
        };
        changes[open] = number(sums.total);
    } else if was == "AUTHORISED" && ask["LineItems"].is_array() {
        let same = lines(ask, was)?.total == amount(&before["Total"]);
        if !same {
            return Err(one(
                "The lines of an approved document can not change its total here",
            ));
        }
    }
    for name in ["Reference", "SentToContact", of.number] {
        if !ask[name].is_null() {
            changes[name] = ask[name].clone();
        }
    }
    if changes["Status"] == "VOIDED" {
        changes[if of.prefix == "INV" {
            "AmountDue"
        } else {
            "RemainingCredit"
        }] = json!(0);
    }
    world.set(of.kind, &id, changes);
    tell(world, tenant, of.category, "UPDATE", &id);
    Ok(world.body(of.kind, &id))
}

pub struct Sums {
    lines: Value,
    kind: String,
    tax: Decimal,
    total: Decimal,
}

/// Percent of a tax type; None for one that the organisation does not have.
pub fn rate(tax_type: &str) -> Option<Decimal> {
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
    if let Some(code) = text("AccountCode").filter(|code| !known_account(code)) {
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
