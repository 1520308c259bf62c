//! A page that holds for minutes alone: what leads to it is asked for when the payer presses Pay. It
//! moves nothing, and nothing of it is kept.

use super::ask::{Ask, Target};
use super::{at_home, back};
use crate::contract::Trouble;
use crate::domain::case::{Case, OpensBy, Step};
use crate::domain::settings::Settings;
use crate::flows::talks::Line;
use crate::flows::{App, Failure, accounts};
use crate::io::clock;
use crate::vendors;
use crate::words::ids;

/// What leads the payer of this payment to the gateway's page.
pub async fn pressed(
    app: &App,
    settings: &Settings,
    case: &Case,
    n: u32,
) -> Result<OpensBy, Failure> {
    let payment = case.payment(n).ok_or("no such payment")?;
    let gateway = vendors::gateway(&payment.gateway).ok_or("an unknown gateway")?;
    let opening = gateway.checkout.yes().ok_or("it has no page")?;
    let press = opening.press.ok_or("its page is not opened by pressing")?;
    let target = Target {
        payment: n,
        refund: None,
    };
    let back = back(app, &settings.id, &ids::payment_reference(&case.id, n)).await?;
    let url = &app.config.public_url;
    let now = clock::now();
    let ask = Ask::of(case, target, Step::Checkout, settings, url, &back, now);
    let Some(Ask::Checkout(ask)) = ask else {
        return Err("a page without what it asks for".into());
    };
    let (clinic, vendor) = (&*settings.id, gateway.vendor);
    let failed = |trouble: Trouble| Failure::from(trouble.to_string());
    let account = accounts::account_of(app, clinic, vendor, &payment.gateway).await;
    let account = &account.map_err(failed)?;
    let line = Line {
        app,
        clinic,
        vendor,
        account,
    };
    let opens_by = line.converse(None, |talk| press(&ask, talk, account)).await;
    Ok(at_home(app, gateway, opens_by.map_err(failed)?))
}
