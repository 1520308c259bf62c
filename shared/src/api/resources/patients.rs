//! `/v1/patients`: whom invoices are for, and the methods that gateways keep for them.

use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, reply};
use crate::api::frame::caller::Permission::{Charge, View};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::{TextOr, no_card_number, plain};
use crate::flows::deliveries::optouts;
use crate::flows::patients::{self, Patient, Person};
use crate::io::store::Written;
use crate::words::ids;
use crate::words::seal::Key;
use serde::Deserialize;
use serde_json::{Value, json};

pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/patients",
        Charge,
        |call| Box::pin(put(call)),
        "Makes a patient, or writes all of one whose reference is known (200).",
    )
    .gives(201, "Patient")
    .takes::<NewPatient>("PatientRequest")
    .also(200, "Patient"),
    Route::get(
        "/v1/patients/{id}",
        View,
        |call| Box::pin(get(call)),
        "A patient.",
    )
    .gives(200, "Patient"),
    Route::delete(
        "/v1/patients/{id}/opt-out",
        Charge,
        |call| Box::pin(opt_in(call)),
        "The patient wants texts again: lifts that the number opted out. One that answered STOP \
         must answer START too, or its provider goes on refusing.",
    )
    .gives(200, "Patient"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPatient {
    reference: String,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

/// A patient by the clinic's own reference.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    reference: String,
}

pub async fn put(call: &Call<'_>) -> Answered {
    let new: NewPatient = call.body()?;
    plain("reference", &new.reference, 64)?;
    if let Some(name) = &new.name {
        // Names in some scripts need the joiners, which have no width.
        plain("name", &name.replace(['\u{200c}', '\u{200d}'], ""), 120)?;
    }
    if let Some(email) = &new.email {
        if !is_address(email) {
            return Err(Problem::invalid(
                "email",
                "an address such as name@example.org",
            ));
        }
        no_card_number("email", email)?;
    }
    if new.phone.as_ref().is_some_and(|phone| !is_number(phone)) {
        return Err(Problem::invalid(
            "phone",
            "international form, such as +61370100142",
        ));
    }
    let NewPatient {
        reference,
        name,
        email,
        phone,
    } = new;
    let person = Person {
        name: name.unwrap_or_default(),
        email,
        phone,
    };
    let id = patients::id(call.clinic(), &reference);
    let note = call.noted(None, &format!("patient_written {id}"));
    let (patient, new) =
        patients::put_patient(call.app, call.clinic(), &reference, &person, note).await?;
    let status = if new { 201 } else { 200 };
    Ok(reply(status, &view(call, &patient).await?))
}

pub async fn get(call: &Call<'_>) -> Answered {
    let patient = known(call, &call.path[0]).await?;
    Ok(reply(200, &view(call, &patient).await?))
}

/// The patient wants texts again.
pub async fn opt_in(call: &Call<'_>) -> Answered {
    let patient = known(call, &call.path[0]).await?;
    let (app, clinic) = (&call.app, call.clinic());
    let phone = patient.person.phone.as_deref();
    let phone = match phone {
        Some(phone) if optouts::texts_unwanted(app, clinic, phone).await? => phone,
        _ => return Err(Problem::missing("opt-out")),
    };
    let mut writes = optouts::lifted(app, clinic, phone).await?;
    writes.push(call.noted(None, &format!("opt_out_lifted {}", patient.id)));
    match app.store.transact(&writes).await? {
        Written::Done => Ok(reply(200, &view(call, &patient).await?)),
        _ => Err(being_written()),
    }
}

/// The patient of this id.
pub async fn known(call: &Call<'_>, id: &str) -> Result<Patient, Problem> {
    let found = match ids::is_id(id) {
        true => patients::patient(call.app, call.clinic(), id).await?,
        false => None,
    };
    found.ok_or_else(|| Problem::missing("patient"))
}

/// The patient that a body names, by our id or by the clinic's reference, and the key under which
/// what is said of them is sealed.
pub async fn named(call: &Call<'_>, named: &TextOr<Reference>) -> Result<(Patient, Key), Problem> {
    let id = match named {
        TextOr::Text(id) => id.clone(),
        TextOr::Object(Reference { reference }) => patients::id(call.clinic(), reference),
    };
    let known = known(call, &id).await.map_err(|why| match why.kind {
        Kind::NotFound => Problem::invalid("patient", "nobody is known by this: POST /v1/patients"),
        _ => why,
    })?;
    let erased = || {
        let why = "this patient was erased: POST /v1/patients begins anew";
        Problem::invalid("patient", why)
    };
    let key = known.key.clone().ok_or_else(erased)?;
    Ok((known, key))
}

/// An erased patient has nothing but an id and a reference.
async fn view(call: &Call<'_>, patient: &Patient) -> Result<Value, Problem> {
    let Person { name, email, phone } = &patient.person;
    let opted_out = match phone {
        Some(phone) => optouts::texts_unwanted(call.app, call.clinic(), phone).await?,
        None => false,
    };
    Ok(json!({
        "id": patient.id,
        "reference": patient.reference,
        "name": Some(name).filter(|name| !name.is_empty()),
        "email": email,
        "phone": phone,
        "opted_out": opted_out,
    }))
}

fn is_address(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c);
    let parts = text.rsplit_once('@');
    text.len() <= 254
        && !text.contains(odd)
        && parts.is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
        })
}

/// E.164.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// What is asked again after it met another write of the same.
pub fn being_written() -> Problem {
    let why = "it is being written by another request: repeat";
    Problem::new(Kind::Conflict, why)
}
