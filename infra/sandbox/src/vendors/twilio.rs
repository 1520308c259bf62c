//! Twilio: text messages, their list, signed status callbacks and answers from phones.
//! Numbers with a fixed fate are Twilio's own test numbers. Creating knows no idempotency.

use crate::fields::{self, Fault};
use crate::vendor::Vendor;
use crate::webhook::{News, Webhook};
use crate::wire::{Call, Reply, decode_pairs, nest, stamp};
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "twilio",
    seed: |world| {
        world.demo_endpoint("twilio", DEMO, "demo-token");
        world.put(
            "twilio.account",
            DEMO,
            DEMO,
            json!({"auth_token": "demo-token"}),
        );
    },
    demo_secrets: || {
        let secret =
            json!({"account_sid": DEMO, "auth_token": "demo-token", "from": "+15005550006"});
        vec![("system/twilio", secret)]
    },
    handle,
    step: |_, _| {},
    help: HELP,
    control,
    key_header: None,
    roots: None,
    harmless: |_| false,
};

const HELP: &str = r#"fail/{message}        it was taken and does not arrive after all
inbound               {"from", "body"}: a text message that a phone sends
"#;

const DEMO: &str = "AC00000000000000000000000000000000";
const WHEN: &str = "%a, %d %b %Y %H:%M:%S +0000";
const MESSAGE: &str = "To! text From text MessagingServiceSid text Body text StatusCallback text \
    ContentSid text ContentVariables text MediaUrl text ValidityPeriod int ForceDelivery bool \
    SmartEncoded bool ProvideFeedback bool Attempt int MaxPrice text ShortenUrls bool \
    ContentRetention retain|discard AddressRetention retain|obfuscate \
    RiskCheck enable|disable ScheduleType fixed| SendAt text";

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["2010-04-01", "Accounts", account, rest @ ..] = &parts[..] else {
        return not_found(call);
    };
    let good_sid = account.len() == 34
        && account.starts_with("AC")
        && account[2..].bytes().all(|byte| byte.is_ascii_hexdigit());
    let proven = call.basic().is_some_and(|(sid, token)| {
        sid == *account && !token.is_empty() && good_sid && {
            // The first token that an account is used with is its own.
            if world.item("twilio.account", account).is_none() {
                world.put(
                    "twilio.account",
                    account,
                    account,
                    json!({"auth_token": token}),
                );
            }
            world.body("twilio.account", account)["auth_token"] == token
        }
    });
    if !proven {
        return failure(401, 20003, "Authenticate");
    }
    match (call.method.as_str(), rest) {
        ("POST", ["Messages.json"]) => send(world, call, account),
        ("GET", ["Messages.json"]) => list(world, call, account),
        ("GET", ["Messages", file]) => {
            let found = world.get("twilio.message", account, file.trim_end_matches(".json"));
            found.map_or_else(|| not_found(call), |message| Reply::json(200, message))
        }
        _ => not_found(call),
    }
}

fn failure(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"code": code, "message": message, "status": status,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}")}),
    )
}

fn not_found(call: &Call) -> Reply {
    failure(
        404,
        20404,
        &format!("The requested resource {} was not found", call.path),
    )
}

fn send(world: &mut World, call: &Call, account: &str) -> Reply {
    let form = call.content_type() == "application/x-www-form-urlencoded";
    let Some(given) = form.then(|| nest(&decode_pairs(&call.body))).flatten() else {
        return failure(400, 21602, "Message body is required.");
    };
    let ask = match fields::read(&given, MESSAGE, true) {
        Ok(ask) => ask,
        Err(problems) => {
            let first = &problems[0];
            let (code, words) = match first.fault {
                Fault::Missing => (21604, "A 'To' phone number is required.".to_string()),
                _ => (
                    20001,
                    format!("Parameter {} {}", first.bracketed(), first.words()),
                ),
            };
            return failure(400, code, &words);
        }
    };
    let text = |name: &str| ask[name].as_str().filter(|text| !text.is_empty());
    let (to, body) = (text("To").unwrap_or(""), text("Body"));
    let Some(from) = text("From").or(text("MessagingServiceSid")) else {
        return failure(400, 21603, "A 'From' phone number is required.");
    };
    if body.is_none() && text("MediaUrl").is_none() && text("ContentSid").is_none() {
        return failure(400, 21602, "Message body is required.");
    }
    if body.is_some_and(|body| body.chars().count() > 1600) {
        return failure(
            400,
            21617,
            "The concatenated message body exceeds the 1600 character limit",
        );
    }
    let digits = to.strip_prefix('+').unwrap_or("");
    let e164 = (8..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    match to {
        "+15005550001" => {}
        "+15005550004" => return failure(400, 21610, "Attempt to send to unsubscribed recipient"),
        "+15005550009" => return failure(400, 21614, "'To' number is not a valid mobile number"),
        "+15005550008" => return failure(429, 20429, "Too Many Requests"),
        _ if e164 => return accept(world, account, &ask, from),
        _ => {}
    }
    failure(400, 21211, &format!("Invalid 'To' Phone Number: {to}"))
}

fn accept(world: &mut World, account: &str, ask: &Value, from: &str) -> Reply {
    let sid = format!("SM{}", world.uuid().replace('-', ""));
    let service = ask["MessagingServiceSid"].clone();
    let path = format!("/2010-04-01/Accounts/{account}/Messages/{sid}");
    let now = stamp(world.now, WHEN);
    let length = ask["Body"].as_str().unwrap_or("").chars().count();
    let segments = if length <= 160 {
        1
    } else {
        length.div_ceil(153)
    };
    let mut body = json!({
        "account_sid": account, "api_version": "2010-04-01", "body": ask["Body"],
        "date_created": now, "date_sent": null, "date_updated": now,
        "direction": "outbound-api", "error_code": null, "error_message": null,
        "from": if service.is_null() { json!(from) } else { Value::Null },
        "messaging_service_sid": service, "num_media": "0",
        "num_segments": segments.to_string(), "price": null, "price_unit": "USD", "sid": sid,
        "status": if service.is_null() { "queued" } else { "accepted" },
        "subresource_uris": {"media": format!("{path}/Media.json")},
        "to": ask["To"], "uri": format!("{path}.json"),
    });
    let reply = Reply::json(201, &body);
    // Afterwards the carrier takes it; who looks later sees it delivered.
    body["date_sent"] = json!(now);
    body["status"] = json!("delivered");
    let notes = json!({"callback": ask["StatusCallback"], "from": from});
    world.put_noted("twilio.message", account, &sid, body, notes);
    let at = stamp(world.now, "%FT%T%.3fZ");
    world
        .outbox
        .push(json!({"system": "twilio", "to": ask["To"], "subject": null,
        "text": ask["Body"], "html": null, "at": at}));
    if let Some(url) = ask["StatusCallback"].as_str() {
        for status in ["sent", "delivered"] {
            callback(world, account, url, &sid, ask, from, status);
        }
    }
    reply
}

fn callback(
    world: &mut World,
    account: &str,
    url: &str,
    sid: &str,
    ask: &Value,
    from: &str,
    status: &str,
) {
    let to = ask["To"].as_str().unwrap_or("");
    let fields = [
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("MessageStatus", status),
        ("SmsStatus", status),
        ("AccountSid", account),
        ("From", from),
        ("To", to),
        ("ApiVersion", "2010-04-01"),
    ];
    tell(world, account, Some(url), status, &fields);
}

/// Posts a form to one address, or to the account's endpoints.
fn tell(world: &mut World, account: &str, url: Option<&str>, event: &str, form: &[(&str, &str)]) {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    let news = News {
        vendor: "twilio",
        source: "twilio",
        account,
        event,
        content_type: "application/x-www-form-urlencoded",
        body: body.finish().into_bytes(),
        sign,
    };
    match url {
        Some(url) => {
            let token = world.body("twilio.account", account)["auth_token"].clone();
            world.queue(
                &news,
                url.to_string(),
                token.as_str().unwrap_or("").to_string(),
            );
        }
        None => world.notify(&news),
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
    let mac = Hmac::<sha1::Sha1>::new_from_slice(webhook.secret.as_bytes())
        .expect("HMAC takes keys of any length");
    let proof = mac
        .chain_update(&webhook.url)
        .chain_update(params)
        .finalize()
        .into_bytes();
    vec![("x-twilio-signature".into(), BASE64.encode(proof))]
}

fn list(world: &World, call: &Call, account: &str) -> Reply {
    let asked = call.pairs();
    let when = |message: &Value| {
        let text = message["date_sent"].as_str().unwrap_or("");
        let parsed = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S %z", text);
        parsed
            .and_then(|time| time.to_timestamp())
            .map(|at| at.to_string())
            .unwrap_or_default()
    };
    let fits = |message: &&Value| {
        asked.iter().all(|(name, value)| match name.as_str() {
            "To" => message["to"] == *value,
            "From" => message["from"] == *value,
            // A day or an instant; ISO texts compare as their times do.
            "DateSent" => when(message).starts_with(value.trim_end_matches('Z')),
            "DateSent>" => when(message) >= *value,
            "DateSent<" => when(message).get(..value.len()).unwrap_or("") <= value.as_str(),
            _ => true,
        })
    };
    let known = [
        "To",
        "From",
        "DateSent",
        "DateSent>",
        "DateSent<",
        "PageSize",
        "Page",
        "PageToken",
    ];
    if let Some((name, _)) = asked
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        return failure(400, 20001, &format!("Parameter {name} is not known"));
    }
    let number = |name: &str| call.query(name).and_then(|text| text.parse::<usize>().ok());
    let (size, page) = (
        number("PageSize").unwrap_or(50).clamp(1, 1000),
        number("Page").unwrap_or(0),
    );
    let all: Vec<_> = world
        .list("twilio", "twilio.message", account)
        .into_iter()
        .filter(fits)
        .collect();
    let start = (size * page).min(all.len());
    let shown = &all[start..(start + size).min(all.len())];
    let rest: Vec<_> = asked.iter().filter(|(name, _)| name != "Page").collect();
    let uri = |page: usize| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(rest.iter().map(|(name, value)| (name, value)));
        query.append_pair("Page", &page.to_string());
        json!(format!("{}?{}", call.path, query.finish()))
    };
    let more = start + shown.len() < all.len();
    Reply::json(
        200,
        &json!({"messages": shown, "page": page, "page_size": size, "start": start,
        "end": (start + shown.len()).saturating_sub(1), "uri": uri(page), "first_page_uri": uri(0),
        "next_page_uri": if more { uri(page + 1) } else { Value::Null },
        "previous_page_uri": if page > 0 { uri(page - 1) } else { Value::Null }}),
    )
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        // A patient answers by text.
        ["inbound"] => {
            let account = ask["account"].as_str().unwrap_or(DEMO).to_string();
            let text = |name: &str| ask[name].as_str().ok_or(format!("{name} is required"));
            let (from, body) = (text("from")?, text("body")?);
            let to = ask["to"].as_str().unwrap_or("+15005550006");
            let sid = format!("SM{}", world.uuid().replace('-', ""));
            let fields = [
                ("MessageSid", sid.as_str()),
                ("SmsSid", &sid),
                ("SmsMessageSid", &sid),
                ("AccountSid", &account),
                ("From", from),
                ("To", to),
                ("Body", body),
                ("NumMedia", "0"),
                ("NumSegments", "1"),
                ("SmsStatus", "received"),
                ("ApiVersion", "2010-04-01"),
                ("FromCountry", ""),
                ("ToCountry", ""),
            ];
            tell(world, &account, None, "received", &fields);
            Ok(json!({"sid": sid}))
        }
        // The carrier gives up on a message.
        ["fail", sid] => {
            let account = world
                .account_of("twilio.message", sid)
                .ok_or("no such message")?;
            world.set(
                "twilio.message",
                sid,
                json!({"status": "undelivered", "error_code": 30003,
                "error_message": "Unreachable destination handset"}),
            );
            let message = world.body("twilio.message", sid);
            let ask = json!({"To": message["to"]});
            let notes = world
                .item("twilio.message", sid)
                .map_or(Value::Null, |i| i.notes.clone());
            if let Some(url) = notes["callback"].as_str() {
                let from = notes["from"].as_str().unwrap_or("");
                callback(world, &account, url, sid, &ask, from, "undelivered");
            }
            Ok(message)
        }
        _ => Err("Twilio knows inbound and fail/{sid}".into()),
    }
}
