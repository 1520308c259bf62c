//! Credit notes that settle invoices: an allocation takes from both what is open on them.

use super::books::{amount, date, number, one};
use super::documents::{CREDIT_NOTE, INVOICE};
use super::payments::{move_open, named};
use super::replies::Checked;
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// Applies credit of the note with this id to the invoice that the ask names.
pub fn allocate(world: &mut World, tenant: &str, note: &str, ask: &Value) -> Checked {
    let credit = world.body(CREDIT_NOTE.kind, note);
    let found = named(world, tenant, &ask["Invoice"], &INVOICE).cloned();
    let invoice = found.ok_or_else(|| one("Invoice could not be found"))?;
    let (day, day_text) = date(&ask["Date"]).ok_or_else(|| one("Date is not a valid date"))?;
    let sum = amount(&ask["Amount"]);
    let refused = refusals(&credit, &invoice, sum);
    if !refused.is_empty() {
        return Err(refused);
    }
    let body = json!({"AllocationID": world.uuid(), "Amount": number(sum), "Date": day,
        "IsDeleted": false, "Invoice": {"InvoiceID": invoice["InvoiceID"],
            "InvoiceNumber": invoice["InvoiceNumber"]}});
    list(world, CREDIT_NOTE.kind, note, "Allocations", body.clone());
    let applied = json!({"CreditNoteID": note, "CreditNoteNumber": credit["CreditNoteNumber"],
        "AppliedAmount": number(sum), "Date": day, "DateString": day_text,
        "Total": credit["Total"], "HasErrors": false});
    let invoice = invoice["InvoiceID"].as_str().unwrap_or("").to_string();
    list(world, INVOICE.kind, &invoice, "CreditNotes", applied);
    move_open(world, tenant, &CREDIT_NOTE, note, "AppliedAmount", sum);
    move_open(world, tenant, &INVOICE, &invoice, "AmountCredited", sum);
    let mut shown = body;
    shown["CreditNote"] = json!({"CreditNoteID": note,
        "CreditNoteNumber": credit["CreditNoteNumber"]});
    Ok(shown)
}

fn list(world: &mut World, kind: &'static str, id: &str, name: &str, entry: Value) {
    if let Some(item) = world.item_mut(kind, id)
        && let Some(all) = item.body[name].as_array_mut()
    {
        all.push(entry);
    }
}

/// Why the credit can not go to the invoice. The words of a paid invoice and of too large an amount
/// are Xero's as developers quote them; those of the other refusals are unverified.
fn refusals(credit: &Value, invoice: &Value, sum: Decimal) -> Vec<String> {
    let same = |path: &str| credit.pointer(path) == invoice.pointer(path);
    let of_one_side = matches!(
        (credit["Type"].as_str(), invoice["Type"].as_str()),
        (Some("ACCRECCREDIT"), Some("ACCREC")) | (Some("ACCPAYCREDIT"), Some("ACCPAY"))
    );
    let open = |document: &Value| matches!(document["Status"].as_str(), Some("AUTHORISED"));
    let paid = invoice["Status"] == "PAID";
    let too_much = sum > amount(&credit["RemainingCredit"]) || sum > amount(&invoice["AmountDue"]);
    let checks = [
        (
            paid,
            "The invoice you are trying to allocate to has already been paid off",
        ),
        (
            !paid && !open(invoice),
            "Invoice not of valid status for allocation",
        ),
        (
            !open(credit),
            "Credit Note not of valid status for allocation",
        ),
        (
            !of_one_side,
            "Credit Note cannot be allocated to an incorrect invoice type",
        ),
        (
            !same("/Contact/ContactID"),
            "Credit Note cannot be allocated to an invoice of a different contact",
        ),
        (
            !same("/CurrencyCode"),
            "Credit Note cannot be allocated to an invoice in a different currency",
        ),
        (
            sum <= Decimal::ZERO || sum.normalize().scale() > 2,
            "Amount must be greater than zero, with two decimal places",
        ),
        (
            too_much,
            "Credit Note cannot be allocated as amount is greater than amount outstanding",
        ),
    ];
    let refused = checks.into_iter().filter(|(wrong, _)| *wrong);
    refused.map(|(_, words)| words.to_string()).collect()
}
