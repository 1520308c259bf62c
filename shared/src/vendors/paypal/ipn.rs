//! PayPal's Instant Payment Notification, the form post that older set-ups still send: unsigned,
//! proven by posting its exact bytes back. It speaks of the same payments as PayPal's gateway, under
//! the same ids. For clinics that have it already; new ones use webhooks.
//! Facts: PayPal's IPN guide at second hand and from memory, hosts, fields and statuses alike:
//! unverified, so that any other status is unreadable.
//! Whether the test host is asked says the account and not the message's `test_ipn`, which a forger
//! could set.

use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind};
use crate::words::ids;
use crate::words::money::{Currency, Money};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use std::collections::BTreeMap;

/// PayPal, as it is asked about a notification: another host, and nothing to prove to it.
static VENDOR: Vendor = Vendor {
    id: "paypal",
    name: "PayPal IPN",
    docs: "https://developer.paypal.com/api/nvp-soap/ipn/",
    host: Host::From(|account| {
        let host = match account.is_test() {
            true => "https://ipnpb.sandbox.paypal.com",
            false => "https://ipnpb.paypal.com",
        };
        host.into()
    }),
    further_hosts: &[],
    auth: Auth::Open,
    headers: |_| vec![],
    fields: &[],
    inbound: &[Field::text(
        "receiver_email",
        "E-mail address of the account that is paid",
    )],
    own_error: |reply| !reply.is_page(),
};

pub static INBOUND: Inbound = Inbound {
    door: &super::door::IPN,
    vendor: &VENDOR,
    postback: Some(Postback { ask, verdict }),
    read,
};

fn ask(delivery: &Delivery) -> Request {
    // A form is ASCII. A raw letter of another charset goes back as a form would write it: the same
    // value, where text would have changed it and PayPal then disowned it.
    let mut text = String::from("cmd=_notify-validate&");
    for byte in &delivery.body {
        match byte.is_ascii() {
            true => text.push(char::from(*byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    let body = Body::Exact {
        content_type: "application/x-www-form-urlencoded".into(),
        text,
    };
    Request::new("POST", "/cgi-bin/webscr", body)
}

fn verdict(reply: &Reply) -> Result<bool, Trouble> {
    match reply.ok()?.body.trim_ascii() {
        b"VERIFIED" => Ok(true),
        b"INVALID" => Ok(false),
        _ => Err(Trouble::Unclear("neither VERIFIED nor INVALID".into())),
    }
}

/// A notification's fields. Their charset differs by account; those read here are ASCII.
struct Message(BTreeMap<String, String>);

impl Message {
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A new case, a subscription, an agreement: told without a payment, and only listed. It has no
    /// id, but is the same whenever it is sent again.
    fn of_no_payment(&self) -> Item {
        let name = self.get("txn_type").unwrap_or("message");
        let same = self.0.iter().filter(|(name, _)| name.as_str() != "resend");
        let parts: Vec<_> = same
            .flat_map(|(name, value)| [name.as_str(), value.as_str()])
            .collect();
        let kind = match name {
            "new_case" => Kind::DisputeOpened,
            "subscr_cancel" | "recurring_payment_profile_cancel" => Kind::SubscriptionCancelled,
            "mp_signup" => Kind::MandateActive,
            "mp_cancel" => Kind::MandateCancelled,
            _ => Kind::Other,
        };
        Item {
            id: Some(digest_id(&parts)),
            name: name.into(),
            notice: Ok(Notice::Ignored(kind)),
        }
    }

    fn need(&self, name: &str) -> Result<&str, Unreadable> {
        self.get(name)
            .ok_or_else(|| Unreadable(format!("a notification without {name}")))
    }
}

fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    if !verified.trusted {
        return Err(Unreadable(
            "PayPal has not yet said that it sent this".into(),
        ));
    }
    let message = Message(
        form_urlencoded::parse(verified.body())
            .into_owned()
            .collect(),
    );
    let Some(status) = message.get("payment_status") else {
        return Ok(vec![message.of_no_payment()]);
    };
    // One transaction is told again under each of its statuses.
    let parts = [
        message.need("txn_id")?,
        status,
        message.get("parent_txn_id").unwrap_or(""),
    ];
    let expected = verified.account.secret("receiver_email");
    let ours = message
        .need("receiver_email")?
        .eq_ignore_ascii_case(expected);
    Ok(vec![Item {
        id: Some(digest_id(&parts)),
        name: status.into(),
        notice: match ours {
            true => fact(&message, status).map(|fact| Notice::Fact(Box::new(fact))),
            false => Err(Unreadable("the money went to another receiver".into())),
        },
    }])
}

fn fact(message: &Message, status: &str) -> Result<Fact, Unreadable> {
    let kind = match status {
        "Completed" => Kind::PaymentSucceeded,
        "Pending" | "Created" => Kind::PaymentPending,
        "Denied" | "Failed" | "Voided" => Kind::PaymentFailed,
        "Expired" => Kind::PaymentExpired,
        "Refunded" => Kind::RefundSucceeded,
        // As the newer webhooks tell it: a reversal takes the payment back under its own id, which
        // is the same there, whatever a dispute tells besides. What cancels it gives that back.
        "Reversed" => Kind::PaymentReturned,
        "Canceled_Reversal" => Kind::DisputeWon,
        _ => {
            return Err(Unreadable(
                "the payment_status is none that is known".into(),
            ));
        }
    };
    let id = message.need("txn_id")?.to_owned();
    let base = Fact {
        reference: reference(message),
        occurred_at: message.get("payment_date").and_then(at),
        ..Fact::new(kind)
    };
    // What gives money back has an id of its own and names the payment as its parent.
    let parent = || message.need("parent_txn_id").map(str::to_owned);
    Ok(match kind {
        Kind::RefundSucceeded => Fact {
            payment: Some(parent()?),
            refund: Some(id),
            amount: Some(amount(message, true)?),
            ..base
        },
        Kind::PaymentReturned => Fact {
            payment: Some(parent()?),
            refund: Some(id),
            amount: Some(amount(message, true)?),
            decline: Some(Decline::Fraud),
            ..base
        },
        Kind::DisputeWon => Fact {
            // The reversal that it cancels, or the payment that was reversed: the case knows which.
            dispute: Some(parent()?),
            amount: Some(amount(message, true)?),
            ..base
        },
        Kind::PaymentFailed | Kind::PaymentExpired => Fact {
            aliases: vec![id],
            amount: Some(amount(message, false)?),
            decline: (kind == Kind::PaymentFailed).then_some(Decline::Other),
            ..base
        },
        _ => Fact {
            payment: Some(id),
            amount: Some(amount(message, false)?),
            ..base
        },
    })
}

/// What goes back is written with a minus.
fn amount(message: &Message, back: bool) -> Result<Money, Unreadable> {
    let code = message.need("mc_currency")?;
    let unknown = || Unreadable("mc_currency is none that is known".into());
    let text = message.need("mc_gross")?;
    let text = if back {
        text.trim_start_matches('-')
    } else {
        text
    };
    let money = Money::read(text, Currency::read(code).ok_or_else(unknown)?);
    let sound = money.ok().filter(|money| money.minor > 0);
    sound.ok_or_else(|| Unreadable("mc_gross is no amount".into()))
}

/// Other pages of the clinic may use these fields for something else.
fn reference(message: &Message) -> Option<String> {
    let fields = ["custom", "invoice"]
        .into_iter()
        .filter_map(|name| message.get(name));
    let mut ours = fields.filter(|text| ids::read_reference(text).is_some());
    ours.next().map(str::to_owned)
}

/// `18:30:30 Jan 01, 2000 PST`, always in the time of the US west coast.
fn at(text: &str) -> Option<Timestamp> {
    let (time, zone) = text.rsplit_once(' ')?;
    let hours = match zone {
        "PST" => -8,
        "PDT" => -7,
        _ => return None,
    };
    let time = DateTime::strptime("%H:%M:%S %b %d, %Y", time).ok()?;
    Offset::constant(hours).to_timestamp(time).ok()
}
