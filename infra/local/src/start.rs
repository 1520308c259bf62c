//! Starts the stack in order, says when it is ready, and ends it without losing what it can keep.

use crate::args::Args;
use crate::clock::Clock;
use crate::ends::{End, Ends};
use crate::local_stack::LocalStack;
use crate::log::Log;
use crate::quiet::{Moving, Rest};
use crate::rights::Rights;
use crate::state::State;
use crate::template::{Setting, Template};
use crate::{assemble, builds, demo, resources, server, template};
use meridian_embedded_aws::Aws;
use meridian_sandbox::Sandbox;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const STACK: &str = "meridian-local";
/// How long the end waits for queues to run empty, and then for what came in by the last moment.
const DRAIN: Duration = Duration::from_secs(20);
const LAST: Duration = Duration::from_secs(5);

pub async fn run(args: Args) -> Result<(), String> {
    let began = Instant::now();
    let mut ends = Ends::watch(args.end_with_input).map_err(|e| e.to_string())?;
    let state = State::open(args.state.as_deref())?;
    let (stack, listener) = tokio::select! {
        built = build(&args, &state) => built?,
        _ = ends.first() => return Ok(()),
    };
    state.runs()?;
    let serving = tokio::spawn(server::serve(listener, stack.clone()));
    let keeping = tokio::spawn(stack.clone().keep_time());
    let polling: Vec<_> = stack
        .pollers
        .iter()
        .map(|poller| tokio::spawn(poller.clone().run()))
        .collect();

    let ready = tokio::select! {
        ready = demo::seed(&stack) => ready.map(Some),
        _ = ends.first() => Ok(None),
    };
    let drained = match &ready {
        Ok(Some(ready)) => {
            say_ready(&args, &stack, ready, began.elapsed());
            match ends.first().await {
                End::Asked => drain(&stack, &mut ends).await,
                End::StarterGone => false,
            }
        }
        // nobody was told where to send anything
        Ok(None) | Err(_) => true,
    };
    serving.abort();
    keeping.abort();
    polling.iter().for_each(tokio::task::JoinHandle::abort);
    // a call to a vendor that hangs is not waited for
    let _ = tokio::time::timeout(LAST, stack.stop_instances()).await;
    if drained {
        state.ended_cleanly();
    }
    ready.map(drop)
}

async fn build(args: &Args, state: &State) -> Result<(Arc<LocalStack>, TcpListener), String> {
    // what the vendors' stand-in needs to reach a real test account; already installed is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind(("127.0.0.1", args.port)).await;
    let listener =
        listener.map_err(|e| format!("cannot listen on 127.0.0.1:{}: {e}", args.port))?;
    let address = format!(
        "http://{}",
        listener.local_addr().map_err(|e| e.to_string())?
    );
    let clock =
        Arc::new(Clock::open(state.folder.join("clock")).map_err(|e| format!("the clock: {e}"))?);
    let log = Log::open(
        &state.folder.join("functions.log"),
        clock.clone(),
        args.ready_json,
    );
    let log = Arc::new(log.map_err(|e| format!("the log: {e}"))?);
    if state.was_killed {
        log.line(
            "stack",
            "the last stack here did not end cleanly: webhooks that it had not posted yet are lost",
        );
    }
    let aws = Arc::new(start_aws(args, state, &clock).await?);
    let is_old = resources::are_there(&aws).await?;
    if is_old {
        log.line("stack", "tables and secrets are those of before; the simulated vendors begin anew and know none of it");
    }
    let sandbox = Arc::new(start_sandbox(args, &clock, &address).await?);
    let setting = Setting {
        stack: STACK.into(),
        aws_endpoint: aws.endpoint(),
        parameters: args.parameters.clone(),
        public_url: address.clone(),
    };
    let template = template::load(&args.template, setting)?;
    let binaries = binaries(args, &template).await?;
    let policies = template
        .functions
        .iter()
        .map(|f| (f.name.clone(), f.statements.clone()));
    aws.set_policies(policies.collect());
    if let Some(file) = &args.rights {
        let rights = Rights::create(file, STACK).map_err(|e| format!("{}: {e}", file.display()))?;
        aws.on_use(Box::new(move |used| rights.used(used)));
    }
    resources::create(&aws, &template).await?;

    let parts = assemble::Parts {
        address,
        clock,
        log,
        aws,
        sandbox,
        is_old,
    };
    let stack = Arc::new(assemble::assemble(template, binaries, state, parts)?);
    Ok((stack, listener))
}

async fn start_aws(args: &Args, state: &State, clock: &Arc<Clock>) -> Result<Aws, String> {
    let clock = clock.clone();
    let options = meridian_embedded_aws::Options {
        port: args.aws_port,
        state: args.state.is_some().then(|| state.folder.clone()),
        clock: Arc::new(move || clock.now()),
    };
    meridian_embedded_aws::start(options)
        .await
        .map_err(|e| e.to_string())
}

async fn start_sandbox(args: &Args, clock: &Arc<Clock>, address: &str) -> Result<Sandbox, String> {
    let clock = clock.clone();
    let options = meridian_sandbox::Options {
        port: args.vendor_port,
        clock: Arc::new(move || clock.now()),
        webhook_base: format!("{address}/webhooks"),
        clinic: demo::CLINIC.into(),
    };
    let started = meridian_sandbox::start(options).await;
    started.map_err(|e| {
        format!(
            "the vendors cannot listen on 127.0.0.1:{}: {e}",
            args.vendor_port
        )
    })
}

async fn binaries(args: &Args, template: &Template) -> Result<BTreeMap<String, PathBuf>, String> {
    let names: Vec<&str> = template
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    if let Some(unknown) = args
        .only
        .iter()
        .flatten()
        .find(|only| !names.contains(&only.as_str()))
    {
        return Err(format!(
            "--only {unknown}: the template has {}",
            names.join(", ")
        ));
    }
    let wanted = |name: &&str| {
        args.only
            .as_ref()
            .is_none_or(|only| only.iter().any(|o| o == name))
    };
    let names: Vec<String> = names
        .into_iter()
        .filter(wanted)
        .map(str::to_owned)
        .collect();
    let root = args
        .template
        .canonicalize()
        .map_err(|e| format!("{}: {e}", args.template.display()))?;
    let root = root.parent().unwrap_or(Path::new(".")).to_owned();
    if !args.build {
        return builds::find(&root, &args.bin_dir, &names);
    }
    let (profile, cargo) = (args.profile.clone(), args.cargo.clone());
    // cargo takes its time, and Ctrl-C is heard meanwhile
    tokio::task::spawn_blocking(move || builds::build(&root, &names, &profile, &cargo))
        .await
        .map_err(|e| e.to_string())?
}

fn say_ready(args: &Args, stack: &LocalStack, ready: &demo::Ready, took: Duration) {
    let about = ready.json(stack);
    if args.ready_json {
        println!("{about}");
        return;
    }
    let text = |key: &str| about[key].as_str().unwrap_or("-").to_owned();
    let http = &stack.address;
    println!();
    println!("  API            {http}/v1");
    println!("  webhooks       {http}/webhooks/{}/<source>", demo::CLINIC);
    println!("  pages          {http}/pay/<token>");
    println!("  local control  {http}/_local");
    println!("  AWS endpoint   {}", text("aws"));
    println!("  vendors        {}", text("vendors"));
    println!("  demo API key   {}", text("key"));
    if let Some(moved) = stack.clock.shift() {
        println!("  clock          {moved}; POST {http}/_local/reset begins anew");
    }
    println!();
    println!("{http}/ leads to pages, messages, and all that can be done here.\n");
    for command in demo::commands(http, &text("key"), stack.clock.now()) {
        println!("{command}\n");
    }
    println!("ready in {:.1} s; Ctrl-C ends it", took.as_secs_f64());
}

/// Lets queues run empty; tables and secrets are on disk anyway, messages are not. Says whether
/// nothing was lost.
async fn drain(stack: &LocalStack, ends: &mut Ends) -> bool {
    stack.log.line(
        "stack",
        "ending: the queues run empty first; Ctrl-C again ends at once",
    );
    let rest = tokio::select! {
        // a function that hangs may outlast every wait
        rest = tokio::time::timeout(DRAIN + 2 * LAST, come_to_rest(stack)) => rest,
        () = ends.at_once() => return false,
    };
    let left = match rest {
        Ok(Ok(())) => return true,
        Ok(Err(moving)) if !moving.holds_messages() => return true,
        Ok(Err(moving)) => format!("ended with messages in the queues: {}", moving.json()),
        Err(_) => "ended while a function was still running".to_owned(),
    };
    stack.log.line("stack", &left);
    false
}

/// Vendors' webhooks still come in while the queues run empty. Then the door is shut: what passed
/// it by then is done, and who comes later is told to come again.
async fn come_to_rest(stack: &LocalStack) -> Result<(), Moving> {
    // what did not come to rest shows again below
    let _ = stack.wait_for(Rest::Quiet, DRAIN).await;
    stack.http_api.close();
    stack.wait_for(Rest::Quiet, LAST).await
}
