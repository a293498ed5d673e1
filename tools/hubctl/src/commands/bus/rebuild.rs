//! `hubctl bus rebuild`. A relay may run meanwhile: both publish the same events in the same order, and the fence lets
//! each event through once.

mod refill;

use std::process::ExitCode;

use anyhow::Context as _;
use event_bus::{Bus, Digest, read::Stored};
use event_store::EventStore;
use futures::{StreamExt as _, pin_mut};
use indicatif::ProgressBar;
use schemas::Position;

use self::refill::{Refilled, refill};
use super::compare::compare;
use crate::view;

pub(super) async fn run(store: &EventStore, bus: &Bus, yes: bool) -> anyhow::Result<ExitCode> {
    let head = store.head().await?;
    anyhow::ensure!(
        yes,
        "nothing done: this deletes the stream and publishes {head} events again; add --yes"
    );
    bus.recreate_stream().await.context("making the stream anew")?;
    let Refilled { position, sha256 } = refill(store, bus, head, &view::progress("publishing")).await?;
    if digest_of_stream(bus, position, &view::progress("proving")).await?.as_ref() != Some(&sha256) {
        let found = compare(store, bus, &view::progress("comparing")).await?;
        let difference =
            found.difference.map_or_else(|| "it changed meanwhile".to_owned(), |d| d.to_string());
        anyhow::bail!("refilled, but {difference}: does somebody else publish on this bus?");
    }
    println!("the bus holds the log up to position {position}\nsha256 of both {sha256}");
    Ok(ExitCode::SUCCESS)
}

/// The digest of what the stream holds up to the position `end`, read back from it; `None` where a message is missing or is
/// not ours.
async fn digest_of_stream(
    bus: &Bus,
    end: Position,
    progress: &ProgressBar,
) -> anyhow::Result<Option<String>> {
    progress.set_length(end.0 as u64);
    let messages = bus.messages(bus.extent().await?).await?;
    pin_mut!(messages);
    let (mut digest, mut read) = (Digest::default(), Position::START);
    while read < end
        && let Some(message) = messages.next().await
    {
        let (_, Some(Stored { position: Some(position), id: Some(id), payload })) = message? else {
            return Ok(None);
        };
        digest.add(position, id, &payload);
        read = position;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok((read == end).then(|| digest.finish()))
}
