//! Google Sheets: who is given a token, whose spreadsheet is written, and what stands there then.

use crate::common::{Answer, Bench, START};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
const APPEND: &str = "valueInputOption=RAW&insertDataOption=INSERT_ROWS";

fn account() -> Value {
    let mut secrets = meridian_sandbox::Sandbox::demo_secrets().into_iter();
    let secret = secrets.find(|(name, _)| *name == "system/google-sheets");
    secret.expect("an account").1
}

fn key_file() -> Value {
    let text = account()["service_account"].clone();
    serde_json::from_str(text.as_str().expect("a text")).expect("JSON")
}

/// What the account states by default, for an hour.
fn claims() -> Value {
    let now = START / 1000;
    json!({"iss": key_file()["client_email"], "aud": "https://oauth2.googleapis.com/token",
        "scope": "https://www.googleapis.com/auth/spreadsheets", "iat": now, "exp": now + 3600})
}

fn signed(head: &Value, claims: &Value) -> String {
    let coded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", coded(head), coded(claims));
    let pem = key_file()["private_key"].clone();
    let lines = pem.as_str().expect("PEM").lines();
    let der: String = lines.filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).expect("base64")).expect("a key");
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(
        &RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .expect("signed");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn head() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": key_file()["private_key_id"]})
}

async fn token(bench: &Bench, assertion: &str) -> Answer {
    let form = format!("grant_type={GRANT}&assertion={assertion}");
    bench
        .call("POST", "/google-sheets/token", &[FORM], &form)
        .await
}

async fn bearer(bench: &Bench) -> String {
    let granted = token(bench, &signed(&head(), &claims())).await.ok();
    format!("Bearer {}", granted["access_token"].as_str().expect("one"))
}

async fn values(bench: &Bench, by: &str, method: &str, range: &str, body: &str) -> Answer {
    let address = account()["spreadsheet"].clone();
    let mut parts = address.as_str().expect("an address").split('/');
    let id = parts.nth(5).expect("an id");
    let path = format!("/google-sheets/v4/spreadsheets/{id}/values/{range}");
    let headers = [("authorization", by), ("content-type", "application/json")];
    bench.call(method, &path, &headers, body).await
}

async fn control(bench: &Bench, what: &str) -> Value {
    let path = format!("google-sheets/{what}");
    bench.control(&path, json!({})).await.ok()
}

fn reason(answer: &Answer) -> String {
    let told = answer.json();
    let why = [&told["error_description"], &told["error"]["message"]];
    why.iter().filter_map(|why| why.as_str()).collect()
}

#[tokio::test]
async fn a_token_is_given_for_what_the_account_signed_and_for_nothing_else() {
    let bench = Bench::start().await;
    bearer(&bench).await;
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let now = START / 1000;
    for (claims, why) in [
        (
            changed("iss", json!("other@example.test")),
            "Invalid account",
        ),
        (
            changed("aud", json!("https://example.test")),
            "Invalid account",
        ),
        (changed("scope", json!("drive")), "Invalid account"),
        (changed("exp", json!(now + 3601)), "short-lived"),
        (changed("exp", json!(now)), "short-lived"),
        (changed("iat", json!(now + 600)), "short-lived"),
        (changed("nonce", json!(1)), "signed by RS256"),
    ] {
        let refused = token(&bench, &signed(&head(), &claims)).await;
        assert_eq!(refused.json()["error"], "invalid_grant", "{claims}");
        assert!(reason(&refused).contains(why), "{claims}: {}", refused.text);
    }
    let good = signed(&head(), &claims());
    let (message, _) = good.rsplit_once('.').expect("three parts");
    let other = signed(&head(), &changed("iat", json!(now - 1)));
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    let forged = token(&bench, &format!("{message}.{signature}")).await;
    assert!(reason(&forged).contains("Signature"), "{}", forged.text);
    let none = json!({"alg": "none", "typ": "JWT"});
    assert_eq!(token(&bench, &signed(&none, &claims())).await.status, 400);
}

#[tokio::test]
async fn rows_stand_in_the_tab_as_they_came_and_a_column_is_read_back() {
    let bench = Bench::start().await;
    let by = bearer(&bench).await;
    let append = format!("%27Payments%27%21A1:append?{APPEND}");
    let body = json!({"values": [["Time", "Amount"], ["=1+1", 60.5]]}).to_string();
    let done = values(&bench, &by, "POST", &append, &body).await.ok();
    assert_eq!(done["updates"]["updatedRows"], 2);
    let body = json!({"values": [["later", 1]]}).to_string();
    values(&bench, &by, "POST", &append, &body).await.ok();
    let read = "%27Payments%27%21B2:B50000?majorDimension=COLUMNS&prettyPrint=false";
    let column = values(&bench, &by, "GET", read, "").await.ok();
    assert_eq!(column["values"], json!([["60.5", "1"]]));
    let rows = control(&bench, "rows/Payments").await;
    assert_eq!(
        rows,
        json!([["Time", "Amount"], ["=1+1", 60.5], ["later", 1]])
    );
}

#[tokio::test]
async fn what_google_refuses_is_refused_and_changes_nothing() {
    let bench = Bench::start().await;
    let by = bearer(&bench).await;
    let row = json!({"values": [["a"]]}).to_string();
    let tab = "%27Payments%27%21A1";
    for (method, range, body, why) in [
        (
            "POST",
            format!("{tab}:append?insertDataOption=INSERT_ROWS"),
            &*row,
            "valueInputOption",
        ),
        (
            "POST",
            format!("{tab}:append?{APPEND}&x=1"),
            &row,
            "x is not known",
        ),
        (
            "POST",
            format!("{tab}:append?{APPEND}"),
            r#"{"rows":[]}"#,
            "rows is not known",
        ),
        (
            "POST",
            format!("%27Other%27%21A1:append?{APPEND}"),
            &row,
            "Unable to parse range",
        ),
        (
            "GET",
            "Payments?majorDimension=COLUMNS".into(),
            "",
            "Unable to parse range",
        ),
        (
            "GET",
            "%27Payments%27%21A1001:A2000?majorDimension=COLUMNS".into(),
            "",
            "grid limits",
        ),
    ] {
        let refused = values(&bench, &by, method, &range, body).await;
        assert_eq!(refused.status, 400, "{range}: {}", refused.text);
        assert!(reason(&refused).contains(why), "{range}: {}", refused.text);
    }
    let nobody = values(&bench, "Bearer x", "GET", tab, "").await;
    assert_eq!(nobody.status, 401);
    control(&bench, "unshare").await;
    let append = format!("{tab}:append?{APPEND}");
    let unshared = values(&bench, &by, "POST", &append, &row).await;
    assert_eq!(unshared.json()["error"]["status"], "PERMISSION_DENIED");
    control(&bench, "share").await;
    bench.advance(3_600_000).await;
    let late = values(&bench, &by, "POST", &append, &row).await;
    assert_eq!(late.status, 401, "its hour is over");
    let rows = control(&bench, "rows/Payments").await;
    assert_eq!(rows, json!([]));
}
