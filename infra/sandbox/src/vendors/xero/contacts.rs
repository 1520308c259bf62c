//! Contacts at Xero; a name stands for one contact.

use super::resource::{CONTACT, Resource, msdate};
use crate::kit::{Books, Checked, Refusal, refuse, same};
use serde_json::{Value, json};

pub fn save(books: &mut Books, of: &Resource, ask: &Value, create: bool) -> Checked {
    // One that was archived gives its name and number free.
    let all = books.all(of.kind).into_iter();
    let active = all.filter(|body| body["ContactStatus"] != "ARCHIVED");
    let active: Vec<_> = active.cloned().collect();
    let is = |name: &str, body: &Value| ask[name].is_string() && same(&ask[name], &body[name]);
    let named = |body: &Value| is(of.number, body) || is("Name", body);
    let mut found = active.iter();
    let found = found.find(|body| is(of.id, body) || (!create && named(body)));
    let found = found.unwrap_or(&Value::Null);
    refuse(ask[of.id].is_string() && found.is_null(), "no_contact")?;
    let name = ask["Name"].as_str().or(found["Name"].as_str());
    let name = name.filter(|name| (1..=255).contains(&name.chars().count()));
    let name = name.ok_or("name")?;
    let another = |body: &Value| body[of.id] != found[of.id] && is("Name", body);
    if active.iter().any(another) {
        return Err(Refusal::With("name_taken", json!({"name": name})).into());
    }
    let given = ask.as_object().into_iter().flatten();
    let given = given.filter(|(name, value)| *name != of.id && !value.is_null());
    let mut changes: Value = given
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    changes["UpdatedDateUTC"] = json!(msdate(books.world.now));
    let fresh = json!({"id": books.world.uuid(), "name": name});
    let body = match found {
        Value::Null => of.put(books, &fresh),
        found => found.clone(),
    };
    let id = body[of.id].as_str().unwrap_or_default();
    Ok(books.change(of.kind, id, changes))
}

/// The contact that a document names: by id, or by a name that is new if need be.
pub fn contact_of(books: &mut Books, ask: &Value) -> Checked {
    let contact = &ask["Contact"];
    if contact["ContactID"].is_string() {
        let found = books.named(CONTACT.kind, &[CONTACT.id], &contact["ContactID"]);
        let found = found.ok_or("no_contact")?;
        refuse(found["ContactStatus"] == "ARCHIVED", "archived")?;
        return Ok(found);
    }
    let named = contact["Name"].is_string() || contact["ContactNumber"].is_string();
    refuse(!named, "contact")?;
    save(books, &CONTACT, contact, false)
}
