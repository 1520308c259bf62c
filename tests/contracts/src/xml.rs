//! XML as a tree of tags, as far as a schema is written in it: no text, no comments, no namespaces.

use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Default)]
pub struct Node {
    /// Without what stands before its colon.
    pub tag: String,
    attrs: BTreeMap<String, String>,
    pub children: Vec<Node>,
}

impl Node {
    /// Empty where there is none.
    pub fn attr(&self, name: &str) -> &str {
        self.attrs.get(name).map_or("", String::as_str)
    }

    fn of(inner: &str) -> Node {
        let (tag, mut rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let tag = tag.rsplit(':').next().unwrap_or(tag);
        let mut node = Node {
            tag: tag.into(),
            ..Node::default()
        };
        while let Some((name, after)) = rest.split_once("=\"") {
            let (value, behind) = after.split_once('"').unwrap_or((after, ""));
            node.attrs.insert(name.trim().into(), value.into());
            rest = behind;
        }
        node
    }
}

/// The outermost tag of a file.
pub fn read(path: &Path) -> Result<Node, String> {
    let odd = |why: &str| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|why| odd(&why.to_string()))?;
    tree(&text).ok_or_else(|| odd("it is no XML"))
}

fn tree(text: &str) -> Option<Node> {
    let mut open = vec![Node::default()];
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->")?.1;
            continue;
        }
        let (inner, behind) = after.split_once('>')?;
        rest = behind;
        match inner {
            _ if inner.starts_with('?') => {}
            _ if inner.starts_with('/') => {
                let closed = open.pop()?;
                open.last_mut()?.children.push(closed);
            }
            _ => match inner.strip_suffix('/') {
                Some(leaf) => open.last_mut()?.children.push(Node::of(leaf)),
                None => open.push(Node::of(inner)),
            },
        }
    }
    let [root] = &mut open[..] else { return None };
    root.children.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_nest_and_what_is_between_them_is_nothing() {
        let text =
            "<?xml version=\"1\"?><a:s><!-- <x> --><a:t n=\"1\" m=\"u v\"/>text<b><c/></b></a:s>";
        let root = tree(text).expect("a tree");
        let [t, b] = &root.children[..] else {
            panic!("{root:?}")
        };
        assert_eq!(
            (t.tag.as_str(), t.attr("n"), t.attr("m"), t.attr("x")),
            ("t", "1", "u v", "")
        );
        assert_eq!((root.tag.as_str(), b.children[0].tag.as_str()), ("s", "c"));
        for odd in ["", "<a>", "<a></a></b>", "text"] {
            assert!(tree(odd).is_none(), "{odd}");
        }
    }
}
