//! What each process of the stack is told: arguments, settings, log file.

use std::{ffi::OsString, fs, path::Path};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::StackOptions;
use crate::{
    error::{Error, Result},
    ports,
    service::{Service, ServiceSpec},
};

/// glibc hands big blocks back to the kernel whenever they are freed, and a forward pass frees big blocks all the time. Kept,
/// they cost about 100 MB and save the page faults.
const ALLOCATOR: [(&str, &str); 3] = [
    ("MALLOC_MMAP_THRESHOLD_", "1073741824"),
    ("MALLOC_TRIM_THRESHOLD_", "1073741824"),
    ("MALLOC_TOP_PAD_", "67108864"),
];

/// Connection strings of the one database.
pub(super) struct Databases {
    /// Of who migrates.
    pub(super) owner: String,
    /// Of the services.
    pub(super) services: String,
}

/// What each process is told.
pub(super) struct Plan<'a> {
    options: &'a StackOptions,
    logs: &'a Path,
    databases: &'a Databases,
    backbone: Vec<(OsString, OsString)>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        options: &'a StackOptions,
        logs: &'a Path,
        databases: &'a Databases,
        nats_url: &str,
    ) -> Self {
        let backbone = env(&[
            ("DATABASE_URL", &databases.services),
            ("NATS_URL", nats_url),
            ("HUB_MASTER_KEY_FILE", &options.data_dir.join("master.key").display().to_string()),
        ]);
        Self { options, logs, databases, backbone }
    }

    /// The master key and the schema, made where they are missing.
    pub(super) async fn prepare(&self) -> Result<()> {
        self.hubctl("keys", &["keys", "create"]).await?;
        self.hubctl("migrate", &["migrate"]).await
    }

    async fn hubctl(&self, name: &str, args: &[&str]) -> Result<()> {
        let spec = self.spec("hubctl", name, args, &[("DATABASE_URL", &self.databases.owner)]);
        match Service::start(&spec)?.ended().await {
            Some(status) if status.success() => Ok(()),
            status => Err(Error::Ended {
                name: format!("hubctl {}", args.join(" ")),
                status: status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string()),
                tail: fs::read_to_string(&spec.log_file).unwrap_or_default(),
                log_file: spec.log_file,
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
                        ALLOCATOR[0],
                        ALLOCATOR[1],
                        ALLOCATOR[2],
                        ("ANALYZER_LISTEN", &listen(ports.analyzer)),
                        ("ANALYZER_MODEL_DIR", &path(&self.options.model_dir)),
                        ("ANALYZER_HEADS_DIR", &path(&self.options.heads_dir)),
                        ("ANALYZER_PROMOTED_DIR", &path(&self.options.data_dir.join("promoted-models"))),
                    ],
                ),
                ports.analyzer,
            ),
            (
                self.service(
                    "crm-sink",
                    &[
                        ("CRM_SINK_LISTEN", &listen(ports.crm_sink)),
                        ("CRM_LINGER", &self.options.crm_linger.as_millis().to_string()),
                        // On a machine of one's own the mock's calls need not last the day.
                        ("CRM_LINGER_MAX", &self.options.crm_linger.as_millis().to_string()),
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
