//! Hundreds of webhooks at once, each of them twice and in any order: the same end as in order.

use crate::clinic::*;
use crate::contracts::alone;
use crate::post::{HeldBack, Webhook, deliver};
use meridian_stack::Stack;
use serde_json::{Value, json};
use std::sync::Mutex;

/// What happens to an invoice at its gateway.
struct Fate {
    name: &'static str,
    gateway: &'static str,
    /// Minor units that go back from the dashboard.
    refunds: &'static [i64],
    /// How a dispute of the rest ends, where there is one.
    dispute: Option<&'static str>,
    /// Its status, and what is paid, refunded and refundable at the end.
    end: [&'static str; 4],
}

const fn fate(name: &'static str, gateway: &'static str, end: [&'static str; 4]) -> Fate {
    Fate {
        name,
        gateway,
        refunds: &[],
        dispute: None,
        end,
    }
}

const FATES: [Fate; 10] = [
    fate("paid", "stripe", ["paid", "60.00", "0.00", "60.00"]),
    Fate {
        refunds: &[2000],
        ..fate(
            "a part refunded",
            "stripe",
            ["paid", "60.00", "20.00", "40.00"],
        )
    },
    Fate {
        refunds: &[1500, 500, 1],
        ..fate(
            "refunded in three parts",
            "stripe",
            ["paid", "60.00", "20.01", "39.99"],
        )
    },
    Fate {
        refunds: &[6000],
        ..fate("all refunded", "stripe", ["paid", "60.00", "60.00", "0.00"])
    },
    Fate {
        dispute: Some("open"),
        ..fate("disputed", "stripe", ["paid", "60.00", "0.00", "0.00"])
    },
    Fate {
        dispute: Some("won"),
        ..fate(
            "a dispute won",
            "stripe",
            ["paid", "60.00", "0.00", "60.00"],
        )
    },
    Fate {
        dispute: Some("lost"),
        ..fate("a dispute lost", "stripe", ["open", "0.00", "0.00", "0.00"])
    },
    Fate {
        refunds: &[1000],
        dispute: Some("won"),
        ..fate(
            "a part refunded, a dispute won",
            "stripe",
            ["paid", "60.00", "10.00", "50.00"],
        )
    },
    fate(
        "paid at Mollie",
        "mollie",
        ["paid", "60.00", "0.00", "60.00"],
    ),
    Fate {
        refunds: &[2500],
        ..fate(
            "a part refunded at Mollie",
            "mollie",
            ["paid", "60.00", "25.00", "35.00"],
        )
    },
];
/// Invoices of each fate.
const EACH: usize = 2;
const AT_ONCE: usize = 20;

#[test]
fn hundreds_of_webhooks_doubled_and_shuffled_twenty_at_a_time_end_as_in_order() {
    let (stack, _alone) = alone();
    let before = put_aside(stack);
    let ends = [1, 2].map(|seed| run(stack, seed));
    assert_eq!(ends[0], ends[1]);
    assert_eq!(put_aside(stack), before);
}

/// What each invoice came to, by its fate.
fn run(stack: &Stack, seed: u64) -> Vec<(&'static str, Value)> {
    let opened: Vec<_> = FATES
        .iter()
        .flat_map(|fate| std::iter::repeat_n(fate, EACH))
        .map(|fate| {
            (
                fate,
                id(&invoice(stack, &patient(stack), "checkout", fate.gateway)),
            )
        })
        .collect();
    let webhooks = {
        let held = HeldBack::at(stack, &["stripe", "mollie"]);
        for (fate, case) in &opened {
            suffer(stack, fate, &checkout(stack, case));
        }
        [held.of("stripe"), held.of("mollie")].concat()
    };
    for (fate, case) in &opened {
        assert_eq!(read_invoice(stack, case)["status"], "open", "{}", fate.name);
    }

    let mut doubled = [webhooks.clone(), webhooks].concat();
    assert!(doubled.len() >= 200, "only {} webhooks", doubled.len());
    shuffle(&mut doubled, seed);
    // Money that goes back, before anybody heard that it had come.
    let (early, rest): (Vec<_>, Vec<_>) = doubled
        .into_iter()
        .enumerate()
        .partition(|(n, webhook)| n % 2 == 0 && takes_back(webhook));
    assert!(early.len() > 10, "only {} early ones", early.len());
    pour(
        stack,
        early.into_iter().map(|(_, webhook)| webhook).collect(),
    );
    stack.quiet();
    pour(
        stack,
        rest.into_iter().map(|(_, webhook)| webhook).collect(),
    );
    stack.quiet();
    // What came before its payment waits for it, at most so long.
    stack.advance(120);
    stack.quiet();

    let ends = opened
        .iter()
        .map(|(fate, case)| (fate.name, end(stack, fate, case)));
    ends.collect()
}

/// All that happens at the gateway, none of which anybody is told yet.
fn suffer(stack: &Stack, fate: &Fate, page: &str) {
    pay_on_page(stack, fate.gateway, page);
    let payment = page.rsplit('/').next().unwrap_or_default();
    let at = |what: String, body: Value| stack.at_vendor(fate.gateway, &what, &body);
    for amount in fate.refunds {
        let made = at(format!("refund/{payment}"), json!({ "amount": amount }));
        if fate.gateway == "mollie" {
            // There a refund takes its days.
            at(format!("settle/{}", id(&made)), json!({}));
        }
    }
    if let Some(ended) = fate.dispute {
        at(format!("dispute/{payment}"), json!({}));
        if ended != "open" {
            at(format!("dispute/{payment}/{ended}"), json!({}));
        }
    }
}

fn takes_back(webhook: &Webhook) -> bool {
    webhook.event.contains("refund") || webhook.event.contains("dispute")
}

/// Posts all of them, so many at a time; each is accepted.
fn pour(stack: &Stack, webhooks: Vec<Webhook>) {
    let waiting = Mutex::new(webhooks.into_iter());
    let next = || waiting.lock().expect("no thread panics with it").next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(webhook) = next() {
                    let answer = deliver(stack, &webhook);
                    assert_eq!(answer.status, 200, "{webhook:?}");
                }
            });
        }
    });
}

/// What an invoice came to; it must be what its fate says.
fn end(stack: &Stack, fate: &Fate, case: &str) -> Value {
    let read = read_invoice(stack, case);
    let amounts = ["paid", "refunded", "refundable"].map(|name| &read[name]["amount"]);
    let found = [&read["status"], amounts[0], amounts[1], amounts[2]];
    assert_eq!(
        found,
        fate.end.map(|text| json!(text)).each_ref(),
        "{}: {read}",
        fate.name
    );
    let states = |list: &str| -> Vec<Value> {
        let all = read[list].as_array().into_iter().flatten();
        let mut states: Vec<_> = all
            .map(|one| json!([one["state"], one["amount"]]))
            .collect();
        states.sort_by_key(Value::to_string);
        states
    };
    assert_eq!(states("payments").len(), 1, "{}: {read}", fate.name);
    assert_eq!(
        states("refunds").len(),
        fate.refunds.len(),
        "{}: {read}",
        fate.name
    );
    let receipts = read["receipts"].as_array().cloned().unwrap_or_default();
    let (returned, numbers): (Vec<_>, Vec<_>) = receipts
        .iter()
        .filter_map(|r| r["number"].as_str())
        .partition(|number| number.ends_with("-R"));
    let lost = usize::from(fate.dispute == Some("lost"));
    assert_eq!(returned.len(), lost, "{}: {read}", fate.name);
    assert_eq!(numbers.len(), 1 + fate.refunds.len(), "{}", fate.name);
    for number in &numbers {
        // A refund's receipt is numbered after its payment's.
        let own = numbers
            .iter()
            .filter(|other| other.starts_with(number))
            .count();
        let told = messages(stack, "mailgun", number).len();
        assert_eq!(told, own, "{}: {number}", fate.name);
    }
    // A dispute that is still open waits for a person, and so does what a lost one left due.
    let tasks = stack.get("/v1/tasks?limit=100").expect(200);
    let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
    let alerts: Vec<_> = tasks
        .iter()
        .filter(|task| task["case"] == case)
        .map(|task| task["alert"].as_str().unwrap_or_default())
        .collect();
    let expected = match fate.dispute {
        Some("open") => &["dispute_opened"][..],
        Some("lost") => &["uncollected"],
        _ => &[],
    };
    assert_eq!(alerts, expected, "{}: {read}", fate.name);
    books_hold(stack, case);
    json!({
        "found": found,
        "due": read["due"],
        "payments": states("payments"),
        "refunds": states("refunds"),
        "disputes": states("disputes"),
    })
}

/// Events that were not posted, by why.
fn put_aside(stack: &Stack) -> [usize; 3] {
    ["quarantined", "contradiction", "waiting"].map(|state| {
        let (mut found, mut from) = (0, String::new());
        loop {
            let page = stack.get(&format!("/v1/events?state={state}&limit=100{from}"));
            let page = page.expect(200);
            found += page["events"].as_array().map_or(0, Vec::len);
            let Some(next) = page["next"].as_str() else {
                return found;
            };
            from = format!("&before={next}");
        }
    })
}

/// Fisher and Yates; the same seed gives the same order.
fn shuffle<T>(list: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for n in (1..list.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        list.swap(n, (state % (n as u64 + 1)) as usize);
    }
}
