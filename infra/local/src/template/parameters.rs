//! A template's parameters: what a person gave, or the default, held to what the template allows.

use super::fields::Fields;
use super::refusal::Refusal;
use super::resolve::Resolver;
use super::yaml::{Entry, Node, Value};
use std::collections::BTreeMap;

/// The value of each parameter; `public_url` stands for PublicUrl where nobody gave it.
pub fn read(
    section: Option<&Node>,
    mut given: BTreeMap<String, String>,
    public_url: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    let blank = Resolver::default();
    let mut out = BTreeMap::new();
    let entries = match section.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    for Entry { line, key, node } in entries {
        let mut fields = Fields::of(&blank, format!("parameter {key}"), node)?;
        let kind = fields.text("Type")?.unwrap_or_default();
        if !["String", "Number"].contains(&kind.as_str()) {
            let text = format!("parameter {key}: the Type is String or Number, not `{kind}`");
            return Err(Refusal::new(*line, text));
        }
        fields.nothing_here(&["Description", "ConstraintDescription"])?;
        let default = fields.text("Default")?;
        let ours = (key == "PublicUrl").then(|| public_url.to_owned());
        let Some(value) = given.remove(key).or(ours).or(default) else {
            return Err(Refusal::new(
                *line,
                format!("parameter {key} has no default: give --parameter {key}=..."),
            ));
        };
        // the stack's own address, which is never deployed
        let loopback = key == "PublicUrl" && value == public_url;
        let named = Named { line: *line, key };
        named.number(&kind, &value)?;
        named.pattern(fields.text("AllowedPattern")?.filter(|_| !loopback), &value)?;
        named.among(fields.take("AllowedValues"), &blank, &value)?;
        fields.end()?;
        out.insert(key.clone(), value);
    }
    if let Some(unknown) = given.keys().next() {
        let known: Vec<&str> = out.keys().map(String::as_str).collect();
        let text = format!(
            "--parameter {unknown}: the template has {}",
            known.join(", ")
        );
        return Err(Refusal::new(section.map_or(1, |node| node.line), text));
    }
    Ok(out)
}

/// A parameter and where it stands.
struct Named<'a> {
    line: usize,
    key: &'a str,
}

impl Named<'_> {
    fn refuse<T>(&self, what: &str) -> Result<T, Refusal> {
        let text = format!("parameter {}: {what}", self.key);
        Err(Refusal::new(self.line, text))
    }

    fn number(&self, kind: &str, value: &str) -> Result<(), Refusal> {
        match kind == "Number" && value.parse::<f64>().is_err() {
            true => self.refuse(&format!("`{value}` is no number")),
            false => Ok(()),
        }
    }

    fn pattern(&self, pattern: Option<String>, value: &str) -> Result<(), Refusal> {
        let Some(pattern) = pattern else {
            return Ok(());
        };
        let odd = |e| Refusal::new(self.line, format!("AllowedPattern of {}: {e}", self.key));
        let whole = regex_lite::Regex::new(&format!("^(?:{pattern})$")).map_err(odd)?;
        match whole.is_match(value) {
            true => Ok(()),
            false => self.refuse(&format!("`{value}` does not match {pattern}")),
        }
    }

    fn among(&self, node: Option<&Node>, blank: &Resolver, value: &str) -> Result<(), Refusal> {
        let Some(node) = node else {
            return Ok(());
        };
        let Value::List(allowed) = &node.value else {
            return Err(Refusal::new(node.line, "AllowedValues must be a list"));
        };
        let allowed = allowed.iter().map(|n| blank.text(n));
        let allowed = allowed.collect::<Result<Vec<_>, _>>()?;
        match allowed.iter().any(|one| one == value) {
            true => Ok(()),
            false => self.refuse(&format!("`{value}` is none of {allowed:?}")),
        }
    }
}
