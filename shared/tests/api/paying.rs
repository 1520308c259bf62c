//! Our own page to pay on: what messages carry leads there, and from there to the gateway's page.

use crate::money::{happens, opens, page, pays};
use crate::stack::{Clinic, request};
use meridian::domain::case::{OpensBy, Session};
use meridian::domain::event::Event;
use meridian::flows::pages;
use meridian::io::lambda::HttpResponse;
use meridian::words::ids;
use serde_json::json;

/// A path of ours, as a browser asks for it.
async fn path_of(clinic: &Clinic, case: &str) -> String {
    let payment = ids::payment_reference(case, 1);
    let address = pages::pay_address(&clinic.app, &clinic.id, &payment).await;
    let address = address.expect("an address");
    let at = address.find("/pay/").expect("a path");
    address[at..].to_owned()
}

async fn asked(clinic: &Clinic, method: &str, path: &str) -> HttpResponse {
    pages::show(&clinic.app, &request(method, path, json!({}), None)).await
}

fn header<'a>(answer: &'a HttpResponse, name: &str) -> &'a str {
    let headers = &answer.headers;
    headers.get(name).map_or("", String::as_str)
}

#[tokio::test]
async fn a_message_leads_to_our_page_whose_button_leads_to_the_gateways() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    let path = path_of(&clinic, &case).await;
    let (_, early) = page(&clinic, "GET", &path).await;
    assert!(
        early.contains("Please do not pay again"),
        "no page is open yet: {early}"
    );
    opens(&clinic, &case).await;
    let before = clinic.rows().await;
    let shown = asked(&clinic, "GET", &path).await;
    assert_eq!(shown.status_code, 200);
    let (html, policy) = (&shown.body, header(&shown, "content-security-policy"));
    assert!(html.contains("Pay <") && html.contains("60.00"), "{html}");
    assert!(
        !html.contains("pay.example.test/cs_1"),
        "the gateway's address: {html}"
    );
    assert!(html.contains("method=\"post\""), "{html}");
    assert!(policy.contains("form-action 'self' https:;"), "{policy}");
    assert_eq!(asked(&clinic, "HEAD", &path).await.body, "");
    let led = asked(&clinic, "POST", &path).await;
    assert_eq!(led.status_code, 303);
    assert_eq!(header(&led, "location"), "https://pay.example.test/cs_1");
    let after = clinic.rows().await;
    assert_eq!(before, after, "a look and a click write nothing");
    // Nobody else's, no other method, no other kind of page.
    let wrong = format!("{}x", &path[..path.len() - 1]);
    assert_eq!(asked(&clinic, "POST", &wrong).await.status_code, 404);
    assert_eq!(asked(&clinic, "DELETE", &path).await.status_code, 405);
    let other = path.replace("/pay/", "/invoices/");
    assert_eq!(asked(&clinic, "GET", &other).await.status_code, 404);
    assert_eq!(asked(&clinic, "POST", &other).await.status_code, 405);
}

#[tokio::test]
async fn who_has_paid_is_told_so_and_sent_nowhere() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    opens(&clinic, &case).await;
    pays(&clinic, &case).await;
    let path = path_of(&clinic, &case).await;
    for method in ["GET", "POST"] {
        let shown = asked(&clinic, method, &path).await;
        assert_eq!(shown.status_code, 200);
        assert!(shown.body.contains("Thank you"), "{method}: {}", shown.body);
        assert!(!shown.body.contains("<form"), "{method}: {}", shown.body);
    }
}

#[tokio::test]
async fn a_page_that_is_reached_by_a_form_is_posted_to_by_the_payers_browser() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    let session = Session {
        id: "hosted-1".into(),
        opens_by: OpensBy::PostForm {
            to: "https://accept.gateway.test/pay".into(),
            fields: vec![("token".into(), "t\"1".into())],
        },
        expires_at: None,
    };
    let payment = 1;
    happens(&clinic, &case, Event::SessionOpened { payment, session }).await;
    let path = path_of(&clinic, &case).await;
    let shown = asked(&clinic, "GET", &path).await;
    assert!(
        !shown.body.contains("gateway.test"),
        "only who presses Pay is sent there"
    );
    let posted = asked(&clinic, "POST", &path).await;
    assert_eq!(posted.status_code, 200);
    let form = "<form class=\"stack\" method=\"post\" action=\"https://accept.gateway.test/pay\">\
                <input type=\"hidden\" name=\"token\" value=\"t&quot;1\">";
    assert!(posted.body.contains(form), "{}", posted.body);
    let policy = header(&posted, "content-security-policy");
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    let payment = format!("/v1/payments/{}", ids::payment_reference(&case, 1));
    let told = clinic.get(&payment).await;
    assert!(
        told["checkout_url"].is_null(),
        "no address leads there by itself: {told}"
    );
}
