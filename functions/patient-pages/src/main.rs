//! What patients see: `/receipts`, `/invoices`, `/pay`.

use meridian::flows::App;
use meridian::flows::pages;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await?;
    lambda::serve(async |request| pages::show(app, &request).await).await
}
