//! Mailgun: sends messages given as a form (urlencoded or multipart), and lists their events.
//! It knows no idempotency: what is sent twice arrives twice.

use crate::vendor::Vendor;
use crate::wire::{Call, Reply, decode_pairs, form_fields, stamp};
use crate::world::World;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "mailgun",
    seed: |_| {},
    demo_secrets: || {
        let secret = json!({"api_key": "key-demo", "domain": "mg.example.test",
            "from": "Wattle Street Clinic <hello@mg.example.test>"});
        vec![("system/mailgun", secret)]
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
"#;

/// Fields of a message that may be sent; `o:`, `h:`, `v:` and `t:` families are open.
const FIELDS: [&str; 10] = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "text",
    "html",
    "amp-html",
    "template",
    "recipient-variables",
];
const YES_NO: [&str; 6] = [
    "o:tracking",
    "o:tracking-opens",
    "o:tracking-clicks",
    "o:require-tls",
    "o:skip-verification",
    "o:dkim",
];

fn handle(world: &mut World, call: &Call) -> Reply {
    let Some((user, key)) = call.basic() else {
        return forbidden();
    };
    let parts: Vec<_> = key.split('-').collect();
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let modern = parts.len() == 3 && parts[0].len() == 32 && parts.iter().all(|part| hex(part));
    let key_shaped = key
        .strip_prefix("key-")
        .is_some_and(|rest| !rest.is_empty())
        || modern;
    if user != "api" || !key_shaped {
        return forbidden();
    }
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), &parts[..]) {
        ("POST", ["v3", domain, "messages"]) => match send(world, call, &key, domain) {
            Ok(body) => Reply::json(200, &body),
            Err(words) => Reply::json(400, &json!({"message": words})),
        },
        ("GET", ["v3", _, "events"]) => Reply::json(200, &events(world, call, &key)),
        _ => Reply::json(404, &json!({"message": "Not Found"})),
    }
}

fn forbidden() -> Reply {
    Reply::of(401, "text/plain; charset=utf-8", "Forbidden")
}

fn send(world: &mut World, call: &Call, key: &str, domain: &str) -> Result<Value, String> {
    let fields = form_fields(call).ok_or("the body must be a form")?;
    check_names(&fields)?;
    let all = |name: &str| -> Vec<String> {
        fields
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
            .collect()
    };
    let one = |name: &str| {
        all(name)
            .into_iter()
            .next()
            .filter(|value| !value.is_empty())
    };
    let from = one("from").ok_or("from parameter is missing")?;
    let to: Vec<String> = all("to").iter().flat_map(|list| addresses(list)).collect();
    if to.is_empty() {
        return Err("to parameter is missing".into());
    }
    for (name, address) in to.iter().map(|to| ("to", to)).chain([("from", &from)]) {
        if !is_address(address) {
            return Err(format!(
                "{name} parameter is not a valid address. please check documentation"
            ));
        }
    }
    let subject = one("subject").ok_or("subject parameter is missing")?;
    let (text, html) = (one("text"), one("html"));
    if text.is_none() && html.is_none() && one("template").is_none() && one("amp-html").is_none() {
        return Err(
            "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
                .into(),
        );
    }
    let stamped = stamp(world.now, "%Y%m%d%H%M%S");
    let id = format!("{stamped}.{}@{domain}", world.id("", 16).to_lowercase());
    let variables: Value = fields
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("v:")?.to_string(), json!(value))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let tags = all("o:tag");
    for to in &to {
        // It is taken, and then arrives: nobody is told otherwise unless somebody makes it fail.
        for happened in ["accepted", "delivered"] {
            let event = json!({"event": happened, "recipient": to, "tags": tags,
                "message": {"headers": {"message-id": id, "from": from, "to": to,
                    "subject": subject}, "attachments": [], "size": 0},
                "user-variables": variables});
            happens(world, key, event);
        }
        let at = stamp(world.now, "%FT%T%.3fZ");
        world
            .outbox
            .push(json!({"system": "mailgun", "to": to, "subject": subject,
            "text": text, "html": html, "at": at}));
    }
    Ok(json!({"id": format!("<{id}>"), "message": "Queued. Thank you."}))
}

/// Every field is one that a message may have, and all options together are small.
fn check_names(fields: &[(String, String)]) -> Result<(), String> {
    let mut options = 0;
    for (name, value) in fields {
        let family = name
            .split_once(':')
            .map(|(family, rest)| (family, rest.is_empty()));
        match family {
            Some(("o" | "h" | "v" | "t", false)) => options += name.len() + value.len(),
            _ if FIELDS.contains(&name.as_str()) => {}
            _ => return Err(format!("{name} is not a parameter of a message")),
        }
        if YES_NO.contains(&name.as_str())
            && !["yes", "no", "true", "false", "htmlonly"].contains(&value.as_str())
        {
            return Err(format!("{name} must be yes or no"));
        }
    }
    if options > 16 * 1024 {
        return Err("options, headers, variables and template values exceed 16 KB".into());
    }
    Ok(())
}

fn happens(world: &mut World, key: &str, mut event: Value) {
    let place = world.id("", 22);
    event["id"] = json!(place);
    event["timestamp"] = json!(world.now as f64 / 1000.0);
    world.put("mailgun.event", key, &place, event);
}

fn control(world: &mut World, verb: &[&str], _: &Value) -> Result<Value, String> {
    let ["fail", id] = verb else {
        return Err("Mailgun knows fail/{message-id}".into());
    };
    let of_message = |event: &Value| event["message"]["headers"]["message-id"] == **id;
    let events = world.all("mailgun.event");
    let mut of_message = events.iter().filter(|item| of_message(&item.body));
    let taken = of_message.next().ok_or("no such message")?;
    let (key, mut event) = (taken.account.clone(), taken.body.clone());
    event["event"] = json!("failed");
    event["severity"] = json!("permanent");
    event["reason"] = json!("bounce");
    event["delivery-status"] = json!({"attempt-no": 1, "code": 550, "message": "",
        "description": "No such mailbox", "session-seconds": 0});
    happens(world, &key, event.clone());
    Ok(event)
}

/// Splits `A <a@x>, b@y` at the commas that are not inside quotes.
fn addresses(list: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = list.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts
        .map(|part| part.trim().to_string())
        .filter(|part| !part.is_empty())
        .collect()
}

fn is_address(text: &str) -> bool {
    let bare = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or(""),
        None => text,
    };
    let plain = |part: &str| !part.is_empty() && !part.contains([' ', '<', '>', ',']);
    bare.split_once('@').is_some_and(|(user, host)| {
        plain(user) && plain(host) && host.contains('.') && !host.contains('@')
    })
}

fn events(world: &World, call: &Call, key: &str) -> Value {
    let asked = decode_pairs(call.query.as_bytes());
    let fits = |event: &&Value| {
        asked.iter().all(|(name, value)| match name.as_str() {
            "event" | "recipient" => event[name] == *value,
            "message-id" => event["message"]["headers"]["message-id"] == *value,
            "subject" | "from" | "to" => event["message"]["headers"][name] == *value,
            _ => true,
        })
    };
    let all = world.list("mailgun", "mailgun.event", key);
    let items: Vec<_> = all.into_iter().filter(fits).take(300).collect();
    let page = format!("https://api.mailgun.net{}", call.path);
    json!({"items": items,
        "paging": {"previous": page, "first": page, "last": page, "next": page}})
}
