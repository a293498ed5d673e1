//! The real model for tests.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use analyzer_worker::{
    engine::{Engine, Request},
    learning::train::TrainSettings,
    model::heads,
    settings::{ModelSettings, PrecisionChoice},
};
use clap::Parser;

/// The root of the workspace, where `.local` is: seen from where cargo runs tests, which is not where it compiled them if
/// clones share a target directory.
pub(crate) fn root() -> PathBuf {
    Path::new("..").canonicalize().unwrap()
}

/// The installed encoder with the committed heads.
#[track_caller]
pub(crate) fn settings(precision: PrecisionChoice) -> ModelSettings {
    let model_dir = root().join(".local/minilm-l6-v2");
    assert!(
        model_dir.join("model.safetensors").is_file(),
        "these tests run the real model, and {} holds none: run `make deps`",
        model_dir.display()
    );
    ModelSettings {
        model_dir,
        heads_dir: root().join("analyzer-worker/model"),
        own_labels_dir: None,
        threads: 1,
        workers: 1,
        precision,
        queue: 4,
        batch_ms: 250,
        patience: 60,
    }
}

/// A running engine, shared by the tests of a file: a model takes seconds to load in a debug build.
#[allow(dead_code, reason = "not every test file needs one")]
pub(crate) fn engine() -> Engine {
    static SHARED: LazyLock<Engine> = LazyLock::new(own_engine);
    SHARED.clone()
}

/// An engine of a test's own, to do things to.
#[allow(dead_code, reason = "not every test file needs one")]
pub(crate) fn own_engine() -> Engine {
    Engine::start(&settings(PrecisionChoice::F32)).unwrap()
}

/// The heads in another folder, to do things to.
#[allow(dead_code, reason = "not every test file needs some")]
pub(crate) fn copy_heads(from: &Path, to: &Path) {
    for name in [heads::MANIFEST_FILE, heads::WEIGHTS_FILE] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// What `train` with these arguments goes by.
#[allow(dead_code, reason = "not every test file trains")]
pub(crate) fn train_settings(arguments: &[&str]) -> TrainSettings {
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        train: TrainSettings,
    }
    Cli::parse_from(["train"].iter().chain(arguments)).train
}

/// A ticket from the form.
#[allow(dead_code, reason = "not every test file needs one")]
pub(crate) fn request(description: &str) -> Request {
    Request { description: description.to_owned(), request_type: "Network".to_owned() }
}

/// A ticket with something to find.
#[allow(dead_code, reason = "not every test file needs one")]
pub(crate) const TICKET: &str = "Hello team,\nsince 7:40 nobody in the Lisbon office reaches srv-fs01 (10.20.4.11), error 0x80070035. \
    All sixty colleagues stand still and the tender has to be handed in today at 12:00. \
    Marek from the warehouse already restarted the switch.\n\nKind regards\nIngeborg Tamm";
