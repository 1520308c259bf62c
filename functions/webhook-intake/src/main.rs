//! Proves the sender of a webhook and queues it: `/webhooks/{clinic}/{source}`.

use lambda_runtime::Error;
use meridian::flows::intake::{Incoming, Intake};
use meridian::io::lambda::{self, HttpRequest, HttpResponse};

/// A webhook is two hundred small allocations, which glibc's takes a fifth of the instructions for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), Error> {
    // A task is woken from within the process; the future that blocks the thread is woken only
    // after a look at the kernel's events, three times for a webhook.
    tokio::task::spawn_local(serve()).await?
}

async fn serve() -> Result<(), Error> {
    let intake = &Intake::start().await?;
    lambda::serve(async |request| answer(intake, request).await).await
}

async fn answer(intake: &Intake, request: HttpRequest) -> HttpResponse {
    let plain = |status, body| HttpResponse::new(status, "text/plain; charset=utf-8", body);
    let mut parts = request.raw_path.trim_start_matches('/').split('/');
    let (Some("webhooks"), Some(clinic), Some(source), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return plain(404, "unknown clinic or source".into());
    };
    let Some(body) = request.body() else {
        return plain(400, "the body is not base64".into());
    };
    let incoming = Incoming {
        method: &request.request_context.http.method,
        clinic,
        source,
        path: &request.raw_path,
        query: &request.raw_query_string,
        headers: request.headers.into_iter().collect(),
        body,
    };
    let answer = intake.handle(incoming).await;
    plain(answer.status, answer.body)
}
