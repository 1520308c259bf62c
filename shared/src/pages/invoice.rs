//! The invoice as a patient sees it: how much, for what, until when, what to do.

use super::layout::{
    Icon, call, clinic, day, deadline, document, money, short_day, split, state, sum,
};
use super::receipt::{item, tax};
use crate::domain::case::{Case, Payment};
use crate::domain::payment::State;
use crate::domain::receipt::{About, Paper};
use crate::domain::refund::{self, Refund};
use crate::domain::settings::Settings;
use crate::messages::{amount, date, is_link};
use crate::vendors;
use crate::words::money::Money;
use maud::{Markup, html};

/// How an invoice stands towards the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Void,
    Paid,
    /// Nothing is asked for, and nothing was paid.
    Credited,
    /// All that was paid went back.
    Refunded,
    /// Money is on its way; paying again would pay twice.
    Confirming,
    Declined(Money),
    Returned(Money),
    PartPaid,
    Due,
}

/// The invoice's page. `pay_at` is where it can be paid now; of the `receipts` the first one holds.
pub fn page(
    settings: &Settings,
    case: &Case,
    patient: &str,
    descriptions: &[String],
    pay_at: Option<&str>,
    receipts: &[Paper],
) -> String {
    let standing = standing(case);
    let act = html! {
        (head(case, standing))
        @if case.due().minor > 0 && standing != Standing::Confirming {
            (pay(settings, case, pay_at))
        }
        @if !receipts.is_empty() { (papers(settings, receipts)) }
        (items(case, descriptions))
        (facts(settings, case, patient))
        (call(settings, "Rather talk to someone? Call the clinic on", "."))
    };
    let what = what(case);
    let title = format!("{what} {} · {}", case.invoice().number, settings.name);
    document(
        &title,
        &split(&lead(settings, case, standing, pay_at), &act),
    )
}

/// What the patient is asked for.
pub fn what(case: &Case) -> &'static str {
    match case.bill.is_deposit() {
        true => "Deposit",
        false => "Invoice",
    }
}

fn standing(case: &Case) -> Standing {
    if case.invoice().void {
        return Standing::Void;
    }
    if case.due().minor == 0 {
        return match kept(case).minor {
            0 if case.paid().minor == 0 => Standing::Credited,
            0 => Standing::Refunded,
            _ => Standing::Paid,
        };
    }
    let on_its_way = |p: &Payment| match p.state {
        State::Pending | State::Unknown => true,
        State::Open => p.approved || p.method.is_some(),
        State::Paid | State::Declined | State::Expired | State::Returned => false,
    };
    if case.payments.iter().any(on_its_way) {
        return Standing::Confirming;
    }
    let last = case
        .payments
        .iter()
        .rev()
        .find(|p| p.state != State::Expired);
    match last.map(|p| (p.state, p)) {
        Some((State::Declined, p)) => Standing::Declined(p.amount),
        Some((State::Returned, p)) => Standing::Returned(p.returned()),
        _ if case.paid().minor > 0 => Standing::PartPaid,
        _ => Standing::Due,
    }
}

/// What was paid and stays.
fn kept(case: &Case) -> Money {
    Money::new(case.paid().minor - case.refunded().minor, case.currency)
}

fn lead(settings: &Settings, case: &Case, standing: Standing, pay_at: Option<&str>) -> Markup {
    let (label, figure) = match standing {
        Standing::Void => ("Cancelled", case.invoice().total),
        Standing::Credited => ("Nothing to pay", case.due()),
        Standing::Paid => ("Paid", kept(case)),
        Standing::Refunded => ("Refunded", case.refunded()),
        Standing::Confirming => ("Confirming", case.due()),
        Standing::Declined(_) | Standing::Returned(_) | Standing::PartPaid => {
            ("Still to pay", case.due())
        }
        Standing::Due => ("To pay", case.due()),
    };
    let open = newest_open(case).filter(|_| pay_at.is_some());
    let until = open
        .and_then(Payment::open_page)
        .and_then(|open| open.expires_at);
    html! {
        (clinic(settings))
        p.lead-label { (label) }
        (sum(figure))
        p.lead-what {
            (what(case)) " " strong.nowrap { (case.invoice().number) } " of "
            span.nowrap { (day(case.issued_at(), settings)) }
        }
        (sums(case))
        @if let (Some(until), true) = (until, standing != Standing::Confirming) {
            p.lead-note {
                span { "The page to pay on is open until " strong { (deadline(until, settings)) } "." }
            }
        }
    }
}

/// What is asked, came and went.
fn sums(case: &Case) -> Markup {
    let returned: i64 = case.payments.iter().map(|p| p.returned().minor).sum();
    let credited: i64 = case
        .bill
        .credits()
        .iter()
        .map(|note| note.total.minor)
        .sum();
    let done = case
        .all_refunds()
        .filter(|r| r.state == refund::State::Succeeded);
    let done = done.filter(|r| !r.of_deposit);
    let (back, credit): (Vec<&Refund>, Vec<&Refund>) = done.partition(|r| r.way.is_back());
    let sum_of = |refunds: Vec<&Refund>| refunds.iter().map(|r| r.amount.minor).sum::<i64>();
    let (sent, kept_as_credit) = (sum_of(back), sum_of(credit));
    html! {
        dl.sums {
            @if case.bill.is_deposit() {
                div { dt { "Price of your appointment" } dd { (amount(case.invoice().total)) } }
                div { dt { "Deposit" } dd { (amount(case.asked())) } }
            } @else {
                div { dt { "Total of the invoice" } dd { (amount(case.invoice().total)) } }
            }
            @if credited > 0 {
                div {
                    dt { "Credit notes" }
                    dd { (amount(Money::new(-credited, case.currency))) }
                }
            }
            @if case.paid().minor > 0 {
                div { dt { "Paid" } dd { (amount(case.paid())) } }
            }
            @for (label, back) in [("Sent back to you", sent), ("Kept as your credit", kept_as_credit)] {
                @if back > 0 {
                    div { dt { (label) } dd { (amount(Money::new(-back, case.currency))) } }
                }
            }
            @if returned > 0 {
                div {
                    dt { "Returned by the bank" }
                    dd { (amount(Money::new(returned, case.currency))) }
                }
            }
            div.total { dt { "Left to pay" } dd { (amount(case.due())) } }
        }
    }
}

fn head(case: &Case, standing: Standing) -> Markup {
    match standing {
        Standing::Void => state(
            Icon::Ended,
            "",
            "This invoice was cancelled",
            "Nothing is due. You need not do anything.",
        ),
        Standing::Credited => state(
            Icon::Check,
            "good",
            "Nothing is left to pay",
            "This invoice asks for nothing. You need not do anything.",
        ),
        Standing::Refunded => state(
            Icon::Return,
            "good",
            "Your payment was sent back",
            "We have sent the amount shown back to you, and nothing is due. Please allow 3 to 5 \
             working days.",
        ),
        Standing::Paid if case.refunded().minor > 0 => state(
            Icon::Return,
            "good",
            "Paid, and money was sent back",
            "We have sent the amount shown back to you. Please allow 3 to 5 working days.",
        ),
        Standing::Paid => state(
            Icon::Check,
            "good",
            "This invoice is paid",
            "Thank you. Nothing is left to pay.",
        ),
        Standing::Confirming => html! {
            (state(
                Icon::Busy,
                "",
                "We are confirming your payment",
                &when(case),
            ))
            (notice("info", Icon::Info, "Please do not pay again", "If the payment does not go through, nothing is taken."))
            a.btn.wide href="" { (Icon::Again.draw()) " Check again" }
        },
        Standing::Declined(tried) => alert(
            &format!("Your payment of {} did not go through", amount(tried)),
            "No money was taken. Pay another way, or try the same way later.",
        ),
        Standing::Returned(was) => alert(
            &format!("Your bank returned the payment of {}", amount(was)),
            "The money went back to your account, so the invoice is due again.",
        ),
        Standing::PartPaid => html! {
            h1 { (money(case.due())) " is left to pay" }
        },
        Standing::Due => html! {
            h1 { "Your invoice is ready" }
        },
    }
}

/// When it is known how the payment ended.
fn when(case: &Case) -> String {
    let pending = case.payments.iter().filter(|p| p.state == State::Pending);
    let debit = |p: &&Payment| vendors::gateway(&p.gateway).is_some_and(|g| g.late_failures);
    let when = match pending.rev().find(debit) {
        Some(debit) => match debit.collected_on {
            Some(day) => format!("Your bank is asked for the money on {}.", date(day)),
            None => "Your bank is asked for the money, which takes some working days.".into(),
        },
        None => "A card usually takes a few seconds.".into(),
    };
    format!("{when} You can close this page: we will send you the result.")
}

fn notice(tone: &str, icon: Icon, heading: &str, text: &str) -> Markup {
    html! {
        div class=(format!("notice {tone}")) {
            (icon.draw())
            div { h2 { (heading) } p { (text) } }
        }
    }
}

fn alert(heading: &str, text: &str) -> Markup {
    html! {
        div.notice.bad role="alert" {
            (Icon::Alert.draw())
            div { h1 { (heading) } p { (text) } }
        }
    }
}

fn pay(settings: &Settings, case: &Case, pay_at: Option<&str>) -> Markup {
    let Some(address) = pay_at.filter(|address| is_link(address)) else {
        return match settings.phone.is_empty() {
            true => notice(
                "",
                Icon::Info,
                "To pay, ask the clinic",
                "Quote the invoice's number.",
            ),
            false => notice(
                "",
                Icon::Info,
                "To pay, call the clinic",
                &format!(
                    "Call {} and quote {}.",
                    settings.phone,
                    case.invoice().number
                ),
            ),
        };
    };
    // The gateway's page asks for its own payment's amount, which may be a part of what is due.
    let asked = newest_open(case).map_or(case.due(), |payment| payment.amount);
    pay_button(address, asked)
}

/// The payment whose page a patient is sent to.
pub fn newest_open(case: &Case) -> Option<&Payment> {
    let open = |payment: &&Payment| payment.open_page().is_some();
    case.payments.iter().rev().find(open)
}

/// The button that leads to the gateway's page, through ours.
pub fn pay_button(address: &str, asked: Money) -> Markup {
    html! {
        form.stack method="post" action=(address) {
            button.btn.main.wide type="submit" {
                (Icon::Lock.draw()) " " span { "Pay " (money(asked)) }
            }
            p.small.soft {
                "You pay on our payment partner’s secure page, in " (asked.currency.code())
                ". We never see your card or account number."
            }
        }
    }
}

/// The one that holds now, then what came before it.
fn papers(settings: &Settings, receipts: &[Paper]) -> Markup {
    let named = |paper: &Paper| {
        let about = match paper.about {
            About::Payment(sum) => format!("Payment of {}", amount(sum)),
            About::Returned => "Taken back by the bank".into(),
            About::Reinstated => "Given back by the bank".into(),
            About::Refund(sum) => format!("Refund of {}", amount(sum)),
            About::RefundFailed(sum) => {
                format!("Refund of {} did not go through", amount(sum))
            }
        };
        format!("{about} · {}", short_day(paper.at, settings))
    };
    html! {
        div.stack {
            @for (place, paper) in receipts.iter().enumerate() {
                a.btn.wide href=(paper.address) {
                    (Icon::Receipt.draw()) " "
                    span {
                        @if place == 0 { "Current receipt " } @else { "Receipt " }
                        (paper.number)
                        span.hint { (named(paper)) }
                    }
                }
            }
        }
    }
}

fn items(case: &Case, descriptions: &[String]) -> Markup {
    html! {
        table.bill {
            caption { "What it is for" }
            thead {
                tr { th scope="col" { "Item" } th.n scope="col" { "Tax" } th.n scope="col" { "Amount" } }
            }
            tbody {
                @for (n, line) in case.invoice().lines.iter().enumerate() {
                    @if let Ok((gross, of_it_tax)) = line.gross_and_tax() {
                        tr {
                            td { (item(n, line.quantity, descriptions)) }
                            td.n {
                                (tax(of_it_tax))
                                @if !line.tax_rate.is_zero() {
                                    span.hint { (line.tax_rate.normalize()) "%" }
                                }
                            }
                            td.n { (amount(gross)) }
                        }
                    }
                }
            }
            tfoot {
                @if case.invoice().tax.minor != 0 {
                    tr { th scope="row" { "Without tax" } td {} td.n { (amount(case.invoice().net)) } }
                }
                tr {
                    th scope="row" { "Total" }
                    td.n { (amount(case.invoice().tax)) }
                    td.n { (amount(case.invoice().total)) }
                }
            }
        }
    }
}

/// What a health fund asks for before it pays its part: who bills, whom, for which day.
fn facts(settings: &Settings, case: &Case, patient: &str) -> Markup {
    let service = case.starts_at.map(|at| day(at, settings));
    html! {
        dl.facts {
            div {
                dt { "From" }
                dd {
                    (settings.name)
                    @for line in [&settings.address, &settings.tax_number] {
                        @if !line.is_empty() { br; (line) }
                    }
                }
            }
            @if !patient.is_empty() { div { dt { "Patient" } dd { (patient) } } }
            div { dt { (what(case)) } dd { (case.invoice().number) " of " (day(case.issued_at(), settings)) } }
            @if let Some(service) = service { div { dt { "Date of service" } dd { (service) } } }
        }
    }
}
