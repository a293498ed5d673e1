//! Which event a command leads to. A command whose effect is already there leads to none, so repeating work is
//! harmless.

use schemas::{
    TicketEvent,
    event::{CrmRecordCreated, TicketAnalyzed},
};

use crate::{
    command::Command,
    rejection::Rejection,
    state::{Analyzed, Ticket},
};

/// The event of `command` on `ticket`; none where nothing is left to do.
///
/// # Errors
/// The rule that the command breaks.
pub fn decide(ticket: &Ticket, command: Command) -> Result<Option<TicketEvent>, Rejection> {
    match command {
        Command::Submit(_) if ticket.submitted => Err(Rejection::AlreadySubmitted),
        Command::Submit(submission) => Ok(Some(TicketEvent::Submitted(submission))),
        _ if !ticket.submitted => Err(Rejection::NotSubmitted),
        Command::RecordAnalysis(answer) => record_analysis(ticket, answer),
        Command::RecordAnalysisFailure(_) if ticket.analysis.is_some() => Ok(None),
        Command::RecordAnalysisFailure(failure) => Ok(Some(TicketEvent::AnalysisFailed(failure))),
        Command::RecordCrmRecord(record) => record_crm_record(ticket, record),
        Command::RecordCrmParked(_) if ticket.crm_record.is_some() => Ok(None),
        Command::RecordCrmParked(parked) => Ok(Some(TicketEvent::CrmDeliveryParked(parked))),
    }
}

/// An answer counts once per model; a full answer replaces a degraded one, never the other way round.
fn record_analysis(ticket: &Ticket, answer: Box<TicketAnalyzed>) -> Result<Option<TicketEvent>, Rejection> {
    check_ranges(&answer)?;
    let adds_nothing = |known: &Analyzed| answer.degraded || (!known.degraded && known.model == answer.model);
    let repeated = ticket.analysis.as_ref().is_some_and(adds_nothing);
    Ok((!repeated).then_some(TicketEvent::Analyzed(answer)))
}

fn check_ranges(answer: &TicketAnalyzed) -> Result<(), Rejection> {
    let probabilities = [
        ("category", answer.category.confidence),
        ("priority", answer.priority.confidence),
        ("kind", answer.kind.confidence),
        ("sentiment", answer.sentiment.confidence),
        ("route", answer.route.confidence),
    ];
    if let Some((field, _)) = probabilities.into_iter().find(|(_, p)| !(0.0..=1.0).contains(p)) {
        return Err(Rejection::ImpossibleAnalysis(field));
    }
    if !(1..=10).contains(&answer.urgency) {
        return Err(Rejection::ImpossibleAnalysis("urgency"));
    }
    Ok(())
}

fn record_crm_record(ticket: &Ticket, record: CrmRecordCreated) -> Result<Option<TicketEvent>, Rejection> {
    match &ticket.crm_record {
        None => Ok(Some(TicketEvent::CrmRecordCreated(record))),
        Some(known) if *known == record.record_id => Ok(None),
        Some(known) => Err(Rejection::OtherCrmRecord(known.clone())),
    }
}
