//! The practice system that has the visit too: what is called off here it is told, and what it called
//! off itself it tells.

use crate::check::{self, Checked};
use jiff::Timestamp;
use meridian::contract::Channel;
use meridian::domain::outbox::Occurrence;
use meridian::domain::settings::Settings;
use meridian::domain::visit::{Booking, Event, Off, Verdict, Visit, decide};
use meridian::flows::deliveries::spread::audience;
use meridian::vendors;
use meridian::words::money::Money;

/// The visit as the clinic has it, and what its practice system heard.
#[derive(Default)]
pub struct Practice {
    visit: Option<Visit>,
    /// How the visit truly is off, if it is.
    off: Option<Off>,
    /// Times that it was cancelled and the practice system had not said so.
    cancelled: usize,
    /// Times that it was told.
    told: usize,
}

fn name() -> &'static str {
    let practice = vendors::systems().find(|system| system.channel == Channel::Practice);
    practice.expect("a practice system").vendor.id
}

impl Practice {
    /// Somebody calls the visit off; `there` where the practice system says it.
    pub fn called_off(&mut self, how: Off, there: bool, now: Timestamp) -> Checked {
        let event = match how {
            Off::Cancelled => Event::Cancelled { by: None },
            Off::NoShow => Event::NoShow,
        };
        let news = self.off != Some(how) && how == Off::Cancelled && !there;
        self.cancelled += usize::from(news);
        self.off = Some(how);
        self.says(&event, there.then(name), now)
    }

    /// It takes place after all.
    pub fn restored(&mut self, now: Timestamp) -> Checked {
        self.off = None;
        self.says(&Event::Restored, None, now)
    }

    fn says(&mut self, event: &Event, from: Option<&str>, now: Timestamp) -> Checked {
        let before = self.visit.take().unwrap_or_else(|| booked(now));
        let Verdict::Change(after) = decide(Some(&before), event, now) else {
            self.visit = Some(before);
            return self.check();
        };
        if after.told > before.told {
            let settings = Settings {
                systems: vec![name().into()],
                ..crate::world::settings().clone()
            };
            let zero = Money::zero(settings.currency);
            let told = Occurrence::of_cancelled(&after, from, zero, now);
            self.told += audience(&settings, &told).len();
        }
        self.visit = Some(*after);
        self.check()
    }

    fn check(&self) -> Checked {
        match self.told == self.cancelled {
            true => Ok(()),
            false => {
                let words = format!("{} times, and told {}", self.cancelled, self.told);
                check::fail(check::VISIT, words)
            }
        }
    }
}

fn booked(now: Timestamp) -> Visit {
    let booking = Booking {
        id: "visit".into(),
        patient: "patient".into(),
        case: "case".into(),
        held: false,
        starts_at: now,
        source: Some(name().into()),
        site: None,
        practitioner: None,
        price: None,
        collect: None,
        replaces: None,
    };
    match decide(None, &Event::Booked(Box::new(booking)), now) {
        Verdict::Change(visit) => *visit,
        other => panic!("it is booked: {other:?}"),
    }
}
