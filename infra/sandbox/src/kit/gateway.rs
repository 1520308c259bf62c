//! A gateway: one table, which says everything that tells it from the others.

use super::looks::Looks;
use super::object::{Happened, Kind, Object, Refusal, State};
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
}

/// One operation of a vendor's API.
pub struct Operation {
    /// Method and path; a name in braces stands for an id: `GET /v2/payments/{payment}`.
    pub call: &'static str,
    /// The name of what its body, or where it is a GET its query, may hold; empty takes nothing.
    pub takes: &'static str,
    pub does: Does,
}

pub enum Does {
    /// Shows the object of its last id.
    Show(Kind),
    /// Lists a kind, where it has an id only what belongs to that object.
    List(Kind),
    /// At an address without ids: lists a kind, or shows one whose id follows; the requests `list` and
    /// `show` say what each takes.
    Read(Kind),
    /// Makes one of a kind, and nothing follows from it: 201.
    Make(Kind),
    /// Ends the object of its last id.
    End(End),
    /// Whatever it is.
    Act(fn(&mut World, &Ask) -> Done),
    /// Whatever it is, and whoever asks.
    Open(fn(&mut World, &Call) -> Reply),
    /// Gives a client its token.
    Token,
}

/// What is ended, in which states it may be, and what it is then.
pub type End = (Kind, &'static [State], State);

impl Operation {
    pub const fn act(
        call: &'static str,
        takes: &'static str,
        does: fn(&mut World, &Ask) -> Done,
    ) -> Operation {
        let does = Does::Act(does);
        Operation { call, takes, does }
    }
    pub const fn open(call: &'static str, does: fn(&mut World, &Call) -> Reply) -> Operation {
        let does = Does::Open(does);
        let takes = "";
        Operation { call, takes, does }
    }
    pub const fn token(call: &'static str) -> Operation {
        let does = Does::Token;
        let takes = "";
        Operation { call, takes, does }
    }
    pub const fn make(call: &'static str, takes: &'static str, kind: Kind) -> Operation {
        let does = Does::Make(kind);
        Operation { call, takes, does }
    }
    pub const fn end(call: &'static str, takes: &'static str, end: End) -> Operation {
        let does = Does::End(end);
        Operation { call, takes, does }
    }
    pub const fn show(call: &'static str, kind: Kind) -> Operation {
        let does = Does::Show(kind);
        let takes = "";
        Operation { call, takes, does }
    }
    pub const fn read(call: &'static str, kind: Kind) -> Operation {
        let does = Does::Read(kind);
        let takes = "list";
        Operation { call, takes, does }
    }
    pub const fn list(call: &'static str, takes: &'static str, kind: Kind) -> Operation {
        let does = Does::List(kind);
        Operation { call, takes, does }
    }

    /// The same with a query.
    pub const fn taking(self, takes: &'static str) -> Operation {
        Operation { takes, ..self }
    }
}

/// A call whose caller is known and whose request was read.
pub struct Ask<'a> {
    pub gateway: &'static Gateway,
    pub account: &'a str,
    /// Those in its path.
    pub ids: Vec<String>,
    pub body: Value,
    pub call: &'a Call,
}

/// A status and a body, or why not.
pub type Done = Result<(u16, Value), Refusal>;

/// How a vendor takes idempotency keys.
pub struct Keys {
    pub header: &'static str,
    /// Milliseconds that it remembers one.
    pub lifetime: i64,
    /// Bytes that one may have; `key_odd` refuses others.
    pub longest: Option<usize>,
    /// Whether the same key at another address is another one.
    pub of_path: bool,
    /// What must be the same in a repeat.
    pub same: fn(&Call) -> String,
    /// Whether an answer is kept for repeats.
    pub keeps: fn(&Reply) -> bool,
    /// A header of kept answers where they are given again.
    pub marks: Option<(&'static str, &'static str)>,
    /// What a repeat is answered, by the id of what its first made; the kept answer where nothing
    /// is said.
    pub again: Option<fn(&World, &Call, &str) -> Done>,
    /// Other ways at paths that end so.
    pub but: Option<(&'static str, &'static Keys)>,
}

impl Keys {
    /// A repeat is the same request to the same address; what succeeded is kept.
    pub const fn in_header(header: &'static str, lifetime: i64) -> Keys {
        Keys {
            header,
            lifetime,
            longest: None,
            of_path: false,
            same: |call| format!("{} {} {}", call.method, call.path, call.text()),
            keeps: |reply| reply.status < 300,
            marks: None,
            again: None,
            but: None,
        }
    }
}

/// Who calls.
pub enum Access {
    /// By a bearer token that begins so, which names the account; one that goes on with `revoked`
    /// was.
    Bearer(&'static str),
    /// By a token that its client got before.
    Tokens(Tokens),
    Own(fn(&World, &Call) -> Result<String, Refusal>),
}

/// How a vendor's lists are asked for and look.
pub struct List {
    /// Parameters: how many, and the id where the part begins.
    pub limit: &'static str,
    pub from: &'static str,
    /// Whether the part begins behind that id.
    pub behind: bool,
    pub usual: usize,
    pub most: usize,
    /// Parameters that stand for a field or link of the same name, which must be so: one of `a,b`,
    /// or within the bounds of `created[gte]`.
    pub filters: &'static [&'static str],
    /// The list, with the id where the next part begins.
    pub shown: fn(&World, &Ask, Vec<Value>, Option<String>) -> Done,
}

impl List {
    /// Of a vendor that lists nothing here.
    pub const NONE: List = List {
        limit: "",
        from: "",
        behind: false,
        usual: 0,
        most: 0,
        filters: &[],
        shown: |_, _, _, _| Err(Refusal::Because("nowhere")),
    };
}

impl Ask<'_> {
    /// An object of this account.
    pub fn own<'w>(&self, world: &'w World, kind: Kind, id: &str) -> Result<&'w Object, Refusal> {
        let found = world.object(self.gateway.id, id);
        let own = found.filter(|o| o.account == self.account && o.kind == kind);
        let own = own.filter(|o| !self.gateway.looks.forgotten(o));
        own.ok_or_else(|| Refusal::Missing(kind, id.to_string()))
    }

    /// The object of the path's last id, which belongs to that of the one before.
    pub fn named<'w>(&self, world: &'w World, kind: Kind) -> Result<&'w Object, Refusal> {
        let (id, above) = match &self.ids[..] {
            [.., above, id] => (id, Some(above)),
            [id] => (id, None),
            [] => return Err(Refusal::Because("nowhere")),
        };
        let found = self.own(world, kind, id)?;
        let belongs = |above: &String| {
            let of = world.object(self.gateway.id, above);
            of.is_some_and(|of| found.of(of.kind) == Some(above))
        };
        match above.is_none_or(belongs) {
            true => Ok(found),
            false => Err(Refusal::Missing(kind, id.clone())),
        }
    }

    /// That the object's state does not allow it.
    pub fn state(&self, object: &Object) -> Refusal {
        Refusal::State(self.gateway.looks.status(object).to_string())
    }

    pub fn shown(&self, world: &World, status: u16, id: &str) -> Done {
        let object = world.object(self.gateway.id, id);
        let shown = object.map(|object| self.gateway.alone(world, object));
        Ok((status, shown.unwrap_or_default()))
    }
}

/// How a vendor's tokens are; its shape `token` is what a client gets.
pub struct Tokens {
    pub begins: &'static str,
    /// Milliseconds.
    pub lifetime: i64,
}

/// A vendor that embeds nothing.
pub fn nothing_embedded(_: &World, _: &Ask, _: &mut Value) -> Result<(), Refusal> {
    Ok(())
}
