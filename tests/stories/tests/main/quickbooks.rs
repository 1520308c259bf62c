//! A clinic's books at QuickBooks over the whole life of an invoice: what stands on its accounts is
//! what stands on ours, whatever is lost on the way.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const VENDOR: &str = "quickbooks";

/// Their id of whom this invoice is for.
fn customer(stack: &Stack, invoice: &Value) -> String {
    let customer = &filed(stack, "Invoice", invoice)[0]["CustomerRef"]["value"];
    customer.as_str().expect("an id").to_owned()
}

/// What stands on each account there of one customer, in cents.
fn accounts(stack: &Stack, customer: &str) -> BTreeMap<String, i64> {
    let shown = stack.at_vendor(VENDOR, &format!("accounts/EUR/{customer}"), &json!({}));
    let all = shown.as_object().expect("accounts").iter();
    let cents = |sum: &Value| (sum.as_f64().expect("a balance") * 100.0).round() as i64;
    all.map(|(id, sum)| (id.clone(), cents(sum))).collect()
}

/// Debtors, the bank, sales with what was refunded of them, and tax: there and here.
fn both(stack: &Stack, invoice: &Value) -> [[i64; 4]; 2] {
    let case = &id(invoice);
    books_hold(stack, case);
    let stands = accounts(stack, &customer(stack, invoice));
    let there = |id: &str| stands.get(id).copied().unwrap_or(0);
    let path = format!("/v1/audit/verify?case={case}");
    let verified = stack.get(&path).expect(200);
    let ours = |begins: &[&str]| {
        let all = verified["balances"].as_array().expect("balances").iter();
        let named = |of: &&Value| {
            let name = of["account"].as_str().expect("a name");
            begins.iter().any(|begin| name.starts_with(begin))
        };
        let cents = |of: &Value| {
            let text = of["balance"]["amount"].as_str().expect("an amount");
            text.replace('.', "").parse::<i64>().expect("cents")
        };
        all.filter(named).map(cents).sum()
    };
    let here = [
        ours(&["receivable"]),
        ours(&["gateway:"]),
        ours(&["revenue", "refunds"]),
        ours(&["tax"]),
    ];
    [["84", "35", "79", "90"].map(there), here]
}

/// Those of an entity there that speak of this invoice and are not deleted.
fn filed(stack: &Stack, entity: &str, invoice: &Value) -> Vec<Value> {
    let all = stack.at_vendor(VENDOR, &format!("all/{entity}"), &json!({}));
    let number = invoice["number"].as_str().expect("a number");
    let (case, line) = (id(invoice), format!("Invoice {number}"));
    let of = |one: &Value| {
        let paid = one["PaymentRefNum"].as_str().unwrap_or_default();
        let sold = &one["Line"][0]["Description"];
        one["status"] != "Deleted" && (paid.starts_with(&case) || *sold == *line)
    };
    let mut all = all.as_array().cloned().unwrap_or_default();
    all.retain(of);
    all
}

fn told(stack: &Stack, case: &str) {
    stack.advance(1800);
    stack.quiet();
    let path = format!("/v1/deliveries?case={case}");
    let told = stack.get(&path).expect(200);
    for one in told["deliveries"].as_array().expect("deliveries") {
        let over = matches!(one["state"].as_str(), Some("done" | "skipped"));
        assert!(over || one["system"] != VENDOR, "{one}");
    }
}

fn refund(stack: &Stack, case: &str, amount: &str) {
    let amount = json!({ "amount": amount, "currency": "EUR" });
    let wanted = json!({ "invoice": case, "amount": amount });
    stack
        .post_as("/v1/refunds", &wanted, &unique("refund"))
        .expect(202);
    stack.quiet();
}

#[test]
fn one_refund_counts_once_from_the_invoice_to_its_chargeback_and_back() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let made = invoice(stack, &patient, "saved_method", "stripe");
    let case = id(&made);
    stack.quiet();
    told(stack, &case);
    let agree = |what: &str| {
        let [there, here] = both(stack, &made);
        assert_eq!(there, here, "{what}: debtors, bank, sales, tax");
        here
    };
    assert_eq!(agree("paid")[..2], [0, 6000]);
    refund(stack, &case, "11.00");
    told(stack, &case);
    let documents = |entity| filed(stack, entity, &made).len();
    assert_eq!(agree("refunded in part")[..2], [0, 4900]);
    assert_eq!(
        [
            documents("Invoice"),
            documents("Payment"),
            documents("RefundReceipt"),
            documents("CreditMemo")
        ],
        [1, 1, 1, 0]
    );
    let receipt = &filed(stack, "RefundReceipt", &made)[0];
    assert_eq!(
        receipt["CustomerRef"],
        filed(stack, "Invoice", &made)[0]["CustomerRef"]
    );
    assert_eq!(receipt["PaymentRefNum"], format!("{case}-r1"));
    // The payer's bank takes the rest back, and gives it again.
    let read = read_invoice(stack, &case);
    let payment = read["payments"][0]["gateway_ref"]
        .as_str()
        .expect("an id")
        .to_owned();
    stack.at_vendor("stripe", &format!("dispute/{payment}"), &json!({}));
    stack.quiet();
    stack.at_vendor("stripe", &format!("dispute/{payment}/lost"), &json!({}));
    stack.quiet();
    told(stack, &case);
    agree("charged back");
    assert_eq!([documents("Payment"), documents("RefundReceipt")], [1, 1]);
}

#[test]
fn what_is_filed_at_quickbooks_is_there_once_though_replies_are_lost() {
    let (stack, _alone) = alone();
    for (path, action) in [
        ("/customer", "cut_after"),
        ("/invoice", "cut_before"),
        ("/invoice", "cut_after"),
        ("/payment", "cut_before"),
        ("/payment", "kill_after"),
        ("/refundreceipt", "cut_after"),
        ("/query", "status:500"),
        ("/", "status:429"),
    ] {
        let patient = patient(stack);
        keep_card(stack, &patient, "pm_card_visa");
        let fault = json!({ "vendor": VENDOR, "path": path, "action": action, "times": 1 });
        stack.faults(&json!({ "vendors": [fault] }));
        let made = invoice(stack, &patient, "saved_method", "stripe");
        let case = id(&made);
        stack.quiet();
        refund(stack, &case, "22.00");
        told(stack, &case);
        stack.faults(&json!({}));
        told(stack, &case);
        for entity in ["Invoice", "Payment", "RefundReceipt"] {
            let filed = filed(stack, entity, &made);
            assert_eq!(filed.len(), 1, "{path} {action} {entity}: {filed:#?}");
            assert!(!json!(filed).to_string().contains("Juniper"), "{filed:#?}");
        }
        let invoice = &filed(stack, "Invoice", &made)[0];
        assert_eq!(
            (&invoice["TotalAmt"], &invoice["Balance"]),
            (&json!(60), &json!(0))
        );
    }
}

#[test]
fn a_credit_note_and_a_void_invoice_leave_nothing_open_there() {
    let (stack, _alone) = alone();
    let made = invoice(stack, &patient(stack), "later", "stripe");
    let case = id(&made);
    let note = json!({ "amount": { "amount": "33.00", "currency": "EUR" } });
    let path = format!("/v1/invoices/{case}/credit-notes");
    stack.post_as(&path, &note, &unique("note")).expect(201);
    stack.quiet();
    told(stack, &case);
    let [there, here] = both(stack, &made);
    assert_eq!(there, here);
    let filed_there = |entity| filed(stack, entity, &made);
    assert_eq!(filed_there("Invoice")[0]["Balance"], 27);
    assert_eq!(filed_there("CreditMemo")[0]["RemainingCredit"], 0);
    let other = invoice(stack, &patient(stack), "later", "stripe");
    stack.quiet();
    let theirs = customer(stack, &other);
    assert_eq!(accounts(stack, &theirs)["84"], 6000);
    let void = format!("/v1/invoices/{}/void", id(&other));
    stack.post(&void, &json!({})).expect(200);
    stack.quiet();
    told(stack, &id(&other));
    assert!(accounts(stack, &theirs).is_empty(), "it leaves nothing");
}

#[test]
fn what_a_closed_month_refuses_is_filed_once_it_is_opened() {
    let (stack, _alone) = alone();
    stack.at_vendor(VENDOR, "close", &json!({ "until": "2999-12-31" }));
    let made = invoice(stack, &patient(stack), "later", "stripe");
    let case = id(&made);
    stack.quiet();
    let path = format!("/v1/deliveries?case={case}&system={VENDOR}");
    let of = || stack.get(&path).expect(200)["deliveries"][0].clone();
    let failed = of();
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(failed.to_string().contains("6210"), "{failed}");
    assert!(filed(stack, "Invoice", &made).is_empty());
    stack.at_vendor(VENDOR, "close", &json!({ "until": "" }));
    let again = format!(
        "/v1/deliveries/{case}/{}/repeat",
        failed["id"].as_str().expect("an id")
    );
    stack.post(&again, &json!({})).expect(202);
    stack.quiet();
    assert_eq!(of()["state"], "done");
    assert_eq!(filed(stack, "Invoice", &made).len(), 1);
}

#[test]
fn a_customer_that_staff_put_away_is_made_anew_for_the_next_invoice() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    let of = |made: &Value| {
        told(stack, &id(made));
        let filed = filed(stack, "Invoice", made);
        filed[0]["CustomerRef"]["value"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let first = invoice(stack, &patient, "later", "stripe");
    let before = of(&first);
    let second = invoice(stack, &patient, "later", "stripe");
    assert_eq!(of(&second), before);
    stack.at_vendor(VENDOR, &format!("put_away/{before}"), &json!({}));
    let third = invoice(stack, &patient, "later", "stripe");
    assert_ne!(of(&third), before);
}
