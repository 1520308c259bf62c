//! Start, end, restart and reset; what is refused before anything runs.

use crate::house::{House, command, json_of, template};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_interrupt_drains_the_queues_and_keeps_the_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut house = House::start_in(folder.path());
    house
        .put_due("kept", 0, house.now().await + 3_600_000)
        .await;
    house.send(&[json!({ "do": "ok", "n": 1 })]).await;
    assert!(house.signal(Signal::INT).success());
    assert_eq!(house.events("message").len(), 1);

    let mut house = House::start_in(folder.path());
    let rows = house
        .aws(
            "DynamoDB_20120810.Scan",
            json!({ "TableName": "meridian-local-Table" }),
        )
        .await;
    assert_eq!(rows["Count"], 1);
    assert!(
        !house.stderr().contains("did not end cleanly"),
        "{}",
        house.stderr()
    );
    house.signal(Signal::KILL);
    let house = House::start_in(folder.path());
    assert!(
        house.stderr().contains("did not end cleanly"),
        "{}",
        house.stderr()
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_drained_makes_the_end_unclean() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut house = House::start_in(folder.path());
    house.send(&[json!({ "do": "fail", "n": 1 })]).await;
    assert_eq!(house.quiet(5.0).await.0, 504);
    house.signal(Signal::INT);
    assert!(
        house.stderr().contains("ended with messages in the queues"),
        "{}",
        house.stderr()
    );
    let house = House::start_in(folder.path());
    assert!(
        house.stderr().contains("did not end cleanly"),
        "{}",
        house.stderr()
    );
}

#[tokio::test]
async fn a_house_in_memory_leaves_nothing_behind_however_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let left = || std::fs::read_dir(&temporary).expect("the folder").count();
    for end in [
        |house: &mut House| house.end_input(),
        |house: &mut House| house.tell(Signal::INT),
        |house: &mut House| house.tell(Signal::TERM),
    ] {
        let mut house = House::start_in_memory(folder.path(), &temporary);
        assert_eq!(left(), 1);
        house.advance("P30D").await;
        end(&mut house);
        assert!(house.ended().success());
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
    let house = House::start_in(folder.path());
    for untrue in ["did not end cleanly", "those of before"] {
        assert!(!house.stderr().contains(untrue), "{}", house.stderr());
    }
}

#[tokio::test]
async fn what_a_kept_connection_was_told_is_done_is_done_also_at_the_end() {
    let mut house = House::start();
    let (client, url) = (house.client.clone(), format!("{}/probe/send", house.http));
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
    house.tell(Signal::INT);
    tokio::time::sleep(Duration::from_millis(200)).await;
    house.tell(Signal::TERM);
    let taken = sender.await.expect("no other answer");
    assert!(house.ended().success());
    assert!(began.elapsed() < Duration::from_secs(28));
    assert!(taken > 0);
    assert_eq!(house.events("message").len(), taken);
}

#[tokio::test]
async fn reset_is_the_first_day_again() {
    let house = House::start();
    let pid = async || json_of(house.get("/probe/echo").await).await["pid"].clone();
    let before = pid().await;
    house.put_due("row", 0, house.now().await + 3_600_000).await;
    house.send(&[json!({ "do": "fail", "n": 1 })]).await;
    assert_eq!(house.quiet(5.0).await.0, 504);
    house.put("/_local/faults", json!({ "aws": [{ "action": "throttle" }], "vendors": [{ "vendor": "stripe", "action": "cut_after" }] })).await;
    house.advance("PT10S").await;
    let reset = json_of(house.post("/_local/reset", json!({})).await).await;
    assert_eq!(reset["clinic"], "demo");
    assert_eq!(house.quiet(5.0).await.0, 200);
    assert_eq!(
        json_of(house.get("/_local/clock").await).await["offset_ms"],
        0
    );
    assert_eq!(
        json_of(house.get("/_local/faults").await).await,
        json!({ "aws": [], "vendors": [] })
    );
    assert_eq!(json_of(house.get("/_local/calls").await).await, json!([]));
    let rows = house
        .aws(
            "DynamoDB_20120810.Scan",
            json!({ "TableName": "meridian-local-Table" }),
        )
        .await;
    assert_eq!(
        (rows["Count"].clone(), house.depth("Queue").await),
        (json!(0), 0)
    );
    assert_ne!(pid().await, before);
}

#[test]
fn two_houses_do_not_share_a_folder_and_refusals_name_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let _house = House::start_in(folder.path());
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
    assert!(refused(&template(), folder.path()).contains("another house runs"));

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
    let house = House::start();
    let scanned = json_of(house.get("/probe/aws/Scan").await).await;
    let kind = scanned["__type"].as_str().unwrap_or_default();
    assert!(kind.ends_with("AccessDeniedException"), "{scanned}");
    assert!(scanned.to_string().contains("dynamodb:Scan"), "{scanned}");
    let fired = house.post("/_local/fire/probe", json!({})).await;
    assert_eq!(fired.status(), 200, "its queries are allowed");
}

#[tokio::test]
async fn the_demo_accounts_are_there_and_a_change_of_ones_own_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let stripe = async |house: &House| {
        let wanted = json!({ "SecretId": "meridian/demo/stripe" });
        house.aws("secretsmanager.GetSecretValue", wanted).await["SecretString"].clone()
    };
    let put = async |house: &House, name: &str, value: &str| {
        let put = json!({ "SecretId": name, "SecretString": value });
        house.aws("secretsmanager.PutSecretValue", put).await;
    };
    let mut house = House::start_in(folder.path());
    let first = stripe(&house).await;
    assert_eq!(first, r#"{"secret_key":"sk_test_demo"}"#);
    put(&house, "meridian/demo/stripe", "mine").await;
    // As the simulated vendor hands it out when a token is renewed.
    let renewed = refreshed(&house, "demo-refresh-0").await;
    assert_ne!(renewed, "demo-refresh-0");
    let kept = json!({ "refresh_token": renewed }).to_string();
    put(&house, "meridian/demo/xero/oauth", &kept).await;
    house.signal(Signal::INT);

    let house = House::start_in(folder.path());
    assert_eq!(stripe(&house).await, "mine");
    let oauth = json!({ "SecretId": "meridian/demo/xero/oauth" });
    let oauth = house.aws("secretsmanager.GetSecretValue", oauth).await["SecretString"].clone();
    assert_eq!(
        oauth, r#"{"refresh_token":"demo-refresh-0"}"#,
        "the simulated vendor began anew"
    );
    refreshed(&house, "demo-refresh-0").await;
    assert_eq!(house.post("/_local/reset", json!({})).await.status(), 200);
    assert_eq!(stripe(&house).await, first, "the first day again");
}

#[tokio::test]
async fn a_deleted_secret_stops_no_house_and_a_reset_brings_the_first_day_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let stripe = json!({ "SecretId": "meridian/demo/stripe" });
    let put = json!({ "SecretId": "meridian/demo/stripe", "SecretString": "mine" });
    let mut house = House::start_in(folder.path());
    house.aws("secretsmanager.PutSecretValue", put).await;
    for deleted in ["meridian/demo/stripe", "meridian/_/root"] {
        let delete = json!({ "SecretId": deleted });
        house.aws("secretsmanager.DeleteSecret", delete).await;
    }
    house.signal(Signal::INT);

    let house = House::start_in(folder.path());
    let get =
        async |of: serde_json::Value| house.ask_aws("secretsmanager.GetSecretValue", of).await;
    assert_eq!(get(stripe.clone()).await.0, 400, "it stays as it was left");
    let root = json!({ "SecretId": "meridian/_/root" });
    assert_eq!(get(root).await.0, 200, "nothing works without it");
    let other = json!({ "Name": "meridian/other/stripe", "SecretString": "theirs" });
    house.aws("secretsmanager.CreateSecret", other).await;

    assert_eq!(house.post("/_local/reset", json!({})).await.status(), 200);
    let (status, current) = get(stripe).await;
    assert_eq!(
        (status, &current["SecretString"]),
        (200, &json!(r#"{"secret_key":"sk_test_demo"}"#))
    );
    for (gone, stage) in [
        ("meridian/demo/stripe", "AWSPREVIOUS"),
        ("meridian/other/stripe", "AWSCURRENT"),
    ] {
        let (status, refused) = get(json!({ "SecretId": gone, "VersionStage": stage })).await;
        assert_eq!(status, 400, "{gone}: {refused}");
    }
}

/// The refresh token that follows on this one, at the simulated books.
async fn refreshed(house: &House, token: &str) -> String {
    let vendors = json_of(house.get("/_local/hosts").await).await["xero"].clone();
    let vendors = vendors.as_str().expect("where it is");
    let asked = house
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
    let mut house = House::start_in(folder.path());
    let moved = house.post("/_local/clock", json!({ "advance": "PT48H" }));
    assert_eq!(moved.await.status(), 200);
    house.signal(Signal::INT);
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

/// What a person reads until the house is ready.
fn said(state: &std::path::Path) -> String {
    let mut house = command();
    house
        .arg("--template")
        .arg(template())
        .arg("--state")
        .arg(state);
    let mut child = house
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a house");
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
    let house = House::start();
    let page = house.get("/").await;
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
    let help = house.get("/_local").await.text().await.expect("help");
    assert!(help.contains("/_sandbox/"), "{help}");
}
