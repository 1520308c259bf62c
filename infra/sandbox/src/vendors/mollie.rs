//! Mollie: hosted and recurring payments, mandates, refunds and chargebacks in HAL+JSON.
//! Classic webhooks carry nothing but an id and go to the payment's own `webhookUrl`; endpoints
//! registered through the control also get signed next-generation events.
//!
//! A refunded or charged-back payment still reads `paid`. Keys are forgotten after an hour.
//!
//! Beside what every vendor's control has: `fail/{payment}` takes a `cause`, a bank's or a card's;
//! `knobs` `{embedded: false}`: signed events that name their entity and do not carry it; `ping`:
//! what the dashboard sends to test an endpoint.

use crate::kit::*;
use crate::vendor::Vendor;
use crate::webhook::News;
use crate::wire::hmac_sha256;
use crate::world::World;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    demo_secrets: || {
        let inbound = json!({"webhook_secret": "mollie-demo-secret"});
        vec![
            ("gateway/mollie", json!({"api_key": "test_demo"})),
            ("inbound/mollie", inbound),
        ]
    },
    handle: |world, call| MOLLIE.handle(world, call),
    step: |world, step| MOLLIE.step(world, step),
    control: |world, verb, ask| MOLLIE.control(world, verb, ask),
    key_header: Some("Idempotency-Key"),
    harmless: |call| call.path.starts_with("/checkout/"),
    ..Vendor::named("mollie")
};

const HOUR: i64 = 3_600_000;
const OPEN_FOR: i64 = HOUR / 4;
const CANCEL: End = (Kind::Payment, &[State::Open], State::Cancelled);
const DEBIT_TAKES: i64 = 3 * 24 * HOUR;

static MOLLIE: Gateway = Gateway {
    id: "mollie",
    name: "Mollie",
    api: "https://api.mollie.com/v2",
    looks: Looks::new(|| looks(include_str!("mollie/looks.json"))),
    requests: include_str!("mollie/requests.txt"),
    operations: &[
        Operation::make("POST /v2/customers", "customer", Kind::Customer),
        Operation::act("POST /v2/payments", "payment", pay),
        Operation::act("POST /v2/customers/{customer}/payments", "payment", pay),
        Operation::act("POST /v2/payments/{payment}/refunds", "refund", give_back),
        Operation::end("DELETE /v2/payments/{payment}", "", CANCEL),
        Operation::act("DELETE /v2/customers/{customer}/mandates/{id}", "", revoke),
        Operation::show("GET /v2/customers/{customer}", Kind::Customer),
        Operation::show("GET /v2/customers/{customer}/mandates/{id}", Kind::Method),
        Operation::show("GET /v2/payments/{payment}", Kind::Payment).taking("embed"),
        Operation::show("GET /v2/payments/{payment}/refunds/{id}", Kind::Refund),
        Operation::list("GET /v2/payments", "list", Kind::Payment),
        Operation::list("GET /v2/refunds", "list", Kind::Refund),
        Operation::list("GET /v2/chargebacks", "list", Kind::Dispute),
        Operation::list(
            "GET /v2/customers/{customer}/payments",
            "list",
            Kind::Payment,
        ),
        Operation::list(
            "GET /v2/customers/{customer}/mandates",
            "list",
            Kind::Method,
        ),
        Operation::list("GET /v2/payments/{payment}/refunds", "list", Kind::Refund),
        Operation::list(
            "GET /v2/payments/{payment}/chargebacks",
            "list",
            Kind::Dispute,
        ),
    ],
    access: Access::Bearer("test_"),
    keys: Some(Keys::in_header("Idempotency-Key", HOUR)),
    answer: json_answer,
    list: List {
        limit: "limit",
        from: "from",
        behind: false,
        usual: 50,
        most: 250,
        filters: &[],
        shown: listed,
    },
    embed,
    more,
    refund_takes: |_, _| Some(2 * HOUR),
    decline: "insufficient_funds",
    late_failure: "AM04",
    dispute: "AC06",
    page: Page {
        path: "/checkout/",
        title: |payment| &payment.ask["description"],
        back: |payment, left| match payment.ask["cancelUrl"].is_null() || !left {
            true => &payment.ask["redirectUrl"],
            false => &payment.ask["cancelUrl"],
        },
        end: |world, payment, outcome| {
            let usual = match outcome {
                "pending" => "banktransfer",
                _ => "creditcard",
            };
            let method = payment.own["method"].as_str().unwrap_or(usual);
            let own = json!({ "method": method });
            change(world, &MOLLIE, &payment.id, |payment| payment.own = own);
            end_page(world, &MOLLIE, payment, outcome)
        },
    },
    tell,
    control,
    step: |_, _| {},
};

fn pay(world: &mut World, ask: &Ask) -> Done {
    let mut body = ask.body.clone();
    if let Some(customer) = ask.ids.first() {
        body["customerId"] = json!(customer);
    }
    let money = &body["amount"];
    let (amount, currency) = MOLLIE.looks.payable(&money["value"], &money["currency"])?;
    let recurring = body["sequenceType"] == "recurring";
    let customer = body["customerId"].as_str();
    match customer {
        Some(id) if ask.own(world, Kind::Customer, id).is_err() => {
            return Err(Refusal::Because("customer"));
        }
        None if !matches!(body["sequenceType"].as_str(), None | Some("oneoff")) => {
            return Err(Refusal::Because("no_customer"));
        }
        _ if !recurring && body["redirectUrl"].is_null() => {
            return Err(Refusal::Because("redirect"));
        }
        _ => {}
    }
    let mut payment = new(world, &MOLLIE, Kind::Payment, ask.account, &body);
    (payment.amount, payment.currency) = (amount, currency);
    payment.customer = customer.map(str::to_string);
    payment.own = json!({"method": body["method"]});
    if recurring {
        let named = body["mandateId"].as_str();
        let mandate = chargeable(world, &MOLLIE, ask.account, customer, named);
        let mandate = mandate.ok_or(Refusal::Because("mandate"))?;
        let debit = mandate.own["method"] == "directdebit";
        payment.own = mandate.own;
        payment.method = Some(mandate.id);
        payment.state = State::Pending;
        let takes = if debit { DEBIT_TAKES } else { 0 };
        later(world, &MOLLIE, takes, "settle", &payment.id);
    } else {
        later(world, &MOLLIE, OPEN_FOR, "expire", &payment.id);
    }
    let id = payment.id.clone();
    world.shelve(payment);
    ask.shown(world, 201, &id)
}

fn give_back(world: &mut World, ask: &Ask) -> Done {
    let payment = ask.named(world, Kind::Payment)?.id.clone();
    let money = &ask.body["amount"];
    let (minor, currency) = MOLLIE.looks.payable(&money["value"], &money["currency"])?;
    let amount = Some((minor, currency.as_str()));
    let id = refund(world, &MOLLIE, &payment, amount, &ask.body)?;
    ask.shown(world, 201, &id)
}

fn revoke(world: &mut World, ask: &Ask) -> Done {
    let id = ask.named(world, Kind::Method)?.id.clone();
    become_(world, &MOLLIE, &id, State::Cancelled, None);
    Ok((204, Value::Null))
}

/// A first payment leaves a mandate: for the card itself, or a debit for bank methods.
fn keep_method(world: &mut World, payment: &Object) {
    let method = match payment.own["method"] == "creditcard" {
        true => "creditcard",
        false => "directdebit",
    };
    let mut mandate = new(world, &MOLLIE, Kind::Method, &payment.account, &Value::Null);
    mandate.state = State::Done;
    mandate.customer.clone_from(&payment.customer);
    mandate.own = json!({ "method": method });
    let id = mandate.id.clone();
    world.shelve(mandate);
    change(world, &MOLLIE, &payment.id, |payment| {
        payment.method = Some(id)
    });
}

fn more(world: &World, object: &Object) -> Value {
    let done = object.state == State::Done;
    let details = match object.own["method"].as_str() {
        Some("creditcard") if done => Some("card"),
        Some("directdebit" | "ideal" | "banktransfer") if done => Some("bank"),
        _ => None,
    };
    let looks = &MOLLIE.looks;
    let page = format!("{}/mollie/checkout/{}", world.own, object.id);
    let open = object.state == State::Open;
    let disputed = !of_payment(world, &MOLLIE, Kind::Dispute, &object.id).is_empty();
    json!({
        "details": details.map(|shape| looks.shape(shape, &Value::Null)),
        "open": open,
        "charged_back": disputed.then(|| looks.money(object.disputed, &object.currency)),
        "expires": object.method.is_none().then(|| looks.when(object.at + OPEN_FOR)),
        "checkout": open.then(|| json!({"href": page, "type": "text/html"})),
        "reason": object.cause.as_ref().map(|code| looks.shape("reason", &json!({"code": code}))),
    })
}

/// Of a payment its refunds and chargebacks; of all refunds or chargebacks the payment of each.
fn embed(world: &World, ask: &Ask, shown: &mut Value) -> Result<(), Refusal> {
    let list = ask.call.path.rsplit('/').next().unwrap_or("");
    let names = ask.body["embed"].as_str().unwrap_or("");
    for name in names.split(',').filter(|name| !name.is_empty()) {
        let kind = match (name, &ask.ids[..], list) {
            ("payment", [], "refunds" | "chargebacks") => {
                for one in shown["_embedded"][list]
                    .as_array_mut()
                    .into_iter()
                    .flatten()
                {
                    let payment = one["paymentId"].as_str().unwrap_or("").to_string();
                    one["_embedded"]["payment"] = MOLLIE.show_id(world, &payment);
                }
                continue;
            }
            ("refunds", [id], _) if id == list => Kind::Refund,
            ("chargebacks", [id], _) if id == list => Kind::Dispute,
            ("captures", [id], _) if id == list => continue,
            _ => return Err(Refusal::Because("embed")),
        };
        let found = of_payment(world, &MOLLIE, kind, list).into_iter();
        shown["_embedded"][name] = found.map(|one| MOLLIE.show(world, one)).collect();
    }
    Ok(())
}

fn listed(_: &World, ask: &Ask, shown: Vec<Value>, next: Option<String>) -> Done {
    let name = ask.call.path.rsplit('/').next().unwrap_or("");
    let path = format!("https://api.mollie.com{}", ask.call.path);
    let limit = ask.body["limit"].as_u64().unwrap_or(50);
    let next = next.map(|id| format!("{path}?from={id}&limit={limit}"));
    let next = next.map(|href| json!({"href": href, "type": "application/hal+json"}));
    let places = json!({"count": shown.len(), "embedded": {name: shown},
        "self": format!("{path}?limit={limit}"), "next": next});
    Ok((200, MOLLIE.looks.shape("list", &places)))
}

fn tell(world: &mut World, _: Happened, object: &Object) {
    let Some(event) = MOLLIE.looks.event(object) else {
        return;
    };
    let first = object.kind == Kind::Payment && object.ask["sequenceType"] == "first";
    if first && object.state == State::Done {
        keep_method(world, object);
    }
    let payment = object.payment.as_deref().unwrap_or(&object.id);
    let url = world
        .object("mollie", payment)
        .map(|p| p.ask["webhookUrl"].clone());
    if let Some(url) = url.as_ref().and_then(Value::as_str) {
        let news = News {
            content_type: "application/x-www-form-urlencoded",
            body: format!("id={payment}").into_bytes(),
            ..News::of("mollie", &object.account, event)
        };
        world.queue(&news, url.to_string(), String::new());
    }
    let whole = MOLLIE.knob(world, "embedded") != false;
    let entity = whole.then(|| json!({"entity": MOLLIE.show_id(world, &object.id)}));
    signed(world, &object.account, event, &object.id, entity);
}

fn signed(world: &mut World, account: &str, kind: &str, entity: &str, embedded: Option<Value>) {
    let places = json!({"id": world.id("event_", 16), "type": kind, "entity": entity,
        "created": MOLLIE.looks.when(world.now), "embedded": embedded, "api": MOLLIE.api});
    world.notify(&News {
        body: MOLLIE
            .looks
            .shape("event", &places)
            .to_string()
            .into_bytes(),
        sign: |webhook, _| {
            let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &webhook.body));
            vec![("x-mollie-signature".into(), format!("sha256={proof}"))]
        },
        ..News::of("mollie", account, kind)
    });
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Option<Result<Value, String>> {
    match verb {
        // A chargeback that nobody contests is lost already.
        ["dispute", id, "lost"] => Some(Ok(MOLLIE.show_id(world, id))),
        ["ping"] => {
            let account = ask["account"].as_str().unwrap_or("test_demo");
            let endpoint = world.id("hook_", 10);
            signed(world, account, "hook.ping", &endpoint, None);
            Some(Ok(json!({})))
        }
        _ => None,
    }
}
