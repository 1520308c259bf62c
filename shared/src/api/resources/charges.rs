//! Collecting money: `/v1/invoices/{id}/charges` for what an invoice has due, `/v1/charges` for a
//! walk-in, which is an invoice and its charge in one.

use super::patients::{Reference, named};
use super::{invoices, settings};
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call};
use crate::api::frame::caller::Permission::Charge;
use crate::api::frame::label;
use crate::api::frame::lines::{self, NewLine};
use crate::api::frame::once::{Once, answering};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::{TextOr, plain};
use crate::api::views::payment;
use crate::domain::case::Case;
use crate::domain::event::{Event, NewCharge};
use crate::domain::fact::Method;
use crate::domain::policy::Collect;
use crate::flows::commit;
use crate::flows::commit::Change;
use crate::flows::events::EventRow;
use crate::flows::invoicing;
use crate::flows::invoicing::Wanted;
use crate::flows::patients;
use crate::words::money::{Currency, Money};
use serde::Deserialize;

pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/invoices/{id}/charges",
        Charge,
        |call| Box::pin(of_invoice(call)),
        "Collects all that is due on an invoice, or a part. A `gateway` whose methods the patient \
         has none of is refused where a saved method is to be charged.",
    )
    .gives(202, "Payment")
    .takes::<ChargeOf>("ChargeRequest")
    .once(),
    Route::post(
        "/v1/charges",
        Charge,
        |call| Box::pin(walk_in(call)),
        "Charges a walk-in: an invoice and its payment in one.",
    )
    .gives(202, "Payment")
    .takes::<WalkIn>("WalkInRequest")
    .once(),
];

/// A method that its gateway keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    gateway: String,
    token: String,
    customer: Option<String>,
    label: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeOf {
    amount: Option<Money>,
    /// `"saved"`, or a method.
    method: Option<TextOr<Kept>>,
    gateway: Option<String>,
    collect: Option<Way>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkIn {
    lines: Vec<NewLine>,
    currency: Option<Currency>,
    patient: Option<TextOr<Reference>>,
    method: Option<TextOr<Kept>>,
    gateway: Option<String>,
}

/// How it is collected: a charge is never for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    SavedMethod,
    Checkout,
}

pub async fn of_invoice(call: &Call<'_>) -> Answered {
    let new: ChargeOf = call.body()?;
    check(new.method.as_ref(), new.gateway.as_deref())?;
    if new.amount.is_some_and(|amount| amount.minor <= 0) {
        return Err(Problem::invalid("amount", "more than 0"));
    }
    if let (Some(_), Some(Way::Checkout)) = (&new.method, new.collect) {
        return Err(Problem::invalid(
            "collect",
            "a checkout has no method: leave one of them out",
        ));
    }
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => answering(row, newest),
    };
    let case = invoices::known(call, &call.path[0]).await?;
    let patient = case.patient.as_deref();
    let way = new.collect.unwrap_or(match call.settings.policy.collect {
        Collect::Checkout => Way::Checkout,
        Collect::SavedMethod | Collect::Later => Way::SavedMethod,
    });
    let at = new.gateway.as_deref();
    let method = match (&new.method, way) {
        (Some(method), _) => Some(chosen(call, patient, method, at).await?),
        (None, Way::SavedMethod) => {
            let asked = new.collect.is_some();
            saved(call, patient, at, asked).await?
        }
        (None, Way::Checkout) => None,
    };
    let policy = &call.settings.policy;
    let charge = NewCharge {
        amount: new.amount,
        gateway: match &method {
            Some(method) => method.gateway.clone(),
            None => new.gateway.unwrap_or_else(|| policy.gateway.clone()),
        },
        keep_method: method.is_none() && policy.save_method && patient.is_some(),
        method,
    };
    let id = case.id.clone();
    let change = Change {
        row: Some(row.clone()),
        ..Change::new(&call.settings, &id, Event::Charge(charge), call.cause(&row))
    };
    let committed = commit::commit(call.app, change, Some(case)).await?;
    call.ended(committed, &row)
}

pub async fn walk_in(call: &Call<'_>) -> Answered {
    let new: WalkIn = call.body()?;
    check(new.method.as_ref(), new.gateway.as_deref())?;
    let currency = new.currency.unwrap_or(call.settings.currency);
    let (lines, descriptions) = lines::checked(new.lines, currency)?;
    if lines::total(&lines, currency)?.minor == 0 {
        return Err(Problem::invalid("lines", "a charge comes to more than 0"));
    }
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => answering(row, newest),
    };
    let patient = match &new.patient {
        Some(patient) => Some(named(call, patient).await?.0.id),
        None => None,
    };
    let method = match &new.method {
        Some(method) => {
            let at = new.gateway.as_deref();
            Some(chosen(call, patient.as_deref(), method, at).await?)
        }
        None => None,
    };
    let wanted = Wanted {
        cause: invoices::cause(&row),
        number: None,
        patient,
        appointment: None,
        starts_at: None,
        currency,
        lines,
        descriptions,
        collect: Some(if method.is_some() {
            Collect::SavedMethod
        } else {
            Collect::Checkout
        }),
        gateway: new.gateway,
        method,
    };
    let (settings, why) = (&call.settings, call.cause(&row));
    let (_, made) =
        invoicing::invoice(call.app, settings, wanted, Some(row.clone()), vec![], why).await?;
    call.ended(made, &row)
}

/// The payment that the commit has just planned.
fn newest(case: &Case, _: &EventRow) -> String {
    let payment = case
        .payments
        .last()
        .map(|payment| payment::view(case, payment));
    payment.unwrap_or_default().to_string()
}

/// What can be told of a charge before anything is read.
fn check(method: Option<&TextOr<Kept>>, gateway: Option<&str>) -> Result<(), Problem> {
    if let Some(gateway) = gateway {
        settings::page("gateway", gateway)?;
    }
    match method {
        None => Ok(()),
        Some(TextOr::Text(text)) if text == "saved" => Ok(()),
        Some(TextOr::Text(_)) => Err(Problem::invalid("method", "\"saved\" or a method")),
        Some(TextOr::Object(kept)) => {
            settings::charges("method.gateway", &kept.gateway)?;
            if gateway.is_some_and(|gateway| gateway != kept.gateway) {
                return Err(Problem::invalid(
                    "gateway",
                    "the method is kept at another gateway",
                ));
            }
            plain("method.token", &kept.token, 200)?;
            for (field, text) in [
                ("method.customer", &kept.customer),
                ("method.label", &kept.label),
            ] {
                if let Some(text) = text {
                    plain(field, text, 200)?;
                }
            }
            Ok(())
        }
    }
}

/// The method that a request chose, with what is known of it.
async fn chosen(
    call: &Call<'_>,
    patient: Option<&str>,
    method: &TextOr<Kept>,
    gateway: Option<&str>,
) -> Result<Method, Problem> {
    let TextOr::Object(kept) = method else {
        let none = || {
            let why = "no method is saved: leave it out, with `collect` as `checkout`";
            Problem::invalid("method", why)
        };
        return saved(call, patient, gateway, true).await?.ok_or_else(none);
    };
    let methods = match patient {
        Some(patient) => patients::methods(call.app, call.clinic(), patient).await?,
        None => vec![],
    };
    let same = methods
        .into_iter()
        .map(|known| known.method)
        .find(|m| m.gateway == kept.gateway && m.token == kept.token);
    Ok(same.unwrap_or_else(|| Method {
        gateway: kept.gateway.clone(),
        customer: kept.customer.clone(),
        token: kept.token.clone(),
        label: label::kept(kept.label.as_deref().unwrap_or_default()),
    }))
}

/// The method that is charged by itself, at this gateway where one was named. Another gateway's is never
/// charged in its place; by policy alone a patient without any method is sent to its page.
async fn saved(
    call: &Call<'_>,
    patient: Option<&str>,
    gateway: Option<&str>,
    asked: bool,
) -> Result<Option<Method>, Problem> {
    let methods = match patient {
        Some(patient) => patients::methods(call.app, call.clinic(), patient).await?,
        None => vec![],
    };
    let agreed = methods.into_iter().filter(|kept| kept.later_charges);
    let methods: Vec<Method> = agreed.map(|kept| kept.method).collect();
    let elsewhere = !methods.is_empty();
    let fits = |method: &Method| gateway.is_none_or(|gateway| method.gateway == gateway);
    match (methods.into_iter().find(fits), gateway) {
        (None, Some(gateway)) if asked || elsewhere => Err(Problem::invalid(
            "gateway",
            format!(
                "no method is saved at {gateway}: leave the gateway out to charge another one, or \
                 open a page there with `collect` as `checkout`"
            ),
        )),
        (found, _) => Ok(found),
    }
}
