//! Reads one resource of a template: every property is taken, known to mean nothing here, or refused.

use super::{Function, Queue, Refusal, Route, Schedule, Secret, Source, Table, Template, Throttle};
use crate::resolve::{ACCOUNT, Physical, REGION, Resolver};
use crate::schedules::Rhythm;
use crate::yaml::{Entry, Node, Value};
use meridian_embedded_aws::{Effect, Statement};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The id of the one HttpApi.
const API: &str = "local";

/// One entry of `Resources`.
pub struct Resource<'a> {
    pub line: usize,
    pub logical: &'a str,
    kind: String,
    properties: Node,
}

impl<'a> Resource<'a> {
    pub fn read(entry: &'a Entry) -> Result<Resource<'a>, Refusal> {
        let blank = Resolver::default();
        let mut fields = blank.fields(&entry.key, &entry.node)?;
        let kind = fields.need("Type").and_then(|node| blank.text(node))?;
        let properties = fields.take("Properties").cloned();
        // what happens to a resource when the stack is deleted; no stack is deleted here
        fields.nothing_here(&[
            "DeletionPolicy",
            "UpdateReplacePolicy",
            "DependsOn",
            "Metadata",
        ])?;
        fields.end()?;
        let properties = properties.unwrap_or(Node {
            line: entry.line,
            value: Value::Map(Vec::new()),
        });
        Ok(Resource {
            line: entry.line,
            logical: &entry.key,
            kind,
            properties,
        })
    }

    fn own_name(&self, key: &str, resolver: &Resolver) -> Result<String, Refusal> {
        let mut fields = resolver.fields(self.logical, &self.properties)?;
        Ok(fields
            .text(key)?
            .unwrap_or_else(|| format!("{}-{}", resolver.stack, self.logical)))
    }

    pub fn physical(&self, resolver: &Resolver, endpoint: &str) -> Result<Physical, Refusal> {
        let arn =
            |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
        let of = |reference: String, attributes: &[(&'static str, String)]| Physical {
            reference,
            attributes: attributes.iter().cloned().collect(),
        };
        Ok(match self.kind.as_str() {
            "AWS::Serverless::Function" => {
                let name = self.package(resolver)?;
                let arn = arn("lambda", &format!("function:{name}"));
                of(name, &[("Arn", arn)])
            }
            "AWS::Serverless::HttpApi" => of(API.into(), &[]),
            "AWS::DynamoDB::Table" => {
                let name = self.own_name("TableName", resolver)?;
                let arn = arn("dynamodb", &format!("table/{name}"));
                of(name, &[("Arn", arn)])
            }
            "AWS::SQS::Queue" => {
                let name = self.own_name("QueueName", resolver)?;
                let url = format!("{endpoint}/{ACCOUNT}/{name}");
                of(
                    url.clone(),
                    &[
                        ("Arn", arn("sqs", &name)),
                        ("QueueName", name),
                        ("QueueUrl", url),
                    ],
                )
            }
            "AWS::SecretsManager::Secret" => {
                let arn = arn(
                    "secretsmanager",
                    &format!("secret:{}", self.own_name("Name", resolver)?),
                );
                of(arn.clone(), &[("Id", arn)])
            }
            "AWS::Logs::LogGroup" => {
                let name = self.own_name("LogGroupName", resolver)?;
                let arn = arn("logs", &format!("log-group:{name}:*"));
                of(name, &[("Arn", arn)])
            }
            "AWS::SNS::Topic" => {
                let name = self.own_name("TopicName", resolver)?;
                of(arn("sns", &name), &[("TopicName", name)])
            }
            "AWS::CloudWatch::Alarm" => {
                let name = self.own_name("AlarmName", resolver)?;
                let arn = arn("cloudwatch", &format!("alarm:{name}"));
                of(name, &[("Arn", arn)])
            }
            other => {
                let text = format!(
                    "{}: the local stack does not know the resource type {other}",
                    self.logical
                );
                return Err(Refusal::new(self.line, text));
            }
        })
    }

    pub fn add_to(
        &self,
        template: &mut Template,
        globals: Option<&Node>,
        resolver: &Resolver,
    ) -> Result<(), Refusal> {
        match self.kind.as_str() {
            "AWS::Serverless::Function" => {
                template.functions.push(self.function(globals, resolver)?)
            }
            "AWS::Serverless::HttpApi" => {
                if let Some(first) = template.api.replace(self.logical.to_owned()) {
                    let text = format!("the local stack has one HttpApi, and {first} is it");
                    return Err(Refusal::new(self.line, text));
                }
                template.throttle = self.http_api(resolver)?;
            }
            "AWS::DynamoDB::Table" => template.tables.push(self.table(resolver)?),
            "AWS::SQS::Queue" => template.queues.push(self.queue(resolver)?),
            "AWS::SecretsManager::Secret" => template.secrets.push(self.secret(resolver)?),
            // logs go to a file, nobody watches alarms here; their references must hold all the same
            _ => drop(resolver.json(&self.properties)?),
        }
        Ok(())
    }

    fn package(&self, resolver: &Resolver) -> Result<String, Refusal> {
        let mut fields = resolver.fields(self.logical, &self.properties)?;
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

    fn function(&self, globals: Option<&Node>, resolver: &Resolver) -> Result<Function, Refusal> {
        let merged = merged(globals, &self.properties);
        let mut fields = resolver.fields(self.logical, &merged)?;
        let code = fields.need("CodeUri")?.line;
        fields.only("Runtime", &["provided.al2023"])?;
        fields.only("Handler", &["bootstrap"])?;
        fields.only("PackageType", &["Zip"])?;
        fields.nothing_here(&["Architectures", "Description", "Tags", "Tracing"])?;
        let mut environment = BTreeMap::new();
        if let Some(node) = fields.take("Environment") {
            let mut outer = resolver.fields(format!("Environment of {}", self.logical), node)?;
            let variables = outer.need("Variables")?;
            outer.end()?;
            let Value::Map(entries) = &variables.value else {
                return Err(Refusal::new(variables.line, "Variables must be a mapping"));
            };
            for entry in entries {
                environment.insert(entry.key.clone(), resolver.text(&entry.node)?);
            }
        }
        let mut json_logs = false;
        if let Some(node) = fields.take("LoggingConfig") {
            let mut logging =
                resolver.fields(format!("LoggingConfig of {}", self.logical), node)?;
            json_logs = logging.text("LogFormat")?.as_deref() == Some("JSON");
            logging.nothing_here(&["LogGroup", "ApplicationLogLevel", "SystemLogLevel"])?;
            logging.end()?;
        }
        let mut function = Function {
            name: self.package(resolver)?,
            line: code,
            logical: self.logical.to_owned(),
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
                self.event(event, &mut function, resolver)?;
            }
        }
        Ok(function)
    }

    fn event(
        &self,
        event: &Entry,
        function: &mut Function,
        resolver: &Resolver,
    ) -> Result<(), Refusal> {
        let what = format!("event {} of {}", event.key, self.logical);
        let mut fields = resolver.fields(&what, &event.node)?;
        let kind = fields.need("Type")?;
        let properties = fields.need("Properties")?;
        fields.end()?;
        let mut fields = resolver.fields(&what, properties)?;
        match resolver.text(kind)?.as_str() {
            "HttpApi" => {
                fields.only("PayloadFormatVersion", &["2.0"])?;
                // without one SAM makes another API
                let api = fields.need("ApiId")?;
                if resolver.text(api)? != API {
                    return Err(Refusal::new(
                        api.line,
                        "ApiId must be the template's HttpApi",
                    ));
                }
                let millis = fields
                    .number("TimeoutInMillis", 50..=30_000)?
                    .unwrap_or(30_000);
                function.routes.push(Route {
                    method: resolver.text(fields.need("Method")?)?.to_uppercase(),
                    path: resolver.text(fields.need("Path")?)?,
                    timeout: Duration::from_millis(millis),
                });
            }
            "SQS" => {
                fields.only("MaximumBatchingWindowInSeconds", &["0"])?;
                fields.only("Enabled", &["true"])?;
                let concurrency = match fields.take("ScalingConfig") {
                    None => None,
                    Some(node) => {
                        let mut scaling =
                            resolver.fields(format!("ScalingConfig of {what}"), node)?;
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
                function.sources.push(Source {
                    line: queue.line,
                    queue_arn: resolver.text(queue)?,
                    // a larger batch wants a window to gather in
                    batch_size: fields.number("BatchSize", 1..=10)?.unwrap_or(10),
                    concurrency,
                    partial_failures: types == Some(json!(["ReportBatchItemFailures"])),
                });
            }
            kind @ ("Schedule" | "ScheduleV2") => {
                let expression = if kind == "Schedule" {
                    "Schedule"
                } else {
                    "ScheduleExpression"
                };
                fields.only("ScheduleExpressionTimezone", &["UTC"])?;
                fields.only("State", &["ENABLED"])?;
                fields.only("Enabled", &["true"])?;
                fields.nothing_here(&["Description"])?;
                let node = fields.need(expression)?;
                let text = resolver.text(node)?;
                let rhythm = Rhythm::parse(&text)
                    .map_err(|e| Refusal::new(node.line, format!("{what}: {e}")))?;
                let name = fields.text("Name")?.unwrap_or_else(|| event.key.clone());
                function.schedules.push(Schedule {
                    name,
                    rhythm,
                    input: fields.text("Input")?,
                });
            }
            other => {
                let text = format!("{what}: the local stack does not know events of type {other}");
                return Err(Refusal::new(kind.line, text));
            }
        }
        fields.end()
    }

    fn http_api(&self, resolver: &Resolver) -> Result<Option<Throttle>, Refusal> {
        let mut fields = resolver.fields(self.logical, &self.properties)?;
        fields.only("StageName", &["$default"])?;
        fields.nothing_here(&["AccessLogSettings", "Description", "Name", "Tags"])?;
        let throttle = match fields.take("DefaultRouteSettings") {
            None => None,
            Some(node) => {
                let mut route =
                    resolver.fields(format!("DefaultRouteSettings of {}", self.logical), node)?;
                route.nothing_here(&["DetailedMetricsEnabled"])?;
                let burst = route.number("ThrottlingBurstLimit", 0..=1_000_000)?;
                let per_second = route.number("ThrottlingRateLimit", 0.0..=1_000_000.0)?;
                route.end()?;
                burst.zip(per_second).map(|(burst, per_second)| Throttle {
                    burst: f64::from(burst),
                    per_second,
                })
            }
        };
        fields.end()?;
        Ok(throttle)
    }

    fn table(&self, resolver: &Resolver) -> Result<Table, Refusal> {
        let mut fields = resolver.fields(self.logical, &self.properties)?;
        // care for data that outlives machines; the local file is the developer's own
        let care = [
            "DeletionProtectionEnabled",
            "PointInTimeRecoverySpecification",
            "SSESpecification",
        ];
        fields.nothing_here(&care)?;
        fields.nothing_here(&["TableName", "Tags"])?;
        fields.only("BillingMode", &["PAY_PER_REQUEST"])?;
        let name = self.own_name("TableName", resolver)?;
        let mut create = json!({ "TableName": name, "BillingMode": "PAY_PER_REQUEST" });
        for key in ["AttributeDefinitions", "KeySchema"] {
            create[key] = resolver.json(fields.need(key)?)?;
        }
        if let Some(node) = fields.take("GlobalSecondaryIndexes") {
            create["GlobalSecondaryIndexes"] = resolver.json(node)?;
        }
        let ttl = match fields.take("TimeToLiveSpecification") {
            None => None,
            Some(node) => {
                let mut ttl = resolver.fields("TimeToLiveSpecification", node)?;
                let enabled = resolver.boolean(ttl.need("Enabled")?)?;
                let attribute = ttl.text("AttributeName")?;
                ttl.end()?;
                attribute.filter(|_| enabled)
            }
        };
        fields.end()?;
        Ok(Table { name, create, ttl })
    }

    fn queue(&self, resolver: &Resolver) -> Result<Queue, Refusal> {
        let mut fields = resolver.fields(self.logical, &self.properties)?;
        fields.nothing_here(&["QueueName", "SqsManagedSseEnabled", "Tags"])?;
        let mut attributes = BTreeMap::new();
        for (key, range) in [
            ("DelaySeconds", 0..=900),
            ("MaximumMessageSize", 1024..=1_048_576),
            ("MessageRetentionPeriod", 60..=1_209_600),
            ("VisibilityTimeout", 0..=43_200),
        ] {
            if let Some(number) = fields.number::<u32>(key, range)? {
                attributes.insert(key.to_owned(), number.to_string());
            }
        }
        let mut max_receive = None;
        if let Some(node) = fields.take("RedrivePolicy") {
            let mut redrive =
                resolver.fields(format!("RedrivePolicy of {}", self.logical), node)?;
            let target = resolver.text(redrive.need("deadLetterTargetArn")?)?;
            let count: u32 = resolver.number(redrive.need("maxReceiveCount")?, 1..=1000)?;
            redrive.end()?;
            let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": count });
            attributes.insert("RedrivePolicy".into(), policy.to_string());
            max_receive = Some(count);
        }
        fields.end()?;
        let physical = &resolver.resources[self.logical];
        Ok(Queue {
            name: physical.attributes["QueueName"].clone(),
            url: physical.reference.clone(),
            arn: physical.attributes["Arn"].clone(),
            attributes,
            dead_letters: false,
            max_receive,
        })
    }

    pub fn redrives_to(&self, target: &Json, resolver: &Resolver) -> bool {
        let properties = resolver.json(&self.properties).unwrap_or_default();
        properties["RedrivePolicy"]["deadLetterTargetArn"] == *target
    }

    fn secret(&self, resolver: &Resolver) -> Result<Secret, Refusal> {
        let mut fields = resolver.fields(self.logical, &self.properties)?;
        fields.nothing_here(&["Description", "Name", "Tags", "KmsKeyId"])?;
        let node = fields.need("GenerateSecretString")?;
        fields.end()?;
        let mut generate =
            resolver.fields(format!("GenerateSecretString of {}", self.logical), node)?;
        let around = generate.need("SecretStringTemplate")?;
        let line = around.line;
        let around: Json = serde_json::from_str(&resolver.text(around)?)
            .map_err(|e| Refusal::new(line, e.to_string()))?;
        if !around.is_object() {
            return Err(Refusal::new(
                line,
                "SecretStringTemplate must be a JSON object",
            ));
        }
        let key = resolver.text(generate.need("GenerateStringKey")?)?;
        let length = generate.number("PasswordLength", 1..=4096)?.unwrap_or(32);
        let plain = generate
            .take("ExcludePunctuation")
            .map(|node| resolver.boolean(node))
            .transpose()?;
        let excluded = generate.text("ExcludeCharacters")?.unwrap_or_default();
        generate.end()?;
        let usable = |c: &char| match plain {
            Some(true) => c.is_ascii_alphanumeric(),
            _ => c.is_ascii_graphic(),
        };
        let alphabet = ('!'..='~')
            .filter(usable)
            .filter(|c| !excluded.contains(*c))
            .collect();
        Ok(Secret {
            name: self.own_name("Name", resolver)?,
            around,
            key,
            length,
            alphabet,
        })
    }
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

/// Inline policy documents; SAM's policy templates and managed policies are not known here.
fn statements(policies: Option<&Node>, resolver: &Resolver) -> Result<Vec<Statement>, Refusal> {
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
        let mut fields = resolver.fields("policy", document)?;
        fields.only("Version", &["2012-10-17"])?;
        let statements = fields.need("Statement")?;
        fields.end()?;
        let Value::List(statements) = &statements.value else {
            return Err(Refusal::new(statements.line, "Statement must be a list"));
        };
        for statement in statements {
            let mut fields = resolver.fields("policy statement", statement)?;
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
    let mut condition = resolver.fields("Condition", node)?;
    let test = condition.need("ForAllValues:StringLike")?;
    condition.end()?;
    let mut on = resolver.fields("ForAllValues:StringLike", test)?;
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
