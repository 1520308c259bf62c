//! What every Meridian function shares.

pub mod clock;
pub mod domain;
pub mod gateways;
pub mod ids;
pub mod inbound;
pub mod money;
pub mod systems;
pub mod vendor;
