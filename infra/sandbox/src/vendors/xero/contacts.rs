//! Contacts at Xero; a name stands for one contact.

use super::resource::{CONTACT, Checked, LOOKS, Resource, given, msdate, no};
use crate::kit::{Books, Refusal, same};
use serde_json::{Value, json};

pub fn save(books: &mut Books, of: &Resource, ask: &Value, create: bool) -> Checked {
    // One that was archived gives its name and number free.
    let all = books.all(of.kind).into_iter();
    let active = all.filter(|body| body["ContactStatus"] != "ARCHIVED");
    let active: Vec<_> = active.cloned().collect();
    let is = |name: &str, body: &Value| ask[name].is_string() && same(&ask[name], &body[name]);
    let found = active
        .iter()
        .find(|body| is(of.id, body) || (!create && (is(of.number, body) || is("Name", body))));
    let found = found.unwrap_or(&Value::Null);
    if ask[of.id].is_string() && found.is_null() {
        return Err(no("no_contact"));
    }
    let name = ask["Name"].as_str().or(found["Name"].as_str());
    let name = name.filter(|name| !name.is_empty() && name.chars().count() <= 255);
    let name = name.ok_or_else(|| no("name"))?;
    if active
        .iter()
        .any(|body| body[of.id] != found[of.id] && is("Name", body))
    {
        return Err(vec![Refusal::With("name_taken", json!({"name": name}))]);
    }
    let id = match found[of.id].as_str() {
        Some(id) => id.to_string(),
        None => {
            let id = books.world.uuid();
            let fresh = LOOKS.shape("contact", &json!({"id": id, "name": name}));
            books.world.put(of.kind, books.account, &id, fresh);
            id
        }
    };
    let mut changes = given(ask);
    changes["UpdatedDateUTC"] = json!(msdate(books.world.now));
    // However its id was written.
    changes[of.id] = json!(id);
    Ok(books.change(of.kind, &id, changes))
}

/// The contact that a document names: by id, or by a name that is new if need be.
pub fn contact_of(books: &mut Books, ask: &Value) -> Checked {
    let contact = &ask["Contact"];
    if contact["ContactID"].is_string() {
        let found = books.named(CONTACT.kind, &[CONTACT.id], &contact["ContactID"]);
        let found = found.ok_or_else(|| no("no_contact"))?;
        return match found["ContactStatus"] == "ARCHIVED" {
            true => Err(no("archived")),
            false => Ok(found),
        };
    }
    if !contact["Name"].is_string() && !contact["ContactNumber"].is_string() {
        return Err(no("contact"));
    }
    save(books, &CONTACT, contact, false)
}
