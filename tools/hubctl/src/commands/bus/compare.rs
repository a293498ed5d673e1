//! Log and stream side by side, message by message.

use std::{collections::VecDeque, fmt};

use anyhow::Context as _;
use event_bus::{Bus, Digest, publish::payload, read::Stored};
use event_store::{EventStore, StoreError};
use futures::{StreamExt as _, pin_mut};
use indicatif::ProgressBar;
use schemas::{Envelope, Position};
use tokio::task::JoinHandle;

/// Events read from the log at a time.
const CHUNK: u32 = 512;

/// What a comparison found.
pub(crate) struct Comparison {
    /// Equal up to here.
    pub(crate) position: Position,
    /// Of everything up to there.
    pub(crate) log: String,
    /// The same of the stream.
    pub(crate) bus: String,
    /// Where the two part.
    pub(crate) difference: Option<Difference>,
}

/// The first difference.
pub(crate) enum Difference {
    /// The stream has nothing that can be read there.
    Unreadable { sequence: u64, expected: Position },
    /// A message without the headers of ours.
    NotOurs { sequence: u64, expected: Position },
    /// Another position than the next one.
    Position { sequence: u64, found: Position, expected: Position },
    /// The log does not reach so far.
    BeyondTheLog { sequence: u64, found: Position },
    /// Another event than the log's.
    Event { sequence: u64, position: Position },
    /// The right event with other bytes.
    Bytes { sequence: u64, position: Position },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { sequence, expected } => {
                write!(f, "sequence {sequence} holds nothing readable where position {expected} belongs")
            }
            Self::NotOurs { sequence, expected } => {
                write!(f, "sequence {sequence} holds a message of somebody else before position {expected}")
            }
            Self::Position { sequence, found, expected } => {
                write!(f, "sequence {sequence} holds position {found} where {expected} belongs")
            }
            Self::BeyondTheLog { sequence, found } => {
                write!(f, "sequence {sequence} holds position {found}, which the log does not have")
            }
            Self::Event { sequence, position } => {
                write!(f, "sequence {sequence} holds another event than the log at position {position}")
            }
            Self::Bytes { sequence, position } => {
                write!(f, "sequence {sequence} holds other bytes than the log at position {position}")
            }
        }
    }
}

/// Compares what the stream holds now with the log, up to the first difference.
pub(crate) async fn compare(
    store: &EventStore,
    bus: &Bus,
    progress: &ProgressBar,
) -> anyhow::Result<Comparison> {
    let extent = bus.extent().await.context("no stream to compare")?;
    progress.set_length(extent.len());
    let messages = bus.messages(extent).await?;
    pin_mut!(messages);
    let mut log = Log::of(store);
    let (mut of_log, mut of_bus) = (Digest::default(), Digest::default());
    let mut difference = None;
    while let Some(message) = messages.next().await {
        let (sequence, stored) = message?;
        let Some(event) = log.peek().await? else {
            difference = Some(beyond(sequence, stored.as_ref(), log.position));
            break;
        };
        let bytes = payload(event)?;
        difference = differs(sequence, stored.as_ref(), event, &bytes);
        let (None, Some(stored)) = (&difference, stored) else { break };
        of_log.add(event.position, event.id, &bytes);
        if let (Some(position), Some(id)) = (stored.position, stored.id) {
            of_bus.add(position, id, &stored.payload);
        }
        log.pass();
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(Comparison { position: log.position, log: of_log.finish(), bus: of_bus.finish(), difference })
}

fn beyond(sequence: u64, stored: Option<&Stored>, head: Position) -> Difference {
    let expected = head.next();
    match stored {
        None => Difference::Unreadable { sequence, expected },
        Some(Stored { position: Some(found), .. }) => Difference::BeyondTheLog { sequence, found: *found },
        Some(_) => Difference::NotOurs { sequence, expected },
    }
}

/// Whether the stream holds something else than `event`, whose bytes on the bus are `bytes`.
fn differs(sequence: u64, stored: Option<&Stored>, event: &Envelope, bytes: &[u8]) -> Option<Difference> {
    let expected = event.position;
    let Some(stored) = stored else { return Some(Difference::Unreadable { sequence, expected }) };
    let (Some(found), Some(id)) = (stored.position, stored.id) else {
        return Some(Difference::NotOurs { sequence, expected });
    };
    if found != expected {
        Some(Difference::Position { sequence, found, expected })
    } else if id != event.id {
        Some(Difference::Event { sequence, position: expected })
    } else if stored.payload != bytes {
        Some(Difference::Bytes { sequence, position: expected })
    } else {
        None
    }
}

/// The log from the beginning, two chunks in memory at a time: the next one is read while this one is compared.
struct Log<'a> {
    store: &'a EventStore,
    chunk: VecDeque<Envelope>,
    next: Option<JoinHandle<Result<Vec<Envelope>, StoreError>>>,
    /// Passed up to here.
    position: Position,
}

impl<'a> Log<'a> {
    fn of(store: &'a EventStore) -> Self {
        Self { store, chunk: VecDeque::new(), next: None, position: Position::START }
    }

    async fn peek(&mut self) -> anyhow::Result<Option<&Envelope>> {
        if self.chunk.is_empty() {
            let mut chunk = match self.next.take() {
                Some(reading) => reading.await??,
                None => vec![],
            };
            if chunk.is_empty() {
                // The log may have grown since it was read ahead to its end.
                chunk = self.store.read_all(self.position, CHUNK).await?;
            }
            if let Some(last) = chunk.last().map(|event| event.position) {
                let store = self.store.clone();
                self.next = Some(tokio::spawn(async move { store.read_all(last, CHUNK).await }));
            }
            self.chunk = chunk.into();
        }
        Ok(self.chunk.front())
    }

    fn pass(&mut self) {
        if let Some(event) = self.chunk.pop_front() {
            self.position = event.position;
        }
    }
}
