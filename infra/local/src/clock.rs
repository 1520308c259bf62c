//! The stack's clock: the machine's time plus an offset that a person or a test sets.
//!
//! Functions are processes of their own; they read the offset from a file at each invocation.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

pub struct Clock {
    offset: AtomicI64,
    file: PathBuf,
    moved: watch::Sender<()>,
}

impl Clock {
    /// Continues from the offset that the file holds: the tables beside it hold that time's rows.
    pub fn open(file: PathBuf) -> std::io::Result<Clock> {
        let offset = match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(_) => 0,
        };
        let clock = Clock {
            offset: AtomicI64::new(offset),
            file,
            moved: watch::Sender::new(()),
        };
        clock.write(offset)?;
        Ok(clock)
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// LocalStack time in milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        machine_now() + self.offset()
    }

    pub fn offset(&self) -> i64 {
        self.offset.load(Ordering::SeqCst)
    }

    pub fn set(&self, to: i64) -> std::io::Result<()> {
        self.set_offset(to - machine_now())
    }

    /// Where the stack's time is, if somebody moved it: `2031-02-03T04:05:06Z, 48 h ahead`.
    pub fn shift(&self) -> Option<String> {
        let offset = self.offset();
        let minutes = (offset.abs() + 30_000) / 60_000;
        let by = match minutes {
            0 => return None,
            1..120 => format!("{minutes} min"),
            _ => format!("{} h", (minutes + 30) / 60),
        };
        let way = if offset > 0 { "ahead" } else { "behind" };
        Some(format!("{}, {by} {way}", stamp(self.now())))
    }

    pub fn set_offset(&self, offset: i64) -> std::io::Result<()> {
        self.write(offset)?;
        self.offset.store(offset, Ordering::SeqCst);
        self.moved.send_replace(());
        Ok(())
    }

    /// Wakes whoever sleeps by the machine's time when the stack's jumps.
    pub fn moves(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// In one step, since functions read the file at any moment.
    fn write(&self, offset: i64) -> std::io::Result<()> {
        let fresh = self.file.with_extension("new");
        std::fs::write(&fresh, offset.to_string())?;
        std::fs::rename(&fresh, &self.file)
    }
}

pub fn machine_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 with milliseconds.
pub fn stamp(millis: i64) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => format!("{millis} ms"),
    }
}
