//! What the services report.

use schemas::{
    TicketEvent,
    event::{
        AnalysisFailed, CommentAnalyzed, CrmDeliveryAttempted, CrmDeliveryParked, CrmRecordCreated,
        CrmRecordLost, CrmRecordUpdated, TicketAnalyzed, TicketTranscribed,
    },
};

use super::{Outcome, possible};
use crate::{
    rejection::Rejection,
    state::{Analyzed, Ticket},
};

/// An answer counts once per model and text; a full answer replaces a degraded one, never the other way round. A
/// recording that was written down since makes it another text.
pub(super) fn analysis(ticket: &Ticket, answer: Box<TicketAnalyzed>) -> Outcome {
    possible::check(&answer)?;
    let adds_nothing = |known: &Analyzed| {
        let is_same_text = known.transcripts == ticket.transcripts.len();
        answer.degraded || (!known.degraded && known.model == answer.model && is_same_text)
    };
    let repeated = ticket.analysis.as_ref().is_some_and(adds_nothing);
    Ok((!repeated).then_some(TicketEvent::Analyzed(answer)))
}

/// A recording is written down once.
pub(super) fn transcript(ticket: &Ticket, transcript: TicketTranscribed) -> Option<TicketEvent> {
    let is_news = !ticket.transcripts.contains(&transcript.sha256);
    is_news.then_some(TicketEvent::Transcribed(transcript))
}

/// A comment is read once: nothing is decided by it, so a later model reading it again would change nothing.
pub(super) fn comment_analysis(ticket: &Ticket, answer: CommentAnalyzed) -> Outcome {
    possible::check_mood(&answer.sentiment)?;
    let is_news = !ticket.read_comments.contains(&answer.comment_id);
    Ok(is_news.then_some(TicketEvent::CommentAnalyzed(answer)))
}

/// A failure after an answer is no news.
pub(super) fn analysis_failure(ticket: &Ticket, failure: AnalysisFailed) -> Option<TicketEvent> {
    ticket.analysis.is_none().then_some(TicketEvent::AnalysisFailed(failure))
}

/// A ticket has one record in a system, whatever becomes of it later.
pub(super) fn crm_record(ticket: &Ticket, record: CrmRecordCreated) -> Outcome {
    match ticket.crm_records.get(&record.system) {
        None => Ok(Some(TicketEvent::CrmRecordCreated(record))),
        Some(known) if known.id == record.record_id => Ok(None),
        Some(known) => Err(Rejection::OtherCrmRecord(known.id.clone())),
    }
}

/// Parking a delivered ticket is no news.
pub(super) fn crm_parked(ticket: &Ticket, parked: CrmDeliveryParked) -> Option<TicketEvent> {
    let delivered = ticket.crm_records.contains_key(&parked.system);
    (!delivered).then_some(TicketEvent::CrmDeliveryParked(parked))
}

/// Nor is an attempt to deliver it once more.
pub(super) fn crm_attempt(ticket: &Ticket, attempt: CrmDeliveryAttempted) -> Option<TicketEvent> {
    let delivered = ticket.crm_records.contains_key(&attempt.system);
    (!delivered).then_some(TicketEvent::CrmDeliveryAttempted(attempt))
}

/// A record only ever moves forward, and it is the ticket's own.
pub(super) fn crm_update(ticket: &Ticket, update: CrmRecordUpdated) -> Outcome {
    match ticket.crm_records.get(&update.system) {
        None => Err(Rejection::NoCrmRecord),
        Some(known) if known.id != update.record_id => Err(Rejection::OtherCrmRecord(known.id.clone())),
        Some(known) if known.through >= update.through => Ok(None),
        Some(_) => Ok(Some(TicketEvent::CrmRecordUpdated(update))),
    }
}

/// What is lost is the record the ticket has; the loss of another one is no news.
pub(super) fn crm_loss(ticket: &Ticket, loss: CrmRecordLost) -> Option<TicketEvent> {
    let held = ticket.crm_records.get(&loss.system).is_some_and(|known| known.id == loss.record_id);
    held.then_some(TicketEvent::CrmRecordLost(loss))
}
