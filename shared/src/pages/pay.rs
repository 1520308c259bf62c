//! Where a message leads who is to pay: how much and for what, and the way on to the gateway's page.

use super::invoice::{pay_button, what};
use super::layout::{Icon, call, clinic, day, deadline, document, split, state, sum};
use crate::domain::case::{Case, Payment, Session};
use crate::domain::settings::Settings;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{PreEscaped, html};
use sha2::{Digest, Sha256};

/// The page of a payment that can be paid now. `address` is its own, which the button posts to.
pub fn page(
    settings: &Settings,
    case: &Case,
    payment: &Payment,
    open: &Session,
    address: &str,
) -> String {
    let lead = html! {
        (clinic(settings))
        p.lead-label { "To pay" }
        (sum(payment.amount))
        p.lead-what {
            (what(case)) " " strong.nowrap { (case.invoice().number) } " of "
            span.nowrap { (day(case.issued_at(), settings)) }
        }
        @if let Some(until) = open.expires_at {
            p.lead-note {
                span { "You can pay here until " strong { (deadline(until, settings)) } "." }
            }
        }
    };
    let act = html! {
        h1 { "Pay " (settings.name) }
        (pay_button(address, payment.amount))
        (call(settings, "Rather talk to someone? Call the clinic on", "."))
    };
    let title = format!("To pay · {}", settings.name);
    document(&title, &split(&lead, &act))
}

/// Sends the form on by itself where scripts run; else the button does.
const SUBMIT: &str = "document.forms[0].submit()";

/// The page whose form the payer's browser posts to the gateway.
pub fn posted(settings: &Settings, to: &str, fields: &[(String, String)]) -> String {
    let lead = html! {
        (clinic(settings))
        p.lead-label { "To pay" }
        p.lead-sum { "One moment" }
    };
    let act = html! {
        (state(Icon::Lock, "", "You are sent to the secure page", "Nothing is taken before you say so there."))
        form.stack method="post" action=(to) {
            @for (name, value) in fields {
                input type="hidden" name=(name) value=(value);
            }
            button.btn.main.wide type="submit" { (Icon::Lock.draw()) " Continue" }
        }
        script { (PreEscaped(SUBMIT)) }
    };
    let title = format!("To pay · {}", settings.name);
    document(&title, &split(&lead, &act))
}

/// As a content security policy names the one script of that page.
pub fn script() -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(SUBMIT));
    format!("'sha256-{digest}'")
}
