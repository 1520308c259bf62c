//! The command line, and what of the environment counts.

use crate::builds::Cargo;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const HELP: &str = "\
meridian: runs template.yaml on an embedded stack, on loopback only

Paths that are not given are those of the workspace, also from a folder inside it.

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
  --rights FILE          write down which rights the functions use, one a line
  --end-with-input       end when standard input does: with the program that started it
";

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
    pub cargo: Cargo,
    pub bin_dir: PathBuf,
    pub rights: Option<PathBuf>,
    pub ready_json: bool,
    pub end_with_input: bool,
}

pub enum Asked {
    Help,
    Run(Box<Args>),
}

pub fn read(words: impl IntoIterator<Item = String>) -> Result<Asked, String> {
    let mut args = Args {
        template: PathBuf::new(),
        parameters: BTreeMap::new(),
        only: None,
        state: None,
        port: 8700,
        aws_port: 8701,
        vendor_port: 8702,
        profile: "dev".into(),
        build: true,
        cargo: Cargo::of(std::env::vars_os()),
        bin_dir: PathBuf::new(),
        rights: None,
        ready_json: false,
        end_with_input: false,
    };
    let (mut template, mut state, mut bin_dir, mut memory) = (None, None, None, false);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (option, given) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        match option.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--memory" => memory = true,
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
                    "--template" => template = Some(PathBuf::from(value)),
                    "--only" => args.only = Some(value.split(',').map(str::to_owned).collect()),
                    "--state" => state = Some(PathBuf::from(value)),
                    "--port" => args.port = number()?,
                    "--aws-port" => args.aws_port = number()?,
                    "--vendor-port" => args.vendor_port = number()?,
                    "--profile" => args.profile = value,
                    "--rights" => args.rights = Some(PathBuf::from(value)),
                    "--bin-dir" => bin_dir = Some(PathBuf::from(value)),
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
    // beside a template that was named all else is where the person stands
    let root = match template {
        Some(_) => PathBuf::new(),
        None => workspace(&std::env::current_dir().map_err(|e| e.to_string())?)?,
    };
    args.template = template.unwrap_or_else(|| root.join("template.yaml"));
    args.bin_dir = bin_dir.unwrap_or_else(|| root.join("target/debug"));
    args.state = (!memory).then(|| state.unwrap_or_else(|| root.join(".meridian")));
    Ok(Asked::Run(Box::new(args)))
}

/// The nearest folder, from here upwards, that holds a template.
fn workspace(here: &Path) -> Result<PathBuf, String> {
    let mut folders = here.ancestors();
    let root = folders.find(|folder| folder.join("template.yaml").is_file());
    root.map(Path::to_owned).ok_or_else(|| {
        format!(
            "there is no template.yaml in {} or above it: go into the workspace, or name it with --template",
            here.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_found_from_a_folder_inside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("functions/clinic-api");
        std::fs::create_dir_all(&inside).expect("a folder");
        let why = workspace(&inside).expect_err("no template yet");
        assert!(why.contains("--template"), "{why}");
        std::fs::write(folder.path().join("template.yaml"), "").expect("written");
        assert_eq!(workspace(&inside).as_deref(), Ok(folder.path()));
    }
}
