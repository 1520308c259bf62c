//! The ways of money, and of the messages about it, through Meridian.

use crate::clinic::*;
use meridian_stack::{Stack, unique};
use serde_json::json;

/// What starts it, on a stack at rest, and what must be true at the end.
pub struct Path {
    pub name: &'static str,
    /// The functions whose calls are disturbed.
    pub functions: &'static [&'static str],
    /// The vendors whose webhooks do not come.
    pub unheard: &'static [&'static str],
    /// Prepares without disturbance; what `act` needs to know.
    pub before: fn(&Stack) -> String,
    /// What is disturbed; the case.
    pub act: fn(&Stack, &str) -> String,
    pub holds: fn(&Stack, &str) -> Result<(), String>,
}

pub const CHARGE: Path = Path {
    name: "a saved card is charged",
    functions: &["invoice-creation", "charge-execution"],
    unheard: &[],
    before: |stack| {
        let patient = patient(stack);
        keep_card(stack, &patient);
        let made = json!({ "patient": patient, "collect": "later", "lines": lines() });
        id(&stack.post("/v1/invoices", &made).expect(201))
    },
    act: |stack, case| {
        let path = format!("/v1/invoices/{case}/charges");
        stack.post(&path, &json!({ "method": "saved" })).expect(202);
        case.to_owned()
    },
    holds: charged_once,
};

pub const CHARGE_UNHEARD: Path = Path {
    name: "a saved card is charged, and no webhook comes",
    unheard: &["stripe"],
    ..CHARGE
};

pub const WEBHOOK: Path = Path {
    name: "a webhook is taken in and posted",
    functions: &["webhook-intake", "payment-posting"],
    unheard: &[],
    before: |stack| {
        let made = json!({ "collect": "checkout", "gateway": "stripe", "lines": lines() });
        id(&stack.post("/v1/invoices", &made).expect(201))
    },
    act: |stack, case| {
        let page = invoice(stack, case)["checkout_url"].clone();
        let page = page.as_str().unwrap_or_default();
        let page = page.rsplit('/').next().unwrap_or_default();
        let page = page.split(['?', '#']).next().unwrap_or_default();
        stack.at_vendor(
            "stripe",
            &format!("pay/{page}"),
            &json!({ "outcome": "paid" }),
        );
        case.to_owned()
    },
    holds: paid,
};

pub const REFUND: Path = Path {
    name: "a refund is executed",
    functions: &["refund-execution"],
    unheard: &[],
    before: paid_by_card,
    act: |stack, case| {
        let amount = json!({ "amount": "22.50", "currency": "EUR" });
        let wanted = json!({ "invoice": case, "amount": amount });
        stack.post("/v1/refunds", &wanted).expect(202);
        case.to_owned()
    },
    holds: |stack, case| {
        let invoice = invoice(stack, case);
        same("refunded", &invoice["refunded"]["amount"], "22.50")?;
        same("refundable", &invoice["refundable"]["amount"], "37.50")?;
        let refunds = at_stripe(stack, "refunds", case);
        count("refunds at the gateway", refunds.len(), 1)
    },
};

pub const REFUND_UNHEARD: Path = Path {
    name: "a refund is executed, and no webhook comes",
    unheard: &["stripe"],
    ..REFUND
};

pub const PAGE: Path = Path {
    name: "a session without a card opens a page",
    functions: &["invoice-creation", "charge-execution"],
    unheard: &[],
    before: |stack| booked(stack, &reachable_patient(stack), "checkout"),
    act: completed,
    holds: |stack, case| {
        let invoice = invoice(stack, case);
        same("status", &invoice["status"], "open")?;
        let payments = invoice["payments"].as_array().map_or(0, Vec::len);
        count("payments", payments, 1)?;
        let pages = pages_at_stripe(stack, case);
        count("pages at the gateway", pages.len(), 1)?;
        same("page", &invoice["checkout_url"], &pages[0])?;
        let number = invoice["number"].as_str().unwrap_or_default();
        let mails = messages(stack, "mailgun", number);
        count("mails", mails.len(), 1)?;
        let own = mails.iter().filter(|mail| mail.contains("/pay/")).count();
        count("mails with our own page", own, 1)
    },
};

pub const COMPLETION: Path = Path {
    name: "a session is completed and asked for until it is answered",
    functions: &["clinic-api"],
    unheard: &[],
    before: |stack| {
        let patient = patient(stack);
        keep_card(stack, &patient);
        booked(stack, &patient, "saved_method")
    },
    act: completed,
    holds: |stack, case| {
        charged_once(stack, case)?;
        let of = &invoice(stack, case)["appointment"];
        let all = stack.get("/v1/invoices?limit=100").expect(200);
        let all = all["invoices"].as_array().cloned().unwrap_or_default();
        let same = all.iter().filter(|one| one["appointment"] == *of).count();
        count("invoices of the session", same, 1)
    },
};

pub const BOOKS: Path = Path {
    name: "the books are told of an invoice",
    functions: &["system-delivery"],
    unheard: &[],
    before: patient,
    act: |stack, patient| {
        let made = json!({ "patient": patient, "collect": "later", "lines": lines() });
        id(&stack.post("/v1/invoices", &made).expect(201))
    },
    holds: |stack, case| {
        let number = invoice(stack, case)["number"].clone();
        let payments = in_the_books(stack, number.as_str().unwrap_or_default())?;
        count("payments in the books", payments, 0)
    },
};

pub const MESSAGES: Path = Path {
    name: "everybody is told of a payment",
    functions: &["system-delivery"],
    unheard: &[],
    before: |stack| {
        let patient = reachable_patient(stack);
        keep_card(stack, &patient);
        let made = json!({ "patient": patient, "collect": "later", "lines": lines() });
        id(&stack.post("/v1/invoices", &made).expect(201))
    },
    act: CHARGE.act,
    holds: everybody_was_told,
};

/// Here the books hear of the payment while they may not know the invoice yet.
pub const BOTH: Path = Path {
    name: "everybody is told of an invoice and its payment",
    before: |stack| {
        let patient = reachable_patient(stack);
        keep_card(stack, &patient);
        patient
    },
    act: |stack, patient| {
        let made = json!({ "patient": patient, "collect": "saved_method", "lines": lines() });
        id(&stack.post("/v1/invoices", &made).expect(201))
    },
    ..MESSAGES
};

fn everybody_was_told(stack: &Stack, case: &str) -> Result<(), String> {
    paid(stack, case)?;
    let invoice = invoice(stack, case);
    let number = invoice["number"].as_str().unwrap_or_default();
    count("mails", told(stack, "mailgun", number, ""), 1)?;
    count("texts", told(stack, "twilio", number, ""), 1)?;
    let payments = in_the_books(stack, number)?;
    count("payments in the books", payments, 1)?;
    // Slack cannot be asked: after a lost reply a person decides.
    match told(stack, "slack", number, "Paid:") {
        1 => Ok(()),
        0 if waits_for_a_person(stack, case, "delivery_failed") => Ok(()),
        0 => Err("staff were not told, and nobody is asked to".into()),
        more => Err(format!("staff were told {more} times")),
    }
}

fn paid_by_card(stack: &Stack) -> String {
    let patient = patient(stack);
    keep_card(stack, &patient);
    let made = json!({ "patient": patient, "collect": "saved_method", "lines": lines() });
    id(&stack.post("/v1/invoices", &made).expect(201))
}

fn booked(stack: &Stack, patient: &str, collect: &str) -> String {
    let appointment = unique("A");
    let body = json!({
        "id": appointment,
        "patient": patient,
        "starts_at": "2026-11-20T09:00:00Z",
        "lines": lines(),
        "collect": collect,
    });
    stack.post("/v1/appointments", &body).expect(201);
    appointment
}

/// One system repeats its request until it is answered; then another reports the same.
fn completed(stack: &Stack, appointment: &str) -> String {
    let path = format!("/v1/appointments/{appointment}/complete");
    let answered = |key: &str| {
        let again = || stack.post_as(&path, &json!({}), key);
        let mut answers = (0..20).map(|_| again());
        let granted = answers.find(|answer| answer.status == 202);
        granted.expect("no answer in twenty times").json()
    };
    let first = answered(&format!("first of {appointment}"));
    let second = answered(&format!("second of {appointment}"));
    assert_eq!(first["invoice"], second["invoice"]);
    let case = first["invoice"].as_str();
    case.expect("the invoice's id").to_owned()
}

fn paid(stack: &Stack, case: &str) -> Result<(), String> {
    let read = stack.get(&format!("/v1/invoices/{case}"));
    let invoice = match read.status {
        200 => read.json(),
        // It is made a little later than it was promised.
        _ => return Err(format!("no invoice: {}", read.text)),
    };
    same("status", &invoice["status"], "paid")?;
    same("paid", &invoice["paid"]["amount"], "60.00")
}

fn charged_once(stack: &Stack, case: &str) -> Result<(), String> {
    paid(stack, case)?;
    let charges = at_stripe(stack, "payment_intents", case);
    count("charges at the gateway", charges.len(), 1)
}
