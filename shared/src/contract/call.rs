//! A call to a vendor: how it is described, how its answer is read, what a lost reply means, and why
//! it may not have given its answer. Nothing here touches the network.

use super::talk::Read;
use super::vendor::Account;
use crate::domain::fact::Decline;
use crate::words::ids;
use crate::words::json::{self, Unfit};
use crate::words::money::BadAmount;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A call that changes something at the vendor: money, a message, a document. It cannot be written
/// down without saying what to do when its reply never comes.
pub struct Effect<Ask: 'static, Answer: 'static> {
    /// The one request that acts, after reading what it depends on. What goes wrong here went wrong
    /// before anything was done. Where a vendor takes no key it may look first, for what is there
    /// already: [`unless_there`].
    pub build: Read<Ask, Request>,
    /// Reads the answer to that request.
    pub parse: Parse<Ask, Answer>,
    /// What to do where no answer came.
    pub lost_reply: LostReply<Ask, Answer>,
}

/// Reads the answer to one request.
pub type Parse<Ask, Answer> = fn(&Ask, &Reply, &Account) -> Result<Answer, Trouble>;

impl<Ask, Answer> Effect<Ask, Answer> {
    /// In the order in which it happens.
    pub const fn new(
        build: Read<Ask, Request>,
        parse: Parse<Ask, Answer>,
        lost_reply: LostReply<Ask, Answer>,
    ) -> Self {
        Self {
            build,
            parse,
            lost_reply,
        }
    }
}

/// What is done when nobody knows whether a call had its effect.
pub enum LostReply<Ask: 'static, Answer: 'static> {
    /// Send the same bytes under the same key: the vendor does it once. When it may have forgotten
    /// the key, `then`.
    SameKey {
        key: Key,
        then: &'static LostReply<Ask, Answer>,
    },
    /// Look for our own reference. "Not found" proves nothing until `trusted_after` seconds.
    Find {
        look: Read<Ask, Option<Answer>>,
        trusted_after: i64,
    },
    /// A person looks before anything is sent again.
    Human,
}

/// How a vendor takes the key under which it does a thing once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it goes.
    pub place: KeyPlace,
    /// How it is spelled.
    pub spelling: Spelling,
    /// Seconds that the vendor remembers it.
    pub lifetime: i64,
}

/// How a key is spelled. Ours are letters, digits and `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As we write it, at most so many letters.
    Plain(usize),
    /// As a UUID that is made of it, the same each time.
    Uuid,
}

impl Key {
    /// A key of ours as this vendor takes it.
    pub fn spelled(&self, key: &str) -> Result<String, Trouble> {
        match self.spelling {
            Spelling::Plain(longest) if key.len() <= longest => Ok(key.into()),
            Spelling::Plain(longest) => {
                let why = format!("a key of more than {longest} letters");
                Err(Trouble::Rejected(why))
            }
            Spelling::Uuid => Ok(ids::uuid(&["key", key])),
        }
    }
}

impl<Ask, Answer> LostReply<Ask, Answer> {
    /// What it means so many seconds after the call: once a key may be forgotten, what follows.
    pub fn at(&self, age: i64) -> &Self {
        match self {
            Self::SameKey { key, then } if !remembers(key.lifetime, age) => then.at(age),
            other => other,
        }
    }
}

/// Whether a vendor that remembers keys for so long surely knows one of this age: well inside the
/// lifetime, so that a slow repeat does not fall out of it.
pub fn remembers(lifetime: i64, age: i64) -> bool {
    age <= lifetime - lifetime / 10
}

/// Where a vendor wants the key under which it does a thing once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In the header of this name.
    Header(&'static str),
    /// In the field of the address's query of this name.
    Query(&'static str),
    /// `build` writes the ask's own key into the body.
    Body,
}

/// A request as an adapter describes it: path and query on the vendor's host. Serialised into the
/// intent, so that a repeat sends the same bytes; it never holds a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The HTTP method in capitals: `GET`, `POST`.
    pub method: String,
    /// A further host of the same vendor, with scheme; `None` is the vendor's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// From the first `/`, without query.
    pub path: String,
    /// Fields of the address, not yet encoded, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// Beside those that the vendor's every call carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body,
}

/// A request's content, and with it its content type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Nothing, and no content type.
    None,
    /// Fields in this order, not yet encoded.
    Form(Vec<(String, String)>),
    /// A JSON document.
    Json(serde_json::Value),
    /// Bytes that must go out exactly as they are, with their content type.
    Exact { content_type: String, text: String },
}

impl Request {
    /// A request that asks and changes nothing.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path, Body::None)
    }

    /// A POST of these fields.
    pub fn form(path: impl Into<String>, fields: Vec<(&str, String)>) -> Self {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        Self::new("POST", path, Body::Form(fields))
    }

    /// With a JSON document as its body.
    pub fn json(method: &str, path: impl Into<String>, body: serde_json::Value) -> Self {
        Self::new(method, path, Body::Json(body))
    }

    /// Without query or headers, at the vendor's own host.
    pub fn new(method: &str, path: impl Into<String>, body: Body) -> Self {
        Self {
            method: method.into(),
            host: None,
            path: path.into(),
            query: vec![],
            headers: vec![],
            body,
        }
    }

    /// With one more field in its address.
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// To an address that a reply gave, `https://host/path?query`, or to a path at the vendor's own
    /// host.
    pub fn to(method: &str, address: &str, body: Body) -> Self {
        let start = address.find("://").map_or(0, |at| at + 3);
        let path_at = address[start..].find('/').map(|at| start + at);
        let (host, path) = address.split_at(path_at.unwrap_or(address.len()));
        Self {
            host: (!host.is_empty()).then(|| host.into()),
            ..Self::new(method, path, body)
        }
    }

    /// With one more header. A `content-type` that is named so stands in place of the body's own.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A vendor's answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// As they came; names in any case.
    pub headers: Vec<(String, String)>,
    /// The bytes, of whatever type.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as this shape.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Trouble> {
        json::read(&self.body)
            .map_err(|why| Trouble::Unreadable(format!("status {}: {why}", self.status)))
    }

    /// Whether the body is JSON with a text at each of these places (JSON pointers).
    pub fn has_texts(&self, places: &[&str]) -> bool {
        let body: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let text = |place: &&str| body.as_ref()?.pointer(place)?.as_str();
        places.iter().all(|place| text(place).is_some())
    }

    /// Whether the body is a page for people, as proxies make them.
    pub fn is_page(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }

    /// What a status means at every vendor; an adapter looks at its own error codes first. `Ok` is a
    /// success whose body may be read.
    pub fn ok(&self) -> Result<&Self, Trouble> {
        match self.status {
            200..300 => Ok(self),
            401 | 403 => {
                let why = format!("our key was not accepted (status {})", self.status);
                Err(Trouble::Credentials(why))
            }
            404 => Err(Trouble::Missing),
            429 => {
                let told = self.header("retry-after").and_then(|s| s.parse().ok());
                Err(Trouble::busy(told.unwrap_or(30)))
            }
            408 | 425 | 499 => Err(Trouble::Unclear(format!("status {}", self.status))),
            400..500 => Err(Trouble::Rejected(format!("status {}", self.status))),
            _ => Err(Trouble::Unclear(format!("status {}", self.status))),
        }
    }
}

/// Why a call did not give its answer, as far as it decides what may be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The payer's side said no: the attempt is over, and nothing was taken. Of a message, that the
    /// addressee wants none: `Cancelled`.
    Declined(Decline),
    /// The vendor understood and refuses; the same request will be refused again. Nothing happened.
    Rejected(String),
    /// Our key is not accepted, or what is configured leads nowhere. Nothing happened; a person must
    /// mend the configuration.
    Credentials(String),
    /// It takes nothing from us before a person has mended something there. Nothing happened.
    Closed(String),
    /// It was answered, and not taken: the same may be taken later. Nothing happened.
    NotTaken(String),
    /// No such object.
    Missing,
    /// Something that the request names by its id is gone at the vendor, or was put away there.
    /// Nothing happened.
    Gone(String),
    /// Not now: too many requests, or not yet settled. Nothing happened, and the same may be asked
    /// again after so many seconds.
    Later { seconds: i64, why: String },
    /// It no longer fits what the vendor knows, which has changed meanwhile. Nothing happened: look,
    /// then build it anew.
    Stale(String),
    /// The first call under this key is still running: ask again under the same key.
    InFlight,
    /// It was already done, under this key or as a look before it says, and this is the object.
    Exists(String),
    /// It may or may not have happened: no reply, 5xx, a timeout.
    Unclear(String),
    /// An answer that the adapter does not understand: treated as unclear, and shown to staff. Names
    /// the field, never what stood in it.
    Unreadable(String),
}

impl Trouble {
    /// Not now, for this reason.
    pub fn later(seconds: i64, why: &str) -> Self {
        let why = why.to_owned();
        Self::Later { seconds, why }
    }

    /// Too many requests.
    pub fn busy(seconds: i64) -> Self {
        Self::later(seconds, "too many requests")
    }

    /// Whether the call may have had its effect all the same.
    pub fn may_have_happened(&self) -> bool {
        matches!(
            self,
            Self::InFlight | Self::Exists(_) | Self::Unclear(_) | Self::Unreadable(_)
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Declined(why) => write!(f, "declined: {why:?}"),
            Self::Rejected(why) => write!(f, "refused: {why}"),
            Self::Credentials(why) => write!(f, "the connection must be mended: {why}"),
            Self::Closed(why) => f.write_str(why),
            Self::NotTaken(why) => write!(f, "not taken: {why}"),
            Self::Missing => f.write_str("no such object"),
            Self::Gone(why) => write!(f, "what it names is gone: {why}"),
            Self::Later { seconds, why } => write!(f, "{why}, again in {seconds} s"),
            Self::Stale(why) => write!(f, "overtaken: {why}"),
            Self::InFlight => f.write_str("still in flight under the same key"),
            Self::Exists(id) => write!(f, "exists already as {id}"),
            Self::Unclear(why) => write!(f, "no clear answer: {why}"),
            Self::Unreadable(why) => write!(f, "an answer that cannot be read: {why}"),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<BadAmount> for Trouble {
    /// What stood there is not repeated.
    fn from(_: BadAmount) -> Self {
        Self::Unreadable("an amount cannot be read".into())
    }
}

impl From<Unfit> for Trouble {
    fn from(why: Unfit) -> Self {
        Self::Unreadable(why.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lost = LostReply<(), ()>;

    #[test]
    fn a_key_is_repeated_well_inside_its_lifetime_and_then_what_follows_counts() {
        const PERSON: Lost = LostReply::Human;
        const fn key(lifetime: i64) -> Key {
            Key {
                place: KeyPlace::Body,
                spelling: Spelling::Plain(36),
                lifetime,
            }
        }
        static SHORT: Lost = LostReply::SameKey {
            key: key(1000),
            then: &PERSON,
        };
        let long: Lost = LostReply::SameKey {
            key: key(100),
            then: &SHORT,
        };
        let repeats = |lost: &Lost| match lost {
            LostReply::SameKey { key, .. } => Some(key.lifetime),
            _ => None,
        };
        for (age, lifetime) in [
            (0, Some(100)),
            (90, Some(100)),
            (91, Some(1000)),
            (900, Some(1000)),
            (901, None),
            (i64::MAX, None),
        ] {
            assert_eq!(repeats(long.at(age)), lifetime, "after {age} s");
        }
    }

    #[test]
    fn a_key_is_spelled_as_the_vendor_takes_it_and_the_same_each_time() {
        let key = |spelling| Key {
            place: KeyPlace::Body,
            spelling,
            lifetime: 1,
        };
        let ours = "0123456789abcdef-r1";
        let plain = key(Spelling::Plain(ours.len())).spelled(ours);
        assert_eq!(plain.as_deref(), Ok(ours));
        let short = key(Spelling::Plain(ours.len() - 1)).spelled(ours);
        assert!(short.is_err(), "never cut: two keys would become one");
        let uuid = key(Spelling::Uuid).spelled(ours).expect("a UUID");
        assert_eq!(key(Spelling::Uuid).spelled(ours), Ok(uuid.clone()));
        assert_ne!(key(Spelling::Uuid).spelled("other"), Ok(uuid.clone()));
        let parts: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!(&uuid[14..15], "4", "its version");
        assert!("89ab".contains(&uuid[19..20]), "its variant: {uuid}");
    }
}
