//! What Authorize.Net answers: to a transaction, and of one. Replies are 200 whatever happened;
//! `messages` says whether the operation went through, the transaction's own code how it ended.
//! Codes of errors: its list, second-hand.

use super::AMOUNTS;
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::words::json::read_part;
use crate::words::money::{Currency, Money};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value, json};

const DECLINES: Declines = Declines(include_str!("declines.txt"));
const STATUSES: Declines = Declines(include_str!("statuses.txt"));

/// A reply that went through. A refusal is one only in the vendor's own shape.
pub fn clear(reply: &Reply) -> Result<Value, Trouble> {
    let body: Value = reply.ok()?.json()?;
    let text = |place: &str| body.pointer(place).and_then(Value::as_str);
    let code = text("/messages/message/0/code").unwrap_or("");
    let words = format!("{code}: {}", text("/messages/message/0/text").unwrap_or(""));
    Err(match (text("/messages/resultCode"), code) {
        (Some("Ok"), _) => return Ok(body),
        (Some("Error"), "E00005" | "E00006" | "E00007" | "E00008" | "E00010" | "E00011") => {
            Trouble::Credentials(words)
        }
        (Some("Error"), "E00040") => Trouble::Missing,
        (Some("Error"), "E00104") => Trouble::later(300, "it is in maintenance"),
        (Some("Error"), "" | "E00001" | "E00053") => Trouble::Unclear("it is not said why".into()),
        (Some("Error"), _) => Trouble::Rejected(words),
        _ => return unknown("result of an operation"),
    })
}

/// The customer's profile, made now or before: a second one is refused with the first one's id.
pub fn profile_of(reply: &Reply) -> Result<String, Trouble> {
    let number = |word: &&str| word.bytes().all(|b| b.is_ascii_digit());
    match clear(reply) {
        Err(Trouble::Rejected(words)) if words.starts_with("E00039") => {
            let known = words.split(' ').find(number).unwrap_or_default();
            vendor_id(known.into())
        }
        made => vendor_id(made?["customerProfileId"].as_str().unwrap_or("").into()),
    }
}

// ---- the reply to a transaction ----------------------------------------------------------------

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    response_code: String,
    trans_id: Option<String>,
    #[serde(default)]
    account_type: String,
    #[serde(default)]
    account_number: String,
    #[serde(default)]
    errors: Value,
}

impl Answered {
    /// A transaction that was refused comes with an envelope that says `Error` too.
    pub fn of(reply: &Reply) -> Result<Self, Trouble> {
        let body: Value = reply.ok()?.json()?;
        match &body["transactionResponse"] {
            Value::Null => clear(reply).and(unknown("answer to a transaction")),
            answered => Ok(read_part(answered)?),
        }
    }

    /// Nothing of a bank account is money before it settled, and what is held for somebody's
    /// judgement is not paid.
    pub fn payment(&self, ask: &Charge) -> Result<Fact, Trouble> {
        let kind = match self.response_code.as_str() {
            "1" if self.account_type == "eCheck" => Kind::PaymentPending,
            "1" => Kind::PaymentSucceeded,
            "4" => Kind::PaymentPending,
            _ => return Err(self.refusal()),
        };
        Ok(Fact {
            reference: Some(ask.reference.clone()),
            payment: Some(self.id()?),
            amount: Some(ask.amount),
            paid_with: ending(&self.account_type, &self.account_number),
            ..Fact::new(kind)
        })
    }

    /// A void answers with the payment's own id.
    pub fn refund(&self, ask: &Refund) -> Result<Fact, Trouble> {
        match self.response_code.as_str() {
            "1" if self.id()? == ask.payment => Ok(void(ask)),
            "1" | "4" => Ok(Fact {
                reference: Some(ask.reference.clone()),
                payment: Some(ask.payment.clone()),
                refund: Some(self.id()?),
                amount: Some(ask.amount),
                ..Fact::new(Kind::RefundPending)
            }),
            _ => Err(match self.refusal() {
                // Nobody's payment is declined here.
                Trouble::Declined(_) => Trouble::Rejected(self.words()),
                other => other,
            }),
        }
    }

    /// An account that only tests has the id 0 for all of them, and moves nothing.
    fn id(&self) -> Result<String, Trouble> {
        let id = self.trans_id.clone().filter(|id| id != "0");
        id.ok_or_else(|| Trouble::Unreadable("a transaction without its id".into()))
    }

    fn refusal(&self) -> Trouble {
        let code = self.first("errorCode");
        match (self.response_code.as_str(), code) {
            // The window against duplicates: the first of them is there, or still comes.
            (_, "11") => Trouble::InFlight,
            // It was settled, or voided, since we looked.
            (_, "16" | "310" | "311") => Trouble::Stale(self.words()),
            ("2", code) => Trouble::Declined(why(code)),
            ("3", "") => Trouble::Unclear("an error without its code".into()),
            ("3", code) => match DECLINES.of(code) {
                Some(why) => Trouble::Declined(why),
                None => Trouble::Rejected(self.words()),
            },
            _ => Trouble::Unreadable("the code of a transaction is none that is known".into()),
        }
    }

    /// Errors are a list, or an object with one.
    fn first(&self, name: &str) -> &str {
        let list = parts(self.errors.get("error").unwrap_or(&self.errors));
        let text = list.first().and_then(|error| error[name].as_str());
        text.unwrap_or("")
    }

    fn words(&self) -> String {
        format!("{}: {}", self.first("errorCode"), self.first("errorText"))
    }
}

/// A reason that stands in no list may pass on another day.
fn why(code: &str) -> Decline {
    DECLINES.of(code).unwrap_or(Decline::Other)
}

/// A payment that was voided gave all of itself back. A void has no id of its own.
pub fn void(ask: &Refund) -> Fact {
    Fact {
        reference: Some(ask.reference.clone()),
        payment: Some(ask.payment.clone()),
        refund: Some(format!("void-{}", ask.payment)),
        amount: Some(ask.amount),
        ..Fact::new(Kind::RefundSucceeded)
    }
}

fn last4(number: &str) -> Option<&str> {
    let last = number.get(number.len().checked_sub(4)?..)?;
    last.bytes().all(|b| b.is_ascii_digit()).then_some(last)
}

/// `Visa ending 2224`, of a number whose other digits are masked.
fn ending(kind: &str, number: &str) -> Option<String> {
    let kind = match kind {
        "" => "Card",
        "eCheck" => "Bank account",
        kind => kind,
    };
    Some(format!("{kind} ending {}", last4(number)?))
}

// ---- a transaction -----------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    trans_id: String,
    ref_trans_id: Option<String>,
    transaction_type: String,
    transaction_status: String,
    response_code: i64,
    response_reason_code: i64,
    #[serde(rename = "submitTimeUTC")]
    submitted: Option<Timestamp>,
    auth_amount: Number,
    settle_amount: Number,
    #[serde(default)]
    order: Value,
    #[serde(default)]
    payment: Value,
    #[serde(default)]
    profile: Value,
    #[serde(default)]
    returned_items: Value,
}

/// What a status is, by our table; empty where it is none.
fn class(status: &str) -> &'static str {
    STATUSES.class(status).unwrap_or("")
}

/// What a status says of a payment; of an eCheck that is not settled nothing has come. An
/// authorisation is not captured by us: every request captures at once.
pub fn payment_kind(status: &str, echeck: bool) -> Result<Kind, Trouble> {
    Ok(match class(status) {
        "captured" if echeck => Kind::PaymentPending,
        "captured" | "settled" | "voided" | "reversed" => Kind::PaymentSucceeded,
        "pending" => Kind::PaymentPending,
        "failed" => Kind::PaymentFailed,
        "expired" => Kind::PaymentExpired,
        "returned" | "chargeback" => Kind::PaymentReturned,
        _ => return unknown("status of a payment"),
    })
}

/// What a status says of a transaction that gives money back.
pub fn refund_kind(status: &str) -> Result<Kind, Trouble> {
    Ok(match class(status) {
        "captured" | "pending" | "refund_pending" => Kind::RefundPending,
        "settled" | "refund_settled" => Kind::RefundSucceeded,
        "failed" | "expired" | "voided" | "returned" => Kind::RefundFailed,
        _ => return unknown("status of a refund"),
    })
}

impl Transaction {
    pub fn of(reply: &Reply) -> Result<Self, Trouble> {
        Ok(read_part(&clear(reply)?["transaction"])?)
    }

    pub fn stands(&self) -> &'static str {
        class(&self.transaction_status)
    }

    /// The payment that it gives back, or of which it tells that a bank did. Whether returns stand
    /// under an id of their own is written nowhere: both are read.
    pub fn about(&self) -> Option<&str> {
        let back = matches!(self.stands(), "returned" | "chargeback" | "reversed");
        let of = self.ref_trans_id.as_deref();
        of.filter(|of| (self.is_refund() || back) && *of != self.trans_id)
    }

    fn is_refund(&self) -> bool {
        self.transaction_type == "refundTransaction"
    }

    /// What is given back to: the card as it is shown, or the kept method of an account at a bank.
    pub fn source(&self) -> Result<(&'static str, Value), Trouble> {
        let masked = self.payment["creditCard"]["cardNumber"].as_str();
        if let Some(last4) = masked.and_then(last4) {
            let card = json!({"cardNumber": last4, "expirationDate": "XXXX"});
            return Ok(("payment", json!({"creditCard": card})));
        }
        let none = || Trouble::Rejected("neither a card nor a kept method: refund it there".into());
        Ok(("profile", super::profile(&self.method().ok_or_else(none)?)?))
    }

    /// What it says, part by part. Of what a bank took back only the whole is told.
    pub fn tell(&self, currency: Currency, told: &mut LookedUp) {
        let about = match self.fact(currency) {
            Ok(about) => about,
            Err(why) => return told.add(Err(why)),
        };
        let named = |what: &str| about.payment.as_ref().map(|id| format!("{what}-{id}"));
        let also = |kind| Fact {
            paid_with: None,
            method: None,
            kind,
            ..about.clone()
        };
        let more = match (self.stands(), about.kind) {
            ("voided", Kind::PaymentSucceeded) => Some(Fact {
                refund: named("void"),
                ..also(Kind::RefundSucceeded)
            }),
            ("reversed", Kind::PaymentSucceeded) => Some(Fact {
                dispute: named("chargeback"),
                ..also(Kind::DisputeWon)
            }),
            _ => None,
        };
        let list = self.returned_items.get("returnedItem");
        let item = parts(list.unwrap_or(&self.returned_items)).last();
        let returned = item.map(|item| {
            let at = item["dateUTC"].as_str().and_then(|at| at.parse().ok());
            let at: Option<Timestamp> = at;
            Ok(Fact {
                decline: Some(why(item["code"].as_str().unwrap_or(""))),
                occurred_at: Some(
                    at.ok_or(Trouble::Unreadable("a return without its time".into()))?,
                ),
                ..also(Kind::PaymentReturned)
            })
        });
        told.facts.extend([about.clone()].into_iter().chain(more));
        returned.into_iter().for_each(|item| told.add(item));
    }

    fn fact(&self, currency: Currency) -> Result<Fact, Trouble> {
        let (status, stands) = (self.transaction_status.as_str(), self.stands());
        let refund = self.is_refund();
        let kind = match refund {
            true => refund_kind(status)?,
            false => payment_kind(status, self.payment["bankAccount"].is_object())?,
        };
        // One that was held and never released brought nothing: unverified.
        let unreleased = stands == "voided" && self.response_code == 4 && !refund;
        let kind = if unreleased {
            Kind::PaymentFailed
        } else {
            kind
        };
        let payment = self.about().or((!refund).then_some(&self.trans_id));
        let arrived = kind == Kind::PaymentSucceeded;
        Ok(Fact {
            reference: self.order["invoiceNumber"].as_str().map(String::from),
            payment: payment.map(String::from),
            refund: match stands {
                _ if refund => Some(self.trans_id.clone()),
                "chargeback" => payment.map(|id| format!("chargeback-{id}")),
                _ => None,
            },
            amount: self.sum(currency)?,
            decline: match (kind, status) {
                (Kind::PaymentFailed, "declined") => {
                    Some(why(&self.response_reason_code.to_string()))
                }
                (Kind::PaymentFailed, "failedReview") => Some(Decline::Fraud),
                (_, "chargeback") => Some(Decline::Cancelled),
                (Kind::PaymentFailed, "voided") => Some(Decline::Cancelled),
                (Kind::PaymentFailed | Kind::PaymentReturned, _) => Some(Decline::Other),
                _ => None,
            },
            occurred_at: self.submitted,
            paid_with: self.paid_with().filter(|_| arrived),
            method: self.method().filter(|_| arrived),
            ..Fact::new(kind)
        })
    }

    /// What is settled; of what never will be, what was asked for.
    fn sum(&self, currency: Currency) -> Result<Option<Money>, Trouble> {
        let read = |number: &Number| AMOUNTS.read(&number.to_string(), currency);
        let sums = [read(&self.settle_amount)?, read(&self.auth_amount)?];
        Ok(sums.into_iter().find(|sum| sum.minor > 0))
    }

    fn paid_with(&self) -> Option<String> {
        let text = |place: &str| self.payment.pointer(place).and_then(Value::as_str);
        match text("/creditCard/cardNumber") {
            Some(number) => ending(text("/creditCard/cardType").unwrap_or(""), number),
            None => ending("eCheck", text("/bankAccount/accountNumber")?),
        }
    }

    /// Kept in the profile that the page was opened with.
    fn method(&self) -> Option<Method> {
        let text = |name: &str| self.profile[name].as_str().map(String::from);
        Some(Method {
            gateway: "authorizenet".into(),
            customer: Some(text("customerProfileId")?),
            token: text("customerPaymentProfileId")?,
            label: self.paid_with().unwrap_or("Card".into()),
        })
    }
}

/// One line of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub trans_id: String,
    pub transaction_status: String,
    pub invoice_number: Option<String>,
    #[serde(default)]
    pub account_type: String,
}
