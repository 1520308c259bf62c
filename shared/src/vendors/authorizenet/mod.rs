//! Authorize.Net: one address for all operations, the credential in every body, members in the order
//! of its XSD, decimals in major units. An account settles in one currency, by night: what is not yet
//! settled is voided, as a whole; what is settled is refunded. It knows no idempotency key; our
//! reference is the invoice number, by which lost calls are looked for and at which its window
//! against duplicates looks too. An eCheck is money only once it settled, and may come back weeks
//! later, as only its lists tell.
//! Facts: AnetApiSchema.xsd (2024-08-29); the codes of errors second-hand.

pub mod door;
mod reports;
mod resources;

pub use door::DOORS;

use crate::contract::*;
use crate::domain::case::{OpensBy, Session};
use crate::domain::fact::{Decline, Fact, Method};
use crate::words::money::Amounts;
use crate::words::time;
use resources::{Answered, Transaction, clear, profile_of, void};
use serde_json::{Value, json};

const AMOUNTS: Amounts = Amounts::MAJOR;

static VENDOR: Vendor = Vendor {
    id: "authorizenet",
    name: "Authorize.Net",
    docs: "https://developer.authorize.net/api/reference",
    host: Host::From(|account| match account.is_test() {
        true => "https://apitest.authorize.net".into(),
        false => "https://api.authorize.net".into(),
    }),
    further_hosts: &[],
    auth: Auth::InBody(|account, body| {
        let operation = body.as_object_mut().and_then(|all| all.values_mut().next());
        if let Some(operation) = operation {
            operation[CREDENTIAL] = json!({
                "name": account.secret("login_id"),
                "transactionKey": account.secret("transaction_key"),
            });
        }
    }),
    headers: |_| vec![],
    fields: &[
        Field::secret("login_id", "API login ID"),
        Field::secret("transaction_key", "Transaction key"),
        ENVIRONMENT,
    ],
    inbound: &[Field::secret("signature_key", "Signature key")],
    // Its own errors come with 200.
    own_error: |_| false,
};

pub static FACES: Faces = Faces {
    gateway: Some(&GATEWAY),
    // Settlement, returned eChecks and chargebacks have no webhook.
    polls: &[Poll {
        name: "settled",
        every: 3600,
        longest: 31 * 86_400,
        // How late a batch may be listed is written nowhere: a day, unverified.
        overlap: 86_400,
        read: reports::poll,
    }],
    ..Faces::of(&VENDOR)
};

pub static GATEWAY: Gateway = Gateway {
    vendor: &VENDOR,
    amounts: AMOUNTS,
    moves: "cards, eChecks",
    late_failures: true,
    page_stays: true,
    checkout: Offer::Yes(Opening {
        open,
        key: None,
        press: Some(press),
    }),
    close: Offer::No("a page ends by itself after 15 minutes"),
    complete: Offer::No("the page takes the money itself"),
    charge: Offer::Yes(Effect::new(
        charge,
        charged,
        LostReply::Find {
            look: |ask, talk, _| reports::found(&ask.reference, ask.at, ask.amount.currency, talk),
            trusted_after: TRUSTED,
        },
    )),
    refund: Offer::Yes(Effect::new(
        refund,
        |ask, reply, _| Ok(vec![Answered::of(reply)?.refund(ask)?]),
        LostReply::Find {
            look: find_refund,
            trusted_after: TRUSTED,
        },
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

/// How soon its lists show what was sent is written nowhere: a quarter of an hour, unverified. What
/// is sent again within the window against duplicates is refused where it was there all the same.
const TRUSTED: i64 = 900;

/// The longest that it compares transactions with those before them, in seconds.
const WINDOW: &str = "28800";

/// What leads to a page holds for so many seconds: nobody pays later on one that was opened before.
const HOLDS: &str = "900";

/// Seconds for which our own page leads there: two days.
const PAGE: i64 = 48 * 3600;

/// Where the credential stands: first in each operation, and empty until it goes out.
const CREDENTIAL: &str = "merchantAuthentication";

/// One operation. What `rest` holds keeps its order behind the credential's place.
fn call(operation: &str, rest: Value) -> Request {
    let mut body = json!({CREDENTIAL: {}});
    if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
        body.extend(rest);
    }
    Request::json("POST", "/xml/v1/request.api", json!({operation: body}))
}

fn transact(reference: &str, transaction: Value) -> Request {
    let rest = json!({"refId": reference, "transactionRequest": transaction});
    call("createTransactionRequest", rest)
}

fn details(id: &str) -> Request {
    call("getTransactionDetailsRequest", json!({"transId": id}))
}

fn order(reference: &str, label: &str) -> Result<Value, Trouble> {
    if reference.len() > 20 {
        let why = "more than 20 letters are no invoice number there";
        return Err(Trouble::Rejected(why.into()));
    }
    let label: String = label.chars().take(255).collect();
    Ok(json!({"invoiceNumber": reference, "description": label}))
}

fn no_duplicates(window: &str) -> Value {
    json!({"setting": [setting("duplicateWindow", window)]})
}

fn setting(name: &str, value: &str) -> Value {
    json!({"settingName": name, "settingValue": value})
}

fn profile(method: &Method) -> Result<Value, Trouble> {
    let missing = || Trouble::Rejected("the saved method names no profile".into());
    let customer = method.customer.as_deref().ok_or_else(missing)?;
    Ok(json!({
        "customerProfileId": customer,
        "paymentProfile": {"paymentProfileId": method.token},
    }))
}

// ---- pages -------------------------------------------------------------------------------------

/// The page is known by no id: ours, and the second from which on a payment is looked for. What leads
/// to it holds for a quarter of an hour, so it is opened by pressing.
fn open(ask: &Checkout, _: &mut Talk, _: &Account) -> Result<Session, Pause> {
    order(&ask.reference, &ask.label)?;
    AMOUNTS.write(ask.amount)?;
    Ok(Session {
        id: format!("{}.{}", ask.reference, ask.at.as_second()),
        opens_by: OpensBy::Press,
        expires_at: Some(time::after(ask.at, PAGE)),
    })
}

/// The form that the payer's browser posts. A method is kept in a profile of the payer's, which is
/// made first and has no name.
fn press(ask: &Checkout, talk: &mut Talk, account: &Account) -> Result<OpensBy, Pause> {
    let order = order(&ask.reference, &ask.label)?;
    let mut transaction = json!({
        "transactionType": "authCaptureTransaction",
        "amount": AMOUNTS.write(ask.amount)?,
        "currencyCode": ask.amount.currency.code(),
    });
    if ask.keep_method {
        let profile = json!({"profile": {"merchantCustomerId": ask.payer}});
        let made = talk.ask(call("createCustomerProfileRequest", profile))?;
        transaction["profile"] = json!({"customerProfileId": profile_of(made)?});
    }
    transaction["order"] = order;
    // Who presses twice may pay on either page, and not on both.
    transaction["transactionSettings"] = no_duplicates(HOLDS);
    let back = json!({"showReceipt": false, "url": ask.return_to, "cancelUrl": ask.cancel_to});
    let keep = json!({"addPaymentProfile": ask.keep_method, "showEmail": false});
    let page = json!({
        "refId": ask.reference,
        "transactionRequest": transaction,
        "hostedPaymentSettings": {"setting": [
            setting("hostedPaymentReturnOptions", &back.to_string()),
            setting("hostedPaymentCustomerOptions", &keep.to_string()),
        ]},
    });
    let made = talk.ask(call("getHostedPaymentPageRequest", page))?;
    let token = clear(made)?["token"].as_str().map(String::from);
    let token = token.ok_or(Trouble::Unreadable("a page without its token".into()))?;
    let to = match account.is_test() {
        true => "https://test.authorize.net/payment/payment",
        false => "https://accept.authorize.net/payment/payment",
    };
    Ok(OpensBy::PostForm {
        to: to.into(),
        fields: vec![("token".into(), token)],
    })
}

// ---- charges -----------------------------------------------------------------------------------

fn charge(ask: &Charge, _: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let transaction = json!({
        "transactionType": "authCaptureTransaction",
        "amount": AMOUNTS.write(ask.amount)?,
        "currencyCode": ask.amount.currency.code(),
        "profile": profile(&ask.method)?,
        "order": order(&ask.reference, &ask.label)?,
        "transactionSettings": no_duplicates(WINDOW),
    });
    Ok(transact(&ask.reference, transaction))
}

fn charged(ask: &Charge, reply: &Reply, _: &Account) -> Result<Vec<Fact>, Trouble> {
    match Answered::of(reply) {
        // The profile is gone there.
        Err(Trouble::Missing) => Err(Trouble::Declined(Decline::Method)),
        answered => Ok(vec![answered?.payment(ask)?]),
    }
}

// ---- refunds -----------------------------------------------------------------------------------

/// By what the payment has come to: settled, it is refunded; not yet, it is voided as a whole, and a
/// part has to wait.
fn refund(ask: &Refund, talk: &mut Talk, _: &Account) -> Result<Request, Pause> {
    let payment = Transaction::of(talk.ask(details(&ask.payment))?)?;
    let transaction = match payment.stands() {
        "settled" => {
            let (to, source) = payment.source()?;
            json!({
                "transactionType": "refundTransaction",
                "amount": AMOUNTS.write(ask.amount)?,
                "currencyCode": ask.amount.currency.code(),
                to: source,
                "refTransId": ask.payment,
                "order": order(&ask.reference, "Refund")?,
                "transactionSettings": no_duplicates(WINDOW),
            })
        }
        "captured" if ask.whole => {
            json!({"transactionType": "voidTransaction", "refTransId": ask.payment})
        }
        "captured" | "pending" | "reversed" => {
            let why = "a part can be given back once the payment is settled, by night";
            return Err(Trouble::later(3600, why).into());
        }
        _ => {
            let why = "the payment is voided, went back or never came: nothing can be given back";
            return Err(Trouble::Rejected(why.into()).into());
        }
    };
    Ok(transact(&ask.reference, transaction))
}

/// Of a void the payment itself tells.
fn find_refund(ask: &Refund, talk: &mut Talk, _: &Account) -> Result<Option<Vec<Fact>>, Pause> {
    if ask.whole && Transaction::of(talk.ask(details(&ask.payment))?)?.stands() == "voided" {
        return Ok(Some(vec![void(ask)]));
    }
    reports::found(&ask.reference, ask.at, ask.amount.currency, talk)
}
