//! The page at `/`: what a person can open and do here, all of it a click away.

use crate::demo;
use crate::help;
use crate::local_stack::LocalStack;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use meridian_sandbox::Sandbox;
use serde_json::Value;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: light-dark(#0d2328, #e8eff0); --soft: light-dark(#4a5e63, #a7b7ba);
  --bg: light-dark(#f3f6f5, #0a1214); --card: light-dark(#fff, #121c1f); --line: light-dark(#dde5e3, #25343a);
  --accent: light-dark(#0b5a61, #62cbc1); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; background: var(--bg); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 2rem 0 .5rem; font-size: 1.125rem; }
p { margin: .25rem 0; color: var(--soft); } a { color: var(--accent); }
pre, .card { margin: .5rem 0; padding: .75rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
pre { font-size: .8125rem; white-space: pre-wrap; }
.card > p { color: inherit; } .small { color: var(--soft); font-size: .875rem; }
iframe { width: 100%; height: 26rem; border: 1px solid var(--line); border-radius: 10px; background: #fff; }
";

pub async fn page(stack: &LocalStack) -> String {
    let http = &stack.address;
    let key = std::fs::read_to_string(stack.state.join("demo-key")).ok();
    let key = key.unwrap_or_default();
    let invoices = invoices(stack, key.trim()).await;
    let body = html! {
        h1 { "Meridian, on this machine" }
        p { "No money moves here: the vendors are simulated." }
        p { "Clock: " (stack.clock.shift().unwrap_or("as the machine's".into())) }
        p { "Demo clinic " code { (demo::CLINIC) } ", API key " code { (key.trim()) } }
        h2 { "Try" }
        @for command in demo::commands(http, key.trim(), stack.clock.now()) { pre { (command) } }
        h2 { "Invoices" }
        @if invoices.is_empty() { p { "None yet: the second command makes one." } }
        @for invoice in &invoices { (shown(invoice)) }
        h2 { "Messages" }
        (messages(&stack.sandbox.outbox()))
        h2 { "Read" }
        @for path in ["/v1/openapi.json", "/_local/calls", "/_local/aws-calls", "/_local/outbox",
            "/_local/faults", "/_local/instances", "/_local/clock"] {
            p { a href=(path) { (path) } }
        }
        @for vendor in Sandbox::vendors() {
            @let events = format!("{}/_sandbox/{vendor}/events", stack.sandbox.base("").trim_end_matches('/'));
            p { a href=(events) { "webhooks of " (vendor) } }
        }
        h2 { "Do" }
        pre { (help::text()) }
    };
    document(&body)
}

fn document(body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Meridian, local" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// The demo clinic's newest invoices, as its API tells them; none where it does not run.
async fn invoices(stack: &LocalStack, key: &str) -> Vec<Value> {
    let ask = async |path: &str| -> Option<Value> {
        let url = format!("{}{path}", stack.address);
        let asked = stack.vendors.client.get(url).bearer_auth(key).send().await;
        serde_json::from_slice(&asked.ok()?.bytes().await.ok()?).ok()
    };
    if key.is_empty() {
        return vec![];
    }
    let listed = ask("/v1/invoices?limit=20").await.unwrap_or_default();
    let mut whole = vec![];
    for invoice in listed["invoices"].as_array().into_iter().flatten() {
        let id = invoice["id"].as_str().unwrap_or_default();
        whole.extend(ask(&format!("/v1/invoices/{id}")).await);
    }
    whole
}

fn shown(invoice: &Value) -> Markup {
    let text = |name: &str| invoice[name].as_str().unwrap_or_default();
    let sum = |name: &str| {
        let of = &invoice[name];
        let part = |name: &str| of[name].as_str().unwrap_or_default();
        format!("{} {}", part("amount"), part("currency"))
    };
    html! {
        div.card {
            p { strong { (text("number")) } ", " (text("status")) ": " (sum("total")) ", due " (sum("due")) }
            p {
                a href=(text("page_url")) { "the patient's page" }
                @if !text("checkout_url").is_empty() {
                    " · " a href=(text("checkout_url")) { "the gateway's checkout" }
                }
                @for receipt in invoice["receipts"].as_array().into_iter().flatten() {
                    @let part = |name: &str| receipt[name].as_str().unwrap_or_default().to_owned();
                    " · " a href=(part("url")) { "receipt " (part("number")) }
                }
            }
            @for payment in invoice["payments"].as_array().into_iter().flatten() {
                @let part = |name: &str| payment[name].as_str().unwrap_or_default().to_owned();
                p.small { (part("gateway")) " " (part("state")) " " (part("gateway_ref")) }
            }
        }
    }
}

/// What patients and staff got, newest first, as they see it.
fn messages(outbox: &[Value]) -> Markup {
    html! {
        @if outbox.is_empty() { p { "None yet." } }
        @for message in outbox.iter().rev().take(20) {
            @let text = |name: &str| message[name].as_str().unwrap_or_default();
            details.card {
                summary { (text("system")) " to " (text("to")) ": "
                    (if text("subject").is_empty() { text("text") } else { text("subject") }) }
                p.small { (text("at")) }
                p { (linked(text("text"))) }
                // Sandboxed: what was sent is looked at, and runs nothing here.
                @if !text("html").is_empty() { iframe sandbox="" title="the mail" srcdoc=(text("html")) {} }
            }
        }
    }
}

/// Text with its addresses as links.
fn linked(text: &str) -> Markup {
    html! {
        @for word in text.split_inclusive(char::is_whitespace) {
            @if word.starts_with("http://") || word.starts_with("https://") {
                a href=(word.trim()) { (word) }
            } @else { (word) }
        }
    }
}
