//! Hosted pages as a payer sees them: what is paid, and a button for each way it can end.

use crate::wire::Reply;
use maud::{DOCTYPE, PreEscaped, html};

/// An open checkout. Each button posts `outcome` back to the page's own address.
pub struct Checkout<'a> {
    pub vendor: &'a str,
    pub payee: &'a str,
    pub title: &'a str,
    /// `60.00 EUR`, or empty where only a method is set up.
    pub sum: &'a str,
    /// Lines under the sum, such as a reference.
    pub notes: Vec<String>,
    /// Outcome and its button's words; the first is the main one.
    pub buttons: &'a [(&'a str, &'a str)],
    /// What went wrong at the last try.
    pub alert: Option<&'a str>,
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: light-dark(#16211f, #e9f0ee); --soft: light-dark(#56635f, #a9b8b4);
  --bg: light-dark(#eef2f1, #0c1413); --card: light-dark(#fff, #14201e); --line: light-dark(#d5dfdc, #2a3a37);
  --accent: light-dark(#0b5a61, #62cbc1); --on: light-dark(#fff, #04201f); --bad: light-dark(#a21d18, #ff9f96); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--bg);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 2rem; box-shadow: 0 10px 30px light-dark(#0d23280f, #00000066); }
.who { margin: 0 0 1.5rem; display: flex; justify-content: space-between; color: var(--soft); font-size: .875rem; }
h1 { margin: 0; font-size: 1.125rem; font-weight: 600; }
.sum { margin: .25rem 0 1rem; font-size: 2.5rem; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.note { margin: 0; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.alert { margin: 1rem 0 0; padding: .625rem .875rem; border: 1px solid var(--bad); border-radius: 8px; color: var(--bad); }
form { margin: 1.5rem 0 0; display: grid; gap: .625rem; }
button { min-height: 3rem; padding: 0 1rem; border: 1px solid var(--line); border-radius: 8px; background: none;
  color: inherit; font: inherit; cursor: pointer; }
button:first-child { border-color: var(--accent); background: var(--accent); color: var(--on); font-weight: 600; }
button:hover { border-color: var(--accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.foot { margin: 1.5rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .8125rem; }
";

fn page(status: u16, title: &str, body: maud::Markup) -> Reply {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) p.foot { "A simulated vendor: no money moves here." } } }
        }
    };
    Reply::html(status, page.into_string())
}

pub fn checkout(checkout: &Checkout) -> Reply {
    let body = html! {
        p.who { span { (checkout.payee) } span { (checkout.vendor) } }
        h1 { (checkout.title) }
        @if !checkout.sum.is_empty() { p.sum { (checkout.sum) } }
        @for note in &checkout.notes { p.note { (note) } }
        @if let Some(alert) = checkout.alert { p.alert role="alert" { (alert) } }
        form method="post" {
            @for (outcome, words) in checkout.buttons {
                button type="submit" name="outcome" value=(outcome) { (words) }
            }
        }
    };
    page(200, checkout.title, body)
}

/// A page with nothing left to do.
pub fn notice(status: u16, vendor: &str, title: &str, words: &str) -> Reply {
    page(
        status,
        title,
        html! { p.who { span { (vendor) } } h1 { (title) } p.note { (words) } },
    )
}
