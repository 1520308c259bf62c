//! A function's properties, and the events that invoke it: routes, queues, schedules.

use super::fields::Fields;
use super::model::{Function, Route, Schedule, Source};
use super::policies::statements;
use super::refusal::Refusal;
use super::resolve::Resolver;
use super::yaml::{Entry, Node, Value};
use crate::rhythm::Rhythm;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The id of the one HttpApi.
pub const API: &str = "local";

/// The package whose binary a function runs.
pub fn package(logical: &str, properties: &Node, resolver: &Resolver) -> Result<String, Refusal> {
    let mut fields = Fields::of(resolver, logical, properties)?;
    let node = fields.need("CodeUri")?;
    let uri = resolver.text(node)?;
    match uri.trim_end_matches('/').strip_prefix("target/lambda/") {
        Some(name) if !name.is_empty() && !name.contains(['/', '.']) => Ok(name.to_owned()),
        _ => Err(Refusal::new(
            node.line,
            format!("CodeUri must be target/lambda/<package>/, not `{uri}`"),
        )),
    }
}

pub fn read(
    logical: &str,
    own: &Node,
    globals: Option<&Node>,
    resolver: &Resolver,
) -> Result<Function, Refusal> {
    let merged = merged(globals, own);
    let mut fields = Fields::of(resolver, logical, &merged)?;
    let code = fields.need("CodeUri")?.line;
    fields.only("Runtime", &["provided.al2023"])?;
    fields.only("Handler", &["bootstrap"])?;
    fields.only("PackageType", &["Zip"])?;
    // nothing runs later here than it is due, and a run that fails is not repeated
    fields.nothing_here(&["EventInvokeConfig"])?;
    fields.nothing_here(&["Architectures", "Description", "Tags", "Tracing"])?;
    let environment = environment(logical, fields.take("Environment"), resolver)?;
    let mut json_logs = false;
    if let Some(node) = fields.take("LoggingConfig") {
        let mut logging = Fields::of(resolver, format!("LoggingConfig of {logical}"), node)?;
        json_logs = logging.text("LogFormat")?.as_deref() == Some("JSON");
        logging.nothing_here(&["LogGroup", "ApplicationLogLevel", "SystemLogLevel"])?;
        logging.end()?;
    }
    let mut function = Function {
        name: package(logical, own, resolver)?,
        line: code,
        logical: logical.to_owned(),
        timeout: Duration::from_secs(fields.number("Timeout", 1..=900)?.unwrap_or(3)),
        memory: fields.number("MemorySize", 128..=10_240)?.unwrap_or(128),
        reserved: fields.number("ReservedConcurrentExecutions", 1..=1000)?,
        environment,
        json_logs,
        statements: statements(fields.take("Policies"), resolver)?,
        routes: Vec::new(),
        sources: Vec::new(),
        schedules: Vec::new(),
    };
    let events = fields.take("Events");
    fields.end()?;
    if let Some(node) = events {
        let Value::Map(events) = &node.value else {
            return Err(Refusal::new(node.line, "Events must be a mapping"));
        };
        for event in events {
            add_event(event, &mut function, resolver)?;
        }
    }
    Ok(function)
}

fn environment(
    logical: &str,
    section: Option<&Node>,
    resolver: &Resolver,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut environment = BTreeMap::new();
    let Some(node) = section else {
        return Ok(environment);
    };
    let mut outer = Fields::of(resolver, format!("Environment of {logical}"), node)?;
    let variables = outer.need("Variables")?;
    outer.end()?;
    let Value::Map(entries) = &variables.value else {
        return Err(Refusal::new(variables.line, "Variables must be a mapping"));
    };
    for entry in entries {
        environment.insert(entry.key.clone(), resolver.text(&entry.node)?);
    }
    Ok(environment)
}

fn add_event(event: &Entry, function: &mut Function, resolver: &Resolver) -> Result<(), Refusal> {
    let what = format!("event {} of {}", event.key, function.logical);
    let mut fields = Fields::of(resolver, &what, &event.node)?;
    let kind = fields.need("Type")?;
    let properties = fields.need("Properties")?;
    fields.end()?;
    let mut fields = Fields::of(resolver, &what, properties)?;
    match resolver.text(kind)?.as_str() {
        "HttpApi" => function.routes.push(route(&mut fields, resolver)?),
        "SQS" => {
            let source = source(&what, &mut fields, resolver)?;
            function.sources.push(source);
        }
        kind @ ("Schedule" | "ScheduleV2") => {
            let expression = match kind {
                "Schedule" => "Schedule",
                _ => "ScheduleExpression",
            };
            let schedule = schedule(&what, &event.key, expression, &mut fields, resolver)?;
            function.schedules.push(schedule);
        }
        other => {
            let text = format!("{what}: the local stack does not know events of type {other}");
            return Err(Refusal::new(kind.line, text));
        }
    }
    fields.end()
}

fn route(fields: &mut Fields, resolver: &Resolver) -> Result<Route, Refusal> {
    fields.only("PayloadFormatVersion", &["2.0"])?;
    // without one SAM makes another API
    let api = fields.need("ApiId")?;
    if resolver.text(api)? != API {
        return Err(Refusal::new(
            api.line,
            "ApiId must be the template's HttpApi",
        ));
    }
    let millis = fields.number("TimeoutInMillis", 50..=30_000)?;
    Ok(Route {
        method: resolver.text(fields.need("Method")?)?.to_uppercase(),
        path: resolver.text(fields.need("Path")?)?,
        timeout: Duration::from_millis(millis.unwrap_or(30_000)),
    })
}

fn source(what: &str, fields: &mut Fields, resolver: &Resolver) -> Result<Source, Refusal> {
    fields.only("MaximumBatchingWindowInSeconds", &["0"])?;
    fields.only("Enabled", &["true"])?;
    let concurrency = match fields.take("ScalingConfig") {
        None => None,
        Some(node) => {
            let mut scaling = Fields::of(resolver, format!("ScalingConfig of {what}"), node)?;
            let concurrency = scaling.number("MaximumConcurrency", 2..=1000)?;
            scaling.end()?;
            concurrency
        }
    };
    let types = fields
        .take("FunctionResponseTypes")
        .map(|node| resolver.json(node))
        .transpose()?;
    let queue = fields.need("Queue")?;
    Ok(Source {
        line: queue.line,
        queue_arn: resolver.text(queue)?,
        // a larger batch wants a window to gather in
        batch_size: fields.number("BatchSize", 1..=10)?.unwrap_or(10),
        concurrency,
        partial_failures: types == Some(json!(["ReportBatchItemFailures"])),
    })
}

fn schedule(
    what: &str,
    key: &str,
    expression: &str,
    fields: &mut Fields,
    resolver: &Resolver,
) -> Result<Schedule, Refusal> {
    fields.only("ScheduleExpressionTimezone", &["UTC"])?;
    fields.only("State", &["ENABLED"])?;
    fields.only("Enabled", &["true"])?;
    fields.nothing_here(&["Description", "RetryPolicy"])?;
    let node = fields.need(expression)?;
    let text = resolver.text(node)?;
    let rhythm =
        Rhythm::parse(&text).map_err(|e| Refusal::new(node.line, format!("{what}: {e}")))?;
    Ok(Schedule {
        name: fields.text("Name")?.unwrap_or_else(|| key.to_owned()),
        rhythm,
        input: fields.text("Input")?,
    })
}

/// A function's properties over those of Globals; variables and tags are merged, all else replaced.
fn merged(globals: Option<&Node>, own: &Node) -> Node {
    let (
        Some(Node {
            value: Value::Map(globals),
            ..
        }),
        Value::Map(entries),
    ) = (globals, &own.value)
    else {
        return own.clone();
    };
    let mut entries = entries.clone();
    for global in globals {
        match entries.iter_mut().find(|entry| entry.key == global.key) {
            None => entries.push(global.clone()),
            Some(entry) if matches!(entry.node.value, Value::Map(_)) => {
                entry.node = merged(Some(&global.node), &entry.node);
            }
            Some(_) => {}
        }
    }
    Node {
        line: own.line,
        value: Value::Map(entries),
    }
}
