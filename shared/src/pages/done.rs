//! Where a gateway sends the payer back to, and addresses that lead nowhere.

use super::invoice::{newest_open, what};
use super::layout::{
    Icon, again_after, by, call, clinic, day, deadline, document, split, state, sum,
};
use crate::domain::case::{Case, Payment, Session};
use crate::domain::payment::State;
use crate::domain::settings::Settings;
use crate::messages::{amount, date};
use crate::vendors;
use crate::words::money::Money;
use jiff::civil::Date;
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

/// How somebody came to the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// The payer stopped at the gateway before the end.
    pub stopped: bool,
    /// How often the page looked again since the gateway sent the payer back.
    pub looked: u32,
}

/// Seconds from one look to the next while the gateway has not spoken; then the page stays as it is.
const LOOKS: [u32; 14] = [3, 3, 3, 5, 5, 5, 10, 10, 20, 30, 60, 60, 120, 240];

impl Visit {
    /// When the page looks again by itself: the seconds, and the address.
    fn next(self) -> Option<(u32, String)> {
        let seconds = LOOKS.get(self.looked as usize)?;
        Some((*seconds, format!("?looked={}", self.looked + 1)))
    }
}

/// How a payment stands towards who comes back from its gateway's page.
enum Standing<'a> {
    Paid,
    /// A bank debit on its way, with the day on which it is collected.
    Debit(Option<Date>),
    /// The gateway has it, or may have it.
    Confirming,
    /// Its page is still open: who comes back from it may have paid a moment ago.
    Unsaid,
    /// The payer stopped, and may go back to the page.
    Stopped(&'a Session),
    /// It brought nothing, or it went back; something is still due.
    Not(&'static str, &'static str),
    /// It brought nothing, and nothing is due any more.
    Settled,
}

/// The addresses that the page leads to.
#[derive(Clone, Copy, Debug)]
pub struct Ways<'a> {
    /// The payment's receipt.
    pub receipt: &'a str,
    /// Where the payment can still be paid, or, where it cannot, what else is open.
    pub pay_at: &'a str,
}

/// What the payer of this payment sees on coming back.
pub fn of_payment(
    settings: &Settings,
    case: &Case,
    payment: &Payment,
    ways: Ways,
    visit: Visit,
) -> String {
    let standing = standing(case, payment, visit);
    let label = match standing {
        Standing::Paid => "Paid",
        Standing::Debit(_) => "On its way",
        Standing::Confirming | Standing::Unsaid => "Confirming",
        Standing::Stopped(_) | Standing::Not(..) => "Not paid",
        Standing::Settled => "Nothing to pay",
    };
    let waits = matches!(standing, Standing::Confirming | Standing::Unsaid);
    let lead = html! {
        (clinic(settings))
        p.lead-label { (label) }
        (sum(payment.amount))
        p.lead-what {
            (what(case)) " " strong.nowrap { (case.invoice().number) } " of "
            span.nowrap { (day(case.issued_at(), settings)) }
        }
        dl.sums {
            @if let (Standing::Paid, Some(with)) = (&standing, &payment.paid_with) {
                div { dt { "Paid with" } dd { (with) } }
            }
            @if let (Standing::Paid, Some(at)) = (&standing, payment.paid_at) {
                div { dt { "Paid on" } dd { (day(at, settings)) } }
            }
            @if !waits {
                @let left = case.due().minor - on_its_way(case);
                @let left = Money::new(left.max(0), case.currency);
                div.total { dt { "Left to pay" } dd { (amount(left)) } }
            }
        }
    };
    let next = visit.next().filter(|_| waits);
    let act = html! {
        (act(settings, case, &standing, ways, next.is_some()))
        (call(settings, "Rather talk to someone? Call the clinic on", "."))
    };
    let title = format!("{label} · {}", settings.name);
    let body = split(&lead, &act);
    match next {
        Some((seconds, address)) => again_after(&title, seconds, &address, &body),
        None => document(&title, &body),
    }
}

/// What banks are collecting already.
fn on_its_way(case: &Case) -> i64 {
    let pending = case.payments.iter().filter(|p| p.state == State::Pending);
    pending.map(|p| p.amount.minor).sum()
}

fn standing<'a>(case: &Case, payment: &'a Payment, visit: Visit) -> Standing<'a> {
    let coming = |p: &Payment| p.may_bring() && p.open_page().is_none();
    let debits = vendors::gateway(&payment.gateway).is_some_and(|gateway| gateway.late_failures);
    match (payment.state, payment.open_page()) {
        (State::Paid, _) => Standing::Paid,
        (_, Some(page)) if visit.stopped => Standing::Stopped(page),
        (State::Open, Some(_)) => Standing::Unsaid,
        // A try on the page failed, and the next one may have paid a moment ago.
        (State::Declined, Some(_)) if visit.next().is_some() => Standing::Unsaid,
        (State::Pending, _) if debits => Standing::Debit(payment.collected_on),
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

/// `looks` says whether the page is shown again by itself.
fn act(settings: &Settings, case: &Case, standing: &Standing, ways: Ways, looks: bool) -> Markup {
    html! {
        @match standing {
            Standing::Paid => {
                (state(Icon::Check, "good", "Thank you, your payment is here", "Your receipt is ready."))
                div.stack {
                    a.btn.main.wide href=(ways.receipt) { (Icon::Receipt.draw()) " See your receipt" }
                }
            }
            Standing::Debit(on) => { (debit(*on)) }
            Standing::Confirming | Standing::Unsaid => { (waiting(standing, looks)) }
            Standing::Stopped(page) => {
                (state(
                    Icon::Ended,
                    "",
                    "You stopped before the end",
                    "Nothing was taken. The invoice is still to be paid.",
                ))
                (pay(ways.pay_at, "Go back and pay"))
                @if let Some(until) = page.expires_at {
                    p.small.soft { "You can pay there until " (deadline(until, settings)) "." }
                }
            }
            Standing::Not(heading, text) => {
                (alert(heading, text))
                @match newest_open(case) {
                    Some(_) => (pay(ways.pay_at, "Pay again")),
                    None => (notice(
                        "To pay, ask the clinic",
                        &html! { "Quote the " (what(case).to_lowercase()) " " (case.invoice().number) "." },
                    )),
                }
            }
            Standing::Settled => {
                (state(Icon::Check, "good", "Nothing is left to pay", "This invoice is settled. You need not do anything."))
            }
        }
    }
}

/// A bank debit says when, and nothing spins until then.
fn debit(on: Option<Date>) -> Markup {
    let when = match on {
        Some(day) => format!("Your bank is asked for the money on {}.", date(day)),
        None => "Your bank is asked for the money, which takes some working days.".into(),
    };
    let text = format!(
        "{when} We will send you the receipt. Please do not pay again: you need not do anything."
    );
    state(Icon::Check, "good", "Your bank debit is on its way", &text)
}

/// The gateway has not spoken. The page looks again by itself for a while, then on request.
fn waiting(standing: &Standing, looks: bool) -> Markup {
    let text = match looks {
        true => {
            "This usually takes a few seconds, and this page then shows the result. You can \
                 close it: we will send you the result."
        }
        false => "We have not heard yet. You can close this page: we will send you the result.",
    };
    html! {
        (state(Icon::Busy, "", "We are confirming your payment", text))
        (notice(
            "Please do not pay again",
            &html! { "If the payment does not go through, nothing is taken." },
        ))
        @if let (Standing::Unsaid, false) = (standing, looks) {
            (notice(
                "Did you stop before the end?",
                &html! { "Then nothing was taken, and the link in our message still works." },
            ))
        }
        (again())
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

fn pay(address: &str, label: &str) -> Markup {
    html! {
        form.stack method="post" action=(address) {
            button.btn.wide type="submit" { (Icon::Lock.draw()) " " (label) }
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
