//! `template.yaml` as what the local stack will run, or a refusal that names the line.
//!
//! Nothing is skipped in silence: a resource type, a property or a function that is not known here is refused,
//! since a stack that quietly differs from the deployed one proves nothing.

mod fields;
mod function;
mod model;
mod parameters;
mod policies;
mod refusal;
mod resolve;
mod resource;
#[cfg(test)]
mod tests;
mod yaml;

pub use model::{Function, Queue, Schedule, Secret, Source, Table, Template, Throttle};

use fields::Fields;
use refusal::Refusal;
use resolve::Resolver;
use resource::Resource;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use yaml::Value;

/// What the template cannot know about the machine it runs on.
pub struct Setting {
    pub stack: String,
    pub aws_endpoint: String,
    /// What a person gave.
    pub parameters: BTreeMap<String, String>,
    /// The parameter PublicUrl, where nobody gave it.
    pub public_url: String,
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
    let mut sections = Fields::of(&blank, "the template", &document)?;
    sections.only("AWSTemplateFormatVersion", &["2010-09-09"])?;
    sections.only("Transform", &["AWS::Serverless-2016-10-31"])?;
    sections.nothing_here(&["Description", "Metadata"])?;
    resolver.parameters = parameters::read(
        sections.take("Parameters"),
        setting.parameters,
        &setting.public_url,
    )?;
    if let Some(section) = sections.take("Conditions") {
        resolver.conditions = resolver.conditions(section)?;
    }
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
            let mut fields = Fields::of(&resolver, "Globals", node)?;
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
