//! Names that clinics write down, looked up so that none leads into a private network: whatever a
//! name stands for, only numbers of the public internet are let through, and a connection is made to
//! those alone.

use crate::words::address::is_public_host;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

type Found = std::io::Result<Vec<SocketAddr>>;

/// How a name is looked up.
type LookUp = fn(String) -> Pin<Box<dyn Future<Output = Found> + Send>>;

/// A resolver that tells of public hosts only.
pub struct PublicOnly(LookUp);

impl PublicOnly {
    /// Over the system's own.
    pub fn of_system() -> Self {
        Self(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        })
    }
}

/// A name leads to no public host.
#[derive(Debug)]
pub struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the name leads to no host of the public internet")
    }
}

impl std::error::Error for NotPublic {}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let mut found = found.await?;
            found.retain(|at| is_public_host(at.ip()));
            match found.is_empty() {
                true => Err(NotPublic.into()),
                false => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether a call was not made because its host is not public.
pub fn is_not_public(why: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(why);
    while let Some(this) = cause {
        if this.is::<NotPublic>() {
            return true;
        }
        cause = this.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::transport;
    use std::time::Duration;

    fn at(numbers: &[&str]) -> Found {
        let of = |ip: &&str| SocketAddr::new(ip.parse().expect("a number"), 0);
        Ok(numbers.iter().map(of).collect())
    }

    /// `both.example` is a public host and a private one, `inside.example` private ones alone.
    fn resolver() -> PublicOnly {
        PublicOnly(|name| {
            Box::pin(async move {
                match name.as_str() {
                    "both.example" => at(&["127.0.0.1", "93.184.216.34", "fd00:ec2::254"]),
                    "inside.example" => at(&["127.0.0.1", "::1", "::ffff:10.0.0.1"]),
                    _ => Err(std::io::Error::other("no such name")),
                }
            })
        })
    }

    #[tokio::test]
    async fn of_what_a_name_leads_to_only_public_hosts_are_told() {
        let told = async |name: &str| {
            let found = resolver().resolve(name.parse().expect("a name")).await;
            found.map(|found| found.map(|at| at.ip().to_string()).collect::<Vec<_>>())
        };
        let both = told("both.example").await.expect("a host");
        assert_eq!(both, ["93.184.216.34"]);
        let inside = told("inside.example").await.expect_err("none is public");
        assert!(inside.is::<NotPublic>(), "{inside}");
        let unknown = told("nobody.example").await.expect_err("there is none");
        assert!(!unknown.is::<NotPublic>(), "{unknown}");
    }

    #[tokio::test]
    async fn the_client_for_told_addresses_connects_to_nothing_inside() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let client = transport::client(Duration::from_secs(5), Some(resolver()));
        let told = async |name: &str| {
            let sent = client.post(format!("https://{name}:{port}/x")).send().await;
            sent.expect_err("it is not reached")
        };
        let why = told("inside.example").await;
        assert!(why.is_connect() && is_not_public(&why), "{why:?}");
        let why = told("nobody.example").await;
        assert!(why.is_connect() && !is_not_public(&why), "{why:?}");
        let reached = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(reached.is_err(), "somebody connected");
    }
}
