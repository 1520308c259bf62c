//! PayPal's orders and captures, as far as they are read, and what each says as a fact.
//! Source of fields and statuses: orders v2 and payments v2.

use super::reports::GivenBack;
use super::{AMOUNTS, LookedUp, decline, parts, read_money, text, unknown};
use crate::contract::*;
use crate::domain::case::{OpensBy, Session};
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::words::json;
use crate::words::money::Money;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct Amount {
    #[serde(alias = "currency")]
    currency_code: String,
    #[serde(alias = "total")]
    value: String,
}

impl Amount {
    pub fn money(&self) -> Result<Money, Trouble> {
        read_money(&AMOUNTS, &self.value, &self.currency_code)
    }
}

#[derive(Deserialize)]
pub struct Link {
    href: String,
    rel: String,
}

/// When a capture or refund was made or became what it is, as far as PayPal says.
#[derive(Default, Deserialize)]
pub struct Times {
    #[serde(default)]
    create_time: Value,
    #[serde(default)]
    update_time: Value,
}

impl Times {
    pub fn made(&self) -> Option<Timestamp> {
        read_time(&self.create_time)
    }

    pub fn became(&self) -> Option<Timestamp> {
        read_time(&self.update_time).or(self.made())
    }
}

fn read_time(time: &Value) -> Option<Timestamp> {
    time.as_str()?.parse().ok()
}

/// The id at the end of the link to the resource above, where that is one of these.
pub fn above(links: &Value, resources: &str) -> Option<String> {
    let up = parts(links).iter().find(|link| link["rel"] == "up")?;
    let (rest, id) = up["href"].as_str()?.rsplit_once('/')?;
    rest.ends_with(resources).then(|| id.into())
}

#[derive(Deserialize)]
pub struct Order {
    id: String,
    status: String,
    #[serde(default)]
    create_time: Value,
    /// What is paid for, with the captures and refunds of it.
    #[serde(default)]
    purchase_units: Value,
    #[serde(default)]
    payment_source: Value,
    #[serde(default)]
    links: Value,
}

impl Order {
    /// The page on which the payer approves. The order waits three hours for that: PayPal's guide,
    /// from memory, unverified.
    pub fn page(self) -> Result<Session, Trouble> {
        let to_payer = |link: &Link| link.rel == "payer-action" || link.rel == "approve";
        let links = json::read_part::<Vec<Link>>(&self.links)?;
        let link = links.into_iter().find(to_payer);
        let missing = || Trouble::Unreadable("an order without a page".into());
        let made_at = read_time(&self.create_time);
        let window = SignedDuration::from_hours(3);
        Ok(Session {
            id: self.id,
            opens_by: OpensBy::Redirect(link.ok_or_else(missing)?.href),
            expires_at: made_at.map(|at| at + window),
        })
    }

    fn all(&self, of: &'static str) -> impl Iterator<Item = &Value> {
        let units = parts(&self.purchase_units).iter();
        units.flat_map(move |unit| parts(&unit["payments"][of]))
    }

    pub fn has_captures(&self) -> bool {
        self.all("captures").next().is_some()
    }

    /// What an order comes to that was sent to be paid at once.
    pub fn taken(&self) -> Result<Vec<Fact>, Trouble> {
        match self.status.as_str() {
            _ if self.has_captures() => self.told().whole(),
            "PAYER_ACTION_REQUIRED" => Err(Trouble::Declined(Decline::Action)),
            _ => Err(Trouble::Unclear("an order without a capture".into())),
        }
    }

    /// The payment, then its refunds, each read by itself.
    pub fn told(&self) -> LookedUp {
        let mut told = LookedUp::default();
        if !self.has_captures() {
            if let Some(fact) = self.before_capture().transpose() {
                told.add(fact.map(|fact| self.whole(fact)));
            }
            return told;
        }
        for capture in self.all("captures") {
            let capture = json::read_part::<Capture>(capture).map_err(Trouble::from);
            told.add(capture.and_then(|capture| {
                Ok(self.whole(Fact {
                    method: self.method(),
                    ..capture.fact()?
                }))
            }));
        }
        // The payer may try again on the page: a failed attempt counts where there is no other.
        let last = told.facts.last().cloned();
        told.facts.retain(|fact| fact.kind != Kind::PaymentFailed);
        if told.facts.is_empty() && told.unread.is_empty() {
            // What was approved since goes before the attempt that failed.
            let anew = self.before_capture().ok().flatten();
            let anew = anew.filter(|fact| fact.approved);
            told.facts
                .extend(anew.map(|fact| self.whole(fact)).or(last));
        }
        for refund in self.all("refunds") {
            let refund = json::read_part::<GivenBack>(refund).map_err(Trouble::from);
            told.add(refund.and_then(|refund| Ok(self.whole(refund.fact()?))));
        }
        told
    }

    /// Nothing while the payer has not begun, or is at it.
    fn before_capture(&self) -> Result<Option<Fact>, Trouble> {
        let (kind, approved) = match self.status.as_str() {
            "APPROVED" => (Kind::PaymentPending, true),
            "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" => return Ok(None),
            "VOIDED" => (Kind::PaymentExpired, false),
            "COMPLETED" => return Err(Trouble::Unreadable("an order without its capture".into())),
            _ => return unknown("status of an order"),
        };
        let mut units = parts(&self.purchase_units).iter();
        let amount = units.find(|unit| !unit["amount"].is_null());
        let amount = amount.map(|unit| json::read_part::<Amount>(&unit["amount"]));
        Ok(Some(Fact {
            approved,
            amount: amount.transpose()?.map(|of| of.money()).transpose()?,
            ..Fact::new(kind)
        }))
    }

    /// A fact with what the order knows.
    fn whole(&self, mut fact: Fact) -> Fact {
        let mut units = parts(&self.purchase_units).iter();
        let ours = || units.find_map(|unit| text(unit, "/custom_id"));
        fact.reference = fact.reference.or_else(ours);
        if !fact.aliases.contains(&self.id) {
            fact.aliases.push(self.id.clone());
        }
        fact
    }

    /// The wallet that PayPal now keeps.
    fn method(&self) -> Option<Method> {
        let vault = self.payment_source.pointer("/paypal/attributes/vault")?;
        Some(Method {
            gateway: "paypal".into(),
            customer: text(vault, "/customer/id"),
            token: text(vault, "/id")?,
            label: "PayPal account".into(),
        })
    }
}

#[derive(Deserialize)]
pub struct Capture {
    id: String,
    status: String,
    amount: Amount,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    #[serde(default)]
    processor_response: Value,
    #[serde(default)]
    supplementary_data: Value,
    #[serde(default)]
    links: Value,
    #[serde(flatten)]
    times: Times,
}

impl Capture {
    /// Whether nothing of it went back before.
    pub fn is_untouched(&self) -> bool {
        self.status == "COMPLETED"
    }

    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" => Kind::PaymentSucceeded,
            "PENDING" => Kind::PaymentPending,
            // `capture_status` lists DECLINED; DENIED is in the name of a webhook's event, and taken
            // for the same.
            "DECLINED" | "DENIED" | "FAILED" => Kind::PaymentFailed,
            _ => return unknown("status of a capture"),
        };
        // A capture that was refunded since was changed by that: its money came when it was made.
        let at = match self.status.as_str() {
            "PARTIALLY_REFUNDED" | "REFUNDED" => self.times.made(),
            _ => self.times.became(),
        };
        Ok(Fact {
            occurred_at: at,
            ..self.fact_of(kind)?
        })
    }

    pub fn fact_of(&self, kind: Kind) -> Result<Fact, Trouble> {
        let order = text(&self.supplementary_data, "/related_ids/order_id");
        let order = order.or_else(|| above(&self.links, "/orders"));
        // An attempt that failed gives its id to no payment: the next one in the order may pay.
        let failed = kind == Kind::PaymentFailed;
        let own = failed.then(|| self.id.clone());
        Ok(Fact {
            reference: self.custom_id.clone().or(self.invoice_id.clone()),
            payment: (!failed).then(|| self.id.clone()),
            aliases: order.into_iter().chain(own).collect(),
            amount: Some(self.amount.money()?),
            decline: failed.then(|| decline::of_processor(&self.processor_response)),
            ..Fact::new(kind)
        })
    }
}
