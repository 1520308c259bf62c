//! What the doors of the API let through: shapes of bodies, texts that could be a card's number,
//! rights that a key hands on or takes away, values that a vendor's secret may have.

use crate::stack::{Answer, Clinic, aws, lines, request};
use meridian::api;
use meridian::words::ids;
use serde_json::{Value, json};

/// A body that no JSON library would write.
async fn raw(clinic: &Clinic, method: &str, path: &str, body: &str) -> Answer {
    let headers = json!({
        "authorization": format!("Bearer {}", clinic.key),
        "content-type": "application/json",
        "idempotency-key": ids::random(),
    });
    let asked = request(method, path, headers, Some(body.into()));
    let answer = Box::pin(api::answer(&clinic.app, asked)).await;
    Answer {
        status: answer.status_code,
        body: serde_json::from_str(&answer.body).expect("JSON"),
    }
}

// ---- shapes ------------------------------------------------------------------------------------

#[tokio::test]
async fn an_array_in_place_of_an_object_is_refused_with_its_place() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let unit = r#"{"amount":"60.00","currency":"EUR"}"#;
    for (path, body, field) in [
        (
            "/v1/refunds",
            format!(r#"["{case}",["1.00","EUR"],null,null]"#),
            "body",
        ),
        (
            "/v1/refunds",
            format!(r#"{{"invoice":"{case}","amount":["1.00","EUR"]}}"#),
            "amount",
        ),
        (
            "/v1/invoices",
            format!(r#"{{"lines":[["Visit",1,{unit}]]}}"#),
            "lines[0]",
        ),
        (
            "/v1/invoices",
            r#"{"lines":[{"description":"Visit","unit":["60.00","EUR"]}]}"#.into(),
            "lines[0].unit",
        ),
        (
            "/v1/charges",
            format!(
                r#"{{"lines":[{{"description":"Visit","unit":{unit}}}],"method":["stripe","pm_1",null,null]}}"#
            ),
            "method",
        ),
        ("/v1/patients", r#"["P-9","Juniper Vale"]"#.into(), "body"),
        ("/v1/keys", r#"["desk",["view"]]"#.into(), "body"),
        (
            &*format!("/v1/invoices/{case}/charges"),
            r#"[["1.00","EUR"]]"#.into(),
            "body",
        ),
        ("/v1/tasks/x/y/done", "[]".into(), "body"),
    ] {
        let refused = raw(&clinic, "POST", path, &body).await;
        assert_eq!(refused.status, 422, "{path} {body}: {}", refused.body);
        assert_eq!(refused.body["field"], field, "{path} {body}");
    }
    let mut settings = clinic.get("/v1/settings").await;
    settings["policy"] = json!(["later"]);
    let refused = raw(&clinic, "PUT", "/v1/settings", &settings.to_string()).await;
    assert_eq!(refused.expect(422)["field"], "policy");
}

#[tokio::test]
async fn a_name_that_stands_twice_in_an_object_is_refused_with_its_place() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    for (path, body, field) in [
        (
            "/v1/refunds",
            format!(
                r#"{{"invoice":"{case}","reason":"a","amount":{{"amount":"1.00","currency":"EUR"}},"reason":"b"}}"#
            ),
            "reason",
        ),
        (
            "/v1/refunds",
            format!(
                r#"{{"invoice":"{case}","amount":{{"amount":"1.00","currency":"EUR","amount":"9.00"}}}}"#
            ),
            "amount.amount",
        ),
        (
            "/v1/invoices",
            r#"{"lines":[{"description":"Visit","description":"Other","unit":{"amount":"60.00","currency":"EUR"}}]}"#
                .into(),
            "lines[0].description",
        ),
    ] {
        let refused = raw(&clinic, "POST", path, &body).await;
        assert_eq!(refused.status, 422, "{path} {body}: {}", refused.body);
        assert_eq!(refused.body["field"], field, "{path} {body}");
    }
}

// ---- card numbers and names ---------------------------------------------------------------------

const NUMBERS: [&str; 7] = [
    "card 4000056655665556",
    "4000.0566.5566.5556",
    "Visa 4000056655665556",
    "４０００ ０５６６ ５５６６ ５５５６",
    "4000/0566/5566/5556 12/29",
    "no4000_0566_5566_5556no",
    "٤٠٠٠٠٥٦٦٥٥٦٦٥٥٥٦",
];

#[tokio::test]
async fn a_cards_number_is_kept_nowhere_however_it_is_written() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let case = clinic.invoice(Some(&patient)).await;
    let kept =
        json!({ "gateway": "stripe", "token": "pm_1", "customer": "cus_1", "label": "Visa" });
    let new = json!({ "reference": "P-2", "name": "Juniper Vale", "email": "j@example.test" });
    let booked = json!({
        "id": "A-1", "patient": patient, "starts_at": "2026-11-20T09:00:00Z", "lines": lines(),
    });
    let invoice = json!({ "number": "WS-1", "lines": lines() });
    let charge = json!({ "method": kept });
    let refund = json!({
        "invoice": case, "reason": "kindness", "amount": { "amount": "1.00", "currency": "EUR" },
    });
    let key = json!({ "label": "desk", "permissions": ["view"] });
    let walk_in = json!({ "lines": lines() });
    let methods = format!("/v1/patients/{patient}/payment-methods");
    let charges = format!("/v1/invoices/{case}/charges");
    let places: [(&str, &Value, &[&str]); 8] = [
        (&methods, &kept, &["/token", "/customer", "/label"]),
        ("/v1/patients", &new, &["/reference", "/name"]),
        (
            "/v1/appointments",
            &booked,
            &["/id", "/lines/0/description"],
        ),
        (
            "/v1/invoices",
            &invoice,
            &["/number", "/lines/0/description"],
        ),
        (
            &charges,
            &charge,
            &["/method/token", "/method/customer", "/method/label"],
        ),
        ("/v1/refunds", &refund, &["/reason"]),
        ("/v1/keys", &key, &["/label"]),
        ("/v1/charges", &walk_in, &["/lines/0/description"]),
    ];
    for (path, body, fields) in places {
        for field in fields {
            for number in NUMBERS {
                let mut with = body.clone();
                *with.pointer_mut(field).expect("a field") = json!(number);
                let refused = clinic.post(path, with).await;
                assert_eq!(refused.status, 422, "{path} {field} {number}");
                let named = refused.body["field"].as_str().unwrap_or_default();
                let named = format!("/{}", named.replace(['.', '['], "/").replace(']', ""));
                assert_eq!(named, *field, "{path} {number}");
                let told = refused.body.to_string();
                assert!(!told.contains(number), "{path} {field}: {told}");
            }
        }
    }
    let mut settings = clinic.get("/v1/settings").await;
    settings["address"] = json!("Wattle Street 4000056655665556");
    let refused = clinic.call("PUT", "/v1/settings", &settings).await;
    assert_eq!(refused.expect(422)["field"], "address");
}

#[tokio::test]
async fn a_card_number_in_an_email_address_or_a_clinics_id_is_refused_too() {
    let clinic = Clinic::new().await;
    let new = json!({ "reference": "P-2", "email": "4000056655665556@example.test" });
    let refused = clinic.post("/v1/patients", new).await.expect(422);
    assert_eq!(refused["field"], "email");
    let settings = json!({
        "id": "c-4000056655665556", "name": "Wattle", "currency": "EUR",
        "time_zone": "Australia/Melbourne",
    });
    let root = Clinic {
        key: "root_key".into(),
        id: clinic.id.clone(),
        app: crate::stack::app(),
    };
    let refused = root.post("/v1/clinics", settings).await.expect(422);
    assert_eq!(refused["field"], "id");
}

#[tokio::test]
async fn numbers_that_are_no_cards_are_taken() {
    let clinic = Clinic::new().await;
    for (n, text) in [
        "20261120093012",
        "2026-11-20 09:30 room 12",
        "4000056655665557",
        "1764230000000",
        "WS-2026-000123-4",
        "Visa ending 4242",
        "ABN 53 004 085 616",
        "+4915123456789",
    ]
    .into_iter()
    .enumerate()
    {
        let new = json!({ "reference": format!("P-{n} {text}"), "name": text });
        clinic.post("/v1/patients", new).await.expect(201);
    }
    let mut settings = clinic.get("/v1/settings").await;
    // The number of an establishment in France has fourteen digits and the same check digit.
    settings["tax_number"] = json!("SIRET 380 129 866 46850");
    settings["phone"] = json!("+49 151 2345 6789");
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
}

#[tokio::test]
async fn of_a_methods_label_only_its_kind_and_its_last_four_digits_are_taken() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}/payment-methods");
    for (n, (given, taken)) in [
        ("Visa ending 4242", "Visa ending 4242"),
        ("Juniper Vale's Visa 4242", "Visa ending 4242"),
        ("MASTERCARD **** 4444", "Mastercard ending 4444"),
        ("Amex Juniper 0005", "American Express ending 0005"),
        ("Bank account of Juniper", "Bank account"),
        ("Juniper Vale", "Saved method"),
        ("Juniper 1980", "Saved method ending 1980"),
        ("PayPal juniper@example.test", "PayPal"),
        ("Visa", "Visa"),
    ]
    .into_iter()
    .enumerate()
    {
        let kept = json!({ "gateway": "stripe", "token": format!("pm_{n}"), "label": given });
        let shown = clinic.post(&path, kept).await.expect(201);
        assert_eq!(shown["label"], taken, "{given}");
    }
    let case = clinic.invoice(Some(&patient)).await;
    let method = json!({ "gateway": "stripe", "token": "pm_x", "label": "Juniper's Visa 4242" });
    let charge = json!({ "method": method });
    let path = format!("/v1/invoices/{case}/charges");
    let shown = clinic.post(&path, charge).await.expect(202);
    assert!(!shown.to_string().contains("Juniper"), "{shown}");
    let kept = clinic.app.case(&clinic.id, &case).await.expect("a table");
    assert!(!format!("{kept:?}").contains("Juniper"), "{kept:?}");
}

// ---- keys --------------------------------------------------------------------------------------

#[tokio::test]
async fn a_key_gives_and_takes_away_only_what_it_may_do_itself() {
    let clinic = Clinic::new().await;
    let key = async |permissions: &[&str]| {
        let new = json!({ "label": "desk", "permissions": permissions });
        let made = clinic.post("/v1/keys", new).await.expect(201);
        (
            made["key"].as_str().expect("a key").to_owned(),
            format!("/v1/keys/{}", made["id"].as_str().expect("an id")),
        )
    };
    let (configuring, own) = key(&["configure"]).await;
    let (_, viewing) = key(&["view", "configure"]).await;
    let (_, equal) = key(&["configure"]).await;
    let all = clinic.get("/v1/keys").await;
    let first = all["keys"].as_array().into_iter().flatten();
    let mut first = first.filter(|key| key["label"] == "first key");
    let first = first.next().expect("the first key")["id"].clone();
    let first = format!("/v1/keys/{}", first.as_str().expect("an id"));
    let lesser = Clinic {
        key: configuring,
        id: clinic.id.clone(),
        app: crate::stack::app(),
    };
    for path in [&first, &viewing] {
        let refused = lesser.call("DELETE", path, &Value::Null).await.expect(403);
        assert_eq!(refused["type"], "/problems/forbidden", "{path}");
    }
    let more = json!({ "label": "more", "permissions": ["refund"] });
    lesser.post("/v1/keys", more).await.expect(403);
    lesser.call("DELETE", &own, &Value::Null).await.expect(409);
    lesser
        .call("DELETE", &equal, &Value::Null)
        .await
        .expect(200);
    // Nothing was deleted that was refused.
    clinic
        .call("DELETE", &viewing, &Value::Null)
        .await
        .expect(200);
    let strange = Clinic::new().await;
    strange.call("DELETE", &own, &Value::Null).await.expect(404);
}

// ---- what is configured --------------------------------------------------------------------------

async fn held(clinic: &Clinic, secret: &str) -> Value {
    let name = format!("meridian/{}/{secret}", clinic.id);
    let held = aws()
        .call("secretsmanager.GetSecretValue", json!({ "SecretId": name }))
        .await;
    let text = held.expect("a secret")["SecretString"].clone();
    serde_json::from_str(text.as_str().expect("a text")).expect("JSON")
}

#[tokio::test]
async fn a_value_pasted_with_its_line_end_is_kept_without_it_and_one_with_a_line_inside_refused() {
    let clinic = Clinic::new().await;
    let put = json!({
        "fields": { "secret_key": " sk_test_demo\n" },
        "inbound": { "webhook_secret": "\twhsec_demo\r\n" },
    });
    clinic
        .call("PUT", "/v1/integrations/stripe", &put)
        .await
        .expect(200);
    let (fields, inbound) = (
        held(&clinic, "gateway/stripe").await,
        held(&clinic, "inbound/stripe").await,
    );
    assert_eq!(fields["secret_key"], "sk_test_demo");
    assert_eq!(inbound["webhook_secret"], "whsec_demo");
    for bad in ["sk_test\ndemo", "sk_test\rdemo", "sk_test\tdemo", "\n", ""] {
        let put = json!({ "fields": { "secret_key": bad } });
        let refused = clinic.call("PUT", "/v1/integrations/stripe", &put).await;
        assert_eq!(refused.expect(422)["field"], "fields.secret_key", "{bad:?}");
    }
    assert_eq!(
        held(&clinic, "gateway/stripe").await["secret_key"],
        "sk_test_demo"
    );
}

#[tokio::test]
async fn an_address_is_checked_when_it_is_written() {
    let clinic = Clinic::new().await;
    let slack = async |address: &str| {
        let put = json!({ "fields": { "webhook_url": address } });
        clinic.call("PUT", "/v1/integrations/slack", &put).await
    };
    for bad in [
        "http://127.0.0.1:1/services/T0/B0/DEMO",
        "https://127.0.0.1/services/T0/B0/DEMO",
        "http://hooks.slack.com/services/T0/B0/DEMO",
        "https://hooks.slack.com.example.test/services/T0/B0/DEMO",
        "https://hooks.slack.com@example.test/services/T0/B0/DEMO",
        "https://hooks.slack.com:8443/services/T0/B0/DEMO",
        "https://hooks.slack.com/",
        "https://hooks.slack.com/services/",
        "https://hooks.slack.com/services/../T0",
        "hooks.slack.com/services/T0/B0/DEMO",
    ] {
        let refused = slack(bad).await;
        assert_eq!(refused.status, 422, "{bad}");
        assert_eq!(refused.body["field"], "fields.webhook_url", "{bad}");
    }
    slack("https://hooks.slack.com/services/T0/B0/DEMO")
        .await
        .expect(200);
    for (address, status) in [
        ("https://pay.example.org", 200),
        ("http://pay.example.org", 422),
        ("https://127.0.0.1", 422),
        ("https://10.0.0.7", 422),
        ("https://[::1]", 422),
        ("https://localhost", 422),
        ("https://pay.localhost", 422),
        ("https://printer.local", 422),
        ("https://metadata.google.internal", 422),
        ("https://router.home.arpa", 422),
        ("https://pay", 422),
        ("https://pay.example.org:8443", 422),
        ("https://user@pay.example.org", 422),
        ("https://:word@pay.example.org", 422),
        ("https://pay.example.org/?a=b", 422),
        ("https://pay.example.org/#a", 422),
        ("pay.example.org", 422),
    ] {
        let inbound = json!({ "webhook_secret": "whsec_demo", "public_url": address });
        let put = json!({ "inbound": inbound });
        let answer = clinic.call("PUT", "/v1/integrations/stripe", &put).await;
        assert_eq!(answer.status, status, "{address}: {}", answer.body);
    }
}
