//! Draws a generated map as SVG, to look at what the layout does:
//! `cargo run -p orrery-topology --example layout_svg -- main > map.svg`
//!
//! Maps: `main` (two hosts as on the main picture), `processes` (300 on one host), `hosts` (1,000 on ten),
//! `plain` (40 without boxes), `mesh` (400 connected, without boxes), `later` (`processes` after an hour of
//! coming and going), `first` (a host that everything joins one by one).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use orrery_topology::picture::{Facet, Picture, PictureNode};
use orrery_topology::view::{ViewEdge, ViewFrame, ViewNode, ViewState};

fn main() -> std::io::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "main".to_owned());
    let frame = match name.as_str() {
        "processes" => show(&[processes(300, 0)]),
        "hosts" => show(&[hosts(1_000, 10)]),
        "many" => show(&[hosts(10_000, 100)]),
        "plain" => show(&[plain()]),
        "mesh" => show(&[mesh(400)]),
        "later" => {
            let all = processes(400, 0);
            let step =
                |k: usize| all.filtered(|n| n * 31 % 97 % 20 != k % 20 && (n < 200 + k * 10 || n % 3 == 0));
            show(&(0..20).map(step).collect::<Vec<_>>())
        }
        "first" => {
            let all = main_picture();
            show(
                &(1..=36)
                    .map(|k| all.filtered(|n| n * 7 % 36 < k))
                    .collect::<Vec<_>>(),
            )
        }
        _ => show(&[main_picture()]),
    };
    std::io::stdout().write_all(svg(&frame).as_bytes())?;
    writeln!(std::io::stderr(), "{}", figures(&frame))
}

/// A map to show.
#[derive(Debug, Clone, Default)]
struct Map {
    /// Label, second line, shape, host, unit.
    nodes: Vec<[String; 5]>,
    edges: Vec<(usize, usize)>,
}

impl Map {
    fn add(&mut self, label: &str, minor: &str, shape: &str, host: &str, unit: &str) -> usize {
        self.nodes
            .push([label, minor, shape, host, unit].map(str::to_owned));
        self.nodes.len() - 1
    }

    fn at(&self, host: &str, label: &str) -> usize {
        self.nodes
            .iter()
            .position(|n| n[0] == label && n[3] == host)
            .unwrap_or(0)
    }

    fn filtered(&self, keep: impl Fn(usize) -> bool) -> Map {
        let mut map = self.clone();
        for (n, node) in map.nodes.iter_mut().enumerate() {
            if !keep(n) {
                node[2].clear();
            }
        }
        map
    }

    fn picture(&self) -> Picture {
        let facet = |field: &str, key: &str| {
            (!key.is_empty()).then(|| {
                (
                    field.to_owned(),
                    Facet {
                        key: key.to_owned(),
                        label: key.to_owned(),
                    },
                )
            })
        };
        let id = |n: usize| format!("{};{n:05}", self.nodes[n][3]);
        let shown = |n: &usize| !self.nodes[*n][2].is_empty();
        let node = |n: usize| {
            let [label, minor, shape, host, unit] = self.nodes[n].clone();
            let facets = facet("host", &host)
                .into_iter()
                .chain(facet("unit", &unit))
                .collect::<BTreeMap<_, _>>();
            let node = ViewNode {
                id: id(n).into(),
                label: label.into(),
                label_minor: minor.into(),
                pseudo: host.is_empty(),
                shape: shape.into(),
                count: 1,
                ..ViewNode::default()
            };
            PictureNode { node, facets }
        };
        let edge = |(a, b): &(usize, usize)| ViewEdge {
            id: format!("{}---{}", id(*a), id(*b)),
            source: id(*a).into(),
            target: id(*b).into(),
            ..ViewEdge::default()
        };
        let edges = self.edges.iter().filter(|(a, b)| shown(a) && shown(b));
        Picture {
            nodes: (0..self.nodes.len())
                .filter(shown)
                .map(node)
                .map(Into::into)
                .collect(),
            edges: edges.map(edge).collect(),
            facts: [("tern", "8 cores · load 2.31"), ("wren", "4 cores · load 0.44")]
                .map(|(host, facts)| (("host".to_owned(), host.to_owned()), facts.to_owned()))
                .into(),
            ..Picture::default()
        }
    }
}

fn show(maps: &[Map]) -> ViewFrame {
    let mut state = ViewState::new(vec!["host".to_owned(), "unit".to_owned()]);
    for map in maps {
        state.advance(map.picture(), 0);
    }
    state.frame()
}

fn main_picture() -> Map {
    let mut m = Map::default();
    let (ada, shop, kind, system) = (
        "session: ada",
        "compose: shop",
        "kubernetes: kind-dev",
        "system.slice",
    );
    let outbound = m.add("The Internet", "38 outbound", "cloud", "", "");
    let inbound = m.add("The Internet", "14 inbound", "cloud", "", "");
    let stripe = m.add("api.stripe.com", "2 connections", "cloud", "", "");
    for (label, minor) in [
        ("firefox", "14 processes"),
        ("code", "9 processes"),
        ("psql", "pid 20 881"),
        ("kitty", "pid 4127"),
        ("rust-analyzer", "pid 5310"),
    ] {
        m.add(label, minor, "square", "tern", ada);
    }
    for (label, minor) in [
        ("shop-web", "nginx 1.27"),
        ("shop-cron", "shop/cron 2.14.0"),
        ("shop-api-1", "shop/api 2.14.0"),
        ("shop-api-2", "shop/api 2.14.0"),
        ("shop-worker-1", "shop/worker 2.14"),
        ("mailpit", "mailpit 1.20"),
        ("postgres", "postgres 16.4"),
        ("redis", "redis 7.4"),
        ("minio", "minio 2024-08"),
    ] {
        m.add(label, minor, "hexagon", "tern", shop);
    }
    for label in ["catalog-7d9f", "coredns", "kindnet-x8kq", "payments-6c4b"] {
        m.add(label, "kube-system", "heptagon", "tern", kind);
    }
    for label in ["dockerd", "containerd", "sshd", "journald", "tailscaled"] {
        m.add(label, "pid 902", "square", "tern", system);
    }
    for label in [
        "grafana",
        "caddy",
        "prometheus",
        "pg-replica",
        "node_exporter",
        "sshd",
        "restic",
        "homeassist",
        "tailscaled",
        "dockerd",
    ] {
        m.add(label, "pid 733", "square", "wren", "");
    }
    for (a, b) in [
        ("shop-web", "shop-api-1"),
        ("shop-web", "shop-api-2"),
        ("shop-cron", "shop-api-2"),
        ("firefox", "shop-web"),
        ("shop-api-1", "postgres"),
        ("shop-api-1", "redis"),
        ("shop-api-1", "catalog-7d9f"),
        ("shop-api-2", "postgres"),
        ("shop-api-2", "redis"),
        ("shop-api-2", "payments-6c4b"),
        ("shop-worker-1", "mailpit"),
        ("shop-worker-1", "redis"),
        ("shop-worker-1", "postgres"),
        ("shop-worker-1", "minio"),
        ("catalog-7d9f", "coredns"),
        ("catalog-7d9f", "postgres"),
        ("payments-6c4b", "coredns"),
        ("psql", "postgres"),
        ("dockerd", "containerd"),
    ] {
        m.edges.push((m.at("tern", a), m.at("tern", b)));
    }
    for (a, b) in [
        ("grafana", "prometheus"),
        ("caddy", "grafana"),
        ("prometheus", "node_exporter"),
        ("prometheus", "pg-replica"),
    ] {
        m.edges.push((m.at("wren", a), m.at("wren", b)));
    }
    for (host, a, other, b) in [
        ("tern", "tailscaled", "wren", "tailscaled"),
        ("wren", "prometheus", "tern", "shop-api-1"),
        ("wren", "pg-replica", "tern", "postgres"),
        ("wren", "restic", "tern", "minio"),
    ] {
        m.edges.push((m.at(host, a), m.at(other, b)));
    }
    m.edges.extend([
        (inbound, m.at("tern", "shop-web")),
        (m.at("tern", "firefox"), outbound),
        (m.at("tern", "code"), outbound),
        (m.at("tern", "payments-6c4b"), stripe),
    ]);
    m
}

/// Numbers that look random and are always the same.
fn random(seed: &mut u64, below: usize) -> usize {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % below.max(1)
}

fn processes(count: usize, salt: u64) -> Map {
    let mut m = Map::default();
    let mut seed = 7 + salt;
    let internet = m.add("The Internet", "outbound", "cloud", "", "");
    for n in 0..count {
        // Few large units, many small ones.
        let unit = 15 * random(&mut seed, 100) * random(&mut seed, 100) / 10_000;
        m.add(
            &format!("proc-{n}"),
            &format!("pid {}", 1000 + n * 7),
            "square",
            "tern",
            &format!("unit-{unit}.slice"),
        );
    }
    for _ in 0..count * 40 / 300 {
        let hub = 1 + random(&mut seed, 12);
        let other = 1 + random(&mut seed, count);
        m.edges.push(if random(&mut seed, 6) == 0 {
            (other, internet)
        } else {
            (other, hub)
        });
    }
    m
}

fn hosts(count: usize, hosts: usize) -> Map {
    let mut m = Map::default();
    let mut seed = 3;
    let internet = m.add("The Internet", "outbound", "cloud", "", "");
    let inbound = m.add("The Internet", "inbound", "cloud", "", "");
    for n in 1..count {
        let host = random(&mut seed, hosts).min(random(&mut seed, hosts));
        let unit = random(&mut seed, 8);
        let shape = ["square", "hexagon", "heptagon"][unit % 3];
        m.add(
            &format!("node-{n}"),
            "pid 1",
            shape,
            &format!("host-{host:02}"),
            &format!("unit-{unit}"),
        );
    }
    let units: Vec<String> = m.nodes.iter().map(|n| format!("{}{}", n[3], n[4])).collect();
    for n in 2..count {
        for _ in 0..=n % 2 {
            let other = 2 + random(&mut seed, count - 1);
            let same_unit = random(&mut seed, 10) < 7;
            let target = if same_unit {
                (0..200)
                    .map(|_| 2 + random(&mut seed, count - 1))
                    .find(|&t| units[t] == units[n])
                    .unwrap_or(other)
            } else {
                other
            };
            m.edges.push((n.max(target), n.min(target)));
        }
        if n % 97 == 0 {
            m.edges.push((n, internet));
            m.edges.push((inbound, n + 1));
        }
    }
    m
}

/// A mesh of services without boxes, and some that talk to nobody.
fn plain() -> Map {
    let mut m = Map::default();
    let mut seed = 11;
    let internet = m.add("The Internet", "inbound", "cloud", "", "");
    // Not pseudo, and in no box: a host that is its own only node draws none.
    for n in 0..40 {
        m.add(
            &format!("svc-{n}"),
            "image:1.0",
            "hexagon",
            &format!("svc-{n}"),
            "",
        );
    }
    m.edges.push((internet, 1));
    for n in 1..26usize {
        let parent = 1 + random(&mut seed, n);
        m.edges.push((parent, n + 1));
        if n % 3 == 0 {
            m.edges.push((1 + random(&mut seed, n), n + 1));
        }
    }
    m.edges.extend([(28, 29), (30, 31), (31, 32)]);
    m
}

fn mesh(count: usize) -> Map {
    let mut m = Map::default();
    let mut seed = 5;
    for n in 0..count {
        m.add(
            &format!("svc-{n}"),
            "image:1.0",
            "hexagon",
            &format!("svc-{n}"),
            "",
        );
    }
    for n in 1..count {
        m.edges.push((n - 1 - random(&mut seed, n.min(40)), n));
        if n % 3 == 0 {
            m.edges.push((n, random(&mut seed, n)));
        }
    }
    m
}

/// Counts that say how good a map is.
fn figures(frame: &ViewFrame) -> String {
    let at: BTreeMap<&str, (f32, f32)> = frame.nodes.iter().map(|n| (n.id.as_str(), (n.x, n.y))).collect();
    let lines: Vec<_> = frame
        .edges
        .iter()
        .map(|e| (at[e.source.as_str()], at[e.target.as_str()]))
        .collect();
    let length = |((ax, ay), (bx, by)): &((f32, f32), (f32, f32))| (ax - bx).hypot(ay - by);
    let side = |p: (f32, f32), q: (f32, f32), r: (f32, f32)| {
        let cross = (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
        if cross > 0.5 {
            1
        } else if cross < -0.5 {
            -1
        } else {
            0
        }
    };
    let crossings = lines.iter().enumerate().map(|(i, &(a, b))| {
        let crosses = |&&(c, d): &&((f32, f32), (f32, f32))| {
            side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0
        };
        lines[..i].iter().filter(crosses).count()
    });
    let crossings: usize = crossings.sum();
    let mean = lines.iter().map(length).sum::<f32>() / lines.len().max(1) as f32;
    let (left, top, width, height) = extent(frame);
    format!(
        "{} nodes, {} edges, {crossings} crossings, mean edge {mean:.0}, {width:.0} × {height:.0} from {left:.0}, {top:.0} (zoom at 1060 × 700: {:.2})",
        frame.nodes.len(),
        frame.edges.len(),
        (1060.0 / width).min(700.0 / height),
    )
}

fn extent(frame: &ViewFrame) -> (f32, f32, f32, f32) {
    let (mut l, mut t, mut r, mut b) = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
    for n in &frame.nodes {
        (l, t, r, b) = (
            l.min(n.x - 46.0),
            t.min(n.y - 21.0),
            r.max(n.x + 46.0),
            b.max(n.y + 53.0),
        );
    }
    for g in &frame.groups {
        (l, t, r, b) = (
            l.min(g.x),
            t.min(g.y),
            r.max(g.x + g.width),
            b.max(g.y + g.height),
        );
    }
    (l, t, r - l, b - t)
}

fn svg(frame: &ViewFrame) -> String {
    let (l, t, w, h) = extent(frame);
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='{} {} {} {}' font-family='Inter, sans-serif' font-size='11' text-anchor='middle'>\
         <rect x='{}' y='{}' width='100%' height='100%' fill='#0e1012'/>\n",
        l - 16.0,
        t - 16.0,
        w + 32.0,
        h + 32.0,
        l - 16.0,
        t - 16.0
    );
    for g in &frame.groups {
        let (fill, radius) = if g.parent.is_none() {
            ("#121417", 12)
        } else {
            ("#171a1d", 8)
        };
        let _ = writeln!(
            out,
            "<rect x='{}' y='{}' width='{}' height='{}' rx='{radius}' fill='{fill}' stroke='#252a2f'/>",
            g.x, g.y, g.width, g.height
        );
    }
    let at: BTreeMap<&str, (f32, f32)> = frame.nodes.iter().map(|n| (n.id.as_str(), (n.x, n.y))).collect();
    for e in &frame.edges {
        let ((ax, ay), (bx, by)) = (at[e.source.as_str()], at[e.target.as_str()]);
        let path = if by > ay + 40.0 {
            let (y0, y1) = (ay + 50.0, by - 22.0);
            let bend = ((y1 - y0) / 2.0).max(20.0);
            format!("M{ax} {y0}C{ax} {} {bx} {} {bx} {y1}", y0 + bend, y1 - bend)
        } else if by < ay - 40.0 {
            format!(
                "M{ax} {}C{ax} {} {bx} {} {bx} {}",
                ay - 20.0,
                ay - 60.0,
                by + 90.0,
                by + 52.0
            )
        } else {
            format!("M{ax} {ay}Q{} {} {bx} {by}", (ax + bx) / 2.0, ay - 34.0)
        };
        let _ = writeln!(
            out,
            "<path d='{path}' fill='none' stroke='#5f6a75' stroke-width='1.2'/>"
        );
    }
    for g in &frame.groups {
        let (x, y, colour) = if g.parent.is_none() {
            (12.0, 20.0, "#e8ebee")
        } else {
            (12.0, 17.0, "#8b949e")
        };
        let _ = writeln!(
            out,
            "<text x='{}' y='{}' fill='{colour}' text-anchor='start'>{} {}</text>",
            g.x + x,
            g.y + y,
            g.label,
            g.facts
        );
    }
    for n in &frame.nodes {
        let (colour, shape) = match n.shape.as_str() {
            "hexagon" => ("#6cb4e4", "<path d='M0-21L18-10.5V10.5L0 21L-18 10.5V-10.5Z'/>"),
            "heptagon" => ("#a678f5", "<circle r='20'/>"),
            "cloud" => (
                "#8b949e",
                "<rect x='-30' y='-20' width='60' height='40' rx='18'/>",
            ),
            _ => ("#cdb26c", "<rect x='-17' y='-17' width='34' height='34' rx='5'/>"),
        };
        let bottom = if n.shape == "square" { 17.0 } else { 20.0 };
        let _ = writeln!(
            out,
            "<g transform='translate({} {})'><g fill='#1c2025' stroke='{colour}' stroke-width='1.5'>{shape}</g>\
             <text y='{}' fill='#e8ebee' font-weight='600'>{}</text><text y='{}' fill='#8b949e'>{}</text></g>",
            n.x,
            n.y,
            bottom + 15.0,
            n.label,
            bottom + 29.0,
            n.label_minor
        );
    }
    out.push_str("</svg>\n");
    out
}
