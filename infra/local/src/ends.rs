//! What asks the stack to end: Ctrl-C, a signal of the system, or the end of its input.

use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

pub struct Ends {
    interrupt: Signal,
    terminate: Signal,
    input: Arc<Notify>,
}

pub enum End {
    Asked,
    /// Nobody is left to drain for.
    StarterGone,
}

impl Ends {
    /// Heard from the start on, so that an end on the way up tidies as well.
    pub fn watch(with_input: bool) -> std::io::Result<Ends> {
        let input = Arc::new(Notify::new());
        if with_input {
            let ended = input.clone();
            // A program that started the stack holds the other end of its input: the end of that
            // is the end of the program. A thread, as a read of it cannot be taken back.
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
                ended.notify_one();
            });
        }
        Ok(Ends {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            input,
        })
    }

    pub async fn first(&mut self) -> End {
        tokio::select! {
            _ = self.interrupt.recv() => End::Asked,
            _ = self.terminate.recv() => End::Asked,
            () = self.input.notified() => End::StarterGone,
        }
    }

    /// While it ends already: Ctrl-C again, or the starter goes. The system's signal only asks for
    /// what is under way.
    pub async fn at_once(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            () = self.input.notified() => {}
        }
    }
}
