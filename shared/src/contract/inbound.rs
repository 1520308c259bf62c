//! A source of webhooks as a value: how a delivery is read, and what each item says.

use super::call::{Reply, Request, Trouble};
use super::door::{Delivery, Door};
use super::vendor::{Account, Vendor};
use crate::domain::fact::{Fact, Kind, is_vendor_id};
use crate::domain::visit_fact::VisitFact;
use crate::words::ids;
use crate::words::json::Unfit;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// One source of webhooks: what stands behind its door.
pub struct Inbound {
    /// Where they come in, and how they are proven.
    pub door: &'static Door,
    /// Whose secrets prove it, and who is asked.
    pub vendor: &'static Vendor,
    /// How the vendor is asked whether it sent a delivery, where its proof is a [`Proof::Postback`](super::door::Proof).
    pub postback: Option<Postback>,
    /// What a delivery says, one item for each event, in the order in which they are proven; an error
    /// where it is no delivery of this source at all.
    pub read: fn(&Verified) -> Result<Vec<Item>, Unreadable>,
}

/// How a vendor is asked whether it sent a delivery.
pub struct Postback {
    /// The delivery as it is sent back.
    pub ask: fn(&Delivery) -> Request,
    /// Whether the answer says so.
    pub verdict: fn(&Reply) -> Result<bool, Trouble>,
}

/// A delivery whose proof held, or whose reading is held back until posting has the proof.
pub struct Verified<'a> {
    /// As it came in.
    pub delivery: &'a Delivery,
    /// The clinic's secrets for this source.
    pub account: &'a Account,
    /// Whether the bytes are proven to be the vendor's; else they are hints to be fetched.
    pub trusted: bool,
}

impl Verified<'_> {
    /// The exact bytes that came.
    pub fn body(&self) -> &[u8] {
        &self.delivery.body
    }
}

/// One event of a delivery: its id at the vendor and what it says. A part that cannot be read does
/// not sink the others.
pub struct Item {
    /// The vendor's event id; `None` makes Meridian use a digest of the item.
    pub id: Option<String>,
    /// The vendor's name for it, for people.
    pub name: String,
    /// What it means, or why it cannot be read.
    pub notice: Result<Notice, Unreadable>,
}

/// What one event of a vendor means here.
#[derive(Debug, PartialEq, Eq)]
pub enum Notice {
    /// It says all that is needed.
    Fact(Box<Fact>),
    /// A visit stands so at a practice system.
    Visit(Box<VisitFact>),
    /// Something about this payment changed: fetch it.
    Hint { payment: String },
    /// A document of the books changed: its payments are asked for.
    Booked { document: String },
    /// A method that patients had kept is no longer chargeable.
    MethodGone {
        token: String,
        /// When, as the vendor says: of two notices the newer counts, whichever comes last.
        at: Option<Timestamp>,
    },
    /// A method that was not chargeable is again.
    MethodBack {
        token: String,
        at: Option<Timestamp>,
    },
    /// Known, and of no consequence to a case: only listed, under this kind.
    Ignored(Kind),
}

impl Item {
    /// The item with nothing in it under a name that cannot be one. Whatever a vendor's reader
    /// took for an id is held to the same rule here.
    pub fn checked(self) -> Self {
        let odd = |what: &str| Err(Unreadable(format!("{what} is no id")));
        let sound = self.id.as_deref().is_none_or(is_vendor_id);
        let notice = match self.notice {
            Ok(_) if !sound => odd("the event's"),
            Ok(Notice::Fact(fact)) => match fact.checked() {
                Ok(fact) => Ok(Notice::Fact(Box::new(fact))),
                Err(why) => Err(Unreadable(why)),
            },
            Ok(Notice::Visit(fact)) => match fact.checked() {
                Ok(fact) => Ok(Notice::Visit(Box::new(fact))),
                Err(why) => Err(Unreadable(why)),
            },
            Ok(Notice::Hint { payment }) if !is_vendor_id(&payment) => odd("the payment's"),
            Ok(Notice::Booked { document }) if !is_vendor_id(&document) => odd("the document's"),
            Ok(Notice::MethodGone { token, .. } | Notice::MethodBack { token, .. })
                if !is_vendor_id(&token) =>
            {
                odd("the method's")
            }
            other => other,
        };
        Self {
            // Kept under a digest instead.
            id: self.id.filter(|_| sound),
            name: match is_name(&self.name) {
                true => self.name,
                false => "event".into(),
            },
            notice,
        }
    }
}

/// What vendors call the types of their events.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b);
    (1..=100).contains(&name.len()) && name.bytes().all(plain)
}

/// Why a body or a part of it could not be read. Names the field, never what stood in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl From<Unfit> for Unreadable {
    fn from(why: Unfit) -> Self {
        Self(why.0)
    }
}

impl From<Trouble> for Unreadable {
    fn from(why: Trouble) -> Self {
        match why {
            Trouble::Unreadable(why) => Self(why),
            other => Self(other.to_string()),
        }
    }
}

/// What becomes of an event of a type that its reader does not know, the same at every vendor:
/// where the type's family speaks of money people look at it, any other is listed. Neither has an
/// effect.
pub fn unknown_type(name: &str, of_money: &[&str]) -> Result<Notice, Unreadable> {
    match of_money.iter().any(|family| name.starts_with(family)) {
        true => Err(Unreadable("an event about money of an unknown type".into())),
        false => Ok(Notice::Ignored(Kind::Other)),
    }
}

/// The id of an event whose vendor gives none: a digest of what makes it the same event again.
pub fn digest_id(parts: &[&str]) -> String {
    hex::encode(&ids::digest(parts)[..16])
}

/// SHA-256 of a body in hex, compared at both ends of the queue.
pub fn body_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_vendor_calls_an_event_is_a_short_plain_name() {
        let longest = "x".repeat(100);
        for name in ["x", "a.b_c-d:E7", longest.as_str()] {
            assert!(is_name(name), "{name}");
        }
        let longer = "x".repeat(101);
        for name in ["", " ", "a b", "a/b", "a#b", "é", "a\n", longer.as_str()] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn nothing_of_an_event_stands_under_a_name_that_cannot_be_an_id() {
        let token = |token: &str| token.to_owned();
        for (odd, sound) in [("", false), ("a b", false), ("x_1", true)] {
            for notice in [
                Notice::Hint {
                    payment: token(odd),
                },
                Notice::MethodGone {
                    token: token(odd),
                    at: None,
                },
                Notice::MethodBack {
                    token: token(odd),
                    at: None,
                },
            ] {
                let told = format!("{notice:?}");
                let item = Item {
                    id: Some("evt_1".into()),
                    name: "x".into(),
                    notice: Ok(notice),
                };
                let checked = item.checked();
                assert_eq!(checked.notice.is_ok(), sound, "{told}");
                assert_eq!(checked.id.as_deref(), Some("evt_1"), "{told}");
            }
            let item = Item {
                id: Some(odd.into()),
                name: odd.into(),
                notice: Ok(Notice::Ignored(Kind::Other)),
            };
            let checked = item.checked();
            assert_eq!(checked.notice.is_ok(), sound, "{odd:?}");
            assert_eq!(checked.id.is_some(), sound, "{odd:?}");
            assert_eq!(checked.name, if sound { odd } else { "event" });
        }
        // One without an id gets a digest; what could not be read stays so, under its id.
        let bare = |id: Option<&str>, notice| Item {
            id: id.map(String::from),
            name: "x".into(),
            notice,
        };
        assert!(
            bare(None, Ok(Notice::Ignored(Kind::Other)))
                .checked()
                .notice
                .is_ok()
        );
        let unread = bare(Some("evt_1"), Err(Unreadable("why".into()))).checked();
        assert_eq!(unread.notice, Err(Unreadable("why".into())));
    }
}
