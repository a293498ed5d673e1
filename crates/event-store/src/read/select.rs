//! A part of the log by type, ticket, place and time, read in windows of positions, so that a statement stays short and
//! a reader's memory bounded, however little matches.

use chrono::{DateTime, Utc};
use schemas::{Envelope, Position, TicketId};

use super::Row;
use crate::{EventStore, error::StoreError};

/// Which events; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Storage names; `None` is every type.
    pub types: Option<Vec<String>>,
    /// Of one ticket.
    pub ticket: Option<TicketId>,
    /// Recorded at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Recorded at this time or earlier.
    pub until: Option<DateTime<Utc>>,
}

/// How many events of a type were selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeCount {
    /// The storage name.
    pub type_name: String,
    /// How many.
    pub events: i64,
}

impl EventStore {
    /// The selected events after `after` and not after `through`, in order.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub async fn select(
        &self,
        selection: &Selection,
        after: Position,
        through: Position,
    ) -> Result<Vec<Envelope>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "select position, stream_id, version, event_id, type, data, metadata, recorded_at
             from log.events
             where position > $1 and position <= $2
               and ($3::text[] is null or type = any($3)) and ($4::text is null or stream_id = $4)
               and ($5::timestamptz is null or recorded_at >= $5)
               and ($6::timestamptz is null or recorded_at <= $6)
             order by position",
            after.0,
            through.0,
            selection.types.as_deref(),
            selection.ticket.map(|ticket| ticket.to_string()),
            selection.since,
            selection.until,
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(Row::dress).collect()
    }

    /// How many events of each type are selected after `after` and not after `through`.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub async fn count(
        &self,
        selection: &Selection,
        after: Position,
        through: Position,
    ) -> Result<Vec<TypeCount>, StoreError> {
        let counts = sqlx::query_as!(
            TypeCount,
            r#"select type as "type_name", count(*) as "events!"
             from log.events
             where position > $1 and position <= $2
               and ($3::text[] is null or type = any($3)) and ($4::text is null or stream_id = $4)
               and ($5::timestamptz is null or recorded_at >= $5)
               and ($6::timestamptz is null or recorded_at <= $6)
             group by type order by type"#,
            after.0,
            through.0,
            selection.types.as_deref(),
            selection.ticket.map(|ticket| ticket.to_string()),
            selection.since,
            selection.until,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(counts)
    }
}
