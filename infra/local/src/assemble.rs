//! Puts the stack together: functions with their processes, pollers, vendors, HTTP API.

use crate::activity::Activity;
use crate::agenda::Agenda;
use crate::clock::Clock;
use crate::http_api::HttpApi;
use crate::instances::{Pool, Surroundings};
use crate::local_stack::{DUE_INDEX, LocalStack};
use crate::log::Log;
use crate::poller::Poller;
use crate::state::State;
use crate::template::{Function, Queue, Table, Template};
use crate::vendors::{Kill, Vendors};
use meridian_embedded_aws::Aws;
use meridian_sandbox::Sandbox;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Processes of one function: behind the HTTP API, and behind a queue or a schedule.
const HTTP_INSTANCES: usize = 8;
const INSTANCES: usize = 4;

/// What was started before the template could be read.
pub struct Parts {
    pub address: String,
    pub clock: Arc<Clock>,
    pub log: Arc<Log>,
    pub aws: Arc<Aws>,
    pub sandbox: Arc<Sandbox>,
    /// Tables and secrets are those of an earlier stack.
    pub is_old: bool,
}

pub fn assemble(
    template: Template,
    binaries: BTreeMap<String, PathBuf>,
    state: &State,
    parts: Parts,
) -> Result<LocalStack, String> {
    let activity = Activity::new();
    let held = Arc::new(AtomicBool::new(false));
    let surroundings = Arc::new(surroundings(state, &parts)?);
    let pools = pools(template.functions, binaries, |function, limit, binary| {
        Pool::new(
            function,
            limit,
            binary,
            surroundings.clone(),
            activity.clone(),
            parts.log.clone(),
        )
    });
    let pollers = pollers(&pools, &template.queues, &parts, &activity, &held)?;
    parts.aws.on_kill(kill(&pools));
    let vendors = Vendors::new(
        parts.clock.clone(),
        parts.log.clone(),
        parts.sandbox.clone(),
        activity.clone(),
        kill(&pools),
    )?;
    let due_tables = template.tables.iter().filter(|table| has_due_rows(table));
    Ok(LocalStack {
        agenda: tokio::sync::Mutex::new(Agenda::starting(parts.clock.now())),
        vendors: Arc::new(vendors),
        http_api: HttpApi::new(&pools, template.throttle, activity.clone()),
        due_tables: due_tables.map(|table| table.name.clone()).collect(),
        due_read: tokio::sync::Mutex::default(),
        secrets: template.secrets,
        fresh: AtomicBool::new(!parts.is_old),
        state: state.folder.clone(),
        pools,
        pollers,
        activity,
        held,
        clock: parts.clock,
        log: parts.log,
        aws: parts.aws,
        sandbox: parts.sandbox,
        address: parts.address,
    })
}

fn surroundings(state: &State, parts: &Parts) -> Result<Surroundings, String> {
    let roots_file = state.folder.join("roots.pem");
    std::fs::write(&roots_file, parts.sandbox.roots_pem())
        .map_err(|e| format!("{}: {e}", roots_file.display()))?;
    let base = parts.address.clone();
    Ok(Surroundings {
        aws_endpoint: parts.aws.endpoint(),
        clock_file: parts.clock.file().to_owned(),
        roots_file,
        hosts_folder: state.folder.join("hosts"),
        hosts: Box::new(move |caller| Vendors::hosts_file(&base, caller)),
    })
}

/// A pool for each function whose binary there is.
fn pools(
    functions: Vec<Function>,
    mut binaries: BTreeMap<String, PathBuf>,
    pool: impl Fn(Function, usize, PathBuf) -> Arc<Pool>,
) -> Vec<Arc<Pool>> {
    let mut pools = Vec::new();
    for function in functions {
        let Some(binary) = binaries.remove(&function.name) else {
            continue;
        };
        let most = if function.routes.is_empty() {
            INSTANCES
        } else {
            HTTP_INSTANCES
        };
        let limit = function
            .reserved
            .map_or(most, |reserved| reserved.min(most));
        pools.push(pool(function, limit, binary));
    }
    pools
}

fn pollers(
    pools: &[Arc<Pool>],
    queues: &[Queue],
    parts: &Parts,
    activity: &Activity,
    held: &Arc<AtomicBool>,
) -> Result<Vec<Arc<Poller>>, String> {
    let mut pollers = Vec::new();
    for pool in pools {
        for source in &pool.function.sources {
            let queue = queues.iter().find(|queue| queue.arn == source.queue_arn);
            pollers.push(Arc::new(Poller {
                queue: queue
                    .ok_or(format!("{} is no queue", source.queue_arn))?
                    .clone(),
                source: source.clone(),
                pool: pool.clone(),
                aws: parts.aws.clone(),
                activity: activity.clone(),
                log: parts.log.clone(),
                held: held.clone(),
            }));
        }
    }
    Ok(pollers)
}

fn kill(pools: &[Arc<Pool>]) -> Kill {
    let pools = pools.to_vec();
    Box::new(move |caller: &str| {
        pools.iter().any(|pool| pool.kill(caller));
    })
}

fn has_due_rows(table: &Table) -> bool {
    let indexes = table.create["GlobalSecondaryIndexes"].as_array();
    indexes.is_some_and(|indexes| indexes.iter().any(|index| index["IndexName"] == DUE_INDEX))
}
