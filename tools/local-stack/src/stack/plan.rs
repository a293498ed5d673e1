//! What each process of the stack is told: arguments, settings, log file.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rand::RngCore as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::StackOptions;
use crate::{
    error::{Doing as _, Error, Result},
    ports,
    service::{Service, ServiceSpec},
};

/// What each process is told.
pub(super) struct Plan<'a> {
    options: &'a StackOptions,
    logs: &'a Path,
    backbone: Vec<(OsString, OsString)>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        options: &'a StackOptions,
        logs: &'a Path,
        database_url: &str,
        nats_url: &str,
    ) -> Result<Self> {
        let master_key = options.data_dir.join("master.key");
        ensure_master_key(&master_key)?;
        let backbone = env(&[
            ("DATABASE_URL", database_url),
            ("NATS_URL", nats_url),
            ("HUB_MASTER_KEY_FILE", &master_key.display().to_string()),
        ]);
        Ok(Self { options, logs, backbone })
    }

    pub(super) async fn migrate(&self) -> Result<()> {
        let migration = Service::start(&self.spec("hubctl", "migrate", &["migrate"], &[]))?;
        match migration.ended().await {
            Some(status) if status.success() => Ok(()),
            status => Err(Error::Ended {
                name: "hubctl migrate".to_owned(),
                status: status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string()),
                log_file: self.logs.join("migrate.log"),
                tail: fs::read_to_string(self.logs.join("migrate.log")).unwrap_or_default(),
            }),
        }
    }

    pub(super) fn services(&self) -> [(ServiceSpec, u16); 5] {
        let ports = self.options.ports;
        let zoho = format!("http://127.0.0.1:{}", ports.zoho_mock);
        let path = |path: &Path| path.display().to_string();
        let listen = |port: u16| format!("127.0.0.1:{port}");
        let state = path(&self.options.data_dir.join("zoho-mock.json"));
        let requests = path(&self.options.data_dir.join("zoho-mock-requests.jsonl"));
        let mock_args =
            ["--port", &ports.zoho_mock.to_string(), "--state-file", &state, "--request-log", &requests];
        [
            (self.spec("zoho-mock", "zoho-mock", &mock_args, &[]), ports.zoho_mock),
            (
                self.service("command-api", &[("COMMAND_API_LISTEN", &listen(ports.command_api))]),
                ports.command_api,
            ),
            (self.service("projector", &[("PROJECTOR_LISTEN", &listen(ports.projector))]), ports.projector),
            (
                self.service(
                    "analyzer-worker",
                    &[
                        ("ANALYZER_LISTEN", &listen(ports.analyzer)),
                        ("ANALYZER_MODEL_DIR", &path(&self.options.model_dir)),
                        ("ANALYZER_HEADS_DIR", &path(&self.options.heads_dir)),
                    ],
                ),
                ports.analyzer,
            ),
            (
                self.service(
                    "crm-sink",
                    &[
                        ("CRM_SINK_LISTEN", &listen(ports.crm_sink)),
                        ("CRM_LINGER", &self.options.crm_linger),
                        ("ZOHOCREATOR_URL", &zoho),
                        ("ZOHO_ACCOUNTS_URL", &zoho),
                        // The mock's own credentials, which open nothing else.
                        ("ZOHO_CLIENT_ID", "mock-client"),
                        ("ZOHO_CLIENT_SECRET", "mock-secret"),
                        ("ZOHO_REFRESH_TOKEN", "mock-refresh-token"),
                    ],
                ),
                ports.crm_sink,
            ),
        ]
    }

    fn service(&self, name: &str, settings: &[(&str, &str)]) -> ServiceSpec {
        self.spec(name, name, &[], settings)
    }

    fn spec(&self, program: &str, name: &str, args: &[&str], settings: &[(&str, &str)]) -> ServiceSpec {
        ServiceSpec {
            name: name.to_owned(),
            program: self.options.bin_dir.join(program),
            args: args.iter().map(OsString::from).collect(),
            env: [self.backbone.clone(), env(settings)].concat(),
            log_file: self.logs.join(format!("{name}.log")),
        }
    }
}

fn env(settings: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    settings.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Makes the key of personal data once; whoever loses the file loses the data.
fn ensure_master_key(path: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        outcome => outcome.doing(|| format!("create {}", path.display()))?,
    };
    let mut key = [0; 32];
    rand::rng().fill_bytes(&mut key);
    file.write_all(hex::encode(key).as_bytes())
        .and_then(|()| file.sync_all())
        .doing(|| format!("write {}", path.display()))
}

/// Whether `/health` on the port says 200.
pub(super) async fn answers(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(ports::loopback(port)).await?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        std::io::Result::Ok(status)
    };
    asked.await.is_ok_and(|status| status.ends_with(b" 200"))
}
