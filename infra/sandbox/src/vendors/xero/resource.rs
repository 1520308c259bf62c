//! What the kinds of elements at Xero differ in.

use super::replies::Checked;
use crate::world::World;
use serde_json::Value;

/// Resource, its id's name, and what its elements may hold.
pub struct Resource {
    pub name: &'static str,
    pub kind: &'static str,
    pub id: &'static str,
    /// A second name by which one is found: its number.
    pub number: &'static str,
    pub spec: &'static str,
    pub save: fn(&mut World, &str, &Value, create: bool) -> Checked,
}
