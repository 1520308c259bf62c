//! Mailgun's adapter.

use super::*;
use meridian::contract::Trouble;
use meridian::vendors::mailgun::SYSTEM;
use serde_json::{Value, json as value};

pub const SECRETS: &[(&str, &str)] = &[
    ("api_key", "key-0123456789abcdef"),
    ("domain", "mg.example.com"),
    ("from", "Clinic <billing@mg.example.com>"),
];

fn step() -> &'static Effect<Notification, ExternalId> {
    &steps(&SYSTEM, Topic::PaymentReceived)[0]
}

fn parsed(reply: Reply) -> Result<ExternalId, Trouble> {
    let (ask, account) = (told(Topic::PaymentReceived), demo(&SYSTEM));
    let request = built(step().build, &ask, &account).unwrap();
    if reply.status != 404 && reply.status != 402 {
        holds(&SYSTEM, &request, &account, Some(&reply));
    }
    (step().parse)(&ask, &reply, &account)
}

#[test]
fn a_message_is_untracked_needs_tls_and_bears_our_key() {
    let ask = told(Topic::PaymentReceived);
    let request = built(step().build, &ask, &demo(&SYSTEM)).unwrap();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/v3/mg.example.com/messages")
    );
    let fields = [
        ("from", "Clinic <billing@mg.example.com>"),
        ("to", "sam@example.com"),
        ("subject", "Your receipt"),
        ("text", ask.message.text.as_str()),
        ("html", ask.message.html.as_str()),
        ("o:tracking", "no"),
        ("o:require-tls", "yes"),
        ("v:delivery", ask.key.as_str()),
    ];
    for (name, expected) in fields {
        assert_eq!(field(&request, name), Some(expected), "{name}");
    }
}

#[test]
fn a_message_without_html_is_sent_as_text_alone() {
    let mut ask = told(Topic::PaymentFailed);
    ask.message.html.clear();
    let request = built(step().build, &ask, &demo(&SYSTEM)).unwrap();
    assert_eq!(field(&request, "html"), None);
    holds(&SYSTEM, &request, &demo(&SYSTEM), None);
}

#[test]
fn an_address_that_names_several_people_or_none_is_refused() {
    for address in [
        "",
        "sam",
        "a@b.com,c@d.com",
        "a@b.com c@d.com",
        "Sam <a@b.com>",
        "a@b",
        "a@b.com;",
    ] {
        let mut ask = told(Topic::PaymentReceived);
        ask.customer.email = Some(address.into());
        let refused = built(step().build, &ask, &demo(&SYSTEM));
        assert!(refused.is_err(), "{address:?}");
        assert!(address.is_empty() || !refused.unwrap_err().to_string().contains(address));
    }
}

#[test]
fn accounts_of_the_eu_live_at_their_own_host_and_a_region_that_is_none_is_refused() {
    let of = |region: &str| account(&SYSTEM, &[SECRETS, &[("region", region)]].concat());
    let ask = told(Topic::PaymentReceived);
    let (us, eu) = ("https://api.mailgun.net", "https://api.eu.mailgun.net");
    assert_eq!(base(&SYSTEM.vendor.host, &demo(&SYSTEM)), us);
    for (region, host) in [("", us), ("us", us), ("US", us), ("eu", eu), ("EU", eu)] {
        assert_eq!(base(&SYSTEM.vendor.host, &of(region)), host, "{region}");
        assert!(built(step().build, &ask, &of(region)).is_ok(), "{region}");
    }
    for region in ["europe", "de", "us1"] {
        let fields = [SECRETS, &[("region", region)]].concat().into_iter();
        let fields = fields.map(|(name, value)| (name.into(), value.into()));
        let odd = Account::load(SYSTEM.vendor.fields, fields.collect());
        let why = odd.expect_err("no such region");
        assert!(why.contains("one of us, eu"), "{why}");
    }
}

#[test]
fn a_queued_message_is_filed_under_its_bare_id() {
    let queued = value!({"id": "<20260314.1.AB@mg.example.com>", "message": "Queued. Thank you."});
    assert_eq!(
        parsed(json(200, queued)),
        Ok(ExternalId(Some("20260314.1.AB@mg.example.com".into())))
    );
}

#[test]
fn refusals_say_why_without_the_address() {
    let bad = value!({"message": "'to' sam@example.com is not a valid address"});
    assert_eq!(
        parsed(json(400, bad)),
        Err(Trouble::Rejected("'to' is not a valid address".into()))
    );
    let forbidden = reply(401, "text/plain", "Forbidden");
    assert!(matches!(parsed(forbidden), Err(Trouble::Credentials(_))));
    let elsewhere = json(404, value!({"message": "Domain not found: mg.example.com"}));
    assert!(matches!(parsed(elsewhere), Err(Trouble::Credentials(_))));
    let busy = json(429, value!({"message": "try again after 120 seconds"}));
    assert!(matches!(parsed(busy), Err(Trouble::Later { .. })));
    let broken = json(500, value!({"message": "Internal Server Error"}));
    assert!(matches!(parsed(broken), Err(Trouble::Unclear(_))));
    assert!(matches!(
        parsed(reply(502, "text/html", "<html>")),
        Err(Trouble::Unclear(_))
    ));
}

fn looked_up(ask: &Notification, reply: &Reply) -> Result<Option<ExternalId>, Trouble> {
    let account = demo(&SYSTEM);
    let request = first(search(step()), ask, &account);
    holds(&SYSTEM, &request, &account, Some(reply));
    heard(search(step()), ask, &account, std::slice::from_ref(reply))
}

#[test]
fn a_lost_reply_is_found_by_our_key_among_the_patients_events() {
    let ask = told(Topic::PaymentReceived);
    let request = first(search(step()), &ask, &demo(&SYSTEM));
    // Midnight of the day before, in UTC.
    assert!(
        request
            .query
            .contains(&("begin".into(), "1773360000".into()))
    );
    assert!(
        request
            .query
            .contains(&("recipient".into(), "sam@example.com".into()))
    );
    let event = |key: &str, id: &str| {
        let headers = value!({"to": "sam@example.com", "from": "billing@mg.example.com",
            "subject": "Your receipt", "message-id": id});
        value!({"event": "accepted", "id": "x", "timestamp": 1773446400.5, "tags": [],
            "user-variables": {"delivery": key},
            "message": {"headers": headers, "attachments": [], "size": 867}})
    };
    let other = value!({"event": "delivered", "id": "y", "user-variables": {}});
    let both = json(
        200,
        value!({"items": [other, event("another", "1@x"), event(&ask.key, "2@x")]}),
    );
    assert_eq!(
        looked_up(&ask, &both),
        Ok(Some(ExternalId(Some("2@x".into()))))
    );
    let none = json(200, value!({"items": [event("another", "1@x")]}));
    assert_eq!(looked_up(&ask, &none), Ok(None));
}

#[test]
fn a_message_that_is_found_as_given_up_was_not_delivered() {
    let ask = told(Topic::PaymentReceived);
    let event = |event: &str, severity: Option<&str>| {
        value!({"event": event, "id": "x", "timestamp": 1773446400.5, "severity": severity,
            "user-variables": {"delivery": ask.key}})
    };
    let accepted = event("accepted", None);
    let looked = |last: Value| {
        let items = value!({"items": [accepted, last]});
        heard(search(step()), &ask, &demo(&SYSTEM), &[json(200, items)])
    };
    for last in [event("failed", Some("permanent")), event("rejected", None)] {
        assert!(matches!(looked(last), Err(Trouble::Rejected(_))));
    }
    // Mailgun itself goes on trying, or it has arrived.
    for last in [event("failed", Some("temporary")), event("delivered", None)] {
        assert!(matches!(looked(last), Ok(Some(_))));
    }
}

#[test]
fn mailguns_own_samples_can_be_read() {
    let Some(sample) = official("mailgun/fixtures/message-send.json") else {
        return;
    };
    let body = sample["response"]["body"].clone();
    assert_eq!(
        parsed(json(200, body)),
        Ok(ExternalId(Some(
            "20261121150000.1.EXAMPLE@mg.example.com".into()
        )))
    );
    let spec = official("mailgun/mailgun-openapi.trimmed.min.json").unwrap();
    let content = "/paths/~1v3~1{domain_name}~1events/get/responses/200/content";
    let samples = &spec.pointer(content).unwrap()["application/json"]["examples"];
    for (name, sample) in samples.as_object().unwrap() {
        let reply = json(200, sample["value"].clone());
        let ask = told(Topic::PaymentReceived);
        let found = heard(search(step()), &ask, &demo(&SYSTEM), &[reply]);
        assert_eq!(found, Ok(None), "{name}");
    }
}

#[test]
fn a_mail_that_was_taken_may_still_bounce_and_says_so_by_its_id() {
    let ask = *SYSTEM.arrival.get().unwrap();
    let (account, id) = (demo(&SYSTEM), "20261121150000.1.EXAMPLE@mg.example.com");
    let request = first(ask, id, &account);
    let event = |event: &str, severity: Option<&str>| {
        let headers = value!({"to": "sam@example.com", "from": "billing@mg.example.com",
            "subject": "Your receipt", "message-id": id});
        let mut told = value!({"event": event, "id": "x", "timestamp": 1773446400.5,
            "tags": [], "user-variables": {},
            "message": {"headers": headers, "attachments": [], "size": 867}});
        if let Some(severity) = severity {
            told["severity"] = severity.into();
        }
        told
    };
    let of = |items: Value| {
        let reply = json(200, value!({ "items": items }));
        heard(ask, id, &account, &[reply])
    };
    let accepted = json(200, value!({ "items": [event("accepted", None)] }));
    holds(&SYSTEM, &request, &account, Some(&accepted));
    assert!(request.query.contains(&("message-id".into(), id.into())));
    let waits = event("failed", Some("temporary"));
    for (items, is) in [
        (value!([]), Arrival::UnderWay),
        (value!([event("accepted", None)]), Arrival::UnderWay),
        (value!([waits, event("accepted", None)]), Arrival::UnderWay),
        (value!([event("delivered", None), waits]), Arrival::Arrived),
    ] {
        assert_eq!(of(items), Ok(is));
    }
    for end in [event("failed", Some("permanent")), event("rejected", None)] {
        let late = value!([end, event("delivered", None)]);
        assert!(matches!(of(late), Ok(Arrival::Lost(_))));
    }
    let forbidden = reply(401, "text/plain", "Forbidden");
    assert!(heard(ask, id, &account, &[forbidden]).is_err());
}
