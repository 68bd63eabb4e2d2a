//! Who is connected, and who has to leave when it gets full: whoever has asked for nothing for longest. So a
//! thousand connections that say nothing keep nobody out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::auth::Peer;

/// Those who share one allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// An address; of IPv6 the network, which one machine may have for itself.
    Address(IpAddr),
    /// A user of this machine.
    User(u32),
}

impl Group {
    pub(crate) fn of(peer: &Peer) -> Self {
        match peer {
            Peer::Tcp { address, .. } => Group::Address(match address.ip().to_canonical() {
                IpAddr::V4(ip) => IpAddr::V4(ip),
                IpAddr::V6(ip) if ip.is_loopback() => IpAddr::V6(ip),
                IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
            }),
            Peer::Local { uid, .. } => Group::User(*uid),
        }
    }
}

/// Everybody who is connected to one listener.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    most_of_group: usize,
    stop: CancellationToken,
    /// The next turn at doing nothing: the lowest has waited longest.
    next: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The next chair's number.
    next: u64,
    seated: usize,
    groups: BTreeMap<Group, BTreeMap<u64, Arc<Chair>>>,
}

/// A chair says itself whether it is needed: who asks for something has nothing to do with the others for that. They
/// are looked through when somebody has to leave.
#[derive(Debug)]
struct Chair {
    cut: CancellationToken,
    /// Since which turn nothing is done in it, or [`BUSY`], or [`GIVEN_AWAY`].
    turn: AtomicU64,
    /// It is somebody's until they leave.
    for_good: AtomicBool,
}

/// Somebody waits for an answer.
const BUSY: u64 = 0;
/// The first turn.
const FIRST: u64 = 1;
/// Counted no more.
const GIVEN_AWAY: u64 = u64::MAX;

impl Chair {
    /// Since when nothing is done in it.
    fn idle(&self) -> Option<u64> {
        let turn = self.turn.load(Ordering::Relaxed);
        (turn != BUSY && turn != GIVEN_AWAY).then_some(turn)
    }

    /// Another turn, unless it was given away.
    fn turn(&self, to: u64) {
        let other = |turn| (turn != GIVEN_AWAY).then_some(to);
        // Who has to leave need not be told here.
        let _ = self
            .turn
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, other);
    }
}

impl Crowd {
    pub(crate) fn new(most: usize, most_of_group: usize, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Crowd {
            most,
            most_of_group,
            stop,
            next: AtomicU64::new(FIRST),
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_turn(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A seat, if need be that of somebody who does nothing; none when everybody is busy.
    pub(crate) fn admit(self: &Arc<Self>, group: Group) -> Option<Arc<Seat>> {
        let mut state = self.lock();
        let members = state.groups.get(&group).map_or(0, BTreeMap::len);
        if members >= self.most_of_group {
            state.put_out(group)?;
        } else if state.seated >= self.most {
            let idle = |chairs: &BTreeMap<u64, Arc<Chair>>| chairs.values().any(|c| c.idle().is_some());
            let largest = state
                .groups
                .iter()
                .filter(|(_, chairs)| idle(chairs))
                .max_by_key(|(_, chairs)| chairs.len())
                .map(|(group, _)| *group)?;
            state.put_out(largest)?;
        }
        let chair = Arc::new(Chair {
            cut: self.stop.child_token(),
            turn: AtomicU64::new(self.next_turn()),
            for_good: AtomicBool::new(false),
        });
        let number = state.next;
        state.next += 1;
        state.seated += 1;
        state
            .groups
            .entry(group)
            .or_default()
            .insert(number, chair.clone());
        drop(state);
        Some(Arc::new(Seat {
            crowd: self.clone(),
            group,
            number,
            chair,
        }))
    }
}

impl State {
    /// Puts out who has done nothing for longest; none when everybody of the group is busy.
    fn put_out(&mut self, group: Group) -> Option<()> {
        let chairs = self.groups.get(&group)?;
        // Somebody may ask for something meanwhile, and then another has waited longest.
        let (number, chair) = std::iter::repeat_with(|| {
            let idle = chairs
                .iter()
                .filter_map(|(number, c)| Some((c.idle()?, *number, c)));
            idle.min_by_key(|(turn, ..)| *turn)
        })
        .take(chairs.len())
        .map_while(|longest| longest)
        .find_map(|(turn, number, chair)| {
            let left = chair
                .turn
                .compare_exchange(turn, GIVEN_AWAY, Ordering::Relaxed, Ordering::Relaxed);
            left.is_ok().then(|| (number, chair.clone()))
        })?;
        chair.cut.cancel();
        self.forget(group, number);
        Some(())
    }

    fn leave(&mut self, group: Group, number: u64, chair: &Chair) {
        if chair.turn.swap(GIVEN_AWAY, Ordering::Relaxed) != GIVEN_AWAY {
            self.forget(group, number);
        }
    }

    fn forget(&mut self, group: Group, number: u64) {
        self.seated = self.seated.saturating_sub(1);
        if let Some(chairs) = self.groups.get_mut(&group) {
            chairs.remove(&number);
            if chairs.is_empty() {
                self.groups.remove(&group);
            }
        }
    }
}

/// A place among the connected; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    crowd: Arc<Crowd>,
    group: Group,
    number: u64,
    chair: Arc<Chair>,
}

impl Seat {
    /// Cancelled when the connection has to end.
    pub(crate) fn cut(&self) -> &CancellationToken {
        &self.chair.cut
    }

    /// Busy until the answer is dropped.
    pub(crate) fn work(self: &Arc<Self>) -> Work {
        self.chair.turn(BUSY);
        Work {
            seat: Some(self.clone()),
        }
    }

    /// Whether the connection is busy to its end.
    pub(crate) fn is_for_good(&self) -> bool {
        self.chair.for_good.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Whoever waits for the connection's end is told of it.
        self.chair.cut.cancel();
        self.crowd.lock().leave(self.group, self.number, &self.chair);
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Work {
    seat: Option<Arc<Seat>>,
}

impl Work {
    /// The connection is busy from here to its end, such as a websocket.
    pub(crate) fn for_good(mut self) {
        if let Some(seat) = self.seat.take() {
            seat.chair.for_good.store(true, Ordering::Release);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.chair.turn(seat.crowd.next_turn());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> Group {
        Group::Address(IpAddr::from([192, 0, 2, last]))
    }

    fn crowd() -> Arc<Crowd> {
        Crowd::new(4, 2, CancellationToken::new())
    }

    #[test]
    fn who_does_nothing_for_longest_leaves_first() {
        let crowd = crowd();
        let first = crowd.admit(at(1)).unwrap();
        let second = crowd.admit(at(1)).unwrap();
        // The first asks for something; the second has rested for longer from here on.
        drop(first.work());
        let third = crowd.admit(at(1)).unwrap();
        assert!(second.cut().is_cancelled() && !first.cut().is_cancelled());
        let busy = (first.work(), third.work());
        assert!(crowd.admit(at(1)).is_none(), "all of this address are busy");
        assert!(crowd.admit(at(2)).is_some(), "which is nothing to others");
        drop(busy);
        assert!(crowd.admit(at(1)).is_some());
    }

    #[test]
    fn in_all_the_largest_group_gives_way() {
        let crowd = crowd();
        let seats = [1, 1, 2, 3].map(|group| crowd.admit(at(group)).unwrap());
        let late = crowd.admit(at(4)).unwrap();
        let cut: Vec<bool> = seats.iter().map(|s| s.cut().is_cancelled()).collect();
        assert_eq!(cut, [true, false, false, false]);
        seats[1].work().for_good();
        seats[2].work().for_good();
        seats[3].work().for_good();
        late.work().for_good();
        assert!(crowd.admit(at(5)).is_none(), "everybody is busy");
    }

    #[test]
    fn seats_are_free_again_and_nothing_is_left_of_who_was_there() {
        let crowd = crowd();
        for round in 0..100 {
            let seats: Vec<_> = (0..3).filter_map(|_| crowd.admit(at(round))).collect();
            let work = seats.last().map(Seat::work);
            drop(seats);
            drop(work);
        }
        let state = crowd.lock();
        assert_eq!((state.seated, state.groups.len()), (0, 0), "{state:?}");
    }

    #[test]
    fn a_network_of_one_machine_is_one_group() {
        let of = |text: &str| {
            let address = std::net::SocketAddr::new(text.parse().unwrap(), 9);
            Group::of(&Peer::Tcp {
                address,
                secure: false,
            })
        };
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
