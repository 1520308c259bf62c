//! Start, end, restart and reset; what is refused before anything runs.

use crate::stack::{Stack, command, json_of, template};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_interrupt_drains_the_queues_and_keeps_the_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::start_in(folder.path());
    stack
        .put_due("kept", 0, stack.now().await + 3_600_000)
        .await;
    stack.send(&[json!({ "do": "ok", "n": 1 })]).await;
    assert!(stack.signal(Signal::INT).success());
    assert_eq!(stack.events("message").len(), 1);

    let mut stack = Stack::start_in(folder.path());
    let rows = stack
        .aws(
            "DynamoDB_20120810.Scan",
            json!({ "TableName": "meridian-local-Table" }),
        )
        .await;
    assert_eq!(rows["Count"], 1);
    assert!(
        !stack.stderr().contains("did not end cleanly"),
        "{}",
        stack.stderr()
    );
    stack.signal(Signal::KILL);
    let stack = Stack::start_in(folder.path());
    assert!(
        stack.stderr().contains("did not end cleanly"),
        "{}",
        stack.stderr()
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_drained_makes_the_end_unclean() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::start_in(folder.path());
    stack.send(&[json!({ "do": "fail", "n": 1 })]).await;
    assert_eq!(stack.quiet(5.0).await.0, 504);
    stack.signal(Signal::INT);
    assert!(
        stack.stderr().contains("ended with messages in the queues"),
        "{}",
        stack.stderr()
    );
    let stack = Stack::start_in(folder.path());
    assert!(
        stack.stderr().contains("did not end cleanly"),
        "{}",
        stack.stderr()
    );
}

#[tokio::test]
async fn a_house_in_memory_leaves_nothing_behind_however_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let left = || std::fs::read_dir(&temporary).expect("the folder").count();
    for end in [
        |stack: &mut Stack| stack.end_input(),
        |stack: &mut Stack| stack.tell(Signal::INT),
        |stack: &mut Stack| stack.tell(Signal::TERM),
    ] {
        let mut stack = Stack::start_in_memory(folder.path(), &temporary);
        assert_eq!(left(), 1);
        stack.advance("P30D").await;
        end(&mut stack);
        assert!(stack.ended().success());
        assert_eq!(left(), 0);
    }
}

#[test]
fn a_start_that_failed_is_no_house_that_was_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let failed = command()
        .args(["--template", "nowhere.yaml", "--state"])
        .arg(folder.path())
        .output()
        .expect("an end");
    assert!(!failed.status.success());
    let stack = Stack::start_in(folder.path());
    for untrue in ["did not end cleanly", "those of before"] {
        assert!(!stack.stderr().contains(untrue), "{}", stack.stderr());
    }
}

#[tokio::test]
async fn what_a_kept_connection_was_told_is_done_is_done_also_at_the_end() {
    let mut stack = Stack::start();
    let (client, url) = (stack.client.clone(), format!("{}/probe/send", stack.http));
    let sender = tokio::spawn(async move {
        let mut taken = 0;
        // until nobody answers any more
        while let Ok(answer) = client.post(&url).body("{}").send().await {
            match answer.status().as_u16() {
                200 => taken += 1,
                503 => break,
                other => panic!("{other}"),
            }
        }
        taken
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    stack.tell(Signal::INT);
    tokio::time::sleep(Duration::from_millis(200)).await;
    stack.tell(Signal::TERM);
    let taken = sender.await.expect("no other answer");
    assert!(stack.ended().success());
    assert!(began.elapsed() < Duration::from_secs(28));
    assert!(taken > 0);
    assert_eq!(stack.events("message").len(), taken);
}

#[tokio::test]
async fn reset_is_the_first_day_again() {
    let stack = Stack::start();
    let pid = async || json_of(stack.get("/probe/echo").await).await["pid"].clone();
    let before = pid().await;
    stack.put_due("row", 0, stack.now().await + 3_600_000).await;
    stack.send(&[json!({ "do": "fail", "n": 1 })]).await;
    assert_eq!(stack.quiet(5.0).await.0, 504);
    stack.put("/_local/faults", json!({ "aws": [{ "action": "throttle" }], "vendors": [{ "vendor": "stripe", "action": "cut_after" }] })).await;
    stack.advance("PT10S").await;
    let reset = json_of(stack.post("/_local/reset", json!({})).await).await;
    assert_eq!(reset["clinic"], "demo");
    assert_eq!(stack.quiet(5.0).await.0, 200);
    assert_eq!(
        json_of(stack.get("/_local/clock").await).await["offset_ms"],
        0
    );
    assert_eq!(
        json_of(stack.get("/_local/faults").await).await,
        json!({ "aws": [], "vendors": [] })
    );
    assert_eq!(json_of(stack.get("/_local/calls").await).await, json!([]));
    let rows = stack
        .aws(
            "DynamoDB_20120810.Scan",
            json!({ "TableName": "meridian-local-Table" }),
        )
        .await;
    assert_eq!(
        (rows["Count"].clone(), stack.depth("Queue").await),
        (json!(0), 0)
    );
    assert_ne!(pid().await, before);
}

#[test]
fn two_houses_do_not_share_a_folder_and_refusals_name_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let _house = Stack::start_in(folder.path());
    let refused = |template: &std::path::Path, state: &std::path::Path| {
        let mut command = command();
        command
            .arg("--template")
            .arg(template)
            .arg("--state")
            .arg(state);
        let output = command.output().expect("an end");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&template(), folder.path()).contains("another stack runs"));

    let other = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(template()).expect("the template");
    let wrong = other.path().join("wrong.yaml");
    std::fs::write(
        &wrong,
        text.replace("      VisibilityTimeout: 60\n", "      FifoQueue: true\n"),
    )
    .expect("written");
    let said = refused(&wrong, other.path());
    let line = text
        .lines()
        .position(|line| line.contains("VisibilityTimeout"))
        .expect("there")
        + 1;
    assert!(
        said.contains(&format!(
            "wrong.yaml:{line}: Queue: the local stack does not honour `FifoQueue`"
        )),
        "{said}"
    );
}

#[tokio::test]
async fn a_function_may_do_what_its_policies_say_and_nothing_else() {
    let stack = Stack::start();
    let scanned = json_of(stack.get("/probe/aws/Scan").await).await;
    let kind = scanned["__type"].as_str().unwrap_or_default();
    assert!(kind.ends_with("AccessDeniedException"), "{scanned}");
    assert!(scanned.to_string().contains("dynamodb:Scan"), "{scanned}");
    let fired = stack.post("/_local/fire/probe", json!({})).await;
    assert_eq!(fired.status(), 200, "its queries are allowed");
}

#[tokio::test]
async fn the_demo_accounts_are_there_and_a_change_of_ones_own_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let stripe = async |stack: &Stack| {
        let wanted = json!({ "SecretId": "meridian/demo/gateway/stripe" });
        stack.aws("secretsmanager.GetSecretValue", wanted).await["SecretString"].clone()
    };
    let put = async |stack: &Stack, name: &str, value: &str| {
        let put = json!({ "SecretId": name, "SecretString": value });
        stack.aws("secretsmanager.PutSecretValue", put).await;
    };
    let mut stack = Stack::start_in(folder.path());
    let first = stripe(&stack).await;
    assert_eq!(first, r#"{"secret_key":"sk_test_demo"}"#);
    put(&stack, "meridian/demo/gateway/stripe", "mine").await;
    // As the simulated vendor hands it out when a token is renewed.
    let renewed = refreshed(&stack, "demo-refresh-0").await;
    assert_ne!(renewed, "demo-refresh-0");
    let kept = json!({ "refresh_token": renewed }).to_string();
    put(&stack, "meridian/demo/oauth/xero", &kept).await;
    stack.signal(Signal::INT);

    let stack = Stack::start_in(folder.path());
    assert_eq!(stripe(&stack).await, "mine");
    let oauth = json!({ "SecretId": "meridian/demo/oauth/xero" });
    let oauth = stack.aws("secretsmanager.GetSecretValue", oauth).await["SecretString"].clone();
    assert_eq!(
        oauth, r#"{"refresh_token":"demo-refresh-0"}"#,
        "the simulated vendor began anew"
    );
    refreshed(&stack, "demo-refresh-0").await;
    assert_eq!(stack.post("/_local/reset", json!({})).await.status(), 200);
    assert_eq!(stripe(&stack).await, first, "the first day again");
}

#[tokio::test]
async fn a_deleted_secret_stops_no_house_and_a_reset_brings_the_first_day_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let stripe = json!({ "SecretId": "meridian/demo/gateway/stripe" });
    let put = json!({ "SecretId": "meridian/demo/gateway/stripe", "SecretString": "mine" });
    let mut stack = Stack::start_in(folder.path());
    stack.aws("secretsmanager.PutSecretValue", put).await;
    for deleted in ["meridian/demo/gateway/stripe", "meridian/_/root"] {
        let delete = json!({ "SecretId": deleted });
        stack.aws("secretsmanager.DeleteSecret", delete).await;
    }
    stack.signal(Signal::INT);

    let stack = Stack::start_in(folder.path());
    let get =
        async |of: serde_json::Value| stack.ask_aws("secretsmanager.GetSecretValue", of).await;
    assert_eq!(get(stripe.clone()).await.0, 400, "it stays as it was left");
    let root = json!({ "SecretId": "meridian/_/root" });
    assert_eq!(get(root).await.0, 200, "nothing works without it");
    let other = json!({ "Name": "meridian/other/gateway/stripe", "SecretString": "theirs" });
    stack.aws("secretsmanager.CreateSecret", other).await;

    assert_eq!(stack.post("/_local/reset", json!({})).await.status(), 200);
    let (status, current) = get(stripe).await;
    assert_eq!(
        (status, &current["SecretString"]),
        (200, &json!(r#"{"secret_key":"sk_test_demo"}"#))
    );
    for (gone, stage) in [
        ("meridian/demo/gateway/stripe", "AWSPREVIOUS"),
        ("meridian/other/gateway/stripe", "AWSCURRENT"),
    ] {
        let (status, refused) = get(json!({ "SecretId": gone, "VersionStage": stage })).await;
        assert_eq!(status, 400, "{gone}: {refused}");
    }
}

/// The refresh token that follows on this one, at the simulated books.
async fn refreshed(stack: &Stack, token: &str) -> String {
    let vendors = json_of(stack.get("/_local/hosts").await).await["xero"].clone();
    let vendors = vendors.as_str().expect("where it is");
    let asked = stack
        .client
        .post(format!("{vendors}/connect/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .basic_auth("demo", Some("demo"))
        .body(format!("grant_type=refresh_token&refresh_token={token}"))
        .send()
        .await;
    let answer = json_of(asked.expect("an answer")).await;
    let next = answer["refresh_token"].as_str();
    next.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn a_house_that_starts_again_prints_commands_that_do_something_and_says_that_time_was_moved()
{
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::start_in(folder.path());
    let moved = stack.post("/_local/clock", json!({ "advance": "PT48H" }));
    assert_eq!(moved.await.status(), 200);
    stack.signal(Signal::INT);
    let first = said(folder.path());
    let second = said(folder.path());
    let key = |said: &str| {
        let (_, rest) = said.split_once("idempotency-key: ").expect("a key");
        rest.split('\'').next().unwrap_or_default().to_owned()
    };
    assert_ne!(key(&first), key(&second));
    assert!(first.contains("48 h ahead"), "{first}");
    assert!(first.contains("/_local/reset"), "{first}");
}

/// What a person reads until the stack is ready.
fn said(state: &std::path::Path) -> String {
    let mut stack = command();
    stack
        .arg("--template")
        .arg(template())
        .arg("--state")
        .arg(state);
    let mut child = stack
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a stack");
    let lines = std::io::BufReader::new(child.stdout.take().expect("its words"));
    let mut said = String::new();
    for line in std::io::BufRead::lines(lines).map_while(Result::ok) {
        said += &format!("{line}\n");
        if line.starts_with("ready") {
            break;
        }
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, Signal::INT).expect("it is there");
    child.wait().expect("its end");
    said
}

#[tokio::test]
async fn the_root_page_leads_to_everything_that_a_person_can_do_here() {
    let stack = Stack::start();
    let page = stack.get("/").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("a page");
    for wanted in [
        "/_local/clock",
        "/_local/faults",
        "/_sandbox/stripe",
        "pay/{id}",
        "dispute/{payment}",
        "Messages",
        "Invoices",
        "<title>",
    ] {
        assert!(page.contains(wanted), "{wanted} is not named");
    }
    let help = stack.get("/_local").await.text().await.expect("help");
    assert!(help.contains("/_sandbox/"), "{help}");
}
