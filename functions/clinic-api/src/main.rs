//! What clinic systems call: `/v1`.

use meridian::aws::Aws;
use meridian::flows::House;
use meridian::{api, lambda};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::logs();
    let aws = Aws::from_environment(Duration::from_secs(5));
    let house = House::new(&aws);
    tokio::join!(aws.warm("dynamodb"), aws.warm("sqs"));
    let house = &house;
    lambda::serve(async |request| api::answer(house, request).await).await
}
