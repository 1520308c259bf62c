//! What can be made to happen here, for people: at the stack, and at its simulated vendors.

/// What there is under `/_local`.
pub const HELP: &str = include_str!("control.txt");

/// That, and the vendors' own control.
pub fn text() -> String {
    format!("{HELP}\n{}", meridian_sandbox::control_help())
}
