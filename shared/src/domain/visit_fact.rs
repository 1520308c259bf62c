//! What a practice system says of a visit, and what of that is said of the visit here: only what
//! changed there since it spoke last, so that a word of ours that comes back changes nothing.

use super::fact::is_vendor_id;
use super::person::Person;
use super::visit::{Event, State, Verdict, Visit, decide};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A visit as a practice system shows it: all of it, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitFact {
    /// The system's own id, which is the clinic's id of it here.
    pub id: String,
    /// The system's id of what kind of visit it is.
    pub of_type: Option<String>,
    /// The system's id of the patient, which is the clinic's reference here.
    pub patient: String,
    /// Who the patient is, where the system tells it with the visit; else it is asked.
    pub person: Option<Person>,
    /// When it begins.
    pub starts_at: Timestamp,
    /// How it stands there.
    pub stands: Stands,
    /// With whom: the system's id.
    pub practitioner: Option<String>,
    /// Where it takes place: the system's id.
    pub site: Option<String>,
    /// When it was changed there: of two facts the newer counts, whichever comes last.
    pub at: Timestamp,
}

/// How a visit stands at a practice system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It is to come.
    Booked,
    /// The patient came.
    Completed,
    /// It was called off.
    Cancelled,
    /// Nobody came.
    NoShow,
    /// It was taken away, as if it had never been.
    Deleted,
}

/// What a practice system said of a visit last, kept beside the visit. It names the patient by our
/// id alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it was changed there.
    pub at: Timestamp,
    /// How it stood.
    pub stands: Stands,
    /// When it was to begin.
    pub starts_at: Timestamp,
    /// Our id of the patient.
    pub patient: String,
    /// The rest of the fact, by the system's ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_type: Option<String>,
    /// With whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practitioner: Option<String>,
    /// Where it takes place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

/// What is next to be said of the visit here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is not known: it is booked.
    Book,
    /// Its type, its place or with whom it is changed: it is written anew.
    Write,
    /// This happened to it.
    Say(Event),
    /// The rules refuse what is said there; people hear what it is there, and why it is not so here.
    Refused(&'static str, String),
    /// Nothing is left to be said.
    Nothing,
}

impl VisitFact {
    /// The fact, unless one of its ids cannot be one.
    pub fn checked(self) -> Result<Self, String> {
        let fits = |id: &str| is_vendor_id(id) && id.len() <= 64;
        let named = [&self.of_type, &self.practitioner, &self.site];
        let named = named.into_iter().flatten();
        let all = [&self.id, &self.patient].into_iter().chain(named);
        let sound = all.into_iter().all(|id| fits(id));
        sound
            .then_some(self)
            .ok_or_else(|| "an id of the visit is no id".into())
    }

    /// As it is kept; `patient` is our id.
    pub fn told(&self, patient: &str) -> Told {
        Told {
            at: self.at,
            stands: self.stands,
            starts_at: self.starts_at,
            patient: patient.into(),
            of_type: self.of_type.clone(),
            practitioner: self.practitioner.clone(),
            site: self.site.clone(),
        }
    }
}

impl Told {
    /// Whether nothing but the time of the change is another.
    pub fn says_as(&self, other: &Self) -> bool {
        let at = other.at;
        Self { at, ..self.clone() } == *other
    }

    fn details(&self) -> [&Option<String>; 3] {
        [&self.of_type, &self.practitioner, &self.site]
    }
}

/// What is next to be said of a visit that stands here as `visit`, where its system said `before`
/// last and says `now`. `written` tells that it was written anew since that was read.
pub fn next(
    visit: Option<&Visit>,
    before: Option<&Told>,
    now: &Told,
    written: bool,
    at: Timestamp,
) -> Next {
    if before.is_some_and(|before| before.says_as(now)) {
        return Next::Nothing;
    }
    let Some(visit) = visit else {
        return match now.stands {
            // What never was here need not be called off.
            Stands::Cancelled | Stands::Deleted => Next::Nothing,
            Stands::Booked | Stands::Completed | Stands::NoShow => Next::Book,
        };
    };
    // Whatever it says is of that other one.
    if visit.patient != now.patient {
        let why = "it is another's: book one under another id, and cancel this one";
        return Next::Refused("is of another patient", why.into());
    }
    let is_open = matches!(visit.state, State::Held | State::Booked);
    let stays = !matches!(now.stands, Stands::Cancelled | Stands::Deleted);
    let changed = before.is_some_and(|before| before.details() != now.details());
    // Before it takes place: then nothing of it can be written any more.
    if is_open && stays && changed && !written {
        return Next::Write;
    }
    for (what, event) in changes(visit, before, now) {
        match decide(Some(visit), &event, at) {
            Verdict::Change(_) => return Next::Say(event),
            Verdict::Nothing => {}
            Verdict::Refused(why) => return Next::Refused(what, why),
        }
    }
    Next::Nothing
}

/// What changed there as events of the visit, in the order in which they are said.
fn changes(visit: &Visit, before: Option<&Told>, now: &Told) -> Vec<(&'static str, Event)> {
    let started = before.map_or(visit.starts_at, |before| before.starts_at);
    // One that begins then already was moved before it took place.
    let elsewhen = visit.needs_new_time || visit.starts_at != now.starts_at;
    let moves = elsewhen && started != now.starts_at;
    let moved = || {
        let starts_at = Some(now.starts_at);
        ("has another time", Event::Moved { starts_at })
    };
    // The first word of a visit that people booked here is no news of how it stands.
    let stood = before.map_or(Stands::Booked, |before| before.stands);
    let off = matches!(visit.state, State::Cancelled | State::NoShow);
    let mut all = vec![];
    match now.stands {
        Stands::Booked => {
            if visit.state == State::Held {
                all.push(("is booked", Event::Confirmed));
            }
            if stood != Stands::Booked {
                all.push(("is to come", Event::Restored));
            }
            if moves {
                all.push(moved());
            }
        }
        Stands::Completed | Stands::NoShow => {
            // Of one that is off here, that is what people must look at first.
            if moves && !off {
                all.push(moved());
            }
            if stood != now.stands {
                all.push(match now.stands {
                    Stands::Completed => ("took place", Event::Completed),
                    _ => ("is one to which nobody came", Event::NoShow),
                });
            }
        }
        Stands::Cancelled | Stands::Deleted => {
            if stood != now.stands {
                all.push(("is called off", Event::Cancelled { by: None }));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::visit::Booking;

    fn at(hour: i8) -> Timestamp {
        format!("2026-11-20T{hour:02}:00:00Z").parse().unwrap()
    }

    fn told(stands: Stands) -> Told {
        Told {
            at: at(1),
            stands,
            starts_at: at(9),
            patient: "p".into(),
            of_type: Some("7".into()),
            practitioner: None,
            site: None,
        }
    }

    fn visit(state: State) -> Visit {
        let booking = Booking {
            id: "1".into(),
            patient: "p".into(),
            case: "c".into(),
            held: false,
            starts_at: at(9),
            source: None,
            site: None,
            practitioner: None,
            price: None,
            collect: None,
            replaces: None,
        };
        let booked = Event::Booked(Box::new(booking));
        let Verdict::Change(booked) = decide(None, &booked, at(1)) else {
            panic!("it is booked");
        };
        Visit { state, ..*booked }
    }

    fn said(state: State, before: Option<Stands>, now: Stands) -> String {
        let before = before.map(told);
        match next(
            Some(&visit(state)),
            before.as_ref(),
            &told(now),
            false,
            at(2),
        ) {
            Next::Say(event) => format!("{event:?}"),
            Next::Refused(what, _) => format!("refused: {what}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn only_what_changed_there_is_said_and_what_cannot_be_is_refused() {
        use {Stands as S, State as V};
        const OFF: &str = "Cancelled { by: None }";
        for (state, before, now, wanted) in [
            (V::Booked, Some(S::Booked), S::Booked, "Nothing"),
            (V::Cancelled, Some(S::Booked), S::Booked, "Nothing"),
            (V::Cancelled, Some(S::Booked), S::Cancelled, "Nothing"),
            (V::Booked, Some(S::Booked), S::Completed, "Completed"),
            (V::Booked, Some(S::Booked), S::NoShow, "NoShow"),
            (V::Booked, Some(S::Booked), S::Deleted, OFF),
            (V::Cancelled, Some(S::Cancelled), S::Booked, "Restored"),
            (V::NoShow, Some(S::NoShow), S::Cancelled, OFF),
            (
                V::Cancelled,
                Some(S::Booked),
                S::Completed,
                "refused: took place",
            ),
            (
                V::Completed,
                Some(S::Completed),
                S::Booked,
                "refused: is to come",
            ),
            (
                V::Completed,
                Some(S::Completed),
                S::Deleted,
                "refused: is called off",
            ),
            // The first word of a visit that people booked here.
            (V::Booked, None, S::Booked, "Nothing"),
            (V::Completed, None, S::Booked, "Nothing"),
            (V::Cancelled, None, S::Booked, "Nothing"),
            (V::Held, None, S::Booked, "Confirmed"),
            (V::Booked, None, S::Completed, "Completed"),
        ] {
            assert_eq!(
                said(state, before, now),
                wanted,
                "{state:?} {before:?} {now:?}"
            );
        }
    }

    #[test]
    fn a_visit_is_written_anew_and_moved_before_it_takes_place() {
        let before = told(Stands::Booked);
        let now = Told {
            starts_at: at(12),
            site: Some("north".into()),
            ..told(Stands::Completed)
        };
        let open = visit(State::Booked);
        let next = |visit: &Visit, written| next(Some(visit), Some(&before), &now, written, at(2));
        assert_eq!(next(&open, false), Next::Write);
        let starts_at = Some(at(12));
        assert_eq!(next(&open, true), Next::Say(Event::Moved { starts_at }));
        let mut moved = open;
        moved.starts_at = at(12);
        assert_eq!(next(&moved, true), Next::Say(Event::Completed));
        moved.state = State::Completed;
        assert_eq!(next(&moved, true), Next::Nothing);
    }

    #[test]
    fn one_that_is_not_known_is_booked_unless_it_is_off() {
        for (stands, wanted) in [
            (Stands::Booked, Next::Book),
            (Stands::Completed, Next::Book),
            (Stands::NoShow, Next::Book),
            (Stands::Cancelled, Next::Nothing),
            (Stands::Deleted, Next::Nothing),
        ] {
            assert_eq!(next(None, None, &told(stands), false, at(2)), wanted);
        }
        let other = Told {
            patient: "q".into(),
            ..told(Stands::Completed)
        };
        let next = next(Some(&visit(State::Booked)), None, &other, false, at(2));
        assert!(matches!(next, Next::Refused("is of another patient", _)));
    }

    #[test]
    fn a_fact_bears_no_id_that_cannot_be_one() {
        let fact = || VisitFact {
            id: "1".into(),
            of_type: None,
            patient: "82".into(),
            person: None,
            starts_at: at(9),
            stands: Stands::Booked,
            practitioner: None,
            site: None,
            at: at(1),
        };
        assert!(fact().checked().is_ok());
        for odd in ["", "a b", "a/b", &"9".repeat(65)] {
            let odd = || odd.to_owned();
            for fact in [
                VisitFact {
                    id: odd(),
                    ..fact()
                },
                VisitFact {
                    patient: odd(),
                    ..fact()
                },
                VisitFact {
                    of_type: Some(odd()),
                    ..fact()
                },
                VisitFact {
                    practitioner: Some(odd()),
                    ..fact()
                },
                VisitFact {
                    site: Some(odd()),
                    ..fact()
                },
            ] {
                assert!(fact.checked().is_err());
            }
        }
    }
}
