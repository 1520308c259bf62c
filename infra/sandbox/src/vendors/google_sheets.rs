//! Google Sheets: a token for what a service account signs, and a column or the table of a tab whose
//! spreadsheet is shared with it. What would run a formula or write over rows is refused here.

mod account;

use crate::fields;
use crate::vendor::Vendor;
use crate::wire::{Call, Reply};
use crate::world::World;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    seed: |world| world.put(SHEET, "", DEMO, json!({"tabs": {TAB: []}, "shared": true})),
    demo_secrets: || {
        let address = format!("https://docs.google.com/spreadsheets/d/{DEMO}/edit#gid=0");
        let columns = "at, patient, status, amount, currency, invoice, refund";
        let secret = json!({"service_account": account::key_file(), "spreadsheet": address,
            "tab": TAB, "columns": columns});
        vec![("system/google-sheets", secret)]
    },
    handle,
    help: "share, unshare        the spreadsheet, with its service account\nrows/{tab}\n",
    control,
    harmless: |call| call.path == "/token",
    ..Vendor::named("google-sheets")
};

const SHEET: &str = "google.sheet";
const TAB: &str = "Payments";
const DEMO: &str = "demo-clinic-spreadsheet-0000000000000000000";
/// The least rows that a tab has, written or not.
const GRID: usize = 1000;
const READ: &str = "majorDimension! COLUMNS| prettyPrint true|false";
const APPEND: &str = "valueInputOption! RAW| insertDataOption! INSERT_ROWS| prettyPrint true|false";
const RANGE: &str = "majorDimension ROWS| values! [any]";

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if call.method == "POST" && parts == ["token"] {
        return account::token(world, call);
    }
    if !account::is_known(world, call) {
        return refused(
            401,
            "UNAUTHENTICATED",
            "Invalid authentication credentials.",
        );
    }
    let (["v4", "spreadsheets", id, "values", range], method) = (&parts[..], &*call.method) else {
        return Reply::of(404, "text/html", "<p>404. That is an error.");
    };
    let sheet = world.body(SHEET, id);
    let done = match (sheet["shared"].as_bool(), range.strip_suffix(":append")) {
        (None, _) => return refused(404, "NOT_FOUND", "Requested entity was not found."),
        (Some(false), _) => return refused(403, "PERMISSION_DENIED", "No permission."),
        (_, None) if method == "GET" => read(&sheet, call, range),
        (_, Some(range)) if method == "POST" => append(world, &sheet, call, (id, range)),
        _ => return Reply::of(404, "text/html", "<p>404. That is an error."),
    };
    done.map_or_else(
        |words| refused(400, "INVALID_ARGUMENT", &words),
        |body| Reply::json(200, &body),
    )
}

fn refused(status: u16, name: &str, words: &str) -> Reply {
    let error = json!({"code": status, "message": words, "status": name});
    Reply::json(status, &json!({"error": error}))
}

/// Fields that are read strictly.
fn strict(given: &Value, known: &'static str) -> Result<(), String> {
    let wrong = |wrong: Vec<fields::Problem>| format!("{} {}", wrong[0].dotted(), wrong[0].words());
    fields::read(given, known, false).map(drop).map_err(wrong)
}

/// Of `'Tab'!B1:B9` the tab, the column, and its first and last row, counted from 0; and all rows.
type Range = (String, usize, usize, usize, Vec<Value>);

fn range(sheet: &Value, text: &str) -> Result<Range, String> {
    let cell = |text: &str| {
        let column = text.bytes().next()?.checked_sub(b'A')?;
        let row = text.get(1..)?.parse::<usize>().ok()?;
        Some((usize::from(column), row.checked_sub(1)?))
    };
    let read = || {
        let (tab, cells) = text.rsplit_once('!')?;
        let tab = tab.strip_prefix('\'')?.strip_suffix('\'')?;
        let tab = tab.replace("''", "'");
        let (first, last) = cells.split_once(':').unwrap_or((cells, cells));
        let ((column, first), (_, last)) = (cell(first)?, cell(last)?);
        let rows = sheet["tabs"][&tab].as_array()?.clone();
        Some((tab, column, first, last, rows))
    };
    read().ok_or_else(|| format!("Unable to parse range: {text}"))
}

fn read(sheet: &Value, call: &Call, text: &str) -> Result<Value, String> {
    strict(&call.pairs().into_iter().collect(), READ)?;
    let (_, column, first, last, rows) = range(sheet, text)?;
    if first >= rows.len().max(GRID) {
        return Err(format!("Range ({text}) exceeds grid limits."));
    }
    let shown = |row: &Value| match &row[column] {
        Value::Number(number) => number.to_string(),
        cell => cell.as_str().unwrap_or_default().to_owned(),
    };
    let rows = rows.iter().skip(first).take(last + 1 - first);
    let mut cells: Vec<_> = rows.map(shown).collect();
    // Empty cells at the end are not told.
    while cells.last().is_some_and(String::is_empty) {
        cells.pop();
    }
    let mut answer = json!({"range": text, "majorDimension": "COLUMNS"});
    if !cells.is_empty() {
        answer["values"] = json!([cells]);
    }
    Ok(answer)
}

/// Below the table of the first cell, which is all that a tab holds here.
fn append(
    world: &mut World,
    sheet: &Value,
    call: &Call,
    (id, text): (&str, &str),
) -> Result<Value, String> {
    strict(&call.pairs().into_iter().collect(), APPEND)?;
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    strict(&body, RANGE)?;
    let (tab, 0, 0, _, mut rows) = range(sheet, text)? else {
        return Err("This is not in the table.".into());
    };
    let new = body["values"].as_array().cloned().unwrap_or_default();
    let updates = json!({"spreadsheetId": id, "updatedRows": new.len()});
    rows.extend(new);
    let mut tabs = sheet["tabs"].clone();
    tabs[tab] = json!(rows);
    world.set(SHEET, id, json!({"tabs": tabs}));
    Ok(json!({"spreadsheetId": id, "updates": updates}))
}

fn control(world: &mut World, verb: &[&str], _: &Value) -> Result<Value, String> {
    let shared = match verb {
        ["share"] => true,
        ["unshare"] => false,
        ["rows", tab] => return Ok(world.body(SHEET, DEMO)["tabs"][tab].clone()),
        _ => return Err("Google Sheets knows share, unshare and rows/{tab}".into()),
    };
    world.set(SHEET, DEMO, json!({"shared": shared}));
    Ok(json!({"shared": shared}))
}
