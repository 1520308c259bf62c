//! Tokens that an account signs for, hosts that a token call names, and refresh tokens that stay.

use crate::stack::{Clinic, app};
use crate::vendors::{Heard, Said, answer, connect, heard, ok, token};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use meridian::contract::{
    Account, Assertion, Auth, Client, Grant, Granted, Host, OAuth, Reply, Request, Trouble, Vendor,
};
use meridian::flows::{App, accounts};
use meridian::io::assertion::signed;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

const KEY: &str = include_str!("../fixtures/google-sheets/key.pem");

/// The client's id tells whose call it is; the vendors that sign want none.
static SIGNS: OAuth = OAuth {
    host: Host::One("https://login.vendor.example"),
    path: "/token",
    client: Client::Form("user", "pass"),
    grant: Grant::Assertion(|account, now| {
        Ok(Assertion {
            key_id: "k1".into(),
            claims: json!({"iss": account.secret("user"), "exp": now + 3600}),
            key: account.secret("key").into(),
        })
    }),
    beside: &[],
    read: Granted::usual,
};

/// Its token call names where the account is called.
static NAMES_HOST: OAuth = OAuth {
    host: Host::One("https://login.vendor.example"),
    path: "/token",
    client: Client::Form("user", "pass"),
    grant: Grant::ClientCredentials,
    beside: &[],
    read: |reply: &Reply| {
        let body: Value = reply.json()?;
        let host = body["api_domain"].as_str().map(str::to_owned);
        Ok(Granted {
            host,
            ..Granted::usual(reply)?
        })
    },
};

fn vendor(host: Host, oauth: &'static OAuth) -> Vendor {
    Vendor {
        id: "stripe",
        name: "A vendor",
        docs: "",
        host,
        further_hosts: &["further.example"],
        auth: Auth::OAuth(oauth),
        headers: |_| vec![],
        fields: &[],
        inbound: &[],
        own_error: |_| true,
    }
}

fn signs() -> Vendor {
    vendor(Host::One("https://vendor.example"), &SIGNS)
}

fn account(clinic: &Clinic, key: &str) -> Account {
    let fields = [("user", clinic.id.as_str()), ("pass", "p"), ("key", key)];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Account::load(&[], fields.into()).expect("an account")
}

async fn called(
    app: &App,
    clinic: &Clinic,
    vendor: &Vendor,
    account: &Account,
) -> Result<u16, Trouble> {
    let request = Request::get("/a");
    let call = accounts::call(app, &clinic.id, vendor, account, &request, None);
    call.await.map(|reply| reply.status)
}

/// Tokens `t1`, `t2`, … beside what more a token call says.
async fn grants(clinic: &Clinic, more: Value) {
    let (id, mut given) = (clinic.id.clone(), 0);
    connect(clinic, "stripe", move |heard: &Heard| {
        if !heard.what.ends_with("/token") {
            return ok(json!({}));
        }
        given += 1;
        let Said::Reply(status, mut said) = token(&id, &format!("t{given}"), 3600) else {
            panic!("a token is a reply");
        };
        for (name, value) in more.as_object().into_iter().flatten() {
            said[name] = value.clone();
        }
        Said::Reply(status, said)
    })
    .await;
}

fn token_calls(clinic: &Clinic) -> Vec<Heard> {
    let calls = heard(clinic).into_iter();
    calls.filter(|call| call.what.ends_with("/token")).collect()
}

fn field(heard: &Heard, name: &str) -> String {
    let mut fields = form_urlencoded::parse(heard.body.as_bytes());
    let field = fields.find(|(known, _)| known == name);
    field.expect("it is told").1.into_owned()
}

#[tokio::test]
async fn what_an_account_states_is_signed_by_its_key_and_the_token_shared() {
    let clinic = Clinic::new().await;
    grants(&clinic, json!({})).await;
    let account = account(&clinic, KEY);
    for app in [&clinic.app, &clinic.app, &app()] {
        assert_eq!(called(app, &clinic, &signs(), &account).await, Ok(200));
    }
    let calls = token_calls(&clinic);
    assert_eq!(calls.len(), 1, "it is cached, and shared by processes");
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(field(&calls[0], "grant_type"), grant);
    let assertion = field(&calls[0], "assertion");
    let (message, signature) = assertion.rsplit_once('.').expect("three parts");
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes());
    let key = RsaKeyPair::from_pkcs8(der.expect("a key").secret_pkcs8_der()).expect("a key");
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(message.as_bytes(), &decoded(signature))
        .expect("the account's key signed it");
    let (head, claims) = message.split_once('.').expect("two parts");
    let read = |part| serde_json::from_slice::<Value>(&decoded(part)).expect("JSON");
    assert_eq!(
        read(head),
        json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})
    );
    assert_eq!(read(claims)["iss"], clinic.id.as_str());
    let by = heard(&clinic).pop().expect("a call");
    assert_eq!(
        by.header("authorization"),
        format!("Bearer t1.{}", clinic.id)
    );
}

#[tokio::test]
async fn a_key_that_does_not_sign_is_told_without_a_word_of_it() {
    let clinic = Clinic::new().await;
    grants(&clinic, json!({})).await;
    let cut = KEY.replace("MII", "");
    let other = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n";
    for key in ["", "hush4711", cut.as_str(), other] {
        let refused = called(&clinic.app, &clinic, &signs(), &account(&clinic, key)).await;
        let Err(Trouble::Credentials(why)) = refused else {
            panic!("{refused:?}");
        };
        assert!(why.starts_with("the account's private key: "), "{why}");
        let mut words = key.lines().filter(|line| line.len() > 3);
        assert!(!words.any(|word| why.contains(word)), "{why}");
    }
    assert_eq!(heard(&clinic), [], "nobody was asked");
}

#[test]
fn a_key_of_the_older_form_signs_as_well() {
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    // The older form stands inside the newer one, after 26 bytes that say what it is.
    let older = base64::prelude::BASE64_STANDARD.encode(&der.secret_pkcs8_der()[26..]);
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{older}\n-----END RSA PRIVATE KEY-----\n");
    let signature = |key: &str| {
        let assertion = Assertion {
            key_id: String::new(),
            claims: json!({"iss": "a"}),
            key: key.into(),
        };
        signed(&assertion).expect("it signs")
    };
    assert_eq!(signature(&pem), signature(KEY));
}

#[tokio::test]
async fn a_token_of_the_account_before_is_not_used_for_the_one_that_is_configured_now() {
    let clinic = Clinic::new().await;
    grants(&clinic, json!({})).await;
    for (pass, tokens) in [("p", 1), ("p", 1), ("q", 2), ("q", 2)] {
        let fields = [("user", clinic.id.as_str()), ("pass", pass), ("key", KEY)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let account = Account::load(&[], fields.into()).expect("an account");
        called(&clinic.app, &clinic, &signs(), &account)
            .await
            .expect("a reply");
        assert_eq!(token_calls(&clinic).len(), tokens, "{pass}");
    }
}

#[tokio::test]
async fn the_host_that_a_token_call_names_is_one_of_the_vendors_or_its_token_is_not_used() {
    for (named, goes) in [
        (json!("https://eu.further.example"), true),
        (json!("https://further.example/"), true),
        (json!("https://evil.example"), false),
        (json!("http://further.example"), false),
        (json!("https://further.example/a"), false),
        (json!(null), false),
    ] {
        let clinic = Clinic::new().await;
        grants(&clinic, json!({ "api_domain": named })).await;
        let account = account(&clinic, "");
        let vendor = vendor(Host::Granted, &NAMES_HOST);
        // Another process reads the host from the row that both share.
        for app in [&clinic.app, &app()] {
            let came = called(app, &clinic, &vendor, &account).await;
            match goes {
                true => assert_eq!(came, Ok(200), "{named}"),
                false => assert!(matches!(came, Err(Trouble::Credentials(_))), "{named}"),
            }
        }
        let calls = heard(&clinic).len() - token_calls(&clinic).len();
        assert_eq!(calls, if goes { 2 } else { 0 }, "{named}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_no_other_follows_is_used_again() {
    let clinic = Clinic::new().await;
    crate::connections::xero(&clinic).await;
    let id = clinic.id.clone();
    answer(&clinic, move |_| token(&id, "t", 3600));
    let key = meridian::io::queue::RowKey {
        pk: format!("{}#token#xero", clinic.id),
        sk: "token".into(),
    };
    for _ in 0..2 {
        let row = meridian::io::store::Row::new(&key.pk, &key.sk)
            .number("version", 1)
            .due(meridian::domain::task::Lane::Tell, 1);
        clinic.write(meridian::io::store::Write::Put(row)).await;
        clinic.delivers(&key).await;
    }
    let used: Vec<_> = token_calls(&clinic)
        .iter()
        .map(|call| field(call, "refresh_token"))
        .collect();
    assert_eq!(used, ["r1", "r1"]);
}
