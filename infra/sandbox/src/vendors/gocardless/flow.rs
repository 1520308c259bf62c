//! The page where a payer authorises a billing request at GoCardless, and what follows from it.

use super::events::{Event, tell};
use super::payments::{move_payment, new_payment};
use super::replies::{DAY, Made, WHEN, kind, own, state};
use super::setup::mandate;
use crate::pages;
use crate::wire::{Call, Reply, decode_pairs, major, stamp};
use crate::world::World;
use serde_json::{Value, json};

pub fn flow(world: &mut World, account: &str, ask: &Value) -> Made {
    let request = ask["links"]["billing_request"]
        .as_str()
        .unwrap_or("")
        .to_string();
    let body = own(world, account, kind("billing_requests"), &request)?;
    if body["status"] != "pending" {
        return Err(state(
            "billing_request_not_pending",
            "The billing request is not pending",
        ));
    }
    let id = world.id("BRF", 17).to_uppercase();
    let flag = |name: &str, default: bool| ask[name].as_bool().unwrap_or(default);
    let flow = json!({"id": id, "authorisation_url": format!("{}/gocardless/flow/{id}", world.own),
        "auto_fulfil": flag("auto_fulfil", true), "created_at": stamp(world.now, WHEN),
        "customer_details_captured": flag("customer_details_captured", false),
        "exit_uri": ask["exit_uri"], "expires_at": stamp(world.now + 7 * DAY, WHEN),
        "language": ask["language"], "links": {"billing_request": request},
        "lock_bank_account": flag("lock_bank_account", false),
        "lock_currency": flag("lock_currency", false),
        "lock_customer_details": flag("lock_customer_details", false),
        "prefilled_bank_account": ask["prefilled_bank_account"],
        "prefilled_customer": ask["prefilled_customer"], "redirect_uri": ask["redirect_uri"],
        "session_token": null, "show_redirect_buttons": flag("show_redirect_buttons", false),
        "show_success_redirect_button": flag("show_success_redirect_button", true),
        "skip_success_screen": flag("skip_success_screen", false)});
    let expires = world.now + 7 * DAY;
    world.put_noted(
        kind("billing_request_flows"),
        account,
        &id,
        flow.clone(),
        json!({"until": expires}),
    );
    Ok(flow)
}

pub fn page(world: &mut World, call: &Call, id: &str) -> Reply {
    let flow = world.body(kind("billing_request_flows"), id);
    let request = flow["links"]["billing_request"]
        .as_str()
        .unwrap_or("")
        .to_string();
    let body = world.body(kind("billing_requests"), &request);
    if body.is_null() {
        return pages::notice(
            404,
            "GoCardless",
            "Page not found",
            "This link does not exist.",
        );
    }
    if call.method == "POST" {
        let form = decode_pairs(&call.body);
        let outcome = form
            .iter()
            .find(|(name, _)| name == "outcome")
            .map_or("", |(_, v)| v);
        return match end_flow(world, id, outcome) {
            Ok(Some(url)) => Reply::see_other(&url),
            Ok(None) => pages::notice(200, "GoCardless", "All done", "You can close this page."),
            Err(reason) => pages::notice(422, "GoCardless", "That does not work", &reason),
        };
    }
    let late = world
        .item(kind("billing_request_flows"), id)
        .is_some_and(|item| {
            item.notes["until"]
                .as_i64()
                .is_some_and(|until| until <= world.now)
        });
    if late || body["status"] != "pending" {
        return pages::notice(
            410,
            "GoCardless",
            "This link has ended",
            "Nothing is left to do.",
        );
    }
    open_page(&body)
}

/// The page of a billing request that still waits for its payer.
fn open_page(body: &Value) -> Reply {
    let payment = &body["payment_request"];
    let sum = payment["amount"].as_i64().map_or(String::new(), |amount| {
        format!(
            "{} {}",
            major(amount, 2),
            payment["currency"].as_str().unwrap_or("")
        )
    });
    let scheme = body["mandate_request"]["scheme"].as_str();
    pages::checkout(&pages::Checkout {
        vendor: "GoCardless",
        payee: "Wattle Street Clinic",
        title: body["mandate_request"]["description"]
            .as_str()
            .or(payment["description"].as_str())
            .unwrap_or("Set up a direct debit"),
        sum: &sum,
        notes: scheme
            .map(|scheme| format!("Direct debit by {scheme}"))
            .into_iter()
            .collect(),
        buttons: &[
            ("paid", "Authorise"),
            ("declined", "Use an account that the bank refuses"),
            ("expired", "Let this link expire"),
            ("cancelled", "Cancel"),
        ],
        alert: None,
    })
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
pub fn fulfil(world: &mut World, account: &str, request: &str, flow: &Value, accepted: bool) {
    let body = world.body(kind("billing_requests"), request);
    let customer = customer(world, account, &body, flow);
    let currency = body["mandate_request"]["currency"].as_str();
    let currency = currency
        .or(body["payment_request"]["currency"].as_str())
        .unwrap_or("EUR");
    let bank_body = bank_account(world, account, &customer, currency);
    let bank = bank_body["id"].as_str().unwrap_or("").to_string();
    let resources = json!({"customer_bank_account": bank_body});
    let mut links = body["links"].clone();
    links["customer"] = json!(customer);
    links["customer_bank_account"] = json!(bank);
    let mut told: Vec<Told> = Vec::new();
    if body["mandate_request"].is_object() {
        let ask = &body["mandate_request"];
        let mandate = mandate(world, account, ask, &customer, &bank);
        links["mandate_request_mandate"] = json!(mandate);
        begin_mandate(world, mandate, accepted, &mut told);
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
    let changes = json!({"status": "fulfilled", "links": links, "actions": actions,
        "resources": resources});
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

/// Resource, id, action and cause of what is told.
type Told = (&'static str, String, &'static str, &'static str);

/// The customer whom the request names, or a new one as the flow describes it.
fn customer(world: &mut World, account: &str, request: &Value, flow: &Value) -> String {
    let given = |name: &str, default: &str| {
        let given = flow["prefilled_customer"][name].as_str();
        json!(given.unwrap_or(default))
    };
    match request["links"]["customer"].as_str() {
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
    }
}

fn bank_account(world: &mut World, account: &str, customer: &str, currency: &str) -> Value {
    let id = world.id("BA", 14).to_uppercase();
    let body = json!({"id": id, "created_at": stamp(world.now, WHEN),
        "account_holder_name": "SANDBOX PAYER", "account_number_ending": "11",
        "bank_name": "SANDBOX BANK", "country_code": "AU", "currency": currency,
        "enabled": true, "metadata": {}, "links": {"customer": customer}});
    world.put(kind("customer_bank_accounts"), account, &id, body.clone());
    body
}

/// The bank takes a new mandate up, or refuses it.
fn begin_mandate(world: &mut World, mandate: String, accepted: bool, told: &mut Vec<Told>) {
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
