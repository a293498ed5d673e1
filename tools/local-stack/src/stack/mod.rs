//! The whole system on one machine: the two servers, the four services, the mock and the gateway, each a process of its
//! own under one data directory.

mod plan;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use crate::{
    error::{Doing as _, Result},
    gateway::{Gateway, Upstreams},
    nats::{NatsOptions, NatsServer},
    ports,
    postgres::{PostgresOptions, PostgresServer, new_password},
    service::Service,
};
use plan::{Databases, Plan, answers};

/// The database of the system.
const DATABASE: &str = "hub";
/// The model is read and warmed up before the analyzer is ready.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// Where everything listens, on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the programs")]
pub struct Ports {
    pub gateway: u16,
    pub command_api: u16,
    pub analyzer: u16,
    pub projector: u16,
    pub crm_sink: u16,
    pub zoho_mock: u16,
    pub postgres: u16,
    pub nats: u16,
    pub nats_monitor: u16,
}

impl Ports {
    /// The documented ports, all moved up by `offset`. Postgres and NATS are away from their usual ports, where servers
    /// of this machine may be.
    #[must_use]
    pub const fn standard(offset: u16) -> Self {
        Self {
            gateway: 8080 + offset,
            command_api: 3001 + offset,
            analyzer: 3002 + offset,
            projector: 3003 + offset,
            crm_sink: 3004 + offset,
            zoho_mock: 5002 + offset,
            postgres: 15432 + offset,
            nats: 14222 + offset,
            nats_monitor: 18222 + offset,
        }
    }

    /// Ports that nobody uses.
    ///
    /// # Errors
    /// [`crate::Error::NoFreePort`].
    pub fn free() -> Result<Self> {
        Ok(Self {
            gateway: ports::free()?,
            command_api: ports::free()?,
            analyzer: ports::free()?,
            projector: ports::free()?,
            crm_sink: ports::free()?,
            zoho_mock: ports::free()?,
            postgres: ports::free()?,
            nats: ports::free()?,
            nats_monitor: ports::free()?,
        })
    }

    /// Fails on the first port of a service that somebody uses; the servers check theirs themselves.
    fn check(&self) -> Result<()> {
        for (name, port) in [
            ("the gateway", self.gateway),
            ("command-api", self.command_api),
            ("analyzer-worker", self.analyzer),
            ("projector", self.projector),
            ("crm-sink", self.crm_sink),
            ("zoho-mock", self.zoho_mock),
        ] {
            ports::claim(name, Some(port))?;
        }
        Ok(())
    }
}

/// What to start, and where its files are.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Everything that is kept between runs, and the logs.
    pub data_dir: PathBuf,
    /// Holds the programs.
    pub bin_dir: PathBuf,
    /// Holds model.safetensors, vocab.txt and config.json.
    pub model_dir: PathBuf,
    /// Holds heads.safetensors and heads.json.
    pub heads_dir: PathBuf,
    /// Where everything listens.
    pub ports: Ports,
    /// How long the CRM sink gathers tickets for one request.
    pub crm_linger: Duration,
}

/// The running system. Dropping it kills every process; [`Stack::stop`] lets them finish.
#[derive(Debug)]
pub struct Stack {
    services: Vec<Service>,
    _gateway: Gateway,
    nats: NatsServer,
    postgres: PostgresServer,
    ports: Ports,
}

impl Stack {
    /// Starts everything in the order of its dependencies; `say` hears what happens.
    ///
    /// # Errors
    /// As [`crate::Error`]; whatever was started before is killed.
    pub async fn start(options: &StackOptions, say: impl Fn(&str)) -> Result<Self> {
        options.ports.check()?;
        let logs = options.data_dir.join("logs");
        fs::create_dir_all(&logs).doing(|| format!("create {}", logs.display()))?;
        let postgres = start_postgres(options, &logs, &say).await?;
        let databases = sign_services_in(&postgres).await?;
        say("starting nats-server with JetStream");
        let mut nats_options = NatsOptions::new(options.data_dir.join("nats"), logs.join("nats.log"));
        nats_options.port = Some(options.ports.nats);
        nats_options.monitor_port = Some(options.ports.nats_monitor);
        let nats = NatsServer::start(&nats_options).await?;

        let plan = Plan::new(options, &logs, &databases, &nats.url());
        say("migrating the database");
        plan.prepare().await?;
        let mut services = Vec::new();
        for (spec, port) in plan.services() {
            say(&format!("starting {}", spec.name));
            services.push((Service::start(&spec)?, port));
        }
        for (service, port) in &services {
            service.ready_within(READY_WITHIN, || answers(*port)).await?;
        }
        let upstreams = Upstreams {
            commands: ports::loopback(options.ports.command_api),
            queries: ports::loopback(options.ports.projector),
        };
        let gateway = Gateway::start(ports::loopback(options.ports.gateway), &upstreams).await?;
        let services = services.into_iter().map(|(service, _)| service).collect();
        Ok(Self { services, _gateway: gateway, nats, postgres, ports: options.ports })
    }

    /// Where clients call.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.gateway)
    }

    /// The connection string of the log and the read models, for their owner.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// Where the bus is.
    #[must_use]
    pub fn nats_url(&self) -> String {
        self.nats.url()
    }

    /// Where everything listens.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// The database, for fault tests.
    pub const fn postgres_mut(&mut self) -> &mut PostgresServer {
        &mut self.postgres
    }

    /// The bus, for fault tests.
    pub const fn nats_mut(&mut self) -> &mut NatsServer {
        &mut self.nats
    }

    /// A service by its name, for fault tests.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name() == name)
    }

    /// Where the database's files really are, when its owner cannot enter the data directory.
    #[must_use]
    pub fn relocated(&self) -> Option<&Path> {
        self.postgres.relocated()
    }

    /// Waits until a service ends by itself, which none should, and names it.
    pub async fn first_end(&self) -> (&str, Option<ExitStatus>) {
        let ends =
            self.services.iter().map(|service| Box::pin(async { (service.name(), service.ended().await) }));
        futures::future::select_all(ends).await.0
    }

    /// Stops everything, the consumers first, and returns when it is gone.
    ///
    /// # Errors
    /// The first process that could not be signalled; the others are stopped all the same.
    pub async fn stop(self) -> Result<()> {
        let mut outcome = Ok(());
        for service in self.services.iter().rev() {
            outcome = outcome.and(service.stop().await);
        }
        outcome.and(self.nats.stop().await).and(self.postgres.stop().await)
    }
}

/// Deletes everything a stopped stack kept in `data_dir`: log, bus, read models, keys, CRM records, logs.
///
/// # Errors
/// [`crate::Error::InUse`] while a stack runs there.
pub fn remove_data(data_dir: &Path) -> Result<()> {
    crate::postgres::remove_data(&data_dir.join("postgres"))?;
    for name in ["nats", "logs", "zoho-mock.json", "zoho-mock-requests.jsonl", "master.key"] {
        let path = data_dir.join(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            outcome => outcome.doing(|| format!("remove {}", path.display()))?,
        }
    }
    Ok(())
}

/// A login of the services with a password that lasts until the next start.
async fn sign_services_in(postgres: &PostgresServer) -> Result<Databases> {
    let password = new_password();
    postgres.create_service_login(&password).await?;
    Ok(Databases { owner: postgres.url(DATABASE), services: postgres.service_url(DATABASE, &password) })
}

async fn start_postgres(options: &StackOptions, logs: &Path, say: &impl Fn(&str)) -> Result<PostgresServer> {
    let data_dir = options.data_dir.join("postgres");
    say(if data_dir.exists() { "starting Postgres" } else { "creating and starting Postgres" });
    let mut postgres_options = PostgresOptions::new(data_dir, logs.join("postgres.log"));
    postgres_options.port = Some(options.ports.postgres);
    let postgres = PostgresServer::start(&postgres_options).await?;
    if let Some(place) = postgres.relocated() {
        say(&format!(
            "the database is in {}, because its user cannot enter the data directory",
            place.display()
        ));
    }
    postgres.create_database(DATABASE).await?;
    Ok(postgres)
}
