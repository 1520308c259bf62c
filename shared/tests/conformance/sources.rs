//! Deliveries that prove nothing by themselves and are proven by their vendor's word: each goes back as
//! it came. What names an event whose vendor gives it no id.

use crate::compare::differs;
use crate::data::{self, Known};
use crate::hooks::{self, entry};
use crate::wire;
use meridian::contract::*;
use meridian::vendors;
use serde_json::{Value, json};

fn postback(known: &Known, case: &Value) -> &'static Postback {
    let postback = entry(known, case).postback.as_ref();
    postback.unwrap_or_else(|| panic!("{}: {case} is not posted back", known.id()))
}

/// `postbacks`: what is asked of the vendor about a `hook`, and what each of its `replies` means:
/// whether it sent that, or `null` where it did not say.
#[test]
fn what_is_posted_back_is_the_very_delivery_and_only_the_vendors_word_proves_it() {
    for known in data::all() {
        for (name, case) in known.cases("postbacks") {
            let Postback { ask, verdict } = postback(&known, &case);
            let delivery = hooks::sent(&known, &case);
            let request = ask(&delivery);
            let expected = json!({"asks": case["asks"], "body": case["body"]});
            let wrong = differs(&expected, &wire::shown(&request));
            assert_eq!(wrong, Vec::<String>::new(), "{name}");
            for pair in case["replies"].as_array().into_iter().flatten() {
                let reply = known.reply(&pair[0]);
                let said = verdict(&reply).ok();
                assert_eq!(said, pair[1].as_bool(), "{name}: {}", pair[0]);
                let sound = Some(&reply).filter(|_| said.is_some() && pair[2] != "odd");
                let problems = wire::problems(&known, &request, sound);
                assert_eq!(problems, Vec::<String>::new(), "{name}: {}", pair[0]);
            }
        }
    }
}

/// A form is ASCII: a raw letter of another charset is written as a form would, which is the same
/// value to its vendor.
#[test]
fn a_raw_letter_of_another_charset_goes_back_as_the_same_value() {
    for known in data::all() {
        for (name, case) in known.cases("postbacks") {
            let mut delivery = hooks::sent(&known, &case);
            delivery.body.extend_from_slice(b"&first_name=Zo\xEB");
            let request = (postback(&known, &case).ask)(&delivery);
            let Body::Exact { text, .. } = request.body else {
                panic!("{name}: exact bytes")
            };
            assert!(text.ends_with("&first_name=Zo%EB"), "{name}: {text}");
        }
    }
}

/// `events`: changes of a delivery that leave it the same event (`same`), and those that make another
/// of it (`others`).
#[test]
fn an_event_without_an_id_of_its_own_is_told_apart_by_what_it_says() {
    for known in data::all() {
        for (name, case) in known.cases("events") {
            let id = |changes: &Value| {
                let mut with = case.clone();
                for (place, value) in changes.as_object().into_iter().flatten() {
                    data::put(&mut with, place, value.clone());
                }
                let said = hooks::read(&known, &with)["items"][0]["id"].clone();
                assert!(said.is_string(), "{name} {changes}: {said}");
                said
            };
            let mut seen = vec![id(&json!({}))];
            for same in case["same"].as_array().into_iter().flatten() {
                assert_eq!(id(same), seen[0], "{name} {same}");
            }
            for other in case["others"].as_array().into_iter().flatten() {
                let other = id(other);
                assert!(!seen.contains(&other), "{name} {other}");
                seen.push(other);
            }
        }
    }
}

#[test]
fn a_source_is_found_by_its_name_alone() {
    for known in data::all() {
        let cases = known.cases("hosts").into_iter().map(|(_, case)| case);
        for case in cases.chain([json!({})]) {
            let source = entry(&known, &case).door.source;
            let found = vendors::inbound(source).expect("a source");
            assert_eq!((found.door.source, found.vendor.id), (source, known.id()));
            assert!(vendors::inbound(&source.to_uppercase()).is_none());
        }
    }
    assert!(vendors::inbound("").is_none());
}
