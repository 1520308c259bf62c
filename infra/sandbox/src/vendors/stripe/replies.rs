//! Stripe's version, its answers and errors.

use crate::fields::{self, Fault};
use crate::wire::{Call, Reply};
use crate::world::World;
use serde_json::{Value, json};

pub const VERSION: &str = "2023-08-16";
pub type Refused = Box<Reply>;
pub type Done = Result<Value, Refused>;

/// An object of this account, or Stripe's 404.
pub fn own(world: &World, account: &str, kind: &'static str, id: &str, noun: &str) -> Done {
    let words = format!("No such {noun}: '{id}'");
    let found = world.get(kind, account, id).cloned();
    found.ok_or_else(|| invalid(404, "resource_missing", "id", &words))
}

pub fn required(param: &str) -> Refused {
    invalid(
        400,
        "parameter_missing",
        param,
        &format!("Missing required param: {param}."),
    )
}

pub fn failure(status: u16, error: Value) -> Refused {
    Box::new(Reply::json(status, &json!({"error": error})))
}

pub fn invalid(status: u16, code: &str, param: &str, message: &str) -> Refused {
    let mut error = json!({"message": message, "type": "invalid_request_error"});
    for (name, text) in [("code", code), ("param", param)] {
        if !text.is_empty() {
            error[name] = json!(text);
        }
    }
    failure(status, error)
}

pub fn missing(noun: &str, id: &Value) -> Refused {
    let id = id.as_str().unwrap_or("");
    let words = format!("No such {noun}: '{id}'");
    invalid(400, "resource_missing", noun, &words)
}

pub fn unrecognised(call: &Call) -> Refused {
    let words = format!("Unrecognized request URL ({}: {}).", call.method, call.path);
    failure(
        404,
        json!({"message": words, "type": "invalid_request_error"}),
    )
}

pub fn problem(problems: Vec<fields::Problem>) -> Refused {
    let first = &problems[0];
    let param = first.bracketed();
    match &first.fault {
        Fault::Missing => required(&param),
        Fault::Unknown => {
            let words = format!("Received unknown parameter: {param}");
            invalid(400, "parameter_unknown", &param, &words)
        }
        Fault::Wrong(expected) if expected == "an integer" => {
            let words = format!("Invalid integer: {}", first.given);
            invalid(400, "parameter_invalid_integer", &param, &words)
        }
        Fault::Wrong(_) | Fault::Long(_) => invalid(
            400,
            "",
            &param,
            &format!("Invalid {param}: {}", first.words()),
        ),
    }
}
