//! What has lines at Xero: invoices and credit notes with their states, and money received or spent
//! at a bank account without an invoice.

use super::accounts::{account, is_bank, takes_lines};
use super::contacts::contact_of;
use super::resource::{INVOICE, LOOKS, Resource, date, msdate, tell};
use crate::kit::{Books, Checked, Refusal, Wrong, cents, refuse, refuse_all, same};
use crate::wire::{amount, decimal, number, stamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub fn save(books: &mut Books, of: &Resource, ask: &Value, create: bool) -> Checked {
    let by_id = books.named(of.kind, &[of.id], &ask[of.id]);
    refuse(ask[of.id].is_string() && by_id.is_none(), "no_document")?;
    let by_number = books.named(of.kind, &[of.number], &ask[of.number]);
    let live = by_number.filter(|body| body["Status"] != "DELETED" && body["Status"] != "VOIDED");
    if create && live.is_some() && by_id.is_none() {
        return Err(of.because("number_taken").into());
    }
    match by_id.or(live) {
        Some(before) => change(books, of, ask, &before),
        None => new(books, of, ask),
    }
}

fn new(books: &mut Books, of: &Resource, ask: &Value) -> Checked {
    let status = ask["Status"].as_str().unwrap_or("DRAFT");
    let mut places = lined(books, ask, status)?;
    let (due, is_invoice) = (date(&ask["DueDate"]), of.id == INVOICE.id);
    let needs_due = status == "AUTHORISED" || !ask["DueDate"].is_null();
    refuse(is_invoice && due.is_none() && needs_due, "due")?;
    let prefix = if is_invoice { "INV" } else { "CN" };
    let next = format!("{prefix}-{:04}", books.world.all(of.kind).len() + 1);
    let number = ask[of.number].as_str().unwrap_or(&next);
    refuse(number.chars().count() > 255, "number")?;
    places["due"] = json!(due);
    places["number"] = json!(number);
    let body = of.put(books, &places);
    tell(
        books,
        of,
        body[of.id].as_str().unwrap_or_default(),
        "CREATE",
    );
    Ok(body)
}

/// What shapes need of a new one with lines.
fn lined(books: &mut Books, ask: &Value, status: &str) -> Checked {
    refuse(!ask["Type"].is_string(), "type")?;
    let sums = lines(ask, status)?;
    let today = json!(stamp(books.world.now, "%F"));
    let day = Some(&ask["Date"]).filter(|day| !day.is_null());
    let day = date(day.unwrap_or(&today)).ok_or("date")?;
    let contact = contact_of(books, ask)?;
    let (id, now) = (books.world.uuid(), msdate(books.world.now));
    Ok(
        json!({"id": id, "ask": ask, "status": status, "sums": sums, "day": day,
        "contact": contact, "now": now}),
    )
}

/// An existing document: its references and its status may change, drafts change whole.
fn change(books: &mut Books, of: &Resource, ask: &Value, before: &Value) -> Checked {
    let was = before["Status"].as_str().unwrap_or_default();
    let wants = ask["Status"].as_str().unwrap_or(was);
    // Unverified: Xero may refuse this instead.
    if of.id == INVOICE.id && was == "VOIDED" && ask["Status"] == "VOIDED" {
        return Ok(before.clone());
    }
    may_change(of, before, was, wants)?;
    let mut changes = json!({});
    if was == "AUTHORISED" && ask["LineItems"].is_array() {
        let total = lines(ask, was)?["Total"].clone();
        refuse(!same(&total, &before["Total"]), "other_total")?;
    } else if ask["LineItems"].is_array() {
        changes = lines(ask, wants)?;
        changes[of.open] = changes["Total"].clone();
    } else if was != "AUTHORISED" {
        // What a draft may leave open must be there by now.
        lines(before, wants)?;
    }
    changes["UpdatedDateUTC"] = json!(msdate(books.world.now));
    for name in ["Status", "Reference", "SentToContact", of.number] {
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
fn may_change(of: &Resource, before: &Value, was: &str, wants: &str) -> Result<(), Wrong> {
    let mut lists = ["Payments", "CreditNotes", "Allocations"].into_iter();
    let settled = lists.any(|name| !before[name].as_array().is_none_or(Vec::is_empty));
    let over = matches!(
        (was, wants),
        ("PAID" | "VOIDED" | "DELETED", _)
            | ("DRAFT" | "SUBMITTED", "VOIDED")
            | ("AUTHORISED", "DELETED" | "DRAFT" | "SUBMITTED")
    );
    let kept = settled && (over || wants == "VOIDED");
    refuse_all(vec![(over, of.because("status")), (kept, "settled".into())])
}

/// Enters a new bank transaction, or deletes the one whose id the ask names. The words of the
/// contact are the contract's; those of the other refusals are unverified.
pub fn bank_transaction(books: &mut Books, of: &Resource, ask: &Value, _: bool) -> Checked {
    if ask[of.id].is_string() {
        return delete(books, of, ask);
    }
    let status = ask["Status"].as_str().unwrap_or("AUTHORISED");
    refuse(status != "AUTHORISED", "new_status")?;
    let account = account(&ask["BankAccount"], is_bank).ok_or("no_bank")?;
    let mut places = lined(books, ask, status)?;
    let total = amount(&places["sums"]["Total"]);
    refuse(total <= Decimal::ZERO, "no_total")?;
    places["account"] = account;
    Ok(of.put(books, &places))
}

/// Marks one as deleted. Unverified: Xero's words, and that one which is deleted can not be deleted
/// again.
pub fn delete(books: &mut Books, of: &Resource, ask: &Value) -> Checked {
    let found = books.named(of.kind, &[of.id], &ask[of.id]);
    let before = found.ok_or("no_document")?;
    let again = before["Status"] == "DELETED";
    refuse(again || ask["Status"] != "DELETED", "only_deleted")?;
    let fixed = before["BankAccount"].is_object() && before["IsReconciled"] == true;
    refuse(fixed, "reconciled")?;
    let gone = json!({"Status": "DELETED", "UpdatedDateUTC": msdate(books.world.now)});
    let id = before[of.id].as_str().unwrap_or_default();
    Ok(books.change(of.kind, id, gone))
}

/// What the lines of a document come to, in its fields.
fn lines(ask: &Value, status: &str) -> Checked {
    let kind = ask["LineAmountTypes"].as_str().unwrap_or("Exclusive");
    let approved = matches!(status, "AUTHORISED" | "SUBMITTED");
    let (mut read, mut why) = (Vec::new(), Vec::new());
    for item in ask["LineItems"].as_array().into_iter().flatten() {
        match line(item, kind, approved) {
            Ok(line) => read.push(line),
            Err(Wrong(more)) => why.extend(more),
        }
    }
    if !why.is_empty() {
        return Err(Wrong(why));
    }
    refuse(read.is_empty() && approved, "no_lines")?;
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

/// One line as the document shows it.
fn line(item: &Value, kind: &str, approved: bool) -> Checked {
    let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
    let quantity = decimal(&item["Quantity"]).unwrap_or(Decimal::ONE);
    let (unit, hundred) = (amount(&item["UnitAmount"]), Decimal::ONE_HUNDRED);
    let discount = Decimal::ONE - amount(&item["DiscountRate"]) / hundred;
    let sum = cents(quantity * unit * discount);
    let named = json!({"Code": text("AccountCode"), "AccountID": text("AccountID")});
    let (account, code) = (
        account(&named, takes_lines),
        text("AccountCode").or(text("AccountID")),
    );
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
    refuse_all(vec![
        (unit.scale() > 4, "unit".into()),
        (told != sum, Refusal::With("line_total", totals)),
        (
            approved && text("Description").is_none(),
            "description".into(),
        ),
        (approved && code.is_none(), "no_code".into()),
        (
            code.is_some() && account.is_none(),
            Refusal::With("code", json!({"code": code})),
        ),
        (
            rate.is_null(),
            Refusal::With("tax_type", json!({"code": tax_type})),
        ),
        (kind == "NoTax" && !tax.is_zero(), "no_tax".into()),
    ])?;
    let places = json!({"item": item, "account": account, "sum": number(sum), "tax": number(tax),
        "tax_type": tax_type, "quantity": number(quantity), "unit": number(unit)});
    Ok(LOOKS.shape("line", &places))
}
