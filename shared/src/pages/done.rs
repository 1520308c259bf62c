//! Where a gateway sends the payer back to, and addresses that lead nowhere.

use super::layout::{Icon, by, call, clinic, day, deadline, document, split, state, sum};
use super::messages::{amount, is_link};
use crate::domain::case::{Case, Payment, Session};
use crate::domain::payment::State;
use crate::domain::settings::Settings;
use maud::{Markup, html};

/// The payer comes back, paid or not, and the address does not say from which payment. Only the
/// gateway's signed word tells how it ended, so the page claims neither and thanks nobody.
pub fn back() -> String {
    let act = html! {
        (state(
            Icon::Clock,
            "",
            "We are confirming your payment",
            "This usually takes a few seconds; a bank debit takes some days. You can close this \
             page: we will send you the result.",
        ))
        div.notice.info {
            (Icon::Info.draw())
            div {
                h2 { "Did you stop before the end?" }
                p {
                    "Then nothing was taken, and the link in our message still works. If you have "
                    "paid, please do not pay again."
                }
            }
        }
    };
    page(
        "Confirming your payment",
        "Your payment",
        "Welcome back",
        &act,
    )
}

/// How a payment stands towards who comes back from its gateway's page.
enum Standing<'a> {
    Paid,
    /// The gateway has it, or may have it.
    Confirming,
    /// Its page is still open: the payer may have paid a moment ago, or have stopped.
    Unsaid(&'a Session),
    /// It brought nothing, or it went back; something is still due.
    Not(&'static str, &'static str),
    /// It brought nothing, and nothing is due any more.
    Settled,
}

/// What the payer of this payment sees on coming back. `receipt` is its receipt's address.
pub fn of_payment(settings: &Settings, case: &Case, payment: &Payment, receipt: &str) -> String {
    let standing = standing(case, payment);
    let label = match standing {
        Standing::Paid => "Paid",
        Standing::Confirming | Standing::Unsaid(_) => "Confirming",
        Standing::Not(..) => "Not paid",
        Standing::Settled => "Nothing to pay",
    };
    let lead = html! {
        (clinic(settings))
        p.lead-label { (label) }
        (sum(payment.amount))
        p.lead-what {
            "Invoice " strong.nowrap { (case.invoice.number) } " of "
            span.nowrap { (day(case.created_at, settings)) }
        }
        dl.sums {
            @if let (Standing::Paid, Some(with)) = (&standing, &payment.paid_with) {
                div { dt { "Paid with" } dd { (with) } }
            }
            @if let (Standing::Paid, Some(at)) = (&standing, payment.paid_at) {
                div { dt { "Paid on" } dd { (day(at, settings)) } }
            }
            div.total { dt { "Left to pay" } dd { (amount(case.due())) } }
        }
    };
    let act = html! {
        (act(settings, case, &standing, receipt))
        (call(settings, "Rather talk to someone? Call the clinic on", "."))
    };
    document(&format!("{label} · {}", settings.name), &split(&lead, &act))
}

fn standing<'a>(case: &Case, payment: &'a Payment) -> Standing<'a> {
    let coming = |p: &Payment| p.state.is_under_way() && p.open_page().is_none();
    match (payment.state, payment.open_page()) {
        (State::Paid, _) => Standing::Paid,
        (State::Open, Some(page)) => Standing::Unsaid(page),
        (State::Open | State::Pending | State::Unknown, _) => Standing::Confirming,
        (State::Declined | State::Expired | State::Returned, _) if case.due().minor == 0 => {
            Standing::Settled
        }
        // Another attempt is under way: who paid again now would pay twice.
        (State::Declined | State::Expired | State::Returned, _)
            if case.payments.iter().any(coming) =>
        {
            Standing::Confirming
        }
        (State::Declined, _) => Standing::Not(
            "Your payment did not go through",
            "Nothing was taken. Pay another way, or try the same way later.",
        ),
        (State::Expired, _) => Standing::Not(
            "The page to pay on has closed",
            "Nothing was taken. The invoice is still to be paid.",
        ),
        (State::Returned, _) => Standing::Not(
            "Your bank returned the payment",
            "The money went back to your account, so the invoice is due again.",
        ),
    }
}

fn act(settings: &Settings, case: &Case, standing: &Standing, receipt: &str) -> Markup {
    html! {
        @match standing {
            Standing::Paid => {
                (state(Icon::Check, "good", "Thank you, your payment is here", "Your receipt is ready."))
                div.stack {
                    a.btn.main.wide href=(receipt) { (Icon::Receipt.draw()) " See your receipt" }
                }
            }
            Standing::Confirming => {
                (state(
                    Icon::Busy,
                    "",
                    "We are confirming your payment",
                    "A card usually takes a few seconds, a bank debit some days. You can close \
                     this page: we will send you the result.",
                ))
                (notice(
                    "Please do not pay again",
                    &html! { "If the payment does not go through, nothing is taken." },
                ))
                (again())
            }
            Standing::Unsaid(page) => {
                (state(
                    Icon::Busy,
                    "",
                    "We are confirming your payment",
                    "This usually takes a few seconds. You can close this page: we will send you \
                     the result. If you have paid, please do not pay again.",
                ))
                (again())
                (notice("Did you stop before the end?", &html! {
                    "Then nothing was taken."
                    @if let Some(until) = page.expires_at {
                        " You can go back and pay until " (deadline(until, settings)) "."
                    }
                }))
                (pay(page, "Go back and pay"))
            }
            Standing::Not(heading, text) => {
                (alert(heading, text))
                @match case.payments.iter().rev().find_map(Payment::open_page) {
                    Some(page) => (pay(page, "Pay again")),
                    None => (notice(
                        "To pay, ask the clinic",
                        &html! { "Quote the invoice " (case.invoice.number) "." },
                    )),
                }
            }
            Standing::Settled => {
                (state(Icon::Check, "good", "Nothing is left to pay", "This invoice is settled. You need not do anything."))
            }
        }
    }
}

/// The same page once more: the link works without a script.
fn again() -> Markup {
    html! { a.btn.wide href="" { (Icon::Again.draw()) " Check again" } }
}

fn notice(heading: &str, text: &Markup) -> Markup {
    html! {
        div.notice.info { (Icon::Info.draw()) div { h2 { (heading) } p { (text) } } }
    }
}

fn alert(heading: &str, text: &str) -> Markup {
    html! {
        div.notice.bad role="alert" {
            (Icon::Alert.draw())
            div {
                h1 { (heading) }
                p { (text) }
            }
        }
    }
}

fn pay(page: &Session, label: &str) -> Markup {
    html! {
        @if is_link(&page.url) {
            div.stack {
                a.btn.wide href=(page.url) rel="noreferrer" { (Icon::Lock.draw()) " " (label) }
            }
        }
    }
}

/// No such address.
pub fn not_found() -> String {
    let act = state(
        Icon::Info,
        "",
        "We cannot find this page",
        "Part of the address may be missing. Open the link in our message again, or ask the clinic \
         for a new one. Nothing was charged.",
    );
    page("Page not found", "Not found", "Nothing here", &act)
}

/// An address that once led somewhere.
pub fn gone() -> String {
    let act = state(
        Icon::Ended,
        "warn",
        "This link no longer works",
        "Opening it has charged nothing. If there is still something to pay, ask the clinic for a \
         new link.",
    );
    page("This link no longer works", "Link", "Ended", &act)
}

fn page(title: &str, label: &str, large: &str, act: &Markup) -> String {
    let lead = html! {
        p.clinic { (by("Meridian")) }
        p.lead-label { (label) }
        p.lead-sum { (large) }
    };
    document(title, &split(&lead, act))
}
