//! The event that EventBridge sends for a schedule.

use crate::clock::stamp;
use crate::template::Schedule;
use meridian_embedded_aws::{ACCOUNT, REGION};
use serde_json::json;

pub fn event(schedule: &Schedule, now: i64, id: &str) -> String {
    if let Some(input) = &schedule.input {
        return input.clone();
    }
    let second = stamp(now - now.rem_euclid(1000)).replace(".000", "");
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": second,
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{}", schedule.name)],
        "detail": {}
    })
    .to_string()
}
