//! Whatever happens to the bus, every event has its effect exactly once, and the bus is whole again afterwards. Some of
//! the events are lost before the stage has seen them: those it can find in the log alone.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

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
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use schemas::{Envelope, Position};
use sqlx::PgConnection;
use subscription::{Progress, Projection, Stage, projection};
use support::{CommandSide, ticket};
use tokio::task::JoinHandle;
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
    witness: Option<Running>,
    events: i64,
    stop: CancellationToken,
}

/// The stage while it is there.
struct Running {
    progress: Progress,
    task: JoinHandle<anyhow::Result<()>>,
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
        Self { side, server, relayed, witness: None, events: 0, stop }
    }

    /// Hands tickets in, and waits until each is on the bus.
    async fn relay(&mut self, tickets: i64) {
        for _ in 0..tickets {
            assert_eq!(self.side.post(&[], ticket().to_string()).await.status, 201);
        }
        self.events += tickets;
        within("the bus holding all of them", self.relayed.reached(Position(self.events))).await;
    }

    /// As [`Self::relay`], and waits until each has had its effect.
    async fn live(&mut self, tickets: i64) {
        self.relay(tickets).await;
        let progress = self.witness().progress.clone();
        within("each having its effect", progress.reached(Position(self.events))).await;
    }

    /// As [`Self::relay`], while the stage is away.
    async fn unseen(&mut self, tickets: i64) {
        if let Some(Running { task, stop, .. }) = self.witness.take() {
            stop.cancel();
            within("the stage stopping", task).await.unwrap().unwrap();
        }
        self.relay(tickets).await;
    }

    /// The stage, started if it is away.
    fn witness(&mut self) -> &Running {
        let (store, nats_url) = (self.side.store.clone(), self.server.url());
        self.witness.get_or_insert_with(|| {
            let (progress, stop) = (Progress::new(STAGE), self.stop.child_token());
            let stage = Stage { name: STAGE, store, nats_url };
            let task = tokio::spawn(projection::run(stage, Witness, progress.clone(), stop.clone()));
            Running { progress, task, stop }
        })
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

/// Everything below a directory that is a file and not empty, always in the same order.
fn all_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(all_files(&entry.path())?);
        } else if entry.metadata()?.len() > 0 {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
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

/// What a disk can do to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip,
    Cut,
}

/// Damages one of the stream's files somewhere, and says what it did.
fn damage_somewhere(store: &Path, random: &mut StdRng) -> io::Result<String> {
    let files = all_files(&stream_in(store))?;
    let (file, per_mille) = (&files[random.random_range(0..files.len())], random.random_range(0..1000));
    let damage = if random.random() { Damage::Flip } else { Damage::Cut };
    match damage {
        Damage::Flip => flip_bit(file, per_mille)?,
        Damage::Cut => {
            let file = fs::OpenOptions::new().write(true).open(file)?;
            file.set_len(file.metadata()?.len() * per_mille as u64 / 1000)?;
        }
    }
    Ok(format!("{damage:?} at {per_mille} ‰ of {}", file.display()))
}

#[tokio::test]
async fn a_bus_that_lost_everything() {
    let mut world = World::start().await;
    world.live(5).await;
    for _ in 0..scaled(1, 50) {
        world.unseen(5).await;
        world.server.wipe_store().await.unwrap();
        world.live(5).await;
        world.settled_on_the_bus().await;
        world.every_effect_happened_once().await;
        world.the_bus_is_whole().await;
    }
}

#[tokio::test]
async fn a_bus_whose_files_are_deleted_under_it() {
    let mut world = World::start().await;
    world.live(5).await;
    for _ in 0..scaled(1, 50) {
        world.unseen(5).await;
        fs::remove_dir_all(world.server.store_dir()).unwrap();
        world.live(5).await;
        world.server.restart().await.unwrap();
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
        world.unseen(5).await;
        let shorten = |store: &Path| replace_dir(older.path(), &stream_in(store).join("msgs"));
        world.server.while_stopped(shorten).await.unwrap();
        world.live(3).await;
        world.settled_on_the_bus().await;
        world.every_effect_happened_once().await;
        world.the_bus_is_whole().await;
    }
}

#[tokio::test]
async fn a_bus_that_lost_its_beginning() {
    let mut world = World::start().await;
    world.live(5).await;
    world.unseen(5).await;
    let client = async_nats::connect(world.server.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("TICKETS").await.unwrap();
    stream.purge().sequence(8).await.unwrap();
    world.live(3).await;
    world.every_effect_happened_once().await;
    let bus = Bus::connect(&world.server.url(), "reader").await.unwrap();
    eventually("the whole log on the bus", async || {
        bus.tail().await.is_ok_and(|tail| tail.position == Position(world.events))
            && bus.first_position().await.is_ok_and(|first| first == Some(Position(1)))
    })
    .await;
    world.the_bus_is_whole().await;
}

#[tokio::test]
async fn a_bus_that_forgot_its_consumers() {
    let mut world = World::start().await;
    world.live(5).await;
    for _ in 0..scaled(1, 100) {
        world.settled_on_the_bus().await;
        world.unseen(5).await;
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
    for per_mille in [0, 130, 501, 999] {
        world.unseen(3).await;
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
async fn a_bus_damaged_anywhere_at_rest_or_while_it_runs() {
    let mut world = World::start().await;
    for round in 0..scaled(4, 1000) {
        let mut random = StdRng::seed_from_u64(round);
        world.live(3).await;
        world.unseen(3).await;
        let mut what = String::new();
        if round % 2 == 0 {
            let damage = |store: &Path| damage_somewhere(store, &mut random).map(|damage| what = damage);
            world.server.while_stopped(damage).await.unwrap();
        } else {
            what = damage_somewhere(&world.server.store_dir(), &mut random).unwrap();
        }
        println!("round {round}: {what}");
        world.live(3).await;
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
