//! What a vendor answers, and what could not be sent to it.

use crate::stack::*;
use meridian::contract::{Account, Request, Trouble};
use meridian::flows::accounts;
use meridian::io::transport::Transport;
use meridian::vendors;
use meridian::words::ids;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

fn account(fields: &[(&str, &str)]) -> Account {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    let fields: BTreeMap<String, String> = fields.collect();
    Account::load(&[], fields).expect("no field is needed")
}

/// As a function reaches the vendors of these tests.
fn transport() -> Transport {
    Transport::new(&config(&aws().endpoint(), "test"))
}

#[tokio::test]
async fn a_reply_that_is_too_long_or_never_ends_is_no_answer() {
    let _still = still().await;
    let stripe = vendors::gateway("stripe").expect("a gateway").vendor;
    let account = account(&[("secret_key", "sk_test_demo")]);
    let transport = transport();
    let ask = async |path: &str| {
        let request = Request::get(path);
        transport.send(stripe, &account, &request, None, None).await
    };
    let large = format!("/v1/large/{}", ids::random());
    vendors().script(&large, &[Said::Whole(200, vec![b' '; 40_000_000])]);
    let said = ask(&large).await;
    assert!(matches!(said, Err(Trouble::Unclear(_))), "{said:?}");
    let endless = format!("/v1/endless/{}", ids::random());
    vendors().script(&endless, &[Said::Endless]);
    let before = vendors().given.load(Ordering::Relaxed);
    let said = ask(&endless).await;
    assert!(matches!(said, Err(Trouble::Unclear(_))), "{said:?}");
    let given = vendors().given.load(Ordering::Relaxed) - before;
    assert!(given < 64_000_000, "{given} bytes were taken");
    // A long list is an answer, up to 8 MiB.
    const MOST: usize = 8 * 1024 * 1024;
    for (bytes, taken) in [(2_000_000, true), (MOST, true), (MOST + 1, false)] {
        let long = format!("/v1/long/{}", ids::random());
        vendors().script(&long, &[Said::Whole(200, vec![b' '; bytes])]);
        let said = ask(&long).await.map(|reply| reply.body.len());
        assert_eq!(said.ok(), taken.then_some(bytes), "{bytes}");
    }
}

#[tokio::test]
async fn what_could_not_be_built_was_not_sent_and_is_a_fault_of_the_configuration() {
    let _still = still().await;
    let path = format!("/v1/unbuilt/{}", ids::random());
    let stripe = vendors::gateway("stripe").expect("a gateway").vendor;
    let broken = account(&[("secret_key", "sk_test\ndemo")]);
    let transport = transport();
    let request = Request::get(&path);
    let said = transport.send(stripe, &broken, &request, None, None).await;
    match said {
        Err(Trouble::Credentials(why)) => assert!(!why.contains("sk_test"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(vendors().asked(&path), 0);
}

#[tokio::test]
async fn a_value_that_was_written_by_hand_with_its_line_end_is_taken_without_it() {
    let _still = still().await;
    let clinic = Clinic::new().await;
    let name = format!("meridian/{}/gateway/stripe", clinic.id);
    secret(&name, json!({ "secret_key": "sk_test_demo\n" })).await;
    let vendor = vendors::gateway("stripe").expect("a gateway").vendor;
    let account = accounts::account_of(&clinic.app, &clinic.id, vendor, vendor.id).await;
    let account = account.expect("an account");
    assert_eq!(account.secret("secret_key"), "sk_test_demo");
    secret(
        &format!("meridian/{}/system/slack", clinic.id),
        json!({ "webhook_url": "\n" }),
    )
    .await;
    let vendor = vendors::system("slack").expect("a system").vendor;
    let blank = accounts::account_of(&clinic.app, &clinic.id, vendor, vendor.id).await;
    assert!(matches!(blank, Err(Trouble::Credentials(_))), "{blank:?}");
}
