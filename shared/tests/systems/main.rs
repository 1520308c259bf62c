//! The adapters of business systems and polled sources: what they send, what they make of every answer, and how they
//! find out what became of a lost one.

mod cliniko;
mod google_sheets;
mod mailgun;
mod own;
mod quickbooks;
mod slack;
#[path = "../support/talk.rs"]
mod talk;
mod twilio;
mod xero;

use meridian::contract::{
    Account, Arrival, Auth, Body, Channel, Customer, DependsOn, Effect, ExternalId, Host, Ids,
    LostReply, Message, Notification, OfRate, Read, Reply, Request, Standing, Stood, System,
};
use meridian::domain::outbox::Topic;
use meridian::vendors;
use meridian::words::money::{Currency, Money};
use meridian_contracts::{Contracts, Exchange};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use talk::{built, first, heard, talked};

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::read("EUR").unwrap())
}

fn rate(percent: u32, gross: i64, tax: i64) -> OfRate {
    OfRate {
        percent: percent.into(),
        gross: eur(gross),
        tax: eur(tax),
    }
}

fn applied(amount: Money) -> Standing {
    Standing {
        applied: amount,
        ..Standing::none(amount.currency)
    }
}

/// An invoice over 119.00 with 19.00 of tax, told of with nothing shared but what the channel needs.
fn told(topic: Topic) -> Notification {
    Notification {
        key: "t-0abcdefghjkmnpqrstvw-receipt-p1".into(),
        topic,
        filed: vec![
            "61ed71fc-01bf-4eb8-8419-8a18789ff45f".into(),
            "5e0d7d7f-3b5c-4f0a-9b57-1c4c8f1e2b3d".into(),
        ],
        clinic: "demo".into(),
        invoice: "INV-7".into(),
        note: (topic == Topic::InvoiceCredited).then(|| "INV-7-C1".into()),
        made: vec!["3d1f3a52-3c5e-4d0a-8f1b-6b7c8d9e0f10".into()],
        came: Default::default(),
        by: Default::default(),
        refund: (topic == Topic::RefundPaid).then(|| "R-7-1".into()),
        amount: eur(11900),
        payment: Some(eur(11900)),
        refunded_before: eur(0),
        standing: Standing {
            payment: Some("61ed71fc-01bf-4eb8-8419-8a18789ff45f".into()),
            was: eur(11900),
            ..applied(eur(11900))
        },
        total: eur(11900),
        rates: vec![rate(19, 11900, 1900)],
        date: jiff::civil::date(2026, 3, 14),
        at: "2026-03-14T09:30:00Z".parse().unwrap(),
        ids: Ids {
            case: Some("0123456789abcdef".into()),
            payment: Some("0123456789abcdef-p1".into()),
            payment_there: Some("pi_1".into()),
            appointment: (topic == Topic::VisitCancelled).then(|| cliniko::VISIT.into()),
            ..Ids::default()
        },
        stood: Stood {
            asked: eur(11900),
            ..Stood::none(eur(0).currency)
        },
        gateway: "stripe".into(),
        contact: None,
        customer: Customer {
            reference: "P-12".into(),
            name: None,
            email: Some("sam@example.com".into()),
            phone: Some("+4930123456".into()),
        },
        message: Message {
            subject: "Your receipt".into(),
            text: "Thank you: 119.00 EUR for INV-7 was paid.".into(),
            html: "<p>Thank you: 119.00 EUR for INV-7 was paid.</p>".into(),
        },
    }
}

fn account(system: &System, fields: &[(&str, &str)]) -> Account {
    let fields: BTreeMap<String, String> = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    Account::load(system.vendor.fields, fields).expect("all declared secrets are given")
}

fn demo(system: &System) -> Account {
    let sheets = google_sheets::fields();
    let sheets: Vec<_> = sheets
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let fields: &[(&str, &str)] = match system.vendor.id {
        "mailgun" => mailgun::SECRETS,
        "twilio" => twilio::SECRETS,
        "slack" => slack::SECRETS,
        "xero" => xero::SECRETS,
        "quickbooks" => quickbooks::SECRETS,
        "own" => own::SECRETS,
        "google-sheets" => &sheets,
        "cliniko" => cliniko::SECRETS,
        other => panic!("{other} has no account here"),
    };
    account(system, fields)
}

fn steps(system: &System, topic: Topic) -> &'static [Effect<Notification, ExternalId>] {
    let mut subscription = system
        .subscriptions
        .iter()
        .filter(|subscription| subscription.topic == topic);
    subscription.next().expect("the system hears of it").steps
}

/// How a lost reply is looked up.
fn search(step: &Effect<Notification, ExternalId>) -> Read<Notification, Option<ExternalId>> {
    match step.lost_reply.at(i64::MAX) {
        LostReply::Find { look, .. } => *look,
        _ => panic!("a lost reply is not looked up"),
    }
}

fn reply(status: u16, content_type: &str, body: &str) -> Reply {
    Reply {
        status,
        headers: vec![("Content-Type".into(), content_type.into())],
        body: body.into(),
    }
}

fn json(status: u16, body: serde_json::Value) -> Reply {
    reply(status, "application/json", &body.to_string())
}

fn base(host: &Host, account: &Account) -> String {
    match host {
        Host::One(host) => host.to_string(),
        Host::From(of) => of(account),
        Host::Told(name) => account.secret(name).into(),
        Host::Granted => panic!("only the token call names the host"),
    }
}

fn field<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let Body::Form(fields) = &request.body else {
        panic!("not a form");
    };
    let mut named = fields.iter().filter(|(n, _)| n == name);
    named.next().map(|(_, value)| value.as_str())
}

fn body(request: &Request) -> &serde_json::Value {
    match &request.body {
        Body::Json(value) => value,
        _ => panic!("not JSON"),
    }
}

fn contracts() -> Option<&'static Contracts> {
    static CONTRACTS: OnceLock<Option<Contracts>> = OnceLock::new();
    let contracts = CONTRACTS.get_or_init(Contracts::from_env).as_ref();
    if contracts.is_none() {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
    }
    contracts
}

/// The request as it goes over the wire, and the reply, fit the vendor's own contract.
fn holds(system: &System, request: &Request, account: &Account, reply: Option<&Reply>) {
    let Some(contracts) = contracts() else { return };
    let encode = |fields: &[(String, String)]| {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
    };
    let address = base(&system.vendor.host, account) + &request.path;
    let (_, path) = address
        .trim_start_matches("https://")
        .split_once('/')
        .unwrap();
    let mut headers: Vec<(String, String)> = (system.vendor.headers)(account)
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .chain(request.headers.clone())
        .collect();
    let scheme = match system.vendor.auth {
        Auth::Bearer(_) | Auth::OAuth(_) => Some("Bearer x"),
        Auth::Basic { .. } => Some("Basic eDp4"),
        Auth::Headers(_) | Auth::InBody(_) | Auth::InAddress | Auth::Open => None,
        Auth::StandardWebhook(_) => None,
    };
    headers.extend(scheme.map(|value| ("Authorization".into(), value.into())));
    if matches!(system.vendor.auth, Auth::StandardWebhook(_)) {
        let signed = format!("v1,{}=", "A".repeat(43));
        headers.extend([
            ("webhook-id".into(), "id".into()),
            ("webhook-timestamp".into(), "1795255200".into()),
            ("webhook-signature".into(), signed),
        ]);
    }
    let (content_type, bytes) = match &request.body {
        Body::None => (None, vec![]),
        Body::Form(fields) => (
            Some("application/x-www-form-urlencoded"),
            encode(fields).into_bytes(),
        ),
        Body::Json(value) => (Some("application/json"), value.to_string().into_bytes()),
        Body::Exact { content_type, text } => {
            (Some(content_type.as_str()), text.clone().into_bytes())
        }
    };
    headers.extend(content_type.map(|value| ("Content-Type".into(), value.into())));
    let query = match request.query.is_empty() {
        true => String::new(),
        false => format!("?{}", encode(&request.query)),
    };
    let problems = contracts.check(&Exchange {
        vendor: system.vendor.id.into(),
        method: request.method.clone(),
        path: format!("/{path}{query}"),
        request_headers: headers,
        request_body: bytes,
        status: reply.map_or(0, |reply| reply.status),
        response_headers: reply.map(|reply| reply.headers.clone()).unwrap_or_default(),
        response_body: reply.map(|reply| reply.body.clone()).unwrap_or_default(),
    });
    assert!(problems.is_empty(), "{problems:#?}\n{request:#?}");
}

/// A file of the contracts' folder, where the folder is named.
fn official(path: &str) -> Option<serde_json::Value> {
    let folder = std::env::var_os("MERIDIAN_CONTRACTS").filter(|folder| !folder.is_empty())?;
    let file = std::path::Path::new(&folder).join(path);
    let text = std::fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    Some(serde_json::from_slice(&text).expect("the file is JSON"))
}

/// What a system answers to what is read before the request of a step.
fn before(system: &System, ask: &Notification) -> Vec<Reply> {
    match system.vendor.id {
        "google-sheets" => google_sheets::not_there(),
        "cliniko" => vec![cliniko::there(serde_json::json!({}))],
        "quickbooks" => quickbooks::before(ask),
        _ => vec![],
    }
}

/// Every request that a system can send, with what it is.
fn requests() -> Vec<(&'static System, Topic, Request)> {
    let mut requests = vec![];
    for system in vendors::systems() {
        let account = demo(system);
        for subscription in system.subscriptions {
            let mut ask = told(subscription.topic);
            if subscription.names_contact {
                ask.contact = Some("bd2270c3-8706-4c11-9cfb-000b551c3f51".into());
            }
            for (n, step) in subscription.steps.iter().enumerate() {
                ask.made = vec!["3d1f3a52-3c5e-4d0a-8f1b-6b7c8d9e0f10".into(); n];
                let build = || heard(step.build, &ask, &account, &before(system, &ask)).unwrap();
                let request = build();
                assert_eq!(request, build(), "a repeat differs");
                requests.push((system, subscription.topic, request));
                if let LostReply::Find { look, .. } = step.lost_reply.at(i64::MAX) {
                    let request = first(*look, &ask, &account);
                    requests.push((system, subscription.topic, request));
                }
            }
        }
    }
    requests
}

#[test]
fn every_request_fits_its_vendors_contract() {
    for (system, _, request) in requests() {
        holds(system, &request, &demo(system), None);
    }
}

#[test]
fn no_request_holds_a_credential() {
    let secrets = [
        "api_key",
        "auth_token",
        "webhook_url",
        "secret",
        "client_id",
        "client_secret",
        "tenant_id",
        "service_account",
    ];
    for (system, topic, request) in requests() {
        let account = demo(system);
        let stored = serde_json::to_string(&request).unwrap();
        let mut held = secrets
            .iter()
            .map(|name| account.secret(name))
            .filter(|s| !s.is_empty());
        let leaked = held.find(|secret| stored.contains(*secret));
        assert_eq!(leaked, None, "{} {topic:?}", system.vendor.id);
    }
    let hook = demo(vendors::system("slack").unwrap());
    let address = hook.secret("webhook_url");
    let step = &steps(&vendors::slack::SYSTEM, Topic::RefundPaid)[0];
    let stored = built(step.build, &told(Topic::RefundPaid), &hook);
    let stored = format!("{stored:?}");
    assert!(!stored.contains(address.rsplit('/').next().unwrap()));
}

#[test]
fn every_system_hears_of_a_topic_once_and_only_after_what_it_hears_of_itself() {
    for system in vendors::systems() {
        let id = system.vendor.id;
        let topics: Vec<_> = system
            .subscriptions
            .iter()
            .map(|subscription| subscription.topic)
            .collect();
        for subscription in system.subscriptions {
            let times = topics
                .iter()
                .filter(|topic| **topic == subscription.topic)
                .count();
            assert_eq!(times, 1, "{id} {:?}", subscription.topic);
            let after = subscription.depends_on.topic();
            assert!(after.is_none_or(|after| topics.contains(&after)), "{id}");
            assert!(!subscription.steps.is_empty(), "{id}");
        }
        assert!(vendors::system(id).is_some());
    }
}

#[test]
fn every_message_to_a_patient_can_be_looked_at_after_it_was_sent() {
    for system in vendors::systems() {
        let to_patient = matches!(system.channel, Channel::PatientEmail | Channel::PatientText);
        let id = system.vendor.id;
        assert_eq!(system.arrival.yes().is_some(), to_patient, "{id}");
    }
}

#[test]
fn that_a_refund_failed_concerns_only_who_was_told_that_it_was_paid() {
    // Staff and records are told whatever happened, a practice system of no money.
    use Channel::{Practice, Records, Staff};
    let all = |system: &&System| matches!(system.channel, Staff | Records | Practice);
    for system in vendors::systems().filter(|system| !all(system)) {
        let id = system.vendor.id;
        let mut subscription = system.subscriptions.iter();
        let failed = subscription.find(|subscription| subscription.topic == Topic::RefundFailed);
        let after = failed.map(|subscription| subscription.depends_on);
        assert_eq!(after, Some(DependsOn::TakesBack(Topic::RefundPaid)), "{id}");
    }
}

#[test]
fn books_and_staff_are_told_without_the_patients_addresses() {
    for (system, topic, request) in requests() {
        let stored = serde_json::to_string(&request).unwrap();
        let mail = stored.contains("sam@example.com");
        let phone = stored.contains("30123456");
        let id = system.vendor.id;
        assert_eq!(
            (mail, phone),
            (id == "mailgun", id == "twilio"),
            "{id} {topic:?}"
        );
    }
}
