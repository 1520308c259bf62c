//! The table of gateways, systems and sources, read from the values themselves. A test holds the README's
//! copy to it.

use crate::contract::*;
use crate::domain::fact::Fact;
use crate::vendors;

/// The tables, as Markdown.
pub fn tables() -> String {
    let mut out = String::from(
        "| gateway | moves | hosted checkout | a page is ended | saved method | refund | after a lost reply | webhook |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for gateway in vendors::gateways() {
        out += &row(gateway);
    }
    out += "\n| system | is | hears of | after a lost reply |\n|---|---|---|---|\n";
    for system in vendors::systems() {
        let topics: Vec<_> = system
            .subscriptions
            .iter()
            .map(|subscription| subscription.topic.name().replace('-', " "))
            .collect();
        let mut lost: Vec<_> = system
            .subscriptions
            .iter()
            .flat_map(|subscription| subscription.steps)
            .map(|step| meaning(&step.lost_reply))
            .collect();
        lost.sort_unstable();
        lost.dedup();
        let (name, is) = (system.vendor.name, system.is);
        out += &format!(
            "| {name} | {is} | {} | {} |\n",
            topics.join(", "),
            lost.join("; ")
        );
    }
    out +=
        "\n| source | lists that are asked | each | in windows of at most |\n|---|---|---|---|\n";
    for (faces, poll) in vendors::polls() {
        let (name, list) = (faces.vendor.name, poll.name);
        let (every, longest) = (poll.every, poll.longest / 3600);
        out += &format!("| {name} | {list} | {every} s | {longest} h |\n");
    }
    out
}

fn row(gateway: &Gateway) -> String {
    let checkout = match (&gateway.checkout, &gateway.complete) {
        (Offer::No(why), _) => format!("no: {why}"),
        (Offer::Yes(_), Offer::Yes(_)) => "yes, then completed by us".into(),
        (Offer::Yes(_), Offer::No(_)) => "yes".into(),
    };
    let (close, charge) = (offered(&gateway.close), offered(&gateway.charge));
    let refund = offered(&gateway.refund);
    let lost = gateway
        .charge
        .yes()
        .map_or("a person decides".into(), |e| meaning(&e.lost_reply));
    let webhook = match &gateway.webhook {
        Offer::No(why) => format!("no: {why}"),
        Offer::Yes(inbound) => proofs(inbound),
    };
    let (name, moves) = (gateway.vendor.name, gateway.moves);
    format!(
        "| {name} | {moves} | {checkout} | {close} | {charge} | {refund} | {lost} | {webhook} |\n"
    )
}

fn offered<Ask>(offer: &Offer<Effect<Ask, Vec<Fact>>>) -> String {
    match offer {
        Offer::Yes(_) => "yes".into(),
        Offer::No(why) => format!("no: {why}"),
    }
}

fn meaning<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> String {
    match lost {
        LostReply::SameKey { key, then } => {
            let time = match key.lifetime / 3600 {
                hours @ ..48 => format!("{hours} h"),
                hours => format!("{} days", hours / 24),
            };
            format!("repeated under its key for {time}, then {}", meaning(then))
        }
        LostReply::Find { .. } => "looked up by our reference".into(),
        LostReply::Human => "a person decides".into(),
    }
}

fn proofs(inbound: &Inbound) -> String {
    let each = inbound.door.proofs.iter().map(|proof| match proof {
        Proof::Hmac(code) => carried("signed", code),
        Proof::EachItem(code) => carried("each item signed", code),
        Proof::Digest { .. } => "a digest with our secret".into(),
        Proof::Basic { .. } => "user and password".into(),
        Proof::Jws { header, .. } => format!("signed (JWS), `{header}`"),
        Proof::Certificate { host, .. } => format!("signed by a certificate of `{host}`"),
        Proof::Postback => "posted back".into(),
        Proof::FetchBack => "an id, fetched back".into(),
    });
    each.collect::<Vec<_>>().join("; or ")
}

fn carried(how: &str, code: &Code) -> String {
    match code.given {
        Given::Header(header) => format!("{how}, `{header}`"),
        Given::Body => format!("{how} in the body"),
    }
}
