//! The deployment's key is written anew: what it sealed before still opens, and what is sealed
//! meanwhile opens when the former one comes back.

use crate::stack::*;
use meridian::flows::deliveries::optouts;
use meridian::flows::pages;
use meridian::io::lambda::HttpRequest;
use serde_json::{Value, json};

const SEAL: &str = "meridian/_/seal";

async fn name(app: &meridian::flows::App, clinic: &Clinic, patient: &str) -> (u16, Value) {
    let path = format!("/v1/patients/{patient}");
    let (status, body) = call(app, &clinic.key, "GET", &path, &Value::Null).await;
    (status, body["name"].clone())
}

async fn patient(app: &meridian::flows::App, clinic: &Clinic, name: &str) -> String {
    let new = json!({ "reference": name, "name": name });
    let (status, body) = call(app, &clinic.key, "POST", "/v1/patients", &new).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().expect("an id").to_owned()
}

/// The address of an invoice's page.
async fn page(app: &meridian::flows::App, clinic: &Clinic, patient: &str) -> String {
    let unit = json!({ "amount": "60.00", "currency": "EUR" });
    let new = json!({ "patient": patient, "lines": [{ "description": "Visit", "unit": unit }] });
    let (status, body) = call(app, &clinic.key, "POST", "/v1/invoices", &new).await;
    assert_eq!(status, 201, "{body}");
    let path = format!("/v1/invoices/{}", body["id"].as_str().expect("an id"));
    let (_, body) = call(app, &clinic.key, "GET", &path, &Value::Null).await;
    let url = body["page_url"].as_str().expect("an address").to_owned();
    url.trim_start_matches("https://pay.example.test")
        .to_owned()
}

async fn shown(app: &meridian::flows::App, path: &str) -> (u16, bool) {
    let request = json!({
        "rawPath": path, "requestContext": { "http": { "method": "GET" } },
    });
    let request: HttpRequest = serde_json::from_value(request).expect("a request");
    let page = Box::pin(pages::show(app, &request)).await;
    (page.status_code, page.body.contains("Visit"))
}

#[tokio::test]
async fn a_key_that_is_written_anew_opens_and_loses_nothing() {
    let _alone = alone().await;
    let clinic = Clinic::new().await;
    let before = app();
    let first = patient(&before, &clinic, "Juniper").await;
    let first_page = page(&before, &clinic, &first).await;
    secret(SEAL, json!({ "seal_key": "another" })).await;
    let after = app();
    assert_eq!(name(&after, &clinic, &first).await, (200, json!("Juniper")));
    assert_eq!(shown(&after, &first_page).await, (200, true));
    let second = patient(&after, &clinic, "Hazel").await;
    let second_page = page(&after, &clinic, &second).await;
    // One that remembers only the former key meets what the new one sealed.
    assert_eq!(name(&before, &clinic, &second).await, (200, json!("Hazel")));
    assert_eq!(shown(&before, &second_page).await, (200, true));
    // The former one comes back, as the README says of secrets.
    secret(SEAL, json!({ "seal_key": "seal_key" })).await;
    let back = app();
    for (patient, of, page) in [
        (&first, "Juniper", &first_page),
        (&second, "Hazel", &second_page),
    ] {
        assert_eq!(name(&back, &clinic, patient).await, (200, json!(of)));
        assert_eq!(shown(&back, page).await, (200, true));
    }
    // Former keys beside the current one open for as long as they are listed.
    let listed = json!({ "seal_key": "a third", "former_1": "seal_key", "former_2": "another" });
    // By themselves, and not by standing in the version before as well.
    secret(SEAL, json!({ "seal_key": "a fourth" })).await;
    for _ in 0..2 {
        secret(SEAL, listed.clone()).await;
        let third = app();
        for (patient, of, page) in [
            (&first, "Juniper", &first_page),
            (&second, "Hazel", &second_page),
        ] {
            assert_eq!(name(&third, &clinic, patient).await, (200, json!(of)));
            assert_eq!(shown(&third, page).await, (200, true));
        }
    }
    secret(
        SEAL,
        json!({ "seal_key": "seal_key", "former_2": "another" }),
    )
    .await;
}

const PHONE: &str = "+61370100142";

/// An opt-out is kept under a code of the number, which the key makes.
#[tokio::test]
async fn an_opt_out_outlives_the_key_under_which_it_was_kept() {
    let _alone = alone().await;
    let clinic = Clinic::new().await;
    let unwanted = async || {
        optouts::texts_unwanted(&app(), &clinic.id, PHONE)
            .await
            .expect("an answer")
    };
    optouts::opt_out(&app(), &clinic.id, PHONE)
        .await
        .expect("kept");
    assert!(unwanted().await);
    secret(SEAL, json!({ "seal_key": "another" })).await;
    assert!(unwanted().await, "forgotten with the key");
    optouts::opt_out(&app(), &clinic.id, PHONE)
        .await
        .expect("kept");
    let lifted = optouts::lifted(&app(), &clinic.id, PHONE)
        .await
        .expect("what lifts it");
    app().store.transact(&lifted).await.expect("lifted");
    assert!(!unwanted().await, "one of two is left");
    secret(SEAL, json!({ "seal_key": "seal_key" })).await;
    assert!(!unwanted().await);
}
