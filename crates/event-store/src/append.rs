//! What is appended, and the answer to each command. The numbering, the version check and the idempotency check
//! happen in one SQL function while the log head is locked (`migrations/*_event_log.sql`).

use chrono::{DateTime, Utc};
use schemas::{EventId, Position, TicketEvent, TicketId, Version, envelope::Metadata};
use sqlx::PgConnection;

use crate::error::AppendError;

/// The events of one command: appended all or none.
#[derive(Clone, Debug)]
pub struct Append {
    /// The stream.
    pub ticket: TicketId,
    /// What the caller believes about it.
    pub expected: Expected,
    /// In the order they happened; at least one.
    pub events: Vec<NewEvent>,
    /// Set where a client may ask twice.
    pub idempotency: Option<Idempotency>,
}

/// An event that has no place in the log yet.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Unique for ever.
    pub id: EventId,
    /// The fact.
    pub event: TicketEvent,
    /// Where it came from.
    pub metadata: Metadata,
}

/// The version check of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The stream must be at exactly this version; [`Version::NONE`] for a new stream.
    Exactly(Version),
    /// Order does not matter: the event ids alone keep the effect single.
    Any,
}

/// A client's key with the fingerprint of what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// At most 255 characters.
    pub key: String,
    /// SHA-256 of the canonical body.
    pub body_hash: [u8; 32],
}

/// Where the events of a command stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream; of an earlier request's ticket where `replayed`.
    pub ticket: TicketId,
    /// Of the first of the events.
    pub position: Position,
    /// Of the stream afterwards.
    pub version: Version,
    /// When.
    pub time: DateTime<Utc>,
    /// The answer to an earlier request with the same idempotency key and body: nothing was appended now.
    pub replayed: bool,
}

/// Appends a batch inside the caller's transaction, one answer per command in the order given. No two commands of a
/// batch may share a stream or an idempotency key. The log head stays locked until the transaction ends: keep it
/// short.
///
/// # Errors
/// The outer error fails the whole batch (nothing is appended); the inner ones are each command's own.
pub async fn append_in(
    connection: &mut PgConnection,
    batch: &[Append],
) -> Result<Vec<Result<Appended, AppendError>>, sqlx::Error> {
    let columns = Columns::of(batch)?;
    let rows = sqlx::query!(
        r#"select command as "command!", outcome as "outcome!", stream as "stream!", first_position, version as "version!",
                  recorded as "recorded!"
           from log.append($1::text[], $2::integer[], $3::text[], $4::bytea[],
                           $5::integer[], $6::uuid[], $7::text[], $8::text[], $9::text[])"#,
        &columns.streams,
        &columns.expected as &[Option<i32>],
        &columns.keys as &[Option<String>],
        &columns.hashes as &[Option<Vec<u8>>],
        &columns.commands,
        &columns.ids,
        &columns.types as &[&str],
        &columns.data,
        &columns.metadata,
    )
    .fetch_all(connection)
    .await?;
    if rows.len() != batch.len() {
        return Err(sqlx::Error::Protocol(format!("{} answers to {} commands", rows.len(), batch.len())));
    }
    batch
        .iter()
        .zip(rows)
        .map(|(append, row)| {
            let position = row.first_position.map(Position);
            answer(append, &row.outcome, &row.stream, position, Version(row.version), row.recorded)
        })
        .collect()
}

/// The batch, turned into the columns the SQL function takes.
#[derive(Default)]
struct Columns {
    streams: Vec<String>,
    expected: Vec<Option<i32>>,
    keys: Vec<Option<String>>,
    hashes: Vec<Option<Vec<u8>>>,
    commands: Vec<i32>,
    ids: Vec<uuid::Uuid>,
    types: Vec<&'static str>,
    data: Vec<String>,
    metadata: Vec<String>,
}

impl Columns {
    fn of(batch: &[Append]) -> Result<Self, sqlx::Error> {
        let mut columns = Self::default();
        for (command, append) in (1..).zip(batch) {
            columns.add_command(append);
            for event in &append.events {
                columns.add_event(command, event).map_err(|error| sqlx::Error::Encode(error.into()))?;
            }
        }
        Ok(columns)
    }

    fn add_command(&mut self, append: &Append) {
        self.streams.push(append.ticket.to_string());
        self.expected.push(match append.expected {
            Expected::Exactly(version) => Some(version.0),
            Expected::Any => None,
        });
        self.keys.push(append.idempotency.as_ref().map(|i| i.key.clone()));
        self.hashes.push(append.idempotency.as_ref().map(|i| i.body_hash.to_vec()));
    }

    fn add_event(&mut self, command: i32, event: &NewEvent) -> Result<(), serde_json::Error> {
        self.commands.push(command);
        self.ids.push(event.id.as_uuid());
        self.types.push(event.event.type_name());
        self.data.push(Box::<str>::from(event.event.to_data()?).into());
        self.metadata.push(serde_json::to_string(&event.metadata)?);
        Ok(())
    }
}

fn answer(
    append: &Append,
    outcome: &str,
    stream: &str,
    position: Option<Position>,
    version: Version,
    time: DateTime<Utc>,
) -> Result<Result<Appended, AppendError>, sqlx::Error> {
    let protocol = |what: &str| sqlx::Error::Protocol(format!("log.append answered {what}"));
    let position = || position.ok_or_else(|| protocol("without a position"));
    let ticket = || stream.parse().map_err(|_| protocol("with a stream that is no ticket"));
    Ok(match outcome {
        "appended" | "replayed" => Ok(Appended {
            ticket: ticket()?,
            position: position()?,
            version,
            time,
            replayed: outcome == "replayed",
        }),
        "conflict" => Err(AppendError::Conflict {
            expected: match append.expected {
                Expected::Exactly(version) => version,
                Expected::Any => version,
            },
            actual: version,
        }),
        "duplicate" => Err(AppendError::Duplicate { position: position()? }),
        "key_reused" => Err(AppendError::KeyReused),
        other => return Err(protocol(other)),
    })
}
