//! A delivery as it is answered.

use crate::domain::task::{Task, Work};
use crate::flows::tasks::done::owner;
use crate::io::store::{Row, StoreError};
use serde_json::{Value, json};

/// A delivery; `None` for a row that is something else.
pub fn view(row: &Row) -> Result<Option<Value>, StoreError> {
    let task: Task = row.read("data")?;
    let Work::Deliver(delivery) = task.work else {
        return Ok(None);
    };
    let text = |name: &str| Some(row.get(name).to_owned()).filter(|text| !text.is_empty());
    Ok(Some(json!({
        "case": owner(row),
        "id": task.id,
        "system": delivery.system,
        "topic": delivery.topic,
        "payment": delivery.payment,
        "created_at": task.due,
        "state": row.get("state"),
        "tries": row.int("tries"),
        "filed_as": text("filed_as"),
        "why": text("why"),
    })))
}
