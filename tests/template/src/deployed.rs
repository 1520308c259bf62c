//! What a template deploys, one fact a line: who may do what, what starts it, what is kept for how
//! long, what alarms. A property that no line tells is an error, so that nothing is deployed unseen.

use crate::rights::{SECRET, each};
use crate::{Template, list};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The properties of one resource, taken out one by one.
struct Left {
    of: String,
    map: Map<String, Value>,
}

impl Left {
    fn new(of: &str, value: &Value) -> Self {
        let map = value.as_object().cloned().unwrap_or_default();
        Self { of: of.into(), map }
    }

    fn take(&mut self, name: &str) -> Value {
        self.map.shift_remove(name).unwrap_or_default()
    }

    fn text(&mut self, name: &str) -> String {
        short(&self.take(name))
    }

    /// What nobody took is told to nobody.
    fn done(self, told: &mut Told) {
        for (name, value) in self.map {
            told.add(format!("{} has {name} {value}", self.of));
        }
    }
}

#[derive(Default)]
struct Told(BTreeSet<String>);

impl Told {
    fn add(&mut self, line: impl Into<String>) {
        let line = line.into();
        assert!(self.0.insert(line.clone()), "twice: {line}");
    }
}

/// Every fact of the template. What says nothing to a machine, descriptions, is left out.
pub fn deployed(template: &Template) -> BTreeSet<String> {
    let mut told = Told::default();
    for (name, resource) in &template.resources {
        let mut left = Left::new(name, resource);
        let mut own = Left::new(name, &left.take("Properties"));
        own.map
            .retain(|name, _| !matches!(name.as_str(), "Description" | "AlarmDescription"));
        for tag in list(&own.take("Tags")) {
            let (key, value) = (short(&tag["Key"]), short(&tag["Value"]));
            told.add(format!("{name}: tagged {key} {value}"));
        }
        let kept = (
            left.take("DeletionPolicy"),
            left.take("UpdateReplacePolicy"),
        );
        if kept != (Value::Null, Value::Null) {
            let (deleted, replaced) = (short(&kept.0), short(&kept.1));
            told.add(format!(
                "{name}: deleted with the stack: {deleted}; replaced: {replaced}"
            ));
        }
        match left.text("Type").as_str() {
            "AWS::Serverless::Function" => function(template, own, &mut told),
            "AWS::SQS::Queue" => queue(own, &mut told),
            "AWS::CloudWatch::Alarm" => alarm(own, &mut told),
            "AWS::DynamoDB::Table" => table(own, &mut told),
            "AWS::SecretsManager::Secret" => secret(own, &mut told),
            "AWS::Serverless::HttpApi" => api(own, &mut told),
            "AWS::Logs::LogGroup" => {
                let kept = own.text("RetentionInDays");
                told.add(format!("{name}: logs kept {kept} days"));
                own.done(&mut told);
            }
            "AWS::SNS::Topic" => {
                told.add(format!("{name}: topic"));
                own.done(&mut told);
            }
            other => panic!("{name}: no line tells of {other} yet; add how it is told"),
        }
        left.done(&mut told);
    }
    parameters(template, &mut told);
    let mut beside = Left::new("template", &template.beside);
    beside.take("Description");
    for (name, output) in beside.take("Outputs").as_object().into_iter().flatten() {
        let mut left = Left::new(name, output);
        left.take("Description");
        told.add(format!("output {name}: {}", left.text("Value")));
        left.done(&mut told);
    }
    beside.done(&mut told);
    told.0
}

fn parameters(template: &Template, told: &mut Told) {
    for (name, parameter) in template.parameters.as_object().into_iter().flatten() {
        let mut left = Left::new(name, parameter);
        left.take("Description");
        let kind = left.text("Type");
        let (default, pattern) = (left.text("Default"), left.text("AllowedPattern"));
        let values = left.text("AllowedValues");
        told.add(format!(
            "parameter {name}: {kind} {default}, one of {values}, like {pattern}"
        ));
        left.done(told);
    }
}

fn function(template: &Template, own: Left, told: &mut Told) {
    let code = own.map["CodeUri"].as_str().unwrap_or_default();
    let name = code.trim_end_matches('/').rsplit('/').next();
    let name = name.unwrap_or_default().to_owned();
    let mut merged = template.functions().remove(&name).unwrap_or_default();
    let logical = merged["LogicalName"].take();
    let mut all = Left::new(&name, &merged);
    all.map.remove("LogicalName");
    let (seconds, size) = (all.text("Timeout"), all.text("MemorySize"));
    told.add(format!("{name} runs {seconds} s in {size} MB"));
    let (runtime, handler) = (all.text("Runtime"), all.text("Handler"));
    let (on, from) = (all.text("Architectures"), all.text("CodeUri"));
    let (logs, tags) = (all.text("LoggingConfig"), all.text("Tags"));
    told.add(format!(
        "{name} is {} {handler} on {runtime} {on} from {from}, logs {logs}, tagged {tags}",
        short(&logical)
    ));
    let mut environment = Left::new(&name, &all.take("Environment"));
    let mut variables = environment.take("Variables");
    variables.sort_all_objects();
    told.add(format!("{name} is told {}", short(&variables)));
    environment.done(told);
    for policy in list(&all.take("Policies")) {
        let mut policy = Left::new(&name, policy);
        let version = policy.text("Version");
        told.0.insert(format!("{name} has policies of {version}"));
        for statement in list(&policy.take("Statement")) {
            statement_of(&name, statement, told);
        }
        policy.done(told);
    }
    for event in all.take("Events").as_object().into_iter().flatten() {
        started_by(&name, event.1, told);
    }
    all.done(told);
}

fn statement_of(name: &str, statement: &Value, told: &mut Told) {
    let mut left = Left::new(name, statement);
    let effect = match left.text("Effect").as_str() {
        "Allow" => "may",
        "Deny" => "may never",
        other => panic!("{name}: an effect {other}"),
    };
    let (actions, resources) = (left.take("Action"), left.take("Resource"));
    let mut actions: Vec<_> = each(&actions).iter().map(short).collect();
    actions.sort();
    for resource in each(&resources) {
        let (actions, on) = (actions.join(" "), short(resource));
        told.add(format!("{name} {effect} {actions} on {on}"));
    }
    left.done(told);
}

fn started_by(name: &str, event: &Value, told: &mut Told) {
    let mut left = Left::new(name, event);
    let (kind, own) = (left.text("Type"), left.take("Properties"));
    let mut own = Left::new(&format!("{name}'s {kind}"), &own);
    let line = match kind.as_str() {
        "HttpApi" => format!(
            "{} {} of {}, payload {}",
            own.text("Method"),
            own.text("Path"),
            own.text("ApiId"),
            own.text("PayloadFormatVersion")
        ),
        "SQS" => format!(
            "{}, {} at a time, {} at once, {}",
            own.text("Queue"),
            own.text("BatchSize"),
            own.text("ScalingConfig"),
            own.text("FunctionResponseTypes")
        ),
        "Schedule" => own.text("Schedule"),
        other => panic!("{name}: no line tells of an event {other} yet"),
    };
    told.add(format!("{name} is started by {line}"));
    own.done(told);
    left.done(told);
}

fn queue(mut own: Left, told: &mut Told) {
    let name = own.of.clone();
    let hidden = own.text("VisibilityTimeout");
    let kept = own.text("MessageRetentionPeriod");
    let sealed = own.text("SqsManagedSseEnabled");
    let mut redrive = Left::new(&name, &own.take("RedrivePolicy"));
    let (dead, times) = (
        redrive.text("deadLetterTargetArn"),
        redrive.text("maxReceiveCount"),
    );
    told.add(format!(
        "{name}: hidden {hidden} s, kept {kept} s, after {times} tries to {dead}, sealed {sealed}"
    ));
    redrive.done(told);
    own.done(told);
}

fn alarm(mut own: Left, told: &mut Told) {
    let name = own.of.clone();
    let of: Vec<_> = list(&own.take("Dimensions"))
        .iter()
        .map(|one| format!("{} {}", short(&one["Name"]), short(&one["Value"])))
        .collect();
    let line = format!(
        "{name}: {} {} of {}, {} {} {} in {} s, {} times, none is {}, tells {}",
        own.text("Namespace"),
        own.text("MetricName"),
        of.join(", "),
        own.text("Statistic"),
        own.text("ComparisonOperator"),
        own.text("Threshold"),
        own.text("Period"),
        own.text("EvaluationPeriods"),
        own.text("TreatMissingData"),
        own.text("AlarmActions")
    );
    told.add(line);
    own.done(told);
}

fn table(mut own: Left, told: &mut Told) {
    let name = own.of.clone();
    let billed = own.text("BillingMode");
    let protected = own.text("DeletionProtectionEnabled");
    let recovered = own.text("PointInTimeRecoverySpecification");
    let (sealed, lives) = (
        own.text("SSESpecification"),
        own.text("TimeToLiveSpecification"),
    );
    told.add(format!(
        "{name}: {billed}, protected from deletion {protected}"
    ));
    told.add(format!("{name}: {recovered}; {sealed}; {lives}"));
    for one in list(&own.take("AttributeDefinitions")) {
        let (attribute, kind) = (short(&one["AttributeName"]), short(&one["AttributeType"]));
        told.add(format!("{name}: {attribute} is {kind}"));
    }
    told.add(format!("{name}: by {}", keys(&own.take("KeySchema"))));
    for index in list(&own.take("GlobalSecondaryIndexes")) {
        let mut index = Left::new(&name, index);
        let (of, by) = (index.text("IndexName"), keys(&index.take("KeySchema")));
        let shows = index.text("Projection");
        told.add(format!("{name}: index {of} by {by}, {shows}"));
        index.done(told);
    }
    own.done(told);
}

fn keys(schema: &Value) -> String {
    let key = |key: &Value| {
        format!(
            "{} {}",
            short(&key["KeyType"]),
            short(&key["AttributeName"])
        )
    };
    list(schema).iter().map(key).collect::<Vec<_>>().join(", ")
}

fn secret(mut own: Left, told: &mut Told) {
    let name = own.of.clone();
    let (at, made) = (own.text("Name"), own.text("GenerateSecretString"));
    told.add(format!("{name}: {at}, made of {made}"));
    own.done(told);
}

fn api(mut own: Left, told: &mut Told) {
    let name = own.of.clone();
    let (stage, bounds) = (own.text("StageName"), own.text("DefaultRouteSettings"));
    told.add(format!("{name}: stage {stage}, {bounds}"));
    told.add(format!("{name}: logs {}", own.text("AccessLogSettings")));
    own.done(told);
}

/// A value as people read it: what a `!Ref` or `!GetAtt` names, a secret's name.
fn short(value: &Value) -> String {
    match value {
        Value::Null => "default".into(),
        Value::String(text) => text.clone(),
        Value::Array(all) => format!("[{}]", all.iter().map(short).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut pairs = map
                .iter()
                .map(|(name, value)| match (name.as_str(), value) {
                    ("!Ref" | "!GetAtt", value) => short(value),
                    ("!Sub", Value::String(text)) => match text.strip_prefix(SECRET) {
                        Some(name) => format!("secret {name}"),
                        None => text.replace("${Table.Arn}", "Table.Arn"),
                    },
                    (name, value) => format!("{name} {}", short(value)),
                });
            let first = pairs.next().unwrap_or_default();
            pairs.fold(first, |all, pair| format!("{all}, {pair}"))
        }
        other => other.to_string(),
    }
}
