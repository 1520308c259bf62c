//! What clinic systems call: `/v1`. One table routes a request, a key tells who sends it, and each
//! resource answers in a file of its own.

mod frame;
mod openapi;
mod resources;
mod routes;
mod views;

#[cfg(test)]
mod tests;

use crate::flows::{App, audit};
use crate::io::lambda::{HttpRequest, HttpResponse};
use frame::call::{self, Answered, Call, LONGEST_ID, Route, Serves};
use frame::caller;
use frame::problem::{Kind, Problem};

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
    let (route, path) = find(request.method(), &request.raw_path)?;
    match route.serves {
        Serves::Document => Ok(call::reply(200, &openapi::document())),
        Serves::Root(handle) => {
            let actor = caller::root(app, request).await?;
            handle(app, &actor, &call::body(route, request)?).await
        }
        Serves::Clinic(permission, handle) => {
            let (clinic, actor) = caller::of(app, request, route.path).await?;
            caller::need(&actor, permission)?;
            let settings = app.settings(&clinic).await?;
            let settings = settings.ok_or_else(caller::unknown)?;
            let query = call::query(route, request)?;
            let body = call::body(route, request)?;
            let call = Call {
                app,
                settings,
                actor,
                route,
                path,
                query,
                body,
                request,
                shown: Default::default(),
            };
            let answer = handle(&call).await?;
            // Nobody is shown of whom it is not written down who saw them.
            let shown = call.shown.take();
            audit::note_shown(app, &call.settings, &call.actor, &shown).await?;
            Ok(answer)
        }
    }
}

/// The route of a request, and the parameters of its path in order.
fn find(method: &str, path: &str) -> Result<(&'static Route, Vec<String>), Problem> {
    // What is longer than any id names nothing.
    let too_long = path.split('/').any(|part| part.len() > LONGEST_ID);
    let at_path = routes::all()
        .filter(|_| !too_long)
        .filter_map(|route| Some((route, matched(route.path, path)?)));
    let (mut allowed, mut known) = (vec![], false);
    for (route, parameters) in at_path {
        known = true;
        if route.method == method {
            return Ok((route, parameters));
        }
        allowed.push(route.method);
    }
    if known {
        let methods = allowed.join(", ");
        let why = format!("this takes {methods}");
        return Err(Problem::new(Kind::MethodNotAllowed, why).allowing(methods));
    }
    let path: String = path.chars().take(100).collect();
    let why = format!("{path} is no address of the API: see /v1/openapi.json");
    Err(Problem::new(Kind::NotFound, why))
}

fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut parameters = vec![];
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(name), Some(value)) if name.starts_with('{') && !value.is_empty() => {
                parameters.push(value.to_owned());
            }
            (Some(name), Some(value)) if name == value => {}
            _ => return None,
        }
    }
}
