//! Slack: messages to staff through an incoming webhook. Its address is its only secret and bound
//! to one channel, so a request has no path of its own. Errors are plain words; nothing tells a
//! repeat from a second message.
//! Facts: api.slack.com/messaging/webhooks, api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks.

use crate::contract::*;
use crate::domain::outbox::Topic;
use serde_json::json;

static VENDOR: Vendor = Vendor {
    id: "slack",
    name: "Slack",
    docs: "https://api.slack.com/messaging/webhooks",
    host: Host::From(|account| match address(account) {
        Some(address) => address.into(),
        // `send` has refused such an account; this host holds no secret of ours.
        None => "https://hooks.slack.com".into(),
    }),
    further_hosts: &[],
    auth: Auth::InAddress,
    headers: |_| vec![],
    fields: &[Field {
        kind: FieldKind::Address(&HOOKS),
        ..Field::secret("webhook_url", "Webhook URL")
    }],
    inbound: &[],
    own_error: |reply| !reply.is_page(),
};

pub static FACES: Faces = Faces {
    system: Some(&SYSTEM),
    ..Faces::of(&VENDOR)
};

pub static DOORS: &[&Door] = &[];

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "messages to staff",
    channel: Channel::Staff,
    several: false,
    hears: everything,
    subscriptions: &[
        Subscription::of(Topic::PaymentReceived, &SEND),
        Subscription::of(Topic::PaymentFailed, &SEND),
        Subscription::of(Topic::PaymentReturned, &SEND),
        Subscription::of(Topic::RefundPaid, &SEND),
        Subscription::of(Topic::RefundFailed, &SEND),
        Subscription::of(Topic::DisputeOpened, &SEND),
        Subscription::of(Topic::DisputeClosed, &SEND),
        Subscription::of(Topic::NeedsPerson, &SEND),
    ],
    arrival: Offer::No("its answer says that the message stands in the channel"),
    contact: Offer::No("it writes to staff alone"),
};

static SEND: [Effect<Notification, ExternalId>; 1] = [Effect::new(send, sent, LostReply::Human)];

const HOOKS: [&str; 2] = [
    "https://hooks.slack.com/services/",
    "https://hooks.slack-gov.com/services/",
];

/// The webhook's address, where it is one of Slack's: any other would be told what we know.
fn address(account: &Account) -> Option<&str> {
    let address = account.secret("webhook_url");
    let parts = HOOKS.iter().find_map(|hook| address.strip_prefix(hook))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'/';
    (!parts.is_empty() && parts.bytes().all(plain)).then_some(address)
}

fn send(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    if address(account).is_none() {
        let why = "webhook_url must begin with https://hooks.slack.com/services/";
        return Err(Trouble::Rejected(why.into()).into());
    }
    let lines = [&ask.message.subject, &ask.message.text];
    let lines: Vec<_> = lines.iter().filter(|line| !line.is_empty()).collect();
    let text = lines.iter().map(|line| escaped(line)).collect::<Vec<_>>();
    let body = json!({
        "text": text.join("\n"),
        // Words of a patient must not format the message, nor a link fetch its page.
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    Ok(Request::json("POST", "", body))
}

/// Slack's three control characters; left alone, `<!channel>` in a name would call everyone.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn sent(_: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    let words = String::from_utf8_lossy(&reply.body);
    match (reply.status, words.trim()) {
        (200, "ok") => Ok(ExternalId(None)),
        (200, _) => Err(Trouble::Unreadable("a 200 that does not say ok".into())),
        // The hook or its channel is gone or closed to us: a person must connect it again.
        (403 | 404 | 410, word) => Err(Trouble::Credentials(known(word))),
        (400, word) => Err(Trouble::Rejected(known(word))),
        (408, _) => Err(Trouble::Unclear("status 408".into())),
        _ => Err(match reply.ok() {
            Err(trouble) => trouble,
            Ok(_) => Trouble::Unreadable(format!("status {}", reply.status)),
        }),
    }
}

/// Slack's own word for what is wrong; a page of some proxy is not repeated.
fn known(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if (1..=60).contains(&word.len()) && word.bytes().all(plain) {
        word.into()
    } else {
        "Slack gave no reason".into()
    }
}
