//! AsyncAPI 3 of what is sent without being asked for: events on the bus, and what live streams tell.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use schemas::{Envelope, TicketEvent, subject};
use serde_json::{Map, Value, json};

use super::rooms::{WORDS, WishSchema};
use crate::live::Notice;

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut generator = generator();
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    bus(&mut generator, &mut channels, &mut operations, &mut messages);
    stream(&mut generator, &mut channels, &mut operations, &mut messages);
    rooms(&mut generator, &mut channels, &mut operations, &mut messages);
    let mut schemas = generator.take_definitions(true);
    for schema in schemas.values_mut() {
        schema.as_object_mut().map(|members| members.remove("$schema"));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Smart Service Hub", "version": env!("CARGO_PKG_VERSION"),
            "description": "Events on the bus (NATS JetStream, a copy of the log), and live streams for clients.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "bus": { "host": "127.0.0.1:14222", "protocol": "nats", "description": "NATS JetStream, inside." },
            "hub": { "host": "127.0.0.1:8080", "protocol": "http", "description": "The origin clients use." },
            "rooms": { "host": "127.0.0.1:8080", "protocol": "ws", "description": "The same, for WebSockets." },
        },
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = "/components/schemas".into();
    settings.into_generator()
}

/// A channel for each type of event: `tickets.<type>.<ticket id>`.
fn bus(
    generator: &mut SchemaGenerator,
    channels: &mut Map<String, Value>,
    operations: &mut Map<String, Value>,
    messages: &mut Map<String, Value>,
) {
    let envelope = generator.subschema_for::<Envelope>();
    for (name, data) in TicketEvent::data_schemas_in(generator) {
        let token = subject::token(name);
        messages.insert(
            token.to_owned(),
            json!({
                "name": name, "contentType": "application/cloudevents+json",
                "headers": { "type": "object", "properties": {
                    "Nats-Msg-Id": { "type": "string", "description": "The id of the event: the bus de-duplicates by it." },
                    "Hub-Position": { "type": "string", "description": "Its place in the log." },
                    "Hub-Previous-Position": { "type": "string", "description": "The place of the message before." },
                    "traceparent": { "type": "string", "description": "W3C trace context." },
                } },
                "payload": { "allOf": [envelope, {
                    "type": "object", "properties": { "type": { "const": name }, "data": data },
                }] },
            }),
        );
        let channel = json!({
            "address": format!("tickets.{token}.{{ticketId}}"),
            "servers": [{ "$ref": "#/servers/bus" }],
            "parameters": { "ticketId": { "description": "The ticket." } },
            "messages": { token: { "$ref": format!("#/components/messages/{token}") } },
        });
        channels.insert(format!("bus-{token}"), channel);
        operations.insert(
            format!("publish-{token}"),
            json!({ "action": "send", "channel": { "$ref": format!("#/channels/bus-{token}") } }),
        );
    }
}

fn stream(
    generator: &mut SchemaGenerator,
    channels: &mut Map<String, Value>,
    operations: &mut Map<String, Value>,
    messages: &mut Map<String, Value>,
) {
    let position = position(generator);
    for (name, summary, payload) in [
        (
            "notice",
            "Something happened; the SSE event has the name of its type.",
            schema::<Notice>(generator),
        ),
        ("ready", "The client is connected: what follows comes after this position.", position.clone()),
        ("late", "The client is slow: what follows is not live. Nothing is left out.", position),
    ] {
        messages.insert(name.to_owned(), json!({ "name": name, "summary": summary, "payload": payload }));
    }
    let of = |name: &str| json!({ "$ref": format!("#/components/messages/{name}") });
    channels.insert(
        "events".to_owned(),
        json!({
            "address": "/api/events", "servers": [{ "$ref": "#/servers/hub" }],
            "description": "Server-sent events; the id of each is its position, and Last-Event-ID resumes.",
            "messages": { "notice": of("notice"), "ready": of("ready"), "late": of("late") },
        }),
    );
    operations
        .insert("tell".to_owned(), json!({ "action": "send", "channel": { "$ref": "#/channels/events" } }));
}

fn rooms(
    generator: &mut SchemaGenerator,
    channels: &mut Map<String, Value>,
    operations: &mut Map<String, Value>,
    messages: &mut Map<String, Value>,
) {
    let wish = schema::<WishSchema>(generator);
    messages.insert(
        "wish".to_owned(),
        json!({ "name": "wish", "summary": "Join and leave rooms.", "payload": wish,
                "examples": [{ "payload": { "join": ["role:lead", "assignee:agent-7"] } }] }),
    );
    let rooms = json!({ "type": "array", "items": { "type": "string" } });
    for (word, summary) in WORDS {
        let mut properties = json!({ "type": { "const": word } });
        match word {
            "ready" | "late" => {
                properties["position"] = position(generator)["properties"]["position"].clone();
            }
            "joined" => properties["rooms"] = rooms.clone(),
            "event" => {
                properties["rooms"] = rooms.clone();
                properties["event"] = schema::<Notice>(generator);
            }
            _ => properties["error"] = json!({ "type": "string" }),
        }
        let payload = json!({ "type": "object", "properties": properties });
        messages.insert(
            format!("room-{word}"),
            json!({ "name": format!("room-{word}"), "summary": summary, "payload": payload }),
        );
    }
    let names = WORDS.iter().map(|(word, _)| format!("room-{word}")).chain(["wish".to_owned()]);
    let of = names.map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })));
    channels.insert(
        "rooms".to_owned(),
        json!({
            "address": "/api/ws", "servers": [{ "$ref": "#/servers/rooms" }],
            "description": "ticket:<id>, assignee:<name>, role:<agent|lead|auditor|admin>. What is not understood is answered with \
                `refused`. The connection is closed with 1009 after a message of more than 8192 bytes, with 1007 after text that \
                is not UTF-8, with 1002 after what is no frame, and with 1001 when the service stops: come back with `after`.",
            "messages": of.collect::<Map<_, _>>(),
        }),
    );
    let message = |name: String| json!({ "$ref": format!("#/channels/rooms/messages/{name}") });
    let told: Vec<_> = WORDS.iter().map(|(word, _)| message(format!("room-{word}"))).collect();
    operations.insert(
        "tell-rooms".to_owned(),
        json!({ "action": "send", "channel": { "$ref": "#/channels/rooms" }, "messages": told }),
    );
    operations.insert(
        "hear-wishes".to_owned(),
        json!({ "action": "receive", "channel": { "$ref": "#/channels/rooms" }, "messages": [message("wish".to_owned())] }),
    );
}

fn position(generator: &mut SchemaGenerator) -> Value {
    let position = schema::<schemas::Position>(generator);
    json!({ "type": "object", "properties": { "position": position }, "required": ["position"] })
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}
