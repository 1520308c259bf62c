//! Slack's adapter.

use super::*;
use meridian::contract::Trouble;
use meridian::vendors::slack::SYSTEM;

pub const SECRETS: &[(&str, &str)] = &[(
    "webhook_url",
    "https://hooks.slack.com/services/T0/B0/hush4711",
)];

fn step() -> &'static Effect<Notification, ExternalId> {
    &steps(&SYSTEM, Topic::RefundPaid)[0]
}

fn parsed(status: u16, words: &str) -> Result<ExternalId, Trouble> {
    let (ask, account) = (told(Topic::RefundPaid), demo(&SYSTEM));
    let reply = reply(status, "text/plain", words);
    (step().parse)(&ask, &reply, &account)
}

#[test]
fn the_address_is_the_secret_and_only_the_host_knows_it() {
    let request = built(step().build, &told(Topic::RefundPaid), &demo(&SYSTEM)).unwrap();
    assert_eq!(request.path, "");
    assert_eq!(base(&SYSTEM.vendor.host, &demo(&SYSTEM)), SECRETS[0].1);
    let gov = "https://hooks.slack-gov.com/services/T0/B0/x";
    let gov_account = account(&SYSTEM, &[("webhook_url", gov)]);
    assert!(built(step().build, &told(Topic::RefundPaid), &gov_account).is_ok());
    assert_eq!(base(&SYSTEM.vendor.host, &gov_account), gov);
}

#[test]
fn an_address_that_is_not_slacks_is_refused_and_never_called() {
    for address in [
        "http://hooks.slack.com/services/T0/B0/x",
        "https://hooks.slack.com.evil.example/services/T0/B0/x",
        "https://hooks.slack.com@evil.example/services/T0/B0/x",
        "https://evil.example/https://hooks.slack.com/services/T0/B0/x",
        "https://hooks.slack.com:444/services/T0/B0/x",
        "https://hooks.slack.com/services/",
        "https://hooks.slack.com/services/../admin",
        "https://hooks.slack.com/services/T0/B0/x?to=y",
        "https://hooks.slack.com/triggers/T0/B0/x",
    ] {
        let fields = [("webhook_url".to_owned(), address.to_owned())];
        let odd = Account::load(SYSTEM.vendor.fields, fields.clone().into());
        assert!(odd.is_err(), "{address}");
        // Nor where it was not checked as it was loaded.
        let account = Account::load(&[], fields.into()).expect("nothing is declared");
        let refused = built(step().build, &told(Topic::RefundPaid), &account);
        assert!(refused.is_err(), "{address}");
        assert_eq!(
            base(&SYSTEM.vendor.host, &account),
            "https://hooks.slack.com"
        );
    }
}

#[test]
fn words_cannot_call_the_channel_or_format_the_message() {
    let mut ask = told(Topic::RefundPaid);
    ask.message.subject = "Refund & more".into();
    ask.message.text = "<!channel> *paid* <https://x.example|click>".into();
    let request = built(step().build, &ask, &demo(&SYSTEM)).unwrap();
    let expected = "Refund &amp; more\n&lt;!channel&gt; *paid* &lt;https://x.example|click&gt;";
    assert_eq!(body(&request)["text"], expected);
    assert_eq!(body(&request)["mrkdwn"], false);
    holds(
        &SYSTEM,
        &request,
        &demo(&SYSTEM),
        Some(&reply(200, "text/plain", "ok")),
    );
}

#[test]
fn a_message_without_subject_has_no_empty_line() {
    let mut ask = told(Topic::NeedsPerson);
    ask.message.subject.clear();
    let request = built(step().build, &ask, &demo(&SYSTEM)).unwrap();
    assert_eq!(body(&request)["text"], ask.message.text.as_str());
}

#[test]
fn plain_words_tell_what_a_person_must_mend() {
    assert_eq!(parsed(200, "ok"), Ok(ExternalId(None)));
    assert!(matches!(parsed(200, "<html>"), Err(Trouble::Unreadable(_))));
    assert_eq!(
        parsed(400, "no_text"),
        Err(Trouble::Rejected("no_text".into()))
    );
    let gone = [
        (403, "action_prohibited"),
        (404, "no_service"),
        (410, "channel_is_archived"),
    ];
    for (status, word) in gone {
        assert_eq!(parsed(status, word), Err(Trouble::Credentials(word.into())));
        let request = built(step().build, &told(Topic::RefundPaid), &demo(&SYSTEM)).unwrap();
        holds(
            &SYSTEM,
            &request,
            &demo(&SYSTEM),
            Some(&reply(status, "text/plain", word)),
        );
    }
    let proxy = parsed(403, "<html>hush4711</html>");
    assert_eq!(
        proxy,
        Err(Trouble::Credentials("Slack gave no reason".into()))
    );
    assert!(matches!(
        parsed(500, "rollup_error"),
        Err(Trouble::Unclear(_))
    ));
    assert!(matches!(parsed(302, ""), Err(Trouble::Unclear(_))));
    assert_eq!(parsed(429, "rate_limited"), Err(Trouble::busy(30)));
}

#[test]
fn a_lost_reply_is_a_persons_for_a_repeat_would_be_a_second_message() {
    for subscription in SYSTEM.subscriptions {
        assert!(matches!(
            subscription.steps,
            [Effect {
                lost_reply: LostReply::Human,
                ..
            }]
        ));
    }
}
