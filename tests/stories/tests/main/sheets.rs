//! A clinic's spreadsheet: a row for each thing that happened, once, whatever is lost on the way.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::Stack;
use serde_json::{Value, json};

const SHEETS: &str = "google-sheets";

/// The rows of the clinic's tab that name this invoice.
fn rows(stack: &Stack, invoice: &Value) -> Vec<Value> {
    let all = stack.at_vendor(SHEETS, "rows/Payments", &json!({}));
    let all = all.as_array().cloned().unwrap_or_default();
    let named = |row: &Value| row[5] == invoice["number"];
    all.into_iter().filter(named).collect()
}

fn paid(stack: &Stack) -> (String, Value) {
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let made = invoice(stack, &patient, "saved_method", "stripe");
    stack.quiet();
    (id(&made), made)
}

fn refund(stack: &Stack, case: &str) {
    let amount = json!({ "amount": "22.50", "currency": "EUR" });
    let wanted = json!({ "invoice": case, "amount": amount });
    stack.post("/v1/refunds", &wanted).expect(202);
    stack.quiet();
}

fn lost(stack: &Stack, cut: Option<&str>) {
    let fault = |action| json!({ "vendor": SHEETS, "method": "POST", "path": ":append", "action": action, "times": 1 });
    let faults: Vec<_> = cut.into_iter().map(fault).collect();
    stack.faults(&json!({ "vendors": faults }));
}

#[test]
fn a_payment_and_its_refund_are_a_row_each_though_replies_are_lost() {
    let (stack, _alone) = alone();
    for cut in [
        None,
        Some("cut_after"),
        Some("cut_before"),
        Some("kill_after"),
    ] {
        lost(stack, cut);
        let (case, invoice) = paid(stack);
        // Once Google has surely given up what it was asked, it is looked for.
        stack.advance(1800);
        stack.quiet();
        lost(stack, cut);
        refund(stack, &case);
        stack.advance(1800);
        stack.quiet();
        lost(stack, None);
        let rows = rows(stack, &invoice);
        let said = |row: &Value| [2, 3, 4].map(|at| row[at].clone());
        let said: Vec<_> = rows.iter().map(said).collect();
        let wanted = [
            [json!("paid"), json!(60.0), json!("EUR")],
            [json!("refunded"), json!(22.5), json!("EUR")],
        ];
        assert_eq!(said, wanted, "{cut:?}: {rows:#?}");
        assert!(
            rows[0][1]
                .as_str()
                .is_some_and(|patient| patient.starts_with("P-"))
        );
        assert_ne!(rows[0][7], rows[1][7], "each has a reference of its own");
        assert!(!json!(rows).to_string().contains("Juniper"), "{rows:#?}");
    }
    let all = stack.at_vendor(SHEETS, "rows/Payments", &json!({}));
    let named = [
        "Time",
        "Patient",
        "Status",
        "Amount",
        "Currency",
        "Invoice",
        "Refund",
        "Reference",
    ];
    assert_eq!(all[0], json!(named));
}

#[test]
fn a_spreadsheet_that_is_not_shared_is_one_task_that_says_with_whom_and_loses_no_row() {
    let (stack, _alone) = alone();
    stack.at_vendor(SHEETS, "unshare", &json!({}));
    let invoices = [paid(stack).1, paid(stack).1];
    let tasks = stack.get("/v1/tasks?limit=100").expect(200);
    let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
    let about = |task: &&Value| task.to_string().contains("Google Sheets");
    let about: Vec<_> = tasks.iter().filter(about).collect();
    assert_eq!(about.len(), 1, "{about:#?}");
    let account = "meridian@demo-clinic.iam.gserviceaccount.com";
    assert!(about[0].to_string().contains(account), "{}", about[0]);
    stack.at_vendor(SHEETS, "share", &json!({}));
    stack.advance(3600);
    stack.quiet();
    for invoice in &invoices {
        assert_eq!(rows(stack, invoice).len(), 1, "{invoice}");
    }
}
