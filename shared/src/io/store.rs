//! The table. Rows are maps of attributes; a commit is one transaction; a condition that failed is
//! an answer and no error.

use crate::domain::task::Lane;
use crate::io::aws::{Aws, told};
use crate::io::config::Config;
use crate::io::queue::RowKey;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue as Value, Delete, KeysAndAttributes, Put, TransactWriteItem, Update,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt;

/// A commit above this many items is refused (DynamoDB takes 100).
const MOST_ITEMS: usize = 80;
/// So many rows of a list are read at once, and a page that holds so many bytes ends there.
const TOGETHER: usize = 25;
const LARGEST_PAGE: usize = 1_000_000;
/// So many keys of the due index are read at once.
const PAGE: usize = 200;

pub struct Store {
    client: Client,
    table: String,
}

/// An index of lists. It holds no more than keys.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Index {
    name: &'static str,
    pk: &'static str,
    sk: &'static str,
}

const FIRST: Index = Index {
    name: "list",
    pk: "list_pk",
    sk: "list_sk",
};
const SECOND: Index = Index {
    name: "list2",
    pk: "list2_pk",
    sk: "list2_sk",
};

/// A list of rows, or the part of it between two places. A row is in at most one list of each
/// index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List {
    index: &'static Index,
    name: String,
    from: String,
    below: String,
}

impl List {
    /// A list of the first index.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            index: &FIRST,
            name: name.into(),
            from: String::new(),
            below: "~".into(),
        }
    }

    /// A list of the second index: what is in it may be in one of the first as well.
    pub fn second(name: impl Into<String>) -> Self {
        Self {
            index: &SECOND,
            ..Self::new(name)
        }
    }

    /// The part of it from one place on, up to (not including) another.
    pub fn between(self, from: impl Into<String>, below: impl Into<String>) -> Self {
        Self {
            from: from.into(),
            below: below.into(),
            ..self
        }
    }

    /// The place of a row in it.
    pub fn place<'a>(&self, row: &'a Row) -> &'a str {
        row.get(self.index.sk)
    }

    fn holds(&self, row: &Row) -> bool {
        row.get(self.index.pk) == self.name
    }
}

/// A row under construction, or as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(pub HashMap<String, Value>);

#[derive(Debug)]
pub enum StoreError {
    /// DynamoDB did not answer, or not in time: the caller tries again later.
    Unavailable(String),
    /// A row does not read as what it should be.
    Corrupt(String),
    /// The commit is larger than is sound.
    TooLarge(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "DynamoDB: {why}"),
            Self::Corrupt(why) => write!(f, "a row cannot be read: {why}"),
            Self::TooLarge(why) => write!(f, "too large: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// How a transaction ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    Done,
    /// The conditions of these items, by position, did not hold; nothing was written.
    Failed(Vec<usize>),
    /// Another transaction was at the same rows: read again.
    Conflict,
}

/// One write of a transaction.
#[derive(Clone, Debug)]
pub enum Write {
    /// Put, whatever was there.
    Put(Row),
    /// Put where nothing is.
    New(Row),
    /// Put where the row has this version.
    Replace {
        row: Row,
        version: u64,
    },
    /// Put where nothing is, or where the attribute has this value.
    NewOr {
        row: Row,
        attribute: &'static str,
        value: String,
    },
    /// Set another due time where it is still the one that was read, in epoch milliseconds: a row
    /// that is taken, and stays due for whoever holds it.
    Postpone {
        key: RowKey,
        read: i64,
        due: i64,
    },
    /// Set attributes of a row, which is made where there is none.
    Mark {
        key: RowKey,
        set: Row,
    },
    /// Set and remove attributes of a row that exists.
    Change {
        key: RowKey,
        set: Row,
        remove: Vec<&'static str>,
    },
    /// As [`Self::Change`], where the row knows of no later time in this attribute, which is set to
    /// it.
    Newer {
        key: RowKey,
        attribute: &'static str,
        at: i64,
        set: Row,
        remove: Vec<&'static str>,
    },
    Delete(RowKey),
    /// Add a text to a set, in a row that need not be there.
    Add {
        key: RowKey,
        attribute: &'static str,
        text: String,
    },
}

impl Row {
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self::default().text("pk", pk).text("sk", sk)
    }

    pub fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), Value::S(value.into()));
        self
    }

    pub fn number(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.into(), Value::N(value.to_string()));
        self
    }

    /// A value as JSON text.
    pub fn json(self, name: &str, value: &impl Serialize) -> Self {
        self.text(name, serde_json::to_string(value).expect("plain data"))
    }

    /// Puts the row into a lane of the due index.
    pub fn due(mut self, lane: Lane, millis: i64) -> Self {
        self.0.remove("taken_at");
        let hash = self
            .get("pk")
            .bytes()
            .fold(0_u64, |sum, b| sum * 31 % 997 + u64::from(b));
        self.text("due_pk", due_pk(lane, hash % lane.shards()))
            .number("due_at", millis)
    }

    /// Takes the row out of the due index.
    pub fn undue(mut self) -> Self {
        self.0.remove("due_pk");
        self.0.remove("due_at");
        self
    }

    /// Whether its time has come: it is past, or was put off only because its work was begun or
    /// nudged ([`Write::Postpone`]).
    pub fn is_due(&self, millis: i64) -> bool {
        self.has("due_at") && (self.has("taken_at") || self.int("due_at") <= millis)
    }

    /// Puts the row into a list, in place of another of the same index.
    pub fn listed(self, list: List, place: impl Into<String>) -> Self {
        self.text(list.index.pk, list.name)
            .text(list.index.sk, place)
    }

    /// Takes the row out of all lists.
    pub fn unlisted(mut self) -> Self {
        for name in [FIRST.pk, FIRST.sk, SECOND.pk, SECOND.sk] {
            self.0.remove(name);
        }
        self
    }

    /// A text attribute; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .get(name)
            .and_then(|value| value.as_s().ok())
            .map_or("", String::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn int(&self, name: &str) -> i64 {
        let text = self.0.get(name).and_then(|value| value.as_n().ok());
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        serde_json::from_str(self.get(name)).map_err(|why| {
            StoreError::Corrupt(format!(
                "{} {} {name}: {why}",
                self.get("pk"),
                self.get("sk")
            ))
        })
    }

    /// The bytes of its texts.
    fn size(&self) -> usize {
        let texts = self.0.values().filter_map(|value| value.as_s().ok());
        texts.map(String::len).sum()
    }

    pub fn key(&self) -> RowKey {
        RowKey {
            pk: self.pk().into(),
            sk: self.sk().into(),
        }
    }

    pub fn pk(&self) -> &str {
        self.get("pk")
    }

    pub fn sk(&self) -> &str {
        self.get("sk")
    }

    /// As it was read; 0 where it has none.
    pub fn version(&self) -> u64 {
        u64::try_from(self.int("version")).unwrap_or_default()
    }

    /// With the version that it is to have.
    pub fn versioned(self, version: u64) -> Self {
        self.number("version", version)
    }

    /// Whether it waits for a time.
    pub fn waits(&self) -> bool {
        self.has("due_at")
    }

    /// The time that it waits for, in epoch milliseconds.
    pub fn due_at(&self) -> i64 {
        self.int("due_at")
    }

    /// Its place in a list of the first index.
    pub fn place(&self) -> &str {
        self.get(FIRST.sk)
    }
}

impl Store {
    pub fn new(aws: &Aws, config: &Config) -> Self {
        Self {
            client: Client::new(&aws.config),
            table: config.table.clone(),
        }
    }

    /// One consistent read.
    pub async fn get(&self, pk: &str, sk: &str) -> Result<Option<Row>, StoreError> {
        let asked = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", Value::S(pk.into()))
            .key("sk", Value::S(sk.into()))
            .consistent_read(true);
        Box::pin(asked.send())
            .await
            .map(|found| found.item.map(Row))
            .map_err(unavailable)
    }

    /// Several rows in one consistent read; those that do not exist are left out.
    pub async fn get_all(&self, keys: &[RowKey]) -> Result<Vec<Row>, StoreError> {
        let mut rows = vec![];
        for some in keys.chunks(100) {
            let mut wanted = KeysAndAttributes::builder().consistent_read(true);
            for key in some {
                wanted = wanted.keys(key_of(key));
            }
            let mut wanted = Some(wanted.build().map_err(unavailable)?);
            while let Some(some) = wanted.take() {
                let asked = self
                    .client
                    .batch_get_item()
                    .request_items(&self.table, some);
                let found = Box::pin(asked.send()).await.map_err(unavailable)?;
                let of_table = found.responses.unwrap_or_default().remove(&self.table);
                rows.extend(of_table.unwrap_or_default().into_iter().map(Row));
                wanted = found
                    .unprocessed_keys
                    .and_then(|mut left| left.remove(&self.table));
            }
        }
        Ok(rows)
    }

    /// All rows under a key whose sort key begins so, in order, read consistently.
    pub async fn under(&self, pk: &str, prefix: &str) -> Result<Vec<Row>, StoreError> {
        let (mut rows, mut start) = (vec![], None);
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":pk", Value::S(pk.into()))
                .expression_attribute_values(":sk", Value::S(prefix.into()))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send();
            let page = Box::pin(page).await.map_err(unavailable)?;
            rows.extend(page.items.unwrap_or_default().into_iter().map(Row));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Keys of at most so many rows under a key, in order and read consistently, beyond (not
    /// including) a place; and whether there are more.
    pub async fn beyond(
        &self,
        pk: &str,
        place: Option<&str>,
        limit: i32,
    ) -> Result<(Vec<RowKey>, bool), StoreError> {
        let mut page = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", Value::S(pk.into()))
            .consistent_read(true)
            .limit(limit);
        if let Some(place) = place {
            page = page
                .key_condition_expression("pk = :pk AND sk > :place")
                .expression_attribute_values(":place", Value::S(place.into()));
        }
        let page = Box::pin(page.send()).await.map_err(unavailable)?;
        let more = page.last_evaluated_key.is_some();
        let rows = page.items.unwrap_or_default().into_iter();
        Ok((rows.map(|row| Row(row).key()).collect(), more))
    }

    /// A page of a list, newest first, from (not including) `before`, and where the next one
    /// begins. The rows are read as they are now, and one that left the list meanwhile is left out.
    /// A page ends at `limit` rows or once it holds 1 MB, so only that place tells whether there is
    /// more.
    pub async fn list(
        &self,
        list: &List,
        before: Option<&str>,
        limit: i32,
    ) -> Result<(Vec<Row>, Option<String>), StoreError> {
        let (found, mut next) = self.found(list, before, limit).await?;
        let (mut rows, mut read): (Vec<Row>, usize) = (vec![], 0);
        for some in found.chunks(TOGETHER) {
            let keys: Vec<_> = some.iter().map(Row::key).collect();
            rows.extend(self.get_all(&keys).await?);
            read += some.len();
            if read < found.len() && rows.iter().map(Row::size).sum::<usize>() > LARGEST_PAGE {
                next = some.last().map(|row| list.place(row).to_owned());
                break;
            }
        }
        rows.retain(|row| list.holds(row));
        rows.sort_by(|a, b| list.place(b).cmp(list.place(a)));
        Ok((rows, next))
    }

    /// A page of a part of a list, the oldest first, and where it goes on: behind `after`.
    pub async fn list_up(
        &self,
        list: &List,
        after: Option<&str>,
        limit: i32,
    ) -> Result<(Vec<Row>, Option<String>), StoreError> {
        let from = after.map_or(list.from.as_str(), |after| after.max(&list.from));
        let below = list.below.as_str();
        if from >= below {
            return Ok((vec![], None));
        }
        let between = "BETWEEN :from AND :below";
        let bounds = [(":from", from), (":below", below)];
        let (found, next) = self.places(list, between, &bounds, true, limit).await?;
        // Both ends are found as well.
        let inside = |row: &Row| {
            let place = list.place(row);
            Some(place) != after && place < list.below.as_str()
        };
        let found = found.into_iter().filter(inside);
        let keys: Vec<_> = found.map(|row| row.key()).collect();
        let mut rows = self.get_all(&keys).await?;
        rows.retain(|row| list.holds(row));
        rows.sort_by(|a, b| list.place(a).cmp(list.place(b)));
        Ok((rows, next))
    }

    /// The same of the keys alone.
    pub async fn list_keys(
        &self,
        list: &List,
        before: Option<&str>,
        limit: i32,
    ) -> Result<(Vec<RowKey>, Option<String>), StoreError> {
        let (found, next) = self.found(list, before, limit).await?;
        Ok((found.iter().map(Row::key).collect(), next))
    }

    /// What the index holds of a page of a list.
    async fn found(
        &self,
        list: &List,
        before: Option<&str>,
        limit: i32,
    ) -> Result<(Vec<Row>, Option<String>), StoreError> {
        let below = before.map_or(list.below.as_str(), |before| before.min(&list.below));
        let bounds = [(":below", below)];
        let (mut rows, next) = self.places(list, "< :below", &bounds, false, limit).await?;
        // What stands below the part ends it.
        let read = rows.len();
        rows.retain(|row| list.place(row) >= list.from.as_str());
        let next = next.filter(|_| rows.len() == read);
        Ok((rows, next))
    }

    /// What the index holds of a list where its place is `within` these bounds, and where that ends
    /// if there is more.
    async fn places(
        &self,
        list: &List,
        within: &str,
        bounds: &[(&str, &str)],
        forward: bool,
        limit: i32,
    ) -> Result<(Vec<Row>, Option<String>), StoreError> {
        let Index { name, pk, sk } = list.index;
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(*name)
            .key_condition_expression(format!("{pk} = :list AND {sk} {within}"))
            .expression_attribute_values(":list", Value::S(list.name.clone()))
            .scan_index_forward(forward)
            .limit(limit);
        for (bound, value) in bounds {
            query = query.expression_attribute_values(*bound, Value::S((*value).into()));
        }
        let page = Box::pin(query.send()).await.map_err(unavailable)?;
        let next = page.last_evaluated_key.map(Row);
        let next = next.map(|key| list.place(&key).to_owned());
        let rows = page.items.unwrap_or_default().into_iter().map(Row);
        Ok((rows.collect(), next))
    }

    /// Keys of rows whose due time has passed, of one shard of a lane, the oldest first and at most
    /// so many. An index only finds candidates.
    pub async fn overdue(
        &self,
        lane: Lane,
        shard: u64,
        millis: i64,
        most: usize,
    ) -> Result<Vec<RowKey>, StoreError> {
        let (mut keys, mut start) = (vec![], None);
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name("due")
                .key_condition_expression("due_pk = :shard AND due_at <= :now")
                .expression_attribute_values(":shard", Value::S(due_pk(lane, shard)))
                .expression_attribute_values(":now", Value::N(millis.to_string()))
                .limit((most - keys.len()).min(PAGE) as i32)
                .set_exclusive_start_key(start)
                .send();
            let page = Box::pin(page).await.map_err(unavailable)?;
            let items = page.items.unwrap_or_default();
            keys.extend(items.into_iter().map(|row| Row(row).key()));
            start = page.last_evaluated_key;
            if start.is_none() || keys.len() >= most {
                return Ok(keys);
            }
        }
    }

    /// Keys of at most so many rows that are parked there in the due index, the oldest first. They
    /// wait for no time, and are in no lane.
    pub async fn parked(&self, there: &str, most: usize) -> Result<Vec<RowKey>, StoreError> {
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due_pk = :there")
            .expression_attribute_values(":there", Value::S(there.into()))
            .limit(most as i32)
            .send();
        let page = Box::pin(page).await.map_err(unavailable)?;
        let items = page.items.unwrap_or_default();
        Ok(items.into_iter().map(|row| Row(row).key()).collect())
    }

    /// All of it or nothing.
    pub async fn transact(&self, writes: &[Write]) -> Result<Written, StoreError> {
        if writes.len() > MOST_ITEMS {
            return Err(StoreError::TooLarge(format!(
                "a commit of {} items",
                writes.len()
            )));
        }
        let mut call = self.client.transact_write_items();
        for write in writes {
            call = call.transact_items(self.item(write)?);
        }
        let Err(why) = Box::pin(call.send()).await else {
            return Ok(Written::Done);
        };
        match why.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                let codes: Vec<_> = reasons
                    .iter()
                    .map(|reason| reason.code().unwrap_or("None"))
                    .collect();
                let failed: Vec<_> = (0..codes.len())
                    .filter(|at| codes[*at] == "ConditionalCheckFailed")
                    .collect();
                if !failed.is_empty() {
                    return Ok(Written::Failed(failed));
                }
                match codes.iter().find(|code| **code != "None") {
                    Some(code) if code.contains("Conflict") => Ok(Written::Conflict),
                    Some(code) if code.contains("Throttl") || code.contains("Throughput") => {
                        Err(StoreError::Unavailable((*code).into()))
                    }
                    _ => Err(StoreError::Unavailable(format!("cancelled: {codes:?}"))),
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                Ok(Written::Conflict)
            }
            _ => Err(unavailable(why)),
        }
    }

    fn item(&self, write: &Write) -> Result<TransactWriteItem, StoreError> {
        let put = |row: &Row| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(row.0.clone()))
        };
        let built = match write {
            Write::Put(row) => put(row).build(),
            Write::New(row) => put(row)
                .condition_expression("attribute_not_exists(pk)")
                .build(),
            Write::Replace { row, version } => put(row)
                .condition_expression("version = :version")
                .expression_attribute_values(":version", Value::N(version.to_string()))
                .build(),
            Write::NewOr {
                row,
                attribute,
                value,
            } => put(row)
                .condition_expression("attribute_not_exists(pk) OR #a = :value")
                .expression_attribute_names("#a", *attribute)
                .expression_attribute_values(":value", Value::S(value.clone()))
                .build(),
            Write::Mark { key, set } => return updated(self.change(key, set, &[])),
            Write::Change { key, set, remove } => {
                let change = self.change(key, set, remove);
                return updated(change.condition_expression("attribute_exists(pk)"));
            }
            Write::Newer {
                key,
                attribute,
                at,
                set,
                remove,
            } => {
                let set = set.clone().number(attribute, at);
                let newer = "attribute_exists(pk) AND (attribute_not_exists(#at) OR #at <= :at)";
                let change = self
                    .change(key, &set, remove)
                    .condition_expression(newer)
                    .expression_attribute_names("#at", *attribute)
                    .expression_attribute_values(":at", Value::N(at.to_string()));
                return updated(change);
            }
            Write::Postpone { key, read, due } => {
                return updated(self.postponement(key, *read, *due));
            }
            Write::Add {
                key,
                attribute,
                text,
            } => return updated(self.addition(key, attribute, text)),
            Write::Delete(key) => {
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(key_of(key)))
                    .build();
                let delete = delete.map_err(unavailable)?;
                return Ok(TransactWriteItem::builder().delete(delete).build());
            }
        };
        Ok(TransactWriteItem::builder()
            .put(built.map_err(unavailable)?)
            .build())
    }

    fn postponement(&self, key: &RowKey, read: i64, due: i64) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key_of(key)))
            .condition_expression("due_at = :read")
            .update_expression("SET due_at = :due, taken_at = :read")
            .expression_attribute_values(":read", Value::N(read.to_string()))
            .expression_attribute_values(":due", Value::N(due.to_string()))
    }

    fn addition(&self, key: &RowKey, attribute: &str, text: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key_of(key)))
            .update_expression("ADD #a :text")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":text", Value::Ss(vec![text.into()]))
    }

    fn change(&self, key: &RowKey, set: &Row, remove: &[&'static str]) -> UpdateBuilder {
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key_of(key)));
        let mut parts = vec![];
        for (n, (name, value)) in set.0.iter().enumerate() {
            let lead = if n == 0 { "SET " } else { ", " };
            parts.push(format!("{lead}#s{n} = :s{n}"));
            update = update
                .expression_attribute_names(format!("#s{n}"), name)
                .expression_attribute_values(format!(":s{n}"), value.clone());
        }
        for (n, name) in remove.iter().enumerate() {
            parts.push(format!("{}#r{n}", if n == 0 { " REMOVE " } else { ", " }));
            update = update.expression_attribute_names(format!("#r{n}"), *name);
        }
        update.update_expression(parts.concat())
    }
}

fn due_pk(lane: Lane, shard: u64) -> String {
    format!("due#{}#{shard}", lane.name())
}

fn updated(change: UpdateBuilder) -> Result<TransactWriteItem, StoreError> {
    let update = change.build().map_err(unavailable)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

fn key_of(key: &RowKey) -> HashMap<String, Value> {
    Row::new(&key.pk, &key.sk).0
}

fn unavailable(why: impl std::error::Error) -> StoreError {
    StoreError::Unavailable(told(&why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_in_the_due_index_from_when_it_is_due_until_it_is_taken_out() {
        let bare = Row::new("pk", "task#p1").text("state", "open");
        let due = bare.clone().due(Lane::Pay, 7);
        assert!(due.has("due_pk") && due.int("due_at") == 7);
        assert_eq!(due.clone().undue(), bare);
        for (millis, is_due) in [(6, false), (7, true), (8, true)] {
            assert_eq!(due.is_due(millis), is_due, "{millis}");
            assert!(!bare.is_due(millis), "it is in no index");
        }
        // Put off because its work was begun, it is due to whoever holds its message.
        let taken = due.clone().number("taken_at", 3);
        assert!(taken.is_due(0));
        assert!(!bare.clone().number("taken_at", 3).is_due(9));
        // A new time is a new beginning.
        assert!(!taken.due(Lane::Pay, 9).is_due(8));
        // Rows of one owner are found in one shard of a lane, those of others anywhere in it.
        for lane in Lane::ALL {
            let rows = (0..200).map(|n| Row::new(format!("pk {n}"), "x").due(lane, 1));
            let shards: std::collections::BTreeSet<_> =
                rows.map(|row| row.get("due_pk").to_owned()).collect();
            let all = (0..lane.shards()).map(|n| format!("due#{}#{n}", lane.name()));
            assert!(shards.into_iter().eq(all));
        }
    }
}
