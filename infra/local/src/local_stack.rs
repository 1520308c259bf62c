//! Everything that runs, in one place: what control, time and quiet act upon.

use crate::activity::Activity;
use crate::agenda::Agenda;
use crate::clock::Clock;
use crate::http_api::HttpApi;
use crate::ids::request_id;
use crate::instances::{Failure, Pool};
use crate::log::Log;
use crate::poller::Poller;
use crate::template::{Schedule, Secret};
use crate::vendors::Vendors;
use crate::{resources, schedules};
use bytes::Bytes;
use meridian_embedded_aws::Aws;
use meridian_sandbox::Sandbox;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub struct LocalStack {
    pub clock: Arc<Clock>,
    pub activity: Activity,
    pub log: Arc<Log>,
    pub aws: Arc<Aws>,
    pub sandbox: Arc<Sandbox>,
    pub vendors: Arc<Vendors>,
    pub pools: Vec<Arc<Pool>>,
    pub http_api: HttpApi,
    pub pollers: Vec<Arc<Poller>>,
    /// While set, pollers and schedules start nothing.
    pub held: Arc<AtomicBool>,
    /// Last firings; whoever moves time holds it.
    pub agenda: tokio::sync::Mutex<Agenda>,
    /// The tables with the index of due rows.
    pub due_tables: Vec<String>,
    /// The rows that wait for a time, and the count of writes at which they were read.
    pub due_read: tokio::sync::Mutex<Option<(u64, Vec<DueRow>)>>,
    /// The secrets that the template declares.
    pub secrets: Vec<Secret>,
    pub state: PathBuf,
    /// Tables and secrets began with this stack, or with its last reset.
    pub fresh: AtomicBool,
    pub address: String,
}

impl LocalStack {
    pub fn is_fresh(&self) -> bool {
        self.fresh.load(Ordering::SeqCst)
    }

    pub fn schedules(&self) -> impl Iterator<Item = (&Arc<Pool>, &Schedule)> {
        self.pools.iter().flat_map(|pool| {
            pool.function
                .schedules
                .iter()
                .map(move |schedule| (pool, schedule))
        })
    }

    pub async fn fire(&self, pool: &Arc<Pool>, schedule: &Schedule) -> Result<Bytes, Failure> {
        let event = schedules::event(schedule, self.clock.now(), &request_id());
        pool.invoke(Bytes::from(event)).await
    }

    /// Invokes what a person named: a schedule, a function, or its resource in the template.
    pub async fn fire_named(&self, name: &str) -> Option<Result<Bytes, Failure>> {
        if let Some((pool, schedule)) = self.schedules().find(|(_, schedule)| schedule.name == name)
        {
            return Some(self.fire(pool, schedule).await);
        }
        let pool = self
            .pools
            .iter()
            .find(|pool| pool.name() == name || pool.function.logical == name)?;
        Some(match pool.function.schedules.first() {
            Some(schedule) => self.fire(pool, schedule).await,
            None => pool.invoke(Bytes::from_static(b"{}")).await,
        })
    }

    pub fn instances(&self) -> Vec<Value> {
        self.pools
            .iter()
            .flat_map(|pool| pool.instances())
            .collect()
    }

    /// Tables, queues, secrets, vendors, clock, faults and records as on the first day; warm processes
    /// are ended, since they remember clinics and keys.
    pub async fn reset(&self) -> Result<(), String> {
        let mut agenda = self.agenda.lock().await;
        self.held.store(true, Ordering::SeqCst);
        self.http_api.close();
        let done = self.empty().await;
        *agenda = Agenda::starting(self.clock.now());
        self.http_api.open();
        self.held.store(false, Ordering::SeqCst);
        done
    }

    async fn empty(&self) -> Result<(), String> {
        self.aws.set_faults(Vec::new());
        self.sandbox.reset();
        self.stop_instances().await;
        self.sandbox.reset();
        self.vendors.reset();
        self.clock.set_offset(0).map_err(|e| e.to_string())?;
        self.aws.reset().await.map_err(|e| e.to_string())?;
        resources::create_secrets(&self.aws, &self.secrets).await?;
        self.aws.reset_calls();
        self.fresh.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Kills every process until no invocation is left.
    pub async fn stop_instances(&self) {
        let mut calm = 0;
        while calm < 2 {
            self.pools.iter().for_each(|pool| pool.kill_all());
            calm = if self.activity.seen().running == 0 {
                calm + 1
            } else {
                0
            };
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The first rows of the index `due` from an instant on, or up to it. They are read anew only
    /// once something was written.
    pub async fn due_rows(&self, condition: DueWhen, limit: usize) -> Result<Vec<DueRow>, String> {
        let mut read = self.due_read.lock().await;
        let writes = self.aws.table_writes();
        let rows = match &mut *read {
            Some((at, rows)) if *at == writes => rows,
            stale => &mut stale.insert((writes, self.waiting_rows().await?)).1,
        };
        let due = |row: &&DueRow| match condition {
            DueWhen::UpTo(at) => row.due_at <= at,
            DueWhen::After(at) => row.due_at > at,
        };
        Ok(rows.iter().filter(due).take(limit).cloned().collect())
    }

    /// All rows that wait for a time, the first first. All of the index is read, so that nothing need
    /// be known of how the functions spread rows over it.
    async fn waiting_rows(&self) -> Result<Vec<DueRow>, String> {
        let mut rows = Vec::new();
        for table in &self.due_tables {
            let mut request = json!({
                "TableName": table,
                "IndexName": DUE_INDEX,
                "FilterExpression": "begins_with(due_pk, :due)",
                "ExpressionAttributeValues": { ":due": { "S": WAITS_FOR_A_TIME } },
            });
            loop {
                let reply = resources::call(&self.aws, "DynamoDB_20120810.Scan", request.clone());
                let reply = reply.await?;
                let items = reply["Items"].as_array().into_iter().flatten();
                rows.extend(items.filter_map(DueRow::read));
                request["ExclusiveStartKey"] = reply["LastEvaluatedKey"].clone();
                if request["ExclusiveStartKey"].is_null() {
                    break;
                }
            }
        }
        rows.sort();
        Ok(rows)
    }
}

/// The index of due rows, and how the names of its parts begin in which a row waits for a time.
pub const DUE_INDEX: &str = "due";
const WAITS_FOR_A_TIME: &str = "due#";

#[derive(Clone, Copy)]
pub enum DueWhen {
    UpTo(i64),
    After(i64),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueRow {
    pub due_at: i64,
    pub key: String,
}

impl DueRow {
    fn read(item: &Value) -> Option<DueRow> {
        let text = |name: &str| item[name]["S"].as_str().unwrap_or_default();
        let due_at = item["due_at"]["N"].as_str()?.parse().ok()?;
        Some(DueRow {
            due_at,
            key: format!("{} {}", text("pk"), text("sk")),
        })
    }
}
