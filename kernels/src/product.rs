//! C = A·B by a team: each member multiplies one tile of C by itself, with a BLAS that uses one thread.
//!
//! Why not the library's own threads: they meet at barriers for every block of B, sleep between products, and stay out of
//! small products altogether (README's table against numpy; `harness/benches/best_plan.py` runs both ways). The library does the
//! same work in each tile that it does in a product of that shape.
//!
//! Each member packs its rows of A and its columns of B for itself, so tiles that are nearly square cost the least.

use std::fmt;
use std::sync::Arc;

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::blas::{Blas, ThreadsError};
use crate::team::{Team, share};
use crate::{Element, Matrix};

/// Tiles begin at multiples of this many rows and columns while there are enough of them: the kernels of BLAS work on 4
/// to 24 at a time, and do the rest of a tile more slowly.
const ALIGNMENT: usize = 4;

/// Whose threads share a product out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Ours: each member of the team multiplies a tile.
    Team,
    /// The library's: it is called once, as numpy calls it.
    Library,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Team => "team",
            Self::Library => "library",
        })
    }
}

/// What multiplies: the library, the team, and which of them shares the product out.
#[derive(Clone)]
pub struct Multiplier {
    blas: Blas,
    team: Arc<Team>,
    driver: Driver,
}

impl Multiplier {
    /// By the linked library, see [`Multiplier::with_blas`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn new(team: Arc<Team>, driver: Driver) -> Result<Self, ThreadsError> {
        Self::with_blas(Blas::bundled(), team, driver)
    }

    /// By any library: tells it how many threads of its own to use, one in each member of the team, or as many as the team
    /// has members. Each member tells it, since libraries with OpenMP keep a number for each thread that calls them; others keep
    /// one for the whole process, so that one multiplier is in use at a time.
    ///
    /// # Errors
    ///
    /// When the library uses another number, or is not made to be called by so many threads.
    pub fn with_blas(blas: Blas, team: Arc<Team>, driver: Driver) -> Result<Self, ThreadsError> {
        match driver {
            Driver::Library => {
                blas.set_threads(team.size())?;
            }
            Driver::Team => {
                blas.check_callers(team.size())?;
                for told in team.map(|_| blas.set_threads(1)) {
                    told?;
                }
            }
        }
        Ok(Self { blas, team, driver })
    }

    /// The library.
    pub fn blas(&self) -> Blas {
        self.blas
    }

    /// The threads for what is not a product.
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// Lets the team sleep if the library's threads are to work next.
    pub fn get_ready(&self) {
        if self.driver == Driver::Library {
            self.team.rest();
        }
    }

    /// C = A·B.
    ///
    /// # Panics
    ///
    /// When the shapes do not fit each other.
    pub fn multiply<T: Element>(
        &self,
        a: &ArrayView2<'_, T>,
        b: &ArrayView2<'_, T>,
        mut c: ArrayViewMut2<'_, T>,
    ) {
        match self.driver {
            Driver::Team => by_tiles(self.blas, a, b, c, &self.team),
            Driver::Library => self.blas.gemm(a, b, &mut c),
        }
    }
}

/// C = A·B, C cut into as many tiles as the team has members. The BLAS must have been told to use one thread.
///
/// # Panics
///
/// When the shapes do not fit each other.
fn by_tiles<T: Element>(
    blas: Blas,
    a: &ArrayView2<'_, T>,
    b: &ArrayView2<'_, T>,
    c: ArrayViewMut2<'_, T>,
    team: &Team,
) {
    team.for_each(tiles(c, team.size()), |_, tile| {
        let (first_row, first_column) = tile.origin;
        let mut c = tile.elements;
        let (rows, columns) = c.dim();
        if rows > 0 && columns > 0 {
            let a = a.slice(ndarray::s![first_row..first_row + rows, ..]);
            let b = b.slice(ndarray::s![.., first_column..first_column + columns]);
            blas.gemm(&a, &b, &mut c);
        }
    });
}

/// Writes a zero to every element, each member in its tile: memory that nobody has touched before is then where the
/// member is that will fill it.
pub fn touch<T: Element>(c: &mut Matrix<T>, team: &Team) {
    team.for_each(tiles(c.view_mut(), team.size()), |_, mut tile| {
        tile.elements.fill(T::zero());
    });
}

/// A part of C.
struct Tile<'a, T> {
    /// Row and column of its first element in C.
    origin: (usize, usize),
    elements: ArrayViewMut2<'a, T>,
}

/// Cuts C into `count` tiles of nearly equal area: as many groups of columns as make them nearly square, each group as wide
/// as it has members, and as many runs of rows in a group.
fn tiles<T>(c: ArrayViewMut2<'_, T>, count: usize) -> Vec<Tile<'_, T>> {
    let (rows, columns) = c.dim();
    let groups = count.isqrt();
    let mut tiles = Vec::with_capacity(count);
    let mut rest = c;
    let mut first_column = 0;
    for group in 0..groups {
        let members = share(count, group, groups);
        let end_column = aligned(columns, members.end, count);
        let (strip, others) = rest.split_at(Axis(1), end_column - first_column);
        let (mut strip, mut first_row) = (strip, 0);
        for member in 0..members.len() {
            let end_row = aligned(rows, member + 1, members.len());
            let (elements, below) = strip.split_at(Axis(0), end_row - first_row);
            tiles.push(Tile {
                origin: (first_row, first_column),
                elements,
            });
            (strip, first_row) = (below, end_row);
        }
        (rest, first_column) = (others, end_column);
    }
    tiles
}

/// Where part `index` of `count` begins, of `total` rows or columns.
fn aligned(total: usize, index: usize, count: usize) -> usize {
    let exact = share(total, index, count).start;
    // A few rows more or less weigh nothing in a large tile and much in a small one.
    if index >= count || total / count < 16 * ALIGNMENT {
        exact
    } else {
        (exact + ALIGNMENT / 2) / ALIGNMENT * ALIGNMENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openblas, random};
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tiles_cover_c_once(rows in 0usize..300, columns in 0usize..300, count in 1usize..130) {
            let mut c = Array2::<u16>::zeros((rows, columns));
            let tiles = tiles(c.view_mut(), count);
            prop_assert_eq!(tiles.len(), count);
            for mut tile in tiles {
                tile.elements += 1;
            }
            prop_assert!(c.iter().all(|covered| *covered == 1));
        }

        #[test]
        fn tiles_are_even_and_compact(count in 1usize..130) {
            let n = 4096;
            let mut c = Array2::<u8>::zeros((n, n));
            let shapes: Vec<(usize, usize)> = tiles(c.view_mut(), count)
                .iter()
                .map(|tile| tile.elements.dim())
                .collect();
            let area = (n * n) as f64 / count as f64;
            for (rows, columns) in shapes {
                prop_assert!((rows * columns) as f64 <= 1.07 * area, "{} by {} of {}", rows, columns, count);
                prop_assert!(columns <= 4 * rows && rows <= 4 * columns);
            }
        }
    }

    #[test]
    fn the_product_does_not_depend_on_the_team() {
        openblas::set_threads(1).unwrap();
        let alone = Team::new(1, None).unwrap();
        for n in [1, 3, 64, 100, 257] {
            let [a, b] = [0, 1].map(|stream| {
                let mut matrix = Matrix::<f64>::zeros(n).unwrap();
                random::fill_uniform(&mut matrix, 3, stream, &alone);
                matrix
            });
            let expected = a.view().dot(&b.view());
            for size in [1, 2, 3, 4, 7] {
                let team = Team::new(size, None).unwrap();
                let mut c = Matrix::<f64>::zeros(n).unwrap();
                by_tiles(Blas::bundled(), &a.view(), &b.view(), c.view_mut(), &team);
                let worst = c
                    .view()
                    .iter()
                    .zip(&expected)
                    .fold(0.0f64, |worst, (x, y)| worst.max((x - y).abs()));
                assert!(worst < 1e-10, "n = {n}, {size} members: {worst}");
            }
        }
    }
}
