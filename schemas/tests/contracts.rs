//! The contracts do not drift: committed schemas equal the generated ones, and every event version ever written
//! still reads. `UPDATE_SCHEMAS=1 cargo test -p schemas` rewrites the schema files after a deliberate change.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{collections::BTreeSet, fs, path::Path};

use schemas::{Envelope, TicketEvent, contract};

fn file_names(name: &str) -> BTreeSet<String> {
    fs::read_dir(name).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn committed_schemas_are_the_generated_ones() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (file, schema) in contract::documents() {
        let path = Path::new("json").join(&file);
        let generated = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if update {
            fs::write(&path, &generated).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "{file} drifted: UPDATE_SCHEMAS=1 cargo test -p schemas, then read the diff"
        );
    }
    let known: BTreeSet<_> = contract::documents().into_iter().map(|(file, _)| file).collect();
    assert_eq!(file_names("json"), known, "a schema file without a type, or a type without a file");
}

#[test]
fn every_event_version_has_a_golden_sample() {
    let expected: BTreeSet<_> = TicketEvent::TYPES.iter().map(|(name, _)| format!("{name}.json")).collect();
    assert!(file_names("golden").is_superset(&expected), "golden/ lacks a sample of a type");
}

#[test]
fn every_golden_sample_still_reads_and_writes_back_unchanged() {
    for file in file_names("golden") {
        let text = fs::read_to_string(Path::new("golden").join(&file)).unwrap();
        let envelope: Envelope = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        let event = envelope.event().unwrap_or_else(|e| panic!("{file}: {e:?}"));
        let sample: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rewritten: serde_json::Value = serde_json::from_str(event.to_data().unwrap().get()).unwrap();
        assert_eq!(rewritten, sample["data"], "{file}: reading and writing changed the data");
        assert_eq!(serde_json::to_value(&envelope).unwrap(), sample, "{file}: the envelope changed");
    }
}

#[test]
fn every_golden_sample_fits_its_schema() {
    let schemas: Vec<_> = contract::documents();
    let schema_of = |name: &str| {
        let (_, schema) = schemas.iter().find(|(file, _)| file.strip_suffix(".json") == Some(name)).unwrap();
        jsonschema::validator_for(schema.as_value()).unwrap()
    };
    for file in file_names("golden") {
        let text = fs::read_to_string(Path::new("golden").join(&file)).unwrap();
        let sample: serde_json::Value = serde_json::from_str(&text).unwrap();
        schema_of("envelope").validate(&sample).unwrap_or_else(|e| panic!("{file}: {e}"));
        let name = sample["type"].as_str().unwrap();
        schema_of(name).validate(&sample["data"]).unwrap_or_else(|e| panic!("{file}: {e}"));
    }
}
