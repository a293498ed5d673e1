//! How the heads learn and how well they do.
//!
//! Reading order:
//! - [`dataset`]: the labelled tickets
//! - [`split`]: which of them are never learned from
//! - [`lesson`]: labelled tickets in the form the model learns from
//! - [`tuning`]: fine-tuning the encoder and all heads together
//! - [`calibration`]: making confidences come true
//! - [`cross_validation`]: temperatures, thresholds and figures without the hold-out
//! - [`train`]: `analyzer-worker train`
//! - [`refine`]: `analyzer-worker train --corrections`: little more, into what was learned already
//! - `kept`: what is kept of either
//! - `embedding`: embeddings of many texts
//! - [`classifier`]: fitting one linear layer to embeddings
//! - [`own`]: a team's own label sets
//! - [`progress`]: bars for whoever waits
//! - [`metrics`]: how good answers are counted
//! - [`evaluate`]: `analyzer-worker evaluate`
//! - [`report`]: the evaluation as text, which is also the model card

pub mod calibration;
pub mod classifier;
pub mod cross_validation;
pub mod dataset;
mod embedding;
pub mod evaluate;
mod kept;
pub mod lesson;
pub mod metrics;
pub mod own;
pub mod progress;
pub mod refine;
pub mod report;
pub mod split;
pub mod train;
pub mod tuning;
