//! PayPal: one file per interface; the token, the certificates and the IPN postback stand in none.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Hook, Vendor};
use crate::decode::Names;
use crate::document::{Auth, Document, read};

const FILES: [&str; 9] = [
    "checkout_orders_v2",
    "payments_payment_v2",
    "vault_payment_tokens_v3",
    "customer_disputes_v1",
    "notifications_webhooks_v1",
    "reporting_transactions_v1",
    "invoicing_v2",
    "payments_payouts_batch_v1",
    "billing_subscriptions_v1",
];

/// Events of the vendor's facts, as the file lists none, with the file and schema of what they
/// carry where one is known. `CHECKOUT.ORDER.COMPLETED` and those of the vault stand on PayPal's own
/// pages on webhooks (developer.paypal.com: commerce platform, saved payment methods).
const EVENTS: [(&str, Option<(usize, &str)>); 17] = [
    ("CHECKOUT.ORDER.APPROVED", Some((0, "order"))),
    ("CHECKOUT.ORDER.COMPLETED", Some((0, "order"))),
    ("PAYMENT.CAPTURE.COMPLETED", Some((1, "capture-2"))),
    ("PAYMENT.CAPTURE.PENDING", Some((1, "capture-2"))),
    ("PAYMENT.CAPTURE.DENIED", Some((1, "capture-2"))),
    ("PAYMENT.CAPTURE.DECLINED", Some((1, "capture-2"))),
    ("PAYMENT.CAPTURE.REFUNDED", Some((1, "refund"))),
    ("PAYMENT.CAPTURE.REVERSED", None),
    ("PAYMENT.REFUND.PENDING", Some((1, "refund"))),
    ("PAYMENT.REFUND.FAILED", Some((1, "refund"))),
    ("CUSTOMER.DISPUTE.CREATED", Some((3, "dispute"))),
    ("CUSTOMER.DISPUTE.UPDATED", Some((3, "dispute"))),
    ("CUSTOMER.DISPUTE.RESOLVED", Some((3, "dispute"))),
    ("PAYMENT.PAYOUTSBATCH.SUCCESS", None),
    (
        "VAULT.PAYMENT-TOKEN.CREATED",
        Some((2, "payment_token_response")),
    ),
    ("VAULT.PAYMENT-TOKEN.DELETED", None),
    ("VAULT.PAYMENT-TOKEN.DELETION-INITIATED", None),
];

/// Calls that move money or open an order: the vendor's facts ask for the key always.
const KEYED: [(&str, &str); 4] = [
    ("checkout_orders_v2", "/v2/checkout/orders"),
    ("checkout_orders_v2", "/v2/checkout/orders/{id}/capture"),
    (
        "payments_payment_v2",
        "/v2/payments/captures/{capture_id}/refund",
    ),
    (
        "payments_payment_v2",
        "/v2/payments/authorizations/{authorization_id}/capture",
    ),
];

pub static ENTRIES: &[Entry] = &[
    Entry::of("paypal", open).seen(5, 5),
    Entry {
        id: "paypal-ipn",
        ..Entry::of("paypal", open_ipn)
    },
];

fn open(folder: &Path) -> Result<Vendor, String> {
    let mut documents = Vec::new();
    for file in FILES {
        let mut spec = read(folder, &format!("{file}.json"))?;
        for (_, path) in KEYED.iter().filter(|(of, _)| *of == file) {
            let parameters = spec["paths"][path]["post"]["parameters"].as_array_mut();
            parameters
                .ok_or_else(|| format!("{file} has no POST {path}"))?
                .push(
                    json!({"$ref": "#/components/parameters/paypal_request_id", "required": true}),
                );
        }
        documents.push(Document::new(
            &format!("paypal-{file}"),
            "",
            Auth::Bearer,
            spec,
        ));
    }
    documents.push(Document::new("paypal-token", "", Auth::Basic, token()));
    documents.push(Document::new("paypal-open", "", Auth::Open, unlisted()));
    let error = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "message": {"type": "string"}, "debug_id": {"type": "string"}},
        "required": ["name", "message"],
    });
    Ok(Vendor {
        documents,
        names: Names::Flat,
        error: Some(error),
        webhook,
    })
}

/// RFC 6749, 4.4 and 5, with the members that the vendor adds.
fn token() -> Value {
    json!({"paths": {"/v1/oauth2/token": {"post": {
        "requestBody": {"required": true, "content": {"application/x-www-form-urlencoded": {"schema": {
            "type": "object",
            "properties": {
                "grant_type": {"const": "client_credentials"},
                "scope": {"type": "string"},
                "response_type": {"enum": ["token", "id_token"]},
                "target_customer_id": {"type": "string"},
            },
            "required": ["grant_type"],
        }}}},
        "responses": {
            "200": {"content": {"application/json": {"schema": {
                "type": "object",
                "properties": {
                    "access_token": {"type": "string", "minLength": 1},
                    "token_type": {"const": "Bearer"},
                    "expires_in": {"type": "integer"},
                    "scope": {"type": "string"},
                    "app_id": {"type": "string"},
                    "nonce": {"type": "string"},
                },
                "required": ["access_token", "token_type", "expires_in"],
            }}}},
            "default": {"content": {"application/json": {"schema": {
                "type": "object",
                "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
                "required": ["error"],
            }}}},
        },
    }}}})
}

fn unlisted() -> Value {
    let text = |schema: Value| json!({"200": {"content": {"text/plain": {"schema": schema}}}});
    json!({"paths": {
        // the exact bytes of the notice come back behind the command, whatever they hold
        "/cgi-bin/webscr": {"post": {
            "requestBody": {"required": true, "content": {"application/x-www-form-urlencoded": {"schema": {
                "type": "object",
                "properties": {"cmd": {"const": "_notify-validate"}},
                "required": ["cmd"],
                "additionalProperties": true,
            }}}},
            "responses": text(json!({"enum": ["VERIFIED", "INVALID"]})),
        }},
        "/v1/notifications/certs/{id}": {"get": {
            "responses": text(json!({"type": "string", "pattern": "^-----BEGIN CERTIFICATE-----"})),
        }},
    }})
}

fn webhook(hook: &mut Hook) {
    let filled = |value: &str| !value.is_empty();
    hook.need("paypal-transmission-id", filled, "an id");
    hook.need(
        "paypal-transmission-time",
        |value| value.ends_with('Z'),
        "a time in UTC",
    );
    hook.need(
        "paypal-transmission-sig",
        |value| value.len() >= 300,
        "Base64 of an RSA signature",
    );
    hook.need(
        "paypal-auth-algo",
        |value| value == "SHA256withRSA",
        "SHA256withRSA",
    );
    let ours = |value: &str| {
        let host = value
            .strip_prefix("https://")
            .and_then(|rest| rest.split('/').next());
        host.is_some_and(|host| host.ends_with(".paypal.com"))
    };
    hook.need("paypal-cert-url", ours, "an https address at paypal.com");
    let Some(event) = hook.json() else { return };
    let envelope = json!({
        "allOf": [{"$ref": "#/components/schemas/event"}],
        "required": ["id", "create_time", "resource_type", "event_type", "resource"],
    });
    hook.hold(4, &envelope, &event, "");
    let name = &event["event_type"];
    match EVENTS.iter().find(|(known, _)| *known == name) {
        Some((_, Some((document, schema)))) => {
            let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
            hook.hold(*document, &schema, &event["resource"], "/resource");
            let id = if *document == 3 { "dispute_id" } else { "id" };
            hook.expect(event["resource"][id].is_string(), || {
                format!("/resource/{id}: is required")
            });
        }
        Some((_, None)) => {}
        None => hook
            .problems
            .push(format!("/event_type: {name} is not an event of the facts")),
    }
}

fn open_ipn(_: &Path) -> Result<Vendor, String> {
    Ok(Vendor {
        documents: Vec::new(),
        names: Names::Flat,
        error: None,
        webhook: ipn,
    })
}

/// Instant Payment Notification has no schema: the members that its check needs must be there.
fn ipn(hook: &mut Hook) {
    let Some(form) = hook.form() else { return };
    for name in [
        "receiver_email",
        "txn_id",
        "payment_status",
        "mc_gross",
        "mc_currency",
    ] {
        hook.expect(form[name].is_string(), || format!("/{name}: is required"));
    }
}
