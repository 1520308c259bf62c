//! Cliniko: one practice with its appointments, patients and types of appointments. Lists leave out
//! what was cancelled, which stands in a list of its own; what was deleted is in neither, and is not
//! found. Nothing is told by itself.

use crate::vendor::Vendor;
use crate::wire::{Call, Reply, stamp};
use crate::world::{Item, World};
use serde_json::{Map, Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "cliniko",
    seed: |world| {
        for (id, name) in [("1", "Initial consultation"), ("2", "Follow-up")] {
            let body = json!({"id": id, "name": name, "links": own("appointment_types", id)});
            world.put(TYPES, "practice", id, body);
        }
    },
    demo_secrets: || {
        let fields = json!({"api_key": "demo-au1", "contact_email": "front@example.test"});
        vec![("system/cliniko", fields)]
    },
    handle,
    step: |_, _| {},
    help: HELP,
    control,
    key_header: None,
    roots: None,
    harmless: |_| false,
};

const HELP: &str = r#"book                  {"starts_at", "type", "patient": {"first_name", "email", …}}: an appointment of
                      that patient, or of the one whose id is given
move/{id}             {"starts_at"}; then arrive/{id}, not_arrive/{id}, cancel/{id}, restore/{id}, delete/{id}
"#;

const APPOINTMENTS: &str = "cliniko.appointments";
const PATIENTS: &str = "cliniko.patients";
const TYPES: &str = "cliniko.types";
/// Calls of a minute.
const LIMIT: u64 = 200;
const MINUTE: i64 = 60_000;
const SHARD: &str = "au1";
const REASONS: [i64; 7] = [10, 20, 30, 31, 40, 50, 60];

fn handle(world: &mut World, call: &Call) -> Reply {
    let known = |(key, pass): (String, String)| {
        let shard = key.rsplit_once('-').map_or(SHARD, |(_, shard)| shard);
        pass.is_empty() && key.len() > 3 && shard == SHARD
    };
    if !call.basic().is_some_and(known) {
        return refused(401, "Unauthorized");
    }
    let agent = call.header("user-agent").unwrap_or_default();
    let contact = agent
        .split_once('(')
        .is_some_and(|(_, rest)| rest.contains('@'));
    if !contact || call.header("accept") != Some("application/json") {
        return refused(
            400,
            "a User-Agent with a contact and Accept: application/json are needed",
        );
    }
    if busy(world) {
        let reset = (world.now / MINUTE + 1) * 60;
        return refused(429, "Too many requests")
            .with("x-ratelimit-reset", &reset.to_string())
            .with("date", &stamp(world.now, "%a, %d %b %Y %H:%M:%S GMT"));
    }
    let segments = call.segments();
    let parts: Vec<_> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), &parts[..]) {
        ("GET", ["v1", "individual_appointments"]) => list(world, call, false),
        ("GET", ["v1", "individual_appointments", "cancelled"]) => list(world, call, true),
        (_, ["v1", "individual_appointments", id, ..]) if !is_there(world, id) => {
            refused(404, "Not found")
        }
        ("GET", ["v1", "individual_appointments", id]) => one(world, APPOINTMENTS, id),
        ("PATCH", ["v1", "individual_appointments", id, "cancel"]) => cancel(world, id, call),
        ("GET", ["v1", "patients", id]) => one(world, PATIENTS, id),
        ("GET", ["v1", "appointment_types", id]) => one(world, TYPES, id),
        _ => refused(404, "Not found"),
    }
}

fn refused(status: u16, words: &str) -> Reply {
    Reply::json(status, &json!({"message": words}))
}

/// Whether this minute's calls are used up, as the clock of the stack counts minutes.
fn busy(world: &mut World) -> bool {
    let minute = world.now / MINUTE;
    let counted = world.body("cliniko.calls", "practice");
    let same = counted["minute"] == minute;
    let calls = counted["calls"].as_u64().filter(|_| same).unwrap_or(0);
    let counted = json!({"minute": minute, "calls": calls + 1});
    world.put("cliniko.calls", "practice", "practice", counted);
    calls >= LIMIT
}

fn is_there(world: &World, id: &str) -> bool {
    let known = world.item(APPOINTMENTS, id);
    known.is_some_and(|item| item.body["deleted_at"].is_null())
}

/// One that is cancelled already is refused: what the vendor itself answers then is not known.
fn cancel(world: &mut World, id: &str, call: &Call) -> Reply {
    let mut asked: Value = serde_json::from_str(&call.text()).unwrap_or_default();
    let reason = asked["cancellation_reason"].as_i64();
    let note = &asked["cancellation_note"];
    let known = |name: &String| ["cancellation_reason", "cancellation_note"].contains(&&**name);
    let fits = reason.is_some_and(|reason| REASONS.contains(&reason))
        && (note.is_null() || note.is_string())
        && asked.as_object().is_some_and(|all| all.keys().all(known));
    if !fits || !world.body(APPOINTMENTS, id)["cancelled_at"].is_null() {
        return refused(422, "it cannot be cancelled so");
    }
    asked["cancelled_at"] = json!(stamp(world.now, "%FT%TZ"));
    change(world, id, asked);
    Reply::of(204, "application/json", "")
}

/// An appointment that changes now.
fn change(world: &mut World, id: &str, mut changes: Value) {
    changes["updated_at"] = json!(stamp(world.now, "%FT%TZ"));
    let now = world.now;
    if let Some(item) = world.item_mut(APPOINTMENTS, id) {
        item.notes = json!({"changed": now});
    }
    world.set(APPOINTMENTS, id, changes);
}

fn one(world: &World, kind: &'static str, id: &str) -> Reply {
    match world.item(kind, id) {
        Some(item) => Reply::json(200, &item.body),
        None => refused(404, "Not found"),
    }
}

/// What a list is asked for.
struct Wanted {
    /// Fields that must be later than a time.
    later: Vec<(String, String)>,
    /// The field by which it is sorted, and whether from the end.
    sort: (String, bool),
    page: usize,
    per_page: usize,
}

fn wanted(call: &Call) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        later: vec![],
        sort: ("created_at".into(), false),
        page: 1,
        per_page: 50,
    };
    for (name, value) in call.pairs() {
        let number = || value.parse().map_err(|_| format!("{name} is no number"));
        match name.as_str() {
            "q[]" => {
                let (field, time) = value.split_once(":>").ok_or("q[] must be field:>time")?;
                if !matches!(field, "updated_at" | "cancelled_at") {
                    return Err(format!("{field} is no filter"));
                }
                time.parse::<jiff::Timestamp>()
                    .map_err(|_| format!("{time} is no time"))?;
                wanted.later.push((field.into(), time.into()));
            }
            "sort" => {
                let (field, way) = value.split_once(':').unwrap_or((&value, "asc"));
                let known = ["updated_at", "created_at", "starts_at"].contains(&field);
                if !known || !matches!(way, "asc" | "desc") {
                    return Err(format!("{value} is no order"));
                }
                wanted.sort = (field.into(), way == "desc");
            }
            "page" => wanted.page = number()?,
            "per_page" => wanted.per_page = number()?,
            _ => return Err(format!("{name} is not known")),
        }
    }
    match (1..=100).contains(&wanted.per_page) && wanted.page > 0 {
        true => Ok(wanted),
        false => Err("per_page is 1 to 100".into()),
    }
}

/// Under a `search_lag` fault not what changed within the lag.
fn list(world: &World, call: &Call, cancelled: bool) -> Reply {
    let wanted = match wanted(call) {
        Ok(wanted) => wanted,
        Err(words) => return refused(400, &words),
    };
    let lag = world.fault_ms("cliniko", "search_lag:").unwrap_or(0);
    let shown = |Item { body, notes, .. }: &&Item| {
        // Times of one notation are ordered as texts are.
        let mut later = wanted.later.iter();
        let seen = notes["changed"].as_i64().unwrap_or(0) + lag <= world.now;
        let listed = body["deleted_at"].is_null() && body["cancelled_at"].is_string() == cancelled;
        seen && listed && later.all(|(field, time)| body[field].as_str() > Some(time))
    };
    let all = world.all(APPOINTMENTS).into_iter();
    let mut found: Vec<_> = all.filter(shown).collect();
    found.sort_by_key(|item| (item.body[&wanted.sort.0].to_string(), item.order));
    if wanted.sort.1 {
        found.reverse();
    }
    let from = (wanted.page - 1) * wanted.per_page;
    let page: Vec<_> = found
        .iter()
        .skip(from)
        .take(wanted.per_page)
        .map(|item| &item.body)
        .collect();
    let mut links = Map::new();
    if from + page.len() < found.len() {
        links.insert("next".into(), json!(next(call, wanted.page + 1)));
    }
    let body =
        json!({"individual_appointments": page, "total_entries": found.len(), "links": links});
    Reply::json(200, &body)
}

/// The address of another page of what was asked for.
fn next(call: &Call, page: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(call.pairs().iter().filter(|(name, _)| name != "page"));
    query.append_pair("page", &page.to_string());
    let (path, query) = (&call.path, query.finish());
    format!("https://api.{SHARD}.cliniko.com{path}?{query}")
}

fn own(kind: &str, id: &str) -> Value {
    json!({"self": format!("https://api.{SHARD}.cliniko.com/v1/{kind}/{id}")})
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    let at = json!(stamp(world.now, "%FT%TZ"));
    if let ["book"] = verb {
        return book(world, ask);
    }
    let [what, id] = verb else {
        return Err("what, and to which appointment?".into());
    };
    let changes = match *what {
        "move" => json!({"starts_at": ask["starts_at"].as_str().ok_or("starts_at is needed")?}),
        "arrive" => json!({"patient_arrived": true, "did_not_arrive": false}),
        "not_arrive" => json!({"patient_arrived": false, "did_not_arrive": true}),
        "cancel" => json!({"cancelled_at": at, "cancellation_reason": 50}),
        "restore" => json!({"cancelled_at": null, "did_not_arrive": false}),
        "delete" => json!({"deleted_at": at}),
        _ => return Err(format!("{what} does not happen here")),
    };
    world.item(APPOINTMENTS, id).ok_or("no such appointment")?;
    change(world, id, changes);
    Ok(world.body(APPOINTMENTS, id))
}

fn book(world: &mut World, ask: &Value) -> Result<Value, String> {
    let starts_at = ask["starts_at"].as_str().ok_or("starts_at is needed")?;
    let at = stamp(world.now, "%FT%TZ");
    let patient = match &ask["patient"] {
        Value::String(id) if world.item(PATIENTS, id).is_some() => id.clone(),
        Value::Object(person) => {
            let id = world.id_over(b"123456789", 9);
            let phones = json!([{"phone_type": "Mobile", "number": person.get("phone")}]);
            let body = json!({"id": id, "first_name": person.get("first_name"),
                "last_name": person.get("last_name"), "email": person.get("email"),
                "patient_phone_numbers": phones, "updated_at": at, "links": own("patients", &id)});
            world.put(PATIENTS, "practice", &id, body);
            id
        }
        _ => return Err("patient is the id of one, or who it is".into()),
    };
    let id = world.id_over(b"123456789", 18);
    let linked = |kind: &str, id: &str| json!({"links": own(kind, id)});
    let body = json!({"id": id, "created_at": at, "updated_at": at, "archived_at": null,
        "deleted_at": null, "cancelled_at": null, "cancellation_reason": null,
        "did_not_arrive": false, "patient_arrived": false, "invoice_status": null,
        "patient_name": null, "starts_at": starts_at, "ends_at": starts_at,
        "appointment_type": linked("appointment_types", ask["type"].as_str().unwrap_or("1")),
        "business": linked("businesses", ask["business"].as_str().unwrap_or("1")),
        "practitioner": linked("practitioners", ask["practitioner"].as_str().unwrap_or("1")),
        "patient": linked("patients", &patient), "links": own("individual_appointments", &id)});
    let changed = json!({"changed": world.now});
    world.put_noted(APPOINTMENTS, "practice", &id, body.clone(), changed);
    Ok(body)
}
