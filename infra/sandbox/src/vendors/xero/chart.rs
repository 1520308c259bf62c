//! The chart of accounts, the same in every organisation here.

use serde_json::{Value, json};

pub struct Account {
    pub code: &'static str,
    name: &'static str,
    kind: &'static str,
    class: &'static str,
    /// Xero takes payments to every bank account, and to another one where this was switched on.
    payments: bool,
    /// What Xero itself posts here; such an account takes no lines.
    system: &'static str,
}

/// What customers owe.
pub const DEBTORS: &str = "610";
/// What suppliers are owed.
pub const CREDITORS: &str = "800";
pub const TAX: &str = "825";

pub static ALL: [Account; 9] = [
    plain("090", "Business Bank Account", "BANK", "ASSET"),
    plain("091", "Till", "BANK", "ASSET"),
    plain("092", "Card Machine", "BANK", "ASSET"),
    taking("093", "Health Fund", "CURRENT", "ASSET"),
    plain("200", "Sales", "REVENUE", "REVENUE"),
    system(
        DEBTORS,
        "Accounts Receivable",
        "CURRENT",
        "ASSET",
        "DEBTORS",
    ),
    system(
        CREDITORS,
        "Accounts Payable",
        "CURRLIAB",
        "LIABILITY",
        "CREDITORS",
    ),
    taking("820", "Patient Credits", "CURRLIAB", "LIABILITY"),
    system(TAX, "Sales Tax", "CURRLIAB", "LIABILITY", "GST"),
];

const fn plain(
    code: &'static str,
    name: &'static str,
    kind: &'static str,
    class: &'static str,
) -> Account {
    Account {
        code,
        name,
        kind,
        class,
        payments: false,
        system: "",
    }
}

const fn taking(
    code: &'static str,
    name: &'static str,
    kind: &'static str,
    class: &'static str,
) -> Account {
    Account {
        payments: true,
        ..plain(code, name, kind, class)
    }
}

const fn system(
    code: &'static str,
    name: &'static str,
    kind: &'static str,
    class: &'static str,
    system: &'static str,
) -> Account {
    Account {
        system,
        ..plain(code, name, kind, class)
    }
}

/// The account of this code or, where none is given, of this id.
pub fn find(code: &Value, id: &Value) -> Option<&'static Account> {
    ALL.iter().find(|account| match code.as_str() {
        Some(code) => account.code == code,
        None => id
            .as_str()
            .is_some_and(|id| account.id().eq_ignore_ascii_case(id)),
    })
}

impl Account {
    fn id(&self) -> String {
        format!("00000000-0000-4000-8000-{:0>12}", self.code)
    }

    pub fn is_bank(&self) -> bool {
        self.kind == "BANK"
    }

    pub fn takes_payments(&self) -> bool {
        self.is_bank() || self.payments
    }

    pub fn takes_lines(&self) -> bool {
        !self.is_bank() && self.system.is_empty()
    }

    /// As the list of accounts shows it.
    pub fn shown(&self) -> Value {
        let mut shown = self.named();
        shown["Type"] = json!(self.kind);
        shown["Class"] = json!(self.class);
        shown["Status"] = json!("ACTIVE");
        shown["EnablePaymentsToAccount"] = json!(self.payments);
        shown["SystemAccount"] = json!(self.system);
        if self.is_bank() {
            shown["BankAccountType"] = json!("BANK");
        }
        shown
    }

    /// As what is booked there names it.
    pub fn named(&self) -> Value {
        json!({"AccountID": self.id(), "Code": self.code, "Name": self.name})
    }
}
