//! Faults at vendors: which calls they strike, and what they do.

use crate::vendors::Call;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub vendor: Option<String>,
    pub function: Option<String>,
    pub method: Option<String>,
    /// A part of the path with its query.
    pub path: Option<String>,
    /// Strikes from the nth matching call on, the first being 1.
    pub nth: Option<u64>,
    /// How often it strikes; unset: once with `nth`, always without.
    pub times: Option<u64>,
    pub action: String,
}

#[derive(Clone, Serialize)]
pub struct Armed {
    #[serde(flatten)]
    pub fault: Fault,
    pub seen: u64,
    pub struck: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    KillBefore,
    KillAfter,
    CutBefore,
    /// The vendor acts, the reply is lost.
    CutAfter,
    Status(StatusCode),
    Delay(Duration),
    /// What only the vendor itself can do wrong.
    Sandbox,
}

impl Action {
    pub fn parse(text: &str) -> Result<Action, String> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let millis = || {
            argument
                .parse()
                .map_err(|_| format!("`{text}` wants milliseconds"))
        };
        Ok(match (name, argument) {
            ("kill_before", "") => Action::KillBefore,
            ("kill_after", "") => Action::KillAfter,
            ("cut_before", "") => Action::CutBefore,
            ("cut_after" | "drop_after_acting", "") => Action::CutAfter,
            ("status", code) => Action::Status(
                code.parse()
                    .map_err(|_| format!("`{text}` wants a status"))?,
            ),
            ("delay", _) => Action::Delay(Duration::from_millis(millis()?)),
            ("act_late" | "search_lag", _) => millis().map(|_: u64| Action::Sandbox)?,
            ("conflict_in_flight", "") | ("webhooks", "duplicate" | "reorder" | "off") => {
                Action::Sandbox
            }
            ("webhooks", late)
                if late
                    .strip_prefix("late:")
                    .is_some_and(|ms| ms.parse::<u64>().is_ok()) =>
            {
                Action::Sandbox
            }
            _ => return Err(format!("the local stack knows no vendor fault `{text}`")),
        })
    }
}

impl Armed {
    pub fn matches(&self, call: &Call) -> bool {
        let fault = &self.fault;
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&fault.vendor, &call.vendor)
            && is(&fault.function, &call.function)
            && fault
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(&call.method))
            && fault
                .path
                .as_ref()
                .is_none_or(|part| call.path.contains(part.as_str()))
    }

    pub fn is_due(&self) -> bool {
        let times = self
            .fault
            .times
            .or(self.fault.nth.map(|_| 1))
            .unwrap_or(u64::MAX);
        self.seen >= self.fault.nth.unwrap_or(1) && self.struck < times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_known_and_a_misspelt_one_is_not() {
        for known in [
            "kill_before",
            "kill_after",
            "cut_before",
            "cut_after",
            "drop_after_acting",
            "status:503",
            "delay:1500",
            "act_late:5000",
            "search_lag:60000",
            "conflict_in_flight",
            "webhooks:duplicate",
            "webhooks:reorder",
            "webhooks:late:60000",
            "webhooks:off",
        ] {
            assert!(Action::parse(known).is_ok(), "{known}");
        }
        for wrong in [
            "kill",
            "status:",
            "status:many",
            "delay",
            "act_late",
            "webhooks:late",
            "webhooks:never",
            "cut_after:1",
        ] {
            assert!(Action::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            Action::parse("drop_after_acting"),
            Action::parse("cut_after")
        );
    }
}
