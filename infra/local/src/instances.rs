//! A function's processes: one event at a time in each, several side by side, a fresh one after a crash.

mod environment;
mod instance;

pub use environment::Surroundings;
pub use instance::Failure;

use crate::activity::Activity;
use crate::log::Log;
use crate::runtime_api::{Outcome, PAYLOAD_LIMIT};
use crate::template::Function;
use bytes::Bytes;
use instance::{Ended, Instance};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

pub struct Pool {
    pub function: Function,
    pub limit: usize,
    binary: PathBuf,
    surroundings: Arc<Surroundings>,
    activity: Activity,
    log: Arc<Log>,
    permits: Semaphore,
    numbers: AtomicU64,
    idle: Mutex<Vec<Arc<Instance>>>,
    live: Mutex<BTreeMap<String, Arc<Instance>>>,
}

impl Pool {
    pub fn new(
        function: Function,
        limit: usize,
        binary: PathBuf,
        surroundings: Arc<Surroundings>,
        activity: Activity,
        log: Arc<Log>,
    ) -> Arc<Pool> {
        Arc::new(Pool {
            permits: Semaphore::new(limit),
            function,
            limit,
            binary,
            surroundings,
            activity,
            log,
            numbers: AtomicU64::new(1),
            idle: Mutex::default(),
            live: Mutex::default(),
        })
    }

    pub fn name(&self) -> &str {
        &self.function.name
    }

    /// Runs in a task of its own: who asked may go away, the invocation does not.
    pub async fn invoke(self: &Arc<Pool>, event: Bytes) -> Result<Bytes, Failure> {
        let pool = self.clone();
        let guard = self.activity.begin();
        let task = tokio::spawn(async move {
            let _guard = guard;
            let result = pool.run(event).await;
            if let Err(failure) = &result {
                pool.log.line(pool.name(), &format!("failed: {failure}"));
            }
            result
        });
        task.await
            .unwrap_or_else(|e| Err(Failure::Exited(e.to_string())))
    }

    async fn run(self: &Arc<Pool>, event: Bytes) -> Result<Bytes, Failure> {
        if event.len() > PAYLOAD_LIMIT {
            return Err(Failure::TooLarge);
        }
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| Failure::Init("the stack is closing".into()))?;
        // a warm process may have died between two events: the event was not taken, so a fresh one gets it
        while let Some(warm) = self.take_idle() {
            match self.take(&warm, event.clone()).await {
                Ok(bytes) => return Ok(bytes),
                Err(Ended::After(failure)) => return Err(failure),
                Err(Ended::BeforeTaking) => {}
            }
        }
        let fresh = self
            .spawn()
            .await
            .map_err(|e| Failure::Init(format!("{}: {e}", self.binary.display())))?;
        match self.take(&fresh, event).await {
            Ok(bytes) => Ok(bytes),
            Err(Ended::After(failure)) => Err(failure),
            Err(Ended::BeforeTaking) => Err(Failure::Init(fresh.init_error())),
        }
    }

    async fn take(&self, instance: &Arc<Instance>, event: Bytes) -> Result<Bytes, Ended> {
        let outcome = instance.hand_over(event, self.function.timeout).await?;
        self.idle().push(instance.clone());
        match outcome {
            Outcome::Response(bytes) => Ok(bytes),
            Outcome::Error { kind, message } => {
                Err(Ended::After(Failure::Reported { kind, message }))
            }
        }
    }

    async fn spawn(self: &Arc<Pool>) -> std::io::Result<Arc<Instance>> {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let caller = format!("LOCAL.{}.{number}", self.name());
        let started = Instance::start(
            &self.function,
            caller.clone(),
            &self.binary,
            &self.surroundings,
            &self.log,
        );
        let (instance, process) = started.await?;
        self.live().insert(caller.clone(), instance.clone());
        let pool = self.clone();
        tokio::spawn(process.wait(move || {
            pool.live().remove(&caller);
            pool.idle().retain(|idle| idle.caller != caller);
        }));
        Ok(instance)
    }

    /// Kills the instance of this name, if it is one of ours and alive.
    pub fn kill(&self, caller: &str) -> bool {
        let instance = self.live().get(caller).cloned();
        instance.is_some_and(|instance| instance.kill())
    }

    pub fn kill_all(&self) {
        let instances: Vec<_> = self.live().values().cloned().collect();
        for instance in instances {
            instance.kill();
        }
    }

    pub fn instances(&self) -> Vec<Value> {
        let live = self.live();
        let shown = live.values().map(|instance| instance.json(self.name()));
        shown.collect()
    }

    fn take_idle(&self) -> Option<Arc<Instance>> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Instance>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Instance>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
