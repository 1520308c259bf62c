//! The document's example of each request's body, sent to the API: it is accepted as it stands, but
//! for the ids of what a request names.

use crate::money::{happens, pays, reported};
use crate::resolve::{unknown_payment, unknown_refund};
use crate::stack::{Answer, Clinic, app, request, send};
use meridian::api;
use meridian::domain::fact::{Fact, Kind};
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The invoice that the document's examples name.
const INVOICE: &str = "0123456789abcdef";

/// The examples that the served document gives, and which of them were sent.
struct Examples {
    document: Value,
    sent: BTreeSet<String>,
}

impl Examples {
    async fn read() -> Self {
        let asked = request("GET", "/v1/openapi.json", json!({}), None);
        let answer = Box::pin(api::answer(&app(), asked)).await;
        let document = serde_json::from_str(&answer.body).expect("a document");
        let sent = BTreeSet::new();
        Self { document, sent }
    }

    /// The first example of what a route takes.
    fn of(&self, method: &str, route: &str) -> Value {
        let operation = &self.document["paths"][route][method.to_ascii_lowercase()];
        let shape = &operation["requestBody"]["content"]["application/json"]["schema"];
        let to = shape["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
        let shape = to.and_then(|to| self.document.pointer(to)).unwrap_or(shape);
        let example = &shape["examples"][0];
        assert!(!example.is_null(), "{method} {route} has no example");
        example.clone()
    }

    /// Sends the example of a route to this path of it.
    async fn send(&mut self, clinic: &Clinic, method: &str, route: &str, path: &str) -> Answer {
        self.send_of(clinic, method, route, path, INVOICE).await
    }

    /// As [`Self::send`], of an invoice of this id.
    async fn send_of(
        &mut self,
        clinic: &Clinic,
        method: &str,
        route: &str,
        path: &str,
        invoice: &str,
    ) -> Answer {
        let body = self.of(method, route).to_string();
        let body = serde_json::from_str(&body.replace(INVOICE, invoice)).expect("JSON");
        self.sent.insert(format!("{method} {route}"));
        clinic.call(method, path, &body).await
    }

    /// The routes that take a body with fields.
    fn all(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (route, at) in self.document["paths"].as_object().expect("paths") {
            for (method, operation) in at.as_object().expect("methods") {
                let method = method.to_uppercase();
                let takes = !operation["requestBody"].is_null();
                if takes && self.of(&method, route) != json!({}) {
                    all.insert(format!("{method} {route}"));
                }
            }
        }
        all
    }
}

#[tokio::test]
async fn the_example_of_every_request_is_accepted_as_it_stands() {
    let mut examples = Examples::read().await;
    clinics_and_keys(&mut examples).await;
    billing(&mut examples).await;
    findings(&mut examples).await;
    let (sent, all) = (examples.sent.clone(), examples.all());
    assert_eq!(sent, all, "each route that takes a body, and no other");
}

async fn clinics_and_keys(examples: &mut Examples) {
    let new = examples.of("POST", "/v1/clinics");
    let made = send(&app(), "POST", "/v1/clinics", "root_key", "", &new).await;
    let key = made.expect(201)["key"].as_str().expect("a key").to_owned();
    examples.sent.insert("POST /v1/clinics".into());
    let clinic = Clinic {
        id: new["id"].as_str().expect("an id").into(),
        app: app(),
        key,
    };
    let settings = examples.send(&clinic, "PUT", "/v1/settings", "/v1/settings");
    settings.await.expect(200);
    let made = examples.send(&clinic, "POST", "/v1/keys", "/v1/keys").await;
    made.expect(201);
    let route = "/v1/integrations/{vendor}";
    let connected = examples.send(&clinic, "PUT", route, "/v1/integrations/stripe");
    assert_eq!(connected.await.expect(200)["connected"], true);
    clinic.hears(&["own"]).await;
    let route = "/v1/deliveries/replay";
    let told = examples.send(&clinic, "POST", route, route).await;
    told.expect(202);
}

async fn billing(examples: &mut Examples) {
    let clinic = Clinic::new().await;
    let made = examples.send(&clinic, "POST", "/v1/patients", "/v1/patients");
    let patient = made.await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let route = "/v1/patients/{id}/payment-methods";
    let path = route.replace("{id}", &patient);
    let kept = examples.send(&clinic, "POST", route, &path).await;
    kept.expect(201);
    for route in ["/v1/appointment-types", "/v1/appointments", "/v1/invoices"] {
        let made = examples.send(&clinic, "POST", route, route).await;
        made.expect(201);
    }
    let route = "/v1/appointment-types/{id}";
    let path = route.replace("{id}", "initial-45");
    let changed = examples.send(&clinic, "PATCH", route, &path).await;
    changed.expect(200);
    let route = "/v1/appointments/{id}/reschedule";
    let path = route.replace("{id}", "A-77");
    let moved = examples.send(&clinic, "POST", route, &path).await;
    moved.expect(200);
    let route = "/v1/appointments/{id}/cancel";
    let path = route.replace("{id}", "A-77");
    let cancelled = examples.send(&clinic, "POST", route, &path).await;
    cancelled.expect(200);
    let back = clinic.post("/v1/appointments/A-77/restore", Value::Null);
    back.await.expect(200);
    let route = "/v1/appointments/{id}/charges";
    let path = "/v1/appointments/A-77/charges";
    let charged = examples.send(&clinic, "POST", route, path).await;
    charged.expect(202);
    let charged = examples.send(&clinic, "POST", "/v1/charges", "/v1/charges");
    charged.await.expect(202);
    let case = clinic.invoice(Some(&patient)).await;
    let route = "/v1/invoices/{id}/charges";
    let path = route.replace("{id}", &case);
    let charged = examples.send(&clinic, "POST", route, &path).await;
    charged.expect(202);
    let case = clinic.invoice(Some(&patient)).await;
    for what in ["credit-notes", "tenders"] {
        let route = format!("/v1/invoices/{{id}}/{what}");
        let path = route.replace("{id}", &case);
        let made = examples.send(&clinic, "POST", &route, &path).await;
        made.expect(201);
    }
    let case = clinic.invoice(Some(&patient)).await;
    let tender = json!({ "how": "cash" });
    let path = format!("/v1/invoices/{case}/tenders");
    clinic.post(&path, tender).await.expect(201);
    let keep = json!({ "invoice": case, "by": "credit" });
    clinic.post("/v1/refunds", keep).await.expect(202);
    let route = "/v1/patients/{id}/credit/payouts";
    let path = route.replace("{id}", &patient);
    let paid = examples.send(&clinic, "POST", route, &path).await;
    paid.expect(201);
    let (case, _) = clinic.asked_to_pay().await;
    pays(&clinic, &case).await;
    let refunds = "/v1/refunds";
    let refund = examples.send_of(&clinic, "POST", refunds, refunds, &case);
    refund.await.expect(202);
}

async fn findings(examples: &mut Examples) {
    let (clinic, case) = unknown_payment().await;
    let route = "/v1/payments/{id}/resolve";
    let path = route.replace("{id}", &ids::payment_reference(&case, 1));
    let found = examples.send(&clinic, "POST", route, &path).await;
    found.expect(200);
    let (clinic, _, refund) = unknown_refund().await;
    let route = "/v1/refunds/{id}/resolve";
    let path = route.replace("{id}", &refund);
    let found = examples.send(&clinic, "POST", route, &path).await;
    found.expect(200);
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    pays(&clinic, &case).await;
    let fact = Fact {
        payment: Some("pi_1".into()),
        dispute: Some(format!("dp_{case}")),
        amount: Some(Money::new(6000, Currency::read("EUR").expect("a currency"))),
        ..Fact::new(Kind::DisputeOpened)
    };
    let case = happens(&clinic, &case, reported(fact)).await;
    let dispute = case.payments[0].disputes[0].key();
    let route = "/v1/payments/{id}/disputes/{dispute}/resolve";
    let path = route.replace("{id}", &ids::payment_reference(&case.id, 1));
    let path = path.replace("{dispute}", &dispute);
    let found = examples.send(&clinic, "POST", route, &path).await;
    found.expect(200);
}
