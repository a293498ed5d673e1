//! The installed Postgres programs.

use std::{
    cmp::Reverse,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    programs,
};

/// Where Debian keeps one directory per major version, outside PATH.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The oldest major version the hub works with.
const OLDEST: u32 = 15;

/// A directory with `initdb` and `postgres`.
pub(super) struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// Those of the cluster's major version, or for a new cluster the first usable: PATH, then Debian's newest.
    pub(super) fn find(cluster_version: Option<u32>) -> Result<Self> {
        let fits = |found: u32| cluster_version.map_or(found >= OLDEST, |wanted| found == wanted);
        let candidates = programs::search_path().into_iter().chain(debian_dirs());
        for dir in candidates.filter_map(|dir| real_dir(&dir)) {
            if programs::version(&dir.join("postgres"))?.first().copied().is_some_and(fits) {
                return Ok(Self { dir });
            }
        }
        Err(missing(cluster_version))
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(super) fn pg_basebackup(&self) -> PathBuf {
        self.dir.join("pg_basebackup")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }
}

fn missing(cluster_version: Option<u32>) -> Error {
    match cluster_version {
        Some(version) => Error::Missing {
            program: format!("Postgres {version}, which made the existing data,"),
            install: format!("apt-get install postgresql-{version} (or remove the data: make clean-data)"),
        },
        None => Error::Missing {
            program: format!("Postgres {OLDEST} or newer (initdb, postgres)"),
            install: "apt-get install postgresql".into(),
        },
    }
}

/// The directory the programs are really in: PATH may hold links to them only.
fn real_dir(dir: &Path) -> Option<PathBuf> {
    let postgres = dir.join("postgres").canonicalize().ok()?;
    let real = postgres.parent()?;
    let complete = ["initdb", "postgres"].iter().all(|name| programs::is_program(&real.join(name)));
    complete.then(|| real.to_owned())
}

/// Debian's directories, newest version first.
fn debian_dirs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by_key(|version| Reverse(*version));
    versions.into_iter().map(|version| Path::new(DEBIAN).join(version.to_string()).join("bin")).collect()
}
