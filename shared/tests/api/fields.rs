//! What each field of a request may hold: every bound from both sides, and the field that is named
//! where it holds something else.

use crate::stack::{Clinic, lines};
use serde_json::{Value, json};

/// What can be sent to every route that takes texts, and how long each text may be.
async fn places(clinic: &Clinic) -> Vec<(String, Value, Vec<(&'static str, usize)>)> {
    let patient = clinic.patient().await;
    let (case, charged) = clinic.asked_to_pay().await;
    crate::money::pays(clinic, &case).await;
    let refund = clinic.post("/v1/refunds", json!({ "invoice": case })).await;
    let refund = refund.expect(202)["id"].as_str().expect("an id").to_owned();
    let payment = charged["id"].as_str().expect("an id");
    let due = clinic.invoice(None).await;
    let kept = json!({
        "gateway": "stripe", "token": "pm_1", "customer": "cus_1", "label": "Visa",
    });
    let method = vec![
        ("/method/token", 200),
        ("/method/customer", 200),
        ("/method/label", 200),
    ];
    let found = |found: &str| json!({ "found": found, "gateway_ref": "x_1", "note": "seen" });
    vec![
        (
            "/v1/patients".into(),
            json!({ "reference": "P-2", "name": "Juniper Vale" }),
            vec![("/reference", 64), ("/name", 120)],
        ),
        (
            format!("/v1/patients/{patient}/payment-methods"),
            kept.clone(),
            vec![("/token", 200), ("/customer", 200), ("/label", 60)],
        ),
        (
            "/v1/appointments".into(),
            json!({
                "id": "A-1", "patient": patient, "starts_at": "2026-11-20T09:00:00Z",
                "site": "north", "practitioner": "dr-4", "lines": lines(),
            }),
            vec![
                ("/id", 64),
                ("/site", 64),
                ("/practitioner", 64),
                ("/lines/0/description", 200),
            ],
        ),
        (
            "/v1/appointment-types".into(),
            json!({
                "id": "T-1", "name": "Initial visit", "label": "Appointment",
                "price": { "amount": "60.00", "currency": "EUR" },
            }),
            vec![("/id", 64), ("/name", 200), ("/label", 40)],
        ),
        (
            "/v1/invoices".into(),
            json!({ "number": "WS-1", "lines": lines() }),
            vec![("/number", 30)],
        ),
        (
            "/v1/invoices".into(),
            json!({ "lines": lines() }),
            vec![("/lines/0/description", 200)],
        ),
        (
            format!("/v1/invoices/{due}/charges"),
            json!({ "method": kept }),
            method.clone(),
        ),
        (
            "/v1/charges".into(),
            json!({ "method": kept, "lines": lines() }),
            [method, vec![("/lines/0/description", 200)]].concat(),
        ),
        (
            "/v1/refunds".into(),
            json!({ "invoice": case, "reason": "kindness" }),
            vec![("/reason", 500)],
        ),
        (
            "/v1/keys".into(),
            json!({ "label": "desk", "permissions": ["view"] }),
            vec![("/label", 60)],
        ),
        (
            format!("/v1/payments/{payment}/resolve"),
            found("paid"),
            vec![("/gateway_ref", 200), ("/note", 500)],
        ),
        (
            format!("/v1/refunds/{refund}/resolve"),
            found("refunded"),
            vec![("/gateway_ref", 200), ("/note", 500)],
        ),
    ]
}

/// The field that an answer names, as a place in the body; none where nothing is refused as invalid.
fn named(answer: &crate::stack::Answer) -> Option<String> {
    let field = answer.body["field"].as_str().unwrap_or_default();
    let place = format!("/{}", field.replace(['.', '['], "/").replace(']', ""));
    (answer.status == 422).then_some(place)
}

#[tokio::test]
async fn a_text_may_have_as_many_characters_as_its_field_and_not_one_more() {
    let clinic = Clinic::new().await;
    for (path, body, fields) in places(&clinic).await {
        for (field, longest) in fields {
            let longest_of = |c: &str| c.repeat(longest);
            for (text, taken) in [
                (longest_of("x"), true),
                // Characters are counted, not bytes.
                (longest_of("é"), true),
                (format!("{}x", longest_of("x")), false),
                (String::new(), false),
                (" ".into(), false),
                ("a\u{7}b".into(), false),
                ("a\u{202e}b".into(), false),
            ] {
                let mut with = body.clone();
                *with.pointer_mut(field).expect("a field") = json!(text);
                let answer = clinic.post(&path, with).await;
                let refused = named(&answer);
                let wanted = (!taken).then(|| field.to_owned());
                assert_eq!(refused, wanted, "{path} {field} {text:?}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn how_a_patient_is_reached_has_the_form_of_an_address_or_a_number() {
    let clinic = Clinic::new().await;
    let host = "example.org";
    let long = |length: usize| format!("{}@{host}", "a".repeat(length - host.len() - 1));
    let addresses = [
        ("juniper@example.org".to_owned(), true),
        ("j.vale+clinic@mail.example.org".into(), true),
        ("jün@exämple.org".into(), true),
        (long(254), true),
        (long(255), false),
        (String::new(), false),
        ("juniper".into(), false),
        ("juniper.example.org".into(), false),
        ("@example.org".into(), false),
        ("juniper@".into(), false),
        ("juniper@localhost".into(), false),
        ("juniper@.example.org".into(), false),
        ("juniper@example.org.".into(), false),
        ("juni per@example.org".into(), false),
        ("juniper@example.org\n".into(), false),
        ("juni\u{7}per@example.org".into(), false),
        ("<juniper@example.org>".into(), false),
        ("juniper@example.org,sam@example.org".into(), false),
        ("juniper;sam@example.org".into(), false),
        ("\"juniper\"@example.org".into(), false),
    ];
    let numbers = [
        ("+61370100142", true),
        ("+1234567", true),
        ("+123456789012345", true),
        ("+123456", false),
        ("+1234567890123456", false),
        ("+01234567", false),
        ("61370100142", false),
        ("0370100142", false),
        ("+61 370100142", false),
        ("+6137010014x", false),
        ("++61370100142", false),
        ("+", false),
        ("", false),
    ];
    let numbers = numbers.map(|(number, taken)| (number.to_owned(), taken));
    let all = addresses.map(|row| ("email", row)).into_iter();
    for (field, (value, taken)) in all.chain(numbers.map(|row| ("phone", row))) {
        let new = json!({ "reference": "P-2", field: value });
        let answer = clinic.post("/v1/patients", new).await;
        let wanted = (!taken).then(|| format!("/{field}"));
        assert_eq!(named(&answer), wanted, "{value:?}: {answer:?}");
    }
}

#[tokio::test]
async fn an_appointments_id_goes_into_addresses_and_its_lines_into_an_invoice() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let line = lines()[0].clone();
    let of = |unit: &str, quantity: u64| {
        let unit = json!({ "amount": unit, "currency": "EUR" });
        json!([{ "description": "x", "unit": unit, "quantity": quantity }])
    };
    for (field, value, taken) in [
        ("id", json!("A-1 ü"), true),
        ("id", json!("A/1"), false),
        ("id", json!("/"), false),
        ("lines", json!([]), false),
        ("lines", json!(vec![line.clone(); 100]), true),
        ("lines", json!(vec![line.clone(); 101]), false),
        ("lines", of("10000000000000.00", 1), true),
        ("lines", of("10000000000000.01", 1), false),
        ("lines", of("92233720368547758.07", 1), false),
        ("lines", of("5.00", 1_000_000), true),
        ("lines", of("5.00", 1_000_001), false),
        ("lines", of("-5.00", 1), false),
    ] {
        let mut booked = json!({
            "id": "A-2", "patient": patient, "starts_at": "2026-11-20T09:00:00Z",
            "lines": lines(),
        });
        booked[field] = value.clone();
        let answer = clinic.post("/v1/appointments", booked).await;
        let wanted = (!taken).then(|| format!("/{field}"));
        assert_eq!(named(&answer), wanted, "{value}: {answer:?}");
    }
}

#[tokio::test]
async fn a_method_that_a_charge_names_is_the_one_of_that_token_at_that_gateway() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}/payment-methods");
    for (gateway, token, label) in [
        ("stripe", "m_1", "Visa ending 4242"),
        ("stripe", "m_2", "Mastercard ending 4444"),
        ("mollie", "m_1", "SEPA Direct Debit ending 3000"),
    ] {
        let kept = json!({
            "gateway": gateway, "token": token, "customer": format!("cus of {label}"),
            "label": label,
        });
        clinic.post(&path, kept).await.expect(201);
    }
    let case = clinic.invoice(Some(&patient)).await;
    let charges = format!("/v1/invoices/{case}/charges");
    let amount = json!({ "amount": "5.00", "currency": "EUR" });
    for (n, (gateway, token, label)) in [
        ("stripe", "m_2", "Mastercard ending 4444"),
        ("stripe", "m_1", "Visa ending 4242"),
        ("mollie", "m_1", "SEPA Direct Debit ending 3000"),
        ("mollie", "m_2", "PayPal"),
        ("stripe", "m_3", "PayPal"),
    ]
    .into_iter()
    .enumerate()
    {
        let method = json!({
            "gateway": gateway, "token": token, "customer": "cus_own", "label": "PayPal",
        });
        let what = format!("{gateway} {token}");
        // The gateway may be said beside the method, if it is the same.
        for other in crate::unclear::gateways() {
            if other != gateway {
                let wanted = json!({ "amount": amount, "method": method, "gateway": other });
                let mut walk_in = wanted.clone();
                walk_in.as_object_mut().expect("an object").remove("amount");
                walk_in["lines"] = lines();
                for (path, wanted) in [(charges.as_str(), wanted), ("/v1/charges", walk_in)] {
                    let refused = clinic.post(path, wanted).await.expect(422);
                    assert_eq!(refused["field"], "gateway", "{what}");
                }
            }
        }
        let mut wanted = json!({ "amount": amount, "method": method });
        if n % 2 == 0 {
            wanted["gateway"] = json!(gateway);
        }
        let charged = clinic.post(&charges, wanted).await.expect(202);
        assert_eq!(charged["method"], label, "{what}");
        assert_eq!(charged["gateway"], gateway, "{what}");
        let now = crate::unclear::case(&clinic, &case).await;
        let charged = now.payments[n].method.clone().expect("a method");
        let customer = match label {
            "PayPal" => "cus_own".to_owned(),
            known => format!("cus of {known}"),
        };
        assert_eq!(charged.token, token, "{what}");
        assert_eq!(charged.customer, Some(customer), "{what}");
    }
}

#[tokio::test]
async fn a_list_has_as_many_entries_as_were_asked_for_and_goes_on_where_it_ended() {
    let clinic = Clinic::new().await;
    for (limit, taken) in [
        ("1", true),
        ("200", true),
        ("0", false),
        ("201", false),
        ("-1", false),
        ("x", false),
        ("", false),
    ] {
        for list in [
            "invoices",
            "refunds",
            "tasks",
            "deliveries",
            "events",
            "keys",
        ] {
            let path = format!("/v1/{list}?limit={limit}");
            let answer = clinic.call("GET", &path, &Value::Null).await;
            let wanted = (!taken).then(|| "/limit".to_owned());
            assert_eq!(named(&answer), wanted, "{path}: {answer:?}");
        }
    }
    for before in ["", "%2a", "_w"] {
        for list in ["invoices", "events", "tasks"] {
            let path = format!("/v1/{list}?before={before}");
            let refused = clinic.call("GET", &path, &Value::Null).await.expect(422);
            assert_eq!(refused["field"], "before", "{path}");
        }
    }
    let mut made = vec![];
    for _ in 0..3 {
        made.insert(0, clinic.invoice(None).await);
    }
    made.sort();
    let (mut seen, mut path) = (vec![], "/v1/invoices?limit=1".to_owned());
    loop {
        let page = clinic.get(&path).await;
        let shown = page["invoices"].as_array().expect("a list");
        assert!(shown.len() <= 1, "{page}");
        seen.extend(
            shown
                .iter()
                .map(|one| one["id"].as_str().expect("an id").to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/invoices?limit=1&before={next}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, made, "each once");
}

/// How an invoice is first collected: by what was wished, what is kept, and whose it is.
#[tokio::test]
async fn a_new_invoice_is_collected_as_it_was_wished_as_far_as_it_can_be() {
    for (policy, wished, kept, gateway, wanted) in [
        ("later", None, true, None, None),
        ("checkout", None, true, None, Some(("stripe", None))),
        (
            "saved_method",
            None,
            true,
            None,
            Some(("mollie", Some("SEPA Direct Debit"))),
        ),
        ("saved_method", None, false, None, Some(("stripe", None))),
        ("saved_method", Some("later"), true, None, None),
        (
            "later",
            Some("checkout"),
            true,
            None,
            Some(("stripe", None)),
        ),
        (
            "later",
            Some("checkout"),
            true,
            Some("paypal"),
            Some(("paypal", None)),
        ),
        (
            "later",
            Some("saved_method"),
            true,
            None,
            Some(("mollie", Some("SEPA Direct Debit"))),
        ),
        (
            "later",
            Some("saved_method"),
            true,
            Some("mollie"),
            Some(("mollie", Some("SEPA Direct Debit"))),
        ),
        (
            "later",
            Some("saved_method"),
            true,
            Some("paypal"),
            Some(("paypal", None)),
        ),
        (
            "later",
            Some("saved_method"),
            false,
            None,
            Some(("stripe", None)),
        ),
    ] {
        let clinic = Clinic::of("EUR", json!({ "collect": policy })).await;
        let patient = clinic.patient().await;
        if kept {
            let method = json!({
                "gateway": "mollie", "token": "mdt_1", "customer": "cst_1",
                "label": "SEPA Direct Debit",
            });
            let path = format!("/v1/patients/{patient}/payment-methods");
            clinic.post(&path, method).await.expect(201);
        }
        for known in [true, false] {
            let mut new = json!({ "lines": lines() });
            if known {
                new["patient"] = json!(patient);
            }
            for (field, value) in [("collect", wished), ("gateway", gateway)] {
                if let Some(value) = value {
                    new[field] = json!(value);
                }
            }
            let what = format!("{policy} {new}");
            let made = clinic.post("/v1/invoices", new).await.expect(201);
            let payment = &made["payments"][0];
            let now = crate::unclear::case(&clinic, made["id"].as_str().expect("an id")).await;
            let Some((at, method)) = wanted else {
                assert_eq!(made["payments"], json!([]), "{what}");
                continue;
            };
            // Nobody's method is charged for a walk-in, and none is kept.
            let (at, method) = match (known, method) {
                (false, Some(_)) => (gateway.unwrap_or("stripe"), None),
                _ => (at, method),
            };
            assert_eq!(payment["gateway"], at, "{what}");
            assert_eq!(payment["method"], json!(method), "{what}");
            assert_eq!(payment["amount"]["amount"], "60.00", "{what}");
            let keeps = known && method.is_none();
            assert_eq!(now.payments[0].keep_method, keeps, "{what}");
        }
    }
}

#[tokio::test]
async fn an_invoice_has_a_number_of_its_own_though_another_took_the_one_that_it_would_have() {
    use meridian::flows::invoicing::case_id;
    let clinic = Clinic::new().await;
    let id = |key: &str| {
        let digest = meridian::contract::digest_id(&[key]);
        case_id(&clinic.id, &["api".into(), digest])
    };
    let new = json!({ "lines": lines() });
    let claim = async |number: &str| {
        let wanted = json!({ "lines": lines(), "number": number });
        clinic.post("/v1/invoices", wanted).await
    };
    let first = clinic
        .post_under("k1", "/v1/invoices", &new)
        .await
        .expect(201);
    assert_eq!(first["id"], id("k1"));
    assert_eq!(first["number"], id("k1")[..8].to_uppercase());
    claim(&id("k2")[..8].to_uppercase()).await.expect(201);
    let second = clinic
        .post_under("k2", "/v1/invoices", &new)
        .await
        .expect(201);
    assert_eq!(second["number"], id("k2").to_uppercase());
    for number in [id("k3")[..8].to_uppercase(), id("k3").to_uppercase()] {
        claim(&number).await.expect(201);
        claim(&number).await.expect(422);
    }
    let third = clinic.post_under("k3", "/v1/invoices", &new).await;
    let refused = third.expect(422).to_string();
    assert!(refused.contains("another invoice's"), "{refused}");
}
