//! Refunds that somebody asks for: previewed, requested, and granted or given up by somebody else
//! where they are above what one person may decide. Who asked never approves.

use super::commit::{self, Beside, Change};
use super::denied::{Denied, Granted, cause, changed, granted};
use super::{App, named, notes};
use crate::domain::actor::Actor;
use crate::domain::case::{Case, Payment};
use crate::domain::credit::{self, Owner, Transfer};
use crate::domain::decide::{Verdict, decide};
use crate::domain::event::{Event, NewRefund, NewReturn};
use crate::domain::refund::{self, Refund, State};
use crate::domain::settings::Settings;
use crate::io::store::{Row, Write};
use crate::records;
use crate::records::event::EventRow;
use crate::words::ids::{self, Reference};
use crate::words::money::Money;
use crate::words::text::Plain;

/// A refund as somebody asks for it.
pub struct Wanted {
    pub invoice: String,
    /// All that can be refunded where not given.
    pub amount: Option<Money>,
    /// Only from this payment; else from the newest first.
    pub payment: Option<String>,
    /// For the clinic's own records: sealed, and told to nobody.
    pub reason: Option<Plain<500>>,
    pub way: By,
}

/// By what way money goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The gateways send it back to where it came from.
    #[default]
    Gateway,
    /// Somebody handed it out, of what was taken without a gateway.
    Hand,
    /// It stays with the clinic, and the patient may use it for a later bill.
    Credit,
}

/// The request's id in a preview, which makes none.
pub const PREVIEW: &str = "preview";

/// How a refund would be taken, by the very rules that would decide it: the case as it would be,
/// its parts under [`PREVIEW`]. Nothing is written.
pub async fn preview(app: &App, settings: &Settings, wanted: &Wanted) -> Result<Case, Denied> {
    let (case, event) = read(app, settings, wanted, PREVIEW.into()).await?;
    let ctx = app.context(settings, PREVIEW);
    match decide(Some(&case), &event, &ctx) {
        Verdict::Change(decision) => Ok(decision.case),
        Verdict::Refused(why) => Err(Denied::Refused(why)),
        Verdict::Nothing
        | Verdict::Wait(_)
        | Verdict::LookUpFirst { .. }
        | Verdict::Unmatched
        | Verdict::Contradiction(_) => Err(Denied::conflict("it cannot be told just now: repeat")),
    }
}

/// Asks for a refund, once under the request's row. Above the clinic's limit it waits for another
/// person's approval, whatever the one who asks may do.
pub async fn request(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    wanted: &Wanted,
    row: &EventRow,
) -> Result<Granted, Denied> {
    let id = id(row);
    let (case, event) = read(app, settings, wanted, id.clone()).await?;
    let pk = records::refund::pk(&settings.id, &id);
    let mut kept = records::refund::row(&case, &id, actor.id(), row.received_at);
    if let Some(reason) = &wanted.reason {
        let sealed = notes::seal(app, &case, &pk, "reason", reason).await?;
        kept = records::refund::because(kept, sealed);
    }
    let change = Change {
        row: Some(row.clone()),
        also: vec![Write::Put(kept)],
        beside: to_credit(&case, &event),
        ..Change::new(settings, &wanted.invoice, event, cause(row, actor))
    };
    granted(commit::commit(app, change, Some(case)).await?)
}

/// What the patient's credit gets of it.
fn to_credit(case: &Case, event: &Event) -> Option<Beside> {
    let Event::GivenBack(NewReturn { amount, way, .. }) = event else {
        return None;
    };
    let refund::Way::Credit { transfer } = way else {
        return None;
    };
    Some(Beside {
        owner: Owner {
            clinic: case.clinic.clone(),
            patient: case.patient.clone()?,
        },
        event: credit::Event::Given(Transfer {
            id: transfer.clone(),
            case: case.id.clone(),
            amount: *amount,
        }),
    })
}

/// Lets a refund go that waits for an approval. Who asked for it does not grant it, whatever else
/// they may do.
pub async fn approve(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    request: &str,
) -> Result<Case, Denied> {
    let (row, case) = named::refund(app, &settings.id, request).await?;
    if records::refund::requested_by(&row) == actor.id() {
        return Err(Denied::OwnRequest);
    }
    let event = Event::RefundApproved {
        request: request.into(),
    };
    judged(app, settings, actor, (case, request), event, "approved").await
}

/// Gives up a refund that waits for an approval: what it kept is refundable again.
pub async fn reject(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    request: &str,
) -> Result<Case, Denied> {
    let (_, case) = named::refund(app, &settings.id, request).await?;
    let event = Event::RefundRejected {
        request: request.into(),
    };
    judged(app, settings, actor, (case, request), event, "rejected").await
}

/// A person's word on a refund that waits for one. The same word again is answered the same; the
/// other word comes too late.
async fn judged(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    (case, request): (Case, &str),
    event: Event,
    word: &str,
) -> Result<Case, Denied> {
    let id = case.id.clone();
    let cause = format!("refund {request} {word} by {actor}");
    let gives_up = matches!(event, Event::RefundRejected { .. });
    let change = Change::new(settings, &id, event, cause);
    let committed = commit::commit(app, change, Some(case)).await?;
    let (case, changed) = changed(committed, word)?;
    let state = together(&case, request).ok_or(Denied::NotFound("refund"))?;
    if !changed && (state == State::Rejected) != gives_up {
        let state = state.name();
        let why = format!("it is {state}: only what waits for an approval is {word}");
        return Err(Denied::Conflict(why));
    }
    Ok(case)
}

/// The case and what is asked of it.
async fn read(
    app: &App,
    settings: &Settings,
    wanted: &Wanted,
    request: String,
) -> Result<(Case, Event), Denied> {
    if wanted.amount.is_some_and(|amount| amount.minor <= 0) {
        return Err(Denied::invalid("amount", "more than 0"));
    }
    let found = named::invoice(app, &settings.id, &wanted.invoice).await;
    let case = found.map_err(|why| match why {
        Denied::NotFound(_) => Denied::invalid("invoice", "there is no such invoice"),
        other => other,
    })?;
    let event = match wanted.way {
        By::Gateway => by_gateway(&case, settings, wanted, request)?,
        By::Hand => given_back(&case, wanted, request, refund::Way::Back)?,
        By::Credit => {
            if app.is_erased(&settings.id, case.patient.as_deref()).await? {
                let why = "this patient was erased: nobody could use the credit";
                return Err(Denied::invalid("by", why));
            }
            let transfer = request.clone();
            given_back(&case, wanted, request, refund::Way::Credit { transfer })?
        }
    };
    Ok((case, event))
}

fn by_gateway(
    case: &Case,
    settings: &Settings,
    wanted: &Wanted,
    request: String,
) -> Result<Event, Denied> {
    let payment = match wanted.payment.as_deref().map(ids::read_reference) {
        None => None,
        Some(Some((of, Reference::Payment(n)))) if of == case.id && case.payment(n).is_some() => {
            Some(n)
        }
        Some(_) => return Err(Denied::invalid("payment", "no payment of this invoice")),
    };
    let arrived = |p: &&Payment| p.arrived() && payment.is_none_or(|n| n == p.n);
    if !case.payments.iter().any(|p| arrived(&p)) {
        let refundable = Money::zero(case.currency);
        let why = match payment {
            Some(_) => "this payment brought no money: there is nothing to refund",
            None if !case.tenders.is_empty() => {
                "no gateway brought this money: give it back by hand or as credit (`by`)"
            }
            None => "nothing was paid on this invoice yet: there is nothing to refund",
        };
        return Err(Denied::NothingPaid { why, refundable });
    }
    let of_one = payment.and_then(|n| case.payment(n));
    let refundable = of_one.map(Payment::refundable);
    let amount = wanted.amount.or(refundable);
    let amount = amount.unwrap_or_else(|| case.refundable());
    // With nothing left, the rules say so in their own words.
    let amount = Some(amount).filter(|amount| amount.minor != 0 || wanted.amount.is_some());
    Ok(Event::RefundRequested(NewRefund {
        request,
        amount,
        payment,
        needs_approval: false,
        approval_above: settings.policy.approval_above,
    }))
}

/// What no gateway sends: all that can be given back so where no amount was named.
fn given_back(
    case: &Case,
    wanted: &Wanted,
    request: String,
    way: refund::Way,
) -> Result<Event, Denied> {
    if wanted.payment.is_some() {
        let why = "only a gateway's refund is of one payment: leave it out";
        return Err(Denied::invalid("payment", why));
    }
    let recorded = case.tenders.iter().filter(|t| t.is_recorded());
    let by_hand: i64 = recorded.map(|t| t.refundable().minor).sum();
    let all = match way.is_back() {
        true => Money::new(by_hand, case.currency),
        false => case.returnable(),
    };
    let amount = wanted.amount.unwrap_or(all);
    if amount.minor == 0 {
        let why = "nothing is there that could be given back so";
        let refundable = amount;
        return Err(Denied::NothingPaid { why, refundable });
    }
    Ok(Event::GivenBack(NewReturn {
        request,
        amount,
        way,
    }))
}

/// The reason that was given for a refund; nothing once its patient was erased.
pub async fn reason(app: &App, row: &Row, case: &Case) -> Result<Option<String>, Denied> {
    match records::refund::reason(row) {
        Some(reason) => Ok(notes::open(app, case, row.pk(), reason).await?),
        None => Ok(None),
    }
}

/// The id of the refund that a request's row asks for.
pub fn id(row: &EventRow) -> String {
    ids::derived(&["refund", &row.clinic, &row.vendor_event_id])
}

/// The parts of a refund, by their numbers, each with the number of the payment or tender that it
/// comes from.
pub fn parts<'a>(case: &'a Case, request: &str) -> Vec<(u32, &'a Refund)> {
    let of_request = |(_, refund): &(_, &Refund)| refund.request.as_deref() == Some(request);
    let mut parts: Vec<_> = case.numbered_refunds().filter(of_request).collect();
    parts.sort_by_key(|(_, refund)| refund.n);
    parts
}

/// The state of a refund's parts together: under way while one is, failed if one failed; `None`
/// where the case has none of it.
pub fn together(case: &Case, request: &str) -> Option<State> {
    let parts = parts(case, request);
    let order = [
        State::AwaitingApproval,
        State::Unknown,
        State::Executing,
        State::Requested,
        State::Failed,
        State::Rejected,
        State::Succeeded,
    ];
    let mut order = order.into_iter();
    order.find(|state| parts.iter().any(|(_, refund)| refund.state == *state))
}
