//! Sources that only speak to us, and the way from a source's name to how it is proven and read.

use crate::gateways;
use crate::inbound::Inbound;

pub mod paypal_ipn;

/// Every source that is neither a gateway nor a system of its own.
pub static ALL: &[&Inbound] = &[&paypal_ipn::INBOUND];

/// What stands behind `/webhooks/{clinic}/{source}`.
pub fn find_inbound(source: &str) -> Option<&'static Inbound> {
    let gateways = gateways::ALL
        .iter()
        .filter_map(|gateway| gateway.webhook.yes());
    let mut known = gateways.chain(ALL.iter().copied());
    known.find(|inbound| inbound.source == source)
}
