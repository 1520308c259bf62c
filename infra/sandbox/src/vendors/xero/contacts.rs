//! Contacts at Xero; a name stands for one contact.

use super::books::{given, one};
use super::replies::{Checked, msdate};
use crate::world::World;
use serde_json::{Value, json};

pub fn contact(world: &mut World, tenant: &str, ask: &Value, create: bool) -> Checked {
    let all = |world: &World| -> Vec<Value> {
        // One that was archived gives its name and number free.
        let items = world
            .all("xero.contact")
            .into_iter()
            .filter(|item| item.account == tenant && item.body["ContactStatus"] != "ARCHIVED");
        items.map(|item| item.body.clone()).collect()
    };
    let same = |name: &str, body: &Value| {
        ask[name].as_str().is_some_and(|text| {
            body[name]
                .as_str()
                .is_some_and(|other| other.eq_ignore_ascii_case(text))
        })
    };
    let found = all(world).into_iter().find(|body| {
        same("ContactID", body) || (!create && (same("ContactNumber", body) || same("Name", body)))
    });
    if ask["ContactID"].is_string() && found.is_none() {
        return Err(one("The contact with the specified id does not exist"));
    }
    let id = found
        .as_ref()
        .and_then(|body| body["ContactID"].as_str())
        .map(str::to_string);
    let clash = all(world)
        .into_iter()
        .any(|body| body["ContactID"].as_str() != id.as_deref() && same("Name", &body));
    let name = ask["Name"]
        .as_str()
        .or(found.as_ref().and_then(|body| body["Name"].as_str()));
    let Some(name) = name.filter(|name| !name.is_empty() && name.chars().count() <= 255) else {
        return Err(one(
            "The contact name must be specified and at most 255 characters long.",
        ));
    };
    if clash {
        return Err(one(format!(
            "The contact name {name} is already assigned to another contact. \
            The contact name must be unique across all active contacts."
        )));
    }
    let id = match id {
        Some(id) => id,
        None => {
            let id = world.uuid();
            let fresh = json!({"ContactID": id, "ContactStatus": "ACTIVE", "Name": name,
                "IsCustomer": false, "IsSupplier": false, "Addresses": [], "Phones": [],
                "ContactGroups": [], "ContactPersons": [], "HasAttachments": false,
                "HasValidationErrors": false});
            world.put("xero.contact", tenant, &id, fresh);
            id
        }
    };
    let mut changes = given(ask);
    changes["UpdatedDateUTC"] = json!(msdate(world.now));
    world.set("xero.contact", &id, changes);
    Ok(world.body("xero.contact", &id))
}

/// The contact that a document names: by id, or by a name that is new if need be.
pub fn contact_of(world: &mut World, tenant: &str, ask: &Value) -> Checked {
    let contact = &ask["Contact"];
    if let Some(id) = contact["ContactID"].as_str() {
        let found = world
            .get("xero.contact", tenant, &id.to_lowercase())
            .cloned();
        return match found {
            None => Err(one("The contact with the specified id does not exist")),
            Some(found) if found["ContactStatus"] == "ARCHIVED" => Err(one(
                "The contact with the specified contact details has been archived. The contact \
                 must be un-archived before creating new invoices or credit notes.",
            )),
            Some(found) => Ok(found),
        };
    }
    if !contact["Name"].is_string() && !contact["ContactNumber"].is_string() {
        return Err(one(
            "A Contact must be specified for this type of transaction",
        ));
    }
    self::contact(world, tenant, contact, false)
}
