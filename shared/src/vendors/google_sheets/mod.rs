//! Google Sheets: a row for each thing that happened, in one tab of a spreadsheet of the clinic's, in
//! the columns and the order that it chose. A row that was written is never changed: what follows
//! is a row of its own.
//!
//! Appending knows no idempotency. Each row bears the delivery's key in the column `reference`, which
//! is looked for before a row is appended and after a reply that was lost, in portions of 50,000
//! rows of that column alone: up to 4 MB each, at most twelve. That a look sees what was appended
//! before it is unverified, and so is how a range beyond the last row is refused. A spreadsheet, tab
//! or column that is chosen anew while a row's fate is unknown may get that row a second time.
//!
//! Google takes 60 calls a minute of an account (unverified): where it says 429, the connection waits.
//! Facts: Google's discovery document of Sheets v4; the token call and errors by its guides.

mod account;

use crate::contract::columns::{self, COLUMNS, REFERENCE};
use crate::contract::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

static VENDOR: Vendor = Vendor {
    id: "google-sheets",
    name: "Google Sheets",
    docs: "https://developers.google.com/workspace/sheets/api/reference/rest",
    host: Host::One("https://sheets.googleapis.com"),
    further_hosts: &[],
    auth: Auth::OAuth(&OAuth {
        host: Host::One("https://oauth2.googleapis.com"),
        path: "/token",
        client: Client::Unnamed,
        grant: Grant::Assertion(account::states),
        beside: &[],
        read: Granted::usual,
    }),
    headers: |_| vec![],
    fields: &[
        Field::document(
            "service_account",
            "JSON key of the service account",
            account::key_misfit,
        ),
        Field::text("spreadsheet", "Address or id of the spreadsheet")
            .checked(account::spreadsheet_misfit),
        Field::text("tab", "Name of the tab"),
        COLUMNS,
    ],
    inbound: &[],
    own_error: |reply| reply.has_texts(&["/error/status"]),
};

pub static FACES: Faces = Faces {
    system: Some(&SYSTEM),
    ..Faces::of(&VENDOR)
};

pub static DOORS: &[&Door] = &[];

pub static SYSTEM: System = System {
    vendor: &VENDOR,
    is: "a row for each thing that happened",
    channel: Channel::Records,
    several: false,
    hears: everything,
    subscriptions: &SUBSCRIPTIONS,
    arrival: Offer::No("its answer says that the row stands in the tab"),
    contact: Offer::No("a row names the clinic's own reference of the patient"),
};

static SUBSCRIPTIONS: [Subscription; 7] = to_records(&APPEND);

/// Google gives a request up after three minutes, so that it may still append until then
/// (unverified).
static APPEND: [Effect<Notification, ExternalId>; 1] = [Effect::new(
    append,
    appended,
    LostReply::Find {
        look: find,
        trusted_after: 240,
    },
)];

/// So many rows of a column are read by one call: 4 MB of references at the most.
const PORTION: usize = 50_000;

/// Where the tab is still empty a first row names the columns; two that meet there may both do so.
fn append(ask: &Notification, talk: &mut Talk, account: &Account) -> Result<Request, Pause> {
    let seen = look(ask, talk, account)?;
    unless_there(seen.filed)?;
    let columns = columns::columns(account);
    let row = columns.iter().map(|name| columns::cell(name, ask));
    let row = row.collect::<Result<Value, _>>()?;
    let labels = || columns.iter().map(|name| columns::label(name)).collect();
    let labels: Option<Value> = seen.empty.then(labels);
    let rows: Vec<_> = labels.into_iter().chain([row]).collect();
    let body = json!({"majorDimension": "ROWS", "values": rows});
    // The table that the first cell is in, whatever staff write below it or beside it.
    let path = format!("{}:append", path(account, "A1"));
    let request = Request::json("POST", path, body)
        // As it is: what is typed is otherwise run where it is a formula.
        .query("valueInputOption", "RAW")
        .query("insertDataOption", "INSERT_ROWS");
    Ok(request)
}

fn appended(ask: &Notification, reply: &Reply, account: &Account) -> Result<ExternalId, Trouble> {
    let body: Value = said(reply, account)?.json()?;
    match body["updates"]["updatedRows"].as_u64() {
        Some(1..) => Ok(filed(ask)),
        _ => Err(Trouble::Unreadable("updates.updatedRows".into())),
    }
}

fn find(ask: &Notification, talk: &mut Talk, of: &Account) -> Result<Option<ExternalId>, Pause> {
    Ok(look(ask, talk, of)?.filed)
}

/// Rows move when staff sort them: a row is known by its reference.
fn filed(ask: &Notification) -> ExternalId {
    ExternalId(Some(ask.key.clone()))
}

/// What the column of references says.
struct Seen {
    filed: Option<ExternalId>,
    /// Nothing stands in it, not even its name.
    empty: bool,
}

fn look(ask: &Notification, talk: &mut Talk, account: &Account) -> Result<Seen, Pause> {
    #[derive(Deserialize)]
    struct Range {
        #[serde(default)]
        values: Vec<Vec<Value>>,
    }
    let columns = columns::columns(account);
    let at = columns.iter().position(|name| *name == REFERENCE);
    // There are fewer columns than letters.
    let column = char::from(b'A' + at.unwrap_or_default() as u8);
    let mut first = 1;
    loop {
        let rows = format!("{column}{first}:{column}{}", first + PORTION - 1);
        let asked = Request::get(path(account, &rows))
            .query("majorDimension", "COLUMNS")
            .query("prettyPrint", "false");
        let reply = talk.ask(asked)?;
        let beyond = first > 1 && reply.status == 400 && message(reply).contains("grid limits");
        let range: Range = match beyond {
            true => Range { values: vec![] },
            false => said(reply, account)?.json()?,
        };
        let cells = range.values.first().map_or(&[] as &[_], Vec::as_slice);
        let found = cells.iter().any(|cell| *cell == *ask.key);
        if found || cells.len() < PORTION {
            return Ok(Seen {
                filed: found.then(|| filed(ask)),
                empty: first == 1 && cells.is_empty(),
            });
        }
        first += PORTION;
    }
}

/// A range of the tab, as it stands in a path.
fn path(account: &Account, cells: &str) -> String {
    let range = format!("'{}'!{cells}", account.secret("tab").replace('\'', "''"));
    let range = utf8_percent_encode(&range, NON_ALPHANUMERIC);
    let id = account::spreadsheet(account.secret("spreadsheet")).unwrap_or_default();
    format!("/v4/spreadsheets/{id}/values/{range}")
}

/// A success whose body may be read; else people are told what to mend.
fn said<'a>(reply: &'a Reply, account: &Account) -> Result<&'a Reply, Trouble> {
    let why = match reply.status {
        403 => {
            let email = account::key(account)?.client_email;
            format!("share the spreadsheet with {email} as an editor: it may not write there yet")
        }
        404 => "there is no spreadsheet of this address or id".into(),
        400 if message(reply).contains("Unable to parse range") => {
            format!("the spreadsheet has no tab \"{}\"", account.secret("tab"))
        }
        _ => return reply.ok(),
    };
    Err(Trouble::Credentials(why))
}

fn message(reply: &Reply) -> String {
    let error: Value = reply.json().unwrap_or_default();
    let message = &error["error"]["message"];
    message.as_str().unwrap_or_default().into()
}
