//! What people correct in an analysis.

use schemas::{TicketEvent, event::AnalysisCorrected};

use super::Outcome;
use crate::{command::Correction, labels, rejection::Rejection, state::Ticket};

/// Each decision by itself, as often as minds change. Whoever repeats the correction that holds changes nothing; whoever
/// "corrects" what the analyzer said to the same thing is told so, because they misread it.
pub(super) fn correct(ticket: &Ticket, correction: Correction) -> Outcome {
    let Correction { field, to, reason, by } = correction;
    let analysis = ticket.analysis.as_ref().ok_or(Rejection::NotAnalyzed)?;
    if !labels::allow(field, &to) {
        return Err(Rejection::ImpossibleCorrection(field, labels::in_words(field)));
    }
    let corrected = ticket.corrections.get(&field);
    if corrected == Some(&to) {
        return Ok(None);
    }
    let from = corrected.or_else(|| analysis.decided.get(&field)).ok_or(Rejection::NotAnalyzed)?.clone();
    if from == to {
        return Err(Rejection::NothingToCorrect(field, to));
    }
    let analysis_id = analysis.event;
    Ok(Some(TicketEvent::AnalysisCorrected(AnalysisCorrected { field, from, to, reason, by, analysis_id })))
}
