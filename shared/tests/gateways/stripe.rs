//! Stripe: forms, intents that speak under several ids, events whose object says all, thin ones
//! that only name it.

use crate::*;
use meridian::contract::Notice;
use meridian::domain::fact::Decline;
use meridian::vendors::stripe::GATEWAY;
use serde_json::json as object;

const SECRET: &str = "whsec_demo";

fn outbound() -> Account {
    account(GATEWAY.vendor.fields, &[("secret_key", "sk_test_demo")])
}

fn over(mut of: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        of[name] = value.clone();
    }
    of
}

fn intent(status: &str, changes: Value) -> Value {
    let intent = object!({"id": "pi_1", "object": "payment_intent", "amount": 10_000,
        "amount_received": if status == "succeeded" { 10_000 } else { 0 }, "currency": "eur",
        "status": status, "customer": null, "payment_method": "pm_1", "created": 1_780_000_000,
        "payment_method_types": ["card"], "metadata": {"reference": reference()},
        "latest_charge": null, "last_payment_error": null, "livemode": false,
        "capture_method": "automatic", "confirmation_method": "automatic"});
    over(intent, changes)
}

fn charged(changes: Value) -> Value {
    let nobody = object!({"address": null, "email": null, "name": null, "phone": null});
    let charge = object!({"id": "ch_1", "object": "charge", "amount": 10_000,
        "amount_captured": 10_000, "amount_refunded": 0, "captured": true, "currency": "eur",
        "status": "succeeded", "paid": true, "refunded": false, "disputed": false,
        "created": 1_780_000_000, "livemode": false, "billing_details": nobody,
        "payment_intent": "pi_1", "customer": null, "payment_method": "pm_1",
        "metadata": {"reference": reference()}, "failure_code": null, "outcome": null,
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}}});
    over(charge, changes)
}

fn refund_of(status: &str) -> Value {
    object!({"id": "re_1", "object": "refund", "amount": 2_500, "currency": "eur",
        "status": status, "created": 1_780_000_000, "charge": "ch_1", "payment_intent": "pi_1",
        "metadata": {"reference": ids::refund_reference(&case_id(), 1)}})
}

fn disputed(status: &str, reason: &str) -> Value {
    object!({"id": "dp_1", "object": "dispute", "amount": 10_000, "currency": "eur",
        "status": status, "reason": reason, "charge": "ch_1", "payment_intent": "pi_1"})
}

fn list(items: Value) -> Value {
    object!({"object": "list", "data": items, "has_more": false, "url": "/v1/x"})
}

fn told(name: &str, object: Value) -> Result<Notice, Unreadable> {
    let event = object!({"id": "evt_1", "object": "event", "api_version": "2023-08-16",
        "created": 1_780_000_000, "type": name, "data": {"object": object}});
    heard(&event)
}

fn heard(event: &Value) -> Result<Notice, Unreadable> {
    let body = event.to_string();
    let code = hex_code(SECRET, &format!("1780000000.{body}"));
    let signature = format!("t=1780000000,v1={code}");
    let headers = [("stripe-signature", signature.as_str())];
    let hooks = account(&[], &[("webhook_secret", SECRET)]);
    let mut items = read(inbound(&GATEWAY), &hooks, &headers, &body).expect("it is an event");
    items.remove(0).notice
}

#[track_caller]
fn fact(name: &str, object: Value) -> Fact {
    match told(name, object) {
        Ok(Notice::Fact(fact)) => *fact,
        other => panic!("{name} came to {other:?}"),
    }
}

#[track_caller]
fn passed_over(name: &str, object: Value) {
    assert_eq!(
        told(name, object),
        Ok(Notice::Ignored(Kind::Other)),
        "{name}"
    );
}

fn card() -> Method {
    Method {
        gateway: "stripe".into(),
        customer: Some("cus_1".into()),
        token: "pm_1".into(),
        label: "Visa ending 4242".into(),
    }
}

fn charge_answer(reply: &Reply) -> (Request, Result<Vec<Fact>, Trouble>) {
    let call = GATEWAY.charge.yes().unwrap();
    let ask = charge(card());
    let request = built(call.build, &ask, &outbound()).unwrap();
    (request, (call.parse)(&ask, reply, &outbound()))
}

fn fields(request: &Request) -> Vec<(&str, &str)> {
    match &request.body {
        Body::Form(fields) => fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect(),
        other => panic!("{other:?} is no form"),
    }
}

fn looked_up(ask: &Lookup, replies: &[Reply]) -> Result<Vec<Fact>, Trouble> {
    let (requests, told) = talked(*GATEWAY.lookup.yes().unwrap(), ask, &outbound(), replies);
    if told.is_ok() {
        assert_eq!(requests.len(), replies.len(), "{requests:#?}");
    }
    for request in &requests {
        fits(&GATEWAY, &outbound(), request, None);
    }
    whole(told)
}

fn kinds(facts: &[Fact]) -> Vec<Kind> {
    facts.iter().map(|fact| fact.kind).collect()
}

// ---- calls -------------------------------------------------------------------------------------

#[test]
fn a_charge_without_the_payer_allows_no_redirect_and_asks_nothing_that_the_version_refuses() {
    let paid = intent(
        "succeeded",
        object!({"latest_charge": charged(object!({}))}),
    );
    let (request, answer) = charge_answer(&json(200, paid.clone()));
    fits(&GATEWAY, &outbound(), &request, None);
    let fields = fields(&request);
    assert!(fields.contains(&("off_session", "true")));
    for named in [("customer", "cus_1"), ("payment_method", "pm_1")] {
        assert!(fields.contains(&named), "{fields:?}");
    }
    assert!(fields.contains(&("automatic_payment_methods[allow_redirects]", "never")));
    assert!(
        !fields
            .iter()
            .any(|(name, _)| *name == "error_on_requires_action")
    );
    let facts = answer.unwrap();
    assert_eq!(kinds(&facts), [Kind::PaymentSucceeded]);
    assert_eq!(facts[0].paid_with.as_deref(), Some("Visa ending 4242"));
}

#[test]
fn an_intent_that_waits_for_the_payer_ends_an_attempt_without_the_payer() {
    let (_, answer) = charge_answer(&json(200, intent("requires_action", object!({}))));
    assert_eq!(answer, Err(Trouble::Declined(Decline::Action)));
}

#[test]
fn a_page_of_something_in_between_leaves_a_charge_and_a_refund_unclear() {
    stays_unclear(|reply| charge_answer(reply).1);
    let call = GATEWAY.refund.yes().unwrap();
    stays_unclear(|reply| (call.parse)(&refund("pi_1"), reply, &outbound()));
}

#[test]
fn json_of_another_shape_is_unreadable_and_nothing_breaks() {
    for body in [
        object!([]),
        object!("no"),
        object!({"error": "no"}),
        object!(null),
    ] {
        for status in [400, 402, 404] {
            let (_, answer) = charge_answer(&json(status, body.clone()));
            let trouble = answer.unwrap_err();
            assert!(matches!(trouble, Trouble::Unreadable(_)), "{trouble}");
        }
        let event = object!({"id": "evt_1", "type": "charge.succeeded", "data": body});
        assert!(heard(&event).is_err());
    }
    let bare = object!({"id": "evt_1", "type": "payment_method.detached"});
    assert!(heard(&bare).is_err());
}

#[test]
fn a_refund_names_the_intent_or_the_charge_where_there_is_none() {
    let call = GATEWAY.refund.yes().unwrap();
    for (payment, field) in [
        ("pi_1", "payment_intent"),
        ("ch_1", "charge"),
        ("py_1", "charge"),
    ] {
        let request = built(call.build, &refund(payment), &outbound()).unwrap();
        fits(
            &GATEWAY,
            &outbound(),
            &request,
            Some(&json(200, refund_of("succeeded"))),
        );
        assert!(fields(&request).contains(&(field, payment)));
    }
    let mut null = refund_of("succeeded");
    null["metadata"] = Value::Null;
    let facts = (call.parse)(&refund("pi_1"), &json(200, null), &outbound()).unwrap();
    assert_eq!(facts[0].reference, None);
}

#[test]
fn currencies_go_out_as_stripe_counts_them() {
    let opening = GATEWAY.checkout.yes().unwrap();
    // Unscaled at Stripe, whatever decimals ISO 4217 gives; two that it still scales.
    let unscaled = [
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
        "XOF", "XPF",
    ];
    let scaled = ["ISK", "UGX", "HUF", "TWD", "EUR"];
    let all = unscaled.map(|code| (code, "500")).into_iter();
    for (code, written) in all
        .chain(scaled.map(|code| (code, "50000")))
        .chain([("KWD", "500000")])
    {
        let currency = Currency::read(code).unwrap();
        let amount = Money::from_decimal(500.into(), currency).unwrap();
        let ask = Checkout {
            amount,
            ..checkout(true)
        };
        let request = first(opening.open, &ask, &outbound());
        fits(&GATEWAY, &outbound(), &request, None);
        let field = "line_items[0][price_data][unit_amount]";
        assert!(fields(&request).contains(&(field, written)), "{code}");
        let minor: i64 = written.parse().unwrap();
        let back = object!({"amount": minor, "amount_received": minor, "currency": code});
        let fact = fact("payment_intent.succeeded", intent("succeeded", back));
        assert_eq!(fact.amount, Some(amount));
    }
}

#[test]
fn a_page_keeps_the_card_for_later_charges_only_where_it_is_asked_to() {
    let opening = GATEWAY.checkout.yes().unwrap();
    for keep in [false, true] {
        let request = first(opening.open, &checkout(keep), &outbound());
        fits(&GATEWAY, &outbound(), &request, None);
        let keeps = [
            ("customer_creation", "always"),
            ("payment_intent_data[setup_future_usage]", "off_session"),
        ];
        for field in keeps {
            assert_eq!(fields(&request).contains(&field), keep, "{field:?}");
        }
    }
}

#[test]
fn a_missing_object_is_missing_and_any_other_404_is_not() {
    let error = |of: Value| json(404, object!({"error": of}));
    let kind = "invalid_request_error";
    let ask = lookup(None, Some("cs_1"));
    let gone = error(object!({"type": kind, "code": "resource_missing", "message": "No such x"}));
    assert_eq!(looked_up(&ask, &[gone]), Err(Trouble::Missing));
    let unrouted = error(object!({"type": kind, "message": "Unrecognized request URL"}));
    assert_eq!(
        looked_up(&ask, &[unrouted]),
        Err(Trouble::Rejected(kind.into()))
    );
    let mode = "No such x; a similar object exists in live mode, but a test mode key was used";
    let other = error(object!({"type": kind, "code": "resource_missing", "message": mode}));
    assert!(matches!(
        looked_up(&ask, &[other]),
        Err(Trouble::Credentials(_))
    ));
}

// ---- why not -----------------------------------------------------------------------------------

#[test]
fn decline_codes_say_whether_another_try_makes_sense() {
    let table: [(Decline, &[&str]); 6] = [
        (
            Decline::Funds,
            &[
                "insufficient_funds",
                "card_velocity_exceeded",
                "withdrawal_count_limit_exceeded",
                "refer_to_customer",
            ],
        ),
        (
            Decline::Other,
            &[
                "do_not_honor",
                "generic_decline",
                "try_again_later",
                "call_issuer",
                "issuer_not_available",
                "processing_error",
                "approve_with_id",
                "a_new_code",
            ],
        ),
        (
            Decline::Method,
            &[
                "restricted_card",
                "invalid_account",
                "card_not_supported",
                "transaction_not_allowed",
                "pickup_card",
                "lost_card",
                "stolen_card",
                "expired_card",
                "security_violation",
                "account_closed",
                "do_not_try_again",
                "service_not_allowed",
                "incorrect_cvc",
                "invalid_card_type",
                "bank_account_closed",
                "invalid_bank_account_iban",
                "payment_intent_mandate_invalid",
                "routing_number_invalid",
            ],
        ),
        (
            Decline::Action,
            &[
                "authentication_required",
                "authentication_not_handled",
                "bank_account_unverified",
                "offline_pin_required",
                "setup_intent_authentication_failure",
            ],
        ),
        (Decline::Fraud, &["fraudulent", "merchant_blacklist"]),
        (
            Decline::Cancelled,
            &[
                "stop_payment_order",
                "revocation_of_authorization",
                "revocation_of_all_authorizations",
                "debit_not_authorized",
            ],
        ),
    ];
    for (decline, codes) in table {
        for code in codes {
            let error = object!({"type": "card_error", "code": "card_declined",
                "decline_code": code});
            let (_, answer) = charge_answer(&json(402, object!({"error": error})));
            assert_eq!(answer, Err(Trouble::Declined(decline)), "{code}");
        }
    }
    let error = object!({"type": "card_error", "code": "card_declined",
        "decline_code": "insufficient_funds", "advice_code": "do_not_try_again"});
    let (_, answer) = charge_answer(&json(402, object!({"error": error})));
    assert_eq!(answer, Err(Trouble::Declined(Decline::Method)));
    let error = object!({"type": "card_error", "code": "card_declined",
        "decline_code": "do_not_honor", "advice_code": "confirm_card_data"});
    let (_, answer) = charge_answer(&json(402, object!({"error": error})));
    assert_eq!(answer, Err(Trouble::Declined(Decline::Action)));
    // Without a code nothing speaks against another try.
    let (_, answer) = charge_answer(&json(402, object!({"error": {"type": "card_error"}})));
    assert_eq!(answer, Err(Trouble::Declined(Decline::Other)));
}

#[test]
fn a_failed_charge_is_told_by_its_intent_and_else_by_its_outcome() {
    let failed = object!({"status": "failed", "captured": false, "amount_captured": 0,
        "failure_code": "card_declined", "outcome": {"type": "issuer_declined",
            "reason": "insufficient_funds"}});
    passed_over("charge.failed", charged(failed.clone()));
    let direct = over(charged(failed), object!({"payment_intent": null}));
    let said = fact("charge.failed", direct.clone());
    assert_eq!(
        (said.kind, said.decline),
        (Kind::PaymentFailed, Some(Decline::Funds))
    );
    let blocked = object!({"outcome": {"type": "blocked", "reason": "rule"}});
    let said = fact("charge.failed", over(direct, blocked));
    assert_eq!(said.decline, Some(Decline::Fraud));
}

// ---- payments ----------------------------------------------------------------------------------

#[test]
fn what_arrived_counts_and_not_what_was_asked() {
    let part = intent("succeeded", object!({"amount_received": 6_000}));
    assert_eq!(
        fact("payment_intent.succeeded", part).amount,
        Some(eur(6_000))
    );
    let part = charged(object!({"amount_captured": 6_000}));
    assert_eq!(fact("charge.captured", part).amount, Some(eur(6_000)));
    let held = charged(object!({"captured": false, "amount_captured": 0}));
    assert_eq!(fact("charge.succeeded", held).kind, Kind::PaymentPending);
    let held = intent("requires_capture", object!({}));
    assert_eq!(
        fact("payment_intent.amount_capturable_updated", held).kind,
        Kind::PaymentPending
    );
}

#[test]
fn an_intent_that_only_waits_for_the_payer_says_nothing() {
    for status in [
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
    ] {
        passed_over("payment_intent.created", intent(status, object!({})));
        passed_over(
            "payment_intent.requires_action",
            intent(status, object!({})),
        );
    }
    let under_way = fact(
        "payment_intent.processing",
        intent("processing", object!({})),
    );
    assert_eq!(under_way.kind, Kind::PaymentPending);
    assert!(told("payment_intent.succeeded", intent("melted", object!({}))).is_err());
}

#[test]
fn a_page_that_was_paid_by_a_debit_is_pending_and_one_that_keeps_a_card_is_no_payment() {
    let page = |payment_status: &str, mode: &str| {
        object!({"id": "cs_1", "object": "checkout.session", "mode": mode, "status": "complete",
            "payment_status": payment_status, "payment_intent": "pi_1", "metadata": null,
            "client_reference_id": reference(), "amount_total": 10_000, "currency": "eur"})
    };
    let name = "checkout.session.completed";
    assert_eq!(
        fact(name, page("unpaid", "payment")).kind,
        Kind::PaymentPending
    );
    assert_eq!(
        fact(name, page("paid", "payment")).kind,
        Kind::PaymentSucceeded
    );
    let late = "checkout.session.async_payment_failed";
    assert_eq!(
        fact(late, page("unpaid", "payment")).kind,
        Kind::PaymentFailed
    );
    passed_over(name, page("no_payment_required", "setup"));
    passed_over(name, page("paid", "subscription"));
    assert!(told(name, page("perhaps", "payment")).is_err());
}

#[test]
fn a_bank_page_leaves_a_debit_behind_which_is_what_is_kept() {
    let details = |debit: Value| {
        object!({"type": "ideal", "ideal": {"bank": "ing", "iban_last4": "3000",
            "generated_sepa_debit": debit}})
    };
    let of =
        |details: Value| charged(object!({"customer": "cus_1", "payment_method_details": details}));
    for debit in [
        object!("pm_debit"),
        object!({"id": "pm_debit", "object": "payment_method"}),
    ] {
        let said = fact("charge.succeeded", of(details(debit.clone())));
        let kept = said.method.expect("the debit is kept");
        assert_eq!(
            (kept.token.as_str(), kept.label.as_str()),
            ("pm_debit", "Bank account ending 3000")
        );
        let expanded = object!({"customer": {"id": "cus_1"}, "latest_charge": of(details(debit)),
            "payment_method": {"id": "pm_1", "object": "payment_method"}});
        let said = fact("payment_intent.succeeded", intent("succeeded", expanded));
        assert_eq!(said.method.unwrap().token, "pm_debit");
    }
    assert_eq!(
        fact("charge.succeeded", of(details(Value::Null))).method,
        None
    );
    // Which of them paid is not told here: the charge tells.
    let unknown = object!({"customer": "cus_1", "payment_method_types": ["card", "ideal"],
        "latest_charge": "ch_1", "metadata": null});
    let said = fact("payment_intent.succeeded", intent("succeeded", unknown));
    assert_eq!(
        (said.method, said.reference, said.paid_with),
        (None, None, None)
    );
    let plain = object!({"customer": "cus_1", "latest_charge": "ch_1"});
    let said = fact("payment_intent.succeeded", intent("succeeded", plain));
    assert_eq!(said.method.unwrap().token, "pm_1");
}

#[test]
fn what_paid_is_named_where_more_than_its_kind_is_known() {
    let of = |details: Value| charged(object!({"payment_method_details": details}));
    for (details, name) in [
        (
            object!({"type": "card", "card": {"brand": "mastercard", "last4": "4444"}}),
            Some("Mastercard ending 4444"),
        ),
        (
            object!({"type": "card", "card": {"brand": "unknown", "last4": "1"}}),
            Some("Card ending 1"),
        ),
        (
            object!({"type": "sepa_debit", "sepa_debit": {"last4": "3000"}}),
            Some("Bank account ending 3000"),
        ),
        (object!({"type": "klarna", "klarna": {}}), None),
        (Value::Null, None),
    ] {
        let said = fact("charge.succeeded", of(details));
        assert_eq!(said.paid_with.as_deref(), name);
    }
}

// ---- disputes ----------------------------------------------------------------------------------

#[test]
fn an_open_dispute_says_by_when_it_must_be_answered() {
    let due = |status: &str, due_by: Value| {
        let details = object!({"evidence_details": {"due_by": due_by, "has_evidence": false,
            "past_due": false, "submission_count": 0}});
        let told = fact(
            "charge.dispute.created",
            over(disputed(status, "fraudulent"), details),
        );
        told.due_by.map(|at| at.to_string())
    };
    let time = object!(1_780_000_000);
    let told = Some("2026-05-28T20:26:40Z".into());
    assert_eq!(due("needs_response", time.clone()), told);
    assert_eq!(due("lost", time), None);
    // Where a bank takes no answer it is 0.
    for none in [object!(0), Value::Null] {
        assert_eq!(due("needs_response", none), None);
    }
}

#[test]
fn an_inquiry_holds_no_money_until_it_becomes_a_dispute() {
    let said = |name: &str, status: &str| {
        let said = fact(
            &format!("charge.dispute.{name}"),
            disputed(status, "fraudulent"),
        );
        assert_eq!(said.payment.as_deref(), Some("pi_1"));
        (said.kind, said.amount.unwrap().minor)
    };
    for status in ["warning_needs_response", "warning_under_review"] {
        assert_eq!(said("created", status), (Kind::DisputeOpened, 0));
    }
    assert_eq!(said("closed", "warning_closed").0, Kind::DisputeWon);
    assert_eq!(
        said("updated", "needs_response"),
        (Kind::DisputeOpened, 10_000)
    );
    assert_eq!(
        said("funds_withdrawn", "under_review"),
        (Kind::DisputeOpened, 10_000)
    );
    assert_eq!(said("funds_reinstated", "won").0, Kind::DisputeWon);
    assert_eq!(said("funds_reinstated", "under_review").0, Kind::DisputeWon);
    assert_eq!(said("closed", "lost"), (Kind::DisputeLost, 10_000));
}

#[test]
fn a_dispute_that_was_prevented_took_what_its_balance_transactions_say() {
    let prevented = |name: &str, moved: Value| {
        let of = object!({"balance_transactions": moved});
        let said = fact(name, over(disputed("prevented", "fraudulent"), of));
        (said.kind, said.amount, said.dispute)
    };
    let withdrawn = object!([{"id": "txn_1", "amount": -10_000, "currency": "eur"}]);
    let given_back = object!([{"id": "txn_1", "amount": -10_000, "currency": "eur"},
        {"id": "txn_2", "amount": 10_000, "currency": "eur"}]);
    let id = Some("dp_1".to_string());
    for name in [
        "charge.dispute.created",
        "charge.dispute.closed",
        "charge.dispute.updated",
    ] {
        // Stopped before it took anything: it is over, and a refund is told as a refund.
        let over = (Kind::DisputeWon, Some(eur(10_000)), id.clone());
        assert_eq!(prevented(name, object!([])), over, "{name}");
        assert_eq!(prevented(name, Value::Null), over, "{name}");
        assert_eq!(prevented(name, given_back.clone()), over, "{name}");
        let took = (Kind::DisputeLost, Some(eur(10_000)), id.clone());
        assert_eq!(prevented(name, withdrawn.clone()), took, "{name}");
    }
}

#[test]
fn a_page_without_an_amount_names_none() {
    let page = object!({"id": "cs_1", "object": "checkout.session", "mode": "payment",
        "status": "complete", "payment_status": "paid", "payment_intent": "pi_1",
        "client_reference_id": reference(), "amount_total": 10_000, "currency": "eur"});
    for missing in [
        object!({"amount_total": null}),
        object!({"currency": null}),
        object!({"amount_total": null, "currency": null}),
    ] {
        let said = fact("checkout.session.completed", over(page.clone(), missing));
        assert_eq!((said.kind, said.amount), (Kind::PaymentSucceeded, None));
    }
    let free = over(page, object!({"payment_status": "no_payment_required"}));
    passed_over("checkout.session.completed", free);
}

#[test]
fn a_debit_that_the_bank_sends_back_is_a_return_though_stripe_calls_it_a_dispute() {
    for (reason, decline) in [
        ("insufficient_funds", Decline::Funds),
        ("incorrect_account_details", Decline::Method),
        ("debit_not_authorized", Decline::Cancelled),
        ("bank_cannot_process", Decline::Other),
    ] {
        let back = fact("charge.dispute.created", disputed("lost", reason));
        assert_eq!(
            (back.kind, back.decline),
            (Kind::PaymentReturned, Some(decline)),
            "{reason}"
        );
        let open = fact("charge.dispute.created", disputed("needs_response", reason));
        assert_eq!((open.kind, open.decline), (Kind::DisputeOpened, None));
    }
}

// ---- other news --------------------------------------------------------------------------------

#[test]
fn a_thin_event_names_what_to_fetch() {
    let thin = |kind: &str, id: &str| {
        heard(
            &object!({"id": "evt_2", "object": "v2.core.event", "livemode": false,
            "type": format!("v1.{kind}.changed"), "created": "2026-03-14T10:00:00.000Z",
            "related_object": {"id": id, "type": kind, "url": format!("/v1/x/{id}")}}),
        )
    };
    for (kind, id) in [
        ("payment_intent", "pi_1"),
        ("charge", "ch_1"),
        ("refund", "re_1"),
        ("dispute", "dp_1"),
        ("checkout.session", "cs_1"),
    ] {
        assert_eq!(thin(kind, id), Ok(Notice::Hint { payment: id.into() }));
    }
    assert_eq!(
        thin("billing.meter", "mtr_1"),
        Ok(Notice::Ignored(Kind::Other))
    );
    let bare = object!({"id": "evt_2", "object": "v2.core.event", "type": "v2.core.x",
        "created": "2026-03-14T10:00:00.000Z", "related_object": null});
    assert_eq!(heard(&bare), Ok(Notice::Ignored(Kind::Other)));
}

#[test]
fn payouts_mandates_and_methods_keep_their_kind() {
    let payout = object!({"id": "po_1", "object": "payout", "amount": 8_000, "currency": "eur",
        "status": "paid", "metadata": null});
    for (name, kind) in [
        ("payout.paid", Kind::PayoutPaid),
        ("payout.failed", Kind::PayoutFailed),
    ] {
        let said = fact(name, payout.clone());
        assert_eq!(
            (said.kind, said.payment.as_deref(), said.amount),
            (kind, Some("po_1"), Some(eur(8_000)))
        );
    }
    let gone = Ok(Notice::MethodGone {
        token: "pm_1".into(),
        at: jiff::Timestamp::from_second(1_780_000_000).ok(),
    });
    let mandate = |status: &str| {
        object!({"id": "mandate_1", "status": status,
        "payment_method": "pm_1"})
    };
    assert_eq!(told("mandate.updated", mandate("inactive")), gone);
    assert_eq!(
        told("payment_method.detached", object!({"id": "pm_1"})),
        gone
    );
    let active = Ok(Notice::Ignored(Kind::MandateActive));
    assert_eq!(told("mandate.updated", mandate("active")), active);
    // Not yet agreed to, and lapsed events of a charge, change nothing.
    passed_over("mandate.updated", mandate("pending"));
    passed_over("charge.expired", charged(object!({})));
    passed_over("charge.updated", charged(object!({})));
    assert_eq!(
        told("payment_method.attached", object!({"id": "pm_1"})),
        active
    );
    let ended = Ok(Notice::Ignored(Kind::SubscriptionCancelled));
    assert_eq!(
        told("customer.subscription.deleted", object!({"id": "sub_1"})),
        ended
    );
    passed_over("customer.created", object!({"id": "cus_1"}));
}

// ---- look-ups ----------------------------------------------------------------------------------

#[test]
fn a_look_up_tells_the_payment_its_refunds_and_its_disputes() {
    let paid = intent(
        "succeeded",
        object!({"latest_charge": charged(object!({}))}),
    );
    let refunds = list(object!([refund_of("succeeded")]));
    let disputes = list(object!([disputed("lost", "fraudulent")]));
    let all = [
        Kind::PaymentSucceeded,
        Kind::RefundSucceeded,
        Kind::DisputeLost,
    ];
    for (id, first) in [
        ("pi_1", paid.clone()),
        ("ch_1", charged(object!({"payment_intent": paid}))),
    ] {
        let replies = [&first, &refunds, &disputes].map(|body| json(200, body.clone()));
        let facts = looked_up(&lookup(Some(id), Some("cs_1")), &replies).unwrap();
        assert_eq!(kinds(&facts), all, "{id}");
        assert_eq!(facts[0].paid_with.as_deref(), Some("Visa ending 4242"));
    }
    let more = over(refunds, object!({"has_more": true}));
    let replies = [&paid, &more, &disputes].map(|body| json(200, body.clone()));
    let ask = lookup(Some("pi_1"), None);
    let read = *GATEWAY.lookup.yes().unwrap();
    let told = super::heard(read, &ask, &outbound(), &replies).unwrap();
    assert_eq!(kinds(&told.facts), all);
    assert_eq!(
        told.unread.len(),
        1,
        "what the next page holds was not read"
    );
}

#[test]
fn every_id_that_stripe_speaks_of_can_be_looked_up() {
    let paid = intent(
        "succeeded",
        object!({"latest_charge": charged(object!({}))}),
    );
    let under = |of: Value| over(of, object!({"payment_intent": paid.clone()}));
    let page = object!({"id": "cs_1", "object": "checkout.session", "status": "complete",
        "mode": "payment", "payment_status": "paid"});
    for (id, reply, second) in [
        (
            "re_1",
            under(refund_of("succeeded")),
            Some(Kind::RefundSucceeded),
        ),
        (
            "du_1",
            under(disputed("won", "fraudulent")),
            Some(Kind::DisputeWon),
        ),
        ("cs_1", under(page.clone()), None),
    ] {
        let facts = looked_up(&lookup(Some(id), None), &[json(200, reply)]).unwrap();
        let expected: Vec<_> = [Kind::PaymentSucceeded].into_iter().chain(second).collect();
        assert_eq!(kinds(&facts), expected, "{id}");
    }
    let expired = over(
        page,
        object!({"status": "expired", "payment_status": "unpaid",
        "payment_intent": null}),
    );
    let facts = looked_up(&lookup(None, Some("cs_1")), &[json(200, expired)]).unwrap();
    assert_eq!(kinds(&facts), [Kind::PaymentExpired]);
    let open = object!({"id": "cs_1", "object": "checkout.session", "status": "open",
        "payment_intent": intent("requires_payment_method", object!({}))});
    assert_eq!(
        looked_up(&lookup(None, Some("cs_1")), &[json(200, open)]),
        Ok(vec![])
    );
    let found = object!({"object": "search_result", "has_more": false, "data": [paid]});
    let facts = looked_up(&lookup(None, None), &[json(200, found)]).unwrap();
    assert_eq!(kinds(&facts), [Kind::PaymentSucceeded]);
    // A search shows the refunds under the charge.
    let given_back = charged(object!({"refunds": list(object!([refund_of("succeeded")]))}));
    let paid = intent("succeeded", object!({"latest_charge": given_back}));
    let found = object!({"object": "search_result", "has_more": false, "data": [paid]});
    let facts = looked_up(&lookup(None, None), &[json(200, found)]).unwrap();
    assert_eq!(
        kinds(&facts),
        [Kind::PaymentSucceeded, Kind::RefundSucceeded]
    );
    let nothing = Lookup {
        reference: String::new(),
        ..lookup(Some("xx_1"), None)
    };
    assert_eq!(looked_up(&nothing, &[]), Ok(vec![]));
}

#[test]
fn every_order_of_the_same_events_ends_in_the_same_payment() {
    let answer = fact(
        "payment_intent.processing",
        intent("processing", object!({})),
    );
    let case = sent(&GATEWAY, card(), vec![answer]);
    let facts = [
        fact(
            "payment_intent.succeeded",
            intent("succeeded", object!({"latest_charge": "ch_1"})),
        ),
        fact("charge.succeeded", charged(object!({}))),
        fact("refund.created", refund_of("succeeded")),
        fact(
            "charge.dispute.closed",
            over(disputed("won", "fraudulent"), object!({})),
        ),
    ];
    let end = one_end(&GATEWAY, &case, &facts, &facts);
    assert_eq!(end.state, meridian::domain::payment::State::Paid);
}

#[test]
fn a_page_is_ended_once_and_one_that_cannot_be_ended_is_refused() {
    let session = |status: &str| {
        json(
            200,
            object!({"id": "cs_1", "object": "checkout.session", "mode": "payment",
            "status": status, "payment_status": "unpaid", "payment_intent": null,
            "client_reference_id": reference(), "amount_total": 10_000, "currency": "eur"}),
        )
    };
    let (request, answer) = ends(&GATEWAY, &outbound(), "cs_1", &session("expired"));
    assert_eq!(request.path, "/v1/checkout/sessions/cs_1/expire");
    let facts = answer.expect("it is ended");
    assert_eq!(kinds(&facts), [Kind::PaymentExpired]);
    assert_eq!(facts[0].aliases, ["cs_1"]);
    let (_, answer) = ends(&GATEWAY, &outbound(), "cs_1", &session("open"));
    assert!(answer.expect_err("it is still open").may_have_happened());
    let complete = json(
        400,
        object!({"error": {"type": "invalid_request_error",
        "message": "Only Checkout Sessions with a status in [\"open\"] can be expired."}}),
    );
    let (_, answer) = ends(&GATEWAY, &outbound(), "cs_1", &complete);
    assert!(matches!(answer, Err(Trouble::Rejected(_))), "{answer:?}");
}

#[test]
fn a_page_that_is_complete_is_over_though_its_payment_failed_after_all() {
    let failed = intent(
        "requires_payment_method",
        object!({"last_payment_error": {"type": "card_error", "code": "card_declined"}}),
    );
    let page = |status: &str| {
        json(
            200,
            object!({"id": "cs_1", "object": "checkout.session", "mode": "payment",
            "status": status, "payment_status": "unpaid", "payment_intent": failed.clone(),
            "client_reference_id": reference(), "amount_total": 10_000, "currency": "eur"}),
        )
    };
    let ask = lookup(None, Some("cs_1"));
    let told = looked_up(&ask, &[page("open")]).expect("it is read");
    assert_eq!(kinds(&told), [Kind::PaymentFailed]);
    let told = looked_up(&ask, &[page("complete")]).expect("it is read");
    assert_eq!(kinds(&told), [Kind::PaymentFailed, Kind::PaymentExpired]);
}
