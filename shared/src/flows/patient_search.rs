//! Patients as people look for them: by name, number or address, of which nothing can be read in the
//! table. A row under a code leads to a patient; only the person who is opened then says whether it
//! is one who was looked for.

use super::patient_codes::{EMAIL, ENDS, KEY, LAST, LONGEST, Lead, NAME, PHONE, SHORTEST, last};
use super::patients::{Patient, Person, opened};
use crate::flows::denied::Denied;
use crate::flows::lists::filled;
use crate::flows::{App, Failure};
use crate::io::store::StoreError;
use crate::records::{found, patient};
use crate::words::fold::{digits, folded, words};
use std::collections::BTreeSet;

/// So many candidates of a code are opened at once.
const READ: usize = 40;
/// Who is looked for: what is given must all be so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Words, folded.
    name: Vec<String>,
    phone: Option<Number>,
    /// Folded.
    email: Option<String>,
}

/// A number as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Number {
    /// All of it, in international form.
    Whole(String),
    /// How it ends: at least [`LAST`] digits.
    Ends(String),
}

impl Wanted {
    /// What was typed, held to be enough to look for somebody.
    pub fn typed(
        name: Option<&str>,
        phone: Option<&str>,
        email: Option<&str>,
    ) -> Result<Self, Denied> {
        let wanted = Self {
            name: name.map(words).unwrap_or_default(),
            phone: phone.map(number).transpose()?,
            email: email.map(folded),
        };
        if wanted.email.as_deref() == Some("") {
            return Err(Denied::invalid("email", "give a whole address"));
        }
        match wanted.lead() {
            Some(_) => Ok(wanted),
            None => {
                let why = "give two letters of a word of the name, or a phone, or an email";
                Err(Denied::invalid("name", why))
            }
        }
    }

    fn fits(&self, person: &Person) -> bool {
        let names = words(&person.name);
        let named = |word: &String| names.iter().any(|name| name.starts_with(word));
        let number = person.phone.as_deref().map(digits).unwrap_or_default();
        let called = match &self.phone {
            None => true,
            Some(Number::Whole(whole)) => number == *whole,
            Some(Number::Ends(end)) => number.ends_with(end),
        };
        let address = person.email.as_deref().map(folded);
        let written = self.email.is_none() || self.email == address;
        called && written && self.name.iter().all(named)
    }

    /// What leads to the fewest who may be it.
    fn lead(&self) -> Option<Lead> {
        let long = |word: &&String| word.chars().count() >= SHORTEST;
        let longest = self.name.iter().filter(long);
        let longest = longest.max_by_key(|word| word.chars().count());
        match (&self.email, &self.phone, longest) {
            (Some(address), _, _) => Some((EMAIL, address.clone())),
            (None, Some(Number::Whole(whole)), _) => Some((PHONE, whole.clone())),
            (None, Some(Number::Ends(end)), _) => Some((ENDS, last(end))),
            (None, None, Some(word)) => Some((NAME, word.chars().take(LONGEST).collect())),
            (None, None, None) => None,
        }
    }
}

/// A number as it was typed: whole with a `+` before it, else how it ends, where the zero that is
/// dialled first at home stands in no number.
fn number(text: &str) -> Result<Number, Denied> {
    let all = digits(text);
    if all.len() < LAST {
        let why = format!("give all of it, with its +, or at least its last {LAST} digits");
        return Err(Denied::invalid("phone", why));
    }
    let national = all.trim_start_matches('0');
    Ok(match text.trim_start().starts_with('+') {
        true => Number::Whole(all),
        false if national.len() < LAST => Number::Ends(last(&all)),
        false => Number::Ends(national.to_owned()),
    })
}

/// A page of the patients who are looked for, in no order that tells anything, and where it goes on.
pub async fn search(
    app: &App,
    clinic: &str,
    wanted: &Wanted,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<Patient>, Option<String>), Failure> {
    let Some((kind, text)) = wanted.lead() else {
        return Ok((vec![], None));
    };
    let codes = app.key(KEY).await?.codes(kind, clinic, &text);
    let read = async |after: Option<&str>| {
        let (ids, next) = led_to(app, clinic, &codes, after).await?;
        let mut people = vec![];
        for (id, patient) in open(app, clinic, ids).await? {
            let fits = patient.filter(|patient| wanted.fits(&patient.person));
            people.push((id, fits));
        }
        Ok::<_, Failure>((people, next))
    };
    filled(after, limit, read).await
}

/// The next patients to whom codes lead, in the order of their ids, and where it goes on.
async fn led_to(
    app: &App,
    clinic: &str,
    codes: &[String],
    after: Option<&str>,
) -> Result<(Vec<String>, Option<String>), StoreError> {
    let (mut ids, mut ends) = (BTreeSet::new(), vec![]);
    for code in codes {
        let pk = found::pk(clinic, code);
        let (keys, more) = app.store.beyond(&pk, after, READ as i32).await?;
        if more {
            ends.extend(keys.last().map(|key| key.sk.clone()));
        }
        ids.extend(keys.into_iter().map(|key| key.sk));
    }
    // Beyond the first end a code may lead to more than was read.
    let next = ends.into_iter().min();
    ids.retain(|id| next.as_ref().is_none_or(|next| id <= next));
    Ok((ids.into_iter().collect(), next))
}

/// These patients in this order; `None` for one who is no more.
async fn open(
    app: &App,
    clinic: &str,
    ids: Vec<String>,
) -> Result<Vec<(String, Option<Patient>)>, Failure> {
    let keys: Vec<_> = ids.iter().map(|id| patient::key(clinic, id)).collect();
    let rows = app.store.get_all(&keys).await?;
    let mut all = vec![];
    for (id, key) in ids.into_iter().zip(keys) {
        let row = rows.iter().find(|row| row.pk() == key.pk);
        let patient = match row {
            Some(row) => Some(opened(app, &id, row).await?),
            None => None,
        };
        all.push((id, patient));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::patient_codes::leads;

    #[test]
    fn a_number_that_is_typed_as_it_is_dialled_at_home_is_the_same_number() {
        let person = Person {
            phone: Some("+61370010014".into()),
            ..Person::default()
        };
        for (typed, fits) in [
            ("+61 370 010 014", true),
            ("0370 010 014", true),
            ("0010014", true),
            ("010014", true),
            ("61370010014", true),
            ("+370010014", false),
            ("110014", false),
        ] {
            let wanted = Wanted::typed(None, Some(typed), None).expect("a number");
            assert_eq!(wanted.fits(&person), fits, "{typed}");
            let leads = leads(&person);
            assert!(
                !fits || leads.contains(&wanted.lead().expect("a lead")),
                "{typed}"
            );
        }
    }
}
