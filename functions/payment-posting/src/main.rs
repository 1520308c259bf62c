//! Posts what was reported to the case that it is about, and asks the vendor where only it can
//! prove a webhook.

use meridian::flows::House;
use meridian::lambda;
use meridian::queue::Received;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = &House::start().await;
    lambda::each_message(async |received: Received, times| {
        if times > lambda::LAST_CHANCE {
            return house.give_up(&received, "it failed again and again").await;
        }
        house.post(&received).await
    })
    .await
}
