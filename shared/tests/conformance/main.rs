//! One suite for every gateway and every system: what it is asked or told and what it makes of each
//! answer and webhook is data (`data/<vendor>.json`), and each case is written once. What is sent and
//! what is answered is held against the vendor's own contract.

mod asks;
mod certificates;
mod compare;
mod data;
mod hooks;
mod laws;
mod notices;
mod orders;
mod sources;
mod system_laws;
mod systems;
mod taken_back;
mod talk;
mod vectors;
mod wire;

use asks::{Came, run, steps};
use compare::differs;
use data::{Data, Known};
use meridian::contract::{Reply, Request};
use serde_json::{Value, json};

/// Holds a case against what came of it; tells what is otherwise.
fn held(known: &Known, case: &Value) -> Vec<String> {
    let problems = |request: &_, reply: Option<&_>| wire::problems(known, request, reply);
    otherwise(known, case, &run(known, case), &problems)
}

/// What is against the contract.
type Problems<'a> = &'a dyn Fn(&Request, Option<&Reply>) -> Vec<String>;

fn otherwise(data: &Data, case: &Value, came: &Came, problems: Problems) -> Vec<String> {
    let mut wrong = differs(&case["end"], &came.end);
    // Where one call is named, all are.
    let calls = steps(case).count();
    let named = steps(case).any(|step| !step["asks"].is_null());
    if named && calls != came.sent.len() {
        let sent = &came.sent;
        wrong.push(format!("{} calls, not {calls}: {sent:#?}", sent.len()));
    }
    for (n, (step, request)) in steps(case).zip(&came.sent).enumerate() {
        let mut expected = step.clone();
        if let Some(step) = expected.as_object_mut() {
            step.remove("answer");
            step.remove("odd");
        }
        wrong.extend(differs(&expected, &wire::shown(request)));
        // An answer that no contract allows is held by no contract.
        let reply = data.reply(&step["answer"]);
        let reply = Some(&reply).filter(|_| !step["answer"].is_null() && step["odd"] != true);
        let problems = problems(request, reply).into_iter();
        wrong.extend(problems.map(|why| format!("call {n}: {why}")));
    }
    wrong
}

/// The cases of a table: the same with a word in its place (`at`), and what that comes to (`into`).
/// Rows are fields, or pairs where what stands there is no text, or, where no place is named, the parts
/// that a case has in place of the table's; of the words of a contract (`file`, `place`) those
/// that stand in no row come to what is said under `else`.
fn rows(case: &Value) -> Vec<(String, Value)> {
    let row = |(word, end): (Value, &Value)| {
        let mut one = case.clone();
        let name = word.as_str().map_or(word.to_string(), String::from);
        match (case["at"].as_str(), case["into"].as_str()) {
            (Some(place), Some(into)) => {
                data::put(&mut one, place, word);
                data::put(&mut one, into, end.clone());
            }
            _ => data::merge(&mut one, end),
        }
        (name, one)
    };
    let fields = case["rows"].as_object().into_iter().flatten();
    let fields = fields.map(|(word, end)| (json!(word), end));
    let pairs = case["rows"].as_array().into_iter().flatten();
    let pairs = pairs.map(|pair| (pair[0].clone(), &pair[1]));
    let named: Vec<_> = fields.chain(pairs).collect();
    // What else the contract lists decides this.
    let listed = match case["else"].is_null() {
        true => vec![],
        false => data::words(case),
    };
    let rest = listed.into_iter().map(|word| (json!(word), &case["else"]));
    let rest = rest.filter(|(word, _)| named.iter().all(|(name, _)| name != word));
    let rest: Vec<_> = rest.collect();
    named.into_iter().chain(rest).map(row).collect()
}

#[track_caller]
fn none(wrong: Vec<String>) {
    assert!(
        wrong.is_empty(),
        "{} otherwise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn each_call_asks_for_what_its_case_says_and_comes_to_that() {
    let mut wrong = vec![];
    for known in data::all() {
        for (name, case) in known.cases("calls") {
            wrong.extend(
                held(&known, &case)
                    .into_iter()
                    .map(|why| format!("{name}: {why}")),
            );
        }
    }
    none(wrong);
}

#[test]
fn each_word_of_an_answer_decides_what_its_table_says() {
    let mut wrong = vec![];
    for known in data::all() {
        for (name, case) in known.cases("tables") {
            for (word, row) in rows(&case) {
                let found = match row["hook"].is_null() {
                    true => held(&known, &row),
                    false => differs(&row["end"], &hooks::read(&known, &row)),
                };
                wrong.extend(found.into_iter().map(|why| format!("{name} {word}: {why}")));
            }
        }
    }
    none(wrong);
}

#[test]
fn each_webhook_says_what_its_case_says() {
    let mut wrong = vec![];
    for known in data::all() {
        for (name, case) in known.cases("hooks") {
            let said = hooks::read(&known, &case);
            let found = differs(&case["end"], &said);
            wrong.extend(found.into_iter().map(|why| format!("{name}: {why}")));
            let delivery = hooks::sent(&known, &case);
            if let Some(contracts) = wire::contracts().filter(|_| case["odd"] != true) {
                let id = hooks::entry(&known, &case).door.source;
                let problems = contracts.check_webhook(id, &delivery.headers, &delivery.body);
                wrong.extend(problems.into_iter().map(|why| format!("{name}: {why}")));
            }
        }
    }
    none(wrong);
}
