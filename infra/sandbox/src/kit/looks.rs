//! A vendor's looks: what it calls things and how they are written, kept as JSON beside its code.
//!
//! `ids` (beginning and length of each kind's), `statuses` (kind → state → its word; a state with a
//! step is `pending.1`), `stages` (hours after which what is in a state or step goes on by itself),
//! `nouns`, `envelopes` (kind → under which name one stands in an answer), `events` (`payment.done` →
//! its name, or a list of them; what was made in a state may be `payment.done.made`), `outcomes` of its
//! page, `currencies`, `least` and `most` of amounts in minor units, `digits` where they are not ISO
//! 4217's, `when` (strftime, or `seconds`),
//! `content_type`, `takes` (the only content type of its requests), `headers` that every call must
//! have, `made` (the status of what was made, where it is not 201), `late_failure` (`lost`, where that is
//! a dispute lost at once), `payout` (the currency of payouts where none is said), `refusals` (reason → the places of
//! the shape `problem` or of that which `shape` names, `status` among them; a reason of one request is
//! `missing@refund`) and `shapes`, of which `money` writes amounts.
//!
//! A payment whose money went back is `done.part` or `done.back` where there is a word for that. What
//! is in a state whose word is `null` is not found any more.

use super::object::{Happened, Kind, Object, Refusal};
use super::shape::fill;
use crate::fields::Fault;
use crate::wire::{Reply, exponent, major, minor, stamp};
use crate::world::World;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The looks that stand in a file.
pub fn looks(text: &str) -> Value {
    serde_json::from_str(text).expect("a vendor's looks are JSON")
}

pub struct Looks(LazyLock<Value>);

impl Looks {
    /// `read` gives the file, which must be JSON.
    pub const fn new(read: fn() -> Value) -> Looks {
        Looks(LazyLock::new(read))
    }

    pub fn of(&self, name: &str) -> &Value {
        &self.0[name]
    }

    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or("")
    }

    /// A shape with its places filled.
    pub fn shape(&self, name: &str, with: &Value) -> Value {
        let shape = &self.0["shapes"][name];
        assert!(!shape.is_null(), "there is no shape {name}");
        fill(&self.0["shapes"], shape, with).unwrap_or_default()
    }

    /// A new object's id.
    pub fn id(&self, world: &mut World, kind: Kind) -> String {
        let id = &self.0["ids"][kind.name()];
        let length = id[1].as_u64().unwrap_or(10) as usize;
        let begins = id[0].as_str().unwrap_or("");
        match id[2].as_str() {
            Some(alphabet) => begins.to_string() + &world.id_over(alphabet.as_bytes(), length),
            None => world.id(begins, length),
        }
    }

    /// The name under which one of a kind stands in an answer.
    pub fn envelope(&self, kind: Kind) -> Option<&str> {
        self.0["envelopes"][kind.name()].as_str()
    }

    /// What it calls the object's state.
    pub fn status(&self, object: &Object) -> &str {
        self.word("statuses", object)
    }

    /// What one of its tables of words, by kind and state, says of an object.
    pub fn word(&self, table: &str, object: &Object) -> &str {
        let (words, state) = (&self.0[table][object.kind.name()], object.state.name());
        let stepped = &words[format!("{state}.{}", object.step)];
        let gone = match (object.refunded, object.left()) {
            (0, _) => &Value::Null,
            (_, 0) => &words[format!("{state}.back")],
            _ => &words[format!("{state}.part")],
        };
        let word = [stepped, gone, &words[state]];
        word.iter().find_map(|word| word.as_str()).unwrap_or(state)
    }

    /// Whether an object is not found any more.
    pub fn forgotten(&self, object: &Object) -> bool {
        let words = &self.0["statuses"][object.kind.name()];
        words.get(object.state.name()).is_some_and(Value::is_null)
    }

    /// Whether there is one more step in the object's state.
    pub fn steps(&self, object: &Object) -> bool {
        let next = format!("{}.{}", object.state.name(), object.step + 1);
        self.0["statuses"][object.kind.name()][next].is_string()
    }

    /// Milliseconds for which an object is where it is, until it goes on by itself.
    pub fn stage(&self, object: &Object) -> Option<i64> {
        let at = format!("{}.{}", object.kind.name(), object.state.name());
        let hours = match object.step {
            0 => &self.0["stages"][at],
            step => &self.0["stages"][format!("{at}.{step}")],
        };
        hours.as_i64().map(|hours| hours * 3_600_000)
    }

    /// What it calls what happened, if it tells of it.
    pub fn event(&self, object: &Object) -> Option<&str> {
        self.events(Happened::Moved, object).first().copied()
    }

    /// The events that tell of what happened, in their order.
    pub fn events(&self, happened: Happened, object: &Object) -> Vec<&str> {
        let state = format!("{}.{}", object.kind.name(), object.state.name());
        let events = |end: &str| &self.0["events"][format!("{state}{end}")];
        let found = match (object.step, happened) {
            (0, Happened::Made) if !events(".made").is_null() => events(".made"),
            (0, _) => events(""),
            (step, _) => events(&format!(".{step}")),
        };
        match found {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        }
    }

    pub fn outcomes(&self) -> Vec<(&str, &str)> {
        let all = self.0["outcomes"].as_array().into_iter().flatten();
        all.filter_map(|one| Some((one[0].as_str()?, one[1].as_str()?)))
            .collect()
    }

    /// An instant (epoch milliseconds) as it writes it.
    pub fn when(&self, at: i64) -> Value {
        match self.text("when") {
            "seconds" => json!(at / 1000),
            notation => json!(stamp(at, notation)),
        }
    }

    /// Decimals of its amounts.
    pub fn digits(&self, currency: &str) -> u32 {
        let own = self.0["digits"][currency].as_u64();
        own.map_or_else(|| exponent(currency), |digits| digits as u32)
    }

    /// Minor units as it writes them.
    pub fn money(&self, minor: i64, currency: &str) -> Value {
        let major = major(minor, self.digits(currency));
        let with = json!({"minor": minor, "major": major, "currency": currency});
        self.shape("money", &with)
    }

    /// An amount as a request wrote it in a text of so many decimals, and its currency.
    pub fn payable(&self, text: &Value, currency: &Value) -> Result<(i64, String), Refusal> {
        let currency = currency.as_str().unwrap_or("");
        let written = minor(text.as_str().unwrap_or(""), self.digits(currency));
        let payable = self.payable_minor(written.unwrap_or(self.least()), currency)?;
        written.map(|_| payable).ok_or(Refusal::Because("odd"))
    }

    /// The same of an amount in minor units.
    pub fn payable_minor(&self, minor: i64, currency: &str) -> Result<(i64, String), Refusal> {
        let known = self.text("currencies");
        match minor {
            _ if !known.split(' ').any(|known| known == currency) => {
                Err(Refusal::Because("currency"))
            }
            _ if minor < self.least() => Err(Refusal::Because("low")),
            _ if minor > self.0["most"].as_i64().unwrap_or(i64::MAX) => {
                Err(Refusal::Because("high"))
            }
            _ => Ok((minor, currency.to_string())),
        }
    }

    fn least(&self) -> i64 {
        self.0["least"].as_i64().unwrap_or(1)
    }

    /// Why not: status and body. `takes` is the request's name.
    pub fn refusal(&self, takes: &str, why: &Refusal) -> (u16, Value) {
        let (reason, with) = self.reason(why);
        let usual = match reason {
            "field.long" => "field.wrong",
            "none_left" => "too_much",
            _ => reason,
        };
        let refusals = &self.0["refusals"];
        let one = |reason| [format!("{reason}@{takes}"), String::from(reason)];
        let names = [one(reason), one(usual)].concat();
        let mut known = names.iter().map(|name| &refusals[name]);
        let found = known.find(|refusal| !refusal.is_null());
        let places = found.and_then(|found| fill(&self.0["shapes"], found, &with));
        let places = places.unwrap_or_else(|| panic!("nothing is said of {reason}"));
        let status = places["status"].as_u64().unwrap_or(400) as u16;
        let shape = places["shape"].as_str().unwrap_or("problem");
        (status, self.shape(shape, &places))
    }

    /// The answer that says why not: a page where its shape is a text.
    pub fn refused(&self, why: &Refusal) -> Reply {
        match self.refusal("", why) {
            (status, Value::String(words)) => Reply::of(status, "text/html", words),
            (status, body) => Reply::json(status, &body),
        }
    }

    fn reason<'a>(&self, why: &'a Refusal) -> (&'a str, Value) {
        match why {
            Refusal::Because(reason) => (reason, json!({})),
            Refusal::Field(problem) => {
                let reason = match problem.fault {
                    Fault::Missing => "field.missing",
                    Fault::Unknown => "field.unknown",
                    Fault::Wrong(_) => "field.wrong",
                    Fault::Long(_) => "field.long",
                };
                let last = problem.path.last();
                let places = json!({"dotted": problem.dotted(), "bracketed": problem.bracketed(),
                    "pointer": problem.pointer(), "last": last, "words": problem.words(),
                    "given": problem.given});
                (reason, places)
            }
            Refusal::Missing(kind, id) => {
                let noun = self.0["nouns"][kind.name()].as_str().unwrap_or(kind.name());
                ("missing", json!({"noun": noun, "id": id}))
            }
            Refusal::State(status) => ("state", json!({"status_is": status})),
            Refusal::TooMuch { left, currency } => {
                let places = json!({"left": major(*left, self.digits(currency))});
                (if *left == 0 { "none_left" } else { "too_much" }, places)
            }
            Refusal::With(reason, places) => (reason, places.clone()),
        }
    }
}
