//! What patients read.

use super::context::MessageContext;
use super::format::{amount, date, invoice, part_of, short, with};
use super::letter::Letter;
use crate::contract::Message;
use crate::domain::outbox::Topic;
use jiff::civil::Date;

/// What the patient reads.
pub fn to_patient(topic: Topic, said: &MessageContext) -> Message {
    let clinic = short(said.clinic, 60);
    let sum = amount(said.amount);
    let mut letter = Letter::new(&clinic);
    match topic {
        Topic::InvoiceIssued => {
            letter.subject = format!("Invoice for {sum} from {clinic}");
            letter.say(format!("Your invoice over {sum} is ready."));
        }
        Topic::CheckoutReady => {
            letter.subject = format!("{sum} to pay to {clinic}");
            match said.deposit {
                true => letter.say(format!("A deposit of {sum} is asked for your appointment.")),
                false => letter.say(format!("{sum} is due on your invoice.")),
            }
            ask(&mut letter, said, "Pay online");
        }
        Topic::PaymentReceived if said.reinstated => reinstated(&mut letter, said),
        Topic::PaymentReceived if said.returning == Some(said.amount) => {
            paid_twice(&mut letter, said);
        }
        Topic::PaymentReceived => received(&mut letter, said),
        Topic::PaymentFailed => failed(&mut letter, said),
        Topic::PaymentReturned => returned(&mut letter, said),
        Topic::RefundPaid => refunded(&mut letter, said),
        Topic::InvoiceCredited | Topic::InvoiceVoided | Topic::PaymentApplied => {
            asked_less(topic, &mut letter, said);
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
        Topic::VisitCancelled => {
            letter.subject = format!("Your appointment with {clinic} is cancelled");
            letter.say("Your appointment is cancelled.".into());
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

/// Less is asked for, or something counts towards what is asked.
fn asked_less(topic: Topic, letter: &mut Letter, said: &MessageContext) {
    let (clinic, sum) = (letter.clinic.clone(), amount(said.amount));
    match topic {
        Topic::InvoiceVoided => {
            letter.subject = format!("Your invoice from {clinic} is cancelled");
            letter.say(format!("Your invoice over {sum} is cancelled."));
        }
        Topic::InvoiceCredited => {
            letter.subject = format!("Credit note over {sum} from {clinic}");
            letter.say(format!("{sum} of your invoice is not asked for any more."));
        }
        _ => {
            letter.subject = format!("Your payment of {sum} to {clinic}");
            letter.say(format!(
                "Your payment of {sum} now counts towards your invoice."
            ));
        }
    }
    match said.due.minor {
        0 => letter.say("Nothing is left to pay.".into()),
        _ => letter.say(format!("{} is left to pay.", amount(said.due))),
    }
}

/// Money was given back: sent by the gateway, handed out, or kept as credit.
fn refunded(letter: &mut Letter, said: &MessageContext) {
    let clinic = letter.clinic.clone();
    let sum = amount(said.amount);
    if said.to_credit {
        letter.subject = format!("{sum} of credit with {clinic}");
        letter.say(format!(
            "We keep {sum} for you as credit. You can use it for a later bill: just tell us."
        ));
    } else if said.by_hand {
        letter.subject = format!("Refund of {sum} from {clinic}");
        letter.say(format!("We have given {sum} back to you."));
    } else {
        letter.subject = format!("Refund of {sum} from {clinic}");
        letter.say(format!("We have sent {sum} back to you."));
        letter.say("Please allow 3 to 5 working days.".into());
    }
    receipt(letter, said, "Your new receipt");
}

/// The bank took it, and gave it back.
fn reinstated(letter: &mut Letter, said: &MessageContext) {
    let clinic = letter.clinic.clone();
    let sum = amount(said.amount);
    let with = with(said.method);
    letter.subject = format!("Your payment of {sum} to {clinic} counts again");
    letter.say(format!(
        "The bank gave {sum} back to us: your payment{with} counts again."
    ));
    if said.due.minor > 0 {
        letter.say(format!("{} is left to pay.", amount(said.due)));
    }
    receipt(letter, said, "Your new receipt");
}

/// The invoice was already paid: all of it goes back.
fn paid_twice(letter: &mut Letter, said: &MessageContext) {
    let sum = amount(said.amount);
    let with = with(said.method);
    letter.subject = format!("Your second payment of {sum} goes back to you");
    letter.say(format!(
        "We have received your payment of {sum}{with}, but your invoice was already paid."
    ));
    letter.say(format!(
        "We are sending {sum} back to you. You need not do anything."
    ));
    receipt(letter, said, "Your receipt");
}

/// It came; what is beyond the invoice goes back.
fn received(letter: &mut Letter, said: &MessageContext) {
    let clinic = letter.clinic.clone();
    let sum = amount(said.amount);
    let with = with(said.method);
    let what = match said.deposit {
        true => "deposit",
        false => "payment",
    };
    letter.subject = format!("Receipt for {sum} from {clinic}");
    letter.say(format!(
        "We have received your {what} of {sum}{with}. Thank you."
    ));
    if let Some(back) = said.returning.map(amount) {
        letter.say(format!(
            "{back} of it was more than was due: we are sending that back to you."
        ));
    }
    if said.due.minor > 0 {
        letter.say(format!("{} is left to pay.", amount(said.due)));
    }
    receipt(letter, said, "Your receipt");
}

/// No money was taken: what may be done.
fn failed(letter: &mut Letter, said: &MessageContext) {
    let sum = amount(said.amount);
    let with = with(said.method);
    letter.subject = format!("Your payment of {sum} did not go through");
    letter.say(format!(
        "Your payment of {sum}{with} did not go through. No money was taken."
    ));
    match said.tried_there {
        true => letter.say("Your bank is asked once more. You need not do anything.".into()),
        false => ask(letter, said, "Pay again or choose another way"),
    }
}

/// The bank took it, or a part of it, back.
fn returned(letter: &mut Letter, said: &MessageContext) {
    let sum = amount(said.amount);
    let with = with(said.method);
    let returned = match part_of(said) {
        Some(whole) => format!("{sum} of your payment of {whole}"),
        None => format!("Your payment of {sum}"),
    };
    letter.subject = format!("{returned} was returned");
    match said.by_hand {
        true => letter.say(format!(
            "{returned}{with} was taken off again: it did not reach us."
        )),
        false => letter.say(format!("{returned}{with} was returned by the bank.")),
    }
    if said.due.minor > 0 {
        letter.say(format!("{} is due again.", amount(said.due)));
    }
    ask(letter, said, "Pay again or choose another way");
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
