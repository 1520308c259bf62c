//! The row of a poll: how far a clinic's list at a vendor was read, and the window that is open. Due
//! when it is asked next; in no lane once the vendor is disconnected.

use crate::contract::{Poll, Window};
use crate::domain::task::Lane;
use crate::io::store::{Row, StoreError, Write};
use crate::words::time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the keys of all polls of a connection begin with.
pub const PREFIX: &str = "poll#";

pub fn pk(clinic: &str, connection: &str) -> String {
    format!("{clinic}#poll#{connection}")
}

pub fn sk(list: &str) -> String {
    format!("{PREFIX}{list}")
}

/// A poll with the version of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollRow {
    pub clinic: String,
    pub connection: String,
    pub list: String,
    pub so_far: ReadSoFar,
    /// As it was read; 0 where there is no row yet.
    pub version: u64,
}

/// How far a list was read, and how its last try ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSoFar {
    /// When it was connected: nothing older is ever asked for.
    pub since: Timestamp,
    /// All that changed before it was read.
    pub from: Timestamp,
    /// The window of which a part was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// It waited for its connection: it is asked next to see whether that works.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probes: bool,
    /// Tries in a row that ended before a portion was read.
    #[serde(default)]
    pub tries: u32,
    /// How many of them had read it, and ended at what it holds.
    #[serde(default)]
    pub stuck: u32,
    /// How often the window was begun anew, since the vendor did not know any more where we were.
    #[serde(default)]
    pub anew: u32,
    /// People were asked why it is not given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
}

/// A window of which a part was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub until: Timestamp,
    /// Where its next portion begins.
    pub after: String,
}

impl ReadSoFar {
    /// Connected then, and not asked yet.
    pub fn since(since: Timestamp) -> Self {
        Self {
            since,
            from: since,
            open: None,
            probes: false,
            tries: 0,
            stuck: 0,
            anew: 0,
            asked: false,
        }
    }

    /// The window that is asked for now: the one that is open, else the next one.
    pub fn window(&self, poll: &Poll, now: Timestamp) -> Window {
        let from = time::after(self.from, -poll.overlap).max(self.since);
        match &self.open {
            Some(open) => Window {
                from,
                until: open.until,
                after: Some(open.after.clone()),
            },
            None => Window {
                from,
                until: time::after(self.from, poll.longest).min(now),
                after: None,
            },
        }
    }

    /// Once a portion of this window was read, behind which the next one begins there.
    pub fn after(&self, window: &Window, next: Option<String>) -> Self {
        let until = window.until;
        let open = next.map(|after| Open { until, after });
        let so_far = Self::since(self.since);
        match open {
            Some(_) => Self {
                from: self.from,
                open,
                anew: self.anew,
                asked: self.asked,
                ..so_far
            },
            // A clock that was set back takes nothing back.
            None => Self {
                from: self.from.max(until),
                ..so_far
            },
        }
    }
}

impl PollRow {
    /// A list that is not asked yet.
    pub fn new(clinic: &str, connection: &str, list: &str, from: Timestamp) -> Self {
        Self {
            clinic: clinic.into(),
            connection: connection.into(),
            list: list.into(),
            so_far: ReadSoFar::since(from),
            version: 0,
        }
    }

    pub fn read(row: &Row) -> Result<Self, StoreError> {
        let no_poll = || StoreError::Corrupt(format!("{} is no key of a poll", row.pk()));
        let (clinic, connection) = row.pk().split_once("#poll#").ok_or_else(no_poll)?;
        let list = row.sk().strip_prefix(PREFIX).ok_or_else(no_poll)?;
        Ok(Self {
            clinic: clinic.into(),
            connection: connection.into(),
            list: list.into(),
            so_far: row.read("data")?,
            version: row.version(),
        })
    }

    /// Writes how far it is read now, where nobody has since it was read; `due` is when it is asked
    /// next, `None` where it is not.
    pub fn write(&self, so_far: &ReadSoFar, due: Option<Timestamp>) -> Write {
        let row = Row::new(pk(&self.clinic, &self.connection), sk(&self.list))
            .json("data", so_far)
            .versioned(self.version + 1);
        let row = match due {
            Some(due) => row.due(Lane::Poll, time::millis(due)),
            None => row,
        };
        match self.version {
            0 => Write::New(row),
            version => Write::Replace { row, version },
        }
    }

    /// As the row stands once that is written.
    pub fn with(self, so_far: ReadSoFar) -> Self {
        let version = self.version + 1;
        Self {
            so_far,
            version,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Pause, Talk};

    const POLL: Poll = Poll {
        name: "list",
        every: 60,
        longest: 1000,
        overlap: 10,
        read: |_, _: &mut Talk, _| Err(Pause::Trouble(crate::contract::Trouble::Missing)),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    /// Connected long before, and read until then.
    fn until(from: i64) -> ReadSoFar {
        ReadSoFar {
            from: at(from),
            ..ReadSoFar::since(at(100))
        }
    }

    /// The windows that are read one after the other until this time, one portion each.
    fn windows(from: i64, now: i64) -> Vec<[i64; 2]> {
        let mut read = until(from);
        let mut all = vec![];
        loop {
            let window = read.window(&POLL, at(now));
            all.push([window.from.as_second(), window.until.as_second()]);
            read = read.after(&window, None);
            if window.until >= at(now) {
                return all;
            }
        }
    }

    #[test]
    fn windows_leave_no_gap_and_reach_back_over_the_one_before() {
        assert_eq!(windows(5000, 5100), [[4990, 5100]]);
        let all = [[4990, 6000], [5990, 7000], [6990, 7500]];
        assert_eq!(windows(5000, 7500), all);
        // A clock that stands still is asked for what its last second brought.
        assert_eq!(windows(5000, 5000), [[4990, 5000]]);
    }

    #[test]
    fn nothing_is_asked_for_that_is_older_than_the_connection() {
        let window = ReadSoFar::since(at(5000)).window(&POLL, at(5100));
        assert_eq!((window.from, window.until), (at(5000), at(5100)));
    }

    #[test]
    fn a_portion_moves_the_place_in_its_window_and_the_last_one_the_window() {
        let read = ReadSoFar {
            probes: true,
            tries: 3,
            ..until(5000)
        };
        let window = read.window(&POLL, at(5100));
        let half = read.after(&window, Some("page 2".into()));
        assert_eq!((half.from, half.probes, half.tries), (at(5000), false, 0));
        // Time goes on, and the window stays what it was.
        let rest = half.window(&POLL, at(9000));
        let wanted = Window {
            after: Some("page 2".into()),
            ..window
        };
        assert_eq!(rest, wanted);
        assert_eq!(half.after(&rest, None), until(5100));
    }

    #[test]
    fn a_clock_that_is_set_back_takes_nothing_back() {
        let read = until(5000);
        let window = read.window(&POLL, at(4000));
        assert_eq!(read.after(&window, None).from, at(5000));
    }
}
