//! The records, and an index over the unique fields.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{form::Form, ids::RecordId};

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Creator's ID.
    #[serde(rename = "ID")]
    pub id: RecordId,
    /// When it was created.
    pub added: DateTime<Utc>,
    /// When it was last changed.
    pub modified: DateTime<Utc>,
    /// The values by link name.
    pub fields: Map<String, Value>,
}

impl Record {
    /// The text of a field; `None` when it is blank or no text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// What makes a value comparable: numbers and texts alike; `None` for blanks, which Creator never compares.
pub(crate) fn key_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

type Index = HashMap<String, HashMap<String, BTreeSet<RecordId>>>;

/// All records by ID, which is also the order of creation.
#[derive(Debug)]
pub(crate) struct Store {
    records: BTreeMap<RecordId, Record>,
    index: Index,
    ignores_case: bool,
    /// Until when reports do not show a record.
    hidden: HashMap<RecordId, DateTime<Utc>>,
    /// Records added after this do not count as taken, because the insert under way is of the same moment.
    unseen_after: Option<DateTime<Utc>>,
}

impl Store {
    pub(crate) fn new(form: &Form, ignores_case: bool) -> Self {
        let index = form.unique_names().map(|name| (name.to_owned(), HashMap::new())).collect();
        let (records, hidden) = (BTreeMap::new(), HashMap::new());
        Self { records, index, ignores_case, hidden, unseen_after: None }
    }

    /// Puts a record in, or replaces the one with its ID.
    pub(crate) fn put(&mut self, record: Record) {
        self.remove(record.id);
        self.each_key(&record, |ids, id| {
            ids.insert(id);
        });
        self.records.insert(record.id, record);
    }

    pub(crate) fn remove(&mut self, id: RecordId) -> Option<Record> {
        let record = self.records.remove(&id)?;
        self.each_key(&record, |ids, id| {
            ids.remove(&id);
        });
        Some(record)
    }

    fn each_key(&mut self, record: &Record, change: impl Fn(&mut BTreeSet<RecordId>, RecordId)) {
        for (name, by_value) in &mut self.index {
            if let Some(key) = record.fields.get(name).and_then(key_of) {
                change(by_value.entry(fold(key, self.ignores_case)).or_default(), record.id);
            }
        }
    }

    pub(crate) fn get(&self, id: RecordId) -> Option<&Record> {
        self.records.get(&id)
    }

    /// Reports do not show the record until then.
    pub(crate) fn hide(&mut self, id: RecordId, until: DateTime<Utc>) {
        self.hidden.insert(id, until);
    }

    pub(crate) fn shows(&self, id: RecordId, now: DateTime<Utc>) -> bool {
        self.hidden.get(&id).is_none_or(|until| *until <= now)
    }

    /// The next checks are those of an insert that does not see what was added after that; `None` sees everything.
    pub(crate) fn race(&mut self, unseen_after: Option<DateTime<Utc>>) {
        self.unseen_after = unseen_after;
    }

    /// Whether a record other than `except` has that value in a unique field.
    pub(crate) fn is_taken(&self, field: &str, value: &Value, except: Option<RecordId>) -> bool {
        let ids = self
            .index
            .get(field)
            .zip(key_of(value))
            .and_then(|(by_value, key)| by_value.get(&fold(key, self.ignores_case)));
        ids.is_some_and(|ids| ids.iter().any(|id| Some(*id) != except && self.is_seen(*id)))
    }

    fn is_seen(&self, id: RecordId) -> bool {
        let added = self.records.get(&id).map(|record| record.added);
        self.unseen_after.zip(added).is_none_or(|(unseen_after, added)| added <= unseen_after)
    }

    /// The records in the order of creation, from after `cursor` on.
    pub(crate) fn after(&self, cursor: Option<RecordId>) -> impl Iterator<Item = &Record> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.records.range((cursor.map_or(Unbounded, Excluded), Unbounded)).map(|(_, record)| record)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }
}

fn fold(key: String, ignores_case: bool) -> String {
    if ignores_case { key.to_lowercase() } else { key }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::Ids;

    fn store_with(ticket: &str, ignores_case: bool) -> (Store, RecordId) {
        let mut store = Store::new(&Form::tickets(), ignores_case);
        let id = Ids::new(1).next_record();
        let now = DateTime::UNIX_EPOCH;
        let fields = json!({"Ticket_ID": ticket}).as_object().cloned().unwrap();
        store.put(Record { id, added: now, modified: now, fields });
        (store, id)
    }

    #[test]
    fn a_value_is_taken_for_others_but_not_for_its_own_record() {
        let (store, id) = store_with("t1", false);
        assert!(store.is_taken("Ticket_ID", &json!("t1"), None));
        assert!(!store.is_taken("Ticket_ID", &json!("t1"), Some(id)));
        assert!(!store.is_taken("Ticket_ID", &json!("T1"), None));
    }

    #[test]
    fn case_matters_only_where_it_is_told_to() {
        let (store, _) = store_with("t1", true);
        assert!(store.is_taken("Ticket_ID", &json!("T1"), None));
    }

    #[test]
    fn a_removed_record_frees_its_value() {
        let (mut store, id) = store_with("t1", false);
        assert!(store.remove(id).is_some());
        assert!(!store.is_taken("Ticket_ID", &json!("t1"), None));
    }
}
