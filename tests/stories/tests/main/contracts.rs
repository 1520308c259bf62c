//! Every call that a story makes, every reply and every webhook that the sandbox gives, against the
//! vendors' own contracts.

use crate::clinic::*;
use crate::post::{self, sent};
use crate::setup::secret;
use base64::Engine;
use meridian_contracts::{Contracts, Exchange};
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The stack for one story. At its end all that went over the wire is held against the contracts.
pub fn alone() -> (&'static Stack, Held) {
    let (stack, alone) = Stack::alone();
    (stack, Held { _alone: alone })
}

pub struct Held {
    _alone: MutexGuard<'static, ()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            hold(Stack::shared());
        }
    }
}

/// What was held so far: the newest call and webhook, and the kinds of both by vendor.
#[derive(Default)]
struct Record {
    call: u64,
    webhook: u64,
    kinds: BTreeMap<String, BTreeMap<String, usize>>,
}

fn record() -> MutexGuard<'static, Record> {
    static RECORD: OnceLock<Mutex<Record>> = OnceLock::new();
    let record = RECORD.get_or_init(Mutex::default);
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

fn contracts() -> Option<&'static Contracts> {
    static CONTRACTS: OnceLock<Option<Contracts>> = OnceLock::new();
    let read = || {
        let contracts = Contracts::from_env();
        if contracts.is_none() {
            let required = std::env::var_os("CI").is_some();
            assert!(!required, "CI needs MERIDIAN_CONTRACTS");
            println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        }
        contracts
    };
    CONTRACTS.get_or_init(read).as_ref()
}

/// Holds what came since the last time.
fn hold(stack: &Stack) {
    let Some(contracts) = contracts() else {
        return;
    };
    // What is still on its way shall not slip between two stories.
    stack.control("GET", "quiet?timeout=10", &Value::Null);
    let mut record = record();
    let path = format!("calls?since={}", record.call);
    let calls = stack.control("GET", &path, &Value::Null).expect(200);
    let mut problems = vec![];
    for call in calls.as_array().into_iter().flatten() {
        record.call = record.call.max(call["seq"].as_u64().unwrap_or_default());
        // What the stack itself answered is no vendor's reply.
        let fault = call["fault"].as_str().unwrap_or_default();
        if fault.starts_with("status:") {
            continue;
        }
        let exchange = exchange(call);
        let kind = format!("{} {}", exchange.method, shape(&exchange.path));
        record.count(&exchange.vendor, kind);
        problems.extend(
            contracts
                .check(&exchange)
                .into_iter()
                .map(|problem| format!("{problem}\n  {call}")),
        );
    }
    let newest = record.webhook;
    let vendors = stack.control("GET", "hosts", &Value::Null).expect(200);
    for vendor in vendors.as_object().into_iter().flatten().map(|(id, _)| id) {
        for webhook in sent(stack, vendor) {
            let id = webhook["id"].as_u64().unwrap_or_default();
            if id <= newest {
                continue;
            }
            record.webhook = record.webhook.max(id);
            let read = post::read(&webhook);
            // The last part of its address says of which kind it is.
            let source = read.url.rsplit('/').next().unwrap_or(vendor);
            record.count(vendor, format!("webhook {}", read.event));
            let found = contracts.check_webhook(source, &read.headers, &read.body);
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("{problem}\n  {webhook}")),
            );
        }
    }
    drop(record);
    let count = problems.len();
    problems.truncate(5);
    assert!(
        problems.is_empty(),
        "{count} problems, the first:\n{}",
        problems.join("\n")
    );
}

impl Record {
    fn count(&mut self, vendor: &str, kind: String) {
        let kinds = self.kinds.entry(vendor.to_owned()).or_default();
        *kinds.entry(kind).or_default() += 1;
    }
}

/// A path whose ids are all the same.
fn shape(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let is_id = |part: &str| part.len() > 4 && part.bytes().any(|byte| byte.is_ascii_digit());
    let parts = path
        .split('/')
        .map(|part| if is_id(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn exchange(call: &Value) -> Exchange {
    let text = |name: &str| call[name].as_str().unwrap_or_default();
    let headers = |name: &str| {
        let map = call[name].as_object().into_iter().flatten();
        map.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect()
    };
    let body = |name: &str| {
        let binary = call[format!("{name}_base64")].as_str();
        let decoded = binary.and_then(|text| base64::prelude::BASE64_STANDARD.decode(text).ok());
        decoded.unwrap_or_else(|| text(name).into())
    };
    Exchange {
        vendor: text("vendor").into(),
        method: text("method").into(),
        path: text("path").into(),
        request_headers: headers("headers"),
        request_body: body("body"),
        status: call["status"].as_u64().unwrap_or_default() as u16,
        response_headers: headers("reply_headers"),
        response_body: body("reply"),
    }
}

/// The money part needs no contract: it runs without their folder too.
#[test]
fn every_gateway_moves_money_once_through_lost_replies_and_all_that_is_said_fits_the_contracts() {
    {
        let (stack, _alone) = alone();
        for gateway in stack.gateways.iter().map(String::as_str) {
            every_way_of_money(stack, gateway);
        }
    }
    if contracts().is_none() {
        return;
    }
    let record = record();
    let kinds = |vendor: &str| -> BTreeSet<&str> {
        let of = record.kinds.get(vendor).into_iter().flatten();
        of.map(|(kind, _)| kind.as_str()).collect()
    };
    for (vendor, calls, webhooks) in Contracts::least() {
        let (told, called): (BTreeSet<_>, BTreeSet<_>) = kinds(vendor)
            .into_iter()
            .partition(|kind| kind.starts_with("webhook"));
        assert!(called.len() >= calls, "{vendor}: only {called:#?}");
        assert!(told.len() >= webhooks, "{vendor}: only {told:#?}");
    }
}

/// A page, a kept method, a refund of ours and one of the dashboard, replies that are lost.
fn every_way_of_money(stack: &Stack, gateway: &str) {
    let patient = patient(stack);
    listed(stack, gateway);
    let settle = || {
        stack.quiet();
        // Debits take their days, and some refunds.
        stack.advance(6 * 86_400);
        stack.quiet();
    };
    let first = id(&invoice(stack, &patient, "checkout", gateway));
    pay_on_page(stack, gateway, &checkout(stack, &first));
    settle();
    let amount = json!({ "amount": "5.00", "currency": "EUR" });
    let refund = json!({ "invoice": first, "amount": amount });
    stack.post("/v1/refunds", &refund).expect(202);
    settle();
    let read = read_invoice(stack, &first);
    assert_eq!(read["refunded"]["amount"], "5.00", "{gateway}: {read}");
    let lost = json!({ "vendors": [
        { "vendor": gateway, "method": "POST", "action": "cut_after", "times": 1 },
        { "vendor": "xero", "action": "cut_after", "times": 1 },
        { "vendor": "twilio", "action": "cut_after", "times": 1 },
        { "vendor": "mailgun", "action": "cut_after", "times": 1 },
    ] });
    stack.faults(&lost);
    let next = id(&invoice(stack, &patient, "saved_method", gateway));
    stack.quiet();
    stack.faults(&json!({}));
    stack.advance(3600);
    settle();
    let read = read_invoice(stack, &next);
    paid_once(stack, gateway, &read);
    // For two hours nobody knows whether this one was charged: some keys are over by then.
    stack.faults(&json!({ "vendors": [
        { "vendor": gateway, "method": "POST", "action": "cut_before" },
    ] }));
    let silent = id(&invoice(stack, &patient, "saved_method", gateway));
    stack.advance(7200);
    stack.faults(&json!({}));
    stack.advance(7200);
    settle();
    let found = read_invoice(stack, &silent);
    paid_once(stack, gateway, &found);
    let payment = read["payments"][0]["gateway_ref"].as_str().expect("an id");
    let wanted = json!({ "amount": 700 });
    stack.at_vendor(gateway, &format!("refund/{payment}"), &wanted);
    settle();
    let read = read_invoice(stack, &next);
    assert_eq!(read["refunded"]["amount"], "7.00", "{gateway}: {read}");
}

/// Where only lists tell of some things they are asked for from now on.
fn listed(stack: &Stack, gateway: &str) {
    let path = format!("/v1/integrations/{gateway}");
    let shown = stack.get(&path).expect(200);
    if shown["polls"].as_array().is_none_or(Vec::is_empty) {
        return;
    }
    let fields = secret(
        stack,
        &format!("meridian/{}/gateway/{gateway}", stack.clinic),
    );
    let put = json!({ "fields": fields });
    stack.call("PUT", &path, &put, &unique("key")).expect(200);
}

/// All of an invoice was paid by one payment, and each channel told of it once.
fn paid_once(stack: &Stack, gateway: &str, read: &Value) {
    assert_eq!(read["status"], "paid", "{gateway}: {read}");
    assert_eq!(read["paid"], read["total"], "{gateway}: {read}");
    let payments = read["payments"].as_array().into_iter().flatten();
    let paid = payments.filter(|payment| payment["state"] == "paid");
    assert_eq!(paid.count(), 1, "{gateway}: {read}");
    let number = read["number"].as_str().expect("a number");
    for system in ["mailgun", "twilio"] {
        let of =
            |message: &&Value| message["system"] == system && message.to_string().contains(number);
        let outbox = stack.outbox();
        let told: Vec<_> = outbox.iter().filter(of).map(|one| &one["text"]).collect();
        let words: BTreeSet<_> = told.iter().map(|text| text.to_string()).collect();
        let once = !told.is_empty() && words.len() == told.len();
        assert!(
            once,
            "{gateway}: {system} told the same of {number} twice, or nothing: {told:#?}"
        );
    }
    books_hold(stack, read["id"].as_str().expect("an id"));
}
