//! A vendor as all its faces share it: who it is, where it is, how we prove ourselves to it, and a
//! clinic's account there. Adapters fill these in as values.

use super::call::{Reply, Trouble};
use crate::words::ids;
use serde::Deserialize;
use serde_json::Value;
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
    /// Further hosts that a request may name, each with all below it: `api.intuit.com`. An address
    /// that a reply gave is refused unless its host is `host` or one of these, so that a credential
    /// goes nowhere else.
    pub further_hosts: &'static [&'static str],
    /// How each call proves who sends it.
    pub auth: Auth,
    /// Headers that every call carries: a pinned version, a tenant.
    pub headers: fn(&Account) -> Vec<(&'static str, String)>,
    /// What people configure in `meridian/{clinic}/gateway/{vendor}` or `…/system/{vendor}`.
    pub fields: &'static [Field],
    /// What intake reads from `…/inbound/{vendor}`.
    pub inbound: &'static [Field],
    /// Whether the body of a 4xx is this vendor's own error: anything else was said by something
    /// in between.
    pub own_error: fn(&Reply) -> bool,
}

impl Vendor {
    /// The field of this name that people configure.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// A reply in which the vendor itself says what became of the request. A redirect, a timeout on
    /// the way and a refusal that is not in the vendor's own words do not: it may have happened.
    pub fn said(&self, reply: Reply) -> Result<Reply, Trouble> {
        // A repeat is told by its id: whatever is answered, the adapter reads.
        let read = matches!(self.auth, Auth::StandardWebhook(_));
        let own = match reply.status {
            200..300 => true,
            _ if read => true,
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

/// Something that people configure of a vendor.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in the secret: `secret_key`.
    pub name: &'static str,
    /// As the person reads it who looks for it at the vendor: `Secret key`.
    pub label: &'static str,
    /// What may stand in it.
    pub kind: FieldKind,
    /// Whether nothing works without it.
    pub needed: bool,
}

/// What may stand in a field.
#[derive(Clone, Copy, Debug)]
pub enum FieldKind {
    /// What only the vendor and the clinic may know.
    Secret,
    /// An id, an account's code, an address of ours: no secret.
    Text,
    /// An address of the vendor's own, which begins with one of these. It is a secret too.
    Address(&'static [&'static str]),
    /// One of these: the value, and as people read it.
    Choice(&'static [(&'static str, &'static str)]),
    /// A secret of its own shape: why a value has it not.
    SecretThat(fn(&str) -> Option<String>),
    /// No secret, and of its own shape: why a value has it not.
    TextThat(fn(&str) -> Option<String>),
    /// Some of these, in the clinic's order, separated by commas: the value, and as people read it.
    Columns(&'static [(&'static str, &'static str)]),
    /// A secret that is pasted as a whole and may have several lines: why it has not its shape, said
    /// without a word of it.
    Document(fn(&str) -> Option<String>),
}

/// Which of the vendor's environments an account is of. One word for all vendors.
pub const ENVIRONMENT: Field = Field {
    name: "environment",
    label: "Environment",
    kind: FieldKind::Choice(&[("live", "Live"), ("sandbox", "Test")]),
    needed: false,
};

impl Field {
    /// A secret without which nothing works.
    pub const fn secret(name: &'static str, label: &'static str) -> Self {
        Self {
            name,
            label,
            kind: FieldKind::Secret,
            needed: true,
        }
    }

    /// What is no secret, and without which nothing works.
    pub const fn text(name: &'static str, label: &'static str) -> Self {
        Self {
            kind: FieldKind::Text,
            ..Self::secret(name, label)
        }
    }

    /// The same, checked when it is written: why a value cannot stand in it.
    pub const fn checked(self, misfit: fn(&str) -> Option<String>) -> Self {
        Self {
            kind: FieldKind::TextThat(misfit),
            ..self
        }
    }

    /// A secret that is pasted as a whole, without which nothing works.
    pub const fn document(
        name: &'static str,
        label: &'static str,
        misfit: fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            kind: FieldKind::Document(misfit),
            ..Self::secret(name, label)
        }
    }

    /// The same, needed only by some accounts.
    pub const fn optional(self) -> Self {
        Self {
            needed: false,
            ..self
        }
    }

    /// Why this value cannot stand in it.
    pub fn misfit(&self, value: &str) -> Option<String> {
        match self.kind {
            FieldKind::Secret | FieldKind::Text => None,
            FieldKind::SecretThat(misfit) | FieldKind::TextThat(misfit) => misfit(value),
            FieldKind::Address(begins) => {
                let rest = begins.iter().find_map(|begin| value.strip_prefix(begin));
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_');
                let goes_on = rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain));
                (!goes_on).then(|| format!("it must begin with {}", begins.join(" or ")))
            }
            FieldKind::Choice(choices) => {
                let known = value.is_empty()
                    || choices
                        .iter()
                        .any(|(known, _)| known.eq_ignore_ascii_case(value));
                (!known).then(|| format!("one of {}", names(choices)))
            }
            FieldKind::Columns(known) => {
                let chosen: Vec<_> = chosen(value).collect();
                let odd = |name: &&str| {
                    let times = chosen.iter().filter(|other| other == &name).count();
                    times > 1 || !known.iter().any(|(known, _)| known == name)
                };
                let fits = !chosen.iter().any(odd);
                (!fits).then(|| format!("each at most once, of {}", names(known)))
            }
            FieldKind::Document(misfit) => misfit(value),
        }
    }
}

/// What a field of [`FieldKind::Columns`] holds, in its order.
pub fn chosen(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

fn names(choices: &[(&str, &str)]) -> String {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Where a vendor's API is.
pub enum Host {
    /// The same for every account, with its scheme and without a path.
    One(&'static str),
    /// From the account: test keys at the test host, a region, a company's own name.
    From(fn(&Account) -> String),
    /// The whole address, path included, stands in the account's field of this name, as the clinic
    /// told it: reached only on the public internet. A request has an empty path.
    Told(&'static str),
    /// As the token call named it for this account; one of the vendor's further hosts.
    Granted,
}

/// How a request proves who sends it. Names point into the account's fields.
pub enum Auth {
    /// The secret of this name in the header `Authorization: Bearer`.
    Bearer(&'static str),
    /// User and password in the header `Authorization: Basic`.
    Basic { user: Credential, pass: Credential },
    /// Headers of the vendor's own: an API key, an app's id and its token.
    Headers(fn(&Account) -> Vec<(&'static str, String)>),
    /// The credential is a part of the JSON body. It is put there when the request goes out: the one
    /// that an intent keeps has an empty place for it.
    InBody(fn(&Account, &mut Value)),
    /// An access token got beforehand, cached and shared through a sealed row.
    OAuth(&'static OAuth),
    /// The address itself is the secret: `host` gives all of it, path included, and a request has
    /// an empty path.
    InAddress,
    /// Signed as a Standard Webhook by the key in the field of this name, and by the one that stood
    /// there before while that holds. Its id is the key under which the call is made.
    StandardWebhook(&'static str),
    /// It answers anyone.
    Open,
}

/// A part of a proof that need not be secret.
pub enum Credential {
    /// The account's field of this name.
    Secret(&'static str),
    /// The same for everybody.
    Fixed(&'static str),
}

impl Credential {
    /// What it is for this account.
    pub fn of<'a>(&self, account: &'a Account) -> &'a str {
        match self {
            Self::Secret(name) => account.secret(name),
            Self::Fixed(text) => text,
        }
    }
}

/// How an access token is got.
pub struct OAuth {
    /// Where tokens are given out.
    pub host: Host,
    /// Of the token call, from the first `/`.
    pub path: &'static str,
    /// What proves who asks.
    pub client: Client,
    /// By what right a token is asked for.
    pub grant: Grant,
    /// What the token call says beside: a scope.
    pub beside: &'static [(&'static str, &'static str)],
    /// Reads the answer to it; [`Granted::usual`] where it is as the standard has it.
    pub read: fn(&Reply) -> Result<Granted, Trouble>,
}

/// What a token call granted. It cannot be printed, as all of it is secret.
pub struct Granted {
    /// The access token.
    pub token: String,
    /// For so many seconds from now.
    pub seconds: i64,
    /// With which the next one is asked for; `None` where the one before it stays good.
    pub refresh: Option<String>,
    /// Where this account is called, for [`Host::Granted`].
    pub host: Option<String>,
}

impl Granted {
    /// As OAuth has it (RFC 6749, section 5.1): no host.
    pub fn usual(reply: &Reply) -> Result<Self, Trouble> {
        #[derive(Deserialize)]
        struct Usual {
            access_token: String,
            expires_in: i64,
            refresh_token: Option<String>,
        }
        let usual: Usual = reply.json()?;
        Ok(Self {
            token: usual.access_token,
            seconds: usual.expires_in,
            refresh: usual.refresh_token,
            host: None,
        })
    }
}

/// Where a token call carries the client's id and secret, by the names of both fields.
pub enum Client {
    /// Nowhere: what is granted for is proof enough, as a signed assertion is.
    Unnamed,
    /// In the header `Authorization: Basic`.
    Basic(&'static str, &'static str),
    /// As `client_id` and `client_secret` of its form.
    Form(&'static str, &'static str),
    /// As `client_id` and `client_secret` of a JSON document.
    Json(&'static str, &'static str),
}

/// The kinds of OAuth's token call that vendors here want.
#[derive(Clone, Copy)]
pub enum Grant {
    /// Client id and secret are enough, each time.
    ClientCredentials,
    /// A refresh token, got under one shared lock. Where the answer brings another, as most vendors'
    /// does each time, that one is kept in `…/oauth/{vendor}` before the access token is used.
    Refresh,
    /// A statement that the account signs (RFC 7523), made of its fields and of the time in epoch
    /// seconds. What is wrong with the fields is told in words that hold nothing of a key.
    Assertion(fn(&Account, i64) -> Result<Assertion, Trouble>),
}

impl Grant {
    /// Whether it lives on a refresh token, which a vendor forgets where nobody uses it.
    pub fn refreshes(&self) -> bool {
        matches!(self, Self::Refresh)
    }
}

/// What an account states about itself to be given a token. It cannot be printed, as it holds a key.
pub struct Assertion {
    /// Names the key to the vendor; empty where it knows but one.
    pub key_id: String,
    /// Who asks, for what, of whom, and until when.
    pub claims: Value,
    /// The private RSA key that signs it by RS256, as PEM (PKCS#8 or PKCS#1).
    pub key: String,
}

/// A clinic's account at a vendor: its fields, all checked when it was loaded.
#[derive(Clone)]
pub struct Account {
    /// The name of the connection; empty where only one is spoken of.
    name: String,
    fields: BTreeMap<String, String>,
    /// What stood there before the last change, while that still holds.
    former: BTreeMap<String, String>,
}

impl Account {
    /// Errors name the first field that is missing, or what is wrong with one.
    pub fn load(declared: &[Field], mut fields: BTreeMap<String, String>) -> Result<Self, String> {
        // What was pasted by hand may have brought its line end along.
        for value in fields.values_mut() {
            let plain = value.trim();
            if plain.len() < value.len() {
                *value = plain.to_owned();
            }
        }
        for field in declared {
            let value = fields.get(field.name).map_or("", String::as_str);
            if value.is_empty() && field.needed {
                return Err(format!("{} is not configured", field.name));
            }
            // Written by hand, an address may lead anywhere.
            if let Some(why) = field.misfit(value).filter(|_| !value.is_empty()) {
                return Err(format!("{}: {why}", field.name));
            }
        }
        let (name, former) = (String::new(), BTreeMap::new());
        Ok(Self {
            name,
            fields,
            former,
        })
    }

    /// With what stood in its fields before the last change and still holds.
    pub fn after(mut self, former: BTreeMap<String, String>) -> Self {
        self.former = former;
        self
    }

    /// What a field holds, and what it held before where that still holds and was another.
    pub fn both(&self, name: &str) -> Vec<&str> {
        let former = self.former.get(name).map(|value| value.trim());
        let now = self.secret(name);
        let other = former.filter(|former| !former.is_empty() && *former != now);
        [now].into_iter().chain(other).collect()
    }

    /// As it is known by: `stripe`, `stripe@north`.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The name of its connection to this vendor.
    pub fn name<'a>(&'a self, vendor: &Vendor) -> &'a str {
        match &*self.name {
            "" => vendor.id,
            name => name,
        }
    }

    /// A declared field; empty for an optional one that is not configured.
    pub fn secret(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Tells one account from another, and nothing of its fields: a digest of all of them.
    pub fn digest(&self) -> String {
        let fields = self
            .fields
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value]);
        ids::derived(&fields.collect::<Vec<_>>())
    }

    /// Whether it is of the vendor's test environment, where [`ENVIRONMENT`] says so.
    pub fn is_test(&self) -> bool {
        self.secret(ENVIRONMENT.name) == "sandbox"
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Account({} fields)", self.fields.len())
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
