//! Holds HTTP traffic with a vendor against the vendor's own contract.
//!
//! The contracts are read from a folder named by `MERIDIAN_CONTRACTS` and never copied into the
//! project. A request is held strictly: a field that the contract does not name is a misspelling
//! until proven otherwise. A reply is held openly, as vendors add fields without notice; its
//! required fields and every type are enforced.

mod check;
mod coerce;
mod decode;
mod discovery;
mod document;
mod explain;
mod oauth;
mod schemas;
mod translate;
mod vendors;
mod xml;
mod xsd;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use vendors::{Hook, Vendor, entries};

/// The contracts of all vendors, each read when it is first asked for.
pub struct Contracts {
    folder: PathBuf,
    vendors: Vec<OnceLock<Result<Vendor, String>>>,
}

/// One call to a vendor and its answer, as they went over the wire.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    pub vendor: String,
    pub method: String,
    /// Path on the vendor's own host, with the query.
    pub path: String,
    pub request_headers: Vec<(String, String)>,
    pub request_body: Vec<u8>,
    /// 0 when no reply was seen: then only the request is held.
    pub status: u16,
    pub response_headers: Vec<(String, String)>,
    pub response_body: Vec<u8>,
}

impl Contracts {
    /// The folder that `MERIDIAN_CONTRACTS` names, or `None` when it is unset or empty.
    ///
    /// # Panics
    /// When it is set to something that holds no contracts: a check that silently checks nothing
    /// is worse than none.
    pub fn from_env() -> Option<Contracts> {
        let folder = std::env::var_os("MERIDIAN_CONTRACTS").filter(|value| !value.is_empty())?;
        match Contracts::load(Path::new(&folder)) {
            Ok(contracts) => Some(contracts),
            Err(problem) => panic!("MERIDIAN_CONTRACTS: {problem}"),
        }
    }

    pub fn load(folder: &Path) -> Result<Contracts, String> {
        for entry in entries() {
            let path = folder.join(entry.folder);
            if !path.is_dir() {
                return Err(format!("{} is not a folder", path.display()));
            }
        }
        let vendors = entries().map(|_| OnceLock::new()).collect();
        Ok(Contracts {
            folder: folder.to_owned(),
            vendors,
        })
    }

    /// Each vendor, and how many kinds of calls and of webhooks the stories bring about at least.
    pub fn least() -> impl Iterator<Item = (&'static str, usize, usize)> {
        entries().map(|entry| (entry.id, entry.least.0, entry.least.1))
    }

    /// The problems of one exchange; none when it fits the contract.
    pub fn check(&self, exchange: &Exchange) -> Vec<String> {
        match self.vendor(&exchange.vendor) {
            Ok(vendor) => check::exchange(vendor, exchange),
            Err(problem) => vec![problem],
        }
    }

    /// The problems of a webhook as the vendor would send it: its signature's form, its envelope,
    /// and that the contract knows its event. A further source is a vendor of its own here.
    pub fn check_webhook(
        &self,
        vendor: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Vec<String> {
        let found = match self.vendor(vendor) {
            Ok(found) => found,
            Err(problem) => return vec![problem],
        };
        let mut hook = Hook::new(found, headers, body);
        (found.webhook)(&mut hook);
        hook.problems
            .iter()
            .map(|problem| format!("{vendor} webhook: {problem}"))
            .collect()
    }

    fn vendor(&self, id: &str) -> Result<&Vendor, String> {
        let mut opened = entries().zip(&self.vendors);
        let (entry, vendor) = opened
            .find(|(entry, _)| entry.id == id)
            .ok_or_else(|| format!("{id}: no contract is known for this vendor"))?;
        vendor
            .get_or_init(|| (entry.open)(&self.folder.join(entry.folder)))
            .as_ref()
            .map_err(|problem| format!("{id}: {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A schema that cannot be compiled would only show once somebody calls that operation.
    #[test]
    fn every_schema_can_be_used() {
        let Some(contracts) = Contracts::from_env() else {
            return println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
        };
        let mut used = 0;
        for entry in entries() {
            let vendor = contracts
                .vendor(entry.id)
                .unwrap_or_else(|problem| panic!("{problem}"));
            for document in &vendor.documents {
                for (side, title, schema) in document.used() {
                    used += 1;
                    let problems = document.problems(side, &schema, &json!(null));
                    let unusable = problems.iter().find(|line| line.contains("cannot be used"));
                    assert_eq!(unusable, None, "{}: {title}", entry.id);
                }
            }
        }
        assert!(used > 2000, "only {used} schemas were found");
    }
}
