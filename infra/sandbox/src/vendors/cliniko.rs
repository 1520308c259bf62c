//! Cliniko: one practice with its appointments, patients and types of appointments. Lists leave out
//! what was cancelled, which stands in a list of its own; what was deleted is in neither, and is not
//! found. Nothing is told by itself.

use crate::kit::{Looks, Refusal, asked, looks, refuse, request};
use crate::vendor::Vendor;
use crate::wire::{Call, Reply, stamp};
use crate::world::{Item, World};
use serde_json::{Map, Value, json};

pub static VENDOR: Vendor = Vendor {
    seed: |world| {
        for (id, name) in [("1", "Initial consultation"), ("2", "Follow-up")] {
            put(world, TYPES, json!({"id": id, "name": name}));
        }
    },
    demo_secrets: || {
        let fields = json!({"api_key": "demo-au1", "contact_email": "front@example.test"});
        vec![("system/cliniko", fields)]
    },
    handle: |world, call| answer(world, call).unwrap_or_else(|why| LOOKS.refused(&why)),
    help: HELP,
    control,
    ..Vendor::named("cliniko")
};

const HELP: &str = r#"book                  {"starts_at", "type", "patient": {"first_name", "email", …}}: an appointment of
                      that patient, or of the one whose id is given
move/{id}             {"starts_at"}; then arrive/{id}, not_arrive/{id}, cancel/{id}, restore/{id}, delete/{id}
"#;

static LOOKS: Looks = Looks::new(|| looks(include_str!("cliniko/looks.json")));
const REQUESTS: &str = include_str!("cliniko/requests.txt");
/// Behind the point as its paths and shapes name them.
const APPOINTMENTS: &str = "cliniko.individual_appointments";
const PATIENTS: &str = "cliniko.patients";
const TYPES: &str = "cliniko.appointment_types";
/// Calls of a minute.
const LIMIT: u64 = 200;
const MINUTE: i64 = 60_000;
const SHARD: &str = "au1";
const HOST: &str = "https://api.au1.cliniko.com";
const REASONS: [i64; 7] = [10, 20, 30, 31, 40, 50, 60];

fn answer(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let known = |(key, pass): (String, String)| {
        let shard = key.rsplit_once('-').map_or(SHARD, |(_, shard)| shard);
        pass.is_empty() && key.len() > 3 && shard == SHARD
    };
    refuse(!call.basic().is_some_and(known), "nobody")?;
    let agent = call.header("user-agent").unwrap_or_default();
    let contact = agent.split_once('(');
    let contact = contact.is_some_and(|(_, rest)| rest.contains('@'));
    let json = call.header("accept") == Some("application/json");
    refuse(!contact || !json, "header")?;
    if busy(world) {
        let reset = (world.now / MINUTE + 1) * 60;
        return Ok(LOOKS
            .refused(&"busy".into())
            .with("x-ratelimit-reset", &reset.to_string())
            .with("date", &stamp(world.now, "%a, %d %b %Y %H:%M:%S GMT")));
    }
    let segments = call.segments();
    let parts: Vec<_> = segments.iter().map(String::as_str).collect();
    let kinds = [APPOINTMENTS, PATIENTS, TYPES];
    match (&*call.method, &parts[..]) {
        ("GET", ["v1", "individual_appointments"]) => list(world, call, false),
        ("GET", ["v1", "individual_appointments", "cancelled"]) => list(world, call, true),
        ("GET", ["v1", kind, id]) => {
            let kind = kinds.into_iter().find(|known| plain(known) == *kind);
            let found = kind.and_then(|kind| standing(world, kind, id));
            Ok(Reply::json(200, &found.ok_or("nowhere")?.body))
        }
        ("PATCH", ["v1", "individual_appointments", id, "cancel"]) => cancel(world, id, call),
        _ => Err("nowhere".into()),
    }
}

fn plain(kind: &str) -> &str {
    kind.trim_start_matches("cliniko.")
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

fn standing<'a>(world: &'a World, kind: &'static str, id: &str) -> Option<&'a Item> {
    let known = world.item(kind, id);
    known.filter(|item| item.body["deleted_at"].is_null())
}

/// One that is cancelled already is refused: what the vendor itself answers then is not known.
fn cancel(world: &mut World, id: &str, call: &Call) -> Result<Reply, Refusal> {
    let before = standing(world, APPOINTMENTS, id).ok_or("nowhere")?;
    refuse(!before.body["cancelled_at"].is_null(), "cancel")?;
    let mut ask = asked(call, request(REQUESTS, "cancel")).map_err(|_| "cancel")?;
    let reason = ask["cancellation_reason"].as_i64().unwrap_or_default();
    refuse(!REASONS.contains(&reason), "cancel")?;
    ask["cancelled_at"] = json!(stamp(world.now, "%FT%TZ"));
    change(world, id, ask);
    Ok(Reply::of(204, "application/json", ""))
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

/// Of `updated_at:>2026-11-21T10:00:00Z` the field that must be later than a time.
fn filter(text: &Value) -> Result<(&str, &str), Refusal> {
    let parts = text.as_str().and_then(|text| text.split_once(":>"));
    let (field, time) = parts.ok_or("filter")?;
    let known = matches!(field, "updated_at" | "cancelled_at");
    let is_time = time.parse::<jiff::Timestamp>().is_ok();
    refuse(!known || !is_time, "filter")?;
    Ok((field, time))
}

/// Under a `search_lag` fault not what changed within the lag.
fn list(world: &World, call: &Call, cancelled: bool) -> Result<Reply, Refusal> {
    let ask = asked(call, request(REQUESTS, "list"))?;
    let filters = ask["q"].as_array().into_iter().flatten();
    let later: Vec<_> = filters.map(filter).collect::<Result<_, _>>()?;
    let sort = ask["sort"].as_str().unwrap_or("created_at:asc");
    let (field, way) = sort.split_once(':').unwrap_or((sort, ""));
    let number = |name: &str, usual| ask[name].as_u64().unwrap_or(usual) as usize;
    let (page, size) = (number("page", 1), number("per_page", 50));
    let lag = world.fault_ms("cliniko", "search_lag:").unwrap_or(0);
    let shown = |Item { body, notes, .. }: &&Item| {
        let seen = notes["changed"].as_i64().unwrap_or(0) + lag <= world.now;
        let listed = body["deleted_at"].is_null() && body["cancelled_at"].is_string() == cancelled;
        // Times of one notation are ordered as texts are.
        let fits = |(field, time): &(&str, &str)| body[*field].as_str() > Some(*time);
        seen && listed && later.iter().all(fits)
    };
    let mut found = world.all(APPOINTMENTS);
    found.retain(shown);
    found.sort_by_key(|item| (item.body[field].to_string(), item.order));
    if way == "desc" {
        found.reverse();
    }
    let bodies = found.iter().map(|item| &item.body);
    let part: Vec<_> = bodies.skip((page - 1) * size).take(size).collect();
    let mut links = Map::new();
    if page * size < found.len() {
        let next = format!("{HOST}{}", call.leading_to("page", page + 1));
        links.insert("next".into(), json!(next));
    }
    let body =
        json!({"individual_appointments": part, "total_entries": found.len(), "links": links});
    Ok(Reply::json(200, &body))
}

/// Puts a new one in its shape.
fn put(world: &mut World, kind: &'static str, mut places: Value) -> Value {
    places["api"] = json!(format!("{HOST}/v1"));
    places["at"] = json!(stamp(world.now, "%FT%TZ"));
    let body = LOOKS.shape(plain(kind), &places);
    let id = body["id"].as_str().unwrap_or_default();
    let changed = json!({"changed": world.now});
    world.put_noted(kind, "practice", id, body.clone(), changed);
    body
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    if let ["book"] = verb {
        return book(world, ask);
    }
    let [what, id] = verb else {
        return Err("what, and to which appointment?".into());
    };
    let at = json!(stamp(world.now, "%FT%TZ"));
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
    ask["starts_at"].as_str().ok_or("starts_at is needed")?;
    let patient = match &ask["patient"] {
        Value::String(id) if world.item(PATIENTS, id).is_some() => json!(id),
        Value::Object(person) => {
            let id = world.id_over(b"123456789", 9);
            put(world, PATIENTS, json!({"id": id, "ask": person}))["id"].take()
        }
        _ => return Err("patient is the id of one, or who it is".into()),
    };
    let id = world.id_over(b"123456789", 18);
    let [kind, business, who] =
        ["type", "business", "practitioner"].map(|name| ask[name].as_str().unwrap_or("1"));
    let places = json!({"id": id, "ask": ask, "patient": patient, "type": kind,
        "business": business, "practitioner": who});
    Ok(put(world, APPOINTMENTS, places))
}
