//! Who runs Postgres when we are root, which Postgres refuses to be.

use std::{
    os::unix::fs::{MetadataExt, chown},
    path::Path,
    process::{Command, Stdio},
};

use crate::error::{Doing, Error, Result};

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Whether this process is root.
pub(crate) fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl User {
    /// The user for a data directory: `None` unless we are root; then the owner of an existing one, else `postgres`,
    /// else `nobody`.
    pub(crate) fn for_data(dir: &Path) -> Result<Option<Self>> {
        if !we_are_root() {
            return Ok(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").doing(|| "read /etc/passwd".into())?;
        let owner = std::fs::metadata(dir).ok().map(|data| data.uid()).filter(|uid| *uid != 0);
        owner
            .and_then(|uid| find(&users, |user| user.uid == uid))
            .or_else(|| find(&users, |user| user.name == "postgres"))
            .or_else(|| find(&users, |user| user.name == "nobody"))
            .map(Some)
            .ok_or_else(|| Error::Missing {
                program: "a user postgres or nobody, to run Postgres as".into(),
                install: "apt-get install postgresql (creates the user), or run this as an ordinary user"
                    .into(),
            })
    }

    /// Whether this user may pass through `dir`. The kernel is asked, by way of that user, because mode bits are not
    /// all there is (access lists, mounts).
    pub(crate) fn reaches(&self, dir: &Path) -> Result<bool> {
        let (uid, gid) = (self.uid.to_string(), self.gid.to_string());
        Command::new("setpriv")
            .args(["--reuid", &uid, "--regid", &gid, "--clear-groups", "--", "test", "-x"])
            .arg(dir)
            .current_dir("/")
            .stderr(Stdio::null())
            .status()
            .map(|status| status.success())
            .doing(|| "run setpriv (of the package util-linux)".into())
    }

    /// Gives a file or directory to this user.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .doing(|| format!("give {} to the user {}", path.display(), self.name))
    }
}

/// The first user of `/etc/passwd` (`name:password:uid:gid:…`) that fits.
fn find(passwd: &str, fits: impl Fn(&User) -> bool) -> Option<User> {
    passwd.lines().filter_map(parse).find(|user| fits(user))
}

fn parse(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name, uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_a_line_of_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\nnobody:x:65534:65533:nobody:/:/bin/false\n";
        let user = find(passwd, |user| user.name == "nobody");
        assert_eq!(user, Some(User { name: "nobody".into(), uid: 65534, gid: 65533 }));
    }
}
