//! What receipts state, and what they are called.

use crate::books::{
    Books, Said, charge, dispute, eur, failed, our_refund, refund, saved_method, succeeded,
};
use meridian::domain::decide::Receipt;
use meridian::domain::event::{Event, NewTender};
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::receipt::{About, Facts, Paper, facts, number};
use meridian::domain::settings::Settings;
use meridian::domain::tender::{By, Recorded};
use meridian::words::ids;

fn clinic() -> Settings {
    let settings = serde_json::json!({
        "id": "demo", "name": "Wattle Street Clinic", "currency": "EUR", "address": "12 Wattle Street",
        "phone": "+61 3 5550 0100", "tax_number": "ABN 00",
    });
    serde_json::from_value(settings).unwrap()
}

/// The receipt of this name after the first payment's, as the case is now.
fn stated(books: &Books, after: Option<&str>) -> Facts {
    let base = ids::payment_reference(&books.case.id, 1);
    let receipt = Receipt {
        id: after.map_or(base.clone(), |what| format!("{base}-{what}")),
        payment: 1,
        after: after.map(String::from),
        at: books.now,
    };
    facts(&clinic(), &books.case, &receipt)
}

#[test]
fn a_receipts_number_can_be_read_out_and_says_which_time_it_was() {
    let case = "0123456789abcdef";
    for (rest, wanted) in [
        ("-p1", "01234567-1"),
        ("-p12", "01234567-12"),
        ("-p1-r2", "01234567-1-2"),
        ("-p1-r2-failed", "01234567-1-2-F"),
        ("-p1-returned", "01234567-1-R"),
        ("-p1-returned2", "01234567-1-R2"),
        ("-p1-reinstated", "01234567-1-B"),
        ("-p1-reinstated3", "01234567-1-B3"),
        ("-p2-again1", "01234567-2-A1"),
        ("-p1-g0123abcdef", "01234567-1-0123abcdef"),
    ] {
        assert_eq!(number(&format!("{case}{rest}")), wanted);
    }
}

#[test]
fn a_receipt_is_listed_by_what_it_was_issued_for() {
    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 2500);
    books.hear(our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 2500));
    books.hear(refund(Kind::RefundSucceeded, 1, "re_2", 1000));
    let mirrored = books.payment(1).refunds.iter().find(|r| r.n.is_none());
    let mirrored = mirrored.unwrap().key();
    let base = ids::payment_reference(&books.case.id, 1);
    for (rest, about) in [
        ("".to_owned(), About::Payment(eur(10_000))),
        ("-again1".into(), About::Payment(eur(10_000))),
        ("-r1".into(), About::Refund(eur(2500))),
        ("-r1-failed".into(), About::RefundFailed(eur(2500))),
        (format!("-{mirrored}"), About::Refund(eur(1000))),
        ("-returned".into(), About::Returned),
        ("-returned2".into(), About::Returned),
        ("-reinstated".into(), About::Reinstated),
        ("-r9".into(), About::Payment(eur(10_000))),
    ] {
        let id = format!("{base}{rest}");
        let paper = Paper::of(&books.case, &id, "address".into(), books.now);
        assert_eq!(paper.about, about, "{rest}");
        assert_eq!(paper.number, number(&id));
    }
}

#[test]
fn a_receipt_states_what_arrived_went_back_and_is_still_due() {
    let mut books = Books::with_payment(10_000, None);
    books.hear(failed(1, Decline::Funds));
    books.apply(&Event::Charge(charge(Some(4000), Some(saved_method()))));
    let nothing = stated(&books, None);
    assert_eq!((nothing.payments.len(), nothing.refunds.len()), (0, 0));
    assert_eq!((nothing.paid, nothing.due), (eur(0), eur(10_000)));

    let mut books = Books::paid(10_000);
    books.ask_refund("q1", 2500);
    books.later(60);
    let second = |mut fact: Fact, at: &str| {
        fact.occurred_at = Some(at.parse().unwrap());
        fact
    };
    let (early, late) = ("2026-03-01T09:00:00Z", "2026-03-02T09:00:30Z");
    books.hear(second(
        our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 2500),
        late,
    ));
    books.hear(second(
        refund(Kind::RefundSucceeded, 1, "re_2", 1000),
        early,
    ));
    books.hear(refund(Kind::RefundPending, 1, "re_3", 500));
    books.hear(refund(Kind::RefundFailed, 1, "re_4", 500));
    let stated_now = stated(&books, Some("r1"));
    assert_eq!(stated_now.paid, eur(6500));
    assert_eq!(stated_now.due, eur(0));
    // Refunds by their time, and only those that went.
    let sums: Vec<_> = stated_now.refunds.iter().map(|r| r.amount).collect();
    assert_eq!(sums, [eur(1000), eur(2500)]);
    let paid = &stated_now.payments[0];
    assert_eq!((paid.amount, paid.returned), (eur(10_000), None));
    assert_eq!(paid.gateway, "stripe");
    let tax = (stated_now.net, stated_now.tax, stated_now.total);
    assert_eq!(tax, (eur(9091), eur(909), eur(10_000)));
    let line = &stated_now.lines[0];
    assert_eq!(
        (line.quantity, line.gross, line.tax),
        (1, eur(10_000), eur(909))
    );
    let issuer = stated_now.issuer.unwrap();
    assert_eq!(
        (
            &*issuer.name,
            &*issuer.address,
            &*issuer.phone,
            &*issuer.tax_number
        ),
        (
            "Wattle Street Clinic",
            "12 Wattle Street",
            "+61 3 5550 0100",
            "ABN 00"
        )
    );
    // What staff took is stated like what came through a gateway.
    let mut books = Books::open(crate::books::invoice(10_000));
    books.apply(&Event::Tendered(NewTender {
        amount: eur(4000),
        by: By::Recorded {
            how: Recorded::Cash,
            note: None,
        },
        at: None,
    }));
    let cash = stated(&books, None);
    assert_eq!(cash.payments.len(), 1);
    assert_eq!((cash.payments[0].amount, cash.paid), (eur(4000), eur(4000)));
    // What a bank took back is stated beside what arrived.
    let mut books = Books::paid(10_000);
    books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 3000));
    let lost = stated(&books, Some("returned"));
    assert_eq!(lost.payments[0].returned, Some(eur(3000)));
    assert_eq!((lost.paid, lost.due), (eur(7000), eur(3000)));
}

#[test]
fn each_receipt_replaces_the_one_before_it_and_the_first_none() {
    let mut books = Books::paid(10_000);
    assert_eq!(stated(&books, None).replaces, None);
    let base = ids::payment_reference(&books.case.id, 1);
    books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 1000));
    let first = books.case.receipts[1].strip_prefix(&format!("{base}-"));
    let first = first.unwrap().to_owned();
    books.hear(dispute(Kind::DisputeLost, 1, "dp_1", 3000));
    assert_eq!(books.case.receipts.len(), 3);
    assert_eq!(stated(&books, None).replaces, None);
    let second = stated(&books, Some(&first));
    assert_eq!(second.replaces, Some(number(&base)));
    let third = stated(&books, Some("returned"));
    assert_eq!(third.replaces, Some(number(&format!("{base}-{first}"))));
    // A case that kept none yet: what follows a payment replaces that payment's.
    books.case.receipts.clear();
    assert_eq!(stated(&books, None).replaces, None);
    assert_eq!(stated(&books, Some("r1")).replaces, Some(number(&base)));
}

#[test]
fn a_receipt_names_a_method_only_where_it_can_be_told_apart() {
    let with = |label: &str, paid_with: Option<&str>| {
        let method = meridian::domain::fact::Method {
            label: label.into(),
            ..saved_method()
        };
        let mut books = Books::with_payment(10_000, Some(method));
        let came = Fact {
            paid_with: paid_with.map(String::from),
            ..succeeded(1)
        };
        assert_eq!(books.hear(came), Said::Changed);
        books.hear(refund(Kind::RefundSucceeded, 1, "re_1", 1000));
        let stated = stated(&books, None);
        assert_eq!(stated.refunds[0].to, stated.payments[0].method);
        stated.payments[0].method.clone()
    };
    let visa = || Some("Visa ending 4242".to_owned());
    assert_eq!(with("Visa ending 4242", None), visa());
    assert_eq!(with("Card", None), None);
    assert_eq!(with("Card", Some("Visa ending 4242")), visa());
    assert_eq!(with("Visa ending 1111", Some("Visa ending 4242")), visa());
    let books = Books::paid(10_000);
    assert_eq!(stated(&books, None).payments[0].method, None);
}
