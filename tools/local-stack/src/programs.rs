//! Finding installed programs and their versions.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::{Doing, Result};

/// The directories of PATH, then the system directories an ordinary user's PATH may lack.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
    std::env::split_paths(&path).chain(system.map(PathBuf::from)).collect()
}

/// Whether this file can be run.
pub(crate) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The version a program prints first when asked with `--version`, as numbers: `nats-server: v2.9.10` is `[2, 9, 10]`.
pub(crate) fn version(program: &Path) -> Result<Vec<u32>> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .doing(|| format!("ask {} for its version", program.display()))?;
    Ok(parse_version(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_version(text: &str) -> Vec<u32> {
    let word = |word: &str| -> Vec<u32> {
        let numbers = word.trim_start_matches('v').split('.');
        numbers.map_while(|number| number.parse().ok()).collect()
    };
    text.split_whitespace().map(word).find(|numbers| !numbers.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        assert_eq!(parse_version("nats-server: v2.9.10\n"), [2, 9, 10]);
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), [15, 18]);
        assert_eq!(parse_version("nothing"), [0_u32; 0]);
    }
}
