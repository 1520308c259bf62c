//! What Authorize.Net says by itself or when asked: webhooks, which carry an id and no currency, so
//! that the transaction is looked up; and its lists: what is not yet settled, then the batches that
//! were, each a list in pages. There is no search by our reference.

use super::resources::*;
use super::{call, details};
use crate::contract::*;
use crate::domain::fact::{Fact, Kind};
use crate::words::json::{read_part, sorted};
use crate::words::money::Currency;
use crate::words::{ids, json, time};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json as object};

/// The most that a page of a list may have.
const PAGE: usize = 1000;

/// The longest that batches may be asked for, in seconds.
const LONGEST: i64 = 31 * 86_400;

// ---- webhooks ----------------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    notification_id: String,
    event_type: String,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    id: String,
}

pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let event: Event = json::read(verified.body())?;
    Ok(vec![Item {
        notice: notice(&event.event_type, event.payload.id),
        id: Some(event.notification_id),
        name: event.event_type,
    }])
}

/// Of a transaction, what became of it is looked up.
fn notice(name: &str, id: String) -> Result<Notice, Unreadable> {
    const EVENTS: Declines = Declines(include_str!("events.txt"));
    let known = name
        .strip_prefix("net.authorize.")
        .and_then(|name| EVENTS.class(name));
    match known {
        Some("transaction") => Ok(Notice::Hint { payment: id }),
        Some(_) => Ok(Notice::MethodGone {
            token: id,
            at: None,
        }),
        None => unknown_type(name, &["net.authorize.payment."]),
    }
}

// ---- look-ups ----------------------------------------------------------------------------------

/// A payment by its id, or by our reference where its page alone is known; and the refund that is
/// asked about, which its payment does not show.
pub fn look_up(ask: &Lookup, talk: &mut Talk, _: &Account) -> Result<LookedUp, Pause> {
    let currency = ask.amount.currency;
    let mut told = LookedUp::default();
    match (&ask.payment, &ask.session) {
        (Some(id), _) => whole(id, currency, talk, &mut told)?,
        (None, Some(session)) => {
            let opened = session.rsplit_once('.').and_then(|(_, at)| at.parse().ok());
            let opened = opened.and_then(|at| Timestamp::from_second(at).ok());
            let opened = opened.ok_or(Trouble::Unreadable("the page's id is none".into()))?;
            if let Some(id) = find(&ask.reference, opened, talk)? {
                whole(&id, currency, talk, &mut told)?;
            }
        }
        (None, None) => {
            let why = "it is not known under which id, or since when";
            return Err(Trouble::Unclear(why.into()).into());
        }
    }
    let shown = |told: &LookedUp| told.facts.iter().any(|fact| fact.refund == ask.refund);
    let named = ask.refund.as_ref().filter(|_| !shown(&told));
    if let Some(id) = named.filter(|id| id.bytes().all(|b| b.is_ascii_digit())) {
        Transaction::of(talk.ask(details(id))?)?.tell(currency, &mut told);
    }
    Ok(told)
}

/// A transaction, and before it the payment that it is about.
fn whole(id: &str, currency: Currency, talk: &mut Talk, told: &mut LookedUp) -> Result<(), Pause> {
    let found = Transaction::of(talk.ask(details(id))?)?;
    if let Some(payment) = found.about() {
        Transaction::of(talk.ask(details(payment))?)?.tell(currency, told);
    }
    found.tell(currency, told);
    Ok(())
}

/// What became of a call that was made then.
pub fn found(
    reference: &str,
    at: Timestamp,
    currency: Currency,
    talk: &mut Talk,
) -> Result<Option<Vec<Fact>>, Pause> {
    let Some(id) = find(reference, at, talk)? else {
        return Ok(None);
    };
    let mut told = LookedUp::default();
    Transaction::of(talk.ask(details(&id))?)?.tell(currency, &mut told);
    Ok(Some(told.whole()?))
}

/// What bears our reference: not yet settled, or in a batch that was settled since. Lists are read to
/// their end before it counts as not found. One that failed counts only where there is no other: on a
/// page the payer may have tried again.
fn find(reference: &str, since: Timestamp, talk: &mut Talk) -> Result<Option<String>, Pause> {
    let mut failed = None;
    let mut read = |batch: Option<&str>, talk: &mut Talk| {
        for page in 1.. {
            let lines = lines(talk.ask(listed(batch, page))?)?;
            let found = bearing(reference, &lines, &mut failed)?;
            if found.is_some() || lines.len() < PAGE {
                return Ok::<_, Pause>(found);
            }
        }
        Ok(None)
    };
    if let Some(id) = read(None, talk)? {
        return Ok(Some(id));
    }
    for batch in settled(since, time::after(since, LONGEST), talk)? {
        if let Some(id) = read(Some(&batch), talk)? {
            return Ok(Some(id));
        }
    }
    Ok(failed)
}

/// A line that cannot be read may be the one that is looked for.
fn bearing(
    reference: &str,
    list: &[Value],
    failed: &mut Option<String>,
) -> Result<Option<String>, Trouble> {
    let mut unread = None;
    for line in list {
        match read_part::<Summary>(line) {
            Ok(line) if line.invoice_number.as_deref() == Some(reference) => {
                let kind = payment_kind(&line.transaction_status, false);
                if !matches!(kind, Ok(Kind::PaymentFailed | Kind::PaymentExpired)) {
                    return vendor_id(line.trans_id).map(Some);
                }
                failed.get_or_insert(vendor_id(line.trans_id)?);
            }
            Ok(_) => {}
            Err(why) => unread = Some(why),
        }
    }
    unread.map_or(Ok(None), |why| Err(why.into()))
}

// ---- lists -------------------------------------------------------------------------------------

/// A page of what is in a batch, or not yet in any. An offset is the number of a page, from 1: from
/// memory, unverified.
fn listed(batch: Option<&str>, page: usize) -> Request {
    let operation = match batch {
        Some(_) => "getTransactionListRequest",
        None => "getUnsettledTransactionListRequest",
    };
    let mut ask = batch.map_or(object!({}), |batch| object!({"batchId": batch}));
    ask["sorting"] = object!({"orderBy": "submitTimeUTC", "orderDescending": true});
    ask["paging"] = object!({"limit": PAGE, "offset": page});
    call(operation, ask)
}

fn lines(reply: &Reply) -> Result<Vec<Value>, Trouble> {
    Ok(parts(&clear(reply)?["transactions"]).to_vec())
}

/// The batches that were settled between these, the oldest first. An end that is yet to come is
/// taken: unverified.
fn settled(from: Timestamp, until: Timestamp, talk: &mut Talk) -> Result<Vec<String>, Pause> {
    let second = |at: Timestamp| at.strftime("%FT%TZ").to_string();
    let ask = object!({
        "includeStatistics": false,
        "firstSettlementDate": second(from),
        "lastSettlementDate": second(until),
    });
    let listed = clear(talk.ask(call("getSettledBatchListRequest", ask))?)?;
    let id = |batch: &Value| vendor_id(batch["batchId"].as_str().unwrap_or("").into());
    let all: Result<Vec<_>, _> = parts(&listed["batchList"]).iter().map(id).collect();
    let mut all = all?;
    all.sort_by_key(|id| (id.len(), id.clone()));
    Ok(all)
}

/// A portion is a page of a batch: where the next one begins is told by both.
pub fn poll(window: &Window, talk: &mut Talk, _: &Account) -> Result<Portion<Item>, Pause> {
    let batches = settled(window.from, window.until, talk)?;
    let begins = window.after.as_deref().map(|after| after.split_once('.'));
    let (at, page) = match begins {
        None => (0, 1),
        Some(place) => {
            let (batch, page) = place.ok_or(Trouble::Missing)?;
            let at = batches.iter().position(|one| one == batch);
            let page = page.parse().map_err(|_| Trouble::Missing)?;
            (at.ok_or(Trouble::Missing)?, page)
        }
    };
    let Some(batch) = batches.get(at) else {
        return Ok(Portion {
            items: vec![],
            next: None,
        });
    };
    let list = lines(talk.ask(listed(Some(batch), page))?)?;
    let next = match list.len() < PAGE {
        true => batches.get(at + 1).map(|next| (next, 1)),
        false => Some((batch, page + 1)),
    };
    Ok(Portion {
        items: list.iter().map(item).collect(),
        next: next.map(|(batch, page)| format!("{batch}.{page}")),
    })
}

/// A line of a batch. What bears a reference of ours is looked up; what does not is some other sale
/// of the account, of which no more is told than that.
fn item(raw: &Value) -> Item {
    let text = |name: &str| raw[name].as_str().unwrap_or("");
    let (id, status) = (text("transId"), text("transactionStatus"));
    Item {
        id: Some(match id {
            "" => digest_id(&["line", &sorted(raw.clone())]),
            id => format!("{id}.{status}"),
        }),
        name: format!("transaction.{status}"),
        notice: read_part(raw).map_err(Unreadable::from).and_then(line),
    }
}

fn line(line: Summary) -> Result<Notice, Unreadable> {
    let status = line.transaction_status.as_str();
    let refund = status.starts_with("refund");
    let kind = match refund {
        true => refund_kind(status)?,
        false => payment_kind(status, line.account_type == "eCheck")?,
    };
    let (payment, ours) = (line.trans_id, line.invoice_number);
    Ok(match ours.as_deref().and_then(ids::read_reference) {
        Some(_) => Notice::Hint { payment },
        None => Notice::Fact(Box::new(Fact {
            refund: refund.then(|| payment.clone()),
            payment: (!refund).then_some(payment),
            ..Fact::new(kind)
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: Value) -> Reply {
        let mut body = body;
        body["messages"] = object!({"resultCode": "Ok", "message": []});
        Reply {
            status: 200,
            headers: vec![],
            body: body.to_string().into(),
        }
    }

    fn full(invoice: &str) -> Value {
        let line = object!({
            "transId": "1", "transactionStatus": "settledSuccessfully", "invoiceNumber": invoice,
        });
        object!({"transactions": vec![line; PAGE]})
    }

    /// What is asked at last, after these replies.
    fn asked<Answer>(
        read: impl Fn(&mut Talk) -> Result<Answer, Pause>,
        replies: Vec<Value>,
    ) -> Result<Answer, String> {
        let (mut talk, mut replies) = (Talk::default(), replies.into_iter());
        loop {
            match (read(&mut talk), replies.next()) {
                (Err(Pause::Ask(request)), Some(body)) => talk.hear(*request, reply(body)),
                (Err(Pause::Ask(request)), None) => return Err(format!("{:?}", request.body)),
                (Err(Pause::Trouble(why)), _) => panic!("{why}"),
                (Ok(answer), _) => return Ok(answer),
            }
        }
    }

    #[test]
    fn a_full_page_is_followed_by_another_and_no_list_is_taken_for_read_before() {
        let batches = || object!({"batchList": [{"batchId": "7"}]});
        let look = |talk: &mut Talk| find("ours", Timestamp::UNIX_EPOCH, talk);
        for (replies, wanted) in [
            (vec![full("x")], "\"offset\": Number(2)"),
            (
                vec![full("x"), full("x"), object!({}), batches(), full("x")],
                "\"offset\": Number(2)",
            ),
            (
                vec![object!({}), batches(), full("x")],
                "\"batchId\": String(\"7\")",
            ),
        ] {
            let next = asked(look, replies).expect_err("it is not read to its end");
            assert!(next.contains(wanted), "{next}");
        }
        let window = Window {
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
            after: None,
        };
        let account = Account::load(&[], Default::default()).expect("no fields");
        let portion = asked(
            |talk| poll(&window, talk, &account),
            vec![batches(), full("x")],
        );
        assert_eq!(portion.map(|portion| portion.next), Ok(Some("7.2".into())));
    }
}
