//! The clinic's own system: records of what happened, as signed Standard Webhooks, at addresses that
//! the clinic names. A repeat bears the same id, by which the receiver knows it; nothing is filed
//! there under an id of its own.
//! Facts: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, 1.0.0.

use crate::contract::record::{Record, RecordType};
use crate::contract::standard_webhook;
use crate::contract::*;
use crate::domain::outbox::Topic;
use crate::words::address;

static VENDOR: Vendor = Vendor {
    id: "own",
    name: "Your own system",
    docs: "https://www.standardwebhooks.com",
    host: Host::Told("url"),
    further_hosts: &[],
    auth: Auth::StandardWebhook("secret"),
    headers: |_| vec![],
    fields: &[
        Field {
            kind: FieldKind::TextThat(|value| {
                (!address::is_public(value)).then(|| address::PUBLIC.into())
            }),
            ..Field::text("url", "Address that hears")
        },
        Field {
            kind: FieldKind::SecretThat(standard_webhook::misfit),
            ..Field::secret("secret", "Signing secret")
        },
        Field {
            kind: FieldKind::TextThat(unknown_topic),
            ..Field::text(
                "topics",
                "What it hears of, a blank between two; all if empty",
            )
        }
        .optional(),
    ],
    inbound: &[],
    // The clinic's own word, whatever its words.
    own_error: |_| true,
};

pub static FACES: Faces = Faces {
    system: Some(&SYSTEM),
    ..Faces::of(&VENDOR)
};

pub static DOORS: &[&Door] = &[];

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "records as signed webhooks",
    channel: Channel::Records,
    several: true,
    hears,
    subscriptions: &[
        Subscription::of(Topic::InvoiceIssued, &TELL),
        Subscription::of(Topic::InvoiceCredited, &TELL),
        Subscription::of(Topic::InvoiceVoided, &TELL),
        Subscription::of(Topic::CheckoutReady, &TELL),
        Subscription::of(Topic::PaymentReceived, &TELL),
        Subscription::of(Topic::PaymentApplied, &TELL),
        Subscription::of(Topic::PaymentFailed, &TELL),
        Subscription::of(Topic::PaymentReturned, &TELL),
        Subscription::of(Topic::RefundPaid, &TELL),
        Subscription::of(Topic::RefundFailed, &TELL),
        Subscription::of(Topic::DisputeOpened, &TELL),
        Subscription::of(Topic::DisputeClosed, &TELL),
        Subscription::of(Topic::NeedsPerson, &TELL),
    ],
    arrival: Offer::No("its answer says that it has the record"),
    contact: Offer::No("it is told our id of the patient"),
};

static TELL: [Effect<Notification, ExternalId>; 1] = [Effect::new(
    tell,
    taken,
    LostReply::SameKey {
        key: Key {
            place: KeyPlace::Header(standard_webhook::ID),
            spelling: Spelling::Plain(60),
            lifetime: KNOWN,
        },
        then: &LostReply::Human,
    },
)];

/// Seconds for which a repeat bears the same id: longer than anything is told at all. How long a
/// receiver remembers ids is its own affair; one that forgot holds the same record twice, and can
/// tell that by its id.
const KNOWN: i64 = 120 * 86_400;

/// Whether this address wants to hear of a topic.
fn hears(account: &Account, topic: Topic) -> bool {
    let mut wanted = account.secret("topics").split_whitespace().peekable();
    let all = wanted.peek().is_none();
    let known = RecordType::of(topic).map(RecordType::name);
    all || wanted.any(|name| known == Some(name))
}

/// Why a list of topics cannot be followed.
fn unknown_topic(topics: &str) -> Option<String> {
    let known = RecordType::ALL.map(RecordType::name);
    let unknown = topics.split_whitespace().find(|name| !known.contains(name));
    unknown.map(|_| format!("of these, a blank between two: {}", known.join(", ")))
}

fn tell(ask: &Notification, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let record = Record::of(ask).ok_or(Trouble::Rejected("no record is made of it".into()))?;
    let record = serde_json::to_string(&record);
    let text = record.map_err(|why| Trouble::Rejected(why.to_string()))?;
    let content_type = "application/json".into();
    Ok(Request::new("POST", "", Body::Exact { content_type, text }))
}

/// Whatever is no success is a failure, and what it means follows HTTP, as the specification asks.
fn taken(_: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    let status = format!("status {}", reply.status);
    Err(match reply.status {
        200..300 => return Ok(ExternalId(None)),
        300..=399 => Trouble::Closed(format!(
            "{status}: a redirect is not followed, give the address that it leads to"
        )),
        401 | 403 => Trouble::Closed(format!(
            "{status}: it does not accept us, see whether the signing secret is the same"
        )),
        410 => Trouble::Closed(format!("{status}: it wants no more of this")),
        429 => Trouble::later(wait(reply).unwrap_or(30), &status),
        503 if let Some(seconds) = wait(reply) => Trouble::later(seconds, &status),
        // As silence: it may have the record.
        408 | 425 | 499 | 500.. => Trouble::Unclear(status),
        _ => Trouble::NotTaken(status),
    })
}

/// Seconds after which it wants to be asked again. A date is not read: adapters have no clock.
fn wait(reply: &Reply) -> Option<i64> {
    reply.header("retry-after")?.parse().ok()
}
