//! What the stories share: a patient with a card on file, an appointment, an invoice.

use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

/// A patient whom messages reach.
pub fn patient(stack: &Stack) -> String {
    let reference = unique("P");
    let patient = json!({
        "reference": reference,
        "name": "Juniper Vale",
        "email": format!("{reference}@example.test"),
        "phone": "+61370100142",
    });
    let made = stack.post("/v1/patients", &patient);
    assert!(matches!(made.status, 200 | 201), "{}", made.text);
    made.json()["id"].as_str().expect("an id").to_owned()
}

/// A card that Stripe keeps and that is charged without trouble, or with this one.
pub fn keep_card(stack: &Stack, patient: &str, token: &str) {
    let method = json!({
        "gateway": "stripe",
        "token": token,
        "label": "Visa ending 4242",
    });
    let kept = stack.post(&format!("/v1/patients/{patient}/payment-methods"), &method);
    assert!(matches!(kept.status, 200 | 201), "{}", kept.text);
}

/// One line of 60.00 with ten per cent of tax included.
pub fn lines() -> Value {
    json!([{
        "description": "Initial visit, 45 minutes",
        "quantity": 1,
        "unit": { "amount": "60.00", "currency": "EUR" },
        "tax_rate": "10",
        "tax_included": true,
    }])
}

pub fn invoice(stack: &Stack, patient: &str, collect: &str, gateway: &str) -> Value {
    let body = json!({
        "patient": patient,
        "collect": collect,
        "gateway": gateway,
        "lines": lines(),
    });
    stack.post("/v1/invoices", &body).expect(201)
}

pub fn read_invoice(stack: &Stack, id: &str) -> Value {
    stack.get(&format!("/v1/invoices/{id}")).expect(200)
}

pub fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// The address of the gateway's page, once it was opened.
pub fn checkout(stack: &Stack, invoice: &str) -> String {
    stack.quiet();
    let read = read_invoice(stack, invoice);
    match read["checkout_url"].as_str() {
        Some(url) => url.to_owned(),
        // No address leads there: ours has a form that a browser posts.
        None => led_to(
            stack,
            &mailed_page(stack, read["number"].as_str().expect("a number")),
        ),
    }
}

/// Where a payer's browser comes to that presses Pay on our own page.
pub fn led_to(stack: &Stack, ours: &str) -> String {
    let led = stack.send("POST", ours, &[], b"");
    let behind = |from: &str, name: &str| {
        let (_, rest) = from.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let led = match led.status {
        303 => led,
        _ => {
            let (_, form) = led.text.split_once("<form").expect("a form");
            let (_, field) = form.split_once("<input").expect("a field");
            let [to, name, value] = [
                behind(form, "action"),
                behind(field, "name"),
                behind(field, "value"),
            ]
            .map(|text| text.unwrap_or_else(|| panic!("no form leads on: {form}")));
            let kind = [("content-type", "application/x-www-form-urlencoded")];
            stack.send("POST", &to, &kind, format!("{name}={value}").as_bytes())
        }
    };
    let location = led.header("location");
    location
        .unwrap_or_else(|| panic!("no page was opened: {} {}", led.status, led.text))
        .to_owned()
}

/// The books of a case are whole.
#[track_caller]
pub fn books_hold(stack: &Stack, case: &str) {
    let verified = stack
        .get(&format!("/v1/audit/verify?case={case}"))
        .expect(200);
    assert_eq!(verified["holds"], true, "{verified}");
}

/// Messages that mention this text.
pub fn messages(stack: &Stack, system: &str, text: &str) -> Vec<Value> {
    let about =
        |message: &&Value| message["system"] == system && message.to_string().contains(text);
    stack.outbox().iter().filter(about).cloned().collect()
}

/// Our own page, as the mail about this invoice carries it.
pub fn mailed_page(stack: &Stack, number: &str) -> String {
    let mails = messages(stack, "mailgun", number);
    let texts = mails.iter().filter_map(|mail| mail["text"].as_str());
    let words = texts.flat_map(str::split_whitespace);
    let mut pages = words.filter(|word| word.contains("/pay/"));
    let page = pages
        .next()
        .unwrap_or_else(|| panic!("no page in {mails:?}"));
    page.to_owned()
}

/// Pays as a person does, at the sandbox's page of this address.
pub fn pay_on_page(stack: &Stack, vendor: &str, page: &str) {
    // Some pages are told what they are of in the query, the others in the path.
    let path = page.split(['?', '#']).next().unwrap_or_default();
    let id = match page.split_once("token=") {
        Some((_, id)) => id,
        None => path.rsplit('/').next().unwrap_or_default(),
    };
    stack.at_vendor(vendor, &format!("pay/{id}"), &json!({ "outcome": "paid" }));
}
