//! Google Sheets as its discovery document has it, and the call that gives a token.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

const VALUES: &str = "/v4/spreadsheets/abc/values/%27A%20b%27%21A1";

fn google(method: &str, path: &str) -> Exchange {
    call("google-sheets", method, path).header("Authorization", "Bearer x")
}

fn append(query: &str, body: Value) -> Exchange {
    google("POST", &format!("{VALUES}:append?{query}")).json(body)
}

const RAW: &str = "valueInputOption=RAW&insertDataOption=INSERT_ROWS";

#[test]
fn rows_are_appended_as_the_document_says() {
    let Some(contracts) = contracts() else { return };
    let row = || json!({"majorDimension": "ROWS", "values": [["2026", 60.5, true]]});
    let done = json!({"spreadsheetId": "abc", "updates": {"updatedRows": 1}});
    fits(&contracts, &append(RAW, row()).reply(200, done));
    let lacking = append("insertDataOption=INSERT_ROWS", row());
    fails(&contracts, &lacking, "\"valueInputOption\" is required");
    let other = append("valueInputOption=TYPED", row());
    fails(&contracts, &other, "valueInputOption");
    let unknown = append(&format!("{RAW}&insert=1"), row());
    fails(&contracts, &unknown, "/insert: unknown field");
    let flat = append(RAW, json!({"values": ["2026"]}));
    fails(&contracts, &flat, "/values/0: value is not of type");
    let misspelt = append(RAW, json!({"value": [["2026"]]}));
    fails(&contracts, &misspelt, "/value: unknown field");
    let odd = json!({"updates": {"updatedRows": "1"}});
    let odd = append(RAW, row()).reply(200, odd);
    fails(&contracts, &odd, "updatedRows: value is not of type");
    let nobody = call("google-sheets", "POST", &format!("{VALUES}:append?{RAW}")).json(row());
    fails(&contracts, &nobody, "Bearer is expected");
}

#[test]
fn a_range_is_read_as_the_document_says() {
    let Some(contracts) = contracts() else { return };
    let read = |query: &str| google("GET", &format!("{VALUES}?{query}"));
    let shown = json!({"range": "A", "majorDimension": "COLUMNS", "values": [["a", 1]]});
    let plain = "majorDimension=COLUMNS&prettyPrint=false";
    fits(&contracts, &read(plain).reply(200, shown));
    fits(&contracts, &read(plain).reply(200, json!({"range": "A"})));
    fails(&contracts, &read("majorDimension=LINES"), "majorDimension");
    let refused = json!({"error": {"code": 403, "message": "No", "status": "PERMISSION_DENIED"}});
    fits(&contracts, &read(plain).reply(403, refused));
    let words = read(plain).reply(403, json!({"message": "No"}));
    fails(&contracts, &words, "\"error\" is required");
    let odd = read(plain).reply(200, json!({"values": {}}));
    fails(&contracts, &odd, "/values: value is not of type");
    let deleted = google("DELETE", VALUES);
    fails(&contracts, &deleted, "this path for GET, PUT only");
    let batch = google(
        "GET",
        "/v4/spreadsheets/abc/values:batchGet?ranges=A&ranges=B",
    );
    fits(&contracts, &batch);
}

#[test]
fn a_token_is_asked_for_with_what_was_signed() {
    let Some(contracts) = contracts() else { return };
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let asked = |form: &str| call("google-sheets", "POST", "/token").form(form);
    let signed = || asked(&format!("{grant}&assertion=aa.bb.cc"));
    let granted = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3599});
    fits(&contracts, &signed().reply(200, granted));
    fits(
        &contracts,
        &signed().reply(400, json!({"error": "invalid_grant"})),
    );
    let bare = asked(&format!("{grant}&assertion=aa.bb"));
    fails(&contracts, &bare, "/assertion");
    let other = asked("grant_type=refresh_token&assertion=aa.bb.cc");
    fails(&contracts, &other, "/grant_type");
    let more = asked(&format!("{grant}&assertion=aa.bb.cc&scope=x"));
    fails(&contracts, &more, "/scope: unknown field");
}
