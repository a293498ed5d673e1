//! How the heads learn and how well they do.
//!
//! Reading order:
//! - [`dataset`]: the labelled tickets
//! - [`split`]: which of them are never learned from
//! - [`diet`]: how much of each group of features a head is fed
//! - [`classifier`]: fitting one head
//! - [`calibration`]: making confidences come true
//! - [`cross_validation`]: choosing a head's settings without the hold-out
//! - [`train`]: `analyzer-worker train`
//! - [`progress`]: bars for whoever waits
//! - [`metrics`]: how good answers are counted
//! - [`evaluate`]: `analyzer-worker evaluate`
//! - [`report`]: the evaluation as text, which is also the model card

pub mod calibration;
pub mod classifier;
pub mod cross_validation;
pub mod dataset;
pub mod diet;
pub mod evaluate;
pub mod metrics;
pub mod progress;
pub mod report;
pub mod split;
pub mod train;
