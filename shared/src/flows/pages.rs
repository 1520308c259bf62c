//! What patients see: receipts and invoices behind a token, and where a gateway sends them back to.

use super::{App, Failure, calls, receipts};
use crate::domain::case::{Case, OpensBy, Payment, Session};
use crate::domain::receipt::Paper;
use crate::domain::settings::Settings;
use crate::io::clock;
use crate::io::lambda::{HttpRequest, HttpResponse};
use crate::pages::done::{Visit, Ways};
use crate::pages::invoice::newest_open;
use crate::pages::{self, HEADERS, Page, done, style};
use crate::records::receipt;
use crate::words::ids::{self, Reference};

/// Answers a patient's request. A HEAD, as message previews send it, has no effect, and a GET none
/// but to show; the one POST leads on to a gateway's page.
pub async fn show(app: &App, request: &HttpRequest) -> HttpResponse {
    let (method, path) = (request.method(), &*request.raw_path);
    let allowed = match token_of(path) {
        Some(("pay", _)) => "GET, HEAD, POST",
        _ => "GET, HEAD",
    };
    if !allowed.split(", ").any(|known| known == method) {
        let page = Page::of(405, done::not_found());
        return response(page, HEADERS, method).header("allow", allowed);
    }
    if path == style::PATH {
        return response(Page::of(200, style::CSS.into()), style::HEADERS, method);
    }
    let looked = request
        .query()
        .get("looked")
        .and_then(|text| text.parse().ok());
    let visit = Visit {
        stopped: path.starts_with("/pay/cancelled/"),
        looked: looked.unwrap_or(0),
    };
    let page = match page(app, path, visit, method).await {
        Ok(Some(page)) => page,
        Ok(None) => Page::of(404, done::not_found()),
        Err(why) => {
            tracing::error!(%why, "a page failed");
            let text = "This page cannot be shown just now. Please try again in a minute.\n";
            return response(Page::of(503, text.into()), HEADERS, method)
                .header("content-type", "text/plain; charset=utf-8")
                .header("retry-after", "5");
        }
    };
    response(page, HEADERS, method)
}

/// What a path's token is for, and the token.
fn token_of(path: &str) -> Option<(&'static str, &str)> {
    let (kind, rest) = path.trim_start_matches('/').split_once('/')?;
    match (kind, rest.split_once('/')) {
        ("pay", Some(("done" | "cancelled", token))) => Some(("done", token)),
        ("pay", None) => Some(("pay", rest)),
        ("receipts", None) => Some(("receipt", rest)),
        ("invoices", None) => Some(("invoice", rest)),
        _ => None,
    }
}

/// The page at a path; `None` where there is none. Only the token is judged for a HEAD.
async fn page(app: &App, path: &str, visit: Visit, method: &str) -> Result<Option<Page>, Failure> {
    if path.trim_start_matches('/') == "pay/done" {
        return Ok(Some(Page::of(200, done::back())));
    }
    let Some((kind, token)) = token_of(path) else {
        return Ok(None);
    };
    let key = app.key_of("addresses", token).await?;
    let Some((clinic, id)) = key.read_token(kind, token) else {
        return Ok(None);
    };
    if method == "HEAD" {
        return Ok(Some(Page::of(200, String::new())));
    }
    let Some(settings) = app.settings(clinic).await? else {
        return Ok(None);
    };
    match kind {
        "receipt" => {
            let shown = receipts::receipt_page(app, &settings, id).await?;
            Ok(shown.map(|html| Page::of(200, html)))
        }
        "done" => of_payment(app, &settings, id, visit).await,
        "pay" => pay(app, &settings, id, method == "POST").await,
        _ => invoice(app, &settings, id).await,
    }
}

/// An invoice's page, from which it is paid where a page is open.
async fn invoice(app: &App, settings: &Settings, id: &str) -> Result<Option<Page>, Failure> {
    let Some(case) = app.case(&settings.id, id).await? else {
        return Ok(None);
    };
    let owner = case.patient.clone().unwrap_or_default();
    let Some((key, patient)) = receipts::reader(app, settings, &owner).await? else {
        let erased = pages::receipt::erased(settings);
        return Ok(Some(Page::of(200, erased)));
    };
    let descriptions = receipts::descriptions(app, &case, &key).await?;
    let name = patient
        .map(|patient| patient.person.name)
        .unwrap_or_default();
    let receipts = papers_of(app, &case).await?;
    let pay_at = way_to_pay(app, &case, None).await?;
    let (address, to) = pay_at.unzip();
    let address = address.as_deref();
    let html = pages::invoice::page(settings, &case, &name, &descriptions, address, &receipts);
    Ok(Some(leading(Page::of(200, html), to.flatten().as_deref())))
}

/// How a payment stands, for who comes back from its gateway's page.
async fn of_payment(
    app: &App,
    settings: &Settings,
    reference: &str,
    visit: Visit,
) -> Result<Option<Page>, Failure> {
    let Some((case, n)) = payment_of(app, settings, reference).await? else {
        return Ok(None);
    };
    let Some(payment) = case.payment(n) else {
        return Ok(None);
    };
    let receipt = receipts::receipt_address(app, &settings.id, reference).await?;
    let pay_at = way_to_pay(app, &case, Some(payment)).await?;
    let (address, to) = pay_at.unzip();
    let ways = Ways {
        receipt: &receipt,
        pay_at: address.as_deref().unwrap_or_default(),
    };
    let html = done::of_payment(settings, &case, payment, ways, visit);
    Ok(Some(leading(Page::of(200, html), to.flatten().as_deref())))
}

/// Where a message leads who is to pay; posted to, it leads on to the gateway. Where there is nothing
/// to pay on it says how the payment stands.
async fn pay(
    app: &App,
    settings: &Settings,
    reference: &str,
    posted: bool,
) -> Result<Option<Page>, Failure> {
    let Some((case, n)) = payment_of(app, settings, reference).await? else {
        return Ok(None);
    };
    let payment = case.payment(n).filter(|_| case.due().minor > 0);
    // A page that we open ourselves is over when its time is.
    let over = |open: &Session| {
        let until = open.expires_at.filter(|_| open.opens_by == OpensBy::Press);
        until.is_some_and(|until| until <= clock::now())
    };
    let open = payment.and_then(|payment| Some((payment, payment.open_page()?)));
    let Some((payment, open)) = open.filter(|(_, open)| !over(open)) else {
        return of_payment(app, settings, reference, Visit::default()).await;
    };
    if !posted {
        let address = pay_address(app, &settings.id, reference).await?;
        let html = pages::pay::page(settings, &case, payment, open, &address);
        return Ok(Some(leading(Page::of(200, html), open.opens_by.address())));
    }
    let pressed;
    let opens_by = match &open.opens_by {
        OpensBy::Press => {
            pressed = calls::pressed(app, settings, &case, payment.n).await?;
            &pressed
        }
        kept => kept,
    };
    Ok(Some(match opens_by {
        OpensBy::Press => return Err("what leads to a page is asked for twice".into()),
        OpensBy::Redirect(address) => Page {
            location: Some(address.clone()),
            ..Page::of(303, String::new())
        },
        OpensBy::PostForm { to, fields } => {
            let html = pages::pay::posted(settings, to, fields);
            let mut page = Page::of(200, html).leading_to(to);
            page.allows.script = Some(pages::pay::script());
            page
        }
    }))
}

/// The case of a payment's reference, and the payment's number.
async fn payment_of(
    app: &App,
    settings: &Settings,
    reference: &str,
) -> Result<Option<(Case, u32)>, Failure> {
    let Some((case, Reference::Payment(n))) = ids::read_reference(reference) else {
        return Ok(None);
    };
    let case = app.case(&settings.id, case).await?;
    Ok(case.map(|case| (case, n)))
}

/// Our address from which a payment is paid, this one where that is still possible, with the address
/// at the gateway to which it leads, as far as that is known.
async fn way_to_pay(
    app: &App,
    case: &Case,
    this: Option<&Payment>,
) -> Result<Option<(String, Option<String>)>, Failure> {
    let this = this.filter(|payment| payment.open_page().is_some());
    let Some(payment) = this.or(newest_open(case)) else {
        return Ok(None);
    };
    let reference = ids::payment_reference(&case.id, payment.n);
    let address = pay_address(app, &case.clinic, &reference).await?;
    let open = payment.open_page();
    let to = |open: &Session| open.opens_by.address().map(String::from);
    Ok(open.map(|open| (address, to(open))))
}

fn leading(page: Page, to: Option<&str>) -> Page {
    match to {
        Some(gateway) => page.leading_to(gateway),
        None => page,
    }
}

/// Where a payment (`{case}-p1`) is paid: our own address, whatever the gateway's.
pub async fn pay_address(app: &App, clinic: &str, payment: &str) -> Result<String, Failure> {
    let token = app.key("addresses").await?.token("pay", clinic, payment);
    Ok(format!("{}/pay/{token}", app.config.public_url))
}

/// Where a gateway sends the payer of this payment (`{case}-p1`) back to.
pub async fn done_address(app: &App, clinic: &str, payment: &str) -> Result<String, Failure> {
    let token = app.key("addresses").await?.token("done", clinic, payment);
    Ok(format!("{}/pay/done/{token}", app.config.public_url))
}

/// Where a gateway sends the payer of this payment who stops before the end.
pub async fn cancelled_address(app: &App, clinic: &str, payment: &str) -> Result<String, Failure> {
    let token = app.key("addresses").await?.token("done", clinic, payment);
    Ok(format!("{}/pay/cancelled/{token}", app.config.public_url))
}

/// The address of an invoice's page.
pub async fn invoice_address(app: &App, clinic: &str, case: &str) -> Result<String, Failure> {
    let token = app.key("addresses").await?.token("invoice", clinic, case);
    Ok(format!("{}/invoices/{token}", app.config.public_url))
}

/// The receipts that were issued for a case: their numbers and addresses.
pub async fn receipts_of(app: &App, case: &Case) -> Result<Vec<(String, String)>, Failure> {
    let papers = papers_of(app, case).await?.into_iter();
    let mut named: Vec<_> = papers.map(|paper| (paper.number, paper.address)).collect();
    named.reverse();
    Ok(named)
}

/// The receipts that were issued for a case, the newest first.
async fn papers_of(app: &App, case: &Case) -> Result<Vec<Paper>, Failure> {
    let of_payment = |payment: &Payment| {
        let base = ids::payment_reference(&case.id, payment.n);
        let refunds = payment
            .refunds
            .iter()
            .map(|refund| format!("{base}-{}", refund.key()));
        std::iter::once(base.clone())
            .chain(refunds)
            .collect::<Vec<_>>()
    };
    // Those of a case that began before it kept its receipts, then those that it kept.
    let derived = case.payments.iter().flat_map(of_payment);
    let mut ids: Vec<_> = derived.filter(|id| !case.receipts.contains(id)).collect();
    ids.extend(case.receipts.iter().cloned());
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let row = |id: &String| receipt::key(&case.clinic, id);
    let rows = app
        .store
        .get_all(&ids.iter().map(row).collect::<Vec<_>>())
        .await?;
    let mut issued = vec![];
    for id in ids.into_iter().rev() {
        let pk = receipt::pk(&case.clinic, &id);
        if let Some(row) = rows.iter().find(|row| row.pk() == pk) {
            let address = receipts::receipt_address(app, &case.clinic, &id).await?;
            let facts = receipt::facts(row)?;
            issued.push(Paper::of(case, &id, address, facts.issued_at));
        }
    }
    Ok(issued)
}

/// A page with the headers of its kind; the body only where it was asked for.
fn response(
    page: Page,
    headers: &'static [(&'static str, &'static str)],
    method: &str,
) -> HttpResponse {
    let policy = page.policy();
    let body = if method == "HEAD" {
        String::new()
    } else {
        page.html
    };
    let empty = HttpResponse::new(page.status, "text/html; charset=utf-8", body);
    let mut answer = headers.iter().fold(empty, |response, (name, value)| {
        response.header(name, *value)
    });
    if headers == HEADERS {
        answer = answer.header("content-security-policy", policy);
    }
    match page.location {
        Some(to) => answer.header("location", to),
        None => answer,
    }
}
