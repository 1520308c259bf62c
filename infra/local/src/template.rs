//! `template.yaml` as what the local stack will run, or a refusal that names the line.
//!
//! Nothing is skipped in silence: a resource type, a property or a function that is not known here is refused,
//! since a stack that quietly differs from the deployed one proves nothing.

mod resource;
#[cfg(test)]
mod tests;

use crate::resolve::Resolver;
use crate::schedules::Rhythm;
use crate::yaml::{self, Entry, Node, Value};
use meridian_embedded_aws::Statement;
use resource::Resource;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

#[derive(Debug)]
pub struct Refusal {
    pub line: usize,
    pub text: String,
}

impl Refusal {
    pub fn new(line: usize, text: impl Into<String>) -> Refusal {
        Refusal {
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text)
    }
}

/// What the template cannot know about the machine it runs on.
pub struct Setting {
    pub stack: String,
    pub aws_endpoint: String,
    /// What a person gave.
    pub parameters: BTreeMap<String, String>,
    /// The parameter PublicUrl, where nobody gave it.
    pub public_url: String,
}

#[derive(Default)]
pub struct Template {
    pub functions: Vec<Function>,
    /// The logical name of the HttpApi.
    pub api: Option<String>,
    pub throttle: Option<Throttle>,
    pub tables: Vec<Table>,
    pub queues: Vec<Queue>,
    pub secrets: Vec<Secret>,
}

#[derive(Clone)]
pub struct Function {
    /// Where its code is named.
    pub line: usize,
    /// The last folder of CodeUri: package, binary and folder are named alike.
    pub name: String,
    pub logical: String,
    pub timeout: Duration,
    pub memory: u32,
    pub reserved: Option<usize>,
    pub environment: BTreeMap<String, String>,
    pub json_logs: bool,
    pub statements: Vec<Statement>,
    pub routes: Vec<Route>,
    pub sources: Vec<Source>,
    pub schedules: Vec<Schedule>,
}

#[derive(Clone)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub timeout: Duration,
}

/// An event source mapping: a queue that feeds a function.
#[derive(Clone)]
pub struct Source {
    pub line: usize,
    pub queue_arn: String,
    pub batch_size: usize,
    pub concurrency: Option<usize>,
    pub partial_failures: bool,
}

#[derive(Clone)]
pub struct Schedule {
    pub name: String,
    pub rhythm: Rhythm,
    /// The fixed text to send, else the event that EventBridge makes.
    pub input: Option<String>,
}

#[derive(Clone, Copy)]
pub struct Throttle {
    pub burst: f64,
    pub per_second: f64,
}

pub struct Table {
    pub name: String,
    pub create: Json,
    pub ttl: Option<String>,
}

#[derive(Clone)]
pub struct Queue {
    pub name: String,
    pub url: String,
    pub arn: String,
    pub attributes: BTreeMap<String, String>,
    /// A queue that others redrive to; it has to exist before them.
    pub dead_letters: bool,
    pub max_receive: Option<u32>,
}

pub struct Secret {
    pub name: String,
    /// The document that stands around the generated value, and its key there.
    pub around: Json,
    pub key: String,
    pub length: usize,
    pub alphabet: String,
}

pub fn load(path: &Path, setting: Setting) -> Result<Template, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    read(&text, setting).map_err(|refusal| format!("{}:{refusal}", path.display()))
}

pub fn read(text: &str, setting: Setting) -> Result<Template, Refusal> {
    let document = yaml::parse(text)?;
    let endpoint = setting.aws_endpoint.trim_end_matches('/').to_owned();
    let mut resolver = Resolver {
        stack: setting.stack,
        ..Resolver::default()
    };
    let blank = Resolver::default();
    let mut sections = blank.fields("the template", &document)?;
    sections.only("AWSTemplateFormatVersion", &["2010-09-09"])?;
    sections.only("Transform", &["AWS::Serverless-2016-10-31"])?;
    sections.nothing_here(&["Description", "Metadata"])?;
    resolver.parameters = parameters(
        sections.take("Parameters"),
        setting.parameters,
        &setting.public_url,
    )?;
    let globals = sections.take("Globals");
    let resources = sections.need("Resources")?;
    let outputs = sections.take("Outputs");
    sections.end()?;

    let Value::Map(resources) = &resources.value else {
        return Err(Refusal::new(resources.line, "Resources must be a mapping"));
    };
    let resources = resources
        .iter()
        .map(Resource::read)
        .collect::<Result<Vec<_>, _>>()?;
    for resource in &resources {
        let physical = resource.physical(&resolver, &endpoint)?;
        resolver
            .resources
            .insert(resource.logical.to_owned(), physical);
    }
    let globals = match globals {
        None => None,
        Some(node) => {
            let mut fields = resolver.fields("Globals", node)?;
            let function = fields.take("Function");
            fields.end()?;
            function
        }
    };
    let mut template = Template::default();
    for resource in &resources {
        resource.add_to(&mut template, globals, &resolver)?;
    }
    for queue in &mut template.queues {
        let target = json!(queue.arn);
        queue.dead_letters = resources.iter().any(|r| r.redrives_to(&target, &resolver));
    }
    if let Some(outputs) = outputs {
        resolver.json(outputs)?;
    }
    agree(&template)?;
    Ok(template)
}

/// What only the whole shows: one binary per function, sources that exist.
fn agree(template: &Template) -> Result<(), Refusal> {
    for (at, function) in template.functions.iter().enumerate() {
        if template.functions[..at]
            .iter()
            .any(|other| other.name == function.name)
        {
            return Err(Refusal::new(
                function.line,
                format!("two functions take their code from `{}`", function.name),
            ));
        }
        for source in &function.sources {
            if !template
                .queues
                .iter()
                .any(|queue| queue.arn == source.queue_arn)
            {
                let text = format!(
                    "{} reads {}, which is no queue of this template",
                    function.name, source.queue_arn
                );
                return Err(Refusal::new(source.line, text));
            }
        }
    }
    Ok(())
}

fn parameters(
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
        let mut fields = blank.fields(format!("parameter {key}"), node)?;
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
        if kind == "Number" && value.parse::<f64>().is_err() {
            let text = format!("parameter {key}: `{value}` is no number");
            return Err(Refusal::new(*line, text));
        }
        if let Some(pattern) = fields.text("AllowedPattern")? {
            let whole = regex_lite::Regex::new(&format!("^(?:{pattern})$"));
            let fits =
                whole.map_err(|e| Refusal::new(*line, format!("AllowedPattern of {key}: {e}")))?;
            if !fits.is_match(&value) {
                return Err(Refusal::new(
                    *line,
                    format!("parameter {key}: `{value}` does not match {pattern}"),
                ));
            }
        }
        if let Some(node) = fields.take("AllowedValues") {
            let Value::List(allowed) = &node.value else {
                return Err(Refusal::new(node.line, "AllowedValues must be a list"));
            };
            let allowed = allowed
                .iter()
                .map(|n| blank.text(n))
                .collect::<Result<Vec<_>, _>>()?;
            if !allowed.contains(&value) {
                return Err(Refusal::new(
                    *line,
                    format!("parameter {key}: `{value}` is none of {allowed:?}"),
                ));
            }
        }
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
