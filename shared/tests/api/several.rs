//! A clinic with several accounts at one gateway: each site's money goes through its own, and what is
//! said at one door is never taken for another's.

use crate::intake::{arrives_at, queued, signature};
use crate::stack::{Clinic, intake, lines};
use crate::unclear::{case, work};
use crate::vendors::{Heard, Said, answer, heard, ok};
use meridian::domain::payment::State;
use meridian::flows::{invoicing, posting};
use meridian::records::{appointment, task};
use meridian::words::ids;
use serde_json::{Value, json};

const NORTH: &str = "stripe@north";

/// Two accounts at Stripe, of which one is the northern site's.
async fn clinic() -> Clinic {
    let clinic = Clinic::of("EUR", json!({ "collect": "checkout" })).await;
    for (name, place) in [("stripe", "main"), (NORTH, "north")] {
        let wanted = json!({
            "fields": { "secret_key": format!("sk_test_{}_{place}", clinic.id) },
            "inbound": { "webhook_secret": format!("whsec_{place}") },
        });
        let path = format!("/v1/integrations/{name}");
        clinic.call("PUT", &path, &wanted).await.expect(200);
    }
    let mut settings = clinic.get("/v1/settings").await;
    settings["policy"]["gateways"] = json!({ "north": NORTH });
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
    clinic
}

/// A session at this site that took place: its case, billed on a page.
async fn billed(clinic: &Clinic, id: &str, site: &str) -> String {
    clinic.patient().await;
    let booking = json!({
        "id": id, "patient": { "reference": "P-1" }, "starts_at": "2026-11-20T09:00:00Z",
        "lines": lines(), "site": site,
    });
    clinic.post("/v1/appointments", booking).await.expect(201);
    let path = format!("/v1/appointments/{id}/complete");
    let done = clinic.post(&path, Value::Null).await.expect(202);
    let key = task::visit_key(&appointment::pk(&clinic.id, id));
    let billed = Box::pin(invoicing::visit(&clinic.app, &key)).await;
    billed.expect("a table");
    done["invoice"].as_str().expect("an invoice").to_owned()
}

/// Stripe, which opens pages, knows one payment and gives money back.
fn stripe(heard: &Heard, known: &Value) -> Said {
    let (method, path) = heard.what.split_once(' ').unwrap_or_default();
    match (method, path.rsplit('/').next().unwrap_or_default()) {
        ("GET", "pi_1") => ok(known.clone()),
        ("GET", "cs_1") => ok(json!({
            "id": "cs_1", "object": "checkout.session", "status": "complete", "mode": "payment",
            "payment_status": "paid", "amount_total": 6000, "currency": "eur",
            "payment_intent": known,
        })),
        ("GET", _) => ok(json!({ "object": "list", "data": [], "has_more": false })),
        (_, "refunds") => ok(json!({
            "id": "re_1", "object": "refund", "amount": 1000, "currency": "eur",
            "status": "succeeded", "payment_intent": "pi_1", "metadata": {},
        })),
        _ => ok(json!({
            "id": "cs_1", "object": "checkout.session", "status": "open",
            "url": "https://checkout.stripe.com/c/pay/cs_1",
        })),
    }
}

/// With which of both keys the calls were made since the first `seen`.
fn keys(clinic: &Clinic, seen: usize) -> Vec<String> {
    let calls = heard(clinic).into_iter().skip(seen);
    let key = |call: Heard| {
        call.header("authorization")
            .rsplit('_')
            .next()
            .map(String::from)
    };
    calls.filter_map(key).collect()
}

fn intent(reference: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "amount": 6000, "currency": "eur",
        "amount_received": 6000, "status": "succeeded", "payment_method": "pm_1",
        "payment_method_types": ["card"], "metadata": { "reference": reference },
    })
}

fn paid(id: &str, reference: &str) -> String {
    let made = meridian::io::clock::now().as_second();
    json!({
        "id": id, "object": "event", "type": "payment_intent.succeeded", "created": made,
        "data": { "object": intent(reference) },
    })
    .to_string()
}

#[tokio::test]
async fn each_site_is_paid_into_its_own_account_and_paid_back_from_it() {
    let clinic = clinic().await;
    let north = billed(&clinic, "A-1", "north").await;
    let known = intent(&ids::payment_reference(&north, 1));
    answer(&clinic, move |heard| stripe(heard, &known));
    let other = billed(&clinic, "A-2", "south").await;
    for (of, name, key) in [(&north, NORTH, "north"), (&other, "stripe", "main")] {
        let seen = heard(&clinic).len();
        assert_eq!(case(&clinic, of).await.payments[0].gateway, name);
        work(&clinic, of, "p1").await;
        assert_eq!(keys(&clinic, seen), [key]);
    }
    // Each door has its own secret, and another account's word pays nothing.
    let process = intake();
    let body = paid("evt_1", &ids::payment_reference(&north, 1));
    for (source, secret, status) in [
        (NORTH, "whsec_main", 401),
        ("stripe", "whsec_north", 401),
        ("stripe@south", "whsec_north", 404),
        ("stripe@North", "whsec_north", 404),
        ("stripe", "whsec_main", 200),
        (NORTH, "whsec_north", 200),
    ] {
        let signed = signature(secret, &body, 0);
        let told = arrives_at(&process, &clinic.id, source, &body, Some(&signed)).await;
        assert_eq!(told.status, status, "{source} {secret}");
    }
    let (came, seen) = (queued(&clinic), heard(&clinic).len());
    for (received, state) in came.iter().zip([State::Open, State::Paid]) {
        Box::pin(posting::post(&clinic.app, received))
            .await
            .expect("it is posted");
        let of = case(&clinic, &north).await;
        assert_eq!(of.payments[0].state, state, "{}", received.source);
    }
    let asked = keys(&clinic, seen);
    assert!(
        asked.iter().all(|key| key == "north") && !asked.is_empty(),
        "{asked:?}"
    );
    let posted = clinic.get(&format!("/v1/events?source={NORTH}")).await;
    assert_eq!(posted["events"][0]["id"], "stripe@north:evt_1");
    // What goes back goes out of the account that it came into.
    let wanted = json!({ "invoice": north, "amount": { "amount": "10.00", "currency": "EUR" } });
    clinic.post("/v1/refunds", wanted).await.expect(202);
    let seen = heard(&clinic).len();
    work(&clinic, &north, "r1").await;
    assert_eq!(keys(&clinic, seen), ["north"]);
    let entries = clinic.get(&format!("/v1/audit?case={north}")).await;
    assert!(
        entries.to_string().contains("gateway:stripe@north"),
        "{entries}"
    );
}

#[tokio::test]
async fn a_further_account_is_named_by_the_clinics_settings_and_only_of_a_gateway() {
    let clinic = clinic().await;
    let shown = clinic.get("/v1/integrations").await;
    let all = shown["integrations"].as_array().expect("a list");
    let of = |name: &str| all.iter().find(|one| one["vendor"] == name);
    let north = of(NORTH).expect("it is listed");
    assert_eq!(
        (&north["name"], &north["connected"]),
        (&json!("Stripe (north)"), &json!(true))
    );
    let address = north["webhook_urls"][0].as_str().expect("an address");
    assert!(
        address.ends_with(&format!("/webhooks/{}/stripe@north", clinic.id)),
        "{address}"
    );
    assert_eq!(of("stripe").expect("listed")["connected"], true);
    for name in [
        "slack@north",
        "xero@north",
        "stripe@",
        "stripe@a@b",
        "nobody@north",
    ] {
        let path = format!("/v1/integrations/{name}");
        clinic.call("PUT", &path, &json!({})).await.expect(404);
    }
    let mut settings = clinic.get("/v1/settings").await;
    for wrong in ["nobody@west", "stripe@West", "slack@west"] {
        settings["policy"]["gateways"] = json!({ "west": wrong });
        let refused = clinic
            .call("PUT", "/v1/settings", &settings)
            .await
            .expect(422);
        assert_eq!(refused["field"], "policy.gateways.west", "{wrong}");
    }
    let sites = |many: usize| -> Value {
        let names = (0..many).map(|n| (format!("s{n}"), json!(NORTH)));
        names.collect::<serde_json::Map<_, _>>().into()
    };
    settings["policy"]["gateways"] = sites(51);
    let refused = clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(422);
    assert_eq!(refused["field"], "policy.gateways");
    settings["policy"]["gateways"] = sites(50);
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
    // What nobody named is nobody's account, however well it is spelt.
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = |gateway: &str| json!({ "collect": "checkout", "gateway": gateway });
    let refused = clinic.post(&path, wanted("stripe@south")).await.expect(422);
    assert_eq!(refused["field"], "gateway");
    let why = refused["detail"].as_str().unwrap_or_default();
    assert!(why.contains(NORTH), "{why}");
    clinic.post(&path, wanted(NORTH)).await.expect(202);
}

/// Two legal persons may stand behind two accounts: what the patient let one of them keep, the other
/// does not charge.
#[tokio::test]
async fn a_card_that_another_account_keeps_is_not_charged_for_a_site_by_itself() {
    let clinic = clinic().await;
    let mut settings = clinic.get("/v1/settings").await;
    settings["policy"]["collect"] = json!("saved_method");
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
    let patient = clinic.patient().await;
    let card = |gateway: &str, token: &str| {
        json!({
            "gateway": gateway, "token": token, "label": "Visa ending 4242",
            "later_charges": true,
        })
    };
    let path = format!("/v1/patients/{patient}/payment-methods");
    let planned = async |id: &str, site: &str| {
        let of = billed(&clinic, id, site).await;
        let payment = case(&clinic, &of).await.payments.remove(0);
        (payment.gateway, payment.method.map(|method| method.token))
    };
    clinic
        .post(&path, card("stripe", "pm_main"))
        .await
        .expect(201);
    assert_eq!(
        planned("A-1", "south").await,
        ("stripe".into(), Some("pm_main".into()))
    );
    assert_eq!(
        planned("A-2", "north").await,
        (NORTH.into(), None),
        "a page"
    );
    clinic
        .post(&path, card(NORTH, "pm_north"))
        .await
        .expect(201);
    assert_eq!(
        planned("A-3", "north").await,
        (NORTH.into(), Some("pm_north".into()))
    );
    assert_eq!(
        planned("A-4", "south").await,
        ("stripe".into(), Some("pm_main".into()))
    );
    // Another gateway is nobody's account of this one.
    clinic
        .post(&path, card("mollie", "mdt_1"))
        .await
        .expect(201);
    let (gateway, _) = planned("A-5", "north").await;
    assert_eq!(gateway, "mollie", "the newest that is fit");
}
