//! What each vendor costs in lines, as rustfmt writes them: its adapter and its simulated vendor,
//! without tests. `cargo run -p meridian-architecture --bin cost`.

use meridian_architecture::rust_files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Lines by vendor, and whether its adapter is a gateway.
#[derive(Default)]
struct Cost {
    adapter: usize,
    sandbox: usize,
    gateway: bool,
}

impl Cost {
    fn together(&self) -> usize {
        self.adapter + self.sandbox
    }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (adapters, sandbox) = ("shared/src/vendors", "infra/sandbox/src/vendors");
    let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
    for (vendor, text) in of_vendors(&root.join(adapters)) {
        let cost = costs.entry(vendor).or_default();
        cost.adapter += lines(&text);
        cost.gateway |= text.contains("pub static GATEWAY");
    }
    for (vendor, text) in of_vendors(&root.join(sandbox)) {
        costs.entry(vendor).or_default().sandbox += lines(&text);
    }
    println!("| vendor | adapter | simulated | together |\n|---|---|---|---|");
    for (gateway, name) in [(true, "gateways"), (false, "systems")] {
        let of_kind = costs.iter().filter(|(_, cost)| cost.gateway == gateway);
        let mut sums: Vec<_> = of_kind.clone().map(|(_, cost)| cost.together()).collect();
        sums.sort_unstable();
        for (vendor, cost) in of_kind {
            let together = cost.together();
            println!(
                "| {vendor} | {} | {} | {together} |",
                cost.adapter, cost.sandbox
            );
        }
        let (most, median) = (sums.last(), sums.get(sums.len() / 2));
        let told = |sum: Option<&usize>| sum.copied().unwrap_or_default();
        println!(
            "| {name}: median; most | | | {}; {} |",
            told(median),
            told(most)
        );
    }
}

/// The files below a folder of vendors, each with its vendor: its folder, or its own name.
fn of_vendors(folder: &Path) -> Vec<(String, String)> {
    let vendor = |file: &PathBuf| {
        let below = file.strip_prefix(folder).ok()?.components().next()?;
        let name = below.as_os_str().to_string_lossy();
        let name = name.trim_end_matches(".rs");
        let shared = matches!(name, "mod" | "capabilities");
        (!shared).then(|| name.to_owned())
    };
    let files = rust_files(folder).into_iter();
    let named = files.filter_map(|file| Some((vendor(&file)?, file)));
    let read = |file: PathBuf| std::fs::read_to_string(file).unwrap_or_default();
    named.map(|(vendor, file)| (vendor, read(file))).collect()
}

/// Those before its tests.
fn lines(text: &str) -> usize {
    let before = text.split("#[cfg(test)]").next().unwrap_or_default();
    before.trim_end().lines().count()
}
