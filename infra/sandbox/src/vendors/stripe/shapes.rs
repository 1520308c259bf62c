//! Stripe's objects as API version 2023-08-16 shows them, complete.

use serde_json::{Value, json};

pub fn customer(id: &str, created: i64, ask: &Value) -> Value {
    json!({
        "id": id, "object": "customer", "address": ask["address"], "balance": 0,
        "created": created, "currency": null, "default_source": null, "delinquent": false,
        "description": ask["description"], "discount": null, "email": ask["email"],
        "invoice_prefix": id[4..12].to_uppercase(),
        "invoice_settings": {"custom_fields": null, "default_payment_method": null,
            "footer": null, "rendering_options": null},
        "livemode": false, "metadata": map(ask, "metadata"), "name": ask["name"],
        "next_invoice_sequence": 1, "phone": ask["phone"],
        "preferred_locales": ask["preferred_locales"].as_array().cloned().unwrap_or_default(),
        "shipping": ask["shipping"], "tax_exempt": "none", "test_clock": null,
    })
}

pub fn method(id: &str, created: i64, brand: &str, customer: Value, ask: &Value) -> Value {
    let last4 = match brand {
        "mastercard" => "4444",
        "amex" => "0005",
        _ => "4242",
    };
    json!({
        "id": id, "object": "payment_method",
        "billing_details": {"address": {"city": null, "country": null, "line1": null,
            "line2": null, "postal_code": null, "state": null},
            "email": null, "name": null, "phone": null},
        "card": {"brand": brand, "checks": {"address_line1_check": null,
            "address_postal_code_check": null, "cvc_check": "pass"},
            "country": "US", "exp_month": 12, "exp_year": 2034,
            "fingerprint": "Xt5EWLLDS7FJjR1c", "funding": "credit", "generated_from": null,
            "last4": last4, "networks": {"available": [brand], "preferred": null},
            "three_d_secure_usage": {"supported": true}, "wallet": null},
        "created": created, "customer": customer, "livemode": false,
        "metadata": map(ask, "metadata"), "type": "card",
    })
}

pub fn intent(id: &str, secret: &str, created: i64, ask: &Value) -> Value {
    let types = match ask["payment_method_types"].as_array() {
        Some(types) => types.clone(),
        None => vec![json!("card")],
    };
    let automatic = match ask["automatic_payment_methods"].as_object() {
        Some(asked) => json!({"enabled": asked["enabled"]}),
        None => Value::Null,
    };
    json!({
        "id": id, "object": "payment_intent", "amount": ask["amount"], "amount_capturable": 0,
        "amount_details": {"tip": {}}, "amount_received": 0, "application": null,
        "application_fee_amount": null, "automatic_payment_methods": automatic,
        "canceled_at": null, "cancellation_reason": null,
        "capture_method": ask["capture_method"].as_str().unwrap_or("automatic"),
        "client_secret": format!("{id}_secret_{secret}"),
        "confirmation_method": ask["confirmation_method"].as_str().unwrap_or("automatic"),
        "created": created, "currency": ask["currency"].as_str().unwrap_or("").to_lowercase(),
        "customer": ask["customer"], "description": ask["description"], "invoice": null,
        "last_payment_error": null, "latest_charge": null, "livemode": false,
        "metadata": map(ask, "metadata"), "next_action": null, "on_behalf_of": null,
        "payment_method": ask["payment_method"],
        "payment_method_options": {"card": {"installments": null, "mandate_options": null,
            "network": null, "request_three_d_secure": "automatic"}},
        "payment_method_types": types, "processing": null,
        "receipt_email": ask["receipt_email"], "review": null,
        "setup_future_usage": ask["setup_future_usage"], "shipping": ask["shipping"],
        "statement_descriptor": ask["statement_descriptor"],
        "statement_descriptor_suffix": ask["statement_descriptor_suffix"],
        "status": if ask["payment_method"].is_null() { "requires_payment_method" } else {
            "requires_confirmation" },
        "transfer_data": null, "transfer_group": ask["transfer_group"],
    })
}

/// The charge of an intent by a method; `decline` is Stripe's reason where it was refused.
pub fn charge(id: &str, at: i64, intent: &Value, method: &Value, decline: Option<&str>) -> Value {
    let card = &method["card"];
    let amount = &intent["amount"];
    let outcome = match decline {
        None => json!({"network_status": "approved_by_network", "reason": null,
            "risk_level": "normal", "risk_score": 12, "seller_message": "Payment complete.",
            "type": "authorized"}),
        Some(reason) => json!({"network_status": "declined_by_network", "reason": reason,
            "risk_level": "normal", "risk_score": 12,
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined"}),
    };
    json!({
        "id": id, "object": "charge", "amount": amount,
        "amount_captured": if decline.is_none() { amount.clone() } else { json!(0) },
        "amount_refunded": 0, "application": null, "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": match decline {
            None => json!(format!("txn_{}", &id[3..])), Some(_) => Value::Null },
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "WATTLE STREET CLINIC",
        "captured": decline.is_none(), "created": at, "currency": intent["currency"],
        "customer": intent["customer"], "description": intent["description"],
        "disputed": false, "failure_balance_transaction": null,
        "failure_code": decline.map(failure_code), "failure_message": decline.map(message),
        "fraud_details": {}, "invoice": null, "livemode": false, "metadata": intent["metadata"],
        "on_behalf_of": null, "outcome": outcome, "paid": decline.is_none(),
        "payment_intent": intent["id"], "payment_method": method["id"],
        "payment_method_details": {"card": {"brand": card["brand"], "checks": card["checks"],
            "country": card["country"], "exp_month": card["exp_month"],
            "exp_year": card["exp_year"], "fingerprint": card["fingerprint"],
            "funding": card["funding"], "installments": null, "last4": card["last4"],
            "mandate": null, "network": card["brand"], "three_d_secure": null, "wallet": null},
            "type": "card"},
        "radar_options": {}, "receipt_email": intent["receipt_email"], "receipt_number": null,
        "receipt_url": format!("https://pay.stripe.com/receipts/payment/{id}"),
        "refunded": false, "review": null, "shipping": null, "source_transfer": null,
        "statement_descriptor": null, "statement_descriptor_suffix": null,
        "status": if decline.is_none() { "succeeded" } else { "failed" },
        "transfer_data": null, "transfer_group": null,
    })
}

/// Declines by card reason travel as `card_declined` with a decline code; a few have codes of
/// their own.
pub fn failure_code(reason: &str) -> &str {
    match reason {
        "expired_card" | "incorrect_cvc" | "processing_error" | "authentication_required" => reason,
        _ => "card_declined",
    }
}

pub fn message(reason: &str) -> &'static str {
    match reason {
        "insufficient_funds" => "Your card has insufficient funds.",
        "expired_card" => "Your card has expired.",
        "incorrect_cvc" => "Your card's security code is incorrect.",
        "authentication_required" => {
            "Your card was declined. This transaction requires authentication."
        }
        _ => "Your card was declined.",
    }
}

pub fn session(id: &str, created: i64, url: &str, ask: &Value, total: Option<i64>) -> Value {
    let mode = ask["mode"].as_str().unwrap_or("payment");
    let paying = mode == "payment";
    let types = match ask["payment_method_types"].as_array() {
        Some(types) => types.clone(),
        None => vec![json!("card")],
    };
    let currency = match ask["currency"].as_str() {
        Some(currency) => json!(currency.to_lowercase()),
        None => ask["line_items"][0]["price_data"]["currency"].clone(),
    };
    let details = match ask["customer_email"].as_str() {
        Some(email) => json!({"address": null, "email": email, "name": null, "phone": null,
            "tax_exempt": "none", "tax_ids": null}),
        None => Value::Null,
    };
    json!({
        "id": id, "object": "checkout.session", "after_expiration": null,
        "allow_promotion_codes": ask["allow_promotion_codes"], "amount_subtotal": total,
        "amount_total": total, "automatic_tax": {"enabled": false, "status": null},
        "billing_address_collection": ask["billing_address_collection"],
        "cancel_url": ask["cancel_url"], "client_reference_id": ask["client_reference_id"],
        "consent": null, "consent_collection": null, "created": created, "currency": currency,
        "custom_fields": [], "custom_text": {"shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null},
        "customer": ask["customer"],
        "customer_creation": if !ask["customer"].is_null() { Value::Null } else {
            json!(ask["customer_creation"].as_str().unwrap_or(
                if paying { "if_required" } else { "always" })) },
        "customer_details": details, "customer_email": ask["customer_email"],
        "expires_at": ask["expires_at"].as_i64().unwrap_or(created + 24 * 3600),
        "invoice": null, "invoice_creation": if paying {
            json!({"enabled": false, "invoice_data": {"account_tax_ids": null,
                "custom_fields": null, "description": null, "footer": null, "metadata": {},
                "rendering_options": null}}) } else { Value::Null },
        "livemode": false, "locale": ask["locale"], "metadata": map(ask, "metadata"),
        "mode": mode, "payment_intent": null, "payment_link": null,
        "payment_method_collection": if paying { "if_required" } else { "always" },
        "payment_method_options": {}, "payment_method_types": types,
        "payment_status": if paying { "unpaid" } else { "no_payment_required" },
        "phone_number_collection": {"enabled": false}, "recovered_from": null,
        "setup_intent": null, "shipping_address_collection": null, "shipping_cost": null,
        "shipping_details": null, "shipping_options": [], "status": "open",
        "submit_type": ask["submit_type"], "subscription": null,
        "success_url": ask["success_url"],
        "total_details": if paying {
            json!({"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}) } else {
            Value::Null },
        "url": url,
    })
}

pub fn setup_intent(id: &str, secret: &str, created: i64, ask: &Value) -> Value {
    json!({
        "id": id, "object": "setup_intent", "application": null, "automatic_payment_methods": null,
        "cancellation_reason": null, "client_secret": format!("{id}_secret_{secret}"),
        "created": created, "customer": ask["customer"], "description": ask["description"],
        "flow_directions": null, "last_setup_error": null, "latest_attempt": null,
        "livemode": false, "mandate": null, "metadata": map(ask, "metadata"), "next_action": null,
        "on_behalf_of": null, "payment_method": ask["payment_method"],
        "payment_method_options": {"card": {"mandate_options": null, "network": null,
            "request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"], "single_use_mandate": null,
        "status": if ask["payment_method"].is_null() { "requires_payment_method" } else {
            "requires_confirmation" },
        "usage": ask["usage"].as_str().unwrap_or("off_session"),
    })
}

pub fn refund(id: &str, at: i64, amount: i64, status: &str, charge: &Value, ask: &Value) -> Value {
    json!({
        "id": id, "object": "refund", "amount": amount,
        "balance_transaction": format!("txn_{}", &id[3..]), "charge": charge["id"],
        "created": at, "currency": charge["currency"], "metadata": map(ask, "metadata"),
        "payment_intent": charge["payment_intent"], "reason": ask["reason"],
        "receipt_number": null, "source_transfer_reversal": null, "status": status,
        "transfer_reversal": null,
    })
}

pub fn dispute(id: &str, at: i64, amount: i64, reason: &str, charge: &Value) -> Value {
    let evidence: serde_json::Map<String, Value> = [
        "access_activity_log",
        "billing_address",
        "cancellation_policy",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "customer_communication",
        "customer_email_address",
        "customer_name",
        "customer_purchase_ip",
        "customer_signature",
        "duplicate_charge_documentation",
        "duplicate_charge_explanation",
        "duplicate_charge_id",
        "product_description",
        "receipt",
        "refund_policy",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "service_date",
        "service_documentation",
        "shipping_address",
        "shipping_carrier",
        "shipping_date",
        "shipping_documentation",
        "shipping_tracking_number",
        "uncategorized_file",
        "uncategorized_text",
    ]
    .into_iter()
    .map(|name| (name.to_string(), Value::Null))
    .collect();
    json!({
        "id": id, "object": "dispute", "amount": amount, "balance_transactions": [],
        "charge": charge["id"], "created": at, "currency": charge["currency"],
        "evidence": evidence,
        "evidence_details": {"due_by": at + 9 * 86_400, "has_evidence": false, "past_due": false,
            "submission_count": 0},
        "is_charge_refundable": false, "livemode": false, "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": {"brand": "visa", "network_reason_code": "10.4"},
            "type": "card"},
        "reason": reason, "status": "needs_response",
    })
}

pub fn payout(id: &str, at: i64, amount: i64, currency: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "payout", "amount": amount, "arrival_date": at, "automatic": true,
        "balance_transaction": format!("txn_{}", &id[3..]), "created": at, "currency": currency,
        "description": "STRIPE PAYOUT", "destination": "ba_1SandboxBankAccount",
        "failure_balance_transaction": null,
        "failure_code": if status == "failed" { json!("account_closed") } else { Value::Null },
        "failure_message": null, "livemode": false, "metadata": {}, "method": "standard",
        "original_payout": null, "reconciliation_status": "completed", "reversed_by": null,
        "source_type": "card", "statement_descriptor": null, "status": status,
        "type": "bank_account",
    })
}

fn map(ask: &Value, name: &str) -> Value {
    if ask[name].is_object() {
        ask[name].clone()
    } else {
        json!({})
    }
}
