//! Each minute: unknown outcomes, payments that nobody spoke of, events that wait for their case,
//! and every task whose nudge was lost.

use meridian::flows::App;
use meridian::flows::due;
use meridian::io::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = &App::start().await?;
    lambda::on_schedule(async || due::work_off_due(app).await).await
}
