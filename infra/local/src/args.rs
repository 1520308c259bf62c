//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

pub const HELP: &str = "\
meridian: runs template.yaml on an embedded stack, on loopback only

  --template FILE        what to run (template.yaml)
  --parameter NAME=VALUE a parameter of the template
  --only NAME,NAME       only these functions
  --state DIR            where tables, secrets and logs are kept (.meridian)
  --memory               keep nothing
  --port N               HTTP: API, webhooks, pages, local control (8700; 0 takes a free one)
  --aws-port N           the AWS endpoint (8701)
  --vendor-port N        the simulated vendors (8702)
  --profile NAME         the cargo profile of the functions (dev)
  --no-build             do not build the functions: take them from --bin-dir
  --bin-dir DIR          binaries that were built before (target/debug)
  --ready-json           when ready, print one line of JSON for programs; the log goes to standard error
  --end-with-input       end when standard input does: with the program that started it
";

#[derive(Debug)]
pub struct Args {
    pub template: PathBuf,
    pub parameters: BTreeMap<String, String>,
    pub only: Option<Vec<String>>,
    /// `None` keeps nothing.
    pub state: Option<PathBuf>,
    pub port: u16,
    pub aws_port: u16,
    pub vendor_port: u16,
    pub profile: String,
    pub build: bool,
    pub bin_dir: PathBuf,
    pub ready_json: bool,
    pub end_with_input: bool,
}

impl Default for Args {
    fn default() -> Args {
        Args {
            template: "template.yaml".into(),
            parameters: BTreeMap::new(),
            only: None,
            state: Some(".meridian".into()),
            port: 8700,
            aws_port: 8701,
            vendor_port: 8702,
            profile: "dev".into(),
            build: true,
            bin_dir: "target/debug".into(),
            ready_json: false,
            end_with_input: false,
        }
    }
}

pub enum Asked {
    Help,
    Run(Args),
}

pub fn read(words: impl IntoIterator<Item = String>) -> Result<Asked, String> {
    let mut args = Args::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (option, given) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        match option.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--memory" => args.state = None,
            "--no-build" => args.build = false,
            "--ready-json" => args.ready_json = true,
            "--end-with-input" => args.end_with_input = true,
            _ => {
                let value = given
                    .or_else(|| words.next())
                    .ok_or(format!("{option} wants a value"))?;
                let number = || {
                    value
                        .parse()
                        .map_err(|_| format!("{option} wants a port, not `{value}`"))
                };
                match option.as_str() {
                    "--template" => args.template = value.into(),
                    "--only" => args.only = Some(value.split(',').map(str::to_owned).collect()),
                    "--state" => args.state = Some(value.into()),
                    "--port" => args.port = number()?,
                    "--aws-port" => args.aws_port = number()?,
                    "--vendor-port" => args.vendor_port = number()?,
                    "--profile" => args.profile = value,
                    "--bin-dir" => args.bin_dir = value.into(),
                    "--parameter" => {
                        let (name, value) = value
                            .split_once('=')
                            .ok_or("--parameter wants NAME=VALUE")?;
                        args.parameters.insert(name.to_owned(), value.to_owned());
                    }
                    _ => return Err(format!("`{option}` is unknown\n\n{HELP}")),
                }
            }
        }
    }
    Ok(Asked::Run(args))
}
