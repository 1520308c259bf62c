//! Invoices completed sessions: each nudge names appointments whose visit is due.

use meridian::flows::House;
use meridian::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = &House::start().await;
    lambda::each_row(async |row| house.visit(&row).await).await
}
