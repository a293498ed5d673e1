//! The Rust peers, each as its documentation uses it, in this process, on a database of its own: a new stream for one
//! event, then a second event on it, which loads the first.

#[cfg(feature = "peers")]
mod cqrs_es;
#[cfg(feature = "peers")]
mod disintegrate;
#[cfg(feature = "peers")]
mod esrs;
#[cfg(feature = "peers")]
mod start;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    bed::Bed,
    load::{Laps, Measured, together},
    table::Table,
};

/// As long as the sealed texts of a submission.
const BODY: usize = 560;

/// A library that keeps events in Postgres.
#[async_trait]
pub trait Peer: Send + Sync {
    /// Its name and version.
    fn name(&self) -> &'static str;
    /// Another handle to it.
    fn share(&self) -> Box<dyn Peer>;
    /// One event of a new stream.
    async fn submit(&self, id: Uuid, body: String) -> anyhow::Result<()>;
    /// One more event of a stream that exists, decided on its state.
    async fn comment(&self, id: Uuid, body: String) -> anyhow::Result<()>;
    /// Streams to comment on.
    fn streams(&self) -> &Streams;
}

/// The streams a peer was given.
#[derive(Clone, Debug, Default)]
pub struct Streams(Arc<Mutex<(Vec<Uuid>, usize)>>);

impl Streams {
    fn add(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.push(id);
    }

    fn in_turn(&self) -> anyhow::Result<Uuid> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        anyhow::ensure!(!streams.0.is_empty(), "there is no stream to add to");
        streams.1 += 1;
        Ok(streams.0[streams.1 % streams.0.len()])
    }
}

/// Opens all that run here; those that do not are named below the table.
#[cfg(feature = "peers")]
pub async fn open(bed: &Bed, table: &mut Table) -> anyhow::Result<Vec<Box<dyn Peer>>> {
    start::all(bed, table).await
}

/// Nobody.
#[cfg(not(feature = "peers"))]
#[expect(clippy::unused_async, reason = "as with peers")]
pub async fn open(_: &Bed, table: &mut Table) -> anyhow::Result<Vec<Box<dyn Peer>>> {
    table.note("built without the peers".to_owned());
    Ok(vec![])
}

/// New streams for as long as `point` lasts.
pub async fn submit(peer: Box<dyn Peer>, callers: usize, point: Duration) -> anyhow::Result<Measured> {
    together(point, callers, |_, end| {
        let peer = peer.share();
        async move {
            let mut laps = Laps::until(end);
            while let Some(began) = laps.next() {
                let id = Uuid::now_v7();
                peer.submit(id, "d".repeat(BODY)).await?;
                laps.done(began);
                peer.streams().add(id);
            }
            Ok(laps.latencies())
        }
    })
    .await
}

/// Second events for as long as `point` lasts.
pub async fn command(peer: Box<dyn Peer>, callers: usize, point: Duration) -> anyhow::Result<Measured> {
    together(point, callers, |_, end| {
        let peer = peer.share();
        async move {
            let mut laps = Laps::until(end);
            while let Some(began) = laps.next() {
                peer.comment(peer.streams().in_turn()?, "c".repeat(BODY / 4)).await?;
                laps.done(began);
            }
            Ok(laps.latencies())
        }
    })
    .await
}
