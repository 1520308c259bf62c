//! Each condition of a commit, alone in the way; and a commit whose reply was lost.

use crate::money::{happens, pays, reported};
use crate::permissions::unchanged;
use crate::stack::{Clinic, Struck, aws};
use meridian::domain::event::{Event, NewCharge};
use meridian::domain::fact::{Fact, Kind, Method};
use meridian::domain::task::{Alert, Lane, Matter};
use meridian::flows::commit;
use meridian::flows::commit::{Change, Committed};
use meridian::flows::tasks;
use meridian::io::queue::{Nudge, RowKey};
use meridian::io::store::{Row, Write, Written};
use meridian::records::case::pk as case_pk;
use meridian::records::event::EventRow;
use meridian::words::ids;
use meridian_embedded_aws::Action;
use serde_json::{Value, json};

fn key(pk: &str, sk: &str) -> RowKey {
    RowKey {
        pk: pk.into(),
        sk: sk.into(),
    }
}

#[tokio::test]
async fn a_row_is_written_only_where_it_is_as_it_was_read() {
    let clinic = Clinic::new().await;
    let pk = format!("{}#row", clinic.id);
    let row = |sk: &str| {
        Row::new(&pk, sk)
            .text("text", "first")
            .text("state", "posted")
    };
    clinic
        .write(Write::Put(row("a").number("version", 3).due(Lane::Pay, 7)))
        .await;
    let other = |sk: &str| {
        Row::new(&pk, sk)
            .text("text", "second")
            .number("version", 9)
    };
    let before = clinic.rows().await;
    let set = Row::default().text("text", "second");
    for (what, write) in [
        ("new, where one is", Write::New(other("a"))),
        (
            "an older version",
            Write::Replace {
                row: other("a"),
                version: 2,
            },
        ),
        (
            "a newer version",
            Write::Replace {
                row: other("a"),
                version: 4,
            },
        ),
        (
            "a version of none",
            Write::Replace {
                row: other("b"),
                version: 3,
            },
        ),
        (
            "another state",
            Write::NewOr {
                row: other("a"),
                attribute: "state",
                value: "waiting".into(),
            },
        ),
        (
            "another due time",
            Write::Postpone {
                key: key(&pk, "a"),
                read: 8,
                due: 9,
            },
        ),
        (
            "a due time of none",
            Write::Postpone {
                key: key(&pk, "b"),
                read: 7,
                due: 9,
            },
        ),
        (
            "a change of none",
            Write::Change {
                key: key(&pk, "b"),
                set,
                remove: vec![],
            },
        ),
    ] {
        // What stands beside it is not written either.
        let beside = Write::Put(other("beside"));
        let written = clinic.app.store.transact(&[beside, write]).await;
        assert_eq!(
            written.expect("a table"),
            Written::Failed(vec![1]),
            "{what}"
        );
        unchanged(&before, &clinic.rows().await, what);
    }
    for (what, write) in [
        (
            "this version",
            Write::Replace {
                row: other("a").due(Lane::Pay, 7),
                version: 3,
            },
        ),
        (
            "this due time",
            Write::Postpone {
                key: key(&pk, "a"),
                read: 7,
                due: 9,
            },
        ),
        (
            "nothing yet",
            Write::NewOr {
                row: row("c"),
                attribute: "state",
                value: "waiting".into(),
            },
        ),
        (
            "this state",
            Write::NewOr {
                row: other("c"),
                attribute: "state",
                value: "posted".into(),
            },
        ),
    ] {
        let written = clinic.app.store.transact(&[write]).await;
        assert_eq!(written.expect("a table"), Written::Done, "{what}");
    }
    let rows = clinic.rows().await;
    assert_eq!(rows[&format!("{pk} a")]["due_at"]["N"], "9");
    assert_eq!(rows[&format!("{pk} c")]["text"]["S"], "second");
}

fn charge(amount: &str) -> Event {
    let eur = meridian::words::money::Currency::read("EUR").expect("a currency");
    Event::Charge(NewCharge {
        amount: Some(meridian::words::money::Money::read(amount, eur).expect("an amount")),
        gateway: "stripe".into(),
        method: Some(Method {
            gateway: "stripe".into(),
            customer: None,
            token: "pm_1".into(),
            label: "Visa ending 4242".into(),
        }),
        keep_method: false,
    })
}

/// Commits as a function does; `Err` says why it gave up.
async fn committed(
    clinic: &Clinic,
    case: &str,
    event: Event,
    row: Option<EventRow>,
) -> Result<Committed, String> {
    let settings = clinic.app.settings_of(&clinic.id).await.expect("a clinic");
    let change = Change {
        row,
        ..Change::new(&settings, case, event, "test".into())
    };
    let ended = commit::commit(&clinic.app, change, None).await;
    ended.map_err(|why| why.to_string())
}

#[tokio::test]
async fn who_decided_on_an_older_case_decides_again() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let read = clinic.app.case(&clinic.id, &case).await.expect("a table");
    let settings = clinic.app.settings_of(&clinic.id).await.expect("a clinic");
    for _ in 0..2 {
        let change = Change::new(&settings, &case, charge("40.00"), "test".into());
        let ended = commit::commit(&clinic.app, change, read.clone()).await;
        ended.expect("a commit");
    }
    let now = clinic.app.case(&clinic.id, &case).await.expect("a table");
    let now = now.expect("a case");
    // 60.00 are due: the second found only 20.00 of them free.
    assert_eq!(now.payments.len(), 1, "{now:?}");
    assert_eq!(now.entries, read.expect("a case").entries + 1);
}

#[tokio::test]
async fn a_change_sets_and_removes_what_it_names_and_leaves_the_rest() {
    let clinic = Clinic::new().await;
    let pk = format!("{}#row", clinic.id);
    let whole = Row::new(&pk, "a")
        .text("text", "first")
        .text("kept", "kept")
        .text("one", "1")
        .text("two", "2")
        .text("three", "3");
    clinic.write(Write::Put(whole.clone())).await;
    let read = async || {
        let row = clinic.app.store.get(&pk, "a").await;
        row.expect("a table").expect("a row")
    };
    let change = |set: Row, remove: &[&'static str]| Write::Change {
        key: key(&pk, "a"),
        set,
        remove: remove.to_vec(),
    };
    let set = Row::default().text("text", "second").number("times", 2);
    clinic.write(change(set.clone(), &["one", "three"])).await;
    let mut wanted = whole.text("text", "second").number("times", 2);
    wanted.0.remove("one");
    wanted.0.remove("three");
    assert_eq!(read().await, wanted);
    clinic.write(change(Row::default(), &["two"])).await;
    wanted.0.remove("two");
    assert_eq!(read().await, wanted);
    // A later word counts, the same word again too, an older one never.
    for (at, text, goes) in [
        (5, "at five", true),
        (5, "at five again", true),
        (4, "older", false),
        (6, "newer", true),
    ] {
        let newer = Write::Newer {
            key: key(&pk, "a"),
            attribute: "at",
            at,
            set: Row::default().text("text", text),
            remove: vec!["times"],
        };
        let written = clinic.app.store.transact(&[newer]).await;
        assert_eq!(written.expect("a table") == Written::Done, goes, "{text}");
        if goes {
            wanted = wanted.text("text", text).number("at", at);
            wanted.0.remove("times");
        }
        assert_eq!(read().await, wanted, "{text}");
    }
    // A mark makes the row that it marks.
    let mark = Write::Mark {
        key: key(&pk, "b"),
        set: Row::default().text("text", "marked"),
    };
    clinic.write(mark).await;
    let made = clinic.app.store.get(&pk, "b").await.expect("a table");
    assert_eq!(made, Some(Row::new(&pk, "b").text("text", "marked")));
}

/// Reading the case again helps nobody there.
#[tokio::test]
async fn who_is_held_up_only_by_what_stands_beside_a_case_is_told_so() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let settings = clinic.app.settings_of(&clinic.id).await;
    let settings = settings.expect("a clinic");
    let beside = |n: u32| Write::New(Row::new(format!("{}#beside {n}", clinic.id), "note"));
    clinic.write(beside(1)).await;
    for (also, row) in [
        (vec![beside(1)], false),
        (vec![beside(2), beside(1)], false),
        (vec![beside(1)], true),
    ] {
        let before = clinic.rows().await;
        let at = meridian::io::clock::now();
        let row = row.then(|| EventRow::new(&clinic.id, "stripe", "evt_b", "x", at));
        let change = Change {
            also,
            row,
            ..Change::new(&settings, &case, charge("10.00"), "test".into())
        };
        let held = commit::commit(&clinic.app, change, None).await;
        let why = held.expect_err("it is in the way").to_string();
        assert!(why.contains("what stands beside"), "{why}");
        unchanged(&before, &clinic.rows().await, "held up");
    }
}

/// What stands beside an older case is in the way as well: the newer case decides.
#[tokio::test]
async fn who_decided_on_an_older_case_is_told_what_holds_now_and_not_that_others_write() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let read = clinic.app.case(&clinic.id, &case).await.expect("a table");
    happens(&clinic, &case, charge("60.00")).await;
    let settings = clinic.app.settings_of(&clinic.id).await;
    let settings = settings.expect("a clinic");
    let beside = Write::New(Row::new(format!("{}#beside", clinic.id), "note"));
    clinic.write(beside.clone()).await;
    let change = Change {
        also: vec![beside],
        ..Change::new(&settings, &case, charge("60.00"), "test".into())
    };
    let ended = commit::commit(&clinic.app, change, read)
        .await
        .expect("an answer");
    assert!(matches!(ended, Committed::Refused(_)), "{ended:?}");
}

#[tokio::test]
async fn each_row_of_a_commit_holds_it_up_when_it_is_not_as_expected() {
    for in_the_way in ["version", "journal", "receipt"] {
        let clinic = Clinic::new().await;
        let case = clinic.invoice(None).await;
        let case = happens(&clinic, &case, charge("60.00")).await;
        let pk = case_pk(&clinic.id, &case.id);
        let receipt = format!("{}#receipt#{}-p1", clinic.id, case.id);
        clinic
            .write(match in_the_way {
                "version" => Write::Change {
                    key: key(&pk, "case"),
                    set: Row::default().number("version", case.entries + 1),
                    remove: vec![],
                },
                "journal" => {
                    let next = format!("journal#{:08}", case.entries + 1);
                    Write::New(Row::new(&pk, next).text("data", "somebody's"))
                }
                _ => Write::New(Row::new(&receipt, "receipt").text("facts", "somebody's")),
            })
            .await;
        let before = clinic.rows().await;
        let fact = Fact {
            reference: Some(ids::payment_reference(&case.id, 1)),
            payment: Some("pi_1".into()),
            amount: Some(case.payments[0].amount),
            ..Fact::new(Kind::PaymentSucceeded)
        };
        let held = committed(&clinic, &case.id, reported(fact), None).await;
        let why = held.expect_err(in_the_way);
        assert!(why.contains("written by others"), "{in_the_way}: {why}");
        unchanged(&before, &clinic.rows().await, in_the_way);
    }
}

#[tokio::test]
async fn an_events_row_is_written_once_and_only_what_waits_is_written_over() {
    let clinic = Clinic::new().await;
    let at = meridian::io::clock::now();
    for (state, goes) in [("posted", false), ("quarantined", false), ("waiting", true)] {
        let case = clinic.invoice(None).await;
        let row = EventRow::new(&clinic.id, "stripe", &format!("evt_{state}"), "x", at);
        clinic.write(Write::Put(row.row(state))).await;
        let before = clinic.rows().await;
        let ended = committed(&clinic, &case, charge("60.00"), Some(row.clone())).await;
        match goes {
            true => assert!(matches!(ended, Ok(Committed::Changed(_))), "{ended:?}"),
            false => {
                assert!(matches!(ended, Ok(Committed::Repeated(_))), "{ended:?}");
                unchanged(&before, &clinic.rows().await, state);
            }
        }
        let again = committed(&clinic, &case, charge("60.00"), Some(row)).await;
        assert!(matches!(again, Ok(Committed::Repeated(_))), "{again:?}");
    }
}

/// The operation that is struck, how, from which call on, and how often.
type Strike = (&'static str, Action, u64, u64);

/// Each way in which the reply to a transaction that was applied may be lost, and what the client
/// of DynamoDB meets when it sends it again.
fn lost_replies() -> Vec<(&'static str, Vec<Strike>)> {
    let write = "TransactWriteItems";
    vec![
        ("cut once", vec![(write, Action::CutAfter, 1, 1)]),
        ("a 500 once", vec![(write, Action::AppliedThen500, 1, 1)]),
        ("cut twice", vec![(write, Action::CutAfter, 1, 2)]),
        (
            "cut, then in progress",
            vec![
                (write, Action::CutAfter, 1, 1),
                (write, Action::Conflict, 2, 1),
            ],
        ),
        (
            "a 500 twice, then in progress",
            vec![
                (write, Action::AppliedThen500, 1, 2),
                (write, Action::Conflict, 3, 1),
            ],
        ),
    ]
}

#[tokio::test]
async fn our_own_write_whose_reply_was_lost_is_recognised_as_ours() {
    for (what, faults) in lost_replies() {
        for with_row in [true, false] {
            let clinic = Clinic::new().await;
            let case = clinic.invoice(None).await;
            let at = meridian::io::clock::now();
            let row = with_row.then(|| EventRow::new(&clinic.id, "stripe", "evt_1", "x", at));
            let struck = Struck::by(faults.clone());
            let settings = struck.app.settings_of(&clinic.id).await.expect("a clinic");
            let change = Change {
                row,
                ..Change::new(&settings, &case, charge("60.00"), "test".into())
            };
            let ended = commit::commit(&struck.app, change, None).await;
            let ended = ended.unwrap_or_else(|why| panic!("{what}: {why}"));
            let wanted: u64 = faults.iter().map(|fault| fault.3).sum();
            assert_eq!(struck.struck().iter().sum::<u64>(), wanted, "{what}");
            let Committed::Changed(after) = ended else {
                panic!("{what}, with a row {with_row}: {ended:?}");
            };
            assert_eq!((after.payments.len(), after.entries), (1, 2), "{what}");
            let now = clinic.app.case(&clinic.id, &case).await.expect("a table");
            assert_eq!(now.as_ref(), Some(&*after), "{what}");
        }
    }
}

#[tokio::test]
async fn a_request_that_was_never_answered_is_answered_when_it_is_repeated_and_acts_once() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    pays(&clinic, &case).await;
    let wanted = json!({ "invoice": case, "amount": { "amount": "5.00", "currency": "EUR" } });
    // Every try of the client is applied, or was before, and none is answered.
    let struck = Struck::by(vec![("TransactWriteItems", Action::CutAfter, 1, 3)]);
    let first = clinic
        .post_at(&struck.app, "k", "/v1/refunds", &wanted)
        .await;
    assert_eq!(
        (first.status, struck.struck()),
        (503, vec![3]),
        "{}",
        first.body
    );
    drop(struck);
    let before = clinic.rows().await;
    let again = clinic
        .post_under("k", "/v1/refunds", &wanted)
        .await
        .expect(202);
    assert_eq!(again["state"], "requested");
    unchanged(&before, &clinic.rows().await, "the repeat");
    let listed = clinic.get("/v1/refunds").await;
    assert_eq!(listed["refunds"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_lost_reply_is_answered_with_what_was_written_though_others_went_on_from_it() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/charges");
    let page = |amount: &str| json!({ "collect": "checkout", "amount": { "amount": amount, "currency": "EUR" } });
    // Applied and cut off; still in progress when it is sent again; then the case is read late.
    let struck = Struck::by(vec![
        ("TransactWriteItems", Action::CutAfter, 1, 1),
        ("TransactWriteItems", Action::Conflict, 2, 1),
        ("GetItem", Action::Delay { ms: 700 }, 5, 100),
    ]);
    let body = page("20.00");
    let ours = clinic.post_at(&struck.app, "k", &path, &body);
    let others = async {
        let written = format!("{}#case#{case} task#p1", clinic.id);
        while !clinic.rows().await.contains_key(&written) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        clinic.post(&path, page("10.00")).await.expect(202)
    };
    let (ours, others) = futures::join!(ours, others);
    assert_eq!(struck.struck()[..2], [1, 1]);
    drop(struck);
    let ours = ours.expect(202);
    assert_eq!(ours["id"], ids::payment_reference(&case, 1), "{ours}");
    assert_eq!(others["id"], ids::payment_reference(&case, 2));
    let read = clinic.get(&format!("/v1/invoices/{case}")).await;
    let payments = read["payments"].as_array().cloned().unwrap_or_default();
    assert_eq!(payments, [ours, others]);
}

#[tokio::test]
async fn what_is_due_at_once_is_nudged_by_the_commit_that_plans_it() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let rows = aws().calls().into_iter().filter_map(|call| {
        let body = call.request["MessageBody"].as_str()?;
        let nudge = serde_json::from_str::<Nudge>(body).ok()?;
        // Queues are fair to clinics by that.
        assert_eq!(call.request["MessageGroupId"], nudge.rows[0].clinic());
        Some(nudge)
    });
    let rows: Vec<RowKey> = rows.flat_map(|nudge| nudge.rows).collect();
    let told = key(&case_pk(&clinic.id, &case), "outbox#000001");
    assert!(rows.contains(&told), "{rows:?}");
}

#[tokio::test]
async fn what_staff_are_asked_about_no_case_is_nudged_as_it_is_raised() {
    let clinic = Clinic::new().await;
    let settings = clinic.app.settings_of(&clinic.id).await;
    let mut settings = (*settings.expect("a clinic")).clone();
    settings.systems = ["slack".into()].into();
    let pk = format!("{}#beside", clinic.id);
    let matter = Matter::of(Alert::Contradiction).words("why");
    let raised = tasks::raise(&clinic.app, &settings, &pk, "x", matter).await;
    raised.expect("it is raised");
    let rows = aws().calls().into_iter().filter_map(|call| {
        let body = call.request["MessageBody"].as_str()?;
        serde_json::from_str::<Nudge>(body).ok()
    });
    let rows = rows.flat_map(|nudge| nudge.rows);
    let rows: Vec<_> = rows.collect();
    let told =
        |row: &RowKey| row.pk == pk && row.sk.starts_with("outbox#") && row.sk.ends_with("-x");
    assert!(rows.iter().any(told), "{rows:?}");
}

#[tokio::test]
async fn a_nudge_that_was_not_sent_undoes_no_commit() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/charges");
    let struck = Struck::by(vec![("SendMessage", Action::CutBefore, 1, 1000)]);
    let page = json!({ "collect": "checkout" });
    let granted = clinic.post_at(&struck.app, "k", &path, &page).await;
    granted.expect(202);
    drop(struck);
    let row = clinic.rows().await[&format!("{} task#p1", case_pk(&clinic.id, &case))].clone();
    assert_ne!(row["due_at"], Value::Null, "its due time finds it");
}

#[tokio::test]
async fn a_persons_task_and_the_event_that_calls_for_it_are_one_write() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let settings = clinic.app.settings_of(&clinic.id).await.expect("a clinic");
    let taken = Write::New(Row::new(format!("{}#beside", clinic.id), "x"));
    clinic.write(taken.clone()).await;
    let before = clinic.rows().await;
    let event = Event::Person {
        id: "contradiction-1".into(),
        matter: Matter::of(Alert::Contradiction).words("why"),
    };
    let change = Change {
        also: vec![taken],
        ..Change::new(&settings, &case, event, "test".into())
    };
    let ended = commit::commit(&clinic.app, change, None).await;
    let why = ended.expect_err("its place is taken").to_string();
    assert!(why.contains("beside"), "{why}");
    unchanged(&before, &clinic.rows().await, "half a commit");
}

/// Who listens is found out afterwards: the commit does not grow with the systems, and what one
/// look-up tells stays far from the most that a transaction takes.
#[tokio::test]
async fn a_look_up_that_tells_a_payment_two_refunds_and_a_dispute_is_one_commit_of_few_items() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    let settings = clinic.app.settings_of(&clinic.id).await.expect("a clinic");
    let amount = |minor| {
        let euro = meridian::words::money::Currency::read("EUR").expect("a currency");
        Some(meridian::words::money::Money::new(minor, euro))
    };
    let fact = |kind, minor| Fact {
        reference: Some(ids::payment_reference(&case, 1)),
        payment: Some("pi_1".into()),
        amount: amount(minor),
        ..Fact::new(kind)
    };
    let refund = |id: &str, minor| Fact {
        refund: Some(id.into()),
        ..fact(Kind::RefundSucceeded, minor)
    };
    let dispute = Fact {
        dispute: Some("dp_1".into()),
        ..fact(Kind::DisputeOpened, 1000)
    };
    let paid = fact(Kind::PaymentSucceeded, 6000);
    let Event::Reported(report) = reported(paid.clone()) else {
        panic!("it is a report");
    };
    let facts = vec![paid, refund("re_1", 700), refund("re_2", 500), dispute];
    let event = Event::Reported(meridian::domain::event::Report { facts, ..report });
    let at = meridian::io::clock::now();
    let row = EventRow::new(&clinic.id, "stripe", "evt_1", "charge.updated", at);
    let change = Change {
        row: Some(row),
        ..Change::new(&settings, &case, event, "stripe evt_1".into())
    };
    let committed = commit::commit(&clinic.app, change, None).await;
    assert!(
        matches!(committed, Ok(Committed::Changed(_))),
        "{committed:?}"
    );
    let pk = case_pk(&clinic.id, &case);
    let of_case = |call: &&meridian_embedded_aws::Call| {
        let request = call.request.to_string();
        call.operation == "TransactWriteItems" && request.contains(&pk) && request.contains("evt_1")
    };
    let calls = aws().calls();
    let commits: Vec<_> = calls.iter().filter(of_case).collect();
    assert_eq!(commits.len(), 1);
    let items = commits[0].request["TransactItems"]
        .as_array()
        .map_or(0, Vec::len);
    assert!(items <= 30, "{items} items");
    let told = clinic
        .app
        .store
        .under(&pk, "outbox#")
        .await
        .expect("a table");
    assert_eq!(
        told.len(),
        6,
        "issued, asked, paid, twice given back, disputed"
    );
}
