//! A vendor as all its faces share it: who it is, where it is, how we prove ourselves to it, and a
//! clinic's account there. Adapters fill these in as values.

use super::call::{Reply, Trouble};
use std::collections::BTreeMap;
use std::fmt;

/// A vendor as all its adapters share it.
pub struct Vendor {
    /// Its folder name in the contracts, its path in `/webhooks/{clinic}/{source}`, its secret's name.
    pub id: &'static str,
    /// As people read it: `Stripe`.
    pub name: &'static str,
    /// The address of its reference.
    pub docs: &'static str,
    /// Where its API is.
    pub host: Host,
    /// How each call proves who sends it.
    pub auth: Auth,
    /// Headers that every call carries: a pinned version, a tenant.
    pub headers: fn(&Account) -> Vec<(&'static str, String)>,
    /// What people configure in `meridian/{clinic}/gateway/{vendor}` or `…/system/{vendor}`.
    pub secrets: &'static [&'static str],
    /// What intake reads from `…/inbound/{vendor}`.
    pub inbound_secrets: &'static [&'static str],
    /// Those of its secrets that are addresses, and how each must begin.
    pub addresses: &'static [(&'static str, &'static [&'static str])],
    /// Whether the body of a 4xx is this vendor's own error: anything else was said by something
    /// in between.
    pub own_error: fn(&Reply) -> bool,
}

impl Vendor {
    /// How this secret must begin, where it is an address and does not.
    pub fn misplaced(&self, field: &str, value: &str) -> Option<&'static [&'static str]> {
        let (_, begins) = self.addresses.iter().find(|(name, _)| *name == field)?;
        let rest = begins.iter().find_map(|begin| value.strip_prefix(begin));
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_');
        let goes_on = rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain));
        (!goes_on).then_some(*begins)
    }

    /// A reply in which the vendor itself says what became of the request. A redirect, a timeout on
    /// the way and a refusal that is not in the vendor's own words do not: it may have happened.
    pub fn said(&self, reply: Reply) -> Result<Reply, Trouble> {
        let own = match reply.status {
            200..300 => true,
            408 | 425 | 499 => false,
            // Too many requests: whoever says so lets nothing pass.
            429 if reply.header("retry-after").is_some() => true,
            400..500 => (self.own_error)(&reply),
            _ => false,
        };
        match own {
            true => Ok(reply),
            false => Err(Trouble::Unclear(format!("status {}", reply.status))),
        }
    }
}

/// Where a vendor's API is.
pub enum Host {
    /// The same for every account, with its scheme and without a path.
    One(&'static str),
    /// From the account: test keys at the test host, a region, a company's own name.
    From(fn(&Account) -> String),
}

/// How a request proves who sends it. Names point into the account's secrets.
pub enum Auth {
    /// The secret of this name in the header `Authorization: Bearer`.
    Bearer(&'static str),
    /// User and password in the header `Authorization: Basic`.
    Basic {
        user: Credential,
        pass: &'static str,
    },
    /// An access token got beforehand, cached and shared through a sealed row.
    OAuth(&'static OAuth),
    /// The address itself is the secret: `host` gives all of it, path included, and a request has
    /// an empty path.
    InAddress,
    /// It answers anyone.
    Open,
}

/// A part of a proof that need not be secret.
pub enum Credential {
    /// The account's secret of this name.
    Secret(&'static str),
    /// The same for everybody.
    Fixed(&'static str),
}

/// How an access token is got.
pub struct OAuth {
    /// Where tokens are given out.
    pub host: Host,
    /// Of the token call, from the first `/`.
    pub path: &'static str,
    /// Secrets that go into the Basic header of the token call.
    pub client: (&'static str, &'static str),
    /// By what right a token is asked for.
    pub grant: Grant,
}

/// The kinds of OAuth's token call that vendors here want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Client id and secret are enough, each time.
    ClientCredentials,
    /// The refresh token changes with each use: got under one shared lock, kept in `…/oauth/{vendor}`
    /// before the access token is used.
    RotatingRefresh,
}

/// A clinic's account at a vendor: its secrets, all fields checked when it was loaded.
#[derive(Clone)]
pub struct Account {
    fields: BTreeMap<String, String>,
}

impl Account {
    /// Errors name the first field that is missing.
    pub fn load(
        names: &[&'static str],
        mut fields: BTreeMap<String, String>,
    ) -> Result<Self, &'static str> {
        // What was pasted by hand may have brought its line end along.
        for value in fields.values_mut() {
            let plain = value.trim();
            if plain.len() < value.len() {
                *value = plain.to_owned();
            }
        }
        match names
            .iter()
            .find(|name| fields.get(**name).is_none_or(|v| v.is_empty()))
        {
            Some(missing) => Err(missing),
            None => Ok(Self { fields }),
        }
    }

    /// A declared secret; empty for an optional one that is not configured.
    pub fn secret(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Account({} secrets)", self.fields.len())
    }
}

/// A capability, or the reason there is none. Written out by every adapter, so the capability table
/// is read from the code and cannot disagree with it.
pub enum Offer<T> {
    /// The vendor can do it, in this way.
    Yes(T),
    /// It cannot, for this reason.
    No(&'static str),
}

impl<T> Offer<T> {
    /// What is offered, if anything.
    pub fn yes(&self) -> Option<&T> {
        match self {
            Self::Yes(offered) => Some(offered),
            Self::No(_) => None,
        }
    }

    /// The capability, or the vendor's lack of it as a trouble.
    pub fn get(&self) -> Result<&T, Trouble> {
        match self {
            Self::Yes(offered) => Ok(offered),
            Self::No(why) => Err(Trouble::Rejected(format!("not offered: {why}"))),
        }
    }
}
