//! A poll as a value: a list at a vendor that tells nothing by itself, asked for what changed in a
//! window of time, portion by portion.

use super::inbound::Item;
use super::talk::Read;
use jiff::Timestamp;

/// One list that is asked again and again. What it yields goes the way of what a webhook yields.
pub struct Poll {
    /// Tells it from the vendor's other lists, in rows and for people: `appointments`.
    pub name: &'static str,
    /// Seconds from one look to the next.
    pub every: i64,
    /// The longest window that may be asked for, in seconds.
    pub longest: i64,
    /// How many seconds a window reaches back over the one before: what a list shows late is in it.
    pub overlap: i64,
    /// Reads one portion of a window.
    pub read: Read<Window, Portion<Item>>,
}

/// A part of time that is asked for, the end not included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// What changed at or after this.
    pub from: Timestamp,
    /// What changed before this.
    pub until: Timestamp,
    /// Where this portion of it begins: `next` of the one before, in the adapter's own words.
    pub after: Option<String>,
}

/// A part of a long list.
pub struct Portion<T> {
    /// In whatever order; one that came before may come again.
    pub items: Vec<T>,
    /// Where the next one begins; `None` at the end of the window.
    pub next: Option<String>,
}
