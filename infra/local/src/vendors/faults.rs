//! Faults at vendors: which calls they strike, and what they do.

use super::call::Call;
use super::hosts::check_simulated;
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
    #[serde(skip)]
    pub deed: Action,
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
    /// The vendor answers that its gateway gave up, and acts all the same, later.
    ActLate,
    /// The vendor answers the repeat of a call as if the first one still ran.
    Conflict,
    /// What is wrong with the vendor as long as the fault is set.
    Standing,
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
            ("act_late", _) => millis().map(|_: u64| Action::ActLate)?,
            ("search_lag", _) => millis().map(|_: u64| Action::Standing)?,
            ("conflict_in_flight", "") => Action::Conflict,
            ("webhooks", "duplicate" | "reorder" | "off") => Action::Standing,
            ("webhooks", late)
                if late
                    .strip_prefix("late:")
                    .is_some_and(|ms| ms.parse::<u64>().is_ok()) =>
            {
                Action::Standing
            }
            _ => return Err(format!("the local stack knows no vendor fault `{text}`")),
        })
    }
}

impl Action {
    /// Only the simulated vendor can do it.
    pub fn is_the_vendors(self) -> bool {
        matches!(self, Action::ActLate | Action::Conflict | Action::Standing)
    }

    /// Whether this answer is what the fault makes of one: a read never acts late, and a first call
    /// is in conflict with nothing.
    pub fn struck(self, status: StatusCode) -> bool {
        match self {
            Action::ActLate => status == StatusCode::GATEWAY_TIMEOUT,
            // as Stripe and PayPal, Mollie, and Xero put it
            Action::Conflict => matches!(status.as_u16(), 409 | 503 | 400),
            _ => true,
        }
    }
}

impl Fault {
    /// Refuses what could not do as it says: a fault that quietly did something else proves nothing.
    pub fn armed(self) -> Result<Armed, String> {
        let deed = Action::parse(&self.action)?;
        let action = &self.action;
        match &self.vendor {
            None if deed.is_the_vendors() => return Err(format!("`{action}` wants a vendor")),
            None => {}
            Some(vendor) => check_simulated(vendor)?,
        }
        if let (Action::Standing, Some(which)) = (deed, self.narrowed()) {
            return Err(format!(
                "`{action}` holds for the vendor as long as it is set, and takes no `{which}`"
            ));
        }
        if self.nth == Some(0) || self.times == Some(0) {
            return Err(format!("`{action}`: nth and times count from 1"));
        }
        Ok(Armed {
            fault: self,
            deed,
            seen: 0,
            struck: 0,
        })
    }

    /// What limits the fault to some calls of the vendor.
    fn narrowed(&self) -> Option<&'static str> {
        let given = [
            ("function", self.function.is_some()),
            ("method", self.method.is_some()),
            ("path", self.path.is_some()),
            ("nth", self.nth.is_some()),
            ("times", self.times.is_some()),
        ];
        given
            .iter()
            .find(|(_, given)| *given)
            .map(|(name, _)| *name)
    }
}

impl Armed {
    /// Left to the vendor itself, without a look at single calls.
    pub fn is_standing(&self) -> bool {
        self.deed.is_the_vendors() && self.fault.narrowed().is_none()
    }

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

    fn armed(fault: &str) -> Result<Armed, String> {
        let fault: Fault = serde_json::from_str(fault).map_err(|e| e.to_string())?;
        fault.armed()
    }

    #[test]
    fn what_could_not_do_as_it_says_is_refused_by_name() {
        for (fault, about) in [
            (r#"{"vendor":"acme","action":"cut_after"}"#, "acme"),
            (r#"{"action":"act_late:5"}"#, "wants a vendor"),
            (
                r#"{"vendor":"xero","action":"search_lag:5","nth":2}"#,
                "nth",
            ),
            (
                r#"{"vendor":"xero","action":"webhooks:off","method":"PUT"}"#,
                "method",
            ),
            (
                r#"{"vendor":"xero","action":"cut_after","nth":0}"#,
                "from 1",
            ),
            (r#"{"vendor":"xero"}"#, "action"),
            (
                r#"{"vendor":"xero","action":"cut_after","often":2}"#,
                "often",
            ),
        ] {
            let why = armed(fault).err().expect(fault);
            assert!(why.contains(about), "{fault}: {why}");
        }
        let all = r#"{"vendor":"xero","action":"act_late:5","function":"system-delivery","method":"PUT","path":"/Invoices","nth":2,"times":3}"#;
        assert!(armed(all).is_ok_and(|armed| !armed.is_standing()));
        let plain = r#"{"vendor":"xero","action":"act_late:5"}"#;
        assert!(armed(plain).is_ok_and(|armed| armed.is_standing()));
    }

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
