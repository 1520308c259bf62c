//! Mollie: a hosted page per payment, later charges on the mandate that a first payment leaves,
//! JSON with amounts as text in major units. Classic webhooks carry nothing but an id and are no
//! proof: the payment is fetched. Signed ones exist beside them.
//! Facts: Mollie's OpenAPI description of v2.

pub mod door;
mod reports;
mod wire;

pub use door::DOORS;

use crate::contract::*;
use crate::domain::case::{OpensBy, Session};
use crate::domain::fact::{Decline, Fact, Method};
use crate::words::money::{Amounts, BadAmount, Money};
use reports::Page;
use serde_json::{Value, json};
use wire::{Customer, *};

const AMOUNTS: Amounts = Amounts::MAJOR;

static VENDOR: Vendor = Vendor {
    id: "mollie",
    name: "Mollie",
    docs: "https://docs.mollie.com/reference",
    host: Host::One("https://api.mollie.com"),
    further_hosts: &[],
    auth: Auth::Bearer("api_key"),
    headers: |_| vec![],
    fields: &[Field::secret("api_key", "API key")],
    // Read where signed webhooks are set up; classic ones have none.
    inbound: &[Field::secret("webhook_secret", "Signing secret of the webhook").optional()],
    own_error: |reply| reply.has_texts(&["/title", "/detail"]),
};

pub static FACES: Faces = Faces {
    gateway: Some(&GATEWAY),
    ..Faces::of(&VENDOR)
};

pub static GATEWAY: Gateway = Gateway {
    vendor: &VENDOR,
    amounts: AMOUNTS,
    moves: "cards, iDEAL, bank debits",
    // A bank debit that was paid may come back, and again come to stay.
    late_failures: true,
    page_stays: false,
    checkout: Offer::Yes(Opening {
        open,
        key: Some(KEY),
        press: None,
    }),
    close: Offer::Yes(Effect::new(
        |ask, _, _| {
            let path = format!("/v2/payments/{}", ask.session);
            Ok(Request::new("DELETE", path, Body::None))
        },
        |_, reply, _| clear(reply)?.json::<Payment>()?.ended(),
        keyed(&LostReply::Human),
    )),
    complete: Offer::No("the hosted page takes the money itself"),
    charge: Offer::Yes(Effect::new(
        charge,
        charged,
        keyed(&LostReply::Find {
            look: find_charge,
            trusted_after: HOUR,
        }),
    )),
    refund: Offer::Yes(Effect::new(
        refund,
        refunded,
        keyed(&LostReply::Find {
            look: find_refund,
            trusted_after: HOUR,
        }),
    )),
    shows_payments: true,
    lookup: Offer::Yes(reports::look_up),
    webhook: Offer::Yes(Inbound {
        door: &door::DOOR,
        vendor: &VENDOR,
        postback: None,
        read: reports::read,
    }),
};

/// How long Mollie remembers a key, in seconds: from memory, unverified.
const HOUR: i64 = 3600;

const KEY: Key = Key {
    place: KeyPlace::Header("Idempotency-Key"),
    spelling: Spelling::Plain(64),
    lifetime: HOUR,
};

/// After the hour the lists tell: they show what was made at once.
const fn keyed<Ask, Answer>(then: &'static LostReply<Ask, Answer>) -> LostReply<Ask, Answer> {
    LostReply::SameKey { key: KEY, then }
}

/// A method is kept for a customer: it is made first, without name or address.
fn open(ask: &Checkout, talk: &mut Talk, _: &Account) -> Result<Session, Pause> {
    let metadata = json!({"reference": ask.reference});
    let mut body = json!({
        "amount": amount(ask.amount)?,
        "description": ask.label,
        "redirectUrl": ask.return_to,
        "cancelUrl": ask.cancel_to,
        "webhookUrl": ask.webhook_url,
        "metadata": metadata,
        "sequenceType": "oneoff",
    });
    if ask.keep_method {
        let made = talk.ask(post("/v2/customers", json!({"metadata": metadata})))?;
        let customer = clear(made)?.json::<Customer>()?.id;
        body["sequenceType"] = "first".into();
        body["customerId"] = vendor_id(customer)?.into();
    }
    let payment: Payment = clear(talk.ask(post("/v2/payments", body))?)?.json()?;
    let gone = || Trouble::Unreadable("a payment without its page".into());
    Ok(Session {
        opens_by: OpensBy::Redirect(payment.page().ok_or_else(gone)?),
        id: payment.id,
        expires_at: payment.expires_at,
    })
}

fn charge(ask: &Charge, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let body = json!({
        "amount": amount(ask.amount)?,
        "description": ask.label,
        // Named in every payment, though nobody is there to be sent back.
        "redirectUrl": null,
        "webhookUrl": ask.webhook_url,
        "metadata": {"reference": ask.reference},
        "sequenceType": "recurring",
        "customerId": customer(&ask.method)?,
        "mandateId": ask.method.token,
    });
    Ok(post("/v2/payments", body))
}

fn customer(method: &Method) -> Result<&str, Trouble> {
    let missing = || Trouble::Rejected("the saved method names no customer".into());
    method.customer.as_deref().ok_or_else(missing)
}

fn charged(_: &Charge, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    if reply.status == 422
        && let Ok(failure) = reply.json::<Failure>()
        && matches!(failure.field.as_deref(), Some("mandateId" | "customerId"))
    {
        return Err(Trouble::Declined(Decline::Method));
    }
    told(&clear(reply)?.json()?).whole()
}

fn find_charge(ask: &Charge, talk: &mut Talk, _: &Account) -> Result<Option<Vec<Fact>>, Pause> {
    let list = reports::latest_of(customer(&ask.method)?);
    let list: Page = clear(talk.ask(list)?)?.json()?;
    let found = list.find::<Payment>("payments", &ask.reference)?;
    Ok(found.map(|payment| told(payment).whole()).transpose()?)
}

fn refund(ask: &Refund, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let body = json!({
        "amount": amount(ask.amount)?,
        "description": "Refund",
        "metadata": {"reference": ask.reference},
    });
    Ok(post(refunds_of(ask), body))
}

fn refunds_of(ask: &Refund) -> String {
    format!("/v2/payments/{}/refunds", ask.payment)
}

fn refunded(_: &Refund, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    Ok(vec![clear(reply)?.json::<GivenBack>()?.fact()?])
}

fn find_refund(ask: &Refund, talk: &mut Talk, _: &Account) -> Result<Option<Vec<Fact>>, Pause> {
    let list = Request::get(refunds_of(ask)).query("limit", "250");
    let list: Page = clear(talk.ask(list)?)?.json()?;
    let found = list.find::<GivenBack>("refunds", &ask.reference)?;
    let fact = found.map(|refund| GivenBack::read(refund)?.fact());
    Ok(fact.transpose()?.map(|fact| vec![fact]))
}

fn amount(amount: Money) -> Result<Value, BadAmount> {
    Ok(json!({"currency": amount.currency.code(), "value": AMOUNTS.write(amount)?}))
}

fn post(path: impl Into<String>, body: Value) -> Request {
    Request::json("POST", path, body)
}

/// Errors of Mollie's own before what a status means everywhere. Only its own error shape is a
/// refusal: a page from something in between says nothing about the money.
fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    if !matches!(reply.status, 400..500) || matches!(reply.status, 401 | 403 | 429) {
        return reply.ok();
    }
    let Ok(failure) = reply.json::<Failure>() else {
        return Err(Trouble::Unclear(format!("status {}", reply.status)));
    };
    // Of a key used with other bytes Mollie says nothing but in words.
    let about_the_key = failure.detail.to_lowercase().contains("idempotency");
    Err(match reply.status {
        404 | 410 => Trouble::Missing,
        409 => Trouble::InFlight,
        _ if about_the_key => Trouble::Unclear("a key that was used for other bytes".into()),
        _ => Trouble::Rejected(match failure.field {
            Some(field) => format!("{}, field {field}: {}", failure.title, failure.detail),
            None => format!("{}: {}", failure.title, failure.detail),
        }),
    })
}
