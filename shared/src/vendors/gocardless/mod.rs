//! GoCardless: bank debits. The payer approves a mandate on a hosted page (a billing request and
//! its flow), then payments are collected on the mandate; both take days. Bodies are JSON under
//! the plural name of the resource, amounts are minor units. A repeated key answers 409 and names
//! what the first call made. A debit can fail after it was collected.
//! Facts: the official client libraries and their test data, API version 2015-07-06.

mod decline;
pub mod door;
mod reports;
mod wire;

pub use door::DOORS;

use crate::contract::*;
use crate::domain::case::{OpensBy, Session};
use crate::domain::fact::{Decline, Fact};
use crate::words::ids;
use crate::words::money::{Amounts, BadAmount, Money};
use serde_json::{Value, json};
use wire::*;

const AMOUNTS: Amounts = Amounts::MINOR;

static VENDOR: Vendor = Vendor {
    id: "gocardless",
    name: "GoCardless",
    docs: "https://developer.gocardless.com/api-reference",
    host: Host::From(host),
    further_hosts: &[],
    auth: Auth::Bearer("access_token"),
    headers: |_| vec![("GoCardless-Version", "2015-07-06".into())],
    fields: &[Field::secret("access_token", "Access token")],
    inbound: &[Field::secret(
        "webhook_secret",
        "Secret of the webhook endpoint",
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
    moves: "bank debits",
    late_failures: true,
    page_stays: false,
    checkout: Offer::Yes(Opening {
        open,
        key: Some(KEY),
        press: None,
    }),
    close: Offer::Yes(Effect::new(
        |ask, _, _| {
            let path = format!("/billing_requests/{}/actions/cancel", ask.session);
            Ok(Request::new("POST", path, Body::None))
        },
        |_, reply, _| {
            let request: BillingRequest = inside(clear(reply)?, "billing_requests")?;
            Ok(request.ended()?.into_iter().collect())
        },
        keyed(&LostReply::Human),
    )),
    complete: Offer::Yes(Effect::new(
        complete,
        |_, reply, _| collecting(reply),
        keyed(&LostReply::Human),
    )),
    charge: Offer::Yes(Effect::new(
        charge,
        |_, reply, _| collecting(reply),
        keyed(&LostReply::Human),
    )),
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

/// Keys are kept with what they made. Their length is the client library's; no lifetime is published,
/// so a month is taken as sure: unverified.
const KEY: Key = Key {
    place: KeyPlace::Header("Idempotency-Key"),
    spelling: Spelling::Plain(128),
    lifetime: 30 * 24 * 3600,
};

const fn keyed<Ask, Answer>(then: &'static LostReply<Ask, Answer>) -> LostReply<Ask, Answer> {
    LostReply::SameKey { key: KEY, then }
}

/// Tokens of the test environment say so.
fn host(account: &Account) -> String {
    let test = account.secret("access_token").starts_with("sandbox_");
    let name = if test { "api-sandbox" } else { "api" };
    format!("https://{name}.gocardless.com")
}

/// First the billing request, then a page for it. What was made in a round before is named by the
/// refusal of its key; a page of then is not readable again, but hands out its address when it is
/// initialised.
fn open(ask: &Checkout, talk: &mut Talk, _: &Account) -> Result<Session, Pause> {
    let metadata = json!({"reference": ask.reference});
    let made = talk.ask(post(
        "/billing_requests",
        json!({"billing_requests": {
            "mandate_request": {
                "currency": ask.amount.currency.code(),
                "description": ask.label,
                "metadata": metadata,
            },
            "metadata": metadata,
        }}),
    ))?;
    let request = match clear(made) {
        Err(Trouble::Exists(id)) => id,
        other => inside::<BillingRequest>(other?, "billing_requests")?.id,
    };
    let flow = talk.ask(post(
        "/billing_request_flows",
        json!({"billing_request_flows": {
            "redirect_uri": ask.return_to,
            "exit_uri": ask.cancel_to,
            "links": {"billing_request": vendor_id(request)?},
        }}),
    ))?;
    let flow = match clear(flow) {
        Err(Trouble::Exists(flow)) => {
            let path = format!(
                "/billing_request_flows/{}/actions/initialise",
                vendor_id(flow)?
            );
            clear(talk.ask(Request::new("POST", path, Body::None))?)?
        }
        other => other?,
    };
    let flow: Value = inside(flow, "billing_request_flows")?;
    let text = |value: &Value| {
        let missing = || Trouble::Unreadable("a flow without its address".into());
        value.as_str().map(String::from).ok_or_else(missing)
    };
    let expires_at = flow["expires_at"].as_str();
    Ok(Session {
        id: text(&flow["links"]["billing_request"])?,
        opens_by: OpensBy::Redirect(text(&flow["authorisation_url"])?),
        expires_at: expires_at.and_then(|at| at.parse().ok()),
    })
}

fn complete(ask: &Complete, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let method = ask.method.as_ref();
    let missing = || Trouble::Rejected("the approval named no mandate".into());
    let mandate = &method.ok_or_else(missing)?.token;
    Ok(collect(&ask.reference, ask.amount, &ask.label, mandate)?)
}

fn charge(ask: &Charge, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let mandate = &ask.method.token;
    Ok(collect(&ask.reference, ask.amount, &ask.label, mandate)?)
}

/// GoCardless's own retries stay off: two planners would collect twice.
fn collect(
    reference: &str,
    amount: Money,
    label: &str,
    mandate: &str,
) -> Result<Request, BadAmount> {
    let body = json!({"payments": {
        "amount": minor(amount)?,
        "currency": amount.currency.code(),
        "description": label,
        "metadata": {"reference": reference},
        "links": {"mandate": mandate},
        "retry_if_possible": false,
    }});
    Ok(post("/payments", body))
}

fn collecting(reply: &Reply) -> Result<Vec<Fact>, Trouble> {
    inside::<Payment>(clear(reply)?, "payments")?
        .facts(&[])
        .whole()
}

fn refund(ask: &Refund, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let body = json!({"refunds": {
        "amount": minor(ask.amount)?,
        "total_amount_confirmation": minor(ask.total_refunded)?,
        "metadata": {"reference": ask.reference},
        "links": {"payment": ask.payment},
    }});
    Ok(post("/refunds", body))
}

fn refunded(_: &Refund, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    let refund: GivenBack = inside(clear(reply)?, "refunds")?;
    Ok(vec![refund.fact()?])
}

fn post(path: &str, body: Value) -> Request {
    Request::json("POST", path, body)
}

fn minor(amount: Money) -> Result<i64, BadAmount> {
    let text = AMOUNTS.write(amount)?;
    text.parse().map_err(|_| BadAmount(text))
}

fn money(minor: i64, code: &str) -> Result<Money, Trouble> {
    read_money(&AMOUNTS, &minor.to_string(), code)
}

/// Ours, where it is one: metadata holds any JSON, and others call things references too.
fn reference(metadata: &Value) -> Option<String> {
    let reference = metadata["reference"].as_str()?;
    ids::read_reference(reference).map(|_| reference.into())
}

/// Errors of GoCardless's own before what a status means everywhere. Only its own error shape is
/// a refusal: a page from something in between says nothing about the money.
fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    if !matches!(reply.status, 400..500) || matches!(reply.status, 401 | 403 | 429) {
        return reply.ok();
    }
    let Ok(Failed { error }) = reply.json::<Failed>() else {
        return Err(Trouble::Unclear(format!("status {}", reply.status)));
    };
    Err(match (reply.status, error.conflicting(), error.reason()) {
        (_, Some(id), _) => Trouble::Exists(id.into()),
        (404, None, _) => Trouble::Missing,
        (409, None, _) => Trouble::InFlight,
        // They count other refunds than we do.
        (_, None, Some("total_amount_confirmation_invalid")) => Trouble::Stale(error.words()),
        (_, None, Some("mandate_is_inactive" | "bank_account_disabled")) => {
            Trouble::Declined(Decline::Method)
        }
        _ => Trouble::Rejected(error.words()),
    })
}
