//! Why the endpoint does not start, or what a service answered from inside.

use std::fmt;
use std::path::PathBuf;

#[derive(Debug)]
pub enum Error {
    Listen {
        port: u16,
        reason: std::io::Error,
    },
    State {
        path: PathBuf,
        reason: String,
    },
    Tables(String),
    /// What a service answered to a call made from inside the process.
    Refused {
        status: u16,
        code: String,
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Listen { port, reason } => {
                write!(
                    f,
                    "the AWS endpoint cannot listen on 127.0.0.1:{port}: {reason}"
                )
            }
            Error::State { path, reason } => {
                write!(
                    f,
                    "the AWS state at {} cannot be used: {reason}",
                    path.display()
                )
            }
            Error::Tables(reason) => write!(f, "the tables cannot be opened: {reason}"),
            Error::Refused {
                status,
                code,
                message,
            } => write!(f, "{code} ({status}): {message}"),
        }
    }
}

impl std::error::Error for Error {}
