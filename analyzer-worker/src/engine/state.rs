//! Whether the model can answer.

use schemas::analysis::ModelRef;

/// What the model's threads have come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not loaded yet.
    Loading,
    /// It answers.
    Ready(ModelRef),
    /// It cannot be loaded, for this reason; it is tried again.
    Failed(String),
}

impl State {
    pub(super) const fn model(&self) -> Option<&ModelRef> {
        match self {
            Self::Ready(model) => Some(model),
            Self::Loading | Self::Failed(_) => None,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Ready(_) => None,
            Self::Loading => Some("the model is being loaded".to_owned()),
            Self::Failed(reason) => Some(format!("the model cannot run: {reason}")),
        }
    }
}
