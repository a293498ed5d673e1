//! A text as a point among other texts: near points mean alike. It is kept small, one byte per dimension, because
//! every analysis carries one.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest magnitude of a quantised value.
const STEPS: f32 = 127.0;

/// A vector quantised to one signed byte per dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Embedding {
    /// The space the point lies in. Points of different spaces must not be compared.
    pub space: String,
    /// What one step of a value is worth.
    pub scale: f32,
    /// Base64 without padding of the values, one signed byte each.
    values: String,
}

impl Embedding {
    /// The nearest representation of `vector`.
    #[must_use]
    pub fn quantised(space: &str, vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let scale = if largest > 0.0 { largest / STEPS } else { 1.0 };
        let bytes: Vec<u8> =
            vector.iter().map(|value| ((value / scale).round() as i8).cast_unsigned()).collect();
        Self { space: space.to_owned(), scale, values: STANDARD_NO_PAD.encode(bytes) }
    }

    /// The values as signed bytes; none where they cannot be read.
    #[must_use]
    pub fn steps(&self) -> Vec<i8> {
        let bytes = STANDARD_NO_PAD.decode(&self.values).unwrap_or_default();
        bytes.into_iter().map(u8::cast_signed).collect()
    }

    /// The vector, as near as it was kept.
    #[must_use]
    pub fn vector(&self) -> Vec<f32> {
        self.steps().into_iter().map(|step| f32::from(step) * self.scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_value_moves_by_more_than_half_a_step(vector in proptest::collection::vec(-2.0f32..2.0, 0..64)) {
            let kept = Embedding::quantised("minilm-l6", &vector);
            let read = kept.vector();
            prop_assert_eq!(read.len(), vector.len());
            for (read, given) in read.iter().zip(&vector) {
                prop_assert!((read - given).abs() <= kept.scale * 0.501);
            }
        }
    }

    #[test]
    fn nothing_is_nowhere() {
        assert_eq!(Embedding::quantised("minilm-l6", &[0.0; 3]).vector(), [0.0; 3]);
    }
}
