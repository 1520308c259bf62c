//! What people enter in the clinic's accounting counts here once, what they take off there is due
//! again, and what we filed ourselves comes back and changes nothing.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

/// Those that the clinic has.
const BOOKS: [&str; 2] = ["xero", "quickbooks"];

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// An invoice in the books of this vendor: its id, what is due on it and what was paid, in cents.
fn there(stack: &Stack, books: &str, invoice: &Value) -> (String, [i64; 2]) {
    let number = invoice["number"].as_str().expect("a number");
    let cents = |sum: &Value| (sum.as_f64().expect("an amount") * 100.0).round() as i64;
    if books == "xero" {
        let one = stack.at_vendor(books, &format!("invoice/{number}"), &json!({}));
        let id = one["InvoiceID"].as_str().expect("an id").to_owned();
        return (id, [cents(&one["AmountDue"]), cents(&one["AmountPaid"])]);
    }
    let all = stack.at_vendor(books, "all/Invoice", &json!({}));
    let mut all = all.as_array().expect("invoices").iter();
    let one = all
        .find(|one| one["DocNumber"] == number)
        .expect("it is filed");
    let due = cents(&one["Balance"]);
    let id = one["Id"].as_str().expect("an id").to_owned();
    (id, [due, cents(&one["TotalAmt"]) - due])
}

/// Somebody enters a payment of so many cents there; its id.
fn entered(stack: &Stack, books: &str, invoice: &Value, cents: i64) -> String {
    let (id, _) = there(stack, books, invoice);
    let paid = stack.at_vendor(books, &format!("pay/{id}"), &json!({ "amount": cents }));
    stack.quiet();
    let id = paid["PaymentID"].as_str().or(paid["Id"].as_str());
    id.expect("an id").to_owned()
}

/// How many payments we filed there.
fn filed(stack: &Stack, books: &str) -> usize {
    let method = if books == "xero" { "PUT" } else { "POST" };
    let is_payment = |call: &Value| {
        let path = call["path"].as_str().unwrap_or_default().to_lowercase();
        let path = path.split('?').next().unwrap_or_default();
        path.ends_with("/payments") || path.ends_with("/payment")
    };
    let all = stack.calls(books).into_iter();
    all.filter(|call| call["method"] == method && is_payment(call))
        .count()
}

fn balances(stack: &Stack, case: &str) -> Value {
    books_hold(stack, case);
    let path = format!("/v1/audit/verify?case={case}");
    stack.get(&path).expect(200)["balances"].clone()
}

/// The states of what these books told, of this case and of none.
fn told(stack: &Stack, books: &str) -> Vec<(String, String)> {
    let path = format!("/v1/events?source={books}&limit=100");
    let page = stack.get(&path).expect(200);
    let all = page["events"].as_array().expect("events").iter();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    all.map(|one| (text(one, "state"), text(one, "case")))
        .collect()
}

#[test]
fn a_payment_entered_in_the_books_counts_once_here_and_the_card_pays_the_rest() {
    let (stack, _alone) = alone();
    for books in BOOKS {
        counts_once(stack, books);
    }
}

fn counts_once(stack: &Stack, books: &str) {
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let made = invoice(stack, &patient, "later", "stripe");
    let case = id(&made);
    stack.quiet();
    let before = filed(stack, books);
    entered(stack, books, &made, 2500);
    let known = read_invoice(stack, &case);
    let stands = (&known["due"], &known["status"]);
    assert_eq!(stands, (&eur("35.00"), &json!("part_paid")), "{known}");
    let tender = &known["tenders"][0];
    let came = (&tender["how"], &tender["amount"]);
    assert_eq!(came, (&json!("books"), &eur("25.00")), "{known}");
    assert_eq!(
        filed(stack, books),
        before,
        "they are not told what they told"
    );
    let ours = told(stack, books).into_iter().filter(|(_, of)| *of == case);
    assert_eq!(ours.map(|(state, _)| state).collect::<Vec<_>>(), ["posted"]);
    // The rest is charged, and filed as ever.
    let path = format!("/v1/invoices/{case}/charges");
    let charge = json!({ "collect": "saved_method" });
    stack.post_as(&path, &charge, &unique("rest")).expect(202);
    stack.quiet();
    assert_eq!(read_invoice(stack, &case)["status"], "paid");
    assert_eq!(filed(stack, books), before + 1);
    // The other books, where the clinic has them, have both from us.
    for books in BOOKS {
        assert_eq!(there(stack, books, &made).1, [0, 6000], "{books}");
    }
    let known = balances(stack, &case);
    let of = |name: &str| {
        let mut all = known.as_array().expect("balances").iter();
        let found = all.find(|one| one["account"] == name);
        found.map(|one| one["balance"]["amount"].clone())
    };
    assert_eq!(of("books"), Some(json!("25.00")), "{known}");
    assert_eq!(of("gateway:stripe"), Some(json!("35.00")), "{known}");
    // What we filed came back, and is none of theirs.
    let again = read_invoice(stack, &case);
    assert_eq!(
        again["tenders"].as_array().map(Vec::len),
        Some(1),
        "{again}"
    );
}

#[test]
fn a_payment_taken_off_in_the_books_is_due_again_and_one_taken_off_here_is_there_too() {
    let (stack, _alone) = alone();
    for books in BOOKS {
        taken_off(stack, books);
    }
}

fn taken_off(stack: &Stack, books: &str) {
    let made = invoice(stack, &patient(stack), "later", "stripe");
    let case = id(&made);
    stack.quiet();
    // The token that filed it does not hold any more.
    stack.advance(2 * 3600);
    let first = entered(stack, books, &made, 6000);
    assert_eq!(read_invoice(stack, &case)["status"], "paid");
    stack.at_vendor(books, &format!("unpay/{first}"), &json!({}));
    stack.quiet();
    let open = |stack: &Stack| {
        let known = read_invoice(stack, &case);
        let stands = (&known["due"], &known["status"]);
        assert_eq!(stands, (&eur("60.00"), &json!("open")), "{known}");
    };
    open(stack);
    // Entered anew, and taken off here.
    entered(stack, books, &made, 4000);
    let known = read_invoice(stack, &case);
    assert_eq!(known["due"], eur("20.00"), "{known}");
    let tender = known["tenders"][1]["id"].as_str().expect("an id");
    let path = format!("/v1/tenders/{tender}/reverse");
    stack.post(&path, &json!({})).expect(200);
    stack.quiet();
    for books in BOOKS {
        assert_eq!(there(stack, books, &made).1, [6000, 0], "{books}");
    }
    open(stack);
    assert!(!balances(stack, &case).to_string().contains("books"));
}

/// What the clinic's accounts are called there.
fn fields(books: &str) -> Value {
    let mut fields = json!({ "client_id": "demo", "client_secret": "demo" });
    let own = match books {
        "xero" => json!({
            "tenant_id": "00000000-0000-4000-8000-000000000000", "sales_account": "200",
            "bank_account": "090", "cash_account": "091", "terminal_account": "092",
            "fund_account": "093", "credit_account": "820", "tax_type": "NONE",
        }),
        _ => json!({
            "realm_id": "4620816365000000000", "income_item": "1", "deposit_account": "35",
            "tax_code": "2", "tax_code_0": "3", "cash_account": "36", "terminal_account": "37",
            "fund_account": "38", "credit_account": "40", "credit_item": "4",
            "environment": "sandbox",
        }),
    };
    let own = own.as_object().expect("fields").clone();
    fields.as_object_mut().expect("fields").extend(own);
    fields
}

/// Its list is asked no more: what is asked each hour would slow the stories that follow.
fn unlisted(stack: &Stack, books: &str) {
    let authorization = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/dynamodb/\
                         aws4_request, SignedHeaders=host, Signature=0";
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.DeleteItem"),
        ("authorization", authorization),
    ];
    let pk = format!("{}#poll#{books}", stack.clinic);
    let gone = json!({
        "TableName": "meridian-local-Table", "Key": { "pk": { "S": pk }, "sk": { "S": "poll#payments" } },
    });
    let sent = stack.send("POST", &stack.aws, &headers, gone.to_string().as_bytes());
    sent.expect(200);
}

#[test]
fn a_payment_whose_webhook_never_came_is_in_the_list_within_the_hour() {
    let (stack, _alone) = alone();
    for books in BOOKS {
        let path = format!("/v1/integrations/{books}");
        let put = json!({ "fields": fields(books) });
        stack.call("PUT", &path, &put, &unique("key")).expect(200);
        let made = invoice(stack, &patient(stack), "later", "stripe");
        let case = id(&made);
        stack.quiet();
        let off = json!({ "vendor": books, "action": "webhooks:off" });
        stack.faults(&json!({ "vendors": [off] }));
        entered(stack, books, &made, 6000);
        assert_eq!(read_invoice(stack, &case)["due"], eur("60.00"), "{books}");
        stack.faults(&json!({}));
        for _ in 0..2 {
            stack.advance(2 * 3600);
            stack.quiet();
            let known = read_invoice(stack, &case);
            assert_eq!(known["status"], "paid", "{books}: {known}");
            assert_eq!(
                known["tenders"].as_array().map(Vec::len),
                Some(1),
                "{known}"
            );
        }
        for books in BOOKS {
            assert_eq!(there(stack, books, &made).1, [0, 6000], "{books}");
        }
        unlisted(stack, books);
    }
}

#[test]
fn more_than_is_due_here_is_put_before_people_once() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    let made = invoice(stack, &patient, "later", "stripe");
    let case = id(&made);
    stack.quiet();
    // It is credited here while nobody can be told.
    let deaf = json!({ "vendor": "xero", "method": "PUT", "action": "status:503" });
    stack.faults(&json!({ "vendors": [deaf] }));
    let note = json!({ "amount": eur("50.00") });
    let path = format!("/v1/invoices/{case}/credit-notes");
    stack.post_as(&path, &note, &unique("note")).expect(201);
    let payment = entered(stack, "xero", &made, 6000);
    let about = |stack: &Stack| {
        let tasks = stack.get("/v1/tasks?limit=100").expect(200);
        let all = tasks["tasks"]
            .as_array()
            .expect("tasks")
            .clone()
            .into_iter();
        let of_it = all
            .filter(|task| task["invoice"] == made["number"] && task["alert"] == "contradiction");
        of_it.collect::<Vec<_>>()
    };
    let tasks = about(stack);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let words = tasks[0]["note"].as_str().expect("words");
    assert!(
        words.contains("60.00") && words.contains("10.00"),
        "{words}"
    );
    let known = read_invoice(stack, &case);
    assert_eq!(known["due"], eur("10.00"), "{known}");
    stack.at_vendor("xero", &format!("unpay/{payment}"), &json!({}));
    stack.faults(&json!({}));
    stack.advance(3600);
    stack.quiet();
    assert_eq!(about(stack).len(), 1);
}
