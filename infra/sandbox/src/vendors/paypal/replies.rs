//! How PayPal answers: ids, links, money, errors.

use crate::wire::{Reply, exponent, major, minor};
use crate::world::World;
use serde_json::{Value, json};

pub const API: &str = "https://api-m.sandbox.paypal.com";
pub const WHEN: &str = "%FT%TZ";
pub const HOUR: i64 = 3_600_000;
const CURRENCIES: &str = "AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN \
    SEK SGD THB TWD USD";

pub type Refused = Box<Reply>;
pub type Done = Result<(u16, Value), Refused>;

/// PayPal knows no decimals in these, whatever ISO 4217 says.
pub fn digits(currency: &str) -> u32 {
    if matches!(currency, "HUF" | "TWD") {
        0
    } else {
        exponent(currency)
    }
}

pub fn money(cents: i64, currency: &str) -> Value {
    json!({"currency_code": currency, "value": major(cents, digits(currency))})
}

pub fn cents(amount: &Value) -> i64 {
    let currency = amount["currency_code"].as_str().unwrap_or("");
    minor(amount["value"].as_str().unwrap_or(""), digits(currency)).unwrap_or(0)
}

/// An amount of a request: `150`, `150.0` and `150.00` are the same to PayPal.
pub fn payable(amount: &Value, field: &str) -> Result<(i64, String), Refused> {
    let currency = amount["currency_code"].as_str().unwrap_or("");
    if !CURRENCIES.split(' ').any(|known| known == currency) {
        return Err(malformed(
            "INVALID_PARAMETER_VALUE",
            &format!("{field}/currency_code"),
        ));
    }
    let text = amount["value"].as_str().unwrap_or("");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let width = digits(currency) as usize;
    if part.len() > width {
        let words = "If the currency supports decimals, only two decimal place precision is \
            supported.";
        return Err(refused(
            "DECIMAL_PRECISION",
            words,
            &format!("{field}/value"),
        ));
    }
    let padded = if width == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{part:0<width$}")
    };
    match minor(&padded, digits(currency)) {
        Some(0) => {
            let words = "Must be greater than zero. If the currency supports decimals, only two \
                decimal place precision is supported.";
            Err(refused(
                "CANNOT_BE_ZERO_OR_NEGATIVE",
                words,
                &format!("{field}/value"),
            ))
        }
        Some(cents) => Ok((cents, currency.to_string())),
        None => Err(malformed(
            "INVALID_PARAMETER_SYNTAX",
            &format!("{field}/value"),
        )),
    }
}

pub fn failure(
    status: u16,
    name: &str,
    message: &str,
    issue: Option<(&str, &str, &str)>,
) -> Refused {
    let mut body = json!({"name": name, "message": message, "debug_id": "90957fca61718",
        "links": [{"href": format!("https://developer.paypal.com/api/rest/reference/{name}"),
            "rel": "information_link"}]});
    if let Some((issue, description, field)) = issue {
        let mut detail = json!({"issue": issue, "description": description});
        if !field.is_empty() {
            detail["field"] = json!(field);
            detail["location"] = json!("body");
        }
        body["details"] = json!([detail]);
    }
    Box::new(Reply::json(status, &body))
}

pub fn not_found() -> Refused {
    failure(
        404,
        "RESOURCE_NOT_FOUND",
        "The specified resource does not exist.",
        Some((
            "INVALID_RESOURCE_ID",
            "Specified resource ID does not exist. Please check the resource ID and try again.",
            "",
        )),
    )
}

pub fn malformed(issue: &str, field: &str) -> Refused {
    let description = match issue {
        "MISSING_REQUIRED_PARAMETER" => "A required parameter is missing.",
        "MALFORMED_REQUEST_JSON" => "The request JSON is not well formed.",
        "INVALID_STRING_LENGTH" => "The value of a field is either too short or too long",
        "INVALID_PARAMETER_VALUE" => "A parameter value is not valid.",
        "PAYPAL_REQUEST_ID_REQUIRED" => {
            "A PayPal-Request-Id is required if you are trying to \
            process payment for an Order. Please specify a PayPal-Request-Id or Create the Order \
            without a 'payment_source' specified."
        }
        _ => "The value of a field does not conform to the expected format.",
    };
    let message = "Request is not well-formed, syntactically incorrect, or violates schema.";
    failure(
        400,
        "INVALID_REQUEST",
        message,
        Some((issue, description, field)),
    )
}

pub fn refused(issue: &str, description: &str, field: &str) -> Refused {
    let message = "The requested action could not be performed, semantically incorrect, or failed \
        business validation.";
    failure(
        422,
        "UNPROCESSABLE_ENTITY",
        message,
        Some((issue, description, field)),
    )
}

pub fn link(rel: &str, href: String, method: &str) -> Value {
    json!({"href": href, "rel": rel, "method": method})
}

pub fn big_id(world: &mut World) -> String {
    world.id_over(b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ", 17)
}
