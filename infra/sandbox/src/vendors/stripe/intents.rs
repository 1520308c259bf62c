//! Customers, cards and payment intents at Stripe: where money arrives or is refused.

use super::disputes::open_dispute;
use super::events::event;
use super::replies::{Done, Refused, failure, invalid, missing, own, required};
use super::shapes;
use crate::wire::{exponent, major};
use crate::world::World;
use serde_json::{Value, json};

pub fn customer(world: &mut World, account: &str, ask: &Value) -> Done {
    let id = world.id("cus_", 14);
    let body = shapes::customer(&id, world.now / 1000, ask);
    world.put("stripe.customer", account, &id, body.clone());
    event(world, account, "customer.created", &body);
    Ok(body)
}

/// Amount and currency that Stripe takes.
pub fn payable(amount: i64, currency: &str) -> Result<(), Refused> {
    let known = "aud bgn bhd brl cad chf clp czk dkk eur gbp hkd huf ils inr isk jod jpy krw kwd \
        mxn myr nok nzd omr php pln ron sek sgd thb tnd usd zar";
    let lower = currency.to_lowercase();
    if !known.split(' ').any(|one| one == lower) {
        return Err(invalid(
            400,
            "",
            "currency",
            &format!("Invalid currency: {lower}"),
        ));
    }
    if amount < 50 {
        let least = major(50, exponent(&lower));
        let words = format!("Amount must be at least {least} {lower}");
        return Err(invalid(400, "amount_too_small", "amount", &words));
    }
    if amount > 99_999_999 {
        let words = "Amount must be no more than 999,999.99";
        return Err(invalid(400, "amount_too_large", "amount", words));
    }
    Ok(())
}

/// A card of one of Stripe's test names; the name decides how its charges end.
pub fn test_method(
    world: &mut World,
    account: &str,
    name: &str,
    ask: &Value,
) -> Result<String, Refused> {
    let Some(card) = name.strip_prefix("pm_card_") else {
        return Err(missing("PaymentMethod", &json!(name)));
    };
    let brand = ["mastercard", "amex"]
        .into_iter()
        .find(|brand| card.starts_with(brand));
    let decline = match card.trim_start_matches("visa_") {
        "visa" | "mastercard" | "amex" | "us" | "au" | "de" | "gb" => None,
        "refundFail" | "pendingRefund" | "createDispute" => None,
        "chargeDeclined" | "chargeCustomerFail" => Some("generic_decline"),
        "chargeDeclinedInsufficientFunds" | "insufficient_funds" => Some("insufficient_funds"),
        "chargeDeclinedLostCard" => Some("lost_card"),
        "chargeDeclinedStolenCard" => Some("stolen_card"),
        "chargeDeclinedExpiredCard" => Some("expired_card"),
        "chargeDeclinedFraudulent" => Some("fraudulent"),
        "chargeDeclinedIncorrectCvc" => Some("incorrect_cvc"),
        "chargeDeclinedProcessingError" => Some("processing_error"),
        "authenticationRequired" => Some("authentication_required"),
        _ => return Err(missing("PaymentMethod", &json!(name))),
    };
    let id = world.id("pm_1", 23);
    let created = world.now / 1000;
    let body = shapes::method(&id, created, brand.unwrap_or("visa"), Value::Null, ask);
    let notes = json!({"decline": decline, "card": card});
    world.put_noted("stripe.method", account, &id, body, notes);
    Ok(id)
}

pub fn attach(world: &mut World, account: &str, id: &str, ask: &Value) -> Done {
    let customer = ask["customer"].as_str().unwrap_or("").to_string();
    own(world, account, "stripe.customer", &customer, "customer")?;
    let id = if id.starts_with("pm_card_") {
        test_method(world, account, id, &json!({}))?
    } else {
        own(world, account, "stripe.method", id, "PaymentMethod")?;
        id.to_string()
    };
    let notes = world
        .item("stripe.method", &id)
        .map_or(Value::Null, |item| item.notes.clone());
    // The issuer is asked at attachment; only this one test card waits with its refusal.
    if let Some(reason) = notes["decline"]
        .as_str()
        .filter(|_| notes["card"] != "chargeCustomerFail")
    {
        return Err(failure(
            402,
            json!({"code": shapes::failure_code(reason),
            "decline_code": reason, "message": shapes::message(reason), "type": "card_error"}),
        ));
    }
    world.set("stripe.method", &id, json!({"customer": customer}));
    let body = world.body("stripe.method", &id);
    event(world, account, "payment_method.attached", &body);
    Ok(body)
}

pub fn detach(world: &mut World, account: &str, id: &str) {
    world.set("stripe.method", id, json!({"customer": null}));
    if let Some(item) = world.item_mut("stripe.method", id) {
        item.notes["detached"] = json!(true);
    }
    let body = world.body("stripe.method", id);
    event(world, account, "payment_method.detached", &body);
}

pub fn setup(world: &mut World, account: &str, ask: &Value) -> Done {
    if let Some(customer) = ask["customer"].as_str() {
        own(world, account, "stripe.customer", customer, "customer")?;
    }
    let (id, secret) = (world.id("seti_1", 23), world.id("", 24));
    let body = shapes::setup_intent(&id, &secret, world.now / 1000, ask);
    world.put("stripe.setup", account, &id, body);
    if ask["confirm"] == true {
        let Some(method) = ask["payment_method"].as_str() else {
            return Err(required("payment_method"));
        };
        let method = usable(world, account, method, &ask["customer"])?;
        save(world, account, &method, &ask["customer"]);
        let done = json!({"status": "succeeded", "payment_method": method});
        world.set("stripe.setup", &id, done);
        let body = world.body("stripe.setup", &id);
        event(world, account, "setup_intent.succeeded", &body);
    }
    Ok(world.body("stripe.setup", &id))
}

/// The method that a request names, checked against the customer it names.
pub fn usable(
    world: &mut World,
    account: &str,
    name: &str,
    customer: &Value,
) -> Result<String, Refused> {
    if name.starts_with("pm_card_") {
        return test_method(world, account, name, &json!({}));
    }
    let Some(item) = world
        .item("stripe.method", name)
        .filter(|item| item.account == account)
    else {
        return Err(missing("PaymentMethod", &json!(name)));
    };
    if item.notes["detached"] == true {
        return Err(invalid(
            400,
            "",
            "payment_method",
            "The provided PaymentMethod was detached from a Customer and may not be used again.",
        ));
    }
    let owner = &item.body["customer"];
    if !owner.is_null() && owner != customer {
        return Err(invalid(
            400,
            "",
            "payment_method",
            "The provided PaymentMethod belongs to a \
            Customer; supply that Customer's ID with the request.",
        ));
    }
    Ok(name.to_string())
}

/// Keeps a method with a customer, if there is one and it is not kept yet.
pub fn save(world: &mut World, account: &str, method: &str, customer: &Value) {
    if !customer.is_null() && world.body("stripe.method", method)["customer"].is_null() {
        world.set("stripe.method", method, json!({"customer": customer}));
        let body = world.body("stripe.method", method);
        event(world, account, "payment_method.attached", &body);
    }
}

pub fn intent(world: &mut World, account: &str, ask: &Value) -> Done {
    payable(
        ask["amount"].as_i64().unwrap_or(0),
        ask["currency"].as_str().unwrap_or(""),
    )?;
    if let Some(customer) = ask["customer"].as_str() {
        own(world, account, "stripe.customer", customer, "customer")?;
    }
    if ask["off_session"] == true && ask["confirm"] != true {
        let words = "You cannot set `off_session` without setting `confirm=true`.";
        return Err(invalid(400, "", "off_session", words));
    }
    // This version takes what the Dashboard enables unless the types are named; some of those
    // methods send the payer elsewhere and back.
    let automatic = ask["payment_method_types"].is_null()
        && ask["automatic_payment_methods"]["enabled"] != false;
    if ask["confirm"] == true && automatic {
        if !ask["error_on_requires_action"].is_null() {
            let words = "`error_on_requires_action` cannot be used when confirming with automatic \
                payment methods.";
            return Err(invalid(400, "", "error_on_requires_action", words));
        }
        let stays = ask["automatic_payment_methods"]["allow_redirects"] == "never";
        if ask["return_url"].is_null() && !stays {
            let words = "You must provide a `return_url`, or set \
                `automatic_payment_methods[allow_redirects]` to `never`.";
            return Err(invalid(400, "", "return_url", words));
        }
    }
    let mut ask = ask.clone();
    if let Some(name) = ask["payment_method"].as_str() {
        let method = usable(world, account, name, &ask["customer"])?;
        ask["payment_method"] = json!(method);
    } else if ask["confirm"] == true {
        return Err(required("payment_method"));
    }
    let id = new_intent(world, account, &ask);
    if ask["confirm"] == true {
        confirm(world, account, &id, &ask)
    } else {
        Ok(world.body("stripe.intent", &id))
    }
}

pub fn new_intent(world: &mut World, account: &str, ask: &Value) -> String {
    let (id, secret) = (world.id("pi_3", 23), world.id("", 24));
    let body = shapes::intent(&id, &secret, world.now / 1000, ask);
    world.put("stripe.intent", account, &id, body.clone());
    event(world, account, "payment_intent.created", &body);
    id
}

pub fn update(world: &mut World, account: &str, id: &str, ask: &Value) -> Done {
    let status = world.body("stripe.intent", id)["status"].clone();
    if status == "succeeded" || status == "canceled" {
        return Err(unexpected(world, id));
    }
    let mut changes = ask.clone();
    changes.as_object_mut().map(|map| map.remove("expand"));
    if let Some(name) = ask["payment_method"].as_str() {
        let customer = world.body("stripe.intent", id)["customer"].clone();
        changes["payment_method"] = json!(usable(world, account, name, &customer)?);
        changes["status"] = json!("requires_confirmation");
    }
    world.set("stripe.intent", id, changes);
    Ok(world.body("stripe.intent", id))
}

pub fn confirm(world: &mut World, account: &str, id: &str, ask: &Value) -> Done {
    let intent = world.body("stripe.intent", id);
    if !matches!(
        intent["status"].as_str(),
        Some("requires_confirmation" | "requires_payment_method")
    ) {
        return Err(unexpected(world, id));
    }
    let name = ask["payment_method"]
        .as_str()
        .or(intent["payment_method"].as_str());
    let Some(name) = name else {
        return Err(required("payment_method"));
    };
    let method = usable(world, account, name, &intent["customer"])?;
    let notes = world
        .item("stripe.method", &method)
        .map_or(Value::Null, |i| i.notes.clone());
    if notes["decline"] == "authentication_required" && ask["off_session"] != true {
        let action = json!({"type": "use_stripe_sdk", "use_stripe_sdk": {}});
        let changes = json!({"status": "requires_action", "next_action": action,
            "payment_method": method});
        world.set("stripe.intent", id, changes);
        let body = world.body("stripe.intent", id);
        event(world, account, "payment_intent.requires_action", &body);
        return Ok(body);
    }
    match notes["decline"].as_str() {
        None => {
            pay(world, account, id, &method);
            Ok(world.body("stripe.intent", id))
        }
        Some(reason) => {
            let mut error = decline(world, account, id, &method, reason);
            error["payment_intent"] = world.body("stripe.intent", id);
            Err(failure(402, error))
        }
    }
}

pub fn cancel(world: &mut World, account: &str, id: &str, ask: &Value) -> Done {
    let status = world.body("stripe.intent", id)["status"].clone();
    if status == "succeeded" || status == "canceled" || status == "processing" {
        return Err(unexpected(world, id));
    }
    let reason = &ask["cancellation_reason"];
    let changes = json!({"status": "canceled", "canceled_at": world.now / 1000,
        "cancellation_reason": reason});
    world.set("stripe.intent", id, changes);
    let body = world.body("stripe.intent", id);
    event(world, account, "payment_intent.canceled", &body);
    Ok(body)
}

pub fn unexpected(world: &World, id: &str) -> Refused {
    let intent = world.body("stripe.intent", id);
    let status = intent["status"].as_str().unwrap_or("").to_string();
    failure(
        400,
        json!({"code": "payment_intent_unexpected_state", "payment_intent": intent,
        "message": format!("This PaymentIntent's status is {status}, which does not allow this."),
        "type": "invalid_request_error"}),
    )
}

/// Money arrives: charge, intent, method kept where that was asked.
pub fn pay(world: &mut World, account: &str, id: &str, method: &str) {
    let intent = world.body("stripe.intent", id);
    let card = world.body("stripe.method", method);
    let charge_id = world.id("ch_3", 23);
    let charge = shapes::charge(&charge_id, world.now / 1000, &intent, &card, None);
    world.put("stripe.charge", account, &charge_id, charge.clone());
    let changes = json!({"status": "succeeded", "amount_received": intent["amount"],
        "latest_charge": charge_id, "payment_method": method, "last_payment_error": null,
        "next_action": null, "processing": null});
    world.set("stripe.intent", id, changes);
    event(world, account, "charge.succeeded", &charge);
    let paid = world.body("stripe.intent", id);
    event(world, account, "payment_intent.succeeded", &paid);
    if !intent["setup_future_usage"].is_null() {
        save(world, account, method, &intent["customer"]);
    }
    let notes = world
        .item("stripe.method", method)
        .map_or(Value::Null, |i| i.notes.clone());
    if notes["card"] == "createDispute" {
        open_dispute(
            world,
            account,
            &charge_id,
            charge["amount"].as_i64().unwrap_or(0),
            "fraudulent",
            "needs_response",
        );
    }
}

/// The issuer refuses; answers Stripe's error object without the intent.
pub fn decline(world: &mut World, account: &str, id: &str, method: &str, reason: &str) -> Value {
    let intent = world.body("stripe.intent", id);
    let card = world.body("stripe.method", method);
    let charge_id = world.id("ch_3", 23);
    let charge = shapes::charge(&charge_id, world.now / 1000, &intent, &card, Some(reason));
    world.put("stripe.charge", account, &charge_id, charge.clone());
    let code = shapes::failure_code(reason);
    let error = json!({"charge": charge_id, "code": code, "decline_code": reason,
        "doc_url": format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")),
        "message": shapes::message(reason), "payment_method": card, "type": "card_error"});
    let changes = json!({"status": "requires_payment_method", "payment_method": null,
        "latest_charge": charge_id, "last_payment_error": error});
    world.set("stripe.intent", id, changes);
    event(world, account, "charge.failed", &charge);
    let failed = world.body("stripe.intent", id);
    event(world, account, "payment_intent.payment_failed", &failed);
    error
}
