//! Secrets Manager: stages, repeats, a restart.

use crate::stack::Stack;
use std::os::unix::fs::PermissionsExt;

const NAME: &str = "meridian/demo/inbound/stripe";

async fn value(stack: &Stack, stage: &str) -> Option<String> {
    let get = stack
        .secrets
        .get_secret_value()
        .secret_id(NAME)
        .version_stage(stage);
    match get.send().await {
        Ok(found) => found.secret_string,
        Err(e) => {
            let e = e.into_service_error();
            assert!(e.is_resource_not_found_exception(), "{e:?}");
            None
        }
    }
}

async fn create(stack: &Stack, text: &str) {
    let create = stack.secrets.create_secret().name(NAME).secret_string(text);
    create.send().await.expect("the secret is created");
}

async fn put(stack: &Stack, text: &str) {
    let put = stack
        .secrets
        .put_secret_value()
        .secret_id(NAME)
        .secret_string(text);
    put.send().await.expect("a version is put");
}

#[tokio::test]
async fn the_version_before_is_previous_and_only_that_one() {
    let stack = Stack::start(None).await;
    create(&stack, "one").await;
    assert_eq!(value(&stack, "AWSPREVIOUS").await, None);
    for (now, before) in [("two", "one"), ("three", "two"), ("four", "three")] {
        put(&stack, now).await;
        assert_eq!(value(&stack, "AWSCURRENT").await.as_deref(), Some(now));
        assert_eq!(value(&stack, "AWSPREVIOUS").await.as_deref(), Some(before));
    }
}

#[tokio::test]
async fn a_repeat_under_the_same_token_changes_nothing() {
    let stack = Stack::start(None).await;
    let token = "5a0f3f4e-8f0c-4a53-9e0f-2f4f3c1d7a10";
    for _ in 0..2 {
        let create = stack
            .secrets
            .create_secret()
            .name(NAME)
            .secret_string("one");
        create
            .client_request_token(token)
            .send()
            .await
            .expect("created, and repeated");
    }
    put(&stack, "two").await;
    let token = "91c1d8f7-3c42-4d1e-8a8e-0f6f4ad0c2b3";
    for _ in 0..2 {
        let put = stack
            .secrets
            .put_secret_value()
            .secret_id(NAME)
            .secret_string("three");
        put.client_request_token(token)
            .send()
            .await
            .expect("put, and repeated");
    }
    assert_eq!(value(&stack, "AWSPREVIOUS").await.as_deref(), Some("two"));
    let other = stack
        .secrets
        .put_secret_value()
        .secret_id(NAME)
        .secret_string("four");
    let refused = other
        .client_request_token(token)
        .send()
        .await
        .expect_err("another value");
    assert!(refused.into_service_error().is_resource_exists_exception());
}

#[tokio::test]
async fn both_stages_survive_a_restart_in_a_file_for_this_user_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = Stack::start(Some(folder.path().to_owned())).await;
    create(&stack, "one").await;
    put(&stack, "two").await;
    stack.aws.shutdown().await;

    let stack = Stack::start(Some(folder.path().to_owned())).await;
    assert_eq!(value(&stack, "AWSCURRENT").await.as_deref(), Some("two"));
    assert_eq!(value(&stack, "AWSPREVIOUS").await.as_deref(), Some("one"));
    let file = folder
        .path()
        .join("secrets.json")
        .metadata()
        .expect("the file");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_reset_forgets_secrets_whole_and_one_that_waits_for_its_deletion_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = Stack::start(Some(folder.path().to_owned())).await;
    create(&stack, "one").await;
    put(&stack, "two").await;
    let delete = stack.secrets.delete_secret().secret_id(NAME);
    delete.send().await.expect("it waits for its deletion");
    stack.aws.reset().await.expect("a reset");
    assert_eq!(value(&stack, "AWSCURRENT").await, None);
    create(&stack, "three").await;
    assert_eq!(value(&stack, "AWSPREVIOUS").await, None);
    let kept = std::fs::read_to_string(folder.path().join("secrets.json")).expect("the file");
    assert!(kept.contains("three") && !kept.contains("one"), "{kept}");
}

#[tokio::test]
async fn the_log_hides_secrets() {
    let stack = Stack::start(None).await;
    create(&stack, "very-secret").await;
    let log = serde_json::to_string(&stack.aws.calls()).expect("the log");
    assert!(
        log.contains("CreateSecret") && !log.contains("very-secret"),
        "{log}"
    );
}
