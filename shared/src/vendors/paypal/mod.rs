//! PayPal: orders that the payer approves on PayPal's page and that we capture, wallets kept in
//! its vault and charged without the payer, refunds of captures. JSON, amounts as decimals in major
//! units. An order is the session; the capture in it is the payment, by which it is refunded.
//! Facts: PayPal's OpenAPI files of orders v2, payments v2, vault v3 and disputes v1 (2024-02).

mod decline;
pub mod door;
pub mod ipn;
mod reports;
mod wire;

pub use door::DOORS;

use crate::contract::*;
use crate::domain::case::Session;
use crate::domain::fact::Fact;
use crate::words::money::{Amounts, BadAmount, Money, Style};
use decline::refused;
use reports::GivenBack;
use serde_json::{Value, json};
use wire::Order;

/// Two currencies that ISO 4217 gives decimals go without any here. Source: the money of orders v2.
const AMOUNTS: Amounts = Amounts {
    style: Style::Major,
    exponents: &[("HUF", 0), ("TWD", 0)],
    multiples: &[],
};

static VENDOR: Vendor = Vendor {
    id: "paypal",
    name: "PayPal",
    docs: "https://developer.paypal.com/api/rest",
    host: Host::From(host),
    further_hosts: &[],
    auth: Auth::OAuth(&OAuth {
        host: Host::From(host),
        path: "/v1/oauth2/token",
        client: Client::Basic("client_id", "client_secret"),
        grant: Grant::ClientCredentials,
        beside: &[],
        read: Granted::usual,
    }),
    headers: |_| vec![],
    fields: &[
        Field::text("client_id", "Client ID"),
        Field::secret("client_secret", "Secret"),
        ENVIRONMENT,
    ],
    inbound: &[Field::text("webhook_id", "Webhook ID")],
    own_error: |reply| reply.has_texts(&["/name"]) || reply.has_texts(&["/error"]),
};

fn host(account: &Account) -> String {
    match account.is_test() {
        true => "https://api-m.sandbox.paypal.com".into(),
        false => "https://api-m.paypal.com".into(),
    }
}

pub static FACES: Faces = Faces {
    gateway: Some(&GATEWAY),
    sources: &[&ipn::INBOUND],
    ..Faces::of(&VENDOR)
};

pub static GATEWAY: Gateway = Gateway {
    vendor: &VENDOR,
    amounts: AMOUNTS,
    moves: "PayPal wallets, cards as a guest",
    // An eCheck is pending until it cleared; what takes money back later is a reversal.
    late_failures: false,
    page_stays: true,
    checkout: Offer::Yes(Opening {
        open,
        key: Some(ORDER_KEY),
        press: None,
    }),
    close: Offer::No("an order is not taken once we ended it, and lapses"),
    complete: Offer::Yes(Effect::new(
        capture,
        captured,
        // A second capture of one order is refused, so a wrong "not found" takes nothing twice.
        keyed(
            ORDER_KEY,
            &LostReply::Find {
                look: find_capture,
                trusted_after: 60,
            },
        ),
    )),
    charge: Offer::Yes(Effect::new(
        charge,
        |_, reply, _| clear(reply)?.json::<Order>()?.taken(),
        // Orders cannot be searched by our reference.
        keyed(ORDER_KEY, &LostReply::Human),
    )),
    refund: Offer::Yes(Effect::new(
        refund,
        refunded,
        keyed(REFUND_KEY, &LostReply::Human),
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

/// How long PayPal remembers a key, in seconds. Source: the header `PayPal-Request-Id` of orders v2,
/// which also bounds its length.
const ORDER_KEY: Key = Key {
    place: KeyPlace::Header("PayPal-Request-Id"),
    spelling: Spelling::Plain(108),
    lifetime: 6 * 3600,
};
/// The same for refunds. Source: that header of payments v2.
const REFUND_KEY: Key = Key {
    lifetime: 45 * 86_400,
    ..ORDER_KEY
};

const fn keyed<Ask, Answer>(
    key: Key,
    then: &'static LostReply<Ask, Answer>,
) -> LostReply<Ask, Answer> {
    LostReply::SameKey { key, then }
}

/// Asks for the whole resource: by default a reply holds little more than an id.
fn whole(path: String, body: Value) -> Request {
    Request::json("POST", path, body).header("Prefer", "return=representation")
}

/// Our reference stands in every field that comes back, whichever PayPal shows in an event. As
/// `invoice_id` it also makes PayPal refuse a second payment of the same reference.
fn unit(reference: &str, amount: Money, label: &str) -> Result<Value, BadAmount> {
    // Orders v2 allows 127 and counts in ASCII: letters beyond it take more than one.
    let label = &label[..label.floor_char_boundary(127)];
    Ok(json!({
        "reference_id": reference,
        "custom_id": reference,
        "invoice_id": reference,
        "description": label,
        "amount": money(amount)?,
    }))
}

fn money(amount: Money) -> Result<Value, BadAmount> {
    let value = AMOUNTS.write(amount)?;
    Ok(json!({ "currency_code": amount.currency.code(), "value": value }))
}

fn open(ask: &Checkout, talk: &mut Talk, _: &Account) -> Result<Session, Pause> {
    let mut wallet = json!({ "experience_context": {
        "return_url": ask.return_to,
        "cancel_url": ask.cancel_to,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }});
    if ask.keep_method {
        let vault = json!({ "store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT" });
        wallet["attributes"] = json!({ "vault": vault });
    }
    let body = json!({
        "intent": "CAPTURE",
        "purchase_units": [unit(&ask.reference, ask.amount, &ask.label)?],
        "payment_source": { "paypal": wallet },
    });
    let made = talk.ask(whole("/v2/checkout/orders".into(), body))?;
    Ok(clear(made)?.json::<Order>()?.page()?)
}

fn capture(ask: &Complete, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let path = format!("/v2/checkout/orders/{}/capture", ask.session);
    Ok(whole(path, json!({})))
}

fn captured(ask: &Complete, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    match clear(reply) {
        Err(Trouble::Exists(_)) => Err(Trouble::Exists(ask.session.clone())),
        other => other?.json::<Order>()?.taken(),
    }
}

fn find_capture(ask: &Complete, talk: &mut Talk, _: &Account) -> Result<Option<Vec<Fact>>, Pause> {
    let order = Request::get(format!("/v2/checkout/orders/{}", ask.session));
    let order: Order = clear(talk.ask(order)?)?.json()?;
    let captures = order.has_captures().then(|| order.told().whole());
    Ok(captures.transpose()?)
}

fn charge(ask: &Charge, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let body = json!({
        "intent": "CAPTURE",
        "purchase_units": [unit(&ask.reference, ask.amount, &ask.label)?],
        "payment_source": { "paypal": { "vault_id": ask.method.token } },
    });
    Ok(whole("/v2/checkout/orders".into(), body))
}

fn refund(ask: &Refund, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let path = format!("/v2/payments/captures/{}/refund", ask.payment);
    let body = json!({
        "amount": money(ask.amount)?,
        "custom_id": ask.reference,
        "invoice_id": ask.reference,
    });
    Ok(whole(path, body))
}

fn refunded(ask: &Refund, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    let back: GivenBack = match clear(reply) {
        // Nobody's payment is declined here: what PayPal says is for staff.
        Err(Trouble::Declined(_)) => return Err(Trouble::Rejected(issue(reply)?)),
        other => other?.json()?,
    };
    let fact = back.fact()?;
    Ok(vec![Fact {
        reference: Some(ask.reference.clone()),
        payment: Some(ask.payment.clone()),
        ..fact
    }])
}

/// PayPal's own errors before what a status means everywhere.
fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    match reply.status {
        409 => Err(Trouble::InFlight),
        403 => Err(Trouble::Credentials(issue(reply)?)),
        // Only PayPal's own word says that something is not there.
        404 => issue(reply).and(Err(Trouble::Missing)),
        400 | 422 => Err(refused(issue(reply)?)),
        _ => reply.ok(),
    }
}

/// What tells one error from another: the issue of its first detail, else its name.
fn issue(reply: &Reply) -> Result<String, Trouble> {
    let error: Value = reply.json()?;
    let issue = text(&error, "/details/0/issue").or(text(&error, "/name"));
    issue.ok_or(Trouble::Unreadable(format!("status {}", reply.status)))
}

/// What stands at a place that may be missing.
fn text(value: &Value, place: &str) -> Option<String> {
    value.pointer(place)?.as_str().map(str::to_owned)
}
