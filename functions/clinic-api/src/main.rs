//! What clinic systems call: `/v1`.

use meridian::flows::House;
use meridian::{api, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let house = &House::start().await;
    lambda::serve(async |request| api::answer(house, request).await).await
}
