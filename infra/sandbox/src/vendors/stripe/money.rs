//! What moves money at Stripe: paying, declining, refunding, disputing, and the events of each.

use super::{Done, event, failure, invalid, missing, own, shapes};
use crate::control::amount;
use crate::wire::{exponent, major};
use crate::world::World;
use serde_json::{Value, json};

const DAY: i64 = 86_400_000;

pub fn customer(world: &mut World, account: &str, ask: &Value) -> Done {
    let id = world.id("cus_", 14);
    let body = shapes::customer(&id, world.now / 1000, ask);
    world.put("stripe.customer", account, &id, body.clone());
    event(world, account, "customer.created", &body);
    Ok(body)
}

/// Amount and currency that Stripe takes.
pub fn payable(amount: i64, currency: &str) -> Result<(), Box<crate::wire::Reply>> {
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

// ---- saved cards ----

/// A card of one of Stripe's test names; the name decides how its charges end.
pub fn test_method(
    world: &mut World,
    account: &str,
    name: &str,
    ask: &Value,
) -> Result<String, Box<crate::wire::Reply>> {
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
            return Err(super::required("payment_method"));
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
fn usable(
    world: &mut World,
    account: &str,
    name: &str,
    customer: &Value,
) -> Result<String, Box<crate::wire::Reply>> {
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
            "The provided PaymentMethod was detached \
            from a Customer and may not be used again.",
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
fn save(world: &mut World, account: &str, method: &str, customer: &Value) {
    if !customer.is_null() && world.body("stripe.method", method)["customer"].is_null() {
        world.set("stripe.method", method, json!({"customer": customer}));
        let body = world.body("stripe.method", method);
        event(world, account, "payment_method.attached", &body);
    }
}

// ---- payment intents ----

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
    let mut ask = ask.clone();
    if let Some(name) = ask["payment_method"].as_str() {
        let method = usable(world, account, name, &ask["customer"])?;
        ask["payment_method"] = json!(method);
    } else if ask["confirm"] == true {
        return Err(super::required("payment_method"));
    }
    let id = new_intent(world, account, &ask);
    if ask["confirm"] == true {
        confirm(world, account, &id, &ask)
    } else {
        Ok(world.body("stripe.intent", &id))
    }
}

fn new_intent(world: &mut World, account: &str, ask: &Value) -> String {
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
        return Err(super::required("payment_method"));
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

fn unexpected(world: &World, id: &str) -> Box<crate::wire::Reply> {
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
fn pay(world: &mut World, account: &str, id: &str, method: &str) {
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
        );
    }
}

/// The issuer refuses; answers Stripe's error object without the intent.
fn decline(world: &mut World, account: &str, id: &str, method: &str, reason: &str) -> Value {
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

// ---- checkout ----

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
fn intent_of_session(world: &mut World, account: &str, id: &str, session: &Value) -> String {
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

fn finish_setup(world: &mut World, account: &str, id: &str, session: &Value) {
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

fn complete(world: &mut World, account: &str, id: &str, mut changes: Value) {
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

// ---- refunds and disputes ----

fn left(charge: &Value) -> i64 {
    charge["amount"].as_i64().unwrap_or(0) - charge["amount_refunded"].as_i64().unwrap_or(0)
}

pub fn refund(world: &mut World, account: &str, ask: &Value) -> Done {
    let charge = match (ask["payment_intent"].as_str(), ask["charge"].as_str()) {
        (Some(intent), None) => {
            let intent = world.get("stripe.intent", account, intent).cloned();
            let intent = intent.ok_or_else(|| missing("payment_intent", &ask["payment_intent"]))?;
            if intent["status"] != "succeeded" {
                let words = "This PaymentIntent does not have a successful charge to refund.";
                return Err(invalid(400, "", "payment_intent", words));
            }
            world.body(
                "stripe.charge",
                intent["latest_charge"].as_str().unwrap_or(""),
            )
        }
        (None, Some(charge)) => {
            let found = world.get("stripe.charge", account, charge).cloned();
            found.ok_or_else(|| missing("charge", &ask["charge"]))?
        }
        _ => {
            let words = "Pass exactly one of payment_intent and charge.";
            return Err(invalid(400, "parameter_missing", "payment_intent", words));
        }
    };
    if charge["disputed"] == true {
        let words = "This charge has been charged back; it cannot be refunded.";
        return Err(invalid(400, "charge_disputed", "", words));
    }
    let left = left(&charge);
    if left == 0 {
        let id = charge["id"].as_str().unwrap_or("");
        let words = format!("Charge {id} has already been refunded.");
        return Err(invalid(400, "charge_already_refunded", "", &words));
    }
    let amount = ask["amount"].as_i64().unwrap_or(left);
    if amount < 1 {
        let words = "Invalid positive integer";
        return Err(invalid(400, "parameter_invalid_integer", "amount", words));
    }
    if amount > left {
        let words = format!(
            "Refund amount ({amount}) is greater than unrefunded amount on \
            charge ({left})"
        );
        return Err(invalid(400, "", "amount", &words));
    }
    let method = charge["payment_method"].as_str().unwrap_or("");
    let card = world
        .item("stripe.method", method)
        .map_or(Value::Null, |i| i.notes["card"].clone());
    let status = if card == "pendingRefund" {
        "pending"
    } else {
        "succeeded"
    };
    let id = world.id("re_3", 23);
    let body = shapes::refund(&id, world.now / 1000, amount, status, &charge, ask);
    world.put("stripe.refund", account, &id, body.clone());
    refunded(world, &charge, amount);
    let charge = world.body("stripe.charge", charge["id"].as_str().unwrap_or(""));
    event(world, account, "charge.refunded", &charge);
    event(world, account, "refund.created", &body);
    if card == "pendingRefund" {
        world.step_at(world.now + 3 * DAY, "stripe", json!({"settle": id}));
    }
    if card == "refundFail" {
        world.step_at(world.now + DAY, "stripe", json!({"fail": id}));
    }
    Ok(body)
}

/// Counts a refund on its charge; a negative amount gives it back.
fn refunded(world: &mut World, charge: &Value, amount: i64) {
    let id = charge["id"].as_str().unwrap_or("");
    let sum = charge["amount_refunded"].as_i64().unwrap_or(0) + amount;
    let whole = charge["amount"] == sum;
    world.set(
        "stripe.charge",
        id,
        json!({"amount_refunded": sum, "refunded": whole}),
    );
}

fn end_refund(world: &mut World, id: &str, settled: bool) -> Result<Value, String> {
    let account = world
        .account_of("stripe.refund", id)
        .ok_or("no such refund")?;
    let refund = world.body("stripe.refund", id);
    if settled && refund["status"] == "pending" {
        world.set("stripe.refund", id, json!({"status": "succeeded"}));
    } else if !settled && refund["status"] != "failed" {
        let reason = json!({"status": "failed", "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction": format!("txn_f{}", &id[3..])});
        world.set("stripe.refund", id, reason);
        let charge = world.body("stripe.charge", refund["charge"].as_str().unwrap_or(""));
        refunded(world, &charge, -refund["amount"].as_i64().unwrap_or(0));
    } else {
        return Err(format!("the refund is {}", refund["status"]));
    }
    let body = world.body("stripe.refund", id);
    event(world, &account, "refund.updated", &body);
    event(world, &account, "charge.refund.updated", &body);
    Ok(body)
}

fn open_dispute(
    world: &mut World,
    account: &str,
    charge: &str,
    amount: i64,
    reason: &str,
) -> Value {
    let id = world.id("dp_1", 23);
    let charge_body = world.body("stripe.charge", charge);
    let body = shapes::dispute(&id, world.now / 1000, amount, reason, &charge_body);
    world.put("stripe.dispute", account, &id, body.clone());
    world.set("stripe.charge", charge, json!({"disputed": true}));
    event(world, account, "charge.dispute.created", &body);
    event(world, account, "charge.dispute.funds_withdrawn", &body);
    body
}

fn close_dispute(
    world: &mut World,
    account: &str,
    charge: &str,
    won: bool,
) -> Result<Value, String> {
    let open = world
        .all("stripe.dispute")
        .into_iter()
        .find(|item| item.body["charge"] == charge && item.body["status"] == "needs_response");
    let id = open
        .and_then(|item| item.body["id"].as_str())
        .ok_or("no open dispute")?
        .to_string();
    world.set(
        "stripe.dispute",
        &id,
        json!({"status": if won { "won" } else { "lost" }}),
    );
    let body = world.body("stripe.dispute", &id);
    event(world, account, "charge.dispute.closed", &body);
    if won {
        event(world, account, "charge.dispute.funds_reinstated", &body);
    }
    Ok(body)
}

// ---- steps and control ----

pub fn step(world: &mut World, step: &Value) {
    if let Some(id) = step["expire"].as_str()
        && world.body("stripe.session", id)["status"] == "open"
    {
        expire(world, id);
    }
    for (verb, settled) in [("settle", true), ("fail", false)] {
        if let Some(id) = step[verb].as_str() {
            // A person may have settled or failed it before its time.
            let _ = end_refund(world, id, settled);
        }
    }
}

/// The intent that an id of a session, intent or charge speaks of.
fn intent_id(world: &World, id: &str) -> Result<String, String> {
    let found = match id.get(..3) {
        Some("pi_") => Some(id.to_string()),
        Some("cs_") => world.body("stripe.session", id)["payment_intent"]
            .as_str()
            .map(Into::into),
        Some("ch_") => world.body("stripe.charge", id)["payment_intent"]
            .as_str()
            .map(Into::into),
        _ => None,
    };
    let found = found.filter(|id| world.item("stripe.intent", id).is_some());
    found.ok_or(format!("{id} names no payment"))
}

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    if let ["pay", id] = verb {
        let url = end_checkout(world, id, ask["outcome"].as_str().unwrap_or("paid"))?;
        return Ok(json!({"session": world.body("stripe.session", id), "redirect": url}));
    }
    if let ["methods", id] = verb {
        let item = world
            .item_mut("stripe.method", id)
            .ok_or("no such payment method")?;
        item.notes["decline"] = ask["decline"].clone();
        return Ok(item.body.clone());
    }
    match verb {
        ["settle", id] if id.starts_with("re_") => return end_refund(world, id, true),
        ["fail", id] if id.starts_with("re_") => return end_refund(world, id, false),
        _ => {}
    }
    let (_, id) = verb
        .split_first()
        .and_then(|(v, rest)| Some((v, rest.first()?)))
        .ok_or("what?")?;
    let intent = intent_id(world, id)?;
    let account = world
        .account_of("stripe.intent", &intent)
        .ok_or("no such payment")?;
    let body = world.body("stripe.intent", &intent);
    let charge = body["latest_charge"].as_str().unwrap_or("").to_string();
    match verb {
        ["settle", _] if body["status"] == "processing" => {
            let method = body["payment_method"].as_str().unwrap_or("").to_string();
            pay(world, &account, &intent, &method);
            end_async(world, &account, &intent, true);
            Ok(world.body("stripe.intent", &intent))
        }
        ["fail", _] if body["status"] == "processing" => {
            let method = body["payment_method"].as_str().unwrap_or("").to_string();
            decline(world, &account, &intent, &method, "insufficient_funds");
            end_async(world, &account, &intent, false);
            Ok(world.body("stripe.intent", &intent))
        }
        // A debit that is returned after it succeeded comes as a dispute that cannot be contested.
        ["fail", _] if body["status"] == "succeeded" => {
            let amount = left(&world.body("stripe.charge", &charge));
            open_dispute(world, &account, &charge, amount, "insufficient_funds");
            close_dispute(world, &account, &charge, false)
        }
        ["refund", _] => {
            let amount = amount(ask, left(&world.body("stripe.charge", &charge)))?;
            let ask = json!({"payment_intent": intent, "amount": amount});
            refund(world, &account, &ask)
                .map_err(|reply| String::from_utf8_lossy(&reply.body).into_owned())
        }
        ["dispute", _] if body["status"] == "succeeded" => {
            let amount = amount(ask, left(&world.body("stripe.charge", &charge)))?;
            let reason = ask["reason"].as_str().unwrap_or("fraudulent");
            Ok(open_dispute(world, &account, &charge, amount, reason))
        }
        ["dispute", _, end @ ("won" | "lost")] => {
            close_dispute(world, &account, &charge, *end == "won")
        }
        _ => Err(format!(
            "not possible while the payment is {}",
            body["status"]
        )),
    }
}

/// Tells of a slow method's end through its session.
fn end_async(world: &mut World, account: &str, intent: &str, paid: bool) {
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
