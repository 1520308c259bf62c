//! PayPal's older notifications: how they are proven and what each of them says.

use meridian::contract::{
    Account, Auth, Body, Delivery, Host, Inbound, Item, Notice, Outcome, Proof, Reply, Trouble,
    Verified, prove,
};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::vendors;
use meridian::words::money::{Currency, Money};
use meridian_contracts::{Contracts, Exchange};

const REFERENCE: &str = "0123456789abcdef-p1";

fn ipn() -> &'static Inbound {
    vendors::inbound("paypal-ipn").expect("a source")
}

fn account(fields: &[(&str, &str)]) -> Account {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Account::load(&[], fields.collect()).expect("an account")
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::read("USD").expect("a currency"))
}

fn delivery(body: &[u8]) -> Delivery {
    Delivery {
        headers: vec![(
            "content-type".into(),
            "application/x-www-form-urlencoded".into(),
        )],
        method: "POST".into(),
        body: body.into(),
        url: "https://pay.example.test/webhooks/wattle/paypal-ipn".into(),
        received_at: 1_800_000_000,
    }
}

/// A notification with these fields; a name in Latin letters of another charset rides along.
fn message(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut all = vec![
        ("receiver_email", "Clinic@Example.test"),
        ("mc_currency", "USD"),
    ];
    all.extend_from_slice(fields);
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(all)
        .finish();
    format!("{form}&last_name=M%FCller&charset=windows-1252").into_bytes()
}

fn payment(status: &str, gross: &str) -> Vec<u8> {
    message(&[
        ("txn_type", "web_accept"),
        ("txn_id", "61E67681CH3238416"),
        ("payment_status", status),
        ("payment_date", "09:05:03 Nov 1, 2026 PST"),
        ("mc_gross", gross),
        ("custom", REFERENCE),
    ])
}

fn back(status: &str, id: &str, gross: &str) -> Vec<u8> {
    message(&[
        ("txn_id", id),
        ("parent_txn_id", "61E67681CH3238416"),
        ("payment_status", status),
        ("mc_gross", gross),
        ("custom", "table 4"),
        ("invoice", REFERENCE),
    ])
}

fn item(body: &[u8]) -> Item {
    let account = account(&[("receiver_email", "clinic@example.test")]);
    let delivery = delivery(body);
    let verified = Verified {
        delivery: &delivery,
        account: &account,
        trusted: true,
    };
    let mut items = (ipn().read)(&verified).expect("items");
    assert_eq!(items.len(), 1);
    items.remove(0)
}

fn fact(body: &[u8]) -> Fact {
    if let Some(contracts) = Contracts::from_env() {
        let headers = delivery(body).headers;
        assert_eq!(
            contracts.check_webhook("paypal-ipn", &headers, body),
            Vec::<String>::new()
        );
    }
    match item(body).notice {
        Ok(Notice::Fact(fact)) => *fact,
        other => panic!("{other:?} is no fact"),
    }
}

fn unread(body: &[u8]) -> String {
    item(body).notice.expect_err("unreadable").0
}

// ---- proof -------------------------------------------------------------------------------------

type Ask = fn(&Delivery) -> meridian::contract::Request;
type Verdict = fn(&Reply) -> Result<bool, Trouble>;

fn postback() -> (Ask, Verdict) {
    assert!(matches!(ipn().door.proofs, [Proof::Postback]));
    let postback = ipn().postback.as_ref().expect("it is posted back");
    (postback.ask, postback.verdict)
}

#[test]
fn the_very_bytes_go_back_behind_the_command() {
    let sent = payment("Completed", "80.00");
    let request = postback().0(&delivery(&sent));
    let Body::Exact { content_type, text } = &request.body else {
        panic!("exact bytes")
    };
    assert_eq!(
        text.as_bytes(),
        [b"cmd=_notify-validate&", &sent[..]].concat()
    );
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/cgi-bin/webscr")
    );
    let Some(contracts) = Contracts::from_env() else {
        eprintln!("contracts not checked");
        return;
    };
    for verdict in ["VERIFIED", "INVALID"] {
        let exchange = Exchange {
            vendor: "paypal".into(),
            method: request.method.clone(),
            path: request.path.clone(),
            request_headers: vec![("Content-Type".into(), content_type.clone())],
            request_body: text.clone().into_bytes(),
            status: 200,
            response_headers: vec![("Content-Type".into(), "text/plain".into())],
            response_body: verdict.into(),
        };
        assert_eq!(contracts.check(&exchange), Vec::<String>::new());
    }
}

#[test]
fn only_paypals_word_proves_a_notification() {
    let reply = |status, body: &str| Reply {
        status,
        headers: vec![],
        body: body.into(),
    };
    let verdict = postback().1;
    assert_eq!(verdict(&reply(200, "VERIFIED")), Ok(true));
    assert_eq!(verdict(&reply(200, "VERIFIED\n")), Ok(true));
    assert_eq!(verdict(&reply(200, "INVALID")), Ok(false));
    for (status, body) in [
        (200, ""),
        (200, "<html>VERIFIED</html>"),
        (500, "VERIFIED"),
        (302, ""),
    ] {
        assert!(verdict(&reply(status, body)).is_err(), "{status} {body}");
    }
}

#[test]
fn nothing_is_proven_at_the_door_and_nothing_is_read_before_paypal_said_so() {
    let (delivery, account) = (delivery(&payment("Completed", "80.00")), account(&[]));
    assert!(matches!(
        prove(ipn().door, &delivery, &account),
        Ok(Outcome::NeedsVendor)
    ));
    let verified = Verified {
        delivery: &delivery,
        account: &account,
        trusted: false,
    };
    assert!((ipn().read)(&verified).is_err());
}

#[test]
fn the_clinics_secret_and_not_the_message_says_which_paypal_is_asked() {
    let Host::From(host) = ipn().vendor.host else {
        panic!("the host depends on the account")
    };
    assert_eq!(host(&account(&[])), "https://ipnpb.paypal.com");
    let sandbox = account(&[("environment", "sandbox")]);
    assert_eq!(host(&sandbox), "https://ipnpb.sandbox.paypal.com");
    let mut forged = payment("Completed", "80.00");
    forged.extend_from_slice(b"&test_ipn=1");
    assert_eq!(postback().0(&delivery(&forged)).host, None);
    assert!(
        matches!(ipn().vendor.auth, Auth::Open),
        "no token leaves for another host"
    );
}

// ---- what it says ------------------------------------------------------------------------------

#[test]
fn a_payment_is_told_by_its_status() {
    for (status, kind) in [
        ("Completed", Kind::PaymentSucceeded),
        ("Pending", Kind::PaymentPending),
        ("Created", Kind::PaymentPending),
    ] {
        let expected = Fact {
            reference: Some(REFERENCE.into()),
            payment: Some("61E67681CH3238416".into()),
            amount: Some(usd(8000)),
            occurred_at: Some("2026-11-01T17:05:03Z".parse().expect("a time")),
            ..Fact::new(kind)
        };
        assert_eq!(fact(&payment(status, "80.00")), expected, "{status}");
    }
    for status in ["Failed", "Denied", "Voided"] {
        let failed = fact(&payment(status, "80.00"));
        assert_eq!(
            (failed.kind, failed.decline),
            (Kind::PaymentFailed, Some(Decline::Other))
        );
        assert_eq!(
            (failed.payment, failed.aliases),
            (None, vec!["61E67681CH3238416".into()])
        );
    }
    assert_eq!(
        fact(&payment("Expired", "80.00")).kind,
        Kind::PaymentExpired
    );
}

#[test]
fn a_refund_names_the_payment_as_its_parent_and_is_written_with_a_minus() {
    let expected = Fact {
        reference: Some(REFERENCE.into()),
        payment: Some("61E67681CH3238416".into()),
        refund: Some("1JU08902781691411".into()),
        amount: Some(usd(3000)),
        ..Fact::new(Kind::RefundSucceeded)
    };
    assert_eq!(
        fact(&back("Refunded", "1JU08902781691411", "-30.00")),
        expected
    );
}

#[test]
fn a_reversal_takes_the_payment_back_as_the_newer_webhooks_tell_it() {
    let expected = Fact {
        reference: Some(REFERENCE.into()),
        payment: Some("61E67681CH3238416".into()),
        refund: Some("R1".into()),
        amount: Some(usd(3000)),
        decline: Some(Decline::Fraud),
        ..Fact::new(Kind::PaymentReturned)
    };
    assert_eq!(fact(&back("Reversed", "R1", "-30.00")), expected);
}

/// The parent is the reversal, or the payment that was reversed: only the case can tell which.
#[test]
fn what_cancels_a_reversal_names_it_by_its_parent_and_no_payment() {
    for parent in ["R1", "61E67681CH3238416"] {
        let cancelled = fact(&message(&[
            ("txn_id", "R2"),
            ("parent_txn_id", parent),
            ("payment_status", "Canceled_Reversal"),
            ("mc_gross", "30.00"),
            ("invoice", REFERENCE),
        ]));
        let expected = Fact {
            reference: Some(REFERENCE.into()),
            dispute: Some(parent.into()),
            amount: Some(usd(3000)),
            ..Fact::new(Kind::DisputeWon)
        };
        assert_eq!(cancelled, expected);
    }
}

#[test]
fn a_raw_letter_of_another_charset_goes_back_as_the_same_value() {
    let mut sent = payment("Completed", "80.00");
    sent.extend_from_slice(b"&first_name=Zo\xEB");
    let Body::Exact { text, .. } = postback().0(&delivery(&sent)).body else {
        panic!("exact bytes")
    };
    assert!(text.ends_with("&first_name=Zo%EB"), "{text}");
}

#[test]
fn summer_and_winter_are_told_apart_and_another_zone_is_not_guessed() {
    let at = |date: &str| {
        let fields = [
            ("txn_id", "1"),
            ("payment_status", "Completed"),
            ("mc_gross", "1.00"),
            ("payment_date", date),
        ];
        fact(&message(&fields)).occurred_at.map(|at| at.to_string())
    };
    assert_eq!(
        at("18:30:30 Jan 01, 2026 PST").as_deref(),
        Some("2026-01-02T02:30:30Z")
    );
    assert_eq!(
        at("18:30:30 Jul 14, 2026 PDT").as_deref(),
        Some("2026-07-15T01:30:30Z")
    );
    assert_eq!(at("18:30:30 Jan 01, 2026 CET"), None);
    assert_eq!(at("yesterday"), None);
}

#[test]
fn the_same_transaction_is_another_event_under_another_status() {
    let id = |body: &[u8]| item(body).id.expect("an id");
    assert_eq!(
        id(&payment("Pending", "80.00")),
        id(&payment("Pending", "80.00"))
    );
    assert_ne!(
        id(&payment("Pending", "80.00")),
        id(&payment("Completed", "80.00"))
    );
    assert_ne!(
        id(&back("Refunded", "R1", "-30.00")),
        id(&back("Refunded", "R2", "-30.00"))
    );
}

#[test]
fn what_does_not_fit_is_unreadable_and_not_guessed() {
    // The field is named, and never what stood in it.
    for status in ["Processed", "completed", "Juniper Vale"] {
        let why = unread(&payment(status, "80.00"));
        assert!(
            why.contains("payment_status") && !why.contains(status),
            "{why}"
        );
    }
    for gross in ["-80.00", "80.005", "Juniper Vale"] {
        let why = unread(&payment("Completed", gross));
        assert!(why.contains("mc_gross") && !why.contains(gross), "{why}");
    }
    assert!(unread(&payment("Completed", "")).contains("mc_gross"));
    let orphan = message(&[
        ("txn_id", "R1"),
        ("payment_status", "Refunded"),
        ("mc_gross", "-1.00"),
    ]);
    assert!(unread(&orphan).contains("parent_txn_id"));
}

/// Neither a payment nor what gives it back is of nothing, and only the latter bears a minus.
#[test]
fn an_amount_is_more_than_nothing_and_written_as_its_kind_is() {
    for (gross, paid, given_back) in [
        ("80.00", Some(8000), Some(8000)),
        ("0.01", Some(1), Some(1)),
        ("-80.00", None, Some(8000)),
        ("0.00", None, None),
        ("-0.00", None, None),
        ("0", None, None),
        ("", None, None),
        ("1,000.00", None, None),
        ("80.005", None, None),
    ] {
        let told = |body: &[u8]| match item(body).notice {
            Ok(Notice::Fact(fact)) => fact.amount,
            Ok(other) => panic!("{other:?} is no fact"),
            Err(_) => None,
        };
        for status in ["Completed", "Pending", "Denied", "Expired"] {
            let amount = told(&payment(status, gross));
            assert_eq!(amount, paid.map(usd), "{status} {gross}");
        }
        for status in ["Refunded", "Reversed", "Canceled_Reversal"] {
            let amount = told(&back(status, "1AB23456CD789012E", gross));
            assert_eq!(amount, given_back.map(usd), "{status} {gross}");
        }
    }
}

#[test]
fn money_that_went_to_another_receiver_is_not_ours() {
    let text = String::from_utf8(payment("Completed", "80.00")).expect("a form");
    let other = text.replace("Clinic%40Example.test", "thief%40example.test");
    assert_ne!(text, other);
    assert!(unread(other.as_bytes()).contains("another receiver"));
    // Without a configured receiver nothing is ours.
    let (delivery, account) = (delivery(text.as_bytes()), account(&[]));
    let verified = Verified {
        delivery: &delivery,
        account: &account,
        trusted: true,
    };
    let items = (ipn().read)(&verified).expect("items");
    assert!(items[0].notice.is_err());
}

#[test]
fn messages_about_no_payment_are_events_of_their_own_and_of_their_kinds() {
    let table: [(&[(&str, &str)], Kind); 7] = [
        (
            &[("txn_type", "new_case"), ("case_id", "PP-001")],
            Kind::DisputeOpened,
        ),
        (
            &[("txn_type", "new_case"), ("case_id", "PP-002")],
            Kind::DisputeOpened,
        ),
        (
            &[("txn_type", "subscr_cancel"), ("subscr_id", "I-1")],
            Kind::SubscriptionCancelled,
        ),
        (
            &[("txn_type", "subscr_cancel"), ("subscr_id", "I-2")],
            Kind::SubscriptionCancelled,
        ),
        (
            &[
                ("txn_type", "recurring_payment_profile_cancel"),
                ("recurring_payment_id", "I-3"),
            ],
            Kind::SubscriptionCancelled,
        ),
        (
            &[("txn_type", "mp_cancel"), ("mp_id", "B-1")],
            Kind::MandateCancelled,
        ),
        (
            &[("txn_type", "subscr_signup"), ("subscr_id", "I-1")],
            Kind::Other,
        ),
    ];
    let mut ids = std::collections::BTreeSet::new();
    for (fields, kind) in table {
        let told = item(&message(fields));
        assert_eq!(told.name, fields[0].1);
        assert_eq!(told.notice, Ok(Notice::Ignored(kind)), "{fields:?}");
        let id = told.id.expect("an id of its own");
        assert!(ids.insert(id.clone()), "{fields:?} is an event of its own");
        // PayPal sends it again until it is answered.
        let again = item(&message(&[fields, &[("resend", "true")]].concat()));
        assert_eq!(again.id, Some(id), "{fields:?}");
    }
    let nameless = item(&message(&[("case_id", "PP-003")]));
    assert_eq!(nameless.notice, Ok(Notice::Ignored(Kind::Other)));
    assert!(ids.insert(nameless.id.expect("an id of its own")));
}

#[test]
fn a_source_is_found_by_its_name_and_no_two_share_one() {
    assert_eq!(
        vendors::inbound("paypal").map(|inbound| inbound.door.source),
        Some("paypal")
    );
    assert_eq!(
        vendors::inbound("paypal-ipn").map(|inbound| inbound.vendor.id),
        Some("paypal")
    );
    assert!(vendors::inbound("").is_none() && vendors::inbound("PayPal").is_none());
}
