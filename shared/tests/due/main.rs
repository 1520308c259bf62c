//! Rows past their due time: put off before anything is asked for them, and nudged again only once
//! the message before must have been worked off. Alone in its process, as a run works off all rows.

#[allow(dead_code, reason = "what the API's tests need beside")]
#[path = "../api/stack.rs"]
mod stack;
#[allow(dead_code, reason = "what the API's tests need beside")]
#[path = "../api/vendors.rs"]
mod vendors;

use meridian::domain::task::{Delivery, Task, Topic, Work};
use meridian::flows::deliveries;
use meridian::flows::due;
use meridian::flows::{case_pk, tasks};
use meridian::io::clock;
use meridian::io::queue::{Nudge, RowKey};
use meridian::io::store::{Row, Write};
use meridian::words::time;
use meridian_embedded_aws::Action;
use stack::{Clinic, Struck, aws};
use std::time::Duration;

/// The runs of one test must not work the rows of another off.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn write(clinic: &Clinic, case: &str, id: &str, work: Work) -> RowKey {
    let (id, pk) = (id.into(), case_pk(&clinic.id, case));
    let due = time::after(clock::now(), -120);
    let row = tasks::row(&clinic.id, &pk, case, &Task { id, work, due });
    clinic.write(Write::Put(row.clone())).await;
    row.key()
}

async fn row(clinic: &Clinic, key: &RowKey) -> Row {
    let row = clinic.app.store.get(&key.pk, &key.sk).await;
    row.expect("a table").expect("a row")
}

/// What tells the books of a payment.
fn delivery(payment: u32) -> Work {
    Work::Deliver(Delivery {
        system: "xero".into(),
        topic: Topic::PaymentReceived,
        payment: Some(payment),
        object: None,
        amount: None,
        at: None,
    })
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

/// How many rows each message of deliveries carried since the calls were last forgotten.
fn nudged() -> Vec<usize> {
    let calls = aws().calls();
    let sent = calls.iter().filter(|call| {
        let queue = call.request["QueueUrl"].as_str().unwrap_or_default();
        call.operation == "SendMessage" && queue.ends_with("/deliveries")
    });
    let rows = sent.map(|call| {
        let body = call.request["MessageBody"].as_str().expect("a body");
        let nudge: Nudge = serde_json::from_str(body).expect("a nudge");
        nudge.rows.len()
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
        let id = format!("tell-xero-payment-received-p{n}");
        keys.push(write(&clinic, &case, &id, delivery(n)).await);
    }
    aws().reset_calls();
    due::work_off_due(&clinic.app).await.expect("a run");
    let first = nudged();
    // The invoice's own delivery is due as well.
    assert_eq!(first.iter().sum::<usize>(), 11, "{first:?}");
    // One may take ten seconds, and a function has sixty.
    assert!(first.iter().all(|rows| *rows <= 3), "{first:?}");
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
    assert_eq!(nudged(), [1]);
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
    for (id, work) in [
        ("tell-xero-payment-received-p1", delivery(1)),
        ("tell-xero-payment-received-p2", delivery(2)),
        ("p1", settle),
    ] {
        keys.push(write(&clinic, &case, id, work).await);
    }
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
    // Found in the index, and read only after others have changed them.
    let struck = Struck::by(vec![("BatchGetItem", Action::Delay { ms: 1500 }, 1, 1)]);
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
    let delivery = |n| Delivery {
        system: "xero".into(),
        topic: Topic::PaymentReceived,
        payment: Some(n),
        object: None,
        amount: None,
        at: None,
    };
    let id = "tell-xero-payment-received-p1";
    let poison = write(&clinic, &case, id, Work::Deliver(delivery(1))).await;
    let set = Row::default().text("data", "no task");
    let (key, remove) = (poison.clone(), vec![]);
    clinic.write(Write::Change { key, set, remove }).await;
    let id = "tell-xero-payment-received-p2";
    let good = write(&clinic, &case, id, Work::Deliver(delivery(2))).await;
    due::work_off_due(&clinic.app).await.expect("a run");
    for key in [&poison, &good] {
        assert!(!overdue(&row(&clinic, key).await), "{} stays first", key.sk);
    }
}
