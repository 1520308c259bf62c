//! What clinic systems call: `/v1`.

use meridian::api;
use meridian::flows::App;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await?;
    lambda::serve(async |request| api::answer(app, request).await).await
}
