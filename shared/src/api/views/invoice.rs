//! An invoice as it is answered: in a list, and whole.

use super::{dispute, lines, payment};
use crate::domain::case::Case;
use crate::domain::refund::Refund;
use crate::words::ids;
use serde_json::{Value, json};

/// What stands beside the case: not for everybody, and not at hand when a request is answered.
#[derive(Default)]
pub struct Papers {
    pub descriptions: Vec<String>,
    /// Numbers and addresses.
    pub receipts: Vec<(String, String)>,
    pub page: Option<String>,
}

/// An invoice in a list.
pub fn summary(case: &Case) -> Value {
    json!({
        "id": case.id,
        "number": case.invoice.number,
        "status": case.status(),
        "patient": case.patient,
        "appointment": case.appointment,
        "created_at": case.created_at,
        "currency": case.currency,
        "total": case.invoice.total,
        "paid": case.paid(),
        "refunded": case.refunded(),
        "due": case.due(),
    })
}

/// All of an invoice.
pub fn view(case: &Case, papers: &Papers) -> Value {
    let mut shown = summary(case);
    let open = case.payments.iter().rev().find_map(|p| p.open_page());
    let refunds = case
        .refunds()
        .map(|(payment, refund)| refund_view(case, payment.n, refund));
    let disputes = case
        .payments
        .iter()
        .flat_map(|p| p.disputes.iter().map(move |d| dispute::view(case, p, d)));
    let receipts = papers.receipts.iter();
    let more = json!({
        "lines": lines::view(&case.invoice.lines, &papers.descriptions),
        "net": case.invoice.net,
        "tax": case.invoice.tax,
        "chargeable": case.chargeable(),
        "refundable": case.refundable(),
        "checkout_url": open.map(|page| page.url.as_str()).filter(|_| case.due().minor > 0),
        "page_url": papers.page,
        "payments": case.payments.iter().map(|p| payment::view(case, p)).collect::<Vec<_>>(),
        "refunds": refunds.collect::<Vec<_>>(),
        "disputes": disputes.collect::<Vec<_>>(),
        "receipts": receipts
            .map(|(number, url)| json!({ "number": number, "url": url }))
            .collect::<Vec<_>>(),
    });
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    shown
}

/// A refund under its payment. One that was made in the gateway's dashboard has no request.
fn refund_view(case: &Case, payment: u32, refund: &Refund) -> Value {
    json!({
        "request": refund.request,
        "payment": ids::payment_reference(&case.id, payment),
        "gateway_ref": refund.id,
        "amount": refund.amount,
        "state": refund.state,
    })
}
