//! The codes under which a patient is found: by address, number and the beginnings of each word of the
//! name, of which nothing can be read in the table.

use super::{App, Failure};
use crate::domain::person::Person;
use crate::words::fold::{digits, folded, words};
use std::collections::BTreeSet;

/// A word is found by its first letters, from so many to so many; what is typed beyond them is held
/// against the person.
pub const SHORTEST: usize = 2;
pub const LONGEST: usize = 10;
/// A number is found by its last digits as well, as people who are called by them know it.
pub const LAST: usize = 6;
/// So many codes lead to one patient. All of them are replaced in the commit that changes the
/// person, and with the rest of it they must fit one transaction.
const MOST: usize = 36;

/// What leads to a patient.
pub type Lead = (&'static str, String);

pub const NAME: &str = "name";
pub const PHONE: &str = "phone";
pub const ENDS: &str = "phone-ends";
pub const EMAIL: &str = "email";

pub fn last(number: &str) -> String {
    number[number.len().saturating_sub(LAST)..].to_owned()
}

/// All that leads to a person: address, number, and the beginnings of each word of the name. Of a
/// name that has more of these than fit the shortest are kept, so that it is found all the same.
pub fn leads(person: &Person) -> Vec<Lead> {
    let mut leads = vec![];
    if let Some(address) = &person.email {
        leads.push((EMAIL, folded(address)));
    }
    if let Some(number) = person.phone.as_deref().map(digits) {
        leads.push((ENDS, last(&number)));
        leads.push((PHONE, number));
    }
    let words = words(&person.name);
    let beginnings: BTreeSet<(usize, String)> = words
        .iter()
        .flat_map(|word| {
            let letters: Vec<char> = word.chars().collect();
            let most = letters.len().min(LONGEST);
            (SHORTEST..=most).map(move |many| (many, letters[..many].iter().collect()))
        })
        .collect();
    let names = beginnings.into_iter().map(|(_, begin)| (NAME, begin));
    leads.extend(names);
    leads.truncate(MOST);
    leads
}

/// The codes under which a person is found.
pub async fn codes(app: &App, clinic: &str, person: &Person) -> Result<BTreeSet<String>, Failure> {
    let key = app.key(KEY).await?;
    // By the current key, which comes first.
    let code = |(kind, text): Lead| key.codes(kind, clinic, &text).swap_remove(0);
    Ok(leads(person).into_iter().map(code).collect())
}

/// The key of codes, of its own: whoever has it can tell whether somebody is a patient.
pub const KEY: &str = "patient-search";

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Person {
        Person {
            name: name.into(),
            email: Some("a@b.ch".into()),
            phone: Some("+61370010014".into()),
        }
    }

    #[test]
    fn few_codes_lead_to_whoever_has_the_longest_name() {
        let words = (0..26).map(|n| format!("{0}{0}{0}", (b'a' + n) as char));
        let name: Vec<String> = words.collect();
        let all = leads(&person(&name.join(" ")));
        assert_eq!(all.len(), MOST);
        // Each word still leads there, by its shortest beginning.
        for word in &name {
            assert!(all.contains(&(NAME, word[..2].to_owned())), "{word}");
        }
        for (kind, text) in [(EMAIL, "a@b.ch"), (PHONE, "61370010014"), (ENDS, "010014")] {
            assert!(all.contains(&(kind, text.to_owned())), "{kind}");
        }
        assert_eq!(leads(&Person::default()), []);
    }
}
