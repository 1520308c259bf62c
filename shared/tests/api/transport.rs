//! What a call over the wire came to, as far as it decides what may be done next: the vendor did
//! it, surely did not, or may have.

use crate::stack::{Clinic, app};
use crate::vendors::{CLOSED, Heard, Said, connect, heard, ok, token};
use meridian::contract::{
    Account, Auth, Gateway, Host, Key, KeyPlace, LostReply, Reply, Request, Trouble, Vendor,
};
use meridian::flows::App;
use meridian::flows::accounts;
use meridian::vendors;
use serde_json::json;

const KEY: (KeyPlace, &str) = (KeyPlace::Header("Idempotency-Key"), "key-1");

async fn call_at(
    app: &App,
    clinic: &Clinic,
    vendor: &Vendor,
    request: &Request,
) -> Result<Reply, Trouble> {
    let account = accounts::account(app, &clinic.id, vendor).await?;
    accounts::call(app, &clinic.id, vendor, &account, request, Some(KEY)).await
}

fn stripe() -> &'static Gateway {
    vendors::gateway("stripe").expect("a gateway")
}

fn paypal() -> &'static Gateway {
    vendors::gateway("paypal").expect("a gateway")
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
    let vendor = Vendor {
        id: CLOSED,
        name: "Nobody",
        docs: "",
        host: Host::One("https://nobody.example"),
        further_hosts: &[],
        auth: Auth::Open,
        headers: |_| vec![],
        fields: &[],
        inbound: &[],
        own_error: |_| true,
    };
    let account = Account::load(&[], Default::default()).expect("no fields");
    let (app, request) = (&clinic.app, moves());
    let call = accounts::call(app, &clinic.id, &vendor, &account, &request, None);
    let came = call.await;
    let why = came.expect_err("nobody is there");
    assert!(matches!(why, Trouble::Later { .. }), "{why:?}");
    assert!(!why.may_have_happened());
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
    let account = accounts::account(&clinic.app, &clinic.id, stripe().vendor).await;
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
    for (gateway, name) in [
        ("stripe", "Idempotency-Key"),
        ("gocardless", "Idempotency-Key"),
        ("mollie", "Idempotency-Key"),
        ("paypal", "PayPal-Request-Id"),
    ] {
        let gateway = vendors::gateway(gateway).expect("a gateway");
        let of = gateway.vendor.id;
        let charge = gateway
            .charge
            .yes()
            .map(|effect| header(&effect.lost_reply));
        assert_eq!(charge, Some(Some(name)), "{of}: a charge");
        let refund = gateway
            .refund
            .yes()
            .map(|effect| header(&effect.lost_reply));
        assert_eq!(refund, Some(Some(name)), "{of}: a refund");
        let page = gateway
            .checkout
            .yes()
            .map(|opening| opening.key.as_ref().and_then(place));
        assert_eq!(page, Some(Some(name)), "{of}: a page");
        if let Some(complete) = gateway.complete.yes() {
            assert_eq!(
                header(&complete.lost_reply),
                Some(name),
                "{of}: its completion"
            );
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
