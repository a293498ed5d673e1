//! Attention within one text, head by head, in f32.

use std::arch::x86_64::{
    __mmask16, _mm512_add_ps, _mm512_fmadd_ps, _mm512_mask_mov_ps, _mm512_maskz_mov_ps, _mm512_max_ps,
    _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_sub_ps,
};

use crate::{
    HEAD,
    lanes::{LANES, exp, load, store},
};

/// Queries that are answered together: as many sums as the processor needs to be busy.
const QUERIES: usize = 8;

/// Room for one head's keys and the weights of a few queries.
#[derive(Default)]
pub(crate) struct Room {
    /// `[HEAD, keys]`: the keys lie across, so that sixteen of them meet a query at once.
    keys: Vec<f32>,
    /// `[QUERIES, keys]`
    weights: Vec<f32>,
}

/// The rows of one text: query, key and value of a piece beside each other, `[pieces, 3 * dimension]`. Queries come
/// divided by the root of [`HEAD`].
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) query_key_value: &'a [f32],
    pub(crate) dimension: usize,
}

impl Text<'_> {
    fn pieces(self) -> usize {
        self.query_key_value.len() / (3 * self.dimension)
    }

    /// The numbers of a head: `part` 0 is the query, 1 the key, 2 the value.
    #[inline]
    fn part(&self, piece: usize, part: usize, head: usize) -> &[f32] {
        let first = (piece * 3 + part) * self.dimension + head * HEAD;
        &self.query_key_value[first..first + HEAD]
    }

    /// What every piece attends to, `[pieces, dimension]`.
    #[target_feature(enable = "avx512f")]
    pub(crate) fn attend(self, room: &mut Room, attended: &mut [f32]) {
        let pieces = self.pieces();
        let width = pieces.next_multiple_of(LANES);
        room.weights.resize(QUERIES * width, 0.0);
        for head in 0..self.dimension / HEAD {
            self.lay_across(head, width, &mut room.keys);
            for first in (0..pieces).step_by(QUERIES) {
                self.weigh(head, first, width, room);
                self.mix(head, first, width, &room.weights, attended);
            }
        }
    }

    fn lay_across(self, head: usize, width: usize, keys: &mut Vec<f32>) {
        keys.clear();
        keys.resize(HEAD * width, 0.0);
        for piece in 0..self.pieces() {
            for (number, &key) in self.part(piece, 1, head).iter().enumerate() {
                keys[number * width + piece] = key;
            }
        }
    }

    /// How much each of a few queries takes of every piece: the softmax of query times key.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn weigh(self, head: usize, first: usize, width: usize, room: &mut Room) {
        let last = self.pieces() - 1;
        // Queries past the end repeat the last one; nobody reads what comes of them.
        let queries: [&[f32]; QUERIES] = std::array::from_fn(|q| self.part((first + q).min(last), 0, head));
        for keys in (0..width).step_by(LANES) {
            let mut sums = [_mm512_setzero_ps(); QUERIES];
            for number in 0..HEAD {
                let key = load(&room.keys[number * width + keys..]);
                for (sum, query) in sums.iter_mut().zip(queries) {
                    *sum = _mm512_fmadd_ps(_mm512_set1_ps(query[number]), key, *sum);
                }
            }
            for (q, &sum) in sums.iter().enumerate() {
                store(sum, &mut room.weights[q * width + keys..]);
            }
        }
        let beyond = width - self.pieces();
        for weights in room.weights.chunks_exact_mut(width) {
            softmax(weights, u16::MAX >> beyond);
        }
    }

    /// The values of all pieces, each as much as it weighs.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn mix(self, head: usize, first: usize, width: usize, weights: &[f32], attended: &mut [f32]) {
        let mut sums = [[_mm512_setzero_ps(); HEAD / LANES]; QUERIES];
        let weights: [&[f32]; QUERIES] = std::array::from_fn(|q| &weights[q * width..(q + 1) * width]);
        for piece in 0..self.pieces() {
            let value = self.part(piece, 2, head);
            let value = [load(value), load(&value[LANES..])];
            for (sums, weights) in sums.iter_mut().zip(weights) {
                let weight = _mm512_set1_ps(weights[piece]);
                for (sum, value) in sums.iter_mut().zip(value) {
                    *sum = _mm512_fmadd_ps(weight, value, *sum);
                }
            }
        }
        let rows = attended.chunks_exact_mut(self.dimension).skip(first);
        for (row, sums) in rows.zip(&sums) {
            for (vector, &sum) in sums.iter().enumerate() {
                store(sum, &mut row[head * HEAD + vector * LANES..]);
            }
        }
    }
}

/// Makes shares of scores. `valid` says which of the last sixteen are any.
#[inline]
#[target_feature(enable = "avx512f")]
fn softmax(scores: &mut [f32], valid: __mmask16) {
    let lowest = _mm512_set1_ps(f32::NEG_INFINITY);
    let Some(end) = scores.len().checked_sub(LANES) else { return };
    let last = load(&scores[end..]);
    let mut most = _mm512_mask_mov_ps(lowest, valid, last);
    for lanes in scores[..end].chunks_exact(LANES) {
        most = _mm512_max_ps(most, load(lanes));
    }
    let most = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    let last = _mm512_maskz_mov_ps(valid, exp(_mm512_sub_ps(last, most)));
    let mut sum = last;
    for lanes in scores[..end].chunks_exact_mut(LANES) {
        let share = exp(_mm512_sub_ps(load(lanes), most));
        sum = _mm512_add_ps(sum, share);
        store(share, lanes);
    }
    store(last, &mut scores[end..]);
    let per_sum = _mm512_set1_ps(1.0 / _mm512_reduce_add_ps(sum));
    for lanes in scores.chunks_exact_mut(LANES) {
        store(_mm512_mul_ps(load(lanes), per_sum), lanes);
    }
}
