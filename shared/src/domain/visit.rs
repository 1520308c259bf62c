//! The life of a visit, which clinics call an appointment: held, booked, taken place or called off.
//! A move to another time is something that happens to it and no state; what bills it is its case.

use super::invoice::Line;
use super::policy::Collect;
use crate::words::money::Currency;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a visit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AppointmentState")]
pub enum State {
    /// Its time is kept free, and it is not certain yet.
    Held,
    /// It is to come.
    Booked,
    /// It took place.
    Completed,
    /// It was called off before it began.
    Cancelled,
    /// Nobody came.
    NoShow,
}

/// How a visit was called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// Somebody said so before it began.
    Cancelled,
    /// Nobody came.
    NoShow,
}

/// Who called a visit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The patient does not come.
    Patient,
    /// The clinic cannot keep the time.
    Clinic,
}

/// What can happen to a visit, without what comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// All of it is written anew.
    Written,
    /// It got its price after it took place.
    Priced,
    /// It is certain now.
    Confirmed,
    /// It took place.
    Completed,
    /// It was called off.
    Cancelled,
    /// Nobody came.
    NoShow,
    /// It has another time.
    Moved,
    /// Another visit takes its place.
    Replaced,
    /// It is to come after all.
    Restored,
    /// Its invoice was made.
    Billed,
}

/// What somebody says of a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is booked, or all of it is written anew.
    Booked(Box<Booking>),
    /// What was only held is certain.
    Confirmed,
    /// The session took place.
    Completed,
    /// It was called off.
    Cancelled {
        /// By whom, where that was said.
        by: Option<CancelledBy>,
    },
    /// Nobody came.
    NoShow,
    /// It begins at another time; `None` where the time is off and no new one is known.
    Moved {
        /// When it begins now.
        starts_at: Option<Timestamp>,
    },
    /// The visit of this id takes its place and its case.
    Replaced {
        /// The clinic's own id of the other visit.
        by: String,
    },
    /// It is to come after all.
    Restored,
    /// Its case has its invoice.
    Billed,
}

/// A visit of a patient, as the clinic tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The clinic's own, at most 64 characters.
    pub id: String,
    /// Our id of the patient.
    pub patient: String,
    /// The id of the case that bills it: fixed when it was booked.
    pub case: String,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it was to begin as it was booked first.
    pub first_starts_at: Timestamp,
    /// How it stands.
    pub state: State,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Who called it off, while it is off and that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<CancelledBy>,
    /// Its time is off and no new one is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_new_time: bool,
    /// The connection of the practice system that has it too, which hears when it is called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The number of the last occurrence that was told of it.
    #[serde(default)]
    pub told: u32,
    /// Where it takes place: the clinic's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// With whom: the clinic's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practitioner: Option<String>,
    /// What it costs; `None` until somebody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
    /// The clinic's id of the visit whose place it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The clinic's id of the visit that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// Whether its case has the invoice that it called for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub billed: bool,
}

/// What a visit costs, as it was when it was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// The id of the appointment type that it comes from, where it comes from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_type: Option<String>,
    /// Neutral text that gateways and systems may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// That of every line.
    pub currency: Currency,
    /// What is billed, at least one.
    pub lines: Vec<Line>,
    /// What each line is for, sealed under the patient's key.
    pub descriptions_sealed: String,
}

/// A visit as somebody books it, or writes all of it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The clinic's own, at most 64 characters.
    pub id: String,
    /// Our id of the patient.
    pub patient: String,
    /// The id of the case that bills it.
    pub case: String,
    /// A new one is only held until it is confirmed.
    pub held: bool,
    /// When it begins.
    pub starts_at: Timestamp,
    /// The connection of the practice system that tells of it.
    pub source: Option<String>,
    /// Where it takes place: the clinic's own id.
    pub site: Option<String>,
    /// With whom: the clinic's own id.
    pub practitioner: Option<String>,
    /// What it costs; `None` leaves its price as it is.
    pub price: Option<Price>,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
    /// The clinic's id of the visit whose place it takes.
    pub replaces: Option<String>,
}

/// What an event does to a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Write this.
    Change(Box<Visit>),
    /// It is so already.
    Nothing,
    /// It cannot be, in words that say what to do.
    Refused(String),
}

/// What an act makes of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It stands so from now on.
    To(State),
    /// It stands so already.
    Known,
    /// Not from this state.
    Refused,
}

impl State {
    /// Every one, in the order of the printed table.
    pub const ALL: [Self; 5] = [
        Self::Held,
        Self::Booked,
        Self::Completed,
        Self::Cancelled,
        Self::NoShow,
    ];

    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Booked => "booked",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::NoShow => "no_show",
        }
    }
}

impl Off {
    /// How a visit in this state was called off, if it was.
    pub fn of(state: State) -> Option<Self> {
        match state {
            State::Cancelled => Some(Self::Cancelled),
            State::NoShow => Some(Self::NoShow),
            State::Held | State::Booked | State::Completed => None,
        }
    }
}

impl Act {
    /// Every one, in the order of the printed table.
    pub const ALL: [Self; 10] = [
        Self::Written,
        Self::Priced,
        Self::Confirmed,
        Self::Completed,
        Self::Cancelled,
        Self::NoShow,
        Self::Moved,
        Self::Replaced,
        Self::Restored,
        Self::Billed,
    ];
}

/// What an act makes of a state. Where the clinic errs between a cancellation and nobody coming, the
/// later word counts.
pub fn next(state: State, act: Act) -> Next {
    use {Act as A, State as S};
    match (state, act) {
        (S::Held | S::Booked, A::Written | A::Moved) => Next::To(state),
        (S::Held, A::Confirmed) | (S::Cancelled | S::NoShow, A::Restored) => Next::To(S::Booked),
        (S::Held | S::Booked, A::Completed) => Next::To(S::Completed),
        (S::Held | S::Booked | S::NoShow, A::Cancelled) | (S::Held | S::Booked, A::Replaced) => {
            Next::To(S::Cancelled)
        }
        (S::Held | S::Booked | S::Cancelled, A::NoShow) => Next::To(S::NoShow),
        // That nobody came stays true of a visit that another one follows.
        (S::Cancelled | S::NoShow, A::Replaced) => Next::To(state),
        (S::Completed, A::Priced | A::Billed) => Next::To(S::Completed),
        (S::Booked | S::Completed, A::Confirmed)
        | (S::Held | S::Booked, A::Restored)
        | (S::Completed, A::Completed)
        | (S::Cancelled, A::Cancelled)
        | (S::NoShow, A::NoShow) => Next::Known,
        (S::Completed | S::Cancelled | S::NoShow, A::Written | A::Moved)
        | (S::Held | S::Booked | S::Cancelled | S::NoShow, A::Priced | A::Billed)
        | (S::Cancelled | S::NoShow, A::Confirmed | A::Completed)
        | (S::Completed, A::Cancelled | A::NoShow | A::Replaced | A::Restored) => Next::Refused,
    }
}

/// What the event does to the visit; `visit` is `None` only before it is booked.
pub fn decide(visit: Option<&Visit>, event: &Event, now: Timestamp) -> Verdict {
    match (visit, event) {
        (None, Event::Booked(new)) => Verdict::Change(Box::new(Visit::booked(new, now))),
        (None, _) => Verdict::Refused("it is not booked: POST /v1/appointments".into()),
        (Some(visit), event) => match visit.after(event, now) {
            Ok(after) if after == *visit => Verdict::Nothing,
            Ok(after) => Verdict::Change(Box::new(after)),
            Err(why) => Verdict::Refused(why),
        },
    }
}

impl Visit {
    fn booked(new: &Booking, now: Timestamp) -> Self {
        Self {
            id: new.id.clone(),
            patient: new.patient.clone(),
            case: new.case.clone(),
            starts_at: new.starts_at,
            first_starts_at: new.starts_at,
            state: if new.held { State::Held } else { State::Booked },
            since: now,
            cancelled_by: None,
            needs_new_time: false,
            source: new.source.clone(),
            told: 0,
            site: new.site.clone(),
            practitioner: new.practitioner.clone(),
            price: new.price.clone(),
            collect: new.collect,
            replaces: new.replaces.clone(),
            replaced_by: None,
            billed: false,
        }
    }

    /// Whether it took place and cannot be billed for want of a price.
    pub fn lacks_price(&self) -> bool {
        self.state == State::Completed && self.price.is_none()
    }

    /// Whether its invoice is to be made.
    pub fn is_to_bill(&self) -> bool {
        self.state == State::Completed && self.price.is_some() && !self.billed
    }

    /// As the event leaves it, or why it cannot be.
    fn after(&self, event: &Event, now: Timestamp) -> Result<Self, String> {
        let act = self.act(event);
        let mut after = self.clone();
        match next(self.state, act) {
            Next::To(state) if state != self.state => {
                (after.state, after.since) = (state, now);
                after.cancelled_by = None;
                let concerns_source = state == State::Cancelled && after.source.is_some();
                after.told += u32::from(concerns_source);
            }
            Next::To(_) => {}
            Next::Known => return Ok(after),
            Next::Refused => return Err(self.not_now(act)),
        }
        match event {
            Event::Booked(new) if act == Act::Priced => after.price(new)?,
            Event::Booked(new) => after.write(new)?,
            Event::Moved { starts_at } => after.begin(*starts_at),
            Event::Replaced { by } => after.replace(by)?,
            Event::Restored | Event::NoShow => after.not_replaced()?,
            Event::Cancelled { by } => {
                after.not_replaced()?;
                after.cancelled_by = *by;
            }
            Event::Billed => after.billed = true,
            Event::Confirmed | Event::Completed => {}
        }
        Ok(after)
    }

    fn act(&self, event: &Event) -> Act {
        match event {
            Event::Booked(_) if self.lacks_price() => Act::Priced,
            Event::Booked(_) => Act::Written,
            Event::Confirmed => Act::Confirmed,
            Event::Completed => Act::Completed,
            Event::Cancelled { .. } => Act::Cancelled,
            Event::NoShow => Act::NoShow,
            Event::Moved { .. } => Act::Moved,
            Event::Replaced { .. } => Act::Replaced,
            Event::Restored => Act::Restored,
            Event::Billed => Act::Billed,
        }
    }

    /// Writes all of it anew. Whose it is stays: what was paid for it is theirs.
    fn write(&mut self, new: &Booking) -> Result<(), String> {
        if new.patient != self.patient {
            let why = "it is another patient's: cancel it, and book one under another id";
            return Err(why.into());
        }
        self.case.clone_from(&new.case);
        if new.starts_at != self.starts_at {
            self.begin(Some(new.starts_at));
        }
        self.site.clone_from(&new.site);
        self.practitioner.clone_from(&new.practitioner);
        self.collect = new.collect;
        if new.replaces.is_some() {
            self.replaces.clone_from(&new.replaces);
        }
        if self.source.is_none() {
            self.source.clone_from(&new.source);
        }
        if let Some(price) = new.price.as_ref().filter(|price| !self.has_type_of(price)) {
            self.price = Some(price.clone());
        }
        Ok(())
    }

    /// Whether it has its price from this type already: that stays as it was when it was booked.
    fn has_type_of(&self, price: &Price) -> bool {
        let known = self.price.as_ref().and_then(|own| own.of_type.as_ref());
        known.is_some() && known == price.of_type.as_ref()
    }

    /// What it cost, said after it took place.
    fn price(&mut self, new: &Booking) -> Result<(), String> {
        if new.patient != self.patient {
            return Err("it took place, and it is another patient's".into());
        }
        if new.price.is_none() {
            return Err("it took place and has no price: send its lines or its type".into());
        }
        if new.replaces.is_some() && new.replaces != self.replaces {
            return Err("it took place, so it takes no other's place".into());
        }
        self.price.clone_from(&new.price);
        self.collect = new.collect;
        Ok(())
    }

    fn begin(&mut self, starts_at: Option<Timestamp>) {
        self.needs_new_time = starts_at.is_none();
        self.starts_at = starts_at.unwrap_or(self.starts_at);
    }

    fn replace(&mut self, by: &str) -> Result<(), String> {
        match &self.replaced_by {
            Some(other) if other != by => Err(replaced(other)),
            _ => {
                self.replaced_by = Some(by.into());
                Ok(())
            }
        }
    }

    fn not_replaced(&self) -> Result<(), String> {
        self.replaced_by
            .as_ref()
            .map_or(Ok(()), |other| Err(replaced(other)))
    }

    /// Why an act is refused in its state, and what to do.
    fn not_now(&self, act: Act) -> String {
        let why = match (self.state, act) {
            (State::Completed, Act::Written) => {
                "it took place, so it cannot be changed: invoice the rest apart"
            }
            (State::Completed, Act::Moved) => "it took place, so it has no other time",
            (State::Completed, Act::Replaced) => "it took place: book the next one apart",
            (State::Completed, Act::Restored) => "it took place: there is nothing to restore",
            (State::Completed, _) => {
                "it took place: credit its invoice where it is not to be paid, or refund it"
            }
            (State::Cancelled | State::NoShow, Act::Completed) => {
                "it was cancelled or nobody came: restore it first, or charge a fee with POST \
                 /v1/charges"
            }
            (State::Cancelled | State::NoShow, _) => {
                "it was cancelled or nobody came: restore it first, or book another one"
            }
            (State::Held | State::Booked, _) => "it has not taken place yet: complete it first",
        };
        why.into()
    }
}

fn replaced(by: &str) -> String {
    format!("appointment {by} took its place: change that one")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANCELLED: Event = Event::Cancelled { by: None };

    fn at(hour: i8) -> Timestamp {
        format!("2026-11-20T{hour:02}:00:00Z").parse().unwrap()
    }

    fn price(of_type: Option<&str>, sealed: &str) -> Price {
        Price {
            of_type: of_type.map(String::from),
            label: None,
            currency: Currency::read("EUR").unwrap(),
            lines: vec![],
            descriptions_sealed: sealed.into(),
        }
    }

    fn booking() -> Booking {
        Booking {
            id: "A-1".into(),
            patient: "p".into(),
            case: "c".into(),
            held: false,
            starts_at: at(9),
            source: None,
            site: Some("north".into()),
            practitioner: Some("dr-1".into()),
            price: Some(price(None, "one")),
            collect: None,
            replaces: None,
        }
    }

    fn in_state(state: State) -> Visit {
        let mut visit = Visit::booked(&booking(), at(1));
        visit.state = state;
        visit
    }

    fn booked(change: impl FnOnce(&mut Booking)) -> Event {
        let mut new = booking();
        change(&mut new);
        Event::Booked(Box::new(new))
    }

    /// The visit as the event leaves it, at two o'clock.
    fn changed(visit: &Visit, event: &Event) -> Visit {
        match decide(Some(visit), event, at(2)) {
            Verdict::Change(after) => *after,
            other => panic!("{event:?} is {other:?}"),
        }
    }

    fn refused(visit: &Visit, event: &Event) -> String {
        match decide(Some(visit), event, at(2)) {
            Verdict::Refused(why) => why,
            other => panic!("{event:?} is {other:?}"),
        }
    }

    #[test]
    fn the_state_table_is_as_printed() {
        let mut table = format!("| |{}|\n", Act::ALL.map(|a| format!("{a:?}")).join("|"));
        for state in State::ALL {
            let row = Act::ALL.map(|act| match next(state, act) {
                Next::To(to) => format!("{to:?}"),
                Next::Known => "·".into(),
                Next::Refused => "no".into(),
            });
            table += &format!("|{state:?}|{}|\n", row.join("|"));
        }
        insta::assert_snapshot!(table, @r"
        | |Written|Priced|Confirmed|Completed|Cancelled|NoShow|Moved|Replaced|Restored|Billed|
        |Held|Held|no|Booked|Completed|Cancelled|NoShow|Held|Cancelled|·|no|
        |Booked|Booked|no|·|Completed|Cancelled|NoShow|Booked|Cancelled|·|no|
        |Completed|no|Completed|·|·|no|no|no|no|no|Completed|
        |Cancelled|no|no|no|no|·|NoShow|no|Cancelled|Booked|no|
        |NoShow|no|no|no|no|Cancelled|·|no|NoShow|Booked|no|
        ");
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let mut table = String::new();
        for state in State::ALL {
            for act in Act::ALL {
                if next(state, act) == Next::Refused {
                    table += &format!("{state:?} {act:?}: {}\n", in_state(state).not_now(act));
                }
            }
        }
        insta::assert_snapshot!(table, @r"
        Held Priced: it has not taken place yet: complete it first
        Held Billed: it has not taken place yet: complete it first
        Booked Priced: it has not taken place yet: complete it first
        Booked Billed: it has not taken place yet: complete it first
        Completed Written: it took place, so it cannot be changed: invoice the rest apart
        Completed Cancelled: it took place: credit its invoice where it is not to be paid, or refund it
        Completed NoShow: it took place: credit its invoice where it is not to be paid, or refund it
        Completed Moved: it took place, so it has no other time
        Completed Replaced: it took place: book the next one apart
        Completed Restored: it took place: there is nothing to restore
        Cancelled Written: it was cancelled or nobody came: restore it first, or book another one
        Cancelled Priced: it was cancelled or nobody came: restore it first, or book another one
        Cancelled Confirmed: it was cancelled or nobody came: restore it first, or book another one
        Cancelled Completed: it was cancelled or nobody came: restore it first, or charge a fee with POST /v1/charges
        Cancelled Moved: it was cancelled or nobody came: restore it first, or book another one
        Cancelled Billed: it was cancelled or nobody came: restore it first, or book another one
        NoShow Written: it was cancelled or nobody came: restore it first, or book another one
        NoShow Priced: it was cancelled or nobody came: restore it first, or book another one
        NoShow Confirmed: it was cancelled or nobody came: restore it first, or book another one
        NoShow Completed: it was cancelled or nobody came: restore it first, or charge a fee with POST /v1/charges
        NoShow Moved: it was cancelled or nobody came: restore it first, or book another one
        NoShow Billed: it was cancelled or nobody came: restore it first, or book another one
        ");
    }

    #[test]
    fn nothing_happens_to_a_visit_before_it_is_booked() {
        let Verdict::Change(new) = decide(None, &booked(|_| {}), at(1)) else {
            panic!("it is booked");
        };
        assert_eq!((new.state, new.since), (State::Booked, at(1)));
        assert_eq!((new.starts_at, new.first_starts_at), (at(9), at(9)));
        let Verdict::Change(held) = decide(None, &booked(|new| new.held = true), at(1)) else {
            panic!("it is held");
        };
        assert_eq!(held.state, State::Held);
        for event in [
            Event::Confirmed,
            Event::Completed,
            CANCELLED,
            Event::NoShow,
            Event::Moved { starts_at: None },
            Event::Replaced { by: "A-2".into() },
            Event::Restored,
            Event::Billed,
        ] {
            let said = decide(None, &event, at(1));
            let why = "it is not booked: POST /v1/appointments";
            assert_eq!(said, Verdict::Refused(why.into()), "{event:?}");
        }
    }

    #[test]
    fn what_is_said_again_is_nothing_new_and_leaves_the_time_of_the_first() {
        for (event, state) in [
            (Event::Confirmed, State::Booked),
            (Event::Completed, State::Completed),
            (CANCELLED, State::Cancelled),
            (Event::NoShow, State::NoShow),
        ] {
            let after = changed(&in_state(State::Held), &event);
            assert_eq!((after.state, after.since), (state, at(2)));
            assert_eq!(decide(Some(&after), &event, at(3)), Verdict::Nothing);
        }
        let off = in_state(State::Cancelled);
        let restored = changed(&off, &Event::Restored);
        assert_eq!((restored.state, restored.since), (State::Booked, at(2)));
        let again = decide(Some(&restored), &Event::Restored, at(3));
        assert_eq!(again, Verdict::Nothing);
        let billed = changed(&in_state(State::Completed), &Event::Billed);
        assert!(billed.billed && !billed.is_to_bill());
        assert_eq!(
            decide(Some(&billed), &Event::Billed, at(3)),
            Verdict::Nothing
        );
    }

    #[test]
    fn who_called_it_off_is_known_while_it_is_off_and_the_first_word_of_it_stays() {
        let by = |who| Event::Cancelled { by: Some(who) };
        let off = changed(&in_state(State::Booked), &by(CancelledBy::Patient));
        assert_eq!(off.cancelled_by, Some(CancelledBy::Patient));
        let again = decide(Some(&off), &by(CancelledBy::Clinic), at(3));
        assert_eq!(again, Verdict::Nothing);
        for event in [Event::Restored, Event::NoShow] {
            assert_eq!(changed(&off, &event).cancelled_by, None, "{event:?}");
        }
    }

    #[test]
    fn each_time_that_it_is_called_off_is_numbered_where_a_practice_system_has_it_too() {
        let mut visit = in_state(State::Booked);
        let gone = Event::Replaced { by: "A-2".into() };
        for event in [CANCELLED, gone.clone()] {
            assert_eq!(changed(&visit, &event).told, 0, "nobody else has it");
        }
        visit.source = Some("practice".into());
        assert_eq!(changed(&visit, &gone).told, 1);
        for (event, told) in [
            (CANCELLED, 1),
            (Event::Restored, 1),
            (Event::NoShow, 1),
            (CANCELLED, 2),
        ] {
            visit = changed(&visit, &event);
            assert_eq!(visit.told, told, "{event:?}");
        }
        // Whoever writes it anew does not take it from its practice system.
        let own = booked(|new| new.starts_at = at(12));
        let restored = changed(&visit, &Event::Restored);
        let source = changed(&restored, &own).source;
        assert_eq!(source.as_deref(), Some("practice"));
    }

    #[test]
    fn a_move_leaves_the_state_and_the_first_time_and_ends_the_wait_for_a_new_one() {
        let moved = |starts_at| Event::Moved { starts_at };
        for state in [State::Held, State::Booked] {
            let visit = in_state(state);
            let off = changed(&visit, &moved(None));
            assert_eq!((off.needs_new_time, off.starts_at), (true, at(9)));
            for event in [moved(Some(at(9))), moved(Some(at(12)))] {
                let after = changed(&off, &event);
                assert!(!after.needs_new_time, "{event:?}");
                assert_eq!((after.state, after.since), (state, at(1)));
                assert_eq!(after.first_starts_at, at(9));
            }
            // Written anew at its old time it still waits, at another time it does not.
            assert!(decide(Some(&off), &booked(|_| {}), at(2)) == Verdict::Nothing);
            let elsewhen = changed(&off, &booked(|new| new.starts_at = at(12)));
            assert_eq!(
                (elsewhen.needs_new_time, elsewhen.starts_at),
                (false, at(12))
            );
            assert_eq!(
                decide(Some(&visit), &moved(Some(at(9))), at(2)),
                Verdict::Nothing
            );
        }
    }

    #[test]
    fn written_anew_it_keeps_whose_it_is_and_the_price_that_it_has() {
        let visit = in_state(State::Booked);
        let after = changed(
            &visit,
            &booked(|new| {
                (new.site, new.practitioner, new.price) = (None, None, None);
                new.collect = Some(Collect::Later);
            }),
        );
        assert_eq!((after.site, after.practitioner), (None, None));
        assert_eq!(
            (after.price, after.collect),
            (visit.price.clone(), Some(Collect::Later))
        );
        let why = refused(&visit, &booked(|new| new.patient = "q".into()));
        let said = "it is another patient's: cancel it, and book one under another id";
        assert_eq!(why, said);
        // The price of a type is that of the day when it was booked.
        let typed = changed(
            &visit,
            &booked(|new| new.price = Some(price(Some("t"), "two"))),
        );
        assert_eq!(typed.price.as_ref().unwrap().descriptions_sealed, "two");
        let same = booked(|new| new.price = Some(price(Some("t"), "three")));
        assert_eq!(decide(Some(&typed), &same, at(3)), Verdict::Nothing);
        for other in [price(Some("u"), "three"), price(None, "three")] {
            let after = changed(&typed, &booked(|new| new.price = Some(other.clone())));
            assert_eq!(after.price, Some(other));
        }
    }

    #[test]
    fn one_that_took_place_without_a_price_is_priced_later_and_not_changed_otherwise() {
        let mut visit = in_state(State::Completed);
        visit.price = None;
        assert!(visit.lacks_price() && !visit.is_to_bill());
        let none = refused(&visit, &booked(|new| new.price = None));
        let why = "it took place and has no price: send its lines or its type";
        assert_eq!(none, why);
        let other = refused(&visit, &booked(|new| new.patient = "q".into()));
        assert_eq!(other, "it took place, and it is another patient's");
        let late = refused(&visit, &booked(|new| new.replaces = Some("A-0".into())));
        assert_eq!(late, "it took place, so it takes no other's place");
        let priced = changed(&visit, &booked(|new| new.starts_at = at(12)));
        assert!(priced.is_to_bill() && !priced.lacks_price());
        assert_eq!(priced.starts_at, at(9), "it took place when it did");
        // From then on it is as any other that took place.
        let again = refused(&priced, &booked(|_| {}));
        assert!(again.contains("invoice the rest apart"), "{again}");
    }

    #[test]
    fn of_a_visit_that_was_replaced_the_other_one_is_changed() {
        let by = |id: &str| Event::Replaced { by: id.into() };
        for (state, left) in [
            (State::Held, State::Cancelled),
            (State::Booked, State::Cancelled),
            (State::Cancelled, State::Cancelled),
            (State::NoShow, State::NoShow),
        ] {
            let gone = changed(&in_state(state), &by("A-2"));
            assert_eq!(
                (gone.state, gone.replaced_by.as_deref()),
                (left, Some("A-2"))
            );
            assert_eq!(decide(Some(&gone), &by("A-2"), at(3)), Verdict::Nothing);
            let why = "appointment A-2 took its place: change that one";
            let other = if left == State::NoShow {
                CANCELLED
            } else {
                Event::NoShow
            };
            for event in [by("A-3"), Event::Restored, other] {
                assert_eq!(refused(&gone, &event), why, "{state:?} {event:?}");
            }
        }
    }
}
