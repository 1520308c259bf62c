//! How the product sees the simulated gateways: one adapter each, written like a real one, as a
//! value with plain functions. They share the wire, so they share what builds and reads it.

use crate::gateway::{self, DAY, HOUR, Kind as Traits, Reversal};
use crate::wire::{Code, Order, Refused, Say, Told, What};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meridian::contract::{
    Account, Auth, Charge, Checkout, Close, Complete, Effect, Gateway, Host, Key, KeyPlace,
    LookedUp, Lookup, LostReply, Offer, Opening, Pause, Refund, Reply, Request, Spelling, Talk,
    Trouble, Vendor,
};
use meridian::domain::case::{OpensBy, Session};
use meridian::domain::fact::{Decline, Fact, Kind, Method};
use meridian::words::money::{Amounts, Currency, Money};

/// The gateways of the world: what each is, and how the product sees it.
pub static ALL: [(&Traits, &Gateway); 6] = [
    (&CARD_KIND, &CARD),
    (&WALLET_KIND, &WALLET),
    (&DEBIT_KIND, &DEBIT),
    (&HOURLY_KIND, &HOURLY),
    (&ASKING_KIND, &ASKING),
    (&TELLING_KIND, &TELLING),
];

/// Cards on a page that stays after a decline and can be ended; keys live for a day.
static CARD_KIND: Traits = Traits {
    id: "card",
    approves: false,
    debit: false,
    late: false,
    page_stays: true,
    can_end: true,
    one_id: false,
    keys: Some(DAY),
    search_lag: gateway::MINUTE,
    page_lives: DAY,
    wants_total: false,
    reverses: Some(Reversal::Unnamed),
    tells_end: true,
    shows: true,
};
/// A wallet: the payer approves, we take the money; its pages cannot be ended.
static WALLET_KIND: Traits = Traits {
    id: "wallet",
    approves: true,
    debit: false,
    late: false,
    page_stays: true,
    can_end: false,
    one_id: false,
    keys: Some(6 * HOUR),
    search_lag: 0,
    page_lives: 3 * HOUR,
    wants_total: false,
    reverses: Some(Reversal::Named),
    tells_end: true,
    shows: true,
};
/// Bank debits: days until they clear, late failures, collected again.
static DEBIT_KIND: Traits = Traits {
    id: "debit",
    approves: true,
    debit: true,
    late: true,
    page_stays: false,
    can_end: true,
    one_id: false,
    keys: Some(30 * DAY),
    search_lag: 0,
    page_lives: 7 * DAY,
    wants_total: true,
    reverses: None,
    tells_end: true,
    shows: true,
};
/// Keys of an hour, then its lists are searched; a page is the payment and cannot be ended.
static HOURLY_KIND: Traits = Traits {
    id: "hourly",
    approves: false,
    debit: false,
    late: true,
    page_stays: false,
    can_end: false,
    one_id: true,
    keys: Some(HOUR),
    search_lag: gateway::MINUTE,
    page_lives: HOUR,
    wants_total: false,
    reverses: Some(Reversal::Unnamed),
    tells_end: true,
    shows: true,
};
/// No keys and no search: a person looks.
static ASKING_KIND: Traits = Traits {
    id: "asking",
    approves: false,
    debit: false,
    late: false,
    page_stays: false,
    can_end: true,
    one_id: false,
    keys: None,
    search_lag: 0,
    page_lives: DAY,
    wants_total: false,
    reverses: Some(Reversal::Named),
    tells_end: false,
    shows: true,
};

/// It shows no payments: what it does not say by itself, nobody finds out.
static TELLING_KIND: Traits = Traits {
    id: "telling",
    approves: false,
    debit: false,
    late: false,
    page_stays: true,
    can_end: true,
    one_id: false,
    keys: Some(7 * DAY),
    search_lag: 0,
    page_lives: DAY,
    wants_total: false,
    reverses: None,
    tells_end: true,
    shows: false,
};

const fn vendor(id: &'static str) -> Vendor {
    Vendor {
        id,
        name: id,
        docs: "",
        host: Host::One("https://gateway.invalid"),
        further_hosts: &[],
        auth: Auth::Open,
        headers: |_| vec![],
        fields: &[],
        inbound: &[],
        own_error: |reply| reply.has_texts(&["/error/code"]),
    }
}

static CARD_VENDOR: Vendor = vendor("card");
static WALLET_VENDOR: Vendor = vendor("wallet");
static DEBIT_VENDOR: Vendor = vendor("debit");
static HOURLY_VENDOR: Vendor = vendor("hourly");
static ASKING_VENDOR: Vendor = vendor("asking");
static TELLING_VENDOR: Vendor = vendor("telling");

const fn key(lifetime: i64) -> Key {
    Key {
        place: KeyPlace::Header("key"),
        spelling: Spelling::Plain(64),
        lifetime,
    }
}

const fn keyed<Ask, Answer>(
    lifetime: i64,
    then: &'static LostReply<Ask, Answer>,
) -> LostReply<Ask, Answer> {
    let key = key(lifetime);
    LostReply::SameKey { key, then }
}

const fn pages(key: Option<Key>) -> Offer<Opening> {
    Offer::Yes(Opening {
        open,
        key,
        press: None,
    })
}

const fn closes(lost_reply: LostReply<Close, Vec<Fact>>) -> Offer<Effect<Close, Vec<Fact>>> {
    Offer::Yes(Effect::new(close, |_, reply, _| facts(reply), lost_reply))
}

const fn charges(lost_reply: LostReply<Charge, Vec<Fact>>) -> Offer<Effect<Charge, Vec<Fact>>> {
    Offer::Yes(Effect::new(charge, |_, reply, _| facts(reply), lost_reply))
}

const fn completes(
    lost_reply: LostReply<Complete, Vec<Fact>>,
) -> Offer<Effect<Complete, Vec<Fact>>> {
    Offer::Yes(Effect::new(
        complete,
        |_, reply, _| facts(reply),
        lost_reply,
    ))
}

const fn refunds(lost_reply: LostReply<Refund, Vec<Fact>>) -> Offer<Effect<Refund, Vec<Fact>>> {
    Offer::Yes(Effect::new(refund, |_, reply, _| facts(reply), lost_reply))
}

const fn find_charge(trusted_after: i64) -> LostReply<Charge, Vec<Fact>> {
    LostReply::Find {
        look: |ask, talk, _| found(talk.ask(search("payments", &ask.reference))?),
        trusted_after,
    }
}

const fn find_refund(trusted_after: i64) -> LostReply<Refund, Vec<Fact>> {
    LostReply::Find {
        look: |ask, talk, _| found(talk.ask(search("refunds", &ask.reference))?),
        trusted_after,
    }
}

/// A gateway whose page takes the money itself.
const fn takes_itself(
    vendor: &'static Vendor,
    page_stays: bool,
    checkout: Offer<Opening>,
    close: Offer<Effect<Close, Vec<Fact>>>,
    charge: Offer<Effect<Charge, Vec<Fact>>>,
    refund: Offer<Effect<Refund, Vec<Fact>>>,
) -> Gateway {
    Gateway {
        vendor,
        amounts: Amounts::MAJOR,
        moves: "simulated money",
        late_failures: false,
        page_stays,
        checkout,
        close,
        complete: Offer::No("its page takes the money itself"),
        charge,
        refund,
        shows_payments: true,
        lookup: Offer::Yes(look_up),
        webhook: Offer::No("the world hands over what it says"),
    }
}

static CARD: Gateway = takes_itself(
    &CARD_VENDOR,
    true,
    pages(Some(key(DAY))),
    closes(keyed(DAY, &LostReply::Human)),
    charges(keyed(DAY, &LostReply::Human)),
    refunds(keyed(DAY, &LostReply::Human)),
);
static HOURLY: Gateway = Gateway {
    late_failures: true,
    ..takes_itself(
        &HOURLY_VENDOR,
        false,
        pages(Some(key(HOUR))),
        // It is asked, and refuses.
        closes(keyed(HOUR, &LostReply::Human)),
        charges(keyed(HOUR, &find_charge(HOUR))),
        refunds(keyed(HOUR, &find_refund(HOUR))),
    )
};
static ASKING: Gateway = takes_itself(
    &ASKING_VENDOR,
    false,
    pages(None),
    closes(LostReply::Human),
    charges(LostReply::Human),
    refunds(LostReply::Human),
);
static TELLING: Gateway = Gateway {
    shows_payments: false,
    ..takes_itself(
        &TELLING_VENDOR,
        true,
        pages(Some(key(7 * DAY))),
        closes(keyed(7 * DAY, &LostReply::Human)),
        charges(keyed(7 * DAY, &LostReply::Human)),
        refunds(keyed(7 * DAY, &LostReply::Human)),
    )
};
static WALLET: Gateway = Gateway {
    complete: completes(keyed(
        6 * HOUR,
        &LostReply::Find {
            look: |ask, talk, _| found(talk.ask(Request::get(format!("/pages/{}", ask.session)))?),
            trusted_after: 60,
        },
    )),
    ..takes_itself(
        &WALLET_VENDOR,
        true,
        pages(Some(key(6 * HOUR))),
        Offer::No("what we ended is never taken"),
        charges(keyed(6 * HOUR, &LostReply::Human)),
        refunds(keyed(6 * HOUR, &LostReply::Human)),
    )
};
static DEBIT: Gateway = Gateway {
    late_failures: true,
    complete: completes(keyed(30 * DAY, &LostReply::Human)),
    ..takes_itself(
        &DEBIT_VENDOR,
        false,
        pages(Some(key(30 * DAY))),
        closes(keyed(30 * DAY, &LostReply::Human)),
        charges(keyed(30 * DAY, &LostReply::Human)),
        refunds(keyed(30 * DAY, &LostReply::Human)),
    )
};

// ---- requests --------------------------------------------------------------------------------

fn post(path: String, order: &Order) -> Result<Request, Pause> {
    let body = serde_json::to_value(order).map_err(unwritten)?;
    Ok(Request::json("POST", &path, body))
}

fn unwritten(why: serde_json::Error) -> Trouble {
    Trouble::Rejected(why.to_string())
}

fn order(reference: &str, amount: Money) -> Order {
    Order {
        reference: reference.into(),
        amount: amount.minor,
        currency: amount.currency.code().into(),
        ..Order::default()
    }
}

fn search(list: &str, reference: &str) -> Request {
    Request::get(format!("/search/{list}/{reference}"))
}

fn open(ask: &Checkout, talk: &mut Talk, _: &Account) -> Result<Session, Pause> {
    let order = Order {
        keep: ask.keep_method,
        ..order(&ask.reference, ask.amount)
    };
    let told = clear(talk.ask(post("/pages".into(), &order)?)?)?;
    let page = told
        .page
        .ok_or_else(|| Trouble::Unreadable("a page without an id".into()))?;
    Ok(Session {
        opens_by: OpensBy::Redirect(format!("https://gateway.invalid/{}", page.id)),
        id: page.id,
        expires_at: page
            .expires_at
            .and_then(|at| Timestamp::from_second(at).ok()),
    })
}

fn close(ask: &Close, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let path = format!("/pages/{}/end", ask.session);
    post(path, &Order::default())
}

fn charge(ask: &Charge, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let order = Order {
        token: Some(ask.method.token.clone()),
        ..order(&ask.reference, ask.amount)
    };
    post("/payments".into(), &order)
}

fn complete(ask: &Complete, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let order = order(&ask.reference, ask.amount);
    post(format!("/pages/{}/complete", ask.session), &order)
}

fn refund(ask: &Refund, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let order = Order {
        total: Some(ask.total_refunded.minor),
        ..order(&ask.reference, ask.amount)
    };
    post(format!("/payments/{}/refunds", ask.payment), &order)
}

// ---- answers ---------------------------------------------------------------------------------

/// The gateway's own errors first, then what a status means everywhere.
fn clear(reply: &Reply) -> Result<Told, Trouble> {
    if let Ok(Told {
        error: Some(why), ..
    }) = reply.json()
    {
        return Err(refused(why, reply));
    }
    reply.ok()?.json()
}

fn refused(why: Refused, reply: &Reply) -> Trouble {
    match why.code {
        Code::NoFunds => Trouble::Declined(Decline::Funds),
        Code::Dead => Trouble::Declined(Decline::Method),
        Code::NotApproved => Trouble::Declined(Decline::Action),
        Code::NotFound => Trouble::Missing,
        Code::AlreadyPaid => Trouble::Exists(why.id),
        Code::TotalDiffers => Trouble::Stale("another total".into()),
        Code::InFlight => Trouble::InFlight,
        Code::BadKey | Code::Forbidden => Trouble::Credentials(format!("status {}", reply.status)),
        Code::TooMany => Trouble::busy(30),
        Code::AlreadyRefunded
        | Code::AmountExceeded
        | Code::Balance
        | Code::CannotEnd
        | Code::Unsupported => Trouble::Rejected(format!("{:?}", why.code)),
    }
}

fn facts(reply: &Reply) -> Result<Vec<Fact>, Trouble> {
    clear(reply)?.says.iter().map(fact).collect()
}

/// What a search found: nothing is `None`.
fn found(reply: &Reply) -> Result<Option<Vec<Fact>>, Pause> {
    Ok(Some(facts(reply)?).filter(|facts| !facts.is_empty()))
}

fn look_up(ask: &Lookup, talk: &mut Talk, _: &Account) -> Result<LookedUp, Pause> {
    let request = match (&ask.payment, &ask.session) {
        (Some(id), _) => Request::get(format!("/payments/{id}")),
        (None, Some(id)) => Request::get(format!("/pages/{id}")),
        (None, None) if ask.reference.is_empty() => {
            return Err(Trouble::Unclear("without an id it cannot be found".into()).into());
        }
        (None, None) => search("payments", &ask.reference),
    };
    let of_page = ask.payment.is_none() && ask.session.is_some();
    let told = facts(talk.ask(request)?)?.into_iter();
    // An attempt that failed on a page gives its id to no payment: the next one may pay.
    let told: Vec<_> = told
        .map(|fact| match of_page && fact.kind == Kind::PaymentFailed {
            true => attempt(fact),
            false => fact,
        })
        .collect();
    Ok(told.into())
}

fn attempt(fact: Fact) -> Fact {
    Fact {
        aliases: fact.aliases.into_iter().chain(fact.payment).collect(),
        payment: None,
        ..fact
    }
}

fn day(second: i64) -> Option<Date> {
    let at = Timestamp::from_second(second).ok()?;
    Some(at.to_zoned(TimeZone::UTC).date())
}

/// A statement, in an answer or a webhook, as the product hears it.
pub fn fact(say: &Say) -> Result<Fact, Trouble> {
    let kind = match say.what {
        What::Approved | What::Pending => Kind::PaymentPending,
        What::Succeeded => Kind::PaymentSucceeded,
        What::Failed => Kind::PaymentFailed,
        What::Expired => Kind::PaymentExpired,
        What::Returned => Kind::PaymentReturned,
        What::RefundPending => Kind::RefundPending,
        What::RefundSucceeded => Kind::RefundSucceeded,
        What::RefundFailed => Kind::RefundFailed,
        What::DisputeOpened => Kind::DisputeOpened,
        What::DisputeWon => Kind::DisputeWon,
        What::DisputeLost => Kind::DisputeLost,
    };
    let amount = match say.amount {
        None => None,
        Some(minor) => {
            let unknown = || Trouble::Unreadable(format!("a currency {}", say.currency));
            let currency = Currency::read(&say.currency).ok_or_else(unknown)?;
            Some(Money::new(minor, currency))
        }
    };
    let gateway = say.token.as_ref().and_then(|t| t.split_once('-'));
    let method = say.token.as_ref().map(|token| Method {
        gateway: gateway.map_or("", |(gateway, _)| gateway).into(),
        customer: None,
        token: token.clone(),
        label: "Card ending 4242".into(),
    });
    Ok(Fact {
        reference: say.reference.clone(),
        payment: say.payment.clone(),
        aliases: say.page.iter().cloned().collect(),
        refund: say.refund.clone(),
        dispute: say.dispute.clone(),
        amount,
        decline: say.why.map(|why| match why {
            Code::Dead => Decline::Method,
            _ => Decline::Funds,
        }),
        occurred_at: Timestamp::from_second(say.at).ok(),
        approved: say.what == What::Approved,
        collected_on: say.collected_at.and_then(day),
        method,
        ..Fact::new(kind)
    })
}
