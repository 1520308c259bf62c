//! What is read from a template, and what is refused at which line.

use super::*;
use std::time::Duration;

fn setting() -> Setting {
    Setting {
        stack: "test".into(),
        aws_endpoint: "http://127.0.0.1:1".into(),
        parameters: BTreeMap::new(),
        public_url: "http://127.0.0.1:8700".into(),
    }
}

const PROBE: &str = include_str!("../../tests/probe.yaml");

fn project() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    std::fs::read_to_string(path).expect("the project's template")
}

/// The template with one line changed: the refusal must name that line.
fn refused(from: &str, to: &str) -> String {
    let line = PROBE
        .lines()
        .position(|line| line.contains(from))
        .unwrap_or_else(|| panic!("`{from}` is not there"))
        + 1;
    let refusal = match read(&PROBE.replacen(from, to, 1), setting()) {
        Ok(_) => panic!("`{to}` was taken"),
        Err(refusal) => refusal,
    };
    assert_eq!(refusal.line, line, "{to}: {refusal}");
    refusal.text
}

#[test]
fn the_projects_own_template_is_honoured() {
    let template =
        read(&project(), setting()).unwrap_or_else(|refusal| panic!("template.yaml:{refusal}"));
    let intake = template
        .functions
        .iter()
        .find(|f| f.name == "webhook-intake")
        .expect("intake");
    assert!(intake.timeout <= Duration::from_secs(2));
    assert_eq!(intake.routes[0].path, "/webhooks/{clinic}/{source}");
    assert_eq!(intake.environment["PUBLIC_URL"], "http://127.0.0.1:8700");
    assert!(template.tables[0].ttl.is_some());
    let dead = template
        .queues
        .iter()
        .filter(|queue| queue.dead_letters)
        .count();
    assert_eq!(
        dead * 2,
        template.queues.len(),
        "each queue has its dead-letter queue"
    );
    let minute = template
        .functions
        .iter()
        .find(|f| f.name == "outcome-resolution")
        .expect("the resolver");
    assert!(minute.schedules[0].rhythm.is_each_minute());
}

#[test]
fn the_local_seams_stand_in_no_template() {
    let text = project();
    for seam in ["MERIDIAN_CLOCK", "MERIDIAN_HOSTS", "MERIDIAN_ROOTS"] {
        assert!(!text.contains(seam), "{seam} belongs to this machine");
    }
}

#[test]
fn what_is_not_known_is_refused_at_its_line() {
    for (from, to, about) in [
        (
            "      VisibilityTimeout: 60",
            "      FifoQueue: true",
            "FifoQueue",
        ),
        (
            "  Dead:",
            "  Dead: {Type: 'AWS::Kinesis::Stream'}\n  Other:",
            "AWS::Kinesis::Stream",
        ),
        ("      Timeout: 1", "      VpcConfig: {}", "VpcConfig"),
        (
            "            BatchSize: 10",
            "            FilterCriteria: {}",
            "FilterCriteria",
        ),
        ("QUEUE_URL: !Ref Queue", "QUEUE_URL: !Ref Queues", "Queues"),
        (
            "QUEUE_URL: !Ref Queue",
            "QUEUE_URL: !GetAtt Queue.Size",
            "Size",
        ),
        (
            "QUEUE_URL: !Ref Queue",
            "QUEUE_URL: !ImportValue other",
            "ImportValue",
        ),
        ("SUMMARY: !Sub", "SUMMARY: !Sub '${Nowhere}' #", "Nowhere"),
        (
            "  Probe:",
            "  Second: {Type: 'AWS::Serverless::HttpApi'}\n  Probe:",
            "one HttpApi",
        ),
        (
            "{ApiId: !Ref Api, Path: '/probe/{proxy+}'",
            "{ApiId: !Ref Table, Path: '/probe/{proxy+}'",
            "ApiId",
        ),
        (
            "            Queue: !GetAtt Queue.Arn",
            "            Queue: !GetAtt Table.Arn",
            "no queue",
        ),
        ("Parameters:", "Mappings: {}\nParameters:", "Mappings"),
        (
            "    Type: AWS::SQS::Queue",
            "    Condition: IsProd\n    Type: AWS::SQS::Queue",
            "Condition",
        ),
        (
            "Path: '/probe/{proxy+}', Method: ANY",
            "Path: '/probe/{proxy+}', Method: ANY, Auth: {}",
            "Auth",
        ),
    ] {
        let text = refused(from, to);
        assert!(text.contains(about), "{to}: {text}");
    }
}

#[test]
fn a_value_that_is_not_honoured_is_refused_at_its_line() {
    for (from, to, about) in [
        ("      Timeout: 1", "      Timeout: soon", "a number"),
        ("    Handler: bootstrap", "    Handler: main", "bootstrap"),
        (
            "      CodeUri: target/lambda/probe/",
            "      CodeUri: build/probe/",
            "CodeUri",
        ),
        ("rate(1 minute)", "rate(1 minutes)", "EventBridge"),
        ("{Effect: Allow, Action", "{Effect: Maybe, Action", "Effect"),
        ("VisibilityTimeout: 60", "VisibilityTimeout: 43201", "43200"),
        ("BatchSize: 10", "BatchSize: 11", "from 1 to 10"),
        (
            "BatchSize: 10",
            "ScalingConfig: {MaximumConcurrency: 1}",
            "from 2 to 1000",
        ),
        ("maxReceiveCount: 2", "maxReceiveCount: 0", "from 1"),
        ("      Timeout: 1", "      Timeout: 901", "900"),
        ("MemorySize: 256", "MemorySize: 64", "128"),
        ("PasswordLength: 40", "PasswordLength: 0", "from 1"),
        (
            "Transform: AWS::Serverless-2016-10-31",
            "Transform: AWS::Other",
            "Transform",
        ),
        ("        LEVEL: '1'", "        LEVEL: *one", ""),
        ("      Timeout: 1", "      Timeout: a: b", ""),
    ] {
        let text = refused(from, to);
        assert!(text.contains(about), "{to}: {text}");
    }
}

#[test]
fn two_functions_of_one_binary_are_refused_at_the_second() {
    let more = "  Again: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: target/lambda/probe/}}\n";
    let refusal = read(&format!("{PROBE}{more}"), setting())
        .err()
        .expect("refused");
    assert_eq!(refusal.line, PROBE.lines().count() + 1, "{refusal}");
}

#[test]
fn a_parameter_is_held_to_its_pattern_and_its_name() {
    for (name, value, about) in [
        ("PublicUrl", "ftp://elsewhere", "does not match"),
        (
            "PublicURL",
            "http://127.0.0.1:1",
            "the template has PublicUrl",
        ),
    ] {
        let given = Setting {
            parameters: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..setting()
        };
        let refusal = read(PROBE, given).err().expect("refused");
        assert!(refusal.text.contains(about), "{refusal}");
    }
    let other = PROBE.replace("  PublicUrl:\n", "  Other:\n");
    let refusal = read(&other, setting()).err().expect("refused");
    assert!(refusal.text.contains("no default"), "{refusal}");
}

/// Who may do what with which secrets, by the policies as they are enforced.
#[test]
fn each_function_reaches_the_secrets_that_it_needs_and_no_other() {
    let template =
        read(&project(), setting()).unwrap_or_else(|refusal| panic!("template.yaml:{refusal}"));
    let names = [
        ("root", "_/root"),
        ("seal", "_/seal"),
        ("gateway", "demo/gateway/stripe"),
        ("system", "demo/system/xero"),
        ("inbound", "demo/inbound/stripe"),
        ("oauth", "demo/oauth/xero"),
    ];
    let may = |function: &Function, verb: &str| {
        let action = format!("secretsmanager:{verb}");
        let reached = names.iter().filter(|(_, name)| {
            let arn = format!(
                "arn:aws:secretsmanager:us-east-1:000000000000:secret:meridian/{name}-AbCdEf"
            );
            meridian_embedded_aws::allows(&function.statements, &action, &arn)
        });
        let kinds: Vec<&str> = reached.map(|(kind, _)| *kind).collect();
        kinds.join(" ")
    };
    for function in &template.functions {
        let (read, write, make) = match function.name.as_str() {
            "webhook-intake" => ("inbound", "", ""),
            "invoice-creation" => ("seal", "", ""),
            "payment-posting" => ("seal gateway system inbound oauth", "oauth", ""),
            "clinic-api" => (
                "root seal gateway system inbound oauth",
                "gateway system inbound oauth",
                "gateway system inbound oauth",
            ),
            "system-delivery" => ("seal system oauth", "oauth", ""),
            // A practice system is polled.
            "outcome-resolution" => ("seal gateway system oauth", "oauth", ""),
            _ => ("seal gateway", "", ""),
        };
        let name = &function.name;
        assert_eq!(may(function, "GetSecretValue"), read, "{name} reads");
        assert_eq!(may(function, "PutSecretValue"), write, "{name} writes");
        assert_eq!(may(function, "CreateSecret"), make, "{name} makes");
        for never in ["DeleteSecret", "UpdateSecret", "RestoreSecret"] {
            assert_eq!(may(function, never), "", "{name}: {never}");
        }
    }
}

#[test]
fn a_functions_own_settings_go_before_the_global_ones() {
    let more = "          TABLE_NAME: !Ref Table\n          LEVEL: '2'";
    let template = read(
        &PROBE.replace("          TABLE_NAME: !Ref Table", more),
        setting(),
    )
    .expect("read");
    assert_eq!(template.functions[0].environment["LEVEL"], "2");
    assert_eq!(
        template.functions[0].environment["PUBLIC_URL"],
        "http://127.0.0.1:8700"
    );
}
