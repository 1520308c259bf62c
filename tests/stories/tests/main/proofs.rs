//! What proves a webhook at each gateway, and what does not.

use crate::clinic::*;
use crate::contracts::alone;
use crate::post::{self, HeldBack, Webhook, deliver, signed, stripe_code};
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

struct Gateway {
    id: &'static str,
    /// The secret that the demo clinic begins with.
    secret: &'static str,
    proof: &'static str,
    accepted: u16,
    refused: u16,
    /// The webhook that tells of a page that was paid on.
    told: &'static str,
}

const STRIPE: Gateway = Gateway {
    id: "stripe",
    secret: "whsec_demo",
    proof: "stripe-signature",
    accepted: 200,
    refused: 401,
    told: "payment_intent.succeeded",
};
const PAYPAL: Gateway = Gateway {
    id: "paypal",
    secret: "WH-DEMO",
    proof: "paypal-transmission-sig",
    accepted: 200,
    refused: 401,
    told: "CHECKOUT.ORDER.APPROVED",
};
const GOCARDLESS: Gateway = Gateway {
    id: "gocardless",
    secret: "gc-demo-secret",
    proof: "webhook-signature",
    accepted: 204,
    refused: 498,
    told: "billing_requests.fulfilled",
};
const MOLLIE: Gateway = Gateway {
    id: "mollie",
    secret: "mollie-demo-secret",
    proof: "x-mollie-signature",
    accepted: 200,
    refused: 401,
    told: "payment.paid",
};
const ALL: [Gateway; 4] = [STRIPE, PAYPAL, GOCARDLESS, MOLLIE];

/// An invoice that was paid on the gateway's page, and the webhook that nobody has delivered yet.
fn untold(stack: &Stack, gateway: &Gateway) -> (String, Webhook) {
    if gateway.id == "mollie" {
        // Signed events go to who asks for them; a payment's own address hears unsigned ones.
        let endpoint = json!({
            "account": "test_demo",
            "url": format!("{}/webhooks/{}/mollie", stack.http, stack.clinic),
            "secret": gateway.secret,
        });
        stack.at_vendor("mollie", "endpoints", &endpoint);
    }
    let case = id(&invoice(stack, &patient(stack), "checkout", gateway.id));
    let page = checkout(stack, &case);
    let held = HeldBack::at(stack, &[gateway.id]);
    pay_on_page(stack, gateway.id, &page);
    let all = held.of(gateway.id);
    let told = all
        .iter()
        .rfind(|w| w.event.contains(gateway.told) && w.header(gateway.proof).is_some())
        .unwrap_or_else(|| panic!("no {} among {all:?}", gateway.told));
    (case, told.clone())
}

/// All that a delivery could change: the invoice, and which events were taken in. Not how these
/// stand: one of an earlier test may wait for its call to be over.
fn state(stack: &Stack, gateway: &Gateway, case: &str) -> (Value, Vec<Value>) {
    stack.quiet();
    let events = stack.get(&format!("/v1/events?source={}", gateway.id));
    let events = events.expect(200)["events"].clone();
    let events = events.as_array().expect("a list").iter();
    let ids = events.map(|event| event["id"].clone()).collect();
    (read_invoice(stack, case), ids)
}

#[track_caller]
fn refused(stack: &Stack, gateway: &Gateway, case: &str, webhook: &Webhook) {
    let before = state(stack, gateway, case);
    let answer = deliver(stack, webhook);
    assert_eq!(
        answer.status, gateway.refused,
        "{}: {webhook:?}",
        gateway.id
    );
    assert_eq!(before, state(stack, gateway, case), "{}", gateway.id);
}

#[track_caller]
fn accepted(stack: &Stack, gateway: &Gateway, webhook: &Webhook) {
    let answer = deliver(stack, webhook);
    assert_eq!(
        answer.status, gateway.accepted,
        "{}: {webhook:?}",
        gateway.id
    );
}

/// Accepted, and the invoice has heard of it.
#[track_caller]
fn posted(stack: &Stack, gateway: &Gateway, case: &str, webhook: &Webhook) {
    let (before, _) = state(stack, gateway, case);
    accepted(stack, gateway, webhook);
    let (after, _) = state(stack, gateway, case);
    assert_ne!(before, after, "{}: {webhook:?}", gateway.id);
}

fn tampered(webhook: &Webhook) -> Webhook {
    let mut other = webhook.clone();
    let middle = other.body.len() / 2;
    other.body[middle] ^= 1;
    other
}

#[test]
fn a_webhook_with_a_changed_byte_or_under_another_secret_is_refused_and_the_true_one_is_posted() {
    let (stack, _alone) = alone();
    for gateway in &ALL {
        let (case, webhook) = untold(stack, gateway);
        let at = post::now(stack);
        refused(stack, gateway, &case, &tampered(&webhook));
        let other = signed(gateway.id, "another secret", at, &webhook);
        refused(stack, gateway, &case, &other);
        let broken = webhook.with(gateway.proof, Some("00".into()));
        refused(stack, gateway, &case, &broken);
        posted(stack, gateway, &case, &webhook);
    }
}

#[test]
fn a_webhook_signed_by_our_own_reading_of_the_documentation_is_posted() {
    let (stack, _alone) = alone();
    for gateway in &ALL {
        let (case, webhook) = untold(stack, gateway);
        let ours = signed(gateway.id, gateway.secret, post::now(stack), &webhook);
        assert_eq!(
            ours.headers.len(),
            webhook.headers.len(),
            "{}: {ours:?}",
            gateway.id
        );
        posted(stack, gateway, &case, &ours);
    }
}

#[test]
fn a_webhook_without_its_signature_is_refused_where_the_gateway_signs_each() {
    let (stack, _alone) = alone();
    for gateway in [STRIPE, PAYPAL, GOCARDLESS] {
        let (case, webhook) = untold(stack, &gateway);
        let bare = webhook.with(gateway.proof, None);
        refused(stack, &gateway, &case, &bare);
    }
}

#[test]
fn an_unsigned_webhook_of_mollie_is_a_hint_and_mollie_itself_is_believed() {
    let (stack, _alone) = alone();
    let (paid, webhook) = untold(stack, &MOLLIE);
    let open = id(&invoice(stack, &patient(stack), "checkout", "mollie"));
    checkout(stack, &open);
    let payment = |case: &str| {
        let read = read_invoice(stack, case);
        let page = read["checkout_url"].as_str().unwrap_or_default().to_owned();
        page.rsplit('/').next().unwrap_or_default().to_owned()
    };
    // The event of the paid one, told of the open one.
    let text = String::from_utf8(webhook.body.clone()).expect("text");
    let claim = Webhook {
        body: text.replace(&payment(&paid), &payment(&open)).into_bytes(),
        ..webhook.with(MOLLIE.proof, None)
    };
    assert_ne!(claim.body, webhook.body);
    accepted(stack, &MOLLIE, &claim);
    let claimed = state(stack, &MOLLIE, &open).0;
    assert_eq!(
        (&claimed["status"], &claimed["paid"]["amount"]),
        (&json!("open"), &json!("0.00"))
    );
    assert_eq!(claimed["receipts"], json!([]));
    posted(stack, &MOLLIE, &paid, &webhook.with(MOLLIE.proof, None));
    assert_eq!(read_invoice(stack, &paid)["status"], "paid");
}

#[test]
fn a_webhook_of_stripe_is_refused_outside_of_five_minutes() {
    let (stack, _alone) = alone();
    let (case, webhook) = untold(stack, &STRIPE);
    // Some seconds pass while this runs.
    for off in [-3600, -310, 310, 3600] {
        let stale = signed("stripe", STRIPE.secret, post::now(stack) + off, &webhook);
        refused(stack, &STRIPE, &case, &stale);
    }
    let within = signed("stripe", STRIPE.secret, post::now(stack) - 270, &webhook);
    posted(stack, &STRIPE, &case, &within);
}

#[test]
fn the_time_of_a_stripe_webhook_is_part_of_what_is_signed() {
    let (stack, _alone) = alone();
    let (case, webhook) = untold(stack, &STRIPE);
    let at = post::now(stack);
    let code = stripe_code(STRIPE.secret, at - 3600, &webhook.body);
    for header in [
        format!("t={at},v1={code}"),
        format!("v1={code}"),
        format!("t={at}"),
    ] {
        let moved = webhook.with(STRIPE.proof, Some(header));
        refused(stack, &STRIPE, &case, &moved);
    }
}

#[test]
fn of_several_signatures_one_that_holds_is_enough() {
    let (stack, _alone) = alone();
    let at = post::now(stack);
    let places: [fn(&str, &str) -> String; 2] = [
        |good, bad| format!("v1={bad},v1={good}"),
        |good, bad| format!("v1={good},v0={bad},v1={bad}"),
    ];
    for place in places {
        let (case, webhook) = untold(stack, &STRIPE);
        let good = stripe_code(STRIPE.secret, at, &webhook.body);
        let bad = stripe_code("another secret", at, &webhook.body);
        let several = |good: &str, bad: &str| {
            let header = format!("t={at},{}", place(good, bad));
            webhook.with(STRIPE.proof, Some(header))
        };
        refused(stack, &STRIPE, &case, &several(&bad, &bad));
        // The former scheme proves nothing, even with the right code.
        let former = format!("t={at},v0={good}");
        refused(
            stack,
            &STRIPE,
            &case,
            &webhook.with(STRIPE.proof, Some(former)),
        );
        posted(stack, &STRIPE, &case, &several(&good, &bad));
    }
}

#[test]
fn a_certificate_from_anywhere_but_paypal_proves_nothing() {
    let (stack, _alone) = alone();
    let (case, webhook) = untold(stack, &PAYPAL);
    let path = "/v1/notifications/certs/CERT-360caa42-fca2a594-5edc0ebc";
    for host in [
        "http://api.paypal.com",
        "https://api.paypal.com.example.test",
        "https://notpaypal.com",
        "https://paypal.com@example.test",
        "https://api.paypal.com:8443",
    ] {
        let elsewhere = webhook.with("paypal-cert-url", Some(format!("{host}{path}")));
        refused(stack, &PAYPAL, &case, &elsewhere);
    }
    let other = webhook.with("paypal-auth-algo", Some("SHA1withRSA".into()));
    refused(stack, &PAYPAL, &case, &other);
    posted(stack, &PAYPAL, &case, &webhook);
}

/// The inbound secret of a gateway, put back at the end.
struct Secret<'a> {
    stack: &'a Stack,
    gateway: &'a Gateway,
}

impl Secret<'_> {
    /// A new version of the secret, which processes without a memory meet.
    fn rotate(&self, to: &str) {
        self.put(to);
        cold(self.stack);
    }

    fn put(&self, to: &str) {
        let inbound = match self.gateway.id {
            "paypal" => json!({ "webhook_id": to, "receiver_email": "clinic@example.test",
                "environment": "sandbox" }),
            _ => json!({ "webhook_secret": to }),
        };
        let path = format!("/v1/integrations/{}", self.gateway.id);
        let body = json!({ "inbound": inbound });
        let put = self.stack.call("PUT", &path, &body, &unique("key"));
        assert_eq!(put.status, 200, "{}", put.text);
    }
}

/// From here on nobody remembers a secret.
fn cold(stack: &Stack) {
    // A message whose process is ended would come back only after its time.
    stack.control("GET", "quiet?timeout=10", &Value::Null);
    stack.control("DELETE", "instances", &Value::Null);
}

impl Drop for Secret<'_> {
    fn drop(&mut self) {
        self.rotate(self.gateway.secret);
    }
}

#[test]
fn a_rotated_secret_still_proves_webhooks_until_the_next_rotation() {
    let (stack, _alone) = alone();
    for gateway in &ALL {
        let (case, webhook) = untold(stack, gateway);
        let by = |secret: &str| signed(gateway.id, secret, post::now(stack), &webhook);
        let secret = Secret { stack, gateway };
        secret.rotate("the second");
        refused(stack, gateway, &case, &by("the third"));
        posted(stack, gateway, &case, &by(gateway.secret));
        accepted(stack, gateway, &by("the second"));
        secret.rotate("the third");
        refused(stack, gateway, &case, &by(gateway.secret));
        accepted(stack, gateway, &by("the second"));
        accepted(stack, gateway, &by("the third"));
    }
}

#[test]
fn a_new_secret_proves_at_once_though_the_former_one_was_read_a_moment_ago() {
    let (stack, _alone) = alone();
    for gateway in &ALL {
        let (_, webhook) = untold(stack, gateway);
        let by = |secret: &str| signed(gateway.id, secret, post::now(stack), &webhook);
        let secret = Secret { stack, gateway };
        cold(stack);
        accepted(stack, gateway, &by(gateway.secret));
        secret.put("the second");
        accepted(stack, gateway, &by("the second"));
    }
}
