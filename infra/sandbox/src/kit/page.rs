//! The hosted page of any gateway: what is paid, and a button for each way in which it can end.

use super::gateway::Gateway;
use super::object::{Object, State};
use crate::pages;
use crate::wire::{Call, Reply, decode_pairs, major};
use crate::world::World;

pub fn visit(world: &mut World, gateway: &'static Gateway, call: &Call, id: &str) -> Reply {
    let Some(object) = world.object(gateway.id, id).cloned() else {
        let words = "This payment does not exist.";
        return pages::notice(404, gateway.name, "Page not found", words);
    };
    if call.method != "POST" {
        return shown(gateway, &object);
    }
    let form = decode_pairs(&call.body);
    let outcome = form.iter().find(|(name, _)| name == "outcome");
    match end(world, gateway, id, outcome.map_or("", |(_, value)| value)) {
        Ok(Some(url)) => Reply::see_other(&url),
        Ok(None) => match world.object(gateway.id, id) {
            Some(object) => shown(gateway, object),
            None => Reply::of(404, "text/plain", ""),
        },
        Err(why) => pages::notice(422, gateway.name, "That does not work", &why),
    }
}

fn shown(gateway: &Gateway, object: &Object) -> Reply {
    if object.state != State::Open {
        let words = "Nothing is left to do.";
        return pages::notice(410, gateway.name, "This payment has ended", words);
    }
    let sum = major(object.amount, gateway.looks.digits(&object.currency));
    let sum = format!("{sum} {}", object.currency.to_uppercase());
    let title = (gateway.page.title)(object);
    pages::checkout(&pages::Checkout {
        vendor: gateway.name,
        payee: "Wattle Street Clinic",
        title: title.as_str().unwrap_or("Your payment"),
        // Where only a method is kept, nothing is paid.
        sum: if object.amount > 0 { &sum } else { "" },
        notes: object.own["note"]
            .as_str()
            .map(str::to_string)
            .into_iter()
            .collect(),
        buttons: &gateway.looks.outcomes(),
        alert: object.own["alert"].as_str(),
    })
}

/// Brings an outcome about; answers where the payer's browser goes, if anywhere.
pub fn end(
    world: &mut World,
    gateway: &'static Gateway,
    id: &str,
    outcome: &str,
) -> Result<Option<String>, String> {
    let object = world
        .object(gateway.id, id)
        .cloned()
        .ok_or("no such page")?;
    if object.state != State::Open {
        return Err(format!("the payment is {}", gateway.looks.status(&object)));
    }
    let outcomes = gateway.looks.outcomes();
    let known: Vec<_> = outcomes.iter().map(|(name, _)| *name).collect();
    if !known.contains(&outcome) {
        return Err(format!("{outcome} is no outcome: {}", known.join(", ")));
    }
    let goes = (gateway.page.end)(world, &object, outcome)?;
    // Its end may have said where the payer goes.
    let object = world.object(gateway.id, id).unwrap_or(&object);
    let back = (gateway.page.back)(object, outcome == "cancelled").as_str();
    Ok(back.filter(|_| goes).map(str::to_string))
}
