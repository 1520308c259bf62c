//! Rows past their due time: put off before anything is asked for them, and nudged again only once
//! the message before must have been worked off. Alone in its process, as a run works off all rows.

#[allow(dead_code, reason = "what the API's tests need beside")]
#[path = "../api/stack.rs"]
mod stack;
#[allow(dead_code, reason = "what the API's tests need beside")]
#[path = "../api/vendors.rs"]
mod vendors;

use meridian::domain::case::Step;
use meridian::domain::outbox::Occurrence;
use meridian::domain::task::{Lane, Task, Work};
use meridian::flows::deliveries;
use meridian::flows::due::{self, Share};
use meridian::io::clock;
use meridian::io::queue::{Nudge, RowKey};
use meridian::io::store::{Row, Write, Written};
use meridian::records::case::pk as case_pk;
use meridian::records::delivery::DeliveryRow;
use meridian::records::outbox;
use meridian::records::task;
use meridian::words::{ids, time};
use meridian_embedded_aws::Action;
use serde_json::{Value, json};
use stack::{Clinic, Struck, aws};
use std::time::Duration;

/// The runs of one test must not work the rows of another off.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn write(clinic: &Clinic, case: &str, id: &str, work: Work) -> RowKey {
    let (id, pk) = (id.into(), case_pk(&clinic.id, case));
    let due = time::after(clock::now(), -120);
    let row = task::row(&clinic.id, &pk, case, &Task { id, work, due });
    clinic.write(Write::Put(row.clone())).await;
    row.key()
}

async fn row(clinic: &Clinic, key: &RowKey) -> Row {
    let row = clinic.app.store.get(&key.pk, &key.sk).await;
    row.expect("a table").expect("a row")
}

/// A row that tells the books of a payment.
async fn deliver(clinic: &Clinic, case: &str, payment: u32) -> RowKey {
    let pk = case_pk(&clinic.id, case);
    let due = time::after(clock::now(), -120);
    let told: Occurrence = serde_json::from_value(json!({
        "n": 900 + payment, "topic": "payment_received", "payment": payment,
        "at": due, "heard_at": due, "amount": eur(100), "facts": {
            "invoice": "INV-1", "total": eur(100), "rates": [],
            "standing": {"total": eur(100), "rates": []}, "asked": eur(100), "due": eur(0),
            "surplus": eur(0), "beyond": eur(0), "coming": eur(0),
        },
    }))
    .expect("an occurrence");
    let row = DeliveryRow::new(&pk, &outbox::place(told.n), "xero", &told, due).row();
    clinic.write(Write::Put(row.clone())).await;
    row.key()
}

fn eur(minor: i64) -> Value {
    json!({ "amount": format!("{}.00", minor / 100), "currency": "EUR" })
}

fn overdue(row: &Row) -> bool {
    row.int("due_at") <= time::millis(clock::now())
}

#[tokio::test]
async fn a_row_whose_work_ends_the_process_is_put_off_before_it_begins() {
    let _alone = ALONE.lock().await;
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let work = Work::Settle {
        payment: 1,
        refund: None,
        tries: 0,
    };
    let key = write(&clinic, &case, "p1", work).await;
    assert!(overdue(&row(&clinic, &key).await));
    // The run hangs in the work of the row, and ends there.
    let struck = Struck::by(vec![("GetItem", Action::Delay { ms: 60_000 }, 1, 100)]);
    let run = due::work_off_due(&struck.app);
    let ended = tokio::time::timeout(Duration::from_secs(3), run).await;
    assert!(ended.is_err(), "it was to hang");
    assert!(!overdue(&row(&clinic, &key).await), "asked first for ever");
}

#[tokio::test]
async fn an_outcome_that_is_long_in_coming_holds_up_no_other() {
    let _alone = ALONE.lock().await;
    let work = || Work::Settle {
        payment: 1,
        refund: None,
        tries: 0,
    };
    let mut due = vec![];
    for _ in 0..4 {
        let clinic = Clinic::new().await;
        let case = clinic.invoice(None).await;
        due.push((write(&clinic, &case, "p1", work()).await, clinic));
    }
    // Whichever is first hangs.
    let struck = Struck::by(vec![("GetItem", Action::Delay { ms: 60_000 }, 1, 1)]);
    let run = due::work_off_due(&struck.app);
    let ended = tokio::time::timeout(Duration::from_secs(3), run).await;
    assert!(ended.is_err(), "it was to hang");
    for (key, clinic) in &due {
        assert!(!overdue(&row(clinic, key).await), "it waits behind another");
    }
}

/// How many rows each message of deliveries carried.
fn nudged() -> Vec<usize> {
    nudges().iter().map(Vec::len).collect()
}

/// The rows of each message of deliveries since the calls were last forgotten. All of them are of the
/// clinic that the queue was told.
fn nudges() -> Vec<Vec<RowKey>> {
    let calls = aws().calls();
    let sent = calls.iter().filter(|call| {
        let queue = call.request["QueueUrl"].as_str().unwrap_or_default();
        call.operation == "SendMessageBatch" && queue.ends_with("/deliveries")
    });
    let messages = sent.flat_map(|call| call.request["Entries"].as_array().expect("entries"));
    let rows = messages.map(|message| {
        let body = message["MessageBody"].as_str().expect("a body");
        let nudge: Nudge = serde_json::from_str(body).expect("a nudge");
        for row in &nudge.rows {
            assert_eq!(message["MessageGroupId"], row.clinic());
        }
        nudge.rows
    });
    rows.collect()
}

#[tokio::test]
async fn what_was_nudged_is_nudged_again_only_after_its_message_and_few_rows_share_one() {
    let _alone = ALONE.lock().await;
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let mut keys = vec![];
    for n in 0..10 {
        keys.push(deliver(&clinic, &case, n).await);
    }
    aws().reset_calls();
    due::work_off_due(&clinic.app).await.expect("a run");
    let first = nudged();
    // That the invoice was issued is to be spread as well. One system that is slow holds up no other.
    assert_eq!(first, [1; 11]);
    let calls = aws().calls().into_iter();
    let batches = calls.filter(|call| call.operation == "SendMessageBatch");
    assert_eq!(batches.count(), 2, "ten messages in a call");
    aws().reset_calls();
    due::work_off_due(&clinic.app).await.expect("a run");
    assert_eq!(nudged(), Vec::<usize>::new(), "nudged again too early");
    // It is worked off all the same when its message comes.
    let before = row(&clinic, &keys[0]).await;
    deliveries::deliver(&clinic.app, &keys[0])
        .await
        .expect("worked off");
    assert_ne!(row(&clinic, &keys[0]).await, before);
    // A lost message costs no more than that.
    let lost = Row::default().number("due_at", time::millis(clock::now()) - 1);
    let (key, remove) = (keys[1].clone(), vec![]);
    clinic
        .write(Write::Change {
            key,
            set: lost,
            remove,
        })
        .await;
    aws().reset_calls();
    due::work_off_due(&clinic.app).await.expect("a run");
    assert!(nudges().contains(&vec![keys[1].clone()]));
}

/// The index is behind the row: what was put off or done meanwhile is left as it is.
#[tokio::test]
async fn only_the_row_says_whether_it_is_due() {
    let _alone = ALONE.lock().await;
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let settle = Work::Settle {
        payment: 1,
        refund: None,
        tries: 0,
    };
    let mut keys = vec![];
    keys.push(deliver(&clinic, &case, 1).await);
    keys.push(deliver(&clinic, &case, 2).await);
    keys.push(write(&clinic, &case, "p1", settle).await);
    // Whatever else is due is worked off first.
    due::work_off_due(&clinic.app).await.expect("a run");
    let change = |key: &RowKey, due: i64, remove| Write::Change {
        key: key.clone(),
        set: Row::default().number("due_at", due),
        remove,
    };
    let past = time::millis(clock::now()) - 1000;
    for key in &keys {
        clinic.write(change(key, past, vec!["taken_at"])).await;
    }
    let later = past + 3_600_000;
    aws().reset_calls();
    // Found in the index, and read, lane by lane, only after others have changed them.
    let struck = Struck::by(vec![("BatchGetItem", Action::Delay { ms: 1500 }, 1, 10)]);
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for key in &keys {
            clinic.write(change(key, later, vec![])).await;
        }
    };
    let (run, ()) = tokio::join!(due::work_off_due(&struck.app), meanwhile);
    run.expect("a run");
    assert_eq!(nudged(), Vec::<usize>::new());
    for key in &keys {
        let row = row(&clinic, key).await;
        assert_eq!((row.int("due_at"), row.has("taken_at")), (later, false));
    }
}

#[tokio::test]
async fn a_row_that_fails_is_put_off_and_holds_up_none_behind_it() {
    let _alone = ALONE.lock().await;
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let work = Work::Settle {
        payment: 1,
        refund: None,
        tries: 0,
    };
    let poison = write(&clinic, &case, "p1", work).await;
    let set = Row::default().text("data", "no task");
    let (key, remove) = (poison.clone(), vec![]);
    clinic.write(Write::Change { key, set, remove }).await;
    let good = deliver(&clinic, &case, 2).await;
    due::work_off_due(&clinic.app).await.expect("a run");
    for key in [&poison, &good] {
        assert!(!overdue(&row(&clinic, key).await), "{} stays first", key.sk);
    }
}

/// Rows of the clinic's that are due and never worked off here.
fn backlog(clinic: &Clinic, many: usize) -> Vec<Row> {
    let past = time::millis(clock::now()) - 120_000;
    let row = |n| {
        let pk = case_pk(&clinic.id, &ids::random());
        Row::new(pk, outbox::sk(&outbox::place(n))).due(Lane::Tell, past)
    };
    (1..=many as u32).map(row).collect()
}

async fn transact(clinic: &Clinic, writes: Vec<Write>) {
    for some in writes.chunks(80) {
        let written = clinic.app.store.transact(some).await;
        assert_eq!(written.expect("a table"), Written::Done);
    }
}

#[tokio::test]
async fn more_than_a_run_takes_in_one_lane_keeps_no_other_lane_waiting() {
    let _alone = ALONE.lock().await;
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let rows = backlog(&clinic, 240);
    transact(&clinic, rows.iter().cloned().map(Write::Put).collect()).await;
    let settle = Work::Settle {
        payment: 1,
        refund: None,
        tries: 0,
    };
    let pay = Work::Pay {
        payment: 2,
        step: Step::Charge,
    };
    let settle = write(&clinic, &case, "p1", settle).await;
    let pay = write(&clinic, &case, "p2", pay).await;
    // A call for messages takes a while, so that the time is over before all of them are sent.
    let slow = Action::Delay { ms: 250 };
    let struck = Struck::by(vec![("SendMessageBatch", slow, 1, 10_000)]);
    let share = Share {
        rows: 1,
        time: Duration::from_secs(3),
    };
    due::work_off(&struck.app, share).await.expect("a run");
    drop(struck);
    for key in [&settle, &pay] {
        assert!(!overdue(&row(&clinic, key).await), "{} waits", key.sk);
    }
    let keys: Vec<_> = rows.iter().map(Row::key).collect();
    let left = clinic.app.store.get_all(&keys).await.expect("a table");
    let left = left.iter().filter(|row| overdue(row)).count();
    assert!((1..240).contains(&left), "{left} are left");
    transact(&clinic, keys.into_iter().map(Write::Delete).collect()).await;
}

#[tokio::test]
async fn a_run_goes_on_until_nothing_of_a_lane_is_due() {
    let _alone = ALONE.lock().await;
    let clinic = Clinic::new().await;
    let rows = backlog(&clinic, 60);
    transact(&clinic, rows.iter().cloned().map(Write::Put).collect()).await;
    let share = Share {
        rows: 1,
        time: Duration::from_secs(60),
    };
    due::work_off(&clinic.app, share).await.expect("a run");
    let keys: Vec<_> = rows.iter().map(Row::key).collect();
    let left = clinic.app.store.get_all(&keys).await.expect("a table");
    assert_eq!(left.iter().filter(|row| overdue(row)).count(), 0);
    transact(&clinic, keys.into_iter().map(Write::Delete).collect()).await;
}

#[tokio::test]
async fn a_row_whose_message_was_not_sent_stays_due_alone() {
    let _alone = ALONE.lock().await;
    let clinic = Clinic::new().await;
    let other = Clinic::new().await;
    let mut keys = vec![];
    for (clinic, owner, n) in [
        (&clinic, ids::random(), 1),
        (&clinic, "x".repeat(1500), 2),
        (&other, ids::random(), 3),
    ] {
        keys.push(deliver(clinic, &owner, n).await);
    }
    let queue = "http://127.0.0.1/000000000000/deliveries";
    let longest = async |bytes: &str| {
        let attributes = json!({ "MaximumMessageSize": bytes });
        let set = json!({ "QueueUrl": queue, "Attributes": attributes });
        let set = aws().call("AmazonSQS.SetQueueAttributes", set).await;
        set.expect("it is set");
    };
    longest("1024").await;
    due::work_off_due(&clinic.app).await.expect("a run");
    let due = async || {
        let rows = clinic.app.store.get_all(&keys).await.expect("a table");
        let due = rows.iter().filter(|row| overdue(row));
        due.map(Row::key).collect::<Vec<_>>()
    };
    assert_eq!(due().await, [keys[1].clone()]);
    longest("1048576").await;
    due::work_off_due(&clinic.app).await.expect("a run");
    assert_eq!(due().await, []);
}
