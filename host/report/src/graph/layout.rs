//! Where boxes stand: Sugiyama's way, in columns from left to right.
//!
//! 1. A need that others imply is left out (`reduced`).
//! 2. Every box gets the first column in which all it needs stands before it. A line that crosses columns gets
//!    a point in each, so that it is led between boxes and not through them.
//! 3. Within columns, boxes and points are sorted by the middle of their neighbours, back and forth, and the order with the
//!    fewest crossings is kept.
//! 4. Heights: everything as near as possible to its neighbours without touching, which per column is a regression
//!    that must not change the order (pool adjacent violators).

/// A graph to be laid out. Edges go from smaller to larger numbers.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The first column each box may stand in.
    pub(super) earliest: Vec<usize>,
    /// From, to.
    pub(super) edges: Vec<(usize, usize)>,
}

/// Where everything stands. Heights are of middles, in units of one box with its margin.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    /// Column and height of each box.
    pub(super) boxes: Vec<(usize, f64)>,
    /// Each line: the number of its edge, and the heights at the columns it crosses on its way.
    pub(super) lines: Vec<(usize, Vec<f64>)>,
    /// Number of columns.
    pub(super) columns: usize,
    /// The largest height of a middle; the smallest is 0.
    pub(super) height: f64,
}

/// Sweeps over all columns; more change nothing any more that could be seen.
const SWEEPS: usize = 12;

/// Height of a point on a line, next to a box of 1.
const POINT: f64 = 0.45;

struct Node {
    column: usize,
    size: f64,
    before: Vec<usize>,
    after: Vec<usize>,
    y: f64,
}

/// The edges that no other way implies, by their numbers.
pub(super) fn reduced(graph: &Graph) -> Vec<usize> {
    let count = graph.earliest.len();
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &(from, to) in &graph.edges {
        before[to].push(from);
    }
    // What each box comes after, as bits; boxes are in order.
    let words = count.div_ceil(64);
    let mut reach = vec![0_u64; words * count];
    for to in 0..count {
        for &from in &before[to] {
            for word in 0..words {
                reach[to * words + word] |= reach[from * words + word];
            }
            reach[to * words + from / 64] |= 1 << (from % 64);
        }
    }
    let is_before = |from: usize, to: usize| reach[to * words + from / 64] & (1 << (from % 64)) != 0;
    let implied = |&(from, to): &(usize, usize)| {
        before[to].iter().any(|&other| other != from && is_before(from, other))
    };
    (0..graph.edges.len()).filter(|&edge| !implied(&graph.edges[edge])).collect()
}

/// Lays out `graph` with the `kept` edges.
pub(super) fn layout(graph: &Graph, kept: &[usize]) -> Layout {
    let count = graph.earliest.len();
    let mut columns = graph.earliest.clone();
    for &(from, to) in &graph.edges {
        // In order of `to`, so one pass is enough.
        columns[to] = columns[to].max(columns[from] + 1);
    }
    let mut nodes: Vec<Node> = columns
        .iter()
        .map(|&column| Node { column, size: 1.0, before: Vec::new(), after: Vec::new(), y: 0.0 })
        .collect();
    let mut ways = Vec::with_capacity(kept.len());
    for &edge in kept {
        let (from, to) = graph.edges[edge];
        let mut last = from;
        let mut points = Vec::new();
        for column in columns[from] + 1..columns[to] {
            let point = nodes.len();
            nodes.push(Node { column, size: POINT, before: Vec::new(), after: Vec::new(), y: 0.0 });
            connect(&mut nodes, last, point);
            points.push(point);
            last = point;
        }
        connect(&mut nodes, last, to);
        ways.push((edge, points));
    }
    let width = nodes.iter().map(|node| node.column + 1).max().unwrap_or(0);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); width];
    for (index, node) in nodes.iter().enumerate() {
        order[node.column].push(index);
    }
    sort(&nodes, &mut order);
    place(&mut nodes, &order);
    let top = nodes.iter().map(|node| node.y).fold(f64::INFINITY, f64::min);
    let top = if top.is_finite() { top } else { 0.0 };
    nodes.iter_mut().for_each(|node| node.y -= top);
    Layout {
        boxes: nodes[..count].iter().map(|node| (node.column, node.y)).collect(),
        lines: ways
            .into_iter()
            .map(|(edge, points)| (edge, points.into_iter().map(|point| nodes[point].y).collect()))
            .collect(),
        columns: width,
        height: nodes.iter().map(|node| node.y).fold(0.0, f64::max),
    }
}

fn connect(nodes: &mut [Node], from: usize, to: usize) {
    nodes[from].after.push(to);
    nodes[to].before.push(from);
}

/// Sorts every column by its neighbours and keeps the order with the fewest crossings.
fn sort(nodes: &[Node], order: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(nodes, order), order.clone());
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let columns: Vec<usize> =
            if forward { (0..order.len()).collect() } else { (0..order.len()).rev().collect() };
        for column in columns {
            let rank = ranks(nodes, order);
            let middle = |index: usize| {
                let neighbours = if forward { &nodes[index].before } else { &nodes[index].after };
                if neighbours.is_empty() {
                    rank[index]
                } else {
                    mean(neighbours.iter().map(|&other| rank[other]))
                }
            };
            order[column].sort_by(|&a, &b| middle(a).total_cmp(&middle(b)));
        }
        let found = crossings(nodes, order);
        if found < best.0 {
            best = (found, order.clone());
        }
    }
    *order = best.1;
}

/// The place of each node in its column, from 0 to 1, so that long and short columns compare.
fn ranks(nodes: &[Node], order: &[Vec<usize>]) -> Vec<f64> {
    let mut ranks = vec![0.0; nodes.len()];
    for column in order {
        for (place, &index) in column.iter().enumerate() {
            ranks[index] = (count(place) + 0.5) / count(column.len());
        }
    }
    ranks
}

fn crossings(nodes: &[Node], order: &[Vec<usize>]) -> usize {
    let mut place = vec![0; nodes.len()];
    for column in order {
        for (position, &index) in column.iter().enumerate() {
            place[index] = position;
        }
    }
    order
        .iter()
        .map(|column| {
            let mut ends: Vec<(usize, usize)> = column
                .iter()
                .flat_map(|&from| nodes[from].after.iter().map(move |&to| (from, to)))
                .map(|(from, to)| (place[from], place[to]))
                .collect();
            ends.sort_unstable();
            let inversions = |(index, a): (usize, &(usize, usize))| {
                ends[index + 1..].iter().filter(|b| b.0 > a.0 && b.1 < a.1).count()
            };
            ends.iter().enumerate().map(inversions).sum::<usize>()
        })
        .sum()
}

/// Heights: start packed, then draw every node towards its neighbours, back and forth.
fn place(nodes: &mut [Node], order: &[Vec<usize>]) {
    for column in order {
        let wanted: Vec<f64> = column.iter().map(|_| 0.0).collect();
        settle(nodes, column, &wanted);
    }
    for sweep in 0..SWEEPS * 2 {
        let forward = sweep % 2 == 0;
        let columns: Vec<&Vec<usize>> =
            if forward { order.iter().collect() } else { order.iter().rev().collect() };
        for column in columns {
            let wanted: Vec<f64> = column
                .iter()
                .map(|&index| {
                    let node = &nodes[index];
                    let first = if forward { &node.before } else { &node.after };
                    // The last sweeps look both ways, so that neither side wins.
                    let both = sweep + 4 >= SWEEPS * 2;
                    let second: &[usize] = match (both, forward) {
                        (false, _) => &[],
                        (true, true) => &node.after,
                        (true, false) => &node.before,
                    };
                    let mut neighbours = first.iter().chain(second).map(|&other| nodes[other].y).peekable();
                    if neighbours.peek().is_none() { node.y } else { mean(neighbours) }
                })
                .collect();
            settle(nodes, column, &wanted);
        }
    }
}

/// Puts the nodes of a column as near to `wanted` as their order and sizes allow: least squares, by pooling neighbours
/// that would touch.
fn settle(nodes: &mut [Node], column: &[usize], wanted: &[f64]) {
    // Subtracting what stands above turns "do not touch" into "do not decrease".
    let mut above = 0.0;
    let mut offsets = Vec::with_capacity(column.len());
    for (position, &index) in column.iter().enumerate() {
        if position > 0 {
            above += f64::midpoint(nodes[column[position - 1]].size, nodes[index].size);
        }
        offsets.push(above);
    }
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (wanted, offset) in wanted.iter().zip(&offsets) {
        let mut pool = (wanted - offset, 1);
        while let Some(&(value, members)) = pools.last()
            && value > pool.0
        {
            pools.pop();
            let total = members + pool.1;
            pool = ((value * count(members) + pool.0 * count(pool.1)) / count(total), total);
        }
        pools.push(pool);
    }
    let values = pools.into_iter().flat_map(|(value, members)| std::iter::repeat_n(value, members));
    for ((value, offset), &index) in values.zip(&offsets).zip(column) {
        nodes[index].y = value + offset;
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, number) = values.fold((0.0, 0), |(sum, number), value| (sum + value, number + 1));
    if number == 0 { 0.0 } else { sum / count(number) }
}

#[expect(clippy::cast_precision_loss, reason = "there are never 2^52 boxes")]
const fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::{Graph, layout, reduced};

    #[test]
    fn a_need_that_others_imply_is_left_out() {
        let graph = Graph { earliest: vec![0; 4], edges: vec![(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)] };
        assert_eq!(reduced(&graph), [0, 1, 3]);
    }

    #[test]
    fn columns_follow_the_needs_and_a_diamond_is_even() {
        let graph = Graph { earliest: vec![0; 4], edges: vec![(0, 1), (0, 2), (1, 3), (2, 3)] };
        let laid = layout(&graph, &reduced(&graph));
        assert_eq!(laid.boxes, [(0, 0.5), (1, 0.0), (1, 1.0), (2, 0.5)]);
        assert_eq!((laid.columns, laid.height), (3, 1.0));
    }

    #[test]
    fn a_line_over_columns_is_led_around_the_boxes_there() {
        let graph = Graph { earliest: vec![0, 0, 0, 2], edges: vec![(0, 1), (1, 2), (0, 3)] };
        let laid = layout(&graph, &[0, 1, 2]);
        let way = &laid.lines[2].1;
        assert_eq!(way.len(), 1);
        assert!((way[0] - laid.boxes[1].1).abs() >= 0.7, "{laid:?}");
    }

    #[test]
    fn nothing_touches_whatever_the_graph() {
        // A fixed, ragged graph of 90 boxes.
        let edges: Vec<(usize, usize)> =
            (1..90).flat_map(|to| [(to * 7 % to, to), (to / 2, to)]).filter(|(from, to)| from < to).collect();
        let graph = Graph { earliest: vec![0; 90], edges };
        let laid = layout(&graph, &reduced(&graph));
        let mut boxes = laid.boxes.clone();
        boxes.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let touching: Vec<_> =
            boxes.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[1].1 - pair[0].1 < 0.999).collect();
        assert_eq!(touching, Vec::<&[(usize, f64)]>::new());
    }

    #[test]
    fn no_boxes_are_no_layout() {
        let laid = layout(&Graph::default(), &[]);
        assert_eq!((laid.columns, laid.height), (0, 0.0));
    }
}
