//! Reading the log: one stream, or everything from a position. A reader never skips a late commit, because positions
//! are drawn in commit order.

mod held;
mod select;
pub mod streams;

pub use select::{Selection, TypeCount};

use std::{collections::HashMap, sync::Arc};

use schemas::{
    Envelope, EventId, Position, TicketId, Version,
    envelope::{Metadata, Recorded},
};
use serde_json::value::RawValue;
use sqlx::PgConnection;

use crate::{EventStore, error::StoreError, group_load::Question};

/// A row as the database returns it.
#[derive(Clone)]
pub(crate) struct Row {
    position: i64,
    stream_id: String,
    version: i32,
    event_id: uuid::Uuid,
    r#type: String,
    data: String,
    metadata: String,
    recorded_at: chrono::DateTime<chrono::Utc>,
}

impl EventStore {
    /// Up to `limit` events after `after`, in order.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub async fn read_all(&self, after: Position, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "select position, stream_id, version, event_id, type, data, metadata, recorded_at
             from log.events where position > $1 order by position limit $2",
            after.0,
            i64::from(limit),
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(Row::dress).collect()
    }

    /// The events at exactly these positions, in order; positions that hold nothing are left out.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub async fn read_positions(&self, positions: &[Position]) -> Result<Vec<Envelope>, StoreError> {
        let positions: Vec<i64> = positions.iter().map(|position| position.0).collect();
        let rows = sqlx::query_as!(
            Row,
            "select position, stream_id, version, event_id, type, data, metadata, recorded_at
             from log.events where position = any($1) order by position",
            &positions,
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(Row::dress).collect()
    }

    /// A ticket's events from version `from` on, in order; empty for a ticket that does not exist. Whoever asks at the same
    /// time shares a query.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub async fn read_stream(&self, ticket: TicketId, from: Version) -> Result<Vec<Envelope>, StoreError> {
        let rows = self.reader.load((ticket, from.0)).await?;
        rows.iter().flat_map(|rows| rows.iter()).cloned().map(Row::dress).collect()
    }

    /// The position of the newest event; [`Position::START`] for an empty log.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub async fn head(&self) -> Result<Position, StoreError> {
        let position = sqlx::query_scalar!(r#"select position as "position!" from log.head"#)
            .fetch_one(self.pool())
            .await?;
        Ok(Position(position))
    }
}

/// The events of tickets, each from a version on, in order.
pub(crate) struct Streams;

impl Question for Streams {
    type Key = (TicketId, i32);
    type Found = Arc<Vec<Row>>;

    /// Stream by stream: given the tickets as one condition, Postgres may read the whole log rather than its index.
    async fn ask(
        connection: &mut PgConnection,
        wanted: Vec<(TicketId, i32)>,
    ) -> Result<HashMap<(TicketId, i32), Arc<Vec<Row>>>, sqlx::Error> {
        let names: Vec<String> = wanted.iter().map(|(ticket, _)| ticket.to_string()).collect();
        let from: Vec<i32> = wanted.iter().map(|(_, from)| *from).collect();
        let rows = sqlx::query!(
            r#"select wanted.no as "no!", e.position, e.stream_id, e.version, e.event_id, e.type, e.data, e.metadata,
                      e.recorded_at
               from unnest($1::text[], $2::integer[]) with ordinality wanted(stream_id, from_version, no)
               cross join lateral (
                   select * from log.events
                   where stream_id = wanted.stream_id and version >= wanted.from_version order by version) e"#,
            &names,
            &from,
        )
        .fetch_all(connection)
        .await?;
        let mut streams = vec![Vec::new(); wanted.len()];
        for row in rows {
            let Some(stream) = streams.get_mut(row.no as usize - 1) else { continue };
            stream.push(Row {
                position: row.position,
                stream_id: row.stream_id,
                version: row.version,
                event_id: row.event_id,
                r#type: row.r#type,
                data: row.data,
                metadata: row.metadata,
                recorded_at: row.recorded_at,
            });
        }
        Ok(wanted.into_iter().zip(streams.into_iter().map(Arc::new)).collect())
    }
}

impl Row {
    fn dress(self) -> Result<Envelope, StoreError> {
        let position = Position(self.position);
        let damaged = |what| StoreError::Damaged { position, what };
        let place = Recorded {
            id: EventId::new(self.event_id),
            ticket: self.stream_id.parse().map_err(|_| damaged("stream_id"))?,
            position,
            version: Version(self.version),
            time: self.recorded_at,
        };
        let metadata: Metadata = serde_json::from_str(&self.metadata).map_err(|_| damaged("metadata"))?;
        let data = RawValue::from_string(self.data).map_err(|_| damaged("data"))?;
        Ok(Envelope::new(place, self.r#type, metadata, data))
    }
}
