//! `/v1/patients/{id}/payment-methods`: the methods that gateways keep for a patient.

use super::patients::{being_written, known};
use super::settings;
use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::caller::Permission::{Charge, View};
use crate::api::frame::label;
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::{Nothing, plain};
use crate::domain::fact::Method;
use crate::flows::patients::{self, Kept, Patient, keep_method};
use crate::io::clock;
use crate::io::store::Written;
use crate::words::time;
use serde::Deserialize;
use serde_json::{Value, json};

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/patients/{id}/payment-methods",
        View,
        |call| Box::pin(methods(call)),
        "The methods that gateways keep for a patient and that may be charged: the default one \
         first, then the newest.",
    )
    .gives(200, "PaymentMethods"),
    Route::post(
        "/v1/patients/{id}/payment-methods",
        Charge,
        |call| Box::pin(keep(call)),
        "Adds a method that its gateway already keeps.",
    )
    .gives(201, "PaymentMethod")
    .takes::<NewMethod>("PaymentMethodRequest"),
    Route::delete(
        "/v1/patients/{id}/payment-methods/{method}",
        Charge,
        |call| Box::pin(remove(call)),
        "Removes a method: it is not charged any more. Its gateway may keep it.",
    )
    .gives(200, "DeletedMethod"),
    Route::post(
        "/v1/patients/{id}/payment-methods/{method}/default",
        Charge,
        |call| Box::pin(choose(call)),
        "Makes this the method that is charged by itself, while it can be. Where none is chosen, \
         or the chosen one ended, it is the newest that the patient agreed to for later charges.",
    )
    .gives(200, "PaymentMethod")
    .takes::<Nothing>("Nothing"),
];
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMethod {
    gateway: String,
    token: String,
    customer: Option<String>,
    label: String,
    /// Whether the patient agreed that it is charged for later invoices too.
    #[serde(default = "yes")]
    later_charges: bool,
}

fn yes() -> bool {
    true
}

pub async fn methods(call: &Call<'_>) -> Answered {
    let patient = known(call, &call.path[0]).await?;
    let methods = patients::methods(call.app, call.clinic(), &patient.id).await?;
    Ok(reply(
        200,
        &json!({ "payment_methods": methods.iter().map(shown).collect::<Vec<_>>() }),
    ))
}

pub async fn keep(call: &Call<'_>) -> Answered {
    let NewMethod {
        gateway,
        token,
        customer,
        label,
        later_charges,
    } = call.body()?;
    settings::charges("gateway", &gateway)?;
    plain("token", &token, 200)?;
    plain("label", &label, 60)?;
    if let Some(customer) = &customer {
        plain("customer", customer, 200)?;
    }
    let patient = known(call, &call.path[0]).await?;
    let method = Method {
        gateway,
        customer,
        token,
        label: label::kept(&label),
    };
    let mut writes = keep_method(call.clinic(), &patient.id, &method, later_charges);
    writes.push(call.noted(None, &format!("method_kept {}", patient.id)));
    match call.app.store.transact(&writes).await? {
        Written::Done => {
            let kept = Kept {
                method,
                later_charges,
                chosen: false,
                kept_at: time::millis(clock::now()),
            };
            Ok(reply(201, &shown(&kept)))
        }
        _ => Err(being_written()),
    }
}

/// A method that is not to be charged any more.
pub async fn remove(call: &Call<'_>) -> Answered {
    let (patient, kept) = kept(call).await?;
    let removed = patients::method_removed(call.clinic(), &patient.id, &kept.method);
    let note = call.noted(None, &format!("method_removed {}", patient.id));
    match call.app.store.transact(&[removed, note]).await? {
        Written::Done => Ok(reply(200, &json!({ "id": kept.id(), "deleted": true }))),
        _ => Err(being_written()),
    }
}

/// The method that is charged from now on, while it can be.
pub async fn choose(call: &Call<'_>) -> Answered {
    let (patient, kept) = kept(call).await?;
    if !kept.later_charges {
        let why = "the patient did not agree that it is charged later: add it with later_charges";
        return Err(Problem::new(Kind::Conflict, why));
    }
    let chosen = patients::method_chosen(call.clinic(), &patient.id, &kept.method);
    let note = call.noted(None, &format!("method_chosen {}", patient.id));
    match call.app.store.transact(&[chosen, note]).await? {
        Written::Done => Ok(reply(
            200,
            &shown(&Kept {
                chosen: true,
                ..kept
            }),
        )),
        _ => Err(being_written()),
    }
}

/// The patient and the method that a path names.
async fn kept(call: &Call<'_>) -> Result<(Patient, Kept), Problem> {
    let patient = known(call, &call.path[0]).await?;
    let id = &call.path[1];
    let found = patients::kept_method(call.app, call.clinic(), &patient.id, id).await?;
    let kept = found.ok_or_else(|| Problem::missing("payment method"))?;
    Ok((patient, kept))
}

fn shown(kept: &Kept) -> Value {
    let method = &kept.method;
    json!({
        "id": kept.id(),
        "default": kept.chosen,
        "later_charges": kept.later_charges,
        "gateway": method.gateway,
        "token": method.token,
        "customer": method.customer,
        "label": method.label,
    })
}
