//! What a call over the wire came to, as far as it decides what may be done next: the vendor did
//! it, surely did not, or may have.

use crate::stack::{Clinic, app};
use crate::vendors::{CLOSED, Heard, Said, connect, heard, ok, token};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meridian::contract::{
    Account, Auth, Body, Client, Credential, Gateway, Grant, Granted, Host, Key, KeyPlace,
    LostReply, OAuth, Reply, Request, Trouble, Vendor,
};
use meridian::flows::App;
use meridian::flows::accounts;
use meridian::vendors;
use serde_json::{Value, json};

const KEY: (KeyPlace, &str) = (KeyPlace::Header("Idempotency-Key"), "key-1");

async fn call_at(
    app: &App,
    clinic: &Clinic,
    vendor: &Vendor,
    request: &Request,
) -> Result<Reply, Trouble> {
    let account = accounts::account_of(app, &clinic.id, vendor, vendor.id).await?;
    accounts::call(app, &clinic.id, vendor, &account, request, Some(KEY)).await
}

fn stripe() -> &'static Gateway {
    vendors::gateway("stripe").expect("a gateway")
}

fn paypal() -> &'static Gateway {
    vendors::gateway("paypal").expect("a gateway")
}

fn vendor(id: &'static str, auth: Auth) -> Vendor {
    Vendor {
        id,
        name: "A vendor",
        docs: "",
        host: Host::One("https://vendor.example"),
        further_hosts: &["further.example"],
        auth,
        headers: |_| vec![],
        fields: &[],
        inbound: &[],
        own_error: |_| true,
    }
}

/// An account with a user of the clinic's name, by which its calls are told apart.
fn user(clinic: &Clinic) -> Account {
    let fields = [("user", clinic.id.as_str()), ("pass", "p:1")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Account::load(&[], fields.into()).expect("an account")
}

fn moves() -> Request {
    Request::form("/v1/refunds", vec![("amount", "500".into())])
}

#[tokio::test]
async fn a_reply_that_is_cut_off_is_unclear_and_the_call_is_not_made_again() {
    for said in [Said::Cut, Said::CutInside] {
        let clinic = Clinic::new().await;
        let answers = said.clone();
        connect(&clinic, "stripe", move |_| answers.clone()).await;
        let came = call_at(&clinic.app, &clinic, stripe().vendor, &moves()).await;
        let why = came.expect_err("no reply");
        assert!(matches!(why, Trouble::Unclear(_)), "{said:?}: {why:?}");
        assert!(why.may_have_happened(), "{said:?}");
        assert!(
            !why.to_string().contains("http"),
            "an address may be a secret: {why}"
        );
        assert_eq!(heard(&clinic).len(), 1, "{said:?}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_happened() {
    let clinic = Clinic::new().await;
    let vendor = vendor(CLOSED, Auth::Open);
    let account = Account::load(&[], Default::default()).expect("no fields");
    let (app, request) = (&clinic.app, moves());
    let call = accounts::call(app, &clinic.id, &vendor, &account, &request, None);
    let came = call.await;
    let why = came.expect_err("nobody is there");
    assert!(matches!(why, Trouble::Later { .. }), "{why:?}");
    assert!(!why.may_have_happened());
}

#[tokio::test]
async fn each_kind_of_credential_goes_where_its_vendor_reads_it() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| ok(json!({ "id": "re_1" }))).await;
    let (account, app) = (user(&clinic), &clinic.app);
    let called = async |auth: Auth, request: &Request| {
        let vendor = vendor("stripe", auth);
        let call = accounts::call(app, &clinic.id, &vendor, &account, request, None);
        call.await.expect("a reply");
        heard(&clinic).pop().expect("a call")
    };
    let basic = Auth::Basic {
        user: Credential::Secret("user"),
        pass: Credential::Fixed(""),
    };
    let said = called(basic, &moves()).await;
    let coded = BASE64_STANDARD.encode(format!("{}:", clinic.id));
    assert_eq!(said.header("authorization"), format!("Basic {coded}"));
    let named = Auth::Headers(|account| vec![("x-api-key", account.secret("user").into())]);
    let said = called(named, &moves()).await;
    assert_eq!(said.header("x-api-key"), clinic.id);
    assert_eq!(said.header("authorization"), "");
    let inside = Auth::InBody(|account, body| body["user"] = account.secret("user").into());
    let request = Request::json("POST", "/v1/refunds", json!({ "user": null, "amount": 5 }));
    let said = called(inside, &request).await;
    let sent: Value = serde_json::from_str(&said.body).expect("JSON");
    assert_eq!(sent, json!({ "user": clinic.id, "amount": 5 }));
    // What an intent keeps of it holds no credential.
    let kept = serde_json::to_string(&request).expect("JSON");
    assert!(!kept.contains(&clinic.id), "{kept}");
}

#[tokio::test]
async fn a_token_call_says_who_asks_as_the_vendor_wants_it() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| ok(json!({}))).await;
    let vendor = vendor("stripe", Auth::Open);
    let asked = async |client: Client| {
        let oauth = OAuth {
            host: Host::One("https://vendor.example"),
            path: "/token",
            client,
            grant: Grant::ClientCredentials,
            beside: &[("scope", "all")],
            read: Granted::usual,
        };
        let form = vec![("grant_type", "client_credentials".into())];
        let account = user(&clinic);
        let sent = clinic
            .app
            .transport
            .send_token(&vendor, &oauth, &account, form);
        sent.await.expect("a reply");
        heard(&clinic).pop().expect("a call")
    };
    let said = asked(Client::Basic("user", "pass")).await;
    let coded = BASE64_STANDARD.encode(format!("{}:p:1", clinic.id));
    assert_eq!(said.header("authorization"), format!("Basic {coded}"));
    assert_eq!(said.body, "grant_type=client_credentials&scope=all");
    let said = asked(Client::Form("user", "pass")).await;
    assert_eq!(said.header("authorization"), "");
    let form = format!("client_id={}&client_secret=p%3A1", clinic.id);
    assert!(said.body.ends_with(&form), "{}", said.body);
    let said = asked(Client::Json("user", "pass")).await;
    assert_eq!(said.header("content-type"), "application/json");
    let sent: Value = serde_json::from_str(&said.body).expect("JSON");
    assert_eq!(
        (&sent["client_secret"], &sent["scope"]),
        (&json!("p:1"), &json!("all"))
    );
}

#[tokio::test]
async fn a_content_type_that_a_request_names_stands_alone() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| ok(json!({}))).await;
    let vendor = vendor("stripe", Auth::Open);
    let kind = "application/vnd.vendor-v1+json";
    let request = Request::json("POST", "/x", json!({ "clinic": clinic.id }));
    let request = request.header("Content-Type", kind);
    let account = user(&clinic);
    let call = accounts::call(&clinic.app, &clinic.id, &vendor, &account, &request, None);
    call.await.expect("a reply");
    let said = heard(&clinic).pop().expect("a call");
    assert_eq!(said.header("content-type"), kind);
}

#[tokio::test]
async fn a_credential_goes_to_no_host_that_is_not_the_vendors() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| ok(json!({}))).await;
    let auth = || Auth::Headers(|account| vec![("x-api-key", account.secret("user").into())]);
    let account = user(&clinic);
    let called = async |address: &str| {
        let (vendor, request) = (
            vendor("stripe", auth()),
            Request::to("GET", address, Body::None),
        );
        let call = accounts::call(&clinic.app, &clinic.id, &vendor, &account, &request, None);
        call.await.map(|reply| reply.status)
    };
    for own in [
        "/a",
        "https://vendor.example/a",
        "https://further.example/a?b=c",
        "https://eu.further.example/a",
    ] {
        assert_eq!(called(own).await, Ok(200), "{own}");
    }
    let known = heard(&clinic).len();
    for other in [
        "https://evil.example/a",
        "http://further.example/a",
        "https://further.example:8443/a",
        "https://user@further.example/a",
        "https://further.example.evil.example/a",
        "https://evilfurther.example/a",
        "https://api.vendor.example/a",
    ] {
        let refused = called(other).await;
        assert!(
            matches!(refused, Err(Trouble::Rejected(_))),
            "{other}: {refused:?}"
        );
    }
    assert_eq!(heard(&clinic).len(), known, "nothing was sent there");
}

#[tokio::test]
async fn a_credential_follows_no_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let clinic = Clinic::new().await;
        let script = move |heard: &Heard| match heard.what.contains("/elsewhere") {
            true => ok(json!({ "id": "re_1" })),
            false => Said::Elsewhere(status, "/stripe/elsewhere".into()),
        };
        connect(&clinic, "stripe", script).await;
        let came = call_at(&clinic.app, &clinic, stripe().vendor, &moves()).await;
        let read = came.and_then(|reply| reply.ok().map(|reply| reply.status));
        assert!(read.is_err(), "{status}: {read:?}");
        let heard = heard(&clinic);
        assert_eq!(heard.len(), 1, "{status}: {heard:?}");
    }
}

#[tokio::test]
async fn a_call_carries_its_credential_its_key_and_its_bytes() {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| ok(json!({ "id": "re_1" }))).await;
    let came = call_at(&clinic.app, &clinic, stripe().vendor, &moves()).await;
    assert_eq!(came.expect("a reply").status, 200);
    let heard = &heard(&clinic)[0];
    assert_eq!(heard.what, "POST /stripe/v1/refunds");
    assert_eq!(
        heard.header("authorization"),
        format!("Bearer sk_test_{}", clinic.id)
    );
    assert_eq!(heard.header("idempotency-key"), "key-1");
    assert_eq!(heard.header("stripe-version"), "2023-08-16");
    assert_eq!(heard.body, "amount=500");
    // In the query, where a vendor wants it there.
    let account = accounts::account_of(&clinic.app, &clinic.id, stripe().vendor, "stripe").await;
    let account = account.expect("an account");
    let place = Some((KeyPlace::Query("key"), "k 1&x"));
    let app = &clinic.app;
    let called = accounts::call(app, &clinic.id, stripe().vendor, &account, &moves(), place).await;
    called.expect("a reply");
    let last = crate::vendors::heard(&clinic).pop().expect("two calls");
    assert_eq!(last.query, "key=k%201%26x");
    assert_eq!(last.header("idempotency-key"), "");
}

#[test]
fn every_money_call_that_is_repeated_under_a_key_says_where_the_key_goes() {
    fn header<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> Option<&'static str> {
        match lost {
            LostReply::SameKey { key, .. } => place(key),
            _ => None,
        }
    }
    fn place(key: &Key) -> Option<&'static str> {
        match key.place {
            KeyPlace::Header(name) => Some(name),
            KeyPlace::Query(_) | KeyPlace::Body => None,
        }
    }
    for gateway in vendors::gateways() {
        let of = gateway.vendor.id;
        let name = match of {
            // It takes none: what was lost is looked for.
            "authorizenet" => None,
            "paypal" => Some("PayPal-Request-Id"),
            _ => Some("Idempotency-Key"),
        };
        let charge = gateway
            .charge
            .yes()
            .map(|effect| header(&effect.lost_reply));
        assert_eq!(charge, Some(name), "{of}: a charge");
        let refund = gateway
            .refund
            .yes()
            .map(|effect| header(&effect.lost_reply));
        assert_eq!(refund, Some(name), "{of}: a refund");
        let page = gateway
            .checkout
            .yes()
            .map(|opening| opening.key.as_ref().and_then(place));
        assert_eq!(page, Some(name), "{of}: a page");
        if let Some(complete) = gateway.complete.yes() {
            assert_eq!(header(&complete.lost_reply), name, "{of}: its completion");
        }
    }
}

/// PayPal of a clinic: access tokens `t1`, `t2`, … that live so long; each of the refused ones is
/// answered 401.
async fn paypal_of(clinic: &Clinic, seconds: i64, refused: &'static [&'static str]) {
    let (id, mut given) = (clinic.id.clone(), 0);
    let script = move |heard: &Heard| {
        if heard.what.ends_with("/v1/oauth2/token") {
            given += 1;
            return token(&id, &format!("t{given}"), seconds);
        }
        let by = heard.header("authorization");
        let old = refused
            .iter()
            .any(|name| by.contains(&format!("{name}.{id}")));
        match old {
            true => Said::Reply(401, json!({ "error": "invalid_token" })),
            false => ok(json!({ "id": "x" })),
        }
    };
    connect(clinic, "paypal", script).await;
}

fn capture() -> Request {
    Request::json(
        "POST",
        "/v2/payments/captures/c/refund",
        json!({ "amount": "5.00" }),
    )
}

/// The calls that were no token calls, by the token that they carried.
fn tokens(clinic: &Clinic) -> Vec<String> {
    let all = heard(clinic).into_iter();
    let calls = all.filter(|heard| !heard.what.ends_with("/token"));
    let name = |heard: Heard| {
        let by = heard.header("authorization").trim_start_matches("Bearer ");
        by.split('.').next().unwrap_or_default().to_owned()
    };
    calls.map(name).collect()
}

fn token_calls(clinic: &Clinic) -> usize {
    heard(clinic).len() - tokens(clinic).len()
}

#[tokio::test]
async fn a_token_that_the_vendor_took_back_is_renewed_once_and_the_call_made_once_more() {
    let clinic = Clinic::new().await;
    paypal_of(&clinic, 3600, &["t1"]).await;
    let came = call_at(&clinic.app, &clinic, paypal().vendor, &capture()).await;
    assert_eq!(came.expect("a reply").status, 200);
    assert_eq!(tokens(&clinic), ["t1", "t2"]);
    let calls: Vec<_> = heard(&clinic)
        .into_iter()
        .filter(|heard| !heard.what.ends_with("/token"))
        .collect();
    assert_eq!(calls[0].body, calls[1].body);
    for call in calls {
        assert_eq!(call.header("idempotency-key"), "key-1");
    }
    // One that is refused again is an answer, and no third is asked for.
    let clinic = Clinic::new().await;
    paypal_of(&clinic, 3600, &["t1", "t2", "t3"]).await;
    let came = call_at(&clinic.app, &clinic, paypal().vendor, &capture()).await;
    assert_eq!(came.expect("a reply").status, 401);
    assert_eq!(tokens(&clinic), ["t1", "t2"]);
}

/// The one that refuses a token is asked for another, whichever process got the first.
#[tokio::test]
async fn a_token_that_another_process_got_and_the_vendor_took_back_is_renewed_too() {
    let clinic = Clinic::new().await;
    let taken_back = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (id, mut given, back) = (clinic.id.clone(), 0, taken_back.clone());
    let script = move |heard: &Heard| {
        if heard.what.ends_with("/v1/oauth2/token") {
            given += 1;
            return token(&id, &format!("t{given}"), 3600);
        }
        let first = heard.header("authorization").contains(&format!("t1.{id}"));
        match first && back.load(std::sync::atomic::Ordering::SeqCst) {
            true => Said::Reply(401, json!({ "error": "invalid_token" })),
            false => ok(json!({ "id": "x" })),
        }
    };
    connect(&clinic, "paypal", script).await;
    let (other, third) = (app(), app());
    let status = async |app: &App| {
        let came = call_at(app, &clinic, paypal().vendor, &capture()).await;
        came.expect("a reply").status
    };
    assert_eq!(status(&clinic.app).await, 200);
    taken_back.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(status(&other).await, 200);
    assert_eq!(tokens(&clinic), ["t1", "t1", "t2"]);
    // What one renewed the others take from the table, and ask for no third.
    assert_eq!(status(&clinic.app).await, 200);
    assert_eq!(status(&third).await, 200);
    assert_eq!(tokens(&clinic), ["t1", "t1", "t2", "t1", "t2", "t2"]);
    assert_eq!(token_calls(&clinic), 2);
}

#[tokio::test]
async fn a_token_is_shared_while_it_lives_and_renewed_before_it_ends() {
    let clinic = Clinic::new().await;
    paypal_of(&clinic, 3600, &[]).await;
    let another = app();
    for app in [&clinic.app, &clinic.app, &another] {
        let came = call_at(app, &clinic, paypal().vendor, &capture()).await;
        assert_eq!(came.expect("a reply").status, 200);
    }
    assert_eq!(
        (tokens(&clinic), token_calls(&clinic)),
        (vec!["t1".into(); 3], 1)
    );
    // It ends within two minutes: another call must not meet its end.
    let clinic = Clinic::new().await;
    paypal_of(&clinic, 100, &[]).await;
    for _ in 0..2 {
        let came = call_at(&clinic.app, &clinic, paypal().vendor, &capture()).await;
        assert_eq!(came.expect("a reply").status, 200);
    }
    assert_eq!(tokens(&clinic), ["t1", "t2"]);
}

#[tokio::test]
async fn one_clinics_token_is_never_anothers() {
    let (mine, other) = (Clinic::new().await, Clinic::new().await);
    for clinic in [&mine, &other] {
        paypal_of(clinic, 3600, &[]).await;
    }
    // One process serves both.
    for clinic in [&mine, &other, &mine] {
        let came = call_at(&mine.app, clinic, paypal().vendor, &capture()).await;
        assert_eq!(came.expect("a reply").status, 200);
    }
    assert_eq!((token_calls(&mine), token_calls(&other)), (1, 1));
    assert_eq!((tokens(&mine).len(), tokens(&other).len()), (2, 1));
    // In the table it is sealed.
    let rows = mine.rows().await;
    let row = &rows[&format!("{}#token#paypal token", mine.id)];
    assert!(!row.to_string().contains("t1."), "{row}");
}

#[tokio::test]
async fn what_a_token_call_answers_sends_no_money_call() {
    for said in [
        Said::Cut,
        Said::Reply(401, json!({ "error": "invalid_client" })),
        Said::Reply(503, json!({})),
        Said::Reply(200, json!({ "access_token": "x" })),
    ] {
        let clinic = Clinic::new().await;
        let answers = said.clone();
        connect(&clinic, "paypal", move |_| answers.clone()).await;
        let came = call_at(&clinic.app, &clinic, paypal().vendor, &capture()).await;
        came.expect_err("no token");
        assert_eq!(tokens(&clinic), Vec::<String>::new(), "{said:?}");
    }
}
