//! A route and one call of it: who may call it and what it takes, and the request as far as every
//! route asks for the same.

use super::problem::{Kind, Problem};
use super::read::{self, Nothing};
use crate::domain::actor::{Actor, Permission};
use crate::domain::settings::Settings;
use crate::flows::App;
use crate::io::lambda::{HttpRequest, HttpResponse};
use crate::io::store::{List, Row, StoreError};
use crate::words::ids;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

/// A body above this many bytes is refused.
const LARGEST: usize = 1_000_000;
/// Rows of a page, where the call does not say, and at most.
const PAGE: i32 = 50;
const LONGEST_PAGE: i32 = 200;

/// No id of ours or of a vendor is longer, and no key of the table could be.
pub const LONGEST_ID: usize = 900;

/// A good answer, or what is told who is not granted it.
pub type Answered = Result<HttpResponse, Problem>;

/// An answer that is being made.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Answered> + 'a>>;

/// Who answers a call of a clinic's system.
pub type Handler = for<'a> fn(&'a Call<'a>) -> Answering<'a>;

/// Who answers the holder of the deployment's root key.
pub type RootHandler = for<'a> fn(&'a App, &'a Actor, &'a [u8]) -> Answering<'a>;

/// One method at one path: who may call it, what it takes and what it gives. The OpenAPI document
/// is drawn from it.
pub struct Route {
    /// HTTP's, in capitals.
    pub method: &'static str,
    /// With its parameters in braces: `/v1/invoices/{id}`.
    pub path: &'static str,
    /// What it does, in a sentence of the document.
    pub about: &'static str,
    /// Who may call, and what answers.
    pub serves: Serves,
    /// The names of its query's parameters; any other is refused.
    pub query: &'static [&'static str],
    /// Its body, if it has one.
    pub takes: Option<Takes>,
    /// Whether it needs an Idempotency-Key.
    pub once: bool,
    /// The status and the shape of a good answer.
    pub gives: (u16, Shape),
    /// Another good answer.
    pub also: Option<(u16, Shape)>,
    /// Whether its answer shows a person: who asked is written down before it is given.
    pub shows_person: bool,
}

/// Who may call, and what is done.
pub enum Serves {
    /// The OpenAPI document, to anyone.
    Document,
    /// The holder of the deployment's root key.
    Root(RootHandler),
    /// The holder of a clinic's key that has this permission.
    Clinic(Permission, Handler),
}

/// How a type is described: its schema, or a reference to it.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// A body: its schema, and the code that reads it.
pub struct Takes {
    /// As the document describes the body.
    pub shape: Shape,
    /// Whether bytes are such a body: the problem where they are not.
    pub reads: fn(&[u8]) -> Result<(), Problem>,
}

/// The parameters of a list that is read page by page.
pub const PAGING: &[&str] = &["before", "limit"];

type Text = &'static str;

impl Route {
    /// A route that reads and changes nothing. `about` is what the document says of it.
    pub const fn get(path: Text, needs: Permission, handler: Handler, about: Text) -> Self {
        Self::new("GET", path, Serves::Clinic(needs, handler), about)
    }

    /// A route that makes something, or does it; `once` makes repeats of it happen once.
    pub const fn post(path: Text, needs: Permission, handler: Handler, about: Text) -> Self {
        Self::new("POST", path, Serves::Clinic(needs, handler), about)
    }

    /// A route that writes all of something: the same again changes nothing.
    pub const fn put(path: Text, needs: Permission, handler: Handler, about: Text) -> Self {
        Self::new("PUT", path, Serves::Clinic(needs, handler), about)
    }

    /// A route that changes parts of something, as the version that was read.
    pub const fn patch(path: Text, needs: Permission, handler: Handler, about: Text) -> Self {
        Self::new("PATCH", path, Serves::Clinic(needs, handler), about)
    }

    /// A route that ends something; it takes no body.
    pub const fn delete(path: Text, needs: Permission, handler: Handler, about: Text) -> Self {
        Self::new("DELETE", path, Serves::Clinic(needs, handler), about)
    }

    /// What only the deployment's root key may do.
    pub const fn root(path: Text, handler: RootHandler, about: Text) -> Self {
        Self::new("POST", path, Serves::Root(handler), about)
    }

    /// Where the OpenAPI document is.
    pub const fn document(path: Text, about: Text) -> Self {
        Self::new("GET", path, Serves::Document, about)
    }

    const fn new(method: Text, path: Text, serves: Serves, about: Text) -> Self {
        Self {
            method,
            path,
            about,
            serves,
            query: &[],
            takes: None,
            once: false,
            gives: (200, shape::<Nothing>),
            also: None,
            shows_person: false,
        }
    }

    /// The parameters of its query.
    pub const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    /// Takes a body of this type; what does not read as one is refused before anything is done.
    pub const fn takes<T: DeserializeOwned + JsonSchema>(mut self) -> Self {
        self.takes = Some(Takes {
            shape: shape::<T>,
            reads: reads::<T>,
        });
        self
    }

    /// A good answer has this status and is of this type.
    pub const fn gives<T: JsonSchema>(mut self, status: u16) -> Self {
        self.gives = (status, shape::<T>);
        self
    }

    /// Another good answer.
    pub const fn also<T: JsonSchema>(mut self, status: u16) -> Self {
        self.also = Some((status, shape::<T>));
        self
    }

    /// Its answer shows a person of whom the request did not tell: the handler says whom by
    /// [`Call::shows`].
    pub const fn shows_person(mut self) -> Self {
        self.shows_person = true;
        self
    }

    /// It happens once under an Idempotency-Key.
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn reads<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), Problem> {
    read::body::<T>(bytes).map(drop)
}

/// What a route is asked, by whom, in which clinic.
pub struct Call<'a> {
    /// What reaches the table, the queues and the secrets.
    pub app: &'a App,
    /// Those of the clinic whose key was sent.
    pub settings: Arc<Settings>,
    /// Who asks.
    pub actor: Actor,
    /// What was called.
    pub route: &'static Route,
    /// The parameters of the path, in order.
    pub path: Vec<String>,
    /// The parameters of the query, decoded, by name.
    pub query: BTreeMap<String, String>,
    /// The bytes as they were sent.
    pub body: Vec<u8>,
    /// Headers and address as they came.
    pub request: &'a HttpRequest,
    /// The patients whom the answer shows, by our ids.
    pub shown: RefCell<BTreeSet<String>>,
}

impl Call<'_> {
    /// The id of the clinic whose key was sent: nothing of another is reached.
    pub fn clinic(&self) -> &str {
        &self.settings.id
    }

    /// A parameter of the query, as it was sent; its name is one of the route's.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The body as this shape.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read::body(&self.body)
    }

    /// The answer shows this patient, by our id.
    pub fn shows(&self, patient: &str) {
        debug_assert!(
            self.route.shows_person,
            "{} shows a person",
            self.route.path
        );
        self.shown.borrow_mut().insert(patient.into());
    }

    /// A page of a list, newest first, and the cursor of the next one.
    pub async fn page(&self, list: &List) -> Result<(Vec<Row>, Option<String>), Problem> {
        let (before, limit) = (self.before()?, self.limit()?);
        let store = &self.app.store;
        let (rows, next) = store.list(list, before.as_deref(), limit).await?;
        Ok((rows, next.as_deref().map(cursor)))
    }

    /// A parameter of the query that is one of these, by its name; 422 where it is none of them.
    pub fn one_of<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        named: fn(T) -> &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.query(name) else {
            return Ok(None);
        };
        let known = all.iter().copied().find(|one| named(*one) == text);
        let names: Vec<_> = all.iter().copied().map(named).collect();
        let unknown = || Problem::invalid(name, format!("one of {}", names.join(", ")));
        known.map(Some).ok_or_else(unknown)
    }

    /// A parameter of the query that is a word of this type, as JSON spells it; 422 where it is none.
    pub fn word<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.query(name) else {
            return Ok(None);
        };
        let word = serde_json::from_value(Value::from(text));
        word.map(Some).map_err(|why| Problem::invalid(name, why))
    }

    /// A parameter of the query that is an id of ours; 422 where it cannot be one.
    pub fn id(&self, name: &str) -> Result<Option<&str>, Problem> {
        let id = self.query(name);
        match id.is_none_or(ids::is_id) {
            true => Ok(id),
            false => Err(Problem::invalid(name, "give an id as it was answered")),
        }
    }

    /// A parameter of the query that is a day; 422 where it is none.
    pub fn day(&self, name: &str) -> Result<Option<Date>, Problem> {
        let day = self.query(name).map(str::parse).transpose();
        day.map_err(|_| Problem::invalid(name, "such as 2026-01-31"))
    }

    /// How many rows a page holds: 50 where the call does not say; 422 outside of 1 to 200.
    pub fn limit(&self) -> Result<i32, Problem> {
        self.limit_up_to(LONGEST_PAGE)
    }

    /// As [`Self::limit`], where a page holds at most so many; 422 outside of 1 to that.
    pub fn limit_up_to(&self, most: i32) -> Result<i32, Problem> {
        let Some(text) = self.query("limit") else {
            return Ok(PAGE.min(most));
        };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| Problem::invalid("limit", format!("1 to {most}")))
    }

    /// Where a list goes on, from the `next` of the page before; 422 where it is none.
    pub fn before(&self) -> Result<Option<String>, Problem> {
        let before = self.query("before");
        before.map(|text| place_of("before", text)).transpose()
    }
}

/// Where a list goes on, of the `next` of a page in this field; 422 where it is none.
pub fn place_of(field: &str, next: &str) -> Result<String, Problem> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(next).ok();
    let read = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let read = read.filter(|read| !read.is_empty());
    read.ok_or_else(|| Problem::invalid(field, "give the `next` of a page"))
}

/// Where a list goes on, safe in an address.
pub fn cursor(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key)
}

/// An answer of this status and type, as JSON.
pub fn reply(status: u16, body: &impl Serialize) -> HttpResponse {
    text(status, written(body))
}

/// A type as JSON text. Nothing that is answered can fail to be written.
pub fn written(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("plain data")
}

/// An answer that is JSON already: what a request was answered before.
pub fn text(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(status, "application/json", body)
}

/// A good answer, read as what it is and changed: with what no row of a request may hold.
pub fn rewritten<T: DeserializeOwned + Serialize>(
    answer: &HttpResponse,
    change: impl FnOnce(&mut T),
) -> Answered {
    let read = serde_json::from_str(&answer.body);
    let mut body: T = read.map_err(|why| StoreError::Corrupt(format!("an answer: {why}")))?;
    change(&mut body);
    Ok(reply(answer.status_code, &body))
}

/// The parameters of the query. One that the route does not know is refused: a filter that is
/// misspelt must not be taken for none.
pub fn query(route: &Route, request: &HttpRequest) -> Result<BTreeMap<String, String>, Problem> {
    let query = request.query();
    if let Some((name, _)) = query.iter().find(|(_, value)| value.len() > LONGEST_ID) {
        return Err(Problem::invalid(
            name,
            format!("at most {LONGEST_ID} bytes"),
        ));
    }
    match query
        .keys()
        .find(|name| !route.query.contains(&name.as_str()))
    {
        None => Ok(query),
        Some(unknown) => {
            let known = match route.query {
                [] => "this takes no parameters".into(),
                some => format!("this takes {}", some.join(", ")),
            };
            Err(Problem::invalid(
                unknown,
                format!("an unknown parameter; {known}"),
            ))
        }
    }
}

/// The bytes of the body: of the shape that the route takes, or refused before anything is done.
pub fn body(route: &Route, request: &HttpRequest) -> Result<Vec<u8>, Problem> {
    let unreadable = || Problem::new(Kind::Malformed, "the body is no base64");
    let body = request.body().ok_or_else(unreadable)?;
    if body.len() > LARGEST {
        return Err(Problem::new(
            Kind::TooLarge,
            "a body may have 1,000,000 bytes",
        ));
    }
    let Some(takes) = &route.takes else {
        return Ok(body);
    };
    let of_type = request.header("content-type").unwrap_or_default();
    let of_type = of_type.split(';').next().unwrap_or_default().trim();
    if !body.is_empty() && !of_type.eq_ignore_ascii_case("application/json") {
        let why = "send the body as application/json";
        return Err(Problem::new(Kind::UnsupportedType, why));
    }
    (takes.reads)(&body)?;
    Ok(body)
}
