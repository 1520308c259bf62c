//! Stripe: hosted Checkout Sessions, payment intents off session, bodies as bracketed forms,
//! amounts in minor units. A session is paid by a payment intent; refunds name the intent, or the
//! charge where it has none.
//! Facts: Stripe's OpenAPI description of API version 2023-08-16, to which every call is pinned.

mod decline;
pub mod door;
mod reports;
mod wire;

pub use door::DOORS;

use crate::contract::*;
use crate::domain::case::{OpensBy, Session};
use crate::domain::fact::{Decline, Fact};
use crate::words::money::{Amounts, Money, Style};
use decline::decline;
use serde_json::Value;
use wire::*;

/// JPY and the like go unscaled, MGA among them; three-decimal currencies must end in 0. From
/// memory of Stripe's list of currencies: unverified.
const AMOUNTS: Amounts = Amounts {
    style: Style::Minor,
    exponents: &[("ISK", 2), ("MGA", 0), ("UGX", 2)],
    multiples: &[
        ("BHD", 10),
        ("JOD", 10),
        ("KWD", 10),
        ("OMR", 10),
        ("TND", 10),
    ],
};

static VENDOR: Vendor = Vendor {
    id: "stripe",
    name: "Stripe",
    docs: "https://docs.stripe.com/api",
    host: Host::One("https://api.stripe.com"),
    further_hosts: &[],
    auth: Auth::Bearer("secret_key"),
    headers: |_| vec![("Stripe-Version", "2023-08-16".into())],
    fields: &[Field::secret("secret_key", "Secret key")],
    inbound: &[Field::secret(
        "webhook_secret",
        "Signing secret of the webhook",
    )],
    own_error: |reply| reply.has_texts(&["/error/type"]),
};

pub static FACES: Faces = Faces {
    gateway: Some(&GATEWAY),
    ..Faces::of(&VENDOR)
};

pub static GATEWAY: Gateway = Gateway {
    vendor: &VENDOR,
    amounts: AMOUNTS,
    moves: "cards, wallets",
    late_failures: false,
    page_stays: true,
    checkout: Offer::Yes(Opening {
        open,
        key: Some(KEY),
        press: None,
    }),
    close: Offer::Yes(Effect::new(
        |ask, _, _| {
            let path = format!("/v1/checkout/sessions/{}/expire", ask.session);
            Ok(Request::form(path, vec![]))
        },
        |_, reply, _| Ok(vec![clear(reply)?.json::<reports::Page>()?.ended()?]),
        keyed(&LostReply::Human),
    )),
    complete: Offer::No("the hosted page takes the money itself"),
    charge: Offer::Yes(Effect::new(charge, charged, keyed(&LostReply::Human))),
    refund: Offer::Yes(Effect::new(refund, refunded, keyed(&LostReply::Human))),
    shows_payments: true,
    lookup: Offer::Yes(reports::look_up),
    webhook: Offer::Yes(Inbound {
        door: &door::DOOR,
        vendor: &VENDOR,
        postback: None,
        read: reports::read,
    }),
};

/// Stripe keeps keys of up to 255 letters for at least 24 hours: from memory, unverified.
const KEY: Key = Key {
    place: KeyPlace::Header("Idempotency-Key"),
    spelling: Spelling::Plain(255),
    lifetime: 24 * 3600,
};

const fn keyed<Ask, Answer>(then: &'static LostReply<Ask, Answer>) -> LostReply<Ask, Answer> {
    LostReply::SameKey { key: KEY, then }
}

fn open(ask: &Checkout, talk: &mut Talk, _: &Account) -> Result<Session, Pause> {
    let reference = ask.reference.clone();
    let currency = ask.amount.currency.code().to_lowercase();
    let amount = AMOUNTS.write(ask.amount)?;
    let mut fields = vec![
        ("mode", "payment".into()),
        ("client_reference_id", reference.clone()),
        ("success_url", ask.return_to.clone()),
        ("cancel_url", ask.cancel_to.clone()),
        ("line_items[0][quantity]", "1".into()),
        ("line_items[0][price_data][currency]", currency),
        ("line_items[0][price_data][unit_amount]", amount),
        (
            "line_items[0][price_data][product_data][name]",
            ask.label.clone(),
        ),
        ("metadata[reference]", reference.clone()),
        ("payment_intent_data[metadata][reference]", reference),
    ];
    if ask.keep_method {
        let later = "off_session".into();
        fields.push(("customer_creation", "always".into()));
        fields.push(("payment_intent_data[setup_future_usage]", later));
    }
    let made = talk.ask(Request::form("/v1/checkout/sessions", fields))?;
    let page: reports::Page = clear(made)?.json()?;
    let url = page
        .url
        .ok_or(Trouble::Unreadable("a session without url".into()))?;
    Ok(Session {
        id: page.id,
        opens_by: OpensBy::Redirect(url),
        expires_at: page.expires_at.and_then(reports::at),
    })
}

fn charge(ask: &Charge, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let mut fields = vec![
        ("amount", AMOUNTS.write(ask.amount)?),
        ("currency", ask.amount.currency.code().to_lowercase()),
        ("payment_method", ask.method.token.clone()),
        ("confirm", "true".into()),
        ("off_session", "true".into()),
        // Whoever is not there can be sent nowhere: without this Stripe asks for a return_url.
        ("automatic_payment_methods[enabled]", "true".into()),
        ("automatic_payment_methods[allow_redirects]", "never".into()),
        ("expand[]", "latest_charge".into()),
        ("description", ask.label.clone()),
        ("metadata[reference]", ask.reference.clone()),
    ];
    if let Some(customer) = &ask.method.customer {
        fields.push(("customer", customer.clone()));
    }
    Ok(Request::form("/v1/payment_intents", fields))
}

fn charged(_: &Charge, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    if reply.status == 402 {
        return Err(Trouble::Declined(decline(&error(reply)?)));
    }
    // An intent that still waits has taken nothing, and without the payer it never will.
    let fact = clear(reply)?.json::<Intent>()?.fact()?;
    Ok(vec![fact.ok_or(Trouble::Declined(Decline::Action))?])
}

fn refund(ask: &Refund, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let direct = ask.payment.starts_with("ch_") || ask.payment.starts_with("py_");
    let of = if direct { "charge" } else { "payment_intent" };
    let fields = vec![
        (of, ask.payment.clone()),
        ("amount", AMOUNTS.write(ask.amount)?),
        ("metadata[reference]", ask.reference.clone()),
    ];
    Ok(Request::form("/v1/refunds", fields))
}

fn refunded(_: &Refund, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    Ok(vec![clear(reply)?.json::<Moved>()?.refund()?])
}

/// Errors of Stripe's own before what a status means everywhere. `type` is listed in the API
/// description; what 409 and `resource_missing` mean is from memory, unverified.
pub fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    if !matches!(reply.status, 400 | 402 | 404..=428 | 430..=499) {
        return reply.ok();
    }
    let error = error(reply)?;
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let missing = reply.status == 404 && error["code"] == "resource_missing";
    Err(match text("type").as_str() {
        _ if reply.status == 409 => Trouble::InFlight,
        // Our key was used with other bytes: what happened under it must be looked up.
        "idempotency_error" => Trouble::Unclear("idempotency_error".into()),
        // It is there, but our key is for the other mode.
        _ if missing && text("message").contains("mode key") => {
            Trouble::Credentials("the key is for the other mode".into())
        }
        _ if missing => Trouble::Missing,
        _ if error["code"].is_string() => Trouble::Rejected(text("code")),
        _ => Trouble::Rejected(text("type")),
    })
}

fn error(reply: &Reply) -> Result<Value, Trouble> {
    let body: Value = reply.json()?;
    let error = body["error"].clone();
    match error["type"].is_string() {
        true => Ok(error),
        false => Err(Trouble::Unreadable(format!("status {}", reply.status))),
    }
}

pub fn money(minor: i64, code: &str) -> Result<Money, Trouble> {
    read_money(&AMOUNTS, &minor.to_string(), code)
}
