//! A clinic's account at a vendor: its secrets, and the access token where the vendor wants one.

use super::{App, Failure};
use crate::contract::{
    Account, Auth, Grant, Granted, KeyPlace, OAuth, Reply, Request, Trouble, Vendor,
};
use crate::domain::settings::Settings;
use crate::domain::task::Lane;
use crate::flows::connections;
use crate::io::assertion;
use crate::io::clock;
use crate::io::secrets::{self, Fields, Unavailable};
use crate::io::store::{Row, StoreError, Write, Written};
use crate::io::transport::{self, Access};
use crate::records::token::{self, AccessToken};
use crate::vendors;
use crate::words::{ids, time};
use std::time::Duration;

/// An access token is renewed this many seconds before it ends.
const MARGIN: i64 = 120;
/// A rotating connection that was quiet for so long is renewed: vendors forget one after 60 days.
const RENEWED_AFTER: i64 = 20 * 86_400;
/// A renewal that was refused is tried again after so long; a person hears of it at once.
const AFTER_REFUSAL: i64 = 86_400;
/// How long one function may hold the lock on a renewal, in seconds.
const LOCK: i64 = 30;

/// By what right a token is asked for that an account signs for.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The account of a connection of this name, or what is missing from its configuration.
pub async fn account_of(
    app: &App,
    clinic: &str,
    vendor: &Vendor,
    name: &str,
) -> Result<Account, Trouble> {
    let called = vendors::called(name);
    let secret = secrets::configured(clinic, name);
    let fields = app.secrets.current(&secret).await.map_err(unavailable)?;
    let missing = || Trouble::Credentials(format!("{called} is not configured"));
    let fields = (*fields.ok_or_else(missing)?).clone();
    let account = Account::load(vendor.fields, fields)
        .map_err(|why| Trouble::Credentials(format!("{called}: {why}")))?;
    let account = account.named(name);
    if !matches!(vendor.auth, Auth::StandardWebhook(_)) {
        return Ok(account);
    }
    let former = app.secrets.former(&secret).await.map_err(unavailable)?;
    Ok(account.after(former.map_or(Fields::new(), |former| (*former).clone())))
}

/// One call to a vendor, with its token where it needs one.
pub async fn call(
    app: &App,
    clinic: &str,
    vendor: &Vendor,
    account: &Account,
    request: &Request,
    key: Option<(KeyPlace, &str)>,
) -> Result<Reply, Trouble> {
    let Auth::OAuth(oauth) = &vendor.auth else {
        let sent = app.transport.send(vendor, account, request, None, key);
        return vendor.said(sent.await?);
    };
    let access = token(app, clinic, vendor, oauth, account, false).await?;
    let reply = app
        .transport
        .send(vendor, account, request, Some(of(&access)), key)
        .await?;
    if reply.status != 401 {
        return vendor.said(reply);
    }
    // The vendor took the token back early: one renewal, one more try.
    let access = token(app, clinic, vendor, oauth, account, true).await?;
    let access = Some(of(&access));
    let sent = app.transport.send(vendor, account, request, access, key);
    vendor.said(sent.await?)
}

fn of(access: &AccessToken) -> Access<'_> {
    Access {
        token: &access.token,
        host: access.host.as_deref(),
    }
}

async fn token(
    app: &App,
    clinic: &str,
    vendor: &Vendor,
    oauth: &OAuth,
    account: &Account,
    renew: bool,
) -> Result<AccessToken, Trouble> {
    let pk = token::pk(clinic, account.name(vendor));
    // One that was given to another account than is configured now is not ours to use.
    let asked_by = account.digest();
    let fresh = |token: &AccessToken| {
        token.account == asked_by && token.expires_at - MARGIN > clock::now().as_second()
    };
    let cached = tokens(app).get(&pk).cloned();
    if let Some(token) = cached.clone().filter(|token| fresh(token) && !renew) {
        return Ok(token);
    }
    let stale = cached.map(|token| token.token);
    let key = app.key("tokens").await.map_err(|why| unclear(&*why))?;
    for _ in 0..40 {
        let row = app
            .store
            .get(&pk, token::SK)
            .await
            .map_err(|why| unclear(&why))?;
        let kept = row.as_ref().and_then(token::sealed);
        let kept = kept.and_then(|sealed| key.open::<AccessToken>(&pk, sealed).ok());
        // Another function may have renewed it in the meantime.
        if let Some(token) =
            kept.filter(|t| fresh(t) && !(renew && stale.as_ref() == Some(&t.token)))
        {
            tokens(app).insert(pk, token.clone());
            return Ok(token);
        }
        let locked = row.as_ref().map_or(0, token::locked_until);
        if locked < clock::now().as_second()
            && let Some(version) = lock_token(app, &pk, row.as_ref()).await?
        {
            let granted = grant(app, clinic, vendor, oauth, account).await;
            let token = granted.as_ref().ok().cloned();
            let mut row = token::row(&pk, version + 1);
            if let Some(token) = &token {
                row = token::holding(row, key.seal(&pk, token));
            }
            // A connection that nobody uses must not be forgotten by the vendor.
            if oauth.grant.refreshes() {
                let wait = if token.is_some() {
                    RENEWED_AFTER
                } else {
                    AFTER_REFUSAL
                };
                let due = time::millis(time::after(clock::now(), wait));
                row = row.due(Lane::Tell, due);
            }
            // Should this write fail, the lock runs out by itself and the next one renews.
            let _ = app.store.transact(&[Write::Replace { row, version }]).await;
            if let Some(token) = token {
                tokens(app).insert(pk, token);
            }
            return granted;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    Err(Trouble::later(
        LOCK,
        "another function gets the access token",
    ))
}

/// Sees to it that a rotating connection is renewed before its vendor forgets it, though nobody
/// uses it; `at_once` where it was connected anew, which shows whether it works.
pub async fn keep_renewed(
    app: &App,
    clinic: &str,
    (vendor, name): (&Vendor, &str),
    at_once: bool,
) -> Result<(), StoreError> {
    if !rotates(vendor) {
        return Ok(());
    }
    let wait = if at_once { 0 } else { RENEWED_AFTER };
    let due = time::millis(time::after(clock::now(), wait));
    let pk = token::pk(clinic, name);
    let row = token::row(&pk, 1);
    let made = app
        .store
        .transact(&[Write::New(row.due(Lane::Tell, due))])
        .await?;
    if at_once && made != Written::Done {
        app.store.transact(&[token::due_anew(&pk, due)]).await?;
    }
    Ok(())
}

/// The same for every system that a clinic has switched on.
pub(super) async fn keep_all_renewed(app: &App, settings: &Settings) -> Result<(), StoreError> {
    for name in &settings.systems {
        if let Some(system) = vendors::system(name) {
            keep_renewed(app, &settings.id, (system.vendor, name), false).await?;
        }
    }
    Ok(())
}

/// Renews a connection before its vendor forgets it (`{clinic}#token#{vendor}`).
pub(super) async fn renew_token(app: &App, row: &Row) -> Result<(), Failure> {
    let Some((clinic, name)) = token::read_pk(row.pk()) else {
        return Ok(());
    };
    let Some(vendor) = vendors::of(name) else {
        return Ok(());
    };
    let Auth::OAuth(oauth) = &vendor.auth else {
        return Ok(());
    };
    // Also where it was put off since only because it was nudged.
    if !row.is_due(time::millis(clock::now())) {
        return Ok(());
    }
    let settings = app.settings_of(clinic).await?;
    let renewed = match account_of(app, clinic, vendor, name).await {
        Ok(account) => token(app, clinic, vendor, oauth, &account, true).await,
        Err(trouble) => Err(trouble),
    };
    match renewed {
        Ok(_) => connections::answers(app, clinic, name).await,
        Err(Trouble::Credentials(why)) => {
            connections::broken(app, &settings, name, &why).await?;
            put_off_token(app, row).await
        }
        Err(trouble) => Err(failure(trouble)),
    }
}

/// Tomorrow again, where the renewal itself did not set another time.
async fn put_off_token(app: &App, row: &Row) -> Result<(), Failure> {
    let later = Write::Postpone {
        key: row.key(),
        read: row.due_at(),
        due: time::millis(time::after(clock::now(), AFTER_REFUSAL)),
    };
    app.store.transact(&[later]).await?;
    Ok(())
}

/// Takes the lock on a renewal; `None` where another function was faster.
async fn lock_token(app: &App, pk: &str, row: Option<&Row>) -> Result<Option<u64>, Trouble> {
    let version = row.map_or(0, Row::version);
    let until = clock::now().as_second() + LOCK;
    let kept = row.cloned().unwrap_or_else(|| token::row(pk, version));
    let locked = token::locked(kept, version + 1, until, ids::random());
    let write = match row {
        None => Write::New(locked),
        Some(_) => Write::Replace {
            row: locked,
            version,
        },
    };
    let written = app
        .store
        .transact(&[write])
        .await
        .map_err(|why| unclear(&why))?;
    Ok((written == Written::Done).then_some(version + 1))
}

async fn grant(
    app: &App,
    clinic: &str,
    vendor: &Vendor,
    oauth: &OAuth,
    account: &Account,
) -> Result<AccessToken, Trouble> {
    let kept = secrets::oauth(clinic, account.name(vendor));
    let form = match oauth.grant {
        Grant::ClientCredentials => vec![("grant_type", "client_credentials".into())],
        Grant::Assertion(states) => {
            let stated = states(account, clock::now().as_second())?;
            let signed = assertion::signed(&stated)?;
            vec![("grant_type", JWT_BEARER.into()), ("assertion", signed)]
        }
        Grant::Refresh => {
            // Never from the cache: another function may have rotated it a second ago.
            let fields = app.secrets.latest(&kept).await.map_err(unavailable)?;
            let token = fields.and_then(|fields| fields.get("refresh_token").cloned());
            let missing = || Trouble::Credentials(format!("{} is not connected", vendor.name));
            vec![
                ("grant_type", "refresh_token".into()),
                ("refresh_token", token.ok_or_else(missing)?),
            ]
        }
    };
    let reply = app.transport.send_token(vendor, oauth, account, form).await;
    let granted = granted(reply, oauth.read)?;
    if let (Grant::Refresh, Some(token)) = (oauth.grant, granted.refresh) {
        // Kept before the access token is used: the old one works only for a grace period.
        let fields = Fields::from([("refresh_token".into(), token)]);
        app.secrets.put(&kept, &fields).await.map_err(unavailable)?;
    }
    // Our credentials would go there.
    if let Some(host) = &granted.host
        && !transport::is_further(vendor, host)
    {
        let why = format!("{} named a host that is not its own", vendor.name);
        return Err(Trouble::Credentials(why));
    }
    let expires_at = clock::now().as_second() + granted.seconds;
    Ok(AccessToken {
        token: granted.token,
        expires_at,
        host: granted.host,
        account: account.digest(),
    })
}

fn tokens(app: &App) -> std::sync::MutexGuard<'_, std::collections::HashMap<String, AccessToken>> {
    app.tokens
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn rotates(vendor: &Vendor) -> bool {
    matches!(&vendor.auth, Auth::OAuth(oauth) if oauth.grant.refreshes())
}

/// Whatever a token call is answered, the call that waits for the token was not sent.
pub fn granted(
    reply: Result<Reply, Trouble>,
    read: fn(&Reply) -> Result<Granted, Trouble>,
) -> Result<Granted, Trouble> {
    let later = |why: Trouble| {
        tracing::warn!(%why, "no access token");
        match why {
            Trouble::Later { .. } => why,
            _ => Trouble::later(LOCK, "no access token"),
        }
    };
    let reply = reply.map_err(later)?;
    match reply.status {
        400 | 401 | 403 => Err(Trouble::Credentials("the token call was refused".into())),
        _ => reply.ok().and_then(read).map_err(later),
    }
}

/// Our own side failed before anything was sent: nothing happened at the vendor.
fn unavailable(why: Unavailable) -> Trouble {
    tracing::warn!(%why, "a secret could not be read");
    Trouble::later(10, "our own side failed")
}

fn unclear(why: &(dyn std::error::Error + 'static)) -> Trouble {
    tracing::warn!(%why, "an access token could not be got");
    Trouble::later(10, "our own side failed")
}

impl From<StoreError> for Trouble {
    fn from(why: StoreError) -> Self {
        unclear(&why)
    }
}

/// A trouble as a failure of the function, for callers that just try again.
pub fn failure(trouble: Trouble) -> Failure {
    trouble.to_string().into()
}
