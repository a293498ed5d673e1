//! Dependencies point one way, and only the analyzer links libtorch (the arrows of `docs/ARCHITECTURE.md`); what is numbered
//! is numbered once.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// What each part may use of the others. Tests may use more (private servers, the mock).
const MAY_USE: &[(&str, &[&str])] = &[
    ("schemas", &[]),
    ("ticket", &["schemas"]),
    ("event-store", &["schemas", "crash-points"]),
    ("event-bus", &["schemas", "crash-points"]),
    ("subscription", &["schemas", "event-store", "event-bus", "crash-points"]),
    ("service-host", &["open-files"]),
    ("crash-points", &[]),
    ("open-files", &[]),
    ("integer-encoder", &[]),
    ("command-api", SERVICE),
    (
        "analyzer-worker",
        &[
            "schemas",
            "ticket",
            "event-store",
            "event-bus",
            "subscription",
            "service-host",
            "crash-points",
            "integer-encoder",
        ],
    ),
    ("projector", SERVICE),
    ("crm-sink", SERVICE),
    ("zoho-mock", &[]),
    ("local-stack", &["open-files"]),
    // Its `crm` commands are the sink's own functions: the work list's SQL and Zoho's rules stay in one place. So are those
    // of `rebuild` the projector's.
    (
        "hubctl",
        &[
            "schemas",
            "event-store",
            "event-bus",
            "subscription",
            "local-stack",
            "crm-sink",
            "projector",
            "crash-points",
        ],
    ),
    ("e2e", &[]),
];

/// A service stands on the crates and on no other service.
const SERVICE: &[&str] = &[
    "schemas",
    "ticket",
    "event-store",
    "event-bus",
    "subscription",
    "service-host",
    "crash-points",
    "open-files",
];

/// What the pure domain may use besides the contracts: no runtime, no database, no clock, no randomness.
const PURE: &[&str] = &["schemas", "thiserror", "email_address"];

fn metadata() -> Metadata {
    MetadataCommand::new().other_options(["--locked".to_owned()]).exec().unwrap()
}

/// The direct dependencies of every member, without those of tests.
fn uses(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let of = |package: &cargo_metadata::Package| {
        let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        normal.map(|dependency| dependency.name.clone()).collect()
    };
    metadata.workspace_packages().into_iter().map(|package| (package.name.to_string(), of(package))).collect()
}

#[test]
fn dependencies_point_one_way() {
    let uses = uses(&metadata());
    let members: BTreeSet<_> = uses.keys().cloned().collect();
    let known: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    for (member, used) in &uses {
        let allowed =
            known.get(member.as_str()).unwrap_or_else(|| panic!("{member} has no place in MAY_USE"));
        for part in used.intersection(&members) {
            assert!(allowed.contains(&part.as_str()), "{member} must not depend on {part}");
        }
    }
    assert_eq!(known.len(), members.len(), "MAY_USE names a part that is gone");
}

#[test]
fn the_domain_is_pure() {
    let used = &uses(&metadata())["ticket"];
    let impure: Vec<_> = used.iter().filter(|name| !PURE.contains(&name.as_str())).collect();
    assert!(impure.is_empty(), "the domain uses {impure:?}");
}

/// A rebuild reads the whole log. Whatever it is made of has no way to publish, to append or to call out.
#[test]
fn a_rebuild_cannot_have_a_side_effect() {
    let projector = &uses(&metadata())["projector"];
    for way_out in ["event-bus", "async-nats", "reqwest", "zoho-mock", "crm-sink"] {
        assert!(!projector.contains(way_out), "the projector uses {way_out}");
    }
    let mut read = 0;
    for folder in ["rebuild", "statistics"] {
        for file in std::fs::read_dir(format!("../projector/src/{folder}")).unwrap() {
            let path = file.unwrap().path();
            let code = std::fs::read_to_string(&path).unwrap();
            for way_out in ["EventStore", "event_bus", "subscription::", "NewEvent", "log.append"] {
                assert!(!code.contains(way_out), "{} names {way_out}", path.display());
            }
            read += 1;
        }
    }
    assert!(read >= 10, "the files of a rebuild are elsewhere");
}

#[test]
fn only_the_analyzer_links_libtorch() {
    for (member, used) in uses(&metadata()) {
        let links = used.iter().any(|name| matches!(name.as_str(), "tch" | "rust-bert" | "torch-sys"));
        assert_eq!(links, member == "analyzer-worker", "{member}");
    }
}

#[test]
fn migrations_and_decisions_have_a_number_each() {
    let root = metadata().workspace_root;
    for (folder, digits) in [("migrations", 14), ("docs/adr", 4)] {
        let mut numbers = BTreeSet::new();
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            assert!(numbers.insert(name[..digits].to_owned()), "{folder}: {name} has the number of another");
        }
        assert!(numbers.len() >= 10, "{folder} is elsewhere");
    }
}
