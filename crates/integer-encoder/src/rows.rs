//! What happens to rows between the multiplications.

use std::arch::x86_64::{
    _mm512_add_ps, _mm512_fmadd_ps, _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_sub_ps,
};

use crate::{
    Norm,
    lanes::{LANES, load, store},
};

/// BERT's epsilon in every layer norm.
const EPSILON: f32 = 1e-12;

/// Adds to each row of states its row of `added`, and normalises it.
#[target_feature(enable = "avx512f")]
pub(crate) fn add_and_normalise(states: &mut [f32], added: &[f32], norm: &Norm) {
    let width = norm.scale.len();
    for (row, added) in states.chunks_exact_mut(width).zip(added.chunks_exact(width)) {
        let mut sum = _mm512_setzero_ps();
        for (row, added) in row.chunks_exact_mut(LANES).zip(added.chunks_exact(LANES)) {
            let lanes = _mm512_add_ps(load(row), load(added));
            sum = _mm512_add_ps(sum, lanes);
            store(lanes, row);
        }
        let mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / width as f32);
        let mut squares = _mm512_setzero_ps();
        for row in row.chunks_exact(LANES) {
            let off = _mm512_sub_ps(load(row), mean);
            squares = _mm512_fmadd_ps(off, off, squares);
        }
        let variance = _mm512_reduce_add_ps(squares) / width as f32;
        let per_deviation = _mm512_set1_ps(1.0 / (variance + EPSILON).sqrt());
        let norms = norm.scale.chunks_exact(LANES).zip(norm.shift.chunks_exact(LANES));
        for (row, (scale, shift)) in row.chunks_exact_mut(LANES).zip(norms) {
            let off = _mm512_mul_ps(_mm512_sub_ps(load(row), mean), per_deviation);
            store(_mm512_fmadd_ps(off, load(scale), load(shift)), row);
        }
    }
}
