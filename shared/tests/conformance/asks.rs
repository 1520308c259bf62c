//! What is asked of a gateway, made of a case's data, and what came of it, as data again.

use crate::data::{Known, payment, refund};
use crate::hooks;
use crate::talk::talked;
use jiff::Timestamp;
use meridian::contract::*;
use meridian::domain::case::{OpensBy, Session};
use meridian::domain::fact::{Fact, Method};
use meridian::vendors;
use meridian::words::money::{Currency, Money};
use serde_json::{Value, json};

/// What was sent, in order, and what it came to.
pub struct Came {
    pub sent: Vec<Request>,
    pub end: Value,
    /// What was told, where that is what it came to.
    pub facts: Vec<Fact>,
}

impl Came {
    pub fn of(sent: Vec<Request>, end: Value) -> Self {
        let facts = vec![];
        Self { sent, end, facts }
    }

    fn told(sent: Vec<Request>, told: Result<Vec<Fact>, Trouble>) -> Self {
        match told {
            Ok(told) => Self {
                sent,
                end: json!({"facts": facts(&told)}),
                facts: told,
            },
            Err(trouble) => Self::of(sent, troubled(trouble)),
        }
    }
}

/// Does what a case says, with its replies.
pub fn run(known: &Known, case: &Value) -> Came {
    let replies: Vec<_> = steps(case)
        .map(|step| known.reply(&step["answer"]))
        .collect();
    let does = case["do"].as_str().expect("what is done");
    let (gateway, account) = (known.gateway, known.account());
    match does {
        "checkout" => {
            let open = gateway.checkout.yes().expect("it opens pages").open;
            let (sent, page) = talked(open, &checkout(case), &account, &replies);
            let end = page.map_or_else(troubled, |page| shown(&page));
            Came::of(sent, end)
        }
        "press" => {
            let press = gateway.checkout.yes().expect("it opens pages").press;
            let press = press.expect("its page is opened by pressing");
            let (sent, opens_by) = talked(press, &checkout(case), &account, &replies);
            let end = opens_by.map_or_else(troubled, |by| json!({"opens": opened(&by)}));
            Came::of(sent, end)
        }
        "lookup" => {
            let read = *gateway.lookup.yes().expect("it is looked up");
            let (sent, told) = talked(read, &lookup(case), &account, &replies);
            match told.and_then(LookedUp::told) {
                Ok(told) => Came {
                    end: json!({"facts": facts(&told.facts), "unread": told.unread.len(),
                        "complaints": told.unread}),
                    sent,
                    facts: told.facts,
                },
                Err(trouble) => Came::of(sent, troubled(trouble)),
            }
        }
        "poll" => polled(known, case, &account, &replies),
        _ => effects(known, case, does, &account, &replies),
    }
}

/// A portion of the vendor's list, from where the case says that the one before ended.
fn polled(known: &Known, case: &Value, account: &Account, replies: &[Reply]) -> Came {
    let (_, poll) = vendors::polls_of(known.id()).next().expect("a list");
    let window = Window {
        from: at(),
        until: "2026-03-17T10:00:00Z".parse().expect("an instant"),
        after: text(case, "after"),
    };
    let (sent, portion) = talked(poll.read, &window, account, replies);
    let shown = |portion: Portion<Item>| {
        let items = portion.items.into_iter().map(hooks::item);
        json!({"items": items.collect::<Vec<_>>(), "next": portion.next})
    };
    Came::of(sent, portion.map_or_else(troubled, shown))
}

fn effects(known: &Known, case: &Value, does: &str, account: &Account, replies: &[Reply]) -> Came {
    let gateway = known.gateway;
    match does {
        "charge" => acted(gateway.charge.yes(), &charge(known, case), account, replies),
        "refund" => acted(gateway.refund.yes(), &refunded(case), account, replies),
        "complete" => acted(
            gateway.complete.yes(),
            &complete(known, case),
            account,
            replies,
        ),
        "close" => acted(gateway.close.yes(), &close(case), account, replies),
        "find charge" => found(gateway.charge.yes(), &charge(known, case), account, replies),
        "find refund" => found(gateway.refund.yes(), &refunded(case), account, replies),
        "find complete" => found(
            gateway.complete.yes(),
            &complete(known, case),
            account,
            replies,
        ),
        other => panic!("{other} is nothing that is done"),
    }
}

/// Reads what it depends on, then the one request that acts: the last reply is to that.
fn acted<Ask>(
    effect: Option<&Effect<Ask, Vec<Fact>>>,
    ask: &Ask,
    account: &Account,
    replies: &[Reply],
) -> Came {
    let effect = effect.expect("it is offered");
    let (mut sent, request) = talked(effect.build, ask, account, replies);
    match (request, replies.get(sent.len())) {
        (Err(trouble), _) => Came::of(sent, troubled(trouble)),
        (Ok(request), reply) => {
            sent.push(request);
            match reply {
                Some(reply) => Came::told(sent, (effect.parse)(ask, reply, account)),
                None => Came::of(sent, json!({"sent": true})),
            }
        }
    }
}

fn found<Ask>(
    effect: Option<&Effect<Ask, Vec<Fact>>>,
    ask: &Ask,
    account: &Account,
    replies: &[Reply],
) -> Came {
    let mut lost = &effect.expect("it is offered").lost_reply;
    while let LostReply::SameKey { then, .. } = lost {
        lost = then;
    }
    let LostReply::Find { look, .. } = lost else {
        panic!("nobody looks for it");
    };
    let (sent, found) = talked(*look, ask, account, replies);
    let end = match found {
        Ok(found) => json!({"found": found.map(|told| facts(&told))}),
        Err(trouble) => troubled(trouble),
    };
    Came::of(sent, end)
}

pub fn steps(case: &Value) -> impl Iterator<Item = &Value> {
    case["talk"].as_array().into_iter().flatten()
}

// ---- asks --------------------------------------------------------------------------------------

pub fn money(value: &Value, usual: i64) -> Money {
    let (code, minor) = match value.as_array().map(Vec::as_slice) {
        Some([code, minor]) => (code.as_str().expect("a code"), minor.as_i64()),
        _ => ("EUR", Some(usual)),
    };
    let currency = Currency::read(code).expect("a currency");
    Money::new(minor.expect("minor units"), currency)
}

fn text(case: &Value, name: &str) -> Option<String> {
    case["ask"][name].as_str().map(String::from)
}

const LABEL: &str = "Wattle Street Clinic, invoice 7";
const HOOKS: &str = "https://pay.example/webhooks/demo/it";

/// When every call here is made.
fn at() -> Timestamp {
    "2026-03-14T10:00:00Z".parse().expect("an instant")
}

pub fn checkout(case: &Value) -> Checkout {
    Checkout {
        reference: payment(),
        amount: money(&case["ask"]["amount"], 10_000),
        label: text(case, "label").unwrap_or(LABEL.into()),
        return_to: "https://pay.example/pay/done".into(),
        cancel_to: "https://pay.example/pay/cancelled".into(),
        webhook_url: HOOKS.into(),
        keep_method: case["ask"]["keep_method"] == true,
        payer: "pat-1".into(),
        at: at(),
    }
}

fn method(known: &Known, case: &Value) -> Method {
    let given = &case["ask"]["method"];
    let usual = known.get("method");
    let of = |name: &str| match given.get(name) {
        Some(value) => value.as_str().map(String::from),
        None => usual[name].as_str().map(String::from),
    };
    Method {
        gateway: known.id().into(),
        customer: of("customer"),
        token: of("token").unwrap_or_default(),
        label: of("label").unwrap_or("Visa ending 4242".into()),
    }
}

pub fn charge(known: &Known, case: &Value) -> Charge {
    Charge {
        reference: payment(),
        amount: money(&case["ask"]["amount"], 10_000),
        label: text(case, "label").unwrap_or(LABEL.into()),
        method: method(known, case),
        webhook_url: HOOKS.into(),
        payer: "pat-1".into(),
        at: at(),
    }
}

fn complete(known: &Known, case: &Value) -> Complete {
    let kept = case["ask"].get("method").is_some();
    Complete {
        reference: payment(),
        amount: money(&case["ask"]["amount"], 10_000),
        label: text(case, "label").unwrap_or(LABEL.into()),
        session: text(case, "session").expect("its page"),
        method: kept.then(|| method(known, case)),
    }
}

fn close(case: &Value) -> Close {
    Close {
        reference: payment(),
        session: text(case, "session").expect("its page"),
    }
}

pub fn refunded(case: &Value) -> Refund {
    let amount = money(&case["ask"]["amount"], 2_500);
    Refund {
        reference: refund(),
        payment: text(case, "payment").expect("what is given back"),
        amount,
        total_refunded: money(&case["ask"]["total"], amount.minor),
        whole: case["ask"]["whole"] == true,
        at: at(),
    }
}

pub fn lookup(case: &Value) -> Lookup {
    Lookup {
        reference: text(case, "reference").unwrap_or(payment()),
        payment: text(case, "payment"),
        session: text(case, "session"),
        refund: text(case, "refund"),
        amount: money(&case["ask"]["amount"], 10_000),
    }
}

// ---- what came of it ---------------------------------------------------------------------------

pub fn facts(told: &[Fact]) -> Value {
    told.iter().map(fact).collect()
}

/// A fact with its amounts as people write them: `EUR 100.00`.
pub fn fact(fact: &Fact) -> Value {
    let mut value = serde_json::to_value(fact).expect("a fact is data");
    let written = |money: Money| format!("{} {}", money.currency.code(), money.decimal());
    for (name, amount) in [
        ("amount", fact.amount),
        ("refunded_total", fact.refunded_total),
    ] {
        if let Some(amount) = amount {
            value[name] = written(amount).into();
        }
    }
    value
}

fn shown(page: &Session) -> Value {
    let mut shown = opened(&page.opens_by);
    shown["id"] = json!(page.id);
    shown["expires_at"] = json!(page.expires_at);
    json!({"page": shown})
}

fn opened(by: &OpensBy) -> Value {
    match by {
        OpensBy::Redirect(to) => json!({"to": to, "fields": null}),
        OpensBy::PostForm { to, fields } => json!({"to": to, "fields": fields}),
        OpensBy::Press => json!({"to": null, "fields": null}),
    }
}

/// By its name, with what it says that decides anything, and whether it leaves `open` what came of
/// the call.
pub fn troubled(trouble: Trouble) -> Value {
    let open = trouble.may_have_happened();
    let (name, why) = match trouble {
        Trouble::Declined(why) => ("declined", json!(why.name())),
        Trouble::Rejected(why) => ("rejected", json!(why)),
        Trouble::Credentials(why) => ("credentials", json!(why)),
        Trouble::Closed(why) => ("closed", json!(why)),
        Trouble::NotTaken(why) => ("not_taken", json!(why)),
        Trouble::Missing => ("missing", Value::Null),
        Trouble::Gone(why) => ("gone", json!(why)),
        Trouble::Later { seconds, .. } => ("later", json!(seconds)),
        Trouble::Stale(why) => ("stale", json!(why)),
        Trouble::InFlight => ("in_flight", Value::Null),
        Trouble::Exists(id) => ("exists", json!(id)),
        Trouble::Unclear(why) => ("unclear", json!(why)),
        Trouble::Unreadable(why) => ("unreadable", json!(why)),
    };
    json!({"trouble": name, "why": why, "open": open})
}
