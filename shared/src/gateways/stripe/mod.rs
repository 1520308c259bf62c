//! Stripe: hosted Checkout Sessions, payment intents off session, bodies as bracketed forms,
//! amounts in minor units. A session is paid by a payment intent; refunds name the intent.
//! Facts: docs.stripe.com/api, pinned to API version 2023-08-16.

mod reports;
mod wire;

use super::*;
use crate::inbound::{Algorithm, Proof};
use crate::money::{BadAmount, Style};
use crate::vendor::*;
use wire::*;

/// JPY and the like go unscaled; three-decimal currencies must end in 0.
const AMOUNTS: Amounts = Amounts {
    style: Style::Minor,
    exponents: &[("ISK", 2), ("UGX", 2)],
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
    auth: Auth::Bearer("secret_key"),
    headers: |_| vec![("Stripe-Version", "2023-08-16".into())],
    secrets: &["secret_key"],
    inbound_secrets: &["webhook_secret"],
};

pub static GATEWAY: Gateway = Gateway {
    vendor: &VENDOR,
    amounts: AMOUNTS,
    moves: "cards, wallets",
    late_failures: false,
    page_stays: true,
    checkout: Offer::Yes(Effect {
        call: Call {
            build: checkout,
            parse: opened,
        },
        lost_reply: key(&LostReply::Human),
    }),
    complete: Offer::No("the hosted page takes the money itself"),
    charge: Offer::Yes(Effect {
        call: Call {
            build: charge,
            parse: charged,
        },
        lost_reply: key(&LostReply::Human),
    }),
    refund: Offer::Yes(Effect {
        call: Call {
            build: refund,
            parse: refunded,
        },
        lost_reply: key(&LostReply::Human),
    }),
    lookup: Offer::Yes(Inquiry {
        build: reports::lookup,
        parse: reports::looked_up,
    }),
    webhook: Offer::Yes(Inbound {
        source: "stripe",
        vendor: &VENDOR,
        proofs: &[Proof::Hmac {
            header: "stripe-signature",
            secret: "webhook_secret",
            algorithm: Algorithm::Sha256,
            signed: reports::signed,
            tolerance: Some(300),
        }],
        read: reports::read,
        refused: 401,
        accepted: (200, ""),
    }),
};

/// Stripe keeps keys for at least 24 hours.
const fn key<Ask, Answer>(then: &'static LostReply<Ask, Answer>) -> LostReply<Ask, Answer> {
    let place = KeyPlace::Header("Idempotency-Key");
    LostReply::SameKey {
        place,
        lifetime: 24 * 3600,
        longest: 255,
        then,
    }
}

fn checkout(ask: &Checkout, _: &Account) -> Result<Request, BadAmount> {
    let mut fields = vec![
        ("mode", "payment".into()),
        ("client_reference_id", ask.reference.clone()),
        ("success_url", ask.return_to.clone()),
        ("cancel_url", ask.return_to.clone()),
        ("line_items[0][quantity]", "1".into()),
        (
            "line_items[0][price_data][currency]",
            ask.amount.currency.code().to_lowercase(),
        ),
        (
            "line_items[0][price_data][unit_amount]",
            AMOUNTS.write(ask.amount)?,
        ),
        (
            "line_items[0][price_data][product_data][name]",
            ask.label.clone(),
        ),
        (
            "payment_intent_data[metadata][reference]",
            ask.reference.clone(),
        ),
        ("metadata[reference]", ask.reference.clone()),
    ];
    if ask.keep_method {
        fields.push(("customer_creation", "always".into()));
        fields.push((
            "payment_intent_data[setup_future_usage]",
            "off_session".into(),
        ));
    }
    Ok(Request::form("/v1/checkout/sessions", fields))
}

fn opened(_: &Checkout, reply: &Reply, _: &Account) -> Result<Opening, Trouble> {
    let page: reports::Page = clear(reply)?.json()?;
    let url = page
        .url
        .ok_or(Trouble::Unreadable("a session without url".into()))?;
    Ok(Opening::Page(Session {
        id: page.id,
        url,
        expires_at: page.expires_at.and_then(at),
    }))
}

fn charge(ask: &Charge, _: &Account) -> Result<Request, BadAmount> {
    let mut fields = vec![
        ("amount", AMOUNTS.write(ask.amount)?),
        ("currency", ask.amount.currency.code().to_lowercase()),
        ("payment_method", ask.method.token.clone()),
        ("confirm", "true".into()),
        ("off_session", "true".into()),
        ("error_on_requires_action", "true".into()),
        ("description", ask.label.clone()),
        ("metadata[reference]", ask.reference.clone()),
    ];
    fields.extend(
        ask.method
            .customer
            .clone()
            .map(|customer| ("customer", customer)),
    );
    Ok(Request::form("/v1/payment_intents", fields))
}

fn charged(_: &Charge, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    if reply.status == 402 {
        let failure: Failed = reply.json()?;
        return Err(Trouble::Declined(decline(Some(&failure.error))));
    }
    Ok(vec![clear(reply)?.json::<Intent>()?.fact()?])
}

fn refund(ask: &Refund, _: &Account) -> Result<Request, BadAmount> {
    let fields = vec![
        ("payment_intent", ask.payment.clone()),
        ("amount", AMOUNTS.write(ask.amount)?),
        ("metadata[reference]", ask.reference.clone()),
    ];
    Ok(Request::form("/v1/refunds", fields))
}

fn refunded(_: &Refund, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    Ok(vec![clear(reply)?.json::<GivenBack>()?.fact()?])
}

/// Errors of Stripe's own before what a status means everywhere.
pub fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    match reply.status {
        409 => Err(Trouble::InFlight),
        400 | 402 | 404 => match reply.json::<Failed>()?.error {
            // Our key was used with other bytes: what happened under it must be looked up.
            error if error.r#type == "idempotency_error" => Err(Trouble::Unclear(error.r#type)),
            error if reply.status == 404 && error.code.as_deref() != Some("resource_missing") => {
                Err(Trouble::Missing)
            }
            error => Err(Trouble::Rejected(error.code.unwrap_or(error.r#type))),
        },
        _ => reply.ok(),
    }
}
