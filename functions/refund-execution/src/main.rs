//! Sends one refund to one gateway.

use meridian::flows::App;
use meridian::flows::calls;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await?;
    lambda::each_row(app.config.vendor_timeout, async |row| {
        calls::refund(app, &row).await
    })
    .await
}
