//! Tokens of OAuth 2 that a refresh token gets, which works once (RFC 6749, 6): used again within its
//! grace it gives the same answer, later none.

use super::oauth::is_known;
use super::object::Refusal;
use crate::wire::{Call, Reply, decode_pairs};
use crate::world::World;
use serde_json::{Value, json};

/// How a vendor's tokens are; times in milliseconds.
pub struct Refreshing {
    pub vendor: &'static str,
    /// Where they are asked for.
    pub path: &'static str,
    pub scope: &'static str,
    pub access: i64,
    pub grace: i64,
    pub refresh: i64,
}

const ACCESS: &str = "oauth.access";
const REFRESH: &str = "oauth.refresh";

impl Refreshing {
    /// Answers a call: one for a token itself, others where they carry one that holds.
    pub fn guard(
        &self,
        world: &mut World,
        call: &Call,
        answer: fn(&mut World, &Call) -> Result<Reply, Refusal>,
    ) -> Result<Reply, Refusal> {
        if call.path == self.path && call.method == "POST" {
            return Ok(self.token(world, call));
        }
        let name = format!("{} {}", self.vendor, call.bearer().unwrap_or_default());
        let item = world.item(ACCESS, &name).ok_or("nobody")?;
        match world.now < item.at + self.access {
            true => answer(world, call),
            false => Err("expired".into()),
        }
    }

    fn token(&self, world: &mut World, call: &Call) -> Reply {
        let refused = |status, error: &str| Reply::json(status, &json!({"error": error}));
        let form = decode_pairs(&call.body);
        let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let given = call
            .basic()
            .or(field("client_id").zip(field("client_secret")));
        let Some((client, _)) = given.filter(|given| is_known(world, self.vendor, given)) else {
            return refused(401, "invalid_client");
        };
        if call.content_type() != "application/x-www-form-urlencoded" {
            return refused(400, "invalid_request");
        }
        match field("grant_type").as_deref() {
            Some("refresh_token") => {}
            Some("client_credentials") => {
                return Reply::json(200, &self.grant(world, &client, None));
            }
            _ => return refused(400, "unsupported_grant_type"),
        }
        let Some(refresh) = field("refresh_token") else {
            return refused(400, "invalid_request");
        };
        let name = format!("{} {refresh}", self.vendor);
        // What a person was given at the connection: the first of its chain.
        if refresh.ends_with("-refresh-0") && world.item(REFRESH, &name).is_none() {
            world.put(REFRESH, &client, &name, json!({}));
        }
        let found = world
            .item(REFRESH, &name)
            .filter(|item| item.account == client);
        let Some(item) = found else {
            return refused(400, "invalid_grant");
        };
        let now = world.now;
        match item.body["used"].as_i64() {
            Some(used) if now <= used + self.grace => Reply::json(200, &item.body["answer"]),
            Some(_) => refused(400, "invalid_grant"),
            None if now > item.at + self.refresh => refused(400, "invalid_grant"),
            None => {
                let next = world.id("demo-refresh-", 40);
                let known = format!("{} {next}", self.vendor);
                world.put(REFRESH, &client, &known, json!({}));
                let answer = self.grant(world, &client, Some(&next));
                world.set(REFRESH, &name, json!({"used": now, "answer": answer}));
                Reply::json(200, &answer)
            }
        }
    }

    fn grant(&self, world: &mut World, client: &str, refresh: Option<&str>) -> Value {
        let access = world.id("at-", 40);
        world.put(
            ACCESS,
            client,
            &format!("{} {access}", self.vendor),
            json!({}),
        );
        let mut answer = json!({"access_token": access, "expires_in": self.access / 1000,
            "token_type": "Bearer", "scope": self.scope});
        if let Some(refresh) = refresh {
            answer["refresh_token"] = json!(refresh);
        }
        answer
    }
}
