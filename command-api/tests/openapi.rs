//! The description of the command side is the one that is committed.

use std::{fs, path::Path};

#[test]
fn the_committed_description_is_the_generated_one() {
    let path = Path::new("../schemas/api/commands.json");
    let generated = serde_json::to_string_pretty(&command_api::http::description()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(path, &generated).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "schemas/api/commands.json drifted: make schemas, then read the diff");
}
