//! What is appended, and the answer to each command. The numbering, the version check and the idempotency check
//! happen in one SQL function (`migrations/*_append_{plain_asks_less,lock}.sql`): `log.append_plain` where nothing is in the way,
//! `log.append_batch`, which judges each command, where something may be.

use chrono::{DateTime, Utc};
use schemas::{EventId, Position, RequesterId, TicketEvent, TicketId, Version, envelope::Metadata};
use serde_json::value::RawValue;
use sqlx::PgConnection;
use uuid::Uuid;

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

/// A key that a requester shall have from this append on, wrapped by the master key: what the append holds is sealed
/// under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Whose.
    pub requester: RequesterId,
    /// The key itself, never in clear.
    pub wrapped: Vec<u8>,
    /// The id of the master key: it counts only while that one is in use.
    pub master: String,
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
    let encoded =
        batch.iter().map(|append| Encoded::new(append.clone(), None)).collect::<Result<Vec<_>, _>>();
    let encoded = encoded.map_err(|error| sqlx::Error::Encode(error.into()))?;
    // Not the plain way: a unique violation would fail the caller's transaction.
    append_judged(connection, &encoded, &Columns::of(&encoded)).await
}

/// A command as the database takes it.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) ticket: TicketId,
    stream: String,
    expected: Expected,
    pub(crate) idempotency: Option<Idempotency>,
    key: Option<NewKey>,
    pub(crate) events: Vec<EncodedEvent>,
}

/// An event as the database takes it.
#[derive(Debug)]
pub(crate) struct EncodedEvent {
    pub(crate) id: EventId,
    pub(crate) type_name: &'static str,
    pub(crate) data: Box<RawValue>,
    pub(crate) metadata: Metadata,
    /// What the log keeps of the metadata.
    metadata_text: String,
}

impl Encoded {
    pub(crate) fn new(append: Append, key: Option<NewKey>) -> Result<Self, serde_json::Error> {
        let Append { ticket, expected, events, idempotency } = append;
        let events = events.into_iter().map(EncodedEvent::new).collect::<Result<_, _>>()?;
        Ok(Self { ticket, stream: ticket.to_string(), expected, idempotency, key, events })
    }

    /// The version of the stream that the append must find; `None` where any will do.
    const fn expected(&self) -> Option<i32> {
        match self.expected {
            Expected::Exactly(version) => Some(version.0),
            Expected::Any => None,
        }
    }
}

impl EncodedEvent {
    fn new(NewEvent { id, event, metadata }: NewEvent) -> Result<Self, serde_json::Error> {
        let metadata_text = serde_json::to_string(&metadata)?;
        Ok(Self { id, type_name: event.type_name(), data: event.to_data()?, metadata, metadata_text })
    }
}

/// As [`append_in`], in a transaction of its own.
pub(crate) async fn append_encoded(
    connection: &mut PgConnection,
    batch: &[Encoded],
) -> Result<Vec<Result<Appended, AppendError>>, sqlx::Error> {
    let columns = Columns::of(batch);
    let versions: Option<Vec<i32>> = batch.iter().map(Encoded::expected).collect();
    if let Some(versions) = versions
        && let Some((first, time)) = append_plain(connection, &columns, &versions).await?
    {
        return Ok(all_appended(batch, &versions, first, time));
    }
    append_judged(connection, batch, &columns).await
}

/// The place of the first event and the time of all, where nothing speaks against any command; `None`, and nothing is
/// appended, where something may. `expected` has the version that each command must find.
async fn append_plain(
    connection: &mut PgConnection,
    columns: &Columns<'_>,
    expected: &[i32],
) -> Result<Option<(Position, DateTime<Utc>)>, sqlx::Error> {
    let place = sqlx::query!(
        r#"select first_position as "first_position!", recorded as "recorded!"
           from log.append_plain($1::text[], $2::integer[],
                                 $3::text[], $4::integer[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                                 $9::text[], $10::bytea[], $11::text[], $12::integer[], $13::integer[],
                                 $14::text[], $15::bytea[], $16::text[])"#,
        &columns.streams as &[&str],
        expected,
        &columns.event_streams as &[&str],
        &columns.versions as &[Option<i32>],
        &columns.ids,
        &columns.types as &[&str],
        &columns.data as &[&str],
        &columns.metadata as &[&str],
        &columns.keys as &[&str],
        &columns.hashes as &[&[u8]],
        &columns.keyed_streams as &[&str],
        &columns.keyed_events,
        &columns.keyed_versions as &[Option<i32>],
        &columns.requesters as &[&str],
        &columns.wrapped as &[&[u8]],
        &columns.masters as &[&str],
    )
    .fetch_optional(connection)
    .await;
    match place {
        Ok(place) => Ok(place.map(|place| (Position(place.first_position), place.recorded))),
        // Somebody was faster than the checks.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answers where the database had nothing to say against any command.
fn all_appended(
    batch: &[Encoded],
    found: &[i32],
    first: Position,
    time: DateTime<Utc>,
) -> Vec<Result<Appended, AppendError>> {
    let mut next = first.0;
    let answers = batch.iter().zip(found).map(|(command, found)| {
        let (position, version) = (Position(next), Version(found + command.events.len() as i32));
        next += command.events.len() as i64;
        Ok(Appended { ticket: command.ticket, position, version, time, replayed: false })
    });
    answers.collect()
}

/// One answer per command, whatever speaks against it.
async fn append_judged(
    connection: &mut PgConnection,
    batch: &[Encoded],
    columns: &Columns<'_>,
) -> Result<Vec<Result<Appended, AppendError>>, sqlx::Error> {
    let expected: Vec<Option<i32>> = batch.iter().map(Encoded::expected).collect();
    let rows = sqlx::query!(
        r#"select command as "command!", outcome as "outcome!", stream as "stream!", first_position,
                  version as "version!", recorded as "recorded!", wrapped
           from log.append_batch($1::text[], $2::integer[],
                                 $3::integer[], $4::text[], $5::integer[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                                 $10::integer[], $11::text[], $12::bytea[], $13::integer[], $14::text[], $15::bytea[], $16::text[])"#,
        &columns.streams as &[&str],
        &expected as &[Option<i32>],
        &columns.commands,
        &columns.event_streams as &[&str],
        &columns.versions as &[Option<i32>],
        &columns.ids,
        &columns.types as &[&str],
        &columns.data as &[&str],
        &columns.metadata as &[&str],
        &columns.keyed_commands,
        &columns.keys as &[&str],
        &columns.hashes as &[&[u8]],
        &columns.new_key_commands,
        &columns.requesters as &[&str],
        &columns.wrapped as &[&[u8]],
        &columns.masters as &[&str],
    )
    .fetch_all(connection)
    .await?;
    if rows.len() != batch.len() {
        return Err(sqlx::Error::Protocol(format!("{} answers to {} commands", rows.len(), batch.len())));
    }
    batch
        .iter()
        .zip(rows)
        .map(|(command, row)| {
            let position = row.first_position.map(Position);
            let place = (position, Version(row.version), row.recorded);
            answer(command.expected, &row.outcome, &row.stream, place, row.wrapped)
        })
        .collect()
}

/// The batch, turned into the columns that the SQL functions take.
#[derive(Default)]
struct Columns<'a> {
    streams: Vec<&'a str>,
    commands: Vec<i32>,
    event_streams: Vec<&'a str>,
    versions: Vec<Option<i32>>,
    ids: Vec<Uuid>,
    types: Vec<&'static str>,
    data: Vec<&'a str>,
    metadata: Vec<&'a str>,
    keyed_commands: Vec<i32>,
    keys: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
    keyed_streams: Vec<&'a str>,
    keyed_events: Vec<i32>,
    keyed_versions: Vec<Option<i32>>,
    new_key_commands: Vec<i32>,
    requesters: Vec<&'a str>,
    wrapped: Vec<&'a [u8]>,
    masters: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a [Encoded]) -> Self {
        let mut columns = Self::default();
        for (number, command) in (1..).zip(batch) {
            columns.add(number, command);
        }
        columns
    }

    fn add(&mut self, number: i32, command: &'a Encoded) {
        let expected = command.expected();
        self.streams.push(&command.stream);
        if let Some(Idempotency { key, body_hash }) = &command.idempotency {
            self.keyed_commands.push(number);
            self.keys.push(key);
            self.hashes.push(body_hash);
            self.keyed_streams.push(&command.stream);
            self.keyed_events.push(self.ids.len() as i32 + 1);
            self.keyed_versions.push(expected.map(|version| version + command.events.len() as i32));
        }
        for (event, ahead) in command.events.iter().zip(1..) {
            self.commands.push(number);
            self.event_streams.push(&command.stream);
            self.versions.push(expected.map(|version| version + ahead));
            self.ids.push(event.id.as_uuid());
            self.types.push(event.type_name);
            self.data.push(event.data.get());
            self.metadata.push(&event.metadata_text);
        }
        if let Some(NewKey { requester, wrapped, master }) = &command.key {
            self.new_key_commands.push(number);
            self.requesters.push(requester.as_str());
            self.wrapped.push(wrapped);
            self.masters.push(master);
        }
    }
}

fn protocol(what: &str) -> sqlx::Error {
    sqlx::Error::Protocol(format!("log.append_batch answered {what}"))
}

fn answer(
    expected: Expected,
    outcome: &str,
    stream: &str,
    (position, version, time): (Option<Position>, Version, DateTime<Utc>),
    wrapped: Option<Vec<u8>>,
) -> Result<Result<Appended, AppendError>, sqlx::Error> {
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
            expected: match expected {
                Expected::Exactly(version) => version,
                Expected::Any => version,
            },
            actual: version,
        }),
        "duplicate" => Err(AppendError::Duplicate { position: position()? }),
        "key_reused" => Err(AppendError::KeyReused),
        "other_key" => Err(match wrapped {
            Some(wrapped) => AppendError::OtherKey { wrapped },
            None => AppendError::OtherMasterKey,
        }),
        other => return Err(protocol(other)),
    })
}
