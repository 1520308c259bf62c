//! QuickBooks' books as Intuit's schemas have them, its queries, errors and webhooks.

use meridian_contracts::Exchange;
use serde_json::{Value, json};

use crate::*;

fn books(method: &str, path: &str) -> Exchange {
    let path = format!("/v3/company/123/{path}");
    call("quickbooks", method, &path).header("Authorization", "Bearer x")
}

fn invoice() -> Value {
    let detail = json!({"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "2"}});
    json!({"CustomerRef": {"value": "58"}, "DocNumber": "INV-7", "TxnDate": "2026-11-21",
        "PrivateNote": "key", "GlobalTaxCalculation": "TaxExcluded",
        "TxnTaxDetail": {"TotalTax": 5.45},
        "Line": [{"Amount": 54.55, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}]})
}

fn with(place: &str, value: Value) -> Exchange {
    let mut changed = invoice();
    *changed.pointer_mut(place).expect("a field") = value;
    books("POST", "invoice?minorversion=75&requestid=k").json(changed)
}

#[test]
fn documents_have_the_names_types_and_words_of_the_schemas() {
    let Some(contracts) = contracts() else { return };
    let post = |body: Value| books("POST", "invoice?minorversion=75&requestid=k").json(body);
    fits(&contracts, &post(invoice()));
    let mut misspelt = invoice();
    misspelt["Docnumber"] = json!("1");
    fails(&contracts, &post(misspelt), "/Docnumber: unknown field");
    let detail = "/Line/0/SalesItemLineDetail";
    for (exchange, why) in [
        (with("/DocNumber", json!(7)), "/DocNumber"),
        (with("/TxnDate", json!("21/11/2026")), "/TxnDate"),
        (
            with("/GlobalTaxCalculation", json!("Inclusive")),
            "/GlobalTaxCalculation",
        ),
        (with("/Line/0/Amount", json!("54.55")), "/Line/0/Amount"),
        (
            with("/Line/0/DetailType", json!("SalesLine")),
            "/Line/0/DetailType",
        ),
        (
            with(detail, json!({"Item": {"value": "1"}})),
            "/Line/0/SalesItemLineDetail/Item: unknown",
        ),
        (with(&format!("{detail}/ItemRef"), json!("1")), "ItemRef"),
        (
            with(
                &format!("{detail}/ItemRef"),
                json!({"value": "1", "id": "1"}),
            ),
            "/ItemRef/id: unknown",
        ),
        (with("/Line", json!([])), "/Line"),
        (
            with("/TxnTaxDetail/TotalTax", json!("5.45")),
            "/TxnTaxDetail/TotalTax",
        ),
    ] {
        fails(&contracts, &exchange, why);
    }
    let bare = json!({"DocNumber": "1"});
    let missing = ["\"Id\" is required", "\"SyncToken\" is required"];
    are(&contracts.check(&post(bare)), &missing);
    fits(&contracts, &post(json!({"Id": "1", "SyncToken": "0"})));
}

#[test]
fn calls_name_their_version_and_a_key_of_fifty_letters() {
    let Some(contracts) = contracts() else { return };
    let post = |query: &str| books("POST", &format!("invoice{query}")).json(invoice());
    fails(&contracts, &post(""), "minorversion");
    fails(&contracts, &post("?minorversion=74"), "minorversion");
    let long = format!("?minorversion=75&requestid={}", "k".repeat(51));
    fails(&contracts, &post(&long), "requestid");
    fails(
        &contracts,
        &post("?minorversion=75&operation=undo"),
        "operation",
    );
    fails(
        &contracts,
        &post("?minorversion=75&requestId=k"),
        "requestId",
    );
    let query = |text: &str| books("GET", &format!("query?minorversion=75&query={text}"));
    fits(&contracts, &query("SELECT%20*%20FROM%20Invoice"));
    fails(&contracts, &query("DELETE"), "query");
    let token = call("quickbooks", "POST", "/oauth2/v1/tokens/bearer")
        .header("Authorization", "Basic eDp4")
        .form("grant_type=refresh_token&refresh_token=r");
    fits(&contracts, &token);
    let nobody = call(
        "quickbooks",
        "GET",
        "/v3/company/123/invoice/1?minorversion=75",
    );
    fails(&contracts, &nobody, "Bearer is expected");
}

#[test]
fn answers_are_documents_in_their_envelope_lists_or_faults() {
    let Some(contracts) = contracts() else { return };
    let read = || books("GET", "payment/145?minorversion=75");
    let payment = json!({"Id": "145", "SyncToken": "0", "TotalAmt": 60.0, "domain": "QBO"});
    fits(
        &contracts,
        &read().reply(200, json!({"Payment": payment, "time": "t"})),
    );
    fails(&contracts, &read().reply(200, payment.clone()), "Payment");
    let odd = json!({"Payment": {"Id": "145", "TotalAmt": "60.00"}});
    fails(&contracts, &read().reply(200, odd), "/Payment/TotalAmt");
    let list = || {
        books(
            "GET",
            "query?minorversion=75&query=SELECT%20*%20FROM%20Payment",
        )
    };
    let found = json!({"QueryResponse": {"Payment": [payment], "maxResults": 1}, "time": "t"});
    fits(&contracts, &list().reply(200, found));
    fits(&contracts, &list().reply(200, json!({"QueryResponse": {}})));
    fails(
        &contracts,
        &list().reply(200, json!({"QueryResponse": {"Payment": {}}})),
        "/Payment",
    );
    let error = json!({"Message": "m", "Detail": "d", "code": "610"});
    let fault = json!({"Fault": {"Error": [error], "type": "ValidationFault"}, "time": "t"});
    fits(&contracts, &read().reply(400, fault));
    fails(&contracts, &read().reply(400, json!({"message": "no"})), "");
}

#[test]
fn a_webhook_is_signed_and_of_one_of_both_shapes() {
    let Some(contracts) = contracts() else { return };
    let problems = |signature: &str, body: Value| {
        let headers = [
            ("content-type".to_owned(), "application/json".to_owned()),
            ("intuit-signature".to_owned(), signature.to_owned()),
        ];
        let body = body.to_string();
        contracts.check_webhook("quickbooks", &headers, body.as_bytes())
    };
    let signature = format!("{}=", "A".repeat(43));
    let entity = json!({"name": "Payment", "id": "145", "operation": "Create",
        "lastUpdated": "2026-11-21T10:00:00Z"});
    let old = json!({"eventNotifications":
        [{"realmId": "123", "dataChangeEvent": {"entities": [entity]}}]});
    let new = json!([{"specversion": "1.0", "id": "e-Payment-145", "source": "intuit.x",
        "type": "qbo.payment.created.v1", "time": "2026-11-21T10:00:00Z",
        "intuitentityid": "145", "intuitaccountid": "123"}]);
    for body in [old.clone(), new] {
        assert_eq!(problems(&signature, body), Vec::<String>::new());
    }
    assert_eq!(problems("AAAA", old).len(), 1);
    assert_eq!(problems(&signature, json!({"events": []})).len(), 1);
    assert_eq!(problems(&signature, json!([{"id": "1"}])).len(), 1);
}
