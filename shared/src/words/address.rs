//! Addresses of the internet that people write down, and numbers of hosts that names lead to.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What [`is_public`] asks for, for people.
pub const PUBLIC: &str =
    "an https address of the public internet, without user, port, query or fragment";

/// Whether it is an https address of a named host of the public internet, with nothing but a path
/// behind. Where the name leads, only a look-up tells: [`is_public_host`].
pub fn is_public(address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else {
        return false;
    };
    let named = match url.host() {
        Some(url::Host::Domain(name)) => {
            let local = ["local", "localhost", "internal", "home.arpa"];
            let below = |end: &&str| name == *end || name.ends_with(&format!(".{end}"));
            name.contains('.') && !local.iter().any(below)
        }
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) | None => false,
    };
    let plain = url.port().is_none() && url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    named && plain && bare && url.scheme() == "https"
}

/// Whether a host of this number is one of the public internet: nothing of a private network, of
/// this machine, of a cloud's own services, and nothing that stands for another number. What IANA's
/// registries of special-purpose addresses reserve is none.
pub fn is_public_host(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let within = |base: [u8; 4], bits: u32| {
        let mask = u32::MAX << (32 - bits);
        ip.to_bits() & mask == Ipv4Addr::from(base).to_bits() & mask
    };
    let reserved = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        // Multicast, and all that is above it.
        ([224, 0, 0, 0], 3),
    ];
    !reserved.iter().any(|(base, bits)| within(*base, *bits))
}

/// Only what is given out to hosts (2000::/3), and of that nothing that is reserved or in which an
/// IPv4 number is hidden.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let within = |base: u32, bits: u32| {
        let top = (ip.to_bits() >> 96) as u32;
        top >> (32 - bits) == base >> (32 - bits)
    };
    let given_out = within(0x2000_0000, 3);
    let reserved = [
        // Teredo and other protocols, documentation, 6to4, documentation.
        (0x2001_0000, 23),
        (0x2001_0db8, 32),
        (0x2002_0000, 16),
        (0x3fff_0000, 20),
    ];
    given_out && !reserved.iter().any(|(base, bits)| within(*base, *bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_host_over_https_with_a_path_alone_is_public() {
        for (address, public) in [
            ("https://hooks.example.org/meridian/v1", true),
            ("https://example.org", true),
            ("http://example.org", false),
            ("https://example.org:8443/x", false),
            ("https://user@example.org/x", false),
            ("https://example.org/x?token=1", false),
            ("https://example.org/x#1", false),
            ("https://localhost/x", false),
            ("https://db.internal/x", false),
            ("https://printer.local/x", false),
            ("https://host/x", false),
            ("https://93.184.216.34/x", false),
            ("https://2130706433/x", false),
            ("https://0x7f.1/x", false),
            ("https://[2606:4700::1111]/x", false),
            ("ftp://example.org/x", false),
            ("example.org", false),
            ("", false),
        ] {
            assert_eq!(is_public(address), public, "{address}");
        }
    }

    #[test]
    fn no_number_of_a_private_network_this_machine_or_a_clouds_services_is_public() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:93.184.216.34",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public_host(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public_host(ip.parse().unwrap()), "{ip}");
        }
    }
}
