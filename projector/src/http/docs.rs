//! What describes the API: `/openapi.json` of both sides, `/asyncapi.json` of the bus and the live streams, and pages to
//! read and try the first at `/api/docs`. Everything is in this program: neither building nor viewing needs the network.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use serde_json::{Value, json};
use service_host::{Problem, openapi};
use utoipa_swagger_ui::Config;

use super::{asyncapi, routes};

const OPENAPI: &str = "/openapi.json";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The pages' own scripts and styles, and nothing from elsewhere.
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'",
);

/// What can be asked about a ticket that a command was about.
const FOLLOWING: [&str; 5] =
    ["getTicket", "getTicketEvents", "getTicketJourney", "getSimilarTickets", "getTicketRequester"];

/// The description of the query side alone.
#[must_use]
pub fn own() -> Value {
    routes::api().split().1
}

/// The description of both sides.
#[must_use]
pub fn whole(own: &Value) -> Value {
    let mut whole = own.clone();
    if let Ok(commands) = serde_json::from_str(schemas::contract::COMMANDS_API) {
        openapi::merge(&mut whole, &commands);
    }
    lead_on(&mut whole);
    whole
}

/// Says where a command's answer leads: to the ticket as the command left it.
fn lead_on(whole: &mut Value) {
    let leads = |operation: &str| {
        json!({ "operationId": operation, "parameters": {
            "id": "$response.body#/data/id", "minPosition": "$response.body#/data/position",
        }})
    };
    let paths = whole["paths"].as_object_mut().into_iter().flatten();
    let commands =
        paths.filter_map(|(_, methods)| methods.get_mut("post")?.get_mut("responses")?.as_object_mut());
    for (_, answer) in commands.flatten().filter(|(status, _)| status.starts_with('2')) {
        answer["links"] =
            FOLLOWING.map(|operation| (operation.to_owned(), leads(operation))).into_iter().collect();
    }
}

/// The routes.
pub(super) fn router(own: &Value) -> Router {
    let openapi: Arc<str> = whole(own).to_string().into();
    let asyncapi: Arc<str> = asyncapi::document().to_string().into();
    let config = Arc::new(Config::from(OPENAPI).display_operation_id(true).validator_url("none"));
    Router::new()
        .route(OPENAPI, get(async move || document(openapi.to_string())))
        .route("/asyncapi.json", get(async move || document(asyncapi.to_string())))
        .route("/api/docs", get(async || Redirect::permanent("/api/docs/")))
        .route(
            "/api/docs/",
            get({
                let config = Arc::clone(&config);
                async move || page("", &config)
            }),
        )
        .route("/api/docs/{*file}", get(async move |Path(file): Path<String>| page(&file, &config)))
}

fn document(text: String) -> Response {
    ([(header::CONTENT_TYPE, JSON)], text).into_response()
}

fn page(file: &str, config: &Arc<Config<'static>>) -> Response {
    let Ok(Some(page)) = utoipa_swagger_ui::serve(file, Arc::clone(config)) else {
        return Problem::not_found("there is no such page").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::try_from(page.content_type).unwrap_or(JSON)),
        (header::CONTENT_SECURITY_POLICY, SAME_ORIGIN),
        (header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600")),
    ];
    (headers, page.bytes.into_owned()).into_response()
}
