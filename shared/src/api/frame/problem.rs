//! What a request is told that was not granted: `application/problem+json` (RFC 9457) with a stable
//! type, what was wrong and what to do.

use crate::domain::actor::Permission;
use crate::domain::decide::Refusal;
use crate::flows::Failure;
use crate::flows::commit::Busy;
use crate::flows::denied::Denied;
use crate::io::lambda::HttpResponse;
use crate::io::queue::NotSent;
use crate::io::secrets::Unavailable;
use crate::io::store::StoreError;
use crate::words::money::Money;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// The kinds of problem, one stable `type` each; several may share a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 400: the bytes are no JSON, or the address no address of this API.
    Malformed,
    /// 400: a call that does something needs an Idempotency-Key.
    KeyMissing,
    /// 401: no key, or none that is known.
    Unauthorized,
    /// 403: the key lacks a permission.
    Forbidden,
    /// 403: who asked for a refund does not approve it.
    OwnRequest,
    /// 404: the clinic has none of that id.
    NotFound,
    /// 405: the path is there, for other methods.
    MethodNotAllowed,
    /// 409: it cannot be done as things stand.
    Conflict,
    /// 409: more than can be refunded, which is told.
    NotRefundable,
    /// 409: more than is due, which is told.
    NotDue,
    /// 409: more than the patient's credit holds, which is told.
    NotEnoughCredit,
    /// 413: the body is longer than one may be.
    TooLarge,
    /// 415: the body is no JSON by its content type.
    UnsupportedType,
    /// 422: a field or parameter is not as it must be; it is named.
    Invalid,
    /// 422: the Idempotency-Key came before, with another call.
    KeyReused,
    /// 500: a fault of ours; it may be tried again.
    Internal,
    /// 503: others are writing the same just now; it may be tried again.
    Busy,
    /// 503: something that is needed does not answer; it may be tried again.
    Unavailable,
}

impl Kind {
    /// Every kind, as the document lists them.
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::KeyMissing,
        Self::Unauthorized,
        Self::Forbidden,
        Self::OwnRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::NotRefundable,
        Self::NotDue,
        Self::NotEnoughCredit,
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
            Self::OwnRequest => (403, "own-request", "Who asked does not approve"),
            Self::NotFound => (404, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Not by this method"),
            Self::Conflict => (409, "conflict", "It does not fit what is there"),
            Self::NotRefundable => (409, "not-refundable", "More than can be refunded"),
            Self::NotDue => (409, "not-due", "More than is due"),
            Self::NotEnoughCredit => (
                409,
                "not-enough-credit",
                "More than the patient's credit holds",
            ),
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

    /// The HTTP status that it is answered with.
    pub fn status(self) -> u16 {
        self.facts().0
    }

    /// The last part of its `type`: `not-due`.
    pub fn name(self) -> &'static str {
        self.facts().1
    }

    /// The same for every problem of the kind, for people.
    pub fn title(self) -> &'static str {
        self.facts().2
    }
}

/// What was not granted, and what to do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem", example = Problem::invalid("amount", "more than 0").body())]
pub struct Body {
    /// Stable: tell problems apart by it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong and what to do.
    pub detail: String,
    /// Where a field is not as it must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Permission>,
    /// What can still be refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refundable: Option<Money>,
    /// What can be asked for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Money>,
    /// What the patient's credit holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<Money>,
}

/// `/problems/not-due`
impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("/problems/{}", self.name()))
    }
}

impl JsonSchema for Kind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ProblemType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let types = Self::ALL.map(|kind| format!("/problems/{}", kind.name()));
        json_schema!({ "type": "string", "enum": types })
    }
}

/// A problem: what kind of it, in which words, and what a caller may need to go on.
#[derive(Debug)]
pub struct Problem {
    /// Which `type` and status the answer has.
    pub kind: Kind,
    /// What was wrong and what to do.
    pub detail: String,
    /// Where a field or parameter is not as it must be.
    field: Option<String>,
    /// The permission that is lacking.
    permission: Option<Permission>,
    /// How much of it would be granted.
    left: Option<(Left, Money)>,
    /// The methods that a path takes, where another one was used.
    allow: Option<String>,
}

/// Of what so much would be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// What can still be refunded.
    Refundable,
    /// What can be asked for now.
    Due,
    /// What the patient's credit holds.
    Available,
}

impl Problem {
    /// A problem with nothing beside its words, which say what was wrong and what to do.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            permission: None,
            left: None,
            allow: None,
        }
    }

    /// A field of the body or a parameter that is not as it must be.
    pub fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(Kind::Invalid, format!("{field}: {why}"))
        }
    }

    /// 404: whatever is not there and whatever is another clinic's are told alike.
    pub fn missing(what: &str) -> Self {
        Self::new(
            Kind::NotFound,
            format!("there is no such {what} in this clinic"),
        )
    }

    /// What the key lacks.
    pub fn lacking(mut self, permission: Permission) -> Self {
        self.permission = Some(permission);
        self
    }

    /// The methods that the path takes, for the `Allow` of a 405.
    pub fn allowing(mut self, methods: String) -> Self {
        self.allow = Some(methods);
        self
    }

    fn left(&self, of: Left) -> Option<Money> {
        let (what, amount) = self.left?;
        (what == of).then_some(amount)
    }

    /// The body as it is sent.
    pub fn body(&self) -> Body {
        Body {
            kind: self.kind,
            title: self.kind.title().into(),
            status: self.kind.status(),
            detail: self.detail.clone(),
            field: self.field.clone(),
            permission: self.permission,
            refundable: self.left(Left::Refundable),
            due: self.left(Left::Due),
            available: self.left(Left::Available),
        }
    }

    /// As it is sent, with the headers of its kind: `Allow`, `WWW-Authenticate`, `Retry-After`.
    pub fn response(&self) -> HttpResponse {
        let body = serde_json::to_string(&self.body()).unwrap_or_default();
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
            Refusal::NotRefundable { refundable } => Self {
                left: Some((Left::Refundable, refundable)),
                ..Self::new(
                    Kind::NotRefundable,
                    format!("only {refundable} can still be refunded: ask for that much or less"),
                )
            },
            Refusal::NotDue { due } => Self {
                left: Some((Left::Due, due)),
                ..Self::new(
                    Kind::NotDue,
                    format!(
                        "only {due} can be asked for now: charge that much or less, or wait for \
                         what is under way"
                    ),
                )
            },
            Refusal::NotEnoughCredit { available } => Self {
                left: Some((Left::Available, available)),
                ..Self::new(
                    Kind::NotEnoughCredit,
                    format!("only {available} of credit is there: use that much or less"),
                )
            },
            Refusal::Busy => Self::new(
                Kind::Conflict,
                "a call on the same object is under way: repeat later",
            ),
            Refusal::NotFound(what) => Self::missing(&what),
        }
    }
}

impl From<Denied> for Problem {
    fn from(why: Denied) -> Self {
        match why {
            Denied::Invalid { field, why } => Self::invalid(&field, why),
            Denied::NotFound(what) => Self::missing(what),
            Denied::Conflict(why) => Self::new(Kind::Conflict, why),
            Denied::Lacks { permission, why } => {
                Self::new(Kind::Forbidden, why).lacking(permission)
            }
            Denied::OwnRequest => Self::new(
                Kind::OwnRequest,
                "who asked for a refund does not approve it: another person does, with another key",
            ),
            Denied::NothingPaid { why, refundable } => Self {
                left: Some((Left::Refundable, refundable)),
                ..Self::new(Kind::NotRefundable, why)
            },
            Denied::Refused(why) => why.into(),
            Denied::Again(why) => Self::new(Kind::Unavailable, why),
            Denied::Failed(why) => why.into(),
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
        let why = match why.downcast::<NotSent>() {
            Ok(why) => return later(&*why),
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
