//! Why a template is not taken, and at which line.

use std::fmt;

#[derive(Debug)]
pub struct Refusal {
    pub line: usize,
    pub text: String,
}

impl Refusal {
    pub fn new(line: usize, text: impl Into<String>) -> Refusal {
        Refusal {
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text)
    }
}
