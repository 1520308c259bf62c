//! How Xero answers.

use crate::wire::Reply;
use crate::world::World;
use serde_json::{Value, json};

pub const MINUTE: i64 = 60_000;

/// Messages of an element that was not accepted.
pub type Checked = Result<Value, Vec<String>>;

pub fn unauthorised(detail: &str) -> Reply {
    Reply::json(
        401,
        &json!({"Type": null, "Title": "Unauthorized", "Status": 401,
        "Detail": detail, "Instance": "", "Extensions": {}}),
    )
}

pub fn reply(world: &mut World, name: &str, items: Value) -> Reply {
    let id = world.uuid();
    let now = msdate(world.now);
    Reply::json(
        200,
        &json!({"Id": id, "Status": "OK", "ProviderName": "Meridian",
        "DateTimeUTC": now, name: items}),
    )
}

pub fn invalid(message: &str) -> Reply {
    Reply::json(
        400,
        &json!({"ErrorNumber": 14, "Type": "PostDataInvalidException",
        "Message": message}),
    )
}

pub fn missing() -> Reply {
    Reply::of(
        404,
        "text/html",
        "The resource you're looking for cannot be found",
    )
}

/// The date notation of Xero's replies.
pub fn msdate(ms: i64) -> String {
    format!("/Date({ms}+0000)/")
}
