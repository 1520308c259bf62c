//! Google Sheets as a clinic connects it: what cannot be configured is told when it is written, and
//! what stands in the tab is not appended again.

use crate::stack::Clinic;
use crate::vendors::{Heard, Said, answer, connect, heard, ok, sheets as fields, token};
use meridian::flows::deliveries::compose;
use serde_json::json;

const PATH: &str = "/v1/integrations/google-sheets";

#[tokio::test]
async fn what_does_not_fit_is_told_by_its_field_when_it_is_written() {
    let clinic = Clinic::new().await;
    let put = async |field: &str, value: &str| {
        let mut fields = fields(&clinic.id);
        fields[field] = json!(value);
        let body = json!({ "fields": fields });
        clinic.call("PUT", PATH, &body).await
    };
    let long = format!("{{\"a\": \"{}\"}}", "x".repeat(16 * 1024));
    let other = fields(&clinic.id)["service_account"]
        .as_str()
        .map(|text| text.replace("service_account", "authorized_user"));
    for (field, value, why) in [
        ("service_account", "hush4711", "whole"),
        ("service_account", &other.expect("a text"), "type"),
        ("service_account", "{\"type\":\u{7}}", "control characters"),
        ("service_account", &long, "16384"),
        ("service_account", "", "needed"),
        ("spreadsheet", "https://example.test/d/1", "docs.google.com"),
        ("tab", "a\nb", "one line"),
        ("tab", "", "needed"),
        ("columns", "at, price", "patient"),
        ("columns", "at, status, at", "at most once"),
    ] {
        let refused = put(field, value).await.expect(422);
        assert_eq!(refused["field"], format!("fields.{field}"), "{refused}");
        let text = refused.to_string();
        assert!(text.contains(why) && !text.contains("hush4711"), "{text}");
    }
    let shown = put("columns", "at,patient, status").await.expect(200);
    assert_eq!(shown["connected"], true, "{shown}");
    let named = |name: &str| {
        let mut all = shown["fields"].as_array().into_iter().flatten();
        all.find(|field| field["name"] == name)
            .expect("a field")
            .clone()
    };
    assert_eq!(named("service_account")["kind"], "document");
    assert_eq!(named("spreadsheet")["kind"], "text");
    let columns = named("columns");
    assert_eq!(columns["kind"], "columns");
    assert_eq!(
        columns["choices"][0],
        json!({ "value": "at", "label": "Time" })
    );
}

#[tokio::test]
async fn what_stands_in_the_tab_is_told_already_and_nothing_is_appended() {
    for there in [true, false] {
        let clinic = Clinic::new().await;
        clinic.hears(&["google-sheets"]).await;
        connect(&clinic, "google-sheets", |_| Said::Cut).await;
        let (id, pk) = (
            clinic.id.clone(),
            std::sync::Arc::new(std::sync::Mutex::new(String::new())),
        );
        let known = pk.clone();
        answer(&clinic, move |heard: &Heard| {
            if heard.what.ends_with("/token") {
                return token(&id, "t", 3600);
            }
            match heard.what.starts_with("GET") {
                true if there => {
                    ok(json!({ "values": [["Reference", *known.lock().expect("a key")]] }))
                }
                true => ok(json!({ "values": [["Reference"]] })),
                false => ok(json!({ "updates": { "updatedRows": 1 } })),
            }
        });
        let case = clinic.asked_to_pay().await.0;
        crate::money::pays(&clinic, &case).await;
        let key = clinic
            .told_key(&case, "google-sheets", "payment-received-p1")
            .await;
        let place = key.sk.rsplit('#').next().unwrap_or_default();
        *pk.lock().expect("a key") = compose::key(&key.pk, place, "google-sheets", 0);
        clinic.delivers(&key).await;
        let row = clinic.app.store.get(&key.pk, &key.sk).await;
        let row = row.expect("a table").expect("a row");
        assert_eq!(row.get("state"), "done", "{there}");
        let calls = heard(&clinic).into_iter();
        let appended = calls.filter(|call| call.what.ends_with(":append")).count();
        assert_eq!(appended, usize::from(!there));
    }
}
