//! What people read: pages, receipts and messages. Pure: facts in, text out.

pub mod done;
pub mod invoice;
pub mod layout;
pub mod pay;
pub mod receipt;
pub mod style;

#[cfg(test)]
mod tests;

/// An answer that a browser shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub html: String,
    /// Where the browser is sent.
    pub location: Option<String>,
    /// What its content security policy allows beside.
    pub allows: Allows,
}

/// What a page's content security policy allows beside its own style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allows {
    /// Where its form leads in the end, as a policy names it.
    pub form: Option<String>,
    /// A script, by its digest.
    pub script: Option<String>,
}

impl Page {
    /// A page that holds nothing from elsewhere.
    pub fn of(status: u16, html: String) -> Self {
        Self {
            status,
            html,
            ..Self::default()
        }
    }

    /// The same, whose form leads to this address. Browsers hold what follows a form to the policy
    /// too, and gateways send payers on between hosts of theirs: any that is encrypted is let through.
    pub fn leading_to(mut self, address: &str) -> Self {
        self.allows.form = match address.starts_with("https://") {
            true => Some("https:".into()),
            false => {
                let origin = url::Url::parse(address).map(|url| url.origin().ascii_serialization());
                origin.ok()
            }
        };
        self
    }

    /// Pages hold no script but one, and nothing from elsewhere, so the policy allows neither.
    pub fn policy(&self) -> String {
        let form = self
            .allows
            .form
            .as_deref()
            .map_or(String::new(), |form| format!(" {form}"));
        let script = self.allows.script.as_deref();
        let script = script.map_or(String::new(), |script| format!("script-src {script}; "));
        format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; {script}form-action 'self'{form}; \
             frame-ancestors 'none'; base-uri 'none'"
        )
    }
}

/// Headers of every page beside its policy: an address holds a token, so no other site, cache or
/// search engine may keep it.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("x-robots-tag", "noindex, nofollow"),
    ("strict-transport-security", "max-age=63072000"),
    ("cross-origin-opener-policy", "same-origin"),
];
