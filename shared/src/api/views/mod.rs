//! What is answered, as types: one file per thing. The OpenAPI document describes what these are.

pub mod appointment;
pub mod appointment_type;
pub mod credit;
pub mod delivery;
pub mod dispute;
pub mod entry;
pub mod erasure;
pub mod event;
pub mod integration;
pub mod invoice;
pub mod key;
pub mod line;
pub mod method;
pub mod patient;
pub mod payment;
pub mod record;
pub mod refund;
pub mod sample;
pub mod settings;
pub mod story;
pub mod task;
pub mod tender;

use crate::io::store::{Row, StoreError};
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

/// A word of this row as one of those that it may be, such as its state.
fn word<T: DeserializeOwned>(row: &Row, text: &str) -> Result<T, StoreError> {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(text).map_err(|why| {
        let (pk, sk) = (row.pk(), row.sk());
        StoreError::Corrupt(format!("{pk} {sk}: {why}"))
    })
}

/// A text of a row; `None` where there is none.
fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
