//! The template against `deployed.txt`, both ways: what is written there and nothing else is
//! deployed.

use meridian_template::{Template, deployed};
use std::collections::BTreeSet;

/// The facts of `deployed.txt`, without its headings.
fn written() -> BTreeSet<String> {
    let text = include_str!("../deployed.txt");
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(String::from).collect()
}

#[test]
fn what_is_deployed_is_what_is_written_down() {
    let (deployed, written) = (deployed(&Template::read()), written());
    let lines = |some: Vec<&String>| {
        let lines = some.into_iter().map(|line| format!("  {line}\n"));
        lines.collect::<String>()
    };
    let new = lines(deployed.difference(&written).collect());
    let gone = lines(written.difference(&deployed).collect());
    assert!(
        new.is_empty() && gone.is_empty(),
        "tests/template/deployed.txt and template.yaml differ.\n\
         Deployed and not written down:\n{new}Written down and not deployed:\n{gone}"
    );
}

/// Small changes, each of which would do harm: text of the template, and what stands in its place.
const PLANTED: &[(&str, &str)] = &[
    // what a function may do
    ("- Effect: Allow", "- Effect: Deny"),
    ("'dynamodb:DeleteItem'", "'dynamodb:DeleteTable'"),
    (
        "secret:meridian/_/root-??????'",
        "secret:meridian/_/x-??????'",
    ),
    ("secret:meridian/*/inbound/*'", "secret:meridian/*'"),
    ("secret:meridian/*/gateway/*'", "secret:meridian/*/x/*'"),
    ("secret:meridian/*/oauth/*'", "secret:meridian/*'"),
    ("Resource: !GetAtt Table.Arn", "Resource: '*'"),
    (
        "['sqs:SendMessage']",
        "['sqs:SendMessage', 'sqs:PurgeQueue']",
    ),
    ("['dynamodb:Query']", "['dynamodb:Query', 'dynamodb:Scan']"),
    // what starts it
    ("rate(1 minute)", "rate(1 hour)"),
    (
        "Schedule: rate(1 minute)",
        "Schedule: rate(1 minute)\n            Enabled: false",
    ),
    (
        "Path: '/v1/{proxy+}', Method: ANY",
        "Path: '/{proxy+}', Method: ANY",
    ),
    ("'/webhooks/{clinic}/{source}'", "'/webhooks/{proxy+}'"),
    (
        "Path: '/receipts/{proxy+}', Method: GET",
        "Path: '/receipts/{proxy+}', Method: ANY",
    ),
    ("BatchSize: 1\n", "BatchSize: 10\n"),
    ("[ReportBatchItemFailures]", "[]"),
    ("MaximumConcurrency: 20", "MaximumConcurrency: 900"),
    // how long
    (
        "MessageRetentionPeriod: 1209600",
        "MessageRetentionPeriod: 60",
    ),
    ("VisibilityTimeout: 360", "VisibilityTimeout: 30"),
    ("maxReceiveCount: 1000", "maxReceiveCount: 1"),
    ("LEASE_SECONDS: '90'", "LEASE_SECONDS: '9'"),
    ("VENDOR_TIMEOUT_MS: '10000'", "VENDOR_TIMEOUT_MS: '100'"),
    (
        "RetentionInDays: !Ref LogRetentionDays",
        "RetentionInDays: 3653",
    ),
    ("Default: 30", "Default: 365"),
    ("      RetentionInDays: !Ref LogRetentionDays\n", ""),
    // what alarms
    ("Threshold: 900", "Threshold: 900000"),
    (
        "ComparisonOperator: GreaterThanOrEqualToThreshold",
        "ComparisonOperator: LessThanThreshold",
    ),
    ("AlarmActions: [!Ref Alarms]", "AlarmActions: []"),
    (
        "AlarmActions: [!Ref Alarms]",
        "AlarmActions: [!Ref Alarms]\n      ActionsEnabled: false",
    ),
    ("EvaluationPeriods: 1", "EvaluationPeriods: 100"),
    ("MetricName: Errors", "MetricName: Invocations"),
    ("MetricName: Throttles", "MetricName: Errors"),
    ("MetricName: ThrottledRequests", "MetricName: SystemErrors"),
    ("TreatMissingData: breaching", "TreatMissingData: missing"),
    ("MaximumRetryAttempts: 0", "MaximumRetryAttempts: 185"),
    ("ReservedConcurrentExecutions: !Ref", "Tracing: !Ref"),
    ("AllowedPattern: '^https:", "AllowedPattern: '^http:"),
    ("[HasKmsKey, !Ref KmsKeyArn,", "[HasKmsKey, !Ref Stage,"),
    ("!Not [!Equals", "!Or [!Equals"),
    // the door and the table
    ("ThrottlingRateLimit: 250", "ThrottlingRateLimit: 1"),
    ("$context.routeKey", "$context.path"),
    (
        "{AttributeName: due_at, KeyType: RANGE}",
        "{AttributeName: pk, KeyType: RANGE}",
    ),
    ("{ProjectionType: KEYS_ONLY}", "{ProjectionType: ALL}"),
    (
        "DeletionProtectionEnabled: true",
        "DeletionProtectionEnabled: false",
    ),
    (
        "PointInTimeRecoveryEnabled: true",
        "PointInTimeRecoveryEnabled: false",
    ),
    ("DeletionPolicy: Retain\n", "DeletionPolicy: Delete\n"),
    ("AttributeName: expires_at", "AttributeName: due_at"),
    ("SqsManagedSseEnabled: true", "SqsManagedSseEnabled: false"),
    ("PasswordLength: 43", "PasswordLength: 8"),
    // what only a machine reads
    (
        "        - Version: '2012-10-17'\n",
        "        - Version: '2008-10-17'\n",
    ),
    (
        "Transform: AWS::Serverless-2016-10-31",
        "Transform: AWS::Include",
    ),
    ("Resource: !GetAtt Table.Arn", "Resource: !Ref Table"),
    ("Value: !Ref Alarms", "Value: !Ref Table"),
    (
        "{Key: meridian-stage, Value: !Ref Stage}",
        "{Key: stage, Value: !Ref Stage}",
    ),
];

#[test]
fn a_change_that_would_do_harm_is_seen_wherever_it_is_planted() {
    let (text, written) = (Template::read().text, written());
    for (from, to) in PLANTED {
        let places: Vec<_> = text.match_indices(from).collect();
        assert!(!places.is_empty(), "{from:?} stands nowhere");
        for (at, _) in places {
            let planted = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
            let line = text[..at].lines().count();
            let seen = deployed(&Template::of(planted)) != written;
            assert!(
                seen,
                "{to:?} in place of {from:?} at line {line} is not seen"
            );
        }
    }
}
