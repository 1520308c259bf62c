//! The name of a connection: a vendor's id, `stripe`, and where a clinic has several accounts there
//! which of them it is, `stripe@north`. Payments, methods, webhooks' addresses and secrets bear it.

/// The vendor's id, and what tells the account apart, where the name can be one.
pub fn read(name: &str) -> Option<(&str, Option<&str>)> {
    match name.split_once('@') {
        None => Some((name, None)),
        Some((vendor, place)) => is_place(place).then_some((vendor, Some(place))),
    }
}

/// Whether accounts may be told apart by this: 1 to 20 small letters, digits and dashes.
fn is_place(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=20).contains(&text.len()) && text.bytes().all(plain)
}

/// Another name at the same account: `paypal@north` where `paypal-ipn@north` is heard.
pub fn beside(id: &str, name: &str) -> String {
    match read(name) {
        Some((_, Some(place))) => format!("{id}@{place}"),
        _ => id.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_vendor_and_which_of_its_accounts() {
        for (name, wanted) in [
            ("stripe", Some(("stripe", None))),
            ("stripe@north", Some(("stripe", Some("north")))),
            ("stripe@no-2", Some(("stripe", Some("no-2")))),
            ("stripe@", None),
            ("stripe@North", None),
            ("stripe@a/b", None),
            ("stripe@a@b", None),
            ("stripe@aaaaaaaaaaaaaaaaaaaaa", None),
        ] {
            assert_eq!(read(name), wanted, "{name}");
        }
        assert_eq!(beside("paypal", "paypal-ipn@north"), "paypal@north");
        assert_eq!(beside("paypal", "paypal-ipn"), "paypal");
    }
}
