//! What happens, as server-sent events and in rooms.

use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Message,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};
use tower::ServiceExt as _;

use crate::{
    events::LABELS,
    hub::{Hub, ticket_id},
};

/// A client of `/api/events`.
struct Listener {
    body: BodyDataStream,
    text: String,
}

/// One event as a browser sees it.
#[derive(Debug)]
struct Told {
    id: i64,
    name: String,
    data: Value,
}

impl Listener {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let Some(data) = field("data:") else { continue };
                return Some(Told {
                    id: field("id:").unwrap().parse().unwrap(),
                    name: field("event:").unwrap_or_default().to_owned(),
                    data: serde_json::from_str(data).unwrap(),
                });
            }
            let chunk = self.body.next().await?.unwrap();
            self.text.push_str(str::from_utf8(&chunk).unwrap());
        }
    }

    async fn names(&mut self, count: usize) -> Vec<(i64, String)> {
        let mut names = vec![];
        for _ in 0..count {
            let told = self.next().await.unwrap();
            names.push((told.id, told.name));
        }
        names
    }
}

impl Hub {
    async fn listen(&self, query: &str, last_event_id: Option<i64>) -> Listener {
        listen(&self.router(), query, last_event_id).await
    }
}

async fn listen(router: &axum::Router, query: &str, last_event_id: Option<i64>) -> Listener {
    let mut request = Request::get(format!("/api/events?{query}"));
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Listener { body: response.into_body().into_data_stream(), text: String::new() }
}

fn names(names: &[(i64, &str)]) -> Vec<(i64, String)> {
    names.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
}

#[tokio::test]
async fn who_listens_is_told_what_happens_from_now_on() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    let mut listener = hub.listen("", None).await;
    assert_eq!(listener.names(1).await, names(&[(1, "ready")]));
    hub.analyze(1, "ada@example.com", LABELS).await;
    hub.assign(1, "agent-7").await;
    let told = listener.next().await.unwrap();
    assert_eq!((told.id, told.name.as_str()), (2, "analyzed"));
    assert_eq!(told.data["ticket"]["category"], "Network");
    assert_eq!(told.data["ticketId"], json!(ticket_id(1)));
    // What a listener is told of, it can read.
    assert_eq!(hub.data("/api/tickets/1").await["priority"], "High");
    assert_eq!(listener.names(1).await, names(&[(3, "assigned")]));
}

#[tokio::test]
async fn no_listener_is_told_personal_data() {
    let hub = Hub::start().await;
    hub.whole_journey().await;
    hub.work_on(1).await;
    let mut listener = hub.listen("after=0", None).await;
    let head = hub.head().await.0;
    listener.next().await.unwrap();
    loop {
        let told = listener.next().await.unwrap();
        let text = told.data.to_string();
        for personal in ["Ada", "ada@", "Replaced", "Looking into", "drops again", "is down"] {
            assert!(!text.contains(personal), "{text}");
        }
        if told.id == head {
            break;
        }
    }
}

#[tokio::test]
async fn who_comes_back_is_told_what_it_missed_and_nothing_twice() {
    let hub = Hub::start().await;
    hub.submit_many(1..=300, "Network").await;
    let all: Vec<_> = (1..=300).map(|position| (position, "submitted")).collect();
    let mut listener = hub.listen("", Some(3)).await;
    assert_eq!(listener.names(1).await, names(&[(3, "ready")]));
    assert_eq!(listener.names(297).await, names(&all[3..]));
    hub.submit(301, "ada@example.com", "Network").await;
    assert_eq!(listener.names(1).await, names(&[(301, "submitted")]));
}

#[tokio::test]
async fn a_slow_listener_is_told_so_and_misses_nothing() {
    let hub = Hub::start().await;
    let router = hub.router();
    let (mut slow, mut fast) = (listen(&router, "", None).await, listen(&router, "", None).await);
    hub.submit(1, "ada@example.com", "Network").await;
    for listener in [&mut slow, &mut fast] {
        assert_eq!(listener.names(2).await, names(&[(0, "ready"), (1, "submitted")]));
    }
    // More than is kept for those that are nearly up to date.
    hub.submit_many(2..=300, "Network").await;
    let expected: Vec<_> = (2..=300).map(|position| (position, "submitted".to_owned())).collect();
    assert_eq!(fast.names(expected.len()).await, expected);
    assert_eq!(slow.names(1).await, names(&[(1, "late")]));
    assert_eq!(slow.names(expected.len()).await, expected);
}

#[tokio::test]
async fn a_listener_whose_client_stops_reading_holds_up_nobody() {
    let hub = Hub::start().await;
    let router = hub.router();
    let mut halted = vec![];
    for _ in 0..20 {
        let mut listener = listen(&router, "", None).await;
        listener.names(1).await;
        halted.push(listener);
    }
    let mut other = listen(&router, "", None).await;
    other.names(1).await;
    for n in 1..=20 {
        hub.submit(n, "ada@example.com", "Network").await;
        hub.settled().await;
        // They are run a little and then left where they are, somewhere inside.
        for listener in &mut halted {
            let _ = listener.next().now_or_never();
        }
        assert_eq!(other.names(1).await, names(&[(n as i64, "submitted")]));
    }
}

#[tokio::test]
async fn each_filter_lets_its_events_pass() {
    let hub = Hub::start().await;
    hub.whole_journey().await; // 1 to 3
    hub.submit(2, "bob@example.com", "Cloud").await; // 4
    hub.assign(2, "agent-7").await; // 5
    hub.resolve(2, "Done.").await; // 6
    hub.settled().await;
    for (query, expected) in [
        ("type=analyzed,assigned", vec![2, 5]),
        (&format!("ticket={}", ticket_id(2)), vec![4, 5, 6]),
        ("category=Network", vec![1, 2, 3]),
        ("status=resolved", vec![4, 5, 6]),
        ("assignee=agent-7&type=resolved", vec![6]),
        ("requestType=Cloud&status=open", vec![]),
        ("priority=High&sentiment=negative&route=live-chat&needsReview=false", vec![1, 2, 3]),
    ] {
        let mut listener = hub.listen(&format!("after=0&{query}"), None).await;
        assert_eq!(listener.names(1).await, names(&[(0, "ready")]));
        let mut ids = vec![];
        for _ in &expected {
            ids.push(listener.next().await.unwrap().id);
        }
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn a_place_that_is_not_there_and_a_filter_that_is_not_known_are_refused() {
    let hub = Hub::start().await;
    for (query, reason) in [
        ("after=1", "the log ends at 0"),
        ("after=-1", "after: must be a whole number"),
        ("type=opened", "type: must be some of submitted, analyzed"),
        ("ticket=7", "not a ticket id"),
        ("colour=red", "unknown field `colour`"),
    ] {
        let detail = hub.refusal(&format!("/api/events?{query}"), StatusCode::BAD_REQUEST).await;
        assert!(detail.contains(reason), "{query}: {detail}");
    }
    hub.refusal("/api/ws", StatusCode::UPGRADE_REQUIRED).await;
}

#[tokio::test]
async fn streams_end_when_the_service_stops() {
    let hub = Hub::start().await;
    let mut listener = hub.listen("", None).await;
    assert_eq!(listener.names(1).await, names(&[(0, "ready")]));
    hub.stop.cancel();
    assert!(listener.next().await.is_none());
}

#[tokio::test]
async fn a_thousand_listeners_are_told_the_same() {
    let hub = Hub::start().await;
    let router = hub.router();
    let mut listeners = vec![];
    for _ in 0..1_000 {
        listeners.push(listen(&router, "", None).await);
    }
    for listener in &mut listeners {
        assert_eq!(listener.names(1).await, names(&[(0, "ready")]));
    }
    hub.submit(1, "ada@example.com", "Network").await;
    for listener in &mut listeners {
        assert_eq!(listener.names(1).await, names(&[(1, "submitted")]));
    }
}

/// A client of `/api/ws`.
struct Guest(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Guest {
    async fn visit(hub: &Hub, query: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = hub.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(connect_async(format!("ws://{address}/api/ws?{query}")).await.unwrap().0)
    }

    async fn say(&mut self, wish: &Value) {
        self.0.send(Message::text(wish.to_string())).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// How the connection is closed.
    async fn farewell(&mut self) -> Option<CloseFrame> {
        loop {
            if let Message::Close(frame) = self.0.next().await.unwrap().unwrap() {
                return frame;
            }
        }
    }

    /// The next event's position and the rooms it was told in.
    async fn event(&mut self) -> (i64, Value) {
        let mut word = self.hear().await;
        assert_eq!(word["type"], "event", "{word}");
        (word["event"]["position"].as_i64().unwrap(), word["rooms"].take())
    }
}

#[tokio::test]
async fn a_guest_hears_the_rooms_it_is_in() {
    let hub = Hub::start().await;
    let ticket = format!("ticket:{}", ticket_id(1));
    hub.submit(2, "ada@example.com", "Network").await; // 1
    let mut guest = Guest::visit(&hub, "rooms=role:lead").await;
    assert_eq!(guest.hear().await, json!({ "type": "ready", "position": 1 }));
    assert_eq!(guest.hear().await, json!({ "type": "joined", "rooms": ["role:lead"] }));
    guest.say(&json!({ "join": [ticket, "assignee:agent-7"] })).await;
    assert_eq!(guest.hear().await["rooms"], json!([ticket, "assignee:agent-7", "role:lead"]));

    hub.submit(1, "ada@example.com", "Network").await; // 2
    assert_eq!(guest.event().await, (2, json!([ticket])));
    hub.comment(2, "In no room of this guest.").await; // 3
    hub.settled().await;
    hub.comment(1, "Looking into it.").await; // 4
    assert_eq!(guest.event().await, (4, json!([ticket])));
    hub.assign(2, "agent-7").await; // 5
    hub.assign(1, "agent-7").await; // 6
    hub.fail_analysis(2).await; // 7
    assert_eq!(guest.event().await, (5, json!(["assignee:agent-7"])));
    assert_eq!(guest.event().await, (6, json!([ticket, "assignee:agent-7"])));
    assert_eq!(guest.event().await, (7, json!(["assignee:agent-7", "role:lead"])));

    guest.say(&json!({ "leave": ["assignee:agent-7", "role:lead"] })).await;
    assert_eq!(guest.hear().await["rooms"], json!([ticket]));
    guest.say(&json!({ "join": ["team:a"] })).await;
    assert_eq!(guest.hear().await["type"], "refused");
    hub.park(2).await; // 8
    hub.close(1).await; // 9
    assert_eq!(guest.event().await, (9, json!([ticket])));
}

#[tokio::test]
async fn whatever_a_guest_says_is_answered() {
    let hub = Hub::start().await;
    let mut guest = Guest::visit(&hub, "").await;
    assert_eq!((&guest.hear().await["type"], &guest.hear().await["rooms"]), (&json!("ready"), &json!([])));
    for (said, reason) in [
        (Message::text("hello"), "expected value"),
        (Message::text("{\"dance\": []}"), "unknown field `dance`"),
        (Message::text("{\"join\": null}"), "invalid type: null"),
        (Message::text("{\"join\": [\"team:a\"]}"), "a room is ticket:"),
        (Message::binary(vec![1, 2]), "messages are JSON in text"),
    ] {
        guest.0.send(said).await.unwrap();
        let word = guest.hear().await;
        assert_eq!(word["type"], "refused", "{word}");
        assert!(word["error"].as_str().unwrap().contains(reason), "{word}");
    }
    guest.say(&json!({})).await;
    assert_eq!(guest.hear().await["type"], "joined", "it is still there");
}

#[tokio::test]
async fn who_says_too_much_or_no_text_is_told_why_it_has_to_go() {
    let hub = Hub::start().await;
    let no_text = Frame::message(vec![0xff], OpCode::Data(Data::Text), true);
    for (said, code, reason) in [
        (Message::text(" ".repeat(8 * 1024 + 1)), CloseCode::Size, "a message has 8192 bytes at most"),
        (Message::binary(vec![0; 8 * 1024 + 1]), CloseCode::Size, "a message has 8192 bytes at most"),
        (Message::text(" ".repeat(64 * 1024 + 1)), CloseCode::Size, "a message has 8192 bytes at most"),
        (Message::Frame(no_text), CloseCode::Invalid, "text must be UTF-8"),
    ] {
        let mut guest = Guest::visit(&hub, "").await;
        guest.0.send(said).await.unwrap();
        assert_eq!(guest.farewell().await, Some(CloseFrame { code, reason: reason.into() }));
    }
    let mut guest = Guest::visit(&hub, "").await;
    guest.0.send(Message::text(" ".repeat(8 * 1024))).await.unwrap();
    let words = [guest.hear().await, guest.hear().await, guest.hear().await];
    assert_eq!(words[2]["type"], "refused", "{words:?}");
}

#[tokio::test]
async fn who_says_farewell_is_answered() {
    let hub = Hub::start().await;
    let mut guest = Guest::visit(&hub, "").await;
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    guest.0.close(Some(frame.clone())).await.unwrap();
    assert_eq!(guest.farewell().await, Some(frame));
}

#[tokio::test]
async fn who_loses_a_ticket_is_told() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await; // 1
    let mut guest = Guest::visit(&hub, "rooms=assignee:agent-7").await;
    assert_eq!(
        (guest.hear().await["type"].clone(), guest.hear().await["type"].clone()),
        (json!("ready"), json!("joined"))
    );
    hub.assign(1, "agent-7").await; // 2
    hub.settled().await;
    assert_eq!(guest.event().await, (2, json!(["assignee:agent-7"])));
    hub.assign(1, "agent-8").await; // 3
    hub.settled().await;
    assert_eq!(guest.event().await, (3, json!(["assignee:agent-7"])));
    hub.comment(1, "Mine now.").await; // 4
    hub.settled().await;
    hub.assign(1, "agent-7").await; // 5
    assert_eq!(guest.event().await, (5, json!(["assignee:agent-7"])));
    hub.assign(1, "agent-8").await; // 6
    hub.settled().await;
    let mut listener = hub.listen("after=1&assignee=agent-7", None).await;
    assert_eq!(listener.names(3).await, names(&[(1, "ready"), (2, "assigned"), (3, "assigned")]));
}

#[tokio::test]
async fn a_guest_that_comes_back_hears_what_it_missed() {
    let hub = Hub::start().await;
    hub.whole_journey().await;
    let mut guest = Guest::visit(&hub, "rooms=role:auditor&after=1").await;
    assert_eq!(guest.hear().await, json!({ "type": "ready", "position": 1 }));
    assert_eq!(guest.hear().await["type"], "joined");
    assert_eq!(guest.event().await.0, 2);
    assert_eq!(guest.event().await.0, 3);
}

#[tokio::test]
async fn pages_of_other_origins_may_not_visit() {
    let hub = Hub::start().await;
    let request =
        Request::get("/api/ws").header("origin", "http://evil.example").header("host", "hub.example");
    let response = hub.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let request = Request::get("/api/ws").body(Body::empty()).unwrap();
    let response = hub.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()["upgrade"], "websocket");
}
