//! QuickBooks as its contract says: versions of documents, a key that answers its first reply again,
//! payments that never exceed what is open, webhooks of both shapes.

use crate::common::{Answer, Bench, basic};
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

struct Books<'a> {
    bench: &'a Bench,
    auth: String,
}

async fn refresh(bench: &Bench, token: &str) -> Answer {
    let auth = basic("demo", "demo");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [("authorization", auth.as_str()), form];
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    let path = "/quickbooks/oauth2/v1/tokens/bearer";
    bench.call("POST", path, &headers, &body).await
}

impl Books<'_> {
    async fn open(bench: &Bench) -> Books<'_> {
        let access = refresh(bench, "demo-refresh-0").await.ok()["access_token"].clone();
        let auth = format!("Bearer {}", access.as_str().unwrap());
        Books { bench, auth }
    }
    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let headers = [
            ("authorization", self.auth.as_str()),
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ];
        let and = if path.contains('?') { '&' } else { '?' };
        let path = format!("/quickbooks/v3/company/123/{path}{and}minorversion=75");
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.bench.call(method, &path, &headers, &text).await
    }
    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }
    async fn made(&self, name: &str, body: Value) -> Value {
        self.post(&name.to_lowercase(), body).await.ok()[name].clone()
    }
    async fn read(&self, name: &str, of: &Value) -> Answer {
        let path = format!("{}/{}", name.to_lowercase(), of["Id"].as_str().unwrap());
        self.call("GET", &path, Value::Null).await
    }
    async fn asked(&self, query: &str) -> Answer {
        let query = query
            .replace('%', "%25")
            .replace(' ', "%20")
            .replace('\'', "%27");
        self.call("GET", &format!("query?query={query}"), Value::Null)
            .await
    }
    async fn patient(&self) -> Value {
        let new = json!({"DisplayName": "Patient (P-1)", "CurrencyRef": {"value": "EUR"}});
        self.made("Customer", new).await
    }
}

fn code(answer: &Answer) -> String {
    assert_eq!(answer.status, 400, "{}", answer.text);
    answer.json()["Fault"]["Error"][0]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn sale(customer: &Value, number: &str) -> Value {
    let detail = json!({"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "2"}});
    json!({"DocNumber": number, "TxnDate": "2026-11-21", "PrivateNote": "key",
        "CustomerRef": {"value": customer["Id"]}, "CurrencyRef": {"value": "EUR"},
        "GlobalTaxCalculation": "TaxExcluded", "TxnTaxDetail": {"TotalTax": 5.45},
        "Line": [{"Amount": 54.55, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}]})
}

fn paid(customer: &Value, amount: f64, linked: &[(&str, &Value, f64)]) -> Value {
    let lines = linked.iter().map(|(name, of, amount)| {
        let of = json!([{"TxnId": of["Id"], "TxnType": name}]);
        json!({"Amount": amount, "LinkedTxn": of})
    });
    json!({"TxnDate": "2026-11-21", "TotalAmt": amount, "CustomerRef": {"value": customer["Id"]},
        "CurrencyRef": {"value": "EUR"}, "DepositToAccountRef": {"value": "35"},
        "PaymentRefNum": "c-p1", "Line": lines.collect::<Vec<_>>()})
}

fn of(document: &Value) -> Value {
    json!({"Id": document["Id"], "SyncToken": document["SyncToken"]})
}

#[tokio::test]
async fn a_refresh_token_works_once_and_an_old_access_token_no_more() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let first = refresh(&bench, "demo-refresh-0").await.ok();
    let next = first["refresh_token"].as_str().unwrap().to_owned();
    refresh(&bench, &next).await.ok();
    assert_eq!(
        books
            .asked("SELECT * FROM Invoice WHERE DocNumber = '1'")
            .await
            .status,
        200
    );
    bench.advance(25 * 3_600_000).await;
    assert_eq!(refresh(&bench, "demo-refresh-0").await.status, 400);
    assert_eq!(
        books
            .asked("SELECT * FROM Invoice WHERE DocNumber = '1'")
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn what_is_paid_never_exceeds_what_is_open_and_is_given_back_with_the_payment() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let who = books.patient().await;
    let invoice = books.made("Invoice", sale(&who, "1")).await;
    assert_eq!(
        (&invoice["TotalAmt"], &invoice["Balance"]),
        (&json!(60), &json!(60))
    );
    assert_eq!(code(&books.post("invoice", sale(&who, "1")).await), "6140");
    let too_much = paid(&who, 61.0, &[("Invoice", &invoice, 61.0)]);
    assert_eq!(code(&books.post("payment", too_much).await), "6000");
    let more = paid(&who, 10.0, &[("Invoice", &invoice, 11.0)]);
    assert_eq!(code(&books.post("payment", more).await), "6000");
    let payment = books
        .made("Payment", paid(&who, 60.0, &[("Invoice", &invoice, 60.0)]))
        .await;
    let open = async || books.read("Invoice", &invoice).await.ok()["Invoice"]["Balance"].clone();
    assert_eq!(open().await, 0);
    let found = books
        .asked("SELECT * FROM Payment WHERE PaymentRefNum = 'c-p1'")
        .await
        .ok();
    assert_eq!(found["QueryResponse"]["Payment"][0]["Id"], payment["Id"]);
    let deleted = books
        .post("payment?operation=delete", of(&payment))
        .await
        .ok();
    assert_eq!(deleted["Payment"]["status"], "Deleted");
    assert_eq!(open().await, 60);
    assert_eq!(code(&books.read("Payment", &payment).await), "610");
    assert_eq!(
        code(&books.post("payment?operation=delete", of(&payment)).await),
        "610"
    );
    let found = books
        .asked("SELECT * FROM Payment WHERE PaymentRefNum = 'c-p1'")
        .await
        .ok();
    assert_eq!(found["QueryResponse"], json!({}));
    // The invoice was changed by both: its first version is no longer the newest.
    assert_eq!(
        code(&books.post("invoice?operation=void", of(&invoice)).await),
        "5010"
    );
    let newest = books.read("Invoice", &invoice).await.ok()["Invoice"].clone();
    let voided = books.post("invoice?operation=void", of(&newest)).await.ok();
    assert_eq!(voided["Invoice"]["TotalAmt"], 0);
    let all = bench
        .control("quickbooks/accounts/EUR", json!({}))
        .await
        .ok();
    assert_eq!(all, json!({}), "nothing is left");
}

#[tokio::test]
async fn a_credit_memo_is_set_against_its_invoice_by_a_payment_of_nothing() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let who = books.patient().await;
    let invoice = books.made("Invoice", sale(&who, "1")).await;
    let memo = books.made("CreditMemo", sale(&who, "1-C1")).await;
    let mut set = paid(
        &who,
        0.0,
        &[("Invoice", &invoice, 60.0), ("CreditMemo", &memo, 60.0)],
    );
    set.as_object_mut().unwrap().remove("DepositToAccountRef");
    books.made("Payment", set.clone()).await;
    let read = books.read("CreditMemo", &memo).await.ok();
    assert_eq!(read["CreditMemo"]["RemainingCredit"], 0);
    assert_eq!(code(&books.post("payment", set).await), "6000");
    let all = bench
        .control("quickbooks/accounts/EUR", json!({}))
        .await
        .ok();
    assert_eq!(all, json!({}));
    let mut receipt = sale(&who, "R-1");
    receipt["DepositToAccountRef"] = json!({"value": "35"});
    books.made("RefundReceipt", receipt.clone()).await;
    let all = bench
        .control("quickbooks/accounts/EUR", json!({}))
        .await
        .ok();
    assert_eq!(all, json!({"35": -60, "79": 54.55, "90": 5.45}));
    receipt["DocNumber"] = json!("R-2");
    receipt["DepositToAccountRef"] = json!({"value": "79"});
    assert_eq!(code(&books.post("refundreceipt", receipt).await), "2500");
}

#[tokio::test]
async fn a_request_id_answers_its_first_reply_again_whatever_is_sent_under_it() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let who = books.patient().await;
    let first = books
        .post("invoice?requestid=k1", sale(&who, "1"))
        .await
        .ok();
    let other = books
        .post("invoice?requestid=k1", sale(&who, "2"))
        .await
        .ok();
    assert_eq!(first, other);
    let long = format!("invoice?requestid={}", "k".repeat(51));
    assert_eq!(code(&books.post(&long, sale(&who, "3")).await), "2050");
    // What was refused is tried anew under its key.
    bench
        .control("quickbooks/close", json!({"until": "2026-11-30"}))
        .await
        .ok();
    assert_eq!(
        code(&books.post("invoice?requestid=k2", sale(&who, "4")).await),
        "6210"
    );
    bench
        .control("quickbooks/close", json!({"until": ""}))
        .await
        .ok();
    books
        .post("invoice?requestid=k2", sale(&who, "4"))
        .await
        .ok();
}

#[tokio::test]
async fn what_a_request_may_not_hold_and_what_it_names_in_vain_is_refused() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let who = books.patient().await;
    let with = |place: &str, value: Value| {
        let mut changed = sale(&who, "1");
        *changed.pointer_mut(place).unwrap() = value;
        changed
    };
    let detail = "/Line/0/SalesItemLineDetail";
    for (body, wanted) in [
        (with("/CustomerRef/value", json!("404")), "610"),
        (with("/CurrencyRef/value", json!("USD")), "610"),
        (with(&format!("{detail}/ItemRef/value"), json!("9")), "2500"),
        (
            with(&format!("{detail}/TaxCodeRef/value"), json!("9")),
            "2500",
        ),
        (with("/DocNumber", json!("1".repeat(22))), "2010"),
        (with("/TxnDate", json!("21/11/2026")), "2030"),
        (with("/Line/0/Amount", json!("54.55")), "2010"),
        (with("/Line", json!([])), "2020"),
        (json!({"Docnumber": "1"}), "2010"),
    ] {
        assert_eq!(
            code(&books.post("invoice", body.clone()).await),
            wanted,
            "{body}"
        );
    }
    let again = json!({"DisplayName": "Patient (P-1)"});
    assert_eq!(code(&books.post("customer", again).await), "6240");
    let like = "SELECT * FROM Customer WHERE DisplayName LIKE '%(P-1)'";
    let found = books.asked(like).await.ok();
    assert_eq!(found["QueryResponse"]["Customer"][0]["Id"], who["Id"]);
    let away = format!("quickbooks/put_away/{}", who["Id"].as_str().unwrap());
    bench.control(&away, json!({})).await.ok();
    assert_eq!(books.asked(like).await.ok()["QueryResponse"], json!({}));
    assert_eq!(code(&books.post("invoice", sale(&who, "1")).await), "610");
    assert_eq!(
        code(
            &books
                .asked("SELECT * FROM Invoice WHERE PrivateNote = 'x'")
                .await
        ),
        "4001"
    );
    assert_eq!(code(&books.asked("SELECT Id FROM Invoice").await), "4000");
}

#[tokio::test]
async fn every_change_is_told_in_either_shape_signed_with_the_verifier_token() {
    let bench = Bench::start().await;
    let books = Books::open(&bench).await;
    let text = json!({"from": "+61400000006", "body": "x"});
    bench.control("twilio/inbound", text).await.ok();
    let url = bench.sandbox.webhooks()[0]["url"]
        .as_str()
        .unwrap()
        .replace("twilio", "quickbooks");
    let to = json!({"account": "123", "url": url, "secret": "token"});
    bench.control("quickbooks/endpoints", to).await.ok();
    bench.taken().await;
    let who = books.patient().await;
    let invoice = books.made("Invoice", sale(&who, "1")).await;
    bench
        .control("quickbooks/knobs", json!({"old": true}))
        .await
        .ok();
    let path = format!("quickbooks/pay/{}", invoice["Id"].as_str().unwrap());
    let payment = bench.control(&path, json!({"amount": 2000})).await.ok();
    let taken = bench.taken().await;
    for one in &taken {
        let mac = Hmac::<sha2::Sha256>::new_from_slice(b"token").unwrap();
        let proof = mac
            .chain_update(one.body.as_bytes())
            .finalize()
            .into_bytes();
        let proof = base64::engine::general_purpose::STANDARD.encode(proof);
        assert_eq!(one.header("intuit-signature"), proof);
    }
    let first = taken[0].json();
    assert_eq!(first[0]["type"], "qbo.customer.created.v1");
    assert_eq!(first[0]["intuitentityid"], who["Id"]);
    let told = |one: &Value| {
        let entity = &one["eventNotifications"][0]["dataChangeEvent"]["entities"][0];
        [&entity["name"], &entity["id"], &entity["operation"]]
            .map(|of| of.as_str().unwrap().to_owned())
    };
    let id = |of: &Value| of["Id"].as_str().unwrap().to_owned();
    let told: Vec<_> = taken[2..].iter().map(|one| told(&one.json())).collect();
    let wanted = [
        ["Invoice".to_owned(), id(&invoice), "Update".into()],
        ["Payment".to_owned(), id(&payment), "Create".into()],
    ];
    assert_eq!(told, wanted);
}
