//! Messages to patients that were sent: whether they arrived, which other way they go where they
//! did not, and whom that concerns.

use crate::money::pays;
use crate::stack::{Clinic, Struck};
use crate::vendors::{Heard, Said, answer, connect, heard, ok};
use meridian::flows::deliveries;
use meridian::io::clock;
use meridian::io::queue::RowKey;
use meridian::io::store::Row;
use meridian::words::time;
use meridian_embedded_aws::Action;
use serde_json::{Value, json};

const SID: &str = "SM0123456789abcdef0123456789abcdef";
const MAIL: &str = "20261121150000.1.abc@mg.example.test";

/// What Twilio says of the text, and Mailgun of the mail.
#[derive(Clone)]
struct Fate {
    text: Value,
    mail: Value,
}

fn text(status: &str, code: Option<i64>) -> Value {
    json!({ "sid": SID, "status": status, "error_code": code })
}

fn mail(event: &str, severity: Option<&str>) -> Value {
    json!({ "items": [{ "event": event, "severity": severity }] })
}

fn well() -> Fate {
    Fate {
        text: text("delivered", None),
        mail: mail("delivered", None),
    }
}

fn said(fate: &Fate, heard: &Heard) -> Said {
    let method = heard.what.split(' ').next().unwrap_or_default();
    match (method, heard.what.contains("/twilio/")) {
        ("POST", true) => Said::Reply(201, text("queued", None)),
        ("POST", false) => ok(json!({ "id": format!("<{MAIL}>"), "message": "Queued." })),
        (_, true) if fate.text.is_null() => Said::Reply(503, json!({})),
        (_, true) => ok(fate.text.clone()),
        (_, false) => ok(fate.mail.clone()),
    }
}

impl Clinic {
    /// A clinic that texts and mails, whose messages end so.
    async fn that_writes(fate: Fate) -> Self {
        let clinic = Self::new().await;
        let mut settings = clinic.get("/v1/settings").await;
        settings["systems"] = json!(["mailgun", "twilio"]);
        let put = clinic.call("PUT", "/v1/settings", &settings).await;
        put.expect(200);
        connect(&clinic, "mailgun", |_| Said::Cut).await;
        connect(&clinic, "twilio", move |heard| said(&fate, heard)).await;
        clinic
    }

    async fn reached_by(&self, email: Option<&str>, phone: Option<&str>) -> String {
        let person = json!({
            "reference": "P-1", "name": "Juniper Vale", "email": email, "phone": phone,
        });
        let made = self.post("/v1/patients", person).await;
        made.body["id"].as_str().expect("an id").to_owned()
    }

    /// An invoice that was paid, of which the patient was told.
    async fn told(&self, patient: &str) -> String {
        let case = self.invoice(Some(patient)).await;
        let path = format!("/v1/invoices/{case}/charges");
        let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
        self.post(&path, wanted).await.expect(202);
        pays(self, &case).await;
        for system in ["mailgun", "twilio"] {
            self.delivers(&receipt(self, &case, system).await).await;
        }
        case
    }

    async fn row(&self, key: &RowKey) -> Row {
        let row = self.app.store.get(&key.pk, &key.sk).await;
        row.expect("a table").expect("a row")
    }

    /// How the receipt by this system stands, and why.
    async fn stands(&self, case: &str, system: &str) -> (String, String) {
        let row = self.row(&receipt(self, case, system).await).await;
        (row.get("state").into(), row.get("why").into())
    }

    /// How many messages the vendor was given.
    fn sent_by(&self, vendor: &str) -> usize {
        let post = format!("POST /{vendor}/");
        let sent = heard(self).into_iter();
        sent.filter(|call| call.what.starts_with(&post)).count()
    }
}

async fn receipt(clinic: &Clinic, case: &str, system: &str) -> RowKey {
    clinic.told_key(case, system, "payment-received-p1").await
}

const PHONE: Option<&str> = Some("+61370100142");
const EMAIL: Option<&str> = Some("juniper@example.org");

#[tokio::test]
async fn a_text_that_is_lost_after_it_was_sent_has_failed_and_alarms_nobody_where_the_mail_arrived()
{
    let fate = Fate {
        text: text("undelivered", Some(30003)),
        ..well()
    };
    let clinic = Clinic::that_writes(fate).await;
    let patient = clinic.reached_by(EMAIL, PHONE).await;
    let case = clinic.told(&patient).await;
    assert_eq!(clinic.stands(&case, "twilio").await.0, "done");
    clinic
        .delivers(&receipt(&clinic, &case, "twilio").await)
        .await;
    let (state, why) = clinic.stands(&case, "twilio").await;
    assert_eq!(state, "failed");
    assert!(why.contains("30003"), "{why}");
    assert_eq!(clinic.stands(&case, "mailgun").await.0, "done");
    assert_eq!(
        (clinic.sent_by("twilio"), clinic.sent_by("mailgun")),
        (1, 1)
    );
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_lost_message_goes_out_once_by_the_way_that_the_patient_has_by_now() {
    for (lost, next) in [("twilio", "mailgun"), ("mailgun", "twilio")] {
        let clinic = Clinic::that_writes(Fate {
            text: text("undelivered", Some(30003)),
            mail: mail("failed", Some("permanent")),
        })
        .await;
        let (email, phone) = (
            EMAIL.filter(|_| lost == "mailgun"),
            PHONE.filter(|_| lost == "twilio"),
        );
        let patient = clinic.reached_by(email, phone).await;
        let case = clinic.told(&patient).await;
        assert_eq!(clinic.stands(&case, next).await.0, "skipped");
        clinic.reached_by(EMAIL, PHONE).await;
        clinic.delivers(&receipt(&clinic, &case, lost).await).await;
        assert_eq!(clinic.stands(&case, lost).await.0, "failed");
        assert_eq!(clinic.stands(&case, next).await.0, "open");
        assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
        clinic.delivers(&receipt(&clinic, &case, next).await).await;
        assert_eq!(clinic.stands(&case, next).await.0, "done");
        // That one is lost as well: there is no third way, and none is gone twice.
        clinic.delivers(&receipt(&clinic, &case, next).await).await;
        assert_eq!(
            (clinic.sent_by("twilio"), clinic.sent_by("mailgun")),
            (1, 1)
        );
        let tasks = clinic.open_tasks().await;
        assert_eq!(tasks.len(), 1, "{tasks:#?}");
        assert_eq!(
            tasks[0]["id"],
            format!(
                "person-delivery-{}",
                clinic.delivery_id(&case, next, "payment-received-p1").await
            )
        );
    }
}

#[tokio::test]
async fn staff_are_asked_once_where_a_lost_message_reaches_the_patient_no_other_way() {
    let fate = Fate {
        text: text("undelivered", Some(30003)),
        ..well()
    };
    let clinic = Clinic::that_writes(fate).await;
    let patient = clinic.reached_by(None, PHONE).await;
    let case = clinic.told(&patient).await;
    let key = receipt(&clinic, &case, "twilio").await;
    clinic.delivers(&key).await;
    // It is over: nothing is due any more.
    deliveries::deliver(&clinic.app, &key)
        .await
        .expect("nothing to do");
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    let invoice = clinic.get(&format!("/v1/invoices/{case}")).await;
    let number = invoice["number"].as_str().expect("a number");
    let note = tasks[0]["note"].as_str().unwrap_or_default();
    for part in [number, "60.00", "30003", "phone number"] {
        assert!(note.contains(part), "no {part}: {note}");
    }
    // The number was mended: it is sent anew, and nobody is asked any more.
    answer(&clinic, |heard| said(&well(), heard));
    let id = clinic
        .delivery_id(&case, "twilio", "payment-received-p1")
        .await;
    let repeat = format!("/v1/deliveries/{case}/{id}/repeat");
    clinic.post(&repeat, Value::Null).await.expect(202);
    clinic.delivers(&key).await;
    clinic.delivers(&key).await;
    assert_eq!(clinic.stands(&case, "twilio").await.0, "done");
    assert_eq!(clinic.sent_by("twilio"), 2);
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_message_under_way_is_looked_at_again_and_an_arrived_one_never() {
    let under_way = Fate {
        text: text("sent", None),
        mail: mail("failed", Some("temporary")),
    };
    let clinic = Clinic::that_writes(under_way).await;
    let patient = clinic.reached_by(EMAIL, PHONE).await;
    let case = clinic.told(&patient).await;
    let due = async |system: &str| {
        let row = clinic.row(&receipt(&clinic, &case, system).await).await;
        assert_eq!(row.get("state"), "done");
        let wait = row.int("due_at") - time::millis(clock::now());
        row.has("due_at").then_some(wait / 60_000)
    };
    for system in ["twilio", "mailgun"] {
        for _ in 0..2 {
            let wait = due(system).await.expect("it is looked at");
            assert!((5..=10).contains(&wait), "after {wait} minutes");
            clinic
                .delivers(&receipt(&clinic, &case, system).await)
                .await;
        }
    }
    // Nobody answers: that says nothing, and is asked again.
    let silent = Fate {
        text: Value::Null,
        ..well()
    };
    answer(&clinic, move |heard| said(&silent, heard));
    for system in ["twilio", "mailgun"] {
        clinic
            .delivers(&receipt(&clinic, &case, system).await)
            .await;
    }
    assert!(due("twilio").await.is_some(), "given up too early");
    assert_eq!(due("mailgun").await, None, "it arrived");
    answer(&clinic, |heard| said(&well(), heard));
    clinic
        .delivers(&receipt(&clinic, &case, "twilio").await)
        .await;
    assert_eq!(due("twilio").await, None, "it arrived");
    assert_eq!(
        (clinic.sent_by("twilio"), clinic.sent_by("mailgun")),
        (1, 1)
    );
}

/// The carrier may tell that somebody opted out only after the text was taken.
#[tokio::test]
async fn a_number_whose_text_was_lost_to_an_opt_out_is_kept_as_opted_out() {
    let fate = Fate {
        text: text("undelivered", Some(21610)),
        ..well()
    };
    let clinic = Clinic::that_writes(fate).await;
    let patient = clinic.reached_by(EMAIL, PHONE).await;
    let case = clinic.told(&patient).await;
    clinic
        .delivers(&receipt(&clinic, &case, "twilio").await)
        .await;
    assert_eq!(clinic.stands(&case, "twilio").await.0, "skipped");
    let next = clinic.told(&patient).await;
    assert_eq!(clinic.stands(&next, "twilio").await.0, "skipped");
    assert_eq!(clinic.sent_by("twilio"), 1);
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

/// What a message speaks of may be over by the time it turns out to be lost.
#[tokio::test]
async fn a_lost_message_of_a_page_that_is_paid_by_now_concerns_nobody() {
    let fate = Fate {
        text: text("undelivered", Some(30003)),
        ..well()
    };
    let clinic = Clinic::that_writes(fate).await;
    let patient = clinic.reached_by(None, PHONE).await;
    let case = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, wanted).await.expect(202);
    crate::money::opens(&clinic, &case).await;
    let key = clinic.told_key(&case, "twilio", "checkout-ready-p1").await;
    clinic.delivers(&key).await;
    assert_eq!(clinic.row(&key).await.get("state"), "done");
    pays(&clinic, &case).await;
    clinic.delivers(&key).await;
    assert_eq!(clinic.row(&key).await.get("state"), "failed");
    assert_eq!(clinic.open_tasks().await, Vec::<Value>::new());
}

/// A patient whose number answered that it wants no texts.
async fn opted_out() -> (Clinic, String) {
    let clinic = Clinic::that_writes(well()).await;
    answer(&clinic, |_| {
        let refusal = json!({ "code": 21610, "message": "unsubscribed", "status": 400 });
        Said::Reply(400, refusal)
    });
    let patient = clinic.reached_by(None, PHONE).await;
    let case = clinic.told(&patient).await;
    assert_eq!(clinic.stands(&case, "twilio").await.0, "skipped");
    answer(&clinic, |heard| said(&well(), heard));
    (clinic, patient)
}

#[tokio::test]
async fn staff_see_that_a_number_opted_out_and_can_lift_it() {
    let (clinic, patient) = opted_out().await;
    let path = format!("/v1/patients/{patient}");
    assert_eq!(clinic.get(&path).await["opted_out"], true);
    let lift = format!("{path}/opt-out");
    let viewer = clinic.with_key(&clinic.key_with(&["view"]).await);
    viewer.call("DELETE", &lift, &Value::Null).await.expect(403);
    let lifted = clinic.call("DELETE", &lift, &Value::Null).await.expect(200);
    assert_eq!(lifted["opted_out"], false);
    assert_eq!(clinic.get(&path).await["opted_out"], false);
    let again = clinic.call("DELETE", &lift, &Value::Null).await;
    again.expect(404);
    let case = clinic.told(&patient).await;
    assert_eq!(clinic.stands(&case, "twilio").await.0, "done");
    let rows = clinic.rows().await;
    let noted = rows.values().map(Value::to_string);
    let noted = noted.filter(|row| row.contains("opt_out_lifted") && row.contains(&patient));
    assert_eq!(noted.count(), 1);
}

#[tokio::test]
async fn who_wants_no_texts_still_gets_his_mails() {
    let (clinic, _) = opted_out().await;
    let patient = clinic.reached_by(EMAIL, PHONE).await;
    for _ in 0..2 {
        let case = clinic.told(&patient).await;
        assert_eq!(clinic.stands(&case, "mailgun").await.0, "done");
        assert_eq!(clinic.stands(&case, "twilio").await.0, "skipped");
    }
}

/// Only of a page to pay on that reaches the patient no other way need staff know.
#[tokio::test]
async fn staff_hand_a_page_over_where_its_text_was_unwanted_and_no_mail_goes() {
    for (email, mails, topic, asked) in [
        (EMAIL, true, "checkout-ready", 0),
        (EMAIL, false, "checkout-ready", 1),
        (None, true, "checkout-ready", 1),
        (None, false, "checkout-ready", 1),
        (None, true, "payment-received", 0),
        (EMAIL, false, "payment-received", 0),
    ] {
        let clinic = Clinic::that_writes(well()).await;
        if !mails {
            let mut settings = clinic.get("/v1/settings").await;
            settings["systems"] = json!(["twilio"]);
            let put = clinic.call("PUT", "/v1/settings", &settings).await;
            put.expect(200);
        }
        answer(&clinic, |_| {
            let refusal = json!({ "code": 21610, "message": "unsubscribed", "status": 400 });
            Said::Reply(400, refusal)
        });
        let patient = clinic.reached_by(email, PHONE).await;
        let case = clinic.invoice(Some(&patient)).await;
        let path = format!("/v1/invoices/{case}/charges");
        let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
        clinic.post(&path, wanted).await.expect(202);
        crate::money::opens(&clinic, &case).await;
        if topic == "payment-received" {
            pays(&clinic, &case).await;
        }
        let key = clinic
            .told_key(&case, "twilio", &format!("{topic}-p1"))
            .await;
        clinic.delivers(&key).await;
        let what = format!("{email:?} {mails} {topic}");
        assert_eq!(clinic.row(&key).await.get("state"), "skipped", "{what}");
        let tasks = clinic.open_tasks().await;
        assert_eq!(tasks.len(), asked, "{what}: {tasks:#?}");
        if asked > 0 {
            assert_eq!(tasks[0]["id"], "person-unreachable-p1", "{what}");
        }
        // The number is kept whatever the message was.
        let shown = clinic.get(&format!("/v1/patients/{patient}")).await;
        assert_eq!(shown["opted_out"], true, "{what}");
    }
}

/// Who answered was whoever has the number.
#[tokio::test]
async fn an_opt_out_belongs_to_the_number_and_not_to_the_patient() {
    let (clinic, patient) = opted_out().await;
    clinic.reached_by(None, Some("+61370100143")).await;
    let path = format!("/v1/patients/{patient}");
    assert_eq!(clinic.get(&path).await["opted_out"], false);
    let case = clinic.told(&patient).await;
    assert_eq!(clinic.stands(&case, "twilio").await.0, "done");
    clinic.reached_by(None, PHONE).await;
    assert_eq!(clinic.get(&path).await["opted_out"], true);
    let case = clinic.told(&patient).await;
    assert_eq!(clinic.stands(&case, "twilio").await.0, "skipped");
}

/// The row is written before the message is sent; where DynamoDB's reply to that is lost, what
/// stands there is ours.
#[tokio::test]
async fn a_message_goes_out_although_the_reply_to_our_own_write_was_lost() {
    let clinic = Clinic::that_writes(well()).await;
    let patient = clinic.reached_by(EMAIL, None).await;
    let case = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, wanted).await.expect(202);
    pays(&clinic, &case).await;
    let write = "TransactWriteItems";
    let struck = Struck::by(vec![
        (write, Action::CutAfter, 1, 1),
        (write, Action::Conflict, 2, 1),
    ]);
    let key = receipt(&clinic, &case, "mailgun").await;
    deliveries::deliver(&struck.app, &key)
        .await
        .expect("a delivery");
    assert_eq!(struck.struck(), [1, 1]);
    assert_eq!(clinic.sent_by("mailgun"), 1);
    assert_eq!(clinic.stands(&case, "mailgun").await.0, "done");
}

/// Neither an address nor a number: said once, however many systems would have written.
#[tokio::test]
async fn a_page_of_which_no_message_can_tell_the_patient_is_staffs_to_hand_over() {
    // Who stands at the desk has the page before him; of what is paid there is no page to hand over.
    for (known, pays_first, topic, asked) in [
        (true, false, "checkout-ready", 1),
        (true, true, "checkout-ready", 0),
        (true, true, "payment-received", 0),
        (false, false, "checkout-ready", 0),
    ] {
        let clinic = Clinic::that_writes(well()).await;
        let patient = clinic.reached_by(None, None).await;
        let case = clinic.invoice(known.then_some(&*patient)).await;
        let path = format!("/v1/invoices/{case}/charges");
        let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
        clinic.post(&path, wanted).await.expect(202);
        crate::money::opens(&clinic, &case).await;
        if pays_first {
            pays(&clinic, &case).await;
        }
        for system in ["mailgun", "twilio"] {
            let key = clinic.told_key(&case, system, &format!("{topic}-p1")).await;
            clinic.delivers(&key).await;
            assert_eq!(clinic.row(&key).await.get("state"), "skipped");
        }
        let tasks = clinic.open_tasks().await;
        assert_eq!(
            tasks.len(),
            asked,
            "{known} {pays_first} {topic}: {tasks:#?}"
        );
        if asked == 1 {
            assert_eq!(tasks[0]["id"], "person-unreachable-p1");
            let note = tasks[0]["note"].as_str().unwrap_or_default();
            assert!(note.contains("hand the page over"), "{note}");
        }
    }
}

/// Neither an answer nor a trace of the message.
#[tokio::test]
async fn what_does_not_arrive_however_often_it_is_tried_is_one_task() {
    let clinic = Clinic::that_writes(well()).await;
    let patient = clinic.reached_by(EMAIL, None).await;
    answer(&clinic, |heard| match heard.what.starts_with("GET") {
        true => Said::Reply(200, json!({ "items": [] })),
        false => Said::Reply(500, json!({})),
    });
    let case = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    let wanted = json!({ "collect": "checkout", "gateway": "stripe" });
    clinic.post(&path, wanted).await.expect(202);
    pays(&clinic, &case).await;
    let key = receipt(&clinic, &case, "mailgun").await;
    for tries in 1..=8 {
        clinic.delivers(&key).await;
        // It may have arrived each time, and is looked for before the next.
        assert_eq!(
            clinic.stands(&case, "mailgun").await.0,
            "calling",
            "{tries}"
        );
        let tasks = clinic.open_tasks().await;
        assert_eq!(tasks.len(), usize::from(tries >= 8), "{tries}: {tasks:#?}");
    }
    let tasks = clinic.open_tasks().await;
    let note = tasks[0]["note"].as_str().unwrap_or_default();
    assert!(note.contains("again and again"), "{note}");
}
