//! Routing, errors, and the OpenAPI document held to the code: what the code refuses, the document
//! refuses, and what the code answers, the document describes.

use super::frame::read;
use super::views::{event, invoice, payment, refund, task};
use super::*;
use crate::contract::record::{Record, RecordType};
use crate::contract::{Ids, Notification, Standing, Stood};
use crate::domain::actor::Permission;
use crate::domain::case::{Case, OpensBy, Payment, Session};
use crate::domain::decide::{Verdict, decide};
use crate::domain::event::{Context, Event, NewCharge, NewInvoice, NewRefund, Report};
use crate::domain::fact::{Fact, Kind as Said, Method};
use crate::domain::invoice::Line;
use crate::domain::outbox::Topic;
use crate::domain::policy::Policy;
use crate::domain::task::{Alert, Matter, Task, Work};
use crate::flows::settings;
use crate::records::event::EventRow;
use crate::vendors;
use crate::words::ids;
use crate::words::money::{Currency, Money};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

// ---- routing -----------------------------------------------------------------------------------

fn problem(method: &str, path: &str) -> Problem {
    find(method, path)
        .err()
        .unwrap_or_else(|| panic!("{method} {path} is served"))
}

#[test]
fn a_path_leads_to_its_route_with_its_parameters() {
    let (route, parameters) = find("POST", "/v1/tasks/c1/person-x/done").expect("a route");
    assert_eq!(route.path, "/v1/tasks/{case}/{id}/done");
    assert_eq!(parameters, ["c1", "person-x"]);
    let (route, parameters) = find("GET", "/v1/audit/verify").expect("a route");
    assert_eq!((route.path, parameters.len()), ("/v1/audit/verify", 0));
}

#[test]
fn unknown_paths_are_404_and_other_methods_405_with_what_is_allowed() {
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/invoice",
        "/v1/invoices/",
        "/v1/invoices//charges",
        "/v2",
    ] {
        assert_eq!(problem("GET", path).kind, Kind::NotFound, "{path}");
    }
    let refused = problem("DELETE", "/v1/invoices");
    assert_eq!(refused.kind, Kind::MethodNotAllowed);
    assert_eq!(refused.response().headers["allow"], "GET, POST");
    assert_eq!(problem("HEAD", "/v1/invoices").kind, Kind::MethodNotAllowed);
}

#[test]
fn no_two_routes_answer_the_same_request() {
    for (n, route) in routes::all().enumerate() {
        let found = find(route.method, &route.path.replace(['{', '}'], "")).expect("itself");
        let first = routes::all().position(|other| std::ptr::eq(other, found.0));
        assert_eq!(
            first,
            Some(n),
            "{} {} is shadowed",
            route.method,
            route.path
        );
    }
}

#[test]
fn whatever_moves_money_happens_once_and_needs_more_than_to_view() {
    let moves = [
        "/v1/appointments/{id}/complete",
        "/v1/appointments/{id}/cancel",
        "/v1/appointments/{id}/no-show",
        "/v1/appointments/{id}/reschedule",
        "/v1/appointments/{id}/restore",
        "/v1/invoices",
        "/v1/invoices/{id}/charges",
        "/v1/invoices/{id}/credit-notes",
        "/v1/invoices/{id}/tenders",
        "/v1/appointments/{id}/charges",
        "/v1/charges",
        "/v1/refunds",
        "/v1/patients/{id}/credit/payouts",
        // No money, but what systems take for news of it.
        "/v1/deliveries/replay",
    ];
    for route in routes::all() {
        let money = route.method == "POST" && moves.contains(&route.path);
        assert_eq!(route.once, money, "{} {}", route.method, route.path);
        if let Serves::Clinic(permission, _) = route.serves {
            let reads = permission == Permission::View;
            assert_eq!(
                reads,
                route.method == "GET" && route.path != "/v1/keys",
                "{}",
                route.path
            );
        }
    }
}

// ---- errors ------------------------------------------------------------------------------------

#[test]
fn a_problem_says_what_was_wrong_and_carries_what_is_left() {
    let left = Money::read("24.00", Currency::read("EUR").unwrap()).unwrap();
    let refused = crate::domain::decide::Refusal::NotRefundable { refundable: left };
    let response = Problem::from(refused).response();
    assert_eq!(response.status_code, 409);
    assert_eq!(response.headers["content-type"], "application/problem+json");
    let body: Value = serde_json::from_str(&response.body).unwrap();
    insta::assert_json_snapshot!(body, @r#"
    {
      "type": "/problems/not-refundable",
      "title": "More than can be refunded",
      "status": 409,
      "detail": "only 24.00 EUR can still be refunded: ask for that much or less",
      "refundable": {
        "amount": "24.00",
        "currency": "EUR"
      }
    }
    "#);
}

#[test]
fn every_kind_of_problem_is_as_documented() {
    let schema = schema("Problem");
    let mut names = BTreeSet::new();
    for kind in Kind::ALL {
        let body = json!(Problem::new(kind, "why").body());
        assert!(schema.is_valid(&body), "{body}");
        assert!(names.insert(kind.name()), "{} twice", kind.name());
    }
    let response = Problem::new(Kind::Unauthorized, "no").response();
    assert_eq!(response.headers["www-authenticate"], "Bearer");
    assert_eq!(
        Problem::new(Kind::Unavailable, "no").response().headers["retry-after"],
        "2"
    );
}

#[test]
fn a_request_that_met_others_at_every_try_may_be_repeated_as_it_is() {
    let met: crate::flows::Failure = crate::flows::commit::Busy("case c".into()).into();
    let problem = Problem::from(met);
    assert_eq!((problem.kind, problem.kind.status()), (Kind::Busy, 503));
    assert!(problem.detail.contains("as it is"), "{}", problem.detail);
    assert_eq!(problem.response().headers["retry-after"], "2");
}

fn refused(path: &str, body: &str) -> (Kind, Value) {
    let (route, _) = find("POST", path).expect("a route");
    let reads = route.takes.as_ref().expect("a body").reads;
    let problem = reads(body.as_bytes()).expect_err("it is refused");
    (problem.kind, json!(problem.body().field))
}

#[test]
fn a_field_that_is_not_as_it_must_be_is_named() {
    let line = |change: &str| format!(r#"{{"lines":[{{"description":"x",{change}}}]}}"#);
    let eur = |amount: &str| format!(r#""unit":{{"amount":"{amount}","currency":"EUR"}}"#);
    for (body, field) in [
        (r#"{"lines":[],"note":"x"}"#.into(), "note"),
        (r#"{"lines":7}"#.into(), "lines"),
        ("{}".into(), "body"),
        (
            line(r#""unit":{"amount":12.5,"currency":"EUR"}"#),
            "lines[0].unit.amount",
        ),
        (
            line(&format!(r#"{},"tax_rate":7.7"#, eur("1"))),
            "lines[0].tax_rate",
        ),
        (
            line(&format!(r#"{},"tax_rate":"101""#, eur("1"))),
            "lines[0].tax_rate",
        ),
        (
            line(&format!(r#"{},"quantity":-1"#, eur("1"))),
            "lines[0].quantity",
        ),
        (
            line(r#""unit":{"amount":"1","currency":"EUR","x":1}"#),
            "lines[0].unit.x",
        ),
    ] {
        let (kind, named) = refused("/v1/invoices", &body);
        assert_eq!((kind, named), (Kind::Invalid, json!(field)), "{body}");
    }
    for body in ["{", "[1,]", "\u{0}", "{} {}"] {
        assert_eq!(refused("/v1/invoices", body).0, Kind::Malformed, "{body}");
    }
}

// ---- a request's head ---------------------------------------------------------------------------

fn request(value: Value) -> crate::io::lambda::HttpRequest {
    serde_json::from_value(value).expect("a request")
}

#[test]
fn bodies_are_held_to_type_size_and_encoding() {
    let (route, _) = find("POST", "/v1/invoices/x/charges").expect("a route");
    let kind = |value: Value| call::body(route, &request(value)).err().map(|why| why.kind);
    let json = json!({ "content-type": "Application/JSON; charset=utf-8" });
    assert_eq!(kind(json!({ "headers": json, "body": "{}" })), None);
    assert_eq!(
        kind(json!({ "headers": json, "body": "e30=", "isBase64Encoded": true })),
        None
    );
    assert_eq!(kind(json!({ "headers": {} })), None);
    assert_eq!(kind(json!({ "body": "{}" })), Some(Kind::UnsupportedType));
    let form = json!({ "content-type": "application/x-www-form-urlencoded" });
    assert_eq!(
        kind(json!({ "headers": form, "body": "a=1" })),
        Some(Kind::UnsupportedType)
    );
    let bad = json!({ "headers": json, "body": "%", "isBase64Encoded": true });
    assert_eq!(kind(bad), Some(Kind::Malformed));
    let large = |bytes: usize| {
        let body = format!("{{}}{}", " ".repeat(bytes - 2));
        json!({ "headers": json, "body": body })
    };
    assert_eq!(kind(large(1_000_000)), None);
    assert_eq!(kind(large(1_000_001)), Some(Kind::TooLarge));
    // A route without a body takes none that is larger either.
    let (bare, _) = find("POST", "/v1/appointments/x/complete").expect("a route");
    let kind = |value: Value| call::body(bare, &request(value)).err().map(|why| why.kind);
    assert_eq!(kind(large(1_000_001)), Some(Kind::TooLarge));
}

#[test]
fn a_parameter_that_is_not_known_is_refused_rather_than_ignored() {
    let (route, _) = find("GET", "/v1/events").expect("a route");
    let query = |text: &str| call::query(route, &request(json!({ "rawQueryString": text })));
    assert_eq!(query("source=stripe&since=2026-01-01").unwrap().len(), 2);
    let refused = query("sourec=stripe").expect_err("misspelt");
    assert_eq!(
        (refused.kind, refused.body().field),
        (Kind::Invalid, Some("sourec".into()))
    );
}

#[test]
fn an_id_longer_than_any_is_no_address_and_no_parameter() {
    for (method, path) in [
        ("POST", "/v1/tasks/ID/x/done"),
        ("POST", "/v1/tasks/x/ID/done"),
        ("POST", "/v1/deliveries/x/ID/repeat"),
        ("POST", "/v1/events/ID/replay"),
        ("GET", "/v1/refunds/ID"),
        ("DELETE", "/v1/keys/ID"),
    ] {
        assert!(find(method, path).is_ok(), "{path}");
        let refused = problem(
            method,
            &path.replace("ID", &"x".repeat(call::LONGEST_ID + 1)),
        );
        assert_eq!(refused.kind, Kind::NotFound, "{path}");
        assert!(refused.detail.len() < 200, "{}", refused.detail);
    }
    let (route, _) = find("GET", "/v1/events").expect("a route");
    let longest = "x".repeat(call::LONGEST_ID);
    assert!(find("POST", &format!("/v1/events/{longest}/replay")).is_ok());
    let query = json!({ "rawQueryString": format!("vendor_event_id={longest}") });
    assert!(call::query(route, &request(query)).is_ok());
    let long = format!("vendor_event_id={}", "x".repeat(call::LONGEST_ID + 1));
    let refused = call::query(route, &request(json!({ "rawQueryString": long })));
    let refused = refused.expect_err("too long");
    assert_eq!(
        (refused.kind, refused.body().field),
        (Kind::Invalid, Some("vendor_event_id".into()))
    );
}

#[test]
fn a_rate_is_written_without_a_float_and_lies_within_a_hundred() {
    for (rate, taken) in [
        (json!("0"), true),
        (json!("7.7"), true),
        (json!("100"), true),
        (json!("100.00"), true),
        (json!("100.01"), false),
        (json!("101"), false),
        (json!("-1"), false),
        (json!("+1"), false),
        (json!("1e1"), false),
        (json!("7,7"), false),
        (json!(" 7"), false),
        (json!(""), false),
        (json!("."), false),
        (json!(0), true),
        (json!(100), true),
        (json!(101), false),
        (json!(-1), false),
        (json!(7.7), false),
        (json!(null), false),
    ] {
        let read = serde_json::from_value::<read::Rate>(rate.clone());
        assert_eq!(read.is_ok(), taken, "{rate}");
    }
}

// ---- the document ------------------------------------------------------------------------------

fn schema(name: &str) -> Validator {
    let shape = json!({ "$ref": format!("#/components/schemas/{name}") });
    validator(&shape, &openapi::document())
}

fn validator(shape: &Value, document: &Value) -> Validator {
    let mut root = shape.clone();
    root["components"] = document["components"].clone();
    let options = jsonschema::options().should_validate_formats(true);
    options
        .build(&root)
        .unwrap_or_else(|why| panic!("{shape}: {why}"))
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = openapi::document();
    let paths = document["paths"].as_object().expect("paths");
    let documented: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, at)| {
            let methods = at.as_object().into_iter().flat_map(|at| at.keys());
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let served: BTreeSet<_> = routes::all()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(documented, served);
}

/// What an address of the clinic's own is told is made of a notification, whatever it knows.
#[test]
fn the_document_shows_every_record_that_is_sent_as_it_is_sent() {
    let document = openapi::document();
    let shown = document["webhooks"].as_object().expect("webhooks");
    let schema = |kind: &str| {
        let post = &shown[kind]["post"]["requestBody"]["content"]["application/json"];
        (validator(&post["schema"], &document), &post["example"])
    };
    let topics: BTreeSet<_> = vendors::own::SYSTEM
        .subscriptions
        .iter()
        .filter_map(|heard| RecordType::of(heard.topic))
        .map(RecordType::name)
        .collect();
    let names: BTreeSet<_> = shown.keys().map(String::as_str).collect();
    assert_eq!(names, topics);
    for heard in vendors::own::SYSTEM.subscriptions {
        let name = RecordType::of(heard.topic).expect("a record").name();
        let (schema, example) = schema(name);
        for ids in [Ids::default(), all_ids()] {
            let sent = Record::of(&notification(heard.topic, ids));
            let sent = json!(sent.expect("a record"));
            for record in [&sent, example] {
                assert_eq!(record["type"], name);
                let wrong: Vec<_> = schema.iter_errors(record).collect();
                assert!(wrong.is_empty(), "{name}: {wrong:?}");
            }
        }
    }
}

fn all_ids() -> Ids {
    let some = |text: &str| Some(text.to_owned());
    Ids {
        clinic: "demo".into(),
        case: some("0123456789abcdef"),
        payment: some("0123456789abcdef-p1"),
        payment_there: some("pi_1"),
        refund: some("r1"),
        request: some("89abcdefghjkmnpq"),
        refund_there: some("re_1"),
        dispute: some("d0123456789"),
        dispute_there: some("dp_1"),
        task: some("person-late-p1"),
        patient: some("ghjkmnpqrstvwxyz"),
        appointment: some("A-1"),
    }
}

fn notification(topic: Topic, ids: Ids) -> Notification {
    let zero = eur("0.00");
    Notification {
        key: "key".into(),
        topic,
        filed: vec![],
        clinic: "Demo".into(),
        invoice: String::new(),
        refund: None,
        note: None,
        made: vec![],
        came: Default::default(),
        by: Default::default(),
        amount: zero,
        payment: None,
        refunded_before: zero,
        standing: Standing::none(zero.currency),
        total: zero,
        rates: vec![],
        date: jiff::civil::date(2026, 3, 14),
        at: jiff::Timestamp::UNIX_EPOCH,
        ids,
        stood: Stood::none(zero.currency),
        gateway: String::new(),
        customer: Default::default(),
        contact: None,
        message: Default::default(),
    }
}

#[test]
fn every_reference_resolves_and_every_schema_is_used() {
    let document = openapi::document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let known: BTreeSet<String> = schemas.keys().cloned().collect();
    assert_eq!(used, known);
    let ids: Vec<_> = document["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.values())
        .flat_map(|at| at.as_object().into_iter().flat_map(|at| at.values()))
        .map(|operation| operation["operationId"].as_str().expect("an id"))
        .collect();
    assert_eq!(
        ids.len(),
        ids.iter().collect::<BTreeSet<_>>().len(),
        "{ids:?}"
    );
}

/// What is plain is described where it stands; what is taken as it is given has one name; what is
/// given has no field that is not named; and a description is one paragraph.
#[test]
fn the_document_names_each_shape_once_and_closes_it() {
    let document = openapi::document();
    let schemas = document["components"]["schemas"].as_object().expect("some");
    for name in schemas.keys() {
        assert!(!name.starts_with("TextOr"), "{name}");
        assert!(!["Rate", "ProblemType"].contains(&name.as_str()), "{name}");
        // What is taken alone is called as its type is.
        assert!(!name.ends_with("RequestRequest"), "{name}");
    }
    fn look(at: &str, shape: &Value) {
        match shape {
            Value::Object(fields) => {
                if fields.contains_key("properties") && fields.contains_key("type") {
                    assert!(fields.contains_key("additionalProperties"), "{at} is open");
                }
                for (name, part) in fields.iter().filter(|(name, _)| *name != "examples") {
                    let text = part.as_str().filter(|_| name == "description");
                    assert!(
                        !text.is_some_and(|text| text.contains('\n')),
                        "{at}: {text:?}"
                    );
                    look(&format!("{at}/{name}"), part);
                }
            }
            Value::Array(all) => all.iter().for_each(|part| look(at, part)),
            _ => {}
        }
    }
    look("", &document);
}

fn references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match (name.as_str(), value.as_str()) {
                    ("$ref", Some(to)) => {
                        let name = to.strip_prefix("#/components/schemas/").expect("a schema");
                        into.insert(name.to_owned());
                    }
                    _ => references(value, into),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}

#[test]
fn only_a_preview_goes_without_an_idempotency_key() {
    let document = openapi::document();
    let needed = |path: &str| {
        let parameters = document["paths"][path]["post"]["parameters"].clone();
        let of_key = |one: &&Value| one["name"] == "Idempotency-Key";
        let all = parameters.as_array().cloned().unwrap_or_default();
        all.iter().find(of_key).map(|one| one["required"] == true)
    };
    for route in routes::all().filter(|route| route.once) {
        let previews = route.query.contains(&"preview");
        assert_eq!(needed(route.path), Some(!previews), "{}", route.path);
    }
    assert_eq!(needed("/v1/refunds"), Some(false));
}

/// The calls that a task of this id and matter names; each is one of this API.
fn answers(case: &str, id: &str, matter: Matter) -> Vec<String> {
    let due = "2026-11-20T09:00:00Z".parse().unwrap();
    let (id, work) = (id.into(), Work::Person(matter));
    let task = Task { id, work, due };
    let pk = crate::records::case::pk("demo", case);
    let row = crate::io::store::Row::new(pk, "task#x").json("data", &task);
    let shown = json!(task::view(&row.text("state", "open")).unwrap().unwrap());
    fits("Task", &shown);
    let mut paths = vec![];
    for call in shown["answers"].as_array().expect("answers") {
        let (method, path) = (call["method"].as_str(), call["path"].as_str());
        let (method, path) = (method.unwrap(), path.unwrap());
        assert!(find(method, path).is_ok(), "{method} {path} is no call");
        paths.push(path.to_owned());
    }
    paths
}

/// Tasks by name and matter, and the calls that settle each.
fn settled(case: &str) -> Vec<Settled> {
    let payment = ids::payment_reference(case, 2);
    let of = Matter::of;
    let paying = |alert| of(alert).payment(2);
    let refunding = |alert| paying(alert).refund(Some(1)).request("r7");
    let both = |alert| refunding(alert).vendor("stripe");
    let invoice = |verb: &str| format!("/v1/invoices/{case}/{verb}");
    let (charges, void) = (invoice("charges"), invoice("void"));
    let paid = |verb: &str| format!("/v1/payments/{payment}/{verb}");
    let found = paid("resolve");
    let ended = format!("/v1/payments/{payment}/disputes/d1/resolve");
    let again = format!("/v1/deliveries/{case}/slack.000003/repeat");
    let replay = format!("/v1/events/{case}/replay");
    let (refunds, refund) = ("/v1/refunds", "/v1/refunds/r7/resolve");
    let (approve, reject) = ("/v1/refunds/r7/approve", "/v1/refunds/r7/reject");
    let table: &[(&str, Matter, &[&str])] = &[
        ("w", refunding(Alert::RefundWaits), &[approve, reject]),
        (
            "w",
            of(Alert::RefundWaits).request("r7"),
            &[approve, reject],
        ),
        ("w", of(Alert::RefundWaits), &[]),
        ("r1", refunding(Alert::UnknownOutcome), &[refund]),
        ("p2", paying(Alert::UnknownOutcome), &[&found]),
        // A payment may belong to a request, too.
        ("p2", paying(Alert::UnknownOutcome).request("r7"), &[&found]),
        ("r1", paying(Alert::UnknownOutcome).refund(Some(1)), &[]),
        ("x", of(Alert::UnknownOutcome), &[]),
        ("overpaid-p2", paying(Alert::Overpaid), &[refunds]),
        ("late-p2", paying(Alert::LatePayment), &[refunds]),
        (
            "refund-failed-r1",
            refunding(Alert::RefundFailed),
            &[refunds],
        ),
        ("dispute-d1", paying(Alert::DisputeOpened), &[&ended]),
        ("dispute-d1", of(Alert::DisputeOpened), &[]),
        (
            "uncollected",
            paying(Alert::Uncollected),
            &[&charges, &void],
        ),
        (
            "delivery-slack.000003",
            paying(Alert::DeliveryFailed),
            &[&again],
        ),
        ("slack-x", paying(Alert::DeliveryFailed), &[]),
        ("unreadable", Matter::of(Alert::Unreadable), &[&replay]),
        ("x", both(Alert::Contradiction), &[]),
        ("x", both(Alert::ChargeWithoutInvoice), &[]),
        ("no-price", of(Alert::NoPrice), &["/v1/appointments"]),
        (
            "called-off",
            of(Alert::CalledOff),
            &[refunds, "/v1/appointments"],
        ),
    ];
    owned(table)
}

type Settled = (&'static str, Matter, Vec<String>);

fn owned(table: &[(&'static str, Matter, &[&str])]) -> Vec<Settled> {
    let owned = |calls: &[&str]| calls.iter().copied().map(String::from).collect();
    let tasks = table.iter();
    tasks
        .map(|(name, matter, calls)| (*name, matter.clone(), owned(calls)))
        .collect()
}

/// The same of what a vendor does not let through.
fn let_through(case: &str) -> Vec<Settled> {
    let payment = ids::payment_reference(case, 2);
    let of = Matter::of;
    let paying = |alert| of(alert).payment(2);
    let refunding = |alert| paying(alert).refund(Some(1)).request("r7");
    let both = |alert| refunding(alert).vendor("stripe");
    let found = format!("/v1/payments/{payment}/resolve");
    let close = format!("/v1/payments/{payment}/close");
    let refund = "/v1/refunds/r7/resolve";
    let (stripe, mollie) = ("/v1/integrations/stripe", "/v1/integrations/mollie");
    let xero = "/v1/integrations/xero";
    owned(&[
        ("blocked-p2", paying(Alert::Blocked), &[&close, &found]),
        (
            "blocked-p2",
            paying(Alert::Blocked).vendor("mollie"),
            &[mollie, &close, &found],
        ),
        ("blocked-r1", refunding(Alert::Blocked), &[refund]),
        ("blocked-r1", both(Alert::Blocked), &[stripe, refund]),
        (
            "blocked-slack",
            of(Alert::Blocked).vendor("stripe"),
            &[stripe],
        ),
        ("blocked-x", of(Alert::Blocked), &[]),
        (
            "blocked-xero",
            of(Alert::ConnectionHeld).vendor("xero"),
            &[xero],
        ),
    ])
}

#[test]
fn a_task_names_the_calls_that_settle_it() {
    let case = ids::derived(&["c"]);
    let closes = |id: &str| format!("/v1/tasks/{case}/{id}/done");
    // Whatever the matter names, `done` is the last.
    for alert in Alert::ALL {
        let matter = Matter::of(alert).payment(2).vendor("stripe").request("r7");
        let named = answers(&case, "person-x", matter);
        assert_eq!(named.last(), Some(&closes("person-x")), "{alert:?}");
    }
    let mut table = settled(&case);
    table.extend(let_through(&case));
    for (name, matter, calls) in &table {
        let id = format!("person-{name}");
        let named = answers(&case, &id, matter.clone());
        let wanted: Vec<_> = calls.iter().cloned().chain([closes(&id)]).collect();
        assert_eq!(named, wanted, "{name} {matter:?}");
    }
    for alert in Alert::ALL {
        let about = |(_, matter, _): &&(_, Matter, _)| matter.alert == alert;
        assert!(table.iter().any(|row| about(&row)), "{alert:?}");
    }
}

#[test]
fn who_ends_a_refund_or_a_payment_must_be_allowed_to_approve() {
    for path in [
        "/v1/refunds/x/approve",
        "/v1/refunds/x/reject",
        "/v1/payments/x/close",
        "/v1/invoices/x/void",
    ] {
        let (route, _) = find("POST", path).expect("a route");
        let approves = matches!(route.serves, Serves::Clinic(Permission::Approve, _));
        assert!(approves && !route.once, "{path}");
    }
}

/// A change of one place in a document.
type Change = (String, Value);

/// The document with every property left out once, an unknown one added to every object, and every
/// value replaced by one of another type.
fn changes(value: &Value) -> Vec<Change> {
    fn places(value: &Value, at: String, into: &mut Vec<String>) {
        into.push(at.clone());
        match value {
            Value::Object(map) => {
                map.iter()
                    .for_each(|(name, value)| places(value, format!("{at}/{name}"), into));
            }
            Value::Array(all) => all
                .iter()
                .enumerate()
                .for_each(|(n, value)| places(value, format!("{at}/{n}"), into)),
            _ => {}
        }
    }
    let mut all = vec![];
    places(value, String::new(), &mut all);
    let mut changed = vec![];
    for place in all {
        for other in [
            json!(null),
            json!(true),
            json!(7),
            json!(-7),
            json!("text"),
            json!([]),
            json!({}),
        ] {
            let mut copy = value.clone();
            *copy.pointer_mut(&place).expect("a place") = other.clone();
            changed.push((format!("{place} = {other}"), copy));
        }
        let mut copy = value.clone();
        if let Some(map) = copy.pointer_mut(&place).and_then(Value::as_object_mut) {
            map.insert("unheard_of".into(), json!("x"));
            changed.push((format!("{place} and a field more"), copy));
        }
        if let Some((parent, name)) = place.rsplit_once('/') {
            let mut copy = value.clone();
            if let Some(map) = copy.pointer_mut(parent).and_then(Value::as_object_mut) {
                map.remove(name);
                changed.push((format!("without {place}"), copy));
            }
        }
    }
    changed
}

/// The schema of a route's body as the document has it, with its examples.
fn body_of(route: &Route, document: &Value) -> Option<(Validator, Vec<Value>)> {
    route.takes.as_ref()?;
    let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
    let shape = &operation["requestBody"]["content"]["application/json"]["schema"];
    Some((validator(shape, document), examples(shape, document)))
}

/// The examples of a schema, or of what it refers to.
fn examples(shape: &Value, document: &Value) -> Vec<Value> {
    let of = |shape: &Value| shape["examples"].as_array().cloned().unwrap_or_default();
    let to = shape["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    let referred = to.and_then(|to| document.pointer(to)).map(of);
    of(shape)
        .into_iter()
        .chain(referred.unwrap_or_default())
        .collect()
}

#[test]
fn what_the_code_refuses_by_shape_the_document_refuses_too() {
    let document = openapi::document();
    let (mut refused, mut taken) = (0, 0);
    for route in routes::all() {
        let Some(takes) = &route.takes else { continue };
        let (schema, examples) = body_of(route, &document).expect("a body");
        let name = route.path;
        assert!(!examples.is_empty(), "{name} has no example");
        for example in &examples {
            for (change, body) in changes(example)
                .into_iter()
                .chain([("nothing".into(), example.clone())])
            {
                let by_code = (takes.reads)(body.to_string().as_bytes());
                let by_schema = schema.is_valid(&body);
                match by_code {
                    Err(why) => {
                        refused += 1;
                        assert!(
                            !by_schema,
                            "{name}: {change} is documented and refused: {why:?}"
                        );
                    }
                    Ok(()) => taken += 1,
                }
                if change == "nothing" {
                    assert!(by_schema, "{name}: its example does not fit: {body}");
                }
                // What the document lets be left out, the code lets be left out, and the reverse.
                if change.starts_with("without") || change.ends_with("a field more") {
                    let code = (takes.reads)(body.to_string().as_bytes()).is_ok();
                    assert_eq!(code, by_schema, "{name}: {change}");
                }
            }
        }
    }
    assert!(
        refused > 500 && taken > 100,
        "{refused} refused, {taken} taken"
    );
}

#[test]
fn every_answer_has_an_example_and_every_example_is_as_its_schema_says() {
    let document = openapi::document();
    for route in routes::all() {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        let answers = operation["responses"].as_object().expect("answers");
        for (status, answer) in answers {
            let content = answer["content"].as_object().expect("content");
            for shape in content.values().map(|content| &content["schema"]) {
                let examples = examples(shape, &document);
                assert!(!examples.is_empty(), "{} {status}", route.path);
            }
        }
    }
    let schemas = document["components"]["schemas"].as_object();
    let mut seen = 0;
    for (name, shape) in schemas.into_iter().flatten() {
        for example in examples(shape, &document) {
            seen += 1;
            fits(name, &example);
        }
    }
    assert!(seen > 40, "{seen} examples");
}

/// An answer that is described loosely describes nothing: each object says what it holds and what
/// of it is always there.
#[test]
fn every_object_of_the_document_says_which_fields_it_has_and_what_they_are() {
    let document = openapi::document();
    fn look(at: &str, shape: &Value, bare: &mut Vec<String>) {
        if let Some(fields) = shape["properties"].as_object() {
            assert_eq!(shape["type"], "object", "{at}");
            let open = shape["additionalProperties"] == true;
            assert_eq!(open, at.ends_with("/Document"), "{at} takes more");
            for (name, field) in fields {
                let at = format!("{at}.{name}");
                let says = ["type", "$ref", "anyOf", "oneOf", "enum", "const"];
                assert!(says.iter().any(|word| field.get(word).is_some()), "{at}");
                // What may be absent says what it is when it is there.
                let nullable = |shape: &Value| match &shape["type"] {
                    Value::Array(types) => types.contains(&json!("null")),
                    one => *one == "null",
                };
                let parts = field["anyOf"].as_array().into_iter().flatten();
                let absent = nullable(field) || parts.clone().any(nullable);
                if absent && field.get("description").is_none() {
                    bare.push(at.clone());
                }
                look(&at, field, bare);
            }
        }
        for part in ["items", "anyOf", "oneOf"] {
            match &shape[part] {
                Value::Array(all) => all.iter().for_each(|one| look(at, one, bare)),
                Value::Object(_) => look(at, &shape[part], bare),
                _ => {}
            }
        }
    }
    let mut bare = vec![];
    for (name, shape) in document["components"]["schemas"].as_object().expect("some") {
        look(&format!("/{name}"), shape, &mut bare);
    }
    assert!(bare.is_empty(), "{bare:#?}");
}

/// The routes whose answers have a field for words about a person that they leave empty.
const NO_WORDS: [&str; 6] = [
    "GET /v1/appointments",
    "GET /v1/refunds",
    "POST /v1/invoices/{id}/credit-notes",
    "POST /v1/tenders/{id}/reverse",
    "POST /v1/refunds/{id}/approve",
    "POST /v1/refunds/{id}/reject",
];

/// Who sent the words of a person in the same request is shown nothing.
#[test]
fn a_route_whose_answer_has_words_of_a_person_says_that_it_shows_one() {
    let document = openapi::document();
    let (mut shown, mut wrong) = (0, vec![]);
    for route in routes::all() {
        let name = format!("{} {}", route.method, route.path);
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        let sent = route.takes.as_ref();
        let sent = sent.is_some_and(|takes| (takes.reads)(b"").is_err());
        let personal = personal(&operation["responses"], &document, 0);
        let empty = NO_WORDS.contains(&name.as_str());
        assert!(personal || !empty, "{name} has no such field");
        let shows = personal && !sent && !empty;
        shown += usize::from(shows);
        if route.shows_person != shows {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(shown > 5, "{shown} routes");
}

/// Whether a shape, or one that it refers to, has a field with words of a person.
fn personal(shape: &Value, document: &Value, depth: u8) -> bool {
    assert!(depth < 40, "a shape within itself");
    let within = |value: &Value| personal(value, document, depth + 1);
    match shape {
        Value::Object(fields) => fields.iter().any(|(name, value)| match value.as_str() {
            Some(to) if name == "$ref" => {
                let found = document.pointer(to.trim_start_matches('#'));
                within(found.expect("a shape"))
            }
            _ => name == "x-personal" || (name != "examples" && within(value)),
        }),
        Value::Array(all) => all.iter().any(within),
        _ => false,
    }
}

// ---- answers -----------------------------------------------------------------------------------

fn eur(text: &str) -> Money {
    Money::read(text, Currency::read("EUR").unwrap()).unwrap()
}

fn decided(case: Option<&Case>, event: Event) -> Case {
    let ctx = Context {
        now: "2026-11-20T09:00:00Z".parse().unwrap(),
        cause: "test".into(),
        zone: jiff::tz::TimeZone::UTC,
    };
    match decide(case, &event, &ctx) {
        Verdict::Change(decision) => decision.case,
        other => panic!("{other:?}"),
    }
}

/// An invoice of 100.00, paid in two parts, a third one open on its page.
fn case() -> Case {
    let id = ids::derived(&["test"]);
    let line = |unit: &str| Line {
        quantity: 1,
        unit: eur(unit),
        tax_rate: "10".parse().unwrap(),
        tax_included: true,
    };
    let new = NewInvoice {
        id: id.clone(),
        clinic: "demo".into(),
        number: "INV-1".into(),
        patient: Some(ids::derived(&["patient"])),
        appointment: None,
        starts_at: None,
        label: None,
        currency: eur("0").currency,
        lines: vec![line("60.00"), line("40.00")],
        policy: Policy::default(),
        charge: None,
        dims: Default::default(),
    };
    let mut case = decided(None, Event::Invoiced(Box::new(new)));
    for (n, amount) in [(1, "30.00"), (2, "50.00"), (3, "20.00")] {
        let method = Method {
            gateway: "stripe".into(),
            customer: None,
            token: "pm_1".into(),
            label: "Visa ending 4242".into(),
        };
        let charge = NewCharge {
            amount: Some(eur(amount)),
            gateway: "stripe".into(),
            method: (n < 3).then_some(method),
            keep_method: false,
        };
        case = decided(Some(&case), Event::Charge(charge));
        let event = if n < 3 {
            let mut fact = Fact::new(Said::PaymentSucceeded);
            fact.reference = Some(ids::payment_reference(&id, n));
            fact.payment = Some(format!("pi_{n}"));
            fact.amount = Some(eur(amount));
            Event::Reported(Report {
                gateway: "stripe".into(),
                facts: vec![fact],
                current: true,
                late_failures: false,
                page_stays: true,
                answer: false,
            })
        } else {
            let session = Session {
                id: "cs_1".into(),
                opens_by: OpensBy::Redirect("https://checkout.example/cs_1".into()),
                expires_at: None,
            };
            Event::SessionOpened {
                payment: n,
                session,
            }
        };
        case = decided(Some(&case), event);
    }
    case
}

fn fits(name: &str, value: &Value) {
    let errors: Vec<_> = schema(name)
        .iter_errors(value)
        .map(|why| format!("{why} at {}", why.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{value:#}");
}

#[test]
fn an_invoice_is_answered_as_documented() {
    let papers = invoice::Papers {
        descriptions: vec!["First".into(), "Second".into()],
        notes: BTreeMap::new(),
        receipts: vec![("K7-1".into(), "https://pay.example/receipts/x".into())],
        page: Some("https://pay.example/invoices/x".into()),
    };
    let mut case = case();
    let shown = json!(invoice::view(&case, &papers));
    fits("Invoice", &shown);
    assert_eq!(shown["status"], "part_paid");
    assert_eq!(shown["due"]["amount"], "20.00");
    // The page gives way to another way to pay.
    assert_eq!(shown["chargeable"]["amount"], "20.00");
    assert_eq!(shown["checkout_url"], "https://checkout.example/cs_1");
    assert_eq!(shown["lines"][1]["description"], "Second");
    assert_eq!(shown["payments"][0]["gateway_ref"], "pi_1");
    // Without the papers nothing names a service.
    let bare = json!(invoice::view(&case, &invoice::Papers::default()));
    fits("Invoice", &bare);
    assert!(bare["lines"][0]["description"].is_null());
    let payment: &Payment = case.payment(3).expect("the third");
    fits("Payment", &json!(payment::view(&case, payment)));
    let refund = NewRefund {
        request: ids::derived(&["r"]),
        amount: Some(eur("60.00")),
        payment: None,
        needs_approval: false,
        approval_above: None,
    };
    case = decided(Some(&case), Event::RefundRequested(refund));
    fits("Invoice", &json!(invoice::view(&case, &papers)));
}

#[test]
fn a_refund_of_more_than_the_newest_payment_is_answered_in_parts() {
    let request = ids::derived(&["r"]);
    let refund = NewRefund {
        request: request.clone(),
        amount: Some(eur("60.00")),
        payment: None,
        needs_approval: true,
        approval_above: None,
    };
    let case = decided(Some(&case()), Event::RefundRequested(refund));
    let shown = json!(refund::view(&case, &request).expect("a refund"));
    fits("Refund", &shown);
    assert_eq!(
        (&shown["state"], &shown["amount"]["amount"]),
        (&json!("awaiting_approval"), &json!("60.00"))
    );
    let parts: Vec<_> = shown["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| part["amount"]["amount"].clone())
        .collect();
    assert_eq!(parts, [json!("50.00"), json!("10.00")]);
    assert!(refund::view(&case, "another").is_none());
}

#[test]
fn an_event_is_answered_as_documented() {
    let at = "2026-11-20T09:00:00Z".parse().unwrap();
    let mut event = EventRow::new("demo", "stripe", "evt_1", "charge.succeeded", at);
    event.amount = Some(eur("12.50"));
    let row = event.row("posted").text("case", "c");
    let shown = json!(event::view(&row, &event).expect("a state"));
    fits("Event", &shown);
    assert_eq!(
        (&shown["amount"], &shown["currency"]),
        (&json!("12.50"), &json!("EUR"))
    );
    fits(
        "Event",
        &json!(
            event::view(
                &EventRow::new("demo", "api", "x", "POST", at).row("waiting"),
                &event,
            )
            .expect("a state")
        ),
    );
}

#[test]
fn an_event_shows_all_that_its_fact_tells() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let (received, occurred) = (at("2026-11-20T09:00:00Z"), at("2026-11-19T08:00:00Z"));
    let row = || EventRow::new("demo", "stripe", "evt_1", "charge.refunded", received);
    let whole = Fact {
        payment: Some("pi_1".into()),
        aliases: vec!["ch_1".into()],
        refund: Some("re_1".into()),
        amount: Some(eur("12.50")),
        occurred_at: Some(occurred),
        ..Fact::new(Said::RefundSucceeded)
    };
    let shown = |fact: &Fact| {
        let event = row().of_fact(fact);
        json!(event::view(&event.row("posted"), &event).expect("a state"))
    };
    let told = shown(&whole);
    for (field, value) in [
        ("kind", json!("refund_succeeded")),
        ("gateway_ref", json!("pi_1")),
        ("refund_ref", json!("re_1")),
        ("amount", json!("12.50")),
        ("currency", json!("EUR")),
        ("occurred_at", json!(occurred)),
        ("received_at", json!(received)),
        ("state", json!("posted")),
    ] {
        assert_eq!(told[field], value, "{field}");
    }
    // Known only by another id, it is shown by that; what is not told is not shown.
    let page = Fact {
        aliases: vec!["cs_1".into(), "cs_2".into()],
        ..Fact::new(Said::PaymentExpired)
    };
    let told = shown(&page);
    assert_eq!(told["gateway_ref"], "cs_1");
    for field in [
        "refund_ref",
        "amount",
        "currency",
        "occurred_at",
        "case",
        "why",
    ] {
        assert_eq!(told[field], Value::Null, "{field}");
    }
}

#[test]
fn the_settings_of_a_clinic_are_answered_as_documented() {
    let example = &openapi::document()["components"]["schemas"]["SettingsRequest"]["examples"][0];
    let read: crate::domain::settings::Settings = serde_json::from_value(example.clone()).unwrap();
    assert!(settings::check(&read).is_ok());
    fits("Settings", &json!(read));
    let minimal: crate::domain::settings::Settings =
        serde_json::from_value(json!({ "id": "a", "name": "A", "currency": "EUR" })).unwrap();
    assert!(settings::check(&minimal).is_ok());
    fits("Settings", &json!(minimal));
}

#[test]
fn the_settings_of_a_clinic_are_taken_up_to_their_bounds() {
    let example = &openapi::document()["components"]["schemas"]["SettingsRequest"]["examples"][0];
    let id = |length: usize| json!("a".repeat(length));
    for (field, value) in [
        ("id", id(40)),
        ("id", json!("a-1")),
        ("name", json!("é".repeat(100))),
        ("address", json!("")),
        ("address", json!("é".repeat(200))),
        ("phone", json!("")),
        ("phone", json!("+49 151 2345 6789")),
        ("tax_number", json!("")),
        ("tax_number", json!("SIRET 380 129 866 46850")),
        ("systems", json!([])),
        ("systems", json!(["slack", "xero"])),
        ("policy", json!({ "approval_above": "0" })),
        ("policy", json!({ "approval_above": "0.01" })),
        ("policy", json!({ "retry_after_days": [0, 365] })),
        ("policy", json!({ "retry_after_days": vec![1; 10] })),
    ] {
        let mut changed = example.clone();
        changed[field] = value;
        let read = serde_json::from_value(changed.clone()).unwrap();
        assert!(settings::check(&read).is_ok(), "{}", changed[field]);
    }
}

#[test]
fn the_settings_of_a_clinic_are_refused_beyond_their_bounds_by_the_fields_name() {
    let example = &openapi::document()["components"]["schemas"]["SettingsRequest"]["examples"][0];
    let id = |length: usize| json!("a".repeat(length));
    for (field, value, named) in [
        ("id", json!("A B"), "id"),
        ("id", json!(""), "id"),
        ("id", id(41), "id"),
        ("id", json!("-a"), "id"),
        ("id", json!("ab_c"), "id"),
        ("id", json!("Ab"), "id"),
        ("name", json!(" "), "name"),
        ("name", json!(""), "name"),
        ("name", json!("x".repeat(101)), "name"),
        ("address", json!(" "), "address"),
        ("address", json!("x".repeat(201)), "address"),
        ("phone", json!(" "), "phone"),
        ("phone", json!("1".repeat(201)), "phone"),
        ("tax_number", json!(" "), "tax_number"),
        ("tax_number", json!("x".repeat(201)), "tax_number"),
        ("tax_number", json!("4242424242424242"), "tax_number"),
        (
            "policy",
            json!({ "approval_above": "-0.01" }),
            "policy.approval_above",
        ),
        (
            "policy",
            json!({ "retry_after_days": vec![1; 11] }),
            "policy.retry_after_days",
        ),
        (
            "policy",
            json!({ "retry_after_days": [1, 366] }),
            "policy.retry_after_days",
        ),
        ("time_zone", json!("Mars/Base"), "time_zone"),
        ("systems", json!(["fax"]), "systems[0]"),
        ("systems", json!(["slack", "slack"]), "systems[1]"),
        ("policy", json!({ "gateway": "cash" }), "policy.gateway"),
        (
            "policy",
            json!({ "approval_above": "-1" }),
            "policy.approval_above",
        ),
        (
            "policy",
            json!({ "retry_after_days": [366] }),
            "policy.retry_after_days",
        ),
    ] {
        let mut changed = example.clone();
        changed[field] = value;
        let changed = serde_json::from_value(changed).unwrap();
        let problem = Problem::from(settings::check(&changed).expect_err(named));
        assert_eq!(problem.body().field.as_deref(), Some(named));
    }
}
