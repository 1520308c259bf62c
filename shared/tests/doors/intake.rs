//! Intake before strangers: whose certificate proves, how long a former secret does, what a flood
//! of forgeries or of made-up clinics costs, and what is told to whom.

use crate::stack::*;
use meridian::contract::Answer;
use meridian::flows::intake::{Incoming, Intake};
use meridian::words::ids;
use meridian_embedded_aws::{Effect, Statement};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;
use std::collections::HashMap;

const SIGNER: &[u8] = include_bytes!("../fixtures/paypal/signer.pem");
/// The same key, certified for another name by the same authority.
const STRANGER: &[u8] = include_bytes!("../fixtures/paypal/stranger.pem");
/// The same key and name, certified by an authority that nobody trusts.
const UNROOTED: &[u8] = include_bytes!("../fixtures/paypal/unrooted.pem");
/// PayPal's name and a trusted authority, of another key.
const SECOND: &[u8] = include_bytes!("../fixtures/paypal/second.pem");
const KEY: &[u8] = include_bytes!("../fixtures/paypal/signer.key.der");

fn name() -> String {
    format!("i-{}", ids::random())
}

// ---- PayPal's certificate ------------------------------------------------------------------------

/// A clinic that PayPal tells, and a certificate's path of its own.
async fn paypal() -> (String, String) {
    let clinic = name();
    let inbound = json!({ "webhook_id": "WH-TEST" });
    secret(&format!("meridian/{clinic}/inbound/paypal"), inbound).await;
    let path = format!("/v1/notifications/certs/CERT-{}", ids::random());
    (clinic, path)
}

/// A delivery that names this certificate, signed by the test's key.
async fn signed(intake: &Intake, clinic: &str, certificate: &str) -> Answer {
    let body = format!(
        r#"{{"id":"WH-{}","event_type":"CHECKOUT.ORDER.APPROVED"}}"#,
        ids::random()
    );
    let at = "2026-11-21T15:00:02Z";
    let message = format!("t-1|{at}|WH-TEST|{}", crc32fast::hash(body.as_bytes()));
    let key = RsaKeyPair::from_pkcs8(KEY).expect("a key");
    let mut code = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut code)
        .expect("a signature");
    let code = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, code);
    let headers = [
        ("paypal-transmission-id", "t-1".into()),
        ("paypal-transmission-time", at.into()),
        ("paypal-transmission-sig", code),
        ("paypal-auth-algo", "SHA256withRSA".into()),
        ("paypal-cert-url", certificate.into()),
    ];
    deliver(intake, "POST", clinic, "paypal", &headers, body.as_bytes()).await
}

fn at_paypal(path: &str) -> String {
    format!("https://api.sandbox.paypal.com{path}")
}

#[tokio::test]
async fn only_a_certificate_of_paypals_name_and_a_trusted_authority_proves() {
    let _still = still().await;
    for (pem, status, why) in [
        (SIGNER, 200, "PayPal's"),
        (STRANGER, 401, "another name"),
        (UNROOTED, 401, "an untrusted authority"),
        (SECOND, 401, "another key"),
    ] {
        let (clinic, path) = paypal().await;
        vendors().script(&path, &[Said::Whole(200, pem.into())]);
        let answer = signed(&intake(&name()), &clinic, &at_paypal(&path)).await;
        assert_eq!(answer.status, status, "{why}");
        let queued = queued("events", &clinic).await.len();
        assert_eq!(queued, usize::from(status == 200), "{why}");
    }
}

#[tokio::test]
async fn a_certificate_is_fetched_only_from_where_paypal_keeps_them() {
    let _still = still().await;
    let (clinic, path) = paypal().await;
    let large = format!("/webstatic/{}", ids::random());
    for path in [&path, &large] {
        vendors().script(path, &[Said::Whole(200, SIGNER.into())]);
    }
    let intake = intake(&name());
    for address in [
        format!("https://www.paypal.com{large}"),
        format!("https://api.paypal.com{large}"),
        format!("https://api.paypal.com{path}/../../../..{large}"),
        format!("https://api.paypal.com{path}?a=b"),
        format!("https://api.paypal.com{path}#a"),
        format!("https://api.paypal.com{path}%2f..%2f"),
        "https://api.paypal.com/v1/notifications/certs/".into(),
    ] {
        let answer = signed(&intake, &clinic, &address).await;
        assert_eq!(answer.status, 401, "{address}");
    }
    assert_eq!(vendors().asked(&large) + vendors().asked(&path), 0);
    assert_eq!(
        signed(&intake, &clinic, &at_paypal(&path)).await.status,
        200
    );
}

#[tokio::test]
async fn what_was_served_once_in_place_of_the_certificate_is_not_kept() {
    let _still = still().await;
    for (once, status, first, why) in [
        (b"<html>".to_vec(), 200, 503, "a page"),
        (b"".to_vec(), 200, 503, "nothing"),
        (b"{}".to_vec(), 500, 503, "an error"),
        (UNROOTED.to_vec(), 200, 401, "an untrusted one"),
        (STRANGER.to_vec(), 200, 401, "another name"),
        (SECOND.to_vec(), 200, 401, "another key"),
    ] {
        let (clinic, path) = paypal().await;
        let said = [Said::Whole(status, once), Said::Whole(200, SIGNER.into())];
        vendors().script(&path, &said);
        let intake = intake(&name());
        let address = at_paypal(&path);
        assert_eq!(
            signed(&intake, &clinic, &address).await.status,
            first,
            "{why}"
        );
        assert_eq!(
            signed(&intake, &clinic, &address).await.status,
            200,
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_proved_is_kept_and_fetched_once_more_when_another_key_signs() {
    let _still = still().await;
    let (clinic, path) = paypal().await;
    let said = [
        Said::Whole(200, SECOND.into()),
        Said::Whole(200, SIGNER.into()),
    ];
    vendors().script(&path, &said);
    let (intake, address) = (intake(&name()), at_paypal(&path));
    // PayPal serves another certificate at the same address.
    assert_eq!(signed(&intake, &clinic, &address).await.status, 401);
    for _ in 0..5 {
        assert_eq!(signed(&intake, &clinic, &address).await.status, 200);
    }
    assert_eq!(vendors().asked(&path), 2);
    // Forgeries do not make it be fetched again and again.
    let other = name();
    let inbound = json!({ "webhook_id": "WH-OTHER" });
    secret(&format!("meridian/{other}/inbound/paypal"), inbound).await;
    for _ in 0..10 {
        assert_eq!(signed(&intake, &other, &address).await.status, 401);
    }
    assert!(vendors().asked(&path) <= 3, "{}", vendors().asked(&path));
}

#[tokio::test]
async fn a_certificate_without_end_is_given_up_and_few_addresses_are_kept() {
    let _still = still().await;
    let (clinic, path) = paypal().await;
    vendors().script(&path, &[Said::Endless, Said::Whole(200, SIGNER.into())]);
    let (intake, address) = (intake(&name()), at_paypal(&path));
    let before = vendors().given.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(signed(&intake, &clinic, &address).await.status, 503);
    let given = vendors().given.load(std::sync::atomic::Ordering::Relaxed) - before;
    assert!(given < 16_000_000, "{given} bytes were taken");
    assert_eq!(signed(&intake, &clinic, &address).await.status, 200);
    // Of addresses that all hold four are kept: the fourth after it takes the first one's place.
    for (more, asked) in [(3, 2), (1, 3), (30, 4)] {
        for _ in 0..more {
            let (_, other) = paypal().await;
            vendors().script(&other, &[Said::Whole(200, SIGNER.into())]);
            let answer = signed(&intake, &clinic, &at_paypal(&other)).await;
            assert_eq!(answer.status, 200);
        }
        assert_eq!(signed(&intake, &clinic, &address).await.status, 200);
        assert_eq!(vendors().asked(&path), asked);
    }
}

/// A signer may come back with another key; whoever forges costs no more than that look.
#[tokio::test]
async fn a_certificate_that_does_not_prove_is_fetched_once_more_every_twenty_seconds() {
    let alone = alone().await;
    let (clinic, path) = paypal().await;
    vendors().script(&path, &[Said::Whole(200, SECOND.into())]);
    let (intake, address) = (intake(&name()), at_paypal(&path));
    let mut asked = vec![];
    for seconds in [0, 0, 0, 10, 15, 0, 25] {
        pass(seconds, &alone);
        assert_eq!(signed(&intake, &clinic, &address).await.status, 401);
        asked.push(vendors().asked(&path));
    }
    // The first, at once another as it may have changed, and then one in twenty seconds.
    assert_eq!(asked, [1, 2, 2, 2, 3, 3, 4]);
    // The right one is found at the next look and kept.
    vendors().script(&path, &[Said::Whole(200, SIGNER.into())]);
    assert_eq!(signed(&intake, &clinic, &address).await.status, 401);
    pass(25, &alone);
    for _ in 0..3 {
        assert_eq!(signed(&intake, &clinic, &address).await.status, 200);
    }
    assert_eq!(vendors().asked(&path), 5);
}

// ---- secrets -------------------------------------------------------------------------------------

/// A webhook of Stripe, signed under this secret so many seconds from now.
async fn stripe(intake: &Intake, clinic: &str, secret: &str, in_seconds: i64) -> Answer {
    let at = meridian::io::clock::now().as_second() + in_seconds;
    let body = format!(r#"{{"id":"evt_{}"}}"#, ids::random());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hex::encode(hmac::sign(&key, format!("{at}.{body}").as_bytes()));
    let headers = [("stripe-signature", format!("t={at},v1={code}"))];
    deliver(intake, "POST", clinic, "stripe", &headers, body.as_bytes()).await
}

async fn rotated(clinic: &str, to: &str) {
    let name = format!("meridian/{clinic}/inbound/stripe");
    secret(&name, json!({ "webhook_secret": to })).await;
}

#[tokio::test]
async fn a_former_secret_proves_for_two_days() {
    let alone = alone().await;
    let clinic = name();
    rotated(&clinic, "whsec_first").await;
    let (warm, cold) = (intake(&name()), intake(&name()));
    assert_eq!(stripe(&warm, &clinic, "whsec_first", 0).await.status, 200);
    rotated(&clinic, "whsec_second").await;
    for process in [&warm, &cold] {
        for secret in ["whsec_second", "whsec_first"] {
            let answer = stripe(process, &clinic, secret, 0).await;
            assert_eq!(answer.status, 200, "{secret}");
        }
    }
    pass(47 * 3600, &alone);
    let answer = stripe(&warm, &clinic, "whsec_first", 0).await;
    assert_eq!(answer.status, 200, "after 47 hours");
    pass(2 * 3600, &alone);
    for process in [&warm, &intake(&name())] {
        let answer = stripe(process, &clinic, "whsec_first", 0).await;
        assert_eq!(answer.status, 401, "after 49 hours");
        let answer = stripe(process, &clinic, "whsec_second", 0).await;
        assert_eq!(answer.status, 200, "the current one");
    }
}

#[tokio::test]
async fn a_former_secret_is_dropped_by_a_call_and_writing_the_same_again_drops_nothing() {
    let _still = still().await;
    let clinic = Clinic::new().await;
    let put = async |secret: &str| {
        let body = json!({ "inbound": { "webhook_secret": secret } });
        let (status, body) = clinic.call("PUT", "/v1/integrations/stripe", &body).await;
        assert_eq!(status, 200, "{body}");
    };
    put("whsec_first").await;
    put("whsec_second").await;
    put("whsec_second").await;
    let answer = stripe(&intake(&name()), &clinic.id, "whsec_first", 0).await;
    assert_eq!(answer.status, 200, "until it is dropped");
    let path = "/v1/integrations/stripe/inbound/former";
    let (status, body) = clinic.call("DELETE", path, &json!(null)).await;
    assert_eq!((status, &body["vendor"]), (200, &json!("stripe")), "{body}");
    let cold = intake(&name());
    let answer = stripe(&cold, &clinic.id, "whsec_first", 0).await;
    assert_eq!(answer.status, 401, "once it is dropped");
    assert_eq!(
        stripe(&cold, &clinic.id, "whsec_second", 0).await.status,
        200
    );
    let (status, _) = clinic
        .call(
            "DELETE",
            "/v1/integrations/gocardless/inbound/former",
            &json!(null),
        )
        .await;
    assert_eq!(status, 404, "where there is none");
}

#[tokio::test]
async fn a_secret_is_not_remembered_for_ever() {
    let alone = alone().await;
    let (clinic, caller) = (name(), name());
    rotated(&clinic, "whsec_first").await;
    let process = intake(&caller);
    for _ in 0..3 {
        let answer = stripe(&process, &clinic, "whsec_first", 0).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(reads_of(&caller), 1);
    pass(301, &alone);
    let answer = stripe(&process, &clinic, "whsec_first", 0).await;
    assert_eq!(answer.status, 200);
    assert_eq!(reads_of(&caller), 2, "five minutes later it is read again");
}

#[tokio::test]
async fn a_rotated_key_is_called_with_within_five_minutes_and_a_new_one_within_seconds() {
    let alone = alone().await;
    let clinic = name();
    let stripe = meridian::vendors::gateway("stripe")
        .expect("a gateway")
        .vendor;
    let configured = meridian::io::secrets::configured(&clinic, "stripe");
    let process = app();
    let key = async || {
        let account = meridian::flows::accounts::account_of(&process, &clinic, stripe, stripe.id)
            .await
            .ok()?;
        Some(account.secret("secret_key").to_owned())
    };
    assert_eq!(key().await, None, "nothing is configured yet");
    secret(&configured, json!({ "secret_key": "sk_test_first" })).await;
    pass(11, &alone);
    assert_eq!(key().await.as_deref(), Some("sk_test_first"));
    secret(&configured, json!({ "secret_key": "sk_test_second" })).await;
    pass(280, &alone);
    // Not read for each call.
    assert_eq!(key().await.as_deref(), Some("sk_test_first"));
    pass(20, &alone);
    assert_eq!(key().await.as_deref(), Some("sk_test_second"));
}

#[tokio::test]
async fn a_flood_of_forgeries_reads_the_secret_a_few_times_only() {
    let _still = still().await;
    let (clinic, caller) = (name(), name());
    rotated(&clinic, "whsec_first").await;
    let process = intake(&caller);
    for _ in 0..50 {
        let answer = stripe(&process, &clinic, "whsec_forged", 0).await;
        assert_eq!(answer.status, 401);
    }
    // The current one, once more as it may have been rotated, and its former one.
    assert!(reads_of(&caller) <= 3, "{:?}", calls_of(&caller));
}

#[tokio::test]
async fn a_webhook_from_the_past_from_the_future_or_without_its_time_is_refused() {
    let _still = still().await;
    let clinic = name();
    rotated(&clinic, "whsec_first").await;
    let process = intake(&name());
    for (off, status) in [(0, 200), (-290, 200), (290, 200), (-310, 401), (310, 401)] {
        let answer = stripe(&process, &clinic, "whsec_first", off).await;
        assert_eq!(answer.status, status, "{off} seconds");
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"whsec_first");
    let code = hex::encode(hmac::sign(&key, b".{}"));
    for header in [format!("v1={code}"), format!("t=,v1={code}")] {
        let headers = [("stripe-signature", header.clone())];
        let answer = deliver(&process, "POST", &clinic, "stripe", &headers, b"{}").await;
        assert_eq!(answer.status, 401, "{header}");
    }
}

#[tokio::test]
async fn a_value_with_its_line_end_that_somebody_wrote_by_hand_proves_all_the_same() {
    let _still = still().await;
    let clinic = name();
    rotated(&clinic, "whsec_first\n").await;
    let answer = stripe(&intake(&name()), &clinic, "whsec_first", 0).await;
    assert_eq!(answer.status, 200);
}

// ---- who is there --------------------------------------------------------------------------------

#[tokio::test]
async fn a_secret_that_may_not_be_read_puts_the_webhook_off() {
    let _still = still().await;
    let (clinic, caller) = (name(), name());
    let apart = apart();
    let text = json!({ "webhook_secret": "whsec_first" }).to_string();
    let made = json!({
        "Name": format!("meridian/{clinic}/inbound/stripe"), "SecretString": text,
    });
    let made = apart.call("secretsmanager.CreateSecret", made).await;
    made.expect("a secret");
    let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
    let statement = |resource: String| Statement {
        effect: Effect::Allow,
        actions: vec![
            "secretsmanager:GetSecretValue".into(),
            "sqs:SendMessage".into(),
        ],
        resources: vec![resource, "arn:aws:sqs:*".into()],
        leading_keys: vec![],
    };
    let other = name();
    let grants = HashMap::from([
        (
            caller.clone(),
            vec![statement(format!("{arn}meridian/nobody/*"))],
        ),
        (
            other.clone(),
            vec![statement(format!("{arn}meridian/*/inbound/*"))],
        ),
    ]);
    apart.set_policies(grants);
    let broken = stripe(&intake_at(&apart, &caller), &clinic, "whsec_first", 0).await;
    let granted = intake_at(&apart, &other);
    let sound = stripe(&granted, &clinic, "whsec_first", 0).await;
    // AWS says of one that does not exist that it may not be read either.
    let missing = stripe(&granted, &name(), "whsec_first", 0).await;
    assert_eq!(broken.status, 503, "a broken grant");
    assert_eq!(sound.status, 200, "a sound grant");
    assert_eq!(missing.status, 404, "a secret that does not exist");
}

#[tokio::test]
async fn webhooks_of_made_up_clinics_cost_few_reads_and_learn_nothing() {
    let _still = still().await;
    let (clinic, caller) = (Clinic::new().await, name());
    let body = json!({ "inbound": { "webhook_secret": "whsec_first" } });
    let (status, _) = clinic.call("PUT", "/v1/integrations/stripe", &body).await;
    assert_eq!(status, 200);
    let process = intake(&caller);
    let mut answers = vec![];
    for _ in 0..200 {
        let answer = stripe(&process, &name(), "whsec_first", 0).await;
        answers.push((answer.status, answer.body));
    }
    answers.sort();
    answers.dedup();
    assert_eq!(answers, [(404, "unknown clinic or source".to_owned())]);
    assert!(calls_of(&caller).len() <= 40, "{}", calls_of(&caller).len());
    // A clinic that is there is heard all the same.
    let answer = stripe(&process, &clinic.id, "whsec_first", 0).await;
    assert_eq!(answer.status, 200);
    // One answer for all who only look.
    for method in ["GET", "HEAD"] {
        let mut told = vec![];
        for (id, source) in [
            (clinic.id.clone(), "stripe"),
            (clinic.id.clone(), "paypal"),
            (name(), "stripe"),
            (name(), "mollie"),
        ] {
            let answer = deliver(&process, method, &id, source, &[], b"").await;
            told.push((answer.status, answer.body));
        }
        told.dedup();
        assert_eq!(told, [(200, String::new())], "{method}");
    }
    // Of those who post, one that is not connected is told what one that is not there is told.
    let answer = deliver(&process, "POST", &clinic.id, "gocardless", &[], b"{}").await;
    assert_eq!(
        (answer.status, &*answer.body),
        (404, "unknown clinic or source")
    );
}

/// Of a clinic that is there anybody can name accounts that are not.
#[tokio::test]
async fn made_up_accounts_of_a_clinic_cost_few_reads_and_put_a_new_one_off_by_seconds() {
    let alone = alone().await;
    let (clinic, caller) = (Clinic::new().await, name());
    let body = json!({ "inbound": { "webhook_secret": "whsec_north" } });
    let path = "/v1/integrations/stripe@north";
    let (status, _) = clinic.call("PUT", path, &body).await;
    assert_eq!(status, 200);
    let process = intake(&caller);
    let at = async |source: &str| {
        deliver(&process, "POST", &clinic.id, source, &[], b"{}")
            .await
            .status
    };
    // One that is gone at the clinic, and not at its vendor, is asked for once.
    for _ in 0..50 {
        assert_eq!(at("stripe@old").await, 404);
    }
    assert_eq!(reads_of(&caller), 1);
    pass(11, &alone);
    let mut told = vec![];
    for n in 0..200 {
        told.push(at(&format!("stripe@x{n}")).await);
    }
    assert!(told[..10].iter().all(|status| *status == 404), "{told:?}");
    // Whoever has reason to will come again.
    assert!(told[10..].iter().all(|status| *status == 503), "{told:?}");
    assert!(reads_of(&caller) <= 11, "{}", reads_of(&caller));
    assert_eq!(at("stripe@north").await, 503);
    pass(11, &alone);
    assert_eq!(
        at("stripe@north").await,
        401,
        "it is there, and this proves nothing"
    );
    // One that is known is never in anybody's way.
    for n in 0..20 {
        at(&format!("stripe@y{n}")).await;
    }
    assert_eq!(at("stripe@north").await, 401);
}

/// Whoever knocks at doors that a clinic did not open costs it one look into the list of clinics.
#[tokio::test]
async fn the_list_of_clinics_is_read_once_for_all_doors_of_one_that_is_there() {
    let _still = still().await;
    let (clinic, caller) = (Clinic::new().await, name());
    let process = intake(&caller);
    for door in meridian::vendors::doors() {
        let answer = deliver(&process, "POST", &clinic.id, door.source, &[], b"{}").await;
        assert!((400..500).contains(&answer.status), "{}", door.source);
    }
    let calls = calls_of(&caller);
    let looks = calls.iter().filter(|name| *name == "GetItem").count();
    assert_eq!(looks, 1, "{calls:?}");
}

#[tokio::test]
async fn a_clinic_that_was_just_made_is_known_within_seconds() {
    let alone = alone().await;
    let process = intake(&name());
    for _ in 0..20 {
        assert_eq!(stripe(&process, &name(), "s", 0).await.status, 404);
    }
    let clinic = Clinic::new().await;
    let body = json!({ "inbound": { "webhook_secret": "whsec_first" } });
    clinic.call("PUT", "/v1/integrations/stripe", &body).await;
    pass(11, &alone);
    let answer = stripe(&process, &clinic.id, "whsec_first", 0).await;
    assert_eq!(answer.status, 200);
}

// ---- what nobody proved --------------------------------------------------------------------------

#[tokio::test]
async fn an_unproven_notice_waits_in_a_queue_of_its_own_and_is_small() {
    let _still = still().await;
    let clinic = name();
    let inbound = json!({ "webhook_secret": "mollie-demo-secret" });
    secret(&format!("meridian/{clinic}/inbound/mollie"), inbound).await;
    let process = intake(&name());
    let answer = deliver(&process, "POST", &clinic, "mollie", &[], b"id=tr_1").await;
    assert_eq!(answer.status, 200);
    let body = br#"{"id":"event_1","type":"payment.paid","entityId":"tr_1"}"#;
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"mollie-demo-secret");
    let code = hex::encode(hmac::sign(&key, body));
    let headers = [("x-mollie-signature", format!("sha256={code}"))];
    let answer = deliver(&process, "POST", &clinic, "mollie", &headers, body).await;
    assert_eq!(answer.status, 200);
    let large = format!("id=tr_1&more={}", "x".repeat(40_000));
    let answer = deliver(&process, "POST", &clinic, "mollie", &[], large.as_bytes()).await;
    assert_eq!(answer.status, 413, "a large body that nobody proved");
    let proven = queued("events", &clinic).await;
    assert_eq!(proven.len(), 1, "{proven:?}");
    assert_eq!(proven[0]["proven"], true);
    // A message outlives the version that wrote it: it names what posting needs and no more.
    let mut names: Vec<_> = proven[0].as_object().expect("a map").keys().collect();
    names.sort();
    let wanted = [
        "body",
        "clinic",
        "proven",
        "received_at",
        "sha256",
        "source",
        "url",
    ];
    assert_eq!(names, wanted);
    let unproven = queued("unproven", &clinic).await;
    assert_eq!(unproven.len(), 1, "{unproven:?}");
    assert_eq!(unproven[0]["proven"], false);
}

/// Both limits from both sides.
#[tokio::test]
async fn a_webhook_may_be_as_large_as_its_proof_allows_and_not_a_byte_larger() {
    let _still = still().await;
    let clinic = name();
    rotated(&clinic, "whsec_first").await;
    let inbound = json!({ "webhook_secret": "mollie-demo-secret" });
    secret(&format!("meridian/{clinic}/inbound/mollie"), inbound).await;
    let process = intake(&name());
    for (bytes, status) in [(700 * 1024, 200), (700 * 1024 + 1, 413)] {
        let body = " ".repeat(bytes);
        let at = meridian::io::clock::now().as_second();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"whsec_first");
        let code = hex::encode(hmac::sign(&key, format!("{at}.{body}").as_bytes()));
        let headers = [("stripe-signature", format!("t={at},v1={code}"))];
        let said = deliver(
            &process,
            "POST",
            &clinic,
            "stripe",
            &headers,
            body.as_bytes(),
        );
        assert_eq!(said.await.status, status, "{bytes} signed");
    }
    for (bytes, status) in [(16 * 1024, 200), (16 * 1024 + 1, 413)] {
        let body = format!("id=tr_1{}", " ".repeat(bytes - 7));
        let said = deliver(&process, "POST", &clinic, "mollie", &[], body.as_bytes());
        assert_eq!(said.await.status, status, "{bytes} unsigned");
    }
}

/// Some vendors sign the address that they were told, with its query; of headers posting needs one.
#[tokio::test]
async fn a_webhook_is_handed_on_with_its_address_and_the_type_of_its_body() {
    let _still = still().await;
    for (public_url, query, wanted) in [
        (None, "", "https://pay.example.test/PATH"),
        (None, "a=b&c=d", "https://pay.example.test/PATH?a=b&c=d"),
        (
            Some("https://own.example.test"),
            "",
            "https://own.example.test/PATH",
        ),
        (
            Some("https://own.example.test/"),
            "a=b",
            "https://own.example.test/PATH?a=b",
        ),
    ] {
        let clinic = name();
        let mut inbound = json!({ "webhook_secret": "mollie-demo-secret" });
        if let Some(url) = public_url {
            inbound["public_url"] = json!(url);
        }
        secret(&format!("meridian/{clinic}/inbound/mollie"), inbound).await;
        let path = format!("/webhooks/{clinic}/mollie");
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let incoming = Incoming {
            method: "POST",
            clinic: &clinic,
            source: "mollie",
            path: &path,
            query,
            headers: vec![
                header("content-type", "application/x-www-form-urlencoded"),
                header("user-agent", "Mollie"),
                header("authorization", "Bearer x"),
            ],
            body: b"id=tr_1".to_vec(),
        };
        let process = intake(&name());
        assert_eq!(Box::pin(process.handle(incoming)).await.status, 200);
        let queued = queued("unproven", &clinic).await;
        assert_eq!(queued.len(), 1, "{queued:?}");
        let wanted = wanted.replace("/PATH", &path);
        assert_eq!(queued[0]["url"], json!(wanted));
        let kept = json!([["content-type", "application/x-www-form-urlencoded"]]);
        assert_eq!(queued[0]["headers"], kept);
    }
}
