//! Access tokens of a vendor whose connection is renewed: one function renews at a time, and no
//! token is used up to its last second.

use crate::connections::xero;
use crate::stack::Clinic;
use crate::vendors::{heard, ok};
use meridian::domain::task::Lane;
use meridian::flows::deliveries;
use meridian::io::clock;
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::words::time;
use serde_json::json;
use std::time::Duration;

/// Seconds that a token must still live to be used.
const MARGIN: i64 = 120;

async fn told(clinic: &Clinic, case: &str) -> RowKey {
    clinic.told_key(case, "xero", "invoice-issued").await
}

fn token(clinic: &Clinic) -> RowKey {
    RowKey {
        pk: format!("{}#token#xero", clinic.id),
        sk: "token".into(),
    }
}

/// The times at which a token was asked for are told by how many calls there are.
fn renewed(clinic: &Clinic) -> usize {
    let calls = heard(clinic).into_iter();
    calls
        .filter(|call| call.what.ends_with("/connect/token"))
        .count()
}

/// Another function holds the renewal until then.
async fn locked(clinic: &Clinic, until: i64) {
    let key = token(clinic);
    let row = Row::new(&key.pk, &key.sk)
        .number("version", 1)
        .number("locked_until", until);
    clinic.write(Write::Put(row)).await;
}

#[tokio::test]
async fn a_token_within_its_last_two_minutes_is_renewed_before_it_is_used() {
    // The first looks for a contact before it files, the second knows it.
    for (lives, renewals) in [(MARGIN, 3), (MARGIN + 600, 1)] {
        let clinic = Clinic::new().await;
        xero(&clinic).await;
        let id = clinic.id.clone();
        crate::vendors::answer(&clinic, move |heard| {
            match heard.what.ends_with("/connect/token") {
                true => ok(json!({
                    "access_token": format!("t.{id}"), "expires_in": lives, "refresh_token": "r2",
                })),
                false => ok(json!({ "Invoices": [{
                    "InvoiceID": "c7c37b83-ac95-45ea-88ba-8ad83a5f22fe", "Status": "AUTHORISED",
                }] })),
            }
        });
        let cases = [clinic.invoice(None).await, clinic.invoice(None).await];
        for case in &cases {
            clinic.delivers(&told(&clinic, case).await).await;
            let shown = clinic.get(&format!("/v1/deliveries?case={case}")).await;
            assert_eq!(shown["deliveries"][0]["state"], "done", "{shown}");
        }
        assert_eq!(renewed(&clinic), renewals, "of {lives} s");
    }
}

#[tokio::test]
async fn who_meets_a_renewal_waits_for_its_end() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let case = clinic.invoice(None).await;
    let key = told(&clinic, &case).await;
    locked(&clinic, clock::now().as_second() + 30).await;
    let ends = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(renewed(&clinic), 0, "another function renews");
        locked(&clinic, 1).await;
    };
    tokio::join!(clinic.delivers(&key), ends);
    let shown = clinic.get(&format!("/v1/deliveries?case={case}")).await;
    assert_eq!(shown["deliveries"][0]["state"], "done", "{shown}");
    assert_eq!(renewed(&clinic), 1);
    // Taken and given back: who read the row before either takes nothing by it.
    let row = clinic.app.store.get(&token(&clinic).pk, "token").await;
    assert_eq!(row.expect("a table").expect("a row").int("version"), 3);
}

/// The vendor gives a new one at each renewal and takes the old one only for a while.
#[tokio::test]
async fn a_renewal_uses_the_refresh_token_that_the_one_before_it_was_given() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let (id, mut next) = (clinic.id.clone(), 1);
    crate::vendors::answer(&clinic, move |_| {
        next += 1;
        ok(json!({
            "access_token": format!("t.{id}"), "expires_in": 1800,
            "refresh_token": format!("r{next}"),
        }))
    });
    let key = token(&clinic);
    let row = Row::new(&key.pk, &key.sk)
        .number("version", 1)
        .due(Lane::Tell, 1);
    clinic.write(Write::Put(row)).await;
    for _ in 0..3 {
        clinic.delivers(&key).await;
    }
    let used = heard(&clinic).into_iter().map(|call| {
        let mut fields = form_urlencoded::parse(call.body.as_bytes());
        let field = fields.find(|(name, _)| name == "refresh_token");
        field.expect("a refresh token").1.into_owned()
    });
    assert_eq!(used.collect::<Vec<_>>(), ["r1", "r2", "r3"]);
}

#[tokio::test]
async fn a_renewal_is_taken_over_only_once_its_last_second_is_over() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let case = clinic.invoice(None).await;
    let until = clock::now().as_second() + 1;
    locked(&clinic, until).await;
    clinic.delivers(&told(&clinic, &case).await).await;
    assert_eq!(renewed(&clinic), 1);
    assert!(clock::now().as_second() > until, "it was still held");
}

#[tokio::test]
async fn a_connection_that_was_taken_away_is_told_once_and_tried_again_tomorrow() {
    let clinic = Clinic::new().await;
    let key = token(&clinic);
    let row = Row::new(&key.pk, &key.sk)
        .number("version", 1)
        .due(Lane::Tell, 1);
    clinic.write(Write::Put(row)).await;
    deliveries::deliver(&clinic.app, &key)
        .await
        .expect("a renewal");
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert_eq!(tasks[0]["alert"], "blocked");
    let row = clinic.app.store.get(&key.pk, &key.sk).await;
    let due = row.expect("a table").expect("a row").int("due_at");
    let hours = (due - time::millis(clock::now())) / 3_600_000;
    assert!((1..=24).contains(&hours), "due in {hours} hours");
}

/// The due run puts a row off as soon as it was nudged, often before its message is worked off.
#[tokio::test]
async fn a_renewal_whose_row_was_put_off_when_it_was_nudged_is_made_all_the_same() {
    let clinic = Clinic::new().await;
    xero(&clinic).await;
    let key = token(&clinic);
    let row = clinic.app.store.get(&key.pk, &key.sk).await;
    let row = row.expect("a table").expect("it was connected anew");
    let off = Write::Postpone {
        key: key.clone(),
        read: row.int("due_at"),
        due: time::millis(time::after(clock::now(), 360)),
    };
    clinic.write(off).await;
    let before = renewed(&clinic);
    deliveries::deliver(&clinic.app, &key)
        .await
        .expect("it is renewed");
    assert_eq!(renewed(&clinic), before + 1);
    // Once it was renewed it is not due any more.
    deliveries::deliver(&clinic.app, &key)
        .await
        .expect("it was renewed");
    assert_eq!(renewed(&clinic), before + 1);
}
