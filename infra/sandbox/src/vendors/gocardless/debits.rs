//! How mandates, payments and refunds go through their states at GoCardless.

use super::{Event, WHEN, invalid, kind, own, state, tell};
use crate::control::amount;
use crate::wire::{Reply, stamp};
use crate::world::World;
use serde_json::{Value, json};

pub const DAY: i64 = 86_400_000;
/// Days from creation until a payment is with the bank, collected, and paid out.
const SUBMITTED: i64 = 1;
const CONFIRMED: i64 = 4;
const PAID_OUT: i64 = 6;
const REFUND_PAID: i64 = 3;

type Made = Result<Value, Box<Reply>>;

fn date(ms: i64) -> String {
    stamp(ms, "%F")
}

fn currency_of(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "ach" => "USD",
        "autogiro" => "SEK",
        "bacs" | "faster_payments" => "GBP",
        "becs" | "pay_to" => "AUD",
        "becs_nz" => "NZD",
        "betalingsservice" => "DKK",
        "pad" => "CAD",
        "sepa_core" | "sepa_instant_credit_transfer" | "sepa_credit_transfer" => "EUR",
        _ => return None,
    })
}

fn scheme_of(currency: &str) -> Option<&'static str> {
    [
        "bacs",
        "sepa_core",
        "becs",
        "becs_nz",
        "ach",
        "pad",
        "autogiro",
        "betalingsservice",
    ]
    .into_iter()
    .find(|scheme| currency_of(scheme) == Some(currency))
}

// ---- set-up ----

pub fn billing_request(world: &mut World, account: &str, ask: &Value) -> Made {
    let (mut mandate, mut payment) = (
        ask["mandate_request"].clone(),
        ask["payment_request"].clone(),
    );
    if mandate.is_null() && payment.is_null() {
        return Err(invalid("/billing_requests/mandate_request", "is required"));
    }
    if mandate.is_object() {
        let scheme = mandate["scheme"].as_str().map(str::to_string);
        let scheme = scheme.or(mandate["currency"]
            .as_str()
            .and_then(scheme_of)
            .map(Into::into));
        let pointer = "/billing_requests/mandate_request";
        let scheme =
            scheme.ok_or_else(|| invalid(&format!("{pointer}/currency"), "is required"))?;
        let currency = currency_of(&scheme)
            .ok_or_else(|| invalid(&format!("{pointer}/scheme"), "is not a valid scheme"))?;
        if mandate["currency"]
            .as_str()
            .is_some_and(|given| given != currency)
        {
            return Err(invalid(
                &format!("{pointer}/currency"),
                "does not fit the scheme",
            ));
        }
        mandate["scheme"] = json!(scheme);
        mandate["currency"] = json!(currency);
        mandate["verify"] = json!(mandate["verify"].as_str().unwrap_or("minimum"));
        mandate["links"] = json!({});
        mandate["metadata"] = map(&mandate);
    }
    if payment.is_object() {
        let pointer = "/billing_requests/payment_request";
        if payment["amount"].as_i64().is_none_or(|amount| amount < 1) {
            return Err(invalid(
                &format!("{pointer}/amount"),
                "must be a positive integer",
            ));
        }
        if payment["currency"].as_str().and_then(scheme_of).is_none() {
            return Err(invalid(
                &format!("{pointer}/currency"),
                "is not included in the list",
            ));
        }
        payment["links"] = json!({});
        payment["metadata"] = map(&payment);
    }
    let id = world.id("BRQ", 17).to_uppercase();
    let action = |name: &str| {
        json!({"type": name, "required": true, "status": "pending", "completes_actions": [],
            "requires_actions": []})
    };
    let mut links = json!({"creditor": "CR000DEMO"});
    if let Some(customer) = ask["links"]["customer"].as_str() {
        own(world, account, kind("customers"), customer)?;
        links["customer"] = json!(customer);
    }
    for (name, part) in [("mandate_request", &mandate), ("payment_request", &payment)] {
        if part.is_object() {
            let prefix = if name == "mandate_request" {
                "MRQ"
            } else {
                "PRQ"
            };
            links[name] = json!(world.id(prefix, 17).to_uppercase());
        }
    }
    let body = json!({"id": id, "status": "pending", "created_at": stamp(world.now, WHEN),
        "fallback_enabled": ask["fallback_enabled"].as_bool().unwrap_or(false),
        "fallback_occurred": false, "instalment_schedule_request": null, "links": links,
        "mandate_request": mandate, "payment_request": payment, "metadata": map(ask),
        "subscription_request": null, "resources": {},
        "actions": [action("collect_customer_details"), action("collect_bank_account")]});
    world.put(kind("billing_requests"), account, &id, body.clone());
    say(
        world,
        account,
        "billing_requests",
        &id,
        "created",
        "billing_request_created",
        "api",
    );
    Ok(body)
}

fn map(ask: &Value) -> Value {
    if ask["metadata"].is_object() {
        ask["metadata"].clone()
    } else {
        json!({})
    }
}

/// Ends the payer's visit; answers where the browser goes.
pub fn end_flow(world: &mut World, id: &str, outcome: &str) -> Result<Option<String>, String> {
    let flow = match id.get(..3) {
        Some("BRQ") => world
            .all(kind("billing_request_flows"))
            .into_iter()
            .find_map(|item| {
                (item.body["links"]["billing_request"] == id).then(|| item.body.clone())
            }),
        _ => world
            .item(kind("billing_request_flows"), id)
            .map(|item| item.body.clone()),
    };
    let flow = flow.ok_or("no such flow")?;
    let request = flow["links"]["billing_request"]
        .as_str()
        .unwrap_or("")
        .to_string();
    let account = world
        .account_of(kind("billing_requests"), &request)
        .ok_or("no such request")?;
    let body = world.body(kind("billing_requests"), &request);
    if body["status"] != "pending" {
        return Err(format!("the billing request is {}", body["status"]));
    }
    let back = |name: &str| flow[name].as_str().map(str::to_string);
    match outcome {
        "paid" | "declined" => {
            fulfil(world, &account, &request, &flow, outcome == "paid");
            let mark = if outcome == "paid" {
                "success"
            } else {
                "failure"
            };
            Ok(back("redirect_uri").map(|url| {
                let join = if url.contains('?') { '&' } else { '?' };
                format!("{url}{join}outcome={mark}&id={request}")
            }))
        }
        "cancelled" => Ok(back("exit_uri").or(back("redirect_uri"))),
        "expired" => {
            let flow = flow["id"].as_str().unwrap_or("").to_string();
            let now = world.now;
            if let Some(item) = world.item_mut(kind("billing_request_flows"), &flow) {
                item.notes["until"] = json!(now);
                item.body["expires_at"] = json!(stamp(now, WHEN));
            }
            Ok(None)
        }
        other => Err(format!(
            "{other} is no outcome: paid, declined, expired, cancelled"
        )),
    }
}

/// The payer authorised: customer, bank account, mandate, and the payment if one was asked for.
fn fulfil(world: &mut World, account: &str, request: &str, flow: &Value, accepted: bool) {
    let body = world.body(kind("billing_requests"), request);
    let given = |name: &str, default: &str| {
        let given = flow["prefilled_customer"][name].as_str();
        json!(given.unwrap_or(default))
    };
    let customer = match body["links"]["customer"].as_str() {
        Some(customer) => customer.to_string(),
        None => {
            let id = world.id("CU", 14).to_uppercase();
            let customer = json!({"id": id, "created_at": stamp(world.now, WHEN),
                "given_name": given("given_name", "Sandbox"),
                "family_name": given("family_name", "Payer"),
                "email": given("email", "payer@example.test"), "company_name": null,
                "address_line1": "1 Wattle Street", "address_line2": null, "address_line3": null,
                "city": "Melbourne", "region": null, "postal_code": "3000",
                "country_code": given("country_code", "AU"), "language": "en",
                "phone_number": null, "swedish_identity_number": null,
                "danish_identity_number": null, "metadata": {}});
            world.put(kind("customers"), account, &id, customer);
            id
        }
    };
    let bank = world.id("BA", 14).to_uppercase();
    let currency = body["mandate_request"]["currency"].as_str();
    let currency = currency
        .or(body["payment_request"]["currency"].as_str())
        .unwrap_or("EUR");
    let bank_body = json!({"id": bank, "created_at": stamp(world.now, WHEN),
        "account_holder_name": "SANDBOX PAYER", "account_number_ending": "11",
        "bank_name": "SANDBOX BANK", "country_code": "AU", "currency": currency,
        "enabled": true, "metadata": {}, "links": {"customer": customer}});
    world.put(kind("customer_bank_accounts"), account, &bank, bank_body);
    let mut links = body["links"].clone();
    links["customer"] = json!(customer);
    links["customer_bank_account"] = json!(bank);
    let mut told: Vec<(&'static str, String, &str, &str)> = Vec::new();
    if body["mandate_request"].is_object() {
        let mandate = mandate(world, account, &body["mandate_request"], &customer, &bank);
        links["mandate_request_mandate"] = json!(mandate);
        told.push(("mandates", mandate.clone(), "created", "mandate_created"));
        if accepted {
            world.set(kind("mandates"), &mandate, json!({"status": "submitted"}));
            told.push((
                "mandates",
                mandate.clone(),
                "submitted",
                "mandate_submitted",
            ));
            world.step_at(world.now + DAY, "gocardless", json!({"mandate": mandate}));
        } else {
            world.set(kind("mandates"), &mandate, json!({"status": "failed"}));
            told.push(("mandates", mandate, "failed", "invalid_bank_details"));
        }
    }
    let mut instant = None;
    if body["payment_request"].is_object() && accepted {
        let ask = &body["payment_request"];
        let scheme = match currency {
            "EUR" => "sepa_instant_credit_transfer",
            "AUD" => "pay_to",
            _ => "faster_payments",
        };
        let id = new_payment(
            world,
            account,
            ask,
            scheme,
            &links["mandate_request_mandate"],
        );
        links["payment_request_payment"] = json!(id);
        told.push(("payments", id.clone(), "created", "payment_created"));
        instant = Some(id);
    }
    let mut actions = body["actions"].clone();
    for action in actions.as_array_mut().into_iter().flatten() {
        action["status"] = json!("completed");
    }
    let changes = json!({"status": "fulfilled", "links": links, "actions": actions});
    world.set(kind("billing_requests"), request, changes);
    told.push((
        "billing_requests",
        request.into(),
        "fulfilled",
        "billing_request_fulfilled",
    ));
    let events: Vec<_> = told
        .iter()
        .map(|(resource, id, action, cause)| Event {
            resource,
            id,
            action,
            cause,
            origin: "payer",
            description: "The payer used the authorisation page",
        })
        .collect();
    tell(world, account, &events);
    // An instant payment is there at once; a debit needs its days.
    if let Some(id) = instant {
        move_payment(world, &id, "confirmed", "payment_confirmed", "bank");
    }
}

fn mandate(world: &mut World, account: &str, ask: &Value, customer: &str, bank: &str) -> String {
    let id = world.id("MD", 14).to_uppercase();
    let body = json!({"id": id, "created_at": stamp(world.now, WHEN),
        "reference": format!("REF-{}", &id[2..10]), "status": "pending_submission",
        "scheme": ask["scheme"], "next_possible_charge_date": date(world.now + 3 * DAY),
        "next_possible_standard_ach_charge_date": null, "payments_require_approval": false,
        "metadata": ask["metadata"], "consent_parameters": null, "consent_type": null,
        "verified_at": null, "funds_settlement": "managed", "mandate_type": "bank_debit",
        "authorisation_source": "web",
        "links": {"creditor": "CR000DEMO", "customer": customer, "customer_bank_account": bank}});
    let notes = json!({"currency": ask["currency"]});
    world.put_noted(kind("mandates"), account, &id, body, notes);
    id
}

fn say(
    world: &mut World,
    account: &str,
    resource: &'static str,
    id: &str,
    action: &str,
    cause: &str,
    origin: &str,
) {
    let description = format!(
        "{} {}",
        resource.trim_end_matches('s'),
        action.replace('_', " ")
    );
    let event = Event {
        resource,
        id,
        action,
        cause,
        origin,
        description: &description,
    };
    tell(world, account, &[event]);
}

// ---- payments ----

pub fn payment(world: &mut World, account: &str, ask: &Value) -> Made {
    let mandate = ask["links"]["mandate"].as_str().unwrap_or("");
    let body = world.get(kind("mandates"), account, mandate).cloned();
    let body = body.ok_or_else(|| invalid("/payments/links/mandate", "does not exist"))?;
    let usable = ["pending_submission", "submitted", "active"];
    if !usable.contains(&body["status"].as_str().unwrap_or("")) {
        return Err(state(
            "mandate_is_inactive",
            "The mandate for this payment is inactive",
        ));
    }
    if ask["amount"].as_i64().is_none_or(|amount| amount < 1) {
        return Err(invalid("/payments/amount", "must be a positive integer"));
    }
    let scheme = body["scheme"].as_str().unwrap_or("");
    if ask["currency"].as_str() != currency_of(scheme) {
        return Err(invalid(
            "/payments/currency",
            "does not fit the mandate's scheme",
        ));
    }
    if let Some(day) = ask["charge_date"].as_str()
        && day < body["next_possible_charge_date"].as_str().unwrap_or("")
        && day < date(world.now).as_str()
    {
        return Err(invalid(
            "/payments/charge_date",
            "must be on or after the next possible \
            charge date of the mandate",
        ));
    }
    let id = new_payment(world, account, ask, scheme, &json!(mandate));
    schedule(world, &id);
    say(
        world,
        account,
        "payments",
        &id,
        "created",
        "payment_created",
        "api",
    );
    Ok(world.body(kind("payments"), &id))
}

fn new_payment(
    world: &mut World,
    account: &str,
    ask: &Value,
    scheme: &str,
    mandate: &Value,
) -> String {
    let id = world.id("PM", 14).to_uppercase();
    let mut links = json!({"creditor": "CR000DEMO"});
    if let Some(mandate) = mandate.as_str() {
        links["mandate"] = json!(mandate);
    }
    let day = ask["charge_date"]
        .as_str()
        .map_or(date(world.now + 3 * DAY), str::to_string);
    let body = json!({"id": id, "created_at": stamp(world.now, WHEN), "charge_date": day,
        "amount": ask["amount"], "amount_refunded": 0, "currency": ask["currency"],
        "description": ask["description"], "reference": ask["reference"],
        "status": "pending_submission", "metadata": map(ask), "scheme": scheme,
        "retry_if_possible": ask["retry_if_possible"].as_bool().unwrap_or(false),
        "faster_ach": null, "fx": {"fx_currency": ask["currency"], "fx_amount": null,
            "exchange_rate": null, "estimated_exchange_rate": null},
        "links": links});
    world.put(kind("payments"), account, &id, body);
    id
}

fn schedule(world: &mut World, id: &str) {
    let now = world.now;
    for (days, to) in [
        (SUBMITTED, "submitted"),
        (CONFIRMED, "confirmed"),
        (PAID_OUT, "paid_out"),
    ] {
        world.step_at(
            now + days * DAY,
            "gocardless",
            json!({"payment": id, "to": to}),
        );
    }
}

fn move_payment(world: &mut World, id: &str, action: &str, cause: &str, origin: &str) {
    let Some(account) = world.account_of(kind("payments"), id) else {
        return;
    };
    world.set(kind("payments"), id, json!({"status": action}));
    say(world, &account, "payments", id, action, cause, origin);
}

/// The next thing that happens to a payment by itself: with the bank, collected, paid out.
fn proceed(world: &mut World, id: &str, to: &str) -> Result<Value, String> {
    let payment = world.body(kind("payments"), id);
    let status = payment["status"]
        .as_str()
        .ok_or("no such payment")?
        .to_string();
    match (status.as_str(), to) {
        ("pending_submission", "submitted") => {
            move_payment(world, id, "submitted", "payment_submitted", "gocardless");
        }
        ("pending_submission" | "submitted", "confirmed") => {
            let mandate = payment["links"]["mandate"].as_str().unwrap_or("");
            let refused = world.item(kind("mandates"), mandate);
            let refused = refused.and_then(|item| item.notes["decline"].as_str().map(Into::into));
            match refused {
                Some(cause) => return fail(world, id, cause),
                None => move_payment(world, id, "confirmed", "payment_confirmed", "gocardless"),
            }
        }
        ("confirmed", "paid_out") => {
            move_payment(world, id, "paid_out", "payment_paid_out", "gocardless");
        }
        _ => return Err(format!("the payment is {status}")),
    }
    Ok(world.body(kind("payments"), id))
}

/// The bank refuses, or takes back what it had confirmed.
fn fail(world: &mut World, id: &str, cause: String) -> Result<Value, String> {
    let payment = world.body(kind("payments"), id);
    let status = payment["status"]
        .as_str()
        .ok_or("no such payment")?
        .to_string();
    let open = ["pending_submission", "submitted", "confirmed", "paid_out"];
    if !open.contains(&status.as_str()) {
        return Err(format!("the payment is {status}"));
    }
    move_payment(world, id, "failed", &cause, "bank");
    if status == "paid_out" {
        // Already paid out to the clinic: the next payout is less by it.
        let account = world.account_of(kind("payments"), id).unwrap_or_default();
        say(
            world,
            &account,
            "payments",
            id,
            "late_failure_settled",
            &cause,
            "gocardless",
        );
    }
    Ok(world.body(kind("payments"), id))
}

// ---- refunds ----

pub fn refund(world: &mut World, account: &str, ask: &Value) -> Made {
    let Some(id) = ask["links"]["payment"].as_str() else {
        return Err(invalid("/refunds/links/payment", "is required"));
    };
    let payment = world.get(kind("payments"), account, id).cloned();
    let payment = payment.ok_or_else(|| invalid("/refunds/links/payment", "does not exist"))?;
    if payment["status"] != "confirmed" && payment["status"] != "paid_out" {
        return Err(state(
            "refund_payment_invalid_state",
            "The payment for this refund has an \
            invalid status",
        ));
    }
    let cents = ask["amount"].as_i64().unwrap_or(0);
    if cents < 1 {
        return Err(invalid("/refunds/amount", "must be a positive integer"));
    }
    let refunded = payment["amount_refunded"].as_i64().unwrap_or(0) + cents;
    if refunded > payment["amount"].as_i64().unwrap_or(0) {
        return Err(invalid(
            "/refunds/amount",
            "exceeds what is left of the payment",
        ));
    }
    if ask["total_amount_confirmation"].as_i64() != Some(refunded) {
        return Err(state(
            "total_amount_confirmation_invalid",
            "The total amount confirmation \
            does not match the total amount refunded for this payment",
        ));
    }
    Ok(new_refund(world, account, &payment, cents, ask))
}

fn new_refund(world: &mut World, account: &str, payment: &Value, cents: i64, ask: &Value) -> Value {
    let payment_id = payment["id"].as_str().unwrap_or("");
    let id = world.id("RF", 14).to_uppercase();
    let mut links = json!({"payment": payment_id});
    if let Some(mandate) = payment["links"]["mandate"].as_str() {
        links["mandate"] = json!(mandate);
    }
    let body = json!({"id": id, "created_at": stamp(world.now, WHEN), "amount": cents,
        "currency": payment["currency"], "reference": ask["reference"], "metadata": map(ask),
        "status": "pending_submission", "links": links,
        "fx": {"fx_currency": payment["currency"], "fx_amount": null, "exchange_rate": null,
            "estimated_exchange_rate": null}});
    world.put(kind("refunds"), account, &id, body.clone());
    count_refund(world, payment_id, cents);
    world.step_at(
        world.now + REFUND_PAID * DAY,
        "gocardless",
        json!({"refund": id}),
    );
    say(
        world,
        account,
        "refunds",
        &id,
        "created",
        "refund_created",
        "api",
    );
    body
}

/// Counts a refund on its payment; a negative amount gives it back.
fn count_refund(world: &mut World, payment: &str, more: i64) {
    let before = world.body(kind("payments"), payment)["amount_refunded"]
        .as_i64()
        .unwrap_or(0);
    world.set(
        kind("payments"),
        payment,
        json!({"amount_refunded": before + more}),
    );
}

fn end_refund(world: &mut World, id: &str, paid: bool) -> Result<Value, String> {
    let refund = world.body(kind("refunds"), id);
    let account = world
        .account_of(kind("refunds"), id)
        .ok_or("no such refund")?;
    if paid && refund["status"] == "pending_submission" {
        world.set(kind("refunds"), id, json!({"status": "paid"}));
        say(
            world,
            &account,
            "refunds",
            id,
            "paid",
            "refund_paid",
            "gocardless",
        );
    } else if !paid && refund["status"] != "bounced" {
        world.set(kind("refunds"), id, json!({"status": "bounced"}));
        let payment = refund["links"]["payment"].as_str().unwrap_or("");
        count_refund(world, payment, -refund["amount"].as_i64().unwrap_or(0));
        say(
            world,
            &account,
            "refunds",
            id,
            "bounced",
            "refund_failed",
            "bank",
        );
    } else {
        return Err(format!("the refund is {}", refund["status"]));
    }
    Ok(world.body(kind("refunds"), id))
}

// ---- actions, steps, control ----

pub fn act(
    world: &mut World,
    name: &str,
    id: &str,
    verb: &str,
    body: &Value,
) -> Result<(), Box<Reply>> {
    let account = world.account_of(kind(name), id).unwrap_or_default();
    let status = body["status"].as_str().unwrap_or("");
    match (name, verb) {
        ("payments", "cancel") if status == "pending_submission" => {
            move_payment(world, id, "cancelled", "payment_cancelled", "api");
        }
        ("payments", "retry") if status == "failed" => {
            world.set(
                kind("payments"),
                id,
                json!({"status": "pending_submission"}),
            );
            schedule(world, id);
            let cause = "payment_retried";
            say(
                world,
                &account,
                "payments",
                id,
                "resubmission_requested",
                cause,
                "api",
            );
        }
        ("mandates", "cancel") if !["cancelled", "failed", "expired"].contains(&status) => {
            cancel_mandate(world, id, "mandate_cancelled", "api");
        }
        ("billing_requests", "cancel") if status == "pending" => {
            world.set(kind("billing_requests"), id, json!({"status": "cancelled"}));
            let cause = "billing_request_cancelled";
            say(
                world,
                &account,
                "billing_requests",
                id,
                "cancelled",
                cause,
                "api",
            );
        }
        ("payments", "cancel") | ("mandates", "cancel") => {
            return Err(state(
                "cancellation_failed",
                "This resource can not be cancelled",
            ));
        }
        ("payments", "retry") => {
            return Err(state("retry_failed", "Only failed payments can be retried"));
        }
        _ => return Err(super::usage(404, "not_found", "Not found")),
    }
    Ok(())
}

fn cancel_mandate(world: &mut World, id: &str, cause: &str, origin: &str) {
    let Some(account) = world.account_of(kind("mandates"), id) else {
        return;
    };
    let none = json!({"status": "cancelled", "next_possible_charge_date": null});
    world.set(kind("mandates"), id, none);
    say(world, &account, "mandates", id, "cancelled", cause, origin);
    let pending: Vec<String> = world
        .all(kind("payments"))
        .into_iter()
        .filter(|item| {
            item.body["links"]["mandate"] == id && item.body["status"] == "pending_submission"
        })
        .filter_map(|item| item.body["id"].as_str().map(str::to_string))
        .collect();
    for payment in pending {
        move_payment(world, &payment, "cancelled", "mandate_cancelled", origin);
    }
}

fn activate(world: &mut World, id: &str) -> Result<Value, String> {
    let account = world
        .account_of(kind("mandates"), id)
        .ok_or("no such mandate")?;
    let status = world.body(kind("mandates"), id)["status"].clone();
    if status != "submitted" {
        return Err(format!("the mandate is {status}"));
    }
    world.set(kind("mandates"), id, json!({"status": "active"}));
    say(
        world,
        &account,
        "mandates",
        id,
        "active",
        "mandate_activated",
        "gocardless",
    );
    Ok(world.body(kind("mandates"), id))
}

/// What a person brought about before its time is left as it is.
pub fn step(world: &mut World, step: &Value) {
    if let Some(id) = step["mandate"].as_str() {
        let _ = activate(world, id);
    }
    if let Some(id) = step["payment"].as_str() {
        let _ = proceed(world, id, step["to"].as_str().unwrap_or(""));
    }
    if let Some(id) = step["refund"].as_str() {
        let _ = end_refund(world, id, true);
    }
}

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => {
            let outcome = ask["outcome"].as_str().unwrap_or("paid");
            Ok(json!({"redirect": end_flow(world, id, outcome)?}))
        }
        ["settle", id] if id.starts_with("RF") => end_refund(world, id, true),
        ["settle", id] if id.starts_with("MD") => activate(world, id),
        ["settle", id] => {
            let confirmed = world.body(kind("payments"), id)["status"] == "confirmed";
            proceed(world, id, if confirmed { "paid_out" } else { "confirmed" })
        }
        ["fail", id] if id.starts_with("RF") => end_refund(world, id, false),
        ["fail", id] => fail(
            world,
            id,
            ask["cause"]
                .as_str()
                .unwrap_or("insufficient_funds")
                .to_string(),
        ),
        ["refund", id] => {
            let payment = world.body(kind("payments"), id);
            let account = world
                .account_of(kind("payments"), id)
                .ok_or("no such payment")?;
            if payment["status"] != "confirmed" && payment["status"] != "paid_out" {
                return Err(format!("the payment is {}", payment["status"]));
            }
            let whole = payment["amount"].as_i64().unwrap_or(0);
            let left = whole - payment["amount_refunded"].as_i64().unwrap_or(0);
            let cents = amount(ask, left)?;
            Ok(new_refund(world, &account, &payment, cents, &json!({})))
        }
        ["dispute", id] => match world.body(kind("payments"), id)["status"].as_str() {
            Some("confirmed" | "paid_out") => {
                move_payment(world, id, "charged_back", "refund_requested", "bank");
                Ok(world.body(kind("payments"), id))
            }
            status => Err(format!("the payment is {}", status.unwrap_or("unknown"))),
        },
        ["dispute", id, end @ ("won" | "lost")] => {
            let payment = world.body(kind("payments"), id);
            let account = world
                .account_of(kind("payments"), id)
                .ok_or("no such payment")?;
            if payment["status"] != "charged_back" {
                return Err(format!("the payment is {}", payment["status"]));
            }
            if *end == "won" {
                world.set(kind("payments"), id, json!({"status": "paid_out"}));
                let cause = "payment_paid_out";
                say(
                    world,
                    &account,
                    "payments",
                    id,
                    "chargeback_cancelled",
                    cause,
                    "bank",
                );
            } else {
                let cause = "chargeback_settled";
                say(world, &account, "payments", id, cause, cause, "gocardless");
            }
            Ok(world.body(kind("payments"), id))
        }
        ["methods", id] => {
            let item = world
                .item_mut(kind("mandates"), id)
                .ok_or("no such mandate")?;
            item.notes["decline"] = ask["decline"].clone();
            Ok(item.body.clone())
        }
        ["mandates", id, "cancel"] => {
            world.item(kind("mandates"), id).ok_or("no such mandate")?;
            cancel_mandate(world, id, "authorisation_disputed", "bank");
            Ok(world.body(kind("mandates"), id))
        }
        _ => Err("GoCardless does not know this".into()),
    }
}
