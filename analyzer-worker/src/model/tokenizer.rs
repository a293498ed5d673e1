//! Text to the word pieces of the encoder's vocabulary.

use std::{ops::Range, path::Path};

use rust_tokenizers::tokenizer::{BertTokenizer, Tokenizer as _, TruncationStrategy};

use super::LoadError;

/// The encoder was trained on at most this many word pieces; what follows them is not read.
pub const MAX_TOKENS: usize = 256;

/// A text as the encoder reads it.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Word pieces, `[CLS]` first and `[SEP]` last.
    pub ids: Vec<i64>,
    /// Where each piece stands, in characters of the text; none for the two markers.
    pub offsets: Vec<Option<Range<usize>>>,
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

    /// Cuts a text into at most [`MAX_TOKENS`] pieces.
    #[must_use]
    pub fn encode(&self, text: &str) -> Tokens {
        let input = self.0.encode(text, None, MAX_TOKENS, &TruncationStrategy::LongestFirst, 0);
        let offsets = input.token_offsets.into_iter();
        Tokens {
            ids: input.token_ids,
            offsets: offsets.map(|o| o.map(|o| o.begin as usize..o.end as usize)).collect(),
        }
    }
}
