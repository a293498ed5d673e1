//! Every route with its description: what `/openapi.json` says is what is served here.

use axum::{
    http::Method,
    routing::{MethodRouter, get},
};
use serde_json::{Value, json};
use service_host::openapi::{Api, Document, Operation};

use super::{
    AppState, analytics,
    analytics::{
        course::{Series, SeriesParams},
        export::CountersParams,
        figures::{Confusion, ConfusionParams, Sessions, Times, TopicParams, Topics},
    },
    answer::{Answer, Page},
    events, examples, export,
    export::ExportParams,
    fields::TicketView,
    freshness::FreshParams,
    journey,
    journey::Journey,
    list,
    list::ListParams,
    period::PeriodParams,
    requester,
    requester::History,
    rooms,
    rooms::RoomParams,
    similar,
    similar::{Similar, SimilarParams},
    statistics,
    statistics::SummaryBody,
    stream,
    stream::{StreamParams, ToldEvent},
    table::Lines,
    ticket,
    ticket::TicketParams,
};
use crate::queries::timeline::Entry;

const TICKETS: &str = "Tickets";
const ANALYTICS: &str = "Analytics";
const LIVE: &str = "Live";

/// Every route of the query side but for its health.
pub(super) fn api() -> Api<AppState> {
    let document = Document::new("Smart Service Hub", ABOUT);
    live(analytics(tickets(Api::new(document))))
}

const ABOUT: &str = "Takes support tickets in, analyzes them, and answers questions about them. Commands and queries share \
    one origin. Errors are `application/problem+json` (RFC 9457).";

fn tickets(api: Api<AppState>) -> Api<AppState> {
    let api = route(api, "/api/tickets", get(list::list), &list_operation());
    let api = route(api, "/api/tickets/{id}", get(ticket::ticket), &ticket_operation());
    let api = route(api, "/api/tickets/{id}/events", get(events::events), &events_operation());
    let api = route(api, "/api/tickets/{id}/journey", get(journey::journey), &journey_operation());
    let api = route(api, "/api/tickets/{id}/similar", get(similar::similar), &similar_operation());
    let api = route(api, "/api/tickets/{id}/requester", get(requester::history), &requester_operation());
    route(api, "/api/tickets/export", get(export::export), &export_operation())
}

fn analytics(api: Api<AppState>) -> Api<AppState> {
    let api = route(api, "/api/tickets/stats/summary", get(statistics::summary), &summary_operation());
    let api = route(api, "/api/analytics/series", get(analytics::course::course), &series_operation());
    let api = route(api, "/api/analytics/times", get(analytics::figures::times), &times_operation());
    let api = route(api, "/api/analytics/topics", get(analytics::figures::topics), &topics_operation());
    let api =
        route(api, "/api/analytics/confusion", get(analytics::figures::confusion), &confusion_operation());
    let api = route(api, "/api/analytics/sessions", get(analytics::figures::sessions), &sessions_operation());
    route(api, "/api/analytics/export", get(analytics::export::export), &counters_operation())
}

fn live(api: Api<AppState>) -> Api<AppState> {
    let api = route(api, "/api/events", get(stream::stream), &stream_operation());
    route(api, "/api/ws", get(rooms::rooms), &rooms_operation())
}

fn route(
    api: Api<AppState>,
    path: &str,
    handler: MethodRouter<AppState>,
    operation: &Operation,
) -> Api<AppState> {
    api.route(&Method::GET, path, handler, operation)
}

fn list_operation() -> Operation {
    let example = json!({ "success": true, "data": [examples::ticket()], "nextCursor": "bmV3ZXN0PjQzPjQz", "prevCursor": null });
    waits(asks(Operation::new("listTickets", TICKETS, "List tickets")))
        .description(
            "All filters combine. Pages are stable: tickets that arrive meanwhile neither repeat nor hide others. Follow \
             `nextCursor` and `prevCursor`.",
        )
        .query::<ListParams>()
        .example("category", "Network")
        .example("q", "vpn \"every ten minutes\" srv-* -printer")
        .example("from", "2026-11-01T00:00:00Z")
        .example("to", "2026-12-01T00:00:00Z")
        .example("fields", "id,number,status,category,summary")
        .example("limit", 50)
        .header("If-None-Match", "The `ETag` of an answer the client has.", &text(), "W/\"5f2b\"")
        .answers::<Page<TicketView>>(200, "A page of tickets.", example)
        .with_header(200, "ETag", "Names this answer, weakly.")
        .answers_nothing(304, "The client has this answer.")
}

fn ticket_operation() -> Operation {
    one(Operation::new("getTicket", TICKETS, "Read a ticket"))
        .query::<TicketParams>()
        .example("fields", "id,number,status,category,summary")
        .header("If-None-Match", "The `ETag` of an answer the client has.", &text(), "W/\"3-45\"")
        .answers::<Answer<TicketView>>(
            200,
            "The ticket.",
            json!({ "success": true, "data": examples::ticket() }),
        )
        .with_header(200, "ETag", "Version and position of the ticket, weakly, as it is compressed or not: what `If-Match` of commands takes as it is.")
        .answers_nothing(304, "The client has this answer.")
}

fn events_operation() -> Operation {
    one(Operation::new("getTicketEvents", TICKETS, "What happened to a ticket"))
        .description("Every event in order, with what people wrote. Personal members are null once the requester was erased.")
        .query::<FreshParams>()
        .answers::<Answer<Vec<Entry>>>(200, "The events.", json!({ "success": true, "data": [examples::entry()] }))
}

fn journey_operation() -> Operation {
    one(Operation::new("getTicketJourney", TICKETS, "A ticket's way to the CRM, timed"))
        .query::<FreshParams>()
        .answers::<Answer<Journey>>(200, "The hops.", json!({ "success": true, "data": examples::journey() }))
}

fn similar_operation() -> Operation {
    one(Operation::new("getSimilarTickets", TICKETS, "Earlier tickets that read like this one"))
        .description(
            "By the angle between the embeddings of both texts. Suggests the ticket this one duplicates, and the incident it \
             is part of.",
        )
        .query::<SimilarParams>()
        .example("limit", 10)
        .answers::<Answer<Similar>>(200, "The tickets.", json!({ "success": true, "data": examples::similar() }))
}

fn requester_operation() -> Operation {
    one(Operation::new("getTicketRequester", TICKETS, "What else the requester of a ticket handed in"))
        .query::<FreshParams>()
        .answers::<Answer<History>>(
            200,
            "Figures and the latest tickets.",
            json!({ "success": true, "data": examples::history() }),
        )
}

fn export_operation() -> Operation {
    waits(asks(Operation::new("exportTickets", TICKETS, "Download tickets")))
        .description("Every ticket that passes the filters, oldest first, sent as it is read.")
        .query::<ExportParams>()
        .example("format", "csv")
        .answers_as::<Lines>("text/csv", 200, "The tickets.", "id,number,createdAt,…\r\n".into())
        .answers_as::<Lines>("application/x-ndjson", 200, "The tickets.", "{\"id\":\"tkt_…\"}\n".into())
}

fn summary_operation() -> Operation {
    figures::<SummaryBody>("getSummary", "Counts, rates and waiting times", &examples::summary())
        .query::<PeriodParams>()
}

fn series_operation() -> Operation {
    figures::<Series>("getSeries", "A dimension over time", &examples::series())
        .query::<SeriesParams>()
        .example("dimension", "category")
}

fn times_operation() -> Operation {
    figures::<Times>("getTimes", "How long tickets wait", &examples::times()).query::<PeriodParams>()
}

fn topics_operation() -> Operation {
    figures::<Topics>("getTopics", "What most tickets name", &examples::topics()).query::<TopicParams>()
}

fn confusion_operation() -> Operation {
    figures::<Confusion>("getConfusion", "What was picked, decided and corrected", &examples::confusion())
        .query::<ConfusionParams>()
}

fn sessions_operation() -> Operation {
    figures::<Sessions>("getSessions", "Support sessions", &examples::sessions()).query::<PeriodParams>()
}

fn counters_operation() -> Operation {
    waits(asks(Operation::new("exportAnalytics", ANALYTICS, "Download the counters")))
        .query::<CountersParams>()
        .example("format", "ndjson")
        .answers_as::<Lines>("text/csv", 200, "The counters.", "at,dimension,label,other,tickets\r\n".into())
        .answers_as::<Lines>(
            "application/x-ndjson",
            200,
            "The counters.",
            "{\"at\":\"2026-11-25T00:00:00Z\"}\n".into(),
        )
}

fn stream_operation() -> Operation {
    asks(Operation::new("streamEvents", LIVE, "What happens, as server-sent events"))
        .description(
            "The id of each event is its position: a client that comes back with `Last-Event-ID` (or `after`) is told what it \
             missed, in order and without a gap. A slow client gets an event `late` and everything else. The messages are \
             described in `/asyncapi.json`.",
        )
        .query::<StreamParams>()
        .example("type", "analyzed,assigned")
        .header("Last-Event-ID", "The id of the last event the client has.", &json!({ "type": "string", "pattern": "^[0-9]{0,18}$" }), "44")
        .answers_as::<ToldEvent>("text/event-stream", 200, "Events, until the client goes.", examples::event())
}

fn rooms_operation() -> Operation {
    asks(Operation::new("joinRooms", LIVE, "What happens, in rooms, over a WebSocket"))
        .description(
            "Rooms are `ticket:<id>`, `assignee:<name>` and `role:<agent|lead|auditor|admin>`. Send \
             `{\"join\": […], \"leave\": […]}` at any time; the messages are described in `/asyncapi.json`.",
        )
        .query::<RoomParams>()
        .example("rooms", "role:lead")
        .answers_nothing(101, "The WebSocket.")
        .refuses(403, "A web page of another origin asks.", "pages of this origin may not listen")
        .refuses(426, "The request is no upgrade.", "this path is a WebSocket: ask for an upgrade")
}

/// Figures of a period, or as of a time.
fn figures<T: schemars::JsonSchema>(id: &'static str, summary: &'static str, example: &Value) -> Operation {
    waits(asks(Operation::new(id, ANALYTICS, summary)))
        .example("from", "2026-11-01T00:00:00Z")
        .example("to", "2026-12-01T00:00:00Z")
        .header("If-None-Match", "The `ETag` of an answer the client has.", &text(), "W/\"5f2b\"")
        .answers::<Answer<T>>(200, "The figures.", json!({ "success": true, "data": example }))
        .with_header(200, "ETag", "Names this answer, weakly.")
        .answers_nothing(304, "The client has this answer.")
}

/// A question about one ticket.
fn one(operation: Operation) -> Operation {
    let id = json!({ "type": "string", "pattern": "^(tkt_[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-9]{1,18})$" });
    waits(asks(operation))
        .path("id", "The ticket's id or its number.", &id, "tkt_01M7Y26SRP2GSWW5NYTCYQ9D6A")
        .refuses(404, "There is no such ticket, or none for this client.", "there is no such ticket")
}

/// What a question is answered that wants more than the read model holds yet.
fn waits(operation: Operation) -> Operation {
    operation.refuses(
        504,
        "The read model is behind `minPosition`, or behind a ticket that is new.",
        "tickets are known up to position 41, not yet up to 43; ask again",
    )
}

/// What every question may be answered.
fn asks(operation: Operation) -> Operation {
    operation
        .refuses(
            400,
            "A parameter is unknown or wrong.",
            "the query cannot be read: limit: must be a whole number of 1 to 200",
        )
        .refuses(500, "Something went wrong on our side.", "something went wrong on our side")
        .refuses(503, "The database is away.", "tickets cannot be read right now")
        .with_header(503, "Retry-After", "Seconds after which to ask again.")
}

fn text() -> Value {
    json!({ "type": "string" })
}
