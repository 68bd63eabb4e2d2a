//! What a derivation takes over from the one before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::derive::layer::Layer;
use crate::derive::node::RenderNode;

/// Publications over which something that nobody used is carried along.
const IDLE_MAX: u8 = 8;

/// Something made on first use.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    value: OnceLock<Arc<T>>,
    used: AtomicBool,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot {
            value: OnceLock::new(),
            used: AtomicBool::new(false),
        }
    }
}

impl<T> Slot<T> {
    /// What is there already.
    pub(crate) fn holding(value: Option<Arc<T>>) -> Self {
        Slot {
            value: value.map(OnceLock::from).unwrap_or_default(),
            used: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self, make: impl FnOnce() -> T) -> &Arc<T> {
        self.used.store(true, Ordering::Relaxed);
        self.value.get_or_init(|| Arc::new(make()))
    }

    /// What is there, if it was asked for: what nobody asks for is not worth carrying along.
    pub(crate) fn used(&self) -> Option<&Arc<T>> {
        self.value.get().filter(|_| self.used.load(Ordering::Relaxed))
    }
}

/// What is made of each node of a layer, one by one on first use.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    layer: Arc<Layer>,
    /// What is made depends on more than the node; equal numbers mean that the rest is the same.
    epoch: u64,
    items: Vec<OnceLock<Arc<T>>>,
}

impl<T> Shelf<T> {
    /// A shelf for a layer, with what is on another one of nodes that are the same.
    fn of(layer: &Arc<Layer>, epoch: u64, before: Option<&Shelf<T>>) -> Self {
        let mut items = Vec::with_capacity(layer.nodes.len());
        match before.filter(|before| before.epoch == epoch) {
            None => items.resize_with(layer.nodes.len(), OnceLock::new),
            Some(before) => {
                let in_place = Arc::ptr_eq(&layer.index, &before.layer.index);
                for (at, node) in layer.nodes.iter().enumerate() {
                    let old = if in_place {
                        Some(at)
                    } else {
                        before.layer.index.get(&node.id).map(|at| *at as usize)
                    };
                    let same = old.filter(|old| is_same(node, &before.layer.nodes[*old]));
                    let item = same.and_then(|old| before.items[old].get().cloned());
                    items.push(item.map(OnceLock::from).unwrap_or_default());
                }
            }
        }
        Shelf {
            layer: layer.clone(),
            epoch,
            items,
        }
    }

    /// What is made of the node at a place.
    pub(crate) fn get(&self, place: u32, make: impl FnOnce(&RenderNode) -> T) -> &Arc<T> {
        let place = place as usize;
        self.items[place].get_or_init(|| Arc::new(make(&self.layer.nodes[place])))
    }
}

/// Whether two nodes are one, in everything that can be made of them.
fn is_same(a: &RenderNode, b: &RenderNode) -> bool {
    a.kind == b.kind && Arc::ptr_eq(&a.node, &b.node) && Arc::ptr_eq(&a.children, &b.children)
}

/// A shelf, and the one before it until it is asked for.
#[derive(Debug)]
pub(crate) struct Shelved<T> {
    now: OnceLock<Arc<Shelf<T>>>,
    before: Option<(Arc<Shelf<T>>, u8)>,
}

impl<T> Default for Shelved<T> {
    fn default() -> Self {
        Shelved {
            now: OnceLock::new(),
            before: None,
        }
    }
}

impl<T> Shelved<T> {
    /// For the derivation that follows.
    pub(crate) fn next(&self) -> Self {
        let used = self.now.get().map(|shelf| (shelf.clone(), 0));
        let idle = || {
            let (shelf, idle) = self.before.as_ref()?;
            (*idle < IDLE_MAX).then(|| (shelf.clone(), idle + 1))
        };
        Shelved {
            now: OnceLock::new(),
            before: used.or_else(idle),
        }
    }

    /// A shelf for a layer other than the one that is asked for most: not kept.
    pub(crate) fn aside(&self, layer: &Arc<Layer>, epoch: u64) -> Arc<Shelf<T>> {
        Arc::new(Shelf::of(layer, epoch, self.now.get().map(Arc::as_ref)))
    }

    pub(crate) fn shelf(&self, layer: &Arc<Layer>, epoch: u64) -> &Arc<Shelf<T>> {
        self.now.get_or_init(|| {
            let before = self.before.as_ref().map(|(shelf, _)| shelf);
            match before.filter(|b| b.epoch == epoch && Arc::ptr_eq(&b.layer, layer)) {
                Some(same) => same.clone(),
                None => Arc::new(Shelf::of(layer, epoch, before.map(Arc::as_ref))),
            }
        })
    }
}
