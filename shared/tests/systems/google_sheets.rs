//! Google Sheets' adapter.

use super::*;
use meridian::contract::{FieldKind, Grant, Pause, Talk, Trouble};
use meridian::domain::dispute;
use meridian::vendors::google_sheets::SYSTEM;
use serde_json::{Value, json};

const PEM: &str = include_str!("../fixtures/google-sheets/key.pem");
const EMAIL: &str = "meridian@clinic.iam.gserviceaccount.com";
const SHEET: &str = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms";

pub fn fields() -> Vec<(&'static str, String)> {
    let address = format!("https://docs.google.com/spreadsheets/d/{SHEET}/edit?gid=7#gid=7");
    vec![
        ("service_account", key_file(|_| ())),
        ("spreadsheet", address),
        ("tab", "Money in".into()),
    ]
}

/// As Google hands it out, with this change.
fn key_file(change: impl Fn(&mut Value)) -> String {
    let mut file = json!({
        "type": "service_account", "project_id": "clinic", "private_key_id": "k1",
        "private_key": PEM, "client_email": EMAIL,
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    });
    change(&mut file);
    format!("{file:#}")
}

fn account_of(columns: &str) -> Account {
    let mut all = fields();
    all.push(("columns", columns.into()));
    let all: Vec<_> = all.iter().map(|(name, value)| (*name, &**value)).collect();
    account(&SYSTEM, &all)
}

fn step() -> &'static Effect<Notification, ExternalId> {
    &steps(&SYSTEM, Topic::RefundPaid)[0]
}

/// Of a column of references.
fn column(cells: &[&str]) -> Reply {
    let range = json!({"range": "'Money in'!G1:G1000", "majorDimension": "COLUMNS"});
    match cells {
        [] => json(200, range),
        _ => json(
            200,
            json!({"range": "'Money in'!G1:G1000", "values": [cells]}),
        ),
    }
}

fn refused(status: u16, message: &str) -> Reply {
    let error = json!({"code": status, "message": message, "status": "PERMISSION_DENIED"});
    json(status, json!({"error": error}))
}

/// What is built after these replies.
fn appends(ask: &Notification, account: &Account, replies: Vec<Reply>) -> Result<Request, Trouble> {
    let (asked, built) = talked(step().build, ask, account, &replies);
    for (request, reply) in asked.iter().zip(&replies) {
        holds(&SYSTEM, request, account, Some(reply));
    }
    assert_eq!(asked.len(), replies.len(), "{asked:?}");
    built
}

/// What its look before each append is answered, where the row is not there.
pub fn not_there() -> Vec<Reply> {
    vec![column(&["Reference"])]
}

fn row(ask: &Notification, columns: &str) -> Value {
    let filled = vec![column(&["Reference"])];
    let request = appends(ask, &account_of(columns), filled).expect("a row");
    body(&request)["values"][0].clone()
}

#[test]
fn a_row_stands_in_the_clinics_columns_in_its_order() {
    let mut ask = told(Topic::RefundPaid);
    ask.at = "2026-11-21T10:00:00Z".parse().unwrap();
    let all = "status, reference,at,patient ,amount,currency,invoice,refund,gateway,topic,name";
    let wanted = json!([
        "refunded",
        ask.key,
        "2026-11-21T10:00:00Z",
        "P-12",
        119.0,
        "EUR",
        "INV-7",
        "R-7-1",
        "stripe",
        "refund-paid",
        ""
    ]);
    assert_eq!(row(&ask, all).to_string(), wanted.to_string());
    // Without a choice the usual ones; the reference is the last where it was not named.
    let usual = json!([
        "2026-11-21T10:00:00Z",
        "P-12",
        "refunded",
        119.0,
        "EUR",
        "INV-7",
        ask.key
    ]);
    assert_eq!(row(&ask, ""), usual);
    let three = row(&ask, "at,patient,status");
    assert_eq!(
        three,
        json!(["2026-11-21T10:00:00Z", "P-12", "refunded", ask.key])
    );
    ask.customer.name = Some("Juniper Vale".into());
    assert_eq!(row(&ask, "name")[0], "Juniper Vale");
}

#[test]
fn a_status_says_in_a_word_what_happened() {
    for (topic, stood, word) in [
        (Topic::PaymentReceived, None, "paid"),
        (Topic::PaymentReturned, None, "returned"),
        (Topic::PaymentFailed, None, "failed"),
        (Topic::RefundPaid, None, "refunded"),
        (Topic::RefundFailed, None, "refund failed"),
        (Topic::DisputeOpened, Some(dispute::State::Open), "disputed"),
        (
            Topic::DisputeClosed,
            Some(dispute::State::Won),
            "dispute won",
        ),
        (
            Topic::DisputeClosed,
            Some(dispute::State::Lost),
            "dispute lost",
        ),
    ] {
        let mut ask = told(topic);
        ask.stood.dispute = stood;
        assert_eq!(row(&ask, "status")[0], word);
    }
}

#[test]
fn an_amount_is_its_exact_number_and_no_text_runs_as_a_formula() {
    let mut ask = told(Topic::RefundPaid);
    for (minor, code, number) in [
        (-1, "EUR", "-0.01"),
        (-250_000, "EUR", "-2500.0"),
        (12, "JPY", "12"),
        (12_345, "KWD", "12.345"),
        (900_719_925_474_099, "EUR", "9007199254740.99"),
    ] {
        ask.amount = Money::new(minor, Currency::read(code).unwrap());
        let cell = row(&ask, "amount")[0].clone();
        assert!(cell.is_number(), "{cell}");
        assert_eq!(cell.to_string(), number);
    }
    ask.amount = eur(i64::MAX);
    let large = appends(&ask, &account_of("amount"), vec![column(&["Reference"])]);
    assert!(matches!(large, Err(Trouble::Rejected(_))), "{large:?}");
    ask.amount = eur(1);
    for (words, written) in [
        ("=IMPORTXML(\"https://evil.example\")", true),
        ("+61370100142", true),
        ("-12", true),
        ("@SUM(A1)", true),
        ("  =1+1", true),
        ("＝1+1", true),
        ("\tP-1", true),
        ("\rP-1", true),
        ("P-1=2", false),
        ("'=1", false),
    ] {
        ask.customer.reference = words.into();
        let wanted = if written {
            format!("_{words}")
        } else {
            words.into()
        };
        assert_eq!(row(&ask, "patient")[0], wanted);
    }
}

#[test]
fn an_empty_tab_is_given_the_names_of_its_columns_with_its_first_row() {
    let (ask, account) = (told(Topic::PaymentReceived), account_of("at,amount"));
    let request = appends(&ask, &account, vec![column(&[])]).expect("a row");
    let rows = &body(&request)["values"];
    assert_eq!(rows[0], json!(["Time", "Amount", "Reference"]));
    assert_eq!((&rows[1][2], &rows[2]), (&json!(ask.key), &Value::Null));
    let done = json!({"spreadsheetId": SHEET, "updates": {"updatedRows": 2}});
    let done = json(200, done);
    holds(&SYSTEM, &request, &account, Some(&done));
    let filed = (step().parse)(&ask, &done, &account);
    assert_eq!(filed, Ok(ExternalId(Some(ask.key.clone()))));
    let nothing = json(200, json!({"updates": {}}));
    let odd = (step().parse)(&ask, &nothing, &account);
    assert!(
        matches!(odd, Err(Trouble::Unreadable(_))),
        "it is looked for: {odd:?}"
    );
}

#[test]
fn what_stands_there_is_not_appended_again_and_is_what_a_lost_reply_comes_to() {
    let (ask, account) = (told(Topic::RefundPaid), demo(&SYSTEM));
    let there = || column(&["Reference", "other", "t-1", &ask.key]);
    let again = appends(&ask, &account, vec![there()]);
    assert_eq!(again, Err(Trouble::Exists(ask.key.clone())));
    let look = search(step());
    let found = heard(look, &ask, &account, &[there()]).expect("an answer");
    assert_eq!(found, Some(ExternalId(Some(ask.key.clone()))));
    // A part of a reference is another's.
    let other = column(&["Reference", &ask.key[1..], &format!("{}1", ask.key)]);
    assert_eq!(
        heard(look, &ask, &account, &[other]).expect("an answer"),
        None
    );
}

#[test]
fn a_long_column_is_read_to_its_end_a_portion_at_a_time() {
    let (ask, account) = (told(Topic::RefundPaid), demo(&SYSTEM));
    let full = || column(&vec!["another-reference"; 50_000]);
    assert!(full().body.len() < 4 * 1024 * 1024);
    let look = search(step());
    let seen = |replies: &[Reply]| heard(look, &ask, &account, replies).expect("an answer");
    assert!(seen(&[full(), column(&["x", &ask.key])]).is_some());
    assert_eq!(seen(&[full(), full(), column(&[])]), None);
    let over = refused(
        400,
        "Range ('Money in'!G50001:G100000) exceeds grid limits.",
    );
    assert_eq!(seen(&[full(), over]), None);
    // What is empty behind a full portion is no empty tab.
    let request = appends(&ask, &account, vec![full(), column(&[])]).expect("a row");
    assert_eq!(body(&request)["values"].as_array().map(Vec::len), Some(1));
    let mut talk = Talk::default();
    for wanted in ["G1%3AG50000", "G50001%3AG100000"] {
        let Err(Pause::Ask(asked)) = look(&ask, &mut talk, &account) else {
            panic!("it is not asked");
        };
        let path = format!("/v4/spreadsheets/{SHEET}/values/%27Money%20in%27%21{wanted}");
        assert_eq!(asked.path, path);
        talk.hear(*asked, full());
    }
}

#[test]
fn a_tabs_name_is_quoted_and_what_is_sent_is_kept_as_it_is() {
    let mut all = fields();
    all[2].1 = "Ann's/2026?".into();
    let all: Vec<_> = all.iter().map(|(name, value)| (*name, &**value)).collect();
    let account = account(&SYSTEM, &all);
    let ask = told(Topic::RefundPaid);
    let request = appends(&ask, &account, vec![column(&["x"])]).expect("a row");
    let range = "%27Ann%27%27s%2F2026%3F%27%21A1:append";
    assert_eq!(
        request.path,
        format!("/v4/spreadsheets/{SHEET}/values/{range}")
    );
    let raw = [
        ("valueInputOption", "RAW"),
        ("insertDataOption", "INSERT_ROWS"),
    ];
    let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(request.query, raw);
}

#[test]
fn people_are_told_what_to_mend_and_all_else_is_tried_again() {
    let (ask, account) = (told(Topic::RefundPaid), demo(&SYSTEM));
    for (reply, mend) in [
        (refused(403, "The caller does not have permission"), EMAIL),
        (
            refused(404, "Requested entity was not found."),
            "no spreadsheet",
        ),
        (
            refused(400, "Unable to parse range: 'Money in'!A1"),
            "no tab \"Money in\"",
        ),
    ] {
        for came in [
            appends(&ask, &account, vec![reply.clone()]).map(drop),
            (step().parse)(&ask, &reply, &account).map(drop),
        ] {
            let Err(Trouble::Credentials(why)) = came else {
                panic!("{came:?}");
            };
            assert!(why.contains(mend), "{why}");
        }
    }
    for status in [429, 503] {
        let came = (step().parse)(&ask, &refused(status, "later"), &account);
        let again = matches!(came, Err(Trouble::Later { .. } | Trouble::Unclear(_)));
        assert!(again, "{status}: {came:?}");
    }
}

#[test]
fn the_account_signs_for_an_hour_of_one_scope_and_its_key_is_never_shown() {
    let Auth::OAuth(oauth) = &SYSTEM.vendor.auth else {
        panic!("it has tokens");
    };
    let Grant::Assertion(states) = oauth.grant else {
        panic!("it signs");
    };
    let stated = states(&demo(&SYSTEM), 1_000).expect("an assertion");
    let claims = json!({
        "iss": EMAIL, "aud": "https://oauth2.googleapis.com/token", "iat": 1_000, "exp": 4_600,
        "scope": "https://www.googleapis.com/auth/spreadsheets",
    });
    assert_eq!((stated.claims, stated.key_id), (claims, "k1".into()));
    assert_eq!(stated.key, PEM);
    let field = SYSTEM.vendor.field("service_account").expect("a field");
    assert!(matches!(field.kind, FieldKind::Document(_)));
    let cut: fn(&mut Value) = |file| file["private_key"] = PEM.replace("MII", "hush").into();
    for (bad, why) in [
        (key_file(cut), "private_key"),
        (
            key_file(|file| file["type"] = "authorized_user".into()),
            "type",
        ),
        (
            key_file(|file| file["token_uri"] = "https://evil.example".into()),
            "token_uri",
        ),
        (
            key_file(|file| file["client_email"] = "a b@c".into()),
            "client_email",
        ),
        (
            key_file(|file| file["private_key"] = Value::Null),
            "private_key",
        ),
        (PEM.into(), "whole"),
        ("{".into(), "whole"),
    ] {
        let told = field.misfit(&bad).expect("it is no key of an account");
        assert!(told.contains(why), "{told}");
        let shown = PEM
            .lines()
            .any(|line| line.len() > 30 && told.contains(line));
        assert!(!shown && !told.contains("hush"), "{told}");
    }
    assert_eq!(field.misfit(&key_file(|_| ())), None);
}

#[test]
fn a_spreadsheet_is_named_by_its_id_or_as_the_browser_shows_it() {
    let field = SYSTEM.vendor.field("spreadsheet").expect("a field");
    for good in [
        SHEET.to_owned(),
        format!("https://docs.google.com/spreadsheets/d/{SHEET}"),
        format!("https://docs.google.com/spreadsheets/u/1/d/{SHEET}/edit#gid=0"),
    ] {
        assert_eq!(field.misfit(&good), None, "{good}");
        let mut all = fields();
        all[1].1 = good;
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, &**value)).collect();
        let look = first(
            search(step()),
            &told(Topic::RefundPaid),
            &account(&SYSTEM, &all),
        );
        assert!(
            look.path
                .starts_with(&format!("/v4/spreadsheets/{SHEET}/values/"))
        );
    }
    for bad in [
        "short",
        "https://docs.google.com/spreadsheets/d/",
        "https://docs.google.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms",
        "https://evil.example/spreadsheets/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms",
        "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/../x",
    ] {
        assert!(field.misfit(bad).is_some(), "{bad}");
    }
}
