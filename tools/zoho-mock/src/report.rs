//! The report's view of a record: its columns as an answer shows them and as criteria compare them.

use chrono::{DateTime, FixedOffset, Utc};
use serde_json::{Map, Value, json};

use crate::{
    criteria::{self, Criteria},
    form::Form,
    store::Record,
};

/// The columns every record has besides those of the form.
const SYSTEM: [&str; 3] = ["ID", "Added_Time", "Modified_Time"];

/// One report over the form.
pub(crate) struct Report<'a> {
    pub(crate) form: &'a Form,
    /// The application's time zone: Creator words date-times in it.
    pub(crate) offset: FixedOffset,
}

impl Report<'_> {
    pub(crate) fn has(&self, column: &str) -> bool {
        SYSTEM.contains(&column) || self.form.field(column).is_some()
    }

    /// The columns of the form, without the system's.
    pub(crate) fn columns(&self) -> Vec<String> {
        self.form.fields.iter().map(|field| field.link_name.clone()).collect()
    }

    /// The form's columns and the times.
    pub(crate) fn all_columns(&self) -> Vec<String> {
        let times = SYSTEM[1..].iter().map(ToString::to_string);
        self.columns().into_iter().chain(times).collect()
    }

    /// A row: the columns asked for, and always the ID.
    pub(crate) fn row(&self, record: &Record, columns: &[String]) -> Value {
        let mut row: Map<_, _> =
            columns.iter().map(|name| (name.clone(), self.value(record, name))).collect();
        row.insert("ID".into(), json!(record.id));
        row.into()
    }

    pub(crate) fn matches(&self, criteria: &Criteria, record: &Record) -> bool {
        criteria.matches(&|column| self.text(record, column))
    }

    /// What criteria compare: of a name its display value.
    pub(crate) fn text(&self, record: &Record, column: &str) -> String {
        match self.value(record, column) {
            Value::String(text) => text,
            Value::Object(parts) => parts["zc_display_value"].as_str().unwrap_or_default().to_owned(),
            other => other.to_string(),
        }
    }

    fn value(&self, record: &Record, column: &str) -> Value {
        match column {
            "ID" => json!(record.id),
            "Added_Time" => self.date_time(record.added),
            "Modified_Time" => self.date_time(record.modified),
            _ => shown(record.fields.get(column)),
        }
    }

    fn date_time(&self, at: DateTime<Utc>) -> Value {
        at.with_timezone(&self.offset).format(criteria::DATE_TIME).to_string().into()
    }
}

/// Blank fields are empty text; composite ones get their display value, as in v2.1.
fn shown(value: Option<&Value>) -> Value {
    match value {
        None | Some(Value::Null) => "".into(),
        Some(Value::Object(parts)) => {
            let words = ["prefix", "first_name", "last_name", "suffix"].map(|part| parts.get(part));
            let words = words.into_iter().flatten().filter_map(Value::as_str).filter(|word| !word.is_empty());
            let mut parts = parts.clone();
            parts.insert("zc_display_value".into(), words.collect::<Vec<_>>().join(" ").into());
            parts.into()
        }
        Some(other) => other.clone(),
    }
}
