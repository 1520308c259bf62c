//! The contracts of vendors, and what a file does not say of each. Which there are,
//! `meridian_registry` says.

mod adyen;
mod authorizenet;
mod cliniko;
mod gocardless;
mod google_sheets;
mod mailgun;
mod mollie;
mod own;
mod paypal;
mod quickbooks;
mod slack;
mod stripe;
mod twilio;
mod xero;

use std::path::Path;

use serde_json::Value;

use crate::check::form_of;
use crate::decode::Names;
use crate::document::Document;
use crate::translate::Side;

/// A contract that can be opened.
pub struct Entry {
    pub id: &'static str,
    /// Its folder among the contracts.
    pub folder: &'static str,
    pub open: fn(&Path) -> Result<Vendor, String>,
    /// How many kinds of calls and of webhooks the stories bring about at least.
    pub least: (usize, usize),
}

impl Entry {
    /// In the folder that is named like the vendor.
    const fn of(id: &'static str, open: fn(&Path) -> Result<Vendor, String>) -> Self {
        Self {
            id,
            folder: id,
            open,
            least: (0, 0),
        }
    }

    /// With how much of it the stories see at least.
    const fn seen(mut self, calls: usize, webhooks: usize) -> Self {
        self.least = (calls, webhooks);
        self
    }
}

macro_rules! entries {
    ($($vendor:ident),+) => { &[$($vendor::ENTRIES),+] };
}

static ALL: &[&[Entry]] = meridian_registry::vendors!(entries);

/// Every contract of every vendor.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    ALL.iter().copied().flatten()
}

/// A vendor's contract, read and completed.
pub struct Vendor {
    /// The first is the main one.
    pub documents: Vec<Document>,
    /// How names nest in its forms and queries.
    pub names: Names,
    /// Shape of an error that an operation does not list.
    pub error: Option<Value>,
    /// Holds a webhook: adds to the problems what does not fit.
    pub webhook: fn(&mut Hook),
}

/// A webhook under examination.
pub struct Hook<'a> {
    vendor: &'a Vendor,
    headers: &'a [(String, String)],
    body: &'a [u8],
    pub problems: Vec<String>,
}

impl<'a> Hook<'a> {
    pub fn new(vendor: &'a Vendor, headers: &'a [(String, String)], body: &'a [u8]) -> Hook<'a> {
        Hook {
            vendor,
            headers,
            body,
            problems: Vec::new(),
        }
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        header(self.headers, name)
    }

    /// A header that must be there and look like `shape` allows.
    fn need(&mut self, name: &str, shape: impl Fn(&str) -> bool, expected: &str) {
        match self.header(name) {
            Some(value) if shape(value) => {}
            Some(value) => {
                self.problems.push(format!(
                    "header {name}: {expected} is expected (it is {value:?})"
                ));
            }
            None => self.problems.push(format!("header {name}: is required")),
        }
    }

    fn is_form(&self) -> bool {
        self.header("content-type")
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
    }

    fn json(&mut self) -> Option<Value> {
        let typed = self.header("content-type");
        self.expect(typed.is_some_and(|value| value.contains("json")), || {
            format!("header Content-Type: JSON is expected (it is {typed:?})")
        });
        let read = serde_json::from_slice(self.body).map_err(|e| format!("body is not JSON: {e}"));
        self.keep(read)
    }

    fn form(&mut self) -> Option<Value> {
        let form = self.is_form();
        self.expect(form, || "header Content-Type: a form is expected".into());
        let read = form_of(self.body).map_err(|problem| format!("body: {problem}"));
        self.keep(read)
    }

    fn keep(&mut self, read: Result<Value, String>) -> Option<Value> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn expect(&mut self, holds: bool, problem: impl Fn() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }

    /// Holds a value, found in the body at `place`, by a schema of one of the vendor's files.
    fn hold(&mut self, document: usize, schema: &Value, value: &Value, place: &str) {
        let lines = self.vendor.documents[document].problems(Side::Reply, schema, value);
        self.problems
            .extend(lines.into_iter().map(|line| format!("{place}{line}")));
    }
}

pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Base64 of so many bytes.
fn is_base64(text: &str, bytes: usize) -> bool {
    let symbols = text.trim_end_matches('=');
    text.len() == bytes.div_ceil(3) * 4
        && symbols.len() == (bytes * 4).div_ceil(3)
        && symbols
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}
