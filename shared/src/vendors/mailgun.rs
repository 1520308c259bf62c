//! Mailgun: e-mail to patients. A message is a form to the clinic's own sending domain; accounts
//! in the EU live at another host (`region`: `eu`, or `us`, which is meant where it is empty).
//! Sending knows no idempotency, so every message carries our key as a user variable, by which the
//! domain's events are searched when a reply was lost.
//! Facts: Mailgun's OpenAPI (messages, events), documentation.mailgun.com/docs/mailgun/user-manual/events.

use crate::contract::*;
use crate::words::money::BadAmount;
use jiff::civil::time;
use jiff::tz::TimeZone;
use serde::Deserialize;

static VENDOR: Vendor = Vendor {
    id: "mailgun",
    name: "Mailgun",
    docs: "https://documentation.mailgun.com/docs/mailgun/api-reference",
    // A region that is neither is refused before anything is sent.
    host: Host::From(|account| match region(account) {
        Ok(Region::Eu) => "https://api.eu.mailgun.net".into(),
        Ok(Region::Us) | Err(_) => "https://api.mailgun.net".into(),
    }),
    auth: Auth::Basic {
        user: Credential::Fixed("api"),
        pass: "api_key",
    },
    headers: |_| vec![],
    secrets: &["api_key", "domain", "from"],
    inbound_secrets: &[],
    own_error: |reply| !reply.is_page(),
    addresses: &[],
};

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "e-mail to patients",
    channel: Channel::PatientEmail,
    optional: &["region"],
    subscriptions: &SUBSCRIPTIONS,
    arrival: Offer::Yes(Call {
        build: look_up,
        parse: arrival,
    }),
    contact: Offer::No("it is told the address with each message"),
};

static SUBSCRIPTIONS: [Subscription; 6] = to_patients(&SEND);

/// Events are complete only after a while: Mailgun asks pollers to trust what is half an hour old.
static SEND: [Effect<Notification, ExternalId>; 1] = [Effect {
    call: Call {
        build: send,
        parse: sent,
    },
    lost_reply: LostReply::Find {
        call: Call {
            build: find,
            parse: found,
        },
        trusted_after: 30 * 60,
    },
}];

enum Region {
    Us,
    Eu,
}

fn region(account: &Account) -> Result<Region, BadAmount> {
    match account
        .secret("region")
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "" | "us" => Ok(Region::Us),
        "eu" => Ok(Region::Eu),
        _ => Err(BadAmount("region must be us or eu".into())),
    }
}

fn send(ask: &Notification, account: &Account) -> Result<Request, BadAmount> {
    region(account)?;
    let Message {
        subject,
        text,
        html,
    } = &ask.message;
    let mut fields = vec![
        ("from", account.secret("from").to_string()),
        ("to", recipient(ask)?.to_string()),
        ("subject", subject.clone()),
        // Tracking would send the patient's clicks through a third party.
        ("o:tracking", "no".into()),
        ("o:require-tls", "yes".into()),
        ("v:delivery", ask.key.clone()),
    ];
    let bodies = [("text", text), ("html", html)];
    let written = bodies.into_iter().filter(|(_, body)| !body.is_empty());
    fields.extend(written.map(|(name, body)| (name, body.clone())));
    let path = format!("/v3/{}/messages", account.secret("domain"));
    Ok(Request::form(path, fields))
}

/// One bare address: a comma would make it a list, and a stranger would read the message.
fn recipient(ask: &Notification) -> Result<&str, BadAmount> {
    let address = ask.customer.email.as_deref().unwrap_or_default().trim();
    let odd = |c: char| c.is_whitespace() || c.is_control() || ",;<>\"".contains(c);
    match address.split_once('@') {
        Some((user, host)) if !user.is_empty() && host.contains('.') && !address.contains(odd) => {
            Ok(address)
        }
        _ => Err(BadAmount("the patient has no single e-mail address".into())),
    }
}

#[derive(Deserialize)]
struct Queued {
    id: String,
}

fn sent(_: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    let queued: Queued = clear(reply)?.json()?;
    Ok(ExternalId(Some(bare(&queued.id))))
}

/// The search begins a day before ours, for a clinic's day may begin before that of UTC.
fn find(ask: &Notification, account: &Account) -> Result<Request, BadAmount> {
    region(account)?;
    let begin = ask.date.yesterday().ok();
    let begin = begin.and_then(|day| {
        let midnight = day.to_datetime(time(0, 0, 0, 0));
        midnight.to_zoned(TimeZone::UTC).ok()
    });
    let begin = begin.ok_or(BadAmount(format!("{} has no day before", ask.date)))?;
    let path = format!("/v3/{}/events", account.secret("domain"));
    Ok(Request::get(path)
        .query("recipient", recipient(ask)?)
        .query("begin", begin.timestamp().as_second().to_string())
        .query("ascending", "yes")
        .query("limit", "300"))
}

#[derive(Deserialize)]
struct Events {
    items: Vec<Happened>,
}
#[derive(Deserialize)]
struct Happened {
    event: Option<String>,
    severity: Option<String>,
    #[serde(rename = "user-variables", default)]
    variables: Variables,
    message: Option<Mail>,
}
#[derive(Default, Deserialize)]
struct Variables {
    delivery: Option<String>,
}
#[derive(Deserialize)]
struct Mail {
    headers: Option<MailHeaders>,
}
#[derive(Deserialize)]
struct MailHeaders {
    #[serde(rename = "message-id")]
    id: Option<String>,
}

impl Happened {
    /// It was given up: not taken at all, or bounced for good.
    fn is_the_end(&self) -> bool {
        match self.event.as_deref() {
            Some("rejected") => true,
            Some("failed") => self.severity.as_deref() == Some("permanent"),
            _ => false,
        }
    }
}

const LOST: &str = "the message did not reach the patient's mailbox: see Mailgun's log";

/// Any event of the message proves that it was taken, unless one says that it was given up.
fn found(ask: &Notification, reply: &Reply, _: &Account) -> Result<Option<ExternalId>, Trouble> {
    let events: Events = clear(reply)?.json()?;
    let ours = |event: &Happened| event.variables.delivery.as_ref() == Some(&ask.key);
    let ours: Vec<_> = events.items.into_iter().filter(ours).collect();
    if ours.iter().any(Happened::is_the_end) {
        return Err(Trouble::Rejected(LOST.into()));
    }
    Ok(ours.into_iter().next().map(|event| {
        let headers = event.message.and_then(|mail| mail.headers);
        ExternalId(headers.and_then(|headers| headers.id).map(|id| bare(&id)))
    }))
}

/// Its events, the newest first.
fn look_up(id: &str, account: &Account) -> Result<Request, BadAmount> {
    region(account)?;
    let path = format!("/v3/{}/events", account.secret("domain"));
    Ok(Request::get(path)
        .query("message-id", id)
        .query("ascending", "no")
        .query("limit", "300"))
}

fn arrival(_: &str, reply: &Reply, _: &Account) -> Result<Arrival, Trouble> {
    let events = clear(reply)?.json::<Events>()?.items;
    let delivered = |event: &Happened| event.event.as_deref() == Some("delivered");
    Ok(match () {
        () if events.iter().any(Happened::is_the_end) => Arrival::Lost(LOST.into()),
        () if events.iter().any(delivered) => Arrival::Arrived,
        () => Arrival::UnderWay,
    })
}

/// The message's id as the events spell it, without angle brackets.
fn bare(id: &str) -> String {
    id.trim_matches(['<', '>']).into()
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// 401 is a plain `Forbidden`; an account or domain of the other region is 404.
fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    match reply.status {
        400 => {
            let refusal: Refusal = reply.json()?;
            // What quotes an address must not leave with the error.
            let mut words: Vec<_> = refusal.message.split_whitespace().collect();
            words.retain(|word| !word.contains('@'));
            Err(Trouble::Rejected(words.join(" ")))
        }
        402 => Err(Trouble::Credentials("the account must be paid".into())),
        404 => Err(Trouble::Credentials("no such domain in this region".into())),
        408 => Err(Trouble::Unclear("status 408".into())),
        _ => reply.ok(),
    }
}
