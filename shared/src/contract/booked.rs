//! What books tell that somebody entered there: payments of invoices that we filed.

use crate::words::money::Money;
use jiff::civil::Date;

/// A payment of the books, as they hold it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Booked {
    /// It counts there.
    Stands(BookedPayment),
    /// It was deleted or voided, under this id.
    Gone(String),
}

/// One that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedPayment {
    /// The books' id of it, the same as long as it is there.
    pub id: String,
    /// The books' id of the invoice that it is set against.
    pub invoice: String,
    /// The number of that invoice.
    pub number: String,
    /// What of it is set against that invoice.
    pub amount: Money,
    /// The day on which the money moved.
    pub on: Date,
    /// What stands in it to find it by: our own key where we filed it.
    pub reference: String,
}

impl Booked {
    /// The books' id of the payment.
    pub fn id(&self) -> &str {
        match self {
            Self::Stands(payment) => &payment.id,
            Self::Gone(id) => id,
        }
    }
}
