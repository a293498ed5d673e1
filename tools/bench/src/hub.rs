//! The hub's programs, as they are released, on a database of their own.

use std::{
    ffi::OsString,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use local_stack::{NatsServer, Service, ServiceSpec, ports};
use serde_json::Value;

use crate::{bed::Bed, cpu::Meter, http::Connection};

/// A program must answer within this time; catching up may take longer.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Before asking again how far somebody has come.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest anybody may take to come to the end of the log.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(300);

/// A database of the hub, migrated, with a bus of its own, and what programs need to know about them.
pub struct Site {
    database: String,
    /// Of the database.
    pub url: String,
    /// The bus.
    pub nats: NatsServer,
    env: Vec<(OsString, OsString)>,
    bin_dir: PathBuf,
    logs: PathBuf,
}

/// A running program of the hub.
pub struct Program {
    service: Service,
    nats: u32,
    /// Where it listens.
    pub port: u16,
}

impl Site {
    /// Makes the database and brings it to the hub's schema.
    pub async fn make(bed: &Bed, database: &str) -> anyhow::Result<Self> {
        bed.postgres.create_database(database).await?;
        let (url, nats) = (bed.postgres.url(database), bed.nats(database).await?);
        let dir = bed.dir.path();
        let env = [
            ("DATABASE_URL", url.clone()),
            ("NATS_URL", nats.url()),
            ("HUB_MASTER_KEY_FILE", dir.join("master.key").display().to_string()),
        ];
        let env = env.map(|(name, value)| (name.into(), value.into())).into();
        let (bin_dir, logs) = (bed.bin_dir.clone(), dir.to_owned());
        let site = Self { database: database.to_owned(), url, nats, env, bin_dir, logs };
        if !dir.join("master.key").exists() {
            site.hubctl(&["keys", "create"]).await?;
        }
        site.hubctl(&["migrate"]).await?;
        Ok(site)
    }

    /// Runs `hubctl` to its end and returns how long it took.
    pub async fn hubctl(&self, args: &[&str]) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let spec = self.spec("hubctl", args, vec![]);
        let status = Service::start(&spec)?.ended().await;
        ensure!(
            status.is_some_and(|status| status.success()),
            "hubctl {} failed: {}",
            args.join(" "),
            std::fs::read_to_string(&spec.log_file).unwrap_or_default()
        );
        Ok(began.elapsed())
    }

    /// Starts a service with its default settings.
    pub async fn start(&self, name: &str) -> anyhow::Result<Program> {
        let port = ports::free()?;
        let listen = format!("{}_LISTEN", name.to_uppercase().replace('-', "_"));
        let spec = self.spec(name, &[], vec![(listen.into(), format!("127.0.0.1:{port}").into())]);
        let service = Service::start(&spec)?;
        service.ready_within(READY_WITHIN, || async { health(port).await.is_ok() }).await?;
        Ok(Program { service, port, nats: self.nats.pid() })
    }

    fn spec(&self, program: &str, args: &[&str], more: Vec<(OsString, OsString)>) -> ServiceSpec {
        ServiceSpec {
            name: program.to_owned(),
            program: self.bin_dir.join(program),
            args: args.iter().map(OsString::from).collect(),
            env: [self.env.clone(), more].concat(),
            log_file: self.logs.join(format!("{program}-{}.log", self.database)),
        }
    }
}

impl Program {
    /// Who uses the processors on its behalf.
    pub fn meter(&self, bed: &Bed) -> Meter {
        Meter { hub: Some(self.service.pid()), postgres: bed.postgres.pid(), nats: self.nats }
    }

    /// A number of its `/health` answer.
    pub async fn fact(&self, name: &str) -> anyhow::Result<i64> {
        health(self.port).await?[name].as_i64().with_context(|| format!("/health does not tell {name}"))
    }

    /// Waits until the number has come to `goal`, and returns when that was.
    pub async fn reaches(&self, fact: &str, goal: i64) -> anyhow::Result<Instant> {
        let give_up = Instant::now() + CATCH_UP_WITHIN;
        while self.fact(fact).await? < goal {
            ensure!(Instant::now() < give_up, "{fact} did not come to {goal}");
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Instant::now())
    }

    /// Lets it finish.
    pub async fn stop(self) -> anyhow::Result<()> {
        Ok(self.service.stop().await?)
    }
}

async fn health(port: u16) -> anyhow::Result<Value> {
    let mut connection = Connection::open(port).await?;
    let answer = connection.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    ensure!(answer.status == 200, "/health says {}", answer.status);
    Ok(serde_json::from_slice(answer.body)?)
}
