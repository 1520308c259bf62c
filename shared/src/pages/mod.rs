//! What people read: pages, receipts and messages. Pure: facts in, text out.

pub mod done;
pub mod invoice;
pub mod layout;
pub mod receipt;
pub mod style;

#[cfg(test)]
mod tests;

/// An answer that a browser shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub html: String,
}

/// Headers of every page. Pages hold no script and nothing from elsewhere, so the policy allows
/// neither; an address holds a token, so no other site, cache or search engine may keep it.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("x-robots-tag", "noindex, nofollow"),
    ("strict-transport-security", "max-age=63072000"),
    ("cross-origin-opener-policy", "same-origin"),
];
