//! The state folder: one stack at a time in it, and whether the last one ended cleanly.

use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub struct State {
    pub folder: PathBuf,
    /// The last stack here was killed: what waited in its queues is lost.
    pub was_killed: bool,
    _lock: File,
    /// A fresh folder of our own, which goes with us.
    _temporary: Option<TempDir>,
}

impl State {
    pub fn open(wanted: Option<&Path>) -> Result<State, String> {
        let (folder, temporary) = match wanted {
            Some(folder) => (folder.to_owned(), None),
            None => {
                let own = tempfile::Builder::new().prefix("meridian-").tempdir();
                let own = own.map_err(|e| format!("a temporary folder: {e}"))?;
                (own.path().to_owned(), Some(own))
            }
        };
        let told = |e: std::io::Error| format!("{}: {e}", folder.display());
        std::fs::create_dir_all(folder.join("hosts")).map_err(told)?;
        let folder = folder.canonicalize().map_err(told)?;
        let lock = File::create(folder.join("lock")).map_err(told)?;
        lock.try_lock()
            .map_err(|_| format!("another stack runs on {}", folder.display()))?;
        Ok(State {
            was_killed: running(&folder).exists(),
            folder,
            _lock: lock,
            _temporary: temporary,
        })
    }

    /// From here on queues hold in memory what nobody else has.
    pub fn runs(&self) -> Result<(), String> {
        let marker = running(&self.folder);
        std::fs::write(&marker, "").map_err(|e| format!("{}: {e}", marker.display()))
    }

    /// To be called when nothing that matters is left in memory.
    pub fn ended_cleanly(&self) {
        // worth no error on the way out: the next start would only warn for nothing
        let _ = std::fs::remove_file(running(&self.folder));
    }
}

fn running(folder: &Path) -> PathBuf {
    folder.join("running")
}
