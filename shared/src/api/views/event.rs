//! What came from outside as it is answered.

use crate::flows::events::EventRow;
use crate::io::store::Row;
use serde_json::{Value, json};

pub fn view(row: &Row, event: &EventRow) -> Value {
    json!({
        "id": format!("{}:{}", event.source, event.vendor_event_id),
        "source": event.source,
        "vendor_event_id": event.vendor_event_id,
        "name": event.name,
        "kind": event.kind,
        "gateway_ref": event.gateway_ref,
        "refund_ref": event.refund_ref,
        "amount": event.amount.map(|amount| amount.decimal().to_string()),
        "currency": event.amount.map(|amount| amount.currency),
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "state": row.get("state"),
        "case": Some(row.get("case")).filter(|case| !case.is_empty()),
        "why": Some(row.get("why")).filter(|why| !why.is_empty()),
    })
}
