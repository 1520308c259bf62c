//! The engine: how money moves at any gateway. It changes objects and tells of it; what a vendor
//! calls that is said by its gateway.

use super::gateway::Gateway;
use super::object::{Happened, Kind, Object, Refusal, State};
use crate::world::World;
use serde_json::{Value, json};

/// Puts a new object on the shelf and tells of it.
pub fn make(world: &mut World, gateway: &Gateway, object: Object) -> String {
    let id = place(world, gateway, object);
    told(world, gateway, Happened::Made, &id);
    id
}

/// Puts a new object on the shelf, and nothing is told.
pub fn place(world: &mut World, gateway: &Gateway, object: Object) -> String {
    let (id, state, step) = (object.id.clone(), object.state, object.step);
    world.shelve(object);
    enter(world, gateway, &id, state, step);
    id
}

fn told(world: &mut World, gateway: &Gateway, happened: Happened, id: &str) {
    if let Some(object) = world.object(gateway.id, id).cloned() {
        (gateway.tell)(world, happened, &object);
    }
}

/// A new object of this account that the request made.
pub fn new(world: &mut World, gateway: &Gateway, kind: Kind, account: &str, ask: &Value) -> Object {
    let id = gateway.looks.id(world, kind);
    let mut object = world.blank(gateway.id, kind, account, id);
    object.ask = ask.clone();
    object
}

/// A new object that comes of another: a payment of a page, a try or a refund of a payment.
pub fn under(world: &mut World, gateway: &Gateway, kind: Kind, of: &Object, ask: &Value) -> Object {
    let mut object = new(world, gateway, kind, &of.account, ask);
    (object.amount, object.currency) = (of.amount, of.currency.clone());
    (object.customer, object.method) = (of.customer.clone(), of.method.clone());
    match of.kind {
        Kind::Page => object.page = Some(of.id.clone()),
        _ => object.payment = Some(of.id.clone()),
    }
    object
}

/// Changes an object and nothing is told.
pub fn change(world: &mut World, gateway: &Gateway, id: &str, change: impl FnOnce(&mut Object)) {
    if let Some(object) = world.object_mut(gateway.id, id) {
        change(object);
    }
}

/// Brings an object to another state and tells of it.
pub fn become_(world: &mut World, gateway: &Gateway, id: &str, state: State, cause: Option<&str>) {
    change(world, gateway, id, |object| {
        object.cause = cause.map(str::to_string).or(object.cause.take());
    });
    enter(world, gateway, id, state, 0);
    tried(world, gateway, id);
    told(world, gateway, Happened::Moved, id);
}

/// Where charges have ids, each end of a payment is one, whose id the payment has as its own.
fn tried(world: &mut World, gateway: &Gateway, payment: &str) {
    let of = world.object(gateway.id, payment).cloned();
    let ended = |o: &Object| matches!(o.state, State::Done | State::Failed);
    let of = of.filter(|of| of.kind == Kind::Payment && ended(of));
    if let Some(of) = of.filter(|_| !gateway.looks.of("ids")["charge"].is_null()) {
        let mut charge = under(world, gateway, Kind::Charge, &of, &Value::Null);
        (charge.state, charge.cause) = (of.state, of.cause);
        let id = charge.id.clone();
        change(world, gateway, payment, |of| of.own["charge"] = json!(id));
        make(world, gateway, charge);
    }
}

/// Goes one step on within its state and tells of it.
pub fn step_on(world: &mut World, gateway: &Gateway, id: &str) {
    if let Some((state, step)) = world.object(gateway.id, id).map(|o| (o.state, o.step)) {
        enter(world, gateway, id, state, step + 1);
        told(world, gateway, Happened::Stepped, id);
    }
}

/// Brings an object to a state, or a step of it, from which it goes on by itself where the looks
/// say so; nothing is told.
pub fn enter(world: &mut World, gateway: &Gateway, id: &str, state: State, step: usize) {
    let now = world.now;
    let Some(object) = world.object_mut(gateway.id, id) else {
        return;
    };
    (object.state, object.step) = (state, step);
    if step == 0 {
        object.since.retain(|(known, _)| *known != state);
        object.since.push((state, now));
    }
    object.due = gateway.looks.stage(object).map(|takes| now + takes);
    if let Some(due) = object.due {
        world.step_at(due, gateway.id, json!({"go": id}));
    }
}

/// What takes its time goes on: it expires, or goes a step on, or arrives.
fn go_on(world: &mut World, gateway: &Gateway, id: &str) {
    match world
        .object(gateway.id, id)
        .map(|o| (o.state, gateway.looks.steps(o)))
    {
        Some((State::Open, _)) => become_(world, gateway, id, State::Expired, None),
        Some((_, true)) => step_on(world, gateway, id),
        _ => drop(settle(world, gateway, id)),
    }
}

/// Something happens to an object by itself, in so many milliseconds.
pub fn later(world: &mut World, gateway: &Gateway, takes: i64, what: &str, id: &str) {
    world.step_at(world.now + takes, gateway.id, json!({what: id}));
}

/// What was due by itself; a person may have ended it before its time.
pub fn step(world: &mut World, gateway: &'static Gateway, step: &Value) {
    if let Some(id) = step["expire"].as_str()
        && world
            .object(gateway.id, id)
            .is_some_and(|o| o.state == State::Open)
    {
        become_(world, gateway, id, State::Expired, None);
    }
    // What moved since then is due at another time, or never.
    if let Some(id) = step["go"].as_str()
        && let Some(object) = world.object(gateway.id, id)
        && object.due.is_some_and(|due| due <= world.now)
    {
        go_on(world, gateway, id);
    }
    if let Some(id) = step["settle"].as_str() {
        let _ = settle(world, gateway, id);
    }
    if let Some(id) = step["fail"].as_str() {
        let _ = fail_refund(world, gateway, id);
    }
}

fn found(world: &World, gateway: &Gateway, id: &str) -> Result<Object, String> {
    let found = world.object(gateway.id, id).cloned();
    found.ok_or_else(|| format!("there is no {id}"))
}

/// What is under way arrives, unless its method was turned bad or is gone; what arrived goes a step
/// on where there is one.
pub fn settle(world: &mut World, gateway: &Gateway, id: &str) -> Result<(), String> {
    let object = found(world, gateway, id)?;
    if object.state != State::Pending {
        if gateway.looks.steps(&object) {
            step_on(world, gateway, id);
            return Ok(());
        }
        return Err(format!("it is {}", gateway.looks.status(&object)));
    }
    match refusal_of(world, gateway, &object) {
        Some(cause) if object.kind == Kind::Payment => {
            become_(world, gateway, id, State::Failed, Some(&cause));
        }
        _ => become_(world, gateway, id, State::Done, None),
    }
    Ok(())
}

/// Why the bank refuses to charge the method of a payment.
pub fn refusal_of(world: &World, gateway: &Gateway, payment: &Object) -> Option<String> {
    let method = world.object(gateway.id, payment.method.as_deref()?)?;
    match method.state {
        State::Cancelled => Some(gateway.decline.into()),
        _ => method.declines.clone(),
    }
}

/// Sends a payment's money back, as far as that is possible, and answers the refund's id.
pub fn refund(
    world: &mut World,
    gateway: &Gateway,
    payment: &str,
    amount: Option<(i64, &str)>,
    ask: &Value,
) -> Result<String, Refusal> {
    let of = world.object(gateway.id, payment).cloned();
    let of = of.ok_or_else(|| Refusal::Missing(Kind::Payment, payment.to_string()))?;
    if of.state != State::Done {
        return Err(Refusal::State(gateway.looks.status(&of).to_string()));
    }
    let (minor, currency) = amount.unwrap_or((of.left(), &of.currency));
    if currency != of.currency {
        return Err(Refusal::Because("other_currency"));
    }
    if minor > of.left() || of.left() == 0 {
        let (left, currency) = (of.left(), of.currency.clone());
        return Err(Refusal::TooMuch { left, currency });
    }
    let mut refund = under(world, gateway, Kind::Refund, &of, ask);
    refund.amount = minor;
    refund.state = State::Pending;
    match (gateway.refund_takes)(world, &of) {
        Some(0) => refund.state = State::Done,
        Some(takes) => later(world, gateway, takes, "settle", &refund.id),
        None => {}
    }
    change(world, gateway, payment, |of| of.refunded += minor);
    Ok(make(world, gateway, refund))
}

/// A refund does not arrive: the payment has it again.
pub fn fail_refund(world: &mut World, gateway: &Gateway, id: &str) -> Result<(), String> {
    let refund = found(world, gateway, id)?;
    if !matches!(refund.state, State::Pending | State::Done) {
        return Err(format!("the refund is {}", gateway.looks.status(&refund)));
    }
    change(
        world,
        gateway,
        refund.payment.as_deref().unwrap_or(""),
        |of| {
            of.refunded -= refund.amount;
        },
    );
    become_(world, gateway, id, State::Failed, None);
    Ok(())
}

/// The payer's bank takes a payment back, or a part of it.
pub fn dispute(
    world: &mut World,
    gateway: &Gateway,
    payment: &str,
    amount: Option<i64>,
    cause: &str,
) -> Result<String, String> {
    dispute_as(world, gateway, payment, amount, cause, State::Open)
}

/// The same of one that begins in another state: an inquiry (`Asked`) takes nothing yet, and what is
/// lost at once (`Lost`) is told as opened and as ended.
pub fn dispute_as(
    world: &mut World,
    gateway: &Gateway,
    payment: &str,
    amount: Option<i64>,
    cause: &str,
    begins: State,
) -> Result<String, String> {
    let of = found(world, gateway, payment)?;
    if of.state != State::Done {
        return Err(format!("the payment is {}", gateway.looks.status(&of)));
    }
    let minor = amount.unwrap_or(of.left());
    if minor < 1 || minor > of.left() {
        return Err(format!(
            "amount must be an integer between 1 and {}",
            of.left()
        ));
    }
    let mut dispute = under(world, gateway, Kind::Dispute, &of, &Value::Null);
    dispute.amount = minor;
    dispute.cause = Some(cause.to_string());
    dispute.state = begins;
    if begins != State::Asked {
        change(world, gateway, payment, |of| of.disputed += minor);
    }
    let id = make(world, gateway, dispute);
    if begins == State::Lost {
        become_(world, gateway, &id, begins, None);
    }
    Ok(id)
}

/// A payment's inquiry ends, or takes the money after all and is a dispute.
pub fn end_inquiry(
    world: &mut World,
    gateway: &Gateway,
    payment: &str,
    takes: bool,
) -> Result<String, String> {
    let all = of_payment(world, gateway, Kind::Dispute, payment);
    let found = all.into_iter().find(|o| o.state == State::Asked);
    let (id, amount) = found
        .map(|o| (o.id.clone(), o.amount))
        .ok_or("no open inquiry")?;
    if takes {
        change(world, gateway, payment, |of| of.disputed += amount);
        become_(world, gateway, &id, State::Open, None);
    } else {
        become_(world, gateway, &id, State::Cancelled, None);
    }
    Ok(id)
}

/// What a person means by an id: of a page that is no payment, or of a charge, its payment.
pub fn meant<'w>(world: &'w World, gateway: &Gateway, id: &str) -> Option<&'w Object> {
    let named = world.object(gateway.id, id)?;
    match (named.kind, &named.payment) {
        (Kind::Page, _) => of_page(world, gateway, id),
        (Kind::Charge, Some(payment)) => world.object(gateway.id, payment),
        _ => Some(named),
    }
}

/// The newest payment of a hosted page.
pub fn of_page<'w>(world: &'w World, gateway: &Gateway, page: &str) -> Option<&'w Object> {
    let mut payments = world.every(gateway.id, Kind::Payment).into_iter();
    payments.find(|payment| payment.page.as_deref() == Some(page))
}

/// The refunds or disputes of a payment, newest first.
pub fn of_payment<'w>(
    world: &'w World,
    gateway: &Gateway,
    kind: Kind,
    payment: &str,
) -> Vec<&'w Object> {
    let of = |o: &&Object| o.payment.as_deref() == Some(payment);
    world
        .every(gateway.id, kind)
        .into_iter()
        .filter(of)
        .collect()
}

/// The end of a payment's open dispute; one that is lost may cost less than was disputed.
pub fn end_dispute(
    world: &mut World,
    gateway: &Gateway,
    payment: &str,
    end: State,
    amount: Option<i64>,
) -> Result<String, String> {
    let all = of_payment(world, gateway, Kind::Dispute, payment);
    let found = all.into_iter().find(|o| o.state == State::Open);
    let (id, whole) = found
        .map(|o| (o.id.clone(), o.amount))
        .ok_or("no open dispute")?;
    let lost = match (end, amount) {
        (State::Won, _) => 0,
        (_, None) => whole,
        (_, Some(part)) if (1..=whole).contains(&part) => part,
        _ => return Err(format!("amount must be an integer between 1 and {whole}")),
    };
    change(world, gateway, payment, |of| of.disputed -= whole - lost);
    change(world, gateway, &id, |dispute| dispute.refunded = lost);
    become_(world, gateway, &id, end, None);
    Ok(id)
}

/// The method that a charge names, or the customer's newest that may be charged.
pub fn chargeable(
    world: &World,
    gateway: &Gateway,
    account: &str,
    customer: Option<&str>,
    named: Option<&str>,
) -> Option<Object> {
    let fits = |method: &&Object| {
        let own = method.account == account && method.customer.as_deref() == customer;
        own && method.state == State::Done && named.is_none_or(|id| method.id == id)
    };
    let mut every = world.every(gateway.id, Kind::Method).into_iter();
    every.find(fits).cloned()
}

/// A hosted page that is its payment ends so: `paid`, `pending`, `declined`, `expired`, `cancelled`.
pub fn end_page(
    world: &mut World,
    gateway: &Gateway,
    payment: &Object,
    outcome: &str,
) -> Result<bool, String> {
    let (state, cause) = match outcome {
        "paid" => (State::Done, None),
        "pending" => (State::Pending, None),
        "declined" => (State::Failed, Some(gateway.decline)),
        "expired" => (State::Expired, None),
        _ => (State::Cancelled, None),
    };
    become_(world, gateway, &payment.id, state, cause);
    Ok(true)
}
