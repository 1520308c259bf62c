//! What happened in how many histories: a run that never met a kind of fault has no teeth.

use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Coverage {
    seen: BTreeMap<String, u64>,
}

impl Coverage {
    pub fn saw(&mut self, what: impl Into<String> + AsRef<str>) {
        match self.seen.get_mut(what.as_ref()) {
            Some(times) => *times += 1,
            None => drop(self.seen.insert(what.into(), 1)),
        }
    }

    pub fn add(&mut self, other: Self) {
        for (what, times) in other.seen {
            *self.seen.entry(what).or_default() += times;
        }
    }

    /// What of this list never occurred.
    pub fn missing<'a>(&self, wanted: &'a [String]) -> Vec<&'a String> {
        let seen = |what: &&String| self.seen.contains_key(*what);
        wanted.iter().filter(|what| !seen(what)).collect()
    }

    pub fn table(&self) -> String {
        let line = |(what, times): (&String, &u64)| format!("{times:>9}  {what}\n");
        self.seen.iter().map(line).collect()
    }
}
