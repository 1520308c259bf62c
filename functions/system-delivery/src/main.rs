//! Tells one system or one patient.

use meridian::flows::App;
use meridian::flows::deliveries;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await?;
    lambda::each_row(app.config.vendor_timeout, async |row| {
        deliveries::deliver(app, &row).await
    })
    .await
}
