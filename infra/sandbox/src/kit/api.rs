//! Calls of a simulated gateway's API: who calls, under which key, which operation it is, and what
//! its request may hold.

use super::Gateway;
use super::oauth::{self, Tokens};
use super::shelf::{Kind, Object, State};
use crate::fields::{self, Problem};
use crate::wire::{Call, Reply, decode_pairs, nest};
use crate::world::{Repeat, World};
use serde_json::{Value, json};

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

    /// The ids in a path of this operation.
    fn ids(&self, call: &Call) -> Option<Vec<String>> {
        let (method, pattern) = self.call.split_once(' ').expect("a method and a path");
        let given = call.segments();
        let parts: Vec<_> = pattern.split('/').skip(1).collect();
        let more = usize::from(matches!(self.does, Does::Read(_)));
        let lengths = parts.len()..=parts.len() + more;
        if method != call.method || !lengths.contains(&given.len()) {
            return None;
        }
        let mut ids = vec![];
        let parts = parts.into_iter().chain(["{id}"]);
        for (part, given) in parts.zip(given) {
            match part.starts_with('{') {
                true => ids.push(given),
                false if part == given => {}
                false => return None,
            }
        }
        Some(ids)
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

/// Why a call is refused, before the vendor's words for it.
#[derive(Debug)]
pub enum Refusal {
    /// One of the vendor's reasons by its name. Of every vendor: `nobody` (no credentials, or wrong
    /// ones), `nowhere` (no such operation), `format`, `key_reused`, `key_busy`, `other_currency`
    /// (a refund's is not the payment's), `currency`, `low`, `high` and `odd` of amounts, `media`
    /// where it takes one content type, `key_odd` where keys have a length.
    Because(&'static str),
    /// The same with places to fill.
    With(&'static str, Value),
    /// A field is missing, unknown or mistyped.
    Field(Problem),
    /// There is no such object.
    Missing(Kind, String),
    /// The object's state does not allow it.
    State(String),
    /// A refund of more than is left.
    TooMuch { left: i64, currency: String },
}

impl Refusal {
    /// The field of this path, `links.mandate`, is not what was expected, in words.
    pub fn wrong(path: &str, expected: &str) -> Refusal {
        let fault = fields::Fault::Wrong(expected.to_string());
        Refusal::Field(Problem {
            path: path.split('.').map(str::to_string).collect(),
            fault,
            given: String::new(),
        })
    }
}

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

    fn of(&self, call: &Call) -> &Keys {
        match self.but {
            Some((end, keys)) if call.path.ends_with(end) => keys,
            _ => self,
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

impl Access {
    pub fn account(&self, id: &str, world: &World, call: &Call) -> Result<String, Refusal> {
        match self {
            Access::Bearer(begins) => {
                let token = call.bearer().and_then(|token| token.strip_prefix(begins));
                let token = token.filter(|rest| !rest.is_empty() && *rest != "revoked");
                let account = token.map(|rest| format!("{begins}{rest}"));
                account.ok_or(Refusal::Because("nobody"))
            }
            Access::Tokens(tokens) => {
                let client = oauth::client(world, id, tokens, call);
                client.ok_or(Refusal::Because("nobody"))
            }
            Access::Own(account) => account(world, call),
        }
    }
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

pub fn answer(world: &mut World, gateway: &'static Gateway, call: &Call) -> Reply {
    let mut operations = gateway.operations.iter();
    let found = operations.find_map(|operation| Some((operation, operation.ids(call)?)));
    let does = found.as_ref().map(|(operation, _)| &operation.does);
    match (does, &gateway.access) {
        (Some(Does::Open(open)), _) => return open(world, call),
        (Some(Does::Token), Access::Tokens(tokens)) => {
            return oauth::grant(world, gateway, tokens, call);
        }
        _ => {}
    }
    let takes = found.as_ref().map_or("", |(operation, _)| operation.takes);
    let done = keyed(world, gateway, call, found);
    done.unwrap_or_else(|why| refused(gateway, takes, why))
}

fn refused(gateway: &Gateway, takes: &str, why: Refusal) -> Reply {
    let (status, body) = gateway.looks.refusal(takes, &why);
    (gateway.answer)(gateway, status, body)
}

type Found = Option<(&'static Operation, Vec<String>)>;

fn keyed(
    world: &mut World,
    gateway: &'static Gateway,
    call: &Call,
    found: Found,
) -> Result<Reply, Refusal> {
    let account = gateway.access.account(gateway.id, world, call)?;
    for (name, value) in gateway
        .looks
        .of("headers")
        .as_object()
        .into_iter()
        .flatten()
    {
        if call.header(name) != value.as_str() {
            return Err(Refusal::With(
                "header",
                json!({"name": name, "value": value}),
            ));
        }
    }
    let (operation, ids) = found.ok_or(Refusal::Because("nowhere"))?;
    let keys = gateway.keys.as_ref().filter(|_| call.method != "GET");
    let key = keys.and_then(|keys| Some((keys.of(call), call.header(keys.header)?)));
    let Some((keys, key)) = key else {
        return operate(world, gateway, call, &account, (operation, ids));
    };
    let odd = |longest| key.is_empty() || key.len() > longest;
    if keys.longest.is_some_and(odd) {
        return Err(Refusal::Because("key_odd"));
    }
    let same = (keys.same)(call);
    let within = match keys.of_path {
        true => format!("{account} {}", call.path),
        false => account.clone(),
    };
    match world.repeat(gateway.id, &within, key, &same, keys.lifetime) {
        Repeat::Same(reply) => match keys.again {
            Some(again) => {
                let made: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                // One in an envelope is all that the answer holds.
                let id = made["id"]
                    .as_str()
                    .or_else(|| made.as_object()?.values().next()?["id"].as_str());
                let (status, body) = again(world, call, id.unwrap_or(""))?;
                Ok((gateway.answer)(gateway, status, body))
            }
            None => Ok(match keys.marks {
                Some((name, value)) => reply.with(name, value),
                None => *reply,
            }),
        },
        Repeat::OtherParameters => Err(Refusal::Because("key_reused")),
        Repeat::InFlight => Err(Refusal::Because("key_busy")),
        Repeat::First => {
            let reply = operate(world, gateway, call, &account, (operation, ids));
            let reply = reply.unwrap_or_else(|why| refused(gateway, operation.takes, why));
            if (keys.keeps)(&reply) {
                world.keep(gateway.id, &within, key, &same, &reply);
            }
            Ok(reply)
        }
    }
}

fn operate(
    world: &mut World,
    gateway: &'static Gateway,
    call: &Call,
    account: &str,
    (operation, ids): (&Operation, Vec<String>),
) -> Result<Reply, Refusal> {
    let (takes, does) = match (&operation.does, &ids[..]) {
        (Does::Read(kind), []) => ("list", &Does::List(*kind)),
        (Does::Read(kind), _) => ("show", &Does::Show(*kind)),
        (does, _) => (operation.takes, does),
    };
    let body = read(gateway, call, taken(gateway, takes))?;
    let ask = Ask {
        gateway,
        account,
        ids,
        body,
        call,
    };
    let (status, mut body) = match *does {
        Does::Show(kind) => (200, gateway.alone(world, ask.named(world, kind)?)),
        Does::List(kind) => listed(world, &ask, kind)?,
        Does::Make(kind) => {
            let made = super::new(world, gateway, kind, account, &ask.body);
            let id = super::make(world, gateway, made);
            let made = gateway.looks.of("made").as_u64().unwrap_or(201);
            ask.shown(world, made as u16, &id)?
        }
        Does::End((kind, from, to)) => {
            let object = ask.named(world, kind)?;
            if !from.contains(&object.state) {
                return Err(ask.state(object));
            }
            let id = object.id.clone();
            super::become_(world, gateway, &id, to, None);
            ask.shown(world, 200, &id)?
        }
        Does::Act(act) => act(world, &ask)?,
        Does::Open(_) | Does::Token | Does::Read(_) => return Err(Refusal::Because("nowhere")),
    };
    (gateway.embed)(world, &ask, &mut body)?;
    Ok((gateway.answer)(gateway, status, body))
}

/// What a request of this name may hold.
fn taken(gateway: &Gateway, name: &str) -> &'static str {
    if name.is_empty() {
        return "";
    }
    let begins = format!("\n{name} = ");
    let found = gateway.requests.find(&begins);
    let at = found.unwrap_or_else(|| panic!("{} has no request {name}", gateway.id));
    let text = &gateway.requests[at + begins.len()..];
    // Until a line begins with a letter.
    let end = text
        .match_indices('\n')
        .find(|(at, _)| !text[at + 1..].starts_with(' '));
    end.map_or(text, |(at, _)| &text[..at])
}

/// What is asked, held against what may be: a query, a form or JSON.
pub fn read(gateway: &Gateway, call: &Call, takes: &'static str) -> Result<Value, Refusal> {
    let only = gateway.looks.text("takes");
    if !only.is_empty() && !call.body.is_empty() && call.content_type() != only {
        return Err(Refusal::Because("media"));
    }
    let form = "application/x-www-form-urlencoded";
    let (given, form) = match (call.method.as_str(), call.content_type().as_str()) {
        ("GET" | "DELETE", _) if call.body.is_empty() => (nest(&call.pairs()), true),
        (_, kind) if kind == form => (nest(&decode_pairs(&call.body)), true),
        (_, "application/json") => (serde_json::from_slice(&call.body).ok(), false),
        _ if call.body.is_empty() => (Some(json!({})), false),
        _ => return Err(Refusal::Because("format")),
    };
    let given = given.ok_or(Refusal::Because("format"))?;
    let read = fields::read(&given, takes, form);
    read.map_err(|mut problems| Refusal::Field(problems.swap_remove(0)))
}

/// Whether an object is as one parameter of a list asks.
fn fits(object: &Object, shown: &Value, name: &str, asked: &Value) -> bool {
    let own = json!({"customer": object.customer});
    let given = [&shown[name], &shown["links"][name], &own[name]];
    let given = given.into_iter().find(|value| !value.is_null());
    let given = given.unwrap_or(&Value::Null);
    let within = |(bound, than): (&String, &Value)| {
        let order = match (given.as_str(), than.as_str()) {
            (Some(given), Some(than)) => given.cmp(than),
            _ => given.as_i64().cmp(&than.as_i64()),
        };
        match bound.as_str() {
            "gt" => order.is_gt(),
            "gte" => order.is_ge(),
            "lt" => order.is_lt(),
            _ => order.is_le(),
        }
    };
    match asked {
        Value::Object(bounds) => bounds.iter().all(within),
        Value::String(several) => several.split(',').any(|one| given == one),
        asked => given == asked,
    }
}

fn listed(world: &World, ask: &Ask, kind: Kind) -> Done {
    let list = &ask.gateway.list;
    let parent = ask.ids.last().map(|id| {
        let found = world.object(ask.gateway.id, id);
        found
            .filter(|o| o.account == ask.account)
            .map(|o| o.kind)
            .ok_or(id)
    });
    let parent = parent.transpose();
    let parent = parent.map_err(|id| Refusal::Missing(Kind::Customer, id.clone()))?;
    let belongs = |o: &&Object| match parent {
        Some(parent) => o.of(parent) == ask.ids.last().map(String::as_str),
        None => true,
    };
    let filters = list
        .filters
        .iter()
        .filter(|name| !ask.body[**name].is_null());
    let filters: Vec<_> = filters.collect();
    let wanted = |o: &&Object| {
        let shown = (!filters.is_empty()).then(|| ask.gateway.show(world, o));
        let is = |shown| {
            filters
                .iter()
                .all(|name| fits(o, shown, name, &ask.body[**name]))
        };
        shown.as_ref().is_none_or(is)
    };
    let all: Vec<_> = world
        .shown(ask.gateway.id, kind, ask.account)
        .into_iter()
        .filter(belongs)
        .filter(wanted)
        .collect();
    let text = |name: &str| ask.body[name].as_str().map(str::to_string);
    let number = |name: &str| ask.body[name].as_u64().map(|n| n as usize);
    let limit = number(list.limit).unwrap_or(list.usual).min(list.most);
    let start = match text(list.from) {
        Some(from) => all
            .iter()
            .position(|o| o.id == from)
            .map_or(all.len(), |at| at + usize::from(list.behind)),
        None => 0,
    };
    let part = &all[start.min(all.len())..];
    let shown: Vec<_> = part.iter().take(limit).collect();
    let next = match list.behind {
        true => shown
            .last()
            .filter(|_| part.len() > limit)
            .map(|o| o.id.clone()),
        false => part.get(limit).map(|o| o.id.clone()),
    };
    let shown = shown.iter().map(|o| ask.gateway.show(world, o)).collect();
    (list.shown)(world, ask, shown, next)
}
