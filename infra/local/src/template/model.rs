//! What a template declares, as the local stack runs it.

use crate::rhythm::Rhythm;
use meridian_embedded_aws::Statement;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub struct Template {
    pub functions: Vec<Function>,
    /// The logical name of the HttpApi.
    pub api: Option<String>,
    pub throttle: Option<Throttle>,
    pub tables: Vec<Table>,
    pub queues: Vec<Queue>,
    pub secrets: Vec<Secret>,
}

#[derive(Clone)]
pub struct Function {
    /// Where its code is named.
    pub line: usize,
    /// The last folder of CodeUri: package, binary and folder are named alike.
    pub name: String,
    pub logical: String,
    pub timeout: Duration,
    pub memory: u32,
    pub reserved: Option<usize>,
    pub environment: BTreeMap<String, String>,
    pub json_logs: bool,
    pub statements: Vec<Statement>,
    pub routes: Vec<Route>,
    pub sources: Vec<Source>,
    pub schedules: Vec<Schedule>,
}

#[derive(Clone)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub timeout: Duration,
}

/// An event source mapping: a queue that feeds a function.
#[derive(Clone)]
pub struct Source {
    pub line: usize,
    pub queue_arn: String,
    pub batch_size: usize,
    pub concurrency: Option<usize>,
    pub partial_failures: bool,
}

#[derive(Clone)]
pub struct Schedule {
    pub name: String,
    pub rhythm: Rhythm,
    /// The fixed text to send, else the event that EventBridge makes.
    pub input: Option<String>,
}

#[derive(Clone, Copy)]
pub struct Throttle {
    pub burst: f64,
    pub per_second: f64,
}

pub struct Table {
    pub name: String,
    pub create: Json,
    pub ttl: Option<String>,
}

#[derive(Clone)]
pub struct Queue {
    pub name: String,
    pub url: String,
    pub arn: String,
    pub attributes: BTreeMap<String, String>,
    /// A queue that others redrive to; it has to exist before them.
    pub dead_letters: bool,
    pub max_receive: Option<u32>,
}

pub struct Secret {
    pub name: String,
    /// The document that stands around the generated value, and its key there.
    pub around: Json,
    pub key: String,
    pub length: usize,
    pub alphabet: String,
}
