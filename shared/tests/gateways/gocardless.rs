//! GoCardless: pages opened in two steps, debits that fail late, batches of events in any order.

use crate::*;
use meridian::contract::{Complete, KeyPlace, LostReply, Notice};
use meridian::domain::case::Session;
use meridian::domain::fact::Decline;
use meridian::domain::{dispute, payment, refund};
use meridian::vendors::gocardless::GATEWAY;
use serde_json::json as object;

const SECRET: &str = "gc-demo-secret";

fn outbound() -> Account {
    account(GATEWAY.vendor.fields, &[("access_token", "sandbox_demo")])
}

fn hooks() -> Account {
    account(GATEWAY.vendor.inbound, &[("webhook_secret", SECRET)])
}

fn mandate() -> Method {
    Method {
        gateway: "gocardless".into(),
        customer: Some("CU1".into()),
        token: "MD1".into(),
        label: "Bank account".into(),
    }
}

fn debit(status: &str) -> Value {
    object!({"payments": {"id": "PM1", "created_at": "2026-03-14T10:00:00.000Z", "status": status,
        "amount": 10000, "currency": "EUR", "metadata": {"reference": reference()},
        "links": {"mandate": "MD1", "creditor": "CR1"}}})
}

fn refund_of(status: &str) -> Value {
    object!({"id": "RF1", "created_at": "2026-03-14T10:00:00.000Z", "status": status,
        "amount": 2500, "currency": "EUR", "metadata": {}, "links": {"payment": "PM1"}})
}

fn failed(status: u16, kind: &str, reason: &str, links: Value) -> Reply {
    json(
        status,
        object!({"error": {"message": "no", "documentation_url": "https://x", "type": kind,
            "request_id": "r", "code": status,
            "errors": [{"message": "no", "reason": reason, "links": links}]}}),
    )
}

fn conflict(id: &str) -> Reply {
    let links = object!({"conflicting_resource_id": id});
    failed(409, "invalid_state", "idempotent_creation_conflict", links)
}

fn event(kind: &str, action: &str, links: Value, details: Value) -> Value {
    object!({"id": format!("EV{kind}{action}"), "created_at": "2026-03-14T10:00:00.000Z",
        "resource_type": kind, "action": action, "links": links, "details": details,
        "metadata": {}})
}

/// The event, as of that day of March.
fn on(day: u32, mut event: Value) -> Value {
    event["created_at"] = format!("2026-03-{day:02}T10:00:00.000Z").into();
    event
}

fn hint(id: &str) -> Result<Notice, Unreadable> {
    Ok(Notice::Hint { payment: id.into() })
}

fn of_payment(action: &str, cause: &str) -> Value {
    let links = object!({"payment": "PM1"});
    event(
        "payments",
        action,
        links,
        object!({"origin": "bank", "cause": cause}),
    )
}

/// The items of a signed batch.
fn items(events: &[Value]) -> Vec<Item> {
    let body = object!({"events": events, "meta": {"webhook_id": "WB1"}}).to_string();
    let code = hex_code(SECRET, &body);
    let headers = [("webhook-signature", code.as_str())];
    read(inbound(&GATEWAY), &hooks(), &headers, &body).expect("a batch")
}

fn fact(event: Value) -> Fact {
    match items(&[event]).remove(0).notice {
        Ok(Notice::Fact(fact)) => *fact,
        other => panic!("{other:?} is no fact"),
    }
}

fn looked_up(status: &str, refunds: &[Value], events: &[Value]) -> Vec<Fact> {
    let meta = object!({"cursors": {"before": null, "after": null}, "limit": 500});
    let replies = [
        json(200, debit(status)),
        json(200, object!({"refunds": refunds, "meta": meta})),
        json(200, object!({"events": events, "meta": meta})),
    ];
    let ask = lookup(Some("PM1"), None);
    let (requests, told) = talked(*GATEWAY.lookup.yes().unwrap(), &ask, &outbound(), &replies);
    assert_eq!(requests.len(), replies.len());
    for (request, reply) in requests.iter().zip(&replies) {
        fits(&GATEWAY, &outbound(), request, Some(reply));
    }
    whole(told).expect("it is read")
}

fn debit_sent() -> Case {
    sent(
        &GATEWAY,
        mandate(),
        looked_up("pending_submission", &[], &[]),
    )
}

// ---- calls -------------------------------------------------------------------------------------

fn open(replies: &[Reply]) -> (Vec<Request>, Result<Session, Trouble>) {
    let opening = GATEWAY.checkout.yes().unwrap();
    let (requests, page) = talked(opening.open, &checkout(true), &outbound(), replies);
    for (request, reply) in requests.iter().zip(replies) {
        fits(&GATEWAY, &outbound(), request, Some(reply));
    }
    (requests, page)
}

fn made() -> Value {
    object!({"billing_requests": {"id": "BRQ1", "status": "pending",
        "created_at": "2026-03-14T10:00:00.000Z", "links": {}}})
}

fn flow() -> Value {
    object!({"billing_request_flows": {"id": "BRF1", "expires_at": "2026-03-21T10:00:00.000Z",
        "authorisation_url": "https://pay.gocardless.com/flow/1",
        "created_at": "2026-03-14T10:00:00.000Z", "links": {"billing_request": "BRQ1"}}})
}

#[test]
fn a_page_is_opened_in_two_steps() {
    let (requests, page) = open(&[json(201, made()), json(201, flow())]);
    let sent = &body(&requests[0])["billing_requests"];
    assert_eq!(requests[0].path, "/billing_requests");
    assert_eq!(sent["mandate_request"]["currency"], "EUR");
    assert_eq!(sent["metadata"]["reference"], reference());
    let sent = &body(&requests[1])["billing_request_flows"];
    assert_eq!(sent["links"]["billing_request"], "BRQ1");
    assert_eq!(sent["redirect_uri"], "https://pay.example/pay/done");
    let page = page.expect("a page");
    assert_eq!(
        (page.id.as_str(), page.opens_by.address()),
        ("BRQ1", "https://pay.gocardless.com/flow/1")
    );
    assert_eq!(
        page.expires_at,
        Some("2026-03-21T10:00:00Z".parse().unwrap())
    );
}

#[test]
fn a_repeated_opening_goes_on_with_what_the_first_round_made() {
    let replies = [conflict("BRQ1"), conflict("BRF1"), json(200, flow())];
    let (requests, page) = open(&replies);
    let sent = &body(&requests[1])["billing_request_flows"];
    assert_eq!(sent["links"]["billing_request"], "BRQ1");
    assert_eq!(
        requests[2].path,
        "/billing_request_flows/BRF1/actions/initialise"
    );
    assert_eq!(page.expect("a page").id, "BRQ1");
    for odd in [
        vec![conflict("a/b")],
        vec![conflict("BRQ1"), conflict("a b")],
    ] {
        let opening = GATEWAY.checkout.yes().unwrap();
        let (requests, page) = talked(opening.open, &checkout(true), &outbound(), &odd);
        assert_eq!(requests.len(), odd.len(), "what is no id is asked nowhere");
        assert!(matches!(page, Err(Trouble::Unreadable(_))), "{page:?}");
    }
}

#[test]
fn a_mandate_is_charged_and_the_debit_is_on_its_way() {
    let call = GATEWAY.charge.yes().unwrap();
    let ask = charge(mandate());
    let request = built(call.build, &ask, &outbound()).unwrap();
    let sent = &body(&request)["payments"];
    assert_eq!(sent["amount"], 10_000);
    assert_eq!(sent["links"]["mandate"], "MD1");
    assert_eq!(sent["metadata"]["reference"], reference());
    assert_eq!(sent["retry_if_possible"], false);
    let reply = json(201, debit("pending_submission"));
    fits(&GATEWAY, &outbound(), &request, Some(&reply));
    let facts = (call.parse)(&ask, &reply, &outbound()).unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].kind, Kind::PaymentPending);
    assert_eq!(facts[0].payment.as_deref(), Some("PM1"));
    assert_eq!(facts[0].reference, Some(reference()));
    assert_eq!(facts[0].amount, Some(eur(10_000)));
}

#[test]
fn an_approval_is_completed_on_its_mandate_and_never_without_one() {
    let call = GATEWAY.complete.yes().unwrap();
    let ask = |method| Complete {
        reference: reference(),
        amount: eur(10_000),
        label: "Wattle Street Clinic, invoice 7".into(),
        session: "BRQ1".into(),
        method,
    };
    let request = built(call.build, &ask(Some(mandate())), &outbound()).unwrap();
    assert_eq!(body(&request)["payments"]["links"]["mandate"], "MD1");
    assert!(built(call.build, &ask(None), &outbound()).is_err());
}

#[test]
fn a_refund_confirms_the_total() {
    let call = GATEWAY.refund.yes().unwrap();
    let ask = refund("PM1");
    let request = built(call.build, &ask, &outbound()).unwrap();
    let sent = &body(&request)["refunds"];
    assert_eq!(
        (&sent["amount"], &sent["total_amount_confirmation"]),
        (&2_500.into(), &4_000.into())
    );
    assert_eq!(sent["metadata"]["reference"], ask.reference);
    for (status, kind) in [
        ("created", Kind::RefundPending),
        ("pending_submission", Kind::RefundPending),
        ("submitted", Kind::RefundPending),
        ("paid", Kind::RefundSucceeded),
        ("cancelled", Kind::RefundFailed),
        ("bounced", Kind::RefundFailed),
        ("funds_returned", Kind::RefundFailed),
    ] {
        let reply = json(201, object!({"refunds": refund_of(status)}));
        fits(&GATEWAY, &outbound(), &request, Some(&reply));
        let facts = (call.parse)(&ask, &reply, &outbound()).unwrap();
        assert_eq!(
            (facts[0].kind, facts[0].amount),
            (kind, Some(eur(2_500))),
            "{status}"
        );
        assert_eq!(facts[0].payment.as_deref(), Some("PM1"));
        assert_eq!(facts[0].refund.as_deref(), Some("RF1"));
    }
    let odd = json(201, object!({"refunds": refund_of("lost")}));
    let trouble = (call.parse)(&ask, &odd, &outbound()).unwrap_err();
    assert!(matches!(trouble, Trouble::Unreadable(_)), "{trouble}");
}

#[test]
fn every_refusal_says_whether_money_may_have_moved() {
    let call = GATEWAY.charge.yes().unwrap();
    let parse = |reply: &Reply| (call.parse)(&charge(mandate()), reply, &outbound());
    let none = || object!({});
    let said = |status, kind, reason| parse(&failed(status, kind, reason, none())).unwrap_err();
    assert_eq!(
        parse(&conflict("PM9")).unwrap_err(),
        Trouble::Exists("PM9".into())
    );
    assert_eq!(
        said(409, "invalid_state", "another_request_running"),
        Trouble::InFlight
    );
    let gone = said(422, "invalid_state", "mandate_is_inactive");
    assert_eq!(gone, Trouble::Declined(Decline::Method));
    let total = said(422, "invalid_state", "total_amount_confirmation_invalid");
    assert!(
        matches!(total, Trouble::Stale(_)) && !total.may_have_happened(),
        "{total}"
    );
    let refused = said(422, "validation_failed", "amount_too_small");
    assert_eq!(
        refused,
        Trouble::Rejected("validation_failed, amount_too_small".into())
    );
    assert!(matches!(
        said(401, "invalid_api_usage", "access_token_revoked"),
        Trouble::Credentials(_)
    ));
    assert_eq!(
        said(404, "invalid_api_usage", "resource_not_found"),
        Trouble::Missing
    );
    assert_eq!(
        said(429, "invalid_api_usage", "rate_limit_exceeded"),
        Trouble::busy(30)
    );
    assert!(said(500, "gocardless", "internal_error").may_have_happened());
    stays_unclear(parse);
}

#[test]
fn official_errors_are_read() {
    let call = GATEWAY.refund.yes().unwrap();
    let parse = |status, body| (call.parse)(&refund("PM1"), &json(status, body), &outbound());
    let file = |name: &str| official(&format!("gocardless/fixtures/{name}.json"));
    let Some(conflict) = file("idempotent_creation_conflict_invalid_state_error") else {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        return;
    };
    assert_eq!(parse(409, conflict), Err(Trouble::Exists("ID123".into())));
    let refused = |text: &str| Err(Trouble::Rejected(text.into()));
    let body = file("validation_failed_error").unwrap();
    assert_eq!(
        parse(422, body),
        refused("validation_failed, branch_code, country_code")
    );
    let body = file("invalid_state_error").unwrap();
    assert_eq!(
        parse(422, body),
        refused("invalid_state, mandate_not_inactive")
    );
    let body = file("invalid_api_usage_error").unwrap();
    assert_eq!(parse(400, body), refused("invalid_api_usage"));
    let body = file("gocardless_error").unwrap();
    assert!(parse(500, body).unwrap_err().may_have_happened());
    let body = file("refunds").unwrap()["create"]["body"].clone();
    assert_eq!(parse(201, body).unwrap()[0].kind, Kind::RefundPending);
}

#[test]
fn lost_replies_are_repeated_under_the_same_key() {
    let refund = &GATEWAY.refund.yes().unwrap().lost_reply;
    let LostReply::SameKey { key, .. } = refund else {
        panic!("a refund must not be sent under a new key")
    };
    assert_eq!(key.place, KeyPlace::Header("Idempotency-Key"));
    assert!(key.spelled(&format!("{}-page-3", reference())).is_ok());
}

#[test]
fn test_tokens_go_to_the_test_host() {
    let live = account(GATEWAY.vendor.fields, &[("access_token", "live_x")]);
    let host = |account: &Account| base(&GATEWAY.vendor.host, account);
    assert_eq!(host(&live), "https://api.gocardless.com");
    assert_eq!(host(&outbound()), "https://api-sandbox.gocardless.com");
}

// ---- look-ups ----------------------------------------------------------------------------------

#[test]
fn a_payments_status_and_history_say_what_became_of_it() {
    let had = |actions: &[&str]| -> Vec<Value> {
        actions
            .iter()
            .map(|action| of_payment(action, "insufficient_funds"))
            .collect()
    };
    let kinds = |status: &str, actions: &[&str]| -> Vec<Kind> {
        let facts = looked_up(status, &[], &had(actions));
        facts.iter().map(|fact| fact.kind).collect()
    };
    for status in [
        "pending_customer_approval",
        "pending_submission",
        "submitted",
    ] {
        assert_eq!(
            kinds(status, &["created"]),
            [Kind::PaymentPending],
            "{status}"
        );
    }
    for status in ["confirmed", "paid_out"] {
        assert_eq!(
            kinds(status, &["confirmed"]),
            [Kind::PaymentSucceeded],
            "{status}"
        );
    }
    for status in ["failed", "cancelled", "customer_approval_denied"] {
        assert_eq!(
            kinds(status, &["failed"]),
            [Kind::PaymentFailed],
            "{status}"
        );
    }
    // Its events are listed a moment later than it ends.
    assert_eq!(kinds("failed", &["created"]), [Kind::PaymentFailed]);
    assert_eq!(
        kinds("failed", &["failed", "confirmed"]),
        [Kind::PaymentReturned]
    );
    let back = [Kind::PaymentSucceeded, Kind::DisputeOpened];
    assert_eq!(kinds("charged_back", &["charged_back"]), back);
    let lost = [Kind::PaymentSucceeded, Kind::DisputeLost];
    assert_eq!(kinds("charged_back", &["chargeback_settled"]), lost);
    let won = [Kind::PaymentSucceeded, Kind::DisputeWon];
    assert_eq!(kinds("confirmed", &["chargeback_cancelled"]), won);
    let why = looked_up("failed", &[], &had(&["failed"]))[0].decline;
    assert_eq!(why, Some(Decline::Funds));
}

#[test]
fn a_status_that_nobody_knows_is_an_error_and_not_a_guess() {
    let read = *GATEWAY.lookup.yes().unwrap();
    let list = |name: &str| json(200, object!({name: [], "meta": {"cursors": {}}}));
    let replies = [
        json(200, debit("teleported")),
        list("refunds"),
        list("events"),
    ];
    let answer = heard(read, &lookup(Some("PM1"), None), &outbound(), &replies);
    assert!(matches!(answer, Err(Trouble::Unreadable(_))), "{answer:?}");
}

#[test]
fn a_payment_comes_with_its_refunds() {
    let facts = looked_up("paid_out", &[refund_of("paid")], &[]);
    assert_eq!(facts[1].kind, Kind::RefundSucceeded);
    assert_eq!(facts[1].amount, Some(eur(2_500)));
}

fn request_looked_up(status: &str, links: Value, resources: Value) -> Vec<Fact> {
    let read = *GATEWAY.lookup.yes().unwrap();
    let ask = lookup(None, Some("BRQ1"));
    let request = first(read, &ask, &outbound());
    assert_eq!(request.path, "/billing_requests/BRQ1");
    let reply = json(
        200,
        object!({"billing_requests": {"id": "BRQ1", "status": status,
        "created_at": "2026-03-14T10:00:00.000Z", "links": links, "resources": resources,
        "metadata": {"reference": reference()}}}),
    );
    fits(&GATEWAY, &outbound(), &request, Some(&reply));
    whole(heard(read, &ask, &outbound(), &[reply])).unwrap()
}

#[test]
fn a_session_is_looked_up_by_its_billing_request() {
    for status in ["pending", "ready_to_fulfil"] {
        let open = request_looked_up(status, object!({}), object!({}));
        assert_eq!(open, [], "nobody has agreed to it");
    }
    let request_looked_up = |status: &str, links, resources| {
        let mut told = request_looked_up(status, links, resources);
        told.remove(0)
    };
    let under_way = request_looked_up("fulfilling", object!({}), object!({}));
    assert_eq!(under_way.kind, Kind::PaymentPending);
    assert!(!under_way.approved);
    let links = object!({"customer": "CU1", "mandate_request_mandate": "MD1"});
    let bank = object!({"customer_bank_account": {"id": "BA1", "account_number_ending": "11"}});
    let done = request_looked_up("fulfilled", links, bank);
    assert_eq!((done.kind, done.approved), (Kind::PaymentPending, true));
    assert_eq!(done.method, Some(mandate()));
    assert_eq!(done.paid_with.as_deref(), Some("Bank account ending 11"));
    assert_eq!(
        (done.aliases, done.payment),
        (vec!["BRQ1".to_string()], None)
    );
    let gone = request_looked_up("cancelled", object!({}), object!({}));
    assert_eq!(
        (gone.kind, gone.decline),
        (Kind::PaymentFailed, Some(Decline::Cancelled))
    );
}

#[test]
fn without_an_id_nothing_is_claimed() {
    let read = *GATEWAY.lookup.yes().unwrap();
    let (asked, answer) = talked(read, &lookup(None, None), &outbound(), &[]);
    assert_eq!(asked, []);
    assert!(matches!(answer, Err(Trouble::Unclear(_))), "{answer:?}");
}

#[test]
fn a_refund_that_came_without_its_payment_is_fetched_by_itself() {
    let hint = items(&[event(
        "refunds",
        "paid",
        object!({"refund": "RF1"}),
        object!({}),
    )]);
    let expected = Notice::Hint {
        payment: "RF1".into(),
    };
    assert_eq!(hint[0].notice, Ok(expected));
    let read = *GATEWAY.lookup.yes().unwrap();
    let ask = lookup(Some("RF1"), None);
    let request = first(read, &ask, &outbound());
    let reply = json(200, object!({"refunds": refund_of("paid")}));
    fits(&GATEWAY, &outbound(), &request, Some(&reply));
    let fact = whole(heard(read, &ask, &outbound(), &[reply]))
        .unwrap()
        .remove(0);
    assert_eq!(
        (fact.payment.as_deref(), fact.refund.as_deref()),
        (Some("PM1"), Some("RF1"))
    );
}

// ---- proofs ------------------------------------------------------------------------------------

#[test]
fn a_signed_batch_is_proven_and_anything_else_is_not() {
    let text = object!({"events": []}).to_string();
    let code = hex_code(SECRET, &text);
    let tried = |headers: &[(&str, &str)], body: &str| {
        proven(inbound(&GATEWAY), &delivery(headers, body), &hooks())
    };
    assert_eq!(tried(&[("Webhook-Signature", &code)], &text), Ok(true));
    assert_eq!(
        tried(&[("webhook-signature", &code.to_uppercase())], &text),
        Ok(true)
    );
    assert_eq!(
        tried(&[("webhook-signature", &code)], &format!("{text} ")),
        Err(Refused::Forged)
    );
    assert_eq!(tried(&[], &text), Err(Refused::NoProof));
    assert_eq!(
        tried(&[("webhook-signature", "not hex")], &text),
        Err(Refused::NoProof)
    );
    assert_eq!(
        tried(&[("webhook-signature", "")], &text),
        Err(Refused::Forged)
    );
    let other = hex_code("another secret", &text);
    assert_eq!(
        tried(&[("webhook-signature", &other)], &text),
        Err(Refused::Forged)
    );
    assert_eq!(
        tried(&[("webhook-signature", &code[..62])], &text),
        Err(Refused::Forged)
    );
    let (door, any) = (inbound(&GATEWAY).door, super::delivery(&[], &text));
    let answer = (door.answer)(&any, &account(&[], &[]));
    assert_eq!((door.refused, answer.status), (498, 204));
}

#[test]
fn an_account_without_its_secret_proves_nothing() {
    let nobody = account(&[], &[]);
    let code = hex_code("", "{}");
    let delivery = delivery(&[("webhook-signature", &code)], "{}");
    assert_eq!(
        proven(inbound(&GATEWAY), &delivery, &nobody),
        Err(Refused::Forged)
    );
}

#[test]
fn the_vendors_own_vector_holds() {
    let Some(vectors) = official("known-answers.json") else {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        return;
    };
    let known = &vectors["gocardless_sdk_test"];
    let text = |name: &str| known[name].as_str().unwrap();
    let theirs = account(&[], &[("webhook_secret", text("secret"))]);
    let headers = [("webhook-signature", text("signature"))];
    let items = read(inbound(&GATEWAY), &theirs, &headers, text("body")).unwrap();
    let ids: Vec<_> = items.iter().map(|item| item.id.as_deref()).collect();
    assert_eq!(ids, [Some("EV00BD05S5VM2T"), Some("EV00BD05TB8K63")]);
    assert!(
        items
            .iter()
            .all(|item| item.notice == Ok(Notice::Ignored(Kind::Other)))
    );
}

// ---- webhooks ----------------------------------------------------------------------------------

#[test]
fn each_payment_event_says_its_kind() {
    for (action, kind) in [
        ("created", Kind::PaymentPending),
        ("customer_approval_granted", Kind::PaymentPending),
        ("submitted", Kind::PaymentPending),
        ("resubmission_requested", Kind::PaymentPending),
        ("confirmed", Kind::PaymentSucceeded),
        ("paid_out", Kind::Settled),
        ("failed", Kind::PaymentFailed),
        ("cancelled", Kind::PaymentFailed),
        ("customer_approval_denied", Kind::PaymentFailed),
        ("charged_back", Kind::DisputeOpened),
        ("chargeback_cancelled", Kind::DisputeWon),
        ("chargeback_settled", Kind::DisputeLost),
    ] {
        let said = fact(of_payment(action, "other"));
        assert_eq!(
            (said.kind, said.payment.as_deref()),
            (kind, Some("PM1")),
            "{action}"
        );
        assert_eq!(
            said.decline.is_some(),
            kind == Kind::PaymentFailed,
            "{action}"
        );
        let disputed = matches!(
            kind,
            Kind::DisputeOpened | Kind::DisputeWon | Kind::DisputeLost
        );
        assert_eq!(said.dispute.is_some(), disputed, "{action}");
        assert_eq!(
            said.occurred_at,
            Some("2026-03-14T10:00:00Z".parse().unwrap())
        );
    }
}

#[test]
fn the_cause_of_a_failure_decides_what_follows_and_a_reason_code_does_not() {
    let why = |cause: &str| fact(of_payment("failed", cause)).decline;
    assert_eq!(why("insufficient_funds"), Some(Decline::Funds));
    for cause in [
        "account_blocked_for_any_financial_transaction",
        "bank_account_closed",
        "bank_account_disabled",
        "bank_account_transferred",
        "direct_debit_not_enabled",
        "initial_one_off_payment_failed",
        "invalid_bank_details",
        "mandate_cancelled",
        "mandate_expired",
        "mandate_suspended_by_payer",
    ] {
        assert_eq!(why(cause), Some(Decline::Method), "{cause}");
    }
    for cause in [
        "payment_stopped",
        "authorisation_disputed",
        "refund_requested",
        "return_on_odfi_request",
    ] {
        assert_eq!(why(cause), Some(Decline::Cancelled), "{cause}");
    }
    assert_eq!(why("refer_to_payer"), Some(Decline::Funds));
    assert_eq!(why("daily_payment_limit_reached"), Some(Decline::Funds));
    assert_eq!(
        why("insufficient_payment_permissions"),
        Some(Decline::Action)
    );
    assert_eq!(
        why("payment_violated_mandate_parameters"),
        Some(Decline::Method)
    );
    for cause in ["test_failure", "other", "bank_declined_payment"] {
        assert_eq!(why(cause), Some(Decline::Other), "{cause}");
    }
    let details = object!({"cause": "other", "reason_code": "AM04"});
    let coded = event("payments", "failed", object!({"payment": "PM1"}), details);
    assert_eq!(fact(coded).decline, Some(Decline::Other));
}

#[test]
fn what_was_cancelled_is_not_tried_again_whatever_the_cause() {
    let why = |cause: &str| fact(of_payment("cancelled", cause)).decline;
    assert_eq!(why("payment_cancelled"), Some(Decline::Cancelled));
    assert_eq!(why("other"), Some(Decline::Cancelled));
    assert_eq!(why("refer_to_payer"), Some(Decline::Cancelled));
    assert_eq!(why("bank_account_closed"), Some(Decline::Method));
    let told = looked_up(
        "cancelled",
        &[],
        &[of_payment("cancelled", "mandate_expired")],
    );
    assert_eq!(told[0].decline, Some(Decline::Method));
}

#[test]
fn a_failure_that_gocardless_tries_again_is_looked_up() {
    let details = object!({"cause": "insufficient_funds", "will_attempt_retry": true});
    let again = event("payments", "failed", object!({"payment": "PM1"}), details);
    let notice = items(std::slice::from_ref(&again)).remove(0).notice;
    assert_eq!(notice, hint("PM1"));
    // Not over yet, unless it had been collected before; why it failed is told.
    let told = looked_up("failed", &[], std::slice::from_ref(&again));
    assert_eq!(told[0].kind, Kind::PaymentPending);
    assert_eq!(told[0].decline, Some(Decline::Funds));
    let before = of_payment("confirmed", "payment_confirmed");
    let told = looked_up("failed", &[], &[again, before]);
    assert_eq!(told[0].kind, Kind::PaymentReturned);
}

#[test]
fn a_late_failure_that_a_payout_paid_for_is_looked_up_and_says_no_reason_of_its_own() {
    let settled = of_payment("late_failure_settled", "late_failure_settled");
    assert_eq!(items(&[settled])[0].notice, hint("PM1"));
    let history = [
        on(
            9,
            of_payment("late_failure_settled", "late_failure_settled"),
        ),
        on(8, of_payment("failed", "payment_stopped")),
        on(5, of_payment("confirmed", "payment_confirmed")),
    ];
    let told = looked_up("failed", &[], &history).remove(0);
    assert_eq!(
        (told.kind, told.decline),
        (Kind::PaymentReturned, Some(Decline::Cancelled))
    );
    assert_eq!(
        told.occurred_at,
        Some("2026-03-08T10:00:00Z".parse().unwrap())
    );
}

#[test]
fn a_debit_that_is_collected_again_is_under_way() {
    let again = fact(of_payment("resubmission_requested", "payment_retried"));
    assert_eq!(
        (again.kind, again.payment.as_deref(), again.decline),
        (Kind::PaymentPending, Some("PM1"), None)
    );
    assert!(again.occurred_at.is_some());
    let mut history = vec![
        on(1, of_payment("created", "payment_created")),
        on(4, of_payment("confirmed", "payment_confirmed")),
        on(8, of_payment("failed", "insufficient_funds")),
        on(9, of_payment("resubmission_requested", "payment_retried")),
    ];
    let told = looked_up("pending_submission", &[], &history).remove(0);
    assert_eq!(told.kind, Kind::PaymentPending);
    assert_eq!(
        told.occurred_at,
        Some("2026-03-09T10:00:00Z".parse().unwrap())
    );
    // What failed then had not come a second time.
    history.push(on(12, of_payment("failed", "bank_account_closed")));
    for _ in 0..2 {
        history.reverse();
        let told = looked_up("failed", &[], &history).remove(0);
        assert_eq!(
            (told.kind, told.decline),
            (Kind::PaymentFailed, Some(Decline::Method))
        );
    }
}

#[test]
fn a_refund_that_failed_is_no_failure_of_its_payment() {
    let links = object!({"payment": "PM1", "refund": "RF1"});
    let history = [
        on(
            9,
            event(
                "refunds",
                "failed",
                links,
                object!({"cause": "payment_stopped"}),
            ),
        ),
        on(8, of_payment("failed", "insufficient_funds")),
    ];
    let told = looked_up("failed", &[], &history).remove(0);
    assert_eq!(told.decline, Some(Decline::Funds));
}

#[test]
fn each_refund_event_says_its_kind() {
    for (action, kind) in [
        ("created", Kind::RefundPending),
        ("paid", Kind::RefundSucceeded),
        ("failed", Kind::RefundFailed),
        ("bounced", Kind::RefundFailed),
        ("funds_returned", Kind::RefundFailed),
    ] {
        let links = object!({"refund": "RF1", "payment": "PM1"});
        let said = fact(event("refunds", action, links, object!({})));
        assert_eq!(
            (said.kind, said.refund.as_deref()),
            (kind, Some("RF1")),
            "{action}"
        );
        assert_eq!(said.payment.as_deref(), Some("PM1"));
    }
    let mut ours = event("refunds", "paid", object!({"refund": "RF1"}), object!({}));
    let ref_1 = ids::refund_reference(&case_id(), 1);
    ours["resource_metadata"] = object!({"reference": ref_1});
    assert_eq!(fact(ours).reference, Some(ref_1));
}

#[test]
fn what_others_call_a_reference_leads_nowhere_and_metadata_may_hold_anything() {
    for metadata in [
        object!({"reference": "order 7"}),
        object!({"reference": 7, "flags": [true, null], "more": {"a": 1}}),
        object!({}),
        Value::Null,
    ] {
        let mut theirs = event("refunds", "paid", object!({"refund": "RF9"}), object!({}));
        theirs["resource_metadata"] = metadata.clone();
        assert_eq!(items(&[theirs])[0].notice, hint("RF9"), "{metadata}");
        let mut payment = of_payment("confirmed", "payment_confirmed");
        payment["resource_metadata"] = metadata.clone();
        let said = fact(payment);
        assert_eq!(
            (said.reference, said.payment.as_deref()),
            (None, Some("PM1")),
            "{metadata}"
        );
    }
}

#[test]
fn a_fulfilled_billing_request_is_the_payers_approval() {
    let links = object!({"billing_request": "BRQ1", "customer": "CU1",
        "mandate_request_mandate": "MD1"});
    let mut done = event("billing_requests", "fulfilled", links, object!({}));
    done["resource_metadata"] = object!({"reference": reference()});
    let said = fact(done);
    assert!(said.approved && said.kind == Kind::PaymentPending);
    assert_eq!(said.method, Some(mandate()));
    assert_eq!(
        (said.aliases, said.payment),
        (vec!["BRQ1".to_string()], None)
    );
    assert_eq!(said.reference, Some(reference()));

    let bare = event(
        "billing_requests",
        "fulfilled",
        object!({"billing_request": "BRQ1"}),
        object!({}),
    );
    assert_eq!(items(&[bare])[0].notice, hint("BRQ1"));

    let links = object!({"billing_request": "BRQ1"});
    let gone = fact(event("billing_requests", "cancelled", links, object!({})));
    assert_eq!(
        (gone.kind, gone.decline),
        (Kind::PaymentFailed, Some(Decline::Cancelled))
    );
}

#[test]
fn a_payment_that_gocardless_made_with_the_page_is_not_collected_a_second_time() {
    let links = |mandate: bool| {
        let mut links = object!({"billing_request": "BRQ1", "payment_request_payment": "PM7"});
        if mandate {
            links["mandate_request_mandate"] = "MD1".into();
        }
        links
    };
    for mandate in [true, false] {
        let done = event("billing_requests", "fulfilled", links(mandate), object!({}));
        let said = fact(done);
        assert_eq!((said.kind, said.approved), (Kind::PaymentPending, false));
        assert_eq!(said.payment.as_deref(), Some("PM7"));
        let told = request_looked_up("fulfilled", links(mandate), object!({})).remove(0);
        assert_eq!((told.kind, told.approved), (Kind::PaymentPending, false));
        assert_eq!(told.payment.as_deref(), Some("PM7"));
    }
    // Fulfilled with neither is nothing to wait for, and nothing to complete.
    let told = request_looked_up("fulfilled", object!({}), object!({})).remove(0);
    assert_eq!((told.kind, told.approved), (Kind::PaymentPending, false));
}

#[test]
fn a_mandate_that_ended_is_a_method_gone() {
    let at: jiff::Timestamp = "2026-03-14T10:00:00Z".parse().unwrap();
    let of_mandate = |action: &str| {
        let links = object!({"mandate": "MD1", "new_mandate": "MD2"});
        let said = event("mandates", action, links, object!({}));
        items(&[said]).remove(0).notice
    };
    for action in [
        "cancelled",
        "failed",
        "expired",
        "blocked",
        "consumed",
        "replaced",
        "suspended_by_payer",
    ] {
        let expected = Notice::MethodGone {
            token: "MD1".into(),
            at: Some(at),
        };
        assert_eq!(of_mandate(action), Ok(expected), "{action}");
    }
    for action in ["active", "reinstated"] {
        let expected = Notice::MethodBack {
            token: "MD1".into(),
            at: Some(at),
        };
        assert_eq!(of_mandate(action), Ok(expected), "{action}");
    }
    for action in ["created", "submitted"] {
        let expected = Ok(Notice::Ignored(Kind::Other));
        assert_eq!(of_mandate(action), expected, "{action}");
    }
    assert!(of_mandate("teleported").is_err());
}

#[test]
fn payouts_and_subscriptions_are_listed() {
    let links = object!({"payout": "PO1"});
    let payout = fact(event("payouts", "paid", links, object!({})));
    assert_eq!(
        (payout.kind, payout.payment_ids().next()),
        (Kind::PayoutPaid, Some("PO1"))
    );
    for (action, kind) in [
        ("created", Kind::Other),
        ("cancelled", Kind::SubscriptionCancelled),
    ] {
        let links = object!({"subscription": "SB1"});
        let said = event("subscriptions", action, links, object!({}));
        assert_eq!(items(&[said])[0].notice, Ok(Notice::Ignored(kind)));
    }
}

#[test]
fn what_cannot_be_read_does_not_sink_its_neighbours() {
    let good = of_payment("confirmed", "payment_confirmed");
    let odd = [
        of_payment("teleported", "other"),
        event(
            "payments",
            "confirmed",
            object!({"mandate": "MD1"}),
            object!({}),
        ),
        object!({"id": "EV9", "action": "confirmed"}),
        object!(7),
    ];
    let all = items(&[&odd[..], &[good]].concat());
    assert!(all[..4].iter().all(|item| item.notice.is_err()));
    assert!(matches!(&all[4].notice, Ok(Notice::Fact(_))));
    assert_eq!(all[2].id.as_deref(), Some("EV9"));
    assert_eq!(all[3].id, None);
    let no_batch = object!({"event": []}).to_string();
    let code = hex_code(SECRET, &no_batch);
    let headers = [("webhook-signature", code.as_str())];
    assert!(read(inbound(&GATEWAY), &hooks(), &headers, &no_batch).is_err());
}

#[test]
fn the_official_sample_is_read() {
    let Some(sample) = official("gocardless/fixtures/webhook_request.json") else {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        return;
    };
    let said = fact(sample["events"][0].clone());
    assert_eq!(
        (said.kind, said.payment.as_deref()),
        (Kind::PaymentFailed, Some("index_ID_123"))
    );
}

// ---- every order of the same events ------------------------------------------------------------

#[test]
fn a_collected_debit_is_paid_in_every_order() {
    let actions = ["created", "submitted", "confirmed", "paid_out"];
    let facts = actions.map(|action| fact(of_payment(action, "other")));
    let asked = looked_up("paid_out", &[], &[]);
    let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
    assert_eq!(
        (end.state, end.capture.as_deref()),
        (payment::State::Paid, Some("PM1"))
    );
}

#[test]
fn a_late_failure_returns_the_money_for_its_reason_in_every_order() {
    let history = ["failed", "paid_out", "confirmed"].map(|a| of_payment(a, "payment_stopped"));
    let asked = looked_up("failed", &[], &history);
    for actions in [&["confirmed", "failed"][..], &["submitted", "failed"], &[]] {
        let facts = actions
            .iter()
            .map(|a| fact(of_payment(a, "payment_stopped")));
        // Its settlement is a hint: what is looked up then is posted.
        let facts: Vec<_> = facts.chain(asked.clone()).collect();
        let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
        assert_eq!(
            (end.state, end.returned_whole),
            (payment::State::Returned, true),
            "{actions:?}"
        );
        assert_eq!(end.decline, Some(Decline::Cancelled), "{actions:?}");
        assert!(!end.may_retry(), "{actions:?}");
    }
}

#[test]
fn the_last_word_on_a_chargeback_is_the_one_that_a_look_up_tells() {
    let told = |status: &str, days: [u32; 3]| {
        let [opened, cancelled, settled] = days;
        let history = [
            on(3, of_payment("confirmed", "payment_confirmed")),
            on(opened, of_payment("charged_back", "refund_requested")),
            on(
                cancelled,
                of_payment("chargeback_cancelled", "payment_confirmed"),
            ),
            on(
                settled,
                of_payment("chargeback_settled", "chargeback_settled"),
            ),
        ];
        let dispute = looked_up(status, &[], &history).remove(1);
        (dispute.kind, dispute.occurred_at.unwrap().to_string())
    };
    let on_12th = "2026-03-12T10:00:00Z".to_string();
    assert_eq!(
        told("paid_out", [8, 12, 10]),
        (Kind::DisputeWon, on_12th.clone())
    );
    assert_eq!(
        told("charged_back", [8, 10, 12]),
        (Kind::DisputeLost, on_12th.clone())
    );
    assert_eq!(
        told("charged_back", [12, 10, 9]),
        (Kind::DisputeOpened, on_12th)
    );
}

#[test]
fn a_failure_that_was_tried_again_with_success_is_paid_in_every_order() {
    let actions = ["submitted", "failed", "resubmission_requested", "confirmed"];
    let facts = actions.map(|action| fact(of_payment(action, "insufficient_funds")));
    let asked = looked_up("confirmed", &[], &facts_history(&actions));
    let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
    assert_eq!(end.state, payment::State::Paid);
}

#[test]
fn a_chargeback_that_is_cancelled_after_it_was_settled_is_won_in_every_order() {
    let actions = [
        "confirmed",
        "charged_back",
        "chargeback_settled",
        "chargeback_cancelled",
    ];
    let facts = actions.map(|action| fact(of_payment(action, "other")));
    let asked = looked_up("paid_out", &[], &facts_history(&actions));
    let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
    assert_eq!(
        (end.state, end.disputes[0].state),
        (payment::State::Paid, dispute::State::Won)
    );
    let asked = looked_up("charged_back", &[], &facts_history(&actions[..3]));
    let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
    assert_eq!(
        (end.state, end.disputes[0].state),
        (payment::State::Returned, dispute::State::Lost)
    );
}

fn facts_history(actions: &[&str]) -> Vec<Value> {
    actions
        .iter()
        .rev()
        .map(|action| of_payment(action, "other"))
        .collect()
}

#[test]
fn a_plain_failure_is_declined_in_every_order() {
    let actions = ["created", "submitted", "failed"];
    let facts = actions.map(|action| fact(of_payment(action, "insufficient_funds")));
    let history = actions.map(|action| of_payment(action, "insufficient_funds"));
    let history: Vec<_> = history.into_iter().rev().collect();
    let asked = looked_up("failed", &[], &history);
    let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
    assert_eq!(
        (end.state, end.decline),
        (payment::State::Declined, Some(Decline::Funds))
    );
}

#[test]
fn a_chargeback_ends_the_same_in_every_order() {
    for (last, status, dispute, state) in [
        (
            "chargeback_cancelled",
            "confirmed",
            dispute::State::Won,
            payment::State::Paid,
        ),
        (
            "chargeback_settled",
            "charged_back",
            dispute::State::Lost,
            payment::State::Returned,
        ),
    ] {
        let actions = ["submitted", "confirmed", "charged_back", last];
        let facts = actions.map(|action| fact(of_payment(action, "other")));
        let asked = looked_up(status, &[], &facts_history(&actions));
        let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
        assert_eq!(
            (end.disputes.len(), end.disputes[0].state),
            (1, dispute),
            "{last}"
        );
        assert_eq!(end.state, state, "{last}");
        // A look-up alone tells the same.
        let told = after(
            &GATEWAY,
            &debit_sent(),
            &asked.iter().collect::<Vec<_>>(),
            &asked,
        );
        assert_eq!(
            (told.state, told.disputes),
            (end.state, end.disputes),
            "{last}"
        );
    }
}

#[test]
fn a_refund_made_in_the_dashboard_is_mirrored_in_every_order() {
    let links = || object!({"refund": "RF1", "payment": "PM1"});
    for (last, status, state) in [
        ("paid", "paid", refund::State::Succeeded),
        ("bounced", "bounced", refund::State::Failed),
    ] {
        let facts = [
            fact(of_payment("confirmed", "other")),
            fact(event("refunds", "created", links(), object!({}))),
            fact(event("refunds", last, links(), object!({}))),
        ];
        let asked = looked_up("confirmed", &[refund_of(status)], &[]);
        let end = one_end(&GATEWAY, &debit_sent(), &facts, &asked);
        assert_eq!(
            (end.refunds.len(), end.refunds[0].state),
            (1, state),
            "{last}"
        );
        assert_eq!(end.refunds[0].amount, eur(2_500));
        assert_eq!(end.state, payment::State::Paid);
    }
}

#[test]
fn a_page_is_ended_with_its_billing_request() {
    let request = |status: &str| {
        let links = object!({"mandate_request_mandate": "MD1"});
        json(
            200,
            object!({"billing_requests": {"id": "BRQ1", "status": status, "links": links,
            "metadata": {"reference": reference()}}}),
        )
    };
    let (sent, answer) = ends(&GATEWAY, &outbound(), "BRQ1", &request("cancelled"));
    assert_eq!(sent.path, "/billing_requests/BRQ1/actions/cancel");
    let facts = answer.expect("it is ended");
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (facts[0].kind, facts[0].decline),
        (Kind::PaymentExpired, None)
    );
    let refused = failed(422, "invalid_state", "cancellation_failed", object!({}));
    let (_, answer) = ends(&GATEWAY, &outbound(), "BRQ1", &refused);
    assert!(matches!(answer, Err(Trouble::Rejected(_))), "{answer:?}");
}
