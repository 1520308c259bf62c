//! Who hears what of a patient: names and addresses go only where they must, words are escaped, and
//! pages leave no trace.

use crate::money::pays;
use crate::stack::{Clinic, request};
use crate::vendors::{Said, answer, connect, heard};
use meridian::flows::calls;
use meridian::flows::deliveries;
use meridian::flows::pages;
use meridian::io::queue::RowKey;
use meridian::records::case::pk as case_pk;
use meridian::vendors;
use meridian::words::ids;
use serde_json::{Value, json};

const NAME: &str = "Juniper <b>Vale</b>";
pub const PERSONAL: [&str; 5] = ["Juniper", "juniper", "0100142", "Initial visit", "P-1042"];

/// A clinic with every vendor, whose patient just paid on a page.
pub async fn paid(share_names: bool) -> (Clinic, String) {
    let policy = json!({ "collect": "later", "share_names": share_names });
    let clinic = Clinic::of("EUR", policy).await;
    let systems: Vec<_> = vendors::systems().map(|system| system.vendor.id).collect();
    for vendor in systems.iter().copied().chain(["stripe"]) {
        connect(&clinic, vendor, |_| Said::Cut).await;
    }
    let id = clinic.id.clone();
    answer(&clinic, move |heard| {
        let grants = ["/connect/token", "/google-sheets/token", "/tokens/bearer"];
        match grants.iter().any(|path| heard.what.ends_with(path)) {
            true => Said::Reply(
                200,
                json!({ "access_token": format!("t.{id}"), "expires_in": 1800, "refresh_token": "r2" }),
            ),
            // No row stands in the clinic's tab yet.
            false if heard.what.starts_with("GET /google-sheets/") => {
                Said::Reply(200, json!({ "values": [["Reference"]] }))
            }
            // The books know no contact yet.
            false if heard.what.starts_with("GET /xero/") => {
                Said::Reply(200, json!({ "Contacts": [] }))
            }
            false if heard.what.starts_with("GET /quickbooks/") => {
                Said::Reply(200, json!({ "QueryResponse": {} }))
            }
            false => Said::Reply(400, json!({ "message": "not now" })),
        }
    });
    let mut settings = clinic.get("/v1/settings").await;
    settings["systems"] = json!(systems);
    let put = clinic.call("PUT", "/v1/settings", &settings).await;
    put.expect(200);
    let person = json!({
        "reference": "P-1042", "name": NAME, "email": "juniper@example.org",
        "phone": "+61370100142",
    });
    let made = clinic.post("/v1/patients", person).await.expect(201);
    let case = clinic.invoice(made["id"].as_str()).await;
    let path = format!("/v1/invoices/{case}/charges");
    clinic
        .post(&path, json!({ "collect": "checkout" }))
        .await
        .expect(202);
    let pay = RowKey {
        pk: case_pk(&clinic.id, &case),
        sk: "task#p1".into(),
    };
    Box::pin(calls::pay(&clinic.app, &pay))
        .await
        .expect("a call");
    pays(&clinic, &case).await;
    clinic.spreads(&case).await;
    for place in clinic.rows().await.into_keys() {
        let Some((pk, sk)) = place
            .split_once(' ')
            .filter(|(_, sk)| sk.starts_with("delivery#"))
        else {
            continue;
        };
        let key = RowKey {
            pk: pk.into(),
            sk: sk.into(),
        };
        Box::pin(deliveries::deliver(&clinic.app, &key))
            .await
            .expect("a delivery");
    }
    (clinic, case)
}

/// What one vendor heard, its forms read.
fn told(clinic: &Clinic, vendor: &str) -> Vec<String> {
    let all = heard(clinic).into_iter();
    let own = all.filter(|heard| heard.what.contains(&format!(" /{vendor}/")));
    let own = own.filter(|heard| !heard.what.ends_with("/token"));
    let plain = |heard: crate::vendors::Heard| {
        let form = heard.header("content-type").contains("urlencoded");
        let pairs = url::form_urlencoded::parse(heard.body.as_bytes());
        let fields = pairs.map(|(name, value)| format!("{name}={value}\n"));
        let text = if form {
            fields.collect()
        } else {
            heard.body.clone()
        };
        format!("{} {} {text}", heard.what, heard.query)
    };
    own.map(plain).collect()
}

#[tokio::test]
async fn names_and_addresses_go_only_where_they_must() {
    for share_names in [false, true] {
        let (clinic, _) = paid(share_names).await;
        let of = |vendor: &str| {
            let told = told(&clinic, vendor);
            assert!(
                !told.is_empty(),
                "{vendor} heard nothing: {:?}",
                heard(&clinic)
            );
            told.join("\n")
        };
        let gateway = of("stripe");
        for secret in PERSONAL {
            assert!(
                !gateway.contains(secret),
                "Stripe heard {secret}: {gateway}"
            );
        }
        let staff = of("slack");
        let books = of("xero");
        for (system, told) in [("slack", &staff), ("xero", &books)] {
            for secret in ["juniper@", "0100142", "Initial visit"] {
                assert!(!told.contains(secret), "{system} heard {secret}: {told}");
            }
            let named = told.contains("Juniper");
            assert!(share_names || !named, "{system} heard a name: {told}");
        }
        assert_eq!(books.contains("Juniper"), share_names, "{books}");
        // The clinic chose no column for names.
        let rows = of("google-sheets");
        for secret in ["Juniper", "juniper@", "0100142", "Initial visit"] {
            assert!(!rows.contains(secret), "a row holds {secret}: {rows}");
        }
        assert!(rows.contains("P-1042"), "{rows}");
        let mail = of("mailgun");
        assert!(
            mail.contains("juniper@example.org") && !mail.contains("0100142"),
            "{mail}"
        );
        let text = of("twilio");
        assert!(
            text.contains("+61370100142") && !text.contains("juniper@"),
            "{text}"
        );
        for told in [&mail, &text] {
            assert!(
                !told.contains("Initial visit"),
                "a service is named: {told}"
            );
        }
    }
}

#[tokio::test]
async fn words_of_people_are_escaped_in_mails_and_pages() {
    let (clinic, case) = paid(false).await;
    let mail = told(&clinic, "mailgun").join("\n");
    let html: Vec<_> = mail.lines().filter(|line| line.contains("html=")).collect();
    assert!(!html.is_empty(), "{mail}");
    for line in mail.split("html=").skip(1) {
        assert!(!line.contains("<b>Vale"), "{line}");
    }
    let read = clinic.get(&format!("/v1/invoices/{case}")).await;
    let page = read["page_url"].as_str().or(read["page"].as_str());
    let page = page.unwrap_or_else(|| panic!("no page in {read}"));
    let shown = pages::show(&clinic.app, &request("GET", page, json!({}), None)).await;
    assert!(
        shown.body.contains("Juniper &lt;b&gt;Vale"),
        "{}",
        shown.body
    );
    assert!(!shown.body.contains("<b>Vale"), "{}", shown.body);
}

#[tokio::test]
async fn every_page_runs_nothing_is_kept_nowhere_and_tells_no_address() {
    let (clinic, case) = paid(false).await;
    let app = &clinic.app;
    let payment = meridian::words::ids::payment_reference(&case, 1);
    let receipt = clinic.get(&format!("/v1/invoices/{case}")).await;
    let receipt = receipt["receipts"][0]["url"]
        .as_str()
        .expect("a receipt")
        .to_owned();
    let done = pages::done_address(app, &clinic.id, &payment)
        .await
        .expect("an address");
    let invoice = pages::invoice_address(app, &clinic.id, &case)
        .await
        .expect("an address");
    for (method, path, status) in [
        ("GET", receipt.as_str(), 200),
        ("GET", &done, 200),
        ("GET", &invoice, 200),
        ("HEAD", &invoice, 200),
        ("GET", "/pay/done", 200),
        ("GET", "/receipts/x.y.z", 404),
        ("POST", &invoice, 405),
    ] {
        let shown = pages::show(app, &request(method, path, json!({}), None)).await;
        assert_eq!(shown.status_code, status, "{method} {path}");
        let header = |name: &str| {
            shown
                .headers
                .get(name)
                .map(String::as_str)
                .unwrap_or_default()
        };
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        for more in ["frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(more), "{path}: {policy}");
        }
        for loose in ["unsafe", "http:", "https:", "*", "data:", "script-src"] {
            assert!(!policy.contains(loose), "{path}: {policy}");
        }
        assert!(header("cache-control").contains("no-store"), "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            !shown.body.contains("<script") && !shown.body.contains("style=\""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_page_of_one_clinic_is_shown_under_its_own_name_alone() {
    let ((mine, case), (other, _)) = (paid(false).await, paid(false).await);
    let app = &mine.app;
    let payment = meridian::words::ids::payment_reference(&case, 1);
    let receipt = mine.get(&format!("/v1/invoices/{case}")).await;
    let receipt = receipt["receipts"][0]["url"]
        .as_str()
        .expect("a receipt")
        .to_owned();
    let done = pages::done_address(app, &mine.id, &payment)
        .await
        .expect("an address");
    let invoice = pages::invoice_address(app, &mine.id, &case)
        .await
        .expect("an address");
    for address in [receipt, done, invoice] {
        let (kind, token) = address.rsplit_once('/').expect("a token");
        let shown = |token: String| {
            let asked = request("GET", &format!("{kind}/{token}"), json!({}), None);
            async move { pages::show(app, &asked).await.status_code }
        };
        assert_eq!(shown(token.into()).await, 200, "{address}");
        let code = token.rsplit('.').next().expect("a code");
        for wrong in [
            token.replace(&mine.id, &other.id),
            token.replace(code, &"0".repeat(code.len())),
            token.replace(code, ""),
            token[..token.len() - 2].to_owned(),
        ] {
            assert_eq!(shown(wrong.clone()).await, 404, "{kind}/{wrong}");
        }
        for other_kind in ["/receipts", "/invoices", "/pay/done"] {
            if !kind.ends_with(other_kind) {
                let asked = request("GET", &format!("{other_kind}/{token}"), json!({}), None);
                assert_eq!(
                    pages::show(app, &asked).await.status_code,
                    404,
                    "{other_kind} {kind}"
                );
            }
        }
    }
}

#[tokio::test]
async fn no_row_holds_a_name_an_address_or_a_service_in_plain() {
    let (clinic, _) = paid(false).await;
    let rows = clinic.rows().await;
    for (place, row) in &rows {
        let text = format!("{place} {row}");
        for secret in ["Juniper", "juniper", "0100142", "Initial visit"] {
            assert!(!text.contains(secret), "{secret} stands in {text}");
        }
    }
    // Whoever reads the table cannot try names and numbers either: no code follows from its text.
    let codes: Vec<_> = rows.keys().filter(|key| key.contains("#find#")).collect();
    assert!(codes.len() > 10, "{codes:?}");
    for text in [
        "juniper",
        "ju",
        "vale",
        "61370100142",
        "100142",
        "juniper@example.org",
    ] {
        for parts in [vec![text], vec!["name", &clinic.id, text]] {
            let digest = hex::encode(ids::digest(&parts));
            let of_text = |key: &&&String| key.contains(&digest[..16]);
            assert!(codes.iter().all(|key| !of_text(&key)), "{text}");
        }
    }
    let answer = clinic.call("GET", "/v1/settings", &Value::Null).await;
    assert_eq!(answer.status, 200);
}
