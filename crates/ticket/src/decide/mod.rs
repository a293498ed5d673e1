//! Which event a command leads to. A command whose effect is already there leads to none, so repeating work is
//! harmless.
//!
//! - here: the submission, and which rule answers what
//! - `records`: what the services report
//! - `possible`: which answers of the analyzer mean anything
//! - `work`: what people do
//! - `correction`: what people correct

mod correction;
mod possible;
mod records;
mod work;

pub use possible::check_entities;
use schemas::TicketEvent;

use crate::{command::Command, rejection::Rejection, state::Ticket};

/// The event of a command, none where nothing is left to do, or the rule the command breaks.
type Outcome = Result<Option<TicketEvent>, Rejection>;

/// The event of `command` on `ticket`; none where nothing is left to do.
///
/// # Errors
/// The rule that the command breaks.
pub fn decide(ticket: &Ticket, command: Command) -> Result<Option<TicketEvent>, Rejection> {
    match command {
        Command::Submit(_) if ticket.submitted => Err(Rejection::AlreadySubmitted),
        Command::Submit(submission) => Ok(Some(TicketEvent::Submitted(submission))),
        _ if !ticket.submitted => Err(Rejection::NotSubmitted),
        Command::RecordAnalysis(answer) => records::analysis(ticket, answer),
        Command::RecordAnalysisFailure(failure) => Ok(records::analysis_failure(ticket, failure)),
        Command::RecordTranscript(transcript) => Ok(records::transcript(ticket, transcript)),
        Command::RecordCommentAnalysis(answer) => records::comment_analysis(ticket, answer),
        Command::RecordCrmRecord(record) => records::crm_record(ticket, record),
        Command::RecordCrmParked(parked) => Ok(records::crm_parked(ticket, parked)),
        Command::RecordCrmAttempt(attempt) => Ok(records::crm_attempt(ticket, attempt)),
        Command::RecordCrmUpdate(update) => records::crm_update(ticket, update),
        Command::RecordCrmLoss(loss) => Ok(records::crm_loss(ticket, loss)),
        Command::Comment(comment) => work::comment(ticket, comment),
        Command::Assign(assignment) => work::assign(ticket, assignment),
        Command::Resolve(resolution) => work::resolve(ticket, resolution),
        Command::Reopen(reopening) => work::reopen(ticket, reopening),
        Command::Close => Ok(work::close(ticket)),
        Command::ConfirmResolution(confirmation) => work::confirm(ticket, confirmation),
        Command::CorrectAnalysis(correction) => correction::correct(ticket, correction),
    }
}
