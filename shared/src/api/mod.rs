//! What clinic systems call: `/v1`. One table routes a request, a key tells who sends it, and each
//! resource answers in a file of its own.

mod appointments;
mod audit;
mod call;
mod caller;
mod cards;
mod charges;
mod clinics;
mod deliveries;
mod disputes;
mod events;
mod found;
mod integrations;
mod invoices;
mod keys;
mod label;
mod lines;
mod once;
mod openapi;
mod patients;
mod payments;
mod problem;
mod read;
mod refunds;
mod routes;
mod settings;
mod story;
mod tasks;

#[cfg(test)]
mod tests;

use crate::flows::App;
use crate::io::lambda::{HttpRequest, HttpResponse};
use call::{Answered, Call};
use caller::Caller;
use routes::Serves;

/// Answers one request.
pub async fn answer(app: &App, request: HttpRequest) -> HttpResponse {
    let answered = served(app, &request).await;
    let response = answered.unwrap_or_else(|problem| {
        tracing::info!(
            event = "request_refused",
            method = request.method(),
            problem = problem.kind.name()
        );
        problem.response()
    });
    response
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff")
}

async fn served(app: &App, request: &HttpRequest) -> Answered {
    let (route, path) = routes::find(request.method(), &request.raw_path)?;
    match route.serves {
        Serves::Anyone(handle) => Ok(handle()),
        Serves::Root(handle) => {
            caller::root(app, request).await?;
            handle(app, &call::body(route, request)?).await
        }
        Serves::Clinic(permission, handle) => {
            let caller = Caller::of(app, request).await?;
            caller.need(permission)?;
            let settings = app.settings(&caller.clinic).await?;
            let settings = settings.ok_or_else(caller::unknown)?;
            let query = call::query(route, request)?;
            let body = call::body(route, request)?;
            handle(&Call {
                app,
                settings,
                caller,
                route,
                path,
                query,
                body,
                request,
            })
            .await
        }
    }
}
