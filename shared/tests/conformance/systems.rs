//! What is asked of a system and what it makes of each answer, as cases of its data:
//!
//! `{"test", "do", "topic", "step", "ask", "account", "talk", "end"}`. What is done is a `step` where
//! nobody says otherwise: what it reads first, its request, what its answer comes to (`filed`, or a
//! `trouble`). `find` is the look after a lost reply, `arrival` asks for the message `id`, `contact
//! find` and `contact make` for the patient's record, `poll` a portion of a `list`, `patient` who the
//! patient `id` is. `skips` and `hears` say which steps and topics are left, `account` whether its
//! fields are taken, `vendor` where its calls go, `states` what it signs, `own error` whose word a
//! refusal is.

use crate::asks::{Came, steps, troubled};
use crate::data::{self, Data, merge};
use crate::notices::{notification, of_words};
use crate::talk::talked;
use crate::{none, otherwise, rows, wire};
use meridian::contract::*;
use meridian::domain::outbox::Topic;
use meridian::vendors;
use serde_json::{Map, Value, json};
use std::ops::Deref;
use std::sync::OnceLock;

/// What is known of a system.
pub struct Known {
    pub system: &'static System,
    data: Data,
}

impl Deref for Known {
    type Target = Data;

    fn deref(&self) -> &Data {
        &self.data
    }
}

pub type Step = Effect<Notification, ExternalId>;

/// Every system of the registry; each has data, which is read once.
pub fn all() -> &'static [Known] {
    static ALL: OnceLock<Vec<Known>> = OnceLock::new();
    let known = |system: &'static System| {
        let id = system.vendor.id;
        let data = Data::of(id).unwrap_or_else(|| panic!("no {}", data::file(id).display()));
        Known { system, data }
    };
    ALL.get_or_init(|| vendors::systems().map(known).collect())
}

impl Known {
    /// Its account, with these fields in place of the usual ones.
    pub fn account_with(&self, over: &Value) -> Result<Account, String> {
        self.account_of(over, self.system.vendor.fields)
    }

    /// As far as it is checked by these fields.
    pub fn account_of(&self, over: &Value, declared: &[Field]) -> Result<Account, String> {
        let mut fields = self.get("account");
        if over.is_object() {
            merge(&mut fields, over);
        }
        Account::load(declared, data::fields_of(&fields))
    }

    pub fn subscription(&self, topic: Topic) -> &'static Subscription {
        let mut all = self.system.subscriptions.iter();
        let found = all.find(|subscription| subscription.topic == topic);
        found.unwrap_or_else(|| panic!("{} does not hear of {topic:?}", self.id()))
    }
}

/// How a lost reply is looked up, at last.
pub fn look(step: &Step) -> Option<Read<Notification, Option<ExternalId>>> {
    match step.lost_reply.at(i64::MAX) {
        LostReply::Find { look, .. } => Some(*look),
        _ => None,
    }
}

/// Does what a case says, with its replies.
pub fn run(known: &Known, case: &Value) -> Came {
    let answered = steps(case).filter(|step| step.get("answer").is_some());
    let replies: Vec<_> = answered.map(|step| known.reply(&step["answer"])).collect();
    // No answer is longer than what is read of one.
    assert!(
        replies
            .iter()
            .all(|reply| reply.body.len() < 4 * 1024 * 1024)
    );
    let does = case["do"].as_str().unwrap_or("step");
    let checked: &[Field] = match case["unchecked"] == true {
        true => &[],
        false => known.system.vendor.fields,
    };
    let account = match known.account_of(&case["account"], checked) {
        Ok(account) => account,
        Err(why) => return Came::of(vec![], json!({"misfit": why})),
    };
    match does {
        "step" | "find" | "contact find" | "contact make" | "skips" => {
            told(known, case, does, &account, &replies)
        }
        "arrival" => {
            let read = *known.system.arrival.yes().expect("it is asked");
            let id = case["id"].as_str().expect("a message");
            let (sent, said) = talked(read, id, &account, &replies);
            Came::of(sent, said.map_or_else(troubled, arrived))
        }
        "poll" => portion(known, case, &account, &replies),
        "patient" => {
            let faces = vendors::polls_of(known.id()).next().expect("lists").0;
            let read = faces.patient.expect("it is asked who a patient is");
            let id = case["id"].as_str().expect("a patient");
            let (sent, person) = talked(read, id, &account, &replies);
            let end = person.map_or_else(
                troubled,
                |who| json!({"person": {"name": who.name, "email": who.email, "phone": who.phone}}),
            );
            Came::of(sent, end)
        }
        _ => Came::of(vec![], stands(known, does, &account, &replies)),
    }
}

fn told(known: &Known, case: &Value, does: &str, account: &Account, replies: &[Reply]) -> Came {
    let topic: Topic = match case["topic"].is_null() {
        true => known.system.subscriptions[0].topic,
        false => of_words(&case["topic"]),
    };
    let n = case["step"].as_u64().unwrap_or(0) as usize;
    let ask = notification(known, topic, n, &case["ask"]);
    let heard = known.subscription(topic);
    let contact = || known.system.contact.yes().expect("it keeps contacts");
    let looked = |read: Read<Notification, Option<ExternalId>>| {
        let (sent, found) = talked(read, &ask, account, replies);
        Came::of(
            sent,
            found.map_or_else(troubled, |found| json!({"found": found.map(filed)})),
        )
    };
    match does {
        "step" => acted(&heard.steps[n], &ask, account, replies),
        "find" => looked(look(&heard.steps[n]).expect("it is looked for")),
        "contact find" => looked(contact().find),
        "contact make" => {
            let (sent, made) = talked(contact().make, &ask, account, replies);
            Came::of(sent, made.map_or_else(troubled, filed))
        }
        _ => {
            let all = 0..heard.steps.len();
            let skipped: Vec<_> = all.map(|step| (heard.skips)(&ask, step)).collect();
            Came::of(vec![], json!({"skips": skipped}))
        }
    }
}

/// Reads what it depends on, then the one request that acts: the last reply is to that.
pub fn acted(step: &Step, ask: &Notification, account: &Account, replies: &[Reply]) -> Came {
    let (mut sent, request) = talked(step.build, ask, account, replies);
    let end = match (request, replies.get(sent.len())) {
        (Err(trouble), _) => troubled(trouble),
        (Ok(request), reply) => {
            sent.push(request);
            match reply {
                Some(reply) => (step.parse)(ask, reply, account).map_or_else(troubled, filed),
                None => json!({"sent": true}),
            }
        }
    };
    Came::of(sent, end)
}

pub fn filed(id: ExternalId) -> Value {
    json!({"filed": id.0})
}

pub fn arrived(is: Arrival) -> Value {
    let (name, why) = match is {
        Arrival::Arrived => ("arrived", None),
        Arrival::UnderWay => ("under_way", None),
        Arrival::Lost(why) => ("lost", Some(why)),
        Arrival::Unwanted => ("unwanted", None),
    };
    json!({"arrival": name, "why": why})
}

/// Of an account as such.
fn stands(known: &Known, does: &str, account: &Account, replies: &[Reply]) -> Value {
    let (system, vendor) = (known.system, known.system.vendor);
    match does {
        "account" => json!({"misfit": null}),
        "hears" => {
            let topics = system.subscriptions.iter().map(|heard| heard.topic);
            let heard: Vec<_> = topics
                .filter(|topic| (system.hears)(account, *topic))
                .collect();
            json!({"hears": heard})
        }
        "own error" => json!({"own": (vendor.own_error)(&replies[0])}),
        "states" => {
            let Auth::OAuth(OAuth {
                grant: Grant::Assertion(states),
                ..
            }) = &vendor.auth
            else {
                panic!("{} signs nothing", known.id());
            };
            let stated = states(account, 1_000);
            stated.map_or_else(troubled, |stated| {
                json!({"claims": stated.claims, "key_id": stated.key_id, "key": stated.key})
            })
        }
        "vendor" => {
            let headers = (vendor.headers)(account).into_iter();
            let headers: Map<_, _> = headers.map(|(n, v)| (n.to_owned(), v.into())).collect();
            // Of its kind the name alone.
            let kind = |field: &Field| format!("{:?}", field.kind).replace('(', " ");
            let kind = |field: &Field| kind(field).split(' ').next().map(String::from);
            let of = |field: &Field| json!({"kind": kind(field), "needed": field.needed});
            let fields = vendor.fields.iter();
            let fields: Map<_, _> = fields.map(|f| (f.name.to_owned(), of(f))).collect();
            json!({"host": wire::host(vendor, account), "headers": headers,
                "auth": auth(&vendor.auth), "fields": fields})
        }
        other => panic!("{other} is nothing that is done"),
    }
}

fn auth(auth: &Auth) -> Value {
    match auth {
        Auth::Bearer(_) => json!("bearer"),
        Auth::Basic { .. } => json!("basic"),
        Auth::Headers(_) => json!("headers"),
        Auth::InBody(_) => json!("body"),
        Auth::OAuth(oauth) => {
            let host = match oauth.host {
                Host::One(host) => host,
                _ => "another for each account",
            };
            json!({"host": host, "path": oauth.path, "refreshes": oauth.grant.refreshes()})
        }
        Auth::InAddress => json!("address"),
        Auth::StandardWebhook(field) => json!({"signs": field}),
        Auth::Open => json!("open"),
    }
}

/// Of the list that the case names.
fn portion(known: &Known, case: &Value, account: &Account, replies: &[Reply]) -> Came {
    let name = case["list"].as_str().expect("a list");
    let mut lists = vendors::polls_of(known.id()).map(|(_, poll)| poll);
    let poll = lists.find(|poll| poll.name == name).expect("a list of it");
    let of = |field: &str, usual: &str| {
        let text = case["window"][field].as_str().unwrap_or(usual);
        text.parse().expect("a time")
    };
    let window = Window {
        from: of("from", "2026-11-21T00:00:00.5Z"),
        until: of("until", "2026-11-22T00:00:00Z"),
        after: case["window"]["after"].as_str().map(String::from),
    };
    let (sent, read) = talked(poll.read, &window, account, replies);
    let end = read.map_or_else(troubled, |portion| {
        let items = portion.items.iter().map(item).collect::<Vec<_>>();
        json!({"next": portion.next, "items": items})
    });
    Came::of(sent, end)
}

fn item(item: &Item) -> Value {
    let mut shown = json!({"id": item.id, "name": item.name});
    match &item.notice {
        Err(why) => shown["unreadable"] = json!(why.0),
        Ok(Notice::Visit(visit)) => {
            shown["visit"] = json!({"id": visit.id, "of_type": visit.of_type, "patient": visit.patient,
                "starts_at": visit.starts_at, "stands": visit.stands, "site": visit.site,
                "practitioner": visit.practitioner, "at": visit.at});
        }
        Ok(other) => shown["notice"] = json!(format!("{other:?}")),
    }
    shown
}

/// What a case may have; any other word would say nothing.
const WORDS: [&str; 19] = [
    "test",
    "do",
    "topic",
    "step",
    "ask",
    "account",
    "unchecked",
    "id",
    "list",
    "window",
    "talk",
    "end",
    "at",
    "into",
    "rows",
    "same",
    "others",
    "longest",
    "plain",
];

fn held(known: &Known, case: &Value) -> Vec<String> {
    let words = case.as_object().into_iter().flatten();
    let odd: Vec<_> = words
        .filter(|(word, _)| !WORDS.contains(&&***word))
        .collect();
    let says = case["end"].as_object().is_some_and(|end| !end.is_empty());
    assert!(odd.is_empty() && says, "{case}: what does it say?");
    let account = known.account_with(&case["account"]);
    let problems = |request: &_, reply: Option<&_>| match &account {
        Ok(account) => wire::against(known.system.vendor, account, vec![], request, reply),
        Err(_) => vec![],
    };
    otherwise(known, case, &run(known, case), &problems)
}

/// Every case of a system with those of its tables, each with its words.
pub fn cases(known: &Known) -> Vec<(String, Value)> {
    let mut all = known.cases("cases");
    for (name, case) in known.cases("tables") {
        let rows = rows(&case).into_iter();
        all.extend(rows.map(|(word, row)| (format!("{name} {word}"), row)));
    }
    all
}

#[test]
fn whatever_a_system_is_told_it_does_what_its_case_says_and_comes_to_that() {
    let mut wrong = vec![];
    for known in all() {
        for (name, case) in cases(known) {
            let found = held(known, &case).into_iter();
            wrong.extend(found.map(|why| format!("{name}: {why}")));
        }
    }
    none(wrong);
}

/// `alike`: changes of a case that leave what stands at a place as it is (`same`), and those that make
/// another of it (`others`), each other than all before; none is longer than `longest`.
#[test]
fn what_tells_one_thing_from_another_is_the_same_for_the_same_alone() {
    for known in all() {
        for (name, case) in known.cases("alike") {
            let at = |changes: &Value| {
                let mut with = case.clone();
                for (place, value) in changes.as_object().into_iter().flatten() {
                    data::put(&mut with, place, value.clone());
                }
                let came = run(known, &with);
                let sent: Vec<_> = came.sent.iter().map(wire::shown).collect();
                let place = with["at"].as_str().expect("a place");
                let shown = json!({"sent": sent, "end": came.end});
                let word = shown
                    .pointer(place)
                    .and_then(Value::as_str)
                    .map(String::from);
                let word = word.unwrap_or_else(|| panic!("{name} {changes}: {shown}"));
                let longest = case["longest"].as_u64().unwrap_or(u64::MAX);
                assert!(
                    (1..=longest).contains(&(word.len() as u64)),
                    "{name}: {word}"
                );
                let plain = |c: char| c.is_alphanumeric() || " ()".contains(c);
                assert!(
                    case["plain"] != true || word.chars().all(plain),
                    "{name}: {word}"
                );
                word
            };
            let mut seen = vec![at(&json!({}))];
            for same in case["same"].as_array().into_iter().flatten() {
                assert_eq!(at(same), seen[0], "{name} {same}");
            }
            for other in case["others"].as_array().into_iter().flatten() {
                let word = at(other);
                assert!(!seen.contains(&word), "{name} {other}: {word}");
                seen.push(word);
            }
        }
    }
}

/// Of a step, by its topic and number, or what counts for all others (`else`).
pub fn of_step<'a>(all: &'a Value, name: &str) -> &'a Value {
    match all.get(name) {
        Some(own) => own,
        None => &all["else"],
    }
}
