//! The state folder: one house at a time in it, and whether the last one ended cleanly.

use std::fs::File;
use std::path::{Path, PathBuf};

pub struct State {
    pub folder: PathBuf,
    /// A folder of our own that goes with us.
    temporary: bool,
    /// Tables and secrets are those of an earlier run.
    pub is_old: bool,
    /// The last house here was killed: what waited in its queues is lost.
    pub was_killed: bool,
    _lock: File,
}

impl State {
    pub fn open(wanted: Option<&Path>) -> Result<State, String> {
        let folder = match wanted {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("meridian-{}", std::process::id())),
        };
        let is_old = folder.join("lock").exists();
        std::fs::create_dir_all(folder.join("hosts"))
            .map_err(|e| format!("{}: {e}", folder.display()))?;
        let folder = folder
            .canonicalize()
            .map_err(|e| format!("{}: {e}", folder.display()))?;
        let lock =
            File::create(folder.join("lock")).map_err(|e| format!("{}: {e}", folder.display()))?;
        lock.try_lock()
            .map_err(|_| format!("another house runs on {}", folder.display()))?;
        let was_killed = running(&folder).exists();
        std::fs::write(running(&folder), "").map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(State {
            folder,
            temporary: wanted.is_none(),
            is_old,
            was_killed,
            _lock: lock,
        })
    }

    /// To be called when nothing that matters is left in memory.
    pub fn ended_cleanly(&self) {
        // worth no error on the way out: the next start would only warn for nothing
        let _ = std::fs::remove_file(running(&self.folder));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.temporary {
            // a temporary folder that stays behind is the system's to clean
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn running(folder: &Path) -> PathBuf {
    folder.join("running")
}
