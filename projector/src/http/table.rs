//! Rows of any number, sent as they are read: CSV for spreadsheets, lines of JSON for programs. A client that stops
//! reading stops the reading here.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures::{Stream, StreamExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::queries::QueryError;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    #[default]
    Csv,
    Ndjson,
}

/// A row as a spreadsheet has it; as JSON it is itself.
pub trait Row: Serialize {
    /// The heads of the columns.
    const HEADS: &'static [&'static str];

    /// The cells, in the order of the heads.
    fn cells(&self) -> Vec<String>;
}

/// Rows that could not be read or written. The client notices: its answer is cut off.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The read model failed in the middle.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A row could not be written.
    #[error("a row could not be written")]
    Write(#[from] csv::Error),
    /// A row could not be written.
    #[error("a row could not be written")]
    Json(#[from] serde_json::Error),
}

/// The rows as a download called `name`.
pub fn download<R: Row + Send + 'static>(
    name: &str,
    format: Format,
    batches: impl Stream<Item = Result<Vec<R>, QueryError>> + Send + 'static,
) -> Response {
    let head = futures::stream::once(async move { head::<R>(format) });
    let rows = batches.map(move |batch| {
        let chunk = batch.map_err(TableError::from).and_then(|rows| chunk(format, &rows));
        chunk.inspect_err(|error| tracing::warn!(cause = %error, "an export was cut off"))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (header::CONTENT_DISPOSITION, disposition(name, format)),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(head.chain(rows))).into_response()
}

impl Format {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

fn disposition(name: &str, format: Format) -> HeaderValue {
    let text = format!("attachment; filename=\"{name}.{}\"", format.extension());
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("attachment"))
}

fn head<R: Row>(format: Format) -> Result<Bytes, TableError> {
    if format == Format::Ndjson {
        return Ok(Bytes::new());
    }
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(R::HEADS)?;
    Ok(finish(writer))
}

fn chunk<R: Row>(format: Format, rows: &[R]) -> Result<Bytes, TableError> {
    if format == Format::Ndjson {
        let mut lines = vec![];
        for row in rows {
            serde_json::to_writer(&mut lines, row)?;
            lines.push(b'\n');
        }
        return Ok(lines.into());
    }
    let mut writer = csv::Writer::from_writer(vec![]);
    for row in rows {
        writer.write_record(row.cells().into_iter().map(harmless))?;
    }
    Ok(finish(writer))
}

/// Writing to memory cannot fail.
fn finish(writer: csv::Writer<Vec<u8>>) -> Bytes {
    writer.into_inner().unwrap_or_default().into()
}

/// A spreadsheet takes a cell that begins so for a formula, and requesters choose the text of some.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err() {
        format!("'{cell}")
    } else {
        cell
    }
}

/// What a row looks like to whoever reads a description of it.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub struct Lines(#[expect(dead_code, reason = "stands for text")] String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(
            harmless("=HYPERLINK(\"http://evil.example\")".to_owned()),
            "'=HYPERLINK(\"http://evil.example\")"
        );
        assert_eq!(harmless("@sum".to_owned()), "'@sum");
        for cell in ["-1.5", "+7", "Network", ""] {
            assert_eq!(harmless(cell.to_owned()), cell);
        }
    }
}
