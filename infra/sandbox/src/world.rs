//! The vendors' memory: their objects, kept keys, work that is due later, and what was sent.
//!
//! Objects are JSON as the vendor shows them, beside notes that it does not show. Everything is
//! in one `World` behind one lock, so a call, a click and a due step never interleave.

use crate::kit::Object;
use crate::webhook::{Endpoint, News, Webhook};
use crate::wire::{Call, Reply};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone)]
pub struct Item {
    pub account: String,
    /// Meridian time of creation, epoch milliseconds.
    pub at: i64,
    /// Order of creation.
    pub order: u64,
    pub body: Value,
    /// What the vendor knows and does not show.
    pub notes: Value,
}

/// Work that happens by itself once stack time reaches it.
pub enum Later {
    /// A call that was answered as lost and acts only now, with its idempotency key.
    Act {
        call: Box<Call>,
        key: Option<String>,
    },
    /// A vendor's own step, such as a session's expiry.
    Step { vendor: &'static str, step: Value },
}

struct Kept {
    at: i64,
    fingerprint: String,
    reply: Option<Reply>,
    repeated: bool,
}

/// What a call under an idempotency key is.
pub enum Repeat {
    First,
    Same(Box<Reply>),
    OtherParameters,
    InFlight,
}

pub struct World {
    pub now: i64,
    /// Base of the sandbox's own addresses, `http://127.0.0.1:8702`.
    pub own: String,
    pub webhook_base: String,
    pub clinic: String,
    pub items: BTreeMap<(&'static str, String), Item>,
    /// What simulated gateways keep.
    pub shelf: BTreeMap<(&'static str, String), Object>,
    pub endpoints: Vec<Endpoint>,
    pub webhooks: Vec<Webhook>,
    pub later: BTreeMap<(i64, u64), Later>,
    pub calls: Vec<Value>,
    pub outbox: Vec<Value>,
    faults: Vec<(String, String)>,
    keys: BTreeMap<(&'static str, String, String), Kept>,
    late_keys: BTreeSet<String>,
    seed: [u8; 16],
    count: u64,
}

impl World {
    pub fn new(own: String, webhook_base: String, clinic: String, now: i64) -> World {
        let mut seed = [0; 16];
        // Ids must not repeat over restarts: Meridian's books outlive the sandbox's memory.
        getrandom::fill(&mut seed).expect("the system gives random bytes");
        World {
            now,
            own,
            webhook_base,
            clinic,
            items: BTreeMap::new(),
            shelf: BTreeMap::new(),
            endpoints: Vec::new(),
            webhooks: Vec::new(),
            later: BTreeMap::new(),
            calls: Vec::new(),
            outbox: Vec::new(),
            faults: Vec::new(),
            keys: BTreeMap::new(),
            late_keys: BTreeSet::new(),
            seed,
            count: 0,
        }
    }

    /// Everything forgotten but the addresses.
    pub fn clear(&mut self) {
        let (own, base, count) = (self.own.clone(), self.webhook_base.clone(), self.count);
        *self = World::new(own, base, self.clinic.clone(), self.now);
        // A webhook that is still on its way must not be taken for a new one.
        self.count = count;
    }

    // ---- ids ----

    pub fn order(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
    fn digest(&mut self) -> [u8; 32] {
        let count = self.order();
        Sha256::new()
            .chain_update(self.seed)
            .chain_update(count.to_be_bytes())
            .finalize()
            .into()
    }
    /// A fresh id over `alphabet`.
    pub fn id_over(&mut self, alphabet: &[u8], length: usize) -> String {
        let bytes = self.digest();
        bytes
            .iter()
            .take(length)
            .map(|b| alphabet[*b as usize % alphabet.len()] as char)
            .collect()
    }
    pub fn id(&mut self, prefix: &str, length: usize) -> String {
        let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        prefix.to_string() + &self.id_over(alphabet, length)
    }
    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let text = hex::encode(&self.digest()[..16]);
        let (a, b, c, d) = (&text[..8], &text[8..12], &text[13..16], &text[17..20]);
        format!("{a}-{b}-4{c}-a{d}-{}", &text[20..])
    }

    // ---- objects ----

    pub fn put(&mut self, kind: &'static str, account: &str, id: &str, body: Value) {
        self.put_noted(kind, account, id, body, json!({}));
    }
    pub fn put_noted(
        &mut self,
        kind: &'static str,
        who: &str,
        id: &str,
        body: Value,
        notes: Value,
    ) {
        let (at, order) = (self.now, self.order());
        let item = Item {
            account: who.to_string(),
            at,
            order,
            body,
            notes,
        };
        self.items.insert((kind, id.to_string()), item);
    }
    pub fn item(&self, kind: &'static str, id: &str) -> Option<&Item> {
        self.items.get(&(kind, id.to_string()))
    }
    pub fn item_mut(&mut self, kind: &'static str, id: &str) -> Option<&mut Item> {
        self.items.get_mut(&(kind, id.to_string()))
    }
    /// An object of this account.
    pub fn get(&self, kind: &'static str, account: &str, id: &str) -> Option<&Value> {
        self.item(kind, id)
            .filter(|item| item.account == account)
            .map(|item| &item.body)
    }
    /// An object known to exist, whosever it is.
    pub fn body(&self, kind: &'static str, id: &str) -> Value {
        self.item(kind, id)
            .map_or(Value::Null, |item| item.body.clone())
    }
    pub fn set(&mut self, kind: &'static str, id: &str, changes: Value) {
        if let (Some(item), Value::Object(changes)) = (self.item_mut(kind, id), changes) {
            for (name, value) in changes {
                item.body[name] = value;
            }
        }
    }
    pub fn account_of(&self, kind: &'static str, id: &str) -> Option<String> {
        self.item(kind, id).map(|item| item.account.clone())
    }
    /// All objects of a kind, newest first, whoever asks and however fresh.
    pub fn all(&self, kind: &'static str) -> Vec<&Item> {
        let range = self
            .items
            .range((kind, String::new())..)
            .take_while(|((k, _), _)| *k == kind);
        let mut items: Vec<_> = range.map(|(_, item)| item).collect();
        items.sort_by_key(|item| std::cmp::Reverse(item.order));
        items
    }
    /// What a list or a search shows this account: newest first, and under a `search_lag` fault
    /// not what is younger than the lag.
    pub fn list(&self, vendor: &str, kind: &'static str, account: &str) -> Vec<&Value> {
        let lag = self.fault_ms(vendor, "search_lag:").unwrap_or(0);
        let seen = |item: &&Item| item.account == account && item.at + lag <= self.now;
        self.all(kind)
            .into_iter()
            .filter(seen)
            .map(|item| &item.body)
            .collect()
    }

    // ---- idempotency keys ----

    /// Looks a key up. `conflict_in_flight` answers the first repeat as if the original still ran.
    pub fn repeat(
        &mut self,
        vendor: &'static str,
        account: &str,
        key: &str,
        fingerprint: &str,
        lifetime_ms: i64,
    ) -> Repeat {
        let conflict = self.has_fault(vendor, "conflict_in_flight");
        let place = (vendor, account.to_string(), key.to_string());
        if self.acting_late(vendor, key) {
            return Repeat::InFlight;
        }
        let Some(kept) = self
            .keys
            .get_mut(&place)
            .filter(|kept| self.now < kept.at + lifetime_ms)
        else {
            return Repeat::First;
        };
        if kept.fingerprint != fingerprint {
            return Repeat::OtherParameters;
        }
        if conflict && !kept.repeated {
            kept.repeated = true;
            return Repeat::InFlight;
        }
        match &kept.reply {
            Some(reply) => Repeat::Same(Box::new(reply.clone())),
            None => Repeat::First,
        }
    }

    pub fn keep(
        &mut self,
        vendor: &'static str,
        account: &str,
        key: &str,
        fingerprint: &str,
        reply: &Reply,
    ) {
        let place = (vendor, account.to_string(), key.to_string());
        let (at, fingerprint) = (self.now, fingerprint.to_string());
        let kept = Kept {
            at,
            fingerprint,
            reply: Some(reply.clone()),
            repeated: false,
        };
        self.keys.insert(place, kept);
    }

    fn acting_late(&self, vendor: &str, key: &str) -> bool {
        self.later.values().any(|later| match later {
            Later::Act { call, key: kept } => call.vendor == vendor && kept.as_deref() == Some(key),
            Later::Step { .. } => false,
        })
    }

    // ---- faults ----

    pub fn set_faults(&mut self, faults: Vec<(String, String)>) {
        self.faults = faults;
        self.late_keys.clear();
    }
    pub fn has_fault(&self, vendor: &str, action: &str) -> bool {
        self.faults.iter().any(|(v, a)| v == vendor && a == action)
    }
    pub fn fault_ms(&self, vendor: &str, prefix: &str) -> Option<i64> {
        let of_vendor = self.faults.iter().filter(|(v, _)| v == vendor);
        of_vendor
            .filter_map(|(_, action)| action.strip_prefix(prefix)?.parse().ok())
            .next()
    }

    /// Whether the call with this key acts late: once per key, and each time without one.
    pub fn turns_late(&mut self, vendor: &str, key: Option<&str>) -> bool {
        key.is_none_or(|key| self.late_keys.insert(format!("{vendor} {key}")))
    }

    // ---- work that is due later ----

    pub fn schedule(&mut self, at: i64, later: Later) {
        let order = self.order();
        self.later.insert((at, order), later);
    }
    pub fn step_at(&mut self, at: i64, vendor: &'static str, step: Value) {
        self.schedule(at, Later::Step { vendor, step });
    }

    // ---- webhooks ----

    /// Tells every endpoint of the account.
    pub fn notify(&mut self, news: &News) {
        let hears = |e: &&Endpoint| e.source == news.source && e.account == news.account;
        let endpoints: Vec<_> = self.endpoints.iter().filter(hears).cloned().collect();
        for endpoint in endpoints {
            self.queue(news, endpoint.url, endpoint.secret);
        }
    }

    /// Queues one webhook to one address, under the faults in force.
    pub fn queue(&mut self, news: &News, url: String, secret: String) {
        let late = self.fault_ms(news.vendor, "webhooks:late:").unwrap_or(0);
        let off = self.has_fault(news.vendor, "webhooks:off");
        let copies = 1 + usize::from(self.has_fault(news.vendor, "webhooks:duplicate"));
        for _ in 0..copies {
            let webhook = Webhook {
                id: self.order(),
                vendor: news.vendor,
                event: news.event.to_string(),
                url: url.clone(),
                content_type: news.content_type,
                body: news.body.clone(),
                secret: secret.clone(),
                sign: news.sign,
                due: (!off).then_some(self.now + late),
                sending: false,
                attempts: Vec::new(),
            };
            self.webhooks.push(webhook);
        }
    }

    /// Registers the demo clinic's endpoint for a source.
    pub fn demo_endpoint(&mut self, source: &str, account: &str, secret: &str) {
        let url = format!("{}/{}/{source}", self.webhook_base, self.clinic);
        let (source, account, secret) = (source.into(), account.into(), secret.into());
        self.endpoints.push(Endpoint {
            source,
            account,
            url,
            secret,
        });
    }
}
