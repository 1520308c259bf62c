//! Money received or spent at a bank account without an invoice.

use super::books::{day, number, one};
use super::chart;
use super::contacts::contact_of;
use super::lines::lines;
use super::replies::{Checked, msdate};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub const KIND: &str = "xero.bank_transaction";

/// Enters a new one, or deletes the one whose id the ask names.
pub fn transaction(world: &mut World, tenant: &str, ask: &Value, _: bool) -> Checked {
    match ask["BankTransactionID"].as_str() {
        Some(id) => delete(world, tenant, &id.to_lowercase(), ask),
        None => enter(world, tenant, ask),
    }
}

/// The words of the contact are the contract's; those of the other refusals are unverified.
fn enter(world: &mut World, tenant: &str, ask: &Value) -> Checked {
    if !ask["Type"].is_string() {
        return Err(one("Type must be specified"));
    }
    if !matches!(ask["Status"].as_str(), None | Some("AUTHORISED")) {
        return Err(one("A new bank transaction must be AUTHORISED"));
    }
    let place = &ask["BankAccount"];
    let account = chart::find(&place["Code"], &place["AccountID"]);
    let Some(account) = account.filter(|account| account.is_bank()) else {
        return Err(one("The BankAccount must be an account of type BANK"));
    };
    let sums = lines(ask, "AUTHORISED")?;
    if sums.total <= Decimal::ZERO {
        return Err(one("The document total must be greater than zero"));
    }
    let (day, day_text) = day(world.now, &ask["Date"])?;
    let names = ["ContactID", "Name", "ContactNumber"];
    if !names.iter().any(|name| ask["Contact"][name].is_string()) {
        return Err(one(
            "The Contact must contain at least 1 of the following elements to identify the \
             contact: Name, ContactID, ContactNumber",
        ));
    }
    let contact = contact_of(world, tenant, ask)?;
    let id = world.uuid();
    let mut body = json!({"BankTransactionID": id, "Type": ask["Type"], "Status": "AUTHORISED",
        "Contact": {"ContactID": contact["ContactID"], "Name": contact["Name"]},
        "BankAccount": account.named(), "LineItems": sums.lines, "LineAmountTypes": sums.kind,
        "IsReconciled": ask["IsReconciled"].as_bool().unwrap_or(false),
        "Date": day, "DateString": day_text, "SubTotal": number(sums.total - sums.tax),
        "TotalTax": number(sums.tax), "Total": number(sums.total),
        "Reference": ask["Reference"].as_str().unwrap_or(""),
        "CurrencyCode": ask["CurrencyCode"].as_str().unwrap_or("EUR"),
        "CurrencyRate": ask["CurrencyRate"].as_number().map_or(json!(1), |rate| json!(rate)),
        "HasAttachments": false, "UpdatedDateUTC": msdate(world.now)});
    if ask["Url"].is_string() {
        body["Url"] = ask["Url"].clone();
    }
    world.put(KIND, tenant, &id, body.clone());
    Ok(body)
}

/// Unverified: Xero's words, and that one which is deleted can not be deleted again.
fn delete(world: &mut World, tenant: &str, id: &str, ask: &Value) -> Checked {
    let found = world.get(KIND, tenant, id).cloned();
    let before = found
        .ok_or_else(|| one("The document with the supplied id was not found for this endpoint."))?;
    if ask["Status"] != "DELETED" || before["Status"] == "DELETED" {
        return Err(one(
            "Bank transaction not of valid status for modification: it can only be deleted, and \
             only once",
        ));
    }
    if before["IsReconciled"] == true {
        return Err(one(
            "This bank transaction cannot be edited as it has been reconciled",
        ));
    }
    let gone = json!({"Status": "DELETED", "UpdatedDateUTC": msdate(world.now)});
    world.set(KIND, id, gone);
    Ok(world.body(KIND, id))
}
