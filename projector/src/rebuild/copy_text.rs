//! Rows in the text format of `COPY`.

use std::fmt::{Display, Write as _};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// Rows of one table, written field by field in the order of the statement's columns.
#[derive(Debug, Default)]
pub(super) struct Rows {
    text: String,
    in_row: bool,
}

impl Rows {
    pub(super) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        for character in value.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                other => self.text.push(other),
            }
        }
        self
    }

    /// Numbers and truth values, which need no escape.
    pub(super) fn plain(&mut self, value: impl Display) -> &mut Self {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
        self
    }

    pub(super) fn time(&mut self, value: DateTime<Utc>) -> &mut Self {
        self.plain(value.to_rfc3339_opts(SecondsFormat::Micros, true))
    }

    pub(super) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.separate();
        self.text.push_str("\\\\x");
        for byte in value {
            let _ = write!(self.text, "{byte:02x}");
        }
        self
    }

    pub(super) fn json(&mut self, value: &impl Serialize) -> serde_json::Result<&mut Self> {
        Ok(self.text(&serde_json::to_string(value)?))
    }

    /// What is there, written by `write`; null for nothing.
    pub(super) fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        if let Some(value) = value {
            write(self, value);
        } else {
            self.separate();
            self.text.push_str("\\N");
        }
        self
    }

    pub(super) fn maybe_text(&mut self, value: Option<&str>) -> &mut Self {
        self.maybe(value, |rows, value| {
            rows.text(value);
        })
    }

    pub(super) fn maybe_time(&mut self, value: Option<DateTime<Utc>>) -> &mut Self {
        self.maybe(value, |rows, value| {
            rows.time(value);
        })
    }

    pub(super) fn maybe_plain(&mut self, value: Option<impl Display>) -> &mut Self {
        self.maybe(value, |rows, value| {
            rows.plain(value);
        })
    }

    pub(super) fn maybe_json(&mut self, value: Option<&impl Serialize>) -> serde_json::Result<&mut Self> {
        match value {
            Some(value) => self.json(value),
            None => Ok(self.maybe_text(None)),
        }
    }

    /// Ends the row.
    pub(super) fn end(&mut self) {
        self.text.push('\n');
        self.in_row = false;
    }

    fn separate(&mut self) {
        if self.in_row {
            self.text.push('\t');
        }
        self.in_row = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_field_is_escaped() {
        let mut rows = Rows::default();
        rows.text("a\tb\nc\\N\r").maybe_text(None).plain(-1).bytes(&[0, 255]).end();
        assert_eq!(rows.text, "a\\tb\\nc\\\\N\\r\t\\N\t-1\t\\\\x00ff\n");
    }
}
