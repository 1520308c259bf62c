//! Twilio: text messages, their list, signed status callbacks and answers from phones.
//! Numbers with a fixed fate are Twilio's own test numbers. Creating knows no idempotency.

use crate::kit::{Looks, Refusal, asked, is_known, know_client, looks, refuse, request, secret};
use crate::vendor::Vendor;
use crate::webhook::{News, Webhook};
use crate::wire::{Call, Reply, decode_pairs, stamp};
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    seed: |world| {
        world.demo_endpoint("twilio", DEMO, "demo-token");
        know_client(world, "twilio", DEMO, "demo-token");
    },
    demo_secrets: || {
        let secret =
            json!({"account_sid": DEMO, "auth_token": "demo-token", "from": "+15005550006"});
        vec![("system/twilio", secret)]
    },
    handle: |world, call| answer(world, call).unwrap_or_else(|why| LOOKS.refused(&why)),
    help: HELP,
    control,
    ..Vendor::named("twilio")
};

const HELP: &str = r#"fail/{message}        it was taken and does not arrive after all
inbound               {"from", "body"}: a text message that a phone sends
"#;

static LOOKS: Looks = Looks::new(|| looks(include_str!("twilio/looks.json")));
const REQUESTS: &str = include_str!("twilio/requests.txt");
const DEMO: &str = "AC00000000000000000000000000000000";
const MESSAGE: &str = "twilio.message";
const WHEN: &str = "%a, %d %b %Y %H:%M:%S +0000";

fn answer(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let nowhere = || Refusal::With("nowhere", json!({"path": call.path}));
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["2010-04-01", "Accounts", account, rest @ ..] = &parts[..] else {
        return Err(nowhere());
    };
    let hex = |rest: &str| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_sid = account.strip_prefix("AC").is_some_and(hex);
    let given = call.basic().filter(|(sid, _)| is_sid && sid == account);
    // The first token that an account is used with is its own.
    let known = given.is_some_and(|given| is_known(world, "twilio", &given));
    refuse(!known, "nobody")?;
    match (&*call.method, rest) {
        ("POST", ["Messages.json"]) => send(world, call, account),
        ("GET", ["Messages.json"]) => list(world, call, account),
        ("GET", ["Messages", file]) => {
            let found = world.get(MESSAGE, account, file.trim_end_matches(".json"));
            Ok(Reply::json(200, found.ok_or_else(nowhere)?))
        }
        _ => Err(nowhere()),
    }
}

fn send(world: &mut World, call: &Call, account: &str) -> Result<Reply, Refusal> {
    let form = call.content_type() == "application/x-www-form-urlencoded";
    refuse(!form, "format")?;
    let ask = asked(call, request(REQUESTS, "message"))?;
    let text = |name: &str| ask[name].as_str().filter(|text| !text.is_empty());
    let (to, body) = (text("To").unwrap_or_default(), text("Body"));
    let from = text("From").or(text("MessagingServiceSid"));
    let from = from.ok_or("no_from")?;
    let other = text("MediaUrl").or(text("ContentSid"));
    refuse(body.is_none() && other.is_none(), "no_body")?;
    let length = body.unwrap_or_default().chars().count();
    refuse(length > 1600, "long")?;
    let fate = LOOKS.of("fates")[to].as_str();
    if let Some(reason) = fate.or((!is_e164(to)).then_some("to")) {
        return Err(Refusal::With(reason, json!({"to": to})));
    }
    let sid = message_sid(world);
    let now = stamp(world.now, WHEN);
    let (service, own) = (&ask["MessagingServiceSid"], Some(from));
    let segments = if length <= 160 {
        1
    } else {
        length.div_ceil(153)
    };
    let mut message = LOOKS.shape(
        "message",
        &json!({"account": account, "sid": sid, "ask": ask,
        "now": now, "segments": segments, "service": service,
        "from": own.filter(|_| service.is_null()),
        "status": if service.is_null() { "queued" } else { "accepted" }}),
    );
    let reply = Reply::json(201, &message);
    // Afterwards the carrier takes it; who looks later sees it delivered.
    message["date_sent"] = json!(now);
    message["status"] = json!("delivered");
    let notes = json!({"callback": ask["StatusCallback"], "from": from});
    world.put_noted(MESSAGE, account, &sid, message, notes);
    let at = stamp(world.now, "%FT%T%.3fZ");
    let sent = json!({"system": "twilio", "to": to, "subject": null, "text": ask["Body"],
        "html": null, "at": at});
    world.outbox.push(sent);
    for status in ["sent", "delivered"] {
        callback(world, &sid, status);
    }
    Ok(reply)
}

fn is_e164(to: &str) -> bool {
    let digits = to.strip_prefix('+').unwrap_or_default();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain && (8..=15).contains(&digits.len()) && !digits.starts_with('0')
}

fn message_sid(world: &mut World) -> String {
    format!("SM{}", world.uuid().replace('-', ""))
}

/// Tells the address that a message was sent with how it stands.
fn callback(world: &mut World, sid: &str, status: &str) {
    let Some(item) = world.item(MESSAGE, sid).cloned() else {
        return;
    };
    let Some(url) = item.notes["callback"].as_str() else {
        return;
    };
    let form = LOOKS.shape(
        "callback",
        &json!({"sid": sid, "status": status,
        "account": item.account, "from": item.notes["from"], "to": item.body["to"]}),
    );
    let token = secret(world, "twilio", &item.account);
    world.queue(&news(&item.account, status, &form), url.to_string(), token);
}

fn news<'a>(account: &'a str, event: &'a str, form: &Value) -> News<'a> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form.as_object().into_iter().flatten() {
        body.append_pair(name, value.as_str().unwrap_or_default());
    }
    News {
        content_type: "application/x-www-form-urlencoded",
        body: body.finish().into_bytes(),
        sign,
        ..News::of("twilio", account, event)
    }
}

fn sign(webhook: &Webhook, _: i64) -> Vec<(String, String)> {
    use hmac::{Hmac, KeyInit, Mac};
    let mut pairs = decode_pairs(&webhook.body);
    pairs.sort();
    let params: String = pairs
        .into_iter()
        .map(|(name, value)| name + &value)
        .collect();
    let mac = Hmac::<sha1::Sha1>::new_from_slice(webhook.secret.as_bytes());
    let mac = mac.expect("HMAC takes keys of any length");
    let proof = mac
        .chain_update(&webhook.url)
        .chain_update(params)
        .finalize();
    let proof = BASE64.encode(proof.into_bytes());
    vec![("x-twilio-signature".into(), proof)]
}

fn list(world: &World, call: &Call, account: &str) -> Result<Reply, Refusal> {
    let ask = asked(call, request(REQUESTS, "list"))?;
    let when = |message: &Value| {
        let text = message["date_sent"].as_str().unwrap_or_default();
        let parsed = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S %z", text);
        let at = parsed.and_then(|time| time.to_timestamp());
        at.map(|at| at.to_string()).unwrap_or_default()
    };
    let is = |name: &str, holds: &dyn Fn(&str) -> bool| ask[name].as_str().is_none_or(holds);
    let fits = |message: &&Value| {
        let sent = when(message);
        is("To", &|to| message["to"] == to)
            && is("From", &|from| message["from"] == from)
            // A day or an instant; ISO texts compare as their times do.
            && is("DateSent", &|at| sent.starts_with(at.trim_end_matches('Z')))
            && is("DateSent>", &|at| *sent >= *at)
            && is("DateSent<", &|at| sent.get(..at.len()).unwrap_or_default() <= at)
    };
    let number = |name: &str, usual| ask[name].as_u64().unwrap_or(usual) as usize;
    let (size, page) = (number("PageSize", 50).clamp(1, 1000), number("Page", 0));
    let mut all = world.list("twilio", MESSAGE, account);
    all.retain(fits);
    let start = (size * page).min(all.len());
    let end = (start + size).min(all.len());
    let uri = |page: usize| call.leading_to("Page", page);
    let next = (end < all.len()).then(|| uri(page + 1));
    let previous = page.checked_sub(1).map(uri);
    let body = json!({"messages": all[start..end], "page": page, "page_size": size, "start": start,
        "end": end.saturating_sub(1), "uri": uri(page), "first_page_uri": uri(0),
        "next_page_uri": next, "previous_page_uri": previous});
    Ok(Reply::json(200, &body))
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        // A patient answers by text.
        ["inbound"] => {
            let account = ask["account"].as_str().unwrap_or(DEMO);
            if let Some(name) = ["from", "body"]
                .iter()
                .find(|name| !ask[**name].is_string())
            {
                return Err(format!("{name} is required"));
            }
            let sid = message_sid(world);
            let places = json!({"sid": sid, "account": account, "ask": ask});
            let form = LOOKS.shape("inbound", &places);
            world.notify(&news(account, "received", &form));
            Ok(json!({"sid": sid}))
        }
        // The carrier gives up on a message.
        ["fail", sid] => {
            world.item(MESSAGE, sid).ok_or("no such message")?;
            let lost = json!({"status": "undelivered", "error_code": 30003,
                "error_message": "Unreachable destination handset"});
            world.set(MESSAGE, sid, lost);
            callback(world, sid, "undelivered");
            Ok(world.body(MESSAGE, sid))
        }
        _ => Err("Twilio knows inbound and fail/{sid}".into()),
    }
}
