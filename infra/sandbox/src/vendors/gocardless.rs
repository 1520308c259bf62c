//! GoCardless: billing requests with their authorisation page, mandates, payments by bank debit
//! and refunds. Money takes days of stack time and may come back; events travel in signed
//! batches. A repeated key is a conflict that names what the first call made.
//!
//! Beside what every vendor's control has: `retry/{payment}` (staff collect a failed one again),
//! `cancel/{billing request}`, `mandates/{id}/expire` and `/reinstate`, and `knobs`
//! `{resource_metadata: false}`: events that carry ids alone, as older endpoints get them.

use crate::kit::*;
use crate::vendor::Vendor;
use crate::webhook::News;
use crate::wire::{hmac_sha256, stamp};
use crate::world::World;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    seed: |world| world.demo_endpoint("gocardless", "sandbox_demo", "gc-demo-secret"),
    demo_secrets: || {
        let own = json!({"access_token": "sandbox_demo"});
        let inbound = json!({"webhook_secret": "gc-demo-secret"});
        vec![("gateway/gocardless", own), ("inbound/gocardless", inbound)]
    },
    handle: |world, call| GOCARDLESS.handle(world, call),
    step: |world, step| GOCARDLESS.step(world, step),
    help: "mandates/{id}/cancel  the payer cancels at the bank\n",
    control: |world, verb, ask| GOCARDLESS.control(world, verb, ask),
    key_header: Some("Idempotency-Key"),
    harmless: |call| call.path.starts_with("/flow/"),
    ..Vendor::named("gocardless")
};

const DAY: i64 = 24 * 3_600_000;
const BANK: Kind = Kind::Own("bank");
const FLOW: Kind = Kind::Own("flow");
const EVENT: Kind = Kind::Own("event");

static GOCARDLESS: Gateway = Gateway {
    id: "gocardless",
    name: "GoCardless",
    api: "https://api.gocardless.com",
    looks: Looks::new(|| looks(include_str!("gocardless/looks.json"))),
    requests: include_str!("gocardless/requests.txt"),
    operations: &[
        Operation::act("POST /billing_requests", "billing_request", request),
        Operation::act("POST /billing_request_flows", "flow", flow),
        Operation::act("POST /payments", "payment", pay),
        Operation::act("POST /refunds", "refund", give_back),
        Operation::act("POST /{name}/{id}/actions/{deed}", "action", act),
        Operation::show("GET /billing_requests/{id}", Kind::Page),
        Operation::show("GET /customers/{id}", Kind::Customer),
        Operation::show("GET /customer_bank_accounts/{id}", BANK),
        Operation::show("GET /mandates/{id}", Kind::Method),
        Operation::show("GET /payments/{id}", Kind::Payment),
        Operation::show("GET /refunds/{id}", Kind::Refund),
        Operation::show("GET /events/{id}", EVENT),
        Operation::list("GET /billing_requests", "list", Kind::Page),
        Operation::list("GET /customers", "list", Kind::Customer),
        Operation::list("GET /customer_bank_accounts", "list", BANK),
        Operation::list("GET /mandates", "list", Kind::Method),
        Operation::list("GET /payments", "list", Kind::Payment),
        Operation::list("GET /refunds", "list", Kind::Refund),
        Operation::list("GET /events", "list", EVENT),
    ],
    access: Access::Own(|world, call| {
        let account = Access::Bearer("sandbox_").account("gocardless", world, call)?;
        match call.header("gocardless-version") {
            Some("2015-07-06") => Ok(account),
            Some(_) => Err(Refusal::Because("version")),
            None => Err(Refusal::Because("no_version")),
        }
    }),
    keys: Some(Keys {
        longest: Some(128),
        of_path: true,
        same: |_| String::new(),
        keeps: |reply| reply.status == 201,
        again: Some(|_, _, id| Err(Refusal::With("exists", json!({ "id": id })))),
        ..Keys::in_header("Idempotency-Key", 30 * DAY)
    }),
    answer: json_answer,
    list: List {
        limit: "limit",
        from: "after",
        behind: true,
        usual: 50,
        most: 500,
        filters: &[
            "created_at",
            "charge_date",
            "creditor",
            "currency",
            "customer",
            "customer_bank_account",
            "mandate",
            "payment",
            "refund",
            "status",
            "subscription",
            "reference",
            "resource_type",
            "action",
        ],
        shown: |_, ask, shown, after| {
            let limit = ask.body["limit"].as_i64().unwrap_or(50);
            let places = json!({"after": after, "limit": limit});
            let name = ask.call.path.trim_start_matches('/');
            let meta = GOCARDLESS.looks.shape("list", &places);
            Ok((200, json!({name: shown, "meta": meta})))
        },
    },
    embed: nothing_embedded,
    more: |world, object| {
        let bank = object.own["bank"].as_str();
        json!({"bank": bank.map(|id| GOCARDLESS.show_id(world, id)),
            "charge_day": stamp(object.at + 3 * DAY, "%F"),
            "until": GOCARDLESS.looks.when(object.at + 7 * DAY)})
    },
    refund_takes: |_, _| None,
    decline: "mandate_cancelled",
    late_failure: "refer_to_payer",
    dispute: "refund_requested",
    page: Page {
        path: "/flow/",
        title: |flow| &flow.own["title"],
        back: |flow, _| &flow.own["back"],
        end,
    },
    tell: |world, happened, object| {
        for said in GOCARDLESS.looks.events(happened, object) {
            say(world, object, said);
        }
    },
    control,
    step: |_, _| {},
};

fn request(world: &mut World, ask: &Ask) -> Done {
    let asked = &ask.body["billing_requests"];
    let (mandate, payment) = (&asked["mandate_request"], &asked["payment_request"]);
    let shape = |name, places: Value| GOCARDLESS.looks.shape(name, &places);
    let mut request = new(world, &GOCARDLESS, Kind::Page, ask.account, asked);
    if let Some(customer) = asked["links"]["customer"].as_str() {
        request.customer = Some(ask.own(world, Kind::Customer, customer)?.id.clone());
    }
    request.own["title"] = shape("title", json!({ "ask": asked }));
    if payment.is_object() {
        request.amount = payment["amount"].as_i64().unwrap_or(0);
        request.currency = payment["currency"].as_str().unwrap_or("").into();
        request.own["payment"] = shape("payment_request", json!({ "ask": payment }));
        request.own["payment_request"] = json!(world.id("PRQ", 17).to_uppercase());
    }
    if mandate.is_object() || payment.is_null() {
        let (scheme, currency) = scheme(mandate)?;
        let places = json!({"ask": mandate, "scheme": scheme, "currency": currency});
        request.currency = currency.to_string();
        request.own["mandate"] = shape("mandate_request", places);
        request.own["mandate_request"] = json!(world.id("MRQ", 17).to_uppercase());
        request.own["note"] = json!(format!("Direct debit by {scheme}"));
    }
    let id = make(world, &GOCARDLESS, request);
    ask.shown(world, 201, &id)
}

/// Scheme and currency of a mandate that is asked for, each found from the other.
fn scheme(mandate: &Value) -> Result<(&'static str, &'static str), Refusal> {
    let asked = [&mandate["scheme"], &mandate["currency"]];
    let fits = |pair: &&Value| (0..2).all(|at| asked[at].is_null() || *asked[at] == pair[at]);
    let all = GOCARDLESS.looks.of("schemes").as_array();
    let found = all.into_iter().flatten().find(fits);
    let found = found.filter(|_| asked.iter().any(|asked| !asked.is_null()));
    let found = found.and_then(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)));
    let path = "billing_requests.mandate_request";
    found.ok_or_else(|| Refusal::wrong(path, "of a scheme and its currency"))
}

fn flow(world: &mut World, ask: &Ask) -> Done {
    let asked = &ask.body["billing_request_flows"];
    let request = asked["links"]["billing_request"].as_str().unwrap_or("");
    let request = ask.own(world, Kind::Page, request)?.clone();
    if request.state != State::Open {
        return Err(ask.state(&request));
    }
    let mut flow = new(world, &GOCARDLESS, FLOW, ask.account, asked);
    flow.page = Some(request.id);
    (flow.amount, flow.currency, flow.own) = (request.amount, request.currency, request.own);
    let id = make(world, &GOCARDLESS, flow);
    ask.shown(world, 201, &id)
}

fn initialise(world: &mut World, flow: &Object) -> Result<(), Refusal> {
    let session = json!(world.id("sesh_", 24));
    let keep = |flow: &mut Object| flow.own["session"] = session;
    change(world, &GOCARDLESS, &flow.id, keep);
    Ok(())
}

fn pay(world: &mut World, ask: &Ask) -> Done {
    let asked = &ask.body["payments"];
    let mandate = asked["links"]["mandate"].as_str().unwrap_or("");
    let mandate = ask.own(world, Kind::Method, mandate).cloned();
    let mandate = mandate.map_err(|_| Refusal::wrong("payments.links.mandate", "a mandate"))?;
    if !matches!(mandate.state, State::Pending | State::Done) {
        return Err(ask.state(&mandate));
    }
    if asked["currency"] != *mandate.currency {
        return Err(Refusal::wrong("payments.currency", "the mandate's"));
    }
    let day = asked["charge_date"].as_str();
    if day.is_some_and(|day| day < stamp(world.now, "%F").as_str()) {
        return Err(Refusal::wrong("payments.charge_date", "a day to come"));
    }
    let mut payment = new(world, &GOCARDLESS, Kind::Payment, ask.account, asked);
    payment.amount = asked["amount"].as_i64().unwrap_or(0);
    payment.own = json!({"scheme": mandate.own["scheme"]});
    (payment.currency, payment.customer) = (mandate.currency, mandate.customer);
    (payment.method, payment.state) = (Some(mandate.id), State::Pending);
    let id = make(world, &GOCARDLESS, payment);
    ask.shown(world, 201, &id)
}

fn give_back(world: &mut World, ask: &Ask) -> Done {
    let asked = &ask.body["refunds"];
    let payment = asked["links"]["payment"].as_str().unwrap_or("");
    let payment = ask.own(world, Kind::Payment, payment).cloned();
    let payment = payment.map_err(|_| Refusal::wrong("refunds.links.payment", "a payment"))?;
    let amount = asked["amount"].as_i64().unwrap_or(0);
    let confirmed = asked["total_amount_confirmation"] == payment.refunded + amount;
    if payment.state == State::Done && amount <= payment.left() && !confirmed {
        return Err(Refusal::Because("confirmation"));
    }
    let amount = Some((amount, payment.currency.as_str()));
    let id = refund(world, &GOCARDLESS, &payment.id, amount, asked)?;
    ask.shown(world, 201, &id)
}

fn act(world: &mut World, ask: &Ask) -> Done {
    type Deed = fn(&mut World, &Object) -> Result<(), Refusal>;
    let (name, id, deed) = (&*ask.ids[0], &ask.ids[1], &*ask.ids[2]);
    let (kind, does): (Kind, Deed) = match (name, deed) {
        ("payments", "cancel") => (Kind::Payment, cancel),
        ("payments", "retry") => (Kind::Payment, retry),
        ("mandates", "cancel") => (Kind::Method, revoke),
        ("billing_requests", "cancel") => (Kind::Page, withdraw),
        ("billing_request_flows", "initialise") => (FLOW, initialise),
        _ => return Err(Refusal::Because("nowhere")),
    };
    let object = ask.own(world, kind, id)?.clone();
    does(world, &object)?;
    ask.shown(world, 200, id)
}

fn unfit(object: &Object) -> Refusal {
    Refusal::State(GOCARDLESS.looks.status(object).to_string())
}

fn turn(world: &mut World, id: &str, state: State, cause: Option<&str>) {
    become_(world, &GOCARDLESS, id, state, cause);
}

fn cancel(world: &mut World, payment: &Object) -> Result<(), Refusal> {
    if !waits(payment) {
        return Err(unfit(payment));
    }
    let cause = Some("payment_cancelled api");
    turn(world, &payment.id, State::Cancelled, cause);
    Ok(())
}

/// Whether the bank was not told of a payment yet.
fn waits(payment: &Object) -> bool {
    (payment.state, payment.step) == (State::Pending, 0)
}

fn retry(world: &mut World, payment: &Object) -> Result<(), Refusal> {
    if payment.state != State::Failed {
        return Err(Refusal::Because("retry"));
    }
    turn(world, &payment.id, State::Pending, None);
    Ok(())
}

fn revoke(world: &mut World, mandate: &Object) -> Result<(), Refusal> {
    if !matches!(mandate.state, State::Pending | State::Done) {
        return Err(unfit(mandate));
    }
    end_mandate(world, &mandate.id, "mandate_cancelled", "api");
    Ok(())
}

/// A mandate ends, and with it what the bank was not told of yet.
fn end_mandate(world: &mut World, id: &str, cause: &str, origin: &str) {
    let cause = format!("{cause} {origin}");
    turn(world, id, State::Cancelled, Some(&cause));
    let cause = format!("mandate_cancelled {origin}");
    let of = |payment: &Object| waits(payment) && payment.method.as_deref() == Some(id);
    for payment in ids(world, Kind::Payment, of) {
        turn(world, &payment, State::Cancelled, Some(&cause));
    }
}

/// All of a kind that are so, newest first.
fn ids(world: &World, kind: Kind, fits: impl Fn(&Object) -> bool) -> Vec<String> {
    let every = world.every("gocardless", kind).into_iter();
    let found = every.filter(|one| fits(one));
    found.map(|one| one.id.clone()).collect()
}

fn withdraw(world: &mut World, request: &Object) -> Result<(), Refusal> {
    if request.state != State::Open {
        return Err(Refusal::Because("nowhere"));
    }
    close(world, &request.id);
    turn(world, &request.id, State::Cancelled, None);
    Ok(())
}

/// Nothing is left to do on the pages of a billing request.
fn close(world: &mut World, request: &str) {
    for flow in ids(world, FLOW, |flow| flow.page.as_deref() == Some(request)) {
        enter(world, &GOCARDLESS, &flow, State::Done, 0);
    }
}

/// The payer's visit ends.
fn end(world: &mut World, flow: &Object, outcome: &str) -> Result<bool, String> {
    let address = |name: &str| flow.ask[name].as_str().map(str::to_string);
    let back = match outcome {
        "expired" => {
            turn(world, &flow.id, State::Expired, None);
            None
        }
        "cancelled" => address("exit_uri").or(address("redirect_uri")),
        _ => {
            let request = flow.page.as_deref().unwrap_or("");
            fulfil(world, flow, request, outcome == "paid");
            let mark = &GOCARDLESS.looks.of("marks")[outcome];
            let mark = mark.as_str().unwrap_or("");
            address("redirect_uri").map(|url| {
                let join = if url.contains('?') { '&' } else { '?' };
                format!("{url}{join}outcome={mark}&id={request}")
            })
        }
    };
    let keep = |flow: &mut Object| flow.own["back"] = json!(back);
    change(world, &GOCARDLESS, &flow.id, keep);
    Ok(true)
}

/// The payer authorised: customer, bank account, mandate, and the payment if one was asked for.
fn fulfil(world: &mut World, flow: &Object, id: &str, accepted: bool) {
    let Some(mut request) = world.object("gocardless", id).cloned() else {
        return;
    };
    let mut told = vec![];
    if request.customer.is_none() {
        let asked = &flow.ask["prefilled_customer"];
        let customer = of(world, &request, Kind::Customer, asked);
        request.customer = Some(place(world, &GOCARDLESS, customer));
    }
    let bank = of(world, &request, BANK, &Value::Null);
    request.own["bank"] = json!(place(world, &GOCARDLESS, bank));
    if request.own["mandate"].is_object() {
        let mandate = of(world, &request, Kind::Method, &request.own["mandate"]);
        let id = place(world, &GOCARDLESS, mandate.clone());
        told.push(event(world, &mandate, "mandate.made"));
        let (state, step, said) = match accepted {
            true => (State::Pending, 1, "mandate.taken"),
            false => (State::Failed, 0, "mandate.refused"),
        };
        enter(world, &GOCARDLESS, &id, state, step);
        told.push(event(world, &mandate, said));
        request.method = Some(id);
    }
    if request.own["payment"].is_object() && accepted {
        let mut payment = of(world, &request, Kind::Payment, &request.own["payment"]);
        payment.own = json!({"scheme": GOCARDLESS.looks.of("instant")[&payment.currency]});
        (payment.amount, payment.method) = (request.amount, request.method.clone());
        told.push(event(world, &payment, "payment.made"));
        request.payment = Some(place(world, &GOCARDLESS, payment));
    }
    world.shelve(request.clone());
    enter(world, &GOCARDLESS, id, State::Done, 0);
    close(world, id);
    told.push(event(world, &request, "page.fulfilled"));
    send(world, &request.account, &told);
    // An instant payment is there at once; a debit needs its days.
    if let Some(payment) = &request.payment {
        turn(world, payment, State::Done, None);
    }
}

/// What a billing request's payer brings about by it.
fn of(world: &mut World, request: &Object, kind: Kind, ask: &Value) -> Object {
    let mut made = new(world, &GOCARDLESS, kind, &request.account, ask);
    made.customer.clone_from(&request.customer);
    let currency = ask["currency"].as_str().unwrap_or(&request.currency);
    made.currency = currency.to_string();
    made.page = Some(request.id.clone());
    made.own = json!({"bank": request.own["bank"], "scheme": ask["scheme"]});
    made.state = State::Pending;
    made
}

/// An event of an object, kept to be read again; what is said is its action, cause and origin, or
/// the name of these among the looks.
fn event(world: &mut World, object: &Object, said: &str) -> Value {
    let looks = &GOCARDLESS.looks;
    let named = looks.of("events")[said].as_str().unwrap_or(said);
    let said = named.replace("$cause", object.cause.as_deref().unwrap_or(""));
    let words: Vec<_> = said.split(' ').collect();
    let resource = looks.envelope(object.kind).unwrap_or("");
    let noun = resource.trim_end_matches('s');
    let shown = GOCARDLESS.show(world, object);
    let whole = GOCARDLESS.knob(world, "resource_metadata") != false;
    let links = GOCARDLESS.shaped(world, object, &format!("links.{}", object.kind.name()));
    let places = json!({"resource": resource, "action": words[0], "cause": words[1],
        "origin": words[2], "description": format!("{noun} {}", words[0].replace('_', " ")),
        "links": links, "scheme": shown["scheme"], "metadata": whole.then(|| &shown["metadata"])});
    let mut event = new(world, &GOCARDLESS, EVENT, &object.account, &Value::Null);
    event.own = looks.shape("told", &places);
    let id = place(world, &GOCARDLESS, event);
    GOCARDLESS.show_id(world, &id)
}

/// Sends a signed batch of events.
fn send(world: &mut World, account: &str, events: &[Value]) {
    let word = |event: &Value, name: &str| event[name].as_str().unwrap_or("").to_string();
    let named = |event| format!("{}.{}", word(event, "resource_type"), word(event, "action"));
    let names: Vec<_> = events.iter().map(named).collect();
    let places = json!({"events": events, "webhook": world.id("WB", 18).to_uppercase()});
    let batch = GOCARDLESS.looks.shape("batch", &places).to_string();
    world.notify(&News {
        body: batch.into_bytes(),
        sign: |webhook, _| {
            let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &webhook.body));
            let origin = "https://api.gocardless.com".to_string();
            let proof = ("webhook-signature".into(), proof);
            vec![proof, ("origin".into(), origin)]
        },
        ..News::of("gocardless", account, &names.join(" "))
    });
}

fn say(world: &mut World, object: &Object, said: &str) {
    let event = event(world, object, said);
    send(world, &object.account, &[event]);
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Option<Result<Value, String>> {
    let id = *verb.get(1)?;
    let object = world.object("gocardless", id)?.clone();
    let mut done = Ok(());
    match (verb, object.kind, object.state) {
        (["pay", _], Kind::Page, _) => {
            let flows = ids(world, FLOW, |flow| flow.page.as_deref() == Some(id));
            return Some(GOCARDLESS.control(world, &["pay", flows.first()?], ask));
        }
        (["fail", _], Kind::Payment, State::Pending | State::Done) => {
            let cause = ask["cause"].as_str().unwrap_or("insufficient_funds");
            turn(world, id, State::Failed, Some(cause));
            if (object.state, object.step) == (State::Done, 1) {
                // Already paid out to the clinic: the next payout is less by it.
                say(world, &object, "payment.failed_late");
            }
        }
        (["dispute", _], Kind::Payment, State::Done) => {
            turn(world, id, State::Lost, Some(GOCARDLESS.dispute));
        }
        (["dispute", _, "won"], Kind::Payment, State::Lost) => {
            enter(world, &GOCARDLESS, id, State::Done, 1);
            say(world, &object, "chargeback.won");
        }
        (["dispute", _, "lost"], Kind::Payment, State::Lost) => {
            say(world, &object, "chargeback.lost");
        }
        (["fail" | "dispute", ..], Kind::Payment, _) => done = Err(unfit(&object)),
        (["retry", _], Kind::Payment, _) => done = retry(world, &object),
        (["cancel", _], Kind::Page, _) => done = withdraw(world, &object),
        (["mandates", _, "cancel"], Kind::Method, _) => {
            end_mandate(world, id, "authorisation_disputed", "bank");
        }
        (["mandates", _, "expire"], Kind::Method, _) => turn(world, id, State::Expired, None),
        (["mandates", _, "reinstate"], Kind::Method, _) => {
            enter(world, &GOCARDLESS, id, State::Done, 0);
            say(world, &object, "mandate.reinstated");
        }
        _ => return None,
    }
    let shown = GOCARDLESS.show_id(world, id);
    Some(done.map(|()| shown).map_err(|why| format!("{why:?}")))
}
