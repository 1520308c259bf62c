//! The receipt: what was billed, how it was paid, what went back. Written once and kept as it is.

use super::layout::{Icon, by, clinic, day, document, short_day, split, state};
use crate::domain::receipt::{Facts, Issuer};
use crate::domain::settings::Settings;
use crate::messages::{amount, gateway_name};
use crate::words::money::Money;
use jiff::Timestamp;
use maud::{Markup, html};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// The receipt's page, as it stays. `patient` is empty for a walk-in.
pub fn page(settings: &Settings, facts: &Facts, patient: &str, descriptions: &[String]) -> String {
    let issuer = facts.issuer.clone().unwrap_or_else(|| Issuer::of(settings));
    // A paper is a tax receipt only where it bears the number that makes it one.
    let heading = if issuer.tax_number.is_empty() {
        "Receipt"
    } else {
        "Tax receipt"
    };
    let body = html! {
        div.paper-page {
            header.bar { (by("Receipt kept by Meridian")) }
            main.paper #main {
                div.paper-top {
                    div {
                        h1 { (heading) }
                        p.soft {
                            span.nowrap { (facts.number) } " · issued "
                            span.nowrap { (day(facts.issued_at, settings)) }
                            @if let Some(replaced) = &facts.replaces {
                                br; "Replaces " span.nowrap { (replaced) }
                            }
                        }
                    }
                    (named(&issuer))
                }
                dl.facts {
                    @if !patient.is_empty() {
                        div { dt { "Patient" } dd { (patient) } }
                    }
                    @if let Some(at) = facts.starts_at {
                        div { dt { "Date of service" } dd { (day(at, settings)) } }
                    }
                    @if facts.deposit {
                        div { dt { "Deposit" } dd { (facts.invoice) } }
                    } @else {
                        div { dt { "Invoice" } dd { (facts.invoice) } }
                        div { dt { "Invoice date" } dd { (day(facts.invoiced_at, settings)) } }
                    }
                }
                (items(facts, descriptions))
                (payments(settings, facts))
                dl.sums {
                    div.total { dt { "Left to pay" } dd { (amount(facts.due)) } }
                }
                p.small.soft {
                    "All amounts are in " (facts.total.currency.code()) " and include tax where "
                    "shown. This receipt does not change: if something is corrected or refunded, "
                    "you get a new one that names this one."
                }
            }
            footer.bar {
                p.small.soft {
                    @if issuer.phone.is_empty() {
                        "Questions? Ask the clinic and quote "
                    } @else {
                        "Questions? Call " span.nowrap { (issuer.phone) } " and quote "
                    }
                    span.nowrap { (facts.number) } "."
                }
            }
        }
    };
    let title = format!("Receipt {} · {}", facts.number, issuer.name);
    document(&title, &body)
}

/// What stands in place of a receipt whose patient was erased.
pub fn erased(settings: &Settings) -> String {
    let lead = html! {
        (clinic(settings))
        p.lead-label { "Receipt" }
        p.lead-sum { "Erased" }
    };
    let act = state(
        Icon::Ended,
        "warn",
        "This receipt can no longer be shown",
        "The personal data on it was erased on request. The clinic’s books keep the amounts \
         without a name.",
    );
    document(
        &format!("Receipt erased · {}", settings.name),
        &split(&lead, &act),
    )
}

fn named(issuer: &Issuer) -> Markup {
    html! {
        address.small {
            strong { (issuer.name) }
            @for line in [&issuer.address, &issuer.tax_number, &issuer.phone] {
                @if !line.is_empty() { br; (line) }
            }
        }
    }
}

fn items(facts: &Facts, descriptions: &[String]) -> Markup {
    html! {
        table.bill {
            caption { "What it was for" }
            thead {
                tr { th scope="col" { "Item" } th.n scope="col" { "Tax" } th.n scope="col" { "Amount" } }
            }
            tbody {
                @for (n, line) in facts.lines.iter().enumerate() {
                    tr {
                        td { (item(n, line.quantity, descriptions)) }
                        td.n {
                            (tax(line.tax))
                            @if let Some(rate) = line.tax_rate.filter(|rate| !rate.is_zero()) {
                                span.hint { (rate.normalize()) "%" }
                            }
                        }
                        td.n { (amount(line.gross)) }
                    }
                }
            }
            tfoot {
                @if facts.tax.minor != 0 {
                    tr { th scope="row" { "Without tax" } td {} td.n { (amount(facts.net)) } }
                    @for (rate, net, of_it_tax) in by_rate(facts) {
                        tr {
                            th scope="row" { "Tax of " (rate.normalize()) "% on " (amount(net)) }
                            td {}
                            td.n { (amount(of_it_tax)) }
                        }
                    }
                }
                tr {
                    th scope="row" { "Total" }
                    td.n { (amount(facts.tax)) }
                    td.n { (amount(facts.total)) }
                }
                @if let Some(credited) = facts.credited {
                    tr { th scope="row" { "Credit notes" } td {} td.n { (amount(minus(credited))) } }
                }
            }
        }
    }
}

/// Per rate of tax: what it was taken on, and what it came to.
fn by_rate(facts: &Facts) -> Vec<(Decimal, Money, Money)> {
    let mut sums: BTreeMap<Decimal, (i64, i64)> = BTreeMap::new();
    for line in &facts.lines {
        if let Some(rate) = line.tax_rate.filter(|rate| !rate.is_zero()) {
            let (net, tax) = sums.entry(rate).or_default();
            *net += line.gross.minor - line.tax.minor;
            *tax += line.tax.minor;
        }
    }
    let money = |minor| Money::new(minor, facts.total.currency);
    sums.into_iter()
        .map(|(rate, (net, tax))| (rate, money(net), money(tax)))
        .collect()
}

/// What a line is for, or its number where nobody said.
pub fn item(n: usize, quantity: u32, descriptions: &[String]) -> Markup {
    let said = descriptions
        .get(n)
        .map(String::as_str)
        .filter(|text| !text.trim().is_empty());
    html! {
        @match said {
            Some(text) => (text),
            None => { "Item " (n + 1) },
        }
        @if quantity > 1 { span.hint { "Quantity " (quantity) } }
    }
}

pub fn tax(money: Money) -> String {
    if money.minor == 0 {
        "none".into()
    } else {
        amount(money)
    }
}

fn payments(settings: &Settings, facts: &Facts) -> Markup {
    let on = |at: Option<Timestamp>| at.map(|at| format!("{} · ", short_day(at, settings)));
    html! {
        table.bill {
            caption { "How it was paid" }
            thead { tr { th scope="col" { "Payment" } th.n scope="col" { "Amount" } } }
            tbody {
                @for paid in &facts.payments {
                    tr {
                        td {
                            (paid.method.as_deref().unwrap_or("Paid online"))
                            span.hint {
                                @if paid.gateway.is_empty() {
                                    @if let Some(at) = paid.at { (short_day(at, settings)) }
                                } @else {
                                    (on(paid.at).unwrap_or_default())
                                    "through " (gateway_name(&paid.gateway))
                                }
                            }
                        }
                        td.n { (amount(paid.amount)) }
                    }
                    @if let Some(returned) = paid.returned {
                        tr {
                            td {
                                @if paid.gateway.is_empty() { "Taken off again" }
                                @else { "Taken back by the bank" }
                                span.hint {
                                    "of the " (amount(paid.amount))
                                    @if let Some(at) = paid.at { " of " (short_day(at, settings)) }
                                }
                            }
                            td.n { (amount(minus(returned))) }
                        }
                    }
                }
                @for refund in &facts.refunds {
                    tr {
                        td {
                            @if refund.to_credit { "Kept as your credit" }
                            @else { "Refund to you" }
                            span.hint {
                                (on(refund.at).unwrap_or_default())
                                @match &refund.to {
                                    _ if refund.to_credit => { "for a later bill" },
                                    Some(method) if refund.gateway.is_empty() => {
                                        "of what you paid by " (method.to_lowercase())
                                    },
                                    Some(method) => { "to " (method) },
                                    None => { "the way you paid, through " (gateway_name(&refund.gateway)) },
                                }
                            }
                        }
                        td.n { (amount(minus(refund.amount))) }
                    }
                }
            }
            tfoot {
                tr { th scope="row" { (paid_label(facts)) } td.n { (amount(facts.paid)) } }
            }
        }
    }
}

fn minus(money: Money) -> Money {
    Money::new(-money.minor, money.currency)
}

fn paid_label(facts: &Facts) -> &'static str {
    let returned = facts.payments.iter().any(|paid| paid.returned.is_some());
    match (returned, facts.refunds.is_empty()) {
        (false, true) => "Paid",
        (false, false) => "Paid, after refunds",
        (true, true) => "Paid, after what was taken back",
        (true, false) => "Paid, after refunds and what was taken back",
    }
}
