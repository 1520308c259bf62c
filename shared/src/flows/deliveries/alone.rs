//! Notification staff of a task that belongs to no case.

use super::notification::Composed;
use super::{App, Failure};
use crate::contract::{Customer, Notification, Standing};
use crate::domain::settings::Settings;
use crate::domain::task::{Matter, Task, Topic, Work};
use crate::io::store::Row;
use crate::messages;
use crate::words::ids;
use crate::words::money::Money;

/// What is told, or why it cannot be.
pub(super) async fn notification_alone(
    app: &App,
    settings: &Settings,
    row: &Row,
    task: &Task,
) -> Result<Result<Composed, &'static str>, Failure> {
    let Work::Deliver(delivery) = &task.work else {
        return Ok(Err("it is no delivery"));
    };
    let (pk, zero) = (row.get("pk"), Money::zero(settings.currency));
    let asked = delivery.object.as_deref().unwrap_or_default();
    let matter = asked_matter(app, pk, asked).await?;
    let amount = matter.as_ref().and_then(|matter| matter.amount);
    let said = messages::MessageContext {
        matter: matter.as_ref(),
        ..messages::MessageContext::of(&settings.name, "", amount.unwrap_or(zero))
    };
    let notification = Notification {
        key: ids::derived(&[pk, &task.id]),
        topic: Topic::NeedsPerson,
        filed: vec![],
        clinic: settings.name.clone(),
        invoice: String::new(),
        refund: None,
        amount: amount.unwrap_or(zero),
        payment: None,
        refunded_before: zero,
        standing: Standing::none(settings.currency),
        total: zero,
        rates: vec![],
        date: task.due.to_zoned(settings.zone()).date(),
        gateway: String::new(),
        customer: Customer::default(),
        message: messages::to_staff(Topic::NeedsPerson, &said),
    };
    Ok(Ok(Composed {
        notification,
        needless: matter.is_none().then_some("nobody need look any more"),
        unreachable: false,
        key: None,
    }))
}

/// What a person's task asks, while it is open.
pub(super) async fn asked_matter(app: &App, pk: &str, id: &str) -> Result<Option<Matter>, Failure> {
    let row = app.store.get(pk, &format!("task#person-{id}")).await?;
    let Some(row) = row.filter(|row| row.get("state") == "open") else {
        return Ok(None);
    };
    Ok(match row.read::<Task>("data")?.work {
        Work::Person(matter) => Some(matter),
        _ => None,
    })
}
