//! Lists that are asked, and what Cliniko's say of visits: no gap and no double whatever goes wrong,
//! and only what changed there is said here.

use crate::money::{eur, happens};
use crate::permissions::unchanged;
use crate::stack::{Clinic, app, lines};
use crate::unclear::{charge_at, good, report, transaction};
use crate::vendors::{Heard, Said, answer, connect, heard, ok};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use meridian::contract::{Item, Notice};
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::payment::State;
use meridian::flows::posting::{self, Polled};
use meridian::flows::{invoicing, polls};
use meridian::io::store::{Row, Write};
use meridian::records::poll::{self, PollRow, ReadSoFar};
use meridian::records::{appointment, task};
use meridian::words::ids as words;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const NINE: &str = "2031-11-20T09:00:00Z";
const NOON: &str = "2031-11-20T12:00:00Z";

/// A practice at Cliniko, whose lists hold few on a page.
#[derive(Clone, Default)]
pub struct Practice(Arc<Mutex<Lists>>);

#[derive(Default)]
struct Lists {
    appointments: BTreeMap<u64, Value>,
    /// What is said in place of the next answers of a list.
    instead: Vec<Said>,
    /// How a page is turned around before it is shown.
    shuffled: bool,
    /// Where links to the next page lead.
    host: Option<&'static str>,
}

const PAGE: usize = 3;

pub fn before(seconds: i64) -> Timestamp {
    let at = Timestamp::now() - SignedDuration::from_secs(seconds);
    Timestamp::from_second(at.as_second()).expect("a time")
}

fn link(kind: &str, id: &str) -> Value {
    json!({ "links": { "self": format!("https://api.au1.cliniko.com/v1/{kind}/{id}") } })
}

impl Practice {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An appointment that changed then, with what is otherwise than in a new one.
    pub fn has(&self, id: u64, changed: Timestamp, other: Value) {
        let mut new = json!({
            "id": id.to_string(), "starts_at": NINE, "updated_at": changed, "cancelled_at": null,
            "did_not_arrive": false, "patient_arrived": false, "deleted_at": null,
            "appointment_type": link("appointment_types", "7"), "patient": link("patients", "82"),
            "practitioner": link("practitioners", "3"), "business": link("businesses", "1"),
        });
        let other = other.as_object().expect("fields").clone();
        new.as_object_mut().expect("fields").extend(other);
        self.lists().appointments.insert(id, new);
    }

    /// The list of what was cancelled, or of the rest.
    fn page(&self, heard: &Heard) -> Said {
        let mut lists = self.lists();
        if !lists.instead.is_empty() {
            return lists.instead.remove(0);
        }
        let query: Vec<(String, String)> = form_urlencoded::parse(heard.query.as_bytes())
            .into_owned()
            .collect();
        let of = |name: &str| {
            query
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        let since = of("q[]").and_then(|q| q.strip_prefix("updated_at:>"));
        let since = since.expect("a time");
        let page: usize = of("page").map_or(1, |page| page.parse().expect("a number"));
        let cancelled = heard.what.ends_with("/cancelled");
        let shown = |one: &&Value| {
            one["cancelled_at"].is_string() == cancelled && one["updated_at"].as_str() > Some(since)
        };
        let mut all: Vec<_> = lists.appointments.values().filter(shown).cloned().collect();
        all.sort_by_key(|one| one["updated_at"].to_string());
        let rest = all.split_off(all.len().min(PAGE * (page - 1)));
        let more = rest.len() > PAGE;
        let mut some: Vec<_> = rest.into_iter().take(PAGE).collect();
        if lists.shuffled {
            some.reverse();
        }
        let host = lists.host.unwrap_or("https://api.au1.cliniko.com");
        let next = format!(
            "{host}/v1/individual_appointments?q%5B%5D=updated_at:%3E{since}&page={}",
            page + 1
        );
        let links = if more {
            json!({ "next": next })
        } else {
            json!({})
        };
        ok(json!({ "individual_appointments": some, "total_entries": all.len(), "links": links }))
    }

    /// The appointment at this path.
    fn one(&self, path: &str) -> Option<Value> {
        let id = path.strip_prefix("individual_appointments/")?;
        self.lists().appointments.get(&id.parse().ok()?).cloned()
    }

    pub fn says(&self, heard: &Heard) -> Said {
        match heard.what.strip_prefix("GET /cliniko/v1/") {
            Some("patients/82") => ok(json!({
                "id": "82", "first_name": "Juniper", "last_name": "Vale",
                "email": "juniper@example.test",
                "patient_phone_numbers": [{ "number": "0370 100 142" }, { "number": "+61 370 100 142" }],
            })),
            Some(one) if self.one(one).is_some() => ok(self.one(one).unwrap_or_default()),
            Some(list) if list.starts_with("individual_appointments") => self.page(heard),
            _ => Said::Reply(404, json!({ "message": "not found" })),
        }
    }
}

/// A clinic that is connected to a practice since 45 days, and was read until now.
pub async fn connected() -> (Clinic, Practice) {
    let (clinic, practice) = (Clinic::new().await, Practice::default());
    let all = practice.clone();
    connect(&clinic, "cliniko", move |heard| all.says(heard)).await;
    let since = before(45 * 86_400);
    reads_since(&clinic, since, before(0)).await;
    (clinic, practice)
}

async fn row(clinic: &Clinic, list: &str) -> Row {
    let pk = poll::pk(&clinic.id, "cliniko");
    let row = clinic.app.store.get(&pk, &poll::sk(list)).await;
    row.expect("a table").expect("a row")
}

/// Both lists as they would be had nobody asked since.
async fn reads_since(clinic: &Clinic, since: Timestamp, from: Timestamp) {
    for list in ["appointments", "cancelled"] {
        let known = PollRow::read(&row(clinic, list).await).expect("a poll");
        let so_far = ReadSoFar {
            from,
            ..ReadSoFar::since(since)
        };
        clinic.write(known.write(&so_far, Some(from))).await;
    }
}

/// Has a list worked off once, as if its time had come.
async fn polls_list(clinic: &Clinic, list: &str) -> PollRow {
    let due = row(clinic, list).await;
    polls::work_off(&clinic.app, &due).await.expect("a run");
    PollRow::read(&row(clinic, list).await).expect("a poll")
}

pub async fn polls(clinic: &Clinic) {
    for list in ["appointments", "cancelled"] {
        polls_list(clinic, list).await;
    }
}

pub async fn shown(clinic: &Clinic, id: &str) -> Value {
    clinic.get(&format!("/v1/appointments/{id}")).await
}

async fn ids(clinic: &Clinic) -> Vec<String> {
    let all = clinic.get("/v1/appointments?limit=100").await;
    let all = all["appointments"].as_array().expect("a list").iter();
    let mut ids: Vec<_> = all
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    ids
}

/// How often each list or patient was asked for.
fn asked(clinic: &Clinic, path: &str) -> usize {
    let what = format!("GET /cliniko/v1/{path}");
    heard(clinic)
        .iter()
        .filter(|heard| heard.what == what)
        .count()
}

/// All rows but those that say how far a list was read, and who was shown what.
async fn rows(clinic: &Clinic) -> BTreeMap<String, Value> {
    let mut rows = clinic.rows().await;
    rows.retain(|key, _| !key.contains("#poll#"));
    rows
}

async fn offers_type(clinic: &Clinic, id: &str, price: &str) {
    let new = json!({
        "id": id, "name": "Initial visit", "label": "Appointment", "price": eur(price),
        "tax_rate": "10",
    });
    clinic.post("/v1/appointment-types", new).await.expect(201);
}

pub async fn notes(clinic: &Clinic) -> Vec<String> {
    let all = clinic.open_tasks().await.into_iter();
    all.map(|task| task["note"].as_str().expect("words").to_owned())
        .collect()
}

#[tokio::test]
async fn an_outage_of_forty_days_is_caught_up_with_no_gap_and_no_double() {
    let (clinic, practice) = connected().await;
    reads_since(&clinic, before(45 * 86_400), before(40 * 86_400)).await;
    // Several within one day and within one second, and one from before it was connected.
    practice.has(1, before(46 * 86_400), json!({}));
    let mut wanted = vec![];
    for n in 0..50 {
        let second = 40 * 86_400 - (n / 4) * 3 * 86_400 - i64::from(n % 4 == 3) * 7000;
        practice.has(100 + n as u64, before(second.max(5)), json!({}));
        wanted.push((100 + n).to_string());
    }
    let mut runs = 0;
    loop {
        let read = polls_list(&clinic, "appointments").await;
        runs += 1;
        if row(&clinic, "appointments").await.due_at() > Timestamp::now().as_millisecond() {
            assert!(read.so_far.from >= before(60), "{read:?}");
            break;
        }
        assert!(runs < 20, "it never ends");
    }
    assert_eq!(ids(&clinic).await, wanted);
    // Who it is, is asked for what is new alone.
    assert_eq!(asked(&clinic, "patients/82"), 50);
    let before = rows(&clinic).await;
    reads_since(&clinic, self::before(45 * 86_400), self::before(3600)).await;
    polls(&clinic).await;
    unchanged(&before, &rows(&clinic).await, "read once more");
    assert_eq!(asked(&clinic, "patients/82"), 50);
}

#[tokio::test]
async fn a_crash_between_the_items_and_the_row_repeats_them_without_effect() {
    let (clinic, practice) = connected().await;
    for n in 1..=7 {
        practice.has(
            n,
            before(200 - n as i64),
            json!({ "patient_arrived": n == 7 }),
        );
    }
    let due = row(&clinic, "appointments").await;
    polls::work_off(&clinic.app, &due).await.expect("a run");
    assert_eq!(ids(&clinic).await.len(), 7);
    let posted = rows(&clinic).await;
    // The row as the process that died had left it.
    clinic.write(Write::Put(due.clone())).await;
    polls::work_off(&clinic.app, &due).await.expect("a run");
    unchanged(&posted, &rows(&clinic).await, "repeated");
    let row = PollRow::read(&row(&clinic, "appointments").await).expect("a poll");
    assert!(row.so_far.open.is_none() && row.so_far.from > before(60));
}

#[tokio::test]
async fn of_two_runs_at_once_one_moves_the_row_and_nothing_is_done_twice() {
    let (clinic, practice) = connected().await;
    for n in 1..=8 {
        practice.has(
            n,
            before(200 - n as i64),
            json!({ "patient_arrived": n > 4 }),
        );
    }
    offers_type(&clinic, "7", "60.00").await;
    let due = row(&clinic, "appointments").await;
    let version = due.version();
    let apps = [app(), app(), app()];
    let runs = apps.iter().map(|app| polls::work_off(app, &due));
    for run in join_all(runs).await {
        run.expect("a run");
    }
    let moved = row(&clinic, "appointments").await.version() - version;
    assert!(
        (1..=6).contains(&moved),
        "{moved}: each portion moves it once"
    );
    // Who lost against the others left it to them.
    for _ in 0..3 {
        polls_list(&clinic, "appointments").await;
    }
    assert_eq!(ids(&clinic).await.len(), 8);
    let events = clinic.get("/v1/events?limit=100").await;
    let events = events["events"].as_array().expect("events").iter();
    assert_eq!(events.filter(|one| one["source"] == "cliniko").count(), 8);
    let audit: Vec<_> = clinic.rows().await.into_values().collect();
    let audit = format!("{audit:?}");
    assert_eq!(audit.matches("appointment_completed ").count(), 4);
    assert!(notes(&clinic).await.is_empty());
}

#[tokio::test]
async fn where_the_vendor_forgot_the_place_the_window_is_begun_anew() {
    let (clinic, practice) = connected().await;
    for n in 1..=7 {
        // All within one second: only its own link leads on.
        practice.has(n, before(200), json!({}));
    }
    let first = row(&clinic, "appointments").await;
    polls::work_off(&clinic.app, &first).await.expect("a run");
    assert_eq!(ids(&clinic).await.len(), 7);
    for n in 11..=17 {
        practice.has(n, before(100), json!({}));
    }
    let all = practice.clone();
    let mut calls = 0;
    answer(&clinic, move |heard| {
        calls += i32::from(heard.what.ends_with("appointments"));
        match calls {
            2 if heard.what.ends_with("appointments") => {
                Said::Reply(404, json!({ "message": "no such page" }))
            }
            _ => all.says(heard),
        }
    });
    reads_since(&clinic, before(45 * 86_400), before(300)).await;
    let row = polls_list(&clinic, "appointments").await;
    assert!(row.so_far.open.is_none(), "{row:?}");
    assert_eq!((row.so_far.anew, row.so_far.asked), (1, false));
    let row = polls_list(&clinic, "appointments").await;
    assert_eq!((row.so_far.anew, row.so_far.tries), (0, 0));
    assert_eq!(ids(&clinic).await.len(), 14);
    assert!(notes(&clinic).await.is_empty());
}

#[tokio::test]
async fn a_page_that_is_not_in_order_is_read_on_and_loses_nothing() {
    let (clinic, practice) = connected().await;
    practice.lists().shuffled = true;
    for n in 1..=10 {
        practice.has(n, before(200 - n as i64), json!({}));
    }
    polls(&clinic).await;
    assert_eq!(ids(&clinic).await.len(), 10);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed_and_people_hear_of_it_once() {
    let (clinic, practice) = connected().await;
    practice.lists().shuffled = true;
    practice.lists().host = Some("https://api.au1.cliniko.com.evil.example");
    for n in 1..=5 {
        practice.has(n, before(200 - n as i64), json!({}));
    }
    for _ in 0..6 {
        polls_list(&clinic, "appointments").await;
    }
    assert_eq!(ids(&clinic).await.len(), 3, "the first page");
    let told = notes(&clinic).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("a host that is not its own"), "{told:?}");
    practice.lists().host = None;
    polls_list(&clinic, "appointments").await;
    assert_eq!(ids(&clinic).await.len(), 5);
    assert!(notes(&clinic).await.is_empty(), "it is over");
}

#[tokio::test]
async fn a_vendor_that_takes_no_calls_is_left_alone_and_asked_again_when_that_is_over() {
    let (clinic, practice) = connected().await;
    practice.has(1, before(100), json!({}));
    practice.lists().instead = vec![Said::Reply(429, json!({ "message": "too many" }))];
    let held = polls_list(&clinic, "appointments").await;
    assert!(held.so_far.probes);
    let due = row(&clinic, "appointments").await.due_at();
    let wait = due - Timestamp::now().as_millisecond();
    assert!((30_000..=61_000).contains(&wait), "{wait}");
    // The other list waits for the same connection, and asks nobody.
    let calls = heard(&clinic).len();
    assert!(polls_list(&clinic, "cancelled").await.so_far.probes);
    assert_eq!(heard(&clinic).len(), calls);
    polls_list(&clinic, "appointments").await;
    assert_eq!(ids(&clinic).await, ["1"]);
    assert!(notes(&clinic).await.is_empty());
}

#[tokio::test]
async fn a_key_that_is_not_accepted_is_one_task_and_once_mended_nothing_is_missing() {
    let (clinic, practice) = connected().await;
    practice.has(1, before(100), json!({}));
    let refused = || Said::Reply(401, json!({ "message": "no" }));
    practice.lists().instead = vec![refused(), refused(), refused()];
    for _ in 0..3 {
        polls_list(&clinic, "appointments").await;
    }
    let told = notes(&clinic).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Cliniko"), "{told:?}");
    // Connected anew it is asked at once.
    let all = practice.clone();
    connect(&clinic, "cliniko", move |heard| all.says(heard)).await;
    assert!(
        row(&clinic, "appointments")
            .await
            .is_due(Timestamp::now().as_millisecond())
    );
    polls(&clinic).await;
    assert_eq!(ids(&clinic).await, ["1"]);
    assert!(notes(&clinic).await.is_empty());
}

#[tokio::test]
async fn a_list_is_asked_from_when_it_is_connected_and_idle_where_nobody_is() {
    let (clinic, practice) = (Clinic::new().await, Practice::default());
    let path = "/v1/integrations/cliniko";
    let none = clinic.get(path).await;
    assert_eq!(none["polls"][0]["read_until"], Value::Null, "{none}");
    assert_eq!(none["roles"], json!(["system", "source"]));
    practice.has(1, before(60), json!({}));
    let all = practice.clone();
    connect(&clinic, "cliniko", move |heard| all.says(heard)).await;
    practice.has(2, before(0), json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    polls(&clinic).await;
    assert!(!ids(&clinic).await.contains(&"1".to_owned()), "it is older");
    let shown = clinic.get(path).await;
    let until: Timestamp = shown["polls"][0]["read_until"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    assert!(until > before(30), "{shown}");
    let (head, missing) = (heard(&clinic)[0].clone(), "nobody");
    assert_eq!(head.header("user-agent"), "Meridian (front@example.test)");
    assert_eq!(head.header("accept"), "application/json");
    // A row of a clinic that has no key there is in no lane any more.
    let alone = PollRow::new(missing, "cliniko", "appointments", before(0));
    clinic
        .write(alone.write(&alone.so_far, Some(before(1))))
        .await;
    let pk = poll::pk(missing, "cliniko");
    let read = async || {
        clinic
            .app
            .store
            .get(&pk, &poll::sk("appointments"))
            .await
            .expect("a table")
            .expect("a row")
    };
    polls::work_off(&clinic.app, &read().await)
        .await
        .expect("a run");
    let idle = read().await;
    assert!(!idle.waits());
    clinic.write(Write::Delete(idle.key())).await;
}

#[tokio::test]
async fn an_appointment_lives_here_as_it_does_there_and_is_billed_by_its_type() {
    let (clinic, practice) = connected().await;
    offers_type(&clinic, "7", "60.00").await;
    practice.has(5, before(90), json!({}));
    polls(&clinic).await;
    let booked = shown(&clinic, "5").await;
    assert_eq!(booked["state"], "booked");
    assert_eq!(
        (&booked["site"], &booked["practitioner"]),
        (&json!("1"), &json!("3"))
    );
    assert_eq!(
        (&booked["type"], &booked["total"]["amount"]),
        (&json!("7"), &json!("60.00"))
    );
    let patient = booked["patient"].as_str().expect("an id");
    let person = clinic.get(&format!("/v1/patients/{patient}")).await;
    assert_eq!(
        (&person["name"], &person["reference"], &person["phone"]),
        (&json!("Juniper Vale"), &json!("82"), &json!("+61370100142"))
    );
    practice.has(
        5,
        before(80),
        json!({ "starts_at": NOON, "business": link("businesses", "2") }),
    );
    polls(&clinic).await;
    let moved = shown(&clinic, "5").await;
    assert_eq!(
        (
            &moved["starts_at"],
            &moved["first_starts_at"],
            &moved["site"]
        ),
        (&json!(NOON), &json!(NINE), &json!("2"))
    );
    practice.has(
        5,
        before(70),
        json!({ "starts_at": NOON, "business": link("businesses", "2"), "patient_arrived": true }),
    );
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "5").await["state"], "completed");
    let key = task::visit_key(&appointment::pk(&clinic.id, "5"));
    let billed = Box::pin(invoicing::visit(&clinic.app, &key)).await;
    billed.expect("invoiced");
    let invoice = shown(&clinic, "5").await["invoice"].clone();
    let invoice = clinic
        .get(&format!(
            "/v1/invoices/{}",
            invoice.as_str().expect("an id")
        ))
        .await;
    assert_eq!(invoice["total"], eur("60.00"), "{invoice}");
    assert_eq!(asked(&clinic, "patients/82"), 1);
    // Moved and arrived between two looks it does both, and nobody need look.
    practice.has(6, before(60), json!({}));
    polls(&clinic).await;
    let both =
        json!({ "starts_at": NOON, "patient_arrived": true, "business": link("businesses", "2") });
    practice.has(6, before(50), both);
    polls(&clinic).await;
    let done = shown(&clinic, "6").await;
    assert_eq!(
        (&done["state"], &done["starts_at"], &done["site"]),
        (&json!("completed"), &json!(NOON), &json!("2"))
    );
    assert!(notes(&clinic).await.is_empty());
    // Nothing personal stands in what people search.
    let events = clinic.get("/v1/events?limit=100").await.to_string();
    assert!(
        !events.contains("Juniper") && !events.contains("0142"),
        "{events}"
    );
}

#[tokio::test]
async fn what_is_off_there_is_off_here_and_may_be_restored() {
    let (clinic, practice) = connected().await;
    for (n, off, state) in [
        (1, json!({ "cancelled_at": before(70) }), "cancelled"),
        (2, json!({ "did_not_arrive": true }), "no_show"),
        (3, json!({ "deleted_at": before(70) }), "cancelled"),
        (4, json!({ "archived_at": before(70) }), "cancelled"),
    ] {
        practice.has(n, before(90), json!({}));
        polls(&clinic).await;
        practice.has(n, before(70), off);
        polls(&clinic).await;
        assert_eq!(shown(&clinic, &n.to_string()).await["state"], state, "{n}");
        practice.has(n, before(60), json!({ "starts_at": NOON }));
        polls(&clinic).await;
        let restored = shown(&clinic, &n.to_string()).await;
        assert_eq!(
            (&restored["state"], &restored["starts_at"]),
            (&json!("booked"), &json!(NOON))
        );
    }
    // What never was here need not be called off; that nobody came is told.
    practice.has(8, before(50), json!({ "cancelled_at": before(50) }));
    practice.has(9, before(50), json!({ "did_not_arrive": true }));
    polls(&clinic).await;
    assert!(!ids(&clinic).await.contains(&"8".to_owned()));
    assert_eq!(shown(&clinic, "9").await["state"], "no_show");
    assert!(notes(&clinic).await.is_empty());
}

#[tokio::test]
async fn a_word_of_ours_that_comes_back_changes_nothing() {
    let (clinic, practice) = connected().await;
    practice.has(1, before(90), json!({}));
    polls(&clinic).await;
    clinic
        .post("/v1/appointments/1/cancel", Value::Null)
        .await
        .expect(200);
    // Something else changed there meanwhile, where it is still booked.
    practice.has(1, before(80), json!({ "notes": "bring the letter" }));
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "1").await["state"], "cancelled");
    let known = appointment_rows(&clinic).await;
    practice.has(1, before(70), json!({ "cancelled_at": before(70) }));
    polls(&clinic).await;
    assert_eq!(appointment_rows(&clinic).await, known);
    assert!(notes(&clinic).await.is_empty());
}

/// The appointments themselves, as they stand in the table.
pub async fn appointment_rows(clinic: &Clinic) -> Vec<Value> {
    let all = clinic.rows().await.into_iter();
    all.filter(|(key, _)| key.ends_with(" appointment"))
        .map(|(_, row)| row)
        .collect()
}

#[tokio::test]
async fn of_two_words_the_newer_counts_whichever_comes_last() {
    let (clinic, practice) = connected().await;
    practice.has(1, before(90), json!({}));
    polls(&clinic).await;
    practice.has(1, before(50), json!({ "starts_at": NOON }));
    polls(&clinic).await;
    practice.has(
        1,
        before(70),
        json!({ "starts_at": "2031-11-20T18:00:00Z" }),
    );
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "1").await["starts_at"], NOON);
}

#[tokio::test]
async fn what_the_rules_refuse_is_asked_of_people_once_and_in_plain_words() {
    let (clinic, practice) = connected().await;
    practice.has(1, before(90), json!({}));
    polls(&clinic).await;
    clinic
        .post("/v1/appointments/1/cancel", Value::Null)
        .await
        .expect(200);
    practice.has(1, before(80), json!({ "patient_arrived": true }));
    polls(&clinic).await;
    practice.has(
        1,
        before(70),
        json!({ "patient_arrived": true, "notes": "x" }),
    );
    polls(&clinic).await;
    let told = notes(&clinic).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("At Cliniko appointment 1 took place. Here it was cancelled"),
        "{told:?}"
    );
    assert_eq!(shown(&clinic, "1").await["state"], "cancelled");
    // Another patient's is not billed to the one who is known here.
    practice.has(2, before(60), json!({}));
    polls(&clinic).await;
    practice.has(
        2,
        before(50),
        json!({ "patient": link("patients", "83"), "patient_arrived": true }),
    );
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "2").await["state"], "booked");
    let told = notes(&clinic).await.join("\n");
    assert!(
        told.contains("appointment 2 is of another patient"),
        "{told}"
    );
    // One that took place without a price asks for it, as any does.
    practice.has(3, before(40), json!({ "patient_arrived": true }));
    polls(&clinic).await;
    let tasks = clinic.open_tasks().await;
    assert!(
        tasks.iter().any(|task| task["alert"] == "no_price"),
        "{tasks:?}"
    );
}

#[tokio::test]
async fn a_type_that_changes_changes_the_price_and_one_without_a_price_is_asked_of_people() {
    let (clinic, practice) = connected().await;
    offers_type(&clinic, "7", "60.00").await;
    offers_type(&clinic, "8", "90.00").await;
    practice.has(1, before(90), json!({}));
    polls(&clinic).await;
    let of = |kind: &str, arrived: bool| json!({ "appointment_type": link("appointment_types", kind), "patient_arrived": arrived });
    practice.has(1, before(80), of("8", false));
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "1").await["type"], "8");
    practice.has(1, before(70), of("9", true));
    polls(&clinic).await;
    assert_eq!(
        shown(&clinic, "1").await["state"],
        "booked",
        "at no wrong price"
    );
    let told = notes(&clinic).await.join("\n");
    assert!(
        told.contains("took place, and is of another type"),
        "{told}"
    );
}

#[tokio::test]
async fn a_patient_who_was_erased_is_not_made_anew_by_a_list() {
    let (clinic, practice) = connected().await;
    practice.has(1, before(90), json!({}));
    polls(&clinic).await;
    let patient = shown(&clinic, "1").await["patient"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/v1/patients/{patient}");
    practice.has(1, before(80), json!({ "cancelled_at": before(80) }));
    polls(&clinic).await;
    clinic.call("DELETE", &path, &Value::Null).await.expect(200);
    practice.has(2, before(50), json!({}));
    polls(&clinic).await;
    assert_eq!(ids(&clinic).await, ["1"]);
    let told = notes(&clinic).await.join("\n");
    assert!(told.contains("its patient was erased"), "{told}");
    assert!(!clinic.get(&path).await.to_string().contains("Juniper"));
}

#[tokio::test]
async fn a_patient_who_cannot_be_read_there_holds_up_no_other_visit() {
    let (clinic, practice) = connected().await;
    let of = |id: &str| json!({ "patient": link("patients", id) });
    practice.has(1, before(90), of("83"));
    practice.has(2, before(80), json!({}));
    polls(&clinic).await;
    assert_eq!(ids(&clinic).await, ["2"], "nobody has that number there");
    let told = notes(&clinic).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("its patient cannot be read"), "{told:?}");
    // One of whom nothing is heard is waited for, and given up after a few tries.
    practice.has(3, before(70), of("84"));
    practice.has(4, before(60), json!({}));
    silent_of(&clinic, &practice, "/84");
    for _ in 0..3 {
        polls_list(&clinic, "appointments").await;
        assert_eq!(notes(&clinic).await.len(), 1);
    }
    polls_list(&clinic, "appointments").await;
    assert_eq!(ids(&clinic).await, ["2", "4"]);
    assert_eq!(notes(&clinic).await.len(), 2);
}

/// The practice gives no answer where what is asked for ends so.
fn silent_of(clinic: &Clinic, practice: &Practice, end: &'static str) {
    let all = practice.clone();
    answer(clinic, move |heard| match heard.what.ends_with(end) {
        true => Said::Reply(500, json!({})),
        false => all.says(heard),
    });
}

#[tokio::test]
async fn a_list_that_was_not_given_takes_no_try_from_a_patient_who_is_asked_for_after_it() {
    let (clinic, practice) = connected().await;
    silent_of(&clinic, &practice, "individual_appointments");
    for _ in 0..4 {
        polls_list(&clinic, "appointments").await;
    }
    practice.has(1, before(70), json!({ "patient": link("patients", "84") }));
    silent_of(&clinic, &practice, "/84");
    for _ in 0..3 {
        polls_list(&clinic, "appointments").await;
        assert!(notes(&clinic).await.is_empty());
    }
    polls_list(&clinic, "appointments").await;
    let told = notes(&clinic).await;
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn an_item_that_cannot_be_read_sinks_no_other_and_is_read_again_when_people_want_it() {
    let (clinic, practice) = connected().await;
    practice.has(1, before(90), json!({ "starts_at": "soon" }));
    practice.has(2, before(80), json!({}));
    polls(&clinic).await;
    polls(&clinic).await;
    assert_eq!(ids(&clinic).await, ["2"]);
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let note = tasks[0]["note"].as_str().expect("words");
    assert!(
        note.contains("starts_at") && !note.contains("soon"),
        "{note}"
    );
    practice.has(1, before(90), json!({}));
    let again = tasks[0]["answers"][0]["path"].as_str().expect("a path");
    clinic.post(again, Value::Null).await.expect(202);
    assert!(
        row(&clinic, "appointments")
            .await
            .is_due(Timestamp::now().as_millisecond())
    );
    polls(&clinic).await;
    assert_eq!(ids(&clinic).await, ["1", "2"]);
    assert!(notes(&clinic).await.is_empty());
}

#[tokio::test]
async fn one_that_people_booked_here_keeps_what_they_said_and_follows_what_changes_there() {
    let (clinic, practice) = connected().await;
    let new = json!({ "reference": "82", "name": "Juniper Vale" });
    clinic.post("/v1/patients", new).await.expect(201);
    let new = json!({
        "id": "1", "patient": { "reference": "82" }, "starts_at": NINE, "site": "north",
        "lines": lines(), "collect": "saved_method",
    });
    clinic.post("/v1/appointments", new).await.expect(201);
    practice.has(1, before(90), json!({}));
    polls(&clinic).await;
    let known = shown(&clinic, "1").await;
    assert_eq!(
        (&known["site"], &known["type"]),
        (&json!("north"), &Value::Null)
    );
    assert_eq!(asked(&clinic, "patients/82"), 0);
    practice.has(
        1,
        before(80),
        json!({ "practitioner": link("practitioners", "9") }),
    );
    polls(&clinic).await;
    let changed = shown(&clinic, "1").await;
    assert_eq!(
        (&changed["practitioner"], &changed["collect"]),
        (&json!("9"), &json!("saved_method"))
    );
    assert_eq!(changed["total"], known["total"], "its lines are theirs");
}

/// A line of the list of an account at Authorize.Net, of an eCheck that is settled.
fn line(id: &str, invoice: &str, status: &str) -> Value {
    json!({
        "transId": id, "invoiceNumber": invoice, "transactionStatus": status, "accountType": "eCheck",
    })
}

#[tokio::test]
async fn of_an_accounts_list_what_is_nobodys_here_is_dropped_and_counted() {
    let clinic = Clinic::new().await;
    let (gateway, stranger) = ("authorizenet", words::derived(&["another clinic"]));
    connect(&clinic, gateway, |_| Said::Cut).await;
    let case = charge_at(&clinic, gateway).await;
    let pending = Fact {
        reference: Some(words::payment_reference(&case, 1)),
        payment: Some("6001".into()),
        ..Fact::new(Kind::PaymentPending)
    };
    happens(&clinic, &case, report(gateway, pending)).await;
    let ours = words::payment_reference(&case, 1);
    let lines = [
        line("6001", &ours, "settledSuccessfully"),
        line("6002", "1001", "settledSuccessfully"),
        line("6003", "", "refundSettledSuccessfully"),
        line(
            "6004",
            &words::payment_reference(&stranger, 1),
            "settledSuccessfully",
        ),
        line("6005", "1002", "teleported"),
    ];
    let list = lines.to_vec();
    answer(&clinic, move |heard| {
        let asked: Value = serde_json::from_str(&heard.body).expect("JSON");
        let (operation, of) = asked
            .as_object()
            .and_then(|all| all.iter().next())
            .expect("one");
        ok(match operation.as_str() {
            "getSettledBatchListRequest" => {
                json!({ "messages": good(), "batchList": [{ "batchId": "1" }] })
            }
            "getTransactionListRequest" => json!({ "messages": good(), "transactions": list }),
            _ => {
                let id = of["transId"].as_str().expect("an id");
                let known = list
                    .iter()
                    .find(|line| line["transId"] == id)
                    .expect("a line");
                let invoice = known["invoiceNumber"].as_str().expect("a number");
                transaction(id, invoice, "settledSuccessfully")
            }
        })
    });
    let begun = polls::begin(&clinic.app, &clinic.id, gateway).await;
    begun.expect("a table");
    let pk = poll::pk(&clinic.id, gateway);
    for _ in 0..2 {
        let row = clinic.app.store.get(&pk, &poll::sk("settled")).await;
        let row = row.expect("a table").expect("a row");
        polls::work_off(&clinic.app, &row).await.expect("a run");
        let now = crate::unclear::case(&clinic, &case).await;
        assert_eq!(now.payments[0].state, State::Paid);
        let events = clinic.get("/v1/events?source=authorizenet&limit=100").await;
        let events = events["events"].as_array().expect("events").iter();
        let mut kept: Vec<_> = events
            .map(|one| (one["vendor_event_id"].clone(), one["state"].clone()))
            .filter(|(id, _)| id.to_string().contains('.'))
            .map(|(id, state)| format!("{} {}", id.as_str().unwrap(), state.as_str().unwrap()))
            .collect();
        kept.sort();
        // Another clinic's is remembered, so that it is not asked about again.
        let wanted = [
            "6001.settledSuccessfully posted",
            "6004.settledSuccessfully ignored",
            "6005.teleported quarantined",
        ];
        assert_eq!(kept, wanted);
        // Nobody looks for whose it is: only what cannot be read is put before people.
        assert_eq!(notes(&clinic).await.len(), 1);
    }
    let details = heard(&clinic).into_iter();
    let details = details.filter(|heard| heard.body.contains("getTransactionDetailsRequest"));
    assert_eq!(details.count(), 2, "each of ours once, and no other");
    let (settings, faces) = (
        clinic.app.settings_of(&clinic.id).await.expect("settings"),
        meridian::vendors::heard_as(gateway).expect("its faces"),
    );
    let polled = Polled {
        connection: gateway,
        list: faces.polls[0].name,
        from: before(3600),
        last_chance: false,
        until: Instant::now() + Duration::from_secs(15),
        dropped: AtomicUsize::new(0),
    };
    let nobodys = ["6002", "6003"].map(|id| Item {
        id: Some(format!("{id}.again")),
        name: "transaction".into(),
        notice: Ok(Notice::Fact(Box::new(Fact {
            payment: Some(id.into()),
            ..Fact::new(Kind::PaymentSucceeded)
        }))),
    });
    let posted = posting::polled(&clinic.app, &settings, &polled, nobodys.into()).await;
    assert!(posted.expect("a table"));
    assert_eq!(polled.dropped.into_inner(), 2);
}
