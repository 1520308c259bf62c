//! Authorize.Net: the order of members decides, and the fixtures beside the XSD fit it.

use serde_json::{Value, json};

use crate::{Build, call, contracts, fails, fits, fixture, hook_fails, hook_fits};
use meridian_contracts::Exchange;

fn asks(body: Value) -> Exchange {
    call("authorizenet", "POST", "/xml/v1/request.api").json(body)
}

fn good() -> Value {
    json!({"messages": {"resultCode": "Ok", "message": [{"code": "I00001", "text": "Successful."}]}})
}

fn details(more: Value) -> Value {
    let mut asked =
        json!({"merchantAuthentication": {"name": "n", "transactionKey": "k"}, "refId": "r"});
    let fields = asked.as_object_mut().expect("fields");
    fields.extend(more.as_object().cloned().expect("fields"));
    json!({"getTransactionDetailsRequest": asked})
}

#[test]
fn the_fixtures_beside_the_schema_fit_it() {
    let Some(contracts) = contracts() else { return };
    for (file, replies) in [
        ("charge-profile", &["response"][..]),
        ("refund", &["response", "unsettled", "exceeds"]),
        ("void", &["response"]),
        ("transaction-details", &["response"]),
    ] {
        let known = fixture(&format!("authorizenet/fixtures/{file}.json"));
        for reply in replies {
            let body = known[reply]["body"].clone();
            fits(
                &contracts,
                &asks(known["request"]["body"].clone()).reply(200, body),
            );
        }
    }
    let lists = fixture("authorizenet/fixtures/settled-batches-and-transactions.json");
    for name in ["getSettledBatchListRequest", "getTransactionListRequest"] {
        let (asked, reply) = (&lists[name]["request"], &lists[name]["response"]);
        fits(
            &contracts,
            &asks(asked["body"].clone()).reply(200, reply["body"].clone()),
        );
    }
}

#[test]
fn a_mark_before_a_reply_is_no_part_of_it() {
    let Some(contracts) = contracts() else { return };
    let mut marked = asks(details(json!({"transId": "1"}))).reply(200, good());
    marked.response_body.splice(..0, *b"\xEF\xBB\xBF");
    fits(&contracts, &marked);
}

#[test]
fn a_member_out_of_its_place_or_unknown_or_too_long_is_found() {
    let Some(contracts) = contracts() else { return };
    fits(&contracts, &asks(details(json!({"transId": "1"}))));
    let mut turned = json!({"transId": "1"});
    turned["merchantAuthentication"] = json!({"name": "n", "transactionKey": "k"});
    let turned = json!({"getTransactionDetailsRequest": turned});
    fails(
        &contracts,
        &asks(turned),
        "/merchantAuthentication: it stands behind",
    );
    let inside =
        json!({"merchantAuthentication": {"transactionKey": "k", "name": "n"}, "transId": "1"});
    let inside = json!({"getTransactionDetailsRequest": inside});
    fails(
        &contracts,
        &asks(inside),
        "/merchantAuthentication/name: it stands behind",
    );
    fails(
        &contracts,
        &asks(details(json!({"transId": "1", "color": 1}))),
        "color",
    );
    fails(
        &contracts,
        &asks(details(json!({"transId": "x"}))),
        "/transId",
    );
    fails(&contracts, &asks(details(json!({}))), "transId");
    fails(
        &contracts,
        &asks(json!({"getColorsRequest": {}})),
        "getColorsRequest",
    );
}

#[test]
fn a_reply_has_its_messages_and_numbers_that_are_numbers() {
    let Some(contracts) = contracts() else { return };
    let asked = || asks(details(json!({"transId": "1"})));
    fits(&contracts, &asked().reply(200, good()));
    fails(&contracts, &asked().reply(200, json!({})), "messages");
    let mut odd = good();
    odd["transactions"] = json!([{"transId": "1", "submitTimeUTC": "2026-11-20T10:00:00Z",
        "submitTimeLocal": "2026-11-20T02:00:00", "transactionStatus": "voided", "accountType": "Visa",
        "accountNumber": "XXXX2224", "settleAmount": "50.00"}]);
    fails(
        &contracts,
        &asked().reply(200, odd),
        "/transactions/0/settleAmount",
    );
}

#[test]
fn a_webhook_is_signed_and_its_event_is_known() {
    let Some(contracts) = contracts() else { return };
    let code = format!("sha512={}", "A0".repeat(64));
    let head = [
        ("content-type", "application/json"),
        ("x-anet-signature", code.as_str()),
    ];
    let known = fixture("authorizenet/fixtures/webhook-refund.created.json")["body"].clone();
    hook_fits(&contracts, "authorizenet", &head, &known.to_string());
    hook_fails(
        &contracts,
        "authorizenet",
        &head[..1],
        &known.to_string(),
        "x-anet-signature",
    );
    let mut odd = known;
    odd["eventType"] = json!("net.authorize.payment.teleported");
    hook_fails(
        &contracts,
        "authorizenet",
        &head,
        &odd.to_string(),
        "/eventType",
    );
}
