//! Several command-api processes, real ones: one relays, another takes over when it dies or stalls, and none writes late.
//! kill -9 between every two steps of the relay, and between a commit and its answer.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "these tests need the log, not the answers")]
mod support;

use std::os::unix::process::ExitStatusExt as _;

use event_bus::{Bus, read::Stored};
use futures::StreamExt as _;
use local_stack::{
    Service, ServiceSpec, ports,
    testing::{TestNats, eventually, scaled, within},
};
use reqwest::{Client, StatusCode};
use schemas::Position;
use serde_json::Value;
use support::{CommandSide, ticket};

const KILLED: i32 = 9;
const STEPS_OF_THE_RELAY: &[&str] = &["relay.began", "relay.read", "bus.sent", "relay.published"];

/// A log and a bus of their own, for processes to work on.
struct World {
    side: CommandSide,
    server: TestNats,
    http: Client,
    dir: tempfile::TempDir,
}

/// A running command-api.
struct Process {
    service: Service,
    port: u16,
}

impl World {
    async fn start() -> Self {
        let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
        let dir = tempfile::tempdir().unwrap();
        // The key `CommandSide` seals with.
        std::fs::write(dir.path().join("master.key"), "09".repeat(32)).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { side, server, http: Client::new(), dir }
    }

    fn process(&self, crash_at: Option<&str>) -> Process {
        let port = ports::free().unwrap();
        let mut env = vec![
            ("DATABASE_URL".into(), self.side.database.service_url().into()),
            ("NATS_URL".into(), self.server.url().into()),
            ("HUB_MASTER_KEY_FILE".into(), self.dir.path().join("master.key").into()),
            ("COMMAND_API_LISTEN".into(), format!("127.0.0.1:{port}").into()),
        ];
        env.extend(crash_at.map(|place| (crash_points::VARIABLE.into(), place.into())));
        let service = Service::start(&ServiceSpec {
            name: format!("command-api on {port}"),
            program: env!("CARGO_BIN_EXE_command-api").into(),
            args: vec![],
            env,
            log_file: self.dir.path().join(format!("{port}.log")),
        });
        Process { service: service.unwrap(), port }
    }

    async fn health(&self, process: &Process) -> Value {
        let url = format!("http://127.0.0.1:{}/health", process.port);
        let Ok(answer) = self.http.get(url).send().await else { return Value::Null };
        answer.json().await.unwrap_or_default()
    }

    async fn relays(&self, process: &Process) -> bool {
        self.health(process).await["relays"] == true
    }

    /// The one of `processes` that relays, once one does.
    async fn relaying<'a>(&self, processes: &[&'a Process]) -> &'a Process {
        let asking = async {
            loop {
                for process in processes {
                    if self.relays(process).await {
                        return *process;
                    }
                }
            }
        };
        within("one of the processes relaying", asking).await
    }

    async fn submit(&self, tickets: u64) {
        for _ in 0..tickets {
            assert_eq!(self.side.post(&[], ticket().to_string()).await.status, 201);
        }
    }

    async fn bus(&self) -> Bus {
        Bus::connect(&self.server.url(), "reader").await.unwrap()
    }

    /// Waits until the bus holds the log, and checks that it holds every event once, in order.
    async fn the_bus_equals_the_log(&self) {
        let (bus, head) = (self.bus().await, self.side.store.head().await.unwrap());
        eventually(format!("position {head} on the bus"), async || {
            bus.tail().await.is_ok_and(|tail| tail.position >= head)
        })
        .await;
        let messages = bus.messages(bus.extent().await.unwrap()).await.unwrap();
        let stored = messages.map(|message| message.unwrap().1.unwrap());
        let found: Vec<_> = stored.map(|Stored { position, .. }| position.unwrap().0).collect().await;
        let last = found.len() as i64;
        assert_eq!(found, (1..=last).collect::<Vec<_>>());
        // A submission that the test gave up on may have come in meanwhile.
        let heads = head.0..=self.side.store.head().await.unwrap().0;
        assert!(heads.contains(&last), "{last} events on the bus, the log's head at {heads:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_relaying_process_is_killed_another_takes_over() {
    let world = World::start().await;
    let mut processes: Vec<_> = (0..3).map(|_| world.process(None)).collect();
    for _ in 0..2 {
        let leader = world.relaying(&processes.iter().collect::<Vec<_>>()).await.port;
        world.submit(3).await;
        world.the_bus_equals_the_log().await;
        let relaying =
            futures::stream::iter(&processes).filter(|process| world.relays(process)).count().await;
        assert_eq!(relaying, 1, "one at a time");
        let index = processes.iter().position(|process| process.port == leader).unwrap();
        processes.remove(index).service.kill().await.unwrap();
        world.submit(2).await;
        world.the_bus_equals_the_log().await;
    }
}

/// Puts the last event of another log on the bus.
async fn another_logs_event(world: &World) {
    world.bus().await.ensure_stream().await.unwrap();
    let stranger = async_nats::jetstream::new(async_nats::connect(world.server.url()).await.unwrap());
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Hub-Position", "1");
    headers.insert("Nats-Msg-Id", "01939e7c-0000-7000-8000-000000000001");
    let sent = stranger.publish_with_headers("tickets.submitted.x", headers, "{}".into()).await.unwrap();
    sent.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_relay_says_why_and_tickets_are_taken_in_all_the_same() {
    let world = World::start().await;
    another_logs_event(&world).await;
    let process = world.process(None);
    eventually("the relay saying why it halts", async || {
        let problem = world.health(&process).await["relayProblem"].clone();
        problem.as_str().is_some_and(|problem| problem.contains("belongs to another log"))
    })
    .await;
    assert_eq!(world.health(&process).await["status"], "healthy");
    eventually("the halt being noted for why-stuck", async || {
        let noted = subscription::halts::fresh(world.side.store.pool()).await.unwrap();
        noted.iter().any(|halt| halt.stage == "relay" && halt.reason.contains("another log"))
    })
    .await;
    world.submit(1).await;
    world.bus().await.recreate_stream().await.unwrap();
    world.the_bus_equals_the_log().await;
    eventually("the problem being over", async || {
        let health = world.health(&process).await;
        health["relays"] == true && health["relayProblem"].is_null()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_paused_past_the_take_over_writes_nothing_late() {
    let world = World::start().await;
    let (one, two) = (world.process(None), world.process(None));
    let leader = world.relaying(&[&one, &two]).await;
    let other = if leader.port == one.port { &two } else { &one };
    for _ in 0..scaled(1, 20) {
        world.submit(2).await;
        world.the_bus_equals_the_log().await;
        leader.service.pause().unwrap();
        world.submit(5).await;
        // The server ends the session of a silent leader, and the other process fills the bus.
        world.the_bus_equals_the_log().await;
        leader.service.resume().unwrap();
        eventually("the ex-leader standing by", async || {
            // Either it saw the take-over, or it leads again because the other was the one to lose.
            world.health(leader).await["dependencies"]["postgres"]["status"] == "up"
                && world.relays(leader).await != world.relays(other).await
        })
        .await;
        world.submit(3).await;
        world.the_bus_equals_the_log().await;
        assert!(leader.service.is_running() && other.service.is_running());
        other.service.pause().unwrap();
        world.relaying(&[leader]).await;
        other.service.resume().unwrap();
        eventually("one of them relaying", async || world.relays(leader).await != world.relays(other).await)
            .await;
    }
    world.the_bus_equals_the_log().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_between_any_two_steps_leaves_no_hole_and_no_double() {
    let world = World::start().await;
    for round in 0..scaled(1, 100) {
        for step in STEPS_OF_THE_RELAY {
            world.submit(4).await;
            let place = format!("{step}:{}", 1 + round % 4);
            let process = world.process(Some(&place));
            let died = Box::pin(async {
                tokio::select! {
                    status = process.service.ended() => status.unwrap(),
                    () = async { loop { world.submit(1).await } } => unreachable!(),
                }
            });
            let status = within(format!("the death at {place}"), died).await;
            assert_eq!(status.signal(), Some(KILLED), "{place} was never reached: {status}");
        }
    }
    let _undisturbed = world.process(None);
    world.the_bus_equals_the_log().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_between_commit_and_answer_gives_the_same_answer_when_asked_again() {
    let world = World::start().await;
    for n in 0..scaled(2, 500) {
        let key = format!("key-{n}");
        let ask = async |process: &Process| {
            let url = format!("http://127.0.0.1:{}/api/tickets", process.port);
            loop {
                let request = world.http.post(&url).header("Idempotency-Key", &key).json(&ticket());
                match request.send().await {
                    // A machine that is busy may keep it from its database for a while.
                    Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {}
                    answer => break answer,
                }
            }
        };
        let doomed = world.process(Some("append.committed"));
        eventually("the process serving", async || !world.health(&doomed).await.is_null()).await;
        let answer = within("its death", ask(&doomed)).await;
        assert!(answer.is_err(), "it died before it answered");
        let committed = world.side.store.read_all(Position(n as i64), 2).await.unwrap();
        assert_eq!(committed.len(), 1, "but after it committed");
        let next = world.process(None);
        eventually("the next process serving", async || !world.health(&next).await.is_null()).await;
        for _ in 0..2 {
            let answer = within("the answer", ask(&next)).await.unwrap();
            assert_eq!(answer.status(), 201);
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["data"]["id"], committed[0].subject.to_string());
        }
        assert_eq!(world.side.store.head().await.unwrap(), Position(n as i64 + 1));
    }
}
