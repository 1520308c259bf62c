//! Reads queries, forms and multipart bodies into names and texts; types come later, from the
//! schema.

use percent_encoding::percent_decode_str;

/// A decoded value whose text has no type yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    Text(String),
    List(Vec<Raw>),
    Fields(Vec<(String, Raw)>),
}

/// How a vendor writes nested names in a form or query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// `a[b][0]=c` is nested.
    Brackets,
    /// A name is what it is; a repeated one is a list.
    Flat,
}

/// A query or a form body.
pub fn form(text: &[u8], names: Names) -> Result<Raw, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the form is not ASCII text".to_owned())?;
    if let Some(bad) = text
        .chars()
        .find(|c| !c.is_ascii() || c.is_ascii_whitespace())
    {
        return Err(format!("the form holds {bad:?} unescaped"));
    }
    for (position, _) in text.match_indices('%') {
        let digits = text.get(position + 1..position + 3).unwrap_or("");
        if digits.len() != 2 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("the form holds a broken escape at byte {position}"));
        }
    }
    if percent_decode_str(text).decode_utf8().is_err() && !names_charset(text) {
        return Err("the form's escapes are not UTF-8".into());
    }
    pairs(form_urlencoded::parse(text.as_bytes()).into_owned(), names)
}

/// Whether the form says itself that it is written in something else than UTF-8.
fn names_charset(text: &str) -> bool {
    form_urlencoded::parse(text.as_bytes())
        .any(|(name, value)| name == "charset" && !value.eq_ignore_ascii_case("utf-8"))
}

pub fn pairs(
    pairs: impl IntoIterator<Item = (String, String)>,
    names: Names,
) -> Result<Raw, String> {
    let mut root = Vec::new();
    for (name, text) in pairs {
        let steps = match names {
            Names::Brackets => steps(&name)?,
            Names::Flat => vec![name.clone()],
        };
        insert(&mut root, &steps, text, names).map_err(|problem| format!("{name}: {problem}"))?;
    }
    Ok(Raw::Fields(root))
}

/// `a[b][]` as `a`, `b`, ``.
fn steps(name: &str) -> Result<Vec<String>, String> {
    let (first, mut rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut steps = vec![first.to_owned()];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let Some((step, after)) = inner.filter(|(step, _)| !step.contains('[')) else {
            return Err(format!("{name}: the brackets do not pair"));
        };
        steps.push(step.to_owned());
        rest = after;
    }
    Ok(steps)
}

fn insert(
    fields: &mut Vec<(String, Raw)>,
    steps: &[String],
    text: String,
    names: Names,
) -> Result<(), String> {
    let (step, rest) = steps.split_first().ok_or("the name is empty")?;
    // `a[]` appends: each is an item of its own
    let append = names == Names::Brackets && step.is_empty();
    let found = fields
        .iter()
        .position(|(name, _)| name == step)
        .filter(|_| !append);
    let Some(found) = found else {
        let value = if rest.is_empty() {
            Raw::Text(text)
        } else {
            let mut inner = Vec::new();
            insert(&mut inner, rest, text, names)?;
            Raw::Fields(inner)
        };
        fields.push((step.clone(), value));
        return Ok(());
    };
    let present = &mut fields[found].1;
    match (present, rest.is_empty(), names) {
        (Raw::Fields(inner), false, _) => insert(inner, rest, text, names),
        (Raw::List(items), true, Names::Flat) => {
            items.push(Raw::Text(text));
            Ok(())
        }
        (present @ Raw::Text(_), true, Names::Flat) => {
            *present = Raw::List(vec![present.clone(), Raw::Text(text)]);
            Ok(())
        }
        (_, true, _) => Err("the name occurs twice".into()),
        (_, false, _) => Err("it is both a text and a group of fields".into()),
    }
}

/// The parts of a `multipart/form-data` body; a file is taken by its content.
pub fn multipart(content_type: &str, body: &[u8]) -> Result<Raw, String> {
    let boundary = parameter(content_type, "boundary").ok_or("the content type has no boundary")?;
    let body = String::from_utf8_lossy(body);
    let mark = format!("--{boundary}");
    let mut found = Vec::new();
    let mut sections = body.split(mark.as_str());
    sections.next();
    for section in sections {
        if section.trim_end() == "--" {
            return pairs(found, Names::Flat);
        }
        let section = section
            .strip_prefix("\r\n")
            .ok_or("a part does not begin on a new line")?;
        let (head, content) = section
            .split_once("\r\n\r\n")
            .ok_or("a part has no empty line")?;
        let content = content
            .strip_suffix("\r\n")
            .ok_or("a part does not end in a new line")?;
        let name = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(header, _)| header.eq_ignore_ascii_case("content-disposition"))
            .and_then(|(_, value)| parameter(value, "name"))
            .ok_or("a part has no name")?;
        found.push((name, content.to_owned()));
    }
    Err("the closing boundary is missing".into())
}

/// A parameter of a header's value, without its quotes.
fn parameter(value: &str, name: &str) -> Option<String> {
    value
        .split(';')
        .skip(1)
        .filter_map(|part| part.trim().split_once('='))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Raw {
        Raw::Text(text.into())
    }

    #[test]
    fn brackets_nest_and_append() {
        let read = form(b"a[b]=1&a[c][]=x&a[c][]=y+z&d=%C3%A9", Names::Brackets).unwrap();
        let list = Raw::Fields(vec![("".into(), text("x")), ("".into(), text("y z"))]);
        let a = Raw::Fields(vec![("b".into(), text("1")), ("c".into(), list)]);
        assert_eq!(
            read,
            Raw::Fields(vec![("a".into(), a), ("d".into(), text("é"))])
        );
    }

    #[test]
    fn broken_forms_are_refused() {
        for bad in [
            "a[b=1",
            "a]b[=1",
            "a=%4",
            "a=%zz",
            "a=%ff",
            "a=b c",
            "a=1&a=2",
            "a=1&a[b]=2",
        ] {
            let read = form(bad.as_bytes(), Names::Brackets);
            assert!(read.is_err(), "{bad} was read as {read:?}");
        }
    }

    #[test]
    fn another_charset_is_read_when_named() {
        assert!(form(b"name=%e9&charset=windows-1252", Names::Flat).is_ok());
        assert!(form(b"name=%e9&charset=UTF-8", Names::Flat).is_err());
    }

    #[test]
    fn flat_names_repeat_into_a_list() {
        let read = form(b"o:tag=a&o:tag=b", Names::Flat).unwrap();
        let list = Raw::List(vec![text("a"), text("b")]);
        assert_eq!(read, Raw::Fields(vec![("o:tag".into(), list)]));
    }

    #[test]
    fn multipart_is_read_part_by_part() {
        let body =
            b"--x\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\na@b.test\r\n--x--\r\n";
        let read = multipart("multipart/form-data; boundary=x", body).unwrap();
        assert_eq!(read, Raw::Fields(vec![("to".into(), text("a@b.test"))]));
        assert!(multipart("multipart/form-data", body).is_err());
        assert!(multipart("multipart/form-data; boundary=x", &body[..60]).is_err());
    }
}
