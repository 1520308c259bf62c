//! `cargo run --bin meridian`: the whole stack on this machine, from `template.yaml`.

mod activity;
mod agenda;
mod args;
mod assemble;
mod builds;
mod clock;
mod control;
mod demo;
mod ends;
mod help;
mod http_api;
mod ids;
mod index;
mod instances;
mod local_stack;
mod log;
mod poller;
mod quiet;
mod resources;
mod rhythm;
mod rights;
mod runtime_api;
mod schedules;
mod server;
mod start;
mod state;
mod template;
mod time;
mod vendors;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match args::read(std::env::args().skip(1)) {
        Ok(args::Asked::Run(args)) => args,
        Ok(args::Asked::Help) => {
            print!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(why) => return refuse(&why),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return refuse(&e.to_string()),
    };
    let ended = runtime.block_on(start::run(*args));
    // a build that was interrupted may go on, and nobody waits for it
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => refuse(&why),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("meridian: {why}");
    ExitCode::FAILURE
}
