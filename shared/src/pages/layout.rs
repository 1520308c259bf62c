//! The frames that pages share: a document's head, the page in two halves (the money, the act),
//! icons, and how dates are written on pages.

use super::style;
use crate::domain::settings::Settings;
use crate::messages;
use crate::words::money::Money;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

/// A whole document around a body.
pub fn document(title: &str, body: &Markup) -> String {
    whole(title, None, body)
}

/// One that is shown again after so many seconds, from this address.
pub fn again_after(title: &str, seconds: u32, address: &str, body: &Markup) -> String {
    whole(title, Some(format!("{seconds};url={address}")), body)
}

fn whole(title: &str, refresh: Option<String>, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                meta name="referrer" content="no-referrer";
                @if let Some(refresh) = refresh { meta http-equiv="refresh" content=(refresh); }
                title { (title) }
                link rel="stylesheet" href=(style::PATH);
            }
            body {
                a.skip href="#main" { "Skip to the main part" }
                (body)
            }
        }
    };
    page.into_string()
}

/// The page in two halves: whose money and how much on the deep side, what to do on the light one.
pub fn split(lead: &Markup, act: &Markup) -> Markup {
    html! {
        div.split {
            header.lead { (arcs()) (lead) }
            div.act {
                main #main { (act) }
                footer.foot { (by("Payments by Meridian")) }
            }
        }
    }
}

/// The clinic's name under its initials.
pub fn clinic(settings: &Settings) -> Markup {
    let letters = settings
        .name
        .split_whitespace()
        .filter_map(|word| word.chars().next());
    let initials: String = letters.filter(|c| c.is_alphanumeric()).take(2).collect();
    html! {
        p.clinic {
            span.clinic-mark aria-hidden="true" { (initials.to_uppercase()) }
            span { (settings.name) }
        }
    }
}

/// An icon, a heading and a sentence: how things stand.
pub fn state(icon: Icon, tone: &str, heading: &str, text: &str) -> Markup {
    html! {
        div.state {
            span class=(format!("state-icon {tone}")) { (icon.draw()) }
            h1 { (heading) }
            p { (text) }
        }
    }
}

/// The sum that a page is about, with its currency where the sign does not name it.
pub fn sum(money: Money) -> Markup {
    let written = messages::amount(money);
    let code = money.currency.code();
    html! {
        p.lead-sum.money {
            (written)
            @if !written.contains(code) { " " small { (code) } }
        }
    }
}

pub fn money(money: Money) -> Markup {
    html! { span.money { (messages::amount(money)) } }
}

/// How to reach the clinic; nothing where it gave no number.
pub fn call(settings: &Settings, before: &str, after: &str) -> Markup {
    let dial: String = settings
        .phone
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect();
    html! {
        @if !dial.is_empty() {
            p.soft { (before) " " a.nowrap href=(format!("tel:{dial}")) { (settings.phone) } (after) }
        }
    }
}

pub fn by(words: &str) -> Markup {
    html! {
        span.by {
            svg.mark viewBox="0 0 24 24" aria-hidden="true" {
                g transform="rotate(23.4 12 12)" fill="none" stroke="currentColor" stroke-width="2"
                    stroke-linecap="round" {
                    circle cx="12" cy="12" r="9.5" {}
                    path d="M12 2.5c5.4 5.2 5.4 13.8 0 19" {}
                }
            }
            " " (words)
        }
    }
}

/// The meridians behind the deep panel.
fn arcs() -> Markup {
    html! {
        svg.arcs viewBox="0 0 400 400" aria-hidden="true" {
            g transform="rotate(23.4 200 200)" stroke-width="1.5" {
                circle cx="200" cy="200" r="198" {}
                @for width in ["158", "104", "38"] {
                    ellipse cx="200" cy="200" rx=(width) ry="198" {}
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Alert,
    Busy,
    Check,
    Clock,
    Ended,
    Info,
    Lock,
    Receipt,
    Return,
    Again,
}

impl Icon {
    /// Strokes on a square of 20, in the colour of the text around.
    pub fn draw(self) -> Markup {
        let strokes = match self {
            Self::Alert => "M10 3 1.9 16.75h16.2ZM10 8.25v3.5M10 14.25v.01",
            Self::Busy => "M10 2.75A7.25 7.25 0 1 1 2.75 10",
            Self::Check => "m4.5 10.5 3.5 3.5 7.5-8",
            Self::Clock => "M2.75 10a7.25 7.25 0 1 0 14.5 0 7.25 7.25 0 1 0-14.5 0M10 5.75V10l3 2",
            Self::Ended => {
                "M2.75 10a7.25 7.25 0 1 0 14.5 0 7.25 7.25 0 1 0-14.5 0m4.75-2.5 5 5m0-5-5 5"
            }
            Self::Info => {
                "M2.75 10a7.25 7.25 0 1 0 14.5 0 7.25 7.25 0 1 0-14.5 0M10 9.25v4.5M10 6.5v.01"
            }
            Self::Lock => {
                "M6 9h8a2 2 0 0 1 2 2v4.5a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V11a2 2 0 0 1 2-2ZM6.75 9V6.25a3.25 3.25 0 0 1 6.5 0V9"
            }
            Self::Receipt => {
                "M4.5 2.25v15.5l2.2-1.5 2.2 1.5 2.2-1.5 2.2 1.5 2.2-1.5V2.25l-2.2 1.5-2.2-1.5-2.2 1.5-2.2-1.5ZM7.5 7.5h5M7.5 10.75h5"
            }
            Self::Return => "M7 4 3 8l4 4M3 8h8.5a5 5 0 0 1 0 10H8",
            Self::Again => "M16.5 9A6.75 6.75 0 1 0 15 14.4M16.75 4.5V9h-4.5",
        };
        let class = if self == Self::Busy { "i spin" } else { "i" };
        html! { svg class=(class) viewBox="0 0 20 20" aria-hidden="true" { path d=(strokes) {} } }
    }
}

/// A day in the clinic's zone, with its year, as papers state it: `9 December 2026`.
pub fn day(at: Timestamp, settings: &Settings) -> String {
    at.to_zoned(settings.zone())
        .strftime("%-d %B %Y")
        .to_string()
}

/// A day in a row of a paper: `9 Dec 2026`.
pub fn short_day(at: Timestamp, settings: &Settings) -> String {
    at.to_zoned(settings.zone())
        .strftime("%-d %b %Y")
        .to_string()
}

/// A deadline, with the zone that it is meant in: `Saturday 28 November, 2:10 pm (Melbourne time)`.
pub fn deadline(at: Timestamp, settings: &Settings) -> String {
    let at = at.to_zoned(settings.zone());
    let zone = at.time_zone().iana_name().unwrap_or("UTC");
    let place = zone.rsplit('/').next().unwrap_or(zone).replace('_', " ");
    let zone = if place == "UTC" {
        place
    } else {
        format!("{place} time")
    };
    format!("{} ({zone})", at.strftime("%A %-d %B, %-I:%M %P"))
}
