//! Signatures that others published hold at our doors, and over no other byte: a signer of our own
//! would share what we misread.

use meridian::contract::{Account, Delivery, Outcome, Refused, prove};
use meridian::vendors;
use serde_json::{Value, json};

/// What was published, in the folder of the contracts.
fn published() -> Option<Value> {
    let folder = std::env::var_os("MERIDIAN_CONTRACTS").filter(|folder| !folder.is_empty())?;
    let file = std::path::PathBuf::from(folder).join("known-answers.json");
    let text = std::fs::read(file).expect("the published signatures");
    Some(serde_json::from_slice(&text).expect("JSON"))
}

/// One of them as its vendor delivers it: source, field of the secret, secret, header, body.
type Vector = (
    &'static str,
    &'static str,
    String,
    (&'static str, String),
    String,
);

fn vectors(all: &Value) -> Vec<Vector> {
    let of = |vector: &str, name: &str| {
        let text = all[vector][name].as_str();
        text.unwrap_or_else(|| panic!("{vector} has no {name}"))
            .to_owned()
    };
    let (anet, intuit, gocardless, adyen) = (
        "authorizenet_2017_forum",
        "quickbooks_public_openssl_vector",
        "gocardless_sdk_test",
        "adyen_sdk_test",
    );
    let signed = of(adyen, "signed_text");
    let part = |n: usize| signed.split(':').nth(n).expect("a value").to_owned();
    let item = json!({
        "pspReference": part(0), "originalReference": part(1), "merchantAccountCode": part(2),
        "merchantReference": part(3), "amount": {"value": 1000, "currency": part(5)},
        "eventCode": part(6), "success": part(7),
        "additionalData": {"hmacSignature": of(adyen, "signature")},
    });
    let items = json!({"notificationItems": [{"NotificationRequestItem": item}]});
    vec![
        (
            "authorizenet",
            "signature_key",
            of(anet, "key"),
            (
                "x-anet-signature",
                format!("sha512={}", of(anet, "signature")),
            ),
            of(anet, "body"),
        ),
        (
            "quickbooks",
            "verifier_token",
            of(intuit, "verifier"),
            ("intuit-signature", of(intuit, "signature")),
            of(intuit, "body"),
        ),
        (
            "gocardless",
            "webhook_secret",
            of(gocardless, "secret"),
            ("webhook-signature", of(gocardless, "signature")),
            of(gocardless, "body"),
        ),
        (
            "adyen",
            "hmac_key",
            of(adyen, "key"),
            ("content-type", "application/json".into()),
            items.to_string(),
        ),
    ]
}

fn holds(proven: &Result<Outcome, Refused>) -> bool {
    match proven {
        Ok(Outcome::Items(held)) => held.iter().all(|held| *held),
        Ok(_) => true,
        Err(_) => false,
    }
}

#[test]
fn a_published_signature_holds_and_over_no_other_byte() {
    let Some(all) = published() else { return };
    for (source, field, secret, (name, value), body) in vectors(&all) {
        let door = vendors::door(source).expect("a door");
        let account = |secret: String| {
            let fields = [(field.to_owned(), secret)];
            Account::load(&[], fields.into()).expect("an account")
        };
        let sent = |body: &str| Delivery {
            method: "POST".into(),
            headers: vec![(name.into(), value.clone())],
            body: body.as_bytes().to_vec(),
            url: format!("https://pay.example/webhooks/demo/{source}"),
            received_at: 1_773_482_400,
        };
        let proven = prove(door, &sent(&body), &account(secret.clone()));
        assert!(holds(&proven), "{source}");
        // A letter more where the signature covers it.
        let changed = match source {
            "adyen" => body.replace("\"reference\"", "\"referencf\""),
            _ => format!("{body} "),
        };
        assert_ne!(changed, body, "{source}");
        let forged = prove(door, &sent(&changed), &account(secret.clone()));
        assert!(!holds(&forged), "{source}: another byte");
        let other = prove(door, &sent(&body), &account(secret + "11"));
        assert!(!holds(&other), "{source}: another key");
    }
}
