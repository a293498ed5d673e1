//! `GET /api/events`: what happens, as server-sent events. The id of each is its position: a client that comes back with
//! `Last-Event-ID` is told what it missed, however long it was away.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{IntoResponse as _, Response, Sse, sse::Event},
};
use futures::{Stream, stream};
use schemars::JsonSchema;
use schemas::{
    Position, TicketEvent, TicketId,
    analysis::{Priority, Sentiment},
};
use serde::Deserialize;
use serde_json::json;
use service_host::{Problem, query::QueryParams};

use super::{
    AppState,
    filter::Status,
    parameter::{Label, Within},
};
use crate::live::{Feed, Live, News, Notice, notice::Standing};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How long browsers wait before they come back.
const COME_BACK: Duration = Duration::from_secs(2);

/// The query parameters. Those about the ticket look at it as it is when the event is told.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamParams {
    /// Events of this ticket, by its id.
    #[schemars(with = "Option<String>", regex(pattern = "^tkt_[0-7][0-9A-HJKMNP-TV-Z]{25}$"))]
    ticket: Option<TicketId>,
    /// Events of these types, separated by commas: `submitted,analyzed`.
    #[serde(rename = "type")]
    types: Option<Types>,
    /// Events of tickets that stand there.
    status: Option<Status>,
    /// Events of tickets of this category.
    category: Option<Label>,
    /// Events of tickets of this priority.
    priority: Option<Priority>,
    /// Events of tickets of this sentiment.
    sentiment: Option<Sentiment>,
    /// Events of tickets that were handed in as this.
    request_type: Option<Label>,
    /// Events of tickets on this route.
    route: Option<Label>,
    /// Events of tickets that this agent or team takes care of, and the one that takes a ticket away.
    assignee: Option<Label>,
    /// Events of tickets that a person should look at, or need not.
    needs_review: Option<bool>,
    /// Everything after this position; `Last-Event-ID`, which browsers send by themselves, wins.
    after: Option<Within<0, { i64::MAX }>>,
}

/// An event as it arrives at a client.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for the text of an event")]
pub struct ToldEvent {
    /// Its position in the log.
    #[schemars(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `ready`, `late`, or the short name of a type.
    #[schemars(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// JSON.
    #[schemars(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Milliseconds to wait before coming back.
    #[schemars(skip_serializing_if = "Option::is_none")]
    retry: Option<u32>,
}

/// Short names of events.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Types(Vec<&'static str>);

impl TryFrom<String> for Types {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = || TicketEvent::TYPES.iter().map(|(_, token)| *token);
        let find = |name: &str| known().find(|known| *known == name.trim());
        let types: Option<Vec<_>> = text.split(',').map(find).collect();
        types.map(Self).ok_or_else(|| format!("must be some of {}", known().collect::<Vec<_>>().join(", ")))
    }
}

impl JsonSchema for Types {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Types".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<_> = TicketEvent::TYPES.iter().map(|(_, token)| *token).collect();
        let name = format!("({})", names.join("|"));
        schemars::json_schema!({ "type": "string", "pattern": format!("^{name}(,{name})*$") })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// The stream.
///
/// # Errors
/// 400 for a parameter that is unknown or wrong, 503 while all seats are taken.
pub async fn stream(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<StreamParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let resumed = last_event_id(&headers)?.or(params.after.map(|after| Position(after.0)));
    let feed = listen(&state.live, resumed).await?;
    let ready = json!({ "position": feed.sent() });
    let ready = event(feed.sent()).event("ready").retry(COME_BACK).data(ready.to_string());
    let told = stream::once(async move { Ok::<_, Infallible>(ready) });
    let told = futures::StreamExt::chain(told, events(feed, params));
    // What buffers would make live late.
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], Sse::new(told)).into_response())
}

/// A place to listen from: after `resumed`, or from now on.
///
/// # Errors
/// 400 for a place that is beyond the end of the log, 503 while all seats are taken.
pub(super) async fn listen(live: &Live, resumed: Option<Position>) -> Result<Feed, Problem> {
    let now = live.now().await?;
    let sent = resumed.unwrap_or(now);
    if sent > now {
        let detail = format!("there is nothing to resume after {sent}: the log ends at {now}");
        return Err(Problem::bad_request(detail).with_member("headPosition", now.0));
    }
    let place = live.seat().ok_or_else(|| Problem::unavailable("too many listen already", 30))?;
    Ok(Feed::new(live.clone(), sent, place))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    // Browsers send it empty before the first event.
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let position = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let position = position.and_then(|text| text.parse().ok()).map(Position);
    position
        .map(Some)
        .ok_or_else(|| Problem::bad_request("Last-Event-ID must be the id of an event: its position"))
}

fn events(feed: Feed, params: StreamParams) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((feed, params), async |(mut feed, params)| {
        loop {
            let event = match feed.next().await {
                Ok(News::Notice(notice)) if !params.admits(&notice) => continue,
                Ok(News::Notice(notice)) => {
                    let data = serde_json::to_string(&*notice).ok()?;
                    event(notice.position).event(notice.kind).data(data)
                }
                // Nothing without data is told to the page, but the browser notes the id.
                Ok(News::Silence) => event(feed.sent()).comment("still here"),
                Ok(News::Late) => {
                    event(feed.sent()).event("late").data(json!({ "position": feed.sent() }).to_string())
                }
                Ok(News::End) => return None,
                Err(error) => {
                    tracing::warn!(cause = %error, "a listener is sent away: it comes back with its position");
                    return None;
                }
            };
            return Some((Ok(event), (feed, params)));
        }
    })
}

fn event(position: Position) -> Event {
    Event::default().id(position.to_string())
}

impl StreamParams {
    fn admits(&self, notice: &Notice) -> bool {
        self.ticket.is_none_or(|ticket| ticket.to_string() == notice.ticket_id)
            && self.types.as_ref().is_none_or(|types| types.0.contains(&notice.kind))
            && (!self.asks_about_the_ticket()
                || notice.ticket.as_ref().is_some_and(|ticket| self.admits_ticket(ticket)))
            && self.assignee.as_ref().is_none_or(|name| notice.concerns(&name.0))
    }

    const fn asks_about_the_ticket(&self) -> bool {
        self.status.is_some()
            || self.category.is_some()
            || self.priority.is_some()
            || self.sentiment.is_some()
            || self.request_type.is_some()
            || self.route.is_some()
            || self.needs_review.is_some()
    }

    fn admits_ticket(&self, ticket: &Standing) -> bool {
        let is =
            |wanted: Option<&str>, value: Option<&str>| wanted.is_none_or(|wanted| value == Some(wanted));
        is(self.status.map(Status::name), Some(&ticket.status))
            && is(text(self.category.as_ref()), ticket.category.as_deref())
            && is(self.priority.map(Priority::name), ticket.priority.as_deref())
            && is(self.sentiment.map(Sentiment::name), ticket.sentiment.as_deref())
            && is(text(self.request_type.as_ref()), Some(&ticket.request_type))
            && is(text(self.route.as_ref()), ticket.route.as_deref())
            && self.needs_review.is_none_or(|wanted| ticket.needs_review == wanted)
    }
}

fn text(label: Option<&Label>) -> Option<&str> {
    label.map(|label| label.0.as_str())
}
