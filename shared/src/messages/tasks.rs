//! What people read of a task: what it is about, what happened, what to do.

use super::format::amount;
use crate::domain::case::is_surplus;
use crate::domain::task::{Alert, Matter};
use crate::vendors;
use jiff::Timestamp;

/// What it is about: `$60.00 on invoice WS-2041, through Stripe`.
pub fn about(matter: &Matter) -> String {
    let sum = matter.amount.map(amount);
    let invoice = matter
        .invoice
        .as_ref()
        .map(|number| format!("invoice {number}"));
    let what = match (sum, invoice) {
        (Some(sum), Some(invoice)) => format!("{sum} on {invoice}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) if matter.alert == Alert::NoPrice => {
            return "a session without a price".into();
        }
        (None, None) => return vendor(matter),
    };
    match &matter.vendor {
        Some(id) if vendors::system(id).is_none() => {
            format!("{what}, through {}", vendors::called(id))
        }
        _ => what,
    }
}

/// What happened and what to do, in whole sentences.
pub fn what_to_do(matter: &Matter) -> String {
    let words = matter.words.as_deref().map(sentence).unwrap_or_default();
    let all = [happened(matter), words, to_do(matter)];
    let said: Vec<_> = all.into_iter().filter(|part| !part.is_empty()).collect();
    said.join(" ")
}

/// Others' words as a sentence in one line.
fn sentence(words: &str) -> String {
    let line: Vec<_> = words.split_whitespace().collect();
    let line = line.join(" ");
    let line = line.trim_end_matches(['.', ' ']);
    let mut letters = line.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    match first {
        None => String::new(),
        Some(first) => format!("{first}{}.", letters.as_str()),
    }
}

/// All of it in one text, as `/v1/tasks` shows it.
pub fn text(matter: &Matter) -> String {
    format!("{}: {}", about(matter), what_to_do(matter))
}

/// What happened; empty where the matter's own words say it.
fn happened(matter: &Matter) -> String {
    let name = vendor(matter);
    let told = matter.words.is_some();
    let unless_told = |text: String| if told { String::new() } else { text };
    match matter.alert {
        Alert::UnknownOutcome => {
            unless_told(format!("{name} has not said what became of this call."))
        }
        Alert::LatePayment => {
            "The money of a payment that had been given up came after all.".into()
        }
        Alert::Overpaid => "More was paid than the invoice asks for.".into(),
        Alert::RefundFailed => unless_told(format!("{name} did not give this refund out.")),
        Alert::Contradiction => unless_told("What is reported cannot be true together.".into()),
        Alert::ChargeWithoutInvoice => {
            format!("{name} reports money that belongs to no invoice here.")
        }
        Alert::DeliveryFailed => unless_told("A message was not delivered.".into()),
        Alert::Blocked => format!("{name} does not take our calls."),
        Alert::ConnectionHeld => format!("{name} has not taken our calls for an hour."),
        Alert::DisputeOpened => "The payer's bank disputes this payment.".into(),
        Alert::RefundWaits => "This refund waits for an approval.".into(),
        Alert::Uncollected => "It is due, and nothing collects it any more.".into(),
        Alert::Unreadable => format!("{name} sent an event that cannot be read."),
        Alert::CalledOff => "The visit was called off, and money is on it or on its way.".into(),
        Alert::NoPrice => {
            unless_told("A session took place, and nobody said what it costs.".into())
        }
    }
}

fn to_do(matter: &Matter) -> String {
    let name = vendor(matter);
    match matter.alert {
        Alert::UnknownOutcome => {
            format!("Look in the dashboard of {name}, then record what you find.")
        }
        Alert::LatePayment => "If it was paid another way meanwhile, refund one of the two.".into(),
        Alert::Overpaid => format!("Refund the rest. {KEPT}"),
        Alert::RefundFailed => after_a_refund(matter),
        Alert::Contradiction => format!("See in the dashboard of {name} what is true."),
        Alert::ChargeWithoutInvoice => format!(
            "Find in the dashboard of {name} whose it is: refund it there, or see which invoice it \
             pays."
        ),
        Alert::DeliveryFailed => "Mend what is in the way, then repeat the delivery.".into(),
        Alert::Blocked => "Mend the connection: what waits for it goes on by itself.".into(),
        Alert::ConnectionHeld => "See whether it is out of order, or whether its limit must be \
                                  raised: what waits for it goes on by itself."
            .into(),
        Alert::DisputeOpened => {
            let time = |at: Timestamp| at.strftime("by %-d %B %Y, %H:%M UTC").to_string();
            let by = matter.due_by.map_or("before its deadline".into(), time);
            format!("Answer in the dashboard of {name} {by}.")
        }
        Alert::RefundWaits => "Approve or reject it.".into(),
        Alert::Uncollected => {
            "Charge it, send the patient a page to pay on, or void the invoice.".into()
        }
        Alert::Unreadable => format!(
            "See in the dashboard of {name} what it tells of, and replay the event after an update."
        ),
        Alert::CalledOff => "Refund it, keep it as a fee, or book the next visit with `replaces`: \
                             that takes the money over."
            .into(),
        Alert::NoPrice => {
            "Send its lines or its type under the same id: it is billed at once.".into()
        }
    }
}

/// What to do about a refund that was not given out.
fn after_a_refund(matter: &Matter) -> String {
    let to_do = "See whether the patient has the money. If not, refund it again or return it \
                 another way.";
    let surplus = matter.request.as_deref().is_some_and(is_surplus);
    let kept = if surplus { KEPT } else { "" };
    format!("{to_do} {kept}").trim_end().into()
}

/// No sale stands behind what is beyond an invoice, and whose it is only people can say: systems are
/// told of what the invoice takes.
const KEPT: &str = "If it is kept, enter it in your accounts as an overpayment: Meridian files no \
                    more than the invoice asks for.";

/// The vendor as people call it.
fn vendor(matter: &Matter) -> String {
    let Some(id) = &matter.vendor else {
        return "the gateway".into();
    };
    vendors::called(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::case::surplus_request;
    use crate::words::money::{Currency, Money};

    fn matter(alert: Alert) -> Matter {
        let eur = Currency::read("EUR").unwrap();
        let mut matter = Matter::of(alert)
            .amount(Money::new(5000, eur))
            .vendor("stripe");
        matter.invoice = Some("WS-2041".into());
        matter
    }

    #[test]
    fn every_task_says_how_much_on_which_invoice_what_happened_and_what_to_do() {
        for alert in Alert::ALL {
            let words = "The card was declined.";
            for matter in [matter(alert), matter(alert).words(words)] {
                let text = text(&matter);
                assert!(
                    text.starts_with("\u{20ac}50.00 on invoice WS-2041, through Stripe: "),
                    "{text}"
                );
                assert!(matter.words.is_none() || text.contains(words), "{text}");
                assert!(
                    text.matches(". ").count() >= 1 && text.ends_with('.'),
                    "{text}"
                );
                for odd in ["Some(", "None", "  ", "..", "?."] {
                    assert!(!text.contains(odd), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_dispute_says_by_when_it_must_be_answered() {
        let mut open = matter(Alert::DisputeOpened);
        assert!(text(&open).ends_with("Answer in the dashboard of Stripe before its deadline."));
        open.due_by = Some("2026-12-09T03:10:00Z".parse().unwrap());
        let told = text(&open);
        assert!(
            told.ends_with("Answer in the dashboard of Stripe by 9 December 2026, 03:10 UTC."),
            "{told}"
        );
    }

    #[test]
    fn who_keeps_a_surplus_is_told_that_no_books_hear_of_it() {
        let told = "enter it in your accounts as an overpayment";
        assert!(text(&matter(Alert::Overpaid)).contains(told));
        let failed = matter(Alert::RefundFailed);
        let surplus = failed.clone().request(&surplus_request(2));
        assert!(text(&surplus).contains(told));
        assert!(!text(&failed.request("0123456789abcdefmnpqrs")).contains(told));
    }

    #[test]
    fn what_belongs_to_no_invoice_names_the_vendor() {
        let matter = Matter::of(Alert::Unreadable)
            .vendor("mollie")
            .words("payment.paid: an unknown status.");
        assert_eq!(
            text(&matter),
            "Mollie: Mollie sent an event that cannot be read. Payment.paid: an unknown status. \
             See in the dashboard of Mollie what it tells of, and replay the event after an update."
        );
    }
}
