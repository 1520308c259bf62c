//! The books of a tenant: contacts, invoices, credit notes, payments and allocations, with the
//! arithmetic that Xero does itself. Amounts are exact decimals.

use super::{Checked, msdate, tell};
use crate::world::World;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use std::str::FromStr;

fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    Decimal::from_str(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
}

fn amount(value: &Value) -> Decimal {
    decimal(value).unwrap_or_default()
}

fn number(value: Decimal) -> Value {
    // A decimal's text is a JSON number.
    serde_json::from_str(&value.normalize().to_string()).unwrap_or_default()
}

fn cents(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

pub fn same_number(a: &Value, b: &Value) -> bool {
    decimal(a).is_some() && decimal(a) == decimal(b)
}

fn one(message: impl Into<String>) -> Vec<String> {
    vec![message.into()]
}

/// A date of a request, as the reply writes it.
fn date(value: &Value) -> Option<(String, String)> {
    let text = value.as_str()?;
    let day: jiff::civil::Date = text.get(..10).unwrap_or(text).parse().ok()?;
    let at = day
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_millisecond();
    Some((msdate(at), format!("{day}T00:00:00")))
}

pub fn accounts() -> Value {
    let account = |code: &str, name: &str, kind: &str, class: &str, payments: bool| {
        json!({"Code": code, "Name": name, "Type": kind, "Class": class, "Status": "ACTIVE",
            "AccountID": account_id(code), "EnablePaymentsToAccount": payments})
    };
    json!([
        account("090", "Business Bank Account", "BANK", "ASSET", true),
        account("200", "Sales", "REVENUE", "REVENUE", false),
        account("610", "Accounts Receivable", "CURRENT", "ASSET", false)
    ])
}

fn account_id(code: &str) -> String {
    format!("00000000-0000-4000-8000-{code:0>12}")
}

/// A chart of accounts may hold any short code; these two shapes it never holds.
fn known_account(code: &str) -> bool {
    (1..=10).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

// ---- contacts ----

pub fn contact(world: &mut World, tenant: &str, ask: &Value, create: bool) -> Checked {
    let all = |world: &World| -> Vec<Value> {
        let items = world
            .all("xero.contact")
            .into_iter()
            .filter(|item| item.account == tenant);
        items.map(|item| item.body.clone()).collect()
    };
    let same = |name: &str, body: &Value| {
        ask[name].as_str().is_some_and(|text| {
            body[name]
                .as_str()
                .is_some_and(|other| other.eq_ignore_ascii_case(text))
        })
    };
    let found = all(world).into_iter().find(|body| {
        same("ContactID", body) || (!create && (same("ContactNumber", body) || same("Name", body)))
    });
    if ask["ContactID"].is_string() && found.is_none() {
        return Err(one("The contact with the specified id does not exist"));
    }
    let id = found
        .as_ref()
        .and_then(|body| body["ContactID"].as_str())
        .map(str::to_string);
    let clash = all(world)
        .into_iter()
        .any(|body| body["ContactID"].as_str() != id.as_deref() && same("Name", &body));
    let name = ask["Name"]
        .as_str()
        .or(found.as_ref().and_then(|body| body["Name"].as_str()));
    let Some(name) = name.filter(|name| !name.is_empty() && name.chars().count() <= 255) else {
        return Err(one(
            "The contact name must be specified and at most 255 characters long.",
        ));
    };
    if clash {
        return Err(one(format!(
            "The contact name {name} is already assigned to another contact. \
            The contact name must be unique across all active contacts."
        )));
    }
    let id = match id {
        Some(id) => id,
        None => {
            let id = world.uuid();
            let fresh = json!({"ContactID": id, "ContactStatus": "ACTIVE", "Name": name,
                "IsCustomer": false, "IsSupplier": false, "Addresses": [], "Phones": [],
                "ContactGroups": [], "ContactPersons": [], "HasAttachments": false,
                "HasValidationErrors": false});
            world.put("xero.contact", tenant, &id, fresh);
            id
        }
    };
    let mut changes = given(ask);
    changes["UpdatedDateUTC"] = json!(msdate(world.now));
    world.set("xero.contact", &id, changes);
    Ok(world.body("xero.contact", &id))
}

/// The fields that an ask really gives.
fn given(ask: &Value) -> Value {
    let fields = ask
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null());
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The contact that a document names: by id, or by a name that is new if need be.
fn contact_of(world: &mut World, tenant: &str, ask: &Value) -> Checked {
    let contact = &ask["Contact"];
    if let Some(id) = contact["ContactID"].as_str() {
        let found = world
            .get("xero.contact", tenant, &id.to_lowercase())
            .cloned();
        return found.ok_or_else(|| one("The contact with the specified id does not exist"));
    }
    if !contact["Name"].is_string() && !contact["ContactNumber"].is_string() {
        return Err(one(
            "A Contact must be specified for this type of transaction",
        ));
    }
    self::contact(world, tenant, contact, false)
}

// ---- invoices and credit notes ----

/// What an invoice and a credit note differ in.
struct Paper {
    kind: &'static str,
    id: &'static str,
    number: &'static str,
    prefix: &'static str,
    category: &'static str,
}

const INVOICE: Paper = Paper {
    kind: "xero.invoice",
    id: "InvoiceID",
    number: "InvoiceNumber",
    prefix: "INV",
    category: "INVOICE",
};
const CREDIT_NOTE: Paper = Paper {
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

fn paper(world: &mut World, tenant: &str, ask: &Value, create: bool, of: &Paper) -> Checked {
    let number_given = ask[of.number].as_str().map(str::to_string);
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
    let by_number = number_given
        .as_deref()
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
    let before = by_id.or(by_number.filter(|_| live));
    if let Some(before) = &before {
        return change(world, tenant, ask, before, of);
    }
    if !ask["Type"].is_string() {
        return Err(one("Type must be specified"));
    }
    let contact = contact_of(world, tenant, ask)?;
    let status = ask["Status"].as_str().unwrap_or("DRAFT").to_string();
    let sums = lines(ask, &status)?;
    let day = match &ask["Date"] {
        Value::Null => date(&json!(crate::wire::stamp(world.now, "%F"))),
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
    let title = match number_given {
        Some(number) if number.chars().count() <= 255 => number,
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
fn change(world: &mut World, tenant: &str, ask: &Value, before: &Value, of: &Paper) -> Checked {
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

struct Sums {
    lines: Value,
    kind: String,
    tax: Decimal,
    total: Decimal,
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

fn lines(ask: &Value, status: &str) -> Result<Sums, Vec<String>> {
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
                "The line total {given} does not match the expected line \
                total {line}"
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
            continue;
        };
        let hundred = Decimal::ONE_HUNDRED;
        let expected = match kind.as_str() {
            "NoTax" => Decimal::ZERO,
            "Inclusive" => cents(line * percent / (hundred + percent)),
            _ => cents(line * percent / hundred),
        };
        let tax = decimal(&item["TaxAmount"]).unwrap_or(expected);
        if kind == "NoTax" && !tax.is_zero() {
            messages.push("A document without tax can not have a TaxAmount".into());
        }
        tax_sum += tax;
        line_sum += line;
        let mut line_written = given(item);
        line_written["LineAmount"] = number(line);
        line_written["TaxAmount"] = number(tax);
        line_written["TaxType"] = json!(tax_type);
        line_written["Quantity"] = number(quantity);
        line_written["UnitAmount"] = number(unit);
        line_written["Tracking"] = json!([]);
        written.push(line_written);
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

// ---- payments and allocations ----

fn named<'a>(world: &'a World, tenant: &str, ask: &Value, of: &Paper) -> Option<&'a Value> {
    let mine = world
        .all(of.kind)
        .into_iter()
        .filter(|item| item.account == tenant);
    let same = |name: &str, body: &Value| {
        ask[name].as_str().is_some_and(|text| {
            body[name]
                .as_str()
                .is_some_and(|other| other.eq_ignore_ascii_case(text))
        })
    };
    mine.map(|item| &item.body)
        .find(|body| same(of.id, body) || same(of.number, body))
}

pub fn payment(world: &mut World, tenant: &str, ask: &Value, create: bool) -> Checked {
    if let Some(id) = ask["PaymentID"].as_str().filter(|_| !create) {
        return delete_payment(world, tenant, &id.to_lowercase(), ask);
    }
    let (of, open) = match (&ask["Invoice"], &ask["CreditNote"]) {
        (Value::Object(_), Value::Null) => (&INVOICE, "AmountDue"),
        (Value::Null, Value::Object(_)) => (&CREDIT_NOTE, "RemainingCredit"),
        _ => {
            return Err(one(
                "A payment must be for exactly one invoice or credit note",
            ));
        }
    };
    let place = if of.prefix == "INV" {
        "Invoice"
    } else {
        "CreditNote"
    };
    let found = named(world, tenant, &ask[place], of).cloned();
    let document = found.ok_or_else(|| one(format!("{place} could not be found")))?;
    if document["Status"] != "AUTHORISED" {
        return Err(one(format!("{place} not of valid status for modification")));
    }
    let code = ask["Account"]["Code"]
        .as_str()
        .or(ask["Account"]["AccountID"].as_str());
    let Some(code) = code.filter(|code| known_account(code) || code.len() == 36) else {
        return Err(one(
            "Account could not be found, or does not allow payments",
        ));
    };
    let (day, _) = date(&ask["Date"]).ok_or_else(|| one("Date must be specified"))?;
    let sum = amount(&ask["Amount"]);
    if sum <= Decimal::ZERO || sum.scale() > 2 {
        return Err(one(
            "Payment amount must be greater than zero, with two decimal places",
        ));
    }
    if sum > amount(&document[open]) {
        return Err(one(
            "Payment amount exceeds the amount outstanding on this document",
        ));
    }
    let id = world.uuid();
    let kind = if of.prefix == "INV" {
        "ACCRECPAYMENT"
    } else {
        "ARCREDITPAYMENT"
    };
    let account = match code.len() {
        36 => json!({"AccountID": code}),
        _ => json!({"AccountID": account_id(code), "Code": code}),
    };
    let body = json!({"PaymentID": id, "Date": day, "Amount": number(sum),
        "BankAmount": number(sum), "CurrencyRate": 1, "Status": "AUTHORISED",
        "Reference": ask["Reference"].as_str().unwrap_or(""), "PaymentType": kind,
        "IsReconciled": ask["IsReconciled"].as_bool().unwrap_or(false), "Account": account,
        place: {of.id: document[of.id], of.number: document[of.number],
            "Type": document["Type"], "Contact": document["Contact"]},
        "HasAccount": true, "HasValidationErrors": false, "UpdatedDateUTC": msdate(world.now)});
    world.put("xero.payment", tenant, &id, body.clone());
    let paper = document[of.id].as_str().unwrap_or("").to_string();
    if let Some(item) = world.item_mut(of.kind, &paper) {
        let short = json!({"PaymentID": id, "Date": day, "Amount": number(sum),
            "Reference": body["Reference"]});
        if let Some(paid) = item.body["Payments"].as_array_mut() {
            paid.push(short);
        }
    }
    move_open(world, tenant, of, &paper, open, "AmountPaid", sum);
    Ok(body)
}

/// Takes `sum` from what is open on a document, adds it where it was settled, and sets the status
/// that follows; a negative sum gives it back.
fn move_open(
    world: &mut World,
    tenant: &str,
    of: &Paper,
    id: &str,
    open: &str,
    settled: &str,
    sum: Decimal,
) {
    let body = world.body(of.kind, id);
    let left = amount(&body[open]) - sum;
    let mut changes = json!({open: number(left), "UpdatedDateUTC": msdate(world.now),
        "Status": if left.is_zero() { "PAID" } else { "AUTHORISED" }});
    if of.prefix == "INV" {
        changes[settled] = number(amount(&body[settled]) + sum);
    }
    world.set(of.kind, id, changes);
    tell(world, tenant, of.category, "UPDATE", id);
}

fn delete_payment(world: &mut World, tenant: &str, id: &str, ask: &Value) -> Checked {
    let found = world.get("xero.payment", tenant, id).cloned();
    let body = found.ok_or_else(|| one("Payment could not be found"))?;
    if ask["Status"] != "DELETED" || body["Status"] == "DELETED" {
        return Err(one("A payment can only be deleted, and only once"));
    }
    world.set(
        "xero.payment",
        id,
        json!({"Status": "DELETED", "UpdatedDateUTC": msdate(world.now)}),
    );
    let (of, open, place) = match body["Invoice"].is_object() {
        true => (&INVOICE, "AmountDue", "Invoice"),
        false => (&CREDIT_NOTE, "RemainingCredit", "CreditNote"),
    };
    let paper = body[place][of.id].as_str().unwrap_or("").to_string();
    if let Some(item) = world.item_mut(of.kind, &paper)
        && let Some(paid) = item.body["Payments"].as_array_mut()
    {
        paid.retain(|one| one["PaymentID"] != id);
    }
    move_open(
        world,
        tenant,
        of,
        &paper,
        open,
        "AmountPaid",
        -amount(&body["Amount"]),
    );
    Ok(world.body("xero.payment", id))
}

pub fn allocate(world: &mut World, tenant: &str, note: &str, ask: &Value) -> Checked {
    let credit = world.body(CREDIT_NOTE.kind, note);
    let found = named(world, tenant, &ask["Invoice"], &INVOICE).cloned();
    let invoice = found.ok_or_else(|| one("Invoice could not be found"))?;
    if credit["Status"] != "AUTHORISED" || invoice["Status"] != "AUTHORISED" {
        return Err(one(
            "Both documents must be approved and open for an allocation",
        ));
    }
    if credit["Contact"]["ContactID"] != invoice["Contact"]["ContactID"] {
        return Err(one(
            "The credit note and the invoice are for different contacts",
        ));
    }
    let (day, _) = date(&ask["Date"]).ok_or_else(|| one("Date is not a valid date"))?;
    let sum = amount(&ask["Amount"]);
    if sum <= Decimal::ZERO {
        return Err(one("Amount must be greater than zero"));
    }
    if sum > amount(&credit["RemainingCredit"]) || sum > amount(&invoice["AmountDue"]) {
        return Err(one(
            "The amount exceeds the credit that remains, or what the invoice owes",
        ));
    }
    let invoice_id = invoice["InvoiceID"].as_str().unwrap_or("").to_string();
    let body = json!({"AllocationID": world.uuid(), "Amount": number(sum), "Date": day,
        "IsDeleted": false, "Invoice": {"InvoiceID": invoice_id,
            "InvoiceNumber": invoice["InvoiceNumber"]}});
    if let Some(item) = world.item_mut(CREDIT_NOTE.kind, note)
        && let Some(all) = item.body["Allocations"].as_array_mut()
    {
        all.push(body.clone());
    }
    move_open(
        world,
        tenant,
        &CREDIT_NOTE,
        note,
        "RemainingCredit",
        "AmountPaid",
        sum,
    );
    move_open(
        world,
        tenant,
        &INVOICE,
        &invoice_id,
        "AmountDue",
        "AmountCredited",
        sum,
    );
    Ok(body)
}

/// `pay/{invoice}` `{amount}` in minor units: the clinic enters a payment in Xero itself.
pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    let ["pay", id] = verb else {
        return Err("Xero knows pay/{invoice}".into());
    };
    let tenant = world
        .account_of(INVOICE.kind, id)
        .ok_or("no such invoice")?;
    let due = amount(&world.body(INVOICE.kind, id)["AmountDue"]);
    let sum = ask["amount"]
        .as_i64()
        .map_or(due, |cents| Decimal::new(cents, 2));
    let today = crate::wire::stamp(world.now, "%F");
    let ask = json!({"Invoice": {"InvoiceID": id}, "Account": {"Code": "090"}, "Date": today,
        "Amount": number(sum), "Reference": "entered in Xero"});
    payment(world, &tenant, &ask, true).map_err(|messages| messages.join("; "))
}
