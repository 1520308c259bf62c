//! What one call at a gateway is about, and the kinds of call as one value: built, read and looked
//! for when lost by the same functions.

use crate::contract::{
    Account, Charge, Checkout, Close, Complete, Effect, Gateway, Key, LookedUp, Lookup, LostReply,
    Pause, Refund, Reply, Request, Talk, Trouble,
};
use crate::domain::case::{Case, Intent, Session, Step};
use crate::domain::fact::{Decline, Fact, Kind, is_vendor_id};
use crate::domain::payment::State;
use crate::domain::refund;
use crate::domain::settings::Settings;
use crate::words::ids;
use crate::words::money::Money;
use jiff::Timestamp;

/// A payment, or a refund of it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub payment: u32,
    pub refund: Option<u32>,
}

impl Target {
    pub fn intent(self, case: &Case) -> Option<&Intent> {
        match self.refund {
            None => case.payment(self.payment)?.intent.as_ref(),
            Some(n) => case.refund(n)?.1.intent.as_ref(),
        }
    }

    pub fn is_unknown(self, case: &Case) -> bool {
        match self.refund {
            None => case
                .payment(self.payment)
                .is_some_and(|p| p.state == State::Unknown),
            Some(n) => case
                .refund(n)
                .is_some_and(|(_, r)| r.state == refund::State::Unknown),
        }
    }

    /// Whether it may still change by itself.
    pub fn is_open(self, case: &Case) -> bool {
        match self.refund {
            None => case.payment(self.payment).is_some_and(|p| p.may_bring()),
            Some(n) => case.refund(n).is_some_and(|(_, r)| !r.state.is_final()),
        }
    }

    pub fn state(self, case: &Case) -> Option<(State, Option<refund::State>)> {
        let refund = self
            .refund
            .and_then(|n| case.refund(n))
            .map(|(_, r)| r.state);
        case.payment(self.payment).map(|p| (p.state, refund))
    }

    pub fn next_step(self, case: &Case) -> Option<Step> {
        match self.refund {
            None => case.next_step(self.payment),
            Some(n) => {
                (case.refund(n)?.1.state == refund::State::Requested).then_some(Step::Refund)
            }
        }
    }

    pub fn reference(self, case: &Case) -> String {
        match self.refund {
            None => ids::payment_reference(&case.id, self.payment),
            Some(n) => ids::refund_reference(&case.id, n),
        }
    }

    /// The key of a step: the same however often it is tried.
    pub fn key(self, case: &Case, step: Step) -> String {
        let reference = self.reference(case);
        match step {
            Step::Checkout => format!("{reference}-page"),
            Step::Close => format!("{reference}-close"),
            Step::Complete => match case.payment(self.payment).map_or(0, |p| p.approvals) {
                0 | 1 => format!("{reference}-take"),
                again => format!("{reference}-take-{again}"),
            },
            Step::Charge | Step::Refund => reference,
        }
    }

    pub fn lookup(self, case: &Case) -> Lookup {
        let payment = case.payment(self.payment);
        Lookup {
            reference: ids::payment_reference(&case.id, self.payment),
            payment: payment.and_then(|p| p.capture.clone()),
            session: payment
                .and_then(|p| p.session.as_ref())
                .map(|session| session.id.clone()),
            refund: self
                .refund
                .and_then(|n| case.refund(n))
                .and_then(|(_, refund)| refund.id.clone()),
            amount: payment.map_or(Money::zero(case.currency), |p| p.amount),
        }
    }

    /// The gateway said no: this attempt is over.
    pub fn failed(self, case: &Case, trouble: &Trouble) -> Fact {
        let kind = if self.refund.is_some() {
            Kind::RefundFailed
        } else {
            Kind::PaymentFailed
        };
        let decline = match trouble {
            Trouble::Declined(why) => *why,
            // The same request would be refused again.
            _ => Decline::Method,
        };
        Fact {
            reference: Some(self.reference(case)),
            decline: Some(decline),
            words: match trouble {
                Trouble::Rejected(why) => Some(why.clone()),
                _ => None,
            },
            ..Fact::new(kind)
        }
    }
}

/// Where a gateway sends the payer back to.
#[derive(Clone, Debug, Default)]
pub struct Back {
    /// Once it is done.
    pub done: String,
    /// Who stopped before.
    pub cancelled: String,
}

/// What is asked of a gateway, all inputs frozen in the case: the same case makes the same bytes.
pub enum Ask {
    Checkout(Checkout),
    Close(Close),
    Charge(Charge),
    Complete(Complete),
    Refund(Refund),
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Facts(Vec<Fact>),
    Page(Session),
}

/// What the payer reads: the clinic, the number, and the words that the clinic chose for that.
fn label(case: &Case, settings: &Settings) -> String {
    let what = match case.bill.is_deposit() {
        true => "deposit",
        false => "invoice",
    };
    let label = format!("{}, {what} {}", settings.name, case.invoice().number);
    match &case.label {
        Some(neutral) => format!("{label}, {neutral}"),
        None => label,
    }
}

impl Ask {
    /// `None` where the case lacks what this step needs. A call that was made before is of the time
    /// of its intent.
    pub fn of(
        case: &Case,
        target: Target,
        step: Step,
        settings: &Settings,
        public_url: &str,
        back: &Back,
        now: Timestamp,
    ) -> Option<Self> {
        let payment = case.payment(target.payment)?;
        let at = target.intent(case).map_or(now, |i| i.first_sent_at);
        let reference = target.reference(case);
        let label = label(case, settings);
        let webhook_url = format!("{public_url}/webhooks/{}/{}", settings.id, payment.gateway);
        let amount = payment.amount;
        let payer = case.patient.clone().unwrap_or(reference.clone());
        Some(match step {
            Step::Checkout => Self::Checkout(Checkout {
                reference,
                amount,
                label,
                return_to: back.done.clone(),
                cancel_to: back.cancelled.clone(),
                webhook_url,
                keep_method: payment.keep_method,
                payer,
                // A page that was not opened then is another one.
                at: now,
            }),
            Step::Close => Self::Close(Close {
                reference,
                session: payment.session.as_ref()?.id.clone(),
            }),
            Step::Charge => Self::Charge(Charge {
                reference,
                amount,
                label,
                method: payment.method.clone()?,
                webhook_url,
                payer,
                at,
            }),
            Step::Complete => Self::Complete(Complete {
                reference,
                amount,
                label,
                session: payment.session.as_ref()?.id.clone(),
                method: payment.method.clone(),
            }),
            Step::Refund => {
                let (payment, refund) = case.refund(target.refund?)?;
                let others = payment.refunds.iter().filter(|r| r.n != refund.n);
                let sent =
                    others.filter(|r| r.state.reserves() && (r.id.is_some() || r.intent.is_some()));
                let total = refund.amount.minor + sent.map(|r| r.amount.minor).sum::<i64>();
                Self::Refund(Refund {
                    reference,
                    payment: payment.capture.clone()?,
                    amount: refund.amount,
                    total_refunded: Money::new(total, refund.amount.currency),
                    whole: refund.amount == payment.amount,
                    at,
                })
            }
        })
    }

    /// The one request that acts; nothing of a page, which is opened by [`Self::open`].
    pub fn build(
        &self,
        gateway: &Gateway,
        talk: &mut Talk,
        account: &Account,
    ) -> Result<Option<Request>, Pause> {
        let request = match self {
            Self::Checkout(_) => return gateway.checkout.get().map(|_| None).map_err(Pause::from),
            Self::Close(ask) => (gateway.close.get()?.build)(ask, talk, account),
            Self::Charge(ask) => (gateway.charge.get()?.build)(ask, talk, account),
            Self::Complete(ask) => (gateway.complete.get()?.build)(ask, talk, account),
            Self::Refund(ask) => (gateway.refund.get()?.build)(ask, talk, account),
        };
        request.map(Some)
    }

    /// The page, where that is what is asked for.
    pub fn open(
        &self,
        gateway: &Gateway,
        talk: &mut Talk,
        account: &Account,
    ) -> Result<Session, Pause> {
        let Self::Checkout(ask) = self else {
            return Err(Trouble::Unreadable("it opens no page".into()).into());
        };
        let page = (gateway.checkout.get()?.open)(ask, talk, account)?;
        let fits = page.opens_by.address().is_none_or(|to| to.len() <= 4096);
        match is_vendor_id(&page.id) && fits {
            true => Ok(page),
            false => Err(Trouble::Unreadable("the id of a page is none".into()).into()),
        }
    }

    /// What the one request that acts was answered.
    pub fn parse(
        &self,
        gateway: &Gateway,
        reply: &Reply,
        account: &Account,
    ) -> Result<Vec<Fact>, Trouble> {
        let facts = match self {
            Self::Checkout(_) => Err(Trouble::Unreadable("a page is opened otherwise".into())),
            Self::Close(ask) => (gateway.close.get()?.parse)(ask, reply, account),
            Self::Charge(ask) => (gateway.charge.get()?.parse)(ask, reply, account),
            Self::Complete(ask) => (gateway.complete.get()?.parse)(ask, reply, account),
            Self::Refund(ask) => (gateway.refund.get()?.parse)(ask, reply, account),
        };
        // What stands under an id that cannot be one was not read.
        LookedUp::from(facts?).told()?.whole()
    }

    /// How the gateway takes the key of this call.
    pub fn key(&self, gateway: &Gateway) -> Option<Key> {
        fn of<Ask, Answer>(effect: Option<&Effect<Ask, Answer>>) -> Option<Key> {
            match &effect?.lost_reply {
                LostReply::SameKey { key, .. } => Some(*key),
                LostReply::Find { .. } | LostReply::Human => None,
            }
        }
        match self {
            Self::Checkout(_) => gateway.checkout.yes()?.key,
            Self::Close(_) => of(gateway.close.yes()),
            Self::Charge(_) => of(gateway.charge.yes()),
            Self::Complete(_) => of(gateway.complete.yes()),
            Self::Refund(_) => of(gateway.refund.yes()),
        }
    }

    /// Looks for a call `age` seconds after its reply was lost; `None` is "not known there".
    pub fn find(
        &self,
        gateway: &Gateway,
        talk: &mut Talk,
        account: &Account,
        age: i64,
    ) -> Result<Option<Vec<Fact>>, Pause> {
        fn of<Ask>(
            effect: Option<&Effect<Ask, Vec<Fact>>>,
            ask: &Ask,
            talk: &mut Talk,
            account: &Account,
            age: i64,
        ) -> Result<Option<Vec<Fact>>, Pause> {
            match effect.map(|effect| effect.lost_reply.at(age)) {
                Some(LostReply::Find { look, .. }) => look(ask, talk, account),
                _ => Err(Trouble::Unclear("no look-up".into()).into()),
            }
        }
        match self {
            Self::Checkout(_) | Self::Close(_) => Err(Trouble::Unclear("no look-up".into()).into()),
            Self::Charge(ask) => of(gateway.charge.yes(), ask, talk, account, age),
            Self::Complete(ask) => of(gateway.complete.yes(), ask, talk, account, age),
            Self::Refund(ask) => of(gateway.refund.yes(), ask, talk, account, age),
        }
    }
}
