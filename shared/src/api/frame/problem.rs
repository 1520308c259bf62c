//! What a request is told that was not granted: `application/problem+json` (RFC 9457) with a stable
//! type, what was wrong and what to do.

use crate::domain::decide::Refusal;
use crate::flows::Failure;
use crate::flows::commit::Busy;
use crate::io::lambda::HttpResponse;
use crate::io::queue::NotSent;
use crate::io::secrets::Unavailable;
use crate::io::store::StoreError;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Malformed,
    KeyMissing,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    NotRefundable,
    NotDue,
    TooLarge,
    UnsupportedType,
    Invalid,
    KeyReused,
    Internal,
    Busy,
    Unavailable,
}

impl Kind {
    pub const ALL: [Self; 16] = [
        Self::Malformed,
        Self::KeyMissing,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::NotRefundable,
        Self::NotDue,
        Self::TooLarge,
        Self::UnsupportedType,
        Self::Invalid,
        Self::KeyReused,
        Self::Internal,
        Self::Busy,
        Self::Unavailable,
    ];

    fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (400, "malformed", "The request cannot be read"),
            Self::KeyMissing => (
                400,
                "idempotency-key-missing",
                "An Idempotency-Key is needed",
            ),
            Self::Unauthorized => (401, "unauthorized", "No valid API key"),
            Self::Forbidden => (403, "forbidden", "The key lacks a permission"),
            Self::NotFound => (404, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Not by this method"),
            Self::Conflict => (409, "conflict", "It does not fit what is there"),
            Self::NotRefundable => (409, "not-refundable", "More than can be refunded"),
            Self::NotDue => (409, "not-due", "More than is due"),
            Self::TooLarge => (413, "too-large", "The body is too large"),
            Self::UnsupportedType => (415, "unsupported-type", "The body is no JSON"),
            Self::Invalid => (422, "invalid", "A field is not as it must be"),
            Self::KeyReused => (
                422,
                "idempotency-key-reused",
                "The key belongs to another request",
            ),
            Self::Internal => (500, "internal", "Something failed on our side"),
            Self::Busy => (503, "busy", "Others are writing the same just now"),
            Self::Unavailable => (503, "unavailable", "Not available just now"),
        }
    }

    pub fn status(self) -> u16 {
        self.facts().0
    }

    pub fn name(self) -> &'static str {
        self.facts().1
    }

    pub fn title(self) -> &'static str {
        self.facts().2
    }
}

#[derive(Debug)]
pub struct Problem {
    pub kind: Kind,
    /// What was wrong and what to do.
    pub detail: String,
    /// Further members, such as `refundable`.
    more: Vec<(&'static str, Value)>,
    /// The methods that a path takes, where another one was used.
    allow: Option<String>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            more: vec![],
            allow: None,
        }
    }

    /// A field of the body or a parameter that is not as it must be.
    pub fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        Self::new(Kind::Invalid, format!("{field}: {why}")).with("field", json!(field))
    }

    pub fn missing(what: &str) -> Self {
        Self::new(
            Kind::NotFound,
            format!("there is no such {what} in this clinic"),
        )
    }

    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.more.push((name, value));
        self
    }

    pub fn allowing(mut self, methods: String) -> Self {
        self.allow = Some(methods);
        self
    }

    pub fn json(&self) -> Value {
        let mut body = Map::new();
        body.insert(
            "type".into(),
            json!(format!("/problems/{}", self.kind.name())),
        );
        body.insert("title".into(), json!(self.kind.title()));
        body.insert("status".into(), json!(self.kind.status()));
        body.insert("detail".into(), json!(self.detail));
        body.extend(
            self.more
                .iter()
                .map(|(name, value)| ((*name).into(), value.clone())),
        );
        body.into()
    }

    pub fn response(&self) -> HttpResponse {
        let body = self.json().to_string();
        let response = HttpResponse::new(self.kind.status(), "application/problem+json", body);
        match (self.kind, &self.allow) {
            (Kind::MethodNotAllowed, Some(methods)) => response.header("allow", methods.clone()),
            (Kind::Unauthorized, _) => response.header("www-authenticate", "Bearer"),
            (Kind::Busy | Kind::Unavailable, _) => response.header("retry-after", "2"),
            _ => response,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => Self::new(Kind::Invalid, why),
            Refusal::NotRefundable { refundable } => Self::new(
                Kind::NotRefundable,
                format!("only {refundable} can still be refunded: ask for that much or less"),
            )
            .with("refundable", json!(refundable)),
            Refusal::NotDue { due } => Self::new(
                Kind::NotDue,
                format!("only {due} can be asked for now: charge that much or less, or wait for what is under way"),
            )
            .with("due", json!(due)),
            Refusal::Busy => {
                Self::new(Kind::Conflict, "a call on the same object is under way: repeat later")
            }
            Refusal::NotFound(what) => Self::missing(&what),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(why: StoreError) -> Self {
        match why {
            StoreError::Unavailable(_) => later(&why),
            StoreError::TooLarge(_) => Self::new(
                Kind::Conflict,
                "this has grown too large to hold more: begin a new invoice",
            ),
            StoreError::Corrupt(_) => internal(&why),
        }
    }
}

impl From<Unavailable> for Problem {
    fn from(why: Unavailable) -> Self {
        later(&why)
    }
}

impl From<NotSent> for Problem {
    fn from(why: NotSent) -> Self {
        later(&why)
    }
}

impl From<Failure> for Problem {
    fn from(why: Failure) -> Self {
        let why = match why.downcast::<StoreError>() {
            Ok(why) => return (*why).into(),
            Err(why) => why,
        };
        let why = match why.downcast::<Unavailable>() {
            Ok(why) => return (*why).into(),
            Err(why) => why,
        };
        match why.downcast::<Busy>() {
            Ok(why) => {
                tracing::info!(%why, "a request met others at every try");
                Self::new(Kind::Busy, format!("{why}: repeat the request as it is"))
            }
            Err(why) => internal(&*why),
        }
    }
}

fn later(why: &dyn std::error::Error) -> Problem {
    tracing::warn!(%why, "a request is put off");
    Problem::new(
        Kind::Unavailable,
        "a part of Meridian did not answer: repeat the request as it is",
    )
}

fn internal(why: &dyn std::error::Error) -> Problem {
    tracing::error!(%why, "a request failed");
    Problem::new(
        Kind::Internal,
        "nothing is lost: repeat the request as it is, with the same Idempotency-Key",
    )
}
