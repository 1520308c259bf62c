//! Mollie: webhooks that are only hints, signed ones beside them, keys that live for an hour.

use crate::*;
use meridian::contract::{KeyPlace, LostReply, Notice, Read};
use meridian::domain::case::Session;
use meridian::domain::fact::Decline;
use meridian::domain::{dispute, payment, refund as refunds};
use meridian::vendors::mollie::GATEWAY;
use serde_json::json as object;

const SECRET: &str = "mollie-demo-secret";

fn outbound() -> Account {
    account(GATEWAY.vendor.fields, &[("api_key", "test_demo")])
}

fn hooks() -> Account {
    account(&[], &[("webhook_secret", SECRET)])
}

fn mandate() -> Method {
    Method {
        gateway: "mollie".into(),
        customer: Some("cst_1".into()),
        token: "mdt_1".into(),
        label: "Visa ending 4242".into(),
    }
}

fn link(href: &str) -> Value {
    object!({"href": href, "type": "application/hal+json"})
}

fn money(value: &str) -> Value {
    object!({"currency": "EUR", "value": value})
}

/// A payment as Mollie shows it, with what is laid over it.
fn paid_by(status: &str, over: Value) -> Value {
    let mut payment = object!({"resource": "payment", "id": "tr_1", "mode": "test",
        "createdAt": "2026-03-14T10:00:00+00:00", "amount": money("100.00"), "status": status,
        "description": "Wattle Street Clinic, invoice 7", "profileId": "pfl_1", "method": null,
        "sequenceType": "oneoff", "metadata": {"reference": reference()},
        "expiresAt": "2026-03-14T10:15:00+00:00",
        "_links": {"self": link("https://api.mollie.com/v2/payments/tr_1"),
            "checkout": {"href": "https://www.mollie.com/checkout/1", "type": "text/html"},
            "dashboard": {"href": "https://my.mollie.com/1", "type": "text/html"}}});
    for (name, value) in over.as_object().unwrap() {
        payment[name] = value.clone();
    }
    payment
}

fn kept(status: &str) -> Value {
    paid_by(
        status,
        object!({"sequenceType": "first", "customerId": "cst_1", "mandateId": "mdt_1",
            "method": "creditcard", "details": {"cardNumber": "4242", "cardLabel": "Visa"}}),
    )
}

fn refund_of(status: &str) -> Value {
    object!({"resource": "refund", "id": "re_1", "mode": "test", "status": status,
        "description": "Refund", "amount": money("25.00"), "paymentId": "tr_1",
        "createdAt": "2026-03-14T10:00:00+00:00",
        "metadata": {"reference": ids::refund_reference(&case_id(), 1)},
        "_links": {"self": link("https://x"), "payment": link("https://y"),
            "documentation": link("https://z")}})
}

fn chargeback(reversed_at: Value) -> Value {
    object!({"resource": "chargeback", "id": "chb_1", "amount": money("100.00"),
        "paymentId": "tr_1", "createdAt": "2026-03-14T10:00:00+00:00", "reversedAt": reversed_at,
        "_links": {"self": link("https://x"), "payment": link("https://y"),
            "documentation": link("https://z")}})
}

fn list(name: &str, items: Value, next: Value) -> Reply {
    let count = items.as_array().unwrap().len();
    hal(
        200,
        object!({"count": count, "_embedded": {name: items},
        "_links": {"self": link("https://x"), "previous": null, "next": next,
            "documentation": link("https://y")}}),
    )
}

fn hal(status: u16, body: Value) -> Reply {
    let headers = vec![("content-type".into(), "application/hal+json".into())];
    Reply {
        headers,
        ..json(status, body)
    }
}

fn problem(status: u16, field: Option<&str>, detail: &str) -> Reply {
    let mut body = object!({"status": status, "title": "No", "detail": detail,
        "_links": {"documentation": {"href": "https://x", "type": "text/html"}}});
    if let Some(field) = field {
        body["field"] = field.into();
    }
    hal(status, body)
}

fn looked_up(ask: &Lookup, reply: &Reply) -> Result<Vec<Fact>, Trouble> {
    let read = *GATEWAY.lookup.yes().unwrap();
    let (requests, told) = talked(read, ask, &outbound(), std::slice::from_ref(reply));
    assert_eq!(requests.len(), 1);
    fits(&GATEWAY, &outbound(), &requests[0], Some(reply));
    whole(told)
}

fn fetched(payment: Value) -> Vec<Fact> {
    looked_up(&lookup(Some("tr_1"), None), &hal(200, payment)).unwrap()
}

/// What is called after a key's lifetime.
fn search<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> Read<Ask, Option<Answer>> {
    match lost {
        LostReply::SameKey {
            key,
            then: LostReply::Find { look, .. },
        } => {
            assert_eq!(
                (key.place, key.lifetime),
                (KeyPlace::Header("Idempotency-Key"), 3600)
            );
            assert!(key.spelled(&format!("{}-page-2", reference())).is_ok());
            *look
        }
        _ => panic!("a key that lives for an hour must be followed by a look-up"),
    }
}

// ---- calls -------------------------------------------------------------------------------------

fn open(keep: bool, replies: &[Reply]) -> (Vec<Request>, Result<Session, Trouble>) {
    let opening = GATEWAY.checkout.yes().unwrap();
    let (requests, page) = talked(opening.open, &checkout(keep), &outbound(), replies);
    for (request, reply) in requests.iter().zip(replies) {
        fits(&GATEWAY, &outbound(), request, Some(reply));
    }
    (requests, page)
}

#[test]
fn a_page_that_keeps_nothing_is_one_call() {
    let (requests, page) = open(false, &[hal(201, paid_by("open", object!({})))]);
    let sent = body(&requests[0]);
    assert_eq!(sent["amount"], money("100.00"));
    assert_eq!(sent["sequenceType"], "oneoff");
    assert_eq!(sent["metadata"]["reference"], reference());
    assert_eq!(
        sent["webhookUrl"],
        "https://pay.example/webhooks/demo/mollie"
    );
    assert!(sent.get("customerId").is_none());
    let page = page.expect("a page");
    assert_eq!(
        (page.id.as_str(), page.opens_by.address()),
        ("tr_1", "https://www.mollie.com/checkout/1")
    );
}

#[test]
fn a_page_that_keeps_the_method_makes_a_nameless_customer_first() {
    let customer = |id: &str| {
        hal(
            201,
            object!({"resource": "customer", "id": id, "mode": "test", "name": null,
            "email": null, "locale": null, "metadata": null, "createdAt": "2026-03-14T10:00:00+00:00",
            "_links": {"self": link("https://x"), "dashboard": link("https://y"),
                "documentation": link("https://z")}}),
        )
    };
    let (requests, page) = open(true, &[customer("cst_1"), hal(201, kept("open"))]);
    assert_eq!(requests[0].path, "/v2/customers");
    assert_eq!(
        body(&requests[0]),
        &object!({"metadata": {"reference": reference()}})
    );
    assert_eq!(body(&requests[1])["sequenceType"], "first");
    assert_eq!(body(&requests[1])["customerId"], "cst_1");
    assert_eq!(page.expect("a page").id, "tr_1");
    let opening = GATEWAY.checkout.yes().unwrap();
    let odd = [customer("cst/1")];
    let (requests, page) = talked(opening.open, &checkout(true), &outbound(), &odd);
    assert_eq!(requests.len(), 1, "what is no id is named in no call");
    assert!(matches!(page, Err(Trouble::Unreadable(_))), "{page:?}");
}

#[test]
fn a_mandate_is_charged_without_the_payer() {
    let call = GATEWAY.charge.yes().unwrap();
    let ask = charge(mandate());
    let request = built(call.build, &ask, &outbound()).unwrap();
    let sent = body(&request);
    assert_eq!(sent["sequenceType"], "recurring");
    assert_eq!(
        (&sent["customerId"], &sent["mandateId"]),
        (&"cst_1".into(), &"mdt_1".into())
    );
    for (status, kind) in [
        ("pending", Kind::PaymentPending),
        ("paid", Kind::PaymentSucceeded),
        ("failed", Kind::PaymentFailed),
    ] {
        let reply = hal(201, paid_by(status, object!({})));
        fits(&GATEWAY, &outbound(), &request, Some(&reply));
        let facts = (call.parse)(&ask, &reply, &outbound()).unwrap();
        assert_eq!(
            (facts[0].kind, facts[0].payment.as_deref()),
            (kind, Some("tr_1")),
            "{status}"
        );
        assert_eq!(facts[0].reference, Some(reference()));
    }
    let nobody = Method {
        customer: None,
        ..mandate()
    };
    assert!(built(call.build, &charge(nobody), &outbound()).is_err());
}

#[test]
fn a_charge_whose_key_is_forgotten_is_found_among_its_customers_payments() {
    let look = search(&GATEWAY.charge.yes().unwrap().lost_reply);
    let ask = charge(mandate());
    let request = first(look, &ask, &outbound());
    assert_eq!(request.path, "/v2/customers/cst_1/payments");
    let other = paid_by("paid", object!({"id": "tr_9", "metadata": "not ours"}));
    let parse = |items: Value, next: Value| {
        let reply = list("payments", items, next);
        fits(&GATEWAY, &outbound(), &request, Some(&reply));
        heard(look, &ask, &outbound(), &[reply])
    };
    let found = parse(object!([other, paid_by("paid", object!({}))]), Value::Null).unwrap();
    assert_eq!(found.unwrap()[0].payment.as_deref(), Some("tr_1"));
    assert_eq!(parse(object!([other]), Value::Null), Ok(None));
    // What is not on the first of several pages may be on the next.
    let more = parse(object!([other]), link("https://x"));
    assert!(matches!(more, Err(Trouble::Unclear(_))), "{more:?}");
}

#[test]
fn a_refund_carries_our_reference_and_is_found_by_it() {
    let effect = GATEWAY.refund.yes().unwrap();
    let ask = refund("tr_1");
    let request = built(effect.build, &ask, &outbound()).unwrap();
    assert_eq!(request.path, "/v2/payments/tr_1/refunds");
    assert_eq!(body(&request)["amount"], money("25.00"));
    assert_eq!(body(&request)["metadata"]["reference"], ask.reference);
    for (status, kind) in [
        ("queued", Kind::RefundPending),
        ("pending", Kind::RefundPending),
        ("processing", Kind::RefundPending),
        ("refunded", Kind::RefundSucceeded),
        ("failed", Kind::RefundFailed),
        ("canceled", Kind::RefundFailed),
    ] {
        let reply = hal(201, refund_of(status));
        fits(&GATEWAY, &outbound(), &request, Some(&reply));
        let facts = (effect.parse)(&ask, &reply, &outbound()).unwrap();
        assert_eq!(
            (facts[0].kind, facts[0].amount),
            (kind, Some(eur(2_500))),
            "{status}"
        );
        assert_eq!(facts[0].reference.as_ref(), Some(&ask.reference));
        // When it was asked for is told, and when it ended is not.
        let begun = kind == Kind::RefundPending;
        assert_eq!(facts[0].occurred_at.is_some(), begun, "{status}");
    }
    let look = search(&effect.lost_reply);
    let request = first(look, &ask, &outbound());
    let reply = list("refunds", object!([refund_of("pending")]), Value::Null);
    fits(&GATEWAY, &outbound(), &request, Some(&reply));
    let found = heard(look, &ask, &outbound(), &[reply]).unwrap();
    assert_eq!(found.unwrap()[0].refund.as_deref(), Some("re_1"));
    let none = list("refunds", object!([]), Value::Null);
    assert_eq!(heard(look, &ask, &outbound(), &[none]), Ok(None));
}

#[test]
fn every_refusal_says_whether_money_may_have_moved() {
    let call = GATEWAY.charge.yes().unwrap();
    let parse = |reply: &Reply| (call.parse)(&charge(mandate()), reply, &outbound());
    let said = |status, field, detail| parse(&problem(status, field, detail)).unwrap_err();
    assert_eq!(
        said(422, Some("mandateId"), "no mandate"),
        Trouble::Declined(Decline::Method)
    );
    let refused = said(422, Some("amount"), "too high");
    assert_eq!(
        refused,
        Trouble::Rejected("No, field amount: too high".into())
    );
    assert_eq!(said(409, None, "duplicate"), Trouble::InFlight);
    let reused = said(422, None, "The idempotency key was used before");
    assert!(reused.may_have_happened(), "{reused}");
    assert_eq!(said(404, None, "no payment"), Trouble::Missing);
    assert!(matches!(said(401, None, "no key"), Trouble::Credentials(_)));
    assert!(matches!(said(429, None, "slow"), Trouble::Later { .. }));
    assert!(said(503, None, "later").may_have_happened());
    let odd = parse(&hal(201, paid_by("teleported", object!({})))).unwrap_err();
    assert!(matches!(odd, Trouble::Unreadable(_)), "{odd}");
    stays_unclear(parse);
}

#[test]
fn amounts_have_their_currencys_decimals() {
    let opening = GATEWAY.checkout.yes().unwrap();
    for (code, minor, text) in [("JPY", 1_250, "1250"), ("CHF", 1_205, "12.05")] {
        let mut ask = checkout(false);
        ask.amount = Money::new(minor, Currency::read(code).unwrap());
        let request = first(opening.open, &ask, &outbound());
        assert_eq!(
            body(&request)["amount"],
            object!({"currency": code, "value": text})
        );
    }
}

// ---- look-ups ----------------------------------------------------------------------------------

#[test]
fn each_status_says_its_kind() {
    for (status, kind, why) in [
        ("pending", Kind::PaymentPending, None),
        ("authorized", Kind::PaymentPending, None),
        ("paid", Kind::PaymentSucceeded, None),
        ("failed", Kind::PaymentFailed, Some(Decline::Other)),
        ("canceled", Kind::PaymentFailed, Some(Decline::Cancelled)),
        ("expired", Kind::PaymentExpired, None),
    ] {
        let facts = fetched(paid_by(status, object!({})));
        assert_eq!((facts[0].kind, facts[0].decline), (kind, why), "{status}");
        assert_eq!(facts[0].amount, Some(eur(10_000)));
    }
    let waiting = fetched(paid_by("open", object!({})));
    assert_eq!(waiting, [], "nobody has paid yet");
}

#[test]
fn the_reason_of_a_failure_decides_what_follows() {
    let why = |over: Value| fetched(paid_by("failed", over))[0].decline.unwrap();
    let card = |reason: &str| why(object!({"details": {"failureReason": reason}}));
    assert_eq!(card("insufficient_funds"), Decline::Funds);
    assert_eq!(card("card_expired"), Decline::Method);
    assert_eq!(card("possible_fraud"), Decline::Fraud);
    assert_eq!(card("authentication_required"), Decline::Action);
    assert_eq!(card("refused_by_issuer"), Decline::Other);
    assert_eq!(
        why(object!({"details": {"bankReasonCode": "AM04"}})),
        Decline::Funds
    );
    let status = |reason: &str| object!({"statusReason": {"code": reason, "message": "x"}});
    assert_eq!(why(status("lost_card")), Decline::Method);
    for reason in [
        "stop_payment_order",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
    ] {
        assert_eq!(why(status(reason)), Decline::Cancelled, "{reason}");
        // What is said in general says nothing against it.
        for general in ["refused_by_issuer", "card_declined", "unknown_reason"] {
            let mut both = status(reason);
            both["details"] = object!({"failureReason": general});
            assert_eq!(why(both), Decline::Cancelled, "{general}");
        }
    }
    let mut both = status("do_not_honor");
    both["details"] = object!({"failureReason": "insufficient_funds"});
    assert_eq!(why(both), Decline::Funds);
    let mut both = status("insufficient_funds");
    both["details"] = object!({"failureReason": "possible_fraud"});
    assert_eq!(why(both), Decline::Fraud);
    for (reason, expected) in [
        ("exceeds_withdrawal_count_limit", Decline::Funds),
        ("restricted_card", Decline::Method),
        ("no_checking_account", Decline::Method),
        ("card_is_blocked", Decline::Method),
        ("invalid_pin", Decline::Action),
        (
            "additional_customer_authentication_required",
            Decline::Action,
        ),
        ("missing_cvv2_cvc2", Decline::Action),
        ("pin_change_unblock_request_declined", Decline::Action),
        ("login_failed_invalid_password", Decline::Action),
        ("wrong_currency", Decline::Method),
        ("security_violation", Decline::Fraud),
        ("terminal_busy", Decline::Other),
        ("issuer_unavailable", Decline::Other),
    ] {
        assert_eq!(why(status(reason)), expected, "{reason}");
    }
}

#[test]
fn what_happened_has_the_time_of_its_kind() {
    let times = object!({"paidAt": "2026-03-15T08:00:00+01:00",
        "failedAt": "2026-03-16T08:00:00+00:00", "canceledAt": "2026-03-17T08:00:00+00:00",
        "expiredAt": "2026-03-18T08:00:00+00:00"});
    for (status, at) in [
        ("pending", "2026-03-14T10:00:00Z"),
        ("paid", "2026-03-15T07:00:00Z"),
        ("failed", "2026-03-16T08:00:00Z"),
        ("canceled", "2026-03-17T08:00:00Z"),
        ("expired", "2026-03-18T08:00:00Z"),
    ] {
        let fact = fetched(paid_by(status, times.clone())).remove(0);
        assert_eq!(fact.occurred_at, Some(at.parse().unwrap()), "{status}");
    }
}

#[test]
fn what_paid_is_named_where_it_can_be_told_apart() {
    let named = |details: Value| {
        let paid = paid_by("paid", object!({"method": "ideal", "details": details}));
        fetched(paid).remove(0).paid_with
    };
    let card = object!({"cardNumber": "4242", "cardLabel": "Mastercard"});
    assert_eq!(named(card).as_deref(), Some("Mastercard ending 4242"));
    let bank = object!({"consumerAccount": "NL55INGB0000001234", "consumerName": "Sam"});
    assert_eq!(named(bank).as_deref(), Some("Bank account ending 1234"));
    // The shortest of all has fifteen letters.
    let short = object!({"consumerAccount": "NO9386011117947"});
    assert_eq!(named(short).as_deref(), Some("Bank account ending 7947"));
    let nameless = object!({"cardNumber": "4242"});
    assert_eq!(named(nameless).as_deref(), Some("Card ending 4242"));
    let both = object!({"cardNumber": "42x2", "consumerAccount": "NL55INGB0000001234"});
    assert_eq!(named(both).as_deref(), Some("Bank account ending 1234"));
    for general in [
        object!({"consumerAccount": "NO938601111794"}),
        object!({"consumerAccount": "no9386011117947"}),
        object!({"consumerAccount": "N19386011117947"}),
        object!({"consumerAccount": "NO93 8601 1117 947"}),
        object!({"consumerAccount": "NL55INGB000000123X"}),
        object!({"consumerAccount": ""}),
        object!({"cardNumber": "424"}),
        object!({"cardNumber": ""}),
        object!({"cardNumber": "42a2", "cardLabel": "Visa"}),
        object!({"cardNumber": "a242", "cardLabel": "Visa"}),
        Value::Null,
        object!({}),
        object!({"consumerAccount": "sam1234@example.test"}),
        object!({"consumerAccount": "+31612341234"}),
        object!({"cardNumber": "42é2"}),
    ] {
        assert_eq!(named(general.clone()), None, "{general}");
    }
}

#[test]
fn a_first_payment_leaves_a_method_once_it_is_paid() {
    assert_eq!(fetched(kept("pending"))[0].method, None);
    assert_eq!(fetched(kept("paid"))[0].method, Some(mandate()));
    let mut bank = kept("paid");
    bank["method"] = "ideal".into();
    bank["details"] = object!({"consumerAccount": "NL55INGB0000000000", "consumerName": "Sam"});
    let label = fetched(bank)[0].method.clone().unwrap().label;
    assert_eq!(label, "Bank account ending 0000");
    let mut nameless = kept("paid");
    nameless["method"] = "paypal".into();
    nameless["details"] = object!({"consumerAccount": "sam@example.test"});
    let label = fetched(nameless)[0].method.clone().unwrap().label;
    assert_eq!(label, "PayPal account");
    // What nothing in particular tells apart is called by its kind.
    for (method, general) in [
        ("creditcard", "Card"),
        ("applepay", "Card"),
        ("paypal", "PayPal account"),
        ("ideal", "Bank account"),
        ("directdebit", "Bank account"),
    ] {
        let mut of = kept("paid");
        (of["method"], of["details"]) = (method.into(), object!({}));
        let label = fetched(of)[0].method.clone().unwrap().label;
        assert_eq!(label, general, "{method}");
    }
    for missing in ["customerId", "mandateId"] {
        let mut half = kept("paid");
        half[missing] = Value::Null;
        assert_eq!(fetched(half)[0].method, None, "{missing}");
    }
    for status in ["failed", "canceled", "expired", "authorized"] {
        assert_eq!(fetched(kept(status))[0].method, None, "{status}");
    }
}

#[test]
fn refunds_and_chargebacks_come_with_their_payment() {
    let embedded = object!({"refunds": [refund_of("refunded")],
        "chargebacks": [chargeback(Value::Null)]});
    let facts = fetched(paid_by("paid", object!({"_embedded": embedded})));
    let kinds: Vec<_> = facts.iter().map(|fact| fact.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::PaymentSucceeded,
            Kind::RefundSucceeded,
            Kind::DisputeOpened
        ]
    );
    assert!(
        facts
            .iter()
            .all(|fact| fact.payment.as_deref() == Some("tr_1"))
    );
    assert_eq!(facts[2].dispute.as_deref(), Some("chb_1"));
    let reversed = object!({"chargebacks": [chargeback("2026-03-15T10:00:00+00:00".into())]});
    let facts = fetched(paid_by("paid", object!({"_embedded": reversed})));
    assert_eq!(facts[1].kind, Kind::DisputeWon);
}

/// The chargeback of a payment by this method, with what is laid over both.
fn charged_back(method: &str, value: &str, over: Value) -> Fact {
    let mut back = chargeback(Value::Null);
    back["amount"] = money(value);
    for (name, value) in over.as_object().unwrap() {
        back[name] = value.clone();
    }
    let embedded = object!({"chargebacks": [back]});
    let payment = object!({"method": method, "_embedded": embedded,
        "paidAt": "2026-03-14T10:00:00+00:00"});
    let mut facts = fetched(paid_by("paid", payment));
    assert_eq!((facts.len(), facts[0].kind), (2, Kind::PaymentSucceeded));
    facts.remove(1)
}

#[test]
fn a_debit_that_comes_back_is_a_return_and_a_card_is_disputed() {
    let because = |code: &str| object!({"reason": {"code": code, "description": "x"}});
    for method in ["directdebit", "bacs"] {
        let back = charged_back(method, "100.00", because("AM04"));
        assert_eq!(
            (back.kind, back.decline, back.amount),
            (
                Kind::PaymentReturned,
                Some(Decline::Funds),
                Some(eur(10_000))
            )
        );
        assert_eq!(
            (back.payment.as_deref(), back.dispute),
            (Some("tr_1"), None)
        );
        assert_eq!(back.refund.as_deref(), Some("chb_1"));
        let back = charged_back(method, "40.00", because("MD06"));
        assert_eq!(
            (back.kind, back.decline, back.amount),
            (
                Kind::PaymentReturned,
                Some(Decline::Cancelled),
                Some(eur(4_000))
            )
        );
    }
    // No more goes back than was debited, whatever a bank adds for it.
    let more = charged_back("directdebit", "107.50", because("AM04"));
    assert_eq!(more.amount, Some(eur(10_000)));
    let less = charged_back("directdebit", "99.99", because("AM04"));
    assert_eq!(less.amount, Some(eur(9_999)));
    let more = charged_back("creditcard", "107.50", because("AM04"));
    assert_eq!(more.amount, Some(eur(10_750)));
    assert_eq!(
        charged_back("directdebit", "100.00", object!({"reason": null})).decline,
        Some(Decline::Other)
    );
    for method in ["creditcard", "paypal", "applepay"] {
        let back = charged_back(method, "100.00", because("AM04"));
        assert_eq!((back.kind, back.decline), (Kind::DisputeOpened, None));
        assert_eq!(back.dispute.as_deref(), Some("chb_1"));
    }
}

#[test]
fn a_chargeback_that_is_reversed_gives_the_money_back() {
    let reversed = || object!({"reversedAt": "2026-03-20T10:00:00+00:00"});
    let at = Some("2026-03-20T10:00:00Z".parse().unwrap());
    for (method, value) in [
        ("directdebit", "100.00"),
        ("directdebit", "40.00"),
        ("creditcard", "100.00"),
    ] {
        let back = charged_back(method, value, reversed());
        assert_eq!(
            (back.kind, back.occurred_at, back.dispute.as_deref()),
            (Kind::DisputeWon, at, Some("chb_1")),
            "{method}"
        );
    }
}

#[test]
fn a_returned_debit_is_due_again_in_every_order() {
    let paid = paid_by("paid", object!({"method": "directdebit"}));
    let mut back = paid.clone();
    let mut chargeback = chargeback(Value::Null);
    chargeback["reason"] = object!({"code": "MS02", "description": "x"});
    back["_embedded"] = object!({"chargebacks": [chargeback]});
    let last = fetched(back);
    let facts = [fetched(paid), last[1..].to_vec()].concat();
    let case = sent(
        &GATEWAY,
        mandate(),
        fetched(paid_by("pending", object!({}))),
    );
    let end = one_end(&GATEWAY, &case, &facts, &last);
    assert_eq!(
        (end.state, end.returned(), end.decline),
        (
            payment::State::Returned,
            eur(10_000),
            Some(Decline::Cancelled)
        )
    );
    assert!(!end.may_retry());
}

#[test]
fn a_debit_that_came_back_and_came_again_is_paid() {
    let debited = |over: Value| {
        let mut payment = object!({"method": "directdebit",
            "paidAt": "2026-03-14T10:00:00+00:00"});
        payment["_embedded"] = object!({"chargebacks": [over]});
        fetched(paid_by("paid", payment))
    };
    let back = debited(chargeback(Value::Null));
    let again = debited(chargeback("2026-03-20T10:00:00+00:00".into()));
    let case = sent(
        &GATEWAY,
        mandate(),
        fetched(paid_by("pending", object!({}))),
    );
    let told = |facts: &[Fact], now: &[Fact]| {
        let facts: Vec<_> = facts.iter().collect();
        after(&GATEWAY, &case, &facts, now)
    };
    assert_eq!(told(&back, &back).state, payment::State::Returned);
    let end = told(&[back, again.clone()].concat(), &again);
    assert_eq!(
        (end.state, end.returned_whole, end.decline),
        (payment::State::Paid, false, None)
    );
}

#[test]
fn a_list_that_shows_less_than_it_counts_proves_no_absence() {
    let mut short = list("refunds", object!([]), Value::Null);
    short.body = String::from_utf8(short.body)
        .unwrap()
        .replace("\"count\":0", "\"count\":1")
        .into();
    let look = search(&GATEWAY.refund.yes().unwrap().lost_reply);
    let answer = heard(look, &refund("tr_1"), &outbound(), &[short]);
    assert!(matches!(answer, Err(Trouble::Unclear(_))), "{answer:?}");
}

#[test]
fn without_an_id_our_reference_is_searched_and_absence_needs_the_whole_list() {
    let ask = lookup(None, None);
    let ours = object!([paid_by("paid", object!({}))]);
    let facts = looked_up(&ask, &list("payments", ours, link("https://x"))).unwrap();
    assert_eq!(facts[0].payment.as_deref(), Some("tr_1"));
    let none = list("payments", object!([]), Value::Null);
    assert_eq!(looked_up(&ask, &none), Ok(vec![]));
    let more = looked_up(&ask, &list("payments", object!([]), link("https://x")));
    assert!(matches!(more, Err(Trouble::Unclear(_))), "{more:?}");
    let by_session = lookup(None, Some("tr_1"));
    assert_eq!(
        looked_up(&by_session, &hal(200, kept("paid")))
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_refund_or_chargeback_that_came_without_its_payment_is_found_in_its_list() {
    let page = list("refunds", object!([refund_of("refunded")]), Value::Null);
    let facts = looked_up(&lookup(Some("re_1"), None), &page).unwrap();
    assert_eq!(facts[0].payment.as_deref(), Some("tr_1"));
    let page = list(
        "chargebacks",
        object!([chargeback(Value::Null)]),
        Value::Null,
    );
    let facts = looked_up(&lookup(Some("chb_1"), None), &page).unwrap();
    assert_eq!(facts[0].kind, Kind::DisputeOpened);
    let other = looked_up(&lookup(Some("chb_2"), None), &page);
    assert_eq!(other, Err(Trouble::Missing));
    // Its payment comes with it, and says what kind of taking back it is.
    let mut back = chargeback(Value::Null);
    back["_embedded"] = object!({"payment": paid_by("paid", object!({"method": "directdebit"}))});
    let page = list("chargebacks", object!([back]), Value::Null);
    let facts = looked_up(&lookup(Some("chb_1"), None), &page).unwrap();
    assert_eq!(facts[0].kind, Kind::PaymentReturned);
}

// ---- proofs ------------------------------------------------------------------------------------

#[test]
fn a_signed_event_is_proven_and_a_wrong_signature_is_never_taken_for_a_hint() {
    let text = event("payment.paid", "tr_1", Value::Null);
    let code = hex_code(SECRET, &text);
    let tried = |value: &str, body: &str| {
        let headers = [("x-mollie-signature", value)];
        proven(inbound(&GATEWAY), &delivery(&headers, body), &hooks())
    };
    assert_eq!(tried(&code, &text), Ok(true));
    assert_eq!(tried(&format!("sha256={code}"), &text), Ok(true));
    let other = hex_code("the secret before", &text);
    assert_eq!(
        tried(&format!("sha256={other}, sha256={code}"), &text),
        Ok(true)
    );
    assert_eq!(tried(&other, &text), Err(Refused::Forged));
    assert_eq!(tried(&code, &format!("{text} ")), Err(Refused::Forged));
    assert_eq!(tried("sha256=xyz", &text), Err(Refused::NoProof));
    assert_eq!(tried("", "id=tr_1"), Err(Refused::Forged));
    // A clinic without signed webhooks has no secret to prove them by.
    let headers = [("x-mollie-signature", hex_code("", &text))];
    let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let delivery = delivery(&headers, &text);
    let none = account(&[], &[]);
    assert_eq!(
        proven(inbound(&GATEWAY), &delivery, &none),
        Err(Refused::Forged)
    );
}

#[test]
fn a_classic_webhook_proves_nothing_and_is_answered_200() {
    let hint = delivery(&[], "id=tr_1");
    assert_eq!(proven(inbound(&GATEWAY), &hint, &hooks()), Ok(false));
    let answer = (inbound(&GATEWAY).door.answer)(&hint, &account(&[], &[]));
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

// ---- webhooks ----------------------------------------------------------------------------------

fn event(kind: &str, entity: &str, embedded: Value) -> String {
    let embedded = match embedded {
        Value::Null => Value::Null,
        entity => object!({"entity": entity}),
    };
    object!({"resource": "event", "id": "event_1", "type": kind, "entityId": entity,
        "createdAt": "2026-03-14T10:00:00+00:00", "_embedded": embedded,
        "_links": {"self": link("https://x"), "documentation": link("https://y")}})
    .to_string()
}

fn signed(text: &str) -> Item {
    let code = hex_code(SECRET, text);
    let headers = [("x-mollie-signature", code.as_str())];
    read(inbound(&GATEWAY), &hooks(), &headers, text)
        .expect("an event")
        .remove(0)
}

fn hint(id: &str) -> Result<Notice, Unreadable> {
    Ok(Notice::Hint { payment: id.into() })
}

#[test]
fn a_classic_webhook_is_a_hint_at_a_payment_and_nothing_else() {
    let said =
        |body: &str| read(inbound(&GATEWAY), &hooks(), &[], body).map(|mut all| all.remove(0));
    let item = said("id=tr_d0b0E3EA3v").unwrap();
    assert_eq!((item.id, item.notice), (None, hint("tr_d0b0E3EA3v")));
    for id in ["re_4qqhO89gsT", "chb_xFzwUN4ci8HAmSGUACS4J"] {
        let item = said(&format!("id={id}")).unwrap();
        assert_eq!((item.id, item.notice), (None, hint(id)), "{id}");
    }
    assert_eq!(
        said("id=pl_1").unwrap().notice,
        Ok(Notice::Ignored(Kind::Other))
    );
    for odd in [
        "id=tr_",
        "id=tr_..%2F..%2Frefunds",
        "id=tr_1%3Fa%3Db",
        "id=..%2F..%2Fv2%2Fx_1",
        "id=tr%2Fx_1",
        "id=cst_1",
        "id=7",
        "id=",
    ] {
        assert!(said(odd).unwrap().notice.is_err(), "{odd}");
    }
    assert!(said("").is_err() && said("{\"id\":\"tr_1\"}").is_err());
}

#[test]
fn a_signed_event_is_a_hint_at_the_payment_that_it_is_about() {
    for kind in [
        "paid",
        "authorized",
        "failed",
        "canceled",
        "expired",
        "pending",
    ] {
        let item = signed(&event(&format!("payment.{kind}"), "tr_1", Value::Null));
        assert_eq!(
            (item.id.as_deref(), item.notice),
            (Some("event_1"), hint("tr_1")),
            "{kind}"
        );
    }
    for kind in [
        "queued",
        "pending",
        "processing",
        "refunded",
        "failed",
        "canceled",
    ] {
        let whole = event(&format!("refund.{kind}"), "re_1", refund_of("pending"));
        assert_eq!(signed(&whole).notice, hint("tr_1"), "{kind}");
    }
    let bare = event("refund.refunded", "re_1", Value::Null);
    assert_eq!(signed(&bare).notice, hint("re_1"));
    for kind in ["chargeback.received", "chargeback.reversed"] {
        let whole = event(kind, "chb_1", chargeback(Value::Null));
        assert_eq!(signed(&whole).notice, hint("tr_1"), "{kind}");
    }
}

#[test]
fn other_signed_events_are_known_or_an_error() {
    for kind in [
        "balance-transaction.created",
        "payout.initiated",
        "hook.ping",
    ] {
        assert_eq!(
            signed(&event(kind, "x_1", Value::Null)).notice,
            Ok(Notice::Ignored(Kind::Other)),
            "{kind}"
        );
    }
    for (kind, expected) in [
        ("payout.completed", Kind::PayoutPaid),
        ("payout.failed", Kind::PayoutFailed),
    ] {
        let Ok(Notice::Fact(fact)) = signed(&event(kind, "pyt_1", Value::Null)).notice else {
            panic!("{kind}")
        };
        assert_eq!(
            (fact.kind, fact.payment_ids().next()),
            (expected, Some("pyt_1"))
        );
    }
    for kind in ["payment.teleported", "refund.teleported"] {
        assert!(
            signed(&event(kind, "tr_1", Value::Null)).notice.is_err(),
            "{kind}"
        );
    }
    // An unsigned body may name anything: it must not lead to another address.
    for id in [
        "tr_../x",
        "../../v2/customers/cst_1",
        "cst_1",
        "x_1",
        "",
        "tr_",
        "tr_1?a",
    ] {
        let said = event("payment.paid", id, Value::Null);
        let item = read(inbound(&GATEWAY), &hooks(), &[], &said)
            .unwrap()
            .remove(0);
        assert!(item.notice.is_err(), "{id}");
        let entity = object!({"paymentId": id});
        let said = event("refund.refunded", "re_1", entity);
        let item = read(inbound(&GATEWAY), &hooks(), &[], &said)
            .unwrap()
            .remove(0);
        assert!(item.notice.is_err(), "{id}");
    }
}

#[test]
fn a_payment_link_that_was_paid_is_looked_up_by_its_payments() {
    let said = signed(&event(
        "payment-link.paid",
        "pl_4Y0eZitmBnQ6IDoMqZQKh",
        Value::Null,
    ));
    assert_eq!(said.notice, hint("pl_4Y0eZitmBnQ6IDoMqZQKh"));
    let ask = lookup(Some("pl_1"), None);
    let paid = object!({"metadata": null});
    let payments = object!([
        paid_by("paid", paid),
        paid_by("failed", object!({"id": "tr_2"}))
    ]);
    let reply = list("payments", payments, Value::Null);
    let request = first(*GATEWAY.lookup.yes().unwrap(), &ask, &outbound());
    assert_eq!(request.path, "/v2/payment-links/pl_1/payments");
    let facts = looked_up(&ask, &reply).unwrap();
    let told: Vec<_> = facts
        .iter()
        .map(|f| (f.kind, f.payment.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (Kind::PaymentSucceeded, Some("tr_1")),
            (Kind::PaymentFailed, Some("tr_2"))
        ]
    );
}

#[test]
fn a_neighbour_that_cannot_be_read_hides_nothing_in_a_list_and_proves_no_absence() {
    let odd = object!({"id": "re_9", "status": 7});
    let look = search(&GATEWAY.refund.yes().unwrap().lost_reply);
    let ours = list(
        "refunds",
        object!([odd, refund_of("refunded")]),
        Value::Null,
    );
    let found = heard(look, &refund("tr_1"), &outbound(), &[ours]).unwrap();
    assert_eq!(found.unwrap()[0].refund.as_deref(), Some("re_1"));
    let none = list("refunds", object!([odd]), Value::Null);
    let answer = heard(look, &refund("tr_1"), &outbound(), &[none]);
    assert!(answer.is_err(), "{answer:?}");
    let odd = object!({"id": "tr_9", "amount": "much"});
    let payments = object!([odd, paid_by("paid", object!({}))]);
    let reply = list("payments", payments, Value::Null);
    let read = *GATEWAY.lookup.yes().unwrap();
    let told = heard(read, &lookup(None, None), &outbound(), &[reply]);
    let facts = told.unwrap().facts;
    assert_eq!(facts[0].payment.as_deref(), Some("tr_1"));
}

// ---- every order of the same states ------------------------------------------------------------

#[test]
fn every_order_of_what_was_fetched_ends_the_same() {
    let with = |refunds: Value, chargebacks: Value| {
        let embedded = object!({"refunds": refunds, "chargebacks": chargebacks});
        fetched(paid_by("paid", object!({"_embedded": embedded})))
    };
    let states = [
        fetched(paid_by("expired", object!({}))),
        with(object!([]), object!([])),
        with(object!([refund_of("pending")]), object!([])),
        with(
            object!([refund_of("refunded")]),
            object!([chargeback(Value::Null)]),
        ),
    ];
    let facts: Vec<Fact> = states.concat();
    let last = with(
        object!([refund_of("refunded")]),
        object!([chargeback("2026-03-15T10:00:00+00:00".into())]),
    );
    let mut facts: Vec<Fact> = facts.into_iter().chain(last.clone()).collect();
    facts.sort_by_key(|fact| format!("{fact:?}"));
    facts.dedup();
    let case = sent(
        &GATEWAY,
        mandate(),
        fetched(paid_by("pending", object!({}))),
    );
    let end = one_end(&GATEWAY, &case, &facts, &last);
    assert_eq!(end.state, payment::State::Paid);
    assert_eq!(end.refunds.len(), 1);
    assert_eq!(end.refunds[0].state, refunds::State::Succeeded);
    assert_eq!(
        (end.disputes.len(), end.disputes[0].state),
        (1, dispute::State::Won)
    );
}

#[test]
fn a_page_is_ended_where_mollie_lets_it_be_cancelled() {
    let (request, answer) = ends(
        &GATEWAY,
        &outbound(),
        "tr_1",
        &hal(200, paid_by("canceled", object!({}))),
    );
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("DELETE", "/v2/payments/tr_1")
    );
    let facts = answer.expect("it is ended");
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (facts[0].kind, facts[0].decline),
        (Kind::PaymentExpired, None)
    );
    let refused = problem(422, None, "The payment cannot be canceled");
    let (_, answer) = ends(&GATEWAY, &outbound(), "tr_1", &refused);
    assert!(matches!(answer, Err(Trouble::Rejected(_))), "{answer:?}");
}
