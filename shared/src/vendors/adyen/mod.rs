//! Adyen: a page by link that lives for days, cards kept for the payer, refunds whose end only a
//! webhook tells. Nothing is told of a payment when it is asked for: what webhooks prove is taken at
//! their word. Amounts are whole numbers by Adyen's own decimals.
//! Facts: Adyen's OpenAPI descriptions of Checkout v72 and Webhooks v1. The account must capture at
//! once: every request says so too.

pub mod door;
mod notices;

pub use door::DOORS;

use crate::contract::*;
use crate::domain::case::{OpensBy, Session};
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::words::json;
use crate::words::money::{Amounts, Money, Style};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json as object};

/// Its own decimals where they are not ISO 4217's: from memory, unverified.
const AMOUNTS: Amounts = Amounts {
    style: Style::Minor,
    exponents: &[("CLP", 2), ("CVE", 0), ("IDR", 0), ("ISK", 2)],
    multiples: &[],
};

static VENDOR: Vendor = Vendor {
    id: "adyen",
    name: "Adyen",
    docs: "https://docs.adyen.com/api-explorer/Checkout/72/overview",
    // The live host is named after the company: from memory, unverified.
    host: Host::From(|account| match account.is_test() {
        true => "https://checkout-test.adyen.com".into(),
        false => format!(
            "https://{}-checkout-live.adyenpayments.com",
            account.secret("live_prefix")
        ),
    }),
    further_hosts: &[],
    auth: Auth::Headers(|account| vec![("x-api-key", account.secret("api_key").into())]),
    headers: |_| vec![],
    fields: &[
        Field::secret("api_key", "API key"),
        Field::text("merchant_account", "Merchant account"),
        Field::text("live_prefix", "Prefix of the live address")
            .checked(no_label)
            .optional(),
        ENVIRONMENT,
    ],
    inbound: &[Field::secret("hmac_key", "HMAC key of the webhook")],
    own_error: |reply| reply.has_texts(&["/errorCode", "/message"]),
};

pub static FACES: Faces = Faces {
    gateway: Some(&GATEWAY),
    ..Faces::of(&VENDOR)
};

pub static GATEWAY: Gateway = Gateway {
    vendor: &VENDOR,
    amounts: AMOUNTS,
    moves: "cards, wallets, local methods",
    late_failures: false,
    page_stays: true,
    checkout: Offer::Yes(Opening {
        open,
        key: Some(KEY),
        press: None,
    }),
    close: Offer::Yes(Effect::new(
        |ask, _, account| {
            let link = path(account, &format!("/paymentLinks/{}", ask.session));
            Ok(Request::json("PATCH", link, object!({"status": "expired"})))
        },
        |_, reply, _| link_facts(&clear(reply)?.json()?),
        LostReply::SameKey {
            key: KEY,
            then: &LostReply::Human,
        },
    )),
    complete: Offer::No("the page takes the money itself"),
    charge: Offer::Yes(Effect::new(
        charge,
        charged,
        LostReply::SameKey {
            key: KEY,
            then: &LostReply::Human,
        },
    )),
    refund: Offer::Yes(Effect::new(
        refund,
        refunded,
        LostReply::SameKey {
            key: KEY,
            then: &LostReply::Human,
        },
    )),
    shows_payments: false,
    lookup: Offer::Yes(look_up),
    webhook: Offer::Yes(Inbound {
        door: &door::DOOR,
        vendor: &VENDOR,
        postback: None,
        read: notices::read,
    }),
};

/// At least a week: from memory, unverified.
const KEY: Key = Key {
    place: KeyPlace::Header("Idempotency-Key"),
    spelling: Spelling::Plain(64),
    lifetime: 7 * 86_400,
};

/// Why a text cannot stand in an address.
fn no_label(value: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let fits = value.len() <= 63 && value.bytes().all(plain);
    (!fits).then(|| "at most 63 letters, digits and dashes".into())
}

/// At the version that is known here; live addresses have a folder more.
fn path(account: &Account, rest: &str) -> String {
    match account.is_test() {
        true => format!("/v72{rest}"),
        false => format!("/checkout/v72{rest}"),
    }
}

fn merchant(account: &Account) -> &str {
    account.secret("merchant_account")
}

fn amount(money: Money) -> Result<Value, Trouble> {
    let written = AMOUNTS.write(money);
    let written = written.map_err(|why| Trouble::Rejected(why.to_string()))?;
    let value: i64 = written.parse().expect("whole units");
    Ok(object!({"currency": money.currency.code(), "value": value}))
}

#[derive(Deserialize)]
pub struct Sum {
    pub currency: String,
    pub value: i64,
}

impl Sum {
    pub fn money(&self) -> Result<Money, Trouble> {
        read_money(&AMOUNTS, &self.value.to_string(), &self.currency)
    }
}

// ---- pages -------------------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    id: String,
    url: String,
    status: String,
    reference: String,
    expires_at: Option<Timestamp>,
}

/// What the payer reads has at most so many letters.
const DESCRIPTION: usize = 280;

/// A link names one payment and takes it once. A method is kept for the payer, by our id of them.
fn open(ask: &Checkout, talk: &mut Talk, account: &Account) -> Result<Session, Pause> {
    let description: String = ask.label.chars().take(DESCRIPTION).collect();
    let mut link = object!({
        "merchantAccount": merchant(account),
        "reference": ask.reference,
        "amount": amount(ask.amount)?,
        "returnUrl": ask.return_to,
        "description": description,
        "manualCapture": false,
        "reusable": false,
    });
    if ask.keep_method {
        link["shopperReference"] = ask.payer.as_str().into();
        link["storePaymentMethodMode"] = "enabled".into();
        link["recurringProcessingModel"] = "UnscheduledCardOnFile".into();
    }
    let made = Request::json("POST", path(account, "/paymentLinks"), link);
    let made: Link = clear(talk.ask(made)?)?.json()?;
    Ok(Session {
        id: made.id,
        opens_by: OpensBy::Redirect(made.url),
        expires_at: made.expires_at,
    })
}

/// A link that was paid says so, and not by which payment: a webhook does.
fn link_facts(link: &Link) -> Result<Vec<Fact>, Trouble> {
    let kind = match link.status.as_str() {
        "active" => return Ok(vec![]),
        "expired" => Kind::PaymentExpired,
        "completed" | "paid" | "paymentPending" => Kind::PaymentPending,
        _ => return unknown("status of a payment link"),
    };
    Ok(vec![Fact {
        reference: Some(link.reference.clone()),
        aliases: vec![link.id.clone()],
        ..Fact::new(kind)
    }])
}

fn look_up(ask: &Lookup, talk: &mut Talk, account: &Account) -> Result<LookedUp, Pause> {
    let Some(session) = ask.session.as_ref().filter(|_| ask.payment.is_none()) else {
        return Err(Trouble::Unclear("Adyen shows no payments".into()).into());
    };
    let link = Request::get(path(account, &format!("/paymentLinks/{session}")));
    let link: Link = clear(talk.ask(link)?)?.json()?;
    Ok(link_facts(&link)?.into())
}

// ---- charges -----------------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    #[serde(default)]
    stored_payment_methods: Vec<Value>,
}

/// The name of a method comes with a webhook that does not prove it: it is charged only where Adyen
/// lists it among those of this payer.
fn charge(ask: &Charge, talk: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let payer = ask.method.customer.as_deref();
    if payer != Some(ask.payer.as_str()) {
        return Err(Trouble::Rejected("the saved method is of another payer".into()).into());
    }
    let list = Request::get(path(account, "/storedPaymentMethods"))
        .query("shopperReference", &ask.payer)
        .query("merchantAccount", merchant(account));
    let stored: Stored = clear(talk.ask(list)?)?.json()?;
    let known = |one: &Value| one["id"] == *ask.method.token;
    if !stored.stored_payment_methods.iter().any(known) {
        return Err(Trouble::Declined(Decline::Method).into());
    }
    let body = object!({
        "merchantAccount": merchant(account),
        "reference": ask.reference,
        "amount": amount(ask.amount)?,
        "paymentMethod": {"type": "scheme", "storedPaymentMethodId": ask.method.token},
        "shopperReference": ask.payer,
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "UnscheduledCardOnFile",
        "captureDelayHours": 0,
        // Nobody is there to be sent back.
        "returnUrl": ask.webhook_url,
    });
    Ok(Request::json("POST", path(account, "/payments"), body))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    result_code: String,
    psp_reference: Option<String>,
    refusal_reason_code: Option<String>,
    amount: Option<Sum>,
}

fn charged(ask: &Charge, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    let made: Payment = clear(reply)?.json()?;
    let code = made.refusal_reason_code.as_deref().unwrap_or_default();
    let (kind, decline) = match made.result_code.as_str() {
        "Authorised" | "PartiallyAuthorised" => (Kind::PaymentSucceeded, None),
        "Pending" | "Received" | "PresentToShopper" => (Kind::PaymentPending, None),
        "Refused" | "Error" => (Kind::PaymentFailed, Some(why(code))),
        "Cancelled" => (Kind::PaymentFailed, Some(Decline::Cancelled)),
        // It stays undone until the payer acts, who is not there.
        "RedirectShopper" | "ChallengeShopper" | "IdentifyShopper" => {
            (Kind::PaymentFailed, Some(Decline::Action))
        }
        _ => return unknown("result of a payment"),
    };
    let came = made.amount.map(|sum| sum.money()).transpose()?;
    Ok(vec![Fact {
        reference: Some(ask.reference.clone()),
        payment: made.psp_reference,
        amount: Some(came.unwrap_or(ask.amount)),
        decline,
        ..Fact::new(kind)
    }])
}

// ---- refunds -----------------------------------------------------------------------------------

fn refund(ask: &Refund, _: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let body = object!({
        "merchantAccount": merchant(account),
        "amount": amount(ask.amount)?,
        "reference": ask.reference,
    });
    let refunds = path(account, &format!("/payments/{}/refunds", ask.payment));
    Ok(Request::json("POST", refunds, body))
}

/// Says no more than that it was received.
fn refunded(ask: &Refund, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    let made: Value = clear(reply)?.json()?;
    let text = |name: &str| made[name].as_str().map(String::from);
    if text("status").as_deref() != Some("received") {
        return unknown("status of a refund");
    }
    Ok(vec![Fact {
        reference: Some(ask.reference.clone()),
        payment: Some(ask.payment.clone()),
        refund: Some(text("pspReference").ok_or_else(missing)?),
        amount: Some(ask.amount),
        ..Fact::new(Kind::RefundPending)
    }])
}

/// Why it was refused, by its number or its words; what stands in no list may pass on another day.
fn why(reason: &str) -> Decline {
    const REASONS: Declines = Declines(include_str!("declines.txt"));
    let known = REASONS.of(&reason.to_ascii_lowercase());
    known.unwrap_or(Decline::Other)
}

fn missing() -> Trouble {
    Trouble::Unreadable("an answer without the id of what it made".into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_code: String,
    message: String,
}

/// Only Adyen's own error is a refusal. 704 and its kin: the key's first call still runs.
fn clear(reply: &Reply) -> Result<&Reply, Trouble> {
    if !matches!(reply.status, 400..500) || matches!(reply.status, 401 | 403 | 404 | 429) {
        return reply.ok();
    }
    let Ok(failure) = json::read::<Failure>(&reply.body) else {
        return Err(Trouble::Unclear(format!("status {}", reply.status)));
    };
    Err(match failure.error_code.as_str() {
        "704" => Trouble::InFlight,
        code => Trouble::Rejected(format!("{code}: {}", failure.message)),
    })
}

/// A method that a payment left, of this payer.
fn method(payer: &str, token: &str, label: Option<String>) -> Method {
    Method {
        gateway: "adyen".into(),
        customer: Some(payer.into()),
        token: token.into(),
        label: label.unwrap_or("Card".into()),
    }
}
