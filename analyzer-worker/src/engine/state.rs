//! Whether the model can answer.

use schemas::analysis::ModelRef;

use crate::analyst::Analyst;

/// What the model's threads have come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not loaded yet.
    Loading,
    /// It answers.
    Ready {
        /// What answers.
        model: ModelRef,
        /// Why a team's own labels are left out, if they are.
        own_problem: Option<String>,
    },
    /// It cannot be loaded, for this reason; it is tried again.
    Failed(String),
}

impl State {
    pub(super) const fn model(&self) -> Option<&ModelRef> {
        match self {
            Self::Ready { model, .. } => Some(model),
            Self::Loading | Self::Failed(_) => None,
        }
    }

    /// A model that answers.
    pub(super) fn ready(analyst: &Analyst) -> Self {
        let own_problem = analyst.own().problem().map(ToOwned::to_owned);
        Self::Ready { model: analyst.heads().model(), own_problem }
    }

    pub(super) fn own_problem(&self) -> Option<&str> {
        match self {
            Self::Ready { own_problem, .. } => own_problem.as_deref(),
            Self::Loading | Self::Failed(_) => None,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Ready { .. } => None,
            Self::Loading => Some("the model is being loaded".to_owned()),
            Self::Failed(reason) => Some(format!("the model cannot run: {reason}")),
        }
    }
}
