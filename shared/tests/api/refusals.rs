//! A charge, a refund or a page that acted while its reply was lost, and whose repeat is refused, at
//! each gateway by each refusal that it knows: one effect, one truth, nobody told the contrary.

use crate::money::happens;
use crate::stack::Clinic;
use crate::unclear::{
    before, case, charge_at, gateways, good, refund_of, report, settle, transaction, work,
};
use crate::vendors::{Heard, Said, connect, ok};
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::payment::State;
use meridian::domain::refund;
use meridian::words::ids;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What the gateway does with the calls that change something.
#[derive(Clone, Debug)]
enum Mood {
    ActsAndCuts,
    Refuses(u16, Value),
    Well,
}

/// A gateway that knows what it did: by key, and by our reference.
struct Model {
    gateway: &'static str,
    clinic: String,
    mood: Mood,
    by_key: HashMap<String, Value>,
    /// Our reference and what was made under it, once for each time that it acted.
    made: Vec<(String, Value)>,
}

impl Model {
    fn answer(&mut self, heard: &Heard) -> Said {
        if let Some(shown) = self.read(heard) {
            return ok(shown);
        }
        if let Some(answer) = before(&self.clinic, heard) {
            return answer;
        }
        if heard.what.starts_with("GET ") {
            return ok(self.shown(&heard.what));
        }
        match self.mood.clone() {
            Mood::Refuses(status, body) => Said::Reply(status, body),
            Mood::ActsAndCuts => {
                self.act(heard);
                Said::Cut
            }
            Mood::Well => ok(self.act(heard)),
        }
    }

    /// What Authorize.Net shows, where one address takes all that is asked.
    fn read(&self, heard: &Heard) -> Option<Value> {
        let asked: Value = serde_json::from_str(&heard.body).unwrap_or_default();
        let (operation, of) = asked.as_object()?.iter().next()?;
        let status = |reference: &str| match reference.contains("-r") {
            true => "refundSettledSuccessfully",
            false => "settledSuccessfully",
        };
        let made = self
            .made
            .iter()
            .filter(|(_, made)| made["kind"] == "transactions");
        let lines = made.clone().map(|(reference, made)| {
            json!({
                "transId": made["transactionResponse"]["transId"], "invoiceNumber": reference,
                "transactionStatus": status(reference),
            })
        });
        match operation.as_str() {
            "getUnsettledTransactionListRequest" => {
                let lines: Vec<_> = lines.collect();
                Some(json!({ "messages": good(), "transactions": lines }))
            }
            "getSettledBatchListRequest" => Some(json!({ "messages": good() })),
            "getTransactionDetailsRequest" => {
                let id = of["transId"].as_str()?;
                let of_id =
                    |made: &&(String, Value)| made.1["transactionResponse"]["transId"] == id;
                let reference = made
                    .clone()
                    .find(of_id)
                    .map_or("", |(reference, _)| reference);
                Some(transaction(id, reference, status(reference)))
            }
            _ => None,
        }
    }

    fn act(&mut self, heard: &Heard) -> Value {
        let header = match self.gateway {
            "paypal" => "paypal-request-id",
            _ => "idempotency-key",
        };
        let mut key = heard.header(header).to_owned();
        if self.gateway == "authorizenet" {
            // It takes none: each call acts.
            key = self.made.len().to_string();
        }
        assert!(!key.is_empty(), "{heard:?}");
        if let Some(known) = self.by_key.get(&key) {
            return known.clone();
        }
        let reference = reference(&format!("{} {key}", heard.body));
        let reply = made(self.gateway, heard, &reference);
        self.made.push((reference, reply.clone()));
        self.by_key.insert(key, reply.clone());
        reply
    }

    /// What a look at the gateway shows.
    fn shown(&self, what: &str) -> Value {
        let of = |kind: &str| -> Vec<Value> {
            let all = self.made.iter().map(|(_, made)| made);
            let all = all.map(|made| made.get(kind).unwrap_or(made));
            all.filter(|made| made["kind"] == kind).cloned().collect()
        };
        let list = |data: Vec<Value>| json!({ "object": "list", "has_more": false, "data": data });
        let paid = json!({ "currency": "EUR", "value": "60.00" });
        match (self.gateway, what.rsplit('/').next().unwrap_or_default()) {
            ("stripe", "search") => list(of("payments")),
            ("stripe", "refunds") => list(of("refunds")),
            ("stripe", "disputes") => list(vec![]),
            ("stripe", _) => stripe_intent("pi_0", ""),
            ("gocardless", "events") => json!({ "events": [] }),
            ("gocardless", "refunds") => json!({ "refunds": of("refunds") }),
            ("gocardless", _) => gocardless_payment("PM0", ""),
            ("mollie", "payments") => {
                let all = of("payments");
                json!({ "count": all.len(), "_embedded": { "payments": all }, "_links": {} })
            }
            // Of a page that nobody paid on; it shows nothing else.
            ("adyen", _) => adyen_link("", "active"),
            ("mollie", _) => json!({
                "id": "tr_0", "status": "paid", "amount": paid,
                "_embedded": { "refunds": of("refunds") },
            }),
            _ => json!({
                "id": "CAP0", "status": "PARTIALLY_REFUNDED",
                "amount": { "currency_code": "EUR", "value": "60.00" },
            }),
        }
    }
}

/// Our reference, wherever it stands in what was sent.
fn reference(sent: &str) -> String {
    let found = ["-p1", "-r1"].iter().find_map(|end| sent.find(end));
    let at = found.expect("a reference of ours");
    sent[at - 16..at + 3].to_owned()
}

fn stripe_intent(id: &str, reference: &str) -> Value {
    json!({
        "kind": "payments", "object": "payment_intent", "id": id, "amount": 6000,
        "amount_received": 6000, "currency": "eur", "status": "succeeded",
        "metadata": { "reference": reference },
    })
}

fn gocardless_payment(id: &str, reference: &str) -> Value {
    json!({ "payments": {
        "id": id, "amount": 6000, "currency": "EUR", "status": "confirmed",
        "metadata": { "reference": reference }, "links": { "mandate": "m_1" },
    }})
}

fn adyen_link(reference: &str, status: &str) -> Value {
    json!({
        "id": format!("PL{reference}"), "url": "https://test.adyen.link/PL1", "status": status,
        "reference": reference, "expiresAt": "2030-01-01T00:00:00Z",
    })
}

/// A number for a reference: another for each.
fn made_as(reference: &str) -> u64 {
    let add = |sum: u64, byte: u8| sum.wrapping_mul(31).wrapping_add(u64::from(byte));
    reference.bytes().fold(7, add)
}

/// What each gateway answers to a call that it acts on.
fn made(gateway: &str, heard: &Heard, reference: &str) -> Value {
    let (metadata, what) = (json!({ "reference": reference }), heard.what.as_str());
    let amount = json!({ "currency": "EUR", "value": "60.00" });
    let paypal = json!({ "currency_code": "EUR", "value": "60.00" });
    match gateway {
        "stripe" if what.ends_with("/refunds") => json!({
            "kind": "refunds", "object": "refund", "id": "re_1", "amount": 6000,
            "currency": "eur", "status": "succeeded", "payment_intent": "pi_0",
            "metadata": metadata,
        }),
        "stripe" if what.ends_with("/sessions") => json!({
            "id": format!("cs_{reference}"), "url": "https://checkout.stripe.com/c/1",
            "expires_at": 1_900_000_000,
        }),
        "stripe" => stripe_intent(&format!("pi_{reference}"), reference),
        "gocardless" if what.ends_with("/refunds") => json!({ "refunds": {
            "kind": "refunds", "id": "RF1", "amount": 6000, "currency": "EUR", "status": "paid",
            "metadata": metadata, "links": { "payment": "PM0" },
        }}),
        "gocardless" if what.ends_with("/billing_requests") => json!({ "billing_requests": {
            "id": format!("BRQ{reference}"), "status": "pending", "metadata": metadata,
        }}),
        "gocardless" if what.ends_with("/billing_request_flows") => json!({
            "billing_request_flows": {
                "id": "BRF1", "authorisation_url": "https://pay.gocardless.com/1",
                "links": { "billing_request": format!("BRQ{reference}") },
            },
        }),
        "gocardless" => gocardless_payment(&format!("PM{reference}"), reference),
        "mollie" if what.ends_with("/refunds") => json!({
            "kind": "refunds", "id": "re_1", "status": "refunded", "amount": amount,
            "paymentId": "tr_0", "metadata": metadata,
        }),
        "mollie" if what.ends_with("/customers") => json!({ "id": "cst_1" }),
        "mollie" if heard.body.contains("recurring") => json!({
            "kind": "payments", "id": format!("tr_{reference}"), "status": "paid",
            "amount": amount, "metadata": metadata,
        }),
        "mollie" => json!({
            "id": format!("tr_{reference}"), "status": "open", "amount": amount,
            "metadata": metadata,
            "_links": { "checkout": { "href": "https://www.mollie.com/checkout/1" } },
        }),
        "adyen" if what.ends_with("/refunds") => json!({
            "pspReference": "RFA1", "paymentPspReference": "PSP0", "status": "received",
            "reference": reference,
        }),
        "adyen" if what.ends_with("/paymentLinks") => adyen_link(reference, "active"),
        "adyen" => json!({
            "pspReference": format!("PSP{reference}"), "resultCode": "Authorised",
            "amount": { "currency": "EUR", "value": 6000 }, "merchantReference": reference,
        }),
        "authorizenet" if heard.body.contains("createTransactionRequest") => json!({
            "kind": "transactions", "messages": good(), "transactionResponse": {
                "responseCode": "1", "transId": format!("6{}", made_as(reference)),
            },
        }),
        "authorizenet" => json!({ "messages": good(), "token": format!("t{reference}") }),
        _ if what.ends_with("/refund") => json!({
            "id": "REF1", "status": "COMPLETED", "amount": paypal, "custom_id": reference,
        }),
        _ if heard.body.contains("vault_id") => json!({
            "id": format!("O{reference}"), "status": "COMPLETED", "purchase_units": [{
                "custom_id": reference, "payments": { "captures": [{
                    "id": format!("CAP{reference}"), "status": "COMPLETED", "amount": paypal,
                    "custom_id": reference,
                }]},
            }],
        }),
        _ => json!({
            "id": format!("O{reference}"), "status": "PAYER_ACTION_REQUIRED",
            "links": [{ "rel": "payer-action", "href": "https://www.paypal.com/1" }],
        }),
    }
}

/// Already refunded, amount exceeded, not found, balance, declined, 401, 403, 429: in the gateway's
/// own words.
fn refusals(gateway: &str) -> Vec<(u16, Value)> {
    let stripe = |kind: &str, code: &str| json!({ "error": { "type": kind, "code": code } });
    let gocardless = |kind: &str, reason: &str| json!({ "error": { "type": kind, "errors": [{ "reason": reason }] } });
    let mollie = |title: &str, detail: &str| json!({ "title": title, "detail": detail });
    let adyen = |status: u16, code: &str| {
        let body = json!({
            "status": status, "errorCode": code, "message": "no", "errorType": "validation",
        });
        (status, body)
    };
    let anet = |code: &str, of: Option<(&str, &str)>| {
        let messages =
            json!({ "resultCode": "Error", "message": [{ "code": code, "text": "no" }] });
        let of = of.map(|(response, error)| {
            json!({
                "responseCode": response, "transId": "0",
                "errors": [{ "errorCode": error, "errorText": "no" }],
            })
        });
        (
            200,
            json!({ "messages": messages, "transactionResponse": of }),
        )
    };
    let paypal = |issue: &str| json!({ "name": issue, "details": [{ "issue": issue }] });
    let invalid = "invalid_request_error";
    match gateway {
        "stripe" => vec![
            (400, stripe(invalid, "charge_already_refunded")),
            (
                400,
                json!({ "error": { "type": invalid, "message": "amount exceeds" } }),
            ),
            (404, stripe(invalid, "resource_missing")),
            (400, stripe(invalid, "balance_insufficient")),
            (402, stripe("card_error", "card_declined")),
            (401, stripe(invalid, "api_key_invalid")),
            (403, stripe(invalid, "more_permissions_required")),
            (429, stripe("rate_limit_error", "rate_limit")),
        ],
        "gocardless" => vec![
            (
                422,
                gocardless("invalid_state", "refund_payment_invalid_state"),
            ),
            (
                422,
                gocardless("validation_failed", "total_amount_confirmation_invalid"),
            ),
            (404, gocardless("invalid_api_usage", "resource_not_found")),
            (
                422,
                gocardless("invalid_state", "available_refunds_insufficient"),
            ),
            (422, gocardless("invalid_state", "mandate_is_inactive")),
            (
                401,
                gocardless("invalid_api_usage", "access_token_not_found"),
            ),
            (403, gocardless("invalid_api_usage", "forbidden")),
            (429, gocardless("invalid_api_usage", "rate_limit_exceeded")),
        ],
        "mollie" => vec![
            (
                409,
                mollie("Conflict", "a duplicate refund has been detected"),
            ),
            (
                422,
                mollie(
                    "Unprocessable Entity",
                    "the amount is higher than the maximum",
                ),
            ),
            (
                404,
                mollie("Not Found", "no payment exists with token tr_0"),
            ),
            (422, mollie("Unprocessable Entity", "not enough balance")),
            (
                422,
                json!({ "title": "Unprocessable Entity", "detail": "x", "field": "mandateId" }),
            ),
            (
                401,
                mollie("Unauthorized Request", "missing authentication"),
            ),
            (403, mollie("Forbidden", "not allowed")),
            (429, mollie("Too Many Requests", "slow down")),
        ],
        // A card is declined in an answer that is no error, which a repeat under its key gives again.
        "adyen" => vec![
            adyen(422, "137"),
            adyen(422, "167"),
            adyen(422, "704"),
            adyen(401, "000"),
            adyen(403, "901"),
            adyen(404, "000"),
            adyen(429, "000"),
        ],
        "authorizenet" => vec![
            anet("E00027", Some(("3", "54"))),
            anet("E00027", Some(("3", "55"))),
            anet("E00027", Some(("3", "11"))),
            anet("E00027", Some(("2", "2"))),
            anet("E00003", None),
            anet("E00007", None),
            anet("E00040", None),
            anet("E00104", None),
            anet("E00001", None),
        ],
        _ => vec![
            (422, paypal("CAPTURE_FULLY_REFUNDED")),
            (422, paypal("REFUND_AMOUNT_EXCEEDED")),
            (404, paypal("RESOURCE_NOT_FOUND")),
            (422, paypal("REFUND_FAILED_INSUFFICIENT_FUNDS")),
            (422, paypal("INSTRUMENT_DECLINED")),
            (401, json!({ "error": "invalid_token" })),
            (403, paypal("NOT_AUTHORIZED")),
            (429, paypal("RATE_LIMIT_REACHED")),
        ],
    }
}

async fn model(gateway: &'static str) -> (Clinic, Arc<Mutex<Model>>) {
    let clinic = Clinic::new().await;
    let model = Arc::new(Mutex::new(Model {
        gateway,
        clinic: clinic.id.clone(),
        mood: Mood::Well,
        by_key: HashMap::new(),
        made: vec![],
    }));
    let desk = model.clone();
    let script = move |heard: &Heard| desk.lock().expect("a model").answer(heard);
    connect(&clinic, gateway, script).await;
    (clinic, model)
}

fn is(model: &Mutex<Model>, mood: Mood) {
    model.lock().expect("a model").mood = mood;
}

/// How often the gateway acted under this reference.
fn acted(model: &Mutex<Model>, reference: &str) -> usize {
    let model = model.lock().expect("a model");
    model.made.iter().filter(|(of, _)| of == reference).count()
}

#[tokio::test]
async fn a_charge_that_acted_is_paid_once_whatever_its_repeat_is_answered() {
    for gateway in gateways() {
        let (clinic, model) = model(gateway).await;
        for (status, body) in refusals(gateway) {
            let what = format!("{gateway} {status} {body}");
            let id = charge_at(&clinic, gateway).await;
            is(&model, Mood::ActsAndCuts);
            work(&clinic, &id, "p1").await;
            is(&model, Mood::Refuses(status, body));
            settle(&clinic, &id, None).await;
            let state = case(&clinic, &id).await.payments[0].state;
            assert!(
                matches!(state, State::Unknown | State::Paid),
                "{what}: {state:?}"
            );
            is(&model, Mood::Well);
            if state == State::Unknown {
                let came = Fact {
                    reference: Some(ids::payment_reference(&id, 1)),
                    payment: Some(format!("X{id}")),
                    ..Fact::new(Kind::PaymentSucceeded)
                };
                happens(&clinic, &id, report(gateway, came)).await;
            }
            let now = case(&clinic, &id).await;
            assert_eq!(now.payments[0].state, State::Paid, "{what}");
            assert_eq!(now.paid().minor, 6000, "{what}");
            assert_eq!(acted(&model, &ids::payment_reference(&id, 1)), 1, "{what}");
        }
    }
}

#[tokio::test]
async fn a_refund_that_acted_is_given_back_once_whatever_its_repeat_is_answered() {
    for gateway in gateways() {
        let (clinic, model) = model(gateway).await;
        for (status, body) in refusals(gateway) {
            let what = format!("{gateway} {status} {body}");
            let id = charge_at(&clinic, gateway).await;
            let capture = match gateway {
                "stripe" => "pi_0",
                "gocardless" => "PM0",
                "mollie" => "tr_0",
                "adyen" => "PSP0",
                "authorizenet" => "6000",
                _ => "CAP0",
            };
            refund_of(&clinic, &id, gateway, capture).await;
            is(&model, Mood::ActsAndCuts);
            work(&clinic, &id, "r1").await;
            is(&model, Mood::Refuses(status, body));
            settle(&clinic, &id, Some(1)).await;
            let now = case(&clinic, &id).await;
            let state = now.payments[0].refunds[0].state;
            let known = [refund::State::Unknown, refund::State::Succeeded];
            assert!(known.contains(&state), "{what}: {state:?}");
            assert_eq!(
                now.refundable().minor,
                0,
                "{what}: nothing may go a second time"
            );
            is(&model, Mood::Well);
            if state == refund::State::Unknown {
                let went = Fact {
                    reference: Some(ids::refund_reference(&id, 1)),
                    payment: Some(capture.into()),
                    refund: Some(format!("X{id}")),
                    amount: Some(now.payments[0].amount),
                    ..Fact::new(Kind::RefundSucceeded)
                };
                happens(&clinic, &id, report(gateway, went)).await;
            }
            let now = case(&clinic, &id).await;
            assert_eq!(now.refunded().minor, 6000, "{what}");
            assert_eq!(acted(&model, &ids::refund_reference(&id, 1)), 1, "{what}");
        }
    }
}

#[tokio::test]
async fn a_page_that_was_opened_is_opened_once_whatever_its_repeat_is_answered() {
    for gateway in gateways() {
        let (clinic, model) = model(gateway).await;
        for (status, body) in refusals(gateway) {
            let what = format!("{gateway} {status} {body}");
            let id = clinic.invoice(None).await;
            let path = format!("/v1/invoices/{id}/charges");
            let page = json!({ "collect": "checkout", "gateway": gateway });
            clinic.post(&path, page).await.expect(202);
            is(&model, Mood::ActsAndCuts);
            work(&clinic, &id, "p1").await;
            is(&model, Mood::Refuses(status, body));
            work(&clinic, &id, "p1").await;
            let now = case(&clinic, &id).await;
            let state = now.payments[0].state;
            // A decline is the payer's: nobody was sent to that page yet.
            assert_eq!(state, State::Open, "{what}");
            is(&model, Mood::Well);
            work(&clinic, &id, "p1").await;
            let now = case(&clinic, &id).await;
            let payment = &now.payments[0];
            assert!(payment.open_page().is_some(), "{what}: {payment:#?}");
            // One opens by two calls, another by none before the payer presses.
            let calls = match gateway {
                "gocardless" => 2,
                "authorizenet" => 0,
                _ => 1,
            };
            let acted = acted(&model, &ids::payment_reference(&id, 1));
            assert_eq!(acted, calls, "{what}");
        }
    }
}
