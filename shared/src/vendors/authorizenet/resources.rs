//! What Authorize.Net answers: to a transaction, and of one. Replies are 200 whatever happened;
//! `messages` says whether the operation went through, the transaction's own code how it ended.
//! Codes of errors: its list, second-hand.

use super::AMOUNTS;
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::words::json;
use crate::words::money::{Currency, Money};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

const DECLINES: Declines = Declines(include_str!("declines.txt"));

#[derive(Deserialize)]
struct Envelope {
    messages: Messages,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Messages {
    result_code: String,
    message: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    code: String,
    text: String,
}

/// A reply that went through. A refusal is one only in the vendor's own shape.
pub fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    let Envelope { messages } = reply.ok()?.json()?;
    let first = messages.message.first();
    let (code, text) = first.map_or(("", ""), |said| (&said.code, &said.text));
    Err(match (messages.result_code.as_str(), code) {
        ("Ok", _) => return Ok(reply),
        ("Error", "E00005" | "E00006" | "E00007" | "E00008" | "E00010" | "E00011") => {
            Trouble::Credentials(format!("{code}: {text}"))
        }
        ("Error", "E00040") => Trouble::Missing,
        ("Error", "E00104") => Trouble::later(300, "it is in maintenance"),
        ("Error", "" | "E00001" | "E00053") => Trouble::Unclear("it does not say why".into()),
        ("Error", _) => Trouble::Rejected(format!("{code}: {text}")),
        _ => return unknown("result of an operation"),
    })
}

/// The customer's profile, made now or before: a second one is refused with the first one's id.
pub fn profile_of(reply: &Reply) -> Result<String, Trouble> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Made {
        customer_profile_id: Option<String>,
        messages: Messages,
    }
    let made: Made = reply.ok()?.json()?;
    let said = &made.messages.message;
    let twice = said.iter().find(|message| message.code == "E00039");
    let number = |word: &&str| word.bytes().all(|b| b.is_ascii_digit());
    let known = twice.and_then(|message| message.text.split(' ').find(number));
    let none = || Trouble::Unreadable("a profile without its id".into());
    match made.customer_profile_id.as_deref().or(known) {
        Some(id) => vendor_id(id.into()),
        None => Err(clear(reply).map_or_else(|why| why, |_| none())),
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
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Whole {
            transaction_response: Option<Answered>,
        }
        let answered = reply.ok()?.json::<Whole>()?.transaction_response;
        let none = || Trouble::Unreadable("an answer without its transaction".into());
        answered.ok_or_else(|| clear(reply).map_or_else(|why| why, |_| none()))
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
        let list = self.errors.get("error").unwrap_or(&self.errors);
        parts(list)
            .first()
            .map_or("", |error| error[name].as_str().unwrap_or(""))
    }

    fn words(&self) -> String {
        format!("{}: {}", self.first("errorCode"), self.first("errorText"))
    }
}

/// A reason that stands in no list may pass on another day.
fn why(code: &str) -> Decline {
    DECLINES.of(code).unwrap_or(Decline::Other)
}

/// A payment that was voided gave all of itself back.
pub fn void(ask: &Refund) -> Fact {
    Fact {
        reference: Some(ask.reference.clone()),
        payment: Some(ask.payment.clone()),
        refund: Some(void_of(&ask.payment)),
        amount: Some(ask.amount),
        ..Fact::new(Kind::RefundSucceeded)
    }
}

/// A void has no id of its own.
fn void_of(payment: &str) -> String {
    format!("void-{payment}")
}

/// `Visa ending 2224`, of a number whose other digits are masked.
fn ending(kind: &str, number: &str) -> Option<String> {
    let last4 = number.get(number.len().checked_sub(4)?..)?;
    let digits = last4.bytes().all(|b| b.is_ascii_digit());
    let kind = match kind {
        "" => "Card",
        "eCheck" => "Bank account",
        kind => kind,
    };
    digits.then(|| format!("{kind} ending {last4}"))
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

#[derive(Deserialize)]
struct ReturnedItem {
    code: String,
    #[serde(rename = "dateUTC")]
    at: Timestamp,
}

/// How a payment is given back, by what it has come to.
pub enum Way {
    /// It is settled.
    Refund,
    /// It is not, and can be taken back as a whole.
    Void,
    /// Neither, for now.
    Later,
    Never,
}

/// What a status says of a payment; of an eCheck that is not settled nothing has come. An
/// authorisation is not captured by us: every request captures at once.
pub fn payment_kind(status: &str, echeck: bool) -> Result<Kind, Trouble> {
    Ok(match status {
        "capturedPendingSettlement" | "couldNotVoid" if echeck => Kind::PaymentPending,
        "capturedPendingSettlement"
        | "couldNotVoid"
        | "settledSuccessfully"
        | "voided"
        | "chargebackReversal" => Kind::PaymentSucceeded,
        "authorizedPendingCapture"
        | "authorizedPendingRelease"
        | "approvedReview"
        | "underReview"
        | "FDSPendingReview"
        | "FDSAuthorizedPendingReview"
        | "pendingSettlement"
        | "pendingFinalSettlement"
        | "updatingSettlement" => Kind::PaymentPending,
        "declined" | "failedReview" | "generalError" | "communicationError" | "settlementError" => {
            Kind::PaymentFailed
        }
        "returnedItem" | "chargeback" => Kind::PaymentReturned,
        "expired" => Kind::PaymentExpired,
        _ => return unknown("status of a payment"),
    })
}

/// What a status says of a transaction that gives money back.
pub fn refund_kind(status: &str) -> Result<Kind, Trouble> {
    Ok(match status {
        "refundPendingSettlement"
        | "capturedPendingSettlement"
        | "pendingSettlement"
        | "pendingFinalSettlement"
        | "updatingSettlement"
        | "approvedReview"
        | "underReview"
        | "couldNotVoid" => Kind::RefundPending,
        "refundSettledSuccessfully" | "settledSuccessfully" => Kind::RefundSucceeded,
        "voided" | "declined" | "expired" | "generalError" | "communicationError"
        | "settlementError" | "failedReview" | "returnedItem" => Kind::RefundFailed,
        _ => return unknown("status of a refund"),
    })
}

impl Transaction {
    pub fn of(reply: &Reply) -> Result<Self, Trouble> {
        #[derive(Deserialize)]
        struct Whole {
            transaction: Transaction,
        }
        Ok(clear(reply)?.json::<Whole>()?.transaction)
    }

    pub fn is_voided(&self) -> bool {
        self.transaction_status == "voided"
    }

    pub fn way_back(&self) -> Way {
        match self.transaction_status.as_str() {
            "settledSuccessfully" => Way::Refund,
            "capturedPendingSettlement" | "authorizedPendingCapture" => Way::Void,
            "voided" => Way::Never,
            status => match payment_kind(status, self.is_echeck()) {
                Ok(Kind::PaymentPending | Kind::PaymentSucceeded) => Way::Later,
                _ => Way::Never,
            },
        }
    }

    /// The payment that it gives back, or of which it tells that a bank did. Whether returns stand
    /// under an id of their own is written nowhere: both are read.
    pub fn about(&self) -> Option<&str> {
        let of = self.ref_trans_id.as_deref();
        let back = ["returnedItem", "chargeback", "chargebackReversal"];
        let back = back.contains(&self.transaction_status.as_str());
        of.filter(|of| (self.is_refund() || back) && *of != self.trans_id)
    }

    fn is_refund(&self) -> bool {
        self.transaction_type == "refundTransaction"
    }

    fn is_echeck(&self) -> bool {
        self.payment["bankAccount"].is_object()
    }

    /// What is given back to: the kept method of an account at a bank, or the card as it is shown.
    pub fn source(&self) -> Result<(&'static str, Value), Trouble> {
        let masked = self.payment["creditCard"]["cardNumber"].as_str();
        let last4 = masked.and_then(|number| number.get(number.len().checked_sub(4)?..));
        if let Some(last4) = last4 {
            let card = serde_json::json!({"cardNumber": last4, "expirationDate": "XXXX"});
            return Ok(("payment", serde_json::json!({"creditCard": card})));
        }
        let none = || Trouble::Rejected("neither a card nor a kept method: refund it there".into());
        let kept = self.method().ok_or_else(none)?;
        Ok(("profile", super::profile(&kept)?))
    }

    /// What it says, part by part.
    pub fn tell(&self, currency: Currency, told: &mut LookedUp) {
        let about = match self.fact(currency) {
            Ok(about) => about,
            Err(why) => return told.add(Err(why)),
        };
        let payment = about.payment.clone().unwrap_or_default();
        // Of a payment that a bank took back only the whole is told.
        let taken = |kind| Fact {
            kind,
            paid_with: None,
            method: None,
            ..about.clone()
        };
        match (self.transaction_status.as_str(), about.kind) {
            ("voided", Kind::PaymentSucceeded) => {
                told.add(Ok(about.clone()));
                told.add(Ok(Fact {
                    refund: Some(void_of(&payment)),
                    ..taken(Kind::RefundSucceeded)
                }));
            }
            ("chargeback", Kind::PaymentReturned) => told.add(Ok(Fact {
                refund: Some(format!("chargeback-{payment}")),
                decline: Some(Decline::Cancelled),
                ..taken(Kind::PaymentReturned)
            })),
            ("chargebackReversal", Kind::PaymentSucceeded) => {
                told.add(Ok(about.clone()));
                told.add(Ok(Fact {
                    dispute: Some(format!("chargeback-{payment}")),
                    ..taken(Kind::DisputeWon)
                }));
            }
            _ => told.add(Ok(about.clone())),
        }
        let list = self.returned_items.get("returnedItem");
        if let Some(item) = parts(list.unwrap_or(&self.returned_items)).last() {
            let item = json::read_part::<ReturnedItem>(item);
            told.add(item.map_err(Trouble::from).map(|item| Fact {
                decline: Some(why(&item.code)),
                occurred_at: Some(item.at),
                ..taken(Kind::PaymentReturned)
            }));
        }
    }

    fn fact(&self, currency: Currency) -> Result<Fact, Trouble> {
        let status = self.transaction_status.as_str();
        let kind = match self.is_refund() {
            true => refund_kind(status)?,
            false => payment_kind(status, self.is_echeck())?,
        };
        // One that was held and never released brought nothing: unverified.
        let unreleased = self.is_voided() && self.response_code == 4 && !self.is_refund();
        let kind = if unreleased {
            Kind::PaymentFailed
        } else {
            kind
        };
        let arrived = kind == Kind::PaymentSucceeded;
        Ok(Fact {
            reference: self.order["invoiceNumber"].as_str().map(String::from),
            payment: self.about().or(self.own()).map(String::from),
            refund: self.is_refund().then(|| self.trans_id.clone()),
            amount: self.sum(currency)?,
            decline: match (kind, status) {
                (Kind::PaymentFailed, "declined") => Some(why(&self.reason())),
                (Kind::PaymentFailed, "failedReview") => Some(Decline::Fraud),
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

    fn own(&self) -> Option<&str> {
        Some(self.trans_id.as_str()).filter(|_| !self.is_refund())
    }

    fn reason(&self) -> String {
        self.response_reason_code.to_string()
    }

    /// What is settled; of what never will be, what was asked for.
    fn sum(&self, currency: Currency) -> Result<Option<Money>, Trouble> {
        let read = |number: &Number| AMOUNTS.read(&number.to_string(), currency);
        let (settled, asked) = (read(&self.settle_amount)?, read(&self.auth_amount)?);
        let sums = [settled, asked].into_iter();
        Ok(sums.filter(|sum| sum.minor > 0).next())
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

// ---- lists -------------------------------------------------------------------------------------

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

#[derive(Deserialize)]
pub struct Listed {
    #[serde(default)]
    pub transactions: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batches {
    #[serde(default)]
    pub batch_list: Vec<Batch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub batch_id: String,
}
