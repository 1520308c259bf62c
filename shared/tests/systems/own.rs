//! The clinic's own system: what a record says, and what its answers mean.

use crate::{account, demo, eur, reply, steps, told};
use meridian::contract::{
    Auth, Body, CameBy, Customer, ExternalId, Host, Ids, KeyPlace, LostReply, Notification,
    Recorded, Stood, Trouble,
};
use meridian::domain::fact::Decline;
use meridian::domain::outbox::Topic;
use meridian::domain::task::Alert;
use meridian::domain::{dispute, payment, refund};
use meridian::vendors::own::SYSTEM;
use serde_json::{Value, json};

pub const SECRETS: &[(&str, &str)] = &[
    ("url", "https://hooks.example.org/meridian"),
    (
        "secret",
        "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
    ),
];

fn record(ask: &Notification) -> Value {
    let step = &steps(&SYSTEM, ask.topic)[0];
    let request = crate::built(step.build, ask, &demo(&SYSTEM)).expect("a request");
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "")
    );
    let Body::Exact { content_type, text } = &request.body else {
        panic!("{request:?}");
    };
    assert_eq!(content_type, "application/json");
    serde_json::from_str(text).expect("JSON")
}

/// A payment of 119.00 that came by card.
fn came() -> Notification {
    let ask = told(Topic::PaymentReceived);
    Notification {
        ids: Ids {
            clinic: "demo".into(),
            patient: Some("fedcba9876543210".into()),
            appointment: Some("A-7".into()),
            ..ask.ids.clone()
        },
        stood: Stood {
            payment: Some(payment::State::Paid),
            ..ask.stood.clone()
        },
        ..ask
    }
}

#[test]
fn a_record_is_what_the_document_says_and_nothing_that_people_read() {
    let euros = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    let expected = json!({
        "type": "payment.received",
        "timestamp": "2026-03-14T09:30:00Z",
        "data": {
            "clinic": "demo",
            "amount": euros("119.00"),
            "invoice": {
                "id": "0123456789abcdef", "number": "INV-7", "deposit": false,
                "asked": euros("119.00"), "due": euros("0.00"),
            },
            "credit_note": null,
            "payment": {
                "id": "0123456789abcdef-p1", "gateway": "stripe", "gateway_ref": "pi_1",
                "by": "gateway", "amount": euros("119.00"), "state": "paid", "decline": null,
            },
            "refund": null, "dispute": null, "task": null,
            "patient": { "id": "fedcba9876543210", "reference": "P-12", "name": null },
            "appointment": "A-7",
        },
    });
    assert_eq!(record(&came()), expected);
    // A name where the clinic shares names, and addresses never.
    let named = Notification {
        customer: Customer {
            name: Some("Juniper Vale".into()),
            ..came().customer
        },
        ..came()
    };
    assert_eq!(record(&named)["data"]["patient"]["name"], "Juniper Vale");
    let text = record(&named).to_string();
    for unsaid in ["Thank you", "sam@example.com", "4930123456"] {
        assert!(!text.contains(unsaid), "{text}");
    }
}

#[test]
fn each_thing_is_named_by_our_id_and_the_gateways_as_it_stood() {
    let refunded = Notification {
        topic: Topic::RefundPaid,
        amount: eur(2000),
        by: CameBy::Credit,
        ids: Ids {
            refund: Some("r1".into()),
            request: Some("89abcdefghjkmnpq".into()),
            refund_there: Some("re_1".into()),
            ..came().ids
        },
        stood: Stood {
            refund: Some(refund::State::Succeeded),
            ..came().stood
        },
        ..came()
    };
    let refund = json!({
        "id": "r1", "request": "89abcdefghjkmnpq", "gateway_ref": "re_1", "by": "credit",
        "state": "succeeded",
    });
    assert_eq!(record(&refunded)["data"]["refund"], refund);
    let disputed = Notification {
        topic: Topic::DisputeClosed,
        ids: Ids {
            dispute: Some("d1".into()),
            dispute_there: Some("dp_1".into()),
            ..came().ids
        },
        stood: Stood {
            dispute: Some(dispute::State::Lost),
            ..came().stood
        },
        ..came()
    };
    let dispute = json!({ "id": "d1", "gateway_ref": "dp_1", "state": "lost", "due_by": null });
    assert_eq!(record(&disputed)["data"]["dispute"], dispute);
    let asked = Notification {
        topic: Topic::NeedsPerson,
        ids: Ids {
            task: Some("person-late-p1".into()),
            ..Ids::default()
        },
        stood: Stood {
            alert: Some(Alert::LatePayment),
            ..came().stood
        },
        ..came()
    };
    let asked = record(&asked);
    let task = json!({ "id": "person-late-p1", "alert": "late_payment" });
    assert_eq!(
        (&asked["type"], &asked["data"]["task"]),
        (&json!("task.raised"), &task)
    );
    assert_eq!(
        (&asked["data"]["invoice"], &asked["data"]["payment"]),
        (&json!(null), &json!(null))
    );
    let cash = Notification {
        came: CameBy::Recorded(Recorded::Cash),
        gateway: String::new(),
        stood: Stood {
            decline: Some(Decline::Funds),
            payment: None,
            ..came().stood
        },
        ..came()
    };
    let cash = &record(&cash)["data"]["payment"];
    assert_eq!(
        (
            &cash["by"],
            &cash["gateway"],
            &cash["state"],
            &cash["decline"]
        ),
        (&json!("cash"), &json!(null), &json!(null), &json!("funds"))
    );
}

#[test]
fn what_is_answered_follows_http_and_only_a_success_takes_it() {
    let step = &steps(&SYSTEM, Topic::PaymentReceived)[0];
    let said = |status: u16, after: Option<&str>| {
        let mut reply = reply(status, "text/html", "<p>whatever</p>");
        let after = after.map(|seconds| ("Retry-After".to_owned(), seconds.to_owned()));
        reply.headers.extend(after);
        let reply = SYSTEM.vendor.said(reply)?;
        (step.parse)(&came(), &reply, &demo(&SYSTEM))
    };
    for status in [200, 202, 204, 299] {
        assert_eq!(said(status, None), Ok(ExternalId(None)), "{status}");
    }
    for status in [301, 307, 401, 403, 410] {
        let why = said(status, None).expect_err("a refusal");
        assert!(matches!(why, Trouble::Closed(_)), "{status}: {why}");
        assert!(why.to_string().contains(&status.to_string()), "{why}");
    }
    for status in [400, 404, 409, 418, 422] {
        let why = said(status, None).expect_err("a refusal");
        assert_eq!(why, Trouble::NotTaken(format!("status {status}")));
    }
    for status in [408, 500, 502, 503, 504, 529] {
        let why = said(status, None).expect_err("a failure");
        assert_eq!(why, Trouble::Unclear(format!("status {status}")));
    }
    let wait = |status, after| match said(status, after) {
        Err(Trouble::Later { seconds, .. }) => Some(seconds),
        _ => None,
    };
    assert_eq!(wait(429, Some("120")), Some(120));
    assert_eq!(wait(503, Some("7")), Some(7));
    assert_eq!(wait(429, None), Some(30));
    assert_eq!(wait(429, Some("Fri, 31 Dec 1999 23:59:59 GMT")), Some(30));
    assert_eq!(wait(503, Some("soon")), None);
}

#[test]
fn a_repeat_bears_the_same_id_for_as_long_as_anything_is_told() {
    for subscription in SYSTEM.subscriptions {
        let LostReply::SameKey { key, .. } = &subscription.steps[0].lost_reply else {
            panic!("{:?}", subscription.topic);
        };
        assert_eq!(key.place, KeyPlace::Header("webhook-id"));
        // Ninety days, and the part of a lifetime that is not counted on.
        assert!(key.lifetime - key.lifetime / 10 > 90 * 86_400);
        assert_eq!(
            key.spelled("0123456789abcdef-0123456789ab").as_deref(),
            Ok("0123456789abcdef-0123456789ab")
        );
    }
    assert!(matches!(
        SYSTEM.vendor.auth,
        Auth::StandardWebhook("secret")
    ));
    assert!(matches!(SYSTEM.vendor.host, Host::Told("url")));
}

#[test]
fn an_address_hears_of_what_it_asks_for_and_of_everything_if_it_asks_for_nothing() {
    let hears = |topics: &str, topic| {
        let mut fields = SECRETS.to_vec();
        fields.push(("topics", topics));
        (SYSTEM.hears)(&account(&SYSTEM, &fields), topic)
    };
    for subscription in SYSTEM.subscriptions {
        assert!(hears("", subscription.topic));
        assert!(hears("  ", subscription.topic));
    }
    let some = "payment.received  refund.paid";
    assert!(hears(some, Topic::PaymentReceived) && hears(some, Topic::RefundPaid));
    assert!(!hears(some, Topic::PaymentFailed) && !hears(some, Topic::NeedsPerson));
}

#[test]
fn what_cannot_be_an_address_a_key_or_a_topic_is_refused() {
    let misfit = |name: &str, value: &str| {
        let field = SYSTEM.vendor.field(name).expect("a field");
        field.misfit(value)
    };
    for (name, value) in SECRETS {
        assert_eq!(misfit(name, value), None);
    }
    for address in [
        "http://hooks.example.org",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://hooks.example.org:8443/x",
    ] {
        let why = misfit("url", address).expect("a reason");
        assert!(why.contains("https"), "{why}");
    }
    let why = misfit("secret", "whsec_c2hvcnQ=").expect("a reason");
    assert!(why.contains("24 to 64"), "{why}");
    assert_eq!(misfit("topics", "payment.received task.raised"), None);
    let why = misfit("topics", "payment.received payment.recieved").expect("a reason");
    assert!(
        why.contains("payment.received") && !why.contains("recieved"),
        "{why}"
    );
}
