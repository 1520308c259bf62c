//! Takes one payment one step further at one gateway.

use meridian::flows::House;
use meridian::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = &House::start().await;
    lambda::each_row(async |row| house.pay(&row).await).await
}
