//! Authorize.Net: one address whose requests name their operation and stand in the order of its XSD, a
//! page to which a browser posts its token, cards that are captured at once and settled by night,
//! eChecks that are money only then, a window against duplicates, voids and refunds, webhooks signed
//! by SHA-512. Settlement, returns and chargebacks show in its lists alone.

use crate::fields;
use crate::kit::*;
use crate::vendor::Vendor;
use crate::webhook::News;
use crate::wire::{Call, Reply, decode_pairs, hmac_sha512, major, stamp};
use crate::world::World;
use serde_json::{Value, json};

const KEY: &str = "4B32A3F3D8D0E6F7A9C1B5E2D4F60718293A4B5C6D7E8F90A1B2C3D4E5F60718";
const LOGIN: &str = "demo-login";

pub static VENDOR: Vendor = Vendor {
    seed: |world| world.demo_endpoint(ID, LOGIN, KEY),
    demo_secrets: || {
        let account =
            json!({"login_id": LOGIN, "transaction_key": "demo-key", "environment": "sandbox"});
        vec![
            ("gateway/authorizenet", account),
            ("inbound/authorizenet", json!({"signature_key": KEY})),
        ]
    },
    handle: |world, call| match token(call) {
        Some(token) => Reply::see_other(&format!("{}/{ID}{PAGE}{token}", world.own)),
        None => THIS.handle(world, call),
    },
    step: |world, step| THIS.step(world, step),
    help: "  night                        all that waits is settled\n  \
           approve|decline/{payment}    what is held for review\n  \
           return/{payment}             its bank takes an eCheck back: {code}\n  \
           chargeback|reverse/{payment} its payer contests it, and loses\n",
    control: |world, verb, ask| THIS.control(world, verb, ask),
    harmless: |call| !call.text().contains("createTransactionRequest"),
    ..Vendor::named(ID)
};

const ID: &str = "authorizenet";
const PAGE: &str = "/payment/payment?token=";
const RETURNED: Kind = Kind::Own("returned");
const LISTED: [Kind; 3] = [Kind::Payment, Kind::Refund, RETURNED];
const BATCH: Kind = Kind::Own("batch");
const OPEN_FOR: i64 = 15 * 60_000;
const DAY: i64 = 24 * 3_600_000;

static THIS: Gateway = Gateway {
    id: ID,
    name: "Authorize.Net",
    api: "https://apitest.authorize.net",
    looks: Looks::new(|| looks(include_str!("authorizenet/looks.json"))),
    requests: include_str!("authorizenet/requests.txt"),
    operations: &[Operation::act(
        "POST /xml/v1/request.api",
        "envelope",
        operate,
    )],
    access: Access::Own(|_, call| {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let asked = body.as_object().and_then(|all| all.values().next());
        let who = asked.map_or(Value::Null, |asked| asked["merchantAuthentication"].clone());
        let login = who["name"].as_str().filter(|name| name.starts_with("demo"));
        let key = who["transactionKey"].as_str().unwrap_or("");
        let login = login.filter(|_| key.starts_with("demo"));
        login.map(String::from).ok_or(Refusal::Because("nobody"))
    }),
    keys: None,
    // Whatever it says, the status is 200, and a mark of its encoding stands before it.
    answer: |_, _, body| Reply::of(200, "application/json", format!("\u{feff}{body}")),
    list: List::NONE,
    embed: nothing_embedded,
    more,
    refund_takes: |_, _| None,
    decline: "2",
    late_failure: "",
    dispute: "",
    page: Page {
        path: PAGE,
        title: |page| &page.ask["order"]["description"],
        back: |page, left| &page.own[if left { "cancel" } else { "back" }],
        end: end_of_page,
    },
    tell,
    control,
    step: |world, step| {
        if !step["night"].is_null() {
            night(world);
        }
    },
};

/// The token that a browser posts.
fn token(call: &Call) -> Option<String> {
    let form = decode_pairs(&call.body).into_iter();
    let mut tokens = form.filter(|(name, _)| name == "token");
    let page = call.method == "POST" && PAGE.starts_with(&format!("{}?", call.path));
    tokens.next().filter(|_| page).map(|(_, token)| token)
}

// ---- operations --------------------------------------------------------------------------------

fn operate(world: &mut World, ask: &Ask) -> Done {
    let named = ask.body.as_object().and_then(|all| all.iter().next());
    let (name, given) = named.ok_or(Refusal::Because("format"))?;
    let does: fn(&mut World, &str, &Value) -> Done = match name.as_str() {
        "createCustomerProfileRequest" => profile,
        "getHostedPaymentPageRequest" => page,
        "createTransactionRequest" => transact,
        "getTransactionDetailsRequest" => details,
        "getUnsettledTransactionListRequest" | "getTransactionListRequest" => list,
        "getSettledBatchListRequest" => batches,
        _ => return Err(Refusal::Because("nowhere")),
    };
    let asked = fields::read(given, taken(&THIS, name), false);
    let asked = asked.map_err(|mut problems| Refusal::Field(problems.swap_remove(0)))?;
    let (status, mut body) = does(world, ask.account, &asked)?;
    if body["messages"].is_null() {
        body["messages"] = THIS.looks.shape("good", &Value::Null);
    }
    if let Some(reference) = asked["refId"].as_str() {
        body["refId"] = reference.into();
    }
    Ok((status, body))
}

fn known(world: &World, account: &str, kind: Kind, id: &str) -> Result<Object, Refusal> {
    let found = world.object(ID, id).filter(|of| of.account == account);
    let found = found.filter(|of| of.kind == kind);
    found.cloned().ok_or(Refusal::Missing(kind, id.to_string()))
}

fn profile(world: &mut World, account: &str, asked: &Value) -> Done {
    let id = &asked["profile"]["merchantCustomerId"];
    let every = world.every(ID, Kind::Customer).into_iter();
    let mut same = every.filter(|of| of.account == account && of.ask["merchantCustomerId"] == *id);
    if let Some(same) = same.next() {
        return Err(Refusal::With("twice", json!({"id": same.id})));
    }
    let made = new(world, &THIS, Kind::Customer, account, &asked["profile"]);
    let id = place(world, &THIS, made);
    Ok((200, THIS.looks.shape("made", &json!({"id": id}))))
}

/// What a request sets under this name.
fn setting<'a>(settings: &'a Value, name: &str) -> Option<&'a str> {
    let all = settings["setting"].as_array()?.iter();
    let mut named = all.filter(|one| one["settingName"] == name);
    named.next()?["settingValue"].as_str()
}

fn sum(asked: &Value) -> Result<(i64, String), Refusal> {
    let (amount, currency) = (&asked["amount"], &asked["currencyCode"]);
    THIS.looks.payable(amount, currency)
}

fn page(world: &mut World, account: &str, asked: &Value) -> Done {
    let transaction = &asked["transactionRequest"];
    let options = |name: &str| -> Value {
        let text = setting(&asked["hostedPaymentSettings"], name);
        serde_json::from_str(text.unwrap_or("{}")).unwrap_or_default()
    };
    let (amount, currency) = sum(transaction)?;
    let customer = transaction["profile"]["customerProfileId"].as_str();
    if let Some(id) = customer {
        known(world, account, Kind::Customer, id)?;
    }
    let back = options("hostedPaymentReturnOptions");
    let mut page = new(world, &THIS, Kind::Page, account, transaction);
    (page.amount, page.currency) = (amount, currency);
    page.customer = customer.map(String::from);
    page.own = json!({"back": back["url"], "cancel": back["cancelUrl"],
        "keep": options("hostedPaymentCustomerOptions")["addPaymentProfile"]});
    later(world, &THIS, OPEN_FOR, "expire", &page.id);
    let token = place(world, &THIS, page);
    Ok((200, json!({"token": token})))
}

/// A page stays where its card is declined, and ends with the payment that it takes.
fn end_of_page(world: &mut World, page: &Object, outcome: &str) -> Result<bool, String> {
    let state = match outcome {
        "paid" => State::Done,
        "held" => State::Approved,
        "pending" => State::Pending,
        "declined" => State::Failed,
        "expired" => {
            become_(world, &THIS, &page.id, State::Expired, None);
            return Ok(false);
        }
        _ => return Ok(true),
    };
    if state != State::Failed && is_duplicate(world, &page.account, &page.ask) {
        let alert = json!("A duplicate transaction has been submitted.");
        change(world, &THIS, &page.id, |page| page.own["alert"] = alert);
        return Ok(false);
    }
    let mut payment = under(world, &THIS, Kind::Payment, page, &page.ask);
    payment.state = state;
    payment.cause = (state == State::Failed).then(|| THIS.decline.into());
    payment.own = json!({"echeck": state == State::Pending});
    if page.own["keep"] == true && page.customer.is_some() && state != State::Failed {
        let mut method = under(world, &THIS, Kind::Method, page, &Value::Null);
        method.state = State::Done;
        method.own = payment.own.clone();
        payment.method = Some(place(world, &THIS, method));
    }
    let taken = state != State::Failed;
    change(world, &THIS, &page.id, |page| match taken {
        true => page.state = State::Done,
        false => page.own["alert"] = json!("The card was declined."),
    });
    make(world, &THIS, payment);
    Ok(taken)
}

fn transact(world: &mut World, account: &str, asked: &Value) -> Done {
    let transaction = &asked["transactionRequest"];
    if is_duplicate(world, account, transaction) {
        return Err(Refusal::Because("duplicate"));
    }
    let of = transaction["refTransId"].as_str().unwrap_or("");
    let of = known(world, account, Kind::Payment, of);
    let of = of.map_err(|_| Refusal::Because("untraceable"));
    let id = match transaction["transactionType"].as_str() {
        Some("refundTransaction") => give_back(world, &of?, transaction)?,
        Some("voidTransaction") => void(world, &of?)?,
        _ => charge(world, account, transaction)?,
    };
    let made = world
        .object(ID, &id)
        .ok_or(Refusal::Because("untraceable"))?;
    let response = THIS.shaped(world, made, "response");
    let how = if made.state == State::Failed {
        "unsuccessful"
    } else {
        "good"
    };
    let messages = THIS.looks.shape(how, &Value::Null);
    Ok((
        200,
        json!({"transactionResponse": response, "messages": messages}),
    ))
}

/// The same amount from the same source for the same invoice, within the window that is asked for.
fn is_duplicate(world: &World, account: &str, asked: &Value) -> bool {
    let window = setting(&asked["transactionSettings"], "duplicateWindow");
    let window = window.and_then(|seconds| seconds.parse().ok());
    let since = world.now - window.unwrap_or(120_i64) * 1000;
    let same = |of: &&Object| {
        let alike = of.account == account && of.ask == *asked;
        alike && of.at > since && of.state != State::Failed
    };
    let mut all = LISTED.into_iter().flat_map(|kind| world.every(ID, kind));
    asked["transactionType"] != "voidTransaction" && all.any(|of| same(&of))
}

fn charge(world: &mut World, account: &str, asked: &Value) -> Result<String, Refusal> {
    let (amount, currency) = sum(asked)?;
    let (customer, token) = (
        asked["profile"]["customerProfileId"].as_str(),
        asked["profile"]["paymentProfile"]["paymentProfileId"].as_str(),
    );
    let method = chargeable(world, &THIS, account, customer, token);
    let missing = || Refusal::Missing(Kind::Method, String::new());
    let method = method.ok_or_else(missing)?;
    let mut payment = new(world, &THIS, Kind::Payment, account, asked);
    (payment.amount, payment.currency) = (amount, currency);
    payment.state = match method.declines.as_deref() {
        None if method.own["echeck"] == true => State::Pending,
        None => State::Done,
        Some("held") => State::Approved,
        Some(_) => State::Failed,
    };
    payment.cause.clone_from(&method.declines);
    (payment.customer, payment.own) = (method.customer, method.own);
    payment.method = Some(method.id);
    Ok(make(world, &THIS, payment))
}

/// Only what is settled is given back, in whole or in part.
fn give_back(world: &mut World, of: &Object, asked: &Value) -> Result<String, Refusal> {
    if of.step == 0 {
        return Err(Refusal::State(String::new()));
    }
    let (amount, currency) = sum(asked)?;
    refund(world, &THIS, &of.id, Some((amount, &currency)), asked)
}

/// Only what is not settled is voided, and only as a whole: it answers with the payment's own id.
fn void(world: &mut World, of: &Object) -> Result<String, Refusal> {
    match (of.state, of.step) {
        (State::Cancelled, _) => Err(Refusal::Because("voided")),
        (State::Done | State::Pending | State::Approved, 0) => {
            become_(world, &THIS, &of.id, State::Cancelled, None);
            Ok(of.id.clone())
        }
        _ => Err(Refusal::Because("untraceable")),
    }
}

// ---- what it shows -----------------------------------------------------------------------------

fn details(world: &mut World, account: &str, asked: &Value) -> Done {
    let id = asked["transId"].as_str().unwrap_or("");
    let mut found = LISTED.iter().map(|kind| known(world, account, *kind, id));
    let found = found.find_map(Result::ok);
    let found = found.ok_or(Refusal::Missing(Kind::Payment, id.to_string()))?;
    let shown = THIS.shaped(world, &found, "details");
    Ok((200, json!({"transaction": shown})))
}

/// A page of all transactions of a batch, or of those that are in none, the newest first.
fn list(world: &mut World, account: &str, asked: &Value) -> Done {
    let batch = &asked["batchId"];
    if let Some(id) = batch.as_str() {
        known(world, account, BATCH, id)?;
    }
    let all = LISTED.map(|kind| world.shown(ID, kind, account));
    let mut all = all.concat();
    all.retain(|of| of.own["batch"] == *batch);
    all.sort_by_key(|of| std::cmp::Reverse(of.order));
    let number = |name: &str, usual| asked["paging"][name].as_u64().unwrap_or(usual) as usize;
    let (limit, page) = (number("limit", 1000), number("offset", 1));
    let lines = all.iter().skip(limit * (page - 1)).take(limit);
    let lines = lines.map(|of| THIS.shaped(world, of, "line")).collect();
    Ok(some("transactions", lines))
}

/// A list, or that there is nothing.
fn some(name: &str, list: Vec<Value>) -> (u16, Value) {
    let none = json!({"messages": THIS.looks.shape("empty", &Value::Null)});
    let body = if list.is_empty() {
        none
    } else {
        json!({name: list})
    };
    (200, body)
}

fn batches(world: &mut World, account: &str, asked: &Value) -> Done {
    let at = |name: &str| asked[name].as_str()?.parse::<jiff::Timestamp>().ok();
    let range = at("firstSettlementDate").zip(at("lastSettlementDate"));
    let (from, until) = range.ok_or(Refusal::Because("range"))?;
    let (from, until) = (from.as_millisecond(), until.as_millisecond());
    if until < from || until - from > 31 * DAY {
        return Err(Refusal::Because("range"));
    }
    let every = world.every(ID, BATCH).into_iter();
    let own = every.filter(|of| of.account == account && (from..=until).contains(&of.at));
    let shown = own.map(|of| THIS.shaped(world, of, "batch")).collect();
    Ok(some("batchList", shown))
}

fn more(world: &World, object: &Object) -> Value {
    let at = |id: Option<&str>| id.and_then(|id| world.object(ID, id));
    let of = at(object.payment.as_deref());
    let echeck = of.unwrap_or(object).own["echeck"] == true;
    let returns = of_payment(world, &THIS, RETURNED, &object.id).into_iter();
    let items: Vec<_> = returns.map(|one| THIS.shaped(world, one, "item")).collect();
    let failed = object.state == State::Failed && object.kind == Kind::Payment;
    let nothing = failed || object.state == State::Cancelled;
    let number = |minor| -> Value {
        let text = major(minor, THIS.looks.digits(&object.currency));
        serde_json::from_str(&text).unwrap_or_default()
    };
    let code = match object.state {
        _ if failed => 2,
        State::Approved => 4,
        _ => 1,
    };
    let cause = object.cause.as_deref().filter(|_| failed);
    let reason = cause.and_then(|cause| cause.parse().ok());
    let invoice = [Some(object), of].into_iter().flatten();
    let mut invoice = invoice.filter_map(|of| of.ask["order"]["invoiceNumber"].as_str());
    let batch = at(object.own["batch"].as_str());
    let keeps = object.kind == Kind::Payment && object.customer.is_some();
    json!({
        "source": if echeck { "bank" } else { "card" }, "local": stamp(object.at, "%FT%T"),
        "word": object.own["word"].as_str().unwrap_or(THIS.looks.status(object)),
        "type": if object.kind == Kind::Refund { "refundTransaction" } else { "authCaptureTransaction" },
        "sum": number(object.amount), "settles": number(if nothing { 0 } else { object.amount }),
        "code": code, "reason": reason.unwrap_or(code), "invoice": invoice.next(),
        "batch": batch.map(|batch| THIS.shaped(world, batch, "batch")),
        "keeps": keeps.then_some("profile"), "items": (!items.is_empty()).then_some(items),
    })
}

// ---- what happens there ------------------------------------------------------------------------

/// All that waits is settled, in one batch of each account. Nobody is told.
fn night(world: &mut World) {
    let all = LISTED.into_iter().flat_map(|kind| world.every(ID, kind));
    let waits = |of: &&Object| of.own["batch"].is_null() && of.state != State::Approved;
    let mut all: Vec<Object> = all.filter(waits).cloned().collect();
    all.sort_by(|a, b| a.account.cmp(&b.account));
    for part in all.chunk_by(|a, b| a.account == b.account) {
        let mut batch = new(world, &THIS, BATCH, &part[0].account, &Value::Null);
        batch.id = (10_000_000 + batch.order).to_string();
        let batch = place(world, &THIS, batch);
        for of in part {
            change(world, &THIS, &of.id, |of| of.own["batch"] = json!(batch));
            match (of.kind, of.state) {
                (Kind::Payment, State::Done | State::Pending) => {
                    enter(world, &THIS, &of.id, State::Done, 1)
                }
                (Kind::Refund, State::Pending) => enter(world, &THIS, &of.id, State::Done, 0),
                _ => {}
            }
        }
    }
}

/// What a bank takes back, or gives again, stands in the next batch.
fn control(world: &mut World, verb: &[&str], ask: &Value) -> Option<Result<Value, String>> {
    let (what, id) = match verb {
        [what, id] => (*what, *id),
        [what] => (*what, ""),
        _ => return None,
    };
    let (of, back) = (
        meant(world, &THIS, id).cloned(),
        &THIS.looks.of("back")[what],
    );
    let state = if what == "approve" {
        State::Done
    } else {
        State::Failed
    };
    match (what, of) {
        ("night" | "settle", _) => night(world),
        ("approve" | "decline", Some(of)) if of.state == State::Approved => {
            become_(world, &THIS, &of.id, state, None);
        }
        (_, Some(of)) if of.step == 1 && back.is_array() => {
            let mut made = under(world, &THIS, RETURNED, &of, &Value::Null);
            let code = ask["code"].as_str().or(back[1].as_str());
            (made.state, made.cause) = (State::Done, code.map(String::from));
            made.own = json!({"word": back[0]});
            place(world, &THIS, made);
            night(world);
        }
        ("approve" | "decline", _) => return Some(Err("it is not held for review".into())),
        _ if back.is_array() => return Some(Err("it is no payment that is settled".into())),
        _ => return None,
    }
    Some(Ok(json!({})))
}

/// What is made is settled in the night that follows.
fn tell(world: &mut World, happened: Happened, object: &Object) {
    if happened == Happened::Made {
        let night = (world.now / DAY + 1) * DAY;
        world.step_at(night, ID, json!({"night": true}));
    }
    for event in THIS.looks.events(happened, object) {
        let mut places = more(world, object);
        places["id"] = json!(object.id);
        places["event"] = json!(event);
        places["notification"] = json!(world.uuid());
        places["now"] = json!(stamp(world.now, "%FT%T%.6fZ"));
        world.notify(&News {
            body: THIS.looks.shape("event", &places).to_string().into_bytes(),
            sign: |webhook, _| {
                let code = hmac_sha512(webhook.secret.as_bytes(), &webhook.body);
                let code = hex::encode_upper(code);
                vec![("x-anet-signature".into(), format!("sha512={code}"))]
            },
            ..News::of(ID, &object.account, event)
        });
    }
}
