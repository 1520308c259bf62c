//! `/v1/patients/{id}/payment-methods`: the methods that gateways keep for a patient.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::read::Nothing;
use crate::api::views::method::{DeletedMethod, PaymentMethod, PaymentMethods, view};
use crate::domain::actor::Permission::{Charge, View};
use crate::flows::methods::{self, NewMethod};
use crate::flows::{named, patients};
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A method that its gateway already keeps.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"gateway": "stripe", "token": "pm_1", "customer": "cus_1", "label": "Visa ending 4242", "later_charges": true}))]
pub struct PaymentMethodRequest {
    gateway: String,
    /// What the gateway charges: its id of a card, a vault entry, a mandate.
    token: Plain<200>,
    /// The payer's id at the gateway, where it needs one beside the method.
    customer: Option<Plain<200>>,
    /// Of which the kind and the last four digits are kept: `Visa ending 4242`.
    label: Plain<60>,
    /// Whether the patient agreed that it is charged for later invoices too; else it is charged only
    /// where a request names it.
    #[serde(default = "yes")]
    later_charges: bool,
}

fn yes() -> bool {
    true
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/patients/{id}/payment-methods",
        View,
        |call| Box::pin(list(call)),
        "The methods that gateways keep for a patient and that may be charged: the default one \
         first, then the newest.",
    )
    .gives::<PaymentMethods>(200)
    .shows_person(),
    Route::post(
        "/v1/patients/{id}/payment-methods",
        Charge,
        |call| Box::pin(keep(call)),
        "Adds a method that its gateway already keeps.",
    )
    .gives::<PaymentMethod>(201)
    .takes::<PaymentMethodRequest>(),
    Route::delete(
        "/v1/patients/{id}/payment-methods/{method}",
        Charge,
        |call| Box::pin(remove(call)),
        "Removes a method: it is not charged any more. Its gateway may keep it.",
    )
    .gives::<DeletedMethod>(200),
    Route::post(
        "/v1/patients/{id}/payment-methods/{method}/default",
        Charge,
        |call| Box::pin(choose(call)),
        "Makes this the method that is charged by itself, while it can be. Where none is chosen, \
         or the chosen one ended, it is the newest that the patient agreed to for later charges.",
    )
    .gives::<PaymentMethod>(200)
    .takes::<Nothing>()
    .shows_person(),
];

async fn list(call: &Call<'_>) -> Answered {
    let patient = named::patient(call.app, call.clinic(), &call.path[0]).await?;
    let methods = patients::methods(call.app, call.clinic(), &patient.id).await?;
    call.shows(&patient.id);
    let payment_methods = methods.iter().map(view).collect();
    Ok(reply(200, &PaymentMethods { payment_methods }))
}

async fn keep(call: &Call<'_>) -> Answered {
    let new: PaymentMethodRequest = call.body()?;
    let new = NewMethod {
        gateway: new.gateway,
        token: new.token,
        customer: new.customer,
        label: new.label,
        later_charges: new.later_charges,
    };
    let (app, settings, patient) = (call.app, &call.settings, &call.path[0]);
    let kept = methods::keep(app, settings, &call.actor, patient, new).await?;
    Ok(reply(201, &view(&kept)))
}

async fn remove(call: &Call<'_>) -> Answered {
    let (patient, id) = (&call.path[0], call.path[1].clone());
    methods::remove(call.app, &call.settings, &call.actor, patient, &id).await?;
    Ok(reply(200, &DeletedMethod { id, deleted: true }))
}

/// The method that is charged from now on, while it can be.
async fn choose(call: &Call<'_>) -> Answered {
    let (patient, id) = (&call.path[0], &call.path[1]);
    let kept = methods::choose(call.app, &call.settings, &call.actor, patient, id).await?;
    call.shows(patient);
    Ok(reply(200, &view(&kept)))
}
