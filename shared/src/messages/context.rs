//! What a message may speak of.

use crate::domain::task::Matter;
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
    /// By when a dispute must be answered: as [`until`](Self::until).
    pub answer_by: Option<String>,
    /// A bank had taken it, and gave it back.
    pub reinstated: bool,
    /// Nothing was invoiced yet: what came is a deposit.
    pub deposit: bool,
    /// Given back as credit, which the patient may use for a later bill.
    pub to_credit: bool,
    /// Staff took the money, or handed it out: no gateway moved it.
    pub by_hand: bool,
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
            answer_by: None,
            reinstated: false,
            deposit: false,
            to_credit: false,
            by_hand: false,
            matter: None,
        }
    }
}
