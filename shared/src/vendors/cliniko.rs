//! Cliniko: a practice system without webhooks. Its lists of appointments are asked for what changed;
//! who a patient is, is read for visits that are new here; what is called off here is called off
//! there. A key's suffix names its shard.
//! Facts: docs.api.cliniko.com/openapi, github.com/redguava/cliniko-api. No page that was stored
//! describes a patient's fields, an ascending sort, or a list of appointments that were deleted:
//! those that are asked for here are unverified, and that list is not asked.

use crate::contract::*;
use crate::domain::outbox::Topic;
use crate::domain::person::Person;
use crate::domain::visit_fact::{Stands, VisitFact};
use crate::words::json::{read_part, sorted};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Deserialize;
use serde_json::{Value, json};

static VENDOR: Vendor = Vendor {
    id: "cliniko",
    name: "Cliniko",
    docs: "https://docs.api.cliniko.com/openapi",
    host: Host::From(|account| {
        let shard = shard(account.secret("api_key"));
        format!("https://api.{shard}.cliniko.com")
    }),
    further_hosts: &[],
    auth: Auth::Basic {
        user: Credential::Secret("api_key"),
        pass: Credential::Fixed(""),
    },
    headers: |account| {
        let contact = account.secret("contact_email");
        vec![
            ("accept", "application/json".into()),
            ("user-agent", format!("Meridian ({contact})")),
        ]
    },
    fields: &[
        Field::secret("api_key", "API key"),
        Field::text(
            "contact_email",
            "E-mail address at which Cliniko reaches you",
        ),
        reason(OF_PATIENT, "Reason that is filed where the patient cancels"),
        reason(OF_CLINIC, "Reason that is filed where anybody else cancels"),
    ],
    inbound: &[],
    own_error: |reply| !reply.is_page(),
};

pub static FACES: Faces = Faces {
    system: Some(&SYSTEM),
    polls: &[
        poll("appointments", |window, talk, _| {
            list("/v1/individual_appointments", window, talk)
        }),
        poll("cancelled", |window, talk, _| {
            list("/v1/individual_appointments/cancelled", window, talk)
        }),
    ],
    patient: Some(patient),
    ..Faces::of(&VENDOR)
};

pub static DOORS: &[&Door] = &[];

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "the practice's calendar",
    channel: Channel::Practice,
    several: false,
    hears: everything,
    subscriptions: &[Subscription::of(Topic::VisitCancelled, &CALL_OFF)],
    arrival: Offer::No("its answer says that the appointment is cancelled"),
    contact: Offer::No("the appointment there names its patient"),
};

/// It takes no key. What was called off is never called off again: it is read first. How long a lost
/// call may still have its effect is unverified.
static CALL_OFF: [Effect<Notification, ExternalId>; 1] = [Effect::new(
    call_off,
    called_off,
    LostReply::Find {
        look: is_off,
        trusted_after: 60,
    },
)];

const OF_PATIENT: &str = "patient_reason";
const OF_CLINIC: &str = "clinic_reason";
/// `Other` where the clinic chose none: it says nothing of anybody's health.
const OTHER: i64 = 50;
const REASONS: &[(&str, &str)] = &[
    ("50", "Other"),
    ("10", "Feeling better"),
    ("20", "Condition worse"),
    ("30", "Sick"),
    ("31", "COVID-19 related"),
    ("40", "Away"),
    ("60", "Work"),
];

const fn reason(name: &'static str, label: &'static str) -> Field {
    Field {
        kind: FieldKind::Choice(REASONS),
        ..Field::text(name, label).optional()
    }
}

/// 200 calls a minute are allowed, and a day of a large clinic is few pages.
const fn poll(name: &'static str, read: Read<Window, Portion<Item>>) -> Poll {
    Poll {
        name,
        every: 60,
        longest: 86_400,
        overlap: 300,
        read,
    }
}

/// Seconds to wait where it does not say for how long.
const BUSY: i64 = 60;

/// What stands behind the key's last dash; without it the key is of the first shard.
fn shard(key: &str) -> &str {
    let (_, end) = key.rsplit_once('-').unwrap_or_default();
    let (letters, digits) = end.split_at_checked(2).unwrap_or_default();
    let region = letters.len() == 2 && letters.bytes().all(|b| b.is_ascii_lowercase());
    let number = matches!(digits.len(), 1 | 2) && digits.bytes().all(|b| b.is_ascii_digit());
    if region && number { end } else { "au1" }
}

#[derive(Deserialize)]
struct Page {
    individual_appointments: Vec<Value>,
    #[serde(default)]
    links: Links,
}

#[derive(Default, Deserialize)]
struct Links {
    next: Option<String>,
}

/// A portion begins at a time and not at a page: what changes while the list is read moves the pages
/// behind it, and would be missed. Only what changed within one second fills a page is read on by
/// the vendor's own link, as is a page that is not in order.
fn list(path: &str, window: &Window, talk: &mut Talk) -> Result<Portion<Item>, Pause> {
    let request = match window.after.as_deref().map(|after| (after, after.parse())) {
        Some((link, Err(_))) => Request::to("GET", link, Body::None),
        Some((_, Ok(from))) => since(path, from)?,
        None => since(path, window.from)?,
    };
    let page: Page = answered(talk.ask(request)?)?;
    let all = &page.individual_appointments;
    let changed: Vec<_> = all.iter().map(changed_at).collect();
    let in_order = changed.is_sorted() && changed.iter().all(Option::is_some);
    let ends = changed.first().copied().flatten();
    let ends = ends.zip(changed.last().copied().flatten());
    let next = match (page.links.next, ends.filter(|_| in_order)) {
        (None, _) => None,
        (Some(_), Some((_, last))) if last >= window.until => None,
        (Some(_), Some((first, last))) if last > first => Some(last.to_string()),
        (link, _) => link,
    };
    // What changed since is in the next window.
    let within = |changed: Option<Timestamp>| changed.is_none_or(|at| at < window.until);
    let read = all.iter().zip(changed).filter(|(_, at)| within(*at));
    Ok(Portion {
        items: read.map(|(raw, _)| item(raw)).collect(),
        next,
    })
}

fn changed_at(raw: &Value) -> Option<Timestamp> {
    raw["updated_at"].as_str()?.parse().ok()
}

/// What changed at or after this: the vendor compares whole seconds, and knows no "at".
fn since(path: &str, from: Timestamp) -> Result<Request, Trouble> {
    let before = from.as_second() - 1;
    let before = Timestamp::from_second(before).map_err(|_| Trouble::Missing)?;
    Ok(Request::get(path)
        .query("q[]", format!("updated_at:>{before}"))
        .query("sort", "updated_at:asc")
        .query("per_page", "100"))
}

/// Its answer; where it takes no more calls, until when: both clocks are its own.
fn said(reply: &Reply) -> Result<&Reply, Trouble> {
    if reply.status == 429 {
        let reset = reply.header("x-ratelimit-reset");
        let reset: Option<i64> = reset.and_then(|text| text.parse().ok());
        let now = reply
            .header("date")
            .and_then(|text| rfc2822::parse(text).ok());
        let wait = reset
            .zip(now)
            .map(|(reset, now)| reset - now.timestamp().as_second());
        return Err(Trouble::busy(wait.unwrap_or(BUSY).max(1)));
    }
    reply.ok()
}

fn answered<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, Trouble> {
    said(reply)?.json()
}

#[derive(Deserialize)]
struct Appointment {
    starts_at: Timestamp,
    updated_at: Timestamp,
    cancelled_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    archived_at: Option<Timestamp>,
    did_not_arrive: Option<bool>,
    patient_arrived: Option<bool>,
}

impl Appointment {
    /// One that was put away after it took place took place all the same.
    fn stands(&self) -> Stands {
        match self {
            _ if self.deleted_at.is_some() => Stands::Deleted,
            _ if self.cancelled_at.is_some() => Stands::Cancelled,
            _ if self.did_not_arrive == Some(true) => Stands::NoShow,
            _ if self.patient_arrived == Some(true) => Stands::Completed,
            _ if self.archived_at.is_some() => Stands::Deleted,
            _ => Stands::Booked,
        }
    }
}

fn call_off(ask: &Notification, talk: &mut Talk, account: &Account) -> Result<Request, Pause> {
    unless_there(is_off(ask, talk, account)?)?;
    let chosen = account.secret(match ask.stood.cancelled_by {
        Some(CancelledBy::Patient) => OF_PATIENT,
        Some(CancelledBy::Clinic) | None => OF_CLINIC,
    });
    let body = json!({
        "cancellation_reason": chosen.parse().unwrap_or(OTHER),
        "cancellation_note": ask.message.subject,
    });
    Ok(Request::json("PATCH", path(ask)? + "/cancel", body))
}

fn called_off(_: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    match said(reply)?.status {
        204 => Ok(ExternalId(None)),
        other => Err(Trouble::Unreadable(format!("status {other}"))),
    }
}

/// Whether there is nothing to call off: also where the appointment is gone or was put away, and
/// where it took place, which its list tells.
fn is_off(ask: &Notification, talk: &mut Talk, _: &Account) -> Result<Option<ExternalId>, Pause> {
    let there = match answered::<Appointment>(talk.ask(Request::get(path(ask)?))?) {
        Err(Trouble::Missing) => return Ok(Some(ExternalId(None))),
        read => read?,
    };
    Ok((there.stands() != Stands::Booked).then_some(ExternalId(None)))
}

fn path(ask: &Notification) -> Result<String, Trouble> {
    let id = vendor_id(ask.ids.appointment.clone().unwrap_or_default())?;
    Ok(format!("/v1/individual_appointments/{id}"))
}

/// An event is this appointment as it is now: of two that stand alike nothing is told.
fn item(raw: &Value) -> Item {
    let digest = digest_id(&["appointment", &sorted(raw.clone())]);
    let fact = fact(raw);
    let id = match &fact {
        Ok(fact) => format!("{}.{}.{}", fact.id, fact.at.as_second(), &digest[..8]),
        Err(_) => digest,
    };
    Item {
        id: Some(id),
        name: "appointment.changed".into(),
        notice: fact.map(|fact| Notice::Visit(Box::new(fact))),
    }
}

fn fact(raw: &Value) -> Result<VisitFact, Unreadable> {
    let read: Appointment = read_part(raw)?;
    // Ids are texts in the current reference and numbers in the older one.
    let id = match &raw["id"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(Unreadable("id cannot be read".into())),
    };
    let patient = linked(raw, "patient");
    Ok(VisitFact {
        id,
        of_type: linked(raw, "appointment_type"),
        patient: patient.ok_or_else(|| Unreadable("patient is missing".into()))?,
        person: None,
        starts_at: read.starts_at,
        stands: read.stands(),
        practitioner: linked(raw, "practitioner"),
        site: linked(raw, "business"),
        at: read.updated_at,
    })
}

/// The id of something that is named by its address alone.
fn linked(raw: &Value, field: &str) -> Option<String> {
    let address = raw[field]["links"]["self"].as_str()?;
    address.rsplit('/').next().map(String::from)
}

#[derive(Deserialize)]
struct Patient {
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    patient_phone_numbers: Vec<Value>,
}

/// Who a patient is. A number counts only where it is international, as nothing says of which
/// country another is.
fn patient(id: &str, talk: &mut Talk, _: &Account) -> Result<Person, Pause> {
    let id = vendor_id(id.into())?;
    let read: Patient = answered(talk.ask(Request::get(format!("/v1/patients/{id}")))?)?;
    let names = [read.first_name, read.last_name].into_iter().flatten();
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    let numbers = read.patient_phone_numbers.iter();
    let numbers = numbers.filter_map(|phone| phone["number"].as_str());
    let mut plain = numbers.map(|number| number.replace([' ', '-', '(', ')'], ""));
    Ok(Person {
        name: names.join(" "),
        email: read.email.filter(|email| !email.is_empty()),
        phone: plain.find(|number| number.starts_with('+')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_its_own_shard_and_no_key_to_another_host() {
        for (key, wanted) in [
            ("MS0xLWFiYw-uk1", "uk1"),
            ("MS0xLWFiYw-au12", "au12"),
            ("MS0xLWFiYw", "au1"),
            ("MS0x-", "au1"),
            ("MS0x-uk123", "au1"),
            ("MS0x-UK1", "au1"),
            ("MS0x-uk", "au1"),
            ("MS0x-u1", "au1"),
            ("MS0x-uk1.evil.example/", "au1"),
            ("MS0x-ék1", "au1"),
        ] {
            assert_eq!(shard(key), wanted, "{key}");
        }
    }
}
