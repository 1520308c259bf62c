//! What every message says, and how long it may be.

use super::format::amount;
use super::{MessageContext, to_patient, to_staff};
use crate::domain::outbox::Topic;
use crate::domain::task::{Alert, Matter};
use crate::words::money::{Currency, Money};

const TOPICS: [Topic; 11] = [
    Topic::InvoiceIssued,
    Topic::CheckoutReady,
    Topic::PaymentReceived,
    Topic::PaymentFailed,
    Topic::PaymentReturned,
    Topic::RefundPaid,
    Topic::RefundFailed,
    Topic::DisputeOpened,
    Topic::DisputeClosed,
    Topic::VisitCancelled,
    Topic::NeedsPerson,
];

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::read(currency).unwrap())
}

fn said() -> MessageContext<'static> {
    MessageContext {
        clinic: "Wattle Street Clinic",
        phone: "(03) 7010 0142",
        invoice: "WS-2041",
        amount: money(6000, "AUD"),
        payment: Some(money(6000, "AUD")),
        due: money(6000, "AUD"),
        surplus: money(0, "AUD"),
        returning: None,
        coming: money(0, "AUD"),
        tried_there: false,
        receipt: Some("K7M2Q9AB-1".into()),
        receipt_address: Some("https://pay.example/receipts/abc"),
        page: None,
        method: Some("Visa ending 4242"),
        gateway: Some("stripe"),
        day: Some(jiff::civil::date(2026, 12, 8)),
        service: None,
        until: Some("Wednesday 9 December, 2:10 pm (Melbourne time)".into()),
        address: "12 Wattle Street, Exampleton VIC 3999",
        retry_at: None,
        answer_by: None,
        reinstated: false,
        deposit: false,
        to_credit: false,
        by_hand: false,
        matter: None,
    }
}

#[test]
fn staff_read_by_when_a_dispute_must_be_answered() {
    let text = |answer_by: Option<&str>| {
        let answer_by = answer_by.map(String::from);
        let said = MessageContext {
            answer_by,
            ..said()
        };
        to_staff(Topic::DisputeOpened, &said).text
    };
    assert!(
        text(None).ends_with("before its deadline."),
        "{}",
        text(None)
    );
    let told = text(Some("Wednesday 9 December, 2:10 pm (Melbourne time)"));
    assert!(
        told.ends_with("dashboard by Wednesday 9 December, 2:10 pm (Melbourne time)."),
        "{told}"
    );
}

#[test]
fn who_paid_twice_reads_that_it_goes_back_and_is_not_thanked_again() {
    let twice = MessageContext {
        returning: Some(money(6000, "AUD")),
        ..paid()
    };
    let letter = to_patient(Topic::PaymentReceived, &twice);
    assert!(letter.subject.contains("goes back to you"), "{letter:?}");
    assert!(
        letter.text.contains("We are sending $60.00 back to you"),
        "{letter:?}"
    );
    assert!(!letter.text.contains("Thank you"), "{letter:?}");
    let part = MessageContext {
        returning: Some(money(1000, "AUD")),
        ..paid()
    };
    let letter = to_patient(Topic::PaymentReceived, &part);
    assert!(
        letter.text.contains("$10.00 of it was more than was due"),
        "{letter:?}"
    );
    let staff = to_staff(Topic::PaymentReceived, &twice).text;
    assert!(
        staff.contains("$60.00 of it was more than was due and goes back"),
        "{staff}"
    );
}

fn paid() -> MessageContext<'static> {
    MessageContext {
        due: money(0, "AUD"),
        ..said()
    }
}

#[test]
fn amounts_are_written_as_people_read_them() {
    for (minor, currency, written) in [
        (6000, "USD", "$60.00"),
        (1250, "EUR", "€12.50"),
        (1200, "JPY", "¥1,200"),
        (-500, "GBP", "−£5.00"),
        (5, "USD", "$0.05"),
        (0, "USD", "$0.00"),
        (99_999, "USD", "$999.99"),
        (100_000, "USD", "$1,000.00"),
        (123_456_789, "USD", "$1,234,567.89"),
        (8000, "CHF", "CHF 80.00"),
        (12_500, "KWD", "KWD 12.500"),
        (7000, "BRL", "R$70.00"),
        (i64::MIN, "JPY", "−¥9,223,372,036,854,775,807"),
    ] {
        assert_eq!(amount(money(minor, currency)), written);
    }
}

#[test]
fn a_receipt_comes_with_its_number_and_its_address_last() {
    let message = to_patient(Topic::PaymentReceived, &paid());
    assert_eq!(
        message.subject,
        "Receipt for $60.00 from Wattle Street Clinic"
    );
    assert_eq!(
        message.text,
        "Wattle Street Clinic: We have received your payment of $60.00 with Visa ending 4242. \
         Thank you. Questions? Call (03) 7010 0142. \
         Your receipt K7M2Q9AB-1: https://pay.example/receipts/abc"
    );
    for part in [
        "href=\"https://pay.example/receipts/abc\"",
        "Your receipt K7M2Q9AB-1</a>",
    ] {
        assert!(message.html.contains(part), "{}", message.html);
    }
    let part = to_patient(Topic::PaymentReceived, &said());
    assert!(
        part.text.contains("Thank you. $60.00 is left to pay."),
        "{}",
        part.text
    );
}

#[test]
fn a_failure_says_that_nothing_was_taken_and_what_to_do() {
    let told = |said: &MessageContext| to_patient(Topic::PaymentFailed, said).text;
    let begin = "Wattle Street Clinic: Your payment of $60.00 with Visa ending 4242 did not \
                 go through. No money was taken.";
    let call = "Questions? Call (03) 7010 0142.";
    assert_eq!(
        told(&said()),
        format!("{begin} Please call us to choose another way to pay. {call}")
    );
    let retry_at = Some(jiff::civil::date(2026, 12, 3));
    assert_eq!(
        told(&MessageContext { retry_at, ..said() }),
        format!("{begin} We will try again on Thursday 3 December. {call}")
    );
    let page = Some("https://pay.example/c/1");
    assert_eq!(
        told(&MessageContext { page, ..said() }),
        format!("{begin} {call} Pay again or choose another way: https://pay.example/c/1")
    );
    // Another payment has settled the invoice meanwhile: nobody is asked to pay twice.
    let settled = told(&MessageContext {
        page,
        retry_at,
        ..paid()
    });
    assert_eq!(settled, format!("{begin} Nothing is left to pay. {call}"));
    assert!(
        !told(&said()).contains("receipt"),
        "there is none for a failed payment"
    );
}

#[test]
fn only_a_method_that_is_told_apart_is_named_to_the_patient() {
    let told = |label| {
        let method = Some(label);
        to_patient(Topic::PaymentReceived, &MessageContext { method, ..paid() }).text
    };
    for label in ["Card", "Bank account", "Saved method", "PayPal account", ""] {
        let text = told(label);
        assert!(
            text.contains("your payment of $60.00. Thank you."),
            "{text}"
        );
    }
    for label in ["Visa ending 4242", "Card ending in 0341", "DE** **** 3000"] {
        let text = told(label);
        assert!(text.contains(&format!("$60.00 with {label}. ")), "{text}");
    }
}

#[test]
fn a_part_that_was_returned_is_not_told_as_the_whole_payment() {
    let amount = money(2000, "AUD");
    let part = MessageContext {
        amount,
        due: amount,
        ..said()
    };
    let text = to_patient(Topic::PaymentReturned, &part).text;
    let expected = "$20.00 of your payment of $60.00 with Visa ending 4242 was returned by \
                    the bank. $20.00 is due again.";
    assert!(text.contains(expected), "{text}");
    let subject = to_staff(Topic::PaymentReturned, &part).subject;
    let expected = "Part of a payment of $60.00 returned by the bank: $20.00 on invoice";
    assert!(subject.starts_with(expected), "{subject}");
}

#[test]
fn who_was_told_of_a_return_hears_that_the_bank_gave_it_back() {
    let back = MessageContext {
        reinstated: true,
        ..paid()
    };
    let text = to_patient(Topic::PaymentReceived, &back).text;
    let expected = "The bank gave $60.00 back to us: your payment with Visa ending 4242 \
                    counts again. Questions? Call (03) 7010 0142. Your new receipt K7M2Q9AB-1: \
                    https://pay.example/receipts/abc";
    assert!(text.contains(expected), "{text}");
    let subject = to_staff(Topic::PaymentReceived, &back).subject;
    assert!(subject.starts_with("Given back by the bank, paid again: $60.00"));
}

#[test]
fn who_was_told_of_a_refund_hears_that_it_failed() {
    let amount = money(2000, "AUD");
    let text = to_patient(Topic::RefundFailed, &MessageContext { amount, ..paid() }).text;
    let expected = "Your refund of $20.00, which we told you was sent, did not go through. \
                    We are finding another way to return it. You need not do anything.";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_return_and_a_refund_name_the_money_first() {
    let returned = to_patient(Topic::PaymentReturned, &said()).text;
    assert!(
        returned.contains("was returned by the bank. $60.00 is due again. Please call us"),
        "{returned}"
    );
    let refund = to_patient(
        Topic::RefundPaid,
        &MessageContext {
            amount: money(2000, "AUD"),
            ..paid()
        },
    );
    assert_eq!(refund.subject, "Refund of $20.00 from Wattle Street Clinic");
    assert_eq!(
        refund.text,
        "Wattle Street Clinic: We have sent $20.00 back to you. Please allow 3 to 5 working \
         days. Questions? Call (03) 7010 0142. \
         Your new receipt K7M2Q9AB-1: https://pay.example/receipts/abc"
    );
}

#[test]
fn every_text_fits_into_two_text_messages_whatever_the_clinic_is_called() {
    let name = "Ω".repeat(400);
    let name = format!("{name}\r\nBcc: all@example.com");
    for topic in TOPICS {
        for due in [0, 6000] {
            for (page, retry_at) in [
                (None, None),
                (
                    Some("https://pay.example/pay/0123456789abcdef0123456789abcdef"),
                    None,
                ),
                (None, Some(jiff::civil::date(2026, 9, 30))),
            ] {
                let due = money(due, "AUD");
                let said = MessageContext {
                    due,
                    page,
                    retry_at,
                    ..said()
                };
                let message = to_patient(topic, &said);
                assert!(
                    message.text.len() < 320 && message.text.is_ascii(),
                    "{topic:?}"
                );
                assert!(!message.subject.is_empty() && message.html.contains("<p "));
                let long = MessageContext {
                    clinic: &name,
                    invoice: &name,
                    method: Some(&name),
                    ..said
                };
                let long = to_patient(topic, &long);
                assert!(long.text.chars().count() < 420, "{topic:?}: {}", long.text);
                assert!(!long.text.contains(['\r', '\n']) && !long.subject.contains('\n'));
            }
        }
    }
}

#[test]
fn a_mail_says_how_much_for_what_until_when_and_what_to_do() {
    let page = Some("https://pay.example/c/1");
    let mail = to_patient(Topic::CheckoutReady, &MessageContext { page, ..said() }).html;
    for part in [
        "Wattle Street Clinic",
        "$60.00 to pay to Wattle Street Clinic",
        "WS-2041",
        "8 December 2026",
        "Wednesday 9 December, 2:10 pm (Melbourne time)",
        "href=\"https://pay.example/c/1\"",
        "(03) 7010 0142",
        "12 Wattle Street",
    ] {
        assert!(mail.contains(part), "{part} not in {mail}");
    }
    assert!(
        !mail.contains("<script") && !mail.contains("<img"),
        "{mail}"
    );
}

#[test]
fn only_web_addresses_become_links_and_names_are_escaped() {
    let page = Some("javascript:alert(1)");
    let clinic = "<b>Dr & Co</b>";
    let message = to_patient(
        Topic::CheckoutReady,
        &MessageContext {
            page,
            clinic,
            ..said()
        },
    );
    assert!(!message.text.contains("javascript") && !message.html.contains("javascript"));
    assert!(
        message.html.contains("&lt;b&gt;Dr &amp; Co&lt;/b&gt;"),
        "{}",
        message.html
    );
    assert!(!message.html.contains("<b>Dr"));
}

#[test]
fn staff_are_not_told_that_nothing_is_to_do_while_something_is_due() {
    let part = MessageContext {
        due: money(3000, "AUD"),
        ..paid()
    };
    let text = to_staff(Topic::PaymentReceived, &part).text;
    assert!(text.contains("$30.00 is due on the invoice."), "{text}");
    assert!(!text.contains("Nothing to do"), "{text}");
    let refunded = to_staff(Topic::RefundPaid, &part).text;
    assert!(
        refunded.contains("$30.00 is due on the invoice."),
        "{refunded}"
    );
}

#[test]
fn staff_read_one_line_and_what_to_do() {
    let told = |topic, said: &MessageContext| {
        let message = to_staff(topic, said);
        (message.subject, message.text)
    };
    assert_eq!(
        told(Topic::PaymentReceived, &paid()),
        (
            "Paid: $60.00 on invoice WS-2041, Visa ending 4242, through Stripe.".into(),
            "Receipt K7M2Q9AB-1. Nothing is due on the invoice. Nothing to do.".into()
        )
    );
    let retry_at = Some(jiff::civil::date(2026, 12, 3));
    assert_eq!(
        told(Topic::PaymentFailed, &MessageContext { retry_at, ..said() }),
        (
            "Payment failed: $60.00 on invoice WS-2041, Visa ending 4242, through Stripe.".into(),
            "No money was taken. $60.00 is due on the invoice. \
             Meridian tries again on Thursday 3 December."
                .into()
        )
    );
    let mut matter = Matter::of(Alert::Overpaid).amount(money(1250, "AUD"));
    matter.invoice = Some("WS-2041".into());
    let matter = Some(&matter);
    let asked = told(Topic::NeedsPerson, &MessageContext { matter, ..said() });
    assert_eq!(
        asked,
        (
            "Needs a person: $12.50 on invoice WS-2041.".into(),
            "More was paid than the invoice asks for. Refund the rest. If it is kept, enter it in \
             your accounts as an overpayment: Meridian files no more than the invoice asks for."
                .into()
        )
    );
    let mut seen = std::collections::BTreeSet::new();
    for topic in TOPICS {
        let (subject, text) = told(topic, &said());
        assert!(!text.is_empty() && !subject.contains('\n') && seen.insert(subject));
    }
}
