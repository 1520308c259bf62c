//! What holds at every gateway, whatever its data: written once, for all.

use crate::asks::{self, charge, checkout, refunded, run, steps, troubled};
use crate::compare::differs;
use crate::data::{self, Known};
use crate::hooks::{self, NOW, Signs, inbound};
use crate::talk::{heard, talked};
use crate::wire;
use meridian::contract::*;
use meridian::domain::fact::Fact;
use meridian::words::money::{Currency, Money};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What stands where a word is that nobody knows.
const ODD: &str = "Juniper Vale";

/// The first case that does this.
fn first(known: &Known, does: &str) -> Option<Value> {
    let cases = known.cases("calls").into_iter();
    let mut fit = cases
        .map(|(_, case)| case)
        .filter(|case| case["do"] == does);
    fit.next()
}

// ---- what is offered is shown ------------------------------------------------------------------

#[test]
fn whatever_a_gateway_offers_stands_in_its_cases_with_a_good_end_and_a_refusal() {
    let mut missing = vec![];
    for known in data::all() {
        let gateway = known.gateway;
        let opening = gateway.checkout.yes();
        let pressed = opening.is_some_and(|opening| opening.press.is_some());
        let offered = [
            ("checkout", opening.is_some() && !pressed),
            ("press", pressed),
            ("charge", gateway.charge.yes().is_some()),
            ("complete", gateway.complete.yes().is_some()),
            ("refund", gateway.refund.yes().is_some()),
            ("close", gateway.close.yes().is_some()),
            ("lookup", gateway.lookup.yes().is_some()),
        ];
        for (does, _) in offered.into_iter().filter(|(_, yes)| *yes) {
            let cases = known.cases("calls");
            let ends: Vec<_> = cases
                .iter()
                .filter(|(_, case)| case["do"] == does)
                .map(|(_, case)| case["end"]["trouble"].is_null())
                .collect();
            for (good, words) in [(true, "succeeds"), (false, "is refused")] {
                if !ends.contains(&good) {
                    missing.push(format!("{}: no case in which {does} {words}", known.id()));
                }
            }
        }
        let shows = gateway.lookup.yes().is_some() && gateway.shows_payments;
        for (kind, needed) in [("hooks", gateway.webhook.yes().is_some()), ("parts", shows)] {
            if needed && known.cases(kind).is_empty() {
                missing.push(format!("{}: none of its {kind}", known.id()));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_lost_reply_means_what_is_written_down() {
    fn of<Ask>(effect: &Offer<Effect<Ask, Vec<Fact>>>) -> Value {
        fn words<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> String {
            match lost {
                LostReply::SameKey { key, then } => {
                    let place = format!("{:?}", key.place);
                    format!("{place} for {} s, then {}", key.lifetime, words(then))
                }
                LostReply::Find { trusted_after, .. } => {
                    format!("look, and believe it after {trusted_after} s")
                }
                LostReply::Human => "a person".into(),
            }
        }
        effect
            .yes()
            .map_or(Value::Null, |effect| words(&effect.lost_reply).into())
    }
    for known in data::all() {
        let gateway = known.gateway;
        let lost = json!({"charge": of(&gateway.charge), "complete": of(&gateway.complete),
            "refund": of(&gateway.refund)});
        assert_eq!(lost, known.get("lost"), "{}", known.id());
    }
}

#[test]
fn every_key_that_we_make_is_one_that_the_vendor_takes() {
    fn of<Ask, Answer>(effect: &Offer<Effect<Ask, Answer>>) -> Option<&Key> {
        match &effect.yes()?.lost_reply {
            LostReply::SameKey { key, .. } => Some(key),
            _ => None,
        }
    }
    for known in data::all() {
        let gateway = known.gateway;
        let opening = gateway.checkout.yes().and_then(|open| open.key.as_ref());
        let keys = [
            opening,
            of(&gateway.charge),
            of(&gateway.complete),
            of(&gateway.refund),
            of(&gateway.close),
        ];
        for key in keys.into_iter().flatten() {
            let spelled = key.spelled(&format!("{}-page-3", data::payment()));
            assert!(spelled.is_ok(), "{}: {spelled:?}", known.id());
        }
    }
}

/// `behaves`: what the books are told of a gateway as such.
#[test]
fn what_a_gateway_does_by_nature_is_what_is_written_down() {
    for known in data::all() {
        let gateway = known.gateway;
        let key = gateway.checkout.yes().and_then(|open| open.key.as_ref());
        let found = json!({"moves": gateway.moves, "late_failures": gateway.late_failures,
            "page_stays": gateway.page_stays,
            "opens_under": key.map(|key| format!("{:?}", key.place)),
            "opens_for": key.map(|key| key.lifetime),
            "keys_are": key.map(|key| format!("{:?}", key.spelling))});
        let expected = known.get("behaves");
        if !expected.is_null() {
            assert_eq!(
                differs(&expected, &found),
                Vec::<String>::new(),
                "{}",
                known.id()
            );
        }
    }
}

/// `hosts`: where the calls of an account go, and the headers that go with each; those of another
/// `source` may go elsewhere, and without its credentials (`open`).
#[test]
fn an_accounts_calls_go_to_the_host_of_its_keys() {
    for known in data::all() {
        for (name, case) in known.cases("hosts") {
            let vendor = match case["source"].is_null() {
                true => known.gateway.vendor,
                false => hooks::entry(&known, &case).vendor,
            };
            let account = data::account(&case["account"]);
            let host = match &vendor.host {
                Host::One(host) => (*host).to_owned(),
                Host::From(of) => of(&account),
                Host::Granted | Host::Told(_) => continue,
            };
            let headers = (vendor.headers)(&account).into_iter();
            let headers: serde_json::Map<_, _> = headers
                .map(|(header, value)| (header.to_owned(), value.into()))
                .collect();
            let open = matches!(vendor.auth, Auth::Open);
            let found = json!({"host": host, "headers": headers, "open": open});
            assert_eq!(
                differs(&case["end"], &found),
                Vec::<String>::new(),
                "{name}"
            );
        }
    }
}

// ---- answers -----------------------------------------------------------------------------------

type Parse = Box<dyn Fn(&Reply) -> Result<(), Trouble>>;

/// Each call that moves money, as a function of its reply alone.
fn parses(known: &Known) -> Vec<(&'static str, Parse)> {
    let gateway = known.gateway;
    let mut all: Vec<(&'static str, Parse)> = vec![];
    if let (Some(effect), Some(case)) = (gateway.charge.yes(), first(known, "charge")) {
        let (ask, account) = (charge(known, &case), known.account());
        all.push((
            "charge",
            Box::new(move |r| (effect.parse)(&ask, r, &account).map(drop)),
        ));
    }
    if let (Some(effect), Some(case)) = (gateway.refund.yes(), first(known, "refund")) {
        let (ask, account) = (refunded(&case), known.account());
        all.push((
            "refund",
            Box::new(move |r| (effect.parse)(&ask, r, &account).map(drop)),
        ));
    }
    all
}

#[test]
fn a_page_of_something_in_between_is_never_a_refusal() {
    for known in data::all() {
        for (does, parse) in parses(&known) {
            for status in [
                400, 402, 404, 405, 408, 409, 413, 422, 499, 500, 502, 503, 504,
            ] {
                let reply = Reply {
                    status,
                    headers: vec![("content-type".into(), "text/html".into())],
                    body: b"<h1>Request blocked</h1>".into(),
                };
                // What the vendor did not say is unclear before any adapter reads it.
                let said = known
                    .gateway
                    .vendor
                    .said(reply)
                    .and_then(|reply| parse(&reply));
                let trouble = said.expect_err("a page is no answer");
                let name = known.id();
                assert!(
                    trouble.may_have_happened(),
                    "{name} {does} {status}: {trouble}"
                );
            }
        }
    }
}

/// Every place of a value, as JSON pointers.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, inner)| places(inner, &format!("{here}/{name}"), all)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, inner)| places(inner, &format!("{here}/{n}"), all)),
        _ => {}
    }
    all.push(here.to_owned());
}

/// The value with something else at each of its places, one at a time.
fn spoilt(value: &Value) -> Vec<Value> {
    let mut all = vec![];
    places(value, "", &mut all);
    let spoil = |place: &String| {
        [json!(ODD), json!({ODD: 1}), json!([ODD]), json!(7)].map(|odd| {
            let mut other = value.clone();
            *other.pointer_mut(place).expect("it is there") = odd;
            other
        })
    };
    all.iter().flat_map(spoil).collect()
}

#[test]
fn a_complaint_names_the_field_and_never_what_stood_in_it() {
    for known in data::all() {
        for (name, case) in known.cases("calls") {
            for (n, step) in steps(&case).enumerate() {
                let document = if step["answer"]["body"].is_null() {
                    "answer"
                } else {
                    "answer/body"
                };
                let answer = step.pointer(&format!("/{document}")).expect("an answer");
                for other in spoilt(answer) {
                    let mut odd = case.clone();
                    data::put(&mut odd, &format!("/talk/{n}/{document}"), other);
                    let end = run(&known, &odd).end;
                    let complaint = [&end["why"], &end["complaints"]];
                    let told = complaint
                        .iter()
                        .any(|said| said.to_string().contains("Juniper"));
                    // A vendor's own words of a refusal are repeated to staff.
                    let refusal = ["rejected", "stale", "credentials", "exists", "gone"];
                    let refusal = refusal.iter().any(|name| end["trouble"] == *name);
                    assert!(!told || refusal, "{name}: {end}");
                }
            }
        }
        for (name, case) in known.cases("hooks") {
            for other in spoilt(&case["hook"]).into_iter().filter(Value::is_object) {
                let delivery = hooks::delivery(&[], &hooks::body(&json!({"hook": other})));
                let entry = hooks::entry(&known, &case);
                let said = hooks::said(entry, &known.hooks(), &delivery, true);
                let items = said["items"].as_array().into_iter().flatten();
                let mut complaints: Vec<_> =
                    items.map(|item| item["unreadable"].to_string()).collect();
                complaints.push(said["unreadable"].to_string());
                let told = complaints.iter().find(|said| said.contains("Juniper"));
                assert_eq!(told, None, "{name}");
            }
        }
    }
}

/// A look-up that shows a payment and what happened to it is read part by part.
#[test]
fn a_part_that_cannot_be_read_hides_no_other() {
    for known in data::all() {
        for (name, case) in known.cases("parts") {
            let sound = run(&known, &case).end;
            let all = sound["facts"]
                .as_array()
                .unwrap_or_else(|| panic!("{name}: {sound}"));
            assert_eq!(sound["unread"], 0, "{name}");
            for place in case["parts"].as_array().into_iter().flatten() {
                let mut odd = case.clone();
                data::put(&mut odd, place.as_str().expect("a pointer"), ODD.into());
                let told = run(&known, &odd).end;
                assert_eq!(told["unread"], 1, "{name} {place}: {told}");
                let kept = told["facts"].as_array().cloned().unwrap_or_default();
                assert_eq!(kept.len() + 1, all.len(), "{name} {place}");
                let same = kept.iter().all(|fact| all.contains(fact));
                assert!(same, "{name} {place}: the others are as they were");
            }
        }
    }
}

#[test]
fn a_look_up_of_which_nothing_can_be_read_tells_nothing() {
    for known in data::all() {
        for (name, case) in known.cases("parts") {
            for body in [json!([]), json!("<html>"), json!({}), json!(null)] {
                let mut odd = case.clone();
                for step in odd["talk"].as_array_mut().into_iter().flatten() {
                    step["answer"] = json!({"status": 200, "body": body});
                }
                let told = run(&known, &odd).end;
                assert_eq!(told["trouble"], "unreadable", "{name} {body}: {told}");
            }
        }
    }
}

// ---- requests ----------------------------------------------------------------------------------

/// What of an account nobody else may see, and what of it no request may hold.
fn secrets(known: &Known) -> Vec<String> {
    let fields = known.gateway.vendor.fields.iter();
    let secret = fields.filter(|field| matches!(field.kind, FieldKind::Secret));
    let account = known.account();
    let values = secret.map(|field| account.secret(field.name).to_owned());
    values.filter(|value| !value.is_empty()).collect()
}

#[test]
fn no_request_account_or_trouble_shows_a_secret() {
    for known in data::all() {
        let secrets = secrets(&known);
        assert!(
            !secrets.is_empty(),
            "{}: an account without secrets",
            known.id()
        );
        let hides = |what: &str, shown: String| {
            let found = secrets.iter().find(|secret| shown.contains(*secret));
            assert_eq!(found, None, "{}: {what}", known.id());
        };
        hides(
            "its account",
            format!("{:?} {:?}", known.account(), known.hooks()),
        );
        for (name, case) in known.cases("calls") {
            let came = run(&known, &case);
            hides(&name, format!("{:?} {}", came.sent, came.end));
            for request in &came.sent {
                hides(&name, serde_json::to_string(request).expect("it is kept"));
            }
        }
    }
}

#[test]
fn an_amount_in_every_currency_that_the_vendor_takes_is_asked_for_and_given_back() {
    for known in data::all() {
        let currencies = known.get("currencies");
        let currencies = currencies.as_str().expect("its currencies");
        for code in currencies.split(' ') {
            let currency = Currency::read(code).unwrap_or_else(|| panic!("{code}"));
            // Whole units of any exponent, and a multiple of what some vendors round to.
            let amount = Money::new(123_000, currency);
            if let Some(opening) = known.gateway.checkout.yes() {
                let ask = Checkout {
                    amount,
                    ..checkout(&json!({}))
                };
                let account = known.account();
                let sent = match opening.press {
                    Some(press) => talked(press, &ask, &account, &[]).0,
                    None => talked(opening.open, &ask, &account, &[]).0,
                };
                let request = sent
                    .first()
                    .unwrap_or_else(|| panic!("{} {code}", known.id()));
                let problems = wire::problems(&known, request, None);
                assert_eq!(problems, Vec::<String>::new(), "{} {code}", known.id());
            }
            let (Some(effect), Some(case)) = (known.gateway.refund.yes(), first(&known, "refund"))
            else {
                continue;
            };
            let ask = Refund {
                amount,
                total_refunded: amount,
                ..refunded(&case)
            };
            let (read, request) = talked(effect.build, &ask, &known.account(), &[]);
            if read.is_empty() {
                let request = request.unwrap_or_else(|why| panic!("{} {code}: {why}", known.id()));
                let problems = wire::problems(&known, &request, None);
                assert_eq!(problems, Vec::<String>::new(), "{} {code}", known.id());
            }
        }
    }
}

// ---- words of the contracts --------------------------------------------------------------------

/// `words`: each says which call or webhook, where its word stands (`at`), and which words the
/// contract has (`file` and `place`, or `list` where it tells them in prose); `refused` those that
/// are put before people, and `open`, of refusals, those that leave open what came of the call.
#[test]
fn every_status_and_event_name_of_the_contract_is_mapped_or_refused_by_name() {
    for known in data::all() {
        for (name, case) in known.cases("words") {
            for word in data::words(&case) {
                let mut with = case.clone();
                data::put(
                    &mut with,
                    case["at"].as_str().expect("where"),
                    word.clone().into(),
                );
                // What else is so with words that begin alike.
                for (begins, also) in case["also"].as_object().into_iter().flatten() {
                    for (place, value) in also
                        .as_object()
                        .into_iter()
                        .flatten()
                        .filter(|_| word.starts_with(begins))
                    {
                        data::put(&mut with, place, value.clone());
                    }
                }
                let refused = case["refused"]
                    .as_array()
                    .is_some_and(|all| all.contains(&json!(word)));
                let unread = unread(&known, &with);
                assert_eq!(unread.is_some(), refused, "{name}: {word}: {unread:?}");
                if let Some(open) = case["open"].as_array() {
                    let end = run(&known, &with).end;
                    assert_eq!(end["open"], open.contains(&json!(word)), "{name}: {word}");
                }
            }
        }
    }
}

/// What of a call's answer or a webhook could not be read.
fn unread(known: &Known, case: &Value) -> Option<String> {
    if case["hook"].is_null() {
        let end = run(known, case).end;
        let odd = end["trouble"] == "unreadable" || end["unread"].as_u64().is_some_and(|n| n > 0);
        return odd.then(|| end.to_string());
    }
    let delivery = hooks::delivery(&[], &hooks::body(case));
    let said = hooks::said(hooks::entry(known, case), &known.hooks(), &delivery, true);
    let items = said["items"].as_array().into_iter().flatten();
    let mut odd = items
        .map(|item| &item["unreadable"])
        .chain([&said["unreadable"]]);
    odd.find(|why| !why.is_null()).map(Value::to_string)
}

/// `unknown`: names of events (`at`) that nobody knows. One that speaks of money is put before people
/// under its name, any other is listed and has no effect.
#[test]
fn an_event_of_an_unknown_type_is_listed_and_about_money_put_before_people() {
    let people = "an event about money of an unknown type";
    for known in data::all()
        .into_iter()
        .filter(|known| known.gateway.webhook.yes().is_some())
    {
        let case = known.get("unknown");
        for (kind, end) in [
            ("listed", json!({"ignored": "other", "unreadable": null})),
            ("of_money", json!({"ignored": null, "unreadable": people})),
        ] {
            let words = case[kind].as_array();
            let words = words.unwrap_or_else(|| panic!("{}: none {kind}", known.id()));
            assert!(!words.is_empty(), "{}: none {kind}", known.id());
            for word in words {
                let mut with = case.clone();
                let place = case["at"].as_str().expect("where");
                data::put(&mut with, place, word.clone());
                let item = hooks::read(&known, &with)["items"][0].clone();
                let wrong = differs(&end, &item);
                assert_eq!(wrong, Vec::<String>::new(), "{}: {word}", known.id());
                let name = item["name"].as_str().unwrap_or("");
                let word = word.as_str().expect("a name");
                assert!(name.contains(word), "{}: {name} is {word}", known.id());
            }
        }
    }
}

// ---- proofs ------------------------------------------------------------------------------------

/// Whether it is proven by what came with it.
fn proven(known: &Known, delivery: &Delivery, account: &Account) -> Result<bool, Refused> {
    let outcome = prove(inbound(known).door, delivery, account)?;
    Ok(match outcome {
        Outcome::Proven => true,
        Outcome::Items(held) => held.iter().all(|held| *held),
        Outcome::NeedsCertificate(_) | Outcome::NeedsVendor => false,
    })
}

/// The vendors that sign, each with a webhook of theirs.
fn signing() -> Vec<(Known, Signs, String)> {
    let signs = |known: Known| {
        let signs = Signs::of(&known)?;
        let cases = known.cases("hooks").into_iter();
        let mut signed = cases.filter(|(_, case)| case["unsigned"] != true);
        let (_, case) = signed.next().expect("a webhook that is signed");
        Some((known, signs, hooks::body(&case)))
    };
    data::all().into_iter().filter_map(signs).collect()
}

#[test]
fn a_proof_holds_only_over_what_was_signed_under_the_clinics_secret() {
    for (known, signs, body) in signing() {
        let (name, secret) = (known.id(), signs.secret(&known));
        let account = known.hooks();
        let good = signs.signed(&body, &secret, NOW);
        assert_eq!(proven(&known, &good, &account), Ok(true), "{name}");
        let wrong = signs.signed(&body, &hooks::reversed(&secret), NOW);
        assert!(
            proven(&known, &wrong, &account) != Ok(true),
            "{name}: another secret"
        );
        let without = Account::load(&[], Default::default()).expect("an empty one");
        for secret in [secret.as_str(), ""] {
            let sent = signs.signed(&body, secret, NOW);
            let unset = proven(&known, &sent, &without);
            assert!(
                unset.is_err(),
                "{name}: a clinic without a secret: {unset:?}"
            );
        }
        if signs.0.get("items").is_none() {
            let mut tampered = good.clone();
            tampered.body.push(b' ');
            let said = proven(&known, &tampered, &account);
            assert_eq!(said, Err(Refused::Forged), "{name}: tampered");
            let mut missing = good.clone();
            missing.headers.clear();
            assert!(
                proven(&known, &missing, &account) != Ok(true),
                "{name}: no header"
            );
        }
    }
}

/// `proofs`: a webhook that is signed in another way than the vendor's, and what that proves.
#[test]
fn a_proof_that_is_spelled_otherwise_proves_what_its_case_says() {
    for (known, signs, body) in signing() {
        for (name, case) in known.cases("proofs") {
            let mut other = signs.0.clone();
            for (field, value) in case["signs"].as_object().into_iter().flatten() {
                other[field] = value.clone();
            }
            let delivery = Signs(other).signed(&body, &signs.secret(&known), NOW);
            let said = match proven(&known, &delivery, &known.hooks()) {
                Ok(true) => "proven".to_owned(),
                Ok(false) => "open".to_owned(),
                Err(why) => format!("{why:?}"),
            };
            assert_eq!(case["end"], said, "{name}");
        }
    }
}

/// `vectors`: what the vendor itself gives as signed, with the secret (`secret`, `signature`, `body`).
#[test]
fn a_vendors_own_vector_is_proven_and_read() {
    for (known, signs, _) in signing() {
        for (name, case) in known.cases("vectors") {
            let text = |field: &str| case["of"][field].as_str().expect("a text").to_owned();
            let header = [(signs.header(), text("signature"))];
            let header = header
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let delivery = hooks::delivery(&header, &text("body"));
            let secret = signs.0["secret"].as_str().expect("its field");
            let theirs = data::account(&json!({secret: text("secret")}));
            assert_eq!(proven(&known, &delivery, &theirs), Ok(true), "{name}");
            let said = hooks::said(inbound(&known), &known.hooks(), &delivery, true);
            assert_eq!(differs(&case["end"], &said), Vec::<String>::new(), "{name}");
        }
    }
}

/// `answers`: what the vendor wants to hear of a delivery, and of one whose proof does not hold.
#[test]
fn a_delivery_is_answered_as_its_vendor_wants() {
    for known in data::all() {
        let (door, expected) = (inbound(&known).door, known.get("answers"));
        let answer = (door.answer)(&hooks::delivery(&[], "{}"), &known.hooks());
        let found = json!({"refused": door.refused, "status": answer.status, "body": answer.body});
        if !expected.is_null() {
            assert_eq!(expected, found, "{}", known.id());
        }
    }
}

#[test]
fn a_signature_that_is_not_in_time_is_stale_where_the_vendor_signs_a_time() {
    for (known, signs, body) in signing()
        .into_iter()
        .filter(|(_, signs, _)| signs.tells_time())
    {
        let secret = signs.secret(&known);
        for (late, expected) in [
            (0, Ok(true)),
            (300, Ok(true)),
            (-300, Ok(true)),
            (301, Err(Refused::Stale)),
            (-301, Err(Refused::Stale)),
        ] {
            let delivery = signs.signed(&body, &secret, NOW - late);
            let said = proven(&known, &delivery, &known.hooks());
            assert_eq!(said, expected, "{} {late} s late", known.id());
        }
    }
}

#[test]
fn of_two_headers_of_one_name_a_forged_one_never_makes_the_other_hold() {
    for (known, signs, body) in signing() {
        if signs.0.get("items").is_some() {
            continue;
        }
        let (secret, account) = (signs.secret(&known), known.hooks());
        let mut doubled = signs.signed(&body, &secret, NOW);
        doubled
            .headers
            .push((signs.header().into(), "forged".into()));
        doubled.body.push(b' ');
        let said = proven(&known, &doubled, &account);
        assert!(said != Ok(true), "{}: {said:?}", known.id());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic_and_never_prove(bytes in prop::collection::vec(any::<u8>(), 0..300), header in ".{0,80}") {
        for known in data::all() {
            let Some(inbound) = known.gateway.webhook.yes() else { continue };
            let signs = Signs::of(&known);
            let name = signs.as_ref().map_or("x-signature", Signs::header).to_owned();
            let mut delivery = hooks::delivery(&[(name.as_str(), header.as_str())], "");
            delivery.body = bytes.clone();
            prop_assert!(proven(&known, &delivery, &known.hooks()) != Ok(true), "{}", known.id());
            for trusted in [true, false] {
                let verified = Verified { delivery: &delivery, account: &known.hooks(), trusted };
                drop((inbound.read)(&verified));
            }
            let reply = Reply { status: 200, headers: vec![], body: bytes.clone() };
            for (does, parse) in parses(&known) {
                let said = parse(&reply);
                let nothing = said.is_err_and(|why| why.may_have_happened());
                prop_assert!(nothing, "{} {does}", known.id());
            }
            if let Some(case) = first(&known, "lookup") {
                let read = *known.gateway.lookup.yes().expect("it is looked up");
                let told = heard(read, &asks::lookup(&case), &known.account(), &[reply]);
                prop_assert!(told.and_then(LookedUp::told).is_err(), "{}", troubled(Trouble::Missing));
            }
        }
    }
}
