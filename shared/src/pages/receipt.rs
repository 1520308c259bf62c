//! The receipt: what was billed, how it was paid, what went back. Written once and kept as it is.

use super::layout::{Icon, by, clinic, day, document, split, state};
use super::messages::{amount, gateway_name};
use crate::domain::settings::Settings;
use crate::flows::receipts::Facts;
use crate::money::Money;
use maud::{Markup, html};

/// The receipt's page, as it stays. `patient` is empty for a walk-in.
pub fn page(settings: &Settings, facts: &Facts, patient: &str, descriptions: &[String]) -> String {
    // A paper is a tax receipt only where it bears the number that makes it one.
    let heading = if settings.tax_number.is_empty() {
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
                    (issuer(settings))
                }
                dl.facts {
                    @if !patient.is_empty() {
                        div { dt { "Patient" } dd { (patient) } }
                    }
                    div { dt { "Invoice" } dd { (facts.invoice) } }
                    div { dt { "Invoice date" } dd { (day(facts.invoiced_at, settings)) } }
                }
                (items(facts, descriptions))
                (payments(facts))
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
                    @if settings.phone.is_empty() {
                        "Questions? Ask the clinic and quote "
                    } @else {
                        "Questions? Call " span.nowrap { (settings.phone) } " and quote "
                    }
                    span.nowrap { (facts.number) } "."
                }
            }
        }
    };
    document(
        &format!("Receipt {} · {}", facts.number, settings.name),
        &body,
    )
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

fn issuer(settings: &Settings) -> Markup {
    html! {
        address.small {
            strong { (settings.name) }
            @for line in [&settings.address, &settings.tax_number, &settings.phone] {
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
                        td.n { (tax(line.tax)) }
                        td.n { (amount(line.gross)) }
                    }
                }
            }
            tfoot {
                tr {
                    th scope="row" { "Total" }
                    td.n { (amount(facts.tax)) }
                    td.n { (amount(facts.total)) }
                }
            }
        }
    }
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

fn payments(facts: &Facts) -> Markup {
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
                                @if paid.amount.minor == 0 { "returned by the bank" }
                                @else { "through " (gateway_name(&paid.gateway)) }
                            }
                        }
                        td.n { (amount(paid.amount)) }
                    }
                }
                @for refund in &facts.refunds {
                    tr {
                        td { "Refund to you" }
                        td.n { (amount(Money::new(-refund.minor, refund.currency))) }
                    }
                }
            }
            tfoot {
                tr { th scope="row" { (paid_label(facts)) } td.n { (amount(facts.paid)) } }
            }
        }
    }
}

fn paid_label(facts: &Facts) -> &'static str {
    if facts.refunds.is_empty() {
        "Paid"
    } else {
        "Paid, after refunds"
    }
}
