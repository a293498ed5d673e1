//! Promoted models: kept in the database, named by the log, unpacked to a folder for whoever computes with them. Heads that
//! came with the program are used where they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use event_store::{EventStore, StoreError, kept_models};
use schemas::{
    Position, TicketEvent, TicketId, Version,
    analysis::ModelRef,
    event::{DecodeError, ModelPromoted},
};

use crate::model::heads::{MANIFEST_FILE, WEIGHTS_FILE, read_manifest};

/// Why a promoted model cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log names a model that is not kept.
    #[error("no model {0} is kept")]
    Unknown(String),
    /// An event of the hub's stream cannot be read.
    #[error("the hub's stream cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Write {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The kept models. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Models {
    store: EventStore,
    /// Where they are unpacked, one folder each.
    dir: PathBuf,
    /// The heads that came with the program.
    shipped: PathBuf,
}

/// A promotion and its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Promoted {
    /// Where it stands.
    pub position: Position,
    /// When it was recorded.
    pub time: DateTime<Utc>,
    /// What was decided.
    pub fact: ModelPromoted,
}

impl Models {
    /// The models of this log, unpacked below `dir`, except for the ones in the folder `shipped`.
    #[must_use]
    pub const fn new(store: EventStore, dir: PathBuf, shipped: PathBuf) -> Self {
        Self { store, dir, shipped }
    }

    /// The model that the log says shall answer; none before the first promotion.
    ///
    /// # Errors
    /// As [`ModelsError`].
    pub async fn promoted(&self) -> Result<Option<ModelRef>, ModelsError> {
        Ok(promotions(&self.store).await?.pop().map(|promoted| promoted.fact.model))
    }

    /// Keeps the model in `heads_dir`. Keeping it again changes nothing.
    ///
    /// # Errors
    /// As [`ModelsError`].
    pub async fn keep(&self, model: &ModelRef, heads_dir: &Path) -> Result<(), ModelsError> {
        let manifest = read(&heads_dir.join(MANIFEST_FILE))?;
        let weights = read(&heads_dir.join(WEIGHTS_FILE))?;
        Ok(kept_models::keep(self.store.pool(), model, &manifest, &weights).await?)
    }

    /// The folder of a kept model, unpacked where it is not yet.
    ///
    /// # Errors
    /// As [`ModelsError`].
    pub async fn folder(&self, model: &ModelRef) -> Result<PathBuf, ModelsError> {
        if read_manifest(&self.shipped.join(MANIFEST_FILE))
            .is_ok_and(|shipped| shipped.sha256 == model.sha256)
        {
            return Ok(self.shipped.clone());
        }
        let folder = self.dir.join(&model.sha256);
        if folder.join(MANIFEST_FILE).is_file() {
            return Ok(folder);
        }
        let kept = kept_models::find(self.store.pool(), model).await?;
        let kept = kept.ok_or_else(|| ModelsError::Unknown(model.revision.clone()))?;
        fs::create_dir_all(&folder).map_err(|source| write_error(&folder, source))?;
        // The manifest last: where it is, the weights are.
        for (name, content) in [(WEIGHTS_FILE, kept.weights), (MANIFEST_FILE, kept.manifest)] {
            let (path, draft) = (folder.join(name), folder.join(format!("{name}.{}", std::process::id())));
            fs::write(&draft, content).map_err(|source| write_error(&draft, source))?;
            fs::rename(&draft, &path).map_err(|source| write_error(&path, source))?;
        }
        Ok(folder)
    }
}

/// Every promotion, oldest first.
///
/// # Errors
/// As [`ModelsError`].
pub async fn promotions(store: &EventStore) -> Result<Vec<Promoted>, ModelsError> {
    let stream = store.read_stream(TicketId::HUB, Version::NONE).await?;
    let facts = stream.iter().map(|event| match event.event() {
        Ok(TicketEvent::ModelPromoted(fact)) => {
            Ok(Some(Promoted { position: event.position, time: event.time, fact: *fact }))
        }
        Ok(_) | Err(DecodeError::UnknownType(_)) => Ok(None),
        Err(error) => Err(error.into()),
    });
    facts.filter_map(Result::transpose).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, ModelsError> {
    fs::read(path).map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: std::io::Error) -> ModelsError {
    ModelsError::Write { path: path.display().to_string(), source }
}
