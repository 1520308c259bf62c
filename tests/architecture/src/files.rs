//! A crate's files and modules.

use crate::names::{attributes, defined, imports, is_test};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use syn::Item;

/// A crate as its root file declares it.
pub struct Crate {
    /// The root file first; an edge names files by their place here.
    pub files: Vec<File>,
    pub(crate) modules: Vec<Module>,
}

pub struct File {
    /// From the folder of the root file.
    pub name: String,
    /// `crate::vendors::stripe`
    pub module: String,
    /// The folder whose modules it belongs to: `a/b.rs` beside a folder `a/b` belongs to that one.
    pub folder: String,
    pub(crate) syntax: syn::File,
    /// Its own place among the modules.
    pub(crate) place: usize,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[derive(Default)]
pub(crate) struct Module {
    pub file: usize,
    pub parent: usize,
    pub children: BTreeMap<String, usize>,
    pub items: BTreeSet<String>,
    /// Names that `use` brings in, and the path each stands for.
    pub imports: BTreeMap<String, Vec<String>>,
    pub globs: Vec<Vec<String>>,
}

impl Crate {
    /// Reads the crate of a root file, `src/lib.rs` or `src/main.rs`.
    pub fn read(root: &Path) -> Crate {
        let base = root.parent().expect("a root file is in a folder");
        let mut read = Crate {
            files: Vec::new(),
            modules: Vec::new(),
        };
        read.file(base, root, base, 0, "crate".to_owned());
        read
    }

    /// Reads one file, whose modules are in `below`.
    fn file(&mut self, base: &Path, path: &Path, below: &Path, parent: usize, module: String) {
        let syntax = parsed(path);
        let shown = |path: &Path| {
            let path = path.strip_prefix(base).unwrap_or(path);
            path.to_string_lossy().replace('\\', "/")
        };
        let folder = if below.is_dir() {
            below
        } else {
            path.parent().unwrap_or(base)
        };
        let (file, place) = (self.files.len(), self.modules.len());
        self.files.push(File {
            name: shown(path),
            module: module.clone(),
            folder: shown(folder),
            syntax: syntax.clone(),
            place,
        });
        self.module(file, parent, &module);
        self.items(base, &syntax.items, below, place, &module);
    }

    fn module(&mut self, file: usize, parent: usize, path: &str) {
        let place = self.modules.len();
        if let Some((_, name)) = path.rsplit_once("::") {
            self.modules[parent].children.insert(name.to_owned(), place);
        }
        self.modules.push(Module {
            file,
            parent,
            ..Module::default()
        });
    }

    fn items(&mut self, base: &Path, items: &[Item], below: &Path, place: usize, module: &str) {
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            if let Item::Mod(inner) = item {
                let name = inner.ident.to_string();
                let (folder, module) = (below.join(&name), format!("{module}::{name}"));
                if let Some((_, items)) = &inner.content {
                    let inner = self.modules.len();
                    self.module(self.modules[place].file, place, &module);
                    self.items(base, items, &folder, inner, &module);
                } else {
                    let files = [folder.with_extension("rs"), folder.join("mod.rs")];
                    let path = files.iter().find(|path| path.is_file());
                    let path = path.unwrap_or_else(|| panic!("{module} has no file"));
                    self.file(base, path, &folder, place, module);
                }
                continue;
            }
            let here = &mut self.modules[place];
            here.items.extend(defined(item));
            for (name, path) in imports(item) {
                match name {
                    Some(name) => drop(here.imports.insert(name, path)),
                    None => here.globs.push(path),
                }
            }
        }
    }
}

pub(crate) fn parsed(path: &Path) -> syn::File {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
    let parsed = text.and_then(|text| syn::parse_file(&text).map_err(|e| e.to_string()));
    parsed.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `.rs` file below a folder, in the order of their names; what was built is left out.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
