//! Mollie: hosted and recurring payments, mandates, refunds and chargebacks in HAL+JSON.
//! Classic webhooks carry nothing but an id and go to the payment's own `webhookUrl`; endpoints
//! registered through the control also get signed next-generation events.
//!
//! A refunded or charged-back payment still reads `paid`. Keys are forgotten after an hour.
//!
//! Beside what every vendor's control has: `fail/{payment}` takes a `cause`, a bank's or a card's;
//! `knobs` `{embedded: false}`: signed events that name their entity and do not carry it; `ping`:
//! what the dashboard sends to test an endpoint.

mod chargebacks;
mod control;
mod payments;
mod refunds;
mod replies;
mod webhooks;

use crate::fields::{self, Fault};
use crate::vendor::Vendor;
use crate::wire::{Call, Reply, stamp};
use crate::world::{Repeat, World};
use replies::{API, Done, Made, Refused, WHEN, docs, link, missing, page_link, problem, refused};
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "mollie",
    seed: |_| {},
    demo_secrets: || {
        vec![
            ("gateway/mollie", json!({"api_key": "test_demo"})),
            (
                "inbound/mollie",
                json!({"webhook_secret": "mollie-demo-secret"}),
            ),
        ]
    },
    handle,
    step: control::step,
    help: "",
    control: control::control,
    key_header: Some("Idempotency-Key"),
    roots: None,
    harmless: |call| call.path.starts_with("/checkout/"),
};

const HOUR: i64 = 3_600_000;

const PAYMENT: &str = "description! text amount! { currency! text value! text } redirectUrl text \
    cancelUrl text webhookUrl text method any locale text metadata any \
    sequenceType oneoff|first|recurring customerId text mandateId text captureMode automatic| \
    restrictPaymentMethodsToCountry text billingAddress any shippingAddress any lines [any] \
    testmode bool storeCredentials bool";
const REFUND: &str = "amount! { currency! text value! text } description text metadata any \
    externalReference any testmode bool";
const CUSTOMER: &str = "name text email text locale text metadata any testmode bool";

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["checkout", id] = parts[..] {
        return payments::page(world, call, id);
    }
    let Some(account) = call
        .bearer()
        .filter(|key| key.len() > 5 && key.starts_with("test_"))
    else {
        return *problem(
            401,
            "Unauthorized Request",
            "",
            "Missing authentication, or failed to authenticate",
        );
    };
    let Some(key) = call
        .header("idempotency-key")
        .filter(|_| call.method != "GET")
    else {
        return answered(route(world, call, account, &parts));
    };
    let fingerprint = format!("{} {} {}", call.method, call.path, call.text());
    match world.repeat("mollie", account, key, &fingerprint, HOUR) {
        Repeat::Same(reply) => *reply,
        Repeat::OtherParameters => *problem(
            422,
            "Unprocessable Entity",
            "",
            "The idempotency key was used for another request",
        ),
        // Only refunds have a documented conflict.
        Repeat::InFlight if call.path.ends_with("/refunds") => *problem(
            409,
            "Conflict",
            "",
            "A request with this idempotency key is being processed",
        ),
        Repeat::InFlight => *problem(
            503,
            "Service Unavailable",
            "",
            "A request with this idempotency key is being processed",
        ),
        Repeat::First => {
            let reply = answered(route(world, call, account, &parts));
            if reply.status < 300 {
                world.keep("mollie", account, key, &fingerprint, &reply);
            }
            reply
        }
    }
}

fn answered(done: Done) -> Reply {
    let hal = |status, body: Value| Reply::of(status, "application/hal+json", body.to_string());
    match done {
        Ok((204, _)) => Reply::of(204, "application/hal+json", ""),
        Ok((status, body)) => hal(status, body),
        Err(failed) => *failed,
    }
}

fn read(call: &Call, spec: &'static str) -> Result<Value, Refused> {
    if call.content_type() != "application/json" {
        return Err(problem(
            400,
            "Bad Request",
            "",
            "The content type must be application/json",
        ));
    }
    let Ok(given) = serde_json::from_slice::<Value>(&call.body) else {
        return Err(problem(
            400,
            "Bad Request",
            "",
            "The request body is no JSON",
        ));
    };
    fields::read(&given, spec, false).map_err(|problems| {
        let first = &problems[0];
        let detail = match first.fault {
            Fault::Missing => format!("The {} is missing", first.dotted()),
            _ => format!("The {} {}", first.dotted(), first.words()),
        };
        refused(&first.dotted(), &detail)
    })
}

fn route(world: &mut World, call: &Call, account: &str, parts: &[&str]) -> Done {
    let ["v2", parts @ ..] = parts else {
        return Err(nowhere());
    };
    match call.method.as_str() {
        "GET" => look_up(world, call, account, parts),
        _ => change(world, call, account, parts),
    }
}

fn nowhere() -> Refused {
    problem(404, "Not Found", "", "The resource does not exist")
}

/// An object of this account, or Mollie's 404.
fn own(world: &World, account: &str, kind: &'static str, noun: &str, id: &str) -> Made {
    let found = world.get(kind, account, id).cloned();
    found.ok_or_else(|| missing(noun, id))
}

fn change(world: &mut World, call: &Call, account: &str, parts: &[&str]) -> Done {
    match (call.method.as_str(), parts) {
        ("POST", ["customers"]) => customer(world, account, &read(call, CUSTOMER)?),
        ("POST", ["payments"]) => payments::create(world, account, read(call, PAYMENT)?),
        ("POST", ["customers", customer, "payments"]) => {
            let mut ask = read(call, PAYMENT)?;
            ask["customerId"] = json!(customer);
            payments::create(world, account, ask)
        }
        ("POST", ["payments", id, "refunds"]) => {
            own(world, account, "mollie.payment", "payment", id)?;
            refunds::refund(world, account, id, &read(call, REFUND)?)
        }
        ("DELETE", ["payments", id]) => {
            let payment = own(world, account, "mollie.payment", "payment", id)?;
            if payment["status"] != "open" || payment["isCancelable"] != true {
                return Err(refused("", "The payment cannot be canceled"));
            }
            payments::end(world, id, "canceled", None);
            Ok((200, own(world, account, "mollie.payment", "payment", id)?))
        }
        ("DELETE", ["customers", _, "mandates", id]) => {
            own(world, account, "mollie.mandate", "mandate", id)?;
            world.set("mollie.mandate", id, json!({"status": "invalid"}));
            Ok((204, Value::Null))
        }
        _ => Err(nowhere()),
    }
}

fn customer(world: &mut World, account: &str, ask: &Value) -> Done {
    let id = world.id("cst_", 10);
    let body = json!({"resource": "customer", "id": id, "mode": "test",
        "name": ask["name"], "email": ask["email"], "locale": ask["locale"],
        "metadata": ask["metadata"], "createdAt": stamp(world.now, WHEN),
        "_links": {"self": link(&format!("{API}/customers/{id}")),
            "dashboard": page_link(&format!("https://my.mollie.com/customers/{id}")),
            "documentation": docs()}});
    world.put("mollie.customer", account, &id, body.clone());
    Ok((201, body))
}

fn look_up(world: &World, call: &Call, account: &str, parts: &[&str]) -> Done {
    match parts {
        ["customers", id] => Ok((200, own(world, account, "mollie.customer", "customer", id)?)),
        ["customers", _, "mandates", id] => {
            Ok((200, own(world, account, "mollie.mandate", "mandate", id)?))
        }
        ["payments", id] => {
            let mut payment = own(world, account, "mollie.payment", "payment", id)?;
            for name in call.query("embed").unwrap_or_default().split(',') {
                let kind = match name {
                    "refunds" => "mollie.refund",
                    "chargebacks" => "mollie.chargeback",
                    "" | "captures" => continue,
                    _ => return Err(problem(400, "Bad Request", "embed", "Unknown embed")),
                };
                payment["_embedded"][name] = of_payment(world, kind, account, id).into();
            }
            Ok((200, payment))
        }
        ["payments", payment, "refunds", id] => {
            let found = own(world, account, "mollie.refund", "refund", id)?;
            let fits = found["paymentId"] == **payment;
            if fits {
                Ok((200, found))
            } else {
                Err(missing("refund", id))
            }
        }
        _ => list(world, call, account, parts),
    }
}

/// Where refunds and chargebacks are kept.
fn kind_of(list: &str) -> &'static str {
    match list {
        "refunds" => "mollie.refund",
        _ => "mollie.chargeback",
    }
}

fn list(world: &World, call: &Call, account: &str, parts: &[&str]) -> Done {
    match parts {
        [list @ ("refunds" | "chargebacks")] => {
            let kind = kind_of(list);
            let embed = call.query("embed").unwrap_or_default();
            if !["", "payment"].contains(&embed.as_str()) {
                return Err(problem(400, "Bad Request", "embed", "Unknown embed"));
            }
            let mut all: Vec<Value> = world
                .list("mollie", kind, account)
                .into_iter()
                .cloned()
                .collect();
            if embed == "payment" {
                for one in &mut all {
                    let payment = one["paymentId"].as_str().unwrap_or("");
                    one["_embedded"]["payment"] = world.body("mollie.payment", payment);
                }
            }
            let shown = listed(list, &format!("/{list}"), all.iter().collect(), call);
            Ok((200, shown))
        }
        ["payments"] => {
            let all = world.list("mollie", "mollie.payment", account);
            Ok((200, listed("payments", "/payments", all, call)))
        }
        ["customers", id, list @ ("payments" | "mandates")] => {
            own(world, account, "mollie.customer", "customer", id)?;
            let kind = if *list == "payments" {
                "mollie.payment"
            } else {
                "mollie.mandate"
            };
            let mine = |body: &&Value| match *list {
                "payments" => body["customerId"] == **id,
                _ => customer_of(body) == *id,
            };
            let all = world
                .list("mollie", kind, account)
                .into_iter()
                .filter(mine)
                .collect();
            Ok((
                200,
                listed(list, &format!("/customers/{id}/{list}"), all, call),
            ))
        }
        ["payments", id, list @ ("refunds" | "chargebacks")] => {
            own(world, account, "mollie.payment", "payment", id)?;
            let kind = kind_of(list);
            let all = of_payment(world, kind, account, id);
            Ok((
                200,
                listed(
                    list,
                    &format!("/payments/{id}/{list}"),
                    all.iter().collect(),
                    call,
                ),
            ))
        }
        _ => Err(nowhere()),
    }
}

fn of_payment(world: &World, kind: &'static str, account: &str, id: &str) -> Vec<Value> {
    let all = world.list("mollie", kind, account).into_iter();
    all.filter(|body| body["paymentId"] == id)
        .cloned()
        .collect()
}

fn listed(name: &str, path: &str, all: Vec<&Value>, call: &Call) -> Value {
    let limit = call
        .query("limit")
        .and_then(|text| text.parse().ok())
        .unwrap_or(50usize);
    let from = call.query("from").unwrap_or_default();
    let start = all.iter().position(|body| body["id"] == from).unwrap_or(0);
    let shown: Vec<_> = all[start..].iter().take(limit).collect();
    let next = all
        .get(start + limit)
        .and_then(|body| body["id"].as_str())
        .map_or(Value::Null, |id| {
            link(&format!("{API}{path}?from={id}&limit={limit}"))
        });
    json!({"count": shown.len(), "_embedded": {name: shown},
        "_links": {"self": link(&format!("{API}{path}?limit={limit}")), "previous": null,
            "next": next, "documentation": docs()}})
}

fn customer_of(mandate: &Value) -> &str {
    mandate["customerId"].as_str().unwrap_or("")
}
