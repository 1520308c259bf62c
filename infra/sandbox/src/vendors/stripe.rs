//! Stripe: customers, Checkout Sessions, payment intents, saved cards, refunds and disputes at API
//! version 2023-08-16; form-encoded requests, events signed `Stripe-Signature`.
//!
//! A session has no payment intent until somebody pays on its page, as at Stripe. Test methods
//! (`pm_card_visa`, `pm_card_chargeDeclined`, …) decide how their charges end. Beside what every
//! vendor is made to do: `fail/{payment}` of a paid one is a debit that comes back, as a dispute lost
//! from the start; `payout` `{amount, currency, failed}` tells of one to the clinic's bank.

use crate::kit::*;
use crate::vendor::Vendor;
use crate::webhook::News;
use crate::wire::hmac_sha256;
use crate::world::World;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    seed: |world| world.demo_endpoint("stripe", "sk_test_demo", "whsec_demo"),
    demo_secrets: || {
        vec![
            ("gateway/stripe", json!({"secret_key": "sk_test_demo"})),
            ("inbound/stripe", json!({"webhook_secret": "whsec_demo"})),
        ]
    },
    handle: |world, call| STRIPE.handle(world, call),
    step: |world, step| STRIPE.step(world, step),
    control: |world, verb, ask| STRIPE.control(world, verb, ask),
    key_header: Some("Idempotency-Key"),
    harmless: |call| call.path.starts_with("/c/"),
    ..Vendor::named("stripe")
};

const DAY: i64 = 86_400_000;
const EXPIRE: End = (Kind::Page, &[State::Open], State::Expired);
const CANCEL: End = (
    Kind::Payment,
    &[State::Open, State::Failed],
    State::Cancelled,
);
const DETACH: End = (Kind::Method, &[State::Done], State::Cancelled);
/// The step of an open payment that waits for the payer to prove who they are.
const ACTION: usize = 2;

static STRIPE: Gateway = Gateway {
    id: "stripe",
    name: "Stripe",
    api: "https://api.stripe.com/v1",
    looks: Looks::new(|| looks(include_str!("stripe/looks.json"))),
    requests: include_str!("stripe/requests.txt"),
    operations: &[
        Operation::make("POST /v1/customers", "customer", Kind::Customer),
        Operation::act("POST /v1/checkout/sessions", "session", session),
        Operation::end("POST /v1/checkout/sessions/{id}/expire", "expire", EXPIRE),
        Operation::act("POST /v1/payment_intents", "intent", intent),
        Operation::act("POST /v1/payment_intents/{id}/confirm", "confirm", confirm),
        Operation::end("POST /v1/payment_intents/{id}/cancel", "cancel", CANCEL),
        Operation::end("POST /v1/payment_methods/{id}/detach", "detach", DETACH),
        Operation::act("POST /v1/refunds", "refund", give_back),
        Operation::act("GET /v1/payment_intents/search", "search", search),
        Operation::list("GET /v1/customers/{}/payment_methods", "list", Kind::Method),
        Operation::read("GET /v1/customers", Kind::Customer),
        Operation::read("GET /v1/checkout/sessions", Kind::Page),
        Operation::read("GET /v1/payment_intents", Kind::Payment),
        Operation::read("GET /v1/payment_methods", Kind::Method),
        Operation::read("GET /v1/charges", Kind::Charge),
        Operation::read("GET /v1/refunds", Kind::Refund),
        Operation::read("GET /v1/disputes", Kind::Dispute),
    ],
    access: Access::Bearer("sk_test_"),
    keys: Some(Keys {
        longest: Some(255),
        // A request that failed validation never began, so nothing is kept for its key.
        keeps: |reply| matches!(reply.status, 200 | 402),
        marks: Some(("idempotent-replayed", "true")),
        ..Keys::in_header("Idempotency-Key", DAY)
    }),
    answer: json_answer,
    list: List {
        limit: "limit",
        from: "starting_after",
        behind: true,
        usual: 10,
        most: 100,
        filters: &["payment_intent", "charge", "customer", "email", "type"],
        shown: |_, ask, data, next| {
            let places = json!({"data": data, "more": next.is_some(), "url": ask.call.path});
            Ok((200, STRIPE.looks.shape("list", &places)))
        },
    },
    embed: |world, ask, shown| {
        for path in ask.body["expand"].as_array().into_iter().flatten() {
            let path = path.as_str().unwrap_or("").split('.');
            expand(world, shown, &path.collect::<Vec<_>>());
        }
        Ok(())
    },
    more,
    refund_takes: |world, payment| card(world, payment)["refund_takes"].as_i64().or(Some(0)),
    decline: "generic_decline",
    late_failure: "insufficient_funds",
    dispute: "fraudulent",
    page: Page {
        path: "/c/pay/",
        title: |page| &page.ask["line_items"][0]["price_data"]["product_data"]["name"],
        back: |page, left| match page.ask["cancel_url"].is_null() || !left {
            true => &page.ask["success_url"],
            false => &page.ask["cancel_url"],
        },
        end,
    },
    tell,
    control: |_, _, _| None,
    step: |_, _| {},
};

/// The customer that a request names.
fn customer(world: &World, ask: &Ask) -> Result<Option<String>, Refusal> {
    let named = ask.body["customer"].as_str();
    let own = named.map(|id| ask.own(world, Kind::Customer, id));
    Ok(own.transpose()?.map(|customer| customer.id.clone()))
}

fn session(world: &mut World, ask: &Ask) -> Done {
    let (body, created) = (&ask.body, world.now / 1000);
    let expires = body["expires_at"].as_i64().unwrap_or(created + 86_400);
    if !(created + 1800..=created + 86_400).contains(&expires) {
        return Err(Refusal::Because("expires_at"));
    }
    let mut page = new(world, &STRIPE, Kind::Page, ask.account, body);
    page.customer = customer(world, ask)?;
    if page.customer.is_some() && !body["customer_email"].is_null() {
        return Err(Refusal::Because("two_payers"));
    }
    let mut lines = body["line_items"].as_array().into_iter().flatten();
    let currency = &body["line_items"][0]["price_data"]["currency"];
    let sum = lines.try_fold(0i64, |sum, line| {
        let price = &line["price_data"];
        let each = price["unit_amount"].as_i64()?;
        let all = each.checked_mul(line["quantity"].as_i64()?)?;
        (price["currency"] == *currency).then_some(())?;
        sum.checked_add(all)
    });
    let sum = sum.ok_or(Refusal::Because("currencies"))?;
    let currency = currency.as_str().unwrap_or("").to_lowercase();
    (page.amount, page.currency) = STRIPE.looks.payable_minor(sum, &currency)?;
    page.own = json!({"expires": expires, "note": body["client_reference_id"]});
    let takes = expires * 1000 - world.now;
    later(world, &STRIPE, takes, "expire", &page.id);
    let id = make(world, &STRIPE, page);
    ask.shown(world, 200, &id)
}

fn intent(world: &mut World, ask: &Ask) -> Done {
    let body = &ask.body;
    let currency = body["currency"].as_str().unwrap_or("").to_lowercase();
    let amount = body["amount"].as_i64().unwrap_or(0);
    let mut payment = new(world, &STRIPE, Kind::Payment, ask.account, body);
    (payment.amount, payment.currency) = STRIPE.looks.payable_minor(amount, &currency)?;
    payment.customer = customer(world, ask)?;
    let confirmed = body["confirm"] == true;
    if body["off_session"] == true && !confirmed {
        return Err(Refusal::Because("off_session"));
    }
    // This version takes what the Dashboard enables unless the types are named; some of those
    // methods send the payer elsewhere and back.
    let automatic = &body["automatic_payment_methods"];
    if confirmed && body["payment_method_types"].is_null() && automatic["enabled"] != false {
        if !body["error_on_requires_action"].is_null() {
            return Err(Refusal::Because("action"));
        }
        if body["return_url"].is_null() && automatic["allow_redirects"] != "never" {
            return Err(Refusal::Because("return_url"));
        }
    }
    if confirmed || !body["payment_method"].is_null() {
        payment.method = Some(usable(world, ask, &payment)?);
        payment.step = ACTION - 1;
    }
    let id = make(world, &STRIPE, payment);
    match confirmed {
        true => charge(world, ask, &id),
        false => ask.shown(world, 200, &id),
    }
}

/// The method that is to be charged; one that is another customer's is refused.
fn usable(world: &mut World, ask: &Ask, payment: &Object) -> Result<String, Refusal> {
    let known = payment.method.as_deref();
    let named = ask.body["payment_method"].as_str().or(known);
    let missing = json!({"bracketed": "payment_method"});
    let name = named.ok_or(Refusal::With("field.missing", missing))?;
    if name.starts_with("pm_card_") {
        return test_card(world, ask.account, name);
    }
    let method = ask.own(world, Kind::Method, name)?;
    match &method.customer {
        _ if method.state == State::Cancelled => Err(Refusal::Because("detached")),
        owner if owner.is_none() || *owner == payment.customer => Ok(name.to_string()),
        _ => Err(Refusal::Because("not_theirs")),
    }
}

/// A card of one of Stripe's test names; the name decides how its charges end.
fn test_card(world: &mut World, account: &str, name: &str) -> Result<String, Refusal> {
    let card = STRIPE.looks.of("cards").get(name);
    let card = card.ok_or_else(|| Refusal::Missing(Kind::Method, name.to_string()))?;
    let mut method = new(world, &STRIPE, Kind::Method, account, &Value::Null);
    method.state = State::Done;
    method.declines = card["declines"].as_str().map(str::to_string);
    method.own = card.clone();
    Ok(make(world, &STRIPE, method))
}

fn confirm(world: &mut World, ask: &Ask) -> Done {
    let mut payment = ask.named(world, Kind::Payment)?.clone();
    match payment.state {
        State::Open if payment.step < ACTION => {}
        // The card that was refused is not tried again.
        State::Failed => payment.method = None,
        _ => return Err(ask.state(&payment)),
    }
    let method = usable(world, ask, &payment)?;
    change(world, &STRIPE, &payment.id, |of| of.method = Some(method));
    charge(world, ask, &payment.id)
}

/// The card's issuer is asked for the money.
fn charge(world: &mut World, ask: &Ask, id: &str) -> Done {
    let payment = ask.own(world, Kind::Payment, id)?;
    match refusal_of(world, &STRIPE, payment).as_deref() {
        None => become_(world, &STRIPE, id, State::Done, None),
        Some("authentication_required") if ask.body["off_session"] != true => {
            enter(world, &STRIPE, id, State::Open, ACTION - 1);
            step_on(world, &STRIPE, id);
        }
        cause => {
            become_(world, &STRIPE, id, State::Failed, cause);
            let intent = STRIPE.show_id(world, id);
            let error = &intent["last_payment_error"];
            let places = json!({"error": error, "intent": intent});
            return Err(Refusal::With("declined", places));
        }
    }
    ask.shown(world, 200, id)
}

fn give_back(world: &mut World, ask: &Ask) -> Done {
    let (intent, charge) = (&ask.body["payment_intent"], &ask.body["charge"]);
    let named = match (intent.as_str(), charge.as_str()) {
        (Some(id), None) => ask.own(world, Kind::Payment, id)?,
        (None, Some(id)) => ask.own(world, Kind::Charge, id)?,
        _ => return Err(Refusal::Because("one_of")),
    };
    let payment = meant(world, &STRIPE, &named.id).unwrap_or(named).clone();
    if disputed(world, &payment) {
        return Err(Refusal::Because("disputed"));
    }
    let amount = ask.body["amount"].as_i64();
    let amount = amount.map(|minor| (minor, payment.currency.as_str()));
    let id = refund(world, &STRIPE, &payment.id, amount, &ask.body)?;
    ask.shown(world, 200, &id)
}

/// Whether money of a payment was ever taken back, whatever became of it.
fn disputed(world: &World, payment: &Object) -> bool {
    let mut all = of_payment(world, &STRIPE, Kind::Dispute, &payment.id).into_iter();
    all.any(|one| !matches!(one.state, State::Asked | State::Cancelled))
}

/// What the test card of a payment does.
fn card<'w>(world: &'w World, payment: &Object) -> &'w Value {
    let method = payment.method.as_ref();
    let method = method.and_then(|id| world.object("stripe", id));
    method.map_or(&Value::Null, |method| &method.own)
}

fn more(world: &World, object: &Object) -> Value {
    let payment = object.payment.as_ref();
    let payment = payment.and_then(|id| world.object("stripe", id));
    let paid = payment.is_some_and(|payment| payment.state == State::Done);
    let method = object.method.as_deref().unwrap_or("");
    json!({
        "all_refunded": payment.is_some_and(|payment| payment.left() == 0),
        "card": STRIPE.show_id(world, method),
        "disputed_ever": payment.is_some_and(|payment| disputed(world, payment)),
        "due_by": (object.at + 9 * DAY) / 1000,
        "paid": if paid { "paid" } else { "unpaid" },
        "why": STRIPE.looks.shape("decline", &json!({"cause": object.cause})),
    })
}

/// `metadata['reference']:'7'`, the part of the search language that finds an intent by our own
/// reference.
fn search(world: &mut World, ask: &Ask) -> Done {
    let query = ask.body["query"].as_str().unwrap_or("");
    let parts: Vec<_> = query.split('\'').collect();
    let ["metadata[", name, "]:", value, ""] = parts[..] else {
        return Err(Refusal::Because("query"));
    };
    let mut found = world.shown("stripe", Kind::Payment, ask.account);
    found.retain(|payment| payment.ask["metadata"][name] == value);
    let data = found
        .iter()
        .take(100)
        .map(|found| STRIPE.show(world, found));
    let places = json!({"data": data.collect::<Vec<_>>()});
    Ok((200, STRIPE.looks.shape("search", &places)))
}

/// Puts the whole object in the place of the id at this path.
fn expand(world: &World, at: &mut Value, path: &[&str]) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if let Value::Array(items) = at {
        return items.iter_mut().for_each(|item| expand(world, item, path));
    }
    // A list that is shown only where it is asked for.
    if (*name, at["object"].as_str()) == ("refunds", Some("charge")) {
        let payment = at["payment_intent"].as_str().unwrap_or("");
        let refunds = of_payment(world, &STRIPE, Kind::Refund, payment).into_iter();
        let data: Vec<_> = refunds.map(|refund| STRIPE.show(world, refund)).collect();
        let places = json!({"data": data, "more": false, "url": "/v1/refunds"});
        at["refunds"] = STRIPE.looks.shape("list", &places);
    }
    let Some(inner) = at.get_mut(*name) else {
        return;
    };
    if let Some(object) = inner.as_str().and_then(|id| world.object("stripe", id)) {
        *inner = STRIPE.show(world, object);
    }
    expand(world, inner, rest);
}

/// Ends a checkout; a payer whose card is declined stays on the page.
fn end(world: &mut World, page: &Object, outcome: &str) -> Result<bool, String> {
    let (card, state) = match outcome {
        "cancelled" => return Ok(true),
        "expired" => {
            become_(world, &STRIPE, &page.id, State::Expired, None);
            return Ok(false);
        }
        "declined" => ("pm_card_chargeDeclined", State::Failed),
        "pending" => ("pm_card_visa", State::Pending),
        _ => ("pm_card_visa", State::Done),
    };
    let method = test_card(world, &page.account, card);
    let method = method.map_err(|why| format!("{why:?}"))?;
    let payment = first_try(world, page);
    change(world, &STRIPE, &payment, |of| of.method = Some(method));
    if state == State::Failed {
        let alert = STRIPE.looks.of("alert").clone();
        change(world, &STRIPE, &page.id, |page| page.own["alert"] = alert);
        become_(world, &STRIPE, &payment, state, Some(STRIPE.decline));
        return Ok(false);
    }
    become_(world, &STRIPE, &payment, state, None);
    become_(world, &STRIPE, &page.id, State::Done, None);
    Ok(true)
}

/// The session's intent, made when somebody first tries to pay, and the customer that it needs.
fn first_try(world: &mut World, page: &Object) -> String {
    if let Some(payment) = &page.payment {
        return payment.clone();
    }
    let data = &page.ask["payment_intent_data"];
    let mut customer = page.customer.clone();
    let keeps = !data["setup_future_usage"].is_null();
    if customer.is_none() && (keeps || page.ask["customer_creation"] == "always") {
        let known = json!({"email": page.ask["customer_email"]});
        let made = new(world, &STRIPE, Kind::Customer, &page.account, &known);
        customer = Some(make(world, &STRIPE, made));
    }
    let mut payment = under(world, &STRIPE, Kind::Payment, page, data);
    payment.customer.clone_from(&customer);
    let id = make(world, &STRIPE, payment);
    let payment = Some(id.clone());
    change(world, &STRIPE, &page.id, |page| {
        (page.customer, page.payment) = (customer, payment);
    });
    id
}

fn tell(world: &mut World, happened: Happened, object: &Object) {
    let of = object.payment.as_ref();
    let of = of.and_then(|id| world.object("stripe", id)).cloned();
    if let (Kind::Refund, Happened::Made, Some(of)) = (object.kind, happened, of) {
        let charge = of.own["charge"].as_str().unwrap_or("");
        event(world, charge, "charge.refunded");
        if card(world, &of)["refund_fails"] == true {
            later(world, &STRIPE, DAY, "fail", &object.id);
        }
    }
    if (object.kind, object.state) == (Kind::Method, State::Cancelled) {
        change(world, &STRIPE, &object.id, |method| method.customer = None);
    }
    for name in STRIPE.looks.events(happened, object) {
        event(world, &object.id, name);
    }
    match (object.kind, object.state) {
        (Kind::Payment, State::Done) => paid(world, object),
        (Kind::Payment, State::Failed) => told_late(world, object, "failed"),
        _ => {}
    }
}

/// What follows when money arrived: the card is kept where that was asked.
fn paid(world: &mut World, payment: &Object) {
    let keeps = !payment.ask["setup_future_usage"].is_null();
    let method = payment.method.as_deref().unwrap_or("");
    let kept = world.object("stripe", method);
    let kept = kept.is_none_or(|method| method.customer.is_some());
    if let Some(customer) = payment.customer.clone().filter(|_| keeps && !kept) {
        change(world, &STRIPE, method, |of| of.customer = Some(customer));
        step_on(world, &STRIPE, method);
    }
    if card(world, payment)["disputed"] == true {
        let _ = dispute(world, &STRIPE, &payment.id, None, STRIPE.dispute);
    }
    told_late(world, payment, "succeeded");
}

/// A slow method's end is told by its session as well.
fn told_late(world: &mut World, payment: &Object, end: &str) {
    let page = payment.page.as_ref();
    let page = page.and_then(|id| world.object("stripe", id)).cloned();
    if let Some(page) = page.filter(|page| page.state == State::Done) {
        let name = format!("checkout.session.async_payment_{end}");
        event(world, &page.id, &name);
    }
}

fn event(world: &mut World, id: &str, name: &str) {
    let Some(account) = world.object("stripe", id).map(|o| o.account.clone()) else {
        return;
    };
    let places = json!({"id": world.id("evt_1", 23), "type": name,
        "created": STRIPE.looks.when(world.now), "object": STRIPE.show_id(world, id)});
    let body = STRIPE.looks.shape("event", &places).to_string();
    world.notify(&News {
        content_type: "application/json; charset=utf-8",
        body: body.into_bytes(),
        sign: |webhook, now| {
            let at = now / 1000;
            let signed = [format!("{at}.").as_bytes(), &webhook.body].concat();
            let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &signed));
            vec![("stripe-signature".into(), format!("t={at},v1={proof}"))]
        },
        ..News::of("stripe", &account, name)
    });
}
