//! What may be read only with a key: personal data in rows, and tokens in addresses. Keys come from
//! one secret of the deployment; each patient's data has a key of its own, kept sealed in the
//! patient's row, so that erasing the row's key erases the data everywhere. What is sealed names its
//! key: after the secret was written anew, the former one still opens what it sealed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// A 256-bit key, derived for one purpose, and those that came before it, which only open.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; 32],
    former: Vec<Self>,
}

/// Letters of a key's name.
const NAME: usize = 8;
/// Letters of a token's code.
const CODE: usize = 32;

/// Sealed text could not be opened: another key, another place, or changed bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct CannotOpen;

impl Key {
    /// The key for one purpose, from the deployment's secret.
    pub fn derive(secret: &str, purpose: &str) -> Self {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes());
        let mac = mac
            .expect("any length is a key")
            .chain_update(purpose.as_bytes());
        Self::of(mac.finalize().into_bytes().into())
    }

    fn of(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            former: vec![],
        }
    }

    /// This key, with others that open what they sealed.
    pub fn after(mut self, former: Vec<Self>) -> Self {
        self.former = former;
        self
    }

    /// What tells this key from others, and opens nothing.
    fn name(&self) -> String {
        let digest = crate::words::ids::digest(&["the name of a key", &hex::encode(self.bytes)]);
        hex::encode(digest)[..NAME].to_owned()
    }

    /// This key or a former one, by name.
    fn named(&self, name: &str) -> Option<&Self> {
        let mut all = std::iter::once(self).chain(&self.former);
        all.find(|key| key.name() == name)
    }

    /// Whether a sealed text or a token names this key or a former one.
    pub fn knows(&self, text: &str) -> bool {
        let parts: Vec<_> = text.split('.').collect();
        let name = match parts.as_slice() {
            [name, _] => Some(*name),
            [_, _, code] => code.get(..NAME),
            _ => None,
        };
        name.is_some_and(|name| self.named(name).is_some())
    }

    /// A fresh key, to be sealed under another one.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        Self::of(bytes)
    }

    /// Seals a value to a place: moved to another row, it no longer opens.
    pub fn seal(&self, place: &str, value: &impl Serialize) -> String {
        let mut bytes = serde_json::to_vec(value).expect("plain data");
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let sealed = self.aead().seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut bytes,
        );
        sealed.expect("less than 64 GB");
        let text = BASE64_STANDARD.encode([nonce.as_slice(), &bytes].concat());
        format!("{}.{text}", self.name())
    }

    pub fn open<T: DeserializeOwned>(&self, place: &str, sealed: &str) -> Result<T, CannotOpen> {
        let (name, sealed) = sealed.split_once('.').ok_or(CannotOpen)?;
        let key = self.named(name).ok_or(CannotOpen)?;
        let mut bytes = BASE64_STANDARD.decode(sealed).map_err(|_| CannotOpen)?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
        let plain = key
            .aead()
            .open_in_place(nonce, Aad::from(place.as_bytes()), rest);
        serde_json::from_slice(plain.map_err(|_| CannotOpen)?).map_err(|_| CannotOpen)
    }

    /// This key sealed under another, as a patient's row keeps it.
    pub fn wrapped(&self, under: &Self, place: &str) -> String {
        under.seal(place, &hex::encode(self.bytes))
    }

    pub fn unwrap(wrapped: &str, under: &Self, place: &str) -> Result<Self, CannotOpen> {
        let text: String = under.open(place, wrapped)?;
        let bytes = hex::decode(text).map_err(|_| CannotOpen)?;
        bytes.try_into().map(Self::of).map_err(|_| CannotOpen)
    }

    /// The token of an object in an address: its id, the key's name and a 128-bit code. Computed
    /// when needed and stored nowhere.
    pub fn token(&self, kind: &str, clinic: &str, id: &str) -> String {
        let (name, code) = (self.name(), self.code(kind, clinic, id));
        format!("{clinic}.{id}.{name}{code}")
    }

    /// The clinic and the id that a token names, if its code holds.
    pub fn read_token<'t>(&self, kind: &str, token: &'t str) -> Option<(&'t str, &'t str)> {
        let mut parts = token.split('.');
        let (clinic, id, named) = (parts.next()?, parts.next()?, parts.next()?);
        let (name, given) = named.split_at_checked(NAME)?;
        let code = self.named(name)?.code(kind, clinic, id);
        let holds = subtle::ConstantTimeEq::ct_eq(code.as_bytes(), given.as_bytes());
        (parts.next().is_none() && bool::from(holds)).then_some((clinic, id))
    }

    /// The code of what cannot be named openly, by this key and then by each former one: what was
    /// kept under a code is found there after the key was written anew.
    pub fn codes(&self, kind: &str, clinic: &str, id: &str) -> Vec<String> {
        let mut codes: Vec<String> = vec![];
        for key in [self].into_iter().chain(&self.former) {
            let code = key.code(kind, clinic, id);
            // A former key may have come back.
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes
    }

    fn code(&self, kind: &str, clinic: &str, id: &str) -> String {
        let mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.bytes).expect("32 bytes are a key");
        let text = crate::words::ids::digest(&[kind, clinic, id]);
        hex::encode(mac.chain_update(text).finalize().into_bytes())[..CODE].to_owned()
    }

    fn aead(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.bytes).expect("32 bytes are a key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_text_opens_only_with_its_key_in_its_place() {
        let (key, other) = (Key::derive("secret", "a"), Key::derive("secret", "b"));
        let sealed = key.seal("row 1", &"Juniper");
        assert_eq!(key.open::<String>("row 1", &sealed), Ok("Juniper".into()));
        assert_eq!(key.open::<String>("row 2", &sealed), Err(CannotOpen));
        assert_eq!(other.open::<String>("row 1", &sealed), Err(CannotOpen));
        assert!(!sealed.contains("Juniper"));
        let mine = Key::random();
        let wrapped = mine.wrapped(&key, "patient");
        let again = Key::unwrap(&wrapped, &key, "patient").ok().unwrap();
        assert_eq!(again.open::<u8>("x", &mine.seal("x", &7)), Ok(7));
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let key = Key::derive("secret", "a");
        let all: std::collections::BTreeSet<_> =
            (0..100).map(|_| key.seal("row", &"Juniper")).collect();
        assert_eq!(all.len(), 100);
        // Under one key each text has a nonce of its own.
        let nonce = |sealed: &String| {
            let (_, text) = sealed.split_once('.').unwrap();
            BASE64_STANDARD.decode(text).unwrap()[..NONCE_LEN].to_vec()
        };
        let nonces: std::collections::BTreeSet<_> = all.iter().map(nonce).collect();
        assert_eq!(nonces.len(), 100);
        let (one, two) = (Key::random(), Key::random());
        assert_eq!(two.open::<u8>("x", &one.seal("x", &7)), Err(CannotOpen));
    }

    #[test]
    fn a_token_holds_only_for_its_kind_clinic_and_id() {
        let key = Key::derive("secret", "tokens");
        let token = key.token("receipt", "demo", "abc-p1");
        assert_eq!(key.read_token("receipt", &token), Some(("demo", "abc-p1")));
        assert_eq!(key.read_token("invoice", &token), None);
        assert_eq!(
            key.read_token("receipt", &token.replace("-p1", "-p2")),
            None
        );
        assert_eq!(
            key.read_token("receipt", &token.replace("demo", "other")),
            None
        );
        // Neither does another deployment's, nor one whose parts were moved.
        let other = Key::derive("other secret", "tokens");
        assert_eq!(other.read_token("receipt", &token), None);
        assert_ne!(
            key.token("receipt", "demo", "a-p1").rsplit('.').next(),
            key.token("receipt", "demo-a", "p1").rsplit('.').next()
        );
        assert_eq!(key.read_token("receipt", &format!("{token}.")), None);
        assert_eq!(key.read_token("receipt", "demo.abc-p1."), None);
        let name = token.rsplit('.').next().unwrap()[..NAME].to_owned();
        for short in [
            format!("demo.abc-p1.{name}"),
            token[..token.len() - 2].into(),
        ] {
            assert_eq!(key.read_token("receipt", &short), None, "{short}");
        }
    }

    #[test]
    fn a_former_key_opens_what_it_sealed_and_the_current_one_seals() {
        let (old, new) = (Key::derive("old", "a"), Key::derive("new", "a"));
        let third = Key::derive("third", "a");
        let both = new.clone().after(vec![old.clone()]);
        let before = old.seal("row", &"Juniper");
        assert_eq!(new.open::<String>("row", &before), Err(CannotOpen));
        assert_eq!(both.open::<String>("row", &before), Ok("Juniper".into()));
        let after = both.seal("row", &"Hazel");
        assert_eq!(old.open::<String>("row", &after), Err(CannotOpen));
        assert_eq!(new.open::<String>("row", &after), Ok("Hazel".into()));
        let token = old.token("receipt", "demo", "abc");
        assert_eq!(new.read_token("receipt", &token), None);
        assert_eq!(both.read_token("receipt", &token), Some(("demo", "abc")));
        for text in [&before, &token] {
            assert!(both.knows(text) && old.knows(text), "{text}");
            assert!(!new.knows(text) && !third.knows(text), "{text}");
        }
        // What names no key is nobody's.
        let name = old.name();
        for odd in [
            String::new(),
            name.clone(),
            format!("{name}x.text"),
            format!("demo.abc.{}", &name[..NAME - 1]),
            format!("demo.abc.{name}.more"),
        ] {
            assert!(!both.knows(&odd), "{odd}");
        }
        assert!(both.knows(&format!("{name}.")) && both.knows(&format!("demo.abc.{name}")));
        // A code is by the current key first, and by each former one once.
        let code = |key: &Key| key.codes("optout", "demo", "+61").remove(0);
        assert_eq!(
            both.codes("optout", "demo", "+61"),
            [code(&new), code(&old)]
        );
        let again = new
            .clone()
            .after(vec![old.clone(), new.clone(), old.clone()]);
        assert_eq!(
            again.codes("optout", "demo", "+61"),
            [code(&new), code(&old)]
        );
        assert_ne!(code(&new), new.codes("optout", "demo", "+62")[0]);
        // The name of a key does not make another key's code hold.
        let forged = token.replace(&old.name(), &new.name());
        assert_eq!(both.read_token("receipt", &forged), None);
        let mine = Key::random();
        let wrapped = mine.wrapped(&old, "patient");
        assert!(Key::unwrap(&wrapped, &both, "patient").is_ok());
    }
}
