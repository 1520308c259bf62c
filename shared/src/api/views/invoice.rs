//! An invoice as it is answered: in a list, and whole.

use super::dispute::{self, Dispute};
use super::line::{Line, views};
use super::payment::{self, Payment};
use super::refund::RefundWay;
use super::sample;
use super::tender::{self, Tender};
use crate::domain::bill;
use crate::domain::case::Case;
use crate::domain::dims::Dims;
use crate::domain::invoice::Status;
use crate::domain::refund::{self, State};
use crate::words::ids;
use crate::words::money::{Currency, Money};
use crate::words::schema::{Id, PaymentId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An invoice in a list: what is owed, and how it stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceSummary {
    /// Ours; patients know the number.
    #[schemars(with = "Id")]
    pub id: String,
    /// As patients and accounting know it.
    pub number: String,
    /// How it stands.
    pub status: Status,
    /// Null for a walk-in.
    #[schemars(with = "Option<Id>")]
    pub patient: Option<String>,
    /// The clinic's own id of the appointment that it bills.
    pub appointment: Option<String>,
    /// When it was made here.
    pub created_at: Timestamp,
    /// ISO 4217, of all its amounts.
    pub currency: Currency,
    /// What its lines come to, with tax.
    pub total: Money,
    /// What it asks for: its total less its credit notes; of a deposit, what is wanted before the
    /// session.
    pub asked: Money,
    /// What arrived and stayed, refunds not counted off.
    pub paid: Money,
    /// What went back because somebody asked for it.
    pub refunded: Money,
    /// What is still to be paid.
    pub due: Money,
}

/// An invoice with all that became of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Invoice {
    /// As lists show it.
    #[serde(flatten)]
    pub summary: InvoiceSummary,
    /// What is billed, in order.
    pub lines: Vec<Line>,
    /// Its total without tax.
    pub net: Money,
    /// The tax within its total.
    pub tax: Money,
    /// Due, less what is under way.
    pub chargeable: Money,
    /// What can still be refunded, over all its payments.
    pub refundable: Money,
    /// The gateway's page, while it can be paid on.
    pub checkout_url: Option<String>,
    /// The patient's page of this invoice; null in the answer to a POST.
    pub page_url: Option<String>,
    /// Every attempt, in order.
    pub payments: Vec<Payment>,
    /// What came otherwise than through a gateway, in order.
    pub tenders: Vec<Tender>,
    /// What of it is not asked for any more, in order.
    pub credit_notes: Vec<CreditNote>,
    /// By which reports cut the books.
    pub dimensions: Dims,
    /// Under its payments; those that were made in a gateway's dashboard too.
    pub refunds: Vec<InvoiceRefund>,
    /// Under all its payments.
    pub disputes: Vec<Dispute>,
    /// Newest first.
    pub receipts: Vec<Receipt>,
}

/// A refund under its payment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceRefund {
    /// The refund that it is a part of; null for one made in the gateway's dashboard.
    #[schemars(with = "Option<Id>")]
    pub request: Option<String>,
    /// The id of the payment or tender that it comes from.
    #[schemars(with = "PaymentId")]
    pub payment: String,
    /// The gateway's id of it, once it is known.
    pub gateway_ref: Option<String>,
    /// By what way.
    pub by: RefundWay,
    /// What goes back.
    pub amount: Money,
    /// How it stands.
    pub state: State,
}

/// So much of an invoice is not asked for any more.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CreditNote {
    /// As people quote it: `INV-9-C1`.
    pub number: String,
    /// When it was written.
    pub at: Timestamp,
    /// Without tax.
    pub net: Money,
    /// The tax within it.
    pub tax: Money,
    /// With tax.
    pub total: Money,
}

impl CreditNote {
    fn of(note: &bill::CreditNote) -> Self {
        Self {
            number: note.number.clone(),
            at: note.at,
            net: note.net,
            tax: note.tax,
            total: note.total,
        }
    }
}

/// A receipt's number, and where its patient reads it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// As people quote it: `K7M2Q9-1`.
    pub number: String,
    /// A page that needs no key: the address opens it.
    pub url: String,
}

/// A page of invoices, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { invoices: vec![InvoiceSummary::example()], next: None })]
pub struct Invoices {
    /// At most `limit`.
    pub invoices: Vec<InvoiceSummary>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// What stands beside the case: not for everybody, and not at hand when a request is answered.
#[derive(Default)]
pub struct Papers {
    /// What each line is for.
    pub descriptions: Vec<String>,
    /// What was noted of its tenders, by their numbers.
    pub notes: BTreeMap<u32, String>,
    /// Numbers and addresses.
    pub receipts: Vec<(String, String)>,
    /// The address of the patient's page.
    pub page: Option<String>,
}

/// An invoice in a list.
pub fn summary(case: &Case) -> InvoiceSummary {
    InvoiceSummary {
        id: case.id.clone(),
        number: case.invoice().number.clone(),
        status: case.status(),
        patient: case.patient.clone(),
        appointment: case.appointment.clone(),
        created_at: case.created_at,
        currency: case.currency,
        total: case.invoice().total,
        asked: case.asked(),
        paid: case.paid(),
        refunded: case.refunded(),
        due: case.due(),
    }
}

/// All of an invoice.
pub fn view(case: &Case, papers: &Papers) -> Invoice {
    let open = case.payments.iter().rev().find_map(|p| p.open_page());
    let open = open.filter(|_| case.due().minor > 0);
    let refunds = case.numbered_refunds();
    let disputes = case
        .payments
        .iter()
        .flat_map(|p| p.disputes.iter().map(move |d| dispute::view(case, p, d)));
    let receipts = papers.receipts.iter().cloned();
    let noted = |n: &u32| papers.notes.get(n).cloned();
    let tenders = case.tenders.iter();
    let tenders = tenders.map(|tender| tender::view(case, tender, noted(&tender.n)));
    Invoice {
        summary: summary(case),
        lines: views(&case.invoice().lines, &papers.descriptions),
        net: case.invoice().net,
        tax: case.invoice().tax,
        chargeable: case.chargeable(),
        refundable: case.refundable(),
        checkout_url: open
            .and_then(|open| open.opens_by.redirect())
            .map(String::from),
        page_url: papers.page.clone(),
        payments: case
            .payments
            .iter()
            .map(|p| payment::view(case, p))
            .collect(),
        tenders: tenders.collect(),
        credit_notes: case.bill.credits().iter().map(CreditNote::of).collect(),
        dimensions: case.dims.clone(),
        refunds: refunds.map(|(n, refund)| under(case, n, refund)).collect(),
        disputes: disputes.collect(),
        receipts: receipts
            .map(|(number, url)| Receipt { number, url })
            .collect(),
    }
}

/// A refund under its payment or tender. One that was made in the gateway's dashboard has no request.
fn under(case: &Case, n: u32, refund: &refund::Refund) -> InvoiceRefund {
    InvoiceRefund {
        request: refund.request.clone(),
        payment: ids::payment_reference(&case.id, n),
        gateway_ref: refund.id.clone(),
        by: RefundWay::of(case, n, refund),
        amount: refund.amount,
        state: refund.state,
    }
}

impl InvoiceSummary {
    fn example() -> Self {
        Self {
            id: sample::invoice(),
            number: "INV-9".into(),
            status: Status::Paid,
            patient: Some(sample::patient()),
            appointment: Some("A-77".into()),
            created_at: sample::instant(),
            currency: sample::eur(0).currency,
            total: sample::eur(60_00),
            asked: sample::eur(60_00),
            paid: sample::eur(60_00),
            refunded: sample::eur(22_50),
            due: sample::eur(0),
        }
    }
}

impl Invoice {
    fn example() -> Self {
        let refund = InvoiceRefund {
            request: Some(sample::REFUND.into()),
            payment: sample::payment(),
            gateway_ref: Some("re_1".into()),
            by: RefundWay::Gateway,
            amount: sample::eur(22_50),
            state: State::Succeeded,
        };
        let receipt = Receipt {
            number: "R-01234567".into(),
            url: "https://pay.example.org/receipts/x".into(),
        };
        Self {
            summary: InvoiceSummary::example(),
            lines: vec![Line::example()],
            net: sample::eur(54_55),
            tax: sample::eur(5_45),
            chargeable: sample::eur(0),
            refundable: sample::eur(37_50),
            checkout_url: None,
            page_url: Some("https://pay.example.org/invoices/x".into()),
            payments: vec![Payment::example()],
            tenders: vec![],
            credit_notes: vec![],
            dimensions: Dims::default(),
            refunds: vec![refund],
            disputes: vec![],
            receipts: vec![receipt],
        }
    }
}
