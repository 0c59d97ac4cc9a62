//! Time bins for predictive checks.

/// Choice of time bins.
#[derive(Clone, Debug, PartialEq)]
pub enum Binning {
    /// One bin per distinct time if these are few and well filled; otherwise as many bins as the data fill, up to
    /// twelve.
    Chosen,
    /// The given number of bins.
    Count(usize),
    /// Bins between these ascending edges; observations outside are left out.
    Edges(Vec<f64>),
}

/// Largest number of distinct times that have a bin each.
const MOST_TIMES: usize = 24;
/// Number of observations that fill a bin.
const FILLED: usize = 20;
/// Largest number of automatic bins.
const MOST_BINS: usize = 12;
/// Largest number of groups of times that the search for the best bins distinguishes.
const MOST_GROUPS: usize = 400;

/// The first and last time of each non-empty bin, ascending. A time belongs to the bin whose range contains it, both
/// ends included; at a given edge, to the bin that begins there.
///
/// A given number of bins is placed so that the within-bin sum of squares of √(time since the first) is least (Fisher
/// 1958, J Am Stat Assoc 53:789); the square root separates the dense early samples.
///
/// ```
/// use omafit_estimate::{Binning, bins};
/// let times: Vec<f64> = (0..100).map(|i| f64::from(i / 25) * 7.0).collect();
/// assert_eq!(bins(&times, &Binning::Chosen), [(0.0, 0.0), (7.0, 7.0), (14.0, 14.0), (21.0, 21.0)]);
/// assert_eq!(bins(&times, &Binning::Count(2)), [(0.0, 0.0), (7.0, 21.0)]);
/// ```
pub fn bins(times: &[f64], binning: &Binning) -> Vec<(f64, f64)> {
    let mut sorted: Vec<f64> = times.iter().copied().filter(|t| t.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let distinct: Vec<&[f64]> = sorted.chunk_by(|a, b| a == b).collect();
    if distinct.is_empty() {
        return Vec::new();
    }
    match binning {
        Binning::Edges(edges) => {
            let pairs = edges.windows(2).enumerate();
            let inside = pairs.map(|(i, e)| {
                let last = i + 2 == edges.len();
                let of = |t: &&f64| **t >= e[0] && (**t < e[1] || (last && **t == e[1]));
                let held: Vec<f64> = sorted.iter().filter(of).copied().collect();
                Some((*held.first()?, *held.last()?))
            });
            inside.flatten().collect()
        }
        Binning::Count(count) => partition(&sorted, (*count).clamp(1, distinct.len())),
        Binning::Chosen => {
            let mut sizes: Vec<usize> = distinct.iter().map(|d| d.len()).collect();
            sizes.sort_unstable();
            if distinct.len() <= MOST_TIMES && sizes[sizes.len() / 2] >= FILLED {
                return distinct.iter().map(|d| (d[0], d[0])).collect();
            }
            let count = (sorted.len() / FILLED).clamp(1, MOST_BINS).min(distinct.len());
            partition(&sorted, count)
        }
    }
}

/// The partition of sorted times into `count` runs with the least within-run sum of squares.
fn partition(sorted: &[f64], count: usize) -> Vec<(f64, f64)> {
    // Groups of about equal size if there are too many distinct times; equal times stay together.
    let share = sorted.len().div_ceil(MOST_GROUPS);
    let mut groups: Vec<(f64, f64, Vec<f64>)> = Vec::new();
    let mut left = sorted;
    let first = sorted[0];
    while !left.is_empty() {
        let end = left[share.min(left.len()) - 1];
        let size = left.partition_point(|t| *t <= end);
        let roots = left[..size].iter().map(|t| (t - first).sqrt()).collect();
        groups.push((left[0], end, roots));
        left = &left[size..];
    }
    let n = groups.len();
    let count = count.min(n);
    // Cumulative sums of 1, x and x² over the groups before each group.
    let mut sums = vec![[0.0; 3]];
    for (_, _, roots) in &groups {
        let mut sum = sums[sums.len() - 1];
        for x in roots {
            sum = [sum[0] + 1.0, sum[1] + x, sum[2] + x * x];
        }
        sums.push(sum);
    }
    let squares = |from: usize, to: usize| {
        let [size, x, xx]: [f64; 3] = std::array::from_fn(|i| sums[to][i] - sums[from][i]);
        (xx - x * x / size).max(0.0)
    };
    let mut least = vec![vec![f64::INFINITY; n + 1]; count + 1];
    let mut starts = vec![vec![0; n + 1]; count + 1];
    least[0][0] = 0.0;
    for bin in 1..=count {
        for to in bin..=n {
            for from in bin - 1..to {
                let cost = least[bin - 1][from] + squares(from, to);
                if cost < least[bin][to] {
                    least[bin][to] = cost;
                    starts[bin][to] = from;
                }
            }
        }
    }
    let (mut bins, mut to) = (Vec::new(), n);
    for bin in (1..=count).rev() {
        let from = starts[bin][to];
        bins.push((groups[from].0, groups[to - 1].1));
        to = from;
    }
    bins.reverse();
    bins
}
