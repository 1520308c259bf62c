//! Which vendors there are, and where a person may point them.

use meridian_sandbox::Sandbox;

/// Refuses a vendor that the sandbox does not simulate.
pub fn check_simulated(vendor: &str) -> Result<(), String> {
    let known: Vec<_> = Sandbox::vendors().collect();
    if known.contains(&vendor) {
        return Ok(());
    }
    Err(format!("`{vendor}` is none of {}", known.join(", ")))
}

/// `http(s)://host` with at most a path.
pub fn is_base(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}
