//! Words that everything else is written in: money, ids, instants, sealed texts, exact JSON. They
//! know nothing of clinics or vendors.

pub mod address;
pub mod cards;
pub mod connected;
pub mod exact;
pub mod fold;
pub mod ids;
pub mod json;
pub mod label;
pub mod money;
pub mod schema;
pub mod seal;
pub mod text;
pub mod time;
