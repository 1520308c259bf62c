//! What patients see: `/receipts`, `/invoices`, `/pay`.

use meridian::aws::Aws;
use meridian::flows::House;
use meridian::lambda;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::logs();
    let aws = Aws::from_environment(Duration::from_secs(5));
    let house = House::new(&aws);
    tokio::join!(aws.warm("dynamodb"), aws.warm("secretsmanager"));
    let house = &house;
    lambda::serve(async |request| house.show(&request).await).await
}
