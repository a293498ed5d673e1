//! Whatever happens to the bus, every event has its effect exactly once, and the bus is whole again afterwards.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "these tests need the log, not the answers")]
mod support;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use command_api::relay::Relay;
use event_bus::Bus;
use futures::StreamExt as _;
use local_stack::testing::{TestNats, eventually, scaled, within};
use rand::Rng as _;
use schemas::{Envelope, Position};
use sqlx::PgConnection;
use subscription::{Progress, Projection, Stage, projection};
use support::{CommandSide, ticket};
use tokio_util::sync::CancellationToken;

const STAGE: &str = "witness";

/// Notes every event in a table, where a second effect would show as a second row.
struct Witness;

impl Projection for Witness {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        for event in events {
            let note = sqlx::query("insert into seen values ($1)").bind(event.position.0);
            note.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

/// A log, a bus, a relay between them and a stage behind them.
struct World {
    side: CommandSide,
    server: TestNats,
    relayed: Progress,
    witnessed: Progress,
    events: i64,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    async fn start() -> Self {
        let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
        let stop = CancellationToken::new();
        let owner = event_store::database::pool(side.database.url(), "owner", 1).unwrap();
        sqlx::raw_sql("create table seen (position bigint)").execute(&owner).await.unwrap();
        let bus = Bus::connect(&server.url(), "relay").await.unwrap();
        let relay = Relay::new(side.store.clone(), bus);
        let relayed = relay.progress();
        tokio::spawn(relay.run(stop.clone()));
        let stage = Stage { name: STAGE, store: side.store.clone(), nats_url: server.url() };
        let witnessed = Progress::new(STAGE);
        tokio::spawn(projection::run(stage, Witness, witnessed.clone(), stop.clone()));
        Self { side, server, relayed, witnessed, events: 0, stop }
    }

    /// Hands tickets in, and waits until each is on the bus and has had its effect.
    async fn live(&mut self, tickets: i64) {
        for _ in 0..tickets {
            assert_eq!(self.side.post(&[], ticket().to_string()).await.status, 201);
        }
        self.events += tickets;
        within("the bus holding all of them", self.relayed.reached(Position(self.events))).await;
        within("each having its effect", self.witnessed.reached(Position(self.events))).await;
    }

    async fn every_effect_happened_once(&self) {
        let seen: Vec<i64> = sqlx::query_scalar("select position from seen order by position")
            .fetch_all(self.side.store.pool())
            .await
            .unwrap();
        assert_eq!(seen, (1..=self.events).collect::<Vec<_>>());
    }

    /// What the stream can still serve, in its order.
    async fn on_the_bus(&self) -> Vec<i64> {
        let bus = Bus::connect(&self.server.url(), "reader").await.unwrap();
        let messages = bus.messages(bus.extent().await.unwrap()).await.unwrap();
        let stored = messages.filter_map(async |message| message.unwrap().1);
        stored.map(|stored| stored.position.unwrap().0).collect().await
    }

    async fn the_bus_is_whole(&self) {
        assert_eq!(self.on_the_bus().await, (1..=self.events).collect::<Vec<_>>());
    }

    /// Waits until the stage consumes from the bus and has settled everything.
    async fn settled_on_the_bus(&self) {
        let client = async_nats::connect(self.server.url()).await.unwrap();
        let stream = async_nats::jetstream::new(client).get_stream("TICKETS").await.unwrap();
        let settled = |info: async_nats::jetstream::consumer::Info| {
            info.delivered.stream_sequence >= self.events as u64 && info.num_ack_pending == 0
        };
        eventually("the stage settling everything on the bus", async || {
            stream.consumer_info(STAGE).await.is_ok_and(settled)
        })
        .await;
    }
}

fn stream_in(store: &Path) -> PathBuf {
    store.join("$G/streams/TICKETS")
}

fn files_in(dir: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<_> = paths.collect::<io::Result<_>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
}

fn replace_dir(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Turns one bit of a file, `per_mille` thousandths into it.
fn flip_bit(file: &Path, per_mille: usize) -> io::Result<()> {
    let mut bytes = fs::read(file)?;
    let at = bytes.len() * per_mille / 1000;
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0x10;
    }
    fs::write(file, bytes)
}

#[tokio::test]
async fn a_bus_that_lost_everything() {
    let mut world = World::start().await;
    world.live(5).await;
    for _ in 0..scaled(1, 50) {
        world.server.wipe_store().await.unwrap();
        world.live(5).await;
        world.settled_on_the_bus().await;
        world.every_effect_happened_once().await;
        world.the_bus_is_whole().await;
    }
}

#[tokio::test]
async fn a_bus_that_lost_its_end() {
    let mut world = World::start().await;
    for _ in 0..scaled(1, 100) {
        world.live(5).await;
        let older = tempfile::tempdir().unwrap();
        let keep = |store: &Path| replace_dir(&stream_in(store).join("msgs"), older.path());
        world.server.while_stopped(keep).await.unwrap();
        world.live(10).await;
        world.settled_on_the_bus().await;
        let shorten = |store: &Path| replace_dir(older.path(), &stream_in(store).join("msgs"));
        world.server.while_stopped(shorten).await.unwrap();
        world.live(3).await;
        world.settled_on_the_bus().await;
        world.every_effect_happened_once().await;
        world.the_bus_is_whole().await;
    }
}

#[tokio::test]
async fn a_bus_that_forgot_its_consumers() {
    let mut world = World::start().await;
    world.live(5).await;
    for _ in 0..scaled(1, 100) {
        world.settled_on_the_bus().await;
        let forget = |store: &Path| fs::remove_dir_all(stream_in(store).join("obs"));
        world.server.while_stopped(forget).await.unwrap();
        world.live(5).await;
        world.settled_on_the_bus().await;
        world.every_effect_happened_once().await;
        world.the_bus_is_whole().await;
    }
}

#[tokio::test]
async fn a_bus_with_flipped_bits_in_its_messages() {
    let mut world = World::start().await;
    world.live(10).await;
    let more = (0..scaled(0, 996)).map(|_| rand::rng().random_range(0..1000));
    for per_mille in [0, 130, 501, 999].into_iter().chain(more) {
        let flip = |store: &Path| {
            let blocks = files_in(&stream_in(store).join("msgs"), "blk")?;
            blocks.iter().try_for_each(|block| flip_bit(block, per_mille))
        };
        world.server.while_stopped(flip).await.unwrap();
        world.live(2).await;
        world.every_effect_happened_once().await;
    }
}

#[tokio::test]
async fn a_bus_with_a_flipped_bit_in_its_description() {
    let mut world = World::start().await;
    world.live(5).await;
    let flip = |store: &Path| flip_bit(&stream_in(store).join("meta.inf"), 500);
    world.server.while_stopped(flip).await.unwrap();
    world.live(5).await;
    world.settled_on_the_bus().await;
    world.every_effect_happened_once().await;
    world.the_bus_is_whole().await;
}
