//! A patient, an invoice, and what each vendor itself knows of it.

use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

/// Whom no message reaches.
pub fn patient(stack: &Stack) -> String {
    id(&stack
        .post("/v1/patients", &json!({ "reference": unique("P") }))
        .json())
}

pub fn reachable_patient(stack: &Stack) -> String {
    let reference = unique("P");
    let person = json!({
        "reference": reference,
        "name": "Juniper Vale",
        "email": format!("{reference}@example.test"),
        "phone": "+61370100142",
    });
    id(&stack.post("/v1/patients", &person).json())
}

pub fn keep_card(stack: &Stack, patient: &str) {
    let method =
        json!({ "gateway": "stripe", "token": "pm_card_visa", "label": "Visa ending 4242" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    assert!(stack.post(&path, &method).status < 300);
}

pub fn lines() -> Value {
    let unit = json!({ "amount": "60.00", "currency": "EUR" });
    json!([{ "description": "Visit", "quantity": 1, "unit": unit, "tax_rate": "0", "tax_included": true }])
}

/// Null where it is not made yet.
pub fn invoice(stack: &Stack, case: &str) -> Value {
    stack.get(&format!("/v1/invoices/{case}")).json()
}

pub fn id(value: &Value) -> String {
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {value}"))
        .to_owned()
}

pub fn same(what: &str, found: &Value, wanted: &str) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what} is {found}, not {wanted}"))
    }
}

pub fn count(what: &str, found: usize, wanted: usize) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{found} {what}, not {wanted}"))
    }
}

pub fn waits_for_a_person(stack: &Stack, case: &str, alert: &str) -> bool {
    let tasks = stack.get("/v1/tasks?limit=100").expect(200);
    let mut tasks = tasks["tasks"].as_array().into_iter().flatten();
    tasks.any(|task| task["case"] == case && task["alert"] == alert)
}

/// How many messages arrived that begin so and name this.
pub fn told(stack: &Stack, system: &str, name: &str, begin: &str) -> usize {
    let all = messages(stack, system, name);
    all.iter().filter(|text| text.starts_with(begin)).count()
}

/// The texts of the messages that arrived and name this.
pub fn messages(stack: &Stack, system: &str, name: &str) -> Vec<String> {
    let about =
        |message: &&Value| message["system"] == system && message.to_string().contains(name);
    let outbox = stack.outbox();
    let texts = outbox.iter().filter(about).map(|message| &message["text"]);
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What succeeded at Stripe for this case, as Stripe itself has it.
pub fn at_stripe(stack: &Stack, kind: &str, case: &str) -> Vec<Value> {
    let of_case = |object: &Value| {
        let reference = object["metadata"]["reference"].as_str();
        reference.is_some_and(|r| r.starts_with(case)) && object["status"] == "succeeded"
    };
    let mut all = listed_at_stripe(stack, kind);
    all.retain(of_case);
    all
}

/// The addresses of the pages on which this case can be paid.
pub fn pages_at_stripe(stack: &Stack, case: &str) -> Vec<String> {
    let of_case = |page: &Value| {
        let reference = page["client_reference_id"].as_str()?;
        let url = page["url"].as_str()?;
        reference.starts_with(case).then(|| url.to_owned())
    };
    let all = listed_at_stripe(stack, "checkout/sessions");
    all.iter().filter_map(of_case).collect()
}

fn listed_at_stripe(stack: &Stack, kind: &str) -> Vec<Value> {
    let url = format!("{}/stripe/v1/{kind}?limit=100", stack.vendors);
    let headers = [
        ("authorization", "Bearer sk_test_demo"),
        ("stripe-version", "2023-08-16"),
    ];
    let listed = stack.send("GET", &url, &headers, b"").expect(200);
    listed["data"].as_array().cloned().unwrap_or_default()
}

/// How many payments Xero has of this invoice, which it must have once.
pub fn in_the_books(stack: &Stack, number: &str) -> Result<usize, String> {
    let ask = "grant_type=client_credentials&client_id=demo&client_secret=demo";
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let url = format!("{}/xero/connect/token", stack.vendors);
    let token = stack.send("POST", &url, &form, ask.as_bytes()).expect(200);
    let bearer = format!(
        "Bearer {}",
        token["access_token"].as_str().unwrap_or_default()
    );
    let headers = [
        ("authorization", bearer.as_str()),
        ("accept", "application/json"),
        ("xero-tenant-id", "00000000-0000-4000-8000-000000000000"),
    ];
    let url = format!(
        "{}/xero/api.xro/2.0/Invoices?InvoiceNumbers={number}",
        stack.vendors
    );
    let found = stack.send("GET", &url, &headers, b"").expect(200);
    let found = found["Invoices"].as_array().cloned().unwrap_or_default();
    count("invoices in the books", found.len(), 1)?;
    Ok(found[0]["Payments"].as_array().map_or(0, Vec::len))
}
