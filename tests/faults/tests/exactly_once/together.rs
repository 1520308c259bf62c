//! Several functions at one row at the same moment: one of them acts.

use crate::clinic::*;
use crate::paths;
use meridian_stack::Stack;
use serde_json::{Value, json};

const ROUNDS: usize = 10;
/// Of one nudge, spread over as many instances as the queue allows.
const COPIES: usize = 40;

#[test]
fn a_message_that_many_functions_would_send_at_the_same_moment_is_sent_once() {
    let (stack, _alone) = Stack::alone();
    let queue = stack.queue("deliveries");
    // Nobody is nudged by the charge itself: all begin together.
    let silent = json!({ "aws": [
        { "function": "charge-execution", "operation": "SendMessage", "action": "cut_before" },
    ] });
    for _ in 0..ROUNDS {
        let case = (paths::MESSAGES.before)(stack);
        stack.quiet();
        stack.faults(&silent);
        (paths::MESSAGES.act)(stack, &case);
        // What happened, and what Slack is told of it, whichever is there.
        let rows = (1..=4).flat_map(|n| {
            ["outbox", "delivery#slack"].map(|kind| {
                let pk = format!("{}#case#{case}", stack.clinic);
                json!({ "pk": pk, "sk": format!("{kind}#{n:06}") })
            })
        });
        let rows: Vec<_> = rows.collect();
        let paid = || invoice(stack, &case)["status"] == "paid";
        while !paid() {
            std::thread::yield_now();
        }
        std::thread::scope(|scope| {
            for _ in 0..COPIES / 10 {
                scope.spawn(|| rows.iter().for_each(|row| nudge(stack, &queue, row)));
            }
        });
        stack.control("DELETE", "faults", &Value::Null);
        stack.quiet();
        stack.advance(400);
        let number = invoice(stack, &case)["number"].clone();
        let told = told(stack, "slack", number.as_str().unwrap_or_default(), "Paid:");
        assert_eq!(told, 1, "staff were told {told} times");
    }
}

/// Ten copies in one call.
fn nudge(stack: &Stack, queue: &str, row: &Value) {
    let body = json!({ "rows": [row] }).to_string();
    let entry = |n: usize| json!({ "Id": format!("n{n}"), "MessageBody": body });
    let entries: Vec<_> = (0..10).map(entry).collect();
    let asked = json!({ "QueueUrl": queue, "Entries": entries });
    stack.sqs("SendMessageBatch", &asked);
}
