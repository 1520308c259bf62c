//! What a function's inline policies allow.

use super::fields::Fields;
use super::refusal::Refusal;
use super::resolve::Resolver;
use super::yaml::{Node, Value};
use meridian_embedded_aws::{Effect, Statement};

/// Inline policy documents; SAM's policy templates and managed policies are not known here.
pub fn statements(policies: Option<&Node>, resolver: &Resolver) -> Result<Vec<Statement>, Refusal> {
    let mut out = Vec::new();
    let Some(policies) = policies else {
        return Ok(out);
    };
    let Value::List(documents) = &policies.value else {
        return Err(Refusal::new(
            policies.line,
            "Policies must be a list of policy documents",
        ));
    };
    for document in documents {
        let mut fields = Fields::of(resolver, "policy", document)?;
        fields.only("Version", &["2012-10-17"])?;
        let statements = fields.need("Statement")?;
        fields.end()?;
        let Value::List(statements) = &statements.value else {
            return Err(Refusal::new(statements.line, "Statement must be a list"));
        };
        for statement in statements {
            let mut fields = Fields::of(resolver, "policy statement", statement)?;
            fields.nothing_here(&["Sid"])?;
            let effect = fields.need("Effect")?;
            let effect = match resolver.text(effect)?.as_str() {
                "Allow" => Effect::Allow,
                "Deny" => Effect::Deny,
                other => {
                    let text = format!("Effect is Allow or Deny, not `{other}`");
                    return Err(Refusal::new(effect.line, text));
                }
            };
            let actions = texts(fields.need("Action")?, resolver)?;
            let resources = texts(fields.need("Resource")?, resolver)?;
            let leading_keys = match fields.take("Condition") {
                None => vec![],
                Some(node) => leading_keys(node, resolver)?,
            };
            fields.end()?;
            out.push(Statement {
                effect,
                actions,
                resources,
                leading_keys,
            });
        }
    }
    Ok(out)
}

/// The one condition that is known here: partition keys of the table that match these patterns.
fn leading_keys(node: &Node, resolver: &Resolver) -> Result<Vec<String>, Refusal> {
    let mut condition = Fields::of(resolver, "Condition", node)?;
    let test = condition.need("ForAllValues:StringLike")?;
    condition.end()?;
    let mut on = Fields::of(resolver, "ForAllValues:StringLike", test)?;
    let keys = texts(on.need("dynamodb:LeadingKeys")?, resolver)?;
    on.end()?;
    Ok(keys)
}

fn texts(node: &Node, resolver: &Resolver) -> Result<Vec<String>, Refusal> {
    match &node.value {
        Value::List(list) => list.iter().map(|item| resolver.text(item)).collect(),
        _ => Ok(vec![resolver.text(node)?]),
    }
}
