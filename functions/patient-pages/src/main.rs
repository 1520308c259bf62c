//! What patients see: `/receipts`, `/invoices`, `/pay`.

use meridian::flows::App;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await;
    lambda::serve(async |request| app.show(&request).await).await
}
