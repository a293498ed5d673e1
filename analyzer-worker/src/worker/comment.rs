//! A comment to `CommentAnalyzed`: only its mood counts, the ticket keeps its analysis.

use std::time::Duration;

use schemas::{
    Envelope,
    event::{CommentAnalyzed, TicketCommented},
};
use subscription::Fate;
use ticket::{Command, decide, evolve};

use super::{Failure, Worker, stamp};
use crate::engine::Request;

/// Before asking the model again that could not run. Rules know nothing of moods.
const ASK_AGAIN: Duration = Duration::from_mins(1);

impl Worker {
    pub(super) async fn analyze_comment(
        &self,
        envelope: &Envelope,
        comment: &TicketCommented,
    ) -> Result<Fate, Failure> {
        let description = self.keys.open_sealed(&comment.text, envelope.id, "text").await?;
        let request = Request { description, request_type: String::new() };
        let analysis = match self.engine.analyze(request).await {
            Ok(analyzed) => analyzed.analysis,
            Err(error) if error.may_pass() => return Ok(Fate::Postpone(ASK_AGAIN, error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let (sentiment, model) = (analysis.sentiment, analysis.model);
        let answer = CommentAnalyzed { comment_id: envelope.id, sentiment, model };
        let stamp = stamp(envelope, envelope.id.derive("comment-analysis"));
        let record = |state: &_| decide(state, Command::RecordCommentAnalysis(answer.clone()));
        self.store.handle(envelope.subject, stamp, evolve, record).await?;
        Ok(Fate::Done)
    }
}
