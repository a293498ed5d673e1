//! One transformer layer, from matrix to norm.

use crate::{
    HEAD, LayerWeights, Linear, Norm,
    attention::{self, Text},
    matrix::{Matrix, Rows, Then},
    rows::add_and_normalise,
};

/// Whether this processor has every instruction that the crate uses.
pub(crate) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

/// A layer with its weights rounded.
pub(crate) struct Layer {
    query_key_value: Matrix,
    attended: Matrix,
    attended_norm: Norm,
    widen: Matrix,
    narrow: Matrix,
    output_norm: Norm,
}

/// What a layer writes on its way, kept for the next layer.
#[derive(Default)]
pub(crate) struct Room {
    rows: Rows,
    products: Vec<f32>,
    attended: Vec<f32>,
    attention: attention::Room,
}

impl Layer {
    pub(crate) fn new(weights: &LayerWeights) -> Self {
        Self {
            query_key_value: Matrix::new(&with_divided_queries(&weights.query_key_value)),
            attended: Matrix::new(&weights.attended),
            attended_norm: weights.attended_norm.clone(),
            widen: Matrix::new(&weights.widen),
            narrow: Matrix::new(&weights.narrow),
            output_norm: weights.output_norm.clone(),
        }
    }

    /// Takes states through this layer, in place.
    pub(crate) fn run(&self, states: &mut [f32], lengths: &[usize], room: &mut Room) {
        assert!(is_supported(), "no encoder is made on a processor without AVX-512 VNNI");
        // SAFETY: the processor has the instructions, which the line above has made sure of.
        #[expect(unsafe_code, reason = "a function for a certain processor is called from one for any")]
        unsafe {
            self.run_here(states, lengths, room);
        }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn run_here(&self, states: &mut [f32], lengths: &[usize], room: &mut Room) {
        let dimension = self.attended_norm.scale.len();
        let Room { rows, products, attended, attention } = room;
        rows.round(states);
        self.query_key_value.multiply(rows, Then::Nothing, products);
        attended.resize(states.len(), 0.0);
        let mut first = 0;
        for length in lengths.iter().filter(|&&length| length > 0) {
            let text =
                Text { query_key_value: &products[first * 3..(first + length * dimension) * 3], dimension };
            text.attend(attention, &mut attended[first..first + length * dimension]);
            first += length * dimension;
        }
        rows.round(attended);
        self.attended.multiply(rows, Then::Nothing, products);
        add_and_normalise(states, products, &self.attended_norm);
        rows.round(states);
        self.widen.multiply(rows, Then::Gelu, products);
        rows.round(products);
        self.narrow.multiply(rows, Then::Nothing, products);
        add_and_normalise(states, products, &self.output_norm);
    }
}

/// Attention divides query times key by the root of a head's length: the weights do it once for all.
fn with_divided_queries(linear: &Linear) -> Linear {
    let per_root = 1.0 / (HEAD as f32).sqrt();
    let divided = |numbers: &[f32]| {
        let queries = numbers.len() / 3;
        numbers[..queries]
            .iter()
            .map(|number| number * per_root)
            .chain(numbers[queries..].iter().copied())
            .collect()
    };
    Linear { weight: divided(&linear.weight), bias: divided(&linear.bias) }
}
