//! How QuickBooks is asked for what was written, and what it answers: a document in an envelope of its
//! name, a list in `QueryResponse`, or a `Fault`, which may come with status 200 too.

use super::books::{name_ends, number, total};
use super::system::{VERSION, paper, path};
use crate::contract::*;
use crate::words::json;
use crate::words::money::Amounts;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Number, Value};

type Found = Result<Option<ExternalId>, Pause>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    id: String,
    sync_token: Option<String>,
    private_note: Option<String>,
    display_name: Option<String>,
    total_amt: Option<Number>,
    #[serde(rename = "status")]
    status: Option<String>,
}

impl Document {
    fn of(said: &Value, name: &str) -> Result<Self, Trouble> {
        Ok(json::read_part(&said[name])?)
    }

    /// What was deleted says so; of what was voided nothing is left.
    fn is_undone(&self) -> bool {
        let total = self.total_amt.as_ref().map(|total| total.to_string());
        let nothing = total.is_some_and(|total| total.parse() == Ok(Decimal::ZERO));
        matches!(self.status.as_deref(), Some("Deleted" | "Voided")) || nothing
    }

    /// The document as we asked for it, to the cent. What QuickBooks made another sum of, as by a tax
    /// of its own, people mend there.
    fn whole(self, ask: &Notification) -> Result<ExternalId, Trouble> {
        let wanted = total(ask);
        let missing = || Trouble::Unreadable("TotalAmt is missing".into());
        let made = self.total_amt.ok_or_else(missing)?.to_string();
        match Amounts::MAJOR.read(&made, wanted.currency) {
            Ok(made) if made == wanted => Ok(ExternalId(Some(self.id))),
            _ => Err(Trouble::Rejected(format!(
                "QuickBooks made {made} of what is {wanted}: mend document {} there, then repeat this",
                self.id
            ))),
        }
    }
}

/// The one that bears our key. Another's under our number is a person's to sort out.
pub fn look(ask: &Notification, talk: &mut Talk, account: &Account) -> Found {
    let (name, (field, number)) = (paper(ask), number(ask)?);
    let named = format!("{field} = '{}'", quoted(&number));
    let all = query(ask, talk, account, name, &named)?;
    let taken = !all.is_empty() && field == "DocNumber";
    let ours = |one: &Document| one.private_note.as_ref() == Some(&ask.key);
    match all.into_iter().find(ours) {
        Some(ours) => Ok(Some(ours.whole(ask)?)),
        None if taken => {
            let why = format!("QuickBooks has another {name} with the number {number}");
            Err(Trouble::Rejected(why).into())
        }
        None => Ok(None),
    }
}

/// By our number, with which its name ends. One that was made inactive is not listed.
pub fn find_customer(ask: &Notification, talk: &mut Talk, account: &Account) -> Found {
    let ends = name_ends(&ask.customer.reference);
    let named = format!("DisplayName LIKE '%{}'", quoted(&ends));
    let all = query(ask, talk, account, "Customer", &named)?;
    let ours = |one: &Document| {
        one.display_name
            .as_deref()
            .is_some_and(|n| n.ends_with(&ends))
    };
    let found = all.into_iter().find(ours);
    Ok(found.map(|customer| ExternalId(Some(customer.id))))
}

fn query(
    ask: &Notification,
    talk: &mut Talk,
    account: &Account,
    name: &str,
    which: &str,
) -> Result<Vec<Document>, Pause> {
    let asked = Request::get(path(account, "query"))
        .query("query", format!("SELECT * FROM {name} WHERE {which}"))
        .query("minorversion", VERSION);
    let said = clear(ask, talk.ask(asked)?)?;
    let list = &said["QueryResponse"];
    if !list.is_object() {
        return Err(Trouble::Unreadable("QueryResponse is missing".into()).into());
    }
    let read = |one| json::read_part(one).map_err(Trouble::from);
    let all: Result<_, _> = parts(&list[name]).iter().map(read).collect();
    Ok(all?)
}

fn quoted(text: &str) -> String {
    text.replace('\\', r"\\").replace('\'', r"\'")
}

/// The version of a document that still stands.
pub fn version(
    ask: &Notification,
    talk: &mut Talk,
    account: &Account,
    id: &str,
) -> Result<Option<String>, Pause> {
    let name = paper(ask);
    let read = Request::get(path(account, &format!("{}/{id}", name.to_lowercase())));
    let said = match clear(ask, talk.ask(read.query("minorversion", VERSION))?) {
        Err(Trouble::Gone(_)) => return Ok(None),
        said => said?,
    };
    let document = Document::of(&said, name)?;
    let missing = || Trouble::Unreadable("SyncToken is missing".into());
    match document.is_undone() {
        true => Ok(None),
        false => Ok(Some(document.sync_token.ok_or_else(missing)?)),
    }
}

pub fn is_undone(ask: &Notification, talk: &mut Talk, account: &Account, id: &str) -> Found {
    let stands = version(ask, talk, account, id)?;
    Ok(stands.is_none().then(|| ExternalId(Some(id.into()))))
}

/// The answer to a deletion or voiding. That it is gone already is what was wanted.
pub fn undone(ask: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    let said = match clear(ask, reply) {
        Err(Trouble::Gone(_)) => return Ok(ExternalId(None)),
        said => said?,
    };
    let document = Document::of(&said, paper(ask))?;
    match document.is_undone() {
        true => Ok(ExternalId(Some(document.id))),
        false => Err(Trouble::Unreadable("the document still stands".into())),
    }
}

pub fn filed(ask: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    Document::of(&clear(ask, reply)?, paper(ask))?.whole(ask)
}

pub fn made(ask: &Notification, reply: &Reply) -> Result<ExternalId, Trouble> {
    let made = Document::of(&clear(ask, reply)?, "Customer")?;
    Ok(ExternalId(Some(made.id)))
}

/// `{"Fault": {"Error": [{"Message", "Detail", "code"}], "type"}}`; what stands before the books
/// writes the same small (unverified).
fn fault(body: &Value) -> Option<&Value> {
    let mut places = ["/Fault/Error/0", "/fault/error/0"].into_iter();
    places.find_map(|place| body.pointer(place))
}

pub fn is_own(reply: &Reply) -> bool {
    let body = json::read::<Value>(&reply.body);
    body.is_ok_and(|body| fault(&body).is_some())
}

fn clear(ask: &Notification, reply: &Reply) -> Result<Value, Trouble> {
    answered(reply, ask.customer.name.as_deref())
}

/// An entity that was read; `None` of one that was deleted.
pub fn standing(reply: &Reply, name: &str) -> Result<Option<Value>, Trouble> {
    match answered(reply, None) {
        Err(Trouble::Gone(_)) => Ok(None),
        said => Ok(Some(said?[name].clone())),
    }
}

/// An answer that is about no customer.
pub fn whole(reply: &Reply) -> Result<Value, Trouble> {
    answered(reply, None)
}

/// Without the customer's `name`, which stays out of errors.
fn answered(reply: &Reply, name: Option<&str>) -> Result<Value, Trouble> {
    let body = json::read::<Value>(&reply.body);
    let fault = body.as_ref().ok().and_then(fault);
    match (fault, reply.status) {
        (Some(fault), 200..=299 | 400) => Err(refusal(name, fault)),
        _ => {
            reply.ok()?;
            Ok(body?)
        }
    }
}

/// Codes as Intuit's list of common errors has them. 6210 (the books of that day are closed) and 6540
/// (it was deposited) are refusals as any other: people read why.
fn refusal(name: Option<&str>, fault: &Value) -> Trouble {
    let text = |names: [&str; 2]| names.iter().find_map(|name| fault[*name].as_str());
    let said = [["Message", "message"], ["Detail", "detail"]].map(text);
    let said: Vec<_> = said.into_iter().flatten().collect();
    let why = unnamed(name, &said.join(": "));
    match text(["code", "code"]).unwrap_or_default() {
        "120" => Trouble::Credentials(why),
        "6190" => Trouble::Closed(why),
        "610" | "2500" => Trouble::Gone(why),
        "5010" => Trouble::Stale(why),
        // Our own call may have taken the number before its reply was lost: that is looked up.
        "6140" => Trouble::Unclear(why),
        code => Trouble::Rejected(format!("{code}: {why}")),
    }
}

/// QuickBooks quotes the customer.
fn unnamed(name: Option<&str>, said: &str) -> String {
    match name {
        Some(name) if !name.is_empty() => said.replace(name, "the patient"),
        _ => said.into(),
    }
}
