//! What patients see: `/receipts`, `/invoices`, `/pay`.

use meridian::flows::House;
use meridian::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = &House::start().await;
    lambda::serve(async |request| house.show(&request).await).await
}
