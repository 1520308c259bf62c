//! Cliniko's lists, a cancellation, and the address that every call must carry.

use serde_json::json;

use crate::*;

fn asks(method: &str, path: &str) -> Exchange {
    let call = call("cliniko", method, path).header("Authorization", "Basic eDo=");
    call.header("User-Agent", "ClinicBilling (ops@example.com)")
}

#[test]
fn requests() {
    let Some(contracts) = contracts() else { return };
    let list = "/v1/individual_appointments?q%5B%5D=updated_at%3A%3E2026-11-21T00%3A00%3A00Z";
    fits(
        &contracts,
        &asks("GET", &format!("{list}&per_page=100&sort=updated_at%3Aasc")),
    );
    fails(
        &contracts,
        &asks("GET", &format!("{list}&per_page=101")),
        "per_page",
    );
    fails(
        &contracts,
        &asks("GET", &format!("{list}&order=desc")),
        "order",
    );
    fails(
        &contracts,
        &asks("GET", "/v1/individual_appointments?q%5B%5D=name%3A%3Dx"),
        "q[]",
    );
    let nobody = call("cliniko", "GET", list).header("Authorization", "Basic eDo=");
    fails(&contracts, &nobody, "header User-Agent is required");
    let cancels = |body| asks("PATCH", "/v1/individual_appointments/7/cancel").json(body);
    fits(
        &contracts,
        &cancels(json!({"cancellation_reason": 50, "cancellation_note": "x"})),
    );
    fails(
        &contracts,
        &cancels(json!({"cancellation_reason": 51})),
        "/cancellation_reason",
    );
    fails(
        &contracts,
        &asks("POST", "/v1/refunds"),
        "no such operation",
    );
}

#[test]
fn the_fixtures_fit() {
    let Some(contracts) = contracts() else { return };
    for name in [
        "appointments-cancelled-list",
        "appointment-type-get",
        "invoices-list",
    ] {
        let told = fixture(&format!("cliniko/fixtures/{name}.json"));
        let path = told["request"]["path"].as_str().expect("a path");
        let path = path.split('?').next().unwrap_or_default();
        // A file lists its invoices by a filter; the contract has them below their appointment.
        let path = path.replace("/v1/invoices", "/v1/appointments/7/invoices");
        let body = told["response"]["body"].clone();
        fits(&contracts, &asks("GET", &path).reply(200, body.clone()));
        let mut odd = body;
        odd.as_object_mut().expect("an object").clear();
        let problems = contracts.check(&asks("GET", &path).reply(200, odd));
        assert!(!problems.is_empty(), "{name}");
    }
}

#[test]
fn webhooks() {
    let Some(contracts) = contracts() else { return };
    hook_fails(&contracts, "cliniko", &[], "{}", "sends no webhooks");
}
