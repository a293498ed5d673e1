//! The description of the API is the one that is committed, complete, and true of what it shows.

use std::{fs, path::Path};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use projector::http::{asyncapi, docs};
use serde_json::Value;

use crate::{asking::send, hub::Hub};

fn whole() -> Value {
    docs::whole(&docs::own())
}

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
    });
    operations.collect()
}

#[test]
fn the_committed_descriptions_are_the_generated_ones() {
    for (file, document) in [("openapi.json", whole()), ("asyncapi.json", asyncapi::document())] {
        let path = Path::new("../schemas/api").join(file);
        let generated = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == generated, "schemas/api/{file} drifted: make schemas, then read the diff");
    }
}

#[test]
fn every_reference_of_the_descriptions_leads_somewhere() {
    for document in [whole(), asyncapi::document()] {
        let mut open = vec![&document];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => open.extend(members.values()),
                Value::Array(items) => open.extend(items),
                _ => {}
            }
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
        }
    }
}

#[test]
fn every_answer_of_a_command_leads_to_what_can_be_asked_about_its_ticket() {
    let document = whole();
    let operations = operations(&document);
    let asks = |id: &str| operations.iter().find(|(_, operation)| operation["operationId"] == *id).unwrap();
    for (name, operation) in operations.iter().filter(|(name, _)| name.starts_with("post ")) {
        let answers = operation["responses"].as_object().unwrap().iter();
        let links = answers
            .filter_map(|(_, answer)| answer.get("links"))
            .flat_map(|links| links.as_object().unwrap());
        let mut count = 0;
        for (_, link) in links {
            let (_, asked) = asks(link["operationId"].as_str().unwrap());
            let takes =
                |name: &str| asked["parameters"].as_array().unwrap().iter().any(|one| one["name"] == *name);
            assert!(link["parameters"].as_object().unwrap().keys().all(|name| takes(name)), "{name}: {link}");
            count += 1;
        }
        assert!(count >= 5, "{name} leads to {count} questions");
    }
}

#[test]
fn every_operation_has_examples_that_fit_its_schemas() {
    let document = whole();
    for (name, operation) in operations(&document) {
        let mut bodies = vec![];
        for answer in operation["responses"].as_object().unwrap().values() {
            bodies.extend(answer["content"].as_object().into_iter().flatten());
        }
        let has_none = bodies.is_empty() && operation["responses"]["101"].is_null();
        assert!(!has_none, "{name} answers nothing");
        bodies.extend(operation["requestBody"]["content"].as_object().into_iter().flatten());
        for (media_type, media) in bodies {
            let mut schema = media["schema"].clone();
            schema["components"] = document["components"].clone();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let example = &media["example"];
            assert!(!example.is_null(), "{name} has no example of {media_type}");
            validator.validate(example).unwrap_or_else(|error| panic!("{name}, {media_type}: {error}"));
        }
    }
}

#[tokio::test]
async fn the_pages_and_the_documents_are_served_from_this_program() {
    let hub = Hub::start().await;
    assert_eq!(hub.get("/openapi.json").await.json(), whole());
    assert_eq!(hub.get("/asyncapi.json").await.json()["asyncapi"], "3.0.0");
    assert_eq!(hub.get("/api/docs").await.status, StatusCode::PERMANENT_REDIRECT);
    let page = hub.get("/api/docs/").await;
    assert!(page.text.contains("swagger-ui") && !page.text.contains("https://"), "{}", page.text);
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    for file in ["swagger-initializer.js", "swagger-ui-bundle.js", "swagger-ui.css"] {
        assert_eq!(hub.get(&format!("/api/docs/{file}")).await.status, StatusCode::OK, "{file}");
    }
    assert!(hub.get("/api/docs/swagger-initializer.js").await.text.contains("/openapi.json"));
    hub.refusal("/api/docs/nothing.js", StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_refused_with_those_it_takes() {
    let hub = Hub::start().await;
    for (method, path, allowed) in [
        ("PUT", "/api/tickets", "GET"),
        ("DELETE", "/api/tickets/1", "GET, HEAD"),
        ("POST", "/api/analytics/series", "GET, HEAD"),
        ("GET", "/api/tickets/1/comments", "POST"),
        ("OPTIONS", "/api/tickets", "GET, POST, HEAD"),
        ("OPTIONS", "/api/tickets/1/close", "POST"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let reply = send(hub.router(), request).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(reply.header("allow").contains(allowed), "{method} {path}: {}", reply.header("allow"));
    }
}
