//! Pages that know nobody: where a gateway sends the payer back to, and addresses that lead
//! nowhere.

use super::layout::{Icon, by, document, split, state};
use maud::{Markup, html};

/// The payer comes back, paid or not. Only the gateway's signed word tells which, so the page
/// claims neither.
pub fn back() -> String {
    let act = html! {
        (state(
            Icon::Clock,
            "",
            "We are confirming your payment",
            "This usually takes a few seconds; a bank debit takes some days. You can close this \
             page: we will send you the result.",
        ))
        div.notice.info {
            (Icon::Info.draw())
            div {
                h2 { "Did you stop before the end?" }
                p {
                    "Then nothing was taken, and the link in our message still works. If you have "
                    "paid, please do not pay again."
                }
            }
        }
    };
    page("Confirming your payment", "Your payment", "Thank you", &act)
}

/// No such address.
pub fn not_found() -> String {
    let act = state(
        Icon::Info,
        "",
        "We cannot find this page",
        "Part of the address may be missing. Open the link in our message again, or ask the clinic \
         for a new one. Nothing was charged.",
    );
    page("Page not found", "Not found", "Nothing here", &act)
}

/// An address that once led somewhere.
pub fn gone() -> String {
    let act = state(
        Icon::Ended,
        "warn",
        "This link no longer works",
        "Opening it has charged nothing. If there is still something to pay, ask the clinic for a \
         new link.",
    );
    page("This link no longer works", "Link", "Ended", &act)
}

fn page(title: &str, label: &str, large: &str, act: &Markup) -> String {
    let lead = html! {
        p.clinic { (by("Meridian")) }
        p.lead-label { (label) }
        p.lead-sum { (large) }
    };
    document(title, &split(&lead, act))
}
