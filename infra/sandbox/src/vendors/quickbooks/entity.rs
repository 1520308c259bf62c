//! The kinds of documents of a company, how they are written, and that they changed.

use crate::kit::{Books, Looks, looks};
use crate::webhook::News;
use crate::wire::stamp;
use serde_json::{Value, json};

pub static LOOKS: Looks = Looks::new(|| looks(include_str!("looks.json")));

pub struct Entity {
    pub kind: &'static str,
    /// Name of what is not settled of it.
    pub open: &'static str,
}

pub const CUSTOMER: Entity = entity("quickbooks.Customer", "");
pub const PAYMENT: Entity = entity("quickbooks.Payment", "");
pub const INVOICE: Entity = entity("quickbooks.Invoice", "Balance");
pub const CREDIT_MEMO: Entity = entity("quickbooks.CreditMemo", "RemainingCredit");
pub const REFUND: Entity = entity("quickbooks.RefundReceipt", "");
pub const SALE: Entity = entity("quickbooks.SalesReceipt", "");

pub static ENTITIES: [Entity; 6] = [CUSTOMER, INVOICE, PAYMENT, CREDIT_MEMO, REFUND, SALE];

const fn entity(kind: &'static str, open: &'static str) -> Entity {
    Entity { kind, open }
}

impl Entity {
    pub fn name(&self) -> &'static str {
        self.kind.trim_start_matches("quickbooks.")
    }

    /// The name of its request.
    pub fn takes(&self) -> &'static str {
        match self.name() {
            name @ ("Customer" | "Payment") => name,
            _ => "sale",
        }
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Tells whoever listens that an entity changed: `Create`, `Update`, `Delete` or `Void`.
pub fn tell(books: &mut Books, name: &str, id: &str, operation: &str) {
    let past = match operation {
        "Void" => "voided".into(),
        other => other.to_lowercase() + "d",
    };
    let world = &mut *books.world;
    let places = json!({"name": name, "id": id, "operation": operation, "realm": books.account,
        "at": stamp(world.now, "%FT%TZ"), "event": format!("{}-{name}-{id}", world.uuid()),
        "type": format!("qbo.{}.{past}.v1", name.to_lowercase())});
    let shape = match world.body("knobs", "quickbooks")["old"] == true {
        true => "event.old",
        false => "event",
    };
    world.notify(&News {
        body: LOOKS.shape(shape, &places).to_string().into_bytes(),
        sign: |webhook, _| vec![("intuit-signature".into(), webhook.proof())],
        ..News::of("quickbooks", books.account, &format!("{name} {operation}"))
    });
}
