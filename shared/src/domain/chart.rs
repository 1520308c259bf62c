//! The chart of accounts: every name that a posting may bear, and what stands on it. An account that
//! is many in one, as gateways are, is named `kind:which`.

/// A kind of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// As postings name it, or what stands before the colon.
    pub name: &'static str,
    /// What it is in the books.
    pub class: Class,
    /// Whether there is one for each of many: `gateway:stripe`.
    pub many: bool,
    /// What stands on it, for accountants.
    pub holds: &'static str,
}

/// Where an account stands in balance sheet and profit and loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What the clinic has or is owed: debits raise it.
    Asset,
    /// What the clinic owes: credits raise it.
    Liability,
    /// What was sold: credits raise it.
    Income,
    /// What lessens income: debits raise it.
    LessIncome,
    /// Between two books: of all of them it comes to nothing.
    Clearing,
}

/// What is owed by the patient of the case; negative is owed to the patient.
pub const RECEIVABLE: &str = "receivable";
/// What was paid before it was invoiced.
pub const DEPOSITS: &str = "deposits";
/// What was sold, without tax; credits are negative.
pub const REVENUE: &str = "revenue";
/// What is owed to the tax office of what was sold.
pub const TAX: &str = "tax";
/// What was paid back to patients of the sale, without tax.
pub const REFUNDS: &str = "refunds";
/// Taken by the clinic otherwise, and entered in its accounting first.
pub const BOOKS: &str = "books";
/// Held back by banks while a dispute is open.
pub const DISPUTED: &str = "disputed";
/// What the clinic owes a patient who may use it for a later bill.
pub const CREDIT: &str = "credit";

/// All of them, in the order in which accountants read them.
pub const CHART: [Account; 14] = [
    one(
        RECEIVABLE,
        Class::Asset,
        "owed by patients on invoices; below zero, owed to them",
    ),
    many(
        "gateway",
        Class::Asset,
        "money that lies at a gateway, before its payout",
    ),
    one("cash", Class::Asset, "coins and notes that staff took"),
    one(
        "terminal",
        Class::Asset,
        "taken by a card machine that Meridian does not talk to",
    ),
    one("fund", Class::Asset, "paid or promised by a health fund"),
    one(
        "bank",
        Class::Asset,
        "transferred to the clinic's bank account",
    ),
    one(
        BOOKS,
        Class::Asset,
        "taken by the clinic, and entered in its accounting first",
    ),
    one(
        DISPUTED,
        Class::Asset,
        "held back by banks while a dispute is open",
    ),
    one(DEPOSITS, Class::Liability, "paid before it was invoiced"),
    one(
        CREDIT,
        Class::Liability,
        "owed to patients, for a later bill",
    ),
    one(TAX, Class::Liability, "owed to the tax office"),
    one(
        REVENUE,
        Class::Income,
        "sold, without tax, credit notes taken off",
    ),
    one(
        REFUNDS,
        Class::LessIncome,
        "given back of what was sold, without tax",
    ),
    many(
        "transfer",
        Class::Clearing,
        "moved between two books in one commit",
    ),
];

const fn one(name: &'static str, class: Class, holds: &'static str) -> Account {
    Account {
        name,
        class,
        many: false,
        holds,
    }
}

const fn many(name: &'static str, class: Class, holds: &'static str) -> Account {
    Account {
        many: true,
        ..one(name, class, holds)
    }
}

/// The account of money that lies at a gateway.
pub fn gateway(id: &str) -> String {
    format!("gateway:{id}")
}

/// The account of money that moves between two books under this transfer.
pub fn transfer(id: &str) -> String {
    format!("transfer:{id}")
}

/// The account of this name; `None` where the chart has none.
pub fn account(name: &str) -> Option<&'static Account> {
    let (kind, which) = match name.split_once(':') {
        Some((kind, which)) => (kind, Some(which)),
        None => (name, None),
    };
    let named = which.is_some_and(|which| !which.is_empty());
    let fits = |account: &&Account| account.name == kind && account.many == which.is_some();
    CHART
        .iter()
        .find(fits)
        .filter(|account| account.many == named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tender::Recorded;

    #[test]
    fn every_name_of_the_chart_is_found_and_no_other() {
        for known in CHART {
            let name = match known.many {
                true => format!("{}:x", known.name),
                false => known.name.to_owned(),
            };
            assert_eq!(account(&name), Some(&known), "{name}");
        }
        for how in Recorded::ALL {
            assert!(account(how.name()).is_some(), "{how:?}");
        }
        for name in ["", "pocket", "gateway", "gateway:", "cash:1", "transfer"] {
            assert_eq!(account(name), None, "{name}");
        }
    }
}
