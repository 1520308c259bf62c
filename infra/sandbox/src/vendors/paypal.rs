//! PayPal: OAuth token, Orders v2 with vaulting, captures, refunds, disputes; webhooks proven by
//! a certificate chain, and the older IPN with its postback.
//!
//! An approved order is not paid: somebody must capture it. A repeated `PayPal-Request-Id`
//! answers with the latest state of what it made, for six hours (orders) or 45 days (refunds).
//! The key and certificates beside this file were made for tests and sign nothing else.
//!
//! Beside what every vendor is made to do: `fail/{payment}` `{amount}` reverses a part;
//! `dispute/{payment}/lost` `{amount}` costs less than was disputed; `methods/{id}` takes an issue
//! (`PAYEE_ACCOUNT_RESTRICTED`) as well as a reason; `ipn` takes `{parent, status}`
//! (`Canceled_Reversal`), and `ipn/{id}` of a reversal says `Reversed`; `payout` `{amount, currency}`.

use crate::fields::amount;
use crate::kit::*;
use crate::vendor::Vendor;
use crate::webhook::{News, Webhook};
use crate::wire::{Call, Reply, hmac_sha256, stamp};
use crate::world::World;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    seed: |world| {
        world.demo_endpoint("paypal", "demo-client", "WH-DEMO");
        world.demo_endpoint("paypal-ipn", "demo-client", "");
        know_client(world, "paypal", "demo-client", "demo-secret");
    },
    demo_secrets: || {
        let gateway = json!({"client_id": "demo-client", "client_secret": "demo-secret",
            "environment": "sandbox"});
        let inbound = json!({"webhook_id": "WH-DEMO", "receiver_email": "clinic@example.test",
            "environment": "sandbox"});
        vec![("gateway/paypal", gateway), ("inbound/paypal", inbound)]
    },
    handle: |world, call| PAYPAL.handle(world, call),
    step: |world, step| PAYPAL.step(world, step),
    help: "\
ipn/{id}              the older notification of a capture or refund
ipn                   {\"invoice\", \"amount\", \"currency\", \"status\"}: of an invoice paid by an old button
",
    control: |world, verb, ask| PAYPAL.control(world, verb, ask),
    key_header: Some("PayPal-Request-Id"),
    roots: Some(SIGNER.root),
    harmless: |call| {
        call.path.starts_with("/v1/") || call.path == "/checkoutnow" || call.path.contains("webscr")
    },
    ..Vendor::named("paypal")
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// How long a seller has to answer a dispute; PayPal's own time is not in its contract.
const ANSWERED_WITHIN: i64 = 10 * DAY;
const ALGORITHM: &str = "SHA256withRSA";
const IPNS: &str = "paypal.ipn";

const SIGNER: Signer = Signer {
    address: "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-5edc0ebc",
    key: include_bytes!("paypal/test-signer.key.der"),
    own: include_str!("paypal/test-signer.pem"),
    root: include_str!("paypal/test-root.pem"),
};

const REFUND_KEYS: Keys = Keys {
    longest: Some(10_000),
    of_path: true,
    same: |_| String::new(),
    again: Some(|world, call, id| shown(world, call, 201, id)),
    ..Keys::in_header("PayPal-Request-Id", 45 * DAY)
};

static PAYPAL: Gateway = Gateway {
    id: "paypal",
    name: "PayPal",
    api: "https://api-m.sandbox.paypal.com",
    looks: Looks::new(|| looks(include_str!("paypal/looks.json"))),
    requests: include_str!("paypal/requests.txt"),
    operations: &[
        Operation::token("POST /v1/oauth2/token"),
        Operation::act("POST /v2/checkout/orders", "order", create),
        Operation::show("GET /v2/checkout/orders/{order}", Kind::Page),
        Operation::act("POST /v2/checkout/orders/{order}/capture", "capture", take),
        Operation::show("GET /v2/payments/captures/{capture}", Kind::Payment),
        Operation::act(
            "POST /v2/payments/captures/{capture}/refund",
            "refund",
            give_back,
        ),
        Operation::show("GET /v2/payments/refunds/{refund}", Kind::Refund),
        Operation::show("GET /v1/customer/disputes/{dispute}", Kind::Dispute),
        Operation::act(
            "POST /v1/notifications/verify-webhook-signature",
            "proof",
            verify,
        ),
        Operation::open("GET /v1/notifications/certs/{id}", |_, call| {
            SIGNER.fetched(call)
        }),
        Operation::open("POST /cgi-bin/webscr", postback),
    ],
    access: Access::Tokens(Tokens {
        begins: "A21AA",
        lifetime: 9 * HOUR,
    }),
    keys: Some(Keys {
        lifetime: 6 * HOUR,
        longest: Some(108),
        again: Some(|world, call, id| shown(world, call, 200, id)),
        but: Some(("/refund", &REFUND_KEYS)),
        ..REFUND_KEYS
    }),
    answer: json_answer,
    list: List::NONE,
    embed: nothing_embedded,
    more,
    // Money that came by eCheck goes back by eCheck.
    refund_takes: |_, capture| {
        let mut been = capture.since.iter().map(|(state, _)| *state);
        (!been.any(|state| state == State::Pending)).then_some(0)
    },
    decline: "declined",
    late_failure: "reversed",
    dispute: "UNAUTHORISED",
    page: Page {
        path: "/checkoutnow?token=",
        title: |order| &order.ask["purchase_units"][0]["description"],
        back: |order, left| match left {
            true => &order.own["cancel_url"],
            false => &order.own["return_url"],
        },
        end: |world, order, outcome| {
            match outcome {
                "cancelled" => {}
                "expired" => become_(world, &PAYPAL, &order.id, State::Expired, None),
                _ => {
                    let chosen = |order: &mut Object| order.own["outcome"] = outcome.into();
                    change(world, &PAYPAL, &order.id, chosen);
                    become_(world, &PAYPAL, &order.id, State::Approved, None);
                }
            }
            Ok(outcome != "expired")
        },
    },
    tell,
    control,
    step: |_, _| {},
};

/// What was made or changed; by itself PayPal tells little of it.
fn shown(world: &World, call: &Call, status: u16, id: &str) -> Done {
    let whole = PAYPAL.show_id(world, id);
    let shape = match call.path.ends_with("/capture") {
        _ if call.header("prefer") == Some("return=representation") => return Ok((status, whole)),
        true => "least.captured",
        false => "least",
    };
    Ok((status, PAYPAL.looks.shape(shape, &whole)))
}

/// An amount of a request: `150`, `150.0` and `150.00` are the same to PayPal.
fn payable(amount: &Value) -> Result<(i64, String), Refusal> {
    let (looks, currency) = (&PAYPAL.looks, &amount["currency_code"]);
    let text = amount["value"].as_str().unwrap_or("");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    match looks.digits(currency.as_str().unwrap_or("")) as usize {
        width if part.len() > width => Err(Refusal::Because("precision")),
        0 => looks.payable(&json!(whole), currency),
        width => looks.payable(&json!(format!("{whole}.{part:0<width$}")), currency),
    }
}

/// The account blocks a second payment of one invoice, as new accounts do, and a second refund.
fn refuse_duplicate(world: &World, kind: Kind, ask: &Ask, of: &Value) -> Result<(), Refusal> {
    let invoice = &of["invoice_id"];
    let same = |o: &&Object| {
        o.account == ask.account && o.ask["invoice_id"] == *invoice && o.state != State::Failed
    };
    match invoice.is_string() && world.every("paypal", kind).iter().any(same) {
        true => Err(Refusal::Because("duplicate")),
        false => Ok(()),
    }
}

fn create(world: &mut World, ask: &Ask) -> Done {
    let units = ask.body["purchase_units"].as_array();
    let Some([unit]) = units.map(Vec::as_slice) else {
        return Err(Refusal::wrong("purchase_units", "one"));
    };
    let wallet = &ask.body["payment_source"]["paypal"];
    let mut order = new(world, &PAYPAL, Kind::Page, ask.account, &ask.body);
    (order.amount, order.currency) = payable(&unit["amount"])?;
    order.step = usize::from(wallet.is_object());
    let reference = unit["custom_id"].as_str();
    order.own["note"] = json!(reference.map(|id| format!("Reference {id}")));
    for (name, who) in [("return_url", "&PayerID=QYR5Z8XDVJNXQ"), ("cancel_url", "")] {
        let older = ask.body["application_context"][name].as_str();
        if let Some(url) = wallet["experience_context"][name].as_str().or(older) {
            let join = if url.contains('?') { '&' } else { '?' };
            order.own[name] = json!(format!("{url}{join}token={}{who}", order.id));
        }
    }
    let id = order.id.clone();
    let Some(kept) = wallet["vault_id"].as_str() else {
        make(world, &PAYPAL, order);
        return shown(world, ask.call, 201, &id);
    };
    // A kept wallet pays without its owner: the order is captured as it is created.
    if ask.call.header("paypal-request-id").is_none() {
        return Err(Refusal::Because("no_key"));
    }
    match ask.own(world, Kind::Method, kept)?.declines.as_deref() {
        None => {}
        // An issue by its own name: what the clinic's account may not do, say.
        Some(issue) if issue.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') => {
            return Err(Refusal::With("issue", json!({"issue": issue})));
        }
        Some(_) => return Err(Refusal::Because("declined")),
    }
    refuse_duplicate(world, Kind::Payment, ask, unit)?;
    make(world, &PAYPAL, order.clone());
    capture(world, &order, State::Done);
    shown(world, ask.call, 201, &id)
}

fn take(world: &mut World, ask: &Ask) -> Done {
    let order = ask.named(world, Kind::Page)?.clone();
    match order.state {
        State::Approved => {}
        State::Done => return Err(Refusal::Because("captured")),
        _ => return Err(Refusal::Because("unapproved")),
    }
    let state = match order.own["outcome"].as_str() {
        Some("declined") => {
            // The payer may come back and choose another way to pay.
            enter(world, &PAYPAL, &order.id, State::Open, 1);
            return Err(Refusal::Because("declined"));
        }
        Some("pending") => State::Pending,
        _ => State::Done,
    };
    refuse_duplicate(world, Kind::Payment, ask, &order.ask["purchase_units"][0])?;
    capture(world, &order, state);
    shown(world, ask.call, 201, &order.id)
}

/// The money of an order is there, or on its way as an eCheck.
fn capture(world: &mut World, order: &Object, state: State) {
    let unit = &order.ask["purchase_units"][0];
    let mut capture = new(world, &PAYPAL, Kind::Payment, &order.account, unit);
    (capture.amount, capture.currency) = (order.amount, order.currency.clone());
    capture.page = Some(order.id.clone());
    capture.state = state;
    let wanted = &order.ask["payment_source"]["paypal"]["attributes"];
    if wanted["vault"]["store_in_vault"] == "ON_SUCCESS" {
        let mut wallet = new(world, &PAYPAL, Kind::Method, &order.account, wanted);
        let fresh = PAYPAL.looks.id(world, Kind::Customer);
        let customer = wanted["customer"]["id"].as_str().unwrap_or(&fresh);
        wallet.customer = Some(customer.to_string());
        wallet.state = State::Done;
        let kept = make(world, &PAYPAL, wallet);
        change(world, &PAYPAL, &order.id, |order| order.method = Some(kept));
    }
    make(world, &PAYPAL, capture);
    match state {
        State::Done => become_(world, &PAYPAL, &order.id, State::Done, None),
        _ => enter(world, &PAYPAL, &order.id, State::Done, 0),
    }
}

fn give_back(world: &mut World, ask: &Ask) -> Done {
    let capture = ask.named(world, Kind::Payment)?.id.clone();
    let given = match &ask.body["amount"] {
        Value::Null => None,
        amount => Some(payable(amount)?),
    };
    let amount = given.as_ref().map(|given| (given.0, &given.1[..]));
    refuse_duplicate(world, Kind::Refund, ask, &ask.body)?;
    let id = refund(world, &PAYPAL, &capture, amount, &ask.body)?;
    shown(world, ask.call, 201, &id)
}

/// PayPal takes money back: a bank's return, or a lost dispute. It looks like a refund.
fn reverse(world: &mut World, capture: &str, minor: i64) -> Result<Value, String> {
    let capture = world.object("paypal", capture).cloned();
    let capture = capture.ok_or("no such capture")?;
    let mut reversal = new(world, &PAYPAL, Kind::Refund, &capture.account, &capture.ask);
    (reversal.amount, reversal.currency) = (minor, capture.currency.clone());
    reversal.payment = Some(capture.id.clone());
    (reversal.state, reversal.step) = (State::Done, 1);
    change(world, &PAYPAL, &capture.id, |of| of.refunded += minor);
    let id = make(world, &PAYPAL, reversal);
    Ok(PAYPAL.show_id(world, &id))
}

fn more(world: &World, object: &Object) -> Value {
    let money = |minor| PAYPAL.looks.money(minor, &object.currency);
    let fee = match object.kind {
        Kind::Payment => (object.amount * 349 / 10_000 + 49).min(object.amount),
        _ => 0,
    };
    let capture = of_page(world, &PAYPAL, &object.id);
    let payment = object.payment.as_deref().unwrap_or("");
    let refunds = of_payment(world, &PAYPAL, Kind::Refund, payment).into_iter();
    let earlier = refunds.filter(|o| o.order <= object.order && o.state != State::Failed);
    json!({"fee": money(fee), "net": money(object.amount - fee),
        "payments": capture.map(|capture| json!({"captures": [PAYPAL.show(world, capture)]})),
        "total": money(earlier.map(|refund| refund.amount).sum()),
        "due": PAYPAL.looks.when(object.at + ANSWERED_WITHIN)})
}

fn tell(world: &mut World, _: Happened, object: &Object) {
    let looks = &PAYPAL.looks;
    let Some(event) = looks.event(object) else {
        return;
    };
    if let (State::Lost, Some(capture)) = (object.state, &object.payment) {
        let _ = reverse(world, capture, object.refunded);
    }
    let part = |world: &mut World| world.id_over(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 17);
    let kind = object.kind.name();
    let noun = looks.of("nouns")[kind].as_str().unwrap_or(kind);
    let places = json!({"first": part(world), "second": part(world), "api": PAYPAL.api,
        "time": stamp(world.now, "%FT%T%.3fZ"), "noun": noun, "event": event,
        "summary": event.replace(['.', '-'], " ").to_lowercase(),
        "resource": PAYPAL.show_id(world, &object.id)});
    world.notify(&News {
        body: looks.shape("event", &places).to_string().into_bytes(),
        sign,
        ..News::of("paypal", &object.account, event)
    });
}

fn proof(transmission: &str, time: &str, webhook_id: &str, body: &[u8]) -> String {
    let sum = crc32fast::hash(body);
    SIGNER.sign(format!("{transmission}|{time}|{webhook_id}|{sum}").as_bytes())
}

fn sign(webhook: &Webhook, now: i64) -> Vec<(String, String)> {
    let text = hex::encode(hmac_sha256(&webhook.id.to_be_bytes(), &webhook.body));
    let (id, time) = (format!("sandbox-{}", &text[..28]), stamp(now, "%FT%TZ"));
    let proof = proof(&id, &time, &webhook.secret, &webhook.body);
    [
        ("transmission-id", id),
        ("transmission-time", time),
        ("transmission-sig", proof),
        ("cert-url", SIGNER.address.into()),
        ("auth-algo", ALGORITHM.into()),
    ]
    .map(|(name, value)| (format!("paypal-{name}"), value))
    .into()
}

/// The question whether a signature holds. The event counts as it stands in the request, byte
/// for byte: who writes it anew breaks it.
fn verify(world: &mut World, ask: &Ask) -> Done {
    let text = |name: &str| ask.body[name].as_str().unwrap_or("");
    let (id, time) = (text("transmission_id"), text("transmission_time"));
    let webhook = text("webhook_id");
    let whole = ask.call.text();
    let raw = raw_event(&whole).ok_or(Refusal::Because("format"))?;
    let proof = proof(id, time, webhook, raw.as_bytes());
    let said = ["transmission_sig", "auth_algo", "cert_url"].map(text);
    let endpoint = ("paypal", ask.account, webhook);
    let mut endpoints = world.endpoints.iter();
    let ours = endpoints.any(|e| (&e.source[..], &e.account[..], &e.secret[..]) == endpoint);
    let holds = ours && said == [&proof[..], ALGORITHM, SIGNER.address];
    let status = if holds { "SUCCESS" } else { "FAILURE" };
    Ok((200, json!({"verification_status": status})))
}

/// The text of the member `webhook_event`.
fn raw_event(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("\"webhook_event\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    values.next()?.ok()?;
    Some(&rest[..values.byte_offset()])
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Option<Result<Value, String>> {
    Some(match verb {
        ["fail", id] => {
            let of = meant(world, &PAYPAL, id)?;
            if of.kind != Kind::Payment || of.state != State::Done || of.left() == 0 {
                return None;
            }
            let (of, minor) = (of.id.clone(), amount(ask, of.left()));
            minor.and_then(|minor| reverse(world, &of, minor))
        }
        ["ipn", id] => {
            let about = world.object("paypal", id)?.clone();
            Ok(ipn(world, about, ask))
        }
        // Of an invoice paid by an old button.
        ["ipn"] => free(world, ask).map(|payment| ipn(world, payment, ask)),
        _ => return None,
    })
}

/// A payment that no order here is about.
fn free(world: &mut World, ask: &Value) -> Result<Object, String> {
    let about = json!({"invoice_id": ask["invoice"], "custom_id": ask["custom"]});
    let account = ask["account"].as_str().unwrap_or("demo-client");
    let mut made = new(world, &PAYPAL, Kind::Payment, account, &about);
    made.id = ask["txn_id"].as_str().unwrap_or(&made.id).to_string();
    made.state = State::Done;
    made.amount = ask["amount"].as_i64().ok_or("amount is required")?;
    made.currency = ask["currency"].as_str().unwrap_or("EUR").to_string();
    made.payment = ask["parent"].as_str().map(str::to_string);
    Ok(made)
}

/// Sends the older notification.
fn ipn(world: &mut World, mut about: Object, ask: &Value) -> Value {
    let usual = PAYPAL.looks.word("ipn", &about);
    let status = ask["status"].as_str().unwrap_or(usual);
    let back = about.kind == Kind::Refund || matches!(status, "Refunded" | "Reversed");
    about.own["ipn"] = json!({"status": status, "sign": if back { "-" } else { "" },
        "receiver": ask["receiver_email"], "date": stamp(world.now, "%H:%M:%S %b %d, %Y UTC"),
        "track": world.id("", 13).to_lowercase(), "signed": world.id("A", 40)});
    let fields = PAYPAL.shaped(world, &about, "ipn");
    let fields = fields.as_object().into_iter().flatten();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields.filter_map(|(name, value)| Some((name, value.as_str()?))));
    // A name in the charset that the message declares, which is not UTF-8.
    let tail = "charset=windows-1252&first_name=Zo%EB&last_name=Payer";
    let body = format!("{}&{tail}", form.finish());
    world.put(IPNS, &about.account, &body, json!({}));
    world.notify(&News {
        source: "paypal-ipn",
        content_type: "application/x-www-form-urlencoded",
        body: body.clone().into_bytes(),
        ..News::of("paypal", &about.account, "ipn")
    });
    json!({ "body": body })
}

/// An IPN that was sent, given back byte for byte, is VERIFIED.
fn postback(world: &mut World, call: &Call) -> Reply {
    let text = call.text();
    let sent = text.strip_prefix("cmd=_notify-validate&");
    let known = sent.is_some_and(|sent| world.item(IPNS, sent).is_some());
    let word = if known { "VERIFIED" } else { "INVALID" };
    Reply::of(200, "text/html; charset=UTF-8", word)
}
