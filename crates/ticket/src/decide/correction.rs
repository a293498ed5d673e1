//! What people correct in an analysis.

use schemas::{
    TicketEvent,
    event::AnalysisCorrected,
    work::{Change, Decided, Decision, Reading},
};

use super::Outcome;
use crate::{
    command::{Author, Corrected, Correction},
    labels,
    rejection::Rejection,
    state::{Analyzed, Ticket},
};

/// Whoever repeats the correction that holds changes nothing; whoever "corrects" what the analyzer said to the same thing is
/// told so, because they misread it.
pub(super) fn correct(ticket: &Ticket, correction: Correction) -> Outcome {
    let Correction { to, reason, by } = correction;
    let analysis = ticket.analysis.as_ref().ok_or(Rejection::NotAnalyzed)?;
    let change = match to {
        Corrected::Decision(field, to) => decide_otherwise(ticket, analysis, field, to)?,
        Corrected::Reading { reading, said_by } => read_otherwise(reading, said_by)?,
    };
    let analysis_id = analysis.event;
    Ok(change
        .map(|change| TicketEvent::AnalysisCorrected(AnalysisCorrected { change, reason, by, analysis_id })))
}

/// Each decision by itself, as often as minds change.
fn decide_otherwise(
    ticket: &Ticket,
    analysis: &Analyzed,
    field: Decision,
    to: Decided,
) -> Result<Option<Change>, Rejection> {
    if !labels::allow(field, &to) {
        return Err(Rejection::ImpossibleCorrection(field.name(), labels::in_words(field)));
    }
    let corrected = ticket.corrections.get(&field);
    if corrected == Some(&to) {
        return Ok(None);
    }
    let from = corrected.or_else(|| analysis.decided.get(&field)).ok_or(Rejection::NotAnalyzed)?.clone();
    if from == to {
        return Err(Rejection::NothingToCorrect(field, to));
    }
    Ok(Some(Change::Decision { field, from, to }))
}

fn read_otherwise(reading: Reading, said_by: Option<Author>) -> Result<Option<Change>, Rejection> {
    match said_by {
        None => Ok(Some(Change::Reading(reading))),
        Some(Author::Person) => Ok(None),
        Some(Author::Analyzer) => Err(Rejection::SameReading(reading.name())),
    }
}
