//! A private nats-server with JetStream, on 127.0.0.1 only.

mod config;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    dir_lock::DirLock,
    error::{Doing, Error, Result},
    ports,
    process::{Environment, Launch, Process},
    programs,
};
use config::Config;

/// A big store is read through at the start.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// It writes its state and closes.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// What to start.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// Holds the streams, the configuration file and the lock; created when it is not there.
    pub store_dir: PathBuf,
    /// What the server says is appended here.
    pub log_file: PathBuf,
    /// The port on 127.0.0.1; `None`: a free one.
    pub port: Option<u16>,
    /// The port of the monitoring pages (`/varz`, `/jsz`); `None`: a free one.
    pub monitor_port: Option<u16>,
}

impl NatsOptions {
    /// A server on free ports.
    pub fn new(store_dir: impl Into<PathBuf>, log_file: impl Into<PathBuf>) -> Self {
        Self { store_dir: store_dir.into(), log_file: log_file.into(), port: None, monitor_port: None }
    }
}

/// A running server. Dropping it kills it.
pub struct NatsServer {
    process: Process,
    program: PathBuf,
    config: Config,
    log_file: PathBuf,
    _lock: DirLock,
}

impl NatsServer {
    /// Starts it and waits until JetStream answers.
    pub async fn start(options: &NatsOptions) -> Result<Self> {
        let dir = &options.store_dir;
        fs::create_dir_all(dir).doing(|| format!("create {}", dir.display()))?;
        let dir = dir.canonicalize().doing(|| format!("find {}", dir.display()))?;
        let lock = DirLock::take(&dir, &dir.join("lock"))?;
        let program = find_program()?;
        let config = Config {
            port: ports::claim("nats-server", options.port)?,
            monitor_port: ports::claim("nats-server monitoring", options.monitor_port)?,
            fsync_before_ack: config::can_fsync_before_ack(&programs::version(&program)?),
            store_dir: dir,
        };
        let log_file = options.log_file.clone();
        let process = run(&program, &config, &log_file).await?;
        Ok(Self { process, program, config, log_file, _lock: lock })
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.config.port)
    }

    /// The root of the monitoring pages.
    #[must_use]
    pub fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.config.monitor_port)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.config.port
    }

    /// Where its accounts and streams are.
    #[must_use]
    pub fn jetstream_dir(&self) -> PathBuf {
        self.config.store_dir.join(config::JETSTREAM_DIR)
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// SIGTERM, killed after 15 s; returns when it is gone.
    pub async fn stop(&self) -> Result<()> {
        self.process.stop(STOP_WITHIN).await
    }

    /// SIGKILL, for fault tests; returns when it is gone.
    pub async fn kill(&self) -> Result<()> {
        self.process.kill().await
    }

    /// Stops it if it runs, and starts it again on the same ports with the same store.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.process = run(&self.program, &self.config, &self.log_file).await?;
        Ok(())
    }

    /// The bus lost everything: kills the server, deletes all streams and consumers, starts it again.
    pub async fn wipe_store(&mut self) -> Result<()> {
        self.kill().await?;
        remove_store(&self.jetstream_dir())?;
        self.restart().await
    }
}

impl fmt::Debug for NatsServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NatsServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

fn remove_store(store: &Path) -> Result<()> {
    if store.exists() {
        fs::remove_dir_all(store).doing(|| format!("delete {}", store.display()))?;
    }
    Ok(())
}

async fn run(program: &Path, config: &Config, log_file: &Path) -> Result<Process> {
    let process = Process::launch(Launch {
        name: "nats-server".into(),
        program: program.to_owned(),
        args: vec!["--config".into(), config.write()?.into_os_string()],
        env: Environment::Bare,
        user: None,
        stop_signal: Signal::TERM,
        death_signal: Signal::KILL,
        log_file: log_file.to_owned(),
    })?;
    let url = format!("nats://127.0.0.1:{}", config.port);
    process.ready_within(READY_WITHIN, || async { Ok(answers(&url).await) }).await?;
    Ok(process)
}

/// Whether JetStream answers: the port opens a moment earlier.
async fn answers(url: &str) -> bool {
    let Ok(client) = async_nats::connect(url).await else { return false };
    // Not `jetstream::Context::query_account`: it insists on fields that nats-server 2.9 does not send.
    let reply = client.request("$JS.API.INFO", "".into()).await;
    reply.is_ok_and(|reply| !String::from_utf8_lossy(&reply.payload).contains("\"error\""))
}

fn find_program() -> Result<PathBuf> {
    let candidates = programs::search_path().into_iter().map(|dir| dir.join("nats-server"));
    candidates.into_iter().find(|path| programs::is_program(path)).ok_or_else(|| Error::Missing {
        program: "nats-server".into(),
        install: "apt-get install nats-server".into(),
    })
}
