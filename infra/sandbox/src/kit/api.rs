//! Calls of a simulated gateway's API: who calls, under which key, which operation it is, and what
//! its request may hold.

use super::engine;
use super::gateway::{Access, Ask, Does, Done, Gateway, Keys, Operation};
use super::oauth;
use super::object::{Kind, Object, Refusal};
use crate::fields;
use crate::wire::{Call, Reply, decode_pairs, nest};
use crate::world::{Repeat, World};
use serde_json::{Value, json};

impl Operation {
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

impl Keys {
    fn of(&self, call: &Call) -> &Keys {
        match self.but {
            Some((end, keys)) if call.path.ends_with(end) => keys,
            _ => self,
        }
    }
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
            let made = engine::new(world, gateway, kind, account, &ask.body);
            let id = engine::make(world, gateway, made);
            let made = gateway.looks.of("made").as_u64().unwrap_or(201);
            ask.shown(world, made as u16, &id)?
        }
        Does::End((kind, from, to)) => {
            let object = ask.named(world, kind)?;
            if !from.contains(&object.state) {
                return Err(ask.state(object));
            }
            let id = object.id.clone();
            engine::become_(world, gateway, &id, to, None);
            ask.shown(world, 200, &id)?
        }
        Does::Act(act) => act(world, &ask)?,
        Does::Open(_) | Does::Token | Does::Read(_) => return Err(Refusal::Because("nowhere")),
    };
    (gateway.embed)(world, &ask, &mut body)?;
    Ok((gateway.answer)(gateway, status, body))
}

/// What a request of this name may hold.
pub fn taken(gateway: &Gateway, name: &str) -> &'static str {
    if name.is_empty() {
        return "";
    }
    request(gateway.requests, name)
}

/// The same, of the text of a vendor's requests.
pub fn request(requests: &'static str, name: &str) -> &'static str {
    let begins = format!("\n{name} = ");
    let found = requests.find(&begins);
    let at = found.unwrap_or_else(|| panic!("there is no request {name}"));
    let text = &requests[at + begins.len()..];
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
    asked(call, takes)
}

/// The same of any vendor.
pub fn asked(call: &Call, takes: &'static str) -> Result<Value, Refusal> {
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
