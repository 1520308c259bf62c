//! A delivery as it is answered.

use crate::flows::tasks::done::owner_of;
use crate::records::delivery::{DeliveryRow, Due};
use serde_json::{Value, json};

pub fn view(row: &DeliveryRow) -> Value {
    json!({
        "case": owner_of(&row.pk),
        "id": row.id(),
        "system": row.about.system,
        "topic": row.about.subject.topic,
        "payment": row.about.subject.payment,
        "created_at": row.about.heard_at,
        "state": row.state.name(),
        "tries": row.tries,
        "held": row.due == Due::Held,
        "filed_as": row.filed_as(),
        "why": Some(&row.why).filter(|why| !why.is_empty()),
    })
}
