//! How money stands in the books of one system: what the invoice takes of a payment, what is beyond
//! it, and under which id the payment was filed last.

use super::filed;
use super::notification::refund_named;
use crate::contract::Standing;
use crate::domain::case::{Case, Payment};
use crate::domain::refund::{Refund, State};
use crate::domain::task::{Delivery, Task, Topic, Work};
use crate::io::store::Row;
use crate::words::money::Money;
use std::collections::BTreeMap;

/// A delivery of the same system with its row.
pub type Composed = (Task, Row);

/// What `this` comes to after all that was told before it, and what was refunded of the sale by
/// then. What was computed when it was first sent holds.
pub fn standing(case: &Case, told: &[Composed], this: &Task) -> (Standing, Money) {
    let Work::Deliver(delivery) = &this.work else {
        return (Standing::none(case.currency), Money::zero(case.currency));
    };
    let own = told.iter().find(|(task, _)| task.id == this.id);
    let own = own.and_then(|(_, row)| row.has("applied").then(|| row.int("applied")));
    let place = |task: &Task| (task.due, task.id.clone());
    let mut before: Vec<_> = told
        .iter()
        .filter(|(t, _)| place(t) < place(this))
        .collect();
    before.sort_by_key(|(task, _)| place(task));
    let of = |minor| Money::new(minor, case.currency);
    match delivery.topic {
        Topic::PaymentReceived | Topic::PaymentReturned => {
            let (applied, was, id) = of_payment(case, &before, delivery);
            let standing = Standing {
                applied: of(own.unwrap_or(applied)),
                was: of(was),
                payment: id,
            };
            (standing, of(0))
        }
        Topic::RefundPaid => {
            let (applied, sold) = of_refund(case, &before, delivery);
            let standing = Standing {
                applied: of(own.unwrap_or(applied)),
                ..Standing::none(case.currency)
            };
            (standing, of(sold))
        }
        _ => (Standing::none(case.currency), of(0)),
    }
}

/// What the invoice takes of the payment now, what it took of it last, and under which id.
fn of_payment(
    case: &Case,
    before: &[&Composed],
    delivery: &Delivery,
) -> (i64, i64, Option<String>) {
    let mut last = BTreeMap::new();
    for (task, row) in before.iter().filter(|(_, row)| row.int("steps_done") > 0) {
        if let Work::Deliver(other) = &task.work
            && matches!(other.topic, Topic::PaymentReceived | Topic::PaymentReturned)
            && let Some(n) = other.payment
        {
            last.insert(n, row);
        }
    }
    let stays = |p: &Payment| {
        if p.arrived() {
            p.amount.minor - p.returned().minor
        } else {
            0
        }
    };
    let n = delivery.payment.unwrap_or_default();
    let others = last.iter().filter(|(other, _)| **other != n);
    let others: i64 = others.map(|(_, row)| row.int("applied")).sum();
    let room = (case.asked().minor - others).max(0);
    let applied = case.payment(n).map_or(0, stays).min(room);
    let was = last.get(&n).map(|row| (row.int("applied"), filed(row)));
    let (was, ids) = was.unwrap_or_default();
    let id = ids.get(1).cloned().filter(|id| !id.is_empty());
    (applied, was, id)
}

/// What this refund takes of the sale, and what those before it took. A surplus goes back first.
fn of_refund(case: &Case, before: &[&Composed], delivery: &Delivery) -> (i64, i64) {
    let named = |delivery: &Delivery| refund_named(case, delivery.object.as_deref()?);
    let paid = |refund: &&Refund| refund.state == State::Succeeded;
    let (mut all, mut sold) = (0, 0);
    for (task, row) in before {
        if let Work::Deliver(other) = &task.work
            && other.topic == Topic::RefundPaid
            && let Some(refund) = named(other).filter(paid)
        {
            all += refund.amount.minor;
            sold += row.int("applied");
        }
    }
    let amount = named(delivery).map_or(0, |refund| refund.amount.minor);
    let of_surplus = (all + amount).min(case.beyond().minor) - (all - sold);
    (amount - of_surplus.clamp(0, amount), sold)
}

/// Why nothing of it need be filed.
pub fn needless(topic: Topic, standing: &Standing) -> Option<&'static str> {
    let same = standing.applied == standing.was;
    match topic {
        Topic::PaymentReceived | Topic::PaymentReturned if same && standing.payment.is_some() => {
            Some("it stands there so already")
        }
        Topic::PaymentReceived if standing.applied.minor == 0 => {
            Some("the invoice is paid: what is beyond it goes back")
        }
        Topic::PaymentReturned if standing.payment.is_none() && standing.applied.minor == 0 => {
            Some("nothing of it stands there")
        }
        Topic::RefundPaid if standing.applied.minor == 0 => {
            Some("it gave back what was beyond the invoice: the sale stays")
        }
        _ => None,
    }
}
