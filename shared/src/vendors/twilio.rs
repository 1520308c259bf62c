//! Twilio: text messages to patients. A message is a form under the account's own path; `from` is
//! a number or the id of a Messaging Service. Creating knows no idempotency, so after a lost reply
//! the messages to the same number are searched for the same words.
//! Facts: Twilio's OpenAPI (api_v2010), twilio.com/docs/api/errors.

use crate::contract::*;
use crate::domain::fact::Decline;
use serde::Deserialize;

static VENDOR: Vendor = Vendor {
    id: "twilio",
    name: "Twilio",
    docs: "https://www.twilio.com/docs/messaging/api",
    host: Host::One("https://api.twilio.com"),
    further_hosts: &[],
    auth: Auth::Basic {
        user: Credential::Secret("account_sid"),
        pass: Credential::Secret("auth_token"),
    },
    headers: |_| vec![],
    fields: &[
        Field::text("account_sid", "Account SID"),
        Field::secret("auth_token", "Auth token"),
        Field::text("from", "Number or Messaging Service that sends"),
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
    is: "SMS to patients",
    channel: Channel::PatientText,
    several: false,
    hears: everything,
    subscriptions: &SUBSCRIPTIONS,
    arrival: Offer::Yes(arrival),
    contact: Offer::No("it is told the address with each message"),
};

static SUBSCRIPTIONS: [Subscription; 6] = to_patients(&SEND);

/// Twilio gives no bound for its list; a minute is ours, unverified.
static SEND: [Effect<Notification, ExternalId>; 1] = [Effect::new(
    send,
    sent,
    LostReply::Find {
        look: find,
        trusted_after: 60,
    },
)];

/// What Twilio takes; a longer text would lose its end, which is where the link is.
const LONGEST: usize = 1600;

fn send(ask: &Notification, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let text = ask.message.text.trim();
    let length = text.encode_utf16().count();
    if text.is_empty() || length > LONGEST {
        let why = format!("a text of {length} characters: Twilio takes 1 to {LONGEST}");
        return Err(Trouble::Rejected(why).into());
    }
    let from = account.secret("from");
    let sender = if is_service(from) {
        "MessagingServiceSid"
    } else {
        "From"
    };
    let fields = vec![
        ("To", number(ask)?.to_string()),
        (sender, from.to_string()),
        ("Body", text.to_string()),
    ];
    Ok(Request::form(path(account), fields))
}

/// A clinic's own name as the sender may begin with the same letters: `MGClinic`.
fn is_service(from: &str) -> bool {
    let hex = |digits: &str| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    from.strip_prefix("MG").is_some_and(hex)
}

fn path(account: &Account) -> String {
    format!("{}.json", messages(account))
}

fn messages(account: &Account) -> String {
    let sid = account.secret("account_sid");
    format!("/2010-04-01/Accounts/{sid}/Messages")
}

/// E.164 only: Twilio reads `whatsapp:` and the like as another channel.
fn number(ask: &Notification) -> Result<&str, Trouble> {
    let number = ask.customer.phone.as_deref().unwrap_or_default();
    match number.strip_prefix('+') {
        Some(digits)
            if (7..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Ok(number)
        }
        _ => Err(Trouble::Rejected(
            "the patient has no number in international form, such as +4930123456".into(),
        )),
    }
}

#[derive(Deserialize)]
struct Text {
    sid: Option<String>,
    body: Option<String>,
    direction: Option<String>,
    status: Option<String>,
    error_code: Option<i64>,
    date_created: Option<String>,
}

impl Text {
    fn filed(self) -> Result<ExternalId, Trouble> {
        match self.arrival()? {
            Arrival::Arrived | Arrival::UnderWay => Ok(ExternalId(self.sid)),
            Arrival::Lost(_) | Arrival::Unwanted => Err(refused(self.error_code)),
        }
    }

    /// `sent` says that the carrier has it, which may still not bring it to the phone.
    fn arrival(&self) -> Result<Arrival, Trouble> {
        Ok(match self.status.as_deref() {
            Some("delivered" | "read" | "partially_delivered") => Arrival::Arrived,
            Some("accepted" | "queued" | "scheduled" | "sending" | "sent") => Arrival::UnderWay,
            Some("failed" | "undelivered" | "canceled") => match refused(self.error_code) {
                Trouble::Rejected(why) => Arrival::Lost(why),
                _ => Arrival::Unwanted,
            },
            other => return Err(Trouble::Unreadable(format!("a message {other:?}"))),
        })
    }

    /// Whether it may be what we sent: these words, and not from before the day we speak of.
    fn is_ours(&self, ask: &Notification) -> bool {
        let created = self.date_created.as_deref();
        let created = created.and_then(|at| jiff::fmt::rfc2822::parse(at).ok());
        // Twilio's days are GMT's; a clinic's day may begin half a day before.
        let fresh = match (created, ask.date.yesterday()) {
            (Some(created), Ok(first)) => created.date() >= first,
            _ => true,
        };
        let outbound = |direction: &str| direction.starts_with("outbound");
        fresh
            && self.direction.as_deref().is_some_and(outbound)
            && self.body.as_deref().map(str::trim) == Some(ask.message.text.trim())
    }
}

fn sent(_: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    clear(reply)?.json::<Text>()?.filed()
}

/// All texts to the number, newest first. Not narrowed by `DateSent>`: what still waits in
/// Twilio's queue has no such date, and would seem never sent.
fn find(
    ask: &Notification,
    talk: &mut Talk,
    account: &Account,
) -> Result<Option<ExternalId>, Pause> {
    let all = Request::get(path(account))
        .query("To", number(ask)?)
        .query("PageSize", "1000");
    let texts: Texts = clear(talk.ask(all)?)?.json()?;
    let ours = texts.messages.into_iter().find(|text| text.is_ours(ask));
    Ok(ours.map(Text::filed).transpose()?)
}

#[derive(Deserialize)]
struct Texts {
    messages: Vec<Text>,
}

fn arrival(sid: &str, talk: &mut Talk, account: &Account) -> Result<Arrival, Pause> {
    if !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Trouble::Rejected("an id that Twilio does not make".into()).into());
    }
    let reply = talk.ask(Request::get(format!("{}/{sid}.json", messages(account))))?;
    // Messages can be deleted: that says nothing of the account.
    if reply.status == 404 {
        return Err(Trouble::Missing.into());
    }
    Ok(clear(reply)?.json::<Text>()?.arrival()?)
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
}

/// Twilio's own codes before what a status means everywhere. Its message quotes the number, so
/// only the code is kept.
fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    match reply.status {
        400 => match reply.json::<Refusal>()?.code {
            // The sender's queue is full: nothing was taken, and it empties by itself.
            14107 | 20429 | 21611 => Err(Trouble::busy(60)),
            20003 | 20005 => Err(Trouble::Credentials("the account is not active".into())),
            code => Err(refused(Some(code))),
        },
        404 => Err(Trouble::Credentials("no such account".into())),
        408 | 409 => Err(Trouble::Unclear(format!("status {}", reply.status))),
        _ => reply.ok(),
    }
}

/// The patient answered STOP: nothing is broken, and nothing more may be sent to the number.
const OPTED_OUT: i64 = 21610;

fn refused(code: Option<i64>) -> Trouble {
    if code == Some(OPTED_OUT) {
        return Trouble::Declined(Decline::Cancelled);
    }
    Trouble::Rejected(match code {
        Some(21211 | 21614) => "the number cannot receive texts".into(),
        Some(code) => format!("error {code}, see twilio.com/docs/api/errors/{code}"),
        None => "the message failed without a code".into(),
    })
}
