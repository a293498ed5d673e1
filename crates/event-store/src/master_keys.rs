//! The master keys: kept in a file outside the database, they wrap the keys in it. Usually there is one; while it is
//! being replaced the file holds the new one first and the old one after it, and both open.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{cipher::SecretKey, personal_keys::KeyError};

/// A master key with the id by which the database knows it.
#[derive(Clone, Debug)]
pub struct MasterKey {
    id: String,
    key: SecretKey,
}

/// Those a process knows. Clones share them.
#[derive(Clone, Debug)]
pub struct MasterKeys {
    keys: Arc<RwLock<Vec<MasterKey>>>,
    file: Option<PathBuf>,
}

/// A new master key as a file holds it.
#[must_use]
pub fn generate_master_key() -> String {
    hex::encode(SecretKey::generate().bytes())
}

impl MasterKey {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn new(key: SecretKey) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).expect("any length");
        mac.update(b"hub master key id");
        let id = hex::encode(&mac.finalize().into_bytes()[..8]);
        Self { id, key }
    }

    /// Its fingerprint.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key itself.
    #[must_use]
    pub const fn key(&self) -> &SecretKey {
        &self.key
    }
}

impl From<SecretKey> for MasterKeys {
    fn from(key: SecretKey) -> Self {
        Self { keys: Arc::new(RwLock::new(vec![MasterKey::new(key)])), file: None }
    }
}

impl MasterKeys {
    /// Reads a key file: a key a line, each of 64 hexadecimal digits, the one to be used first.
    ///
    /// # Errors
    /// [`KeyError::MasterKeyFile`].
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let keys = Arc::new(RwLock::new(read(path)?));
        Ok(Self { keys, file: Some(path.to_owned()) })
    }

    /// All of them, in the order of the file.
    #[must_use]
    pub fn all(&self) -> Vec<MasterKey> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first one.
    ///
    /// # Panics
    /// Never: there is no way to make an empty set.
    #[must_use]
    #[expect(clippy::expect_used, reason = "there is no way to make an empty set")]
    pub fn first(&self) -> MasterKey {
        self.all().into_iter().next().expect("never empty")
    }

    /// The one of this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<MasterKey> {
        self.all().into_iter().find(|key| key.id == id)
    }

    /// Reads the file again: another process may have added a key.
    ///
    /// # Errors
    /// [`KeyError::MasterKeyFile`]; what was known stays known.
    pub fn reload(&self) -> Result<(), KeyError> {
        let Some(path) = &self.file else { return Ok(()) };
        let keys = read(path)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Adds a new key in front, in the file too, and returns it once it is on disk.
    ///
    /// # Errors
    /// [`KeyError::MasterKeyFile`].
    pub fn add(&self) -> Result<MasterKey, KeyError> {
        let new = MasterKey::new(SecretKey::generate());
        self.replace([vec![new.clone()], self.all()].concat())?;
        Ok(new)
    }

    /// Takes every key but `kept` out of the file, into the file beside it with `.retired` at its end: backups of the
    /// database from before still need them.
    ///
    /// # Errors
    /// [`KeyError::MasterKeyFile`].
    pub fn retire_all_but(&self, kept: &MasterKey) -> Result<Vec<MasterKey>, KeyError> {
        let retired: Vec<_> = self.all().into_iter().filter(|key| key.id != kept.id).collect();
        if let Some(path) = &self.file {
            let mut beside = path.clone().into_os_string();
            beside.push(".retired");
            append(Path::new(&beside), &retired).map_err(|_| unusable(path, "cannot be copied beside it"))?;
        }
        self.replace(vec![kept.clone()])?;
        Ok(retired)
    }

    fn replace(&self, keys: Vec<MasterKey>) -> Result<(), KeyError> {
        if let Some(path) = &self.file {
            write(path, &keys).map_err(|_| unusable(path, "cannot be replaced"))?;
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }
}

fn unusable(path: &Path, problem: &'static str) -> KeyError {
    KeyError::MasterKeyFile { path: path.display().to_string(), problem }
}

fn read(path: &Path) -> Result<Vec<MasterKey>, KeyError> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|_| unusable(path, "cannot be read"))?);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Option<Vec<_>> = lines.map(read_key).collect();
    let keys = keys.filter(|keys| !keys.is_empty());
    keys.ok_or_else(|| unusable(path, "must hold 64 hexadecimal digits a line"))
}

fn read_key(line: &str) -> Option<MasterKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(line, bytes.as_mut()).ok()?;
    Some(MasterKey::new(SecretKey::from_bytes(*bytes)))
}

fn text(keys: &[MasterKey]) -> Zeroizing<String> {
    let lines = keys.iter().map(|key| Zeroizing::new(hex::encode(key.key.bytes())));
    Zeroizing::new(lines.fold(String::new(), |text, line| text + &line + "\n"))
}

/// Replaces a file as a whole: whoever reads it, even after a crash, finds the old keys or the new ones.
fn write(path: &Path, keys: &[MasterKey]) -> std::io::Result<()> {
    let old = fs::metadata(path)?;
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    if beside.exists() {
        fs::remove_file(&beside)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text(keys).as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))?;
    // The services may run as somebody else; whoever may not give files away owns it already.
    let _ = chown(&beside, Some(old.uid()), Some(old.gid()));
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

fn append(path: &Path, keys: &[MasterKey]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(text(keys).as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        fs::write(&path, generate_master_key()).unwrap();
        (dir, path)
    }

    #[test]
    fn a_new_key_comes_first_and_the_old_one_still_opens() {
        let (_dir, path) = file();
        let keys = MasterKeys::from_file(&path).unwrap();
        let another_process = keys.clone();
        let old = keys.first();
        let new = keys.add().unwrap();
        let read = MasterKeys::from_file(&path).unwrap();
        let ids: Vec<_> = read.all().iter().map(|key| key.id().to_owned()).collect();
        assert_eq!(ids, [new.id(), old.id()]);
        another_process.reload().unwrap();
        assert!(another_process.by_id(new.id()).is_some());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644, "as readable as it was");
    }

    #[test]
    fn retired_keys_are_kept_beside_the_file() {
        let (dir, path) = file();
        let keys = MasterKeys::from_file(&path).unwrap();
        let old = keys.first();
        let new = keys.add().unwrap();
        keys.retire_all_but(&new).unwrap();
        assert_eq!(MasterKeys::from_file(&path).unwrap().all().len(), 1);
        let retired = MasterKeys::from_file(&dir.path().join("master.key.retired")).unwrap();
        assert_eq!(retired.first().id(), old.id());
    }

    #[test]
    fn a_file_with_one_bad_line_is_refused() {
        let (_dir, path) = file();
        fs::write(&path, format!("{}\nnot a key\n", generate_master_key())).unwrap();
        assert!(MasterKeys::from_file(&path).is_err());
        fs::write(&path, "\n").unwrap();
        assert!(MasterKeys::from_file(&path).is_err());
    }
}
