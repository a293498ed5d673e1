//! Every route with its description: what `/openapi.json` says is what is served here.

use axum::{
    extract::DefaultBodyLimit,
    http::Method,
    routing::{MethodRouter, post},
};
use serde_json::{Value, json};
use service_host::openapi::{Api, Document, Operation};

use super::{
    AppState,
    bodies::{Assign, Close, Comment, Confirm, Correct, Reopen, Resolve},
    commands::{self, Answer},
    tickets::{self, SubmitAnswer, SubmitBody},
};
use crate::audio;

const COMMANDS: &str = "Commands";
const TICKET: &str = "tkt_01M7Y26SRP2GSWW5NYTCYQ9D6A";

/// Every route of the command side but for its health.
pub(super) fn api() -> Api<AppState> {
    let document =
        Document::new("Smart Service Hub: commands", "Takes support tickets in and works on them.");
    let submit = post(tickets::submit).layer(DefaultBodyLimit::max(audio::BODY_LIMIT));
    let api = route(Api::new(document), "/api/tickets", submit, &submit_operation());
    let api = route(
        api,
        "/api/tickets/{id}/comments",
        post(commands::command::<Comment>),
        &command::<Comment>(
            "commentTicket",
            "Say something about a ticket",
            json!({ "text": "Looking into it." }),
        ),
    );
    let api = route(
        api,
        "/api/tickets/{id}/assign",
        post(commands::command::<Assign>),
        &command::<Assign>(
            "assignTicket",
            "Let somebody take care of a ticket",
            json!({ "assignee": "agent-7" }),
        ),
    );
    let api = route(
        api,
        "/api/tickets/{id}/resolve",
        post(commands::command::<Resolve>),
        &command::<Resolve>(
            "resolveTicket",
            "Solve a ticket",
            json!({ "resolution": "Replaced the cable." }),
        ),
    );
    let api = route(
        api,
        "/api/tickets/{id}/reopen",
        post(commands::command::<Reopen>),
        &command::<Reopen>("reopenTicket", "Work on a ticket again", json!({ "reason": "It drops again." })),
    );
    let api = route(
        api,
        "/api/tickets/{id}/close",
        post(commands::command::<Close>),
        &command::<Close>("closeTicket", "Be done with a ticket", json!({})),
    );
    let api = route(
        api,
        "/api/tickets/{id}/confirm",
        post(commands::command::<Confirm>),
        &command::<Confirm>("confirmResolution", "Agree that a ticket is solved", json!({ "score": 5 })),
    );
    let correction = json!({ "field": "category", "to": "Cloud", "reason": "The VPN is a rented one." });
    route(
        api,
        "/api/tickets/{id}/corrections",
        post(commands::command::<Correct>),
        &command::<Correct>("correctAnalysis", "Correct what the analyzer said", correction).description(
            "`to` is a label of the `field`, a level for `urgency`, a code of ISO 639-1 (or `und`) for `language`, a line for \
             `summary`, and the whole list for `entities`. A person's word outlasts every analysis. What is so already \
             answers 200 and changes nothing; what the analyzer said itself, 422.",
        ),
    )
}

fn route(
    api: Api<AppState>,
    path: &str,
    handler: MethodRouter<AppState>,
    operation: &Operation,
) -> Api<AppState> {
    api.route(&Method::POST, path, handler, operation)
}

fn submit_operation() -> Operation {
    let body = json!({
        "name": "Ada Lovelace", "email": "ada@example.com", "requestType": "Network",
        "description": "Since this morning the VPN of our office drops every ten minutes, error 809.",
    });
    let mut data = body.clone();
    for (name, value) in [
        ("id", json!(TICKET)),
        ("number", json!(43)),
        ("position", json!(43)),
        ("version", json!(1)),
        ("status", json!("open")),
        ("createdAt", json!("2026-11-21T03:25:41.022381Z")),
        ("url", json!(format!("/api/tickets/{TICKET}"))),
    ] {
        data[name] = value;
    }
    let example = json!({ "success": true, "data": data, "aiAnalysis": null });
    writes(Operation::new("submitTicket", COMMANDS, "Hand in a ticket"))
        .description(
            "The ticket is durable before the answer is sent. `Prefer: wait=20` waits for the analysis, up to 30 seconds; \
             `Prefer: respond-async` answers 202.",
        )
        .header("Prefer", "`wait=<seconds>` or `respond-async`; others are ignored.", &json!({ "type": "string" }), "wait=5")
        .body::<SubmitBody>(body)
        .answers::<SubmitAnswer>(201, "The ticket is in the log.", example.clone())
        .with_header(201, "Location", "The ticket.")
        .answers::<SubmitAnswer>(202, "The ticket is in the log; nobody waits for its analysis.", example)
        .refuses(422, "The idempotency key was used for another request.", "this Idempotency-Key was used for another request")
}

fn command<B: schemars::JsonSchema>(id: &'static str, summary: &'static str, body: Value) -> Operation {
    let name = json!({ "type": "string", "pattern": "^(tkt_[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-9]{1,18})$" });
    let version = "^(\\*|[0-9]{1,9}(-[0-9]{1,18})?|(W/)?\"[0-9]{1,9}(-[0-9]{1,18})?\")$";
    let version = json!({ "type": "string", "pattern": version });
    let example =
        json!({ "success": true, "data": { "id": TICKET, "version": 4, "position": 57, "status": "open" } });
    writes(Operation::new(id, COMMANDS, summary))
        .path("id", "The ticket's id or its number.", &name, TICKET)
        .header(
            "If-Match",
            "The version the ticket must be at, or its `ETag`, weak as it is.",
            &version,
            "W/\"3-45\"",
        )
        .body::<B>(body)
        .answers::<Answer>(200, "Where the ticket is now.", example)
        .with_header(200, "ETag", "Version and position of the ticket, weakly: what a read of it has.")
        .refuses(404, "There is no such ticket.", "there is no such ticket")
        .refuses(
            409,
            "The ticket is at another version.",
            "the ticket is at version 4, not at 3: read it and decide again",
        )
        .refuses(
            422,
            "A rule does not allow it, or the idempotency key was used for another request.",
            "the ticket is closed",
        )
}

/// What every command takes and may be answered.
fn writes(operation: Operation) -> Operation {
    let key = json!({ "type": "string", "pattern": "^[!-~]{1,255}$" });
    operation
        .header("Idempotency-Key", "The same key and request give the same answer.", &key, "4f1c9e")
        .refuses(400, "The body cannot be read, or names every wrong field.", "Validation failed")
        .refuses(408, "The body did not arrive in time.", "the body is too large or was cut off")
        .refuses(413, "The body is too large.", "a body without audio has at most 64 KiB")
        .refuses(415, "The body is not JSON.", "the body must be JSON: send Content-Type: application/json")
        .refuses(500, "Something went wrong on our side.", "something went wrong on our side")
        .refuses(
            503,
            "The log is away: it is unknown whether the request was carried out.",
            "the command was not confirmed; send it again with the same Idempotency-Key",
        )
        .with_header(503, "Retry-After", "Seconds after which to ask again.")
}
