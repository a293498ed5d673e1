//! The analyzer's metrics by name.

use metrics::{counter, histogram};
use schemas::Analysis;

/// Time from the text to the answer.
const DURATION: &str = "ai_processing_duration_seconds";
/// Answers by whether rules gave them and whether a person should look.
const ANSWERS: &str = "ai_answers_total";
/// Confidence of each answer, by question.
const CONFIDENCE: &str = "ai_confidence";

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
