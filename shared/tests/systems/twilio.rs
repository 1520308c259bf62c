//! Twilio's adapter.

use super::*;
use meridian::contract::Trouble;
use meridian::domain::fact::Decline;
use meridian::vendors::twilio::SYSTEM;
use serde_json::{Value, json as value};

pub const SECRETS: &[(&str, &str)] = &[
    ("account_sid", "AC00000000000000000000000000000000"),
    ("auth_token", "0123456789abcdef-token"),
    ("from", "+14155552345"),
];

fn step() -> &'static Effect<Notification, ExternalId> {
    &steps(&SYSTEM, Topic::PaymentReceived)[0]
}

fn text(status: &str, body: &str, created: &str) -> Value {
    value!({
        "sid": "SM0123456789abcdef0123456789abcdef", "status": status, "body": body,
        "direction": "outbound-api", "date_created": created, "error_code": null,
        "to": "+4930123456", "from": "+14155552345",
        "account_sid": "AC00000000000000000000000000000000",
    })
}

fn parsed(reply: Reply) -> Result<ExternalId, Trouble> {
    let (ask, account) = (told(Topic::PaymentReceived), demo(&SYSTEM));
    let request = built(step().build, &ask, &account).unwrap();
    if reply.header("content-type") == Some("application/json") {
        holds(&SYSTEM, &request, &account, Some(&reply));
    }
    (step().parse)(&ask, &reply, &account)
}

fn failure(status: u16, code: i64) -> Reply {
    let message = "The 'To' number +4930123456 is not valid";
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    json(
        status,
        value!({"code": code, "message": message, "more_info": more, "status": status}),
    )
}

#[test]
fn a_text_goes_to_the_patients_number_from_the_clinics() {
    let ask = told(Topic::PaymentReceived);
    let request = built(step().build, &ask, &demo(&SYSTEM)).unwrap();
    assert_eq!(
        request.path,
        "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json"
    );
    assert_eq!(field(&request, "To"), Some("+4930123456"));
    assert_eq!(field(&request, "From"), Some("+14155552345"));
    assert_eq!(field(&request, "Body"), Some(ask.message.text.as_str()));
}

#[test]
fn a_messaging_service_is_named_as_one() {
    let service = "MG0123456789abcdef0123456789abcdef";
    let account = account(&SYSTEM, &[&SECRETS[..2], &[("from", service)]].concat());
    let request = built(step().build, &told(Topic::RefundPaid), &account).unwrap();
    assert_eq!(field(&request, "MessagingServiceSid"), Some(service));
    assert_eq!(field(&request, "From"), None);
    holds(&SYSTEM, &request, &account, None);
}

#[test]
fn a_name_as_sender_that_begins_like_a_messaging_service_is_a_sender() {
    for name in ["MGClinic", "MG", "MG0123456789abcdef0123456789abcdeg"] {
        let account = account(&SYSTEM, &[&SECRETS[..2], &[("from", name)]].concat());
        let request = built(step().build, &told(Topic::RefundPaid), &account).unwrap();
        assert_eq!(field(&request, "From"), Some(name));
        assert_eq!(field(&request, "MessagingServiceSid"), None);
    }
}

#[test]
fn a_text_of_1600_letters_is_sent_and_a_longer_or_empty_one_refused() {
    let mut ask = told(Topic::PaymentReceived);
    let mut send = |text: String| {
        ask.message.text = text;
        built(step().build, &ask, &demo(&SYSTEM))
    };
    holds(
        &SYSTEM,
        &send("x".repeat(1600)).unwrap(),
        &demo(&SYSTEM),
        None,
    );
    assert!(send("x".repeat(1601)).is_err());
    assert!(send("€".repeat(1601)).is_err());
    assert!(send(" ".into()).is_err());
}

#[test]
fn only_a_number_in_international_form_is_written_to() {
    for number in [
        "",
        "030123456",
        "+0301234567",
        "whatsapp:+4930123456",
        "+49 30 123",
        "+12",
        "+4930123456x",
    ] {
        let mut ask = told(Topic::PaymentReceived);
        ask.customer.phone = Some(number.into());
        assert!(
            built(step().build, &ask, &demo(&SYSTEM)).is_err(),
            "{number:?}"
        );
    }
}

#[test]
fn a_taken_text_is_filed_and_a_failed_or_unknown_one_is_not() {
    let sid = Ok(ExternalId(Some(
        "SM0123456789abcdef0123456789abcdef".into(),
    )));
    let created = "Sat, 14 Mar 2026 09:00:00 +0000";
    for status in ["queued", "accepted", "sending", "sent", "delivered"] {
        assert_eq!(
            parsed(json(201, text(status, "Hi", created))),
            sid,
            "{status}"
        );
    }
    let mut failed = text("failed", "Hi", created);
    failed["error_code"] = value!(30003);
    assert!(
        matches!(parsed(json(201, failed)), Err(Trouble::Rejected(why)) if why.contains("30003"))
    );
    let (ask, odd) = (
        told(Topic::PaymentReceived),
        json(201, text("teleported", "Hi", created)),
    );
    let read = (step().parse)(&ask, &odd, &demo(&SYSTEM));
    assert!(matches!(read, Err(Trouble::Unreadable(_))));
}

#[test]
fn refusals_are_final_by_code_and_never_quote_the_number() {
    for code in [21211, 21614, 21408] {
        let Err(Trouble::Rejected(why)) = parsed(failure(400, code)) else {
            panic!("{code} is final");
        };
        assert!(!why.contains("4930123456"), "{why}");
    }
    assert_eq!(parsed(failure(400, 21611)), Err(Trouble::busy(60)));
    assert!(matches!(
        parsed(failure(401, 20003)),
        Err(Trouble::Credentials(_))
    ));
    assert!(matches!(
        parsed(failure(404, 20404)),
        Err(Trouble::Credentials(_))
    ));
    let mut busy = failure(429, 20429);
    busy.headers.push(("Retry-After".into(), "7".into()));
    assert_eq!(parsed(busy), Err(Trouble::busy(7)));
    assert!(matches!(
        parsed(failure(503, 20503)),
        Err(Trouble::Unclear(_))
    ));
    assert!(matches!(
        parsed(reply(400, "text/html", "<html>")),
        Err(Trouble::Unreadable(_))
    ));
}

fn looked_up(messages: Value) -> Result<Option<ExternalId>, Trouble> {
    let (ask, account) = (told(Topic::PaymentReceived), demo(&SYSTEM));
    let reply = json(
        200,
        value!({"messages": messages, "page": 0, "page_size": 1000}),
    );
    let request = first(search(step()), &ask, &account);
    holds(&SYSTEM, &request, &account, Some(&reply));
    heard(search(step()), &ask, &account, &[reply])
}

#[test]
fn a_lost_reply_is_found_by_number_and_words_even_while_it_waits_in_the_queue() {
    let words = told(Topic::PaymentReceived).message.text;
    let today = "Sat, 14 Mar 2026 09:00:00 +0000";
    let mut waiting = text("queued", &words, today);
    waiting["date_sent"] = Value::Null;
    let other = text("delivered", "Another text", today);
    assert!(matches!(
        looked_up(value!([other, waiting])),
        Ok(Some(ExternalId(Some(_))))
    ));
    assert_eq!(looked_up(value!([other])), Ok(None));
    assert_eq!(looked_up(value!([])), Ok(None));
}

#[test]
fn the_same_words_of_another_week_or_from_the_patient_are_not_ours() {
    let words = told(Topic::PaymentReceived).message.text;
    let old = text("delivered", &words, "Thu, 12 Mar 2026 23:59:00 +0000");
    let mut echoed = text("delivered", &words, "Sat, 14 Mar 2026 09:00:00 +0000");
    echoed["direction"] = value!("inbound");
    assert_eq!(looked_up(value!([old, echoed])), Ok(None));
    // The clinic's day may begin on the day before in GMT.
    let eve = text("delivered", &words, "Fri, 13 Mar 2026 11:30:00 +0000");
    assert!(matches!(looked_up(value!([eve])), Ok(Some(_))));
}

#[test]
fn a_text_that_is_found_as_failed_was_not_delivered() {
    let words = told(Topic::PaymentReceived).message.text;
    let mut failed = text("undelivered", &words, "Sat, 14 Mar 2026 09:00:00 +0000");
    failed["error_code"] = value!(30005);
    assert!(matches!(
        looked_up(value!([failed])),
        Err(Trouble::Rejected(_))
    ));
}

#[test]
fn twilios_own_samples_can_be_read() {
    let Some(spec) = official("twilio/twilio_api_v2010.min.json") else {
        return;
    };
    let at = |method: &str, status: &str| {
        let path = format!(
            "/paths/~12010-04-01~1Accounts~1{{AccountSid}}~1Messages.json/{method}/responses/{status}/content/application~1json/examples"
        );
        spec.pointer(&path).unwrap().as_object().unwrap().clone()
    };
    let (ask, account) = (told(Topic::PaymentReceived), demo(&SYSTEM));
    for (name, sample) in at("post", "201") {
        let read = (step().parse)(&ask, &json(201, sample["value"].clone()), &account);
        assert!(matches!(read, Ok(ExternalId(Some(_)))), "{name}: {read:?}");
    }
    for (name, sample) in at("get", "200") {
        let reply = json(200, sample["value"].clone());
        let found = heard(search(step()), &ask, &account, &[reply]);
        assert_eq!(found, Ok(None), "{name}");
    }
}

/// Nobody need be alarmed: the patient said so. It is told apart from what staff must mend.
#[test]
fn that_a_patient_opted_out_is_no_failure_of_the_text() {
    let opted_out = Err(Trouble::Declined(Decline::Cancelled));
    assert_eq!(parsed(failure(400, 21610)), opted_out);
    let mut late = text("undelivered", "Hi", "Sat, 14 Mar 2026 09:00:00 +0000");
    late["error_code"] = value!(21610);
    assert_eq!(parsed(json(201, late)), opted_out);
}

fn looked_at(reply: Reply) -> Result<Arrival, Trouble> {
    let (ask, account, id) = (
        *SYSTEM.arrival.get().unwrap(),
        demo(&SYSTEM),
        "SM0123456789abcdef0123456789abcdef",
    );
    let request = first(ask, id, &account);
    holds(&SYSTEM, &request, &account, Some(&reply));
    heard(ask, id, &account, &[reply])
}

#[test]
fn a_text_that_was_sent_may_still_be_lost_and_says_so_by_its_id() {
    let at = |status: &str, code: Value| {
        let mut message = text(status, "Hi", "Sat, 14 Mar 2026 09:00:00 +0000");
        message["error_code"] = code;
        looked_at(json(200, message))
    };
    for (status, is) in [
        ("accepted", Arrival::UnderWay),
        ("queued", Arrival::UnderWay),
        ("sent", Arrival::UnderWay),
        ("delivered", Arrival::Arrived),
        ("read", Arrival::Arrived),
    ] {
        assert_eq!(at(status, Value::Null), Ok(is), "{status}");
    }
    for status in ["undelivered", "failed", "canceled"] {
        let lost = at(status, value!(30003));
        let named = matches!(&lost, Ok(Arrival::Lost(why)) if why.contains("30003"));
        assert!(named, "{status}: {lost:?}");
    }
    assert_eq!(at("undelivered", value!(21610)), Ok(Arrival::Unwanted));
    // A code alone is no end: Twilio's own sample of a message that is `sent` has one.
    assert_eq!(at("sent", value!(30007)), Ok(Arrival::UnderWay));
}

#[test]
fn a_look_up_that_is_refused_says_nothing_of_the_text() {
    assert_eq!(looked_at(failure(404, 20404)), Err(Trouble::Missing));
    for reply in [
        failure(401, 20003),
        failure(400, 20001),
        failure(503, 20503),
    ] {
        assert!(looked_at(reply).is_err());
    }
}

#[test]
fn only_an_id_of_twilios_own_is_looked_up() {
    let read = *SYSTEM.arrival.get().unwrap();
    let (asked, end) = talked(read, "SM01/../../Calls", &demo(&SYSTEM), &[]);
    assert!(asked.is_empty() && end.is_err(), "{asked:?}");
}
