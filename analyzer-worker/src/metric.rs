//! The analyzer's metrics by name.

use metrics::{counter, histogram};
use schemas::Analysis;

/// Time from the text to the answer.
const DURATION: &str = "ai_processing_duration_seconds";
/// Answers by whether rules gave them and whether a person should look.
const ANSWERS: &str = "ai_answers_total";
/// Confidence of each answer, by question.
const CONFIDENCE: &str = "ai_confidence";
/// Answers that an earlier one was repeated for.
const REUSED: &str = "ai_answers_reused_total";
/// Tickets of a forward pass.
const BATCH: &str = "ai_batch_tickets";

/// Records that an earlier answer was repeated.
pub(crate) fn reused() {
    counter!(REUSED).increment(1);
}

/// Records a batch.
pub(crate) fn batched(tickets: usize) {
    histogram!(BATCH).record(tickets as f64);
}

/// Records an answer.
pub(crate) fn answered(analysis: &Analysis) {
    histogram!(DURATION).record(f64::from(analysis.duration_ms) / 1e3);
    let labels =
        [("degraded", analysis.degraded.to_string()), ("needs_review", analysis.needs_review.to_string())];
    counter!(ANSWERS, &labels).increment(1);
    for (question, confidence) in [
        ("category", analysis.category.confidence),
        ("priority", analysis.priority.confidence),
        ("sentiment", analysis.sentiment.confidence),
    ] {
        histogram!(CONFIDENCE, "question" => question).record(f64::from(confidence));
    }
}
