//! Invoices completed sessions: each nudge names appointments whose visit is due.

use meridian::flows::App;
use meridian::flows::invoicing;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await?;
    lambda::each_row(app.config.vendor_timeout, async |row| {
        invoicing::visit(app, &row).await
    })
    .await
}
