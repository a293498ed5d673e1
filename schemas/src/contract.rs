//! The JSON Schemas of everything on the wire, generated from the types. The generated files are committed in
//! `schemas/json/`; a test regenerates them and fails on any difference.

use schemars::Schema;

use crate::{
    envelope::{Envelope, dataschema},
    event::TicketEvent,
};

/// File name and content of every schema: the envelope, and the data of each event type.
#[must_use]
pub fn documents() -> Vec<(String, Schema)> {
    let mut documents =
        vec![("envelope.json".to_owned(), identified(schemars::schema_for!(Envelope), "envelope"))];
    for (name, schema) in TicketEvent::data_schemas() {
        documents.push((format!("{name}.json"), identified(schema, name)));
    }
    documents
}

fn identified(mut schema: Schema, name: &str) -> Schema {
    schema.insert("$id".to_owned(), dataschema(name).into());
    schema
}
