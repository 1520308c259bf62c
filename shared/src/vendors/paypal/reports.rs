//! What PayPal says by itself or when asked: webhooks, signed with a certificate of PayPal's own,
//! and look-ups of an order or a capture. Refunds and disputes are read here.

use super::wire::*;
use super::{clear, text};
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind};
use crate::words::json;
use crate::words::money::Money;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
struct Event {
    id: String,
    event_type: String,
    create_time: Option<Timestamp>,
    #[serde(default)]
    resource_type: String,
    resource: Value,
}

pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let event: Event = json::read(verified.body())?;
    let (id, name) = (Some(event.id.clone()), event.event_type.clone());
    let notice = notice(event);
    Ok(vec![Item { id, name, notice }])
}

/// Families of events that speak of payments and what gives them back. Authorizations, invoices
/// and subscriptions are none of ours.
const OF_MONEY: [&str; 6] = [
    "PAYMENT.CAPTURE.",
    "PAYMENT.REFUND.",
    "PAYMENT.SALE.",
    "CUSTOMER.DISPUTE.",
    "CHECKOUT.ORDER.",
    "CHECKOUT.PAYMENT-APPROVAL.",
];

fn notice(event: Event) -> Result<Notice, Unreadable> {
    let (name, resource) = (event.event_type.as_str(), &event.resource);
    Ok(match name {
        // The payer is still at it.
        "CHECKOUT.ORDER.SAVED" | "CHECKOUT.ORDER.PROCESSED" => Notice::Ignored(Kind::Other),
        "VAULT.PAYMENT-TOKEN.CREATED" => Notice::Ignored(Kind::MandateActive),
        "BILLING.SUBSCRIPTION.CANCELLED" => Notice::Ignored(Kind::SubscriptionCancelled),
        "VAULT.PAYMENT-TOKEN.DELETED" | "VAULT.PAYMENT-TOKEN.DELETION-INITIATED" => {
            Notice::MethodGone {
                token: need(resource, "/id")?,
                at: event.create_time,
            }
        }
        _ => match fact(&event)? {
            Some(fact) => Notice::Fact(Box::new(dated(fact, event.create_time))),
            None => return unknown_type(name, &OF_MONEY),
        },
    })
}

/// What says its own time knows it better than the event that tells of it. A reversal comes without
/// a reason, and nothing is tried again after it.
fn dated(fact: Fact, told_at: Option<Timestamp>) -> Fact {
    let reversed = fact.kind == Kind::PaymentReturned;
    Fact {
        occurred_at: fact.occurred_at.or(told_at),
        decline: fact.decline.or(reversed.then_some(Decline::Fraud)),
        ..fact
    }
}

fn read_as<T: DeserializeOwned>(resource: &Value) -> Result<T, Trouble> {
    Ok(json::read_part(resource)?)
}

fn need(resource: &Value, place: &str) -> Result<String, Trouble> {
    text(resource, place).ok_or(Trouble::Unreadable(format!("{place} is missing")))
}

/// What an event says of money; nothing where its name is none of these.
fn fact(event: &Event) -> Result<Option<Fact>, Trouble> {
    let (name, resource) = (event.event_type.as_str(), &event.resource);
    let batch = |kind| Fact {
        payment: text(resource, "/batch_header/payout_batch_id"),
        ..Fact::new(kind)
    };
    Ok(Some(match name {
        // Approved is not paid: the order must be captured.
        "CHECKOUT.ORDER.APPROVED" | "CHECKOUT.ORDER.COMPLETED" | "CHECKOUT.ORDER.VOIDED" => {
            let told = read_as::<Order>(resource)?.told().told()?;
            let nothing = Trouble::Unreadable("an order of which nothing is told".into());
            told.facts.into_iter().next().ok_or(nothing)?
        }
        "PAYMENT.CAPTURE.COMPLETED"
        | "PAYMENT.CAPTURE.PENDING"
        | "PAYMENT.CAPTURE.DENIED"
        | "PAYMENT.CAPTURE.DECLINED" => read_as::<Capture>(resource)?.fact()?,
        "PAYMENT.CAPTURE.REFUNDED"
        | "PAYMENT.REFUND.COMPLETED"
        | "PAYMENT.REFUND.PENDING"
        | "PAYMENT.REFUND.FAILED" => read_as::<GivenBack>(resource)?.fact()?,
        "PAYMENT.CAPTURE.REVERSED" => reversal(event)?,
        "CUSTOMER.DISPUTE.CREATED" | "CUSTOMER.DISPUTE.UPDATED" | "CUSTOMER.DISPUTE.RESOLVED" => {
            read_as::<Disputed>(resource)?.fact(name)?
        }
        "PAYMENT.SALE.COMPLETED" => {
            let sale: GivenBack = read_as(resource)?;
            Fact {
                payment: Some(sale.id.clone()),
                refund: None,
                ..sale.fact_of(Kind::PaymentSucceeded)?
            }
        }
        "PAYMENT.SALE.REFUNDED" => {
            read_as::<GivenBack>(resource)?.fact_of(Kind::RefundSucceeded)?
        }
        "PAYMENT.PAYOUTSBATCH.SUCCESS" => batch(Kind::PayoutPaid),
        "PAYMENT.PAYOUTSBATCH.DENIED" => batch(Kind::PayoutFailed),
        // Too late to capture what was approved.
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED" => Fact {
            aliases: vec![need(resource, "/order_id")?],
            ..Fact::new(Kind::PaymentExpired)
        },
        _ => return Ok(None),
    }))
}

/// As the older notifications tell it too: it is told of the payment and not of a dispute, under an
/// id of its own, so that both together take it back once.
fn reversal(event: &Event) -> Result<Fact, Trouble> {
    if event.resource_type != "capture" {
        return read_as::<GivenBack>(&event.resource)?.fact_of(Kind::PaymentReturned);
    }
    let capture: Capture = read_as(&event.resource)?;
    let whole = capture.fact_of(Kind::PaymentReturned)?;
    Ok(Fact {
        // Where something went back before, how much goes back now is not told here.
        amount: whole.amount.filter(|_| capture.is_untouched()),
        ..whole
    })
}

/// A refund; a reversal has the same shape, and so, under older names, has a sale of PayPal's first
/// API, which subscriptions still use.
#[derive(Deserialize)]
pub struct GivenBack {
    id: String,
    #[serde(alias = "state")]
    status: String,
    amount: Amount,
    #[serde(alias = "custom")]
    custom_id: Option<String>,
    #[serde(alias = "invoice_number")]
    invoice_id: Option<String>,
    sale_id: Option<String>,
    #[serde(default)]
    links: Value,
    #[serde(flatten)]
    times: Times,
}

impl GivenBack {
    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "COMPLETED" => Kind::RefundSucceeded,
            "PENDING" => Kind::RefundPending,
            "FAILED" | "CANCELLED" => Kind::RefundFailed,
            _ => return unknown("status of a refund"),
        };
        Ok(Fact {
            occurred_at: self.times.became(),
            ..self.fact_of(kind)?
        })
    }

    pub fn fact_of(&self, kind: Kind) -> Result<Fact, Trouble> {
        // What goes back may be written with a minus.
        let amount = self.amount.money()?;
        let amount = Money::new(amount.minor.abs(), amount.currency);
        Ok(Fact {
            // One made in PayPal's dashboard carries the payment's.
            reference: self.custom_id.clone().or(self.invoice_id.clone()),
            payment: self
                .sale_id
                .clone()
                .or_else(|| above(&self.links, "/captures")),
            refund: Some(self.id.clone()),
            amount: Some(amount),
            ..Fact::new(kind)
        })
    }
}

#[derive(Deserialize)]
struct Disputed {
    dispute_id: String,
    status: Option<String>,
    dispute_amount: Option<Amount>,
    dispute_outcome: Option<Outcome>,
    seller_response_due_date: Option<String>,
    #[serde(default)]
    disputed_transactions: Vec<Transaction>,
}
#[derive(Deserialize)]
struct Outcome {
    outcome_code: String,
    amount_refunded: Option<Amount>,
}
#[derive(Deserialize)]
struct Transaction {
    seller_transaction_id: Option<String>,
    custom: Option<String>,
    invoice_number: Option<String>,
}

impl Disputed {
    fn fact(self, name: &str) -> Result<Fact, Trouble> {
        let kind = match self.status.as_deref() {
            Some("RESOLVED") => self.end()?,
            None if name == "CUSTOMER.DISPUTE.RESOLVED" => self.end()?,
            None
            | Some(
                "OPEN"
                | "WAITING_FOR_BUYER_RESPONSE"
                | "WAITING_FOR_SELLER_RESPONSE"
                | "UNDER_REVIEW"
                | "OTHER",
            ) => Kind::DisputeOpened,
            Some(_) => return unknown("status of a dispute"),
        };
        // One amount stands for all: over several payments it cannot be told apart.
        let [about] = <[_; 1]>::try_from(self.disputed_transactions)
            .map_err(|all| Trouble::Unreadable(format!("a dispute over {} payments", all.len())))?;
        // What the payer gets in the end may be less than what was disputed.
        let lost = self.dispute_outcome.filter(|_| kind == Kind::DisputeLost);
        let amount = lost.and_then(|outcome| outcome.amount_refunded);
        let missing = || Trouble::Unreadable("dispute_amount is missing".into());
        let amount = amount.or(self.dispute_amount).ok_or_else(missing)?;
        // A time that cannot be read hides no dispute.
        let due_by = self.seller_response_due_date;
        let due_by = due_by.and_then(|time| time.parse().ok());
        Ok(Fact {
            reference: about.custom.or(about.invoice_number),
            payment: about.seller_transaction_id,
            dispute: Some(self.dispute_id),
            due_by: due_by.filter(|_| kind == Kind::DisputeOpened),
            amount: Some(amount.money()?),
            ..Fact::new(kind)
        })
    }

    fn end(&self) -> Result<Kind, Trouble> {
        let outcome = self.dispute_outcome.as_ref();
        match outcome.map(|outcome| outcome.outcome_code.as_str()) {
            Some("RESOLVED_BUYER_FAVOUR" | "ACCEPTED") => Ok(Kind::DisputeLost),
            // A payout is PayPal's own money; NONE closes a dispute for a newer one.
            Some("RESOLVED_SELLER_FAVOUR" | "RESOLVED_WITH_PAYOUT" | "CANCELED_BY_BUYER")
            | Some("DENIED" | "NONE") => Ok(Kind::DisputeWon),
            None => Err(Trouble::Unreadable(
                "a dispute that ended without dispute_outcome".into(),
            )),
            Some(_) => unknown("outcome_code of a dispute"),
        }
    }
}

/// An order holds its captures and refunds. A capture by itself, as a charge of a kept wallet
/// leaves it, says nothing of its refunds: those are told by webhooks.
pub fn look_up(ask: &Lookup, talk: &mut Talk, _: &Account) -> Result<LookedUp, Pause> {
    let payment = ask.payment.as_ref().filter(|id| !id.is_empty());
    match (&ask.session, payment) {
        (Some(order), _) => {
            let order = Request::get(format!("/v2/checkout/orders/{order}"));
            let order: Order = clear(talk.ask(order)?)?.json()?;
            Ok(order.told().told()?)
        }
        (None, Some(capture)) => {
            let capture = Request::get(format!("/v2/payments/captures/{capture}"));
            let capture: Capture = clear(talk.ask(capture)?)?.json()?;
            Ok(LookedUp::from(vec![capture.fact()?]).told()?)
        }
        (None, None) => Ok(LookedUp::default()),
    }
}
