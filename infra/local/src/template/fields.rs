//! A reader of properties that leaves none unread.

use super::refusal::Refusal;
use super::resolve::{Number, Resolver};
use super::yaml::{Entry, Node, Value};
use std::ops::RangeInclusive;

/// The keys of one mapping. Each is taken, or said to mean nothing on one machine; what is left over is refused.
pub struct Fields<'a> {
    what: String,
    line: usize,
    left: Vec<&'a Entry>,
    resolver: &'a Resolver,
}

impl<'a> Fields<'a> {
    /// A reader over a mapping; `what` names it in refusals.
    pub fn of(
        resolver: &'a Resolver,
        what: impl Into<String>,
        node: &'a Node,
    ) -> Result<Fields<'a>, Refusal> {
        let what = what.into();
        match &node.value {
            Value::Map(entries) => Ok(Fields {
                what,
                line: node.line,
                left: entries.iter().collect(),
                resolver,
            }),
            _ => Err(Refusal::new(node.line, format!("{what} must be a mapping"))),
        }
    }

    pub fn take(&mut self, key: &str) -> Option<&'a Node> {
        let at = self.left.iter().position(|entry| entry.key == key)?;
        Some(&self.left.remove(at).node)
    }

    pub fn need(&mut self, key: &str) -> Result<&'a Node, Refusal> {
        self.take(key)
            .ok_or_else(|| Refusal::new(self.line, format!("{} needs `{key}`", self.what)))
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>, Refusal> {
        self.take(key)
            .map(|node| self.resolver.text(node))
            .transpose()
    }

    pub fn number<T: Number>(
        &mut self,
        key: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Refusal> {
        self.take(key)
            .map(|node| self.resolver.number(node, range))
            .transpose()
    }

    /// Refuses every value but this one.
    pub fn only(&mut self, key: &str, wanted: &[&str]) -> Result<(), Refusal> {
        let Some(node) = self.take(key) else {
            return Ok(());
        };
        let text = self.resolver.text(node)?;
        if wanted.contains(&text.as_str()) {
            return Ok(());
        }
        let wanted = wanted.join(" or ");
        Err(Refusal::new(
            node.line,
            format!(
                "{}: the local stack takes `{key}` only as {wanted}, not `{text}`",
                self.what
            ),
        ))
    }

    /// Keys that are right but change nothing on one machine. References in them must still hold.
    pub fn nothing_here(&mut self, keys: &[&str]) -> Result<(), Refusal> {
        for key in keys {
            if let Some(node) = self.take(key) {
                self.resolver.json(node)?;
            }
        }
        Ok(())
    }

    pub fn end(self) -> Result<(), Refusal> {
        match self.left.first() {
            None => Ok(()),
            Some(entry) => Err(Refusal::new(
                entry.line,
                format!(
                    "{}: the local stack does not honour `{}`",
                    self.what, entry.key
                ),
            )),
        }
    }
}
