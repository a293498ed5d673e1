//! What of an event everybody may read, and what only the requester's key opens.

use std::collections::BTreeMap;

use schemas::{Sealed, TicketEvent};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use sqlx::types::Json;

/// Personal members by their names, sealed as the log holds them.
pub(crate) type SealedMembers = BTreeMap<String, Sealed<Value>>;

/// The event's data without its personal members. Of an unknown type nobody can say which those are.
pub(super) fn impersonal(fact: &TicketEvent) -> serde_json::Result<Box<RawValue>> {
    match fact {
        TicketEvent::Submitted(data) => {
            to_raw_value(&json!({ "requestType": data.request_type, "attachments": data.attachments }))
        }
        TicketEvent::Analyzed(data) => to_raw_value(&data.as_ref().clone().with_personal((), ())),
        TicketEvent::AnalysisCorrected(data) => to_raw_value(&json!({
            "field": data.field, "from": data.from, "to": data.to, "by": data.by, "analysisId": data.analysis_id,
        })),
        TicketEvent::Transcribed(data) => to_raw_value(&json!({
            "sha256": data.sha256, "engine": data.engine, "durationMs": data.duration_ms,
        })),
        TicketEvent::Commented(_) | TicketEvent::Resolved(_) | TicketEvent::Reopened(_) => {
            to_raw_value(&json!({}))
        }
        TicketEvent::AnalysisFailed(_)
        | TicketEvent::CrmRecordCreated(_)
        | TicketEvent::CrmDeliveryParked(_)
        | TicketEvent::CrmDeliveryAttempted(_)
        | TicketEvent::CrmRecordUpdated(_)
        | TicketEvent::CrmRecordLost(_)
        | TicketEvent::Assigned(_)
        | TicketEvent::Closed(_)
        | TicketEvent::ResolutionConfirmed(_)
        | TicketEvent::CommentAnalyzed(_)
        | TicketEvent::ModelPromoted(_) => fact.to_data(),
    }
}

/// What people wrote. What a submission and an analysis hold has columns of its own, in the ticket.
pub(super) fn sealed(fact: &TicketEvent) -> Option<Json<SealedMembers>> {
    let (name, text) = match fact {
        TicketEvent::Commented(data) => ("text", &data.text),
        TicketEvent::Transcribed(data) => ("text", &data.text),
        TicketEvent::Resolved(data) => ("resolution", &data.resolution),
        TicketEvent::Reopened(data) => ("reason", &data.reason),
        TicketEvent::AnalysisCorrected(data) => ("reason", &data.reason),
        _ => return None,
    };
    let any = Sealed::from_ciphertext(text.requester().clone(), text.ciphertext().to_vec());
    Some(Json(BTreeMap::from([(name.to_owned(), any)])))
}
