//! What Adyen's webhooks say. A payment that is authorised is paid, as it is captured at once.

use super::door::items;
use super::{Sum, method, why};
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind};
use crate::words::json;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One item for each of the batch, in its order: those that are not proven are dropped by it.
pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let all = items(verified.body());
    match all.is_empty() {
        true => Err(Unreadable("no notification items".into())),
        false => Ok(all.iter().map(item).collect()),
    }
}

fn item(of: &Value) -> Item {
    let text = |name: &str| of[name].as_str().unwrap_or_default();
    let (event, psp, success) = (text("eventCode"), text("pspReference"), text("success"));
    Item {
        id: Some(digest_id(&[event, psp, success])),
        name: event.into(),
        notice: json::read_part(of)
            .map_err(Unreadable::from)
            .and_then(|of| notice(&of)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    event_code: String,
    success: String,
    psp_reference: String,
    original_reference: Option<String>,
    merchant_reference: Option<String>,
    amount: Option<Sum>,
    event_date: Option<Timestamp>,
    /// What follows is not proven: it may explain, and decides nothing about money.
    reason: Option<String>,
    payment_method: Option<String>,
    #[serde(default)]
    additional_data: Value,
}

/// What an event means where it was executed.
fn kind(event: &str) -> Option<Kind> {
    Some(match event {
        "AUTHORISATION" => Kind::PaymentSucceeded,
        "CAPTURE_FAILED" | "EXPIRE" | "CANCELLATION" | "TECHNICAL_CANCEL" | "PAIDOUT_REVERSED" => {
            Kind::PaymentReturned
        }
        "REFUND" | "CANCEL_OR_REFUND" => Kind::RefundSucceeded,
        "POSTPONED_REFUND" => Kind::RefundPending,
        "REFUND_FAILED" | "REFUNDED_REVERSED" | "VOID_PENDING_REFUND" => Kind::RefundFailed,
        "NOTIFICATION_OF_CHARGEBACK" | "CHARGEBACK" => Kind::DisputeOpened,
        "CHARGEBACK_REVERSED" | "PREARBITRATION_WON" | "SCHEME_ARBITRATION_WON" => Kind::DisputeWon,
        "SECOND_CHARGEBACK" | "PREARBITRATION_LOST" | "SCHEME_ARBITRATION_LOST" => {
            Kind::DisputeLost
        }
        _ => return None,
    })
}

/// Known, and nothing moves by them: what they announce is told by an event of its own.
const LISTED: &[&str] = &[
    "ACH_NOTIFICATION_OF_CHANGE",
    "AUTORESCUE",
    "CANCEL_AUTORESCUE",
    "CAPTURE",
    "DIRECT_DEBIT_NOTICE_OF_CHANGE_NOTIFICATION",
    "DISPUTE_DEFENSE_PERIOD_ENDED",
    "INFORMATION_SUPPLIED",
    "ISSUER_COMMENTS",
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED",
    "MANUAL_REVIEW_ACCEPT",
    "MANUAL_REVIEW_REJECT",
    "NOTIFICATION_OF_FRAUD",
    "OFFER_CLOSED",
    "ORDER_CLOSED",
    "ORDER_OPENED",
    "PAYOUT_DECLINE",
    "PAYOUT_EXPIRE",
    "PAYOUT_THIRDPARTY",
    "PREARBITRATION_ACCEPTED",
    "PREARBITRATION_DECLINED",
    "PREARBITRATION_ISSUER_WITHDRAWN",
    "PREARBITRATION_OPEN",
    "RECURRING_CONTRACT",
    "REPORT_AVAILABLE",
    "REQUEST_FOR_INFORMATION",
    "SCHEME_ARBITRATION",
];

/// Families of events about money: one of them that is not known is put before people.
const OF_MONEY: &[&str] = &[
    "AUTHORISATION",
    "CANCEL",
    "CAPTURE",
    "CHARGEBACK",
    "PREARBITRATION",
    "REFUND",
    "SCHEME_ARBITRATION",
];

fn notice(of: &Notification) -> Result<Notice, Unreadable> {
    let event = of.event_code.as_str();
    let done = match of.success.as_str() {
        "true" => true,
        "false" => false,
        _ => return Err(Unreadable("the success is none that is known".into())),
    };
    let Some(kind) = kind(event) else {
        return match LISTED.contains(&event) {
            true if event == "CAPTURE" && !done => of.fact(Kind::PaymentReturned),
            true => Ok(Notice::Ignored(Kind::Other)),
            false => unknown_type(event, OF_MONEY),
        };
    };
    match (kind, done) {
        (kind, true) => of.fact(kind),
        (Kind::PaymentSucceeded, false) => of.fact(Kind::PaymentFailed),
        (Kind::RefundSucceeded, false) => of.fact(Kind::RefundFailed),
        // What was tried and not done left everything as it was.
        (_, false) => Ok(Notice::Ignored(Kind::Other)),
    }
}

impl Notification {
    fn fact(&self, kind: Kind) -> Result<Notice, Unreadable> {
        let amount = self.amount.as_ref().map(Sum::money).transpose()?;
        let (psp, original) = (self.psp_reference.clone(), self.original_reference.clone());
        let original = original.filter(|id| !id.is_empty());
        let of_payment = matches!(kind, Kind::PaymentSucceeded | Kind::PaymentFailed);
        let of_refund = matches!(
            kind,
            Kind::RefundSucceeded | Kind::RefundPending | Kind::RefundFailed
        );
        let of_dispute = matches!(
            kind,
            Kind::DisputeOpened | Kind::DisputeWon | Kind::DisputeLost
        );
        let fact = Fact {
            reference: self.merchant_reference.clone(),
            payment: match of_payment {
                true => Some(psp.clone()),
                false => original.clone(),
            },
            refund: of_refund.then(|| psp.clone()),
            dispute: of_dispute.then_some(psp),
            amount,
            decline: self.decline(kind),
            occurred_at: self.event_date,
            due_by: match kind {
                Kind::DisputeOpened => self
                    .more("defensePeriodEndsAt")
                    .and_then(|at| at.parse().ok()),
                _ => None,
            },
            paid_with: self.label().filter(|_| kind == Kind::PaymentSucceeded),
            method: match kind {
                Kind::PaymentSucceeded => self.kept(),
                _ => None,
            },
            ..Fact::new(kind)
        };
        Ok(Notice::Fact(Box::new(fact)))
    }

    fn decline(&self, kind: Kind) -> Option<Decline> {
        match (kind, self.event_code.as_str()) {
            (Kind::PaymentFailed, _) => Some(why(self.reason.as_deref().unwrap_or_default())),
            (Kind::PaymentReturned, "CANCELLATION" | "TECHNICAL_CANCEL") => {
                Some(Decline::Cancelled)
            }
            (Kind::PaymentReturned, _) => Some(Decline::Other),
            _ => None,
        }
    }

    fn more(&self, name: &str) -> Option<&str> {
        self.additional_data[name].as_str()
    }

    /// `Visa ending 1142`: the last digits, and the brand where it is one.
    fn label(&self) -> Option<String> {
        let last4 = self.more("cardSummary")?;
        let digits = last4.len() == 4 && last4.bytes().all(|b| b.is_ascii_digit());
        let brand = match self.payment_method.as_deref() {
            Some("visa") => "Visa",
            Some("mc") => "Mastercard",
            Some("amex") => "American Express",
            _ => "Card",
        };
        digits.then(|| format!("{brand} ending {last4}"))
    }

    /// Whose name it bears is looked up before it is charged.
    fn kept(&self) -> Option<crate::domain::fact::Method> {
        let payer = self.more("tokenization.shopperReference");
        let payer = payer.or(self.more("recurring.shopperReference"))?;
        let token = self.more("tokenization.storedPaymentMethodId");
        let token = token.or(self.more("recurring.recurringDetailReference"))?;
        Some(method(payer, token, self.label()))
    }
}
