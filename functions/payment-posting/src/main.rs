//! Posts what was reported to the case that it is about, and asks the vendor where only it can
//! prove a webhook.

use meridian::aws::Aws;
use meridian::flows::House;
use meridian::lambda;
use meridian::queue::Received;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::logs();
    let aws = Aws::from_environment(Duration::from_secs(5));
    let house = House::new(&aws);
    tokio::join!(aws.warm("dynamodb"), aws.warm("sqs"));
    let house = &house;
    lambda::each_message(async |received: Received, times| {
        if times > lambda::LAST_CHANCE {
            return house.give_up(&received, "it failed again and again").await;
        }
        house.post(&received).await
    })
    .await
}
