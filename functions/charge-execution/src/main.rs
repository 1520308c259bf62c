//! Takes one payment one step further at one gateway.

use meridian::flows::App;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await;
    lambda::each_row(async |row| app.pay(&row).await).await
}
