//! One process of a function: started, given one event at a time, killed.

use super::environment::Surroundings;
use crate::clock::machine_now;
use crate::ids::{random_hex, request_id};
use crate::log::Log;
use crate::runtime_api::{self, Job, Outcome, Runtime};
use crate::template::Function;
use bytes::Bytes;
use meridian_embedded_aws::{ACCOUNT, REGION};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Lambda gives a process ten seconds until it asks for its first event.
const INIT_LIMIT: Duration = Duration::from_secs(10);

pub struct Instance {
    pub caller: String,
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
pub enum Ended {
    BeforeTaking,
    After(Failure),
}

/// The process itself, to be waited for.
pub struct Process {
    child: Child,
    server: JoinHandle<std::io::Result<()>>,
    alive: Arc<AtomicBool>,
    tell_end: watch::Sender<Option<String>>,
    hosts: PathBuf,
}

impl Process {
    /// Waits for its end; `gone` forgets the instance before anybody is told.
    pub async fn wait(mut self, gone: impl FnOnce()) {
        let how = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(e) => e.to_string(),
        };
        self.alive.store(false, Ordering::SeqCst);
        gone();
        self.server.abort();
        // nobody may be waiting for this instance
        let _ = self.tell_end.send(Some(how));
        let _ = std::fs::remove_file(self.hosts);
    }
}

impl Instance {
    pub async fn start(
        function: &Function,
        caller: String,
        binary: &Path,
        surroundings: &Surroundings,
        log: &Arc<Log>,
    ) -> std::io::Result<(Arc<Instance>, Process)> {
        let hosts = surroundings.hosts_folder.join(format!("{caller}.json"));
        std::fs::write(&hosts, (surroundings.hosts)(&caller).to_string())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(surroundings.environment(function, &caller))
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
        copy_lines(log, &function.name, &caller, child.stdout.take());
        copy_lines(log, &function.name, &caller, child.stderr.take());

        let (jobs, waiting) = mpsc::unbounded_channel();
        let runtime = Runtime::new(
            format!(
                "arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}",
                function.name
            ),
            waiting,
        );
        let server = tokio::spawn(runtime_api::serve(listener, runtime.clone()));
        let (tell_end, ended) = watch::channel(None);
        let alive = Arc::new(AtomicBool::new(true));
        let instance = Arc::new(Instance {
            caller,
            pid,
            started: machine_now(),
            jobs,
            runtime,
            alive: alive.clone(),
            ended,
            busy: AtomicBool::new(false),
            served: AtomicU64::new(0),
        });
        let process = Process {
            child,
            server,
            alive,
            tell_end,
            hosts,
        };
        Ok((instance, process))
    }

    /// Gives it one event, and waits for the answer as long as the function's timeout allows.
    pub async fn hand_over(&self, event: Bytes, limit: Duration) -> Result<Outcome, Ended> {
        let (taken, was_taken) = oneshot::channel();
        let (reply, replied) = oneshot::channel();
        let job = job(event, limit, taken, reply);
        let mut ended = self.ended.clone();
        if !self.alive.load(Ordering::SeqCst) || self.jobs.send(job).is_err() {
            return Err(Ended::BeforeTaking);
        }
        self.busy.store(true, Ordering::SeqCst);
        let started = tokio::select! {
            biased;
            taken = was_taken => taken.is_ok(),
            _ = ended.wait_for(Option::is_some) => false,
            () = tokio::time::sleep(INIT_LIMIT) => {
                self.kill();
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
        self.busy.store(false, Ordering::SeqCst);
        self.served.fetch_add(1, Ordering::SeqCst);
        match ending {
            Ending::Answered(outcome) => Ok(outcome),
            Ending::Late => {
                self.kill();
                Err(Ended::After(Failure::TimedOut(limit)))
            }
            Ending::Gone => {
                // the process may still be on its way out
                let _ = timeout(Duration::from_secs(1), ended.wait_for(Option::is_some)).await;
                let how = ended.borrow().clone();
                self.kill();
                Err(Ended::After(Failure::Exited(how.unwrap_or_else(|| {
                    "it asked for more before it answered".into()
                }))))
            }
        }
    }

    /// Why it ended before it took its first event.
    pub fn init_error(&self) -> String {
        let how = self.ended.borrow().clone().unwrap_or_default();
        self.runtime.init_error().unwrap_or(how)
    }

    pub fn kill(&self) -> bool {
        // only while it lives: the system may give a dead process's number to another
        self.alive.swap(false, Ordering::SeqCst)
            && kill_process_group(self.pid, Signal::KILL).is_ok()
    }

    pub fn json(&self, function: &str) -> Value {
        json!({
            "caller": self.caller,
            "function": function,
            "pid": self.pid.as_raw_nonzero(),
            "started": crate::clock::stamp(self.started),
            "busy": self.busy.load(Ordering::SeqCst),
            "invocations": self.served.load(Ordering::SeqCst),
        })
    }
}

fn job(
    event: Bytes,
    limit: Duration,
    taken: oneshot::Sender<()>,
    reply: oneshot::Sender<Outcome>,
) -> Job {
    let deadline = machine_now() + i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
    let trace = format!(
        "Root=1-{:08x}-{};Sampled=0",
        deadline / 1000,
        random_hex(12)
    );
    Job {
        id: request_id(),
        event,
        deadline,
        trace,
        taken,
        reply,
    }
}

fn copy_lines(
    log: &Arc<Log>,
    function: &str,
    caller: &str,
    stream: Option<impl AsyncRead + Send + Unpin + 'static>,
) {
    let Some(stream) = stream else { return };
    let (log, name, caller) = (log.clone(), function.to_owned(), caller.to_owned());
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log.printed_by(&name, &caller, &line);
        }
    });
}
