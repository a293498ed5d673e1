//! The trained model: text to tokens, tokens to embeddings, embeddings to decisions.
//!
//! Reading order:
//! - [`tokenizer`]: text to word pieces
//! - [`adapters`]: what was learned on top of the encoder
//! - [`encoder`]: word pieces to their states, without padding
//! - [`rounded`]: the same in whole numbers
//! - [`precision`]: which number format is good enough and fastest on this machine
//! - [`embedder`]: tokenizer and encoder together, in batches of bounded size
//! - [`reading`]: a batch of tickets, read once
//! - [`passages`]: the sentences of a text as runs of its word pieces
//! - [`cues`]: wordings that the label guide's rules turn on
//! - [`negation`]: what a text denies
//! - [`features`]: what the questions' layers see of a ticket beside its text
//! - [`tags`]: entities as tags of words
//! - [`net`]: the layers on the encoder
//! - [`weighing`]: from their outputs, and what known tickets say, to probabilities
//! - [`favour`]: which cues speak for which label
//! - [`heads`]: the layers with their meaning: labels, temperatures, thresholds
//! - [`own`]: a team's own questions
//! - [`known`]: the tickets the model learned from, to explain a decision by its neighbours

pub mod adapters;
pub mod cues;
pub mod embedder;
pub mod encoder;
pub mod favour;
pub mod features;
pub mod heads;
pub mod known;
pub mod negation;
pub mod net;
pub mod own;
pub mod passages;
pub mod precision;
pub mod reading;
pub mod rounded;
pub mod tags;
pub mod tokenizer;
pub mod weighing;

pub use embedder::Embedder;
pub use heads::Heads;
pub use reading::Reading;

/// The encoder's name, in manifests and events.
pub const ENCODER: &str = "minilm-l6";

/// Why the model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is not there.
    #[error("{path} is missing: run `make deps`, which installs libtorch and the encoder")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file is there and cannot be used.
    #[error("{path} cannot be used: {reason}")]
    Unusable {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings ask for what this processor cannot do.
    #[error(transparent)]
    Unsupported(#[from] precision::Unsupported),
}

impl LoadError {
    pub(crate) fn unusable(path: &std::path::Path, reason: impl std::fmt::Display) -> Self {
        // libtorch appends kilobytes of C++ backtrace to its messages: the first line says it all.
        let reason = reason.to_string().lines().next().unwrap_or_default().to_owned();
        Self::Unusable { path: path.display().to_string(), reason }
    }

    pub(crate) fn unless_present(path: &std::path::Path) -> Result<(), Self> {
        if path.is_file() {
            return Ok(());
        }
        Err(Self::Missing { path: path.display().to_string() })
    }
}
