//! The page of a receipt.
use crate::domain::settings::Settings;
use crate::flows::receipts::Facts;
pub fn page(settings: &Settings, facts: &Facts, patient: &str, descriptions: &[String]) -> String {
    format!("{} {} {patient} {descriptions:?}", settings.name, facts.number)
}
pub fn erased(settings: &Settings) -> String {
    settings.name.clone()
}
