//! What is appended, and the answer to each command. The numbering, the version check and the idempotency check
//! happen in one SQL function (`migrations/*_append_plain.sql`): `log.append_plain` where nothing is in the way,
//! `log.append_batch`, which judges each command, where something may be.

use chrono::{DateTime, Utc};
use schemas::{EventId, Position, RequesterId, TicketEvent, TicketId, Version, envelope::Metadata};
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
    let (columns, asked) = Columns::of(encoded.map_err(|error| sqlx::Error::Encode(error.into()))?);
    // Not the plain way: a unique violation would fail the caller's transaction.
    append_judged(connection, &columns, &asked).await
}

/// A command as the database takes it.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) ticket: TicketId,
    expected: Expected,
    pub(crate) idempotency: Option<Idempotency>,
    key: Option<NewKey>,
    events: Vec<EncodedEvent>,
}

#[derive(Debug)]
struct EncodedEvent {
    id: Uuid,
    type_name: &'static str,
    data: String,
    metadata: String,
}

impl Encoded {
    pub(crate) fn new(append: Append, key: Option<NewKey>) -> Result<Self, serde_json::Error> {
        let Append { ticket, expected, events, idempotency } = append;
        let events = events.iter().map(EncodedEvent::new).collect::<Result<_, _>>()?;
        Ok(Self { ticket, expected, idempotency, key, events })
    }
}

impl EncodedEvent {
    fn new(event: &NewEvent) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: event.id.as_uuid(),
            type_name: event.event.type_name(),
            data: Box::<str>::from(event.event.to_data()?).into(),
            metadata: serde_json::to_string(&event.metadata)?,
        })
    }
}

/// As [`append_in`], in a transaction of its own.
pub(crate) async fn append_encoded(
    connection: &mut PgConnection,
    batch: Vec<Encoded>,
) -> Result<Vec<Result<Appended, AppendError>>, sqlx::Error> {
    let (columns, asked) = Columns::of(batch);
    if let Some((first, time)) = append_plain(connection, &columns).await? {
        return Ok(all_appended(&asked, first, time));
    }
    append_judged(connection, &columns, &asked).await
}

/// The place of the first event and the time of all, where nothing speaks against any command; `None`, and nothing is
/// appended, where something may.
async fn append_plain(
    connection: &mut PgConnection,
    columns: &Columns,
) -> Result<Option<(Position, DateTime<Utc>)>, sqlx::Error> {
    let (Some(expected), Some(versions)) = (all(&columns.expected), all(&columns.versions)) else {
        return Ok(None);
    };
    let place = sqlx::query!(
        r#"select first_position as "first_position!", recorded as "recorded!"
           from log.append_plain($1::text[], $2::integer[],
                                 $3::text[], $4::integer[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                                 $9::text[], $10::bytea[], $11::text[], $12::integer[], $13::integer[],
                                 $14::text[], $15::bytea[], $16::text[])"#,
        &columns.streams,
        &expected,
        &columns.event_streams,
        &versions,
        &columns.ids,
        &columns.types as &[&str],
        &columns.data,
        &columns.metadata,
        &columns.keys,
        &columns.hashes,
        &columns.keyed_streams,
        &columns.keyed_events,
        &columns.keyed_versions as &[Option<i32>],
        &columns.requesters,
        &columns.wrapped,
        &columns.masters,
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

/// The values, where none is missing.
fn all(values: &[Option<i32>]) -> Option<Vec<i32>> {
    values.iter().copied().collect()
}

/// One answer per command, whatever speaks against it.
async fn append_judged(
    connection: &mut PgConnection,
    columns: &Columns,
    asked: &[Asked],
) -> Result<Vec<Result<Appended, AppendError>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select command as "command!", outcome as "outcome!", stream as "stream!", first_position,
                  version as "version!", recorded as "recorded!", wrapped
           from log.append_batch($1::text[], $2::integer[],
                                 $3::integer[], $4::text[], $5::integer[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                                 $10::integer[], $11::text[], $12::bytea[], $13::integer[], $14::text[], $15::bytea[], $16::text[])"#,
        &columns.streams,
        &columns.expected as &[Option<i32>],
        &columns.commands,
        &columns.event_streams,
        &columns.versions as &[Option<i32>],
        &columns.ids,
        &columns.types as &[&str],
        &columns.data,
        &columns.metadata,
        &columns.keyed_commands,
        &columns.keys,
        &columns.hashes,
        &columns.new_key_commands,
        &columns.requesters,
        &columns.wrapped,
        &columns.masters,
    )
    .fetch_all(connection)
    .await?;
    if rows.len() != asked.len() {
        return Err(sqlx::Error::Protocol(format!("{} answers to {} commands", rows.len(), asked.len())));
    }
    asked
        .iter()
        .zip(rows)
        .map(|(asked, row)| {
            let position = row.first_position.map(Position);
            let place = (position, Version(row.version), row.recorded);
            answer(asked, &row.outcome, &row.stream, place, row.wrapped)
        })
        .collect()
}

/// What is remembered of a command to read its answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    ticket: TicketId,
    expected: Expected,
    events: usize,
}

/// The batch, turned into the columns the SQL function takes.
#[derive(Default)]
struct Columns {
    streams: Vec<String>,
    expected: Vec<Option<i32>>,
    commands: Vec<i32>,
    event_streams: Vec<String>,
    versions: Vec<Option<i32>>,
    ids: Vec<Uuid>,
    types: Vec<&'static str>,
    data: Vec<String>,
    metadata: Vec<String>,
    keyed_commands: Vec<i32>,
    keys: Vec<String>,
    hashes: Vec<Vec<u8>>,
    keyed_streams: Vec<String>,
    keyed_events: Vec<i32>,
    keyed_versions: Vec<Option<i32>>,
    new_key_commands: Vec<i32>,
    requesters: Vec<String>,
    wrapped: Vec<Vec<u8>>,
    masters: Vec<String>,
}

impl Columns {
    fn of(batch: Vec<Encoded>) -> (Self, Vec<Asked>) {
        let mut columns = Self::default();
        let asked = (1..).zip(batch).map(|(number, command)| columns.add(number, command)).collect();
        (columns, asked)
    }

    fn add(&mut self, number: i32, command: Encoded) -> Asked {
        let Encoded { ticket, expected, idempotency, key, events } = command;
        let stream = ticket.to_string();
        let asked = Asked { ticket, expected, events: events.len() };
        let expected = match expected {
            Expected::Exactly(version) => Some(version.0),
            Expected::Any => None,
        };
        if let Some(Idempotency { key, body_hash }) = idempotency {
            self.keyed_commands.push(number);
            self.keys.push(key);
            self.hashes.push(body_hash.to_vec());
            self.keyed_streams.push(stream.clone());
            self.keyed_events.push(self.ids.len() as i32 + 1);
            self.keyed_versions.push(expected.map(|version| version + asked.events as i32));
        }
        for (event, ahead) in events.into_iter().zip(1..) {
            self.add_event(number, &stream, expected.map(|version| version + ahead), event);
        }
        self.streams.push(stream);
        self.expected.push(expected);
        if let Some(NewKey { requester, wrapped, master }) = key {
            self.new_key_commands.push(number);
            self.requesters.push(requester.as_str().to_owned());
            self.wrapped.push(wrapped);
            self.masters.push(master);
        }
        asked
    }

    fn add_event(&mut self, command: i32, stream: &str, version: Option<i32>, event: EncodedEvent) {
        self.commands.push(command);
        self.event_streams.push(stream.to_owned());
        self.versions.push(version);
        self.ids.push(event.id);
        self.types.push(event.type_name);
        self.data.push(event.data);
        self.metadata.push(event.metadata);
    }
}

fn protocol(what: &str) -> sqlx::Error {
    sqlx::Error::Protocol(format!("log.append_batch answered {what}"))
}

/// The answers where the database had nothing to say against any command.
fn all_appended(asked: &[Asked], first: Position, time: DateTime<Utc>) -> Vec<Result<Appended, AppendError>> {
    let mut position = first;
    asked
        .iter()
        .map(|asked| {
            let before = match asked.expected {
                Expected::Exactly(version) => version.0,
                Expected::Any => 0,
            };
            let version = Version(before + asked.events as i32);
            let appended = Appended { ticket: asked.ticket, position, version, time, replayed: false };
            position = Position(position.0 + asked.events as i64);
            Ok(appended)
        })
        .collect()
}

fn answer(
    asked: &Asked,
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
            expected: match asked.expected {
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
