//! What can be set: by flags, or by environment variables that start with `ANALYZER_`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use service_host::settings::{Backbone, Listen};

use crate::transcription::engine::TranscriptionSettings;

/// What the service needs.
#[derive(Clone, Debug, Args)]
pub struct ServeSettings {
    /// The log, the bus and the keys.
    #[command(flatten)]
    pub backbone: Backbone,
    /// Where to listen; loopback only.
    #[arg(long, env = "ANALYZER_LISTEN", default_value = "127.0.0.1:3002")]
    pub listen: Listen,
    /// Folder that promoted models are unpacked to
    #[arg(long, env = "ANALYZER_PROMOTED_DIR", default_value = ".local/promoted-models")]
    pub promoted_dir: PathBuf,
    /// Recordings.
    #[command(flatten)]
    pub transcription: TranscriptionSettings,
    /// Encoder and heads.
    #[command(flatten)]
    pub model: ModelSettings,
}

/// Where the model is and how it computes.
#[derive(Clone, Debug, Args)]
pub struct ModelSettings {
    /// Folder of the encoder: model.safetensors, vocab.txt, config.json
    #[arg(long, env = "ANALYZER_MODEL_DIR", default_value = ".local/minilm-l6-v2")]
    pub model_dir: PathBuf,
    /// Folder of the trained heads: heads.safetensors, heads.json
    #[arg(long, env = "ANALYZER_HEADS_DIR", default_value = "analyzer-worker/model")]
    pub heads_dir: PathBuf,
    /// Folder of a team's own labels: own.safetensors, own.json; that of the heads where none is named
    #[arg(long, env = "ANALYZER_OWN_LABELS_DIR")]
    pub own_labels_dir: Option<PathBuf>,
    /// Threads of one matrix multiplication (whole numbers: always 1). 1 is best where processes share the cores
    #[arg(long, env = "ANALYZER_THREADS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Threads that analyze, each with a model of its own (180 MB): tickets side by side
    #[arg(long, env = "ANALYZER_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub workers: u8,
    /// Number format of the encoder, and what computes in it
    #[arg(long, env = "ANALYZER_PRECISION", value_enum, default_value_t = PrecisionChoice::Auto)]
    pub precision: PrecisionChoice,
    /// Tickets that may wait for the model. Half of the places are for `POST /analyze`, which answers 429 while they are taken
    #[arg(long, env = "ANALYZER_QUEUE", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub queue: u16,
    /// Milliseconds one batch may take: tickets that wait longer would not gain by it
    #[arg(long, env = "ANALYZER_BATCH_MS", default_value_t = 250, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch_ms: u16,
    /// Seconds to wait for the model before rules answer
    #[arg(long, env = "ANALYZER_PATIENCE", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    pub patience: u16,
}

impl ModelSettings {
    /// Where a team's own labels are.
    #[must_use]
    pub fn own_labels_dir(&self) -> &Path {
        self.own_labels_dir.as_deref().unwrap_or(&self.heads_dir)
    }

    /// The same with other heads, and with the same own labels.
    #[must_use]
    pub fn with_heads(&self, heads_dir: PathBuf) -> Self {
        Self { own_labels_dir: Some(self.own_labels_dir().to_owned()), heads_dir, ..self.clone() }
    }
}

/// Which number format to compute in, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionChoice {
    /// The fastest that a check at start finds as good as f32
    Auto,
    /// 16 bits: fast on processors with AMX or AVX512 bf16 instructions
    Bf16,
    /// 32 bits: runs well everywhere
    F32,
    /// Whole numbers of 8 bits: fast on processors with AVX-512 VNNI, refused on others
    Int8,
    /// The first CUDA device: for analyzers built with a libtorch for GPUs, refused by others
    Gpu,
}
