//! What a template's references and functions stand for.

use super::refusal::Refusal;
use super::yaml::{Entry, Node, Value};
use meridian_embedded_aws::{ACCOUNT, REGION};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What `Ref` and `GetAtt` answer for one resource.
pub struct Physical {
    pub reference: String,
    pub attributes: BTreeMap<&'static str, String>,
}

/// What a number in a template may be read as.
pub trait Number: FromStr + PartialOrd + Display {}
impl<T: FromStr + PartialOrd + Display> Number for T {}

#[derive(Default)]
pub struct Resolver {
    pub stack: String,
    pub parameters: BTreeMap<String, String>,
    pub conditions: BTreeMap<String, bool>,
    pub resources: BTreeMap<String, Physical>,
}

impl Resolver {
    pub fn json(&self, node: &Node) -> Result<serde_json::Value, Refusal> {
        Ok(match &node.value {
            Value::Scalar { text, plain: true } => plain(text),
            Value::Scalar { text, plain: false } => json!(text),
            Value::List(list) => list
                .iter()
                .map(|n| self.json(n))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            Value::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|e| Ok((e.key.clone(), self.json(&e.node)?)));
                serde_json::Value::Object(pairs.collect::<Result<_, Refusal>>()?)
            }
            Value::Call { name, argument } => json!(self.call(name, argument)?),
        })
    }

    pub fn text(&self, node: &Node) -> Result<String, Refusal> {
        match &node.value {
            Value::Scalar { text, .. } => Ok(text.clone()),
            Value::Call { name, argument } => self.call(name, argument),
            _ => Err(Refusal::new(node.line, "text is wanted here")),
        }
    }

    pub fn number<T: Number>(&self, node: &Node, range: RangeInclusive<T>) -> Result<T, Refusal> {
        let text = self.text(node)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = range.into_inner();
            let wanted = format!("a number from {least} to {most} is wanted here, not `{text}`");
            Refusal::new(node.line, wanted)
        })
    }

    pub fn boolean(&self, node: &Node) -> Result<bool, Refusal> {
        match self.text(node)?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(Refusal::new(
                node.line,
                format!("true or false is wanted here, not `{other}`"),
            )),
        }
    }

    /// Which conditions of this section hold.
    pub fn conditions(&self, section: &Node) -> Result<BTreeMap<String, bool>, Refusal> {
        let Value::Map(entries) = &section.value else {
            return Err(Refusal::new(section.line, "Conditions must be a mapping"));
        };
        let holds = |entry: &Entry| Ok((entry.key.clone(), self.boolean(&entry.node)?));
        entries.iter().map(holds).collect()
    }

    /// `Equals`, `Not` and `If`.
    fn chosen(&self, name: &str, parts: &[Node], line: usize) -> Result<String, Refusal> {
        match (name, parts) {
            ("Equals", [a, b]) => Ok((self.text(a)? == self.text(b)?).to_string()),
            ("Not", [condition]) => Ok((!self.boolean(condition)?).to_string()),
            ("If", [condition, then, other]) => {
                let condition = self.text(condition)?;
                match self.conditions.get(&condition) {
                    Some(true) => self.text(then),
                    Some(false) => self.text(other),
                    None => Err(Refusal::new(line, format!("`{condition}` is no condition"))),
                }
            }
            _ => Err(Refusal::new(line, format!("{name} has other parts"))),
        }
    }

    fn call(&self, name: &str, argument: &Node) -> Result<String, Refusal> {
        let line = argument.line;
        match name {
            "Equals" | "Not" | "If" => match &argument.value {
                Value::List(parts) => self.chosen(name, parts, line),
                _ => Err(Refusal::new(line, format!("{name} wants a list"))),
            },
            "Ref" => self.reference(&self.text(argument)?, line),
            "GetAtt" => match &argument.value {
                Value::List(parts) if parts.len() == 2 => {
                    self.attribute(&self.text(&parts[0])?, &self.text(&parts[1])?, line)
                }
                _ => {
                    let path = self.text(argument)?;
                    let Some((resource, attribute)) = path.split_once('.') else {
                        return Err(Refusal::new(line, "GetAtt wants Resource.Attribute"));
                    };
                    self.attribute(resource, attribute, line)
                }
            },
            "Sub" => match &argument.value {
                Value::List(parts) if parts.len() == 2 => {
                    let Value::Map(own) = &parts[1].value else {
                        return Err(Refusal::new(
                            line,
                            "the second part of Sub must be a mapping",
                        ));
                    };
                    let own = own.iter().map(|e| Ok((e.key.clone(), self.text(&e.node)?)));
                    self.substitute(
                        &self.text(&parts[0])?,
                        &own.collect::<Result<_, Refusal>>()?,
                        line,
                    )
                }
                _ => self.substitute(&self.text(argument)?, &BTreeMap::new(), line),
            },
            "Join" => match &argument.value {
                Value::List(parts) if parts.len() == 2 => {
                    let Value::List(items) = &parts[1].value else {
                        return Err(Refusal::new(line, "the second part of Join must be a list"));
                    };
                    let items = items
                        .iter()
                        .map(|n| self.text(n))
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok(items.join(&self.text(&parts[0])?))
                }
                _ => Err(Refusal::new(line, "Join wants a separator and a list")),
            },
            other => Err(Refusal::new(
                line,
                format!("the local stack does not know the function `{other}`"),
            )),
        }
    }

    fn reference(&self, name: &str, line: usize) -> Result<String, Refusal> {
        let pseudo = match name {
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Region" => Some(REGION),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackName" => Some(self.stack.as_str()),
            // stands only where nothing is made of it on one machine
            "AWS::NoValue" => Some(""),
            _ => None,
        };
        pseudo
            .map(str::to_owned)
            .or_else(|| self.parameters.get(name).cloned())
            .or_else(|| self.resources.get(name).map(|r| r.reference.clone()))
            .ok_or_else(|| {
                Refusal::new(
                    line,
                    format!("`{name}` is no parameter and no resource of this template"),
                )
            })
    }

    fn attribute(&self, resource: &str, attribute: &str, line: usize) -> Result<String, Refusal> {
        let Some(physical) = self.resources.get(resource) else {
            return Err(Refusal::new(
                line,
                format!("`{resource}` is no resource of this template"),
            ));
        };
        physical.attributes.get(attribute).cloned().ok_or_else(|| {
            Refusal::new(
                line,
                format!(
                    "the local stack does not know the attribute `{attribute}` of `{resource}`"
                ),
            )
        })
    }

    /// `${Name}`, `${Resource.Attribute}`; `${!Name}` stays `${Name}`.
    fn substitute(
        &self,
        text: &str,
        own: &BTreeMap<String, String>,
        line: usize,
    ) -> Result<String, Refusal> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                return Err(Refusal::new(line, "`${` without `}`"));
            };
            out.push_str(before);
            match (name.strip_prefix('!'), own.get(name), name.split_once('.')) {
                (Some(literal), _, _) => out.push_str(&format!("${{{literal}}}")),
                (_, Some(value), _) => out.push_str(value),
                (_, _, Some((resource, attribute))) => {
                    out.push_str(&self.attribute(resource, attribute, line)?)
                }
                _ => out.push_str(&self.reference(name, line)?),
            }
            rest = behind;
        }
        Ok(out + rest)
    }
}

/// Unquoted YAML: a boolean, a whole number, or text.
fn plain(text: &str) -> serde_json::Value {
    match text {
        "true" => json!(true),
        "false" => json!(false),
        "" | "null" | "~" => serde_json::Value::Null,
        _ => text
            .parse::<i64>()
            .map_or_else(|_| json!(text), |n| json!(n)),
    }
}
