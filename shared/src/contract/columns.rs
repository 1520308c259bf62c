//! What a system that keeps records holds of an occurrence, column by column, as a clinic chose them:
//! the row of a sheet, the fields of a list.

use super::system::Notification;
use super::vendor::{Account, Field, FieldKind, chosen};
use crate::domain::dispute;
use crate::domain::outbox::Topic;
use crate::words::money::{Amounts, BadAmount};
use serde_json::Value;

/// The field in which a clinic names its columns.
pub const COLUMNS: Field = Field {
    kind: FieldKind::Columns(&CHOICES),
    ..Field::text("columns", "Columns, in their order").optional()
};

/// The column that holds the key of the delivery, by which a record is found.
pub const REFERENCE: &str = "reference";

/// Where a clinic chose none.
const USUAL: &str = "at, patient, status, amount, currency, invoice";

static CHOICES: [(&str, &str); 14] = [
    ("at", "Time"),
    ("patient", "Patient"),
    ("name", "Name"),
    ("status", "Status"),
    ("amount", "Amount"),
    ("currency", "Currency"),
    ("invoice", "Invoice"),
    ("gateway", "Gateway"),
    ("payment", "Payment"),
    ("refund", "Refund"),
    ("dispute", "Dispute"),
    ("appointment", "Appointment"),
    ("topic", "Event"),
    (REFERENCE, "Reference"),
];

/// The columns of a clinic in its order. The reference is the last one where it was not chosen, as
/// there is no record without it.
pub fn columns(account: &Account) -> Vec<&str> {
    let own = account.secret(COLUMNS.name);
    let mut names: Vec<_> = chosen(if own.is_empty() { USUAL } else { own }).collect();
    if !names.contains(&REFERENCE) {
        names.push(REFERENCE);
    }
    names
}

/// A column as people read it.
pub fn label(name: &str) -> &str {
    let known = CHOICES.iter().find(|(known, _)| *known == name);
    known.map_or(name, |(_, label)| label)
}

/// What stands in a column: text, empty where it is not known, and of an amount its exact number in
/// major units. What went back has no sign: the status says so. The name is empty unless the clinic
/// shares names.
pub fn cell(name: &str, ask: &Notification) -> Result<Value, BadAmount> {
    let (ids, of) = (&ask.ids, |known: &Option<String>| {
        text(known.as_deref().unwrap_or_default())
    });
    Ok(match name {
        "at" => text(&ask.at.to_string()),
        "patient" => text(&ask.customer.reference),
        "name" => of(&ask.customer.name),
        "status" => text(status(ask)),
        "amount" => Amounts::MAJOR.number(ask.amount)?.into(),
        "currency" => text(ask.amount.currency.code()),
        "invoice" => text(&ask.invoice),
        "gateway" => text(&ask.gateway),
        "payment" => of(&ids.payment),
        "refund" => of(&ask.refund),
        "dispute" => of(&ids.dispute_there),
        "appointment" => of(&ids.appointment),
        "topic" => text(ask.topic.name()),
        _ => text(&ask.key),
    })
}

fn status(ask: &Notification) -> &'static str {
    match ask.topic {
        Topic::PaymentReceived => "paid",
        Topic::PaymentReturned => "returned",
        Topic::PaymentFailed => "failed",
        Topic::RefundPaid => "refunded",
        Topic::RefundFailed => "refund failed",
        Topic::DisputeOpened => "disputed",
        Topic::DisputeClosed => match ask.stood.dispute {
            Some(dispute::State::Won) => "dispute won",
            Some(dispute::State::Lost) => "dispute lost",
            Some(dispute::State::Open) | None => "dispute over",
        },
        other => other.name(),
    }
}

/// Kept as it is, a text runs nowhere. But a program that opens an export of the records may run one
/// that begins as a formula does: that one begins with `_`.
fn text(words: &str) -> Value {
    const FORMULAS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let runs = words.trim_start().starts_with(FORMULAS) || words.starts_with(char::is_control);
    match runs {
        true => format!("_{words}").into(),
        false => words.into(),
    }
}
