//! Adyen: payment links, charges of stored cards, refunds that are only received, and webhooks in
//! batches whose items are signed one by one. What became of a payment is told by webhooks alone. A
//! link takes one payment; a card that is declined may be tried again on it.

use crate::kit::*;
use crate::vendor::Vendor;
use crate::webhook::News;
use crate::wire::hmac_sha256;
use crate::world::World;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

const KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";

pub static VENDOR: Vendor = Vendor {
    seed: |world| world.demo_endpoint("adyen", "AQE-demo-key", KEY),
    demo_secrets: || {
        let account = json!({"api_key": "AQE-demo-key", "merchant_account": "WattleStreet",
            "environment": "sandbox"});
        vec![
            ("gateway/adyen", account),
            ("inbound/adyen", json!({"hmac_key": KEY})),
        ]
    },
    handle: |world, call| ADYEN.handle(world, call),
    step: |world, step| ADYEN.step(world, step),
    control: |world, verb, ask| ADYEN.control(world, verb, ask),
    key_header: Some("Idempotency-Key"),
    harmless: |call| call.path.starts_with("/link/"),
    ..Vendor::named("adyen")
};

const HOUR: i64 = 3_600_000;
const OPEN_FOR: i64 = 24 * HOUR;

static ADYEN: Gateway = Gateway {
    id: "adyen",
    name: "Adyen",
    api: "https://checkout-test.adyen.com/v72",
    looks: Looks::new(|| looks(include_str!("adyen/looks.json"))),
    requests: include_str!("adyen/requests.txt"),
    operations: &[
        Operation::act("POST /v72/paymentLinks", "link", link),
        Operation::show("GET /v72/paymentLinks/{link}", Kind::Page),
        Operation::act("PATCH /v72/paymentLinks/{link}", "update", |world, ask| {
            let link = ask.named(world, Kind::Page)?.clone();
            match link.state {
                State::Open => become_(world, &ADYEN, &link.id, State::Cancelled, None),
                _ => return Err(ask.state(&link)),
            }
            ask.shown(world, 200, &link.id)
        }),
        Operation::act("POST /v72/payments", "payment", pay),
        Operation::act("POST /v72/payments/{payment}/refunds", "refund", give_back),
        Operation::act("GET /v72/storedPaymentMethods", "stored", stored),
    ],
    access: Access::Own(|_, call| {
        let key = call
            .header("x-api-key")
            .filter(|key| key.starts_with("AQE"));
        key.map(str::to_string).ok_or(Refusal::Because("nobody"))
    }),
    keys: Some(Keys::in_header("Idempotency-Key", 7 * 24 * HOUR)),
    answer: json_answer,
    list: List::NONE,
    embed: nothing_embedded,
    more,
    refund_takes: |_, _| Some(2 * HOUR),
    decline: "12",
    late_failure: "4853",
    dispute: "4853",
    page: Page {
        path: "/link/",
        title: |link| &link.ask["description"],
        back: |link, _| &link.ask["returnUrl"],
        end: end_page_of_link,
    },
    tell,
    control: |_, _, _| None,
    step: |_, _| {},
};

/// Whether the key may speak for the merchant that it names.
fn merchant(ask: &Ask) -> Result<(), Refusal> {
    match ask.body["merchantAccount"].as_str() {
        Some(name) if name.starts_with("WattleStreet") => Ok(()),
        _ => Err(Refusal::Because("merchant")),
    }
}

fn sum(ask: &Ask) -> Result<(i64, String), Refusal> {
    let (value, currency) = (
        &ask.body["amount"]["value"],
        &ask.body["amount"]["currency"],
    );
    let value = value.as_i64().filter(|value| *value > 0);
    let value = value.ok_or(Refusal::Because("odd"))?;
    ADYEN
        .looks
        .payable_minor(value, currency.as_str().unwrap_or(""))
}

fn link(world: &mut World, ask: &Ask) -> Done {
    merchant(ask)?;
    let (amount, currency) = sum(ask)?;
    let mut link = new(world, &ADYEN, Kind::Page, ask.account, &ask.body);
    (link.amount, link.currency) = (amount, currency);
    later(world, &ADYEN, OPEN_FOR, "expire", &link.id);
    let id = place(world, &ADYEN, link);
    ask.shown(world, 201, &id)
}

/// A payment for what a request asks for.
fn paying(world: &mut World, account: &str, of: &Value, amount: i64, currency: &str) -> Object {
    let mut payment = new(world, &ADYEN, Kind::Payment, account, of);
    (payment.amount, payment.currency) = (amount, currency.to_string());
    payment
}

fn pay(world: &mut World, ask: &Ask) -> Done {
    merchant(ask)?;
    let (amount, currency) = sum(ask)?;
    let (payer, token) = (
        ask.body["shopperReference"].as_str(),
        ask.body["paymentMethod"]["storedPaymentMethodId"].as_str(),
    );
    let method = chargeable(world, &ADYEN, ask.account, payer, token);
    let method = method.ok_or(Refusal::Because("method"))?;
    let mut payment = paying(world, ask.account, &ask.body, amount, &currency);
    payment.cause.clone_from(&method.declines);
    payment.state = match method.declines {
        Some(_) => State::Failed,
        None => State::Done,
    };
    payment.method = Some(method.id);
    let id = make(world, &ADYEN, payment);
    ask.shown(world, 200, &id)
}

fn give_back(world: &mut World, ask: &Ask) -> Done {
    merchant(ask)?;
    let payment = ask.named(world, Kind::Payment)?.id.clone();
    let (amount, currency) = sum(ask)?;
    let id = refund(
        world,
        &ADYEN,
        &payment,
        Some((amount, &currency)),
        &ask.body,
    )?;
    ask.shown(world, 201, &id)
}

fn stored(world: &mut World, ask: &Ask) -> Done {
    merchant(ask)?;
    let payer = &ask.body["shopperReference"];
    let every = world.shown("adyen", Kind::Method, ask.account).into_iter();
    let own = every.filter(|o| o.customer.as_deref() == payer.as_str() && o.state == State::Done);
    let shown: Vec<_> = own.map(|method| ADYEN.show(world, method)).collect();
    let list = json!({"merchantAccount": ask.body["merchantAccount"],
        "shopperReference": payer, "storedPaymentMethods": shown});
    Ok((200, list))
}

/// A link stays where its card is declined, and is completed by the payment that it takes.
fn end_page_of_link(world: &mut World, link: &Object, outcome: &str) -> Result<bool, String> {
    let (of_link, of_payment, cause) = match outcome {
        "paid" => (State::Done, State::Done, None),
        "pending" => (State::Pending, State::Pending, None),
        "declined" => (State::Open, State::Failed, Some(ADYEN.decline)),
        "expired" => {
            become_(world, &ADYEN, &link.id, State::Expired, None);
            return Ok(false);
        }
        _ => return Ok(true),
    };
    let (account, currency) = (link.account.clone(), link.currency.clone());
    let mut payment = paying(world, &account, &link.ask, link.amount, &currency);
    payment.page = Some(link.id.clone());
    payment.state = of_payment;
    payment.cause = cause.map(str::to_string);
    if of_payment == State::Done && link.ask["storePaymentMethodMode"] == "enabled" {
        payment.method = keep(world, link);
    }
    if of_link != State::Open {
        become_(world, &ADYEN, &link.id, of_link, None);
    }
    let declined = json!({"alert": "The card was declined."});
    change(world, &ADYEN, &link.id, |link| link.own = declined);
    make(world, &ADYEN, payment);
    Ok(of_payment != State::Failed)
}

fn keep(world: &mut World, link: &Object) -> Option<String> {
    let payer = link.ask["shopperReference"].as_str()?.to_string();
    let mut method = new(world, &ADYEN, Kind::Method, &link.account, &Value::Null);
    method.customer = Some(payer);
    method.state = State::Done;
    Some(place(world, &ADYEN, method))
}

fn more(_: &World, object: &Object) -> Value {
    let code = object.cause.as_deref().map(|cause| match cause {
        "12" | "insufficient_funds" => ("12", "Not enough balance"),
        "6" | "expired_card" => ("6", "Expired Card"),
        _ => ("2", "Refused"),
    });
    json!({
        "expires": ADYEN.looks.when(object.at + OPEN_FOR),
        "refusal": code.map(|(code, reason)| json!({"code": code, "reason": reason})),
    })
}

// ---- what it tells -----------------------------------------------------------------------------

fn tell(world: &mut World, _: Happened, object: &Object) {
    let Some(event) = ADYEN.looks.event(object) else {
        return;
    };
    let payment = object
        .payment
        .as_deref()
        .and_then(|id| world.object("adyen", id));
    let ask = [
        &object.ask,
        payment.map_or(&Value::Null, |payment| &payment.ask),
    ];
    let named = |name: &str| {
        let mut texts = ask.iter().map(|ask| ask[name].clone());
        texts.find(|text| !text.is_null()).unwrap_or_default()
    };
    let failed = object.kind == Kind::Payment && object.state == State::Failed;
    let refusal = more(world, object)["refusal"]["reason"].clone();
    let places = json!({
        "additional": additional(world, object),
        "amount": ADYEN.looks.money(object.amount, &object.currency),
        "event": event, "when": ADYEN.looks.when(world.now),
        "merchant": named("merchantAccount"), "reference": named("reference"),
        "original": object.payment, "psp": object.id,
        "reason": if failed { refusal } else { json!("") },
        "success": if failed { "false" } else { "true" },
    });
    let item = ADYEN.looks.shape("item", &places);
    let endpoints = world.endpoints.clone().into_iter();
    for endpoint in endpoints.filter(|e| e.source == "adyen" && e.account == object.account) {
        let item = signed(item.clone(), &endpoint.secret);
        let batch =
            json!({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]});
        let news = News {
            body: batch.to_string().into_bytes(),
            ..News::of("adyen", &object.account, event)
        };
        world.queue(&news, endpoint.url, endpoint.secret);
    }
}

/// What the signature does not cover: the token of a card that is kept, the card's digits, by when a
/// dispute is answered.
fn additional(world: &World, object: &Object) -> Value {
    let kept = object
        .method
        .as_deref()
        .and_then(|id| world.object("adyen", id));
    match object.kind {
        Kind::Payment => match kept {
            Some(method) => json!({"cardSummary": "1142",
                "tokenization.storedPaymentMethodId": method.id,
                "tokenization.shopperReference": method.customer}),
            None => json!({"cardSummary": "1142"}),
        },
        Kind::Dispute => json!({"chargebackReasonCode": object.cause,
            "defensePeriodEndsAt": ADYEN.looks.when(object.at + 14 * 24 * HOUR)}),
        _ => json!({}),
    }
}

/// The item with the code over eight of its values.
fn signed(mut item: Value, key: &str) -> Value {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let covered = [
        &item["pspReference"],
        &item["originalReference"],
        &item["merchantAccountCode"],
        &item["merchantReference"],
        &item["amount"]["value"],
        &item["amount"]["currency"],
        &item["eventCode"],
        &item["success"],
    ];
    let message = covered.map(text).join(":");
    let key = hex::decode(key).unwrap_or_default();
    let code = BASE64_STANDARD.encode(hmac_sha256(&key, message.as_bytes()));
    item["additionalData"]["hmacSignature"] = json!(code);
    item
}
