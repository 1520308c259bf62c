//! Invoices and credit notes at Xero, and their states.

use super::books::{amount, date, day, number, one};
use super::contacts::contact_of;
use super::events::tell;
use super::lines::lines;
use super::replies::{Checked, msdate};
use crate::world::World;
use serde_json::{Value, json};

/// What an invoice and a credit note differ in.
pub struct Paper {
    pub kind: &'static str,
    pub id: &'static str,
    pub number: &'static str,
    pub prefix: &'static str,
    /// What Xero's messages call it.
    pub title: &'static str,
    /// Name of what is not settled of it.
    pub open: &'static str,
    pub category: &'static str,
}

pub const INVOICE: Paper = Paper {
    kind: "xero.invoice",
    id: "InvoiceID",
    number: "InvoiceNumber",
    prefix: "INV",
    title: "Invoice",
    open: "AmountDue",
    category: "INVOICE",
};

pub const CREDIT_NOTE: Paper = Paper {
    kind: "xero.credit_note",
    id: "CreditNoteID",
    number: "CreditNoteNumber",
    prefix: "CN",
    title: "Credit Note",
    open: "RemainingCredit",
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
        return Err(one(format!("{} # must be unique.", of.title)));
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
    let (day, day_text) = day(world.now, &ask["Date"])?;
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
    body[of.open] = number(total);
    if of.prefix == "INV" {
        body["AmountPaid"] = json!(0);
        body["AmountCredited"] = json!(0);
        body["CreditNotes"] = json!([]);
    } else {
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
    // Unverified: Xero may refuse this instead.
    if of.prefix == "INV" && (was, wants) == ("VOIDED", Some("VOIDED")) {
        return Ok(before.clone());
    }
    may_change(before, was, wants, of)?;
    let mut changes = json!({"UpdatedDateUTC": msdate(world.now)});
    if let Some(status) = wants {
        changes["Status"] = json!(status);
    }
    if was != "AUTHORISED" && ask["LineItems"].is_array() {
        let sums = lines(ask, wants.unwrap_or(was))?;
        changes["LineItems"] = sums.lines;
        changes["Total"] = number(sums.total);
        changes["TotalTax"] = number(sums.tax);
        changes["SubTotal"] = number(sums.total - sums.tax);
        changes[of.open] = number(sums.total);
    } else if was != "AUTHORISED" && wants.is_some() {
        // What a draft may leave open must be there by now.
        lines(before, wants.unwrap_or(was))?;
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
        changes[of.open] = json!(0);
    }
    world.set(of.kind, &id, changes);
    tell(world, tenant, of.category, "UPDATE", &id);
    Ok(world.body(of.kind, &id))
}

/// Whether a document in this state takes a change. The words are Xero's as developers quote them
/// of invoices, and unverified of credit notes.
fn may_change(
    before: &Value,
    was: &str,
    wants: Option<&str>,
    of: &Paper,
) -> Result<(), Vec<String>> {
    let settled = ["Payments", "CreditNotes", "Allocations"]
        .iter()
        .any(|name| before[name].as_array().is_some_and(|all| !all.is_empty()));
    let over = matches!(
        (was, wants),
        ("PAID" | "VOIDED" | "DELETED", _)
            | ("DRAFT" | "SUBMITTED", Some("VOIDED"))
            | ("AUTHORISED", Some("DELETED" | "DRAFT" | "SUBMITTED"))
    );
    let mut messages = Vec::new();
    if over {
        messages.push(format!("{} not of valid status for modification", of.title));
    }
    if settled && (over || wants == Some("VOIDED")) {
        messages.push(
            "This document cannot be edited as it has a payment or credit note allocated to it."
                .into(),
        );
    }
    match messages.is_empty() {
        true => Ok(()),
        false => Err(messages),
    }
}
