//! What holds at every system, whatever its data: written once, for all.

use crate::asks::troubled;
use crate::compare::differs;
use crate::notices::{KEY, notification};
use crate::systems::{self, Known, Step, arrived, cases, filed, look, of_step, run};
use crate::talk::{first, heard, talked};
use crate::{none, wire};
use meridian::contract::*;
use meridian::domain::outbox::Topic;
use meridian::vendors;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A step of a topic that a system hears of, as it is usually told.
struct Told {
    /// `payment_received/1`.
    name: String,
    topic: Topic,
    step: &'static Step,
    ask: Notification,
    account: Account,
}

/// The patient's record at the system, where a document names it.
const CONTACT: &str = "bd2270c3-8706-4c11-9cfb-000b551c3f51";

fn all_told(known: &Known, over: &Value) -> Vec<Told> {
    let mut all = vec![];
    for heard in known.system.subscriptions {
        for (n, step) in heard.steps.iter().enumerate() {
            let mut ask = notification(known, heard.topic, n, over);
            if heard.names_contact && ask.contact.is_none() {
                ask.contact = Some(CONTACT.into());
            }
            let topic = serde_json::to_value(heard.topic).expect("a word");
            all.push(Told {
                name: format!("{}/{n}", topic.as_str().expect("a word")),
                topic: heard.topic,
                step,
                ask,
                account: known.account_with(&Value::Null).expect("an account"),
            });
        }
    }
    all
}

impl Told {
    /// What is answered to what it reads before its request: `before`.
    fn before(&self, known: &Known) -> Vec<Reply> {
        let before = known.get("before");
        let replies = of_step(&before, &self.name).as_array();
        let replies = replies.into_iter().flatten();
        replies.map(|answer| known.reply(answer)).collect()
    }

    /// The request that acts.
    fn built(&self, known: &Known) -> Request {
        let request = heard(
            self.step.build,
            &self.ask,
            &self.account,
            &self.before(known),
        );
        request.unwrap_or_else(|why| panic!("{} {}: {why}", known.id(), self.name))
    }

    /// All that it sends, and what is asked after a lost reply.
    fn sent(&self, known: &Known) -> Vec<Request> {
        let before = self.before(known);
        let (mut sent, _) = talked(self.step.build, &self.ask, &self.account, &before);
        assert_eq!(sent.len(), before.len(), "{} {}", known.id(), self.name);
        sent.push(self.built(known));
        sent.extend(look(self.step).map(|look| first(look, &self.ask, &self.account)));
        sent
    }
}

/// `every`: what every request has, and with what its path begins.
#[test]
fn each_step_of_each_topic_fits_its_vendors_contract_and_is_the_same_each_time() {
    for known in systems::all() {
        let every = known.get("every");
        for told in all_told(known, &Value::Null) {
            assert_eq!(
                told.built(known),
                told.built(known),
                "{} {}",
                known.id(),
                told.name
            );
            for request in told.sent(known) {
                let problems =
                    wire::against(known.system.vendor, &told.account, vec![], &request, None);
                assert_eq!(
                    problems,
                    Vec::<String>::new(),
                    "{} {}",
                    known.id(),
                    told.name
                );
                let shown = wire::shown(&request);
                assert!(
                    request
                        .path
                        .starts_with(every["begins"].as_str().unwrap_or("")),
                    "{shown}"
                );
                if every["request"].is_object() {
                    assert_eq!(
                        differs(&every["request"], &shown),
                        Vec::<String>::new(),
                        "{shown}"
                    );
                }
            }
        }
    }
}

/// `numbers`: where a document bears the number by which it is looked for, however long ours is.
#[test]
fn a_document_is_looked_for_by_the_number_that_it_bears() {
    let long = "1".repeat(30);
    let longer = json!({"invoice": long, "note": long, "refund": long, "ids": {"payment": long}});
    for known in systems::all() {
        let places = known.get("numbers");
        for told in [Value::Null, longer.clone()]
            .iter()
            .flat_map(|over| all_told(known, over))
        {
            let Some(place) = places[&told.name].as_str() else {
                continue;
            };
            let shown = wire::shown(&told.built(known));
            let number = shown
                .pointer(place)
                .and_then(Value::as_str)
                .expect("a number");
            let look = look(told.step).expect("it is looked for");
            let asked = first(look, &told.ask, &told.account).query;
            let named = asked.iter().any(|(_, text)| text.contains(number));
            assert!(
                named && !number.is_empty(),
                "{} {}: {asked:?}",
                known.id(),
                told.name
            );
        }
    }
}

/// `key`: where a request bears one, `at` most so long (`longest`): ours, and another for each step.
#[test]
fn a_key_is_ours_and_another_for_each_step_of_one_topic() {
    for known in systems::all() {
        let key = known.get("key");
        let mut seen: Vec<(Topic, String)> = vec![];
        for told in all_told(known, &Value::Null) {
            let name = format!("{} {}", known.id(), told.name);
            if let LostReply::SameKey { key, .. } = &told.step.lost_reply {
                assert!(key.spelled(&told.ask.key).is_ok(), "{name}");
                // A system that is told by webhooks knows a repeat for as long as anything is told.
                let signed = matches!(known.system.vendor.auth, Auth::StandardWebhook(_));
                let known = key.lifetime - key.lifetime / 10;
                assert!(!signed || known > 90 * 86_400, "{name}");
            }
            let Some(place) = key["at"].as_str() else {
                continue;
            };
            let shown = wire::shown(&told.built(known));
            let word = shown.pointer(place).and_then(Value::as_str);
            let word = word.unwrap_or_else(|| panic!("{name}: {shown}")).to_owned();
            let longest = key["longest"].as_u64().expect("at most so long");
            assert!(
                word.starts_with(KEY) && word.len() as u64 <= longest,
                "{name}: {word}"
            );
            assert!(
                !seen.contains(&(told.topic, word.clone())),
                "{name}: {word}"
            );
            seen.push((told.topic, word));
        }
    }
}

/// `lost`: what a lost reply of each step means; so it lists every topic and every step.
#[test]
fn a_lost_reply_of_each_step_means_what_is_written_down() {
    fn words<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> String {
        match lost {
            LostReply::SameKey { key, then } => {
                let how = format!("{:?}, {:?}", key.place, key.spelling);
                format!("{how}, for {} s, then {}", key.lifetime, words(then))
            }
            LostReply::Find { trusted_after, .. } => {
                format!("look, and believe it after {trusted_after} s")
            }
            LostReply::Human => "a person".into(),
        }
    }
    for known in systems::all() {
        let mut lost: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for told in all_told(known, &Value::Null) {
            let steps = lost.entry(words(&told.step.lost_reply)).or_default();
            steps.push(told.name);
        }
        assert_eq!(json!(lost), known.get("lost"), "{}", known.id());
    }
}

// ---- answers -----------------------------------------------------------------------------------

const STATUSES: [u16; 24] = [
    200, 202, 204, 299, 301, 302, 307, 400, 401, 402, 403, 404, 408, 409, 410, 418, 422, 425, 429,
    499, 500, 502, 503, 529,
];

/// Each status with the vendor's own words (`refusal`), a page, nothing and bytes that are no text;
/// those that say when to come back too.
fn answers(known: &Known) -> Vec<(&'static str, String, Reply)> {
    let own = known.reply(&known.get("refusal"));
    let page = vec![("content-type".to_owned(), "text/html".to_owned())];
    let kinds = [
        ("own", own.headers, own.body),
        ("page", page, b" <h1>Request blocked</h1>".to_vec()),
        ("empty", vec![], vec![]),
        ("bytes", vec![], vec![0xff, 0xfe, 0x00]),
    ];
    let mut all = vec![];
    for (kind, headers, body) in kinds {
        for status in STATUSES {
            let (headers, body) = (headers.clone(), body.clone());
            let reply = Reply {
                status,
                headers,
                body,
            };
            if [429, 503].contains(&status) {
                let mut later = reply.clone();
                later.headers.push(("Retry-After".into(), "7".into()));
                all.push((kind, format!("{status}+7"), later));
            }
            all.push((kind, status.to_string(), reply));
        }
    }
    all
}

/// In a word, with how long to wait.
fn word(end: &Value) -> String {
    let name = match end["trouble"].as_str() {
        Some(name) => name,
        None if end.get("filed").is_some() => "filed",
        None if end["found"].is_null() => "not there",
        None => "found",
    };
    match end["why"].as_i64() {
        Some(seconds) => format!("{name} {seconds}"),
        None => name.into(),
    }
}

/// `refusals`: what each step makes of each of these answers, by what it comes to; `429+7` is one that
/// wants to be asked again in seven seconds.
#[test]
fn whatever_is_answered_to_a_step_means_what_is_written_down() {
    let mut wrong = vec![];
    for known in systems::all() {
        let refusals = known.get("refusals");
        for told in all_told(known, &Value::Null) {
            let mut found = json!({});
            for (kind, name, reply) in answers(known) {
                let parse = |reply: &Reply| (told.step.parse)(&told.ask, reply, &told.account);
                // Whatever it is, it panics nowhere.
                drop(parse(&reply));
                let said = known.system.vendor.said(reply);
                let end = said.and_then(|reply| parse(&reply));
                let end = word(&end.map_or_else(troubled, filed));
                let names = found[kind][&end].as_str().unwrap_or_default();
                found[kind][&end] = format!("{names} {name}").trim().into();
            }
            let expected = of_step(&refusals, &told.name);
            if *expected != found {
                let of = format!("{} {}", known.id(), told.name);
                wrong.push(format!("{of}: {found}\nis not {expected}"));
            }
        }
    }
    none(wrong);
}

/// `looks`: the few of these answers that tell a look after a lost reply something; no other does.
#[test]
fn a_look_that_is_refused_says_nothing() {
    let mut wrong = vec![];
    for known in systems::all() {
        let looks = known.get("looks");
        for told in all_told(known, &Value::Null) {
            let Some(look) = look(told.step) else {
                continue;
            };
            let mut found = json!({});
            for (kind, name, reply) in answers(known) {
                let said = known.system.vendor.said(reply);
                let replies = said.map(|reply| [reply]);
                let end =
                    replies.and_then(|replies| heard(look, &told.ask, &told.account, &replies));
                let end = end.map_or_else(troubled, |found| json!({"found": found.map(filed)}));
                if end["trouble"].is_null() {
                    let end = word(&end);
                    let names = found[&end].as_str().unwrap_or_default();
                    found[&end] = format!("{names} {kind} {name}").trim().into();
                }
            }
            let expected = of_step(&looks, &told.name);
            if *expected != found && !(expected.is_null() && found == json!({})) {
                wrong.push(format!(
                    "{} {}: {found}\nis not {expected}",
                    known.id(),
                    told.name
                ));
            }
        }
        if let Some(arrival) = known.system.arrival.yes() {
            let account = known.account_with(&Value::Null).expect("an account");
            for (kind, name, reply) in answers(known) {
                let said = known.system.vendor.said(reply);
                let replies = said.map(|reply| [reply]);
                let end = replies.and_then(|replies| heard(*arrival, "SM1", &account, &replies));
                let end = end.map_or_else(troubled, arrived);
                if end["trouble"].is_null() {
                    wrong.push(format!("{} {kind} {name}: {end}", known.id()));
                }
            }
        }
    }
    none(wrong);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic_and_tell_no_look_anything(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for known in systems::all() {
            for told in all_told(known, &Value::Null) {
                let reply = Reply { status: 200, headers: vec![], body: bytes.clone() };
                drop((told.step.parse)(&told.ask, &reply, &told.account));
                if let Some(look) = look(told.step) {
                    let found = heard(look, &told.ask, &told.account, &[reply]);
                    prop_assert!(found.is_err(), "{} {}", known.id(), told.name);
                }
            }
        }
    }
}

// ---- what is not said --------------------------------------------------------------------------

/// What must stand nowhere: of secrets the whole, of an address its last part, of a document each of
/// its longer lines; and the fields that are no secret and still go only where the transport puts
/// them (`unsaid`).
fn secrets(known: &Known, account: &Account) -> Vec<String> {
    let unsaid = known.get("unsaid");
    let unsaid: Vec<_> = unsaid.as_array().into_iter().flatten().cloned().collect();
    let mut all = vec![];
    for field in known.system.vendor.fields {
        let value = account.secret(field.name);
        match field.kind {
            FieldKind::Secret | FieldKind::SecretThat(_) => all.push(value.to_owned()),
            FieldKind::Address(_) => all.extend(value.rsplit('/').next().map(String::from)),
            FieldKind::Document(_) => {
                let key: Value = serde_json::from_str(value).unwrap_or_default();
                let pem = key["private_key"].as_str().unwrap_or(value).to_owned();
                let lines = pem.lines().filter(|line| line.len() > 30);
                all.extend(lines.map(String::from));
            }
            _ if unsaid.contains(&json!(field.name)) => all.push(value.to_owned()),
            _ => {}
        }
    }
    // What is this short is no secret.
    all.retain(|secret| secret.len() > 3);
    all
}

#[test]
fn no_request_and_no_complaint_holds_a_credential_or_the_patients_address() {
    for known in systems::all() {
        for told in all_told(known, &Value::Null) {
            let secrets = secrets(known, &told.account);
            assert!(!secrets.is_empty(), "{}", known.id());
            for request in told.sent(known) {
                let stored = serde_json::to_string(&request).expect("it is kept");
                let shown = format!("{stored} {request:?} {:?}", told.account);
                let leaked = secrets.iter().find(|secret| shown.contains(*secret));
                assert_eq!(leaked, None, "{} {}", known.id(), told.name);
            }
        }
        for (name, case) in cases(known) {
            let came = run(known, &case);
            let why = [&came.end["why"], &came.end["misfit"]].map(Value::to_string);
            let shown = format!("{why:?} {:?}", came.sent);
            // Also one that is not taken.
            let account = known.account_of(&case["account"], &[]);
            let secrets = account.map(|account| secrets(known, &account));
            let leaked = secrets
                .into_iter()
                .flatten()
                .find(|secret| shown.contains(secret));
            assert_eq!(leaked, None, "{name}");
            for of_patient in ["sam@example.com", "30555444", "Smith", "hush"] {
                assert!(
                    !why.iter().any(|why| why.contains(of_patient)),
                    "{name}: {why:?}"
                );
            }
        }
    }
}

/// `names`: which systems file a name that the clinic shares. The others need none.
#[test]
fn who_needs_no_address_and_no_name_is_told_without() {
    for known in systems::all() {
        let over = json!({"customer": {"name": "Juniper Vale"}, "contact": null});
        for told in all_told(known, &over) {
            let stored: Vec<_> = told.sent(known).iter().map(wire::shown).collect();
            let stored = json!(stored).to_string();
            let found = [
                stored.contains("sam@example.com"),
                stored.contains("30555444"),
                stored.contains("Juniper"),
            ];
            let channel = known.system.channel;
            let names = known.get("names") == true;
            assert_eq!(
                found,
                [
                    channel == Channel::PatientEmail,
                    channel == Channel::PatientText,
                    found[2] && names
                ],
                "{} {}",
                known.id(),
                told.name
            );
        }
    }
}

// ---- what is heard -----------------------------------------------------------------------------

#[test]
fn every_system_hears_of_a_topic_once_and_only_after_what_it_hears_of_itself() {
    for system in vendors::systems() {
        let id = system.vendor.id;
        let all = system.subscriptions.iter();
        let topics: Vec<_> = all.map(|heard| heard.topic).collect();
        for subscription in system.subscriptions {
            let same = topics.iter().filter(|topic| **topic == subscription.topic);
            assert_eq!(same.count(), 1, "{id} {:?}", subscription.topic);
            let after = subscription.depends_on.topic();
            assert!(after.is_none_or(|after| topics.contains(&after)), "{id}");
            assert!(!subscription.steps.is_empty(), "{id}");
        }
        assert!(vendors::system(id).is_some());
    }
}

#[test]
fn every_message_to_a_patient_can_be_looked_at_after_it_was_sent() {
    for system in vendors::systems() {
        let to_patient = matches!(system.channel, Channel::PatientEmail | Channel::PatientText);
        let id = system.vendor.id;
        assert_eq!(system.arrival.yes().is_some(), to_patient, "{id}");
    }
}

#[test]
fn that_a_refund_failed_concerns_only_who_was_told_that_it_was_paid() {
    // Staff and records are told whatever happened, a practice system of no money.
    use Channel::{Practice, Records, Staff};
    let all = |system: &&System| matches!(system.channel, Staff | Records | Practice);
    for system in vendors::systems().filter(|system| !all(system)) {
        let id = system.vendor.id;
        let mut subscriptions = system.subscriptions.iter();
        let failed = subscriptions.find(|heard| heard.topic == Topic::RefundFailed);
        let after = failed.map(|heard| heard.depends_on);
        assert_eq!(after, Some(DependsOn::TakesBack(Topic::RefundPaid)), "{id}");
    }
}

/// `found`: the answer to a look that lists nothing, and what that says.
#[test]
fn a_look_that_lists_nothing_says_that_it_is_not_there() {
    for known in systems::all() {
        let nothing = known.get("nothing");
        for told in all_told(known, &Value::Null) {
            let (Some(look), answer) = (look(told.step), of_step(&nothing, &told.name)) else {
                continue;
            };
            let reply = known.reply(&answer["answer"]);
            let end = heard(look, &told.ask, &told.account, &[reply]);
            let end = end.map_or_else(troubled, |found| json!({"found": found.map(filed)}));
            let name = format!("{} {}", known.id(), told.name);
            assert_eq!(
                differs(&answer["end"], &end),
                Vec::<String>::new(),
                "{name}"
            );
            assert!(!answer["end"].is_null(), "{name}: nothing is written down");
        }
    }
}
