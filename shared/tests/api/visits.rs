//! Appointments over their whole life: what may be said of them as they stand, what is billed, and
//! where the money is when they move, are called off or give their place to another one.

use crate::money::pays;
use crate::permissions::unchanged;
use crate::stack::{Answer, Clinic, Struck, app, lines};
use futures::future::join_all;
use meridian::domain::case::{Case, Ending};
use meridian::domain::visit::Off;
use meridian::flows::invoicing::{self, Wanted};
use meridian::flows::{appointments, commit::Committed};
use meridian::records::{appointment, task};
use serde_json::{Value, json};

const NINE: &str = "2026-11-20T09:00:00Z";
const NOON: &str = "2026-11-20T12:00:00Z";
const ACTS: [&str; 5] = ["complete", "cancel", "no-show", "reschedule", "restore"];

fn booking(id: &str) -> Value {
    json!({
        "id": id, "patient": { "reference": "P-1" }, "starts_at": NINE, "lines": lines(),
    })
}

async fn book(clinic: &Clinic, id: &str) -> Value {
    clinic.patient().await;
    clinic
        .post("/v1/appointments", booking(id))
        .await
        .expect(201)
}

async fn act(clinic: &Clinic, id: &str, act: &str) -> Answer {
    let body = match act {
        "reschedule" => json!({ "starts_at": NOON }),
        _ => Value::Null,
    };
    clinic
        .post(&format!("/v1/appointments/{id}/{act}"), body)
        .await
}

async fn shown(clinic: &Clinic, id: &str) -> Value {
    clinic.get(&format!("/v1/appointments/{id}")).await
}

/// Puts a new appointment into this state.
async fn stands(clinic: &Clinic, id: &str, state: &str) {
    clinic.patient().await;
    let mut new = booking(id);
    new["held"] = json!(state == "held");
    clinic.post("/v1/appointments", new).await.expect(201);
    let (said, status) = match state {
        "completed" => ("complete", 202),
        "cancelled" => ("cancel", 200),
        "no_show" => ("no-show", 200),
        _ => return,
    };
    act(clinic, id, said).await.expect(status);
}

/// The id of the case that bills an appointment.
async fn case_of(clinic: &Clinic, id: &str) -> String {
    let found = appointments::find(&clinic.app, &clinic.id, id).await;
    found.expect("an appointment").visit.case
}

async fn case(clinic: &Clinic, id: &str) -> Case {
    let case = case_of(clinic, id).await;
    let found = clinic.app.case(&clinic.id, &case).await;
    found.expect("a table").expect("a case")
}

/// Begins the case that bills an appointment before that took place, and has a page opened on it.
async fn invoiced_before(clinic: &Clinic, id: &str) -> String {
    let settings = clinic.app.settings_of(&clinic.id).await.expect("a clinic");
    let found = appointments::find(&clinic.app, &clinic.id, id).await;
    let visit = found.expect("an appointment").visit;
    let price = visit.price.clone().expect("a price");
    let wanted = Wanted {
        case: visit.case.clone(),
        number: None,
        patient: Some(visit.patient.clone()),
        appointment: Some(visit.id.clone()),
        starts_at: Some(visit.starts_at),
        label: price.label,
        currency: price.currency,
        lines: price.lines,
        descriptions: vec![],
        collect: None,
        gateway: None,
        method: None,
        dims: Default::default(),
    };
    let cause = "test".to_owned();
    let made = invoicing::invoice(&clinic.app, &settings, wanted, None, vec![], cause).await;
    assert!(matches!(made.expect("a table").1, Committed::Changed(_)));
    let path = format!("/v1/invoices/{}/charges", visit.case);
    let page = json!({ "collect": "checkout" });
    clinic.post(&path, page).await.expect(202);
    visit.case
}

/// The alerts of the tasks that are open on a case.
async fn asked(clinic: &Clinic, case: &str) -> Vec<String> {
    let tasks = clinic.get("/v1/tasks").await;
    let all = tasks["tasks"].as_array().expect("tasks").iter();
    let of_case = all.filter(|task| task["case"] == case);
    of_case
        .map(|task| task["alert"].as_str().expect("an alert").to_owned())
        .collect()
}

#[tokio::test]
async fn what_may_be_said_of_an_appointment_depends_on_how_it_stands() {
    let clinic = Clinic::new().await;
    // Written again, completed, cancelled, nobody came, moved, restored.
    for (state, statuses) in [
        ("held", [200, 202, 200, 200, 200, 200]),
        ("booked", [200, 202, 200, 200, 200, 200]),
        ("completed", [409, 202, 409, 409, 409, 409]),
        ("cancelled", [409, 409, 200, 200, 409, 200]),
        ("no_show", [409, 409, 200, 200, 409, 200]),
    ] {
        for (n, status) in statuses.into_iter().enumerate() {
            let id = format!("{state}-{n}");
            stands(&clinic, &id, state).await;
            let known = shown(&clinic, &id).await;
            assert_eq!(known["state"], state);
            assert_eq!(known["invoice"].is_string(), state == "completed");
            let before = clinic.rows().await;
            let said = match n {
                0 => clinic.post("/v1/appointments", booking(&id)).await,
                n => act(&clinic, &id, ACTS[n - 1]).await,
            };
            let body = said.expect(status);
            if status == 409 {
                let told = body["detail"].as_str().expect("words");
                assert!(told.starts_with("it "), "{state} {n}: {told}");
                unchanged(&before, &clinic.rows().await, &id);
            }
        }
    }
    let refused = act(&clinic, "completed-0", "cancel").await.expect(409);
    let told = refused["detail"].as_str().expect("words");
    assert!(told.contains("credit its invoice"), "{told}");
    for said in ACTS {
        act(&clinic, "nobody", said).await.expect(404);
    }
}

#[tokio::test]
async fn said_again_an_appointment_stays_as_it_is_and_the_answer_is_the_same() {
    let clinic = Clinic::new().await;
    for said in ["complete", "cancel", "no-show", "reschedule"] {
        book(&clinic, said).await;
        let path = format!("/v1/appointments/{said}/{said}");
        let body = match said {
            "reschedule" => json!({ "starts_at": NOON }),
            _ => Value::Null,
        };
        let first = clinic.post_under(said, &path, &body).await;
        let known = shown(&clinic, said).await;
        let rows = clinic.rows().await;
        let again = clinic.post_under(said, &path, &body).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        unchanged(&rows, &clinic.rows().await, "a repeat under its key");
        // Under another key it is another request, and nothing new.
        let anew = clinic.post(&path, body).await;
        assert_eq!((anew.status, &anew.body), (first.status, &first.body));
        assert_eq!(shown(&clinic, said).await, known);
    }
    let audit: Vec<_> = clinic.rows().await.into_values().collect();
    let audit = format!("{audit:?}");
    for what in ["completed", "cancelled", "no_show", "moved"] {
        let noted = audit.matches(&format!("appointment_{what} ")).count();
        assert_eq!(noted, 1, "{what}");
    }
    act(&clinic, "cancel", "restore").await.expect(200);
    assert_eq!(shown(&clinic, "cancel").await["state"], "booked");
}

#[tokio::test]
async fn a_move_keeps_the_first_time_and_one_without_a_time_waits_for_a_new_one() {
    let clinic = Clinic::new().await;
    book(&clinic, "A-1").await;
    let path = "/v1/appointments/A-1/reschedule";
    let off = clinic.post(path, json!({})).await.expect(200);
    assert_eq!(
        (&off["needs_new_time"], &off["starts_at"]),
        (&json!(true), &json!(NINE))
    );
    let moved = act(&clinic, "A-1", "reschedule").await.expect(200);
    assert_eq!(
        (&moved["needs_new_time"], &moved["starts_at"]),
        (&json!(false), &json!(NOON))
    );
    let known = shown(&clinic, "A-1").await;
    assert_eq!(
        (&known["first_starts_at"], &known["state"]),
        (&json!(NINE), &json!("booked"))
    );
    // What is held is booked once it is written without that.
    let mut held = booking("A-2");
    held["held"] = json!(true);
    for (new, status, state) in [
        (held.clone(), 201, "held"),
        (held, 200, "held"),
        (booking("A-2"), 200, "booked"),
    ] {
        let made = clinic.post("/v1/appointments", new).await.expect(status);
        assert_eq!(made["state"], state);
    }
}

#[tokio::test]
async fn the_case_hears_of_a_move_and_of_a_visit_that_is_off_and_of_one_that_is_on_again() {
    let clinic = Clinic::new().await;
    book(&clinic, "A-1").await;
    let id = invoiced_before(&clinic, "A-1").await;
    act(&clinic, "A-1", "reschedule").await.expect(200);
    let noon = NOON.parse().expect("a time");
    assert_eq!(case(&clinic, "A-1").await.starts_at, Some(noon));
    pays(&clinic, &id).await;
    act(&clinic, "A-1", "no-show").await.expect(200);
    assert_eq!(case(&clinic, "A-1").await.called_off, Some(Off::NoShow));
    assert_eq!(asked(&clinic, &id).await, ["called_off"]);
    act(&clinic, "A-1", "cancel").await.expect(200);
    assert_eq!(case(&clinic, "A-1").await.called_off, Some(Off::Cancelled));
    act(&clinic, "A-1", "restore").await.expect(200);
    assert_eq!(case(&clinic, "A-1").await.called_off, None);
    assert!(asked(&clinic, &id).await.is_empty());
    // Written anew at another time it has moved as well.
    clinic
        .post("/v1/appointments", booking("A-1"))
        .await
        .expect(200);
    let nine = NINE.parse().expect("a time");
    assert_eq!(case(&clinic, "A-1").await.starts_at, Some(nine));
}

#[tokio::test]
async fn a_page_is_given_up_with_the_visit_and_what_is_paid_on_it_all_the_same_is_asked_about() {
    let clinic = Clinic::new().await;
    book(&clinic, "A-1").await;
    let id = invoiced_before(&clinic, "A-1").await;
    crate::money::opens(&clinic, &id).await;
    act(&clinic, "A-1", "cancel").await.expect(200);
    let off = case(&clinic, "A-1").await;
    assert_eq!(off.payments[0].ending, Some(Ending::Asked));
    assert!(asked(&clinic, &id).await.is_empty(), "nothing is on it");
    pays(&clinic, &id).await;
    assert_eq!(asked(&clinic, &id).await, ["called_off"]);
}

#[tokio::test]
async fn one_that_takes_anothers_place_takes_its_case_with_the_money() {
    let clinic = Clinic::new().await;
    for (old, new, paid) in [("A-1", "A-2", true), ("B-1", "B-2", false)] {
        book(&clinic, old).await;
        let own = case_of(&clinic, old).await;
        if paid {
            let id = invoiced_before(&clinic, old).await;
            pays(&clinic, &id).await;
            act(&clinic, old, "cancel").await.expect(200);
            assert_eq!(asked(&clinic, &id).await, ["called_off"]);
        }
        let mut wanted = booking(new);
        (wanted["replaces"], wanted["starts_at"]) = (json!(old), json!(NOON));
        let made = clinic.post("/v1/appointments", wanted.clone()).await;
        assert_eq!(made.expect(201)["replaces"], old);
        // The same again changes nothing of it.
        clinic.post("/v1/appointments", wanted).await.expect(200);
        let gone = shown(&clinic, old).await;
        assert_eq!(
            (&gone["state"], &gone["replaced_by"]),
            (&json!("cancelled"), &json!(new))
        );
        assert_eq!(case_of(&clinic, new).await, own);
        if paid {
            let case = case(&clinic, new).await;
            assert_eq!(case.appointment.as_deref(), Some(new));
            assert_eq!(case.starts_at, Some(NOON.parse().expect("a time")));
            assert!(case.called_off.is_none() && asked(&clinic, &own).await.is_empty());
            for (id, found) in [(old, 0), (new, 1)] {
                let listed = clinic.get(&format!("/v1/invoices?appointment={id}")).await;
                assert_eq!(
                    listed["invoices"].as_array().map(Vec::len),
                    Some(found),
                    "{id}"
                );
            }
        }
        let refused = act(&clinic, old, "restore").await.expect(409);
        let told = refused["detail"].as_str().expect("words");
        assert!(told.contains(new), "{told}");
        let done = act(&clinic, new, "complete").await.expect(202);
        assert_eq!(done["invoice"], own);
    }
}

#[tokio::test]
async fn a_place_is_taken_only_of_an_open_appointment_of_the_same_patient() {
    let clinic = Clinic::new().await;
    for id in ["open", "gone", "taken", "mine"] {
        book(&clinic, id).await;
    }
    act(&clinic, "gone", "complete").await.expect(202);
    let mut other = booking("other");
    other["replaces"] = json!("taken");
    clinic.post("/v1/appointments", other).await.expect(201);
    let linus = json!({ "reference": "P-2", "name": "Linus" });
    clinic.post("/v1/patients", linus).await.expect(201);
    let mut theirs = booking("theirs");
    theirs["patient"] = json!({ "reference": "P-2" });
    clinic.post("/v1/appointments", theirs).await.expect(201);
    for id in ["open", "mine"] {
        invoiced_before(&clinic, id).await;
    }
    let before = clinic.rows().await;
    for (id, replaces, status, told) in [
        ("new", "nobody", 422, "replaces"),
        ("new", "new", 422, "replaces"),
        ("new", "theirs", 422, "replaces"),
        ("new", "gone", 409, "it took place"),
        ("new", "taken", 409, "appointment other took its place"),
        ("mine", "open", 409, "both open and mine have payments"),
    ] {
        let mut wanted = booking(id);
        wanted["replaces"] = json!(replaces);
        let refused = clinic.post("/v1/appointments", wanted).await;
        let refused = refused.expect(status);
        let detail = refused["detail"].as_str().expect("words");
        assert!(detail.contains(told), "{replaces}: {detail}");
        unchanged(&before, &clinic.rows().await, replaces);
    }
    // Where only the new one has something on it, that stays there.
    book(&clinic, "bare").await;
    let own = case_of(&clinic, "mine").await;
    let mut wanted = booking("mine");
    wanted["replaces"] = json!("bare");
    clinic.post("/v1/appointments", wanted).await.expect(200);
    assert_eq!(case_of(&clinic, "mine").await, own);
    assert_eq!(shown(&clinic, "bare").await["replaced_by"], "mine");
}

#[tokio::test]
async fn an_appointment_keeps_the_currency_in_which_something_was_asked_for_it() {
    let clinic = Clinic::new().await;
    let unit = json!({ "amount": "60.00", "currency": "AUD" });
    let priced = |id: &str| {
        let mut new = booking(id);
        new["currency"] = json!("AUD");
        new["lines"] = json!([{ "description": "Initial visit", "unit": unit }]);
        new
    };
    book(&clinic, "A-1").await;
    // Nothing is asked for it yet.
    for new in [priced("A-1"), booking("A-1")] {
        clinic.post("/v1/appointments", new).await.expect(200);
    }
    let deposit = json!({ "collect": "checkout" });
    let path = "/v1/appointments/A-1/charges";
    clinic.post(path, deposit).await.expect(202);
    let mut next = priced("A-2");
    next["replaces"] = json!("A-1");
    for new in [priced("A-1"), next] {
        let refused = clinic.post("/v1/appointments", new).await.expect(409);
        let told = refused["detail"].as_str().expect("words");
        assert!(told.contains("is in EUR"), "{told}");
    }
    assert_eq!(shown(&clinic, "A-1").await["currency"], "EUR");
}

#[tokio::test]
async fn an_appointment_stays_its_patients() {
    let clinic = Clinic::new().await;
    book(&clinic, "A-1").await;
    let linus = json!({ "reference": "P-2", "name": "Linus" });
    clinic.post("/v1/patients", linus).await.expect(201);
    let mut theirs = booking("A-1");
    theirs["patient"] = json!({ "reference": "P-2" });
    clinic.post("/v1/appointments", theirs).await.expect(409);
}

#[tokio::test]
async fn what_is_said_while_others_write_goes_through_once() {
    let clinic = Clinic::new().await;
    for paid in [false, true] {
        let id = format!("A-{paid}");
        book(&clinic, &id).await;
        if paid {
            let case = invoiced_before(&clinic, &id).await;
            pays(&clinic, &case).await;
        }
        let path = format!("/v1/appointments/{id}/cancel");
        let busy = Struck::meeting_others(3);
        let said = clinic.post_at(&busy.app, &id, &path, &Value::Null).await;
        said.expect(200);
        drop(busy);
        assert_eq!(shown(&clinic, &id).await["state"], "cancelled");
    }
    // Many at once: each is answered, and the last word on the case is the visit's.
    book(&clinic, "A-9").await;
    let case_id = invoiced_before(&clinic, "A-9").await;
    pays(&clinic, &case_id).await;
    let houses: Vec<_> = (0..4).map(|_| app()).collect();
    let said = ["cancel", "no-show", "cancel", "restore"];
    let paths = said.map(|said| format!("/v1/appointments/A-9/{said}"));
    let keys = ["1", "2", "3", "4"];
    let calls = houses.iter().zip(&paths).zip(keys);
    let calls = calls.map(|((app, path), key)| clinic.post_at(app, key, path, &Value::Null));
    for answer in join_all(calls).await {
        assert!(matches!(answer.status, 200 | 409), "{answer:?}");
    }
    let found = appointments::find(&clinic.app, &clinic.id, "A-9").await;
    let off = Off::of(found.expect("it").visit.state);
    assert_eq!(case(&clinic, "A-9").await.called_off, off);
}

#[tokio::test]
async fn a_session_is_billed_on_its_case_once_though_others_write_the_visit() {
    let clinic = Clinic::new().await;
    book(&clinic, "A-1").await;
    act(&clinic, "A-1", "complete").await.expect(202);
    let key = task::visit_key(&appointment::pk(&clinic.id, "A-1"));
    let busy = Struck::meeting_others(3);
    let billed = Box::pin(invoicing::visit(&busy.app, &key)).await;
    billed.expect("invoiced");
    drop(busy);
    let found = appointments::find(&clinic.app, &clinic.id, "A-1").await;
    assert!(found.expect("it").visit.billed);
    let before = clinic.rows().await;
    let again = Box::pin(invoicing::visit(&clinic.app, &key)).await;
    again.expect("nothing to do");
    unchanged(&before, &clinic.rows().await, "a second nudge");
    assert_eq!(case(&clinic, "A-1").await.invoice().total.minor, 6000);
}

/// An appointment as the list is asked for it.
struct Listed {
    id: String,
    patient: String,
    /// In Melbourne a day begins at 13:00 UTC in summer.
    day: &'static str,
    state: &'static str,
}

/// Appointments of two patients on two days, in each state, the latest first.
async fn many(clinic: &Clinic) -> Vec<Listed> {
    let first = clinic.patient().await;
    let linus = json!({ "reference": "P-2", "name": "Linus" });
    let second = clinic.post("/v1/patients", linus).await.expect(201);
    let second = second["id"].as_str().expect("an id").to_owned();
    let (mut all, mut n) = (vec![], 0);
    for (day, begins) in [
        ("2026-11-20", "2026-11-20T12:59:"),
        ("2026-11-21", "2026-11-20T13:00:"),
    ] {
        for (reference, patient) in [("P-1", &first), ("P-2", &second)] {
            for state in ["booked", "completed", "cancelled"] {
                n += 1;
                let mut new = booking(&format!("A-{n}"));
                new["patient"] = json!({ "reference": reference });
                new["starts_at"] = json!(format!("{begins}{n:02}Z"));
                clinic.post("/v1/appointments", new).await.expect(201);
                let id = format!("A-{n}");
                match state {
                    "completed" => drop(act(clinic, &id, "complete").await.expect(202)),
                    "cancelled" => drop(act(clinic, &id, "cancel").await.expect(200)),
                    _ => {}
                }
                let patient = patient.clone();
                all.push(Listed {
                    id,
                    patient,
                    day,
                    state,
                });
            }
        }
    }
    all.reverse();
    all
}

/// All ids of a list of appointments, read page by page.
async fn listed(clinic: &Clinic, query: &str, limit: usize) -> Vec<String> {
    let (mut all, mut before) = (vec![], String::new());
    loop {
        let path = format!("/v1/appointments?limit={limit}{query}{before}");
        let page = clinic.get(&path).await;
        let shown = page["appointments"].as_array().expect("a list");
        assert!(shown.len() <= limit, "{path}");
        let ids = shown.iter().map(|one| one["id"].as_str().expect("an id"));
        all.extend(ids.map(String::from));
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn of_all_appointments_those_are_listed_that_fit_every_filter() {
    let clinic = Clinic::new().await;
    let all = many(&clinic).await;
    let patients = ["", &all[0].patient, &all[11].patient];
    for (n, patient) in patients.into_iter().enumerate() {
        for day in ["", "2026-11-20", "2026-11-21", "2026-11-22"] {
            for state in ["", "booked", "cancelled", "held"] {
                let fits = |of: &&Listed| {
                    (patient.is_empty() || of.patient == patient)
                        && (day.is_empty() || of.day == day)
                        && (state.is_empty() || of.state == state)
                };
                let wanted: Vec<_> = all.iter().filter(fits).map(|of| &of.id).collect();
                let named = [("patient", patient), ("day", day), ("state", state)];
                let named = named.iter().filter(|(_, value)| !value.is_empty());
                let named = named.map(|(name, value)| format!("&{name}={value}"));
                let query: String = named.collect();
                let limit = [200, 5, 1][n];
                assert_eq!(
                    listed(&clinic, &query, limit)
                        .await
                        .iter()
                        .collect::<Vec<_>>(),
                    wanted,
                    "{query}"
                );
            }
        }
    }
    // One that moves is found on its new day.
    let path = "/v1/appointments/A-1/reschedule";
    let later = json!({ "starts_at": "2026-11-21T20:00:00Z" });
    clinic.post(path, later).await.expect(200);
    assert_eq!(listed(&clinic, "&day=2026-11-22", 5).await, ["A-1"]);
    assert!(
        !listed(&clinic, "&day=2026-11-20", 50)
            .await
            .contains(&"A-1".to_owned())
    );
    for (query, field) in [
        ("state=gone", "state"),
        ("patient=P-1", "patient"),
        ("day=tomorrow", "day"),
        ("day=9999-12-31", "day"),
        ("limit=0", "limit"),
    ] {
        let path = format!("/v1/appointments?{query}");
        let refused = clinic.call("GET", &path, &Value::Null).await;
        assert_eq!(refused.expect(422)["field"], field, "{query}");
    }
}
