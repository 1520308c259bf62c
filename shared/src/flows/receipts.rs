//! Receipts: their page is written once, when it is first needed, and never changes, whatever
//! becomes of templates.

use super::patients::Patient;
use super::{App, Failure};
use crate::domain::case::Case;
use crate::domain::settings::Settings;
use crate::flows::patients;
use crate::io::store::Write;
use crate::pages;
use crate::records::{case, document, receipt};
use crate::words::seal::Key;

/// What each line is for: sealed beside the case, shown only behind a token.
pub type Descriptions = Vec<String>;

/// The address of a receipt's page.
pub async fn receipt_address(app: &App, clinic: &str, receipt: &str) -> Result<String, Failure> {
    let token = app
        .key("addresses")
        .await?
        .token("receipt", clinic, receipt);
    Ok(format!("{}/receipts/{token}", app.config.public_url))
}

/// A receipt's page: as it was first written, or written now. At most two reads and one write
/// where it was written before.
pub async fn receipt_page(
    app: &App,
    settings: &Settings,
    receipt: &str,
) -> Result<Option<String>, Failure> {
    let clinic = &settings.id;
    let pk = receipt::pk(clinic, receipt);
    let Some(row) = app.store.get(&pk, receipt::SK).await? else {
        return Ok(None);
    };
    let facts = receipt::facts(&row)?;
    let place = format!("{pk} page");
    if let Some((page, patient)) = receipt::page(&row) {
        let key = reader(app, settings, patient).await?;
        let Some((key, _)) = key else {
            return Ok(Some(pages::receipt::erased(settings)));
        };
        let page = key.open(&place, page);
        return Ok(Some(
            page.unwrap_or_else(|_| pages::receipt::erased(settings)),
        ));
    }
    let case = app
        .case(clinic, receipt::case(&row))
        .await?
        .ok_or("a receipt without a case")?;
    let owner = case.patient.clone().unwrap_or_default();
    let Some((key, patient)) = reader(app, settings, &owner).await? else {
        return Ok(Some(pages::receipt::erased(settings)));
    };
    let descriptions = descriptions(app, &case, &key).await?;
    let name = patient
        .map(|patient| patient.person.name)
        .unwrap_or_default();
    let page = pages::receipt::page(settings, &facts, &name, &descriptions);
    // Two that write it at once: the first one stays.
    let write = receipt::written(row, key.seal(&place, &page), owner);
    match app.store.transact(&[write]).await? {
        crate::io::store::Written::Done => Ok(Some(page)),
        _ => {
            let row = app
                .store
                .get(&pk, receipt::SK)
                .await?
                .ok_or("a receipt vanished")?;
            let page = receipt::page(&row).map(|(page, _)| key.open(&place, page));
            Ok(page.and_then(Result::ok))
        }
    }
}

/// The key that opens and seals a patient's texts; the clinic's own where there is no patient.
/// `None` once the patient was erased: nothing may be sealed that nobody can open.
pub async fn reader(
    app: &App,
    settings: &Settings,
    patient: &str,
) -> Result<Option<(Key, Option<Patient>)>, Failure> {
    if patient.is_empty() {
        return Ok(Some((
            app.key(&format!("clinic {}", settings.id)).await?,
            None,
        )));
    }
    let patient = patients::patient(app, &settings.id, patient).await?;
    Ok(patient.and_then(|patient| Some((patient.key.clone()?, Some(patient)))))
}

/// What the lines of an invoice are for.
pub async fn descriptions(app: &App, case: &Case, key: &Key) -> Result<Descriptions, Failure> {
    let pk = case::pk(&case.clinic, &case.id);
    let row = app.store.get(&pk, document::SK).await?;
    let opened = row.and_then(|row| key.open(&pk, document::sealed(&row)).ok());
    Ok(opened.unwrap_or_default())
}

/// The row that keeps what the lines of an invoice are for.
pub fn document(clinic: &str, case: &str, key: &Key, descriptions: &Descriptions) -> Write {
    let pk = case::pk(clinic, case);
    Write::Put(document::row(&pk, key.seal(&pk, descriptions)))
}
