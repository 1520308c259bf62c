//! Reads one resource of a template: every property is taken, known to mean nothing here, or refused.

use super::fields::Fields;
use super::function;
use super::model::{Queue, Secret, Table, Template, Throttle};
use super::refusal::Refusal;
use super::resolve::{Physical, Resolver};
use super::yaml::{Entry, Node, Value};
use meridian_embedded_aws::{ACCOUNT, REGION};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

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
        let mut fields = Fields::of(&blank, &entry.key, &entry.node)?;
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
        let mut fields = Fields::of(resolver, self.logical, &self.properties)?;
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
                let name = function::package(self.logical, &self.properties, resolver)?;
                let arn = arn("lambda", &format!("function:{name}"));
                of(name, &[("Arn", arn)])
            }
            "AWS::Serverless::HttpApi" => of(function::API.into(), &[]),
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
            "AWS::Serverless::Function" => template.functions.push(function::read(
                self.logical,
                &self.properties,
                globals,
                resolver,
            )?),
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

    fn http_api(&self, resolver: &Resolver) -> Result<Option<Throttle>, Refusal> {
        let mut fields = Fields::of(resolver, self.logical, &self.properties)?;
        fields.only("StageName", &["$default"])?;
        fields.nothing_here(&["AccessLogSettings", "Description", "Name", "Tags"])?;
        let throttle = match fields.take("DefaultRouteSettings") {
            None => None,
            Some(node) => {
                let mut route = Fields::of(
                    resolver,
                    format!("DefaultRouteSettings of {}", self.logical),
                    node,
                )?;
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
        let mut fields = Fields::of(resolver, self.logical, &self.properties)?;
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
                let mut ttl = Fields::of(resolver, "TimeToLiveSpecification", node)?;
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
        let mut fields = Fields::of(resolver, self.logical, &self.properties)?;
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
                Fields::of(resolver, format!("RedrivePolicy of {}", self.logical), node)?;
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
        let mut fields = Fields::of(resolver, self.logical, &self.properties)?;
        fields.nothing_here(&["Description", "Name", "Tags", "KmsKeyId"])?;
        let node = fields.need("GenerateSecretString")?;
        fields.end()?;
        let mut generate = Fields::of(
            resolver,
            format!("GenerateSecretString of {}", self.logical),
            node,
        )?;
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
