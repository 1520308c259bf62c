//! YAML as a tree in which every node knows its line, so that a refusal can name it.
//!
//! CloudFormation writes a function as a tag (`!Ref X`) or as a mapping of one key (`Ref: X`);
//! both become a `Call` here.

use super::refusal::Refusal;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::borrow::Cow;

#[derive(Debug, Clone)]
pub struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    /// `plain` is false for quoted text, which is never a number or a boolean.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// An intrinsic function by its short name: `Ref`, `GetAtt`, `Sub`.
    Call {
        name: String,
        argument: Box<Node>,
    },
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub line: usize,
    pub key: String,
    pub node: Node,
}

pub fn parse(text: &str) -> Result<Node, Refusal> {
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| Refusal::new(e.marker().line(), e.info()))?;
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
            event => events.push((event, span.start.line())),
        }
    }
    let mut events = events.into_iter();
    let node = node(&mut events)?.ok_or_else(|| Refusal::new(1, "the file is empty"))?;
    match events.next() {
        None => Ok(node),
        Some((_, line)) => Err(Refusal::new(line, "a second document in one file")),
    }
}

/// The next node, or nothing where a list or a mapping ends.
fn node<'a>(
    events: &mut impl Iterator<Item = (Event<'a>, usize)>,
) -> Result<Option<Node>, Refusal> {
    let Some((event, line)) = events.next() else {
        return Ok(None);
    };
    let (value, tag) = match event {
        Event::Scalar(text, style, _, tag) => (
            Value::Scalar {
                text: text.into_owned(),
                plain: style == ScalarStyle::Plain,
            },
            tag,
        ),
        Event::SequenceStart(_, tag) => {
            let mut list = Vec::new();
            while let Some(item) = node(events)? {
                list.push(item);
            }
            (Value::List(list), tag)
        }
        Event::MappingStart(_, tag) => (Value::Map(entries(events)?), tag),
        Event::SequenceEnd | Event::MappingEnd => return Ok(None),
        Event::Alias(_) => return Err(Refusal::new(line, "CloudFormation knows no YAML aliases")),
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart(_)
        | Event::DocumentEnd => {
            return Err(Refusal::new(line, "a document inside a document"));
        }
    };
    Ok(Some(called(Node { line, value }, tag)))
}

fn entries<'a>(
    events: &mut impl Iterator<Item = (Event<'a>, usize)>,
) -> Result<Vec<Entry>, Refusal> {
    let mut map: Vec<Entry> = Vec::new();
    while let Some(key) = node(events)? {
        let line = key.line;
        let Value::Scalar { text: key, .. } = key.value else {
            return Err(Refusal::new(line, "a key must be plain text"));
        };
        if map.iter().any(|entry| entry.key == key) {
            return Err(Refusal::new(line, format!("`{key}` stands here twice")));
        }
        let node =
            node(events)?.ok_or_else(|| Refusal::new(line, format!("`{key}` has no value")))?;
        map.push(Entry { line, key, node });
    }
    Ok(map)
}

/// A tagged node or a mapping of one key `Ref:` or `Fn::X:` is a function call.
fn called(node: Node, tag: Option<Cow<'_, Tag>>) -> Node {
    let line = node.line;
    let call = |name: &str, argument| Node {
        line,
        value: Value::Call {
            name: name.to_owned(),
            argument: Box::new(argument),
        },
    };
    if let Some(tag) = tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()) {
        return call(&tag.suffix, node);
    }
    match node.value {
        Value::Map(mut entries) if entries.len() == 1 && function(&entries[0].key).is_some() => {
            let Entry { key, node, .. } = entries.remove(0);
            call(function(&key).unwrap_or_default(), node)
        }
        value => Node { line, value },
    }
}

fn function(key: &str) -> Option<&str> {
    if key == "Ref" {
        Some(key)
    } else {
        key.strip_prefix("Fn::")
    }
}
