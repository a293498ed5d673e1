//! `GET /api/ws`: what happens, over a WebSocket, for clients that follow many things at once and change their mind. A
//! client joins and leaves rooms, and is told the events of the rooms it is in.
//!
//! | room | its events |
//! | --- | --- |
//! | `ticket:tkt_…` | all of that ticket |
//! | `assignee:agent-7` | of tickets that this agent or team takes care of, and the one that takes a ticket away |
//! | `role:agent` | work that arrives: submitted, analyzed, reopened, assigned, confirmed |
//! | `role:lead` | what needs somebody to decide: tickets to review, failed analyses, parked deliveries, reopened tickets |
//! | `role:auditor`, `role:admin` | everything |

use std::{collections::BTreeSet, error::Error as _, fmt, time::Duration};

use axum::{
    extract::{
        State,
        ws::{
            CloseCode, CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code,
            rejection::WebSocketUpgradeRejection,
        },
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use schemas::{Position, TicketId};
use serde::{Deserialize, Serialize};
use service_host::{Problem, query::QueryParams};
use tokio_tungstenite::tungstenite;

use super::{
    AppState,
    parameter::{Label, Within, inline_schema},
    stream::listen,
};
use crate::live::{Feed, News, Notice};

/// Bytes a message of a client may have.
const MESSAGE: usize = 8 * 1024;
/// Bytes of a message that are read at all. Whoever says a little too much is heard to the end, because a connection that
/// is closed with something unread takes back what was last sent on it: the reason.
const READ: usize = 64 * 1024;
/// Rooms a client may be in.
const ROOMS: usize = 100;
/// How long a client may take to receive a message before it is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// The query parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomParams {
    /// Rooms to join at once, separated by commas: `ticket:tkt_…,assignee:agent-7,role:lead`.
    rooms: Option<Rooms>,
    /// Everything after this position.
    after: Option<Within<0, { i64::MAX }>>,
}

/// Where events are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
enum Room {
    Ticket(TicketId),
    Assignee(String),
    Role(Role),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Agent,
    Lead,
    Auditor,
    Admin,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Rooms(BTreeSet<Room>);

/// What a room is called, as a regular expression; an assignee's name with a comma can only be joined later.
macro_rules! room_pattern {
    () => {
        r"(ticket:tkt_[0-7][0-9A-HJKMNP-TV-Z]{25}|assignee:[^,\x00-\x1f\x7f]{1,100}|role:(agent|lead|auditor|admin))"
    };
}

inline_schema!(Rooms, {
    "type": "string", "maxLength": 4000, "pattern": concat!("^", room_pattern!(), "(,", room_pattern!(), ")*$"),
});

/// What a client says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wish {
    join: BTreeSet<Room>,
    leave: BTreeSet<Room>,
}

/// Rooms to join and to leave; each may be left out.
#[derive(JsonSchema)]
#[schemars(rename = "Wish")]
#[expect(dead_code, reason = "stands for the JSON that a client sends")]
pub(super) struct WishSchema {
    /// Rooms to be in.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    join: Vec<String>,
    /// Rooms to be in no more.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    leave: Vec<String>,
}

/// The words a client is told, and what they mean.
pub(super) const WORDS: [(&str, &str); 5] = [
    ("ready", "The client is connected: what follows comes after this position."),
    ("joined", "The client is in these rooms now."),
    ("event", "Something happened in these rooms."),
    ("late", "The client is slow: what follows is not live. Nothing is left out."),
    ("refused", "What the client said was not understood."),
];

/// What a client is told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Word<'a> {
    /// It is connected: what follows comes after `position`.
    Ready { position: Position },
    /// It is in these rooms now.
    Joined { rooms: Vec<String> },
    /// Something happened in these rooms.
    Event { rooms: Vec<String>, event: &'a Notice },
    /// It is slow: what follows is not live. Nothing is left out.
    Late { position: Position },
    /// What it said was not understood.
    Refused { error: String },
}

/// Not a room.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a room is ticket:<id>, assignee:<name> or role:<agent, lead, auditor or admin>")]
pub struct NoRoom;

/// The WebSocket.
///
/// # Errors
/// 400 for a parameter that is unknown or wrong, 403 for a web page that may not call, 426 for a request that is no
/// upgrade, 503 while all seats are taken.
pub async fn rooms(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<RoomParams>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    // Browsers let any page open a WebSocket: the rules of CORS are ours to keep.
    if !state.cors.allows(&headers) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "pages of this origin may not listen"));
    }
    let Ok(upgrade) = upgrade else {
        let problem =
            Problem::new(StatusCode::UPGRADE_REQUIRED, "this path is a WebSocket: ask for an upgrade");
        return Ok(([(header::UPGRADE, "websocket")], problem).into_response());
    };
    let rooms = params.rooms.map_or_else(BTreeSet::new, |rooms| rooms.0);
    if rooms.len() > ROOMS {
        return Err(Problem::bad_request(TOO_MANY));
    }
    let feed = listen(&state.live, params.after.map(|after| Position(after.0))).await?;
    let upgrade = upgrade.max_message_size(READ).max_frame_size(READ);
    Ok(upgrade.on_upgrade(|socket| async move { Visit { socket, feed, rooms }.run().await }))
}

const TOO_MANY: &str = "100 rooms at most";
const TOO_LONG: &str = "a message has 8192 bytes at most";

/// One connected client.
struct Visit {
    socket: WebSocket,
    feed: Feed,
    rooms: BTreeSet<Room>,
}

impl Visit {
    async fn run(mut self) {
        let position = self.feed.sent();
        let mut open = self.tell(&Word::Ready { position }).await && self.tell_rooms().await;
        while open {
            open = tokio::select! {
                said = self.socket.recv() => match said {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(error)) => self.turn_away(&error).await,
                    None => false,
                },
                news = self.feed.next() => match news {
                    Ok(news) => self.pass_on(news).await,
                    Err(error) => {
                        tracing::warn!(cause = %error, "a listener is sent away: it comes back with its position");
                        false
                    }
                },
            };
        }
    }

    async fn hear(&mut self, message: Message) -> bool {
        let text = match message {
            Message::Text(text) if text.len() > MESSAGE => {
                return self.close(close_code::SIZE, TOO_LONG).await;
            }
            Message::Binary(bytes) if bytes.len() > MESSAGE => {
                return self.close(close_code::SIZE, TOO_LONG).await;
            }
            Message::Text(text) => text,
            Message::Binary(_) => return self.refuse("messages are JSON in text".to_owned()).await,
            Message::Close(_) => return self.hear_out().await,
            Message::Ping(_) | Message::Pong(_) => return true,
        };
        match serde_json::from_str::<Wish>(&text) {
            Ok(wish) if self.rooms.union(&wish.join).count() > ROOMS => {
                self.refuse(TOO_MANY.to_owned()).await
            }
            Ok(wish) => {
                self.rooms.extend(wish.join);
                self.rooms.retain(|room| !wish.leave.contains(room));
                self.tell_rooms().await
            }
            Err(error) => self.refuse(error.to_string()).await,
        }
    }

    async fn pass_on(&mut self, news: News) -> bool {
        match news {
            News::Notice(event) => {
                let rooms = self.rooms.iter().filter(|room| room.hears(&event)).map(ToString::to_string);
                let rooms: Vec<_> = rooms.collect();
                rooms.is_empty() || self.tell(&Word::Event { rooms, event: &event }).await
            }
            News::Late => self.tell(&Word::Late { position: self.feed.sent() }).await,
            News::Silence => self.send(Message::Ping(Vec::new().into())).await,
            News::End => {
                self.close(close_code::AWAY, "the service stops: come back with your position").await
            }
        }
    }

    async fn tell_rooms(&mut self) -> bool {
        let rooms = self.rooms.iter().map(ToString::to_string).collect();
        self.tell(&Word::Joined { rooms }).await
    }

    async fn refuse(&mut self, error: String) -> bool {
        self.tell(&Word::Refused { error }).await
    }

    async fn tell(&mut self, word: &Word<'_>) -> bool {
        let Ok(text) = serde_json::to_string(word) else { return false };
        self.send(Message::Text(text.into())).await
    }

    /// Ends the visit of a client whose messages can be read no further.
    async fn turn_away(&mut self, error: &axum::Error) -> bool {
        if let Some((code, reason)) = fault(error) {
            self.say_farewell(code, reason).await;
        }
        false
    }

    /// Ends the visit.
    async fn close(&mut self, code: CloseCode, reason: &'static str) -> bool {
        self.say_farewell(code, reason).await && self.hear_out().await
    }

    async fn say_farewell(&mut self, code: CloseCode, reason: &'static str) -> bool {
        let reason = Utf8Bytes::from_static(reason);
        self.send(Message::Close(Some(CloseFrame { code, reason }))).await
    }

    /// Listens until both sides have said that this is the end; reading on also answers the client's farewell.
    async fn hear_out(&mut self) -> bool {
        let end = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        // Who says nothing is let go.
        let _ = tokio::time::timeout(PATIENCE, end).await;
        false
    }

    /// Whether the client took it in time.
    async fn send(&mut self, message: Message) -> bool {
        matches!(tokio::time::timeout(PATIENCE, self.socket.send(message)).await, Ok(Ok(())))
    }
}

/// What the client did wrong, as RFC 6455 (section 7.4.1) numbers it; nothing where the connection is gone.
fn fault(error: &axum::Error) -> Option<(CloseCode, &'static str)> {
    match error.source()?.downcast_ref()? {
        tungstenite::Error::Capacity(_) => Some((close_code::SIZE, TOO_LONG)),
        tungstenite::Error::Utf8(_) => Some((close_code::INVALID, "text must be UTF-8")),
        tungstenite::Error::Protocol(_) => Some((close_code::PROTOCOL, "this is no frame of a WebSocket")),
        _ => None,
    }
}

impl Room {
    fn hears(&self, notice: &Notice) -> bool {
        let ticket = notice.ticket.as_ref();
        match self {
            Self::Ticket(id) => id.to_string() == notice.ticket_id,
            Self::Assignee(name) => notice.concerns(name),
            Self::Role(Role::Agent) => {
                ["submitted", "analyzed", "reopened", "assigned", "resolution-confirmed"]
                    .contains(&notice.kind)
            }
            Self::Role(Role::Lead) => {
                ["analysis-failed", "crm-delivery-parked", "reopened"].contains(&notice.kind)
                    || notice.kind == "analyzed" && ticket.is_some_and(|ticket| ticket.needs_review)
            }
            Self::Role(Role::Auditor | Role::Admin) => true,
        }
    }
}

impl TryFrom<String> for Room {
    type Error = NoRoom;

    fn try_from(text: String) -> Result<Self, NoRoom> {
        let (kind, name) = text.split_once(':').ok_or(NoRoom)?;
        match kind {
            "ticket" => name.parse().map(Self::Ticket).map_err(|_| NoRoom),
            "assignee" => {
                Label::try_from(name.to_owned()).map(|Label(name)| Self::Assignee(name)).map_err(|_| NoRoom)
            }
            "role" => Role::ALL.into_iter().find(|role| role.name() == name).map(Self::Role).ok_or(NoRoom),
            _ => Err(NoRoom),
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(id) => write!(f, "ticket:{id}"),
            Self::Assignee(name) => write!(f, "assignee:{name}"),
            Self::Role(role) => write!(f, "role:{}", role.name()),
        }
    }
}

impl Role {
    const ALL: [Self; 4] = [Self::Agent, Self::Lead, Self::Auditor, Self::Admin];

    const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Lead => "lead",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

impl TryFrom<String> for Rooms {
    type Error = NoRoom;

    fn try_from(text: String) -> Result<Self, NoRoom> {
        let room = |name: &str| Room::try_from(name.trim().to_owned());
        text.split(',').map(room).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_reads_back_as_itself_and_nothing_else_does() {
        for text in ["ticket:tkt_00000000000000000000000001", "assignee:agent-7", "assignee:a:b", "role:lead"]
        {
            assert_eq!(Room::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "ticket", "ticket:7", "role:requester", "assignee:", "team:a"] {
            assert_eq!(Room::try_from(text.to_owned()), Err(NoRoom), "{text}");
        }
    }
}
