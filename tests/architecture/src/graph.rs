//! Which file imports which, and where that goes in a circle.

use crate::files::{Crate, File};
use crate::names::{attributes, is_test, leaves};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use syn::visit::{self, Visit};

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// An item that this file defines.
    Item(usize),
}

impl Crate {
    /// Pairs of places among [`Crate::files`]: the first imports from the second.
    pub fn edges(&self) -> BTreeSet<(usize, usize)> {
        let mut edges = BTreeSet::new();
        for (place, file) in self.files.iter().enumerate() {
            let mut uses = Uses {
                of: self,
                module: file.place,
                found: BTreeSet::new(),
            };
            uses.visit_file(&file.syntax);
            edges.extend(uses.found.into_iter().map(|other| (place, other)));
        }
        edges.retain(|(from, to)| from != to);
        edges
    }

    /// Files that import each other, directly or by way of others.
    pub fn circles(&self) -> Vec<Vec<&File>> {
        let edges = self.edges();
        let next = |file: usize| edges.range((file, 0)..(file + 1, 0)).map(|(_, to)| *to);
        let reach = |file: usize| {
            let (mut found, mut todo) = (BTreeSet::new(), vec![file]);
            while let Some(file) = todo.pop() {
                todo.extend(next(file).filter(|other| found.insert(*other)));
            }
            found
        };
        let reach: Vec<BTreeSet<usize>> = (0..self.files.len()).map(reach).collect();
        let circle = |file: usize| -> Vec<usize> {
            let back = |other: &usize| reach[*other].contains(&file);
            reach[file].iter().copied().filter(back).collect()
        };
        // each of its files finds the same circle
        let circles: BTreeSet<_> = (0..self.files.len()).map(circle).collect();
        let files = |circle: Vec<usize>| circle.into_iter().map(|file| &self.files[file]).collect();
        circles
            .into_iter()
            .filter(|circle| !circle.is_empty())
            .map(files)
            .collect()
    }

    /// The circles that go through more than one folder.
    pub fn circles_between_folders(&self) -> Vec<Vec<&File>> {
        let mut circles = self.circles();
        circles.retain(|circle| circle.iter().any(|file| file.folder != circle[0].folder));
        circles
    }

    /// What `path` means in a module; none for what another crate holds.
    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first().filter(|_| depth < 20)?;
        let mut at = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(module),
            "super" => Target::Module(self.modules[module].parent),
            name => self.named(module, name, depth)?,
        };
        for name in rest {
            at = match at {
                Target::Module(place) if name == "super" => {
                    Target::Module(self.modules[place].parent)
                }
                Target::Module(place) => self.named(place, name, depth)?,
                // a variant, or what belongs to a type
                Target::Item(_) => return Some(at),
            };
        }
        Some(at)
    }

    fn named(&self, place: usize, name: &str, depth: usize) -> Option<Target> {
        let module = &self.modules[place];
        if module.items.contains(name) {
            return Some(Target::Item(module.file));
        }
        if let Some(child) = module.children.get(name) {
            return Some(Target::Module(*child));
        }
        match module.imports.get(name) {
            Some(path) => self.resolve(place, path, depth + 1),
            None => module.globs.iter().find_map(|glob| {
                let path: Vec<String> = glob.iter().cloned().chain([name.to_owned()]).collect();
                self.resolve(place, &path, depth + 1)
            }),
        }
    }
}

/// Collects the files whose items are named in one file.
struct Uses<'a> {
    of: &'a Crate,
    module: usize,
    found: BTreeSet<usize>,
}

impl Uses<'_> {
    /// A module alone is only the way to what it holds.
    fn named(&mut self, path: &[String]) {
        if let Some(Target::Item(file)) = self.of.resolve(self.module, path, 0) {
            self.found.insert(file);
        }
    }

    /// A macro's words are no syntax yet: what looks like a path is taken for one.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(word) if colons == 2 => path.push(word.to_string()),
                TokenTree::Ident(word) => {
                    self.named(&path);
                    path = vec![word.to_string()];
                }
                other => {
                    self.named(&std::mem::take(&mut path));
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
            colons = 0;
        }
        self.named(&path);
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let outer = self.module;
        if item.content.is_some() {
            self.module = self.of.modules[outer].children[&item.ident.to_string()];
            visit::visit_item_mod(self, item);
            self.module = outer;
        }
    }
    fn visit_item_use(&mut self, line: &'ast syn::ItemUse) {
        for (_, path) in leaves(&line.tree) {
            self.named(&path);
        }
    }
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words = path.segments.iter().map(|part| part.ident.to_string());
        self.named(&words.collect::<Vec<_>>());
        visit::visit_path(self, path);
    }
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }
}
