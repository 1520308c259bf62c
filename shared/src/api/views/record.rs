//! Records as the document shows them to who writes a receiver: one example of each type.

use super::sample;
use crate::contract::record::{
    Record, RecordData, RecordType, RecordedDispute, RecordedInvoice, RecordedPatient,
    RecordedPayment, RecordedRefund, RecordedTask, RecordedWay,
};
use crate::domain::fact::Decline;
use crate::domain::task::Alert;
use crate::domain::{dispute, payment, refund};

/// What is told of an invoice over sixty euros, when this happened.
pub fn example(kind: RecordType) -> Record {
    use RecordType as T;
    let refunds = matches!(kind, T::RefundPaid | T::RefundFailed);
    let disputes = matches!(kind, T::DisputeOpened | T::DisputeClosed);
    let nothing_came = matches!(
        kind,
        T::InvoiceIssued | T::CheckoutReady | T::PaymentFailed | T::PaymentReturned
    );
    let part = refunds || kind == T::InvoiceCredited;
    Record {
        kind,
        timestamp: sample::instant(),
        data: RecordData {
            clinic: "wattle".into(),
            amount: sample::eur(if part { 22_50 } else { 60_00 }),
            invoice: Some(RecordedInvoice {
                id: sample::invoice(),
                number: Some("2026-1".into()),
                deposit: false,
                asked: sample::eur(match kind {
                    T::InvoiceVoided => 0,
                    T::InvoiceCredited => 37_50,
                    _ => 60_00,
                }),
                due: sample::eur(if nothing_came { 60_00 } else { 0 }),
            }),
            credit_note: (kind == T::InvoiceCredited).then(|| "2026-1-C1".into()),
            payment: payment_at(kind),
            refund: refunds.then(|| RecordedRefund {
                id: "r1".into(),
                request: Some(sample::REFUND.into()),
                gateway_ref: Some("re_1".into()),
                by: RecordedWay::Gateway,
                state: Some(match kind {
                    T::RefundFailed => refund::State::Failed,
                    _ => refund::State::Succeeded,
                }),
            }),
            dispute: disputes.then(|| RecordedDispute {
                id: "d0123456789".into(),
                gateway_ref: Some("dp_1".into()),
                state: Some(match kind {
                    T::DisputeOpened => dispute::State::Open,
                    _ => dispute::State::Won,
                }),
                due_by: (kind == T::DisputeOpened).then(sample::instant),
            }),
            task: (kind == T::TaskRaised).then(|| RecordedTask {
                id: "person-late-p1".into(),
                alert: Some(Alert::LatePayment),
            }),
            patient: Some(RecordedPatient {
                id: sample::patient(),
                reference: "P-1042".into(),
                name: None,
            }),
            appointment: Some("A-2041".into()),
        },
    }
}

fn payment_at(kind: RecordType) -> Option<RecordedPayment> {
    use RecordType as T;
    let (state, decline) = match kind {
        T::InvoiceIssued | T::InvoiceCredited | T::InvoiceVoided => return None,
        T::CheckoutReady => (payment::State::Open, None),
        T::PaymentFailed => (payment::State::Declined, Some(Decline::Funds)),
        T::PaymentReturned => (payment::State::Returned, Some(Decline::Other)),
        T::PaymentReceived
        | T::PaymentApplied
        | T::RefundPaid
        | T::RefundFailed
        | T::DisputeOpened
        | T::DisputeClosed
        | T::TaskRaised => (payment::State::Paid, None),
    };
    Some(RecordedPayment {
        id: sample::payment(),
        gateway: Some("stripe".into()),
        gateway_ref: Some("pi_1".into()),
        by: RecordedWay::Gateway,
        amount: Some(sample::eur(60_00)),
        state: Some(state),
        decline,
    })
}
