//! Who may do what: every route of the document is called with every kind of key. What is refused
//! tells nothing and changes nothing.

use crate::money::pays;
use crate::stack::{Clinic, app, aws, lines, request};
use meridian::api;
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::case::pk as case_pk;
use meridian::records::event::EventRow;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What each route needs, by the worth of what it does. A new route is written down here first.
const NEEDS: &str = "
    anyone     GET /v1/openapi.json
    root       POST /v1/clinics

    view       GET /v1/settings
    view       GET /v1/patients
    view       GET /v1/patients/{id}
    view       GET /v1/patients/{id}/payment-methods
    view       GET /v1/appointments
    view       GET /v1/appointments/{id}
    view       GET /v1/appointment-types
    view       GET /v1/appointment-types/{id}
    view       GET /v1/invoices
    view       GET /v1/invoices/{id}
    view       GET /v1/payments/{id}
    view       GET /v1/payments/{id}/story
    view       GET /v1/refunds
    view       GET /v1/refunds/{id}
    view       GET /v1/events
    view       GET /v1/deliveries
    view       GET /v1/tasks
    view       GET /v1/patients/{id}/credit
    view       GET /v1/integrations
    view       GET /v1/integrations/{vendor}
    view       GET /v1/audit
    view       GET /v1/audit/verify

    charge     POST /v1/patients
    charge     DELETE /v1/patients/{id}/opt-out
    charge     POST /v1/patients/{id}/payment-methods
    charge     DELETE /v1/patients/{id}/payment-methods/{method}
    charge     POST /v1/patients/{id}/payment-methods/{method}/default
    charge     POST /v1/appointments
    charge     POST /v1/appointments/{id}/complete
    charge     POST /v1/appointments/{id}/cancel
    charge     POST /v1/appointments/{id}/no-show
    charge     POST /v1/appointments/{id}/reschedule
    charge     POST /v1/appointments/{id}/restore
    charge     POST /v1/invoices
    charge     POST /v1/invoices/{id}/charges
    charge     POST /v1/invoices/{id}/tenders
    charge     POST /v1/appointments/{id}/charges
    charge     POST /v1/charges
    charge     POST /v1/deliveries/{case}/{id}/repeat
    charge     POST /v1/deliveries/replay
    charge     POST /v1/tasks/{case}/{id}/done

    refund     POST /v1/refunds
    refund     POST /v1/patients/{id}/credit/payouts

    approve    DELETE /v1/patients/{id}
    approve    POST /v1/refunds/{id}/approve
    approve    POST /v1/refunds/{id}/reject
    approve    POST /v1/payments/{id}/close
    approve    POST /v1/payments/{id}/resolve
    approve    POST /v1/refunds/{id}/resolve
    approve    POST /v1/invoices/{id}/void
    approve    POST /v1/invoices/{id}/credit-notes
    approve    POST /v1/tenders/{id}/reverse
    approve    POST /v1/payments/{id}/disputes/{dispute}/resolve

    configure  PUT /v1/settings
    configure  POST /v1/appointment-types
    configure  PATCH /v1/appointment-types/{id}
    configure  DELETE /v1/appointment-types/{id}
    configure  GET /v1/keys
    configure  POST /v1/keys
    configure  DELETE /v1/keys/{id}
    configure  PUT /v1/integrations/{vendor}
    configure  DELETE /v1/integrations/{vendor}
    configure  DELETE /v1/integrations/{vendor}/inbound/former
    configure  POST /v1/events/{id}/replay
";
const PERMISSIONS: [&str; 5] = ["view", "charge", "refund", "approve", "configure"];

/// One route and what is sent to it.
#[derive(Debug)]
pub struct Asked {
    needs: String,
    /// Whether the document says that its answer shows a person.
    pub shows: bool,
    pub method: String,
    pub route: String,
    pub path: String,
    pub body: Option<String>,
}

/// A clinic that has one of everything that a route may name.
pub struct World {
    pub clinic: Clinic,
    pub patient: String,
    case: String,
    refund: String,
    delivery: String,
    spare_key: String,
}

pub const NAMES: [&str; 3] = ["Juniper Vale", "Wattle Street Clinic", "juniper@"];

impl World {
    pub async fn new() -> Self {
        let policy = json!({ "collect": "later", "approval_above": "20" });
        let clinic = Clinic::of("EUR", policy).await;
        let person = json!({
            "reference": "P-1042", "name": "Juniper Vale", "email": "juniper@example.org",
        });
        let made = clinic.post("/v1/patients", person).await.expect(201);
        let patient = text(&made["id"]);
        let path = format!("/v1/patients/{patient}/payment-methods");
        let kept = json!({ "gateway": "stripe", "token": "pm_1", "label": "Visa ending 4242" });
        clinic.post(&path, kept).await.expect(201);
        let booked = json!({
            "id": "A-1", "patient": patient, "starts_at": "2026-11-20T09:00:00Z", "lines": lines(),
        });
        clinic.post("/v1/appointments", booked).await.expect(201);
        let kind = json!({
            "id": "T-1", "name": "Initial visit", "label": "Appointment",
            "price": { "amount": "60.00", "currency": "EUR" },
        });
        clinic.post("/v1/appointment-types", kind).await.expect(201);
        let case = clinic.invoice(Some(&patient)).await;
        let path = format!("/v1/invoices/{case}/charges");
        let page = json!({ "collect": "checkout" });
        clinic.post(&path, page).await.expect(202);
        pays(&clinic, &case).await;
        let asker = clinic.with_key(&clinic.key_with(&["view", "refund"]).await);
        let wanted = json!({ "invoice": case });
        let refund = asker.post("/v1/refunds", wanted).await.expect(202);
        assert_eq!(refund["state"], "awaiting_approval");
        clinic.spreads(&case).await;
        let told = clinic.get(&format!("/v1/deliveries?case={case}")).await;
        let delivery = text(&told["deliveries"][0]["id"]);
        clinic.write(failed(&clinic, &case, &delivery)).await;
        let at = meridian::io::clock::now();
        let event = EventRow::new(&clinic.id, "stripe", "evt_1", "charge.succeeded", at);
        clinic.write(Write::Put(event.row("quarantined"))).await;
        let spare = clinic.key_with(&["configure"]).await;
        let keys = json!({ "fields": { "secret_key": "sk_test_1" } });
        let path = "/v1/integrations/stripe";
        clinic.call("PUT", path, &keys).await.expect(200);
        Self {
            patient,
            case,
            refund: text(&refund["id"]),
            delivery,
            spare_key: hash_of(&spare),
            clinic,
        }
    }

    /// The path of a route with this clinic's ids in it.
    fn path(&self, route: &str) -> String {
        let fill = |route: &str, id: &str| route.replacen("{id}", id, 1);
        let payment = format!("{}-p1", self.case);
        let task = route.replace("{case}", &self.case);
        match route.trim_start_matches("/v1/").split('/').next() {
            Some("patients") => fill(route, &self.patient),
            Some("appointments") => fill(route, "A-1"),
            Some("appointment-types") => fill(route, "T-1"),
            Some("invoices") => fill(route, &self.case),
            Some("payments") => fill(route, &payment),
            Some("refunds") => fill(route, &self.refund),
            Some("keys") => fill(route, &self.spare_key),
            Some("events") => fill(route, "stripe:evt_1"),
            Some("integrations") => route.replace("{vendor}", "stripe"),
            Some("tasks") => fill(&task, &format!("person-refund-waits-{}", self.refund)),
            Some("deliveries") if route.contains("{id}") => fill(&task, &self.delivery),
            Some("deliveries") if route.ends_with("/replay") => route.to_owned(),
            Some("deliveries" | "audit") => format!("{route}?case={}", self.case),
            _ => route.to_owned(),
        }
    }

    /// Each route of the document, asked as it wants to be asked.
    pub async fn asked(&self) -> Vec<Asked> {
        let document = document().await;
        let mut all = vec![];
        for (route, at) in document["paths"].as_object().expect("paths") {
            for (method, operation) in at.as_object().expect("methods") {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                let schema = schema["$ref"].as_str().map(|text| text.replace('#', ""));
                let example = schema.map(|place| document.pointer(&place).cloned());
                let example =
                    example.map(|schema| schema.unwrap_or_default()["examples"][0].clone());
                all.push(Asked {
                    needs: needs(operation),
                    shows: operation["x-shows-person"] == true,
                    method: method.to_uppercase(),
                    route: route.clone(),
                    path: self.path(route),
                    body: self.body(route, example).map(|body| body.to_string()),
                });
            }
        }
        assert!(all.len() > 30, "{all:?}");
        all
    }

    fn body(&self, route: &str, example: Option<Value>) -> Option<Value> {
        Some(match route {
            "/v1/refunds" => json!({ "invoice": self.case }),
            "/v1/keys" => json!({ "label": "desk", "permissions": ["configure"] }),
            "/v1/settings" => json!({ "id": self.clinic.id, "name": "Other", "currency": "EUR" }),
            _ => return example,
        })
    }

    /// What nobody else may learn.
    fn secrets(&self) -> Vec<&str> {
        let ids = [&self.patient, &self.case, &self.refund, &self.spare_key];
        let ids = ids.into_iter().map(String::as_str);
        ids.chain(NAMES).chain(["Visa ending 4242"]).collect()
    }

    /// All that is kept of the clinic: its rows, and what its vendors' secrets are.
    async fn kept(&self) -> BTreeMap<String, Value> {
        let mut kept = self.clinic.rows().await;
        for of in ["gateway/stripe", "inbound/stripe", "oauth/stripe"] {
            let name = format!("meridian/{}/{of}", self.clinic.id);
            let asked = json!({ "SecretId": name });
            let held = aws().call("secretsmanager.GetSecretValue", asked).await;
            kept.insert(
                name,
                held.map_or(Value::Null, |held| held["SecretString"].clone()),
            );
        }
        kept
    }
}

fn failed(clinic: &Clinic, case: &str, delivery: &str) -> Write {
    Write::Change {
        key: RowKey {
            pk: case_pk(&clinic.id, case),
            sk: meridian::records::delivery::sk_of(delivery).expect("an id"),
        },
        set: Row::default().text("state", "failed"),
        remove: vec![],
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn hash_of(key: &str) -> String {
    meridian::contract::body_hash(key.as_bytes())
}

fn needs(operation: &Value) -> String {
    let named = operation["x-permission"].as_str();
    let other = match operation["security"][0].as_object() {
        None => "anyone",
        Some(key) if key.contains_key("root") => "root",
        Some(_) => "nothing",
    };
    named.unwrap_or(other).to_owned()
}

async fn document() -> Value {
    let app = app();
    let asked = request("GET", "/v1/openapi.json", json!({}), None);
    let answer = Box::pin(api::answer(&app, asked)).await;
    serde_json::from_str(&answer.body).expect("a document")
}

/// Sends it with this Authorization, and what came back.
pub async fn sent(clinic: &Clinic, asked: &Asked, authorization: Option<&str>) -> (u16, Value) {
    let mut headers = json!({
        "content-type": "application/json",
        "idempotency-key": meridian::words::ids::random(),
    });
    if let Some(authorization) = authorization {
        headers["authorization"] = json!(authorization);
    }
    let sent = request(&asked.method, &asked.path, headers, asked.body.clone());
    let answer = Box::pin(api::answer(&clinic.app, sent)).await;
    let body = serde_json::from_str(&answer.body).expect("JSON");
    (answer.status_code, body)
}

pub fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

#[track_caller]
fn tells_nothing(asked: &Asked, body: &Value, secrets: &[&str]) {
    let told = body.to_string();
    for secret in secrets {
        // A path may be named back to who sent it.
        let known = asked.path.contains(secret);
        assert!(
            known || !told.contains(secret),
            "{asked:?} tells {secret}: {told}"
        );
    }
}

/// Nothing was written between two looks at the rows.
#[track_caller]
pub fn unchanged(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>, who: &str) {
    let all = before.keys().chain(after.keys());
    let changed: Vec<_> = all
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    assert!(changed.is_empty(), "{who} changed {changed:#?}");
}

#[tokio::test]
async fn every_route_needs_what_is_written_down_here() {
    let document = document().await;
    let mut served = vec![];
    for (route, at) in document["paths"].as_object().expect("paths") {
        for (method, operation) in at.as_object().expect("methods") {
            served.push(format!(
                "{} {} {route}",
                needs(operation),
                method.to_uppercase()
            ));
        }
    }
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = NEEDS.lines().map(words).filter(|line| !line.is_empty());
    let mut written: Vec<_> = lines.collect();
    served.sort();
    written.sort();
    let new: Vec<_> = served
        .iter()
        .filter(|line| !written.contains(line))
        .collect();
    let gone: Vec<_> = written
        .iter()
        .filter(|line| !served.contains(line))
        .collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "write into NEEDS what a route needs, by what it is worth.\nserved: {new:#?}\nwritten: {gone:#?}"
    );
}

#[tokio::test]
async fn who_has_no_key_of_the_clinic_learns_and_changes_nothing() {
    let world = World::new().await;
    let revoked = world.clinic.key_with(&PERMISSIONS).await;
    let path = format!("/v1/keys/{}", hash_of(&revoked));
    let gone = world.clinic.call("DELETE", &path, &Value::Null).await;
    gone.expect(200);
    let unknown = world.clinic.key.replace("mk_", "mk_x");
    let cut = &world.clinic.key[..world.clinic.key.len() - 1];
    let before = world.kept().await;
    for authorization in [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some(bearer(&unknown)),
        Some(bearer(cut)),
        Some(bearer(&revoked)),
        Some(bearer(&hash_of(&world.clinic.key))),
        Some(format!("Basic {}", world.clinic.key)),
        Some(world.clinic.key.clone()),
        Some(bearer("root_key")),
    ] {
        for asked in world.asked().await {
            let by_root = asked.needs == "root" && authorization == Some(bearer("root_key"));
            if asked.needs == "anyone" || by_root {
                continue;
            }
            let (status, body) = sent(&world.clinic, &asked, authorization.as_deref()).await;
            assert_eq!(status, 401, "{authorization:?} {asked:?}: {body}");
            tells_nothing(&asked, &body, &world.secrets());
        }
        let who = format!("{authorization:?}");
        unchanged(&before, &world.kept().await, &who);
    }
}

#[tokio::test]
async fn a_key_with_one_permission_does_what_that_allows_and_nothing_else() {
    let world = World::new().await;
    for permission in PERMISSIONS {
        let key = bearer(&world.clinic.key_with(&[permission]).await);
        let before = world.kept().await;
        let (allowed, refused): (Vec<_>, Vec<_>) = world
            .asked()
            .await
            .into_iter()
            .filter(|asked| asked.needs != "anyone")
            .partition(|asked| asked.needs == permission);
        for asked in refused {
            let (status, body) = sent(&world.clinic, &asked, Some(&key)).await;
            match asked.needs.as_str() {
                "root" => assert_eq!(status, 401, "{permission} {asked:?}: {body}"),
                needs => {
                    assert_eq!(status, 403, "{permission} {asked:?}: {body}");
                    assert_eq!(body["permission"], needs, "{asked:?}");
                }
            }
            tells_nothing(&asked, &body, &world.secrets());
        }
        unchanged(&before, &world.kept().await, permission);
        for asked in allowed {
            let (status, body) = sent(&world.clinic, &asked, Some(&key)).await;
            let let_in = status != 401 && body["permission"].is_null() && status < 500;
            assert!(let_in, "{permission} {asked:?}: {status} {body}");
        }
    }
}

#[tokio::test]
async fn one_clinics_key_reaches_nothing_of_another() {
    let (mine, other) = (World::new().await, World::new().await);
    let before = mine.kept().await;
    let key = bearer(&other.clinic.key);
    for asked in mine.asked().await {
        if matches!(asked.needs.as_str(), "anyone" | "root") {
            continue;
        }
        let (status, body) = sent(&other.clinic, &asked, Some(&key)).await;
        let secrets = mine.secrets();
        // Both have a patient of that name; what is found here is the caller's own.
        let ids = &secrets[..secrets.len() - NAMES.len() - 1];
        tells_nothing(&asked, &body, ids);
        // Each clinic has an appointment and a type of these ids.
        let alike = ["A-1", "T-1"].iter().any(|id| asked.path.contains(id));
        let of_clinic = asked.route.contains("{id}") && !alike;
        let own = asked.route == "/v1/events/{id}/replay";
        if of_clinic && !own {
            assert_eq!(status, 404, "{asked:?}: {body}");
        }
        for name in ["v1/audit?", "v1/deliveries?", "v1/audit/verify?"] {
            if asked.path.contains(name) {
                let nothing = status == 404 || !body.to_string().contains("\"id\"");
                assert!(nothing && !body.to_string().contains("\"what\""), "{body}");
            }
        }
    }
    unchanged(&before, &mine.kept().await, "another clinic");
    let shown = mine.clinic.get("/v1/settings").await;
    assert_eq!(shown["name"], "Wattle Street Clinic");
}

#[tokio::test]
async fn no_body_names_what_is_another_clinics() {
    let (mine, other) = (World::new().await, World::new().await);
    let own = other.clinic.invoice(None).await;
    let before = mine.kept().await;
    let (patient, payment) = (&mine.patient, format!("{}-p1", mine.case));
    for (path, body) in [
        (
            "/v1/invoices",
            json!({ "patient": patient, "lines": lines() }),
        ),
        (
            "/v1/charges",
            json!({ "patient": patient, "lines": lines() }),
        ),
        (
            "/v1/appointments",
            json!({
                "id": "A-9", "patient": patient, "starts_at": "2026-11-20T09:00:00Z",
                "lines": lines(),
            }),
        ),
        ("/v1/refunds", json!({ "invoice": mine.case })),
        ("/v1/refunds?preview=true", json!({ "invoice": mine.case })),
        ("/v1/refunds", json!({ "invoice": own, "payment": payment })),
    ] {
        let rows = other.kept().await;
        let refused = other.clinic.post(path, body).await;
        assert_eq!(refused.status, 422, "{path}: {}", refused.body);
        unchanged(&rows, &other.kept().await, path);
    }
    unchanged(&before, &mine.kept().await, "another clinic");
}

#[tokio::test]
async fn only_the_root_key_makes_clinics_and_it_does_nothing_else() {
    let world = World::new().await;
    let id = format!("c-{}", meridian::words::ids::random());
    let new = json!({ "id": id, "name": "New", "currency": "EUR" });
    let asked = Asked {
        shows: false,
        needs: "root".into(),
        method: "POST".into(),
        route: "/v1/clinics".into(),
        path: "/v1/clinics".into(),
        body: Some(new.to_string()),
    };
    for wrong in [
        None,
        Some(bearer("")),
        Some(bearer("root_ke")),
        Some(bearer("root_key1")),
        Some(bearer(&world.clinic.key)),
    ] {
        let (status, body) = sent(&world.clinic, &asked, wrong.as_deref()).await;
        assert_eq!(status, 401, "{wrong:?}: {body}");
        let made = world.clinic.app.latest_settings(&id).await;
        assert_eq!(made.expect("a table"), None, "{wrong:?}");
    }
    let (status, body) = sent(&world.clinic, &asked, Some(&bearer("root_key"))).await;
    assert_eq!(status, 201, "{body}");
    // What exists is not taken over: neither its settings nor a key of it.
    let mut taken = asked;
    taken.body = Some(json!({ "id": world.clinic.id, "name": "N", "currency": "EUR" }).to_string());
    let before = world.kept().await;
    let (status, body) = sent(&world.clinic, &taken, Some(&bearer("root_key"))).await;
    assert_eq!((status, &body["key"]), (409, &Value::Null), "{body}");
    unchanged(&before, &world.kept().await, "a second clinic of that name");
}

#[tokio::test]
async fn a_key_gives_only_permissions_that_it_has() {
    let clinic = Clinic::new().await;
    let keeper = clinic.key_with(&["configure", "view"]).await;
    let keeper = clinic.with_key(&keeper);
    let before = clinic.rows().await;
    for more in ["charge", "refund", "approve"] {
        let new = json!({ "label": "more", "permissions": ["view", more] });
        let refused = keeper.post("/v1/keys", new).await.expect(403);
        assert_eq!(refused["key"], Value::Null);
    }
    for none in [json!([]), json!(["all"]), json!(["root"])] {
        let new = json!({ "label": "none", "permissions": none });
        keeper.post("/v1/keys", new).await.expect(422);
    }
    unchanged(&before, &clinic.rows().await, "a key that gives too much");
    let same = keeper.key_with(&["view", "configure"]).await;
    let same = clinic.with_key(&same);
    same.get("/v1/settings").await;
    let refused = same.post("/v1/charges", json!({ "lines": lines() })).await;
    refused.expect(403);
}
