//! How money stands in the books of one system: what the invoice takes of a payment, what is beyond
//! it, and under which id the payment was filed last.

use crate::contract::Standing;
use crate::domain::outbox::{Occurrence, Subject, Topic};
use crate::records::delivery::DeliveryRow;
use crate::words::money::Money;
use std::collections::BTreeMap;

/// Why nothing is filed of what came before there was an invoice.
pub const DEPOSIT: &str = "a deposit is filed with its invoice";

/// What `told` comes to after all that this system was told before it, and what was refunded of the
/// sale by then. What was computed when it was first sent holds.
pub fn standing(line: &[DeliveryRow], this: &DeliveryRow, told: &Occurrence) -> (Standing, Money) {
    let currency = told.amount.currency;
    let of = |minor| Money::new(minor, currency);
    let before = line.iter().filter(|row| row.about.place < this.about.place);
    let before: Vec<_> = before.collect();
    match told.subject.topic {
        Topic::PaymentReceived | Topic::PaymentReturned | Topic::PaymentApplied => {
            let (applied, was, payment) = of_payment(told, &before);
            let standing = Standing {
                applied: of(this.applied.unwrap_or(applied)),
                was: of(was),
                payment,
            };
            (standing, of(0))
        }
        Topic::RefundPaid => {
            let (applied, sold) = of_refund(told, &before);
            let standing = Standing {
                applied: of(this.applied.unwrap_or(applied)),
                ..Standing::none(currency)
            };
            (standing, of(sold))
        }
        _ => (Standing::none(currency), of(0)),
    }
}

fn moves_money(subject: &Subject) -> bool {
    matches!(
        subject.topic,
        Topic::PaymentReceived | Topic::PaymentReturned | Topic::PaymentApplied
    )
}

/// What the invoice takes of the payment now, what it took of it last, and under which id.
fn of_payment(told: &Occurrence, before: &[&DeliveryRow]) -> (i64, i64, Option<String>) {
    let mut last = BTreeMap::new();
    for row in before {
        if row.steps_done > 0
            && moves_money(&row.about.subject)
            && let Some(n) = row.about.subject.payment
        {
            last.insert(n, row);
        }
    }
    let n = told.subject.payment.unwrap_or_default();
    let others = last.iter().filter(|(other, _)| **other != n);
    let others: i64 = others.filter_map(|(_, row)| row.applied).sum();
    let left = (told.facts.asked.minor - others).max(0);
    let stays = told.facts.payment.as_ref().map_or(0, |p| p.stays.minor);
    let (was, id) = last.get(&n).map_or((0, None), |row| {
        (row.applied.unwrap_or_default(), row.filed.get(1).cloned())
    });
    (stays.min(left), was, id.filter(|id| !id.is_empty()))
}

/// What this refund takes of the sale, and what those before it took. A surplus goes back first.
fn of_refund(told: &Occurrence, before: &[&DeliveryRow]) -> (i64, i64) {
    if told.facts.of_deposit {
        return (0, 0);
    }
    let (mut all, mut sold) = (0, 0);
    for (n, row) in before.iter().enumerate() {
        let subject = &row.about.subject;
        let failed = |later: &DeliveryRow| {
            let failed = later.about.subject.topic == Topic::RefundFailed;
            failed && later.about.subject.is_of_the_same(subject)
        };
        if subject.topic == Topic::RefundPaid && !before[n..].iter().any(|later| failed(later)) {
            all += row.about.amount.minor;
            sold += row.applied.unwrap_or_default();
        }
    }
    let amount = told.amount.minor;
    let of_surplus = (all + amount).min(told.facts.beyond.minor) - (all - sold);
    (amount - of_surplus.clamp(0, amount), sold)
}

/// Why nothing of it need be filed.
pub fn needless(told: &Occurrence, standing: &Standing) -> Option<&'static str> {
    let same = standing.applied == standing.was;
    match told.subject.topic {
        Topic::PaymentReceived | Topic::PaymentReturned if told.facts.deposit => Some(DEPOSIT),
        Topic::PaymentReceived | Topic::PaymentReturned | Topic::PaymentApplied
            if same && standing.payment.is_some() =>
        {
            Some("it stands there so already")
        }
        Topic::PaymentReceived if standing.applied.minor == 0 => {
            Some("the invoice is paid: what is beyond it goes back")
        }
        Topic::PaymentReturned | Topic::PaymentApplied
            if standing.payment.is_none() && standing.applied.minor == 0 =>
        {
            Some("nothing of it stands there")
        }
        // What becomes credit is filed: it is used for another invoice later.
        Topic::RefundPaid if standing.applied.minor == 0 && !told.facts.to_credit => {
            match told.facts.of_deposit {
                true => Some("it gave back a deposit: nothing was sold"),
                false => Some("it gave back what was beyond the invoice: the sale stays"),
            }
        }
        _ => None,
    }
}
