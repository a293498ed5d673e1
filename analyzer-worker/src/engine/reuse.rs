//! The same text to the same model gets the same answer, so it is computed once a day. Kept in memory only: an answer is
//! 10 ms of work, and a table of them would be another copy of personal data to erase.
//!
//! What is kept tells nothing by itself: entries are found by a keyed hash of the text, and sealed under another one. Only
//! whoever brings the text again opens its answer, so once a requester's tickets are erased, nothing here reads them.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, AeadCore as _, OsRng},
};
use hashlink::LruCache;
use hmac::{Hmac, Mac};
use schemas::{Analysis, Embedding, analysis::ModelRef};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Request;
use crate::analyst::Analyzed;

/// Answers kept at most; about 4 kB each.
const CAPACITY: usize = 4096;
/// How long an answer is good for.
const GOOD_FOR: Duration = Duration::from_hours(24);
const NONCE: usize = 24;

/// A keyed hash.
type Digest = [u8; 32];

/// Answers given before.
pub(super) struct Reuse {
    /// Drawn anew by each process.
    key: Digest,
    kept: Mutex<LruCache<Digest, Kept>>,
}

/// A sealed answer.
struct Kept {
    since: Instant,
    sealed: Vec<u8>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Content {
    analysis: Analysis,
    embedding: Option<Embedding>,
}

impl Default for Reuse {
    fn default() -> Self {
        let key = XChaCha20Poly1305::generate_key(&mut OsRng).into();
        Self { key, kept: Mutex::new(LruCache::new(CAPACITY)) }
    }
}

impl Reuse {
    /// The answer of this model to the same text.
    pub(super) fn find(&self, model: &ModelRef, request: &Request) -> Option<Analyzed> {
        let place = self.digest("place", model, request);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(&place)?.since.elapsed() > GOOD_FOR {
            kept.remove(&place);
            return None;
        }
        let (nonce, sealed) = kept.get(&place)?.sealed.split_at_checked(NONCE)?;
        let content = self.cipher(model, request).decrypt(XNonce::from_slice(nonce), sealed).ok()?;
        let Content { analysis, embedding } = serde_json::from_slice(&content).ok()?;
        Some(Analyzed { analysis, embedding })
    }

    /// Keeps an answer of the model that it names.
    pub(super) fn keep(&self, request: &Request, answer: &Analyzed) {
        let model = &answer.analysis.model;
        let content = Content { analysis: answer.analysis.clone(), embedding: answer.embedding.clone() };
        let Ok(content) = serde_json::to_vec(&content) else { return };
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let Ok(sealed) = self.cipher(model, request).encrypt(&nonce, content.as_slice()) else { return };
        let kept = Kept { since: Instant::now(), sealed: [nonce.as_slice(), &sealed].concat() };
        let place = self.digest("place", model, request);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(place, kept);
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn cipher(&self, model: &ModelRef, request: &Request) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.digest("seal", model, request).into())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn digest(&self, purpose: &str, model: &ModelRef, request: &Request) -> Digest {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key).expect("any length");
        for part in [purpose, &model.sha256, &model.revision, &request.request_type, &request.description] {
            // Lengths keep "ab" and "c" apart from "a" and "bc".
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    fn request(description: &str) -> Request {
        Request { description: description.to_owned(), request_type: "Network".to_owned() }
    }

    fn answer(description: &str) -> Analyzed {
        Analyzed { analysis: rules::degraded(&request(description)), embedding: None }
    }

    #[test]
    fn the_same_text_to_the_same_model_finds_its_answer() {
        let (reuse, given) = (Reuse::default(), answer("srv-fs01 is down"));
        let model = given.analysis.model.clone();
        reuse.keep(&request("srv-fs01 is down"), &given);
        assert_eq!(reuse.find(&model, &request("srv-fs01 is down")), Some(given));
    }

    #[test]
    fn another_text_form_or_model_finds_nothing() {
        let (reuse, given) = (Reuse::default(), answer("srv-fs01 is down"));
        let model = given.analysis.model.clone();
        reuse.keep(&request("srv-fs01 is down"), &given);
        assert_eq!(reuse.find(&model, &request("srv-fs02 is down")), None);
        let other_form = Request { request_type: "Cloud".to_owned(), ..request("srv-fs01 is down") };
        assert_eq!(reuse.find(&model, &other_form), None);
        let other_model = ModelRef { sha256: "00".to_owned(), ..model };
        assert_eq!(reuse.find(&other_model, &request("srv-fs01 is down")), None);
    }

    #[test]
    fn what_is_kept_does_not_say_what_it_is_about() {
        let (reuse, given) = (Reuse::default(), answer("srv-fs01 is down"));
        reuse.keep(&request("srv-fs01 is down"), &given);
        let kept = reuse.kept.lock().unwrap();
        let (_, kept) = kept.iter().next().unwrap();
        assert!(!kept.sealed.windows(8).any(|window| window == b"srv-fs01"));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (reuse, given) = (Reuse::default(), answer("x"));
        for n in 0..CAPACITY + 10 {
            reuse.keep(&request(&n.to_string()), &given);
        }
        assert_eq!(reuse.kept.lock().unwrap().len(), CAPACITY);
        assert_eq!(reuse.find(&given.analysis.model, &request("0")), None);
    }
}
