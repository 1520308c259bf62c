//! How a path matches a route: segment by segment.

use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

#[derive(Debug, PartialEq)]
pub enum Segment {
    Literal(String),
    Variable(String),
    /// `{name+}`: this segment and all that follow.
    Greedy(String),
}

pub type Variables = BTreeMap<String, String>;

pub fn segments(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        None => Segment::Literal(text.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Variable(name.to_owned()),
        },
    };
    path.trim_start_matches('/')
        .split('/')
        .map(segment)
        .collect()
}

pub fn matched(route: &[Segment], path: &str) -> Option<Variables> {
    let mut variables = Variables::new();
    let mut rest = path.strip_prefix('/')?.split('/').peekable();
    for segment in route {
        let text = rest.next().filter(|text| !text.is_empty() || path == "/")?;
        match segment {
            Segment::Literal(wanted) if decoded(text) == *wanted => {}
            Segment::Literal(_) => return None,
            Segment::Variable(name) => drop(variables.insert(name.clone(), decoded(text))),
            Segment::Greedy(name) => {
                let all: Vec<_> = std::iter::once(text).chain(rest).collect();
                variables.insert(name.clone(), decoded(&all.join("/")));
                return Some(variables);
            }
        }
    }
    rest.peek().is_none().then_some(variables)
}

pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(route: &str, path: &str) -> Option<Vec<(String, String)>> {
        matched(&segments(route), path).map(|found| found.into_iter().collect())
    }

    #[test]
    fn paths_match_segment_by_segment() {
        let both = vec![
            ("clinic".to_owned(), "demo".to_owned()),
            ("source".to_owned(), "stripe".to_owned()),
        ];
        assert_eq!(
            variables("/webhooks/{clinic}/{source}", "/webhooks/demo/stripe"),
            Some(both)
        );
        assert_eq!(
            variables("/webhooks/{clinic}/{source}", "/webhooks/demo"),
            None
        );
        assert_eq!(
            variables("/webhooks/{clinic}/{source}", "/webhooks/demo/stripe/x"),
            None
        );
        let rest = vec![("proxy".to_owned(), "a/b c".to_owned())];
        assert_eq!(variables("/v1/{proxy+}", "/v1/a/b%20c"), Some(rest));
        assert_eq!(variables("/v1/{proxy+}", "/v1/"), None);
        assert_eq!(variables("/v1/{proxy+}", "/v1"), None);
    }
}
