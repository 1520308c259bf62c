//! A clinic's connection to a vendor as it is answered; never a value.

use crate::flows::integrations::{Integration, Role};
use serde_json::{Value, json};

pub fn view(one: &Integration) -> Value {
    let role = |role: &Role| match role {
        Role::Gateway => "gateway",
        Role::System => "system",
        Role::Source => "source",
    };
    json!({
        "vendor": one.vendor.id,
        "name": one.vendor.name,
        "docs": one.vendor.docs,
        "roles": one.roles.iter().map(role).collect::<Vec<_>>(),
        "webhook_urls": one.webhook_urls,
        "fields": one.fields,
        "inbound": one.inbound,
        "oauth": one.oauth,
        "connected": one.connected,
    })
}
