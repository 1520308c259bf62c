//! The documents of a company and what stands on its accounts: what is paid never exceeds what is
//! open, and what was changed meanwhile is not overwritten.

use super::{Wrong, specs, tell, wrong};
use crate::wire::{amount, number, stamp};
use crate::world::World;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub struct Entity {
    pub name: &'static str,
    pub kind: &'static str,
    pub spec: &'static str,
}

const fn entity(name: &'static str, kind: &'static str, spec: &'static str) -> Entity {
    Entity { name, kind, spec }
}

const CUSTOMER: Entity = entity("Customer", "quickbooks.customer", specs::CUSTOMER);
const INVOICE: Entity = entity("Invoice", "quickbooks.invoice", specs::SALE);
const PAYMENT: Entity = entity("Payment", "quickbooks.payment", specs::PAYMENT);
const CREDIT_MEMO: Entity = entity("CreditMemo", "quickbooks.credit_memo", specs::SALE);
const REFUND: Entity = entity("RefundReceipt", "quickbooks.refund_receipt", specs::SALE);
const SALE: Entity = entity("SalesReceipt", "quickbooks.sales_receipt", specs::SALE);

pub static ENTITIES: [Entity; 6] = [CUSTOMER, INVOICE, PAYMENT, CREDIT_MEMO, REFUND, SALE];

/// Accounts that money may be deposited to.
const DEPOSITS: [&str; 5] = ["35", "36", "37", "38", "40"];
/// Products and services, each with the account that it is booked on.
const ITEMS: [(&str, &str); 2] = [("1", "79"), ("4", "40")];
/// Tax codes, each with its rate in per cent; the last is free of tax.
const TAXES: [(&str, i64); 2] = [("2", 10), ("3", 0)];
const DEBTORS: &str = "84";
const TAX: &str = "90";

fn invalid(detail: &str) -> Wrong {
    wrong(
        "6000",
        "A business validation error has occurred while processing your request",
        detail,
    )
}

fn gone(detail: &str) -> Wrong {
    let made = "Something you're trying to use has been made inactive";
    wrong("610", "Object Not Found", &format!("{made}: {detail}"))
}

/// A document of this company that is not deleted.
pub fn standing(world: &World, realm: &str, of: &Entity, id: &str) -> Result<Value, Wrong> {
    let found = world.get(of.kind, realm, id).cloned();
    let found = found.filter(|body| body["status"] != "Deleted");
    found.ok_or_else(|| gone("Another user has deleted this transaction"))
}

pub fn create(world: &mut World, realm: &str, of: &Entity, ask: &Value) -> Result<Value, Wrong> {
    let mut body = ask.clone();
    let id = world.id_over(b"123456789", 9);
    let at = stamp(world.now, "%FT%TZ");
    body["Id"] = json!(id);
    body["SyncToken"] = json!("0");
    body["MetaData"] = json!({"CreateTime": at, "LastUpdatedTime": at});
    if of.name == CUSTOMER.name {
        customer(world, realm, &mut body)?;
    } else {
        document(world, realm, of, &mut body)?;
    }
    world.put(of.kind, realm, &id, body.clone());
    tell(world, realm, of.name, &id, "Create");
    Ok(body)
}

fn customer(world: &World, realm: &str, body: &mut Value) -> Result<(), Wrong> {
    let name = body["DisplayName"].as_str().unwrap_or_default();
    if name.contains([':', '\t', '\n']) {
        return Err(wrong("2040", "Invalid string", "DisplayName"));
    }
    let mut all = world.all(CUSTOMER.kind).into_iter();
    if all.any(|item| item.account == realm && item.body["DisplayName"] == name) {
        let used = "Another customer, vendor or employee is already using this name";
        return Err(wrong("6240", "Duplicate Name Exists Error", used));
    }
    body["Active"] = json!(true);
    Ok(())
}

fn document(world: &mut World, realm: &str, of: &Entity, body: &mut Value) -> Result<(), Wrong> {
    open_day(world, body)?;
    let customer = standing(world, realm, &CUSTOMER, text(&body["CustomerRef"]["value"]))?;
    if customer["Active"] == false || customer["CurrencyRef"] != body["CurrencyRef"] {
        return Err(gone("CustomerRef"));
    }
    let deposited = matches!(of.name, "Payment" | "RefundReceipt" | "SalesReceipt");
    let account = body["DepositToAccountRef"]["value"].as_str();
    if deposited != account.is_some_and(|account| DEPOSITS.contains(&account)) {
        // A payment of nothing is deposited nowhere.
        let nothing = of.name == PAYMENT.name && account.is_none();
        if !(nothing && amount(&body["TotalAmt"]).is_zero()) {
            return Err(wrong("2500", "Invalid Reference Id", "DepositToAccountRef"));
        }
    }
    if of.name == PAYMENT.name {
        return pay_for(world, realm, body, Decimal::ONE);
    }
    let mut all = world
        .all(of.kind)
        .into_iter()
        .filter(|item| item.account == realm);
    let number = &body["DocNumber"];
    let taken = |item: &Value| item["DocNumber"] == *number && item["status"] != "Deleted";
    if number.is_string() && all.any(|item| taken(&item.body)) {
        let used = "You must specify a different number. This number has already been used.";
        return Err(wrong("6140", "Duplicate Document Number Error", used));
    }
    total(world, body)?;
    match of.name {
        "Invoice" => body["Balance"] = body["TotalAmt"].clone(),
        "CreditMemo" => body["RemainingCredit"] = body["TotalAmt"].clone(),
        _ => {}
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn open_day(world: &World, body: &Value) -> Result<(), Wrong> {
    let day = text(&body["TxnDate"]);
    if day.parse::<jiff::civil::Date>().is_err() {
        return Err(wrong("2030", "Invalid date", "TxnDate"));
    }
    let closed = world.body("quickbooks.closed", "closed");
    match text(&closed["until"]) {
        until if until >= day => Err(wrong(
            "6210",
            "Account Period Closed",
            "the books are closed",
        )),
        _ => Ok(()),
    }
}

/// What a sale comes to: its lines and their tax, as it is told or by its codes.
fn total(world: &World, body: &mut Value) -> Result<(), Wrong> {
    let taxed = body["GlobalTaxCalculation"] != "NotApplicable";
    let (mut net, mut tax) = (Decimal::ZERO, Decimal::ZERO);
    let lines = body["Line"].as_array().cloned().unwrap_or_default();
    for line in &lines {
        let detail = &line["SalesItemLineDetail"];
        if !ITEMS
            .iter()
            .any(|(id, _)| detail["ItemRef"]["value"] == *id)
        {
            return Err(wrong("2500", "Invalid Reference Id", "ItemRef"));
        }
        let code = TAXES
            .iter()
            .find(|(id, _)| detail["TaxCodeRef"]["value"] == *id);
        let rate = match code {
            Some((_, rate)) if taxed => Decimal::from(*rate),
            None if !taxed => Decimal::ZERO,
            _ => return Err(wrong("2500", "Invalid Reference Id", "TaxCodeRef")),
        };
        let sum = amount(&line["Amount"]);
        if sum.scale() > 2 && sum.normalize().scale() > 2 {
            return Err(invalid("Amount has more than two decimals"));
        }
        net += sum;
        tax += sum * rate / Decimal::ONE_HUNDRED;
    }
    if lines.is_empty() {
        return Err(wrong("2020", "Required param missing", "Line"));
    }
    let tax = match &body["TxnTaxDetail"]["TotalTax"] {
        Value::Null => tax.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero),
        told => amount(told),
    };
    let knob = world.body("knobs", "quickbooks")["tax"].clone();
    let tax = tax + text(&knob).parse().unwrap_or(Decimal::ZERO);
    body["TxnTaxDetail"] = json!({"TotalTax": number(tax)});
    body["TotalAmt"] = number(net + tax);
    Ok(())
}

/// Takes what a payment links off what is open, or gives it back where the sign is negative.
fn pay_for(world: &mut World, realm: &str, body: &mut Value, sign: Decimal) -> Result<(), Wrong> {
    let mut left = amount(&body["TotalAmt"]);
    let lines = body["Line"].as_array().cloned().unwrap_or_default();
    for line in &lines {
        let (sum, linked) = (amount(&line["Amount"]), &line["LinkedTxn"][0]);
        let (of, open) = match text(&linked["TxnType"]) {
            "Invoice" => (&INVOICE, "Balance"),
            _ => (&CREDIT_MEMO, "RemainingCredit"),
        };
        let id = text(&linked["TxnId"]);
        let of_it = standing(world, realm, of, id)?;
        let rest = amount(&of_it[open]) - sum * sign;
        if of_it["CustomerRef"]["value"] != body["CustomerRef"]["value"] {
            return Err(wrong(
                "620",
                "TxnID cannot be linked",
                "it is another customer's",
            ));
        }
        if sum <= Decimal::ZERO || rest.is_sign_negative() && !rest.is_zero() {
            return Err(invalid("more is applied than is open"));
        }
        left -= if of.name == INVOICE.name { sum } else { -sum };
        changed(world, realm, of, id, json!({open: number(rest)}));
    }
    if left.is_sign_negative() && !left.is_zero() {
        return Err(invalid("more is applied than the payment has"));
    }
    body["UnappliedAmt"] = number(left);
    Ok(())
}

fn changed(world: &mut World, realm: &str, of: &Entity, id: &str, changes: Value) {
    let token: i64 = text(&world.body(of.kind, id)["SyncToken"])
        .parse()
        .unwrap_or(0);
    world.set(of.kind, id, changes);
    world.set(of.kind, id, json!({"SyncToken": (token + 1).to_string()}));
    tell(world, realm, of.name, id, "Update");
}

pub fn undo(
    world: &mut World,
    realm: &str,
    of: &Entity,
    ask: &Value,
    operation: &str,
) -> Result<Value, Wrong> {
    let id = text(&ask["Id"]).to_string();
    let mut body = standing(world, realm, of, &id)?;
    open_day(world, &body)?;
    if body["SyncToken"] != ask["SyncToken"] {
        let both = "You and another user were working on this at the same time";
        return Err(wrong("5010", "Stale Object Error", both));
    }
    let linked = ["Balance", "RemainingCredit"]
        .iter()
        .any(|open| body[*open].is_number() && amount(&body[*open]) != amount(&body["TotalAmt"]));
    if linked {
        return Err(invalid("it is linked to others"));
    }
    if of.name == PAYMENT.name {
        pay_for(world, realm, &mut body, -Decimal::ONE)?;
    }
    if operation == "Void" {
        let nothing = json!({"TotalAmt": 0, "Balance": 0, "Line": [], "TxnTaxDetail": {"TotalTax": 0},
            "PrivateNote": "Voided"});
        changed(world, realm, of, &id, nothing);
        return standing(world, realm, of, &id);
    }
    world.set(of.kind, &id, json!({"status": "Deleted"}));
    tell(world, realm, of.name, &id, operation);
    Ok(json!({"status": "Deleted", "domain": "QBO", "Id": id}))
}

/// The clinic enters a payment of an invoice there itself.
pub fn pay(world: &mut World, id: &str, ask: &Value) -> Result<Value, Wrong> {
    let realm = world.account_of(INVOICE.kind, id).unwrap_or_default();
    let invoice = standing(world, &realm, &INVOICE, id)?;
    let open = amount(&invoice["Balance"]);
    let sum = number(
        ask["amount"]
            .as_i64()
            .map_or(open, |cents| Decimal::new(cents, 2)),
    );
    let line = json!({"Amount": sum, "LinkedTxn": [{"TxnId": id, "TxnType": "Invoice"}]});
    let entered = json!({"TxnDate": stamp(world.now, "%F"), "TotalAmt": sum, "Line": [line],
        "CustomerRef": invoice["CustomerRef"], "CurrencyRef": invoice["CurrencyRef"],
        "DepositToAccountRef": {"value": "35"}, "PrivateNote": "entered in QuickBooks"});
    create(world, &realm, &PAYMENT, &entered)
}

/// A person deletes a payment.
pub fn unpay(world: &mut World, id: &str) -> Result<Value, Wrong> {
    let realm = world.account_of(PAYMENT.kind, id).unwrap_or_default();
    let payment = standing(world, &realm, &PAYMENT, id)?;
    undo(world, &realm, &PAYMENT, &payment, "Delete")
}

/// What stands on each account by all that is booked in one currency; debits are positive.
pub fn accounts(world: &World, currency: &str) -> Value {
    let mut ledger: BTreeMap<&str, Decimal> = BTreeMap::new();
    for of in &ENTITIES {
        let all = world.all(of.kind).into_iter().map(|item| &item.body);
        let booked = all.filter(|body| body["CurrencyRef"]["value"] == currency);
        for body in booked.filter(|body| body["status"] != "Deleted" && of.name != "Customer") {
            let total = amount(&body["TotalAmt"]);
            let deposit = DEPOSITS
                .iter()
                .find(|id| body["DepositToAccountRef"]["value"] == **id);
            let (debit, sign) = match of.name {
                "Payment" | "SalesReceipt" => (deposit, Decimal::ONE),
                "RefundReceipt" => (deposit, -Decimal::ONE),
                "CreditMemo" => (Some(&DEBTORS), -Decimal::ONE),
                _ => (Some(&DEBTORS), Decimal::ONE),
            };
            // A payment of nothing moves nothing.
            *ledger.entry(debit.unwrap_or(&DEBTORS)).or_default() += sign * total;
            if of.name == PAYMENT.name {
                *ledger.entry(DEBTORS).or_default() -= total;
            }
            *ledger.entry(TAX).or_default() -= sign * amount(&body["TxnTaxDetail"]["TotalTax"]);
            for line in body["Line"].as_array().into_iter().flatten() {
                let item = &line["SalesItemLineDetail"]["ItemRef"]["value"];
                if let Some((_, account)) = ITEMS.iter().find(|(id, _)| item == id) {
                    *ledger.entry(account).or_default() -= sign * amount(&line["Amount"]);
                }
            }
        }
    }
    let shown = ledger.into_iter().filter(|(_, sum)| !sum.is_zero());
    shown
        .map(|(id, sum)| (id.to_string(), number(sum)))
        .collect::<Map<_, _>>()
        .into()
}
