//! What answers look like, in the description of the API.

use serde_json::{Value, json};

const ID: &str = "tkt_01M7Y26SRP2GSWW5NYTCYQ9D6A";

pub(super) fn event() -> Value {
    let data = "{\"position\":44,\"type\":\"analyzed\",\"ticketId\":\"tkt_01M7Y26SRP2GSWW5NYTCYQ9D6A\"}";
    json!({ "id": "44", "event": "analyzed", "data": data })
}

pub(super) fn ticket() -> Value {
    json!({
        "id": ID, "number": 43, "name": "Ada Lovelace", "email": "ada@example.com", "requestType": "Network",
        "description": "Since this morning the VPN of our office drops every ten minutes, error 809.",
        "status": "open", "assignee": "agent-7", "category": "Network", "priority": "High", "sentiment": "neutral",
        "kind": "technical", "route": "live-chat", "urgency": 7, "emotion": "none", "language": "en",
        "summary": "Since this morning the VPN of our office drops every ten minutes, error 809.",
        "entities": [{ "text": "809", "label": "ERROR_CODE", "start": 73, "end": 76, "confidence": 0.97 }],
        "needsReview": false, "degraded": false, "corrected": false, "analysis": null,
        "crm": { "system": "zoho", "recordId": "2487453000000020033", "status": "delivered" },
        "createdAt": "2026-11-21T03:25:41.022381Z", "analyzedAt": "2026-11-21T03:25:41.169146Z",
        "updatedAt": "2026-11-21T03:25:42.182610Z", "position": 45, "version": 3,
    })
}

fn brief() -> Value {
    json!({
        "id": ID, "number": 43, "status": "open", "assignee": "agent-7", "category": "Network", "priority": "High",
        "summary": "The VPN of the office drops every ten minutes.", "createdAt": "2026-11-21T03:25:41.022381Z",
    })
}

pub(super) fn entry() -> Value {
    json!({
        "eventId": "019d0000-0000-7000-8000-000000000001", "type": "hub.ticket.commented.v1", "version": 4, "position": 57,
        "recordedAt": "2026-11-21T03:30:00Z", "projectedAt": "2026-11-21T03:30:00.004Z", "actor": "anonymous",
        "traceparent": null, "details": { "text": "Looking into it." },
    })
}

pub(super) fn journey() -> Value {
    json!({
        "complete": true, "totalMs": 1160.2,
        "hops": [{
            "name": "submitted", "eventId": "019d0000-0000-7000-8000-000000000001", "position": 43,
            "at": "2026-11-21T03:25:41.022381Z", "sincePreviousMs": 0.0, "sinceSubmitMs": 0.0,
            "projectedAt": "2026-11-21T03:25:41.030Z", "actor": "anonymous", "details": { "requestType": "Network" },
        }],
    })
}

pub(super) fn similar() -> Value {
    let mut nearest = brief();
    nearest["score"] = json!(0.94);
    json!({
        "tickets": [nearest], "duplicateOf": brief(), "compared": 812, "byIndex": false,
        "comparable": true,
        "incident": {
            "message": "7 tickets like this within the hour", "tickets": 7, "first": "2026-11-21T02:41:00Z",
            "last": "2026-11-21T03:24:10Z", "numbers": [43, 42, 40, 37, 36, 31, 30],
        },
    })
}

pub(super) fn history() -> Value {
    json!({
        "requesterId": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "tickets": 3, "openTickets": 1, "negativeTickets": 1,
        "reopenedTickets": 0, "firstTicketAt": "2026-10-02T09:00:00Z", "lastTicketAt": "2026-11-21T03:25:41.022381Z",
        "latest": [brief()],
    })
}

fn period() -> Value {
    json!({ "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "asOf": null, "asOfPosition": null })
}

fn waiting() -> Value {
    json!({ "tickets": 812, "mean": 150.1, "median": 139.8, "p90": 224.9, "p95": 247.4, "p99": 398.5 })
}

pub(super) fn topics() -> Value {
    json!({ "period": period(), "topics": [{ "kind": "product", "name": "Outlook", "tickets": 31 }] })
}

pub(super) fn summary() -> Value {
    json!({
        "period": period(), "total": 812, "analyzed": 811, "needsReview": 60, "degraded": 0, "resolved": 700, "reopened": 21,
        "resolutionRate": 0.862, "reopenRate": 0.03, "crm": { "delivered": 810, "pending": 2, "parked": 0 },
        "satisfaction": { "answers": 120, "average": 4.2 }, "timeToAnalysisMs": waiting(), "timeToCrmMs": waiting(),
        "timeToResolutionMs": waiting(), "byStatus": { "open": 112, "resolved": 700 }, "byCategory": { "Network": 301 },
        "byPriority": { "High": 220 }, "bySentiment": { "negative": 260 }, "byEmotion": { "frustration": 201 },
        "byKind": { "technical": 500 }, "byRoute": { "live-chat": 300 }, "byUrgency": { "7": 120 },
        "byRequestType": { "Network": 310 }, "byLanguage": { "en": 700 }, "byAssignee": { "agent-7": 80 },
        "topTopics": [{ "kind": "product", "name": "Outlook", "tickets": 31 }], "byDay": { "2026-11-21": 43 },
    })
}

pub(super) fn series() -> Value {
    json!({
        "dimension": "category", "interval": "day", "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z",
        "points": [{ "at": "2026-11-21T00:00:00Z", "total": 43, "counts": { "Network": 20, "Cloud": 23 } }],
    })
}

pub(super) fn times() -> Value {
    json!({
        "period": period(), "timeToAnalysisMs": waiting(), "timeToCrmMs": waiting(), "timeToResolutionMs": waiting(),
        "resolutionRate": 0.862, "reopenRate": 0.03,
    })
}

pub(super) fn confusion() -> Value {
    json!({
        "period": period(), "of": "requested", "tickets": 811, "agreement": 0.81,
        "pairs": [{ "from": "General", "to": "Network", "tickets": 61 }],
    })
}

pub(super) fn sessions() -> Value {
    json!({
        "period": period(), "totalSessions": 812, "averageDurationMs": 7_200_000.0, "resolutionRate": 0.862,
        "satisfaction": 4.2, "escalationRate": 0.026, "byChannel": { "live-chat": 300 },
        "topTopics": [{ "kind": "product", "name": "Outlook", "tickets": 31 }],
    })
}
