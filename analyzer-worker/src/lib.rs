//! The analyzer: a ticket's text to category, priority, kind, mood, route, urgency, entities and summary, each
//! with a confidence that comes true about as often as it says.
//!
//! Reading order:
//! - [`settings`]: what can be set
//! - [`labels`]: the closed sets of labels
//! - [`sentences`], [`entities`], [`summary`], [`language`]: what can be read off a text
//! - [`rules`]: what can be said without a model
//! - [`model`]: encoder and heads
//! - [`reasons`]: why, in words
//! - [`answer`]: probabilities to an answer
//! - [`analyst`]: the whole analysis of a batch
//! - [`engine`]: analysts on threads of their own
//! - [`models`]: promoted models
//! - [`ticket_text`]: what is to be read of a ticket
//! - [`worker`]: the stage on the log
//! - [`transcription`]: recordings to text, a stage of its own
//! - [`replay`]: history, or what happens now, through another model
//! - [`relearn`]: another model from what people corrected
//! - [`measure`]: how fast it is, for benchmarks that take turns
//! - [`http`]: `POST /analyze`
//! - [`serve`]: both, as a service
//! - `metric`: what is measured while it runs
//! - [`learning`]: training and evaluation

pub mod analyst;
pub mod answer;
pub mod engine;
pub mod entities;
pub mod http;
pub mod labels;
pub mod language;
pub mod learning;
pub mod measure;
mod metric;
pub mod model;
pub mod models;
pub mod reasons;
pub mod relearn;
pub mod replay;
pub mod rules;
pub mod sentences;
pub mod serve;
pub mod settings;
pub mod summary;
pub mod ticket_text;
pub mod transcription;
pub mod worker;
