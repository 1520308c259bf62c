//! What every simulated gateway is made of: one engine that moves money, and for each vendor a table
//! of its operations, shapes, names and signatures. Nothing here knows a vendor.

mod api;
mod certificate;
mod control;
mod engine;
mod looks;
mod oauth;
mod page;
mod shape;
mod shelf;

pub use api::{Access, Ask, Done, End, Keys, List, Operation, Refusal};
pub use certificate::Signer;
pub use engine::*;
pub use looks::Looks;
pub use oauth::{Tokens, know_client};
pub use shelf::{Kind, Object, State};

use crate::wire::{Call, Reply, stamp};
use crate::world::World;
use serde_json::{Map, Value, json};

/// A gateway: everything that tells it from the others.
pub struct Gateway {
    pub id: &'static str,
    /// As payers read it.
    pub name: &'static str,
    /// What addresses in its replies begin with.
    pub api: &'static str,
    /// What it calls things and how they are written.
    pub looks: Looks,
    /// What each request may hold, by name: `payment = amount! { … }`, and so on behind blanks.
    pub requests: &'static str,
    /// The API, in the order in which a path is looked for.
    pub operations: &'static [Operation],
    pub access: Access,
    pub keys: Option<Keys>,
    /// How an answer goes out.
    pub answer: fn(&Gateway, u16, Value) -> Reply,
    pub list: List,
    /// Puts whole objects into an answer where the request asks for them.
    pub embed: fn(&World, &Ask, &mut Value) -> Result<(), Refusal>,
    /// Places of a shape that only this vendor has, as an object.
    pub more: fn(&World, &Object) -> Value,
    /// Milliseconds until a refund of this payment arrives; 0 is at once, and `None` when somebody
    /// settles it.
    pub refund_takes: fn(&World, &Object) -> Option<i64>,
    /// What it says of a card that is declined, of a payment that a bank takes back late, and of a
    /// dispute.
    pub decline: &'static str,
    pub late_failure: &'static str,
    pub dispute: &'static str,
    /// Its hosted page.
    pub page: Page,
    /// Tells whoever listens what happened to an object.
    pub tell: fn(&mut World, Happened, &Object),
    /// What only this vendor is made to do; `None` where it is nothing of its own.
    pub control: Control,
    /// What only this vendor does by itself.
    pub step: fn(&mut World, &Value),
}

pub type Control = fn(&mut World, &[&str], &Value) -> Option<Result<Value, String>>;

/// The page where a payer pays.
pub struct Page {
    /// Its address up to the id: `/checkout/`, `/checkout?id=`.
    pub path: &'static str,
    /// What is bought, as the page shows it.
    pub title: fn(&Object) -> &Value,
    /// Where the payer's browser goes: done, or left before.
    pub back: fn(&Object, left: bool) -> &Value,
    /// Brings an outcome about; `false` where the payer stays on the page.
    pub end: fn(&mut World, &Object, outcome: &str) -> Result<bool, String>,
}

/// What happened to an object, to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Made,
    Moved,
    /// It went on within its state.
    Stepped,
}

/// The looks that stand in a file.
pub fn looks(text: &str) -> Value {
    serde_json::from_str(text).expect("a vendor's looks are JSON")
}

/// As most answer: JSON, of the content type of their looks.
pub fn json_answer(gateway: &Gateway, status: u16, body: Value) -> Reply {
    let content_type = match gateway.looks.text("content_type") {
        "" => "application/json",
        own => own,
    };
    match status {
        204 => Reply::of(204, content_type, ""),
        _ => Reply::of(status, content_type, body.to_string()),
    }
}

impl Gateway {
    /// An object as the vendor shows it.
    pub fn show(&self, world: &World, object: &Object) -> Value {
        self.shaped(world, object, object.kind.name())
    }

    pub fn show_id(&self, world: &World, id: &str) -> Value {
        let object = world.object(self.id, id);
        object.map_or(Value::Null, |object| self.show(world, object))
    }

    /// An object as it stands alone in an answer.
    pub fn alone(&self, world: &World, object: &Object) -> Value {
        let shown = self.show(world, object);
        match self.looks.envelope(object.kind) {
            Some(name) => json!({name: shown}),
            None => shown,
        }
    }

    /// How it behaves otherwise than usual, as `knobs` of its control were set.
    pub fn knob(&self, world: &World, name: &str) -> Value {
        world.body("knobs", self.id)[name].clone()
    }

    /// An object in one of the vendor's shapes.
    pub fn shaped(&self, world: &World, object: &Object, shape: &str) -> Value {
        self.looks.shape(shape, &self.places(world, object))
    }

    /// All of an object, as places of a shape that speaks of it.
    fn places_of(&self, world: &World, id: &Option<String>) -> Value {
        let object = id.as_deref().and_then(|id| world.object(self.id, id));
        object.map_or(Value::Null, |object| self.places(world, object))
    }

    /// What shapes may hold; `of` and `by` are all places of its payment and of its method.
    fn places(&self, world: &World, object: &Object) -> Value {
        let money = |minor| self.looks.money(minor, &object.currency);
        let since = object.since.iter();
        let at: Map<_, _> = since
            .map(|(state, at)| (state.name().to_string(), self.looks.when(*at)))
            .collect();
        let mut places = json!({"id": object.id, "account": object.account, "api": self.api,
            "page": format!("{}/{}{}{}", world.own, self.id, self.page.path, object.id),
            "created": self.looks.when(object.at), "state": object.state.name(),
            "changed": self.looks.when(object.since.last().map_or(object.at, |(_, at)| *at)),
            "created_day": stamp(object.at, "%F"), "at": at, "status": self.looks.status(object),
            "amount": money(object.amount), "left": money(object.left()),
            "refunded": money(object.refunded), "disputed": money(object.disputed),
            "currency": object.currency, "cause": object.cause,
            "customer": object.customer, "method": object.method, "of_page": object.page,
            "payment": object.payment, "ask": object.ask, "own": object.own,
            "of": self.places_of(world, &object.payment),
            "by": self.places_of(world, &object.method)});
        if let (Value::Object(all), Value::Object(more)) = (&mut places, (self.more)(world, object))
        {
            all.extend(more);
        }
        places
    }

    /// Answers a call of the API or a visit to a hosted page.
    pub fn handle(&'static self, world: &mut World, call: &Call) -> Reply {
        let address = format!("{}?{}", call.path, call.query);
        match address.strip_prefix(self.page.path) {
            Some(id) => {
                let id = id.split(['?', '&']).next().unwrap_or("");
                page::visit(world, self, call, id)
            }
            None => api::answer(world, self, call),
        }
    }

    /// What a person or a test makes happen.
    pub fn control(
        &'static self,
        world: &mut World,
        verb: &[&str],
        ask: &Value,
    ) -> Result<Value, String> {
        match (self.control)(world, verb, ask) {
            Some(done) => done,
            None => control::control(world, self, verb, ask),
        }
    }

    /// Something that was due by itself.
    pub fn step(&'static self, world: &mut World, step: &Value) {
        engine::step(world, self, step);
        (self.step)(world, step);
    }
}

/// A vendor that embeds nothing.
pub fn nothing_embedded(_: &World, _: &Ask, _: &mut Value) -> Result<(), Refusal> {
    Ok(())
}
