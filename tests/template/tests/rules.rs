//! The rules that template.yaml is held to.

use meridian_template::{Template, list, number};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const QUEUES: [&str; 6] = [
    "Events",
    "Unproven",
    "Visits",
    "Charges",
    "Refunds",
    "Deliveries",
];

/// The queue events of a function, each with the logical name of its queue.
fn sources(function: &Value) -> Vec<(String, &Value)> {
    let events = function["Events"].as_object().into_iter().flatten();
    let sources = events
        .filter(|(_, e)| e["Type"] == "SQS")
        .map(|(_, event)| {
            let properties = &event["Properties"];
            let arn = properties["Queue"]["!GetAtt"]
                .as_str()
                .expect("a queue of this template");
            (arn.trim_end_matches(".Arn").to_owned(), properties)
        });
    sources.collect()
}

/// Actions and resources of the statements that allow.
fn statements(function: &Value) -> Vec<(BTreeSet<&str>, Vec<String>)> {
    statements_that("Allow", function)
}

fn statements_that<'f>(effect: &str, function: &'f Value) -> Vec<(BTreeSet<&'f str>, Vec<String>)> {
    let statements = list(&function["Policies"])
        .iter()
        .flat_map(|p| list(&p["Statement"]))
        .filter(|statement| statement["Effect"] == effect);
    let statements = statements.map(|statement| {
        let resource = &statement["Resource"];
        let resources = if resource.is_array() {
            list(resource)
        } else {
            std::slice::from_ref(resource)
        };
        let actions = list(&statement["Action"])
            .iter()
            .map(|a| a.as_str().expect("an action"));
        (actions.collect(), resources.iter().map(written).collect())
    });
    statements.collect()
}

/// A resource of a policy as it is written: the text of its `!GetAtt` or `!Sub`.
fn written(resource: &Value) -> String {
    let text = ["!GetAtt", "!Sub"]
        .into_iter()
        .find_map(|f| resource[f].as_str());
    text.unwrap_or_else(|| panic!("a policy names resources of this template: {resource}"))
        .to_owned()
}

/// The resources on which a function may do an action.
fn may(function: &Value, action: &str) -> BTreeSet<String> {
    let allowed = statements(function)
        .into_iter()
        .filter(|(actions, _)| actions.contains(action));
    allowed.flat_map(|(_, resources)| resources).collect()
}

fn variable<'f>(function: &'f Value, name: &str) -> &'f Value {
    &function["Environment"]["Variables"][name]
}

#[test]
fn a_call_ends_before_its_function_and_its_function_before_the_lease() {
    for (name, function) in Template::read().functions() {
        let timeout = number(&function["Timeout"]) * 1000;
        let lease = number(variable(&function, "LEASE_SECONDS")) * 1000;
        assert!(timeout < lease, "{name}: {timeout} < {lease}");
        let vendor = variable(&function, "VENDOR_TIMEOUT_MS");
        if !vendor.is_null() {
            assert!(number(vendor) < timeout, "{name}: {vendor} < {timeout}");
        }
    }
}

#[test]
fn a_message_stays_hidden_for_six_timeouts() {
    let template = Template::read();
    for (name, function) in template.functions() {
        for (queue, _) in sources(&function) {
            let hidden = number(&template.properties(&queue)["VisibilityTimeout"]);
            assert!(
                hidden >= 6 * number(&function["Timeout"]),
                "{name}: {hidden} s"
            );
        }
    }
}

#[test]
fn the_rows_of_a_message_fit_its_functions_time_and_are_nudged_again_only_after_it() {
    use meridian::domain::task::Queue;
    use meridian::flows::due::{NUDGED, rows_together};
    let (template, functions) = (Template::read(), Template::read().functions());
    // What an invocation keeps back before it begins another row.
    let reserve = |vendor: u64| 2 * vendor + 5;
    for (name, queue) in [
        ("charge-execution", Queue::Charges),
        ("refund-execution", Queue::Refunds),
        ("system-delivery", Queue::Deliveries),
    ] {
        let all = sources(&functions[name]);
        let (fed, event) = all.first().expect("a queue feeds it");
        let vendor = number(variable(&functions[name], "VENDOR_TIMEOUT_MS")) / 1000;
        let rows = rows_together(queue) as u64 * number(&event["BatchSize"]);
        let left = number(&functions[name]["Timeout"]) - (rows - 1) * vendor;
        assert!(
            rows == 1 || left >= reserve(vendor),
            "{name}: {left} s are left"
        );
        let hidden = number(&template.properties(fed)["VisibilityTimeout"]);
        assert!(NUDGED as u64 >= hidden, "{name}: {NUDGED} < {hidden}");
    }
}

#[test]
fn where_money_moves_one_message_is_taken_at_a_time() {
    let functions = Template::read().functions();
    for name in ["charge-execution", "refund-execution"] {
        let fed = sources(&functions[name]);
        assert_eq!(fed.len(), 1, "one queue feeds {name}");
        assert_eq!(number(&fed[0].1["BatchSize"]), 1, "{name}");
    }
}

#[test]
fn each_queue_feeds_one_function_and_gives_up_into_a_queue_that_alarms() {
    let template = Template::read();
    let functions = template.functions();
    let fed: Vec<String> = functions
        .iter()
        .flat_map(|(name, function)| sources(function).into_iter().map(move |of| (name, of)))
        .map(|(name, (queue, event))| {
            assert_eq!(
                event["FunctionResponseTypes"],
                json!(["ReportBatchItemFailures"]),
                "{name}"
            );
            queue
        })
        .collect();
    let mut expected: Vec<String> = QUEUES.iter().map(|q| format!("{q}Queue")).collect();
    let mut sorted = fed.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);

    let mut all = BTreeSet::new();
    for queue in fed {
        let properties = template.properties(&queue);
        let policy = &properties["RedrivePolicy"];
        // A proven webhook waits out an outage; a nudge that is lost is found by its due time.
        let events = matches!(&*queue, "EventsQueue" | "UnprovenQueue");
        let receives = if events { 1000 } else { 5 };
        assert_eq!(number(&policy["maxReceiveCount"]), receives, "{queue}");
        let dead = policy["deadLetterTargetArn"]["!GetAtt"]
            .as_str()
            .expect("a dead-letter queue");
        let dead = dead.trim_end_matches(".Arn");
        assert_eq!(
            number(&template.properties(dead)["MessageRetentionPeriod"]),
            14 * 86_400,
            "{dead}"
        );
        let watched =
            json!([{ "Name": "QueueName", "Value": { "!GetAtt": format!("{dead}.QueueName") } }]);
        let visible = "ApproximateNumberOfMessagesVisible";
        assert!(has_alarm(&template, visible, &watched), "{dead}");
        let watched =
            json!([{ "Name": "QueueName", "Value": { "!GetAtt": format!("{queue}.QueueName") } }]);
        let age = "ApproximateAgeOfOldestMessage";
        assert!(has_alarm(&template, age, &watched), "{queue}");
        all.extend([queue.clone(), dead.to_owned()]);
    }
    for (queue, properties) in template.of_type("AWS::SQS::Queue") {
        assert!(all.contains(queue), "{queue} belongs to no function");
        assert_eq!(properties["SqsManagedSseEnabled"], "true", "{queue}");
    }
}

#[test]
fn what_strangers_send_is_posted_beside_what_is_proven_and_by_few() {
    let functions = Template::read().functions();
    let fed = sources(&functions["payment-posting"]);
    let at_once = |queue: &str| {
        let found = fed.iter().find(|(name, _)| name == queue);
        number(&found.expect("a queue").1["ScalingConfig"]["MaximumConcurrency"])
    };
    assert_eq!(fed.len(), 2);
    assert_eq!(at_once("UnprovenQueue"), 2);
    assert!(at_once("EventsQueue") >= 10);
}

fn has_alarm(template: &Template, metric: &str, dimensions: &Value) -> bool {
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    alarms.values().any(|a| {
        a["MetricName"] == metric
            && a["Dimensions"] == *dimensions
            && !list(&a["AlarmActions"]).is_empty()
    })
}

#[test]
fn server_errors_at_the_door_alarm() {
    let watched = json!([{ "Name": "ApiId", "Value": { "!Ref": "Api" } }]);
    assert!(has_alarm(&Template::read(), "5xx", &watched));
}

#[test]
fn each_function_runs_alike_and_alarms() {
    let template = Template::read();
    for (name, function) in template.functions() {
        assert_eq!(function["Runtime"], "provided.al2023", "{name}");
        assert_eq!(function["Architectures"], json!(["arm64"]), "{name}");
        assert_eq!(function["CodeUri"], format!("target/lambda/{name}/"));
        assert!(
            (128..=512).contains(&number(&function["MemorySize"])),
            "{name}"
        );
        let watched =
            json!([{ "Name": "FunctionName", "Value": { "!Ref": function["LogicalName"] } }]);
        assert!(has_alarm(&template, "Errors", &watched), "{name}");
        assert!(has_alarm(&template, "Throttles", &watched), "{name}");
    }
}

#[test]
fn a_schedule_that_stands_still_alarms_and_a_minute_that_was_missed_is_not_run_later() {
    let template = Template::read();
    let idle = template.properties("OutcomeResolutionIdleAlarm");
    assert_eq!(
        idle["Dimensions"],
        json!([{ "Name": "FunctionName", "Value": { "!Ref": "OutcomeResolution" } }])
    );
    for (name, value) in [
        ("MetricName", "Invocations"),
        ("Statistic", "Sum"),
        ("Period", "300"),
        ("EvaluationPeriods", "1"),
        ("Threshold", "1"),
        ("ComparisonOperator", "LessThanThreshold"),
        ("TreatMissingData", "breaching"),
    ] {
        assert_eq!(idle[name], value, "{name}");
    }
    assert!(!list(&idle["AlarmActions"]).is_empty());
    let function = &template.functions()["outcome-resolution"];
    let once = json!({ "MaximumRetryAttempts": "0", "MaximumEventAgeInSeconds": "60" });
    assert_eq!(function["EventInvokeConfig"], once);
    let schedules = function["Events"].as_object().into_iter().flatten();
    for (name, event) in schedules.filter(|(_, event)| event["Type"] == "Schedule") {
        assert_eq!(event["Properties"]["RetryPolicy"], once, "{name}");
    }
}

#[test]
fn a_table_that_refuses_or_fails_alarms_for_each_call_that_is_made() {
    let template = Template::read();
    for (alarm, metric) in [
        ("TableThrottledAlarm", "ThrottledRequests"),
        ("TableErrorsAlarm", "SystemErrors"),
    ] {
        let alarm = template.properties(alarm);
        assert!(!list(&alarm["AlarmActions"]).is_empty(), "{metric}");
        let parts = list(&alarm["Metrics"]).iter();
        let watched = parts.filter_map(|part| {
            let of = &part["MetricStat"]["Metric"];
            let table = json!({ "Name": "TableName", "Value": { "!Ref": "Table" } });
            let ours = of["MetricName"] == metric && list(&of["Dimensions"])[0] == table;
            ours.then(|| list(&of["Dimensions"])[1]["Value"].as_str())?
        });
        let watched: BTreeSet<&str> = watched.collect();
        let made = ["BatchGetItem", "GetItem", "Query", "TransactWriteItems"];
        assert_eq!(watched, BTreeSet::from(made), "{metric}");
    }
}

#[test]
fn a_flood_elsewhere_leaves_room_for_webhooks() {
    let functions = Template::read().functions();
    for (name, function) in functions {
        let reserved = &function["ReservedConcurrentExecutions"];
        match name.as_str() {
            "webhook-intake" => assert_eq!(*reserved, json!({ "!Ref": "IntakeConcurrency" })),
            _ => assert!(reserved.is_null(), "{name}"),
        }
    }
}

#[test]
fn the_public_address_is_https() {
    let template = Template::read();
    assert_eq!(
        template.parameters["PublicUrl"]["AllowedPattern"],
        "^https://[^/]+$"
    );
}

#[test]
fn what_is_sealed_is_sealed_with_the_clinics_own_key_where_one_is_given() {
    let template = Template::read();
    let chosen = json!({ "!If": [
        "HasKmsKey",
        { "!Ref": "KmsKeyArn" },
        { "!Ref": "AWS::NoValue" },
    ] });
    let table = &template.properties("Table")["SSESpecification"];
    assert_eq!(table["KMSMasterKeyId"], chosen);
    for (name, secret) in template.of_type("AWS::SecretsManager::Secret") {
        assert_eq!(secret["KmsKeyId"], chosen, "{name}");
    }
    // Who makes secrets is told of it.
    for (name, function) in template.functions() {
        let makes = !may(&function, "secretsmanager:CreateSecret").is_empty();
        let told = *variable(&function, "KMS_KEY_ARN") == json!({ "!Ref": "KmsKeyArn" });
        assert_eq!(makes, told, "{name}");
    }
}

#[test]
fn the_template_deploys_into_every_partition() {
    let text = Template::read().text;
    for fixed in ["amazonaws.com", "arn:aws", "us-east-1"] {
        assert!(!text.contains(fixed), "{fixed}");
    }
    for (name, function) in Template::read().functions() {
        let suffix = variable(&function, "URL_SUFFIX");
        assert_eq!(*suffix, json!({ "!Ref": "AWS::URLSuffix" }), "{name}");
    }
}

#[test]
fn the_template_and_the_functions_folder_name_the_same_functions() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions");
    let folders: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("functions/ is readable")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let functions: BTreeSet<String> = Template::read().functions().into_keys().collect();
    assert_eq!(folders, functions);
}

#[test]
fn a_function_is_told_of_a_queue_or_the_table_exactly_when_it_may_use_it() {
    for (name, function) in Template::read().functions() {
        let sends = may(&function, "sqs:SendMessage");
        for queue in QUEUES {
            let variable = variable(&function, &format!("{}_QUEUE_URL", queue.to_uppercase()));
            let told = *variable == json!({ "!Ref": format!("{queue}Queue") });
            assert_eq!(
                told,
                sends.contains(&format!("{queue}Queue.Arn")),
                "{name} and {queue}"
            );
        }
        let told = *variable(&function, "TABLE_NAME") == json!({ "!Ref": "Table" });
        assert_eq!(
            told,
            may(&function, "dynamodb:GetItem").contains("Table.Arn"),
            "{name}"
        );
    }
}

#[test]
fn policies_name_their_actions_and_resources() {
    for (name, function) in Template::read().functions() {
        let all = ["Allow", "Deny"]
            .into_iter()
            .flat_map(|effect| statements_that(effect, &function));
        for (actions, resources) in all {
            for action in actions {
                assert!(!action.contains('*'), "{name}: {action}");
            }
            for resource in resources {
                let secret = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:meridian/";
                let own = !resource.contains('*');
                assert!(own || resource.starts_with(secret), "{name}: {resource}");
            }
        }
    }
}

#[test]
fn intake_is_quick_and_sees_inbound_secrets_and_which_clinics_there_are_alone() {
    let functions = Template::read().functions();
    let intake = &functions["webhook-intake"];
    assert!(number(&intake["Timeout"]) <= 2);
    assert_eq!(
        may(intake, "sqs:SendMessage"),
        BTreeSet::from(["EventsQueue.Arn".to_owned(), "UnprovenQueue.Arn".to_owned()])
    );
    let mut all = list(&intake["Policies"])
        .iter()
        .flat_map(|policy| list(&policy["Statement"]));
    let of_table = all.find(|statement| statement["Action"] == json!(["dynamodb:GetItem"]));
    assert_eq!(
        of_table.expect("a statement")["Condition"],
        json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["_#clinics#*"] } })
    );
    for (actions, resources) in statements(intake) {
        for action in actions {
            match action {
                "sqs:SendMessage" | "dynamodb:GetItem" => {}
                "secretsmanager:GetSecretValue" => assert!(
                    resources
                        .iter()
                        .all(|r| r.ends_with(":secret:meridian/*/inbound/*")),
                    "{resources:?}"
                ),
                other => panic!("intake may {other}"),
            }
        }
    }
}

#[test]
fn machines_write_grants_and_the_api_every_other_secret() {
    for (name, function) in Template::read().functions() {
        for action in [
            "secretsmanager:PutSecretValue",
            "secretsmanager:CreateSecret",
        ] {
            for resource in may(&function, action) {
                let grants = resource.ends_with(":secret:meridian/*/oauth/*");
                assert!(
                    grants || name == "clinic-api",
                    "{name}: {action} on {resource}"
                );
            }
        }
    }
}

#[test]
fn the_table_is_kept() {
    let template = Template::read();
    let table = template.properties("Table");
    assert_eq!(table["DeletionProtectionEnabled"], "true");
    assert_eq!(table["SSESpecification"]["SSEEnabled"], "true");
    assert_eq!(
        table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        "true"
    );
    assert_eq!(
        table["TimeToLiveSpecification"],
        json!({ "AttributeName": "expires_at", "Enabled": "true" })
    );
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        assert_eq!(template.resources["Table"][policy], "Retain");
    }
}

#[test]
fn an_index_finds_rows_and_holds_no_copy_of_them() {
    let template = Template::read();
    for index in list(&template.properties("Table")["GlobalSecondaryIndexes"]) {
        let projection = json!({ "ProjectionType": "KEYS_ONLY" });
        assert_eq!(index["Projection"], projection, "{}", index["IndexName"]);
    }
}

#[test]
fn the_keys_are_kept_but_for_a_first_deploy_that_failed() {
    for name in ["RootKey", "SealKey"] {
        let key = &Template::read().resources[name];
        // another deploy would find their fixed names taken
        assert_eq!(key["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(key["UpdateReplacePolicy"], "Retain", "{name}");
    }
}

#[test]
fn access_logs_name_the_route_and_never_the_path() {
    let template = Template::read();
    let format = template.properties("Api")["AccessLogSettings"]["Format"]
        .as_str()
        .expect("a format");
    assert!(format.contains("$context.routeKey"), "{format}");
    for leak in [
        "$context.path",
        "requestOverride",
        "$context.identity",
        "$context.authorizer",
    ] {
        assert!(!format.contains(leak), "{format}");
    }
    let line: Value = serde_json::from_str(format).expect("a JSON line");
    assert!(line.is_object());
}

#[test]
fn seams_of_the_local_stack_stay_out() {
    let text = Template::read().text;
    for seam in ["MERIDIAN_CLOCK", "MERIDIAN_HOSTS", "MERIDIAN_ROOTS"] {
        assert!(!text.contains(seam), "{seam}");
    }
}
