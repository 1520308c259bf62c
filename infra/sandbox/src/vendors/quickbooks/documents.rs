//! The documents of a company: what is paid never exceeds what is open, and what was changed
//! meanwhile is not overwritten.

use super::accounts::{DEPOSITS, total};
use super::{LOOKS, books, tell, text};
use crate::kit::{Books, Refusal, first_wrong, rest};
use crate::wire::{amount, number, stamp};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub struct Entity {
    pub name: &'static str,
    pub kind: &'static str,
    /// The name of its request.
    pub takes: &'static str,
    /// Name of what is not settled of it.
    pub open: &'static str,
}

const fn entity(name: &'static str, kind: &'static str, open: &'static str) -> Entity {
    Entity {
        name,
        kind,
        takes: "sale",
        open,
    }
}

pub const CUSTOMER: Entity = Entity {
    takes: "Customer",
    ..entity("Customer", "quickbooks.customer", "")
};
pub const PAYMENT: Entity = Entity {
    takes: "Payment",
    ..entity("Payment", "quickbooks.payment", "")
};
const INVOICE: Entity = entity("Invoice", "quickbooks.invoice", "Balance");
const CREDIT_MEMO: Entity = entity("CreditMemo", "quickbooks.credit_memo", "RemainingCredit");
const REFUND: Entity = entity("RefundReceipt", "quickbooks.refund_receipt", "");
const SALE: Entity = entity("SalesReceipt", "quickbooks.sales_receipt", "");

pub static ENTITIES: [Entity; 6] = [CUSTOMER, INVOICE, PAYMENT, CREDIT_MEMO, REFUND, SALE];

pub const CLOSED: &str = "quickbooks.closed";

fn gone(what: &str) -> Refusal {
    Refusal::With("gone", json!({"what": what}))
}

/// A document of this company that is not deleted.
pub fn standing(books: &Books, of: &Entity, id: &str) -> Result<Value, Refusal> {
    let found = books.world.get(of.kind, books.account, id);
    let found = found.filter(|body| body["status"] != "Deleted").cloned();
    found.ok_or_else(|| gone("Another user has deleted this transaction"))
}

pub fn create(books: &mut Books, of: &Entity, ask: &Value) -> Result<Value, Refusal> {
    let mut body = ask.clone();
    let id = books.world.id_over(b"123456789", 9);
    let at = stamp(books.world.now, "%FT%TZ");
    body["Id"] = json!(id);
    body["SyncToken"] = json!("0");
    body["MetaData"] = json!({"CreateTime": at, "LastUpdatedTime": at});
    match of.name {
        "Customer" => customer(books, &mut body)?,
        _ => document(books, of, &mut body)?,
    }
    books.world.put(of.kind, books.account, &id, body.clone());
    tell(books, of.name, &id, "Create");
    Ok(body)
}

fn customer(books: &Books, body: &mut Value) -> Result<(), Refusal> {
    let name = &body["DisplayName"];
    let odd = text(name).contains([':', '\t', '\n']);
    let taken = books.named(CUSTOMER.kind, &["DisplayName"], name).is_some();
    first_wrong(vec![
        (odd, Refusal::Because("name")),
        (taken, Refusal::Because("name_taken")),
    ])?;
    body["Active"] = json!(true);
    Ok(())
}

fn document(books: &mut Books, of: &Entity, body: &mut Value) -> Result<(), Refusal> {
    open_day(books.world, body)?;
    let customer = standing(books, &CUSTOMER, text(&body["CustomerRef"]["value"]))?;
    let away = customer["Active"] == false || customer["CurrencyRef"] != body["CurrencyRef"];
    let deposited = matches!(of.name, "Payment" | "RefundReceipt" | "SalesReceipt");
    let account = body["DepositToAccountRef"]["value"].as_str();
    let known = account.is_some_and(|account| DEPOSITS.contains(&account));
    // A payment of nothing is deposited nowhere.
    let nothing =
        of.name == PAYMENT.name && account.is_none() && amount(&body["TotalAmt"]).is_zero();
    let all = books.all(of.kind).into_iter();
    let mut standing = all.filter(|item| item["status"] != "Deleted");
    let number = &body["DocNumber"];
    let taken = number.is_string() && standing.any(|item| item["DocNumber"] == *number);
    first_wrong(vec![
        (away, gone("CustomerRef")),
        (deposited != known && !nothing, Refusal::Because("account")),
        (taken, Refusal::Because("number_taken")),
    ])?;
    if of.name == PAYMENT.name {
        return pay_for(books, body, Decimal::ONE);
    }
    total(books.world, body)?;
    if !of.open.is_empty() {
        body[of.open] = body["TotalAmt"].clone();
    }
    Ok(())
}

fn open_day(world: &World, body: &Value) -> Result<(), Refusal> {
    let day = text(&body["TxnDate"]);
    let closed = world.body(CLOSED, "closed");
    let odd = day.parse::<jiff::civil::Date>().is_err();
    first_wrong(vec![
        (odd, Refusal::Because("date")),
        (text(&closed["until"]) >= day, Refusal::Because("closed")),
    ])
}

/// Takes what a payment links off what is open, or gives it back where the sign is negative.
fn pay_for(books: &mut Books, body: &mut Value, sign: Decimal) -> Result<(), Refusal> {
    let mut left = amount(&body["TotalAmt"]);
    for line in body["Line"].as_array().into_iter().flatten() {
        let (sum, linked) = (amount(&line["Amount"]), &line["LinkedTxn"][0]);
        let of = match text(&linked["TxnType"]) {
            "Invoice" => &INVOICE,
            _ => &CREDIT_MEMO,
        };
        let id = text(&linked["TxnId"]);
        let of_it = standing(books, of, id)?;
        if of_it["CustomerRef"]["value"] != body["CustomerRef"]["value"] {
            return Err(Refusal::Because("other_customer"));
        }
        let rest = match sign.is_sign_positive() {
            true => rest(&of_it[of.open], sum)?,
            false => amount(&of_it[of.open]) + sum,
        };
        left -= if of.name == INVOICE.name { sum } else { -sum };
        changed(books, of, id, json!({of.open: number(rest)}));
    }
    if left < Decimal::ZERO {
        return Err(Refusal::Because("over_applied"));
    }
    body["UnappliedAmt"] = number(left);
    Ok(())
}

fn changed(books: &mut Books, of: &Entity, id: &str, mut changes: Value) -> Value {
    let before = books.world.body(of.kind, id);
    let token: i64 = text(&before["SyncToken"]).parse().unwrap_or(0);
    changes["SyncToken"] = json!((token + 1).to_string());
    let body = books.change(of.kind, id, changes);
    tell(books, of.name, id, "Update");
    body
}

pub fn undo(
    books: &mut Books,
    of: &Entity,
    ask: &Value,
    operation: &str,
) -> Result<Value, Refusal> {
    let id = text(&ask["Id"]);
    let mut body = standing(books, of, id)?;
    open_day(books.world, &body)?;
    let stale = body["SyncToken"] != ask["SyncToken"];
    let open = &body[of.open];
    let linked = open.is_number() && amount(open) != amount(&body["TotalAmt"]);
    first_wrong(vec![
        (stale, Refusal::Because("stale")),
        (linked, Refusal::Because("linked")),
    ])?;
    if of.name == PAYMENT.name {
        pay_for(books, &mut body, -Decimal::ONE)?;
    }
    if operation == "Void" {
        let nothing = LOOKS.shape("voided", &Value::Null);
        return Ok(changed(books, of, id, nothing));
    }
    books.change(of.kind, id, json!({"status": "Deleted"}));
    tell(books, of.name, id, operation);
    Ok(json!({"status": "Deleted", "domain": "QBO", "Id": id}))
}

/// The clinic enters a payment of an invoice there itself.
pub fn pay(world: &mut World, id: &str, ask: &Value) -> Result<Value, Refusal> {
    let realm = world.account_of(INVOICE.kind, id).unwrap_or_default();
    let mut books = books(world, &realm);
    let invoice = standing(&books, &INVOICE, id)?;
    let cents = ask["amount"].as_i64();
    let sum = cents.map_or(amount(&invoice["Balance"]), |cents| Decimal::new(cents, 2));
    let sum = number(sum);
    let line = json!({"Amount": sum, "LinkedTxn": [{"TxnId": id, "TxnType": "Invoice"}]});
    let entered = json!({"TxnDate": stamp(books.world.now, "%F"), "TotalAmt": sum, "Line": [line],
        "CustomerRef": invoice["CustomerRef"], "CurrencyRef": invoice["CurrencyRef"],
        "DepositToAccountRef": {"value": "35"}, "PrivateNote": "entered in QuickBooks"});
    create(&mut books, &PAYMENT, &entered)
}

/// A person deletes a payment.
pub fn unpay(world: &mut World, id: &str) -> Result<Value, Refusal> {
    let realm = world.account_of(PAYMENT.kind, id).unwrap_or_default();
    let mut books = books(world, &realm);
    let payment = standing(&books, &PAYMENT, id)?;
    undo(&mut books, &PAYMENT, &payment, "Delete")
}
