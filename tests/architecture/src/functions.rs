//! The functions of a file and their lines.

use crate::files::parsed;
use std::path::Path;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

pub struct Function {
    pub name: String,
    /// Of its `fn`.
    pub line: usize,
    /// From its `fn` to its closing brace.
    pub lines: usize,
}

/// All functions of a file with a body: tests, methods and inner ones too.
pub fn functions(file: &Path) -> Vec<Function> {
    let mut found = Found(Vec::new());
    found.visit_file(&parsed(file));
    found.0
}

struct Found(Vec<Function>);

impl Found {
    fn add(&mut self, sig: &syn::Signature, body: &syn::Block) {
        let line = sig.span().start().line;
        self.0.push(Function {
            name: sig.ident.to_string(),
            line,
            lines: body.span().end().line + 1 - line,
        });
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }
    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
