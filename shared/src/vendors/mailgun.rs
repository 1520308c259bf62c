//! Mailgun: e-mail to patients. A message is a form to the clinic's own sending domain; accounts
//! in the EU live at another host (`region`: `eu`, or `us`, which is meant where it is empty).
//! Sending knows no idempotency, so every message carries our key as a user variable, by which the
//! domain's events are searched when a reply was lost.
//! Facts: Mailgun's OpenAPI (messages, events), documentation.mailgun.com/docs/mailgun/user-manual/events.

use crate::contract::*;
use jiff::civil::time;
use jiff::tz::TimeZone;
use serde::Deserialize;

static VENDOR: Vendor = Vendor {
    id: "mailgun",
    name: "Mailgun",
    docs: "https://documentation.mailgun.com/docs/mailgun/api-reference",
    host: Host::From(|account| {
        let of_eu = account.secret("region").eq_ignore_ascii_case("eu");
        let host = if of_eu { "api.eu" } else { "api" };
        format!("https://{host}.mailgun.net")
    }),
    further_hosts: &[],
    auth: Auth::Basic {
        user: Credential::Fixed("api"),
        pass: Credential::Secret("api_key"),
    },
    headers: |_| vec![],
    fields: &[
        Field::secret("api_key", "API key"),
        Field::text("domain", "Sending domain"),
        Field::text("from", "Address that sends"),
        Field {
            kind: FieldKind::Choice(&[("us", "United States"), ("eu", "European Union")]),
            ..Field::text("region", "Region").optional()
        },
    ],
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
    is: "e-mail to patients",
    channel: Channel::PatientEmail,
    several: false,
    hears: everything,
    subscriptions: &SUBSCRIPTIONS,
    arrival: Offer::Yes(arrival),
    contact: Offer::No("it is told the address with each message"),
};

static SUBSCRIPTIONS: [Subscription; 6] = to_patients(&SEND);

/// Events are complete only after a while: Mailgun asks pollers to trust what is half an hour old.
static SEND: [Effect<Notification, ExternalId>; 1] = [Effect::new(
    send,
    sent,
    LostReply::Find {
        look: find,
        trusted_after: 30 * 60,
    },
)];

fn send(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
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
fn recipient(ask: &Notification) -> Result<&str, Trouble> {
    let address = ask.customer.email.as_deref().unwrap_or_default().trim();
    let odd = |c: char| c.is_whitespace() || c.is_control() || ",;<>\"".contains(c);
    match address.split_once('@') {
        Some((user, host)) if !user.is_empty() && host.contains('.') && !address.contains(odd) => {
            Ok(address)
        }
        _ => Err(Trouble::Rejected(
            "the patient has no single e-mail address".into(),
        )),
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

/// Any event of the message proves that it was taken, unless one says that it was given up. The
/// search begins a day before ours, for a clinic's day may begin before that of UTC.
fn find(
    ask: &Notification,
    talk: &mut Talk,
    account: &Account,
) -> Result<Option<ExternalId>, Pause> {
    let begin = ask.date.yesterday().ok();
    let begin = begin.and_then(|day| {
        let midnight = day.to_datetime(time(0, 0, 0, 0));
        midnight.to_zoned(TimeZone::UTC).ok()
    });
    let odd = || Trouble::Rejected(format!("{} has no day before", ask.date));
    let begin = begin.ok_or_else(odd)?.timestamp().as_second();
    let path = format!("/v3/{}/events", account.secret("domain"));
    let events = Request::get(path)
        .query("recipient", recipient(ask)?)
        .query("begin", begin.to_string())
        .query("ascending", "yes")
        .query("limit", "300");
    let events: Events = clear(talk.ask(events)?)?.json()?;
    let ours = |event: &Happened| event.variables.delivery.as_ref() == Some(&ask.key);
    let ours: Vec<_> = events.items.into_iter().filter(ours).collect();
    if ours.iter().any(Happened::is_the_end) {
        return Err(Trouble::Rejected(LOST.into()).into());
    }
    Ok(ours.into_iter().next().map(|event| {
        let headers = event.message.and_then(|mail| mail.headers);
        ExternalId(headers.and_then(|headers| headers.id).map(|id| bare(&id)))
    }))
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

/// Its events, the newest first.
fn arrival(id: &str, talk: &mut Talk, account: &Account) -> Result<Arrival, Pause> {
    let path = format!("/v3/{}/events", account.secret("domain"));
    let events = Request::get(path)
        .query("message-id", id)
        .query("ascending", "no")
        .query("limit", "300");
    let events = clear(talk.ask(events)?)?.json::<Events>()?.items;
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
