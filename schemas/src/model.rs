//! Facts about the model that answers. They belong to no ticket and live in the hub's own stream, in the same total order:
//! the log says which model answered when, and what it was measured against.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{analysis::ModelRef, id::Position};

/// Another model answers from here on: a better one, or an earlier one again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelPromoted {
    /// What answers now.
    pub model: ModelRef,
    /// What answered before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<ModelRef>,
    /// Why: `better` on the hold-out, or `rollback`.
    pub reason: Promotion,
    /// The model learned from events up to here; start of the log for a model that learned elsewhere.
    pub trained_until: Position,
    /// Tickets of the frozen hold-out that both were measured on.
    pub held_out: u32,
    /// Figures of the previous model on the hold-out, by name.
    pub before: BTreeMap<String, f64>,
    /// Figures of this model on the hold-out, by name.
    pub after: BTreeMap<String, f64>,
}

/// Why a model was promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Promotion {
    /// It did better on the hold-out.
    Better,
    /// Somebody went back to it.
    Rollback,
}
