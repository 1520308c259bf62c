//! Lists whose pages end before `limit`, and ids that no row can have.

use crate::money::pays;
use crate::stack::Clinic;
use meridian::domain::case::Case;
use meridian::domain::task::{Alert, Matter};
use meridian::flows::tasks::raise;
use meridian::io::store::{List, Row, Write};
use meridian::records::case::{pk as case_pk, row as case_row, status_row};
use meridian::records::delivery::{DeliveryRow, State};
use meridian::records::event::EventRow;
use meridian::words::ids;
use serde_json::{Value, json};

#[tokio::test]
async fn a_list_goes_on_where_a_page_ended_at_one_megabyte() {
    // The seven of the last page are more than 1 MB, too: it is the last all the same.
    const ROWS: usize = 32;
    let clinic = Clinic::new().await;
    let case = ids::random();
    for n in 0..ROWS {
        let task = json!({
            "id": format!("person-{n}"),
            "work": { "work": "person", "alert": "contradiction", "note": "n".repeat(150_000) },
            "due": "2026-11-20T09:00:00Z",
        });
        let row = Row::new(case_pk(&clinic.id, &case), format!("task#person-{n}"))
            .json("data", &task)
            .text("state", "open")
            .number("version", 1)
            .listed(
                List::new(format!("{}#tasks", clinic.id)),
                format!("{n:015}#{case}"),
            );
        clinic.write(Write::Put(row)).await;
    }
    let (mut seen, mut pages, mut path) = (0, 0, "/v1/tasks?limit=50".to_owned());
    loop {
        let page = clinic.get(&path).await;
        seen += page["tasks"].as_array().map_or(0, Vec::len);
        pages += 1;
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/tasks?limit=50&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ROWS);
    assert_eq!(pages, 2, "a page ends at 1 MB, and the last says so");
}

#[tokio::test]
async fn an_id_that_no_row_can_have_is_not_found() {
    let clinic = Clinic::new().await;
    let long = "x".repeat(890);
    for id in [long.as_str(), "%00", "..", "a#b", "'"] {
        for (method, path) in [
            ("GET", format!("/v1/invoices/{id}")),
            ("GET", format!("/v1/payments/{id}")),
            ("GET", format!("/v1/patients/{id}")),
            ("GET", format!("/v1/refunds/{id}")),
            ("GET", format!("/v1/appointments/{id}")),
            ("POST", format!("/v1/appointments/{id}/cancel")),
            ("GET", format!("/v1/appointment-types/{id}")),
            ("GET", format!("/v1/integrations/{id}")),
            ("DELETE", format!("/v1/keys/{id}")),
            ("POST", format!("/v1/tasks/{id}/{id}/done")),
            ("POST", format!("/v1/tasks/stripe:{id}/person-{id}/done")),
            ("POST", format!("/v1/deliveries/{id}/xero.{id}/repeat")),
            ("POST", format!("/v1/events/stripe:{id}/replay")),
            ("GET", format!("/v1/audit?case={id}")),
        ] {
            clinic.call(method, &path, &Value::Null).await.expect(404);
        }
        let path = format!("/v1/events?source={id}&vendor_event_id={id}");
        let found = clinic.call("GET", &path, &Value::Null).await;
        assert!(matches!(found.status, 200 | 422), "{found:?}");
    }
}

#[tokio::test]
async fn a_list_is_asked_for_only_what_it_can_hold() {
    let clinic = Clinic::new().await;
    for (query, field) in [
        ("state=posted", None),
        ("state=Posted", Some("state")),
        ("state=nonsense", Some("state")),
        ("since=2026-01-31T09:00:00Z", None),
        ("since=yesterday", Some("since")),
    ] {
        let path = format!("/v1/events?{query}");
        let answer = clinic.call("GET", &path, &Value::Null).await;
        match field {
            None => drop(answer.expect(200)),
            Some(field) => assert_eq!(answer.expect(422)["field"], field, "{query}"),
        }
    }
}

/// An event that came, as a row of the list.
type Came = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    i64,
);

#[tokio::test]
async fn of_all_events_those_are_listed_that_fit_every_filter() {
    let clinic = Clinic::new().await;
    let time = |minute: i64| {
        let first: jiff::Timestamp = "2026-11-20T09:00:00Z".parse().expect("a time");
        meridian::words::time::after(first, minute * 60)
    };
    let all: [Came; 5] = [
        ("stripe", "evt_1", Some("pi_1"), "posted", 0),
        ("stripe", "evt_2", Some("pi_2"), "waiting", 1),
        ("mollie", "evt_1", Some("pi_1"), "quarantined", 2),
        ("mollie", "evt_3", None, "posted", 3),
        ("stripe", "evt_3", Some("pi_1"), "ignored", 4),
    ];
    for (source, id, reference, state, minute) in all {
        let mut event = EventRow::new(&clinic.id, source, id, "x", time(minute));
        event.gateway_ref = reference.map(String::from);
        clinic.write(Write::Put(event.row(state))).await;
    }
    let shown = |page: &Value| -> Vec<String> {
        let events = page["events"].as_array().expect("a list").iter();
        events
            .map(|event| event["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let mut found = 0;
    for source in ["", "stripe", "mollie"] {
        for id in ["", "evt_1", "evt_3"] {
            for reference in ["", "pi_1", "pi_9"] {
                for state in ["", "posted", "quarantined"] {
                    for since in [0, 2, 5] {
                        let fits = |of: &&Came| {
                            (source.is_empty() || of.0 == source)
                                && (id.is_empty() || of.1 == id)
                                && (reference.is_empty() || of.2 == Some(reference))
                                && (state.is_empty() || of.3 == state)
                                && of.4 >= since
                        };
                        // The newest first.
                        let wanted = all.iter().rev().filter(fits);
                        let wanted: Vec<_> =
                            wanted.map(|of| format!("{}:{}", of.0, of.1)).collect();
                        let named = [
                            ("source", source),
                            ("vendor_event_id", id),
                            ("gateway_ref", reference),
                            ("state", state),
                        ];
                        let named = named.iter().filter(|(_, value)| !value.is_empty());
                        let named = named.map(|(name, value)| format!("&{name}={value}"));
                        let query: String = named.collect();
                        let path = format!("/v1/events?since={}{query}", time(since));
                        let page = clinic.get(&path).await;
                        assert_eq!(shown(&page), wanted, "{path}");
                        found += wanted.len();
                    }
                }
            }
        }
    }
    assert!(found > 50, "{found}");
    // A page ends where it is full, and the next goes on behind it.
    let mut path = "/v1/events?gateway_ref=pi_1&limit=1".to_owned();
    for wanted in [
        vec!["stripe:evt_3"],
        vec!["mollie:evt_1"],
        vec!["stripe:evt_1"],
    ] {
        let page = clinic.get(&path).await;
        assert_eq!(shown(&page), wanted, "{path}");
        let next = page["next"].as_str().expect("it goes on");
        path = format!("/v1/events?gateway_ref=pi_1&limit=1&before={next}");
    }
    let page = clinic.get(&path).await;
    assert_eq!((shown(&page).len(), &page["next"]), (0, &Value::Null));
}

/// All ids of a list of invoices, read page by page.
async fn all_invoices(clinic: &Clinic, query: &str, limit: usize) -> Vec<String> {
    let (mut all, mut before) = (vec![], String::new());
    loop {
        let path = format!("/v1/invoices?limit={limit}{query}{before}");
        let page = clinic.get(&path).await;
        let shown = page["invoices"].as_array().expect("a list");
        assert!(shown.len() <= limit, "{path}");
        let ids = shown.iter().map(|one| one["id"].as_str().expect("an id"));
        all.extend(ids.map(String::from));
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}

/// In Melbourne a day begins at 13:00 UTC in summer.
fn last_of_the_20th() -> jiff::Timestamp {
    "2026-11-20T12:59:59.999Z".parse().expect("a time")
}

/// A case as no request makes it: when, for whom and for which appointment.
async fn made(clinic: &Clinic, n: usize, patients: [Option<&str>; 3]) -> Case {
    let id = clinic.invoice(None).await;
    let found = clinic.app.case(&clinic.id, &id).await;
    let mut case = found.expect("a table").expect("a case");
    case.created_at =
        last_of_the_20th() + jiff::SignedDuration::from_millis([0, 1, 86_400_000][n % 3]);
    case.patient = patients[n / 3 % 3].map(String::from);
    case.appointment = n.is_multiple_of(2).then(|| format!("A-{}", n % 4));
    case.bill.invoice_mut().void = n.is_multiple_of(5);
    let data = serde_json::to_string(&case).expect("plain data");
    clinic.write(Write::Put(case_row(&case, data))).await;
    clinic.write(Write::Put(status_row(&case))).await;
    case
}

#[tokio::test]
async fn of_all_invoices_those_are_listed_that_fit_every_filter_however_pages_end() {
    let clinic = Clinic::new().await;
    let (one, other) = (ids::random(), ids::random());
    let mut cases = vec![];
    for n in 0..18 {
        cases.push(made(&clinic, n, [None, Some(&one), Some(&other)]).await);
    }
    cases.sort_by_key(|case| std::cmp::Reverse((case.created_at, case.id.clone())));
    let mut found = 0_usize;
    for status in ["", "open", "void", "paid"] {
        for patient in ["", &one, &other] {
            for appointment in ["", "A-0", "A-2", "A-9"] {
                for day in ["", "2026-11-20", "2026-11-21", "2026-11-22"] {
                    let of_day = |case: &Case| match day {
                        "2026-11-20" => case.created_at == last_of_the_20th(),
                        "2026-11-21" => case.created_at > last_of_the_20th(),
                        day => day.is_empty(),
                    };
                    let fits = |case: &&Case| {
                        (status.is_empty() || case.status().name() == status)
                            && (patient.is_empty() || case.patient.as_deref() == Some(patient))
                            && (appointment.is_empty()
                                || case.appointment.as_deref() == Some(appointment))
                            && of_day(case)
                    };
                    let wanted: Vec<_> = cases.iter().filter(fits).map(|c| &c.id).collect();
                    let named = [
                        ("status", status),
                        ("patient", patient),
                        ("appointment", appointment),
                        ("day", day),
                    ];
                    let named = named.iter().filter(|(_, value)| !value.is_empty());
                    let named = named.map(|(name, value)| format!("&{name}={value}"));
                    let query: String = named.collect();
                    let limit = if found.is_multiple_of(2) { 2 } else { 50 };
                    let all = all_invoices(&clinic, &query, limit).await;
                    assert!(all.iter().eq(wanted.iter().copied()), "{query}");
                    found += wanted.len() + 1;
                }
            }
        }
    }
    assert!(found > 300, "{found}");
    for (query, field) in [("day=soon", "day"), ("patient=P-1", "patient")] {
        let path = format!("/v1/invoices?{query}");
        let refused = clinic.call("GET", &path, &Value::Null).await;
        assert_eq!(refused.expect(422)["field"], field);
    }
}

#[tokio::test]
async fn of_what_was_told_and_asked_that_is_listed_which_is_looked_for() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    clinic.spreads(&case).await;
    let key = clinic.told_key(&case, "xero", "invoice-issued").await;
    let row = clinic.app.store.get(&key.pk, &key.sk).await;
    let told = DeliveryRow::read(&row.expect("a table").expect("a row")).expect("a delivery");
    let listed = async |query: &str| {
        let page = clinic.get(&format!("/v1/deliveries?{query}")).await;
        page["deliveries"].as_array().map_or(0, Vec::len)
    };
    for state in State::ALL {
        let ended = DeliveryRow {
            state,
            ..told.clone()
        };
        clinic.write(Write::Put(ended.row())).await;
        for other in State::ALL {
            let found = usize::from(state == other);
            let name = other.name();
            for query in [
                format!("state={name}"),
                format!("state={name}&system=xero"),
                format!("state={name}&case={case}"),
            ] {
                assert_eq!(listed(&query).await, found, "{} and {query}", state.name());
            }
            assert_eq!(listed(&format!("state={name}&system=slack")).await, 0);
        }
    }
    let tasks = async |alert: &str| {
        let page = clinic.get(&format!("/v1/tasks?alert={alert}")).await;
        page["tasks"].as_array().map_or(0, Vec::len)
    };
    let settings = clinic.app.settings_of(&clinic.id).await.expect("a clinic");
    let pk = case_pk(&clinic.id, &case);
    let matter = Matter::of(Alert::Overpaid).words("why");
    let raised = raise(&clinic.app, &settings, &pk, "x", matter).await;
    raised.expect("it is raised");
    assert_eq!((tasks("overpaid").await, tasks("blocked").await), (1, 0));
    let done = format!("/v1/tasks/{case}/person-x/done");
    clinic.post(&done, Value::Null).await.expect(200);
    assert_eq!(tasks("overpaid").await, 0);
    for (path, field) in [
        ("/v1/tasks?alert=bored", "alert"),
        ("/v1/deliveries?state=lost", "state"),
        ("/v1/deliveries?system=stripe", "system"),
        ("/v1/refunds?patient=P-1", "patient"),
    ] {
        let refused = clinic.call("GET", path, &Value::Null).await;
        assert_eq!(refused.expect(422)["field"], field);
    }
}

#[tokio::test]
async fn refunds_are_found_by_whose_invoices_they_are_of() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    for of in [Some(patient.as_str()), None] {
        let case = clinic.invoice(of).await;
        let page = json!({ "collect": "checkout" });
        let charges = format!("/v1/invoices/{case}/charges");
        clinic.post(&charges, page).await.expect(202);
        pays(&clinic, &case).await;
        let refund = json!({ "invoice": case });
        clinic.post("/v1/refunds", refund).await.expect(202);
    }
    let all = clinic.get("/v1/refunds").await;
    let own = clinic.get(&format!("/v1/refunds?patient={patient}")).await;
    assert_eq!(all["refunds"].as_array().map(Vec::len), Some(2));
    // The newest first.
    assert_eq!(own["refunds"], json!([all["refunds"][1]]));
    let other = clinic
        .get(&format!("/v1/refunds?patient={}", ids::random()))
        .await;
    assert_eq!(other["refunds"], json!([]));
}
