//! Proves the sender of a webhook and queues it: `/webhooks/{clinic}/{source}`.

use meridian::aws::Aws;
use meridian::flows::intake::{Incoming, Intake};
use meridian::lambda::{self, HttpRequest, HttpResponse};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::logs();
    let aws = Aws::from_environment(Duration::from_millis(800));
    let intake = Intake::new(&aws);
    // While Lambda still gives a whole processor; the first webhook then pays for no handshake.
    tokio::join!(aws.warm("sqs"), aws.warm("secretsmanager"));
    let intake = &intake;
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
