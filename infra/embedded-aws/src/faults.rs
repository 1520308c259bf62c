//! Faults on purpose: which calls they strike, and what they do.

use crate::service::Service;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// Strikes calls of functions; calls of people and of the runner pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `None` strikes every function.
    pub function: Option<String>,
    /// `None` strikes every operation.
    pub operation: Option<String>,
    /// Strikes from the nth matching call on, the first being 1; `None` from the first.
    pub nth: Option<u64>,
    pub action: Action,
    /// How often it strikes; unset: once with `nth`, always without.
    pub times: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The caller's process dies before the call reaches the service.
    KillBefore,
    /// The caller's process dies after the call was applied and before the reply.
    KillAfter,
    /// The connection closes without a reply, the call not applied.
    #[default]
    CutBefore,
    /// The connection closes without a reply, the call applied.
    CutAfter,
    /// The service says that it is asked too often.
    Throttle,
    /// Another transaction is on the item; DynamoDB's writes only.
    Conflict,
    /// The call is applied and the reply is a 500.
    #[serde(rename = "applied_then_500")]
    AppliedThen500,
    /// The call reaches the service late.
    Delay { ms: u64 },
}

/// A fault with its counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Armed {
    #[serde(flatten)]
    pub fault: Fault,
    pub seen: u64,
    pub struck: u64,
}

type Kill = Box<dyn Fn(&str) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Faults {
    armed: Mutex<Vec<Armed>>,
    kill: RwLock<Option<Kill>>,
}

impl Faults {
    pub fn set(&self, faults: Vec<Fault>) {
        *self.lock() = faults
            .into_iter()
            .map(|fault| Armed {
                fault,
                seen: 0,
                struck: 0,
            })
            .collect();
    }

    pub fn all(&self) -> Vec<Armed> {
        self.lock().clone()
    }

    pub fn on_kill(&self, kill: Kill) {
        *self.kill.write().unwrap_or_else(PoisonError::into_inner) = Some(kill);
    }

    pub fn kill(&self, caller: &str) {
        if let Some(kill) = self
            .kill
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            kill(caller);
        }
    }

    /// What happens to this call: every fault that it matches counts it, the first that is due
    /// strikes.
    pub fn strike(&self, function: &str, service: Service, operation: &str) -> Option<Action> {
        let mut action = None;
        for armed in self.lock().iter_mut() {
            if !armed.fault.matches(function, service, operation) {
                continue;
            }
            armed.seen += 1;
            if action.is_none() && armed.is_due() {
                armed.struck += 1;
                action = Some(armed.fault.action.clone());
            }
        }
        action
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    fn matches(&self, function: &str, service: Service, operation: &str) -> bool {
        self.function.as_ref().is_none_or(|f| f == function)
            && self.operation.as_ref().is_none_or(|o| o == operation)
            && (self.action != Action::Conflict || can_conflict(service, operation))
    }
}

impl Armed {
    fn is_due(&self) -> bool {
        let times = self
            .fault
            .times
            .or(self.fault.nth.map(|_| 1))
            .unwrap_or(u64::MAX);
        self.seen >= self.fault.nth.unwrap_or(1) && self.struck < times
    }
}

fn can_conflict(service: Service, operation: &str) -> bool {
    service == Service::DynamoDb
        && matches!(
            operation,
            "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" | "TransactGetItems"
        )
}
