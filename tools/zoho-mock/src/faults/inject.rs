//! Doing it: around the handler of a call, in the place of its answer, or to it.

use std::{io, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{Fault, Hit, Twist};
use crate::{accounts, codes, counters::CallKind, envelope::Refusal, server::BODY_LIMIT, world::Shared};

/// Lets the call run, unless something befalls it.
pub(crate) async fn befall(shared: &Shared, call: CallKind, mut request: Request, next: Next) -> Response {
    let hit = shared.world().befalls(call);
    request.extensions_mut().insert(hit.map(twist).unwrap_or_default());
    match hit {
        Some(hit) => instead(shared, hit, request, next).await,
        None => next.run(request).await,
    }
}

/// Around the token endpoint, which has no gate: counts the call, whatever befalls it.
pub(crate) async fn token_layer(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    shared.world().counters.count_call(CallKind::Token);
    befall(&shared, CallKind::Token, request, next).await
}

fn twist(hit: Hit) -> Twist {
    Twist {
        half: hit.fault == Fault::HalfBatch,
        hidden_for: (hit.fault == Fault::ReadDelay).then_some(hit.lasts),
        races_with: (hit.fault == Fault::UniqueRace).then_some(hit.lasts),
    }
}

async fn instead(shared: &Shared, hit: Hit, request: Request, next: Next) -> Response {
    match hit.fault {
        Fault::CloseBefore => closed(),
        Fault::GatewayError => gateway_error(hit.roll),
        Fault::BadToken => Refusal::new(codes::BAD_TOKEN).into_response(),
        Fault::MinuteLimit => minute_limit(shared, hit),
        Fault::DailyLimit => Refusal::new(codes::DAILY_LIMIT).into_response(),
        Fault::AccessDenied => accounts::access_denied(false),
        Fault::AccessDeniedOk => accounts::access_denied(true),
        Fault::InvalidCode => Json(json!({"error": "invalid_code"})).into_response(),
        Fault::Late => late(shared, hit, request, next).await,
        Fault::ErrorOccurred => {
            if hit.roll.is_multiple_of(2) {
                next.run(request).await;
            }
            Refusal::new(codes::ERROR_OCCURRED).into_response()
        }
        Fault::Delay => {
            tokio::time::sleep(real(hit)).await;
            next.run(request).await
        }
        _ => spoilt(shared, hit, next.run(request).await).await,
    }
}

/// The call has run; its answer does not arrive as it was.
async fn spoilt(shared: &Shared, hit: Hit, answer: Response) -> Response {
    match hit.fault {
        Fault::CommitThenClose => closed(),
        Fault::CommitThenError | Fault::HalfBatch => gateway_error(hit.roll),
        Fault::CommitThenCut => cut(answer, hit.roll).await,
        Fault::EmptyBody => StatusCode::OK.into_response(),
        Fault::CommitThenSilence => {
            shared.stop.run_until_cancelled(tokio::time::sleep(real(hit))).await;
            closed()
        }
        Fault::ShortResult => edited(answer, |result| drop(result.pop())).await,
        Fault::ReorderedResult => edited(answer, |result| result.reverse()).await,
        Fault::CreatedWithError => edited(answer, |result| result.iter_mut().for_each(add_error)).await,
        _ => answer,
    }
}

fn real(hit: Hit) -> Duration {
    hit.lasts.to_std().unwrap_or_default()
}

/// A connection that ends without a byte: the body fails before the head was flushed.
fn closed() -> Response {
    let failing = stream::iter([Err::<Bytes, _>(io::Error::other("closed on purpose"))]);
    Body::from_stream(failing).into_response()
}

fn gateway_error(roll: u64) -> Response {
    let status = match roll % 4 {
        0 => StatusCode::INTERNAL_SERVER_ERROR,
        1 => StatusCode::BAD_GATEWAY,
        2 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::GATEWAY_TIMEOUT,
    };
    (status, Html(format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>")))
        .into_response()
}

fn minute_limit(shared: &Shared, hit: Hit) -> Response {
    let seconds = (!shared.settings.limits.no_retry_after).then(|| hit.lasts.num_seconds());
    Refusal::new(codes::TOO_MANY_CALLS).retry_after(seconds).into_response()
}

/// The body is read now, because the connection ends now.
async fn late(shared: &Shared, hit: Hit, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return closed() };
    let call = async move { drop(next.run(Request::from_parts(parts, Body::from(body))).await) };
    shared.hold(shared.now() + hit.lasts, call);
    closed()
}

/// Half of the answer: whole as HTTP, or with the connection ending in the middle.
async fn cut(answer: Response, roll: u64) -> Response {
    let (mut parts, body) = answer.into_parts();
    let mut bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    bytes.truncate(bytes.len() / 2);
    if roll.is_multiple_of(2) {
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::from(bytes));
    }
    // The pause lets the first half leave before the connection ends.
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Err(io::Error::other("cut on purpose"))
    });
    Response::from_parts(parts, Body::from_stream(stream::iter([Ok(bytes)]).chain(end)))
}

/// Changes the list of results; answers without one stay as they are.
async fn edited(answer: Response, edit: impl FnOnce(&mut Vec<Value>)) -> Response {
    let (mut parts, body) = answer.into_parts();
    let mut bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if let Ok(mut json) = serde_json::from_slice::<Value>(&bytes)
        && let Some(result) = json["result"].as_array_mut()
    {
        edit(result);
        bytes = json.to_string().into();
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes))
}

fn add_error(item: &mut Value) {
    if item["code"] == codes::SUCCESS.number {
        item["error"] = json!(["Error in executing On Success task"]);
    }
}
