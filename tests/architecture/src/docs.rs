//! The docs of what a file shows to others: which items have none, and which only repeat a name.

use crate::files::parsed;
use crate::names::is_test;
use std::path::Path;
use syn::{Attribute, Expr, ExprLit, Fields, ImplItem, Item, Lit, Meta, TraitItem, Visibility};

/// A public item, or a public part of one.
pub struct Public {
    /// With what it belongs to: `Money::minor`.
    pub name: String,
    /// Where it begins, from 1.
    pub line: usize,
    /// The text of its doc comments; empty where there is none.
    pub doc: String,
}

/// Words that say nothing by themselves.
const ARTICLES: [&str; 5] = ["a", "an", "the", "of", "its"];

impl Public {
    /// Whether the doc has no word beside those of the name, its own and its owner's.
    pub fn only_repeats(&self) -> bool {
        let name = words(&self.name);
        let said = words(&self.doc);
        let mut said = said
            .iter()
            .filter(|word| !ARTICLES.contains(&word.as_str()));
        said.all(|word| name.iter().any(|known| same(known, word)))
    }
}

/// The words of a text or a name, in small letters: `PaymentIsLate`, `payment_is_late`.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_small = false;
    for letter in text.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && before_small) {
            words.push(String::new());
        }
        before_small = letter.is_lowercase();
        if letter.is_alphanumeric() {
            words.last_mut().expect("one").extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// One word in singular and plural counts as the same.
fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('s') == other.trim_end_matches('s')
}

/// All public items of a file: types with their public fields and their variants, functions,
/// methods, constants, traits. Modules, imports and what only tests see are left out.
pub fn public_items(file: &Path) -> Vec<Public> {
    let mut found = Found(Vec::new());
    found.items(&parsed(file).items);
    found.0
}

struct Found(Vec<Public>);

impl Found {
    fn add(&mut self, of: &str, name: &syn::Ident, attributes: &[Attribute]) {
        let owner = if of.is_empty() { "" } else { "::" };
        self.0.push(Public {
            name: format!("{of}{owner}{name}"),
            line: name.span().start().line,
            doc: doc(attributes),
        });
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Struct(item) if public(&item.vis) => {
                    self.add("", &item.ident, &item.attrs);
                    self.fields(&item.ident.to_string(), &item.fields);
                }
                Item::Enum(item) if public(&item.vis) => {
                    self.add("", &item.ident, &item.attrs);
                    self.variants(item);
                }
                Item::Fn(item) if public(&item.vis) => self.add("", &item.sig.ident, &item.attrs),
                Item::Const(item) if public(&item.vis) => self.add("", &item.ident, &item.attrs),
                Item::Static(item) if public(&item.vis) => self.add("", &item.ident, &item.attrs),
                Item::Type(item) if public(&item.vis) => self.add("", &item.ident, &item.attrs),
                Item::Trait(item) if public(&item.vis) => {
                    self.add("", &item.ident, &item.attrs);
                    for part in &item.items {
                        if let TraitItem::Fn(part) = part {
                            self.add(&item.ident.to_string(), &part.sig.ident, &part.attrs);
                        }
                    }
                }
                Item::Impl(item) if item.trait_.is_none() && !is_test(&item.attrs) => {
                    self.methods(item);
                }
                Item::Mod(item) if !is_test(&item.attrs) => {
                    self.items(item.content.as_ref().map_or(&[], |(_, items)| items));
                }
                _ => {}
            }
        }
    }

    fn variants(&mut self, item: &syn::ItemEnum) {
        for variant in &item.variants {
            // Its fields are explained with it.
            self.add(&item.ident.to_string(), &variant.ident, &variant.attrs);
        }
    }

    fn fields(&mut self, of: &str, fields: &Fields) {
        for field in fields.iter().filter(|field| public(&field.vis)) {
            if let Some(name) = &field.ident {
                self.add(of, name, &field.attrs);
            }
        }
    }

    fn methods(&mut self, item: &syn::ItemImpl) {
        let of = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let of = of.unwrap_or_default();
        for part in &item.items {
            match part {
                ImplItem::Fn(part) if public(&part.vis) => {
                    self.add(&of, &part.sig.ident, &part.attrs);
                }
                ImplItem::Const(part) if public(&part.vis) => {
                    self.add(&of, &part.ident, &part.attrs);
                }
                _ => {}
            }
        }
    }
}

/// `pub` by itself: what only the crate or a folder sees explains itself there.
fn public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) if pair.path.is_ident("doc") => Some(text.value()),
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join(" ")
}
