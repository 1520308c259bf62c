//! What a report leaves unsaid is asked and not guessed, and one of its facts that cannot be true
//! hides no other.

use crate::books::{
    Books, Said, dispute, eur, fact, failed, our_refund, refund, saved_method, succeeded,
};
use meridian::contract::Trouble;
use meridian::domain::case::{OpensBy, Session};
use meridian::domain::event::Event;
use meridian::domain::fact::{Decline, Fact, Kind};
use meridian::domain::payment::State;
use meridian::domain::task::Alert;
use meridian::flows::calls::Traits;
use meridian::flows::posting::rules;
use meridian::words::money::{Currency, Money};

fn without_amount(kind: Kind) -> Fact {
    Fact {
        amount: None,
        ..fact(kind, 1)
    }
}

#[test]
fn a_success_that_names_no_amount_is_asked_and_not_taken_for_what_was_due() {
    let mut books = Books::with_payment(8_000, None);
    let bare = without_amount(Kind::PaymentSucceeded);
    assert_eq!(books.report(vec![bare.clone()], false), Said::Ask);
    assert_eq!(books.payment(1).state, State::Open);
    assert_eq!(books.payment(1).aliases.len(), 0);
    books.hear(succeeded(1));
    assert_eq!(books.payment(1).state, State::Paid);
    // Of one that is paid it tells nothing new.
    assert_eq!(books.report(vec![bare], false), Said::Nothing);
}

#[test]
fn what_the_gateway_says_when_asked_decides_over_a_success_without_an_amount() {
    let bare = without_amount(Kind::PaymentSucceeded);
    let traits = Traits::unknown("stripe");
    let money = |minor: i64, code: &str| Money::new(minor, Currency::read(code).unwrap());
    let asked = |answer: Result<Vec<Fact>, Trouble>| {
        let mut books = Books::with_payment(8_000, None);
        let ask = rules::lookup(&traits, &books.case, 1, &bare);
        let event = rules::told(&traits, &bare, &ask, answer)?;
        let said = books.apply(&event);
        Some((said, books.payment(1).state))
    };
    let told = |amount: Money| {
        Ok(vec![Fact {
            amount: Some(amount),
            ..bare.clone()
        }])
    };
    assert_eq!(asked(told(eur(8_000))), Some((Said::Changed, State::Paid)));
    for other in [eur(100), money(8_000, "GBP")] {
        let (said, state) = asked(told(other)).unwrap();
        assert!(matches!(said, Said::Contradiction), "{said:?}");
        assert_eq!(state, State::Open, "{other}");
    }
    // It is there and not paid: the event alone does not make it so.
    let pending = Fact {
        amount: Some(eur(8_000)),
        ..fact(Kind::PaymentPending, 1)
    };
    let (_, state) = asked(Ok(vec![pending])).unwrap();
    assert_ne!(state, State::Open);
    // Nothing is known of that id, or nothing is told: then it is not posted.
    for silence in [
        Err(Trouble::Missing),
        Err(Trouble::Unclear("503".into())),
        Ok(vec![]),
    ] {
        assert_eq!(asked(silence), None);
    }
}

#[test]
fn a_return_that_does_not_say_how_much_is_asked() {
    let mut books = Books::paid(6_000);
    let bare = without_amount(Kind::PaymentReturned);
    assert_eq!(books.report(vec![bare.clone()], false), Said::Ask);
    assert_eq!(books.payment(1).state, State::Paid);
    // The gateway lists what went back: what is not known of it, and no refund of ours, was taken.
    books.ask_refund("q1", 1_000);
    let known = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 1_000);
    books.hear(known.clone());
    let taken = refund(Kind::RefundSucceeded, 1, "re_2", 2_000);
    let paid = Fact {
        amount: Some(eur(6_000)),
        ..succeeded(1)
    };
    let traits = Traits::unknown("stripe");
    let ask = rules::lookup(&traits, &books.case, 1, &bare);
    let facts = rules::taken(&books.case, &bare, vec![paid, known, taken]);
    let event = rules::told(&traits, &bare, &ask, Ok(facts)).unwrap();
    assert_eq!(books.apply(&event), Said::Changed);
    let payment = books.payment(1);
    assert_eq!(
        (payment.refunded(), payment.returned()),
        (eur(1_000), eur(2_000))
    );
    assert_eq!(payment.state, State::Returned);
}

#[test]
fn what_was_taken_back_is_the_same_money_when_it_is_listed_as_a_refund() {
    let taken = Fact {
        amount: Some(eur(2_000)),
        refund: Some("re_9".into()),
        ..fact(Kind::PaymentReturned, 1)
    };
    let listed = refund(Kind::RefundSucceeded, 1, "re_9", 2_000);
    let mut ends = vec![];
    for order in [[&taken, &listed], [&listed, &taken]] {
        let mut books = Books::paid(6_000);
        for fact in order {
            books.report(vec![fact.clone()], true);
        }
        let payment = books.payment(1);
        assert_eq!(
            (payment.refunded(), payment.returned()),
            (eur(0), eur(2_000))
        );
        assert_eq!(payment.refundable(), eur(4_000));
        ends.push((payment.refunds.clone(), payment.disputes.clone()));
    }
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn one_fact_that_cannot_be_true_hides_no_other() {
    let mut books = Books::with_payment(8_000, None);
    let paid = Fact {
        amount: Some(eur(8_000)),
        ..succeeded(1)
    };
    let pounds = Money::new(500, Currency::read("GBP").unwrap());
    let strange = Fact {
        amount: Some(pounds),
        ..refund(Kind::RefundSucceeded, 1, "re_1", 500)
    };
    let told = vec![
        paid,
        strange,
        refund(Kind::RefundSucceeded, 1, "re_2", 1_000),
        dispute(Kind::DisputeOpened, 1, "dp_1", 500),
    ];
    assert_eq!(books.report(told.clone(), true), Said::Changed);
    let payment = books.payment(1);
    assert_eq!(payment.state, State::Paid);
    assert_eq!(
        (payment.refunded(), payment.disputed()),
        (eur(1_000), eur(500))
    );
    assert!(books.alerts().contains(&Alert::Contradiction));
    // Told again it changes nothing more.
    let before = books.case.clone();
    books.report(told, true);
    let same = (&books.case.payments, books.case.head.is_empty());
    assert_eq!(same, (&before.payments, false));
}

#[test]
fn a_refund_brings_no_payment_that_the_look_up_does_not_tell() {
    let mut books = Books::with_payment(8_000, None);
    let event = refund(Kind::RefundSucceeded, 1, "re_1", 500);
    let alone = Event::Reported(meridian::domain::event::Report {
        gateway: "stripe".into(),
        facts: vec![event],
        current: true,
        answer: false,
        late_failures: false,
        page_stays: true,
    });
    assert!(matches!(books.apply(&alone), Said::Wait | Said::Ask));
    assert_eq!(books.payment(1).state, State::Open);
}

/// An id that nobody knows, of a payment with an open page, may be anybody's: the page is asked.
#[test]
fn of_an_unknown_id_the_page_is_asked_while_it_has_brought_nothing() {
    let mut books = Books::with_payment(6_000, None);
    let opened = Event::SessionOpened {
        payment: 1,
        session: Session {
            id: "cs_1".into(),
            opens_by: OpensBy::Redirect("https://pay.example.test/cs_1".into()),
            expires_at: None,
        },
    };
    assert_eq!(books.apply(&opened), Said::Changed);
    let stranger = Fact {
        payment: Some("pi_9".into()),
        ..fact(Kind::PaymentSucceeded, 1)
    };
    let asked = |books: &Books, completes, fact: &Fact| {
        let traits = Traits {
            completes,
            ..Traits::unknown("stripe")
        };
        let ask = rules::lookup(&traits, &books.case, 1, fact);
        (ask.payment, ask.session)
    };
    let page = || Some("cs_1".to_owned());
    assert_eq!(asked(&books, false, &stranger), (None, page()));
    let its_own = (Some("pi_9".into()), page());
    assert_eq!(asked(&books, true, &stranger), its_own);
    // The page has brought its money: what comes beside it is looked at by its own id.
    books.hear(succeeded(1));
    assert_eq!(asked(&books, false, &stranger), its_own);
}

#[test]
fn of_a_return_only_what_the_gateway_says_of_that_payment_counts() {
    let books = Books::paid(6_000);
    let traits = Traits::unknown("stripe");
    let bare = without_amount(Kind::PaymentReturned);
    let ask = rules::lookup(&traits, &books.case, 1, &bare);
    let told = |answer| rules::told(&traits, &bare, &ask, Ok(answer));
    let another = Fact {
        payment: Some("pi_9".into()),
        ..succeeded(1)
    };
    assert!(told(vec![]).is_none());
    assert!(told(vec![another.clone()]).is_none());
    // Told by its own id, it is no refund where the list has it among the refunds.
    let mut late = Books::with_payment(6_000, None);
    let reversed = Fact {
        refund: Some("REV1".into()),
        amount: Some(eur(6_000)),
        ..fact(Kind::PaymentReturned, 1)
    };
    let came = Fact {
        amount: Some(eur(6_000)),
        ..succeeded(1)
    };
    let listed = vec![came, refund(Kind::RefundSucceeded, 1, "REV1", 6_000)];
    let event = rules::told(&traits, &reversed, &ask, Ok(listed)).unwrap();
    assert_eq!(late.apply(&event), Said::Changed);
    assert_eq!(late.case.due(), eur(6_000));
    assert_eq!(late.payment(1).refunds.len(), 0);
    // Half an answer: a refund of it, and nothing of the payment itself.
    let refunded = refund(Kind::RefundSucceeded, 1, "re_1", 500);
    assert!(told(vec![refunded.clone()]).is_none());
    let taken = Fact {
        kind: Kind::PaymentReturned,
        ..refunded
    };
    assert!(told(vec![taken.clone()]).is_some());
    assert!(told(vec![another, succeeded(1)]).is_some());
    // One that says how much it took is asked about alike.
    let told = |answer| rules::told(&traits, &reversed, &ask, Ok(answer));
    let others = refund(Kind::RefundSucceeded, 1, "re_1", 500);
    assert!(told(vec![others]).is_none());
    assert!(told(vec![taken]).is_some());
}

#[test]
fn refunds_are_taken_for_a_return_only_where_one_was_told_without_its_amount() {
    let books = Books::paid(6_000);
    let listed = vec![
        succeeded(1),
        refund(Kind::RefundSucceeded, 1, "re_9", 1_000),
    ];
    let taken = |fact: &Fact| rules::taken(&books.case, fact, listed.clone());
    for told in [
        fact(Kind::PaymentFailed, 1),
        succeeded(1),
        without_amount(Kind::PaymentSucceeded),
        Fact {
            amount: Some(eur(1_000)),
            ..fact(Kind::PaymentReturned, 1)
        },
    ] {
        assert_eq!(taken(&told), listed, "{told:?}");
    }
    let bare = without_amount(Kind::PaymentReturned);
    assert_eq!(taken(&bare)[1].kind, Kind::PaymentReturned);
}

#[test]
fn an_event_that_fits_nothing_is_tried_for_a_day_and_then_kept_or_a_persons() {
    use meridian::flows::posting::rules::{GIVE_UP, Later, later, wait};
    for (kind, end) in [
        (Kind::PaymentSucceeded, Later::Person),
        (Kind::PaymentReturned, Later::Person),
        (Kind::RefundSucceeded, Later::Person),
        (Kind::DisputeLost, Later::Person),
        (Kind::PaymentPending, Later::Kept),
        (Kind::PaymentFailed, Later::Kept),
        (Kind::PaymentExpired, Later::Kept),
    ] {
        let said = |age| later(&Fact::new(kind), age, 3);
        assert_eq!(said(0), Later::Again(wait(3)), "{kind:?}");
        assert_eq!(said(GIVE_UP), Later::Again(wait(3)), "{kind:?}");
        assert_eq!(said(GIVE_UP + 1), end, "{kind:?}");
    }
    let waits: Vec<_> = (0..20).map(wait).collect();
    assert!(waits.is_sorted() && waits[19] < GIVE_UP, "{waits:?}");
}

/// A charge is known by its own id: only what is tried under another one may be anybody's.
#[test]
fn of_a_try_that_nobody_knows_the_payment_that_we_know_is_asked() {
    let mut books = Books::with_payment(6_000, Some(saved_method()));
    let under_way = Fact {
        aliases: vec!["ch_1".into()],
        ..fact(Kind::PaymentPending, 1)
    };
    assert_eq!(books.answer(under_way), Said::Changed);
    assert!(books.payment(1).is_under_own_id());
    let asked = |kind, id: Option<&str>| {
        let about = Fact {
            payment: id.map(String::from),
            ..fact(kind, 1)
        };
        let traits = Traits::unknown("stripe");
        let ask = rules::lookup(&traits, &books.case, 1, &about);
        assert_eq!(ask.amount, eur(6_000));
        assert_eq!(ask.reference, about.reference.unwrap());
        ask.payment
    };
    let tries = [
        Kind::PaymentPending,
        Kind::PaymentFailed,
        Kind::PaymentExpired,
    ];
    for kind in tries {
        assert_eq!(asked(kind, Some("pi_9")).as_deref(), Some("pi_1"));
        // What is known is asked by the id that was told.
        assert_eq!(asked(kind, Some("ch_1")).as_deref(), Some("ch_1"));
        assert_eq!(asked(kind, None).as_deref(), Some("pi_1"));
    }
    for kind in [Kind::PaymentSucceeded, Kind::RefundSucceeded] {
        assert_eq!(asked(kind, Some("pi_9")).as_deref(), Some("pi_9"));
        assert_eq!(asked(kind, Some("pi_1")).as_deref(), Some("pi_1"));
    }
}

/// Neither another payment's amount nor that of a refund is what came.
#[test]
fn what_came_is_the_amount_of_the_payment_that_was_told_itself() {
    let books = Books::with_payment(8_000, None);
    let traits = Traits::unknown("stripe");
    let came = |id: Option<&str>, amount| Fact {
        payment: id.map(String::from),
        amount: Some(eur(amount)),
        ..fact(Kind::PaymentSucceeded, 1)
    };
    let (own, other) = (came(Some("pi_1"), 8_000), came(Some("pi_9"), 100));
    let given_back = refund(Kind::RefundSucceeded, 1, "re_1", 500);
    let held = dispute(Kind::DisputeOpened, 1, "dp_1", 700);
    let pending = Fact {
        kind: Kind::PaymentPending,
        ..own.clone()
    };
    for (told, answer, amount) in [
        (Some("pi_1"), vec![own.clone()], Some(8_000)),
        (Some("pi_1"), vec![other.clone(), own.clone()], Some(8_000)),
        (
            Some("pi_1"),
            vec![given_back.clone(), held.clone(), own.clone()],
            Some(8_000),
        ),
        (Some("pi_1"), vec![pending], Some(8_000)),
        // Of the payment itself nothing is told.
        (Some("pi_1"), vec![given_back, held], None),
        (Some("pi_1"), vec![other.clone()], None),
        // Without an id, whatever the page brought.
        (None, vec![came(None, 8_000)], Some(8_000)),
    ] {
        let bare = Fact {
            amount: None,
            ..came(told, 0)
        };
        let ask = rules::lookup(&traits, &books.case, 1, &bare);
        let event = rules::told(&traits, &bare, &ask, Ok(answer.clone()));
        let first = event.map(|event| match event {
            Event::Reported(report) => report.facts[0].clone(),
            other => panic!("{other:?}"),
        });
        let said = first.as_ref().and_then(|first| first.amount);
        assert_eq!(said, amount.map(eur), "{told:?} {answer:#?}");
        let kind = first.map(|first| (first.kind, first.payment));
        let named = (Kind::PaymentSucceeded, told.map(String::from));
        assert_eq!(kind, amount.map(|_| named), "{answer:#?}");
    }
}

/// People read the journal, and a payment's story is made of it.
#[test]
fn each_change_stands_in_the_journal_under_its_own_name() {
    let last = |books: &Books| books.journal.last().unwrap().what.clone();
    let mut books = Books::with_payment(8_000, Some(saved_method()));
    books.late_failures = true;
    assert_eq!(last(&books), "invoice_issued");
    let on = |day: i8| Fact {
        collected_on: Some(jiff::civil::date(2026, 3, day)),
        ..fact(Kind::PaymentPending, 1)
    };
    let there = Fact {
        decline: Some(Decline::Funds),
        occurred_at: Some("2026-03-05T09:00:00Z".parse().unwrap()),
        ..fact(Kind::PaymentPending, 1)
    };
    for (told, what) in [
        (on(5), "payment_pending"),
        (on(6), "payment_pending"),
        (there, "payment_tried_again_there"),
        (failed(1, Decline::Funds), "payment_failed"),
        (on(9), "payment_resubmitted"),
        (succeeded(1), "payment_succeeded"),
        (
            our_refund(Kind::RefundPending, 1, 9, "re_1", 500),
            "refund_pending",
        ),
        (
            refund(Kind::RefundSucceeded, 1, "re_1", 500),
            "refund_succeeded",
        ),
        (refund(Kind::RefundFailed, 1, "re_1", 500), "refund_failed"),
        (
            dispute(Kind::DisputeOpened, 1, "dp_1", 700),
            "dispute_opened",
        ),
        (dispute(Kind::DisputeLost, 1, "dp_1", 700), "dispute_lost"),
        (dispute(Kind::DisputeWon, 1, "dp_1", 700), "dispute_won"),
        (
            Fact {
                refund: Some("rev_1".into()),
                amount: Some(eur(900)),
                ..fact(Kind::PaymentReturned, 1)
            },
            "payment_returned",
        ),
        (
            Fact {
                amount: Some(eur(8_000)),
                ..fact(Kind::PaymentReturned, 1)
            },
            "payment_returned",
        ),
    ] {
        assert_eq!(books.report(vec![told], true), Said::Changed, "{what}");
        assert_eq!(last(&books), what);
    }
    let mut books = Books::with_payment(8_000, None);
    books.report(vec![fact(Kind::PaymentExpired, 1)], true);
    assert_eq!(last(&books), "payment_expired");
}

/// What becomes of a fact at a gateway that shows no payments: posted, known, or people's.
fn unasked(books: &Books, fact: &Fact) -> &'static str {
    let shows_none = Traits {
        shows_payments: false,
        ..Traits::unknown("stripe")
    };
    match rules::unasked(&shows_none, &books.case, 1, fact) {
        None => "asked",
        Some(rules::Told::Posted(_)) => "posted",
        Some(rules::Told::Known) => "known",
        Some(rules::Told::Contradiction(_)) => "people",
    }
}

fn at(day: i64, fact: Fact) -> Fact {
    let start = crate::books::start();
    Fact {
        occurred_at: Some(start + jiff::SignedDuration::from_hours(24 * day)),
        ..fact
    }
}

#[test]
fn where_no_payment_is_shown_a_dispute_ends_as_was_told_of_the_later_day() {
    let mut books = Books::paid(6_000);
    books.hear(at(9, dispute(Kind::DisputeWon, 1, "dp_1", 6_000)));
    let lost = |day| at(day, dispute(Kind::DisputeLost, 1, "dp_1", 6_000));
    for (day, becomes) in [(8, "known"), (9, "known"), (10, "posted")] {
        assert_eq!(unasked(&books, &lost(day)), becomes, "day {day}");
    }
    // Without a day nobody knows which came last; of another dispute it says nothing.
    let dayless = dispute(Kind::DisputeLost, 1, "dp_1", 6_000);
    assert_eq!(unasked(&books, &dayless), "people");
    let other = at(1, dispute(Kind::DisputeLost, 1, "dp_2", 6_000));
    assert_eq!(unasked(&books, &other), "posted");
}

#[test]
fn where_no_payment_is_shown_a_refund_that_failed_is_not_paid_by_a_late_word() {
    let mut books = Books::paid(6_000);
    books.ask_refund("q1", 1_000);
    books.hear(our_refund(Kind::RefundPending, 1, 1, "re_1", 1_000));
    let done = our_refund(Kind::RefundSucceeded, 1, 1, "re_1", 1_000);
    assert_eq!(unasked(&books, &done), "posted");
    books.hear(our_refund(Kind::RefundFailed, 1, 1, "re_1", 1_000));
    assert_eq!(unasked(&books, &done), "people");
}

#[test]
fn where_no_payment_is_shown_a_try_of_somebody_else_does_not_end_what_is_under_way() {
    let mut books = Books::with_payment(6_000, None);
    let page = Fact {
        aliases: vec!["page_1".into()],
        amount: None,
        ..fact(Kind::PaymentPending, 1)
    };
    let tried = |id: &str| Fact {
        payment: Some(id.into()),
        amount: Some(eur(6_000)),
        ..failed(1, Decline::Funds)
    };
    assert_eq!(unasked(&books, &tried("pi_9")), "posted");
    books.report(
        vec![Fact {
            payment: None,
            ..page
        }],
        true,
    );
    assert_eq!(books.payment(1).state, State::Pending);
    assert_eq!(unasked(&books, &tried("pi_9")), "known");
    assert_eq!(unasked(&books, &tried("page_1")), "posted");
}

#[test]
fn where_no_payment_is_shown_an_amount_that_is_not_said_is_asked_of_people() {
    let books = Books::with_payment(6_000, None);
    let said = Fact {
        amount: Some(eur(6_000)),
        ..succeeded(1)
    };
    assert_eq!(
        unasked(&books, &without_amount(Kind::PaymentSucceeded)),
        "people"
    );
    assert_eq!(
        unasked(&books, &without_amount(Kind::DisputeLost)),
        "people"
    );
    assert_eq!(unasked(&books, &said), "posted");
    assert_eq!(
        unasked(&books, &without_amount(Kind::PaymentFailed)),
        "posted"
    );
    let shown = Traits::unknown("stripe");
    assert!(rules::unasked(&shown, &books.case, 1, &said).is_none());
}
