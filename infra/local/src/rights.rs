//! Which rights the functions use, written down: what their policies are held to.

use meridian_embedded_aws::Use;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file with a line for each right, from its first use on.
pub struct Rights {
    stack: String,
    written: Mutex<(File, BTreeSet<String>)>,
}

impl Rights {
    pub fn create(file: &Path, stack: &str) -> io::Result<Self> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self {
            stack: stack.to_owned(),
            written: Mutex::new((File::create(file)?, BTreeSet::new())),
        })
    }

    pub fn used(&self, used: Use) {
        let Some(line) = line(&self.stack, used) else {
            return;
        };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, lines) = &mut *written;
        if lines.insert(line.clone()) {
            // a file that cannot be written lacks the line, which its reader finds
            let _ = writeln!(file, "{line}");
        }
    }
}

/// `charge-execution dynamodb:Query Table/index/due`: resources by their names in the template,
/// secrets by the pattern of their role. A secret that does not exist needs no right.
fn line(stack: &str, used: Use) -> Option<String> {
    let resource = used.resource.splitn(6, ':').nth(5)?;
    let resource = match resource.strip_prefix("secret:meridian/") {
        None => resource
            .trim_start_matches("table/")
            .trim_start_matches(&format!("{stack}-"))
            .to_owned(),
        Some(secret) => match secret.split('/').collect::<Vec<_>>()[..] {
            // AWS ends each address of a secret with a dash and six characters, but for the name
            // of one that is being made
            ["_", name] => format!("meridian/_/{}", name.split('-').next().unwrap_or_default()),
            [_, role, _] => format!("meridian/*/{role}/*"),
            _ => format!("meridian/{secret}"),
        },
    };
    let denied = if used.allowed { "" } else { " denied" };
    let (function, action) = (used.function, used.action);
    Some(format!("{function} {action} {resource}{denied}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_told_by_the_names_of_the_template() {
        let seen = |action: &str, resource: &str| {
            let used = Use {
                function: "f",
                action,
                resource,
                allowed: action != "d:No",
            };
            line("s", used)
        };
        let arn = |rest: &str| format!("arn:aws:x:us-east-1:000000000000:{rest}");
        for (action, resource, expected) in [
            ("d:Get", arn("table/s-Table"), "f d:Get Table"),
            (
                "d:Query",
                arn("table/s-Table/index/due"),
                "f d:Query Table/index/due",
            ),
            ("q:Send", arn("s-EventsQueue"), "f q:Send EventsQueue"),
            (
                "m:Get",
                arn("secret:meridian/_/seal-AbCdEf"),
                "f m:Get meridian/_/seal",
            ),
            (
                "m:Get",
                arn("secret:meridian/demo/gateway/stripe-AbCdEf"),
                "f m:Get meridian/*/gateway/*",
            ),
            ("d:No", arn("table/s-Table"), "f d:No Table denied"),
        ] {
            assert_eq!(seen(action, &resource).as_deref(), Some(expected));
        }
        assert_eq!(seen("m:Get", "meridian/demo/gateway/stripe"), None);
    }
}
