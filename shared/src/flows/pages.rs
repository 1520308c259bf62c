//! What patients see: receipts and invoices behind a token, and where a gateway sends them back to.

use super::{App, Failure, receipts};
use crate::domain::case::{Case, Payment};
use crate::domain::receipt::Paper;
use crate::domain::settings::Settings;
use crate::io::lambda::{HttpRequest, HttpResponse};
use crate::pages::done::Visit;
use crate::pages::{self, HEADERS, Page, done, style};
use crate::records::receipt;
use crate::words::ids::{self, Reference};

/// Answers a patient's request. A HEAD, as message previews send it, has no effect.
pub async fn show(app: &App, request: &HttpRequest) -> HttpResponse {
    let method = request.method();
    if !matches!(method, "GET" | "HEAD") {
        let page = Page {
            status: 405,
            html: done::not_found(),
        };
        return response(page, HEADERS, method).header("allow", "GET, HEAD");
    }
    let path = &request.raw_path;
    if path == style::PATH {
        let page = Page {
            status: 200,
            html: style::CSS.into(),
        };
        return response(page, style::HEADERS, method);
    }
    let looked = request
        .query()
        .get("looked")
        .and_then(|text| text.parse().ok());
    let visit = Visit {
        stopped: path.starts_with("/pay/cancelled/"),
        looked: looked.unwrap_or(0),
    };
    let page = match page(app, path, visit, method == "HEAD").await {
        Ok(Some(html)) => Page { status: 200, html },
        Ok(None) => Page {
            status: 404,
            html: done::not_found(),
        },
        Err(why) => {
            tracing::error!(%why, "a page failed");
            let text = "This page cannot be shown just now. Please try again in a minute.\n";
            let page = Page {
                status: 503,
                html: text.into(),
            };
            return response(page, HEADERS, method)
                .header("content-type", "text/plain; charset=utf-8")
                .header("retry-after", "5");
        }
    };
    response(page, HEADERS, method)
}

/// The page at a path; `None` where there is none. Only the token is judged for a HEAD.
async fn page(app: &App, path: &str, visit: Visit, head: bool) -> Result<Option<String>, Failure> {
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (kind, token) = match (parts.next(), parts.next()) {
        (Some("pay"), Some("done")) => return Ok(Some(done::back())),
        (Some("pay"), Some(rest)) => match rest.split_once('/') {
            Some(("done" | "cancelled", token)) => ("done", token),
            _ => return Ok(None),
        },
        (Some("receipts"), Some(token)) => ("receipt", token),
        (Some("invoices"), Some(token)) => ("invoice", token),
        _ => return Ok(None),
    };
    let key = app.key_of("addresses", token).await?;
    let Some((clinic, id)) = key.read_token(kind, token) else {
        return Ok(None);
    };
    if head {
        return Ok(Some(String::new()));
    }
    let Some(settings) = app.settings(clinic).await? else {
        return Ok(None);
    };
    if kind == "receipt" {
        return receipts::receipt_page(app, &settings, id).await;
    }
    if kind == "done" {
        return back(app, &settings, id, visit).await;
    }
    let Some(case) = app.case(clinic, id).await? else {
        return Ok(None);
    };
    let owner = case.patient.clone().unwrap_or_default();
    let Some((key, patient)) = receipts::reader(app, &settings, &owner).await? else {
        return Ok(Some(pages::receipt::erased(&settings)));
    };
    let descriptions = receipts::descriptions(app, &case, &key).await?;
    let name = patient
        .map(|patient| patient.person.name)
        .unwrap_or_default();
    let receipts = papers_of(app, &case).await?;
    let open = case
        .payments
        .iter()
        .rev()
        .find_map(|payment| payment.open_page());
    let pay_at = open.map(|page| page.url.as_str());
    let page = pages::invoice::page(&settings, &case, &name, &descriptions, pay_at, &receipts);
    Ok(Some(page))
}

/// How a payment stands, for who comes back from its gateway's page.
async fn back(
    app: &App,
    settings: &Settings,
    reference: &str,
    visit: Visit,
) -> Result<Option<String>, Failure> {
    let Some((case, Reference::Payment(n))) = ids::read_reference(reference) else {
        return Ok(None);
    };
    let Some(case) = app.case(&settings.id, case).await? else {
        return Ok(None);
    };
    let Some(payment) = case.payment(n) else {
        return Ok(None);
    };
    let receipt = receipts::receipt_address(app, &settings.id, reference).await?;
    let page = done::of_payment(settings, &case, payment, &receipt, visit);
    Ok(Some(page))
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
    let body = if method == "HEAD" {
        String::new()
    } else {
        page.html
    };
    let empty = HttpResponse::new(page.status, "text/html; charset=utf-8", body);
    headers.iter().fold(empty, |response, (name, value)| {
        response.header(name, *value)
    })
}
