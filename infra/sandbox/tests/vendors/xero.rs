//! Xero as its contract says: rotating refresh tokens, exact sums, credit notes, payments that
//! never exceed what is open, short-lived keys.

use crate::common::{Answer, Bench, basic};
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

pub const TENANT: &str = "00000000-0000-4000-8000-000000000000";

async fn refresh(bench: &Bench, token: &str) -> Answer {
    let auth = basic("demo", "demo");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    let headers = [("authorization", auth.as_str()), form];
    bench
        .call("POST", "/xero/connect/token", &headers, &body)
        .await
}

pub struct Books<'a> {
    bench: &'a Bench,
    auth: String,
}

impl Books<'_> {
    pub async fn open(bench: &Bench) -> Books<'_> {
        let access = refresh(bench, "demo-refresh-0").await.ok()["access_token"].clone();
        Books {
            bench,
            auth: format!("Bearer {}", access.as_str().unwrap()),
        }
    }
    pub async fn call(&self, method: &str, path: &str, key: &str, body: Value) -> Answer {
        let mut headers = vec![
            ("authorization", self.auth.as_str()),
            ("xero-tenant-id", TENANT),
            ("accept", "application/json"),
        ];
        if !key.is_empty() {
            headers.push(("idempotency-key", key));
        }
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        if !text.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.bench
            .call(
                method,
                &format!("/xero/api.xro/2.0/{path}"),
                &headers,
                &text,
            )
            .await
    }
    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", path, "", Value::Null).await.ok()
    }
}

pub fn line(unit: f64) -> Value {
    json!({"Description": "Session", "Quantity": 1, "UnitAmount": unit, "AccountCode": "200",
        "TaxType": "OUTPUT"})
}

pub fn invoice(number: &str) -> Value {
    json!({"Invoices": [{"Type": "ACCREC", "Contact": {"Name": "P-17"}, "Date": "2026-11-21",
        "DueDate": "2026-12-05", "LineAmountTypes": "Inclusive", "InvoiceNumber": number,
        "Reference": "ref-1", "Status": "AUTHORISED", "LineItems": [line(100.05), line(49.95)]}]})
}

pub fn messages(answer: &Answer) -> String {
    answer.json()["Elements"][0]["ValidationErrors"].to_string()
}

#[tokio::test]
async fn refresh_tokens_rotate_with_a_grace() {
    let bench = Bench::start().await;
    let first = refresh(&bench, "demo-refresh-0").await.ok();
    bench.advance(30 * 60_000).await;
    assert_eq!(refresh(&bench, "demo-refresh-0").await.ok(), first);
    bench.advance(1).await;
    let late = refresh(&bench, "demo-refresh-0").await;
    assert_eq!(
        (late.status, late.json()["error"].clone()),
        (400, json!("invalid_grant"))
    );
    let next = refresh(&bench, first["refresh_token"].as_str().unwrap())
        .await
        .ok();
    assert_ne!(next["refresh_token"], first["refresh_token"]);
    assert_eq!(refresh(&bench, "rt-unknown").await.status, 400);
    let access = format!("Bearer {}", first["access_token"].as_str().unwrap());
    let headers = [
        ("authorization", access.as_str()),
        ("xero-tenant-id", TENANT),
    ];
    let old = bench
        .call("GET", "/xero/api.xro/2.0/Invoices", &headers, "")
        .await;
    assert_eq!(old.status, 401);
}

#[tokio::test]
async fn an_invoice_is_made_once_under_its_key_as_long_as_that_is_remembered() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let made = books
        .call("PUT", "Invoices", "k1", invoice("M-1"))
        .await
        .ok();
    let made = &made["Invoices"][0];
    assert_eq!(
        (&made["Total"], &made["TotalTax"]),
        (&json!(150), &json!(13.64))
    );
    assert_eq!(made["SubTotal"], json!(136.36));
    let again = books
        .call("PUT", "Invoices", "k1", invoice("M-1"))
        .await
        .ok();
    assert_eq!(again["Invoices"][0]["InvoiceID"], made["InvoiceID"]);
    bench.advance(6 * 60_000).await;
    let forgotten = books.call("PUT", "Invoices", "k1", invoice("M-1")).await;
    assert!(messages(&forgotten).contains("must be unique"));
}

#[tokio::test]
async fn an_invoice_is_paid_credited_and_found_again() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let made = books.call("PUT", "Invoices", "", invoice("M-1")).await.ok();
    let made = &made["Invoices"][0];
    let id = &made["InvoiceID"];
    let pay = |amount: f64| {
        json!({"Payments": [{"Invoice": {"InvoiceID": id}, "Account": {"Code": "090"},
            "Date": "2026-11-21", "Amount": amount, "Reference": "pi_1"}]})
    };
    assert!(messages(&books.call("PUT", "Payments", "", pay(150.01)).await).contains("exceeds"));
    books.call("PUT", "Payments", "p1", pay(100.0)).await.ok();
    let open = books.get("Invoices/M-1").await["Invoices"][0].clone();
    assert_eq!(
        (&open["AmountDue"], &open["AmountPaid"]),
        (&json!(50), &json!(100))
    );

    let note = json!({"CreditNotes": [{"Type": "ACCRECCREDIT", "Contact": made["Contact"],
        "Date": "2026-11-21", "CreditNoteNumber": "CR-1", "Reference": "re_1",
        "Status": "AUTHORISED", "LineAmountTypes": "Inclusive", "LineItems": [line(60.0)]}]});
    let note = books.call("PUT", "CreditNotes", "", note).await.ok()["CreditNotes"][0].clone();
    let allocate = |amount: f64| {
        json!({"Allocations": [{"Invoice": {"InvoiceID": id}, "Amount": amount,
            "Date": "2026-11-21"}]})
    };
    let path = format!(
        "CreditNotes/{}/Allocations",
        note["CreditNoteID"].as_str().unwrap()
    );
    assert!(messages(&books.call("PUT", &path, "", allocate(55.0)).await).contains("greater than"));
    books.call("PUT", &path, "", allocate(50.0)).await.ok();
    let refund = json!({"Payments": [{"CreditNote": {"CreditNoteNumber": "CR-1"},
        "Account": {"Code": "090"}, "Date": "2026-11-21", "Amount": 10, "Reference": "re_1"}]});
    books.call("PUT", "Payments", "", refund).await.ok();
    assert_eq!(
        books.get("CreditNotes/CR-1").await["CreditNotes"][0]["Status"],
        "PAID"
    );
    let paid = books.get("Invoices?where=Reference%3D%3D%22ref-1%22").await;
    assert_eq!(paid["Invoices"][0]["Status"], "PAID");
    let filter = format!("Invoice.InvoiceID==Guid({id}) AND Reference==\"pi_1\"");
    let filter: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    let payments = books.get(&format!("Payments?where={filter}")).await["Payments"].clone();
    assert_eq!(payments.as_array().unwrap().len(), 1);
    let path = format!("Payments/{}", payments[0]["PaymentID"].as_str().unwrap());
    books
        .call("POST", &path, "", json!({"Status": "DELETED"}))
        .await
        .ok();
    assert_eq!(
        books.get("Invoices/M-1").await["Invoices"][0]["AmountDue"],
        json!(100)
    );
}

#[tokio::test]
async fn a_credit_note_is_voided_only_without_its_cash_refund() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let note = json!({"CreditNotes": [{"Type": "ACCRECCREDIT", "Contact": {"Name": "P-17"},
        "Date": "2026-11-21", "CreditNoteNumber": "CR-1", "Reference": "re_1",
        "Status": "AUTHORISED", "LineAmountTypes": "Inclusive", "LineItems": [line(60.0)]}]});
    let note = books.call("PUT", "CreditNotes", "", note).await.ok()["CreditNotes"][0].clone();
    let refund = json!({"Payments": [{"CreditNote": {"CreditNoteNumber": "CR-1"},
        "Account": {"Code": "090"}, "Date": "2026-11-21", "Amount": 60, "Reference": "re_1"}]});
    let refund = books.call("PUT", "Payments", "", refund).await.ok();
    let payment = refund["Payments"][0]["PaymentID"].as_str().unwrap();
    let id = note["CreditNoteID"].as_str().unwrap();
    let path = format!("CreditNotes/{id}");
    let void = json!({"CreditNotes": [{"CreditNoteID": id, "Status": "VOIDED"}]});
    let paid = books.call("POST", &path, "", void.clone()).await;
    assert!(messages(&paid).contains("not of valid status"));
    let gone = json!({"Status": "DELETED"});
    let gone = books
        .call("POST", &format!("Payments/{payment}"), "", gone)
        .await;
    assert_eq!(gone.ok()["Payments"][0]["Status"], "DELETED");
    let voided = books.call("POST", &path, "", void).await.ok();
    assert_eq!(voided["CreditNotes"][0]["Status"], "VOIDED");
    let read = books.get(&path).await["CreditNotes"][0].clone();
    assert_eq!(
        (&read["Status"], &read["RemainingCredit"]),
        (&json!("VOIDED"), &json!(0))
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_saved() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let change = |pointer: &str, value: Value| {
        let mut ask = invoice("M-1");
        *ask.pointer_mut(&format!("/Invoices/0/{pointer}")).unwrap() = value;
        ask
    };
    for (body, words) in [
        (change("DueDate", Value::Null), "DueDate"),
        (change("LineItems", json!([])), "line items"),
        (change("LineItems/0/TaxType", json!("VAT")), "TaxType"),
        (
            change("LineItems/0/AccountCode", json!("x y")),
            "Account code",
        ),
        (change("Contact", json!({})), "Contact"),
        (change("Date", json!("21.11.2026")), "Date"),
    ] {
        let answer = books.call("PUT", "Invoices", "", body).await;
        assert_eq!(answer.status, 400);
        assert!(
            messages(&answer).contains(words),
            "{words}: {}",
            answer.text
        );
    }
    let unknown = books
        .call("PUT", "Invoices", "", change("Type", json!("SALE")))
        .await;
    assert_eq!(unknown.json()["Type"], "PostDataInvalidException");
    let mut two = invoice("M-1");
    let twice = two["Invoices"][0].clone();
    two["Invoices"].as_array_mut().unwrap().push(twice);
    assert_eq!(
        books.call("PUT", "Invoices", "", two.clone()).await.status,
        400
    );
    assert!(
        books.get("Invoices").await["Invoices"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let apart = books
        .call("PUT", "Invoices?summarizeErrors=false", "", two)
        .await
        .ok();
    assert_eq!(apart["Invoices"][1]["StatusAttributeString"], "ERROR");
    let name = json!({"Contacts": [{"Name": "p-17"}]});
    assert!(messages(&books.call("PUT", "Contacts", "", name.clone()).await).contains("already"));
    books.call("POST", "Contacts", "", name).await.ok();
    let headers = [
        ("authorization", books.auth.as_str()),
        ("accept", "application/json"),
    ];
    assert_eq!(
        bench
            .call("GET", "/xero/api.xro/2.0/Invoices", &headers, "")
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_payment_entered_in_xero_is_told_as_an_invoice_event() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let made = books.call("PUT", "Invoices", "", invoice("M-1")).await.ok();
    bench
        .control(
            "twilio/inbound",
            json!({"from": "+61400000006", "body": "x"}),
        )
        .await
        .ok();
    let url = bench.sandbox.webhooks()[0]["url"]
        .as_str()
        .unwrap()
        .replace("twilio", "xero");
    let endpoint = json!({"account": TENANT, "url": url, "secret": "xero-demo-key"});
    bench.control("xero/endpoints", endpoint).await.ok();
    bench.taken().await;
    let id = made["Invoices"][0]["InvoiceID"].as_str().unwrap();
    bench
        .control(&format!("xero/pay/{id}"), json!({"amount": 5000}))
        .await
        .ok();
    let taken = bench.taken().await;
    assert_eq!(taken[0].json()["events"][0]["resourceId"], id);
    let mac = Hmac::<sha2::Sha256>::new_from_slice(b"xero-demo-key").unwrap();
    let proof = mac.chain_update(&taken[0].body).finalize().into_bytes();
    let expected = base64::engine::general_purpose::STANDARD.encode(proof);
    assert_eq!(taken[0].header("x-xero-signature"), expected);
}
