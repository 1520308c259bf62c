//! What a case is billed for: a deposit that becomes part of an invoice, credit notes, a void invoice,
//! what staff recorded, and the patient's credit. The journal is right to the cent.

use crate::books::{Books, GATEWAY, Said, charge, eur, failed, invoice, our_refund, succeeded};
use meridian::domain::bill::TaxPoint;
use meridian::domain::case::Step;
use meridian::domain::credit::{self, Transfer};
use meridian::domain::decide::Refusal;
use meridian::domain::event::{
    Event, NewCreditNote, NewDeposit, NewInvoice, NewRefund, NewReturn, NewTender,
};
use meridian::domain::fact::{Decline, Kind};
use meridian::domain::invoice::{Line, Status};
use meridian::domain::outbox::Topic;
use meridian::domain::policy::Policy;
use meridian::domain::refund::Way;
use meridian::domain::task::Alert;
use meridian::domain::tender::{By, Recorded};
use proptest::prelude::*;

/// The journal, entry by entry, as people read it.
fn told(books: &Books) -> String {
    books.verify();
    let mut text = String::new();
    for entry in &books.journal {
        let postings = entry.postings.iter();
        let postings = postings.map(|p| format!("{} {:+}", p.account, p.minor));
        let postings: Vec<_> = postings.collect();
        if !postings.is_empty() {
            text += &format!("{}: {}\n", entry.what, postings.join(", "));
        }
    }
    text
}

fn invoiced(books: &mut Books, total: i64) -> Said {
    books.apply(&Event::Invoiced(Box::new(invoice(total))))
}

fn tender(minor: i64, how: Recorded) -> Event {
    Event::Tendered(NewTender {
        amount: eur(minor),
        by: By::Recorded { how, note: None },
        at: None,
    })
}

fn by_hand(minor: i64) -> Event {
    Event::GivenBack(NewReturn {
        request: format!("hand-{minor}"),
        amount: eur(minor),
        way: Way::Back,
    })
}

fn credited(minor: i64) -> Event {
    Event::Credited(NewCreditNote::Amount(eur(minor)))
}

/// Moves so much of the case to the patient's credit.
fn to_credit(books: &mut Books, id: &str, minor: i64) -> Said {
    let transfer = Transfer {
        id: id.into(),
        case: books.case.id.clone(),
        amount: eur(minor),
    };
    let event = Event::GivenBack(NewReturn {
        request: id.into(),
        amount: eur(minor),
        way: Way::Credit {
            transfer: id.into(),
        },
    });
    books.transfer(&event, &credit::Event::Given(transfer))
}

/// Takes so much of the patient's credit for the case.
fn from_credit(books: &mut Books, id: &str, minor: i64) -> Said {
    let transfer = Transfer {
        id: id.into(),
        case: books.case.id.clone(),
        amount: eur(minor),
    };
    let event = Event::Tendered(NewTender {
        amount: eur(minor),
        by: By::Credit {
            transfer: id.into(),
        },
        at: None,
    });
    books.transfer(&event, &credit::Event::Used(transfer))
}

fn refund(books: &mut Books, n: u32, payment: u32, minor: i64) {
    assert_eq!(books.ask_refund(&format!("q{n}"), minor), Said::Changed);
    let intent = books.intent(Step::Refund, payment, Some(n));
    books.call(payment, Some(n), intent);
    let id = format!("re_{n}");
    let fact = our_refund(Kind::RefundSucceeded, payment, n, &id, minor);
    assert_eq!(books.hear(fact), Said::Changed);
}

#[test]
fn a_deposit_becomes_part_of_its_invoice_and_a_refund_takes_its_share_of_net_and_tax() {
    let mut books = Books::deposit(11_000, 5000, Policy::default());
    assert_eq!(books.case.status(), Status::Draft);
    assert_eq!(books.case.due(), eur(5000));
    books.hear(succeeded(1));
    assert_eq!((books.case.due(), books.case.paid()), (eur(0), eur(5000)));
    assert_eq!(invoiced(&mut books, 11_000), Said::Changed);
    assert_eq!(books.case.status(), Status::PartPaid);
    assert_eq!(books.case.due(), eur(6000));
    assert_eq!(invoiced(&mut books, 11_000), Said::Nothing, "it is once");
    books.apply(&Event::Charge(charge(None, None)));
    books.hear(succeeded(2));
    refund(&mut books, 1, 2, 2200);
    insta::assert_snapshot!(told(&books), @r"
    payment_succeeded: deposits -5000, gateway:stripe +5000
    invoice_issued: deposits +5000, receivable +6000, revenue -10000, tax -1000
    payment_succeeded: gateway:stripe +6000, receivable -6000
    refund_succeeded: gateway:stripe -2200, refunds +2000, tax +200
    ");
    assert_eq!(books.case.status(), Status::Paid);
    // Books hear of the deposit with its invoice, and only then.
    assert_eq!(books.told_of(Topic::PaymentApplied), 1);
    let deposits: Vec<_> = books.outbox.iter().map(|told| told.facts.deposit).collect();
    assert_eq!(deposits.iter().filter(|deposit| **deposit).count(), 1);
}

#[test]
fn tax_on_a_deposit_is_owed_when_the_clinic_says() {
    for (point, deposits, tax) in [
        (TaxPoint::Invoice, -5500, 0),
        (TaxPoint::Receipt, -5000, -500),
    ] {
        let policy = Policy {
            deposit_tax: point,
            ..Policy::default()
        };
        let mut books = Books::deposit(11_000, 5500, policy);
        books.hear(succeeded(1));
        let of = |account| books.balances.get(account).copied().unwrap_or(0);
        assert_eq!((of("deposits"), of("tax")), (deposits, tax), "{point:?}");
        invoiced(&mut books, 11_000);
        let of = |account| books.balances.get(account).copied().unwrap_or(0);
        assert_eq!(
            (of("deposits"), of("tax"), of("receivable")),
            (0, -1000, 5500)
        );
        books.verify();
    }
}

#[test]
fn a_deposit_that_was_given_back_is_neither_sold_nor_paid() {
    let mut books = Books::deposit(11_000, 5000, Policy::default());
    books.hear(succeeded(1));
    refund(&mut books, 1, 1, 2000);
    assert_eq!((books.case.due(), books.case.paid()), (eur(0), eur(3000)));
    assert_eq!(books.alerts(), [], "what was given back is not due again");
    invoiced(&mut books, 11_000);
    assert_eq!(
        (books.case.due(), books.case.refunded()),
        (eur(8000), eur(0))
    );
    insta::assert_snapshot!(told(&books), @r"
    payment_succeeded: deposits -5000, gateway:stripe +5000
    refund_succeeded: deposits +2000, gateway:stripe -2000
    invoice_issued: deposits +3000, receivable +8000, revenue -10000, tax -1000
    ");
    let applied = books
        .outbox
        .iter()
        .find(|t| t.subject.topic == Topic::PaymentApplied);
    let facts = applied.and_then(|told| told.facts.payment.clone()).unwrap();
    assert_eq!(facts.stays, eur(3000));
}

#[test]
fn more_of_a_deposit_is_asked_for_up_to_the_price_and_never_beyond() {
    let mut books = Books::deposit(11_000, 5000, Policy::default());
    let ask = |amount: Option<i64>| {
        Event::DepositAsked(Box::new(NewDeposit {
            of: NewInvoice {
                charge: Some(charge(None, None)),
                ..invoice(11_000)
            },
            amount: amount.map(eur),
        }))
    };
    let beyond = books.apply(&ask(Some(11_001)));
    assert_eq!(beyond, Said::Refused(Refusal::NotDue { due: eur(11_000) }));
    books.hear(failed(1, Decline::Funds));
    // What is open is asked for again, and no more than that.
    assert_eq!(books.apply(&ask(None)), Said::Changed);
    assert_eq!(
        (books.case.asked(), books.case.payments.len()),
        (eur(5000), 2)
    );
    books.hear(succeeded(2));
    assert_eq!(books.apply(&ask(None)), Said::Changed);
    assert_eq!(
        (books.case.asked(), books.case.due()),
        (eur(11_000), eur(6000))
    );
    invoiced(&mut books, 11_000);
    let late = books.apply(&ask(Some(1)));
    assert!(
        matches!(late, Said::Refused(Refusal::Invalid(_))),
        "{late:?}"
    );
}

#[test]
fn a_deposit_beyond_the_price_is_the_patients_and_a_person_is_asked() {
    let mut books = Books::deposit(11_000, 11_000, Policy::default());
    books.hear(succeeded(1));
    assert_eq!(books.alerts(), []);
    invoiced(&mut books, 8000);
    assert_eq!(books.case.surplus(), eur(3000));
    assert_eq!(books.alerts(), [Alert::Overpaid]);
    refund(&mut books, 1, 1, 3000);
    assert_eq!(books.alerts(), []);
    insta::assert_snapshot!(told(&books), @r"
    payment_succeeded: deposits -11000, gateway:stripe +11000
    invoice_issued: deposits +11000, receivable -3000, revenue -7273, tax -727
    refund_succeeded: gateway:stripe -3000, receivable +3000
    ");
}

#[test]
fn a_credit_note_takes_its_share_of_net_and_tax_and_what_was_paid_beyond_it_goes_back() {
    let mut books = Books::paid(11_000);
    assert_eq!(books.apply(&credited(3300)), Said::Changed);
    assert_eq!(
        (books.case.asked(), books.case.surplus()),
        (eur(7700), eur(3300))
    );
    assert_eq!(books.alerts(), [Alert::Overpaid]);
    assert_eq!(books.told_of(Topic::PaymentApplied), 1);
    let mut told_of = books.outbox.iter();
    let note = told_of.find(|told| told.subject.topic == Topic::InvoiceCredited);
    let note = note.expect("it is told");
    let number = note.facts.note.as_ref().map(|note| note.number.as_str());
    assert_eq!((note.amount, number), (eur(3300), Some("2026-1-C1")));
    refund(&mut books, 1, 1, 3300);
    assert_eq!(books.alerts(), []);
    refund(&mut books, 2, 1, 1100);
    insta::assert_snapshot!(told(&books), @r"
    invoice_issued: receivable +11000, revenue -10000, tax -1000
    payment_succeeded: gateway:stripe +11000, receivable -11000
    invoice_credited: receivable -3300, revenue +3000, tax +300
    refund_succeeded: gateway:stripe -3300, receivable +3300
    refund_succeeded: gateway:stripe -1100, refunds +1000, tax +100
    ");
    // Of what is left no more is credited than stands.
    let beyond = books.apply(&credited(7701));
    assert!(
        matches!(beyond, Said::Refused(Refusal::Invalid(_))),
        "{beyond:?}"
    );
    assert_eq!(books.apply(&credited(7700)), Said::Changed);
    assert_eq!(books.case.status(), Status::Paid);
    let of = |account| books.balances.get(account).copied().unwrap_or(0);
    assert_eq!((of("revenue"), of("tax"), of("refunds")), (0, 0, 0));
}

#[test]
fn a_refund_that_waited_while_its_invoice_was_credited_and_is_rejected_leaves_a_task() {
    let mut books = Books::paid(11_000);
    let refund = NewRefund {
        request: "q1".into(),
        needs_approval: true,
        ..NewRefund::default()
    };
    assert_eq!(books.apply(&Event::RefundRequested(refund)), Said::Changed);
    assert_eq!(books.apply(&credited(11_000)), Said::Changed);
    assert_eq!(
        books.alerts(),
        [Alert::RefundWaits],
        "it is on its way back"
    );
    let request = "q1".into();
    assert_eq!(
        books.apply(&Event::RefundRejected { request }),
        Said::Changed
    );
    assert_eq!(books.alerts(), [Alert::Overpaid]);
    assert_eq!(books.case.surplus(), eur(11_000));
}

#[test]
fn an_unpaid_invoice_that_is_credited_as_a_whole_is_tried_no_more() {
    let mut books = Books::with_payment(11_000, Some(crate::books::saved_method()));
    books.hear(failed(1, Decline::Funds));
    assert!(books.case.retry.is_some());
    assert_eq!(books.apply(&credited(11_000)), Said::Changed);
    assert_eq!((books.case.due(), &books.case.retry), (eur(0), &None));
    assert!(books.work().is_empty(), "{:?}", books.work());
    let lines = vec![Line {
        quantity: 1,
        unit: eur(1),
        tax_rate: 10.into(),
        tax_included: true,
    }];
    let none = books.apply(&Event::Credited(NewCreditNote::Lines(lines)));
    assert!(
        matches!(none, Said::Refused(Refusal::Invalid(_))),
        "{none:?}"
    );
}

#[test]
fn a_void_invoice_leaves_nothing_in_the_books_and_is_told_once() {
    let mut books = Books::open(invoice(11_000));
    assert_eq!(books.apply(&Event::Voided), Said::Changed);
    assert_eq!(books.case.status(), Status::Void);
    assert_eq!(books.balances.len(), 0, "{:?}", books.balances);
    assert_eq!(books.apply(&Event::Voided), Said::Nothing);
    assert_eq!(books.told_of(Topic::InvoiceVoided), 1);
    let credited = books.apply(&credited(100));
    assert!(matches!(credited, Said::Refused(Refusal::Invalid(_))));
    let mut in_part = Books::open(invoice(11_000));
    in_part.apply(&self::credited(1100));
    for mut books in [
        in_part,
        Books::paid(11_000),
        Books::with_payment(11_000, None),
        Books::deposit(11_000, 5000, Policy::default()),
    ] {
        let void = books.apply(&Event::Voided);
        assert!(
            matches!(void, Said::Refused(Refusal::Invalid(_))),
            "{void:?}"
        );
    }
}

#[test]
fn what_staff_took_counts_like_any_money_and_can_be_handed_back_or_taken_off() {
    let mut books = Books::with_payment(11_000, None);
    // A page on which the patient could pay as well gives way.
    assert_eq!(
        books.apply(&tender(11_001, Recorded::Cash)),
        Said::Refused(Refusal::NotDue { due: eur(11_000) })
    );
    assert_eq!(books.apply(&tender(4000, Recorded::Cash)), Said::Changed);
    assert_eq!(books.apply(&tender(7000, Recorded::Fund)), Said::Changed);
    assert_eq!(
        (books.case.due(), books.case.status()),
        (eur(0), Status::Paid)
    );
    assert!(books.case.payments.iter().all(|p| !p.may_bring()));
    let numbers: Vec<_> = books.case.tenders.iter().map(|t| t.n).collect();
    assert_eq!(numbers, [2, 3]);
    // Nothing of it is a gateway's to send back.
    assert_eq!(
        books.ask_refund("q1", 100),
        Said::Refused(Refusal::NotRefundable { refundable: eur(0) })
    );
    assert_eq!(books.apply(&by_hand(8100)), Said::Changed);
    insta::assert_snapshot!(told(&books), @r"
    invoice_issued: receivable +11000, revenue -10000, tax -1000
    tender_recorded: cash +4000, receivable -4000
    tender_recorded: fund +7000, receivable -7000
    given_back_by_hand: cash -1100, fund -7000, refunds +7364, tax +736
    ");
    // Of one that went back as a whole there is no more to give.
    assert_eq!(books.apply(&by_hand(1000)), Said::Changed);
    let given: Vec<_> = books.case.tenders.iter().map(|t| t.refunds.len()).collect();
    assert_eq!(given, [2, 1]);
    let again = books.apply(&Event::TenderReversed {
        tender: 3,
        told: false,
    });
    assert!(
        matches!(again, Said::Refused(Refusal::Invalid(_))),
        "{again:?}"
    );
    let unknown = books.apply(&Event::TenderReversed {
        tender: 9,
        told: false,
    });
    assert!(
        matches!(unknown, Said::Refused(Refusal::NotFound(_))),
        "{unknown:?}"
    );

    let mut books = Books::open(invoice(11_000));
    books.apply(&tender(11_000, Recorded::Bank));
    assert_eq!(
        books.apply(&Event::TenderReversed {
            tender: 1,
            told: false
        }),
        Said::Changed
    );
    assert_eq!(
        books.apply(&Event::TenderReversed {
            tender: 1,
            told: false
        }),
        Said::Nothing
    );
    assert_eq!(
        (books.case.due(), books.alerts()),
        (eur(11_000), vec![Alert::Uncollected])
    );
    assert_eq!(books.balances.get("bank"), None);
    assert_eq!(books.told_of(Topic::PaymentReturned), 1);
}

/// So much that somebody entered in the accounting, under this id.
fn entered(id: &str, minor: i64) -> Event {
    Event::Tendered(NewTender {
        amount: eur(minor),
        at: None,
        by: By::Books {
            connection: "xero".into(),
            id: id.into(),
        },
    })
}

#[test]
fn what_is_entered_in_the_accounting_counts_once_and_the_accounting_is_not_told() {
    let mut books = Books::open(invoice(11_000));
    assert_eq!(books.apply(&entered("b1", 4000)), Said::Changed);
    assert_eq!(books.apply(&entered("b1", 4000)), Said::Nothing);
    assert_eq!(books.apply(&entered("b2", 7000)), Said::Changed);
    let of = |told: bool, tender: u32| Event::TenderReversed { tender, told };
    assert_eq!(books.apply(&of(true, 1)), Said::Changed);
    assert_eq!(books.apply(&of(false, 2)), Said::Changed);
    insta::assert_snapshot!(told(&books), @r"
    invoice_issued: receivable +11000, revenue -10000, tax -1000
    tender_booked: books +4000, receivable -4000
    tender_booked: books +7000, receivable -7000
    tender_reversed: books -4000, receivable +4000
    tender_reversed: books -7000, receivable +7000
    ");
    let moved = [Topic::PaymentReceived, Topic::PaymentReturned];
    let all = books.outbox.iter();
    let all = all.filter(|told| moved.contains(&told.subject.topic));
    let from: Vec<_> = all.map(|told| told.from.as_deref()).collect();
    let xero = Some("xero");
    assert_eq!(
        from,
        [xero, xero, xero, None],
        "what staff take off is told"
    );
    // It still stands there until the accounting has heard: it does not count again for that.
    assert_eq!(books.apply(&entered("b2", 7000)), Said::Nothing);
    assert_eq!(books.apply(&entered("b2", 6000)), Said::Changed);
    assert_eq!(books.case.due(), eur(5000));
}

#[test]
fn a_surplus_becomes_credit_and_is_used_for_another_case_and_given_back_to_it() {
    let mut books = Books::paid(11_000);
    books.apply(&credited(3300));
    assert_eq!(to_credit(&mut books, "t1", 3300), Said::Changed);
    assert_eq!((books.case.surplus(), books.alerts()), (eur(0), vec![]));
    assert_eq!(
        to_credit(&mut books, "t1", 3300),
        Said::Nothing,
        "a transfer is once"
    );
    let credit = books.credit.clone().unwrap();
    assert_eq!(credit.available(), eur(3300));
    insta::assert_snapshot!(told(&books), @r"
    invoice_issued: receivable +11000, revenue -10000, tax -1000
    payment_succeeded: gateway:stripe +11000, receivable -11000
    invoice_credited: receivable -3300, revenue +3000, tax +300
    credit_given: receivable +3300, transfer:t1 -3300
    ");

    // Another case of the same patient.
    let mut other = Books::open(invoice(5000));
    other.credit = Some(credit);
    other.credit_journal = books.credit_journal.clone();
    let due = Said::Refused(Refusal::NotEnoughCredit {
        available: eur(3300),
    });
    let used = from_credit_alone(&mut other, "t2", 4000);
    assert_eq!(used, due);
    assert_eq!(from_credit_alone(&mut other, "t2", 3000), Said::Changed);
    assert_eq!(other.case.due(), eur(2000));
    assert_eq!(other.balances.get("transfer:t2"), Some(&3000));
    let left = other.credit.as_ref().unwrap().available();
    assert_eq!(left, eur(300));
    // It can neither be handed out nor taken off, only go back to where it came from.
    assert!(matches!(
        other.apply(&by_hand(1)),
        Said::Refused(Refusal::NotRefundable { .. })
    ));
    let off = other.apply(&Event::TenderReversed {
        tender: 1,
        told: false,
    });
    assert!(matches!(off, Said::Refused(Refusal::Invalid(_))), "{off:?}");
}

/// As [`from_credit`], where the first transfer is another case's.
fn from_credit_alone(books: &mut Books, id: &str, minor: i64) -> Said {
    let (credit, journal) = (
        books.credit.take(),
        std::mem::take(&mut books.credit_journal),
    );
    let owner = credit::Owner {
        clinic: books.case.clinic.clone(),
        patient: books.case.patient.clone().unwrap(),
    };
    let transfer = Transfer {
        id: id.into(),
        case: books.case.id.clone(),
        amount: eur(minor),
    };
    let ctx = crate::books::context(books.now);
    let event = credit::Event::Used(transfer);
    let decided = credit::decide(credit.as_ref(), &owner, &event, &ctx);
    let said = match decided {
        credit::Verdict::Change(changed) => {
            books.credit = Some(changed.0);
            books.apply(&Event::Tendered(NewTender {
                amount: eur(minor),
                by: By::Credit {
                    transfer: id.into(),
                },
                at: None,
            }))
        }
        credit::Verdict::Nothing => Said::Nothing,
        credit::Verdict::NotEnough { available } => {
            Said::Refused(Refusal::NotEnoughCredit { available })
        }
    };
    books.credit = books.credit.take().or(credit);
    books.credit_journal = journal;
    said
}

/// A payment of 110.00 of which 30.00 became credit.
fn kept_in_part() -> Books {
    let mut books = Books::paid(11_000);
    assert_eq!(to_credit(&mut books, "t1", 3000), Said::Changed);
    books
}

#[test]
fn what_a_bank_takes_of_a_payment_that_became_credit_in_part_left_the_gateway_whole() {
    for whole in [true, false] {
        let mut books = kept_in_part();
        match whole {
            true => drop(books.hear(crate::books::fact(Kind::PaymentReturned, 1))),
            false => {
                let lost = crate::books::dispute(Kind::DisputeLost, 1, "dp_1", 11_000);
                books.hear(lost);
            }
        }
        // Nothing lies at the gateway any more, and the credit stands: the patient owes both.
        assert_eq!(
            books.balances.get("gateway:stripe"),
            None,
            "{whole} {:?}",
            books.balances
        );
        assert_eq!(books.balances.get("transfer:t1"), Some(&-3000));
        assert_eq!(books.case.due(), eur(11_000));
        assert!(
            books.alerts().contains(&Alert::Contradiction),
            "{:?}",
            books.alerts()
        );
        books.both_sum_to_zero();
    }
    let mut books = kept_in_part();
    books.hear(crate::books::dispute(
        Kind::DisputeOpened,
        1,
        "dp_1",
        11_000,
    ));
    assert_eq!(
        books.balances.get("disputed"),
        Some(&11_000),
        "all of it is held"
    );
}

#[test]
fn a_gateways_own_refund_of_what_became_credit_in_part_is_booked_and_asked_about() {
    let mut books = kept_in_part();
    let refund = crate::books::refund(Kind::RefundSucceeded, 1, "re_9", 11_000);
    assert_eq!(books.hear(refund), Said::Changed);
    assert_eq!(
        books.balances.get("gateway:stripe"),
        None,
        "{:?}",
        books.balances
    );
    assert!(
        books.alerts().contains(&Alert::Contradiction),
        "{:?}",
        books.alerts()
    );
    books.both_sum_to_zero();
}

#[test]
fn a_walk_in_has_no_credit() {
    let mut books = Books::open(NewInvoice {
        patient: None,
        ..invoice(11_000)
    });
    books.apply(&tender(11_000, Recorded::Cash));
    let event = Event::GivenBack(NewReturn {
        request: "q".into(),
        amount: eur(100),
        way: Way::Credit {
            transfer: "t".into(),
        },
    });
    let said = books.apply(&event);
    assert!(
        matches!(said, Said::Refused(Refusal::Invalid(_))),
        "{said:?}"
    );
}

/// What a random hand may do with a bill, sensible or not.
#[derive(Clone, Debug)]
enum Command {
    Invoice(i64),
    Deposit(Option<i64>),
    Credit(i64),
    Void,
    Tender(i64, Recorded),
    Reverse(u32),
    Hand(i64),
    ToCredit(i64),
    FromCredit(i64),
    Charge(i64),
    Succeeds(u32),
    Fails(u32),
    Refund(i64),
    RefundEnds(u32, u32, bool),
    Returns(u32),
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let minor = || prop_oneof![Just(1000_i64), Just(2500), 1..9000_i64];
    let how = prop_oneof![Just(Recorded::Cash), Just(Recorded::Fund)];
    let one = prop_oneof![
        2 => (1..15_000_i64).prop_map(Command::Invoice),
        2 => proptest::option::of(minor()).prop_map(Command::Deposit),
        2 => minor().prop_map(Command::Credit),
        1 => Just(Command::Void),
        3 => (minor(), how).prop_map(|(minor, how)| Command::Tender(minor, how)),
        1 => (1..6_u32).prop_map(Command::Reverse),
        2 => minor().prop_map(Command::Hand),
        3 => minor().prop_map(Command::ToCredit),
        3 => minor().prop_map(Command::FromCredit),
        2 => minor().prop_map(Command::Charge),
        4 => (1..6_u32).prop_map(Command::Succeeds),
        1 => (1..6_u32).prop_map(Command::Fails),
        2 => minor().prop_map(Command::Refund),
        3 => (1..6_u32, 1..6_u32, any::<bool>()).prop_map(|(p, r, ok)| Command::RefundEnds(p, r, ok)),
        1 => (1..6_u32).prop_map(Command::Returns),
    ];
    proptest::collection::vec(one, 1..25)
}

fn obey(books: &mut Books, number: usize, command: Command) {
    let id = format!("t{number}");
    match command {
        Command::Invoice(total) => drop(invoiced(books, total)),
        Command::Deposit(amount) => {
            let of = NewInvoice {
                charge: Some(charge(None, None)),
                ..invoice(11_000)
            };
            let amount = amount.map(eur);
            books.apply(&Event::DepositAsked(Box::new(NewDeposit { of, amount })));
        }
        Command::Credit(minor) => drop(books.apply(&credited(minor))),
        Command::Void => drop(books.apply(&Event::Voided)),
        Command::Tender(minor, how) => drop(books.apply(&tender(minor, how))),
        Command::Reverse(tender) => drop(books.apply(&Event::TenderReversed {
            tender,
            told: false,
        })),
        Command::Hand(minor) => drop(books.apply(&by_hand(minor))),
        Command::ToCredit(minor) => drop(to_credit(books, &id, minor)),
        Command::FromCredit(minor) => drop(from_credit(books, &id, minor)),
        Command::Charge(minor) => {
            books.apply(&Event::Charge(charge(Some(minor), None)));
        }
        Command::Succeeds(n) => drop(books.hear(succeeded(n))),
        Command::Fails(n) => drop(books.hear(failed(n, Decline::Funds))),
        Command::Refund(minor) => drop(books.ask_refund(&id, minor)),
        Command::RefundEnds(payment, n, ok) => {
            let known = books.case.refund(n).map(|(p, r)| (p.n, r.amount.minor));
            let Some((of, minor)) = known.filter(|(of, _)| *of == payment) else {
                return;
            };
            let kind = if ok {
                Kind::RefundSucceeded
            } else {
                Kind::RefundFailed
            };
            books.hear(our_refund(kind, of, n, &format!("re_{n}"), minor));
        }
        Command::Returns(n) => {
            books.hear(crate::books::fact(Kind::PaymentReturned, n));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_billed_both_books_replay_and_what_moves_between_them_comes_to_nothing(
        deposit in any::<bool>(),
        at_receipt in any::<bool>(),
        commands in commands(),
    ) {
        let policy = Policy {
            deposit_tax: if at_receipt { TaxPoint::Receipt } else { TaxPoint::Invoice },
            gateway: GATEWAY.into(),
            ..Policy::default()
        };
        let mut books = match deposit {
            true => Books::deposit(11_000, 4000, policy),
            false => Books::with_payment(11_000, None),
        };
        for (number, command) in commands.into_iter().enumerate() {
            obey(&mut books, number, command);
            books.both_sum_to_zero();
            let case = &books.case;
            let held = |name: &str| books.balances.get(name).copied().unwrap_or(0);
            // Nothing is both a deposit and owed on an invoice.
            prop_assert!(held("deposits") == 0 || held("receivable") == 0, "{:?}", books.balances);
            // No tax and no sale is left of more than stands.
            let sum = case.bill.sum();
            if !case.bill.is_deposit() {
                let sold = -held("revenue") - held("refunds");
                prop_assert!(sold >= 0 && sold <= sum.net.minor, "{:?}", books.balances);
                prop_assert!(-held("tax") >= 0 && -held("tax") <= sum.tax.minor, "{:?}", books.balances);
            }
            // What is refunded is never more than came.
            prop_assert!(case.returnable().minor >= 0 && case.going().minor <= case.paid().minor.max(case.going().minor));
            prop_assert!(books.credit.as_ref().is_none_or(|credit| credit.available().minor >= 0));
        }
        books.verify_stored();
    }
}
