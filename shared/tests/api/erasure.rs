//! A patient is erased: what is gone, what is given up, what goes on, and what the clinic is told.

use crate::money::{happens, pays, reported};
use crate::privacy::{PERSONAL, paid};
use crate::stack::{Clinic, Struck, lines, request};
use crate::vendors::{Said, connect, heard, ok};
use meridian::contract::Channel;
use meridian::domain::case::Case;
use meridian::domain::fact::{Decline, Fact, Kind, Method};
use meridian::domain::payment::State;
use meridian::flows::{calls, erasure, pages};
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::case::pk as case_pk;
use meridian::records::patient;
use meridian::vendors;
use meridian::words::ids;
use meridian_embedded_aws::Action;
use serde_json::{Value, json};

impl Clinic {
    async fn erases(&self, patient: &str) -> Value {
        let path = format!("/v1/patients/{patient}");
        self.call("DELETE", &path, &Value::Null).await.expect(200)
    }

    async fn keeps(&self, patient: &str, token: &str) {
        let path = format!("/v1/patients/{patient}/payment-methods");
        let kept = json!({ "gateway": "stripe", "token": token, "label": "Visa ending 4242" });
        self.post(&path, kept).await.expect(201);
    }

    async fn books(&self, patient: &str, id: &str, starts: &str) {
        let new = json!({ "id": id, "patient": patient, "starts_at": starts, "lines": lines() });
        self.post("/v1/appointments", new).await.expect(201);
    }

    async fn case_of(&self, id: &str) -> Case {
        let found = self.app.case(&self.id, id).await;
        found.expect("a table").expect("a case")
    }

    /// The rows of the patient, by what stands behind their key.
    async fn of_patient(&self, patient: &str) -> Vec<String> {
        let pk = format!("{} ", patient::pk(&self.id, patient));
        let rows = self.rows().await.into_keys();
        rows.filter_map(|key| key.strip_prefix(&pk).map(String::from))
            .collect()
    }
}

fn task(clinic: &Clinic, case: &str, id: &str) -> RowKey {
    RowKey {
        pk: case_pk(&clinic.id, case),
        sk: format!("task#{id}"),
    }
}

fn texts(list: &Value) -> Vec<String> {
    let all = list.as_array().expect("a list").iter();
    all.map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

#[tokio::test]
async fn an_erased_patient_is_read_nowhere_and_the_clinic_hears_what_stays_and_who_was_told() {
    let (clinic, case) = paid(true).await;
    let patient = clinic.case_of(&case).await.patient.expect("a patient");
    clinic.keeps(&patient, "pm_1").await;
    clinic.books(&patient, "A-1", "2020-01-02T09:00:00Z").await;
    let known = clinic.rows().await.into_keys();
    let contacts = vendors::systems().filter(|system| system.contact.yes().is_some());
    let contacts = contacts.count();
    assert_eq!(
        known.filter(|key| key.contains("#known#")).count(),
        contacts
    );
    let erased = clinic.erases(&patient).await;
    let gone = json!({
        "person": true, "payment_methods": 1, "contacts": contacts, "invoices": 1, "appointments": 1,
    });
    assert_eq!(erased["erased"], gone);
    let stays: Vec<_> = erased["stays"].as_array().expect("a list").iter().collect();
    let whats: Vec<_> = stays.iter().map(|one| one["what"].clone()).collect();
    assert_eq!(json!(whats), json!(["books", "webhooks", "backups"]));
    assert!(stays[0]["until"].is_null() && !stays[1]["until"].is_null());
    let copies = erased["copies"].as_array().expect("a list");
    let held: Vec<_> = copies
        .iter()
        .map(|copy| {
            (
                copy["vendor"].as_str().expect("an id"),
                texts(&copy["holds"]).join(" "),
            )
        })
        .collect();
    let mut wanted = vec![("stripe", "payments payment_methods".to_owned())];
    for system in vendors::systems() {
        let holds = match system.channel {
            // It hears of no money.
            Channel::Practice => continue,
            Channel::PatientEmail => "name email messages",
            Channel::PatientText => "name phone messages",
            Channel::Staff => "reference name",
            Channel::Books => "reference name contact",
            Channel::Records => "reference name invoices",
        };
        wanted.push((system.vendor.id, holds.to_owned()));
    }
    wanted.sort_unstable();
    assert_eq!(held, wanted);
    for (place, row) in clinic.rows().await {
        let text = format!("{place} {row}");
        for secret in PERSONAL {
            assert!(!text.contains(secret), "{secret} stands in {text}");
        }
        assert!(!place.contains("#known#"), "{place}");
    }
    assert_eq!(clinic.of_patient(&patient).await, ["patient"]);
    let shown = clinic.get(&format!("/v1/patients/{patient}")).await;
    assert_eq!(shown["erased_at"], erased["erased_at"]);
    for field in ["reference", "name", "email", "phone"] {
        assert!(shown[field].is_null(), "{shown}");
    }
    let invoice = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert!(invoice["lines"][0]["description"].is_null(), "{invoice}");
    assert_eq!(invoice["paid"], invoice["total"], "the books are whole");
    for address in [&invoice["receipts"][0]["url"], &invoice["page_url"]] {
        let asked = request(
            "GET",
            address.as_str().expect("an address"),
            json!({}),
            None,
        );
        let page = pages::show(&clinic.app, &asked).await.body;
        let told = PERSONAL.iter().find(|secret| page.contains(**secret));
        assert_eq!(told, None, "{page}");
    }
    let path = format!("/v1/audit/verify?case={case}");
    assert_eq!(clinic.get(&path).await["holds"], true);
    assert_eq!(clinic.erases(&patient).await, erased, "again");
    let path = format!("/v1/audit?patient={patient}");
    let audit = clinic.get(&path).await;
    let noted = audit["entries"].as_array().expect("entries").iter();
    let noted = noted.filter(|note| note["what"] == "patient_erased");
    assert_eq!(noted.count(), 1);
}

#[tokio::test]
async fn what_staff_noted_beside_money_goes_with_the_patient() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let case = clinic.invoice(Some(&patient)).await;
    let tenders = format!("/v1/invoices/{case}/tenders");
    let part = json!({ "amount": "20.00", "currency": "EUR" });
    let taken = json!({ "how": "cash", "amount": part, "note": "her sister's envelope" });
    let made = clinic.post_under("k-1", &tenders, &taken).await.expect(201);
    assert_eq!(made["note"], "her sister's envelope");
    let again = clinic.post_under("k-1", &tenders, &taken).await.expect(201);
    assert_eq!(again, made);
    let back = json!({ "invoice": case, "by": "hand", "amount": part, "reason": "sister came" });
    clinic.post("/v1/refunds", back).await.expect(202);
    let rows = format!("{:?}", clinic.rows().await);
    assert!(!rows.contains("sister"), "a note is kept unsealed");
    let invoice = format!("/v1/invoices/{case}");
    let shown = clinic.get(&invoice).await;
    assert_eq!(shown["tenders"][0]["note"], "her sister's envelope");
    clinic.erases(&patient).await;
    let shown = clinic.get(&invoice).await;
    assert_eq!(shown["tenders"][0]["note"], Value::Null);
    assert_eq!(shown["tenders"][0]["amount"], part);
    // What is still owed can be taken, and nothing is noted of it any more.
    let refused = clinic.post(&tenders, taken).await.expect(422);
    assert_eq!(refused["field"], "note");
    let taken = json!({ "how": "cash", "amount": part });
    clinic.post(&tenders, taken).await.expect(201);
}

#[tokio::test]
async fn what_is_planned_is_given_up_so_that_nobody_is_charged_whatever_fails_on_the_way() {
    for fails in [false, true] {
        let policy = json!({ "collect": "saved_method", "retry_after_days": [3] });
        let clinic = Clinic::of("EUR", policy).await;
        connect(&clinic, "stripe", |_| ok(json!({}))).await;
        let patient = clinic.patient().await;
        clinic.keeps(&patient, "pm_1").await;
        let (declined, unbegun) = (
            clinic.invoice(Some(&patient)).await,
            clinic.invoice(Some(&patient)).await,
        );
        let fact = Fact {
            reference: Some(ids::payment_reference(&declined, 1)),
            payment: Some("pi_1".into()),
            decline: Some(Decline::Funds),
            ..Fact::new(Kind::PaymentFailed)
        };
        let case = happens(&clinic, &declined, reported(fact)).await;
        assert!(case.retry.is_some());
        let path = format!("/v1/patients/{patient}");
        // What follows from the first commit does not come through.
        let struck = fails.then(|| {
            let fault = ("TransactWriteItems", Action::CutBefore, 2, 10_000);
            Struck::by(vec![fault])
        });
        let app = struck.as_ref().map_or(&clinic.app, |struck| &struck.app);
        let erased = clinic.call_at(app, "DELETE", &path, &Value::Null).await;
        assert_eq!(erased.expect(200)["erased"]["payment_methods"], 1);
        drop(struck);
        let key = patient::key(&clinic.id, &patient);
        if fails {
            let due = Write::Change {
                key: task(&clinic, &declined, "retry-p1"),
                set: Row::default().number("due_at", 1),
                remove: vec![],
            };
            clinic.write(due).await;
        }
        for (case, id) in [(&declined, "retry-p1"), (&unbegun, "p1")] {
            calls::pay(&clinic.app, &task(&clinic, case, id))
                .await
                .expect("nothing to do");
        }
        assert!(heard(&clinic).is_empty(), "{:?}", heard(&clinic));
        erasure::finish(&clinic.app, &key).await.expect("it ends");
        let row = clinic.app.store.get(&key.pk, &key.sk).await;
        assert!(!row.expect("a table").expect("a row").has("due_at"));
        for case in [&declined, &unbegun] {
            let case = clinic.case_of(case).await;
            assert_eq!((case.payments.len(), case.retry), (1, None));
            assert_ne!(case.payments[0].state, State::Open);
        }
        let asked = clinic.open_tasks().await;
        let uncollected = asked
            .iter()
            .filter(|task| task["id"] == "person-uncollected");
        assert_eq!(uncollected.count(), 2, "what is due is a task: {asked:#?}");
        assert_eq!(clinic.of_patient(&patient).await, ["patient"]);
    }
}

#[tokio::test]
async fn who_has_an_appointment_to_come_is_not_erased_and_the_answer_names_it() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    clinic.books(&patient, "A-1", "2099-01-02T09:00:00Z").await;
    clinic.books(&patient, "A-2", "2020-01-02T09:00:00Z").await;
    let before = clinic.rows().await;
    let path = format!("/v1/patients/{patient}");
    let refused = clinic.call("DELETE", &path, &Value::Null).await.expect(409);
    let why = refused["detail"].as_str().expect("words");
    assert!(why.contains("(A-1)"), "{why}");
    crate::permissions::unchanged(&before, &clinic.rows().await, "what was refused");
    let done = "/v1/appointments/A-1/complete";
    clinic.post(done, Value::Null).await.expect(202);
    clinic.call("DELETE", &path, &Value::Null).await.expect(409);
    let nobody = "/v1/patients/0123456789abcdef";
    clinic
        .call("DELETE", nobody, &Value::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn a_gateway_keeps_a_method_only_where_one_was_charged_there() {
    let clinic = Clinic::of("EUR", json!({ "collect": "later", "save_method": false })).await;
    let patient = clinic.patient().await;
    let card = json!({ "gateway": "stripe", "token": "pm_1", "label": "Visa" });
    for gateway in ["stripe", "mollie"] {
        connect(&clinic, gateway, |_| Said::Cut).await;
    }
    for way in [
        json!({ "collect": "checkout", "gateway": "mollie" }),
        json!({ "method": card }),
    ] {
        let case = clinic.invoice(Some(&patient)).await;
        let path = format!("/v1/invoices/{case}/charges");
        clinic.post(&path, way).await.expect(202);
        let row = task(&clinic, &case, "p1");
        let begun = Box::pin(calls::pay(&clinic.app, &row)).await;
        begun.expect("it is written down");
    }
    let erased = clinic.erases(&patient).await;
    let held = |vendor: &str| {
        let mut copies = erased["copies"].as_array().expect("a list").iter();
        copies
            .find(|copy| copy["vendor"] == vendor)
            .map(|copy| copy["holds"].clone())
    };
    assert_eq!(held("mollie"), Some(json!(["payments"])));
    assert_eq!(held("stripe"), Some(json!(["payments", "payment_methods"])));
}

/// The payer paid on the page, and let the gateway keep the card.
async fn pays_and_leaves_a_card(clinic: &Clinic, case: &str) {
    let fact = Fact {
        reference: Some(ids::payment_reference(case, 1)),
        payment: Some("pi_1".into()),
        method: Some(Method {
            gateway: "stripe".into(),
            customer: Some("cus_1".into()),
            token: "pm_1".into(),
            label: "Visa ending 4242".into(),
        }),
        ..Fact::new(Kind::PaymentSucceeded)
    };
    let paid = happens(clinic, case, reported(fact)).await;
    assert_eq!(paid.payments[0].state, State::Paid);
}

/// Both read what there is before either writes: one of them finds that the other was faster.
#[tokio::test]
async fn a_credit_that_is_given_while_its_patient_is_erased_is_never_of_nobody() {
    for erases_late in [true, false] {
        let clinic = Clinic::of("EUR", json!({ "collect": "later" })).await;
        let patient = clinic.patient().await;
        let case = clinic.invoice(Some(&patient)).await;
        let path = format!("/v1/invoices/{case}/charges");
        let page = json!({ "collect": "checkout" });
        clinic.post(&path, page).await.expect(202);
        pays(&clinic, &case).await;
        let path = format!("/v1/patients/{patient}");
        let part = json!({ "amount": "10.00", "currency": "EUR" });
        let keep = json!({ "invoice": case, "by": "credit", "amount": part });
        let late = Action::Delay { ms: 600 };
        let struck = Struck::by(vec![("TransactWriteItems", late, 1, 1)]);
        let (slow, quick) = (&struck.app, &clinic.app);
        let (eraser, giver) = match erases_late {
            true => (slow, quick),
            false => (quick, slow),
        };
        let at_once =
            |is_late: bool| std::time::Duration::from_millis(if is_late { 0 } else { 200 });
        let (erased, given) = futures::join!(
            async {
                tokio::time::sleep(at_once(erases_late)).await;
                clinic.call_at(eraser, "DELETE", &path, &Value::Null).await
            },
            async {
                tokio::time::sleep(at_once(!erases_late)).await;
                clinic.call_at(giver, "POST", "/v1/refunds", &keep).await
            },
        );
        let ends = (erased.status, given.status);
        let wanted = if erases_late { (409, 202) } else { (200, 422) };
        assert_eq!(ends, wanted, "{:?} {:?}", erased.body, given.body);
        drop(struck);
        let rows = clinic.rows().await.into_keys();
        let credits = rows.filter(|key| key.contains("#credit#")).count();
        assert_eq!(credits > 0, erases_late);
    }
}

/// The patient is marked as erased first; what a payment leaves behind before the cases follow is of
/// nobody all the same.
#[tokio::test]
async fn nothing_is_kept_of_who_was_erased_a_moment_ago() {
    let policy = json!({ "collect": "later", "save_method": true });
    let clinic = Clinic::of("EUR", policy).await;
    let patient = clinic.patient().await;
    let case = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    let page = json!({ "collect": "checkout" });
    clinic.post(&path, page).await.expect(202);
    let struck = Struck::by(vec![("TransactWriteItems", Action::CutBefore, 2, 10_000)]);
    let path = format!("/v1/patients/{patient}");
    let erased = clinic.call_at(&struck.app, "DELETE", &path, &Value::Null);
    erased.await.expect(200);
    drop(struck);
    assert!(clinic.case_of(&case).await.payments[0].keep_method);
    pays_and_leaves_a_card(&clinic, &case).await;
    let rows = clinic.of_patient(&patient).await;
    assert!(!rows.iter().any(|row| row.contains("method")), "{rows:?}");
}

#[tokio::test]
async fn what_comes_later_is_posted_and_brings_back_nothing_of_the_person() {
    let policy = json!({ "collect": "later", "save_method": true });
    let clinic = Clinic::of("EUR", policy).await;
    let patient = clinic.patient().await;
    let case = clinic.invoice(Some(&patient)).await;
    let left = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    let page = json!({ "collect": "checkout" });
    clinic.post(&path, page.clone()).await.expect(202);
    assert!(clinic.case_of(&case).await.payments[0].keep_method);
    clinic.erases(&patient).await;
    pays_and_leaves_a_card(&clinic, &case).await;
    assert_eq!(clinic.of_patient(&patient).await, ["patient"]);
    let kept = json!({ "gateway": "stripe", "token": "pm_2", "label": "Visa" });
    let methods = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&methods, kept).await.expect(409);
    // Somebody may still pay on a page, and nothing is kept of them there.
    let path = format!("/v1/invoices/{left}/charges");
    let kept = json!({ "method": { "gateway": "stripe", "token": "pm_2" } });
    let refused = clinic.post(&path, kept).await.expect(422);
    assert_eq!(refused["field"], "method");
    clinic.post(&path, page).await.expect(202);
    assert!(!clinic.case_of(&left).await.payments[0].keep_method);
    let new = json!({ "reference": "P-1", "name": "Juniper Vale" });
    clinic.post("/v1/patients", new.clone()).await.expect(503);
    let key = patient::key(&clinic.id, &patient);
    erasure::finish(&clinic.app, &key).await.expect("it ends");
    let anew = clinic.post("/v1/patients", new).await.expect(200);
    assert_eq!(anew["erased_at"], Value::Null);
    let receipt = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert!(receipt["lines"][0]["description"].is_null(), "{receipt}");
}

#[tokio::test]
async fn what_waits_to_be_told_an_erased_patient_is_skipped_and_nobody_is_asked() {
    let clinic = Clinic::new().await;
    let systems: Vec<_> = vendors::systems()
        .filter(|system| {
            use Channel::{Books, Practice, Records};
            !matches!(system.channel, Books | Records | Practice)
        })
        .map(|system| system.vendor.id)
        .collect();
    for vendor in &systems {
        connect(&clinic, vendor, |_| ok(json!({ "id": "1", "sid": "SM1" }))).await;
    }
    let mut settings = clinic.get("/v1/settings").await;
    settings["systems"] = json!(systems);
    let put = clinic.call("PUT", "/v1/settings", &settings).await;
    put.expect(200);
    let person = json!({
        "reference": "P-1042", "name": "Juniper Vale", "email": "juniper@example.org",
        "phone": "+61370100142",
    });
    let made = clinic.post("/v1/patients", person).await.expect(201);
    let patient = made["id"].as_str().expect("an id").to_owned();
    let case = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    let page = json!({ "collect": "checkout" });
    clinic.post(&path, page).await.expect(202);
    pays(&clinic, &case).await;
    clinic.spreads(&case).await;
    let before = clinic.open_tasks().await;
    clinic.erases(&patient).await;
    for system in ["mailgun", "twilio"] {
        let key = clinic.told_key(&case, system, "payment-received-p1").await;
        clinic.delivers(&key).await;
        let row = clinic.app.store.get(&key.pk, &key.sk).await;
        let row = row.expect("a table").expect("a row");
        let end = (row.get("state"), row.get("why"));
        assert_eq!(end, ("skipped", "the patient was erased"), "{system}");
    }
    let told = heard(&clinic);
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(clinic.open_tasks().await, before, "nobody is asked");
}
