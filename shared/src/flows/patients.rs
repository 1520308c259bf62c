//! Patients: who they are, sealed under a key of their own, and the methods that gateways keep for
//! them. Erasing the key in the row erases the person; the books stay whole.

use super::commit::{Busy, TRIES, alias_pk, pause};
use super::{Failure, House};
use crate::domain::fact::Method;
use crate::ids;
use crate::queue::RowKey;
use crate::seal::Key;
use crate::store::{Row, StoreError, Write, Written};
use serde::{Deserialize, Serialize};

/// What is sealed of a patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// E.164: `+61370100142`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// A patient as read: the clinic's own reference, the person, and the key of what is sealed.
pub struct Patient {
    pub id: String,
    pub reference: String,
    pub person: Person,
    /// `None` once the patient was erased: what one sealed now, nobody could open again.
    pub key: Option<Key>,
}

pub fn pk(clinic: &str, patient: &str) -> String {
    format!("{clinic}#patient#{patient}")
}

/// Our id of the clinic's patient of this reference.
pub fn id(clinic: &str, reference: &str) -> String {
    ids::derived(&["patient", clinic, reference])
}

impl House {
    /// A patient; an erased one has no name and no addresses.
    pub async fn patient(&self, clinic: &str, id: &str) -> Result<Option<Patient>, Failure> {
        let pk = pk(clinic, id);
        let Some(row) = self.store.get(&pk, "patient").await? else {
            return Ok(None);
        };
        let master = self.key_of("patients", row.get("key")).await?;
        let reference = row.get("reference").to_owned();
        let cannot = |_| StoreError::Corrupt(format!("patient {id} cannot be opened"));
        if !row.has("key") {
            return Ok(Some(Patient {
                id: id.into(),
                reference,
                person: Person::default(),
                key: None,
            }));
        }
        let key = Key::unwrap(row.get("key"), &master, &pk).map_err(cannot)?;
        let person = key.open(&pk, row.get("sealed")).map_err(cannot)?;
        Ok(Some(Patient {
            id: id.into(),
            reference,
            person,
            key: Some(key),
        }))
    }

    /// Makes a patient, or changes who a known one is. The key stays; one that was erased gets a
    /// fresh one. Tells whether it is a new one. `note` is the audit's row.
    pub async fn put_patient(
        &self,
        clinic: &str,
        reference: &str,
        person: &Person,
        note: Write,
    ) -> Result<(Patient, bool), Failure> {
        let id = id(clinic, reference);
        let pk = pk(clinic, &id);
        let master = self.key("patients").await?;
        for attempt in 0..TRIES {
            let known = self.patient(clinic, &id).await?;
            let new = known.is_none();
            let key = known.and_then(|patient| patient.key);
            let key = key.unwrap_or_else(Key::random);
            let row = Row::new(&pk, "patient")
                .text("reference", reference)
                .text("key", key.wrapped(&master, &pk))
                .text("sealed", key.seal(&pk, person))
                .listed(format!("{clinic}#patients"), id.clone());
            // Two that make the patient at once must not end with two keys.
            let write = if new {
                Write::New(row)
            } else {
                Write::Put(row)
            };
            if self.store.transact(&[write, note.clone()]).await? == Written::Done {
                let reference = reference.to_owned();
                return Ok((
                    Patient {
                        id,
                        reference,
                        person: person.clone(),
                        key: Some(key),
                    },
                    new,
                ));
            }
            pause(attempt).await;
        }
        Err(Busy(format!("patient {id}")).into())
    }

    /// The methods that may be charged, newest first.
    pub async fn methods(&self, clinic: &str, patient: &str) -> Result<Vec<Method>, StoreError> {
        let rows = self.store.under(&pk(clinic, patient), "method#").await?;
        let mut usable: Vec<_> = rows.iter().filter(|row| !row.has("gone")).collect();
        usable.sort_by_key(|row| std::cmp::Reverse(row.int("kept_at")));
        usable.into_iter().map(|row| row.read("data")).collect()
    }

    /// The method to charge, at this gateway or at any.
    pub async fn newest_method(
        &self,
        clinic: &str,
        patient: &str,
        gateway: Option<&str>,
    ) -> Result<Option<Method>, StoreError> {
        let methods = self.methods(clinic, patient).await?;
        let fits = |method: &Method| gateway.is_none_or(|gateway| method.gateway == gateway);
        Ok(methods.into_iter().find(fits))
    }

    /// The method to charge: the one that was used, while it is still kept, else the newest.
    pub async fn method_to_charge(
        &self,
        clinic: &str,
        patient: &str,
        used: Option<&Method>,
    ) -> Result<Option<Method>, StoreError> {
        let methods = self.methods(clinic, patient).await?;
        let same =
            |m: &&Method| used.is_some_and(|u| (&u.gateway, &u.token) == (&m.gateway, &m.token));
        let kept = methods.iter().find(same).or(methods.first());
        let Some(used) = used.filter(|_| kept.is_none()) else {
            return Ok(kept.cloned());
        };
        // One that the clinic charged without keeping it here may be charged again, unless the
        // gateway said since that it is gone.
        let place = method_sk(&used.gateway, &used.token);
        let known = self.store.get(&pk(clinic, patient), &place).await?;
        Ok(known.is_none().then(|| used.clone()))
    }
}

/// What is written when a patient let a gateway keep a method.
pub fn keep_method(clinic: &str, patient: &str, method: &Method) -> Vec<Write> {
    let now = crate::clock::millis(crate::clock::now());
    let row = Row::new(
        pk(clinic, patient),
        method_sk(&method.gateway, &method.token),
    )
    .json("data", method)
    .number("kept_at", now);
    let alias =
        Row::new(alias_pk(clinic, &method.gateway, &method.token), "ref").text("patient", patient);
    vec![Write::Put(row), Write::Put(alias)]
}

/// What is written when a method can no longer be charged.
pub fn method_gone(clinic: &str, patient: &str, gateway: &str, token: &str) -> Write {
    let key = RowKey {
        pk: pk(clinic, patient),
        sk: method_sk(gateway, token),
    };
    Write::Change {
        key,
        set: Row::default().text("gone", "cancelled at the gateway"),
        remove: vec![],
    }
}

fn method_sk(gateway: &str, token: &str) -> String {
    format!("method#{}", ids::derived(&[gateway, token]))
}
