//! What books take of an invoice and back of it, whatever its parts: to the cent, and as written.

use crate::notices::notification;
use crate::systems::{self, Known};
use crate::talk::heard;
use crate::wire;
use meridian::contract::*;
use meridian::domain::outbox::Topic;
use meridian::words::money::{Amounts, Currency, Money};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Systems that say where their books have it: `taken_back`.
fn books() -> impl Iterator<Item = &'static Known> {
    let all = systems::all().iter();
    all.filter(|known| !known.get("taken_back").is_null())
}

/// The request of a topic's step where nothing of it stands there yet.
fn sent(known: &Known, topic: Topic, step: usize, over: &Value) -> Request {
    let ask = notification(known, topic, step, over);
    let account = known.account_with(&Value::Null).expect("an account");
    let before = known.get("before");
    let replies = before["else"].as_array().into_iter().flatten();
    let replies: Vec<_> = replies.map(|answer| known.reply(answer)).collect();
    let build = known.subscription(topic).steps[step].build;
    heard(build, &ask, &account, &replies).expect("a request")
}

fn minor(value: &Value, currency: Currency) -> i64 {
    let read = Amounts::MAJOR.read(&value.to_string(), currency);
    read.expect("an amount").minor
}

/// What a refund comes to there, with its tax: `lines` each with an `amount`, and the `tax` of each or
/// of all; the amounts hold it or not (`inclusive`).
fn refunded(known: &Known, over: &Value) -> (i64, i64) {
    let of = known.get("taken_back");
    let shown = wire::shown(&sent(known, Topic::RefundPaid, 0, over));
    let at = |name: &str| of[name].as_str().expect("a place");
    let euro = Currency::read("EUR").expect("a currency");
    let lines = shown.pointer(at("lines")).and_then(Value::as_array);
    let lines = lines.expect("lines").iter();
    let amounts: i64 = lines
        .clone()
        .map(|line| minor(&line[at("amount")], euro))
        .sum();
    let tax = match of["tax of each"].as_str() {
        Some(each) => lines.map(|line| minor(&line[each], euro)).sum(),
        None => minor(shown.pointer(at("tax of all")).expect("a tax"), euro),
    };
    match of["inclusive"] == true {
        true => (amounts, tax),
        false => (amounts + tax, tax),
    }
}

fn part(of: i64, before: i64) -> Value {
    json!({"amount": of, "refunded_before": before,
        "standing": {"applied": of, "was": 0, "payment": null}})
}

/// 119.00 at 19 %, 53.50 at 7 % and 40.00 free of tax.
fn of_three_rates(mut part: Value) -> Value {
    part["total"] = json!(21250);
    part["rates"] = json!([["0", 4000, 0], ["7", 5350, 350], ["19", 11900, 1900]]);
    part
}

proptest! {
    #[test]
    fn an_amount_on_the_wire_reads_back_as_itself(minor in 1_i64..1_000_000_000_000, code in 0_usize..3) {
        let code = ["EUR", "JPY", "GBP"][code];
        let amount = Money::new(minor, Currency::read(code).expect("a currency"));
        let paid = json!([code, minor]);
        let over = json!({"amount": paid, "standing": {"applied": paid, "was": [code, 0], "payment": null}});
        for known in books() {
            let request = sent(known, Topic::PaymentReceived, 1, &over);
            let kept = serde_json::to_string(&request).expect("it is kept");
            let stored: Request = serde_json::from_str(&kept).expect("it is read");
            prop_assert_eq!(&stored, &request);
            let of = known.get("taken_back");
            let place = of["paid"].as_str().expect("a place");
            let written = wire::shown(&stored).pointer(place).expect("an amount").to_string();
            prop_assert_eq!(Money::read(&written, amount.currency), Ok(amount));
        }
    }

    #[test]
    fn a_refund_takes_no_more_tax_than_the_invoice_had(of in 1_i64..=11900) {
        for known in books() {
            let (_, tax) = refunded(known, &part(of, 0));
            // 1900 of 11900, to the nearest cent.
            prop_assert!((tax * 11900 - 1900 * of).abs() * 2 <= 11900, "{}: {tax}", known.id());
        }
    }

    #[test]
    fn all_refunds_of_an_invoice_take_exactly_what_stood_on_it(
        mut cuts in proptest::collection::vec(0_i64..=21250, 0..6)
    ) {
        cuts.extend([0, 21250]);
        cuts.sort_unstable();
        for known in books() {
            let (mut gross, mut tax) = (0, 0);
            for (from, to) in cuts.iter().zip(&cuts[1..]).filter(|(from, to)| from < to) {
                let (sum, its) = refunded(known, &of_three_rates(part(to - from, *from)));
                prop_assert_eq!(sum, to - from);
                gross += sum;
                tax += its;
            }
            prop_assert_eq!((gross, tax), (21250, 2250));
        }
    }
}
