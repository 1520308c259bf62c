//! Checkout Sessions at Stripe: opened by us, ended on their hosted page.

use super::events::event;
use super::intents::{customer, decline, new_intent, pay, payable, setup, test_method};
use super::replies::{Done, invalid, own, required};
use super::shapes;
use crate::pages;
use crate::wire::{Call, Reply, decode_pairs, exponent, major};
use crate::world::World;
use serde_json::{Value, json};

pub fn session(world: &mut World, account: &str, ask: &Value) -> Done {
    let paying = ask["mode"] == "payment";
    let created = world.now / 1000;
    if let Some(at) = ask["expires_at"].as_i64()
        && !(created + 1800..=created + 86_400).contains(&at)
    {
        let words = "The `expires_at` timestamp must be 30 minutes to 24 hours from creation.";
        return Err(invalid(400, "", "expires_at", words));
    }
    if let Some(id) = ask["customer"].as_str() {
        own(world, account, "stripe.customer", id, "customer")?;
        if !ask["customer_email"].is_null() {
            let words = "You may only specify one of these parameters: customer, customer_email.";
            return Err(invalid(400, "", "customer_email", words));
        }
    }
    let mut total = None;
    if paying {
        let lines = ask["line_items"]
            .as_array()
            .filter(|lines| !lines.is_empty());
        let Some(lines) = lines else {
            return Err(required("line_items"));
        };
        let currency = lines[0]["price_data"]["currency"].as_str().unwrap_or("");
        let mut sum = 0i64;
        for line in lines {
            let price = &line["price_data"];
            if price["currency"] != currency {
                let words = "All prices must have the same currency.";
                return Err(invalid(400, "", "line_items", words));
            }
            let amount = price["unit_amount"].as_i64().unwrap_or(-1);
            let quantity = line["quantity"].as_i64().unwrap_or(-1);
            match amount
                .checked_mul(quantity)
                .and_then(|line| sum.checked_add(line))
            {
                Some(more) if amount >= 0 && quantity >= 1 => sum = more,
                _ => {
                    return Err(invalid(
                        400,
                        "parameter_invalid_integer",
                        "line_items",
                        "Amounts must be zero or more and quantities at least 1.",
                    ));
                }
            }
        }
        payable(sum, currency)?;
        total = Some(sum);
    } else if !ask["line_items"].is_null() || !ask["payment_intent_data"].is_null() {
        let words = "You can not pass `line_items` or `payment_intent_data` in `setup` mode.";
        return Err(invalid(400, "", "line_items", words));
    }
    let id = world.id("cs_test_a1", 32);
    let url = format!("{}/stripe/c/pay/{id}", world.own);
    let body = shapes::session(&id, created, &url, ask, total);
    let expires = body["expires_at"].as_i64().unwrap_or(0) * 1000;
    world.put_noted(
        "stripe.session",
        account,
        &id,
        body.clone(),
        json!({"ask": ask}),
    );
    world.step_at(expires, "stripe", json!({"expire": id}));
    Ok(body)
}

pub fn page(world: &mut World, call: &Call, id: &str) -> Reply {
    let Some(item) = world.item("stripe.session", id) else {
        return pages::notice(
            404,
            "Stripe",
            "Page not found",
            "This checkout does not exist.",
        );
    };
    let session = item.body.clone();
    let done = match session["status"].as_str() {
        Some("complete") => Some(("You're all done here", "This checkout has been completed.")),
        Some("expired") => Some(("This checkout has expired", "Ask the seller for a new one.")),
        _ => None,
    };
    if let Some((title, words)) = done {
        return pages::notice(410, "Stripe", title, words);
    }
    let mut alert = None;
    if call.method == "POST" {
        let form = decode_pairs(&call.body);
        let outcome = form
            .iter()
            .find(|(name, _)| name == "outcome")
            .map_or("", |(_, v)| v);
        match end_checkout(world, id, outcome) {
            Ok(Some(url)) => return Reply::see_other(&url),
            Ok(None) => alert = Some("Your card was declined. Try another one."),
            Err(reason) => return pages::notice(422, "Stripe", "That does not work", &reason),
        }
        if world.body("stripe.session", id)["status"] == "expired" {
            return page(
                world,
                &Call {
                    method: "GET".into(),
                    ..call.clone()
                },
                id,
            );
        }
    }
    open_page(world, &session, alert)
}

/// The page of a session that is still open.
fn open_page(world: &World, session: &Value, alert: Option<&str>) -> Reply {
    let currency = session["currency"].as_str().unwrap_or("");
    let sum = session["amount_total"]
        .as_i64()
        .map_or(String::new(), |total| {
            format!(
                "{} {}",
                major(total, exponent(currency)),
                currency.to_uppercase()
            )
        });
    let ask = &item_ask(world, session["id"].as_str().unwrap_or(""));
    let title = ask["line_items"][0]["price_data"]["product_data"]["name"].as_str();
    let reference = session["client_reference_id"].as_str();
    let (pay, buttons) = match session["mode"].as_str() {
        Some("setup") => (
            String::new(),
            [
                ("paid", "Save my card"),
                ("declined", "Use a card that is declined"),
                ("expired", "Let this checkout expire"),
                ("cancelled", "Cancel"),
            ],
        ),
        _ => (
            sum,
            [
                ("paid", "Pay with a good card"),
                ("declined", "Pay with a card that is declined"),
                ("expired", "Let this checkout expire"),
                ("cancelled", "Cancel"),
            ],
        ),
    };
    pages::checkout(&pages::Checkout {
        vendor: "Stripe",
        payee: "Wattle Street Clinic",
        title: title.unwrap_or("Save a card"),
        sum: &pay,
        notes: reference
            .map(|text| format!("Reference {text}"))
            .into_iter()
            .collect(),
        buttons: &buttons,
        alert,
    })
}

pub fn item_ask(world: &World, session: &str) -> Value {
    world
        .item("stripe.session", session)
        .map_or(Value::Null, |item| item.notes["ask"].clone())
}

pub fn expire(world: &mut World, id: &str) {
    world.set(
        "stripe.session",
        id,
        json!({"status": "expired", "url": null}),
    );
    if let Some(account) = world.account_of("stripe.session", id) {
        let body = world.body("stripe.session", id);
        event(world, &account, "checkout.session.expired", &body);
    }
}

/// Ends a checkout; answers where the browser goes, or None where it stays.
pub fn end_checkout(world: &mut World, id: &str, outcome: &str) -> Result<Option<String>, String> {
    let account = world
        .account_of("stripe.session", id)
        .ok_or("no such session")?;
    let session = world.body("stripe.session", id);
    if session["status"] != "open" {
        return Err(format!("the session is {}", session["status"]));
    }
    let back = |name: &str| {
        let url = session[name]
            .as_str()
            .map(|url| url.replace("{CHECKOUT_SESSION_ID}", id));
        Some(url.unwrap_or_else(|| session["success_url"].as_str().unwrap_or("/").to_string()))
    };
    match outcome {
        "cancelled" => Ok(back("cancel_url")),
        "expired" => {
            expire(world, id);
            Ok(None)
        }
        "paid" | "pending" | "declined" if session["mode"] == "setup" => {
            if outcome != "paid" {
                return Ok(None);
            }
            finish_setup(world, &account, id, &session);
            Ok(back("success_url"))
        }
        "paid" | "pending" | "declined" => {
            let card = if outcome == "declined" {
                "pm_card_chargeDeclined"
            } else {
                "pm_card_visa"
            };
            let method = test_method(world, &account, card, &json!({})).map_err(|_| "no card")?;
            let intent = intent_of_session(world, &account, id, &session);
            match outcome {
                "declined" => {
                    decline(world, &account, &intent, &method, "generic_decline");
                    return Ok(None);
                }
                "pending" => {
                    let changes = json!({"status": "processing", "payment_method": method});
                    world.set("stripe.intent", &intent, changes);
                    let body = world.body("stripe.intent", &intent);
                    event(world, &account, "payment_intent.processing", &body);
                }
                _ => pay(world, &account, &intent, &method),
            }
            let status = if outcome == "paid" { "paid" } else { "unpaid" };
            complete(world, &account, id, json!({"payment_status": status}));
            Ok(back("success_url"))
        }
        other => Err(format!(
            "{other} is no outcome: paid, pending, declined, expired, cancelled"
        )),
    }
}

/// The session's intent, made when somebody first tries to pay.
pub fn intent_of_session(world: &mut World, account: &str, id: &str, session: &Value) -> String {
    if let Some(intent) = session["payment_intent"].as_str() {
        return intent.to_string();
    }
    let data = world
        .item("stripe.session", id)
        .map_or(Value::Null, |item| {
            item.notes["ask"]["payment_intent_data"].clone()
        });
    let keeps = !data["setup_future_usage"].is_null() || session["customer_creation"] == "always";
    let customer = match &session["customer"] {
        Value::Null if keeps => {
            let ask = json!({"email": session["customer_email"]});
            customer(world, account, &ask).map_or(Value::Null, |body| body["id"].clone())
        }
        customer => customer.clone(),
    };
    let mut ask = if data.is_object() { data } else { json!({}) };
    ask["amount"] = session["amount_total"].clone();
    ask["currency"] = session["currency"].clone();
    ask["customer"] = customer.clone();
    let intent = new_intent(world, account, &ask);
    world.set(
        "stripe.session",
        id,
        json!({"payment_intent": intent, "customer": customer}),
    );
    intent
}

pub fn finish_setup(world: &mut World, account: &str, id: &str, session: &Value) {
    let customer = match &session["customer"] {
        Value::Null => {
            let ask = json!({"email": session["customer_email"]});
            customer(world, account, &ask).map_or(Value::Null, |body| body["id"].clone())
        }
        customer => customer.clone(),
    };
    let data = world
        .item("stripe.session", id)
        .map_or(Value::Null, |item| {
            item.notes["ask"]["setup_intent_data"].clone()
        });
    let mut ask = if data.is_object() { data } else { json!({}) };
    ask["customer"] = customer.clone();
    ask["payment_method"] = json!("pm_card_visa");
    ask["confirm"] = json!(true);
    let setup = setup(world, account, &ask).map_or(Value::Null, |body| body["id"].clone());
    complete(
        world,
        account,
        id,
        json!({"setup_intent": setup, "customer": customer}),
    );
}

pub fn complete(world: &mut World, account: &str, id: &str, mut changes: Value) {
    let session = world.body("stripe.session", id);
    changes["status"] = json!("complete");
    changes["url"] = Value::Null;
    changes["customer_details"] = json!({"address": {"city": null, "country": "AU",
        "line1": null, "line2": null, "postal_code": "3000", "state": null},
        "email": session["customer_email"].as_str().unwrap_or("payer@example.test"),
        "name": "Sandbox Payer", "phone": null, "tax_exempt": "none", "tax_ids": []});
    world.set("stripe.session", id, changes);
    let body = world.body("stripe.session", id);
    event(world, account, "checkout.session.completed", &body);
}

/// Tells of a slow method's end through its session.
pub fn end_async(world: &mut World, account: &str, intent: &str, paid: bool) {
    let session = world
        .all("stripe.session")
        .into_iter()
        .find(|item| item.body["payment_intent"] == intent);
    let Some(id) = session
        .and_then(|item| item.body["id"].as_str())
        .map(str::to_string)
    else {
        return;
    };
    if paid {
        world.set("stripe.session", &id, json!({"payment_status": "paid"}));
    }
    let end = if paid { "succeeded" } else { "failed" };
    let body = world.body("stripe.session", &id);
    event(
        world,
        account,
        &format!("checkout.session.async_payment_{end}"),
        &body,
    );
}
