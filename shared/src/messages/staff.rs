//! What staff read.

use super::context::MessageContext;
use super::format::{amount, date, invoice, part_of, short};
use super::letter::Letter;
use super::tasks;
use crate::contract::Message;
use crate::domain::outbox::Topic;
use crate::vendors;

/// What staff read: what happened in one line, then what to do.
pub fn to_staff(topic: Topic, said: &MessageContext) -> Message {
    let (sum, invoice) = (amount(said.amount), invoice(said));
    let about = about(said);
    let due = match said.due.minor {
        0 => "Nothing is due on the invoice.".into(),
        _ => format!("{} is due on the invoice.", amount(said.due)),
    };
    let number = number(said);
    let next = next(said);
    let (subject, text) = match topic {
        Topic::InvoiceIssued => (
            format!("Invoice issued: {sum}, number {invoice}."),
            "Nothing to do.".into(),
        ),
        Topic::InvoiceCredited | Topic::InvoiceVoided | Topic::PaymentApplied => {
            asked_less(topic, said, (&about, &due, next))
        }
        Topic::CheckoutReady => (
            format!("Page to pay on opened: {about}"),
            "Nothing to do until the patient has paid.".into(),
        ),
        Topic::PaymentReceived => {
            let back = goes_back(said);
            (
                match said.reinstated {
                    true => format!("Given back by the bank, paid again: {about}"),
                    false if said.deposit => format!("Deposit paid: {about}"),
                    false => format!("Paid: {about}"),
                },
                format!("{number}{back}{due} {next}"),
            )
        }
        Topic::PaymentFailed => (
            format!("Payment failed: {about}"),
            format!("No money was taken. {due} {next}"),
        ),
        Topic::PaymentReturned => (
            match part_of(said) {
                Some(whole) => {
                    format!("Part of a payment of {whole} returned by the bank: {about}")
                }
                None if said.by_hand => format!("Payment taken off again: {about}"),
                None => format!("Payment returned by the bank: {about}"),
            },
            format!("{due} {next}"),
        ),
        Topic::RefundPaid => (refunded(said, &about), format!("{number}{due} {next}")),
        Topic::RefundFailed => (
            format!("Refund failed: {about}"),
            "The amount can be refunded again: choose another way to return it.".into(),
        ),
        Topic::DisputeOpened => (format!("Dispute opened: {about}"), answer(said)),
        Topic::DisputeClosed => (
            format!("Dispute closed: {about}"),
            format!("{due} The gateway's dashboard gives the reasons."),
        ),
        Topic::VisitCancelled => ("Cancelled in Meridian.".into(), "Nothing to do.".into()),
        Topic::NeedsPerson => needs_person(said, &about),
    };
    let mut letter = Letter::new(&short(said.clinic, 60));
    letter.subject = subject;
    letter.say(text);
    Message {
        text: letter.sentences.join(" "),
        ..letter.message()
    }
}

/// Less is asked for, or something counts towards what is asked.
fn asked_less(
    topic: Topic,
    said: &MessageContext,
    (about, due, next): (&str, &str, String),
) -> (String, String) {
    let (sum, invoice) = (amount(said.amount), invoice(said));
    match topic {
        Topic::InvoiceVoided => (
            format!("Invoice voided: {sum}, number {invoice}."),
            "Nothing to do.".into(),
        ),
        Topic::InvoiceCredited => (
            format!("Credit note: {sum} of invoice {invoice} is not asked for any more."),
            format!("{due} {next}"),
        ),
        _ => (
            format!("Counts towards the invoice: {about}"),
            format!("{due} {next}"),
        ),
    }
}

/// By what way money went back.
fn refunded(said: &MessageContext, about: &str) -> String {
    match (said.to_credit, said.by_hand) {
        (true, _) => format!("Kept as the patient's credit: {about}"),
        (false, true) => format!("Given back by hand: {about}"),
        (false, false) => format!("Refunded: {about}"),
    }
}

/// What only a person can decide, and what they must do.
fn needs_person(said: &MessageContext, about: &str) -> (String, String) {
    (
        match said.matter {
            Some(matter) => format!("Needs a person: {}.", tasks::about(matter)),
            None => format!("Needs a person: {about}"),
        },
        match said.matter {
            Some(matter) => short(&tasks::what_to_do(matter), 600),
            None => "See the open tasks.".into(),
        },
    )
}

/// Which payment it is: `$60.00 on invoice WS-2041, Visa ending 4242, through Stripe.`
fn about(said: &MessageContext) -> String {
    let (sum, invoice) = (amount(said.amount), invoice(said));
    let method = said.method.map(|method| format!(", {}", short(method, 40)));
    let gateway = said
        .gateway
        .map(|id| format!(", through {}", vendors::called(id)));
    let (method, gateway) = (method.unwrap_or_default(), gateway.unwrap_or_default());
    format!("{sum} on invoice {invoice}{method}{gateway}.")
}

/// The clause on what goes back by itself of a payment, if anything.
fn goes_back(said: &MessageContext) -> String {
    let back = said.returning.map(amount);
    back.map_or(String::new(), |back| {
        format!("{back} of it was more than was due and goes back by itself. ")
    })
}

/// The receipt's number, if it has one.
fn number(said: &MessageContext) -> String {
    let number = said.receipt.as_ref();
    number.map_or(String::new(), |number| format!("Receipt {number}. "))
}

/// What staff must do about a dispute.
fn answer(said: &MessageContext) -> String {
    let by = said.answer_by.as_ref();
    let by = by.map_or("before its deadline".into(), |time| format!("by {time}"));
    format!("Answer it in the gateway's dashboard {by}.")
}

/// What staff must do about what is due or too much, if anything.
fn next(said: &MessageContext) -> String {
    let (gateway, sums) = (
        said.gateway.map_or("The gateway".into(), vendors::called),
        said.coming.minor,
    );
    match (said.due.minor, said.retry_at, said.page) {
        (0, ..) if said.surplus.minor > 0 => format!(
            "{} more than the invoice asks for was paid: refund it.",
            amount(said.surplus)
        ),
        (0, ..) => "Nothing to do.".into(),
        _ if said.tried_there => format!("{gateway} tries again by itself. Nothing to do."),
        (_, Some(day), _) => format!("Meridian tries again on {}.", date(day)),
        (_, None, Some(_)) => "The patient can still pay on the gateway's page.".into(),
        (due, ..) if sums >= due => "It is under way.".into(),
        _ => "Send the patient a new page to pay on, or agree on another way.".into(),
    }
}
