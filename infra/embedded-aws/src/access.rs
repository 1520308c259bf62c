//! Least privilege: a function may call what its policy allows, and nothing else.

use crate::reply::Reply;
use crate::service::{ACCOUNT, REGION, Service};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

/// One statement of a policy: actions and resources as IAM writes them, with `*` and `?`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub effect: Effect,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    /// The condition `ForAllValues:StringLike` on `dynamodb:LeadingKeys`: patterns that every
    /// partition key of a request must match one of; empty where there is no condition.
    pub leading_keys: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    Allow,
    Deny,
}

/// A right that a call needed, and whether the policy of its function gives it.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    pub function: &'a str,
    pub action: &'a str,
    /// An ARN, or the bare name of a secret that does not exist.
    pub resource: &'a str,
    pub allowed: bool,
}

type Watch = Box<dyn Fn(Use) + Send + Sync>;

/// Policies by function. Until they are set everybody may do everything.
#[derive(Default)]
pub(crate) struct Access {
    policies: RwLock<Option<HashMap<String, Vec<Statement>>>>,
    watch: OnceLock<Watch>,
}

impl Access {
    pub fn set(&self, policies: HashMap<String, Vec<Statement>>) {
        *self
            .policies
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(policies);
    }

    /// Who is told of every right that a call needs; the first who asks stays.
    pub fn watch(&self, watch: Watch) {
        let _ = self.watch.set(watch);
    }

    fn tell(&self, statements: &[Statement], function: &str, needed: &[Needed]) {
        let Some(watch) = self.watch.get() else {
            return;
        };
        for (action, resource) in needed {
            let allowed = allows(statements, action, resource);
            watch(Use {
                function,
                action,
                resource,
                allowed,
            });
        }
    }

    /// The refusal, if the function's policy does not allow the call. `secret_arn` finds the ARN
    /// of a secret that exists.
    pub fn refusal(
        &self,
        function: &str,
        service: Service,
        operation: &str,
        request: &Value,
        secret_arn: impl Fn(&str) -> Option<String>,
    ) -> Option<Reply> {
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        let statements = policies
            .as_ref()?
            .get(function)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let needed = match service {
            Service::DynamoDb => on_tables(operation, request),
            Service::Sqs => vec![on_queue(operation, request)],
            Service::SecretsManager => vec![on_secret(operation, request, secret_arn)],
        };
        let key = request["Key"]["pk"]["S"].as_str();
        let statements: Vec<_> = statements
            .iter()
            .filter(|statement| statement.holds_for(key))
            .cloned()
            .collect();
        self.tell(&statements, function, &needed);
        let (action, resource) = needed
            .into_iter()
            .find(|(action, resource)| !allows(&statements, action, resource))?;
        let because = match named(&statements, Effect::Deny, &action, &resource) {
            true => "with an explicit deny in an identity-based policy".to_owned(),
            false => format!("because no identity-based policy allows the {action} action"),
        };
        let code = match service {
            Service::SecretsManager => "AccessDeniedException",
            Service::Sqs => "com.amazonaws.sqs#AccessDenied",
            Service::DynamoDb => "com.amazon.coral.service#AccessDeniedException",
        };
        Some(Reply::refused(
            code,
            format!(
                "User: {function} is not authorized to perform: {action} on resource: {resource} \
                 {because}"
            ),
        ))
    }
}

impl Statement {
    /// Whether its condition holds for a request for the row of this key. Of requests for several
    /// rows, or for none by its key, nothing is known here: it holds for none of them.
    fn holds_for(&self, key: Option<&str>) -> bool {
        let patterns = &self.leading_keys;
        patterns.is_empty() || key.is_some_and(|key| patterns.iter().any(|p| matches(p, key)))
    }
}

/// Whether a policy of these statements allows an action on a resource.
pub fn allows(statements: &[Statement], action: &str, resource: &str) -> bool {
    named(statements, Effect::Allow, action, resource)
        && !named(statements, Effect::Deny, action, resource)
}

fn named(statements: &[Statement], effect: Effect, action: &str, resource: &str) -> bool {
    statements.iter().any(|s| {
        s.effect == effect
            && s.actions.iter().any(|pattern| matches(pattern, action))
            && s.resources.iter().any(|pattern| matches(pattern, resource))
    })
}

type Needed = (String, String);

/// A transaction has no action of its own: each of its parts needs the single one's.
fn on_tables(operation: &str, request: &Value) -> Vec<Needed> {
    let needed = |action: &str, part: &Value| {
        let table = part["TableName"].as_str().unwrap_or_default();
        let index = part["IndexName"]
            .as_str()
            .map(|i| format!("/index/{i}"))
            .unwrap_or_default();
        let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}{index}");
        (format!("dynamodb:{action}"), arn)
    };
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let items = request["TransactItems"].as_array().into_iter().flatten();
            items
                .flat_map(|item| item.as_object().into_iter().flatten())
                .map(|(kind, part)| match kind.as_str() {
                    "ConditionCheck" => needed("ConditionCheckItem", part),
                    kind => needed(&format!("{kind}Item"), part),
                })
                .collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables
                .map(|(table, _)| {
                    let table = Value::from_iter([("TableName", Value::from(table.as_str()))]);
                    needed(operation, &table)
                })
                .collect()
        }
        _ => vec![needed(operation, request)],
    }
}

/// The single action stands for its batch as well.
fn on_queue(operation: &str, request: &Value) -> Needed {
    let action = operation.strip_suffix("Batch").unwrap_or(operation);
    let url = request["QueueUrl"].as_str().unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    (
        format!("sqs:{action}"),
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
    )
}

/// A secret that does not exist has no ARN: AWS then asks for the name as it was given, which a
/// policy of ARNs never allows, so a missing secret is denied rather than not found.
fn on_secret(
    operation: &str,
    request: &Value,
    secret_arn: impl Fn(&str) -> Option<String>,
) -> Needed {
    let resource = if operation == "CreateSecret" {
        let name = request["Name"].as_str().unwrap_or_default();
        format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}")
    } else {
        let id = request["SecretId"].as_str().unwrap_or_default();
        secret_arn(id).unwrap_or_else(|| id.to_owned())
    };
    (format!("secretsmanager:{operation}"), resource)
}

/// `*` stands for any text, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // where the last star stands, and how far it reaches so far
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match &mut star {
                None => return false,
                Some((at, reach)) => {
                    *reach += 1;
                    (p, t) = (*at + 1, *reach);
                }
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_match_as_in_iam() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "axbxbxc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            (
                "meridian/*/inbound/*-??????",
                "meridian/demo/inbound/stripe-AbCdEf",
                true,
            ),
            (
                "meridian/*/inbound/*",
                "meridian/demo/gateway/stripe-AbCdEf",
                false,
            ),
            (
                "meridian/*/inbound/*-??????",
                "meridian/demo/inbound/stripe-AbCdE",
                false,
            ),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_transaction_needs_the_right_of_each_part() {
        let request = json!({ "TransactItems": [
            { "Put": { "TableName": "t" } },
            { "ConditionCheck": { "TableName": "t" } },
        ] });
        let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t");
        let needed = on_tables("TransactWriteItems", &request);
        let expected = ["dynamodb:PutItem", "dynamodb:ConditionCheckItem"];
        assert_eq!(
            needed,
            expected.map(|action| (action.to_owned(), arn.clone()))
        );
    }
}
