//! The names that an item defines or brings in.

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Meta, UseTree};

/// The paths that an item's `use` lines bring in, also those inside functions; no name for a glob.
pub fn imports(item: &Item) -> Vec<(Option<String>, Vec<String>)> {
    struct Found(Vec<(Option<String>, Vec<String>)>);
    impl<'ast> Visit<'ast> for Found {
        fn visit_item_use(&mut self, line: &'ast ItemUse) {
            self.0.extend(leaves(&line.tree));
        }
        fn visit_item(&mut self, item: &'ast Item) {
            if !matches!(item, Item::Mod(_)) {
                visit::visit_item(self, item);
            }
        }
    }
    let mut found = Found(Vec::new());
    found.visit_item(item);
    found.0
}

pub fn leaves(tree: &UseTree) -> Vec<(Option<String>, Vec<String>)> {
    match tree {
        UseTree::Path(path) => {
            let mut below = leaves(&path.tree);
            let outer = path.ident.to_string();
            for (name, found) in &mut below {
                // `a::{self}` is `a`
                if found.len() == 1 && found[0] == "self" {
                    found.clear();
                    if name.as_deref() == Some("self") {
                        *name = Some(outer.clone());
                    }
                }
                found.insert(0, outer.clone());
            }
            below
        }
        UseTree::Name(leaf) => vec![(Some(leaf.ident.to_string()), vec![leaf.ident.to_string()])],
        UseTree::Rename(leaf) => {
            vec![(Some(leaf.rename.to_string()), vec![leaf.ident.to_string()])]
        }
        UseTree::Glob(_) => vec![(None, Vec::new())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// The name of an item that has one.
pub fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}
