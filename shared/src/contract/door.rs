//! Where webhooks come in, as a value: how a delivery shows who sent it, and what the vendor wants to
//! hear. It knows nothing of what a delivery says, so that intake carries no reader.

use super::vendor::Account;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// One door: its path is `/webhooks/{clinic}/{source}`.
pub struct Door {
    /// The last part of its path: `stripe`, `paypal-ipn`.
    pub source: &'static str,
    /// The id of the vendor whose `…/inbound` secret proves it.
    pub vendor: &'static str,
    /// Tried in order; the first that applies decides. There is deliberately no "none".
    pub proofs: &'static [Proof],
    /// Headers that travel on to reading, beside the content type. No signature covers them: they
    /// may name an event for people, and decide nothing.
    pub keeps: &'static [&'static str],
    /// The status that the vendor wants for a proof that does not hold.
    pub refused: u16,
    /// What the vendor wants to hear once its proof held.
    pub answer: fn(&Delivery, &Account) -> Answer,
    /// What it wants to hear on a GET, which proves nothing and has no effect; `None` answers 200
    /// to anyone, whoever is there.
    pub challenge: Option<fn(&Delivery, &Account) -> Answer>,
}

/// A status and a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Text, often empty.
    pub body: String,
}

impl Answer {
    /// An answer of this body.
    pub fn of(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self { status, body }
    }
}

/// 200 with nothing in it, as most vendors want it.
pub fn ok(_: &Delivery, _: &Account) -> Answer {
    Answer::of(200, "")
}

/// How a delivery shows that the vendor sent it.
pub enum Proof {
    /// A code under a shared secret.
    Hmac(Code),
    /// Each item of a batch carries a code of its own: those that hold are posted, the others are
    /// counted and dropped. `signed` tells one for each item, in their order.
    EachItem(Code),
    /// A digest over fields among which the secret itself stands: `signed` writes it there.
    Digest {
        algorithm: Algorithm,
        secret: &'static str,
        signed: fn(&Delivery, &Account) -> Option<Signed>,
    },
    /// User and password, as configured at the vendor. Covers no byte of the body.
    Basic {
        user: &'static str,
        pass: &'static str,
    },
    /// A detached JWS by RS256 over the body; `keys` names the field that holds the vendor's public
    /// keys as a JWK set.
    Jws {
        header: &'static str,
        keys: &'static str,
        signed: fn(&Delivery, &str) -> Vec<JwsPart>,
    },
    /// A signature by a certificate that the vendor serves from its own host.
    Certificate {
        header: &'static str,
        /// The certificate's host must be this or end in `.` and this.
        host: &'static str,
        /// How its path must begin; a name of letters, digits and dashes follows.
        path: &'static str,
        signed: fn(&Delivery, &Account) -> Option<CertificateSigned>,
    },
    /// Unsigned: posted back to the vendor, which says whether it sent it. Done in posting.
    Postback,
    /// Unsigned: the body is only a hint, and the object is fetched from the vendor. Done in posting.
    FetchBack,
}

/// A code and how it is checked.
pub struct Code {
    /// Where it is carried.
    pub given: Given,
    /// The field that holds the key.
    pub secret: &'static str,
    /// How the key is spelled there.
    pub key: KeyBytes,
    /// The keyed hash.
    pub algorithm: Algorithm,
    /// Each way to read it that the vendor allows; one that holds is enough.
    pub signed: fn(&Delivery, &str) -> Vec<Signed>,
    /// Seconds that the signed time may be off; `None` where the vendor gives no window.
    pub tolerance: Option<i64>,
}

/// Where a code is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The proof applies where this header is there; `signed` gets its value.
    Header(&'static str),
    /// It stands in the body, and the proof always applies.
    Body,
}

/// A hash; in a keyed code even old ones are sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5, which a digest of Opayo's still uses.
    Md5,
    /// SHA-1, which old vendors still use.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// What the key is, of the field's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyBytes {
    /// Its letters as they are, though they look like hex or base64.
    Text,
    /// The bytes that it spells in hex.
    Hex,
    /// The bytes that it spells in base64.
    Base64,
    /// The vendor does not say: either may hold.
    TextOrHex,
    /// Its SHA-1, as bytes.
    Sha1,
}

/// The codes that a delivery carries, the bytes they cover, and when they were made (epoch seconds).
pub struct Signed {
    /// Several while a secret is rotated: one that fits is enough.
    pub codes: Vec<Vec<u8>>,
    /// The exact bytes, which may be more than the body.
    pub message: Vec<u8>,
    /// Epoch seconds; `None` where the vendor signs no time.
    pub at: Option<i64>,
}

/// One signature of a detached JWS.
pub struct JwsPart {
    /// Its protected header as it stands, in base64url.
    pub protected: String,
    /// The bytes, decoded.
    pub signature: Vec<u8>,
}

/// A signature of RSA with SHA-256, and where the certificate lies that proves it.
pub struct CertificateSigned {
    /// As the delivery names it: not trusted before its host and path were checked.
    pub certificate_url: String,
    /// The bytes, decoded.
    pub signature: Vec<u8>,
    /// The exact bytes that it covers.
    pub message: Vec<u8>,
    /// The certificate must be for one of these names.
    pub names: &'static [&'static str],
    /// The roots (PEM) to which its chain may lead, and that of the host where it lies.
    pub roots: &'static [u8],
}

/// A delivery as it came in.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// In capitals: `POST`.
    pub method: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The exact bytes: proofs cover them.
    pub body: Vec<u8>,
    /// The address that the vendor was told, with query.
    pub url: String,
    /// Epoch seconds.
    pub received_at: i64,
}

impl Delivery {
    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// A field of the address's query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once('?')?;
        let mut fields = form_urlencoded::parse(query.as_bytes());
        let found = fields.find(|(n, _)| n == name);
        found.map(|(_, value)| value.into())
    }
}

/// The whole body under codes in hex, with or without a name before each (`sha512=…`), several
/// parted by commas.
pub fn body_in_hex(delivery: &Delivery, header: &str) -> Vec<Signed> {
    let code = |part: &str| from_hex(part.rsplit_once(['=', '/']).map_or(part, |(_, code)| code));
    whole_body(delivery, header.split(',').filter_map(code).collect())
}

/// The whole body under a code in base64.
pub fn body_in_base64(delivery: &Delivery, header: &str) -> Vec<Signed> {
    whole_body(delivery, from_base64(header).into_iter().collect())
}

fn whole_body(delivery: &Delivery, codes: Vec<Vec<u8>>) -> Vec<Signed> {
    match codes.is_empty() {
        true => vec![],
        false => vec![Signed {
            codes,
            message: delivery.body.clone(),
            at: None,
        }],
    }
}

/// The bytes behind hex in whatever case; `None` where it is none.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.trim()).ok()
}

/// The bytes behind standard base64; `None` where it is none.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.trim()).ok()
}
