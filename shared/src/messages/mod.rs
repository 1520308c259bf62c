//! Messages: what patients and staff are told when something happens to a payment. One text for
//! every channel, and neutral: the clinic, the amount, the date, never what a visit was for.

pub mod mail;
pub mod tasks;

use crate::contract::Message;
use crate::domain::task::{Matter, Topic};
use crate::vendors;
use crate::words::money::Money;
use jiff::civil::Date;

/// What a message may speak of.
#[derive(Clone, Debug)]
pub struct MessageContext<'a> {
    pub clinic: &'a str,
    pub phone: &'a str,
    pub invoice: &'a str,
    /// Of the payment, what was returned of it, the refund, the dispute or the invoice, whichever
    /// the topic speaks of.
    pub amount: Money,
    /// The whole payment, where the topic speaks of one.
    pub payment: Option<Money>,
    /// What is left to pay on the invoice.
    pub due: Money,
    /// What was paid beyond it, and is not on its way back.
    pub surplus: Money,
    /// What of the payment came beyond what was due, and goes back by itself.
    pub returning: Option<Money>,
    /// What of it payments under way would bring.
    pub coming: Money,
    /// The gateway itself makes another try.
    pub tried_there: bool,
    /// The receipt's number.
    pub receipt: Option<String>,
    pub receipt_address: Option<&'a str>,
    /// The gateway's page, while the patient may pay on it.
    pub page: Option<&'a str>,
    /// `Visa ending 4242`.
    pub method: Option<&'a str>,
    pub gateway: Option<&'a str>,
    /// The day of what is told, in the clinic's zone, and of the visit that was billed.
    pub day: Option<Date>,
    pub service: Option<Date>,
    /// Until when the page can be paid on: `Wednesday 9 December, 2:10 pm (Melbourne time)`.
    pub until: Option<String>,
    /// The clinic's postal address, for the foot of a mail.
    pub address: &'a str,
    /// The day of the next try, in the clinic's zone.
    pub retry_at: Option<Date>,
    /// A bank had taken it, and gave it back.
    pub reinstated: bool,
    /// What only a person can decide.
    pub matter: Option<&'a Matter>,
}

impl<'a> MessageContext<'a> {
    /// What every message can speak of.
    pub fn of(clinic: &'a str, invoice: &'a str, amount: Money) -> Self {
        Self {
            clinic,
            phone: "",
            invoice,
            amount,
            payment: None,
            due: Money::zero(amount.currency),
            surplus: Money::zero(amount.currency),
            returning: None,
            coming: Money::zero(amount.currency),
            tried_there: false,
            receipt: None,
            receipt_address: None,
            page: None,
            method: None,
            gateway: None,
            day: None,
            service: None,
            until: None,
            address: "",
            retry_at: None,
            reinstated: false,
            matter: None,
        }
    }
}

/// What the patient reads.
pub fn to_patient(topic: Topic, said: &MessageContext) -> Message {
    let clinic = short(said.clinic, 60);
    let sum = amount(said.amount);
    let with = with(said.method);
    let mut letter = Letter::new(&clinic);
    match topic {
        Topic::InvoiceIssued => {
            letter.subject = format!("Invoice for {sum} from {clinic}");
            letter.say(format!("Your invoice over {sum} is ready."));
        }
        Topic::CheckoutReady => {
            letter.subject = format!("{sum} to pay to {clinic}");
            letter.say(format!("{sum} is due on your invoice."));
            ask(
                &mut letter,
                said,
                "Pay on our payment partner's secure page",
            );
        }
        Topic::PaymentReceived if said.reinstated => {
            letter.subject = format!("Your payment of {sum} to {clinic} counts again");
            letter.say(format!(
                "The bank gave {sum} back to us: your payment{with} counts again."
            ));
            if said.due.minor > 0 {
                letter.say(format!("{} is left to pay.", amount(said.due)));
            }
            receipt(&mut letter, said, "Your new receipt");
        }
        Topic::PaymentReceived if said.returning == Some(said.amount) => {
            letter.subject = format!("Your second payment of {sum} goes back to you");
            letter.say(format!(
                "We have received your payment of {sum}{with}, but your invoice was already paid."
            ));
            letter.say(format!(
                "We are sending {sum} back to you. You need not do anything."
            ));
            receipt(&mut letter, said, "Your receipt");
        }
        Topic::PaymentReceived => {
            letter.subject = format!("Receipt for {sum} from {clinic}");
            letter.say(format!(
                "We have received your payment of {sum}{with}. Thank you."
            ));
            if let Some(back) = said.returning.map(amount) {
                letter.say(format!(
                    "{back} of it was more than was due: we are sending that back to you."
                ));
            }
            if said.due.minor > 0 {
                letter.say(format!("{} is left to pay.", amount(said.due)));
            }
            receipt(&mut letter, said, "Your receipt");
        }
        Topic::PaymentFailed => {
            letter.subject = format!("Your payment of {sum} did not go through");
            letter.say(format!(
                "Your payment of {sum}{with} did not go through. No money was taken."
            ));
            match said.tried_there {
                true => {
                    letter.say("Your bank is asked once more. You need not do anything.".into())
                }
                false => ask(&mut letter, said, "Pay again or choose another way"),
            }
        }
        Topic::PaymentReturned => {
            let returned = match part_of(said) {
                Some(whole) => format!("{sum} of your payment of {whole}"),
                None => format!("Your payment of {sum}"),
            };
            letter.subject = format!("{returned} was returned");
            letter.say(format!("{returned}{with} was returned by the bank."));
            if said.due.minor > 0 {
                letter.say(format!("{} is due again.", amount(said.due)));
            }
            ask(&mut letter, said, "Pay again or choose another way");
        }
        Topic::RefundPaid => {
            letter.subject = format!("Refund of {sum} from {clinic}");
            letter.say(format!("We have sent {sum} back to you."));
            letter.say("Please allow 3 to 5 working days.".into());
            receipt(&mut letter, said, "Your new receipt");
        }
        Topic::RefundFailed => {
            letter.subject = format!("Your refund of {sum} did not go through");
            letter.say(format!(
                "Your refund of {sum}, which we told you was sent, did not go through."
            ));
            letter.say("We are finding another way to return it. You need not do anything.".into());
        }
        Topic::DisputeOpened => {
            letter.subject = format!("Your bank asked about a payment of {sum}");
            letter.say(format!("Your bank has asked us about a payment of {sum}."));
            letter.say("We will answer. You need not do anything.".into());
        }
        Topic::DisputeClosed => {
            letter.subject = format!("Your bank has decided about a payment of {sum}");
            letter.say(format!("Your bank has decided about a payment of {sum}."));
            ask(&mut letter, said, "Pay what is due");
        }
        Topic::NeedsPerson => {
            letter.subject = format!("We are checking a payment to {clinic}");
            letter.say("We are checking a payment of yours and will tell you the result.".into());
            letter.say("Please do not pay again.".into());
        }
    }
    letter.phone(said.phone);
    letter.facts = facts(said, letter.link.is_some());
    letter.address = short(said.address, 120);
    letter.message()
}

/// What a mail shows beside its sentences: which invoice, of which day, until when.
fn facts(said: &MessageContext, to_pay: bool) -> Vec<(&'static str, String)> {
    let long = |day: Date| day.strftime("%-d %B %Y").to_string();
    let until = said.until.clone().filter(|_| to_pay && said.due.minor > 0);
    let facts = [
        (
            "Invoice",
            Some(invoice(said)).filter(|number| !number.is_empty()),
        ),
        ("Date", said.day.map(long)),
        ("Date of service", said.service.map(long)),
        ("Pay until", until),
    ];
    let known = |(name, value): (&'static str, Option<String>)| Some((name, value?));
    facts.into_iter().filter_map(known).collect()
}

/// What staff read: what happened in one line, then what to do.
pub fn to_staff(topic: Topic, said: &MessageContext) -> Message {
    let (sum, invoice) = (amount(said.amount), invoice(said));
    let about = {
        let method = said.method.map(|method| format!(", {}", short(method, 40)));
        let gateway = said
            .gateway
            .map(|id| format!(", through {}", gateway_name(id)));
        let (method, gateway) = (method.unwrap_or_default(), gateway.unwrap_or_default());
        format!("{sum} on invoice {invoice}{method}{gateway}.")
    };
    let due = match said.due.minor {
        0 => "Nothing is due on the invoice.".into(),
        _ => format!("{} is due on the invoice.", amount(said.due)),
    };
    let number = said
        .receipt
        .as_ref()
        .map(|number| format!("Receipt {number}. "));
    let number = number.unwrap_or_default();
    let next = next(said);
    let (subject, text) = match topic {
        Topic::InvoiceIssued => (
            format!("Invoice issued: {sum}, number {invoice}."),
            "Nothing to do.".into(),
        ),
        Topic::CheckoutReady => (
            format!("Page to pay on opened: {about}"),
            "Nothing to do until the patient has paid.".into(),
        ),
        Topic::PaymentReceived => {
            let back = said.returning.map(amount).map_or(String::new(), |back| {
                format!("{back} of it was more than was due and goes back by itself. ")
            });
            (
                match said.reinstated {
                    true => format!("Given back by the bank, paid again: {about}"),
                    false => format!("Paid: {about}"),
                },
                format!("{number}{back}{due} {next}"),
            )
        }
        Topic::PaymentFailed => (
            format!("Payment failed: {about}"),
            format!("No money was taken. {due} {next}"),
        ),
        Topic::PaymentReturned => (
            match part_of(said) {
                Some(whole) => {
                    format!("Part of a payment of {whole} returned by the bank: {about}")
                }
                None => format!("Payment returned by the bank: {about}"),
            },
            format!("{due} {next}"),
        ),
        Topic::RefundPaid => (
            format!("Refunded: {about}"),
            format!("{number}{due} {next}"),
        ),
        Topic::RefundFailed => (
            format!("Refund failed: {about}"),
            "The amount can be refunded again: choose another way to return it.".into(),
        ),
        Topic::DisputeOpened => (
            format!("Dispute opened: {about}"),
            "Answer it in the gateway's dashboard before its deadline.".into(),
        ),
        Topic::DisputeClosed => (
            format!("Dispute closed: {about}"),
            format!("{due} The gateway's dashboard gives the reasons."),
        ),
        Topic::NeedsPerson => (
            match said.matter {
                Some(matter) => format!("Needs a person: {}.", tasks::about(matter)),
                None => format!("Needs a person: {about}"),
            },
            match said.matter {
                Some(matter) => short(&tasks::what_to_do(matter), 600),
                None => "See the open tasks.".into(),
            },
        ),
    };
    let mut letter = Letter::new(&short(said.clinic, 60));
    letter.subject = subject;
    letter.say(text);
    Message {
        text: letter.sentences.join(" "),
        ..letter.message()
    }
}

/// What staff must do about what is due or too much, if anything.
fn next(said: &MessageContext) -> String {
    let (gateway, sums) = (
        said.gateway.map_or("The gateway", gateway_name),
        said.coming.minor,
    );
    match (said.due.minor, said.retry_at, said.page) {
        (0, ..) if said.surplus.minor > 0 => format!(
            "{} more than the invoice asks for was paid: refund it.",
            amount(said.surplus)
        ),
        (0, ..) => "Nothing to do.".into(),
        _ if said.tried_there => format!("{gateway} tries again by itself. Nothing to do."),
        (_, Some(day), _) => format!("Meridian tries again on {}.", date(day)),
        (_, None, Some(_)) => "The patient can still pay on the gateway's page.".into(),
        (due, ..) if sums >= due => "It is under way.".into(),
        _ => "Send the patient a new page to pay on, or agree on another way.".into(),
    }
}

/// An amount as people read it: `$1,200.00`, `€12.50`, `¥1,200`, `CHF 80.00`, `−$5.00`.
pub fn amount(money: Money) -> String {
    let digits = Money::new(money.minor.saturating_abs(), money.currency)
        .decimal()
        .to_string();
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut grouped = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = money.currency.symbol();
    let sign = match sign.ends_with(['$', '€', '£', '¥', '₹']) {
        true => sign,
        false => format!("{} ", money.currency.code()),
    };
    let minus = if money.minor < 0 { "−" } else { "" };
    let point = if part.is_empty() { "" } else { "." };
    format!("{minus}{sign}{grouped}{point}{part}")
}

/// A day as messages name it, without the year: `Thursday 3 December`.
pub fn date(day: Date) -> String {
    day.strftime("%A %-d %B").to_string()
}

/// How people call a gateway.
pub fn gateway_name(id: &str) -> &str {
    vendors::gateway(id).map_or(id, |gateway| gateway.vendor.name)
}

/// Whether an address may be put before people as a link.
pub fn is_link(address: &str) -> bool {
    let web = address.starts_with("https://") || address.starts_with("http://");
    web && !address.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The whole payment, where only a part of it went back.
fn part_of(said: &MessageContext) -> Option<String> {
    let whole = said.payment.filter(|whole| said.amount.minor < whole.minor);
    whole.map(amount)
}

/// What was paid with, where the label tells one card or account from another.
fn with(method: Option<&str>) -> String {
    let names =
        |label: &&str| label.contains(" ending ") || label.contains(|c: char| c.is_ascii_digit());
    let named = method.filter(names);
    named.map_or(String::new(), |label| format!(" with {}", short(label, 40)))
}

fn invoice(said: &MessageContext) -> String {
    short(said.invoice, 40)
}

/// One line of at most so many characters: a line break of a stranger's must not begin a line of
/// ours, nor a long name push the link out of a text message.
fn short(text: &str, most: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = text.chars().map(visible).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        None => line,
        Some((end, _)) => format!("{}...", line[..end].trim_end()),
    }
}

/// What to do about money that is due: nothing, wait, or pay on the page.
fn ask(letter: &mut Letter, said: &MessageContext, label: &str) {
    if said.due.minor == 0 {
        return letter.say("Nothing is left to pay.".into());
    }
    if let Some(day) = said.retry_at {
        letter.say(format!("We will try again on {}.", date(day)));
    }
    match said.page {
        Some(page) => letter.link(label, page),
        None if said.retry_at.is_none() => {
            letter.say("Please call us to choose another way to pay.".into());
        }
        None => {}
    }
}

fn receipt(letter: &mut Letter, said: &MessageContext, label: &str) {
    let label = match &said.receipt {
        Some(number) => format!("{label} {number}"),
        None => label.into(),
    };
    if let Some(address) = said.receipt_address {
        letter.link(&label, address);
    }
}

/// A message while it is written: sentences, then at most one link, which comes last.
struct Letter {
    clinic: String,
    subject: String,
    sentences: Vec<String>,
    phone: Option<String>,
    link: Option<(String, String)>,
    facts: Vec<(&'static str, String)>,
    address: String,
}

impl Letter {
    fn new(clinic: &str) -> Self {
        Self {
            clinic: clinic.into(),
            subject: String::new(),
            sentences: vec![],
            phone: None,
            link: None,
            facts: vec![],
            address: String::new(),
        }
    }

    fn say(&mut self, sentence: String) {
        self.sentences.push(sentence);
    }

    fn link(&mut self, label: &str, address: &str) {
        self.link = is_link(address).then(|| (label.into(), address.into()));
    }

    fn phone(&mut self, phone: &str) {
        self.phone = Some(short(phone, 30)).filter(|phone| !phone.is_empty());
    }

    /// Plain letters where ours: one typographic quote would halve what fits into a text message.
    fn message(self) -> Message {
        let call = self.phone.as_ref();
        let call = call.map(|phone| format!("Questions? Call {phone}."));
        let mut text = format!("{}: {}", self.clinic, self.sentences.join(" "));
        let link = self
            .link
            .as_ref()
            .map(|(label, to)| format!("{label}: {to}"));
        for part in call.iter().chain(&link) {
            text = format!("{text} {part}");
        }
        let html = mail::page(&mail::Mail {
            clinic: &self.clinic,
            subject: &self.subject,
            sentences: &self.sentences,
            facts: &self.facts,
            link: self.link.as_ref(),
            call: call.as_deref(),
            address: &self.address,
        });
        Message {
            subject: self.subject,
            text,
            html,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Alert;
    use crate::words::money::Currency;

    const TOPICS: [Topic; 10] = [
        Topic::InvoiceIssued,
        Topic::CheckoutReady,
        Topic::PaymentReceived,
        Topic::PaymentFailed,
        Topic::PaymentReturned,
        Topic::RefundPaid,
        Topic::RefundFailed,
        Topic::DisputeOpened,
        Topic::DisputeClosed,
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
            reinstated: false,
            matter: None,
        }
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
                        Some("https://pay.example/pay/0123456789abcdefghjk0123456789abcdef"),
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
                "Payment failed: $60.00 on invoice WS-2041, Visa ending 4242, through Stripe."
                    .into(),
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
}
