//! What the books of any vendor have in common: documents as it shows them, found by what stands in
//! them, settled by no more than is open, and booked on accounts.

use super::object::Refusal;
use crate::wire::{Reply, amount, decimal, number};
use crate::world::{Repeat, World};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;
use std::collections::BTreeMap;

/// The books of one account, as a call has them in hand.
pub struct Books<'a> {
    pub world: &'a mut World,
    pub vendor: &'static str,
    pub account: &'a str,
}

impl<'a> Books<'a> {
    pub fn of(world: &'a mut World, vendor: &'static str, account: &'a str) -> Books<'a> {
        Books {
            world,
            vendor,
            account,
        }
    }

    /// All of a kind, newest first.
    pub fn all(&self, kind: &'static str) -> Vec<&Value> {
        let all = self.world.all(kind).into_iter();
        let own = all.filter(|item| item.account == self.account);
        own.map(|item| &item.body).collect()
    }

    /// The newest of a kind in which one of these fields says this.
    pub fn named(&self, kind: &'static str, fields: &[&str], said: &Value) -> Option<Value> {
        let mut all = self.all(kind).into_iter();
        let is = |body: &&Value| fields.iter().any(|field| same(&body[*field], said));
        all.find(|body| said.is_string() && is(body)).cloned()
    }

    /// Writes changes over a document, and gives it as it stands then.
    pub fn change(&mut self, kind: &'static str, id: &str, changes: Value) -> Value {
        self.world.set(kind, id, changes);
        self.world.body(kind, id)
    }

    /// Adds to a list in a document.
    pub fn enter(&mut self, kind: &'static str, id: &str, list: &str, entry: Value) {
        let item = self.world.item_mut(kind, id);
        if let Some(entries) = item.and_then(|item| item.body[list].as_array_mut()) {
            entries.push(entry);
        }
    }

    /// Acts once under a key, which answers its first reply again for so long; what failed may be
    /// tried anew. Under one key `same` must stay what it was.
    pub fn once(
        &mut self,
        key: &str,
        same: &str,
        lifetime: i64,
        act: impl FnOnce(&mut Books) -> Result<Reply, Refusal>,
    ) -> Result<Reply, Refusal> {
        let (vendor, account) = (self.vendor, self.account);
        match self.world.repeat(vendor, account, key, same, lifetime) {
            Repeat::Same(reply) => Ok(*reply),
            Repeat::OtherParameters => Err("key_reused".into()),
            Repeat::InFlight => Err("key_busy".into()),
            Repeat::First => {
                let reply = act(self)?;
                if reply.status < 300 {
                    self.world.keep(vendor, account, key, same, &reply);
                }
                Ok(reply)
            }
        }
    }
}

/// Whether two values are the same in books: texts in any case, numbers however written.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other || decimal(one).is_some() && decimal(one) == decimal(other),
    }
}

/// What is open on a document once `sum` settled a part of it.
pub fn rest(open: &Value, sum: Decimal) -> Result<Decimal, Refusal> {
    match amount(open) - sum {
        _ if sum <= Decimal::ZERO || sum.normalize().scale() > 2 => Err("odd".into()),
        rest if rest < Decimal::ZERO => Err("too_much".into()),
        rest => Ok(rest),
    }
}

pub fn cents(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// The sum that an ask names in minor units; where it names none, all that is open.
pub fn asked_sum(ask: &Value, open: &Value) -> Value {
    let named = ask["amount"].as_i64();
    number(named.map_or(amount(open), |cents| Decimal::new(cents, 2)))
}

/// All that is wrong with what was asked.
pub struct Wrong(pub Vec<Refusal>);

pub type Checked = Result<Value, Wrong>;

impl From<Refusal> for Wrong {
    fn from(why: Refusal) -> Wrong {
        Wrong(vec![why])
    }
}

impl From<&'static str> for Wrong {
    fn from(reason: &'static str) -> Wrong {
        Refusal::from(reason).into()
    }
}

/// Refuses for one reason, where it is so.
pub fn refuse(wrong: bool, why: &'static str) -> Result<(), Refusal> {
    match wrong {
        true => Err(why.into()),
        false => Ok(()),
    }
}

/// Refuses for all reasons that are so.
pub fn refuse_all(reasons: Vec<(bool, Refusal)>) -> Result<(), Wrong> {
    let so = reasons.into_iter().filter(|(so, _)| *so);
    let so: Vec<_> = so.map(|(_, why)| why).collect();
    match so.is_empty() {
        true => Ok(()),
        false => Err(Wrong(so)),
    }
}

/// What was booked on each account, and by what; debits are positive.
#[derive(Default)]
pub struct Ledger(BTreeMap<(String, &'static str), Decimal>);

impl Ledger {
    /// Books a sum on one account, and its parts against it on others.
    pub fn book(
        &mut self,
        by: &'static str,
        (account, sum): (&str, Decimal),
        against: &[(&str, Decimal)],
    ) {
        let against = against.iter().map(|(account, part)| (*account, -part));
        for (account, sum) in against.chain([(account, sum)]) {
            *self.0.entry((account.to_string(), by)).or_default() += sum;
        }
    }

    pub fn at(&self, account: &str, by: &'static str) -> Decimal {
        let sum = self.0.get(&(account.to_string(), by));
        sum.copied().unwrap_or_default()
    }

    /// What stands on each account that was booked on.
    pub fn balances(&self) -> BTreeMap<&str, Decimal> {
        let mut balances = BTreeMap::new();
        for ((account, _), sum) in &self.0 {
            *balances.entry(&**account).or_default() += *sum;
        }
        balances
    }
}
