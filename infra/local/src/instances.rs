//! A function's processes: one event at a time in each, several side by side, a fresh one after a crash.

use crate::activity::Activity;
use crate::clock::machine_now;
use crate::log::Log;
use crate::runtime_api::{self, Job, Outcome, PAYLOAD_LIMIT, Runtime};
use crate::template::Function;
use bytes::Bytes;
use meridian_embedded_aws::{ACCOUNT, REGION};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

/// Lambda gives a process ten seconds until it asks for its first event.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// What every instance is given besides the template's variables; `{caller}` stands for its own name.
pub struct Surroundings {
    pub aws_endpoint: String,
    pub clock_file: PathBuf,
    pub roots_file: PathBuf,
    /// A folder for the hosts files, and what goes into the one of a caller.
    pub hosts_folder: PathBuf,
    pub hosts: Box<dyn Fn(&str) -> Value + Send + Sync>,
}

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

struct Instance {
    caller: String,
    pid: Pid,
    started: i64,
    jobs: mpsc::UnboundedSender<Job>,
    runtime: Arc<Runtime>,
    alive: Arc<AtomicBool>,
    /// How the process ended, once it has.
    ended: watch::Receiver<Option<String>>,
    busy: AtomicBool,
    served: AtomicU64,
}

#[derive(Debug)]
pub enum Failure {
    TooLarge,
    Init(String),
    TimedOut(Duration),
    Exited(String),
    Reported { kind: String, message: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::TooLarge => write!(f, "the event is larger than 6 MB"),
            Failure::Init(why) => write!(f, "could not start: {why}"),
            Failure::TimedOut(limit) => write!(
                f,
                "timed out after {} s and was killed",
                limit.as_secs_f64()
            ),
            Failure::Exited(how) => write!(f, "the process ended inside the invocation: {how}"),
            Failure::Reported { kind, message } => write!(f, "{kind}: {message}"),
        }
    }
}

enum Ending {
    Answered(Outcome),
    Late,
    Gone,
}

/// Whether the process had asked for the event when it ended.
enum Ended {
    BeforeTaking,
    After(Failure),
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
            match self.hand_over(&warm, event.clone()).await {
                Ok(bytes) => return Ok(bytes),
                Err(Ended::After(failure)) => return Err(failure),
                Err(Ended::BeforeTaking) => {}
            }
        }
        let fresh = self
            .spawn()
            .await
            .map_err(|e| Failure::Init(format!("{}: {e}", self.binary.display())))?;
        match self.hand_over(&fresh, event).await {
            Ok(bytes) => Ok(bytes),
            Err(Ended::After(failure)) => Err(failure),
            Err(Ended::BeforeTaking) => {
                let how = fresh.ended.borrow().clone().unwrap_or_default();
                Err(Failure::Init(fresh.runtime.init_error().unwrap_or(how)))
            }
        }
    }

    async fn hand_over(&self, instance: &Arc<Instance>, event: Bytes) -> Result<Bytes, Ended> {
        let limit = self.function.timeout;
        let (taken, was_taken) = oneshot::channel();
        let (reply, replied) = oneshot::channel();
        let deadline = machine_now() + i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let trace = format!(
            "Root=1-{:08x}-{};Sampled=0",
            deadline / 1000,
            random_hex(12)
        );
        let job = Job {
            id: request_id(),
            event,
            deadline,
            trace,
            taken,
            reply,
        };
        let mut ended = instance.ended.clone();
        if !instance.alive.load(Ordering::SeqCst) || instance.jobs.send(job).is_err() {
            return Err(Ended::BeforeTaking);
        }
        instance.busy.store(true, Ordering::SeqCst);
        let started = tokio::select! {
            biased;
            taken = was_taken => taken.is_ok(),
            _ = ended.wait_for(Option::is_some) => false,
            () = tokio::time::sleep(INIT_LIMIT) => {
                instance.kill();
                return Err(Ended::After(Failure::Init(format!("no event was asked for in {} s", INIT_LIMIT.as_secs()))));
            }
        };
        if !started {
            return Err(Ended::BeforeTaking);
        }
        let ending = tokio::select! {
            biased;
            outcome = timeout(limit, replied) => match outcome {
                Ok(Ok(outcome)) => Ending::Answered(outcome),
                Ok(Err(_)) => Ending::Gone,
                Err(_) => Ending::Late,
            },
            _ = ended.wait_for(Option::is_some) => Ending::Gone,
        };
        instance.busy.store(false, Ordering::SeqCst);
        instance.served.fetch_add(1, Ordering::SeqCst);
        match ending {
            Ending::Answered(outcome) => {
                self.idle().push(instance.clone());
                match outcome {
                    Outcome::Response(bytes) => Ok(bytes),
                    Outcome::Error { kind, message } => {
                        Err(Ended::After(Failure::Reported { kind, message }))
                    }
                }
            }
            Ending::Late => {
                instance.kill();
                Err(Ended::After(Failure::TimedOut(limit)))
            }
            Ending::Gone => {
                // the process may still be on its way out
                let _ = timeout(Duration::from_secs(1), ended.wait_for(Option::is_some)).await;
                let how = ended.borrow().clone();
                instance.kill();
                Err(Ended::After(Failure::Exited(how.unwrap_or_else(|| {
                    "it asked for more before it answered".into()
                }))))
            }
        }
    }

    async fn spawn(self: &Arc<Pool>) -> std::io::Result<Arc<Instance>> {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let caller = format!("LOCAL.{}.{number}", self.name());
        let hosts = self
            .surroundings
            .hosts_folder
            .join(format!("{caller}.json"));
        std::fs::write(&hosts, (self.surroundings.hosts)(&caller).to_string())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(self.environment(&caller))
            .env("MERIDIAN_HOSTS", &hosts);
        command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // a group of its own: Ctrl-C at the terminal is for the stack, which drains first
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn()?;
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| std::io::Error::other("a process without an id"))?;
        self.copy_lines(&caller, child.stdout.take());
        self.copy_lines(&caller, child.stderr.take());

        let (jobs, waiting) = mpsc::unbounded_channel();
        let runtime = Runtime::new(
            format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.name()),
            waiting,
        );
        let server = tokio::spawn(runtime_api::serve(listener, runtime.clone()));
        let (tell_end, ended) = watch::channel(None);
        let alive = Arc::new(AtomicBool::new(true));
        let instance = Arc::new(Instance {
            caller: caller.clone(),
            pid,
            started: machine_now(),
            jobs,
            runtime,
            alive: alive.clone(),
            ended,
            busy: AtomicBool::new(false),
            served: AtomicU64::new(0),
        });
        self.live().insert(caller.clone(), instance.clone());
        let pool = self.clone();
        tokio::spawn(async move {
            let how = match child.wait().await {
                Ok(status) => status.to_string(),
                Err(e) => e.to_string(),
            };
            alive.store(false, Ordering::SeqCst);
            pool.live().remove(&caller);
            pool.idle().retain(|idle| idle.caller != caller);
            server.abort();
            // nobody may be waiting for this instance
            let _ = tell_end.send(Some(how));
            let _ = std::fs::remove_file(hosts);
        });
        Ok(instance)
    }

    fn environment(&self, caller: &str) -> BTreeMap<String, String> {
        let surroundings = &self.surroundings;
        let name = self.name();
        let mut environment = BTreeMap::from(
            [
                ("AWS_ENDPOINT_URL", surroundings.aws_endpoint.as_str()),
                ("AWS_REGION", REGION),
                ("AWS_DEFAULT_REGION", REGION),
                ("AWS_ACCESS_KEY_ID", caller),
                ("AWS_SECRET_ACCESS_KEY", "local"),
                ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
                ("AWS_LAMBDA_FUNCTION_NAME", name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{name}")),
                ("AWS_LAMBDA_LOG_STREAM_NAME", caller),
                (
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                    &self.function.memory.to_string(),
                ),
                (
                    "AWS_LAMBDA_LOG_FORMAT",
                    if self.function.json_logs {
                        "JSON"
                    } else {
                        "Text"
                    },
                ),
                ("MERIDIAN_CLOCK", &surroundings.clock_file.to_string_lossy()),
                ("MERIDIAN_ROOTS", &surroundings.roots_file.to_string_lossy()),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("TZ", ":UTC"),
                ("_HANDLER", "bootstrap"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        environment.extend(self.function.environment.clone());
        environment
    }

    fn copy_lines(&self, caller: &str, stream: Option<impl AsyncRead + Send + Unpin + 'static>) {
        let Some(stream) = stream else { return };
        let (log, name, caller) = (self.log.clone(), self.name().to_owned(), caller.to_owned());
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.printed_by(&name, &caller, &line);
            }
        });
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
        let shown = live.values().map(|instance| {
            json!({
                "caller": instance.caller,
                "function": self.name(),
                "pid": instance.pid.as_raw_nonzero(),
                "started": crate::clock::stamp(instance.started),
                "busy": instance.busy.load(Ordering::SeqCst),
                "invocations": instance.served.load(Ordering::SeqCst),
            })
        });
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

impl Instance {
    fn kill(&self) -> bool {
        // only while it lives: the system may give a dead process's number to another
        self.alive.swap(false, Ordering::SeqCst)
            && kill_process_group(self.pid, Signal::KILL).is_ok()
    }
}

pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID, as Lambda names invocations.
pub fn request_id() -> String {
    let hex = random_hex(16);
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}
