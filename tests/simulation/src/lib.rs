//! A simulation of the money path: the rules of the product, driven in memory through whole
//! histories with gateways that know the truth, a clock, faults and people, and held against that
//! truth at each step and at rest.
//!
//! A seed makes a [`plan::Plan`]; [`world::World`] lets it happen; [`check`] says what was broken.
//! A plan that fails is made smaller, piece by piece, and its history is told in words.

pub mod adapters;
pub mod bill;
pub mod check;
pub mod clinic;
pub mod coverage;
pub mod gateway;
pub mod people;
pub mod plan;
pub mod posting;
pub mod practice;
pub mod runs;
pub mod wire;
pub mod world;
