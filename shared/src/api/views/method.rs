//! A method that a gateway keeps for a patient, as it is answered.

use crate::flows::patients::Kept;
use crate::words::schema::Id;
use schemars::JsonSchema;
use serde::Serialize;

/// A card or mandate that a gateway keeps; its number never reaches us.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct PaymentMethod {
    /// Ours, by which it is charged or removed.
    #[schemars(with = "Id")]
    pub id: String,
    /// Whether the clinic chose it. Where none is chosen, the newest is charged.
    pub default: bool,
    /// Whether the patient agreed that it is charged for later invoices too.
    pub later_charges: bool,
    /// The id of the gateway that keeps it.
    pub gateway: String,
    /// What the gateway charges: its id of a card, a vault entry, a mandate.
    pub token: String,
    /// The payer's id at the gateway, where it needs one beside the method.
    pub customer: Option<String>,
    /// How people tell it apart: `Visa ending 4242`.
    #[schemars(extend("x-personal" = true))]
    pub label: String,
}

/// The methods of a patient, in the order in which they are charged.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { payment_methods: vec![PaymentMethod::example()] })]
pub struct PaymentMethods {
    /// All that may be charged.
    pub payment_methods: Vec<PaymentMethod>,
}

/// A method that is not charged any more.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { id: PaymentMethod::example().id, deleted: true })]
pub struct DeletedMethod {
    /// As the list showed it.
    pub id: String,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub deleted: bool,
}

/// A method that may be charged.
pub fn view(kept: &Kept) -> PaymentMethod {
    let method = &kept.method;
    PaymentMethod {
        id: kept.id(),
        default: kept.chosen,
        later_charges: kept.later_charges,
        gateway: method.gateway.clone(),
        token: method.token.clone(),
        customer: method.customer.clone(),
        label: method.label.clone(),
    }
}

impl PaymentMethod {
    fn example() -> Self {
        Self {
            id: "456789abcdefghjk".into(),
            default: true,
            later_charges: true,
            gateway: "stripe".into(),
            token: "pm_1".into(),
            customer: Some("cus_1".into()),
            label: "Visa ending 4242".into(),
        }
    }
}
