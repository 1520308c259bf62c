//! Xero's accounting, dates, token and webhooks.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

const ID: &str = "55d84274-a3da-4829-a7c0-0cab601b95cc";

fn xero(method: &str, path: &str) -> Exchange {
    call("xero", method, &format!("/api.xro/2.0{path}"))
        .header("Authorization", "Bearer eyJ")
        .header("xero-tenant-id", ID)
}

fn payment() -> Value {
    json!({"Invoice": {"InvoiceID": ID}, "Account": {"Code": "090"}, "Date": "2026-11-21",
        "Amount": 10.5, "Reference": "p-1"})
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    let put = |fields: Value| xero("PUT", "/Payments").json(json!({"Payments": [fields]}));
    fits(&contracts, &put(payment()).header("Idempotency-Key", "k-1"));
    let with = |field: &str, value: Value| {
        let mut changed = payment();
        changed[field] = value;
        put(changed)
    };
    fails(
        &contracts,
        &with("Amount", json!("10.50")),
        "/Payments/0/Amount",
    );
    fails(
        &contracts,
        &with("Date", json!("21/11/2026")),
        "/Payments/0/Date",
    );
    fails(
        &contracts,
        &with("Refrence", json!("x")),
        "/Payments/0/Refrence: unknown field",
    );
    fails(
        &contracts,
        &with("PaymentType", json!("ACCRECPAYMENT")),
        "only the vendor may set",
    );
    fails(
        &contracts,
        &with("Invoice", json!({"InvoiceID": "INV-1"})),
        "/Payments/0/Invoice/InvoiceID",
    );
    let without = |field: &str| {
        let mut changed = payment();
        changed.as_object_mut().unwrap().remove(field);
        put(changed)
    };
    fails(&contracts, &without("Amount"), "\"Amount\" is required");
    fails(&contracts, &without("Invoice"), "\"Invoice\" is required");
    let homeless =
        call("xero", "PUT", "/api.xro/2.0/Payments").header("Authorization", "Bearer eyJ");
    let homeless = homeless.json(json!({"Payments": [payment()]}));
    fails(&contracts, &homeless, "xero-tenant-id is required");
    fails(&contracts, &xero("PUT", "/Payment"), "no such operation");
    let note = json!({"CreditNotes": [{"Type": "ACCRECCREDIT", "Status": "AUTHORISED",
        "Contact": {"Name": "Patient 7"}, "Date": "2026-11-21", "LineAmountTypes": "Inclusive",
        "LineItems": [{"Description": "Refund", "Quantity": 1, "UnitAmount": 5.0, "AccountCode": "200"}]}]});
    fits(
        &contracts,
        &xero("PUT", "/CreditNotes?summarizeErrors=false").json(note),
    );
    let allocation = json!({"Allocations": [{"Amount": 5.0, "Date": "2026-11-21", "Invoice": {"InvoiceID": ID}}]});
    let path = format!("/CreditNotes/{ID}/Allocations");
    fits(&contracts, &xero("PUT", &path).json(allocation.clone()));
    for field in ["Amount", "Date", "Invoice"] {
        let mut less = allocation.clone();
        less["Allocations"][0]
            .as_object_mut()
            .unwrap()
            .remove(field);
        let less = xero("PUT", &path).json(less);
        fails(&contracts, &less, &format!("\"{field}\" is required"));
    }
}

fn received() -> Value {
    json!({"Type": "RECEIVE", "Contact": {"ContactID": ID}, "BankAccount": {"Code": "091"},
        "LineItems": [{"Description": "Paid in advance", "Quantity": 1, "UnitAmount": 40.0,
            "AccountCode": "820", "TaxType": "NONE"}], "Date": "2026-11-21", "Reference": "r-1",
        "CurrencyCode": "EUR", "LineAmountTypes": "NoTax"})
}

#[test]
fn money_received_without_an_invoice() {
    let Some(contracts) = contracts() else { return };
    let put = |fields: &Value| {
        xero("PUT", "/BankTransactions").json(json!({"BankTransactions": [fields]}))
    };
    fits(&contracts, &put(&received()));
    for field in ["Type", "Contact", "LineItems", "BankAccount"] {
        let mut less = received();
        less.as_object_mut().unwrap().remove(field);
        fails(&contracts, &put(&less), &format!("\"{field}\" is required"));
    }
    let mut wrong = received();
    wrong["Type"] = json!("RECEIVED");
    fails(&contracts, &put(&wrong), "/BankTransactions/0/Type");
    fits(
        &contracts,
        &xero("GET", "/BankTransactions?where=Reference%3D%3D%22r-1%22"),
    );
    // To delete it is to send it again as a whole.
    let mut gone = received();
    gone["BankTransactionID"] = json!(ID);
    gone["Status"] = json!("DELETED");
    let gone = json!({"BankTransactions": [gone]});
    let post = xero("POST", &format!("/BankTransactions/{ID}")).json(gone.clone());
    fits(&contracts, &post);
    let reply = json!({"Id": ID, "Status": "OK", "BankTransactions": gone["BankTransactions"]});
    fits(&contracts, &post.clone().reply(200, reply.clone()));
    let mut untold = reply;
    untold["BankTransactions"][0]["Total"] = json!("40.00");
    fails(
        &contracts,
        &post.reply(200, untold),
        "/BankTransactions/0/Total",
    );
}

#[test]
fn an_invoice_is_voided_by_its_id_and_status() {
    let Some(contracts) = contracts() else { return };
    let post = |status: &str| {
        let void = json!({"Invoices": [{"InvoiceID": ID, "Status": status}]});
        xero("POST", &format!("/Invoices/{ID}")).json(void)
    };
    fits(&contracts, &post("VOIDED"));
    fails(&contracts, &post("VOID"), "/Invoices/0/Status");
}

#[test]
fn queries_and_paths() {
    let Some(contracts) = contracts() else { return };
    fits(
        &contracts,
        &xero(
            "GET",
            "/Invoices?InvoiceNumbers=INV-1,INV-2&page=1&summaryOnly=true",
        ),
    );
    fits(
        &contracts,
        &xero("GET", "/Payments?where=Reference%3D%3D%22p-1%22"),
    );
    fails(
        &contracts,
        &xero("GET", "/Invoices?page=one"),
        "query /page",
    );
    fails(
        &contracts,
        &xero("GET", "/Invoices?IDs=INV-1"),
        "query /IDs/0",
    );
    fails(
        &contracts,
        &xero("GET", "/Invoices?Numbers=1"),
        "/Numbers: unknown field",
    );
    fails(
        &contracts,
        &xero("GET", "/CreditNotes/7/Allocations"),
        "has this path for PUT only",
    );
}

#[test]
fn replies() {
    let Some(contracts) = contracts() else { return };
    let put = |status, body| {
        xero("PUT", "/Payments")
            .json(json!({"Payments": [payment()]}))
            .reply(status, body)
    };
    let mut done = payment();
    done["PaymentID"] = json!(ID);
    done["Date"] = json!("/Date(1700000000000+0000)/");
    done["PaymentType"] = json!("ACCRECPAYMENT");
    let list = |payment: &Value| json!({"Id": ID, "Status": "OK", "Payments": [payment]});
    fits(&contracts, &put(200, list(&done)));
    let mut wrong = done.clone();
    wrong["Amount"] = json!("10.50");
    fails(&contracts, &put(200, list(&wrong)), "/Payments/0/Amount");
    done["Status"] = json!("PAID");
    fails(&contracts, &put(200, list(&done)), "/Payments/0/Status");
    fails(&contracts, &put(201, json!({})), "reply status 201");
    let error = json!({"ErrorNumber": 10, "Type": "ValidationException", "Message": "x"});
    fits(&contracts, &put(400, error));
    fails(
        &contracts,
        &put(400, json!({"ErrorNumber": "10"})),
        "/ErrorNumber",
    );
}

#[test]
fn token() {
    let Some(contracts) = contracts() else { return };
    let token = |form: &str| {
        call("xero", "POST", "/connect/token")
            .header("Authorization", "Basic eDp5")
            .form(form)
    };
    let good = "grant_type=refresh_token&refresh_token=r0";
    let reply = json!({"access_token": "eyJ", "token_type": "Bearer", "expires_in": 1800, "refresh_token": "r1"});
    fits(&contracts, &token(good).reply(200, reply));
    fails(
        &contracts,
        &token("grant_type=refresh_token"),
        "\"refresh_token\" is required",
    );
    fails(
        &contracts,
        &token(&format!("{good}&tenant=x")),
        "/tenant: unknown field",
    );
    fits(
        &contracts,
        &token(good).reply(400, json!({"error": "invalid_grant"})),
    );
    fails(
        &contracts,
        &token(good).reply(400, json!({"error": "expired"})),
        "/error",
    );
    fits(
        &contracts,
        &call("xero", "GET", "/connections").header("Authorization", "Bearer eyJ"),
    );
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    let head = [
        (
            "x-xero-signature",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        ("Content-Type", "application/json"),
    ];
    let event = |category: &str| {
        json!({"events": [{"resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{ID}"),
            "resourceId": ID, "tenantId": ID, "tenantType": "ORGANISATION", "eventCategory": category,
            "eventType": "UPDATE", "eventDateUtc": "2026-11-21T15:00:00.123"}],
            "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "E"})
        .to_string()
    };
    hook_fits(&contracts, "xero", &head, &event("INVOICE"));
    hook_fails(
        &contracts,
        "xero",
        &head,
        &event("PAYMENT"),
        "/events/0/eventCategory",
    );
    let trial =
        json!({"events": [], "firstEventSequence": 0, "lastEventSequence": 0, "entropy": "E"});
    hook_fits(&contracts, "xero", &head, &trial.to_string());
    let less = event("INVOICE").replace("tenantId", "tenant");
    hook_fails(&contracts, "xero", &head, &less, "\"tenantId\" is required");
}
