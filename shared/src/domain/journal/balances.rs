//! The balances that a case in its state calls for. They sum to zero.

use crate::domain::bill::TaxPoint;
use crate::domain::book::{Balances, Book, BookId};
use crate::domain::case::Case;
use crate::domain::chart::{
    DEPOSITS, DISPUTED, RECEIVABLE, REFUNDS, REVENUE, TAX, gateway, transfer,
};
use crate::domain::dims::Dims;
use crate::domain::payment::State;
use crate::domain::refund::{self, Way};
use crate::words::money::{Currency, Money};

/// What stands on each account for this case; accounts at zero are left out.
///
/// Money on a deposit is owed to the patient, and on an invoice it is what the patient owed: that a
/// deposit becomes a part of its invoice is the difference of two states. What goes back of the sale
/// takes its share of net and tax with it; what goes back of a surplus was only owed to the patient.
pub fn balances(case: &Case) -> Balances {
    let mut books = Books::default();
    let owed = match case.bill.is_deposit() {
        true => DEPOSITS,
        false => RECEIVABLE,
    };
    asked(case, &mut books);
    for payment in &case.payments {
        let at_gateway = gateway(&payment.gateway);
        if payment.arrived() {
            books.post(&at_gateway, owed, payment.amount.minor);
            books.post(owed, &at_gateway, payment.returned().minor);
            books.post(DISPUTED, &at_gateway, payment.disputed().minor);
        } else {
            debug_assert!(payment.state != State::Paid);
        }
        given_back(&payment.refunds, &at_gateway, owed, &mut books);
    }
    for tender in &case.tenders {
        let account = tender.account();
        books.post(&account, owed, tender.stays().minor);
        given_back(&tender.refunds, &account, owed, &mut books);
    }
    books.0.retain(|_, minor| *minor != 0);
    books.0
}

/// What was sold, and what went back of it; of a deposit, the tax that is owed at its receipt.
fn asked(case: &Case, books: &mut Books) {
    let sum = case.bill.sum();
    if case.bill.is_deposit() {
        if case.policy.deposit_tax == TaxPoint::Receipt {
            let taxed = case.paid().minor.min(sum.total.minor);
            let taxed = Money::new(taxed.max(0), case.currency);
            books.post(DEPOSITS, TAX, sum.tax_within(taxed).minor);
        }
        return;
    }
    books.post(RECEIVABLE, REVENUE, sum.net.minor);
    books.post(RECEIVABLE, TAX, sum.tax.minor);
    let sale = case.sale_refunded();
    let tax = sum.tax_within(sale);
    books.post(TAX, RECEIVABLE, tax.minor);
    books.post(REFUNDS, RECEIVABLE, sale.minor - tax.minor);
}

/// What was given back goes to where it came from, or to the patient's credit.
fn given_back(refunds: &[refund::Refund], from: &str, owed: &str, books: &mut Books) {
    for refund in refunds {
        if refund.state != refund::State::Succeeded {
            continue;
        }
        match &refund.way {
            Way::Back => books.post(owed, from, refund.amount.minor),
            Way::Credit { transfer: id } => {
                books.post(owed, &transfer(id), refund.amount.minor);
            }
        }
    }
}

#[derive(Default)]
struct Books(Balances);

impl Books {
    fn post(&mut self, debit: &str, credit: &str, minor: i64) {
        *self.0.entry(debit.into()).or_default() += minor;
        *self.0.entry(credit.into()).or_default() -= minor;
    }
}

impl Book for Case {
    fn id(&self) -> BookId {
        BookId::Case(self.id.clone())
    }

    fn currency(&self) -> Currency {
        self.currency
    }

    fn dims(&self) -> Dims {
        self.dims.clone()
    }

    fn balances(&self) -> Balances {
        balances(self)
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn head(&self) -> &str {
        &self.head
    }
}
