//! What has lines at Xero: invoices and credit notes with their states, and money received or spent
//! at a bank account without an invoice.

use super::accounts::{account, is_bank, takes_lines};
use super::contacts::contact_of;
use super::resource::{Checked, INVOICE, LOOKS, Resource, date, day, given, msdate, no};
use super::tell;
use crate::kit::{Books, Refusal, cents, same, wrong};
use crate::wire::{amount, decimal, number};
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub fn save(books: &mut Books, of: &Resource, ask: &Value, create: bool) -> Checked {
    let by_id = books.named(of.kind, &[of.id], &ask[of.id]);
    if ask[of.id].is_string() && by_id.is_none() {
        return Err(no("no_document"));
    }
    let by_number = books.named(of.kind, &[of.number], &ask[of.number]);
    let live = by_number.filter(|body| body["Status"] != "DELETED" && body["Status"] != "VOIDED");
    if create && live.is_some() && by_id.is_none() {
        return Err(titled("number_taken", of));
    }
    match by_id.or(live) {
        Some(before) => change(books, of, ask, &before),
        None => new(books, of, ask),
    }
}

fn titled(reason: &'static str, of: &Resource) -> Vec<Refusal> {
    vec![Refusal::With(reason, json!({"title": of.title}))]
}

fn new(books: &mut Books, of: &Resource, ask: &Value) -> Checked {
    let status = ask["Status"].as_str().unwrap_or("DRAFT");
    let mut places = lined(books, ask, status)?;
    let due = date(&ask["DueDate"]);
    let invoice = of.one == INVOICE.one;
    let needs_due = status == "AUTHORISED" || !ask["DueDate"].is_null();
    if invoice && due.is_none() && needs_due {
        return Err(no("due"));
    }
    let prefix = if invoice { "INV" } else { "CN" };
    let count = books.world.all(of.kind).len();
    let number = ask[of.number].as_str().map(str::to_string);
    let number = number.unwrap_or_else(|| format!("{prefix}-{:04}", count + 1));
    if number.chars().count() > 255 {
        return Err(no("number"));
    }
    places["due"] = json!(due);
    places["number"] = json!(number);
    let body = put(books, of, &places);
    let id = body[of.id].as_str().unwrap_or_default();
    tell(books, of, id, "CREATE");
    Ok(body)
}

/// What shapes need of a new one with lines.
fn lined(books: &mut Books, ask: &Value, status: &str) -> Checked {
    if !ask["Type"].is_string() {
        return Err(no("type"));
    }
    let sums = lines(ask, status)?;
    let day = day(books.world.now, &ask["Date"])?;
    let contact = contact_of(books, ask)?;
    let (id, now) = (books.world.uuid(), msdate(books.world.now));
    Ok(
        json!({"id": id, "ask": ask, "status": status, "sums": sums, "day": day,
        "contact": contact, "now": now}),
    )
}

/// Files a new one in its shape.
pub fn put(books: &mut Books, of: &Resource, places: &Value) -> Value {
    let body = LOOKS.shape(of.one, places);
    let id = body[of.id].as_str().unwrap_or_default();
    books.world.put(of.kind, books.account, id, body.clone());
    body
}

/// An existing document: its references and its status may change, drafts change whole.
fn change(books: &mut Books, of: &Resource, ask: &Value, before: &Value) -> Checked {
    let was = before["Status"].as_str().unwrap_or_default();
    let wants = ask["Status"].as_str().unwrap_or(was);
    // Unverified: Xero may refuse this instead.
    if of.one == INVOICE.one && (was, &ask["Status"]) == ("VOIDED", &json!("VOIDED")) {
        return Ok(before.clone());
    }
    may_change(of, before, was, wants)?;
    let approved = was == "AUTHORISED";
    let mut changes = match (approved, ask["LineItems"].is_array()) {
        (false, true) => {
            let mut sums = lines(ask, wants)?;
            sums[of.open] = sums["Total"].clone();
            sums
        }
        (true, true) if !same(&lines(ask, was)?["Total"], &before["Total"]) => {
            return Err(no("other_total"));
        }
        // What a draft may leave open must be there by now.
        (false, false) if wants != was => lines(before, wants).map(|_| json!({}))?,
        _ => json!({}),
    };
    changes["UpdatedDateUTC"] = json!(msdate(books.world.now));
    changes["Status"] = json!(wants);
    for name in ["Reference", "SentToContact", of.number] {
        if !ask[name].is_null() {
            changes[name] = ask[name].clone();
        }
    }
    if wants == "VOIDED" {
        changes[of.open] = json!(0);
    }
    let id = before[of.id].as_str().unwrap_or_default();
    let body = books.change(of.kind, id, changes);
    tell(books, of, id, "UPDATE");
    Ok(body)
}

/// Whether a document in this state takes a change. The words are Xero's as developers quote them
/// of invoices, and unverified of credit notes.
fn may_change(of: &Resource, before: &Value, was: &str, wants: &str) -> Result<(), Vec<Refusal>> {
    let listed = |name: &&str| before[*name].as_array().is_some_and(|all| !all.is_empty());
    let mut lists = ["Payments", "CreditNotes", "Allocations"].iter();
    let settled = lists.any(listed);
    let over = matches!(
        (was, wants),
        ("PAID" | "VOIDED" | "DELETED", _)
            | ("DRAFT" | "SUBMITTED", "VOIDED")
            | ("AUTHORISED", "DELETED" | "DRAFT" | "SUBMITTED")
    );
    let mut why = Vec::new();
    if over {
        why.extend(titled("status", of));
    }
    if settled && (over || wants == "VOIDED") {
        why.extend(no("settled"));
    }
    match why.is_empty() {
        true => Ok(()),
        false => Err(why),
    }
}

/// Enters a new bank transaction, or deletes the one whose id the ask names. The words of the
/// contact are the contract's; those of the other refusals are unverified.
pub fn bank_transaction(books: &mut Books, of: &Resource, ask: &Value, _: bool) -> Checked {
    if ask[of.id].is_string() {
        return delete(books, of, ask);
    }
    if !matches!(ask["Status"].as_str(), None | Some("AUTHORISED")) {
        return Err(no("new_status"));
    }
    let account = account(&ask["BankAccount"], is_bank).ok_or_else(|| no("no_bank"))?;
    let mut places = lined(books, ask, "AUTHORISED")?;
    if amount(&places["sums"]["Total"]) <= Decimal::ZERO {
        return Err(no("no_total"));
    }
    places["account"] = account;
    Ok(put(books, of, &places))
}

/// Marks one as deleted. Unverified: Xero's words, and that one which is deleted can not be deleted
/// again.
pub fn delete(books: &mut Books, of: &Resource, ask: &Value) -> Checked {
    let found = books.named(of.kind, &[of.id], &ask[of.id]);
    let before = found.ok_or_else(|| no("no_document"))?;
    if ask["Status"] != "DELETED" || before["Status"] == "DELETED" {
        return Err(no("only_deleted"));
    }
    if of.one == "BankTransaction" && before["IsReconciled"] == true {
        return Err(no("reconciled"));
    }
    let id = before[of.id].as_str().unwrap_or_default();
    let gone = json!({"Status": "DELETED", "UpdatedDateUTC": msdate(books.world.now)});
    Ok(books.change(of.kind, id, gone))
}

/// What the lines of a document come to, in its fields.
fn lines(ask: &Value, status: &str) -> Checked {
    let kind = ask["LineAmountTypes"].as_str().unwrap_or("Exclusive");
    let approved = matches!(status, "AUTHORISED" | "SUBMITTED");
    let items = ask["LineItems"].as_array().into_iter().flatten();
    let mut why = Vec::new();
    let read: Vec<_> = items
        .map(|item| line(item, kind, approved, &mut why))
        .collect();
    if read.is_empty() && approved {
        why.extend(no("no_lines"));
    }
    if !why.is_empty() {
        return Err(why);
    }
    let sum = |name: &str| read.iter().map(|line| amount(&line[name])).sum::<Decimal>();
    let (lines, tax) = (sum("LineAmount"), sum("TaxAmount"));
    let net = if kind == "Exclusive" {
        lines
    } else {
        lines - tax
    };
    Ok(
        json!({"LineItems": read, "LineAmountTypes": kind, "SubTotal": number(net),
        "TotalTax": number(tax), "Total": number(net + tax)}),
    )
}

/// One line as the document shows it; what is wrong with it is added to `why`.
fn line(item: &Value, kind: &str, approved: bool, why: &mut Vec<Refusal>) -> Value {
    let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
    let quantity = decimal(&item["Quantity"]).unwrap_or(Decimal::ONE);
    let unit = amount(&item["UnitAmount"]);
    let hundred = Decimal::ONE_HUNDRED;
    let discount = Decimal::ONE - amount(&item["DiscountRate"]) / hundred;
    let sum = cents(quantity * unit * discount);
    let named = json!({"Code": text("AccountCode"), "AccountID": text("AccountID")});
    let account = account(&named, takes_lines);
    let code = text("AccountCode").or(text("AccountID"));
    let tax_type = text("TaxType").unwrap_or("NONE");
    let rate = &LOOKS.of("taxes")[tax_type];
    let percent = amount(rate);
    let expected = match kind {
        "NoTax" => Decimal::ZERO,
        "Inclusive" => cents(sum * percent / (hundred + percent)),
        _ => cents(sum * percent / hundred),
    };
    let tax = decimal(&item["TaxAmount"]).unwrap_or(expected);
    let told = decimal(&item["LineAmount"]).unwrap_or(sum);
    let totals = json!({"given": told.to_string(), "expected": sum.to_string()});
    why.extend(wrong(vec![
        (unit.scale() > 4, Refusal::Because("unit")),
        (told != sum, Refusal::With("line_total", totals)),
        (
            approved && text("Description").is_none(),
            Refusal::Because("description"),
        ),
        (approved && code.is_none(), Refusal::Because("no_code")),
        (
            code.is_some() && account.is_none(),
            Refusal::With("code", json!({"code": code})),
        ),
        (
            rate.is_null(),
            Refusal::With("tax_type", json!({"code": tax_type})),
        ),
        (
            kind == "NoTax" && !tax.is_zero(),
            Refusal::Because("no_tax"),
        ),
    ]));
    let mut line = given(item);
    if let Some(account) = account {
        line["AccountCode"] = account["Code"].clone();
        line["AccountID"] = account["AccountID"].clone();
    }
    line["LineAmount"] = number(sum);
    line["TaxAmount"] = number(tax);
    line["TaxType"] = json!(tax_type);
    line["Quantity"] = number(quantity);
    line["UnitAmount"] = number(unit);
    line["Tracking"] = json!([]);
    line
}
