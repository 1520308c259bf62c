//! Xero's adapter.

use super::*;
use meridian::contract::{CameBy, Recorded, Trouble};
use meridian::vendors::xero::SYSTEM;
use proptest::prelude::*;
use serde_json::{Value, json as value};

pub const SECRETS: &[(&str, &str)] = &[
    ("client_id", "0123456789ABCDEF-client"),
    ("client_secret", "0123456789abcdef-secret"),
    ("tenant_id", "fe79f7dd-b6d4-4a92-ba7b-538af6289c58"),
    ("sales_account", "200"),
    ("bank_account", "090"),
    ("tax_type", "OUTPUT2"),
    ("credit_account", "820"),
    ("cash_account", "091"),
];

const ID: &str = "c7c37b83-ac95-45ea-88ba-8ad83a5f22fe";

fn sent(topic: Topic, step: usize, ask: &Notification) -> Request {
    built(steps(&SYSTEM, topic)[step].build, ask, &demo(&SYSTEM)).unwrap()
}

fn parsed(topic: Topic, step: usize, reply: &Reply) -> Result<ExternalId, Trouble> {
    let (ask, account) = (told(topic), demo(&SYSTEM));
    holds(&SYSTEM, &sent(topic, step, &ask), &account, Some(reply));
    (steps(&SYSTEM, topic)[step].parse)(&ask, reply, &account)
}

fn looked_up(topic: Topic, step: usize, reply: &Reply) -> Result<Option<ExternalId>, Trouble> {
    let (ask, account) = (told(topic), demo(&SYSTEM));
    let look = search(&steps(&SYSTEM, topic)[step]);
    let request = first(look, &ask, &account);
    holds(&SYSTEM, &request, &account, Some(reply));
    heard(look, &ask, &account, std::slice::from_ref(reply))
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut named = request.headers.iter().filter(|(n, _)| n == name);
    named.next().map(|(_, value)| value.as_str())
}

#[test]
fn an_invoice_is_filed_with_its_tax_and_no_service_or_name() {
    let ask = told(Topic::InvoiceIssued);
    let request = sent(Topic::InvoiceIssued, 0, &ask);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("PUT", "/api.xro/2.0/Invoices")
    );
    let expected = value!({"Invoices": [{
        "Type": "ACCREC", "Status": "AUTHORISED", "InvoiceNumber": "INV-7", "Reference": ask.key,
        "Contact": {"ContactNumber": "P-12", "Name": "Patient P-12"},
        "Date": "2026-03-14", "DueDate": "2026-03-14",
        "CurrencyCode": "EUR", "LineAmountTypes": "Exclusive",
        "LineItems": [{"Description": "Invoice INV-7", "Quantity": 1, "UnitAmount": 100.0,
            "TaxAmount": 19.0, "TaxType": "OUTPUT2", "AccountCode": "200"}],
    }]});
    assert_eq!(body(&request), &expected);
}

#[test]
fn a_name_is_filed_only_where_the_clinic_shares_it() {
    let mut ask = told(Topic::InvoiceIssued);
    ask.customer.name = Some("Sam Smith".into());
    let request = sent(Topic::InvoiceIssued, 0, &ask);
    assert_eq!(
        body(&request)["Invoices"][0]["Contact"]["Name"],
        "Sam Smith (P-12)"
    );
}

/// Xero finds a contact by its number before it looks at the name: a patient who is renamed, or
/// whose name is shared later, stays one contact, and the credit note is on the invoice's.
#[test]
fn a_patient_is_one_contact_by_number_whatever_name_is_told() {
    let contact = |topic: Topic, list: &str, name: Option<&str>, reference: &str| {
        let mut ask = told(topic);
        ask.customer.name = name.map(String::from);
        ask.customer.reference = reference.into();
        let request = sent(topic, 0, &ask);
        holds(&SYSTEM, &request, &demo(&SYSTEM), None);
        let number = &body(&request)[list][0]["Contact"]["ContactNumber"];
        number.as_str().unwrap_or_default().to_owned()
    };
    let long = "P-".to_owned() + &"1".repeat(60);
    let longest = "P".repeat(50);
    assert_eq!(
        contact(Topic::InvoiceIssued, "Invoices", None, &longest),
        longest
    );
    for reference in ["P-12", &long] {
        let first = contact(Topic::InvoiceIssued, "Invoices", None, reference);
        let (sam, kim) = (Some("Sam Smith"), Some("Kim Smith"));
        for (topic, list, name) in [
            (Topic::InvoiceIssued, "Invoices", sam),
            (Topic::InvoiceIssued, "Invoices", kim),
            (Topic::RefundPaid, "CreditNotes", kim),
        ] {
            assert_eq!(contact(topic, list, name, reference), first);
        }
        assert!((1..=50).contains(&first.len()), "{first:?}");
    }
    let other = contact(
        Topic::InvoiceIssued,
        "Invoices",
        None,
        &(long.clone() + "2"),
    );
    assert_ne!(
        other,
        contact(Topic::InvoiceIssued, "Invoices", None, &long)
    );
}

#[test]
fn two_patients_of_one_name_are_two_contacts() {
    let name = |reference: &str| {
        let mut ask = told(Topic::InvoiceIssued);
        ask.customer.name = Some("Sam Smith".into());
        ask.customer.reference = reference.into();
        body(&sent(Topic::InvoiceIssued, 0, &ask))["Invoices"][0]["Contact"]["Name"].clone()
    };
    assert_ne!(name("P-12"), name("P-13"));
}

/// 119.00 at 19 %, 53.50 at 7 % and 40.00 free of tax.
fn of_three_rates(topic: Topic) -> Notification {
    Notification {
        total: eur(21250),
        rates: vec![rate(0, 4000, 0), rate(7, 5350, 350), rate(19, 11900, 1900)],
        ..told(topic)
    }
}

fn numbers(lines: &Value, name: &str) -> Vec<String> {
    let lines = lines.as_array().unwrap().iter();
    lines.map(|line| line[name].to_string()).collect()
}

#[test]
fn each_rate_of_tax_is_a_line_of_its_own_type() {
    let ask = of_three_rates(Topic::InvoiceIssued);
    let free = [("tax_type_0", "EXEMPTOUTPUT"), ("tax_type_7", "TAX002")];
    let account = account(&SYSTEM, &[SECRETS, &free].concat());
    let step = &steps(&SYSTEM, Topic::InvoiceIssued)[0];
    let request = built(step.build, &ask, &account).unwrap();
    holds(&SYSTEM, &request, &account, None);
    let lines = &body(&request)["Invoices"][0]["LineItems"];
    assert_eq!(numbers(lines, "UnitAmount"), ["40.0", "50.0", "100.0"]);
    assert_eq!(numbers(lines, "TaxAmount"), ["0.0", "3.5", "19.0"]);
    let types = ["\"EXEMPTOUTPUT\"", "\"TAX002\"", "\"OUTPUT2\""];
    assert_eq!(numbers(lines, "TaxType"), types);
    // Where the clinic named no other type, its one type is all.
    let request = sent(Topic::InvoiceIssued, 0, &ask);
    let lines = &body(&request)["Invoices"][0]["LineItems"];
    assert_eq!(numbers(lines, "TaxType"), ["\"OUTPUT2\""; 3]);
    assert!(
        SYSTEM
            .vendor
            .field("tax_type_0")
            .is_some_and(|field| !field.needed)
    );
}

#[test]
fn money_received_is_a_payment_on_the_invoice_at_the_bank_account() {
    let ask = told(Topic::PaymentReceived);
    let expected = value!({"Payments": [{
        "Invoice": {"InvoiceNumber": "INV-7"}, "Account": {"Code": "090"},
        "Date": "2026-03-14", "Amount": 119.0, "Reference": ask.key,
    }]});
    assert_eq!(body(&sent(Topic::PaymentReceived, 1, &ask)), &expected);
}

#[test]
fn a_refund_is_a_credit_note_and_then_its_cash_refund() {
    let mut ask = told(Topic::RefundPaid);
    ask.amount = eur(5950);
    ask.standing = applied(eur(5950));
    let note = sent(Topic::RefundPaid, 0, &ask);
    let expected = value!({"CreditNotes": [{
        "Type": "ACCRECCREDIT", "Status": "AUTHORISED", "CreditNoteNumber": "R-7-1",
        "Reference": ask.key, "Contact": {"ContactNumber": "P-12", "Name": "Patient P-12"}, "Date": "2026-03-14",
        "CurrencyCode": "EUR", "LineAmountTypes": "Inclusive",
        "LineItems": [{"Description": "Invoice INV-7", "Quantity": 1, "UnitAmount": 59.5,
            "TaxAmount": 9.5, "TaxType": "OUTPUT2", "AccountCode": "200"}],
    }]});
    assert_eq!(body(&note), &expected);
    let cash = sent(Topic::RefundPaid, 1, &ask);
    assert_eq!(
        body(&cash)["Payments"][0]["CreditNote"],
        value!({"CreditNoteNumber": "R-7-1"})
    );
    assert_eq!(body(&cash)["Payments"][0]["Amount"].to_string(), "59.5");
    assert_ne!(
        header(&note, "Idempotency-Key"),
        header(&cash, "Idempotency-Key")
    );
}

#[test]
fn returned_money_undoes_the_payment_that_was_filed() {
    let ask = told(Topic::PaymentReturned);
    let request = sent(Topic::PaymentReturned, 0, &ask);
    let path = "/api.xro/2.0/Payments/61ed71fc-01bf-4eb8-8419-8a18789ff45f";
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", path)
    );
    assert_eq!(body(&request), &value!({"Status": "DELETED"}));
    let standing = applied(eur(0));
    let unknown = Notification { standing, ..ask };
    let step = &steps(&SYSTEM, Topic::PaymentReturned)[0];
    assert!(built(step.build, &unknown, &demo(&SYSTEM)).is_err());
}

/// A payment at Xero is deleted as a whole: what stays of it is filed anew.
#[test]
fn what_is_filed_of_a_payment_follows_what_stays_of_it() {
    let skipped = |topic: Topic, standing: &Standing| {
        let subscription = SYSTEM
            .subscriptions
            .iter()
            .find(|subscription| subscription.topic == topic);
        let subscription = subscription.expect("it hears of it");
        let standing = standing.clone();
        let ask = Notification {
            standing,
            ..told(topic)
        };
        [0, 1].map(|step| (subscription.skips)(&ask, step))
    };
    let filed = told(Topic::PaymentReturned).standing;
    let none = Standing {
        applied: eur(0),
        ..filed.clone()
    };
    let part = Standing {
        applied: eur(6900),
        ..filed.clone()
    };
    // It arrives; all of it goes back; a part goes back; it is there again after either.
    let fresh = applied(eur(11900));
    assert_eq!(skipped(Topic::PaymentReceived, &fresh), [true, false]);
    assert_eq!(skipped(Topic::PaymentReturned, &none), [false, true]);
    assert_eq!(skipped(Topic::PaymentReturned, &part), [false, false]);
    assert_eq!(skipped(Topic::PaymentReceived, &filed), [false, false]);
    let ask = Notification {
        standing: part,
        ..told(Topic::PaymentReturned)
    };
    let request = sent(Topic::PaymentReturned, 1, &ask);
    assert_eq!(body(&request)["Payments"][0]["Amount"].to_string(), "69.0");
}

/// 30.00 of a surplus went back with 89.00 of the sale.
#[test]
fn a_refund_takes_back_only_what_was_sold() {
    let ask = Notification {
        standing: applied(eur(8900)),
        ..told(Topic::RefundPaid)
    };
    let note = sent(Topic::RefundPaid, 0, &ask);
    let lines = &body(&note)["CreditNotes"][0]["LineItems"];
    assert_eq!(numbers(lines, "UnitAmount"), ["89.0"]);
    let back = sent(Topic::RefundPaid, 1, &ask);
    assert_eq!(body(&back)["Payments"][0]["Amount"].to_string(), "89.0");
}

#[test]
fn a_refund_that_failed_loses_its_payment_first_and_then_its_credit_note() {
    let ask = told(Topic::RefundFailed);
    let (note, payment) = (&ask.filed[0], &ask.filed[1]);
    let undone = sent(Topic::RefundFailed, 0, &ask);
    assert_eq!(undone.path, format!("/api.xro/2.0/Payments/{payment}"));
    assert_eq!(body(&undone), &value!({"Status": "DELETED"}));
    let voided = sent(Topic::RefundFailed, 1, &ask);
    assert_eq!(voided.method, "POST");
    assert_eq!(voided.path, format!("/api.xro/2.0/CreditNotes/{note}"));
    let expected = value!({"CreditNotes": [{"CreditNoteID": note, "Status": "VOIDED"}]});
    assert_eq!(body(&voided), &expected);
    let gone = value!({"CreditNotes": [{"CreditNoteID": ID, "Status": "VOIDED"}]});
    let gone = json(200, gone);
    assert_eq!(
        parsed(Topic::RefundFailed, 1, &gone),
        Ok(ExternalId(Some(ID.into())))
    );
    // After a lost reply the document itself says whether it still stands.
    let state = |step, list: &str, id: &str, status: &str| {
        let body = value!({list: [{id: ID, "Status": status}]});
        looked_up(Topic::RefundFailed, step, &json(200, body))
    };
    let filed = Ok(Some(ExternalId(Some(ID.into()))));
    assert_eq!(state(0, "Payments", "PaymentID", "DELETED"), filed);
    assert_eq!(state(0, "Payments", "PaymentID", "AUTHORISED"), Ok(None));
    assert_eq!(state(1, "CreditNotes", "CreditNoteID", "VOIDED"), filed);
    let note = state(1, "CreditNotes", "CreditNoteID", "AUTHORISED");
    assert_eq!(note, Ok(None));
    // Half of it was filed: nobody can say what to undo.
    let filed = vec![ID.into()];
    let half = Notification { filed, ..ask };
    let step = &steps(&SYSTEM, Topic::RefundFailed)[0];
    assert!(built(step.build, &half, &demo(&SYSTEM)).is_err());
}

#[test]
fn every_write_has_a_key_of_its_own_and_every_call_the_tenant() {
    let mut keys = vec![];
    for subscription in SYSTEM.subscriptions {
        let ask = told(subscription.topic);
        for step in 0..subscription.steps.len() {
            let key =
                header(&sent(subscription.topic, step, &ask), "Idempotency-Key").map(String::from);
            let key = key.expect("a write has a key");
            assert!(key.len() <= 128 && key.starts_with(&ask.key), "{key}");
            keys.push((key, subscription.topic));
        }
    }
    assert_eq!(keys.len(), 15);
    let headers = (SYSTEM.vendor.headers)(&demo(&SYSTEM));
    assert!(headers.contains(&("xero-tenant-id", SECRETS[2].1.into())));
    assert!(headers.contains(&("Accept", "application/json".into())));
    assert!(matches!(&SYSTEM.vendor.auth, Auth::OAuth(oauth)
        if oauth.grant.refreshes() && oauth.path == "/connect/token"
            && matches!(oauth.host, Host::One("https://identity.xero.com"))));
}

proptest! {
    #[test]
    fn an_amount_on_the_wire_reads_back_as_itself(minor in 1_i64..1_000_000_000_000, code in 0_usize..3) {
        let currency = Currency::read(["EUR", "JPY", "GBP"][code]).unwrap();
        let amount = Money::new(minor, currency);
        let ask = Notification { amount, standing: applied(amount), ..told(Topic::PaymentReceived) };
        let request = sent(Topic::PaymentReceived, 1, &ask);
        let stored: Request = serde_json::from_str(&serde_json::to_string(&request).unwrap()).unwrap();
        prop_assert_eq!(&stored, &request);
        let written = body(&stored)["Payments"][0]["Amount"].to_string();
        prop_assert_eq!(Money::read(&written, currency), Ok(amount));
    }

    #[test]
    fn a_refund_takes_no_more_tax_than_the_invoice_had(part in 1_i64..=11900) {
        let ask = Notification { amount: eur(part), standing: applied(eur(part)), ..told(Topic::RefundPaid) };
        let request = sent(Topic::RefundPaid, 0, &ask);
        let tax = body(&request)["CreditNotes"][0]["LineItems"][0]["TaxAmount"].to_string();
        let tax = Money::read(&tax, ask.amount.currency).unwrap().minor;
        // 1900 of 11900, to the nearest cent.
        prop_assert!((tax * 11900 - 1900 * part).abs() * 2 <= 11900);
    }

    #[test]
    fn all_refunds_of_an_invoice_take_exactly_what_stood_on_it(
        mut cuts in proptest::collection::vec(0_i64..=21250, 0..6)
    ) {
        cuts.extend([0, 21250]);
        cuts.sort_unstable();
        let of = |line: &Value, name| {
            let text = line[name].to_string();
            Money::read(&text, eur(0).currency).unwrap().minor
        };
        let (mut gross, mut tax) = (0, 0);
        for (from, to) in cuts.iter().zip(&cuts[1..]).filter(|(from, to)| from < to) {
            let ask = Notification {
                amount: eur(to - from),
                standing: applied(eur(to - from)),
                refunded_before: eur(*from),
                ..of_three_rates(Topic::RefundPaid)
            };
            let request = sent(Topic::RefundPaid, 0, &ask);
            let lines = body(&request)["CreditNotes"][0]["LineItems"].as_array().unwrap().clone();
            let sum: i64 = lines.iter().map(|line| of(line, "UnitAmount")).sum();
            prop_assert_eq!(sum, to - from);
            gross += sum;
            tax += lines.iter().map(|line| of(line, "TaxAmount")).sum::<i64>();
        }
        prop_assert_eq!((gross, tax), (21250, 2250));
    }
}

#[test]
fn an_amount_that_xero_or_a_json_number_cannot_hold_is_refused() {
    let step = &steps(&SYSTEM, Topic::PaymentReceived)[1];
    let kwd = Currency::read("KWD").unwrap();
    for amount in [Money::new(1234, kwd), eur(i64::MAX)] {
        let ask = Notification {
            amount,
            standing: applied(amount),
            ..told(Topic::PaymentReceived)
        };
        assert!(built(step.build, &ask, &demo(&SYSTEM)).is_err(), "{amount}");
    }
    let whole = Notification {
        standing: applied(Money::new(1230, kwd)),
        ..told(Topic::PaymentReceived)
    };
    assert!(built(step.build, &whole, &demo(&SYSTEM)).is_ok());
}

#[test]
fn what_was_written_is_filed_under_its_id() {
    let filed = Ok(ExternalId(Some(ID.into())));
    let invoices = value!({"Invoices": [{"InvoiceID": ID, "InvoiceNumber": "INV-7",
        "Status": "AUTHORISED", "Payments": [], "CreditNotes": [], "HasErrors": false}]});
    assert_eq!(parsed(Topic::InvoiceIssued, 0, &json(200, invoices)), filed);
    let payments = value!({"Payments": [{"PaymentID": ID, "Status": "AUTHORISED",
        "Invoice": {"InvoiceID": "00000000-0000-0000-0000-000000000001"}}]});
    assert_eq!(
        parsed(Topic::PaymentReceived, 1, &json(200, payments.clone())),
        filed
    );
    assert_eq!(parsed(Topic::RefundPaid, 1, &json(200, payments)), filed);
    let notes = value!({"CreditNotes": [{"CreditNoteID": ID, "CreditNoteNumber": "R-7-1"}]});
    assert_eq!(parsed(Topic::RefundPaid, 0, &json(200, notes)), filed);
    let gone = value!({"Payments": [{"PaymentID": ID, "Status": "DELETED"}]});
    assert_eq!(parsed(Topic::PaymentReturned, 0, &json(200, gone)), filed);
    let empty = json(200, value!({"Invoices": []}));
    assert!(matches!(
        parsed(Topic::InvoiceIssued, 0, &empty),
        Err(Trouble::Unreadable(_))
    ));
    let stands = json(
        200,
        value!({"Payments": [{"PaymentID": ID, "Status": "AUTHORISED"}]}),
    );
    assert!(matches!(
        parsed(Topic::PaymentReturned, 0, &stands),
        Err(Trouble::Unreadable(_))
    ));
}

fn invalid(message: &str) -> Reply {
    json(
        400,
        value!({"ErrorNumber": 10, "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{"InvoiceID": "00000000-0000-0000-0000-000000000000",
            "ValidationErrors": [{"Message": message}]}]}),
    )
}

#[test]
fn a_validation_error_says_why_without_the_patients_name() {
    let why = "Account code '200' is not a valid code for this document.";
    let refused = parsed(Topic::InvoiceIssued, 0, &invalid(why));
    assert_eq!(refused, Err(Trouble::Rejected(why.into())));
    let mut ask = told(Topic::InvoiceIssued);
    ask.customer.name = Some("Sam Smith".into());
    let named = invalid(
        "The contact name Sam Smith is already assigned to another contact. The contact name must be unique across all active contacts.",
    );
    let step = &steps(&SYSTEM, Topic::InvoiceIssued)[0];
    let Err(Trouble::Rejected(said)) = (step.parse)(&ask, &named, &demo(&SYSTEM)) else {
        panic!("a taken contact name is final");
    };
    assert!(
        said.contains("the patient") && !said.contains("Smith"),
        "{said}"
    );
    let bare = json(
        400,
        value!({"ErrorNumber": 14, "Message": "JSON is not valid"}),
    );
    let refused = parsed(Topic::InvoiceIssued, 0, &bare);
    assert_eq!(refused, Err(Trouble::Rejected("JSON is not valid".into())));
}

#[test]
fn an_error_inside_a_200_is_final_without_an_id_and_looked_up_with_one() {
    let half = |id: &str| {
        let error = value!({"Message": "The document date cannot be before the lock date."});
        let invoice = value!({"InvoiceID": id, "StatusAttributeString": "ERROR",
            "ValidationErrors": [error]});
        parsed(
            Topic::InvoiceIssued,
            0,
            &json(200, value!({"Invoices": [invoice]})),
        )
    };
    let none = "00000000-0000-0000-0000-000000000000";
    assert!(matches!(half(none), Err(Trouble::Rejected(why)) if why.contains("lock date")));
    assert!(matches!(half(ID), Err(Trouble::Unclear(_))));
}

#[test]
fn a_key_that_is_in_use_is_not_a_refusal() {
    let busy = "A request with this Idempotency-Key is being processed";
    let busy = json(400, value!({"ErrorNumber": 17, "Message": busy}));
    assert!(matches!(
        parsed(Topic::PaymentReceived, 1, &busy),
        Err(Trouble::Unclear(_))
    ));
}

#[test]
fn a_number_that_is_taken_is_looked_up_for_it_may_be_our_own_lost_one() {
    for message in [
        "Invoice # must be unique.",
        "Credit note number must be unique.",
    ] {
        let refused = parsed(Topic::InvoiceIssued, 0, &invalid(message));
        assert!(matches!(refused, Err(Trouble::Unclear(_))), "{message}");
    }
    let key = told(Topic::InvoiceIssued).key;
    let list = |reference: &str| {
        json(
            200,
            value!({"Invoices": [{"InvoiceID": ID, "InvoiceNumber": "INV-7", "Reference": reference}]}),
        )
    };
    assert_eq!(
        looked_up(Topic::InvoiceIssued, 0, &list(&key)),
        Ok(Some(ExternalId(Some(ID.into()))))
    );
    let others = looked_up(Topic::InvoiceIssued, 0, &list("someone else's"));
    assert!(matches!(others, Err(Trouble::Rejected(why)) if why.contains("INV-7")));
    let none = json(200, value!({"Invoices": []}));
    assert_eq!(looked_up(Topic::InvoiceIssued, 0, &none), Ok(None));
}

#[test]
fn lost_payments_and_credit_notes_are_found_by_our_key() {
    let key = told(Topic::RefundPaid).key;
    let payments = json(
        200,
        value!({"Payments": [
        {"PaymentID": "00000000-0000-0000-0000-000000000001", "Reference": "other"},
        {"PaymentID": ID, "Reference": key}]}),
    );
    for (topic, step) in [(Topic::PaymentReceived, 1), (Topic::RefundPaid, 1)] {
        assert_eq!(
            looked_up(topic, step, &payments),
            Ok(Some(ExternalId(Some(ID.into()))))
        );
    }
    let notes = json(
        200,
        value!({"CreditNotes": [{"CreditNoteID": ID,
        "CreditNoteNumber": "R-7-1", "Reference": key}]}),
    );
    assert_eq!(
        looked_up(Topic::RefundPaid, 0, &notes),
        Ok(Some(ExternalId(Some(ID.into()))))
    );
    let other = json(
        200,
        value!({"Payments": [{"PaymentID": ID, "Reference": "other"}]}),
    );
    assert_eq!(looked_up(Topic::PaymentReceived, 1, &other), Ok(None));
}

#[test]
fn a_lost_undoing_is_seen_by_the_payment_itself() {
    let payment = |status: &str| {
        json(
            200,
            value!({"Payments": [{"PaymentID": ID, "Status": status}]}),
        )
    };
    let seen = |status| looked_up(Topic::PaymentReturned, 0, &payment(status));
    assert_eq!(seen("DELETED"), Ok(Some(ExternalId(Some(ID.into())))));
    assert_eq!(seen("AUTHORISED"), Ok(None));
    let odd = heard(
        search(&steps(&SYSTEM, Topic::PaymentReturned)[0]),
        &told(Topic::PaymentReturned),
        &demo(&SYSTEM),
        &[payment("SHREDDED")],
    );
    assert!(matches!(odd, Err(Trouble::Unreadable(_))));
}

#[test]
fn a_suppliers_bill_of_the_same_number_is_not_asked_for() {
    let filter = |topic| {
        let step = &steps(&SYSTEM, topic)[0];
        let request = first(search(step), &told(topic), &demo(&SYSTEM));
        request.query[0].1.clone()
    };
    let invoice = r#"Type=="ACCREC" AND InvoiceNumber=="INV-7""#;
    assert_eq!(filter(Topic::InvoiceIssued), invoice);
    let note = r#"Type=="ACCRECCREDIT" AND CreditNoteNumber=="R-7-1""#;
    assert_eq!(filter(Topic::RefundPaid), note);
}

#[test]
fn a_number_with_quotes_stays_inside_its_filter() {
    let ask = Notification {
        invoice: r#"A" OR 1==1 OR "\"#.into(),
        ..told(Topic::InvoiceIssued)
    };
    let step = &steps(&SYSTEM, Topic::InvoiceIssued)[0];
    let request = first(search(step), &ask, &demo(&SYSTEM));
    let expected = r#"Type=="ACCREC" AND InvoiceNumber=="A\" OR 1==1 OR \"\\""#;
    assert_eq!(request.query, [("where".to_string(), expected.to_string())]);
}

#[test]
fn other_statuses_mean_what_they_mean_everywhere() {
    let send = |status: u16, body: Value| parsed(Topic::InvoiceIssued, 0, &json(status, body));
    assert!(matches!(
        send(401, value!({"Detail": "TokenExpired"})),
        Err(Trouble::Credentials(_))
    ));
    assert!(matches!(
        send(403, value!({"Detail": "x"})),
        Err(Trouble::Credentials(_))
    ));
    assert!(matches!(
        send(404, value!({"Message": "x"})),
        Err(Trouble::Rejected(_))
    ));
    assert!(matches!(
        send(409, value!({"Message": "x"})),
        Err(Trouble::Unclear(_))
    ));
    assert!(matches!(send(503, value!({})), Err(Trouble::Unclear(_))));
    let mut busy = json(429, value!({}));
    busy.headers.push(("Retry-After".into(), "66975".into()));
    assert_eq!(
        parsed(Topic::InvoiceIssued, 0, &busy),
        Err(Trouble::busy(66975))
    );
    let html = reply(400, "text/html", "<html>");
    let step = &steps(&SYSTEM, Topic::InvoiceIssued)[0];
    let read = (step.parse)(&told(Topic::InvoiceIssued), &html, &demo(&SYSTEM));
    assert!(matches!(read, Err(Trouble::Unreadable(_))));
}

#[test]
fn xeros_own_samples_can_be_read() {
    let Some(spec) = official("xero/xero_accounting.json") else {
        return;
    };
    let sample = |path: &str, method: &str| {
        let path = path.replace('/', "~1");
        let place =
            format!("/paths/{path}/{method}/responses/200/content/application~1json/example");
        json(200, spec.pointer(&place).expect("a sample").clone())
    };
    let account = demo(&SYSTEM);
    let cases = [
        (Topic::InvoiceIssued, 0, "/Invoices", "put"),
        (Topic::PaymentReceived, 1, "/Payments", "put"),
        (Topic::RefundPaid, 0, "/CreditNotes", "put"),
        (Topic::PaymentReturned, 0, "/Payments/{PaymentID}", "post"),
    ];
    for (topic, step, path, method) in cases {
        let parse = steps(&SYSTEM, topic)[step].parse;
        let read = parse(&told(topic), &sample(path, method), &account);
        match path {
            // The samples for these two carry an error beside an id.
            "/Payments" | "/CreditNotes" => {
                assert!(matches!(read, Err(Trouble::Unclear(_))), "{path}: {read:?}")
            }
            _ => assert!(matches!(read, Ok(ExternalId(Some(_)))), "{path}: {read:?}"),
        }
    }
    for (topic, step, path, _) in &cases[..3] {
        let look = search(&steps(&SYSTEM, *topic)[*step]);
        let found = heard(look, &told(*topic), &account, &[sample(path, "get")]);
        assert_eq!(found, Ok(None), "{path}");
    }
}

#[test]
fn a_contact_is_found_by_number_and_named_by_its_id_and_one_that_is_gone_is_no_refusal() {
    let calls = SYSTEM.contact.yes().expect("Xero keeps contacts");
    let account = demo(&SYSTEM);
    let ask = told(Topic::InvoiceIssued);
    let find = first(calls.find, &ask, &account);
    let number = format!("ContactNumber==\"{}\"", ask.customer.reference);
    assert!(
        find.query
            .iter()
            .any(|(name, text)| name == "where" && *text == number)
    );
    let list = |status: &str| {
        json(
            200,
            value!({ "Contacts": [{ "ContactID": ID, "ContactStatus": status }] }),
        )
    };
    let found = |reply| heard(calls.find, &ask, &account, &[reply]);
    assert_eq!(found(list("ACTIVE")), Ok(Some(ExternalId(Some(ID.into())))));
    assert_eq!(found(list("ARCHIVED")), Ok(None));
    let known = Notification {
        contact: Some(ID.into()),
        ..ask.clone()
    };
    let body = format!("{:?}", sent(Topic::InvoiceIssued, 0, &known).body);
    assert!(
        body.contains("ContactID") && !body.contains(&ask.customer.reference),
        "{body}"
    );
    let step = &steps(&SYSTEM, Topic::InvoiceIssued)[0];
    for words in [
        "The contact with the specified contact details has been archived.",
        "The contact with the specified id does not exist",
    ] {
        let refused = value!({ "Message": "A validation exception occurred",
            "Elements": [{ "ValidationErrors": [{ "Message": words }] }] });
        let end = (step.parse)(&known, &json(400, refused), &account);
        assert!(matches!(end, Err(Trouble::Gone(_))), "{end:?}");
    }
    // What was voided at Xero is not the document that is looked for.
    let voided = value!({ "Invoices": [{ "InvoiceID": ID, "InvoiceNumber": known.invoice,
        "Reference": known.key, "Status": "VOIDED" }] });
    let looked = heard(search(step), &known, &account, &[json(200, voided)]);
    assert_eq!(looked, Ok(None));
}

fn answered(body: Value) -> Reply {
    reply(200, "application/json", &body.to_string())
}

#[test]
fn a_credit_note_of_ours_is_set_against_its_invoice() {
    let ask = told(Topic::InvoiceCredited);
    let note = sent(Topic::InvoiceCredited, 0, &ask);
    assert_eq!(note.path, "/api.xro/2.0/CreditNotes");
    let note = &body(&note)["CreditNotes"][0];
    assert_eq!(note["CreditNoteNumber"], "INV-7-C1");
    assert_eq!(numbers(&note["LineItems"], "UnitAmount"), ["119.0"]);
    assert_eq!(numbers(&note["LineItems"], "TaxAmount"), ["19.0"]);
    let allocation = sent(Topic::InvoiceCredited, 1, &ask);
    let path = format!("/api.xro/2.0/CreditNotes/{}/Allocations", ask.made[0]);
    assert_eq!((allocation.method.as_str(), allocation.path), ("PUT", path));
    let expected = value!({"Allocations": [{
        "Invoice": {"InvoiceID": ask.filed[0]}, "Amount": 119.0, "Date": "2026-03-14",
    }]});
    let allocation = sent(Topic::InvoiceCredited, 1, &ask);
    assert_eq!(*body(&allocation), expected);

    let done = |invoice: &str| {
        answered(value!({"Allocations": [{"Amount": 119.0,
        "Date": "/Date(1773446400000+0000)/", "Invoice": {"InvoiceID": invoice}}]}))
    };
    let allocated = parsed(Topic::InvoiceCredited, 1, &done(&ask.filed[0]));
    assert_eq!(allocated.unwrap(), ExternalId(Some(ask.filed[0].clone())));
    let words = "Allocation amount exceeds what is left";
    let refused = parsed(Topic::InvoiceCredited, 1, &invalid(words));
    assert_eq!(refused, Err(Trouble::Rejected(words.into())));
    let nowhere = parsed(Topic::InvoiceCredited, 1, &json(404, value!({})));
    assert!(matches!(nowhere, Err(Trouble::Rejected(_))), "{nowhere:?}");
    // A lost reply is looked for in the note: another invoice's allocation is none of ours.
    let note = |invoice: &str| {
        answered(value!({"CreditNotes": [{"CreditNoteID": ask.made[0],
        "Allocations": [{"Amount": 119.0, "Date": "/Date(1773446400000+0000)/",
        "Invoice": {"InvoiceID": invoice}}]}]}))
    };
    let found = looked_up(Topic::InvoiceCredited, 1, &note(&ask.filed[0]));
    assert_eq!(found.unwrap(), Some(ExternalId(Some(ask.filed[0].clone()))));
    assert_eq!(
        looked_up(Topic::InvoiceCredited, 1, &note(ID)).unwrap(),
        None
    );
}

#[test]
fn a_void_invoice_is_voided_there_and_again_is_once() {
    let ask = told(Topic::InvoiceVoided);
    let request = sent(Topic::InvoiceVoided, 0, &ask);
    let path = format!("/api.xro/2.0/Invoices/{}", ask.filed[0]);
    assert_eq!((request.method.as_str(), &request.path), ("POST", &path));
    let expected = value!({"Invoices": [{"InvoiceID": ask.filed[0], "Status": "VOIDED"}]});
    assert_eq!(*body(&request), expected);
    let invoice = |status: &str| {
        answered(value!({"Invoices": [{"InvoiceID": ask.filed[0],
        "Type": "ACCREC", "Status": status}]}))
    };
    let id = ExternalId(Some(ask.filed[0].clone()));
    assert_eq!(
        parsed(Topic::InvoiceVoided, 0, &invoice("VOIDED")).unwrap(),
        id
    );
    assert!(parsed(Topic::InvoiceVoided, 0, &invoice("AUTHORISED")).is_err());
    assert_eq!(
        looked_up(Topic::InvoiceVoided, 0, &invoice("VOIDED")).unwrap(),
        Some(id)
    );
    assert_eq!(
        looked_up(Topic::InvoiceVoided, 0, &invoice("AUTHORISED")).unwrap(),
        None
    );
}

#[test]
fn money_lies_where_it_came_and_each_way_has_its_account() {
    for (by, code) in [
        (CameBy::Gateway, Some("090")),
        (CameBy::Recorded(Recorded::Bank), Some("090")),
        (CameBy::Recorded(Recorded::Cash), Some("091")),
        (CameBy::Credit, Some("820")),
        // Not configured: a person hears which account is missing.
        (CameBy::Recorded(Recorded::Fund), None),
        (CameBy::Recorded(Recorded::Terminal), None),
    ] {
        let ask = Notification {
            by,
            ..told(Topic::PaymentReceived)
        };
        let account = demo(&SYSTEM);
        let step = &steps(&SYSTEM, Topic::PaymentReceived)[1];
        let built = built(step.build, &ask, &account);
        match code {
            Some(code) => {
                let built = built.unwrap();
                assert_eq!(
                    body(&built)["Payments"][0]["Account"]["Code"],
                    code,
                    "{by:?}"
                );
            }
            None => assert!(
                built.unwrap_err().to_string().contains("is not configured"),
                "{by:?}"
            ),
        }
    }
}

#[test]
fn what_was_never_sold_and_becomes_credit_is_received_as_such() {
    let of = |by, sold| Notification {
        by,
        amount: eur(5000),
        standing: applied(eur(sold)),
        ..told(Topic::RefundPaid)
    };
    let subscription = SYSTEM.subscriptions.iter();
    let mut subscription = subscription.filter(|s| s.topic == Topic::RefundPaid);
    let skips = subscription.next().unwrap().skips;
    let skipped = |ask: &Notification| [0, 1, 2].map(|step| skips(ask, step));
    assert_eq!(skipped(&of(CameBy::Gateway, 5000)), [false, false, true]);
    assert_eq!(skipped(&of(CameBy::Credit, 5000)), [false, false, true]);
    assert_eq!(skipped(&of(CameBy::Credit, 2000)), [false, false, false]);
    assert_eq!(skipped(&of(CameBy::Credit, 0)), [true, true, false]);
    // What came from credit was only applied less.
    let came = CameBy::Credit;
    let again = Notification {
        came,
        ..of(CameBy::Credit, 0)
    };
    assert_eq!(skipped(&again), [true, true, true]);
    let came = CameBy::Recorded(Recorded::Cash);
    let cash = Notification {
        came,
        ..of(CameBy::Credit, 0)
    };
    let cash = sent(Topic::RefundPaid, 2, &cash);
    let till = &body(&cash)["BankTransactions"][0]["BankAccount"];
    assert_eq!(till["Code"], "091", "it lies where it came");
    let ask = of(CameBy::Credit, 2000);
    let received = sent(Topic::RefundPaid, 2, &ask);
    let received = &body(&received)["BankTransactions"][0];
    assert_eq!(received["Type"], "RECEIVE");
    assert_eq!(received["BankAccount"]["Code"], "090");
    assert_eq!(received["LineItems"][0]["AccountCode"], "820");
    assert_eq!(numbers(&received["LineItems"], "UnitAmount"), ["30.0"]);
    // The sale that was taken back is paid out to the same account.
    let paid = sent(Topic::RefundPaid, 1, &ask);
    assert_eq!(body(&paid)["Payments"][0]["Account"]["Code"], "820");
}
