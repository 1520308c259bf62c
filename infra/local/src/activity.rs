//! Counts what is under way in the stack, so that `quiet` means quiet and pollers wake when something moved.

use std::sync::Arc;
use tokio::sync::watch;

#[derive(Clone, Copy, Default)]
pub struct Seen {
    pub running: usize,
    /// Grows at each beginning and end: two equal readings mean that nothing happened in between.
    pub generation: u64,
}

#[derive(Clone)]
pub struct Activity(Arc<watch::Sender<Seen>>);

impl Activity {
    pub fn new() -> Activity {
        Activity(Arc::new(watch::Sender::new(Seen::default())))
    }

    /// Something is under way until the guard is dropped.
    pub fn begin(&self) -> Guard {
        self.0.send_modify(|seen| {
            seen.running += 1;
            seen.generation += 1;
        });
        Guard(self.clone())
    }

    pub fn seen(&self) -> Seen {
        *self.0.borrow()
    }

    pub fn changes(&self) -> watch::Receiver<Seen> {
        self.0.subscribe()
    }
}

pub struct Guard(Activity);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.send_modify(|seen| {
            seen.running -= 1;
            seen.generation += 1;
        });
    }
}
