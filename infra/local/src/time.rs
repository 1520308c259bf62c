//! Time in the stack: schedules that come due by themselves, and jumps from one due instant to the next.

use crate::agenda::Agenda;
use crate::local_stack::{DueWhen, LocalStack};
use crate::quiet::{Moving, Rest};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long one instant may take to come to rest.
const INSTANT_LIMIT: Duration = Duration::from_secs(120);
/// How often expired rows are removed while time passes by itself, and while somebody moves the clock:
/// AWS takes its time, too, and all of the table is read for it.
const SWEEP: i64 = 60_000;
const SWEEP_ON_THE_WAY: i64 = 3_600_000;

pub enum Stuck {
    /// What did not come to rest at an instant on the way.
    At(i64, Moving),
    Broken(String),
}

impl LocalStack {
    /// Fires what comes due while time passes by itself.
    pub async fn keep_time(self: Arc<LocalStack>) {
        let mut moves = self.clock.moves();
        loop {
            if let Ok(mut agenda) = self.agenda.try_lock()
                && !self.held.load(Ordering::SeqCst)
            {
                self.pass(&mut agenda).await;
            }
            // the sender lives as long as the stack
            let _ = tokio::time::timeout(Duration::from_millis(250), moves.changed()).await;
        }
    }

    async fn pass(self: &Arc<LocalStack>, agenda: &mut Agenda) {
        let now = self.clock.now();
        for (pool, schedule) in self.schedules() {
            if schedule
                .rhythm
                .next(agenda.last(&schedule.name))
                .is_some_and(|at| at <= now)
            {
                agenda.fired.insert(schedule.name.clone(), now);
                let (stack, pool, schedule) = (self.clone(), pool.clone(), schedule.clone());
                // a failure is in the log; the next firing does the work
                tokio::spawn(async move { drop(stack.fire(&pool, &schedule).await) });
            }
        }
        if self.sandbox.next_due().is_some_and(|at| at <= now) {
            self.sandbox.tick().await;
        }
        if now - agenda.swept >= SWEEP {
            agenda.swept = now;
            self.sweep().await;
        }
    }

    async fn sweep(&self) {
        if let Err(reason) = self.aws.sweep_ttl().await {
            self.log.line(
                "stack",
                &format!("expired rows cannot be removed: {reason}"),
            );
        }
    }

    /// Moves the clock, stopping wherever something is due; backwards it only sets it.
    pub async fn move_to(&self, target: i64) -> Result<(), Stuck> {
        let broken = |e: String| Stuck::Broken(e);
        let mut agenda = self.agenda.lock().await;
        if target <= self.clock.now() {
            *agenda = Agenda::starting(target);
            return self.clock.set(target).map_err(|e| broken(e.to_string()));
        }
        loop {
            let now = self.clock.now();
            if now >= target {
                return Ok(());
            }
            let instant = self
                .next_instant(&agenda, now)
                .await
                .map_err(broken)?
                .filter(|at| *at < target);
            let at = instant.unwrap_or(target);
            self.clock.set(at).map_err(|e| broken(e.to_string()))?;
            self.sandbox.tick().await;
            if at - agenda.swept >= SWEEP_ON_THE_WAY {
                agenda.swept = at;
                self.sweep().await;
            }
            self.fire_due(&mut agenda, at).await;
            if let Err(moving) = self.wait_for(Rest::UntilTheClockMoves, INSTANT_LIMIT).await {
                return Err(Stuck::At(at, moving));
            }
        }
    }

    /// The first instant after `now` at which a row is due, a message comes back, a vendor acts, or a
    /// schedule fires that comes so seldom that its own time counts.
    async fn next_instant(&self, agenda: &Agenda, now: i64) -> Result<Option<i64>, String> {
        let row = self
            .due_rows(DueWhen::After(now), 1)
            .await?
            .first()
            .map(|row| row.due_at);
        let message = self
            .aws
            .depths()
            .into_iter()
            .filter_map(|depth| depth.next_at);
        let seldom = self
            .schedules()
            .filter(|(_, schedule)| !schedule.rhythm.is_often());
        let firing =
            seldom.filter_map(|(_, schedule)| schedule.rhythm.next(agenda.last(&schedule.name)));
        let all = row
            .into_iter()
            .chain(message)
            .chain(self.sandbox.next_due())
            .chain(firing);
        Ok(all.filter(|at| *at > now).min())
    }

    /// What comes often fires once at each instant, what comes seldom when its time is there.
    async fn fire_due(&self, agenda: &mut Agenda, now: i64) {
        for (pool, schedule) in self.schedules() {
            let next = schedule.rhythm.next(agenda.last(&schedule.name));
            if schedule.rhythm.is_often() || next.is_some_and(|at| at <= now) {
                agenda.fired.insert(schedule.name.clone(), now);
                // a failure is in the log; the rows that stay overdue tell
                let _ = self.fire(pool, schedule).await;
            }
        }
    }
}
