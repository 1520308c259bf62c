//! QuickBooks' adapter.

use super::*;
use meridian::contract::{CameBy, Recorded, Trouble};
use meridian::vendors::quickbooks::SYSTEM;
use serde_json::{Value, json as value};

pub const SECRETS: &[(&str, &str)] = &[
    ("client_id", "0123456789ABCDEF-client"),
    ("client_secret", "0123456789abcdef-secret"),
    ("realm_id", "4620816365000000001"),
    ("income_item", "1"),
    ("deposit_account", "35"),
    ("tax_code", "2"),
    ("cash_account", "36"),
    ("credit_account", "40"),
    ("credit_item", "4"),
];

/// Of a topic, at the step that follows these.
fn at(topic: Topic, made: &[&str]) -> Notification {
    Notification {
        filed: vec!["130".into(), "131".into()],
        made: made.iter().map(|id| id.to_string()).collect(),
        contact: Some("58".into()),
        standing: Standing {
            payment: Some("145".into()),
            ..told(topic).standing
        },
        ..told(topic)
    }
}

fn step(ask: &Notification) -> &'static Effect<Notification, ExternalId> {
    &steps(&SYSTEM, ask.topic)[ask.made.len()]
}

fn found(name: &str, all: Value) -> Reply {
    let mut list = value!({"startPosition": 1, "maxResults": 1});
    list[name] = all;
    json(
        200,
        value!({"QueryResponse": list, "time": "2026-03-14T02:30:00.000-07:00"}),
    )
}

fn nothing() -> Reply {
    json(
        200,
        value!({"QueryResponse": {}, "time": "2026-03-14T02:30:00.000-07:00"}),
    )
}

fn one(name: &str, document: Value) -> Reply {
    json(
        200,
        value!({name: document, "time": "2026-03-14T02:30:00.000-07:00"}),
    )
}

fn fault(code: &str, detail: &str) -> Value {
    value!({"Fault": {"Error": [{"Message": "Message", "Detail": detail, "code": code, "element": ""}],
        "type": "ValidationFault"}, "time": "2026-03-14T02:30:00.000-07:00"})
}

/// What is read before a step, where it has not been done yet.
pub fn before(ask: &Notification) -> Vec<Reply> {
    let stands = |name| {
        vec![one(
            name,
            value!({"Id": "130", "SyncToken": "3", "TotalAmt": 119.0}),
        )]
    };
    match (ask.topic, ask.made.len()) {
        (Topic::InvoiceVoided, _) => stands("Invoice"),
        (Topic::RefundFailed, 0) => stands("RefundReceipt"),
        (Topic::RefundFailed, _) => stands("SalesReceipt"),
        (Topic::PaymentReceived | Topic::PaymentApplied | Topic::PaymentReturned, 0) => {
            stands("Payment")
        }
        _ => vec![nothing()],
    }
}

/// The request that acts, after what is read before it; all of it fits the contract.
fn sent_by(ask: &Notification, account: &Account) -> Result<Request, Trouble> {
    let replies = before(ask);
    let (asked, request) = talked(step(ask).build, ask, account, &replies);
    for (request, reply) in asked.iter().zip(&replies) {
        holds(&SYSTEM, request, account, Some(reply));
    }
    if let Ok(request) = &request {
        assert_eq!(asked.len(), replies.len(), "{asked:?}");
        holds(&SYSTEM, request, account, None);
    }
    request
}

fn sent(ask: &Notification) -> Request {
    sent_by(ask, &demo(&SYSTEM)).expect("a request")
}

fn refusal(ask: &Notification) -> String {
    match sent_by(ask, &demo(&SYSTEM)) {
        Err(Trouble::Rejected(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn parsed(ask: &Notification, reply: &Reply) -> Result<ExternalId, Trouble> {
    let account = demo(&SYSTEM);
    holds(&SYSTEM, &sent(ask), &account, Some(reply));
    (step(ask).parse)(ask, reply, &account)
}

fn looked_up(ask: &Notification, reply: &Reply) -> Result<Option<ExternalId>, Trouble> {
    let account = demo(&SYSTEM);
    let look = search(step(ask));
    holds(&SYSTEM, &first(look, ask, &account), &account, Some(reply));
    heard(look, ask, &account, std::slice::from_ref(reply))
}

fn asked_for(ask: &Notification) -> String {
    let request = first(search(step(ask)), ask, &demo(&SYSTEM));
    request.query[0].1.clone()
}

fn id(text: &str) -> ExternalId {
    ExternalId(Some(text.into()))
}

const PATH: &str = "/v3/company/4620816365000000001";

#[test]
fn an_invoice_is_filed_with_its_tax_and_no_service_or_name() {
    let ask = at(Topic::InvoiceIssued, &[]);
    let request = sent(&ask);
    assert_eq!(request.path, format!("{PATH}/invoice"));
    assert_eq!(
        body(&request),
        &value!({
            "DocNumber": "INV-7", "TxnDate": "2026-03-14", "DueDate": "2026-03-14",
            "CustomerRef": {"value": "58"}, "CurrencyRef": {"value": "EUR"}, "PrivateNote": ask.key,
            "GlobalTaxCalculation": "TaxExcluded", "TxnTaxDetail": {"TotalTax": 19.0},
            "Line": [{"Description": "Invoice INV-7", "Amount": 100.0,
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "2"}}}],
        })
    );
}

#[test]
fn each_rate_of_tax_is_a_line_of_its_own_code() {
    let ask = Notification {
        total: eur(21250),
        rates: vec![rate(0, 4000, 0), rate(7, 5350, 350), rate(19, 11900, 1900)],
        ..at(Topic::InvoiceIssued, &[])
    };
    let lines = |fields: &[(&str, &str)]| {
        let request = sent_by(&ask, &account(&SYSTEM, &[SECRETS, fields].concat())).unwrap();
        let sent = body(&request);
        let lines = sent["Line"].as_array().unwrap().iter().map(|line| {
            let code = &line["SalesItemLineDetail"]["TaxCodeRef"]["value"];
            format!("{} {code}", line["Amount"])
        });
        assert_eq!(sent["TxnTaxDetail"]["TotalTax"].to_string(), "22.5");
        lines.collect::<Vec<_>>()
    };
    let own = [("tax_code_0", "3"), ("tax_code_7", "9")];
    assert_eq!(lines(&own), ["40.0 \"3\"", "50.0 \"9\"", "100.0 \"2\""]);
    assert_eq!(lines(&[]), ["40.0 \"2\"", "50.0 \"2\"", "100.0 \"2\""]);
}

#[test]
fn money_received_is_a_payment_linked_to_the_invoice() {
    let ask = at(Topic::PaymentReceived, &[""]);
    let request = sent(&ask);
    assert_eq!(request.path, format!("{PATH}/payment"));
    let of = value!([{"TxnId": "130", "TxnType": "Invoice"}]);
    assert_eq!(
        body(&request),
        &value!({
            "PaymentRefNum": "0123456789abcdef-p1", "TxnDate": "2026-03-14", "PrivateNote": ask.key,
            "CustomerRef": {"value": "58"}, "CurrencyRef": {"value": "EUR"}, "TotalAmt": 119.0,
            "DepositToAccountRef": {"value": "35"}, "Line": [{"Amount": 119.0, "LinkedTxn": of}],
        })
    );
}

#[test]
fn money_lies_where_it_came_and_each_way_has_its_account() {
    let paid = |by| Notification {
        by,
        ..at(Topic::PaymentReceived, &[""])
    };
    for (by, account) in [
        (CameBy::Gateway, "35"),
        (CameBy::Recorded(Recorded::Bank), "35"),
        (CameBy::Recorded(Recorded::Cash), "36"),
        (CameBy::Credit, "40"),
    ] {
        assert_eq!(
            body(&sent(&paid(by)))["DepositToAccountRef"]["value"],
            account
        );
    }
    let why = refusal(&paid(CameBy::Recorded(Recorded::Fund)));
    assert!(why.contains("`fund_account` is not configured"), "{why}");
}

#[test]
fn what_is_filed_of_a_payment_is_deleted_in_its_newest_version_and_what_stays_filed_anew() {
    let mut ask = at(Topic::PaymentReturned, &[]);
    ask.standing.applied = eur(4000);
    let deleted = sent(&ask);
    assert_eq!(deleted.path, format!("{PATH}/payment"));
    let operation = ("operation".to_string(), "delete".to_string());
    assert!(deleted.query.contains(&operation), "{deleted:?}");
    assert_eq!(body(&deleted), &value!({"Id": "145", "SyncToken": "3"}));
    ask.made = vec!["145".into()];
    // A credit note that makes it less is named beside it.
    ask.note = Some("INV-7-C1".into());
    let anew = sent(&ask);
    assert_eq!(body(&anew)["PaymentRefNum"], "0123456789abcdef-p1");
    assert_eq!(body(&anew)["TotalAmt"].to_string(), "40.0");
    assert_eq!(
        body(&anew)["Line"][0]["LinkedTxn"][0]["TxnId"],
        "130",
        "the invoice's id"
    );
    let skips = SYSTEM
        .subscriptions
        .iter()
        .find(|of| of.topic == ask.topic)
        .unwrap()
        .skips;
    ask.standing = applied(eur(0));
    assert_eq!([skips(&ask, 0), skips(&ask, 1)], [true, true]);
}

/// One refund is one document: the refund receipt. Only a credit note of ours is a credit memo.
#[test]
fn a_refund_is_a_refund_receipt_on_the_patients_customer_and_no_credit_memo() {
    let mut ask = at(Topic::RefundPaid, &[]);
    (ask.amount, ask.standing) = (eur(5950), applied(eur(5950)));
    ask.ids.refund = Some("r1".into());
    let request = sent(&ask);
    assert_eq!(request.path, format!("{PATH}/refundreceipt"));
    let receipt = body(&request);
    let named = ["DocNumber", "PaymentRefNum", "PrivateNote"].map(|name| receipt[name].clone());
    assert_eq!(
        named,
        [
            value!("R-7-1"),
            value!("0123456789abcdef-r1"),
            value!(ask.key)
        ]
    );
    assert_eq!(receipt["CustomerRef"]["value"], "58");
    assert_eq!(receipt["DepositToAccountRef"]["value"], "35");
    let sums = (
        receipt["Line"][0]["Amount"].to_string(),
        &receipt["TxnTaxDetail"]["TotalTax"],
    );
    assert_eq!(sums, ("50.0".into(), &value!(9.5)));
    let of = SYSTEM
        .subscriptions
        .iter()
        .find(|of| of.topic == Topic::RefundPaid)
        .unwrap();
    assert_eq!([(of.skips)(&ask, 0), (of.skips)(&ask, 1)], [false, true]);
}

#[test]
fn all_refunds_together_take_back_what_was_sold_to_the_cent() {
    let (mut net, mut tax) = (0, 0);
    for n in 0..3 {
        let mut ask = at(Topic::RefundPaid, &[]);
        let part = if n == 2 { 3968 } else { 3966 };
        (ask.amount, ask.standing) = (eur(part), applied(eur(part)));
        ask.refunded_before = eur(3966 * n);
        let request = sent(&ask);
        let cents = |sum: &Value| {
            let text = sum.to_string();
            meridian::words::money::Amounts::MAJOR
                .read(&text, eur(0).currency)
                .unwrap()
                .minor
        };
        net += cents(&body(&request)["Line"][0]["Amount"]);
        tax += cents(&body(&request)["TxnTaxDetail"]["TotalTax"]);
    }
    assert_eq!((net, tax), (10000, 1900));
}

#[test]
fn what_was_never_sold_and_becomes_credit_is_a_sales_receipt_over_the_item_of_that_account() {
    let ask = Notification {
        amount: eur(2200),
        standing: applied(eur(0)),
        by: CameBy::Credit,
        ..at(Topic::RefundPaid, &[""])
    };
    let request = sent(&ask);
    assert_eq!(request.path, format!("{PATH}/salesreceipt"));
    let receipt = body(&request);
    assert_eq!(receipt["DepositToAccountRef"]["value"], "35");
    assert_eq!(receipt["GlobalTaxCalculation"], "NotApplicable");
    assert_eq!(receipt["DocNumber"], "R-7-1-C");
    let line = &receipt["Line"][0];
    assert_eq!(
        line["SalesItemLineDetail"],
        value!({"ItemRef": {"value": "4"}})
    );
    assert_eq!(line["Amount"].to_string(), "22.0");
    let skips = SYSTEM
        .subscriptions
        .iter()
        .find(|of| of.topic == ask.topic)
        .unwrap()
        .skips;
    assert_eq!([skips(&ask, 0), skips(&ask, 1)], [true, false]);
    let from_credit = Notification {
        came: CameBy::Credit,
        ..ask
    };
    assert!(skips(&from_credit, 1), "it stands there");
}

#[test]
fn a_refund_that_failed_loses_what_was_filed_of_it() {
    let mut ask = at(Topic::RefundFailed, &[]);
    let skips = SYSTEM
        .subscriptions
        .iter()
        .find(|of| of.topic == ask.topic)
        .unwrap()
        .skips;
    ask.filed = vec!["131".into(), String::new()];
    assert_eq!([skips(&ask, 0), skips(&ask, 1)], [false, true]);
    let request = sent(&ask);
    assert_eq!(request.path, format!("{PATH}/refundreceipt"));
    assert_eq!(body(&request)["Id"], "131");
}

#[test]
fn a_credit_note_of_ours_is_a_credit_memo_that_a_payment_of_nothing_sets_against_its_invoice() {
    let mut ask = at(Topic::InvoiceCredited, &[]);
    (ask.amount, ask.rates) = (eur(2380), vec![rate(19, 2380, 380)]);
    let memo = sent(&ask);
    assert_eq!(memo.path, format!("{PATH}/creditmemo"));
    assert_eq!(body(&memo)["DocNumber"], "INV-7-C1");
    assert_eq!(body(&memo)["Line"][0]["Amount"].to_string(), "20.0");
    ask.made = vec!["200".into()];
    let request = sent(&ask);
    assert_eq!(request.path, format!("{PATH}/payment"));
    let linked = |id, name| {
        let of = value!([{"TxnId": id, "TxnType": name}]);
        value!({"Amount": 23.8, "LinkedTxn": of})
    };
    let payment = body(&request);
    let both = value!([linked("130", "Invoice"), linked("200", "CreditMemo")]);
    assert_eq!(
        (&payment["Line"], &payment["TotalAmt"]),
        (&both, &value!(0))
    );
    assert!(payment["DepositToAccountRef"].is_null());
}

#[test]
fn a_void_invoice_is_voided_there_and_again_is_once() {
    let ask = at(Topic::InvoiceVoided, &[]);
    let request = sent(&ask);
    assert_eq!(body(&request), &value!({"Id": "130", "SyncToken": "3"}));
    assert!(request.query.contains(&("operation".into(), "void".into())));
    let voided = one(
        "Invoice",
        value!({"Id": "130", "SyncToken": "4", "TotalAmt": 0}),
    );
    assert_eq!(parsed(&ask, &voided), Ok(id("130")));
    let again = heard(step(&ask).build, &ask, &demo(&SYSTEM), &[voided]);
    assert_eq!(again, Err(Trouble::Exists("130".into())));
}

#[test]
fn a_lost_undoing_is_seen_by_the_document_itself() {
    let ask = at(Topic::PaymentReceived, &[]);
    let stands = value!({"Id": "145", "SyncToken": "0", "TotalAmt": 119.0});
    assert_eq!(looked_up(&ask, &one("Payment", stands.clone())), Ok(None));
    let gone = json(
        400,
        fault(
            "610",
            "Object Not Found: Another user has deleted this transaction.",
        ),
    );
    assert_eq!(looked_up(&ask, &gone), Ok(Some(id("145"))));
    assert_eq!(parsed(&ask, &gone), Ok(ExternalId(None)));
    let deleted = value!({"status": "Deleted", "domain": "QBO", "Id": "145"});
    assert_eq!(parsed(&ask, &one("Payment", deleted)), Ok(id("145")));
    let still = parsed(&ask, &one("Payment", stands));
    assert!(matches!(still, Err(Trouble::Unreadable(_))), "{still:?}");
}

#[test]
fn what_was_written_is_found_by_our_key_and_another_under_our_number_is_a_persons_to_sort_out() {
    for (ask, name, by) in [
        (
            at(Topic::InvoiceIssued, &[]),
            "Invoice",
            "DocNumber = 'INV-7'",
        ),
        (
            at(Topic::InvoiceCredited, &[]),
            "CreditMemo",
            "DocNumber = 'INV-7-C1'",
        ),
        (
            at(Topic::InvoiceCredited, &["9"]),
            "Payment",
            "PaymentRefNum = 'INV-7-C1'",
        ),
        (
            at(Topic::RefundPaid, &[]),
            "RefundReceipt",
            "DocNumber = 'R-7-1'",
        ),
        (
            at(Topic::PaymentReceived, &["9"]),
            "Payment",
            "PaymentRefNum = '0123456789abcdef-p1'",
        ),
    ] {
        assert_eq!(asked_for(&ask), format!("SELECT * FROM {name} WHERE {by}"));
        let total = if ask.topic == Topic::InvoiceCredited && name == "Payment" {
            0.0
        } else {
            119.0
        };
        let document = |key: &str| value!({"Id": "7", "PrivateNote": key, "TotalAmt": total});
        let ours = found(name, value!([document("another"), document(&ask.key)]));
        assert_eq!(looked_up(&ask, &ours), Ok(Some(id("7"))), "{name}");
        assert_eq!(looked_up(&ask, &nothing()), Ok(None), "{name}");
        // A payment's reference may be that of the one before it, which was deleted.
        let others = looked_up(&ask, &found(name, value!([document("another")])));
        match name {
            "Payment" => assert_eq!(others, Ok(None)),
            _ => assert!(
                matches!(others, Err(Trouble::Rejected(_))),
                "{name}: {others:?}"
            ),
        }
        // What is there is not made again.
        let again = heard(step(&ask).build, &ask, &demo(&SYSTEM), &[ours]);
        assert_eq!(again, Err(Trouble::Exists("7".into())), "{name}");
    }
}

#[test]
fn what_quickbooks_made_another_sum_of_is_mended_there_and_then_found() {
    let ask = at(Topic::InvoiceIssued, &[]);
    let made = |total| value!({"Id": "130", "PrivateNote": ask.key, "TotalAmt": total});
    assert_eq!(
        parsed(&ask, &one("Invoice", made(value!(119.0)))),
        Ok(id("130"))
    );
    for reply in [
        parsed(&ask, &one("Invoice", made(value!(119.01)))).map(Some),
        looked_up(&ask, &found("Invoice", value!([made(value!(119.01))]))),
    ] {
        let Err(Trouble::Rejected(why)) = reply else {
            panic!("{reply:?}");
        };
        assert!(
            why.contains("119.01") && why.contains("mend document 130"),
            "{why}"
        );
    }
    let unsaid = parsed(&ask, &one("Invoice", value!({"Id": "130"})));
    assert!(matches!(unsaid, Err(Trouble::Unreadable(_))), "{unsaid:?}");
}

#[test]
fn each_fault_decides_what_is_done_next() {
    let mut ask = at(Topic::InvoiceIssued, &[]);
    ask.customer.name = Some("Sam Smith".into());
    // A fault under 200 stands in Intuit's guide, and in no schema.
    let said = |status, code| {
        let reply = json(status, fault(code, "of Sam Smith"));
        match status {
            200 => (step(&ask).parse)(&ask, &reply, &demo(&SYSTEM)).unwrap_err(),
            _ => parsed(&ask, &reply).unwrap_err(),
        }
    };
    for (status, code, wanted) in [
        (400, "610", "gone"),
        (400, "2500", "gone"),
        (400, "5010", "stale"),
        (400, "6140", "unclear"),
        (400, "6190", "closed"),
        (400, "6210", "refused"),
        (400, "6000", "refused"),
        (400, "9999", "refused"),
        (200, "6000", "refused"),
        (400, "120", "credentials"),
        (401, "3200", "credentials"),
        (403, "5020", "credentials"),
        (429, "3001", "later"),
        (500, "10000", "unclear"),
        (503, "6000", "unclear"),
    ] {
        let trouble = said(status, code);
        let is = match &trouble {
            Trouble::Gone(_) => "gone",
            Trouble::Stale(_) => "stale",
            Trouble::Unclear(_) => "unclear",
            Trouble::Closed(_) => "closed",
            Trouble::Rejected(_) => "refused",
            Trouble::Credentials(_) => "credentials",
            Trouble::Later { .. } => "later",
            other => panic!("{status} {code}: {other:?}"),
        };
        assert_eq!(is, wanted, "{status} {code}");
        assert!(!trouble.to_string().contains("Sam"), "{trouble}");
    }
    assert!(
        said(400, "6210").to_string().contains("6210"),
        "people read the code"
    );
}

#[test]
fn only_a_fault_is_quickbooks_own_word() {
    let small = value!({"fault": {"error": [{"message": "m", "detail": "d", "code": "3200"}],
        "type": "AUTHENTICATION"}});
    for (reply, own) in [
        (json(400, fault("6000", "x")), true),
        (json(401, small), true),
        (json(429, value!({"message": "slow down"})), false),
        (reply(400, "text/html", "<h1>Bad request</h1>"), false),
    ] {
        assert_eq!((SYSTEM.vendor.own_error)(&reply), own, "{reply:?}");
    }
}

fn customer_of(reference: &str, name: Option<&str>) -> Notification {
    let mut ask = at(Topic::InvoiceIssued, &[]);
    ask.customer.reference = reference.into();
    ask.customer.name = name.map(String::from);
    ask
}

#[test]
fn a_customer_is_found_by_our_number_whatever_its_name_has_become() {
    let calls = SYSTEM.contact.yes().expect("customers");
    let account = demo(&SYSTEM);
    let ask = customer_of("P-12", None);
    let asked = first(calls.find, &ask, &account);
    let wanted = "SELECT * FROM Customer WHERE DisplayName LIKE '% (P-12)'";
    assert_eq!(asked.query[0].1, wanted);
    let named = |name| value!({"Id": "58", "DisplayName": name});
    for (name, ours) in [
        ("Patient (P-12)", true),
        ("Sam Smith (P-12)", true),
        ("Sam Smith (XP-12)", false),
        ("Sam Smith (P-12) (deleted)", false),
    ] {
        let reply = found("Customer", value!([named(name)]));
        holds(&SYSTEM, &asked, &account, Some(&reply));
        let end = heard(calls.find, &ask, &account, &[reply]).unwrap();
        assert_eq!(end, ours.then(|| id("58")), "{name}");
    }
    assert_eq!(heard(calls.find, &ask, &account, &[nothing()]), Ok(None));
}

#[test]
fn a_customer_is_made_under_a_key_with_a_name_that_quickbooks_takes() {
    let calls = SYSTEM.contact.yes().expect("customers");
    let account = demo(&SYSTEM);
    let made = |ask: &Notification| {
        let request = first(calls.make, ask, &account);
        let reply = one("Customer", value!({"Id": "58", "DisplayName": "x"}));
        holds(&SYSTEM, &request, &account, Some(&reply));
        assert!(
            request
                .query
                .contains(&("requestid".into(), ask.key.clone()))
        );
        assert_eq!(heard(calls.make, ask, &account, &[reply]), Ok(id("58")));
        body(&request)["DisplayName"].as_str().unwrap().to_owned()
    };
    assert_eq!(made(&customer_of("P-12", None)), "Patient (P-12)");
    let named = made(&customer_of("P-12", Some("Sam: Smith\n")));
    assert_eq!(named, "Sam  Smith  (P-12)");
    let odd = ["a:b".to_owned(), "a'b%".to_owned(), "1".repeat(60)];
    let names = odd.map(|reference| made(&customer_of(&reference, None)));
    for name in &names {
        let plain = |c: char| c.is_alphanumeric() || " ()".contains(c);
        assert!(name.chars().all(plain) && name.len() < 40, "{name}");
    }
    assert_ne!(names[0], names[1]);
}

/// A repeat is made for the same customer, though who it is was not told again.
#[test]
fn a_repeat_finds_the_customer_by_our_number_and_without_one_nothing_is_made() {
    let ask = Notification {
        contact: None,
        ..at(Topic::InvoiceIssued, &[])
    };
    let made = |customer: Reply| {
        let replies = [nothing(), customer];
        let (asked, request) = talked(step(&ask).build, &ask, &demo(&SYSTEM), &replies);
        assert_eq!(asked.len(), 2, "{asked:?}");
        request
    };
    let customer = value!([{"Id": "58", "DisplayName": "Patient (P-12)"}]);
    let request = made(found("Customer", customer)).expect("a request");
    assert_eq!(request, sent(&at(Topic::InvoiceIssued, &[])));
    let nobody = made(nothing());
    assert!(matches!(nobody, Err(Trouble::Rejected(_))), "{nobody:?}");
}

#[test]
fn a_number_that_quickbooks_cannot_hold_is_another_one_and_the_same_each_time() {
    let number = |invoice: &str| {
        let ask = Notification {
            invoice: invoice.into(),
            ..at(Topic::InvoiceIssued, &[])
        };
        let request = sent(&ask);
        let number = body(&request)["DocNumber"].as_str().unwrap().to_owned();
        assert!(asked_for(&ask).contains(&format!("'{}'", number.replace('\'', "\\'"))));
        number
    };
    let longest = "1".repeat(21);
    assert_eq!(number(&longest), longest);
    assert_eq!(number("it's"), "it's");
    let (long, other) = ("1".repeat(22), "1".repeat(23));
    assert_eq!(number(&long), number(&long));
    assert_ne!(number(&long), number(&other));
    assert!(number(&long).len() <= 21);
}

#[test]
fn every_call_goes_to_the_clinics_company_at_the_host_of_its_environment() {
    let hosts = ["", "sandbox"].map(|environment| {
        let fields = [SECRETS, &[("environment", environment)]].concat();
        base(&SYSTEM.vendor.host, &account(&SYSTEM, &fields))
    });
    assert_eq!(
        hosts,
        [
            "https://quickbooks.api.intuit.com",
            "https://sandbox-quickbooks.api.intuit.com"
        ]
    );
    for (system, topic, request) in requests() {
        if system.vendor.id == "quickbooks" {
            assert!(request.path.starts_with(PATH), "{topic:?} {request:?}");
            let version = ("minorversion".to_owned(), "75".to_owned());
            assert!(request.query.contains(&version), "{topic:?} {request:?}");
        }
    }
    let realm = SYSTEM.vendor.field("realm_id").unwrap();
    assert!(realm.misfit("4620816365").is_none());
    assert!(realm.misfit("46/../x").is_some());
}

/// A call that makes something may be repeated under its key, whose length is bounded; one that undoes
/// has none.
#[test]
fn what_is_made_goes_out_under_a_key_and_what_is_undone_is_looked_at() {
    for subscription in SYSTEM.subscriptions {
        for (n, step) in subscription.steps.iter().enumerate() {
            let topic = subscription.topic;
            let ask = at(topic, &vec!["1"; n]);
            let request = sent(&ask);
            let undoes = request.query.iter().any(|(name, _)| name == "operation");
            match &step.lost_reply {
                LostReply::SameKey { key, .. } => {
                    assert!(!undoes, "{topic:?} {n}");
                    assert!(key.spelled(&"k".repeat(50)).is_ok());
                    assert!(key.spelled(&"k".repeat(51)).is_err());
                }
                LostReply::Find { .. } => assert!(undoes, "{topic:?} {n}"),
                LostReply::Human => panic!("{topic:?} {n}"),
            }
        }
    }
}
