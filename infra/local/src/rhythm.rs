//! When a schedule fires, by the stack's clock: `rate(...)` and `cron(...)`.

use std::str::FromStr;

/// A schedule that comes back at least this often has no instants of its own when the clock is
/// advanced: it fires once at each instant at which something is due.
const OFTEN: i64 = 15 * 60_000;

#[derive(Clone)]
pub enum Rhythm {
    /// Every so many milliseconds.
    Rate(i64),
    Cron(Box<cron::Schedule>),
}

impl Rhythm {
    pub fn parse(expression: &str) -> Result<Rhythm, String> {
        let inside = |name: &str| {
            expression
                .strip_prefix(name)?
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        if let Some(rate) = inside("rate") {
            let (count, unit) = rate
                .trim()
                .split_once(' ')
                .ok_or("rate wants a count and a unit")?;
            let count: i64 = count
                .parse()
                .map_err(|_| format!("`{count}` is no count"))?;
            let unit = match (count, unit.trim()) {
                (1, "minute") | (2.., "minutes") => 60_000,
                (1, "hour") | (2.., "hours") => 3_600_000,
                (1, "day") | (2.., "days") => 86_400_000,
                (_, unit) => {
                    return Err(format!(
                        "rate({count} {unit}) is none that EventBridge takes"
                    ));
                }
            };
            return Ok(Rhythm::Rate(count * unit));
        }
        let Some(fields) = inside("cron") else {
            return Err(format!("`{expression}` is neither rate(...) nor cron(...)"));
        };
        if fields.split_whitespace().count() != 6 {
            return Err(
                "cron wants six fields: minutes hours day-of-month month day-of-week year".into(),
            );
        }
        // EventBridge counts from minutes, the library from seconds
        let schedule =
            cron::Schedule::from_str(&format!("0 {fields}")).map_err(|e| e.to_string())?;
        Ok(Rhythm::Cron(Box::new(schedule)))
    }

    /// The first firing after `last`, in epoch milliseconds.
    pub fn next(&self, last: i64) -> Option<i64> {
        match self {
            Rhythm::Rate(every) => Some(last + every),
            Rhythm::Cron(schedule) => {
                let last = chrono::DateTime::from_timestamp_millis(last)?;
                schedule.after(&last).next().map(|at| at.timestamp_millis())
            }
        }
    }

    pub fn is_often(&self) -> bool {
        matches!(self, Rhythm::Rate(every) if *every <= OFTEN)
    }

    /// What comes each minute is what finds overdue work.
    pub fn is_each_minute(&self) -> bool {
        matches!(self, Rhythm::Rate(60_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>()
            .expect("a timestamp")
            .as_millisecond()
    }

    #[test]
    fn rates_and_crons_find_their_next_firing() {
        let minute = Rhythm::parse("rate(1 minute)").expect("a rate");
        assert_eq!(
            minute.next(at("2026-03-01T00:00:00Z")),
            Some(at("2026-03-01T00:01:00Z"))
        );
        let daily = Rhythm::parse("cron(30 2 * * ? *)").expect("a cron");
        assert_eq!(
            daily.next(at("2026-03-01T02:30:00Z")),
            Some(at("2026-03-02T02:30:00Z"))
        );
        let monday = Rhythm::parse("cron(0 9 ? * MON *)").expect("a cron");
        assert_eq!(
            monday.next(at("2026-03-01T00:00:00Z")),
            Some(at("2026-03-02T09:00:00Z"))
        );
        let day_two = Rhythm::parse("cron(0 9 ? * 2 *)").expect("a cron");
        assert_eq!(
            day_two.next(at("2026-03-01T00:00:00Z")),
            Some(at("2026-03-02T09:00:00Z")),
            "EventBridge counts Sunday as 1"
        );
    }

    #[test]
    fn what_eventbridge_refuses_is_refused() {
        for wrong in [
            "rate(1 minutes)",
            "rate(0 minutes)",
            "rate(5 seconds)",
            "cron(0 9 * * *)",
            "each minute",
        ] {
            assert!(Rhythm::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_schedules_of_an_hour_and_more_are_instants_of_their_own() {
        assert!(Rhythm::parse("rate(1 minute)").expect("a rate").is_often());
        assert!(!Rhythm::parse("rate(1 day)").expect("a rate").is_often());
        assert!(
            !Rhythm::parse("cron(30 2 * * ? *)")
                .expect("a cron")
                .is_often()
        );
    }
}
