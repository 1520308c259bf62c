//! Posts what was reported to the case that it is about, and asks the vendor where only it can
//! prove a webhook.

use meridian::flows::App;
use meridian::flows::posting;
use meridian::io::lambda;
use meridian::io::queue::Received;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await?;
    lambda::each_message(
        app.config.vendor_timeout,
        async |received: Received| posting::post(app, &received).await,
        async |received: Received, fault, times| {
            posting::not_posted(app, &received, fault, times).await
        },
    )
    .await
}
