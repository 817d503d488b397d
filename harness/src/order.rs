//! In which order cases are visited.
//!
//! A machine drifts while a sweep goes on: it heats up, neighbours come and go. Measured one after the other, that falls
//! on some cases and not on others and looks like a difference between them. So a sweep goes round all cases again and
//! again, forth and back in turns, and drift reaches them alike.

/// The order of the visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each case to its end, one after the other.
    Sequential,
    /// Rounds over all cases, forwards and backwards in turns, so that a steady drift cancels out.
    Interleaved,
    /// Rounds over all cases, each in an order of its own drawn from this seed.
    Random(u64),
}

impl Order {
    /// Its name on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Interleaved => "interleaved",
            Self::Random(_) => "random",
        }
    }

    /// The seed of a random order.
    pub fn seed(self) -> Option<u64> {
        match self {
            Self::Random(seed) => Some(seed),
            _ => None,
        }
    }

    /// The case to be visited next, or `None` when all are done. It depends on nothing but the arguments, so that an
    /// interrupted sweep goes on as it would have. `visits` holds for each case how often it was visited, or `None` for a
    /// case that is done.
    pub fn next(self, visits: &[Option<usize>]) -> Option<usize> {
        let round = visits.iter().flatten().copied().min()?;
        let mut cases: Vec<usize> = (0..visits.len()).collect();
        match self {
            Self::Sequential => return visits.iter().position(Option::is_some),
            Self::Interleaved if round % 2 == 1 => cases.reverse(),
            Self::Interleaved => {}
            Self::Random(seed) => shuffle(&mut cases, seed, round as u64),
        }
        cases.into_iter().find(|case| visits[*case] == Some(round))
    }
}

/// Fisher and Yates's shuffle with the numbers of splitmix64.
fn shuffle(cases: &mut [usize], seed: u64, round: u64) {
    let mut state = mix(seed) ^ mix(!round);
    for last in (1..cases.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        // The remainder favours small numbers by less than 2^-50: there are at most some thousand cases.
        let chosen = mix(state) % (last as u64 + 1);
        cases.swap(last, chosen as usize);
    }
}

/// The output function of splitmix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The visits to cases that are done after as many visits as these.
    fn visits(order: Order, wanted: &[usize]) -> Vec<usize> {
        let mut visits: Vec<Option<usize>> = wanted.iter().map(|_| Some(0)).collect();
        let mut found = Vec::new();
        while let Some(case) = order.next(&visits) {
            found.push(case);
            let count = visits[case].unwrap() + 1;
            visits[case] = (count < wanted[case]).then_some(count);
        }
        found
    }

    #[test]
    fn rounds_go_forth_and_back() {
        assert_eq!(
            visits(Order::Interleaved, &[2, 3, 2]),
            [0, 1, 2, 2, 1, 0, 1]
        );
        assert_eq!(visits(Order::Sequential, &[2, 3, 1]), [0, 0, 1, 1, 1, 2]);
    }

    #[test]
    fn a_random_order_is_its_seed_s() {
        let wanted = [2; 20];
        let first = visits(Order::Random(1), &wanted);
        assert_eq!(first, visits(Order::Random(1), &wanted));
        assert_ne!(first, visits(Order::Random(2), &wanted));
        assert_ne!(first[..20], first[20..]);
    }

    proptest! {
        #[test]
        fn every_case_is_visited_as_often_as_it_has_to_be(
            wanted in prop::collection::vec(1..5usize, 1..12), seed: u64
        ) {
            for order in [Order::Sequential, Order::Interleaved, Order::Random(seed)] {
                let found = visits(order, &wanted);
                for (case, count) in wanted.iter().enumerate() {
                    prop_assert_eq!(found.iter().filter(|visited| *visited == &case).count(), *count);
                }
                // In rounds, nobody is two ahead of who still has to go on.
                if order != Order::Sequential {
                    let mut seen = vec![0; wanted.len()];
                    for case in found {
                        seen[case] += 1;
                        let least = (0..wanted.len()).filter(|i| seen[*i] < wanted[*i]).map(|i| seen[i]).min();
                        prop_assert!(least.is_none_or(|least| seen[case] <= least + 1));
                    }
                }
            }
        }
    }
}
