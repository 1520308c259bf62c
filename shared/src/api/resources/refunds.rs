//! `/v1/refunds`: giving money back, whole or in part, previewed first where wanted. A request may
//! be split over several payments of an invoice, newest first.

use super::invoices;
use crate::api::frame::call::{Answered, Call, listed, reply, rewritten};
use crate::api::frame::call::{PAGING, Route};
use crate::api::frame::caller::Permission::{Approve, Refund, View};
use crate::api::frame::once::{Once, answering};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::frame::read::plain;
use crate::api::views::refund::view;
use crate::domain::case::{Case, Payment};
use crate::domain::decide::{Verdict, decide};
use crate::domain::event::{Event, NewRefund};
use crate::domain::refund::State;
use crate::flows::commit;
use crate::flows::commit::{Change, Committed};
use crate::flows::events::EventRow;
use crate::flows::receipts;
use crate::io::lambda::HttpResponse;
use crate::io::store::{Row, Write};
use crate::words::ids::{self, Reference};
use crate::words::money::Money;
use serde::Deserialize;
use serde_json::json;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/refunds",
        View,
        |call| Box::pin(list(call)),
        "Refunds that were asked for here, newest first.",
    )
    .gives(200, "Refunds")
    .query(PAGING),
    Route::post(
        "/v1/refunds",
        Refund,
        |call| Box::pin(create(call)),
        "Refunds an invoice, whole or in part. With `preview=true` nothing is written, no \
         Idempotency-Key is needed, and the answer (200) is how it would be taken.",
    )
    .gives(202, "Refund")
    .query(&["preview"])
    .takes::<NewRefundOf>("RefundRequest")
    .also(200, "RefundPreview")
    .once(),
    Route::get(
        "/v1/refunds/{id}",
        View,
        |call| Box::pin(get(call)),
        "A refund and what became of its parts.",
    )
    .gives(200, "Refund"),
    Route::post(
        "/v1/refunds/{id}/approve",
        Approve,
        |call| Box::pin(approve(call)),
        "Lets a refund go that waits for an approval.",
    )
    .gives(200, "Refund")
    .takes::<Nothing>("Nothing"),
    Route::post(
        "/v1/refunds/{id}/reject",
        Approve,
        |call| Box::pin(reject(call)),
        "Gives up a refund that waits for an approval: what it kept is refundable again.",
    )
    .gives(200, "Refund")
    .takes::<Nothing>("Nothing"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRefundOf {
    invoice: String,
    /// All that can be refunded where not given.
    amount: Option<Money>,
    /// Only from this payment.
    payment: Option<String>,
    reason: Option<String>,
}

pub async fn create(call: &Call<'_>) -> Answered {
    let wanted: NewRefundOf = call.body()?;
    if let Some(reason) = &wanted.reason {
        plain("reason", reason, 500)?;
    }
    if wanted.amount.is_some_and(|amount| amount.minor <= 0) {
        return Err(Problem::invalid("amount", "more than 0"));
    }
    let preview = match call.query("preview") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid("preview", "true or false")),
    };
    if preview {
        let (case, new) = read(call, &wanted, "preview".into()).await?;
        return previewed(call, &case, new);
    }
    let row = match call.once().await? {
        Once::Again(answer) => return reasoned(answer, &wanted),
        Once::First(row) => answering(row, requested),
    };
    let id = request_id(&row);
    let (case, new) = read(call, &wanted, id.clone()).await?;
    let mut kept = Row::new(pk(call.clinic(), &id), "refund")
        .text("case", &case.id)
        .text("requested_by", &call.caller.key)
        .listed(
            format!("{}#refunds", call.clinic()),
            format!("{:015}#{id}", crate::words::time::millis(row.received_at)),
        );
    if let Some(reason) = &wanted.reason {
        let owner = case.patient.clone().unwrap_or_default();
        if let Some((key, _)) = receipts::reader(call.app, &call.settings, &owner).await? {
            kept = kept.text("reason", key.seal(&pk(call.clinic(), &id), reason));
        }
    }
    let change = Change {
        row: Some(row.clone()),
        also: vec![Write::Put(kept)],
        ..Change::new(
            &call.settings,
            &wanted.invoice,
            Event::RefundRequested(new),
            call.cause(&row),
        )
    };
    let committed = commit::commit(call.app, change, Some(case)).await?;
    reasoned(call.ended(committed, &row)?, &wanted)
}

/// The answer with the reason that was given: it is sealed, and no row of a request holds it.
fn reasoned(answer: HttpResponse, wanted: &NewRefundOf) -> Answered {
    rewritten(answer, |mut body| {
        body["reason"] = json!(wanted.reason);
        body
    })
}

pub async fn get(call: &Call<'_>) -> Answered {
    let (row, case) = known(call).await?;
    let mut shown = view(&case, &call.path[0]).ok_or_else(|| Problem::missing("refund"))?;
    if row.has("reason") {
        let owner = case.patient.clone().unwrap_or_default();
        let reader = receipts::reader(call.app, &call.settings, &owner).await?;
        let opened = reader.and_then(|(key, _)| key.open(row.get("pk"), row.get("reason")).ok());
        shown["reason"] = json!(opened.map(|reason: String| reason));
    }
    Ok(reply(200, &shown))
}

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("refunds").await?;
    let mut refunds = vec![];
    for row in &rows {
        let id = row.get("pk").rsplit('#').next().unwrap_or_default();
        let case = call.app.case(call.clinic(), row.get("case")).await?;
        refunds.extend(case.and_then(|case| view(&case, id)));
    }
    Ok(listed("refunds", refunds, next))
}

pub async fn approve(call: &Call<'_>) -> Answered {
    let request = call.path[0].clone();
    judged(call, Event::RefundApproved { request }, "approved").await
}

pub async fn reject(call: &Call<'_>) -> Answered {
    let request = call.path[0].clone();
    judged(call, Event::RefundRejected { request }, "rejected").await
}

/// A person's word on a refund that waits for one. The same word again is answered the same; the
/// other word comes too late.
async fn judged(call: &Call<'_>, event: Event, word: &str) -> Answered {
    let (row, case) = known(call).await?;
    let (id, request) = (case.id.clone(), &call.path[0]);
    let approves = matches!(event, Event::RefundApproved { .. });
    if approves && row.get("requested_by") == call.caller.key {
        let why =
            "who asked for a refund does not approve it: another person does, with another key";
        return Err(Problem::new(Kind::Forbidden, why));
    }
    let cause = format!("refund {request} {word} by key {}", call.caller.short());
    let gives_up = matches!(event, Event::RefundRejected { .. });
    let change = Change::new(&call.settings, &id, event, cause);
    let (case, changed) = match commit::commit(call.app, change, Some(case)).await? {
        Committed::Changed(case) => (case, true),
        Committed::Nothing(Some(case)) => (case, false),
        Committed::Refused(why) => return Err(why.into()),
        _ => {
            let why = format!("it cannot be {word} just now: repeat");
            return Err(Problem::new(Kind::Conflict, why));
        }
    };
    let shown = view(&case, request).ok_or_else(|| Problem::missing("refund"))?;
    let failed = shown["state"] == json!(State::Failed);
    if !changed && failed != gives_up {
        let state = shown["state"].as_str().unwrap_or_default();
        let why = format!("it is {state}: only what waits for an approval is {word}");
        return Err(Problem::new(Kind::Conflict, why));
    }
    Ok(reply(200, &shown))
}

/// The case and what is asked of it.
async fn read(
    call: &Call<'_>,
    wanted: &NewRefundOf,
    request: String,
) -> Result<(Case, NewRefund), Problem> {
    let case = match ids::is_id(&wanted.invoice) {
        true => call.app.case(call.clinic(), &wanted.invoice).await?,
        false => None,
    };
    let case = case.ok_or_else(|| Problem::invalid("invoice", "there is no such invoice"))?;
    let payment = match wanted.payment.as_deref().map(ids::read_reference) {
        None => None,
        Some(Some((of, Reference::Payment(n)))) if of == case.id && case.payment(n).is_some() => {
            Some(n)
        }
        Some(_) => return Err(Problem::invalid("payment", "no payment of this invoice")),
    };
    let arrived = |p: &&Payment| p.arrived() && payment.is_none_or(|n| n == p.n);
    if !case.payments.iter().any(|p| arrived(&p)) {
        let nothing = Money::zero(case.currency);
        let why = match payment {
            Some(_) => "this payment brought no money: there is nothing to refund",
            None => "nothing was paid on this invoice yet: there is nothing to refund",
        };
        return Err(Problem::new(Kind::NotRefundable, why).with("refundable", json!(nothing)));
    }
    let refundable = payment
        .and_then(|n| case.payment(n))
        .map(|payment| payment.refundable());
    let amount = wanted
        .amount
        .or(refundable)
        .unwrap_or_else(|| case.refundable());
    // With nothing left, the rules say so in their own words.
    let amount = Some(amount).filter(|amount| amount.minor != 0 || wanted.amount.is_some());
    Ok((
        case,
        NewRefund {
            request,
            amount,
            payment,
            needs_approval: false,
            approval_above: call.settings.policy.approval_above,
        },
    ))
}

/// How it would be taken and what would stay, by the very rules that would decide it.
fn previewed(call: &Call<'_>, case: &Case, new: NewRefund) -> Answered {
    let request = new.request.clone();
    let ctx = call.app.context(&call.settings, "preview");
    let after = match decide(Some(case), &Event::RefundRequested(new), &ctx) {
        Verdict::Change(decision) => decision.case,
        Verdict::Refused(why) => return Err(why.into()),
        _ => {
            return Err(Problem::new(
                Kind::Conflict,
                "it cannot be told just now: repeat",
            ));
        }
    };
    let shown = view(&after, &request).unwrap_or_default();
    let reserved = after.refunds().filter(|(_, r)| r.state.reserves());
    let going: i64 = reserved.map(|(_, r)| r.amount.minor).sum();
    let answer = json!({
        "invoice": case.id,
        "amount": shown["amount"],
        "parts": shown["parts"],
        "needs_approval": shown["state"] == json!(State::AwaitingApproval),
        "stays": Money::new(after.paid().minor - going, after.currency),
        "refundable_after": after.refundable(),
    });
    Ok(reply(200, &answer))
}

/// The refund's row and its case.
pub async fn known(call: &Call<'_>) -> Result<(Row, Case), Problem> {
    let missing = || Problem::missing("refund");
    let row = call
        .app
        .store
        .get(&pk(call.clinic(), &call.path[0]), "refund")
        .await?;
    let row = row.ok_or_else(missing)?;
    let case = invoices::known(call, row.get("case")).await?;
    Ok((row, case))
}

fn pk(clinic: &str, request: &str) -> String {
    format!("{clinic}#refund#{request}")
}

fn request_id(row: &EventRow) -> String {
    ids::derived(&["refund", &row.clinic, &row.vendor_event_id])
}

fn requested(case: &Case, row: &EventRow) -> String {
    view(case, &request_id(row)).unwrap_or_default().to_string()
}
