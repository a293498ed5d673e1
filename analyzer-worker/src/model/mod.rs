//! The trained model: text to tokens, tokens to embeddings, embeddings to decisions.
//!
//! Reading order:
//! - [`tokenizer`]: text to word pieces
//! - [`encoder`]: word pieces to one embedding per text, without padding
//! - [`precision`]: whether 16 bits are as good and faster on this machine
//! - [`embedder`]: tokenizer and encoder together, in batches of bounded size
//! - [`anchors`]: statements that decide about labels
//! - [`cues`]: wordings that the label guide's rules turn on
//! - [`reading`]: a batch of tickets and their sentences, embedded
//! - [`features`]: what the heads see of a ticket
//! - [`heads`]: one small classifier per question
//! - [`known`]: the tickets the heads learned from, to explain a decision by its neighbours

pub mod anchors;
pub mod cues;
pub mod embedder;
pub mod encoder;
pub mod features;
pub mod heads;
pub mod known;
pub mod precision;
pub mod reading;
pub mod tokenizer;

pub use embedder::Embedder;
pub use heads::Heads;
pub use reading::Reading;

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
