//! What a bill asks for and what comes without a gateway, as the API takes and shows it: credit notes,
//! tenders, a patient's credit in two books.

use crate::money::{eur, pays};
use crate::stack::*;
use serde_json::{Value, json};

/// An invoice of 60.00 of this patient that was paid by cash.
async fn paid_in_cash(clinic: &Clinic, patient: &str) -> String {
    let case = clinic.invoice(Some(patient)).await;
    let path = format!("/v1/invoices/{case}/tenders");
    let tender = clinic
        .post(&path, json!({ "how": "cash", "note": "till 2" }))
        .await;
    let tender = tender.expect(201);
    assert_eq!(
        (&tender["amount"], &tender["how"]),
        (&eur("60.00"), &json!("cash"))
    );
    case
}

async fn credit(clinic: &Clinic, patient: &str) -> Value {
    clinic.get(&format!("/v1/patients/{patient}/credit")).await
}

async fn holds(clinic: &Clinic, query: &str) {
    let verified = clinic.get(&format!("/v1/audit/verify?{query}")).await;
    assert_eq!(verified["holds"], true, "{verified}");
}

#[tokio::test]
async fn a_credit_note_lowers_what_is_asked_and_is_written_once() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/credit-notes");
    let note = json!({ "amount": eur("22.00") });
    let made = clinic.post_under("k-1", &path, &note).await.expect(201);
    assert_eq!(
        (&made["asked"], &made["due"]),
        (&eur("38.00"), &eur("38.00"))
    );
    assert_eq!(made["credit_notes"][0]["total"], eur("22.00"));
    let again = clinic.post_under("k-1", &path, &note).await.expect(201);
    assert_eq!(again, made);
    let known = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert_eq!(known["credit_notes"].as_array().map(Vec::len), Some(1));
    // More than stands, nothing, both ways at once, and neither.
    let line = json!([{ "description": "Visit", "unit": eur("1.00"), "tax_rate": "77" }]);
    for odd in [
        json!({ "amount": eur("38.01") }),
        json!({ "amount": eur("0.00") }),
        json!({ "amount": eur("1.00"), "lines": line }),
        json!({ "lines": line }),
        json!({}),
    ] {
        clinic.post(&path, odd).await.expect(422);
    }
    holds(&clinic, &format!("case={case}")).await;
}

#[tokio::test]
async fn what_staff_took_is_handed_back_or_taken_off_and_never_sent_by_a_gateway() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let case = paid_in_cash(&clinic, &patient).await;
    let known = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert_eq!(
        (&known["status"], &known["due"]),
        (&json!("paid"), &eur("0.00"))
    );
    let path = format!("/v1/invoices/{case}/tenders");
    clinic
        .post(&path, json!({ "how": "fund" }))
        .await
        .expect(409);
    let refund =
        |by: &str, amount: &str| json!({ "invoice": case, "by": by, "amount": eur(amount) });
    let refused = clinic
        .post("/v1/refunds", refund("gateway", "1.00"))
        .await
        .expect(409);
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|why| why.contains("by hand")),
        "{refused}"
    );
    let back = clinic
        .post("/v1/refunds", refund("hand", "22.00"))
        .await
        .expect(202);
    assert_eq!(
        (&back["state"], &back["parts"][0]["by"]),
        (&json!("succeeded"), &json!("hand"))
    );
    let beyond = clinic
        .post("/v1/refunds", refund("hand", "38.01"))
        .await
        .expect(409);
    assert_eq!(beyond["refundable"], eur("38.00"));
    // What was partly given back came: it is not taken off.
    let id = known["tenders"][0]["id"].as_str().expect("an id");
    clinic
        .post(&format!("/v1/tenders/{id}/reverse"), Value::Null)
        .await
        .expect(422);
    holds(&clinic, &format!("case={case}")).await;

    let case = paid_in_cash(&clinic, &patient).await;
    let known = clinic.get(&format!("/v1/invoices/{case}")).await;
    let id = known["tenders"][0]["id"].as_str().expect("an id");
    for _ in 0..2 {
        let path = format!("/v1/tenders/{id}/reverse");
        let off = clinic.post(&path, Value::Null).await.expect(200);
        assert_eq!(
            (&off["status"], &off["due"]),
            (&json!("open"), &eur("60.00"))
        );
    }
    clinic
        .post("/v1/tenders/x-p1/reverse", Value::Null)
        .await
        .expect(404);
    let later = json!({ "how": "cash", "at": "2999-01-01T00:00:00Z" });
    let odd = clinic
        .post(&format!("/v1/invoices/{case}/tenders"), later)
        .await;
    assert_eq!(odd.expect(422)["field"], "at");
    holds(&clinic, &format!("case={case}")).await;
}

#[tokio::test]
async fn a_surplus_is_kept_as_credit_and_used_for_another_invoice_in_both_books_or_in_none() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let first = paid_in_cash(&clinic, &patient).await;
    let note = json!({ "amount": eur("22.00") });
    clinic
        .post(&format!("/v1/invoices/{first}/credit-notes"), note)
        .await
        .expect(201);
    assert_eq!(
        clinic.open_tasks().await.len(),
        1,
        "whose money it is, people say"
    );
    let keep = json!({ "invoice": first, "by": "credit", "amount": eur("22.00") });
    let kept = clinic
        .post_under("k-keep", "/v1/refunds", &keep)
        .await
        .expect(202);
    assert_eq!(kept["parts"][0]["by"], "credit");
    assert_eq!(
        clinic
            .post_under("k-keep", "/v1/refunds", &keep)
            .await
            .expect(202),
        kept
    );
    assert_eq!(clinic.open_tasks().await.len(), 0);
    let known = credit(&clinic, &patient).await;
    assert_eq!(known["available"], eur("22.00"), "{known}");
    assert_eq!(known["moves"][0]["invoice"], json!(first));

    let second = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{second}/tenders");
    let beyond = json!({ "how": "credit", "amount": eur("30.00") });
    let refused = clinic.post(&path, beyond).await.expect(409);
    assert_eq!(refused["available"], eur("22.00"), "{refused}");
    let used = clinic
        .post_under("k-use", &path, &json!({ "how": "credit" }))
        .await;
    let used = used.expect(201);
    assert_eq!(used["amount"], eur("22.00"), "as much as there is");
    let again = clinic
        .post_under("k-use", &path, &json!({ "how": "credit" }))
        .await;
    assert_eq!(again.expect(201), used);
    let known = credit(&clinic, &patient).await;
    assert_eq!(known["available"], eur("0.00"));
    assert_eq!(known["moves"].as_array().map(Vec::len), Some(2));
    let invoice = clinic.get(&format!("/v1/invoices/{second}")).await;
    assert_eq!(
        (&invoice["due"], &invoice["status"]),
        (&eur("38.00"), &json!("part_paid"))
    );
    // It goes back to where it came from.
    let back = json!({ "invoice": second, "by": "credit" });
    clinic.post("/v1/refunds", back).await.expect(202);
    assert_eq!(credit(&clinic, &patient).await["available"], eur("22.00"));
    for query in [
        format!("case={first}"),
        format!("case={second}"),
        format!("credit={patient}"),
    ] {
        holds(&clinic, &query).await;
    }
    // Nobody else's, and no walk-in's.
    let other = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{other}/tenders");
    assert_eq!(
        clinic
            .post(&path, json!({ "how": "credit" }))
            .await
            .expect(422)["field"],
        "how"
    );
}

#[tokio::test]
async fn a_credit_is_handed_out_once_and_never_more_than_there_is() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}/credit/payouts");
    let out = json!({ "how": "bank", "amount": eur("20.00") });
    let none = clinic.post(&path, out.clone()).await.expect(409);
    assert_eq!(none["available"], eur("0.00"));
    let first = paid_in_cash(&clinic, &patient).await;
    let keep = json!({ "invoice": first, "by": "credit", "amount": eur("50.00") });
    clinic.post("/v1/refunds", keep).await.expect(202);
    let erase = format!("/v1/patients/{patient}");
    let refused = clinic.call("DELETE", &erase, &Value::Null).await;
    let refused = refused.expect(409).to_string();
    assert!(refused.contains("a credit of"), "{refused}");
    let made = clinic.post_under("k-out", &path, &out).await.expect(201);
    assert_eq!(made["available"], eur("30.00"), "{made}");
    let moved = &made["moves"][1];
    assert_eq!(
        (&moved["amount"], &moved["paid_out"], &moved["invoice"]),
        (&eur("-20.00"), &json!("bank"), &Value::Null)
    );
    let again = clinic.post_under("k-out", &path, &out).await.expect(201);
    assert_eq!(again, made);
    let other = json!({ "how": "cash" });
    clinic.post_under("k-out", &path, &other).await.expect(422);
    // Two at the desk at once hand out what there is, once.
    let (one, two) = tokio::join!(
        clinic.post(&path, json!({ "how": "cash", "amount": eur("30.00") })),
        clinic.post(&path, json!({ "how": "cash", "amount": eur("30.00") })),
    );
    let mut ended = [one.status, two.status];
    ended.sort_unstable();
    assert_eq!(ended, [201, 409]);
    assert_eq!(credit(&clinic, &patient).await["available"], eur("0.00"));
    for query in [format!("case={first}"), format!("credit={patient}")] {
        holds(&clinic, &query).await;
    }
    let nothing = clinic.post(&path, json!({ "how": "cash" })).await;
    nothing.expect(409);
    // Whose credit is gone can be erased, and is given none after that.
    let erased = clinic.call("DELETE", &erase, &Value::Null).await;
    erased.expect(200);
    let keep = json!({ "invoice": first, "by": "credit" });
    let denied = clinic.post("/v1/refunds", keep).await.expect(422);
    assert_eq!(denied["field"], "by");
}

#[tokio::test]
async fn two_that_use_the_same_credit_at_once_never_use_more_than_there_is() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let first = paid_in_cash(&clinic, &patient).await;
    let keep = json!({ "invoice": first, "by": "credit", "amount": eur("50.00") });
    clinic.post("/v1/refunds", keep).await.expect(202);
    let cases = [
        clinic.invoice(Some(&patient)).await,
        clinic.invoice(Some(&patient)).await,
    ];
    let wanted = json!({ "how": "credit", "amount": eur("30.00") });
    let paths = cases
        .each_ref()
        .map(|case| format!("/v1/invoices/{case}/tenders"));
    let (one, two) = tokio::join!(
        clinic.post(&paths[0], wanted.clone()),
        clinic.post(&paths[1], wanted.clone()),
    );
    let mut ended = [one.status, two.status];
    ended.sort_unstable();
    assert_eq!(ended, [201, 409]);
    assert_eq!(credit(&clinic, &patient).await["available"], eur("20.00"));
    for query in [
        format!("case={}", cases[0]),
        format!("case={}", cases[1]),
        format!("credit={patient}"),
    ] {
        holds(&clinic, &query).await;
    }
}

#[tokio::test]
async fn dimensions_stand_on_the_invoice_and_every_entry_of_its_journal() {
    let clinic = Clinic::new().await;
    let dims = json!({ "site": "north", "practitioner": "dr-7", "type": "initial" });
    let new = json!({ "lines": lines(), "collect": "later", "dimensions": dims });
    let made = clinic.post("/v1/invoices", new).await.expect(201);
    assert_eq!(made["dimensions"], dims);
    let case = made["id"].as_str().expect("an id");
    let entries = audit_rows(&clinic, case).await;
    assert!(
        entries.iter().all(|entry| entry["dims"] == dims),
        "{entries:?}"
    );
    let odd = json!({ "lines": lines(), "dimensions": { "room": "1" } });
    clinic.post("/v1/invoices", odd).await.expect(422);
}

/// The entries of a case as they are kept.
async fn audit_rows(clinic: &Clinic, case: &str) -> Vec<Value> {
    let pk = meridian::records::case::pk(&clinic.id, case);
    let rows = clinic
        .app
        .store
        .under(&pk, meridian::records::journal::PREFIX)
        .await;
    let rows = rows.expect("a table");
    rows.iter()
        .map(|row| row.read("data").expect("an entry"))
        .collect()
}

/// An appointment of 60.00 in two days, of this patient.
async fn booked(clinic: &Clinic, patient: &str, id: &str) -> String {
    let new = json!({
        "id": id, "patient": patient, "starts_at": "2999-01-02T09:00:00Z",
        "site": "north", "lines": lines(), "collect": "later",
    });
    clinic.post("/v1/appointments", new).await.expect(201);
    let visit = meridian::flows::appointments::find(&clinic.app, &clinic.id, id).await;
    visit.expect("an appointment").visit.case
}

/// A deposit of 20.00 on it that came.
async fn deposited(clinic: &Clinic, id: &str, case: &str) {
    let path = format!("/v1/appointments/{id}/charges");
    let ask = json!({ "amount": eur("20.00"), "collect": "checkout" });
    let asked = clinic
        .post_under(&format!("deposit-{id}"), &path, &ask)
        .await
        .expect(202);
    assert_eq!(asked["amount"], eur("20.00"));
    let again = clinic
        .post_under(&format!("deposit-{id}"), &path, &ask)
        .await
        .expect(202);
    assert_eq!(again, asked);
    pays(clinic, case).await;
    let draft = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert_eq!(
        (&draft["status"], &draft["paid"]),
        (&json!("draft"), &eur("20.00")),
        "{draft}"
    );
    assert_eq!(
        (&draft["asked"], &draft["total"]),
        (&eur("20.00"), &eur("60.00"))
    );
    assert_eq!(draft["dimensions"]["site"], "north");
}

/// The session took place, and the function that invoices it ran.
async fn billed(clinic: &Clinic, id: &str) {
    let path = format!("/v1/appointments/{id}/complete");
    clinic.post(&path, Value::Null).await.expect(202);
    let pk = meridian::records::appointment::pk(&clinic.id, id);
    let key = meridian::records::task::visit_key(&pk);
    let done = meridian::flows::invoicing::visit(&clinic.app, &key).await;
    done.expect("it is invoiced");
}

#[tokio::test]
async fn a_deposit_stays_with_a_visit_that_moves_and_is_a_part_of_its_invoice() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let case = booked(&clinic, &patient, "A-1").await;
    deposited(&clinic, "A-1", &case).await;
    let moved = json!({ "starts_at": "2999-02-02T09:00:00Z" });
    clinic
        .post("/v1/appointments/A-1/reschedule", moved)
        .await
        .expect(200);
    // Another booking takes its place, and what is on it.
    let next = json!({
        "id": "A-2", "patient": patient, "starts_at": "2999-03-02T09:00:00Z",
        "lines": lines(), "collect": "later", "replaces": "A-1",
    });
    clinic.post("/v1/appointments", next).await.expect(201);
    assert_eq!(
        clinic.open_tasks().await.len(),
        0,
        "its money is where it belongs"
    );
    billed(&clinic, "A-2").await;
    let invoice = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert_eq!(
        (&invoice["status"], &invoice["due"]),
        (&json!("part_paid"), &eur("40.00"))
    );
    assert_eq!(invoice["appointment"], "A-2");
    let late = clinic.post("/v1/appointments/A-2/charges", json!({})).await;
    late.expect(409);
    let refund = json!({ "invoice": case, "amount": eur("11.00") });
    clinic.post("/v1/refunds", refund).await.expect(202);
    holds(&clinic, &format!("case={case}")).await;
    let verified = clinic.get(&format!("/v1/audit/verify?case={case}")).await;
    let accounts = verified["balances"].as_array().expect("balances").iter();
    let names: Vec<_> = accounts.map(|b| b["account"].clone()).collect();
    assert!(!names.contains(&json!("deposits")), "{verified}");
}

#[tokio::test]
async fn money_on_a_visit_that_is_called_off_is_a_task_and_no_more_is_asked_for_it() {
    for how in ["cancel", "no-show"] {
        let clinic = Clinic::new().await;
        let patient = clinic.patient().await;
        let case = booked(&clinic, &patient, "A-1").await;
        deposited(&clinic, "A-1", &case).await;
        clinic
            .post(&format!("/v1/appointments/A-1/{how}"), Value::Null)
            .await
            .expect(200);
        let tasks = clinic.open_tasks().await;
        assert_eq!(
            (tasks.len(), &tasks[0]["alert"]),
            (1, &json!("called_off")),
            "{tasks:?}"
        );
        let more = clinic.post("/v1/appointments/A-1/charges", json!({})).await;
        more.expect(409);
        // Given back, nothing is left to decide.
        let keep = json!({ "invoice": case, "by": "credit" });
        clinic.post("/v1/refunds", keep).await.expect(202);
        assert_eq!(clinic.open_tasks().await.len(), 0, "{how}");
        assert_eq!(credit(&clinic, &patient).await["available"], eur("20.00"));
        holds(&clinic, &format!("case={case}")).await;
        holds(&clinic, &format!("credit={patient}")).await;
    }
}

#[tokio::test]
async fn a_deposit_needs_a_price_and_never_comes_to_more() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    booked(&clinic, &patient, "A-1").await;
    let path = "/v1/appointments/A-1/charges";
    let beyond = json!({ "amount": eur("60.01"), "collect": "checkout" });
    let refused = clinic.post(path, beyond).await.expect(409);
    assert_eq!(refused["due"], eur("60.00"), "{refused}");
    clinic
        .post("/v1/appointments/A-9/charges", json!({}))
        .await
        .expect(404);
    let free = json!({
        "id": "A-2", "patient": patient, "starts_at": "2999-01-02T09:00:00Z",
    });
    clinic.post("/v1/appointments", free).await.expect(201);
    clinic
        .post("/v1/appointments/A-2/charges", json!({}))
        .await
        .expect(409);
}
