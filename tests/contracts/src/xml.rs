//! XML as a tree of tags, as far as a schema is written in it: without text and namespaces.

use std::collections::BTreeMap;
use std::path::Path;

use xmlparser::{ElementEnd, Token, Tokenizer};

#[derive(Debug, Default)]
pub struct Node {
    /// Without what stands before its colon.
    pub tag: String,
    attrs: BTreeMap<String, String>,
    pub children: Vec<Node>,
}

impl Node {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attrs.get(name).map(String::as_str)
    }

    /// Empty where there is none.
    pub fn attr(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }
}

/// The outermost tag of a file.
pub fn read(path: &Path) -> Result<Node, String> {
    let odd = |why: String| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|why| odd(why.to_string()))?;
    tree(text.trim_start_matches('\u{feff}')).map_err(odd)
}

fn tree(text: &str) -> Result<Node, String> {
    let mut open = vec![Node::default()];
    for token in Tokenizer::from(text) {
        match token.map_err(|why| why.to_string())? {
            Token::ElementStart { local, .. } => open.push(Node {
                tag: local.to_string(),
                ..Node::default()
            }),
            Token::Attribute { local, value, .. } => {
                let of = open.last_mut().ok_or("an attribute of nothing")?;
                of.attrs.insert(local.to_string(), value.to_string());
            }
            Token::ElementEnd { end, .. } if !matches!(end, ElementEnd::Open) => {
                let done = open.pop().ok_or("an end of nothing")?;
                open.last_mut().ok_or("two roots")?.children.push(done);
            }
            _ => {}
        }
    }
    let [root] = &mut open[..] else {
        return Err("it has no end".into());
    };
    root.children.pop().ok_or("it is empty".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_nest_and_what_is_between_them_is_nothing() {
        let text =
            "<?xml version=\"1.0\"?><a:s><!-- <x> --><a:t n=\"1\" m=\"u v\"/>text<b><c/></b></a:s>";
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
            assert!(tree(odd).is_err(), "{odd}");
        }
    }
}
