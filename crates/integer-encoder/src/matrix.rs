//! The multiplication: rows of whole numbers by a matrix of whole numbers, summed in 32 bits.
//!
//! `vpdpwssd` multiplies two pairs of 16-bit numbers and adds both products to a 32-bit sum, sixteen times at once. The
//! weights therefore lie in panels of 64 outputs, two inputs of an output side by side. A tile of six rows by a panel
//! keeps its 24 sums in registers.

use std::arch::x86_64::{
    __m512i, _mm512_abs_ps, _mm512_cvtepi32_epi16, _mm512_cvtepi32_ps, _mm512_cvtps_epi32,
    _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_reduce_max_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
};

use crate::{
    Linear,
    lanes::{LANES, gelu, load, store},
};

/// Inputs that one instruction sums.
const STEP: usize = 2;
/// Vectors of sixteen outputs side by side.
const VECTORS: usize = 4;
/// Outputs of a panel.
pub(crate) const PANEL: usize = VECTORS * LANES;

/// What becomes of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    Gelu,
}

/// The largest whole number that weights and states are rounded to: so many products of two of them fit a sum.
fn most(products: usize) -> i32 {
    (i32::MAX / products.max(1) as i32).isqrt().min(i32::from(i16::MAX))
}

/// Weights and bias; every output has a scale of its own.
pub(crate) struct Matrix {
    inputs: usize,
    outputs: usize,
    /// Panel by panel, step by step, four vectors of sixteen outputs by two inputs.
    panels: Vec<[i16; STEP * LANES]>,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

impl Matrix {
    pub(crate) fn new(linear: &Linear) -> Self {
        let outputs = linear.bias.len();
        let inputs = linear.weight.len() / outputs;
        let mut matrix = Self {
            inputs,
            outputs,
            panels: vec![[0; STEP * LANES]; inputs * outputs / (STEP * LANES)],
            scales: Vec::with_capacity(outputs),
            bias: linear.bias.clone(),
        };
        for (output, weights) in linear.weight.chunks_exact(inputs).enumerate() {
            matrix.pack(output, weights);
        }
        matrix
    }

    /// How many numbers a row of its products has.
    pub(crate) const fn outputs(&self) -> usize {
        self.outputs
    }

    fn pack(&mut self, output: usize, weights: &[f32]) {
        let largest = weights.iter().fold(f32::MIN_POSITIVE, |largest, weight| largest.max(weight.abs()));
        let scale = largest / most(self.inputs) as f32;
        let (panel, column) = (output / PANEL, output % PANEL);
        for (input, weight) in weights.iter().enumerate() {
            let vector = (panel * self.inputs / STEP + input / STEP) * VECTORS + column / LANES;
            self.panels[vector][column % LANES * STEP + input % STEP] = (weight / scale).round() as i16;
        }
        self.scales.push(scale);
    }

    /// Rows times this matrix plus bias, `[rows, outputs]`.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(crate) fn multiply(&self, rows: &Rows, then: Then, products: &mut Vec<f32>) {
        let count = rows.scales.len();
        products.resize(count * self.outputs, 0.0);
        for panel in 0..self.outputs / PANEL {
            let mut row = 0;
            while row < count {
                row += match count - row {
                    6.. => self.tile::<6>(panel, rows, row, then, products),
                    5 => self.tile::<5>(panel, rows, row, then, products),
                    4 => self.tile::<4>(panel, rows, row, then, products),
                    3 => self.tile::<3>(panel, rows, row, then, products),
                    2 => self.tile::<2>(panel, rows, row, then, products),
                    _ => self.tile::<1>(panel, rows, row, then, products),
                };
            }
        }
    }

    /// `R` rows from `row` on times a panel; says how many rows that were.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn tile<const R: usize>(
        &self,
        panel: usize,
        rows: &Rows,
        row: usize,
        then: Then,
        products: &mut [f32],
    ) -> usize {
        let sums = self.sums::<R>(panel, rows, row);
        for (row, sums) in (row..).zip(sums) {
            let row_scale = _mm512_set1_ps(rows.scales[row]);
            for (vector, sum) in sums.into_iter().enumerate() {
                let output = panel * PANEL + vector * LANES;
                let scale = _mm512_mul_ps(row_scale, load(&self.scales[output..]));
                let product = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, load(&self.bias[output..]));
                let product = if then == Then::Gelu { gelu(product) } else { product };
                store(product, &mut products[row * self.outputs + output..]);
            }
        }
        R
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn sums<const R: usize>(&self, panel: usize, rows: &Rows, row: usize) -> [[__m512i; VECTORS]; R] {
        let vectors = self.inputs / STEP * VECTORS;
        let panel = self.panels[panel * vectors..(panel + 1) * vectors].as_chunks::<VECTORS>().0;
        let rows: [&[[i16; STEP]]; R] = std::array::from_fn(|r| {
            rows.numbers[(row + r) * self.inputs..(row + r + 1) * self.inputs].as_chunks::<STEP>().0
        });
        let mut sums = [[_mm512_setzero_si512(); VECTORS]; R];
        for (step, weights) in panel.iter().enumerate() {
            let weights = weights.map(bytemuck::cast::<_, __m512i>);
            for (sums, states) in sums.iter_mut().zip(rows) {
                let states = _mm512_set1_epi32(bytemuck::cast(states[step]));
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_dpwssd_epi32(*sum, states, weights);
                }
            }
        }
        sums
    }
}

/// Rows of states as whole numbers; every row has a scale of its own.
#[derive(Default)]
pub(crate) struct Rows {
    numbers: Vec<i16>,
    scales: Vec<f32>,
}

impl Rows {
    /// Rounds rows of `width` states, a multiple of sixteen.
    #[target_feature(enable = "avx512f")]
    pub(crate) fn round(&mut self, states: &[f32], width: usize) {
        let most = most(width) as f32;
        self.numbers.resize(states.len(), 0);
        self.scales.clear();
        for (row, numbers) in states.chunks_exact(width).zip(self.numbers.chunks_exact_mut(width)) {
            let largest = row.chunks_exact(LANES).fold(_mm512_setzero_ps(), |largest, lanes| {
                _mm512_max_ps(largest, _mm512_abs_ps(load(lanes)))
            });
            let largest = _mm512_reduce_max_ps(largest).max(f32::MIN_POSITIVE);
            let per_scale = _mm512_set1_ps(most / largest);
            for (lanes, numbers) in row.chunks_exact(LANES).zip(numbers.chunks_exact_mut(LANES)) {
                let whole = _mm512_cvtps_epi32(_mm512_mul_ps(load(lanes), per_scale));
                numbers.copy_from_slice(&bytemuck::cast::<_, [i16; LANES]>(_mm512_cvtepi32_epi16(whole)));
            }
            self.scales.push(largest / most);
        }
    }
}
