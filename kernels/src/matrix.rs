//! Matrix storage: row-major, in huge pages where the kernel grants them.

use std::io;
use std::marker::PhantomData;

use memmap2::{Advice, MmapMut};
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Element;

/// A matrix, rows one after the other without gaps (`lda = columns`).
///
/// The memory comes straight from the kernel, zeroed, in 2 MiB pages where possible: at n = 2000 faulting in a fresh
/// product in 4 KiB pages costs 7 % of the product's time, with huge pages 1 %, and here it is paid before timing.
pub struct Matrix<T> {
    rows: usize,
    columns: usize,
    memory: MmapMut,
    element: PhantomData<T>,
}

/// The memory for a matrix could not be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot allocate a {rows} by {columns} matrix of {size_bytes} bytes (choose a smaller --size or --dtype f32)"
)]
pub struct AllocationError {
    rows: usize,
    columns: usize,
    size_bytes: usize,
    source: io::Error,
}

impl<T: Element> Matrix<T> {
    /// A square matrix of zeros. Its memory is touched, and so placed, by whoever writes to it first.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the memory.
    pub fn zeros(n: usize) -> Result<Self, AllocationError> {
        Self::zeros_of_shape(n, n)
    }

    /// A matrix of zeros of any shape.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the memory.
    pub fn zeros_of_shape(rows: usize, columns: usize) -> Result<Self, AllocationError> {
        let failed = |size_bytes, source| AllocationError {
            rows,
            columns,
            size_bytes,
            source,
        };
        let size_bytes = rows
            .checked_mul(columns)
            .and_then(|count| count.checked_mul(size_of::<T>()))
            .ok_or_else(|| failed(usize::MAX, io::ErrorKind::OutOfMemory.into()))?;
        let memory = MmapMut::map_anon(size_bytes.max(size_of::<T>()))
            .map_err(|error| failed(size_bytes, error))?;
        // A kernel without transparent huge pages refuses the advice: then the pages are small, no more.
        let _ = memory.advise(Advice::HugePage);
        Ok(Self {
            rows,
            columns,
            memory,
            element: PhantomData,
        })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns, of a square matrix its order n.
    pub fn n(&self) -> usize {
        self.columns
    }

    /// The elements, row by row.
    pub fn as_slice(&self) -> &[T] {
        &bytemuck::cast_slice(&self.memory)[..self.rows * self.columns]
    }

    /// The elements, row by row.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.memory)[..self.rows * self.columns]
    }

    /// The matrix as ndarray sees it.
    pub fn view(&self) -> ArrayView2<'_, T> {
        ArrayView2::from_shape((self.rows, self.columns), self.as_slice())
            .expect("a matrix holds rows * columns elements")
    }

    /// The matrix as ndarray sees it, to be cut into tiles.
    pub fn view_mut(&mut self) -> ArrayViewMut2<'_, T> {
        ArrayViewMut2::from_shape((self.rows, self.columns), self.as_mut_slice())
            .expect("a matrix holds rows * columns elements")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_zeros_of_that_shape() {
        let matrix = Matrix::<f64>::zeros(3).unwrap();
        assert_eq!(matrix.view().shape(), [3, 3]);
        assert!(matrix.as_slice().iter().all(|x| x.to_bits() == 0));
    }

    #[test]
    fn sizes_beyond_the_address_space_are_refused() {
        assert!(Matrix::<f64>::zeros(usize::MAX).is_err());
        assert!(Matrix::<f64>::zeros(1 << 27).is_err());
    }
}
