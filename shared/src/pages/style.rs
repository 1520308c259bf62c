//! The stylesheet of all pages, served by ourselves: pages load nothing from elsewhere.

/// Where pages link it.
pub const PATH: &str = "/receipts/assets/meridian.css";

pub const CSS: &str = include_str!("meridian.css");

/// Headers of the stylesheet. It may be kept for a few minutes only, for its name never changes.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/css; charset=utf-8"),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "public, max-age=300"),
    ("strict-transport-security", "max-age=63072000"),
];
