//! What a case does when its visit has another time, is called off or takes place after all. Whoever
//! paid for a visit that is off has money here that only a person can decide about.

use super::*;
use crate::domain::visit::Off;

impl Draft<'_> {
    /// The visit begins at another time, or another visit took its place.
    pub(super) fn visit_moved(&mut self, visit: &str, starts_at: Timestamp) -> Applied {
        self.what = "visit_moved";
        self.case.appointment = Some(visit.into());
        self.case.starts_at = Some(starts_at);
        self.case.called_off = None;
        Ok(())
    }

    /// Nobody shall pay for it any more, and nothing that was not begun is tried.
    pub(super) fn visit_called_off(&mut self, how: Off) -> Applied {
        self.what = "visit_called_off";
        self.case.called_off = Some(how);
        let payments: Vec<_> = self.case.payments.iter().map(|p| p.n).collect();
        for n in payments {
            let payment = self.payment(n)?;
            let left = payment.ending.is_some();
            if payment.gives_way() && !left {
                self.give_way(n);
            } else if payment.is_unbegun() && !left {
                self.close(n)?;
                self.what = "visit_called_off";
            }
        }
        Ok(())
    }

    /// What was given up stays so: what is due is charged anew, or is a task.
    pub(super) fn visit_restored(&mut self) -> Applied {
        self.what = "visit_restored";
        self.case.called_off = None;
        Ok(())
    }

    /// Money on a visit that is off is one task, until all of it went back or the visit takes place.
    /// More that comes is told again.
    pub(super) fn called_off(&mut self, before: &Case) {
        let (was, is) = (at_stake(before), at_stake(&self.case));
        let came = kept(&self.case) > kept(before);
        match (was, is) {
            (None, Some(amount)) => self.ask_about(amount),
            (Some(_), Some(amount)) if came => self.ask_about(amount),
            (Some(_), None) => self.done.push("person-called-off".into()),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    fn ask_about(&mut self, amount: Money) {
        // That it came late says no more: people are asked once.
        let late = |name: &str| name.starts_with("late-");
        let asked = |task: &Task| task.id.strip_prefix("person-").is_some_and(late);
        self.tasks.retain(|task| !asked(task));
        self.told
            .retain(|told| !told.subject.object.as_deref().is_some_and(late));
        let words = match self.case.called_off {
            Some(Off::NoShow) => "Nobody came.",
            Some(Off::Cancelled) | None => "It was cancelled.",
        };
        let matter = Matter::of(Alert::CalledOff).amount(amount).words(words);
        self.person("called-off", matter);
    }
}

/// What was paid and did not go back, in minor units.
fn kept(case: &Case) -> i64 {
    case.paid().minor - case.refunded().minor
}

/// What stands on a case whose visit is off: what was paid and stayed, with what is under way. A
/// page that was given up brings nothing by itself.
fn at_stake(case: &Case) -> Option<Money> {
    case.called_off?;
    let coming = |p: &&Payment| p.state.is_under_way() && !p.gives_way();
    let coming = case.payments.iter().filter(coming);
    let coming: i64 = coming.map(|p| p.amount.minor).sum();
    let all = kept(case).max(0) + coming;
    (all > 0).then(|| Money::new(all, case.currency))
}
