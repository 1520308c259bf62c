//! `/v1/appointment-types`: what can be booked, and what it costs.

use crate::api::frame::call::{Answered, Call, PAGING, Route, reply};
use crate::api::frame::read::Rate;
use crate::api::views::appointment_type::{AppointmentType, AppointmentTypes, view};
use crate::domain::actor::Permission::{Configure, View};
use crate::flows::appointment_types::{self, Changes, NewType};
use crate::records::appointment_type::{self, TypeRow};
use crate::words::money::Money;
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A type that is to be offered.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"id": "initial-45", "name": "Initial visit, 45 minutes", "label": "Appointment", "price": {"amount": "60.00", "currency": "EUR"}, "tax_rate": "10", "tax_included": true}))]
pub struct AppointmentTypeRequest {
    /// The clinic's own. It goes into addresses: no slash.
    #[schemars(regex(pattern = r"^[^/]*[^/\s][^/]*$"))]
    id: Plain<64>,
    /// What the patient reads on invoice and receipt; never told to a gateway or system.
    name: Plain<200>,
    /// Neutral: what gateways and systems may read beside the invoice's number.
    label: Plain<40>,
    /// 0 or more.
    price: Money,
    #[serde(default)]
    #[schemars(extend("default" = "0"))]
    tax_rate: Rate,
    /// Whether the price holds the tax.
    #[serde(default = "yes")]
    tax_included: bool,
}

/// What is to be otherwise of a type; what is not given stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"version": 1, "price": {"amount": "65.00", "currency": "EUR"}}))]
pub struct AppointmentTypeChanges {
    /// The `version` that the change was made from.
    version: u64,
    /// What the patient reads on invoice and receipt.
    name: Option<Plain<200>>,
    /// Neutral: what gateways and systems may read.
    label: Option<Plain<40>>,
    /// 0 or more.
    price: Option<Money>,
    /// Per cent, from 0 to 100.
    tax_rate: Option<Rate>,
    /// Whether the price holds the tax.
    tax_included: Option<bool>,
}

fn yes() -> bool {
    true
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/appointment-types",
        View,
        |call| Box::pin(list(call)),
        "What can be booked, and what it costs.",
    )
    .gives::<AppointmentTypes>(200)
    .query(PAGING),
    Route::post(
        "/v1/appointment-types",
        Configure,
        |call| Box::pin(create(call)),
        "Offers a type of appointment.",
    )
    .gives::<AppointmentType>(201)
    .takes::<AppointmentTypeRequest>(),
    Route::get(
        "/v1/appointment-types/{id}",
        View,
        |call| Box::pin(get(call)),
        "A type, offered or not any more.",
    )
    .gives::<AppointmentType>(200),
    Route::patch(
        "/v1/appointment-types/{id}",
        Configure,
        |call| Box::pin(change(call)),
        "Changes a type for appointments that are booked from now on.",
    )
    .gives::<AppointmentType>(200)
    .takes::<AppointmentTypeChanges>(),
    Route::delete(
        "/v1/appointment-types/{id}",
        Configure,
        |call| Box::pin(end(call)),
        "Offers it no longer. What was booked stays as it is.",
    )
    .gives::<AppointmentType>(200),
];

async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page(&appointment_type::list(call.clinic())).await?;
    let rows: Result<Vec<_>, _> = rows.iter().map(TypeRow::read).collect();
    let appointment_types = rows?.iter().map(view).collect();
    let page = AppointmentTypes {
        appointment_types,
        next,
    };
    Ok(reply(200, &page))
}

async fn create(call: &Call<'_>) -> Answered {
    let new: AppointmentTypeRequest = call.body()?;
    let new = NewType {
        id: new.id,
        name: new.name,
        label: new.label,
        price: new.price,
        tax_rate: new.tax_rate.0,
        tax_included: new.tax_included,
    };
    let made = appointment_types::make(call.app, &call.settings, &call.actor, new).await?;
    Ok(reply(201, &view(&made)))
}

async fn get(call: &Call<'_>) -> Answered {
    let found = appointment_types::find(call.app, call.clinic(), &call.path[0]).await?;
    Ok(reply(200, &view(&found)))
}

async fn change(call: &Call<'_>) -> Answered {
    let new: AppointmentTypeChanges = call.body()?;
    let changes = Changes {
        version: new.version,
        name: new.name,
        label: new.label,
        price: new.price,
        tax_rate: new.tax_rate.map(|rate| rate.0),
        tax_included: new.tax_included,
    };
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let now = appointment_types::change(app, settings, &call.actor, id, changes).await?;
    Ok(reply(200, &view(&now)))
}

async fn end(call: &Call<'_>) -> Answered {
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let ended = appointment_types::end(app, settings, &call.actor, id).await?;
    Ok(reply(200, &view(&ended)))
}
