//! What settles and undoes documents at Xero: allocations, voided invoices, money received without
//! an invoice, and the accounts that all of it leaves behind.

use crate::common::{Answer, Bench};
use crate::xero::{Books, TENANT, invoice, line, messages};
use serde_json::{Value, json};

const PAID_OFF: &str = "already been paid off";
const TOO_MUCH: &str = "greater than amount outstanding";
const SETTLED: &str = "has a payment or credit note allocated to it";

/// A document's request with some of its fields changed.
fn with(mut ask: Value, resource: &str, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        ask[resource][0][name] = value.clone();
    }
    ask
}

fn note(number: &str, unit: f64) -> Value {
    json!({"CreditNotes": [{"Type": "ACCRECCREDIT", "Contact": {"Name": "P-17"},
        "Date": "2026-11-21", "CreditNoteNumber": number, "Status": "AUTHORISED",
        "LineAmountTypes": "Inclusive", "LineItems": [line(unit)]}]})
}

fn received(reference: &str) -> Value {
    json!({"BankTransactions": [{"Type": "RECEIVE", "Contact": {"Name": "P-17"},
        "LineItems": [{"Description": "Paid in advance", "Quantity": 1, "UnitAmount": 40,
            "AccountCode": "820"}], "BankAccount": {"Code": "091"}, "Date": "2026-11-21",
        "Reference": reference, "CurrencyCode": "EUR", "LineAmountTypes": "NoTax"}]})
}

impl Books<'_> {
    /// Puts one document and gives it as Xero answers it.
    async fn put(&self, resource: &str, ask: Value) -> Value {
        self.call("PUT", resource, "", ask).await.ok()[resource][0].clone()
    }
    async fn pay(&self, place: &str, id: &Value, account: Value, amount: f64) -> Answer {
        let name = format!("{place}ID");
        let ask = json!({"Payments": [{place: {name: id}, "Account": account,
            "Date": "2026-11-21", "Amount": amount}]});
        self.call("PUT", "Payments", "", ask).await
    }
    async fn allocate(&self, note: &Value, invoice: &Value, amount: f64, key: &str) -> Answer {
        let ask = json!({"Allocations": [{"Invoice": {"InvoiceID": invoice},
            "Amount": amount, "Date": "2026-11-21"}]});
        let path = format!("CreditNotes/{}/Allocations", note.as_str().unwrap());
        self.call("PUT", &path, key, ask).await
    }
    async fn set_status(&self, resource: &str, id: &Value, status: &str) -> Answer {
        let name = format!("{}ID", resource.trim_end_matches('s'));
        let ask = json!({resource: [{name: id, "Status": status}]});
        let path = format!("{resource}/{}", id.as_str().unwrap());
        self.call("POST", &path, "", ask).await
    }
    async fn read(&self, resource: &str, id: &Value) -> Value {
        let path = format!("{resource}/{}", id.as_str().unwrap());
        self.get(&path).await[resource][0].clone()
    }
}

#[track_caller]
fn refused(answer: &Answer, words: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json()["Type"], "ValidationException");
    assert!(messages(answer).contains(words), "{words}: {}", answer.text);
}

#[track_caller]
fn has(body: &Value, fields: Value) {
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(&body[name], value, "{name} of {body}");
    }
}

#[tokio::test]
async fn an_allocation_takes_from_the_note_and_the_invoice_and_both_list_it() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let bill = books.put("Invoices", invoice("M-1")).await["InvoiceID"].clone();
    let credit = books.put("CreditNotes", note("CR-1", 160.0)).await["CreditNoteID"].clone();
    let first = books.allocate(&credit, &bill, 50.0, "a1").await.ok();
    let again = books.allocate(&credit, &bill, 50.0, "a1").await.ok();
    assert_eq!(again["Allocations"], first["Allocations"]);
    has(
        &books.read("Invoices", &bill).await,
        json!({"AmountDue": 100, "AmountCredited": 50, "AmountPaid": 0, "Status": "AUTHORISED"}),
    );
    refused(&books.allocate(&credit, &bill, 100.01, "").await, TOO_MUCH);
    books.allocate(&credit, &bill, 100.0, "").await.ok();
    let there = books.read("Invoices", &bill).await;
    has(
        &there,
        json!({"AmountDue": 0, "AmountCredited": 150, "Status": "PAID"}),
    );
    assert_eq!(there["CreditNotes"].as_array().unwrap().len(), 2);
    has(
        &there["CreditNotes"][1],
        json!({"CreditNoteID": credit, "AppliedAmount": 100}),
    );
    refused(&books.allocate(&credit, &bill, 1.0, "").await, PAID_OFF);
    let given = books.read("CreditNotes", &credit).await;
    has(
        &given,
        json!({"RemainingCredit": 10, "Status": "AUTHORISED"}),
    );
    assert_eq!(given["Allocations"][0]["Amount"], 50);
    assert_eq!(given["Allocations"][0]["Invoice"]["InvoiceID"], bill);
    refused(
        &books.set_status("CreditNotes", &credit, "VOIDED").await,
        SETTLED,
    );
    let bank = json!({"Code": "090"});
    let over = books.pay("CreditNote", &credit, bank.clone(), 10.01).await;
    refused(&over, "exceeds the amount outstanding");
    books.pay("CreditNote", &credit, bank, 10.0).await.ok();
    has(
        &books.read("CreditNotes", &credit).await,
        json!({"RemainingCredit": 0, "Status": "PAID"}),
    );
    let shown = bench.control("xero/credit_note/CR-1", json!({})).await.ok();
    assert_eq!(shown["Allocations"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_note_goes_only_to_an_open_invoice_of_its_contact_and_currency() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let credit = books.put("CreditNotes", note("CR-1", 60.0)).await["CreditNoteID"].clone();
    let with = |number: &str, changes: Value| with(invoice(number), "Invoices", changes);
    for (number, changes, words) in [
        ("M-1", json!({"Contact": {"Name": "P-18"}}), "contact"),
        ("M-2", json!({"CurrencyCode": "AUD"}), "currency"),
        ("M-3", json!({"Type": "ACCPAY"}), "invoice type"),
        ("M-4", json!({"Status": "DRAFT"}), "Invoice not of valid"),
    ] {
        let other = books.put("Invoices", with(number, changes)).await["InvoiceID"].clone();
        let answer = books.allocate(&credit, &other, 10.0, "").await;
        refused(&answer, words);
        let said = answer.json()["Elements"][0]["ValidationErrors"].clone();
        assert_eq!(said.as_array().unwrap().len(), 1, "{said}");
    }
    let bill = books.put("Invoices", invoice("M-5")).await["InvoiceID"].clone();
    for amount in [0.0, -5.0, 1.001] {
        let answer = books.allocate(&credit, &bill, amount, "").await;
        refused(&answer, "greater than zero");
    }
    let unknown = json!(TENANT);
    refused(
        &books.allocate(&credit, &unknown, 1.0, "").await,
        "Invoice could not be found",
    );
    assert_eq!(books.allocate(&unknown, &bill, 1.0, "").await.status, 404);
    books.set_status("Invoices", &bill, "VOIDED").await.ok();
    refused(
        &books.allocate(&credit, &bill, 1.0, "").await,
        "Invoice not of valid",
    );
    let open = books.put("Invoices", invoice("M-6")).await["InvoiceID"].clone();
    books
        .set_status("CreditNotes", &credit, "VOIDED")
        .await
        .ok();
    refused(
        &books.allocate(&credit, &open, 1.0, "").await,
        "Credit Note not of valid",
    );
    has(
        &books.read("Invoices", &open).await,
        json!({"AmountDue": 150, "AmountCredited": 0, "CreditNotes": []}),
    );
}

#[tokio::test]
async fn an_invoice_is_voided_only_while_nothing_settled_it() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let bank = json!({"Code": "090"});
    let bill = books.put("Invoices", invoice("M-1")).await["InvoiceID"].clone();
    let paid = books.pay("Invoice", &bill, bank.clone(), 20.0).await.ok();
    refused(
        &books.set_status("Invoices", &bill, "VOIDED").await,
        SETTLED,
    );
    let payment = &paid["Payments"][0]["PaymentID"];
    let path = format!("Payments/{}", payment.as_str().unwrap());
    let gone = json!({"Status": "DELETED"});
    books.call("POST", &path, "", gone).await.ok();
    let credit = books.put("CreditNotes", note("CR-1", 60.0)).await["CreditNoteID"].clone();
    let credited = books.put("Invoices", invoice("M-2")).await["InvoiceID"].clone();
    books.allocate(&credit, &credited, 5.0, "").await.ok();
    refused(
        &books.set_status("Invoices", &credited, "VOIDED").await,
        SETTLED,
    );
    books
        .pay("Invoice", &credited, bank.clone(), 145.0)
        .await
        .ok();
    let whole = books.set_status("Invoices", &credited, "VOIDED").await;
    refused(&whole, "not of valid status");

    let voided = books.set_status("Invoices", &bill, "VOIDED").await.ok();
    has(
        &voided["Invoices"][0],
        json!({"Status": "VOIDED", "AmountDue": 0, "Payments": []}),
    );
    let again = books.set_status("Invoices", &bill, "VOIDED").await.ok();
    assert_eq!(again["Invoices"], voided["Invoices"]);
    assert_eq!(
        books.read("Invoices", &bill).await,
        voided["Invoices"][0].clone()
    );
    refused(
        &books.set_status("Invoices", &bill, "AUTHORISED").await,
        "not of valid status",
    );
    refused(
        &books.pay("Invoice", &bill, bank, 1.0).await,
        "only be made against Authorised",
    );
    // Its number is free for another one.
    books.put("Invoices", invoice("M-1")).await;
}

#[tokio::test]
async fn money_received_without_an_invoice_is_entered_found_and_deleted() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let ask = received("r-1");
    let made = books
        .call("PUT", "BankTransactions", "k1", ask.clone())
        .await
        .ok();
    let made = &made["BankTransactions"][0];
    has(
        made,
        json!({"Status": "AUTHORISED", "Total": 40, "TotalTax": 0, "Reference": "r-1"}),
    );
    assert_eq!(made["BankAccount"]["Name"], "Till");
    let again = books.call("PUT", "BankTransactions", "k1", ask).await.ok();
    let id = &made["BankTransactionID"];
    assert_eq!(&again["BankTransactions"][0]["BankTransactionID"], id);
    let other = books
        .call("PUT", "BankTransactions", "k1", received("r-2"))
        .await;
    assert_eq!(other.status, 400);
    books.put("BankTransactions", received("r-2")).await;
    let found = books
        .get("BankTransactions?where=Reference%3D%3D%22r-1%22")
        .await;
    assert_eq!(found["BankTransactions"], json!([made]));
    assert_eq!(&books.read("BankTransactions", id).await, made);

    refused(
        &books.set_status("BankTransactions", id, "AUTHORISED").await,
        "only be deleted",
    );
    // As the contract wants it: whole, and not its status alone.
    let whole = json!({"BankTransactionID": id, "Status": "DELETED"});
    let whole = with(received("r-1"), "BankTransactions", whole);
    let path = format!("BankTransactions/{}", id.as_str().unwrap());
    let gone = books.call("POST", &path, "", whole).await.ok();
    assert_eq!(gone["BankTransactions"][0]["Status"], "DELETED");
    refused(
        &books.set_status("BankTransactions", id, "DELETED").await,
        "only once",
    );
    let fixed = with(
        received("r-3"),
        "BankTransactions",
        json!({"IsReconciled": true}),
    );
    let fixed = books.put("BankTransactions", fixed).await["BankTransactionID"].clone();
    refused(
        &books
            .set_status("BankTransactions", &fixed, "DELETED")
            .await,
        "reconciled",
    );
    let shown = bench
        .control("xero/bank_transactions/r-1", json!({}))
        .await
        .ok();
    assert_eq!(shown[0]["Status"], "DELETED");
}

#[tokio::test]
async fn what_is_wrong_with_money_received_is_named() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let lines = |changes: Value| {
        let one = received("r-1")["BankTransactions"][0]["LineItems"].clone();
        let items = with(json!({"LineItems": one}), "LineItems", changes);
        json!({"LineItems": items["LineItems"]})
    };
    for (changes, words) in [
        (json!({"Type": null}), "Type"),
        (json!({"Contact": null}), "at least 1 of the following"),
        (json!({"Contact": {"ContactID": TENANT}}), "does not exist"),
        (json!({"BankAccount": {"Code": "200"}}), "type BANK"),
        (json!({"BankAccount": null}), "type BANK"),
        (json!({"LineItems": []}), "line items"),
        (lines(json!({"AccountCode": "091"})), "Account code"),
        (lines(json!({"AccountCode": "610"})), "Account code"),
        (lines(json!({"AccountCode": "777"})), "Account code"),
        (lines(json!({"Description": null})), "Description"),
        (lines(json!({"UnitAmount": 0})), "total"),
        (json!({"Date": "21.11.2026"}), "Date"),
        (json!({"Status": "DELETED"}), "AUTHORISED"),
    ] {
        let ask = with(received("r-1"), "BankTransactions", changes);
        refused(&books.call("PUT", "BankTransactions", "", ask).await, words);
    }
    let transfer = with(
        received("r-1"),
        "BankTransactions",
        json!({"Type": "RECEIVE-TRANSFER"}),
    );
    let unknown = books.call("PUT", "BankTransactions", "", transfer).await;
    assert_eq!(unknown.json()["Type"], "PostDataInvalidException");
    assert_eq!(
        books.get("BankTransactions").await["BankTransactions"],
        json!([])
    );
}

#[tokio::test]
async fn a_payment_goes_to_a_bank_account_or_one_that_takes_payments() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let bill = books.put("Invoices", invoice("M-1")).await["InvoiceID"].clone();
    let all = books.get("Accounts").await["Accounts"].clone();
    let mut taking = Vec::new();
    for account in all.as_array().unwrap() {
        let code = account["Code"].as_str().unwrap();
        let by_id = json!({"AccountID": account["AccountID"]});
        let answer = books.pay("Invoice", &bill, by_id, 1.0).await;
        if account["Type"] == "BANK" || account["EnablePaymentsToAccount"] == true {
            assert_eq!(answer.ok()["Payments"][0]["Account"]["Code"], code);
            taking.push(code);
        } else {
            refused(&answer, "Account could not be found");
        }
    }
    assert_eq!(taking, ["090", "091", "092", "093", "820"]);
    for code in ["200", "777", "x y"] {
        let account = json!({"Code": code});
        let answer = books.pay("Invoice", &bill, account, 1.0).await;
        refused(&answer, "Account could not be found");
    }
}

#[tokio::test]
async fn a_draft_is_approved_only_with_the_accounts_of_its_lines() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let bare = json!({"Status": "DRAFT", "LineItems": [{"Description": "Session",
        "UnitAmount": 10}]});
    let draft = with(invoice("M-1"), "Invoices", bare);
    let draft = books.put("Invoices", draft).await["InvoiceID"].clone();
    refused(
        &books.set_status("Invoices", &draft, "AUTHORISED").await,
        "Account code",
    );
    books.set_status("Invoices", &draft, "DELETED").await.ok();
}

#[tokio::test]
async fn every_account_has_what_was_booked_there_and_together_they_come_to_nothing() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let bill = books.put("Invoices", invoice("M-1")).await["InvoiceID"].clone();
    let credit = books.put("CreditNotes", note("CR-1", 55.0)).await["CreditNoteID"].clone();
    let of = |code: &str| json!({"Code": code});
    books.pay("Invoice", &bill, of("091"), 30.0).await.ok();
    books.pay("Invoice", &bill, of("820"), 25.0).await.ok();
    books.allocate(&credit, &bill, 50.0, "").await.ok();
    books.pay("CreditNote", &credit, of("090"), 5.0).await.ok();
    books.put("BankTransactions", received("r-1")).await;
    let spent = json!({"Type": "SPEND", "LineItems": [{"Description": "Given back",
        "UnitAmount": 2.5, "AccountCode": "820"}]});
    let spent = with(received("r-2"), "BankTransactions", spent);
    books.put("BankTransactions", spent).await;
    // None of these counts: deleted, voided, a draft, in another currency.
    let gone = books.put("BankTransactions", received("r-3")).await["BankTransactionID"].clone();
    let gone = books.set_status("BankTransactions", &gone, "DELETED").await;
    assert_eq!(gone.status, 200);
    let voided = books.put("Invoices", invoice("M-2")).await["InvoiceID"].clone();
    books.set_status("Invoices", &voided, "VOIDED").await.ok();
    for (number, changes) in [
        ("M-3", json!({"Status": "DRAFT"})),
        ("M-4", json!({"CurrencyCode": "AUD"})),
    ] {
        let other = with(invoice(number), "Invoices", changes);
        books.put("Invoices", other).await;
    }
    let stands = bench.control("xero/accounts/EUR", json!({})).await.ok();
    for (code, payments, bank_transactions, balance) in [
        ("090", -5.0, 0.0, -5.0),
        ("091", 30.0, 37.5, 67.5),
        ("092", 0.0, 0.0, 0.0),
        ("820", 25.0, -37.5, -12.5),
        // 150 less 55 with their tax, which a tenth of the net was.
        ("200", 0.0, 0.0, -86.36),
        ("825", 0.0, 0.0, -8.64),
        // 150 - 55 - 30 - 25 + 5: what M-1 still owes.
        ("610", -50.0, 0.0, 45.0),
    ] {
        let account = &stands[code];
        let found = ["payments", "bank_transactions", "balance"].map(|name| &account[name]);
        let wanted = [payments, bank_transactions, balance];
        assert!(found == wanted, "{code}: {found:?} and not {wanted:?}");
    }
    let there = books.read("Invoices", &bill).await;
    assert_eq!(there["AmountDue"], stands["610"]["balance"]);
    let balances = stands.as_object().unwrap().values();
    let cents = balances.map(|one| (one["balance"].as_f64().unwrap() * 100.0).round() as i64);
    assert_eq!(cents.sum::<i64>(), 0, "{stands}");
    let aud = bench.control("xero/accounts/AUD", json!({})).await.ok();
    assert_eq!(aud["610"]["balance"], 150);
}
