//! What of an event everybody may read, and what only the requester's key opens.

use std::collections::BTreeMap;

use schemas::{
    Sealed, TicketEvent,
    work::{AnalysisCorrected, Change, Reading},
};
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
        TicketEvent::AnalysisCorrected(data) => to_raw_value(&corrected(data)),
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

fn corrected(data: &AnalysisCorrected) -> Value {
    let AnalysisCorrected { change, by, analysis_id, .. } = data;
    match change {
        Change::Decision { field, from, to } => {
            json!({ "field": field, "from": from, "to": to, "by": by, "analysisId": analysis_id })
        }
        Change::Reading(reading) => json!({ "field": reading.name(), "by": by, "analysisId": analysis_id }),
    }
}

/// What people wrote. What a submission and an analysis hold has columns of its own, in the ticket.
pub(super) fn sealed(fact: &TicketEvent) -> Option<Json<SealedMembers>> {
    let members = match fact {
        TicketEvent::Commented(data) => vec![("text", untyped(&data.text))],
        TicketEvent::Transcribed(data) => vec![("text", untyped(&data.text))],
        TicketEvent::Resolved(data) => vec![("resolution", untyped(&data.resolution))],
        TicketEvent::Reopened(data) => vec![("reason", untyped(&data.reason))],
        TicketEvent::AnalysisCorrected(data) => {
            let value = match &data.change {
                Change::Decision { .. } => None,
                Change::Reading(Reading::Summary(summary)) => Some(untyped(summary)),
                Change::Reading(Reading::Entities(entities)) => Some(untyped(entities)),
            };
            let value = value.map(|value| (Reading::MEMBER, value));
            value.into_iter().chain([("reason", untyped(&data.reason))]).collect()
        }
        _ => return None,
    };
    Some(Json(members.into_iter().map(|(name, sealed)| (name.to_owned(), sealed)).collect()))
}

fn untyped<T>(sealed: &Sealed<T>) -> Sealed<Value> {
    Sealed::from_ciphertext(sealed.requester().clone(), sealed.ciphertext().to_vec())
}
