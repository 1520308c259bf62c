//! What the policies of a template allow, one right a line: function, action, resource.

use crate::{Template, list};
use serde_json::Value;
use std::collections::BTreeSet;

/// How every secret's name begins in a policy.
pub(crate) const SECRET: &str =
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:";

/// As the local stack writes down what it sees: `charge-execution dynamodb:Query Table/index/due`.
pub fn rights(template: &Template) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (name, function) in template.functions() {
        let policies = list(&function["Policies"]).iter();
        for statement in policies.flat_map(|policy| list(&policy["Statement"])) {
            assert_eq!(statement["Effect"], "Allow", "{name}: patterns are exact");
            for action in each(&statement["Action"]) {
                let action = action.as_str().expect("an action");
                for resource in each(&statement["Resource"]) {
                    all.insert(format!("{name} {action} {}", kind(resource)));
                }
            }
        }
    }
    all
}

/// One value, or each of a list.
pub(crate) fn each(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// A resource by its name in the template, a secret by its pattern.
fn kind(resource: &Value) -> String {
    if let Some(of) = resource["!GetAtt"].as_str() {
        return of.trim_end_matches(".Arn").to_owned();
    }
    let text = resource["!Sub"].as_str();
    let text = text.unwrap_or_else(|| panic!("a policy names resources here: {resource}"));
    match text.strip_prefix(SECRET) {
        Some(secret) => secret.trim_end_matches("-??????").to_owned(),
        None => text.replace("${Table.Arn}", "Table"),
    }
}
