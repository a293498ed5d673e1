//! A private Postgres server: on 127.0.0.1 only, with a password, durable as Postgres is by default.

mod binaries;
mod cluster;
mod leftover;
mod placement;
mod standby;

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::{
    dir_lock::DirLock,
    error::{Error, Result},
    ports,
    process::{Environment, Launch, Process},
    unprivileged::User,
};
use binaries::Binaries;
use cluster::Cluster;
pub(crate) use cluster::new_password;
use placement::Place;

/// The superuser of a private server.
const USER: &str = "hub";
/// What services sign in as.
pub const SERVICE_LOGIN: &str = "hub_app";
/// The role whose members may do what services do; the migrations say what that is.
const SERVICE_ROLE: &str = "hub_services";
/// The database that every cluster has.
const MAINTENANCE_DATABASE: &str = "postgres";
/// Recovery after a crash replays up to `max_wal_size` of log before the first connection.
const READY_WITHIN: Duration = Duration::from_secs(150);
/// A fast shutdown ends sessions at once but writes a checkpoint.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// SQLSTATE of a database or role that exists, and of two that create it at the same instant.
const DUPLICATE: [&str; 3] = ["42P04", "42710", "23505"];
/// The SQLSTATE classes of refused access: waiting would not help.
const ACCESS_REFUSED: &str = "28";

/// What to start.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The data directory; created when it is not there. Its password is kept beside it.
    pub data_dir: PathBuf,
    /// What the server says is appended here.
    pub log_file: PathBuf,
    /// The port on 127.0.0.1; `None`: a free one.
    pub port: Option<u16>,
    /// Further settings (`postgres -c name=value`); they win over the modest ones of this crate.
    pub settings: Vec<(String, String)>,
    /// Data that nobody will miss: a new cluster is not synced to disk, and when this process dies the server
    /// ends at once, without a checkpoint. Commits are as durable as ever.
    pub throwaway: bool,
}

impl PostgresOptions {
    /// A lasting server on a free port.
    pub fn new(data_dir: impl Into<PathBuf>, log_file: impl Into<PathBuf>) -> Self {
        let (data_dir, log_file) = (data_dir.into(), log_file.into());
        Self { data_dir, log_file, port: None, settings: Vec::new(), throwaway: false }
    }
}

/// A running server. Dropping it begins its shutdown; [`PostgresServer::stop`] also waits for it.
pub struct PostgresServer {
    process: Process,
    launch: LaunchPlan,
    password: String,
    relocated: Option<PathBuf>,
    _lock: DirLock,
}

/// Everything needed to start the same server again.
struct LaunchPlan {
    binaries: Binaries,
    place: Place,
    user: Option<User>,
    port: u16,
    options: PostgresOptions,
}

impl PostgresServer {
    /// Creates the cluster if it is new, ends a server that a killed run left on it, starts, and waits until
    /// connections are accepted.
    pub async fn start(options: &PostgresOptions) -> Result<Self> {
        let lock = DirLock::take(&options.data_dir, &beside(&options.data_dir, "lock"))?;
        let place = placement::find(&options.data_dir)?;
        leftover::stop(&place.dir).await?;
        let binaries = Binaries::find(cluster::major_version(&place.dir)?)?;
        let password = cluster::ready(&Cluster { binaries: &binaries, place: &place, options }).await?;
        let port = ports::claim("Postgres", options.port)?;
        let relocated = place.relocated.then(|| place.dir.clone());
        let user = place.user.clone();
        let launch = LaunchPlan { binaries, place, user, port, options: options.clone() };
        let process = launch.run(&password).await?;
        Ok(Self { process, launch, password, relocated, _lock: lock })
    }

    /// The connection string of one of its databases; holds the password, so keep it out of logs.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (password, port) = (&self.password, self.launch.port);
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// The connection string of the services, once [`PostgresServer::create_service_login`] has made their login.
    #[must_use]
    pub fn service_url(&self, database: &str, password: &str) -> String {
        let port = self.launch.port;
        format!("postgres://{SERVICE_LOGIN}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Creates a database; nothing happens when it exists.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        let create = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
        self.create(&create, &format!("create the database {name}")).await
    }

    /// Creates the login of the services, and the role it belongs to; `password` holds letters, digits and hyphens only.
    pub async fn create_service_login(&self, password: &str) -> Result<()> {
        let doing = "create the login of the services";
        self.create(&format!("CREATE ROLE {SERVICE_ROLE} NOLOGIN"), doing).await?;
        self.create(&format!("CREATE ROLE {SERVICE_LOGIN} LOGIN IN ROLE {SERVICE_ROLE}"), doing).await?;
        self.create(&format!("ALTER ROLE {SERVICE_LOGIN} PASSWORD '{password}'"), doing).await
    }

    /// Runs a statement that makes something, unless that is there already.
    async fn create(&self, statement: &str, doing: &str) -> Result<()> {
        let failed = |source| Error::Database { doing: doing.to_owned(), source };
        let mut connection = connect(self.launch.port, &self.password).await.map_err(failed)?;
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await
            && !sqlstate(&error).is_some_and(|code| DUPLICATE.contains(&code.as_str()))
        {
            return Err(failed(error));
        }
        connection.close().await.map_err(failed)
    }

    /// Makes a hot standby of this server in a new data directory, for [`PostgresServer::start`] to start.
    pub async fn copy_to_standby(&self, options: &PostgresOptions) -> Result<()> {
        standby::create(&self.launch.binaries, (self.launch.port, &self.password), options).await
    }

    /// Where the data is instead of the wanted directory, which the unprivileged user could not reach.
    #[must_use]
    pub fn relocated(&self) -> Option<&Path> {
        self.relocated.as_deref()
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.launch.port
    }

    /// The process id of the postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Fast shutdown (SIGINT): ends all sessions, writes a checkpoint; killed after 30 s. Returns when it is gone.
    pub async fn stop(&self) -> Result<()> {
        self.process.stop(STOP_WITHIN).await
    }

    /// SIGKILL, for fault tests: the next start recovers from the write-ahead log.
    pub async fn kill(&self) -> Result<()> {
        self.process.kill().await
    }

    /// Stops it if it runs, and starts it again on the same port with the same data.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        leftover::let_backends_go(&self.launch.place.dir).await;
        self.process = self.launch.run(&self.password).await?;
        Ok(())
    }
}

impl fmt::Debug for PostgresServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.launch.port;
        formatter.debug_struct("PostgresServer").field("port", &port).finish_non_exhaustive()
    }
}

impl LaunchPlan {
    /// Starts the postmaster and waits until it accepts connections.
    async fn run(&self, password: &str) -> Result<Process> {
        let process = Process::launch(Launch {
            name: "Postgres".into(),
            program: self.binaries.postgres(),
            args: self.args(),
            env: Environment::Bare,
            user: self.user.clone(),
            stop_signal: Signal::INT,
            death_signal: self.death_signal(),
            log_file: self.options.log_file.clone(),
        })?;
        process.ready_within(READY_WITHIN, || accepts(self.port, password)).await?;
        Ok(process)
    }

    /// Never SIGKILL: it would leave a System V shared memory segment behind, of which Linux has 4096, and only a later
    /// start on the same data would clear it away.
    fn death_signal(&self) -> Signal {
        if self.options.throwaway { Signal::QUIT } else { Signal::INT }
    }

    /// fsync, `full_page_writes` and `synchronous_commit` are left at their default, on.
    fn args(&self) -> Vec<OsString> {
        let port = self.port.to_string();
        let modest = [
            ("port", port.as_str()),
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", ""),
            ("shared_buffers", "128MB"),
            ("max_connections", "200"),
            // DETAIL lines quote the values of a refused row: personal data.
            ("log_error_verbosity", "terse"),
        ];
        let wanted = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut args = vec!["-D".into(), self.place.dir.clone().into_os_string()];
        for (name, value) in modest.into_iter().chain(wanted) {
            args.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        args
    }
}

/// Deletes a stopped cluster, wherever it was put, with its password and its lock. Nothing happens when there is none.
pub fn remove_data(data_dir: &Path) -> Result<()> {
    let lock_file = beside(data_dir, "lock");
    let lock = DirLock::take(data_dir, &lock_file)?;
    placement::remove(data_dir)?;
    drop(lock);
    placement::remove_file(&lock_file)
}

/// Whether the server accepts connections; an error when it refuses ours for good.
async fn accepts(port: u16, password: &str) -> Result<bool> {
    match connect(port, password).await {
        Ok(connection) => Ok(connection.close().await.is_ok()),
        Err(source) if sqlstate(&source).is_some_and(|code| code.starts_with(ACCESS_REFUSED)) => {
            Err(Error::Database {
                doing: "sign in to Postgres with the password kept beside its data".into(),
                source,
            })
        }
        Err(_) => Ok(false),
    }
}

async fn connect(port: u16, password: &str) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(USER)
        .password(password)
        .database(MAINTENANCE_DATABASE)
        .ssl_mode(PgSslMode::Disable);
    PgConnection::connect_with(&options).await
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// The file `<dir>.<what>`.
fn beside(dir: &Path, what: &str) -> PathBuf {
    let mut path = dir.as_os_str().to_owned();
    path.push(".");
    path.push(what);
    path.into()
}
