//! Cliniko's lists: what is asked, by which a portion goes on, and what an appointment says; and what
//! is called off there, as it was here.

use super::*;
use jiff::Timestamp;
use meridian::contract::CancelledBy;
use meridian::contract::{Faces, Item, Notice, Poll, Portion, Trouble, Window};
use meridian::domain::visit_fact::{Stands, VisitFact};
use meridian::vendors::cliniko::SYSTEM;
use serde_json::{Value, json as value};

fn list(name: &str) -> (&'static Faces, &'static Poll) {
    let mut all = vendors::polls_of("cliniko");
    all.find(|(_, poll)| poll.name == name).expect("a list")
}

pub const SECRETS: &[(&str, &str)] = &[
    ("api_key", "MS0xLWZha2U-au1"),
    ("contact_email", "ops@example.test"),
];
pub const VISIT: &str = "514810976034364376";

fn account() -> Account {
    demo(&SYSTEM)
}

/// One that is to come, but for this.
fn appointment(other: Value) -> Value {
    let mut one = value!({"id": VISIT, "starts_at": "2026-11-30T09:00:00Z",
        "updated_at": "2026-11-21T09:00:00Z", "cancelled_at": null, "deleted_at": null,
        "archived_at": null, "did_not_arrive": false, "patient_arrived": false,
        "patient": {"links": {"self": "https://api.au1.cliniko.com/v1/patients/82"}}});
    let other = other.as_object().expect("fields").clone();
    one.as_object_mut().expect("fields").extend(other);
    one
}

/// The answer to who reads it.
pub fn there(other: Value) -> Reply {
    json(200, appointment(other))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window(after: Option<&str>) -> Window {
    Window {
        from: at("2026-11-21T00:00:00.5Z"),
        until: at("2026-11-22T00:00:00Z"),
        after: after.map(String::from),
    }
}

fn portion(window: &Window, reply: Reply) -> (Request, Result<Portion<Item>, Trouble>) {
    let (_, poll) = list("appointments");
    let (mut asked, read) = talked(poll.read, window, &account(), &[reply]);
    (asked.remove(0), read)
}

/// A page of appointments that changed then, and whether there is another.
fn page(changed: &[&str], more: bool) -> Reply {
    let one = |(n, changed): (usize, &&str)| {
        value!({"id": n.to_string(), "starts_at": "2026-11-30T09:00:00Z", "updated_at": changed,
            "patient": {"links": {"self": "https://api.au1.cliniko.com/v1/patients/82"}}})
    };
    let all: Vec<_> = changed.iter().enumerate().map(one).collect();
    let links = if more {
        value!({"next": LINK})
    } else {
        value!({})
    };
    json(
        200,
        value!({"individual_appointments": all, "total_entries": 9, "links": links}),
    )
}

const LINK: &str = "https://api.au1.cliniko.com/v1/individual_appointments?page=2";

/// The exchange as it goes over the wire fits the vendor's contract.
fn fits(request: &Request, reply: &Reply) {
    let Some(contracts) = contracts() else { return };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&request.query)
        .finish();
    let path = match query.is_empty() {
        true => request.path.clone(),
        false => format!("{}?{query}", request.path),
    };
    let (faces, _) = list("appointments");
    let headers = (faces.vendor.headers)(&account()).into_iter();
    let headers = headers.map(|(name, text)| (name.to_owned(), text));
    let headers = headers.chain([("authorization".into(), "Basic x".into())]);
    let problems = contracts.check(&Exchange {
        vendor: "cliniko".into(),
        method: request.method.clone(),
        path,
        request_headers: headers.collect(),
        request_body: vec![],
        status: reply.status,
        response_headers: reply.headers.clone(),
        response_body: reply.body.clone(),
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn what_changed_in_a_window_is_asked_for_in_whole_seconds_and_in_order() {
    let reply = page(&["2026-11-21T00:00:00Z"], false);
    let (asked, read) = portion(&window(None), reply.clone());
    assert_eq!(asked.path, "/v1/individual_appointments");
    let query = [
        ("q[]", "updated_at:>2026-11-20T23:59:59Z"),
        ("sort", "updated_at:asc"),
        ("per_page", "100"),
    ];
    assert_eq!(
        asked.query,
        query.map(|(name, text)| (name.into(), text.into()))
    );
    assert!(read.expect("a portion").next.is_none());
    fits(&asked, &reply);
    let (asked, _) = portion(&window(Some("2026-11-21T10:00:00Z")), reply.clone());
    assert_eq!(asked.query[0].1, "updated_at:>2026-11-21T09:59:59Z");
    let (asked, _) = portion(&window(Some(LINK)), reply);
    assert_eq!(asked.host.as_deref(), Some("https://api.au1.cliniko.com"));
}

#[test]
fn a_portion_goes_on_at_a_time_unless_only_the_vendors_link_leads_on() {
    let (eight, nine, late) = (
        "2026-11-21T08:00:00Z",
        "2026-11-21T09:00:00Z",
        "2026-11-22T00:00:00Z",
    );
    for (changed, more, items, next) in [
        (vec![eight, nine], true, 2, Some(nine)),
        (vec![eight, nine], false, 2, None),
        // All within one second, or out of order.
        (vec![nine, nine], true, 2, Some(LINK)),
        (vec![nine, eight], true, 2, Some(LINK)),
        (vec![eight, "soon"], true, 2, Some(LINK)),
        (vec![], true, 0, Some(LINK)),
        // What changed since the window ended is in the next one.
        (vec![nine, late], true, 1, None),
        (vec![late, eight], true, 1, Some(LINK)),
    ] {
        let (_, read) = portion(&window(None), page(&changed, more));
        let read = read.expect("a portion");
        assert_eq!(read.next.as_deref(), next, "{changed:?}");
        assert_eq!(read.items.len(), items, "{changed:?}");
    }
}

fn fact(item: &Item) -> VisitFact {
    match &item.notice {
        Ok(Notice::Visit(fact)) => *fact.clone(),
        other => panic!("{other:?} is no visit"),
    }
}

/// What one appointment says that is otherwise than one that is to come.
fn said(other: Value) -> Item {
    let reply = json(
        200,
        value!({"individual_appointments": [appointment(other)], "total_entries": 1}),
    );
    let (_, read) = portion(&window(None), reply);
    read.expect("a portion").items.remove(0)
}

#[test]
fn an_appointment_stands_as_its_times_and_marks_say() {
    let then = "2026-11-21T08:00:00Z";
    for (other, stands) in [
        (value!({}), Stands::Booked),
        (value!({"patient_arrived": true}), Stands::Completed),
        (value!({"did_not_arrive": true}), Stands::NoShow),
        (
            value!({"did_not_arrive": true, "patient_arrived": true}),
            Stands::NoShow,
        ),
        (
            value!({"cancelled_at": then, "patient_arrived": true}),
            Stands::Cancelled,
        ),
        (
            value!({"deleted_at": then, "cancelled_at": then}),
            Stands::Deleted,
        ),
        (value!({"archived_at": then}), Stands::Deleted),
        (
            value!({"archived_at": then, "patient_arrived": true}),
            Stands::Completed,
        ),
    ] {
        assert_eq!(fact(&said(other.clone())).stands, stands, "{other}");
    }
}

#[test]
fn an_event_is_one_change_of_an_appointment_and_one_that_cannot_be_read_names_the_field() {
    let (plain, again) = (said(value!({})), said(value!({})));
    assert_eq!(plain.id, again.id);
    // Two changes may fall into one second.
    assert_ne!(plain.id, said(value!({"patient_arrived": true})).id);
    let numbered = said(value!({"id": 7}));
    assert_eq!(fact(&numbered).id, "7", "numbers are ids as well");
    for (other, field) in [
        (value!({"starts_at": "Juniper"}), "starts_at"),
        (value!({"id": ["Juniper"]}), "id"),
        (value!({"patient": null}), "patient"),
    ] {
        let item = said(other);
        assert!(item.id.is_some());
        let why = item.notice.expect_err("it cannot be read").0;
        assert!(why.contains(field) && !why.contains("Juniper"), "{why}");
    }
}

#[test]
fn what_the_vendors_own_example_says_is_understood() {
    let Some(file) = official("cliniko/fixtures/appointments-cancelled-list.json") else {
        return;
    };
    let reply = json(200, file["response"]["body"].clone());
    let (_, poll) = list("cancelled");
    let (asked, read) = talked(
        poll.read,
        &window(None),
        &account(),
        std::slice::from_ref(&reply),
    );
    fits(&asked[0], &reply);
    let read = read.expect("a portion");
    let fact = fact(&read.items[0]);
    let named = [fact.of_type, fact.practitioner, fact.site].map(|id| id.expect("an id"));
    assert_eq!(
        (fact.id.as_str(), fact.patient.as_str()),
        ("514810976034364376", "82")
    );
    assert_eq!(named, ["2", "1", "1"]);
    assert_eq!(fact.stands, Stands::Cancelled);
    assert_eq!(fact.starts_at, at("2026-11-23T03:45:00Z"));
    assert_eq!(fact.at, at("2026-11-21T15:10:08Z"));
}

#[test]
fn too_many_calls_are_waited_out_by_the_vendors_own_clock() {
    let busy = |headers: &[(&str, &str)]| Reply {
        status: 429,
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect(),
        body: b"{}".into(),
    };
    let (date, reset) = ("Sat, 21 Nov 2026 10:00:00 GMT", "1795255242");
    for (headers, wait) in [
        (vec![("X-RateLimit-Reset", reset), ("Date", date)], 42),
        (vec![("X-RateLimit-Reset", "1795255100"), ("Date", date)], 1),
        (vec![("X-RateLimit-Reset", reset)], 60),
        (vec![], 60),
    ] {
        let (_, read) = portion(&window(None), busy(&headers));
        let trouble = read.err().expect("it takes no calls");
        assert!(
            matches!(trouble, Trouble::Later { seconds, .. } if seconds == wait),
            "{trouble}"
        );
    }
}

#[test]
fn a_patient_is_reached_by_what_is_surely_an_address_or_a_number() {
    let (faces, _) = list("appointments");
    let read = faces.patient.expect("it is asked who a patient is");
    let phones = |all: &[&str]| {
        all.iter()
            .map(|number| value!({"phone_type": "Mobile", "number": number}))
            .collect::<Vec<_>>()
    };
    let whole = json(
        200,
        value!({"id": "82", "first_name": "Juniper", "last_name": "Vale",
        "email": "", "patient_phone_numbers": phones(&["0370 100 142", "+61 (370) 100-142"])}),
    );
    let (asked, person) = talked(read, "82", &account(), std::slice::from_ref(&whole));
    assert_eq!(asked[0].path, "/v1/patients/82");
    fits(&asked[0], &whole);
    let person = person.expect("a person");
    assert_eq!((person.name.as_str(), person.email), ("Juniper Vale", None));
    assert_eq!(person.phone.as_deref(), Some("+61370100142"));
    let bare = heard(read, "82", &account(), &[json(200, value!({"id": "82"}))]);
    assert_eq!(bare.expect("a person"), Default::default());
    let (asked, odd) = talked(read, "../keys", &account(), &[]);
    assert!(asked.is_empty() && odd.is_err(), "it goes into no address");
}

fn step() -> &'static Effect<Notification, ExternalId> {
    &steps(&SYSTEM, Topic::VisitCancelled)[0]
}

/// What is asked and sent where the appointment is so, and what comes of it.
fn called_off(there: &Reply) -> (Vec<Request>, Result<Request, Trouble>) {
    let ask = told(Topic::VisitCancelled);
    let replies = std::slice::from_ref(there);
    talked(step().build, &ask, &account(), replies)
}

#[test]
fn what_is_called_off_here_is_called_off_there_as_the_vendors_own_example_has_it() {
    let (asked, request) = called_off(&there(value!({})));
    let path = format!("/v1/individual_appointments/{VISIT}");
    assert_eq!((&*asked[0].method, &asked[0].path), ("GET", &path));
    holds(&SYSTEM, &asked[0], &account(), Some(&there(value!({}))));
    let request = request.expect("a request");
    assert_eq!(request.method, "PATCH");
    assert_eq!(request.path, path + "/cancel");
    let note = told(Topic::VisitCancelled).message.subject;
    let wanted = value!({"cancellation_reason": 50, "cancellation_note": note});
    assert_eq!(*body(&request), wanted);
    let taken = Reply {
        status: 204,
        headers: vec![],
        body: vec![],
    };
    holds(&SYSTEM, &request, &account(), Some(&taken));
    let filed = (step().parse)(&told(Topic::VisitCancelled), &taken, &account());
    assert_eq!(filed, Ok(ExternalId(None)));
    if let Some(file) = official("cliniko/fixtures/appointment-cancel.json") {
        let example = &file["request"];
        assert_eq!(example["method"], *request.method);
        assert_eq!(example["path"], *request.path);
        let names = |body: &Value| body.as_object().expect("fields").keys().cloned().collect();
        let (own, its): (Vec<_>, Vec<_>) = (names(body(&request)), names(&example["body"]));
        assert_eq!(own, its);
    }
}

#[test]
fn the_clinic_says_which_reason_is_filed_of_whom() {
    let both = [("patient_reason", "30"), ("clinic_reason", "40")];
    for (chosen, by, reason) in [
        (&both[..0], Some(CancelledBy::Patient), 50),
        (&both[..], Some(CancelledBy::Patient), 30),
        (&both[..], Some(CancelledBy::Clinic), 40),
        (&both[..], None, 40),
        (&both[..1], None, 50),
    ] {
        let account = account_with(chosen).expect("an account");
        let mut ask = told(Topic::VisitCancelled);
        ask.stood.cancelled_by = by;
        let request = heard(step().build, &ask, &account, &[there(value!({}))]);
        let request = request.expect("a request");
        assert_eq!(body(&request)["cancellation_reason"], reason, "{by:?}");
    }
    assert!(account_with(&[("patient_reason", "51")]).is_err());
}

fn account_with(chosen: &[(&str, &str)]) -> Result<Account, String> {
    let all = SECRETS.iter().chain(chosen);
    let fields: BTreeMap<String, String> = all
        .map(|(name, text)| ((*name).into(), (*text).into()))
        .collect();
    Account::load(SYSTEM.vendor.fields, fields)
}

#[test]
fn what_does_not_stand_as_booked_there_is_not_called_off_and_what_is_not_said_is_asked_again() {
    let then = "2026-11-21T08:00:00Z";
    let look = |reply: &Reply| {
        let look = search(step());
        heard(
            look,
            &told(Topic::VisitCancelled),
            &account(),
            std::slice::from_ref(reply),
        )
    };
    for over in [
        there(value!({"cancelled_at": then})),
        there(value!({"archived_at": then})),
        there(value!({"deleted_at": then})),
        there(value!({"did_not_arrive": true})),
        there(value!({"patient_arrived": true})),
        json(404, value!({"message": "not found"})),
    ] {
        let (_, end) = called_off(&over);
        assert_eq!(end, Err(Trouble::Exists(String::new())), "{over:?}");
        assert_eq!(look(&over), Ok(Some(ExternalId(None))), "{over:?}");
    }
    assert_eq!(look(&there(value!({}))), Ok(None));
    let busy = Reply {
        status: 429,
        headers: vec![],
        body: b"{}".into(),
    };
    let (_, end) = called_off(&busy);
    assert_eq!(end, Err(Trouble::busy(60)));
    let taken = (step().parse)(&told(Topic::VisitCancelled), &busy, &account());
    assert_eq!(taken, Err(Trouble::busy(60)));
    for silent in [json(500, value!({})), json(200, value!({"id": "7"}))] {
        let (_, end) = called_off(&silent);
        let end = end.expect_err("no answer");
        assert!(
            matches!(end, Trouble::Unclear(_) | Trouble::Unreadable(_)),
            "{end}"
        );
        assert!(look(&silent).is_err());
    }
}
