//! The language that the simulated gateways speak: what is asked, what is answered, what a webhook
//! says. Their own, and known to no rule; `adapters.rs` reads it as any adapter reads a vendor's.

use serde::{Deserialize, Serialize};

/// A call as it arrives at a gateway.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// `/pages`, `/pages/pg1/end`, `/payments/pm1/refunds`, …
    pub path: String,
    pub body: Order,
    pub key: Option<String>,
}

/// The body of a call that changes something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Order {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub amount: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub currency: String,
    /// The kept method that is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether the gateway is to keep the method that pays on the page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
    /// All that will have been refunded after this refund, where the gateway wants to hear it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

/// A gateway's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Own(Box<Told>),
    /// What something in between answers: a page of HTML.
    Foreign,
}

/// The body of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub says: Vec<Say>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Opened>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Refused>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// The gateway's own error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub code: Code,
    /// Of the object that exists already.
    #[serde(default)]
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not enough money on the card or account.
    NoFunds,
    /// The card or account will not work again.
    Dead,
    NotFound,
    AlreadyRefunded,
    AmountExceeded,
    /// The clinic's own balance does not cover the refund.
    Balance,
    NotApproved,
    AlreadyPaid,
    CannotEnd,
    /// The total that was named is not the one that the gateway has.
    TotalDiffers,
    InFlight,
    BadKey,
    Forbidden,
    TooMany,
    /// What was asked is not offered here: the amount, the currency, an address.
    Unsupported,
}

/// One statement about one object, in an answer or in a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    pub what: What,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Code>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When a debit that is under way is collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected_at: Option<i64>,
    /// When it happened.
    pub at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Approved,
    Pending,
    Succeeded,
    Failed,
    Expired,
    Returned,
    RefundPending,
    RefundSucceeded,
    RefundFailed,
    DisputeOpened,
    DisputeWon,
    DisputeLost,
}

impl Answer {
    pub fn says(says: Vec<Say>) -> Self {
        Self::own(
            200,
            Told {
                says,
                ..Told::default()
            },
        )
    }

    pub fn page(id: &str, expires_at: Option<i64>) -> Self {
        let page = Some(Opened {
            id: id.into(),
            expires_at,
        });
        Self::own(
            201,
            Told {
                page,
                ..Told::default()
            },
        )
    }

    pub fn refused(code: Code) -> Self {
        Self::exists(code, "")
    }

    /// Whether the gateway refused, in its own words.
    pub fn is_refusal(&self) -> bool {
        matches!(&self.body, Body::Own(told) if told.error.is_some())
    }

    /// Whether it is a refusal for this reason.
    pub fn is(&self, code: Code) -> bool {
        let of = |told: &Told| told.error.as_ref().is_some_and(|error| error.code == code);
        matches!(&self.body, Body::Own(told) if of(told))
    }

    pub fn exists(code: Code, id: &str) -> Self {
        let status = match code {
            Code::NotFound => 404,
            Code::InFlight | Code::AlreadyPaid => 409,
            Code::BadKey => 401,
            Code::Forbidden => 403,
            Code::TooMany => 429,
            Code::NoFunds | Code::Dead => 402,
            _ => 400,
        };
        let error = Some(Refused {
            code,
            id: id.into(),
        });
        Self::own(
            status,
            Told {
                error,
                ..Told::default()
            },
        )
    }

    /// The same without what it says of payments themselves, where it says anything else.
    pub fn without_payments(mut self) -> Self {
        if let Body::Own(told) = &mut self.body {
            let other = |say: &Say| say.refund.is_some() || say.dispute.is_some();
            if told.says.iter().any(other) {
                told.says.retain(other);
            }
        }
        self
    }

    /// The same, and of payments it names more than anybody asked for.
    pub fn misstated(mut self) -> Self {
        if let Body::Own(told) = &mut self.body {
            // Of a refund only where it is none of ours: what of ours is misstated is another thing.
            let misread = |say: &&mut Say| {
                let strangers = say.refund.is_some() && say.reference.is_none();
                (say.refund.is_none() || strangers) && say.dispute.is_none()
            };
            for say in told.says.iter_mut().filter(misread) {
                say.amount = say.amount.map(|amount| 3 * amount + 1);
            }
        }
        self
    }

    pub fn foreign(status: u16) -> Self {
        Self {
            status,
            body: Body::Foreign,
        }
    }

    fn own(status: u16, told: Told) -> Self {
        Self {
            status,
            body: Body::Own(Box::new(told)),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Own(told) => serde_json::to_vec(told).expect("plain data"),
            Body::Foreign => b"<html>Something in between</html>".to_vec(),
        }
    }
}
