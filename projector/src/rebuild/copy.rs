//! Rows in the binary format of `COPY`: fields go as the parameters of statements do, and Postgres takes them as they are
//! instead of reading numbers, times and escapes (<https://www.postgresql.org/docs/current/sql-copy.html>, Binary Format).

use anyhow::Context as _;
use serde::Serialize;
use sqlx::{Encode, PgConnection, Postgres, encode::IsNull, error::BoxDynError, postgres::PgArgumentBuffer};

/// Signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Instead of a length: there is no value.
const NULL: i32 = -1;
/// Bytes of one message: Postgres takes the first rows while the last ones are on their way.
const MESSAGE: usize = 1 << 18;

/// Rows of one table, written field by field in the order of the statement's columns; each value has its column's type.
#[derive(Debug, Default)]
pub(super) struct Rows {
    buffer: PgArgumentBuffer,
    /// Where the row that is being written begins, and the fields it has.
    row: Option<(usize, i16)>,
    /// Why a value could not be written.
    error: Option<BoxDynError>,
}

impl Rows {
    /// Adds a value to the row, and begins one where there is none.
    pub(super) fn field<'q>(&mut self, value: impl Encode<'q, Postgres>) -> &mut Self {
        self.count_field();
        let place = self.number([0; 4]);
        let length = match value.encode(&mut self.buffer) {
            Ok(IsNull::Yes) => Ok(NULL),
            Ok(IsNull::No) => i32::try_from(self.buffer.len() - place - 4).map_err(Into::into),
            Err(error) => Err(error),
        };
        match length {
            Ok(length) => self.buffer[place..place + 4].copy_from_slice(&length.to_be_bytes()),
            Err(error) => self.error = Some(error),
        }
        self
    }

    /// Adds a value as the text of its JSON, for a column of type `json`, and begins a row where there is none.
    pub(super) fn json(&mut self, value: Option<&impl Serialize>) -> &mut Self {
        match value.map(serde_json::to_string).transpose() {
            Ok(text) => self.field(text),
            Err(error) => {
                self.error = Some(error.into());
                self
            }
        }
    }

    /// Ends the row.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        if let Some((place, fields)) = self.row.take() {
            self.buffer[place..place + 2].copy_from_slice(&fields.to_be_bytes());
        }
        self.error.take().map_or(Ok(()), |error| Err(anyhow::Error::from_boxed(error)))
    }

    /// Copies the rows, if there are any, into columns of a table.
    pub(super) async fn copy(
        mut self,
        connection: &mut PgConnection,
        table: &str,
        columns: &str,
    ) -> anyhow::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.number(TRAILER);
        let statement = format!("copy {table} ({columns}) from stdin (format binary)");
        let mut copy = connection.copy_in_raw(&statement).await?;
        for message in self.buffer.chunks(MESSAGE) {
            copy.send(message).await?;
        }
        copy.finish().await.with_context(|| format!("copying into {table}"))?;
        Ok(())
    }

    fn count_field(&mut self) {
        if self.buffer.is_empty() {
            self.buffer.extend_from_slice(HEADER);
        }
        let (place, fields) = self.row.take().unwrap_or_else(|| (self.number([0; 2]), 0));
        self.row = Some((place, fields + 1));
    }

    /// Writes a number, and says where it stands.
    fn number<const BYTES: usize>(&mut self, number: [u8; BYTES]) -> usize {
        let place = self.buffer.len();
        self.buffer.extend_from_slice(&number);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_number_of_fields_and_each_ones_length_and_value() {
        let mut rows = Rows::default();
        rows.field("ab").field(None::<i64>).field(7_i16).end().unwrap();
        rows.field(true).end().unwrap();
        let expected: &[&[u8]] = &[
            HEADER,
            &[0, 3, 0, 0, 0, 2, b'a', b'b', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, 0, 7],
            &[0, 1, 0, 0, 0, 1, 1],
        ];
        assert_eq!(**rows.buffer, *expected.concat());
    }

    #[test]
    fn a_value_that_cannot_be_written_is_an_error_of_its_row_only() {
        let mut rows = Rows::default();
        let unwritable = std::collections::HashMap::from([((), 1)]);
        assert!(rows.field(1_i32).json(Some(&unwritable)).end().is_err());
        assert!(rows.field(1_i32).end().is_ok());
    }
}
