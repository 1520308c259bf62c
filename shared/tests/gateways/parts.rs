//! What all four gateways' readers have in common: a part that cannot be read hides no other, a
//! complaint names the field and never what stood in it, and every word of a contract is known.

use crate::*;
use meridian::contract::{Item, Notice};
use meridian::vendors::{gateway as find, gateways};
use serde_json::json as object;

const ODD: &str = "Juniper Vale";

fn secrets() -> Account {
    let fields = [
        ("secret_key", "sk_test_demo"),
        ("webhook_secret", "whsec_demo"),
        ("access_token", "sandbox_demo"),
        ("api_key", "test_demo"),
        ("client_id", "demo"),
        ("client_secret", "demo"),
        ("webhook_id", "WH-1"),
    ];
    account(&[], &fields)
}

/// One payment at a gateway as a look-up shows it: paid, with two refunds and, where they are
/// shown, a dispute.
struct Shown {
    gateway: &'static Gateway,
    ask: Lookup,
    replies: Vec<Value>,
    /// Where the status of the second refund stands: the reply, and the place in it.
    refund: (usize, &'static str),
    dispute: Option<(usize, &'static str)>,
    payment: (usize, &'static str),
}

fn stripe() -> Shown {
    let payment = object!({"id": "pi_1", "object": "payment_intent", "amount": 10_000,
        "amount_received": 10_000, "currency": "eur", "status": "succeeded",
        "metadata": {"reference": reference()}, "latest_charge": null});
    let refund = |id: &str| {
        object!({"id": id, "object": "refund", "amount": 1_000, "currency": "eur",
            "status": "succeeded", "charge": "ch_1", "payment_intent": "pi_1", "metadata": {}})
    };
    let dispute = object!({"id": "dp_1", "object": "dispute", "amount": 500, "currency": "eur",
        "status": "needs_response", "reason": "general", "charge": "ch_1",
        "payment_intent": "pi_1", "balance_transactions": []});
    let list = |items: Value| object!({"object": "list", "has_more": false, "data": items});
    Shown {
        gateway: find("stripe").unwrap(),
        ask: lookup(Some("pi_1"), None),
        replies: vec![
            payment,
            list(object!([refund("re_1"), refund("re_2")])),
            list(object!([dispute])),
        ],
        refund: (1, "/data/1/status"),
        dispute: Some((2, "/data/0/status")),
        payment: (0, "/status"),
    }
}

fn gocardless() -> Shown {
    let refund = |id: &str| {
        object!({"id": id, "amount": 1_000, "currency": "EUR", "status": "paid", "metadata": {},
            "links": {"payment": "PM1"}})
    };
    Shown {
        gateway: find("gocardless").unwrap(),
        ask: lookup(Some("PM1"), None),
        replies: vec![
            object!({"payments": {"id": "PM1", "amount": 10_000, "currency": "EUR",
                "status": "confirmed", "metadata": {"reference": reference()}}}),
            object!({"refunds": [refund("RF1"), refund("RF2")]}),
            object!({"events": [{"id": "EV1", "created_at": "2026-03-14T10:00:00Z",
                "resource_type": "payments", "action": "confirmed", "links": {"payment": "PM1"}}]}),
        ],
        refund: (1, "/refunds/1/status"),
        dispute: None,
        payment: (0, "/payments/status"),
    }
}

fn mollie() -> Shown {
    let money = |value: &str| object!({"currency": "EUR", "value": value});
    let refund = |id: &str| {
        object!({"id": id, "status": "refunded", "amount": money("10.00"), "paymentId": "tr_1",
            "createdAt": "2026-03-14T10:00:00+00:00", "metadata": null})
    };
    let chargeback = object!({"id": "chb_1", "amount": money("5.00"), "paymentId": "tr_1",
        "createdAt": "2026-03-14T10:00:00+00:00", "reversedAt": null});
    Shown {
        gateway: find("mollie").unwrap(),
        ask: lookup(Some("tr_1"), None),
        replies: vec![
            object!({"id": "tr_1", "status": "paid", "amount": money("100.00"),
            "metadata": {"reference": reference()}, "method": "creditcard",
            "createdAt": "2026-03-14T10:00:00+00:00", "paidAt": "2026-03-14T10:00:00+00:00",
            "_links": {}, "_embedded": {"refunds": [refund("re_1"), refund("re_2")],
                "chargebacks": [chargeback]}}),
        ],
        refund: (0, "/_embedded/refunds/1/status"),
        dispute: Some((0, "/_embedded/chargebacks/0/amount/value")),
        payment: (0, "/status"),
    }
}

fn paypal() -> Shown {
    let money = |value: &str| object!({"currency_code": "EUR", "value": value});
    let up = |of: &str| object!([{"href": format!("https://x/v2/{of}"), "rel": "up"}]);
    let refund = |id: &str| {
        object!({"id": id, "status": "COMPLETED", "amount": money("10.00"),
            "links": up("payments/captures/2GG2")})
    };
    let capture = object!({"id": "2GG2", "status": "PARTIALLY_REFUNDED",
        "amount": money("100.00"), "custom_id": reference(), "links": up("checkout/orders/5O1")});
    Shown {
        gateway: find("paypal").unwrap(),
        ask: lookup(Some("2GG2"), Some("5O1")),
        replies: vec![object!({"id": "5O1", "status": "COMPLETED",
            "create_time": "2026-03-14T10:00:00Z",
            "purchase_units": [{"custom_id": reference(), "amount": money("100.00"),
                "payments": {"captures": [capture], "refunds": [refund("1JU1"), refund("1JU2")]}}],
            "payment_source": {}, "links": []})],
        refund: (0, "/purchase_units/0/payments/refunds/1/status"),
        dispute: None,
        payment: (0, "/purchase_units/0/payments/captures/0/status"),
    }
}

fn all() -> [Shown; 4] {
    [stripe(), gocardless(), mollie(), paypal()]
}

impl Shown {
    fn read(&self, replies: &[Value]) -> Result<LookedUp, Trouble> {
        let replies: Vec<_> = replies.iter().map(|body| json(200, body.clone())).collect();
        let read = *self.gateway.lookup.yes().unwrap();
        heard(read, &self.ask, &secrets(), &replies)
    }

    /// What is told once these places hold a word that nobody knows.
    fn with_odd(&self, places: &[(usize, &str)]) -> Result<LookedUp, Trouble> {
        let mut replies = self.replies.clone();
        for (reply, place) in places {
            let at = replies[*reply]
                .pointer_mut(place)
                .expect("the place is there");
            *at = ODD.into();
        }
        self.read(&replies)
    }

    fn id(&self) -> &'static str {
        self.gateway.vendor.id
    }
}

#[test]
fn a_part_that_cannot_be_read_hides_no_other() {
    for shown in all() {
        let name = shown.id();
        let sound = shown.read(&shown.replies).expect(name);
        assert_eq!(sound.unread, Vec::<String>::new(), "{name}");
        assert_eq!(sound.facts[0].kind, Kind::PaymentSucceeded, "{name}");
        // A word of it that nobody knows, or all of it.
        let (reply, status) = shown.refund;
        let whole = (reply, status.trim_end_matches("/status"));
        let odd = [Some(shown.refund), shown.dispute, Some(whole)];
        for odd in odd.into_iter().flatten() {
            let told = shown.with_odd(&[odd]).expect(name);
            assert_eq!(told.unread.len(), 1, "{name} {odd:?}: {:?}", told.unread);
            assert_eq!(told.facts.len() + 1, sound.facts.len(), "{name} {odd:?}");
            let kept = |fact: &&Fact| told.facts.contains(fact);
            let kept = sound.facts.iter().filter(kept).count();
            assert_eq!(
                kept,
                told.facts.len(),
                "{name} {odd:?}: the others are as they were"
            );
        }
    }
}

#[test]
fn a_payment_that_cannot_be_read_leaves_what_is_known_of_its_refunds() {
    for shown in all() {
        let name = shown.id();
        let told = shown.with_odd(&[shown.payment]).expect(name);
        assert_eq!(told.unread.len(), 1, "{name}: {:?}", told.unread);
        let of_payment = |fact: &Fact| fact.kind == Kind::PaymentSucceeded;
        assert!(
            !told.facts.iter().any(of_payment),
            "{name}: nothing is guessed"
        );
        let refunds = told.facts.iter().filter(|f| f.refund.is_some()).count();
        assert_eq!(refunds, 2, "{name}");
    }
}

#[test]
fn a_look_up_of_which_nothing_can_be_read_tells_nothing() {
    for shown in all() {
        let name = shown.id();
        for body in [object!([]), object!("<html>"), object!({}), object!(null)] {
            let replies = vec![body.clone(); shown.replies.len()];
            let told = shown.read(&replies);
            assert!(
                matches!(told, Err(Trouble::Unreadable(_))),
                "{name} {body}: {told:?}"
            );
        }
    }
}

// ---- what a complaint says ---------------------------------------------------------------------

/// Every place of a value, as JSON pointers.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                places(inner, &format!("{here}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (n, inner) in items.iter().enumerate() {
                places(inner, &format!("{here}/{n}"), all);
            }
        }
        _ => {}
    }
    all.push(here.to_owned());
}

/// The value with something else at each of its places, one at a time.
fn spoilt(value: &Value) -> Vec<Value> {
    let mut all = vec![];
    places(value, "", &mut all);
    let spoil = |place: &String| {
        [object!(ODD), object!({ODD: 1}), object!([ODD]), object!(7)].map(|odd| {
            let mut other = value.clone();
            *other.pointer_mut(place).expect("it is there") = odd;
            other
        })
    };
    all.iter().flat_map(spoil).collect()
}

#[track_caller]
fn says_nothing_of_it(name: &str, complaint: impl std::fmt::Debug) {
    let text = format!("{complaint:?}");
    assert!(!text.contains("Juniper"), "{name}: {text}");
}

#[test]
fn what_a_look_up_complains_of_names_the_field_and_never_the_value() {
    for shown in all() {
        for (n, reply) in shown.replies.iter().enumerate() {
            for other in spoilt(reply) {
                let mut replies = shown.replies.clone();
                replies[n] = other;
                match shown.read(&replies) {
                    Ok(told) => says_nothing_of_it(shown.id(), told.unread),
                    Err(trouble) => says_nothing_of_it(shown.id(), trouble),
                }
            }
        }
    }
    let mut odd = mollie();
    odd.replies[0]["amount"]["value"] = ODD.into();
    let unread = odd.read(&odd.replies).unwrap().unread;
    assert!(unread[0].contains("amount"), "{unread:?}");
}

#[test]
fn what_an_answer_to_a_call_complains_of_names_the_field_and_never_the_value() {
    let method = Method {
        gateway: "x".into(),
        customer: Some("c".into()),
        token: "t".into(),
        label: "x".into(),
    };
    for shown in all() {
        let name = shown.id();
        let payment = match name {
            "gocardless" => object!({"payments": shown.replies[0]["payments"]}),
            _ => shown.replies[0].clone(),
        };
        let refund = match name {
            "gocardless" => object!({"refunds": shown.replies[1]["refunds"][0]}),
            "stripe" => shown.replies[1]["data"][0].clone(),
            "mollie" => shown.replies[0]["_embedded"]["refunds"][0].clone(),
            _ => shown.replies[0]["purchase_units"][0]["payments"]["refunds"][0].clone(),
        };
        let calls = &shown.gateway;
        for other in spoilt(&payment) {
            let call = calls.charge.yes().unwrap();
            let answer = (call.parse)(
                &charge(method.clone()),
                &json(200, other.clone()),
                &secrets(),
            );
            says_nothing_of_it(name, answer.err());
            let opening = calls.checkout.yes().unwrap();
            let answer = heard(
                opening.open,
                &checkout(false),
                &secrets(),
                &[json(200, other)],
            );
            says_nothing_of_it(name, answer.err());
        }
        for other in spoilt(&refund) {
            let call = calls.refund.yes().unwrap();
            let answer = (call.parse)(&crate::refund("p"), &json(200, other), &secrets());
            says_nothing_of_it(name, answer.err());
        }
    }
}

/// A webhook of each gateway, as its reader gets it once its proof held.
fn webhooks() -> Vec<(&'static str, Value)> {
    let [stripe, gocardless, mollie, paypal] = all();
    let event = |name: &str, object: &Value| {
        object!({"id": "evt_1", "object": "event", "created": 1_780_000_000, "type": name,
            "data": {"object": object}})
    };
    let at_paypal = |name: &str, kind: &str, resource: &Value| {
        object!({"id": "WH-1", "create_time": "2026-03-14T10:00:00Z", "resource_type": kind,
            "event_type": name, "resource": resource})
    };
    let payments = &paypal.replies[0]["purchase_units"][0]["payments"];
    let dispute = object!({"dispute_id": "PP-1", "status": "OPEN",
        "dispute_amount": {"currency_code": "EUR", "value": "1.00"},
        "disputed_transactions": [{"seller_transaction_id": "2GG2"}]});
    vec![
        (
            "stripe",
            event("payment_intent.succeeded", &stripe.replies[0]),
        ),
        (
            "stripe",
            event("refund.updated", &stripe.replies[1]["data"][0]),
        ),
        (
            "stripe",
            event("charge.dispute.created", &stripe.replies[2]["data"][0]),
        ),
        (
            "gocardless",
            object!({"events": gocardless.replies[2]["events"]}),
        ),
        (
            "mollie",
            object!({"id": "event_1", "type": "refund.refunded", "entityId": "re_1",
                "createdAt": "2026-03-14T10:00:00+00:00",
                "_embedded": {"entity": mollie.replies[0]["_embedded"]["refunds"][0]}}),
        ),
        (
            "paypal",
            at_paypal(
                "PAYMENT.CAPTURE.COMPLETED",
                "capture",
                &payments["captures"][0],
            ),
        ),
        (
            "paypal",
            at_paypal(
                "PAYMENT.CAPTURE.REFUNDED",
                "refund",
                &payments["refunds"][0],
            ),
        ),
        (
            "paypal",
            at_paypal("CUSTOMER.DISPUTE.CREATED", "dispute", &dispute),
        ),
    ]
}

/// What a proven delivery says.
fn read_proven(gateway: &str, body: &Value) -> Result<Vec<Item>, Unreadable> {
    let inbound = inbound(find(gateway).unwrap());
    let delivery = delivery(&[], &body.to_string());
    (inbound.read)(&Verified {
        delivery: &delivery,
        account: &secrets(),
        trusted: true,
    })
}

#[test]
fn what_a_webhook_complains_of_names_the_field_and_never_the_value() {
    for (name, body) in webhooks() {
        for other in spoilt(&body) {
            match read_proven(name, &other) {
                Ok(items) => {
                    for item in items {
                        says_nothing_of_it(name, item.notice.err());
                    }
                }
                Err(why) => says_nothing_of_it(name, why),
            }
        }
    }
}

// ---- the words of the contracts ----------------------------------------------------------------

/// The values that a contract's file lists at this place.
fn listed(file: &str, place: &str) -> Option<Vec<String>> {
    let Some(file) = official(file) else {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        return None;
    };
    let values = file.pointer(place).and_then(Value::as_array);
    let values = values.unwrap_or_else(|| panic!("nothing is listed at {place}"));
    let words = values.iter().filter_map(Value::as_str).map(String::from);
    Some(words.collect())
}

#[test]
fn every_status_of_the_contracts_is_understood() {
    let [stripe, gocardless, mollie, paypal] = all();
    let place =
        |name: &str, field: &str| format!("/components/schemas/{name}/properties/{field}/enum");
    let spec = "stripe/spec3.2023-08-16.json";
    let debits = "gocardless/gocardless.derived.openapi.json";
    let orders = "paypal/checkout_orders_v2.json";
    let v2 = "mollie/mollie_v2.facts.openapi.json";
    let schema = |name: &str| format!("/components/schemas/{name}/enum");
    let table: [(&Shown, (usize, &str), &str, String); 10] = [
        (
            &stripe,
            stripe.payment,
            spec,
            place("payment_intent", "status"),
        ),
        (
            &stripe,
            (2, "/data/0/status"),
            spec,
            place("dispute", "status"),
        ),
        (
            &gocardless,
            gocardless.payment,
            debits,
            place("Payment", "status"),
        ),
        (
            &gocardless,
            gocardless.refund,
            debits,
            place("Refund", "status"),
        ),
        (&mollie, mollie.payment, v2, schema("payment-status")),
        (&mollie, mollie.refund, v2, schema("refund-status")),
        (
            &paypal,
            paypal.payment,
            orders,
            place("capture_status", "status"),
        ),
        (
            &paypal,
            paypal.refund,
            orders,
            place("refund_status", "status"),
        ),
        (&paypal, (0, "/status"), orders, schema("order_status")),
        (&stripe, stripe.refund, "", String::new()),
    ];
    for (shown, (reply, at), file, place) in table {
        let words = match file {
            // Only told in words there.
            "" => Some(
                [
                    "pending",
                    "requires_action",
                    "succeeded",
                    "failed",
                    "canceled",
                ]
                .map(String::from)
                .to_vec(),
            ),
            file => listed(file, &place),
        };
        for word in words.into_iter().flatten() {
            let mut replies = shown.replies.clone();
            *replies[reply].pointer_mut(at).unwrap() = word.clone().into();
            let told = shown.read(&replies).expect(&word);
            assert_eq!(
                told.unread,
                Vec::<String>::new(),
                "{} {at} {word}",
                shown.id()
            );
        }
    }
}

#[test]
fn every_event_of_mollies_contract_is_known() {
    let place = "/components/schemas/webhook-event-types/enum";
    for name in listed("mollie/mollie_v2.facts.openapi.json", place).unwrap_or_default() {
        let id = match name.split('.').next() {
            Some("payment") => "tr_1",
            Some("refund") => "re_1",
            Some("chargeback") => "chb_1",
            Some("payment-link") => "pl_1",
            _ => "x_1",
        };
        let event = object!({"id": "event_1", "type": name, "entityId": id});
        let notice = read_proven("mollie", &event).unwrap().remove(0).notice;
        assert!(notice.is_ok(), "{name}: {notice:?}");
    }
}

/// The lists of events that stand anywhere in a file.
fn event_names(value: &Value, names: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Array(items) if items.iter().any(|item| item == "charge.dispute.created") => {
            names.extend(items.iter().filter_map(Value::as_str).map(String::from));
        }
        Value::Array(items) => items.iter().for_each(|item| event_names(item, names)),
        Value::Object(fields) => fields.values().for_each(|item| event_names(item, names)),
        _ => {}
    }
}

#[test]
fn every_event_of_stripes_contract_is_known() {
    let [stripe, ..] = all();
    let of = |name: &str| match name.rsplit_once('.').map_or("", |(of, _)| of) {
        "payment_intent" => stripe.replies[0].clone(),
        "refund" | "charge.refund" => stripe.replies[1]["data"][0].clone(),
        "charge.dispute" => stripe.replies[2]["data"][0].clone(),
        "charge" => object!({"id": "ch_1", "object": "charge", "amount": 1, "amount_captured": 1,
            "amount_refunded": 0, "captured": true, "currency": "eur", "status": "succeeded"}),
        "checkout.session" => object!({"id": "cs_1", "object": "checkout.session",
            "mode": "payment", "payment_status": "paid", "amount_total": 1, "currency": "eur"}),
        "payout" => object!({"id": "po_1", "amount": 1, "currency": "eur", "status": "paid"}),
        "mandate" => object!({"id": "m_1", "status": "active", "payment_method": "pm_1"}),
        _ => object!({"id": "x_1"}),
    };
    let mut names = std::collections::BTreeSet::new();
    for file in [
        "stripe/spec3.2023-08-16.json",
        "stripe/request-params.2026-10-28.endive.schema.json",
    ] {
        event_names(&official(file).unwrap_or_default(), &mut names);
    }
    for name in names {
        let event = object!({"id": "evt_1", "type": name, "data": {"object": of(&name)}});
        let notice = read_proven("stripe", &event).unwrap().remove(0).notice;
        assert!(notice.is_ok(), "{name}: {notice:?}");
    }
}

#[test]
fn every_kind_of_resource_of_gocardlesss_contract_is_known() {
    let place = "/components/schemas/Event/properties/resource_type/enum";
    let kinds = listed("gocardless/gocardless.derived.openapi.json", place);
    for kind in kinds.unwrap_or_default() {
        let money = [
            "payments",
            "refunds",
            "mandates",
            "billing_requests",
            "payouts",
        ];
        let event = object!({"events": [{"id": "EV1", "resource_type": kind,
            "action": "teleported", "links": {}}]});
        let notice = read_proven("gocardless", &event).unwrap().remove(0).notice;
        // What is known of a kind that is about money is each of its actions.
        assert_eq!(notice.is_err(), money.contains(&kind.as_str()), "{kind}");
    }
}

/// A type that nobody here knows is listed and has no effect; where it speaks of money it is put
/// before people. One rule for all.
#[test]
fn an_event_of_an_unknown_type_is_listed_and_about_money_put_before_people() {
    let stripe =
        |name: &str| object!({"id": "evt_1", "type": name, "data": {"object": {"id": "x_1"}}});
    let gocardless = |kind: &str| object!({"events": [{"id": "EV1", "resource_type": kind, "action": "teleported"}]});
    let mollie = |name: &str| object!({"id": "event_1", "type": name, "entityId": "tr_1"});
    let paypal = |name: &str| object!({"id": "WH-1", "event_type": name, "resource": {"id": "x"}});
    let listed = [
        ("stripe", stripe("coin.tossed")),
        ("gocardless", gocardless("coins")),
        ("mollie", mollie("coin.tossed")),
        ("paypal", paypal("COIN.TOSSED")),
    ];
    for (gateway, body) in listed {
        let notice = read_proven(gateway, &body).unwrap().remove(0).notice;
        assert_eq!(notice, Ok(Notice::Ignored(Kind::Other)), "{gateway} {body}");
    }
    let about_money = [
        ("stripe", stripe("payment_intent.teleported")),
        ("stripe", stripe("charge.teleported")),
        ("stripe", stripe("charge.dispute.teleported")),
        ("stripe", stripe("refund.teleported")),
        ("stripe", stripe("checkout.session.teleported")),
        ("gocardless", gocardless("payments")),
        ("gocardless", gocardless("refunds")),
        ("mollie", mollie("payment.teleported")),
        ("mollie", mollie("refund.teleported")),
        ("mollie", mollie("chargeback.teleported")),
        ("paypal", paypal("PAYMENT.CAPTURE.TELEPORTED")),
        ("paypal", paypal("PAYMENT.REFUND.TELEPORTED")),
        ("paypal", paypal("PAYMENT.SALE.TELEPORTED")),
        ("paypal", paypal("CUSTOMER.DISPUTE.TELEPORTED")),
        ("paypal", paypal("CHECKOUT.ORDER.TELEPORTED")),
    ];
    for (gateway, body) in &about_money {
        let item = read_proven(gateway, body).unwrap().remove(0);
        assert!(item.notice.is_err(), "{gateway} {body}: {:?}", item.notice);
        assert!(
            item.name.to_lowercase().contains("teleported"),
            "{}",
            item.name
        );
    }
}

// ---- what readers took for an id ---------------------------------------------------------------

/// Whatever a reader lets through is held once more to what an id and a name can be.
#[test]
fn an_event_that_names_what_no_vendor_names_is_unreadable() {
    let read = |id: &str, notice: Notice| {
        let item = Item {
            id: Some(id.into()),
            name: "payment.paid".into(),
            notice: Ok(notice),
        };
        item.checked()
    };
    let notices: [fn(String) -> Notice; 3] = [
        |payment| Notice::Hint { payment },
        |token| Notice::MethodGone { token, at: None },
        |token| Notice::MethodBack { token, at: None },
    ];
    for notice in notices {
        for odd in ["", "a b", "a/../b", "a#b", "a\n"] {
            assert!(read("evt_1", notice(odd.into())).notice.is_err(), "{odd:?}");
            let item = read(odd, notice("tr_1".into()));
            assert!(item.notice.is_err() && item.id.is_none(), "{odd:?}");
        }
        let item = read("evt_1", notice("tr_1".into()));
        assert_eq!(item.notice, Ok(notice("tr_1".into())));
        assert_eq!(item.id.as_deref(), Some("evt_1"));
    }
}

#[test]
fn an_events_name_is_kept_where_it_is_a_word_as_vendors_use_them() {
    let long = "a".repeat(100);
    for (name, kept) in [
        ("charge.dispute.funds_withdrawn", true),
        ("PAYMENT.CAPTURE.COMPLETED", true),
        ("payments:paid_out-2", true),
        (&long, true),
        (&format!("{long}a"), false),
        ("", false),
        ("Juniper Vale", false),
        ("<b>", false),
        ("zahlungsempfänger", false),
    ] {
        let item = Item {
            id: None,
            name: name.into(),
            notice: Ok(Notice::Ignored(Kind::Other)),
        };
        let wanted = if kept { name } else { "event" };
        assert_eq!(item.checked().name, wanted);
    }
}
