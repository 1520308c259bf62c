//! PayPal's older notification, IPN, and its postback.

use super::replies::{cents, digits};
use crate::webhook::News;
use crate::wire::{Reply, major, stamp};
use crate::world::World;
use serde_json::{Value, json};

/// Sends an IPN: of a capture or refund made here, or of an invoice paid by an old button.
pub fn notify_ipn(world: &mut World, id: Option<&str>, ask: &Value) -> Result<Value, String> {
    let (client, about) = match id {
        Some(id) => of_payment(world, id)?,
        None => of_invoice(world, ask)?,
    };
    let mut fields: Fields = vec![("txn_type", "web_accept".into())];
    fields.extend(about);
    let receiver = word(ask, "receiver_email", "clinic@example.test");
    fields.extend([
        ("business", receiver.clone()),
        ("receiver_email", receiver),
        ("receiver_id", "C7CYMKZDG8D6E".into()),
        ("payer_email", "payer@example.test".into()),
        ("payer_id", "QYR5Z8XDVJNXQ".into()),
        ("payer_status", "verified".into()),
        ("payment_type", "instant".into()),
        ("mc_fee", "0.00".into()),
        ("payment_date", stamp(world.now, "%H:%M:%S %b %d, %Y UTC")),
        ("test_ipn", "1".into()),
        ("notify_version", "3.9".into()),
        ("ipn_track_id", world.id("", 13).to_lowercase()),
        ("verify_sign", world.id("A", 40)),
    ]);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(&fields);
    // A name in the charset that the message declares, which is not UTF-8.
    let body = format!(
        "{}&charset=windows-1252&first_name=Zo%EB&last_name=Payer",
        form.finish()
    );
    world.put("paypal.ipn", &client, &body, json!({}));
    world.notify(&News {
        vendor: "paypal",
        source: "paypal-ipn",
        account: &client,
        event: "ipn",
        content_type: "application/x-www-form-urlencoded",
        body: body.clone().into_bytes(),
        sign: |_, _| Vec::new(),
    });
    Ok(json!({"body": body}))
}

/// Names and values of a notification, in their order.
type Fields = Vec<(&'static str, String)>;

fn word(ask: &Value, name: &str, default: &str) -> String {
    ask[name].as_str().unwrap_or(default).to_string()
}

/// Account and fields of a capture, refund or reversal made here.
fn of_payment(world: &World, id: &str) -> Result<(String, Fields), String> {
    let item = world
        .item("paypal.refund", id)
        .or(world.item("paypal.capture", id))
        .ok_or("no such payment")?;
    let (client, body, notes) = (item.account.clone(), &item.body, &item.notes);
    let parent = &notes["capture"];
    let refund = parent.is_string();
    let currency = body["amount"]["currency_code"]
        .as_str()
        .unwrap_or("")
        .to_string();
    let sign = if refund { "-" } else { "" };
    let gross = major(cents(&body["amount"]), digits(&currency));
    let status = match body["status"].as_str() {
        Some("PENDING") => "Pending",
        Some("DECLINED" | "FAILED") => "Failed",
        _ if notes["reversal"] == true => "Reversed",
        _ if refund => "Refunded",
        _ => "Completed",
    };
    let word = |name: &str| body[name].as_str().unwrap_or("").to_string();
    let mut fields = vec![
        ("txn_id", id.to_string()),
        ("payment_status", status.to_string()),
        ("mc_gross", format!("{sign}{gross}")),
        ("mc_currency", currency),
        ("invoice", word("invoice_id")),
        ("custom", word("custom_id")),
    ];
    if let Some(parent) = parent.as_str() {
        fields.push(("parent_txn_id", parent.to_string()));
    }
    Ok((client, fields))
}

/// Account and fields of an invoice paid by an old button.
fn of_invoice(world: &mut World, ask: &Value) -> Result<(String, Fields), String> {
    let cents = ask["amount"]
        .as_i64()
        .ok_or("amount in minor units is required")?;
    let currency = word(ask, "currency", "EUR");
    let id = match ask["txn_id"].as_str() {
        Some(id) => id.to_string(),
        None => world.id_over(b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ", 17),
    };
    let status = word(ask, "status", "Completed");
    let back = matches!(status.as_str(), "Refunded" | "Reversed");
    let sign = if back { "-" } else { "" };
    let gross = major(cents, digits(&currency));
    let mut fields = vec![
        ("txn_id", id),
        ("payment_status", status),
        ("mc_gross", format!("{sign}{gross}")),
        ("mc_currency", currency),
        ("invoice", word(ask, "invoice", "")),
        ("custom", word(ask, "custom", "")),
    ];
    if let Some(parent) = ask["parent"].as_str() {
        fields.push(("parent_txn_id", parent.to_string()));
    }
    Ok((word(ask, "account", "demo-client"), fields))
}

/// An IPN that was sent, given back byte for byte, is VERIFIED.
pub fn postback(world: &World, body: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(body);
    let sent = text.strip_prefix("cmd=_notify-validate&");
    let known = sent.is_some_and(|sent| world.item("paypal.ipn", sent).is_some());
    Reply::of(
        200,
        "text/html; charset=UTF-8",
        if known { "VERIFIED" } else { "INVALID" },
    )
}
