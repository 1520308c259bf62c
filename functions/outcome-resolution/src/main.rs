//! Each minute: unknown outcomes, payments that nobody spoke of, events that wait for their case,
//! and every task whose nudge was lost.

use meridian::aws::Aws;
use meridian::flows::House;
use meridian::lambda;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::logs();
    let aws = Aws::from_environment(Duration::from_secs(5));
    let house = House::new(&aws);
    tokio::join!(aws.warm("dynamodb"), aws.warm("sqs"));
    let house = &house;
    lambda::on_schedule(async || house.work_off_due().await).await
}
