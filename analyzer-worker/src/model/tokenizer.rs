//! Text to the word pieces of the encoder's vocabulary.

use std::{ops::Range, path::Path};

use rust_tokenizers::{
    Mask,
    tokenizer::{BertTokenizer, Tokenizer as _, TruncationStrategy},
};

use super::LoadError;

/// The encoder was trained on at most this many word pieces at a time.
pub const MAX_TOKENS: usize = 256;
/// Windows of that size that are read of one text: a ticket of 2000 characters has two; only what is hardly words
/// has more.
const MAX_WINDOWS: usize = 4;
/// `[CLS]` and `[SEP]`.
const MARKERS: usize = 2;

/// A window of a text as the encoder reads it.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Word pieces, `[CLS]` first and `[SEP]` last.
    pub ids: Vec<i64>,
    /// Where each piece stands, in characters of the text; none for the two markers.
    pub offsets: Vec<Option<Range<usize>>>,
    /// Whether a piece goes on with the word of the piece before it.
    pub continues: Vec<bool>,
}

/// The uncased word piece tokenizer of the encoder.
pub struct Tokenizer(BertTokenizer);

impl Tokenizer {
    /// Reads `vocab.txt` of the model's folder.
    pub fn load(model_dir: &Path) -> Result<Self, LoadError> {
        let path = model_dir.join("vocab.txt");
        LoadError::unless_present(&path)?;
        BertTokenizer::from_file(&path, true, true)
            .map(Self)
            .map_err(|error| LoadError::unusable(&path, error))
    }

    /// Cuts a text into pieces; what follows the first [`MAX_TOKENS`] is not among them.
    #[must_use]
    pub fn encode(&self, text: &str) -> Tokens {
        self.encode_up_to(text, MAX_TOKENS)
    }

    /// Cuts a text into windows of at most [`MAX_TOKENS`] pieces: at least one, and no more than are worth reading.
    /// The first is what [`Self::encode`] answers.
    #[must_use]
    pub fn windows(&self, text: &str) -> Vec<Tokens> {
        let whole = self.encode_up_to(text, MAX_WINDOWS * (MAX_TOKENS - MARKERS) + MARKERS);
        if whole.ids.len() <= MAX_TOKENS {
            return vec![whole];
        }
        let (first, last) = (0, whole.ids.len() - 1);
        let starts = (first + 1..last).step_by(MAX_TOKENS - MARKERS);
        starts.map(|start| whole.window(start..last.min(start + MAX_TOKENS - MARKERS))).collect()
    }

    fn encode_up_to(&self, text: &str, pieces: usize) -> Tokens {
        let input = self.0.encode(text, None, pieces, &TruncationStrategy::LongestFirst, 0);
        let offsets = input.token_offsets.into_iter();
        Tokens {
            ids: input.token_ids,
            offsets: offsets.map(|o| o.map(|o| o.begin as usize..o.end as usize)).collect(),
            continues: input.mask.into_iter().map(|mask| mask == Mask::Continuation).collect(),
        }
    }
}

impl Tokens {
    /// Some of the pieces, between the markers of the whole.
    fn window(&self, pieces: Range<usize>) -> Self {
        let last = self.ids.len() - 1;
        Self {
            ids: [&self.ids[..1], &self.ids[pieces.clone()], &self.ids[last..]].concat(),
            offsets: [&self.offsets[..1], &self.offsets[pieces.clone()], &self.offsets[last..]].concat(),
            continues: [&self.continues[..1], &self.continues[pieces], &self.continues[last..]].concat(),
        }
    }
}

/// The pieces of a text, window after window, with the markers around each.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// Where each piece stands, in characters of the text; none for the markers.
    pub offsets: Vec<Option<Range<usize>>>,
    /// Whether a piece goes on with the word of the piece before it.
    pub continues: Vec<bool>,
    /// Pieces of the first window, which stands for the text as a whole.
    pub first_window: usize,
}

impl Pieces {
    /// Puts the windows of a text together.
    #[must_use]
    pub fn joined(windows: Vec<Tokens>) -> Self {
        let first_window = windows.first().map_or(0, |window| window.ids.len());
        let (offsets, continues): (Vec<_>, Vec<_>) =
            windows.into_iter().map(|window| (window.offsets, window.continues)).unzip();
        Self { offsets: offsets.concat(), continues: continues.concat(), first_window }
    }
}
