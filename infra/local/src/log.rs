//! The readable log: one line per event through the stack; all that functions print goes to a file.

use crate::clock::{Clock, stamp};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What a JSON log line carries besides the event itself.
const FRAME: [&str; 10] = [
    "timestamp",
    "level",
    "target",
    "message",
    "event",
    "span",
    "spans",
    "fields",
    "filename",
    "line_number",
];

pub struct Log {
    clock: Arc<Clock>,
    raw: Mutex<File>,
    /// The ready line owns standard output where a program reads it.
    to_stderr: bool,
}

impl Log {
    pub fn open(path: &Path, clock: Arc<Clock>, to_stderr: bool) -> std::io::Result<Log> {
        let raw = File::options().create(true).append(true).open(path)?;
        Ok(Log {
            clock,
            raw: Mutex::new(raw),
            to_stderr,
        })
    }

    pub fn line(&self, who: &str, text: &str) {
        let time = stamp(self.clock.now());
        let line = format!(
            "{}  {who:<19} {text}\n",
            time.trim_end_matches('Z').replace('T', " ")
        );
        // a closed terminal must not stop the stack
        let _ = match self.to_stderr {
            true => std::io::stderr().write_all(line.as_bytes()),
            false => std::io::stdout().write_all(line.as_bytes()),
        };
    }

    /// One line that a function printed.
    pub fn printed_by(&self, function: &str, caller: &str, line: &str) {
        {
            let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
            // the file is for people; a full disk shows elsewhere
            let _ = writeln!(raw, "{caller} {line}");
        }
        if let Some(text) = readable(line) {
            self.line(function, &text);
        }
    }
}

/// An event, a warning or an error of a function as a person reads it; nothing for all else.
fn readable(line: &str) -> Option<String> {
    let Ok(Value::Object(json)) = serde_json::from_str::<Value>(line) else {
        return line.contains("panicked at").then(|| line.to_owned());
    };
    let fields = json
        .get("fields")
        .and_then(Value::as_object)
        .unwrap_or(&json);
    let level = json
        .get("level")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_event = json.get("target").is_some_and(|t| t == "event") || fields.contains_key("event");
    let is_trouble = matches!(level, "ERROR" | "WARN");
    (is_event || is_trouble).then(|| {
        let mut words = Vec::new();
        if is_trouble {
            words.push(level.to_lowercase() + ":");
        }
        words.extend(
            ["event", "message"]
                .iter()
                .filter_map(|key| fields.get(*key))
                .map(plain),
        );
        words.extend(pairs(fields));
        words.join(" ")
    })
}

fn pairs(fields: &Map<String, Value>) -> impl Iterator<Item = String> {
    let named = fields
        .iter()
        .filter(|(key, _)| !FRAME.contains(&key.as_str()));
    named.map(|(key, value)| format!("{key}={}", plain(value)))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn an_event_is_one_line() {
        let nested = r#"{"timestamp":"t","level":"INFO","fields":{"message":"paid","clinic":"demo","amount":"80.00"},"target":"event"}"#;
        assert_eq!(
            readable(nested).as_deref(),
            Some("paid clinic=demo amount=80.00")
        );
        let flat = r#"{"timestamp":"t","level":"INFO","event":"payment_succeeded","case":"c1","target":"meridian"}"#;
        assert_eq!(readable(flat).as_deref(), Some("payment_succeeded case=c1"));
    }

    #[test]
    fn errors_show_and_chatter_does_not() {
        let error =
            r#"{"level":"ERROR","fields":{"message":"no table"},"target":"meridian::store"}"#;
        assert_eq!(readable(error).as_deref(), Some("error: no table"));
        assert_eq!(
            readable(r#"{"level":"INFO","fields":{"message":"cache filled"},"target":"meridian"}"#),
            None
        );
        assert_eq!(readable("plain text"), None);
        assert!(readable("thread 'main' panicked at src/main.rs:1:1:").is_some());
    }
}
