//! The vendors at work: a call comes in, time passes, everything begins anew.

use crate::vendors;
use crate::wire::{Call, Reply};
use crate::world::{Later, World};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Meridian time in epoch milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

pub struct Simulator {
    world: Mutex<World>,
    clock: Clock,
    /// Something changed: what sends webhooks looks again.
    pub wake: watch::Sender<()>,
}

impl Simulator {
    pub fn new(own: String, webhook_base: String, clinic: String, clock: Clock) -> Simulator {
        let mut world = World::new(own, webhook_base, clinic, clock());
        seed(&mut world);
        let (wake, _) = watch::channel(());
        Simulator {
            world: Mutex::new(world),
            clock,
            wake,
        }
    }

    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// A panic in one call must not take the other vendors down with it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seed(world: &mut World) {
    for vendor in vendors::all() {
        (vendor.seed)(world);
    }
}

/// Vendors as on their first day.
pub fn reset(world: &mut World) {
    world.clear();
    seed(world);
}

/// Takes a call in: what was due before it has happened by then.
pub fn call(world: &mut World, call: &Call) -> Reply {
    let Some(vendor) = vendors::by_id(&call.vendor) else {
        return Reply::of(404, "text/plain", format!("no vendor {}", call.vendor));
    };
    let lag = world.fault_ms(vendor.id, "act_late:");
    if let Some(lag) = lag.filter(|_| call.method != "GET" && !(vendor.harmless)(call)) {
        let key = vendor.key_header.and_then(|name| call.header(name));
        if world.turns_late(vendor.id, key) {
            let act = Later::Act {
                call: Box::new(call.clone()),
                key: key.map(str::to_string),
            };
            world.schedule(world.now + lag, act);
            return Reply::of(504, "text/html", "<h1>504 Gateway Time-out</h1>");
        }
    }
    (vendor.handle)(world, call)
}

/// Meridian time is `now`: what is due by then happens, each at its own instant.
pub fn advance(world: &mut World, now: i64) {
    while let Some(entry) = world
        .later
        .first_entry()
        .filter(|entry| entry.key().0 <= now)
    {
        let (at, _) = *entry.key();
        let later = entry.remove();
        world.now = world.now.max(at);
        match later {
            Later::Act { call, .. } => {
                if let Some(vendor) = vendors::by_id(&call.vendor) {
                    (vendor.handle)(world, &call);
                }
            }
            Later::Step { vendor, step } => {
                if let Some(vendor) = vendors::by_id(vendor) {
                    (vendor.step)(world, &step);
                }
            }
        }
    }
    world.now = now;
}
